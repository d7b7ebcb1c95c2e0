"""What someone should be told, and what they then look at."""

import json

import pytest

TOPIC = [{"Ref": "AlarmTopicArn"}]
ALARM = "AWS::CloudWatch::Alarm"
SERVICE = {"ClusterName": "ClusterName", "ServiceName": "ServiceName"}
BALANCER = {"LoadBalancer": "BalancerMetricName"}
TARGETS = BALANCER | {"TargetGroup": "TargetGroupMetricName"}
DATABASE = {"DBInstanceIdentifier": "DatabaseId"}
CACHE = {"CacheClusterId": "CacheId"}
ABOVE, AT_LEAST = "GreaterThanThreshold", "GreaterThanOrEqualToThreshold"


@pytest.fixture
def graphs(monitoring):
    """What the dashboard shows: statistic and (namespace, metric), by title."""
    body = json.loads(monitoring["Dashboard"]["DashboardBody"]["Fn::Sub"])
    shown = (widget["properties"] for widget in body["widgets"])
    return {w["title"]: (w["stat"], [tuple(m[:2]) for m in w["metrics"]]) for w in shown}


@pytest.fixture
def stopped(monitoring):
    """The event of a task that stopped, as the rule asks for it."""
    return monitoring["TaskFailureRule"]["EventPattern"]


@pytest.mark.parametrize(
    ("title", "name", "metric"),
    [
        ("CpuHigh", "liberty-backend-cpu-high", "CPUUtilization"),
        ("MemoryHigh", "liberty-backend-memory-high", "MemoryUtilization"),
    ],
)
def test_cpu_and_memory_above_80_percent_are_told(monitoring, named, title, name, metric):
    alarm = monitoring[title]
    assert alarm["AlarmName"] == named(name)
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/ECS", metric)
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == (ABOVE, 80)


def test_a_task_that_fails_is_told(monitoring, named):
    alarm = monitoring["TaskFailures"]
    assert alarm["AlarmName"] == named("liberty-backend-task-failures")
    assert alarm["MetricName"] == "TaskFailures"
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == (AT_LEAST, 1)


@pytest.mark.parametrize(
    ("title", "name", "metric", "comparison", "threshold"),
    [
        ("ServerErrors", "liberty-backend-5xx-high", "HTTPCode_Target_5XX_Count", AT_LEAST, 10),
        ("BalancerErrors", "liberty-alb-5xx-high", "HTTPCode_ELB_5XX_Count", AT_LEAST, 10),
        (
            "UnhealthyHosts",
            "liberty-backend-unhealthy-hosts",
            "UnHealthyHostCount",
            AT_LEAST,
            1,
        ),
        ("LatencyHigh", "liberty-backend-latency-high", "TargetResponseTime", ABOVE, 2),
        ("DatabaseCpuHigh", "liberty-db-cpu-high", "CPUUtilization", ABOVE, 80),
        (
            "DatabaseStorageLow",
            "liberty-db-storage-low",
            "FreeStorageSpace",
            "LessThanThreshold",
            2 * 1024**3,
        ),
        (
            "DatabaseConnectionsHigh",
            "liberty-db-connections-high",
            "DatabaseConnections",
            ABOVE,
            80,
        ),
        (
            "CacheMemoryHigh",
            "liberty-redis-memory-high",
            "DatabaseMemoryUsagePercentage",
            ABOVE,
            80,
        ),
        ("CacheEvictions", "liberty-redis-evictions", "Evictions", AT_LEAST, 1),
    ],
)
def test_so_is_what_people_would_notice_next(
    monitoring, named, *, title, name, metric, comparison, threshold
):
    alarm = monitoring[title]
    assert alarm["AlarmName"] == named(name)
    assert alarm["MetricName"] == metric
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == (comparison, threshold)


@pytest.mark.parametrize(
    ("title", "dimensions"),
    [
        ("CpuHigh", SERVICE),
        ("MemoryHigh", SERVICE),
        ("TaskFailures", {}),
        ("ServerErrors", TARGETS),
        ("BalancerErrors", BALANCER),
        ("UnhealthyHosts", TARGETS),
        ("LatencyHigh", TARGETS),
        ("DatabaseCpuHigh", DATABASE),
        ("DatabaseStorageLow", DATABASE),
        ("DatabaseConnectionsHigh", DATABASE),
        ("CacheMemoryHigh", CACHE),
        ("CacheEvictions", CACHE),
    ],
)
def test_each_alarm_watches_ours_only(monitoring, title, dimensions):
    found = {d["Name"]: d["Value"] for d in monitoring[title]["Dimensions"]}
    assert found == {name: {"Ref": parameter} for name, parameter in dimensions.items()}


def test_one_task_s_missed_minute_wakes_nobody(monitoring):
    """UnHealthyHostCount is 1 whenever a task starts."""
    assert monitoring["UnhealthyHosts"]["EvaluationPeriods"] == 5
    assert monitoring["UnhealthyHosts"]["Period"] == 60


def test_no_failures_is_no_alarm(monitoring):
    """Metrics that count failures have no data while all is well."""
    for title, alarm in monitoring.of_type(ALARM).items():
        assert alarm["TreatMissingData"] == "notBreaching", title


def test_each_alarm_is_told_and_so_is_its_end(monitoring):
    for title, alarm in monitoring.of_type(ALARM).items():
        assert alarm["AlarmActions"] == TOPIC, title
        assert alarm["OKActions"] == TOPIC, title


def test_each_alarm_says_what_it_means(monitoring):
    alarms = monitoring.of_type(ALARM)
    assert len({alarm["AlarmDescription"] for alarm in alarms.values()}) == len(alarms) >= 12


