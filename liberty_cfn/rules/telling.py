"""LC182x: topics, the keys they are under, events, and where those go."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from liberty_cfn.model.resolving import Resource
from liberty_cfn.rules.examples import changed
from liberty_cfn.rules.expected import Expectation, like, misfits, one_of, whole
from liberty_cfn.rules.rule import (
    Design,
    Path,
    Problem,
    Rule,
    each,
    flag,
    look,
    referred,
    text,
)
from liberty_cfn.rules.statements import Statement, covers, parsed, shown, statements

TOPIC = "AWS::SNS::Topic"
TOPIC_POLICY = "AWS::SNS::TopicPolicy"
SUBSCRIPTION = "AWS::SNS::Subscription"
KEY = "AWS::KMS::Key"
EVENTS = "AWS::Events::Rule"
LOG_GROUP = "AWS::Logs::LogGroup"
LOG_POLICY = "AWS::Logs::ResourcePolicy"
SNS = "https://docs.aws.amazon.com/sns/latest/dg/"
BRIDGE = "https://docs.aws.amazon.com/eventbridge/latest/userguide/"

ALARMS, BUS = "cloudwatch.amazonaws.com", "events.amazonaws.com"
NEEDED_OF_KEY = ("kms:Decrypt", "kms:GenerateDataKey")
ENDPOINTS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "email": (re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+"), "an e-mail address"),
    "email-json": (re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+"), "an e-mail address"),
    "http": (re.compile(r"http://\S+"), "a URL that starts with http://"),
    "https": (re.compile(r"https://\S+"), "a URL that starts with https://"),
    "sms": (re.compile(r"\+?\d{7,15}"), "a phone number"),
    "sqs": (re.compile(r"arn:[a-z-]+:sqs:.+"), "a queue's ARN"),
    "lambda": (re.compile(r"arn:[a-z-]+:lambda:.+"), "a function's ARN"),
    "firehose": (re.compile(r"arn:[a-z-]+:firehose:.+"), "a delivery stream's ARN"),
    "application": (re.compile(r"arn:[a-z-]+:sns:.+"), "an endpoint's ARN"),
}
RATE = re.compile(r"rate\(([1-9]\d*) (minute|minutes|hour|hours|day|days)\)")
FIELDS = 6  # of a cron expression
AT_MOST_512 = like(r"(?s).{0,512}", "512 characters at most")
RULED: Mapping[str, Expectation] = {
    "Name": like(r"[.\-_A-Za-z0-9]{1,64}", "letters, digits, . - or _, 64 at most"),
    "Description": AT_MOST_512,
    "State": one_of("ENABLED", "DISABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"),
    "Targets.*.Id": like(r"[.\-_A-Za-z0-9]{1,64}", "letters, digits, . - or _, 64 at most"),
    "Targets.*.RetryPolicy.MaximumRetryAttempts": whole(0, 185),
    "Targets.*.RetryPolicy.MaximumEventAgeInSeconds": whole(60, 86400),
}
MOST_TARGETS = 5
TASK_EVENT = "ECS Task State Change"
ARN = re.compile(r"arn:[^:]*:([^:]*):")
# The services that a rule's targets are of.
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html
TARGETS = (
    *("lambda", "sns", "sqs", "kinesis", "firehose", "states", "ecs", "logs", "events"),
    *("codebuild", "codepipeline", "batch", "execute-api", "ssm", "ssm-incidents"),
    *("redshift", "redshift-serverless", "sagemaker", "inspector", "ec2", "appsync", "glue"),
    *("iot", "autoscaling", "rds", "transcribe", "aoss", "imagebuilder"),
)
# What every event has at its top.
TOP = (
    "account",
    "detail",
    "detail-type",
    "id",
    "region",
    "resources",
    "source",
    "time",
    "version",
    "$or",
)
FILTERS = frozenset(
    (
        "anything-but",
        "cidr",
        "equals-ignore-case",
        "exists",
        "numeric",
        "prefix",
        "suffix",
        "wildcard",
    )
)
DETAIL_TYPES = {
    "aws.ecs": {
        "ECS Task State Change",
        "ECS Container Instance State Change",
        "ECS Deployment State Change",
        "ECS Service Action",
        "AWS API Call via CloudTrail",
    },
    "aws.rds": {
        "RDS DB Instance Event",
        "RDS DB Cluster Event",
        "RDS DB Parameter Group Event",
        "RDS DB Security Group Event",
        "RDS DB Snapshot Event",
        "RDS DB Cluster Snapshot Event",
        "AWS API Call via CloudTrail",
    },
}
DETAILS = {
    "lastStatus": {
        "PROVISIONING",
        "PENDING",
        "ACTIVATING",
        "RUNNING",
        "DEACTIVATING",
        "STOPPING",
        "DEPROVISIONING",
        "STOPPED",
        "DELETED",
    },
    "stopCode": {
        "TaskFailedToStart",
        "EssentialContainerExited",
        "UserInitiated",
        "ServiceSchedulerInitiated",
        "SpotInterruption",
        "TerminationNotice",
    },
}


def _policies_of(design: Design, topic: Resource) -> list[Statement] | None:
    """Return what the policies of a topic say; None if it has only SNS's own."""
    found = [
        statement
        for policy in design.of_type(TOPIC_POLICY)
        if topic.id in {referred(arn) for _, arn in each(policy.properties, "Topics", "*")}
        for statement in statements(policy.properties.get("PolicyDocument"))
    ]
    return found or None


