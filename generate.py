"""Write the templates and docs/settings.md: `python generate.py`, or `make templates`.

With --check, write nothing, name each file that is stale, missing or left over, and
exit 1 if there is one.
"""

from __future__ import annotations

import sys
from pathlib import Path

from liberty_cfn.documents import settings_document
from liberty_cfn.rendering import render
from liberty_cfn.root import build

REPOSITORY = Path(__file__).parent


def generate() -> dict[str, str]:
    """Return what every generated file should hold, by its path in the repository."""
    root = build()
    files = {"templates/root.yaml": render(root.template, "liberty_cfn/root.py")}
    for stack, template in root.children.items():
        source = f"liberty_cfn/stacks/{stack}.py"
        files[f"templates/{stack}.yaml"] = render(template, source)
    return files | {"docs/settings.md": settings_document()}


def differences(wanted: dict[str, str], folder: Path) -> dict[str, str]:
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


def write(wanted: dict[str, str], folder: Path) -> None:
    """Make `folder` hold what is wanted, and no other template."""
    for name, how in differences(wanted, folder).items():
        file = folder / name
        if how == "left over":
            file.unlink()
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(wanted[name].encode())


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print(f"usage: python generate.py [--check]\n\n{__doc__}", end="", file=sys.stderr)
        return 0 if arguments in (["--help"], ["-h"]) else 2
    wanted = generate()
    if not arguments:
        write(wanted, REPOSITORY)
        return 0
    found = differences(wanted, REPOSITORY)
    for name, how in found.items():
        print(f"{name} is {how}; run `make templates`", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
