"""botocore's descriptions of AWS's services, read quickly.

They are compressed JSON, half of it documentation. Reading that takes as long as all the calls
of a deploy; here, only what is used is read.
"""

from __future__ import annotations

import json
import marshal
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

import botocore
from botocore.loaders import JSONFileLoader, Loader

from liberty_cfn.checked import keep
from liberty_cfn.repository import REPOSITORY

VERSION = f"{botocore.__version__}-{sys.implementation.cache_tag}"
KEPT = REPOSITORY / ".local" / "models" / VERSION


@cache
def loader() -> Loader:
    """Return what reads the descriptions, shared by all sessions of the process."""
    return _Models(file_loader=_Files())


class _Models(Loader):  # type: ignore[misc]  # botocore has no types
    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002
        """Return the services, by their folders, without looking into each of the 400."""
        folders = [path for path in self.search_paths if os.path.isdir(path)]  # noqa: PTH112
        return [name for folder in folders for name in os.listdir(folder)]  # noqa: PTH208


class _Files(JSONFileLoader):  # type: ignore[misc]
    """As botocore's own, but the descriptions it ships are cached from one run to the next."""

    def load_file(self, file_path: str) -> Any:
        own = Path(Loader.BUILTIN_DATA_PATH)
        if not (path := Path(file_path)).is_relative_to(own):
            return super().load_file(file_path)
        kept = KEPT / path.relative_to(own)
        try:
            found = marshal.loads(kept.read_bytes())  # noqa: S302 - written by us, beside .venv
        except (OSError, EOFError, ValueError, TypeError):
            # Not cached yet, or cut short.
            if found := super().load_file(file_path):
                found = _sparse(found)
                keep(kept, marshal.dumps(found))
        if found and "shapes" in found:
            found["shapes"] = _Shapes(found["shapes"])
        return found

    def _load_file(self, full_path: str, open_method: Any) -> Any:
        try:
            with open_method(full_path, "rb") as file:
                return json.loads(file.read())
        except FileNotFoundError:
            return None


class _Shapes(dict[str, Any]):
    """The shapes of a service, by name. EC2 has thousands; each is unpacked when used."""

    def __getitem__(self, name: str) -> Any:
        shape = super().__getitem__(name)
        if isinstance(shape, bytes):
            shape = self[name] = marshal.loads(shape)  # noqa: S302
        return shape


def _sparse(model: dict[str, Any]) -> dict[str, Any]:
    """Return a model without its documentation, each shape packed separately."""
    parts = {
        part: _unexplained(model[part]) for part in ("operations", "shapes") if part in model
    }
    if "shapes" in parts:
        parts["shapes"] = {name: marshal.dumps(s) for name, s in parts["shapes"].items()}
    return model | parts


def _unexplained(part: Any) -> Any:
    if isinstance(part, list):
        return [_unexplained(one) for one in part]
    if not isinstance(part, dict):
        return part
    return {
        name: _unexplained(one)
        for name, one in part.items()
        if name != "documentation" or not isinstance(one, str)
    }