def _senders(design: Design, topic: Resource) -> Iterator[tuple[Resource, str]]:
    """Yield who sends to a topic, with the service that does it for them."""
    for alarm in design.of_type("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"):
        for name in ("AlarmActions", "OKActions", "InsufficientDataActions"):
            if topic.id in {referred(arn) for _, arn in each(alarm.properties, name, "*")}:
                yield alarm, ALARMS
    for rule in design.of_type(EVENTS):
        arns = each(rule.properties, "Targets", "*", "Arn")
        if topic.id in {referred(arn) for _, arn in arns}:
            yield rule, BUS


def _sent(design: Design) -> Iterator[Problem]:
    for topic in design.of_type(TOPIC):
        said = _policies_of(design, topic)
        services = {service: sender for sender, service in _senders(design, topic)}
        for service, sender in services.items():
            # SNS's own policy lets the account's alarms in, and no service.
            closed = said is None and service == BUS
            if closed or (said is not None and not _lets(said, service, "sns:Publish", topic)):
                why = (
                    f"{service} may not publish to it, so that nobody hears of "
                    f"{sender.origin}; expected a TopicPolicy that allows sns:Publish"
                )
                yield Problem(topic.id, ("Properties",), why)


def _closed(design: Design) -> Iterator[Problem]:
    for policy in design.of_type(TOPIC_POLICY):
        if not policy.properties.get("Topics"):
            yield Problem(policy.id, ("Properties", "Topics"), "Topics is empty; expected !Ref")
        for statement in statements(policy.properties.get("PolicyDocument")):
            path: Path = ("Properties", "PolicyDocument", "Statement", statement.index)
            if statement.effect == "Allow" and statement.public and not statement.condition:
                why = "everybody may, from any account; expected who, or a Condition"
                yield Problem(policy.id, (*path, "Principal"), why)
            for action in statement.actions:
                if not re.fullmatch(r"(?i)sns:[a-z]+", action):
                    why = f"topics take no {action} in a policy; expected such as sns:Publish"
                    yield Problem(policy.id, (*path, "Action"), why)


def _lets(said: list[Statement], service: str, action: str, topic: Resource) -> bool:
    named = text(topic.properties.get("TopicName"))
    wanted = [f"${{{topic.id}}}", f"${{{topic.id}.TopicArn}}"]
    wanted += [f"arn:aws:sns:us-east-1:123456789012:{named}"] if named else []
    return any(
        statement.grants(action)
        and (statement.to_service(service) or (service == ALARMS and _own(statement)))
        and any(covers(resource, one) for resource in statement.resources for one in wanted)
        for statement in said
    )


def _own(statement: Statement) -> bool:
    """Whether a statement is about the account itself, as SNS's own policy is."""
    return any(
        re.search(r":root$|^\d{12}$|^\*$", shown(item))
        for _, item in each(statement.principal, "AWS", "*")
    )


def _under_key(design: Design) -> Iterator[Problem]:
    for topic in design.of_type(TOPIC):
        value = topic.properties.get("KmsMasterKeyId")
        path = ("Properties", "KmsMasterKeyId")
        senders = list(_senders(design, topic))
        if value is None or not senders:
            continue
        if shown(value).endswith("alias/aws/sns"):
            why = (
                "SNS's own key lets no service use it: alarms are dropped without a word; "
                "expected a key of ours, whose policy lets them"
            )
            yield Problem(topic.id, path, why)
            continue
        key = design.follow(value)
        if key is not None and key.type == "AWS::KMS::Alias":
            key = design.follow(key.properties.get("TargetKeyId"))
        if key is None:
            continue
        if key.type != KEY:
            why = f"{key.origin} is no key; expected !Ref or ARN of one"
            yield Problem(topic.id, path, why)
            continue
        said = list(statements(key.properties.get("KeyPolicy")))
        for service in sorted({service for _, service in senders}):
            for action in NEEDED_OF_KEY:
                named = [s for s in said if s.grants(action) and s.to_service(service)]
                if not named:
                    why = (
                        f"{service} may not {action}, so that what it sends to {topic.origin} "
                        "is dropped; expected it in the key's policy"
                    )
                    yield Problem(key.id, ("Properties", "KeyPolicy"), why)


