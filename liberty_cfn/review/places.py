"""Who is where: security groups and who has them, subnets, routes and network ACLs.

What a template doesn't say (a subnet or a group from elsewhere) is taken to be as open as
it could be.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from liberty_cfn.model.resolving import Resolved, Resource
from liberty_cfn.review.spelling import listed, named, spelled
from liberty_cfn.review.traffic import (
    EVERYTHING,
    IPV4_SPACE,
    IPV6_SPACE,
    Spans,
    common,
    network,
    traffic,
    union,
)

INTERNET, INTERNET_V6 = "internet", "internet (IPv6)"
GATEWAY, NAT, EGRESS_ONLY = "internet gateway", "NAT gateway", "egress-only internet gateway"
ELSEWHERE = "elsewhere"


def _networks(*cidrs: str) -> Spans:
    return union(*filter(None, map(network, cidrs)))


# Nobody on the internet has these: https://www.rfc-editor.org/rfc/rfc1918, rfc6598, rfc4193.
PRIVATE = _networks(
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"
)
# Nobody else at all has these: they never leave a machine, or a link.
NOBODY = _networks("127.0.0.0/8", "169.254.0.0/16", "::1/128", "fe80::/10")


@dataclass(frozen=True)
class Rule:
    """What a group lets pass, and whom: a group, or addresses and what they are called.

    A prefix list that only AWS knows has a name and no addresses.
    """

    group: str
    name: str
    addresses: Spans
    traffic: Spans


@dataclass(frozen=True)
class Group:
    id: str
    inward: tuple[Rule, ...]
    outward: tuple[Rule, ...]


@dataclass(frozen=True)
class Entry:
    """An entry of a network ACL."""

    addresses: Spans
    traffic: Spans
    allowed: bool


@dataclass(frozen=True)
class Acl:
    """Entries in the order in which the first that fits decides."""

    inward: tuple[Entry, ...]
    outward: tuple[Entry, ...]


@dataclass(frozen=True)
class Route:
    """Where a subnet sends what goes to these addresses, or to this prefix list.

    `name` is what the addresses or the list are called, `target` what it sends it to.
    """

    name: str
    addresses: Spans
    prefix_list: str
    way: str
    target: str = ""


@dataclass(frozen=True)
class Subnet:
    """`routes` is None where they aren't known, `acl` where everything passes."""

    id: str
    vpc: str
    addresses: Spans
    routes: tuple[Route, ...] | None = None
    acl: Acl | None = None
    gives_addresses: bool = False


@dataclass(frozen=True)
class Place:
    """Something with security groups in subnets; `public` if it has a public address."""

    id: str
    groups: tuple[Group, ...]
    subnets: tuple[Subnet, ...]
    public: bool


@dataclass(frozen=True)
class _Shape:
    """Where a type says its groups and subnets, and when it has a public address.

    `public` is a property, and the value that means not; `unsaid` is what it means when it
    isn't there.
    """

    groups: str
    subnets: str = ""
    subnet_group: str = ""
    public: tuple[str, str] = ("", "")
    unsaid: bool = False


