"""What AWS says of each action: the resources it is about, as cfn-lint has it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.metadata import distribution
from typing import Any


@cache
def services() -> Mapping[str, Any]:
    """Return the services, their actions and what each is about, as cfn-lint has them.

    Its package is not imported for that, which takes most of a second.
    """
    file = distribution("cfn-lint").locate_file("cfnlint/data/AdditionalSpecs/Policies.json")
    with open(str(file), encoding="utf-8") as data:  # noqa: PTH123
        found: dict[str, Any] = json.load(data)
    return found


def forms_of(action: str) -> list[tuple[str, str]] | None:
    """Return what an action is about: the kind, and the ARN with .* in it.

    None for an action that isn't known.
    """
    service, _, name = action.lower().partition(":")
    listing = services().get(service, {})
    found = listing.get("Actions", {}).get(name)
    if found is None:
        return None
    resources = {key.lower(): body for key, body in listing.get("Resources", {}).items()}
    return [
        (kind.lower(), form)
        for kind in found.get("Resources", ())
        for form in resources.get(kind.lower(), {}).get("ARNFormats", ())
    ]


def in_words(action: str) -> str:
    """Return what an action is about, in words."""
    found = []
    for kind, form in forms_of(action) or ():
        pattern = re.sub(r"\$\{\w+\}", "*", form).replace(".*", "*")
        several = f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"
        found.append(f"{several} ({pattern})")
    return " or ".join(found[:2]) or "*, as it knows no resources"
