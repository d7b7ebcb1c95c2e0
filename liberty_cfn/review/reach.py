"""Who can open a connection to whom, on the whole graph of groups, routes and ACLs.

A connection is possible if the rules of both sides let it pass, a route leads there, and
no network ACL stops it or its answers. It is counted if it is possible for some of the
addresses on either side. The internet and other addresses outside are sides without rules
of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from liberty_cfn.model.resolving import Resolved
from liberty_cfn.review.places import (
    EGRESS_ONLY,
    ELSEWHERE,
    GATEWAY,
    INTERNET,
    INTERNET_V6,
    NAT,
    NOBODY,
    PRIVATE,
    Acl,
    Entry,
    Network,
    Place,
    Route,
    Rule,
    Subnet,
    survey,
)
from liberty_cfn.review.traffic import (
    EVERYTHING,
    IPV4_SPACE,
    IPV6,
    IPV6_SPACE,
    NUMBERS,
    PORTS,
    Span,
    Spans,
    common,
    cut,
    network,
    spelled,
    union,
    without,
)

Reach = Mapping[tuple[str, str], Spans]
# Where answers to a connection go: https://docs.aws.amazon.com/vpc/latest/userguide/custom-network-acl.html
EPHEMERAL = 1024


@dataclass(frozen=True, order=True)
class Flow:
    """Who can open a connection to whom: ("internet", "EntranceLoadBalancer", "tcp", "443").

    `source` and `destination` are flat ids, "internet", a CIDR block or a prefix list;
    `protocol` and `ports` are "all" where any passes, `ports` else one or a range: "80-90".
    """

    source: str
    destination: str
    protocol: str
    ports: str

    def __str__(self) -> str:
        what = self.protocol if self.ports == "all" else f"{self.protocol} {self.ports}"
        return f"{self.source} to {self.destination}: {what}"


@dataclass(frozen=True)
class Ways:
    """How a subnet and the internet reach each other: by which gateways, if at all."""

    inward: frozenset[str]
    outward: frozenset[str]


def reach(resolved: Resolved) -> frozenset[Flow]:
    """Return every connection that can be opened."""
    return frozenset(flows(reachable(resolved)))


def flows(found: Reach) -> Iterator[Flow]:
    """Yield the flows of a reach, which are spans, in words."""
    for (source, destination), spans in found.items():
        for protocol, ports in spelled(spans):
            yield Flow(source, destination, protocol, ports)


def opened(before: Reach, after: Reach) -> list[Flow]:
    """Return what `after` lets pass that `before` doesn't; what is closed the other way round.

    Addresses that were part of a larger block, such as the internet, could do what that
    could.
    """
    found = {}
    for (source, destination), spans in after.items():
        had = [
            passing
            for (other, place), passing in before.items()
            if place == destination and (other == source or _holds(other, source))
        ]
        if news := without(spans, union(*had)):
            found[source, destination] = news
    return sorted(flows(found))


def ways(resolved: Resolved) -> dict[str, Ways]:
    """Return how each subnet and the internet reach each other, as the routes say.

    From the internet, only what has a public address can be reached, and only through an
    internet gateway; a NAT gateway lets nobody in.
    """
    world = _World(survey(resolved))
    found = {}
    for title, subnet in world.network.subnets.items():
        outward = world.internet_ways(subnet)
        found[title] = Ways(outward & {GATEWAY}, outward)
    return found


def reachable(resolved: Resolved) -> Reach:
    """Return what passes, by who opens the connection, and to whom."""
    world = _World(survey(resolved))
    places = world.network.places
    found = {(a.id, b.id): world.between(a, b) for a in places for b in places}
    for place in places:
        blocks = world.blocks(place)
        inward = {name: world.inward(name, blocks[name], place) for name in blocks}
        outward = {name: world.outward(place, name, blocks[name]) for name in blocks}
        for name in blocks:
            around = [other for other in blocks if _holds(other, name)]
            above = union(*(inward[other] for other in around))
            found[name, place.id] = without(inward[name], above)
            above = union(*(outward[other] for other in around))
            found[place.id, name] = without(outward[name], above)
    return {pair: spans for pair, spans in found.items() if spans}


class _World:
    """A network, and what is around it as far as rules name it."""

    def __init__(self, network_: Network) -> None:
        self.network = network_

    def blocks(self, place: Place) -> dict[str, Spans]:
        """Return the addresses and prefix lists that a place's rules name.

        Those of a smaller block are left to it. A prefix list that only AWS knows has none.
        """
        rules = [rule for rule in (*_inward(place), *_outward(place)) if rule.name]
        blocks = {rule.name: rule.addresses for rule in rules} | {INTERNET: IPV4_SPACE}
        if any(subnet.addresses[-1][1] >= IPV6 for subnet in place.subnets):
            blocks[INTERNET_V6] = IPV6_SPACE
        else:
            blocks.pop(INTERNET_V6, None)
        return {
            name: without(
                addresses,
                union(*(a for a in blocks.values() if _inside(a, addresses))),
            )
            for name, addresses in blocks.items()
        }

    @cached_property
    def cuts(self) -> tuple[int, ...]:
        """Where addresses begin to be treated differently by a route or an ACL."""
        places = self.network.places
        subnets = [*self.network.subnets.values(), *(s for p in places for s in p.subnets)]
        spans: list[Span] = []
        for subnet in dict.fromkeys(subnets):
            for route in subnet.routes or ():
                spans += route.addresses
            for entry in (*subnet.acl.inward, *subnet.acl.outward) if subnet.acl else ():
                spans += entry.addresses
        return tuple({start for low, high in spans for start in (low, high + 1)})

    def between(self, a: Place, b: Place) -> Spans:
        """Return what passes from one place to another."""
        return union(
            *(self._from_subnet(a, one, b, other) for one in a.subnets for other in b.subnets)
        )

    def _from_subnet(self, a: Place, one: Subnet, b: Place, other: Subnet) -> Spans:
        acls = (one.acl, other.acl) if one != other else (None, None)
        there = [
            common(_let(_outward(a), b, piece), _acl(acls[0], piece, outward=True))
            for piece in cut(other.addresses, self.cuts)
            if self._near(one, other, piece)
        ]
        here = [
            common(_let(_inward(b), a, piece), _acl(acls[1], piece, outward=False))
            for piece in cut(one.addresses, self.cuts)
            if self._near(other, one, piece)
        ]
        return common(union(*there), union(*here))

    def _near(self, one: Subnet, other: Subnet, piece: Span) -> bool:
        """Whether a subnet reaches addresses of another: in its VPC, or by peering."""
        if not one.vpc or not other.vpc or one.vpc == other.vpc:
            return True
        return ELSEWHERE in self._ways_to(one, piece)

    def inward(self, name: str, addresses: Spans, place: Place) -> Spans:
        """Return what passes from addresses outside, or a prefix list, to a place."""
        found: list[Spans] = []
        for subnet in place.subnets:
            for piece in self._pieces(name, addresses):
                if self._lets_in(subnet, piece, public=place.public):
                    passing = _let_named(_inward(place), name, piece)
                    found.append(common(passing, _acl(subnet.acl, piece, outward=False)))
        return union(*found)

    def outward(self, place: Place, name: str, addresses: Spans) -> Spans:
        """Return what passes from a place to addresses outside, or to a prefix list."""
        found: list[Spans] = []
        for subnet in place.subnets:
            for piece in self._pieces(name, addresses):
                if self._lets_out(subnet, piece, public=place.public):
                    passing = _let_named(_outward(place), name, piece)
                    found.append(common(passing, _acl(subnet.acl, piece, outward=True)))
        return union(*found)

    def _pieces(self, name: str, addresses: Spans) -> list[Span | None]:
        """Return the addresses that something outside may have; None if AWS knows them."""
        if not addresses:
            return [] if _block(name) else [None]
        vpcs = union(*self.network.vpcs.values())
        # Anybody in the VPC who is let in as part of the internet is told by name.
        beside = vpcs if name in (INTERNET, INTERNET_V6) else ()
        edges = [edge for low, high in (*vpcs, *PRIVATE) for edge in (low, high + 1)]
        return list(cut(without(addresses, union(NOBODY, beside)), (*self.cuts, *edges)))

    def _lets_in(self, subnet: Subnet, piece: Span | None, *, public: bool) -> bool:
        if piece is None:
            found = self.internet_ways(subnet)
            return ELSEWHERE in found or (public and GATEWAY in found)
        if self._in_vpc(subnet, piece):
            return True
        found = self._ways_to(subnet, piece)
        by_internet = GATEWAY in found and (public or piece[0] >= IPV6)
        return ELSEWHERE in found or (by_internet and not _private(piece))

    def _lets_out(self, subnet: Subnet, piece: Span | None, *, public: bool) -> bool:
        if piece is None:
            found = self.internet_ways(subnet)
            listed = any(route.prefix_list for route in subnet.routes or ())
            return listed or bool(found - {GATEWAY}) or (public and GATEWAY in found)
        if self._in_vpc(subnet, piece):
            return True
        found = self._ways_to(subnet, piece)
        reaches = bool(found & {NAT, EGRESS_ONLY})
        reaches |= GATEWAY in found and (public or piece[0] >= IPV6)
        return ELSEWHERE in found or (reaches and not _private(piece))

    def _in_vpc(self, subnet: Subnet, piece: Span) -> bool:
        return bool(common(self.network.vpcs.get(subnet.vpc, ()), (piece,)))

    def internet_ways(self, subnet: Subnet) -> frozenset[str]:
        """Return the ways from a subnet to any address that isn't private."""
        known = [*IPV4_SPACE] + ([*IPV6_SPACE] if subnet.addresses[-1][1] >= IPV6 else [])
        pieces = cut(without(tuple(known), PRIVATE), self.cuts)
        return frozenset(way for piece in pieces for way in self._ways_to(subnet, piece))

    def _ways_to(self, subnet: Subnet, piece: Span) -> frozenset[str]:
        """Return where a subnet sends what goes to these addresses; any way if unknown."""
        if subnet.id not in self.network.subnets or subnet.routes is None:
            return frozenset({GATEWAY, NAT})
        fitting = [r for r in subnet.routes if common(r.addresses, (piece,))]
        return frozenset({most_specific(fitting).way}) if fitting else frozenset()


