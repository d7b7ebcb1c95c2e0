"""What would change in every target, before anything does; common parts said once.

Stack sets have no change sets, but every target's own stack can have one: made through its
account's execution role, read, and discarded.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from liberty_cfn.deploy import change_sets, discarding
from liberty_cfn.deploy.changes import Change, ChangeSet, Property, Replacement, removed
from liberty_cfn.deploy.destroying import Kept
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.events import Event
from liberty_cfn.deploy.finding import Finding
from liberty_cfn.deploy.patience import Say
from liberty_cfn.deploy.plans import CHANGES, DANGER, NOTHING, Plan, changed_values
from liberty_cfn.deploy.preparing import scaled_in, with_data
from liberty_cfn.deploy.stack import find, parameters
from liberty_cfn.deploy.stack_sets.beforehand import remaining, without_its_stack
from liberty_cfn.deploy.stack_sets.reaching import Fleet
from liberty_cfn.deploy.stack_sets.standing import StackSet, overrides
from liberty_cfn.deploy.stack_sets.wanted import Differences, Wanted
from liberty_cfn.deploy.statuses import Meaning, state_of
from liberty_cfn.deploy.weighing import decides, interruption, weaknesses
from liberty_cfn.deploy.work import Work
from liberty_cfn.deployment_targets import Place
from liberty_cfn.model.flattening import flatten
from liberty_cfn.model.loading import from_texts
from liberty_cfn.model.resolving import resolve

ANEW = (Meaning.ABSENT, Meaning.BROKEN)


@dataclass(frozen=True)
class SetPlan:
    """What would become of a stack set, target by target.

    `unknown` are targets that could not be looked into, each with why; `kept` is what would
    remain of the stacks that go; `adopted` what new targets would take in. `last` is the id of
    the set's operation that had begun last; empty where there was none.
    """

    name: str
    digest: str
    differences: Differences
    plans: Mapping[Place, Plan]
    unknown: Mapping[Place, str]
    kept: Mapping[Place, Collection[Kept]]
    adopted: Mapping[Place, Collection[Finding]] = field(default_factory=dict)
    last: str = ""

    @property
    def changing(self) -> dict[Place, Plan]:
        """The plans of targets that are there, and stay, but change."""
        new, gone = self.differences.new, self.differences.gone
        return {
            place: plan
            for place, plan in self.plans.items()
            if place not in (*new, *gone) and (plan.changes or plan.parameters)
        }

    @property
    def code(self) -> int:
        """What `plan` exits with."""
        if self.unknown or self.differences.inoperable:
            return 1
        if not self.differences and not self.changing:
            return NOTHING
        lost = any(plan.lost for plan in self.changing.values())
        return DANGER if lost or self.differences.gone else CHANGES


class Prefixed:
    """Puts a target's name before each line about it; consent is asked for all together."""

    def __init__(self, place: Place, say: Say) -> None:
        self._place, self._say = place, say

    def say(self, line: str) -> None:
        self._say(f"{self._place}: {line}")

    def planned(self, plan: Plan) -> None:
        pass

    def consents(self) -> bool:
        return True

    def happened(self, events: list[Event]) -> None:
        pass


