"""IAM: the role tasks are started with, and the role they run with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from liberty_cfn.verify import secrets, uploads
from liberty_cfn.verify.facts import Fact, equal, exactly
from liberty_cfn.verify.policies import asked_by, document, grant, grants
from liberty_cfn.verify.reading import Aws

TASKS = "Service ecs-tasks.amazonaws.com"
READ = "secretsmanager:GetSecretValue"
DESCRIBE = "secretsmanager:DescribeSecret"
OBJECT_ACTIONS = ("s3:GetObject", "s3:PutObject", "s3:DeleteObject")
SHELL_ACTIONS = (
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
)


def execution_role_name(aws: Aws) -> str:
    return aws.settings["ExistingExecutionRole"] or aws.named("ecsTaskExecutionRole")


def execution_role(aws: Aws) -> Iterator[Fact]:
    """State what the spec says of the role that ECS starts tasks with."""
    name = execution_role_name(aws)
    existing = bool(aws.settings["ExistingExecutionRole"])
    found = aws.read("iam", "get_role", RoleName=name)["Role"]
    yield equal("name", name, found["RoleName"])
    # A role with a path has another ARN than the one in the task definition.
    yield equal("ARN", aws.arn("iam", f"role/{name}", regional=False), found["Arn"])
    if existing:
        # Somebody else's role: what else it may do is up to them.
        trusted = any(f"to {TASKS}" in each for each in _trusted(found))
        yield equal(f"trusts {TASKS}", expected=True, found=trusted)
    else:
        yield from _trust(aws, found)
    managed = "iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
    attached = _attached(aws, name)
    yield from exactly(
        "managed policy",
        [f"arn:{aws.partition}:{managed}"],
        attached,
        harmless=attached if existing else (),
    )

    may_read = aws.named("SecretsManagerAccess") if existing else "SecretsManagerAccess"
    expected = {may_read: [grant("Allow", a, s) for a in (READ, DESCRIBE) for s in _all(aws)]}
    if file := aws.settings["EnvironmentFile"]:
        # ECS asks in which region the bucket is, before it gets the file.
        expected[aws.named("EnvironmentFileAccess")] = [
            grant("Allow", "s3:GetObject", file),
            grant("Allow", "s3:GetBucketLocation", file.partition("/")[0]),
        ]
    yield from _inline(aws, name, expected, others=existing)


def task_role(aws: Aws) -> Iterator[Fact]:
    """State what the spec says of the role that tasks run with."""
    name = aws.named("ecsTaskRole")
    found = aws.read("iam", "get_role", RoleName=name)["Role"]
    yield equal("name", name, found["RoleName"])
    yield from _trust(aws, found)
    yield from exactly("managed policy", [], _attached(aws, name))
    bucket, files = uploads.arn(aws), f"{uploads.arn(aws)}/*"
    expected = {
        "S3Access": [
            grant("Allow", "s3:ListBucket", bucket),
            *(grant("Allow", action, files) for action in OBJECT_ACTIONS),
        ],
        "SecretsManagerAccess": [grant("Allow", READ, s) for s in _all(aws)],
    }
    if aws.flag("ExecuteCommand"):
        expected["ExecuteCommand"] = [grant("Allow", action, "*") for action in SHELL_ACTIONS]
    # The spec grants four actions on both resources; half of those pairs have no effect.
    harmless = [
        grant("Allow", "s3:ListBucket", files),
        *(grant("Allow", action, bucket) for action in OBJECT_ACTIONS),
    ]
    yield from _inline(aws, name, expected, harmless=harmless)


def _all(aws: Aws) -> list[str]:
    return [secrets.full_name(aws, name) for name in secrets.NAMES]


def _trusted(role: Any) -> list[str]:
    return grants(document(role["AssumeRolePolicyDocument"]))


def _trust(aws: Aws, role: Any) -> Iterator[Fact]:
    when = asked_by(aws.account, aws.arn("ecs", "*"))
    expected = grant("Allow", "sts:AssumeRole", to=TASKS, when=when)
    yield from exactly("trust", [expected], _trusted(role))


def _attached(aws: Aws, name: str) -> list[str]:
    answer = aws.read("iam", "list_attached_role_policies", RoleName=name)
    return [each["PolicyArn"] for each in answer.get("AttachedPolicies", [])]


def _inline(
    aws: Aws,
    name: str,
    expected: dict[str, list[str]],
    *,
    harmless: Iterable[str] = (),
    others: bool = False,
) -> Iterator[Fact]:
    """State a role's inline policies and what each grants; `others` says if more are fine."""
    there = aws.read("iam", "list_role_policies", RoleName=name).get("PolicyNames", [])
    yield from exactly("policy", expected, there, harmless=there if others else ())
    for policy, granted in expected.items():
        if policy in there:
            answer = aws.read("iam", "get_role_policy", RoleName=name, PolicyName=policy)
            found = grants(answer["PolicyDocument"], partial(secrets.called, aws))
            yield from exactly(policy, granted, found, harmless=harmless)
