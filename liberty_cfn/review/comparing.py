"""What differs between two values: nested paths, and lists by the identity of what is in them.

A path is a tuple of steps: names of properties, and in brackets which one of a list:
("ContainerDefinitions", "[web]", "Image").
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from liberty_cfn.model.referring import IDENTITIES, is_call

Steps = tuple[str, ...]
Unordered = Callable[[Steps], bool]
# In a statement of a policy, one item and a list of one are the same, in any order.
# One statement of a policy may stand there without a list.
STATEMENTS = "Statement"
SETS = ("Action", "NotAction", "Resource", "NotResource", "AWS", "Service", "Federated")


@dataclass(frozen=True)
class Difference:
    """Where two values differ. None stands for nothing there."""

    path: Steps
    before: Any
    after: Any


def differences(
    before: Any, after: Any, unordered: Unordered = lambda _: False, path: Steps = ()
) -> Iterator[Difference]:
    """Yield where two values differ, as deep as both have the same shape."""
    if equal(before, after):
        return
    one, other = opened(before), opened(after)
    if _plain_mapping(one) and _plain_mapping(other):
        statement = "Effect" in one and "Effect" in other
        for key in {**one, **other}:
            named = statement and key in SETS
            was, now = (_as_list(key, side.get(key), named=named) for side in (one, other))
            if not (named and _as_set(was) == _as_set(now)):
                yield from differences(was, now, unordered, (*path, str(key)))
    elif isinstance(one, list) and isinstance(other, list):
        yield from _of_lists(one, other, unordered, path)
    else:
        yield Difference(path, before, after)


def equal(before: Any, after: Any) -> bool:
    """Whether two values are the same to CloudFormation: 80 and "80", true and "true"."""
    return bool(before == after or canonical(before) == canonical(after))


def canonical(value: Any) -> Any:
    """Return a value in the one form of all that mean the same."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list):
        return [canonical(item) for item in value]
    if isinstance(value, dict):
        statement = "Effect" in value
        return {
            key: _as_set(item)
            if (statement and key in SETS) or key in ("AWS", "Service")
            else canonical(_as_list(key, item))
            for key, item in value.items()
        }
    return value


def _as_list(key: str, value: Any, *, named: bool = False) -> Any:
    """Return as a list what in a policy may stand there without one."""
    alone = isinstance(value, str) if named else key == STATEMENTS and isinstance(value, dict)
    return [value] if alone else value


def _as_set(value: Any) -> Any:
    items = value if isinstance(value, list) else [value]
    return sorted(_text(canonical(item)) for item in items)


def at(value: Any, steps: Steps) -> Any:
    """Return what is at a path, or everything there in lists on the way; None for nothing."""
    for number, step in enumerate(steps):
        if isinstance(value, list):
            return [at(item, steps[number:]) for item in value] or None
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def _plain_mapping(value: Any) -> bool:
    return isinstance(value, dict) and not is_call(value)


def opened(value: Any) -> Any:
    """Return a text that is JSON, such as a dashboard's body, as what it says."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _of_lists(
    before: list[Any], after: list[Any], unordered: Unordered, path: Steps
) -> Iterator[Difference]:
    identity = next((key for key in IDENTITIES if _tells(key, before, after)), None)
    if identity is not None:
        ones = {_text(item[identity]): item for item in before}
        others = {_text(item[identity]): item for item in after}
        for name in {**ones, **others}:
            yield from differences(
                ones.get(name), others.get(name), unordered, (*path, f"[{name}]")
            )
        kept = [name for name in ones if name in others]
        moved = kept != [name for name in others if name in ones]
        if moved and path and not unordered(path) and path[-1] not in UNORDERED:
            yield Difference((*path, "[order]"), list(ones), list(others))
        return
    left, right = _without_equals(before, after)
    if not left and not right:
        if not unordered(path) and not (path and path[-1] in UNORDERED):
            yield Difference(path, before, after)
        return
    if not all(isinstance(item, dict) for item in [*left, *right]):
        yield Difference(path, before, after)
        return
    for number in range(max(len(left), len(right))):
        one = left[number] if number < len(left) else None
        other = right[number] if number < len(right) else None
        places = [before.index(one)] if one is not None else []
        places += [after.index(other)] if other is not None else []
        place = min(places)
        yield from differences(one, other, unordered, (*path, f"[{place}]"))


UNORDERED = ("Tags", "Environment", "Secrets", "Statement", "Dimensions")


def _tells(key: str, before: list[Any], after: list[Any]) -> bool:
    """Whether `key` tells apart all members of both lists."""
    for items in (before, after):
        found = [item.get(key) for item in items if isinstance(item, dict)]
        if len(found) != len(items) or None in found:
            return False
        if len({_text(name) for name in found}) != len(found):
            return False
    return True


def _without_equals(before: list[Any], after: list[Any]) -> tuple[list[Any], list[Any]]:
    """Return what is left of two lists without what both have."""
    forms = [_text(canonical(item)) for item in after]
    left = []
    gone: set[int] = set()
    for item in before:
        form = _text(canonical(item))
        place = next((n for n, f in enumerate(forms) if f == form and n not in gone), None)
        if place is None:
            left.append(item)
        else:
            gone.add(place)
    return left, [item for n, item in enumerate(after) if n not in gone]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)


def shown(path: Steps) -> str:
    """Return a path in words: ContainerDefinitions[web].Image."""
    return "".join(
        step if step.startswith("[") or number == 0 else f".{step}"
        for number, step in enumerate(path)
    )


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a value if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def number(value: Any) -> float | None:
    """Return a value as a number, also one that stands there as text; None for no number."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
