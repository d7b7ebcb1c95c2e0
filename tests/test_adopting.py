"""What a destroy kept, and a deploy after it takes in again; what it doesn't delete halfway."""

import dataclasses
import json
import re
from datetime import timedelta
from types import SimpleNamespace

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from deployed import Listener
from local_aws import SOON, Aws
from small_sets import small
from test_consent import settle
from test_deploy import local, templates, with_settings
from wire import CHANGE_SET, STACK, Wire, answering, done, stack

from liberty_cfn.deploy import adopting, kept_secrets, secrets
from liberty_cfn.deploy.changes import Change, ChangeSet, Replacement, removed
from liberty_cfn.deploy.deploying import begin, deploy
from liberty_cfn.deploy.destroying import HELD, destroy, looked_through, stack_to_go
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.preparing import spelled_out
from liberty_cfn.deploy.protection import protect_from_termination
from liberty_cfn.deploy.targets import Target
from liberty_cfn.deploy.work import Work
from liberty_cfn.environments import load
from liberty_cfn.stateful import LEFT

__all__ = ["local", "templates"]


def secret(target, name):
    manager = target.client("secretsmanager")
    return manager.get_secret_value(SecretId=f"liberty-social/{name}-local")["SecretString"]


def values(target):
    """Return the values of all secrets that have one, by their names."""
    manager = target.client("secretsmanager")
    names = [each["Name"] for each in manager.list_secrets()["SecretList"]]
    found = manager.batch_get_secret_value(SecretIdList=names)["SecretValues"]
    return {each["Name"]: each["SecretString"] for each in found}


@dataclasses.dataclass
class Adopted:
    """An environment destroyed, refused, and deployed again with what was kept."""

    before: dict[str, str]
    refused: DeployError
    declined: tuple[object, dict[str, str], object]
    listener: Listener
    again: object
    secrets: dict[str, str]
    cat: bytes


@pytest.fixture(scope="module")
def adopted(local_aws, standing_target, templates):
    Aws(local_aws).reset()
    target, environment = standing_target, load("local")
    templates = small(templates, "Logs", "Registry", "Secrets", "Service", "Storage")
    deploy(Work(environment, target, Listener(), templates))
    secrets.store(environment, target, "DEFAULT_FROM_EMAIL", "hello@liberty.example")
    before = values(target)
    cat = {"Bucket": "liberty-social-uploads-local", "Key": "cat"}
    target.client("s3").put_object(**cat, Body=b"m")
    stack_id = stack_to_go(environment, target)
    protect_from_termination(target.client("cloudformation"), stack_id, on=False)
    destroy(Work(environment, target, Listener()), stack_id, ())
    with pytest.raises(DeployError) as refused:
        deploy(Work(environment, target, Listener(), templates))
    no = Listener(consent=False)
    outcome = deploy(Work(environment, target, no, templates), adopt=True)
    declined = (outcome, values(target), no.changes)
    listener = Listener()
    deploy(Work(environment, target, listener, templates), adopt=True)
    once_more = Listener()
    again = deploy(Work(environment, target, once_more, templates), adopt=True)
    assert any("already, which takes nothing in" in line for line in once_more.said)
    found = target.client("s3").get_object(**cat)["Body"].read()
    return Adopted(before, refused.value, declined, listener, again, values(target), found)


def test_what_is_in_the_way_is_named_with_how_to_have_it_adopted(adopted):
    heading, *lines = str(adopted.refused).splitlines()
    assert heading == "This is in the way; nothing was made:"
    kinds = [line.split()[0] for line in lines]
    assert kinds == ["Secret"] * 5 + ["Bucket", "Log", "Repository"]
    findings = adopted.refused.facts["findings"]
    assert [f"{f['about']}: {f['says']} {f['advice']}" for f in findings] == lines
    for line in lines:
        first, _, otherwise = line.partition(" To take it in: make deploy ENV=local ADOPT=1. ")
        assert "an earlier destroy?" in first
        assert otherwise.startswith("Delete it, if nobody needs it (")


