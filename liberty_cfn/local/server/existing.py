# ruff: noqa: SLF001 - ministack has no public names for these
"""What exists already: refused where it would be made again, taken in where that is asked."""

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ministack.services import (
    alb,
    cloudformation,
    cloudwatch_logs,
    ec2,
    ecr,
    elasticache,
    iam,
    rds,
    s3,
    secretsmanager,
)
from ministack.services.cloudformation import changesets, engine, provisioners, stacks

from .asking import Action, Answer, Made, Properties, Query, around, given
from .nested import Stack

Import = dict[str, Any]


def _called(records: Mapping[str, Any], key: str) -> Callable[[str], bool]:
    return lambda name: any(record[key] == name for record in records.values())


def _import_repository(identifier: dict[str, str]) -> Made:
    kept = ecr._repositories[identifier["RepositoryName"]]
    told = {"Arn": kept["repositoryArn"], "RepositoryUri": kept["repositoryUri"]}
    return kept["repositoryName"], told


BALANCING = "AWS::ElasticLoadBalancingV2"
# By type: the property that names it, and whether something has that name already.
NAMED: dict[str, tuple[str, Callable[[str], object]]] = {
    "AWS::ECR::Repository": ("RepositoryName", ecr._repositories.__contains__),
    "AWS::ElastiCache::CacheCluster": ("ClusterName", elasticache._clusters.__contains__),
    "AWS::ElastiCache::ReplicationGroup": (
        "ReplicationGroupId",
        elasticache._replication_groups.__contains__,
    ),
    f"{BALANCING}::LoadBalancer": ("Name", _called(alb._lbs, "LoadBalancerName")),
    f"{BALANCING}::TargetGroup": ("Name", _called(alb._tgs, "TargetGroupName")),
    "AWS::IAM::Role": ("RoleName", iam._roles.__contains__),
    "AWS::IAM::User": ("UserName", iam._users.__contains__),
    "AWS::Logs::LogGroup": ("LogGroupName", cloudwatch_logs._log_groups.__contains__),
    "AWS::RDS::DBInstance": ("DBInstanceIdentifier", rds._instances.__contains__),
    "AWS::S3::Bucket": ("BucketName", s3._buckets.__contains__),
    "AWS::SecretsManager::Secret": ("Name", _called(secretsmanager._secrets, "Name")),
}


def _misplaced(properties: Properties) -> str:
    """Why a subnet can't be where it is to be."""
    if "CidrBlock" not in properties or properties["VpcId"] not in ec2._vpcs:
        return ""
    block = ipaddress.IPv4Network(properties["CidrBlock"])
    within = ec2._vpcs[properties["VpcId"]]["CidrBlock"]
    if not block.subnet_of(ipaddress.IPv4Network(within)):
        return f"InvalidSubnet.Range: The CIDR '{block}' is not within the VPC's {within}"
    for kept in ec2._subnets.values():
        taken = kept["VpcId"] == properties["VpcId"] and ipaddress.IPv4Network(
            kept["CidrBlock"]
        )
        if taken and block.overlaps(taken):
            return f"InvalidSubnet.Conflict: The CIDR '{block}' conflicts with another subnet"
    return ""


def refusal(kind: str, properties: Properties) -> str:
    """Why AWS refuses to make this: its name, or its place, is taken."""
    if kind == "AWS::EC2::Subnet":
        return _misplaced(properties)
    name, known = NAMED.get(kind, ("", bool))
    # Ministack refuses a bucket that is there, before it begins.
    if name and kind != "AWS::S3::Bucket" and known(str(properties.get(name, ""))):
        return f"{kind} {properties[name]} already exists"
    return ""


def adoptable(
    template: dict[str, Any], values: dict[str, Any], resources: dict[str, Any]
) -> Iterator[Import]:
    """What a template would make anew, although something exists under the same name.

    Its name has to be what identifies it, and to be written out.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html
    """
    conditions = engine._evaluate_conditions(template, values)
    for title, definition in template["Resources"].items():
        key, known = NAMED.get(definition["Type"], ("", bool))
        name = definition.get("Properties", {}).get(key)
        if (
            title not in resources
            and conditions.get(definition.get("Condition"), True)
            and changesets._IMPORT_LOOKUPS.get(definition["Type"], ("",))[0] == (key,)
            and isinstance(name, str)
            and known(name)
        ):
            yield {
                "ResourceType": definition["Type"],
                "LogicalResourceId": title,
                "ResourceIdentifier": {key: name},
            }


def imports(stack: Stack, template: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """What an operation on a stack takes in, by title: the identifiers of each."""
    found = adoptable(template, values, stack["_resources"]) if stack.get("_adopts") else ()
    return {one["LogicalResourceId"]: one["ResourceIdentifier"] for one in found}


def _execute(execute: Action, query: Query) -> Answer:
    found = changesets._find_change_set(
        *(given(query, key) for key in ("ChangeSetName", "StackName"))
    )[1]
    if found and found["ExecutionStatus"] == "AVAILABLE":
        stack = cloudformation._stacks[found["StackName"]]
        stack["_adopts"] = found.get("ImportExistingResources", False)
    return execute(query)


def _errors(*arguments: Any) -> list[tuple[str, ...]]:
    """What is wrong beforehand; a name in use is right where it is what to take in."""
    stack = cloudformation._stacks[arguments[5]]
    found: list[tuple[str, ...]] = _validation_errors(*arguments)
    return [e for e in found if not (stack.get("_adopts") and e[2].startswith("NAME_CONFLICT"))]


_validation_errors = stacks._validation_errors


def add() -> None:
    kind, key = "AWS::ECR::Repository", "RepositoryName"
    changesets._IMPORT_LOOKUPS[kind] = ((key,), lambda _name: None)
    provisioners._RESOURCE_HANDLERS[kind]["import"] = _import_repository
    stacks._validation_errors = _errors
    around("ExecuteChangeSet", _execute)
