"""A review as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from liberty_cfn.review.changes import Action, Change, PropertyChange
from liberty_cfn.review.documented import Replacement
from liberty_cfn.review.findings import ORDER
from liberty_cfn.review.folding import Group, places, sizes
from liberty_cfn.review.reviewing import Review, counts

NOTHING = "No changes."
MARKS = {Action.ADD: "+", Action.REMOVE: "-", Action.CHANGE: "~"}


def lines(review: Review, groups: Sequence[Group]) -> Iterator[str]:
    """Yield the whole review, the most dangerous first."""
    yield f"{review.before} → {review.after}"
    one, other = review.digests
    same = "templates " + (one[:12] if one == other else f"{one[:12]} → {other[:12]}")
    yield f"{same} (digest)"
    if not review.parts and not review.notes:
        yield NOTHING
        return
    for group in groups:
        yield ""
        yield title(group)
        for kind in ORDER:
            told = list(group.told(kind))
            if told:
                yield f"  {kind.value}"
                for text in told:
                    yield f"    {text}"
        yield from _changes(group)
    for note in review.notes:
        yield ""
        yield note
    if review.untouched:
        yield ""
        yield f"Not touched: {', '.join(places(review.untouched, sizes(review)))}"


def title(group: Group) -> str:
    """Return where a group's changes are, and how many."""
    number = {word: count for word, count in counts(group.first).items() if count}
    summary = ", ".join(f"{count} {word}" for word, count in number.items())
    return f"{group.name}: {summary or 'no resource changes'}"


def _changes(group: Group) -> Iterator[str]:
    if group.first.new:
        kinds = group.types()
        yield f"  new: {', '.join(f'{count} {kind}' for kind, count in kinds.items())}"
        return
    if group.first.changes:
        yield "  changes"
    for change in group.first.changes:
        yield f"    {MARKS[change.action]} {headline(change)}"
        for changed in change.properties:
            yield f"        {property_line(group, change, changed)}"
        for changed in change.policies:
            yield f"        {changed.name}: {group.values(change, changed)}"


def headline(change: Change) -> str:
    """Return a resource with what becomes of it."""
    became = {
        Action.ADD: "added",
        Action.REMOVE: "removed",
        Action.CHANGE: _how(change),
    }[change.action]
    moved = ""
    if change.moved:
        direction = "from" if change.action is Action.ADD else "to"
        moved = f", moved {direction} {change.moved_name}"
    return f"{change.name} ({change.type}) {became}{moved}"


def _how(change: Change) -> str:
    if change.revision and change.replacement is Replacement.CERTAIN:
        return "gets a new revision"
    if change.replaced:
        return "replaced"
    return "perhaps replaced" if change.perhaps_replaced else "changed"


def property_line(group: Group, change: Change, changed: PropertyChange) -> str:
    """Return a property's change in a line, with what it does."""
    does = effect(change, changed)
    if changed.because:
        return f"{changed.name}: the new value of {group.named(changed.because)}{does}"
    return f"{changed.name}: {group.values(change, changed)}{does}"


def effect(change: Change, changed: PropertyChange) -> str:
    """Return what changing a property does to its resource, in brackets."""
    told = changed.verdict
    if change.revision or told.replacement is Replacement.NONE:
        return ""
    words = {
        Replacement.CERTAIN: "replaces it",
        Replacement.CONDITIONAL: "may replace it",
        Replacement.UNKNOWN: "unknown whether this replaces it",
    }
    if told.refused:
        return "  [refused]"
    if told.only_interrupted:
        return f"  [{told.why}]"
    return f"  [{words[told.replacement]}]"
