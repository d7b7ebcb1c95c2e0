"""What a change set says would change, resource by resource."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.stack import deletion_policies, nested_in, resources
from liberty_cfn.veiling import ANOTHER, VEILED, veiled_text

if TYPE_CHECKING:
    from liberty_cfn.review.comparing import Difference

UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"
# What stands for it in what one nested stack is given of another.
# https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/759
STAND_IN = re.compile(r"\{\{IntrinsicFunction:.*?\}\}")
# What CloudFormation tells, with a digest, in the place of a value that is too long for it.
CUT_SHORT, TOO_LONG = "(Truncated-Signature)", "(too long to be told)"


class Replacement(Enum):
    """Whether a change makes a new resource in the old one's place."""

    NO = ""
    POSSIBLE = "possible"  # a value is known only when the change is under way
    CERTAIN = "certain"


REPLACED = {"False": Replacement.NO, "True": Replacement.CERTAIN}
# What is done to a resource that stays. Of Dynamic, CloudFormation can't say what it will do; a
# word that it learns one day may mean anything.
STAYING = ("Add", "Modify", "Import", "SyncWithActual")
# Of what the stack doesn't have yet, CloudFormation says True, too, when it tells values.
NOTHING_BEFORE = ("Add", "Import")


@dataclass(frozen=True)
class Property:
    """A property that changes, with its values as JSON or text; None where there is none.

    Both are None where none is told. `create_only` is whether every change of this property
    replaces the resource. `within` is what of the property changes, as Variables/HOME; empty
    for all of it.
    """

    name: str
    before: str | None
    after: str | None
    replaces: Replacement
    create_only: bool = False
    within: str = ""

    @property
    def place(self) -> str:
        """What changes: the property, or what of it does."""
        return f"{self.name}/{self.within}" if self.within else self.name

    @property
    def told(self) -> bool:
        """Whether its values are told, be it that there was none, or that one comes later."""
        return (self.before, self.after) != (None, None)


@dataclass(frozen=True)
class Change:
    """What would happen to one resource. `stack` is the path of nested stacks to it.

    `left` is CloudFormation's word for what remains of a resource that goes: Retain,
    ReplaceAndSnapshot and so on. `opaque` is whether it is a nested stack of which it can't be
    told what changes inside.
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
    """A change set, and what would change; that is empty until it was read.

    `token` is its name, and that of the operation that executes it. `new` is whether it makes
    its stack, `adopts` whether it takes in what exists. `awaited` is whether somebody may
    still be asked for consent to it.
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
    # CloudFormation says True also where a value that it doesn't know yet may replace.
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
    """Yield what changes, each place once: of several reasons for it, with the gravest."""
    found: dict[str, Property] = {}
    for detail in resource.get("Details", []):
        one = _property(resource["ResourceType"], detail)
        before = found.get(one.place)
        if before is None or _gravity(one) > _gravity(before):
            found[one.place] = one
    yield from found.values()


def _property(kind: str, detail: dict[str, Any]) -> Property:
    """Return what one reason for a change of a resource says of it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChangeDetail.html
    """
    target = dict(detail.get("Target", {}))
    if after := target.get("AfterValue"):
        target["AfterValue"] = STAND_IN.sub(UNKNOWN, after)
    name = target.get("Name") or target.get("Attribute", "")
    path = target.get("Path") or name
    # What a nested stack is given is called Static, also where nobody knows yet what that is.
    given = detail.get("ChangeSource") == "ParameterReference"
    known = detail.get("Evaluation") == "Static" and not (
        given and UNKNOWN in target.get("AfterValue", "")
    )
    recreation = target.get("RequiresRecreation", "Never")
    # A schema may lack what AWS's pages say: then it is likely enough.
    documented = _documented(kind, path) if recreation == "Never" else Replacement.NO
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


def _documented(kind: str, path: str) -> Replacement:
    """Return whether AWS's pages say that a property is changed by replacing its resource."""
    from liberty_cfn.review.documented import (  # noqa: PLC0415 - slow to load
        ONLY_INTERRUPTED,
        REPLACEMENTS,
    )

    steps = [s for s in path.removeprefix("/Properties").split("/") if s and not s.isdigit()]
    if (kind, *steps[:1]) in ONLY_INTERRUPTED:
        return Replacement.NO
    places = ((kind, *steps[:depth]) for depth in range(len(steps), 0, -1))
    said = next((REPLACEMENTS[p].replacement for p in places if p in REPLACEMENTS), "none")
    return {"certain": Replacement.CERTAIN, "conditional": Replacement.POSSIBLE}.get(
        said, Replacement.NO
    )


def _values(path: str, target: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return a value before and after, where it is told, and no secret."""
    told = (target.get("BeforeValue"), target.get("AfterValue"))
    before, after = (
        value
        if value is None or value == UNKNOWN
        else TOO_LONG
        if value.startswith(CUT_SHORT)
        else veiled_text(path, value)
        for value in told
    )
    return before, ANOTHER if before == after == VEILED else after


def _gravity(changed: Property) -> tuple[int, bool, bool]:
    replaces = list(Replacement).index(changed.replaces)
    return replaces, changed.create_only, changed.after not in (None, UNKNOWN)


def removed(cloudformation: Any, stack: str, path: tuple[str, ...]) -> Iterator[Change]:
    """Yield what goes with a stack, and with those nested in it, which no change set lists.

    `stack` is its id, `path` that of nested stacks to it. Nothing goes with one that is not
    there: whose id is empty, as it never was made, or that somebody deleted.
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


def weaknesses(change: Change, changed: Property) -> list[str]:
    """Return what protects or keeps data, and no longer does when a property changes."""
    from liberty_cfn.review.losing import less_kept, why_weaker  # noqa: PLC0415 - slow to load

    if change.action == "Modify" and less_kept(changed.name, changed.before, changed.after):
        return ["less of it remains when it goes"]
    return _why(change, changed, why_weaker) or deletions(change, changed)


def deletions(change: Change, changed: Property) -> list[str]:
    """Return why some of what a resource keeps goes, though it stays, when a property changes.

    Also where it can't be told, as the value is too long, or known only later.
    """
    from liberty_cfn.review.losing import why_less  # noqa: PLC0415 - slow to load
    from liberty_cfn.review.protections import DELETIONS  # noqa: PLC0415

    if change.action != "Modify" or not changed.told:
        return []
    keeps = {path[0] for path, _, _ in DELETIONS.get(change.type, ())}
    unclear = TOO_LONG in (changed.before, changed.after) or UNKNOWN in str(changed.after)
    return _why(change, changed, why_less) or (
        ["some of it may be deleted"] if unclear and changed.name in keeps else []
    )


def _why(change: Change, changed: Property, why: Callable[[str, Difference], str]) -> list[str]:
    """Return what `why` says of all that differs between the values of a property."""
    before, after = changed.before, changed.after
    known = changed.told and TOO_LONG not in (before, after)
    if change.action != "Modify" or not known:
        return []
    from liberty_cfn.review.comparing import differences, opened  # noqa: PLC0415 - slow to load

    steps = tuple(f"[{s}]" if s.isdigit() else s for s in changed.place.split("/"))
    found = differences(opened(before), opened(after), path=steps)
    told = [why(change.type, one) for one in found if UNKNOWN not in str(one.after)]
    return list(dict.fromkeys(filter(None, told)))
