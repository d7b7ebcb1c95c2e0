"""Policy documents as the sentences they amount to, so that two can be compared."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import Any
from urllib.parse import unquote


def document(policy: Any) -> dict[str, Any]:
    """Return a policy as a dictionary; AWS gives some as text, and some of those encoded."""
    if isinstance(policy, str):
        policy = json.loads(policy if policy.lstrip().startswith("{") else unquote(policy))
    return dict(policy)


def grants(policy: Any, called: Callable[[str], str] = str) -> list[str]:
    """Return each thing that a policy says: "Allow s3:GetObject on arn:..., if ...".

    `called` gives a resource the name that it is known by.
    """
    return list(_grants(document(policy), called))


def grant(effect: str, action: str, resource: str = "", *, to: str = "", when: str = "") -> str:
    words = f"{effect} {action}"
    words += f" on {resource}" if resource else ""
    words += f" to {to}" if to else ""
    return f"{words}, if {when}" if when else words


def asked_by(account: str, source: str) -> str:
    """Return the condition that a service asks for something of this account's."""
    return f"ArnLike aws:SourceArn {source} and StringEquals aws:SourceAccount {account}"


def _grants(policy: dict[str, Any], called: Callable[[str], str]) -> Iterator[str]:
    for statement in _listed(policy.get("Statement", [])):
        actions = [
            *_listed(statement.get("Action", [])),
            *(f"all but {each}" for each in _listed(statement.get("NotAction", []))),
        ]
        resources = [
            *map(called, _listed(statement.get("Resource", []))),
            *(f"all but {each}" for each in _listed(statement.get("NotResource", []))),
        ]
        whom = [
            *_principals(statement.get("Principal", {})),
            *(f"all but {each}" for each in _principals(statement.get("NotPrincipal", {}))),
        ]
        when = " and ".join(_conditions(statement.get("Condition", {})))
        # The policy of a role has no resource, and that of a user or role no principal.
        for action, resource, to in product(actions, resources or [""], whom or [""]):
            yield grant(statement["Effect"], action, resource, to=to, when=when)


def _principals(principal: Any) -> Iterator[str]:
    if isinstance(principal, str):
        yield principal
        return
    for kind, names in sorted(principal.items()):
        for name in _listed(names):
            yield name if (kind, name) == ("AWS", "*") else f"{kind} {name}"


def _conditions(condition: dict[str, dict[str, Any]]) -> Iterator[str]:
    for operator, keys in sorted(condition.items()):
        for key, values in sorted(keys.items()):
            told = " or ".join(sorted(map(_lowered, _listed(values))))
            yield f"{operator} {key} {told}"


def _lowered(value: Any) -> str:
    """A truth value is the same with and without quotes, and in any case."""
    text = str(value)
    return text.lower() if text.lower() in ("true", "false") else text


def _listed(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else [value]
