"""LC16xx: who may act, and in whose place."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from liberty_cfn.review.spelling import listed, spelled
from liberty_cfn.rules.policy_documents import (
    Policy,
    arn_of,
    policies_of,
    principals_of,
)
from liberty_cfn.rules.policy_examples import KEY, ROLE, TOPIC_POLICY, swap
from liberty_cfn.rules.rule import (
    UNKNOWN,
    Design,
    Path,
    Problem,
    Rule,
    number,
    spelt,
    text,
)

PRINCIPALS = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html"
DEPUTY = "https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html"
QUOTAS = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"
# A few of the many hundred there are, to find those that were meant.
SERVICES = (
    *("apigateway", "application-autoscaling", "autoscaling", "backup", "batch"),
    *("cloudformation", "cloudfront", "cloudtrail", "cloudwatch", "codebuild", "codedeploy"),
    *("codepipeline", "config", "delivery.logs", "dms", "ec2", "ecs", "ecs-tasks", "eks"),
    *("elasticache", "elasticloadbalancing", "events", "export.rds", "firehose", "glue"),
    *("guardduty", "iot", "kms", "lambda", "logdelivery.elasticloadbalancing", "logs"),
    *("monitoring.rds", "rds", "s3", "scheduler", "secretsmanager", "ses", "sns", "spotfleet"),
    *("sqs", "ssm", "states", "transfer", "vpc-flow-logs", "wafv2", "xray", "sagemaker"),
    *(
        "ecs.application-autoscaling",
        "pipes",
        "edgelambda",
        "budgets",
        "cloudwatch.crossaccount",
    ),
)
# Who has to be able to assume a role that is given there.
ASSUMED_BY = {
    ("AWS::ECS::TaskDefinition", "TaskRoleArn"): "ecs-tasks.amazonaws.com",
    ("AWS::ECS::TaskDefinition", "ExecutionRoleArn"): "ecs-tasks.amazonaws.com",
    ("AWS::EC2::FlowLog", "DeliverLogsPermissionArn"): "vpc-flow-logs.amazonaws.com",
    ("AWS::RDS::DBInstance", "MonitoringRoleArn"): "monitoring.rds.amazonaws.com",
    ("AWS::Lambda::Function", "Role"): "lambda.amazonaws.com",
}
# Behind the account there is who of it; no group, and no part of a name with * for the rest.
PRINCIPAL = re.compile(r"arn:aws[a-z-]*:(?:iam|sts)::(?:\d{12}|cloudfront|\0)?:(.+)", re.DOTALL)
KINDS_OF_PRINCIPAL = r"root|\*|(user|role|assumed-role|federated-user)/[^*?]+"
# Services that say on whose behalf they come, so that others' can be refused.
DEPUTIES = frozenset(
    f"{name}.amazonaws.com"
    for name in (
        *("ecs-tasks", "vpc-flow-logs", "events", "scheduler", "cloudwatch", "sns", "s3"),
        *("cloudtrail", "config", "logs", "states", "codebuild", "backup", "rds"),
    )
)
# But to whom each doesn't say it, so that with a condition it would be refused itself.
# https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
SILENT = (("AWS::KMS::Key", "events.amazonaws.com"),)
# What comes for whom: the service that ARNs of aws:SourceArn are of.
SOURCE_OF = {
    "ecs-tasks.amazonaws.com": "ecs",
    "vpc-flow-logs.amazonaws.com": "ec2",
    "monitoring.rds.amazonaws.com": "rds",
}
# Other rules look at who may use these.
OPEN_ELSEWHERE = ("AWS::S3::BucketPolicy", "AWS::SecretsManager::ResourcePolicy")
GITHUB_HOST, AUDIENCE = "token.actions.githubusercontent.com", "sts.amazonaws.com"
SOURCES = ("aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid", "aws:sourceorgpaths")


def _principals_are_there(design: Design) -> Iterator[Problem]:
    known_services = {f"{name}.amazonaws.com" for name in SERVICES}
    for policy in policies_of(design):
        for at, statement in policy.statements():
            for path, kind, value in principals_of(statement):
                name, where = arn_of(design, value), (*at, *path)
                if kind not in ("", "AWS", "Service", "Federated", "CanonicalUser"):
                    expected = "expected AWS, Service, Federated or CanonicalUser"
                    yield policy.problem(where, f"{kind!r} is no kind of principal; {expected}")
                elif not kind and name != "*":
                    why = f"{name!r} says not what it is; expected {{Service: {name}}}, or *"
                    yield policy.problem(where, why)
                elif kind == "Service" and UNKNOWN not in name and name not in known_services:
                    meant = difflib.get_close_matches(name, known_services, n=1, cutoff=0.92)
                    regional = re.fullmatch(r"[a-z0-9.-]+\.amazonaws\.com(\.cn)?", name)
                    if not regional or meant:
                        guess = f"; did you mean {meant[0]}?" if meant else ""
                        why = f"{name!r} is no service{guess or '; expected *.amazonaws.com'}"
                        yield policy.problem(where, why)
                elif kind == "AWS" and not _is_somebody(name):
                    expected = "expected an account, or the ARN of a role or user"
                    yield policy.problem(where, f"{name!r} is nobody; {expected}")


def _is_somebody(name: str) -> bool:
    """Whether a name may be a principal's, as far as it is known here."""
    if not name.startswith("arn:"):
        return name == "*" or re.fullmatch(r"\d{12}", name) is not None or UNKNOWN in name
    said = PRINCIPAL.fullmatch(name)
    if said is None:
        return UNKNOWN in name and ":iam::" not in name
    return (
        UNKNOWN in said[1] or re.fullmatch(KINDS_OF_PRINCIPAL, said[1], re.DOTALL) is not None
    )


