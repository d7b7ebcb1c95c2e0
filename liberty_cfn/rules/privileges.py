"""LC16xx: how much is allowed, and by which policies of AWS."""

from __future__ import annotations

import re
from collections.abc import Iterator

from liberty_cfn.model import subs
from liberty_cfn.model.resolving import Resource
from liberty_cfn.review.actions import fits
from liberty_cfn.review.spelling import listed, spelled
from liberty_cfn.review.spelling import referred as mentioned
from liberty_cfn.rules.authorization import forms_of, in_words
from liberty_cfn.rules.managed_policies import not_managed
from liberty_cfn.rules.policy_documents import (
    actions_of,
    policies_of,
    principals_of,
)
from liberty_cfn.rules.policy_examples import KEY, ROLE, swap
from liberty_cfn.rules.rule import (
    Design,
    Path,
    Problem,
    Rule,
    each,
    spelt,
)

MANAGED_LIST = (
    "https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html"
)
LEAST = "https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html"
KEY_POLICY = "https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html"
MOST_MANAGED = 10
# What only reads, and may be about all there is: the budget for wildcards. The rest is
# listed here though it starts likewise.
READING = re.compile(r"[a-z0-9-]+:(describe|list|get|batchget|lookup|search|view|check|detect)")
TELLING = re.compile(
    r"secretsmanager:(batch)?getsecretvalue|s3:getobject.*|ssm:getparameter.*|iam:passrole"
    r"|sts:assumerole|dynamodb:(batch)?getitem|sqs:receivemessage|kms:decrypt"
)


def _wildcards_are_few(design: Design) -> Iterator[Problem]:
    for policy in policies_of(design):
        if policy.kind != "identity":
            continue
        deploying = _is_of_people(design, policy.resource)
        for at, statement in policy.statements():
            if statement.get("Effect") != "Allow":
                continue
            for name in ("NotAction", "NotResource"):
                if name in statement:
                    why = f"{name} allows all that AWS will ever add; expected what is needed"
                    yield policy.problem((*at, name), why)
            everything = any(spelt(v) == "*" for v in listed(statement.get("Resource")))
            for path, action in actions_of(statement):
                why = _too_wide(action, everything=everything, deploying=deploying)
                if why and path[0] == "Action":
                    yield policy.problem((*at, *path), why)


def _too_wide(action: str, *, everything: bool, deploying: bool) -> str:
    """Return what is too wide in allowing an action; empty if nothing is."""
    service, _, named = action.partition(":")
    if action == "*" or named == "*":
        what = "all of AWS" if action == "*" else f"all of {service}"
        return f"allows {what}; expected the actions that are needed"
    if not everything or not forms_of(action):
        return ""
    telling = TELLING.match(action.lower())
    reading = READING.match(action.lower())
    if telling or not (reading or deploying):
        return f"{action} on everything; expected some {in_words(action)}"
    return ""


def _is_of_people(design: Design, resource: Resource) -> bool:
    """Whether a policy is of roles that deploy: for people, pipelines and CloudFormation.

    So is one that nobody here has.
    """
    holders = [resource]
    if resource.type.endswith("Policy"):
        named = [*listed(resource.properties.get("Roles")), resource.properties.get("RoleName")]
        holders = [holder for value in named if (holder := design.follow(value))]
        holders += [
            role
            for role in design.of_type("AWS::IAM::Role")
            if resource.id in mentioned(role.properties.get("ManagedPolicyArns"))
        ]
    trusted = [
        statement.get("Principal")
        for holder in holders
        for _, statement in each(
            holder.properties, "AssumeRolePolicyDocument", "Statement", "*"
        )
        if isinstance(statement, dict)
    ]
    return not holders or any(
        who.keys() & {"AWS", "Federated"} or "cloudformation.amazonaws.com" in repr(who)
        for who in trusted
        if isinstance(who, dict)
    )


def _managed(role: Resource) -> Iterator[tuple[Path, str]]:
    """Yield the managed policies that a role names; not those that only AWS knows."""
    for path, value in each(role.properties, "ManagedPolicyArns", "*"):
        if not (arn := spelled(value)).startswith(("${", subs.DYNAMIC)):
            yield ("Properties", *path), arn


def _managed_policies_exist(design: Design) -> Iterator[Problem]:
    for holder in design.of_type("AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group"):
        seen: set[str] = set()
        for path, arn in _managed(holder):
            if arn in seen:
                yield Problem(holder.id, path, f"{arn} is there twice; expected each once")
            seen.add(arn)
            partition = arn.split(":")[1] if arn.count(":") > 1 else ""
            if partition not in (_partition(design.region), "${AWS", "${AWS::Partition}"):
                why = f"{arn} is of another partition; expected arn:${{AWS::Partition}}:..."
                yield Problem(holder.id, path, why)
            found = re.fullmatch(
                r"arn:(?:[^:]+|\$\{AWS::Partition\}):iam::aws:policy/(.+)", arn
            )
            if not found:
                if "iam::aws" in arn:
                    why = f"{arn} is no policy of AWS's; expected arn:aws:iam::aws:policy/..."
                    yield Problem(holder.id, path, why)
                continue
            if why := not_managed(found[1]):
                yield Problem(holder.id, path, why)
        if len(seen) > MOST_MANAGED:
            why = f"{len(seen)} managed policies; IAM takes {MOST_MANAGED}"
            yield Problem(holder.id, ("Properties", "ManagedPolicyArns"), why)


