"""What CloudFormation or AWS would refuse, half-way through an update."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from liberty_cfn.fitting import FARGATE
from liberty_cfn.model.referring import references
from liberty_cfn.model.resolving import Resolved, Resource
from liberty_cfn.review.changes import Action, Change
from liberty_cfn.review.comparing import equal, mapping, number
from liberty_cfn.review.documented import page
from liberty_cfn.review.findings import Finding, Kind
from liberty_cfn.review.identity import PLACES, fixed_name, name_property, place
from liberty_cfn.review.schemas import schema
from liberty_cfn.review.spelling import listed, named, referred
from liberty_cfn.review.statements import open_to_all

SUBNET = "AWS::EC2::Subnet"
LISTENER = "AWS::ElasticLoadBalancingV2::Listener"
# What AWS keeps in the VPC where it was made.
STAY_IN_VPC = (
    "AWS::RDS::DBSubnetGroup",
    "AWS::ElastiCache::SubnetGroup",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
)
# What can only grow, and where AWS says so.
DISKS = {
    "AWS::RDS::DBInstance": (
        "AllocatedStorage",
        (
            "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/"
            "USER_PIOPS.ModifyingExisting.html"
        ),
    ),
    "AWS::EC2::Volume": ("Size", page("AWS::EC2::Volume", "Size")),
}
INDEXES = "GlobalSecondaryIndexes"
# Who is in the subnets of a group of them.
SUBNET_GROUPS = {
    "AWS::RDS::DBSubnetGroup": ("AWS::RDS::DBInstance", "AWS::RDS::DBCluster"),
    "AWS::ElastiCache::SubnetGroup": (
        "AWS::ElastiCache::CacheCluster",
        "AWS::ElastiCache::ReplicationGroup",
    ),
}
SUBNET_GROUP_PAGE = (
    "https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBSubnetGroup.html"
)
# What takes versions of an engine, and where AWS says which it may go to.
ENGINES = {
    "AWS::RDS::DBInstance": (
        "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/"
        "USER_UpgradeDBInstance.Upgrading.html"
    ),
    "AWS::ElastiCache::CacheCluster": (
        "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/VersionManagement.html"
    ),
    "AWS::ElastiCache::ReplicationGroup": (
        "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/VersionManagement.html"
    ),
}
# How many numbers of its version are the major one, of RDS's engines.
MAJOR = {"postgres": 1, "mysql": 2, "mariadb": 2}
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
            yield from _subnets(change, by_id, before, after)
            yield from _shrinks(change)
            yield from _indexes(change)
            yield from _version(change)
            yield from _stops_forwarding(change, after)
            yield from _group_held(change, by_id, before)
        yield from _blocked(change, after)
        yield from _limits_crossed(change)
        yield from _no_such_size(change)
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
        changed.path[:1] == (name_property(change.type),) for changed in change.properties
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
        changed.path[:1] == (scope,)
        and (not changed.because or by_id[changed.because].replaced)
        for changed in change.properties
    )


def _taken_names(
    changes: Sequence[Change], before: Resolved, after: Resolved
) -> Iterator[Finding]:
    """What is made can't have the name of one that is there, or goes only afterwards."""
    made = [change for change in changes if _is_made(change)]
    types = {change.type for change in made}
    taken: dict[str, list[Resource]] = {}
    for resource in before.of_type(*types) if types else ():
        if where := place(resource):
            taken.setdefault(repr((resource.type, where)), []).append(resource)
    anew = {change.id for change in changes if change.replaced}
    for change in made:
        if change.after is None or not (where := place(change.after)):
            continue
        # Is what it is to be in made anew itself, nothing is there yet.
        if any(title in anew for _, title, _ in references(list(where))):
            continue
        for holder in taken.get(repr((change.type, where)), []):
            if holder.id != change.id:
                yield from _in_use(change, change.after, holder, after)
            elif change.type in PLACES and change.type != SUBNET:
                yield _held_by_itself(change, change.after)


def _is_made(change: Change) -> bool:
    """Whether a new one is made while what was there is still there."""
    known = schema(change.type)
    first = known is not None and known.deletes_first
    return change.action is Action.ADD or (change.replaced and not first)


def _in_use(
    change: Change, made: Resource, holder: Resource, after: Resolved
) -> Iterator[Finding]:
    scope = SCOPES.get(change.type, "")
    if not equal(holder.properties.get(scope), made.properties.get(scope)):
        return
    later = after.resources.get(holder.id)
    if later is None:
        why = f"{holder.origin}, which goes only afterwards: its stack or logical id changed"
        if change.action is Action.CHANGE:
            why = f"{holder.origin}, which goes only afterwards"
    elif place(later) != place(holder):
        why = f"{holder.origin}, which gives it up in the same update, perhaps too late"
    else:
        why = f"{holder.origin}, which stays"
    name = fixed_name(made)
    under = f"under the name {name}" if isinstance(name, str) else "in the place"
    text = f"{change.name} is to be made {under} that is in use by {why}"
    yield Finding(Kind.FAILS, change.id, text)


