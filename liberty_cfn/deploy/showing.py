"""Tables and trees of what a deploy will do, does, and has done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from liberty_cfn.deploy.change_sets import NESTED_STACK, UNKNOWN, Change, Property, Replacement
from liberty_cfn.deploy.destroying import Kept
from liberty_cfn.deploy.following import Event
from liberty_cfn.deploy.plans import Plan, doubts, is_lost, refusals, stops_service
from liberty_cfn.stateful import LOSSES

COLOURS = {"Add": "green", "Modify": "yellow", "Remove": "red", "Import": "cyan"}
LONG = 80  # characters of a value shown
MARKS = {"Add": "+", "Modify": "~", "Remove": "-", "Import": "i"}


def plan_tree(plan: Plan) -> RenderableType:
    """Return what would change, as a tree of stacks, resources and properties."""
    tree = Tree(Text(plan.stack, style="bold"))
    branches: dict[tuple[str, ...], Tree] = {(): tree}
    for change in plan.changes:
        parent = branches.get(change.stack, tree)
        branch = parent.add(_planned(change))
        if change.type == NESTED_STACK:
            branches[*change.stack, change.resource] = branch
        elif change.action == "Modify":
            for changed in change.properties:
                branch.add(_changed(changed))
    parameters = [
        Text(f"{name}: {_value(before)} -> {_value(after)}")
        for name, (before, after) in plan.parameters.items()
        if before is not None
    ]
    heading = [Text("Settings that change", style="bold")] if parameters else []
    notes = [Text(doubt, style="yellow") for doubt in doubts(plan)]
    return Group(tree, *heading, *parameters, *notes, Text(plan.summary, style="bold"))


def plan_markdown(plan: Plan) -> str:
    """Return what would change, for a pull request: the dangerous first."""
    lines = [f"### {plan.summary}", "", f"Templates `{plan.digest[:12]}`."]
    if plan.lost:
        lines += ["", "**Data would be lost:**", ""]
        lines += [f"- {refusal}" for refusal in refusals(plan, ())]
    if plan.doubtful:
        lines += ["", "**Perhaps replaced:**", "", *(f"- {doubt}" for doubt in doubts(plan))]
    if plan.resources:
        lines += ["", "| | Stack | Resource | Type | Replaced | Properties |"]
        lines += ["|---|---|---|---|---|---|"]
    for change in sorted(plan.resources, key=lambda c: not is_lost(c)):
        cells = (
            MARKS.get(change.action, change.action),
            "/".join(change.stack) or "root",
            f"`{change.resource}`",
            change.type,
            change.replacement.value or "no",
            ", ".join(f"`{p.name}`" for p in change.properties),
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _planned(change: Change) -> Text:
    mark = MARKS.get(change.action, change.action)
    text = Text(f"{mark} {change.resource}  ", style=COLOURS.get(change.action, ""))
    text.append(change.type, style="dim")
    if change.replacement is not Replacement.NO:
        text.append(f"  replacement {change.replacement.value}", style="bold red")
    if change.type in LOSSES:
        text.append("  holds data" + (", AT RISK" if is_lost(change) else ""), style="magenta")
    if stops_service(change):
        text.append("  stops service", style="bold red")
    return text


def _changed(changed: Property) -> Text:
    text = Text(changed.name)
    if changed.before is not None or changed.after is not None:
        text.append(f": {_value(changed.before)} -> {_value(changed.after)}")
    if changed.replaces is not Replacement.NO:
        text.append(f"  (replacement {changed.replaces.value})", style="red")
    return text


def _value(value: str | None) -> str:
    """Return a value as it is shown: one line, not too long."""
    value = UNKNOWN if value is None else value
    line = " ".join(value.replace(UNKNOWN, "(known after apply)").split()) or "''"
    return line if len(line) <= LONG else f"{line[: LONG - 3]}..."


def outputs_table(outputs: Mapping[str, str]) -> Table:
    """Return a stack's outputs, as a table."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in outputs.items():
        table.add_row(key, value)
    return table


