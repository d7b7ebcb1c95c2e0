"""A stack's life after deploying: cancelling, and continuing a rollback."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator
from functools import partial
from typing import Any

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.events import Event, Follower, has_begun, last_operation
from liberty_cfn.deploy.following import Operation
from liberty_cfn.deploy.patience import answered
from liberty_cfn.deploy.protection import close_again
from liberty_cfn.deploy.stack import find, name_of
from liberty_cfn.deploy.statuses import Meaning, hindrance, meaning
from liberty_cfn.deploy.work import Work
from liberty_cfn.environments import Environment


def root(environment: Environment, cloudformation: Any) -> dict[str, Any]:
    """Return the description of the environment's root stack.

    Raises:
        DeployError: there is none.
    """
    stack = find(cloudformation, environment.stack)
    if stack is None:
        raise DeployError(
            f"{environment.stack}: there is none in this account and region. To make it: `make "
            f"deploy ENV={environment.name}`."
        )
    return stack


def succeeded(status: str, events: list[Event]) -> bool:
    """Whether an operation with these events did what it was meant to do."""
    own = [event.status for event in events if event.is_root]
    # A deletion that AWS refuses because an export is in use leaves the status as it was.
    deleted = "DELETE_IN_PROGRESS" in own[:1]
    return meaning(status) is (Meaning.ABSENT if deleted else Meaning.GOOD)


def cancel(environment: Environment, cloudformation: Any) -> None:
    """Cancel an update that is under way: CloudFormation rolls it back.

    Raises:
        DeployError: no update is under way.
    """
    stack = root(environment, cloudformation)
    _refuse_unless_updating(environment, stack)
    token = f"c-{uuid.uuid4().hex}"
    try:
        cloudformation.cancel_update_stack(StackName=stack["StackId"], ClientRequestToken=token)
    except faults.OF_AWS:
        # The update ended meanwhile; or this was done, and its answer lost.
        stack = root(environment, cloudformation)
        if stack["StackStatus"] != "UPDATE_ROLLBACK_IN_PROGRESS":
            _refuse_unless_updating(environment, stack)
            raise


def _refuse_unless_updating(environment: Environment, stack: dict[str, Any]) -> None:
    if (status := stack["StackStatus"]) != "UPDATE_IN_PROGRESS":
        but = "only an update that is under way can be cancelled."
        raise hindrance(status, environment, but)


def roll_back(work: Work, skip: Collection[str]) -> Operation:
    """Continue a rollback that failed, or begin one that was disabled, and follow it.

    `skip` are the resources to leave as they are: logical ids; in a nested stack,
    NestedStack.LogicalId.

    Raises:
        DeployError: no rollback failed, or a resource to skip is not one that did.
        FollowError: the deadline has passed, or the credentials have expired.
    """
    environment, cloudformation = work.environment, work.cloudformation
    stack = root(environment, cloudformation)
    stack_id, status = stack["StackId"], stack["StackStatus"]
    rollback = Operation(work, stack_id, status)
    asked = {"StackName": stack_id, "ClientRequestToken": f"r-{uuid.uuid4().hex}"}
    state = rollback.meaning
    if state is Meaning.HALTED:
        if skip:
            but = "no rollback has failed yet, so nothing can be skipped; nothing was done."
            raise hindrance(status, environment, but)
        begin = cloudformation.rollback_stack
    elif state is Meaning.STUCK:
        begin = cloudformation.continue_update_rollback
        asked |= _skipping(cloudformation, stack_id, skip)
    else:
        but = "only a rollback that failed can be continued."
        raise hindrance(status, environment, but)
    follower = Follower(cloudformation, stack_id)
    try:
        begin(**asked)
    except faults.OF_AWS:
        begun = partial(has_begun, cloudformation, stack_id, asked["ClientRequestToken"])
        if not answered(cloudformation, begun):
            raise
    rollback.see_to_its_end(follower)
    if rollback.meaning is Meaning.UNDONE:
        # What the failed update was allowed to replace is protected again.
        close_again(cloudformation, stack_id)
    return rollback


def _skipping(cloudformation: Any, stack_id: str, skip: Collection[str]) -> dict[str, Any]:
    """Return the argument that has CloudFormation skip resources."""
    if not skip:
        return {}
    stuck = dict(_stuck(cloudformation, stack_id))
    if unknown := [name for name in skip if name not in stuck]:
        raise DeployError(
            f"{', '.join(unknown)}: no such resource failed to roll back, so it can't be "
            f"skipped; nothing was done. Those that did: {', '.join(stuck) or 'none'}."
        )
    return {"ResourcesToSkip": [stuck[name] for name in skip]}


def _stuck(cloudformation: Any, stack_id: str) -> Iterator[tuple[str, str]]:
    """Yield each resource that failed to roll back: as people and CloudFormation name it."""
    latest = {
        event.place: event
        for event in last_operation(cloudformation, stack_id).new_events()
        if not event.is_stack
    }
    failed = {place for place, event in latest.items() if event.status == "UPDATE_FAILED"}
    for place in sorted(failed):
        event = latest[place]
        # A nested stack can't be skipped itself, only what is stuck in it, unless it is gone.
        if not any(other[: len(place)] == place for other in failed - {place}):
            # CloudFormation wants the nested stack's name, not its logical id.
            prefix = f"{name_of(latest[event.stack].physical_id)}." if event.stack else ""
            yield ".".join(place), prefix + event.resource
