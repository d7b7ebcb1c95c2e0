"""Our templates broken in ways that AWS refuses or that hurt: which checker finds each.

`make bench ARGS=--broken` breaks them, as broken.yaml says, and prints the share that is found.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from mutants import Checkers, Mutant, say

from liberty_cfn.environments import load, names
from liberty_cfn.model.parsing import parse
from liberty_cfn.proofs.proving import ours
from liberty_cfn.repository import TEMPLATES

EDITS = Path(__file__).with_name("broken.yaml")


@dataclass(frozen=True)
class Edit:
    """One way to break a template: in `file`, the first `old` becomes `new`."""

    kind: str
    file: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.file}: {self.old!r} -> {self.new!r}"

    def broken(self, text: str) -> str:
        """Return the template's text, broken.

        Raises:
            ValueError: the edit no longer fits the template.
        """
        if self.old not in text:
            raise ValueError(f"{EDITS.name} no longer fits: {self}")
        return text.replace(self.old, self.new, 1)


def edits() -> Iterator[Edit]:
    written = yaml.load(EDITS.read_text(encoding="utf-8"), yaml.CSafeLoader)
    for kind, several in written.items():
        for one in several:
            yield Edit(kind, **one)


def main() -> None:
    """Break the templates, and print how much of it is found, by whom, and what isn't."""
    design = ours()
    found: Counter[str] = Counter()
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        checkers = Checkers(design, Path(folder), [load(name) for name in names()])
        for edit in edits():
            text = edit.broken((TEMPLATES / edit.file).read_text(encoding="utf-8"))
            mutant = Mutant("edit", edit.file, (), parse(text, edit.file).body)
            found[by := checkers.find(mutant) or "nobody"] += 1
            if by == "nobody":
                missed.append(edit)
    print(f"{sum(found.values())} broken templates")
    say(found, "found", missed)
