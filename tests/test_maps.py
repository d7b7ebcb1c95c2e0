"""The maps of the packages: every module is in one, and imports only from those above it."""

import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "liberty_cfn"
IMPORT = re.compile(
    r"^ *from liberty_cfn([\w.]*) import (?:\(([^)]*)\)|([\w, ]+))", re.MULTILINE
)
MAPS = {folder: PACKAGE / folder for folder in (".", "deploy", "deploy/stack_sets", "rules")}


def mapped(folder):
    """Return the places of a package's parts in its map."""
    text = (folder / "__init__.py").read_text(encoding="utf-8")
    parts = re.findall(r"^    ([a-z_/]+?)/? +\S", text, re.MULTILINE)
    return {part: place for place, part in enumerate(parts)}


def imported(file, package):
    """Yield what a module imports of a package."""
    for found in IMPORT.finditer(file.read_text(encoding="utf-8")):
        module = f"liberty_cfn{found[1]}"
        if module == package:
            yield from re.findall(r"(\w+)(?: as \w+)?", found[2] or found[3])
        elif module.startswith(f"{package}."):
            yield module.removeprefix(f"{package}.").split(".")[0]


@pytest.mark.parametrize("folder", MAPS.values(), ids=MAPS)
def test_every_module_is_in_its_packages_map(folder):
    modules = {file.stem for file in folder.glob("*.py")} - {"__init__", "__main__"}
    assert modules <= set(mapped(folder))


@pytest.mark.parametrize("folder", MAPS.values(), ids=MAPS)
def test_modules_import_only_from_those_above_them(folder):
    places = mapped(folder)
    package = ".".join(folder.relative_to(PACKAGE.parent).parts)
    # The last is nearest: a module of a package may have a place of its own.
    owners = {
        file: part
        for part in places
        for file in (folder / f"{part}.py", *(folder / part).rglob("*.py"))
        if file.exists()
    }
    wrong = {
        (str(file.relative_to(folder)), name)
        for file, part in owners.items()
        for name in imported(file, package)
        if name != part.split("/")[0] and places.get(name, -1) >= places[part]
    }
    assert wrong == set()
