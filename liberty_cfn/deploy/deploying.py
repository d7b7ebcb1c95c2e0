"""The way from the committed templates to a running environment."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from liberty_cfn.deploy import adopting, beforehand, change_sets, faults, migrating, secrets
from liberty_cfn.deploy.attending import DeployError, Progress, see_to_its_end
from liberty_cfn.deploy.beginning import begin_from
from liberty_cfn.deploy.change_sets import ChangeSet, ChangeSetError
from liberty_cfn.deploy.changes import Change
from liberty_cfn.deploy.events import Follower
from liberty_cfn.deploy.executing import execute
from liberty_cfn.deploy.plans import Plan, needless, refusals
from liberty_cfn.deploy.preparing import look_ahead, prepare
from liberty_cfn.deploy.protection import (
    expect,
    lifted,
    protect,
    protect_from_termination,
    restore,
)
from liberty_cfn.deploy.stack import NESTED_STACK, find, outputs
from liberty_cfn.deploy.targets import Target
from liberty_cfn.environments import Environment


@dataclass(frozen=True)
class Outcome:
    """How a deploy ended well: whether anything changed, and the stack's outputs."""

    changed: bool
    outputs: Mapping[str, str]


def deploy(
    environment: Environment,
    target: Target,
    templates: Mapping[str, str],
    progress: Progress,
    allowed: Collection[str] = (),
    *,
    adopt: bool = False,
    failed: str = "",
) -> Outcome | None:
    """Make the environment what its templates and settings say; None without consent.

    `allowed` are the logical ids of stateful resources that may be replaced or deleted. With
    `adopt`, a new environment takes in what an earlier destroy kept. `failed` is the name of
    the stack, if what is left of its failed creation may be deleted. What is under way
    already is seen to its end first.

    Raises:
        AdoptError: a secret can't be taken in.
        DeployError: something is in the way, or CloudFormation refused or undid the change.
        ChangeSetError: CloudFormation can't plan the change.
        MigrationError: the migration failed; the service is as it was.
    """
    began = datetime.now(UTC)
    cloudformation = target.client("cloudformation")
    stack = begin_from(environment, target, progress, failed)
    adopt = adopt and beforehand.deployed(stack) is None
    if adopt:
        if not _free_names(environment, target, templates, stack, progress):
            return None
        stack = find(cloudformation, environment.stack)
    planned, change_set = prepare(
        environment, target, templates, stack, adopt=adopt, say=progress.say
    )
    changed = change_set is not None
    if change_set is None:
        _say_needless(planned, allowed, progress)
    else:
        if not _agreed(environment, target, (planned, change_set), progress, allowed):
            return None
        first = lifted(environment) if change_set.new else {}
        with change_sets.kept_only_if_well(cloudformation, change_set):
            migrates = migrating.is_due(environment, planned)
        if first or migrates:
            # Not the empty stack that it was made for: the next one is for it, too, and a
            # stack that is being deleted takes none.
            cloudformation.delete_change_set(ChangeSetName=change_set.id)
            change_set = _up_to_the_last(
                environment,
                target,
                templates,
                progress,
                allowed,
                adopt=adopt,
                first=first,
                migrates=migrates,
            )
        if change_set is not None:
            _carry_out(environment, target, change_set, progress, allowed)
        if adopt:
            _put_names_back(environment, target, templates, progress)
        stack = find(cloudformation, environment.stack)
    _secure(cloudformation, stack or {}, progress, began, closed=change_set is not None)
    _give_back(environment, target, progress)
    return Outcome(changed=changed, outputs=outputs(stack or {}))


def _up_to_the_last(
    environment: Environment,
    target: Target,
    templates: Mapping[str, str],
    progress: Progress,
    allowed: Collection[str],
    *,
    adopt: bool,
    first: Mapping[str, str],
    migrates: bool,
) -> ChangeSet | None:
    """Deploy all but what comes last; return the change set of that, None if it is done.

    Last comes what else stood in the way if the rest fails: protection from deletion, without
    which a stack is made (`first`), and the service's move, for which the database is migrated.

    Raises:
        DeployError: the deploy failed.
        MigrationError: the migration failed; the service is as it was.
    """
    cloudformation = target.client("cloudformation")
    held = migrating.held(environment, target) if migrates else {}
    before = environment.with_parameters({**first, **held})
    stack = find(cloudformation, environment.stack)
    _, change_set = prepare(before, target, templates, stack, adopt=adopt)
    if change_set:
        if first:
            progress.say("First without protection from deletion, so that it can be undone")
        if migrates:
            progress.say("First all but the service, which stays as it is until it is migrated")
        _carry_out(before, target, change_set, progress, allowed)
    if migrates:
        stack = find(cloudformation, environment.stack)
        stack_id = stack["StackId"] if stack else ""
        migrating.migrate(environment, target, stack_id, progress.say)
    stack = find(cloudformation, environment.stack)
    _, change_set = prepare(environment, target, templates, stack, adopt=adopt)
    if change_set is None:
        progress.say("Nothing is left to do: somebody else deployed meanwhile")
    elif first:
        progress.say("All is there; now it is protected from deletion")
    return change_set


