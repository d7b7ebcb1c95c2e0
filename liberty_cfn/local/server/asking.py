# ruff: noqa: SLF001 - ministack has no public names for these
"""Ministack's own actions, asked in the process itself."""

import asyncio
import functools
import html
import http
import re
from collections.abc import Callable, Coroutine, Iterable
from types import ModuleType
from typing import Any
from urllib.parse import urlencode

import ministack.app as gateway
from ministack.services import cloudformation
from ministack.services.cloudformation import helpers

Answer = tuple[int, dict[str, str], bytes]
Query = dict[str, list[str]]
Action = Callable[[Query], Answer]
Properties = dict[str, Any]
Made = tuple[str, dict[str, Any]]


def now(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Finish a coroutine that never really waits, wherever we are."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    coroutine.close()
    raise RuntimeError("this action of ministack's waits now; it needs the event loop")


def on_loop(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Finish a coroutine on the server's event loop, from a thread of its own."""
    return asyncio.run_coroutine_threadsafe(coroutine, gateway._MAIN_LOOP).result()


def text(answer: Answer, tag: str) -> str:
    found = re.search(rf"<{tag}>([^<]*)</{tag}>", answer[2].decode())
    return html.unescape(found[1]) if found else ""


def given(query: Query, key: str) -> str:
    """What an action is asked; nothing, where it isn't."""
    return query.get(key, [""])[0]


def refuse(code: str, why: str) -> Answer:
    answer: Answer = helpers._error(code, why)
    return answer


def went_well(answer: Answer) -> bool:
    return answer[0] < http.HTTPStatus.BAD_REQUEST


def checked(answer: Answer) -> Answer:
    """An answer, or its error as the reason CloudFormation shows."""
    if not went_well(answer):
        raise ValueError(f"{text(answer, 'Code')}: {text(answer, 'Message')}")
    return answer


def around(action: str, wrapper: Callable[[Action, Query], Answer]) -> None:
    """Put a function around an action of CloudFormation's; it is given the action."""
    actions = cloudformation._ACTION_HANDLERS
    actions[action] = functools.partial(wrapper, actions[action])


def ask(service: ModuleType, action: str, **query: Any) -> Answer:
    body = urlencode({"Action": action} | query).encode()
    return checked(now(service.handle_request("POST", "/", {}, body, {})))


def tags(properties: dict[str, Any], kind: str) -> dict[str, str]:
    """The tags of a template, as EC2's actions take them."""
    return {"TagSpecification.1.ResourceType": kind} | numbered(
        "TagSpecification.1.Tag", properties.get("Tags") or []
    )


def numbered(name: str, entries: Iterable[dict[str, Any]]) -> dict[str, str]:
    return {
        f"{name}.{n}.{key}": str(value)
        for n, entry in enumerate(entries, 1)
        for key, value in entry.items()
    }