def preview(
    fleet: Fleet,
    want: Wanted,
    there: StackSet | None,
    different: Differences,
    templates: Mapping[str, str],
    *,
    tell: Callable[[int, int], object],
    say: Say,
) -> SetPlan:
    """Return what deploying would do to every target, and leave no trace.

    `tell` hears how many targets have been looked into, and of how many.
    """
    instances = there.instances if there else {}
    stacks: dict[Place, Mapping[str, Any]] = {}
    design = flatten(from_texts({n: t for n, t in templates.items() if n.endswith(".yaml")}))

    def plan(place: Place) -> Plan:
        stack = "" if place in different.new else instances[place].stack_id
        cloudformation = fleet.at(place).client("cloudformation") if stack else None
        if place in different.gone:
            going = tuple(removed(cloudformation, stack, ())) if stack else ()
            return Plan(str(place), want.digest, going, {})
        found = find(cloudformation, stack) if stack else None
        if lost := without_its_stack(fleet, place, there, found):
            raise DeployError(str(lost))
        # A stack whose creation failed can't be updated; it is deleted and created again.
        if found is None or state_of(found) in ANEW:
            return made_anew(place)
        stacks[place] = found
        return _changed(work(place), want, place, found)

    def work(place: Place) -> Work:
        environment = fleet.environment.at(place).with_parameters(want.overrides[place])
        return Work(environment, fleet.at(place), Prefixed(place, say), templates)

    def made_anew(place: Place) -> Plan:
        made = resolve(design, want.settings[place], region=place.region)
        changes = tuple(
            Change(r.origin.path, r.origin.logical_id, r.type, "Add", Replacement.NO)
            for r in made.resources.values()
        )
        given = {k: (None, v) for k, v in want.overrides[place].items()}
        return Plan(str(place), want.digest, changes, given)

    looked = [place for place in fleet.targets.places if place not in different.inoperable]
    plans, unknown = fleet.everywhere([*looked, *different.gone], plan, tell, finish=True)
    updated = {p: (work(p), stacks[p]) for p in plans if p in stacks and plans[p].changes}
    plans |= _foreseen(plans, updated)
    # What remains is said before anything goes; a target where it can't be told counts as
    # unknown.
    looked_at = [p for p in different.gone if p in plans and instances[p].stack_id]
    remains, held, untold = remaining(fleet, there, looked_at) if there else ({}, {}, {})
    if held:
        file = f"params/{fleet.environment.name}.yaml"
        why = (
            "Nothing was changed, as what goes would be deleted by half. What it takes, for a "
            f"target: have it in {file} once more, with what is to be set in its "
            "ParameterOverrides; or by hand, in its account:"
        )
        told = [f"{place}: {each}" for place, found in held.items() for each in found]
        raise DeployError("\n".join([why, *told]))
    return SetPlan(fleet.name, want.digest, different, plans, unknown | untold, remains)


def _changed(work: Work, want: Wanted, place: Place, found: Mapping[str, Any]) -> Plan:
    cloudformation, say = work.cloudformation, work.progress.say
    discarding.sweep_forgotten(cloudformation, found["StackName"], say)
    change_set = _update_of(
        cloudformation,
        say,
        stack=found["StackId"],
        template={"TemplateURL": want.root.url},
        parameters={**want.parameters, **want.overrides[place]},
        tags=want.tags,
    )
    if change_set:
        change_set = with_data(work, found, change_set)
    given = changed_values(parameters(found), want.settings[place])
    changes = change_set.changes if change_set else ()
    notes = tuple(scaled_in(work.environment, work.target, changes))
    return Plan(str(place), want.digest, changes, given, notes=notes)


def _foreseen(
    plans: Mapping[Place, Plan], updated: Mapping[Place, tuple[Work, Mapping[str, Any]]]
) -> dict[Place, Plan]:
    """Return the plans of updates with what of them AWS would refuse half-way."""
    if not updated:
        return {}
    from liberty_cfn.deploy.foreseeing import every_failure  # noqa: PLC0415 - slow to load

    return {
        place: replace(plans[place], notes=(*plans[place].notes, *told))
        for place, told in zip(updated, every_failure([*updated.values()]), strict=True)
    }


def _update_of(cloudformation: Any, say: Say, **asked: Any) -> ChangeSet | None:
    """Return the change set of an update, as it was before it was discarded; None for none."""
    change_set = change_sets.create(cloudformation, new=False, say=say, **asked)
    if change_set:
        discarding.drop(cloudformation, change_set, say)
    return change_set


