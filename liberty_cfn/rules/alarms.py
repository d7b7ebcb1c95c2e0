"""LC180x: alarms: what they look at, when they go off, and whom they tell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from liberty_cfn.model.resolving import Resource
from liberty_cfn.rules.examples import changed
from liberty_cfn.rules.expected import TRUTH, Expectation, like, misfits, one_of
from liberty_cfn.rules.metric_names import BALANCER, NAMES
from liberty_cfn.rules.metrics import FILTER, of_alarm, wrong
from liberty_cfn.rules.rule import (
    Design,
    Problem,
    Rule,
    each,
    flag,
    look,
    number,
    text,
    waits_for,
)
from liberty_cfn.rules.statements import shown

ALARM, COMPOSITE = "AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"
# What a composite alarm's rule asks of another alarm, by its name or ARN.
ASKED = re.compile(r"(?:ALARM|OK|INSUFFICIENT_DATA)\(\s*[\"']?([^)\"']+?)[\"']?\s*\)")
API = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html"
GUIDE = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/"

HOUR, DAY, WEEK = 3600, 86_400, 604_800  # seconds
MINUTE = 60  # seconds; how often AWS measures
STATISTICS = ("Average", "Maximum", "Minimum", "SampleCount", "Sum")
SIZES = tuple(
    f"{size}{unit}".capitalize()
    for size in ("", "kilo", "mega", "giga", "tera")
    for unit in ("bytes", "bits")
)
UNITS = ("Seconds", "Microseconds", "Milliseconds", "Percent", "None", "Count", *SIZES)
VALUES: Mapping[str, Expectation] = {
    "AlarmName": like(r"[^\x00-\x1f]{1,255}", "255 characters at most"),
    "AlarmDescription": like(r"(?s).{0,1024}", "1024 characters at most"),
    "Statistic": one_of(*STATISTICS),
    "ExtendedStatistic": like(
        r"(p|tm|tc|ts|wm)\d{1,2}(\.\d{1,10})?|p100|IQM|(PR|TC|TM|TS|WM)\([\d.%]*:[\d.%]*\)",
        "one such as p95 or tm99",
    ),
    "TreatMissingData": one_of("breaching", "notBreaching", "ignore", "missing"),
    "EvaluateLowSampleCountPercentile": one_of("evaluate", "ignore"),
    "ComparisonOperator": one_of(
        "GreaterThanOrEqualToThreshold",
        "GreaterThanThreshold",
        "LessThanThreshold",
        "LessThanOrEqualToThreshold",
        "LessThanLowerOrGreaterThanUpperThreshold",
        "LessThanLowerThreshold",
        "GreaterThanUpperThreshold",
    ),
    "ActionsEnabled": TRUTH,
    "Unit": one_of(*UNITS, *(f"{unit}/Second" for unit in UNITS[5:])),
    "Threshold": like(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", "a number"),
    "Period": like(r"10|20|30|\d+", "10, 20, 30 or a multiple of 60"),
    "EvaluationPeriods": like(r"[1-9]\d*", "a whole number from 1"),
    "DatapointsToAlarm": like(r"[1-9]\d*", "a whole number from 1"),
}
NEEDED = ("ComparisonOperator", "EvaluationPeriods")
OF_A_METRIC = ("Namespace", "Period", "Threshold")
# What metrics are, as far as a threshold can be nonsense.
PERCENT = re.compile(r"(CPU|Memory|EngineCPU)Utilization|Database\w+Percentage|\w+Balance%")
COUNTED = re.compile(r"HTTPCode_\w+|Evictions|\w*ErrorCount|RejectedConnectionCount")
GOOD = re.compile(
    r"Free\w+|HealthyHostCount|CPUCreditBalance|BurstBalance|EBS\w+Balance%|CacheHitRate"
    r"|RunningTaskCount"
)
BYTES = re.compile(r"Free\w+|\w*BytesUsed\w*|SwapUsage")
BAD = re.compile(
    r"(CPU|Memory|EngineCPU)Utilization|Database\w+Percentage|HTTPCode_(ELB|Target)_[45]\w+"
    r"|UnHealthyHostCount|Evictions|TargetResponseTime|\w+Latency|DatabaseConnections|SwapUsage"
    r"|ReplicaLag|ReplicationLag|DiskQueueDepth|RejectedConnectionCount|\w*ErrorCount"
)
ANOMALIES = re.compile(r"LessThanLower|GreaterThanUpper")
MEASURED = {
    PERCENT.pattern: "Percent",
    BYTES.pattern: "Bytes",
    r"HTTPCode_\w+|\w*HostCount|Evictions|DatabaseConnections": "Count",
    "TargetResponseTime": "Seconds",
}
GIB = 2**30
ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")
MOST_ACTIONS = 5
ACTION = re.compile(
    r"arn:[a-z-]+:(sns|autoscaling|automate|swf|ssm|ssm-incidents|lambda|aiops):.+"
)


def _values(design: Design) -> Iterator[Problem]:
    names: dict[str, Resource] = {}
    for alarm in design.of_type(ALARM):
        yield from misfits(alarm, VALUES)
        name = text(alarm.properties.get("AlarmName"))
        first = names.setdefault(name, alarm) if name else alarm
        if first is not alarm:
            why = f"{first.origin} is called {name}, too: one alarm takes the other's place"
            yield Problem(alarm.id, ("Properties", "AlarmName"), why)
        for why in _lacks(alarm.properties):
            yield Problem(alarm.id, ("Properties",), why)


def _lacks(properties: Mapping[str, Any]) -> Iterator[str]:
    if "EvaluationCriteria" in properties:
        return
    for name in NEEDED:
        if name not in properties:
            yield f"{name} is missing; an alarm needs it"
    if ("MetricName" in properties) == ("Metrics" in properties):
        yield "expected one of MetricName and Metrics: what it looks at"
    elif "MetricName" in properties:
        yield from _lacks_of_one(properties)
    else:
        yield from _lacks_of_several(properties)


def _lacks_of_one(properties: Mapping[str, Any]) -> Iterator[str]:
    for name in OF_A_METRIC:
        if name not in properties:
            yield f"{name} is missing; an alarm on a metric needs it"
    found = [name for name in ("Statistic", "ExtendedStatistic") if name in properties]
    if len(found) != 1:
        yield f"{' and '.join(found) or 'no statistic'}; expected one of the two"


def _lacks_of_several(properties: Mapping[str, Any]) -> Iterator[str]:
    metrics = each(properties, "Metrics", "*")
    watched = [one for _, one in metrics if flag(one.get("ReturnData", True))]
    if len(watched) != 1:
        yield f"{len(watched)} of Metrics have ReturnData; expected one, which is watched"
    for name in ("Namespace", "Period", "Statistic", "ExtendedStatistic", "Dimensions"):
        if name in properties:
            yield f"{name} is for a MetricName; expected it in Metrics, or not at all"


def _periods(design: Design) -> Iterator[Problem]:
    for alarm in design.of_type(ALARM):
        properties = alarm.properties
        period = number(properties.get("Period"))
        times = number(properties.get("EvaluationPeriods"))
        enough = number(properties.get("DatapointsToAlarm"))
        path = ("Properties", "Period")
        if period is not None and (period <= 0 or (period % 60 and period not in (10, 20, 30))):
            why = f"Period is {period:g}; expected 10, 20, 30 or a multiple of 60 (seconds)"
            yield Problem(alarm.id, path, why)
            continue
        namespace = text(properties.get("Namespace")) or ""
        if period is not None and period < MINUTE and namespace.startswith(("AWS/", "ECS/")):
            why = f"AWS measures {namespace} every minute, not every {period:g} s; expected 60"
            yield Problem(alarm.id, path, why)
        if period is not None and times is not None:
            most = WEEK if period >= HOUR else DAY
            if period * times > most:
                why = (
                    f"{times:g} periods of {period:g} s are {period * times:g} s; expected "
                    f"{most} at most"
                )
                yield Problem(alarm.id, ("Properties", "EvaluationPeriods"), why)
        if enough is not None and times is not None and enough > times:
            why = f"DatapointsToAlarm is {enough:g}; expected at most {times:g}, the periods"
            yield Problem(alarm.id, ("Properties", "DatapointsToAlarm"), why)


def _watched(design: Design) -> Iterator[Problem]:
    for alarm in design.of_type(ALARM):
        metric = of_alarm(alarm)
        if metric and (why := wrong(design, metric)):
            yield Problem(alarm.id, ("Properties", "MetricName"), why)


def _sensible(design: Design) -> Iterator[Problem]:
    for alarm in design.of_type(ALARM):
        properties = alarm.properties
        operator = text(properties.get("ComparisonOperator")) or ""
        threshold = number(properties.get("Threshold"))
        name = text(properties.get("MetricName")) or ""
        if text(properties.get("Namespace")) not in NAMES or ANOMALIES.match(operator):
            continue
        if why := _upside_down(name, operator):
            yield Problem(alarm.id, ("Properties", "ComparisonOperator"), why)
        elif threshold is not None:
            senseless = _senseless(name, threshold, operator)
            if why := senseless or _full(design, alarm, name, threshold):
                yield Problem(alarm.id, ("Properties", "Threshold"), why)
        unit = text(properties.get("Unit"))
        real = next((u for pattern, u in MEASURED.items() if re.fullmatch(pattern, name)), unit)
        if unit is not None and unit != real:
            why = f"{name} is in {real}, and has no data in {unit}; expected no Unit"
            yield Problem(alarm.id, ("Properties", "Unit"), why)


def _upside_down(name: str, operator: str) -> str:
    if operator.startswith("Greater") and GOOD.fullmatch(name):
        return f"{name} is well when it is high; expected LessThanThreshold"
    if operator.startswith("Less") and BAD.fullmatch(name):
        return f"{name} is well when it is low; expected GreaterThanThreshold"
    return ""


def _senseless(name: str, threshold: float, operator: str) -> str:
    """Return why a threshold tells nothing of a metric; nothing if it may."""
    up, equal = operator.startswith("Greater"), "EqualTo" in operator
    if threshold < 0 or (threshold == 0 and up == equal):
        return f"{name} is never below 0, so that this always or never goes off"
    if PERCENT.fullmatch(name):
        if threshold > 100 or (threshold == 100 and up and not equal):  # noqa: PLR2004
            return f"{name} is a percentage, never over {threshold:g}; expected such as 80"
        if 0 < threshold <= 1 and up:
            return f"{name} is from 0 to 100, and {threshold:g} is next to nothing; expected 80"
    if BYTES.fullmatch(name) and 0 < threshold < 2**20:
        return (
            f"{name} is in bytes, and {threshold:g} is next to nothing; expected such as {GIB}"
        )
    if name == "TargetResponseTime" and threshold >= 100:  # noqa: PLR2004 - longer than any
        return f"TargetResponseTime is in seconds; expected such as 2, not {threshold:g}"
    return ""


def _full(design: Design, alarm: Resource, name: str, threshold: float) -> str:
    for _, value in each(alarm.properties, "Dimensions", "*", "Value"):
        database = design.follow(value)
        size = number(look(database.properties, "AllocatedStorage")) if database else None
        if name == "FreeStorageSpace" and size is not None and threshold >= size * GIB:
            return f"the whole disk has {size:g} GiB: it always goes off; expected less"
    return ""


def _statistics(design: Design) -> Iterator[Problem]:
    for alarm in design.of_type(ALARM):
        properties = alarm.properties
        name, statistic = (text(properties.get(n)) or "" for n in ("MetricName", "Statistic"))
        extended = text(properties.get("ExtendedStatistic"))
        threshold = number(properties.get("Threshold"))
        namespace = text(properties.get("Namespace"))
        if namespace not in NAMES:
            continue
        why = ""
        if (PERCENT.fullmatch(name) or GOOD.fullmatch(name)) and statistic == "Sum":
            why = f"{name} added up over the period says nothing; expected Average"
        elif PERCENT.fullmatch(name) and statistic == "SampleCount":
            why = f"SampleCount is how often {name} was measured; expected Average"
        elif COUNTED.fullmatch(name) and namespace == BALANCER:
            one = statistic in ("Average", "Minimum", "Maximum") or extended
            if one and threshold is not None and threshold >= 1:
                why = f"each counts 1, so that {statistic or extended} is 1; expected Sum"
        elif name in ("TargetResponseTime", "UnHealthyHostCount") and statistic == "Sum":
            why = f"{name} of all load balancer nodes added up; expected Average or Maximum"
        if why:
            yield Problem(alarm.id, ("Properties", "Statistic"), why)


def _missing(design: Design) -> Iterator[Problem]:
    """Alarms that go off as long as nothing is wrong."""
    filtered = {
        (shown(one.get("MetricNamespace", "")), shown(one.get("MetricName", "")))
        for resource in design.of_type(FILTER)
        for one in resource.properties.get("MetricTransformations") or ()
        if "DefaultValue" not in one
    }
    for alarm in design.of_type(ALARM):
        properties = alarm.properties
        name, namespace = (shown(properties.get(n, "")) for n in ("MetricName", "Namespace"))
        seldom = (namespace == BALANCER and COUNTED.fullmatch(name)) or (
            (namespace, name) in filtered
        )
        if seldom and text(properties.get("TreatMissingData", "missing")) == "breaching":
            why = (
                f"{name} has data only when something is wrong, so that it goes off when all "
                "is well; expected notBreaching"
            )
            yield Problem(alarm.id, ("Properties", "TreatMissingData"), why)


def _told(design: Design) -> Iterator[Problem]:
    for alarm in design.of_type(ALARM):
        properties = alarm.properties
        if flag(properties.get("ActionsEnabled", True)) is False:
            why = "ActionsEnabled is false: nobody is told; expected true"
            yield Problem(alarm.id, ("Properties", "ActionsEnabled"), why)
        # Those that deployments, or other alarms, look at tell nobody by themselves.
        if not properties.get("AlarmActions") and not _used(design, alarm):
            why = "nobody is told when it goes off; expected AlarmActions, such as a topic"
            yield Problem(alarm.id, ("Properties", "AlarmActions"), why)
        for name in ACTIONS:
            actions = properties.get(name)
            if isinstance(actions, list) and len(actions) > MOST_ACTIONS:
                why = f"{len(actions)} actions; expected {MOST_ACTIONS} at most"
                yield Problem(alarm.id, ("Properties", name), why)
            for at, action in each(properties, name, "*"):
                if why := _no_action(design, action):
                    yield Problem(alarm.id, ("Properties", *at), why)


def _used(design: Design, alarm: Resource) -> bool:
    name = text(alarm.properties.get("AlarmName"))
    spelled = (f"${{{alarm.id}}}", f"${{{alarm.id}.Arn}}", name)
    services = (
        shown(value)
        for service in design.of_type("AWS::ECS::Service")
        for _, value in each(
            service.properties, "DeploymentConfiguration", "Alarms", "AlarmNames", "*"
        )
    )
    rules = (shown(one.properties.get("AlarmRule", "")) for one in design.of_type(COMPOSITE))
    return any(one in spelled for one in services) or any(
        str(said) in rule for rule in rules for said in spelled if said
    )


def _combined(design: Design) -> Iterator[Problem]:
    """A composite alarm that asks for alarms that aren't there, or may be made later."""
    made = {text(one.properties.get("AlarmName")): one for one in design.of_type(ALARM)}
    for composite in design.of_type(COMPOSITE):
        name = text(composite.properties.get("AlarmName"))
        made[name] = composite
    for composite in design.of_type(COMPOSITE) if None not in made else ():
        before = waits_for(design, composite.id)
        for asked in ASKED.findall(shown(composite.properties.get("AlarmRule", ""))):
            one = made.get(asked)
            why = ""
            if one is None and "$" not in asked and not asked.startswith("arn:"):
                why = f"there is no alarm {asked}; expected !Ref of one of ours"
            elif one is not None and one.id not in before:
                why = f"it may be made before {one.origin}, and fail; expected !Ref of it"
            if why:
                yield Problem(composite.id, ("Properties", "AlarmRule"), why)


