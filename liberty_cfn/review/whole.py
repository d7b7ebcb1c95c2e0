"""What changes, or goes wrong, in a set or an environment as a whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from liberty_cfn.model.flattening import Flat
from liberty_cfn.model.loading import TemplateSet, nested_file
from liberty_cfn.model.parsing import Template
from liberty_cfn.review.comparing import equal, mapping
from liberty_cfn.review.findings import Finding, Kind

LIMITS_PAGE = (
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"
)
MOST = {"Resources": 500, "Parameters": 200, "Outputs": 200, "Mappings": 200}
LARGEST = 1_000_000  # bytes of a template that is read from S3
LONGEST_VALUE = 4096  # bytes of a parameter's value


def over_limits(design: TemplateSet, sizes: Mapping[str, int]) -> Iterator[Finding]:
    """Yield what of a set is larger than CloudFormation takes; `sizes` in bytes, by file."""
    for file, template in design.templates.items():
        for section, most in MOST.items():
            count = len(template.section(section))
            if count > most:
                text = f"{file} has {count} {section}; CloudFormation takes {most}"
                yield Finding(Kind.FAILS, "", text, LIMITS_PAGE)
        if sizes.get(file, 0) > LARGEST:
            text = f"{file} has {sizes[file]} bytes; CloudFormation takes {LARGEST}"
            yield Finding(Kind.FAILS, "", text, LIMITS_PAGE)


def not_followed(before: TemplateSet, after: TemplateSet) -> Iterator[Finding]:
    """Yield what changes in a set and isn't understood: macros, loops and the like."""
    for file, template in after.templates.items():
        old = before.templates.get(file)
        if old is None or old.body == template.body:
            continue
        for where, was, now in _macros(old, template):
            if was != now:
                text = f"{file}: {where} changes, and what that makes isn't known"
                yield Finding(Kind.UNKNOWN, "", text)


def ill_nested(design: TemplateSet) -> Iterator[Finding]:
    """Yield the nested stacks whose template isn't there, or takes not all it is given."""
    for file, template in design.templates.items():
        for title, body in template.section("Resources").items():
            below = nested_file(file, mapping(body))
            child = design.templates.get(below or "")
            where = f"{file}: Resources.{title}"
            if child is not None:
                given = mapping(mapping(mapping(body).get("Properties")).get("Parameters"))
                for name in () if "Transform" in child.body else given:
                    if name not in child.section("Parameters") and not name.startswith("Fn::"):
                        text = f"{where} gives {name}, which {below} doesn't take"
                        yield Finding(Kind.FAILS, "", text)
            # Of a file that is compared alone, those below aren't looked at.
            elif below and len(design.templates) > 1:
                yield Finding(Kind.FAILS, "", f"{where} takes {below}, which isn't there")


def _macros(before: Template, after: Template) -> Iterator[tuple[str, Any, Any]]:
    """Yield what only AWS can take apart: where, and what it was and is."""
    yield "Transform", before.body.get("Transform"), after.body.get("Transform")
    for section in ("Resources", "Outputs", "Conditions"):
        olds, news = before.section(section), after.section(section)
        for key in {**olds, **news}:
            if key.startswith("Fn::"):
                yield f"{section}.{key}", olds.get(key), news.get(key)


def exports_gone(before: Flat, after: Flat) -> Iterator[Finding]:
    """Yield what other stacks may import, and is no longer exported."""
    olds, news = _exports(before), _exports(after)
    for name, form in olds.items():
        if form not in news.values():
            text = f"the output {name} is no longer exported as {form}; should another stack "
            text += "import it, CloudFormation refuses"
            yield Finding(Kind.FAILS, "", text)


def outputs_gone(before: Flat, after: Flat) -> Iterator[Finding]:
    """Yield what the whole stack told, and no longer does."""
    exported = _exports(before)
    for name in mapping(before.template.get("Outputs")):
        if name not in mapping(after.template.get("Outputs")) and name not in exported:
            text = f"the stack's output {name} is gone: whoever reads it finds nothing"
            yield Finding(Kind.OPERATIONS, "", text)


def _exports(flat: Flat) -> dict[str, str]:
    found = {}
    for name, body in mapping(flat.template.get("Outputs")).items():
        exported = mapping(mapping(body).get("Export")).get("Name")
        if exported is not None:
            found[name] = exported if isinstance(exported, str) else json.dumps(exported)
    return found


def elsewhere(was: tuple[str, str], now: tuple[str, str]) -> Iterator[Finding]:
    """Yield what it means that an environment goes to another account or region.

    Each is an account and a region; a pin that is only set or taken away moves nothing.
    """
    accounts = [account for account in (was[0], now[0]) if account]
    moves = was[1] != now[1] or len(set(accounts)) > 1
    if moves:
        one, other = ("/".join(filter(None, place)) for place in (was, now))
        text = (
            f"from {one} to {other}: everything is made there, empty; what is in {one} stays, "
            "and is no longer deployed to"
        )
        yield Finding(Kind.LOSS, "", text)


def tagged(was: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what changes of a stack's tags, which its resources take on."""
    changed = [
        f"{name} {was.get(name, 'none')} → {now.get(name, 'none')}"
        for name in {**was, **now}
        if was.get(name) != now.get(name)
    ]
    if changed:
        text = f"tags of the stack, and of every resource that takes tags: {', '.join(changed)}"
        yield Finding(Kind.OPERATIONS, "", text)


def unfit(
    declared: Mapping[str, Any], given: Mapping[str, str], *, checked: bool
) -> Iterator[Finding]:
    """Yield what of an environment's values the root template doesn't take.

    `checked` is whether there are values at all: without, all stays open.
    """
    for name, body in declared.items() if checked else ():
        limits = mapping(body)
        if name not in given and "Default" not in limits:
            text = f"the parameter {name} has no value and no default"
            yield Finding(Kind.FAILS, "", text)
        value = given.get(name, "")
        if len(value.encode()) > LONGEST_VALUE:
            size = len(value.encode())
            text = f"the parameter {name} has {size} bytes; CloudFormation takes 4096"
            yield Finding(Kind.FAILS, "", text, LIMITS_PAGE)
        allowed = limits.get("AllowedValues")
        if name in given and allowed and not _allowed(value, allowed):
            text = f"the parameter {name} is {value}, which is not among its AllowedValues"
            yield Finding(Kind.FAILS, "", text)


def _allowed(value: str, allowed: Sequence[Any]) -> bool:
    return any(equal(value, one) for one in allowed)
