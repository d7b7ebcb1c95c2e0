"""What another route means for what stands in a subnet: its ways out, and the public's in.

A connection between places that are known is told by opening; a route counts for whatever is
in its subnet, also in one of several, and for what starts there later.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from liberty_cfn.model.resolving import Resolved
from liberty_cfn.review.changes import Action, Change
from liberty_cfn.review.findings import Finding, Kind
from liberty_cfn.review.places import (
    ELSEWHERE,
    GATEWAY,
    INTERNET,
    INTERNET_V6,
    NAT,
    Network,
    Place,
    Route,
    Subnet,
    survey,
)
from liberty_cfn.review.reach import most_specific
from liberty_cfn.review.spelling import named
from liberty_cfn.review.traffic import without

# What says where a subnet sends what leaves it.
ROUTED = (
    *("AWS::EC2::NatGateway", "AWS::EC2::Route", "AWS::EC2::RouteTable"),
    *("AWS::EC2::SubnetRouteTableAssociation", "AWS::EC2::VPCEndpoint"),
)
ENDPOINTS = "https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-s3.html"
GATEWAYS = "https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html"
NATS = "https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html"
BREAK = "open connections break; new ones come from another address"
Said = Iterator[tuple[Kind, str, str]]


@dataclass(frozen=True)
class _Side:
    """A version of a set, and its network."""

    resolved: Resolved
    network: Network

    def name(self, title: str) -> str:
        found = self.resolved.resources.get(title)
        return str(found.origin) if found else title

    def through(self, route: Route | None) -> str:
        if route is None:
            return ""
        what = "" if route.way == ELSEWHERE else f"the {route.way} "
        return f"through {what}{self.name(route.target)}"

    def listed(self, places: Sequence[Place]) -> str:
        return f" ({', '.join(self.name(p.id) for p in places)})" if places else ""


def routed(changes: Sequence[Change], before: Resolved, after: Resolved) -> Iterator[Finding]:
    """Yield, for subnets that stay, what is sent another way, or none, and what gets one."""
    if not before.resources or not any(map(_routes, changes)):
        return
    was, now = _Side(before, survey(before)), _Side(after, survey(after))
    found: dict[tuple[Kind, str, str], list[Subnet]] = {}
    for title, subnet in now.network.subnets.items():
        if title in was.network.subnets:
            for said in _of_subnet(was.network.subnets[title], subnet, was, now):
                found.setdefault(said, []).append(subnet)
    for (kind, text, source), subnets in found.items():
        there = ", ".join(now.name(subnet.id) for subnet in subnets)
        yield Finding(kind, subnets[0].id, f"{there}: {text}", source)
    yield from _unplaced(changes, was)


def _routes(change: Change) -> bool:
    if change.type not in ROUTED:
        return False
    return change.action is not Action.CHANGE or any(not p.because for p in change.properties)


def _unplaced(changes: Sequence[Change], was: _Side) -> Iterator[Finding]:
    """Yield routes that go from a table that no subnet here is known to have."""
    tables = {
        named(pair.properties.get("RouteTableId"))
        for pair in was.resolved.of_type("AWS::EC2::SubnetRouteTableAssociation")
        if named(pair.properties.get("SubnetId")) in was.network.subnets
    }
    for change in changes:
        gone = change.action is Action.REMOVE and change.type == "AWS::EC2::Route"
        if not gone or change.moved or change.before is None:
            continue
        if named(change.before.properties.get("RouteTableId")) not in tables:
            text = f"{change.name} is removed: what it sent on finds no way"
            yield Finding(Kind.INTERRUPTION, change.id, text)


def _of_subnet(old: Subnet, new: Subnet, was: _Side, now: _Side) -> Said:
    if old.routes is None or new.routes is None:
        return
    destinations = {route.name: route for route in (*old.routes, *new.routes)}
    inside = [place for place in now.network.places if new in place.subnets]
    known = {place.id for place in was.network.places}
    there = [place for place in inside if place.id in known]
    public = now.listed([place for place in there if place.public])
    private = now.listed([place for place in there if not place.public])
    for name, route in destinations.items():
        one, other = _taken(old.routes, route), _taken(new.routes, route)
        if (one and (one.way, one.target)) == (other and (other.way, other.target)):
            continue
        to = _destination(name)
        if other is None:
            text = f"no way to {to} any more; it was {was.through(one)}{now.listed(there)}"
            yield Kind.INTERRUPTION, text, ""
            continue
        if one is not None:
            said = f"to {to} {now.through(other)}, no longer {was.through(one)}"
            yield from _another_way(one, other, said, public, private)
        elif other.way != GATEWAY:
            yield Kind.OPENS, f"a way to {to}, {now.through(other)}", ""
        opens = other.way == GATEWAY and not route.prefix_list
        if opens and (one is None or one.way != GATEWAY):
            yield Kind.OPENS, _opened(to, other, new, inside, now), GATEWAYS


def _another_way(one: Route, other: Route, said: str, public: str, private: str) -> Said:
    """Yield what it means that what goes somewhere is sent another way than before.

    `public` and `private` name what stands there, with and without a public address.
    """
    over_ipv6 = INTERNET_V6 in (one.name, other.name)
    if other.way == GATEWAY and one.way != GATEWAY:
        if not over_ipv6:
            text = f"{said}: what has no public address{private} finds no way there any more"
            yield Kind.INTERRUPTION, text, GATEWAYS
    elif one.way == GATEWAY and other.way != GATEWAY and not other.prefix_list:
        kind = Kind.INTERRUPTION if public or over_ipv6 else Kind.CLOSES
        text = f"{said}: nobody gets in from there any more to what has a public address"
        yield kind, f"{text}{public}", GATEWAYS
    elif one.prefix_list or other.prefix_list:
        text = f"{said}: {BREAK}, which policies may ask for"
        yield Kind.INTERRUPTION, text, ENDPOINTS
    elif NAT in (one.way, other.way):
        text = f"{said}: {BREAK}, which others may have to let in"
        yield Kind.INTERRUPTION, text, NATS
    else:
        yield Kind.INTERRUPTION, f"{said}: open connections break", ""


def _opened(to: str, route: Route, subnet: Subnet, inside: Sequence[Place], now: _Side) -> str:
    who = now.listed([place for place in inside if place.public]) or ", nothing here so far,"
    gives = "; what starts there gets one" if subnet.gives_addresses else ""
    return (
        f"public now, {now.through(route)}: what has a public address{who} goes out to {to}, "
        f"and can be reached from there, as its groups let it{gives}"
    )


def _taken(routes: Sequence[Route], wanted: Route) -> Route | None:
    """Return the route by which a subnet sends what goes where another route leads."""
    exact = [route for route in routes if route.name == wanted.name]
    if exact:
        return exact[0]
    if wanted.prefix_list:
        return next((route for route in routes if route.name == INTERNET), None)
    around = [r for r in routes if r.addresses and not without(wanted.addresses, r.addresses)]
    return most_specific(around) if around and wanted.addresses else None


def _destination(name: str) -> str:
    """Return what is at the other end in words: the internet, a service, addresses."""
    if name in (INTERNET, INTERNET_V6):
        return f"the {name}"
    return name.rsplit(".", 1)[-1].upper() if name.startswith("com.amazonaws.") else name
