"""Whether a metric that somebody looks at has data: AWS has it, with these dimensions.

Which there are is in metric_names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from liberty_cfn.model.resolving import Resource
from liberty_cfn.rules.metric_names import (
    BALANCER,
    DIMENSIONS,
    ECS,
    INSIGHTS,
    MISTAKEN,
    NAMES,
    OTHERS,
    S3,
)
from liberty_cfn.rules.rule import Design, text
from liberty_cfn.rules.statements import role_statements, shown

FILTER = "AWS::Logs::MetricFilter"
OF_TARGETS = re.compile(
    r"(Un)?HealthyHostCount|(Anomalous|Mitigated|ZonalShifted|ActiveZonalShift)HostCount"
    r"|(Healthy|Unhealthy)State(DNS|Routing)"
)
OF_BALANCER = re.compile(
    r"HTTPCode_ELB_\w+|HTTP_\w+|ActiveConnectionCount|NewConnectionCount|\w+LCUs|ELBAuth\w+"
    r"|ClientTLSNegotiationErrorCount|RejectedConnectionCount|ProcessedBytes|RuleEvaluations"
    r"|IPv6ProcessedBytes|\w+InvalidHeaderRequestCount|LowReputation\w+|NonStickyRequestCount"
    r"|TargetControl\w+|Desync\w+"
)
# Of a target group alone, too.
OF_EITHER = (
    "RequestCountPerTarget",
    "LambdaInternalError",
    "LambdaUserError",
    "GrpcRequestCount",
)
# What a whole cluster's machines have, and no service.
OF_CLUSTER = frozenset({"CPUReservation", "MemoryReservation", "GPUReservation"})
# S3 sends these once a day, by class of storage; the others by filter.
OF_STORAGE = frozenset({"BucketSizeBytes", "NumberOfObjects"})
OF_SERVICE = frozenset(
    {
        "RunningTaskCount",
        "DesiredTaskCount",
        "PendingTaskCount",
        "DeploymentCount",
        "TaskSetCount",
    }
)


@dataclass(frozen=True)
class Metric:
    """A metric that somebody looks at, and what its dimensions are said to be."""

    namespace: str
    name: str
    dimensions: Mapping[str, Any]


def wrong(design: Design, metric: Metric) -> str:
    """Return why a metric has no data; nothing if it may have."""
    namespace, name, given = metric.namespace, metric.name, frozenset(metric.dimensions)
    if namespace not in NAMES:
        return _misnamed(namespace) or _unmade(design, metric)
    if "${" in name:
        return ""
    if name not in NAMES[namespace]:
        close = get_close_matches(name, NAMES[namespace], n=1)
        return f"{namespace} has no metric {name}; expected {close[0] if close else 'another'}"
    if given and given not in DIMENSIONS[namespace]:
        known = " or ".join(" and ".join(sorted(one)) for one in DIMENSIONS[namespace][:3])
        return f"{namespace} knows no {' and '.join(sorted(given))}; expected {known}"
    if not given:
        known = " and ".join(sorted(DIMENSIONS[namespace][-1 if namespace == BALANCER else 0]))
        return f"{name} says not whose; expected dimensions such as {known}"
    return _ill_matched(namespace, name, given) or _of_another(design, metric)


def _ill_matched(namespace: str, name: str, given: frozenset[str]) -> str:
    """Return why a metric doesn't come with dimensions that others of its namespace have."""
    if namespace == BALANCER:
        return _of_balancer(name, given)
    if namespace == INSIGHTS and name in OF_SERVICE and "ServiceName" not in given:
        return f"{name} is of a service; expected ServiceName beside ClusterName"
    if namespace == ECS and name in OF_CLUSTER and given != {"ClusterName"}:
        return f"{name} is of a cluster's machines; expected ClusterName alone"
    wanted = "StorageType" if name in OF_STORAGE else "FilterId"
    if namespace == S3 and "BucketName" in given and wanted not in given:
        return f"{name} comes with {wanted}; expected that dimension"
    return ""


def _of_balancer(name: str, given: frozenset[str]) -> str:
    if OF_TARGETS.fullmatch(name) and not {"LoadBalancer", "TargetGroup"} <= given:
        return f"{name} is of LoadBalancer and TargetGroup together; expected both"
    if OF_BALANCER.fullmatch(name) and "TargetGroup" in given:
        return f"{name} is the load balancer's own; drop TargetGroup"
    if name not in OF_EITHER and "LoadBalancer" not in given:
        return f"{name} is of a LoadBalancer; expected that dimension"
    return ""


def _misnamed(namespace: str) -> str:
    """Return whose name a namespace nearly has; nothing if it is one of its own."""
    if namespace in OTHERS:
        return ""
    lower = {known.lower(): known for known in (*NAMES, *OTHERS)}
    close = get_close_matches(namespace.lower(), lower, n=1, cutoff=0.85)
    meant = MISTAKEN.get(namespace) or (lower[close[0]] if close else "")
    return f"there is no namespace {namespace}; expected {meant}" if meant else ""