def _roles_are_assumed(design: Design) -> Iterator[Problem]:
    for (kind, name), service in ASSUMED_BY.items():
        for user in design.of_type(kind):
            role = design.follow(user.properties.get(name))
            if role is None or role.type != "AWS::IAM::Role":
                continue
            trusted = {
                spelt(value)
                for policy in policies_of(design)
                if policy.resource.id == role.id and policy.kind == "trust"
                for _, statement in policy.statements()
                if statement.get("Effect") == "Allow"
                for _, _, value in principals_of(statement)
            }
            if service not in trusted and "*" not in trusted:
                why = f"{user.origin} needs {service} to assume this role; expected it here"
                yield Problem(role.id, ("Properties", "AssumeRolePolicyDocument"), why)
    for policy in policies_of(design):
        for at, statement in policy.statements() if policy.kind == "trust" else ():
            for _, kind, value in principals_of(statement):
                for why in _comes_for_another(statement, spelt(value)):
                    yield policy.problem((*at, "Condition"), why)
                for why in _assumed_otherwise(statement, kind, spelled(value)):
                    yield policy.problem((*at, "Action"), why)


def _assumed_otherwise(statement: Mapping[str, Any], kind: str, whose: str) -> Iterator[str]:
    """Yield the actions that let a principal of that kind assume nothing."""
    actions = [text(action) or "" for action in listed(statement.get("Action"))]
    assuming = [one for one in actions if one.lower().startswith("sts:assumerole")]
    wanted = "sts:AssumeRole"
    if kind == "Federated":
        saml = ":saml-provider/" in whose
        wanted += "WithSAML" if saml else "WithWebIdentity"
    if {action.lower() for action in actions} & {"*", "sts:*"}:
        yield f"{whose} may do all that STS does with the role; expected {wanted}"
    for action in assuming:
        if "*" not in action and action.lower() != wanted.lower():
            yield f"{whose} can't {action}; expected {wanted}"
    for action in actions:
        if not action.lower().startswith("sts:") and action not in ("", "*"):
            yield f"{action} in a policy of trust, which IAM refuses; expected {wanted}"


