"""The resources that come of a set of templates, with one environment's values.

What only AWS knows stays as it is in a template, so that it can be compared: {"Ref":
"NetworkVpc"}, {"Fn::GetAtt": ["DatabaseDatabase", "Endpoint.Address"]}. A text with such in
it is {"Fn::Join": ["", [...]]}, whatever function it was written with. The value of an SSM
parameter is {"Fn::Sub": "{{resolve:ssm:/its/name}}"}, whatever asks for it.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from liberty_cfn.model import subs
from liberty_cfn.model.flattening import LISTS, Flat, Origin
from liberty_cfn.model.referring import Reference, references

NOTHING = {"Ref": "AWS::NoValue"}
Functions = Mapping[str, Callable[[Any, Any], Any]]


@dataclass(frozen=True)
class Resource:
    """A resource as it would be made. `body` has all of it, `properties` its Properties."""

    id: str
    type: str
    body: Mapping[str, Any]
    origin: Origin

    @cached_property
    def properties(self) -> Mapping[str, Any]:
        found = self.body.get("Properties")
        return found if isinstance(found, dict) else {}

    @cached_property
    def references(self) -> Sequence[Reference]:
        """What its properties refer to."""
        return tuple(references(self.properties))


@dataclass(frozen=True)
class Resolved:
    """What comes of a set: resources by flat id, outputs and conditions by name.

    A condition that can't be decided is None, and what hangs on it is there; `undecided` has
    what such conditions ask.
    """

    resources: Mapping[str, Resource]
    outputs: Mapping[str, Any]
    conditions: Mapping[str, bool | None]
    undecided: Mapping[str, Any] = field(default_factory=dict)

    def of_type(self, *types: str) -> Iterator[Resource]:
        """Yield the resources of some types, in order."""
        if len(types) == 1:
            return iter(self._alike.get(types[0], ()))
        return (r for r in self.resources.values() if r.type in types)

    @cached_property
    def _alike(self) -> Mapping[str, Sequence[Resource]]:
        """The resources of each type."""
        found: dict[str, list[Resource]] = {}
        for resource in self.resources.values():
            found.setdefault(resource.type, []).append(resource)
        return found

    def types(self) -> list[str]:
        """Return the types there are, in order of first appearance."""
        return list(dict.fromkeys(resource.type for resource in self.resources.values()))


# What has the same resources, but for some.
Like = tuple[Resolved, Collection[str]]


def resolve(
    flat: Flat,
    parameters: Mapping[str, str | None],
    *,
    region: str = "",
    account: str = "",
) -> Resolved:
    """Return what comes of a flat template with these values for its parameters.

    Where one isn't given, its default counts; where there is none, it stays symbolic, as one
    that is given as None does. So do the region and the account, where they are empty.
    """
    work = _Resolving(flat, parameters, region, account)
    resources = dict(_Lazy(flat, work))
    told, held = dict(_Told(flat, work)), dict(_Held(work))
    return Resolved(resources, told, held, dict(_Undecided(work)))


def lazily(
    flat: Flat,
    parameters: Mapping[str, str],
    *,
    region: str = "",
    likes: Sequence[Like] = (),
) -> Resolved:
    """Return what `resolve` does, each part worked out when it is looked at.

    For who looks at few of them, in many environments. Each of `likes` is known to have the
    same resources, but for those named beside it.
    """
    work = _Resolving(flat, parameters, region, "")
    resources = _Lazy(flat, work, likes)
    return _LazilyResolved(resources, _Told(flat, work), _Held(work), _Undecided(work))


class _Lazy(Mapping[str, Resource]):
    """The resources that there are, each made when it is first looked at."""

    def __init__(
        self,
        flat: Flat,
        work: _Resolving,
        likes: Sequence[Like] = (),
    ) -> None:
        self.work, self.origins, self.likes = work, flat.origins, likes
        self.made: dict[str, Resource] = {}
        self.bodies = {
            title: body
            for title, body in flat.template.get("Resources", {}).items()
            if work.holds(body.get("Condition")) is not False
        }

    def __getitem__(self, title: str) -> Resource:
        if title not in self.made:
            self.made[title] = self._known(title) or self._make(title)
        return self.made[title]

    def _known(self, title: str) -> Resource | None:
        for like, but in self.likes:
            if title not in but and title in like.resources:
                return like.resources[title]
        return None

    def _make(self, title: str) -> Resource:
        value = self.work.value
        body = self.bodies[title]
        made = {key: value(item) for key, item in body.items() if key != "Condition"}
        kind = made.get("Type")
        return Resource(title, kind if isinstance(kind, str) else "", made, self.origins[title])

    def __iter__(self) -> Iterator[str]:
        return iter(self.bodies)

    def __len__(self) -> int:
        return len(self.bodies)

    def __contains__(self, title: object) -> bool:
        return title in self.bodies


class _Held(Mapping[str, bool | None]):
    """Whether each condition holds, decided when it is first asked."""

    def __init__(self, work: _Resolving) -> None:
        self.work = work

    def __getitem__(self, name: str) -> bool | None:
        if name not in self.work.declared:
            raise KeyError(name)
        return self.work.holds(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.work.declared)

    def __len__(self) -> int:
        return len(self.work.declared)


class _Undecided(Mapping[str, Any]):
    """What each condition asks that can't be decided."""

    def __init__(self, work: _Resolving) -> None:
        self.work = work

    def __getitem__(self, name: str) -> Any:
        if name not in self.work.declared or self.work.holds(name) is not None:
            raise KeyError(name)
        return self.work.value(self.work.declared[name])

    def __iter__(self) -> Iterator[str]:
        return (name for name in self.work.declared if self.work.holds(name) is None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Told(Mapping[str, Any]):
    """The value of each output that is told, worked out when it is looked at."""

    def __init__(self, flat: Flat, work: _Resolving) -> None:
        self.work, self.declared = work, flat.template.get("Outputs", {})

    def __getitem__(self, name: str) -> Any:
        body = self.declared[name]
        if not self._is_told(body):
            raise KeyError(name)
        return self.work.value(body.get("Value"))

    def __iter__(self) -> Iterator[str]:
        return (name for name, body in self.declared.items() if self._is_told(body))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _is_told(self, body: Any) -> bool:
        return isinstance(body, dict) and self.work.holds(body.get("Condition")) is not False


class _LazilyResolved(Resolved):
    def of_type(self, *types: str) -> Iterator[Resource]:
        """Yield the resources of some types, in order; no others are made for it."""
        some = self._by_type
        found = sorted(place for kind in set(types) for place in some.get(kind, ()))
        return (self.resources[title] for _, title in found)

    def types(self) -> list[str]:
        """Return the types there are, in order of first appearance; nothing is made for it."""
        return list(self._by_type)

    @cached_property
    def _by_type(self) -> Mapping[str, Sequence[tuple[int, str]]]:
        """The places and names of each type's resources."""
        found: dict[str, list[tuple[int, str]]] = {}
        bodies = self.resources.bodies if isinstance(self.resources, _Lazy) else {}
        for place, (title, body) in enumerate(bodies.items()):
            found.setdefault(str(body.get("Type")), []).append((place, title))
        return found


class _Resolving:
    def __init__(
        self, flat: Flat, parameters: Mapping[str, str | None], region: str, account: str
    ) -> None:
        template, self.constant = flat.template, flat.constant
        self.declared = template.get("Conditions", {})
        self.mappings = template.get("Mappings", {})
        self.values = _parameters(template.get("Parameters", {}), parameters)
        self.values |= pseudo_parameters(region, account)
        self.decided: dict[str, bool | None] = {}

    def value(self, value: Any) -> Any:
        """Return a value with all in it worked out that can be."""
        if isinstance(value, str):
            return subs.fetched(value) if subs.DYNAMIC in value else value
        if id(value) in self.constant:
            return value
        if isinstance(value, dict):
            if len(value) == 1:
                ((function, argument),) = value.items()
                if (work := self.functions.get(function)) is not None:
                    return work(self, argument)
            found = {}
            for key, item in value.items():
                made = self.value(item)
                if made != NOTHING:
                    found[key] = made
            return found
        if isinstance(value, list):
            return [made for item in value if (made := self.value(item)) != NOTHING]
        return value

    def holds(self, name: Any) -> bool | None:
        """Whether a condition holds; True for none, None if that can't be said."""
        if not isinstance(name, str):
            return True if name is None else None
        if name not in self.decided:
            self.decided[name] = None
            self.decided[name] = self._decide(self.declared.get(name))
        return self.decided[name]

    def _decide(self, body: Any) -> bool | None:
        if isinstance(body, bool):
            return body
        if not isinstance(body, dict) or len(body) != 1:
            return None
        ((function, argument),) = body.items()
        if function == "Condition":
            return self.holds(argument)
        parts = argument if isinstance(argument, list) else []
        if function == "Fn::Equals":
            return _equal([self.value(part) for part in parts])
        return _combined(function, [self._decide(part) for part in parts])

    def _ref(self, name: Any) -> Any:
        return self.values.get(name, {"Ref": name}) if isinstance(name, str) else {"Ref": name}

    def _if(self, argument: Any) -> Any:
        if not isinstance(argument, list) or len(argument) != 3:  # noqa: PLR2004
            return {"Fn::If": argument}
        name, then, otherwise = argument
        held = self.holds(name)
        if held is None:
            return {"Fn::If": [name, self.value(then), self.value(otherwise)]}
        return self.value(then if held else otherwise)

    def _join(self, argument: Any) -> Any:
        if not isinstance(argument, list) or len(argument) != 2:  # noqa: PLR2004
            return {"Fn::Join": argument}
        delimiter, items = self.value(argument)
        if not isinstance(items, list) or not isinstance(delimiter, str):
            return {"Fn::Join": [delimiter, items]}
        found: list[Any] = []
        for number, item in enumerate(items):
            found += ([delimiter] if number else []) + _pieces(item)
        return _text(found)

    def _sub(self, argument: Any) -> Any:
        found: list[Any] = []
        for piece in subs.pieces(argument):
            found += _pieces(self.value(piece))
        return _text(found)

    def _select(self, argument: Any) -> Any:
        made = self.value(argument)
        if isinstance(made, list) and len(made) == 2 and isinstance(made[1], list):  # noqa: PLR2004
            index, items = made
            if str(index).isdecimal() and int(index) < len(items):
                return items[int(index)]
        return {"Fn::Select": made}

    def _split(self, argument: Any) -> Any:
        made = self.value(argument)
        if isinstance(made, list) and len(made) == 2 and isinstance(made[0], str) and made[0]:  # noqa: PLR2004
            delimiter, source = made
            found = _pieces(source)
            if isinstance(source, str) or len(found) > 1:
                return _divided(delimiter, found)
        return {"Fn::Split": made}

    def _find(self, argument: Any) -> Any:
        made = self.value(argument)
        names = made[:3] if isinstance(made, list) else []
        found: Any = self.mappings
        for name in names:
            found = found.get(name) if isinstance(found, dict) and _plain(name) else None
        if found is not None and len(names) == 3:  # noqa: PLR2004 - map, first and second key
            return found
        if names and all(_plain(name) for name in names) and isinstance(made[-1], dict):
            return made[-1].get("DefaultValue", {"Fn::FindInMap": made})
        return {"Fn::FindInMap": made}

    def _zones(self, argument: Any) -> Any:
        made = self.value(argument)
        return {"Fn::GetAZs": made if made != "" else self._ref("AWS::Region")}

    def _cidr(self, argument: Any) -> Any:
        made = self.value(argument)
        try:
            block, count, *bits = made
            network = ipaddress.ip_network(block)
            size = network.max_prefixlen - int(bits[0] if bits else 8)
            ranges = network.subnets(new_prefix=size)
            return [str(next(ranges)) for _ in range(int(count))]
        except (ValueError, TypeError, StopIteration):
            return {"Fn::Cidr": made}

    def _length(self, argument: Any) -> Any:
        made = self.value(argument)
        return len(made) if isinstance(made, list) else {"Fn::Length": made}

    def _json(self, argument: Any) -> Any:
        made = self.value(argument)
        return {"Fn::ToJsonString": made} if symbolic(made) else json.dumps(made)

    # Of the class: of one that is done, nothing has to look for a circle to let go of it.
    functions: ClassVar[Functions] = {
        "Ref": _ref,
        "Fn::If": _if,
        "Fn::Join": _join,
        "Fn::Sub": _sub,
        "Fn::Select": _select,
        "Fn::Split": _split,
        "Fn::FindInMap": _find,
        "Fn::GetAZs": _zones,
        "Fn::Cidr": _cidr,
        "Fn::Length": _length,
        "Fn::ToJsonString": _json,
    }


def _combined(function: str, parts: list[bool | None]) -> bool | None:
    if function == "Fn::Not" and len(parts) == 1:
        return None if parts[0] is None else not parts[0]
    if function not in ("Fn::And", "Fn::Or") or not parts:
        return None
    decisive = function == "Fn::Or"
    if decisive in parts:
        return decisive
    return None if None in parts else not decisive


def symbolic(value: Any) -> bool:
    """Whether there is something in a value that only AWS knows."""
    if isinstance(value, list):
        return any(symbolic(item) for item in value)
    if not isinstance(value, dict):
        return False
    if len(value) == 1 and next(iter(value)).startswith(("Fn::", "Ref")):
        return True
    return any(symbolic(item) for item in value.values())


def _parameters(declared: Mapping[str, Any], given: Mapping[str, str | None]) -> dict[str, Any]:
    """Return what is known of the parameters; a list where one is."""
    values: dict[str, Any] = {}
    for name, body in declared.items():
        limits = body if isinstance(body, dict) else {}
        kind = str(limits.get("Type", ""))
        value = given.get(name, limits.get("Default"))
        if value is None:
            continue
        text = _plain_text(value)
        if kind.startswith(subs.FROM_SSM):
            text = subs.fetched(subs.from_ssm([text]))
            listed = kind.removeprefix(subs.FROM_SSM).startswith(LISTS)
            values[name] = {"Fn::Split": [",", text]} if listed else text
        else:
            listed = kind.startswith(LISTS)
            values[name] = [item.strip() for item in text.split(",")] if listed else text
    return values


def pseudo_parameters(region: str, account: str) -> dict[str, Any]:
    """Return what is known of AWS::Region and the like."""
    if not region:
        return {"AWS::AccountId": account} if account else {}
    partition, suffix = "aws", "amazonaws.com"
    if region.startswith("cn-"):
        partition, suffix = "aws-cn", "amazonaws.com.cn"
    elif region.startswith("us-gov-"):
        partition = "aws-us-gov"
    known = {
        "AWS::Region": region,
        "AWS::Partition": partition,
        "AWS::URLSuffix": suffix,
        "AWS::AccountId": account,
    }
    return {name: value for name, value in known.items() if value}


def _plain(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _plain_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _equal(both: list[Any]) -> bool | None:
    if len(both) != 2:  # noqa: PLR2004
        return None
    one, other = both
    if not symbolic(both):
        return bool(_plain_text(one) == _plain_text(other))
    return True if one == other else None


def _pieces(value: Any) -> list[Any]:
    """Return the pieces of a text, those of a text within it among them."""
    match value:
        case {"Fn::Join": ["", [*items]]}:
            return items
        case {"Fn::Sub": str(text)}:
            return [text]
    return [_plain_text(value)] if _plain(value) else [value]


def _text(found: Iterable[Any]) -> Any:
    """Return the text of pieces: plain if all are, else a Join."""
    made = list(subs.merged(found))
    if len(made) > 1:
        return {"Fn::Join": ["", made]}
    found = made[0] if made else ""
    return subs.fetched(found) if isinstance(found, str) else found


def _divided(delimiter: str, found: list[Any]) -> list[Any]:
    """Return a text's parts between delimiters. What AWS puts in is taken to hold none."""
    parts: list[list[Any]] = [[]]
    for piece in found:
        if isinstance(piece, str):
            first, *more = piece.split(delimiter)
            parts[-1].append(first)
            parts += [[part] for part in more]
        else:
            parts[-1].append(piece)
    return [_text(part) for part in parts]
