"""A stack, as CloudFormation describes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from liberty_cfn.deploy import faults

NESTED_STACK = "AWS::CloudFormation::Stack"


def find(cloudformation: Any, stack: str) -> dict[str, Any] | None:
    """Return a stack's description, or None where there is none."""
    try:
        return described(cloudformation, stack)
    except ClientError as error:
        if faults.missing(error):
            return None
        raise


def described(cloudformation: Any, stack: str) -> dict[str, Any]:
    """Return a stack's description.

    Raises:
        ClientError: there is no such stack, among others.
        ResponseParserError: the answer describes none; what there is, it doesn't say.
    """
    found: list[dict[str, Any]] = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    if not found:
        raise ResponseParserError("no stack is described in it")
    return found[0]


def name_of(stack_id: str) -> str:
    """Return a stack's name, which is in its id."""
    return stack_id.split("/")[1] if stack_id.startswith("arn:") else stack_id


def resources(cloudformation: Any, stack: str) -> Iterator[dict[str, Any]]:
    """Yield what CloudFormation lists of each resource of a stack."""
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    for page in pages:
        yield from page["StackResourceSummaries"]


def parameters(stack: Mapping[str, Any]) -> dict[str, str]:
    """Return the values of a stack's parameters."""
    return {p["ParameterKey"]: p["ParameterValue"] for p in stack.get("Parameters", [])}


def outputs(stack: Mapping[str, Any]) -> dict[str, str]:
    """Return a stack's outputs."""
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
