"""What a change means for those on duty: tasks that restart, scaling, alarms, interruptions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from liberty_cfn.model.resolving import Resource
from liberty_cfn.review.changes import (
    HANDLING,
    Action,
    Change,
    PropertyChange,
    deployed_only,
)
from liberty_cfn.review.comparing import equal
from liberty_cfn.review.documented import Interruption, Replacement
from liberty_cfn.review.findings import Finding, Kind

SERVICE = "AWS::ECS::Service"
TASKS = "AWS::ECS::TaskDefinition"
ALARM = "AWS::CloudWatch::Alarm"
LISTENER = "AWS::ElasticLoadBalancingV2::Listener"
SCALING = "AWS::ApplicationAutoScaling::ScalableTarget"
POLICY = "AWS::ApplicationAutoScaling::ScalingPolicy"
# Of a service, what makes ECS start its tasks anew.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/update-service-parameters.html
RESTARTING = (
    *("TaskDefinition", "NetworkConfiguration", "PlatformVersion", "LoadBalancers"),
    *("ServiceRegistries", "CapacityProviderStrategy", "ForceNewDeployment"),
    *("ServiceConnectConfiguration", "VolumeConfigurations", "EnableExecuteCommand"),
)
# What serves people: made anew, it is away or elsewhere for a while.
SERVING = {
    "AWS::ECS::Cluster": "its services are made anew in another cluster",
    "AWS::ECS::Service": "its tasks stop, and others start in the new one",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "its address is another; DNS has to follow",
    "AWS::ElasticLoadBalancingV2::Listener": "connections through it break",
    "AWS::ElasticLoadBalancingV2::TargetGroup": "its targets have to become healthy anew",
    "AWS::Route53::RecordSet": "the old name no longer answers",
    "AWS::EC2::NatGateway": "connections to the internet break",
    "AWS::EC2::EIP": "the address is another; whoever let the old one in has to be told",
    "AWS::EC2::VPC": "everything in it is made anew elsewhere",
    "AWS::EC2::Subnet": "everything in it is made anew elsewhere",
    "AWS::CertificateManager::Certificate": "the new one waits for its validation",
}
# And what is missed when it goes.
GONE = {
    "AWS::EC2::EIP": "the address is given back; whoever let it in has to be told another",
    "AWS::EC2::NatGateway": "what goes out through it finds no way",
    "AWS::EC2::VPCGatewayAttachment": "the VPC is cut off from the internet",
    "AWS::ECS::Service": "its tasks stop",
    "AWS::ElasticLoadBalancingV2::Listener": "nobody gets in through it",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "nobody gets in through it",
    "AWS::Lambda::Function": "nothing answers in its place",
    "AWS::Route53::RecordSet": "its name no longer answers",
}
# What else those on duty notice: by type, how a property begins, and what it does.
_SURVIVES = "targets that don't pass are taken out"
_CHECKED = ("HealthCheck", "HealthyThreshold", "UnhealthyThreshold", "Matcher")
_TIMES = ("PreferredBackupWindow", "PreferredMaintenanceWindow", "SnapshotWindow")
NOTICED = {
    "AWS::ElasticLoadBalancingV2::TargetGroup": {
        **dict.fromkeys(_CHECKED, _SURVIVES),
        "TargetGroupAttributes[deregistration_delay": "seconds until who goes is cut off",
    },
    "AWS::ElasticLoadBalancingV2::LoadBalancer": {
        "LoadBalancerAttributes[idle_timeout": "seconds until who says nothing is cut off",
    },
    "AWS::EC2::VPCEndpoint": {"PolicyDocument": "what it doesn't allow no longer passes"},
    SERVICE: {
        "DeploymentConfiguration.MinimumHealthyPercent": "tasks that run during a deployment",
        "DeploymentConfiguration.MaximumPercent": "tasks that may run during a deployment",
        "HealthCheckGracePeriodSeconds": "how long a new task may take to be well",
    },
    **dict.fromkeys(
        (
            "AWS::RDS::DBInstance",
            "AWS::RDS::DBCluster",
            "AWS::ElastiCache::CacheCluster",
            "AWS::ElastiCache::ReplicationGroup",
        ),
        dict.fromkeys(_TIMES, "another time, in UTC"),
    ),
}
SCALES = {
    POLICY: "nothing is scaled by what it aimed at any more",
    SCALING: "the number of tasks stays what it is",
    "AWS::AutoScaling::ScalingPolicy": "nothing is scaled by what it aimed at any more",
}
ALARM_LIMITS = ("Threshold", "ComparisonOperator", "EvaluationPeriods", "DatapointsToAlarm")
ALARM_DETAILS = (*ALARM_LIMITS, "Period", "TreatMissingData", "Statistic", "ExtendedStatistic")


def operations(changes: Sequence[Change]) -> Iterator[Finding]:
    """Yield what stops, restarts, scales or is watched in another way."""
    for change in changes:
        if change.action is Action.CHANGE:
            yield from _interruptions(change)
            yield from _made_anew(change)
            yield from _not_known(change)
            yield from _known_later(change)
            yield from _handling(change)
            yield from _scaling(change)
            yield from _noticed(change)
            yield from _stops(change)
            yield from _answers_elsewhere(change)
        yield from _gone(change)
        yield from _no_longer_scaled(change)
        yield from _size(change)
        yield from _alarm(change)
        yield from _tasks(change, changes)


def _interruptions(change: Change) -> Iterator[Finding]:
    if change.replaced:
        return
    # Of a rule of a list, each part is a change; it is one interruption.
    found: dict[tuple[str, Interruption], list[str]] = {}
    for changed in change.properties:
        stops = changed.verdict.interruption
        if stops is not None and not changed.because:
            found.setdefault((changed.path[0], stops), []).append(changed.name)
    for (name, stops), parts in found.items():
        what = parts[0] if len(parts) == 1 else name
        text = f"{change.name}: {what} changes: {stops.what}"
        yield Finding(Kind.INTERRUPTION, change.id, text, stops.source)


def _made_anew(change: Change) -> Iterator[Finding]:
    if change.type in SERVING and (change.replaced or change.perhaps_replaced):
        may = "is" if change.replaced else "may be"
        text = f"{change.name} {may} replaced: {SERVING[change.type]}"
        yield Finding(Kind.INTERRUPTION, change.id, text)


def _gone(change: Change) -> Iterator[Finding]:
    if change.action is Action.REMOVE and change.type in GONE and not change.moved:
        text = f"{change.name} is removed: {GONE[change.type]}"
        yield Finding(Kind.INTERRUPTION, change.id, text)


def _no_longer_scaled(change: Change) -> Iterator[Finding]:
    if change.action is Action.REMOVE and change.type in SCALES and not change.moved:
        text = f"{change.name} is removed: {SCALES[change.type]}"
        yield Finding(Kind.OPERATIONS, change.id, text)


def _not_known(change: Change) -> Iterator[Finding]:
    unknown = [
        changed
        for changed in change.properties
        if changed.verdict.replacement is Replacement.UNKNOWN
    ]
    if unknown:
        what = ", ".join(changed.name for changed in unknown)
        text = f"{change.name}: whether {what} replaces it is unknown: {unknown[0].verdict.why}"
        yield Finding(Kind.UNKNOWN, change.id, text)


def _known_later(change: Change) -> Iterator[Finding]:
    for changed in change.properties:
        if not changed.because and deployed_only(changed.after):
            text = f"{change.name}: {changed.name} takes a value known only when deployed"
            yield Finding(Kind.UNKNOWN, change.id, text)


def _handling(change: Change) -> Iterator[Finding]:
    for changed in change.policies:
        if changed.path[0] in HANDLING:
            was, now = _shown(changed.before), _shown(changed.after)
            what = "later updates go" if changed.path[0] == "UpdatePolicy" else "it is made"
            text = f"{change.name}: {changed.name} {was} → {now}: another way in which {what}"
            yield Finding(Kind.OPERATIONS, change.id, text)


def _tasks(change: Change, changes: Sequence[Change]) -> Iterator[Finding]:
    """Whether a service's tasks restart, and how many there are."""
    if change.type != SERVICE or change.action is not Action.CHANGE or change.replaced:
        return
    why = [c for c in change.properties if c.path[0] in RESTARTING]
    if not why or change.after is None:
        return
    count = change.after.properties.get("DesiredCount")
    number = f"{_shown(count)} tasks" if _shown(count) != "1" else "1 task"
    causes = ", ".join(dict.fromkeys(_cause(c, changes) for c in why))
    text = f"{change.name}: its tasks restart ({number}), as {causes} changes"
    yield Finding(Kind.OPERATIONS, change.id, text)


