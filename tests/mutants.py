"""Our own templates, each broken in one place; and which checker finds that.

`make bench ARGS=--mutants` breaks many and prints the share that is found.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from liberty_cfn.environments import Environment, load, names
from liberty_cfn.linters import cfn_lint, cloudformation_validate
from liberty_cfn.model.loading import TemplateSet
from liberty_cfn.model.parsing import Template, parse
from liberty_cfn.proofs import proving
from liberty_cfn.proofs.proving import ours
from liberty_cfn.rules.checking import Case, all_reports, cases, told

# One in so many is tried, chosen by what it breaks: a new resource changes no other choice.
EACH = 25
REFERENCES = ("Ref", "Fn::GetAtt")
SECTIONS = ("Parameters", "Conditions", "Resources", "Outputs")
Place = tuple[str | int, ...]

# What may be broken without harm: the operator, the place, and why.
HARMLESS = (
    ("*", r"/Description$", "words for people"),
    ("*", r"/(Alarm|Group|DBSubnetGroup|ReplicationGroup)Description$", "words for people"),
    ("*", r"/Tags(/|$)", "a name tag, for people who look at the console"),
    ("*", r"/DashboardBody", "what is shown, and in which order"),
    ("*", r"/Metadata", "how the console groups parameters"),
    (
        "*",
        r"/Parameters/\w+/(Default|ConstraintDescription)$",
        "environments.py checks settings",
    ),
    ("drop", r"/Resources/Cache\w*/Properties/Port$", "AWS's default is the same"),
    ("drop", r"/RuntimePlatform/CpuArchitecture$", "AWS's default is the same"),
    ("drop", r"/TreatMissingData$", "it still goes off; it says nothing in between"),
    ("drop", r"/OKActions(/0)?$", "it still goes off; nobody hears when it is over"),
    ("*", r"/Parameters/\w+/(Allowed|Min|Max)\w+", "environments.py checks settings"),
)


@dataclass(frozen=True)
class Mutant:
    """A template with one thing broken in it."""

    operator: str
    file: str
    place: Place
    body: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.operator} {self.file}/{'/'.join(map(str, self.place))}"

    @property
    def harmless(self) -> str:
        """Why it does no harm; empty if it may."""
        where = "/" + "/".join(map(str, self.place))
        for operator, form, why in HARMLESS:
            if operator in ("*", self.operator) and re.search(form, where):
                return why
        return ""


def mutants(design: TemplateSet, each: int = EACH) -> Iterator[Mutant]:
    """Yield one in `each` of the ways to break a design in one place."""
    for file, template in design.templates.items():
        for place in _places(template.body):
            for operator in OPERATORS:
                key = f"{operator.__name__} {file} {place}".encode()
                if int(hashlib.sha256(key).hexdigest(), 16) % each == 0:
                    body = copy.deepcopy(template.body)
                    if operator(body, place, _at(body, place)):
                        yield Mutant(operator.__name__, file, place, body)


def _places(value: Any, place: Place = ()) -> Iterator[Place]:
    """Yield the places of everything in a template that can be broken."""
    if not place:
        for section in SECTIONS:
            yield from _places(value.get(section, {}), (section,))
        return
    if len(place) > 1:
        yield place
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, item in items:
        yield from _places(item, (*place, key))


def _at(body: Any, place: Place) -> Any:
    for step in place:
        body = body[step]
    return body


def _put(body: Any, place: Place, value: Any) -> bool:
    _at(body, place[:-1])[place[-1]] = value
    return True


# --- operators: each breaks a body in a place, and says whether it could


def drop(body: Any, place: Place, value: Any) -> bool:
    """Leave something out."""
    if _in_function(place):
        return False
    parent = _at(body, place[:-1])
    del parent[place[-1]]
    return True


def swap(body: Any, place: Place, value: Any) -> bool:
    """Refer to another resource or parameter instead."""
    if place[-1] not in REFERENCES:
        return False
    name = value if isinstance(value, str) else value[0]
    there = [
        section for section in ("Resources", "Parameters") if name in body.get(section, {})
    ]
    others = [title for section in there for title in body[section] if title != name]
    if not others:
        return False
    other = others[int(hashlib.sha256(str(place).encode()).hexdigest(), 16) % len(others)]
    return _put(body, place, other if isinstance(value, str) else [other, *value[1:]])


def retype(body: Any, place: Place, value: Any) -> bool:
    """Have a value of another type there."""
    if _in_function(place) or isinstance(value, dict):
        return False
    return _put(body, place, "text" if isinstance(value, list) else {"Key": "Value"})


def rename(body: Any, place: Place, value: Any) -> bool:
    """Misspell a property, or a word that AWS knows."""
    key = place[-1]
    if _in_function(place) or not isinstance(key, str) or "Properties" not in place[:-1]:
        return False
    parent = _at(body, place[:-1])
    parent[key[:-1] + ("e" if key[-1] != "e" else "s")] = parent.pop(key)
    return True


def overdo(body: Any, place: Place, value: Any) -> bool:
    """Go out of range: far too large a number, far too long a text."""
    if _in_function(place) or isinstance(value, bool | dict | list):
        return False
    if str(value).isdigit():
        return _put(body, place, type(value)(str(int(value) * 1000 + 999_999_999)))
    return _put(body, place, f"{value}{'x' * 5000}")


def dangle(body: Any, place: Place, value: Any) -> bool:
    """Refer to what isn't there."""
    if place[-1] not in REFERENCES:
        return False
    name = value if isinstance(value, str) else value[0]
    if name.startswith("AWS::"):
        return False
    return _put(body, place, "Nowhere" if isinstance(value, str) else ["Nowhere", *value[1:]])