def most_specific(routes: Iterable[Route]) -> Route:
    """Return the route that counts among several to the same addresses.

    https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Route_Tables.html#route-tables-priority
    """
    return min(routes, key=lambda route: route.addresses[0][1] - route.addresses[0][0])


def _inward(place: Place) -> Iterator[Rule]:
    return (rule for group in place.groups for rule in group.inward)


def _outward(place: Place) -> Iterator[Rule]:
    return (rule for group in place.groups for rule in group.outward)


def _let(rules: Iterable[Rule], peer: Place, piece: Span) -> Spans:
    """Return what rules let pass to or from a place, at these of its addresses."""
    titles = {group.id for group in peer.groups}
    return union(
        *(
            rule.traffic
            for rule in rules
            if rule.group in titles or common(rule.addresses, (piece,))
        )
    )


def _let_named(rules: Iterable[Rule], name: str, piece: Span | None) -> Spans:
    return union(
        *(
            rule.traffic
            for rule in rules
            if (rule.name == name if piece is None else common(rule.addresses, (piece,)))
        )
    )


def _acl(acl: Acl | None, piece: Span | None, *, outward: bool) -> Spans:
    """Return what an ACL lets pass to these addresses, or from them, answers included."""
    if acl is None or piece is None:
        return EVERYTHING
    entries, answers = (acl.outward, acl.inward) if outward else (acl.inward, acl.outward)
    return common(_passing(entries, piece), _answered(_passing(answers, piece)))