def test_what_is_named_in_the_templates_is_imported(adopted):
    imported = {
        event.resource
        for event in adopted.listener.events
        if event.status == "IMPORT_COMPLETE" and event.stack
    }
    assert imported == {"Uploads", "ApplicationLogs", "Repository"}
    assert adopted.cat == b"m"


def test_that_the_database_will_be_empty_is_said(adopted):
    [told] = [said for said in adopted.listener.said if "snapshot" in said]
    assert told.startswith("The database will be a new one, and empty")


def test_secrets_have_the_values_they_had_but_for_the_new_databases_password(adopted):
    before, after = adopted.before, adopted.secrets
    password = "liberty-social/DB_PASSWORD-local"
    aside = "liberty-social/kept/DB_PASSWORD-local"
    assert before["liberty-social/DEFAULT_FROM_EMAIL-local"] == "hello@liberty.example"
    assert after[password] != before[password] == after[aside]
    assert after == {**before, password: after[password], aside: after[aside]}


def test_tasks_are_replaced_as_they_had_other_values(adopted):
    assert adopted.listener.said[-1].startswith("The service replaces its tasks")


def test_the_stacks_end_with_the_templates_that_were_reviewed(adopted):
    assert not adopted.again.changed


def test_without_consent_no_secret_is_touched(adopted):
    assert adopted.declined == (None, adopted.before, ())
    assert "liberty-social/SECRET_KEY-local" in "\n".join(adopted.listener.said)


def test_what_cannot_be_adopted_stays_in_the_way_and_no_secret_is_touched(
    target, local, manager
):
    manager.create_secret(Name="liberty-social/SECRET_KEY-local", SecretString="old")
    missing = with_settings(local, ExistingExecutionRole="nobody")
    listener = Listener()
    with pytest.raises(DeployError, match=r"in the way.*\n.*nobody"):
        deploy(Work(missing, target, listener, {"root.yaml": "Resources: {}"}), adopt=True)
    assert (listener.said, values(target)) == ([], {"liberty-social/SECRET_KEY-local": "old"})


def test_a_zone_that_is_kept_is_told_with_the_setting_that_uses_it(target, local):
    made = target.client("route53").create_hosted_zone(
        Name=local.settings["DomainName"], CallerReference="kept"
    )
    listener = Listener(consent=False)
    template = {"root.yaml": "Resources: {Logs: {Type: 'AWS::Logs::LogGroup'}}\n"}
    deploy(Work(dataclasses.replace(local, given={}), target, listener, template), adopt=True)
    zone = made["HostedZone"]["Id"].rpartition("/")[2]
    [said] = listener.said
    assert f"set HostedZoneId: {zone}, and CreateHostedZone: false" in said


def test_names_are_spelled_out_and_nothing_else_is_changed(templates, local):
    plain = spelled_out(templates, local)
    assert "BucketName: liberty-social-uploads-local\n" in plain["storage.yaml"]
    assert "LogGroupName: /ecs/liberty-social-backend-local\n" in plain["logs.yaml"]
    assert "RepositoryName: liberty-social-backend-local\n" in plain["registry.yaml"]
    for name, text in templates.items():
        for before, after in zip(text.splitlines(), plain[name].splitlines(), strict=True):
            assert after in (before, before.replace("!Sub ", "").replace("${Suffix}", "-local"))


# Secrets on their way


@pytest.fixture
def manager(target):
    return target.client("secretsmanager")


def test_a_secret_scheduled_for_deletion_is_brought_back_first(target, local, manager):
    manager.create_secret(Name="liberty-social/SECRET_KEY-local", SecretString="old")
    manager.delete_secret(SecretId="liberty-social/SECRET_KEY-local")
    kept_secrets.put_aside(local, target, "SECRET_KEY")
    assert kept_secrets.existing(local, target) == []
    assert secret(target, "kept/SECRET_KEY") == "old"


