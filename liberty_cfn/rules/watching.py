"""LC184x: log groups, what is counted in them, and dashboards."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from liberty_cfn.model.resolving import Resource
from liberty_cfn.rules.examples import changed
from liberty_cfn.rules.expected import Expectation, like, misfits, one_of
from liberty_cfn.rules.metrics import FILTER, Metric, wrong
from liberty_cfn.rules.rule import (
    Design,
    Path,
    Problem,
    Rule,
    each,
    look,
    number,
    referred,
    text,
)
from liberty_cfn.rules.statements import parsed, shown, statements

LOG_GROUP = "AWS::Logs::LogGroup"
DASHBOARD = "AWS::CloudWatch::Dashboard"
LOGS = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/"
LOGS_API = "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/"
BODY = (
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/"
    "CloudWatch-Dashboard-Body-Structure.html"
)

RETENTIONS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557),
    *(2922, 3288, 3653),
)
GROUPED: Mapping[str, Expectation] = {
    "RetentionInDays": one_of(*map(str, RETENTIONS)),
    "LogGroupName": like(
        r"(?!aws/)[.\-_/#A-Za-z0-9]{1,512}", "letters, digits or one of . - _ / #, 512 at most"
    ),
    "LogGroupClass": one_of("STANDARD", "INFREQUENT_ACCESS", "DELIVERY"),
    "KmsKeyId": like(r"arn:[a-z-]+:kms:.+", "the ARN of a key, not its id or alias"),
}
COUNTED: Mapping[str, Expectation] = {
    "FilterName": like(r"[^:*]{1,512}", "512 characters at most, without : and *"),
    "FilterPattern": like(r"(?s).{0,1024}", "1024 characters at most"),
    "MetricTransformations.*.MetricName": like(r"[^:*$]{1,255}", "a name without : * $"),
    "MetricTransformations.*.MetricNamespace": like(
        r"(?!AWS/)[^:*$]{1,255}", "a namespace of our own, without : * $"
    ),
    "MetricTransformations.*.MetricValue": like(
        r"-?\d+(\.\d+)?|\$[\w.\[\]-]+", "a number, or a field such as $.latency"
    ),
    "MetricTransformations.*.DefaultValue": like(r"-?\d+(\.\d+)?", "a number"),
}
MOST_DIMENSIONS = 3
WIDGETS = ("metric", "text", "log", "alarm", "explorer", "custom", "trace", "chart")
VIEWS = ("timeSeries", "singleValue", "gauge", "bar", "pie", "table")
WIDTH, MOST_HEIGHT, MOST_WIDGETS = 24, 1000, 500
GRID = {"x": (0, WIDTH - 1), "y": (0, 10_000), "width": (1, WIDTH), "height": (1, MOST_HEIGHT)}
NEEDED = {"text": "markdown", "alarm": "alarms", "log": "query"}
STATISTIC = re.compile(
    r"Average|Sum|Minimum|Maximum|SampleCount|IQM|(p|tm|tc|ts|wm)\d{1,2}(\.\d+)?|p100"
    r"|(PR|TC|TM|TS|WM)\(.*\)"
)


def _groups(design: Design) -> Iterator[Problem]:
    for group in design.of_type(LOG_GROUP):
        yield from misfits(group, GROUPED)
        if "RetentionInDays" not in group.properties:
            why = "its logs are kept, and paid for, for ever; expected RetentionInDays"
            yield Problem(group.id, ("Properties",), why)
        value = group.properties.get("KmsKeyId")
        key = design.follow(value)
        if key is None:
            continue
        if key.type != "AWS::KMS::Key" or look(value, "Ref") is not None:
            why = f"{shown(value)} is no key's ARN; expected !GetAtt of one"
            yield Problem(group.id, ("Properties", "KmsKeyId"), why)
            continue
        said = list(statements(key.properties.get("KeyPolicy")))
        served = any(
            re.match(r"logs\.", shown(service))
            for statement in said
            if statement.grants("kms:GenerateDataKey")
            for _, service in each(statement.principal, "Service", "*")
        )
        if said and not served:
            why = (
                f"CloudWatch Logs may not use it for {group.origin}, which is refused; "
                "expected logs.<region>.amazonaws.com in its policy"
            )
            yield Problem(key.id, ("Properties", "KeyPolicy"), why)


def _filters(design: Design) -> Iterator[Problem]:
    names = [text(one.properties.get("LogGroupName")) for one in design.of_type(LOG_GROUP)]
    for counter in design.of_type(FILTER):
        properties = counter.properties
        yield from misfits(counter, COUNTED)
        value = properties.get("LogGroupName")
        made, plain = design.follow(value), text(value)
        if made is not None and (made.type != LOG_GROUP or look(value, "Ref") is None):
            why = f"{shown(value)} is no log group's name; expected its !Ref"
            yield Problem(counter.id, ("Properties", "LogGroupName"), why)
        if plain is not None and names and None not in names and plain not in names:
            why = f"there is no log group {plain}; expected {' or '.join(map(str, names))}"
            yield Problem(counter.id, ("Properties", "LogGroupName"), why)
        found = properties.get("MetricTransformations")
        if isinstance(found, list) and len(found) != 1:
            why = f"{len(found)} transformations; expected one"
            yield Problem(counter.id, ("Properties", "MetricTransformations"), why)
        for at, one in each(properties, "MetricTransformations", "*"):
            for below, why in _counted(one):
                yield Problem(counter.id, ("Properties", *at, *below), why)
        pattern = text(properties.get("FilterPattern", "")) or ""
        if why := _unbalanced(pattern):
            yield Problem(counter.id, ("Properties", "FilterPattern"), why)
        if made is not None and not pattern.strip() and made.id in _written_by_tasks(design):
            why = "each line that a container writes counts; expected a pattern"
            yield Problem(counter.id, ("Properties", "FilterPattern"), why)


def _written_by_tasks(design: Design) -> set[str]:
    way = ("ContainerDefinitions", "*", "LogConfiguration", "Options", "awslogs-group")
    return {
        referred(group)
        for task in design.of_type("AWS::ECS::TaskDefinition")
        for _, group in each(task.properties, *way)
    }


def _counted(one: Any) -> Iterator[tuple[Path, str]]:
    for name in ("MetricName", "MetricNamespace", "MetricValue"):
        if name not in one:
            yield (), f"{name} is missing"
    dimensions = one.get("Dimensions") or ()
    if dimensions and "DefaultValue" in one:
        yield ("DefaultValue",), "DefaultValue and Dimensions; expected one of them"
    if len(dimensions) > MOST_DIMENSIONS:
        yield ("Dimensions",), f"{len(dimensions)}; expected {MOST_DIMENSIONS} at most"


def _unbalanced(pattern: str) -> str:
    """Return what a filter pattern opens and doesn't close; nothing if all is closed."""
    bare = re.sub(r'"(\\.|[^"\\])*"', "", pattern)
    if bare.count('"') % 2:
        return "a quote isn't closed; expected an even number of them"
    for opening, closing in ("{}", "[]", "()"):
        if bare.count(opening) != bare.count(closing):
            return f"{opening} and {closing} don't match; expected as many of both"
    inside = re.fullmatch(r"\s*\{(.*)\}\s*", bare, re.DOTALL)
    if inside and "$" not in inside[1]:
        return 'no field; expected such as { $.level = "ERROR" }'
    return ""