def _passing(entries: Iterable[Entry], piece: Span) -> Spans:
    undecided: Spans = EVERYTHING
    allowed: Spans = ()
    for entry in entries:
        if common(entry.addresses, (piece,)):
            if entry.allowed:
                allowed = union(allowed, common(undecided, entry.traffic))
            undecided = without(undecided, entry.traffic)
    return allowed


def _answered(answers: Spans) -> Spans:
    """Return the protocols whose answers pass: they go to a port that the asker chose."""
    found = []
    for low, high in answers:
        for number in range(low // PORTS, high // PORTS + 1):
            start, end = number * PORTS, number * PORTS + PORTS - 1
            chosen = EPHEMERAL if number in (NUMBERS["tcp"], NUMBERS["udp"]) else 0
            if common(((low, high),), ((start + chosen, end),)):
                found.append(((start, end),))
    return union(*found)


def _inside(addresses: Spans, around: Spans) -> bool:
    """Whether addresses are some, but not all of others."""
    return addresses != around and bool(addresses) and not without(addresses, around)


def _holds(around: str, name: str) -> bool:
    """Whether a block of addresses is part of another, by what they are called."""
    return _inside(_block(name), _block(around))


def _block(name: str) -> Spans:
    return {INTERNET: IPV4_SPACE, INTERNET_V6: IPV6_SPACE}.get(name) or network(name) or ()


def _private(piece: Span) -> bool:
    return bool(common((piece,), PRIVATE))
