"""What resources do by themselves with what they refer to: why something has to be granted.

A grant is used if a resource of `user` refers to what is granted, and to who holds it: its
role by the property `by`, or it acts as the service `by`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from liberty_cfn.model.resolving import Resolved, Resource
from liberty_cfn.review.actions import fits
from liberty_cfn.review.grants import Grant
from liberty_cfn.review.spelling import referred, spelled
from liberty_cfn.review.statements import ACCOUNT

REFERENCE = re.compile(r"\$\{(\w+)")
# What an action knows no resources of is granted on.
NO_RESOURCE = ""
DOCS = "https://docs.aws.amazon.com"


@dataclass(frozen=True)
class Use:
    """What a type does with a type that it refers to, as whom, and where that is written.

    `if_` is a property that has to be true for it to do so.
    """

    user: str
    by: str
    actions: tuple[str, ...]
    on: str
    source: str
    if_: str = ""


TASK = "AWS::ECS::TaskDefinition"
EXECUTION = f"{DOCS}/AmazonECS/latest/developerguide/task_execution_IAM_role.html"
ENV_FILE = f"{DOCS}/AmazonECS/latest/developerguide/use-environment-file.html"
TASK_ROLE = f"{DOCS}/AmazonECS/latest/developerguide/task-iam-roles.html"
TO_LOGS = f"{DOCS}/eventbridge/latest/userguide/eb-use-resource-based.html"
SPEC = "the spec: ecsTaskRole"
USES = (
    Use(
        TASK,
        "ExecutionRoleArn",
        ("secretsmanager:GetSecretValue",),
        "AWS::SecretsManager::Secret",
        f"{DOCS}/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html",
    ),
    Use(TASK, "ExecutionRoleArn", ("ecr:GetAuthorizationToken",), NO_RESOURCE, EXECUTION),
    Use(
        TASK,
        "ExecutionRoleArn",
        ("ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"),
        "AWS::ECR::Repository",
        EXECUTION,
    ),
    Use(
        TASK,
        "ExecutionRoleArn",
        ("logs:CreateLogStream", "logs:PutLogEvents"),
        "AWS::Logs::LogGroup",
        EXECUTION,
    ),
    Use(TASK, "ExecutionRoleArn", ("s3:GetObject", "s3:GetBucketLocation"), "a file", ENV_FILE),
    Use(
        TASK,
        "TaskRoleArn",
        ("s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"),
        "AWS::S3::Bucket",
        SPEC,
    ),
    # As the user whose key its secrets hold.
    Use(
        TASK,
        "ContainerDefinitions",
        ("s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"),
        "AWS::S3::Bucket",
        SPEC,
    ),
    Use(
        TASK,
        "TaskRoleArn",
        ("secretsmanager:GetSecretValue",),
        "AWS::SecretsManager::Secret",
        SPEC,
    ),
    Use(
        TASK,
        "service ecs-tasks.amazonaws.com",
        ("sts:AssumeRole",),
        "AWS::IAM::Role",
        TASK_ROLE,
    ),
    Use(
        "AWS::ECS::Service",
        "TaskDefinition",
        (
            "ssmmessages:CreateControlChannel",
            "ssmmessages:CreateDataChannel",
            "ssmmessages:OpenControlChannel",
            "ssmmessages:OpenDataChannel",
        ),
        NO_RESOURCE,
        f"{DOCS}/AmazonECS/latest/developerguide/ecs-exec.html",
        if_="EnableExecuteCommand",
    ),
    Use(
        "AWS::EC2::FlowLog",
        "DeliverLogsPermissionArn",
        ("logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"),
        "AWS::Logs::LogGroup",
        f"{DOCS}/vpc/latest/userguide/flow-logs-iam-role.html",
    ),
    Use(
        "AWS::EC2::FlowLog",
        "service vpc-flow-logs.amazonaws.com",
        ("sts:AssumeRole",),
        "AWS::IAM::Role",
        f"{DOCS}/vpc/latest/userguide/flow-logs-iam-role.html",
    ),
    Use(
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "service logdelivery.elasticloadbalancing.amazonaws.com",
        ("s3:PutObject",),
        "AWS::S3::Bucket",
        f"{DOCS}/elasticloadbalancing/latest/application/enable-access-logging.html",
    ),
    Use(
        "AWS::CloudWatch::Alarm",
        "service cloudwatch.amazonaws.com",
        ("sns:Publish",),
        "AWS::SNS::Topic",
        f"{DOCS}/sns/latest/dg/sns-access-policy-use-cases.html",
    ),
    Use(
        "AWS::SNS::Topic",
        "service cloudwatch.amazonaws.com",
        ("kms:Decrypt", "kms:GenerateDataKey"),
        "AWS::KMS::Key",
        f"{DOCS}/sns/latest/dg/sns-key-management.html",
    ),
    Use(
        "AWS::Events::Rule",
        "service events.amazonaws.com",
        ("logs:CreateLogStream", "logs:PutLogEvents"),
        "AWS::Logs::LogGroup",
        TO_LOGS,
    ),
    Use(
        "AWS::Events::Rule",
        "service delivery.logs.amazonaws.com",
        ("logs:CreateLogStream", "logs:PutLogEvents"),
        "AWS::Logs::LogGroup",
        TO_LOGS,
    ),
    # Without it, nobody could ever change or delete the key.
    Use(
        "AWS::SNS::Topic",
        ACCOUNT,
        ("kms:*",),
        "AWS::KMS::Key",
        f"{DOCS}/kms/latest/developerguide/key-policy-default.html",
    ),
)


class Users:
    """Who refers to whom in a design, to find who uses a grant."""

    def __init__(self, resolved: Resolved) -> None:
        self.resolved = resolved
        self.direct: Mapping[str, frozenset[str]] = {
            title: frozenset(referred(dict(resource.properties)))
            for title, resource in resolved.resources.items()
        }

    def of(self, grant: Grant) -> Iterator[tuple[str, Use]]:
        """Yield the resources that use a grant, and for what."""
        for use in USES:
            if any(fits(pattern, grant.action) for pattern in use.actions):
                for resource in self.resolved.of_type(use.user):
                    if self._holds(resource, use, grant.holder) and self._on(
                        resource, use, grant
                    ):
                        yield resource.id, use

    def _holds(self, resource: Resource, use: Use, holder: str) -> bool:
        if use.if_ and str(resource.properties.get(use.if_)).lower() != "true":
            return False
        named = resource.properties.get(use.by)
        return (
            use.by == holder
            or holder in self._through(named)
            or spelled(named).endswith(f":role/{holder}")
        )

    def _through(self, value: object) -> frozenset[str]:
        """Return what a value refers to, also by way of others."""
        found: set[str] = set()
        waiting = list(referred(value))
        while waiting:
            title = waiting.pop()
            if title not in found:
                found.add(title)
                waiting += self.direct.get(title, ())
        return frozenset(found)

    def _on(self, resource: Resource, use: Use, grant: Grant) -> bool:
        """Whether a resource does what it uses with what is granted."""
        if use.on == NO_RESOURCE:
            return True
        mentioned = {
            title
            for title in self.direct[resource.id]
            if title in self.resolved.resources
            and self.resolved.resources[title].type == use.on
        }
        if grant.resource == "*":
            return bool(mentioned)
        granted = {*REFERENCE.findall(grant.resource), grant.resource}
        # A file that is given by its ARN; of its bucket, only where that is.
        literal = use.on == "a file" and grant.resource in spelled(
            resource.properties.get("ContainerDefinitions")
        )
        return literal or bool(mentioned & granted)