def _dashboards(design: Design) -> Iterator[Problem]:
    expected = {"DashboardName": like(r"[A-Za-z0-9_-]{1,255}", "letters, digits, - or _")}
    for dashboard in design.of_type(DASHBOARD):
        yield from misfits(dashboard, expected)
        value = dashboard.properties.get("DashboardBody")
        path = ("Properties", "DashboardBody")
        if value is None:
            yield Problem(dashboard.id, ("Properties",), "DashboardBody is missing")
            continue
        body = value if isinstance(value, dict) and "widgets" in value else parsed(value)
        if isinstance(value, dict) and body is value:
            why = "an object, where CloudWatch takes text; expected the JSON of it"
            yield Problem(dashboard.id, path, why)
        widgets = body.get("widgets") if isinstance(body, dict) else None
        if not isinstance(widgets, list):
            if not look(value, "Ref"):
                why = "it is no JSON with widgets, which CloudWatch refuses"
                yield Problem(dashboard.id, path, why)
            continue
        if len(widgets) > MOST_WIDGETS:
            yield Problem(dashboard.id, path, f"expected {MOST_WIDGETS} widgets at most")
        for number_of, widget in enumerate(widgets):
            for why in _widget(design, widget):
                what = text(look(widget, "properties", "title")) or f"widget {number_of}"
                # A place of its own each, so that each is told.
                yield Problem(dashboard.id, (*path, number_of, what, why), f"{what}: {why}")