def _partition(region: str) -> str:
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def _no_administrators(design: Design) -> Iterator[Problem]:
    everything = ("/AdministratorAccess", "/PowerUserAccess", "/IAMFullAccess")
    for holder in design.of_type("AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group"):
        for path, arn in _managed(holder):
            if arn.endswith(everything):
                why = f"{arn.rpartition('/')[2]} allows everything; expected what is needed"
                yield Problem(holder.id, path, why)


def _keys_stay_ours(design: Design) -> Iterator[Problem]:
    for policy in policies_of(design):
        if policy.resource.type != "AWS::KMS::Key":
            continue
        managed = any(
            statement.get("Effect") == "Allow"
            and any(fits(a.lower(), "kms:putkeypolicy") for _, a in actions_of(statement))
            and any(kind == "AWS" for _, kind, _ in principals_of(statement))
            for _, statement in policy.statements()
        )
        if not managed:
            why = (
                "nobody could ever change this key's policy; expected a statement that allows "
                "kms:* to the account (arn:aws:iam::ACCOUNT:root)"
            )
            yield policy.problem(policy.path, why)


MANAGED_POLICY = "service-role/AmazonECSTaskExecutionRolePolicy"
MANAGED_ROLE = ROLE.replace(
    "    Policies:",
    """
    ManagedPolicyArns:
    - arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy
    Policies:""",
)


RULES: tuple[Rule, ...] = (
    Rule(
        "LC1608",
        "error",
        "Wildcards are few: * is for what only reads, or knows no resources",
        "The budget: Resource * for Describe, List and Get that tell no secret and no file, "
        "for actions that know no resources, and for roles of people and pipelines to deploy "
        "with. No Action *, none of a whole service, no NotAction. More is open to whoever "
        "takes over a task.",
        LEAST,
        _wildcards_are_few,
        good=(
            ROLE,
            swap(
                's3:GetObject, Resource: !Sub "${Bucket.Arn}/*"',
                "ecs:DescribeTasks, Resource: '*'",
            ),
        ),
        bad=(
            swap("Action: s3:GetObject", "Action: '*'"),
            swap("Action: s3:GetObject", "Action: s3:*"),
            swap("Action: s3:GetObject", "NotAction: iam:*"),
            swap('!Sub "${Bucket.Arn}/*"', "'*'"),
            swap(
                's3:GetObject, Resource: !Sub "${Bucket.Arn}/*"', "iam:PassRole, Resource: '*'"
            ),
            swap(
                's3:GetObject, Resource: !Sub "${Bucket.Arn}/*"',
                "secretsmanager:GetSecretValue, Resource: '*'",
            ),
        ),
    ),
    Rule(
        "LC1609",
        "error",
        "A managed policy is one that AWS has, once",
        "IAM refuses to attach what isn't there. Where it is depends: some of them are under "
        "service-role/.",
        MANAGED_LIST,
        _managed_policies_exist,
        good=(
            MANAGED_ROLE,
            MANAGED_ROLE.replace(MANAGED_POLICY, "IAMReadOnlyAccess"),
        ),
        bad=(
            MANAGED_ROLE.replace("service-role/", ""),
            MANAGED_ROLE.replace(MANAGED_POLICY, "OursAlone"),
            MANAGED_ROLE.replace("arn:aws:iam::aws", "arn:aws-cn:iam::aws"),
            MANAGED_ROLE.replace("TaskExecutionRolePolicy", "TaskExecutionPolicy"),
            MANAGED_ROLE.replace("iam::aws:policy/service", "iam::aws:service"),
            MANAGED_ROLE.replace(
                "    Policies:",
                "    - arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy\n"
                "    Policies:",
            ),
        ),
    ),
    Rule(
        "LC1610",
        "error",
        "Nobody here is an administrator",
        "A task or a service with AdministratorAccess is the whole account to whoever takes it "
        "over.",
        LEAST,
        _no_administrators,
        good=(MANAGED_ROLE,),
        bad=(
            MANAGED_ROLE.replace(
                "service-role/AmazonECSTaskExecutionRolePolicy", "AdministratorAccess"
            ),
        ),
    ),
    Rule(
        "LC1613",
        "error",
        "A key's policy leaves the key to the account",
        "KMS refuses a policy that nobody could change again; the key would be lost, and all "
        "that it encrypts.",
        KEY_POLICY,
        _keys_stay_ours,
        good=(KEY,),
        bad=(
            KEY.replace("kms:*", "kms:Decrypt"),
            KEY.replace("Effect: Allow", "Effect: Deny"),
            KEY.replace(
                '{AWS: !Sub "arn:aws:iam::${AWS::AccountId}:root"}',
                "{Service: sns.amazonaws.com}",
            ),
        ),
    ),
)
