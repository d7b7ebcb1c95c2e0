"""LC17xx: security groups, and whom their rules let in and out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, ip_network
from typing import Any

from liberty_cfn.model.resolving import Resource
from liberty_cfn.rules.network_examples import an_ingress
from liberty_cfn.rules.rule import (
    UNKNOWN,
    Design,
    Path,
    Problem,
    Rule,
    each,
    number,
    referred,
    spelt,
    text,
)

GROUP_API = (
    "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html"
)
RULE_PAGE = "https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html"
PUBLIC_PORTS = (80, 443)
DATA_PORTS = (5432, 6379, 3306, 11211)
RANGE = re.compile(r"\d+(\.\d+){3}/([1-9]|[12]\d|3[0-2])")
ALL_PROTOCOLS = ("-1", "all")
WITH_PORTS = ("tcp", "udp", "6", "17")
PROTOCOL = re.compile(r"tcp|udp|icmp|icmpv6|all|-1|\d{1,3}")
# What has types of messages where others have ports.
MESSAGES = ("icmp", "icmpv6", "1", "58")
# A range of more addresses than this outside of private networks is the world's.
WIDEST = 8
DESCRIPTION = re.compile(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{0,255}")
GROUP_NAME = re.compile(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}")
PEERS = (
    "CidrIp",
    "CidrIpv6",
    "SourceSecurityGroupId",
    "SourceSecurityGroupName",
    "SourcePrefixListId",
    "DestinationSecurityGroupId",
    "DestinationPrefixListId",
)
INGRESS, EGRESS = "AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress"


def _rules_of(design: Design) -> Iterator[tuple[Resource, Path, str, str, Mapping[str, Any]]]:
    """Yield every rule of a group: the resource, the path, the group, the way, the rule."""
    for group in design.of_type("AWS::EC2::SecurityGroup"):
        for way, name in (("in", "SecurityGroupIngress"), ("out", "SecurityGroupEgress")):
            for path, rule in each(group.properties, name, "*"):
                if isinstance(rule, dict):
                    yield group, ("Properties", *path), group.id, way, rule
    for alone in design.of_type(INGRESS, EGRESS):
        of = alone.properties.get("GroupId", "")
        way = "in" if alone.type == INGRESS else "out"
        yield alone, ("Properties",), referred(of) or spelt(of), way, alone.properties


def _ports(rule: Mapping[str, Any]) -> tuple[float, float] | None:
    first, last = number(rule.get("FromPort")), number(rule.get("ToPort"))
    return None if first is None or last is None else (first, last)


def _protocol(rule: Mapping[str, Any]) -> str:
    return (text(rule.get("IpProtocol")) or "").lower()


def _ports_make_sense(design: Design) -> Iterator[Problem]:
    for resource, path, _, _, rule in _rules_of(design):
        protocol, ports = _protocol(rule), _ports(rule)
        if protocol and not PROTOCOL.fullmatch(protocol):
            why = (
                f"{protocol!r} is no protocol; expected tcp, udp, icmp, icmpv6, -1 or a number"
            )
            yield Problem(resource.id, (*path, "IpProtocol"), why)
        if protocol not in WITH_PORTS:
            continue
        if "FromPort" not in rule or "ToPort" not in rule:
            why = f"{protocol} has ports; expected both FromPort and ToPort"
            yield Problem(resource.id, path, why)
        elif ports and ports[0] > ports[1]:
            why = f"{ports[0]:g} to {ports[1]:g} is no range; expected the lower port first"
            yield Problem(resource.id, (*path, "FromPort"), why)
        elif ports and not 0 <= ports[0] <= ports[1] <= 65535:  # noqa: PLR2004
            why = f"{ports[0]:g} to {ports[1]:g} are no ports; expected 0 to 65535"
            yield Problem(resource.id, (*path, "ToPort"), why)


def _rules_have_one_peer(design: Design) -> Iterator[Problem]:
    for resource, path, _, way, rule in _rules_of(design):
        said = [name for name in PEERS if name in rule]
        if len(said) != 1:
            given = " and ".join(said) or "nobody"
            whom = "source" if way == "in" else "destination"
            why = f"the rule is about {given}; expected one {whom}, a group or a range"
            yield Problem(resource.id, path, why)


def _rules_differ(design: Design) -> Iterator[Problem]:
    seen: dict[tuple[str, ...], str] = {}
    for resource, path, group, way, rule in _rules_of(design):
        peer = next((repr(rule[name]) for name in PEERS if name in rule), "")
        ports = [spelt(rule.get(name, "")) for name in ("FromPort", "ToPort")]
        key = (group, way, _protocol(rule), *ports, peer)
        if key in seen:
            why = f"the same rule as one of {seen[key]}; expected each only once"
            yield Problem(resource.id, path, why)
        seen.setdefault(key, str(resource.origin))


def _group_names(design: Design) -> Iterator[Problem]:
    for group in design.of_type("AWS::EC2::SecurityGroup"):
        if "GroupName" not in group.properties:
            continue
        name, path = spelt(group.properties["GroupName"]), ("Properties", "GroupName")
        if name.lower().startswith("sg-"):
            why = f"{name!r} starts like an id; expected a name that doesn't start with sg-"
            yield Problem(group.id, path, why)
        elif name == "default":
            yield Problem(group.id, path, "'default' is each VPC's own; expected another name")
        elif not GROUP_NAME.fullmatch(name.replace(UNKNOWN, "x")) or name != name.strip():
            expected = "expected up to 255 letters, digits, spaces or ._-:/()#,@[]+=&;{}!$*"
            yield Problem(group.id, path, f"{name[:60]!r} is no group's name; {expected}")


def _descriptions(design: Design) -> Iterator[Problem]:
    told: list[tuple[Resource, Path, Any]] = [
        (group, ("Properties", "GroupDescription"), group.properties.get("GroupDescription"))
        for group in design.of_type("AWS::EC2::SecurityGroup")
    ]
    told += [
        (resource, (*path, "Description"), rule.get("Description"))
        for resource, path, _, _, rule in _rules_of(design)
    ]
    for resource, path, value in told:
        said = spelt("" if value is None else value).replace(UNKNOWN, "x")
        if not DESCRIPTION.fullmatch(said):
            odd = sorted({c for c in said if not DESCRIPTION.fullmatch(c)})
            what = f"has {' '.join(odd)}" if odd else f"has {len(said)} characters"
            expected = "up to 255 letters, digits, spaces or ._-:/()#,@[]+=&;{}!$*"
            yield Problem(resource.id, path, f"{said[:40]!r} {what}; expected {expected}")


def _world(rule: Mapping[str, Any]) -> str:
    """Return the range of a rule that is the world's; empty if none is."""
    for name in ("CidrIp", "CidrIpv6"):
        try:
            network = ip_network(text(rule.get(name)) or "", strict=False)
        except ValueError:
            continue
        if network.prefixlen < WIDEST and not network.is_private:
            return str(network)
    return ""


