"""Whether a request is allowed, worked out as IAM does within one account.

An explicit refusal wins, then any statement that allows, else it is refused. Conditions on
what the request doesn't say stay open.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from liberty_cfn.review.actions import fits
from liberty_cfn.review.grants import covers
from liberty_cfn.review.statements import ACCOUNT, EVERYONE, Condition, Statement, Thing


@dataclass(frozen=True)
class Request:
    """Who asks to do what on what; `context` has what conditions ask about, by key.

    `holder` is as in statements; `thing` is the ARN, or what stands for it:
    "${StorageUploads.Arn}/photo.jpg".
    """

    holder: str
    action: str
    thing: str
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Decision:
    """`hangs_on` are the conditions it depends on that the request doesn't settle."""

    verdict: Literal["allowed", "refused", "open"]
    hangs_on: tuple[Condition, ...] = ()


def decide(statements: Iterable[Statement], request: Request) -> Decision:
    """Return whether a request is allowed; open, if that hangs on a condition."""
    about = [s for s in statements if _concerns(s, request)]
    refusing, open_refusals = _settled([s for s in about if s.effect == "Deny"], request)
    if refusing:
        return Decision("refused")
    allowing, open_grants = _settled(_effective(about, request), request)
    if allowing:
        return Decision("open", open_refusals) if open_refusals else Decision("allowed")
    if open_grants:
        return Decision("open", (*open_grants, *open_refusals))
    return Decision("refused")


def _concerns(statement: Statement, request: Request) -> bool:
    others = statement.holder.removeprefix("everyone but ")
    who = request.holder != others if others != statement.holder else _is(statement, request)
    return who and covers(statement, request.action, Thing(request.thing, request.thing))


def _is(statement: Statement, request: Request) -> bool:
    inside = not request.holder.startswith(("service ", "account ", "federated "))
    return statement.holder in (request.holder, EVERYONE) or (
        statement.holder == ACCOUNT and inside
    )


def _effective(about: Iterable[Statement], request: Request) -> list[Statement]:
    """Return the statements that allow by themselves.

    Naming the account in a resource's policy leaves the decision to the account's own
    policies. A key and a role are open to those only whom their own policy names so.
    """
    allowing = [s for s in about if s.effect == "Allow"]
    delegating = [s for s in allowing if s.kind != "identity" and s.holder == ACCOUNT]
    direct = [s for s in allowing if s.kind != "identity" and s.holder != ACCOUNT]
    identity = [s for s in allowing if s.kind == "identity"]
    service = request.action.lower().partition(":")[0]
    if service in ("kms", "sts") and not delegating:
        return direct
    return direct + identity


def _settled(
    statements: Iterable[Statement], request: Request
) -> tuple[bool, tuple[Condition, ...]]:
    """Return whether one of the statements holds for sure, and what the others hang on."""
    hanging: list[Condition] = []
    for statement in statements:
        held = {c: holds(c, request.context) for c in statement.conditions}
        if all(held.values()):
            return True, ()
        if False not in held.values():
            hanging += [condition for condition, holding in held.items() if holding is None]
    return False, tuple(dict.fromkeys(hanging))


def holds(condition: Condition, context: Mapping[str, str]) -> bool | None:
    """Whether a condition holds; None if the context, or IAM's finer points, would decide."""
    operator = condition.operator.removesuffix("IfExists")
    given = {key.lower(): value for key, value in context.items()}.get(condition.key.lower())
    if given is None or operator not in COMPARISONS:
        return None
    negative, comparison = COMPARISONS[operator]
    return any(comparison(value, given) for value in condition.values) != negative


def _equal(value: str, given: str) -> bool:
    return value == given


def _equal_but_for_case(value: str, given: str) -> bool:
    return value.lower() == given.lower()


# Whether the operator means not, and how it compares.
COMPARISONS: Mapping[str, tuple[bool, Callable[[str, str], bool]]] = {
    "StringEquals": (False, _equal),
    "StringNotEquals": (True, _equal),
    "StringEqualsIgnoreCase": (False, _equal_but_for_case),
    "StringNotEqualsIgnoreCase": (True, _equal_but_for_case),
    "StringLike": (False, fits),
    "StringNotLike": (True, fits),
    "ArnEquals": (False, fits),
    "ArnNotEquals": (True, fits),
    "ArnLike": (False, fits),
    "ArnNotLike": (True, fits),
    "Bool": (False, _equal_but_for_case),
}