def test_a_secret_that_a_stack_is_using_is_never_taken_from_it(target, local, manager):
    cloudformation, full = target.client("cloudformation"), "liberty-social/SECRET_KEY-local"
    made = cloudformation.create_stack(
        StackName="liberty-social-other",
        TemplateBody="Resources: {Topic: {Type: 'AWS::SNS::Topic'}}",
    )["StackId"]
    settle(cloudformation, "liberty-social-other")
    tag = {"Key": "aws:cloudformation:stack-id", "Value": made}
    manager.create_secret(Name=full, SecretString="old", Tags=[tag])
    mine = f"{full} .* belongs to the stack liberty-social-other"
    with pytest.raises(DeployError, match=mine):
        kept_secrets.existing(local, target)
    # Nor if the stack got it while consent was waited for.
    with pytest.raises(DeployError, match=mine):
        kept_secrets.put_aside(local, target, "SECRET_KEY")
    assert secret(target, "SECRET_KEY") == "old"
    cloudformation.delete_stack(StackName="liberty-social-other")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=made, WaiterConfig=SOON)
    assert kept_secrets.existing(local, target) == ["SECRET_KEY"]


def test_a_name_that_aws_frees_a_little_later_is_waited_for_but_not_for_ever(
    target, local, manager, monkeypatch
):
    waited, kept = [], "liberty-social/kept/SECRET_KEY-local"
    monkeypatch.setattr(kept_secrets, "time", SimpleNamespace(sleep=waited.append))
    monkeypatch.setattr(kept_secrets, "LOOKS", 3)
    manager.create_secret(Name="liberty-social/SECRET_KEY-local", SecretString="old")
    with (
        answering(manager, "DeleteSecret", (200, "{}")),
        pytest.raises(DeployError, match=f"still deleting .*, whose value is in {kept}"),
    ):
        kept_secrets.put_aside(local, target, "SECRET_KEY")
    assert (waited, secret(target, "kept/SECRET_KEY")) == ([2.0] * 3, "old")


def test_a_deploy_that_was_interrupted_gives_back_what_waits(target, local, manager):
    manager.create_secret(Name="liberty-social/kept/SECRET_KEY-local", SecretString="old")
    manager.create_secret(Name="liberty-social/SECRET_KEY-local", SecretString="new")
    assert kept_secrets.given_back(local, target) == {"liberty-social/SECRET_KEY-local": True}
    assert secret(target, "SECRET_KEY") == "old"
    assert kept_secrets.waiting(local, target) == []


def test_what_a_person_set_meanwhile_stays_and_the_value_from_before_is_kept(
    target, local, manager
):
    full = "liberty-social/DEFAULT_FROM_EMAIL-local"
    manager.create_secret(
        Name="liberty-social/kept/DEFAULT_FROM_EMAIL-local", SecretString="old"
    )
    manager.create_secret(Name=full, SecretString="made")
    manager.put_secret_value(SecretId=full, SecretString="set")
    assert kept_secrets.given_back(local, target) == {full: False}
    assert secret(target, "DEFAULT_FROM_EMAIL") == "set"
    before = manager.get_secret_value(SecretId=full, VersionStage=kept_secrets.BEFORE)
    assert before["SecretString"] == "old"
    assert kept_secrets.waiting(local, target) == []


def test_a_secret_made_empty_and_set_later_is_a_persons(target, local, manager, monkeypatch):
    full = "liberty-social/DEFAULT_FROM_EMAIL-local"
    manager.create_secret(Name=full, SecretString="set")
    manager.create_secret(
        Name="liberty-social/kept/DEFAULT_FROM_EMAIL-local", SecretString="old"
    )
    monkeypatch.setattr(kept_secrets, "AT_ONCE", timedelta(minutes=-1))
    assert kept_secrets.given_back(local, target) == {full: False}


def test_a_value_that_was_given_back_before_the_deploy_was_killed_is_given_back(
    target, local, manager
):
    full = "liberty-social/SECRET_KEY-local"
    manager.create_secret(Name="liberty-social/kept/SECRET_KEY-local", SecretString="old")
    manager.create_secret(Name=full, SecretString="made")
    manager.put_secret_value(SecretId=full, SecretString="old")
    assert kept_secrets.given_back(local, target) == {}
    assert kept_secrets.waiting(local, target) == []


