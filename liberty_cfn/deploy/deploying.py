"""The way from the committed templates to a running environment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from liberty_cfn.deploy import adopting, beforehand, discarding, migrating
from liberty_cfn.deploy.carrying_out import carry_out
from liberty_cfn.deploy.changes import ChangeSet
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.events import last_operation
from liberty_cfn.deploy.following import Work, attend, delete
from liberty_cfn.deploy.plans import Plan, needless, refusals
from liberty_cfn.deploy.preparing import prepare, prepare_now
from liberty_cfn.deploy.protection import close_again, lifted, protect_from_termination
from liberty_cfn.deploy.stack import described, find, outputs
from liberty_cfn.deploy.statuses import Meaning, in_words, state_of, what_next


@dataclass(frozen=True)
class Outcome:
    """How a deploy ended well: whether anything changed, and the stack's outputs."""

    changed: bool
    outputs: Mapping[str, str]


def deploy(
    work: Work, *, adopt: bool = False, drift: bool = False, failed: str = ""
) -> Outcome | None:
    """Make the environment what its templates and settings say; None without consent.

    With `adopt`, a new environment takes in what an earlier destroy kept. With `drift`, the
    plan says what would become of what was changed by hand. `failed` is the name of the stack,
    if what is left of its failed creation may be deleted. What is under way already is seen to
    its end first.

    Raises:
        DeployError: something is in the way, or CloudFormation refused or undid the change, or
            the migration failed: then the service is as it was.
    """
    name, say = work.environment.stack, work.progress.say
    # What comes later may be what somebody else is about to deploy.
    left = discarding.left_behind(work.cloudformation, name, say)
    stack = _begin_from(work, failed)
    if adopt and beforehand.deployed(stack) is not None:
        say(f"{name} is there already, which takes nothing in: it goes on without --adopt")
        adopt = False
    if not adopt:
        return _made(work, stack, left, adopt=False, drift=drift)
    try:
        if not adopting.free_names(work, stack):
            return None
        stack = find(work.cloudformation, name)
        return _made(work, stack, left, adopt=True, drift=drift)
    finally:
        adopting.say_what_waits(work)


def _begin_from(work: Work, failed: str) -> dict[str, Any] | None:
    """Bring the stack to where a deploy can begin, and return it; None where there is none.

    What is under way is seen to its end: somebody else began it, or we did, and were killed.
    What a failed creation left is deleted, if it was named.

    Raises:
        DeployError: what was under way failed, or deletes the stack; or what failed may not be
            deleted, or can't.
    """
    stack = find(work.cloudformation, work.environment.stack)
    state = state_of(stack)
    if not stack or state not in (Meaning.WORKING, Meaning.BROKEN):
        if failed and stack:
            work.progress.say(f"{failed} is in {stack['StackStatus']}: it isn't deleted first")
        return stack
    stack_id, status, name = stack["StackId"], stack["StackStatus"], work.environment.stack
    if status == "DELETE_IN_PROGRESS":
        advice = what_next(status, work.environment)
        raise DeployError(f"{name} is being deleted. {advice} Deploy when it is gone.")
    if state is Meaning.WORKING:
        work.progress.say(f"{name} is in {status}: attached to {stack_id}")
        attend(work, stack_id, last_operation(work.cloudformation, stack_id), ours=False)
    elif failed != name:
        raise DeployError(in_words(status, work.environment))
    else:
        work.progress.say(f"Deleting what is left of {name}, {stack_id}")
        protect_from_termination(work.cloudformation, stack_id, on=False)
        delete(work, stack_id)
    # What another deploy does next, as it may make two updates, is seen to its end, too.
    return _begin_from(work, failed)


