"""Something wrong with templates or params/, and where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Finding:
    """Something wrong: where, by which rule, how bad, and what.

    `resource` is the logical id in that file, `python` the line that added it (file:line);
    both empty where there is none.
    """

    file: str
    line: int
    rule: str
    level: str
    message: str
    resource: str = ""
    python: str = ""
