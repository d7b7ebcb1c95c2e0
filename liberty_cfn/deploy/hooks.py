"""What early validation, or a hook of the account, refused, and why.

Only DescribeEvents says what was refused before anything was made.
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
    """Return what was refused before anything was made, which isn't among a stack's events.

    `asked` is StackName, or ChangeSetName (by its id).
    """
    pages = cloudformation.get_paginator("describe_events")
    try:
        failed = pages.paginate(**asked, Filters={"FailedEvents": True})
        found = [*filter(None, failed.search("OperationEvents"))]
    except faults.OF_AWS:
        # The role may lack the right, say: then the stack's own reason has to do, and this
        # error must not hide it.
        return []
    # Those of the last operation; the first event is the newest.
    last = [event for event in found if event.get("OperationId") == found[0].get("OperationId")]
    ordered = sorted(last, key=lambda e: str(e.get("Timestamp", "")))
    return list(dict.fromkeys(filter(None, map(_sentence, ordered))))


def refused_by_hooks(cloudformation: Any, change_set: str) -> list[str]:
    """Return why hooks refused a change set (by its id), whose own reason only names them.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListHookResults.html
    """
    asked = {"TargetType": "CHANGE_SET", "TargetId": change_set}
    try:
        found = cloudformation.list_hook_results(**asked).get("HookResults", [])
    except faults.OF_AWS:
        return []
    why = ((one["TypeName"], why_hook_failed(one, cloudformation)) for one in found)
    return [f"{hook}: {said}" for hook, said in why if said]


def why_hook_failed(raw: Mapping[str, Any], cloudformation: Any = None) -> str:
    """Return why a hook refused something; empty if it didn't, or only warned."""
    status = raw.get("HookStatus") or raw.get("Status", "")
    warns = "WARN" in (raw.get("HookFailureMode"), raw.get("FailureMode"))
    if warns or status not in ("HOOK_COMPLETE_FAILED", "HOOK_FAILED"):
        return ""
    result = raw.get("HookInvocationId") or raw.get("HookResultId")
    more = _result_of_hook(cloudformation, result) if cloudformation and result else []
    said = dict.fromkeys(filter(None, (raw.get("HookStatusReason"), *more)))
    return "; ".join(said) or "no reason given"


def _result_of_hook(cloudformation: Any, result: str) -> list[str]:
    """Return, in words, what a hook found: an event may only refer to that.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetHookResult.html
    """
    try:
        found = cloudformation.get_hook_result(HookResultId=result)
    except faults.OF_AWS:
        return []
    failed = [one for one in found.get("Annotations", []) if one.get("Status") == "FAILED"]
    parts = [(one.get("StatusMessage"), one.get("RemediationMessage")) for one in failed]
    return [found.get("HookStatusReason", ""), *(" ".join(filter(None, one)) for one in parts)]


def _sentence(event: Mapping[str, Any]) -> str:
    """Return, in words, what an event refuses; empty for any other event."""
    kind, path = event.get("ResourceType"), event.get("ValidationPath")
    if why := why_hook_failed(event):
        return f"{_where(event, kind)}{event.get('HookType', 'a hook')}: {why}"
    refuses = (
        event.get("ValidationFailureMode", "FAIL") == "FAIL"
        and event.get("ValidationStatus") != "SKIPPED"
    )
    if event.get("EventType") != "VALIDATION_ERROR" or not refuses:
        return ""
    why = event.get("ValidationStatusReason") or event.get("ResourceStatusReason", "refused")
    return f"{_where(event, kind, path)}{why}"


def _where(event: Mapping[str, Any], *more: str | None) -> str:
    """Return which resource an event is about, and a colon; empty if it is about none."""
    inside = " ".join(filter(None, more))
    said = filter(None, (event.get("LogicalResourceId"), f"({inside})" if inside else ""))
    return f"{where}: " if (where := " ".join(said)) else ""
