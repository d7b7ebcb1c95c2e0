"""What a deploy would do to changes made by hand.

Three states of a property are compared: as deployed, as found, and as it will be.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Any

from liberty_cfn.deploy.changes import UNKNOWN, Change, Property, Replacement
from liberty_cfn.deploy.drift import BY_AWS, DELETED, Compared, Difference, Drift
from liberty_cfn.deploy.stack import NESTED_STACK
from liberty_cfn.deploy.weighing import weaknesses
from liberty_cfn.veiling import VEILED

# Actions on what isn't part of the stack yet.
NEW = ("Add", "Import")


class Fate(Enum):
    """What a deploy would do to a change made by hand; the gravest first."""

    FAILS = "in the way"
    OVERWRITTEN = "overwritten"
    LOST = "lost"
    PERHAPS = "perhaps overwritten"
    UNTOLD = "not to be told"
    STAYS = "left so"
    AGREED = "as it is to be"

    @property
    def grave(self) -> bool:
        """Whether it makes the deploy fail, or is undone by it."""
        return self in (Fate.FAILS, Fate.OVERWRITTEN, Fate.LOST)


SEVERITY = list(Fate)
WORDS = {
    Fate.OVERWRITTEN: "overwritten",
    Fate.LOST: "lost with this resource",
    Fate.PERHAPS: "perhaps overwritten: this resource is updated, and AWS doesn't say",
    Fate.UNTOLD: "what becomes of it can't be told",
    Fate.STAYS: "stays so",
    Fate.AGREED: "as it is to be",
}
AGAIN = (
    "Make it again under the same name, if that is yours to choose; or deploy without it "
    "first, then with it"
)
OF_DELETED = {
    Fate.FAILS: f"its update will fail, and the whole deploy be undone. {AGAIN}",
    Fate.UNTOLD: "its update will fail, if there is one, and the whole deploy be undone",
    Fate.STAYS: f"not made again: an update looks only at what changes. {AGAIN}",
    Fate.AGREED: "made anew, or to go anyway",
}


@dataclass(frozen=True)
class Met:
    """A property that somebody changed: as deployed, as found, as it will be, and its fate.

    Values are None where there is none, and `new` where nothing in the plan changes it; `new`
    is UNKNOWN where the plan doesn't say to what. `weakens` is what protects or keeps data now,
    and would no longer.
    """

    property: str
    deployed: str | None
    found: str | None
    new: str | None
    fate: Fate
    weakens: tuple[str, ...] = ()


@dataclass(frozen=True)
class ByHand:
    """A resource that somebody changed or deleted, and what a deploy would do to it."""

    drift: Drift
    fate: Fate
    properties: tuple[Met, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "stack": "/".join(self.drift.stack),
            "resource": self.drift.resource,
            "type": self.drift.type,
            "physical_id": self.drift.physical_id or None,
            "status": self.drift.status,
            "fate": self.fate.value,
            "properties": [asdict(met) | {"fate": met.fate.value} for met in self.properties],
        }


@dataclass(frozen=True)
class Meeting:
    """All that somebody changed, met by a plan; and what could not be compared.

    `unprotected` are the stacks whose policies aren't those that deploying sets.
    """

    by_hand: tuple[ByHand, ...]
    unknown: tuple[str, ...]
    unprotected: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        fates = Counter(one.fate for one in self.by_hand)
        told = ", ".join(f"{fates[fate]} {fate.value}" for fate in SEVERITY if fates[fate])
        found = f"{len(self.by_hand)} changed by hand ({told})" if told else "0 changed by hand"
        return f"{found}, as far as could be compared" if self.unknown else found

    def as_json(self) -> dict[str, Any]:
        return {
            "summary": self.summary,
            "resources": [one.as_json() for one in self.by_hand],
            "not_compared": list(self.unknown),
            "unprotected": list(self.unprotected),
        }


def meet(compared: Compared, changes: Iterable[Change]) -> Meeting:
    """Return what a plan's changes would do to what was changed by hand."""
    planned = {change.place: change for change in changes}
    return Meeting(
        tuple(_met(drift, planned) for drift in compared.drifts),
        (*compared.unknown, *_unchecked(compared, planned.values())),
        compared.unprotected,
    )


