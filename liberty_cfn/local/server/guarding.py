"""Around an operation on a stack: its token and policy, what it takes in and takes back."""

import asyncio
import functools
from collections.abc import Iterable
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.concurrency import run_reentrant
from ministack.services import cloudformation
from ministack.services.cloudformation import (
    changesets,
    engine,
    helpers,
    provisioners,
    stacks,
)

from .asking import Action, Answer, Function, Query, Stack, answer_to, around
from .nested import NESTED, change_set_of, child_of

# What a creation that was asked to go is in until it ends.
ENDING = ("CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS")
# By what was going on: how it ends where the server ended first. An update can be made again.
CUT_OFF = {"CREATE": "CREATE_FAILED", "ROLLBACK": "CREATE_FAILED", "DELETE": "DELETE_FAILED"}


def _once(action: str, act: Action, query: Query) -> Answer:
    """The same request again, by its token, is the same operation, and gets its answer."""
    token, named = (helpers._p(query, key) for key in ("ClientRequestToken", "StackName"))
    stack = child_of(named or change_set_of(query).get("StackId", ""))
    if token and stack["StackStatus"] != "DELETE_COMPLETE":
        # An operation's events have its token.
        events = cloudformation._stack_events[stack["StackId"]]
        if any(event.get("ClientRequestToken") == token for event in events):
            return answer_to(action, {"StackId": stack["StackId"]})
    stack["_meanwhile"] = helpers._p(query, "StackPolicyDuringUpdateBody")
    return act(query)


def refusal(stack: Stack, action: str, title: str, kind: str) -> str:
    """Why a stack's policy denies an update of a resource; nothing where it allows it.

    It is a policy like others, with a word for the sort of resource.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html
    """
    policy = stack.get("_meanwhile") or stack.get("_stack_policy")
    if not policy or "ROLLBACK" in stack["StackStatus"]:
        return ""
    asked = iam_evaluator.EvalContext("", "", "", action, f"LogicalResourceId/{title}", "")
    asked.service_context["resourcetype"] = kind
    statements = iam_evaluator.parse_policy_document(policy)
    if iam_evaluator.evaluate(asked, [statements]).decision == "Allow":
        return ""
    return f"Action denied by stack policy: it does not allow [{action}] for resource [{title}]"


async def _clean_up(stack: Stack, deletions: Iterable[Any]) -> None:
    """Delete what an update replaced or removed, once all of it is good."""
    for stack_id, kind, physical, properties, name, title in deletions:
        tell = functools.partial(stacks._add_event, stack_id, name, title, kind)
        if properties is None:
            tell("DELETE_SKIPPED", physical_id=physical)
            continue
        about, why = (kind, physical, properties, name, title), ""
        tell("DELETE_IN_PROGRESS", physical_id=physical)
        try:
            await run_reentrant(provisioners._delete_resource, *about)
        except Exception as error:  # noqa: BLE001 - the update is good, whatever it is
            why = str(error)
        tell("DELETE_FAILED" if why else "DELETE_COMPLETE", why, physical)
    stack["StackStatus"] = "UPDATE_COMPLETE"
    name = stack["StackName"]
    stacks._add_event(stack["StackId"], name, name, NESTED, "UPDATE_COMPLETE")


async def _deploy(deploy: Function, *operation: Any, **more: Any) -> None:
    """A resource that may not be deleted fails the update before anything was changed."""
    name, stack_id, template, values = operation[:4]
    stack, before = cloudformation._stacks[name], more.get("previous_stack") or {}
    conditions = engine._evaluate_conditions(template, values)
    resources = template.get("Resources", {})
    staying = {t for t, r in resources.items() if conditions.get(r.get("Condition"), True)}
    held = before.get("_resources", {})
    undone = {"is_update": True, "previous_stack": before, "template": template}
    undone |= {"param_values": values}
    for title in sorted(held.keys() - staying):
        kind, physical = held[title]["ResourceType"], held[title]["PhysicalResourceId"]
        if why := refusal(stack, "Update:Delete", title, kind):
            stacks._add_event(stack_id, name, title, kind, "UPDATE_FAILED", why, physical)
            undone["failed_logical_id"] = title
            await stacks._roll_back_operation(name, stack_id, stack, undone)
            return
    # What is asked of a stack is asked of all that are nested in it.
    parent = child_of(stack.get("ParentId", ""))
    takes_back = more.get("retain_except_on_create") or parent.get("_takes_back", False)
    adopts = more.get("imports") is not None or parent.get("_adopts", False)
    stack |= {"_takes_back": takes_back, "_adopts": adopts}
    # Those of what is new that exist, by the name written out in the template.
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html
    new = {"Resources": {t: resources[t] for t in staying - held.keys() if adopts}}
    found = changesets._existing_resources(stacks._diff_resources({}, new), new)
    stack["_imported"] = {one["LogicalResourceId"]: one["ResourceIdentifier"] for one in found}
    # A bucket's name in use is refused beforehand, even where that is what to take in.
    stack["_disable_validation"] = bool(stack["_imported"])
    more |= {"imports": stack["_imported"], "retain_except_on_create": takes_back}
    await deploy(*operation, **more)
    if stack.get("_leaves"):
        stack["StackStatus"] = "DELETE_IN_PROGRESS"
    if stack["StackStatus"] == "UPDATE_COMPLETE" and "RootId" in stack:
        tags = {"stack_tags": stack["Tags"], "previous_tags": before["Tags"]}
        stack["_done"] = more | undone | tags | {"created": list(stack["_resources"])}
    deletions = stack.pop("_waiting", ())
    if stack["StackStatus"] == "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS":
        await _clean_up(stack, deletions)


async def _go(delete: Function, name: str, *about: Any, **more: Any) -> None:
    """Delete a stack once its creation, which makes nothing more, has come to an end."""
    stack = cloudformation._stacks[name]
    stack["_leaves"] = True
    while stack["StackStatus"] in ENDING:  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.005)
    await delete(name, *about, **more)


def _restore(load: Function, data: Any) -> None:
    """What was going on when the server ended is over."""
    load(data)
    for stack in cloudformation._stacks._data.values():
        begun, *_, going = stack["StackStatus"].split("_")
        if going == "PROGRESS" and begun != "REVIEW":
            stack["StackStatus"] = CUT_OFF.get(begun, "UPDATE_ROLLBACK_COMPLETE")
            stack["StackStatusReason"] = "The local AWS was stopped"


def add() -> None:
    for action in cloudformation._TOKEN_ACTIONS:
        around(cloudformation._ACTION_HANDLERS[action], functools.partial(_once, action))
    around(stacks._deploy_stack_async, _deploy)
    around(cloudformation.load_persisted_state, _restore)
    around(stacks._delete_stack_async, _go)
