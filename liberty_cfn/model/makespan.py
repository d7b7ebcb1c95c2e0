"""How long making everything takes at least: the longest way through what waits for what.

A resource waits for those it mentions, and a nested stack for the whole of each stack whose
outputs it is given. So the same resources may take longer nested than in one template.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from liberty_cfn.model.flattening import flatten
from liberty_cfn.model.loading import NESTED, TemplateSet
from liberty_cfn.model.resolving import resolve
from liberty_cfn.model.times import to_make

NOTHING = timedelta(0)
Path = tuple[str, ...]


@dataclass(frozen=True)
class Makespan:
    """The longest way to the last resource: when each on it is done, the first one first."""

    took: timedelta
    way: tuple[tuple[str, timedelta], ...]


def nested(design: TemplateSet, settings: Mapping[str, str], region: str) -> Makespan:
    """Return how long the design takes as nested stacks."""
    return _longest(design, settings, region, stacks=True)


def flat(design: TemplateSet, settings: Mapping[str, str], region: str) -> Makespan:
    """Return how long the same resources take in one template."""
    return _longest(design, settings, region, stacks=False)


def _longest(
    design: TemplateSet, settings: Mapping[str, str], region: str, *, stacks: bool
) -> Makespan:
    one = flatten(design)
    made = resolve(one, settings, region=region).resources
    bodies = {name: one.template["Resources"][name] for name in made}
    waits = {name: set(_mentioned(body)) & bodies.keys() for name, body in bodies.items()}
    paths = {name: one.origins[name].path for name in made}
    if stacks:
        behind = dict(_stacks(design, design.root, ()))
        within: dict[Path, set[str]] = {}
        for name, path in paths.items():
            for depth in range(len(path) + 1):
                within.setdefault(path[:depth], set()).add(name)
        for name, path in paths.items():
            waits[name] = {other for other in waits[name] if paths[other] == path}
            for depth in range(1, len(path) + 1):
                for other in behind[path[:depth]]:
                    waits[name] |= within.get(other, set())

    @cache
    def done(name: str) -> tuple[timedelta, str]:
        """Return when a resource is made, and which one it waited for."""
        last, after = max(
            ((done(other)[0], other) for other in waits[name]), default=(NOTHING, "")
        )
        return last + to_make(str(bodies[name]["Type"])), after

    name = max(bodies, key=lambda name: (done(name)[0], name))
    took, way = done(name)[0], []
    while name:
        way.append((str(one.origins[name]), done(name)[0]))
        name = done(name)[1]
    return Makespan(took, tuple(reversed(way)))


def _stacks(design: TemplateSet, file: str, path: Path) -> Iterator[tuple[Path, set[Path]]]:
    """Yield each nested stack's path, and those of the stacks beside it that it waits for."""
    beside = design.templates[file].section("Resources")
    for title, body in beside.items():
        if body.get("Type") != NESTED or (child := design.child(file, body)) is None:
            continue
        others = {other for other in _mentioned(body) if other in beside}
        yield (*path, title), {(*path, other) for other in others}
        yield from _stacks(design, child, (*path, title))


def _mentioned(value: Any) -> Iterator[str]:
    """Yield every logical id that an expression, or a resource, names."""
    if isinstance(value, list):
        for item in value:
            yield from _mentioned(item)
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        if key == "Ref" and isinstance(item, str):
            yield item
        elif key == "Fn::GetAtt" and isinstance(item, list):
            yield str(item[0])
        elif key == "DependsOn":
            yield from [item] if isinstance(item, str) else item
        else:
            yield from _mentioned(item)
