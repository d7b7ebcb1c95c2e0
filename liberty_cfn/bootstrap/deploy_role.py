"""The role that GitHub's workflows deploy one environment with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from awacs import iam as may
from awacs import sts
from awacs.aws import (
    Action,
    Allow,
    Condition,
    ForAnyValueStringEquals,
    Principal,
    Statement,
    StringEquals,
)
from troposphere import (
    Equals,
    GetAtt,
    If,
    Output,
    Parameter,
    Ref,
    Sub,
    Template,
    iam,
)

from liberty_cfn.bootstrap.rights import BY_TYPE, CHANGES, READS, STACKS, TEMPLATES
from liberty_cfn.policies import policy

GITHUB = "token.actions.githubusercontent.com"
# As long as a deploy is followed: CloudFormation acts with the caller's session.
SESSION = 3 * 3600  # seconds
# Whom roles of the design are handed to.
PASSED_TO = ("ecs-tasks.amazonaws.com", "vpc-flow-logs.amazonaws.com")
# Services whose own roles are made with the first resource of theirs in an account.
LINKED = (
    "ecs.amazonaws.com",
    "ecs.application-autoscaling.amazonaws.com",
    "elasticache.amazonaws.com",
    "elasticloadbalancing.amazonaws.com",
    "rds.amazonaws.com",
)
# What is told apart by name; of other services, ids are not known beforehand. Roles are
# one for all regions, and so is this one.
STACKS_HERE = "arn:${AWS::Partition}:cloudformation:*:${AWS::AccountId}:stack/"
NAMED = {
    "cloudformation": (
        STACKS_HERE + "liberty-social-${Environment}/*",
        STACKS_HERE + "liberty-social-${Environment}-*/*",
    ),
    "ecr": ("arn:${AWS::Partition}:ecr:*:${AWS::AccountId}:repository/liberty-social-*",),
    "iam": (
        "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/ecsTask*",
        "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/liberty-social-*",
        "arn:${AWS::Partition}:iam::${AWS::AccountId}:user/liberty-social-*",
    ),
    "s3": ("arn:${AWS::Partition}:s3:::liberty-social-*",),
    "secretsmanager": (
        "arn:${AWS::Partition}:secretsmanager:*:${AWS::AccountId}:secret:liberty-social/*",
    ),
}
SENT = (
    "arn:${AWS::Partition}:s3:::liberty-cfn-templates-${AWS::AccountId}-*",
    "arn:${AWS::Partition}:s3:::liberty-cfn-templates-${AWS::AccountId}-*/*",
)
# These know no resources.
ANYWHERE = ("secretsmanager:GetRandomPassword", "secretsmanager:ListSecrets")
# The services of each policy: one alone would be longer than IAM lets a policy be.
PARTS = {
    "Network": ("ec2", "elasticloadbalancing", "route53", "acm"),
    "Data": ("rds", "elasticache", "s3", "secretsmanager", "kms", "ecr", "cloudformation"),
    "Running": ("ecs", "application-autoscaling", "iam", "logs", "events", "cloudwatch", "sns"),
}


def deploy_role(t: Template) -> None:
    """The role that GitHub's workflows deploy one environment with."""
    t.add_parameter(
        Parameter(
            "Repository",
            Type="String",
            Description="Whose workflows may deploy: owner/name, on GitHub.",
            AllowedPattern="[A-Za-z0-9-]+/[A-Za-z0-9._-]+",
        )
    )
    t.add_parameter(
        Parameter(
            "Environment",
            Type="String",
            Description="Name of the file in params/, and of the environment on GitHub.",
            AllowedPattern="[a-z][a-z0-9]*",
        )
    )
    provider = t.add_parameter(
        Parameter(
            "ProviderArn",
            Type="String",
            Description="GitHub's identity provider, if the account has it; else it is made.",
            Default="",
        )
    )
    makes = t.add_condition("MakesProvider", Equals(Ref(provider), ""))
    made = t.add_resource(
        iam.OIDCProvider(
            "Provider",
            Condition=makes,
            # Roles of other repositories may come to trust it.
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
            Url=f"https://{GITHUB}",
            ClientIdList=["sts.amazonaws.com"],
        )
    )
    role = t.add_resource(
        iam.Role(
            "Role",
            # A name that the policies below don't let it change itself under.
            RoleName=Sub("liberty-cfn-deploy-${Environment}"),
            MaxSessionDuration=SESSION,
            AssumeRolePolicyDocument=policy(
                Statement(
                    Effect=Allow,
                    Principal=Principal("Federated", [If(makes, Ref(made), Ref(provider))]),
                    Action=[sts.AssumeRoleWithWebIdentity],
                    Condition=Condition(
                        StringEquals(
                            {
                                f"{GITHUB}:aud": "sts.amazonaws.com",
                                f"{GITHUB}:sub": Sub(
                                    "repo:${Repository}:environment:${Environment}"
                                ),
                            }
                        )
                    ),
                )
            ),
        )
    )
    t.add_resource(_policy("Deploying", role, list(_helper())))
    for part, services in PARTS.items():
        t.add_resource(_policy(part, role, list(_through_cloudformation(services))))
    t.add_output(
        Output(
            "RoleArn",
            Description="What the workflow is told to assume.",
            Value=GetAtt(role, "Arn"),
        )
    )


