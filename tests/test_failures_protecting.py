"""The failures that a deploy must survive, by their numbers: what keeps data meanwhile.

Here: stack policies, protection from termination, and what stops a destroy before it begins.
"""

import functools

import pytest
from botocore import exceptions
from deployed import Listener
from one_topic import DENIED, MORE, NO_LONGER, PROTECTED, TOPIC, UPLOADS, dev, have, left_behind
from test_consent import settle
from test_deploy import with_settings
from wire import (
    CHANGE_SET,
    GONE,
    STACK,
    Wire,
    answering,
    decoded,
    done,
    stack,
)

from liberty_cfn.deploy import (
    carrying_out,
    deploying,
    discarding,
)
from liberty_cfn.deploy.changes import ChangeSet
from liberty_cfn.deploy.deploying import deploy
from liberty_cfn.deploy.destroying import destroy, looked_through
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.protection import (
    close_again,
    protect,
    protect_from_termination,
)
from liberty_cfn.deploy.stack import NESTED_STACK, find
from liberty_cfn.deploy.work import Work
from liberty_cfn.stateful import stack_policy

__all__ = ["dev"]

WELL = done("SetStackPolicy")


def test_a_name_that_nothing_bears_is_told_though_nothing_changes(target, dev):
    have(dev, target, TOPIC)
    listener = Listener()
    deploy(Work(dev, target, listener, {"root.yaml": TOPIC}, ["Databse"]))
    assert any(line.startswith("--allow-replace Databse: ") for line in listener.said)


def test_on_aws_where_it_takes_a_while_it_is_said_that_policies_are_set(
    target, dev, monkeypatch
):
    have(dev, target, TOPIC)
    monkeypatch.setattr(type(target), "is_aws", True)
    listener = Listener()
    deploy(Work(dev, target, listener, {"root.yaml": MORE}))
    assert listener.said[-1] == "Setting the stack policies, which takes some seconds"


def test_a_new_stack_is_protected_from_termination_before_anything_is_in_it(target, dev):
    seen = []

    class Looking(Listener):
        def happened(self, events):
            seen.append(find(target.client("cloudformation"), dev.stack))

    have(dev, target, TOPIC, Looking())
    assert seen[0]["EnableTerminationProtection"]


def test_of_a_new_stack_in_which_nothing_is_no_policy_is_opened(target, dev):
    bodies, hooks = [], target.client("cloudformation").meta.events
    told = "provide-client-params.cloudformation.SetStackPolicy"
    hooks.register(told, note := lambda params, **_: bodies.append(params["StackPolicyBody"]))
    have(dev, target, UPLOADS, allowed=["Uploads"])
    hooks.unregister(told, note)
    assert bodies == [stack_policy()]


def test_a_stack_that_lost_its_protection_from_termination_has_it_again(target, dev):
    have(dev, target, TOPIC)
    protect_from_termination(target.client("cloudformation"), dev.stack, on=False)
    assert not have(dev, target, TOPIC).changed
    assert find(target.client("cloudformation"), dev.stack)["EnableTerminationProtection"]


def test_what_a_failed_creation_left_protected_is_destroyed_when_it_is_named(aws, target, dev):
    aws.fail("AWS::SNS::Topic")
    with pytest.raises(DeployError):
        have(dev, target, TOPIC)
    failed = find(target.client("cloudformation"), dev.stack)
    assert failed["EnableTerminationProtection"]
    destroy(Work(dev, target, Listener()), failed["StackId"], ())
    assert find(target.client("cloudformation"), dev.stack) is None


def test_an_empty_stack_goes_with_its_change_set_though_it_was_protected(target, dev):
    cloudformation = target.client("cloudformation")
    refused = answering(cloudformation, "ExecuteChangeSet", NO_LONGER)
    with refused, pytest.raises(DeployError):
        have(dev, target, TOPIC)
    assert find(cloudformation, dev.stack) is None


