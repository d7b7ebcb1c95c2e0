"""Ministack's own actions, asked in the process itself, and what is put around them."""

import asyncio
import functools
import html
import http
import re
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import ministack.app as gateway
from ministack.services import cloudformation
from ministack.services.cloudformation import helpers

Answer = tuple[int, dict[str, str], bytes]
Query = dict[str, list[str]]
Action = Callable[[Query], Answer]
Properties = dict[str, Any]
Stack = dict[str, Any]
Made = tuple[str, dict[str, Any]]


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


def ask(action: Action, **query: Any) -> Answer:
    return checked(action({key: [str(value)] for key, value in query.items()}))


def around(action: str, wrapper: Callable[[Action, Query], Answer]) -> None:
    """Put a function around an action of CloudFormation's; it is given the action."""
    actions = cloudformation._ACTION_HANDLERS
    actions[action] = functools.partial(wrapper, actions[action])


def plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def xml(tag: str, value: Any, each: str = "member") -> str:
    """A value as an element; the entries of a list are called `each`, or as the list is."""
    if isinstance(value, list):
        inner = "".join(xml(each or tag, entry, each) for entry in value)
        return f"<{tag}>{inner}</{tag}>" if each else inner
    if isinstance(value, dict):
        inner = "".join(xml(name, entry, each) for name, entry in value.items())
    else:
        inner = html.escape(plain(value))
    return "" if value is None else f"<{tag}>{inner}</{tag}>"


def answer_to(action: str, told: dict[str, Any]) -> Answer:
    answer: Answer = helpers._xml(200, f"{action}Response", xml(f"{action}Result", told))
    return answer


def numbered(name: str, entries: Iterable[dict[str, Any]]) -> dict[str, str]:
    return {
        f"{name}.{n}.{key}": str(value)
        for n, entry in enumerate(entries, 1)
        for key, value in entry.items()
    }
