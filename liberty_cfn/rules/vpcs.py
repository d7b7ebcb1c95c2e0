"""LC17xx: VPCs and their subnets: addresses, zones, names, logs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, ip_network
from itertools import combinations
from typing import Any

from liberty_cfn.model.resolving import Resource
from liberty_cfn.review.reach import ways
from liberty_cfn.rules.examples import changed
from liberty_cfn.rules.expected import TRUTH, Expectation, misfits, one_of, whole
from liberty_cfn.rules.network_examples import PRIVATE, PUBLIC, VPC, a_subnet, an_ingress
from liberty_cfn.rules.rule import (
    Design,
    Path,
    Problem,
    Rule,
    each,
    flag,
    look,
    number,
    referred,
    spelt,
    text,
)
from liberty_cfn.rules.statements import managed, role_statements

SIZES = "https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html"
DNS = "https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html"
FLOW_LOGS = "https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-cwl.html"
LARGEST, SMALLEST = 16, 28
MOST_ZONES = 6
# Where a property has addresses: by type, the way to it.
RANGES: dict[str, tuple[Path, ...]] = {
    "AWS::EC2::VPC": (("CidrBlock",),),
    "AWS::EC2::Subnet": (("CidrBlock",),),
    "AWS::EC2::VPCCidrBlock": (("CidrBlock",),),
    "AWS::EC2::Route": (("DestinationCidrBlock",),),
    "AWS::EC2::SecurityGroup": (
        ("SecurityGroupIngress", "*", "CidrIp"),
        ("SecurityGroupEgress", "*", "CidrIp"),
    ),
    "AWS::EC2::SecurityGroupIngress": (("CidrIp",),),
    "AWS::EC2::SecurityGroupEgress": (("CidrIp",),),
    "AWS::EC2::NetworkAclEntry": (("CidrBlock",),),
}
ENTRY: Mapping[str, Expectation] = {
    "RuleNumber": whole(1, 32766),
    "RuleAction": one_of("allow", "deny"),
    "Egress": TRUTH,
    "Protocol": whole(0, 255, also=(-1,)),
}
SIZED = ("AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::EC2::VPCCidrBlock")


def _range(value: Any) -> IPv4Network | None:
    """Return an address range; None where it is none, or only AWS knows it."""
    try:
        return IPv4Network(text(value) or "")
    except ValueError:
        return None


def _properties(path: Path) -> Path:
    return ("Properties", *path)


def _subnets_fit(design: Design) -> Iterator[Problem]:
    subnets: dict[str, list[tuple[Resource, IPv4Network]]] = {}
    for subnet in design.of_type("AWS::EC2::Subnet"):
        own = _range(subnet.properties.get("CidrBlock"))
        vpc = design.follow(subnet.properties.get("VpcId"))
        if own is None:
            continue
        whole = _range(vpc.properties.get("CidrBlock")) if vpc else None
        more = any(True for _ in design.of_type("AWS::EC2::VPCCidrBlock"))
        if whole and not more and not own.subnet_of(whole):
            why = f"{own} is not inside the VPC's {whole}; expected a part of that"
            yield Problem(subnet.id, ("Properties", "CidrBlock"), why)
        subnets.setdefault(referred(subnet.properties.get("VpcId")), []).append((subnet, own))
    for neighbours in subnets.values():
        for (one, first), (other, second) in combinations(neighbours, 2):
            if first.overlaps(second):
                why = f"{second} overlaps {first} of {one.origin}; expected a range of its own"
                yield Problem(other.id, ("Properties", "CidrBlock"), why)


def _ranges_are_ranges(design: Design) -> Iterator[Problem]:
    for resource in design.of_type(*RANGES):
        for way in RANGES[resource.type]:
            for path, value in each(resource.properties, *way):
                said = text(value)
                if said is not None and (why := _no_range(said)):
                    yield Problem(resource.id, _properties(path), why)
                own = _range(value)
                if own is None or resource.type not in SIZED:
                    continue
                if not LARGEST <= own.prefixlen <= SMALLEST:
                    why = f"{own} is of a size EC2 refuses; expected /16 to /28"
                    yield Problem(resource.id, _properties(path), why)


def _no_range(said: str) -> str:
    """Return why a text is no range of IPv4 addresses; empty if it is one."""
    try:
        network = ip_network(said, strict=False)
    except ValueError:
        return f"{said!r} is no range of addresses; expected one such as 10.0.0.0/16"
    if network.version != 4 or "/" not in said:  # noqa: PLR2004
        return f"{said!r} is no range of IPv4 addresses; expected one such as 10.0.0.0/16"
    if str(network) != said:
        return f"{said} has bits after its prefix; expected its first address, {network}"
    return ""


def _zones_are_of_the_region(design: Design) -> Iterator[Problem]:
    regions = {spelt(design.region)} - {""}
    for subnet in design.of_type("AWS::EC2::Subnet"):
        chosen = look(subnet.properties, "AvailabilityZone", "Fn::Select")
        if isinstance(chosen, list) and (number(chosen[0]) or 0) >= MOST_ZONES:
            why = f"no region has {number(chosen[0]) or 0:g} zones before it; expected 0 or 1"
            yield Problem(subnet.id, ("Properties", "AvailabilityZone"), why)
        zone = text(subnet.properties.get("AvailabilityZone"))
        if zone and regions and not zone.startswith(tuple(regions)):
            region = next(iter(regions))
            why = f"{zone} is not in {region}; expected a zone of its own, by Fn::GetAZs"
            yield Problem(subnet.id, ("Properties", "AvailabilityZone"), why)


def _private_stays_private(design: Design) -> Iterator[Problem]:
    there = ways(design.resolved)
    for subnet in design.of_type("AWS::EC2::Subnet"):
        gives = flag(subnet.properties.get("MapPublicIpOnLaunch"))
        if gives and subnet.id in there and not there[subnet.id].inward:
            why = "gives public addresses in a private subnet; expected false"
            yield Problem(subnet.id, ("Properties", "MapPublicIpOnLaunch"), why)


def _lists_let_through(design: Design) -> Iterator[Problem]:
    """Entries that EC2 refuses, and lists that let nothing into a subnet, or out of it."""
    seen: dict[tuple[str, bool | None, str | None], Resource] = {}
    allowed: set[tuple[str, bool | None]] = set()
    for entry in design.of_type("AWS::EC2::NetworkAclEntry"):
        yield from misfits(entry, ENTRY)
        acl, out = (
            referred(entry.properties.get("NetworkAclId")),
            flag(entry.properties.get("Egress", False)),
        )
        key = acl, out, text(entry.properties.get("RuleNumber"))
        if None not in key and key in seen:
            why = f"RuleNumber {key[2]} is that of {seen[key].origin}, too; expected its own"
            yield Problem(entry.id, ("Properties", "RuleNumber"), why)
        seen[key] = entry
        ports = text(entry.properties.get("Protocol")) in ("6", "17")
        if ports and "PortRange" not in entry.properties:
            yield Problem(
                entry.id, ("Properties",), "PortRange is missing; TCP and UDP have one"
            )
        if text(entry.properties.get("RuleAction")) != "deny":
            allowed.add((acl, out))
    for link in design.of_type("AWS::EC2::SubnetNetworkAclAssociation"):
        acl = referred(link.properties.get("NetworkAclId"))
        closed = [out for out in (False, True) if (acl, out) not in allowed]
        if acl in design.resolved.resources and closed and (acl, None) not in allowed:
            way = "out of" if closed[0] else "into"
            why = (
                f"its list lets nothing {way} the subnet; expected a NetworkAclEntry that does"
            )
            yield Problem(link.id, ("Properties", "NetworkAclId"), why)


def _names_are_resolved(design: Design) -> Iterator[Problem]:
    for vpc in design.of_type("AWS::EC2::VPC"):
        for name in ("EnableDnsSupport", "EnableDnsHostnames"):
            if flag(vpc.properties.get(name)) is False:
                why = "what is in the VPC finds no database and no AWS by name; expected true"
                yield Problem(vpc.id, ("Properties", name), why)


def _flow_logs(design: Design) -> Iterator[Problem]:
    kinds = {"VPC": "AWS::EC2::VPC", "Subnet": "AWS::EC2::Subnet"}
    for log in design.of_type("AWS::EC2::FlowLog"):
        given = log.properties
        if text(given.get("LogDestinationType", "cloud-watch-logs")) == "cloud-watch-logs":
            for names in (("DeliverLogsPermissionArn",), ("LogGroupName", "LogDestination")):
                if not any(name in given for name in names):
                    why = f"CloudWatch gets no flows; expected {' or '.join(names)}"
                    yield Problem(log.id, ("Properties",), why)
            role = design.follow(given.get("DeliverLogsPermissionArn"))
            if role is not None and not managed(role):
                allowed = list(role_statements(design, role))
                for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
                    if not any(statement.grants(action) for statement in allowed):
                        why = f"it may not {action}, so that no flow is logged; expected it"
                        yield Problem(role.id, ("Properties",), why)
        watched = design.follow(given.get("ResourceId"))
        kind = kinds.get(text(given.get("ResourceType")) or "")
        if watched and kind and watched.type != kind:
            why = f"{watched.origin} is an {watched.type}; expected the ResourceType of that"
            yield Problem(log.id, ("Properties", "ResourceType"), why)


FLOW_LOG = (
    VPC
    + """
