"""What is happening in a stack and those nested in it, until it is over.

A poll that fails is not a verdict: AWS goes on whether or not we can look.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.change_sets import NESTED_STACK
from liberty_cfn.deploy.stack import described
from liberty_cfn.deploy.statuses import Meaning, meaning

T = TypeVar("T")
DEADLINE = timedelta(hours=3)
# So many failed polls in a row are worth a word, and then as many again.
WORRYING = 5
# A status read just after an operation began may still be that from before it. One that is
# not borne out by an event is believed after this many looks.
LOOKS = 10
# While a stack's own events say that it is at work, its status is asked for only when so many
# looks in a row brought nothing new.
QUIET = 3
# What has just begun has nothing to tell yet; the first look comes soon, but not at once.
AT_FIRST = -2
BEGINNINGS = {
    "CREATE_IN_PROGRESS",
    "UPDATE_IN_PROGRESS",
    "DELETE_IN_PROGRESS",
    "IMPORT_IN_PROGRESS",
}


class FollowError(Exception):
    """Looking had to end before the operation did. The message says how to look again."""


@dataclass(frozen=True)
class Event:
    """Something that happened to a resource. `stack` is the path of nested stacks to it.

    `took` is how long the resource was at it, if this is its end.
    """

    id: str
    time: datetime
    stack: tuple[str, ...]
    resource: str
    type: str
    status: str
    reason: str
    physical_id: str
    is_stack: bool
    took: timedelta | None

    @property
    def over(self) -> bool:
        return not self.status.endswith("_IN_PROGRESS")

    @property
    def failed(self) -> bool:
        return self.status.endswith("_FAILED")

    @property
    def is_root(self) -> bool:
        """Whether this is the root stack's own word."""
        return self.is_stack and not self.stack


class Follower:
    """Reads the events of a stack, and of the stacks nested in it, each once.

    A nested stack is left alone until its parent says that it is at work, and when it came to
    rest.

    Events before `since` are left out; without it, those before `Follower` was made, which
    has to be before the operation starts. Of those, but the last ones of the root are read: a
    stack that was deployed often has many.
    """

    def __init__(
        self, cloudformation: Any, stack_id: str, since: datetime | None = None
    ) -> None:
        self._cloudformation = cloudformation
        self._paths: dict[str, tuple[str, ...]] = {stack_id: ()}
        self._resting: set[str] = set()
        self._seen: set[str] = set()
        self._started: dict[tuple[tuple[str, ...], str], datetime] = {}
        # Read, but not told: a later call failed.
        self._untold: list[Event] = []
        self._since = since
        if since is None:
            newest = cloudformation.describe_stack_events(StackName=stack_id)["StackEvents"]
            self._seen.update(raw["EventId"] for raw in newest)

    def new_events(self) -> list[Event]:
        """Return what happened since the last call, oldest first."""
        # Parents first: they say which of their stacks are at work again.
        waiting = list(self._paths)
        while waiting:
            stack_id = waiting.pop(0)
            if stack_id in self._resting:
                continue
            for raw in self._unseen_if_there(stack_id):
                # What is nested was at work before only if somebody had it work by itself.
                self._since = self._since or raw["Timestamp"]
                nested = raw.get("PhysicalResourceId", "")
                if _nests(raw):
                    if not _over(raw):
                        self._resting.discard(nested)
                    if nested not in self._paths:
                        self._paths[nested] = (*self._paths[stack_id], raw["LogicalResourceId"])
                        waiting.append(nested)
                elif nested == stack_id and self._paths[stack_id]:
                    (self._resting.add if _over(raw) else self._resting.discard)(stack_id)
                self._untold.append(self._event(stack_id, raw))
        found = sorted(self._untold, key=_when)
        self._untold = []
        return found

    def _unseen_if_there(self, stack_id: str) -> list[dict[str, Any]]:
        try:
            return self._unseen(stack_id)
        except ClientError as error:
            # A nested stack that somebody deleted does not hide what its parent says.
            if not self._paths[stack_id] or not faults.missing(error):
                raise
            return []

    def _unseen(self, stack_id: str) -> list[dict[str, Any]]:
        """Return a stack's events not seen before, oldest first."""
        # By id: what happens while pages are turned moves events on to the next page.
        fresh: dict[str, dict[str, Any]] = {}
        for raw in _newest_first(self._cloudformation, stack_id):
            if raw["EventId"] in self._seen:
                break
            if self._since and raw["Timestamp"] < self._since:
                break
            fresh[raw["EventId"]] = raw
        # Seen only when all of the pages could be read.
        self._seen.update(fresh)
        return list(fresh.values())[::-1]

    def _event(self, stack_id: str, raw: dict[str, Any]) -> Event:
        path, resource = self._paths[stack_id], raw["LogicalResourceId"]
        status, now = raw["ResourceStatus"], raw["Timestamp"]
        if status.endswith("_IN_PROGRESS"):
            self._started.setdefault((path, resource), now)
            since = None
        else:
            since = self._started.pop((path, resource), None)
        return Event(
            raw["EventId"],
            now,
            path,
            resource,
            raw["ResourceType"],
            status,
            raw.get("ResourceStatusReason", ""),
            raw.get("PhysicalResourceId", ""),
            raw.get("PhysicalResourceId") == stack_id,
            now - since if since else None,
        )


def _when(event: Event) -> tuple[datetime, bool, int]:
    """Return what events are told by: at the same time, a stack begins before what is in it.

    And it ends after that.
    """
    depth = len(event.stack)
    return event.time, event.over, -depth if event.over else depth


