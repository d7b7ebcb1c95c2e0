"""What a deploy would do to all stacks, in words and in figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from liberty_cfn.deploy.changes import Change, Replacement
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.stack import NESTED_STACK
from liberty_cfn.deploy.weighing import (
    doubt,
    interruption,
    is_doubtful,
    is_lost,
    refusal,
    stops_service,
    weaknesses,
)
from liberty_cfn.stateful import LOSSES

if TYPE_CHECKING:
    # Rarely needed, so not loaded for every plan.
    from liberty_cfn.deploy.by_hand import Meeting
    from liberty_cfn.deploy.drift import Compared
    from liberty_cfn.deployment_targets import Place

NOTHING, CHANGES, DANGER = 0, 2, 3
# What CloudFormation returns for a NoEcho parameter.
HIDDEN = "****"


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
        return tuple(change for change in self.changes if is_doubtful(change))

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


def refusals(plan: Plan, allowed: Collection[str]) -> list[str]:
    """Return, in words, what the plan may not do unless it is named in `allowed`."""
    return [refusal(change) for change in plan.lost if change.resource not in allowed]


def refuse_losses(
    plans: Iterable[tuple[Place | None, Plan]], allowed: Collection[str], so: str, *advice: str
) -> None:
    """Refuse to lose data that isn't named in `allowed`; in a set, in any place.

    Raises:
        DeployError: some would be lost.
    """
    refused = [
        (place, change, refusal(change))
        for place, plan in plans
        for change in plan.lost
        if change.resource not in allowed
    ]
    if refused:
        told = [f"{place}: {why}" if place else why for place, _, why in refused]
        needs = dict.fromkeys(f"--allow-replace {change.resource}" for _, change, _ in refused)
        raise DeployError(
            "\n".join([f"Data would be lost; {so}:", *told, *advice]),
            refused=[
                {**(place.as_json() if place else {}), **_change(change), "reason": why}
                for place, change, why in refused
            ],
            needs=list(needs),
        )


def doubts(plan: Plan) -> list[str]:
    """Return, in words, what may be replaced, and what prevents that."""
    return [doubt(change) for change in plan.doubtful]


def needless(plans: Iterable[Plan], allowed: Collection[str]) -> list[str]:
    """Return, in words, which `allowed` names match nothing that a plan puts at risk."""
    risked = {change.resource for plan in plans for change in (*plan.lost, *plan.doubtful)}
    return [
        f"--allow-replace {name}: as far as is known, nothing of that name goes"
        for name in allowed
        if name not in risked
    ]


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
        "changes": [_change(change) for change in plan.changes],
    }


def _change(change: Change) -> dict[str, Any]:
    return {
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


def _pairs(
    values: Mapping[str, tuple[str | None, str | None]],
) -> dict[str, dict[str, str | None]]:
    return {n: {"before": before, "after": after} for n, (before, after) in values.items()}
