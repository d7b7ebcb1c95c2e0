"""A stack's life after deploying: cancelling, and continuing a rollback."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator
from typing import Any

from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.events import Event, Follower, last_operation
from liberty_cfn.deploy.following import Operation, Work
from liberty_cfn.deploy.protection import close_again
from liberty_cfn.deploy.stack import find, name_of
from liberty_cfn.deploy.statuses import Meaning, in_words, meaning
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
    """Whether an operation, of which these are the events, did what it was to do."""
    own = [event.status for event in events if event.is_root]
    # A deletion that AWS refuses, as others use an export, ends as if there had been none.
    deleted = "DELETE_IN_PROGRESS" in own[:1]
    return meaning(status) is (Meaning.ABSENT if deleted else Meaning.GOOD)


def cancel(environment: Environment, cloudformation: Any) -> None:
    """Have an update that is under way undone.

    Raises:
        DeployError: no update is under way.
    """
    stack = root(environment, cloudformation)
    status = stack["StackStatus"]
    if status != "UPDATE_IN_PROGRESS":
        but = "only an update that is under way can be cancelled."
        raise DeployError(in_words(status, environment, but))
    cloudformation.cancel_update_stack(
        StackName=stack["StackId"], ClientRequestToken=f"c-{uuid.uuid4().hex}"
    )


def roll_back(work: Work, skip: Collection[str]) -> Operation:
    """Continue a rollback that failed, or begin one that was left out, and follow it.

    `skip` are the resources to leave as they are: logical ids, those of a nested stack as
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
            raise DeployError(in_words(status, environment, but))
        begin = cloudformation.rollback_stack
    elif state is Meaning.STUCK:
        begin = cloudformation.continue_update_rollback
        asked |= _skipping(cloudformation, stack_id, skip)
    else:
        but = "only a rollback that failed can be continued."
        raise DeployError(in_words(status, environment, but))
    follower = Follower(cloudformation, stack_id)
    begin(**asked)
    rollback.see_to_its_end(follower)
    if rollback.meaning is Meaning.UNDONE:
        # What the update that failed was allowed, nothing is any more.
        close_again(cloudformation, stack_id)
    return rollback


def _skipping(cloudformation: Any, stack_id: str, skip: Collection[str]) -> dict[str, Any]:
    """Return how CloudFormation is told which resources to leave as they are."""
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
    """Yield what failed to roll back: as people name it, and as CloudFormation wants it."""
    latest = {
        event.place: event
        for event in last_operation(cloudformation, stack_id).new_events()
        if not event.is_stack
    }
    failed = {place for place, event in latest.items() if event.status == "UPDATE_FAILED"}
    for place in sorted(failed):
        event = latest[place]
        # Of a nested stack, only what is stuck in it can be skipped, unless it is gone.
        if not any(other[: len(place)] == place for other in failed - {place}):
            # A nested stack is meant by its own name, not by its logical id.
            prefix = f"{name_of(latest[event.stack].physical_id)}." if event.stack else ""
            yield ".".join(place), prefix + event.resource