def _comes_for_another(statement: Mapping[str, Any], service: str) -> Iterator[str]:
    """Yield the sources that a service is let in for, and that it never comes for."""
    blocks = statement.get("Condition")
    for block in blocks.values() if isinstance(blocks, dict) else ():
        for key, values in block.items() if isinstance(block, dict) else ():
            for value in listed(values) if key.lower() == "aws:sourcearn" else ():
                said = spelled(value).split(":")
                source = said[2] if len(said) > 2 else ""  # noqa: PLR2004
                expected = SOURCE_OF.get(service, source)
                if re.fullmatch("[a-z0-9-]+", source) and source != expected:
                    yield f"{service} never comes for {spelled(value)}; expected {expected}'s"


def _trust_is_not_open(design: Design) -> Iterator[Problem]:
    for policy in policies_of(design):
        for at, statement in policy.statements():
            if statement.get("Effect") != "Allow":
                continue
            keys = _condition_keys(statement)
            for path, kind, value in principals_of(statement):
                name, where = spelled(value), (*at, *path)
                if name == "*" and kind in ("", "AWS") and (why := _open_to_all(policy, keys)):
                    yield policy.problem(where, why)
                elif kind == "Federated" and "saml" not in name:
                    yield from _misread(policy, at, statement, _host(design, value))
                    yield from _open_federation(policy, at, statement, name)
                elif kind == "Service" and name in DEPUTIES and not keys & {*SOURCES}:
                    of = policy.resource.type
                    if of == "AWS::Logs::ResourcePolicy" or (of, name) in SILENT:
                        continue
                    if _within_account(statement):
                        continue
                    why = (
                        f"{name} may come on behalf of another account; expected a Condition "
                        "on aws:SourceAccount or aws:SourceArn"
                    )
                    yield policy.problem(where, why)


def _open_to_all(policy: Policy, keys: set[str]) -> str:
    """Return what everybody may do by a statement; empty where other rules tell."""
    if policy.kind == "trust":
        return "anybody in AWS may assume this role; expected whom it is for"
    if policy.resource.type in OPEN_ELSEWHERE or keys:
        return ""
    return "anybody in AWS may do this; expected whom it is for, or a Condition"


def _within_account(statement: Mapping[str, Any]) -> bool:
    """Whether what a statement is about names the account."""
    return any(
        "${AWS::AccountId}" in spelled(value) and "/" in spelled(value)
        for value in listed(statement.get("Resource"))
    )


def _condition_keys(statement: Mapping[str, Any]) -> set[str]:
    conditions = statement.get("Condition")
    blocks = conditions.values() if isinstance(conditions, dict) else ()
    return {str(key).lower() for block in blocks if isinstance(block, dict) for key in block}


def _open_federation(
    policy: Policy, at: Path, statement: Mapping[str, Any], provider: str
) -> Iterator[Problem]:
    """Yield what leaves a role to others who use the same identity provider."""
    conditions = statement.get("Condition", {})
    found = [
        (operator, spelled(value))
        for operator, block in conditions.items()
        if isinstance(block, dict)
        for key, values in block.items()
        if str(key).lower().endswith(":sub")
        for value in listed(values)
    ]
    if not found:
        why = (
            f"anybody whom {provider} knows may assume this role; expected a Condition on :sub"
        )
        yield policy.problem((*at, "Condition"), why)
    for operator, value in found:
        if operator.startswith("StringLike") and re.match(r"(repo:)?\*", value):
            why = f"{value!r} fits everybody's repositories; expected ours, by name"
            yield policy.problem((*at, "Condition"), why)
        elif "*" in value and operator.startswith("StringEquals"):
            why = f"StringEquals takes the * in {value!r} literally; expected StringLike"
            yield policy.problem((*at, "Condition"), why)


