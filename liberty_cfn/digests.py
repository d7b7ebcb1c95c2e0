"""One digest of a whole set of templates: what was reviewed, deploying can be held to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import PurePath

# What a template's file may end in; of the files beside templates, this one is none.
SUFFIXES = (".yaml", ".yml", ".json", ".template")
STACK_POLICY = "stack-policy.json"


def digest(files: Mapping[str, str]) -> str:
    """Return the digest of the templates among `files`, by path or name.

    Those of templates/bootstrap/ are an administrator's, and no part of what is deployed.
    """
    templates = sorted(
        (path.name, text)
        for path, text in ((PurePath(file), text) for file, text in files.items())
        if path.suffix in SUFFIXES
        and path.name != STACK_POLICY
        and path.parent.name != "bootstrap"
    )
    whole = "".join(f"{name}\0{text}\0" for name, text in templates)
    return hashlib.sha256(whole.encode()).hexdigest()
