"""What the application may do in AWS."""

from awacs import s3, secretsmanager, ssmmessages
from awacs.aws import Allow, Statement
from troposphere import Equals, If, Not, NoValue, Ref, Select, Split, Sub, Template, iam

from liberty_cfn.names import named
from liberty_cfn.nesting import outputs
from liberty_cfn.policies import may_store_in, policy, trust
from liberty_cfn.values import BucketArn, Flag, RoleArn, SecretArns, Suffix, Text

PULL_IMAGES_AND_WRITE_LOGS = (
    "arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
)
TASKS = "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:*"


@outputs
class Identity:
    execution_role_arn: RoleArn
    task_role_arn: RoleArn


def identity(
    t: Template,
    *,
    suffix: Suffix,
    uploads_arn: BucketArn,
    secret_arns: SecretArns,
    environment_file: Text,
    existing_execution_role: Text,
    execute_command: Flag,
) -> Identity:
    """The role ECS starts tasks with, and the role tasks run with."""
    makes_role = t.add_condition("MakesExecutionRole", Equals(existing_execution_role, ""))
    has_role = t.add_condition("HasExecutionRole", Not(Equals(existing_execution_role, "")))
    has_file = t.add_condition("HasEnvironmentFile", Not(Equals(environment_file, "")))
    shell = t.add_condition("ShellAllowed", Equals(execute_command, "true"))

    execution = t.add_resource(
        iam.Role(
            "ExecutionRole",
            Condition=makes_role,
            RoleName=named("ecsTaskExecutionRole", suffix),
            AssumeRolePolicyDocument=trust("ecs-tasks.amazonaws.com", Sub(TASKS)),
            ManagedPolicyArns=[Sub(PULL_IMAGES_AND_WRITE_LOGS)],
            Policies=[
                iam.Policy(
                    PolicyName="SecretsManagerAccess",
                    PolicyDocument=policy(_may_read(secret_arns)),
                )
            ],
        )
    )
    t.add_resource(
        iam.PolicyType(
            "ExistingExecutionRolePolicy",
            Condition=has_role,
            PolicyName=named("SecretsManagerAccess", suffix),
            Roles=[existing_execution_role],
            PolicyDocument=policy(_may_read(secret_arns)),
        )
    )
    t.add_resource(
        iam.PolicyType(
            "EnvironmentFilePolicy",
            Condition=has_file,
            PolicyName=named("EnvironmentFileAccess", suffix),
            Roles=[If(makes_role, Ref(execution), existing_execution_role)],
            # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/use-environment-file.html
            PolicyDocument=policy(
                Statement(Effect=Allow, Action=[s3.GetObject], Resource=[environment_file]),
                Statement(
                    Effect=Allow,
                    Action=[s3.GetBucketLocation],
                    Resource=[Select(0, Split("/", environment_file))],
                ),
            ),
        )
    )
    task = t.add_resource(
        iam.Role(
            "TaskRole",
            RoleName=named("ecsTaskRole", suffix),
            AssumeRolePolicyDocument=trust("ecs-tasks.amazonaws.com", Sub(TASKS)),
            Policies=[
                iam.Policy(
                    PolicyName="S3Access", PolicyDocument=policy(*may_store_in(uploads_arn))
                ),
                iam.Policy(
                    PolicyName="SecretsManagerAccess",
                    PolicyDocument=policy(
                        Statement(
                            Effect=Allow,
                            Action=[secretsmanager.GetSecretValue],
                            Resource=secret_arns,
                        )
                    ),
                ),
                If(
                    shell,
                    iam.Policy(
                        PolicyName="ExecuteCommand", PolicyDocument=policy(_may_open_a_shell())
                    ),
                    NoValue,
                ),
            ],
        )
    )
    return Identity(
        execution_role_arn=RoleArn(
            If(
                makes_role,
                execution.get_att("Arn"),
                Sub(
                    "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${Name}",
                    Name=existing_execution_role,
                ),
            )
        ),
        task_role_arn=RoleArn(task.get_att("Arn")),
    )


def _may_read(secrets: SecretArns) -> Statement:
    return Statement(
        Effect=Allow,
        Action=[secretsmanager.GetSecretValue, secretsmanager.DescribeSecret],
        Resource=secrets,
    )


def _may_open_a_shell() -> Statement:
    return Statement(
        Effect=Allow,
        Action=[
            ssmmessages.CreateControlChannel,
            ssmmessages.CreateDataChannel,
            ssmmessages.OpenControlChannel,
            ssmmessages.OpenDataChannel,
        ],
        # These actions know no resources.
        # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
        Resource=["*"],
    )