def _widget(design: Design, widget: Any) -> Iterator[str]:
    if not isinstance(widget, dict):
        yield "no object; expected type, x, y, width, height and properties"
        return
    kind = widget.get("type")
    if kind not in WIDGETS:
        yield f"type is {kind!r}; expected one of {', '.join(WIDGETS)}"
    for name, (least, most) in GRID.items():
        value = widget.get(name, least)
        if not isinstance(value, int) or not least <= value <= most:
            yield f"{name} is {value!r}; expected a number from {least} to {most}"
    reach = (number(widget.get("x")) or 0) + (number(widget.get("width")) or 0)
    if reach > WIDTH:
        yield f"x and width reach to {reach:.0f}; expected {WIDTH} at most"
    properties = widget.get("properties")
    if not isinstance(properties, dict):
        yield "properties are missing"
    elif (needed := NEEDED.get(str(kind))) and not properties.get(needed):
        yield f"{needed} is missing"
    elif kind == "metric":
        yield from _graph(design, properties)


def _graph(design: Design, properties: Mapping[str, Any]) -> Iterator[str]:
    if "region" not in properties:
        yield "region is missing, which CloudWatch refuses"
    if (view := properties.get("view", VIEWS[0])) not in VIEWS:
        yield f"view is {view!r}; expected one of {', '.join(VIEWS)}"
    if wanted := _unmeasured(properties):
        yield wanted
    metrics = properties.get("metrics")
    if isinstance(metrics, list) and metrics:
        yield from _rows(design, metrics)
    elif "annotations" not in properties:
        yield "metrics are missing; expected a list of lists"


def _rows(design: Design, metrics: list[Any]) -> Iterator[str]:
    before: list[Any] = []
    for row in metrics:
        if not isinstance(row, list) or not row:
            yield f"{row!r} is no metric; expected [namespace, name, dimension, value ...]"
            continue
        options = row[-1] if isinstance(row[-1], dict) else {}
        if wanted := _unmeasured(options):
            yield wanted
        words = row[: len(row) - bool(options)]
        if not words or "expression" in options:
            continue
        words = before = _spelled_out(words, before)
        if len(words) < 2 or len(words) % 2:  # noqa: PLR2004 - namespace and name
            yield f"{' '.join(map(str, words))}: a dimension without value, or no name"
            continue
        dimensions = dict(zip(words[2::2], words[3::2], strict=True))
        if why := wrong(design, Metric(str(words[0]), str(words[1]), dimensions)):
            yield why


def _spelled_out(words: list[Any], before: list[Any]) -> list[Any]:
    """Return a metric with what `.` repeats of the one before, and `...` of its start."""
    if "..." in words:
        at = words.index("...")
        rest = words[at + 1 :]
        return [*words[:at], *before[at : len(before) - len(rest)], *rest]
    return [
        before[index] if word == "." and index < len(before) else word
        for index, word in enumerate(words)
    ]


