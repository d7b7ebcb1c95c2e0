"""The same request again, known by its token, is the same operation, and gets its answer."""

import functools

from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, helpers

from .asking import Action, Answer, Query, answer_to, around
from .nested import child_of


def _once(action: str, act: Action, query: Query) -> Answer:
    token, named = (helpers._p(query, key) for key in ("ClientRequestToken", "StackName"))
    change_set = changesets._find_change_set(helpers._p(query, "ChangeSetName"), named)[1]
    stack = child_of(named or (change_set or {}).get("StackId", ""))
    if token and stack["StackStatus"] != "DELETE_COMPLETE":
        # An operation's events have its token.
        events = cloudformation._stack_events[stack["StackId"]]
        if any(event.get("ClientRequestToken") == token for event in events):
            return answer_to(action, {"StackId": stack["StackId"]})
    return act(query)


def add() -> None:
    for action in cloudformation._TOKEN_ACTIONS:
        around(action, functools.partial(_once, action))
