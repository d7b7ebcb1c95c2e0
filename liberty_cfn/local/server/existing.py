"""What exists already: refused where it would be made again, taken in where that is asked."""

import ipaddress
import re
from typing import Any

from ministack.services import alb, cloudwatch, ec2, ecr, ecs, iam, rds, secretsmanager, sns
from ministack.services import cloudwatch_logs as logs
from ministack.services.cloudformation import changesets, provisioners

from .asking import Made, Properties

REPOSITORY = "AWS::ECR::Repository"
# By type: the property that names it, and what there is of it.
# Those of buckets, caches and services ministack refuses by itself.
NAMED: dict[str, tuple[str, Any]] = {
    REPOSITORY: ("RepositoryName", ecr._repositories),
    "AWS::CloudWatch::Alarm": ("AlarmName", cloudwatch._alarms),
    "AWS::CloudWatch::Dashboard": ("DashboardName", cloudwatch._dashboards),
    "AWS::ECS::Cluster": ("ClusterName", ecs._clusters),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": ("Name", alb._lbs),
    "AWS::ElasticLoadBalancingV2::TargetGroup": ("Name", alb._tgs),
    "AWS::IAM::Role": ("RoleName", iam._roles),
    "AWS::IAM::User": ("UserName", iam._users),
    "AWS::Logs::LogGroup": ("LogGroupName", logs._log_groups),
    "AWS::RDS::DBInstance": ("DBInstanceIdentifier", rds._instances),
    "AWS::SecretsManager::Secret": ("Name", secretsmanager._secrets),
    "AWS::SNS::Topic": ("TopicName", sns._topics),
}


def _misplaced(properties: Properties) -> str:
    """Why a subnet can't be where it is to be."""
    vpc, block = properties["VpcId"], ipaddress.IPv4Network(properties["CidrBlock"])
    others = [s["CidrBlock"] for s in ec2._subnets.values() if s["VpcId"] == vpc]
    if not block.subnet_of(ipaddress.IPv4Network(ec2._vpcs[vpc]["CidrBlock"])):
        return f"InvalidSubnet.Range: The CIDR '{block}' is not within the VPC's"
    if any(block.overlaps(ipaddress.IPv4Network(other)) for other in others):
        return f"InvalidSubnet.Conflict: The CIDR '{block}' conflicts with another subnet"
    return ""


def refusal(kind: str, properties: Properties) -> str:
    """Why AWS refuses to make this: its name, or its place, is taken."""
    if kind == "AWS::EC2::Subnet":
        return _misplaced(properties)
    name, there = NAMED.get(kind, ("", ()))
    if kind == "AWS::EC2::SecurityGroup":
        groups, vpc = ec2._security_groups.values(), properties.get("VpcId")
        name, there = "GroupName", [g["GroupName"] for g in groups if g["VpcId"] == vpc]
    # What is known by its ARN may have an id after its name: targetgroup/name/0123abcd.
    taken = {re.sub(r"^arn:.*?[:/]([^:/]+)(/\w+)?$", r"\1", key) for key in there}
    return f"{kind} {properties[name]} already exists" if properties.get(name) in taken else ""


def _import_repository(identifier: dict[str, str]) -> Made:
    kept = ecr._repositories[identifier["RepositoryName"]]
    told = {"Arn": kept["repositoryArn"], "RepositoryUri": kept["repositoryUri"]}
    return kept["repositoryName"], told


def add() -> None:
    changesets._IMPORT_LOOKUPS[REPOSITORY] = (
        ("RepositoryName",),
        lambda name: None if name in ecr._repositories else f"no {name}",
    )
    provisioners._RESOURCE_HANDLERS[REPOSITORY]["import"] = _import_repository
