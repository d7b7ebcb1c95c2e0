"""What a deploy would do, weighed: what is dangerous about it, and what remains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from liberty_cfn.deploy.changes import (
    STAYING,
    UNKNOWN,
    Change,
    Property,
    Replacement,
    deletions,
    weaknesses,
)
from liberty_cfn.deploy.stack import NESTED_STACK
from liberty_cfn.stateful import GENERATED, LEFT, LOSSES

if TYPE_CHECKING:
    # Rarely needed, so not loaded for every plan.
    from liberty_cfn.deploy.by_hand import Meeting
    from liberty_cfn.deploy.drift import Compared

NOTHING, CHANGES, DANGER = 0, 2, 3
# What CloudFormation returns for a NoEcho parameter.
HIDDEN = "****"
# Replacing or removing these interrupts the service for as long as it takes.
SERVING = {
    "AWS::ECS::Service",
    "AWS::ECS::Cluster",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::ElasticLoadBalancingV2::Listener",
    "AWS::ElasticLoadBalancingV2::TargetGroup",
    "AWS::Route53::RecordSet",
    "AWS::EC2::NatGateway",
    "AWS::EC2::VPC",
    "AWS::EC2::Subnet",
}
# Removing these interrupts it, too; a replacement is there before the old one goes.
LEADING = {
    "AWS::EC2::Route",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::VPCGatewayAttachment",
}


@dataclass(frozen=True)
class Plan:
    """What would become of an environment's stacks.

    `parameters` has the values of the root's parameters that change: before and after,
    None where there is none; `tags` likewise those of the stack's tags that do. `reworded` is
    whether templates change that change no resource, but outputs, say. `compared` is what was
    changed by hand; None if nobody asked. `notes` are what else is to be thought of, in words.
    """

    stack: str
    digest: str
    changes: tuple[Change, ...]
    parameters: Mapping[str, tuple[str | None, str | None]]
    reworded: bool = False
    tags: Mapping[str, tuple[str | None, str | None]] = field(default_factory=dict)
    compared: Compared | None = None
    notes: tuple[str, ...] = ()

    @cached_property
    def drift(self) -> Meeting | None:
        """What becomes of what was changed by hand; None if nobody asked."""
        if self.compared is None:
            return None
        from liberty_cfn.deploy.by_hand import meet  # noqa: PLC0415 - asked for seldom

        return meet(self.compared, self.changes)

    @property
    def resources(self) -> tuple[Change, ...]:
        """The changes to resources; to stacks, if nothing is known of what is in them."""
        inside = tuple(change for change in self.changes if change.type != NESTED_STACK)
        return inside or self.changes

    @property
    def lost(self) -> tuple[Change, ...]:
        """The stateful resources that would go, or may go."""
        return tuple(change for change in self.changes if is_lost(change))

    @property
    def doubtful(self) -> tuple[Change, ...]:
        """The stateful resources that CloudFormation can't promise to keep."""
        return tuple(change for change in self.changes if _is_doubtful(change))

    @property
    def code(self) -> int:
        """What `plan` exits with."""
        if not self.changes:
            return CHANGES if self.reworded else NOTHING
        return DANGER if self.lost else CHANGES

    @property
    def summary(self) -> str:
        drift = f"; {self.drift.summary}" if self.drift else ""
        return f"{self.stack}: {self._changes}{drift}"

    @property
    def _changes(self) -> str:
        if not self.changes:
            reworded = "no resource changes, but outputs or words of the templates do"
            return reworded if self.reworded else "no changes"
        words = {
            "Modify": "change",
            "Dynamic": "change somehow",
            "SyncWithActual": "take note of",
        }
        counts = Counter(words.get(c.action, c.action.lower()) for c in self.resources)
        replaced = Counter(c.replacement for c in self.resources)
        parts = [f"{number} to {word}" for word, number in counts.items()]
        parts += [
            f"{number} {word}"
            for word, number in (
                ("replaced", replaced[Replacement.CERTAIN]),
                ("perhaps replaced", replaced[Replacement.POSSIBLE]),
                ("with data at risk", len(self.lost)),
            )
            if number
        ]
        return ", ".join(parts)


