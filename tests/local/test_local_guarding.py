"""Stack policies, protection from termination, and requests that are sent twice."""

import json
import time

import pytest
from botocore.exceptions import ClientError
from local_stacks import (
    CAPABILITIES,
    delete,
    deploy,
    events,
    nested,
    physical,
    resource,
    rest,
    template,
    upload,
)

ALLOW = {"Effect": "Allow", "Principal": "*", "Action": "Update:*", "Resource": "*"}
DENY = ALLOW | {"Effect": "Deny"}
GROUPS = {"Condition": {"StringEquals": {"ResourceType": ["AWS::Logs::LogGroup"]}}}


def group(name="kept", days=7):
    properties = {"LogGroupName": name, "RetentionInDays": days}
    return {"Group": resource("Logs::LogGroup", properties), "Topic": resource("SNS::Topic")}


def protect(aws, *statements, stack="root"):
    body = json.dumps({"Statement": list(statements)})
    aws.client("cloudformation").set_stack_policy(StackName=stack, StackPolicyBody=body)


def names(aws):
    return [g["logGroupName"] for g in aws.client("logs").describe_log_groups()["logGroups"]]


@pytest.mark.parametrize(
    ("statement", "passes"),
    [
        (DENY | {"Action": "Update:Replace"}, {"changed", "deleted"}),
        (DENY | {"Action": ["Update:Replace", "Update:Delete"]} | GROUPS, {"changed"}),
        (DENY | {"Action": "Update:Delete"}, {"changed", "replaced"}),
        (DENY | {"Resource": "LogicalResourceId/Group"}, set()),
        (DENY | {"Resource": "LogicalResourceId/Top*"}, {"changed", "replaced", "deleted"}),
        (
            {"Effect": "Deny", "Action": "Update:*", "NotResource": "LogicalResourceId/Group"},
            {"changed", "replaced", "deleted"},
        ),
        (DENY | {"Condition": {"StringEquals": {"ResourceType": "AWS::SNS::*"}}}, None),
        (DENY | {"Condition": {"StringLike": {"ResourceType": ["AWS::Logs::*"]}}}, set()),
    ],
)
def test_an_update_does_what_the_stacks_policy_allows_and_nothing_else(aws, statement, passes):
    after = {
        "changed": group(days=30),
        "replaced": group("new"),
        "deleted": {"Topic": resource("SNS::Topic")},
    }
    deploy(aws, template(group()))
    passed = set()
    for what, resources in after.items():
        protect(aws, ALLOW, statement)
        if deploy(aws, template(resources))["StackStatus"] == "UPDATE_COMPLETE":
            passed.add(what)
            protect(aws, ALLOW)
            deploy(aws, template(group()))
        assert names(aws) == ["kept"]
    assert passed == (set(after) if passes is None else passes)