Log:
  Type: AWS::EC2::FlowLog
  Properties:
    ResourceId: !Ref Vpc
    ResourceType: VPC
    LogGroupName: flows
    DeliverLogsPermissionArn: arn:aws:iam::123456789012:role/flows
"""
)
WRITTEN = (
    FLOW_LOG.replace("arn:aws:iam::123456789012:role/flows", "!GetAtt Writer.Arn")
    + """
Writer:
  Type: AWS::IAM::Role
  Properties:
    Policies:
    - PolicyName: Write
      PolicyDocument:
        Statement:
        - Effect: Allow
          Action: [logs:CreateLogStream, logs:PutLogEvents]
          Resource: arn:aws:logs:us-east-1:123456789012:log-group:flows:*
"""
)


LISTED = """
Acl: {Type: AWS::EC2::NetworkAcl, Properties: {VpcId: vpc-1}}
In:
  Type: AWS::EC2::NetworkAclEntry
  Properties:
    {NetworkAclId: !Ref Acl, RuleNumber: 100, Egress: false, Protocol: 6, RuleAction: allow,
     PortRange: {From: 443, To: 443}}
Out:
  Type: AWS::EC2::NetworkAclEntry
  Properties:
    {NetworkAclId: !Ref Acl, RuleNumber: 100, Protocol: -1, Egress: true, RuleAction: allow}
