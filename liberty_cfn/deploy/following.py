"""What is happening in a stack and those nested in it, until it is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from liberty_cfn.deploy.change_sets import NESTED_STACK
from liberty_cfn.deploy.statuses import Meaning, meaning
from liberty_cfn.deploy.targets import wait_a_little


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


class Follower:
    """Reads the events of a stack, and of the stacks nested in it, each once.

    Events of earlier operations are left out: those before `Follower` was made, which
    has to be before the operation starts.
    """

    def __init__(self, cloudformation: Any, stack_id: str) -> None:
        self._cloudformation = cloudformation
        self._paths: dict[str, tuple[str, ...]] = {stack_id: ()}
        self._seen: set[str] = set()
        self._started: dict[tuple[tuple[str, ...], str], datetime] = {}
        self._skip()

    def new_events(self) -> list[Event]:
        """Return what happened since the last call, oldest first."""
        found: list[Event] = []
        waiting = list(self._paths)
        while waiting:
            stack_id = waiting.pop()
            for raw in self._unseen(stack_id):
                if _nests(raw) and raw["PhysicalResourceId"] not in self._paths:
                    nested = raw["PhysicalResourceId"]
                    self._paths[nested] = (*self._paths[stack_id], raw["LogicalResourceId"])
                    waiting.append(nested)
                found.append(self._event(stack_id, raw))
        return sorted(found, key=lambda event: event.time)

    def _skip(self) -> None:
        self.new_events()
        self._started.clear()

    def _unseen(self, stack_id: str) -> list[dict[str, Any]]:
        """Return a stack's events not seen before, oldest first."""
        fresh = []
        for raw in _newest_first(self._cloudformation, stack_id):
            if raw["EventId"] in self._seen:
                break
            self._seen.add(raw["EventId"])
            fresh.append(raw)
        return fresh[::-1]

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


def follow(
    cloudformation: Any,
    stack_id: str,
    follower: Follower,
    tell: Callable[[list[Event]], object],
) -> tuple[str, list[Event]]:
    """Tell what happens until the stack's operation is over.

    Returns its last status, and every event.
    """
    events: list[Event] = []
    while True:
        # The status first: what happened before it was read is told, too.
        stack = cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]
        fresh = follower.new_events()
        events += fresh
        tell(fresh)
        if meaning(stack["StackStatus"]) is not Meaning.WORKING:
            return stack["StackStatus"], events
        wait_a_little(cloudformation)
