"""What CloudFormation or AWS would refuse, half-way through an update."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from liberty_cfn.model.loading import TemplateSet
from liberty_cfn.model.parsing import Template
from liberty_cfn.model.resolving import Resolved, Resource
from liberty_cfn.review.changes import (
    Action,
    Change,
    fixed_name,
    name_property,
    place,
    references,
)
from liberty_cfn.review.comparing import equal, mapping
from liberty_cfn.review.findings import Finding, Kind
from liberty_cfn.review.schemas import schema

LIMITS_PAGE = (
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"
)
MOST = {"Resources": 500, "Parameters": 200, "Outputs": 200, "Mappings": 200}
LARGEST = 1_000_000  # bytes of a template that is read from S3
LONGEST_VALUE = 4096  # bytes of a parameter's value
LISTENER = "AWS::ElasticLoadBalancingV2::Listener"
# What AWS keeps in the VPC where it was made.
STAY_IN_VPC = (
    "AWS::RDS::DBSubnetGroup",
    "AWS::ElastiCache::SubnetGroup",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
)
# Within what a name has to be the only one, where not in the account's region.
SCOPES = {"AWS::EC2::SecurityGroup": "VpcId", "AWS::ECS::Service": "Cluster"}


def failures(changes: Sequence[Change], before: Resolved, after: Resolved) -> Iterator[Finding]:
    """Yield what would be refused, resource by resource."""
    by_id = {change.id: change for change in changes}
    for change in changes:
        if change.action is Action.CHANGE:
            yield from _refused(change)
            yield from _name_in_use(change, by_id)
            yield from _addresses_in_use(change)
            yield from _another_network(change, by_id)
            yield from _shrinks(change)
            yield from _stops_forwarding(change, after)
    yield from _taken_names(changes, before, after)


def _refused(change: Change) -> Iterator[Finding]:
    for changed in change.properties:
        if changed.verdict.refused:
            text = f"{change.name}: {changed.name} changes: {changed.verdict.why}"
            yield Finding(Kind.FAILS, change.id, text, changed.verdict.source)


def _name_in_use(change: Change, by_id: Mapping[str, Change]) -> Iterator[Finding]:
    """A replacement is made before the old one goes, and can't have its name."""
    known = schema(change.type)
    after = change.after
    if not (change.replaced or change.perhaps_replaced) or known is None or after is None:
        return
    name = fixed_name(after)
    kept = name is not None and not any(
        changed.path[0] == name_property(change.type) for changed in change.properties
    )
    if not kept or known.deletes_first or _other_scope(change, by_id):
        return
    would = "will fail" if change.replaced else "would fail, if it is replaced"
    text = (
        f"{change.name} is to be replaced under its fixed name {_words(name)}: that {would}, "
        "as the name is in use; give the new one another name in the same update"
    )
    yield Finding(Kind.FAILS, change.id, text)


def _other_scope(change: Change, by_id: Mapping[str, Change]) -> bool:
    """Whether the new one is in another VPC or cluster, where the name is free."""
    scope = SCOPES.get(change.type, "")
    return any(
        changed.path[0] == scope and (not changed.because or by_id[changed.because].replaced)
        for changed in change.properties
    )


def _taken_names(
    changes: Sequence[Change], before: Resolved, after: Resolved
) -> Iterator[Finding]:
    """A new resource can't have the name of one that is there, or goes only afterwards."""
    types = {change.type for change in changes if change.action is Action.ADD}
    taken: dict[str, list[Resource]] = {}
    for resource in before.of_type(*types) if types else ():
        if where := place(resource):
            taken.setdefault(repr((resource.type, where)), []).append(resource)
    for change in changes:
        if change.action is not Action.ADD or change.after is None:
            continue
        where = place(change.after)
        scope = SCOPES.get(change.type, "")
        for holder in taken.get(repr((change.type, where)), []) if where else []:
            if not equal(holder.properties.get(scope), change.after.properties.get(scope)):
                continue
            if _made_anew(change.after, changes):
                continue
            goes = holder.id not in after.resources
            why = (
                f"{holder.origin}, which goes only afterwards: its logical id changed"
                if goes
                else f"{holder.origin}, which stays"
            )
            name = fixed_name(change.after)
            under = f"under the name {name}" if isinstance(name, str) else "in the place"
            text = f"{change.name} is to be made {under} that is in use by {why}"
            yield Finding(Kind.FAILS, change.id, text)


