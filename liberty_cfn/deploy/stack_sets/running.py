"""Operations on a set, one after another, until more targets have failed than may.

CloudFormation applies the failure tolerance within an operation; across operations, it is
applied here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from liberty_cfn.deploy import faults, linked_roles, protection
from liberty_cfn.deploy.errors import DeployError, FollowError
from liberty_cfn.deploy.stack_sets import failures
from liberty_cfn.deploy.stack_sets.operations import (
    Operation,
    OthersError,
    Progress,
    Result,
    follow,
    operate,
)
from liberty_cfn.deploy.stack_sets.protecting import close, protect
from liberty_cfn.deploy.stack_sets.reaching import Fleet, products
from liberty_cfn.deploy.stack_sets.standing import instances, overrides
from liberty_cfn.deploy.stack_sets.steps import Step, preferences, steps_to
from liberty_cfn.deploy.stack_sets.wanted import Differences
from liberty_cfn.deployment_targets import Place
from liberty_cfn.side_by_side import side_by_side


@dataclass
class Outcome:
    """What a deploy came to: each target's result, and the operations.

    `unprotected` are the places whose stacks have no policy against loss.
    """

    changed: bool
    unprotected: set[Place] = field(default_factory=set)
    results: dict[Place, Result] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)


@dataclass
class Run:
    """The operations of a deploy, one after another, until more targets have failed than may.

    `definition` and `wanted` are as for `steps_to`. `ours` are the ids of its operations, and
    of the one that had begun last when they were planned. `adopted` are the places that take
    in what exists; `adopt` creates such a place's stack, and returns its id. `left` returns
    what differs by now; None if that isn't to be done unseen. `done` are places brought up to
    date.
    """

    fleet: Fleet
    definition: Mapping[str, Any]
    wanted: Mapping[Place, Mapping[str, str]]
    different: Differences
    progress: Progress
    ours: set[str]
    adopted: Collection[Place] = ()
    adopt: Callable[[Place], str] | None = None
    left: Callable[[], Differences | None] = lambda: None
    outcome: Outcome = field(default_factory=lambda: Outcome(changed=True))
    failed: Counter[str] = field(default_factory=Counter)
    done: set[Place] = field(default_factory=set)

    @contextmanager
    def protecting(self) -> Iterator[None]:
        """Protect the stacks that the block changed, even if it failed.

        After an interruption, the next deploy does that.
        """
        try:
            yield
        except (DeployError, FollowError, *faults.OF_AWS):
            # This must not hide why it failed.
            with suppress(*faults.OF_AWS):
                self._protect(failed=True)
            raise
        self._protect()

    def _protect(self, *, failed: bool = False) -> None:
        """Protect the stacks that were changed; if it `failed`, close the others' policies."""
        done = [place for place in self.outcome.results if self._is_well(place)]
        stay = [place for place in done if place not in self.different.gone]
        try:
            known = instances(self.fleet)
            self.outcome.unprotected -= {*stay}
            self.outcome.unprotected |= protect(self.fleet, stay, self.progress, known)
            if failed:
                close(self.fleet, self.progress, known)
        except faults.OF_AWS as error:
            self.progress.say(
                f"{self.fleet.name}: its stacks may have no policy against loss until the "
                f"next deploy. {faults.in_words(error)}"
            )
            raise

    def bring_up_to_date(self, places: Collection[Place]) -> None:
        """Bring some places up to date, but for what somebody else does of it meanwhile.

        Raises:
            DeployError: more failed than may. The message says why, first-hand. Or somebody
                else changes the set otherwise.
        """
        try:
            self._bring_up_to_date(places)
        except OthersError as others:
            self._fall_in(others)
            self.bring_up_to_date([p for p in places if self.different.concerns(p)])
        self.done |= {*places}

    def _fall_in(self, others: OthersError) -> None:
        """Follow somebody else's operation as if it were ours: a second deploy's, say.

        Raises:
            OthersError: what is left to do by then isn't what was agreed to.
        """
        fleet, progress = self.fleet, self.progress
        progress.say(f"{fleet.name}: somebody else is at it, too: {others.operation}")
        done = follow(fleet, others.operation, progress.happened, say=progress.say)
        left = self.left()
        if left is None or not self._is_agreed(left):
            raise others
        self.ours.add(others.operation)
        self.different = left
        # What is left of a failed creation is deleted before a target takes in what is there:
        # theirs may not have failed.
        self.adopted = {*self.adopted} & {*left.new}
        self._note(done)
        self._end_if_stopped()

    def _is_agreed(self, left: Differences) -> bool:
        """Whether what is left to do is what was agreed to, or a part of it."""
        agreed = self.different
        return (
            {*left.new} <= {*agreed.new}
            and {*left.gone} <= {*agreed.gone}
            and all(
                agreed.concerns(place) and place not in self.done
                for place in (*left.new, *left.changed, *left.outdated)
            )
            and all(
                left.before[place] in (agreed.before.get(place), self._off(place))
                for place in left.changed
            )
        )

    def _off(self, place: Place) -> dict[str, str]:
        """Return a place's overrides as it is made, without protection from deletion."""
        return {**self.wanted[place], **lifted(self.fleet, place)}

    def _bring_up_to_date(self, places: Collection[Place]) -> None:
        self._see_to_linked_roles([place for place in places if place in self.different.new])
        for place in places:
            if self.adopt and place in self.adopted:
                if place not in self.different.new:
                    # First remove what is left of its failed creation.
                    self._remove([place])
                    self.outcome.results.pop(place, None)
                self._take_in(self.adopt(place), place)
        bare = self._bare(places)
        others = tuple(place for place in self.different.changed if place not in bare)
        first = replace(self.different, changed=others)
        self._carry_out({**self.wanted, **bare}, first, places)
        results = self.outcome.results
        if made := [place for place in bare if place not in results or self._is_well(place)]:
            self.progress.say("All is there; now it is protected from deletion")
            changed = Differences(definition=False, changed=tuple(made), before=bare)
            self._carry_out(self.wanted, changed, made)
        self._tell_failures()

    def _bare(self, places: Collection[Place]) -> dict[Place, Mapping[str, str]]:
        """Return the overrides of new places without protection from deletion.

        With it, one that fails couldn't be undone. Also of those that were made so, and haven't
        got it yet.
        """
        found: dict[Place, Mapping[str, str]] = {}
        for place in places:
            if place in self.wanted and (off := lifted(self.fleet, place)):
                new = place in self.different.new
                before = self._off(place) if new else self.different.before.get(place, {})
                if off.items() <= before.items():
                    found[place] = before
        return found

    def _is_well(self, place: Place) -> bool:
        done = self.outcome.results.get(place)
        return done is not None and done.status == "SUCCEEDED"

    def _carry_out(
        self,
        wanted: Mapping[Place, Mapping[str, str]],
        different: Differences,
        places: Collection[Place],
    ) -> None:
        targets = self.fleet.targets
        steps = list(steps_to(self.fleet, self.definition, wanted, different, places))
        for (_, regions), group in groupby(steps, key=lambda s: (s.operation, s.regions)):
            at_once = targets.concurrency(len(targets.accounts) or len(targets.places))
            workers = at_once if targets.managed_execution else 1
            # AWS goes on with operations, for hours maybe, whether we wait or not.
            list(side_by_side(self._do, group, workers))
            if self._too_many(regions):
                self._tell_failures(all_done=False)
            self._end_if_stopped()

    def _see_to_linked_roles(self, new: Collection[Place]) -> None:
        if not self.fleet.home.is_aws:
            return
        one_each = {place.account: place for place in new}
        _, unreached = self.fleet.everywhere(
            one_each.values(),
            lambda place: linked_roles.see_to_them(self.fleet.at(place)),
            finish=True,
        )
        # As a rule, nobody gets into the accounts of a service-managed set but AWS.
        if accounts := ", ".join(place.account for place in unreached):
            self.progress.say(f"{accounts}: {linked_roles.UNREACHED}")

    def remove_gone(self) -> None:
        """Delete the stacks of places that are no longer targets, except what policies keep.

        Raises:
            DeployError: as of `bring_up_to_date`.
        """
        try:
            self._remove(self.different.gone)
        except OthersError as others:
            self._fall_in(others)
            self.remove_gone()

    def _remove(self, places: Collection[Place]) -> None:
        for accounts, regions in products(places):
            self._do(Step("delete_stack_instances", accounts, regions, {"RetainStacks": False}))
        self._end_if_stopped()
        self._tell_failures()

    def _take_in(self, stack: str, place: Place) -> None:
        """Import a stack into the set, and note what it still needs to be as wanted.

        Raises:
            DeployError: it wasn't imported, and remains a stack by itself.
        """
        asked = {"StackIds": [stack]}
        self._do(Step("import_stacks_to_stack_set", [place.account], [place.region], asked))
        self._end_if_stopped()
        self._tell_failures()
        # If AWS doesn't list it yet, it counts as outdated: at worst, it is updated again.
        one = instances(self.fleet).get(place)
        current = one is not None and one.current
        as_wanted = overrides(self.fleet, place) == self.wanted[place]
        was = self.different

        def others(places: tuple[Place, ...]) -> tuple[Place, ...]:
            return tuple(other for other in places if other != place)

        self.adopted = {*self.adopted} - {place}
        self.different = replace(
            was,
            new=others(was.new),
            changed=(*others(was.changed), *(() if as_wanted else (place,))),
            outdated=(*others(was.outdated), *(() if current else (place,))),
        )

    def _do(self, step: Step) -> None:
        fleet = self.fleet
        # Operations running beside this one may have failed too often meanwhile.
        if self._too_many(step.regions):
            return
        done = operate(
            fleet,
            step.operation,
            self.progress.happened,
            self.progress.say,
            ours=self.ours,
            OperationPreferences=preferences(fleet, step.regions, self.failed),
            **step.where(fleet),
            **step.asked,
        )
        self._note(done)

    def _note(self, done: Operation) -> None:
        self.outcome.operations.append(done)
        self.outcome.results |= done.results
        self.failed.update(result.place.region for result in done.failed)

    def _too_many(self, regions: Collection[str]) -> bool:
        return any(self.failed[r] > _tolerance(self.fleet, r) for r in regions)

    def _end_if_stopped(self) -> None:
        """Go no further if somebody stopped an operation (make cancel)."""
        if any(done.status == "STOPPED" for done in self.outcome.operations):
            raise DeployError(
                "The operation was stopped; what it had come to stays. To go on: make deploy "
                f"ENV={self.fleet.environment.name}"
            )

    def _tell_failures(self, *, all_done: bool = True) -> None:
        """Raise DeployError if targets failed, with the reasons of each."""
        failed = [r for r in self.outcome.results.values() if r.status == "FAILED"]
        if not failed:
            return
        began = min(operation.began for operation in self.outcome.operations)
        name = self.fleet.environment.name
        count = "1 target" if len(failed) == 1 else f"{len(failed)} targets"
        how = "" if all_done else ", more than may; the others were left as they are"
        lines = [f"{self.fleet.name}: {count} failed{how}."]
        why, told = failures.explained(self.fleet, failed, began)
        lines += why
        # What the templates keep still exists, in the way of the next creation.
        made = any(result.place in self.different.new for result in failed)
        adopts = made and not self.fleet.targets.service_managed
        # What could not be deleted takes part in no update, and a retry takes nothing in.
        otherwise = (*self.different.gone, *self.different.new)
        stays = any(result.place not in otherwise for result in failed)
        retry = f"make retry ENV={name} (only what failed), or " if stays else ""
        adopt = ", with ADOPT=1 if what was kept is in the way" if adopts else ""
        advice = f"Fix the cause, then: {retry}make deploy ENV={name}{adopt}"
        raise DeployError(
            "\n".join([*lines, advice]),
            failures=told,
            targets=[result.as_json() for result in self.outcome.results.values()],
            advice=advice,
        )


def lifted(fleet: Fleet, place: Place) -> dict[str, str]:
    """Return the overrides without which a target that fails at first couldn't be undone."""
    return protection.lifted(fleet.environment.at(place).settings)


def _tolerance(fleet: Fleet, region: str) -> int:
    """Return how many targets may fail in a region."""
    preferences = fleet.targets.preferences
    accounts = sum(place.region == region for place in fleet.targets.places)
    percentage = preferences.get("FailureTolerancePercentage", 0)
    return int(preferences.get("FailureToleranceCount", accounts * percentage // 100))
