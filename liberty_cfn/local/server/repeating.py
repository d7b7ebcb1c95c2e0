"""The same request again, known by its token, is the same operation, and gets its answer."""

import functools

from ministack.services.cloudformation import changesets, handlers

from .asking import Action, Answer, Query, Stack, around, given, refuse, went_well

ACTIONS = (
    *("CreateStack", "UpdateStack", "DeleteStack", "CancelUpdateStack", "RollbackStack"),
    *("ContinueUpdateRollback", "CreateChangeSet", "ExecuteChangeSet"),
)


def _stack(action: str, query: Query) -> Stack:
    name = given(query, "StackName")
    if action == "ExecuteChangeSet":
        change_set = changesets._find_change_set(given(query, "ChangeSetName"), name)[1]
        name = change_set["StackId"] if change_set else name
    found: Stack = handlers._resolve_stack(name) or {}
    return found


def _once(action: str, act: Action, query: Query) -> Answer:
    # Change sets have tokens of their own.
    kind = "ClientToken" if action == "CreateChangeSet" else "ClientRequestToken"
    token = given(query, kind) and f"{kind} [{given(query, kind)}]"
    begun, said = _stack(action, query).get("_tokens", {}).get(token, ("", b""))
    if begun == action:
        return 200, {"Content-Type": "text/xml"}, said
    if begun:
        why = f"{token} was already used for another operation"
        return refuse("TokenAlreadyExistsException", why)
    answer = act(query)
    if token and went_well(answer):
        # Kept with the stack, and so over a stop and a start.
        _stack(action, query).setdefault("_tokens", {})[token] = [action, answer[2]]
    return answer


def add() -> None:
    for action in ACTIONS:
        around(action, functools.partial(_once, action))
