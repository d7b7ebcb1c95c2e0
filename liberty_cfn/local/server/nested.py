"""A child stack is a stack: made, changed and deleted by the same actions as its parent.

Ministack walks through a child's resources with a shorter loop of its own, which knows no
rollback, no exports, no deletion policy and no dynamic reference.
"""

import asyncio
import re
import secrets
from collections.abc import Coroutine
from typing import Any
from urllib.parse import urlparse

import ministack.app as gateway
from ministack.services import cloudformation
from ministack.services.cloudformation import (
    changesets,
    handlers,
    helpers,
    provisioners,
    stacks,
)

from . import asking
from .asking import Action, Answer, Made, Properties, Query, Stack, around, checked, text

NESTED = "AWS::CloudFormation::Stack"


def child_of(stack_id: str) -> Stack:
    return handlers._resolve_stack(stack_id) or {"StackStatus": "DELETE_COMPLETE"}


def root_of(stack: Stack) -> Stack:
    return child_of(str(stack.get("RootId", stack["StackId"])))


def change_set_of(query: Query) -> Stack:
    """The change set that a request names; an empty one if there is none."""
    asked = (helpers._p(query, key) for key in ("ChangeSetName", "StackName"))
    return changesets._find_change_set(*asked)[1] or {}


def _finish(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Finish something on the server's event loop, from a thread of its own."""
    return asyncio.run_coroutine_threadsafe(coroutine, gateway._MAIN_LOOP).result()


def _request(name: str, properties: Properties, parent: Stack) -> Query:
    values, tags = (properties.get(key) or {} for key in ("Parameters", "Tags"))
    own = [tag for tag in tags if not tag["Key"].startswith("aws:")]
    granted = parent.get("Capabilities", [])
    return asking.request(name, properties["TemplateURL"], values, own, granted)


def _outputs(child: Stack) -> Made:
    told = {f"Outputs.{o['OutputKey']}": o["OutputValue"] for o in child["Outputs"]}
    return child["StackId"], told


async def settled(stack: Stack) -> Stack:
    """Wait for a stack that something has just begun with to come to rest."""
    await asyncio.sleep(0)  # a deletion tells so only then
    while stack["StackStatus"].endswith("_IN_PROGRESS"):  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.002)
    return stack


async def _end(child: Stack, verb: str) -> Made:
    """Wait for what has just begun; an end that isn't the good one is an error."""
    events = cloudformation._stack_events[child["StackId"]]
    before = len(events)
    await settled(child)
    if child["StackStatus"] == f"{verb.upper()}_COMPLETE":
        return _outputs(child)
    bad = ("CREATE_FAILED", "UPDATE_FAILED")
    failed = [e["LogicalResourceId"] for e in events[before:] if e["ResourceStatus"] in bad]
    raise ValueError(
        f"Embedded stack {child['StackId']} was not successfully {verb}d: "
        f"The following resource(s) failed to {verb}: [{', '.join(failed)}]."
    )


async def _create(title: str, properties: Properties, parent_name: str) -> Made:
    parent = cloudformation._stacks[parent_name]
    name = f"{parent_name}-{title}-{secrets.token_hex(6).upper()}"
    on_failure = "DO_NOTHING" if parent.get("DisableRollback") else "DELETE"
    asked = _request(name, properties, parent)
    checked(handlers._create_stack(asked | {"OnFailure": [on_failure]}))
    child = cloudformation._stacks[name]
    child |= {"ParentId": parent["StackId"], "RootId": root_of(parent)["StackId"]}
    # Known to the parent from the start: whoever watches can follow it, and a parent that is
    # left as it failed can still delete it.
    parent["_resources"][title] = known = {
        "PhysicalResourceId": child["StackId"],
        "ResourceType": NESTED,
        "ResourceStatus": "CREATE_IN_PROGRESS",
        "Timestamp": child["CreationTime"],
    }
    begun = (parent["StackId"], parent_name, title, NESTED, "CREATE_IN_PROGRESS")
    stacks._add_event(*begun, "Resource creation Initiated")
    try:
        return await _end(child, "create")
    except ValueError:
        gone = child["StackStatus"] == "DELETE_COMPLETE"
        known["ResourceStatus"] = "DELETE_COMPLETE" if gone else "CREATE_FAILED"
        raise