def _keys(design: Design) -> Iterator[Problem]:
    expected = {"PendingWindowInDays": whole(7, 30), "Description": like(r"(?s).{0,8192}", "")}
    for key in design.of_type(KEY):
        properties = key.properties
        yield from misfits(key, expected)
        spec = text(properties.get("KeySpec", "SYMMETRIC_DEFAULT"))
        rotates = flag(properties.get("EnableKeyRotation", False))
        if spec == "SYMMETRIC_DEFAULT" and rotates is False:
            why = "the same key for ever; expected EnableKeyRotation: true"
            yield Problem(key.id, ("Properties", "EnableKeyRotation"), why)
        if spec not in ("SYMMETRIC_DEFAULT", None) and rotates:
            why = f"a key of {spec} can't be rotated; drop EnableKeyRotation, or KeySpec"
            yield Problem(key.id, ("Properties", "EnableKeyRotation"), why)
        if flag(properties.get("Enabled", True)) is False:
            yield Problem(key.id, ("Properties", "Enabled"), "nothing can be decrypted by it")
        said = list(statements(properties.get("KeyPolicy")))
        changes = [s for s in said if s.grants("kms:PutKeyPolicy") and _has_people(s)]
        if said and not changes:
            why = (
                "nobody may change the key's policy, which KMS refuses; expected kms:* for the "
                "account: arn:aws:iam::<account>:root"
            )
            yield Problem(key.id, ("Properties", "KeyPolicy"), why)
        for statement in said:
            path = ("Properties", "KeyPolicy", "Statement", statement.index)
            if statement.effect == "Allow" and statement.public and not statement.condition:
                yield Problem(
                    key.id, (*path, "Principal"), "everybody may use it; expected who"
                )
            if not statement.resources:
                why = "Resource is missing, so that it says nothing; expected '*'"
                yield Problem(key.id, path, why)


def _has_people(statement: Statement) -> bool:
    return bool(look(statement.principal, "AWS")) or text(statement.principal) == "*"


def _subscribed(design: Design) -> Iterator[Problem]:
    for subscription in design.of_type(SUBSCRIPTION, TOPIC):
        items: list[tuple[Path, Any]] = [((), subscription.properties)]
        if subscription.type == TOPIC:
            items = list(each(subscription.properties, "Subscription", "*"))
        for at, item in items:
            path: Path = ("Properties", *at)
            protocol, endpoint = text(item.get("Protocol")), text(item.get("Endpoint"))
            if protocol is not None and protocol not in ENDPOINTS:
                why = f"Protocol is {protocol!r}; expected one of {', '.join(ENDPOINTS)}"
                yield Problem(subscription.id, (*path, "Protocol"), why)
            elif protocol and "Endpoint" not in item:
                yield Problem(
                    subscription.id, path, f"Endpoint is missing; {protocol} needs it"
                )
            elif protocol and endpoint is not None:
                pattern, words = ENDPOINTS[protocol]
                if not pattern.fullmatch(endpoint):
                    why = f"{endpoint!r} for {protocol}; expected {words}"
                    yield Problem(subscription.id, (*path, "Endpoint"), why)
            arn = item.get("TopicArn")
            made = design.follow(arn)
            if made is not None and (
                made.type != TOPIC or look(arn, "Fn::GetAtt", 1) == "TopicName"
            ):
                why = f"{shown(arn)} is no topic's ARN; expected !Ref of one"
                yield Problem(subscription.id, (*path, "TopicArn"), why)


def _fifo(design: Design) -> Iterator[Problem]:
    for topic in design.of_type(TOPIC):
        name = text(topic.properties.get("TopicName"))
        fifo = flag(topic.properties.get("FifoTopic", False))
        if name is not None and fifo is not None and fifo != name.endswith(".fifo"):
            why = f"TopicName is {name}; expected .fifo at its end with FifoTopic, and else not"
            yield Problem(topic.id, ("Properties", "TopicName"), why)
        if fifo and list(_senders(design, topic)):
            why = "alarms and rules can't send to a FIFO topic; drop FifoTopic"
            yield Problem(topic.id, ("Properties", "FifoTopic"), why)
        if "KmsMasterKeyId" not in topic.properties:
            why = "what is sent is kept unencrypted; expected KmsMasterKeyId, a key of ours"
            yield Problem(topic.id, ("Properties", "KmsMasterKeyId"), why)