def test_a_value_that_was_copied_before_the_deploy_was_killed_is_copied_again(
    target, local, manager, monkeypatch
):
    full, described = "liberty-social/SECRET_KEY-local", secrets.described
    manager.create_secret(Name=full, SecretString="old")
    manager.create_secret(Name="liberty-social/kept/SECRET_KEY-local", SecretString="half")

    def an_hour_older(target, name):
        found = described(target, name)
        age = timedelta(hours=name == full)
        return found and {**found, "CreatedDate": found["CreatedDate"] - age}

    monkeypatch.setattr(secrets, "described", an_hour_older)
    kept_secrets.put_aside(local, target, "SECRET_KEY")
    assert values(target) == {"liberty-social/kept/SECRET_KEY-local": "old"}


@pytest.mark.parametrize(
    ("name", "more"), [("SECRET_KEY", {}), ("DB_PASSWORD", {".2": "made", ".3": "again"})]
)
def test_a_value_that_waits_is_kept_and_others_only_if_data_may_need_them(
    target, local, manager, name, more
):
    kept = f"liberty-social/kept/{name}-local"
    manager.create_secret(Name=kept, SecretString="old")
    for value in ("made", "again"):
        manager.create_secret(Name=f"liberty-social/{name}-local", SecretString=value)
        kept_secrets.put_aside(local, target, name)
    assert values(target) == {kept: "old", **{kept + end: v for end, v in more.items()}}


@pytest.fixture
def not_found(manager):
    """Have AWS find no value, as it says it; the local AWS has an empty one instead."""
    missing = {"Error": {"Code": secrets.MISSING, "Message": "gone"}}
    event = "before-call.secrets-manager.GetSecretValue"
    manager.meta.events.register(
        event, none := lambda **_: (SimpleNamespace(status_code=400), missing)
    )
    yield
    manager.meta.events.unregister(event, none)


@pytest.mark.usefixtures("not_found")
def test_a_secret_without_a_value_is_freed_and_nothing_waits(
    target, local, manager, monkeypatch
):
    manager.create_secret(Name="liberty-social/DEFAULT_FROM_EMAIL-local")
    monkeypatch.setattr(secrets, "has_value", lambda _: False)
    kept_secrets.put_aside(local, target, "DEFAULT_FROM_EMAIL")
    assert manager.list_secrets()["SecretList"] == []


@pytest.mark.usefixtures("not_found")
def test_a_value_that_there_is_but_is_not_found_is_never_deleted(target, local, manager):
    names = ["liberty-social/SECRET_KEY-local", "liberty-social/kept/DEFAULT_FROM_EMAIL-local"]
    for name in names:
        manager.create_secret(Name=name, SecretString="old")
    with pytest.raises(ClientError, match="gone"):
        kept_secrets.put_aside(local, target, "SECRET_KEY")
    assert kept_secrets.given_back(local, target) == {}
    assert {each["Name"] for each in manager.list_secrets()["SecretList"]} == {*names}


@pytest.fixture
def once_not_found(manager):
    """Have AWS not find a secret the first time it is described, by its name."""
    missing, to_miss = {"Error": {"Code": secrets.MISSING, "Message": "gone"}}, []

    def miss(params, **_):
        asked = json.loads(params["body"])["SecretId"]
        if asked in to_miss:
            to_miss.remove(asked)
            return SimpleNamespace(status_code=400), missing
        return None

    event = "before-call.secrets-manager.DescribeSecret"
    manager.meta.events.register(event, miss)
    yield to_miss.append
    manager.meta.events.unregister(event, miss)


def test_a_value_that_waits_and_is_not_found_at_first_is_not_written_over(
    target, local, manager, once_not_found
):
    kept, full = "liberty-social/kept/SECRET_KEY-local", "liberty-social/SECRET_KEY-local"
    manager.create_secret(Name=kept, SecretString="old")
    manager.create_secret(Name=full, SecretString="made by a stack that failed")
    once_not_found(kept)
    with pytest.raises(DeployError, match=f"{kept} holds another value already"):
        kept_secrets.put_aside(local, target, "SECRET_KEY")
    assert values(target) == {kept: "old", full: "made by a stack that failed"}


