"""A nested set as one template that makes the same resources.

The parameters of a nested stack become the values it is given, its outputs the expressions
behind them, and its logical ids, conditions and mappings get its own logical id in front:
`Vpc` of the stack `Network` is `NetworkVpc`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from liberty_cfn.model import subs
from liberty_cfn.model.loading import NESTED, TemplateSet
from liberty_cfn.model.parsing import Template

OUTPUTS = "Outputs."
LISTS = ("CommaDelimitedList", "List<")
# What is made after something that it doesn't refer to: in one template it has to say so.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-dependson.html
UNSAID = {
    "AWS::EC2::EIP": ("AWS::EC2::VPCGatewayAttachment",),
    # Its tasks need a way to their image.
    "AWS::ECS::Service": ("AWS::EC2::Route",),
}
# What a resource has beside its type and condition, which are written anew.
WRITTEN_ANEW = ("Type", "Condition", "DependsOn")


@dataclass(frozen=True)
class Origin:
    """Where a resource stands: the stacks to it, its own logical id there, and the file."""

    path: tuple[str, ...]
    logical_id: str
    file: str

    def __str__(self) -> str:
        return "/".join((*self.path, self.logical_id))


@dataclass(frozen=True)
class Loose:
    """An end that leads nowhere: a parameter nobody gives, an output that isn't there."""

    file: str
    place: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Flat:
    """One template for a nested set; `origins` has every resource's, by its flat id.

    What can't be followed is in `loose`; where there is any, CloudFormation would refuse
    the template.
    """

    template: dict[str, Any]
    origins: Mapping[str, Origin]
    loose: tuple[Loose, ...] = ()

    @cached_property
    def constant(self) -> Collection[int]:
        """The ids of what of its resources hangs on no parameter: the same with any values."""
        found: set[int] = set()
        resources = self.template.get("Resources", {})
        _constant(resources, resources.keys() - self.template.get("Parameters", {}), found)
        return found

    @cached_property
    def looking_up(self) -> Collection[str]:
        """The resources that look anything up in Mappings."""
        resources = self.template.get("Resources", {})
        return {title for title, body in resources.items() if "Fn::FindInMap" in repr(body)}


def _constant(value: Any, made: Collection[str], found: set[int]) -> bool:
    """Whether a value is all there; if so, its id is found, and all in it.

    What refers to one of the resources that are `made` stays as it is.
    """
    if isinstance(value, str):
        return subs.DYNAMIC not in value
    if not isinstance(value, dict | list):
        return True
    items = value.values() if isinstance(value, dict) else value
    # All of them are looked at: what is in one that calls may call nothing itself.
    calling = [item for item in items if not _constant(item, made, found)]
    if calling or (isinstance(value, dict) and _asks(value, made)):
        return False
    found.add(id(value))
    return True


def _asks(value: Mapping[str, Any], made: Collection[str]) -> bool:
    """Whether a mapping is a function that gives something else than itself."""
    named = value.get("Ref")
    refers = "Fn::GetAtt" in value or (isinstance(named, str) and named in made)
    if len(value) == 1 and refers:
        return False
    return any(key == "Ref" or key.startswith("Fn::") for key in value)


@dataclass
class _Stack:
    """A stack of the set, on the way to being flat."""

    template: Template
    path: tuple[str, ...] = ()
    parent: _Stack | None = None
    resource: dict[str, Any] = field(default_factory=dict)
    condition: str = ""
    children: dict[str, _Stack] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        return "".join(self.path)

    def flat(self, name: str) -> str:
        return self.prefix + name


def flatten(design: TemplateSet) -> Flat:
    """Return the one template that makes the same resources as the nested set."""
    return _Flattening(design).flat()


