"""cfn-lint, spared what it needn't do: the same findings in half the time.

For every value of a template it makes its validator and its context anew, field by field; for
every schema a class and an empty template; and for every place it asks each of its rules
whether that is its place. Here they are copied, taken from what is there, and looked up.

What is replaced is part of no promise, so it is replaced only in the version that this was
written for. Another version is as slow as it comes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from types import MethodType
from typing import Any

VERSION = "1.58.0"
# The rule that asks other rules, each at its places.
ASKING = "E1101"


def spare(rules: Any) -> None:
    """Have cfn-lint, which has loaded `rules`, do less."""
    if version("cfn-lint") != VERSION:
        return
    from cfnlint.context.context import Context  # noqa: PLC0415
    from cfnlint.jsonschema._filter import FunctionFilter  # noqa: PLC0415
    from cfnlint.jsonschema.validators import (  # noqa: PLC0415
        CfnTemplateValidator,
        StandardValidator,
    )
    from cfnlint.rules.jsonschema.Base import BaseJsonSchema  # noqa: PLC0415

    for kind in (CfnTemplateValidator, StandardValidator, FunctionFilter):
        kind.evolve = _evolved
    Context.evolve = _context_evolved
    BaseJsonSchema.extend_validator = _extended
    rules[ASKING].cfnLint = MethodType(_asked, rules[ASKING])


def _evolved(self: Any, **changes: Any) -> Any:
    """Return one like it, but for changes."""
    new = object.__new__(type(self))
    new.__dict__.update(self.__dict__, **changes)
    return new


def _context_evolved(self: Any, **changes: Any) -> Any:
    if "ref_values" in changes:
        changes["ref_values"] = self.ref_values | changes["ref_values"]
    new = _evolved(self, **changes)
    # It is worked out from the resources, which may be others now.
    new.__dict__.pop("module_names", None)
    return new


def _extended(
    self: Any,
    validator: Any,
    schema: Any,
    context: Any,
    validators: Mapping[str, Any] | None = None,
) -> Any:
    """Return a validator of another schema, which knows a rule's keywords too."""
    from cfnlint.schema.resolver import RefResolver  # noqa: PLC0415

    return validator.evolve(
        schema=schema,
        context=context,
        resolver=RefResolver.from_schema(schema),
        validators={**validator.validators, **self._get_validators(), **(validators or {})},
    )


def _asked(
    self: Any, validator: Any, places: Sequence[str], instance: Any, schema: Any
) -> Iterator[Any]:
    """Yield what the rules say whose place it is."""
    from cfnlint.jsonschema._utils import Unset  # noqa: PLC0415

    if "by_place" not in self.__dict__:
        self.by_place = defaultdict(list)
        for rule in filter(None, self.child_rules.values()):
            for place in rule.keywords:
                self.by_place[place].append(rule)
    quiet = validator.function_filter.evolve(add_cfn_lint_keyword=False)
    validator = validator.evolve(function_filter=quiet)
    for place in places:
        for rule in self.by_place.get(place, ()):
            for error in rule.validate(validator, place, instance, schema):
                if error.rule is None and isinstance(error.validator, Unset):
                    error.rule = rule
                yield error
