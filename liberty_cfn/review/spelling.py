"""An expression as text, and what it refers to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def spelled(value: Any) -> str:
    """Return a value as text: what only AWS knows as ${Vpc} or ${Vpc.CidrBlock}."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and len(value) == 1:
        ((function, argument),) = value.items()
        if function == "Ref":
            return f"${{{argument}}}"
        if function == "Fn::GetAtt" and isinstance(argument, list):
            return f"${{{'.'.join(map(spelled, argument))}}}"
        if function == "Fn::Join" and isinstance(argument, list) and argument[0] == "":
            return "".join(map(spelled, argument[1]))
        if function == "Fn::Sub" and isinstance(argument, str):
            return argument
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
        for key, item in value.items():
            if key == "Ref" and isinstance(item, str):
                yield item
            elif key == "Fn::GetAtt" and isinstance(item, list) and isinstance(item[0], str):
                yield item[0]
            else:
                yield from referred(item)


def listed(value: Any) -> list[Any]:
    """Return a value that may be written as one or as a list of them as a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