VPC_CONFIG = "NetworkConfiguration.AwsvpcConfiguration"
SHAPES = {
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _Shape(
        "SecurityGroups", "Subnets", public=("Scheme", "internal"), unsaid=True
    ),
    "AWS::ElasticLoadBalancing::LoadBalancer": _Shape(
        "SecurityGroups", "Subnets", public=("Scheme", "internal"), unsaid=True
    ),
    "AWS::ECS::Service": _Shape(
        f"{VPC_CONFIG}.SecurityGroups",
        f"{VPC_CONFIG}.Subnets",
        public=(f"{VPC_CONFIG}.AssignPublicIp", "DISABLED"),
    ),
    # Not said, a database in a VPC with an internet gateway has a public address:
    # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
    "AWS::RDS::DBInstance": _Shape(
        "VPCSecurityGroups",
        subnet_group="DBSubnetGroupName",
        public=("PubliclyAccessible", "false"),
        unsaid=True,
    ),
    "AWS::RDS::DBCluster": _Shape(
        "VpcSecurityGroupIds",
        subnet_group="DBSubnetGroupName",
        public=("PubliclyAccessible", "false"),
        unsaid=True,
    ),
    "AWS::ElastiCache::CacheCluster": _Shape(
        "VpcSecurityGroupIds", subnet_group="CacheSubnetGroupName"
    ),
    "AWS::ElastiCache::ReplicationGroup": _Shape(
        "SecurityGroupIds", subnet_group="CacheSubnetGroupName"
    ),
    "AWS::ElastiCache::ServerlessCache": _Shape("SecurityGroupIds", "SubnetIds"),
    "AWS::Lambda::Function": _Shape("VpcConfig.SecurityGroupIds", "VpcConfig.SubnetIds"),
    "AWS::EC2::Instance": _Shape("SecurityGroupIds", "SubnetId"),
    "AWS::EC2::NetworkInterface": _Shape("GroupSet", "SubnetId"),
    "AWS::EC2::VPCEndpoint": _Shape("SecurityGroupIds", "SubnetIds"),
    "AWS::EFS::MountTarget": _Shape("SecurityGroups", "SubnetId"),
}
# These are in no subnet unless they say so.
MAY_BE_OUTSIDE = ("AWS::Lambda::Function", "AWS::EC2::VPCEndpoint", "AWS::ECS::Service")
TARGETS = {
    "NatGatewayId": NAT,
    "EgressOnlyInternetGatewayId": EGRESS_ONLY,
    "TransitGatewayId": ELSEWHERE,
    "VpcPeeringConnectionId": ELSEWHERE,
    "NetworkInterfaceId": ELSEWHERE,
    "InstanceId": ELSEWHERE,
    "VpcEndpointId": ELSEWHERE,
    "LocalGatewayId": ELSEWHERE,
    "CarrierGatewayId": ELSEWHERE,
    "CoreNetworkArn": ELSEWHERE,
}


@dataclass(frozen=True)
class Network:
    """All places, the subnets and the addresses of each VPC."""

    places: tuple[Place, ...]
    subnets: Mapping[str, Subnet]
    vpcs: Mapping[str, Spans]


def survey(resolved: Resolved) -> Network:
    """Return the network that resources make."""
    return _Survey(resolved).network()


