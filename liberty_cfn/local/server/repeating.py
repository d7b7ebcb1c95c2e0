# ruff: noqa: SLF001 - ministack has no public names for these
"""The same request again, known by its token, is the same operation, and gets its answer.

What a token began is read from a stack's events, which have it, and are kept.
"""

import functools

from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, handlers, helpers

from .asking import Action, Answer, Query, around, given, refuse, went_well

BEGUN = {
    "CreateStack": ("CREATE",),
    "UpdateStack": ("UPDATE",),
    "DeleteStack": ("DELETE",),
    "ExecuteChangeSet": ("CREATE", "UPDATE", "IMPORT"),
    "CancelUpdateStack": ("UPDATE",),
    "ContinueUpdateRollback": ("UPDATE",),
    "RollbackStack": ("ROLLBACK", "UPDATE"),
}


def _stack_id(query: Query) -> str:
    name = given(query, "StackName")
    if change_set := given(query, "ChangeSetName"):
        found = changesets._find_change_set(change_set, name)[1]
    else:
        found = handlers._resolve_stack(name)
    return found["StackId"] if found else ""


def _said(action: str, result: str) -> Answer:
    inner = f"<{action}Result>{result}</{action}Result>"
    answer: Answer = helpers._xml(200, f"{action}Response", inner)
    return answer


def _once(action: str, act: Action, query: Query) -> Answer:
    token, stack_id = given(query, "ClientRequestToken"), _stack_id(query)
    events = cloudformation._stack_events.get(stack_id, [])
    begun = next((e for e in events if token and e.get("ClientRequestToken") == token), None)
    if not begun:
        return act(query)
    if not begun["ResourceStatus"].startswith(BEGUN[action]):
        why = f"A client request token [{token}] was already used for another operation"
        return refuse("TokenAlreadyExistsException", why)
    return _said(action, f"<StackId>{stack_id}</StackId>")


def _planned_once(create: Action, query: Query) -> Answer:
    token, name = given(query, "ClientToken"), given(query, "ChangeSetName")
    for kept in cloudformation._change_sets.values():
        if token and kept.get("_token") == token and kept["ChangeSetName"] == name:
            ids = f"<Id>{kept['ChangeSetId']}</Id><StackId>{kept['StackId']}</StackId>"
            return _said("CreateChangeSet", ids)
    answer = create(query)
    _, made = changesets._find_change_set(name, given(query, "StackName"))
    if made and went_well(answer):
        made["_token"] = token
    return answer


def add() -> None:
    for action in BEGUN:
        around(action, functools.partial(_once, action))
    around("CreateChangeSet", _planned_once)
