"""A change set carried out: executed, seen to its end, and what is there then protected."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from liberty_cfn.deploy import discarding
from liberty_cfn.deploy.attending import Progress, attend
from liberty_cfn.deploy.changes import Change, ChangeSet
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.events import Follower
from liberty_cfn.deploy.executing import execute, refuse_unless_available
from liberty_cfn.deploy.protection import close_again, expect, protect, protect_from_termination
from liberty_cfn.deploy.stack import NESTED_STACK
from liberty_cfn.deploy.targets import Target
from liberty_cfn.environments import Environment


@dataclass(frozen=True)
class Deploy:
    """What is deployed, and where to; who is told and asked.

    `templates` are by file name. `allowed` are the logical ids of stateful resources that may
    be replaced or deleted.
    """

    environment: Environment
    target: Target
    templates: Mapping[str, str]
    progress: Progress
    allowed: Collection[str] = ()

    @property
    def cloudformation(self) -> Any:
        return self.target.client("cloudformation")


def carry_out(deploy: Deploy, change_set: ChangeSet) -> None:
    """Execute a change set, follow it to its end, and protect what is there then.

    Meanwhile what this deploy allows may go; what an earlier one had allowed, which was
    killed, may not.

    Raises:
        DeployError: it failed, or can't be executed, as its stack was changed meanwhile.
    """
    cloudformation, stack_id = deploy.cloudformation, change_set.stack_id
    close = partial(close_again, cloudformation, stack_id)
    # Also without an answer: what arrives later finds nothing to execute. AWS deletes no change
    # set that it executes already; then what is allowed stays so.
    with discarding.kept_only_if_well(cloudformation, change_set, close):
        _open(cloudformation, change_set, deploy.allowed)
        follower = Follower(cloudformation, stack_id)
        execute(cloudformation, change_set)
    try:
        attend(deploy.environment, deploy.target, stack_id, follower, deploy.progress)
    except DeployError:
        # One that failed while it was executed stays in the stack's list until it is deleted.
        discarding.give_up(cloudformation, change_set)
        raise


def _open(cloudformation: Any, change_set: ChangeSet, allowed: Collection[str]) -> None:
    """Have the stacks' policies let through what is `allowed`, and nothing else."""
    stack_id = change_set.stack_id
    if change_set.new:
        # Before anything is in it: so it is protected also if we are killed meanwhile.
        protect_from_termination(cloudformation, stack_id)
    elif allowed:
        # Another's update that began meanwhile goes by what that one allows.
        refuse_unless_available(cloudformation, change_set)
        protect(cloudformation, stack_id, allowed)
    else:
        close_again(cloudformation, stack_id)
        if coming := [change.resource for change in change_set.changes if _comes(change)]:
            expect(cloudformation, stack_id, coming)


def _comes(change: Change) -> bool:
    """Whether a nested stack is added."""
    return change.type == NESTED_STACK and change.action == "Add"
