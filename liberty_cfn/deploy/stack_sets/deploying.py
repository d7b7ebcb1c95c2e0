"""Bringing a stack set to what its environment says: canary first, then the rest.

That takes several operations (steps.py), run one after another (running.py).
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial

from botocore.exceptions import ClientError

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.patience import answered
from liberty_cfn.deploy.plans import needless, refuse_losses
from liberty_cfn.deploy.stack_sets import adopting, beforehand, protecting, running
from liberty_cfn.deploy.stack_sets.operations import (
    Progress,
    attach,
    newest,
    operate,
    refuse_others,
)
from liberty_cfn.deploy.stack_sets.previews import SetPlan, as_it_is, preview
from liberty_cfn.deploy.stack_sets.reaching import Fleet, taking_out
from liberty_cfn.deploy.stack_sets.running import Outcome, Run
from liberty_cfn.deploy.stack_sets.standing import StackSet, every_override, standing
from liberty_cfn.deploy.stack_sets.steps import as_before
from liberty_cfn.deploy.stack_sets.wanted import Differences, Wanted, differences, wanted
from liberty_cfn.deploy.weighing import coming, let_through, rests_on_policies
from liberty_cfn.deployment_targets import Place


def prepare(
    fleet: Fleet, templates: Mapping[str, str], progress: Progress, *, adopt: bool = False
) -> tuple[Wanted, StackSet | None, SetPlan]:
    """Return what the set should be, what exists of it, and what deploying would do.

    With `adopt`, what exists under the names of new targets is taken in.

    Raises:
        DeployError: something is in the way.
    """
    while True:
        last, attached = attach(fleet, progress)
        try:
            want, there, plan = _prepared(fleet, templates, progress, adopt=adopt)
        except DeployError:
            if newest(fleet, changing=True)[0] == last:
                raise
        else:
            # Whoever was at it may have gone on with the next target meanwhile.
            disturbed = attached or plan.unknown
            if not disturbed or newest(fleet, changing=True)[0] == last:
                return want, there, replace(plan, last=last)


def _prepared(
    fleet: Fleet, templates: Mapping[str, str], progress: Progress, *, adopt: bool
) -> tuple[Wanted, StackSet | None, SetPlan]:
    """As `prepare`, while nobody else changes the set."""
    beforehand.refuse(fleet, beforehand.switched_off(fleet))
    want = wanted(fleet, templates)
    there = standing(fleet)
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
    if different.definition and there and there.instances and {*touched} <= {*different.new}:
        _check_inoperable(fleet, different)
        raise DeployError(
            "Nothing was changed: the set changes with a target that stays, and none does, so "
            "the new ones would be as the set was before. First deploy with some that are to "
            f"go ({', '.join(map(str, different.gone))}) beside the new ones (Targets in "
            f"params/{fleet.environment.name}.yaml), then without."
        )
    plan = preview(
        fleet, want, there, different, templates, tell=progress.looked, say=progress.say
    )
    unknown = {**want.untold, **unknown, **plan.unknown}
    return want, there, replace(plan, adopted=adopted, unknown=unknown)


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
        left = protecting.close(fleet, progress, known)
        _check_inoperable(fleet, different)
        return Outcome(changed=False, unprotected=left)
    if not progress.consents(different):
        return None
    refuse_others(fleet, [plan.last])
    ours = {plan.last}
    definition = want.definition(fleet.targets)
    if there is None:
        _make(fleet, want)
        different = replace(different, definition=False)
    elif different.definition and not known:
        # No target is updated, with which the definition would change.
        hear, say = progress.happened, progress.say
        operate(fleet, "update_stack_set", hear, say, ours=ours, empty=True, **definition)
        different = replace(different, definition=False)
    adopt = partial(
        adopting.make, fleet, want, templates=templates, role=adopting_as, say=progress.say
    )
    run = Run(
        fleet,
        definition,
        want.overrides,
        different,
        progress,
        ours,
        plan.adopted,
        adopt,
        partial(_left, fleet, want, there),
    )
    if there:
        # What an earlier deploy, since killed, had allowed may not go in this one.
        run.outcome.unprotected = protecting.close(fleet, progress, known)
    changes = [change for one in plan.changing.values() for change in one.changes]
    touched = plan.differences.touched(fleet.targets)
    first, rest = touched[:1], touched[1:]
    with run.protecting():
        open_, made = let_through(changes, allowed), coming(changes)
        if open_ or made or rests_on_policies(changes):
            protecting.protect_first(fleet, list(plan.changing), known, open_, made)
        run.bring_up_to_date(first)
        if rest and not progress.goes_on(first[0]):
            again = " ADOPT=1" if plan.adopted else ""
            raise DeployError(
                f"Only {first[0]} was changed. The others are as they were; to go on: make "
                f"deploy ENV={fleet.environment.name}{again}"
            )
        run.bring_up_to_date(rest)
        run.remove_gone()
    _check_inoperable(fleet, different)
    return run.outcome


def retry(fleet: Fleet, progress: Progress) -> Outcome | None:
    """Update the targets that failed, or were never reached; the rest stays as it is.

    Nothing about the set is changed. None without consent, and if there is no set.

    Raises:
        DeployError: something is in the way, or targets failed again.
    """
    last, _ = attach(fleet, progress)
    if (there := standing(fleet)) is None:
        return None
    outdated, stuck = there.being("OUTDATED"), there.being("INOPERABLE")
    usable = there.instances.keys() - {*stuck}
    # Nothing is known of targets that the file no longer names; if one can't be checked, the
    # operation itself will tell.
    known_here = [place for place in outdated if place in fleet.targets.overrides]
    beforehand.refuse(fleet, beforehand.in_the_way(fleet, known_here, there)[0])
    before, wanted = _made_bare(fleet, [p for p in fleet.targets.places if p in usable])
    again = [*outdated, *(place for place in wanted if place not in outdated)]
    known = Differences(
        definition=False,
        changed=tuple(wanted),
        outdated=tuple(outdated),
        inoperable=tuple(stuck),
        before=before,
    )
    made: list[str] = []
    if again:
        progress.say(f"{fleet.name}, to be tried again: {', '.join(map(str, again))}")
        made = _refuse_unnamed(fleet, there, again, progress)
        if not progress.consents(known):
            return None
        refuse_others(fleet, [last])
    # What a deploy, since killed, had allowed, no other operation may do.
    left = protecting.close(fleet, progress, there.instances)
    if not fleet.targets.service_managed:
        # What may turn out to replace what holds data, or can't be told, only they prevent.
        protecting.protect_first(fleet, again, there.instances, coming=made)
    run = Run(fleet, as_before(fleet), wanted, known, progress, {last})
    run.outcome.unprotected = left
    with run.protecting():
        run.bring_up_to_date(again)
    _check_inoperable(fleet, known)
    return run.outcome


def _left(fleet: Fleet, want: Wanted, was: StackSet | None) -> Differences | None:
    """Return what differs by now; None if the set was changed to something else."""
    now = standing(fleet)
    found = differences(fleet, want, now)
    as_it_was = now and was and now.definition == was.definition
    return found if as_it_was or not found.definition else None


def _refuse_unnamed(
    fleet: Fleet, there: StackSet, places: Collection[Place], progress: Progress
) -> list[str]:
    """Refuse to try again what would lose data: a deploy has that named.

    Policies don't keep a secret's value, nor backups that are kept less long. Returns the
    nested stacks that are made.
    """
    # Only AWS gets into the accounts of a service-managed set.
    if fleet.targets.service_managed:
        return []
    plans = as_it_is(fleet, there, places, progress.say)
    advice = f"A retry lets nothing go; make deploy ENV={fleet.environment.name} does."
    refuse_losses(plans.items(), (), "nothing was changed", advice)
    return coming(change for plan in plans.values() for change in plan.changes)


def _made_bare(
    fleet: Fleet, places: Collection[Place]
) -> tuple[dict[Place, dict[str, str]], dict[Place, dict[str, str]]]:
    """Return the overrides of places that may still lack protection from deletion.

    And of those that do what they are to be, as all is there.
    """
    bare = {place: running.lifted(fleet, place) for place in places}
    before = every_override(fleet, [place for place in places if bare[place]])
    wanted = {
        place: {
            **{name: value for name, value in told.items() if name not in bare[place]},
            **{n: v for n, v in fleet.targets.overrides[place].items() if n in bare[place]},
        }
        for place, told in before.items()
        if bare[place].items() <= told.items()
    }
    return before, wanted


def _refuse(fleet: Fleet, plan: SetPlan, allowed: Collection[str]) -> None:
    """Refuse what would lose data that nobody named, and targets that can't be looked into."""
    beforehand.refuse_unseen(fleet, plan.unknown, "changed", new=plan.differences.new)
    refuse_losses(plan.changing.items(), allowed, "nothing was changed")


