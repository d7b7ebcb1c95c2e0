"""What a change set says would change, resource by resource."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.stack import deletion_policies, nested_in, resources
from liberty_cfn.veiling import ANOTHER, VEILED, veiled_text

UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"
# What stands in for it in a parameter that one nested stack gets from another.
# https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/759
STAND_IN = re.compile(r"\{\{IntrinsicFunction:.*?\}\}")
# What CloudFormation returns, with a digest, instead of a value that is too long.
CUT_SHORT, TOO_LONG = "(Truncated-Signature)", "(too long to be told)"


class Replacement(Enum):
    """Whether a change makes a new resource in the old one's place."""

    NO = ""
    POSSIBLE = "possible"  # a value is known only when the change is under way
    CERTAIN = "certain"


REPLACED = {"False": Replacement.NO, "True": Replacement.CERTAIN}
# Actions after which the resource is still there. What Dynamic will do, CloudFormation can't
# say; an action added one day may mean anything.
STAYING = ("Add", "Modify", "Import", "SyncWithActual")
# For what the stack doesn't have yet, CloudFormation says Replacement: True when it tells
# values.
NOTHING_BEFORE = ("Add", "Import")


@dataclass(frozen=True)
class Property:
    """A property that changes, with its values as JSON or text; None where there is none.

    Both are None where AWS tells neither. `create_only` is whether any change of this property
    replaces the resource. `within` is the part of the property that changes, such as
    Variables/HOME; empty for all of it.
    """

    name: str
    before: str | None
    after: str | None
    replaces: Replacement
    create_only: bool = False
    within: str = ""

    @property
    def place(self) -> str:
        """The property that changes, or the part of it that does."""
        return f"{self.name}/{self.within}" if self.within else self.name

    @property
    def told(self) -> bool:
        """Whether AWS tells its values: that there is none, or one known later, counts, too."""
        return (self.before, self.after) != (None, None)


@dataclass(frozen=True)
class Change:
    """What would happen to one resource. `stack` is the path of nested stacks to it.

    `left` is CloudFormation's word for what remains of a resource that goes: Retain,
    ReplaceAndSnapshot and so on. `opaque` marks a nested stack whose own changes can't be told.
    """

    stack: tuple[str, ...]
    resource: str
    type: str
    action: str
    replacement: Replacement
    properties: tuple[Property, ...] = ()
    physical_id: str = ""
    left: str = ""
    opaque: bool = False

    @property
    def place(self) -> tuple[str, ...]:
        """The path to it, itself included."""
        return (*self.stack, self.resource)


@dataclass(frozen=True)
class ChangeSet:
    """A change set, and what would change: empty until it has been read.

    `token` is its name, and the request token of the operation that executes it. `new` is
    whether it creates its stack, `adopts` whether it imports existing resources. `awaited` is
    whether somebody may still be asked for consent to it.
    """

    id: str
    stack_id: str
    token: str
    changes: tuple[Change, ...] = ()
    new: bool = False
    adopts: bool = False
    awaited: bool = False


def read(resource: dict[str, Any], path: tuple[str, ...]) -> Change:
    """Return what CloudFormation says of one resource, in the stack at `path`.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
    """
    properties = tuple(_properties(resource))
    said = REPLACED.get(resource.get("Replacement", "False"), Replacement.POSSIBLE)
    told = {changed.replaces for changed in properties}
    # CloudFormation also says True where a value that it doesn't know yet may replace.
    if properties and said is not Replacement.NO:
        said = Replacement.POSSIBLE
    replacement = next(r for r in reversed(Replacement) if r in {said, *told})
    if resource["Action"] in NOTHING_BEFORE:
        replacement = Replacement.NO
    return Change(
        path,
        resource["LogicalResourceId"],
        resource["ResourceType"],
        resource["Action"],
        replacement,
        properties,
        resource.get("PhysicalResourceId", ""),
        resource.get("PolicyAction", ""),
    )


def _properties(resource: dict[str, Any]) -> Iterator[Property]:
    """Yield what changes, each place once, with the gravest of the reasons for it."""
    found: dict[str, Property] = {}
    for detail in resource.get("Details", []):
        one = _property(resource["ResourceType"], detail)
        before = found.get(one.place)
        if before is None or _gravity(one) > _gravity(before):
            found[one.place] = one
    for place, part in list(found.items()):
        for above in (name for name in found if place.startswith(f"{name}/")):
            if whole := _with_part(found[above], part):
                found[above] = whole
                del found[place]
                break
    yield from found.values()


