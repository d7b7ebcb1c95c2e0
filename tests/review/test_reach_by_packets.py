"""Reach, and a walk of packets over the very same rules, one by one."""

import functools
import ipaddress
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st
from review_sets import association, resolved, route, task

from liberty_cfn.review.reach import reachable

ANYWHERE = "0.0.0.0/0"
BLOCKS = [
    ANYWHERE,
    "10.0.0.0/29",
    "10.0.0.2/32",
    "198.51.100.0/31",
    "198.51.100.1/32",
    "192.168.0.0/31",
]
OUTSIDE = [
    "8.8.8.8",
    "172.16.0.1",
    "198.51.100.0",
    "198.51.100.1",
    "192.168.0.0",
    "192.168.0.1",
]
SUBNETS = {"S0": "10.0.0.0/31", "S1": "10.0.0.2/31", "S2": "10.0.0.4/31"}
VPC = ipaddress.ip_network("10.0.0.0/29")
CHOSEN = (1024, 2000)
PACKETS = [("tcp", 1), ("tcp", 2), ("tcp", 1024), ("icmp", 0)]
NUMBERS = {"tcp": 6, "icmp": 1, "-1": -1}
GROUPS = ("G0", "G1", "G2")

_peers = st.sampled_from([("group", g) for g in GROUPS] + [("cidr", b) for b in BLOCKS])
_passing = st.sampled_from(
    [("tcp", 1, 1), ("tcp", 1, 1024), ("tcp", 2, 2000), ("icmp", -1, -1), ("-1", None, None)]
)
_rules = st.lists(st.tuples(_peers, _passing, st.booleans()), max_size=2)
_entries = st.lists(
    st.tuples(st.booleans(), st.booleans(), st.sampled_from(BLOCKS), _passing), max_size=4
)
_ways = st.sampled_from([None, "GatewayId", "NatGatewayId", "VpcPeeringConnectionId"])
_places = st.lists(
    st.tuples(
        st.lists(st.sampled_from(GROUPS), min_size=1, max_size=2, unique=True),
        st.lists(st.sampled_from(list(SUBNETS)), min_size=1, max_size=2, unique=True),
        st.booleans(),
    ),
    min_size=1,
    max_size=2,
)


@st.composite
def _graphs(draw):
    return {
        "groups": {g: (draw(_rules), draw(_rules)) for g in GROUPS},
        "places": {f"P{n}": place for n, place in enumerate(draw(_places))},
        "ways": {s: (draw(_ways), draw(_ways)) for s in SUBNETS},
        "acls": {s: draw(st.none() | _entries) for s in SUBNETS},
    }


def _written(graph):
    """Return the graph as CloudFormation's resources."""
    made = {"Vpc": ("EC2::VPC", {"CidrBlock": str(VPC)})}
    for subnet, cidr in SUBNETS.items():
        made[subnet] = ("EC2::Subnet", {"VpcId": {"Ref": "Vpc"}, "CidrBlock": cidr})
        made[f"{subnet}Table"] = ("EC2::RouteTable", {})
        made[f"{subnet}Pair"] = association(subnet, f"{subnet}Table")
        for number, way in enumerate(graph["ways"][subnet]):
            if way:
                kind, properties = route(f"{subnet}Table", **{way: {"Ref": "Somewhere"}})
                block = (ANYWHERE, "192.168.0.0/31")[number]
                made[f"{subnet}R{number}"] = kind, {**properties, "DestinationCidrBlock": block}
        if graph["acls"][subnet] is not None:
            made |= _written_acl(subnet, graph["acls"][subnet])
    for group, (inward, outward) in graph["groups"].items():
        properties = {"VpcId": {"Ref": "Vpc"}}
        made[group] = ("EC2::SecurityGroup", properties)
        for side, peer, rules in (("In", "Source", inward), ("E", "Destination", outward)):
            for number, ((kind, name), (protocol, low, high), inline) in enumerate(rules):
                rule = {"IpProtocol": protocol, "FromPort": low, "ToPort": high}
                key = "CidrIp" if kind == "cidr" else f"{peer}SecurityGroupId"
                rule[key] = name if kind == "cidr" else {"Ref": name}
                title = f"SecurityGroup{side}gress"
                if inline:
                    properties.setdefault(title, []).append(rule)
                else:
                    rule["GroupId"] = {"Ref": group}
                    made[f"{group}{side}{number}"] = f"EC2::{title}", rule
    for place, (groups, subnets, public) in graph["places"].items():
        kind, properties = task(groups[0], public=public)
        where = properties["NetworkConfiguration"]["AwsvpcConfiguration"]
        where["SecurityGroups"] = [{"Ref": group} for group in groups]
        where["Subnets"] = [{"Ref": subnet} for subnet in subnets]
        made[place] = kind, properties
    return resolved(**made)


def _written_acl(subnet, entries):
    made = {
        f"{subnet}Acl": ("EC2::NetworkAcl", {}),
        f"{subnet}AclPair": (
            "EC2::SubnetNetworkAclAssociation",
            {"SubnetId": {"Ref": subnet}, "NetworkAclId": {"Ref": f"{subnet}Acl"}},
        ),
    }
    for number, (allow, egress, cidr, (protocol, low, high)) in enumerate(entries):
        made[f"{subnet}Entry{number}"] = (
            "EC2::NetworkAclEntry",
            {
                "NetworkAclId": {"Ref": f"{subnet}Acl"},
                "RuleNumber": number,
                "RuleAction": "allow" if allow else "deny",
                "Egress": egress,
                "CidrBlock": cidr,
                "Protocol": NUMBERS[protocol],
                **({"PortRange": {"From": low, "To": high}} if protocol == "tcp" else {}),
            },
        )
    return made