def test_what_went_wrong_is_told_though_what_comes_after_it_goes_wrong_too():
    wire = Wire(DeleteChangeSet=[done("DeleteChangeSet")], ListStackResources=[DENIED])
    ours = ChangeSet(CHANGE_SET, STACK, "liberty-1")
    afterwards = functools.partial(protect, wire.client, STACK)
    kept = discarding.kept_only_if_well(wire.client, ours, afterwards)
    with pytest.raises(KeyboardInterrupt), kept:
        raise KeyboardInterrupt
    assert wire.asked[-1][0] == "ListStackResources"


def test_case_28_what_a_killed_deploy_was_allowed_the_next_update_is_not(target, dev):
    have(dev, target, TOPIC)
    cloudformation, policies = target.client("cloudformation"), []
    protect(cloudformation, dev.stack, ["Topic"])

    def look(**_):
        found = cloudformation.get_stack_policy(StackName=dev.stack)
        policies.append(found["StackPolicyBody"])

    executed = "provide-client-params.cloudformation.ExecuteChangeSet"
    cloudformation.meta.events.register(executed, look)
    have(dev, target, MORE)
    cloudformation.meta.events.unregister(executed, look)
    assert policies == [stack_policy()]


@pytest.mark.parametrize(
    ("operation", "answer", "refusal"),
    [
        ("ExecuteChangeSet", NO_LONGER, DeployError),
        ("DescribeStackEvents", DENIED, exceptions.ClientError),
    ],
)
def test_case_28_what_was_allowed_is_no_longer_when_the_plan_cannot_be_executed(
    target, dev, operation, answer, refusal
):
    have(dev, target, UPLOADS)
    cloudformation, second = target.client("cloudformation"), UPLOADS.replace("-1", "-2")
    with answering(cloudformation, operation, answer), pytest.raises(refusal):
        have(dev, target, second, allowed=["Uploads"])
    closed = cloudformation.get_stack_policy(StackName=dev.stack)["StackPolicyBody"]
    assert closed == stack_policy()


def test_case_28_what_was_allowed_stays_so_if_an_interrupted_execution_has_begun(
    target, dev, monkeypatch
):
    have(dev, target, UPLOADS)
    cloudformation, second = target.client("cloudformation"), UPLOADS.replace("-1", "-2")

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(carrying_out, "execute", stopped)
    refused = answering(cloudformation, "DeleteChangeSet", NO_LONGER)
    with refused, pytest.raises(KeyboardInterrupt):
        have(dev, target, second, allowed=["Uploads"])
    found = cloudformation.get_stack_policy(StackName=dev.stack)["StackPolicyBody"]
    assert found == stack_policy(["Uploads"])


@pytest.mark.parametrize(
    ("status", "closed"), [("UPDATE_IN_PROGRESS", False), ("UPDATE_COMPLETE", True)]
)
def test_case_33_what_another_update_goes_by_is_closed_only_when_that_is_over(status, closed):
    wire = Wire(
        GetStackPolicy=[done("GetStackPolicy", StackPolicyBody=stack_policy(["Uploads"]))],
        DescribeStacks=[stack(status)],
        ListStackResources=[done("ListStackResources", StackResourceSummaries="")],
        SetStackPolicy=[done("SetStackPolicy")],
    )
    close_again(wire.client, STACK)
    assert ("SetStackPolicy" in [operation for operation, _ in wire.asked]) is closed


@pytest.mark.parametrize("late", [False, True], ids=["agreed to", "executed"])
def test_case_33_of_two_deploys_at_once_the_loser_does_not_close_what_the_other_allows(
    aws, target, dev, monkeypatch, late
):
    have(dev, target, UPLOADS)
    aws.delay(60)
    cloudformation, loser = target.client("cloudformation"), Listener()
    there, how = (carrying_out, "execute") if late else (loser, "consents")
    original = getattr(there, how)

    def overtaken(*asked):
        protect(cloudformation, dev.stack, ["Uploads", "Theirs"])
        cloudformation.update_stack(StackName=dev.stack, TemplateBody=TOPIC)
        return original(*asked)

    monkeypatch.setattr(there, how, overtaken)
    with pytest.raises(DeployError, match="changed by someone else"):
        have(dev, target, UPLOADS.replace("-1", "-2"), loser, allowed=["Uploads"])
    found = cloudformation.get_stack_policy(StackName=dev.stack)["StackPolicyBody"]
    assert found == stack_policy(["Uploads", "Theirs"])


