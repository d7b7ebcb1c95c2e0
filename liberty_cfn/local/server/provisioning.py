"""Around the making of every resource: delays, failures on demand, what AWS tells of it."""

import json
import os
import time
from typing import Any

import ministack.app as gateway
from ministack.core.responses import get_account_id, get_region, now_iso
from ministack.services import cloudformation
from ministack.services.cloudformation import provisioners, stacks

from . import existing, guarding, schemas
from .asking import Made, Properties
from .nested import TYPE as NESTED

STEP = 0.02  # seconds
SETTINGS = ("LIBERTY_LOCAL_FAIL", "LIBERTY_LOCAL_DELAY", "LIBERTY_LOCAL_TASK")


def _tried(kind: str, title: str) -> None:
    for rule in filter(None, os.environ.get("LIBERTY_LOCAL_FAIL", "").split(",")):
        resource, _, where = rule.strip().partition("@")
        wanted, _, named = resource.partition("/")
        here = f"{get_account_id()}/{get_region()}".startswith(where)
        if wanted in (kind, "*") and named in (title, "*", "") and here:
            raise ValueError(f"LIBERTY_LOCAL_FAIL asks that {kind}/{title} fail")
    _waited(kind)


def _waited(kind: str) -> None:
    """Take the time that resources are to take, or until they are to take less."""
    began = time.monotonic()
    while kind != NESTED:
        left = began + float(os.environ.get("LIBERTY_LOCAL_DELAY") or 0) - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(left, STEP))


def _provision(kind: str, title: str, properties: Properties, stack: str) -> Made:
    _tried(kind, title)
    if taken := existing.refusal(kind, properties):
        raise ValueError(taken)
    made: Made = _create(kind, title, schemas.fitted(kind, title, properties), stack)
    return made


def _change(kind: str, physical: str, old: Properties, new: Properties, *more: Any) -> Made:
    stack, title, attributes = more
    old, new = (schemas.fitted(kind, title, properties) for properties in (old, new))
    if old == new:
        # AWS says nothing of what an update leaves as it is.
        events = cloudformation._stack_events[cloudformation._stacks[stack]["StackId"]]
        if events[-1]["LogicalResourceId"] == title:
            events.pop()
        return physical, attributes or {}
    guarding.check(stack, title, kind, old, new)
    _tried(kind, title)
    made, told = _update(kind, physical, old, new, stack, title, attributes)
    # An update tells only what it touched.
    return made, (attributes or {}) | told if made == physical else told


def _drop(kind: str, physical: str, properties: Properties, stack: str, title: str) -> None:
    record = cloudformation._stacks[stack]
    if record["StackStatus"] == "UPDATE_IN_PROGRESS" and "RootId" in record:
        guarding.put_off(record, _drop, kind, physical, properties, stack, title)
        return
    _waited(kind)
    # What has been replaced is no longer what the stack has under that title.
    held = record["_resources"].get(title, {}).get("PhysicalResourceId", physical)
    written = record["_template"].get("Resources", {}).get(title, {})
    if held != physical and written.get("UpdateReplacePolicy") == "Snapshot":
        provisioners._snapshot_resource(kind, physical, properties)
    _delete(kind, physical, properties, stack, title)


def _event(
    stack_id: str, stack: str, title: str, kind: str, status: str, *more: str, **named: str
) -> None:
    """AWS names the resource in every event, once it has one, and says what is made anew."""
    record = cloudformation._stacks.get(stack, {})
    if title == stack and status == "ROLLBACK_FAILED":
        # What could not be taken back is still the stack's, to be deleted later.
        state = {"ResourceStatus": "DELETE_FAILED", "Timestamp": now_iso()}
        left = record["_rollback_failed"].items()
        record["_resources"] |= {title: resource | state for title, resource in left}
    if title == stack and status == "UPDATE_COMPLETE" and stack_id in guarding.waiting:
        record["StackStatus"] = status = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
    events = reversed(cloudformation._stack_events.get(stack_id, []))
    last = next((e["ResourceStatus"] for e in events if e["LogicalResourceId"] == title), "")
    kept = record.get("_resources", {}).get(title, {})
    reason, physical = (*more, "", "")[:2]
    physical = physical or kept.get("PhysicalResourceId", "")
    if title != stack and status.startswith("UPDATE"):
        new = status == "UPDATE_IN_PROGRESS" and not kept and not last.startswith("IMPORT")
        if new or last == "CREATE_IN_PROGRESS":
            status = status.replace("UPDATE", "CREATE")
        elif status == "UPDATE_COMPLETE" and not reason and last.endswith("_COMPLETE"):
            return  # the end of what was never told to begin
    named = {"reason": reason, "physical_id": physical} | named
    _tell(stack_id, stack, title, kind, status, **named)


async def _set(path: str, method: str, body: bytes) -> Any:
    """Ministack's own way to change a setting while it runs, for these as well."""
    if path == "/_ministack/config" and method == "POST":
        asked = json.loads(body)
        os.environ |= {name: asked[name] for name in SETTINGS if name in asked}
        if asked.get("LIBERTY_LOCAL_SAVE"):
            # Else only a server that is asked to stop writes down what it holds.
            gateway.save_all(gateway._build_persistence_save_dict())
    return await _configure(path, method, body)


_create, _update = provisioners._provision_resource, provisioners._update_resource
_delete, _tell = provisioners._delete_resource, stacks._add_event
_configure = gateway._handle_admin_config_request


def add() -> None:
    provisioners._provision_resource = stacks._provision_resource = _provision
    provisioners._update_resource = stacks._update_resource = _change
    provisioners._delete_resource = stacks._delete_resource = _drop
    stacks._add_event = _event
    gateway._handle_admin_config_request = _set
    # Off the event loop, which goes on answering while a resource takes its time.
    stacks._runs_on_worker_thread = lambda _kind: True
