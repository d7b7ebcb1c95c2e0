"""What is happening in a stack and those nested in it, told until it is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from liberty_cfn.deploy.events import Event, Follower
from liberty_cfn.deploy.patience import AT_FIRST, DEADLINE, Patience, pause, silent
from liberty_cfn.deploy.stack import find
from liberty_cfn.deploy.statuses import Meaning, meaning

# A status read just after an operation began may still be that from before it. If no event
# says the same, it is believed after this many looks.
LOOKS = 10
# While a stack's own events say that it is at work, its status is asked for only after so many
# looks in a row that brought nothing new.
QUIET = 3


def follow(
    cloudformation: Any,
    stack_id: str,
    follower: Follower,
    tell: Callable[[list[Event]], object],
    *,
    say: Callable[[str], object] = silent,
    pause: Callable[[Any, int], object] = pause,
    clock: Callable[[], float] = time.monotonic,
    deadline: timedelta = DEADLINE,
    again: str = "",
) -> tuple[str, list[Event]]:
    """Tell what happens until the stack's operation is over.

    `stack_id` is its id, not its name, which another stack may get meanwhile. `again` is the
    command that looks again, where it isn't that for our environments' stacks. Returns the
    stack's last status, and every event.

    Raises:
        FollowError: the deadline has passed, or the credentials are over.
        UnknownStatusError: CloudFormation reports a state that this program doesn't know.
    """
    patience = Patience(stack_id, say, clock, deadline, again)
    events: list[Event] = []
    unproven = quiet = 0
    own = ""
    pause(cloudformation, AT_FIRST)
    while True:
        # The status is read before the events, so that when it says the end, the events have
        # it, too. While they say that the stack is at work, the status need not be read.
        at_work = own.endswith("_IN_PROGRESS") and quiet < QUIET
        status = None if at_work else patience.ask(lambda: _status(cloudformation, stack_id))
        fresh = patience.ask(follower.new_events)
        if fresh:
            events += fresh
            tell(fresh)
        quiet = 0 if fresh else quiet + 1
        before, own = own, next((e.status for e in reversed(events) if e.is_root), own)
        if at_work and own != before and not own.endswith("_IN_PROGRESS"):
            # The stack says that it is done: its status is read at once.
            continue
        # Not the end yet if the events could not be read: next time they can be.
        if status and fresh is not None and _is_over(status):
            if _borne_out(status, events) or unproven >= LOOKS:
                return status, events
            unproven += 1
        patience.check()
        pause(cloudformation, quiet)


def _status(cloudformation: Any, stack_id: str) -> str:
    found = find(cloudformation, stack_id)
    return str(found["StackStatus"]) if found else "DELETE_COMPLETE"


def _is_over(status: str) -> bool:
    # Read just after a stack's first change set is executed, this is from before it.
    return status != "REVIEW_IN_PROGRESS" and meaning(status) is not Meaning.WORKING


def _borne_out(status: str, events: list[Event]) -> bool:
    own = [event for event in events if event.is_root]
    return bool(own) and own[-1].status == status
