"""What would change, stack by stack: change sets, made, read and discarded."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from liberty_cfn.deploy.targets import wait_a_little

NESTED_STACK = "AWS::CloudFormation::Stack"
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]
# CloudFormation calls it a failure when there is nothing to do. There is no code for it.
NOTHING = ("didn't contain changes", "No updates are to be performed")


class ChangeSetError(Exception):
    """CloudFormation refused the change. The message says why."""


@dataclass(frozen=True)
class Change:
    """What would happen to one resource. `stack` is the path of nested stacks to it."""

    stack: tuple[str, ...]
    resource: str
    type: str
    action: str
    replacement: str


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
) -> ChangeSet | None:
    """Return the change set that makes `stack` what is wanted; None if it is so already.

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
    )
    described = _wait(cloudformation, made["Id"])
    if described["Status"] == "FAILED":
        reason = described.get("StatusReason", "no reason given")
        discard(cloudformation, made["Id"])
        if any(words in reason for words in NOTHING):
            return None
        raise ChangeSetError(f"CloudFormation can't plan this change: {reason}")
    changes = tuple(_changes(cloudformation, described, ()))
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


def _changes(
    cloudformation: Any, described: dict[str, Any], path: tuple[str, ...]
) -> Iterator[Change]:
    for change in _every_page(cloudformation, described):
        resource = change["ResourceChange"]
        title = resource["LogicalResourceId"]
        yield Change(
            path,
            title,
            resource["ResourceType"],
            resource["Action"],
            resource.get("Replacement", ""),
        )
        if nested := resource.get("ChangeSetId"):
            inner = cloudformation.describe_change_set(ChangeSetName=nested)
            yield from _changes(cloudformation, inner, (*path, title))


def _every_page(cloudformation: Any, described: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from described["Changes"]
    while token := described.get("NextToken"):
        described = cloudformation.describe_change_set(
            ChangeSetName=described["ChangeSetId"], NextToken=token
        )
        yield from described["Changes"]
