"""Policies of roles that act on our design, and on nothing else where AWS can tell.

Most of it only through CloudFormation: `aws:CalledVia` says who asks on the role's behalf.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/fas-requests-and-permission-evaluation.html
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from awacs import iam as may
from awacs.aws import (
    Action,
    Allow,
    Condition,
    ForAnyValueStringEquals,
    Null,
    Statement,
    StringEquals,
)
from troposphere import Ref, Sub, iam

from liberty_cfn.bootstrap.rights import BY_TYPE, READS, READS_OF_OURS
from liberty_cfn.policies import policy

Names = tuple[str, ...]

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
# one for all regions, and so is this one. What the templates don't name, CloudFormation names
# after its stack: StackSet-... in a target of a stack set, and buckets in small letters.
NAMED = {
    "ecr": ("arn:${AWS::Partition}:ecr:*:${AWS::AccountId}:repository/liberty-social-*",),
    "iam": (
        "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/ecsTask*",
        "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/liberty-social-*",
        "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/StackSet-liberty-social-*",
        "arn:${AWS::Partition}:iam::${AWS::AccountId}:user/liberty-social-*",
    ),
    "s3": (
        "arn:${AWS::Partition}:s3:::liberty-social-*",
        "arn:${AWS::Partition}:s3:::stackset-liberty-social-*",
    ),
    "secretsmanager": (
        "arn:${AWS::Partition}:secretsmanager:*:${AWS::AccountId}:secret:liberty-social/*",
    ),
}
# What deletes data, or would let somebody else at it, where AWS tells that apart by a name that
# is ours: a change set can take any resource of the account into a stack, and then delete it.
OURS = {
    "rds": (
        ("rds:DeleteDBInstance", "rds:ModifyDBInstance", "rds:RebootDBInstance"),
        # The rest is what a database may be told to use.
        ("db:liberty-social-*", "og:*", "pg:*", "secgrp:*", "subgrp:*"),
    ),
    "elasticache": (
        ("elasticache:DeleteCacheCluster", "elasticache:DeleteReplicationGroup"),
        # Of the last snapshot, CloudFormation makes up the name.
        ("cluster:liberty-social-*", "replicationgroup:liberty-social-*", "snapshot:*"),
    ),
    "logs": (
        ("logs:DeleteLogGroup", "logs:PutRetentionPolicy"),
        (
            *("log-group:/ecs/liberty-social-*", "log-group:/aws/events/liberty-social-*"),
            *("log-group:liberty-social-*", "log-group:StackSet-liberty-social-*"),
        ),
    ),
}
# The logs that are read; a stream's ARN begins with its group's.
LOGS = ("arn:${AWS::Partition}:logs:*:${AWS::AccountId}:log-group:/ecs/liberty-social-*",)
# Told by its own ARN, a change set is no part of a stack: only its name says whose it is, and
# that of a nested stack begins with its parent's.
# https://github.com/widdix/complete-aws-iam-reference/issues/6
# https://github.com/aws/aws-sam-cli/issues/2406
CHANGE_SETS = "arn:${AWS::Partition}:cloudformation:*:${AWS::AccountId}:changeSet/"
# Change sets without a list of what to import: any resource of the account could be taken into
# a stack, and deleted with it. Adoption gives none: AWS finds what has our names.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/control-access-with-iam.html
NO_IMPORTS = Condition(Null("cloudformation:ImportResourceTypes", "true"))
# These know no resources.
ANYWHERE = ("secretsmanager:GetRandomPassword", "secretsmanager:ListSecrets")
# The services of each policy: one alone would be longer than IAM lets a policy be.
PARTS = {
    "Network": ("ec2", "elasticloadbalancing", "route53", "acm", "logs", "cloudformation"),
    "Data": ("rds", "elasticache", "s3", "secretsmanager", "kms", "ecr"),
    "Running": ("ecs", "application-autoscaling", "iam", "events", "cloudwatch", "sns"),
}


def through_cloudformation(services: Iterable[str], stacks: Names) -> Iterator[Statement]:
    """Yield what a role may have CloudFormation do, and can't do otherwise.

    `stacks` are the names of the stacks that it may do it with.
    """
    asked = Condition(ForAnyValueStringEquals("aws:CalledVia", "cloudformation.amazonaws.com"))
    actions = _of_the_design()
    for service in services:
        of_ours, names = OURS.get(service, ((), ()))
        apart = {*ANYWHERE, *of_ours}
        named = [a for a in actions[service] if a.JSONrepr() not in apart]
        yield allow(sid(service), named, where(service, stacks), asked)
        if ours := [a for a in actions[service] if a.JSONrepr() in of_ours]:
            arn = f"arn:${{AWS::Partition}}:{service}:*:${{AWS::AccountId}}:"
            yield allow(f"{sid(service)}OfOurs", ours, [arn + n for n in names], asked)
        if wide := [a for a in actions[service] if a.JSONrepr() in ANYWHERE]:
            yield allow(f"{sid(service)}Anywhere", wide, ("*",), asked)
    if "iam" in services:
        yield allow(
            "HandRoles",
            [may.PassRole],
            [arn for arn in NAMED["iam"] if ":role/" in arn],
            Condition(StringEquals("iam:PassedToService", list(PASSED_TO))),
        )
        yield allow(
            "LinkedRoles",
            [may.CreateServiceLinkedRole],
            ("arn:${AWS::Partition}:iam::${AWS::AccountId}:role/aws-service-role/*",),
            Condition(StringEquals("iam:AWSServiceName", list(LINKED))),
        )


def reads() -> Iterator[Statement]:
    """Yield what a role may read by itself."""
    for service, actions in by_service(READS_OF_OURS).items():
        ours = LOGS if service == "logs" else NAMED[service]
        yield allow(f"Read{sid(service)}", actions, ours)
    yield allow("Read", READS, ("*",))


def allow(
    sid: str, actions: Iterable[Action], where: Iterable[str], when: Condition | None = None
) -> Statement:
    """Return a statement that allows `actions` on ARNs, in which ${...} is filled in."""
    more: dict[str, Any] = {"Condition": when} if when else {}
    resources = [Sub(arn) if "$" in arn else arn for arn in where]
    return Statement(Sid=sid, Effect=Allow, Action=list(actions), Resource=resources, **more)


@cache
def _of_the_design() -> dict[str, list[Action]]:
    """Return each service's actions on what our templates hold."""
    return by_service(action for each in BY_TYPE.values() for action in each)


def by_service(actions: Iterable[Action]) -> dict[str, list[Action]]:
    """Return each service's actions, once, in order."""
    named = {action.JSONrepr(): action for action in actions}
    found: dict[str, list[Action]] = defaultdict(list)
    for name in sorted(named):
        found[name.partition(":")[0]].append(named[name])
    return found


def where(service: str, stacks: Names) -> Names:
    """Return the ARNs of what is ours of a service; `*` where its names aren't ours."""
    if service == "cloudformation":
        return tuple(
            f"arn:${{AWS::Partition}}:cloudformation:*:${{AWS::AccountId}}:stack/{name}/*"
            for name in stacks
        )
    return NAMED.get(service, ("*",))


def sid(service: str) -> str:
    """Return a statement's id for a service."""
    return "".join(word.capitalize() for word in service.split("-"))


def attached(title: str, role: iam.Role, statements: Iterable[Statement]) -> iam.ManagedPolicy:
    """Return a role's policy of these statements."""
    return iam.ManagedPolicy(title, Roles=[Ref(role)], PolicyDocument=policy(*statements))
