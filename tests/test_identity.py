"""What the application may do in AWS."""

import pytest

ARNS = {"Ref": "SecretArns"}
READ = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]


def _grants(statements):
    return [(s["Action"], s["Resource"]) for s in statements]


def _inline(identity, role):
    """Return the role's own policies, by name, with those that a setting asks for."""
    chosen = [p["Fn::If"][1] if "Fn::If" in p else p for p in identity[role]["Policies"]]
    return {p["PolicyName"]: p["PolicyDocument"]["Statement"] for p in chosen}


@pytest.mark.parametrize(
    ("title", "name"), [("ExecutionRole", "ecsTaskExecutionRole"), ("TaskRole", "ecsTaskRole")]
)
def test_the_roles_have_the_names_of_the_spec(identity, named, title, name):
    assert identity[title]["RoleName"] == named(name)


@pytest.mark.parametrize("title", ["ExecutionRole", "TaskRole"])
def test_only_ecs_tasks_of_this_account_and_region_assume_them(identity, title):
    """Without the conditions, another account's ECS could ask on our behalf."""
    (trust,) = identity[title]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": ["ecs-tasks.amazonaws.com"]}
    assert trust["Action"] == ["sts:AssumeRole"]
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
        "ArnLike": {
            "aws:SourceArn": {
                "Fn::Sub": "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:*"
            }
        },
    }


def test_starting_a_task_may_pull_images_and_write_logs(identity):
    (managed,) = identity["ExecutionRole"]["ManagedPolicyArns"]
    assert managed["Fn::Sub"].endswith(
        ":iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
    )


def test_starting_a_task_may_read_our_secrets_and_nothing_else(identity):
    (statement,) = _inline(identity, "ExecutionRole")["SecretsManagerAccess"]
    assert (statement["Action"], statement["Resource"]) == (READ, ARNS)
    assert list(_inline(identity, "ExecutionRole")) == ["SecretsManagerAccess"]


def test_the_secrets_are_the_five_of_ours_by_arn(root):
    assert root["Identity"]["Parameters"]["SecretArns"] == {
        "Fn::GetAtt": ["Secrets", "Outputs.AllArns"]
    }


def test_tasks_may_use_the_uploads(identity, root):
    assert _grants(_inline(identity, "TaskRole")["S3Access"]) == [
        (["s3:ListBucket"], [{"Ref": "UploadsArn"}]),
        (
            ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
            [{"Fn::Join": ["", [{"Ref": "UploadsArn"}, "/*"]]}],
        ),
    ]
    assert root["Identity"]["Parameters"]["UploadsArn"] == {
        "Fn::GetAtt": ["Storage", "Outputs.UploadsArn"]
    }


def test_tasks_may_read_our_secrets(identity):
    assert _grants(_inline(identity, "TaskRole")["SecretsManagerAccess"]) == [
        (["secretsmanager:GetSecretValue"], ARNS)
    ]


def test_tasks_may_do_nothing_else(identity):
    assert list(_inline(identity, "TaskRole")) == [
        "S3Access",
        "SecretsManagerAccess",
        "ExecuteCommand",
    ]
    assert "ManagedPolicyArns" not in identity["TaskRole"]


def test_a_shell_in_a_task_is_possible_only_if_a_setting_asks(identity, default):
    condition, grant, otherwise = identity["TaskRole"]["Policies"][2]["Fn::If"]
    assert condition == "ShellAllowed"
    assert grant["PolicyName"] == "ExecuteCommand"
    assert otherwise == {"Ref": "AWS::NoValue"}
    assert identity.body["Conditions"]["ShellAllowed"] == {
        "Fn::Equals": [{"Ref": "ExecuteCommand"}, "true"]
    }
    assert default("ExecuteCommand") == "false"


def test_an_execution_role_the_account_already_has_can_be_used(identity, default):
    """The ECS console makes an ecsTaskExecutionRole; a second of that name is refused."""
    given, ours = identity.body["Conditions"]["HasExecutionRole"], "MakesExecutionRole"
    assert identity.body["Conditions"][ours] == {
        "Fn::Equals": [{"Ref": "ExistingExecutionRole"}, ""]
    }
    assert given == {"Fn::Not": [identity.body["Conditions"][ours]]}
    assert default("ExistingExecutionRole") == ""
    assert identity.resource("ExecutionRole")["Condition"] == ours
    condition, made, found = identity.body["Outputs"]["ExecutionRoleArn"]["Value"]["Fn::If"]
    assert (condition, made) == (ours, {"Fn::GetAtt": ["ExecutionRole", "Arn"]})
    assert found["Fn::Sub"][1] == {"Name": {"Ref": "ExistingExecutionRole"}}


def test_an_existing_execution_role_may_read_our_secrets_too(identity):
    policy = identity["ExistingExecutionRolePolicy"]
    assert identity.resource("ExistingExecutionRolePolicy")["Condition"] == "HasExecutionRole"
    assert policy["Roles"] == [{"Ref": "ExistingExecutionRole"}]
    assert _grants(policy["PolicyDocument"]["Statement"]) == [(READ, ARNS)]


def test_whichever_role_starts_tasks_may_read_the_environment_file(identity):
    policy = identity["EnvironmentFilePolicy"]
    assert identity.resource("EnvironmentFilePolicy")["Condition"] == "HasEnvironmentFile"
    assert policy["Roles"] == [
        {
            "Fn::If": [
                "MakesExecutionRole",
                {"Ref": "ExecutionRole"},
                {"Ref": "ExistingExecutionRole"},
            ]
        }
    ]


def test_reading_the_environment_file_takes_the_file_and_its_bucket_s_region(identity):
    """ECS asks where the bucket is before it fetches the file; refused, no task starts.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/use-environment-file.html
    """
    file = {"Ref": "EnvironmentFile"}
    bucket = {"Fn::Select": [0, {"Fn::Split": ["/", file]}]}
    assert _grants(identity.statements("EnvironmentFilePolicy")) == [
        (["s3:GetObject"], [file]),
        (["s3:GetBucketLocation"], [bucket]),
    ]
