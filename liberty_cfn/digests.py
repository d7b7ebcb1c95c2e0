"""One digest of a whole set of templates: what was reviewed, deploying can be held to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import PurePath


def digest(files: Mapping[str, str]) -> str:
    """Return the digest of the templates (*.yaml) among `files`, by path or name."""
    templates = sorted(
        (PurePath(file).name, text) for file, text in files.items() if file.endswith(".yaml")
    )
    whole = "".join(f"{name}\0{text}\0" for name, text in templates)
    return hashlib.sha256(whole.encode()).hexdigest()
