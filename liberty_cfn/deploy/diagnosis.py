"""Why an operation failed, first-hand.

A parent only says that a nested stack failed, and everything under way when the first
resource fails is cancelled: neither is a reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from liberty_cfn.deploy.causes import next_step
from liberty_cfn.deploy.events import Event
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
    events = list(events)
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


def first_hand(
    cloudformation: Any, stack_id: str, events: list[Event]
) -> tuple[list[str], list[Event]]:
    """Return why an operation on a stack failed, in words; and the failures."""
    failures, early = reasons(events), []
    if not any(is_first_hand(event) for event in failures):
        nested = [event.physical_id for event in failures if event.type == NESTED_STACK]
        for stack in filter(None, dict.fromkeys([*nested, stack_id])):
            early += refused_early(cloudformation, StackName=stack)
        own = of_the_root(events)
        # That a nested stack was not updated is no reason either, where somebody cancelled.
        told = own == CANCELLED_BY_HAND or all(CANCELLED.match(e.reason) for e in failures)
        if own and told and not early:
            early.append(own)
    return _once(early or map(in_words, failures)), failures


def _once(sentences: Iterable[str]) -> list[str]:
    """Return each sentence once, though CloudFormation tried again, and it failed alike."""
    told: dict[str, str] = {}
    for sentence in sentences:
        told.setdefault(OF_A_REQUEST.sub("", sentence), sentence)
    return list(told.values())


def explain(
    client: Callable[[str], Any],
    environment: Environment,
    stack_id: str,
    status: str,
    events: list[Event],
    *,
    stopped: Mapping[str, list[str]] = NOTHING,
) -> str:
    """Return why an operation failed, the state the stack is in, and what can be done.

    `client` returns the boto3 client of a service. `stopped` is what was learnt about the tasks
    of ECS services, by their ARNs, before the rollback removed them.
    """
    sentences, failures = first_hand(client("cloudformation"), stack_id, events)
    lines = [f"{environment.stack} ended as {status}."]
    if not sentences:
        gone = meaning(status) is Meaning.ABSENT
        lines.append("  Somebody deleted the stack meanwhile." if gone else UNSAID)
    for number, sentence in enumerate(sentences):
        lines.append(f"{'First, ' if number == 0 and len(sentences) > 1 else '  '}{sentence}")
        if step := next_step(sentence):
            lines.append(f"    {step}")
    for event in failures:
        if event.type == SERVICE_TYPE:
            arn = event.physical_id
            words = list(stopped.get(arn) or why_stopped(client, arn, event.began))
            lines += [f"    {said}" for said in (*words, *steps(words))]
    if meaning(status) is Meaning.UNDONE:
        lines += [f"  {said}" for said in kept(events)]
    if meaning(status) is not Meaning.GOOD:
        lines.append(what_next(status, environment))
    return "\n".join(lines)
