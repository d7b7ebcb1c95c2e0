"""One resource: who makes it, who refers to it, and what replacing it would do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from liberty_cfn.model.flattening import flatten
from liberty_cfn.model.loading import TemplateSet, sets
from liberty_cfn.model.resolving import Resolved, Resource, resolve
from liberty_cfn.review.changes import Change, replacing
from liberty_cfn.review.comparing import shown
from liberty_cfn.review.documented import page
from liberty_cfn.review.failing import failures
from liberty_cfn.review.findings import Finding
from liberty_cfn.review.identity import fixed_name
from liberty_cfn.review.losing import REMAINS, remains
from liberty_cfn.review.opening import reaches
from liberty_cfn.review.sources import Version
from liberty_cfn.review.values import Environment, environments
from liberty_cfn.stateful import LOSSES

MADE_BY = re.compile(r"# Generated from (\S+) ")


class UnknownResourceError(Exception):
    """There is no such resource. The message says which come close."""


@dataclass(frozen=True)
class Explained:
    """What there is to know about one resource of one set, with one environment's values.

    `replacing` is what would become of the set if it were made anew, `failing` why it couldn't.
    """

    resource: Resource
    environment: str
    line: int
    module: str
    refers_to: tuple[tuple[str, str], ...]
    referred_by: tuple[tuple[str, str], ...]
    reaches: tuple[str, ...]
    reached_by: tuple[str, ...]
    replacing: tuple[Change, ...]
    failing: tuple[Finding, ...]


def explain(version: Version, name: str, environment: str = "") -> list[Explained]:
    """Return what is known of a resource, by its logical id, flat id, or Stack/Id.

    Several stacks may have a resource of that logical id: all are explained.

    Raises:
        UnknownResourceError: there is none, or no such environment.
    """
    given = environments(version.params)
    if environment and environment not in given:
        raise UnknownResourceError(
            f"There is no environment {environment!r}; there are: {', '.join(given)}."
        )
    found, known, unmade = [], set(), []
    for design in sets(version.templates):
        flat = flatten(design)
        by_name = {
            title: {title, str(origin), origin.logical_id}
            for title, origin in flat.origins.items()
            if title in flat.template["Resources"]
        }
        known |= set().union(*by_name.values())
        for title in (one for one, names in by_name.items() if name in names):
            for chosen in _environments(design, given, environment):
                resolved = resolve(flat, chosen.given, region=chosen.region)
                if resource := resolved.resources.get(title):
                    found.append(_explained(version, design, resolved, resource, chosen.name))
                    break
            else:
                unmade.append(str(flat.origins[title]))
    if unmade and not found:
        where = f"with the values of {environment}" if environment else "in any environment"
        raise UnknownResourceError(
            f"{' and '.join(unmade)}: not made {where}, as a condition doesn't hold."
        )
    if not found:
        close = difflib.get_close_matches(name, sorted(known), n=3)
        meant = f" Did you mean {' or '.join(close)}?" if close else ""
        unknown = f"There is no resource {name}." if name else "Which resource? Say ID=..."
        raise UnknownResourceError(f"{unknown}{meant}")
    return found


def _environments(
    design: TemplateSet, given: Mapping[str, Environment], name: str
) -> list[Environment]:
    """Return with whose values a resource is looked for, the first that makes it being told."""
    if name:
        return [given[name]]
    declared = design.templates[design.root].section("Parameters")
    fitting = [one for one in given.values() if declared.keys() & one.given.keys()]
    # Production's values say most about what would be lost.
    return sorted(fitting, key=lambda one: one.name != "prod") or [Environment("")]


def _explained(
    version: Version,
    design: TemplateSet,
    resolved: Resolved,
    resource: Resource,
    environment: str,
) -> Explained:
    file = resource.origin.file
    made = MADE_BY.match(version.templates[file])
    line = design.templates[file].line("Resources", resource.origin.logical_id)
    to = {
        (str(resolved.resources[title].origin), shown(path))
        for path, title, _ in resource.references
        if title in resolved.resources
    }
    by = {
        (str(other.origin), shown(path))
        for other in resolved.resources.values()
        for path, title, _ in other.references
        if title == resource.id
    }
    outward, inward = reaches(resolved, resource.id)
    anew = replacing(resolved, resource.id)
    return Explained(
        resource,
        environment,
        line,
        made[1] if made else "",
        tuple(sorted(to)),
        tuple(sorted(by)),
        tuple(outward),
        tuple(inward),
        anew,
        tuple(failures(anew, resolved, resolved)),
    )


def lines(told: Explained) -> Iterator[str]:
    """Yield what is known of a resource as lines."""
    resource = told.resource
    yield f"{resource.origin} ({resource.type})"
    where = f" with the values of {told.environment}" if told.environment else ""
    yield f"  {resource.origin.file}:{told.line}{where}"
    if told.module:
        yield f"  made by {told.module}"
    name = fixed_name(resource)
    if isinstance(name, str):
        yield f"  under the fixed name {name}, which nothing else can have"
    if resource.type.startswith("AWS::"):
        yield f"  {page(resource.type)}"
    for heading, rows in (
        ("refers to", told.refers_to),
        ("is referred to by", told.referred_by),
    ):
        if rows:
            yield f"  {heading}"
            yield from (f"    {other} ({where})" for other, where in rows)
    for heading, names in (("reaches", told.reaches), ("is reached by", told.reached_by)):
        if names:
            yield f"  {heading}"
            yield from (f"    {name}" for name in names)
    yield from _replacing(told)


def _replacing(told: Explained) -> Iterator[str]:
    yield "  replacing it"
    start, *others = sorted(told.replacing, key=lambda change: change.id != told.resource.id)
    if start.type in LOSSES:
        yield f"    loses {LOSSES[start.type]}; {REMAINS.get(remains(start), '')}"
    for failing in told.failing:
        if failing.id == start.id and isinstance(fixed_name(told.resource), str):
            yield "    fails under its fixed name; it needs another in the same update"
        else:
            yield f"    fails: {failing.text}"
    replaced = [change for change in others if change.replaced]
    changed = [change for change in others if not change.replaced]
    for change in replaced:
        lost = f": loses {LOSSES[change.type]}" if change.type in LOSSES else ""
        yield f"    replaces {change.name} ({change.type}){lost}"
    for change in changed:
        how = "gives a new revision to" if change.revision else "changes"
        yield f"    {how} {change.name} ({change.type})"
    if not others:
        yield "    changes nothing else"
