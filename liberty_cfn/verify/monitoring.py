"""Monitoring: the spec's three alarms, and where the third one's metric comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from liberty_cfn.verify import compute, logs
from liberty_cfn.verify.facts import Fact, equal, exactly, same
from liberty_cfn.verify.policies import grants
from liberty_cfn.verify.reading import Aws, MissingError

TOPIC = "liberty-social-alarms"
NAMESPACE = "LibertySocial/Backend"
FAILURES = "/aws/events/liberty-social-task-failures"


def cpu_high(aws: Aws) -> Iterator[Fact]:
    """State what the spec says of the alarm on CPU."""
    yield from _high(aws, "liberty-backend-cpu-high", "CPUUtilization")


def memory_high(aws: Aws) -> Iterator[Fact]:
    """State what the spec says of the alarm on memory."""
    yield from _high(aws, "liberty-backend-memory-high", "MemoryUtilization")


def task_failures(aws: Aws) -> Iterator[Fact]:
    """State what the spec says of the alarm on tasks that fail, and follow it to ECS."""
    found = _find(aws, "liberty-backend-task-failures")
    yield equal("namespace", aws.named(NAMESPACE), found.get("Namespace"))
    yield equal("metric", "TaskFailures", found.get("MetricName"))
    yield from exactly("dimension", [], _dimensions(found))
    yield equal("statistic", "Sum", found.get("Statistic"))
    yield equal("threshold", 1, _whole(found.get("Threshold")))
    yield equal("comparison", "GreaterThanOrEqualToThreshold", found.get("ComparisonOperator"))
    yield from _told(aws, found)
    yield from _path(aws)


def _high(aws: Aws, name: str, metric: str) -> Iterator[Fact]:
    found = _find(aws, name)
    yield equal("namespace", "AWS/ECS", found.get("Namespace"))
    yield equal("metric", metric, found.get("MetricName"))
    yield from exactly(
        "dimension",
        [
            f"ClusterName {aws.named(compute.CLUSTER)}",
            f"ServiceName {aws.named(compute.SERVICE)}",
        ],
        _dimensions(found),
    )
    yield equal("statistic", "Average", found.get("Statistic"))
    yield equal("threshold", 80, _whole(found.get("Threshold")))
    yield equal("comparison", "GreaterThanThreshold", found.get("ComparisonOperator"))
    yield from _told(aws, found)


def _find(aws: Aws, name: str) -> Any:
    asked = {"AlarmNames": [aws.named(name)], "AlarmTypes": ["MetricAlarm"]}
    found = aws.read("cloudwatch", "describe_alarms", **asked).get("MetricAlarms", [])
    if not found:
        raise MissingError
    return found[0]


def _told(aws: Aws, found: Any) -> Iterator[Fact]:
    """State that the alarm notifies somebody, and that missing data is no alarm."""
    yield equal("missing data", "notBreaching", found.get("TreatMissingData"))
    yield equal("actions enabled", expected=True, found=found.get("ActionsEnabled"))
    topic = aws.arn("sns", aws.named(TOPIC))
    yield same("action", [topic], found.get("AlarmActions", []))
    there = aws.read_if_any("sns", "get_topic_attributes", TopicArn=topic)
    yield equal("topic", aws.named(TOPIC), aws.named(TOPIC) if there else None)


def _path(aws: Aws) -> Iterator[Fact]:
    """State each step from a failure to the metric: event, rule, log group, filter."""
    name = aws.named(FAILURES)
    try:
        logs.find(aws, name)
    except MissingError:
        yield equal("log group of the failures", name, None)
        return
    yield equal("log group of the failures", name, name)
    answer = aws.read("logs", "describe_metric_filters", logGroupName=name)
    yield from exactly(
        "metric filter",
        [f"every event adds 1 to {aws.named(NAMESPACE)} TaskFailures"],
        [
            f"{each.get('filterPattern') or 'every event'} adds {change['metricValue']} to "
            f"{change['metricNamespace']} {change['metricName']}"
            for each in answer.get("metricFilters", [])
            for change in each.get("metricTransformations", [])
        ],
    )
    yield from _rule(aws, aws.arn("logs", f"log-group:{name}"))


def _rule(aws: Aws, log_group: str) -> Iterator[Fact]:
    rules: list[str] = []
    # A target is found only by the exact ARN it was given, and a log group has two.
    for arn in (log_group, f"{log_group}:*"):
        answer = aws.read("events", "list_rule_names_by_target", TargetArn=arn)
        rules += answer.get("RuleNames", [])
    yield equal("rules that fill the log group", 1, len(rules))
    for name in rules[:1]:
        rule = aws.read("events", "describe_rule", Name=name)
        yield equal("state of the rule", "ENABLED", rule.get("State"))
        pattern = json.loads(rule.get("EventPattern", "{}"))
        yield equal(
            "pattern of the rule", json.dumps(_failed(aws)), _like(_failed(aws), pattern)
        )
    yield from _delivery(aws, log_group)


def _failed(aws: Aws) -> dict[str, Any]:
    """Return the events of tasks that didn't start, or whose container ended with an error."""
    return {
        "source": ["aws.ecs"],
        "detail-type": ["ECS Task State Change"],
        "detail": {
            "clusterArn": [aws.arn("ecs", f"cluster/{aws.named(compute.CLUSTER)}")],
            "lastStatus": ["STOPPED"],
            "$or": [
                {"stopCode": ["TaskFailedToStart"]},
                {
                    "stopCode": ["EssentialContainerExited"],
                    "containers": {"exitCode": [{"anything-but": 0}]},
                },
            ],
        },
    }


def _like(expected: Any, found: Any) -> str:
    """Return what was found in the words of what was expected, if they say the same."""
    return json.dumps(expected if _sorted(expected) == _sorted(found) else found)


def _sorted(value: Any) -> Any:
    """Return JSON in a fixed order: in a pattern, the order of a list doesn't matter."""
    if isinstance(value, dict):
        return {key: _sorted(each) for key, each in sorted(value.items())}
    if isinstance(value, list):
        return sorted((_sorted(each) for each in value), key=json.dumps)
    return value


def _delivery(aws: Aws, log_group: str) -> Iterator[Fact]:
    """State that events may be written there: without that right, they are dropped silently."""
    answer = aws.read("logs", "describe_resource_policies")
    granted = [
        said.partition(", if ")[0]
        for policy in answer.get("resourcePolicies", [])
        for said in grants(policy["policyDocument"])
    ]
    for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
        wanted = f"Allow {action} on {log_group}:* to Service events.amazonaws.com"
        yield equal("delivery", wanted, wanted if wanted in granted else None)


def _dimensions(found: Any) -> list[str]:
    return [f"{each['Name']} {each['Value']}" for each in found.get("Dimensions", [])]


def _whole(number: float | None) -> float | int | None:
    return int(number) if number is not None and number == int(number) else number