def _with_part(whole: Property, part: Property) -> Property | None:
    """Return a property with the part of it that AWS tells apart; None if that changes alone.

    Where not all of an object is known yet, AWS tells the rest of it as its new value, and each
    part with something unknown as added: without them, it would look as if they went.
    """
    from liberty_cfn.review.comparing import opened  # noqa: PLC0415 - slow to load

    *steps, last = part.place[len(whole.place) + 1 :].split("/")
    after = inner = opened(whole.after)
    for step in steps:
        inner = inner.get(step) if isinstance(inner, dict) else None
    if part.before is not None or not isinstance(inner, dict) or last in inner:
        return None
    inner[last] = opened(part.after)
    return replace(
        whole,
        after=json.dumps(after, separators=(",", ":")),
        replaces=max(whole, part, key=_gravity).replaces,
        create_only=whole.create_only or part.create_only,
    )


def _property(kind: str, detail: dict[str, Any]) -> Property:
    """Return the property that one detail of a resource's change is about.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChangeDetail.html
    """
    target = dict(detail.get("Target", {}))
    if after := target.get("AfterValue"):
        target["AfterValue"] = STAND_IN.sub(UNKNOWN, after)
    name = target.get("Name") or target.get("Attribute", "")
    path = target.get("Path") or name
    # In nested stacks, AWS calls a change Static even where its value isn't known yet.
    known = detail.get("Evaluation") == "Static" and UNKNOWN not in target.get("AfterValue", "")
    recreation = target.get("RequiresRecreation", "Never")
    # A schema may lack what AWS's pages say: then replacement is possible.
    documented = _documented(kind, path, target) if recreation == "Never" else Replacement.NO
    replaces = {
        "Always": Replacement.CERTAIN if known else Replacement.POSSIBLE,
        "Never": Replacement.NO if documented is Replacement.NO else Replacement.POSSIBLE,
    }.get(recreation, Replacement.POSSIBLE)
    return Property(
        name,
        *_values(path, target),
        replaces,
        documented is Replacement.CERTAIN or recreation == "Always",
        path.partition(f"/{name}/")[2],
    )


def _documented(kind: str, path: str, target: dict[str, Any]) -> Replacement:
    """Return whether, by AWS's pages, changing a property replaces its resource."""
    from liberty_cfn.review.documented import (  # noqa: PLC0415 - slow to load
        BY_VALUE,
        ONLY_INTERRUPTED,
        REPLACEMENTS,
    )

    steps = [s for s in path.removeprefix("/Properties").split("/") if s and not s.isdigit()]
    if (kind, *steps[:1]) in ONLY_INTERRUPTED:
        return Replacement.NO
    if by_value := BY_VALUE.get((kind, "/".join(steps))):
        told = (target.get(side) or by_value.usual for side in ("BeforeValue", "AfterValue"))
        return Replacement.NO if tuple(told) == by_value.in_place else Replacement.CERTAIN
    places = ((kind, *steps[:depth]) for depth in range(len(steps), 0, -1))
    said = next((REPLACEMENTS[p].replacement for p in places if p in REPLACEMENTS), "none")
    return {"certain": Replacement.CERTAIN, "conditional": Replacement.POSSIBLE}.get(
        said, Replacement.NO
    )


def _values(path: str, target: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return a value before and after; secrets are veiled."""
    before = _value(path, target.get("BeforeValue"))
    after = _value(path, target.get("AfterValue"))
    return before, ANOTHER if before == after == VEILED else after


def _value(path: str, told: str | None) -> str | None:
    if told is None or told == UNKNOWN:
        return told
    return TOO_LONG if told.startswith(CUT_SHORT) else veiled_text(path, told)


def _gravity(changed: Property) -> tuple[int, bool, bool]:
    replaces = list(Replacement).index(changed.replaces)
    return replaces, changed.create_only, changed.after not in (None, UNKNOWN)


def removed(cloudformation: Any, stack: str, path: tuple[str, ...]) -> Iterator[Change]:
    """Yield what goes with a stack and those nested in it, which no change set lists.

    `stack` is its id, `path` that of nested stacks to it. Nothing goes with a stack that was
    never made (its id is empty), or that somebody deleted.
    """
    if not stack:
        return
    with faults.unless_missing():
        policies = deletion_policies(cloudformation, stack)
        for resource in resources(cloudformation, stack):
            if resource["ResourceStatus"] == "DELETE_COMPLETE":
                continue
            title = resource["LogicalResourceId"]
            yield Change(
                path,
                title,
                resource["ResourceType"],
                "Remove",
                Replacement.NO,
                physical_id=resource.get("PhysicalResourceId", ""),
                left=policies.get(title, ""),
            )
            yield from removed(cloudformation, nested_in(resource), (*path, title))
