"""A stack, as CloudFormation describes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from liberty_cfn.deploy import faults


def find(cloudformation: Any, stack: str) -> dict[str, Any] | None:
    """Return a stack's description, or None where there is none."""
    try:
        found: dict[str, Any] = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if faults.missing(error):
            return None
        raise
    return found


def parameters(stack: Mapping[str, Any]) -> dict[str, str]:
    """Return the values of a stack's parameters."""
    return {p["ParameterKey"]: p["ParameterValue"] for p in stack.get("Parameters", [])}


def outputs(stack: Mapping[str, Any]) -> dict[str, str]:
    """Return a stack's outputs."""
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
