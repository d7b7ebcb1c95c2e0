"""A change set executed once and followed to its end, and its stacks then protected."""

from __future__ import annotations

from functools import partial
from typing import Any

from liberty_cfn.deploy import discarding, faults, linked_roles
from liberty_cfn.deploy.changes import ChangeSet
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.events import Follower, has_begun
from liberty_cfn.deploy.following import attend
from liberty_cfn.deploy.patience import answered
from liberty_cfn.deploy.protection import close_again, protect, protect_from_termination
from liberty_cfn.deploy.weighing import coming, let_through, rests_on_policies
from liberty_cfn.deploy.work import Work

TOO_LATE = (
    "The stack was changed by someone else after this plan was made, or the plan was deleted: "
    "it can no longer be executed, and changed nothing. Deploy again to see a new plan."
)
BEGUN = ("EXECUTE_IN_PROGRESS", "EXECUTE_COMPLETE", "EXECUTE_FAILED")


def carry_out(work: Work, change_set: ChangeSet) -> None:
    """Execute a change set, follow it to its end, then protect the stacks.

    Meanwhile, what this deploy allows may go; what an earlier deploy, since killed, had allowed
    may not.

    Raises:
        DeployError: it failed, or can't be executed, as its stack was changed meanwhile.
    """
    cloudformation, stack_id = work.cloudformation, change_set.stack_id
    close = partial(close_again, cloudformation, stack_id)
    # Even if the answer is lost: a request that arrives late then finds nothing to execute. AWS
    # doesn't delete a change set that is being executed; then what is allowed stays allowed.
    with discarding.kept_only_if_well(cloudformation, change_set, close):
        _open(work, change_set)
        follower = Follower(cloudformation, stack_id)
        execute(cloudformation, change_set)
    try:
        attend(work, stack_id, follower)
    except DeployError:
        # A change set whose execution failed stays in the stack's list until it is deleted.
        discarding.drop(cloudformation, change_set)
        raise


def _open(work: Work, change_set: ChangeSet) -> None:
    """Have the stack policies let go what is allowed, and nothing else."""
    cloudformation, stack_id = work.cloudformation, change_set.stack_id
    if change_set.new:
        # Before anything is in it, so that it is protected even if we are killed meanwhile.
        protect_from_termination(cloudformation, stack_id)
        linked_roles.see_to_them(work.target)
        return
    open_ = let_through(change_set.changes, work.allowed)
    made = coming(change_set.changes)
    if open_ or made or rests_on_policies(change_set.changes):
        # Don't change the policies under somebody else's update that began meanwhile.
        described = cloudformation.describe_change_set(ChangeSetName=change_set.id)
        if described["ExecutionStatus"] != "AVAILABLE":
            raise DeployError(TOO_LATE)
        protect(cloudformation, stack_id, open_, made)
    else:
        close_again(cloudformation, stack_id)


def execute(cloudformation: Any, change_set: ChangeSet) -> None:
    """Execute a change set; if the answer is lost, find out whether it began.

    Raises:
        DeployError: it can no longer be executed, as its stack was changed meanwhile.
    """
    try:
        cloudformation.execute_change_set(
            ChangeSetName=change_set.id,
            ClientRequestToken=change_set.token,
            DisableRollback=False,
            # If the operation is rolled back, what it made is deleted, even what policies would
            # keep; but not what it imported, which was there before (docs/decisions/0019).
            RetainExceptOnCreate=not change_set.adopts,
        )
    except faults.OF_AWS as error:
        if answered(cloudformation, partial(_has_begun, cloudformation, change_set)):
            return
        late = faults.code(error) in ("InvalidChangeSetStatus", "ChangeSetNotFound")
        if not late and not faults.unready(error):
            raise
        raise DeployError(TOO_LATE) from error


def _has_begun(cloudformation: Any, change_set: ChangeSet) -> bool:
    if has_begun(cloudformation, change_set.stack_id, change_set.token):
        return True
    with faults.unless("ChangeSetNotFound"):
        described = cloudformation.describe_change_set(ChangeSetName=change_set.id)
        return described.get("ExecutionStatus") in BEGUN
    return False
