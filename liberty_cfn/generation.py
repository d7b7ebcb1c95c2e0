"""Every generated file of the repository: the templates and docs/settings.md."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePath

from troposphere import Template

from liberty_cfn.bootstrap.deploy_role import deploy_role
from liberty_cfn.bootstrap.stack_set_administration_role import stack_set_administration_role
from liberty_cfn.bootstrap.stack_set_execution_role import stack_set_execution_role
from liberty_cfn.documents import settings_document
from liberty_cfn.rendering import render
from liberty_cfn.repository import REPOSITORY
from liberty_cfn.root import build
from liberty_cfn.stateful import stack_policy

# What an administrator makes in an account, before anything is deployed to it.
BOOTSTRAP: tuple[Callable[[Template], object], ...] = (
    deploy_role,
    stack_set_administration_role,
    stack_set_execution_role,
)


def generate() -> dict[str, str]:
    """Return what every generated file should hold, by its path in the repository."""
    root = build()
    files = {"templates/root.yaml": render(root.template, "liberty_cfn/root.py")}
    for stack, template in root.children.items():
        source = f"liberty_cfn/stacks/{stack}.py"
        files[f"templates/{stack}.yaml"] = render(template, source)
    for build_one in BOOTSTRAP:
        name, template = bootstrap(build_one)
        source = f"liberty_cfn/bootstrap/{build_one.__name__}.py"
        files[f"templates/bootstrap/{name}.yaml"] = render(template, source)
    return files | {
        "templates/stack-policy.json": stack_policy(),
        "docs/settings.md": settings_document(),
    }


def nested(files: dict[str, str]) -> dict[str, str]:
    """Return the root's template and those nested in it among `files`, by file name."""
    return {
        PurePath(name).name: text
        for name, text in files.items()
        if name.endswith(".yaml") and PurePath(name).parent == PurePath("templates")
    }


def bootstrap(build_one: Callable[[Template], object]) -> tuple[str, Template]:
    """Return the name and the template of one of `BOOTSTRAP`."""
    template = Template(Description=(build_one.__doc__ or "").partition("\n")[0])
    build_one(template)
    return build_one.__name__.replace("_", "-"), template


def differences(wanted: dict[str, str], folder: Path = REPOSITORY) -> dict[str, str]:
    """Return how `folder` differs from `wanted`: stale, missing or left over, by path."""
    found = {}
    for name, text in wanted.items():
        file = folder / name
        if not file.exists():
            found[name] = "missing"
        elif file.read_bytes() != text.encode():
            found[name] = "stale"
    for file in sorted(f for f in folder.glob("templates/**/*") if f.is_file()):
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