def test_a_failure_is_a_task_of_our_cluster_that_stopped(stopped):
    assert (stopped["source"], stopped["detail-type"]) == (
        ["aws.ecs"],
        ["ECS Task State Change"],
    )
    assert stopped["detail"]["lastStatus"] == ["STOPPED"]
    (cluster,) = stopped["detail"]["clusterArn"]
    text, names = cluster["Fn::Sub"]
    assert text.endswith(":ecs:${AWS::Region}:${AWS::AccountId}:cluster/${Cluster}")
    assert names == {"Cluster": {"Ref": "ClusterName"}}


def test_a_failure_is_one_that_never_started_or_ended_with_an_error(stopped):
    assert stopped["detail"]["$or"] == [
        {"stopCode": ["TaskFailedToStart"]},
        {
            "stopCode": ["EssentialContainerExited"],
            "containers": {"exitCode": [{"anything-but": 0}]},
        },
    ]


def test_failures_become_the_metric_that_ecs_has_not(monitoring):
    """There is no ECS metric TaskFailures: an alarm on it would never be anything but quiet."""
    rule, alarm = monitoring["TaskFailureRule"], monitoring["TaskFailures"]
    (target,) = rule["Targets"]
    assert rule["State"] == "ENABLED"
    assert target["Arn"]["Fn::Sub"].endswith(":log-group:${TaskFailureEvents}")
    assert monitoring["TaskFailureFilter"]["LogGroupName"] == {"Ref": "TaskFailureEvents"}
    assert monitoring["TaskFailureFilter"]["FilterPattern"] == ""
    (counted,) = monitoring["TaskFailureFilter"]["MetricTransformations"]
    assert counted == {
        "MetricNamespace": alarm["Namespace"],
        "MetricName": alarm["MetricName"],
        "MetricValue": "1",
    }
    assert alarm["Statistic"] == "Sum"


def test_two_environments_in_an_account_count_their_own_failures(monitoring, named):
    assert monitoring["TaskFailures"]["Namespace"] == named("LibertySocial/Backend")


def test_eventbridge_may_write_to_its_log_group_for_our_rule_only(monitoring):
    """EventBridge writes only to groups under /aws/events/ that say so; else events vanish."""
    group = monitoring["TaskFailureEvents"]["LogGroupName"]["Fn::Join"][1][0]
    assert group.startswith("/aws/events/")
    create, put = monitoring.statements("TaskFailureEventsPolicy")
    assert (create["Action"], put["Action"]) == (
        ["logs:CreateLogStream"],
        ["logs:PutLogEvents"],
    )
    for statement in (create, put):
        assert statement["Principal"] == {
            "Service": ["events.amazonaws.com", "delivery.logs.amazonaws.com"]
        }
        (streams,) = statement["Resource"]
        assert streams.endswith(":log-group:${TaskFailureEvents}:*")
    assert put["Condition"] == {"ArnLike": {"aws:SourceArn": "${TaskFailureRule.Arn}"}}


def test_failures_are_kept_as_long_as_other_logs(monitoring):
    assert monitoring["TaskFailureEvents"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


@pytest.mark.parametrize(
    ("tracked", "title", "metrics"),
    [
        ("CPUUtilization (%)", "CPU (%)", [("AWS/ECS", "CPUUtilization")]),
        ("MemoryUtilization (%)", "Memory (%)", [("AWS/ECS", "MemoryUtilization")]),
        (
            "NetworkBytesIn/Out",
            "Network (bytes a second)",
            [
                ("ECS/ContainerInsights", "NetworkRxBytes"),
                ("ECS/ContainerInsights", "NetworkTxBytes"),
            ],
        ),
        (
            "TaskCount (running vs desired)",
            "Tasks",
            [
                ("ECS/ContainerInsights", "RunningTaskCount"),
                ("ECS/ContainerInsights", "DesiredTaskCount"),
            ],
        ),
        ("ServiceDeployments", "Deployments", [("ECS/ContainerInsights", "DeploymentCount")]),
        (
            "TargetHealth (from ALB)",
            "Target health",
            [
                ("AWS/ApplicationELB", "HealthyHostCount"),
                ("AWS/ApplicationELB", "UnHealthyHostCount"),
            ],
        ),
    ],
)
def test_the_dashboard_shows_each_tracked_metric(graphs, tracked, title, metrics):
    assert graphs[title][1] == metrics, tracked


def test_the_dashboard_shows_what_the_alarms_watch(graphs, monitoring):
    shown = {metric for _, metrics in graphs.values() for metric in metrics}
    watched = {
        (alarm["Namespace"], alarm["MetricName"])
        for title, alarm in monitoring.of_type(ALARM).items()
        # Counted here, and the balancer's own errors: both are rare enough for the alarm alone.
        if title not in {"TaskFailures", "BalancerErrors"}
    }
    assert watched <= shown


def test_the_dashboard_shows_ours_only(monitoring):
    text = monitoring["Dashboard"]["DashboardBody"]["Fn::Sub"]
    for widget in json.loads(text)["widgets"]:
        for metric in widget["properties"]["metrics"]:
            names, values = metric[2::2], metric[3::2]
            assert names, metric
            assert all(value.startswith("${") for value in values), metric


def test_the_dashboard_has_a_name_and_a_link(monitoring, named):
    assert monitoring["Dashboard"]["DashboardName"] == named("liberty-social-backend")
    link, names = monitoring.body["Outputs"]["DashboardUrl"]["Value"]["Fn::Sub"]
    assert link.endswith("#dashboards:name=${Name}")
    assert names == {"Name": {"Ref": "Dashboard"}}
