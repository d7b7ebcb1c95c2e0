"""Which resources of a template wait for each other, so that none can be the first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from liberty_cfn.review.spelling import listed, referred

Waits = Mapping[str, set[str]]


def waits(resources: Mapping[str, Any]) -> Waits:
    """Return which resources each one names in its properties, or in DependsOn."""
    return {
        title: {
            *referred(body.get("Properties")),
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
