"""How a Python function becomes a nested stack.

A stack is a function. Its keyword arguments are the nested template's Parameters,
the dataclass it returns is its Outputs, and nesting it is a call:

    net = root.nest(network, suffix=settings.name_suffix, vpc_cidr=settings.vpc_cidr)
    groups = root.nest(security, suffix=settings.name_suffix, vpc_id=net.vpc_id)

Nothing is wired by name, and since a call can use only what earlier calls have
returned, stacks cannot depend on each other in a circle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import (
    Any,
    Concatenate,
    ParamSpec,
    TypeVar,
    dataclass_transform,
    get_type_hints,
)

from troposphere import GetAtt, Output, Parameter, Ref, Tags, Template
from troposphere.cloudformation import Stack

from liberty_cfn.values import Value

Inputs = ParamSpec("Inputs")
Outputs = TypeVar("Outputs")
Settings = TypeVar("Settings")

# The tag of the root stack that says which templates it was deployed from. CloudFormation
# copies a stack's tags to what is in it; a nested stack's own tag of that name stops it there.
DIGEST_TAG = "TemplateDigest"


@dataclass_transform(frozen_default=True)
def outputs(declared: type[Outputs]) -> type[Outputs]:
    """Make a dataclass of what a stack returns.

    The type checker sees to it that none is changed. Declaring that at run time, too, and
    comparing and printing, which nobody does, would take Python four times as long.
    """
    return dataclass(eq=False, repr=False)(declared)


class Root:
    """The root template, and the templates nested in it so far, by stack."""

    def __init__(self, description: str) -> None:
        self.template = Template(Description=description)
        self.children: dict[str, Template] = {}

    def settings(self, declared: type[Settings], limits: Mapping[str, Any]) -> Settings:
        """Make every setting a parameter, and return references to them.

        `limits` has each setting's Parameter properties (Default, MinValue, ...),
        by the name of the parameter.
        """
        kinds = get_type_hints(declared)
        references = {}
        for f in fields(declared):  # type: ignore[arg-type]
            reference = _parameter(
                self.template, f.name, kinds[f.name], **limits[pascal(f.name)]
            )
            # The root only hands settings on, and stacks hand each other text.
            references[f.name] = kinds[f.name](reference.as_text())
        return declared(**references)

    def nest(
        self,
        build: Callable[Concatenate[Template, Inputs], Outputs],
        /,
        *_: Inputs.args,
        **inputs: Inputs.kwargs,
    ) -> Outputs:
        """Nest the stack that `build` builds, and return references to its outputs.

        Raises:
            TypeError: an argument is missing, unknown, or a value of another kind.
        """
        summary = (build.__doc__ or "").partition("\n")[0]
        child = Template(Description=summary)
        inside = _call(build, child, inputs)

        stack = Stack(
            pascal(build.__name__),
            # A path rather than a URL, so that cfn-lint follows it and checks the
            # wiring too. Deploying uploads the file and puts its URL here.
            TemplateURL=f"{build.__name__}.yaml",
            Parameters={pascal(key): value for key, value in inputs.items()},
            Tags=Tags(**{DIGEST_TAG: "see the root stack"}),
        )
        outside = {}
        for f in fields(inside):
            value, title = getattr(inside, f.name), pascal(f.name)
            child.add_output(Output(title, Value=value.as_text()))
            outside[f.name] = type(value)(GetAtt(stack, f"Outputs.{title}"))

        self.template.add_resource(stack)
        self.children[build.__name__] = child
        return type(inside)(**outside)  # type: ignore[no-any-return]


@cache
def pascal(snake: str) -> str:
    """Turn `vpc_id` into `VpcId`."""
    return "".join(word.capitalize() for word in snake.split("_"))


def _call(build: Callable[..., Any], child: Template, inputs: dict[str, Any]) -> Any:
    """Call `build` with parameters of `child` standing in for the inputs."""
    kinds = get_type_hints(build)
    arguments = {}
    for key, value in inputs.items():
        kind = kinds.get(key, Value)
        if not isinstance(value, kind):
            raise TypeError(
                f"{build.__name__}() wants a {kind.__name__} as {key}, "
                f"and was given a {type(value).__name__}"
            )
        arguments[key] = _parameter(child, key, kind)
    return build(child, **arguments)


def _parameter(template: Template, key: str, kind: type[Value], **limits: Any) -> Value:
    parameter = Parameter(pascal(key), Type=kind.parameter_type, **limits)
    return kind(Ref(template.add_parameter(parameter)))
