"""Examples of what is wrong, made of one of what is right."""

from __future__ import annotations


def changed(example: str, *changes: tuple[str, str]) -> tuple[str, ...]:
    """Return the example with one text put for another, once for each change."""
    return tuple(example.replace(old, new, 1) for old, new in changes)