def _make(fleet: Fleet, want: Wanted) -> None:
    """Create the set. If it exists already, and is as wanted, it is ours: the answer was lost.

    Raises:
        DeployError: somebody else made another one meanwhile.
    """
    asked = {
        "StackSetName": fleet.name,
        "Description": f"Liberty Social backend, {fleet.environment.name}",
        # Sent again, with the same token it is the same set.
        "ClientRequestToken": f"liberty-{uuid.uuid4().hex}",
        **want.definition(fleet.targets),
    }
    try:
        answered(fleet.cloudformation, lambda: fleet.cloudformation.create_stack_set(**asked))
    except ClientError as error:
        if faults.code(error) != "NameAlreadyExistsException":
            raise
        there = standing(fleet)
        # What it has in targets, nobody has looked at.
        if there and not there.instances and not differences(fleet, want, there).definition:
            return
        raise DeployError(
            f"{fleet.name} is there by now, made by somebody else, and not as planned; "
            "nothing was changed. Deploy again to see a new plan."
        ) from error


def _check_inoperable(fleet: Fleet, different: Differences) -> None:
    """Raise DeployError with what to do about INOPERABLE instances, if there are any."""
    if not different.inoperable:
        return
    lines = [f"  {place}: {taking_out(fleet, place)}" for place in different.inoperable]
    why = (
        "INOPERABLE, so left out: their stacks could not be deleted. Take them out of the set, "
        "delete their stacks by hand (what is in the way is in their events), then deploy "
        "again:"
    )
    raise DeployError("\n".join([why, *lines]))