def _policy(title: str, role: iam.Role, statements: list[Statement]) -> iam.ManagedPolicy:
    return iam.ManagedPolicy(title, Roles=[Ref(role)], PolicyDocument=policy(*statements))


def _helper() -> Iterator[Statement]:
    """Yield what the helper itself may do."""
    yield _allow("Stacks", STACKS, NAMED["cloudformation"])
    yield _allow("Templates", TEMPLATES, SENT)
    for service, actions in _by_service(CHANGES).items():
        yield _allow(f"Change{_sid(service)}", actions, _where(service))
    yield _allow("Read", READS, ("*",))


def _through_cloudformation(services: Iterable[str]) -> Iterator[Statement]:
    """Yield what whoever deploys may have CloudFormation do, and can't do otherwise."""
    asked = Condition(ForAnyValueStringEquals("aws:CalledVia", "cloudformation.amazonaws.com"))
    actions = _by_service(action for each in BY_TYPE.values() for action in each)
    for service in services:
        named = [a for a in actions[service] if a.JSONrepr() not in ANYWHERE]
        yield _allow(_sid(service), named, _where(service), asked)
        if wide := [a for a in actions[service] if a.JSONrepr() in ANYWHERE]:
            yield _allow(f"{_sid(service)}Anywhere", wide, ("*",), asked)
    if "iam" in services:
        yield _allow(
            "HandRoles",
            [may.PassRole],
            NAMED["iam"][:2],
            Condition(StringEquals("iam:PassedToService", list(PASSED_TO))),
        )
        yield _allow(
            "LinkedRoles",
            [may.CreateServiceLinkedRole],
            ("arn:${AWS::Partition}:iam::${AWS::AccountId}:role/aws-service-role/*",),
            Condition(StringEquals("iam:AWSServiceName", list(LINKED))),
        )


def _allow(
    sid: str, actions: Iterable[Action], where: Iterable[str], when: Condition | None = None
) -> Statement:
    more: dict[str, Any] = {"Condition": when} if when else {}
    resources = [Sub(arn) if "$" in arn else arn for arn in where]
    return Statement(Sid=sid, Effect=Allow, Action=list(actions), Resource=resources, **more)


def _by_service(actions: Iterable[Action]) -> dict[str, list[Action]]:
    """Return each service's actions, once, in order."""
    named = {action.JSONrepr(): action for action in actions}
    found: dict[str, list[Action]] = defaultdict(list)
    for name in sorted(named):
        found[name.partition(":")[0]].append(named[name])
    return found


def _where(service: str) -> tuple[str, ...]:
    return NAMED.get(service, ("*",))


def _sid(service: str) -> str:
    return "".join(word.capitalize() for word in service.split("-"))
