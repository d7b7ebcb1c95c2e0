"""The failures that a deploy must survive, by their numbers in the list of cases.

Here: what a deploy finds when it begins, and the way to a change set. Most is tried on the
local AWS with a design of one topic; what that can't answer comes over the wire (wire.py).
"""

import dataclasses
import errno
import functools
import itertools
import threading
from datetime import timedelta
from functools import partial
from types import SimpleNamespace

import boto3
import pytest
from botocore import exceptions
from botocore.exceptions import ReadTimeoutError
from botocore.parsers import ResponseParserError
from deployed import Listener, Waking
from kills import state
from small_sets import small
from test_consent import settle
from test_deploy import with_settings
from wire import (
    BROKEN,
    CHANGE_SET,
    EXPIRED,
    GONE,
    NESTED,
    STACK,
    THROTTLED,
    TIMEOUT,
    UNAVAILABLE,
    Wire,
    answering,
    decoded,
    described,
    done,
    stack,
)

from liberty_cfn.deploy import (
    answers,
    carrying_out,
    change_sets,
    deploying,
    discarding,
    following,
    packaging,
    sessions,
    targets,
)
from liberty_cfn.deploy.changes import ChangeSet
from liberty_cfn.deploy.deploying import begin, deploy
from liberty_cfn.deploy.destroying import destroy, kept
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.following import Work
from liberty_cfn.deploy.operations import root
from liberty_cfn.deploy.patience import Patience
from liberty_cfn.deploy.preparing import plan
from liberty_cfn.deploy.protection import (
    close_again,
    nested,
    protect,
    protect_from_termination,
)
from liberty_cfn.deploy.stack import NESTED_STACK, find
from liberty_cfn.deploy.targets import Target
from liberty_cfn.environments import load
from liberty_cfn.local import control
from liberty_cfn.mishaps import in_words
from liberty_cfn.repository import TEMPLATES
from liberty_cfn.stateful import stack_policy

TOPIC = "Resources:\n  Topic: {Type: AWS::SNS::Topic}\n"
ANOTHER = "  Another: {Type: AWS::SNS::Topic, DependsOn: Topic}\n"
MORE = TOPIC + ANOTHER
ROLE = """Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: ecsTaskRole-failures
      AssumeRolePolicyDocument: {Version: '2012-10-17', Statement: []}
"""
UPLOADS = """Resources:
  Uploads:
    Type: AWS::S3::Bucket
    Properties: {BucketName: liberty-social-failures-1}
"""
EXISTS = (
    400,
    "<Code>AlreadyExistsException</Code><Message>ChangeSet liberty-1 already exists</Message>",
)
CREATED = done("CreateChangeSet", Id=CHANGE_SET, StackId=STACK)
DENIED = (403, "<Code>AccessDenied</Code><Message>Not yours</Message>")
NO_CHANGE_SET = (404, "<Code>ChangeSetNotFound</Code><Message>ChangeSet is not there</Message>")
WELL = done("SetStackPolicy")
NO_CHANGES = "The submitted information didn't contain changes. Submit different information"
NO_LONGER = (400, "<Code>InvalidChangeSetStatus</Code><Message>no longer</Message>")


@pytest.fixture
def dev():
    """The environment, for designs that take no parameters."""
    return dataclasses.replace(load("dev"), given={})


def have(environment, target, template, listener=None, *, allowed=(), failed="", **more):
    """Deploy a design of one template."""
    templates = {"root.yaml": template}
    work = Work(environment, target, listener or Listener(), templates, allowed)
    return deploy(work, begin(work, failed), **more)


def left_behind(target, environment):
    """Return the change sets that wait to be executed."""
    found = target.client("cloudformation").list_change_sets(StackName=environment.stack)
    return [s for s in found["Summaries"] if s["ExecutionStatus"] != "EXECUTE_COMPLETE"]


def create(wire, **more):
    return change_sets.create(
        wire.client,
        stack="liberty-social-dev",
        new=False,
        template_url="https://x",
        parameters={},
        tags={},
        **more,
    )


def refusal(code, why):
    return exceptions.ClientError({"Error": {"Code": code, "Message": why}}, "Ask")


# What a deploy finds when it begins


def test_case_01_a_stack_that_is_missing_is_made_and_elsewhere_a_sentence(target, dev):
    assert find(Wire(DescribeStacks=[GONE]).client, "x") is None
    with pytest.raises(DeployError, match="there is none in this account and region"):
        root(dev, target.client("cloudformation"))
    assert have(dev, target, TOPIC).changed


@pytest.mark.parametrize(
    "words",
    [
        NO_CHANGES,
        "No updates are to be performed.",
    ],
)
def test_case_02_no_change_is_no_failure_and_its_change_set_is_deleted(words):
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[described(status="FAILED", reason=words)],
        DeleteChangeSet=[done("DeleteChangeSet")],
    )
    assert create(wire) is None
    deleted = [body for name, body in map(decoded, wire.asked) if name == "DeleteChangeSet"]
    assert [body["ChangeSetName"] for body in deleted] == [CHANGE_SET]


def test_case_02_no_change_is_no_failure_though_aws_says_so_only_where_it_tells_no_values():
    """https://github.com/boto/boto3/issues/4178."""
    why = described(status="FAILED", reason=NO_CHANGES)
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[described(status="FAILED"), why],
        DeleteChangeSet=[done("DeleteChangeSet")],
    )
    assert create(wire) is None
    asked = [body for name, body in map(decoded, wire.asked) if name == "DescribeChangeSet"]
    assert ["IncludePropertyValues" in body for body in asked] == [True, False]


def test_case_02_no_change_is_no_failure_though_its_change_set_cannot_be_deleted(target, dev):
    have(dev, target, TOPIC)
    listener = Listener()
    with answering(target.client("cloudformation"), "DeleteChangeSet", DENIED):
        assert not have(dev, target, TOPIC, listener).changed
    [waiting] = left_behind(target, dev)
    assert f"{waiting['ChangeSetName']} could not be deleted" in listener.said[0]


def test_case_02_a_second_deploy_changes_nothing_and_leaves_nothing_behind(target, dev):
    have(dev, target, TOPIC)
    events, asked = target.client("cloudformation").meta.events, []
    events.register("before-call", note := lambda model, **_: asked.append(model.name))
    assert not have(dev, target, TOPIC).changed
    events.unregister("before-call", note)
    assert left_behind(target, dev) == []
    assert sorted(asked) == sorted(set(asked))  # nor does it ask anything twice


def test_case_03_a_stack_that_waits_for_its_first_change_set_is_a_new_one(target, dev):
    cloudformation = target.client("cloudformation")
    cloudformation.create_change_set(
        StackName=dev.stack,
        ChangeSetName="liberty-of-a-deploy-that-was-killed",
        ChangeSetType="CREATE",
        TemplateBody=TOPIC,
    )
    assert find(cloudformation, dev.stack)["StackStatus"] == "REVIEW_IN_PROGRESS"
    assert have(dev, target, TOPIC).changed
    assert left_behind(target, dev) == []


def test_case_03_the_change_set_that_another_deploy_waits_with_is_left_alone(target, dev):
    cloudformation = target.client("cloudformation")
    others = cloudformation.create_change_set(
        StackName=dev.stack, ChangeSetName="other", ChangeSetType="CREATE", TemplateBody=TOPIC
    )
    plan(Work(dev, target, Listener(), {"root.yaml": TOPIC}))
    assert find(cloudformation, dev.stack)["StackStatus"] == "REVIEW_IN_PROGRESS"
    assert [s["ChangeSetId"] for s in left_behind(target, dev)] == [others["Id"]]


