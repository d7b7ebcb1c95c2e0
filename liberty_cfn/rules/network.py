"""LC17xx: addresses, routes, and who may connect to whom."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, ip_network
from itertools import combinations
from typing import Any

from liberty_cfn.model.resolving import Resource
from liberty_cfn.review.reach import Flow, reach, ways
from liberty_cfn.review.spelling import listed
from liberty_cfn.rules.rule import (
    UNKNOWN,
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
    waits_for,
)
from liberty_cfn.rules.statements import managed, role_statements

SIZES = "https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html"
GROUPS = "https://docs.aws.amazon.com/vpc/latest/userguide/creating-security-groups.html"
GROUP_API = (
    "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html"
)
RULE_PAGE = "https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html"
NAT = "https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html"
ROUTES = "https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Route_Tables.html"
ATTACHMENT = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-dependson.html"
DNS = "https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html"
ENDPOINTS = "https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html"
FLOW_LOGS = "https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-cwl.html"
BALANCER_GROUPS = (
    "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/"
    "load-balancer-update-security-groups.html"
)

ANYWHERE = ("0.0.0.0/0", "::/0")
PUBLIC_PORTS = (80, 443)
ALL_PROTOCOLS = ("-1", "all")
WITH_PORTS = ("tcp", "udp", "6", "17")
# A range of more addresses than this outside of private networks is the world's.
WIDEST = 8
LARGEST, SMALLEST = 16, 28
MOST_ZONES = 6
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
TARGETS = (
    "CarrierGatewayId",
    "CoreNetworkArn",
    "EgressOnlyInternetGatewayId",
    "GatewayId",
    "InstanceId",
    "LocalGatewayId",
    "NatGatewayId",
    "NetworkInterfaceId",
    "TransitGatewayId",
    "VpcEndpointId",
    "VpcPeeringConnectionId",
)
DESTINATIONS = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")
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
}
SIZED = ("AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::EC2::VPCCidrBlock")
INGRESS, EGRESS = "AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress"


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


def _rules_of(design: Design) -> Iterator[tuple[Resource, Path, str, str, Mapping[str, Any]]]:
    """Yield every rule of a group: the resource, the path, the group, the way, the rule."""
    for group in design.of_type("AWS::EC2::SecurityGroup"):
        for way, name in (("in", "SecurityGroupIngress"), ("out", "SecurityGroupEgress")):
            for path, rule in each(group.properties, name, "*"):
                if isinstance(rule, dict):
                    yield group, _properties(path), group.id, way, rule
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
        if way != "in" or not (peer := _world(rule)):
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


def _nat_gateways(design: Design) -> Iterator[Problem]:
    gateways = list(design.of_type("AWS::EC2::NatGateway"))
    inward = ways(design.resolved)
    taken: dict[str, str] = {}
    used = {
        referred(route.properties.get("NatGatewayId"))
        for route in design.of_type("AWS::EC2::Route")
    }
    for gateway in gateways:
        given = gateway.properties
        if text(given.get("ConnectivityType", "public")) != "public":
            continue
        if "AllocationId" not in given:
            why = "has no address; expected the AllocationId of an AWS::EC2::EIP"
            yield Problem(gateway.id, ("Properties",), why)
        elif (address := referred(given["AllocationId"])) and address in taken:
            why = f"{taken[address]} has this address already; expected one of its own"
            yield Problem(gateway.id, ("Properties", "AllocationId"), why)
        taken.setdefault(referred(given.get("AllocationId")), str(gateway.origin))
        made = design.follow(given.get("AllocationId"))
        if made is not None and text(made.properties.get("Domain", "vpc")) != "vpc":
            why = "an address for EC2-Classic, which is no more; expected Domain: vpc"
            yield Problem(made.id, ("Properties", "Domain"), why)
        subnet = referred(given.get("SubnetId"))
        if subnet in inward and not inward[subnet].inward:
            where = design.resolved.resources[subnet].origin
            why = f"{where} has no route to an internet gateway; expected a public subnet"
            yield Problem(gateway.id, ("Properties", "SubnetId"), why)
        if gateway.id not in used:
            why = "no route leads to it; expected an AWS::EC2::Route that names it"
            yield Problem(gateway.id, (), why)


def _routes_lead_somewhere(design: Design) -> Iterator[Problem]:
    seen: dict[tuple[str, str], str] = {}
    attached = {
        referred(a.properties.get("InternetGatewayId")): referred(a.properties.get("VpcId"))
        for a in design.of_type("AWS::EC2::VPCGatewayAttachment")
    }
    for route in design.of_type("AWS::EC2::Route"):
        given = route.properties
        targets = [name for name in TARGETS if name in given]
        if len(targets) != 1:
            said = " and ".join(targets) or "nowhere"
            yield Problem(route.id, ("Properties",), f"leads {said}; expected one target")
        for name in targets:
            kind = design.follow(given[name])
            fitting = {
                "GatewayId": ("InternetGateway", "VPNGateway", "VPCEndpoint"),
                "NatGatewayId": ("NatGateway",),
            }.get(name, ())
            if kind and fitting and not kind.type.endswith(fitting):
                why = f"{kind.origin} is an {kind.type}; expected one of {', '.join(fitting)}"
                yield Problem(route.id, ("Properties", name), why)
        gateway = design.follow(given.get("GatewayId"))
        table = design.follow(given.get("RouteTableId"))
        if gateway and table and gateway.type == "AWS::EC2::InternetGateway":
            vpc = referred(table.properties.get("VpcId"))
            if attached.get(gateway.id) != vpc:
                why = (
                    f"{gateway.origin} is not attached to the VPC of this route; expected an "
                    "AWS::EC2::VPCGatewayAttachment of the two"
                )
                yield Problem(route.id, ("Properties", "GatewayId"), why)
        to = next((spelt(given[name]) for name in DESTINATIONS if name in given), "")
        key = (referred(given.get("RouteTableId")), to)
        if key in seen and to:
            why = f"{seen[key]} leads to {to} in this table already; expected one route"
            yield Problem(route.id, ("Properties",), why)
        seen.setdefault(key, str(route.origin))


def _waits_for_attachment(design: Design) -> Iterator[Problem]:
    attachments = {
        a.id
        for a in design.of_type("AWS::EC2::VPCGatewayAttachment")
        if "InternetGatewayId" in a.properties
    }
    if not attachments:
        return
    for resource in design.of_type("AWS::EC2::Route", "AWS::EC2::EIP"):
        gateway = design.follow(resource.properties.get("GatewayId"))
        by_gateway = bool(gateway and gateway.type == "AWS::EC2::InternetGateway")
        by_nat = text(resource.properties.get("Domain")) == "vpc"
        if (by_gateway or by_nat) and not attachments & waits_for(design, resource.id):
            first = design.resolved.resources[min(attachments)].origin
            beside = first.path == resource.origin.path
            wait = f"DependsOn: {first.logical_id}" if beside else f"it to wait for {first}"
            why = f"may be made before the gateway is attached; expected {wait}"
            yield Problem(resource.id, (), why)


def _subnets_are_routed_once(design: Design) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for association in design.of_type("AWS::EC2::SubnetRouteTableAssociation"):
        named = referred(association.properties.get("SubnetId"))
        if named and named in seen:
            why = f"{seen[named]} gives {named} a route table already; expected one for each"
            yield Problem(association.id, ("Properties", "SubnetId"), why)
        seen.setdefault(named, str(association.origin))
    tables = {
        referred(table.properties.get("VpcId"))
        for table in design.of_type("AWS::EC2::RouteTable")
    } - {""}
    for subnet in design.of_type("AWS::EC2::Subnet"):
        if referred(subnet.properties.get("VpcId")) in tables and subnet.id not in seen:
            why = (
                "has the VPC's own route table, which leads nowhere; expected an "
                "AWS::EC2::SubnetRouteTableAssociation"
            )
            yield Problem(subnet.id, (), why)


def _has_endpoints(design: Design) -> bool:
    """Whether tasks may reach AWS by endpoints inside the VPC."""
    return any(
        text(endpoint.properties.get("VpcEndpointType")) == "Interface"
        for endpoint in design.of_type("AWS::EC2::VPCEndpoint")
    )


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


def _names_are_resolved(design: Design) -> Iterator[Problem]:
    for vpc in design.of_type("AWS::EC2::VPC"):
        for name in ("EnableDnsSupport", "EnableDnsHostnames"):
            if flag(vpc.properties.get(name)) is False:
                why = "what is in the VPC finds no database and no AWS by name; expected true"
                yield Problem(vpc.id, ("Properties", name), why)


def _endpoints(design: Design) -> Iterator[Problem]:
    for endpoint in design.of_type("AWS::EC2::VPCEndpoint"):
        given = endpoint.properties
        kind = text(given.get("VpcEndpointType", "Gateway"))
        service, path = text(given.get("ServiceName")), ("Properties", "ServiceName")
        if service and design.region and ".vpce." not in service:
            name = service.rpartition(".")[2]
            if f".{design.region}." not in service:
                why = f"{service} is not of {design.region}; expected a service of its own"
                yield Problem(endpoint.id, path, why)
            elif kind == "Gateway" and name not in ("s3", "dynamodb"):
                why = f"{name} has no gateway endpoint; expected s3, dynamodb, or Interface"
                yield Problem(endpoint.id, path, why)
        needed = "RouteTableIds" if kind == "Gateway" else "SubnetIds"
        if kind in ("Gateway", "Interface") and not given.get(needed):
            why = f"nobody's way leads by it; an endpoint of type {kind} needs {needed}"
            yield Problem(endpoint.id, ("Properties",), why)
        if kind == "Interface" and given.get("RouteTableIds"):
            why = "an endpoint of type Interface has no routes; expected SubnetIds, or Gateway"
            yield Problem(endpoint.id, ("Properties", "RouteTableIds"), why)


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


def _requests_arrive(design: Design) -> Iterator[Problem]:
    """Whoever is meant to talk to another can: balancer to tasks, tasks to data and AWS."""
    open_ways = reach(design.resolved)
    for service in design.of_type("AWS::ECS::Service"):
        if _known_groups(design, service):
            for why in _unreached(design, service, open_ways):
                yield Problem(service.id, ("Properties", "NetworkConfiguration"), why)
    for listener in design.of_type("AWS::ElasticLoadBalancingV2::Listener"):
        balancer = design.follow(listener.properties.get("LoadBalancerArn"))
        port = number(listener.properties.get("Port"))
        if not balancer or not port or not _known_groups(design, balancer):
            continue
        facing = text(balancer.properties.get("Scheme", "internet-facing"))
        reached = _passes(open_ways, "internet", balancer.id, port)
        if facing == "internet-facing" and not reached:
            why = f"nobody gets to {port:g}: expected a rule in the load balancer's group"
            yield Problem(listener.id, ("Properties", "Port"), why)


def _unreached(design: Design, service: Resource, open_ways: frozenset[Flow]) -> Iterator[str]:
    expected = "expected a rule in both of their security groups"
    for balancer, port in _balancers_of(design, service):
        known = _known_groups(design, balancer)
        if known and not _passes(open_ways, balancer.id, service.id, port):
            yield f"{balancer.origin} can't reach the tasks on {port:g}: {expected}"
    for store, port in _stores_of(design, service):
        known = _known_groups(design, store)
        if known and not _passes(open_ways, service.id, store.id, port):
            yield f"tasks can't reach {store.origin} on {port:g}: {expected}"
    if not _passes(open_ways, service.id, "internet", 443) and not _has_endpoints(design):
        yield "tasks can't reach AWS on 443: expected a rule and a route that let them out"


def _passes(open_ways: frozenset[Flow], source: str, target: str, port: float) -> bool:
    for flow in open_ways:
        if (flow.source, flow.destination) != (source, target):
            continue
        if flow.protocol not in ("tcp", "all"):
            continue
        first, _, last = flow.ports.partition("-")
        if flow.ports == "all" or int(first) <= port <= int(last or first):
            return True
    return False


def _known_groups(design: Design, resource: Resource) -> bool:
    """Whether all the groups of a resource are made here, and its subnets."""
    names = {
        "AWS::ECS::Service": "NetworkConfiguration/AwsvpcConfiguration/SecurityGroups",
        "AWS::ElasticLoadBalancingV2::LoadBalancer": "SecurityGroups",
        "AWS::RDS::DBInstance": "VPCSecurityGroups",
        "AWS::ElastiCache::CacheCluster": "VpcSecurityGroupIds",
        "AWS::ElastiCache::ReplicationGroup": "SecurityGroupIds",
    }
    if resource.type not in names:
        return False
    groups = listed(look(resource.properties, *names[resource.type].split("/")))
    made = [design.follow(group) for group in groups]
    return bool(made) and all(g and g.type == "AWS::EC2::SecurityGroup" for g in made)


def _balancers_of(design: Design, service: Resource) -> Iterator[tuple[Resource, float]]:
    for _, named in each(service.properties, "LoadBalancers", "*"):
        port = number(look(named, "ContainerPort"))
        group = design.follow(look(named, "TargetGroupArn"))
        if port is None or group is None:
            continue
        for listener in design.of_type(
            "AWS::ElasticLoadBalancingV2::Listener",
            "AWS::ElasticLoadBalancingV2::ListenerRule",
        ):
            if group.id in repr(listener.properties):
                parent = listener
                if listener.type.endswith("ListenerRule"):
                    found = design.follow(listener.properties.get("ListenerArn"))
                    parent = found or listener
                balancer = design.follow(parent.properties.get("LoadBalancerArn"))
                if balancer:
                    yield balancer, port


def _stores_of(design: Design, service: Resource) -> Iterator[tuple[Resource, float]]:
    """Yield the databases and caches whose address the service's containers are given."""
    task = design.follow(service.properties.get("TaskDefinition"))
    told = repr(look(task.properties, "ContainerDefinitions")) if task else ""
    for store in design.of_type(
        "AWS::RDS::DBInstance",
        "AWS::ElastiCache::CacheCluster",
        "AWS::ElastiCache::ReplicationGroup",
    ):
        usual = 5432 if store.type == "AWS::RDS::DBInstance" else 6379
        if text(store.properties.get("Engine")) in ("mysql", "mariadb"):
            usual = 3306
        port = number(store.properties.get("Port", usual))
        if port and f"['{store.id}', " in told:
            yield store, port


