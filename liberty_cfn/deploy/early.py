"""What CloudFormation refused before anything was made: DescribeEvents alone tells why.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from liberty_cfn.deploy import faults

# How CloudFormation says that early validation, or hooks of the account, refused something: it
# only names them, as in "The following hook(s)/validation failed: [...]".
REFUSED = "hook(s)"


def refused_early(cloudformation: Any, **asked: str) -> list[str]:
    """Return what was refused before anything was made, which a stack's events don't tell.

    `asked` is StackName, or ChangeSetName (by its id).
    """
    pages = cloudformation.get_paginator("describe_events")
    try:
        failed = pages.paginate(**asked, Filters={"FailedEvents": True})
        found = [*filter(None, failed.search("OperationEvents"))]
    except faults.OF_AWS:
        # The role lacks the right to it, say: then what the stack itself says has to do, and
        # is not to be hidden by this error.
        return []
    # Those of the last operation; the first event is the newest.
    last = [event for event in found if event.get("OperationId") == found[0].get("OperationId")]
    ordered = sorted(last, key=lambda e: str(e.get("Timestamp", "")))
    return list(dict.fromkeys(filter(None, map(_sentence, ordered))))


def refused_by_hooks(cloudformation: Any, change_set: str) -> list[str]:
    """Return why hooks refused a change set (its id), of which its own reason names them alone.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListHookResults.html
    """
    asked = {"TargetType": "CHANGE_SET", "TargetId": change_set}
    try:
        found = cloudformation.list_hook_results(**asked).get("HookResults", [])
    except faults.OF_AWS:
        return []
    return [f"{one['TypeName']}: {why}" for one in found if (why := why_hook_failed(one))]


def why_hook_failed(raw: Mapping[str, Any]) -> str:
    """Return why a hook refused something; empty where it didn't, or only warns."""
    status = raw.get("HookStatus") or raw.get("Status", "")
    warns = "WARN" in (raw.get("HookFailureMode"), raw.get("FailureMode"))
    failed = status in ("HOOK_COMPLETE_FAILED", "HOOK_FAILED") and not warns
    return str(raw.get("HookStatusReason") or "no reason given") if failed else ""


def _sentence(event: Mapping[str, Any]) -> str:
    """Return an event that refuses something in words; empty for any other."""
    where = f"{event.get('LogicalResourceId', '')} ({event.get('ResourceType', '')}"
    if event.get("EventType") == "HOOK_INVOCATION_ERROR" and (why := why_hook_failed(event)):
        return f"{where}): {event.get('HookType', 'a hook')}: {why}"
    refuses = (
        event.get("ValidationFailureMode", "FAIL") == "FAIL"
        and event.get("ValidationStatus") != "SKIPPED"
    )
    if event.get("EventType") != "VALIDATION_ERROR" or not refuses:
        return ""
    path = f" {event['ValidationPath']}" if event.get("ValidationPath") else ""
    why = event.get("ValidationStatusReason") or event.get("ResourceStatusReason", "refused")
    return f"{where}{path}): {why}"
