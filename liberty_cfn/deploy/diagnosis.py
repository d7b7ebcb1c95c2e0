"""Why an operation failed, first-hand.

A parent only says that a nested stack failed, and everything under way when the first
resource fails is cancelled: neither is a reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from liberty_cfn.deploy.causes import next_step
from liberty_cfn.deploy.events import NO_EVENT, Event
from liberty_cfn.deploy.hooks import refused_early
from liberty_cfn.deploy.stack import NESTED_STACK
from liberty_cfn.deploy.statuses import Meaning, meaning, what_next
from liberty_cfn.deploy.tasks import SERVICE_TYPE, steps, why_stopped
from liberty_cfn.environments import Environment

# CloudFormation's word for what was under way when another resource failed. A reason may speak
# of something else that was cancelled.
CANCELLED = re.compile(r"Resource \w+ cancell?ed", re.IGNORECASE)
# CloudFormation's reason for what somebody asked for, and ours.
BY_HAND = "User Initiated"
CANCELLED_BY_HAND = "The update was cancelled by hand."
# Each deployment leaves one, which costs nothing.
OF_COURSE = "AWS::ECS::TaskDefinition"
# What differs in the reasons of requests that fail alike.
OF_A_REQUEST = re.compile(r"Request ?(ID|Token): [\w-]+", re.IGNORECASE)
UNSAID = "CloudFormation gave no reason; see the stack's events in the console."
NOTHING: Mapping[str, list[str]] = MappingProxyType({})


def reasons(events: Iterable[Event]) -> list[Event]:
    """Return the failures that no other failure explains, the first of them first."""
    events = list(events)
    failures = sorted((event for event in events if event.failed), key=lambda e: e.time)
    # A DELETE_FAILED comes during the rollback, after the failure; it is the failure only of a
    # deletion.
    if not any(event.is_root and event.status == "DELETE_IN_PROGRESS" for event in events):
        failures.sort(key=lambda e: e.status == "DELETE_FAILED")
    # If no resource failed first-hand, as when a template is refused, what the stacks say has
    # to do.
    said = [event for event in failures if not CANCELLED.match(event.reason)]
    return (
        [event for event in said if is_first_hand(event)]
        or [event for event in said or failures if not event.is_stack]
        or failures
    )


def of_the_root(events: Iterable[Event]) -> str:
    """Return why the root was rolled back, by its own events, where no resource says anything.

    Somebody cancelled the update, say, or a parameter has no value. A deletion that can't
    begin, because others import what the stack exports, leaves the stack as it was.
    """
    undone = ("ROLLBACK_IN_PROGRESS", "_COMPLETE")
    said = [e.reason for e in events if e.is_root and e.status.endswith(undone)]
    reason = next(filter(None, said), "")
    return CANCELLED_BY_HAND if reason == BY_HAND else reason


def is_first_hand(event: Event) -> bool:
    """Whether a failure is a resource's own, not the echo of another's."""
    echo = event.type == NESTED_STACK or event.is_stack
    return event.failed and not echo and not CANCELLED.match(event.reason)


def in_words(event: Event) -> str:
    return f"{_where(event)}: {event.reason or 'no reason given'}"


def _where(event: Event) -> str:
    where = " in ".join(filter(None, [event.resource, "/".join(event.stack)]))
    return f"{where} ({event.type})"


def orphans(events: Iterable[Event]) -> list[str]:
    """Return, in words, what an operation that succeeded could not delete, or was to keep.

    CloudFormation reports success, and forgets about it.
    """
    events = sorted(events, key=lambda event: event.time)
    last = {event.place: event for event in events if not event.is_stack}
    undeleted = [
        f"{event.physical_id} could not be deleted, and is no stack's any more: delete it by "
        f"hand, if nobody needs it. {in_words(event)}"
        for event in last.values()
        if is_first_hand(event)
    ]
    return [*undeleted, *kept(events)]


def kept(events: Iterable[Event]) -> list[str]:
    """Return, in words, what was left for UpdateReplacePolicy or DeletionPolicy Retain.

    Of a replacement that is undone, the new one stays, too, whatever DeletionPolicy says.
    https://github.com/go-to-k/cdkd/issues/2598
    """
    said = (
        f"{event.physical_id} stays, and is no stack's any more: {_where(event)}"
        for event in events
        if event.status == "DELETE_SKIPPED" and event.physical_id and event.type != OF_COURSE
    )
    return list(dict.fromkeys(said))


@dataclass(frozen=True)
class Failure:
    """Why an operation failed, in words, and by which event, if one says it.

    `tasks` is why those of an ECS service stopped, and what to do about that.
    """

    said: str
    event: Event | None = None
    tasks: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it as events are told, and what to do about it."""
        told = self.event.as_json() if self.event else NO_EVENT | {"reason": self.said}
        return {**told, "advice": next_step(self.said) or None, "tasks": list(self.tasks)}