class _Flattening:
    """The state of one run: what is being followed, and the loose ends found."""

    def __init__(self, design: TemplateSet) -> None:
        self.design = design
        self.conditions: dict[str, Any] = {}
        self.loose: dict[Loose, None] = {}
        self.following: set[tuple[tuple[str, ...], str, str]] = set()
        self.known: dict[tuple[tuple[str, ...], str, str], Any] = {}
        self.root = self._stack(design.templates[design.root])

    def flat(self) -> Flat:
        root = self.root.template.body
        stacks = list(_walk(self.root))
        for stack in stacks:
            for name, body in stack.template.section("Conditions").items():
                self.conditions[stack.flat(name)] = self._condition(body, stack, name)
        mappings = {
            stack.flat(name): mapping
            for stack in stacks
            for name, mapping in stack.template.section("Mappings").items()
        }
        resources: dict[str, Any] = {}
        origins: dict[str, Origin] = {}
        for stack in stacks:
            for title, body in stack.template.section("Resources").items():
                if title in stack.children or not isinstance(body, dict):
                    continue
                flat = stack.flat(title)
                if flat in resources:
                    why = f"{flat} is what {origins[flat]} is called in one template, too"
                    self._note(stack, ("Resources", title), why)
                resources[flat] = self._resource(title, body, stack)
                origins[flat] = Origin(stack.path, title, stack.template.file)
        outputs = {
            name: self._output(name, body)
            for name, body in self.root.template.section("Outputs").items()
        }
        made: dict[str, Any] = {
            "AWSTemplateFormatVersion": root.get("AWSTemplateFormatVersion"),
            "Description": root.get("Description"),
            "Transform": root.get("Transform"),
            "Metadata": root.get("Metadata"),
            "Parameters": self.root.template.section("Parameters"),
            "Rules": root.get("Rules"),
            "Mappings": mappings,
            "Conditions": self.conditions,
            "Resources": resources,
            "Outputs": outputs,
        }
        template = {section: body for section, body in made.items() if body}
        return Flat(template, origins, tuple(self.loose))

    def _stack(
        self,
        template: Template,
        path: tuple[str, ...] = (),
        parent: _Stack | None = None,
        resource: dict[str, Any] | None = None,
    ) -> _Stack:
        stack = _Stack(template, path, parent, resource or {})
        above = {template.file} | {s.template.file for s in _above(stack)}
        for title, body in template.section("Resources").items():
            if not isinstance(body, dict) or body.get("Type") != NESTED:
                continue
            if (file := self.design.child(template.file, body)) is None:
                continue
            if file in above:
                self._note(stack, ("Resources", title), f"{file} would nest itself")
                continue
            stack.children[title] = self._stack(
                self.design.templates[file], (*path, title), stack, body
            )
        return stack

    def _note(self, stack: _Stack, place: tuple[str, ...], why: str) -> None:
        self.loose[Loose(stack.template.file, place, why)] = None

    def _condition(self, body: Any, stack: _Stack, name: str) -> Any:
        made = self._rewrite(body, stack, ("Conditions", name))
        if resource := _resource_in(made, self.root.template.section("Parameters")):
            why = f"depends on {resource}, which is known only when there is a resource"
            self._note(stack, ("Conditions", name), why)
        return made

    def _resource(self, title: str, body: dict[str, Any], stack: _Stack) -> dict[str, Any]:
        place = ("Resources", title)
        made: dict[str, Any] = {"Type": body.get("Type")}
        own = body.get("Condition")
        self._declared("Conditions", own, stack, place)
        if condition := self._both(self._wanted(stack), own, stack):
            made["Condition"] = condition
        waits = (*self._depends(title, body, stack), *_unsaid(body, stack))
        if depends := list(dict.fromkeys(waits)):
            made["DependsOn"] = depends[0] if len(depends) == 1 else depends
        for key, value in body.items():
            if key not in WRITTEN_ANEW:
                made[key] = self._rewrite(value, stack, place)
        return made

    def _wanted(self, stack: _Stack) -> str:
        """Return the condition under which the stack itself is made; empty for always."""
        if stack.parent is None:
            return ""
        above = self._wanted(stack.parent)
        return self._both(above, stack.resource.get("Condition"), stack.parent)

    def _both(self, above: str, own: Any, stack: _Stack) -> str:
        own = stack.flat(own) if isinstance(own, str) else ""
        if not above or not own:
            return above or own
        both = f"{above}And{own}"
        self.conditions.setdefault(
            both, {"Fn::And": [{"Condition": above}, {"Condition": own}]}
        )
        return both

    def _depends(self, waiting: str, body: Mapping[str, Any], stack: _Stack) -> Iterator[str]:
        """Yield the flat ids that a resource waits for, as its stack and itself say."""
        if stack.parent is not None:
            yield from self._depends(stack.path[-1], stack.resource, stack.parent)
        named = body.get("DependsOn")
        titles = named if isinstance(named, list) else [named]
        for title in [title for title in titles if isinstance(title, str)]:
            if title in stack.children:
                for below in _walk(stack.children[title]):
                    inside = below.template.section("Resources")
                    yield from (below.flat(t) for t in inside if t not in below.children)
            else:
                if title not in stack.template.section("Resources"):
                    self._note(
                        stack, ("Resources", waiting), f"there is no {title} to wait for"
                    )
                yield stack.flat(title)

    def _output(self, name: str, body: Any) -> Any:
        if not isinstance(body, dict):
            return body
        self._declared("Conditions", body.get("Condition"), self.root, ("Outputs", name))
        return {
            key: value
            if key == "Condition"
            else self._rewrite(value, self.root, ("Outputs", name))
            for key, value in body.items()
        }

    def _rewrite(self, value: Any, stack: _Stack, place: tuple[str, ...]) -> Any:
        """Return an expression of a stack's, as the one template says it."""
        if isinstance(value, list):
            return [self._rewrite(item, stack, place) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((function, argument),) = value.items()
            if (rewrite := self._rewriting(function, argument)) is not None:
                return rewrite(argument, stack, place)
        return {key: self._rewrite(item, stack, place) for key, item in value.items()}

    def _rewriting(self, function: str, argument: Any) -> Callable[..., Any] | None:
        """Return what rewrites a call of `function`, if it isn't like any other mapping."""
        if isinstance(argument, str):
            by_name = {"Ref": self._ref, "Condition": self._named, "Fn::Sub": self._text}
            return by_name.get(function)
        if not isinstance(argument, list):
            return None
        with_list: dict[str, Callable[..., Any]] = {
            "Fn::GetAtt": self._attribute,
            "Fn::Sub": self._text,
            "Fn::Join": self._joined,
            "Fn::If": partial(self._first_named, "Fn::If"),
            "Fn::FindInMap": partial(self._first_named, "Fn::FindInMap"),
        }
        return with_list.get(function)

    def _declared(self, section: str, name: Any, stack: _Stack, place: tuple[str, ...]) -> None:
        """Note that a stack names a condition or a mapping that it doesn't have."""
        if isinstance(name, str) and name not in stack.template.section(section):
            self._note(stack, place, f"there is no {name} in {section}")

    def _named(self, name: str, stack: _Stack, place: tuple[str, ...]) -> Any:
        self._declared("Conditions", name, stack, place)
        return {"Condition": stack.flat(name)}

    def _first_named(
        self, function: str, argument: list[Any], stack: _Stack, place: tuple[str, ...]
    ) -> Any:
        """Return a call whose first argument is a condition's or a mapping's name."""
        first, *rest = argument or [None]
        section = "Conditions" if function == "Fn::If" else "Mappings"
        # A macro may bring mappings along, and so may a default stand in for one.
        if not stack.template.body.get("Transform"):
            self._declared(section, first, stack, place)
        named = stack.flat(first) if isinstance(first, str) else first
        return {function: [named, *self._rewrite(rest, stack, place)]}

    def _joined(self, argument: list[Any], stack: _Stack, place: tuple[str, ...]) -> Any:
        return _joined(self._rewrite(argument, stack, place))

    def _ref(self, name: str, stack: _Stack, place: tuple[str, ...]) -> Any:
        if name.startswith("AWS::"):
            return {"Ref": name}
        if name in stack.template.section("Parameters"):
            return {"Ref": name} if stack.parent is None else self._argument(name, stack)
        if name not in stack.template.section("Resources"):
            self._note(stack, place, f"there is no {name} to refer to")
        elif name in stack.children:
            self._note(stack, place, f"{name} is a stack, of which only outputs can be used")
        return {"Ref": stack.flat(name)}

    def _argument(self, name: str, stack: _Stack) -> Any:
        """Return what a nested stack's parameter stands for."""
        return self._followed(stack, "Parameters", name, self._given)

    def _given(self, name: str, stack: _Stack) -> Any:
        declared = stack.template.section("Parameters").get(name)
        declared = declared if isinstance(declared, dict) else {}
        properties = stack.resource.get("Properties")
        given = properties.get("Parameters") if isinstance(properties, dict) else None
        place = ("Resources", stack.path[-1])
        if isinstance(given, dict) and name in given and stack.parent is not None:
            value = self._rewrite(given[name], stack.parent, place)
        elif "Default" in declared:
            value = declared["Default"]
        else:
            if stack.parent is not None:
                self._note(stack.parent, place, f"{name} of {stack.template.file} isn't given")
            return {"Ref": stack.flat(name)}
        value = _as_text(value)
        kind = str(declared.get("Type", ""))
        if kind.startswith(subs.FROM_SSM):
            value = subs.from_ssm(_pieces_of(value))
            kind = kind.removeprefix(subs.FROM_SSM)
            return {"Fn::Split": [",", value]} if kind.startswith(LISTS) else value
        return _listed(value) if kind.startswith(LISTS) else value

    def _attribute(self, argument: list[Any], stack: _Stack, place: tuple[str, ...]) -> Any:
        resource, *steps = argument or [None]
        child = stack.children.get(resource) if isinstance(resource, str) else None
        attribute = ".".join(steps) if all(isinstance(s, str) for s in steps) else None
        if child is not None and attribute is not None and attribute.startswith(OUTPUTS):
            name = attribute.removeprefix(OUTPUTS)
            if isinstance(child.template.section("Outputs").get(name), dict):
                return self._followed(child, "Outputs", name, self._told)
            why = f"{child.template.file} has no output {name}"
            self._note(stack, place, why)
        elif isinstance(resource, str) and resource not in stack.template.section("Resources"):
            self._note(stack, place, f"there is no {resource} to refer to")
        flat = stack.flat(resource) if isinstance(resource, str) else resource
        named = attribute if attribute is not None else self._rewrite(steps[0], stack, place)
        return {"Fn::GetAtt": [flat, named]}

    def _told(self, name: str, stack: _Stack) -> Any:
        body = stack.template.section("Outputs")[name]
        return self._rewrite(body.get("Value"), stack, ("Outputs", name))

    def _followed(self, stack: _Stack, section: str, name: str, follow: Any) -> Any:
        """Return what `follow` finds, once; a circle is a loose end."""
        key = (stack.path, section, name)
        if key not in self.known:
            if key in self.following:
                self._note(stack, (section, name), f"{name} is made of itself, in a circle")
                return {"Ref": stack.flat(name)}
            self.following.add(key)
            self.known[key] = follow(name, stack)
            self.following.discard(key)
        return self.known[key]

    def _text(self, argument: Any, stack: _Stack, place: tuple[str, ...]) -> Any:
        found: list[Any] = []
        for piece in subs.pieces(argument):
            if isinstance(piece, str):
                found.append(piece)
            else:
                found += _pieces_of(self._rewrite(piece, stack, place))
        return subs.expression(found)


def _walk(stack: _Stack) -> Iterator[_Stack]:
    yield stack
    for child in stack.children.values():
        yield from _walk(child)


def _above(stack: _Stack) -> Iterator[_Stack]:
    while stack.parent is not None:
        stack = stack.parent
        yield stack


def _unsaid(body: Mapping[str, Any], stack: _Stack) -> Iterator[str]:
    """Yield what a resource is made after only because its stack is."""
    needed = UNSAID.get(str(body.get("Type")), ())
    while needed and stack.parent is not None:
        said = json.dumps(stack.resource)
        for title, before in stack.parent.children.items():
            if f'"{title}"' in said or f"${{{title}." in said:
                for below in _walk(before):
                    for name, other in below.template.section("Resources").items():
                        if isinstance(other, dict) and other.get("Type") in needed:
                            yield below.flat(name)
        stack = stack.parent


def _as_text(value: Any) -> Any:
    """Return a value as stacks hand it to each other: what is no text becomes some."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def _pieces_of(value: Any) -> list[Any]:
    """Return the pieces of a text that an expression yields."""
    if isinstance(value, dict) and value.keys() == {"Fn::Sub"}:
        return subs.pieces(value["Fn::Sub"])
    match value:
        case {"Fn::Join": ["", [*items]]}:
            return [piece for item in items for piece in _pieces_of(item)]
    return [_as_text(value)]


def _listed(value: Any) -> Any:
    """Return as a list what was handed over as one text, joined by commas."""
    if isinstance(value, str):
        return [item.strip() for item in value.split(",")]
    match value:
        case {"Fn::Join": [",", items]}:
            return items
    return value if isinstance(value, list) else {"Fn::Split": [",", value]}


def _joined(argument: Any) -> Any:
    """Return a Join; what it would put together just as it was split is itself."""
    match argument:
        case [delimiter, {"Fn::Split": [by, text]}] if by == delimiter:
            return text
    return {"Fn::Join": argument}


def _resource_in(value: Any, parameters: Mapping[str, Any]) -> str:
    """Return a resource that an expression refers to; empty for none."""
    if isinstance(value, list):
        return next(filter(None, (_resource_in(item, parameters) for item in value)), "")
    if not isinstance(value, dict):
        return ""
    if isinstance(named := value.get("Fn::GetAtt"), list):
        return ".".join(map(str, named))
    named = value.get("Ref")
    if isinstance(named, str):
        known = named.startswith("AWS::") or named in parameters
        return "" if known else named
    if "Fn::Sub" in value:
        return _resource_in(
            [piece for piece in subs.pieces(value["Fn::Sub"]) if isinstance(piece, dict)],
            parameters,
        )
    return _resource_in(list(value.values()), parameters)
