"""Text in GitHub's Markdown: shown as it is, to nobody in particular, and not too long."""

from __future__ import annotations

import re

# GitHub refuses a comment of 65,536 characters.
# https://docs.github.com/en/rest/issues/comments
LONGEST = 64_000


def escaped(text: str) -> str:
    """Return a text that Markdown shows as it is."""
    for mark in "\\`*_{}[]<>|#~":
        text = text.replace(mark, f"\\{mark}")
    # No one is to be notified by what stands in a template.
    return text.replace("@", "@\u200b")


def code(text: str) -> str:
    """Return text as code, in which Markdown has no other meaning."""
    text = " ".join(text.splitlines())
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence, space = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{space}{text}{space}{fence}"


def cell(text: str) -> str:
    """Return text as code in a table, where a bar would end it."""
    return code(text).replace("|", "\\|")


def fitting(text: str, command: str) -> str:
    """Return as much of a text as a comment may have; `command` shows the rest.

    What was opened is closed again.
    """
    if len(text) <= LONGEST:
        return text
    ends = f"\n_More than fits here: see `{command}`._\n"
    fence, fold = "\n```\n", "\n\n</details>\n"
    text = text[: LONGEST - len(ends + fence + fold)].rpartition("\n")[0]
    opened = text.count("<details>") > text.count("</details>")
    fence, fold = fence if text.count("```") % 2 else "", fold if opened else ""
    return f"{text}\n{fence}{fold}{ends}"
