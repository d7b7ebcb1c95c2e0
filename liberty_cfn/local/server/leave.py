"""What roles need leave for, where ministack asks otherwise than AWS."""

from typing import Any

from ministack.core import iam_actions, iam_evaluator

from .asking import Function, around


def _about(find: Function, service: str, *request: Any) -> Any:
    """A change set that is named by its id alone is what is asked about, not its stack."""
    found = find(service, *request)
    query = request[-3]
    named = (query.get("ChangeSetName") or [""])[0]
    change_set = service == "cloudformation" and named.startswith("arn:")
    return named if found == "*" and change_set else found


def _value(resolve: Function, key: str, context: Any) -> Any:
    """Nobody listens in between two programs of one machine; that is as good as TLS."""
    return "true" if key.lower() == "aws:securetransport" else resolve(key, context)


def add() -> None:
    around(iam_actions.extract_resource_arn, _about)
    around(iam_evaluator._resolve_condition_key, _value)
