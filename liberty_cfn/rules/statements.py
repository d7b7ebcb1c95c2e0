"""What documents say that are JSON, or text of it: policies, patterns, dashboards."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from liberty_cfn.model.resolving import Resource
from liberty_cfn.rules.rule import Design, each, referred, text


@dataclass(frozen=True)
class Statement:
    """A statement of a policy, each of its parts a tuple. `index` is its place."""

    index: int
    effect: str | None
    principal: Any
    actions: tuple[str, ...]
    resources: tuple[Any, ...]
    condition: Any

    def grants(self, action: str) -> bool:
        """Whether it allows an action, such as logs:PutLogEvents."""
        wanted = action.lower()
        return self.effect == "Allow" and any(
            fnmatchcase(wanted, one.lower()) for one in self.actions
        )

    @property
    def public(self) -> bool:
        """Whether its principal is everybody."""
        everyone = [text(item) for _, item in each(self.principal, "AWS", "*")]
        return text(self.principal) == "*" or "*" in everyone

    def to_service(self, service: str) -> bool:
        """Whether its principal is a service of AWS, such as events.amazonaws.com."""
        named = [text(item) for _, item in each(self.principal, "Service", "*")]
        return self.public or service in named


def statements(document: Any) -> Iterator[Statement]:
    """Yield a policy's statements, also where the policy is text."""
    read = (
        parsed(document) if not isinstance(document, dict) or "Fn::Join" in document else None
    )
    body = document if read is None else read
    if not isinstance(body, dict):
        return
    for index, (_, one) in enumerate(each(body, "Statement", "*")):
        if isinstance(one, dict):
            yield Statement(
                index,
                text(one.get("Effect")),
                one.get("Principal"),
                tuple(str(text(item)) for _, item in each(one, "Action", "*")),
                tuple(item for _, item in each(one, "Resource", "*")),
                one.get("Condition"),
            )


def shown(value: Any) -> str:
    """Return a text with what only AWS knows as Fn::Sub spells it: ${Vpc}, ${Bucket.Arn}."""
    if isinstance(value, dict) and len(value) == 1:
        ((function, argument),) = value.items()
        if function == "Fn::Join" and isinstance(argument[1], list):
            return str(argument[0]).join(shown(part) for part in argument[1])
        if function == "Fn::GetAtt" and isinstance(argument, list):
            return f"${{{'.'.join(map(str, argument))}}}"
        return f"${{{argument if function == 'Ref' else function}}}"
    plain = text(value)
    return json.dumps(value) if plain is None else plain


def parsed(value: Any) -> Any:
    """Return the JSON that a text is, or None; what only AWS knows is ${...} in it."""
    try:
        return json.loads(shown(value))
    except ValueError:
        return None


def role_statements(design: Design, role: Resource) -> Iterator[Statement]:
    """Yield the statements of the policies that are written here for a role."""
    for _, document in each(role.properties, "Policies", "*", "PolicyDocument"):
        yield from statements(document)
    for policy in design.of_type("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        roles = {referred(item) for _, item in each(policy.properties, "Roles", "*")}
        if role.id in roles:
            yield from statements(policy.properties.get("PolicyDocument"))
    attached = {referred(item) for _, item in each(role.properties, "ManagedPolicyArns", "*")}
    for policy in design.of_type("AWS::IAM::ManagedPolicy"):
        if policy.id in attached:
            yield from statements(policy.properties.get("PolicyDocument"))


def managed(role: Resource) -> set[str]:
    """Return the names of AWS's own policies that a role has."""
    arns = [shown(item) for _, item in each(role.properties, "ManagedPolicyArns", "*")]
    return {arn.rpartition("/")[2] for arn in arns if re.search(r":aws:policy/", arn)}


def covers(resource: Any, wanted: str) -> bool:
    """Whether a statement's resource is, or matches, what `shown` says of another."""
    return fnmatchcase(wanted, re.sub(r"\[", "[[]", shown(resource)))
