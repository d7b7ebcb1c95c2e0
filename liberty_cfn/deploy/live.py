"""What is happening, as a live tree: stacks, what each is doing, and how long that takes.

Estimates are the typical times of liberty_cfn/model/times.py: what a resource takes by itself,
without what it waits for. So the time left overall is given as a minimum.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from liberty_cfn.deploy.changes import Change, Replacement
from liberty_cfn.deploy.events import Event
from liberty_cfn.deploy.stack import NESTED_STACK
from liberty_cfn.model.times import to_change, to_make

Place = tuple[str, ...]
NOTHING = timedelta(0)


def moves(console: Console) -> bool:
    """Whether a live display is possible: on a capable terminal, and not in CI."""
    stays = console.is_dumb_terminal or bool(os.environ.get("CI"))
    return console.is_terminal and not stays


def start(live: Live) -> None:
    """Start a display, and leave the cursor: who stops us (Ctrl-Z), or kills us, needs it."""
    live.start()
    live.console.show_cursor()


class LiveTree:
    """The stacks and what is being done in them, below a progress bar.

    `changes` are the planned ones; without them, the events are counted.
    """

    def __init__(
        self,
        console: Console,
        changes: Iterable[Change] = (),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._console, self._clock = console, clock
        planned = {c.place: c for c in changes}
        inside = {place: c for place, c in planned.items() if c.type != NESTED_STACK}
        # If the plan doesn't cover what is in nested stacks, the stacks are counted.
        self._stacks = not inside and bool(planned)
        self._expected = {place: _typical(c) for place, c in (inside or planned).items()}
        self._latest: dict[Place, Event] = {}
        self._since: dict[Place, datetime] = {}
        self._began: datetime | None = None
        self._whole = True
        self._ends = False
        self._live = Live(
            console=console, refresh_per_second=4, get_renderable=self.drawn, transient=False
        )

    def grow(self, events: Iterable[Event]) -> None:
        for event in events:
            if not event.is_stack:
                self._latest[event.place] = event
                if event.over:
                    self._since.pop(event.place, None)
                else:
                    self._since.setdefault(event.place, event.time)
            elif event.is_root:
                # What had not begun by then won't any more.
                self._ends = event.over or "ROLLBACK" in event.status
            self._began = self._began or event.time
        # Not earlier: it would be in the way of asking for consent.
        if not self._live.is_started:
            self._whole = False
            start(self._live)

    def stop(self) -> None:
        """Leave the tree as it is now."""
        self._whole = True
        if self._live.is_started:
            self._live.stop()

    def drawn(self) -> RenderableType:
        """Return the tree as it is at this moment, the bar above it."""
        now, latest = self._clock(), list(self._latest.values())
        bar = self._bar(now, latest)
        told = [e for e in latest if e.type == NESTED_STACK or _matters(e)]
        whole = Group(bar, self._tree(told, now, latest))
        # What doesn't fit on the screen is cut off: so what is done is left out while it moves.
        if self._whole or len(self._console.render_lines(whole)) <= self._console.height:
            return whole
        return Group(bar, self._tree([e for e in told if _matters(e)], now, latest))

    def _tree(self, told: list[Event], now: datetime, latest: list[Event]) -> Tree:
        tree = Tree("root", hide_root=True)
        branches: dict[Place, Tree] = {(): tree}
        for event in sorted(told, key=lambda e: len(e.stack)):
            parent = branches.get(event.stack, tree)
            if event.type == NESTED_STACK:
                branches[event.place] = parent.add(self._stack(event, now, latest))
            else:
                parent.add(self._resource(event, now))
        return tree

    def left(self, now: datetime) -> timedelta:
        """Return the least time left until all is done, by typical times."""
        if self._ends:
            return NOTHING
        latest = dict(self._latest)
        begun = [
            _typical_of(event) - self._at_it(event, now)
            for event in latest.values()
            if not event.over and event.type != NESTED_STACK
        ]
        waiting = [took for place, took in self._expected.items() if place not in latest]
        return max([NOTHING, *begun, *waiting])

    def _bar(self, now: datetime, latest: list[Event]) -> RenderableType:
        counted = [e for e in latest if (e.type == NESTED_STACK) is self._stacks]
        done, total = sum(e.over for e in counted), max(len(self._expected), len(counted))
        what = "stacks" if self._stacks else "resources"
        said = f"{done} of {total} {what}, {seconds(max(NOTHING, now - (self._began or now)))}"
        if left := self.left(now):
            said += f", at least {seconds(left)} more"
        grid = Table.grid(padding=(0, 1))
        grid.add_row(ProgressBar(total=max(total, 1), completed=done, width=20), Text(said))
        return grid

    def _stack(self, event: Event, now: datetime, latest: list[Event]) -> Text:
        inside = [e for e in latest if e.stack == event.place]
        text = styled(event)
        text.append(f"  {sum(e.over for e in inside)} of {len(inside)}", style="dim")
        if not event.over:
            text.append(f"  {seconds(self._at_it(event, now))}")
        return text

    def _resource(self, event: Event, now: datetime) -> Text:
        text = styled(event)
        if not event.over:
            text.append(f"  {seconds(self._at_it(event, now))}")
            if typical := _typical_of(event):
                text.append(f" of about {seconds(typical)}", style="dim")
        return text

    def _at_it(self, event: Event, now: datetime) -> timedelta:
        """Return how long something has been under way; our clock may not be AWS's."""
        return max(NOTHING, now - self._since.get(event.place, now))


def _matters(event: Event) -> bool:
    return not event.over or event.failed


def _typical(change: Change) -> timedelta:
    if change.action == "Remove":
        return NOTHING
    anew = change.action == "Add" or change.replacement is Replacement.CERTAIN
    return to_make(change.type) if anew else to_change(change.type)


def _typical_of(event: Event) -> timedelta:
    if event.status.startswith("CREATE"):
        return to_make(event.type)
    return to_change(event.type) if event.status.startswith("UPDATE") else NOTHING


def styled(event: Event) -> Text:
    """Return an event in colour: the resource, its status, and why, if it failed."""
    colour = "red" if event.failed else "green" if event.over else "yellow"
    text = wrapping(f"{event.resource}  ")
    text.append(event.status.replace("_", " ").lower(), style=colour)
    if event.took is not None:
        text.append(f"  {seconds(event.took)}", style="dim")
    if event.failed and event.reason:
        text.append(f"  {event.reason}", style="red")
    return text


def wrapping(text: str, style: str = "") -> Text:
    """Return text that wraps within its place in a tree, even if other lines aren't wrapped."""
    return Text(text, style, no_wrap=False, overflow="fold")


def seconds(took: timedelta) -> str:
    """Return a duration for people: 0.4 s, 12 s, 3 min 20 s."""
    whole = took.total_seconds()
    if whole < 10:  # noqa: PLR2004
        return f"{whole:.1f} s"
    minutes, rest = divmod(round(whole), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