def _rules(design: Design) -> Iterator[Problem]:
    for rule in design.of_type(EVENTS):
        properties = rule.properties
        yield from misfits(rule, RULED)
        pattern, schedule = properties.get("EventPattern"), properties.get("ScheduleExpression")
        if pattern is None and schedule is None:
            why = "nothing says when; expected EventPattern or ScheduleExpression"
            yield Problem(rule.id, ("Properties",), why)
        if why := _unscheduled(text(schedule)):
            yield Problem(rule.id, ("Properties", "ScheduleExpression"), why)
        if text(properties.get("State")) == "DISABLED":
            yield Problem(rule.id, ("Properties", "State"), "it does nothing; expected ENABLED")
        targets = [text(one) for _, one in each(properties, "Targets", "*", "Id")]
        if not targets:
            yield Problem(
                rule.id, ("Properties", "Targets"), "it leads nowhere; expected Targets"
            )
        if len(targets) > MOST_TARGETS or len(set(targets)) < len(targets):
            why = f"{len(targets)} targets; expected {MOST_TARGETS} at most, each its own Id"
            yield Problem(rule.id, ("Properties", "Targets"), why)
        for at, why in _matching(design, parsed(pattern) if text(pattern) else pattern):
            yield Problem(rule.id, ("Properties", "EventPattern", *at), why)


def _matching(design: Design, pattern: Any) -> Iterator[tuple[Path, str]]:
    if pattern is None:
        return
    yield from _pattern(pattern)
    for at, arn in each(pattern, "detail", "clusterArn", "*"):
        if look(arn, "Ref") is not None and design.follow(arn) is not None:
            yield (
                at,
                f"{shown(arn)} is a cluster's name, and events have its ARN; expected that",
            )


def _chosen(design: Design) -> Iterator[Problem]:
    """Rules by which a task that starts as it should counts as one that failed, too."""
    counted = {
        referred(one.properties.get("LogGroupName"))
        for one in design.of_type("AWS::Logs::MetricFilter")
        if text(one.properties.get("FilterPattern", "")) == ""
    }
    for rule in design.of_type(EVENTS):
        pattern = rule.properties.get("EventPattern")
        kinds = {text(kind) for _, kind in each(pattern, "detail-type", "*")}
        if TASK_EVENT not in kinds or "lastStatus" in repr(look(pattern, "detail")):
            continue
        for _, arn in each(rule.properties, "Targets", "*", "Arn"):
            said = shown(arn)
            made = design.follow(arn)
            is_counted = any(group and f"${{{group}" in said for group in counted)
            if is_counted or (made is not None and made.type == TOPIC):
                why = "each step of each task is told, starts too; expected lastStatus: STOPPED"
                yield Problem(rule.id, ("Properties", "EventPattern"), why)
                break


def _unscheduled(expression: str | None) -> str:
    """Return why a schedule is none; nothing if it is one, or there is none."""
    if expression is None:
        return ""
    if found := RATE.fullmatch(expression):
        one, several = found[1] == "1", found[2].endswith("s")
        return "" if one != several else f"{expression}; expected the singular for 1 only"
    if found := re.fullmatch(r"cron\((.*)\)", expression):
        why = _no_cron(found[1].split())
        return f"{expression}: {why}" if why else ""
    return f"{expression!r} is no schedule; expected rate(5 minutes) or cron(0 3 * * ? *)"


def _no_cron(fields: list[str]) -> str:
    if len(fields) != FIELDS:
        return f"{len(fields)} fields; expected {FIELDS}, the last for the year"
    if (fields[2] == "?") == (fields[4] == "?"):
        return "expected ? for the day of the month or of the week, one of them"
    if not all(re.fullmatch(r"[\d,*/-]+", field) for field in fields[:2]):
        return "expected numbers for minute and hour"
    return ""


def _pattern(pattern: Any) -> Iterator[tuple[Path, str]]:
    if not isinstance(pattern, dict) or not pattern:
        yield (), "it is no object; expected such as {source: [aws.ecs]}"
        return
    for key in pattern:
        if key not in TOP:
            yield (key,), f"no event has {key} at its top; expected it in detail, or another"
    yield from _shape(pattern)
    sources = [text(one) for _, one in each(pattern, "source", "*")]
    for index, source in enumerate(sources):
        meant = source if (source or "").startswith("aws.") else f"aws.{source}"
        close = get_close_matches((meant or "").lower(), DETAIL_TYPES, n=1, cutoff=0.9)
        if source is not None and close and source not in DETAIL_TYPES:
            yield ("source", index), f"{source} sends nothing; expected {close[0]}"
    types = DETAIL_TYPES.get(sources[0] or "") if len(sources) == 1 else None
    for at, kind in each(pattern, "detail-type", "*"):
        if types and isinstance(kind, str) and kind not in types:
            yield (
                at,
                f"{sources[0]} sends no {kind!r}; expected one of {', '.join(sorted(types))}",
            )
    if sources == ["aws.ecs"]:
        yield from _of_tasks(pattern.get("detail"))