def _held_by_itself(change: Change, made: Resource) -> Finding:
    what = " and ".join(name for name in PLACES[change.type] if name in made.properties)
    text = (
        f"{change.name} is to be replaced with the same {what}: that will fail, as the old one "
        "has it until it goes"
    )
    return Finding(Kind.FAILS, change.id, text)


def _addresses_in_use(change: Change) -> Iterator[Finding]:
    """A subnet made anew in the same VPC overlaps the one it is to replace."""
    if change.type != SUBNET or not change.replaced:
        return
    changed = {name for found in change.properties for name in found.path[:1]}
    if not changed & {"CidrBlock", "VpcId", "Ipv4IpamPoolId", "Ipv4NetmaskLength"}:
        block = change.after.properties.get("CidrBlock") if change.after else None
        text = (
            f"{change.name} is to be replaced with the same addresses {_words(block)}: they "
            "are in use in the VPC until the old one goes"
        )
        yield Finding(Kind.FAILS, change.id, text)


def _subnets(
    change: Change, by_id: Mapping[str, Change], before: Resolved, after: Resolved
) -> Iterator[Finding]:
    """What stays can't go to another VPC's subnets, nor give up those that are in use."""
    if change.type not in STAY_IN_VPC or change.replaced:
        return
    anew = [by_id[c.because] for c in change.properties if c.because]
    subnets = [one for one in anew if one.type == SUBNET and one.replaced]
    moved = [
        one.name for one in subnets if any(p.path[:1] == ("VpcId",) for p in one.properties)
    ]
    if moved:
        text = (
            f"{change.name} isn't replaced, but gets subnets of another VPC "
            f"({', '.join(moved)}): AWS refuses that"
        )
        yield Finding(Kind.FAILS, change.id, text)
    elif change.type in SUBNET_GROUPS and change.before and change.after:
        was, now = (
            listed(one.properties.get("SubnetIds")) for one in (change.before, change.after)
        )
        gone = [named(subnet) for subnet in was if subnet not in now]
        lost = dict.fromkeys(
            [*(_titled(title, before) for title in gone), *(s.name for s in subnets)]
        )
        users = [
            str(user.origin)
            for user in after.of_type(*SUBNET_GROUPS[change.type])
            if user.id in before.resources
            and change.id in referred([*user.properties.values()])
        ]
        if lost and users:
            text = (
                f"{change.name} gives up {', '.join(lost)}: AWS refuses to while "
                f"{' or '.join(users)} is in there"
            )
            yield Finding(Kind.FAILS, change.id, text, SUBNET_GROUP_PAGE)


def _titled(title: str, resolved: Resolved) -> str:
    return str(resolved.resources[title].origin) if title in resolved.resources else title


def _shrinks(change: Change) -> Iterator[Finding]:
    if change.type not in DISKS or change.replaced:
        return
    name, source = DISKS[change.type]
    for changed in change.properties:
        before, after = number(changed.before), number(changed.after)
        smaller = before is not None and after is not None and after < before
        if changed.path == (name,) and smaller:
            text = (
                f"{change.name}: {name} {_words(changed.before)} → {_words(changed.after)}: "
                "a disk can grow, never shrink"
            )
            yield Finding(Kind.FAILS, change.id, text, source)


def _indexes(change: Change) -> Iterator[Finding]:
    """DynamoDB makes or deletes one index of a table at a time."""
    if change.type != "AWS::DynamoDB::Table" or not change.before or not change.after:
        return
    if change.replaced:
        return
    was, now = (
        {str(mapping(index).get("IndexName")) for index in listed(one.properties.get(INDEXES))}
        for one in (change.before, change.after)
    )
    if len(was ^ now) > 1:
        text = f"{change.name}: {INDEXES}: {', '.join(sorted(was ^ now))} come or go at once: "
        text += "DynamoDB makes or deletes one in an update"
        yield Finding(
            Kind.FAILS,
            change.id,
            text,
            "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"
            "aws-resource-dynamodb-table.html",
        )


def _no_such_size(change: Change) -> Iterator[Finding]:
    """Fargate has certain sizes of memory for each size of CPU."""
    task = change.after.properties if change.after else {}
    cpu, memory = number(task.get("Cpu")), number(task.get("Memory"))
    on_fargate = "FARGATE" in listed(task.get("RequiresCompatibilities"))
    if change.type != "AWS::ECS::TaskDefinition" or not on_fargate:
        return
    if cpu is None or memory is None or memory in FARGATE.get(int(cpu), ()):
        return
    text = f"{change.name}: Fargate has no tasks with {cpu:.0f} CPU units and {memory:.0f} MiB"
    yield Finding(
        Kind.FAILS,
        change.id,
        text,
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/"
        "task-cpu-memory-error.html",
    )