def _over(raw: dict[str, Any]) -> bool:
    return not str(raw["ResourceStatus"]).endswith("_IN_PROGRESS")


def _nests(raw: dict[str, Any]) -> bool:
    return bool(
        raw["ResourceType"] == NESTED_STACK
        and raw.get("PhysicalResourceId", "").startswith("arn:")
        and raw["PhysicalResourceId"] != raw["StackId"]
    )


def _newest_first(cloudformation: Any, stack_id: str) -> Iterator[dict[str, Any]]:
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
    for page in pages:
        yield from page["StackEvents"]


def began(cloudformation: Any, stack_id: str) -> datetime | None:
    """Return when a stack's last operation began; None where there was none."""
    for raw in _newest_first(cloudformation, stack_id):
        own = raw.get("PhysicalResourceId") == stack_id
        if own and raw["ResourceStatus"] in BEGINNINGS:
            found: datetime = raw["Timestamp"]
            return found
    return None


def pause(client: Any, quiet: int) -> None:
    """Leave AWS alone for a while, longer the longer nothing was new; it would throttle us."""
    if client.meta.endpoint_url.startswith("http://127.0.0.1"):
        time.sleep(0.05 if quiet >= 0 else 0.02)
    else:
        time.sleep(random.uniform(0.5, 1.5) * min(10, 3 + quiet))  # noqa: S311 - jitter


def silent(_: str) -> None:
    """Say nothing."""


@dataclass
class Patience:
    """Asks AWS something about a stack until it answers, or the deadline has passed."""

    stack_id: str
    say: Callable[[str], object] = silent
    clock: Callable[[], float] = time.monotonic
    deadline: timedelta = DEADLINE

    def __post_init__(self) -> None:
        self._end = self.clock() + self.deadline.total_seconds()
        self._failed = 0

    def ask(self, question: Callable[[], T]) -> T | None:
        """Return the answer, None where there was none this time.

        Raises:
            FollowError: the deadline has passed, or the credentials are over.
        """
        try:
            answer = question()
        except faults.OF_AWS as error:
            if faults.expired(error):
                raise FollowError(
                    f"The credentials have expired. AWS goes on with {self._name}; sign in "
                    f"again (aws sso login), then attach: {self._attach}"
                ) from error
            if not faults.passes(error) and not faults.cut_off(error):
                raise
            self._failed += 1
            if self._failed % WORRYING == 0:
                self.say(
                    f"AWS has not answered {self._failed} times ({_short(error)}). It goes on "
                    f"with {self._name} all the same; asking again."
                )
            self.check()
            return None
        self._failed = 0
        return answer

    def check(self) -> None:
        """Raise FollowError if the deadline has passed."""
        if self.clock() >= self._end:
            hours = self.deadline / timedelta(hours=1)
            raise FollowError(
                f"{self._name} is not done after {hours:g} h, and is no longer waited for. "
                f"AWS goes on; to attach again: {self._attach}"
            )

    @property
    def _name(self) -> str:
        return name_of(self.stack_id)

    @property
    def _attach(self) -> str:
        return f"liberty-cfn events --follow {self._name.removeprefix('liberty-social-')}"


def name_of(stack_id: str) -> str:
    """Return a stack's name, which is in its id."""
    return stack_id.split("/")[1] if stack_id.startswith("arn:") else stack_id


def _short(error: Exception) -> str:
    return faults.code(error) or type(error).__name__


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
) -> tuple[str, list[Event]]:
    """Tell what happens until the stack's operation is over.

    `stack_id` is its id, as another stack may get its name. Returns its last status, and
    every event.

    Raises:
        FollowError: the deadline has passed, or the credentials are over.
        UnknownStatusError: CloudFormation reports a state that this program doesn't know.
    """
    patience = Patience(stack_id, say, clock, deadline)
    events: list[Event] = []
    unproven = quiet = 0
    own = ""
    pause(cloudformation, AT_FIRST)
    while True:
        # The status first: what happened before it was read is told, too. While events keep
        # saying that the stack is at work, it need not be asked.
        at_work = own.endswith("_IN_PROGRESS") and quiet < QUIET
        status = None if at_work else patience.ask(lambda: _status(cloudformation, stack_id))
        fresh = patience.ask(lambda: _events(follower))
        if fresh:
            events += fresh
            tell(fresh)
        quiet = 0 if fresh else quiet + 1
        before, own = own, next((e.status for e in reversed(events) if e.is_root), own)
        if at_work and own != before and not own.endswith("_IN_PROGRESS"):
            # Its end: nothing is left to wait for.
            continue
        # An end that could be read is one, even if its events could not: next time they can.
        if status and fresh is not None and _is_over(status):
            if _borne_out(status, events) or unproven >= LOOKS:
                return status, events
            unproven += 1
        patience.check()
        pause(cloudformation, quiet)


def _status(cloudformation: Any, stack_id: str) -> str:
    try:
        return str(described(cloudformation, stack_id)["StackStatus"])
    except ClientError as error:
        if faults.missing(error):
            return "DELETE_COMPLETE"
        raise


def _events(follower: Follower) -> list[Event]:
    try:
        return follower.new_events()
    except ClientError as error:
        if faults.missing(error):
            return []
        raise


def _is_over(status: str) -> bool:
    # Read just after a stack's first change set is executed, this is from before it.
    return status != "REVIEW_IN_PROGRESS" and meaning(status) is not Meaning.WORKING


def _borne_out(status: str, events: list[Event]) -> bool:
    own = [event for event in events if event.is_root]
    return bool(own) and own[-1].status == status