class _Survey:
    def __init__(self, resolved: Resolved) -> None:
        self.resolved = resolved
        self.vpcs = self._vpcs()
        self.groups = self._groups()
        self.acls = self._acls()
        self.routes = self._routes()
        self.subnets = {s.id: self._subnet(s) for s in resolved.of_type("AWS::EC2::Subnet")}

    def network(self) -> Network:
        places = [p for r in self.resolved.of_type(*SHAPES) for p in self._place(r)]
        held = {group.id for place in places for group in place.groups}
        rules = [r for g in self.groups.values() for r in (*g.inward, *g.outward)]
        strangers = [r.group for r in rules if r.group and r.group not in self.groups]
        for title in dict.fromkeys([*self.groups, *strangers]):
            # Nobody here has it, but somebody may.
            if title not in held:
                groups = (self.groups.get(title) or _stranger(title),)
                places.append(Place(title, groups, (self._somewhere(title),), public=True))
        return Network(tuple(places), self.subnets, self.vpcs)

    def _vpcs(self) -> dict[str, Spans]:
        found = {}
        for vpc in self.resolved.of_type("AWS::EC2::VPC"):
            found[vpc.id] = network(spelled(vpc.properties.get("CidrBlock"))) or ()
        for more in self.resolved.of_type("AWS::EC2::VPCCidrBlock"):
            block = network(spelled(more.properties.get("CidrBlock"))) or ()
            vpc_id = named(more.properties.get("VpcId"))
            found[vpc_id] = union(found.get(vpc_id, ()), block)
        return found

    # --- security groups

    def _groups(self) -> dict[str, Group]:
        inward: dict[str, list[Rule]] = {}
        outward: dict[str, list[Rule]] = {}
        for group in self.resolved.of_type("AWS::EC2::SecurityGroup"):
            inside = group.properties.get("SecurityGroupIngress")
            outside = group.properties.get("SecurityGroupEgress")
            inward[group.id] = [r for p in listed(inside) for r in self._rules(p, "Source")]
            outward[group.id] = [
                r for p in listed(outside) for r in self._rules(p, "Destination")
            ]
            # AWS adds a rule of its own to a group made without one; a rule that is a
            # resource comes too late to replace it.
            if not outside:
                outward[group.id] += _anywhere()
        for kind, peer, found in (
            ("AWS::EC2::SecurityGroupIngress", "Source", inward),
            ("AWS::EC2::SecurityGroupEgress", "Destination", outward),
        ):
            for rule in self.resolved.of_type(kind):
                owner = named(rule.properties.get("GroupId", rule.properties.get("GroupName")))
                found.setdefault(owner, []).extend(self._rules(rule.properties, peer))
        made = [*inward, *(title for title in outward if title not in inward)]
        return {
            title: Group(title, tuple(inward.get(title, ())), tuple(outward.get(title, ())))
            for title in made
        }

    def _rules(self, rule: Any, peer: str) -> Iterator[Rule]:
        if not isinstance(rule, dict):
            return
        passing = traffic(
            spelled(rule.get("IpProtocol", "-1")).strip('"'),
            _number(rule.get("FromPort")),
            _number(rule.get("ToPort")),
        )
        for key in ("CidrIp", "CidrIpv6"):
            if key in rule:
                yield self._from_addresses(rule[key], passing)
        if (prefixes := rule.get(f"{peer}PrefixListId")) is not None:
            yield from self._from_list(named(prefixes), passing)
        group = rule.get(f"{peer}SecurityGroupId", rule.get(f"{peer}SecurityGroupName"))
        if group is not None:
            yield Rule(named(group), "", (), passing)

    def _from_addresses(self, value: Any, passing: Spans) -> Rule:
        match value:
            case {"Fn::GetAtt": [title, "CidrBlock"]} if title in self.resolved.resources:
                block = self.resolved.resources[title].properties.get("CidrBlock")
                value = block if isinstance(block, str) else value
        if isinstance(value, dict) and named(value) in self.vpcs:
            return Rule("", f"{named(value)}'s addresses", self.vpcs[named(value)], passing)
        return Rule("", network_name(spelled(value)), network(spelled(value)) or (), passing)

    def _from_list(self, title: str, passing: Spans) -> Iterator[Rule]:
        made = self.resolved.resources.get(title)
        entries = listed(made.properties.get("Entries")) if made else []
        if not entries:
            yield Rule("", title, (), passing)
        for entry in entries:
            yield self._from_addresses(entry.get("Cidr"), passing)

    # --- subnets

    def _subnet(self, subnet: Resource) -> Subnet:
        vpc = named(subnet.properties.get("VpcId"))
        v4 = network(spelled(subnet.properties.get("CidrBlock", "")))
        v6 = subnet.properties.get("Ipv6CidrBlock")
        known_v6 = network(spelled(v6)) or IPV6_SPACE if v6 else ()
        return Subnet(
            subnet.id,
            vpc,
            union(v4 or self.vpcs.get(vpc) or PRIVATE, known_v6),
            self.routes.get(subnet.id, ()),
            self.acls.get(subnet.id),
            gives_addresses=_true(subnet.properties.get("MapPublicIpOnLaunch")),
        )

    def _routes(self) -> dict[str, tuple[Route, ...] | None]:
        """Return the routes of each subnet that has a table; None if it is from elsewhere."""
        tables: dict[str, list[Route]] = {}
        for route in self.resolved.of_type("AWS::EC2::Route"):
            table = named(route.properties.get("RouteTableId"))
            tables.setdefault(table, []).append(self._route(route.properties))
        for endpoint in self.resolved.of_type("AWS::EC2::VPCEndpoint"):
            for table in listed(endpoint.properties.get("RouteTableIds")):
                service = spelled(endpoint.properties.get("ServiceName"))
                tables.setdefault(named(table), []).append(
                    Route(service, (), service, ELSEWHERE, endpoint.id)
                )
        found = {
            named(pair.properties.get("SubnetId")): tables.get(
                table, [] if table in self.resolved.resources else None
            )
            for pair in self.resolved.of_type("AWS::EC2::SubnetRouteTableAssociation")
            if (table := named(pair.properties.get("RouteTableId")))
        }
        cut_off = set(self._cut_off(found))
        return {
            subnet: None
            if routes is None
            else tuple(route for route in routes if route.target not in cut_off)
            for subnet, routes in found.items()
        }

    def _cut_off(self, routes: Mapping[str, list[Route] | None]) -> Iterator[str]:
        """Yield NAT gateways that lead nowhere: in no subnet with an internet gateway."""
        for nat in self.resolved.of_type("AWS::EC2::NatGateway"):
            subnet = named(nat.properties.get("SubnetId", ""))
            table = routes.get(subnet, [])
            ways = {route.way for route in table or ()}
            known = not subnet or (subnet in self.resolved.resources and table is not None)
            everywhere = _text(nat.properties.get("AvailabilityMode", "")) == "regional"
            private = _text(nat.properties.get("ConnectivityType", "")) == "private"
            if private or (known and GATEWAY not in ways and not everywhere):
                yield nat.id

    def _route(self, properties: Mapping[str, Any]) -> Route:
        written = properties.get(
            "DestinationCidrBlock", properties.get("DestinationIpv6CidrBlock", "")
        )
        key = next((key for key in TARGETS if key in properties), "GatewayId")
        way = TARGETS.get(key, ELSEWHERE)
        if (gateway := properties.get("GatewayId")) is not None:
            private = [vpn.id for vpn in self.resolved.of_type("AWS::EC2::VPNGateway")]
            title = named(gateway)
            way = ELSEWHERE if title.startswith("vgw-") or title in private else GATEWAY
        prefix_list = named(properties.get("DestinationPrefixListId", ""))
        return Route(
            prefix_list or network_name(spelled(written)),
            network(spelled(written)) or (),
            prefix_list,
            way,
            named(properties.get(key, "")),
        )

    def _acls(self) -> dict[str, Acl]:
        """Return the network ACL of each subnet that has one here."""
        entries: dict[str, list[Mapping[str, Any]]] = {
            acl.id: [] for acl in self.resolved.of_type("AWS::EC2::NetworkAcl")
        }
        for entry in self.resolved.of_type("AWS::EC2::NetworkAclEntry"):
            owner = named(entry.properties.get("NetworkAclId"))
            entries.setdefault(owner, []).append(entry.properties)
        return {
            named(pair.properties.get("SubnetId")): _acl(entries[acl])
            for pair in self.resolved.of_type("AWS::EC2::SubnetNetworkAclAssociation")
            if (acl := named(pair.properties.get("NetworkAclId"))) in entries
        }

    # --- who has groups

    def _place(self, resource: Resource) -> Iterator[Place]:
        shape = SHAPES[resource.type]
        interface = _first_interface(resource)
        titles = [named(g) for g in listed(_at(resource.properties, shape.groups))]
        titles += [named(g) for g in listed(interface.get("GroupSet"))]
        subnets = self._subnets_of(resource, shape)
        if resource.type in MAY_BE_OUTSIDE and not titles and subnets[0].id == resource.id:
            return
        groups = [self.groups.get(title) or _stranger(title) for title in titles]
        if not groups:
            groups = [_default(subnets)]
            if _at(resource.properties, "Type") in ("network", "gateway"):
                groups = [_open(resource.id)]
        yield Place(resource.id, tuple(groups), subnets, self._public(resource, shape, subnets))

    def _subnets_of(self, resource: Resource, shape: _Shape) -> tuple[Subnet, ...]:
        found = listed(_at(resource.properties, shape.subnets)) if shape.subnets else []
        mappings = listed(resource.properties.get("SubnetMappings"))
        found = found + [m.get("SubnetId") for m in mappings if isinstance(m, dict)]
        found = found + listed(_first_interface(resource).get("SubnetId"))
        if shape.subnet_group:
            group = self.resolved.resources.get(
                named(resource.properties.get(shape.subnet_group))
            )
            found = found + listed(group.properties.get("SubnetIds") if group else None)
        titles = [named(subnet) for subnet in found]
        if not titles:
            return (self._somewhere(resource.id),)
        return tuple(self.subnets.get(title) or self._somewhere(title) for title in titles)

    def _somewhere(self, title: str) -> Subnet:
        """Return a subnet of which nothing is known but the VPC, where a group says it."""
        group = self.resolved.resources.get(title)
        vpc = named(group.properties.get("VpcId", "")) if group else ""
        return Subnet(title, vpc, self.vpcs.get(vpc) or common(PRIVATE, IPV4_SPACE))

    def _public(self, resource: Resource, shape: _Shape, subnets: tuple[Subnet, ...]) -> bool:
        where, means_not = shape.public
        if where:
            said = _at(resource.properties, where)
            return shape.unsaid if said is None else _text(said) != means_not.lower()
        if resource.type not in ("AWS::EC2::Instance", "AWS::EC2::NetworkInterface"):
            return False
        given = _first_interface(resource).get("AssociatePublicIpAddress")
        if given is not None and _true(given):
            return True
        fixed = [
            named(address.properties.get(key))
            for kind in ("AWS::EC2::EIP", "AWS::EC2::EIPAssociation")
            for address in self.resolved.of_type(kind)
            for key in ("InstanceId", "NetworkInterfaceId")
        ]
        gives = given is None and any(subnet.gives_addresses for subnet in subnets)
        return gives or resource.id in fixed


