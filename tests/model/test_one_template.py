"""The design as one template makes what the nested design makes, in every environment."""

import re

import pytest
import yaml

import generate as command
from liberty_cfn import generation
from liberty_cfn.environments import load, names
from liberty_cfn.generation import generate, nested
from liberty_cfn.model.flattening import flatten
from liberty_cfn.model.loading import TemplateSet, from_texts
from liberty_cfn.model.one_template import one_template
from liberty_cfn.model.resolving import resolve

MAKES_NESTED = "AWS::CloudFormation::Stack"
# How a value that only AWS knows stands in a text, until it can be told again.
TOKEN = re.compile("(\0\\d+\0)")
PARTS = [part for name in names() for part in load(name).parts]


@pytest.fixture(scope="module")
def texts():
    return nested(generate())


@pytest.fixture(scope="module")
def design(texts):
    return from_texts(texts)


@pytest.fixture(scope="module")
def flat(design):
    return flatten(design)


class Stacks:
    """The nested design resolved as CloudFormation does it: one stack after another.

    Each stack is a template of its own. It is given its parameters as texts, and tells its
    outputs; nothing of how they are flattened is used.
    """

    def __init__(self, design, environment):
        self.design, self.environment = design, environment
        self.symbols = []
        self.resources, self.outputs, self.waits = {}, {}, {}

    def resolved(self):
        root = self._one(self.design.root, self.environment.settings)
        waiting = [r for r in root.resources.values() if r.type == MAKES_NESTED]
        while waiting:
            ready = next(r for r in waiting if not self._missing(r))
            waiting.remove(ready)
            self._nest(ready)
        for title, resource in root.resources.items():
            if resource.type != MAKES_NESTED:
                self.resources[title] = self._told(resource.body)
        return {name: self._told(self._fed(value)) for name, value in root.outputs.items()}

    def _one(self, file, values):
        alone = TemplateSet(file, {file: self.design.templates[file]})
        where = {"region": self.environment.region, "account": self.environment.account}
        return resolve(flatten(alone), values, **where)

    def _missing(self, stack):
        return [
            name
            for name in re.findall(
                r"'Fn::GetAtt': \['(\w+)', 'Outputs\.", str(stack.properties)
            )
            if name not in self.outputs
        ]

    def _nest(self, stack):
        given = {
            name: self._as_text(self._fed(value))
            for name, value in stack.properties["Parameters"].items()
        }
        inside = self._one(stack.properties["TemplateURL"], given)
        for title, resource in inside.resources.items():
            self.resources[stack.id + title] = self._told(self._named(resource.body, stack.id))
            written = self.design.templates[resource.origin.file].body["Resources"][title]
            self.waits[stack.id + title] = {stack.id + t for t in _waits_for(written)}
        self.outputs[stack.id] = {
            name: self._named(value, stack.id) for name, value in inside.outputs.items()
        }

    def _fed(self, value):
        """Return an expression of the root's with the outputs of stacks put in."""
        if isinstance(value, list):
            return [self._fed(item) for item in value]
        if not isinstance(value, dict):
            return value
        if (asked := value.get("Fn::GetAtt")) and asked[1].startswith("Outputs."):
            return self.outputs[asked[0]][asked[1].removeprefix("Outputs.")]
        return {key: self._fed(item) for key, item in value.items()}

    def _as_text(self, value):
        if isinstance(value, dict) and "Fn::Join" in value:
            delimiter, parts = value["Fn::Join"]
            if isinstance(parts, list):
                return delimiter.join(self._as_text(part) for part in parts)
        if isinstance(value, dict):
            if value not in self.symbols:
                self.symbols.append(value)
            return f"\0{self.symbols.index(value)}\0"
        return str(value)

    def _told(self, value):
        """Return a value with what only AWS knows as expressions again."""
        if isinstance(value, dict):
            if "Fn::Join" in value and value["Fn::Join"][0] == "":
                return self._text([self._told(part) for part in value["Fn::Join"][1]])
            return {key: self._told(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._told(item) for item in value]
        return self._text([value]) if isinstance(value, str) else value

    def _text(self, parts):
        pieces = []
        for part in parts:
            if isinstance(part, str):
                found = [p for p in TOKEN.split(part) if p]
                pieces += [self._symbol(p) if TOKEN.fullmatch(p) else p for p in found]
            elif isinstance(part, dict) and part.get("Fn::Join", ["x"])[0] == "":
                pieces += part["Fn::Join"][1]
            else:
                pieces.append(part)
        merged = []
        for piece in pieces:
            if merged and isinstance(piece, str) and isinstance(merged[-1], str):
                merged[-1] += piece
            else:
                merged.append(piece)
        if len(merged) > 1:
            return {"Fn::Join": ["", merged]}
        return merged[0] if merged else ""

    def _symbol(self, token):
        return self._told(self.symbols[int(token.strip("\0"))])

    def _named(self, value, stack):
        """Return an expression of a nested stack's with its logical ids in front."""
        if isinstance(value, list):
            return [self._named(item, stack) for item in value]
        if not isinstance(value, dict):
            return value
        named = {}
        for key, item in value.items():
            if key == "Ref" and not item.startswith("AWS::"):
                named[key] = stack + item
            elif key == "Fn::GetAtt":
                named[key] = [stack + item[0], item[1]]
            else:
                named[key] = self._named(item, stack)
        return named


def _comparable(body):
    """Return a resource without the order of what it waits for."""
    return {key: value for key, value in body.items() if key != "DependsOn"}


def _waits_for(body):
    named = body.get("DependsOn", [])
    return {named} if isinstance(named, str) else set(named)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: f"{part.name}{part.named('')}")
def test_one_template_makes_what_the_nested_ones_make(design, flat, part):
    stacks = Stacks(design, part)
    outputs = stacks.resolved()
    one = resolve(flat, part.settings, region=part.region, account=part.account)
    assert one.resources.keys() == stacks.resources.keys()
    for title, resource in one.resources.items():
        assert _comparable(resource.body) == _comparable(stacks.resources[title]), title
        # What a stack waits for, each resource in it waits for.
        assert _waits_for(resource.body) >= stacks.waits.get(title, set()), title
    assert one.outputs == outputs
    assert len(one.resources) > 60


def test_one_template_has_no_stack_nested_in_it_and_the_roots_parameters(flat, design):
    root = design.templates["root.yaml"].body
    types = {resource["Type"] for resource in flat.template["Resources"].values()}
    assert MAKES_NESTED not in types
    assert flat.template["Parameters"] == root["Parameters"]
    assert flat.template["Outputs"].keys() == root["Outputs"].keys()
    assert flat.loose == ()


def test_one_template_is_within_the_limits(flat, texts):
    """Of CloudFormation; at four fifths of each, somebody has time to think."""
    assert len(one_template(texts).encode()) <= 0.8 * 1_000_000
    for section, limit in (("Resources", 500), ("Parameters", 200), ("Outputs", 200)):
        assert len(flat.template[section]) <= 0.8 * limit
    assert len(flat.template.get("Mappings", {})) <= 0.8 * 200
    assert all(len(title) <= 0.8 * 255 for title in flat.template["Resources"])


def test_generating_prints_one_template_and_writes_nothing(texts, capsys, monkeypatch):
    monkeypatch.setattr(generation, "write", None)
    assert command.main(["--flat"]) == 0
    printed = capsys.readouterr().out
    assert printed == one_template(texts)
    assert yaml.compose(printed, yaml.CSafeLoader) is not None
