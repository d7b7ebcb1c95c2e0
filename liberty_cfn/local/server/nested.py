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

from .asking import Action, Made, Properties, Stack, checked, numbered, on_loop, plain, telling

TYPE = "AWS::CloudFormation::Stack"


def child_of(stack_id: str) -> Stack:
    found: Stack = handlers._resolve_stack(stack_id) or {"StackStatus": "DELETE_COMPLETE"}
    return found


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
        {"TemplateURL": properties["TemplateURL"]}
        | {"RetainExceptOnCreate": plain(parent.get("_takes_back", False))}
        | numbered("Parameters.member", given)
        | numbered("Tags.member", tags)
        | {f"Capabilities.member.{n}": capability for n, capability in granted}
    )


def _begin(action: Action, name: str, query: dict[str, str]) -> Stack:
    asked = {key: [value] for key, value in (query | {"StackName": name}).items()}
    checked(action(asked))
    stack: Stack = cloudformation._stacks[name]
    return stack


def outputs(child: Stack) -> Made:
    told = {f"Outputs.{o['OutputKey']}": o["OutputValue"] for o in child["Outputs"]}
    return child["StackId"], told


async def _end(child: Stack, verb: str) -> Made:
    """Wait for what has just begun; an end that isn't the good one is an error."""
    events = cloudformation._stack_events[child["StackId"]]
    before = len(events)
    while child["StackStatus"].endswith("_IN_PROGRESS"):  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.005)
    if child["StackStatus"] == f"{verb.upper()}_COMPLETE":
        return outputs(child)
    failures = ("CREATE_FAILED", "UPDATE_FAILED")
    failed = [
        e["LogicalResourceId"] for e in events[before:] if e["ResourceStatus"] in failures
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
    child = _begin(handlers._create_stack, name, query)
    child["ParentId"] = parent["StackId"]
    child["RootId"] = parent.get("RootId", parent["StackId"])
    child["_adopts"] = parent.get("_adopts", False)
    # Known to the parent from the start: whoever watches can follow it, and a parent that is
    # left as it failed can still delete it.
    parent["_resources"][title] = record = {
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
    try:
        return await _end(child, "create")
    except ValueError:
        record["ResourceStatus"] = "CREATE_FAILED"
        if not stays:
            await _delete(child["StackId"])
        raise


async def _update(stack_id: str, properties: Properties, parent_name: str) -> Made:
    child, parent = child_of(stack_id), cloudformation._stacks[parent_name]
    child["_adopts"] = parent.get("_adopts", False)
    try:
        _begin(handlers._update_stack, child["StackName"], _request(properties, parent))
    except ValueError as error:
        if "No updates are to be performed" not in str(error):
            raise
        return outputs(child)
    return await _end(child, "update")


async def _delete(stack_id: str) -> None:
    child = child_of(stack_id)
    if child["StackStatus"] == "DELETE_COMPLETE":
        return
    name, parent = child["StackName"], child_of(child["ParentId"])
    if "ROLLBACK" in parent["StackStatus"] and child["StackStatus"] == "CREATE_COMPLETE":
        # What is taken back, rather than deleted, leaves neither snapshots nor what only a
        # later deletion would have kept.
        creation = {"created": list(child["_resources"]), "template": child["_template"]}
        creation |= {"param_values": child["_resolved_params"], "imports": child["_imported"]}
        creation |= {"retain_except_on_create": child["_takes_back"]}
        await stacks._roll_back_operation(name, stack_id, child, creation)
        if child["StackStatus"] == "ROLLBACK_FAILED":
            raise ValueError(child["StackStatusReason"])
    await stacks._delete_stack_async(name, stack_id)
    if child["StackStatus"] != "DELETE_COMPLETE":
        raise ValueError(child["StackStatusReason"])


async def _undo(undo: Callable[..., Awaitable[None]], *operation: Any, **more: Any) -> None:
    """What could not be taken back is still the stack's, to be deleted later."""
    stack: Stack = operation[2]
    held = dict(stack["_resources"])
    await undo(*operation, **more)
    if stack["StackStatus"] == "ROLLBACK_FAILED":
        for title in stack["_rollback_failed"]:
            stack["_resources"][title] = held[title] | {"ResourceStatus": "DELETE_FAILED"}


def _with_family(found: re.Match[str]) -> str:
    """The parent and the root of a child stack."""
    stack = child_of(found[1])
    family = {tag: stack[tag] for tag in ("ParentId", "RootId") if tag in stack}
    return found[0] + "".join(f"<{tag}>{value}</{tag}>" for tag, value in family.items())


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
    actions = cloudformation._ACTION_HANDLERS
    telling(actions, "DescribeStacks", "<StackId>([^<]*)</StackId>", _with_family)
    helpers.urlparse = _by_path
    undo = functools.partial(_undo, stacks._roll_back_operation)
    stacks._roll_back_operation = handlers._roll_back_operation = undo
