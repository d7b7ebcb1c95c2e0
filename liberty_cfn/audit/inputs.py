"""Each environment's design as a template that the checkers can read.

They know no other environment than a template's defaults, and stop at most functions. So
they get one template without parameters, with each value of the type that its schema says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from liberty_cfn.model.resolving import Resolved
from liberty_cfn.review.schemas import Schema, schema

AT = "@"


def write(designs: Mapping[str, Resolved], folder: Path) -> None:
    """Write a template for each environment: `folder`/<environment>.json.

    For each place of a stack set, <environment>@<account>@<region>.json.
    """
    for name, resolved in designs.items():
        resources = {
            title: {**resource.body, "Properties": typed(resource.type, resource.properties)}
            for title, resource in resolved.resources.items()
        }
        body = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}
        (folder / f"{name.replace('/', AT)}.json").write_text(
            json.dumps(body, indent=1), encoding="utf-8"
        )


def typed(resource_type: str, properties: Any) -> Any:
    """Return properties, with numbers and flags in place of the texts that parameters are."""
    known = schema(resource_type)
    return _typed(properties, known, ()) if known else properties


def _typed(value: Any, known: Schema, path: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {key: _typed(item, known, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_typed(item, known, path) for item in value]
    if isinstance(value, str) and path:
        kinds = known.kinds(path)
        if "boolean" in kinds and value in ("true", "false"):
            return value == "true"
        if kinds & {"integer", "number"} and value.lstrip("-").isdigit():
            return int(value)
    return value
