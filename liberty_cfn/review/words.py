"""Values as people read them."""

from __future__ import annotations

import json
from typing import Any

LONGEST = 110  # characters of a value
AROUND = 20  # of what is the same before a difference


def value(found: Any) -> str:
    """Return a value in words, short."""
    return _short(_text(found))


def _text(found: Any) -> str:
    if found is None:
        return "(none)"
    text = _expression(found)
    text = text if text is not None else json.dumps(_readable(found), ensure_ascii=False)
    return " ".join(text.split()) or '""'


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _apart(one: str, other: str) -> tuple[str, str]:
    """Return two long texts from shortly before where they differ."""
    if max(len(one), len(other)) <= LONGEST:
        return one, other
    pairs = enumerate(zip(one, other, strict=False))
    same = next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))
    start = max(0, same - AROUND)
    mark = "…" if start else ""
    return mark + one[start:], mark + other[start:]


def difference(before: Any, after: Any) -> str:
    """Return what differs between two values in words; of lists, what is in only one."""
    if not _plain_list(before) or not _plain_list(after):
        one, other = _apart(_text(before), _text(after))
        return f"{_short(one)} → {_short(other)}"
    gone = [item for item in before if item not in after]
    come = [item for item in after if item not in before]
    told = [
        f"{word} {', '.join(map(value, items))}"
        for word, items in (("without", gone), ("with", come))
        if items
    ]
    return "; ".join(told) or "in another order"


def _plain_list(found: Any) -> bool:
    return isinstance(found, list) and all(_expression(item) is not None for item in found)


def _readable(found: Any) -> Any:
    if isinstance(found, list):
        return [_readable(item) for item in found]
    if isinstance(found, dict):
        text = _expression(found)
        return text or {key: _readable(item) for key, item in found.items()}
    return found


def _expression(found: Any) -> str | None:
    """Return a plain value or a call of a function as people write it."""
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, str | int | float):
        return str(found)
    if not isinstance(found, dict) or len(found) != 1:
        return None
    ((function, argument),) = found.items()
    text: str | None = None
    if function == "Fn::Sub" and isinstance(argument, str):
        text = argument
    elif function == "Ref":
        text = f"${{{argument}}}"
    elif function == "Fn::GetAtt" and isinstance(argument, list):
        text = f"${{{'.'.join(map(str, argument))}}}"
    elif function == "Fn::Join" and isinstance(argument, list) and argument[:1] == [""]:
        items = argument[1] if isinstance(argument[1], list) else [argument[1]]
        text = "".join(_expression(item) or json.dumps(item) for item in items)
    return text
