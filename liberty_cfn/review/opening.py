"""What a change opens or closes: to the public, and from whom to whom."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from liberty_cfn.model.resolving import Resolved, Resource
from liberty_cfn.review.changes import Action, Change
from liberty_cfn.review.comparing import at, canonical
from liberty_cfn.review.findings import Finding, Kind
from liberty_cfn.review.needing import needs
from liberty_cfn.review.places import Group, survey
from liberty_cfn.review.public import PUBLIC, is_open
from liberty_cfn.review.reach import Flow, Reach, opened, reach, reachable
from liberty_cfn.review.spelling import listed
from liberty_cfn.review.statements import conditions, open_to_all
from liberty_cfn.review.traffic import Spans, union


def public_access(changes: Sequence[Change]) -> Iterator[Finding]:
    """Yield what is newly open to the public, or no longer is."""
    for change in changes:
        if change.before is change.after:
            continue
        for path, private, why in PUBLIC.get(change.type, ()):
            # Made anew without a word, a bucket is closed; taken out of a template, it opens.
            if change.action is Action.ADD and _left_to_s3(change.after):
                continue
            was = is_open(change.before, path, private)
            now = is_open(change.after, path, private)
            if now and not was:
                text = f"{change.name}: {path} {_value(change.after, path)}: {why}"
                yield Finding(Kind.OPENS, change.id, text)
            elif was and not now and change.action is Action.CHANGE:
                text = f"{change.name}: {path} {_value(change.after, path)}: no longer: {why}"
                yield Finding(Kind.CLOSES, change.id, text)
        yield from _policies(change)
        yield from _origins(change)


def _left_to_s3(resource: Resource | None) -> bool:
    """Whether a bucket says nothing of public access, which S3 then blocks.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
    """
    blocks = "PublicAccessBlockConfiguration"
    return bool(
        resource and resource.type == "AWS::S3::Bucket" and blocks not in resource.properties
    )


def _value(resource: Resource | None, path: str) -> str:
    found = at(resource.properties if resource else {}, tuple(path.split(".")))
    return "left out" if found is None else str(found).lower()


def _policies(change: Change) -> Iterator[Finding]:
    """Yield statements of a resource's policy that let anybody in."""
    before, after = _anybody(change.before), _anybody(change.after)
    for form, statement in after.items():
        if form not in before:
            under = _under(statement) or ", without a condition"
            actions = _listed(statement.get("Action", "everything but some"))
            text = f"{change.name}: anybody may {', '.join(actions)}{under}"
            yield Finding(Kind.OPENS, change.id, text)
    for form, statement in before.items():
        if form not in after and change.after is not None:
            actions = _listed(statement.get("Action", "everything but some"))
            text = f"{change.name}: no longer may anybody {', '.join(actions)}"
            text += _under(statement)
            yield Finding(Kind.CLOSES, change.id, text)


def _origins(change: Change) -> Iterator[Finding]:
    """Yield whose pages may newly use a bucket from a browser."""
    was, now = (_allowed_origins(one) for one in (change.before, change.after))
    if change.action is Action.CHANGE and (new := [o for o in now if o not in was]):
        text = f"{change.name}: pages of {', '.join(new)} may use it from a browser"
        yield Finding(Kind.OPENS, change.id, text)


def _allowed_origins(resource: Resource | None) -> list[str]:
    path = ("CorsConfiguration", "CorsRules", "AllowedOrigins")
    rules = at(resource.properties, path) if resource else None
    return [
        origin for rule in listed(rules) for origin in listed(rule) if isinstance(origin, str)
    ]


def _under(statement: Mapping[str, Any]) -> str:
    asked = " and ".join(map(str, conditions(statement.get("Condition"))))
    return f", if {asked}" if asked else ""


def _anybody(resource: Resource | None) -> dict[str, Mapping[str, Any]]:
    """Return the statements that allow to anybody, by their form."""
    found = open_to_all(resource) if resource else ()
    return {json.dumps(canonical(body), sort_keys=True): body for body in found}


