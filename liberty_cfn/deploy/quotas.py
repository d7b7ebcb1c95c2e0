"""Whether the region has room for what a new environment needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.finding import Finding, Level
from liberty_cfn.deploy.targets import Target
from liberty_cfn.environments import Environment


@dataclass(frozen=True)
class _Quota:
    """A limit of the region. The codes are listed in its Service Quotas console."""

    thing: str
    service: str
    code: str


VPCS = _Quota("VPCs", "vpc", "L-F678F1CE")
ADDRESSES = _Quota("elastic IP addresses", "ec2", "L-0263D0A3")


def quotas(environment: Environment, target: Target) -> Iterator[Finding]:
    """Yield whether the region has room for another VPC and its addresses."""
    ec2 = target.client("ec2")
    addresses = 2 if environment.settings["NatGatewayPerZone"] == "true" else 1

    def vpcs() -> int:
        return len(list(ec2.get_paginator("describe_vpcs").paginate().search("Vpcs")))

    yield _quota(target, VPCS, 1, vpcs)
    yield _quota(
        target, ADDRESSES, addresses, lambda: len(ec2.describe_addresses()["Addresses"])
    )


def _quota(target: Target, quota: _Quota, needed: int, used: Callable[[], int]) -> Finding:
    """Return whether there is room for what is `needed`, or that AWS doesn't tell."""
    about = f"Quota of {quota.thing}"
    try:
        most = int(_most(target, quota))
        taken = used()
    except faults.OF_AWS as error:
        # Whether there is room is worth knowing, but no reason to stop.
        why = f"not checked, as AWS doesn't tell ({faults.short(error)}); {needed} needed."
        return Finding(Level.WARNING, about, why)
    said = f"{taken} of {most} are in use in {target.region}, and {needed} more needed"
    if taken + needed <= most:
        return Finding(Level.OK, about, f"{said}.")
    command = (
        f"aws service-quotas request-service-quota-increase --region {target.region} "
        f"--service-code {quota.service} --quota-code {quota.code} "
        f"--desired-value {taken + needed}"
    )
    return Finding(Level.OBSTACLE, about, f"{said}; release some, or ask for more: {command}")


def _most(target: Target, quota: _Quota) -> float:
    asked = {"ServiceCode": quota.service, "QuotaCode": quota.code}
    client = target.client("service-quotas")
    # Told only where it was ever changed.
    with faults.unless("NoSuchResourceException"):
        return float(client.get_service_quota(**asked)["Quota"]["Value"])
    return float(client.get_aws_default_service_quota(**asked)["Quota"]["Value"])