def _unmeasured(options: Mapping[str, Any]) -> str:
    statistic, period = options.get("stat"), options.get("period")
    if statistic is not None and not STATISTIC.fullmatch(str(statistic)):
        return f"stat is {statistic!r}; expected Average, Sum, Maximum, p95 or another"
    if period is not None and (
        not isinstance(period, int)
        or period <= 0
        or (period % 60 and period not in (1, 5, 10, 30))
    ):
        return f"period is {period!r}; expected a multiple of 60 (seconds)"
    return ""


def _own_names(design: Design) -> Iterator[Problem]:
    seen: dict[str, Resource] = {}
    for dashboard in design.of_type(DASHBOARD):
        name = text(dashboard.properties.get("DashboardName"))
        first = seen.setdefault(name, dashboard) if name else dashboard
        if first is not dashboard:
            why = f"{first.origin} is called {name}, too: one takes the other's place"
            yield Problem(dashboard.id, ("Properties", "DashboardName"), why)


COUNTED_WHOLE = """Task:
  Type: AWS::ECS::TaskDefinition
  Properties:
    ContainerDefinitions: [{LogConfiguration: {Options: {awslogs-group: !Ref Group}}}]
All:
  Type: AWS::Logs::MetricFilter
  Properties:
    LogGroupName: !Ref Group
    FilterPattern: ''
    MetricTransformations: [{MetricNamespace: Liberty, MetricName: All, MetricValue: '1'}]
Cluster:"""
WATCHED = """
Key:
  Type: AWS::KMS::Key
  Properties:
    KeyPolicy:
      Statement:
      - Effect: Allow
        Principal: {Service: logs.us-east-1.amazonaws.com}
        Action: kms:*
        Resource: '*'
Cluster: {Type: AWS::ECS::Cluster, Properties: {ClusterName: backend}}
Group:
  Type: AWS::Logs::LogGroup
  Properties: {LogGroupName: /ecs/web, RetentionInDays: 30, KmsKeyId: !GetAtt Key.Arn}
Filter:
  Type: AWS::Logs::MetricFilter
  Properties:
    LogGroupName: !Ref Group
    FilterPattern: '{ $.level = "ERROR" }'
    MetricTransformations:
    - {MetricNamespace: Liberty, MetricName: Errors, MetricValue: '1', DefaultValue: 0}
"""
SHOWN = """
Cluster: {Type: AWS::ECS::Cluster, Properties: {ClusterName: backend}}
Dashboard:
  Type: AWS::CloudWatch::Dashboard
  Properties:
    DashboardName: backend
    DashboardBody: !Sub |
      {"widgets": [
        {"type": "metric", "x": 0, "y": 0, "width": 12, "height": 6, "properties": {
          "title": "Load", "region": "${AWS::Region}", "view": "timeSeries", "stat": "Average",
          "period": 60, "metrics": [
            ["AWS/ECS", "CPUUtilization", "ClusterName", "${Cluster}", {"stat": "p95"}],
            [".", "MemoryUtilization", ".", "."],
            ["...", {"stat": "Maximum"}],
            [{"expression": "SUM(METRICS())"}]]}},
        {"type": "text", "x": 12, "y": 0, "width": 12, "height": 6,
         "properties": {"markdown": "Hello"}}]}
"""
OTHER = "\nOther: {Type: AWS::CloudWatch::Dashboard, Properties: {DashboardName: "

