"""What someone should be told, and what they then look at."""

import json
from typing import Any

from awacs import logs as log_actions
from awacs.aws import Action, Allow, ArnLike, Condition, Principal, Statement
from troposphere import Join, Ref, Sub, Template, events, logs
from troposphere.cloudwatch import Alarm, Dashboard, MetricDimension

from liberty_cfn.names import named
from liberty_cfn.nesting import outputs
from liberty_cfn.policies import policy
from liberty_cfn.values import (
    CacheId,
    ClusterName,
    DatabaseId,
    MetricName,
    Number,
    ServiceName,
    Suffix,
    Text,
    TopicArn,
)

HIGH_PERCENT = 80
ECS, BALANCER = "AWS/ECS", "AWS/ApplicationELB"
DATABASE, CACHE = "AWS/RDS", "AWS/ElastiCache"
MINUTE = 60
GIB = 1024**3
LOG_GROUP = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:"
# db.t3.micro has 1 GiB; RDS gives PostgreSQL one connection for each 9.5 MB of it.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html
MANY_CONNECTIONS = 80


@outputs
class Monitoring:
    dashboard_url: Text


def monitoring(
    t: Template,
    *,
    suffix: Suffix,
    cluster_name: ClusterName,
    service_name: ServiceName,
    balancer_metric_name: MetricName,
    target_group_metric_name: MetricName,
    database_id: DatabaseId,
    cache_id: CacheId,
    alarm_topic_arn: TopicArn,
    log_retention_days: Number,
) -> Monitoring:
    """Alarms, and a dashboard."""
    namespace = named("LibertySocial/Backend", suffix)
    _count_task_failures(t, suffix, cluster_name, namespace, log_retention_days)

    ecs_service = {"ClusterName": cluster_name, "ServiceName": service_name}
    balancer = {"LoadBalancer": balancer_metric_name}
    targets = {"LoadBalancer": balancer_metric_name, "TargetGroup": target_group_metric_name}
    database = {"DBInstanceIdentifier": database_id}
    cache = {"CacheClusterId": cache_id}

    def alarm(
        title: str, name: str, meaning: str, dimensions: dict[str, Any], **what: Any
    ) -> None:
        """Add an alarm that also says when it is over."""
        t.add_resource(
            Alarm(
                title,
                AlarmName=named(name, suffix),
                AlarmDescription=meaning,
                Dimensions=[
                    MetricDimension(Name=key, Value=value) for key, value in dimensions.items()
                ],
                TreatMissingData="notBreaching",
                AlarmActions=[alarm_topic_arn],
                OKActions=[alarm_topic_arn],
                **what,
            )
        )

    alarm(
        "CpuHigh",
        "liberty-backend-cpu-high",
        "Tasks are short of CPU: answers slow down unless scaling keeps up.",
        ecs_service,
        Namespace=ECS,
        MetricName="CPUUtilization",
        **_above(HIGH_PERCENT, "Average", minutes=5, times=2),
    )
    alarm(
        "MemoryHigh",
        "liberty-backend-memory-high",
        "Tasks are short of memory: those that run out are killed.",
        ecs_service,
        Namespace=ECS,
        MetricName="MemoryUtilization",
        **_above(HIGH_PERCENT, "Average", minutes=5, times=2),
    )
    alarm(
        "TaskFailures",
        "liberty-backend-task-failures",
        "A task failed to start, or its container ended with an error.",
        {},
        Namespace=namespace,
        MetricName="TaskFailures",
        **_at_least(1, "Sum", minutes=5, times=1),
    )
    alarm(
        "ServerErrors",
        "liberty-backend-5xx-high",
        "The application answers with errors: people see them.",
        targets,
        Namespace=BALANCER,
        MetricName="HTTPCode_Target_5XX_Count",
        **_at_least(10, "Sum", minutes=5, times=1),
    )
    alarm(
        "BalancerErrors",
        "liberty-alb-5xx-high",
        "The load balancer itself answers with errors: no task can be reached in time.",
        balancer,
        Namespace=BALANCER,
        MetricName="HTTPCode_ELB_5XX_Count",
        **_at_least(10, "Sum", minutes=5, times=1),
    )
    alarm(
        "UnhealthyHosts",
        "liberty-backend-unhealthy-hosts",
        "A task keeps failing its health check.",
        targets,
        Namespace=BALANCER,
        MetricName="UnHealthyHostCount",
        **_at_least(1, "Maximum", minutes=1, times=5),
    )
    alarm(
        "LatencyHigh",
        "liberty-backend-latency-high",
        "One answer in twenty takes longer than two seconds.",
        targets,
        Namespace=BALANCER,
        MetricName="TargetResponseTime",
        ExtendedStatistic="p95",
        Period=5 * MINUTE,
        EvaluationPeriods=3,
        Threshold=2,
        ComparisonOperator="GreaterThanThreshold",
    )
    alarm(
        "DatabaseCpuHigh",
        "liberty-db-cpu-high",
        "The database is short of CPU: everything slows down.",
        database,
        Namespace=DATABASE,
        MetricName="CPUUtilization",
        **_above(HIGH_PERCENT, "Average", minutes=5, times=3),
    )
    alarm(
        "DatabaseStorageLow",
        "liberty-db-storage-low",
        "The database's disk is nearly full, and no longer grows by itself.",
        database,
        Namespace=DATABASE,
        MetricName="FreeStorageSpace",
        Statistic="Minimum",
        Period=5 * MINUTE,
        EvaluationPeriods=3,
        Threshold=2 * GIB,  # bytes
        ComparisonOperator="LessThanThreshold",
    )
    alarm(
        "DatabaseConnectionsHigh",
        "liberty-db-connections-high",
        "The database will soon refuse connections.",
        database,
        Namespace=DATABASE,
        MetricName="DatabaseConnections",
        **_above(MANY_CONNECTIONS, "Maximum", minutes=5, times=2),
    )
    alarm(
        "CacheMemoryHigh",
        "liberty-redis-memory-high",
        "The cache is nearly full: it will soon drop sessions.",
        cache,
        Namespace=CACHE,
        MetricName="DatabaseMemoryUsagePercentage",
        **_above(HIGH_PERCENT, "Average", minutes=5, times=2),
    )
    alarm(
        "CacheEvictions",
        "liberty-redis-evictions",
        "The cache drops what it still should have: sessions get lost.",
        cache,
        Namespace=CACHE,
        MetricName="Evictions",
        **_at_least(1, "Sum", minutes=5, times=1),
    )

    dashboard = t.add_resource(
        Dashboard(
            "Dashboard",
            DashboardName=named("liberty-social-backend", suffix),
            DashboardBody=Sub(json.dumps({"widgets": _widgets()}, indent=1)),
        )
    )
    return Monitoring(
        dashboard_url=Text(
            Sub(
                "https://${AWS::Region}.console.aws.amazon.com/cloudwatch/home"
                "?region=${AWS::Region}#dashboards:name=${Name}",
                Name=Ref(dashboard),
            )
        )
    )


