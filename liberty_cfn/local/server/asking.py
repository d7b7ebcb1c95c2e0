"""Ministack's own actions, asked in the process itself, and what is put around them."""

import functools
import html
import re
import sys
from collections.abc import Callable
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import helpers

Answer = tuple[int, dict[str, str], bytes]
Query = dict[str, list[str]]
Action = Callable[[Query], Answer]
Function = Callable[..., Any]
Properties = dict[str, Any]
Stack = dict[str, Any]
Made = tuple[str, dict[str, Any]]


def around(original: Any, wrapper: Function) -> None:
    """Put a function around one of ministack's, wherever that is known; it is given that."""
    wrapped = functools.partial(wrapper, original)
    modules = [vars(module) for name, module in sys.modules.items() if "ministack" in name]
    for known in (*modules, cloudformation._ACTION_HANDLERS):
        known.update({name: wrapped for name, value in known.items() if value is original})


def text(answer: Answer, tag: str) -> str:
    found = re.search(rf"<{tag}>([^<]*)</{tag}>", answer[2].decode())
    return html.unescape(found[1]) if found else ""


def checked(answer: Answer) -> Answer:
    """An answer, or its error as the reason CloudFormation shows."""
    if code := text(answer, "Code"):
        raise ValueError(f"{code}: {text(answer, 'Message')}")
    return answer


def ask(action: Action, **query: Any) -> Answer:
    return checked(action({key: [str(value)] for key, value in query.items()}))


def plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def xml(tag: str, value: Any, each: str = "member") -> str:
    """A value as an element; the entries of a list are called `each`, or as the list is.

    What is called _ something is nobody's business.
    """
    if isinstance(value, list):
        inner = "".join(xml(each or tag, entry, each) for entry in value)
        return f"<{tag}>{inner}</{tag}>" if each else inner
    if isinstance(value, dict):
        told = {name: entry for name, entry in value.items() if name[0] != "_"}
        inner = "".join(xml(name, entry, each) for name, entry in told.items())
    else:
        inner = html.escape(plain(value))
    return "" if value is None else f"<{tag}>{inner}</{tag}>"


def answer_to(action: str, told: dict[str, Any]) -> Answer:
    return helpers._xml(200, f"{action}Response", xml(f"{action}Result", told))


def request(name: str, url: str, values: Properties, tags: Any, capabilities: Any) -> Query:
    """What CreateStack and UpdateStack are asked."""
    query = {"StackName": [name], "TemplateURL": [url], "Capabilities": capabilities}
    parameters = [{"Key": key, "Value": plain(value)} for key, value in values.items()]
    for member, entries in (("Parameters", parameters), ("Tags", tags)):
        for n, entry in enumerate(entries, 1):
            query |= {f"{member}.member.{n}.{key}": [value] for key, value in entry.items()}
    return query | {"Tags": [""]}
