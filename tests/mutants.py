"""Our own templates, each broken in one place; and which checker finds that.

Operators and places are hypothesis's to draw, the same ones each time. `make bench
ARGS=--mutants` draws many and prints the share that is found.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
import sys
import tempfile
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from liberty_cfn.environments import Environment, load, names
from liberty_cfn.linters import cfn_lint, cloudformation_validate
from liberty_cfn.model.loading import TemplateSet
from liberty_cfn.model.parsing import Template, parse
from liberty_cfn.proofs import proving
from liberty_cfn.proofs.proving import ours
from liberty_cfn.rules.checking import Case, all_reports, cases, told

MANY = 360
# Nothing is kept of a run, nor tried again: it takes as long as its mutants do.
QUIET: dict[str, Any] = {
    "derandomize": True,
    "database": None,
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
}
REFERENCES = ("Ref", "Fn::GetAtt")
SECTIONS = ("Parameters", "Conditions", "Resources", "Outputs")
Place = tuple[str | int, ...]
Operator = Callable[[Any, Place, Any], list[Any]]
# In the place of what is left out.
GONE = object()

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
    ("drop", r"/Sid$", "a statement's name, for people"),
    ("drop", r"/CopyTagsToSnapshot$", "what snapshots cost is told apart less well"),
    ("drop", r"/AutoMinorVersionUpgrade$", "AWS's default is the same"),
    ("swap", r"/Outputs/DashboardUrl/", "a link, for people"),
    (
        "swap",
        r"^root.yaml/Conditions/MakesHostedZone/",
        "whether an output is told, for people",
    ),
    ("drop", r"/OKActions(/0)?$", "it still goes off; nobody hears when it is over"),
    ("*", r"/Parameters/\w+/(Allowed|Min|Max)\w+", "environments.py checks settings"),
)


@dataclass(frozen=True)
class Renamed:
    """In the place of what is called otherwise."""

    key: str


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
        where = "/".join(map(str, (self.file, *self.place)))
        for operator, form, why in HARMLESS:
            if operator in ("*", self.operator) and re.search(form, where):
                return why
        return ""


# --- operators: what each would put in a place, which breaks it; nothing where it can't


def drop(body: Any, place: Place, value: Any) -> list[Any]:
    """Leave something out."""
    return [] if _in_function(place) else [GONE]


def swap(body: Any, place: Place, value: Any) -> list[Any]:
    """Refer to another resource or parameter instead."""
    if place[-1] not in REFERENCES:
        return []
    name = value if isinstance(value, str) else value[0]
    there = [
        section for section in ("Resources", "Parameters") if name in body.get(section, {})
    ]
    others = [title for section in there for title in body[section] if title != name]
    return [one if isinstance(value, str) else [one, *value[1:]] for one in others]


def retype(body: Any, place: Place, value: Any) -> list[Any]:
    """Have a value of another type there."""
    if _in_function(place) or isinstance(value, dict):
        return []
    return ["text" if isinstance(value, list) else ["text", "more"], {"Key": "Value"}]


def rename(body: Any, place: Place, value: Any) -> list[Any]:
    """Misspell a property, or a word that AWS knows."""
    key = place[-1]
    if _in_function(place) or not isinstance(key, str) or "Properties" not in place[:-1]:
        return []
    return [Renamed(key[:-1]), Renamed(f"{key}x"), Renamed(key.swapcase())]


def overdo(body: Any, place: Place, value: Any) -> list[Any]:
    """Go out of range: far too large a number, or below nought, far too long a text."""
    if _in_function(place) or isinstance(value, bool | dict | list):
        return []
    if str(value).isdigit():
        kind = type(value)
        return [kind(str(int(value) * 1000 + 999_999_999)), kind("-5")]
    return [f"{value}{'x' * 5000}"]


def dangle(body: Any, place: Place, value: Any) -> list[Any]:
    """Refer to what isn't there."""
    if place[-1] not in REFERENCES:
        return []
    name = value if isinstance(value, str) else value[0]
    if name.startswith("AWS::"):
        return []
    return ["Nowhere" if isinstance(value, str) else ["Nowhere", *value[1:]]]


OPERATORS: tuple[Operator, ...] = (drop, swap, retype, rename, overdo, dangle)


def _in_function(place: Place) -> bool:
    return any(str(step).startswith("Fn::") or step in ("Ref", "Condition") for step in place)