def test_a_secret_just_made_and_not_found_at_first_is_looked_for_again(
    target, local, manager, once_not_found
):
    full = "liberty-social/SECRET_KEY-local"
    manager.create_secret(Name="liberty-social/kept/SECRET_KEY-local", SecretString="old")
    manager.create_secret(Name=full, SecretString="new")
    once_not_found(full)
    assert kept_secrets.given_back(local, target) == {full: True}


def test_what_was_put_aside_just_now_is_given_back_though_no_list_has_it_yet(
    target, local, manager, monkeypatch
):
    full = "liberty-social/SECRET_KEY-local"
    manager.create_secret(Name="liberty-social/kept/SECRET_KEY-local", SecretString="old")
    manager.create_secret(Name=full, SecretString="new")
    monkeypatch.setattr(
        manager, "get_paginator", lambda _: pytest.fail("the list is five minutes old")
    )
    assert kept_secrets.given_back(local, target, lately=True) == {full: True}


def test_what_differs_from_the_templates_after_adopting_is_told_and_not_changed(
    local, monkeypatch
):
    uploads = Change((), "Uploads", "AWS::S3::Bucket", "Modify", Replacement.NO)
    planned = SimpleNamespace(changes=(uploads,)), ChangeSet(CHANGE_SET, STACK, "liberty-1")
    monkeypatch.setattr(adopting, "prepare_now", lambda *_: planned)
    wire = Wire(DeleteChangeSet=[done("DeleteChangeSet")])
    progress, clients = Listener(), {"cloudformation": wire.client}
    ours = Target(None, "1", _clients=clients)
    adopting.put_names_back(Work(local, ours, progress))
    assert [operation for operation, _ in wire.asked] == ["DeleteChangeSet"]
    assert progress.said == ["What was adopted differs from the templates: see make plan"]


def test_a_value_that_tasks_have_already_restarts_none(local, monkeypatch):
    monkeypatch.setattr(kept_secrets, "given_back", lambda *_, **__: {"two": False})
    monkeypatch.setattr(secrets, "restart", lambda *_: pytest.fail("restarted"))
    adopting.give_back(Work(local, None, told := Listener()))
    assert [line.split(",")[0] for line in told.said] == ["two was set meanwhile"]


def test_which_value_a_secret_has_is_told(local, monkeypatch):
    monkeypatch.setattr(
        kept_secrets, "given_back", lambda *_, **__: {"one": True, "two": False}
    )
    monkeypatch.setattr(secrets, "restart", lambda *_: "web:1")
    progress = Listener()
    adopting.give_back(Work(local, None, progress))
    one, two, tasks = progress.said
    assert one == "one has its previous value again"
    assert two.startswith("two was set meanwhile, and keeps that value; the one from before is")
    assert tasks.startswith("The service replaces its tasks")


def test_a_plan_refused_after_secrets_were_put_aside_says_where_they_wait(
    target, local, manager, templates
):
    class Wavering(Listener):
        def consents(self):
            self.consent, was = False, self.consent
            return was

    manager.create_secret(Name="liberty-social/SECRET_KEY-local", SecretString="old")
    listener = Wavering()
    assert (
        deploy(Work(local, target, listener, small(templates, "Secrets")), adopt=True) is None
    )
    assert listener.said[-1] == (
        "The value of liberty-social/SECRET_KEY-local waits in "
        "liberty-social/kept/SECRET_KEY-local; the next deploy gives it back"
    )
    assert secret(target, "kept/SECRET_KEY") == "old"


