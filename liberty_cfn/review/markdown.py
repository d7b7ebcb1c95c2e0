"""A review as a pull request's comment: folded, the most dangerous first, not too long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from liberty_cfn.review.changes import Action
from liberty_cfn.review.findings import ORDER, Finding, Kind
from liberty_cfn.review.folding import Group, places, sizes
from liberty_cfn.review.reviewing import Part, Review, counts
from liberty_cfn.review.text import MARKS, NOTHING, headline, property_line, title

MARKER = "<!-- liberty-cfn diff -->"
# GitHub refuses a comment of 65,536 characters.
# https://docs.github.com/en/rest/issues/comments
LONGEST = 64_000
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
CUT = "\n_More than fits here: see `make diff`._\n"


def markdown(review: Review, groups: Sequence[Group]) -> str:
    """Return the review in GitHub's Markdown, with MARKER to find the comment by."""
    one, other = review.digests
    digests = f"`{one[:12]}`" if one == other else f"`{one[:12]}` → `{other[:12]}`"
    head = [
        MARKER,
        "## What this does to AWS",
        f"{_code(review.before)} → {_code(review.after)}, templates {digests}",
    ]
    if not review.parts and not review.notes:
        return "\n\n".join([*head, NOTHING]) + "\n"
    blocks = [*head, _summary(groups)]
    # Of each group first what is dangerous, then the rest: what doesn't fit is the harmless.
    blocks += [_dangers(group) for group in groups]
    details = [_details(group) for group in groups]
    details += [_escaped(note) for note in review.notes]
    if review.untouched:
        names = ", ".join(f"`{name}`" for name in places(review.untouched, sizes(review)))
        details.append(f"Not touched: {names}")
    return _fitting([block for block in blocks if block], details)


def _summary(groups: Sequence[Group]) -> str:
    rows = [
        f"| {_escaped(group.name)} | {' | '.join(_cells(group.first))} |" for group in groups
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
    return "\n".join([f"### {_escaped(group.name)}", "", *lines]) if lines else ""


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
                yield f"- {_escaped(text)}{_source(sources.get(text))}"
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


def _fitting(blocks: Sequence[str], details: Sequence[str]) -> str:
    """Return all of it, or as much as a comment may have; folds are closed again."""
    text = ""
    for block in [*blocks, *details]:
        room = LONGEST - len(text) - len(CUT)
        if len(block) + 2 > room:
            return text + _shortened(block, room) + CUT
        text += f"{block}\n\n"
    return text


def _shortened(block: str, room: int) -> str:
    """Return the first lines of a block, with what they opened closed."""
    ends = "\n```\n\n</details>\n"
    kept: list[str] = []
    length = len(ends)
    for line in block.split("\n"):
        length += len(line) + 1
        if length > room:
            break
        kept.append(line)
    text = "\n".join(kept)
    fence = "\n```\n" if text.count("```") % 2 else ""
    fold = "\n</details>\n" if text.count("<details>") > text.count("</details>") else ""
    return f"{text}{fence}{fold}\n"


def _escaped(text: str) -> str:
    """Return a text that Markdown shows as it is."""
    for mark in "\\`*_{}[]<>|#~":
        text = text.replace(mark, f"\\{mark}")
    # No one is to be notified by what stands in a template.
    return text.replace("@", "@\u200b")


def _plain(text: str) -> str:
    """Return a line for a code block, which only its own fence could end."""
    return text.replace("```", "`\u200b``")


def _code(text: str) -> str:
    return f"`{text.replace('`', '')}`"


def _html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