def _of_tasks(detail: Any) -> Iterator[tuple[Path, str]]:
    for name, known in DETAILS.items():
        places = (*each(detail, name, "*"), *each(detail, "$or", "*", name, "*"))
        for at, value in places:
            if isinstance(value, str) and value not in known:
                yield (
                    ("detail", *at),
                    f"{name} is never {value}; expected {', '.join(sorted(known))}",
                )
    for at, arn in each(detail, "clusterArn", "*"):
        if isinstance(arn, str) and not arn.startswith("arn:"):
            yield (
                ("detail", *at),
                f"{arn} is no cluster's ARN; expected arn:aws:ecs:...:cluster/...",
            )


def _shape(pattern: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    for key, value in pattern.items():
        if key == "$or":
            ways = value if isinstance(value, list) else []
            if len(ways) < 2 or not all(isinstance(way, dict) for way in ways):  # noqa: PLR2004
                yield (key,), "expected two or more objects under $or"
            for index, way in enumerate(ways):
                if isinstance(way, dict):
                    yield from (((key, index, *at), why) for at, why in _shape(way))
        elif isinstance(value, dict) and not _expression(value):
            if not value:
                yield (key,), f"{key} is empty; expected a list of values"
            yield from (((key, *at), why) for at, why in _shape(value))
        elif not isinstance(value, list | dict):
            yield (key,), f"{key} is {value!r}; expected a list, [{value}]"
        elif isinstance(value, list):
            yield from (((key, *at), why) for at, why in _matched(key, value))


def _expression(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)).startswith(("Fn::", "Ref"))


def _matched(key: str, values: list[Any]) -> Iterator[tuple[Path, str]]:
    if not values:
        yield (), f"{key} is an empty list; expected a value"
    for index, value in enumerate(values):
        if isinstance(value, list):
            yield (index,), "a list in a list; expected one list"
        elif isinstance(value, dict) and not _expression(value):
            unknown = sorted(value.keys() - FILTERS)
            if unknown or len(value) != 1:
                known = ", ".join(sorted(FILTERS))
                yield (index,), f"{', '.join(unknown) or 'several'}; expected one of {known}"


def _reached(design: Design) -> Iterator[Problem]:
    for rule in design.of_type(EVENTS):
        for at, target in each(rule.properties, "Targets", "*"):
            arn = target.get("Arn")
            path: Path = ("Properties", *at)
            if arn is None:
                yield Problem(rule.id, path, "Arn is missing; expected where events go")
            elif why := _unreached(design, arn) or _no_target(arn):
                yield Problem(rule.id, (*path, "Arn"), why)


def _no_target(arn: Any) -> str:
    """Return why an ARN is none that EventBridge sends to; nothing if it may be."""
    said = ARN.match(shown(arn))
    if said is None or said[1] in TARGETS or "$" in said[1]:
        return ""
    meant = get_close_matches(said[1], TARGETS, n=1)
    guess = f"; did you mean {meant[0]}?" if meant else ""
    return f"EventBridge sends nothing to {said[1]}{guess}"


def _unlogged(design: Design, said: str, group: Resource) -> str:
    """Return why events don't reach a log group, by what is said to be its ARN."""
    if said == f"${{{group.id}}}":
        return "a log group's name; expected its ARN: arn:...:log-group:<name>"
    # https://github.com/aws-samples/serverless-patterns/pull/221
    if said == f"${{{group.id}.Arn}}" or said.endswith(":*"):
        return "ends in :*, to which nothing is delivered; expected arn:...:log-group:<name>"
    granted = [
        statement
        for policy in design.of_type(LOG_POLICY)
        for statement in statements(policy.properties.get("PolicyDocument"))
        if statement.to_service(BUS)
    ]
    name = said.partition(":log-group:")[2].removesuffix(":*") or f"${{{group.id}}}"
    for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
        if not any(
            s.grants(action) and any(_of_group(one, name, group) for one in s.resources)
            for s in granted
        ):
            return (
                f"{BUS} may not {action} there, so that events are dropped; expected an "
                "AWS::Logs::ResourcePolicy that lets it"
            )
    return ""