def _host(design: Design, provider: Any) -> str:
    """Return where an identity provider is, which its condition keys begin with."""
    made = design.follow(provider)
    url = text(made.properties.get("Url")) if made else None
    return (url or spelled(provider).partition(":oidc-provider/")[2]).removeprefix("https://")


def _misread(
    policy: Policy, at: Path, statement: Mapping[str, Any], host: str
) -> Iterator[Problem]:
    """Yield what a provider's tokens never say, so that nobody may assume the role."""
    for key in sorted(_condition_keys(statement)):
        whose = key.rpartition(":")[0]
        if host and "$" not in host + key and whose not in ("", "aws", "sts", host.lower()):
            why = f"{host} says nothing of {key}, which never fits; expected {host}:sub"
            yield policy.problem((*at, "Condition"), why)
    blocks = statement.get("Condition", {})
    for key, values in (pair for block in blocks.values() for pair in block.items()):
        for value in listed(values):
            said = text(value) or ""
            why = ""
            if key.lower() == f"{GITHUB_HOST}:sub" and said and ":" not in said:
                why = f"no token's sub is {said!r}; expected repo:OWNER/NAME:..."
            if key.lower() == f"{GITHUB_HOST}:aud" and said != AUDIENCE and _nearly(said):
                why = f"no token is for {said!r}; expected {AUDIENCE}"
            if why:
                yield policy.problem((*at, "Condition"), why)


def _nearly(said: str) -> bool:
    return bool(difflib.get_close_matches(said, [AUDIENCE], cutoff=0.8))


def _sessions(design: Design) -> Iterator[Problem]:
    for role in design.of_type("AWS::IAM::Role"):
        seconds = number(role.properties.get("MaxSessionDuration"))
        if seconds is not None and not 3600 <= seconds <= 43200:  # noqa: PLR2004
            why = f"{seconds:g} seconds; expected an hour to twelve: 3600 to 43200"
            yield Problem(role.id, ("Properties", "MaxSessionDuration"), why)


TASK = """
Task:
  Type: AWS::ECS::TaskDefinition
  Properties: {TaskRoleArn: !GetAtt Role.Arn}
"""
OPEN_TOPIC = TOPIC_POLICY.partition("        Condition")[0]
GITHUB = """
Role:
  Type: AWS::IAM::Role
  Properties:
    AssumeRolePolicyDocument:
      Version: "2012-10-17"
      Statement:
      - Effect: Allow
        Principal: {Federated: "arn:aws:iam::123456789012:oidc-provider/token.actions"}
        Action: sts:AssumeRoleWithWebIdentity
        Condition:
          StringEquals: {"token.actions:sub": "repo:liberty/backend:environment:prod"}
"""
REAL = GITHUB.replace("token.actions", GITHUB_HOST).replace(
    f'"{GITHUB_HOST}:sub"', f'"{GITHUB_HOST}:aud": "{AUDIENCE}", "{GITHUB_HOST}:sub"'
)
SOURCED = """        Condition:
          ArnLike: {"aws:SourceArn": !Sub "arn:aws:ecs:us-east-1:${AWS::AccountId}:*"}
"""
THE_ACCOUNT = '{AWS: !Sub "arn:aws:iam::${AWS::AccountId}:root"}'
CONDITION = """        Condition: {StringEquals: {"aws:SourceAccount": !Ref AWS::AccountId}}
"""


