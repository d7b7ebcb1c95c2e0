"""The role with which CloudFormation, in the administrator's account, acts for stack sets."""

from __future__ import annotations

from awacs import sts
from awacs.aws import Allow, ArnLike, Condition, Principal, Statement, StringEquals
from troposphere import GetAtt, Output, Parameter, Ref, Sub, Template, iam

from liberty_cfn.bootstrap.stack_set_execution_role import EXECUTION_ROLE
from liberty_cfn.policies import policy

SERVICES, SERVICE = "Services", "cloudformation.amazonaws.com"
ADMINISTRATION_ROLE = "AWSCloudFormationStackSetAdministrationRole"


def stack_set_administration_role(t: Template) -> None:
    """The role with which CloudFormation, in the administrator's account, acts for stack sets.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-prereqs-self-managed.html
    """
    services = t.add_parameter(
        Parameter(
            SERVICES,
            Type="CommaDelimitedList",
            Default=SERVICE,
            Description="Who takes the role; a region that has to be switched on has its own.",
            AllowedPattern=r"cloudformation(\.[a-z0-9-]+)?\.amazonaws\.com",
            ConstraintDescription=f"{SERVICE}, cloudformation.REGION.amazonaws.com",
        )
    )
    sets = Sub("arn:${AWS::Partition}:cloudformation:*:${AWS::AccountId}:stackset/*")
    role = t.add_resource(
        iam.Role(
            "Role",
            RoleName=ADMINISTRATION_ROLE,
            AssumeRolePolicyDocument=policy(
                Statement(
                    Effect=Allow,
                    Principal=Principal("Service", Ref(services)),
                    Action=[sts.AssumeRole],
                    # Only for this account's own stack sets.
                    Condition=Condition(
                        [
                            StringEquals("aws:SourceAccount", Ref("AWS::AccountId")),
                            ArnLike("aws:SourceArn", sets),
                        ]
                    ),
                )
            ),
            Policies=[
                iam.Policy(
                    PolicyName="TakeExecutionRoles",
                    PolicyDocument=policy(
                        Statement(
                            Effect=Allow,
                            Action=[sts.AssumeRole],
                            # In any account: whether it may is for that account to say.
                            Resource=[
                                Sub(f"arn:${{AWS::Partition}}:iam::*:role/{EXECUTION_ROLE}")
                            ],
                        )
                    ),
                )
            ],
        )
    )
    t.add_output(Output("RoleArn", Description="The role's ARN.", Value=GetAtt(role, "Arn")))
