"""Change sets discarded, so that none is left behind, nor the empty stack made with one."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore import exceptions as aws

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.changes import ChangeSet
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.patience import Say, pause, silent
from liberty_cfn.deploy.stack import find

# How the names of our change sets begin.
OURS = "liberty-"
GOING = ("DELETE_PENDING", "DELETE_IN_PROGRESS")
EXECUTED = ("EXECUTE_IN_PROGRESS", "EXECUTE_COMPLETE")
# What nobody can execute any more: what it did was undone, or another came first.
SPENT = ("EXECUTE_FAILED", "OBSOLETE")
# How CloudFormation says that a change set, or a nested stack's, is still being made.
BUSY = re.compile(
    "Cannot delete ChangeSet in status CREATE_|ChangeSet is currently in progress"
)
# How many times to check whether a change set is gone, or can be deleted.
LOOKS = 20
# A plan as old as this was forgotten: nobody is still being asked about it.
FORGOTTEN = timedelta(hours=1)


@contextlib.contextmanager
def kept_only_if_well(
    cloudformation: Any, change_set: ChangeSet, afterwards: Callable[[], object] = lambda: None
) -> Iterator[None]:
    """Discard a change set if the block fails, or is interrupted.

    `afterwards` is called once it is gone.

    Raises:
        DeployError: somebody else discarded it.
    """
    try:
        yield
    except BaseException as error:
        # If AWS can't be reached, trying to would take minutes.
        reached = not isinstance(error, aws.ConnectionError)
        if reached and drop(cloudformation, change_set):
            with contextlib.suppress(*faults.OF_AWS):
                afterwards()
        if faults.code(error) == "ChangeSetNotFound" or faults.missing(error):
            raise DeployError(
                "The plan, or its stack, was deleted meanwhile, by somebody else; it changed "
                "nothing. Try again."
            ) from error
        raise


def drop(cloudformation: Any, change_set: ChangeSet, say: Say = silent) -> bool:
    """Discard a change set, also on Ctrl-C, and return whether it is gone.

    If AWS refuses, that is said; by default it isn't, as an earlier error matters more.
    """
    try:
        discard(cloudformation, change_set)
    except KeyboardInterrupt:
        with contextlib.suppress(*faults.OF_AWS):
            discard(cloudformation, change_set)
        raise
    except faults.OF_AWS as error:
        # It may be gone, and only its stack be left.
        what = f"change set {change_set.token}{' with its empty stack' * change_set.new}"
        say(
            f"The {what} could not be deleted; a later deploy does it. {faults.in_words(error)}"
        )
        return False
    return True


def discard(cloudformation: Any, change_set: ChangeSet) -> None:
    """Delete a change set; a new stack's, with the empty stack that was made with it."""
    # Somebody may have deleted it, or the whole stack.
    with faults.unless_missing():
        with faults.unless("ChangeSetNotFound"):
            _delete(cloudformation, change_set.id)
        if change_set.new:
            _drop_if_empty(cloudformation, change_set.stack_id, {change_set.id})


def _delete(cloudformation: Any, change_set: str) -> None:
    """Delete a change set; if it is still being made, as soon as it is."""
    for _ in range(LOOKS):
        try:
            cloudformation.delete_change_set(ChangeSetName=change_set)
        except aws.ClientError as error:
            if not BUSY.search(str(error)):
                raise
        else:
            return
        pause(cloudformation, 0)
    cloudformation.delete_change_set(ChangeSetName=change_set)


def discard_planned(cloudformation: Any, stack: str, say: Say) -> bool:
    """Delete a stack that was only planned, with our plans of it; return whether it is gone."""
    if (found := find(cloudformation, stack)) is None:
        return False
    left = left_behind(cloudformation, stack, say)
    for each in left:
        drop(cloudformation, each, say)
    gone = _drop_if_empty(cloudformation, found["StackId"], {each.id for each in left})
    if not gone:
        say(f"{stack} is empty, and left for change sets that are somebody else's")
    return gone


def _drop_if_empty(cloudformation: Any, stack_id: str, deleted: set[str]) -> bool:
    """Delete a stack if nothing is in it, or to come, but for change sets that are deleted."""
    stack = find(cloudformation, stack_id)
    if (
        stack is None
        or stack["StackStatus"] != "REVIEW_IN_PROGRESS"
        or _others(cloudformation, stack["StackName"], deleted)
    ):
        return False
    if stack.get("EnableTerminationProtection"):
        cloudformation.update_termination_protection(
            StackName=stack_id, EnableTerminationProtection=False
        )
    cloudformation.delete_stack(StackName=stack_id)
    return True


def left_behind(
    cloudformation: Any, stack: str, say: Say, *, forgotten: bool = False
) -> list[ChangeSet]:
    """Return a stack's change sets of ours that nobody executed so far: all, or `forgotten`.

    Where AWS refuses, that is said, and no error: nothing depends on it.
    """
    # This machine's clock isn't off by an hour: AWS would take no request.
    before = datetime.now(UTC) - FORGOTTEN
    try:
        return [
            ChangeSet(
                *(summary["ChangeSetId"], summary["StackId"], summary["ChangeSetName"]),
                awaited=summary.get("Status") != "FAILED"
                and summary.get("ExecutionStatus") not in SPENT
                and summary["CreationTime"] > before,
            )
            for summary in _summaries(cloudformation, stack)
            if summary["ChangeSetName"].startswith(OURS)
            and summary.get("Status") not in GOING
            and summary.get("ExecutionStatus") not in EXECUTED
            and (not forgotten or summary["CreationTime"] <= before)
        ]
    except faults.OF_AWS as error:
        if not faults.missing(error):
            say(
                "Change sets that earlier deploys may have left could not be looked for. "
                f"{faults.in_words(error)}"
            )
        return []


def sweep_forgotten(cloudformation: Any, stack: str, say: Say) -> None:
    """Discard what killed plans and deploys left behind, once nobody can be waiting for it."""
    for change_set in left_behind(cloudformation, stack, say, forgotten=True):
        drop(cloudformation, change_set, say)


def _others(cloudformation: Any, stack: str, deleted: set[str]) -> bool:
    """Whether a stack has change sets other than those being `deleted`.

    One being executed counts: it fills the stack, even if that still looks empty. Waits until
    the deleted ones are gone, with those of nested stacks: AWS doesn't delete the stack before.
    """
    for _ in range(LOOKS):
        there = {summary["ChangeSetId"] for summary in _summaries(cloudformation, stack)}
        if not there or there - deleted:
            return bool(there)
        pause(cloudformation, 0)
    return False


def _summaries(cloudformation: Any, stack: str) -> Iterator[dict[str, Any]]:
    pages = cloudformation.get_paginator("list_change_sets").paginate(StackName=stack)
    yield from pages.search("Summaries")
