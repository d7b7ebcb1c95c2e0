"""Where things are: the VPC, and its subnets and groups by the names people know."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from liberty_cfn.verify.reading import Aws, MissingError

PUBLIC = ("PublicSubnetACidr", "PublicSubnetBCidr")
PRIVATE = ("PrivateSubnetACidr", "PrivateSubnetBCidr")


def filters(**values: str) -> list[dict[str, Any]]:
    """Return EC2's filters: `vpc_id="vpc-1"` is its `vpc-id`."""
    return [{"Name": k.replace("_", "-"), "Values": [v]} for k, v in values.items()]


def vpc(aws: Aws) -> Any:
    """Return the VPC.

    Raises:
        MissingError: there is none of that name.
    """
    name = aws.named("liberty-social-vpc")
    found = aws.read("ec2", "describe_vpcs", Filters=[{"Name": "tag:Name", "Values": [name]}])
    if not found.get("Vpcs"):
        raise MissingError(name)
    return found["Vpcs"][0]


def subnets(aws: Aws) -> dict[str, Any]:
    """Return the VPC's subnets, by their addresses.

    Raises:
        MissingError: there is no VPC.
    """
    found = aws.read("ec2", "describe_subnets", Filters=filters(vpc_id=vpc(aws)["VpcId"]))
    return {subnet["CidrBlock"]: subnet for subnet in found.get("Subnets", [])}


def groups(aws: Aws) -> list[Any]:
    """Return the VPC's security groups.

    Raises:
        MissingError: there is no VPC.
    """
    wanted = filters(vpc_id=vpc(aws)["VpcId"])
    found = aws.read("ec2", "describe_security_groups", Filters=wanted)
    return list(found.get("SecurityGroups", []))


def public(aws: Aws) -> list[str]:
    return [aws.settings[name] for name in PUBLIC]


def private(aws: Aws) -> list[str]:
    return [aws.settings[name] for name in PRIVATE]


def cidrs(aws: Aws, ids: Iterable[str]) -> list[str]:
    """Return the addresses of the subnets with these ids; an id that is none of ours stays."""
    try:
        known = {subnet["SubnetId"]: cidr for cidr, subnet in subnets(aws).items()}
    except MissingError:
        known = {}
    return [known.get(each, each) for each in ids]


def group_names(aws: Aws, ids: Iterable[str]) -> list[str]:
    """Return the names of the groups with these ids; an id that is none of ours stays."""
    try:
        known = {group["GroupId"]: group["GroupName"] for group in groups(aws)}
    except MissingError:
        known = {}
    return [known.get(each, each) for each in ids]


def vpc_name(aws: Aws, vpc_id: str | None) -> str | None:
    """Return the name of our VPC, if that is its id; else the id."""
    try:
        ours = vpc(aws)["VpcId"]
    except MissingError:
        return vpc_id
    return aws.named("liberty-social-vpc") if vpc_id == ours else vpc_id


def name_in(arn: str | None) -> str | None:
    """Return the name in the ARN of a load balancer, target group or task definition.

    A load balancer's ends in app/NAME/ID, a target group's in targetgroup/NAME/ID and a task
    definition's in task-definition/NAME:REVISION.
    """
    if not arn:
        return None
    resource = arn.split(":", 5)[-1]
    return resource.split("/")[-2 if "loadbal" in arn else -1].split(":")[0]