OPERATORS = (drop, swap, retype, rename, overdo, dangle)


def _in_function(place: Place) -> bool:
    return any(str(step).startswith("Fn::") or step in ("Ref", "Condition") for step in place)


# --- who finds it


class Checkers:
    """Everything that a pull request goes through, but for the tests of the stacks."""

    def __init__(
        self, design: TemplateSet, folder: Path, environments: Sequence[Environment]
    ) -> None:
        self.design, self.folder, self.environments = design, folder, environments
        self.ask = None
        self.accepted: set[str] = set()
        self.accepted = self._contradicted(cases(design, self.environments))

    def find(self, mutant: Mutant, *, slow: bool = True) -> str:
        """Return which of the checkers finds a mutant; empty for none. Slow is cfn-lint."""
        text = json.dumps(mutant.body)
        template = parse(text, mutant.file)
        design = TemplateSet(self.design.root, {**self.design.templates, mutant.file: template})
        looked_at = cases(design, self.environments)
        if told(list(all_reports(looked_at)), looked_at):
            return "house rules"
        if self._contradicted(looked_at):
            return "proofs"
        said, reported = cloudformation_validate(
            [template], {mutant.file: text}, looked_at[-1:]
        )
        if said or told(reported, looked_at):
            return "cloudformation-validate"
        return "cfn-lint" if slow and self._cfn_lint(template, text) else ""

    def _contradicted(self, looked_at: list[Case]) -> set[str]:
        """Return what is proved no longer; of made-up values, only what they don't bring."""
        found = {case.values: case.design.resolved for case in looked_at}
        return set(proving.misfits(found)) - self.accepted

    def _cfn_lint(self, template: Template, text: str) -> bool:
        for name, other in self.design.templates.items():
            (self.folder / name).write_text(json.dumps(other.body), encoding="utf-8")
        file = self.folder / template.file
        file.write_text(text, encoding="utf-8")
        if self.ask is None:
            self.ask = cfn_lint(
                [str(self.folder / name) for name in self.design.templates], ["us-east-1"]
            )
        return bool(self.ask([parse(text, str(file))]))


def main(each: int = EACH) -> None:
    """Break the templates, and print how much of it is found, by whom, and what isn't."""
    design = ours()
    found: Counter[str] = Counter()
    survivors, kinds = [], Counter()
    with tempfile.TemporaryDirectory() as folder:
        checkers = Checkers(design, Path(folder), [load(name) for name in names()])
        for mutant in mutants(design, each):
            kinds[mutant.operator] += 1
            by = checkers.find(mutant)
            if not by and mutant.harmless:
                by = "nobody, and harmless"
            found[by or "nobody"] += 1
            if not by:
                survivors.append(mutant)
    total = sum(found.values())
    print(f"{total} mutants ({', '.join(f'{n} {k}' for k, n in sorted(kinds.items()))})")
    for by, number in found.most_common():
        print(f"  found by {by}: {number}")
    caught = total - found["nobody"]
    print(f"  caught or harmless: {caught} of {total}, {100 * caught / total:.1f} %")
    for mutant in survivors:
        print(f"    not found: {mutant}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else EACH)
