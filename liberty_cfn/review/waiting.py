"""Which resources of a template wait for each other, so that none can be the first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from liberty_cfn.model.subs import pieces
from liberty_cfn.review.spelling import listed

Waits = Mapping[str, set[str]]


def waits(resources: Mapping[str, Any]) -> Waits:
    """Return which resources each one names in its properties, or in DependsOn."""
    return {
        title: {
            *_named(body.get("Properties")),
            *(other for other in listed(body.get("DependsOn")) if isinstance(other, str)),
        }
        & resources.keys()
        for title, body in resources.items()
        if isinstance(body, dict)
    }


def after(title: str, waiting: Waits) -> set[str]:
    """Return all that a resource is made after."""
    found: set[str] = set()
    left = [*waiting.get(title, ())]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += waiting.get(name, ())
    return found


def circle(title: str, waiting: Waits) -> set[str]:
    """Return who waits for a resource, and is waited for by it; with itself if there is any."""
    later = after(title, waiting)
    if title not in later:
        return set()
    return {other for other in later if title in after(other, waiting)}


def _named(value: Any) -> Iterator[str]:
    """Yield what a value refers to, by Fn::Sub as well. Conditions may have the same names."""
    if isinstance(value, list):
        for item in value:
            yield from _named(item)
    elif isinstance(value, dict):
        for function, argument in value.items():
            match function, argument:
                case "Ref", str(name):
                    yield name
                case "Fn::GetAtt", [str(name), *_]:
                    yield name
                case "Fn::Sub", _:
                    yield from _named([p for p in pieces(argument) if not isinstance(p, str)])
                case _:
                    yield from _named(argument)
