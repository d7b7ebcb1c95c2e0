"""Secrets that stand in properties, which nobody is to read where changes are told."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

# How properties are called whose plain text is a secret.
SECRETS = ("Password", "SecretString", "AuthToken", "ClientSecret", "SecretAccessKey")
# And how environment variables are, whatever stands in them.
VARIABLE = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|PRIVATE_KEY|API_KEY")
SECRET = SECRETS[0]
VEILED, ANOTHER = "(hidden)", "(hidden, another)"


def veiled(name: str, value: Any) -> Any:
    """Return a property's value without what of it is a secret; references to one stay."""
    if isinstance(value, dict):
        named = value.get("Name")
        if isinstance(named, str) and VARIABLE.search(named):
            return {key: veiled(SECRET, i) if key == "Value" else i for key, i in value.items()}
        return {key: veiled(key, item) for key, item in value.items()}
    if isinstance(value, list):
        return [veiled(name, item) for item in value]
    secret = isinstance(value, str) and name.endswith(SECRETS)
    if secret and "{{resolve:" not in value and not value.startswith("(hidden"):
        return VEILED
    return value


def veiled_at(path: Sequence[str], value: Any) -> Any:
    """Return the value at a path as `veiled` does, one variable's too: [DB_PASSWORD], Value."""
    variable = path[-1] == "Value" and VARIABLE.search("".join(path[-2:-1]))
    return veiled(SECRET if variable else path[-1], value)


def veiled_text(path: str, text: str) -> str:
    """Return a value as AWS writes it, JSON where it has parts, without what is a secret.

    `path` leads to it, as in /Properties/LoginProfile/Password.
    """
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    value = value if isinstance(value, dict | list) else text
    hidden = value
    for name in path.split("/"):
        hidden = veiled(name, hidden)
    if hidden == value:
        return text
    return hidden if isinstance(hidden, str) else json.dumps(hidden)
