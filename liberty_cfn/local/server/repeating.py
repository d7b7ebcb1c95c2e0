"""The same request again, known by its token, is the same operation, and gets its answer."""

import functools

from ministack.services import cloudformation
from ministack.services.cloudformation import helpers

from .asking import Action, Answer, Query, answer_to, around


def _once(action: str, act: Action, query: Query) -> Answer:
    token = helpers._p(query, "ClientRequestToken")
    # An operation's events have its token; those of its stack come before those of the nested.
    for stack_id, events in cloudformation._stack_events.items():
        if token and any(event.get("ClientRequestToken") == token for event in events):
            return answer_to(action, {"StackId": stack_id})
    return act(query)


def add() -> None:
    for action in cloudformation._TOKEN_ACTIONS:
        around(action, functools.partial(_once, action))
