"""Networking: the four security groups, with exactly the spec's rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from liberty_cfn.verify import places
from liberty_cfn.verify.facts import Fact, equal, exactly
from liberty_cfn.verify.reading import Aws

ANYWHERE = "0.0.0.0/0"
EVERYTHING = f"all traffic: {ANYWHERE}"
# Inbound and outbound, as the spec has them. After the colon is who it comes from or goes to.
GROUPS = {
    "alb-sg": ([f"tcp 80: {ANYWHERE}", f"tcp 443: {ANYWHERE}"], [EVERYTHING]),
    "ecs-sg": (
        ["tcp 8000: alb-sg"],
        ["tcp 5432: rds-sg", "tcp 6379: elasticache-sg", f"tcp 443: {ANYWHERE}"],
    ),
    "rds-sg": (["tcp 5432: ecs-sg"], [EVERYTHING]),
    "elasticache-sg": (["tcp 6379: ecs-sg"], [EVERYTHING]),
}


def security_groups(aws: Aws) -> Iterator[Fact]:
    """State what the spec says of the security groups."""
    found = {group["GroupName"]: group for group in places.groups(aws)}
    for name, (inbound, outbound) in GROUPS.items():
        part = aws.named(name)
        yield equal("name", part, part if part in found else None, part=part)
        if part in found:
            group = found[part]
            for way, expected, permissions in (
                ("inbound", inbound, group.get("IpPermissions", [])),
                ("outbound", outbound, group.get("IpPermissionsEgress", [])),
            ):
                rules = [rule for each in permissions for rule in _rules(aws, each)]
                named = [_as_named(aws, rule) for rule in expected]
                yield from exactly(way, named, rules, part=part)


def _as_named(aws: Aws, rule: str) -> str:
    traffic, peer = rule.split(": ")
    return f"{traffic}: {aws.named(peer) if peer in GROUPS else peer}"


def _rules(aws: Aws, permission: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a permission of EC2's says: several peers for the same ports."""
    protocol = permission.get("IpProtocol")
    first, last = permission.get("FromPort"), permission.get("ToPort")
    ports = "" if first is None else f" {first}" if first == last else f" {first}-{last}"
    traffic = "all traffic" if protocol == "-1" else f"{protocol}{ports}"
    peers = [
        *(each["CidrIp"] for each in permission.get("IpRanges", [])),
        *(each["CidrIpv6"] for each in permission.get("Ipv6Ranges", [])),
        *(each["PrefixListId"] for each in permission.get("PrefixListIds", [])),
        *places.group_names(
            aws, [each["GroupId"] for each in permission.get("UserIdGroupPairs", [])]
        ),
    ]
    for peer in peers:
        yield f"{traffic}: {peer}"
