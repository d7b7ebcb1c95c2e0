"""What AWS takes for a property, in words and as a test; and what doesn't fit.

An expectation is given a value as CloudFormation spells it, and returns what was expected
in its place; nothing where it fits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from liberty_cfn.model.resolving import Resource
from liberty_cfn.rules.rule import Problem, each, text

Expectation = Callable[[str], str]


def whole(least: int, most: int, also: tuple[int, ...] = ()) -> Expectation:
    """Expect a whole number between two, or one of some more."""
    others = "".join(f", or {other}" for other in also)
    words = f"a whole number from {least} to {most}{others}"

    def fits(value: str) -> str:
        if not re.fullmatch(r"-?\d+(\.0+)?", value):
            return words
        number = int(float(value))
        return "" if least <= number <= most or number in also else words

    return fits


def one_of(*words: str) -> Expectation:
    """Expect one of some words, in their very case."""
    expected = f"one of {', '.join(words)}" if len(words) > 1 else words[0]
    return lambda value: "" if value in words else expected


def in_any_case(fits: Expectation) -> Expectation:
    """Expect the same, whatever of it is in capitals."""
    return lambda value: fits(value.lower())


def like(pattern: str, words: str) -> Expectation:
    """Expect all of a value to match a pattern; `words` say which values do."""
    compiled = re.compile(pattern)
    return lambda value: "" if compiled.fullmatch(value) else words


TRUTH = one_of("true", "false")


def misfits(resource: Resource, expected: Mapping[str, Expectation]) -> Iterator[Problem]:
    """Yield what of a resource's properties doesn't fit, as far as it is known here.

    Keys are the steps to a property, with dots between them; "*" is every item of a list,
    and a number the item of that index.
    """
    for dotted, fits in expected.items():
        steps = [int(step) if step.isdecimal() else step for step in dotted.split(".")]
        for path, value in each(resource.properties, *steps):
            if wanted := unfit(value, fits):
                name = next(str(step) for step in reversed(path) if isinstance(step, str))
                why = f"{name} is {text(value)!r}; expected {wanted}"
                yield Problem(resource.id, ("Properties", *path), why)


def unfit(value: Any, fits: Expectation) -> str:
    """Return what was expected in place of a value; nothing if it fits or isn't known."""
    plain = text(value)
    return "" if plain is None else fits(plain)