RULES: tuple[Rule, ...] = (
    Rule(
        "LC1841",
        "error",
        "A log group is kept for a time there is, under a key that Logs may use",
        "CloudWatch Logs refuses other numbers of days, characters and keys; without any, logs "
        "are kept, and paid for, for ever.",
        f"{LOGS_API}API_PutRetentionPolicy.html",
        _groups,
        good=(WATCHED,),
        bad=changed(
            WATCHED,
            ("RetentionInDays: 30", "RetentionInDays: 31"),
            (", RetentionInDays: 30", ""),
            ("RetentionInDays: 30", "RetentionInDays: 0"),
            ("/ecs/web", "/ecs/web*"),
            ("/ecs/web", "aws/web"),
            ("!GetAtt Key.Arn", "!Ref Key"),
            ("!GetAtt Key.Arn", "alias/ours"),
            ("Service: logs.us-east-1", "Service: ecs"),
            ("RetentionInDays: 30", "RetentionInDays: 30, LogGroupClass: CHEAP"),
        ),
    ),
    Rule(
        "LC1842",
        "error",
        "What is counted in logs is found in a group there is, under a name of our own",
        "CloudWatch Logs refuses AWS's namespaces, patterns that don't close, and a default "
        "beside dimensions.",
        f"{LOGS}FilterAndPatternSyntax.html",
        _filters,
        good=(
            WATCHED,
            WATCHED.replace("'{ $.level = \"ERROR\" }'", "''"),
            WATCHED.replace("!Ref Group", "!GetAtt Found.Name")
            + "Found: {Type: Custom::Group}",
        ),
        bad=changed(
            WATCHED,
            ("Cluster:", COUNTED_WHOLE),
            ("MetricNamespace: Liberty", "MetricNamespace: AWS/ECS"),
            ("MetricName: Errors", "MetricName: Errors*"),
            ("MetricName: Errors, ", ""),
            ("MetricValue: '1'", "MetricValue: one"),
            ("DefaultValue: 0", "DefaultValue: none"),
            ("DefaultValue: 0", "DefaultValue: 0, Dimensions: [{Key: a, Value: $.a}]"),
            ("LogGroupName: !Ref Group", "LogGroupName: !GetAtt Group.Arn"),
            ("LogGroupName: !Ref Group", "LogGroupName: /ecs/other"),
            ("LogGroupName: !Ref Group", "LogGroupName: !Ref Cluster"),
            ('ERROR" }', 'ERROR"'),
            ('"ERROR"', '"ERROR'),
            ("$.level", "level"),
        ),
    ),
    Rule(
        "LC1843",
        "error",
        "A dashboard is JSON that CloudWatch takes, with metrics that have data",
        "CloudWatch refuses a body that it can't read, widgets out of the grid or without "
        "region; a metric that there isn't stays empty.",
        BODY,
        _dashboards,
        good=(SHOWN,),
        bad=changed(
            SHOWN,
            ('{"widgets": [', '{"widgets": [,'),
            ('"widgets"', '"widget"'),
            ('"type": "metric"', '"type": "graph"'),
            (
                '"width": 12, "height": 6, "properties"',
                '"width": 25, "height": 6, "properties"',
            ),
            ('"x": 12', '"x": 13'),
            ('"height": 6', '"height": 0'),
            ('"region": "${AWS::Region}", ', ""),
            ('"view": "timeSeries"', '"view": "timeseries"'),
            ('"stat": "Average"', '"stat": "Mean"'),
            ('"period": 60', '"period": 90'),
            ('"CPUUtilization"', '"CpuUtilization"'),
            ('"ClusterName"', '"Cluster"'),
            (', "${Cluster}", {"stat"', ', {"stat"'),
            ("${Cluster}", "${Cluster.Arn}"),
            ('"AWS/ECS"', '"AWS/Ecs"'),
            ('"markdown"', '"text"'),
            ("DashboardName: backend", "DashboardName: our backend"),
        ),
    ),
    Rule(
        "LC1844",
        "error",
        "A dashboard has a name of its own",
        "CloudWatch puts one dashboard in the other's place without a word.",
        BODY,
        _own_names,
        good=(SHOWN + OTHER + "other, DashboardBody: '{}'}}\n",),
        bad=(SHOWN + OTHER + "backend, DashboardBody: '{}'}}\n",),
    ),
)