def listed(*statuses):
    """Return ListChangeSets' answer: one of ours for each of these statuses."""
    ours = (
        f"<StackId>{STACK}</StackId><ChangeSetId>{CHANGE_SET}</ChangeSetId>"
        "<ChangeSetName>liberty-1</ChangeSetName>"
    )
    each = (f"<member>{ours}<Status>{status}</Status></member>" for status in statuses)
    return done("ListChangeSets", Summaries="".join(each))


def test_case_03_an_empty_stack_goes_when_what_it_was_made_for_is_gone():
    wire = Wire(
        DeleteChangeSet=[done("DeleteChangeSet")],
        DescribeStacks=[stack("REVIEW_IN_PROGRESS")],
        ListChangeSets=[listed("DELETE_IN_PROGRESS"), listed()],
        DeleteStack=[done("DeleteStack")],
    )
    discarding.discard(wire.client, ChangeSet(CHANGE_SET, STACK, "liberty-1", new=True))
    assert [operation for operation, _ in wire.asked][-3:] == [
        *("ListChangeSets", "ListChangeSets", "DeleteStack"),
    ]


def test_case_33_a_stack_that_another_deploy_began_to_fill_is_not_taken_for_empty():
    other = (
        "<member><ChangeSetId>theirs</ChangeSetId><ChangeSetName>liberty-2</ChangeSetName>"
        "<ExecutionStatus>EXECUTE_IN_PROGRESS</ExecutionStatus></member>"
    )
    wire = Wire(
        DeleteChangeSet=[NO_CHANGE_SET],
        DescribeStacks=[stack("REVIEW_IN_PROGRESS")],
        ListChangeSets=[done("ListChangeSets", Summaries=other)],
    )
    discarding.discard(wire.client, ChangeSet(CHANGE_SET, STACK, "liberty-1", new=True))
    assert "DeleteStack" not in [operation for operation, _ in wire.asked]


@pytest.mark.parametrize("new", [False, True])
@pytest.mark.parametrize("gone", [GONE, NO_CHANGE_SET])
def test_a_change_set_that_somebody_else_deleted_needs_not_be_discarded(new, gone):
    wire = Wire(DeleteChangeSet=[gone], DescribeStacks=[GONE])
    discarding.discard(wire.client, ChangeSet(CHANGE_SET, STACK, "liberty-1", new=new))


@pytest.mark.parametrize("unread", ["DeleteChangeSet", "DescribeStacks", "DeleteStack"])
def test_case_19_nothing_stays_behind_though_an_answer_could_not_be_read(unread):
    answers = {
        "DeleteChangeSet": [NO_CHANGE_SET],
        "DescribeStacks": [stack("REVIEW_IN_PROGRESS")],
        "ListChangeSets": [listed()],
        "DeleteStack": [done("DeleteStack")],
    }
    wire = Wire(**{name: [BROKEN] * (name == unread) + answers[name] for name in answers})
    discarding.discard(wire.client, ChangeSet(CHANGE_SET, STACK, "liberty-1", new=True))
    asked = [operation for operation, _ in wire.asked]
    assert asked[-1] == "DeleteStack"
    assert asked.count(unread) > 1


@pytest.mark.parametrize("status", ["EXECUTE_IN_PROGRESS", "EXECUTE_COMPLETE"])
def test_a_change_set_that_is_executed_is_not_left_behind(status):
    _, text = listed("CREATE_COMPLETE")
    executed = text.replace(
        "</Status>", f"</Status><ExecutionStatus>{status}</ExecutionStatus>"
    )
    wire = Wire(ListChangeSets=[(200, executed)])
    assert discarding.left_behind(wire.client, "liberty-social-dev", pytest.fail) == []


def test_a_change_set_that_is_being_deleted_is_not_swept_away_again():
    wire = Wire(ListChangeSets=[listed("DELETE_PENDING", "DELETE_IN_PROGRESS")])
    assert discarding.left_behind(wire.client, "liberty-social-dev", pytest.fail) == []


def test_case_33_a_deploy_without_changes_leaves_alone_what_another_waits_for_consent_to(
    target, dev, monkeypatch
):
    have(dev, target, TOPIC)
    cloudformation = target.client("cloudformation")

    def another(name, template):
        asked = {"StackName": dev.stack, "ChangeSetName": name, "TemplateBody": template}
        return cloudformation.create_change_set(**asked)["Id"]

    another("liberty-killed", TOPIC)  # in which nothing changes, so nobody can execute it
    waits = another("liberty-waits", MORE)
    have(dev, target, TOPIC)
    assert [each["ChangeSetId"] for each in left_behind(target, dev)] == [waits]
    monkeypatch.setattr(discarding, "FORGOTTEN", timedelta())
    have(dev, target, TOPIC)
    assert left_behind(target, dev) == []


@pytest.mark.parametrize("there", [False, True])
def test_what_a_killed_plan_left_goes_with_the_next_plan_when_nobody_waits_for_it(
    target, dev, monkeypatch, there
):
    cloudformation = target.client("cloudformation")
    if there:
        have(dev, target, TOPIC)
    with monkeypatch.context() as patch:
        patch.setattr(discarding, "discard", lambda *_, **__: None)
        plan(Work(dev, target, Listener(), {"root.yaml": MORE}))
    plan(Work(dev, target, Listener(), {"root.yaml": TOPIC}))
    assert len(left_behind(target, dev)) == 1
    monkeypatch.setattr(discarding, "FORGOTTEN", timedelta())
    plan(Work(dev, target, Listener(), {"root.yaml": TOPIC}))
    assert left_behind(target, dev) == []
    assert bool(find(cloudformation, dev.stack)) is there


def test_the_change_set_of_another_program_is_left_alone(target, dev):
    have(dev, target, TOPIC)
    others = target.client("cloudformation").create_change_set(
        StackName=dev.stack, ChangeSetName="other", TemplateBody=MORE
    )
    assert not have(dev, target, TOPIC).changed
    assert [s["ChangeSetId"] for s in left_behind(target, dev)] == [others["Id"]]


def test_a_stack_that_is_not_there_yet_has_nothing_left_behind_nor_is_a_word_said():
    wire = Wire(ListChangeSets=[GONE])
    assert discarding.left_behind(wire.client, "liberty-social-dev", pytest.fail) == []


def test_a_name_that_nothing_bears_is_told_though_nothing_changes(target, dev):
    have(dev, target, TOPIC)
    listener = Listener()
    deploy(Work(dev, target, listener, {"root.yaml": TOPIC}, ["Databse"]))
    assert any(line.startswith("--allow-replace Databse: ") for line in listener.said)


def test_case_04_a_failed_creation_is_deleted_and_made_again_only_if_it_is_named(
    aws, target, dev
):
    aws.fail("AWS::SNS::Topic")
    with pytest.raises(DeployError):
        have(dev, target, TOPIC)
    aws.fail()
    failed = find(target.client("cloudformation"), dev.stack)
    assert failed["StackStatus"] == "ROLLBACK_COMPLETE"
    for consent in ("", "liberty-social-prod"):
        with pytest.raises(DeployError, match="--delete-failed liberty-social-dev"):
            have(dev, target, TOPIC, failed=consent)
    assert find(target.client("cloudformation"), dev.stack)["StackId"] == failed["StackId"]
    listener = Listener()
    assert have(dev, target, TOPIC, listener, failed=dev.stack).changed
    assert listener.said == [f"Deleting what is left of {dev.stack}, {failed['StackId']}"]
    made = find(target.client("cloudformation"), dev.stack)
    assert made["StackId"] != failed["StackId"]
    assert made["StackStatus"] == "CREATE_COMPLETE"


def test_case_04_a_stack_that_did_not_fail_is_not_deleted_whatever_is_named(target, dev):
    have(dev, target, TOPIC)
    listener = Listener()
    assert not have(dev, target, TOPIC, listener, failed="liberty-social-prod").changed
    assert listener.said == [
        "liberty-social-dev is in CREATE_COMPLETE, so it isn't deleted first"
    ]


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


