"""What all targets share said once, and what is particular said of whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from liberty_cfn.deploy.changes import Change, Property, weaknesses
from liberty_cfn.deploy.plans import Plan, decides, interruption
from liberty_cfn.deployment_targets import Place

Parameter = tuple[str, str | None, str | None]


@dataclass(frozen=True)
class Part:
    """What is the same in all of `places`. Values that differ among them are left out."""

    places: tuple[Place, ...]
    changes: tuple[Change, ...]
    parameters: tuple[Parameter, ...]


def merge(plans: Mapping[Place, Plan]) -> list[Part]:
    """Return the plans of targets as parts: what most of them share first."""
    changes: dict[Any, dict[Place, Change]] = {}
    parameters: dict[Parameter, list[Place]] = {}
    for place, plan in plans.items():
        for change in plan.changes:
            changes.setdefault(_identity(change), {})[place] = change
        for name, (before, after) in plan.parameters.items():
            parameters.setdefault((name, before, after), []).append(place)
    parts: dict[tuple[Place, ...], tuple[list[Change], list[Parameter]]] = {}
    for found in changes.values():
        parts.setdefault(tuple(found), ([], []))[0].append(_common(list(found.values())))
    for parameter, places in parameters.items():
        parts.setdefault(tuple(places), ([], []))[1].append(parameter)
    ordered = sorted(parts.items(), key=lambda item: -len(item[0]))
    return [Part(places, tuple(c), tuple(p)) for places, (c, p) in ordered]


def _identity(change: Change) -> Any:
    """Return what makes a change the same in two targets: all but names and plain values."""
    causes = tuple((p.place, p.replaces, _telling(change, p)) for p in change.properties)
    where = (change.stack, change.resource, change.type)
    return (*where, change.action, change.replacement, change.left, causes)


def _telling(change: Change, changed: Property) -> Any:
    """Return the values of a property, if without them less would be known of its danger."""
    seen, unseen = (
        (decides(change, one), interruption(change, one), weaknesses(change, one))
        for one in (changed, _without_values(changed))
    )
    return None if seen == unseen else (changed.before, changed.after)


def _without_values(changed: Property) -> Property:
    return replace(changed, before=None, after=None)


def _common(changes: list[Change]) -> Change:
    """Return one change for several, with the values that they share."""
    first, *others = changes
    properties = tuple(
        known
        if all(
            (o.properties[n].before, o.properties[n].after) == (known.before, known.after)
            for o in others
        )
        else _without_values(known)
        for n, known in enumerate(first.properties)
    )
    physical = first.physical_id if not others else ""
    return replace(first, properties=properties, physical_id=physical)
