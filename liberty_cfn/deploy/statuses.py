"""What each state of a stack means.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from liberty_cfn.deploy.errors import DeployError, UnknownStatusError
from liberty_cfn.environments import Environment


class Meaning(Enum):
    """What can be done with a stack that is in such a state."""

    ABSENT = "there is none, or nothing in it"
    WORKING = "an operation is under way"
    GOOD = "the last operation succeeded; it can be updated"
    UNDONE = "the last update failed and was undone; it can be updated"
    BROKEN = "its creation failed; it can only be deleted"
    HALTED = "an update failed, and nothing was undone; it needs a decision"
    STUCK = "undoing an update failed; it needs a decision"
    ASTRAY = "undoing an import that somebody made failed; it needs a look"
    UNDELETED = "its deletion failed; it can only be deleted again"


MEANINGS = {
    **dict.fromkeys(("REVIEW_IN_PROGRESS", "DELETE_COMPLETE"), Meaning.ABSENT),
    **dict.fromkeys(
        (
            *("CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"),
            *("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
            *("UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"),
            *("DELETE_IN_PROGRESS", "IMPORT_IN_PROGRESS", "IMPORT_ROLLBACK_IN_PROGRESS"),
        ),
        Meaning.WORKING,
    ),
    **dict.fromkeys(("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"), Meaning.GOOD),
    **dict.fromkeys(("UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"), Meaning.UNDONE),
    "UPDATE_FAILED": Meaning.HALTED,
    "UPDATE_ROLLBACK_FAILED": Meaning.STUCK,
    "IMPORT_ROLLBACK_FAILED": Meaning.ASTRAY,
    **dict.fromkeys(("CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"), Meaning.BROKEN),
    "DELETE_FAILED": Meaning.UNDELETED,
}
# What a deploy can start from; any other state has to be resolved by a person first.
UPDATABLE = (Meaning.ABSENT, Meaning.GOOD, Meaning.UNDONE)
# Where the last operation didn't do what it was to do.
FAILED = set(Meaning) - {Meaning.ABSENT, Meaning.WORKING, Meaning.GOOD}

NEXT = {
    Meaning.ABSENT: "There is nothing there now. Deploy when you are ready: `make deploy "
    "ENV={name}`.",
    Meaning.WORKING: "AWS is still working on it; to attach: `make events ENV={name} "
    "ARGS=--follow`.",
    Meaning.GOOD: "Nothing needs to be done.",
    Meaning.UNDONE: "Everything is as it was before. Fix the cause, then deploy again.",
    Meaning.BROKEN: "Its creation failed, so it can only be deleted: fix the cause, then have "
    "what is left of it deleted, and all made again: `make deploy ENV={name}{adopts} "
    'ARGS="--delete-failed liberty-social-{name}"`; or only deleted: `make destroy '
    "ENV={name}`.",
    Meaning.HALTED: "Somebody's update failed, and was not to be undone by itself: "
    "`make rollback ENV={name}` undoes it; then deploy again.",
    Meaning.STUCK: "Undoing the update failed; it can't be updated until that is over. Fix "
    "what is in the way, then `make rollback ENV={name}`; only what can't be fixed is "
    'skipped: `ARGS="--skip NestedStack.LogicalId"`.',
    Meaning.ASTRAY: "CloudFormation has no command that goes on from here: see the stack's "
    "events in the console, fix what is in the way, and ask AWS's support if nothing helps.",
    Meaning.UNDELETED: "What could not be deleted is still there. Fix the cause, then `make "
    "destroy ENV={name}` again.",
}

# For a set's own stack in a target, where the next step differs: what the set can't do, an
# administrator does in the target's account.
NEXT_IN_A_SET = {
    Meaning.WORKING: "AWS is still working on it: at the set's operation, to which `make "
    "events ENV={name} ARGS=--follow` attaches, or at what somebody began there: wait for "
    "that.",
    Meaning.BROKEN: "Its creation failed: fix the cause, then have it made again: `make "
    "deploy ENV={name}`, with ADOPT=1 if it was to take in what is there.",
    Meaning.HALTED: "Somebody's update failed, and was not to be undone by itself: `aws "
    "cloudformation rollback-stack --region {region} --stack-name {stack}` undoes it, in its "
    "account; then `make retry ENV={name}`.",
    Meaning.STUCK: "Undoing the update failed; it can't be updated until that is over. Fix "
    "what is in the way, then, in its account: `aws cloudformation continue-update-rollback "
    "--region {region} --stack-name {stack}`; then `make retry ENV={name}`.",
    Meaning.UNDELETED: "What could not be deleted is still there. Fix the cause, then, in its "
    "account: `aws cloudformation delete-stack --region {region} --stack-name {stack}`; then "
    "`make deploy ENV={name}`.",
}


def meaning(status: str) -> Meaning:
    """Return what `status` means.

    Raises:
        UnknownStatusError: it isn't in the list; guessing could lose data.
    """
    try:
        return MEANINGS[status]
    except KeyError as error:
        raise UnknownStatusError(
            f"CloudFormation says {status}, which this program does not know; look at the "
            "stack in the console, and add the state to liberty_cfn/deploy/statuses.py."
        ) from error


def state_of(stack: Mapping[str, Any] | None) -> Meaning:
    """Return what the state of a described stack means; ABSENT where there is no stack.

    Raises:
        UnknownStatusError: the state isn't in the list.
    """
    return meaning(stack["StackStatus"]) if stack else Meaning.ABSENT


def in_words(
    status: str, environment: Environment, but: str = "", *, adopts: bool = False
) -> str:
    """Return the state of an environment's stack, what it prevents, and what can be done."""
    hinders, step = f": {but}" if but else ".", what_next(status, environment, adopts=adopts)
    return f"{environment.stack} is in {status}{hinders} {step}"


def hindrance(
    status: str, environment: Environment, but: str = "", *, adopts: bool = False
) -> DeployError:
    """Return the error that says so, for programs, too."""
    return DeployError(
        in_words(status, environment, but, adopts=adopts),
        stack=environment.stack,
        status=status,
        advice=what_next(status, environment, adopts=adopts),
    )


def what_next(status: str, environment: Environment, *, adopts: bool = False) -> str:
    """Return what can be done with an environment whose stack is in such a state.

    `adopts` is whether making it again meets what was left, which it can take in.
    """
    try:
        state = meaning(status)
    except UnknownStatusError as error:
        return str(error)
    of_a_set = NEXT_IN_A_SET if environment.stack_name else {}
    return of_a_set.get(state, NEXT[state]).format(
        name=environment.name,
        stack=environment.stack,
        region=environment.region,
        adopts=" ADOPT=1" if adopts else "",
    )