def network_name(cidr: str) -> str:
    """Return what addresses are called: their CIDR block, or the internet."""
    try:
        block = str(ipaddress.ip_network(cidr, strict=False))
    except ValueError:
        return cidr
    return {"0.0.0.0/0": INTERNET, "::/0": INTERNET_V6}.get(block, block)


def _anywhere() -> list[Rule]:
    return [
        Rule("", INTERNET, IPV4_SPACE, EVERYTHING),
        Rule("", INTERNET_V6, IPV6_SPACE, EVERYTHING),
    ]


def _open(title: str) -> Group:
    return Group(title, tuple(_anywhere()), tuple(_anywhere()))


def _stranger(title: str) -> Group:
    """Return a group from elsewhere: whom it lets in isn't known; it is let out."""
    return Group(title, (), tuple(_anywhere()))


def _default(subnets: tuple[Subnet, ...]) -> Group:
    """Return the group that AWS gives who has none: its members reach each other.

    https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html
    """
    title = f"default group of {subnets[0].vpc or 'the VPC'}"
    return Group(title, (Rule(title, "", (), EVERYTHING),), tuple(_anywhere()))


def _acl(entries: list[Mapping[str, Any]]) -> Acl:
    ordered = sorted(entries, key=lambda entry: _number(entry.get("RuleNumber")) or 0)
    inward = [_entry(entry) for entry in ordered if not _true(entry.get("Egress"))]
    outward = [_entry(entry) for entry in ordered if _true(entry.get("Egress"))]
    return Acl(tuple(inward), tuple(outward))


def _entry(entry: Mapping[str, Any]) -> Entry:
    ports = entry.get("PortRange")
    ports = ports if isinstance(ports, dict) else {}
    icmp = entry.get("Icmp")
    kind = icmp.get("Type") if isinstance(icmp, dict) else None
    written = spelled(entry.get("CidrBlock", entry.get("Ipv6CidrBlock", "")))
    return Entry(
        network(written) or union(IPV4_SPACE, IPV6_SPACE),
        traffic(
            spelled(entry.get("Protocol", -1)),
            _number(ports.get("From", kind)),
            _number(ports.get("To")),
        ),
        allowed=_text(entry.get("RuleAction")) == "allow",
    )


def _first_interface(resource: Resource) -> Mapping[str, Any]:
    interfaces = listed(resource.properties.get("NetworkInterfaces"))
    first = interfaces[0] if interfaces else {}
    return first if isinstance(first, dict) else {}


def _at(properties: Mapping[str, Any], path: str) -> Any:
    value: Any = properties
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _number(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def _true(value: Any) -> bool:
    return _text(value) == "true"


def _text(value: Any) -> str:
    return spelled(value).lower()