def _closed_to_the_world(design: Design) -> Iterator[Problem]:
    for resource, path, _, way, rule in _rules_of(design):
        if way != "in" or not (peer := _world(rule)) or _protocol(rule) in MESSAGES:
            continue
        ports = _ports(rule)
        everything = _protocol(rule) in ALL_PROTOCOLS
        if everything or (ports and not (ports[0] == ports[1] and ports[0] in PUBLIC_PORTS)):
            what = "everything" if everything or not ports else f"{ports[0]:g} to {ports[1]:g}"
            why = (
                f"the world ({peer}) may connect to {what}; expected 80 or 443 alone, or the "
                "group of whom it is for as SourceSecurityGroupId"
            )
            yield Problem(resource.id, path, why)


def _closed_to_neighbours(design: Design) -> Iterator[Problem]:
    """Data that all of a VPC may connect to, in place of those alone who are to."""
    vpcs = [
        IPv4Network(said, strict=False)
        for vpc in design.of_type("AWS::EC2::VPC")
        if RANGE.fullmatch(said := text(vpc.properties.get("CidrBlock")) or "")
    ]
    for resource, path, _, way, rule in _rules_of(design):
        ports, said = _ports(rule), text(rule.get("CidrIp")) or ""
        if way != "in" or not ports or not RANGE.fullmatch(said):
            continue
        own, port = IPv4Network(said, strict=False), next(iter(_within(ports)), None)
        if port and any(own.supernet_of(vpc) for vpc in vpcs):
            why = f"whatever is in the VPC may connect to {port}; expected the group of whom "
            yield Problem(resource.id, path, f"{why}it is for, as SourceSecurityGroupId")


def _within(ports: tuple[float, float]) -> list[int]:
    """Return the ports of databases and caches that are among these."""
    return [port for port in DATA_PORTS if ports[0] <= port <= ports[1]]


GROUP = """
Group:
  Type: AWS::EC2::SecurityGroup
  Properties: {GroupDescription: Tasks, VpcId: vpc-1}
"""

NEAR = """
Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
Group:
  Type: AWS::EC2::SecurityGroup
  Properties:
    SecurityGroupIngress:
    - {IpProtocol: tcp, FromPort: 5432, ToPort: 5432, CidrIp: 10.0.0.0/16}
"""

