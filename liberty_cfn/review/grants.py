"""Who may do what to what; and what a change to a design grants, and takes back.

Patterns of actions are expanded to the actions AWS knows. Something counts as granted
before if it was allowed under the same or fewer conditions, also by a wider pattern.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from liberty_cfn.review.actions import expanded, fits
from liberty_cfn.review.statements import Condition, Kind, Statement, Thing

ALL = "*"


class Grant(NamedTuple):
    """One action that is allowed, or refused, on one thing, under conditions.

    `action` is one that AWS knows; else what the policy says: "*", or "* but s3:Get*". A
    refusal's is always what the policy says. `statement` says where it stands.
    """

    holder: str
    kind: Kind
    action: str
    thing: Thing
    conditions: tuple[Condition, ...]
    statement: Statement

    @property
    def resource(self) -> str:
        """What the action is allowed on, as the policy says it."""
        return self.thing.name

    def __str__(self) -> str:
        on = "everything but " if self.statement.all_resources_but else ""
        conditions = f" if {' and '.join(map(str, self.conditions))}" if self.conditions else ""
        return f"{self.holder}: {self.action} on {on}{self.resource}{conditions}"


@dataclass(frozen=True)
class Difference:
    """What a change does to grants.

    `loosened` is allowed after as before, but under fewer conditions, `tightened` under
    more. `refusals_dropped` were statements that refuse what others allow.
    """

    gained: tuple[Grant, ...]
    lost: tuple[Grant, ...]
    loosened: tuple[Grant, ...]
    tightened: tuple[Grant, ...]
    refusals_dropped: tuple[Grant, ...]
    refusals_added: tuple[Grant, ...]

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in self.__dataclass_fields__)


def grants(statements: Iterable[Statement]) -> Iterator[Grant]:
    """Yield what statements allow, action by action and thing by thing."""
    for statement in statements:
        if statement.effect == "Allow":
            yield from _each(statement, expand=True)


def refusals(statements: Iterable[Statement]) -> Iterator[Grant]:
    """Yield what statements refuse, pattern by pattern."""
    for statement in statements:
        if statement.effect == "Deny":
            yield from _each(statement, expand=False)


def difference(before: Iterable[Statement], after: Iterable[Statement]) -> Difference:
    """Return what statements grant that others before them didn't, and the other way round."""
    old, new = tuple(before), tuple(after)
    gained, loosened = _more(old, new)
    lost, tightened = _more(new, old)
    dropped, added = list(refusals(old)), list(refusals(new))
    return Difference(
        gained,
        lost,
        loosened,
        tightened,
        tuple(r for r in dropped if not _repeated(r, added)),
        tuple(r for r in added if not _repeated(r, dropped)),
    )


def covers(statement: Statement, action: str, thing: Thing) -> bool:
    """Whether a statement is about an action on something; conditions aside."""
    lower = action.lower()
    acts = any(fits(pattern.lower(), lower) for pattern in statement.actions)
    if acts == statement.all_actions_but:
        return False
    on = any(
        fits(pattern, text)
        for known in statement.things
        for pattern in {known.name, known.arn}
        for text in {thing.name, thing.arn}
    )
    return on != statement.all_resources_but


def _each(statement: Statement, *, expand: bool) -> Iterator[Grant]:
    if statement.all_actions_but:
        actions = [f"{ALL} but {' and '.join(statement.actions)}"]
    else:
        actions = [
            action
            for pattern in statement.actions
            for action in (expanded(pattern) if expand else (pattern,))
        ]
    for action in dict.fromkeys(actions):
        for thing in statement.things:
            who = (statement.holder, statement.kind)
            yield Grant(*who, action, thing, statement.conditions, statement)


def _more(
    before: tuple[Statement, ...], after: tuple[Statement, ...]
) -> tuple[tuple[Grant, ...], tuple[Grant, ...]]:
    """Return what is allowed only after, and what is under fewer conditions than before."""
    had: dict[tuple[str, str], list[Statement]] = {}
    for statement in before:
        if statement.effect == "Allow":
            had.setdefault((statement.holder, statement.kind), []).append(statement)
    gained, loosened = {}, {}
    same = frozenset(_key(statement) for statement in before)
    for grant in grants(s for s in after if _key(s) not in same):
        held = had.get((grant.holder, grant.kind), [])
        covering = [s for s in held if _covers_grant(s, grant)]
        key = grant[:-1]
        if not covering:
            gained[key] = grant
        elif not any(_as_loose(s.conditions, grant.conditions) for s in covering):
            loosened[key] = grant
    return tuple(gained.values()), tuple(loosened.values())


def _covers_grant(statement: Statement, grant: Grant) -> bool:
    """Whether all of a grant, which may be of all but some, was allowed by a statement."""
    if grant.statement.all_actions_but or grant.statement.all_resources_but:
        other = grant.statement
        return (
            _but(statement) == _but(other)
            and (set(statement.actions) == set(other.actions) or ALL in statement.actions)
            and set(other.things) == set(statement.things)
        )
    return covers(statement, grant.action, grant.thing)


def _but(statement: Statement) -> tuple[bool, bool]:
    return statement.all_actions_but, statement.all_resources_but


def _as_loose(before: tuple[Condition, ...], after: tuple[Condition, ...]) -> bool:
    """Whether what holds under the conditions `after` did so under those `before`."""
    return all(
        any(
            (old.operator, old.key) == (new.operator, new.key)
            and set(new.values) <= set(old.values)
            for new in after
        )
        for old in before
    )


def _key(statement: Statement) -> tuple[object, ...]:
    """Return what makes a statement say the same as another, wherever it stands."""
    return (
        statement.holder,
        statement.kind,
        statement.effect,
        frozenset(statement.actions),
        frozenset(statement.things),
        statement.conditions,
        *_but(statement),
    )


def _repeated(refusal: Grant, others: Iterable[Grant]) -> bool:
    """Whether others refuse this, too, under no more conditions."""
    return any(
        (other.holder, other.kind) == (refusal.holder, refusal.kind)
        and _covers_grant(other.statement, refusal)
        and _as_loose(other.conditions, refusal.conditions)
        for other in others
    )
