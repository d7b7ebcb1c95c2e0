"""Where a deploy begins: after what is under way already, and without a failed creation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from liberty_cfn.deploy.attending import Progress, attend, delete
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.events import last_operation
from liberty_cfn.deploy.protection import protect_from_termination
from liberty_cfn.deploy.stack import find
from liberty_cfn.deploy.statuses import Meaning, state_of, what_next
from liberty_cfn.deploy.targets import Target
from liberty_cfn.environments import Environment


def begin_from(
    environment: Environment, target: Target, progress: Progress, failed: str
) -> dict[str, Any] | None:
    """Bring the stack to where a deploy can begin, and return it; None where there is none.

    Raises:
        DeployError: what was under way failed, or what failed may not be deleted.
    """
    stack = find(target.client("cloudformation"), environment.stack)
    state = state_of(stack)
    if stack and state is Meaning.WORKING:
        _await_others(environment, target, progress, stack)
    elif stack and state is Meaning.BROKEN:
        _clear(environment, target, progress, stack, failed)
    else:
        return stack
    # What another deploy does next, as it may make two updates, is seen to its end, too.
    return begin_from(environment, target, progress, failed)


def _await_others(
    environment: Environment, target: Target, progress: Progress, stack: Mapping[str, Any]
) -> None:
    """See what is under way to its end: somebody else began it, or we did, and were killed.

    Raises:
        DeployError: it failed, or the stack is being deleted.
    """
    cloudformation = target.client("cloudformation")
    stack_id, status = stack["StackId"], stack["StackStatus"]
    if status == "DELETE_IN_PROGRESS":
        raise DeployError(
            f"{environment.stack} is being deleted. {what_next(status, environment)} "
            "Deploy when it is gone."
        )
    progress.say(f"{environment.stack} is in {status}: attached to {stack_id}")
    follower = last_operation(cloudformation, stack_id)
    attend(environment, target, stack_id, follower, progress, ours=False)


def _clear(
    environment: Environment,
    target: Target,
    progress: Progress,
    stack: Mapping[str, Any],
    failed: str,
) -> None:
    """Delete what a failed creation left, if it was named.

    Raises:
        DeployError: it was not, or it can't be deleted.
    """
    stack_id, status = stack["StackId"], stack["StackStatus"]
    if failed != environment.stack:
        raise DeployError(
            f"{environment.stack} is in {status}. {what_next(status, environment)}"
        )
    progress.say(f"Deleting what is left of {environment.stack}, {stack_id}")
    protect_from_termination(target.client("cloudformation"), stack_id, on=False)
    delete(environment, target, stack_id, progress.happened, progress.say)
