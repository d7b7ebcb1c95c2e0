"""LC17xx: addresses, routes, and who may connect to whom."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network
from itertools import combinations
from typing import Any

from liberty_cfn.model.resolving import Resource
from liberty_cfn.rules.rule import Design, Problem, Rule, referred, text

SUBNETS = "https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html"


def _range(value: Any) -> IPv4Network | None:
    """Return an address range; None where it is none, or only AWS knows it."""
    try:
        return IPv4Network(text(value) or "")
    except ValueError:
        return None


def _subnets_fit(design: Design) -> Iterator[Problem]:
    subnets: dict[str, list[tuple[Resource, IPv4Network]]] = {}
    for subnet in design.of_type("AWS::EC2::Subnet"):
        own = _range(subnet.properties.get("CidrBlock"))
        vpc = design.follow(subnet.properties.get("VpcId"))
        if own is None:
            continue
        whole = _range(vpc.properties.get("CidrBlock")) if vpc else None
        if whole and not own.subnet_of(whole):
            why = f"{own} is not inside the VPC's {whole}; expected a part of that"
            yield Problem(subnet.id, ("Properties", "CidrBlock"), why)
        subnets.setdefault(referred(subnet.properties.get("VpcId")), []).append((subnet, own))
    for neighbours in subnets.values():
        for (one, first), (other, second) in combinations(neighbours, 2):
            if first.overlaps(second):
                why = f"{second} overlaps {first} of {one.origin}; expected a range of its own"
                yield Problem(other.id, ("Properties", "CidrBlock"), why)


VPC = """
Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
"""

RULES: tuple[Rule, ...] = (
    Rule(
        "LC1701",
        "error",
        "A subnet is a part of its VPC that no other subnet has",
        "EC2 refuses a subnet outside of its VPC, or one that overlaps another "
        "(InvalidSubnet.Range, InvalidSubnet.Conflict), when the stack is half made.",
        SUBNETS,
        _subnets_fit,
        good=(
            VPC
            + """
A: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.1.0/24}}
B: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.2.0/24}}
""",
        ),
        bad=(
            VPC
            + """
A: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.1.1.0/24}}
""",
            VPC
            + """
A: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/20}}
B: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.2.0/24}}
""",
        ),
    ),
)
