"""What would change, stack by stack: change sets, made, read and discarded."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from liberty_cfn.deploy.targets import wait_a_little

NESTED_STACK = "AWS::CloudFormation::Stack"
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]
# CloudFormation calls it a failure when there is nothing to do. There is no code for it.
NOTHING = ("didn't contain changes", "No updates are to be performed")
UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"


class ChangeSetError(Exception):
    """CloudFormation refused the change. The message says why."""


class Replacement(Enum):
    """Whether a change makes a new resource in the old one's place."""

    NO = ""
    POSSIBLE = "possible"  # a value is known only when the change is under way
    CERTAIN = "certain"


@dataclass(frozen=True)
class Property:
    """What changes about a resource. Values are None where CloudFormation tells none.

    `create_only` is whether any change of it replaces the resource.
    """

    name: str
    before: str | None
    after: str | None
    replaces: Replacement
    create_only: bool = False


@dataclass(frozen=True)
class Change:
    """What would happen to one resource. `stack` is the path of nested stacks to it.

    `left` is CloudFormation's word for what remains of a resource that goes: Retain,
    ReplaceAndSnapshot and so on.
    """

    stack: tuple[str, ...]
    resource: str
    type: str
    action: str
    replacement: Replacement
    properties: tuple[Property, ...] = ()
    physical_id: str = ""
    left: str = ""


@dataclass(frozen=True)
class ChangeSet:
    """A change set that can be executed."""

    id: str
    stack_id: str
    token: str
    changes: tuple[Change, ...]


def create(
    cloudformation: Any,
    *,
    stack: str,
    new: bool,
    template_url: str,
    parameters: Mapping[str, str],
    tags: Mapping[str, str],
    adopt: bool = False,
) -> ChangeSet | None:
    """Return the change set that makes `stack` what is wanted; None if it is so already.

    With `adopt`, what exists under a name that the templates spell out is imported.

    Raises:
        ChangeSetError: CloudFormation can't make one.
    """
    token = f"liberty-{uuid.uuid4().hex}"
    made = cloudformation.create_change_set(
        StackName=stack,
        ChangeSetName=token,
        ClientToken=token,
        ChangeSetType="CREATE" if new else "UPDATE",
        TemplateURL=template_url,
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        Capabilities=CAPABILITIES,
        IncludeNestedStacks=True,
        **({"ImportExistingResources": True} if adopt else {}),
    )
    described = _wait(cloudformation, made["Id"])
    if described["Status"] == "FAILED":
        reason = described.get("StatusReason", "no reason given")
        discard(cloudformation, made["Id"])
        if any(words in reason for words in NOTHING):
            return None
        raise ChangeSetError(f"CloudFormation can't plan this change: {reason}")
    changes = tuple(_changes(cloudformation, made["Id"], ()))
    return ChangeSet(made["Id"], made["StackId"], token, changes)


def discard(cloudformation: Any, change_set: str) -> None:
    """Delete a change set, and the empty stack that it may have been made for."""
    described = cloudformation.describe_change_set(ChangeSetName=change_set)
    cloudformation.delete_change_set(ChangeSetName=change_set)
    stack = cloudformation.describe_stacks(StackName=described["StackId"])["Stacks"][0]
    if stack["StackStatus"] == "REVIEW_IN_PROGRESS":
        cloudformation.delete_stack(StackName=described["StackId"])


def _wait(cloudformation: Any, change_set: str) -> dict[str, Any]:
    while True:
        described: dict[str, Any] = cloudformation.describe_change_set(ChangeSetName=change_set)
        if described["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
            return described
        wait_a_little(cloudformation)


def _changes(cloudformation: Any, change_set: str, path: tuple[str, ...]) -> Iterator[Change]:
    for resource in _resources(cloudformation, change_set):
        change = read(resource, path)
        yield change
        inside = (*path, change.resource)
        if nested := resource.get("ChangeSetId"):
            yield from _changes(cloudformation, nested, inside)
        elif change.type == NESTED_STACK and change.action == "Remove":
            yield from _removed(cloudformation, change.physical_id, inside)


def _resources(cloudformation: Any, change_set: str) -> Iterator[dict[str, Any]]:
    """Yield the resource changes of a change set, from all its pages."""
    more: dict[str, str] = {}
    while True:
        page = cloudformation.describe_change_set(
            ChangeSetName=change_set, IncludePropertyValues=True, **more
        )
        for change in page["Changes"]:
            yield change["ResourceChange"]
        if not (token := page.get("NextToken")):
            return
        more = {"NextToken": token}


def read(resource: dict[str, Any], path: tuple[str, ...]) -> Change:
    """Return what CloudFormation says of one resource, in the stack at `path`.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
    """
    properties = tuple(_properties(resource))
    replacement = {"True": Replacement.CERTAIN, "Conditional": Replacement.POSSIBLE}.get(
        resource.get("Replacement", ""), Replacement.NO
    )
    # CloudFormation may say True of a value that it doesn't know yet.
    if replacement is Replacement.CERTAIN and properties:
        certain = any(p.replaces is Replacement.CERTAIN for p in properties)
        replacement = Replacement.CERTAIN if certain else Replacement.POSSIBLE
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
    """Yield what changes, each property once, with the gravest reason to replace for it."""
    found: dict[str, Property] = {}
    for detail in resource.get("Details", []):
        target = detail.get("Target", {})
        name = target.get("Name") or target.get("Attribute", "")
        known = detail.get("Evaluation") == "Static"
        recreation = target.get("RequiresRecreation", "")
        replaces = {
            "Always": Replacement.CERTAIN if known else Replacement.POSSIBLE,
            "Conditionally": Replacement.POSSIBLE,
        }.get(recreation, Replacement.NO)
        one = Property(
            name,
            target.get("BeforeValue"),
            None if (after := target.get("AfterValue")) == UNKNOWN else after,
            replaces,
            recreation == "Always",
        )
        before = found.get(name)
        if before is None or _gravity(one) > _gravity(before):
            found[name] = one
    yield from found.values()


def _gravity(changed: Property) -> tuple[int, bool, bool]:
    replaces = list(Replacement).index(changed.replaces)
    return replaces, changed.create_only, changed.after is not None


def _removed(cloudformation: Any, stack: str, path: tuple[str, ...]) -> Iterator[Change]:
    """Yield what goes with a nested stack, which CloudFormation doesn't list."""
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    for resource in (r for page in pages for r in page["StackResourceSummaries"]):
        yield Change(
            path,
            resource["LogicalResourceId"],
            resource["ResourceType"],
            "Remove",
            Replacement.NO,
            physical_id=resource.get("PhysicalResourceId", ""),
        )