def as_it_is(
    fleet: Fleet, there: StackSet, places: Iterable[Place], say: Say
) -> dict[Place, Plan]:
    """Return what it would do to bring places up to date with the set as it is.

    Of places where that can't be told, nothing: a stack whose creation failed, say.
    """

    def plan(place: Place) -> Plan:
        change_set = _update_of(
            fleet.at(place).client("cloudformation"),
            Prefixed(place, say).say,
            stack=there.instances[place].stack_id,
            template={"TemplateBody": there.template},
            parameters={**there.parameters, **overrides(fleet, place)},
            tags=there.tags,
        )
        return Plan(str(place), "", change_set.changes if change_set else (), {})

    with_stacks = [p for p in places if there.instances[p].stack_id]
    return fleet.everywhere(with_stacks, plan, finish=True)[0]


Parameter = tuple[str, str | None, str | None]


@dataclass(frozen=True)
class Part:
    """What is the same in all of `places`; values that differ between them are left out."""

    places: tuple[Place, ...]
    changes: tuple[Change, ...]
    parameters: tuple[Parameter, ...]
    notes: tuple[str, ...] = ()


def merge(plans: Mapping[Place, Plan]) -> list[Part]:
    """Return the targets' plans as parts, those that most of them share first."""
    changes: dict[Any, dict[Place, Change]] = {}
    parameters: dict[Parameter, list[Place]] = {}
    notes: dict[str, list[Place]] = {}
    stacks: dict[tuple[str, ...], Change] = {}
    for place, plan in plans.items():
        above = {
            change.stack[: n + 1] for change in plan.changes for n in range(len(change.stack))
        }
        for change in plan.changes:
            if change.place in above and not change.opaque:
                # It is in every part that something in it is in.
                stacks.setdefault(change.place, replace(change, physical_id=""))
                continue
            changes.setdefault(_identity(change), {})[place] = change
        for name, (before, after) in plan.parameters.items():
            parameters.setdefault((name, before, after), []).append(place)
        for note in plan.notes:
            notes.setdefault(note, []).append(place)
    alike: list[tuple[Iterable[Place], int, Any]] = [
        *((found, 0, _common([*found.values()])) for found in changes.values()),
        *((places, 1, parameter) for parameter, places in parameters.items()),
        *((places, 2, note) for note, places in notes.items()),
    ]
    parts: dict[tuple[Place, ...], tuple[list[Any], ...]] = {}
    for places, kind, one in alike:
        parts.setdefault(tuple(places), ([], [], []))[kind].append(one)
    ordered = sorted(parts.items(), key=lambda item: -len(item[0]))
    return [
        Part(places, tuple(_in_stacks(c, stacks)), tuple(p), tuple(n))
        for places, (c, p, n) in ordered
    ]


def _in_stacks(
    changes: Iterable[Change], stacks: Mapping[tuple[str, ...], Change]
) -> Iterator[Change]:
    """Yield changes, each after the stacks that it is in, if these weren't yielded yet."""
    seen = set()
    for change in changes:
        for depth in range(1, len(change.place)):
            above = change.place[:depth]
            if above in stacks and above not in seen:
                seen.add(above)
                yield stacks[above]
        yield change


def _identity(change: Change) -> Any:
    """Return what identifies a change across targets: all but names and harmless values."""
    causes = tuple(
        (p.place, p.replaces, _values_that_matter(change, p)) for p in change.properties
    )
    where = (change.stack, change.resource, change.type)
    return (*where, change.action, change.replacement, change.left, causes)


def _values_that_matter(change: Change, changed: Property) -> Any:
    """Return a property's values if its danger couldn't be judged without them."""
    seen, unseen = (
        (decides(change, one), interruption(change, one), weaknesses(change, one))
        for one in (changed, _without_values(changed))
    )
    return None if seen == unseen else (changed.before, changed.after)


def _without_values(changed: Property) -> Property:
    return replace(changed, before=None, after=None)


def _common(changes: list[Change]) -> Change:
    """Return one change for several, with the values that they have in common."""
    first, *others = changes
    properties = tuple(
        alike[0]
        if len({(p.before, p.after) for p in alike}) == 1
        else _without_values(alike[0])
        for alike in zip(*(change.properties for change in changes), strict=True)
    )
    physical = first.physical_id if not others else ""
    return replace(first, properties=properties, physical_id=physical)
