"""The way from the committed templates to a running environment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from liberty_cfn.deploy import adopting, beforehand, discarding, leftovers, migrating
from liberty_cfn.deploy.carrying_out import carry_out
from liberty_cfn.deploy.changes import ChangeSet
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.events import last_operation
from liberty_cfn.deploy.following import attend, delete
from liberty_cfn.deploy.plans import Plan, needless, refuse_losses
from liberty_cfn.deploy.preparing import prepare, prepare_now
from liberty_cfn.deploy.protection import close_again, lifted, protect_from_termination
from liberty_cfn.deploy.stack import described, find, outputs
from liberty_cfn.deploy.statuses import Meaning, hindrance, state_of, what_next
from liberty_cfn.deploy.work import Work

ANOTHER = (
    "Somebody else made or deleted the stack meanwhile, so this is no longer what was agreed "
    "to; it is left at that. Deploy again to see a new plan."
)


@dataclass(frozen=True)
class Outcome:
    """What a successful deploy came to: whether anything changed, and the stack's outputs."""

    changed: bool
    outputs: Mapping[str, str]


@dataclass(frozen=True)
class Begun:
    """What a deploy starts from: the stack, or None without one; and what others left."""

    stack: dict[str, Any] | None
    left: Iterable[ChangeSet]


def begin(work: Work, failed: str = "") -> Begun:
    """Bring the stack to a state that a deploy can start from: follow what is under way.

    `failed` is the name of the stack if what is left of its failed creation may be deleted.

    Raises:
        DeployError: what was under way failed, or deletes the stack; or what failed may not be
            deleted, or can't.
    """
    # Any made later may be what somebody else is about to deploy.
    left = discarding.left_behind(
        work.cloudformation, work.environment.stack, work.progress.say
    )
    return Begun(_begin_from(work, failed), left)


def deploy(
    work: Work, begun: Begun | None = None, *, adopt: bool = False, drift: bool = False
) -> Outcome | None:
    """Make the environment what its templates and settings say; None without consent.

    With `adopt`, a new environment takes in what an earlier destroy kept. With `drift`, the
    plan says what would become of what was changed by hand.

    Raises:
        DeployError: something is in the way, or CloudFormation refused or undid the change, or
            the migration failed: then the service is as it was.
    """
    begun = begun or begin(work)
    there = beforehand.deployed(begun.stack) is not None
    if adopt and there and _is_named(work):
        name = work.environment.stack
        work.progress.say(
            f"{name} is there already, which takes nothing in: it goes on without --adopt"
        )
    if there or not adopt:
        return _made(work, begun, adopt=False, drift=drift)
    try:
        if not adopting.free_names(work, begun.stack):
            return None
        stack = find(work.cloudformation, work.environment.stack)
        return _made(work, replace(begun, stack=stack), adopt=True, drift=drift)
    finally:
        adopting.say_what_waits(work)


def _is_named(work: Work) -> bool:
    """Whether options are a person's about this stack; in a set's target, they never are."""
    return not work.environment.stack_name


def _begin_from(work: Work, failed: str) -> dict[str, Any] | None:
    """Return the stack in a state that a deploy can start from; as `begin`.

    What is under way was begun by somebody else; or by us, and we were killed.
    """
    stack = find(work.cloudformation, work.environment.stack)
    state = state_of(stack)
    if not stack or state not in (Meaning.WORKING, Meaning.BROKEN):
        if failed and stack and _is_named(work):
            name, status = work.environment.stack, stack["StackStatus"]
            work.progress.say(f"{name} is in {status}, so it isn't deleted first")
        return stack
    stack_id, status, name = stack["StackId"], stack["StackStatus"], work.environment.stack
    if status == "DELETE_IN_PROGRESS":
        advice = what_next(status, work.environment)
        raise DeployError(f"{name} is being deleted. {advice} Deploy when it is gone.")
    if state is Meaning.WORKING:
        work.progress.say(f"{name} is in {status}: attached to {stack_id}")
        attend(work, stack_id, last_operation(work.cloudformation, stack_id), ours=False)
    elif failed != name:
        adopts = leftovers.of_a_failed_creation(work.environment, work.target, status)
        raise hindrance(status, work.environment, adopts=adopts)
    else:
        work.progress.say(f"Deleting what is left of {name}, {stack_id}")
        protect_from_termination(work.cloudformation, stack_id, on=False)
        delete(work, stack_id)
    # Another deploy may make a second update: that is followed to its end, too.
    return _begin_from(work, failed)


