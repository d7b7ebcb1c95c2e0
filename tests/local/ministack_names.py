"""Prints the names of ministack's that modules in a folder use and that it does not have.

It promises none of them. Runs where ministack is installed, which is not where tests run.
"""

import ast
import importlib
import sys
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


def missing(folder: Path) -> list[str]:
    used = {pair for file in folder.glob("*.py") for pair in _used(file.read_text())}
    return sorted(
        f"{module}.{name}"
        for module, name in used
        if module.startswith("ministack") and not hasattr(importlib.import_module(module), name)
    )


if __name__ == "__main__":
    print("\n".join(missing(Path(sys.argv[1]))), end="")
