"""The names of ministack's that the other modules use; it promises none of them."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path


def _used(source: str) -> Iterator[tuple[str, str]]:
    """Every name that a module takes from a module of ministack's."""
    modules: dict[str, str] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("ministack"):
            modules |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
        if isinstance(node, ast.Import):
            modules |= {a.asname or a.name: a.name for a in node.names if a.asname}
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in modules:
                yield modules[name], attribute


def missing() -> list[str]:
    """Those names that this ministack does not have."""
    used = {
        pair for file in Path(__file__).parent.glob("*.py") for pair in _used(file.read_text())
    }
    return sorted(
        f"{module}.{name}"
        for module, name in used
        if module.startswith("ministack") and not hasattr(importlib.import_module(module), name)
    )
