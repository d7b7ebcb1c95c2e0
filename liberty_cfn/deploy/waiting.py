"""What an operation waits for, said meanwhile.

CloudFormation is silent while a certificate isn't issued, or while a service's tasks start and
stop again: for hours, if nobody steps in.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from liberty_cfn.deploy import faults, patience
from liberty_cfn.deploy.certificates import CERTIFICATE, still_lacking
from liberty_cfn.deploy.events import Event
from liberty_cfn.deploy.patience import Say
from liberty_cfn.deploy.targets import Target
from liberty_cfn.deploy.tasks import (
    SAID,
    SERVICE_TYPE,
    described,
    how_many_run,
    steps,
    why_stopped,
)
from liberty_cfn.environments import Environment

# For each type that is waited for, the seconds to the first word about it, and between those
# after it. Most are ready before the first.
DUE = {CERTIFICATE: (30.0, 300.0), SERVICE_TYPE: (30.0, 30.0)}
# What differs in the words about two tasks that stop for the same reason.
IDS = re.compile(r"[0-9a-f]{8,}|\d+(\.\d+){3}|i-\w+")


@dataclass
class Watch:
    """Says what an operation is waiting for; about tasks, each thing once."""

    environment: Environment
    target: Target
    say: Say
    clock: Callable[[], float] = time.monotonic
    _due: dict[str, float] = field(default_factory=dict, init=False)
    _begun: dict[str, Event] = field(default_factory=dict, init=False)
    _told: set[str] = field(default_factory=set, init=False)
    _undone: bool = field(default=False, init=False)

    def noticed(self, events: list[Event]) -> None:
        for event in events:
            if event.is_root:
                self._undone = "ROLLBACK" in event.status
            if event.type not in DUE:
                continue
            # A deletion waits for nothing worth saying.
            if event.over or event.status.startswith("DELETE"):
                self._due.pop(event.type, None)
                self._begun.pop(event.type, None)
                continue
            self._due.setdefault(event.type, self.clock() + DUE[event.type][0])
            begun = self._begun.setdefault(event.type, event)
            if not begun.physical_id:
                # A new resource has an id only from its second event on.
                self._begun[event.type] = event

    def pause(self, client: Any, quiet: int) -> None:
        """Wait before AWS is asked again; say what is awaited if that is due."""
        patience.pause(client, quiet)
        for kind, due in self._due.items():
            if self.clock() < due:
                continue
            self._due[kind] = self.clock() + DUE[kind][1]
            # An error here is no reason to stop following.
            with contextlib.suppress(*faults.OF_AWS):
                for line in self._news(kind):
                    self.say(line)

    def _news(self, kind: str) -> Iterator[str]:
        if kind == CERTIFICATE:
            yield from still_lacking(self.environment, self.target)
            return
        begun = self._begun[kind]
        client, arn = self.target.client, begun.physical_id
        service = described(client, arn)
        if (standing := how_many_run(service)) and self._is_new([standing]):
            yield f"{begun.resource}: {standing}"
        words = list(why_stopped(client, arn, begun.time, service))
        # A program's log lines are never the same twice.
        if not self._is_new([said for said in words if SAID not in said]):
            return
        yield from (f"  {said}" for said in (*words, *steps(words)))
        name = self.environment.name
        # In a target of a stack set, neither command is about this stack.
        if not (self._undone or self.environment.stack_name) and self._is_new(["trying"]):
            yield (
                "  ECS goes on trying, and AWS waits for that. Not to wait: make cancel "
                f"ENV={name} undoes an update, make destroy ENV={name} ends a creation."
            )

    def _is_new(self, said: list[str]) -> bool:
        """Whether any of these lines is new; from now on, none is."""
        plain = {IDS.sub("", line) for line in said}
        fresh = not plain <= self._told
        self._told |= plain
        return fresh