def _covers(passing, packet):
    kind, low, high = passing
    protocol, port = packet
    return kind == "-1" or (kind == protocol and (kind != "tcp" or low <= port <= high))


@functools.cache
def _in(address, cidr):
    return ipaddress.ip_address(address) in ipaddress.ip_network(cidr)


def _group_lets(graph, group, side, peer, packet):
    """Whether a group lets a packet to or from this peer pass: its groups, its address."""
    rules = graph["groups"][group][side]
    groups, address = peer
    if side == 1 and not any(inline for _, _, inline in rules):
        return True
    return any(
        _covers(passing, packet) and (name in groups if kind == "group" else _in(address, name))
        for (kind, name), passing, _ in rules
    )


def _acl_lets(acl, egress, address, packet):
    for allow, is_egress, cidr, passing in acl or ():
        if is_egress == egress and _in(address, cidr) and _covers(passing, packet):
            return allow
    return acl is None


def _acls_let(acl, egress, address, packet):
    """Whether an ACL lets a packet pass, and its answer to a port that the asker chose."""
    return _acl_lets(acl, egress, address, packet) and any(
        _acl_lets(acl, not egress, address, (packet[0], answer)) for answer in CHOSEN
    )


def _way(graph, subnet, address):
    default, special = graph["ways"][subnet]
    return special if special and _in(address, "192.168.0.0/31") else default


def _walk(graph, source, destination, packet):
    """Whether one packet arrives: both ends are a place (or none), a subnet, an address."""
    places, acls = graph["places"], []
    for end, peer, egress in ((source, destination, True), (destination, source, False)):
        place, subnet, _ = end
        peer_place, peer_subnet, peer_address = peer
        if place is None:
            continue
        their_groups = places[peer_place][0] if peer_place else ()
        own = places[place][0]
        side = 1 if egress else 0
        seen = (their_groups, peer_address)
        if not any(_group_lets(graph, g, side, seen, packet) for g in own):
            return False
        if subnet != peer_subnet:
            acls.append((subnet, egress, peer_address))
        if not peer_place and not _in(peer_address, str(VPC)):
            way = _way(graph, subnet, peer_address)
            private = not _in(peer_address, "8.0.0.0/8") and not _in(
                peer_address, "198.51.100.0/24"
            )
            public = places[place][2]
            by_gateway = way == "GatewayId" and public and not private
            by_nat = way == "NatGatewayId" and egress and not private
            if not (by_gateway or by_nat or way == "VpcPeeringConnectionId"):
                return False
    return all(_acls_let(graph["acls"][s], egress, a, packet) for s, egress, a in acls)


def _addresses(graph, place):
    _, subnets, _ = graph["places"][place]
    return [
        (place, subnet, str(address))
        for subnet in subnets
        for address in ipaddress.ip_network(SUBNETS[subnet])
    ]


def _blocks(graph, place):
    """Return the addresses of each block that a place's rules name, smaller ones left out."""
    rules = [r for g in graph["places"][place][0] for side in graph["groups"][g] for r in side]
    blocks = {name for (kind, name), _, _ in rules if kind == "cidr"} | {ANYWHERE}
    inside = [str(address) for address in VPC]
    return {
        block: [
            (None, None, a)
            for a in OUTSIDE + (inside if block != ANYWHERE else [])
            if _in(a, block) and not any(_in(a, b) for b in blocks if _larger(block, b))
        ]
        for block in blocks
    }


def _walked(graph):
    """Return what passes, as walks of packets find it, by source and destination."""
    found = {}
    for one, other in product(graph["places"], graph["places"]):
        ends = _addresses(graph, one), _addresses(graph, other)
        found[one, other] = _packets(graph, *ends)
    for place in graph["places"]:
        own, blocks = _addresses(graph, place), _blocks(graph, place)
        inward = {b: _packets(graph, addresses, own) for b, addresses in blocks.items()}
        outward = {b: _packets(graph, own, addresses) for b, addresses in blocks.items()}
        for block in blocks:
            around = [other for other in blocks if _larger(other, block)]
            found[block, place] = inward[block].difference(*(inward[b] for b in around))
            found[place, block] = outward[block].difference(*(outward[b] for b in around))
    return {pair: packets for pair, packets in found.items() if packets}


def _packets(graph, sources, destinations):
    return {
        packet
        for packet in PACKETS
        if any(
            _walk(graph, one, other, packet) for one, other in product(sources, destinations)
        )
    }


def _larger(block, name):
    one, other = ipaddress.ip_network(block), ipaddress.ip_network(name)
    return one != other and other.subnet_of(one)


@settings(max_examples=40)
@given(_graphs())
def test_reach_is_what_a_walk_of_packets_over_the_rules_finds(graph):
    found = {}
    for (source, destination), spans in reachable(_written(graph)).items():
        pair = tuple(ANYWHERE if end == "internet" else end for end in (source, destination))
        # Groups that nobody has are places, too, but not in what is walked.
        if packets := {packet for packet in PACKETS if _passes(spans, packet)}:
            found |= {} if set(pair) & set(GROUPS) else {pair: packets}
    assert found == _walked(graph)


def _passes(spans, packet):
    protocol, port = packet
    number = NUMBERS[protocol] * 65536 + port
    return any(low <= number <= high for low, high in spans)