def _made_anew(resource: Resource, changes: Sequence[Change]) -> bool:
    """Whether what it is to be in is made anew itself, so that nothing is there yet."""
    around = {title for _, title, _ in references(list(place(resource)))}
    return any(change.id in around and change.replaced for change in changes)


def _addresses_in_use(change: Change) -> Iterator[Finding]:
    """A subnet made anew in the same VPC overlaps the one it is to replace."""
    if change.type != "AWS::EC2::Subnet" or not change.replaced:
        return
    changed = {found.path[0] for found in change.properties}
    if not changed & {"CidrBlock", "VpcId", "Ipv4IpamPoolId", "Ipv4NetmaskLength"}:
        block = change.after.properties.get("CidrBlock") if change.after else None
        text = (
            f"{change.name} is to be replaced with the same addresses {_words(block)}: they "
            "are in use in the VPC until the old one goes"
        )
        yield Finding(Kind.FAILS, change.id, text)


def _another_network(change: Change, by_id: Mapping[str, Change]) -> Iterator[Finding]:
    """What stays can't go to another VPC's subnets."""
    if change.type not in STAY_IN_VPC or change.replaced:
        return
    subnets = [by_id[c.because] for c in change.properties if c.because]
    moved = [
        subnet.name
        for subnet in subnets
        if subnet.type == "AWS::EC2::Subnet"
        and subnet.replaced
        and any(changed.path[0] == "VpcId" for changed in subnet.properties)
    ]
    if moved:
        text = (
            f"{change.name} isn't replaced, but gets subnets of another VPC "
            f"({', '.join(moved)}): AWS refuses that"
        )
        yield Finding(Kind.FAILS, change.id, text)


def _shrinks(change: Change) -> Iterator[Finding]:
    if change.type != "AWS::RDS::DBInstance":
        return
    for changed in change.properties:
        before, after = _number(changed.before), _number(changed.after)
        smaller = before is not None and after is not None and after < before
        if changed.path == ("AllocatedStorage",) and smaller:
            text = (
                f"{change.name}: AllocatedStorage {_words(changed.before)} → "
                f"{_words(changed.after)}: a database's disk can grow, never shrink"
            )
            yield Finding(
                Kind.FAILS,
                change.id,
                text,
                "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/"
                "USER_PIOPS.ModifyingExisting.html",
            )


def _stops_forwarding(change: Change, after: Resolved) -> Iterator[Finding]:
    """A target group that no listener forwards to is no target group for a service."""
    if change.type != LISTENER or change.before is None or change.after is None:
        return
    if "forward" not in _actions(change.before) or "redirect" not in _actions(change.after):
        return
    if "forward" in _actions(change.after):
        return
    groups = set(_groups(change.before))
    served = sorted(
        str(service.origin)
        for service in after.of_type("AWS::ECS::Service")
        if groups & set(_groups(service))
    )
    elsewhere = {
        group
        for listener in after.of_type(LISTENER, f"{LISTENER}Rule")
        for group in _groups(listener)
    }
    orphaned = groups - elsewhere
    behind = f", and {', '.join(served)} behind it" if served and orphaned else ""
    text = (
        f"{change.name} turns from forward to redirect in one update: its target group is then "
        f"without a load balancer{behind}, and ECS refuses a service whose target group has "
        "none. First have another listener forward to it, then turn this one in a second update"
    )
    yield Finding(
        Kind.FAILS,
        change.id,
        text,
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/"
        "service-event-messages-list.html",
    )


def _actions(listener: Resource) -> list[str]:
    actions = listener.properties.get("DefaultActions")
    found = actions if isinstance(actions, list) else []
    return [str(mapping(action).get("Type", "")).lower() for action in found]