def test_what_is_deployed_are_the_templates_that_were_reviewed(target):
    cloudformation, local = target.client("cloudformation"), load("local")
    templates = small(packaging.read(TEMPLATES), "Storage")
    deploy(Work(local, target, Listener(), templates))
    [storage] = nested(cloudformation, local.stack)
    deployed = cloudformation.get_template(StackName=storage)["TemplateBody"]
    assert deployed == templates["storage.yaml"]


def test_the_outputs_are_those_after_the_deploy(target, dev):
    said = TOPIC + "Outputs: {Url: {Value: before}}\n"
    assert have(dev, target, said).outputs == {"Url": "before"}
    assert have(dev, target, said.replace("before", "after")).outputs == {"Url": "after"}


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (exceptions.EndpointConnectionError(endpoint_url="https://cloudformation"), 0),
        # Credentials that renew themselves may be good again, and one refusal costs nothing.
        (refusal("ExpiredToken", "The token is expired"), 1),
    ],
)
def test_case_21_a_change_set_is_discarded_unless_aws_cannot_be_reached(error, asked):
    wire = Wire(DeleteChangeSet=[EXPIRED])
    ours = ChangeSet(CHANGE_SET, STACK, "liberty-1")
    with pytest.raises(type(error)), discarding.kept_only_if_well(wire.client, ours):
        raise error
    assert len(wire.asked) == asked


def test_what_went_wrong_is_told_though_what_comes_after_it_goes_wrong_too():
    wire = Wire(DeleteChangeSet=[done("DeleteChangeSet")], ListStackResources=[DENIED])
    ours = ChangeSet(CHANGE_SET, STACK, "liberty-1")
    afterwards = functools.partial(protect, wire.client, STACK)
    kept = discarding.kept_only_if_well(wire.client, ours, afterwards)
    with pytest.raises(KeyboardInterrupt), kept:
        raise KeyboardInterrupt
    assert wire.asked[-1][0] == "ListStackResources"


# Stateful resources with names, all kept by policy; the service comes after them.
TEMPLATE_BUCKET = "liberty-cfn-templates-000000000000-us-east-1"
NAMED = ("Logs", "Registry", "Secrets", "Service", "Storage")


def names(target):
    """Return what has a name that is kept."""
    return {
        *(b["Name"] for b in target.client("s3").list_buckets()["Buckets"]),
        *(s["Name"] for s in target.client("secretsmanager").list_secrets()["SecretList"]),
        *(g["logGroupName"] for g in target.client("logs").describe_log_groups()["logGroups"]),
        *(
            r["repositoryName"]
            for r in target.client("ecr").describe_repositories()["repositories"]
        ),
    }


def test_case_04_a_creation_that_failed_leaves_no_name_in_the_way_of_the_next(aws, target):
    local, templates = load("local"), small(packaging.read(TEMPLATES), *NAMED)
    aws.fail("AWS::ECS::Service")
    with pytest.raises(DeployError):
        deploy(Work(local, target, Listener(), templates))
    assert names(target) == {TEMPLATE_BUCKET}
    aws.fail()
    work = Work(local, target, Listener(), templates)
    assert deploy(work, begin(work, local.stack)).changed


PROTECTED = """
Parameters: {DatabaseDeletionProtection: {Type: String, Default: 'true'}}
Resources:
  Database:
    Type: AWS::RDS::DBInstance
    DeletionPolicy: Snapshot
    Properties:
      DBInstanceIdentifier: failures
      DBInstanceClass: db.t3.micro
      Engine: postgres
      AllocatedStorage: '20'
      DeletionProtection: !Ref DatabaseDeletionProtection
  Topic: {Type: AWS::SNS::Topic, DependsOn: Database}
"""


def test_case_04_a_protected_database_is_protected_once_all_is_there(aws, target, dev):
    production = with_settings(dev, DatabaseDeletionProtection="true")
    aws.fail("AWS::SNS::Topic")
    with pytest.raises(DeployError, match="ended as ROLLBACK_COMPLETE"):
        have(production, target, PROTECTED)
    assert not target.client("rds").describe_db_instances()["DBInstances"]
    aws.fail()
    listener = Listener()
    assert have(production, target, PROTECTED, listener, failed=dev.stack).changed
    [database] = target.client("rds").describe_db_instances()["DBInstances"]
    assert database["DeletionProtection"]
    assert "First without protection from deletion, so that it can be undone" in listener.said
    assert not have(production, target, PROTECTED).changed
    updating = Listener()
    assert have(production, target, PROTECTED + ANOTHER, updating).changed
    assert updating.said == []


def test_case_03_a_plan_made_twice_deletes_no_stack_that_the_next_is_for(target, dev):
    deleted, events = [], target.client("cloudformation").meta.events
    told = "provide-client-params.cloudformation.DeleteStack"
    events.register(told, take_note := lambda params, **_: deleted.append(params))
    have(with_settings(dev, DatabaseDeletionProtection="true"), target, PROTECTED)
    events.unregister(told, take_note)
    assert deleted == []


def test_case_03_an_empty_stack_goes_too_when_the_next_plan_for_it_cannot_be_made(
    target, dev, monkeypatch
):
    def in_the_way(*_, **__):
        raise DeployError("in the way")

    monkeypatch.setattr(deploying, "prepare_now", in_the_way)
    with pytest.raises(DeployError, match="in the way"):
        have(with_settings(dev, DatabaseDeletionProtection="true"), target, PROTECTED)
    assert find(target.client("cloudformation"), dev.stack) is None


def test_case_02_a_first_plan_that_cannot_be_deleted_is_no_reason_to_stop(target, dev):
    production, listener = with_settings(dev, DatabaseDeletionProtection="true"), Listener()
    with answering(target.client("cloudformation"), "DeleteChangeSet", DENIED):
        assert have(production, target, PROTECTED, listener).changed
    assert "could not be deleted; a later deploy does it" in listener.said[0]
    have(production, target, PROTECTED)
    assert left_behind(target, dev) == []


class Leaving(Listener):
    """Is interrupted when all is there, and not protected yet."""

    def say(self, line):
        super().say(line)
        if line == "All is there; now it is protected from deletion":
            raise KeyboardInterrupt


def test_case_29_interrupted_before_it_is_protected_the_next_deploy_protects(target, dev):
    production = with_settings(dev, DatabaseDeletionProtection="true")
    with pytest.raises(KeyboardInterrupt):
        have(production, target, PROTECTED, Leaving())
    rds, cloudformation = target.client("rds"), target.client("cloudformation")
    assert not rds.describe_db_instances()["DBInstances"][0]["DeletionProtection"]
    assert have(production, target, PROTECTED).changed
    assert rds.describe_db_instances()["DBInstances"][0]["DeletionProtection"]
    assert find(cloudformation, dev.stack)["EnableTerminationProtection"]
    assert left_behind(target, dev) == []


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


def test_case_33_what_another_deploy_finished_meanwhile_is_done(target, dev):
    production = with_settings(dev, DatabaseDeletionProtection="true")
    listener = Listener()

    def happened(events):
        if any(e.is_root and e.status == "CREATE_COMPLETE" for e in events):
            assert have(production, target, PROTECTED).changed

    listener.happened = happened
    assert have(production, target, PROTECTED, listener).changed
    assert listener.said[-1] == "Nothing is left to do: somebody else deployed meanwhile"


def test_case_33_a_new_environment_that_another_deploy_made_meanwhile_is_not_changed(
    target, dev
):
    """It is planned twice, without protection and with it; agreed to was that all is made."""
    production = with_settings(dev, DatabaseDeletionProtection="true")
    loser, theirs = Listener(), PROTECTED.replace("'20'", "'30'")

    def consents():
        return have(production, target, theirs).changed

    loser.consents = consents
    with pytest.raises(DeployError, match="Somebody else made or deleted the stack"):
        have(production, target, PROTECTED, loser)
    assert loser.events == []
    assert left_behind(target, dev) == []


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
            destroy(Work(production, target, Listener()), there, kept(cloudformation, there))
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


