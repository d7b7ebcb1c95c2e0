"""Every generated file of the repository: the templates and docs/settings.md."""

from __future__ import annotations

from pathlib import Path

from liberty_cfn.documents import settings_document
from liberty_cfn.rendering import render
from liberty_cfn.root import build
from liberty_cfn.stateful import stack_policy

REPOSITORY = Path(__file__).parent.parent


def generate() -> dict[str, str]:
    """Return what every generated file should hold, by its path in the repository."""
    root = build()
    files = {"templates/root.yaml": render(root.template, "liberty_cfn/root.py")}
    for stack, template in root.children.items():
        source = f"liberty_cfn/stacks/{stack}.py"
        files[f"templates/{stack}.yaml"] = render(template, source)
    return files | {
        "templates/stack-policy.json": stack_policy(),
        "docs/settings.md": settings_document(),
    }


def differences(wanted: dict[str, str], folder: Path = REPOSITORY) -> dict[str, str]:
    """Return how `folder` differs from `wanted`: stale, missing or left over, by path."""
    found = {}
    for name, text in wanted.items():
        file = folder / name
        if not file.exists():
            found[name] = "missing"
        elif file.read_bytes() != text.encode():
            found[name] = "stale"
    for file in sorted(folder.glob("templates/*")):
        name = file.relative_to(folder).as_posix()
        if name not in wanted:
            found[name] = "left over"
    return found


def write(wanted: dict[str, str], folder: Path = REPOSITORY) -> None:
    """Make `folder` hold what is wanted, and no other template."""
    for name, how in differences(wanted, folder).items():
        file = folder / name
        if how == "left over":
            file.unlink()
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(wanted[name].encode())