def _cause(changed: PropertyChange, changes: Sequence[Change]) -> str:
    if not changed.because:
        return changed.name
    return next((c.name for c in changes if c.id == changed.because), changed.because)


def _noticed(change: Change) -> Iterator[Finding]:
    for changed in change.properties:
        for start, why in NOTICED.get(change.type, {}).items():
            if changed.name.startswith(start) and not changed.because:
                was, now = _shown(changed.before), _shown(changed.after)
                parts = isinstance(changed.before or changed.after, dict | list)
                how = "changes" if parts else f"{was} → {now}"
                text = f"{change.name}: {changed.name} {how}: {why}"
                yield Finding(Kind.OPERATIONS, change.id, text)


def _stops(change: Change) -> Iterator[Finding]:
    counts = [c for c in change.properties if c.path == ("DesiredCount",)]
    for changed in counts if change.type == SERVICE else ():
        if equal(changed.after, 0):
            text = f"{change.name}: none of its tasks runs any more: nobody is answered"
            yield Finding(Kind.INTERRUPTION, change.id, text)


def _answers_elsewhere(change: Change) -> Iterator[Finding]:
    for changed in change.properties:
        if change.type == LISTENER and changed.path == ("Port",) and not change.replaced:
            was, now = _shown(changed.before), _shown(changed.after)
            text = f"{change.name}: answers on port {now}: nobody is answered on {was} any more"
            yield Finding(Kind.INTERRUPTION, change.id, text)


