"""What a change grants and takes back, in words: per role, trust and resource."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from liberty_cfn.model.resolving import Resolved
from liberty_cfn.review.actions import WILDCARDS
from liberty_cfn.review.changes import Action, Change
from liberty_cfn.review.comparing import equal
from liberty_cfn.review.findings import Finding, Kind
from liberty_cfn.review.grants import Grant, difference
from liberty_cfn.review.spelling import named, spelled
from liberty_cfn.review.statements import EVERYONE, READ, Statement, statements

# What only AWS knows, in the text of a resource: ${StorageUploads.Arn}/*.
MADE_OF = re.compile(r"\$\{(\w+)")
# By which property something acts as a role.
ACTING = {
    "AWS::ECS::TaskDefinition": ("TaskRoleArn", "ExecutionRoleArn"),
    "AWS::IAM::InstanceProfile": ("Roles",),
    "AWS::Lambda::Function": ("Role",),
    "AWS::StepFunctions::StateMachine": ("RoleArn",),
}
FEW = 8  # actions that are named one by one
SOME = 3  # of more


def granted(changes: Sequence[Change], before: Resolved, after: Resolved) -> Iterator[Finding]:
    """Yield who may do more than before, and who may do less.

    What anybody may do is public access, which `opening` tells.
    """
    # A set that is wholly new grants nothing to anybody who was there.
    acting = list(_acting(changes))
    if not before.resources or not (acting or any(_has_policy(change) for change in changes)):
        return
    for change in changes:
        yield from _boundary(change)
    moved = {c.moved: c.id for c in changes if c.moved and c.action is Action.ADD}
    was = [_at(moved, statement) for statement in statements(before)]
    now = statements(after)
    for who, role, other in acting:
        if other not in after.resources:
            text = f"{who} acts as {other}: what that may do isn't known here"
            yield Finding(Kind.UNKNOWN, "", text)
            continue
        was += [replace(s, holder=who) for s in was if s.holder == role]
        now += [replace(s, holder=who) for s in now if s.holder == other]
    found = difference(was, now)
    public = (found.gained, found.loosened, found.lost, found.tightened)
    gained, loosened, lost, tightened = ([g for g in p if g.holder != EVERYONE] for p in public)
    for kind, what, told in (
        (Kind.GRANTS, "may now", gained),
        (Kind.GRANTS, "may, under fewer conditions,", loosened),
        (
            Kind.GRANTS,
            "is no longer refused",
            _still_there(found.refusals_dropped, before, after),
        ),
        (Kind.REVOKES, "may no longer", lost),
        (Kind.REVOKES, "may, under more conditions,", tightened),
        (Kind.REVOKES, "is now refused", found.refusals_added),
    ):
        names = before if what == "may no longer" else after
        yield from (
            Finding(kind, _resource(group[0]), _in_words(group, what, names))
            for group in _together(told)
        )


def _acting(changes: Sequence[Change]) -> Iterator[tuple[str, str, str]]:
    """Yield who acts as another role than before: in words, and both roles."""
    for change in changes:
        for name in ACTING.get(change.type, ()):
            if change.action is Action.CHANGE and change.before and change.after:
                was, now = (one.properties.get(name) for one in (change.before, change.after))
                if now is not None and not equal(was, now):
                    yield f"{change.name} ({name})", named(was), named(now)


def _boundary(change: Change) -> Iterator[Finding]:
    """Yield what no longer, or newly, bounds what a role's or user's policies allow."""
    for changed in change.properties:
        if changed.path == ("PermissionsBoundary",) and not changed.because:
            was, now = spelled(changed.before), spelled(changed.after)
            if changed.before is None:
                kind, text = Kind.REVOKES, f"may now do only what {now} allows, too"
            elif changed.after is None:
                kind, text = Kind.GRANTS, f"is no longer bounded by {was}"
            else:
                kind, text = Kind.UNKNOWN, f"is bounded by {now} instead of {was}"
            yield Finding(kind, change.id, f"{change.name} {text}")


def _has_policy(change: Change) -> bool:
    own = any(not changed.because for changed in change.properties)
    return change.type in READ and (change.action is not Action.CHANGE or own)


def _at(moved: dict[str, str], statement: Statement) -> Statement:
    """Return a statement as it is where its holder moves to."""
    holder = moved.get(statement.holder, statement.holder)
    return replace(statement, holder=holder) if holder != statement.holder else statement


def _still_there(
    refusals: Iterable[Grant], before: Resolved, after: Resolved
) -> Iterator[Grant]:
    """Yield the refusals that still mean something: who and what they are about is there."""
    gone = before.resources.keys() - after.resources.keys()
    for refusal in refusals:
        about = {refusal.holder, *MADE_OF.findall(refusal.resource)}
        if not about & gone:
            yield refusal


def _together(grants: Iterable[Grant]) -> list[list[Grant]]:
    """Return grants of one statement to one holder, on one thing, together."""
    groups: dict[object, list[Grant]] = {}
    for grant in grants:
        key = (grant.holder, grant.kind, grant.resource, grant.conditions, grant.statement)
        groups.setdefault(key, []).append(grant)
    return list(groups.values())


def _in_words(group: Sequence[Grant], what: str, resolved: Resolved) -> str:
    first = group[0]
    holder = _name(first.holder, resolved)
    conditions = f", if {' and '.join(map(str, first.conditions))}" if first.conditions else ""
    if first.kind == "trust":
        return f"{holder} {what} assume {_name(first.resource, resolved)}{conditions}"
    but = "everything but " if first.statement.all_resources_but else ""
    thing = _name(first.resource, resolved)
    on = f"{but}{'everything' if thing == '*' else thing}"
    return f"{holder} {what} {_actions(group)} on {on}{conditions}"


def _actions(group: Sequence[Grant]) -> str:
    actions = [grant.action for grant in group]
    if len(actions) <= FEW:
        return ", ".join(actions)
    patterns = ", ".join(a for a in group[0].statement.actions if WILDCARDS.search(a))
    return f"{patterns or 'much'} ({len(actions)} actions: {', '.join(actions[:SOME])}, ...)"


def _name(name: str, resolved: Resolved) -> str:
    return str(resolved.resources[name].origin) if name in resolved.resources else name


def _resource(grant: Grant) -> str:
    return grant.statement.resource
