"""One thing that doesn't fit, and what each value of params/ may be."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

from liberty_cfn.documents import limits_in_words
from liberty_cfn.settings import Declaration
from liberty_cfn.values import Flag, Number, Value, Values

LONGEST_VALUE = 4096  # bytes, CloudFormation's limit for a parameter's value


@dataclass(frozen=True)
class Misfit:
    """Something that doesn't fit: where, and what was expected. Line 0 is nowhere."""

    line: int
    key: str
    why: str

    def __str__(self) -> str:
        return (
            f"  line {self.line}: {self.key}: {self.why}"
            if self.line
            else f"  {self.key}: {self.why}"
        )

    def as_json(self) -> dict[str, Any]:
        return {"line": self.line or None, "setting": self.key, "reason": self.why}


def as_text(node: yaml.Node, declaration: Declaration) -> str:
    """Return a setting's value as text.

    Raises:
        ValueError: it is of the wrong type or out of its limits; says which were expected.
    """
    expected = f"expected {limits_in_words(declaration)}"
    several = issubclass(declaration.kind, Values)
    if several and isinstance(node, yaml.SequenceNode):
        items = [scalar(item, expected) for item in node.value]
    else:
        text = scalar(node, expected)
        items = text.split(",") if several else [text]
    items = [_canonical(item, declaration.kind) for item in items]
    for item in items:
        if not _fits(item, declaration.limits):
            raise ValueError(f"{item!r} given, {expected}")
    text = ",".join(items)
    if len(text.encode()) > LONGEST_VALUE:
        raise ValueError(f"{len(text.encode())} bytes given, expected at most {LONGEST_VALUE}")
    if several and not items:
        raise ValueError(f"nothing given, {expected}")
    return text


def _canonical(text: str, kind: type[Value]) -> str:
    """Return a value as AWS spells it: 020 as 20, True as true."""
    if issubclass(kind, Number) and re.fullmatch(r"-?\d+", text):
        return str(int(text))
    return text.lower() if issubclass(kind, Flag) else text.strip()


def scalar(node: yaml.Node, expected: str) -> str:
    if node.tag.startswith("!"):
        raise ValueError(f"{node.tag} given, {expected}; functions are for templates")
    if not isinstance(node, yaml.ScalarNode):
        kind = "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"
        raise ValueError(f"{kind} given, {expected}")  # noqa: TRY004 - the caller tells misfits
    if node.tag.endswith(":null"):
        raise ValueError(f"nothing given, {expected}; '' for an empty text")
    return str(node.value)


def _fits(value: str, limits: Mapping[str, Any]) -> bool:
    if "AllowedValues" in limits:
        return value in map(str, limits["AllowedValues"])
    if "MinValue" in limits:
        whole = re.fullmatch(r"-?\d+", value) is not None
        return whole and limits["MinValue"] <= int(value) <= limits["MaxValue"]
    return re.fullmatch(limits["AllowedPattern"], value) is not None


@cache
def partition(region: str) -> str:
    """Return the part of AWS that a region is in: aws, aws-cn, ...; empty for none."""
    found = (p["id"] for p in _partitions() if region in p["regions"])
    return str(next(found, ""))


@cache
def regions() -> tuple[str, ...]:
    """Return AWS's regions, as botocore knows them. Global pseudo-regions are left out."""
    return tuple(r for p in _partitions() for r in p["regions"] if not r.endswith("-global"))


@cache
def _partitions() -> list[dict[str, Any]]:
    file = resources.files("botocore") / "data" / "partitions.json"
    found: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["partitions"]
    return found