# --- mutants, as hypothesis draws them


def mutants(
    design: TemplateSet, operators: Sequence[Operator] = OPERATORS
) -> SearchStrategy[Mutant]:
    """Return the ways to break a design: an operator, a place for it, and how it breaks it."""
    rings = {operator: _ring(design, operator) for operator in operators}

    @st.composite
    def mutant(draw: st.DrawFn) -> Mutant:
        operator = draw(st.sampled_from(operators))
        file, place = _next(rings[operator], draw(st.integers(0, 2**32)))
        body = _opened(design.templates[file].body, place[:-1])
        value = _at(body, place)
        broken = draw(st.sampled_from(operator(body, place, value)))
        parent, key = _at(body, place[:-1]), place[-1]
        if broken is GONE:
            del parent[key]
        elif isinstance(broken, Renamed):
            parent[broken.key] = parent.pop(key)
        else:
            parent[key] = broken
        return Mutant(operator.__name__, file, place, body)

    return mutant()


def drawn(
    design: TemplateSet, number: int, operators: Sequence[Operator] = OPERATORS
) -> list[Mutant]:
    """Return so many mutants, each another; the same each time."""
    found: dict[str, Mutant] = {}

    @settings(max_examples=number, phases=[Phase.generate], **QUIET)
    @given(mutants(design, operators))
    def collect(mutant: Mutant) -> None:
        found[f"{mutant} {mutant.body}"] = mutant

    collect()
    return list(found.values())


Ring = Sequence[tuple[str, str, Place]]


def _ring(design: TemplateSet, operator: Operator) -> Ring:
    """Return where an operator breaks something, in an order of its own.

    By the hashes of the places: a new resource comes between others, and moves none.
    """
    return sorted(
        (_hash(f"{file} {place}"), file, place)
        for file, template in design.templates.items()
        for place in _places(template.body)
        if operator(template.body, place, _at(template.body, place))
    )


def _next(ring: Ring, number: int) -> tuple[str, Place]:
    """Return the place that comes next to a number, wherever that is hashed to."""
    _, file, place = ring[bisect(ring, (_hash(str(number)),)) % len(ring)]
    return file, place


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


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


def _opened(value: Any, place: Place) -> Any:
    """Return a copy down to a place, where it can be changed; what is beside that is shared."""
    copied = copy.copy(value)
    if place:
        copied[place[0]] = _opened(copied[place[0]], place[1:])
    return copied


def _at(body: Any, place: Place) -> Any:
    for step in place:
        body = body[step]
    return body


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
        # What is for the account, not for an environment, stands alone.
        nested = mutant.file in self.design.templates
        others = self.design.templates if nested else {}
        root = self.design.root if nested else mutant.file
        design = TemplateSet(root, {**others, mutant.file: template})
        looked_at = cases(design, self.environments)
        if any(told([report], looked_at) for report in all_reports(looked_at)):
            return "house rules"
        if nested and self._contradicted(looked_at):
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
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
        if self.ask is None:
            self.ask = cfn_lint(
                [str(self.folder / name) for name in self.design.templates], ["us-east-1"]
            )
        return bool(self.ask([parse(text, str(file))]))


def main(many: int = MANY) -> None:
    """Break the templates, and print how much of it is found, by whom, and what isn't."""
    design = ours()
    found: Counter[str] = Counter()
    survivors, kinds = [], Counter()
    with tempfile.TemporaryDirectory() as folder:
        checkers = Checkers(design, Path(folder), [load(name) for name in names()])
        for mutant in drawn(design, many):
            kinds[mutant.operator] += 1
            by = checkers.find(mutant)
            if not by and mutant.harmless:
                by = "nobody, and harmless"
            found[by or "nobody"] += 1
            if not by:
                survivors.append(mutant)
    of_each = ", ".join(f"{n} {k}" for k, n in sorted(kinds.items()))
    print(f"{sum(found.values())} mutants ({of_each})")
    say(found, "caught or harmless", survivors)


def say(found, good, missed):
    """Print who found how many, the rate of what is good, and what nobody found."""
    for by, number in found.most_common():
        print(f"  found by {by}: {number}")
    total = sum(found.values())
    caught = total - found["nobody"]
    print(f"  {good}: {caught} of {total}, {100 * caught / total:.1f} %")
    for one in missed:
        print(f"    not found: {one}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else MANY)