RULES: tuple[Rule, ...] = (
    Rule(
        "LC1703",
        "error",
        "A rule is for a protocol there is, and for TCP or UDP has ports, the lower first",
        "EC2 refuses a rule whose ports are missing, no ports or the wrong way round.",
        RULE_PAGE,
        _ports_make_sense,
        good=(
            an_ingress("{IpProtocol: tcp, FromPort: 80, ToPort: 80}"),
            an_ingress("{IpProtocol: '-1'}"),
        ),
        bad=(
            an_ingress("{IpProtocol: tcp, FromPort: 443, ToPort: 80}"),
            an_ingress("{IpProtocol: tcp, FromPort: 80}"),
            an_ingress("{IpProtocol: tcp, FromPort: 80, ToPort: 70000}"),
            an_ingress("{IpProtocol: tpc, FromPort: 80, ToPort: 80}"),
        ),
    ),
    Rule(
        "LC1704",
        "error",
        "A group's name is none that EC2 keeps for itself",
        "EC2 refuses names that start with sg-, the name default, and other characters, when "
        "the stack is half made.",
        GROUP_API,
        _group_names,
        good=(GROUP.replace("{Group", "{GroupName: ecs-sg, Group"),),
        bad=(
            GROUP.replace("{Group", "{GroupName: sg-ecs, Group"),
            GROUP.replace("{Group", "{GroupName: default, Group"),
            GROUP.replace("{Group", "{GroupName: 'ecs%', Group"),
            GROUP.replace("{Group", f"{{GroupName: {'e' * 256}, Group"),
        ),
    ),
    Rule(
        "LC1705",
        "error",
        "Descriptions of groups and their rules have EC2's characters",
        "EC2 takes letters, digits, spaces and ._-:/()#,@[]+=&;{}!$* there, and 255 of them: "
        "no arrow, dash or quotation mark. It says so only when it makes the group.",
        GROUP_API,
        _descriptions,
        good=(GROUP,),
        bad=(
            GROUP.replace("Tasks", "Tasks -> database"),
            GROUP.replace("Tasks", "Tasks – all of them"),  # noqa: RUF001
            GROUP.replace("Tasks", "t" * 256),
            an_ingress('{IpProtocol: tcp, Description: "tasks\' rule"}'),
        ),
    ),
    Rule(
        "LC1706",
        "error",
        "No rule is there twice",
        "EC2 refuses the second of two equal rules (InvalidPermission.Duplicate), also if one "
        "stands inside the group and the other beside it.",
        RULE_PAGE,
        _rules_differ,
        good=(
            an_ingress(
                "{IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIp: 0.0.0.0/0}, "
                "{IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 0.0.0.0/0}"
            ),
        ),
        bad=(
            an_ingress(
                "{IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIp: 0.0.0.0/0}, "
                "{IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIp: 0.0.0.0/0, Description: x}"
            ),
            an_ingress("{IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIp: 0.0.0.0/0}")
            + """
Again:
  Type: AWS::EC2::SecurityGroupIngress
  Properties:
    {GroupId: !Ref Group, IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIp: 0.0.0.0/0}
""",
        ),
    ),
    Rule(
        "LC1707",
        "error",
        "The world may connect to 80 and 443 only",
        "What is open to the world is found and tried within minutes: databases, caches, "
        "shells, and the application past its load balancer.",
        RULE_PAGE,
        _closed_to_the_world,
        good=(
            an_ingress("{IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 0.0.0.0/0}"),
            an_ingress("{IpProtocol: tcp, FromPort: 5432, ToPort: 5432, CidrIp: 10.0.0.0/8}"),
            an_ingress("{IpProtocol: icmp, FromPort: 3, ToPort: 4, CidrIp: 0.0.0.0/0}"),
        ),
        bad=(
            an_ingress("{IpProtocol: tcp, FromPort: 5432, ToPort: 5432, CidrIp: 0.0.0.0/0}"),
            an_ingress("{IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIpv6: '::/0'}"),
            an_ingress("{IpProtocol: tcp, FromPort: 6379, ToPort: 6379, CidrIp: 0.0.0.0/1}"),
            an_ingress("{IpProtocol: tcp, FromPort: 0, ToPort: 65535, CidrIp: 0.0.0.0/0}"),
            an_ingress("{IpProtocol: '-1', CidrIp: 0.0.0.0/0}"),
        ),
    ),
    Rule(
        "LC1708",
        "error",
        "A rule is about one source or destination",
        "EC2 refuses a rule about nobody, and one about a group and a range at once.",
        RULE_PAGE,
        _rules_have_one_peer,
        good=(an_ingress("{IpProtocol: '-1', CidrIp: 10.0.0.0/8}"),),
        bad=(
            an_ingress("{IpProtocol: '-1'}"),
            an_ingress("{IpProtocol: '-1', CidrIp: 10.0.0.0/8, SourceSecurityGroupId: sg-1}"),
        ),
    ),
    Rule(
        "LC1720",
        "warning",
        "Databases and caches are open to those alone who are to connect",
        "Whatever else comes to be in the VPC reaches people's data by its address alone.",
        RULE_PAGE,
        _closed_to_neighbours,
        good=(
            NEAR.replace("CidrIp: 10.0.0.0/16", "CidrIp: 10.0.10.0/24"),
            NEAR.replace("5432", "8000"),
            NEAR.replace("CidrIp: 10.0.0.0/16", "SourceSecurityGroupId: sg-1"),
        ),
        bad=(NEAR, NEAR.replace("FromPort: 5432, ToPort: 5432", "FromPort: 0, ToPort: 65535")),
    ),
)