def test_case_13_what_is_told_at_the_end_is_of_the_stack_that_was_deployed(
    target, dev, monkeypatch
):
    asked, described_ = [], deploying.described

    def noted(cloudformation, stack):
        asked.append(stack)
        return described_(cloudformation, stack)

    monkeypatch.setattr(deploying, "described", noted)
    have(dev, target, TOPIC)
    assert asked == [find(target.client("cloudformation"), dev.stack)["StackId"]]


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


def test_an_update_that_failed_takes_away_what_it_added_and_nothing_else(aws, target, dev):
    have(dev, target, UPLOADS)
    added = """  Added:
    Type: AWS::Logs::LogGroup
    DeletionPolicy: Retain
    Properties: {LogGroupName: added}
  Topic: {Type: AWS::SNS::Topic, DependsOn: Added}
"""
    aws.fail("AWS::SNS::Topic")
    with pytest.raises(DeployError, match="UPDATE_ROLLBACK_COMPLETE"):
        have(dev, target, UPLOADS + added)
    assert names(target) == {TEMPLATE_BUCKET, "liberty-social-failures-1"}
    assert left_behind(target, dev) == []


def test_case_06_an_update_that_was_undone_is_tried_again(aws, target, dev):
    have(dev, target, TOPIC)
    aws.fail("AWS::SNS::Topic/Another")
    with pytest.raises(DeployError, match="ended as UPDATE_ROLLBACK_COMPLETE"):
        have(dev, target, MORE)
    aws.fail()
    assert have(dev, target, MORE).changed


def test_what_a_deploy_adopts_outlives_its_failure(aws, target):
    local, templates = load("local"), small(packaging.read(TEMPLATES), "Logs", "Storage")
    uploads, cat = "liberty-social-uploads-local", {"Key": "cat", "Body": b"m"}
    target.client("s3").create_bucket(Bucket=uploads)
    target.client("s3").put_object(Bucket=uploads, **cat)
    aws.fail("AWS::Logs::LogGroup")
    with pytest.raises(DeployError):
        deploy(Work(local, target, Listener(), templates), adopt=True)
    assert target.client("s3").get_object(Bucket=uploads, Key="cat")["Body"].read() == b"m"


def test_production_takes_in_what_was_kept_though_protection_comes_last(target):
    production = with_settings(load("local"), DatabaseDeletionProtection="true")
    target.client("s3").create_bucket(Bucket="liberty-social-uploads-local")
    templates, listener = small(packaging.read(TEMPLATES), "Storage"), Listener()
    assert deploy(Work(production, target, listener, templates), adopt=True).changed
    assert "First without protection from deletion, so that it can be undone" in listener.said
    imported = [e.resource for e in listener.events if e.status == "IMPORT_COMPLETE"]
    assert "Uploads" in imported


@pytest.mark.parametrize("fails", [False, True])
def test_case_10_what_somebody_else_began_is_attached_to_by_its_id(aws, target, dev, fails):
    cloudformation = target.client("cloudformation")
    aws.delay(60)
    if fails:
        aws.fail("AWS::SNS::Topic/Another")
    begun = cloudformation.create_stack(StackName=dev.stack, TemplateBody=MORE)["StackId"]
    listener = Waking(aws)
    if fails:
        failed = r"^This deploy began nothing: .*\n.*\n.*LIBERTY_LOCAL_FAIL asks that AWS::SNS"
        with pytest.raises(DeployError, match=failed):
            have(dev, target, TOPIC, listener)
    else:
        have(dev, target, MORE, listener)
        assert find(cloudformation, dev.stack)["StackId"] == begun
    assert listener.said[0] == f"{dev.stack} is in CREATE_IN_PROGRESS: attached to {begun}"
    assert listener.events[0].is_root


def test_case_33_who_attaches_sees_the_next_update_too_and_leaves_what_it_is_allowed(
    aws, target, dev
):
    """As where another deploy migrates in between: it makes two updates."""
    cloudformation, listener, allowed = target.client("cloudformation"), Waking(aws), []
    aws.delay(60)
    cloudformation.create_stack(StackName=dev.stack, TemplateBody=TOPIC)

    def happened(events):
        if listener.events:
            found = cloudformation.get_stack_policy(StackName=dev.stack)
            allowed.append(found["StackPolicyBody"])
        elif any(e.is_root and e.over for e in events):
            listener.events += events
            aws.delay(60)
            protect(cloudformation, dev.stack, ["Theirs"])
            cloudformation.update_stack(StackName=dev.stack, TemplateBody=MORE)
            return
        aws.delay(0)

    listener.happened = happened
    have(dev, target, MORE, listener)
    assert len([line for line in listener.said if "attached to" in line]) == 2
    assert allowed[0] == stack_policy(["Theirs"])
    found = cloudformation.get_stack_policy(StackName=dev.stack)["StackPolicyBody"]
    assert found == stack_policy()


def test_case_10_a_stack_that_is_being_deleted_is_not_deployed_to(aws, target, dev):
    have(dev, target, TOPIC)
    cloudformation = target.client("cloudformation")
    protection = {"StackName": dev.stack, "EnableTerminationProtection": False}
    cloudformation.update_termination_protection(**protection)
    aws.delay(60)
    cloudformation.delete_stack(StackName=dev.stack)
    with pytest.raises(DeployError, match="is being deleted"):
        have(dev, target, TOPIC)


# The way to a change set


def test_a_change_set_that_cannot_be_read_is_not_left_behind(target, dev):
    have(dev, target, TOPIC)
    client = target.client("cloudformation")
    unread = (400, "<Code>ValidationError</Code><Message>No values for you</Message>")
    seen = []

    def refuse(params, **_):
        if "IncludePropertyValues" in params["body"]:
            seen.append(params)
            return SimpleNamespace(status_code=unread[0]), {"Error": {"Code": "Denied"}}
        return None

    event = "before-call.cloudformation.DescribeChangeSet"
    client.meta.events.register(event, refuse)
    try:
        with pytest.raises(exceptions.ClientError):
            plan(Work(dev, target, Listener(), {"root.yaml": MORE}))
    finally:
        client.meta.events.unregister(event, refuse)
    assert seen
    assert left_behind(target, dev) == []


def test_a_change_set_that_is_not_executed_for_want_of_rights_is_not_left_behind(target, dev):
    have(dev, target, TOPIC)
    with (
        answering(target.client("cloudformation"), "GetStackPolicy", DENIED),
        pytest.raises(exceptions.ClientError, match="AccessDenied"),
    ):
        have(dev, target, MORE)
    assert left_behind(target, dev) == []


@pytest.mark.parametrize("operation", ["ExecuteChangeSet", "DescribeChangeSet"])
def test_a_change_set_that_may_not_be_used_is_not_left_behind(target, dev, operation):
    have(dev, target, TOPIC)
    with (
        answering(target.client("cloudformation"), operation, DENIED),
        pytest.raises(exceptions.ClientError, match="Not yours"),
    ):
        have(dev, target, MORE)
    assert left_behind(target, dev) == []


@pytest.mark.parametrize(
    "answer", [(500, "<Code>InternalFailure</Code><Message>Sorry</Message>"), BROKEN]
)
def test_case_20_a_change_set_whose_execution_never_arrived_is_not_left_behind(
    target, dev, answer
):
    have(dev, target, TOPIC)
    refused = pytest.raises((exceptions.ClientError, ResponseParserError))
    with answering(target.client("cloudformation"), "ExecuteChangeSet", answer), refused:
        have(dev, target, MORE)
    assert left_behind(target, dev) == []


