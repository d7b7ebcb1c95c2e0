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
    route53,
    s3,
    secretsmanager,
)
from ministack.services.cloudformation import changesets, engine, provisioners, stacks

from .asking import Action, Answer, Made, Properties, Query, around, given
from .nested import TYPE as NESTED
from .nested import Stack, child_of, outputs

Finder = Callable[[str], Made | None]
Import = dict[str, Any]


def _kept(records: Mapping[str, Any], attributes: Callable[[str], Properties]) -> Finder:
    return lambda name: (name, attributes(name)) if name in records else None


def _called(records: Mapping[str, Any], key: str) -> Callable[[str], bool]:
    return lambda name: any(record[key] == name for record in records.values())


def _address(database: str) -> Properties:
    found: Properties = provisioners._rds_db_instance_attrs(rds._instances[database])
    return found


def _registry(repository: str) -> Properties:
    kept = ecr._repositories[repository]
    return {"Arn": kept["repositoryArn"], "RepositoryUri": kept["repositoryUri"]}


def _secret(name: str) -> Made | None:
    for secret in secretsmanager._secrets.values():
        if name in (secret["Name"], secret["ARN"]):
            return secret["ARN"], {"Id": secret["ARN"], "Arn": secret["ARN"]}
    return None


def _stack(stack_id: str) -> Made | None:
    child = child_of(stack_id)
    return None if child["StackStatus"] == "DELETE_COMPLETE" else outputs(child)


def zone(zone_id: str) -> Made | None:
    """A zone, and the name servers that it really has."""
    for record in route53._records.get(zone_id, ()):
        if record["Type"] == "NS":
            servers = [server.rstrip(".") for server in record["ResourceRecords"]]
            return zone_id, {"Id": zone_id, "NameServers": servers}
    return None


_cluster = _kept(elasticache._clusters, provisioners._ec_cluster_attrs)
_database = _kept(rds._instances, _address)
_group = _kept(elasticache._replication_groups, provisioners._ec_rg_attrs)
_repository = _kept(ecr._repositories, _registry)
# By type: what identifies it, and how it is found.
IMPORTED: dict[str, tuple[str, Finder]] = {
    "AWS::ECR::Repository": ("RepositoryName", _repository),
    "AWS::ElastiCache::CacheCluster": ("ClusterName", _cluster),
    "AWS::ElastiCache::ReplicationGroup": ("ReplicationGroupId", _group),
    "AWS::RDS::DBInstance": ("DBInstanceIdentifier", _database),
    "AWS::Route53::HostedZone": ("Id", zone),
    "AWS::SecretsManager::Secret": ("Id", _secret),
    NESTED: ("StackId", _stack),
}
BALANCING = "AWS::ElasticLoadBalancingV2"
# By type: the property that names it, and whether something has that name already.
NAMED: dict[str, tuple[str, Callable[[str], object]]] = {
    "AWS::ECR::Repository": ("RepositoryName", _repository),
    "AWS::ElastiCache::CacheCluster": ("ClusterName", _cluster),
    "AWS::ElastiCache::ReplicationGroup": ("ReplicationGroupId", _group),
    f"{BALANCING}::LoadBalancer": ("Name", _called(alb._lbs, "LoadBalancerName")),
    f"{BALANCING}::TargetGroup": ("Name", _called(alb._tgs, "TargetGroupName")),
    "AWS::IAM::Role": ("RoleName", iam._roles.__contains__),
    "AWS::IAM::User": ("UserName", iam._users.__contains__),
    "AWS::Logs::LogGroup": ("LogGroupName", cloudwatch_logs._log_groups.__contains__),
    "AWS::RDS::DBInstance": ("DBInstanceIdentifier", _database),
    "AWS::S3::Bucket": ("BucketName", s3._buckets.__contains__),
    "AWS::SecretsManager::Secret": ("Name", _secret),
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


async def _take_in(change_set: Import, stack: Stack, new: bool) -> None:  # noqa: FBT001
    await _import_resources(change_set, stack, new)
    for entry in change_set["_resources_to_import"]:
        if (
            entry["ResourceType"] == NESTED
            and entry["LogicalResourceId"] in stack["_resources"]
        ):
            child = child_of(entry["ResourceIdentifier"]["StackId"])
            child["ParentId"] = child["RootId"] = stack["StackId"]


def _problem(kind: str, find: Finder) -> Callable[[str], str | None]:
    def problem(identifier: str) -> str | None:
        if not find(identifier):
            return f"Resource of type '{kind}' with identifier '{identifier}' was not found."
        if kind != NESTED:
            return None
        child = child_of(identifier)
        if any(r["ResourceType"] == NESTED for r in child["_resources"].values()):
            return "Stacks to be imported cannot have any child stacks."
        if child["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return (
                f"Stack {child['StackId']} is not in an importable status, current stack "
                f"status is {child['StackStatus']}"
            )
        return None

    return problem


def _importer(key: str, find: Finder) -> Callable[[dict[str, str]], Made | None]:
    return lambda identifier: find(identifier[key])


_validation_errors = stacks._validation_errors
_import_resources = changesets._import_resources_async


def add() -> None:
    for kind, (key, find) in IMPORTED.items():
        changesets._IMPORT_LOOKUPS[kind] = ((key,), _problem(kind, find))
        provisioners._RESOURCE_HANDLERS[kind]["import"] = _importer(key, find)
    changesets._import_resources_async = _take_in
    stacks._validation_errors = _errors
    around("ExecuteChangeSet", _execute)
