"""What becomes of each resource between two resolved sets, replacements followed through.

A resource that is made anew gives those that refer to it another value, wherever in the set
they stand; that may replace them in turn.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache, cached_property
from typing import Any

from liberty_cfn.model.flattening import Origin
from liberty_cfn.model.referring import identity, is_call
from liberty_cfn.model.resolving import Resolved, Resource
from liberty_cfn.model.subs import DYNAMIC
from liberty_cfn.review.comparing import (
    Steps,
    differences,
    equal,
    shown,
)
from liberty_cfn.review.documented import SEVERITY, Replacement
from liberty_cfn.review.identity import fixed_name
from liberty_cfn.review.replacement import Verdict, names, verdict
from liberty_cfn.review.schemas import schema
from liberty_cfn.veiling import ANOTHER, VEILED, veiled_at

POLICIES = ("DeletionPolicy", "UpdateReplacePolicy")
# How CloudFormation goes about making or updating it.
HANDLING = ("CreationPolicy", "UpdatePolicy")
# Each change of these makes a new revision beside the old ones; that is how they are used.
REVISIONS = ("AWS::ECS::TaskDefinition",)
# Attributes that say what a property says, and stay when the resource is made anew.
SAME_AS = {
    "Endpoint.Port": "Port",
    "RedisEndpoint.Port": "Port",
    "ConfigurationEndpoint.Port": "Port",
    "PrimaryEndPoint.Port": "Port",
    "ReaderEndPoint.Port": "Port",
}
# Attributes that are others after any update, without the resource being made anew.
RENEWED = {"AWS::EC2::LaunchTemplate": ("LatestVersionNumber",)}
# The same for all of a region.
CONSTANT = ("CanonicalHostedZoneID", "CanonicalHostedZoneNameID")


class Action(StrEnum):
    """What is done with a resource."""

    ADD = "add"
    REMOVE = "remove"
    CHANGE = "change"


@dataclass(frozen=True)
class PropertyChange:
    """A property that changes; `because` is the replaced resource whose new value it takes."""

    path: Steps
    before: Any
    after: Any
    verdict: Verdict
    because: str = ""

    @property
    def name(self) -> str:
        """The path in words."""
        return shown(self.path)


@dataclass(frozen=True)
class Change:
    """What becomes of one resource.

    `moved` is the id it had, or gets, in another stack; `moved_name` is where that is.
    """

    action: Action
    id: str
    type: str
    origin: Origin
    before: Resource | None = field(repr=False)
    after: Resource | None = field(repr=False)
    properties: tuple[PropertyChange, ...] = ()
    policies: tuple[PropertyChange, ...] = ()
    moved: str = ""
    moved_name: str = ""

    @cached_property
    def replacement(self) -> Replacement:
        """The gravest of what its properties call for."""
        found = [change.verdict.replacement for change in self.properties]
        return max(found, key=SEVERITY.index, default=Replacement.NONE)

    @property
    def revision(self) -> bool:
        """Whether being made anew is how this is changed, and costs nothing."""
        return self.type in REVISIONS

    @property
    def replaced(self) -> bool:
        """Whether it is certainly made anew, as something that people would notice."""
        return self.replacement is Replacement.CERTAIN and not self.revision

    @property
    def perhaps_replaced(self) -> bool:
        """Whether it may be made anew."""
        certain = self.replacement is Replacement.CERTAIN
        return _may_be_new(self) and not certain and not self.revision

    @property
    def name(self) -> str:
        """Where it stands: Network/Vpc."""
        return str(self.origin)


def changes(
    before: Resolved,
    after: Resolved,
    suspects: Collection[str] | None = None,
    users: Mapping[str, Collection[str]] | None = None,
) -> tuple[Change, ...]:
    """Return what becomes of every resource that something becomes of, in the set's order.

    Where it is known, `suspects` are those that may differ, and `users` those that may
    refer to each: others needn't be looked at.
    """
    found: dict[str, Change] = {}
    made = before.resources.keys() | after.resources.keys()
    for title in after.resources:
        if suspects is not None and title not in suspects:
            continue
        resource = after.resources[title]
        old = before.resources.get(title)
        if old is None:
            found[title] = Change(
                Action.ADD, title, resource.type, resource.origin, None, resource
            )
        elif old.type != resource.type:
            found |= _another_type(old, resource)
        elif change := _changed(old, resource, made):
            found[title] = change
    for title in before.resources:
        if title not in after.resources:
            resource = before.resources[title]
            found[title] = Change(
                Action.REMOVE, title, resource.type, resource.origin, resource, None
            )
    same = set() if suspects is None else after.resources.keys() - set(suspects)
    _follow(found, before, after, _users(after) if users is None else users, same)
    _match_moved(found)
    order = {title: n for n, title in enumerate({**_all(before), **_all(after)})}
    return tuple(sorted(found.values(), key=lambda change: order[change.id]))


def _all(resolved: Resolved) -> dict[str, None]:
    return dict.fromkeys(resolved.resources)


def replacing(resolved: Resolved, title: str) -> tuple[Change, ...]:
    """Return what would become of a set if one resource were made anew."""
    resource = resolved.resources[title]
    certain = Verdict(Replacement.CERTAIN)
    anew = PropertyChange((), None, None, certain)
    start = Change(
        Action.CHANGE, title, resource.type, resource.origin, resource, resource, (anew,)
    )
    found = {title: start}
    _follow(found, resolved, resolved, _users(resolved), resolved.resources)
    return tuple(found[one] for one in resolved.resources if one in found)


def _another_type(old: Resource, new: Resource) -> dict[str, Change]:
    """Return the change of a logical id that gets another type, which AWS refuses."""
    refused = Verdict(
        Replacement.CERTAIN, "a logical id can't get another type in one update", refused=True
    )
    told = PropertyChange(("Type",), old.type, new.type, refused)
    return {new.id: Change(Action.CHANGE, new.id, new.type, new.origin, old, new, (told,))}


def _changed(old: Resource, new: Resource, made: Collection[str]) -> Change | None:
    if old.body == new.body:
        return None
    properties = _properties(old, new, made)
    policies = tuple(
        PropertyChange(found.path, found.before, found.after, Verdict(Replacement.NONE))
        for name in (*POLICIES, *HANDLING)
        for found in differences(old.body.get(name), new.body.get(name), path=(name,))
    )
    if not properties and not policies:
        return None
    return Change(
        Action.CHANGE, new.id, new.type, new.origin, old, new, tuple(properties), policies
    )


def _properties(old: Resource, new: Resource, made: Collection[str]) -> list[PropertyChange]:
    known = schema(new.type)

    def unordered(path: Steps) -> bool:
        return known is not None and known.unordered(names(path))

    changes = []
    for found in differences(old.properties, new.properties, unordered):
        # All of them hang on a condition that can't be decided.
        path = found.path or ("Properties",)
        judged = verdict(new.type, path, found.before, found.after)
        judged = _if_another(judged, found.before, found.after, made)
        before, after = (veiled_at(path, value) for value in (found.before, found.after))
        if before == after == VEILED:
            after = ANOTHER
        changes.append(PropertyChange(path, before, after, judged))
    return changes


def _if_another(judged: Verdict, before: Any, after: Any, made: Collection[str]) -> Verdict:
    """Return what becomes of it if a value is another that is known only when deployed."""
    certain = judged.replacement is Replacement.CERTAIN and not judged.refused
    if not certain or before is None or after is None:
        return judged
    if deployed_only(before) or deployed_only(after):
        why = "if the value that is fetched then is another"
    elif _given(before, made) or _given(after, made):
        why = "if the value that is given then is another"
    else:
        return judged
    return replace(judged, replacement=Replacement.CONDITIONAL, why=why)


def _given(value: Any, made: Collection[str]) -> bool:
    """Whether a value is a parameter's whose value isn't known here."""
    named = value.get("Ref") if is_call(value) else None
    return isinstance(named, str) and named not in made


def deployed_only(value: Any) -> bool:
    """Whether a value is fetched when it is deployed: an SSM parameter's, or a secret's."""
    if isinstance(value, list | dict):
        items = value.values() if isinstance(value, dict) else value
        return any(map(deployed_only, items))
    return isinstance(value, str) and DYNAMIC in value


def _follow(
    found: dict[str, Change],
    before: Resolved,
    after: Resolved,
    users: Mapping[str, Collection[str]],
    same: Collection[str],
) -> None:
    """Add what changes because what it refers to is made anew; until nothing is added.

    `same` are known to be the same before and after, but for that.
    """
    order = {title: number for number, title in enumerate(after.resources)}
    waiting = [title for title, change in found.items() if change.action is Action.CHANGE]
    while waiting:
        title = waiting.pop(0)
        change = found[title]
        certainties: dict[str, Replacement] = {}
        there = [user for user in users.get(title, ()) if user in order]
        for user in sorted(there, key=order.__getitem__):
            new = after.resources[user]
            old = new if user in same else before.resources.get(user)
            if old is None or old.type != new.type:
                continue
            untold = Change(Action.CHANGE, user, new.type, new.origin, old, new)
            for path, target, attribute in new.references:
                if target != title:
                    continue
                if attribute not in certainties:
                    certainties[attribute] = gets_another(change, attribute)
                certainty = certainties[attribute]
                if certainty is Replacement.NONE:
                    continue
                grown = _with(found.get(user, untold), new, path, title, certainty)
                if grown is not None:
                    found[user] = grown
                    waiting.append(user)


def gets_another(change: Change, attribute: str) -> Replacement:
    """Return how certainly an attribute of a changed resource gets another value."""
    if attribute in CONSTANT:
        return Replacement.NONE
    same = SAME_AS.get(attribute, attribute)
    known = schema(change.type)
    given = same and known is not None and known.knows((same,))
    if attribute in SAME_AS or (given and known and (same,) not in known.read_only):
        changed = any(found.path[:1] == (same,) for found in change.properties)
        return Replacement.CERTAIN if changed else Replacement.NONE
    if attribute in RENEWED.get(change.type, ()):
        return Replacement.CERTAIN
    if _refused(change):
        return Replacement.NONE
    if change.replacement is Replacement.CERTAIN:
        return Replacement.CERTAIN
    return Replacement.CONDITIONAL if _may_be_new(change) else Replacement.NONE


def _may_be_new(change: Change) -> bool:
    return any(
        found.verdict.replacement is Replacement.CONDITIONAL
        and not found.verdict.only_interrupted
        for found in change.properties
    )


def _refused(change: Change) -> bool:
    return any(found.verdict.refused for found in change.properties)


def _with(
    change: Change, new: Resource, path: Steps, because: str, certainty: Replacement
) -> Change | None:
    """Return a user's change with the value it gets anew; None if that is known already."""
    if change.action is not Action.CHANGE:
        return None
    value = _value_at(new.properties, path)
    judged = _of_another(new.type, path) if is_call(value) else verdict(new.type, path, value)
    if judged.replacement is Replacement.CERTAIN and certainty is Replacement.CONDITIONAL:
        judged = replace(judged, replacement=Replacement.CONDITIONAL)
    added = PropertyChange(path, value, value, judged, because)
    for number, there in enumerate(change.properties):
        if there.path == path:
            graver = SEVERITY.index(judged.replacement) > SEVERITY.index(
                there.verdict.replacement
            )
            if not graver:
                return None
            listed = list(change.properties)
            listed[number] = replace(there, verdict=judged, because=because)
            return replace(change, properties=tuple(listed))
    return replace(change, properties=(*change.properties, added))