def changed_values(
    before: Mapping[str, str], after: Mapping[str, str]
) -> dict[str, tuple[str | None, str | None]]:
    """Return the named values that would change, each before and after."""
    return {
        name: (before.get(name), after.get(name))
        for name in (*after, *sorted(before.keys() - after.keys()))
        if before.get(name) not in (after.get(name), HIDDEN)
    }


def is_lost(change: Change) -> bool:
    """Whether a stateful resource would go, or keep less of what is in it; or may."""
    return change.type in LOSSES and (_goes(change) or bool(_deletions(change)))


def _goes(change: Change) -> bool:
    """Whether a resource would be, or may be, replaced, deleted or given a new value.

    It may be if what changes can't change without replacing it, or not for all that is
    known; or if CloudFormation doesn't say what changes, or what becomes of the resource.
    """
    replaced = change.replacement is Replacement.CERTAIN
    goes = replaced or change.action not in STAYING or _regenerates(change)
    causes = change.properties
    may_go = change.replacement is Replacement.POSSIBLE and (
        not causes or any(decides(change, p) for p in causes)
    )
    return goes or may_go


def _deletions(change: Change) -> dict[str, list[str]]:
    """Return why some of what a resource keeps goes, though it stays, by what changes."""
    found = {changed.place: deletions(change, changed) for changed in change.properties}
    return {place: why for place, why in found.items() if why}


def _is_doubtful(change: Change) -> bool:
    perhaps = change.replacement is Replacement.POSSIBLE
    return change.type in LOSSES and perhaps and not _goes(change)


def rests_on_policies(changes: Iterable[Change]) -> bool:
    """Whether stack policies alone protect data, because not every change is known."""
    return any(change.opaque or _is_doubtful(change) for change in changes)


def let_through(changes: Iterable[Change], allowed: Collection[str]) -> set[str]:
    """Return the logical ids that stack policies must let go: `allowed`, and nested stacks.

    What is in a nested stack that goes is weighed by itself; to a policy, it goes as a whole.
    What stays, and only keeps less, need not be let go.
    """
    found = tuple(changes)
    going = {each.resource for each in found if _goes(each) or _is_doubtful(each)}
    staying = {each.resource for each in found if is_lost(each)} - going
    stacks = (each for each in found if each.type == NESTED_STACK)
    return {
        *(set(allowed) - staying),
        *(each.resource for each in stacks if each.action not in STAYING),
    }


def decides(change: Change, changed: Property) -> bool:
    """Whether changing a property replaces its resource, as far as is known."""
    if changed.create_only:
        return True
    if changed.replaces is not Replacement.POSSIBLE or _known_later(changed):
        return False
    from liberty_cfn.review.documented import (  # noqa: PLC0415 - slow to load
        BY_VALUE,
        ONLY_INTERRUPTED,
    )

    key, values = (change.type, changed.name), (changed.before, changed.after)
    return key not in ONLY_INTERRUPTED and not (
        key in BY_VALUE and BY_VALUE[key].in_place == values
    )


def _known_later(changed: Property) -> bool:
    """Whether a property's new value isn't known yet."""
    return not changed.told or UNKNOWN in str(changed.after)


def _regenerates(change: Change) -> bool:
    """Whether a secret stays, but AWS generates another value: any edit of how makes it do so.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-secretsmanager-secret.html
    """
    return (
        (change.type, change.action) == ("AWS::SecretsManager::Secret", "Modify")
        and change.replacement is Replacement.NO
        and any(p.name == GENERATED for p in change.properties)
    )


def stops_service(change: Change) -> bool:
    """Whether people would notice: what serves them goes, is replaced, or is interrupted."""
    removed = change.action not in STAYING
    goes = removed or change.replacement is not Replacement.NO
    interrupted = any(interruption(change, changed) for changed in change.properties)
    return (
        (change.type in SERVING and goes) or (change.type in LEADING and removed) or interrupted
    )


def interruption(change: Change, changed: Property) -> str:
    """Return what is interrupted when a property changes, as AWS documents it."""
    if (change.type, changed.name, changed.after) == ("AWS::ECS::Service", "DesiredCount", "0"):
        return "no task is left running"
    from liberty_cfn.review.documented import INTERRUPTIONS  # noqa: PLC0415 - slow to load

    known = INTERRUPTIONS.get((change.type, changed.name))
    return known.what if known and change.action == "Modify" else ""


