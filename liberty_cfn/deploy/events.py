"""What happens in a stack and those nested in it: their events, each reported once.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.hooks import REFUSED, why_hook_failed
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

    `is_stack` is whether it is a stack's event about itself. `took` is how long the work on the
    resource took, if this event ends it.
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
        """When the work that this event ends began, if that is known."""
        return self.time - self.took if self.took is not None else None

    @property
    def is_root(self) -> bool:
        """Whether this is the root stack's event about itself."""
        return self.is_stack and not self.stack

    def as_json(self) -> dict[str, Any]:
        return {
            "time": self.time.isoformat(),
            "stack": "/".join(self.stack),
            "resource": self.resource,
            "type": self.type,
            "status": self.status,
            "reason": self.reason or None,
            "physical_id": self.physical_id or None,
            "seconds": self.took.total_seconds() if self.took is not None else None,
        }


# What a program is told of a failure that no event says.
NO_EVENT = dict.fromkeys(
    ("time", "stack", "resource", "type", "status", "reason", "physical_id", "seconds")
)


class Follower:
    """Reads the events of a stack, and of the stacks nested in it, each once.

    A nested stack is polled only while its parent says that it is being worked on.

    Events before `since` are left out; without `since`, those before the Follower was made:
    make it before the operation starts. What comes after the operation is left out, too;
    `overtaken` is whether the next one has begun.
    """

    overtaken = False

    def __init__(
        self, cloudformation: Any, stack_id: str, since: datetime | None = None
    ) -> None:
        self.cloudformation, self.stack_id = cloudformation, stack_id
        self._paths: dict[str, tuple[str, ...]] = {stack_id: ()}
        # When its parent last said of a nested stack that it is being worked on; and when that
        # itself last said that it is done.
        self._called: dict[str, datetime] = {}
        self._done: dict[str, datetime] = {}
        self._seen: set[str] = set()
        self._started: dict[tuple[str, ...], datetime] = {}
        # When what was last told of a resource happened.
        self._latest: dict[tuple[str, ...], datetime] = {}
        # Why hooks refused a resource, until its failure is reported.
        self._refused: dict[tuple[str, ...], list[str]] = {}
        # Read, but not reported yet, as a later call failed.
        self._untold: list[Event] = []
        self._begun = since is not None
        self._ended = False
        self._since = since
        if since is None:
            # One page is enough to know where to stop; there may be many, and empty ones first.
            page = cloudformation.describe_stack_events(StackName=stack_id)
            while not page["StackEvents"] and (token := page.get("NextToken")):
                page = cloudformation.describe_stack_events(StackName=stack_id, NextToken=token)
            self._seen.update(raw["EventId"] for raw in page["StackEvents"])

    def new_events(self) -> list[Event]:
        """Return what happened since the last call, oldest first."""
        # Parents first: they say which of their nested stacks are being worked on again.
        waiting = list(self._paths)
        while waiting:
            stack_id = waiting.pop(0)
            if self._rests(stack_id):
                continue
            for raw in self._unseen(stack_id):
                # The operation begins with the first new event; earlier events of nested stacks
                # belong to other operations.
                self._since = self._since or raw["Timestamp"]
                nested = nested_in(raw)
                if nested and nested != stack_id:
                    if not _over(raw):
                        called = self._called.get(nested, raw["Timestamp"])
                        self._called[nested] = max(called, raw["Timestamp"])
                    if nested not in self._paths:
                        self._paths[nested] = (*self._paths[stack_id], raw["LogicalResourceId"])
                        waiting.append(nested)
                elif nested and _over(raw):
                    self._done[nested] = raw["Timestamp"]
                elif nested:
                    self._done.pop(nested, None)
                self._untold.append(self._event(stack_id, raw))
        found = sorted(self._untold, key=_when)
        self._untold = []
        return list(self._until_the_next(found))

    def _rests(self, stack_id: str) -> bool:
        """Whether a nested stack is done, and its parent hasn't called on it again since."""
        done, called = self._done.get(stack_id), self._called.get(stack_id)
        nested = stack_id != self.stack_id
        return nested and done is not None and (called is None or done > called)

    def _until_the_next(self, events: list[Event]) -> Iterator[Event]:
        for event in events:
            if event.is_root:
                self._begun |= not event.over and "CLEANUP" not in event.status
                if not self._begun:
                    # The end of the operation before, listed late.
                    continue
            latest = self._latest.get(event.place, event.time)
            if event.time < latest and not event.failed:
                # Listed late, too: what came after it has been told. Why it failed matters yet.
                continue
            self._latest[event.place] = max(latest, event.time)
            if event.is_root:
                self.overtaken |= self._ended and event.status in NEXT_BEGINS
                self._ended |= event.over
            if self.overtaken:
                return
            yield event

    def _unseen(self, stack_id: str) -> list[dict[str, Any]]:
        """Return a stack's events not seen before, oldest first."""
        # By id: new events push others to the next page while pages are read.
        fresh: dict[str, dict[str, Any]] = {}
        # The events of other stacks are read even if somebody deleted this one.
        with faults.unless_missing():
            for raw in newest_first(self.cloudformation, stack_id):
                seen = raw["EventId"] in self._seen
                # Once it is known since when: AWS may list one late, behind some seen before.
                if raw["Timestamp"] < self._since if self._since else seen:
                    break
                if not seen:
                    fresh[raw["EventId"]] = raw
            # Only once all pages have been read.
            self._seen.update(fresh)
            return list(fresh.values())[::-1]
        return []

    def _event(self, stack_id: str, raw: dict[str, Any]) -> Event:
        path, resource, now = self._paths[stack_id], raw["LogicalResourceId"], raw["Timestamp"]
        # As one line, though AWS's words may be several.
        place, reason = (*path, resource), " ".join(raw.get("ResourceStatusReason", "").split())
        if why := why_hook_failed(raw, self.cloudformation):
            self._refused.setdefault(place, []).append(why)
        if REFUSED in reason:
            reason = ": ".join([reason, *self._refused.pop(place, [])])
        since = None
        if _over(raw):
            since = self._started.pop(place, None)
        else:
            self._started.setdefault(place, now)
        return Event(
            raw["EventId"],
            now,
            path,
            resource,
            raw["ResourceType"],
            raw["ResourceStatus"],
            reason,
            raw.get("PhysicalResourceId", ""),
            raw.get("PhysicalResourceId") == stack_id,
            now - since if since else None,
        )


