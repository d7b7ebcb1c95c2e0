"""Exactly these can open a connection to each other, and the internet reaches no data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from liberty_cfn.model.resolving import Resolved
from liberty_cfn.review.places import INTERNET, survey
from liberty_cfn.review.reach import Flow, Reach, flows, reachable, ways
from liberty_cfn.review.traffic import without

BALANCER, TASKS, DATABASE, CACHE = "load balancer", "tasks", "PostgreSQL", "Redis"
ROLES = {
    "AWS::ElasticLoadBalancingV2::LoadBalancer": BALANCER,
    "AWS::ECS::Service": TASKS,
    "AWS::RDS::DBInstance": DATABASE,
    "AWS::ElastiCache::CacheCluster": CACHE,
    "AWS::ElastiCache::ReplicationGroup": CACHE,
}

# The security flow of the spec.
DESIGNED = (
    Flow(INTERNET, BALANCER, "tcp", "80"),
    Flow(INTERNET, BALANCER, "tcp", "443"),
    Flow(BALANCER, TASKS, "tcp", "8000"),
    Flow(TASKS, DATABASE, "tcp", "5432"),
    Flow(TASKS, CACHE, "tcp", "6379"),
    Flow(TASKS, INTERNET, "tcp", "443"),
)
# The spec gives three groups all traffic out. Only the internet, which has no rules of its
# own, lets it in: every group of ours names whom it lets in.
OUTBOUND = {
    Flow(BALANCER, INTERNET, "all", "all"): "alb-sg, Outbound: All traffic allowed",
    Flow(DATABASE, INTERNET, "all", "all"): "rds-sg, Outbound: Default allow all",
    Flow(CACHE, INTERNET, "all", "all"): "elasticache-sg, Outbound: Default allow all",
}


def connections(resolved: Resolved) -> list[Flow]:
    """Return who can open a connection to whom, by what they are in the design.

    What is open to the internet is open to everyone in the VPC, too; it is told once, as
    the internet's.
    """
    reached = reachable(resolved)
    own = {
        (source, place): without(spans, reached.get((INTERNET, place), ()))
        if source != INTERNET
        else spans
        for (source, place), spans in reached.items()
    }
    found = (
        Flow(_role(f.source, resolved), _role(f.destination, resolved), f.protocol, f.ports)
        for f in flows(_kept(own))
    )
    order = [INTERNET, *dict.fromkeys(ROLES.values())]
    return sorted(
        set(found),
        key=lambda f: (_place(order, f.source), _place(order, f.destination), len(f.ports), f),
    )


def misfits(resolved: Resolved) -> Iterator[str]:
    """Yield what differs from the design: connections and routes."""
    found, expected = set(connections(resolved)), {*DESIGNED, *OUTBOUND}
    for flow in sorted(found - expected):
        yield f"{flow}: can be opened, and is no part of the design"
    for flow in sorted(expected - found):
        yield f"{flow}: can't be opened, and should be"
    routes = ways(resolved)
    for subnet, kinds in holding(resolved).items():
        inward = routes[subnet].inward if subnet in routes else {"which isn't known"}
        if inward and kinds != {BALANCER}:
            yield (
                f"{subnet}, which holds {' and '.join(sorted(kinds))}: has a way in from "
                f"the internet ({', '.join(sorted(inward))})"
            )


def holding(resolved: Resolved) -> Mapping[str, set[str]]:
    """Return what each subnet holds, by what it is in the design."""
    found: dict[str, set[str]] = {}
    for place in survey(resolved).places:
        for subnet in place.subnets:
            found.setdefault(subnet.id, set()).add(_role(place.id, resolved))
    return found


def _role(title: str, resolved: Resolved) -> str:
    """Return what something is in the design; its own name, if it is no part of it."""
    resource = resolved.resources.get(title)
    return ROLES.get(resource.type, title) if resource else title


def _kept(reached: Mapping[tuple[str, str], tuple[tuple[int, int], ...]]) -> Reach:
    return {pair: spans for pair, spans in reached.items() if spans}


def _place(order: list[str], end: str) -> int:
    return order.index(end) if end in order else len(order)