def test_a_deploy_that_fails_after_secrets_were_put_aside_says_where_they_wait(
    aws, target, local, manager, templates
):
    manager.create_secret(Name="liberty-social/SECRET_KEY-local", SecretString="old")
    aws.fail("AWS::SecretsManager::Secret/SecretKey")
    listener = Listener()
    with pytest.raises(DeployError, match="ROLLBACK_COMPLETE"):
        deploy(Work(local, target, listener, small(templates, "Secrets")), adopt=True)
    assert listener.said[-1].startswith("The value of liberty-social/SECRET_KEY-local waits in")
    aws.fail()
    listener.said.clear()
    work = Work(local, target, listener, small(templates, "Secrets"))
    deploy(work, begin(work, local.stack), adopt=True)
    assert not [line for line in listener.said if "waits in" in line]


def test_an_access_key_that_the_stack_makes_is_not_overwritten_nor_the_one_before_lost(
    target, local, manager
):
    ours, full = with_settings(local, ApplicationAccessKey="true"), "AWS_ACCESS_KEY_ID-local"
    manager.create_secret(Name=f"liberty-social/{full}", SecretString="new")
    manager.create_secret(Name=f"liberty-social/kept/{full}", SecretString="old")
    assert kept_secrets.given_back(ours, target) == {f"liberty-social/{full}": False}
    assert secret(target, "AWS_ACCESS_KEY_ID") == "new"
    # It may be one that a person had set.
    before = {"SecretId": f"liberty-social/{full}", "VersionStage": kept_secrets.BEFORE}
    assert manager.get_secret_value(**before)["SecretString"] == "old"
    assert kept_secrets.waiting(ours, target) == []


def test_a_secret_that_somebody_deleted_meanwhile_has_its_name_free(aws, target):
    local, manager = load("local"), target.client("secretsmanager")
    manager.create_secret(Name=kept_secrets.aside(local, "SECRET_KEY"), SecretString="old")
    kept_secrets.put_aside(local, target, "SECRET_KEY")
    assert kept_secrets.waiting(local, target) == ["SECRET_KEY"]


def test_case_33_a_secret_that_has_its_name_again_by_another_adoption_is_left_alone(
    target, local, manager, monkeypatch
):
    """The other one frees the name, and its stack makes a secret, after this one looked."""
    full = "liberty-social/SECRET_KEY-local"
    manager.create_secret(Name=full, SecretString="old")
    looked = []

    def overtaken(*_):
        looked.append(full)
        if len(looked) == 1:
            kept_secrets.put_aside(local, target, "SECRET_KEY")
            manager.create_secret(Name=full, SecretString="new")

    monkeypatch.setattr(kept_secrets, "_check_is_nobodys", overtaken)
    with pytest.raises(ClientError, match="find the specified secret"):
        kept_secrets.put_aside(local, target, "SECRET_KEY")
    assert secret(target, "SECRET_KEY") == "new"
    assert secret(target, "kept/SECRET_KEY") == "old"


def test_a_value_that_waits_is_not_lost_to_that_of_a_stack_that_failed(aws, target, templates):
    local, some = load("local"), small(templates, "Logs", "Secrets", "Service")
    deploy(Work(local, target, Listener(), some))
    people_had, database = secret(target, "SECRET_KEY"), secret(target, "DB_PASSWORD")
    stack_id = stack_to_go(local, target)
    protect_from_termination(target.client("cloudformation"), stack_id, on=False)
    destroy(Work(local, target, Listener()), stack_id, ())
    aws.fail("AWS::ECS::Service")
    with pytest.raises(DeployError) as failed:
        deploy(Work(local, target, Listener(), some), adopt=True)
    # What it had taken in, or made, is met by the next try, too.
    command = 'make deploy ENV=local ADOPT=1 ARGS="--delete-failed liberty-social-local"'
    assert command in str(failed.value)
    with pytest.raises(DeployError, match=re.escape(command)):
        deploy(Work(local, target, Listener(), some))
    assert secret(target, "SECRET_KEY") != people_had
    aws.fail()
    work = Work(local, target, Listener(), some)
    assert deploy(work, begin(work, local.stack), adopt=True).changed
    assert secret(target, "SECRET_KEY") == people_had
    assert secret(target, "kept/DB_PASSWORD") == database


