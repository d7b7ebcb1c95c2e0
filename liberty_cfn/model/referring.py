"""What a value refers to: resources, and attributes of theirs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

# Where in a value, a resource's id, and an attribute (Ref: empty).
Reference = tuple[tuple[str, ...], str, str]
# What tells the members of a list apart, the first that all of them have.
IDENTITIES = ("Key", "Name", "Sid", "Id", "PolicyName", "DomainName", "ContainerPort")


def is_call(value: Any) -> bool:
    """Whether a value is a function that only AWS can work out."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    name = str(next(iter(value)))
    return name == "Ref" or name.startswith("Fn::")


def references(value: Any, path: tuple[str, ...] = ()) -> Iterator[Reference]:
    """Yield what a value refers to: where, a resource's id, and an attribute (Ref: empty)."""
    if is_call(value):
        ((function, argument),) = value.items()
        if function == "Ref" and isinstance(argument, str):
            yield path, argument, ""
        elif function == "Fn::GetAtt" and isinstance(argument, list):
            yield path, str(argument[0]), ".".join(map(str, argument[1:]))
        else:
            for _, title, attribute in references(list(_leaves(argument))):
                yield path, title, attribute
        return
    for step, item in _steps(value):
        yield from references(item, (*path, step))


def _steps(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield what in a value may refer to something, by its place. Most are texts, and don't."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            if isinstance(item, dict | list):
                yield f"[{identity(item, number)}]", item
    elif isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, dict | list):
                yield str(key), item


def _leaves(value: Any) -> Iterator[Any]:
    """Yield every Ref and GetAtt in what a function is given."""
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, dict):
        if value.keys() == {"Ref"} or value.keys() == {"Fn::GetAtt"}:
            yield value
        else:
            for item in value.values():
                yield from _leaves(item)


def identity(item: Any, number: int) -> Any:
    """Return how a member of a list is called: by what tells it apart, else its number."""
    if isinstance(item, dict):
        return next((item[key] for key in IDENTITIES if key in item), number)
    return number
