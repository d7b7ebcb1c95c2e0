"""What hooks of the account refuse, which CloudFormation's own reason only names."""

import pytest
from test_failures_change_sets import CREATED, create
from wire import CHANGE_SET, STACK, Wire, described, done, events, told

from liberty_cfn.deploy import diagnosis
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.events import Follower
from liberty_cfn.deploy.hooks import refused_early
from liberty_cfn.environments import load

DENIED = (403, "<Code>AccessDenied</Code><Message>Not yours</Message>")
HOOK, WHY = "AWS::ControlTower::Hook", "[CT.S3.PR.1] Require Block Public Access"
NAMED = f"The following hook(s) failed: [{HOOK}]"
STEP = "A hook of the account (Control Tower's, say) refused it"
BUCKET = {"resource": "Uploads", "type_": "AWS::S3::Bucket", "physical": ""}


def hooked(number, why, status="HOOK_COMPLETE_FAILED", mode="FAIL"):
    """Return what a resource's event says of a hook, as AWS tells it."""
    said = (
        f"<HookType>{HOOK}</HookType><HookStatus>{status}</HookStatus><HookStatusReason>{why}"
        f"</HookStatusReason><HookFailureMode>{mode}</HookFailureMode></member>"
    )
    event = told(number, "CREATE_IN_PROGRESS", **BUCKET)
    return event.replace("</member>", said)


def test_of_a_resource_that_a_hook_refused_its_reason_is_told():
    failed = told(5, "CREATE_FAILED", **BUCKET, reason=NAMED)
    happened = [
        failed,
        hooked(4, "only a warning", mode="WARN"),
        hooked(3, "fine", status="HOOK_COMPLETE_SUCCEEDED"),
        hooked(2, WHY),
        told(1, "CREATE_IN_PROGRESS"),
    ]
    wire = Wire(DescribeStackEvents=[events(), events(*happened)])
    found = Follower(wire.client, STACK).new_events()
    said = str(
        diagnosis.explain(lambda _: wire.client, load("dev"), STACK, "ROLLBACK_COMPLETE", found)
    )
    assert f"Uploads (AWS::S3::Bucket): {NAMED}: {WHY}\n    {STEP}" in said
    assert "warning" not in said
    assert "fine" not in said


ANNOTATIONS = "".join(
    f"<member><AnnotationName>R</AnnotationName><Status>{status}</Status><StatusMessage>{said}"
    f"</StatusMessage>{then}</member>"
    for status, said, then in (
        ("PASSED", "fine", ""),
        ("FAILED", "not private", "<RemediationMessage>Set it.</RemediationMessage>"),
        ("FAILED", "not encrypted", ""),
    )
)
SHORT = "Hook failed with message: see hook results for details"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            done("GetHookResult", HookStatusReason=SHORT, Annotations=ANNOTATIONS),
            f"{SHORT}; not private Set it.; not encrypted",
        ),
        (done("GetHookResult", HookStatusReason=WHY), f"{SHORT}; {WHY}"),
        (DENIED, SHORT),
    ],
)
def test_what_only_the_result_of_a_hook_says_is_told(answer, said):
    # As AWS says it: https://github.com/aws/aws-cdk-cli/pull/1768
    invoked = hooked(2, SHORT).replace(
        "<HookType>",
        "<HookInvocationId>2a36aa47-2d4c-4ab8-a263-4162b342545c</HookInvocationId><HookType>",
    )
    failed = told(5, "CREATE_FAILED", **BUCKET, reason=NAMED)
    wire = Wire(
        DescribeStackEvents=[events(), events(failed, invoked, told(1, "CREATE_IN_PROGRESS"))],
        GetHookResult=[answer],
    )
    found = Follower(wire.client, STACK).new_events()
    assert found[-1].reason == f"{NAMED}: {said}"


RESULTS = "".join(
    f"<member><TypeName>{HOOK}</TypeName><Status>{status}</Status><FailureMode>{mode}"
    f"</FailureMode><HookStatusReason>{why}</HookStatusReason></member>"
    for status, mode, why in (
        ("HOOK_COMPLETE_FAILED", "FAIL", WHY),
        ("HOOK_COMPLETE_FAILED", "WARN", "only a warning"),
        ("HOOK_COMPLETE_SUCCEEDED", "FAIL", "fine"),
    )
)


UNTOLD = (
    "Why can't be told: whoever deploys may lack the rights to ask, "
    "cloudformation:DescribeEvents and cloudformation:ListHookResults."
)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (done("ListHookResults", HookResults=RESULTS), f"{HOOK}: {WHY}"),
        (
            done("ListHookResults", HookResults=RESULTS.replace(WHY, "")),
            f"{HOOK}: no reason given",
        ),
        (DENIED, f"Change set creation failed. {NAMED} {UNTOLD}"),
    ],
)
def test_of_a_change_set_that_a_hook_refused_its_reason_is_told(answer, told):
    reason = f"Change set creation failed. {NAMED}"
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[described(status="FAILED", reason=reason)],
        DescribeEvents=[done("DescribeEvents")],
        ListHookResults=[answer],
        DeleteChangeSet=[done("DeleteChangeSet")],
    )
    with pytest.raises(DeployError) as error:
        create(wire)
    said, step = str(error.value).splitlines()
    assert said == f"CloudFormation can't plan this change: {told}"
    assert "meet its rule" in step


def test_what_a_hook_refused_before_anything_was_made_is_told():
    refused = "".join(
        f"<member><EventId>{mode}</EventId><OperationId>1</OperationId><EventType>"
        f"HOOK_INVOCATION_ERROR</EventType><HookType>{HOOK}</HookType><HookStatus>HOOK_FAILED"
        f"</HookStatus><HookFailureMode>{mode}</HookFailureMode><HookStatusReason>{WHY}"
        "</HookStatusReason><LogicalResourceId>Uploads</LogicalResourceId><ResourceType>"
        "AWS::S3::Bucket</ResourceType></member>"
        for mode in ("WARN", "FAIL")
    )
    wire = Wire(DescribeEvents=[done("DescribeEvents", OperationEvents=refused)])
    assert refused_early(wire.client, ChangeSetName=CHANGE_SET) == [
        f"Uploads (AWS::S3::Bucket): {HOOK}: {WHY}"
    ]


def test_what_was_refused_of_no_one_resource_is_told_without_naming_any():
    refused = (
        "<member><EventId>1</EventId><EventType>VALIDATION_ERROR</EventType>"
        f"<ValidationStatusReason>{WHY}</ValidationStatusReason></member>"
    )
    wire = Wire(DescribeEvents=[done("DescribeEvents", OperationEvents=refused)])
    assert refused_early(wire.client, ChangeSetName=CHANGE_SET) == [WHY]