def _unreached(design: Design, arn: Any) -> str:
    """Return why events don't reach a target; nothing if they do, or may."""
    said = shown(arn)
    group = _log_group(design, arn)
    if group is not None:
        return _unlogged(design, said, group)
    made = design.follow(arn)
    if made is not None and made.type == "AWS::Lambda::Function":
        permissions = {
            referred(one.properties.get("FunctionName"))
            for one in design.of_type("AWS::Lambda::Permission")
            if text(one.properties.get("Principal")) == BUS
        }
        return (
            "" if made.id in permissions else f"{BUS} may not invoke it; expected a Permission"
        )
    if text(arn) is not None and not re.match(r"arn:[a-z-]+:", text(arn) or ""):
        return f"{said} is no ARN; expected one"
    return ""


def _log_group(design: Design, arn: Any) -> Resource | None:
    for piece in (arn, *(look(arn, "Fn::Join", 1) or ())):
        made = design.follow(piece)
        if made is not None and made.type == LOG_GROUP:
            return made
    name = shown(arn).partition(":log-group:")[2].removesuffix(":*")
    for group in design.of_type(LOG_GROUP):
        if name and text(group.properties.get("LogGroupName")) == name:
            return group
    return None


def _of_group(resource: Any, name: str, group: Resource) -> bool:
    said = shown(resource)
    known = text(group.properties.get("LogGroupName"))
    place = said.partition(":log-group:")[2]
    if said in ("*", f"${{{group.id}.Arn}}") or covers(place, f"{name}:*"):
        return True
    return bool(place) and known is not None and covers(place, f"{known}:log-stream:a")


def _log_policies(design: Design) -> Iterator[Problem]:
    for policy in design.of_type(LOG_POLICY):
        document = policy.properties.get("PolicyDocument")
        path = ("Properties", "PolicyDocument")
        if document is None or look(document, "Ref"):
            continue
        if not isinstance(parsed(document), dict) or "Statement" not in parsed(document):
            why = 'it is no JSON of a policy; expected text such as {"Statement": [...]}'
            yield Problem(policy.id, path, why)
        elif len(shown(document)) > 5120:  # noqa: PLR2004 - CloudWatch Logs' most
            why = f"{len(shown(document))} characters; expected 5120 at most"
            yield Problem(policy.id, path, why)


TELLING = """
Key:
  Type: AWS::KMS::Key
  Properties:
    EnableKeyRotation: true
    PendingWindowInDays: 30
    KeyPolicy:
      Statement:
      - Effect: Allow
        Principal: {AWS: 'arn:aws:iam::123456789012:root'}
        Action: kms:*
        Resource: '*'
      - Effect: Allow
        Principal: {Service: [cloudwatch.amazonaws.com, events.amazonaws.com]}
        Action: [kms:Decrypt, kms:GenerateDataKey*]
        Resource: '*'
Topic:
  Type: AWS::SNS::Topic
  Properties: {TopicName: alarms, KmsMasterKeyId: !GetAtt Key.Arn}
TopicPolicy:
  Type: AWS::SNS::TopicPolicy
  Properties:
    Topics: [!Ref Topic]
    PolicyDocument:
      Statement:
      - Effect: Allow
        Principal: {Service: [cloudwatch.amazonaws.com, events.amazonaws.com]}
        Action: sns:Publish
        Resource: !Ref Topic
Mail:
  Type: AWS::SNS::Subscription
  Properties: {TopicArn: !Ref Topic, Protocol: email, Endpoint: team@example.com}
Alarm: {Type: AWS::CloudWatch::Alarm, Properties: {AlarmActions: [!Ref Topic]}}
Group: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /aws/events/failures}}
Rule:
  Type: AWS::Events::Rule
  Properties:
    Name: failures
    State: ENABLED
    EventPattern:
      source: [aws.ecs]
      detail-type: [ECS Task State Change]
      detail:
        clusterArn: [!Sub 'arn:aws:ecs:us-east-1:123456789012:cluster/backend']
        lastStatus: [STOPPED]
        $or:
        - stopCode: [TaskFailedToStart]
        - containers: {exitCode: [{anything-but: 0}]}
    Targets:
    - {Id: Topic, Arn: !Ref Topic}
    - {Id: Logs, Arn: !Sub 'arn:aws:logs:us-east-1:123456789012:log-group:${Group}'}
Nightly:
  Type: AWS::Events::Rule
  Properties:
    ScheduleExpression: cron(0 3 * * ? *)
    Targets: [{Id: Queue, Arn: arn:aws:sqs:us-east-1:123456789012:nightly}]
LogsPolicy:
  Type: AWS::Logs::ResourcePolicy
  Properties:
    PolicyDocument: !Sub |
      {"Statement": [{"Effect": "Allow", "Principal": {"Service": ["events.amazonaws.com"]},
       "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
       "Resource": "arn:aws:logs:us-east-1:123456789012:log-group:${Group}:*"}]}
"""