def test_case_29_a_change_set_is_not_left_behind_by_who_stops_its_execution(
    target, dev, monkeypatch
):
    have(dev, target, TOPIC)

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(carrying_out, "execute", stopped)
    with pytest.raises(KeyboardInterrupt):
        have(dev, target, MORE)
    assert left_behind(target, dev) == []


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("ValidationError", "Stack:x is in UPDATE_IN_PROGRESS state and can not be updated."),
        ("ValidationError", "Stack:x is in ROLLBACK_COMPLETE state and can not be updated."),
        (
            "ValidationError",
            "Stack [x] already exists and cannot be created again with the changeSet [y].",
        ),
        ("ValidationError", "Stack [x] does not exist"),
        ("AlreadyExistsException", "Stack [x] already exists"),
    ],
)
def test_case_10_what_somebody_did_just_before_the_plan_is_a_sentence(code, found):
    wire = Wire(
        CreateChangeSet=[(400, f"<Code>{code}</Code><Message>{found}</Message>")],
        DescribeChangeSet=[NO_CHANGE_SET],
    )
    with pytest.raises(DeployError, match=r"just before this plan.*Deploy again") as error:
        create(wire)
    assert found in str(error.value)


def test_what_is_deployed_is_not_called_failed_for_change_sets_that_cannot_be_listed(
    target, dev
):
    listener = Listener()
    with answering(target.client("cloudformation"), "ListChangeSets", DENIED):
        assert have(dev, target, TOPIC, listener).changed
    assert "AWS refused ListChangeSets: Not yours" in listener.said[0]
    made = find(target.client("cloudformation"), dev.stack)
    assert made["EnableTerminationProtection"]


def test_a_plan_whose_change_set_cannot_be_deleted_is_shown_and_the_next_deploy_does_it(
    target, dev
):
    have(dev, target, TOPIC)
    told = Listener()
    with answering(target.client("cloudformation"), "DeleteChangeSet", DENIED):
        planned = plan(Work(dev, target, told, {"root.yaml": MORE}))
    assert "Another" in {change.resource for change in planned.changes}
    [waiting] = left_behind(target, dev)
    assert waiting["ChangeSetName"] in told.said[0]
    assert "DeleteChangeSet: Not yours" in told.said[0]
    have(dev, target, UPLOADS)
    assert left_behind(target, dev) == []


def test_why_nothing_is_changed_is_told_though_the_change_set_cannot_be_deleted(target, dev):
    have(dev, target, UPLOADS)
    listener = Listener()
    denied = answering(target.client("cloudformation"), "DeleteChangeSet", DENIED)
    with denied, pytest.raises(DeployError, match="Data would be lost"):
        have(dev, target, TOPIC, listener)
    assert "DeleteChangeSet: Not yours" in listener.said[-1]


def test_case_33_what_another_deploy_is_about_to_do_is_left_to_it(target, dev, monkeypatch):
    have(dev, target, TOPIC)
    cloudformation, planned = target.client("cloudformation"), []

    def meanwhile(*_, **__):
        asked = {"StackName": dev.stack, "ChangeSetName": "liberty-other", "TemplateBody": MORE}
        planned.append(cloudformation.create_change_set(**asked)["Id"])

    monkeypatch.setattr(deploying, "close_again", meanwhile)
    assert not have(dev, target, TOPIC).changed
    assert [each["ChangeSetId"] for each in left_behind(target, dev)] == planned


@pytest.mark.parametrize("gone", [NO_CHANGE_SET, GONE])
def test_case_33_a_plan_that_another_deploy_deletes_meanwhile_is_a_sentence(gone):
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[gone],
        DeleteChangeSet=[done("DeleteChangeSet")],
    )
    with pytest.raises(DeployError, match="deleted meanwhile, by somebody"):
        create(wire)


def test_a_change_set_in_a_state_nobody_knows_is_not_taken_for_ready():
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[described(status="DELETE_PENDING")],
        DeleteChangeSet=[done("DeleteChangeSet")],
    )
    with pytest.raises(DeployError, match="DELETE_PENDING"):
        create(wire)


def test_a_change_set_that_failed_for_no_reason_says_so():
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[described(status="FAILED")],
        DescribeEvents=[done("DescribeEvents")],
        DeleteChangeSet=[done("DeleteChangeSet")],
    )
    with pytest.raises(DeployError, match="no reason given"):
        create(wire)


def nested_in(title, more=""):
    """Return the changes of a change set that says a nested stack changes, as XML."""
    return (
        f"<Changes><member><ResourceChange><Action>Modify</Action><LogicalResourceId>{title}"
        "</LogicalResourceId><ResourceType>AWS::CloudFormation::Stack</ResourceType>"
        f"<PhysicalResourceId>{NESTED}</PhysicalResourceId>{more}</ResourceChange></member>"
        "</Changes>"
    )


@pytest.mark.parametrize(
    ("status", "reason", "told"),
    [
        ("FAILED", "Something odd", "Something odd"),
        ("FAILED", "", "no reason given."),
        ("FAILED", NO_CHANGES, None),
        ("DELETE_COMPLETE", "", "no reason given."),
    ],
)
def test_case_31_a_nested_stack_of_which_nothing_can_be_told_is_named(status, reason, told):
    inside = described(status=status, reason=reason)
    nested = nested_in("Logs", "<ChangeSetId>inside</ChangeSetId>")
    root = (200, described()[1].replace("<Changes/>", nested))
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[root, inside],
    )
    said = []
    [change] = create(wire, say=said.append).changes
    assert (change.resource, change.opaque) == ("Logs", bool(told))
    assert [f"inside Logs can't be told: {told}" in line for line in said] == [True] * len(said)
    assert bool(said) is bool(told)


def test_a_nested_stack_without_a_change_set_of_its_own_may_change_in_any_way():
    inside = f"<IncludeNestedStacks>true</IncludeNestedStacks>{nested_in('Logs')}"
    root = (200, described()[1].replace("<Changes/>", inside))
    wire = Wire(CreateChangeSet=[CREATED], DescribeChangeSet=[root])
    assert [change.opaque for change in create(wire).changes] == [True]


def test_what_changes_is_told_with_the_path_to_it_at_any_depth():
    names = ("One", "Two", "Three")
    nested = [nested_in(name, f"<ChangeSetId>{name}</ChangeSetId>") for name in names]
    pages = [(200, described()[1].replace("<Changes/>", inside)) for inside in nested]
    wire = Wire(CreateChangeSet=[CREATED], DescribeChangeSet=[*pages, described()])
    places = [(*change.stack, change.resource) for change in create(wire).changes]
    assert places == [names[:1], names[:2], names]


@pytest.mark.parametrize(
    ("action", "there"), [("Remove", True), ("Remove", False), ("Dynamic", True)]
)
def test_what_is_in_a_nested_stack_that_goes_is_told_though_its_change_set_says_nothing(
    action, there
):
    nested = nested_in("Logs", "<ChangeSetId>inside</ChangeSetId>").replace("Modify", action)
    root = (200, described()[1].replace("<Changes/>", nested))
    group = (
        "<member><LogicalResourceId>Group</LogicalResourceId><ResourceStatus>CREATE_COMPLETE"
        "</ResourceStatus><ResourceType>AWS::Logs::LogGroup</ResourceType></member>"
    )
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[root],
        ListStackResources=[done("ListStackResources", StackResourceSummaries=group)],
        GetTemplate=[
            done("GetTemplate", TemplateBody="Resources: {Group: {Type: AWS::Logs::LogGroup}}")
            if there
            else GONE
        ],
    )
    told = [(change.resource, change.action, change.left) for change in create(wire).changes]
    assert told == [("Logs", action, ""), ("Group", "Remove", "Delete")][: 1 + there]


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


