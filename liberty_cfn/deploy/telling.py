"""A deploy as it goes along: a tree that moves on a terminal, lines elsewhere and in CI."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from rich.console import Console

from liberty_cfn.deploy.events import Event
from liberty_cfn.deploy.live import NOTHING, LiveTree, moves, seconds
from liberty_cfn.deploy.patience import Speaker
from liberty_cfn.deploy.plans import Plan
from liberty_cfn.deploy.showing import plan_tree
from liberty_cfn.deploy.stack import NESTED_STACK


class ShownProgress:
    """A deploy as it goes along: a tree on a terminal, lines elsewhere and in CI.

    Where nothing has ended for a while, a line says what is under way: CI systems end what says
    nothing for ten minutes, and a database takes that long. `hears` is told all events, too.
    """

    def __init__(
        self,
        console: Console,
        consents: Callable[[], bool] = lambda: True,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        hears: Callable[[list[Event]], object] = list,
    ) -> None:
        self.consents, self._hears = consents, hears
        self._console, self._clock = console, clock
        self._moves = moves(console)
        self._tree: LiveTree | None = None
        self._running: dict[tuple[str, ...], Event] = {}
        print_whole = partial(console.print, soft_wrap=True)
        self._speaker = Speaker(print_whole, lambda: clock().timestamp())
        self.say = self._speaker.say

    def planned(self, plan: Plan) -> None:
        self._console.print(plan_tree(plan))
        if plan.changes and self._moves:
            self.stop()
            self._tree = LiveTree(self._console, plan.changes)

    def happened(self, events: list[Event]) -> None:
        self._hears(events)
        if not self._moves:
            for event in events:
                # A nested stack's events about itself repeat its parent's events about it.
                if event.over and not (event.is_stack and event.stack):
                    self.say(line(event))
            self._go_on(events)
            return
        if not events:
            return
        if not self._tree:
            # There was no plan: it is a deletion, say, or somebody else began it.
            self._tree = LiveTree(self._console)
        self._tree.grow(events)
        if ends := [event for event in events if event.is_root and event.over]:
            # What follows is another operation, with its own tree.
            self.stop()
            self.say(line(ends[-1]))

    def stop(self) -> None:
        if self._tree:
            self._tree.stop()
            self._tree = None

    def _go_on(self, events: list[Event]) -> None:
        """Say what is under way, if nothing was said for a while."""
        for event in events:
            if event.over:
                self._running.pop(event.place, None)
            elif event.type != NESTED_STACK:
                self._running.setdefault(event.place, event)
        if self._running and self._speaker.is_due:
            now = self._clock()
            at_it = [
                f"{'/'.join(place)} ({seconds(max(NOTHING, now - event.time))})"
                for place, event in self._running.items()
            ]
            self.say(f"{now:%H:%M:%S}  {'still under way':<24}  {', '.join(at_it)}")


def line(event: Event) -> str:
    """Return an event as one line that can be searched for."""
    where = "/".join(event.place)
    parts = [f"{event.time:%H:%M:%S}", f"{event.status:<24}", where, event.type]
    if event.took is not None:
        parts.append(seconds(event.took))
    if event.failed and event.reason:
        parts.append(event.reason)
    return "  ".join(parts)
