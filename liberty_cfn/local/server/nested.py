# ruff: noqa: SLF001 - ministack has no public names for these
"""A child stack is a stack: made, changed and deleted by the same actions as its parent.

Ministack walks through a child's resources with a shorter loop of its own, which knows no
rollback, no exports, no deletion policy and no dynamic reference.
"""

import asyncio
import functools
import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlparse

from ministack.services import cloudformation
from ministack.services.cloudformation import handlers, helpers, provisioners, stacks

from .asking import Action, Answer, Made, Properties, Query, around, checked, numbered, on_loop

TYPE = "AWS::CloudFormation::Stack"
Stack = dict[str, Any]


def plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _request(properties: Properties, parent: Stack) -> dict[str, str]:
    """What CreateStack and UpdateStack are asked for a child."""
    parameters = properties.get("Parameters") or {}
    if any(isinstance(value, list) for value in parameters.values()):
        raise ValueError(
            "Value of property Parameters must be an object with String properties"
        )
    given = [{"ParameterKey": k, "ParameterValue": plain(v)} for k, v in parameters.items()]
    tags = [tag for tag in properties.get("Tags") or [] if not tag["Key"].startswith("aws:")]
    granted = enumerate(parent.get("Capabilities", []), 1)
    return (
        # Empty, it clears the tags that are no longer given.
        {"TemplateURL": properties["TemplateURL"], "Tags": ""}
        | {"RetainExceptOnCreate": plain(parent.get("_takes_back", False))}
        | numbered("Parameters.member", given)
        | numbered("Tags.member", tags)
        | {f"Capabilities.member.{n}": capability for n, capability in granted}
    )


def child_of(stack_id: str) -> Stack:
    found: Stack = handlers._resolve_stack(stack_id) or {"StackStatus": "DELETE_COMPLETE"}
    return found


async def _act(action: Action, name: str, **query: str) -> Stack:
    asked = {key: [value] for key, value in (query | {"StackName": name}).items()}
    checked(action(asked))
    stack: Stack = cloudformation._stacks[name]
    return stack


def _told(stack: Stack) -> int:
    return len(cloudformation._stack_events.get(stack["StackId"], []))


async def _rest(stack: Stack, events: int) -> str:
    """Wait for a stack to come to rest, later than the events it had."""
    while True:
        status: str = stack["StackStatus"]
        if _told(stack) > events and status.endswith(("_COMPLETE", "_FAILED")):
            return status
        await asyncio.sleep(0.005)


def outputs(child: Stack) -> Made:
    return child["StackId"], {
        f"Outputs.{o['OutputKey']}": o["OutputValue"] for o in child["Outputs"]
    }


def _outcome(child: Stack, verb: str, since: int = 0) -> Made:
    if child["StackStatus"] == f"{verb.upper()}_COMPLETE":
        return outputs(child)
    failed = [
        event["LogicalResourceId"]
        for event in cloudformation._stack_events[child["StackId"]][since:]
        if event["ResourceStatus"] in ("CREATE_FAILED", "UPDATE_FAILED")
    ]
    raise ValueError(
        f"Embedded stack {child['StackId']} was not successfully {verb}d: "
        f"The following resource(s) failed to {verb}: [{', '.join(failed)}]."
    )


async def _create(title: str, properties: Properties, parent_name: str) -> Made:
    parent = cloudformation._stacks[parent_name]
    stays = parent.get("DisableRollback", False)
    name = f"{parent_name}-{title}-{secrets.token_hex(6).upper()}"
    query = _request(properties, parent) | {"DisableRollback": plain(stays)}
    child = await _act(handlers._create_stack, name, **query)
    child["ParentId"] = parent["StackId"]
    child["RootId"] = parent.get("RootId", parent["StackId"])
    for inherited in ("EnableTerminationProtection", "_adopts"):
        child[inherited] = parent.get(inherited, False)
    # Known to the parent from the start: whoever watches can follow it, and a parent that is
    # left as it failed can still delete it.
    parent["_resources"][title] = {
        "PhysicalResourceId": child["StackId"],
        "ResourceType": TYPE,
        "ResourceStatus": "CREATE_IN_PROGRESS",
        "LogicalResourceId": title,
        "Properties": properties,
        "Attributes": {},
        "Timestamp": child["CreationTime"],
    }
    begun = "Resource creation Initiated"
    stacks._add_event(parent["StackId"], parent_name, title, TYPE, "CREATE_IN_PROGRESS", begun)
    await _rest(child, 0)
    if child["StackStatus"] != "CREATE_COMPLETE":
        parent["_resources"][title]["ResourceStatus"] = "CREATE_FAILED"
        if not stays:
            await _delete(child["StackId"])
    return _outcome(child, "create")


