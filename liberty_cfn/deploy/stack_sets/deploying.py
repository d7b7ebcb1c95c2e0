"""The way to a stack set that is as its environment says: canary first, then the rest.

It takes several operations (steps.py). CloudFormation minds the failure tolerance within one;
between them, it is minded here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from typing import Any, Protocol

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.attending import DeployError
from liberty_cfn.deploy.plans import needless
from liberty_cfn.deploy.protection import protect, restore
from liberty_cfn.deploy.stack_sets import adopting, beforehand, failures, making, operations
from liberty_cfn.deploy.stack_sets.operations import Operation, Result
from liberty_cfn.deploy.stack_sets.previews import SetPlan, preview
from liberty_cfn.deploy.stack_sets.reaching import Fleet, products, side_by_side
from liberty_cfn.deploy.stack_sets.standing import (
    Instance,
    Standing,
    instances,
    overrides,
    standing,
)
from liberty_cfn.deploy.stack_sets.steps import Step, preferences, steps_to
from liberty_cfn.deploy.stack_sets.wanted import Differences, Wanted, differences, wanted
from liberty_cfn.deployment_targets import Place


class Progress(Protocol):
    """Who is told how a deploy of a set goes along, and asked whether it should."""

    def say(self, line: str) -> None: ...
    def looked(self, done: int, of: int) -> None: ...
    def planned(self, plan: SetPlan) -> None: ...
    def consents(self, plan: SetPlan) -> bool: ...
    def happened(self, results: list[Result]) -> None: ...
    def goes_on(self, canary: Place) -> bool: ...


@dataclass
class Outcome:
    """What a deploy came to: each target's result, and what was begun."""

    changed: bool
    results: dict[Place, Result] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)
    advice: tuple[str, ...] = ()


def prepare(
    fleet: Fleet, templates: Mapping[str, str], progress: Progress, *, adopt: bool = False
) -> tuple[Wanted, Standing | None, SetPlan]:
    """Return what the set should be, how it stands, and what deploying would do.

    With `adopt`, what is there under the names of new targets is taken in.

    Raises:
        DeployError: something is in the way.
    """
    attach(fleet, progress)
    beforehand.refuse(fleet, beforehand.switched_off(fleet))
    want = wanted(fleet, templates)
    there = standing(fleet.cloudformation, fleet.name)
    different = differences(fleet, want, there)
    touched = different.touched(fleet.targets)
    found, unknown = beforehand.in_the_way(fleet, touched, there, templates)
    adopted = {
        place: findings
        for place, findings in found.items()
        if adopt and all(each.adoptable for each in findings)
    }
    beforehand.refuse(fleet, {p: each for p, each in found.items() if p not in adopted})
    if adopted and different.definition and there:
        raise DeployError(
            "Nothing was changed: a target is taken into the set as it is, and the set is to "
            f"change, too. First deploy without {', '.join(map(str, adopted))} (Targets in "
            f"params/{fleet.environment.name}.yaml), then with, and ADOPT=1."
        )
    plan = preview(fleet, want, there, different, templates=templates, tell=progress.looked)
    return want, there, replace(plan, adopted=adopted, unknown={**unknown, **plan.unknown})


def attach(fleet: Fleet, progress: Progress) -> Operation | None:
    """Follow the operation that is under way, if there is one, to its end."""
    cloudformation, name = fleet.cloudformation, fleet.name
    if not (number := operations.under_way(cloudformation, name)):
        return None
    progress.say(f"{name}: an operation is under way; following {number}")
    return operations.follow(cloudformation, name, number, progress.happened, say=progress.say)


def deploy(
    fleet: Fleet,
    templates: Mapping[str, str],
    progress: Progress,
    allowed: Collection[str] = (),
    *,
    adopting_as: str = "",
) -> Outcome | None:
    """Make the set what its environment and the templates say; None without consent.

    With `adopting_as`, an administrator's role in the targets' accounts, new targets take in
    what an earlier destroy kept.

    Raises:
        DeployError: something is in the way, or targets failed. The message says which.
    """
    want, there, plan = prepare(fleet, templates, progress, adopt=bool(adopting_as))
    different = plan.differences
    if different:
        progress.planned(plan)
    for words in needless(plan.changing.values(), allowed):
        progress.say(words)
    _refuse(fleet, plan, allowed)
    known = there.instances if there else {}
    if not different:
        _close(fleet, progress, known)
        _check_inoperable(fleet, different)
        return Outcome(changed=False, advice=want.advice)
    if not progress.consents(plan):
        return None
    if there is None:
        making.make(fleet, want)
        different = replace(different, definition=False)
    adopt = partial(adopting.make, templates=templates, role=adopting_as, say=progress.say)
    run = _Run(fleet, want, different, progress, plan.adopted, adopt)
    if there:
        # What a deploy that was killed was allowed, this one is not.
        _close(fleet, progress, known)
    if allowed:
        _protect(fleet, list(plan.changing), progress, known, allowed)
    touched = plan.differences.touched(fleet.targets)
    first, rest = touched[:1], touched[1:]
    with run.protecting():
        run.through(first)
        if rest and not progress.goes_on(first[0]):
            again = " ADOPT=1" if plan.adopted else ""
            raise DeployError(
                f"Only {first[0]} was changed. The others are as they were; to go on: make "
                f"deploy ENV={fleet.environment.name}{again}"
            )
        run.through(rest)
        run.remove(different.gone)
    _check_inoperable(fleet, different)
    return run.outcome


