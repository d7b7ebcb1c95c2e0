"""Executing a change set, once, also where AWS's answer is lost on its way."""

from __future__ import annotations

from typing import Any

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.changes import ChangeSet
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.events import newest_first

TOO_LATE = (
    "The stack was changed by someone else after this plan was made, which can no longer be "
    "executed; nothing was changed. Deploy again to see a new plan."
)
# How it says that somebody else is at it; there is no code for it.
BUSY = "_IN_PROGRESS state"
BEGUN = ("EXECUTE_IN_PROGRESS", "EXECUTE_COMPLETE", "EXECUTE_FAILED")


def execute(cloudformation: Any, change_set: ChangeSet) -> None:
    """Execute a change set; an answer that is lost is looked up.

    Raises:
        DeployError: it can no longer be executed, as its stack was changed meanwhile.
    """
    try:
        cloudformation.execute_change_set(
            ChangeSetName=change_set.id,
            ClientRequestToken=change_set.token,
            DisableRollback=False,
            # When the operation is undone, what it made is deleted, also what policies would
            # keep; but not what it took in, which was there before (docs/decisions/0019).
            RetainExceptOnCreate=not change_set.adopts,
        )
    except faults.OF_AWS as error:
        # boto sends a request again that got no answer; after the first was heard, the second
        # is refused.
        if _has_begun(cloudformation, change_set):
            return
        late = faults.code(error) in ("InvalidChangeSetStatus", "ChangeSetNotFound")
        if not late and BUSY not in str(error):
            raise
        raise DeployError(TOO_LATE) from error


def refuse_unless_available(cloudformation: Any, change_set: ChangeSet) -> None:
    """Refuse a change set that can no longer be executed.

    Raises:
        DeployError: it is one, as its stack was changed meanwhile.
    """
    described = cloudformation.describe_change_set(ChangeSetName=change_set.id)
    if described["ExecutionStatus"] != "AVAILABLE":
        raise DeployError(TOO_LATE)


def _has_begun(cloudformation: Any, change_set: ChangeSet) -> bool:
    with faults.unless_missing():
        events = newest_first(cloudformation, change_set.stack_id)
        if any(event.get("ClientRequestToken") == change_set.token for event in events):
            return True
    with faults.unless("ChangeSetNotFound"):
        described = cloudformation.describe_change_set(ChangeSetName=change_set.id)
        return described.get("ExecutionStatus") in BEGUN
    return False