@cache
def _of_another(resource_type: str, path: Steps) -> Verdict:
    """Return what it does to a resource if what a property refers to is another."""
    return verdict(resource_type, path, {"Ref": ""})


def _value_at(value: Any, path: Steps) -> Any:
    for step in path:
        if isinstance(value, list):
            wanted = step.strip("[]")
            value = next(
                (i for n, i in enumerate(value) if str(identity(i, n)) == wanted), None
            )
        elif isinstance(value, dict):
            value = value.get(step)
    return value


def _users(resolved: Resolved) -> dict[str, list[str]]:
    """Return who refers to each resource."""
    users: dict[str, list[str]] = {}
    for title, resource in resolved.resources.items():
        for target in dict.fromkeys(t for _, t, _ in resource.references):
            users.setdefault(target, []).append(title)
    return users


def _match_moved(found: dict[str, Change]) -> None:
    """Mark what goes in one stack and comes in another: the same thing, moved."""
    gone = [change for change in found.values() if change.action is Action.REMOVE]
    come = [change for change in found.values() if change.action is Action.ADD]
    for change in come:
        match = next((one for one in gone if _same(one, change)), None)
        if match is not None:
            gone.remove(match)
            found[change.id] = replace(change, moved=match.id, moved_name=match.name)
            found[match.id] = replace(match, moved=change.id, moved_name=change.name)


def _same(gone: Change, come: Change) -> bool:
    """Whether what comes is what goes, under another id: by its own id, or its name."""
    if gone.type != come.type or gone.before is None or come.after is None:
        return False
    if (
        gone.origin.path != come.origin.path
        and gone.origin.logical_id == come.origin.logical_id
    ):
        return True
    name = fixed_name(gone.before)
    return bool(name) and equal(name, fixed_name(come.after))
