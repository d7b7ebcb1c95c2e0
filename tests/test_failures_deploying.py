"""The failures that a deploy must survive, by their numbers in the list of cases.

Here: what a deploy finds when it begins, two at once, and being interrupted, tried on the local
AWS with a design of one topic. In the files beside it: change sets, what protects data,
credentials, following, and explaining.
"""

import threading

import pytest
from deployed import Listener, Waking
from kills import state
from one_topic import (
    ANOTHER,
    MORE,
    PROTECTED,
    TEMPLATE_BUCKET,
    TOPIC,
    UPLOADS,
    dev,
    have,
    left_behind,
    names,
)
from small_sets import small
from test_deploy import with_settings
from wire import (
    GONE,
    Wire,
)

from liberty_cfn.deploy import (
    carrying_out,
    change_sets,
    deploying,
    following,
    packaging,
)
from liberty_cfn.deploy.deploying import begin, deploy
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.operations import root
from liberty_cfn.deploy.preparing import plan
from liberty_cfn.deploy.protection import (
    nested,
    protect,
)
from liberty_cfn.deploy.stack import find
from liberty_cfn.deploy.work import Work
from liberty_cfn.environments import load
from liberty_cfn.repository import TEMPLATES
from liberty_cfn.stateful import stack_policy

__all__ = ["dev"]

ROLE = """Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: ecsTaskRole-failures
      AssumeRolePolicyDocument: {Version: '2012-10-17', Statement: []}
"""


def test_case_01_a_stack_that_is_missing_is_made_and_elsewhere_a_sentence(target, dev):
    assert find(Wire(DescribeStacks=[GONE]).client, "x") is None
    with pytest.raises(DeployError, match="there is none in this account and region"):
        root(dev, target.client("cloudformation"))
    assert have(dev, target, TOPIC).changed


def test_case_04_a_failed_creation_is_deleted_and_made_again_only_if_it_is_named(
    aws, target, dev
):
    aws.fail("AWS::SNS::Topic")
    with pytest.raises(DeployError):
        have(dev, target, TOPIC)
    aws.fail()
    failed = find(target.client("cloudformation"), dev.stack)
    assert failed["StackStatus"] == "ROLLBACK_COMPLETE"
    with pytest.raises(DeployError, match="it can only be deleted"):
        plan(Work(dev, target, Listener(), {"root.yaml": TOPIC}))
    for consent in ("", "liberty-social-prod"):
        with pytest.raises(
            DeployError, match='ENV=dev ARGS="--delete-failed liberty-social-dev"'
        ) as error:
            have(dev, target, TOPIC, failed=consent)
        assert error.value.facts["status"] == "ROLLBACK_COMPLETE"
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


# Stateful resources with names, all kept by policy; the service comes after them.
NAMED = ("Logs", "Registry", "Secrets", "Service", "Storage")


def test_case_04_a_creation_that_failed_leaves_no_name_in_the_way_of_the_next(aws, target):
    local, templates = load("local"), small(packaging.read(TEMPLATES), *NAMED)
    aws.fail("AWS::ECS::Service")
    with pytest.raises(DeployError):
        deploy(Work(local, target, Listener(), templates))
    assert names(target) == {TEMPLATE_BUCKET}
    aws.fail()
    work = Work(local, target, Listener(), templates)
    assert deploy(work, begin(work, local.stack)).changed


def test_case_04_a_protected_database_is_protected_once_all_is_there(aws, target, dev):
    production = with_settings(dev, DatabaseDeletionProtection="true")
    aws.fail("AWS::SNS::Topic")
    with pytest.raises(DeployError, match=f"^{dev.stack} ended as ROLLBACK_COMPLETE"):
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


@pytest.mark.parametrize("adopt", [False, True])
def test_case_33_what_another_deploy_made_meanwhile_is_nothing_to_delete_or_to_take_in(
    target, dev, adopt
):
    design = UPLOADS.replace("failures-1", "uploads-dev")
    work = Work(dev, target, Listener(), {"root.yaml": design})
    begun = begin(work)
    have(dev, target, design)
    with pytest.raises(DeployError, match="just before this plan") as refused:
        deploy(work, begun, adopt=adopt)
    assert "Delete it" not in str(refused.value)


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


def test_case_26_cloudformation_is_told_that_roles_with_names_are_made(target, dev):
    assert have(dev, target, ROLE).changed
    target.client("iam").get_role(RoleName="ecsTaskRole-failures")


def test_case_27_a_template_too_large_is_uploaded_rather_than_sent(target, dev):
    large = TOPIC + "# " + "x" * 60_000 + "\n"
    assert have(dev, target, large).changed


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
