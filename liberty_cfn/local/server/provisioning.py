"""Around the making of every resource: delays, failures on demand, what AWS tells of it."""

import json
import os
import time
from fnmatch import fnmatchcase
from typing import Any

import ministack.app as gateway
from ministack.core.responses import get_account_id, get_region, now_iso
from ministack.services import cloudformation
from ministack.services.cloudformation import provisioners, stacks

from . import existing, guarding, mending, schemas
from .asking import Function, Made, Properties, around
from .nested import NESTED, root_of

SETTINGS = ("LIBERTY_LOCAL_FAIL", "LIBERTY_LOCAL_DELAY", "LIBERTY_LOCAL_TASK")


def _tried(kind: str, title: str) -> None:
    one, here = f"{kind}/{title}", f"{get_account_id()}/{get_region()}"
    for rule in os.environ.get("LIBERTY_LOCAL_FAIL", "").split(","):
        named, _, where = rule.strip().partition("@")
        if here.startswith(where) and (named == kind or fnmatchcase(one, named)):
            raise ValueError(f"LIBERTY_LOCAL_FAIL asks that {one} fail")
    _waited(kind)


def _waited(kind: str) -> None:
    """Take the time that resources are to take, or until they are to take less."""
    began = time.monotonic()
    while kind != NESTED:
        left = began + float(os.environ.get("LIBERTY_LOCAL_DELAY") or 0) - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(left, 0.02))


def _is_cancelled(stack: dict[str, Any]) -> bool:
    """Whether the creation, or the update, is cancelled that makes or changes a resource."""
    root = root_of(stack)
    updating = root["StackStatus"] == "UPDATE_IN_PROGRESS"
    return bool(root.get("_leaves") or (updating and root.get("_cancel_requested")))


def _make(make: Function, kind: str, title: str, properties: Properties, stack: str) -> Made:
    _tried(kind, title)
    if _is_cancelled(cloudformation._stacks[stack]):
        raise ValueError("Resource creation cancelled")
    fitted = schemas.fitted(kind, title, properties)
    if taken := existing.refusal(kind, fitted):
        raise ValueError(taken)
    return mending.mended(kind, make(kind, title, fitted, stack), fitted)


def _change(change: Function, kind: str, physical: str, *about: Any) -> Made:
    *sides, stack, title, attributes = about
    old, new = (schemas.fitted(kind, title, properties) for properties in sides)
    record = cloudformation._stacks[stack]
    if old == new:
        # AWS says nothing of what an update leaves as it is.
        events = cloudformation._stack_events[record["StackId"]]
        if events[-1]["LogicalResourceId"] == title:
            events.pop()
        return physical, attributes or {}
    replaces = provisioners._replacing_change(kind, old, new)
    action = "Update:Replace" if replaces else "Update:Modify"
    if why := guarding.refusal(record, action, title, kind):
        raise ValueError(why)
    _tried(kind, title)
    if _is_cancelled(record):
        raise ValueError("Resource update cancelled")
    made = change(kind, physical, old, new, stack, title, attributes)
    name, told = mending.mended(kind, made, new)
    # An update tells only what it touched.
    return name, (attributes or {}) | told if name == physical else told


def _drop(drop: Function, kind: str, physical: str, *about: Any) -> None:
    properties, stack, title = about
    record = cloudformation._stacks[stack]
    if record["StackStatus"] == "UPDATE_IN_PROGRESS":
        # What an update replaced or removed goes when all of it is good.
        waiting = root_of(record).setdefault("_waiting", [])
        waiting.append((record["StackId"], kind, physical, *about))
        return
    _waited(kind)
    mending.check_deletion(kind, physical)
    # What has been replaced is no longer what the stack has under that title.
    held = record["_resources"].get(title, {}).get("PhysicalResourceId", physical)
    written = record["_template"].get("Resources", {}).get(title, {})
    if held != physical and written.get("UpdateReplacePolicy") == "Snapshot":
        provisioners._snapshot_resource(kind, physical, properties)
    drop(kind, physical, *about)


def _event(tell: Function, stack_id: str, stack: str, *about: str, **named: str) -> None:
    """AWS names the resource in every event, once it has one, and says what is made anew."""
    title, kind, status, reason, physical = (*about, "", "")[:5]
    record = cloudformation._stacks.get(stack, {})
    if status == "DELETE_SKIPPED" and record["StackStatus"] == "UPDATE_IN_PROGRESS":
        # What an update leaves to itself is told as such when all of it is good.
        waiting = root_of(record).setdefault("_waiting", [])
        waiting.append((stack_id, kind, named["physical_id"], None, stack, title))
        return
    if title == stack and status == "ROLLBACK_FAILED":
        # What could not be taken back is still the stack's, to be deleted later.
        state = {"ResourceStatus": "DELETE_FAILED", "Timestamp": now_iso()}
        record["_resources"] |= {t: r | state for t, r in record["_rollback_failed"].items()}
    undone = title == stack and status == "UPDATE_ROLLBACK_IN_PROGRESS"
    if undone and record.pop("_cancel_requested", None):
        stacks.CLIENT_REQUEST_TOKEN.set(record.pop("_cancel_token", ""))
        reason = "User Initiated"
    if title == stack and status == "UPDATE_COMPLETE" and record.get("_waiting"):
        record["StackStatus"] = status = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
    events = reversed(cloudformation._stack_events.get(stack_id, []))
    last = next((e["ResourceStatus"] for e in events if e["LogicalResourceId"] == title), "")
    kept = record.get("_resources", {}).get(title, {})
    physical = physical or kept.get("PhysicalResourceId", "")
    if title != stack and status.startswith("UPDATE"):
        new = status == "UPDATE_IN_PROGRESS" and not kept and not last.startswith("IMPORT")
        if new or last == "CREATE_IN_PROGRESS":
            status = status.replace("UPDATE", "CREATE")
        elif status == "UPDATE_COMPLETE" and not reason and last.endswith("_COMPLETE"):
            return  # the end of what was never told to begin
    named = {"reason": reason, "physical_id": physical} | named
    tell(stack_id, stack, title, kind, status, **named)


async def _set(configure: Function, path: str, method: str, body: bytes) -> Any:
    """Ministack's own way to change a setting while it runs, for these as well."""
    if path == "/_ministack/config" and method == "POST":
        asked = json.loads(body)
        os.environ |= {name: asked[name] for name in SETTINGS if name in asked}
        if asked.get("LIBERTY_LOCAL_SAVE"):
            # Else only a server that is asked to stop writes down what it holds.
            gateway.save_all(gateway._build_persistence_save_dict())
    return await configure(path, method, body)


def add() -> None:
    around(provisioners._provision_resource, _make)
    around(provisioners._update_resource, _change)
    around(provisioners._delete_resource, _drop)
    around(stacks._add_event, _event)
    around(gateway._handle_admin_config_request, _set)
    # Off the event loop, which goes on answering while a resource takes its time.
    stacks._runs_on_worker_thread = lambda _kind: True