def _listed(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


# What says whom a security group lets in.
RULES = ("AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupIngress")
# The services whose resources stand in a network.
NETWORKED = ("EC2", "ECS", "EFS", "ElastiCache", "ElasticLoadBalancingV2", "Lambda", "RDS")
# What environments have different names for, and no connection depends on.
NAMING = (
    *("Tags", "GroupName", "Name", "ServiceName", "ClusterName", "DBInstanceIdentifier"),
    *("ReplicationGroupId", "MasterUserPassword", "LoadBalancerAttributes"),
)
WORDS = ("Tags", "Description", "GroupDescription")


@dataclass(frozen=True)
class Connected:
    """What the network of a resolved set makes possible, worked out when it is asked."""

    resolved: Resolved

    @cached_property
    def reach(self) -> Reach:
        """Who can open a connection to whom."""
        return reachable(self.resolved)

    @cached_property
    def groups(self) -> Mapping[str, Sequence[Group]]:
        """The groups of everything that is in it."""
        return {place.id: place.groups for place in survey(self.resolved).places}


def connections(
    changes: Sequence[Change],
    before: Resolved,
    after: Resolved,
    known: dict[str, Connected] | None = None,
) -> Iterator[Finding]:
    """Yield who can newly open a connection to whom, or no longer can; also who has to.

    `known` keeps what was worked out, for other environments with the same network.
    """
    # A set that is wholly new opens nothing to anybody who had it.
    if not before.resources or not any(_in_network(change) for change in changes):
        return
    moved = {c.moved: c.id for c in changes if c.moved and c.action is Action.ADD}
    one, other = (_connected(resolved, known) for resolved in (before, after))
    earlier = one.reach
    was = {
        (moved.get(source, source), moved.get(place, place)): spans
        for (source, place), spans in earlier.items()
    }
    now = other.reach
    if was != now or any(map(_of_ports, changes)):
        met = {
            (moved.get(need.source, need.source), moved.get(need.destination, need.destination))
            for need in needs(before)
            if need.met(earlier)
        }
        for need in needs(after):
            if (need.source, need.destination) in met and not need.met(now):
                who, whom = (_place(n, after) for n in (need.source, need.destination))
                text = f"{who} can no longer reach {whom} on {need.port}: {need.otherwise}"
                about = (n for n in (need.destination, need.source) if n in after.resources)
                yield Finding(Kind.INTERRUPTION, next(about, ""), text)
    for flow in (opening := opened(was, now)):
        text = f"{_place(flow.source, after)} can newly reach {_reached(flow, after)}"
        yield Finding(Kind.OPENS, _nearest(flow, after), text)
    if any(change.type in RULES for change in changes):
        yield from _let_in(one, other, after, opening)
    for flow in opened(now, was):
        if flow.source in after.resources or flow.source not in before.resources:
            text = f"{_place(flow.source, before)} can no longer reach {_reached(flow, before)}"
            yield Finding(Kind.CLOSES, _nearest(flow, before), text)


def _let_in(
    before: Connected, now: Connected, after: Resolved, told: Collection[Flow]
) -> Iterator[Finding]:
    """Yield what groups newly let in from where no route leads to them, as yet.

    `told` are the connections that are newly possible.
    """
    reaching = {
        (f.source, group.id) for f in told for group in now.groups.get(f.destination, ())
    }
    for flow in opened(_admitted(before.groups), _admitted(now.groups)):
        if (flow.source, flow.destination) in reaching:
            continue
        if flow.destination in after.resources:
            text = (
                f"{_place(flow.destination, after)} newly lets in "
                f"{_place(flow.source, after)}, {_traffic(flow)}; "
                "by the routes as they are, nobody there reaches what is in it"
            )
            yield Finding(Kind.OPENS, flow.destination, text)


def _admitted(groups: Mapping[str, Sequence[Group]]) -> Reach:
    """Return what each group lets in from addresses and prefix lists."""
    found: dict[tuple[str, str], Spans] = {}
    for group in {group.id: group for some in groups.values() for group in some}.values():
        for rule in group.inward:
            if rule.name:
                pair = rule.name, group.id
                found[pair] = union(found.get(pair, ()), rule.traffic)
    return found


def _connected(resolved: Resolved, known: dict[str, Connected] | None) -> Connected:
    if known is None:
        return Connected(resolved)
    types = [kind for kind in resolved.types() if _networked(kind)]
    form = json.dumps(
        [
            (one.id, {k: v for k, v in one.properties.items() if k not in NAMING})
            for one in resolved.of_type(*types)
        ],
        default=str,
    )
    return known.setdefault(form, Connected(resolved))


def reaches(resolved: Resolved, title: str) -> tuple[list[str], list[str]]:
    """Return what a resource can open a connection to, and what can to it, in words."""
    found = sorted(reach(resolved))
    outward = [_reached(flow, resolved) for flow in found if flow.source == title]
    inward = [
        f"{_place(flow.source, resolved)}, {_traffic(flow)}"
        for flow in found
        if flow.destination == title
    ]
    return outward, inward


def _networked(resource_type: str) -> bool:
    services = resource_type.startswith(tuple(f"AWS::{service}::" for service in NETWORKED))
    return services and resource_type != "AWS::ECS::TaskDefinition"


def _of_ports(change: Change) -> bool:
    """Whether something listens elsewhere than before."""
    return any(changed.path[-1] in ("Port", "ContainerPort") for changed in change.properties)


def _in_network(change: Change) -> bool:
    if not _networked(change.type):
        return False
    return change.action is not Action.CHANGE or any(
        not changed.because and changed.path[:1] not in [(word,) for word in WORDS]
        for changed in change.properties
    )


def _reached(flow: Flow, resolved: Resolved) -> str:
    return f"{_place(flow.destination, resolved)}, {_traffic(flow)}"


def _traffic(flow: Flow) -> str:
    if flow.ports == "all":
        return f"all {flow.protocol}" if flow.protocol != "all" else "on every port"
    return f"{flow.protocol} {flow.ports}"


def _place(name: str, resolved: Resolved) -> str:
    if name in resolved.resources:
        return str(resolved.resources[name].origin)
    return "the internet" if name == "internet" else name


def _nearest(flow: Flow, resolved: Resolved) -> str:
    """Return the resource that a flow is about: what is reached, else what reaches out."""
    return next((n for n in (flow.destination, flow.source) if n in resolved.resources), "")
