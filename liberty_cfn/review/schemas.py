"""CloudFormation's own resource schemas, as cfn-lint carries them.

Read file by file: importing cfn-lint takes longer than a whole review.
https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from liberty_cfn.review.comparing import Steps

PROPERTIES = "/properties/"
# Of all regions, the one that has every type.
REGION = "us-east-1"


@dataclass(frozen=True)
class Schema:
    """What a resource type's schema says about updates: paths of properties.

    A path leaves out where in a list something stands: ("ContainerDefinitions", "Image").
    """

    type: str
    create_only: frozenset[Steps]
    conditional: frozenset[Steps]
    read_only: frozenset[Steps]
    identifier: frozenset[Steps]
    deletes_first: bool
    fixed_tags: Steps
    _body: Mapping[str, Any] = field(repr=False, compare=False, hash=False)

    def knows(self, path: Steps) -> bool:
        """Whether there is such a property at the top."""
        return path[0] in self._body.get("properties", {}) if path else True

    def unordered(self, path: Steps) -> bool:
        """Whether the order of the list at `path` means nothing."""
        return any(
            node.get("insertionOrder") is False for node in self._nodes(path, resolve_last=True)
        )

    def kinds(self, path: Steps) -> frozenset[str]:
        """Return the types that a value at `path` may be of, as JSON's schemas name them."""
        nodes = [self._open(node) for node in self._nodes(path, resolve_last=True)]
        named = [node.get("type", ()) for node in nodes]
        return frozenset(
            k for kind in named for k in ([kind] if isinstance(kind, str) else kind)
        )

    def _nodes(self, path: Steps, *, resolve_last: bool) -> list[Mapping[str, Any]]:
        """Return what the schema has at `path`, following references and alternatives."""
        nodes: list[Mapping[str, Any]] = [self._body]
        for step in path:
            found = []
            for node in nodes:
                properties = self._open(node).get("properties", {})
                if isinstance(properties.get(step), dict):
                    found.append(properties[step])
            nodes = found
        return [self._followed(node) for node in nodes] if resolve_last else nodes

    def _open(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the object that a node is, or holds a list of."""
        node = self._followed(node)
        items = node.get("items")
        return self._followed(items) if isinstance(items, dict) else node

    def _followed(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        reference = node.get("$ref")
        if not isinstance(reference, str):
            return node
        name = reference.rpartition("/")[2]
        found = self._body.get("definitions", {}).get(name)
        return found if isinstance(found, dict) else {}


@cache
def schema(resource_type: str) -> Schema | None:
    """Return the schema of a resource type; None where CloudFormation publishes none."""
    folder = _folder()
    name = _index().get(resource_type)
    if folder is None or name is None:
        return None
    body = json.loads((folder / "resources" / f"{name}.json").read_text(encoding="utf-8"))
    tagging = body.get("tagging") or {}
    fixed = tagging.get("taggable") and tagging.get("tagUpdatable") is False
    return Schema(
        type=resource_type,
        create_only=_paths(body.get("createOnlyProperties", [])),
        conditional=_paths(body.get("conditionalCreateOnlyProperties", [])),
        read_only=_paths(body.get("readOnlyProperties", [])),
        identifier=_paths(body.get("primaryIdentifier", [])),
        deletes_first=body.get("replacementStrategy") == "delete_then_create",
        fixed_tags=_path(tagging.get("tagProperty", "/properties/Tags")) if fixed else (),
        _body=body,
    )


@cache
def _folder() -> Path | None:
    found = find_spec("cfnlint")
    places = list(found.submodule_search_locations or ()) if found else []
    folders = [Path(place) / "data" / "schemas" for place in places]
    return next((folder for folder in folders if folder.is_dir()), None)


@cache
def _index() -> dict[str, str]:
    """Return the file of each type's schema, by type."""
    folder = _folder()
    if folder is None:
        return {}
    text = (folder / "providers" / f"{REGION}.json").read_text(encoding="utf-8")
    index: dict[str, str] = json.loads(text)
    return index


def _paths(pointers: Sequence[str]) -> frozenset[Steps]:
    return frozenset(_path(pointer) for pointer in pointers)


def _path(pointer: str) -> Steps:
    return tuple(
        step for step in pointer.removeprefix(PROPERTIES).split("/") if step not in ("*", "")
    )