def kept_table(kept: Iterable[Kept]) -> Table:
    """Return what outlives its stack, as a table."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("What is kept", "Name or id", ""):
        table.add_column(column, overflow="fold")
    for one in kept:
        table.add_row(one.type, one.id, one.how)
    return table


class Follow:
    """Shows a deploy as it goes along: a tree on a terminal, lines elsewhere."""

    def __init__(self, console: Console, agree: Callable[[], bool]) -> None:
        self._console = console
        self._agree = agree
        self._tree: _Tree | None = None

    def say(self, line: str) -> None:
        self._console.print(line, soft_wrap=True)

    def planned(self, plan: Plan) -> None:
        self._console.print(plan_tree(plan))
        self._expect(plan.changes)

    def consents(self) -> bool:
        return self._agree()

    def happened(self, events: list[Event]) -> None:
        if not self._console.is_terminal:
            for event in events:
                # A nested stack's own events say what its parent's say of it.
                if event.over and not (event.is_stack and event.stack):
                    self.say(line(event))
        elif self._tree:
            self._tree.grow(events)

    def watch(self) -> Follow:
        """Show a tree without a plan: of a deletion, say."""
        self._expect(())
        return self

    def stop(self) -> None:
        """Leave the tree as it is now."""
        if self._tree:
            self._tree.stop()
            self._tree = None

    def _expect(self, changes: tuple[Change, ...]) -> None:
        if self._console.is_terminal:
            # Where the plan doesn't go into nested stacks, the stacks are what is counted.
            inside = [change for change in changes if change.type != NESTED_STACK]
            self._tree = _Tree(self._console, len(inside or changes), stacks=not inside)


class _Tree:
    """The stacks and what they are at, with a bar of what is done."""

    def __init__(self, console: Console, total: int, *, stacks: bool) -> None:
        self._stacks = stacks
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._task = self._bar.add_task(
            "stacks" if stacks else "resources", total=total or None
        )
        self._latest: dict[tuple[tuple[str, ...], str], Event] = {}
        self._live = Live(console=console, refresh_per_second=8)

    def grow(self, events: list[Event]) -> None:
        for event in events:
            if not event.is_stack:
                self._latest[event.stack, event.resource] = event
        # Not started before consent was asked for.
        if not self._live.is_started:
            self._live.start()
        done = [
            event
            for event in self._latest.values()
            if event.over and (event.type == NESTED_STACK) is self._stacks
        ]
        self._bar.update(self._task, completed=len(done))
        self._live.update(self._drawn())

    def stop(self) -> None:
        if self._live.is_started:
            self._live.stop()

    def _drawn(self) -> RenderableType:
        tree = Tree("root", hide_root=True)
        branches: dict[tuple[str, ...], Tree] = {(): tree}
        ordered = sorted(self._latest.items(), key=lambda item: len(item[0][0]))
        for (path, resource), event in ordered:
            parent = branches.get(path, tree)
            if event.type == NESTED_STACK:
                branches[*path, resource] = parent.add(self._stack(event))
            elif not event.over or event.failed:
                parent.add(_styled(event))
        return Group(tree, self._bar)

    def _stack(self, event: Event) -> Text:
        inside = [e for (path, _), e in self._latest.items() if path[-1:] == (event.resource,)]
        text = _styled(event)
        text.append(f"  {sum(e.over for e in inside)} of {len(inside)}", style="dim")
        return text


def line(event: Event) -> str:
    """Return an event as one line that can be searched for."""
    where = "/".join((*event.stack, event.resource))
    parts = [f"{event.time:%H:%M:%S}", f"{event.status:<24}", where, event.type]
    if event.took is not None:
        parts.append(seconds(event.took))
    if event.failed and event.reason:
        parts.append(event.reason)
    return "  ".join(parts)


def seconds(took: timedelta) -> str:
    """Return a duration for people: 0.4 s, 12 s, 3 min 20 s."""
    whole = took.total_seconds()
    if whole < 10:  # noqa: PLR2004
        return f"{whole:.1f} s"
    minutes, rest = divmod(round(whole), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _styled(event: Event) -> Text:
    colour = "red" if event.failed else "green" if event.over else "yellow"
    text = Text(f"{event.resource}  ")
    text.append(event.status.replace("_", " ").lower(), style=colour)
    if event.took is not None:
        text.append(f"  {seconds(event.took)}", style="dim")
    if event.failed and event.reason:
        text.append(f"  {event.reason}", style="red")
    return text