@pytest.mark.parametrize("lost", [EXISTS, TIMEOUT, UNAVAILABLE])
def test_case_12_a_change_set_whose_name_exists_is_ours_and_is_found_by_it(lost):
    wire = Wire(CreateChangeSet=[lost], DescribeChangeSet=[described()])
    assert create(wire).id == CHANGE_SET
    asked = [body for _, body in map(decoded, wire.asked)]
    assert asked[0]["ChangeSetName"] == asked[0]["ClientToken"] == asked[1]["ChangeSetName"]


def test_case_12_a_name_that_somebody_else_has_is_left_for_another():
    wire = Wire(
        CreateChangeSet=[EXISTS, CREATED],
        DescribeChangeSet=[NO_CHANGE_SET, described()],
    )
    assert create(wire).id == CHANGE_SET
    first, second = (
        body["ChangeSetName"]
        for operation, body in map(decoded, wire.asked)
        if operation == "CreateChangeSet"
    )
    assert first != second


def test_case_12_another_name_is_tried_once_and_no_more():
    wire = Wire(CreateChangeSet=[EXISTS, EXISTS, CREATED], DescribeChangeSet=[NO_CHANGE_SET])
    with pytest.raises(exceptions.ClientError, match="liberty-1 already exists"):
        create(wire)


def test_case_12_a_change_set_that_never_arrived_is_not_taken_for_made():
    wire = Wire(CreateChangeSet=[TIMEOUT], DescribeChangeSet=[NO_CHANGE_SET])
    with pytest.raises(ReadTimeoutError):
        create(wire)


def test_a_plan_of_many_pages_is_read_whole_and_with_values():
    def page(name, more=""):
        change = (
            f"<Changes><member><ResourceChange><LogicalResourceId>{name}</LogicalResourceId>"
            "<ResourceType>AWS::S3::Bucket</ResourceType><Action>Remove</Action>"
            f"</ResourceChange></member></Changes>{more}"
        )
        return 200, described()[1].replace("<Changes/>", change)

    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[page("One", "<NextToken>more</NextToken>"), page("Two")],
    )
    assert [change.resource for change in create(wire).changes] == ["One", "Two"]
    asked = [body for name, body in map(decoded, wire.asked) if name == "DescribeChangeSet"]
    assert [body.get("NextToken") for body in asked] == [None, "more"]
    assert {body["IncludePropertyValues"] for body in asked} == {"true"}


def test_case_29_a_change_set_that_nobody_waits_for_any_more_is_deleted():
    wire = Wire(
        CreateChangeSet=[KeyboardInterrupt()],
        DescribeChangeSet=[described()],
        DeleteChangeSet=[done("DeleteChangeSet")],
    )
    with pytest.raises(KeyboardInterrupt):
        create(wire)
    operation, body = decoded(wire.asked[-1])
    assert (operation, body["ChangeSetName"]) == ("DeleteChangeSet", CHANGE_SET)


@pytest.mark.parametrize(
    "why",
    [
        "Cannot delete ChangeSet in status CREATE_IN_PROGRESS",
        "An operation on this ChangeSet is currently in progress.  Please attempt it later.",
    ],
)
def test_case_29_a_change_set_that_is_still_being_made_is_deleted_when_it_is(why):
    busy = (400, f"<Code>InvalidChangeSetStatus</Code><Message>{why}</Message>")
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[KeyboardInterrupt()],
        DeleteChangeSet=[busy, busy, done("DeleteChangeSet")],
    )
    with pytest.raises(KeyboardInterrupt):
        create(wire)
    assert [name for name, _ in wire.asked].count("DeleteChangeSet") == 3


def test_a_change_set_that_is_never_made_is_not_waited_with_for_ever():
    why = "Cannot delete ChangeSet in status CREATE_PENDING"
    wire = Wire(
        DeleteChangeSet=[(400, f"<Code>InvalidChangeSetStatus</Code><Message>{why}</Message>")]
    )
    said = []
    discarding.drop(wire.client, ChangeSet(CHANGE_SET, STACK, "liberty-1"), said.append)
    assert (
        f"could not be deleted; a later deploy does it. AWS refused DeleteChangeSet: {why}"
        in (said[0])
    )


def test_case_29_ctrl_c_stays_ctrl_c_though_no_change_set_is_found():
    wire = Wire(CreateChangeSet=[KeyboardInterrupt()], DescribeChangeSet=[NO_CHANGE_SET])
    with pytest.raises(KeyboardInterrupt):
        create(wire)


def test_case_16_a_change_set_that_is_looked_at_in_vain_is_looked_at_again():
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[
            THROTTLED,
            UNAVAILABLE,
            described(status="CREATE_PENDING"),
            described(status="CREATE_IN_PROGRESS"),
            described(),
        ],
    )
    assert create(wire).id == CHANGE_SET


@pytest.mark.parametrize("looks", [[DENIED], [THROTTLED] * 3])
def test_case_16_a_change_set_that_aws_does_not_tell_of_is_looked_at_no_longer(
    monkeypatch, looks
):
    monkeypatch.setattr(change_sets, "LOOKS", 2)
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[*looks, described()],
        DeleteChangeSet=[done("DeleteChangeSet")],
    )
    with pytest.raises(exceptions.ClientError):
        create(wire)


def test_case_15_a_change_set_that_is_never_made_is_not_waited_for_for_ever(monkeypatch):
    hours = itertools.count(0, 3600)
    impatient = partial(Patience, clock=lambda: next(hours))
    monkeypatch.setattr(change_sets, "Patience", impatient)
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[described(status="CREATE_IN_PROGRESS")],
        DeleteChangeSet=[done("DeleteChangeSet")],
    )
    with pytest.raises(DeployError, match="not made the plan after 3 h") as error:
        create(wire)
    assert in_words(error.value) == str(error.value)
    assert wire.asked[-1][0] == "DeleteChangeSet"


@pytest.mark.parametrize("name", ["prod", "local"])
def test_case_22_another_account_is_refused_before_anything_is_made(monkeypatch, name):
    pinned = dataclasses.replace(load(name), account="111111111111")
    monkeypatch.setattr(targets, "target", lambda *_: Target(None, "222222222222"))
    monkeypatch.setattr(targets.control, "up", lambda **_: control.LocalAws("http://a", 1))
    with pytest.raises(DeployError) as error:
        targets.connect(pinned, print)
    assert in_words(error.value) == (
        f"These credentials are account 222222222222's, and {name} is in 111111111111 (Account "
        f"in params/{name}.yaml). Nothing was changed; sign in to the other account, or choose "
        "its profile (AWS_PROFILE)."
    )


