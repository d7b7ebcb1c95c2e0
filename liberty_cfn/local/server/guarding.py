# ruff: noqa: SLF001 - ministack has no public names for these
"""What guards a stack: its policy, while it is updated, and its protection from termination."""

import fnmatch
import functools
import json
from collections.abc import Awaitable, Callable
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import (
    changesets,
    engine,
    handlers,
    stacks,
)

from . import existing, schemas
from .asking import Action, Answer, Properties, Query, around, given, refuse
from .nested import Stack, child_of


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _matches(patterns: Any, value: str) -> bool:
    return any(fnmatch.fnmatchcase(value, pattern) for pattern in _listed(patterns))


def _applies(statement: dict[str, Any], action: str, title: str, kind: str) -> bool:
    """Whether a statement of a stack policy speaks of this.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html
    """
    for element, value in (("Action", action), ("Resource", f"LogicalResourceId/{title}")):
        if element in statement and not _matches(statement[element], value):
            return False
        if f"Not{element}" in statement and _matches(statement[f"Not{element}"], value):
            return False
    tests = statement.get("Condition", {}).values()
    return all(_matches(test.get("ResourceType", "*"), kind) for test in tests)


def refusal(stack: Stack, action: str, title: str, kind: str) -> str:
    """Why a stack's policy denies an update of a resource; nothing where it allows it."""
    if not (policy := stack.get("_stack_policy")):
        return ""
    statements = list(enumerate(_listed(json.loads(policy)["Statement"]), 1))
    speaking = [(n, s["Effect"]) for n, s in statements if _applies(s, action, title, kind)]
    denying = next((n for n, effect in speaking if effect == "Deny"), 0)
    if speaking and not denying:
        return ""
    by = f"Statement [#{denying}]" if denying else "no statement"
    verb = "does not allow" if denying else "allows"
    return f"Action denied by stack policy: {by} {verb} [{action}] for resource [{title}]"


def check(stack: str, title: str, kind: str, old: Properties, new: Properties) -> None:
    """Let an update of a resource pass, unless the stack's policy denies it."""
    action = "Update:Replace" if schemas.replaces(kind, old, new) else "Update:Modify"
    if why := refusal(cloudformation._stacks[stack], action, title, kind):
        raise ValueError(why)


async def _deploy(
    deploy: Callable[..., Awaitable[None]],
    name: str,
    stack_id: str,
    template: Any,
    values: Any,
    *more: Any,
    **named: Any,
) -> None:
    """A resource that may not be deleted fails the update before anything was changed.

    But what an operation that is undone has made goes with it, whatever keeps it otherwise, if
    RetainExceptOnCreate was asked for; what it took in, never.
    """
    stack, before = cloudformation._stacks[name], named.get("previous_stack") or {}
    parent = child_of(stack.get("ParentId", ""))
    undone = parent["StackStatus"].endswith("ROLLBACK_IN_PROGRESS")
    conditions = engine._evaluate_conditions(template, values)
    defined = template["Resources"]
    for title, resource in before.get("_resources", {}).items():
        if conditions.get(defined.get(title, {}).get("Condition"), title in defined):
            continue
        if undone:
            if stack.get("_takes_back") and title not in stack["_imported"]:
                before["_template"]["Resources"][title]["DeletionPolicy"] = "Delete"
            continue
        kind, physical = resource["ResourceType"], resource["PhysicalResourceId"]
        if why := refusal(stack, "Update:Delete", title, kind):
            stacks._add_event(stack_id, name, title, kind, "UPDATE_FAILED", why, physical)
            await stacks._roll_back_operation(
                *(name, stack_id, stack),
                {"is_update": True, "previous_stack": before, "template": template}
                | {"param_values": values, "failed_logical_id": title, "failed_update": None},
            )
            return
    if not undone:
        stack["_takes_back"] = named.get("retain_except_on_create", False)
        named["imports"] = stack["_imported"] = existing.imports(stack, template, values)
    await deploy(name, stack_id, template, values, *more, **named)


def _make(make: Action, query: Query) -> Answer:
    """What failed to be made is in the way until it is deleted."""
    stack = handlers._resolve_stack(given(query, "StackName"))
    if stack and stack["StackStatus"] == "ROLLBACK_COMPLETE":
        return refuse("AlreadyExistsException", f"Stack [{stack['StackName']}] already exists")
    return make(query)


def _protect(protect: Action, query: Query) -> Answer:
    """A nested stack is protected as its root is."""
    stack = handlers._resolve_stack(given(query, "StackName")) or {}
    if "RootId" in stack:
        why = f"Stack [{stack['StackId']}] is nested; it is protected as its root is"
        return refuse("ValidationError", why)
    answer = protect(query)
    for other in cloudformation._stacks.values():
        if other.get("RootId") == stack.get("StackId"):
            other["EnableTerminationProtection"] = stack["EnableTerminationProtection"]
    return answer


def add() -> None:
    deploy = functools.partial(_deploy, changesets._deploy_stack_async)
    changesets._deploy_stack_async = handlers._deploy_stack_async = deploy
    around("CreateStack", _make)
    around("UpdateTerminationProtection", _protect)
