"""What was expected and what was found, from one value up to the whole report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

# The summary of the spec: how many resources each category has.
SUMMARY = {
    "Compute": 3,
    "Storage": 3,
    "Networking": 5,
    "Registry": 1,
    "Secrets": 5,
    "IAM": 2,
    "Logging": 1,
    "DNS/SSL": 2,
    "Monitoring": 3,
}
TOTAL = sum(SUMMARY.values())
NOTHING = "nothing"


@dataclass(frozen=True)
class Fact:
    """One value that the spec states. `part` is which of a row's things it is about."""

    what: str
    expected: Any
    found: Any
    ok: bool
    part: str = ""

    def __str__(self) -> str:
        about = f"{self.part}: {self.what}" if self.part else self.what
        return f"{about}: expected {words(self.expected)}, found {words(self.found)}"


@dataclass(frozen=True)
class Row:
    """One of the 25 resources. `thing` is its name in this environment."""

    number: int
    category: str
    name: str
    thing: str
    facts: tuple[Fact, ...]

    @property
    def ok(self) -> bool:
        return _all_ok(self.facts)

    @property
    def wrong(self) -> list[Fact]:
        return [fact for fact in self.facts if not fact.ok]

    @property
    def parts(self) -> dict[str, bool]:
        """Which things the row consists of, where it names several, and whether each is ok."""
        parts: dict[str, bool] = {}
        for fact in self.facts:
            if fact.part:
                parts[fact.part] = parts.get(fact.part, True) and fact.ok
        return parts


@dataclass(frozen=True)
class Check:
    """One of the ten commands of the spec; `calls` are the boto3 calls it stands for."""

    number: int
    name: str
    commands: tuple[str, ...]
    calls: tuple[str, ...]
    facts: tuple[Fact, ...]

    @property
    def ok(self) -> bool:
        return _all_ok(self.facts)

    @property
    def wrong(self) -> list[Fact]:
        return [fact for fact in self.facts if not fact.ok]


@dataclass(frozen=True)
class Category:
    """A line of the summary: its rows, and how many the spec counts."""

    name: str
    expected: int
    rows: tuple[Row, ...]

    @property
    def found(self) -> int:
        return sum(row.ok for row in self.rows)

    @property
    def ok(self) -> bool:
        return self.found == self.expected == len(self.rows)


@dataclass(frozen=True)
class Report:
    """All of it, in the spec's order."""

    environment: str
    region: str
    account: str
    rows: tuple[Row, ...]
    checks: tuple[Check, ...]

    @property
    def categories(self) -> list[Category]:
        return [
            Category(name, count, tuple(row for row in self.rows if row.category == name))
            for name, count in SUMMARY.items()
        ]

    @property
    def found(self) -> int:
        return sum(row.ok for row in self.rows)

    @property
    def ok(self) -> bool:
        return (
            self.found == TOTAL == len(self.rows)
            and all(category.ok for category in self.categories)
            and all(check.ok for check in self.checks)
        )


def _all_ok(facts: tuple[Fact, ...]) -> bool:
    # Without facts, nothing is known: then it isn't ticked.
    return bool(facts) and all(fact.ok for fact in facts)


def equal(what: str, expected: Any, found: Any, *, part: str = "") -> Fact:
    return Fact(what, expected, found, expected == found, part)


def between(what: str, least: int, most: int, found: Any) -> Fact:
    expected = f"{least} to {most}" if least != most else least
    return Fact(what, expected, found, isinstance(found, int) and least <= found <= most)


def one_of(what: str, expected: Iterable[str], found: Any) -> Fact:
    """State that a value is one of several; the first is the usual one, and is named."""
    first, *others = expected
    return Fact(what, first, found, found in (first, *others))


def version(what: str, expected: str, found: Any) -> Fact:
    """State a version; AWS's answer includes the minor version."""
    ok = isinstance(found, str) and f"{found}.".startswith(f"{expected}.")
    return Fact(what, expected, found, ok)


def same(what: str, expected: Iterable[str], found: Iterable[str], *, part: str = "") -> Fact:
    """State a list whose order doesn't matter."""
    return equal(what, sorted(expected), sorted(found), part=part)


def exactly(
    what: str,
    expected: Iterable[str],
    found: Iterable[str],
    *,
    harmless: Iterable[str] = (),
    part: str = "",
) -> Iterator[Fact]:
    """State that exactly these are there: a fact for each, and for each extra one."""
    wanted, there = list(expected), set(found)
    for each in wanted:
        yield equal(what, each, each if each in there else None, part=part)
    for each in sorted(there.difference(wanted, harmless)):
        yield equal(what, None, each, part=part)
    if not wanted and not there:
        yield equal(what, None, None, part=part)


def words(value: Any) -> str:
    """Return a value in words: nothing, true, a list with commas."""
    if value is None or value in ("", [], ()):
        return NOTHING
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return ", ".join(map(words, value))
    return str(value)