@dataclass(frozen=True)
class Explanation:
    """Why an operation on a stack failed, the state it left, and what can be done.

    `left` is what of it is no stack's any more, in words; `adopts`, whether making it again
    meets what it can take in.
    """

    environment: Environment
    status: str
    failures: list[Failure]
    left: list[str]
    adopts: bool = False

    def __str__(self) -> str:
        lines = [f"{self.environment.stack} ended as {self.status}."]
        if not self.failures:
            gone = meaning(self.status) is Meaning.ABSENT
            lines.append("  Somebody deleted the stack meanwhile." if gone else UNSAID)
        for number, failure in enumerate(self.failures):
            first = number == 0 and len(self.failures) > 1
            lines.append(f"{'First, ' if first else '  '}{failure.said}")
            if step := next_step(failure.said):
                lines.append(f"    {step}")
            lines += [f"    {said}" for said in failure.tasks]
        lines += [f"  {said}" for said in self.left]
        return "\n".join([*lines, *filter(None, [self._advice])])

    @property
    def _advice(self) -> str:
        good = meaning(self.status) is Meaning.GOOD
        return "" if good else what_next(self.status, self.environment, adopts=self.adopts)

    def as_json(self) -> dict[str, Any]:
        return {
            "stack": self.environment.stack,
            "status": self.status,
            "failures": [failure.as_json() for failure in self.failures],
            "advice": self._advice or None,
        }


def first_hand(
    client: Callable[[str], Any],
    stack_id: str,
    events: list[Event],
    stopped: Mapping[str, list[str]] = NOTHING,
) -> list[Failure]:
    """Return why an operation on a stack failed, the first cause first; as `explain`."""
    failures, early = reasons(events), []
    if not any(is_first_hand(event) for event in failures):
        cloudformation = client("cloudformation")
        nested = [event.physical_id for event in failures if event.type == NESTED_STACK]
        for stack in filter(None, dict.fromkeys([*nested, stack_id])):
            early += refused_early(cloudformation, StackName=stack)
        own = of_the_root(events)
        # That a nested stack was not updated is no reason either, where somebody cancelled.
        told = own == CANCELLED_BY_HAND or all(CANCELLED.match(e.reason) for e in failures)
        if own and told and not early:
            early.append(own)
    tasks = [tuple(_why_stopped(client, event, stopped)) for event in failures]
    if early:
        # What was cancelled meanwhile is no reason, but what became of its tasks is told.
        first = Failure(early[0], tasks=tuple(said for each in tasks for said in each))
        return _once([first, *map(Failure, early[1:])])
    found = zip(failures, tasks, strict=True)
    return _once(Failure(in_words(event), event, words) for event, words in found)


def _why_stopped(
    client: Callable[[str], Any], event: Event, stopped: Mapping[str, list[str]]
) -> Iterator[str]:
    if event.type == SERVICE_TYPE:
        arn = event.physical_id
        words = list(stopped.get(arn) or why_stopped(client, arn, event.began))
        yield from (*words, *steps(words))


def _once(failures: Iterable[Failure]) -> list[Failure]:
    """Return each failure once, though CloudFormation tried again, and it failed alike."""
    told: dict[str, Failure] = {}
    for failure in failures:
        told.setdefault(OF_A_REQUEST.sub("", failure.said), failure)
    return list(told.values())


def explain(
    client: Callable[[str], Any],
    environment: Environment,
    stack_id: str,
    status: str,
    events: list[Event],
    *,
    stopped: Mapping[str, list[str]] = NOTHING,
) -> Explanation:
    """Return why an operation failed, the state the stack is in, and what can be done.

    `client` returns the boto3 client of a service. `stopped` is what was learnt about the tasks
    of ECS services, by their ARNs, before the rollback removed them.
    """
    undone = meaning(status) is Meaning.UNDONE
    failures = first_hand(client, stack_id, events, stopped)
    return Explanation(environment, status, failures, kept(events) if undone else [])
