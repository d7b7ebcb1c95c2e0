"""A stack, as CloudFormation describes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.statuses import Meaning, state_of
from liberty_cfn.model.parsing import parse
from liberty_cfn.stateful import unsaid_policy

NESTED_STACK = "AWS::CloudFormation::Stack"
GONE = "DELETE_COMPLETE"


@dataclass(frozen=True)
class Standing:
    """The state of a stack. `path` is that of nested stacks to it, `since` its last change.

    `running` has the resources being worked on, and the status of each.
    """

    path: tuple[str, ...]
    stack_id: str
    status: str
    since: datetime
    reason: str
    running: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        return {
            "stack": "/".join(self.path),
            "stack_id": self.stack_id,
            "status": self.status,
            "since": self.since.isoformat(),
            "reason": self.reason or None,
            "running": [{"resource": r, "status": s} for r, s in self.running.items()],
        }


def find(cloudformation: Any, stack: str) -> dict[str, Any] | None:
    """Return a stack's description, or None where there is none."""
    with faults.unless_missing():
        return described(cloudformation, stack)
    return None


def described(cloudformation: Any, stack: str) -> dict[str, Any]:
    """Return a stack's description.

    Raises:
        ClientError: there is no such stack, among others.
        ResponseParserError: the answer describes no stack, which says nothing.
    """
    found: list[dict[str, Any]] = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    if not found:
        raise ResponseParserError("no stack is described in it")
    return found[0]


def name_of(stack_id: str) -> str:
    return stack_id.split("/")[1] if stack_id.startswith("arn:") else stack_id


def owner(cloudformation: Any, found: Mapping[str, Any]) -> str:
    """Return the name of the root stack that a tagged resource belongs to; empty if none.

    CloudFormation's own tag stays on what outlives its stack. A stack that these credentials
    may not describe is taken to exist.
    """
    if not (stack_id := tags(found).get("aws:cloudformation:stack-id")):
        return ""
    try:
        stack = find(cloudformation, stack_id)
    except ClientError as error:
        if faults.code(error) not in faults.REFUSED:
            raise
        return name_of(stack_id)
    if stack is None or state_of(stack) is Meaning.ABSENT:
        return ""
    return name_of(stack.get("RootId", stack_id))


def resources(cloudformation: Any, stack: str) -> Iterator[dict[str, Any]]:
    """Yield what CloudFormation lists of each resource of a stack."""
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    yield from pages.search("StackResourceSummaries")


def nested_in(resource: Mapping[str, Any]) -> str:
    """Return the id of the nested stack that a resource is; empty if none, or never made."""
    inside = str(resource.get("PhysicalResourceId", ""))
    is_stack = resource["ResourceType"] == NESTED_STACK and inside.startswith("arn:")
    return inside if is_stack else ""


def standing(cloudformation: Any, stack_id: str) -> Iterator[Standing]:
    """Yield the state of a stack, and of each one nested in it."""
    return _standing(cloudformation, stack_id, described(cloudformation, stack_id), ())


def _standing(
    cloudformation: Any, stack_id: str, stack: dict[str, Any], path: tuple[str, ...]
) -> Iterator[Standing]:
    listed = list(resources(cloudformation, stack_id))
    running = {
        r["LogicalResourceId"]: r["ResourceStatus"]
        for r in listed
        if r["ResourceStatus"].endswith("_IN_PROGRESS")
    }
    since = stack.get("DeletionTime") or stack.get("LastUpdatedTime") or stack["CreationTime"]
    reason = stack.get("StackStatusReason", "")
    yield Standing(path, stack_id, stack["StackStatus"], since, reason, running)
    for resource in listed:
        inside = nested_in(resource)
        if not inside or resource["ResourceStatus"] == GONE:
            continue
        below = (*path, resource["LogicalResourceId"])
        there = find(cloudformation, inside)
        if there and there["StackStatus"] != GONE:
            yield from _standing(cloudformation, inside, there, below)
        else:
            since = resource["LastUpdatedTimestamp"]
            yield Standing(below, inside, GONE, since, "deleted, but not by its parent", {})


def parameters(found: Mapping[str, Any], key: str = "Parameters") -> dict[str, str]:
    return {each["ParameterKey"]: each["ParameterValue"] for each in found.get(key, [])}


def as_parameters(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]


def tags(found: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])}


def as_tags(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in values.items()]


def outputs(stack: Mapping[str, Any]) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def deletion_policies(cloudformation: Any, stack: str) -> dict[str, str]:
    """Return each resource's DeletionPolicy, and the default where the template has none."""
    template = cloudformation.get_template(StackName=stack, TemplateStage="Processed")
    body = template["TemplateBody"]
    found = _resources(body) if isinstance(body, str) else body["Resources"]
    return {
        title: resource.get("DeletionPolicy")
        or unsaid_policy(resource["Type"], resource.get("Properties", {}))
        for title, resource in found.items()
    }


@cache
def _resources(template: str) -> dict[str, Any]:
    """Parse a template, once: the stacks of a set all have the same one."""
    return parse(template, "template").section("Resources")
