"""The text of Fn::Sub, taken apart, and put together again.

A text is a list of pieces: what stands there literally, as str, and what CloudFormation
works out, as expressions such as {"Ref": "Vpc"}.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-sub.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

# A value that CloudFormation fetches when it deploys, and one that is no secret:
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
DYNAMIC = "{{resolve:"
FETCHED = re.compile(r"\{\{resolve:ssm:[^{}]+\}\}")
FROM_SSM = "AWS::SSM::Parameter::Value<"
VARIABLE = re.compile(r"\$\{(!?)([^${}]*)\}")


def pieces(argument: Any) -> list[Any]:
    """Return the pieces of the text that Fn::Sub makes of its argument."""
    if isinstance(argument, str):
        return list(_of_text(argument))
    text = argument
    variables: Any = {}
    if isinstance(argument, list):
        text = argument[0] if argument else ""
        variables = argument[1] if len(argument) > 1 else {}
    if not isinstance(text, str):
        return [text]
    return list(merged(_pieces(text, variables if isinstance(variables, dict) else {})))


@lru_cache(maxsize=1024)
def _of_text(text: str) -> tuple[Any, ...]:
    """Return the pieces of a text without variables of its own, taken apart once."""
    return tuple(merged(_pieces(text, {})))


def merged(found: Iterable[Any]) -> Iterator[Any]:
    """Yield pieces, those that are literal and stand side by side as one."""
    before = ""
    for piece in found:
        if isinstance(piece, str):
            before += piece
        else:
            if before:
                yield before
            before = ""
            yield piece
    if before:
        yield before


def expression(found: list[Any]) -> Any:
    """Return what makes a text of pieces: itself, one expression, or a Sub."""
    found = list(merged(found))
    if not found:
        return ""
    if len(found) == 1:
        return found[0]
    text = ""
    variables: dict[str, Any] = {}
    for piece in found:
        if isinstance(piece, str):
            text += piece.replace("${", "${!")
        elif (name := _named(piece)) is not None:
            text += f"${{{name}}}"
        else:
            name = f"Value{len(variables) + 1}"
            variables[name] = piece
            text += f"${{{name}}}"
    return {"Fn::Sub": [text, variables] if variables else text}


def from_ssm(found: list[Any]) -> Any:
    """Return the value of an SSM parameter, by the pieces of its name: a dynamic reference."""
    return expression([f"{DYNAMIC}ssm:", *found, "}}"])


def fetched(text: str) -> Any:
    """Return a text with the value of an SSM parameter in it as what only AWS knows."""
    return {"Fn::Sub": text} if FETCHED.search(text) else text


def _pieces(text: str, variables: Mapping[str, Any]) -> Iterator[Any]:
    end = 0
    for found in VARIABLE.finditer(text):
        yield text[end : found.start()]
        end = found.end()
        literal, name = found[1], found[2].strip()
        if literal:
            yield f"${{{found[2]}}}"
        elif name in variables:
            yield variables[name]
        elif "." in name:
            resource, _, attribute = name.partition(".")
            yield {"Fn::GetAtt": [resource, attribute]}
        else:
            yield {"Ref": name}
    yield text[end:]


def _named(piece: Any) -> str | None:
    """Return how a Sub names a piece in its text, if it can."""
    if not isinstance(piece, dict) or len(piece) != 1:
        return None
    match piece:
        case {"Ref": str(name)}:
            return name
        case {"Fn::GetAtt": [*steps]} if all(isinstance(step, str) for step in steps):
            return ".".join(steps)
    return None
