"""Environments in which the same happens, told once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from liberty_cfn.review.changes import Change, PropertyChange
from liberty_cfn.review.findings import ORDER, Kind
from liberty_cfn.review.reviewing import Part, Review
from liberty_cfn.review.words import difference

FEW = 4  # environments whose values are told one by one
MANY = 12  # whose names are
PLACE = re.compile(r"(\S+) (?:\d{12}|ou-\S+|r-\S+)/\S+")


@dataclass(frozen=True)
class Group:
    """Parts of one set with the same changes and findings, but for values.

    `whole` says how many places each stack set has in all.
    """

    parts: tuple[Part, ...]
    whole: Mapping[str, int]

    @property
    def first(self) -> Part:
        return self.parts[0]

    @property
    def name(self) -> str:
        """The environments, or the set's root where it has none."""
        named = list(places((part.environment for part in self.parts), self.whole))
        shown = ", ".join(named[:MANY])
        more = f" and {len(named) - MANY} more" if len(named) > MANY else ""
        return f"{shown}{more}" or self.first.set

    def types(self) -> Counter[str]:
        """Return how many resources of each type there are."""
        return Counter(change.type for change in self.first.changes)

    def named(self, title: str) -> str:
        """Return where a resource stands: Network/Vpc."""
        return self._names.get(title, title)

    def told(self, kind: Kind) -> Iterator[str]:
        """Yield what is found of a kind; by environment where that differs."""
        rows = [[f.text for f in part.findings if f.kind is kind] for part in self.parts]
        for texts in zip(*rows, strict=True):
            if len(set(texts)) <= 2:  # noqa: PLR2004 - one more example than is needed
                yield from self._by_value(list(texts), ": ")
            else:
                alike = len(texts) - 1
                yield f"{self.first.environment}: {texts[0]} (alike in {alike} more)"

    def values(self, change: Change, changed: PropertyChange) -> str:
        """Return a property before and after; by environment where that differs."""
        number = self._place(change, changed)
        shown = [self._shown(part, number) for part in self.parts]
        return "; ".join(self._by_value(shown, ": "))

    @cached_property
    def _names(self) -> dict[str, str]:
        return {change.id: change.name for change in self.first.changes}

    def _place(self, change: Change, changed: PropertyChange) -> tuple[int, str, int]:
        row = next(n for n, c in enumerate(self.first.changes) if c is change)
        for kind, found in (("properties", change.properties), ("policies", change.policies)):
            for number, one in enumerate(found):
                if one is changed:
                    return row, kind, number
        raise LookupError(changed.name)

    def _shown(self, part: Part, place: tuple[int, str, int]) -> str:
        row, kind, number = place
        changed: PropertyChange = getattr(part.changes[row], kind)[number]
        return difference(changed.before, changed.after)

    def _by_value(self, texts: Sequence[str], between: str) -> list[str]:
        """Return a text once, or with the environments that each one is of."""
        if len(set(texts)) == 1:
            return [texts[0]]
        holders: dict[str, list[str]] = {}
        for part, text in zip(self.parts, texts, strict=True):
            holders.setdefault(text, []).append(part.environment)
        told = [
            f"{_few(names, self.whole)}{between}{text}"
            for text, names in list(holders.items())[:FEW]
        ]
        more = len(holders) - FEW
        return [*told, f"(another value in each of {more} more)"] if more > 0 else told


def fold(review: Review) -> list[Group]:
    """Return the parts of a review in groups, the most dangerous first."""
    groups: dict[Any, list[Part]] = {}
    for part in review.parts:
        groups.setdefault(_shape(part), []).append(part)
    whole = sizes(review)
    return sorted((Group(tuple(found), whole) for found in groups.values()), key=_danger)


def sizes(review: Review) -> Mapping[str, int]:
    """Return how many places each environment has in all, touched or not."""
    names = dict.fromkeys([*(part.environment for part in review.parts), *review.untouched])
    return Counter(_environment(name) for name in names)


def _danger(group: Group) -> tuple[int, bool]:
    """Return where a group comes: by the worst in it; environments before what has none."""
    worst = [ORDER.index(finding.kind) for finding in group.first.findings]
    return min(worst, default=len(ORDER)), not group.first.environment


def places(names: Iterable[str], whole: Mapping[str, int]) -> Iterator[str]:
    """Yield environments' names; all places of a stack set, or many, as their number."""
    found: dict[str, list[str]] = {}
    for name in filter(None, names):
        found.setdefault(_environment(name), []).append(name)
    for name, some in found.items():
        every = whole.get(name, len(some))
        if 1 < len(some) == every:
            yield f"{name} ({every} places)"
        elif len(some) <= FEW:
            yield from some
        else:
            yield f"{name} ({len(some)} of {every} places)"


def _environment(name: str) -> str:
    """Return whose place it is: global 111111111111/eu-west-1 is one of global's."""
    found = PLACE.fullmatch(name)
    return found[1] if found else name


def _few(names: Sequence[str], whole: Mapping[str, int]) -> str:
    named = list(places(names, whole))
    shown = ", ".join(named[:FEW])
    return shown if len(named) <= FEW else f"{shown} and {len(named) - FEW} more"


def _shape(part: Part) -> Any:
    """Return what happens, without the values."""
    return (
        part.set,
        part.new,
        tuple(
            (
                change.id,
                change.type,
                change.action,
                change.moved,
                tuple((c.path, c.verdict, c.because) for c in change.properties),
                tuple(c.path for c in change.policies),
            )
            for change in part.changes
        ),
        tuple((finding.kind, finding.id) for finding in part.findings),
    )
