"""The actions AWS knows, as awacs lists them: a module for each service, read when asked for.

Lighter than cfn-lint's list, which is one file of 2 MB, and in AWS's own spelling.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import import_module

WILDCARDS = re.compile(r"[*?]")
# The only service that awacs can't name as AWS does.
MODULES = {"lambda": "awslambda"}


@cache
def of_service(prefix: str) -> Mapping[str, str]:
    """Return the actions of a service ("s3") by their name in lower case; none if unknown."""
    module = MODULES.get(prefix, prefix.replace("-", "_"))
    if not module.isidentifier() or module == "aws":
        return {}
    try:
        found = import_module(f"awacs.{module}")
    except ImportError:
        return {}
    names = [
        name
        for name, value in vars(found).items()
        if getattr(value, "prefix", None) == prefix and getattr(value, "action", None) == name
    ]
    return {name.lower(): f"{prefix}:{name}" for name in names}


def canonical(action: str) -> str:
    """Return an action as AWS spells it; IAM doesn't mind the case. Unknown ones as given."""
    service, _, name = action.partition(":")
    return of_service(service.lower()).get(name.lower(), action)


def known(action: str) -> bool | None:
    """Whether AWS has this action, or some that fit it; None if the service isn't known."""
    service, _, _ = action.partition(":")
    if action == "*":
        return True
    if WILDCARDS.search(service) or not of_service(service.lower()):
        return None
    return any(a != action or not WILDCARDS.search(a) for a in _fitting(action))


def expanded(pattern: str) -> tuple[str, ...]:
    """Return the actions that a pattern stands for.

    Itself, if it is no pattern, fits none, or is about all services at once.
    """
    if not WILDCARDS.search(pattern):
        return (canonical(pattern),)
    return _fitting(pattern) or (pattern,)


def _fitting(pattern: str) -> tuple[str, ...]:
    service, _, name = pattern.partition(":")
    return tuple(
        action
        for lower, action in of_service(service.lower()).items()
        if fits(name.lower(), lower)
    )


def fits(pattern: str, text: str) -> bool:
    """Whether a text fits a pattern of IAM's: * is any text, ? any character."""
    return _compiled(pattern).fullmatch(text) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"([*?])", pattern)
    return re.compile(
        "".join({"*": ".*", "?": "."}.get(p, re.escape(p)) for p in parts), re.DOTALL
    )
