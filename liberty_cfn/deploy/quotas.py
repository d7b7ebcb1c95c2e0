"""Whether a region has room for the things that an account may have few of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.finding import Finding, Level, all_asked
from liberty_cfn.deploy.targets import Target
from liberty_cfn.environments import Environment


@dataclass(frozen=True)
class Quota:
    """How many of a thing there may be in a region, and how the existing ones are listed.

    `service` and `code` are those of Service Quotas, whose console lists them; `most` is a
    quota that can't be raised.
    """

    thing: str
    client: str
    operation: str
    listed: str
    service: str = ""
    code: str = ""
    most: int = 0


ADDRESSES = "elastic IP addresses"
BALANCERS = "LoadBalancers[?Type=='application']"
# RDS lists those of its neighbours, too, which have quotas of their own.
DATABASES = "DBInstances[?Engine!='docdb' && Engine!='neptune']"
QUOTAS = (
    Quota("VPCs", "ec2", "describe_vpcs", "Vpcs", "vpc", "L-F678F1CE"),
    Quota(ADDRESSES, "ec2", "describe_addresses", "Addresses", "ec2", "L-0263D0A3"),
    Quota(
        *("load balancers", "elbv2", "describe_load_balancers", BALANCERS),
        *("elasticloadbalancing", "L-53DA6B97"),
    ),
    Quota("databases", "rds", "describe_db_instances", DATABASES, "rds", "L-7B6409FD"),
    # One lets EventBridge write to the log of failed tasks.
    # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutResourcePolicy.html
    Quota(
        *("resource policies of logs", "logs", "describe_resource_policies"),
        "resourcePolicies",
        most=10,
    ),
)


def quotas(environment: Environment, target: Target) -> Iterator[Finding]:
    """Yield whether the region has room for another environment."""
    checks = [(one.thing, partial(_room, one)) for one in QUOTAS]
    yield from all_asked(checks, environment, target)


def _room(quota: Quota, environment: Environment, target: Target) -> Iterator[Finding]:
    """Yield whether there is room for as many as are needed, or that AWS doesn't say."""
    per_zone = environment.settings["NatGatewayPerZone"] == "true"
    needed = 2 if quota.thing == ADDRESSES and per_zone else 1
    about, where = f"Quota of {quota.thing}", f"--region {target.region}"
    try:
        most, taken = quota.most or _most(target, quota), _taken(target, quota)
    except faults.OF_AWS as error:
        # Nice to know, but no reason to stop.
        why = f"not checked, as AWS doesn't tell ({faults.short(error)}); {needed} needed."
        yield Finding(Level.WARNING, about, why)
        return
    said = f"{taken} of {most} are in use in {target.region}, and {needed} more needed"
    if taken + needed <= most:
        yield Finding(Level.OK, about, f"{said}.")
        return
    asking = (
        f"aws service-quotas request-service-quota-increase {where} --service-code "
        f"{quota.service} --quota-code {quota.code} --desired-value {taken + needed}"
    )
    listing = f"aws {quota.client} {quota.operation.replace('_', '-')} {where}"
    solved = f"more can't be had: {listing}" if quota.most else f"or ask for more: {asking}"
    yield Finding(Level.OBSTACLE, about, f"{said}; release some, {solved}")


def _most(target: Target, quota: Quota) -> int:
    client = target.client("service-quotas")
    asked = {"ServiceCode": quota.service, "QuotaCode": quota.code}
    # There is one only if it was ever changed.
    with faults.unless("NoSuchResourceException"):
        return int(client.get_service_quota(**asked)["Quota"]["Value"])
    return int(client.get_aws_default_service_quota(**asked)["Quota"]["Value"])


def _taken(target: Target, quota: Quota) -> int:
    client = target.client(quota.client)
    if client.can_paginate(quota.operation):
        pages = client.get_paginator(quota.operation).paginate()
        return len(list(pages.search(f"{quota.listed}[]")))
    return len(getattr(client, quota.operation)()[quota.listed])