def _when(event: Event) -> tuple[datetime, bool, int]:
    """Return the key that events are sorted by.

    At the same moment, a stack begins before what is in it, and ends after it.
    """
    depth = len(event.stack)
    return event.time, event.over, -depth if event.over else depth


def _over(raw: dict[str, Any]) -> bool:
    return not str(raw["ResourceStatus"]).endswith("_IN_PROGRESS")


def newest_first(cloudformation: Any, stack_id: str) -> Iterator[dict[str, Any]]:
    """Yield a stack's events as AWS describes them, page by page."""
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
    yield from pages.search("StackEvents")


def has_begun(cloudformation: Any, stack_id: str, token: str) -> bool:
    """Whether an operation has begun, by its request token, though AWS's answer was lost.

    botocore resends a request that got no answer; if the first arrived, the second is refused.
    """
    with faults.unless_missing():
        found = newest_first(cloudformation, stack_id)
        return any(event.get("ClientRequestToken") == token for event in found)
    return False


def last_operation(cloudformation: Any, stack_id: str) -> Follower:
    """Return a follower of a stack's last operation, if there was one, from its beginning."""
    began: datetime | None = None
    beginning = ""
    for raw in newest_first(cloudformation, stack_id):
        if raw.get("PhysicalResourceId") != stack_id:
            continue
        status = raw["ResourceStatus"]
        # The stack repeats it when everything in it is configured (CONFIGURATION_COMPLETE).
        if began and status != beginning:
            break
        if status in BEGINNINGS:
            began, beginning = raw["Timestamp"], status
    return Follower(cloudformation, stack_id, began)