VPC = """
Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
"""
GROUP = """
Group:
  Type: AWS::EC2::SecurityGroup
  Properties: {GroupDescription: Tasks, VpcId: vpc-1}
"""


def _subnet(title: str, cidr: str, more: str = "") -> str:
    return f"""
{title}:
  Type: AWS::EC2::Subnet
  Properties: {{VpcId: !Ref Vpc, CidrBlock: {cidr}{more}}}
"""


def _ingress(rule: str) -> str:
    return f"""
Group:
  Type: AWS::EC2::SecurityGroup
  Properties:
    GroupDescription: Tasks
    VpcId: vpc-1
    SecurityGroupIngress: [{rule}]
"""


# A public subnet with its way out.
PUBLIC = (
    VPC
    + _subnet("Public", "10.0.1.0/24", ", AvailabilityZone: us-east-1a")
    + """
Gateway: {Type: AWS::EC2::InternetGateway}
Attachment:
  Type: AWS::EC2::VPCGatewayAttachment
  Properties: {VpcId: !Ref Vpc, InternetGatewayId: !Ref Gateway}
PublicRoutes: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !Ref Vpc}}
Out:
  Type: AWS::EC2::Route
  DependsOn: Attachment
  Properties:
    RouteTableId: !Ref PublicRoutes
    DestinationCidrBlock: 0.0.0.0/0
    GatewayId: !Ref Gateway
PublicRouted:
  Type: AWS::EC2::SubnetRouteTableAssociation
  Properties: {SubnetId: !Ref Public, RouteTableId: !Ref PublicRoutes}
"""
)
# And a private one, whose way out is by a NAT gateway.
PRIVATE = (
    PUBLIC
    + _subnet("Private", "10.0.2.0/24", ", AvailabilityZone: us-east-1a")
    + _subnet("Other", "10.0.3.0/24", ", AvailabilityZone: us-east-1b")
    + """
Address: {Type: AWS::EC2::EIP, DependsOn: Attachment, Properties: {Domain: vpc}}
Nat:
  Type: AWS::EC2::NatGateway
  Properties: {AllocationId: !GetAtt Address.AllocationId, SubnetId: !Ref Public}
PrivateRoutes: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !Ref Vpc}}
PrivateOut:
  Type: AWS::EC2::Route
  Properties:
    RouteTableId: !Ref PrivateRoutes
    DestinationCidrBlock: 0.0.0.0/0
    NatGatewayId: !Ref Nat
PrivateRouted:
  Type: AWS::EC2::SubnetRouteTableAssociation
  Properties: {SubnetId: !Ref Private, RouteTableId: !Ref PrivateRoutes}
OtherRouted:
  Type: AWS::EC2::SubnetRouteTableAssociation
  Properties: {SubnetId: !Ref Other, RouteTableId: !Ref PrivateRoutes}
"""
)
# Balancer, tasks and database in groups that let each reach the next.
TALKING = (
    PRIVATE
    + """
BalancerGroup:
  Type: AWS::EC2::SecurityGroup
  Properties:
    GroupDescription: Balancer
    VpcId: !Ref Vpc
    SecurityGroupIngress: [{IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 0.0.0.0/0}]
TasksGroup:
  Type: AWS::EC2::SecurityGroup
  Properties:
    GroupDescription: Tasks
    VpcId: !Ref Vpc
    SecurityGroupIngress:
    - {IpProtocol: tcp, FromPort: 8000, ToPort: 8000, SourceSecurityGroupId: !Ref BalancerGroup}
DatabaseGroup:
  Type: AWS::EC2::SecurityGroup
  Properties:
    GroupDescription: Database
    VpcId: !Ref Vpc
    SecurityGroupIngress:
    - {IpProtocol: tcp, FromPort: 5432, ToPort: 5432, SourceSecurityGroupId: !Ref TasksGroup}
Balancer:
  Type: AWS::ElasticLoadBalancingV2::LoadBalancer
  Properties: {Subnets: [!Ref Public], SecurityGroups: [!Ref BalancerGroup]}
Targets:
  Type: AWS::ElasticLoadBalancingV2::TargetGroup
  Properties: {TargetType: ip, Port: 8000, Protocol: HTTP, VpcId: !Ref Vpc}
Listener:
  Type: AWS::ElasticLoadBalancingV2::Listener
  Properties:
    LoadBalancerArn: !Ref Balancer
    Port: 443
    DefaultActions: [{Type: forward, TargetGroupArn: !Ref Targets}]
Subnets:
  Type: AWS::RDS::DBSubnetGroup
  Properties: {DBSubnetGroupDescription: Private, SubnetIds: [!Ref Private, !Ref Other]}
Database:
  Type: AWS::RDS::DBInstance
  Properties: {DBSubnetGroupName: !Ref Subnets, VPCSecurityGroups: [!Ref DatabaseGroup]}
Task:
  Type: AWS::ECS::TaskDefinition
  Properties:
    ContainerDefinitions:
    - Name: app
      Environment: [{Name: DB_HOST, Value: !GetAtt Database.Endpoint.Address}]
Service:
  Type: AWS::ECS::Service
  Properties:
    TaskDefinition: !Ref Task
    LoadBalancers: [{ContainerName: app, ContainerPort: 8000, TargetGroupArn: !Ref Targets}]
    NetworkConfiguration:
      AwsvpcConfiguration: {Subnets: [!Ref Private], SecurityGroups: [!Ref TasksGroup]}
"""
)
ENDPOINT = """
Endpoint:
  Type: AWS::EC2::VPCEndpoint
  Properties: {VpcId: vpc-1, ServiceName: com.amazonaws.us-east-1.s3, RouteTableIds: [rtb-1]}
"""
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
RULES: tuple[Rule, ...] = (
    Rule(
        "LC1701",
        "error",
        "A subnet is a part of its VPC that no other subnet has",
        "EC2 refuses a subnet outside of its VPC, or one that overlaps another "
        "(InvalidSubnet.Range, InvalidSubnet.Conflict), when the stack is half made.",
        SIZES,
        _subnets_fit,
        good=(VPC + _subnet("A", "10.0.1.0/24") + _subnet("B", "10.0.2.0/24"),),
        bad=(
            VPC + _subnet("A", "10.1.1.0/24"),
            VPC + _subnet("A", "10.0.0.0/20") + _subnet("B", "10.0.2.0/24"),
            VPC + _subnet("A", "10.0.1.0/24") + _subnet("B", "10.0.1.0/24"),
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
            VPC + _subnet("A", "10.0.1.0/28"),
            _ingress("{IpProtocol: tcp, CidrIp: 0.0.0.0/0}"),
        ),
        bad=(
            VPC.replace("10.0.0.0/16", "10.0.0.1/16"),
            VPC.replace("10.0.0.0/16", "10.0.0.0/8"),
            VPC.replace("10.0.0.0/16", "10.0.0.0"),
            VPC + _subnet("A", "10.0.1.0/29"),
            _ingress("{IpProtocol: tcp, CidrIp: 10.0.0.1/8}"),
            _ingress("{IpProtocol: tcp, CidrIp: '::/0'}"),
            PUBLIC.replace("0.0.0.0/0", "10.0.0.1/8"),
        ),
    ),
    Rule(
        "LC1703",
        "error",
        "A rule for TCP or UDP has a range of ports, the lower first",
        "EC2 refuses a rule whose ports are missing, no ports or the wrong way round.",
        RULE_PAGE,
        _ports_make_sense,
        good=(
            _ingress("{IpProtocol: tcp, FromPort: 80, ToPort: 80}"),
            _ingress("{IpProtocol: '-1'}"),
        ),
        bad=(
            _ingress("{IpProtocol: tcp, FromPort: 443, ToPort: 80}"),
            _ingress("{IpProtocol: tcp, FromPort: 80}"),
            _ingress("{IpProtocol: tcp, FromPort: 80, ToPort: 70000}"),
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
            _ingress('{IpProtocol: tcp, Description: "tasks\' rule"}'),
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
            _ingress(
                "{IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIp: 0.0.0.0/0}, "
                "{IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 0.0.0.0/0}"
            ),
        ),
        bad=(
            _ingress(
                "{IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIp: 0.0.0.0/0}, "
                "{IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIp: 0.0.0.0/0, Description: x}"
            ),
            _ingress("{IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIp: 0.0.0.0/0}")
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
            _ingress("{IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 0.0.0.0/0}"),
            _ingress("{IpProtocol: tcp, FromPort: 5432, ToPort: 5432, CidrIp: 10.0.0.0/8}"),
        ),
        bad=(
            _ingress("{IpProtocol: tcp, FromPort: 5432, ToPort: 5432, CidrIp: 0.0.0.0/0}"),
            _ingress("{IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIpv6: '::/0'}"),
            _ingress("{IpProtocol: tcp, FromPort: 6379, ToPort: 6379, CidrIp: 0.0.0.0/1}"),
            _ingress("{IpProtocol: tcp, FromPort: 0, ToPort: 65535, CidrIp: 0.0.0.0/0}"),
            _ingress("{IpProtocol: '-1', CidrIp: 0.0.0.0/0}"),
        ),
    ),
    Rule(
        "LC1708",
        "error",
        "A rule is about one source or destination",
        "EC2 refuses a rule about nobody, and one about a group and a range at once.",
        RULE_PAGE,
        _rules_have_one_peer,
        good=(_ingress("{IpProtocol: '-1', CidrIp: 10.0.0.0/8}"),),
        bad=(
            _ingress("{IpProtocol: '-1'}"),
            _ingress("{IpProtocol: '-1', CidrIp: 10.0.0.0/8, SourceSecurityGroupId: sg-1}"),
        ),
    ),
    Rule(
        "LC1709",
        "error",
        "A NAT gateway has an address of its own, in a public subnet, and a route to it",
        "Without an address EC2 refuses it; in a private subnet it reaches nobody; without a "
        "route nobody goes by it, and it is paid for all the same.",
        NAT,
        _nat_gateways,
        good=(PRIVATE,),
        bad=(
            PRIVATE.replace("AllocationId: !GetAtt Address.AllocationId, ", ""),
            PRIVATE.replace("SubnetId: !Ref Public}", "SubnetId: !Ref Private}", 1).replace(
                "AllocationId, SubnetId: !Ref Public}", "AllocationId, SubnetId: !Ref Private}"
            ),
            PRIVATE.replace("NatGatewayId: !Ref Nat", "NatGatewayId: nat-1"),
            PRIVATE.replace("{Domain: vpc}", "{Domain: standard}"),
            PRIVATE
            + """
Second:
  Type: AWS::EC2::NatGateway
  Properties: {AllocationId: !GetAtt Address.AllocationId, SubnetId: !Ref Public}
SecondOut:
  Type: AWS::EC2::Route
  Properties: {RouteTableId: r, DestinationCidrBlock: 0.0.0.0/0, NatGatewayId: !Ref Second}
""",
        ),
    ),
    Rule(
        "LC1710",
        "error",
        "A route has one target, of the right kind, attached, and no rival",
        "EC2 refuses a route without a target, with two, or to a gateway that isn't attached "
        "to the VPC; and the second route of a table to the same place.",
        ROUTES,
        _routes_lead_somewhere,
        good=(PRIVATE,),
        bad=(
            PUBLIC.replace("    GatewayId: !Ref Gateway\n", ""),
            PRIVATE.replace("NatGatewayId: !Ref Nat", "GatewayId: !Ref Nat"),
            PRIVATE.replace(
                "NatGatewayId: !Ref Nat", "NatGatewayId: !Ref Nat\n    GatewayId: !Ref Gateway"
            ),
            PUBLIC.replace("InternetGatewayId: !Ref Gateway", "InternetGatewayId: igw-1"),
            PRIVATE.replace(
                "RouteTableId: !Ref PrivateRoutes\n    D",
                "RouteTableId: !Ref PublicRoutes\n    D",
            ),
        ),
    ),
    Rule(
        "LC1711",
        "error",
        "Routes and addresses wait until the internet gateway is attached",
        "They mention the gateway, or nothing at all, and so may be made before it is attached "
        "to the VPC: EC2 then refuses them, some of the time.",
        ATTACHMENT,
        _waits_for_attachment,
        good=(PRIVATE,),
        bad=(
            PRIVATE.replace("  DependsOn: Attachment\n", "", 1),
            PRIVATE.replace("DependsOn: Attachment, ", ""),
        ),
    ),
    Rule(
        "LC1712",
        "error",
        "A subnet has one route table",
        "EC2 refuses a second association of a subnet (Resource.AlreadyAssociated). One "
        "without takes the VPC's own table, where none of our routes are: it leads nowhere.",
        ROUTES,
        _subnets_are_routed_once,
        good=(PRIVATE,),
        bad=(
            PUBLIC.replace("SubnetId: !Ref Public,", "SubnetId: subnet-1,"),
            PUBLIC
            + """
Again:
  Type: AWS::EC2::SubnetRouteTableAssociation
  Properties: {SubnetId: !Ref Public, RouteTableId: rtb-1}
""",
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
            VPC + _subnet("A", "10.0.1.0/24", ", AvailabilityZone: !Select [0, !GetAZs '']"),
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
        "LC1716",
        "error",
        "An endpoint is of this region's, of a kind its service has, and on somebody's way",
        "EC2 refuses an endpoint of another region or kind; one without routes or subnets is "
        "made, and used by nobody.",
        ENDPOINTS,
        _endpoints,
        good=(
            ENDPOINT,
            ENDPOINT.replace(".s3", ".ecr.api").replace(
                "RouteTableIds: [rtb-1]", "VpcEndpointType: Interface, SubnetIds: [subnet-1]"
            ),
        ),
        bad=(
            ENDPOINT.replace("us-east-1", "eu-west-1"),
            ENDPOINT.replace(".s3", ".sqs"),
            ENDPOINT.replace(", RouteTableIds: [rtb-1]", ""),
            ENDPOINT.replace("RouteTableIds", "VpcEndpointType: Interface, RouteTableIds"),
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
        "LC1718",
        "error",
        "Who is to talk to whom can: world, load balancer, tasks, data",
        "A port that only one side opens, or a group that isn't the one meant, is no error to "
        "AWS: health checks fail, and the deployment is rolled back an hour later.",
        BALANCER_GROUPS,
        _requests_arrive,
        good=(
            TALKING,
            # What isn't a load balancer has no groups; other rules say that it is none.
            TALKING.replace("LoadBalancerArn: !Ref Balancer", "LoadBalancerArn: !Ref Targets"),
        ),
        bad=(
            TALKING.replace("FromPort: 8000, ToPort: 8000", "FromPort: 8080, ToPort: 8080"),
            TALKING.replace("FromPort: 5432, ToPort: 5432", "FromPort: 3306, ToPort: 3306"),
            TALKING.replace("FromPort: 443, ToPort: 443", "FromPort: 80, ToPort: 80"),
            TALKING.replace("[!Ref DatabaseGroup]", "[!Ref BalancerGroup]"),
            TALKING.replace("[!Ref TasksGroup]", "[!Ref DatabaseGroup]"),
            TALKING.replace(
                "    GroupDescription: Tasks\n",
                "    GroupDescription: Tasks\n    SecurityGroupEgress: [{IpProtocol: tcp, "
                "FromPort: 5432, ToPort: 5432, CidrIp: 10.0.0.0/16}]\n",
            ),
        ),
    ),
)