def _size(change: Change) -> Iterator[Finding]:
    if change.type != TASKS or change.action is not Action.CHANGE:
        return
    for changed in change.properties:
        if changed.path in (("Cpu",), ("Memory",)):
            unit = "CPU units" if changed.path == ("Cpu",) else "MiB"
            was, now = _shown(changed.before), _shown(changed.after)
            text = f"{change.name}: a task has {changed.name} {now} {unit} instead of {was}"
            yield Finding(Kind.OPERATIONS, change.id, text)


def _scaling(change: Change) -> Iterator[Finding]:
    words = {
        (SCALING, "MinCapacity"): "fewest tasks",
        (SCALING, "MaxCapacity"): "most tasks",
        (SERVICE, "DesiredCount"): "tasks that a deployment starts with",
        (POLICY, "TargetValue"): "what scaling aims at",
    }
    for changed in change.properties:
        said = words.get((change.type, changed.path[-1]))
        if said and not changed.because:
            was, now = _shown(changed.before), _shown(changed.after)
            text = f"{change.name}: {said} {was} → {now}"
            yield Finding(Kind.OPERATIONS, change.id, text)


def _alarm(change: Change) -> Iterator[Finding]:
    if change.type != ALARM:
        return
    if change.action is Action.REMOVE:
        text = f"{change.name} is removed: {_watches(change.before)} is no longer watched"
        yield Finding(Kind.OPERATIONS, change.id, text)
    elif change.action is Action.ADD:
        text = f"{change.name} is new: watches {_watches(change.after)}"
        yield Finding(Kind.OPERATIONS, change.id, text)
    else:
        for changed in change.properties:
            if changed.path[0] in ALARM_DETAILS and not changed.because:
                was, now = _shown(changed.before), _shown(changed.after)
                text = f"{change.name}: {changed.name} {was} → {now}"
                yield Finding(Kind.OPERATIONS, change.id, text)
        for name in ("ActionsEnabled", "AlarmActions"):
            if not _heard(change.after, name) and _heard(change.before, name):
                text = f"{change.name}: {name}: nobody hears of it any more"
                yield Finding(Kind.WEAKENED, change.id, text)


def _heard(alarm: Resource | None, name: str) -> bool:
    """Whether somebody hears of an alarm, by one of the properties that say so."""
    value = alarm.properties.get(name) if alarm else None
    return bool(value) if name == "AlarmActions" else not equal(value, "false")


def _watches(alarm: Resource | None) -> str:
    if alarm is None:
        return ""
    metric = alarm.properties.get("MetricName")
    return metric if isinstance(metric, str) else str(alarm.origin.logical_id)


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else str(value)