def test_case_22_the_region_is_the_environment_s_whatever_the_shell_says(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setattr(targets, "target", lambda session, *_: Target(session, "1"))
    prod = dataclasses.replace(load("prod"), account="1")
    assert targets.connect(prod, print).region == prod.region == "us-east-1"


REFUSED_EARLY = (
    "The following hook(s)/validation failed: [AWS::EarlyValidation::ResourceExistenceCheck]. "
    "To troubleshoot Early Validation errors, use the DescribeEvents API for detailed failure "
    "information."
)
NESTED_REFUSED = (
    f"Nested change set {CHANGE_SET}/nested was not successfully created: Currently in FAILED."
)


@pytest.mark.parametrize(
    "descriptions",
    [
        [described(status="FAILED", reason=REFUSED_EARLY)],
        [
            described(status="FAILED", reason=NESTED_REFUSED),
            described(status="FAILED", reason=REFUSED_EARLY),
        ],
    ],
    ids=["root", "nested"],
)
def test_case_25_a_change_set_that_early_validation_refuses_says_why_and_is_deleted(
    descriptions,
):
    why = "Resource of type 'AWS::S3::Bucket' with identifier 'x' already exists."
    refused = (
        "<member><EventId>1</EventId><OperationId>1</OperationId><OperationType>"
        "CREATE_CHANGESET</OperationType><OperationStatus>FAILED</OperationStatus><EventType>"
        "STACK_EVENT</EventType></member>"
        "<member><EventId>2</EventId><OperationId>1</OperationId>"
        "<EventType>VALIDATION_ERROR</EventType><LogicalResourceId>Uploads</LogicalResourceId>"
        "<ResourceType>AWS::S3::Bucket</ResourceType><ValidationFailureMode>FAIL"
        "</ValidationFailureMode><ValidationName>NAME_CONFLICT_VALIDATION</ValidationName>"
        "<ValidationStatus>FAILED</ValidationStatus><ValidationPath>/Resources/Uploads"
        f"</ValidationPath><ValidationStatusReason>{why}</ValidationStatusReason></member>"
    )
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=descriptions,
        DescribeEvents=[done("DescribeEvents", OperationEvents=refused)],
        ListHookResults=[done("ListHookResults", HookResults="")],
        DeleteChangeSet=[done("DeleteChangeSet")],
    )
    with pytest.raises(DeployError) as error:
        create(wire)
    assert in_words(error.value) == (
        "CloudFormation can't plan this change: "
        f"Uploads (AWS::S3::Bucket /Resources/Uploads): {why}\n"
        "The name is taken: by what an earlier destroy kept, or by another environment. Delete "
        "that if nobody needs it, or choose another NameSuffix."
    )
    asked = [(name, body.get("ChangeSetName")) for name, body in map(decoded, wire.asked)]
    assert ("DescribeEvents", CHANGE_SET) in asked
    assert [name for name, _ in asked].count(
        "CreateChangeSet"
    ) == 1  # the root isn't tried alone
    assert asked[-1] == ("DeleteChangeSet", CHANGE_SET)


def test_why_nothing_can_be_planned_is_told_though_the_change_set_cannot_be_deleted():
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[described(status="FAILED", reason="It is odd")],
        DescribeEvents=[DENIED],
        DeleteChangeSet=[DENIED],
    )
    said = []
    with pytest.raises(DeployError, match="can't plan this change: It is odd"):
        create(wire, say=said.append)
    assert "could not be deleted; a later deploy does it" in said[0]


def test_case_26_a_capability_that_is_missing_is_named_with_what_to_do():
    why = "Requires capabilities : [CAPABILITY_AUTO_EXPAND]"
    code = "InsufficientCapabilitiesException"
    wire = Wire(
        CreateChangeSet=[(400, f"<Code>{code}</Code><Message>{why}</Message>")],
        DescribeChangeSet=[NO_CHANGE_SET],
    )
    with pytest.raises(exceptions.ClientError) as error:
        create(wire)
    said = in_words(error.value)
    assert said.startswith(f"AWS refused CreateChangeSet: {why} ({code}). CloudFormation wants")
    assert "Macros (CAPABILITY_AUTO_EXPAND) are not for these templates" in said


def test_case_26_cloudformation_is_told_that_roles_with_names_are_made(target, dev):
    assert have(dev, target, ROLE).changed
    target.client("iam").get_role(RoleName="ecsTaskRole-failures")


def test_case_27_a_template_too_large_is_uploaded_rather_than_sent(target, dev):
    large = TOPIC + "# " + "x" * 60_000 + "\n"
    assert have(dev, target, large).changed


@pytest.mark.parametrize(
    ("operation", "code"),
    [("PutObject", "AccessDenied"), ("CreateBucket", "BucketAlreadyExists")],
)
def test_case_27_an_upload_that_is_refused_is_a_sentence(operation, code):
    refused = {operation: [(403, f"<Code>{code}</Code><Message>not for you</Message>")]}
    no_bucket = (404, "<Code>NoSuchBucket</Code><Message>none</Message>")
    policy = (200, "{}") if operation == "PutObject" else no_bucket
    wire = Wire(
        "s3", GetBucketPolicy=[policy], ListObjectsV2=[(200, "<ListBucketResult/>")], **refused
    )
    ours = boto3.Session("key", "secret", region_name="us-east-1")
    with pytest.raises(Exception) as error:
        packaging.package(Target(ours, "1", _clients={"s3": wire.client}), {"root.yaml": TOPIC})
    assert "can't be uploaded" in in_words(error.value)
    assert f"AWS refused {operation}: not for you" in in_words(error.value)


def test_case_28_a_stateful_resource_is_replaced_only_if_it_is_named(target, dev):
    second = UPLOADS.replace("failures-1", "failures-2")
    have(dev, target, UPLOADS)
    with pytest.raises(DeployError, match="--allow-replace Uploads"):
        have(dev, target, second)
    assert left_behind(target, dev) == []
    assert have(dev, target, second, allowed=["Uploads"]).changed


def test_case_30_a_creation_whose_answer_was_lost_is_found_by_its_token():
    """The client sends it again, and hears that it exists; the name is the token."""
    wire = Wire(attempts=2, CreateChangeSet=[TIMEOUT, EXISTS], DescribeChangeSet=[described()])
    assert create(wire).id == CHANGE_SET
    sent = [body for name, body in map(decoded, wire.asked) if name == "CreateChangeSet"]
    assert len(sent) == 2
    assert len({body["ClientToken"] for body in sent}) == 1


@pytest.mark.parametrize(
    ("failed", "told"),
    [
        (
            [
                described(status="FAILED", reason=NESTED_REFUSED),
                described(status="FAILED", reason="Template format error: duplicate Export"),
            ],
            "Template format error: duplicate Export",
        ),
        ([described(status="FAILED", reason=NESTED_REFUSED), DENIED], NESTED_REFUSED),
        (
            [described(status="FAILED", reason=f"ChangeSet limit exceeded for stack {NESTED}")],
            f"ChangeSet limit exceeded for stack {NESTED}",
        ),
    ],
)
def test_case_31_where_nested_change_sets_cannot_be_made_that_is_said_and_the_root_planned(
    failed, told
):
    alone = (200, described()[1].replace("<Changes/>", nested_in("Logs")))
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[*failed, alone],
        DescribeEvents=[done("DescribeEvents", OperationEvents="")],
        DeleteChangeSet=[done("DeleteChangeSet")],
    )
    said = []
    made = create(wire, say=said.append)
    assert (made.id, [change.opaque for change in made.changes]) == (CHANGE_SET, [True])
    assert f"What changes inside nested stacks can't be told: {told}" in said[0]
    asked = [name for name, _ in wire.asked]
    assert asked.index("DeleteChangeSet") < len(asked) - 2  # the first is not left behind
    sent = [body for name, body in map(decoded, wire.asked) if name == "CreateChangeSet"]
    assert [body["IncludeNestedStacks"] for body in sent] == ["true", "false"]


def test_what_nested_stacks_cannot_import_is_not_planned_without_them():
    why = (
        "CloudFormation is attempting to import some resources because they already exist in "
        "your account. The resources must have the DeletionPolicy attribute set to 'Retain'"
    )
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[
            *(described(status="FAILED", reason=reason) for reason in (NESTED_REFUSED, why))
        ],
        DescribeEvents=[done("DescribeEvents", OperationEvents="")],
        DeleteChangeSet=[done("DeleteChangeSet")],
    )
    with pytest.raises(DeployError, match=why):
        create(wire, adopt=True)
    assert [name for name, _ in wire.asked].count("CreateChangeSet") == 1


def test_what_nobody_was_told_would_be_lost_stops_a_destroy_before_it_begins(target, dev):
    logs = "  Logs: {Type: AWS::Logs::LogGroup, DeletionPolicy: Delete}\n"
    have(dev, target, TOPIC + logs)
    cloudformation = target.client("cloudformation")
    found = find(cloudformation, dev.stack)["StackId"]
    protect_from_termination(cloudformation, found, on=False)
    with pytest.raises(DeployError, match=r"deployed since:\nAWS::Logs::LogGroup .* is lost"):
        destroy(Work(dev, target, Listener()), found, ())
    destroy(Work(dev, target, Listener()), found, kept(cloudformation, found))
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


