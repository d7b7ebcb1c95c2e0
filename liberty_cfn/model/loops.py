"""Fn::ForEach written out: what a loop over known names makes.

A loop over names that only a parameter or a mapping says stays as it is.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-foreach.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

LANGUAGE = "AWS::LanguageExtensions"
LOOP = "Fn::ForEach::"
SIGN = re.compile(r"[^A-Za-z0-9]")


def written_out(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a template's body with every loop replaced by what it makes."""
    transforms = body.get("Transform")
    if LANGUAGE in (transforms if isinstance(transforms, list) else [transforms]):
        made: dict[str, Any] = _written_out(body)
        return made
    return dict(body)


def _written_out(value: Any) -> Any:
    if isinstance(value, list):
        return [_written_out(item) for item in value]
    if not isinstance(value, dict):
        return value
    made: dict[str, Any] = {}
    for key, item in value.items():
        if key.startswith(LOOP) and _is_known(item):
            name, texts, fragment = item
            for text in map(str, texts):
                # Loops within it may go over what it fills in.
                made |= _written_out(_filled(fragment, name, text))
        else:
            made[key] = _written_out(item)
    return made


def _is_known(loop: Any) -> bool:
    match loop:
        case [str(), [*texts], dict()]:
            return all(isinstance(text, str | int) for text in texts)
    return False


def _filled(value: Any, name: str, text: str) -> Any:
    """Return a fragment with what a loop's name stands for this time."""
    if isinstance(value, str):
        return value.replace(f"${{{name}}}", text).replace(f"&{{{name}}}", SIGN.sub("", text))
    if isinstance(value, list):
        return [_filled(item, name, text) for item in value]
    if not isinstance(value, dict):
        return value
    if value == {"Ref": name}:
        return text
    return {_filled(k, name, text): _filled(item, name, text) for k, item in value.items()}
