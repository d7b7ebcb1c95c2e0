"""The role that GitHub's workflows deploy one environment with."""

from __future__ import annotations

from collections.abc import Iterator

from awacs import cloudformation, sts
from awacs import iam as may
from awacs.aws import Allow, Condition, Principal, Statement, StringEquals, StringLike
from troposphere import Equals, GetAtt, If, Output, Parameter, Ref, Sub, Template, iam

from liberty_cfn.bootstrap.grants import (
    CHANGE_SETS,
    NO_IMPORTS,
    PARTS,
    allow,
    attached,
    by_service,
    reads,
    sid,
    through_cloudformation,
    where,
)
from liberty_cfn.bootstrap.rights import CHANGES, STACK_SETS, STACKS, TEMPLATES, UNITS
from liberty_cfn.bootstrap.stack_set_administration_role import ADMINISTRATION_ROLE
from liberty_cfn.bootstrap.stack_set_execution_role import EXECUTION_ROLE
from liberty_cfn.policies import policy

GITHUB = "token.actions.githubusercontent.com"
# With ids where the repository is from after July 2026, was renamed since, or opted in:
# https://docs.github.com/en/actions/reference/security/oidc#immutable-subject-claims
REPOSITORY = "[A-Za-z0-9-]+(@[0-9]+)?/[A-Za-z0-9._-]+(@[0-9]+)?"
# As long as a deploy is followed: CloudFormation acts with the caller's session.
SESSION = 3 * 3600  # seconds
# The services and task definitions that the helper may start tasks of.
STARTED = (
    "arn:${AWS::Partition}:ecs:*:${AWS::AccountId}:service/liberty-social-*",
    "arn:${AWS::Partition}:ecs:*:${AWS::AccountId}:task-definition/liberty-social-*",
)
# The secrets that a person sets: others have a value that AWS generated.
SET_BY_A_PERSON = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "DEFAULT_FROM_EMAIL")
SECRETS = "arn:${AWS::Partition}:secretsmanager:*:${AWS::AccountId}:secret:liberty-social/"
CHANGED = {
    "ecs": STARTED,
    "secretsmanager": tuple(f"{SECRETS}{name}*" for name in SET_BY_A_PERSON),
}
SENT = (
    "arn:${AWS::Partition}:s3:::liberty-cfn-templates-${AWS::AccountId}-*",
    "arn:${AWS::Partition}:s3:::liberty-cfn-templates-${AWS::AccountId}-*/*",
)
STACKS_HERE = ("liberty-social-${Environment}", "liberty-social-${Environment}-*")
CHANGE_SETS_HERE = CHANGE_SETS + "liberty-social-${Environment}-*"
# In a region that has to be switched on, CloudFormation has a name of its own.
STACK_SETS_SERVICES = ["cloudformation.amazonaws.com", "cloudformation.*.amazonaws.com"]
# A set, its instances, and the types in it: what an operation on a set is about.
HOME = "arn:${AWS::Partition}:cloudformation:*:${AWS::AccountId}:"
SETS_HERE = (
    HOME + "stackset/liberty-social-${Environment}:*",
    HOME + "stackset-target/liberty-social-${Environment}:*",
    "arn:${AWS::Partition}:cloudformation:*:*:type/resource/*",
)
# In whatever accounts the set's targets are; each says itself whom it trusts.
EXECUTION_ROLES = f"arn:${{AWS::Partition}}:iam::*:role/{EXECUTION_ROLE}"


def deploy_role(t: Template) -> None:
    """The role that GitHub's workflows deploy one environment with."""
    t.add_parameter(
        Parameter(
            "Repository",
            Type="String",
            Description=(
                "Whose workflows may deploy, as GitHub's tokens name it: owner/name, or "
                "owner@id/name@id."
            ),
            AllowedPattern=REPOSITORY,
            ConstraintDescription="such as owner/name, or owner@123/name@456",
        )
    )
    t.add_parameter(
        Parameter(
            "Environment",
            Type="String",
            Description="Name of the file in params/, and of the environment on GitHub.",
            AllowedPattern="[A-Za-z0-9-]+",
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
    of_a_set = t.add_parameter(
        Parameter(
            "StackSet",
            Type="String",
            Description="Whether the environment is a stack set: its file has Targets.",
            AllowedValues=["true", "false"],
            Default="false",
        )
    )
    makes = t.add_condition("MakesProvider", Equals(Ref(provider), ""))
    deploys_sets = t.add_condition("DeploysStackSets", Equals(Ref(of_a_set), "true"))
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
    t.add_resource(attached("Deploying", role, _helper()))
    sets = t.add_resource(attached("StackSets", role, _of_sets()))
    # Many an account has an execution role that may do anything: who needs none gets none.
    sets.Condition = deploys_sets
    t.add_resource(attached("Reading", role, reads()))
    for part, services in PARTS.items():
        t.add_resource(attached(part, role, through_cloudformation(services, STACKS_HERE)))
    t.add_output(
        Output(
            "RoleArn",
            Description="What the workflow is told to assume.",
            Value=GetAtt(role, "Arn"),
        )
    )


def _helper() -> Iterator[Statement]:
    """Yield what the helper itself may do."""
    stacks = where("cloudformation", STACKS_HERE)
    yield allow("Stacks", STACKS, (*stacks, CHANGE_SETS_HERE), NO_IMPORTS)
    yield allow("Templates", TEMPLATES, SENT)
    for service, actions in by_service(CHANGES).items():
        yield allow(f"Change{sid(service)}", actions, CHANGED[service])


def _of_sets() -> Iterator[Statement]:
    """Yield what the helper may do where the environment is a stack set."""
    # A set that isn't there yet has no ARN to be told by.
    yield allow("NewStackSets", [cloudformation.CreateStackSet], ("*",))
    yield allow("StackSets", STACK_SETS, SETS_HERE)
    # To create or update a set is to hand it this role, even if it isn't named.
    # https://github.com/aws-cloudformation/aws-cloudformation-templates/issues/188
    yield allow(
        "HandToStackSets",
        [may.PassRole],
        (f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{ADMINISTRATION_ROLE}",),
        Condition(StringLike("iam:PassedToService", STACK_SETS_SERVICES)),
    )
    yield allow("Targets", [sts.AssumeRole], (EXECUTION_ROLES,))
    yield allow("Units", UNITS, ("*",))