def _unchecked(compared: Compared, changes: Iterable[Change]) -> Iterator[str]:
    """Yield what changes and was not compared: CloudFormation doesn't support all types."""
    for change in changes:
        known = change.type == NESTED_STACK or change.action in NEW
        if not known and change.place not in compared.checked:
            yield f"{'/'.join(change.place)} ({change.type})"


def _met(drift: Drift, planned: Mapping[tuple[str, ...], Change]) -> ByHand:
    change = planned.get(drift.place)
    above = [planned.get(drift.stack[:depth]) for depth in range(1, len(drift.place))]
    hidden = any(one and one.opaque for one in above)
    if drift.status == DELETED:
        return ByHand(drift, _fate_of_deleted(change, hidden=hidden))
    met = tuple(_property(one, change, hidden=hidden) for one in drift.differences)
    fates = [one.fate for one in met] or [Fate.UNTOLD]
    return ByHand(drift, min(fates, key=SEVERITY.index), met)


def _fate_of_deleted(change: Change | None, *, hidden: bool) -> Fate:
    if change is None:
        return Fate.UNTOLD if hidden else Fate.STAYS
    anew = change.replacement is Replacement.CERTAIN
    if anew or change.action == "Remove":
        return Fate.AGREED
    # A type's update handler has to return NotFound, which fails the update.
    # https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract.html
    return Fate.FAILS if change.action == "Modify" else Fate.UNTOLD


def _property(one: Difference, change: Change | None, *, hidden: bool) -> Met:
    place, found = one.property.strip("/"), one.found or None
    met = Met(place, one.expected or None, found, None, Fate.UNTOLD)
    if change is None:
        return met if hidden else replace(met, new=found, fate=Fate.STAYS)
    if change.action == "Remove":
        return replace(met, fate=Fate.LOST)
    if change.action != "Modify":
        return met
    met_by = [p for p in change.properties if _is_in(place, p.place) or _is_in(p.place, place)]
    if not met_by:
        anew = change.replacement is Replacement.CERTAIN
        return replace(met, fate=Fate.LOST if anew else Fate.PERHAPS)
    # The plan may list both a property and a part of it.
    new = _new(met, max(met_by, key=lambda changed: len(changed.place)))
    if _same(found, new):
        return replace(met, new=new, fate=Fate.AGREED)
    name, _, within = place.partition("/")
    overwritten = Property(name, found, new, Replacement.NO, within=within)
    weakens = tuple(weaknesses(change, overwritten))
    return replace(met, new=new, fate=Fate.OVERWRITTEN, weakens=weakens)


def _is_in(place: str, other: str) -> bool:
    return f"{place}/".startswith(f"{other}/")


def _new(met: Met, changed: Property) -> str | None:
    """Return what the plan makes of what somebody changed, as far as it says."""
    if met.property == changed.place and changed.told:
        return changed.after
    if changed.after is None or not _is_in(met.property, changed.place):
        return UNKNOWN
    value = _read(changed.after)
    for step in met.property[len(changed.place) + 1 :].split("/"):
        if isinstance(value, list) and met.found and _read(met.found) in value:
            return met.found
        if not isinstance(value, dict):
            # An index doesn't say which item of a list is meant.
            return UNKNOWN
        value = value.get(step)
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _same(one: str | None, other: str | None) -> bool:
    if one is None or other is None:
        return one is other
    if UNKNOWN in other or VEILED in one:
        return False
    return bool(_read(one) == _read(other))


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def told(
    one: ByHand, shown: Callable[[str | None, str | None], Iterable[str]]
) -> Iterator[tuple[Fate, str]]:
    """Yield what somebody did to a resource, and what becomes of it: its fate, and in words.

    `shown` formats two values.
    """
    if one.drift.status == DELETED:
        yield one.fate, f"deleted by hand  ({OF_DELETED[one.fate]})"
    elif not one.properties:
        yield one.fate, f"changed by hand  ({WORDS[one.fate]})"
    for met in one.properties:
        values = " -> ".join(shown(met.deployed, met.found))
        known = met.fate is Fate.OVERWRITTEN and met.new != UNKNOWN
        new = f" with {[*shown(met.found, met.new)][1]}" if known else ""
        notes = "".join(f"  ({why})" for why in met.weakens)
        by = BY_AWS.get((one.drift.type, met.property), "by hand")
        yield met.fate, f"{by}: {met.property}: {values}  ({WORDS[met.fate]}{new}){notes}"