def _above(percent: int, statistic: str, *, minutes: int, times: int) -> dict[str, Any]:
    return {
        "Statistic": statistic,
        "Period": minutes * MINUTE,
        "EvaluationPeriods": times,
        "Threshold": percent,
        "ComparisonOperator": "GreaterThanThreshold",
    }


def _at_least(count: int, statistic: str, *, minutes: int, times: int) -> dict[str, Any]:
    return {
        "Statistic": statistic,
        "Period": minutes * MINUTE,
        "EvaluationPeriods": times,
        "Threshold": count,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    }


def _count_task_failures(
    t: Template,
    suffix: Suffix,
    cluster_name: ClusterName,
    namespace: Join,
    log_retention_days: Number,
) -> None:
    """Make a metric of tasks that fail; ECS has none.

    ECS tells of every task that stops, as an event. Those that failed go to a log
    group, where each counts one.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html
    """
    stopped = t.add_resource(
        logs.LogGroup(
            "TaskFailureEvents",
            LogGroupName=named("/aws/events/liberty-social-task-failures", suffix),
            RetentionInDays=log_retention_days,
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
        )
    )
    t.add_resource(
        logs.MetricFilter(
            "TaskFailureFilter",
            LogGroupName=Ref(stopped),
            # Whatever arrives here is a failure; the rule below has chosen.
            FilterPattern="",
            MetricTransformations=[
                logs.MetricTransformation(
                    MetricNamespace=namespace, MetricName="TaskFailures", MetricValue="1"
                )
            ],
        )
    )
    t.add_resource(
        events.Rule(
            "TaskFailureRule",
            Description="Tasks that failed to start, or whose container ended with an error.",
            State="ENABLED",
            EventPattern={
                "source": ["aws.ecs"],
                "detail-type": ["ECS Task State Change"],
                "detail": {
                    "clusterArn": [
                        Sub(
                            "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}"
                            ":cluster/${Cluster}",
                            Cluster=cluster_name,
                        )
                    ],
                    "lastStatus": ["STOPPED"],
                    "$or": [
                        {"stopCode": ["TaskFailedToStart"]},
                        {
                            "stopCode": ["EssentialContainerExited"],
                            "containers": {"exitCode": [{"anything-but": 0}]},
                        },
                    ],
                },
            },
            Targets=[
                events.Target(
                    Id="TaskFailureEvents",
                    Arn=Sub(f"{LOG_GROUP}${{TaskFailureEvents}}"),
                )
            ],
        )
    )
    t.add_resource(
        logs.ResourcePolicy(
            "TaskFailureEventsPolicy",
            PolicyName=named("liberty-social-task-failures", suffix),
            # CloudWatch Logs takes this policy as text.
            PolicyDocument=Sub(
                policy(
                    _may_deliver(log_actions.CreateLogStream),
                    _may_deliver(
                        log_actions.PutLogEvents,
                        Condition=Condition(ArnLike("aws:SourceArn", "${TaskFailureRule.Arn}")),
                    ),
                ).to_json(indent=1)
            ),
        )
    )


