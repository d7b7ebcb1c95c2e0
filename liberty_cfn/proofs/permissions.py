"""Each grant is used, each wildcard has its reason, and each request is decided right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from liberty_cfn.model.resolving import Resolved
from liberty_cfn.proofs.uses import Users
from liberty_cfn.review.actions import WILDCARDS
from liberty_cfn.review.deciding import Request, decide
from liberty_cfn.review.grants import Grant, grants
from liberty_cfn.review.statements import EVERYONE, Statement, statements
from liberty_cfn.stateful import SECRETS

# An account's own role, where ExistingExecutionRole says so.
EXISTING = "ecsTaskExecutionRole"
EXECUTION, TASK, FLOW_LOG = "IdentityExecutionRole", "IdentityTaskRole", "NetworkFlowLogRole"
USER = "SecretsApplicationUser"
# What is granted and used by no resource of ours: holder, action, what it is on; and why.
UNUSED: Mapping[tuple[str, str, str], str] = {
    **{
        (role, "secretsmanager:DescribeSecret", f"${{Secrets{title}.Id}}"): (
            "the spec grants it, on all of liberty-social/*"
        )
        for role in (EXECUTION, EXISTING)
        for title in SECRETS
    },
    **{
        (role, "secretsmanager:GetSecretValue", f"${{Secrets{title}.Id}}"): (
            "the spec grants all of liberty-social/*; used with ApplicationAccessKey only"
        )
        for role in (EXECUTION, TASK)
        for title in ("AccessKeyId", "SecretAccessKey")
    },
    **{
        ("service events.amazonaws.com", f"kms:{action}", "AlertsAlarmKey"): (
            "so that a rule may be pointed at the alarms' topic, which drops what it can't "
            "encrypt without a word"
        )
        for action in ("Decrypt", "GenerateDataKey")
    },
}
# Wildcards in what is allowed: where, the pattern, and why it is no narrower.
BUDGET: Mapping[tuple[str, str], str] = {
    (EXECUTION, "*"): "AWS's own policy, as the spec says; it names actions, not resources",
    (TASK, "*"): "a shell's channels: these actions know no resources",
    (TASK, "${StorageUploads.Arn}/*"): "people's files have no names known beforehand",
    (USER, "${StorageUploads.Arn}/*"): "the same, as the IAM user",
    ("the account", "kms:*"): "AWS: without it the key could never be changed or deleted",
    (
        "service logdelivery.elasticloadbalancing.amazonaws.com",
        "${EntranceAccessLogs.Arn}/AWSLogs/${AWS::AccountId}/*",
    ): "the load balancer names its logs by date",
    ("service events.amazonaws.com", "log streams"): "EventBridge names the log streams",
    ("service delivery.logs.amazonaws.com", "log streams"): "EventBridge names the log streams",
}
STREAMS = ":log-group:${MonitoringTaskFailureEvents}:*"
TLS = {"aws:SecureTransport": "true"}
PLAIN = {"aws:SecureTransport": "false"}


@dataclass(frozen=True, eq=False)
class Asked:
    """A request, what has to be decided, and what it is about in words."""

    words: str
    verdict: str
    holder: str
    action: str
    thing: str
    context: Mapping[str, str] = field(default_factory=dict)


PHOTO, UPLOADS = "${StorageUploads.Arn}/photo.jpg", "${StorageUploads.Arn}"
PASSWORD = "${SecretsDatabasePassword.Id}"  # noqa: S105 - its ARN
ELSEWHERE = "arn:aws:s3:::somebody-elses/photo.jpg"
ACCOUNT = "${AWS::AccountId}"
TASK_OF_OURS = {
    "aws:SourceAccount": ACCOUNT,
    "aws:SourceArn": "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:task/x",
}
TASK_OF_OTHERS = {"aws:SourceAccount": "999999999999"}
ECS = "service ecs-tasks.amazonaws.com"
FLOW_LOGS = "service vpc-flow-logs.amazonaws.com"
REQUESTS = (
    Asked("tasks read uploads", "allowed", TASK, "s3:GetObject", PHOTO, TLS),
    Asked("tasks store uploads", "allowed", TASK, "s3:PutObject", PHOTO, TLS),
    Asked("tasks delete uploads", "allowed", TASK, "s3:DeleteObject", PHOTO, TLS),
    Asked("tasks list uploads", "allowed", TASK, "s3:ListBucket", UPLOADS, TLS),
    Asked("not without TLS", "refused", TASK, "s3:GetObject", PHOTO, PLAIN),
    Asked("not older versions", "refused", TASK, "s3:GetObjectVersion", PHOTO, TLS),
    Asked("not the bucket's policy", "refused", TASK, "s3:PutBucketPolicy", UPLOADS, TLS),
    Asked("not another bucket", "refused", TASK, "s3:GetObject", ELSEWHERE, TLS),
    Asked("tasks read a secret", "allowed", TASK, "secretsmanager:GetSecretValue", PASSWORD),
    Asked("not change it", "refused", TASK, "secretsmanager:PutSecretValue", PASSWORD),
    Asked("not another", "refused", TASK, "secretsmanager:GetSecretValue", "another"),
    Asked("not take a role", "refused", TASK, "sts:AssumeRole", EXECUTION),
    Asked("not hand on a role", "refused", TASK, "iam:PassRole", TASK),
    Asked("not the database itself", "refused", TASK, "rds:DeleteDBInstance", "a database"),
    Asked("its user lists uploads", "allowed", USER, "s3:ListBucket", UPLOADS, TLS),
    Asked("and reads them", "allowed", USER, "s3:GetObject", PHOTO, TLS),
    Asked("and stores them", "allowed", USER, "s3:PutObject", PHOTO, TLS),
    Asked("and deletes them", "allowed", USER, "s3:DeleteObject", PHOTO, TLS),
    Asked("but reads no secret", "refused", USER, "secretsmanager:GetSecretValue", PASSWORD),
    Asked("ECS reads secrets", "allowed", EXECUTION, "secretsmanager:GetSecretValue", PASSWORD),
    Asked("ECS pulls the image", "allowed", EXECUTION, "ecr:BatchGetImage", "a repository"),
    Asked("ECS writes logs", "allowed", EXECUTION, "logs:PutLogEvents", "a log stream"),
    Asked("not push an image", "refused", EXECUTION, "ecr:PutImage", "a repository"),
    Asked("not delete logs", "refused", EXECUTION, "logs:DeleteLogGroup", "a log group"),
    Asked("not read uploads", "refused", EXECUTION, "s3:GetObject", PHOTO, TLS),
    Asked(
        "the VPC's log is written",
        "allowed",
        FLOW_LOG,
        "logs:PutLogEvents",
        "${NetworkFlowLogs.Arn}",
    ),
    Asked("not another's", "refused", FLOW_LOG, "logs:PutLogEvents", "another log group"),
    Asked(
        "ECS takes the task role for us", "allowed", ECS, "sts:AssumeRole", TASK, TASK_OF_OURS
    ),
    Asked("not for another account", "refused", ECS, "sts:AssumeRole", TASK, TASK_OF_OTHERS),
    Asked(
        "nor the execution role", "refused", ECS, "sts:AssumeRole", EXECUTION, TASK_OF_OTHERS
    ),
    Asked(
        "another service takes none",
        "refused",
        "service ec2.amazonaws.com",
        "sts:AssumeRole",
        TASK,
    ),
    Asked(
        "a flow log's role is not ECS's",
        "refused",
        ECS,
        "sts:AssumeRole",
        FLOW_LOG,
        TASK_OF_OURS,
    ),
    Asked(
        "nor for another account",
        "refused",
        FLOW_LOGS,
        "sts:AssumeRole",
        FLOW_LOG,
        TASK_OF_OTHERS,
    ),
    Asked(
        "alarms are encrypted",
        "allowed",
        "service cloudwatch.amazonaws.com",
        "kms:GenerateDataKey",
        "AlertsAlarmKey",
        {"aws:SourceAccount": ACCOUNT},
    ),
    Asked(
        "not another account's",
        "refused",
        "service cloudwatch.amazonaws.com",
        "kms:GenerateDataKey",
        "AlertsAlarmKey",
        TASK_OF_OTHERS,
    ),
    Asked(
        "nor published",
        "refused",
        "service cloudwatch.amazonaws.com",
        "sns:Publish",
        "${AlertsAlarmTopic}",
        TASK_OF_OTHERS,
    ),
    Asked("strangers read no uploads", "refused", "someone", "s3:GetObject", PHOTO, TLS),
)


@dataclass(frozen=True)
class Used:
    """A statement that allows something, and the resources of ours that need it."""

    statement: Statement
    users: tuple[str, ...]
    sources: tuple[str, ...]


def needs(resolved: Resolved) -> list[Used]:
    """Return which resources need each statement that allows something."""
    users = Users(resolved)
    found: dict[Statement, list[tuple[str, str]]] = {}
    for grant in grants(statements(resolved)):
        using = found.setdefault(grant.statement, [])
        using += [(title, use.source) for title, use in users.of(grant)]
    return [
        Used(
            statement,
            tuple(dict.fromkeys(title for title, _ in using)),
            tuple(dict.fromkeys(source for _, source in using)),
        )
        for statement, using in found.items()
    ]


def unused(resolved: Resolved) -> list[Grant]:
    """Return what is granted that no resource of ours uses."""
    users = Users(resolved)
    return [g for g in grants(statements(resolved)) if not any(users.of(g))]


def wildcards(resolved: Resolved) -> list[tuple[str, str]]:
    """Return who is allowed something by a pattern, and which."""
    found = []
    for statement in statements(resolved):
        patterns = [*statement.actions, *(thing.name for thing in statement.things)]
        named = [("log streams" if p.endswith(STREAMS) else p) for p in patterns]
        wide = [p for p in named if WILDCARDS.search(p) or p == "log streams"]
        wide += [EVERYONE] if EVERYONE in statement.holder else []
        wide += ["NotAction"] if statement.all_actions_but else []
        wide += ["NotResource"] if statement.all_resources_but else []
        if statement.effect == "Allow":
            found += [(statement.holder, pattern) for pattern in wide]
    return list(dict.fromkeys(found))


def misfits(resolved: Resolved) -> Iterator[str]:
    """Yield what is granted without need or reason, and requests that are decided wrong."""
    for grant in unused(resolved):
        if (grant.holder, grant.action, grant.resource) not in UNUSED:
            yield f"{grant.statement}: {grant}: no resource of ours uses that"
    for holder, pattern in wildcards(resolved):
        if (holder, pattern) not in BUDGET:
            yield f"{holder}: {pattern!r} is a wildcard without a reason"
    said = statements(resolved)
    for asked, verdict in decided(said, resolved):
        if verdict != asked.verdict:
            yield (
                f"{asked.holder}: {asked.action} on {asked.thing}: {verdict}, and should be "
                f"{asked.verdict} ({asked.words})"
            )


def decided(said: Sequence[Statement], resolved: Resolved) -> Iterator[tuple[Asked, str]]:
    """Yield each request and what is decided; none about a role or user that isn't there."""
    for asked in REQUESTS:
        roles = {EXECUTION, TASK, FLOW_LOG, USER} & {asked.holder, asked.thing}
        if roles <= resolved.resources.keys():
            request = Request(asked.holder, asked.action, asked.thing, asked.context)
            yield asked, decide(said, request).verdict


def no_longer(all_of_them: Iterable[Resolved]) -> Iterator[str]:
    """Yield what is accepted and doesn't occur with anybody's values."""
    excess: set[tuple[str, str, str]] = set()
    wide: set[tuple[str, str]] = set()
    for resolved in all_of_them:
        excess |= {(g.holder, g.action, g.resource) for g in unused(resolved)}
        wide |= set(wildcards(resolved))
    for accepted in UNUSED.keys() - excess:
        yield f"{' '.join(accepted)}: accepted as unused, and is no longer"
    for holder, pattern in BUDGET.keys() - wide:
        yield f"{holder}: the wildcard {pattern!r} is accepted, and is no longer there"