def test_case_33_a_new_environment_that_is_destroyed_between_two_updates_stays_so(
    target, dev, monkeypatch
):
    production, plans = with_settings(dev, DatabaseDeletionProtection="true"), []
    cloudformation, prepare_now = target.client("cloudformation"), deploying.prepare_now

    def overtaken(*asked, **more):
        plans.append(asked)
        if len(plans) == 2:
            there = find(cloudformation, dev.stack)["StackId"]
            protect_from_termination(cloudformation, there, on=False)
            destroy(
                Work(production, target, Listener()),
                there,
                looked_through(production, target, there)[0],
            )
        return prepare_now(*asked, **more)

    monkeypatch.setattr(deploying, "prepare_now", overtaken)
    with pytest.raises(DeployError, match="Somebody else made or deleted the stack"):
        have(production, target, PROTECTED)
    assert find(cloudformation, dev.stack) is None


def test_case_33_what_another_deploy_adds_between_two_updates_is_not_taken_away(target, dev):
    production = with_settings(dev, DatabaseDeletionProtection="true")
    theirs, loser = PROTECTED + "  Theirs: {Type: AWS::SNS::Topic}\n", Listener()

    def happened(events):
        if any(e.is_root and e.status == "CREATE_COMPLETE" for e in events):
            have(production, target, theirs)

    loser.happened = happened
    with pytest.raises(
        DeployError, match=r"was agreed to.*\nTheirs \(AWS::SNS::Topic\): Remove"
    ):
        have(production, target, PROTECTED, loser)
    assert left_behind(target, dev) == []


@pytest.mark.parametrize("over", [False, True])
def test_case_33_what_the_next_update_goes_by_is_closed_only_when_that_is_over(
    aws, target, dev, monkeypatch, over
):
    """Somebody begins it before the end of ours is seen."""
    have(dev, target, UPLOADS)
    cloudformation, ours, execute = (
        target.client("cloudformation"),
        Listener(),
        carrying_out.execute,
    )

    def overtaken(*asked):
        execute(*asked)
        settle(cloudformation, dev.stack)
        protect(cloudformation, dev.stack, ["Theirs"])
        aws.delay(0 if over else 60)
        theirs = UPLOADS + "  Theirs: {Type: AWS::SNS::Topic}\n"
        cloudformation.update_stack(StackName=dev.stack, TemplateBody=theirs)
        if over:
            settle(cloudformation, dev.stack)

    monkeypatch.setattr(carrying_out, "execute", overtaken)
    assert have(dev, target, UPLOADS + "  Ours: {Type: AWS::SNS::Topic}\n", ours).changed
    found = cloudformation.get_stack_policy(StackName=dev.stack)["StackPolicyBody"]
    assert found == stack_policy(() if over else ["Theirs"])
    assert ours.said[-1].startswith(f"{dev.stack} ended as UPDATE_COMPLETE; somebody else has")


def holding(*nested):
    """Return ListStackResources' answer: nested stacks, by their logical ids."""
    each = (
        f"<member><LogicalResourceId>{name}</LogicalResourceId><ResourceType>{NESTED_STACK}"
        f"</ResourceType><PhysicalResourceId>arn:{name}</PhysicalResourceId></member>"
        for name in nested
    )
    return done("ListStackResources", StackResourceSummaries="".join(each))


def test_every_stack_is_protected_at_any_depth_and_what_somebody_deleted_is_left_out():
    wire = Wire(
        ListStackResources=[holding("Inner"), holding("Deeper", "Gone"), holding(), GONE],
        SetStackPolicy=[GONE, WELL],
    )
    protect(wire.client, STACK)
    asked = [body["StackName"] for name, body in map(decoded, wire.asked) if "Set" in name]
    assert asked == ["arn:Gone", "arn:Deeper", "arn:Inner", STACK]


