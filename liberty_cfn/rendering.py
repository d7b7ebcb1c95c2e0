"""A template as the YAML we commit.

The same Python always renders the same bytes, in the order it was written, so
that a pull request shows what will change in AWS and nothing else.
"""

from __future__ import annotations

from typing import Any

import yaml
from troposphere import Template

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
WIDTH = 100
SHORT = 60
YAML = "tag:yaml.org,2002:"


def render(template: Template, source: str) -> str:
    """Render `template` as YAML whose first line says that it comes from `source`."""
    body = {"AWSTemplateFormatVersion": "2010-09-09", **template.to_dict()}
    return f"# Generated from {source} by `make templates`; edit that instead.\n{as_yaml(body)}"


def as_yaml(template: dict[str, Any]) -> str:
    """Return a template's body as YAML, in the order in which people read it."""
    body = dict(template)
    body["Resources"] = {
        title: {key: resource[key] for key in ATTRIBUTES if key in resource}
        for title, resource in body["Resources"].items()
    }
    document = {section: body[section] for section in SECTIONS if section in body}
    text: str = yaml.serialize(_node(document), Dumper=yaml.CSafeDumper, width=WIDTH)
    return text


def _node(value: Any) -> yaml.Node:
    """Return `value` as a node of YAML, with functions in their short form."""
    if isinstance(value, dict):
        if (called := _function(value)) is not None:
            return _call(*called)
        pairs = [(_node(str(key)), _node(item)) for key, item in value.items()]
        return yaml.MappingNode(f"{YAML}map", pairs, flow_style=not value)
    if isinstance(value, list):
        return yaml.SequenceNode(f"{YAML}seq", [_node(i) for i in value], flow_style=not value)
    if isinstance(value, bool):
        return yaml.ScalarNode(f"{YAML}bool", str(value).lower())
    if isinstance(value, int):
        return yaml.ScalarNode(f"{YAML}int", str(value))
    return yaml.ScalarNode(f"{YAML}str", value, style="|" if "\n" in value else None)


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
    for part in parts:
        if isinstance(part, str):
            text += part.replace("${", "${!")
        elif isinstance(part, dict) and part.keys() == {"Ref"}:
            text += f"${{{part['Ref']}}}"
        elif isinstance(part, dict) and part.keys() == {"Fn::GetAtt"}:
            text += f"${{{'.'.join(part['Fn::GetAtt'])}}}"
        else:
            return None
    return text


def _call(name: str, argument: Any) -> yaml.Node:
    node = _node(argument)
    node.tag = f"!{name}"
    if isinstance(node, yaml.SequenceNode):
        short = all(isinstance(item, yaml.ScalarNode) for item in node.value)
        node.flow_style = short and sum(len(item.value) for item in node.value) < SHORT
    return node
