"""What keeps a deployed environment from going by accident: stack policies, and protection.

A stack's policy doesn't reach into the stacks nested in it, so each has the same one. It is
reviewed in templates/stack-policy.json.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from liberty_cfn.deploy.change_sets import NESTED_STACK
from liberty_cfn.stateful import stack_policy


def protect(cloudformation: Any, stack_id: str, allowed: Collection[str] = ()) -> None:
    """Deny replacing and deleting stateful resources, but those with `allowed` logical ids."""
    for one in (stack_id, *nested(cloudformation, stack_id)):
        cloudformation.set_stack_policy(StackName=one, StackPolicyBody=stack_policy(allowed))


def protect_from_termination(cloudformation: Any, stack_id: str) -> None:
    """Refuse to delete the whole stack until that is switched off."""
    cloudformation.update_termination_protection(
        StackName=stack_id, EnableTerminationProtection=True
    )


def nested(cloudformation: Any, stack_id: str) -> Iterator[str]:
    """Yield the ids of the stacks nested in a stack, at any depth."""
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack_id)
    for resource in (r for page in pages for r in page["StackResourceSummaries"]):
        inside = resource.get("PhysicalResourceId", "")
        if resource["ResourceType"] == NESTED_STACK and inside.startswith("arn:"):
            yield inside
            yield from nested(cloudformation, inside)
