"""What a change adds to the bill a month: an estimate, by list prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from liberty_cfn.model.referring import references
from liberty_cfn.model.resolving import Resolved, Resource
from liberty_cfn.review import prices
from liberty_cfn.review.changes import Action, Change
from liberty_cfn.review.comparing import at, equal, number

CPU_UNITS = 1024  # of one vCPU
MIB = 1024  # of one GB, as Fargate bills


@dataclass(frozen=True)
class Cost:
    """Dollars a month, by resource where it changes; and whose price is not known."""

    items: tuple[tuple[str, float], ...]
    unknown: tuple[str, ...]
    by_use: tuple[str, ...]

    @property
    def total(self) -> float:
        return sum(amount for _, amount in self.items)

    @property
    def text(self) -> str:
        """The difference in a line; empty if there is nothing to say."""
        if not self.items and not self.unknown:
            return ""
        changes = f"about {_dollars(self.total)} a month"
        parts = ", ".join(f"{name} {_dollars(amount)}" for name, amount in self.items)
        told = f"{changes} ({parts})" if parts else "no difference known"
        missing = f"; not known: {', '.join(self.unknown)}" if self.unknown else ""
        use = f"; by use, not counted: {', '.join(self.by_use)}" if self.by_use else ""
        return (
            f"{told}{missing}{use}; estimated at list prices of {prices.REGION}, {prices.DATE}"
        )


def cost(changes: Sequence[Change], before: Resolved, after: Resolved) -> Cost:
    """Return what a change adds to the bill: a resource's price after, less that before."""
    items, unknown, by_use = [], [], []
    changed = {change.id: change for change in changes}
    # A service's tasks are as large as their definition says, which may change alone.
    sized = [
        resource.id
        for resource in after.of_type("AWS::ECS::Service")
        if resource.id not in changed and set(_named(resource)) & changed.keys()
    ]
    for title in [*changed, *sized]:
        was, now = before.resources.get(title), after.resources.get(title)
        there = now or was
        # The same costs the same; but a service's tasks are as large as its definition says.
        if there is None or (was is now and there.type != "AWS::ECS::Service"):
            continue
        kind, name = there.type, str(there.origin)
        if kind in prices.BY_USE:
            if title in changed and changed[title].action is not Action.CHANGE:
                by_use.append(name)
            continue
        one = monthly(was, before) if was else 0.0
        other = monthly(now, after) if now else 0.0
        if one is None or other is None:
            if _matters(changed.get(title)):
                unknown.append(name)
        elif round(other - one, 2):
            items.append((name, round(other - one, 2)))
    moved = {c.name: c.moved_name for c in changes if c.moved and c.action is Action.REMOVE}
    amounts = dict(items)
    for old, new in moved.items():
        if old in amounts and new in amounts:
            amounts[new] = round(amounts[new] + amounts.pop(old), 2)
    items = [(name, amount) for name, amount in amounts.items() if amount]
    ordered = sorted(items, key=lambda item: -abs(item[1]))
    return Cost(tuple(ordered), tuple(unknown), tuple(by_use))


def monthly(resource: Resource, resolved: Resolved) -> float | None:
    """Return what a resource costs a month, without its use; None where that isn't known."""
    if resource.type in prices.FREE or resource.type in prices.BY_USE:
        return 0.0
    if resource.type in prices.EACH:
        return prices.EACH[resource.type].monthly
    count = PRICED.get(resource.type)
    return count(resource.properties, resolved) if count else None


def _matters(change: Change | None) -> bool:
    """Whether a change of something without a price may cost: all but words on it."""
    if change is None or change.action is not Action.CHANGE:
        return True
    words = ("Tags", "Description")
    return any(c.path[0] not in words and not c.because for c in change.properties)


def _named(resource: Resource) -> list[str]:
    return [title for _, title, _ in references(resource.properties.get("TaskDefinition"))]


def _database(properties: Mapping[str, Any], _: Resolved) -> float | None:
    server = prices.DATABASE.get(_text(properties.get("DBInstanceClass")))
    kind = _text(properties.get("StorageType") or "gp2")
    disk, size = prices.DISK.get(kind), number(properties.get("AllocatedStorage"))
    if server is None or disk is None or size is None:
        return None
    if _text(properties.get("Engine")) != "postgres":
        return None
    iops = 0.0
    asked = number(properties.get("Iops") or 0)
    if asked:
        included = prices.INCLUDED_IOPS if kind == "gp3" else 0
        if kind not in prices.IOPS:
            return None
        iops = max(0.0, asked - included) * prices.IOPS[kind].monthly
    copies = 2 if equal(properties.get("MultiAZ"), "true") else 1
    return copies * (server.monthly + size * disk.monthly + iops)


def _cache(properties: Mapping[str, Any], _: Resolved) -> float | None:
    node = prices.CACHE.get(_text(properties.get("CacheNodeType")))
    nodes = number(properties.get("NumCacheNodes") or properties.get("NumCacheClusters") or 1)
    engine = _text(properties.get("Engine") or "redis")
    if node is None or nodes is None or engine not in ("redis", "valkey"):
        return None
    return node.monthly * nodes * (prices.VALKEY if engine == "valkey" else 1)


def _tasks(properties: Mapping[str, Any], resolved: Resolved) -> float | None:
    """Return what a service's tasks cost, at the number a deployment starts with."""
    named = [title for _, title, _ in references(properties.get("TaskDefinition"))]
    definition = resolved.resources.get(named[0]) if named else None
    count = number(properties.get("DesiredCount"))
    if definition is None or count is None or _text(properties.get("LaunchType")) == "EC2":
        return None
    size = definition.properties
    cpu, memory = number(size.get("Cpu")), number(size.get("Memory"))
    architecture = _text(at(size, ("RuntimePlatform", "CpuArchitecture")) or "X86_64")
    if cpu is None or memory is None or architecture not in prices.TASK_CPU:
        return None
    one = (
        cpu / CPU_UNITS * prices.TASK_CPU[architecture].monthly
        + memory / MIB * prices.TASK_MEMORY[architecture].monthly
    )
    return count * one


def _endpoint(properties: Mapping[str, Any], _: Resolved) -> float | None:
    if _text(properties.get("VpcEndpointType") or "Gateway") == "Gateway":
        return 0.0
    subnets = properties.get("SubnetIds")
    return prices.ENDPOINT.monthly * len(subnets) if isinstance(subnets, list) else None


PRICED = {
    "AWS::RDS::DBInstance": _database,
    "AWS::ElastiCache::CacheCluster": _cache,
    "AWS::ElastiCache::ReplicationGroup": _cache,
    "AWS::ECS::Service": _tasks,
    "AWS::EC2::VPCEndpoint": _endpoint,
}


def _dollars(amount: float) -> str:
    return f"{'+' if amount >= 0 else '-'}${abs(amount):,.2f}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