def _unmade(design: Design, metric: Metric) -> str:
    """Return why nothing makes a metric of our own; nothing if something may."""
    made = {
        (shown(one.get("MetricNamespace")), shown(one.get("MetricName"))): {
            text(dimension.get("Key")) for dimension in one.get("Dimensions") or ()
        }
        for filtered in design.of_type(FILTER)
        for one in filtered.properties.get("MetricTransformations") or ()
    }
    if any(
        statement.grants("cloudwatch:PutMetricData")
        for role in design.of_type("AWS::IAM::Role", "AWS::IAM::User")
        for statement in role_statements(design, role)
    ):
        return ""
    said = " or ".join(f"{one} {other}" for one, other in sorted(made))
    key = (metric.namespace, metric.name)
    if metric.namespace.startswith(("AWS/", "CWAgent")):
        ours = metric.name in {name for _, name in made}
        return f"AWS makes no {metric.name}; expected {said}" if ours else ""
    if key not in made:
        return f"nothing makes {' '.join(key)}; expected {said or 'a MetricFilter'}"
    if metric.dimensions.keys() - made[key]:
        return f"the filter that makes {metric.name} gives it no such dimensions; drop them"
    return ""


# What a dimension's value is: an attribute of a resource of a type, Ref for its name; and the
# property that has the name.
WHOSE = {
    "ClusterName": ("AWS::ECS::Cluster", "Ref", "ClusterName"),
    "ServiceName": ("AWS::ECS::Service", "Name", "ServiceName"),
    "LoadBalancer": ("AWS::ElasticLoadBalancingV2::LoadBalancer", "LoadBalancerFullName", ""),
    "TargetGroup": ("AWS::ElasticLoadBalancingV2::TargetGroup", "TargetGroupFullName", ""),
    "DBInstanceIdentifier": ("AWS::RDS::DBInstance", "Ref", "DBInstanceIdentifier"),
    "CacheClusterId": ("AWS::ElastiCache::CacheCluster", "Ref", "ClusterName"),
    "ReplicationGroupId": ("AWS::ElastiCache::ReplicationGroup", "Ref", "ReplicationGroupId"),
    "NatGatewayId": ("AWS::EC2::NatGateway", "Ref", ""),
    "BucketName": ("AWS::S3::Bucket", "Ref", "BucketName"),
}
FULL_NAMES = {
    "LoadBalancer": re.compile(r"app/[^/]+/[0-9a-f]+"),
    "TargetGroup": re.compile(r"targetgroup/[^/]+/[0-9a-f]+"),
}


def _of_another(design: Design, metric: Metric) -> str:
    for name, value in metric.dimensions.items():
        if name in WHOSE and (why := _another(design, name, value)):
            return why
    return ""


def _another(design: Design, name: str, value: Any) -> str:
    """Return why a dimension's value, as `shown`, is nobody's; nothing if it may be one."""
    kind, attribute, named_by = WHOSE[name]
    said = value if isinstance(value, str) else shown(value)
    found = re.fullmatch(r"\$\{(\w+)(?:\.([\w.]+))?\}(.*)", said)
    if not found:
        return _no_name(design, name, said, kind, named_by)
    made = design.resolved.resources.get(found[1])
    if made is None:
        return ""
    member = name == "CacheClusterId" and made.type == WHOSE["ReplicationGroupId"][0]
    if member:
        right = found[2] is None and re.fullmatch(r"-\d{3}", found[3]) is not None
        return "" if right else f"{name} is a member's; expected {made.origin} and -001 behind"
    if made.type != kind:
        return f"{name} is {made.origin}, a {made.type}; expected a {kind}"
    if (found[2] or "Ref") != attribute or found[3]:
        wanted = "!Ref" if attribute == "Ref" else f"!GetAtt ... .{attribute}"
        return f"{name} is {said}; expected {wanted} of {made.origin}"
    return ""


def _no_name(design: Design, name: str, said: str, kind: str, named_by: str) -> str:
    if "$" in said:
        return ""
    if pattern := FULL_NAMES.get(name):
        return "" if pattern.fullmatch(said) else f"{name} is {said}; expected its full name"
    names = [text(one.properties.get(named_by)) for one in design.of_type(kind)]
    if said.startswith("arn:") or (names and None not in names and said not in names):
        return f"{name} is {said}; expected {' or '.join(map(str, names)) or 'a name'}"
    return ""


def of_alarm(alarm: Resource) -> Metric | None:
    """Return the metric that an alarm looks at; None for an expression of several."""
    namespace, name = (shown(alarm.properties.get(n, "")) for n in ("Namespace", "MetricName"))
    given = alarm.properties.get("Dimensions")
    if not namespace or not name or not isinstance(given or [], list):
        return None
    dimensions = {str(text(one.get("Name"))): one.get("Value") for one in given or ()}
    return Metric(namespace, name, dimensions)