def _made(
    work: Work,
    stack: Mapping[str, Any] | None,
    left: Iterable[ChangeSet],
    *,
    adopt: bool,
    drift: bool,
) -> Outcome | None:
    """As `deploy`, from the `stack` as it is; `left` are change sets to be discarded then."""
    environment, progress = work.environment, work.progress
    planned, change_set = prepare(work, stack, adopt=adopt, drift=drift)
    last = None
    if change_set is None:
        if planned.drift:
            progress.planned(planned)
        _say_needless(work, planned)
    elif not _agreed(work, planned, change_set):
        return None
    elif last := _all_but_the_last(work, planned, change_set):
        carry_out(work, last)
    if adopt:
        adopting.put_names_back(work)
    if stack is None or change_set:
        stack = described(work.cloudformation, environment.stack)
    # This deploy set the policies already, if it executed anything at the end.
    if last is None:
        known = bool(planned.drift and planned.drift.unprotected)
        close_again(work.cloudformation, stack["StackId"], known=known)
    if not stack.get("EnableTerminationProtection"):
        protect_from_termination(work.cloudformation, stack["StackId"])
    for killed in left:
        discarding.drop(work.cloudformation, killed, progress.say)
    adopting.give_back(work)
    return Outcome(changed=change_set is not None, outputs=outputs(stack))


def _all_but_the_last(work: Work, planned: Plan, change_set: ChangeSet) -> ChangeSet | None:
    """Deploy what comes before the last; return the last's change set, None if it is done.

    Last comes what would stand in the way if the rest failed: protection from deletion, as a
    stack can't be undone with it, and the service's move, before which the database is
    migrated. With neither, all is the last.

    Raises:
        DeployError: the deploy failed, or the migration: then the service is as it was.
    """
    environment, target, progress = work.environment, work.target, work.progress
    unprotected = lifted(environment) if change_set.new else {}
    migrates = migrating.is_due(environment, planned)
    if not unprotected and not migrates:
        return change_set
    # But not the empty stack that it came with: the next change set is for that, too, and
    # there is none for a stack that is being deleted.
    discarding.drop(work.cloudformation, replace(change_set, new=False), progress.say)
    held = migrating.held(environment, target) if migrates else {}
    before = replace(work, environment=environment.with_parameters({**unprotected, **held}))
    with discarding.kept_only_if_well(work.cloudformation, change_set):
        first = _prepared(before, adopt=change_set.adopts)
    if first:
        if unprotected:
            progress.say("First without protection from deletion, so that it can be undone")
        if migrates:
            progress.say("First all but the service, which stays as it is until it is migrated")
        carry_out(before, first)
    if migrates:
        migrating.migrate(environment, target, (first or change_set).stack_id, progress.say)
    last = _prepared(work, adopt=change_set.adopts)
    if last is None:
        progress.say("Nothing is left to do: somebody else deployed meanwhile")
    elif unprotected:
        progress.say("All is there; now it is protected from deletion")
    return last


def _prepared(work: Work, *, adopt: bool) -> ChangeSet | None:
    """Return the change set of what was agreed to, made anew.

    Raises:
        DeployError: data would be lost, by what somebody else deployed meanwhile.
    """
    planned, change_set = prepare_now(work, adopt=adopt)
    if change_set:
        with discarding.kept_only_if_well(work.cloudformation, change_set):
            _refuse_losses(work, planned, "by what was deployed meanwhile; it is left at that")
    return change_set


def _agreed(work: Work, planned: Plan, change_set: ChangeSet) -> bool:
    """Whether a plan may go ahead. If not, its change set is discarded, also on Ctrl-C."""
    agreed = False
    try:
        work.progress.planned(planned)
        _say_needless(work, planned)
        _refuse_losses(work, planned, "nothing was changed")
        agreed = work.progress.consents()
    finally:
        if not agreed:
            # drop() raises nothing of its own, which would hide why the plan is not agreed to.
            discarding.drop(work.cloudformation, change_set, work.progress.say)
    return agreed


def _refuse_losses(work: Work, planned: Plan, so: str) -> None:
    if refused := refusals(planned, work.allowed):
        raise DeployError("\n".join([f"Data would be lost; {so}:", *refused]))


def _say_needless(work: Work, planned: Plan) -> None:
    for words in needless([planned], work.allowed):
        work.progress.say(words)