RULES: tuple[Rule, ...] = (
    Rule(
        "LC1604",
        "error",
        "A principal is somebody",
        "IAM refuses a principal that isn't there when the role is made; and a service's name "
        "that is nearly right is another's, or nobody's.",
        PRINCIPALS,
        _principals_are_there,
        good=(
            ROLE,
            KEY,
            swap("${AWS::AccountId}:root", "${AWS::AccountId}:user/service/backup", KEY),
            swap('!Sub "arn:aws:iam::${AWS::AccountId}:root"', "!Ref AWS::AccountId", KEY),
        ),
        bad=(
            swap("ecs-tasks.amazonaws", "ecs-task.amazonaws"),
            swap("ecs-tasks.amazonaws.com", "ecs-tasks"),
            swap("{Service: ecs-tasks.amazonaws.com}", "ecs-tasks.amazonaws.com"),
            swap("Service: ecs", "Services: ecs"),
            swap("iam::${AWS::AccountId}", "iam:us-east-1:${AWS::AccountId}", KEY),
            swap("${AWS::AccountId}:root", "${AWS::AccountId}:roots", KEY),
            swap("${AWS::AccountId}:root", "${AWS::AccountId}:role/ecs*", KEY),
            swap("${AWS::AccountId}:root", "${AWS::AccountId}:group/admins", KEY),
        ),
    ),
    Rule(
        "LC1605",
        "error",
        "A role can be assumed by who it is for",
        "ECS can't assume a role that trusts another service: tasks don't start, and say so "
        "only in the service's events.",
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html",
        _roles_are_assumed,
        good=(
            GITHUB,
            ROLE + TASK,
            ROLE.replace(CONDITION, SOURCED),
        ),
        bad=(
            swap("sts:AssumeRole", "sts:AssumeRoleWithWebIdentity"),
            swap("sts:AssumeRole", "[sts:AssumeRole, s3:GetObject]"),
            swap("sts:AssumeRole", "sts:*"),
            GITHUB.replace("WithWebIdentity", ""),
            GITHUB.replace("WithWebIdentity", "WithSAML"),
            ROLE.replace(CONDITION, SOURCED.replace(":ecs:", ":ec2:")),
            ROLE.replace("ecs-tasks", "ecs") + TASK,
            ROLE.replace("ecs-tasks", "ec2") + TASK,
            ROLE.replace("Effect: Allow\n        Principal", "Effect: Deny\n        Principal")
            + TASK,
        ),
    ),
    Rule(
        "LC1607",
        "error",
        "A role is open to those alone whom it is for",
        "A service acts for every account: without a condition on the source, another's may "
        "have it act here. An identity provider knows everybody: without one on sub, all of "
        "them may deploy.",
        DEPUTY,
        _trust_is_not_open,
        good=(
            ROLE,
            GITHUB,
            REAL,
            TOPIC_POLICY,
            KEY.replace(THE_ACCOUNT, "{Service: events.amazonaws.com}"),
        ),
        bad=(
            swap(CONDITION, ""),
            KEY.replace(THE_ACCOUNT, "{Service: cloudwatch.amazonaws.com}"),
            swap("{Service: ecs-tasks.amazonaws.com}", "'*'"),
            swap("{Service: ecs-tasks.amazonaws.com}", "{AWS: '*'}"),
            OPEN_TOPIC.replace("{Service: cloudwatch.amazonaws.com}", "'*'"),
            OPEN_TOPIC,
            GITHUB.replace("actions:sub", "actions:aud"),
            GITHUB.replace('"token.actions:sub"', '"token.action:sub"'),
            GITHUB.replace("StringEquals", "StringLike").replace(
                "repo:liberty/backend:", "repo:*"
            ),
            GITHUB.replace("environment:prod", "*"),
            REAL.replace("repo:liberty/backend:environment:prod", "liberty/backend"),
            REAL.replace("sts.amazonaws.com", "sts.amazon.com"),
        ),
    ),
    Rule(
        "LC1614",
        "error",
        "A session lasts from one hour to twelve",
        "IAM refuses a role whose MaxSessionDuration is out of that range.",
        QUOTAS,
        _sessions,
        good=(ROLE.replace("    Policies:", "    MaxSessionDuration: 10800\n    Policies:"),),
        bad=(ROLE.replace("    Policies:", "    MaxSessionDuration: 50000\n    Policies:"),),
    ),
)
