"""What a rule is, and what it is given to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from liberty_cfn.environments import Environment
from liberty_cfn.model.flattening import Flat
from liberty_cfn.model.loading import TemplateSet
from liberty_cfn.model.parsing import Template
from liberty_cfn.model.resolving import Resolved, Resource
from liberty_cfn.review.spelling import listed
from liberty_cfn.review.spelling import referred as mentioned

Path = tuple[str | int, ...]
# Resources as YAML, or whole templates by file, the first of which is the root.
Example = str | Mapping[str, str]

# Where the templates of nobody's environment are taken to be.
REGION = "us-east-1"
# Stands for what only AWS knows, in `spelt`. No name that AWS takes has it.
UNKNOWN = "\0"
# Asked of a tuple, most are told by the first.
MAPPING = (dict, Mapping)
CUSTOM = ("Custom::", "AWS::CloudFormation::CustomResource")


@dataclass(frozen=True)
class Problem:
    """Something wrong, where it is, and what to do about it.

    `resource` is a flat id, and `path` is below its body: ("Properties", "Port"). A problem
    of a template itself has its `file` instead, the root's where that is empty, and `path`
    is from its top: ("Parameters", "Suffix").
    """

    resource: str
    path: Path
    message: str
    file: str = ""


# Each is itself, so that what rules work out of one can be kept by it.
@dataclass(frozen=True, eq=False)
class Design:
    """A set of templates, and what comes of it with some values for its parameters.

    `environment` is the one whose values they are; None for the parameters' defaults.
    """

    templates: TemplateSet
    flat: Flat
    resolved: Resolved
    environment: Environment | None = None

    @property
    def region(self) -> str:
        """The region these values are for."""
        return self.environment.region if self.environment else REGION

    @property
    def production(self) -> bool:
        """Whether what is thrifty is unwise: defaults are production's."""
        return self.environment is None or not self.environment.named("")

    def of_type(self, *types: str) -> Iterator[Resource]:
        """Yield the resources of these types that would be made, in order."""
        return self.resolved.of_type(*types)

    def follow(self, value: Any) -> Resource | None:
        """Return the resource that a Ref or GetAtt is of; None for anything else.

        What a custom resource answers may be anything, another resource's name too.
        """
        found = self.resolved.resources.get(referred(value))
        return None if found is not None and found.type.startswith(CUSTOM) else found


Check = Callable[[Design], Iterator[Problem]]


@dataclass(frozen=True)
class Rule:
    """A rule: `check`, and what there is to say about it.

    `reason` says what happens to who doesn't keep it, `source` where that is written. The
    examples prove it: `good` ones pass, and in each of the `bad` it finds something. One
    that looks at the templates alone, whatever the values, is asked `once`.
    """

    id: str
    level: Literal["error", "warning"]
    title: str
    reason: str
    source: str
    check: Check
    good: tuple[Example, ...]
    bad: tuple[Example, ...]
    once: bool = False


def written_by_macros(template: Template) -> bool:
    """Whether macros make more of a template than stands there: resources, references."""
    return "Transform" in template.body or any(
        title.startswith("Fn::")
        for section in ("Resources", "Conditions", "Outputs")
        for title in template.section(section)
    )


def referred(value: Any) -> str:
    """Return the logical id that a Ref or GetAtt names; empty for anything else."""
    if isinstance(value, dict) and len(value) == 1:
        if isinstance(name := value.get("Ref"), str):
            return name
        if isinstance(named := value.get("Fn::GetAtt"), list) and named:
            return str(named[0])
    return ""


def text(value: Any) -> str | None:
    """Return a value as CloudFormation spells it: true, 5432. None if AWS has a say in it."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else None


def number(value: Any) -> float | None:
    """Return a value as a number, also one that stands there as text; None for no number."""
    try:
        return float(text(value) or "")
    except ValueError:
        return None


def flag(value: Any) -> bool | None:
    """Return whether a value is true or false, also as text; None for neither."""
    return {"true": True, "false": False}.get((text(value) or "").lower())


def spelt(value: Any) -> str:
    """Return a text with UNKNOWN in place of each part that only AWS knows."""
    if isinstance(value, dict) and isinstance(joined := value.get("Fn::Join"), list):
        delimiter, parts = joined
        if isinstance(parts, list):
            return str(delimiter).join(spelt(part) for part in parts)
    return UNKNOWN if (plain := text(value)) is None else plain


def each(value: Any, *steps: str | int, at: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield what is at `steps` below a value, with its path; nothing where there is none.

    The step "*" is every item of a list, or a lone item that stands for a list of one; an
    item that hangs on a condition nobody can decide is left out.
    """
    for number, step in enumerate(steps, 1):
        if step == "*":
            rest = steps[number:]
            for path, item in _items(value, at):
                yield from each(item, *rest, at=path)
            return
        if isinstance(value, MAPPING) and step in value:
            value = value[str(step)]
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return
        at = (*at, step)
    yield at, value


def _items(value: Any, at: Path) -> Iterator[tuple[Path, Any]]:
    several = isinstance(value, list)
    for index, item in enumerate(value if several else [value]):
        if not (isinstance(item, dict) and "Fn::If" in item):
            yield (*at, index) if several else at, item


def look(value: Any, *steps: str | int) -> Any:
    """Return what is at `steps` below a value; None where there is nothing."""
    if "*" in steps:
        return next((found for _, found in each(value, *steps)), None)
    for step in steps:
        if isinstance(value, MAPPING) and step in value:
            value = value[str(step)]
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def waits_for(design: Design, resource: str) -> set[str]:
    """Return all that a resource is made after: what it refers to, depends on, and theirs.

    And what is in the stacks that its own stack waits for.
    """
    found: set[str] = set()
    waiting = [resource, *_before_stack(design, resource)]
    while waiting:
        made = design.resolved.resources.get(waiting.pop())
        if made is None:
            continue
        depends = listed(made.body.get("DependsOn"))
        found.add(made.id)
        named = {*mentioned(made.properties), *(d for d in depends if isinstance(d, str))}
        waiting += named - found
    return found - {resource}


def _before_stack(design: Design, resource: str) -> Iterator[str]:
    """Yield what is in the stacks that a resource's stack, or one around that, waits for."""
    file, path = design.templates.root, design.flat.origins[resource].path
    for depth, title in enumerate(path):
        stacks = design.templates.templates[file].section("Resources")
        said = (stacks[title].get("Properties"), stacks[title].get("DependsOn"))
        before = {*mentioned(said[0]), *listed(said[1])}
        for other in design.resolved.resources.values():
            if other.origin.path[:depth] == path[:depth]:
                around = other.origin.path[depth : depth + 1]
                if around and around[0] in before:
                    yield other.id
        file = design.templates.child(file, stacks[title]) or file
