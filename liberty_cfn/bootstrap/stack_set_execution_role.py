"""The role with which a stack set's administrator acts in a target account."""

from __future__ import annotations

from collections.abc import Iterator

from awacs import cloudformation, s3, sts
from awacs.aws import Allow, Principal, Statement
from troposphere import GetAtt, Output, Parameter, Sub, Template, iam

from liberty_cfn.bootstrap.grants import (
    CHANGE_SETS,
    NO_IMPORTS,
    PARTS,
    allow,
    attached,
    reads,
    through_cloudformation,
    where,
)
from liberty_cfn.bootstrap.rights import STACKS
from liberty_cfn.policies import policy

EXECUTION_ROLE = "AWSCloudFormationStackSetExecutionRole"
# The stacks of a set called liberty-social-..., and those nested in them.
INSTANCES = ("StackSet-liberty-social-*",)


def stack_set_execution_role(t: Template) -> None:
    """The role with which a stack set's administrator acts in a target account."""
    administrator = t.add_parameter(
        Parameter(
            "AdministratorAccountId",
            Type="String",
            Description="The account that the stack sets are in.",
            AllowedPattern="[0-9]{12}",
            ConstraintDescription="the 12 digits of an AWS account",
        )
    )
    role = t.add_resource(
        iam.Role(
            "Role",
            # A name that the policies below don't let it change itself under.
            RoleName=EXECUTION_ROLE,
            AssumeRolePolicyDocument=policy(
                Statement(
                    Effect=Allow,
                    # That account says who of its people may: for plans, and to verify.
                    Principal=Principal(
                        "AWS",
                        [Sub(f"arn:${{AWS::Partition}}:iam::${{{administrator.title}}}:root")],
                    ),
                    Action=[sts.AssumeRole],
                )
            ),
        )
    )
    t.add_resource(attached("Stacks", role, _stacks()))
    for part, services in PARTS.items():
        t.add_resource(attached(part, role, through_cloudformation(services, INSTANCES)))
    t.add_output(Output("RoleArn", Description="The role's ARN.", Value=GetAtt(role, "Arn")))


def _stacks() -> Iterator[Statement]:
    """Yield what it may do by itself: with the sets' stacks; of the rest it only reads."""
    yield allow(
        "Stacks",
        [cloudformation.CreateStack, *STACKS, cloudformation.UpdateStack],
        (*where("cloudformation", INSTANCES), CHANGE_SETS + "liberty-*"),
        NO_IMPORTS,
    )
    # CloudFormation may ask without a name. AWS's own role of the kind has both, too:
    # https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSQuickSetupDeploymentRolePolicy.html
    yield allow("List", [cloudformation.DescribeStacks, cloudformation.ListStacks], ("*",))
    # The templates are the administrator's.
    templates = "arn:${AWS::Partition}:s3:::liberty-cfn-templates-${AdministratorAccountId}-*"
    yield allow("Templates", [s3.GetObject], (f"{templates}/*",))
    yield from reads()