def _no_action(design: Design, action: Any) -> str:
    made, plain = design.follow(action), text(action)
    if plain is not None and not ACTION.fullmatch(plain):
        return f"{plain!r} is no action's ARN; expected a topic's, arn:aws:sns:..."
    if plain is not None and design.environment:
        region = plain.split(":")[3]
        if region and region != design.environment.region and ":sns:" in plain:
            return f"the topic is in {region}; expected one in {design.environment.region}"
    if made is None:
        return ""
    if made.type == "AWS::SNS::Topic":
        arn = "Ref" in action or look(action, "Fn::GetAtt", 1) == "TopicArn"
        return "" if arn else f"{shown(action)} is no ARN; expected !Ref of the topic"
    if not re.search(r"::(ScalingPolicy|Function|Alias|ResponsePlan|Version)$", made.type):
        return f"{made.origin} is nothing an alarm can tell; expected !Ref of a topic"
    return ""


ALARMS = """
Cluster: {Type: AWS::ECS::Cluster, Properties: {ClusterName: backend}}
Service: {Type: AWS::ECS::Service}
Balancer: {Type: AWS::ElasticLoadBalancingV2::LoadBalancer}
Group: {Type: AWS::ElasticLoadBalancingV2::TargetGroup}
Database: {Type: AWS::RDS::DBInstance, Properties: {AllocatedStorage: 20}}
Cache: {Type: AWS::ElastiCache::ReplicationGroup}
Topic: {Type: AWS::SNS::Topic}
Filter:
  Type: AWS::Logs::MetricFilter
  Properties:
    MetricTransformations: [{MetricNamespace: Liberty, MetricName: Failures, MetricValue: '1'}]
Cpu:
  Type: AWS::CloudWatch::Alarm
  Properties:
    AlarmName: cpu
    AlarmDescription: busy
    Namespace: AWS/ECS
    MetricName: CPUUtilization
    Dimensions:
    - {Name: ClusterName, Value: !Ref Cluster}
    - {Name: ServiceName, Value: !GetAtt Service.Name}
    Statistic: Average
    Period: 300
    EvaluationPeriods: 3
    DatapointsToAlarm: 2
    Threshold: 80
    ComparisonOperator: GreaterThanThreshold
    TreatMissingData: notBreaching
    AlarmActions: [!Ref Topic]
Errors:
  Type: AWS::CloudWatch::Alarm
  Properties:
    AlarmName: errors
    Namespace: AWS/ApplicationELB
    MetricName: HTTPCode_Target_5XX_Count
    Dimensions:
    - {Name: LoadBalancer, Value: !GetAtt Balancer.LoadBalancerFullName}
    - {Name: TargetGroup, Value: !GetAtt Group.TargetGroupFullName}
    Statistic: Sum
    Period: 60
    EvaluationPeriods: 1
    Threshold: 10
    ComparisonOperator: GreaterThanOrEqualToThreshold
    TreatMissingData: notBreaching
    AlarmActions: [!Ref Topic]
Slow:
  Type: AWS::CloudWatch::Alarm
  Properties:
    Namespace: AWS/ApplicationELB
    MetricName: TargetResponseTime
    Dimensions: [{Name: LoadBalancer, Value: app/alb/0123456789abcdef}]
    ExtendedStatistic: p95
    Period: 300
    EvaluationPeriods: 1
    Threshold: 2
    ComparisonOperator: GreaterThanThreshold
    AlarmActions: ['arn:aws:sns:us-east-1:123456789012:alarms']
Disk:
  Type: AWS::CloudWatch::Alarm
  Properties:
    Namespace: AWS/RDS
    MetricName: FreeStorageSpace
    Dimensions: [{Name: DBInstanceIdentifier, Value: !Ref Database}]
    Statistic: Minimum
    Period: 300
    EvaluationPeriods: 1
    Threshold: 2147483648
    ComparisonOperator: LessThanThreshold
    AlarmActions: [!Ref Topic]
Evictions:
  Type: AWS::CloudWatch::Alarm
  Properties:
    Namespace: AWS/ElastiCache
    MetricName: Evictions
    Dimensions: [{Name: CacheClusterId, Value: !Sub '${Cache}-001'}]
    Statistic: Sum
    Period: 300
    EvaluationPeriods: 1
    Threshold: 1
    ComparisonOperator: GreaterThanOrEqualToThreshold
    AlarmActions: [!Ref Topic]
Failures:
  Type: AWS::CloudWatch::Alarm
  Properties:
    Namespace: Liberty
    MetricName: Failures
    Statistic: Sum
    Period: 300
    EvaluationPeriods: 1
    Threshold: 1
    ComparisonOperator: GreaterThanOrEqualToThreshold
    TreatMissingData: notBreaching
    AlarmActions: [!Ref Topic]
"""
FIRST_ACTIONS = "    AlarmActions: [!Ref Topic]\nErrors"
COMBINED = """
Cpu: {Type: AWS::CloudWatch::Alarm, Properties: {AlarmName: cpu}}
Down:
  Type: AWS::CloudWatch::CompositeAlarm
  DependsOn: Cpu
  Properties: {AlarmName: down, AlarmRule: 'ALARM(cpu)'}
"""

