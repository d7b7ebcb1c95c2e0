"""What is dangerous about a change: what is lost with it, is kept less, or stops service."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING

from liberty_cfn.deploy.changes import (
    STAYING,
    TOO_LONG,
    UNKNOWN,
    Change,
    Property,
    Replacement,
)
from liberty_cfn.deploy.stack import NESTED_STACK
from liberty_cfn.stateful import GENERATED, LEFT, LOSSES

if TYPE_CHECKING:
    from liberty_cfn.review.comparing import Difference

# Replacing or removing these interrupts the service for as long as it takes.
SERVING = {
    "AWS::ECS::Service",
    "AWS::ECS::Cluster",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::ElasticLoadBalancingV2::Listener",
    "AWS::ElasticLoadBalancingV2::TargetGroup",
    "AWS::Route53::RecordSet",
    "AWS::EC2::NatGateway",
    "AWS::EC2::VPC",
    "AWS::EC2::Subnet",
}
# Removing these interrupts it, too; a replacement is there before the old one goes.
LEADING = {
    "AWS::EC2::Route",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::VPCGatewayAttachment",
}


def is_lost(change: Change) -> bool:
    """Whether a stateful resource would go, or keep less of what is in it; or may."""
    return change.type in LOSSES and (_goes(change) or bool(_less_kept(change)))


def is_doubtful(change: Change) -> bool:
    """Whether CloudFormation can't promise to keep a stateful resource."""
    perhaps = change.replacement is Replacement.POSSIBLE
    return change.type in LOSSES and perhaps and not _goes(change)


def _goes(change: Change) -> bool:
    """Whether a resource would be, or may be, replaced, deleted or given a new value.

    It may be if what changes can't change without replacing it, or not for all that is
    known; or if CloudFormation doesn't say what changes, or what becomes of the resource.
    """
    replaced = change.replacement is Replacement.CERTAIN
    goes = replaced or change.action not in STAYING or bool(_other_value(change))
    causes = change.properties
    may_go = change.replacement is Replacement.POSSIBLE and (
        not causes or any(decides(change, p) for p in causes)
    )
    return goes or may_go


def _less_kept(change: Change) -> dict[str, list[str]]:
    """Return why some of what a resource keeps goes, though it stays, by what changes."""
    found = {changed.place: _deletions(change, changed) for changed in change.properties}
    return {place: why for place, why in found.items() if why}


def _other_value(change: Change) -> str:
    """Return the property by which a secret that stays gets another value; empty if none does.

    Any edit of how it is generated generates another; one that the template says takes the
    place of what somebody may have set.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-secretsmanager-secret.html
    """
    if (change.type, change.action) != ("AWS::SecretsManager::Secret", "Modify"):
        return ""
    found = (p.name for p in change.properties if p.name in (GENERATED, "SecretString"))
    return "" if change.replacement is Replacement.CERTAIN else next(found, "")


def decides(change: Change, changed: Property) -> bool:
    """Whether changing a property replaces its resource, as far as is known."""
    if changed.create_only:
        return True
    if changed.replaces is not Replacement.POSSIBLE or _known_later(changed):
        return False
    from liberty_cfn.review.documented import (  # noqa: PLC0415 - slow to load
        BY_VALUE,
        ONLY_INTERRUPTED,
    )

    key, values = (change.type, changed.name), (changed.before, changed.after)
    return key not in ONLY_INTERRUPTED and not (
        key in BY_VALUE and BY_VALUE[key].in_place == values
    )


def _known_later(changed: Property) -> bool:
    """Whether a property's new value isn't known yet."""
    return not changed.told or UNKNOWN in str(changed.after)


def rests_on_policies(changes: Iterable[Change]) -> bool:
    """Whether stack policies alone protect data, because not every change is known."""
    return any(change.opaque or is_doubtful(change) for change in changes)


def let_through(changes: Iterable[Change], allowed: Collection[str]) -> set[str]:
    """Return the logical ids that stack policies must let go: `allowed`, and nested stacks.

    What is in a nested stack that goes is weighed by itself; to a policy, it goes as a whole.
    What stays, and only keeps less, need not be let go.
    """
    found = tuple(changes)
    going = {each.resource for each in found if _goes(each) or is_doubtful(each)}
    staying = {each.resource for each in found if is_lost(each)} - going
    stacks = (each for each in found if each.type == NESTED_STACK)
    return {
        *(set(allowed) - staying),
        *(each.resource for each in stacks if each.action not in STAYING),
    }


def coming(changes: Iterable[Change]) -> list[str]:
    """Return the logical ids of nested stacks that are made."""
    stacks = (change for change in changes if change.type == NESTED_STACK)
    return sorted({change.resource for change in stacks if change.action == "Add"})


