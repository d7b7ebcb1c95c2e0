"""What a change loses: data that goes, secrets made anew, protection that weakens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from liberty_cfn.model.resolving import Resource
from liberty_cfn.review.changes import POLICIES, Action, Change, PropertyChange
from liberty_cfn.review.comparing import Difference, Steps, at, mapping
from liberty_cfn.review.findings import Finding, Kind
from liberty_cfn.review.protections import (
    DELETIONS,
    GUARDS,
    PROTECTIONS,
    Protection,
    different,
    fewer,
    said,
)
from liberty_cfn.review.replacement import names
from liberty_cfn.review.spelling import listed, spelled
from liberty_cfn.stateful import GENERATED, LOSSES, unsaid_policy

# What stays of a resource under each policy, from the safest.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
REMAINS = {
    "Retain": "the old one remains, no longer managed",
    "RetainExceptOnCreate": "the old one remains, no longer managed",
    "Snapshot": "a snapshot of it remains",
    "Delete": "nothing of it remains",
}
# What comes in the place of what is lost, where it isn't simply empty.
NEW = {
    "AWS::SecretsManager::Secret": "one with another value",
    "AWS::KMS::Key": "another key",
    "AWS::Route53::HostedZone": "one with other name servers",
}
# From the safest; what is only deleted where its creation failed is as safe as what never is.
SAFEST = ("Retain", "Snapshot", "Delete")
POLICY_PAGE = (
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"
    "aws-attribute-deletionpolicy.html"
)


def losses(changes: Sequence[Change]) -> Iterator[Finding]:
    """Yield what is lost, resource by resource."""
    for change in changes:
        yield from _data(change)
        yield from _unwatched(change)
        yield from _policies(change)
        if change.action is Action.CHANGE:
            if not change.replaced:
                yield from _secret(change)
            yield from _in_the_clear(change)
            yield from _in_plain_sight(change)
            for changed in change.properties:
                yield from _weakened(change, changed)


def remains(change: Change) -> str:
    """Return what stays of a resource that goes: Retain, Snapshot or Delete."""
    # A removed resource goes as the template said that made it; a replaced one as the new.
    if change.action is Action.REMOVE:
        return _policy("DeletionPolicy", change.before)
    return _policy("UpdateReplacePolicy", change.after)


def _policy(name: str, resource: Resource | None) -> str:
    """Return a policy of a resource, or what counts where it has none."""
    if resource is None:
        return "Delete"
    unsaid = (
        unsaid_policy(resource.type, resource.properties)
        if name == "DeletionPolicy"
        else "Delete"
    )
    found = resource.body.get(name, unsaid)
    return found if isinstance(found, str) else "Delete"


def _data(change: Change) -> Iterator[Finding]:
    if change.type not in LOSSES:
        return
    left = REMAINS.get(remains(change), "what remains, its policy doesn't say")
    lost, new = LOSSES[change.type], NEW.get(change.type, "an empty one")
    if change.action is Action.REMOVE:
        moved = f", and replaced by {new}, {change.moved_name}" if change.moved else ""
        text = f"{change.name} is removed{moved}: lost is {lost}; {left}"
        yield Finding(Kind.LOSS, change.id, text, POLICY_PAGE)
    elif change.replaced and not _refused(change):
        text = f"{change.name} is replaced by {new}: lost is {lost}; {left}"
        yield Finding(Kind.LOSS, change.id, text, POLICY_PAGE)
    elif change.perhaps_replaced:
        text = f"{change.name} may be replaced by {new}: this would lose {lost}; {left}"
        yield Finding(Kind.LOSS, change.id, text, POLICY_PAGE)


def _refused(change: Change) -> bool:
    return any(changed.verdict.refused for changed in change.properties)


def _unwatched(change: Change) -> Iterator[Finding]:
    if change.action is Action.REMOVE and change.type in GUARDS and not change.moved:
        text = f"{change.name} is removed: {GUARDS[change.type]}"
        yield Finding(Kind.WEAKENED, change.id, text)


def _policies(change: Change) -> Iterator[Finding]:
    for changed in change.policies:
        if changed.name not in POLICIES:
            continue
        before, after = (_policy(changed.name, one) for one in (change.before, change.after))
        if _rank(after) > _rank(before):
            holds = f", which holds {LOSSES[change.type]}" if change.type in LOSSES else ""
            text = f"{change.name}: {changed.name} {before} → {after}{holds}"
            yield Finding(Kind.WEAKENED, change.id, text, POLICY_PAGE)


def less_kept(name: str, before: str | None, after: str | None) -> bool:
    """Whether an attribute is a policy that keeps less of its resource than before."""
    return name in POLICIES and _rank(after or "Delete") > _rank(before or "Delete")


def _rank(policy: str) -> int:
    policy = policy.removesuffix("ExceptOnCreate")
    return SAFEST.index(policy) if policy in SAFEST else len(SAFEST)


def _secret(change: Change) -> Iterator[Finding]:
    """Any edit of GenerateSecretString makes a new value, at once."""
    edited = [p for p in change.properties if p.path[:1] == (GENERATED,)]
    if change.type != "AWS::SecretsManager::Secret" or not edited:
        return
    after = change.after.properties if change.after else {}
    if GENERATED not in after:
        return
    what = ", ".join(p.name for p in edited)
    text = (
        f"{change.name}: editing {what} regenerates the secret; what uses the old value "
        "(a database's password, running tasks) no longer fits"
    )
    yield Finding(
        Kind.SECRET,
        change.id,
        text,
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"
        "aws-resource-secretsmanager-secret.html",
    )


def _in_the_clear(change: Change) -> Iterator[Finding]:
    """Yield that a listener for HTTP, which sent people to HTTPS, no longer does."""
    if change.type != "AWS::ElasticLoadBalancingV2::Listener":
        return
    redirected, redirects = (_redirects(one) for one in (change.before, change.after))
    if redirected and not redirects:
        text = (
            f"{change.name}: no longer redirects to HTTPS: what goes over the wire can be read"
        )
        yield Finding(Kind.WEAKENED, change.id, text)


def _in_plain_sight(change: Change) -> Iterator[Finding]:
    """Yield the secrets of containers whose values now stand in the task definition."""
    if change.type != "AWS::ECS::TaskDefinition":
        return
    was, now = (_variables(one) for one in (change.before, change.after))
    for container, name in now["Environment"]:
        if (container, name) in was["Secrets"]:
            text = (
                f"{change.name}: {name} of {container} is no longer a secret: "
                "who may look at the task definition reads it"
            )
            yield Finding(Kind.WEAKENED, change.id, text)


def _variables(task: Resource | None) -> dict[str, list[tuple[str, str]]]:
    """Return the variables of each container, by the property that gives them."""
    containers = listed(task.properties.get("ContainerDefinitions") if task else None)
    return {
        given: [
            (spelled(container.get("Name")), spelled(mapping(variable).get("Name")))
            for container in map(mapping, containers)
            for variable in listed(container.get(given))
        ]
        for given in ("Environment", "Secrets")
    }


def _redirects(listener: Resource | None) -> bool:
    """Whether a listener sends to HTTPS, or is one for it."""
    properties = listener.properties if listener else {}
    if said(properties.get("Protocol")) != "http":
        return True
    protocols = at(properties, ("DefaultActions", "RedirectConfig", "Protocol"))
    return "HTTPS" in (protocols if isinstance(protocols, list) else ())


def _weakened(change: Change, changed: PropertyChange) -> Iterator[Finding]:
    if why := why_weaker(change.type, changed):
        shown = f"{_shown(changed.before)} → {_shown(changed.after)}"
        text = f"{change.name}: {changed.name} {shown}: {why}"
        yield Finding(Kind.WEAKENED, change.id, text)


def why_weaker(kind: str, changed: PropertyChange | Difference) -> str:
    """Return why a change to a resource of this type weakens a protection; empty if not."""
    return why_less(kind, changed) or _why(PROTECTIONS.get(kind, ()), changed)


def why_less(kind: str, changed: PropertyChange | Difference) -> str:
    """Return why a resource that stays keeps less of what is in it; empty if it doesn't."""
    return _why(DELETIONS.get(kind, ()), changed)


def _why(protections: Iterable[Protection], changed: PropertyChange | Difference) -> str:
    steps = names(changed.path)
    for wanted, weaker, why in protections:
        if weaker is different and steps[: len(wanted)] == wanted:
            return why
        below = _below(wanted, steps, changed.path)
        if below is None:
            continue
        before, after = at(changed.before, below), at(changed.after, below)
        if weaker is fewer:
            after = [after]
        if any(weaker(before, one) for one in (after if isinstance(after, list) else [after])):
            return why
    return ""


def _below(wanted: Steps, steps: Steps, path: Steps) -> Steps | None:
    """Return what of a wanted path is below a changed one; None if it is elsewhere."""
    named = tuple(step.strip("[]") for step in path)
    for there in (named, steps):
        if wanted[: len(there)] == there:
            return wanted[len(there) :]
    return None


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    return spelled(value) if isinstance(value, str | dict) else said(value)