def _may_deliver(action: Action, **when: Condition) -> Statement:
    """Let EventBridge write events to the log group.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
    """
    return Statement(
        Effect=Allow,
        Principal=Principal("Service", ["events.amazonaws.com", "delivery.logs.amazonaws.com"]),
        Action=[action],
        Resource=[f"{LOG_GROUP}${{TaskFailureEvents}}:*"],
        **when,
    )


def _widgets() -> list[dict[str, Any]]:
    """Return the dashboard's graphs: the spec's tracked metrics, then what they rest on.

    `${...}` stands for a parameter of the template, as in any Sub.
    """
    of_service = ["ClusterName", "${ClusterName}", "ServiceName", "${ServiceName}"]
    of_targets = [
        "TargetGroup",
        "${TargetGroupMetricName}",
        "LoadBalancer",
        "${BalancerMetricName}",
    ]
    of_database = ["DBInstanceIdentifier", "${DatabaseId}"]
    of_cache = ["CacheClusterId", "${CacheId}"]
    insights = "ECS/ContainerInsights"
    graphs = [
        ("CPU (%)", "Average", [[ECS, "CPUUtilization", *of_service]]),
        ("Memory (%)", "Average", [[ECS, "MemoryUtilization", *of_service]]),
        (
            "Network (bytes a second)",
            "Average",
            [
                [insights, "NetworkRxBytes", *of_service],
                [insights, "NetworkTxBytes", *of_service],
            ],
        ),
        (
            "Tasks",
            "Average",
            [
                [insights, "RunningTaskCount", *of_service],
                [insights, "DesiredTaskCount", *of_service],
            ],
        ),
        ("Deployments", "Maximum", [[insights, "DeploymentCount", *of_service]]),
        (
            "Target health",
            "Average",
            [
                [BALANCER, "HealthyHostCount", *of_targets],
                [BALANCER, "UnHealthyHostCount", *of_targets],
            ],
        ),
        (
            "Requests and errors",
            "Sum",
            [
                [BALANCER, "RequestCount", *of_targets],
                [BALANCER, "HTTPCode_Target_5XX_Count", *of_targets],
            ],
        ),
        ("Latency (s)", "p95", [[BALANCER, "TargetResponseTime", *of_targets]]),
        (
            "Database",
            "Average",
            [
                [DATABASE, "CPUUtilization", *of_database],
                [DATABASE, "DatabaseConnections", *of_database],
            ],
        ),
        (
            "Database: free storage (bytes)",
            "Minimum",
            [[DATABASE, "FreeStorageSpace", *of_database]],
        ),
        (
            "Cache: memory (%)",
            "Average",
            [[CACHE, "DatabaseMemoryUsagePercentage", *of_cache]],
        ),
        ("Cache: evictions", "Sum", [[CACHE, "Evictions", *of_cache]]),
    ]
    return [
        {
            "type": "metric",
            "x": 8 * (number % 3),
            "y": 6 * (number // 3),
            "width": 8,
            "height": 6,
            "properties": {
                "title": title,
                "region": "${AWS::Region}",
                "view": "timeSeries",
                "stat": statistic,
                "period": MINUTE,
                "metrics": metrics,
            },
        }
        for number, (title, statistic, metrics) in enumerate(graphs)
    ]