async def _update(stack_id: str, properties: Properties, parent_name: str) -> Made:
    child, parent = child_of(stack_id), cloudformation._stacks[parent_name]
    name, done = child["StackName"], child.pop("_done", None)
    if parent["StackStatus"] == "UPDATE_ROLLBACK_IN_PROGRESS":
        if child["StackStatus"] == "UPDATE_ROLLBACK_FAILED":
            skipped = child.pop("_skipped", ())
            await stacks._continue_update_rollback_async(name, stack_id, skipped)
        elif done:
            await stacks._roll_back_operation(name, stack_id, child, done)
        if child["StackStatus"] == "UPDATE_ROLLBACK_FAILED":
            raise ValueError(child["StackStatusReason"])
        return _outputs(child)
    begun = handlers._update_stack(_request(name, properties, parent))
    if "No updates are to be performed" in text(begun, "Message"):
        return _outputs(child)
    checked(begun)
    return await _end(child, "update")


async def _delete(stack_id: str) -> None:
    child = child_of(stack_id)
    if child["StackStatus"] == "DELETE_COMPLETE":
        return
    parent = child_of(child["ParentId"])
    undone = "ROLLBACK" in parent["StackStatus"] or parent.get("_undone")
    if undone and child["StackStatus"] == "CREATE_COMPLETE":
        # What was made goes, what is kept otherwise only if RetainExceptOnCreate was asked
        # for; what was taken in stays.
        resources = dict(child["_template"]["Resources"])
        for title, resource in resources.items():
            retained = resource.get("DeletionPolicy") == "Retain" and not child["_takes_back"]
            policy = "Retain" if retained or title in child["_imported"] else "Delete"
            resources[title] = resource | {"DeletionPolicy": policy}
        child |= {"_undone": True, "_template": child["_template"] | {"Resources": resources}}
    await stacks._delete_stack_async(child["StackName"], stack_id)
    if child["StackStatus"] != "DELETE_COMPLETE":
        raise ValueError(child["StackStatusReason"])


def _continue(act: Action, query: Query) -> Answer:
    """What is to be skipped in a nested stack has that stack's name before its own."""
    asked = helpers._extract_string_members(query, "ResourcesToSkip")
    named = [name.rpartition(".")[::2] for name in asked]
    for stack in cloudformation._stacks.values():
        stack["_skipped"] = [title for name, title in named if name == stack["StackName"]]
    return act(query | {"ResourcesToSkip": [title for name, title in named if not name]})


def _describe(describe: Action, query: Query) -> Answer:
    """Stacks as ministack describes them, those of children with their parent and root."""

    def whole(found: re.Match[str]) -> str:
        stack = child_of(found[1])
        return found[0] + "".join(
            asking.xml(tag, stack.get(tag)) for tag in ("ParentId", "RootId")
        )

    status, headers, body = describe(query)
    return status, headers, re.sub("<StackId>([^<]*)</StackId>", whole, body.decode()).encode()


def _by_path(url: str) -> Any:
    """A bucket named by its host, as AWS's own URLs do, becomes one named by the path."""
    host = r"^https://([^/]+)\.s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com/"
    return urlparse(re.sub(host, r"https://s3.amazonaws.com/\1/", url))


def add() -> None:
    provisioners._RESOURCE_HANDLERS[NESTED] = {
        "create": lambda *made: _finish(_create(*made)),
        "update": lambda stack_id, _old, new, parent: _finish(_update(stack_id, new, parent)),
        "delete": lambda stack_id, _properties: _finish(_delete(stack_id)),
    }
    around(handlers._describe_stacks, _describe)
    around(handlers._list_stacks, _describe)
    around(handlers._continue_update_rollback, _continue)
    helpers.urlparse = _by_path
