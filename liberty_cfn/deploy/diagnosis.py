"""Why an operation failed, first-hand.

A parent only says that a nested stack failed, and everything under way when the first
resource fails is cancelled: neither is a reason.
"""

from __future__ import annotations

from collections.abc import Iterable

from liberty_cfn.deploy.change_sets import NESTED_STACK
from liberty_cfn.deploy.following import Event

CANCELLED = "cancelled"


def reasons(events: Iterable[Event]) -> list[Event]:
    """Return the failures that no other failure explains, the first of them first."""
    failures = [event for event in events if event.failed]
    first_hand = [
        event
        for event in failures
        if event.type != NESTED_STACK
        and not event.is_stack
        and CANCELLED not in event.reason.lower()
    ]
    # When nothing in a nested stack failed by itself, the stack's own word has to do: its
    # template was refused, say.
    return first_hand or [event for event in failures if not event.is_stack] or failures


def in_words(event: Event) -> str:
    """Return a failure as a sentence."""
    where = " in ".join(filter(None, [event.resource, "/".join(event.stack)]))
    return f"{where} ({event.type}): {event.reason or 'no reason given'}"