def retry(fleet: Fleet, progress: Progress) -> Outcome | None:
    """Bring the targets up to date that failed, or were not come to; the rest stays as it is.

    Nothing about the set is changed. None where there is no set.

    Raises:
        DeployError: something is in the way, or targets failed again.
    """
    attach(fleet, progress)
    if (there := standing(fleet.cloudformation, fleet.name)) is None:
        return None
    outdated = tuple(p for p, i in there.instances.items() if i.status == "OUTDATED")
    stuck = tuple(p for p, i in there.instances.items() if i.status == "INOPERABLE")
    known = Differences(
        definition=False, new=(), changed=(), outdated=outdated, inoperable=stuck, gone=()
    )
    # Where that isn't known, trying tells; and the file says nothing of targets that it left.
    known_here = [place for place in outdated if place in fleet.targets.overrides]
    beforehand.refuse(fleet, beforehand.in_the_way(fleet, known_here, there)[0])
    run = _Run(fleet, None, known, progress)
    with run.protecting():
        run.through(list(outdated))
    _check_inoperable(fleet, known)
    return run.outcome


@dataclass
class _Run:
    """Operations, one after another, until more targets failed than may."""

    fleet: Fleet
    want: Wanted | None
    different: Differences
    progress: Progress
    adopted: Collection[Place] = ()
    adopt: Callable[[Fleet, Wanted, Place], str] | None = None
    outcome: Outcome = field(default_factory=lambda: Outcome(changed=True))
    failed: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def protecting(self) -> Iterator[None]:
        """Protect what was done by then from loss, also if something failed.

        What somebody interrupts is protected by the next deploy.
        """
        try:
            yield
        except DeployError:
            try:
                _close(self.fleet, self.progress, self._protect())
            except faults.OF_AWS as error:
                # Why it failed is not to be hidden by what goes wrong afterwards.
                self.progress.say(
                    f"{self.fleet.name}: its stacks may have no policy against loss until the "
                    f"next deploy. {faults.in_words(error)}"
                )
            raise
        self._protect()

    def _protect(self) -> Mapping[Place, Instance]:
        known = instances(self.fleet.cloudformation, self.fleet.name)
        results = self.outcome.results.values()
        done = [result.place for result in results if result.status == "SUCCEEDED"]
        stay = [place for place in done if place not in self.different.gone]
        _protect(self.fleet, stay, self.progress, known)
        for place in stay:
            if place not in known or not known[place].stack_id:
                self.progress.say(
                    f"{place}: its stacks have no policy against loss: AWS doesn't list them "
                    "yet. The next deploy sets it"
                )
        return known

    def through(self, places: Collection[Place]) -> None:
        """Do all there is to do at some places.

        Raises:
            DeployError: more failed than may. The message says why, first-hand.
        """
        targets = self.fleet.targets
        for place in places:
            if self.want and self.adopt and place in self.adopted:
                if place not in self.different.new:
                    # What is left of its failed creation goes first.
                    self.remove([place])
                self._take_in(self.want, self.adopt(self.fleet, self.want, place), place)
        steps = list(steps_to(self.fleet, self.want, self.different, places))
        for (_, regions), group in groupby(steps, key=lambda s: (s.operation, s.regions)):
            at_once = targets.concurrency(len(targets.accounts) or len(targets.places))
            workers = at_once if targets.managed_execution else 1
            list(side_by_side(self._do, group, workers))
            self._stop_if_too_many(regions)
        self._tell_failures()

    def remove(self, places: Collection[Place]) -> None:
        """Delete the stacks of places that are no longer targets, but what policies keep."""
        for accounts, regions in products(places):
            self._do(Step("delete_stack_instances", accounts, regions, {"RetainStacks": False}))
        self._tell_failures()

    def _take_in(self, want: Wanted, stack: str, place: Place) -> None:
        """Take a stack into the set, and see what it lacks to be what is wanted.

        Raises:
            DeployError: it isn't taken in; it stands by itself.
        """
        asked = {"StackIds": [stack]}
        self._do(Step("import_stacks_to_stack_set", [place.account], [place.region], asked))
        self._stop_if_too_many([])
        self._tell_failures()
        cloudformation, name = self.fleet.cloudformation, self.fleet.name
        # What AWS doesn't list yet is brought up to date rather than taken for it.
        one = instances(cloudformation, name).get(place)
        current = one is not None and one.current
        as_wanted = overrides(cloudformation, name, place) == want.overrides[place]
        was = self.different

        def others(places: tuple[Place, ...]) -> tuple[Place, ...]:
            return tuple(other for other in places if other != place)

        self.different = replace(
            was,
            new=others(was.new),
            changed=(*others(was.changed), *(() if as_wanted else (place,))),
            outdated=(*others(was.outdated), *(() if current else (place,))),
        )

    def _do(self, step: Step) -> None:
        fleet = self.fleet
        # As many may have failed meanwhile as may, in what ran beside this.
        if self._too_many(step.regions):
            return
        number = operations.begin(
            fleet.cloudformation,
            fleet.name,
            step.operation,
            tell=self.progress.happened,
            say=self.progress.say,
            OperationPreferences=preferences(fleet, step.regions, self.failed),
            **step.where(fleet),
            **step.asked,
        )
        done = operations.follow(
            fleet.cloudformation,
            fleet.name,
            number,
            self.progress.happened,
            say=self.progress.say,
        )
        self.outcome.operations.append(done)
        self.outcome.results |= done.results
        self.failed.update(result.place.region for result in done.failed)

    def _too_many(self, regions: Collection[str]) -> bool:
        return any(self.failed[r] > _tolerance(self.fleet, r) for r in regions)

    def _stop_if_too_many(self, regions: Collection[str]) -> None:
        if self._too_many(regions):
            self._tell_failures(stopped=True)
        stopped = [o for o in self.outcome.operations if o.status == "STOPPED"]
        if stopped:
            raise DeployError(
                "The operation was stopped; what it had come to stays. To go on: make deploy "
                f"ENV={self.fleet.environment.name}"
            )

    def _tell_failures(self, *, stopped: bool = False) -> None:
        failed = [r for r in self.outcome.results.values() if r.status == "FAILED"]
        if not failed:
            return
        began = min(operation.began for operation in self.outcome.operations)
        name = self.fleet.environment.name
        count = "1 target" if len(failed) == 1 else f"{len(failed)} targets"
        how = ", more than may; the others were left as they are" if stopped else ""
        lines = [f"{self.fleet.name}: {count} failed{how}."]
        lines += failures.explain(self.fleet, failed, began)
        lines.append(
            f"Mend the cause, then: make retry ENV={name} (only what failed), or make deploy "
            f"ENV={name}"
        )
        raise DeployError("\n".join(lines))


