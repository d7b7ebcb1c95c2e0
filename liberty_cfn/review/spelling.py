"""An expression as text, and what it refers to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from liberty_cfn.model.subs import pieces


def spelled(value: Any) -> str:
    """Return a value as text: what only AWS knows as ${Vpc} or ${Vpc.CidrBlock}."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and len(value) == 1:
        match value:
            case {"Ref": name}:
                return f"${{{name}}}"
            case {"Fn::GetAtt": [*steps]}:
                return f"${{{'.'.join(map(spelled, steps))}}}"
            case {"Fn::Join": ["", [*parts]]}:
                return "".join(map(spelled, parts))
            case {"Fn::Sub": str(text)}:
                return text
    return json.dumps(value, sort_keys=True)


def named(value: Any) -> str:
    """Return the flat id that a Ref or an attribute is of, else the value as text."""
    return next(referred(value), "") or spelled(value)


def referred(value: Any) -> Iterator[str]:
    """Yield what a value refers to: flat ids, and the names of pseudo parameters."""
    if isinstance(value, list):
        for item in value:
            yield from referred(item)
    elif isinstance(value, dict):
        for function, argument in value.items():
            match function, argument:
                case "Ref", str(name):
                    yield name
                case "Fn::GetAtt", [str(name), *_]:
                    yield name
                case "Fn::Sub", _:
                    yield from referred([p for p in pieces(argument) if not isinstance(p, str)])
                case _:
                    yield from referred(argument)


def listed(value: Any) -> list[Any]:
    """Return a value that may be written as one or as a list of them as a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
