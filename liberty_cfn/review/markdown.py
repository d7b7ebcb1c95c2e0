"""A review as a pull request's comment: folded, the most dangerous first, not too long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from liberty_cfn.markdown import code, escaped, fitting
from liberty_cfn.review.changes import Action
from liberty_cfn.review.findings import ORDER, Finding, Kind
from liberty_cfn.review.folding import Group, places, sizes
from liberty_cfn.review.reviewing import Part, Review, counts
from liberty_cfn.review.text import MARKS, NOTHING, headline, property_line, title

MARKER = "<!-- liberty-cfn diff -->"
HEADINGS = {
    Kind.FAILS: ("🛑", "Will fail"),
    Kind.LOSS: ("🔴", "Loss"),
    Kind.SECRET: ("🔴", "Regenerates the secret"),
    Kind.WEAKENED: ("🟠", "Protection weakened"),
    Kind.SILENCED: ("🟠", "Check silenced"),
    Kind.OPENS: ("🟠", "Opens up"),
    Kind.GRANTS: ("🟠", "Grants"),
    Kind.INTERRUPTION: ("🟡", "Interruption"),
    Kind.OPERATIONS: ("🔵", "Operations"),
    Kind.UNKNOWN: ("⚪", "Unknown"),
    Kind.CLOSES: ("🟢", "Closes"),
    Kind.REVOKES: ("🟢", "Revokes"),
    Kind.COST: ("💵", "Cost"),
}
# Shown without being unfolded.
OPEN = (
    *(Kind.FAILS, Kind.LOSS, Kind.SECRET, Kind.WEAKENED, Kind.SILENCED),
    *(Kind.OPENS, Kind.GRANTS),
)


def markdown(review: Review, groups: Sequence[Group]) -> str:
    """Return the review in GitHub's Markdown, with MARKER to find the comment by."""
    one, other = review.digests
    digests = f"`{one[:12]}`" if one == other else f"`{one[:12]}` → `{other[:12]}`"
    head = [
        MARKER,
        "## What this does to AWS",
        f"{code(review.before)} → {code(review.after)}, templates {digests}",
    ]
    if not review.parts and not review.notes:
        return "\n\n".join([*head, NOTHING]) + "\n"
    blocks = [*head, _summary(groups)]
    # Of each group first what is dangerous, then the rest: what doesn't fit is the harmless.
    blocks += [_dangers(group) for group in groups]
    details = [_details(group) for group in groups]
    details += [escaped(note) for note in review.notes]
    if review.untouched:
        names = ", ".join(f"`{name}`" for name in places(review.untouched, sizes(review)))
        details.append(f"Not touched: {names}")
    whole = [block for block in (*blocks, *details) if block]
    return fitting("\n\n".join(whole) + "\n", "make diff")


def _summary(groups: Sequence[Group]) -> str:
    rows = [
        f"| {escaped(group.name)} | {' | '.join(_cells(group.first))} |" for group in groups
    ]
    return "\n".join(
        [
            "| Where | Added | Changed | Replaced | Removed | Most dangerous |",
            "| --- | --: | --: | --: | --: | --- |",
            *rows,
        ]
    )


def _cells(part: Part) -> list[str]:
    number = counts(part)
    perhaps = number["perhaps replaced"]
    replaced = f"{number['replaced']}" + (f" (+{perhaps} perhaps)" if perhaps else "")
    worst = part.findings[0].kind if part.findings else None
    words = f"{HEADINGS[worst][0]} {HEADINGS[worst][1].lower()}" if worst else "nothing"
    plain = (number["added"], number["changed"], replaced, number["removed"], words)
    return [str(cell) for cell in plain]


def _dangers(group: Group) -> str:
    lines = list(_told(group, OPEN))
    return "\n".join([f"### {escaped(group.name)}", "", *lines]) if lines else ""


def _details(group: Group) -> str:
    parts = ["\n".join(_told(group, tuple(kind for kind in ORDER if kind not in OPEN)))]
    if group.first.new:
        kinds = group.types()
        parts += [f"New: {', '.join(f'{count} {kind}' for kind, count in kinds.items())}"]
    elif group.first.changes:
        parts += ["\n".join(_changes(group))]
    inside = "\n\n".join(part for part in parts if part)
    return _folded(title(group), inside)


def _told(group: Group, kinds: Sequence[Kind]) -> Iterator[str]:
    for kind in kinds:
        mark, words = HEADINGS[kind]
        sources = {finding.text: finding for finding in group.first.findings}
        texts = list(group.told(kind))
        if texts:
            yield f"**{mark} {words}**"
            yield ""
            for text in texts:
                yield f"- {escaped(text)}{_source(sources.get(text))}"
            yield ""


def _source(finding: Finding | None) -> str:
    return f" ([AWS]({finding.source}))" if finding and finding.source else ""


def _changes(group: Group) -> Iterator[str]:
    yield "```diff"
    for change in group.first.changes:
        # What is changed is coloured by what that does to it.
        gone = change.action is Action.REMOVE or change.replaced
        mark = "-" if gone else "!" if change.action is Action.CHANGE else MARKS[change.action]
        yield _plain(f"{mark} {headline(change)}")
        for changed in change.properties:
            yield _plain(f"      {property_line(group, change, changed)}")
        for changed in change.policies:
            yield _plain(f"      {changed.name}: {group.values(change, changed)}")
    yield "```"


def _folded(summary: str, inside: str) -> str:
    return f"<details><summary>{_html(summary)}</summary>\n\n{inside}\n\n</details>"


def _plain(text: str) -> str:
    """Return a line for a code block, which only its own fence could end."""
    return text.replace("```", "`\u200b``")


def _html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
