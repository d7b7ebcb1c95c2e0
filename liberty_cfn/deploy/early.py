"""What CloudFormation refused before anything was made: DescribeEvents alone tells why.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html
"""

from __future__ import annotations

from typing import Any

from liberty_cfn.deploy import faults


def refused_early(cloudformation: Any, **asked: str) -> list[str]:
    """Return what was refused before anything was made, which a stack's events don't tell.

    `asked` is StackName, or ChangeSetName (by its id).
    """
    try:
        found = _failed_events(cloudformation, asked)
    except faults.OF_AWS:
        # The role lacks the right to it, say: then what the stack itself says has to do, and
        # is not to be hidden by this error.
        return []
    sentences = [
        f"{e.get('LogicalResourceId', '')} ({e.get('ResourceType', '')}"
        f"{' ' + e['ValidationPath'] if e.get('ValidationPath') else ''}): "
        f"{e.get('ValidationStatusReason') or e.get('ResourceStatusReason', 'refused')}"
        for e in sorted(found, key=lambda e: str(e.get("Timestamp", "")))
        if e.get("EventType") == "VALIDATION_ERROR"
        and e.get("ValidationFailureMode", "FAIL") == "FAIL"
    ]
    return list(dict.fromkeys(sentences))


def _failed_events(cloudformation: Any, asked: dict[str, str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    more: dict[str, str] = {}
    while True:
        page = cloudformation.describe_events(**asked, Filters={"FailedEvents": True}, **more)
        found += page.get("OperationEvents", [])
        if not (token := page.get("NextToken")):
            # Those of the last operation; the first event is the newest.
            last = found[0].get("OperationId") if found else None
            return [event for event in found if event.get("OperationId") == last]
        more = {"NextToken": token}
