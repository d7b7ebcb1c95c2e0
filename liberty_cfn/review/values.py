"""The values of each environment, as params/ of a revision says them.

Read without regard to today's settings: another revision had others. What doesn't fit them
is for `lint` to say; here a file only has to be YAML.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import PurePosixPath
from typing import Any

import yaml

TARGETS, OVERRIDES = "Targets", "ParameterOverrides"


class ValuesError(Exception):
    """A file of params/ can't be read. The message says where and why."""


@dataclass(frozen=True)
class Environment:
    """One environment, or one place of a stack set: where it is, and what its file gives.

    `account` is the one it is pinned to, or empty; `tags` are those of its stack.
    """

    name: str
    region: str = ""
    given: Mapping[str, str] = field(default_factory=dict)
    account: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def environments(files: Mapping[str, str]) -> dict[str, Environment]:
    """Return the environments of params/*.yaml, by name; `files` has texts by path.

    A stack set's places are environments of their own: global 111111111111/eu-west-1.

    Raises:
        ValuesError: a file is no YAML, or no mapping.
    """
    found = {}
    for path in sorted(files):
        name = PurePosixPath(path).stem
        for environment in _environments(name, _read(path, files[path])):
            found[environment.name] = environment
    return found


def _environments(name: str, document: Mapping[str, Any]) -> Iterator[Environment]:
    region, tags = document.get("Region"), document.get("Tags")
    tags = tags if isinstance(tags, dict) else {}
    given = {key: value for key, value in document.items() if isinstance(value, str)}
    targets = document.get(TARGETS)
    if not isinstance(targets, dict):
        where = region if isinstance(region, str) else ""
        yield Environment(name, where, given, given.get("Account", ""), tags)
        return
    holders = _listed(targets.get("Accounts")) or _listed(targets.get("OrganizationalUnitIds"))
    overrides = targets.get(OVERRIDES)
    overrides = overrides if isinstance(overrides, dict) else {}
    units = _listed(targets.get("OrganizationalUnitIds"))
    for account, place in product(holders, _listed(targets.get("Regions"))):
        values = dict(given)
        # The later in this list wins, as in deployment_targets.
        for key in (place, *units, account, f"{account}/{place}"):
            different = overrides.get(key)
            if isinstance(different, dict):
                values |= {k: v for k, v in different.items() if isinstance(v, str)}
        yield Environment(f"{name} {account}/{place}", place, values, account, tags)


def _listed(value: Any) -> list[str]:
    return value.split(",") if isinstance(value, str) else list(value or [])


def _read(path: str, text: str) -> Mapping[str, Any]:
    try:
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ValuesError(f"{path}:{line}: no YAML: {error.problem or 'unreadable'}") from error
    except yaml.YAMLError as error:
        raise ValuesError(f"{path}: no YAML: {error}") from error
    if node is None:
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise ValuesError(f"{path}: expected lines such as `Region: us-east-1`.")
    document: Mapping[str, Any] = _plain(node)
    return document


def _plain(node: yaml.Node) -> Any:
    """Return a node with every scalar as the text it is, as CloudFormation takes values."""
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): _given(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item) for item in node.value]
    boolean = node.tag == "tag:yaml.org,2002:bool"
    return str(node.value).lower() if boolean else str(node.value)


def _given(node: yaml.Node) -> Any:
    """Return a value; a list of plain values as CloudFormation's comma-separated text."""
    value = _plain(node)
    plain = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return ",".join(value) if plain else value
