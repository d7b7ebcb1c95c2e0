"""The text of a template as plain data, with the line of everything in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from liberty_cfn.model.loops import written_out

YAML = "tag:yaml.org,2002:"
# A short tag is the function Fn::<tag>, but for these.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
NOT_FN = {"Ref": "Ref", "Condition": "Condition"}
Key = str | int
# Levels. No template comes near; what looks at one level by level would run out of stack.
DEEPEST = 100
TOO_DEEP = "nested too deeply to be a template"


class ParseError(Exception):
    """A file is no template. `line` is where, `why` says what was expected."""

    def __init__(self, file: str, line: int, why: str) -> None:
        super().__init__(f"{file}:{line}: {why}")
        self.file, self.line, self.why = file, line, why


@dataclass(frozen=True)
class Template:
    """A template: its file's name, and its body with functions and loops written in full.

    {"Ref": "Vpc"}, {"Fn::GetAtt": ["Vpc", "CidrBlock"]}, {"Fn::Sub": "..."}.
    """

    file: str
    body: dict[str, Any]
    _root: yaml.Node = field(repr=False, compare=False)

    def section(self, name: str) -> dict[str, Any]:
        """Return a section such as Resources; empty where there is none."""
        found = self.body.get(name)
        return found if isinstance(found, dict) else {}

    def line(self, *path: Key) -> int:
        """Return the line of what is at `path`; of the nearest above it that there is."""
        node, line = self._root, 1
        for step in path:
            below = _below(node, step)
            if below is None:
                break
            line, node = below
        return line


def parse(text: str, file: str) -> Template:
    """Return the template that `text` is, in YAML or JSON.

    Raises:
        ParseError: it is neither, has a key twice, or is no mapping.
    """
    # Tabs are fine in JSON, and CloudFormation takes them; YAML does not.
    tabs_mean_nothing = text.lstrip().startswith("{")
    text = text.replace("\t", " ") if tabs_mean_nothing else text
    try:
        return _template(text, file)
    except RecursionError as error:
        raise ParseError(file, 1, TOO_DEEP) from error


def misshapen(template: Template) -> ParseError | None:
    """Return why CloudFormation wouldn't read a template as one: what isn't a resource there.

    What a macro writes isn't looked at.
    """
    if "Resources" not in template.body:
        return None
    resources = template.body["Resources"]
    if not isinstance(resources, dict):
        return _amiss(template, "expected resources by their names", "Resources")
    written = "Transform" in template.body
    for title, body in resources.items():
        where = "Resources", title
        if title.startswith("Fn::") or (written and not isinstance(body, dict)):
            continue
        if not isinstance(body, dict):
            return _amiss(
                template, f"{title} is no resource: expected Type, Properties", *where
            )
        if not isinstance(body.get("Type"), str) and not written:
            return _amiss(template, f"{title} has no Type, such as AWS::S3::Bucket", *where)
        if not isinstance(body.get("Properties", {}), dict | None):
            why = f"{title}: expected properties by their names"
            return _amiss(template, why, *where, "Properties")
    return None


def _amiss(template: Template, why: str, *place: Key) -> ParseError:
    return ParseError(template.file, template.line(*place), why)


def _template(text: str, file: str) -> Template:
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        why = f"no YAML or JSON: {error.problem or error.context}"
        raise ParseError(file, line, why) from error
    except yaml.YAMLError as error:
        raise ParseError(file, 1, f"no YAML or JSON: {error}") from error
    if not isinstance(root, yaml.MappingNode):
        raise ParseError(file, 1, "no template: expected a mapping with Resources")
    return Template(file, written_out(_plain(root, file)), root)


def _plain(node: yaml.Node, file: str, depth: int = 0) -> Any:
    """Return a node as plain data."""
    if depth > DEEPEST:
        raise ParseError(file, node.start_mark.line + 1, TOO_DEEP)
    tag = node.tag
    if tag.startswith("!"):
        return _call(tag[1:], node, file, depth)
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key, value in node.value:
            name = str(key.value)
            if name in mapping:
                raise ParseError(file, key.start_mark.line + 1, f"{name} stands here twice")
            mapping[name] = _plain(value, file, depth + 1)
        return _written_out(mapping)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, file, depth + 1) for item in node.value]
    return _scalar(tag, node.value)


def _scalar(tag: str, text: str) -> Any:
    if tag == f"{YAML}int":
        return _number(text)
    if tag == f"{YAML}bool":
        return text.lower() in ("true", "yes", "on")
    if tag == f"{YAML}float":
        return float(text.replace("_", ""))
    # A date is text to CloudFormation.
    return None if tag == f"{YAML}null" else text


def _number(text: str) -> int | str:
    # 010 and 1:30 are numbers of a kind to YAML; CloudFormation's authors mean the text.
    plain = text.lstrip("+-").isdecimal() and (text.lstrip("+-") == "0" or text[0] != "0")
    return int(text) if plain else text


def _call(name: str, node: yaml.Node, file: str, depth: int) -> dict[str, Any]:
    """Return the function that a short tag calls, written in full."""
    if isinstance(node, yaml.ScalarNode):
        argument: Any = node.value
        if name == "GetAtt":
            resource, _, attribute = argument.partition(".")
            return {"Fn::GetAtt": [resource, attribute]}
    else:
        kind = "seq" if isinstance(node, yaml.SequenceNode) else "map"
        untagged = type(node)(f"{YAML}{kind}", node.value, node.start_mark, node.end_mark)
        argument = _plain(untagged, file, depth)
    return {NOT_FN.get(name, f"Fn::{name}"): argument}


def _written_out(mapping: dict[str, Any]) -> dict[str, Any]:
    """Return {"Fn::GetAtt": "Vpc.CidrBlock"} with its argument as a list."""
    attribute = mapping.get("Fn::GetAtt")
    if len(mapping) == 1 and isinstance(attribute, str):
        resource, _, name = attribute.partition(".")
        return {"Fn::GetAtt": [resource, name]}
    return mapping


def _below(node: yaml.Node, step: Key) -> tuple[int, yaml.Node] | None:
    """Return what is one step below a node: its line, and itself.

    A function called by its short tag is its own argument: "Fn::If" of !If.
    """
    if node.tag.startswith("!") and step == f"Fn::{node.tag[1:]}":
        return node.start_mark.line + 1, node
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(step):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        found = node.value[step]
        return found.start_mark.line + 1, found
    return None
