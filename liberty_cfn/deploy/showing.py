"""What a deploy would do, and what was found or left: as trees, tables and Markdown."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from liberty_cfn.deploy.changes import UNKNOWN, Change, Property, Replacement
from liberty_cfn.deploy.destroying import Kept
from liberty_cfn.deploy.finding import Finding, Level
from liberty_cfn.deploy.live import wrapping
from liberty_cfn.deploy.plans import Plan, doubts, refusals
from liberty_cfn.deploy.stack import NESTED_STACK
from liberty_cfn.deploy.weighing import (
    interruption,
    is_lost,
    lost_with,
    stops_service,
    weaknesses,
)
from liberty_cfn.markdown import cell, code, escaped
from liberty_cfn.stateful import LOSSES

if TYPE_CHECKING:
    from liberty_cfn.deploy.by_hand import ByHand, Fate

COLOURS = {
    "Add": "green",
    "Modify": "yellow",
    "Remove": "red",
    "Import": "cyan",
    "Dynamic": "bold red",
}
LEVELS = {Level.OK: "green", Level.WARNING: "yellow", Level.OBSTACLE: "bold red"}
LONG = 80  # characters of a value shown
AROUND = 20  # characters before the first that differs
KNOWN_LATER = "(known after apply)"
UNTOUCHED = "="
MARKS = {"Add": "+", "Modify": "~", "Remove": "-", "Import": "i", "Dynamic": "?"}


def plan_tree(plan: Plan) -> RenderableType:
    """Return what would change, as a tree of stacks, resources and properties; in all, too."""
    summary = Text(plan.summary, style="bold")
    return Group(change_tree(plan), summary, f"Templates {plan.digest}")


def change_tree(plan: Plan) -> RenderableType:
    """Return what would change, as a tree of stacks, resources and properties."""
    tree = Tree(Text(plan.stack, style="bold"))
    branches: dict[tuple[str, ...], Tree] = {(): tree}
    folded = _folded(plan)
    for change in plan.changes:
        if change.place in folded:
            continue
        parent = branches.get(change.stack, tree)
        branch = branches[change.place] = parent.add(_planned(change))
        if change.type == NESTED_STACK:
            continue
        if is_lost(change):
            branch.add(Text(lost_with(change), style="red"))
        if change.action == "Modify":
            for changed in change.properties:
                branch.add(_changed(change, changed))
    for one, fate, line in _by_hand(plan):
        style = "bold red" if fate.grave else "yellow"
        _branch_of(one, branches).add(Text(line, style=style))
    beside = [
        line
        for what, values in _beside(plan).items()
        for line in (Text(f"{what} that change", style="bold"), *map(Text, values))
    ]
    said = [*doubts(plan), *plan.notes, *_not_compared(plan), *_unlisted(plan, folded)]
    notes = [Text(note, style="yellow") for note in said]
    return Group(tree, *beside, *notes)


def plan_markdown(plan: Plan) -> str:
    """Return what would change, for a pull request: the dangerous first."""
    lines = [f"### {plan.summary}", "", f"Templates `{plan.digest}`."]
    if plan.lost:
        lines += ["", "**Data would be lost:**", ""]
        lines += [f"- {escaped(refusal)}" for refusal in refusals(plan, ())]
    if plan.doubtful:
        lines += ["", "**Perhaps replaced:**", ""]
        lines += [f"- {escaped(doubt)}" for doubt in doubts(plan)]
    if by_hand := _by_hand(plan):
        lines += ["", "**Changed by hand since it was deployed:**", ""]
        lines += [f"- `{'/'.join(o.drift.place)}`: {code(line)}" for o, _, line in by_hand]
    for note in (*plan.notes, *_not_compared(plan)):
        lines += ["", escaped(note)]
    for what, values in _beside(plan).items():
        lines += ["", f"**{what} that change:**", "", *(f"- {code(one)}" for one in values)]
    folded = _folded(plan)
    for note in _unlisted(plan, folded):
        lines += ["", note]
    if listed := [change for change in plan.resources if change.place not in folded]:
        lines += ["", "| | Stack | Resource | Type | Replaced | Properties |"]
        lines += ["|---|---|---|---|---|---|"]
    for change in sorted(listed, key=lambda c: not is_lost(c)):
        cells = (
            MARKS.get(change.action, change.action),
            "/".join(change.stack) or "root",
            f"`{change.resource}`",
            ", ".join([change.type, *_marks(change)]),
            change.replacement.value or "no",
            "<br>".join(
                " ".join([cell(_told(p)), *_notes(change, p)]) for p in change.properties
            ),
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _folded(plan: Plan) -> set[tuple[str, ...]]:
    """Return the places of what isn't listed, so that the rest is seen where all are retagged.

    Resources that get the stack's other tags, and else stay as they are and were; and stacks
    in which there is nothing else.
    """
    if not plan.tags:
        return set()
    by_hand = {one.drift.place for one, *_ in _by_hand(plan)}
    inside = [change for change in plan.changes if change.type != NESTED_STACK]
    listed = [c for c in inside if not _is_retagged(c) or c.place in by_hand]
    told = {c.place[:depth] for c in listed for depth in range(len(c.place) + 1)}
    # A stack of which nothing is known inside is told.
    known = {c.place[:depth] for c in inside for depth in range(len(c.place) + 1)}
    return {c.place for c in plan.changes if not c.opaque and c.place in known - told}


def _is_retagged(change: Change) -> bool:
    changed = {changed.name for changed in change.properties}
    stays = change.action == "Modify" and change.replacement is Replacement.NO
    return stays and changed == {"Tags"}


def _unlisted(plan: Plan, folded: Collection[tuple[str, ...]]) -> list[str]:
    """Return, in words, how many resources are not listed; if any."""
    number = sum(change.place in folded for change in plan.resources)
    said = f"Not listed: {number} that change in nothing but these tags"
    return [said] if number else []


def _by_hand(plan: Plan) -> list[tuple[ByHand, Fate, str]]:
    """Return what was changed by hand, what becomes of it, and that in words."""
    if plan.drift is None:
        return []
    from liberty_cfn.deploy.by_hand import told  # noqa: PLC0415 - asked for seldom

    return [(o, *said) for o in plan.drift.by_hand for said in told(o, _differing)]


def _branch_of(one: ByHand, branches: dict[tuple[str, ...], Tree]) -> Tree:
    """Return a resource's branch; one is made for what doesn't change, and for its stack."""
    place = one.drift.place
    for depth in range(1, len(place) + 1):
        here = place[:depth]
        if here not in branches:
            kind = one.drift.type if here == place else NESTED_STACK
            text = Text(f"{UNTOUCHED} {here[-1]}  ").append(kind, style="dim")
            branches[here] = branches[here[:-1]].add(text)
    return branches[place]


def _not_compared(plan: Plan) -> list[str]:
    """Return, in words, of what it isn't known whether somebody changed it; if anything.

    And which stacks' policies aren't those that deploying sets.
    """
    if plan.drift is None:
        return []
    told = {
        "Not compared with what was deployed": plan.drift.unknown,
        "Deploying sets its own stack policies in place of those of": plan.drift.unprotected,
    }
    return [f"{what}: {', '.join(stacks)}" for what, stacks in told.items() if stacks]


def _beside(plan: Plan) -> dict[str, list[str]]:
    """Return what changes for a deployed environment as a whole: settings, and tags."""
    # Neither a new environment's settings nor new settings count as changes.
    settings = {name: v for name, v in plan.parameters.items() if v[0] is not None}
    kinds = {"Settings": settings, "Tags": plan.tags}
    return {
        kind: [
            f"{name}: {' -> '.join(_differing(before, after))}"
            for name, (before, after) in values.items()
        ]
        for kind, values in kinds.items()
        if values
    }


def _marks(change: Change) -> dict[str, str]:
    """Return the warnings about a resource that changes, each with its style."""
    holds = "holds data" + (", AT RISK" if is_lost(change) else "")
    return {
        **({holds: "magenta"} if change.type in LOSSES else {}),
        **({"stops service": "bold red"} if stops_service(change) else {}),
    }


def _told(changed: Property) -> str:
    """Return a property that changes, with its values where they are known."""
    if not changed.told:
        return changed.place
    return f"{changed.place}: {' -> '.join(_differing(changed.before, changed.after))}"


def _planned(change: Change) -> Text:
    mark = MARKS.get(change.action, change.action)
    text = wrapping(f"{mark} {change.resource}  ", COLOURS.get(change.action, ""))
    text.append(change.type, style="dim")
    if change.replacement is not Replacement.NO:
        text.append(f"  replacement {change.replacement.value}", style="bold red")
    elif change.action == "Modify" and change.type != NESTED_STACK:
        text.append("  no replacement", style="dim")
    for said, style in _marks(change).items():
        text.append(f"  {said}", style=style)
    return text


def _changed(change: Change, changed: Property) -> Text:
    text = wrapping(_told(changed))
    for note in _notes(change, changed):
        text.append(f"  {note}", style="red")
    return text


def _notes(change: Change, changed: Property) -> list[str]:
    """Return the warnings about a property that changes."""
    replaces = changed.replaces.value
    stops = interruption(change, changed)
    said = (f"replacement {replaces}" if replaces else "", stops, *weaknesses(change, changed))
    return [f"({note})" for note in said if note]


def _differing(before: str | None, after: str | None) -> tuple[str, str]:
    """Return two values as they are shown; of long ones, from where they differ."""
    one, other = _line(before), _line(after)
    lengths = len(one), len(other)
    pairs = enumerate(zip(one, other, strict=False))
    same = next((place for place, (a, b) in pairs if a != b), min(lengths))
    if max(lengths) > LONG and same > AROUND:
        one, other = (f"...{line[same - AROUND :]}" for line in (one, other))
    return _short(one), _short(other)


def _line(value: str | None) -> str:
    """Return a value as one line."""
    if value is None:
        return "none"
    return " ".join(value.replace(UNKNOWN, KNOWN_LATER).split()) or "''"


def _short(line: str) -> str:
    return line if len(line) <= LONG else f"{line[: LONG - 3]}..."


def outputs_text(outputs: Mapping[str, str]) -> Text:
    """Return a stack's outputs, one to a line; not to be wrapped, as people copy them."""
    widest = max(map(len, outputs), default=0)
    return Text("\n").join(
        Text.assemble((f"{name:<{widest}}", "bold"), f"  {value}")
        for name, value in outputs.items()
    )


def titled(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def kept_text(kept: Iterable[Kept]) -> Text:
    """Return what is lost with its stack, and what outlives it; not to be wrapped either."""
    lines: list[Text] = []
    for lost, some in groupby(sorted(kept, key=lambda one: not one.lost), lambda one: one.lost):
        rows = [(f"What is {'lost' if lost else 'kept'}", "", "Name or id")]
        rows += [(one.type, one.how, one.id) for one in some]
        wide = [max(len(row[n]) for row in rows) for n in (0, 1)]
        style = "red" if lost else ""
        lines += [Text(f"{a:<{wide[0]}}  {b:<{wide[1]}}  {c}", style) for a, b, c in rows]
        lines[-len(rows)].stylize("bold")
    return Text("\n").join(lines)


def findings_text(findings: Iterable[Finding]) -> Text:
    """Return what was found before a deploy; not to be wrapped, as people copy its commands."""
    found = list(findings)
    widest = max((len(each.level.value) for each in found), default=0)
    below = f"\n{'':<{widest}}  "
    return Text("\n").join(
        Text.assemble(
            (f"{each.level.value:<{widest}}", LEVELS[each.level]),
            "  " + str(each).replace("\n", below),
        )
        for each in found
    )