def _agreed(
    environment: Environment,
    target: Target,
    prepared: tuple[Plan, ChangeSet],
    progress: Progress,
    allowed: Collection[str],
) -> bool:
    """Whether a plan may go ahead. If not, or if nobody stayed to say, no trace is left.

    But for the secrets of what was to be adopted, of which it is said where they wait.

    Raises:
        DeployError: data would be lost.
    """
    (planned, change_set), agreed = prepared, False
    try:
        progress.planned(planned)
        _say_needless(planned, allowed, progress)
        if refused := refusals(planned, allowed):
            raise DeployError("\n".join(["Data would be lost; nothing was changed:", *refused]))
        agreed = progress.consents()
    finally:
        if not agreed:
            # Why is not to be hidden by what may go wrong here.
            change_sets.drop(target.client("cloudformation"), change_set, progress.say)
            if change_set.adopts:
                _say_what_waits(environment, target, progress)
    return agreed


def _say_needless(planned: Plan, allowed: Collection[str], progress: Progress) -> None:
    for words in needless([planned], allowed):
        progress.say(words)


def _secure(
    cloudformation: Any,
    stack: Mapping[str, Any],
    progress: Progress,
    began: datetime,
    *,
    closed: bool,
) -> None:
    """Have the stack protected, and free of what deploys that were killed left behind.

    `began` is when this one did.
    """
    stack_id = stack["StackId"]
    if not closed:
        restore(cloudformation, stack_id)
    if not stack.get("EnableTerminationProtection"):
        protect_from_termination(cloudformation, stack_id)
    took = datetime.now(UTC) - began
    change_sets.sweep(cloudformation, stack["StackName"], took, progress.say)


def _free_names(
    environment: Environment,
    target: Target,
    templates: Mapping[str, str],
    stack: Mapping[str, Any] | None,
    progress: Progress,
) -> bool:
    """Free the names of secrets, which can't be imported; False without consent.

    Raises:
        AdoptError: a secret can't be taken in.
        DeployError: something else is in the way.
    """
    look_ahead(environment, target, templates, stack, adopt=True)
    for finding in beforehand.own_zone(environment, target):
        progress.say(str(finding))
    kept = adopting.kept_secrets(environment, target)
    if not kept:
        return True
    progress.say(
        "CloudFormation can't import secrets. These are deleted, made again by the stack, and "
        "given their values back, which wait in other secrets meanwhile:"
    )
    for name in kept:
        full, aside = secrets.full_name(environment, name), adopting.aside(environment, name)
        progress.say(f"  {full}, by way of {aside}")
    if not progress.consents():
        return False
    for name in kept:
        adopting.put_aside(environment, target, name)
    return True


def _say_what_waits(environment: Environment, target: Target, progress: Progress) -> None:
    """Say what became of secrets whose names were freed before the plan was refused."""
    for name in adopting.waiting(environment, target):
        full, aside = secrets.full_name(environment, name), adopting.aside(environment, name)
        progress.say(f"The value of {full} waits in {aside}; the next deploy gives it back")


def _put_names_back(
    environment: Environment,
    target: Target,
    templates: Mapping[str, str],
    progress: Progress,
) -> None:
    """Have the reviewed templates again in place of those with names spelled out."""
    cloudformation = target.client("cloudformation")
    stack = find(cloudformation, environment.stack)
    planned, change_set = prepare(environment, target, templates, stack)
    if change_set is None:
        return
    if any(change.type != NESTED_STACK for change in planned.changes):
        change_sets.drop(cloudformation, change_set, progress.say)
        progress.say("What was adopted differs from the templates: see make plan")
        return
    progress.say("All is adopted; the stacks get the reviewed templates")
    _carry_out(environment, target, change_set, progress)


def _give_back(environment: Environment, target: Target, progress: Progress) -> None:
    """Give secrets that were adopted their values, and have running tasks read them."""
    given = adopting.give_back(environment, target)
    for full, as_before in given.items():
        progress.say(
            f"{full} has the value again that it had before"
            if as_before
            else f"{full} was set meanwhile, and keeps that value; the one from before is its "
            f"version with the label {adopting.BEFORE}"
        )
    if any(given.values()):
        with contextlib.suppress(secrets.SecretError):
            secrets.restart(environment, target)
            progress.say("The service replaces its tasks, which had other values")


def _comes(change: Change) -> bool:
    """Whether a nested stack is added to the root."""
    nested = change.type == NESTED_STACK
    return nested and change.action == "Add" and not change.stack


def _carry_out(
    environment: Environment,
    target: Target,
    change_set: ChangeSet,
    progress: Progress,
    allowed: Collection[str] = (),
) -> None:
    """Execute a change set, follow it to its end, and protect what is there then.

    Meanwhile what is `allowed` may go; not what a deploy that was killed was allowed.

    Raises:
        DeployError: it failed.
    """
    cloudformation, stack_id = target.client("cloudformation"), change_set.stack_id
    with change_sets.kept_only_if_well(cloudformation, change_set):
        if allowed:
            protect(cloudformation, stack_id, allowed)
        elif not change_set.new:
            restore(cloudformation, stack_id)
            if coming := [c.resource for c in change_set.changes if _comes(c)]:
                expect(cloudformation, stack_id, coming)
        if change_set.new:
            # Empty as it is: nobody is to delete it while it is made, or after a deploy that
            # was killed meanwhile.
            protect_from_termination(cloudformation, stack_id)
        follower = Follower(cloudformation, stack_id)
    try:
        execute(cloudformation, change_set)
    except (ChangeSetError, ClientError) as error:
        # Refused for good; of another answer, nobody knows whether it has begun.
        if not faults.passes(error) and not faults.expired(error):
            change_sets.give_up(cloudformation, change_set)
        raise
    try:
        see_to_its_end(environment, target, stack_id, follower, progress)
    except DeployError:
        # One that failed when it was executed stays in the list otherwise.
        change_sets.give_up(cloudformation, change_set)
        raise
