"""The metrics AWS has for what we run, and which dimensions tell whose they are.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-ECS.html
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html
https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.Redis.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from liberty_cfn.model.resolving import Resource
from liberty_cfn.rules.rule import Design, text
from liberty_cfn.rules.statements import role_statements, shown

FILTER = "AWS::Logs::MetricFilter"
ECS, INSIGHTS = "AWS/ECS", "ECS/ContainerInsights"
BALANCER, RDS, CACHE = "AWS/ApplicationELB", "AWS/RDS", "AWS/ElastiCache"
# Others that exist, as far as somebody may watch them beside ours.
OTHERS = (  # noqa: SIM905 - a name a line would fill a page
    "AWS/ApiGateway AWS/AutoScaling AWS/Backup AWS/Billing AWS/CertificateManager "
    "AWS/CloudFront AWS/DynamoDB AWS/EBS AWS/EC2 AWS/ECR AWS/EFS AWS/ELB AWS/Events "
    "AWS/Firehose AWS/KMS AWS/Kinesis AWS/Lambda AWS/Logs AWS/NATGateway AWS/NetworkELB "
    "AWS/Route53 AWS/S3 AWS/SES AWS/SNS AWS/SQS AWS/SecretsManager AWS/Usage AWS/WAFV2"
).split()
# How a namespace of ours is called by mistake.
MISTAKEN = {"AWS/ALB": BALANCER, "AWS/ELBv2": BALANCER, "AWS/Redis": CACHE, "AWS/Fargate": ECS}
NAMES: Mapping[str, frozenset[str]] = {
    namespace: frozenset(names.split())
    for namespace, names in {
        ECS: """
            CPUReservation CPUUtilization MemoryReservation MemoryUtilization GPUReservation
            EBSFilesystemUtilization ActiveConnectionCount NewConnectionCount ProcessedBytes
            RequestCount GrpcRequestCount RequestCountPerTarget TargetResponseTime
            ClientTLSNegotiationErrorCount TargetTLSNegotiationErrorCount
            HTTPCode_Target_2XX_Count HTTPCode_Target_3XX_Count HTTPCode_Target_4XX_Count
            HTTPCode_Target_5XX_Count""",
        INSIGHTS: """
            ContainerInstanceCount CpuReserved CpuUtilized DeploymentCount DesiredTaskCount
            EBSFilesystemSize EBSFilesystemUtilized EphemeralStorageReserved
            EphemeralStorageUtilized MemoryReserved MemoryUtilized NetworkRxBytes
            NetworkTxBytes PendingTaskCount RestartCount RunningTaskCount ServiceCount
            StorageReadBytes StorageWriteBytes TaskCount TaskSetCount
            UnHealthyContainerHealthStatus TaskCpuUtilization TaskMemoryUtilization
            TaskEphemeralStorageUtilization TaskEBSFilesystemUtilization ContainerCpuReserved
            ContainerCpuUtilization ContainerCpuUtilized ContainerMemoryReserved
            ContainerMemoryUtilization ContainerMemoryUtilized ContainerNetworkRxBytes
            ContainerNetworkTxBytes ContainerStorageReadBytes ContainerStorageWriteBytes""",
        BALANCER: """
            ActiveConnectionCount BYoIPUtilPercentage ClientTLSNegotiationErrorCount
            ConsumedLCUs DesyncMitigationMode_NonCompliant_Request_Count
            DroppedInvalidHeaderRequestCount ForwardedInvalidHeaderRequestCount
            GrpcRequestCount HTTP_Fixed_Response_Count HTTP_Redirect_Count
            HTTP_Redirect_Url_Limit_Exceeded_Count HTTPCode_ELB_3XX_Count
            HTTPCode_ELB_4XX_Count HTTPCode_ELB_5XX_Count HTTPCode_ELB_500_Count
            HTTPCode_ELB_502_Count HTTPCode_ELB_503_Count HTTPCode_ELB_504_Count
            IPv6ProcessedBytes IPv6RequestCount LowReputationPacketsDropped
            LowReputationRequestsDenied NewConnectionCount NonStickyRequestCount PeakLCUs
            ProcessedBytes RejectedConnectionCount RequestCount RuleEvaluations
            AnomalousHostCount HealthyHostCount HTTPCode_Target_2XX_Count
            HTTPCode_Target_3XX_Count HTTPCode_Target_4XX_Count HTTPCode_Target_5XX_Count
            MitigatedHostCount RequestCountPerTarget TargetConnectionErrorCount
            TargetResponseTime TargetTLSNegotiationErrorCount UnHealthyHostCount
            ZonalShiftedHostCount HealthyStateDNS HealthyStateRouting
            UnhealthyRoutingRequestCount UnhealthyStateDNS UnhealthyStateRouting
            LambdaInternalError LambdaTargetProcessedBytes LambdaUserError ELBAuthError
            ELBAuthFailure ELBAuthLatency ELBAuthRefreshTokenSuccess ELBAuthSuccess
            ELBAuthUserClaimsSizeExceeded JWTValidationFailureCount
            JWTValidationSuccessCount""",
        RDS: """
            BinLogDiskUsage BurstBalance CheckpointLag ConnectionAttempts CPUUtilization
            CPUCreditUsage CPUCreditBalance CPUSurplusCreditBalance CPUSurplusCreditsCharged
            DatabaseConnections DBLoad DBLoadCPU DBLoadNonCPU DBLoadRelativeToNumVCPUs
            DiskQueueDepth DiskQueueDepthLogVolume EBSByteBalance% EBSIOBalance%
            FailedSQLServerAgentJobsCount FreeableMemory FreeLocalStorage
            FreeLocalStoragePercent FreeStorageSpace FreeStorageSpaceLogVolume
            MaximumUsedTransactionIDs NetworkReceiveThroughput NetworkTransmitThroughput
            OldestLogicalReplicationSlotLag OldestReplicationSlotLag ReadIOPS
            ReadIOPSLocalStorage ReadIOPSLogVolume ReadLatency ReadLatencyLocalStorage
            ReadLatencyLogVolume ReadThroughput ReadThroughputLocalStorage
            ReadThroughputLogVolume ReplicaLag ReplicationChannelLag ReplicationSlotDiskUsage
            SwapUsage TransactionLogsDiskUsage TransactionLogsGeneration WriteIOPS
            WriteIOPSLocalStorage WriteIOPSLogVolume WriteLatency WriteLatencyLocalStorage
            WriteLatencyLogVolume WriteThroughput WriteThroughputLocalStorage
            WriteThroughputLogVolume""",
        CACHE: """
            ActiveDefragHits AuthenticationFailures BytesUsedForCache BytesReadFromDisk
            BytesWrittenToDisk CacheHits CacheHitRate CacheMisses CommandAuthorizationFailures
            ChannelAuthorizationFailures CPUCreditBalance CPUCreditUsage CPUUtilization
            CurrConnections CurrItems CurrVolatileItems DatabaseCapacityUsagePercentage
            DatabaseCapacityUsageCountedForEvictPercentage DatabaseMemoryUsagePercentage
            DatabaseMemoryUsageCountedForEvictPercentage DB0AverageTTL EngineCPUUtilization
            ErrorCount EvalBasedCmds EvalBasedCmdsLatency Evictions FreeableMemory
            GeoSpatialBasedCmds GeoSpatialBasedCmdsLatency GetTypeCmds GetTypeCmdsLatency
            GlobalDatastoreReplicationLag HashBasedCmds HashBasedCmdsLatency
            HyperLogLogBasedCmds HyperLogLogBasedCmdsLatency IamAuthenticationExpirations
            IamAuthenticationThrottling IsMaster IsPrimary JsonBasedCmds JsonBasedCmdsLatency
            KeyAuthorizationFailures KeyBasedCmds KeyBasedCmdsLatency KeysTracked ListBasedCmds
            ListBasedCmdsLatency MasterLinkHealthStatus MemoryFragmentationRatio
            NetworkBandwidthInAllowanceExceeded NetworkBandwidthOutAllowanceExceeded
            NetworkBytesIn NetworkBytesOut NetworkConntrackAllowanceExceeded
            NetworkLinkLocalAllowanceExceeded NetworkMaxBytesIn NetworkMaxBytesOut
            NetworkMaxPacketsIn NetworkMaxPacketsOut NetworkPacketsIn NetworkPacketsOut
            NetworkPacketsPerSecondAllowanceExceeded NewConnections NonKeyTypeCmds
            NonKeyTypeCmdsLatency NumItemsReadFromDisk NumItemsWrittenToDisk
            PrimaryLinkHealthStatus PubSubBasedCmds PubSubBasedCmdsLatency Reclaimed
            ReplicationBytes ReplicationLag SaveInProgress SearchBasedCmds SetBasedCmds
            SetBasedCmdsLatency SetTypeCmds SetTypeCmdsLatency SortedSetBasedCmds
            SortedSetBasedCmdsLatency StreamBasedCmds StreamBasedCmdsLatency StringBasedCmds
            StringBasedCmdsLatency SuccessfulReadRequestLatency SuccessfulWriteRequestLatency
            SwapUsage TrafficManagementActive""",
    }.items()
}
# Which dimensions may be together, beside none.
DIMENSIONS: Mapping[str, Sequence[frozenset[str]]] = {
    namespace: [frozenset(one.split()) for one in sets]
    for namespace, sets in {
        ECS: ("ClusterName", "ClusterName ServiceName"),
        INSIGHTS: (
            "ClusterName",
            "ClusterName ServiceName",
            "ClusterName TaskDefinitionFamily",
            "ClusterName ServiceName TaskId",
            "ClusterName ServiceName ContainerName",
            "ClusterName TaskDefinitionFamily TaskId",
        ),
        BALANCER: (
            "LoadBalancer",
            "TargetGroup",
            "LoadBalancer TargetGroup",
            "AvailabilityZone LoadBalancer",
            "AvailabilityZone TargetGroup",
            "AvailabilityZone LoadBalancer TargetGroup",
        ),
        RDS: (
            "DBInstanceIdentifier",
            "DBClusterIdentifier",
            "DBClusterIdentifier Role",
            "DatabaseClass",
            "EngineName",
            "SourceRegion",
        ),
        CACHE: (
            "CacheClusterId",
            "CacheClusterId CacheNodeId",
            "CacheClusterId CacheNodeId Tier",
            "CacheClusterId Tier",
            "ReplicationGroupId",
        ),
    }.items()
}
OF_TARGETS = re.compile(r"(Un)?HealthyHostCount|(Anomalous|Mitigated|ZonalShifted)HostCount")
OF_BALANCER = re.compile(
    r"HTTPCode_ELB_\w+|HTTP_\w+|ActiveConnectionCount|NewConnectionCount|ConsumedLCUs|PeakLCUs"
    r"|ClientTLSNegotiationErrorCount|RejectedConnectionCount|ProcessedBytes|ELBAuth\w+"
)
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
    return _too_few(namespace, name, given) or _of_another(design, metric)


def _too_few(namespace: str, name: str, given: frozenset[str]) -> str:
    if namespace == BALANCER:
        if OF_TARGETS.fullmatch(name) and not {"LoadBalancer", "TargetGroup"} <= given:
            return f"{name} is of LoadBalancer and TargetGroup together; expected both"
        if OF_BALANCER.fullmatch(name) and "TargetGroup" in given:
            return f"{name} is the load balancer's own; drop TargetGroup"
        if name != "RequestCountPerTarget" and "LoadBalancer" not in given:
            return f"{name} is of a LoadBalancer; expected that dimension"
    if namespace == INSIGHTS and name in OF_SERVICE and "ServiceName" not in given:
        return f"{name} is of a service; expected ServiceName beside ClusterName"
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
