"""What roles need leave for, where ministack asks otherwise than AWS."""

from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.services import cloudformation

from .asking import Function, around


def _about(find: Function, service: str, *request: Any) -> Any:
    """A change set that is named by its id alone is a matter of its stack's."""
    found = find(service, *request)
    *_, query, region, account = request
    named = (query.get("ChangeSetName") or [""])[0]
    if service == "cloudformation" and found == "*" and named.startswith("arn:"):
        known = cloudformation._change_sets.get_scoped(account, region, named)
        stack = f"arn:aws:cloudformation:{region}:{account}:stack"
        # A nested stack that is only planned has a name, and no id yet.
        return known["StackId"] or f"{stack}/{known['StackName']}/new" if known else named
    return found


def _value(resolve: Function, key: str, context: Any) -> Any:
    """Nobody listens in between two programs of one machine; that is as good as TLS."""
    return "true" if key.lower() == "aws:securetransport" else resolve(key, context)


def add() -> None:
    around(iam_actions.extract_resource_arn, _about)
    around(iam_evaluator._resolve_condition_key, _value)
