"""Outputs of nested stacks that are used where their conditions keep them from being told."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from liberty_cfn.model.flattening import OUTPUTS
from liberty_cfn.model.loading import NESTED, TemplateSet
from liberty_cfn.model.parsing import Key, Template

Place = tuple[Key, ...]
Held = Mapping[str, bool | None]
MOST_NESTED = 10  # deeper than anybody nests; a stack that nests itself ends there


@dataclass(frozen=True)
class Untold:
    """An output that `stack` doesn't tell, and where in `file` it is used all the same."""

    file: str
    place: Place
    stack: str
    output: str

    def __str__(self) -> str:
        return f"{self.stack} tells no {self.output} with these values, by a Condition"


def untold(design: TemplateSet, held: Held) -> Iterator[Untold]:
    """Yield each use of an output that isn't there, on any level of the set.

    `held` says of each condition, by its flat name, whether it holds; None if nobody knows.
    """
    if may_be_untold(design):
        yield from _in(design, design.root, (), held)


def may_be_untold(design: TemplateSet) -> bool:
    """Whether there is an output of a nested stack that hangs on a condition."""
    for file, template in design.templates.items():
        stacks = [body for body in template.section("Resources").values() if _is_stack(body)]
        told = template.section("Outputs").values() if file != design.root else ()
        if any(isinstance(body, dict) and "Condition" in body for body in (*told, *stacks)):
            return True
    return False


def _in(design: TemplateSet, file: str, path: tuple[str, ...], held: Held) -> Iterator[Untold]:
    template = design.templates[file]
    prefix = "".join(path)
    here = {n.removeprefix(prefix): h for n, h in held.items() if n.startswith(prefix)}
    for title, stack in template.section("Resources").items():
        child = design.child(file, stack) if _is_stack(stack) else None
        # A circle is told elsewhere.
        if child is None or child == file or len(path) >= MOST_NESTED:
            continue
        made = here.get(str(stack.get("Condition")), True)
        for name, body in design.templates[child].section("Outputs").items():
            condition = body.get("Condition") if isinstance(body, dict) else None
            told = held.get(f"{prefix}{title}{condition}") if condition else True
            if made is False or told is False:
                for place in _users(template, f"{title}.{OUTPUTS}{name}", here):
                    yield Untold(file, place, title, name)
        if made is not False:
            yield from _in(design, child, (*path, title), held)


def _is_stack(body: Any) -> bool:
    return isinstance(body, dict) and body.get("Type") == NESTED


def _users(template: Template, output: str, held: Held) -> Iterator[Place]:
    """Yield where a template uses an output of a stack, where its conditions let it."""
    for section in ("Resources", "Outputs"):
        for title, body in template.section(section).items():
            if not isinstance(body, dict) or held.get(str(body.get("Condition"))) is False:
                continue
            for at, value in _taken(body, held):
                named = value.get("Fn::GetAtt")
                said = ".".join(map(str, named)) if isinstance(named, list) else named
                if output == said or f"${{{output}}}" in json.dumps(value):
                    yield (section, title, *at)


def _taken(value: Any, held: Held, at: Place = ()) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Yield the calls of functions in a value, without branches that aren't taken."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _taken(item, held, (*at, number))
    elif isinstance(value, dict):
        branches = value.get("Fn::If")
        if isinstance(branches, list) and len(branches) == 3:  # noqa: PLR2004
            decided = held.get(str(branches[0]))
            for number in (1, 2) if decided is None else (1,) if decided else (2,):
                yield from _taken(branches[number], held, (*at, "Fn::If", number))
        elif value.keys() & {"Fn::GetAtt", "Fn::Sub"}:
            yield at, value
            # The variables of a Sub call, too.
            yield from _taken(value.get("Fn::Sub"), held, (*at, "Fn::Sub"))
        else:
            for key, item in value.items():
                yield from _taken(item, held, (*at, key))
