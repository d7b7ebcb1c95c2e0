"""What changes, or goes wrong, in a set or an environment as a whole."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from operator import ge, le
from typing import Any

from liberty_cfn.model.flattening import LISTS, Flat
from liberty_cfn.model.loading import TemplateSet, nested_file
from liberty_cfn.model.loops import LANGUAGE
from liberty_cfn.model.parsing import Template
from liberty_cfn.review.comparing import canonical, equal, mapping, number
from liberty_cfn.review.findings import Finding, Kind
from liberty_cfn.review.spelling import listed, spelled

LIMITS_PAGE = (
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"
)
PARAMETERS_PAGE = (
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/"
    "parameters-section-structure.html"
)
EXPORTS_PAGE = (
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/"
    "using-cfn-stack-exports.html"
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
    yield "Transform", _transforms(before), _transforms(after)
    yield "Rules", before.body.get("Rules"), after.body.get("Rules")
    for section in ("Resources", "Outputs", "Conditions"):
        olds, news = before.section(section), after.section(section)
        for key in {**olds, **news}:
            if key.startswith("Fn::"):
                yield f"{section}.{key}", olds.get(key), news.get(key)


def _transforms(template: Template) -> list[Any]:
    """Return the macros that take a template apart, but the one that is followed here."""
    return [macro for macro in listed(template.body.get("Transform")) if macro != LANGUAGE]


def readable(before: TemplateSet, after: TemplateSet) -> Iterator[Finding]:
    """Yield parameters whose value anybody can read who may look at the stack (NoEcho)."""
    for file, template in after.templates.items():
        if file not in before.templates:
            continue
        olds = before.templates[file].section("Parameters")
        for name, body in template.section("Parameters").items():
            was, now = (equal(mapping(b).get("NoEcho"), "true") for b in (olds.get(name), body))
            if was and not now:
                text = (
                    f"{file}: the parameter {name} without NoEcho: who may look at the stack "
                )
                text += "reads its value"
                yield Finding(Kind.WEAKENED, "", text, PARAMETERS_PAGE)


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


def outputs_changed(before: Flat, after: Flat) -> Iterator[Finding]:
    """Yield what the whole stack tells otherwise than before."""
    olds, news = mapping(before.template.get("Outputs")), mapping(after.template.get("Outputs"))
    was, now = _exports(before), _exports(after)
    for name in news:
        if name not in olds:
            continue
        one, other = mapping(olds[name]).get("Value"), mapping(news[name]).get("Value")
        if equal(one, other):
            continue
        text = (
            f"the stack's output {name} tells another value: {spelled(one)} → {spelled(other)}"
        )
        if name in was and was.get(name) == now.get(name):
            text += f"; should another stack import {was[name]}, CloudFormation refuses"
            yield Finding(Kind.FAILS, "", text, EXPORTS_PAGE)
        else:
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
        value = given.get(name, default_of(limits))
        if len(value.encode()) > LONGEST_VALUE:
            size = len(value.encode())
            text = f"the parameter {name} has {size} bytes; CloudFormation takes 4096"
            yield Finding(Kind.FAILS, "", text, LIMITS_PAGE)
        # Of what nobody is to see, nothing is known here.
        known = (name in given or "Default" in limits) and not equal(
            limits.get("NoEcho"), "true"
        )
        for why in _refused(value, limits) if known else ():
            yield Finding(Kind.FAILS, "", f"the parameter {name} is {value}, {why}")


def default_of(limits: Mapping[str, Any]) -> str:
    """Return what counts where a parameter isn't given, as the text it is."""
    value = canonical(limits.get("Default", ""))
    return value if isinstance(value, str) else ""


def newly_asked(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield the parameters that are new and have to be given; by whom, nobody knows here."""
    for name, body in after.items():
        if name not in before and "Default" not in mapping(body):
            text = f"the parameter {name} is new, without a default: an update has to give it"
            yield Finding(Kind.UNKNOWN, "", text)


def _refused(value: str, limits: Mapping[str, Any]) -> Iterator[str]:
    """Yield why a parameter doesn't take a value."""
    kind = str(limits.get("Type", ""))
    listed = kind.startswith(LISTS)
    items = [item.strip() for item in value.split(",")] if listed else [value]
    allowed = limits.get("AllowedValues")
    if allowed and not all(any(equal(item, one) for one in allowed) for item in items):
        yield "which is not among its AllowedValues"
    pattern = limits.get("AllowedPattern")
    if isinstance(pattern, str) and not all(_matches(pattern, item) for item in items):
        yield f"which its AllowedPattern doesn't match: {pattern}"
    for key, bound, within in (
        ("MinLength", number(len(value)), ge),
        ("MaxLength", number(len(value)), le),
        ("MinValue", number(value), ge),
        ("MaxValue", number(value), le),
    ):
        limit = number(limits.get(key))
        if limit is not None and bound is not None and not within(bound, limit):
            yield f"against its {key} {limits[key]}"
    if "Number" in kind and any(number(item) is None for item in items):
        yield "which is no number"


def _matches(pattern: str, value: str) -> bool:
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:  # one of Java's, which isn't Python's
        return True
