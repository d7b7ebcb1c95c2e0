"""A template as the YAML we commit.

The same Python always renders the same bytes, in the order it was written, so
that a pull request shows what will change in AWS and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import yaml
from troposphere import AWSHelperFn, BaseAWSObject, Template
from yaml.resolver import Resolver

SECTIONS = (
    "AWSTemplateFormatVersion",
    "Description",
    "Metadata",
    "Parameters",
    "Mappings",
    "Conditions",
    "Resources",
    "Outputs",
)
ATTRIBUTES = (
    "Type",
    "Condition",
    "DependsOn",
    "DeletionPolicy",
    "UpdateReplacePolicy",
    "Metadata",
    "Properties",
)
# What YAML has of itself.
PLAIN = (str, dict, list, tuple, int)
WIDTH = 100
SHORT = 60
TEXT = "tag:yaml.org,2002:str"


def render(template: Template, source: str) -> str:
    """Render `template` as YAML whose first line says that it comes from `source`."""
    body = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": template.description,
        "Metadata": template.metadata,
        "Parameters": template.parameters,
        "Mappings": template.mappings,
        "Conditions": template.conditions,
        "Resources": template.resources,
        "Outputs": template.outputs,
    }
    return f"# Generated from {source} by `make templates`; edit that instead.\n{as_yaml(body)}"


def as_yaml(template: Mapping[str, Any]) -> str:
    """Return a template's body as YAML, in the order in which people read it."""
    body = dict(template)
    opened = {title: _opened(resource) for title, resource in body["Resources"].items()}
    body["Resources"] = {
        title: {key: resource[key] for key in ATTRIBUTES if resource.get(key)}
        for title, resource in opened.items()
    }
    document = {section: body[section] for section in SECTIONS if body.get(section)}
    events: list[yaml.Event] = [yaml.StreamStartEvent(), yaml.DocumentStartEvent()]
    _say(document, events)
    events += [yaml.DocumentEndEvent(), yaml.StreamEndEvent()]
    text: str = yaml.emit(events, Dumper=yaml.CSafeDumper, width=WIDTH)
    return text


def _opened(value: Any) -> Any:
    """Return what an object of troposphere or awacs holds, and `value` if it is none.

    So does their to_dict(), but for all that is in it as well, at each level again.
    """
    while not isinstance(value, PLAIN):
        if isinstance(value, BaseAWSObject):
            value._validate_props()  # noqa: SLF001 - what to_dict() does
            value.validate()
            value = value.resource
        elif isinstance(value, AWSHelperFn):
            plain = type(value).to_dict is AWSHelperFn.to_dict
            value = value.data if plain else value.to_dict()
        elif hasattr(value, "JSONrepr"):
            value = value.JSONrepr()
        else:
            return value
    return value


def _say(value: Any, events: list[yaml.Event], tag: str | None = None) -> None:
    """Append the events that write `value`: what `tag` says is called with it, if any is.

    PyYAML's own way from values to events takes twice as long, and knows no functions.
    """
    value = _opened(value)
    if isinstance(value, dict):
        if tag is None and (called := _function(value)) is not None:
            name, argument = called
            _say(argument, events, f"!{name}")
            return
        events.append(yaml.MappingStartEvent(None, tag, tag is None, flow_style=not value))
        for key, item in value.items():
            events.append(_word(str(key), None))
            _say(item, events)
        events.append(yaml.MappingEndEvent())
    elif isinstance(value, (list, tuple)):
        start = yaml.SequenceStartEvent(None, tag, tag is None, flow_style=not value)
        events.append(start)
        first = len(events)
        for item in value:
            _say(item, events)
        if tag is not None:
            start.flow_style = _is_short(events[first:], len(value))
        events.append(yaml.SequenceEndEvent())
    else:
        events.append(_word(value, tag))


def _is_short(said: list[yaml.Event], items: int) -> bool:
    """Whether `said`, that many items, are words that fit in a line."""
    words = [event for event in said if isinstance(event, yaml.ScalarEvent)]
    return len(said) == items and sum(len(word.value) for word in words) < SHORT


@lru_cache(maxsize=None, typed=True)
def _word(value: Any, tag: str | None) -> yaml.Event:
    """Return the event that writes `value`, quoted if it would be taken for something else."""
    if isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, int):
        text = str(value)
    else:
        text = value
    quotable = text is value
    plain = not quotable or _taken_for(text) == TEXT
    implicit = (False, False) if tag else (plain, quotable)
    return yaml.ScalarEvent(None, tag, implicit, text, style="|" if "\n" in text else None)


def _taken_for(text: str) -> str:
    """Return the tag of what YAML takes `text` for where it isn't quoted."""
    tag: str = Resolver().resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    return tag


def _function(value: dict[str, Any]) -> tuple[str, Any] | None:
    """Return the function that `value` calls, by its short name, and its argument."""
    if len(value) != 1:
        return None
    ((key, argument),) = value.items()
    if key == "Ref":
        return "Ref", argument
    if key == "Fn::GetAtt":
        return "GetAtt", ".".join(argument)
    if key == "Fn::Join" and (text := _as_sub(*argument)) is not None:
        return "Sub", text
    return (key.removeprefix("Fn::"), argument) if key.startswith("Fn::") else None


def _as_sub(delimiter: str, parts: Any) -> str | None:
    """Return the text of a Sub that reads better than this Join, if there is one."""
    if delimiter or not isinstance(parts, list):
        return None
    text = ""
    for part in map(_opened, parts):
        if isinstance(part, str):
            text += part.replace("${", "${!")
        elif isinstance(part, dict) and part.keys() == {"Ref"}:
            text += f"${{{part['Ref']}}}"
        elif isinstance(part, dict) and part.keys() == {"Fn::GetAtt"}:
            text += f"${{{'.'.join(part['Fn::GetAtt'])}}}"
        else:
            return None
    return text