def test_a_value_that_waits_is_not_given_back_over_one_that_somebody_set_since(
    target, templates, monkeypatch
):
    """The deploy that takes it in is killed first, and none follows until it is taken down."""
    local, some = load("local"), small(templates, "Logs", "Secrets")
    [sender] = secrets.SET_BY_A_PERSON

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    def life(value):
        secrets.store(local, target, sender, value)
        stack_id = stack_to_go(local, target)
        protect_from_termination(target.client("cloudformation"), stack_id, on=False)
        destroy(Work(local, target, Listener()), stack_id, ())

    deploy(Work(local, target, Listener(), some))
    life("first@liberty.example")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(adopting, "give_back", interrupted)
        deploy(Work(local, target, Listener(), some), adopt=True)
    life("second@liberty.example")
    assert deploy(Work(local, target, Listener(), some), adopt=True).changed
    assert secret(target, sender) == "second@liberty.example"


def stubbed():
    target = Target(boto3.Session("k", "s", region_name="us-east-1"), "1")
    return target, Stubber(target.client("secretsmanager"))


@pytest.mark.parametrize(
    ("copied", "complaint"),
    [({"SecretString": "other"}, "could not be copied"), ({"SecretBinary": b"x"}, "is binary")],
)
def test_a_secret_is_deleted_only_when_its_copy_is_proved(local, copied, complaint):
    target, manager = stubbed()
    with manager:
        manager.add_response("describe_secret", {"ARN": "arn:aws:secretsmanager:::secret:1"})
        manager.add_response("get_secret_value", {"SecretString": "value"})
        manager.add_client_error("describe_secret", secrets.MISSING)
        manager.add_response("create_secret", {})
        manager.add_response("get_secret_value", copied)
        with pytest.raises(DeployError, match=complaint):
            kept_secrets.put_aside(local, target, "SECRET_KEY")
        manager.assert_no_pending_responses()


# Destroying


@pytest.fixture
def held(local_aws, standing_target):
    """Return the hindrances of a stack of things that AWS would not delete."""
    Aws(local_aws).reset()
    target, environment = standing_target, load("local")
    template = """
Resources:
  Full: {Type: 'AWS::S3::Bucket', Properties: {BucketName: liberty-social-full}}
  Kept:
    Type: AWS::S3::Bucket
    DeletionPolicy: Retain
    Properties: {BucketName: liberty-social-kept}
  Empty: {Type: 'AWS::S3::Bucket', Properties: {BucketName: liberty-social-empty}}
  Made:
    Type: AWS::S3::Bucket
    DeletionPolicy: RetainExceptOnCreate
    Properties: {BucketName: liberty-social-made}
  Images: {Type: 'AWS::ECR::Repository', Properties: {RepositoryName: liberty-social-images}}
  Database:
    Type: AWS::RDS::DBInstance
    Properties:
      DBInstanceIdentifier: data
      Engine: postgres
      DBInstanceClass: db.t4g.micro
      AllocatedStorage: '20'
      MasterUsername: liberty
      MasterUserPassword: not-a-secret
      DeletionProtection: true
"""
    cloudformation = target.client("cloudformation")
    cloudformation.create_stack(StackName=environment.stack, TemplateBody=template)
    settle(cloudformation, environment.stack)
    for bucket in ("full", "kept", "made"):
        target.client("s3").put_object(Bucket=f"liberty-social-{bucket}", Key="cat", Body=b"m")
    target.client("ecr").put_image(
        repositoryName="liberty-social-images", imageManifest="{}", imageTag="latest"
    )
    cloudformation.update_termination_protection(
        StackName=environment.stack, EnableTerminationProtection=True
    )
    stack_id = stack_to_go(environment, target)
    return environment, stack_id, *looked_through(environment, target, stack_id)


