"""Which templates are nested in which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from liberty_cfn.digests import SUFFIXES
from liberty_cfn.model.parsing import Template, parse

NESTED = "AWS::CloudFormation::Stack"
# Files that stand beside templates and are none, by what they have at the top.
SECTION = "Resources"


class LoadError(Exception):
    """There are no templates where some were expected. The message says where."""


@dataclass(frozen=True)
class TemplateSet:
    """A root template and those nested in it, by file."""

    root: str
    templates: Mapping[str, Template]

    def child(self, file: str, stack: Mapping[str, Any]) -> str | None:
        """Return the file that a nested stack in `file` takes; None if it isn't here."""
        found = nested_file(file, stack)
        return found if found in self.templates else None


def nested_file(file: str, stack: Mapping[str, Any]) -> str | None:
    """Return the file that a stack resource names, as a path like those of its parent's."""
    properties = stack.get("Properties")
    url = properties.get("TemplateURL") if isinstance(properties, dict) else None
    if stack.get("Type") != NESTED or not isinstance(url, str) or "://" in url:
        return None
    return _normal(PurePosixPath(file).parent / url)


def from_texts(texts: Mapping[str, str], root: str = "root.yaml") -> TemplateSet:
    """Return the set of the templates in `texts` (by file) that hang on `root`.

    Raises:
        ParseError: one of them is no template.
    """
    parsed = {file: _parsed(text, file) for file, text in texts.items()}
    return TemplateSet(root, {file: parsed[file] for file in _reached(root, parsed)})


def read(paths: Iterable[Path]) -> dict[str, str]:
    """Return the text of every template among `paths`, files or folders, by path.

    Raises:
        LoadError: a path isn't there, holds no template, or can't be read.
    """
    texts: dict[str, str] = {}
    for path in paths:
        if not path.exists():
            raise LoadError(f"{path}: there is no such file or folder")
        found = False
        for file in [path] if path.is_file() else _files(path):
            try:
                text = file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise LoadError(f"{file}: can't be read: {error}") from error
            # A folder may hold other files, such as stack policies; a file was meant.
            if path.is_file() or SECTION in text:
                texts[file.as_posix()] = text
                found = True
        if not found:
            expected = f"expected {SECTION} in files ending in {', '.join(SUFFIXES)}"
            raise LoadError(f"{path}: no template in it; {expected}")
    return texts


def _files(folder: Path) -> list[Path]:
    """Return the files in a folder that may be templates, but what is hidden in it."""
    return [
        file
        for file in sorted(folder.rglob("*"))
        if file.suffix in SUFFIXES
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    ]


def sets(texts: Mapping[str, str]) -> list[TemplateSet]:
    """Return the sets that templates form: a root is who isn't nested in another.

    Raises:
        ParseError: one of them is no template.
    """
    return grouped({file: _parsed(text, file) for file, text in texts.items()})


def grouped(parsed: Mapping[str, Template]) -> list[TemplateSet]:
    """Return the sets that templates, by file, form."""
    nested = {
        below
        for file, template in parsed.items()
        for below in _children(file, template)
        if below != file
    }
    roots = [file for file in parsed if file not in nested]
    found = [
        TemplateSet(root, {file: parsed[file] for file in _reached(root, parsed)})
        for root in roots
    ]
    # Those that only nest each other hang on none.
    reached = {file for one in found for file in one.templates}
    return found + [
        TemplateSet(file, {name: parsed[name] for name in _reached(file, parsed)})
        for file in parsed
        if file not in reached
    ]


@lru_cache(maxsize=256)
def _parsed(text: str, file: str) -> Template:
    """Return a template, parsed once: of two versions, most files are the same."""
    return parse(text, file)


def _children(file: str, template: Template) -> list[str]:
    stacks = template.section("Resources").values()
    found = [nested_file(file, stack) for stack in stacks if isinstance(stack, dict)]
    return [below for below in found if below]


def _reached(root: str, parsed: Mapping[str, Template]) -> list[str]:
    reached: list[str] = []
    waiting = [root]
    while waiting:
        file = waiting.pop(0)
        if file in parsed and file not in reached:
            reached.append(file)
            waiting += _children(file, parsed[file])
    return reached


def _normal(path: PurePosixPath) -> str:
    """Return a path without the steps up and down in it."""
    steps: list[str] = []
    for step in path.parts:
        if step == ".." and steps and steps[-1] != "..":
            steps.pop()
        else:
            steps.append(step)
    return PurePosixPath(*steps).as_posix()