def refusals(plan: Plan, allowed: Collection[str]) -> list[str]:
    """Return, in words, what the plan may not do unless it is named in `allowed`."""
    return [_refusal(change) for change in plan.lost if change.resource not in allowed]


def doubts(plan: Plan) -> list[str]:
    """Return, in words, what may be replaced, and what prevents that."""
    return [
        f"{_where(change)} is replaced only if a change of {_causes(change)} turns out to need "
        "it, which CloudFormation knows when it is there: the stack policy then denies it, "
        "and the whole update is undone. To allow it anyway: --allow-replace "
        f"{change.resource}"
        for change in plan.doubtful
    ]


def needless(plans: Iterable[Plan], allowed: Collection[str]) -> list[str]:
    """Return, in words, which `allowed` names match nothing that a plan puts at risk."""
    risked = {change.resource for plan in plans for change in (*plan.lost, *plan.doubtful)}
    return [
        f"--allow-replace {name}: as far as is known, nothing of that name goes"
        for name in allowed
        if name not in risked
    ]


def _refusal(change: Change) -> str:
    passing = f"To allow it anyway: --allow-replace {change.resource}"
    if not _goes(change):
        less = f"would keep less, because {' and '.join(_deletions(change))} changes"
        return f"{_where(change)} {less}: {lost_with(change)}. {passing}"
    certain = change.replacement is not Replacement.POSSIBLE
    how = "would be replaced" if certain else "may be replaced"
    if change.action not in STAYING:
        how = "may be replaced or deleted (CloudFormation can't say what it will do)"
    how = "would be deleted" if change.action == "Remove" else how
    how = "would get another value" if _regenerates(change) else how
    why = f", because {causes} changes" if (causes := _causes(change)) else ""
    later = not certain and any(
        _known_later(p) for p in change.properties if p.replaces is not Replacement.NO
    )
    known = " (to what, is known only after apply)" if later else ""
    return f"{_where(change)} {how}{why}{known}: {lost_with(change)}. {passing}"


def lost_with(change: Change) -> str:
    """Return, in words, what would be lost with a resource that goes, and what remains.

    Or what goes of one that stays.
    """
    if not _goes(change):
        told = dict.fromkeys(why for found in _deletions(change).values() for why in found)
        return " and ".join(told)
    left = LEFT.get(change.left, "what remains, CloudFormation doesn't say")
    if _regenerates(change):
        left = (
            "it remains as the version AWSPREVIOUS, until the value changes again, and a "
            "database keeps it as its password"
        )
    return f"this would lose {LOSSES[change.type]}; {left}"


def _where(change: Change) -> str:
    named = f" {change.physical_id}" if change.physical_id else ""
    return f"{'/'.join(change.place)} ({change.type}{named})"


def _causes(change: Change) -> str:
    causes = (p.name for p in change.properties if p.replaces is not Replacement.NO)
    if _regenerates(change):
        return GENERATED
    return " and ".join(dict.fromkeys(causes))


def as_json(plan: Plan) -> dict[str, Any]:
    return {
        "stack": plan.stack,
        "digest": plan.digest,
        "summary": plan.summary,
        "exit_code": plan.code,
        "parameters": _pairs(plan.parameters),
        "tags": _pairs(plan.tags),
        "drift": plan.drift.as_json() if plan.drift else None,
        "notes": list(plan.notes),
        "changes": [
            {
                "stack": "/".join(change.stack),
                "resource": change.resource,
                "type": change.type,
                "physical_id": change.physical_id or None,
                "action": change.action,
                "replacement": change.replacement.value or "no",
                "stateful": change.type in LOSSES,
                "data_at_risk": is_lost(change),
                "stops_service": stops_service(change),
                "remains": change.left or None,
                "properties": [
                    {
                        "name": changed.name,
                        "within": changed.within or None,
                        "before": changed.before,
                        "after": changed.after,
                        "replacement": changed.replaces.value or "no",
                        "interruption": interruption(change, changed) or None,
                        "weakens": weaknesses(change, changed),
                    }
                    for changed in change.properties
                ],
            }
            for change in plan.changes
        ],
    }


def _pairs(
    values: Mapping[str, tuple[str | None, str | None]],
) -> dict[str, dict[str, str | None]]:
    return {n: {"before": before, "after": after} for n, (before, after) in values.items()}