RULES: tuple[Rule, ...] = (
    Rule(
        "LC1801",
        "error",
        "An alarm says what CloudWatch takes, under a name of its own",
        "CloudWatch refuses other words, a metric without period or statistic, or with two; "
        "and an alarm with another's name takes its place without a word.",
        API,
        _values,
        good=(ALARMS,),
        bad=changed(
            ALARMS,
            ("Statistic: Average", "Statistic: Avg"),
            ("ExtendedStatistic: p95", "ExtendedStatistic: P95"),
            ("ExtendedStatistic: p95", "ExtendedStatistic: p95\n    Statistic: Average"),
            ("    Statistic: Average\n", ""),
            ("TreatMissingData: notBreaching", "TreatMissingData: notbreaching"),
            ("ComparisonOperator: GreaterThanThreshold", "ComparisonOperator: '>'"),
            ("    ComparisonOperator: GreaterThanThreshold\n", ""),
            ("    Threshold: 80\n", ""),
            ("Threshold: 80", "Threshold: 80%"),
            ("    Period: 300\n", ""),
            ("    Namespace: AWS/ECS\n", ""),
            ("EvaluationPeriods: 3", "EvaluationPeriods: 0"),
            ("AlarmName: errors", "AlarmName: cpu"),
            ("AlarmDescription: busy", "Unit: Percentage"),
            ("AlarmDescription: busy", "Metrics: [{Id: a}]"),
            (
                "    Namespace: AWS/ECS\n    MetricName: CPUUtilization\n",
                "    Metrics: [{Id: a}, {Id: b}]\n",
            ),
        ),
    ),
    Rule(
        "LC1802",
        "error",
        "An alarm's periods are ones CloudWatch measures, a day of them at most",
        "CloudWatch refuses more than a day (a week, where a period is an hour or longer), and "
        "periods that are no whole minutes.",
        API,
        _periods,
        good=(ALARMS, ALARMS.replace("Period: 300", "Period: 86400")),
        bad=changed(
            ALARMS,
            ("Period: 300", "Period: 100"),
            ("Period: 300", "Period: 0"),
            ("Period: 300", "Period: 10"),
            ("EvaluationPeriods: 3", "EvaluationPeriods: 289"),
            ("DatapointsToAlarm: 2", "DatapointsToAlarm: 4"),
        ),
    ),
    Rule(
        "LC1803",
        "error",
        "An alarm looks at a metric that has data",
        "CloudWatch takes any metric, also one that there never will be: the alarm is silent "
        "for ever.",
        f"{GUIDE}viewing_metrics_with_cloudwatch.html",
        _watched,
        good=(ALARMS,),
        bad=changed(
            ALARMS,
            ("MetricName: CPUUtilization", "MetricName: CpuUtilization"),
            ("MetricName: CPUUtilization", "MetricName: TaskFailures"),
            ("Namespace: AWS/ECS", "Namespace: AWS/Ecs"),
            ("Namespace: AWS/ApplicationELB", "Namespace: AWS/ALB"),
            ("Name: ClusterName", "Name: Cluster"),
            ("    - {Name: ClusterName, Value: !Ref Cluster}\n", ""),
            ("Value: !Ref Cluster", "Value: !GetAtt Cluster.Arn"),
            ("Value: !Ref Cluster", "Value: other"),
            ("!GetAtt Service.Name", "!Ref Service"),
            ("!GetAtt Balancer.LoadBalancerFullName", "!Ref Balancer"),
            ("!GetAtt Group.TargetGroupFullName", "!GetAtt Group.TargetGroupName"),
            ("HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count"),
            ("app/alb/0123456789abcdef", "alb"),
            ("!Ref Database", "!Ref Cache"),
            ("!Sub '${Cache}-001'", "!Ref Cache"),
            ("MetricName: Failures\n", "MetricName: Failure\n"),
            (
                "MetricName: Failures\n    Statistic",
                "MetricName: Failures\n    Dimensions: [{Name: A, Value: b}]\n    Statistic",
            ),
            ("Namespace: Liberty\n", "Namespace: Libertee\n"),
            ("Namespace: Liberty\n", "Namespace: AWS/Liberty\n"),
            ("MetricName: TargetResponseTime", "MetricName: UnHealthyHostCount"),
            ("MetricName: TargetResponseTime", "MetricName: HealthyStateRouting"),
            ("MetricName: CPUUtilization", "MetricName: CPUReservation"),
            ("    Dimensions: [{Name: DBInstanceIdentifier, Value: !Ref Database}]\n", ""),
        ),
    ),
    Rule(
        "LC1804",
        "error",
        "An alarm goes off when something is wrong",
        "Percentages are never over 100, free storage is in bytes, and high is well for some: "
        "such an alarm is silent, or never stops.",
        f"{GUIDE}AlarmThatSendsEmail.html",
        _sensible,
        good=(ALARMS,),
        bad=changed(
            ALARMS,
            ("Threshold: 80", "Threshold: 800"),
            ("Threshold: 80", "Threshold: 0.8"),
            ("AlarmDescription: busy", "Unit: Count"),
            ("Threshold: 80", "Threshold: -1"),
            ("Threshold: 2147483648", "Threshold: 2"),
            ("Threshold: 2147483648", "Threshold: 21474836480"),
            ("Threshold: 2\n", "Threshold: 2000\n"),
            (
                "ComparisonOperator: LessThanThreshold",
                "ComparisonOperator: GreaterThanThreshold",
            ),
            (
                "ComparisonOperator: GreaterThanThreshold",
                "ComparisonOperator: LessThanThreshold",
            ),
        ),
    ),
    Rule(
        "LC1805",
        "error",
        "An alarm's statistic says something about its metric",
        "The average of what is counted one by one is always 1, and percentages added up grow "
        "with the period: the alarm is silent, or never stops.",
        "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/"
        "load-balancer-cloudwatch-metrics.html",
        _statistics,
        good=(ALARMS,),
        bad=changed(
            ALARMS,
            ("Statistic: Average", "Statistic: Sum"),
            ("Statistic: Average", "Statistic: SampleCount"),
            ("Statistic: Sum\n    Period: 60", "Statistic: Average\n    Period: 60"),
            ("Statistic: Minimum", "Statistic: Sum"),
            ("ExtendedStatistic: p95", "Statistic: Sum"),
        ),
    ),
    Rule(
        "LC1806",
        "error",
        "An alarm is silent while nothing is wrong",
        "Errors have no data while there are none: where missing data is breaching, the alarm "
        "goes off when all is well.",
        f"{GUIDE}alarms-and-missing-data.html",
        _missing,
        good=(ALARMS,),
        bad=(
            ALARMS.replace("notBreaching", "breaching", 2),
            ALARMS.replace("notBreaching", "breaching"),
        ),
    ),
    Rule(
        "LC1807",
        "error",
        "An alarm tells somebody",
        "CloudWatch takes an alarm without actions, or with actions switched off, and nobody "
        "hears of it; it refuses what is no ARN, or more than five.",
        API,
        _told,
        good=(ALARMS,),
        bad=changed(
            ALARMS,
            (FIRST_ACTIONS, "Errors"),
            (FIRST_ACTIONS, "    AlarmActions: []\nErrors"),
            (FIRST_ACTIONS, "    ActionsEnabled: false\n" + FIRST_ACTIONS),
            (FIRST_ACTIONS, "    AlarmActions: [!GetAtt Topic.TopicName]\nErrors"),
            (FIRST_ACTIONS, "    AlarmActions: [!Ref Cluster]\nErrors"),
            (FIRST_ACTIONS, "    AlarmActions: [team@example.com]\nErrors"),
            (FIRST_ACTIONS, f"    AlarmActions: [{'arn:aws:sns:a:b:c, ' * 6}]\nErrors"),
        ),
    ),
    Rule(
        "LC1808",
        "error",
        "A composite alarm asks for alarms that are there before it",
        "CloudWatch refuses a rule with an alarm that isn't there, or not yet.",
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/"
        "API_PutCompositeAlarm.html",
        _combined,
        good=(COMBINED, COMBINED.replace("'ALARM(cpu)'", "!Sub 'ALARM(${Cpu})'")),
        bad=(
            COMBINED.replace("ALARM(cpu)", "ALARM(cpu-high)"),
            COMBINED.replace("ALARM(cpu)", 'OK("memory")'),
            COMBINED.replace("  DependsOn: Cpu\n", ""),
        ),
    ),
)
