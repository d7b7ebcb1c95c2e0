"""Who acts as another role, and who is in another group."""

import pytest
from versions import resource, told

from liberty_cfn.review.findings import Kind


def role(*actions):
    allowed = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    policy = {"PolicyName": "p", "PolicyDocument": {"Statement": [allowed]}}
    return resource("IAM::Role", {"Policies": [policy]})


ROLES = {"Little": role("s3:GetObject"), "Much": role("s3:GetObject", "sqs:SendMessage")}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("ECS::TaskDefinition", "TaskRoleArn"),
        ("ECS::TaskDefinition", "ExecutionRoleArn"),
        ("Lambda::Function", "Role"),
        ("StepFunctions::StateMachine", "RoleArn"),
    ],
)
def test_who_acts_as_another_role_may_what_that_may(kind, name):
    def acting(role_):
        return {**ROLES, "It": resource(kind, {name: {"Fn::GetAtt": [role_, "Arn"]}})}

    (text,) = told(acting("Little"), acting("Much"), Kind.GRANTS)
    assert text == f"It ({name}) may now sqs:SendMessage on everything"
    assert not told(acting("Much"), acting("Little"), Kind.GRANTS)
    (text,) = told(acting("Much"), acting("Little"), Kind.REVOKES)
    assert text == f"It ({name}) may no longer sqs:SendMessage on everything"


def test_what_a_role_from_elsewhere_may_isn_t_known():
    def acting(role_):
        return {**ROLES, "It": resource("Lambda::Function", {"Role": role_})}

    arn = "arn:aws:iam::111111111111:role/other"
    before, after = acting({"Fn::GetAtt": ["Little", "Arn"]}), acting(arn)
    (text,) = told(before, after, Kind.UNKNOWN)
    assert not told(before, after, Kind.REVOKES)
    assert text == f"It (Role) acts as {arn}: what that may do isn't known here"


def test_who_joins_a_group_may_what_the_group_may():
    group = resource("IAM::Group", role("sqs:SendMessage")["Properties"])
    alone = {"Group": group, "User": resource("IAM::User")}
    joined = {"Group": group, "User": resource("IAM::User", {"Groups": [{"Ref": "Group"}]})}
    added = resource(
        "IAM::UserToGroupAddition",
        {"GroupName": {"Ref": "Group"}, "Users": [{"Ref": "User"}]},
    )
    for after in (joined, {**alone, "Joining": added}):
        (text,) = told(alone, after, Kind.GRANTS)
        assert text == "User may now sqs:SendMessage on everything"
        assert told(after, alone, Kind.REVOKES)