async def _update(stack_id: str, properties: Properties, parent_name: str) -> Made:
    child, parent = child_of(stack_id), cloudformation._stacks[parent_name]
    child["_adopts"] = parent.get("_adopts", False)
    before = _told(child)
    try:
        await _act(handlers._update_stack, child["StackName"], **_request(properties, parent))
    except ValueError as error:
        if "No updates are to be performed" not in str(error):
            raise
        return outputs(child)
    await _rest(child, before)
    return _outcome(child, "update", before)


async def _delete(stack_id: str) -> None:
    child = child_of(stack_id)
    if child["StackStatus"] == "DELETE_COMPLETE":
        return
    parent = child_of(child.get("ParentId", ""))
    if "ROLLBACK" in parent["StackStatus"] and child["StackStatus"] == "CREATE_COMPLETE":
        # What is taken back, rather than deleted, leaves neither snapshots nor what only a
        # later deletion would have kept.
        creation = {"created": list(child["_resources"]), "template": child["_template"]}
        creation |= {"param_values": child["_resolved_params"], "imports": child["_imported"]}
        creation |= {"retain_except_on_create": child["_takes_back"]}
        await stacks._roll_back_operation(child["StackName"], stack_id, child, creation)
        if child["StackStatus"] == "ROLLBACK_FAILED":
            raise ValueError(child["StackStatusReason"])
    before = _told(child)
    child["EnableTerminationProtection"] = False  # that was from being deleted by itself
    await _act(handlers._delete_stack, child["StackName"])
    if await _rest(child, before) != "DELETE_COMPLETE":
        raise ValueError(child["StackStatusReason"])


async def _undo(undo: Callable[..., Awaitable[None]], *operation: Any, **more: Any) -> None:
    """What could not be taken back is still the stack's, to be deleted later."""
    await undo(*operation, **more)
    stack: Stack = operation[2]
    left = (
        stack.get("_rollback_failed", {}) if stack["StackStatus"] == "ROLLBACK_FAILED" else {}
    )
    for title, record in left.items():
        stack["_resources"][title] = record | {
            "LogicalResourceId": title,
            "ResourceStatus": "DELETE_FAILED",
            "Attributes": {},
            "Timestamp": stack["CreationTime"],
        }


def _with_family(describe: Action, query: Query) -> Answer:
    """The parent and the root of child stacks."""

    def told(found: re.Match[str]) -> str:
        stack = child_of(found[1])
        family = {tag: stack[tag] for tag in ("ParentId", "RootId") if tag in stack}
        return found[0] + "".join(f"<{tag}>{value}</{tag}>" for tag, value in family.items())

    for stack in cloudformation._stacks.values():
        # A change set that makes a stack forgets this.
        stack["Description"] = stack["_template"].get("Description", "")
    status, headers, body = describe(query)
    return status, headers, re.sub(r"<StackId>([^<]*)</StackId>", told, body.decode()).encode()


def _has_no_updates(
    look: Callable[..., bool], stack: Stack, template: dict[str, Any], *more: Any
) -> bool:
    """What is nested may have changed, though its parent is as it was."""
    kinds = {resource.get("Type") for resource in template["Resources"].values()}
    return TYPE not in kinds and look(stack, template, *more)


def _by_path(url: str) -> Any:
    """A bucket named by its host, as AWS's own URLs do, becomes one named by the path."""
    host = r"^https://([^/]+)\.s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com/"
    return urlparse(re.sub(host, r"https://s3.amazonaws.com/\1/", url))


def add() -> None:
    provisioners._RESOURCE_HANDLERS[TYPE] = {
        "create": lambda *made: on_loop(_create(*made)),
        "update": lambda stack_id, _old, new, parent: on_loop(_update(stack_id, new, parent)),
        "delete": lambda stack_id, _properties: on_loop(_delete(stack_id)),
    }
    around("DescribeStacks", _with_family)
    helpers.urlparse = _by_path
    undo = functools.partial(_undo, stacks._roll_back_operation)
    stacks._roll_back_operation = handlers._roll_back_operation = undo
    look = functools.partial(_has_no_updates, handlers._stack_has_no_updates)
    handlers._stack_has_no_updates = look