RULES: tuple[Rule, ...] = (
    Rule(
        "LC1821",
        "error",
        "Who sends to a topic may",
        "A topic's policy takes the place of SNS's own: who isn't in it sends without a word, "
        "and nobody hears.",
        f"{SNS}sns-access-policy-use-cases.html",
        _sent,
        good=(TELLING,),
        bad=changed(
            TELLING,
            (
                "[cloudwatch.amazonaws.com, events.amazonaws.com]}\n        Action: sns",
                "events.amazonaws.com}\n        Action: sns",
            ),
            ("Action: sns:Publish", "Action: sns:Subscribe"),
            ("Resource: !Ref Topic", "Resource: !Ref Other"),
            ("Topics: [!Ref Topic]", "Topics: [!Ref Other]"),
            ("Action: sns:Publish", "NotAction: sns:Publish"),
        ),
    ),
    Rule(
        "LC1829",
        "error",
        "A topic's policy lets in who is meant, to what topics do",
        "SNS refuses actions of other services and sns:*, and who is not named may send what "
        "people then take for an alarm.",
        f"{SNS}sns-access-policy-language-api-permissions-reference.html",
        _closed,
        good=(TELLING,),
        bad=changed(
            TELLING,
            ("Action: sns:Publish", "Action: sns:*"),
            ("Action: sns:Publish", "Action: sqs:SendMessage"),
            ("Topics: [!Ref Topic]", "Topics: []"),
            (
                (
                    "Principal: {Service: [cloudwatch.amazonaws.com, events.amazonaws.com]}\n"
                    "        Action: sns"
                ),
                "Principal: '*'\n        Action: sns",
            ),
        ),
    ),
    Rule(
        "LC1822",
        "error",
        "Who sends to an encrypted topic may use its key",
        "Alarms and events to a topic under alias/aws/sns, or under a key whose policy doesn't "
        "name their service, are dropped without a word.",
        f"{SNS}sns-key-management.html",
        _under_key,
        good=(TELLING,),
        bad=changed(
            TELLING,
            ("!GetAtt Key.Arn", "alias/aws/sns"),
            ("!GetAtt Key.Arn", "!Ref Group"),
            ("kms:GenerateDataKey*", "kms:Encrypt"),
            ("[cloudwatch.amazonaws.com, events.amazonaws.com]", "events.amazonaws.com"),
            ("[cloudwatch.amazonaws.com, events.amazonaws.com]", "sns.amazonaws.com"),
        ),
    ),
    Rule(
        "LC1823",
        "error",
        "A key is rotated, and somebody of ours may change its policy",
        "KMS refuses a policy that locks everybody out, and a wait of other than 7 to 30 days; "
        "who knows an old key reads what a new one would keep.",
        "https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html",
        _keys,
        good=(TELLING,),
        bad=changed(
            TELLING,
            ("EnableKeyRotation: true", "EnableKeyRotation: false"),
            ("    EnableKeyRotation: true\n", ""),
            ("EnableKeyRotation: true", "EnableKeyRotation: true\n    KeySpec: RSA_2048"),
            ("PendingWindowInDays: 30", "PendingWindowInDays: 3"),
            ("PendingWindowInDays: 30", "Enabled: false"),
            ("Action: kms:*", "Action: kms:Encrypt"),
            ("{AWS: 'arn:aws:iam::123456789012:root'}", "{Service: ecs.amazonaws.com}"),
            ("'arn:aws:iam::123456789012:root'", "'*'"),
            ("        Resource: '*'\n", ""),
        ),
    ),
    Rule(
        "LC1824",
        "error",
        "A subscription is to a topic, of an endpoint that its protocol reaches",
        "SNS refuses an address for a URL, and protocols that it doesn't speak.",
        "https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html",
        _subscribed,
        good=(TELLING,),
        bad=changed(
            TELLING,
            ("Protocol: email", "Protocol: mail"),
            ("Protocol: email", "Protocol: https"),
            ("Endpoint: team@example.com", "Endpoint: team"),
            (", Endpoint: team@example.com", ""),
            ("TopicArn: !Ref Topic", "TopicArn: !GetAtt Topic.TopicName"),
            ("TopicArn: !Ref Topic", "TopicArn: !Ref Key"),
        ),
    ),
    Rule(
        "LC1825",
        "error",
        "A topic for alarms is a usual one, and encrypted",
        "Neither alarms nor rules can send to a FIFO topic, and SNS refuses its name without "
        ".fifo; what alarms say is read by who shouldn't, if unencrypted.",
        f"{SNS}fifo-topics.html",
        _fifo,
        good=(TELLING,),
        bad=changed(
            TELLING,
            ("TopicName: alarms", "TopicName: alarms.fifo"),
            ("TopicName: alarms", "TopicName: alarms.fifo, FifoTopic: true"),
            (", KmsMasterKeyId: !GetAtt Key.Arn", ""),
        ),
    ),
    Rule(
        "LC1826",
        "error",
        "A rule is on, for events there are or a time there is, and leads somewhere",
        "EventBridge refuses values outside of lists and other schedules; and a pattern with a "
        "word too much never matches, without anybody noticing.",
        f"{BRIDGE}eb-event-patterns.html",
        _rules,
        good=(TELLING,),
        bad=changed(
            TELLING,
            ("source: [aws.ecs]", "source: aws.ecs"),
            ("source: [aws.ecs]", "source: [ecs]"),
            ("source: [aws.ecs]", "source: [aws.ecss]"),
            ("source: [aws.ecs]", "source: []"),
            ("source: [aws.ecs]", "Source: [aws.ecs]"),
            ("[ECS Task State Change]", "[ECS Task Change]"),
            ("      detail:\n", "      details:\n"),
            ("lastStatus: [STOPPED]", "lastStatus: [Stopped]"),
            ("lastStatus: [STOPPED]", "lastStatus: STOPPED"),
            ("[TaskFailedToStart]", "[TaskFailed]"),
            ("anything-but: 0", "not: 0"),
            ("'arn:aws:ecs:us-east-1:123456789012:cluster/backend'", "backend"),
            ("!Sub 'arn:aws:ecs:us-east-1:123456789012:cluster/backend'", "!Ref Group"),
            ("State: ENABLED", "State: DISABLED"),
            ("State: ENABLED", "State: 'ON'"),
            ("Id: Logs", "Id: Topic"),
            ("cron(0 3 * * ? *)", "cron(0 3 * * *)"),
            ("cron(0 3 * * ? *)", "cron(0 3 * * * *)"),
            ("cron(0 3 * * ? *)", "rate(1 days)"),
            ("cron(0 3 * * ? *)", "rate(5 minute)"),
            ("cron(0 3 * * ? *)", "every night"),
            ("    ScheduleExpression: cron(0 3 * * ? *)\n", ""),
            (
                "    Targets: [{Id: Queue, Arn: arn:aws:sqs:us-east-1:123456789012:nightly}]\n",
                "",
            ),
        ),
    ),
    Rule(
        "LC1827",
        "error",
        "A rule's target lets EventBridge in",
        "Without a policy there, events are dropped, and only a metric says so.",
        f"{BRIDGE}eb-use-resource-based.html",
        _reached,
        good=(TELLING,),
        bad=changed(
            TELLING,
            ('"logs:CreateLogStream", ', ""),
            (', "logs:PutLogEvents"', ""),
            ('["events.amazonaws.com"]', '["delivery.logs.amazonaws.com"]'),
            (
                "!Sub 'arn:aws:logs:us-east-1:123456789012:log-group:${Group}'",
                "!GetAtt Group.Arn",
            ),
            ("log-group:${Group}:*", "log-group:/aws/other:*"),
            ("!Sub 'arn:aws:logs:us-east-1:123456789012:log-group:${Group}'", "!Ref Group"),
            ("arn:aws:sqs:us-east-1:123456789012:nightly", "nightly"),
            ("arn:aws:sqs:us-east-1:123456789012:nightly", "arn:aws:sqss:us-east-1::nightly"),
        ),
    ),
    Rule(
        "LC1828",
        "error",
        "A policy of CloudWatch Logs is text of JSON, 5120 characters at most",
        "CloudWatch Logs takes a text, and refuses one that is no policy.",
        "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/"
        "API_PutResourcePolicy.html",
        _log_policies,
        good=(TELLING,),
        bad=changed(
            TELLING,
            ('{"Statement"', "{Statement"),
            ('{"Statement"', '{"Statements"'),
            (':*"}]}', ':*"}]'),
        ),
    ),
    Rule(
        "LC1830",
        "error",
        "Only tasks that stopped are told of, or counted",
        "ECS sends an event for each step of each task: a deployment that goes well counts as "
        "a dozen failures.",
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html",
        _chosen,
        good=(TELLING,),
        bad=changed(
            TELLING,
            ("        lastStatus: [STOPPED]\n", ""),
            ("lastStatus", "desiredStatus"),
        ),
    ),
)
