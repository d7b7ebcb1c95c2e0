"""Around an operation on a stack: its policy, what it takes in, and what it takes back."""

import fnmatch
import functools
import json
from collections.abc import Awaitable, Callable
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, handlers, stacks

from . import existing, schemas
from .asking import Properties, Stack
from .nested import child_of


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


def _refusal(stack: Stack, action: str, title: str, kind: str) -> str:
    """Why a stack's policy denies an update of a resource; nothing where it allows it."""
    if not (policy := stack.get("_stack_policy")):
        return ""
    statements = _listed(json.loads(policy)["Statement"])
    effects = [s["Effect"] if _applies(s, action, title, kind) else "" for s in statements]
    if "Deny" in effects:
        by = f"Statement [#{effects.index('Deny') + 1}] does not allow"
    elif "Allow" not in effects:
        by = "no statement allows"
    else:
        return ""
    return f"Action denied by stack policy: {by} [{action}] for resource [{title}]"


def check(stack: str, title: str, kind: str, old: Properties, new: Properties) -> None:
    """Let an update of a resource pass, unless the stack's policy denies it."""
    action = "Update:Replace" if schemas.replaces(kind, old, new) else "Update:Modify"
    if why := _refusal(cloudformation._stacks[stack], action, title, kind):
        raise ValueError(why)


async def _deploy(
    deploy: Callable[..., Awaitable[None]],
    *operation: Any,
    previous_stack: Stack | None = None,
    retain_except_on_create: bool = False,
    **more: Any,
) -> None:
    """A resource that may not be deleted fails the update before anything was changed.

    But what an operation that is undone has made goes with it, whatever keeps it otherwise, if
    RetainExceptOnCreate was asked for; what it took in, never.
    """
    name, stack_id, template, values = operation[:4]
    stack, before = cloudformation._stacks[name], previous_stack or {}
    stack["Description"] = template.get("Description", "")  # a change set forgets it
    held, staying = before.get("_resources", {}), existing.titles(template, values)
    going = sorted(held.keys() - set(staying))
    if child_of(stack.get("ParentId", ""))["StackStatus"].endswith("ROLLBACK_IN_PROGRESS"):
        for title in going if stack["_takes_back"] else ():
            if title not in stack["_imported"]:
                before["_template"]["Resources"][title]["DeletionPolicy"] = "Delete"
    else:
        for title in going:
            kind, physical = held[title]["ResourceType"], held[title]["PhysicalResourceId"]
            if why := _refusal(stack, "Update:Delete", title, kind):
                stacks._add_event(stack_id, name, title, kind, "UPDATE_FAILED", why, physical)
                undone = {"is_update": True, "previous_stack": before, "template": template}
                undone |= {"param_values": values, "failed_logical_id": title}
                await stacks._roll_back_operation(name, stack_id, stack, undone)
                return
        new = set(staying) - held.keys() if stack.get("_adopts") else ()
        found = existing.adoptable(template, new)
        stack["_imported"] = {o["LogicalResourceId"]: o["ResourceIdentifier"] for o in found}
        stack["_takes_back"] = retain_except_on_create
        # A bucket's name in use is refused beforehand, even where that is what to take in.
        stack["_disable_validation"] = bool(found)
        more["imports"] = stack["_imported"]
    more["retain_except_on_create"] = retain_except_on_create
    await deploy(*operation, previous_stack=previous_stack, **more)


def add() -> None:
    deploy = functools.partial(_deploy, changesets._deploy_stack_async)
    changesets._deploy_stack_async = handlers._deploy_stack_async = deploy