def refusal(change: Change) -> str:
    """Return, in words, why a change that loses data may not be made unless it is named."""
    passing = f"To allow it anyway: --allow-replace {change.resource}"
    if not _goes(change):
        less = f"would keep less, because {' and '.join(_less_kept(change))} changes"
        return f"{_where(change)} {less}: {lost_with(change)}. {passing}"
    certain = change.replacement is not Replacement.POSSIBLE
    how = "would be replaced" if certain else "may be replaced"
    if change.action not in STAYING:
        how = "may be replaced or deleted (CloudFormation can't say what it will do)"
    how = "would be deleted" if change.action == "Remove" else how
    how = "would get another value" if _other_value(change) else how
    why = f", because {causes} changes" if (causes := _causes(change)) else ""
    later = not certain and any(
        _known_later(p) for p in change.properties if p.replaces is not Replacement.NO
    )
    known = " (to what, is known only after apply)" if later else ""
    return f"{_where(change)} {how}{why}{known}: {lost_with(change)}. {passing}"


def doubt(change: Change) -> str:
    """Return, in words, that a resource may be replaced, and what prevents that."""
    return (
        f"{_where(change)} is replaced only if a change of {_causes(change)} turns out to need "
        "it, which CloudFormation knows when it is there: the stack policy then denies it, "
        "and the whole update is undone. To allow it anyway: --allow-replace "
        f"{change.resource}"
    )


def lost_with(change: Change) -> str:
    """Return, in words, what would be lost with a resource that goes, and what remains.

    Or what goes of one that stays.
    """
    if not _goes(change):
        told = dict.fromkeys(why for found in _less_kept(change).values() for why in found)
        return " and ".join(told)
    left = LEFT.get(change.left, "what remains, CloudFormation doesn't say")
    if by := _other_value(change):
        database = ", and a database keeps it as its password" if by == GENERATED else ""
        left = f"it remains as the version AWSPREVIOUS, until the value changes again{database}"
    return f"this would lose {LOSSES[change.type]}; {left}"


def _where(change: Change) -> str:
    named = f" {change.physical_id}" if change.physical_id else ""
    return f"{'/'.join(change.place)} ({change.type}{named})"


def _causes(change: Change) -> str:
    causes = (p.name for p in change.properties if p.replaces is not Replacement.NO)
    return _other_value(change) or " and ".join(dict.fromkeys(causes))


def weaknesses(change: Change, changed: Property) -> list[str]:
    """Return how data is protected or kept less once a property has changed."""
    from liberty_cfn.review.losing import less_kept, why_weaker  # noqa: PLC0415 - slow to load

    if change.action != "Modify":
        return []
    if less_kept(changed.name, changed.before, changed.after):
        return ["less of it remains when it goes"]
    return _why(change, changed, why_weaker) or _deletions(change, changed)


def _deletions(change: Change, changed: Property) -> list[str]:
    """Return why some of what a resource keeps goes, though it stays, when a property changes.

    Also where it can't be told, as the value is too long, or known only later.
    """
    from liberty_cfn.review.losing import why_less  # noqa: PLC0415 - slow to load
    from liberty_cfn.review.protections import DELETIONS  # noqa: PLC0415

    if change.action != "Modify":
        return []
    keeps = {path[0] for path, _, _ in DELETIONS.get(change.type, ())}
    unclear = TOO_LONG in (changed.before, changed.after) or UNKNOWN in str(changed.after)
    return _why(change, changed, why_less) or (
        ["some of it may be deleted"] if unclear and changed.name in keeps else []
    )


def _why(change: Change, changed: Property, why: Callable[[str, Difference], str]) -> list[str]:
    """Return what `why` says of all that differs between the values of a property."""
    before, after = changed.before, changed.after
    if TOO_LONG in (before, after):
        return []
    from liberty_cfn.review.comparing import differences, opened  # noqa: PLC0415 - slow to load

    steps = tuple(f"[{s}]" if s.isdigit() else s for s in changed.place.split("/"))
    found = differences(opened(before), opened(after), path=steps)
    told = [why(change.type, one) for one in found if UNKNOWN not in str(one.after)]
    return list(dict.fromkeys(filter(None, told)))


def stops_service(change: Change) -> bool:
    """Whether people would notice: what serves them goes, is replaced, or is interrupted."""
    removed = change.action not in STAYING
    goes = removed or change.replacement is not Replacement.NO
    interrupted = any(interruption(change, changed) for changed in change.properties)
    return (
        (change.type in SERVING and goes) or (change.type in LEADING and removed) or interrupted
    )


def interruption(change: Change, changed: Property) -> str:
    """Return what is interrupted when a property changes, as AWS documents it."""
    if (change.type, changed.name, changed.after) == ("AWS::ECS::Service", "DesiredCount", "0"):
        return "no task is left running"
    from liberty_cfn.review.documented import INTERRUPTIONS  # noqa: PLC0415 - slow to load

    known = INTERRUPTIONS.get((change.type, changed.name))
    return known.what if known and change.action == "Modify" else ""