def test_a_policy_for_one_update_is_in_force_during_that_alone(aws):
    deploy(aws, template(group()))
    protect(aws, ALLOW, DENY | {"Action": "Update:*"})
    aws.client("cloudformation").update_stack(
        StackName="root",
        TemplateBody=json.dumps(template(group(days=30))),
        StackPolicyDuringUpdateBody=json.dumps({"Statement": [ALLOW]}),
    )
    assert rest(aws, "root")["StackStatus"] == "UPDATE_COMPLETE"
    assert deploy(aws, template(group(days=60)))["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"


def test_a_policy_denies_what_it_does_not_allow(aws):
    deploy(aws, template(group()))
    protect(aws, ALLOW | {"Resource": "LogicalResourceId/Topic"})
    assert deploy(aws, template(group(days=30)))["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    reasons = aws.client("cloudformation").describe_stack_events(StackName="root")[
        "StackEvents"
    ]
    assert any("denied by stack policy" in e.get("ResourceStatusReason", "") for e in reasons)


def test_a_nested_stacks_policy_is_its_own(aws):
    def body(name):
        url = upload(aws, **{name: template(group(name))})[name]
        return template({"Child": nested(url)})

    deploy(aws, body("kept"))
    protect(aws, ALLOW, DENY | {"Action": "Update:Replace"})
    assert deploy(aws, body("second"))["StackStatus"] == "UPDATE_COMPLETE"
    child = physical(aws, "Child")
    protect(aws, ALLOW, DENY | {"Action": "Update:Replace"}, stack=child)
    assert deploy(aws, body("third"))["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert ("Group", "UPDATE_FAILED") in events(aws, child)
    assert names(aws) == ["second"]


def test_a_policy_is_not_in_the_way_of_a_rollback(aws):
    def body(days):
        return template(
            {"Child": nested(upload(aws, child=template(group(days=days)))["child"])}
        )

    deploy(aws, body(7))
    protect(aws, ALLOW, DENY)
    assert deploy(aws, body(30))["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"


def test_a_protected_stack_is_not_deleted_though_an_update_may_take_any_of_it_away(aws):
    cloudformation = aws.client("cloudformation")
    body = template({"Child": nested(upload(aws, child=template(group()))["child"])})
    deploy(aws, body, EnableTerminationProtection=True)
    with pytest.raises(ClientError, match="TerminationProtection is enabled"):
        cloudformation.delete_stack(StackName="root")
    without = template({"Topic": resource("SNS::Topic")})
    assert deploy(aws, without)["StackStatus"] == "UPDATE_COMPLETE"
    assert not names(aws)
    cloudformation.update_termination_protection(
        StackName="root", EnableTerminationProtection=False
    )
    assert delete(aws)["StackStatus"] == "DELETE_COMPLETE"


def test_a_request_sent_again_is_the_same_operation(aws):
    cloudformation = aws.client("cloudformation")
    asked = {"StackName": "root", "Capabilities": CAPABILITIES}
    made = asked | {"TemplateBody": json.dumps(template(group())), "ClientRequestToken": "made"}
    stack = cloudformation.create_stack(**made)["StackId"]
    assert cloudformation.create_stack(**made)["StackId"] == stack
    rest(aws, stack)
    deploy(aws, template(group(days=30)), ClientRequestToken="changed")
    changed = made | {"TemplateBody": json.dumps(template(group(days=30)))}
    changed |= {"ClientRequestToken": "changed"}
    assert cloudformation.update_stack(**changed)["StackId"] == stack
    planned = asked | {"ChangeSetName": "one", "ClientToken": "planned"}
    planned |= {"TemplateBody": json.dumps(template(group(days=90)))}
    named = (planned | {"StackName": name} for name in ("root", stack, stack))
    [first] = {cloudformation.create_change_set(**asked)["Id"] for asked in named}
    for _ in range(2):
        cloudformation.execute_change_set(ChangeSetName=first, ClientRequestToken="run")
    rest(aws, stack)
    deploy(aws, template(group(days=1)))
    for _ in range(2):
        cloudformation.delete_stack(StackName=stack, ClientRequestToken="gone")
    tokens = [
        event["ClientRequestToken"]
        for event in cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
        if event["ResourceType"] == "AWS::CloudFormation::Stack"
        and event["ResourceStatus"].endswith("_IN_PROGRESS")
        and "CLEANUP" not in event["ResourceStatus"]
        and "ClientRequestToken" in event
    ]
    assert set(tokens) == {"made", "changed", "run", "gone"}
    assert len(tokens) == len(set(tokens))


def test_a_token_is_one_of_the_stack_it_was_used_for(aws):
    cloudformation = aws.client("cloudformation")
    body = json.dumps(template({"Topic": resource("SNS::Topic")}))

    def made(name):
        asked = {"StackName": name, "TemplateBody": body, "ClientRequestToken": "made"}
        stack = cloudformation.create_stack(**asked)["StackId"]
        rest(aws, stack)
        return stack

    first, second = made("root"), made("second")
    delete(aws)
    assert len({first, second, made("root")}) == 3


def test_cancelling_and_rolling_back_again_are_the_same_operation(aws):
    cloudformation = aws.client("cloudformation")
    kept = {"Kept": resource("Logs::LogGroup", {"RetentionInDays": 7})}
    stack = deploy(aws, template(kept))["StackId"]
    aws.delay(60)
    updated = json.dumps(template(kept)).replace("7", "30")
    cloudformation.update_stack(StackName=stack, TemplateBody=updated)
    while events(aws)[-1] != ("Kept", "UPDATE_IN_PROGRESS"):
        time.sleep(0.005)
    for _ in range(2):
        cloudformation.cancel_update_stack(StackName=stack, ClientRequestToken="stop")
        aws.delay(0)
        assert rest(aws, stack)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    aws.fail("*/Topic")
    failed = deploy(aws, template(group("other")), "other", DisableRollback=True)
    aws.fail()
    for _ in range(2):
        asked = {"StackName": failed["StackId"], "ClientRequestToken": "back"}
        assert cloudformation.rollback_stack(**asked)["StackId"] == failed["StackId"]
        assert rest(aws, failed["StackId"])["StackStatus"] == "ROLLBACK_COMPLETE"
