"""What would make a deploy fail, asked before anything is made."""

from __future__ import annotations

from collections.abc import Iterator

from botocore.exceptions import ClientError

from liberty_cfn.deploy.targets import Target
from liberty_cfn.environments import Environment

ZONES = 2


def obstacles(environment: Environment, target: Target) -> Iterator[str]:
    """Yield, in words, what this account or region lacks, and what to do about it."""
    yield from _zones(target)
    if environment.settings["HostedZoneId"]:
        yield from _hosted_zone(environment, target)


def _zones(target: Target) -> Iterator[str]:
    there = target.client("ec2").describe_availability_zones(
        Filters=[
            {"Name": "state", "Values": ["available"]},
            {"Name": "zone-type", "Values": ["availability-zone"]},
        ]
    )["AvailabilityZones"]
    if len(there) < ZONES:
        yield (
            f"Region: {target.region} has {len(there)} availability zones for this account, "
            f"and the subnets need {ZONES}; choose another region."
        )


def _hosted_zone(environment: Environment, target: Target) -> Iterator[str]:
    wanted = environment.settings["HostedZoneId"]
    domain = environment.settings["DomainName"]
    try:
        zone = target.client("route53").get_hosted_zone(Id=wanted)["HostedZone"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NoSuchHostedZone", "InvalidInput"):
            raise
        yield (
            f"HostedZoneId: this account has no hosted zone {wanted}; say the id of {domain}'s "
            "public zone, or CreateHostedZone: true to have it made."
        )
        return
    name = zone["Name"].rstrip(".")
    if domain != name and not domain.endswith(f".{name}"):
        yield f"HostedZoneId: {wanted} is the zone of {name}, which {domain} is not in."
    if zone.get("Config", {}).get("PrivateZone"):
        yield f"HostedZoneId: {wanted} is private; a certificate is proved in a public zone."
