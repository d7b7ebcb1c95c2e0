"""An operation on a stack set: begun exactly once, even if the answer is lost, and followed.

A set runs one operation at a time: one that is under way already is followed first.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.errors import DeployError, UnknownStatusError
from liberty_cfn.deploy.patience import (
    AT_FIRST,
    ATTEMPTS,
    Patience,
    Say,
    answered,
    pause,
    silent,
)
from liberty_cfn.deploy.stack_sets.previews import SetPlan
from liberty_cfn.deploy.stack_sets.reaching import Fleet
from liberty_cfn.deploy.stack_sets.standing import MISSING, operations
from liberty_cfn.deploy.stack_sets.wanted import Differences
from liberty_cfn.deployment_targets import Place

GOING = ("RUNNING", "STOPPING", "QUEUED")
OVER = ("SUCCEEDED", "FAILED", "STOPPED")
# The list of results lags behind the state of their operation: once that is over, it is read
# this many times more at most.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackSetOperationResults.html
LOOKS = 10


class OthersError(DeployError):
    """Somebody else's operation, by its id, began since ours was planned."""

    def __init__(self, why: str, operation: str = "") -> None:
        super().__init__(why)
        self.operation = operation


@dataclass(frozen=True)
class Result:
    """The result in one target. `took` is how long it was seen being worked on."""

    place: Place
    status: str
    reason: str
    took: timedelta | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            **self.place.as_json(),
            "status": self.status,
            "reason": self.reason or None,
            "seconds": self.took.total_seconds() if self.took is not None else None,
        }


@dataclass(frozen=True)
class Operation:
    id: str
    action: str
    status: str
    began: datetime
    results: Mapping[Place, Result]

    @property
    def succeeded(self) -> bool:
        return self.status == "SUCCEEDED" and not self.failed

    @property
    def failed(self) -> list[Result]:
        return [result for result in self.results.values() if result.status == "FAILED"]


Tell = Callable[[list[Result]], object]


class Progress(Protocol):
    """Hears how a deploy of a set is going, and is asked whether it may go ahead."""

    def say(self, line: str) -> None: ...
    def looked(self, done: int, of: int) -> None: ...
    def planned(self, plan: SetPlan) -> None: ...
    def consents(self, different: Differences) -> bool: ...
    def happened(self, results: list[Result]) -> None: ...
    def stop(self) -> None: ...
    def goes_on(self, canary: Place) -> bool: ...


def under_way(fleet: Fleet) -> str:
    """Return the id of the operation that is under way; empty where there is none."""
    return newest(fleet)[1]


def newest(fleet: Fleet, *, changing: bool = False) -> tuple[str, str]:
    """Return the ids of the operation that began last, and of the one that is under way.

    Each is empty where there is none. With `changing`, one that only looks for drift isn't the
    last.
    """

    def listed() -> tuple[str, str]:
        last = ""
        for one in operations(fleet):
            if not changing or one["Action"] != "DETECT_DRIFT":
                last = last or str(one["OperationId"])
            if one["Status"] in GOING:
                return last, str(one["OperationId"])
        return last, ""

    with faults.unless(MISSING):
        return answered(fleet.cloudformation, listed)
    return "", ""


def stop(fleet: Fleet) -> str:
    """Stop the operation that is under way, and return its id; empty if there is none.

    Stacks that it has begun are finished.
    """
    if number := under_way(fleet):
        fleet.cloudformation.stop_stack_set_operation(
            StackSetName=fleet.name, OperationId=number
        )
    return number


def attach(fleet: Fleet, progress: Progress) -> tuple[str, Operation | None]:
    """Follow the operation that is under way to its end; None if there is none.

    Also returns the id of the one that had begun last; empty where there was none.
    """
    last, number = newest(fleet, changing=True)
    if not number:
        return last, None
    progress.say(f"{fleet.name}: an operation is under way; following {number}")
    done = follow(fleet, number, progress.happened, say=progress.say)
    # A table that moves would be in the way of what is asked next.
    progress.stop()
    return last, done


def refuse_others(fleet: Fleet, ours: Collection[str]) -> None:
    """Refuse to go on if an operation began last that isn't among `ours`, by its id.

    There is no change set that CloudFormation would call obsolete.

    Raises:
        OthersError: one did.
    """
    if (other := newest(fleet, changing=True)[0]) not in ours:
        why = (
            f"{other} began after this plan was made, by somebody else, so nothing more was "
            f"done to {fleet.name}. The same command again makes a new plan, after its end."
        )
        raise OthersError(why, other)


