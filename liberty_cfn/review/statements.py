"""Every statement of every policy in a design: who, what, on what, if what.

Inline, attached and AWS's own policies, trust policies, and those of buckets, keys, topics,
queues, secrets, repositories, log groups and functions. Permissions boundaries and
organizations' policies only take away from what is read here, and are not counted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from liberty_cfn.model.resolving import Resolved, Resource, pseudo_parameters
from liberty_cfn.review.spelling import listed, named, spelled

ALL = "*"
EVERYONE = "everyone"
ACCOUNT = "the account"
Kind = Literal["identity", "trust", "resource"]


@dataclass(frozen=True)
class Thing:
    """What a statement is about, as it stands there, and with its ARN as far as it is known.

    ${StorageUploads.Arn}/* is arn:aws:s3:::liberty-social-uploads/*.
    """

    name: str
    arn: str = field(compare=False)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, order=True)
class Condition:
    """One key of a Condition block: all of them must hold, each for one of its values."""

    operator: str
    key: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.key} {self.operator} {' or '.join(self.values)}"


@dataclass(frozen=True)
class Statement:
    """One statement, for one who may do something, or may not.

    `holder` is a flat id, or in words who else: "service ecs-tasks.amazonaws.com",
    "everyone". `kind` says whose policy it is: the holder's own, the trust policy of a role
    ("resource" is the role), or that of a resource. `all_actions_but` is NotAction,
    `all_resources_but` is NotResource. `resource` and `policy` say where it stands.
    """

    holder: str
    kind: Kind
    effect: str
    actions: tuple[str, ...]
    things: tuple[Thing, ...]
    conditions: tuple[Condition, ...]
    resource: str
    policy: str
    number: int
    all_actions_but: bool = False
    all_resources_but: bool = False

    def about(self, things: tuple[Thing, ...]) -> Statement:
        """Return the same statement, about what its policy belongs to."""
        return replace(self, things=things)

    def __str__(self) -> str:
        return f"{self.resource}, {self.policy}, statement {self.number}"


# AWS's own policies that are used here, by name.
# https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonECSTaskExecutionRolePolicy.html
# https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AdministratorAccess.html
MANAGED = {
    "service-role/AmazonECSTaskExecutionRolePolicy": [
        "ecr:GetAuthorizationToken",
        "ecr:BatchCheckLayerAvailability",
        "ecr:GetDownloadUrlForLayer",
        "ecr:BatchGetImage",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    ],
    "AdministratorAccess": ["*"],
}
# Who a policy that is a resource is for: the property that names them.
ATTACHED = ("Roles", "Users", "Groups", "RoleName", "UserName", "GroupName")
POLICIES = (
    "AWS::IAM::Policy",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::RolePolicy",
    "AWS::IAM::UserPolicy",
    "AWS::IAM::GroupPolicy",
)
HOLDERS = ("AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group")
# Where a resource's policy stands, and which property names what it is about.
GUARDED = {
    "AWS::S3::BucketPolicy": ("PolicyDocument", "Bucket"),
    "AWS::SNS::TopicPolicy": ("PolicyDocument", "Topics"),
    "AWS::SQS::QueuePolicy": ("PolicyDocument", "Queues"),
    "AWS::KMS::Key": ("KeyPolicy", ""),
    "AWS::SecretsManager::ResourcePolicy": ("ResourcePolicy", "SecretId"),
    "AWS::ECR::Repository": ("RepositoryPolicyText", ""),
    "AWS::Logs::ResourcePolicy": ("PolicyDocument", ""),
    "AWS::EFS::FileSystem": ("FileSystemPolicy", ""),
    "AWS::OpenSearchService::Domain": ("AccessPolicies", ""),
    "AWS::ApiGateway::RestApi": ("Policy", ""),
    "AWS::Backup::BackupVault": ("AccessPolicy", ""),
    "AWS::S3::AccessPoint": ("Policy", ""),
}
# All that is read.
PERMISSION = "AWS::Lambda::Permission"
JOINING = "AWS::IAM::UserToGroupAddition"
READ = (*HOLDERS, *POLICIES, *GUARDED, PERMISSION, JOINING)
# The ARN of what has a name, and the attribute or Ref that stands for it.
ARNS = {
    "AWS::S3::Bucket": ("BucketName", ("Arn",), "arn:{partition}:s3:::{name}"),
    "AWS::SecretsManager::Secret": (
        "Name",
        ("Id", ""),
        "arn:{partition}:secretsmanager:{region}:{account}:secret:{name}-??????",
    ),
    "AWS::SNS::Topic": (
        "TopicName",
        ("TopicArn", ""),
        "arn:{partition}:sns:{region}:{account}:{name}",
    ),
    "AWS::Logs::LogGroup": (
        "LogGroupName",
        ("Arn",),
        "arn:{partition}:logs:{region}:{account}:log-group:{name}:*",
    ),
    "AWS::ECR::Repository": (
        "RepositoryName",
        ("Arn",),
        "arn:{partition}:ecr:{region}:{account}:repository/{name}",
    ),
    "AWS::IAM::Role": ("RoleName", ("Arn",), "arn:{partition}:iam::{account}:role/{name}"),
}


def statements(resolved: Resolved, *, region: str = "", account: str = "") -> list[Statement]:
    """Return every statement there is, for each who holds it."""
    found = list(_Reading(resolved, region, account).all())
    members = list(_members(resolved))
    # Whoever is in a group may what the group may.
    joined = [replace(s, holder=u) for s in found for u, group in members if s.holder == group]
    return found + joined


class _Reading:
    def __init__(self, resolved: Resolved, region: str, account: str) -> None:
        self.resolved = resolved
        self.account = account
        self.arns = _arns(resolved, region, account)

    def all(self) -> Iterator[Statement]:
        for resource in self.resolved.of_type(*READ):
            if resource.type in HOLDERS:
                yield from self._of_holder(resource)
            elif resource.type in POLICIES:
                yield from self._of_policy(resource)
            elif resource.type in GUARDED:
                yield from self._of_resource(resource)
            elif resource.type == PERMISSION:
                yield from self._of_permission(resource)

    def _of_holder(self, holder: Resource) -> Iterator[Statement]:
        for policy in listed(holder.properties.get("Policies")):
            if isinstance(policy, dict):
                where = (holder.id, spelled(policy.get("PolicyName", "a policy")))
                yield from self._held([holder.id], policy.get("PolicyDocument"), where)
        for arn in listed(holder.properties.get("ManagedPolicyArns")):
            yield from self._of_managed(holder.id, arn)
        role = Thing(holder.id, self._real(f"${{{holder.id}.Arn}}"))
        document = bodies(holder.properties.get("AssumeRolePolicyDocument"))
        for number, body in enumerate(document, start=1):
            for who in self._principals(body):
                made = self._statement(body, who, "trust", (holder.id, "trust", number))
                yield made.about((role,))

    def _of_managed(self, holder: str, arn: Any) -> Iterator[Statement]:
        name = spelled(arn).partition(":policy/")[2]
        body = {
            "Effect": "Allow",
            "Action": MANAGED.get(name, [f"whatever {spelled(arn)} allows"]),
            "Resource": "*",
        }
        # One that is made here is read where it is made.
        if named(arn) not in self.resolved.resources:
            yield self._statement(body, holder, "identity", (holder, name or spelled(arn), 1))
        elif self.resolved.resources[named(arn)].type == "AWS::IAM::ManagedPolicy":
            policy = self.resolved.resources[named(arn)]
            where = (policy.id, "PolicyDocument")
            yield from self._held([holder], policy.properties.get("PolicyDocument"), where)

    def _of_policy(self, policy: Resource) -> Iterator[Statement]:
        who = [named(w) for key in ATTACHED for w in listed(policy.properties.get(key))]
        name = policy.properties.get("PolicyName", "PolicyDocument")
        where = (policy.id, spelled(name))
        yield from self._held(who, policy.properties.get("PolicyDocument"), where)

    def _held(
        self, who: list[str], document: Any, where: tuple[str, str]
    ) -> Iterator[Statement]:
        for number, body in enumerate(bodies(document), start=1):
            for holder in who:
                yield self._statement(body, holder, "identity", (*where, number))

    def _of_resource(self, resource: Resource) -> Iterator[Statement]:
        written, about = GUARDED[resource.type]
        things = listed(resource.properties.get(about)) if about else []
        if resource.type == "AWS::S3::BucketPolicy":
            bucket = {"Fn::GetAtt": [named(things[0]), "Arn"]} if things else "*"
            things = [bucket, {"Fn::Join": ["", [bucket, "/*"]]}]
        # "*" in the policy of something is itself, and what is in it.
        whole = tuple(self._thing(t) for t in things) or (Thing(resource.id, resource.id),)
        for number, body in enumerate(bodies(resource.properties.get(written)), start=1):
            for who in self._principals(body):
                made = self._statement(body, who, "resource", (resource.id, written, number))
                yield made.about(whole) if _names_all(made) else made

    def _of_permission(self, resource: Resource) -> Iterator[Statement]:
        body = permission(resource)
        for who in self._principals(body):
            yield self._statement(body, who, "resource", (resource.id, "permission", 1))

    def _statement(
        self, body: Mapping[str, Any], holder: str, kind: Kind, where: tuple[str, str, int]
    ) -> Statement:
        things = listed(body.get("Resource", body.get("NotResource")))
        return Statement(
            holder,
            kind,
            spelled(body.get("Effect", "")),
            tuple(spelled(a) for a in listed(body.get("Action", body.get("NotAction")))),
            tuple(self._thing(thing) for thing in things),
            tuple(conditions(body.get("Condition"))),
            *where,
            all_actions_but="NotAction" in body,
            all_resources_but="NotResource" in body,
        )

    def _principals(self, body: Mapping[str, Any]) -> Iterator[str]:
        """Yield whom a policy of a role's or a resource's is about, in words."""
        but = "everyone but " if "NotPrincipal" in body else ""
        principal = body.get("Principal", body.get("NotPrincipal"))
        if not isinstance(principal, dict):
            principal = {"AWS": principal}
        for kind, names in principal.items():
            for name in listed(names):
                yield but + self._who(kind, name)

    def _who(self, kind: str, name: Any) -> str:
        text = spelled(name)
        if text == "*":
            return EVERYONE
        if kind != "AWS":
            return f"{kind.lower()} {text}"
        if text.endswith(":root"):
            number = text.removesuffix(":root").rpartition("iam::")[2]
            own = number in ("${AWS::AccountId}", self.account)
            return ACCOUNT if own else f"account {number}"
        return named(name) if isinstance(name, dict) else text

    def _thing(self, value: Any) -> Thing:
        return Thing(spelled(value), self._real(spelled(value)))

    def _real(self, text: str) -> str:
        for said, arn in self.arns.items():
            text = text.replace(said, arn)
        return text


def _members(resolved: Resolved) -> Iterator[tuple[str, str]]:
    """Yield every user with each group it is in."""
    for user in resolved.of_type("AWS::IAM::User"):
        for group in listed(user.properties.get("Groups")):
            yield user.id, named(group)
    for joining in resolved.of_type(JOINING):
        for user in listed(joining.properties.get("Users")):
            yield named(user), named(joining.properties.get("GroupName"))


def _names_all(statement: Statement) -> bool:
    return [thing.name for thing in statement.things] in ([], ["*"])


def bodies(document: Any) -> list[Mapping[str, Any]]:
    """Return the statements of a policy as they stand there; it may be JSON in a text."""
    if isinstance(document, dict) and "Statement" not in document:
        document = spelled(document)
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except ValueError:
            return []
    found = document.get("Statement") if isinstance(document, dict) else None
    return [body for body in listed(found) if isinstance(body, dict)]


def open_to_all(resource: Resource) -> Iterator[Mapping[str, Any]]:
    """Yield the statements of a resource's own policies that allow anybody something."""
    names = ("AssumeRolePolicyDocument", *sorted({name for name, _ in GUARDED.values()}))
    found = [body for name in names for body in bodies(resource.properties.get(name))]
    if resource.type == PERMISSION:
        found.append(permission(resource))
    for body in found:
        principal = body.get("Principal")
        who = principal.get("AWS") if isinstance(principal, dict) else principal
        if body.get("Effect") == "Allow" and ALL in listed(who):
            yield body


def permission(resource: Resource) -> Mapping[str, Any]:
    """Return what an AWS::Lambda::Permission says, as a statement."""
    given = resource.properties
    limits: dict[str, Any] = {}
    if "SourceArn" in given:
        limits["ArnLike"] = {"aws:SourceArn": given["SourceArn"]}
    if "SourceAccount" in given:
        limits["StringEquals"] = {"aws:SourceAccount": given["SourceAccount"]}
    who = spelled(given.get("Principal", "*"))
    return {
        "Effect": "Allow",
        "Principal": {"Service" if ".amazonaws.com" in who else "AWS": who},
        "Action": given.get("Action", "lambda:InvokeFunction"),
        "Resource": given.get("FunctionName"),
        "Condition": limits,
    }


def conditions(block: Any) -> Iterator[Condition]:
    """Yield what a Condition block asks, key by key."""
    if not isinstance(block, dict):
        return
    for operator, keys in sorted(block.items()):
        for key, values in sorted(keys.items()) if isinstance(keys, dict) else ():
            yield Condition(operator, key, tuple(sorted(map(_plain, listed(values)))))


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else spelled(value)


def _arns(resolved: Resolved, region: str, account: str) -> dict[str, str]:
    """Return the ARNs that are known, by what stands for them: ${StorageUploads.Arn}."""
    found = {}
    partition = pseudo_parameters(region, account).get("AWS::Partition", "${AWS::Partition}")
    for resource in resolved.of_type(*ARNS):
        name_property, attributes, form = ARNS[resource.type]
        name = resource.properties.get(name_property)
        if not isinstance(name, str):
            continue
        arn = form.format(
            partition=partition,
            region=region or "${AWS::Region}",
            account=account or "${AWS::AccountId}",
            name=name,
        )
        for attribute in attributes:
            said = f"${{{resource.id}.{attribute}}}" if attribute else f"${{{resource.id}}}"
            found[said] = arn
    return found