def _limits_crossed(change: Change) -> Iterator[Finding]:
    if change.type != "AWS::ApplicationAutoScaling::ScalableTarget" or change.after is None:
        return
    least, most = (change.after.properties.get(f"{end}Capacity") for end in ("Min", "Max"))
    one, other = number(least), number(most)
    if one is not None and other is not None and one > other:
        text = f"{change.name}: MinCapacity {_words(least)} is over MaxCapacity {_words(most)}"
        yield Finding(
            Kind.FAILS,
            change.id,
            text,
            "https://docs.aws.amazon.com/autoscaling/application/APIReference/"
            "API_RegisterScalableTarget.html",
        )


def _blocked(change: Change, after: Resolved) -> Iterator[Finding]:
    """S3 takes no policy that lets anybody in, of a bucket that blocks those."""
    policy = change.after
    if change.type != "AWS::S3::BucketPolicy" or policy is None:
        return
    public = any(not body.get("Condition") for body in open_to_all(policy))
    for _, title, _ in references([policy.properties.get("Bucket")]) if public else ():
        bucket = after.resources.get(title)
        blocks = mapping(bucket and bucket.properties.get("PublicAccessBlockConfiguration"))
        if bucket and equal(blocks.get("BlockPublicPolicy"), "true"):
            text = f"{change.name} lets anybody in, which {bucket.origin} blocks: S3 refuses it"
            yield Finding(
                Kind.FAILS,
                change.id,
                text,
                "https://docs.aws.amazon.com/AmazonS3/latest/userguide/"
                "access-control-block-public-access.html",
            )


def _version(change: Change) -> Iterator[Finding]:
    """An engine can't go back; and RDS goes to another major version only if it may."""
    if change.type not in ENGINES or change.after is None or change.replaced:
        return
    for changed in change.properties:
        before, after = _numbers(changed.before), _numbers(changed.after)
        if changed.path != ("EngineVersion",) or not before or not after:
            continue
        shorter = min(len(before), len(after))
        moves = f"{change.name}: EngineVersion {changed.before} → {changed.after}"
        engine = change.after.properties.get("Engine")
        major = MAJOR.get(engine, 0) if isinstance(engine, str) else 0
        allowed = change.after.properties.get("AllowMajorVersionUpgrade")
        if after[:shorter] < before[:shorter]:
            text = f"{moves}: an engine can't go back to an earlier version"
            yield Finding(Kind.FAILS, change.id, text, ENGINES[change.type])
        elif before[:major] != after[:major] and not equal(allowed, "true"):
            text = f"{moves}: another major version, without AllowMajorVersionUpgrade"
            yield Finding(Kind.FAILS, change.id, text, ENGINES[change.type])


def _numbers(version: Any) -> tuple[int, ...]:
    parts = str(version).split(".") if isinstance(version, str | int | float) else []
    return tuple(int(part) for part in parts) if all(p.isdecimal() for p in parts) else ()


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


def _group_held(
    change: Change, by_id: Mapping[str, Change], before: Resolved
) -> Iterator[Finding]:
    """A target group is of one load balancer, which has it until the old listener goes."""
    # Nothing but another load balancer has a listener made anew.
    anew = change.type == LISTENER and change.replaced
    if not anew or change.before is None or change.after is None:
        return
    both = {*_groups(change.before)} & {*_groups(change.after)}
    kept = sorted(each for each in both if each not in by_id or not by_id[each].replaced)
    if kept:
        text = (
            f"{change.name} is made anew at another load balancer, and forwards to "
            f"{', '.join(_titled(each, before) for each in kept)} as the old one does until it "
            "goes: a target group can be of one at a time; give it another name in the same "
            "update"
        )
        yield Finding(
            Kind.FAILS,
            change.id,
            text,
            "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/"
            "load-balancer-limits.html",
        )


def _actions(listener: Resource) -> list[str]:
    actions = listener.properties.get("DefaultActions")
    found = actions if isinstance(actions, list) else []
    return [str(mapping(action).get("Type", "")).lower() for action in found]


def _groups(resource: Resource) -> Iterator[str]:
    """Yield what may be the target groups that a resource names."""
    for path, title, _ in resource.references:
        if "TargetGroupArn" in path:
            yield title


def _words(value: Any) -> str:
    return str(value) if isinstance(value, str | int) else "(made of other values)"