def _made(work: Work, begun: Begun, *, adopt: bool, drift: bool) -> Outcome | None:
    """As `deploy`, then discard what others left."""
    environment, progress, stack = work.environment, work.progress, begun.stack
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
        # By its id: somebody may have made another one under its name.
        stack = described(work.cloudformation, last.stack_id if last else environment.stack)
    # If the last change set was executed, the policies are set already.
    if last is None:
        known = bool(planned.drift and planned.drift.unprotected)
        close_again(work.cloudformation, stack["StackId"], known=known)
    if not stack.get("EnableTerminationProtection"):
        protect_from_termination(work.cloudformation, stack["StackId"])
    _sweep(work, begun.left, changed=change_set is not None)
    adopting.give_back(work, lately=adopt)
    return Outcome(changed=change_set is not None, outputs=outputs(stack))


def _sweep(work: Work, left: Iterable[ChangeSet], *, changed: bool) -> None:
    """Discard what others left; if nothing changed, not what somebody may still consent to."""
    for each in left:
        if changed or not each.awaited:
            discarding.drop(work.cloudformation, each, work.progress.say)


def _all_but_the_last(work: Work, planned: Plan, change_set: ChangeSet) -> ChangeSet | None:
    """Deploy all but the last step; return that one's change set, or None if nothing is left.

    Last comes what would be in the way if the rest failed: protection from deletion, with which
    a stack can't be rolled back, and the service's move, before which the database is migrated.
    With neither, everything is the last step.

    Raises:
        DeployError: the deploy failed, or the migration: then the service is as it was.
    """
    environment, target, progress = work.environment, work.target, work.progress
    unprotected = lifted(environment.settings) if change_set.new else {}
    migrates = migrating.is_due(environment, planned)
    if not unprotected and not migrates:
        return change_set
    # But keep the empty stack that was made with it: the next change set is for it, too, and
    # can't be made for a stack that is being deleted.
    discarding.drop(work.cloudformation, replace(change_set, new=False), progress.say)
    held = migrating.held(environment, target, planned) if migrates else {}
    before = replace(work, environment=environment.with_parameters({**unprotected, **held}))
    with discarding.kept_only_if_well(work.cloudformation, change_set):
        first = _prepared(before, planned, change_set)
    if first:
        if unprotected:
            progress.say("First without protection from deletion, so that it can be undone")
        if migrates:
            progress.say("First all but the service, which stays as it is until it is migrated")
        carry_out(before, first)
    if migrates:
        migrating.migrate(environment, target, (first or change_set).stack_id, progress.say)
    last = _prepared(work, planned, replace(change_set, new=False))
    if last is None:
        progress.say("Nothing is left to do: somebody else deployed meanwhile")
    elif unprotected:
        progress.say("All is there; now it is protected from deletion")
    return last


def _prepared(work: Work, agreed: Plan, before: ChangeSet) -> ChangeSet | None:
    """Return a new change set for what was agreed to, replacing the one `before`.

    Raises:
        DeployError: it is more than that, because somebody else deployed meanwhile.
    """
    planned, change_set = prepare_now(work, adopt=before.adopts)
    if change_set:
        with discarding.kept_only_if_well(work.cloudformation, change_set):
            so = "by what was deployed meanwhile; it is left at that"
            refuse_losses([(None, planned)], work.allowed, so)
            if before.new is not change_set.new:
                raise DeployError(ANOTHER)
            _refuse_unseen(planned, agreed)
    return change_set


def _refuse_unseen(planned: Plan, agreed: Plan) -> None:
    """Refuse what was not in the plan that was agreed to.

    What is in stacks that were planned as a whole was in it; so is what it takes to hold a
    service back, and to have it move on.
    """
    seen = {change.place for change in agreed.changes}
    whole = {c.place for c in agreed.changes if c.opaque or c.action == "Add"}
    whole |= {c.stack for c in agreed.changes if c.type in migrating.MOVING}
    unseen = [
        f"{'/'.join(change.place)} ({change.type}): {change.action}"
        for change in planned.changes
        if change.place not in seen and change.stack not in whole
    ]
    if unseen:
        why = (
            "More would change than was agreed to, by what was deployed meanwhile; it is left "
            "at that. Deploy again to see a new plan. Not agreed to was:"
        )
        raise DeployError("\n".join([why, *unseen]))


def _agreed(work: Work, planned: Plan, change_set: ChangeSet) -> bool:
    """Whether a plan may go ahead. If not, its change set is discarded, even on Ctrl-C."""
    agreed = False
    try:
        work.progress.planned(planned)
        _say_needless(work, planned)
        refuse_losses([(None, planned)], work.allowed, "nothing was changed")
        agreed = work.progress.consents()
    finally:
        if not agreed:
            # drop() raises nothing that would hide why the plan may not go ahead.
            discarding.drop(work.cloudformation, change_set, work.progress.say)
    return agreed


def _say_needless(work: Work, planned: Plan) -> None:
    for words in needless([planned], work.allowed):
        work.progress.say(words)