More:
  Type: AWS::EC2::NetworkAclEntry
  Properties:
    {NetworkAclId: !Ref Acl, RuleNumber: 200, Egress: true, Protocol: -1, RuleAction: deny}
Link:
  Type: AWS::EC2::SubnetNetworkAclAssociation
  Properties: {NetworkAclId: !Ref Acl, SubnetId: subnet-1}
"""

RULES: tuple[Rule, ...] = (
    Rule(
        "LC1701",
        "error",
        "A subnet is a part of its VPC that no other subnet has",
        "EC2 refuses a subnet outside of its VPC, or one that overlaps another "
        "(InvalidSubnet.Range, InvalidSubnet.Conflict), when the stack is half made.",
        SIZES,
        _subnets_fit,
        good=(VPC + a_subnet("A", "10.0.1.0/24") + a_subnet("B", "10.0.2.0/24"),),
        bad=(
            VPC + a_subnet("A", "10.1.1.0/24"),
            VPC + a_subnet("A", "10.0.0.0/20") + a_subnet("B", "10.0.2.0/24"),
            VPC + a_subnet("A", "10.0.1.0/24") + a_subnet("B", "10.0.1.0/24"),
        ),
    ),
    Rule(
        "LC1702",
        "error",
        "Addresses are ranges, written by their first address, of a size EC2 takes",
        "EC2 takes VPCs and subnets from /16 to /28. A range with bits after its prefix is "
        "refused, or silently made another, and then differs from its template for ever.",
        SIZES,
        _ranges_are_ranges,
        good=(
            VPC + a_subnet("A", "10.0.1.0/28"),
            an_ingress("{IpProtocol: tcp, CidrIp: 0.0.0.0/0}"),
        ),
        bad=(
            VPC.replace("10.0.0.0/16", "10.0.0.1/16"),
            VPC.replace("10.0.0.0/16", "10.0.0.0/8"),
            VPC.replace("10.0.0.0/16", "10.0.0.0"),
            VPC + a_subnet("A", "10.0.1.0/29"),
            an_ingress("{IpProtocol: tcp, CidrIp: 10.0.0.1/8}"),
            an_ingress("{IpProtocol: tcp, CidrIp: '::/0'}"),
            PUBLIC.replace("0.0.0.0/0", "10.0.0.1/8"),
        ),
    ),
    Rule(
        "LC1713",
        "error",
        "A subnet's zone is one of the region's",
        "EC2 refuses a zone of another region; a template for several regions asks Fn::GetAZs.",
        SIZES,
        _zones_are_of_the_region,
        good=(
            PUBLIC,
            VPC + a_subnet("A", "10.0.1.0/24", ", AvailabilityZone: !Select [0, !GetAZs '']"),
        ),
        bad=(
            PUBLIC.replace("us-east-1a", "eu-west-1a"),
            PUBLIC.replace("us-east-1a", "!Select [9, !GetAZs '']"),
        ),
    ),
    Rule(
        "LC1714",
        "error",
        "A private subnet gives no public addresses",
        "They lead nowhere, cost money each, and once there is a route, what was private is "
        "reachable from the internet.",
        "https://docs.aws.amazon.com/vpc/latest/userguide/subnet-public-ip.html",
        _private_stays_private,
        good=(
            PRIVATE,
            PUBLIC.replace("10.0.1.0/24", "10.0.1.0/24, MapPublicIpOnLaunch: true"),
        ),
        bad=(PRIVATE.replace("10.0.2.0/24", "10.0.2.0/24, MapPublicIpOnLaunch: true"),),
    ),
    Rule(
        "LC1715",
        "error",
        "The VPC resolves names",
        "Without DNS, tasks find neither the database nor AWS: images, secrets and logs all "
        "have names. Endpoints and private zones need host names, too.",
        DNS,
        _names_are_resolved,
        good=(VPC.replace("/16", "/16, EnableDnsSupport: true, EnableDnsHostnames: true"),),
        bad=(
            VPC.replace("/16", "/16, EnableDnsSupport: false"),
            VPC.replace("/16", "/16, EnableDnsHostnames: false"),
        ),
    ),
    Rule(
        "LC1717",
        "error",
        "A flow log says of what, to whom, and as whom",
        "EC2 refuses a flow log to CloudWatch without a log group or a role, and one whose "
        "ResourceType is not that of its resource.",
        FLOW_LOGS,
        _flow_logs,
        good=(FLOW_LOG, WRITTEN),
        bad=(
            WRITTEN.replace("logs:PutLogEvents", "logs:DescribeLogStreams"),
            FLOW_LOG.replace("    LogGroupName: flows\n", ""),
            FLOW_LOG.replace(
                "    DeliverLogsPermissionArn: arn:aws:iam::123456789012:role/flows\n", ""
            ),
            FLOW_LOG.replace("ResourceType: VPC", "ResourceType: Subnet"),
        ),
    ),
    Rule(
        "LC1719",
        "error",
        "A network's access list has entries that EC2 takes, and lets something through",
        "EC2 refuses numbers over 32766 and those that are there twice; a list of its own lets "
        "nothing through that no entry allows, answers included.",
        "https://docs.aws.amazon.com/vpc/latest/userguide/nacl-rules.html",
        _lists_let_through,
        good=(LISTED,),
        bad=changed(
            LISTED,
            ("RuleNumber: 100, Egress: false", "RuleNumber: 40000, Egress: false"),
            ("RuleNumber: 200, Egress: true", "RuleNumber: 100, Egress: true"),
            ("RuleAction: allow", "RuleAction: Allow"),
            ("Protocol: -1, Egress: true", "Protocol: 6, Egress: true"),
            ("Egress: true, RuleAction: allow", "Egress: true, RuleAction: deny"),
        ),
    ),
)