def operate(
    fleet: Fleet,
    operation: str,
    tell: Tell,
    say: Say,
    *,
    ours: set[str] | None = None,
    empty: bool = False,
    **asked: Any,
) -> Operation:
    """Run an operation, such as create_stack_instances, once, and follow it to its end.

    One that is under way already is followed first. `ours` are the ids of the operations that
    the caller knows of, to which this one is added; None if any may come in between. `empty` is
    whether the set has no stacks, so that there are no results to wait for.

    Raises:
        OthersError: another operation came in between.
        ClientError: AWS refuses it.
        BotoCoreError: AWS keeps not answering.
        FollowError: the deadline has passed, or the credentials have expired.
    """
    number = f"liberty-{uuid.uuid4().hex}"
    attempt = 0
    if ours is not None:
        ours.add(number)
    while True:
        if ours is not None:
            refuse_others(fleet, ours)
        try:
            getattr(fleet.cloudformation, operation)(
                StackSetName=fleet.name, OperationId=number, **asked
            )
        except faults.OF_AWS as error:
            busy = faults.code(error) == "OperationInProgressException"
            heard = faults.code(error) == "OperationIdAlreadyExistsException"
            if not busy and not heard and not faults.passes(error):
                raise
            # The answer was lost, and the operation is under way: AWS refuses to begin it a
            # second time in one of these ways.
            if heard or _is_there(fleet, number):
                break
            attempt += not busy
            if attempt >= ATTEMPTS:
                raise
            if busy and (other := under_way(fleet)):
                say(f"{fleet.name}: an operation is under way already; following {other} first")
                follow(fleet, other, tell, say=say)
            else:
                pause(fleet.cloudformation, 0)
        else:
            break
    return follow(fleet, number, tell, say=say, empty=empty)


def _is_there(fleet: Fleet, number: str) -> bool:
    try:
        _described(fleet, number)
    except faults.OF_AWS as error:
        if faults.code(error) == "OperationNotFoundException" or faults.passes(error):
            return False
        raise
    return True


def follow(
    fleet: Fleet, number: str, tell: Tell, *, say: Say = silent, empty: bool = False
) -> Operation:
    """Report each target's result until an operation is over; of an `empty` set, there is none.

    Raises:
        DeployError: it is over, and AWS still doesn't list the result of every target.
        FollowError: the deadline has passed, or the credentials have expired.
        UnknownStatusError: AWS reports a state that this program doesn't know.
    """
    # Watching alone does nothing of what a deploy, say, has left to do.
    patience = Patience(fleet.name, say, again="the same command attaches")
    known: dict[Place, Result] = {}
    since: dict[Place, float] = {}
    quiet = late = 0
    pause(fleet.cloudformation, AT_FIRST)
    while True:
        # The status first, so that whatever happened before it was read is reported.
        state = patience.ask(lambda: _described(fleet, number))
        found = patience.ask(lambda: _results(fleet, number))
        fresh = []
        for place, status, reason in found or ():
            if place in known and known[place].status == status:
                continue
            now = time.monotonic()
            if status not in ("PENDING", "CANCELLED"):
                since.setdefault(place, now)
            ended = status in ("SUCCEEDED", "FAILED")
            took = timedelta(seconds=now - since[place]) if ended else None
            known[place] = Result(place, status, reason, took)
            fresh.append(known[place])
        tell(fresh)
        quiet = 0 if fresh else quiet + 1
        if state and found is not None and _is_over(state["Status"]):
            whole = _are_all_told(state, known.values())
            if ((known or empty) and whole) or late >= LOOKS:
                if not whole and state["Status"] != "STOPPED":
                    raise DeployError(_untold(fleet, number, state))
                began = state["CreationTimestamp"]
                return Operation(number, state["Action"], state["Status"], began, known)
            late += 1
        patience.check()
        pause(fleet.cloudformation, quiet)


def _are_all_told(state: Mapping[str, Any], results: Collection[Result]) -> bool:
    """Whether these results are those of an operation that is over, and none is lacking."""
    statuses = [result.status for result in results]
    counted = state.get("StatusDetails", {}).get("FailedStackInstancesCount", 0)
    failed = max(counted, int(state["Status"] == "FAILED"))
    return statuses.count("FAILED") >= failed and not {"PENDING", "RUNNING"} & set(statuses)


def _untold(fleet: Fleet, number: str, state: Mapping[str, Any]) -> str:
    why = f" ({state['StatusReason']})" if state.get("StatusReason") else ""
    return (
        f"{fleet.name}: the operation {number} ended as {state['Status']}{why}, and AWS "
        "doesn't tell yet what became of every target, so nothing more is done. How they "
        f"stand: make status ENV={fleet.environment.name}; then the same command again goes on."
    )


def _is_over(status: str) -> bool:
    if status not in (*GOING, *OVER):
        raise UnknownStatusError(
            f"CloudFormation says {status} of an operation, which this program does not know; "
            "add it to liberty_cfn/deploy/stack_sets/operations.py."
        )
    return status in OVER


def _described(fleet: Fleet, number: str) -> dict[str, Any]:
    asked = {"StackSetName": fleet.name, "OperationId": number}
    found = fleet.cloudformation.describe_stack_set_operation(**asked)
    return dict(found["StackSetOperation"])


def _results(fleet: Fleet, number: str) -> list[tuple[Place, str, str]]:
    pages = fleet.cloudformation.get_paginator("list_stack_set_operation_results").paginate(
        StackSetName=fleet.name, OperationId=number
    )
    return [
        (Place(raw["Account"], raw["Region"]), raw["Status"], raw.get("StatusReason", ""))
        for raw in pages.search("Summaries")
    ]