@pytest.mark.parametrize("answers", [[DENIED, WELL], [WELL, GONE]])
def test_a_stack_that_cannot_be_protected_is_not_passed_over(answers):
    wire = Wire(ListStackResources=[holding("Inner"), holding()], SetStackPolicy=answers)
    with pytest.raises(exceptions.ClientError):
        protect(wire.client, STACK)


def test_what_was_deployed_and_could_not_be_protected_is_told(target, dev):
    with (
        answering(target.client("cloudformation"), "SetStackPolicy", DENIED),
        pytest.raises(DeployError, match=r"CREATE_COMPLETE, but its stack policies.*Not yours"),
    ):
        have(dev, target, TOPIC)


def test_what_failed_and_could_not_be_protected_still_says_why_it_failed(aws, target, dev):
    have(dev, target, TOPIC)
    aws.fail("AWS::SNS::Topic/Another")
    denied = answering(target.client("cloudformation"), "SetStackPolicy", DENIED)
    with denied, pytest.raises(DeployError) as error:
        have(dev, target, MORE)
    assert "Another (AWS::SNS::Topic)" in str(error.value)
    assert "SetStackPolicy: Not yours" in str(error.value)


def test_case_28_a_stateful_resource_is_replaced_only_if_it_is_named(target, dev):
    second = UPLOADS.replace("failures-1", "failures-2")
    have(dev, target, UPLOADS)
    with pytest.raises(DeployError, match="--allow-replace Uploads"):
        have(dev, target, second)
    assert left_behind(target, dev) == []
    assert have(dev, target, second, allowed=["Uploads"]).changed


def test_what_nobody_was_told_would_be_lost_stops_a_destroy_before_it_begins(target, dev):
    logs = "  Logs: {Type: AWS::Logs::LogGroup, DeletionPolicy: Delete}\n"
    have(dev, target, TOPIC + logs)
    cloudformation = target.client("cloudformation")
    found = find(cloudformation, dev.stack)["StackId"]
    protect_from_termination(cloudformation, found, on=False)
    with pytest.raises(DeployError, match=r"deployed since:\nAWS::Logs::LogGroup .* is lost"):
        destroy(Work(dev, target, Listener()), found, ())
    destroy(Work(dev, target, Listener()), found, looked_through(dev, target, found)[0])
    assert find(cloudformation, dev.stack) is None


@pytest.mark.parametrize("again", [False, True])
def test_case_33_what_somebody_else_deleted_is_not_said_to_be_destroyed_here(
    target, dev, again
):
    have(dev, target, TOPIC)
    cloudformation = target.client("cloudformation")
    agreed = find(cloudformation, dev.stack)["StackId"]
    protect_from_termination(cloudformation, agreed, on=False)
    destroy(Work(dev, target, Listener()), agreed, ())
    if again:
        have(dev, target, TOPIC)
    with pytest.raises(DeployError, match="deleted meanwhile, by somebody else") as refused:
        destroy(Work(dev, target, Listener()), agreed, ())
    assert ("was made since: arn:" in str(refused.value)) is again
    assert bool(find(cloudformation, dev.stack)) is again


def test_case_32_what_aws_would_not_delete_stops_a_destroy_before_it_begins(target, dev):
    have(dev, target, UPLOADS)
    cloudformation = target.client("cloudformation")
    found = find(cloudformation, dev.stack)["StackId"]
    target.client("s3").put_object(Bucket="liberty-social-failures-1", Key="a", Body=b"")
    with pytest.raises(DeployError) as error:
        destroy(Work(dev, target, Listener()), found, ())
    assert "protected from termination" in str(error.value)
    assert "AWS::S3::Bucket liberty-social-failures-1" in str(error.value)
    assert find(cloudformation, dev.stack)["StackStatus"] == "CREATE_COMPLETE"
