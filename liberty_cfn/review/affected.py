"""Which resources a change can touch at all, and who refers to whom: without any values.

A resource none of whose words and none of whose parameters change is the same in every
environment, and needn't be worked out in any.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from liberty_cfn.model import subs
from liberty_cfn.model.flattening import Flat

Index = Mapping[str, frozenset[str]]
NAMED = ("Conditions", "Mappings", "Parameters")


@dataclass(frozen=True)
class Affected:
    """What two flat versions of a set have different, and what hangs on each name.

    `always` are the resources that differ themselves, or by a parameter's declaration, a
    condition or a mapping. `by_name` has the resources that a parameter plays into,
    `users` those that refer to a resource. `after` is the later version itself.
    """

    always: frozenset[str]
    by_name: Index
    users: Index
    everything: frozenset[str] = field(repr=False)
    after: Flat | None = field(default=None, repr=False)

    def titles(self, names: Iterable[str]) -> frozenset[str]:
        """Return the resources that may change when these parameters' values do."""
        return self.always | self.reached(names)

    def reached(self, names: Iterable[str]) -> frozenset[str]:
        """Return the resources that these parameters play into, in either version."""
        return frozenset().union(*(self.by_name.get(name, frozenset()) for name in names))


def affected(before: Flat | None, after: Flat | None) -> Affected:
    """Return what differs between two flat versions; None for a set that isn't there."""
    olds, news = _resources(before), _resources(after)
    everything = frozenset(olds.keys() | news.keys())
    always = {title for title in everything if olds.get(title) != news.get(title)}
    always |= {
        title
        for title in olds.keys() & news.keys()
        if before and after and before.origins[title] != after.origins[title]
    }
    one, other = _by_name(before), _by_name(after)
    by_name = {
        name: one.get(name, frozenset()) | other.get(name, frozenset())
        for name in one.keys() | other.keys()
    }
    for name in _changed(before, after):
        always |= by_name.get(name, frozenset())
    return Affected(frozenset(always), by_name, _users(news), everything, after)


def _resources(flat: Flat | None) -> Mapping[str, Any]:
    found = flat.template.get("Resources", {}) if flat else {}
    return found if isinstance(found, dict) else {}


def _changed(before: Flat | None, after: Flat | None) -> Iterator[str]:
    """Yield the names of parameters, conditions and mappings that are declared otherwise."""
    for section in NAMED:
        olds, news = (
            flat.template.get(section, {}) if flat else {} for flat in (before, after)
        )
        for name in {**olds, **news}:
            if olds.get(name) != news.get(name):
                yield name


def _by_name(flat: Flat | None) -> dict[str, frozenset[str]]:
    """Return the resources that each parameter, condition and mapping plays into."""
    if flat is None:
        return {}
    conditions = flat.template.get("Conditions", {})
    direct = {name: frozenset(names(body)) for name, body in conditions.items()}
    found: dict[str, set[str]] = {}
    for title, body in _resources(flat).items():
        reached: set[str] = set()
        waiting = [*names(body), body.get("Condition")]
        while waiting:
            name = waiting.pop()
            if isinstance(name, str) and name not in reached:
                reached.add(name)
                waiting += direct.get(name, ())
        for name in reached:
            found.setdefault(name, set()).add(title)
    return {name: frozenset(titles) for name, titles in found.items()}


def _users(resources: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for title, body in resources.items():
        for name in names(body.get("Properties")):
            if name in resources:
                found.setdefault(name, set()).add(title)
    return {name: frozenset(titles) for name, titles in found.items()}


def names(value: Any) -> Iterator[str]:
    """Yield every name in an expression: of parameters, resources, conditions, mappings."""
    if isinstance(value, list):
        for item in value:
            yield from names(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in ("Ref", "Condition") and isinstance(item, str):
                yield item
            elif key == "Fn::Sub":
                yield from _in_text(item)
            elif key in ("Fn::GetAtt", "Fn::If", "Fn::FindInMap") and isinstance(item, list):
                yield from (one for one in item[:1] if isinstance(one, str))
                yield from names(item)
            else:
                yield from names(item)


def _in_text(argument: Any) -> Iterator[str]:
    for piece in subs.pieces(argument):
        if isinstance(piece, dict):
            yield from names(piece)


def in_names_only(flat: Flat) -> frozenset[str]:
    """Return the parameters that are only ever a part of texts: a suffix of names."""
    declared = flat.template.get("Parameters", {})
    decided = {
        name for body in flat.template.get("Conditions", {}).values() for name in names(body)
    }
    whole = {
        name
        for body in _resources(flat).values()
        for name in _whole(body.get("Properties"), inside=False)
    }
    return frozenset(declared.keys() - decided - whole)


def _whole(value: Any, *, inside: bool) -> Iterator[str]:
    """Yield the names that stand for a whole value, not for a part of a text."""
    if isinstance(value, list):
        for item in value:
            yield from _whole(item, inside=inside)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "Ref" and isinstance(item, str) and not inside:
                yield item
            elif key not in ("Fn::Sub", "Ref"):
                yield from _whole(item, inside=inside or key == "Fn::Join")
