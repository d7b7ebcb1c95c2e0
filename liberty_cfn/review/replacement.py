"""Whether changing a property makes a resource anew: certain, conditional, none, unknown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from liberty_cfn.review.comparing import Steps, at, equal
from liberty_cfn.review.documented import (
    BACKUPS,
    BY_VALUE,
    INTERRUPTIONS,
    ONLY_INTERRUPTED,
    REPLACEMENTS,
    Documented,
    Interruption,
    Replacement,
    page,
)
from liberty_cfn.review.schemas import Schema, schema

CUSTOM = ("Custom::", "AWS::CloudFormation::CustomResource")


@dataclass(frozen=True)
class Verdict:
    """What changing a property does to its resource, why, and who says so.

    `refused` where AWS rejects the update rather than replace. `only_interrupted` where
    CloudFormation says conditional and the service itself never replaces.
    """

    replacement: Replacement
    why: str = ""
    source: str = ""
    refused: bool = False
    only_interrupted: bool = False
    interruption: Interruption | None = None


def verdict(resource_type: str, path: Steps, before: Any = None, after: Any = None) -> Verdict:
    """Return what becomes of a resource whose property at `path` changes.

    `path` is such as ("ContainerDefinitions", "[web]", "Image"); steps in brackets are
    places in lists. `before` and `after` are its values, None where there is none: a path
    may be above the ones that matter.
    """
    steps = names(path)
    stops = _interruption(resource_type, steps, before, after)
    if entry := _documented(resource_type, steps, before, after):
        key = (resource_type, *steps[:1])
        in_place = any(entry is by_value.then for by_value in BY_VALUE.values())
        only = key in ONLY_INTERRUPTED or in_place
        return Verdict(
            entry.replacement, entry.why, entry.source, entry.refused, only, interruption=stops
        )
    if resource_type.startswith(CUSTOM):
        return Verdict(Replacement.UNKNOWN, "its own handler decides", interruption=stops)
    known = schema(resource_type)
    if known is None:
        why = f"CloudFormation publishes no schema of {resource_type}"
        return Verdict(Replacement.UNKNOWN, why)
    if not known.knows(steps):
        return Verdict(Replacement.UNKNOWN, f"{steps[0]} is in no schema of {resource_type}")
    found, why = _by_schema(known, steps, before, after)
    source = page(resource_type, steps[0]) if found is not Replacement.NONE else ""
    return Verdict(found, why, source, interruption=stops)


def names(path: Steps) -> Steps:
    """Return a path without the places in lists."""
    return tuple(step for step in path if not step.startswith("["))


def _by_schema(known: Schema, steps: Steps, before: Any, after: Any) -> tuple[Replacement, str]:
    if _touches(known.create_only, steps, before, after):
        return Replacement.CERTAIN, "createOnlyProperties of its schema"
    if _touches(known.conditional, steps, before, after):
        return Replacement.CONDITIONAL, "conditionalCreateOnlyProperties of its schema"
    if known.fixed_tags and steps[: len(known.fixed_tags)] == known.fixed_tags:
        return Replacement.CONDITIONAL, "its schema says that tags can't be updated"
    return Replacement.NONE, ""


def _touches(pointers: frozenset[Steps], steps: Steps, before: Any, after: Any) -> bool:
    """Whether a change at `steps` is one of what the pointers name."""
    for pointer in pointers:
        if steps[: len(pointer)] == pointer:
            return True
        if pointer[: len(steps)] == steps:
            below = pointer[len(steps) :]
            if not equal(at(before, below), at(after, below)):
                return True
    return False


def _documented(resource_type: str, steps: Steps, before: Any, after: Any) -> Documented | None:
    """Return the most specific entry of the reviewed table, the path's own or one above."""
    if by_value := BY_VALUE.get((resource_type, ".".join(steps))):
        both = tuple(by_value.usual if value is None else value for value in (before, after))
        return by_value.then if both == by_value.in_place else by_value.otherwise
    for length in range(len(steps), 0, -1):
        if entry := REPLACEMENTS.get((resource_type, *steps[:length])):
            return entry
    return None


def _interruption(
    resource_type: str, steps: Steps, before: Any, after: Any
) -> Interruption | None:
    if (resource_type, *steps) == ("AWS::RDS::DBInstance", "BackupRetentionPeriod"):
        ends = "0" in (str(before), str(after))
        return BACKUPS if ends else None
    return INTERRUPTIONS.get((resource_type, steps[0])) if steps else None
