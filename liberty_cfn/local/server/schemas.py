"""What each type of resource allows, by the schemas that cfn-lint carries.

They are read where cfn-lint is installed, in the environment that starts the server:
LIBERTY_LOCAL_SCHEMAS is the folder.
"""

import contextlib
import functools
import json
import os
from pathlib import Path
from typing import Any

from ministack.services.cloudformation import provisioners

from .asking import Properties, around


@functools.cache
def _read(*path: str) -> dict[str, Any]:
    file = Path(os.environ["LIBERTY_LOCAL_SCHEMAS"], *path)
    return json.loads(file.read_text(encoding="utf-8"))


def schema(kind: str) -> dict[str, Any]:
    """A type's schema; an empty one for a type that has none, which allows everything."""
    files = _read("providers", "us-east-1.json")
    return _read("resources", f"{files[kind]}.json") if kind in files else {}


def _recreation(_recreation: Any, kind: str, name: str) -> str:
    """Whether a property's change makes a new resource: Always, Conditionally or Never."""
    for word, way in (("Always", "createOnly"), ("Conditionally", "conditionalCreateOnly")):
        if any(path.split("/")[2] == name for path in schema(kind).get(f"{way}Properties", ())):
            return word
    return "Never"


def fitted(kind: str, title: str, properties: Properties) -> Properties:
    """The properties with text as the numbers and flags it stands for.

    A Ref to a parameter is text, and ministack hands it on as that.

    Raises:
        ValueError: there are some that the type does not have.
    """
    whole: dict[str, Any] = schema(kind)
    unknown: list[str] = []

    def fit(node: dict[str, Any], value: Any, path: str) -> Any:
        while "$ref" in node:
            node = whole["definitions"][node["$ref"].rpartition("/")[2]]
        if isinstance(value, list):
            items = node.get("items", {})
            return [fit(items, entry, f"{path}/{n}") for n, entry in enumerate(value)]
        if isinstance(value, dict) and (known := node.get("properties")):
            if not (node.get("additionalProperties", True) or node.get("patternProperties")):
                unknown.extend(f"#{path}: extraneous key [{k}]" for k in value.keys() - known)
            return {k: fit(known.get(k, {}), v, f"{path}/{k}") for k, v in value.items()}
        if isinstance(value, str) and node.get("type") in ("boolean", "integer", "number"):
            with contextlib.suppress(ValueError):
                return json.loads(value)
        return value

    found: Properties = fit(whole, properties, "")
    if unknown:
        why = "; ".join(f"{one} is not permitted" for one in sorted(unknown))
        raise ValueError(
            f"Properties validation failed for resource {title} with message: {why}"
        )
    return found


def add() -> None:
    around(provisioners._property_recreation, _recreation)