def test_case_32_what_would_not_be_deleted_is_told_before_anything_is(held, standing_target):
    environment, stack_id, _, found = held
    said = {line.split()[0]: line for line in found}
    assert said.keys() == {
        "liberty-social-local",
        "AWS::S3::Bucket",
        "AWS::ECR::Repository",
        "AWS::RDS::DBInstance",
    }
    assert len(found) == len(said)
    assert "AWS::S3::Bucket liberty-social-full holds files" in said["AWS::S3::Bucket"]
    database = said["AWS::RDS::DBInstance"]
    assert "set DatabaseDeletionProtection: false in params/local.yaml" in database
    with pytest.raises(DeployError, match="Nothing was deleted"):
        destroy(Work(environment, standing_target, Listener()), stack_id, ())
    assert stack_to_go(environment, standing_target)


@pytest.mark.parametrize(
    ("status", "lifting", "told"),
    [
        ("UPDATE_IN_PROGRESS", False, "AWS is still working on it"),
        ("CREATE_IN_PROGRESS", False, None),
        ("UPDATE_COMPLETE", False, None),
        ("UPDATE_COMPLETE, protected", False, "is protected from termination"),
        ("UPDATE_COMPLETE, protected", True, None),
        ("ROLLBACK_COMPLETE, protected", False, None),
    ],
)
def test_what_is_made_can_be_deleted_but_not_what_is_changed_or_protected(
    local, status, lifting, told
):
    status, _, protected = status.partition(", ")
    flag = "<EnableTerminationProtection>true</EnableTerminationProtection>"
    wire = Wire(
        DescribeStacks=[stack(status, flag if protected else "")],
        GetTemplate=[done("GetTemplate", TemplateBody="Resources: {}")],
        ListStackResources=[done("ListStackResources", StackResourceSummaries="")],
    )
    session = boto3.Session(region_name="us-east-1")
    ours = Target(session, "1", _clients={"cloudformation": wire.client})
    _, hindrances = looked_through(local, ours, STACK, unprotected=lifting)
    assert [told in said for said in hindrances] == ([True] if told else [])


@pytest.mark.parametrize("left", [{"Versions": [{}]}, {"DeleteMarkers": [{}]}])
def test_a_bucket_is_not_empty_while_it_holds_versions_or_marks_of_deletion(left):
    s3 = SimpleNamespace(list_object_versions=lambda **_: left)
    assert HELD["AWS::S3::Bucket"].by(SimpleNamespace(client=lambda _: s3), "full")


def test_what_remains_is_told_also_where_a_template_does_not_say(held, standing_target):
    """By default, AWS takes a snapshot of a database that is no member of a cluster."""
    _, stack_id, kept, _ = held
    assert {(one.id, one.how) for one in kept} == {
        ("liberty-social-kept", "stays"),
        ("liberty-social-made", "stays"),
        ("data", "leaves a snapshot"),
    }
    gone = removed(standing_target.client("cloudformation"), stack_id, ())
    assert {one.physical_id: LEFT[one.left] for one in gone} == {
        "liberty-social-full": "nothing remains",
        "liberty-social-empty": "nothing remains",
        "liberty-social-images": "nothing remains",
        "liberty-social-kept": "the old one remains, no longer managed",
        "liberty-social-made": "the old one remains, no longer managed",
        "data": "a snapshot remains",
    }


BALANCER = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/no-such/b"


def test_a_protected_balancer_is_told():
    target = Target(boto3.Session("k", "s", region_name="us-east-1"), "1")
    held = HELD["AWS::ElasticLoadBalancingV2::LoadBalancer"]
    with Stubber(target.client("elbv2")) as balancers:
        attribute = {"Key": "deletion_protection.enabled", "Value": "true"}
        balancers.add_response("describe_load_balancer_attributes", {"Attributes": [attribute]})
        assert held.keeps(target, BALANCER)
    said = held.says.format(name="prod", id="arn", region="eu-west-1")
    assert "BalancerDeletionProtection: false" in said
    assert said.endswith(",Value=false --load-balancer-arn arn --region eu-west-1")


@pytest.mark.parametrize("kind", HELD)
def test_what_somebody_deleted_keeps_nothing_from_being_deleted(kind, standing_target):
    gone = BALANCER if "Balancer" in kind else "liberty-social-gone"
    assert not HELD[kind].keeps(standing_target, gone)