def test_case_33_of_two_deploys_at_once_one_works_and_one_attaches(aws, target, dev):
    aws.delay(60)
    begun, first, second = threading.Event(), Listener(), Waking(aws)
    first.happened = lambda _: begun.set()
    one = threading.Thread(target=have, args=(dev, target, TOPIC, first))
    one.start()
    assert begun.wait(30)
    outcome = have(dev, target, TOPIC, second)
    one.join(30)
    assert not outcome.changed
    assert "attached to arn:" in second.said[0]
    history = target.client("cloudformation").describe_stack_events(StackName=dev.stack)
    own = [e for e in history["StackEvents"] if e["LogicalResourceId"] == dev.stack]
    assert [e["ResourceStatus"] for e in own if "REVIEW" not in e["ResourceStatus"]] == [
        "CREATE_COMPLETE",
        "CREATE_IN_PROGRESS",
    ]


EXPIRED_LONG_AGO = (
    '{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b", "SessionToken": "c", '
    '"Expiration": "2020-01-01T00:00:00Z"}'
)


@pytest.mark.parametrize(
    ("gives", "says"),
    [
        ("credential_process = /nowhere/vault", "No such file or directory: '/nowhere/vault'"),
        ("credential_process = echo hello", "Expecting value: line 1 column 1 (char 0)"),
        (f"credential_process = echo '{EXPIRED_LONG_AGO}'", "credentials are still expired"),
        (
            "role_arn = arn:aws:iam::111111111111:role/x\nweb_identity_token_file = /nowhere",
            "No such file or directory: '/nowhere'",
        ),
    ],
)
def test_case_34_what_is_to_give_credentials_and_does_not_is_a_sentence(
    monkeypatch, tmp_path, gives, says
):
    config = tmp_path / "config"
    config.write_text(f"[default]\n{gives}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Exception) as error:
        targets.target(sessions.session(region_name="us-east-1"))
    said = in_words(error.value)
    assert said.startswith("There are no credentials: ")
    assert f"{says}. Look at what gives them" in said


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"])
def test_case_34_a_variable_that_is_wrong_is_a_sentence(monkeypatch, name):
    monkeypatch.setenv(name, "nowhere")
    with pytest.raises(exceptions.BotoCoreError) as error:
        targets.target(sessions.session(region_name="us-east-1"))
    assert in_words(error.value).startswith("AWS could not be asked: ")
    assert "nowhere" in in_words(error.value)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (exceptions.NoCredentialsError(), "AWS was not asked: there are no credentials."),
        (
            exceptions.PartialCredentialsError(provider="env", cred_var="x"),
            "AWS was not asked: there are no credentials.",
        ),
        (exceptions.NoRegionError(), "AWS could not be asked: You must specify a region"),
        (
            exceptions.EndpointConnectionError(endpoint_url="https://cloudformation"),
            "AWS can't be reached: ",
        ),
        (
            exceptions.EndpointConnectionError(endpoint_url="http://127.0.0.1:9"),
            """AWS can't be reached: Could not connect to the endpoint URL: \
"http://127.0.0.1:9" Was the local AWS stopped? make local-up starts it.""",
        ),
        (
            exceptions.ConnectTimeoutError(endpoint_url="https://cloudformation"),
            "AWS can't be reached: ",
        ),
        (
            refusal("SignatureDoesNotMatch", "Signature expired: 1 is now earlier than 2"),
            "This machine's clock is wrong: set it",
        ),
        *(
            (refusal(code, why), "This machine's clock is wrong: set it")
            for code, why in (
                ("RequestTimeTooSkewed", "too large"),
                ("RequestInTheFuture", "not yet"),
                ("SignatureDoesNotMatch", "Signature not yet current: 2 is after 1"),
                ("InvalidSignatureException", "Signature expired: 1 is now earlier than 2"),
            )
        ),
        *(
            (refusal(code, "no"), "AWS doesn't take these credentials: they have expired")
            for code in (
                *("AuthFailure", "ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId"),
                *("InvalidClientTokenId", "InvalidToken", "RequestExpired"),
                *("TokenRefreshRequired", "UnrecognizedClientException"),
            )
        ),
        (
            exceptions.CredentialRetrievalError(
                provider="process", error_msg="aws-vault: not found"
            ),
            "AWS could not be asked: Error when retrieving credentials from process: aws-vault",
        ),
        (
            exceptions.TokenRetrievalError(provider="sso", error_msg="refresh failed"),
            "AWS could not be asked: Error when retrieving token from sso: refresh failed.",
        ),
        (
            exceptions.LoginRefreshRequired(),
            "AWS could not be asked: Your session has expired or credentials have changed.",
        ),
        (
            refusal("SignatureDoesNotMatch", "another key"),
            "AWS refused Ask: another key (SignatureDoesNotMatch)",
        ),
        (
            OSError(errno.ENOSPC, "No space left", "log"),
            "This machine says: No space left: log",
        ),
        *(
            (OSError(number, "No", "file"), "This machine says: No: file. What AWS had begun")
            for number in (
                *(errno.EISDIR, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO),
                *(errno.ENOTDIR, errno.EEXIST, errno.ELOOP, errno.ENFILE),
            )
        ),
        *(
            (
                OSError(number, "No", "file"),
                "This machine says: No: file (if it is another user",
            )
            for number in (errno.EACCES, errno.EPERM)
        ),
        (OSError(errno.EMFILE, "Too many"), "This machine says: Too many. What AWS had begun"),
        (
            ResponseParserError(f"{answers.WEB_PAGE} (200 OK)"),
            f"AWS's answer could not be read: {answers.WEB_PAGE} (200 OK): is there a proxy?",
        ),
        (refusal("407", ""), "AWS refused Ask: Proxy Authentication Required (407)"),
    ],
)
def test_case_34_what_keeps_aws_from_being_asked_is_a_sentence(error, said):
    assert in_words(error).startswith(said)


def test_case_34_what_a_proxy_refuses_is_no_right_that_aws_denies():
    error = exceptions.SSLError(endpoint_url="https://sts", error="tunnel: 403 Forbidden")
    assert in_words(error).endswith("403 Forbidden")


def test_a_fault_of_this_program_is_not_said_to_be_anybody_elses():
    assert in_words(ValueError("x")) is None
    assert in_words(OSError(errno.ENOENT, "No such file", "ours")) is None


class Killed(BaseException):
    """Nothing comes after this."""


@pytest.mark.parametrize(
    "kill",
    [
        (change_sets, "create", True),  # a change set is there, and nobody was asked
        (carrying_out, "execute", False),  # agreed to, and not executed
        (carrying_out, "execute", True),  # executed, and nobody follows
        (following, "protect", False),  # over, and not protected yet
    ],
    ids=["planned", "agreed", "executed", "over"],
)
def test_case_29_killed_at_any_step_and_run_again_it_ends_as_if_undisturbed(
    aws, target, dev, monkeypatch, kill
):
    module, step, done_before = kill
    cloudformation, original = target.client("cloudformation"), getattr(module, step)
    have(dev, target, TOPIC)
    wanted = state(cloudformation, dev.stack)
    aws.reset()
    aws.delay(60)  # still at it when the next deploy comes

    def killed(*arguments, **named):
        if done_before:
            original(*arguments, **named)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(module, step, killed)
        with pytest.raises(Killed):
            have(dev, target, TOPIC, Waking(aws))
    have(dev, target, TOPIC, Waking(aws))
    assert state(cloudformation, dev.stack) == wanted
