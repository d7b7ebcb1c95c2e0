"""What happens in a stack, and in those nested in it: their events, each told once.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.causes import REFUSED, why_hook_failed
from liberty_cfn.deploy.stack import nested_in

# What a stack says of itself when an operation on it begins.
BEGINNINGS = {
    "CREATE_IN_PROGRESS",
    "UPDATE_IN_PROGRESS",
    "DELETE_IN_PROGRESS",
    "IMPORT_IN_PROGRESS",
}
# And when that is the next one, of the same stack. Deletion isn't, but the end of all.
NEXT_BEGINS = {"UPDATE_IN_PROGRESS", "IMPORT_IN_PROGRESS"}


@dataclass(frozen=True)
class Event:
    """Something that happened to a resource. `stack` is the path of nested stacks to it.

    `is_stack` is whether a stack says this of itself. `took` is how long the resource was at
    work, if this is the end of it.
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
    def place(self) -> tuple[str, ...]:
        """The path to the resource, itself included."""
        return (*self.stack, self.resource)

    @property
    def over(self) -> bool:
        return not self.status.endswith("_IN_PROGRESS")

    @property
    def failed(self) -> bool:
        return self.status.endswith("_FAILED")

    @property
    def began(self) -> datetime | None:
        """When what this is the end of began, where that is known."""
        return self.time - self.took if self.took is not None else None

    @property
    def is_root(self) -> bool:
        """Whether this is the root stack's own word."""
        return self.is_stack and not self.stack


class Follower:
    """Reads the events of a stack, and of the stacks nested in it, each once.

    A nested stack is asked about only from when its parent says that it is at work until it
    is done.

    Events before `since` are left out. Without `since`, all that happened before the Follower
    was made is left out: make it before the operation starts. What comes after the operation
    is left out, too; `overtaken` is whether the next one has begun.
    """

    overtaken = False

    def __init__(
        self, cloudformation: Any, stack_id: str, since: datetime | None = None
    ) -> None:
        self.cloudformation, self.stack_id = cloudformation, stack_id
        self._paths: dict[str, tuple[str, ...]] = {stack_id: ()}
        self._resting: set[str] = set()
        self._seen: set[str] = set()
        self._started: dict[tuple[tuple[str, ...], str], datetime] = {}
        # What hooks that refused a resource say of it, until it fails by that.
        self._refused: dict[tuple[tuple[str, ...], str], list[str]] = {}
        # Read, but not told: a later call failed.
        self._untold: list[Event] = []
        self._ended = False
        self._since = since
        if since is None:
            # One page tells where to stop; a stack that was deployed often has many.
            newest = cloudformation.describe_stack_events(StackName=stack_id)["StackEvents"]
            self._seen.update(raw["EventId"] for raw in newest)

    def new_events(self) -> list[Event]:
        """Return what happened since the last call, oldest first."""
        # Parents first: they say which of the stacks nested in them are at work again.
        waiting = list(self._paths)
        while waiting:
            stack_id = waiting.pop(0)
            if stack_id in self._resting:
                continue
            for raw in self._unseen(stack_id):
                # The operation begins with the first event that is new. What nested stacks did
                # before that, they did by themselves.
                self._since = self._since or raw["Timestamp"]
                nested = nested_in(raw)
                if nested and nested != stack_id:
                    if not _over(raw):
                        self._resting.discard(nested)
                    if nested not in self._paths:
                        self._paths[nested] = (*self._paths[stack_id], raw["LogicalResourceId"])
                        waiting.append(nested)
                elif nested and self._paths[stack_id]:
                    # Its own word: this stack is at work, or done.
                    (self._resting.add if _over(raw) else self._resting.discard)(stack_id)
                self._untold.append(self._event(stack_id, raw))
        found = sorted(self._untold, key=_when)
        self._untold = []
        return list(self._until_the_next(found))

    def _until_the_next(self, events: list[Event]) -> Iterator[Event]:
        for event in events:
            if event.is_root:
                self.overtaken |= self._ended and event.status in NEXT_BEGINS
                self._ended |= event.over
            if self.overtaken:
                return
            yield event

    def _unseen(self, stack_id: str) -> list[dict[str, Any]]:
        """Return a stack's events not seen before, oldest first."""
        # By id: what happens while pages are turned moves events on to the next page.
        fresh: dict[str, dict[str, Any]] = {}
        # A stack that somebody deleted does not hide what the others say.
        with faults.unless_missing():
            for raw in newest_first(self.cloudformation, stack_id):
                before = self._since and raw["Timestamp"] < self._since
                if raw["EventId"] in self._seen or before:
                    break
                fresh[raw["EventId"]] = raw
            # Seen only when all of the pages could be read.
            self._seen.update(fresh)
            return list(fresh.values())[::-1]
        return []

    def _event(self, stack_id: str, raw: dict[str, Any]) -> Event:
        path, resource = self._paths[stack_id], raw["LogicalResourceId"]
        status, now = raw["ResourceStatus"], raw["Timestamp"]
        reason = raw.get("ResourceStatusReason", "")
        if why := why_hook_failed(raw):
            self._refused.setdefault((path, resource), []).append(why)
        if REFUSED in reason:
            reason = ": ".join([reason, *self._refused.pop((path, resource), [])])
        since = None
        if _over(raw):
            since = self._started.pop((path, resource), None)
        else:
            self._started.setdefault((path, resource), now)
        return Event(
            raw["EventId"],
            now,
            path,
            resource,
            raw["ResourceType"],
            status,
            reason,
            raw.get("PhysicalResourceId", ""),
            raw.get("PhysicalResourceId") == stack_id,
            now - since if since else None,
        )


def _when(event: Event) -> tuple[datetime, bool, int]:
    """Return what events are sorted by.

    Of those at the same moment, a stack begins before what is in it, and ends after it.
    """
    depth = len(event.stack)
    return event.time, event.over, -depth if event.over else depth


def _over(raw: dict[str, Any]) -> bool:
    return not str(raw["ResourceStatus"]).endswith("_IN_PROGRESS")


def newest_first(cloudformation: Any, stack_id: str) -> Iterator[dict[str, Any]]:
    """Yield what a stack's events say, page by page."""
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
    yield from pages.search("StackEvents")


def last_operation(cloudformation: Any, stack_id: str) -> Follower:
    """Return a follower of a stack's last operation, from its beginning, if there was one."""
    began: datetime | None = None
    beginning = ""
    for raw in newest_first(cloudformation, stack_id):
        if raw.get("PhysicalResourceId") != stack_id:
            continue
        status = raw["ResourceStatus"]
        # The stack says it again when all in it is configured (CONFIGURATION_COMPLETE).
        if began and status != beginning:
            break
        if status in BEGINNINGS:
            began, beginning = raw["Timestamp"], status
    return Follower(cloudformation, stack_id, began)