def _groups(resource: Resource) -> Iterator[str]:
    """Yield what may be the target groups that a resource names."""
    for path, title, _ in references(resource.properties):
        if "TargetGroupArn" in path:
            yield title


def over_limits(design: TemplateSet, sizes: Mapping[str, int]) -> Iterator[Finding]:
    """Yield what of a set is larger than CloudFormation takes; `sizes` in bytes, by file."""
    for file, template in design.templates.items():
        for section, most in MOST.items():
            count = len(template.section(section))
            if count > most:
                text = f"{file} has {count} {section}; CloudFormation takes {most}"
                yield Finding(Kind.FAILS, "", text, LIMITS_PAGE)
        if sizes.get(file, 0) > LARGEST:
            text = f"{file} has {sizes[file]} bytes; CloudFormation takes {LARGEST}"
            yield Finding(Kind.FAILS, "", text, LIMITS_PAGE)


def not_followed(before: TemplateSet, after: TemplateSet) -> Iterator[Finding]:
    """Yield what changes in a set and isn't understood: macros, loops and the like."""
    for file, template in after.templates.items():
        old = before.templates.get(file)
        if old is None or old.body == template.body:
            continue
        for where, was, now in _macros(old, template):
            if was != now:
                text = f"{file}: {where} changes, and what that makes isn't known"
                yield Finding(Kind.UNKNOWN, "", text)


def _macros(before: Template, after: Template) -> Iterator[tuple[str, Any, Any]]:
    """Yield what only AWS can take apart: where, and what it was and is."""
    yield "Transform", before.body.get("Transform"), after.body.get("Transform")
    for section in ("Resources", "Outputs", "Conditions"):
        olds, news = before.section(section), after.section(section)
        for key in {**olds, **news}:
            if key.startswith("Fn::"):
                yield f"{section}.{key}", olds.get(key), news.get(key)


def elsewhere(was: tuple[str, str], now: tuple[str, str]) -> Iterator[Finding]:
    """Yield what it means that an environment goes to another account or region.

    Each is an account and a region; a pin that is only set or taken away moves nothing.
    """
    accounts = [account for account in (was[0], now[0]) if account]
    moves = was[1] != now[1] or len(set(accounts)) > 1
    if moves:
        one, other = ("/".join(filter(None, place)) for place in (was, now))
        text = (
            f"from {one} to {other}: everything is made there, empty; what is in {one} stays, "
            "and is no longer deployed to"
        )
        yield Finding(Kind.LOSS, "", text)


def tagged(was: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what changes of a stack's tags, which its resources take on."""
    changed = [
        f"{name} {was.get(name, 'none')} → {now.get(name, 'none')}"
        for name in {**was, **now}
        if was.get(name) != now.get(name)
    ]
    if changed:
        text = f"tags of the stack, and of every resource that takes tags: {', '.join(changed)}"
        yield Finding(Kind.OPERATIONS, "", text)


def unfit(
    declared: Mapping[str, Any], given: Mapping[str, str], *, checked: bool
) -> Iterator[Finding]:
    """Yield what of an environment's values the root template doesn't take.

    `checked` is whether there are values at all: without, all stays open.
    """
    for name, body in declared.items() if checked else ():
        limits = mapping(body)
        if name not in given and "Default" not in limits:
            text = f"the parameter {name} has no value and no default"
            yield Finding(Kind.FAILS, "", text)
        value = given.get(name, "")
        if len(value.encode()) > LONGEST_VALUE:
            size = len(value.encode())
            text = f"the parameter {name} has {size} bytes; CloudFormation takes 4096"
            yield Finding(Kind.FAILS, "", text, LIMITS_PAGE)
        allowed = limits.get("AllowedValues")
        if name in given and allowed and not _allowed(value, allowed):
            text = f"the parameter {name} is {value}, which is not among its AllowedValues"
            yield Finding(Kind.FAILS, "", text)


def _allowed(value: str, allowed: Sequence[Any]) -> bool:
    return any(equal(value, one) for one in allowed)


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _words(value: Any) -> str:
    return str(value) if isinstance(value, str | int) else "(made of other values)"
