"""Around an operation on a stack: its policy, what it takes in, and what it takes back."""

import functools
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.concurrency import run_reentrant
from ministack.services import cloudformation
from ministack.services.cloudformation import (
    changesets,
    engine,
    handlers,
    provisioners,
    stacks,
)

from . import existing
from .asking import Properties, Stack
from .nested import TYPE as NESTED
from .nested import child_of

# By the root of an update that goes on: what it replaced or removed in nested stacks.
waiting: dict[str, list[Any]] = {}


def _refusal(stack: Stack, action: str, title: str, kind: str) -> str:
    """Why a stack's policy denies an update of a resource; nothing where it allows it.

    It is a policy like others, with a word for the sort of resource.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html
    """
    if not (policy := stack.get("_stack_policy")):
        return ""
    asked = iam_evaluator.EvalContext("", "", "", action, f"LogicalResourceId/{title}", "")
    asked.service_context["resourcetype"] = kind
    statements = iam_evaluator.parse_policy_document(policy)
    if iam_evaluator.evaluate(asked, [statements]).decision == "Allow":
        return ""
    return f"Action denied by stack policy: it does not allow [{action}] for resource [{title}]"


def check(stack: str, title: str, kind: str, old: Properties, new: Properties) -> None:
    """Let an update of a resource pass, unless the stack's policy denies it."""
    replaces = provisioners._replacing_change(kind, old, new)
    action = "Update:Replace" if replaces else "Update:Modify"
    updated = cloudformation._stacks[stack]
    goes_back = "ROLLBACK" in updated["StackStatus"]
    if not goes_back and (why := _refusal(updated, action, title, kind)):
        raise ValueError(why)


def put_off(stack: Stack, *deletion: Any) -> None:
    """Have what an update of a nested stack replaced or removed go when all of it is good."""
    waiting.setdefault(stack["RootId"], []).append((stack["StackId"], *deletion))


async def _clean_up(stack: Stack, deletions: Iterable[Any]) -> None:
    if stack["StackStatus"] != "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS":
        return
    for stack_id, drop, kind, physical, properties, name, title in deletions:
        try:
            await run_reentrant(drop, kind, physical, properties, name, title)
        except Exception as error:  # noqa: BLE001 - the update is good, whatever it is
            why = ("DELETE_FAILED", str(error), physical)
            stacks._add_event(stack_id, name, title, kind, *why)
    stack["StackStatus"] = "UPDATE_COMPLETE"
    name = stack["StackName"]
    stacks._add_event(stack["StackId"], name, name, NESTED, "UPDATE_COMPLETE")


async def _deploy(
    deploy: Callable[..., Awaitable[None]],
    *operation: Any,
    previous_stack: Stack | None = None,
    retain_except_on_create: bool = False,
    imports: dict[str, Any] | None = None,
    **more: Any,
) -> None:
    """A resource that may not be deleted fails the update before anything was changed."""
    name, stack_id, template, values = operation[:4]
    stack, before = cloudformation._stacks[name], previous_stack or {}
    stack["Description"] = template.get("Description", "")  # a change set forgets it
    conditions = engine._evaluate_conditions(template, values)
    resources = template.get("Resources", {}).items()
    staying = {title for title, r in resources if conditions.get(r.get("Condition"), True)}
    held = before.get("_resources", {})
    undone = {"is_update": True, "previous_stack": before, "template": template}
    undone |= {"param_values": values}
    for title in sorted(held.keys() - staying):
        kind, physical = held[title]["ResourceType"], held[title]["PhysicalResourceId"]
        if why := _refusal(stack, "Update:Delete", title, kind):
            stacks._add_event(stack_id, name, title, kind, "UPDATE_FAILED", why, physical)
            undone["failed_logical_id"] = title
            await stacks._roll_back_operation(name, stack_id, stack, undone)
            return
    # What is asked of a stack is asked of all that are nested in it.
    parent = child_of(stack.get("ParentId", ""))
    stack["_takes_back"] = retain_except_on_create or parent.get("_takes_back", False)
    stack["_adopts"] = imports is not None or parent.get("_adopts", False)
    added = staying - held.keys() if stack["_adopts"] else set()
    stack["_imported"] = existing.adoptable(template, added)
    # A bucket's name in use is refused beforehand, even where that is what to take in.
    stack["_disable_validation"] = bool(stack["_imported"])
    more |= {"imports": stack["_imported"], "retain_except_on_create": stack["_takes_back"]}
    await deploy(*operation, previous_stack=previous_stack, **more)
    if stack["StackStatus"] == "UPDATE_COMPLETE" and "RootId" in stack:
        made = engine._topological_sort(template["Resources"], conditions)
        tags = {"stack_tags": stack["Tags"], "previous_tags": before["Tags"]}
        stack["_done"] = undone | more | tags | {"created": made}
    await _clean_up(stack, waiting.pop(stack_id, ()))


def add() -> None:
    deploy = functools.partial(_deploy, changesets._deploy_stack_async)
    changesets._deploy_stack_async = handlers._deploy_stack_async = deploy