def _tolerance(fleet: Fleet, region: str) -> int:
    preferences = fleet.targets.preferences
    accounts = sum(place.region == region for place in fleet.targets.places)
    percentage = preferences.get("FailureTolerancePercentage", 0)
    return int(preferences.get("FailureToleranceCount", accounts * percentage // 100))


def _refuse(fleet: Fleet, plan: SetPlan, allowed: Collection[str]) -> None:
    """Refuse what would lose data unasked, and what nobody can foresee.

    Raises:
        DeployError: there is such.
    """
    # Nobody may take roles in the accounts of a service-managed set but AWS.
    if plan.unknown and not fleet.targets.service_managed:
        told = [f"  {place}: {why}" for place, why in plan.unknown.items()]
        raise DeployError(
            "\n".join(["Nothing was changed: these targets can't be looked into:", *told])
        )
    if refused := plan.refusals(allowed):
        raise DeployError("\n".join(["Data would be lost; nothing was changed:", *refused]))


def _protect(
    fleet: Fleet,
    places: Collection[Place],
    progress: Progress,
    known: Mapping[Place, Instance],
    allowed: Collection[str] = (),
) -> None:
    """Deny replacing and deleting what holds data in some targets' stacks."""

    def deny(cloudformation: Any, stack_id: str) -> None:
        protect(cloudformation, stack_id, allowed)

    _in_stacks(fleet, progress, deny, places, known)


def _close(fleet: Fleet, progress: Progress, known: Mapping[Place, Instance]) -> None:
    """Close in every target what a deploy that ended early left open, or never closed."""
    # Nobody gets into the accounts of a service-managed set but AWS.
    if not fleet.targets.service_managed:
        _in_stacks(fleet, progress, restore, fleet.targets.places, known)


def _in_stacks(
    fleet: Fleet,
    progress: Progress,
    do: Callable[[Any, str], None],
    places: Collection[Place],
    known: Mapping[Place, Instance],
) -> None:
    ids = {place: one.stack_id for place, one in known.items() if one.stack_id}
    _, failed = fleet.everywhere(
        [place for place in places if place in ids],
        lambda place: do(fleet.at(place).client("cloudformation"), ids[place]),
    )
    for place, why in failed.items():
        progress.say(f"{place}: its stacks have no policy against loss: {why}")


def _check_inoperable(fleet: Fleet, different: Differences) -> None:
    """Say what to do about instances that take part in nothing any more.

    Raises:
        DeployError: there are some.
    """
    if not different.inoperable:
        return
    lines = [
        f"  {place}: aws cloudformation delete-stack-instances --retain-stacks "
        f"--stack-set-name {fleet.name} --accounts {place.account} --regions {place.region}"
        for place in different.inoperable
    ]
    why = (
        "INOPERABLE, so left out: their stacks could not be deleted. Take them out of the set, "
        "delete their stacks by hand (what is in the way is in their events), then deploy "
        "again:"
    )
    raise DeployError("\n".join([why, *lines]))
