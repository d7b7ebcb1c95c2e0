"""A set that was destroyed, and a new one that takes in what was kept, target by target."""

import dataclasses
import json
from datetime import UTC, datetime

import pytest
from local_aws import SOON
from stack_sets import HOME, KEEPING, OTHER, US, Told
from wire import answering

from liberty_cfn.cli.stack_sets import operations as cli
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.stack_sets import adopting, running
from liberty_cfn.deploy.stack_sets import deploying as set_deploying
from liberty_cfn.deploy.stack_sets.comparing import drifted, examined
from liberty_cfn.deploy.stack_sets.deploying import deploy, retry
from liberty_cfn.deploy.stack_sets.destroying import destroy
from liberty_cfn.deploy.stack_sets.operations import Operation, attach
from liberty_cfn.deploy.stack_sets.reaching import taking_out
from liberty_cfn.deploy.stack_sets.standing import standing
from liberty_cfn.deployment_targets import Place

FIRST, SECOND = Place(HOME, US), Place(OTHER, US)
ROLE = "OrganizationAccountAccessRole"


def names(fleet, place):
    suffix = fleet.targets.overrides[place]["NameSuffix"]
    return f"liberty-social-uploads{suffix}", f"liberty-social/SECRET_KEY{suffix}"


def secret(sets, fleet, place):
    name = names(fleet, place)[1]
    manager = sets.client("secretsmanager", place)
    return manager.get_secret_value(SecretId=name)["SecretString"]


def without_notes(sets, fleet, place):
    """Free the name that the small set keeps and doesn't spell out."""
    suffix = fleet.targets.overrides[place]["NameSuffix"]
    sets.client("logs", place).delete_log_group(logGroupName=f"kept{suffix}")


def destroyed(sets, *places):
    """Return the fleet of a set that is gone, and the secrets that its targets had."""
    fleet = sets.fleet(*map(str, places))
    deploy(fleet, KEEPING, Told())
    for place in places:
        bucket = names(fleet, place)[0]
        sets.client("s3", place).put_object(Bucket=bucket, Key="cat", Body=b"meow")
    had = {place: secret(sets, fleet, place) for place in places}
    destroy(fleet, standing(fleet), Told())
    for place in places:
        without_notes(sets, fleet, place)
    return fleet, had


def operations(fleet):
    found = fleet.cloudformation.list_stack_set_operations(StackSetName=fleet.name)
    return [one["Action"] for one in found["Summaries"]]


def test_what_was_kept_is_taken_in_in_every_target_and_is_the_sets_again(sets, between):
    fleet, had = destroyed(sets, FIRST, SECOND)
    with pytest.raises(DeployError, match="To take it in: make deploy ENV="):
        deploy(fleet, KEEPING, Told())
    told = Told(agrees=False)
    with pytest.raises(DeployError, match=f"Only {FIRST} was changed.* ADOPT=1$"):
        deploy(fleet, KEEPING, told, adopting_as=ROLE)
    assert list(told.plans[0].adopted) == [FIRST, SECOND]
    assert deploy(fleet, KEEPING, Told(), adopting_as=ROLE).changed
    there = standing(fleet).instances
    assert {p: i.status for p, i in there.items()} == dict.fromkeys(had, "CURRENT")
    for place, value in had.items():
        assert secret(sets, fleet, place) == value
        bucket = names(fleet, place)[0]
        cat = sets.client("s3", place).get_object(Bucket=bucket, Key="cat")
        assert cat["Body"].read() == b"meow"
    # Taken in as it should be, a target needs nothing more, and is as any other from now on.
    assert operations(fleet) == ["CREATE"] * 2
    assert deploy(fleet, KEEPING, Told(), adopting_as=ROLE).changed is False
    assert deploy(sets.changed(fleet, LogRetentionDays="30"), KEEPING, Told()).changed
    assert set(destroy(fleet, standing(fleet), Told())) == set(had)


def test_an_adoption_that_was_interrupted_is_taken_up_where_it_was(sets, between):
    fleet, had = destroyed(sets, FIRST)
    denied = (403, "<Code>AccessDenied</Code><Message>Not yours</Message>")
    here, told = fleet.at(FIRST).client("cloudformation"), Told()
    with (
        answering(here, "CreateChangeSet", denied),
        pytest.raises(here.exceptions.ClientError, match="Not yours"),
    ):
        deploy(fleet, KEEPING, told, adopting_as=ROLE)
    assert told.lines[-1] == f"{FIRST}: what is there could not be taken in:"
    between.refuse("ImportStacksToStackSet", "AccessDenied")
    with pytest.raises(fleet.cloudformation.exceptions.ClientError):
        deploy(fleet, KEEPING, Told(), adopting_as=ROLE)
    with pytest.raises(
        DeployError, match=f"Stack that is there: StackSet-{fleet.name}-adopted"
    ):
        deploy(fleet, KEEPING, Told())
    assert secret(sets, fleet, FIRST) == had[FIRST]
    deploy(fleet, KEEPING, told := Told(), adopting_as=ROLE)
    assert standing(fleet).instances[FIRST].current
    assert secret(sets, fleet, FIRST) == had[FIRST]
    # Nor is it said of its stack what only whoever named it could mean.
    assert not [line for line in told.lines if "--adopt" in line or "deleted first" in line]


def test_what_a_failed_creation_kept_is_taken_in_by_the_next(sets, between):
    fleet = sets.fleet(str(FIRST))
    last = KEEPING["inside.yaml"] + "  Topic: {Type: 'AWS::SNS::Topic', DependsOn: Key}\n"
    keeping = {**KEEPING, "inside.yaml": last}
    sets.aws.fail(f"AWS::SNS::Topic/Topic@{HOME}/{US}")
    with pytest.raises(DeployError, match="Topic in Inside"):
        deploy(fleet, keeping, Told())
    sets.aws.fail()
    without_notes(sets, fleet, FIRST)
    had = secret(sets, fleet, FIRST)
    with pytest.raises(DeployError, match=f"Bucket that is there: {names(fleet, FIRST)[0]}"):
        deploy(fleet, keeping, Told())
    deploy(fleet, keeping, Told(), adopting_as=ROLE)
    assert operations(fleet) == ["CREATE", "DELETE", "CREATE"]
    assert standing(fleet).instances[FIRST].current
    assert secret(sets, fleet, FIRST) == had


def test_of_a_failed_creation_that_is_taken_away_no_policy_is_missed(
    sets, between, monkeypatch
):
    fleet, told = sets.fleet(str(FIRST)), Told()
    sets.aws.fail("AWS::SecretsManager::Secret/Key")
    with pytest.raises(DeployError):
        deploy(fleet, KEEPING, Told())
    sets.aws.fail()

    def unable(*_, **__):
        raise DeployError("the role isn't there")

    monkeypatch.setattr(adopting, "make", unable)
    with pytest.raises(DeployError, match="the role isn't there"):
        deploy(fleet, KEEPING, told, adopting_as=ROLE)
    assert FIRST not in standing(fleet).instances
    assert not any("policy" in line for line in told.lines)


def test_a_lost_answer_takes_nothing_in_twice(sets, between):
    fleet, _ = destroyed(sets, FIRST)
    between.lose("ImportStacksToStackSet")
    deploy(fleet, KEEPING, Told(), adopting_as=ROLE)
    assert operations(fleet) == ["CREATE"]


def test_why_the_set_does_not_take_a_stack_is_told_first_hand(sets, between, monkeypatch):
    fleet = sets.fleet(str(FIRST))
    sets.client("s3", FIRST).create_bucket(Bucket=names(fleet, FIRST)[0])
    cloudformation = sets.client("cloudformation", FIRST)
    other = "Resources: {Topic: {Type: 'AWS::SNS::Topic'}}"
    made = cloudformation.create_stack(StackName="another", TemplateBody=other)["StackId"]
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName="another", WaiterConfig=SOON
    )
    monkeypatch.setattr(adopting, "make", lambda *_, **__: made)
    with pytest.raises(DeployError) as error:
        deploy(fleet, KEEPING, Told(), adopting_as=ROLE)
    assert f"{FIRST} failed:\n  The template of {made} is not that of" in str(error.value)


def test_one_that_is_stopped_is_said_to_be(sets, between, monkeypatch):
    fleet = sets.fleet(str(FIRST))
    sets.client("s3", FIRST).create_bucket(Bucket=names(fleet, FIRST)[0])
    stopped = Operation("1", "CREATE", "STOPPED", datetime.now(UTC), {})
    monkeypatch.setattr(adopting, "make", lambda *_, **__: "arn")
    monkeypatch.setattr(running, "operate", lambda *_, **__: stopped)
    with pytest.raises(DeployError, match="The operation was stopped"):
        deploy(fleet, KEEPING, Told(), adopting_as=ROLE)


def test_without_the_administrators_role_nothing_is_touched(sets, between):
    fleet, had = destroyed(sets, SECOND)
    elsewhere = dataclasses.replace(fleet.environment, endpoint="")
    fleet = dataclasses.replace(fleet, environment=elsewhere)
    with pytest.raises(
        DeployError, match=f"{SECOND}: the role {ROLE} isn't there, or can't be"
    ):
        deploy(fleet, KEEPING, Told(), adopting_as=ROLE)
    assert secret(sets, fleet, SECOND) == had[SECOND]


def test_the_stacks_are_made_by_the_execution_role_that_changes_them_ever_after(sets):
    fleet = sets.fleet(str(SECOND))
    target = adopting.as_administrator(fleet, SECOND, ROLE)
    who = {
        service: target.client(service).meta.events
        is fleet.at(SECOND).client(service).meta.events
        for service in ("cloudformation", "secretsmanager")
    }
    assert who == {"cloudformation": True, "secretsmanager": False}


def test_a_target_whose_stack_somebody_deleted_is_to_be_taken_out_of_the_set(
    sets, between, monkeypatch, capsys
):
    fleet = sets.fleet(str(SECOND))
    deploy(fleet, KEEPING, Told())
    had, stack = secret(sets, fleet, SECOND), standing(fleet).instances[SECOND].stack_id
    cloudformation = sets.client("cloudformation", SECOND)
    cloudformation.delete_stack(StackName=stack)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig=SOON)
    without_notes(sets, fleet, SECOND)
    monkeypatch.setattr(cli, "fleet_of", lambda *_: fleet)
    cli.status(fleet.environment, as_json=False)
    said = capsys.readouterr().out
    assert taking_out(fleet, SECOND) in said
    assert "Every target is as the set says." not in said
    cli.status(fleet.environment, as_json=True)
    assert taking_out(fleet, SECOND) in json.loads(capsys.readouterr().out)["advice"]
    _, unknown = drifted(fleet, standing(fleet), list)
    assert taking_out(fleet, SECOND) in unknown[SECOND]
    assert [taking_out(fleet, SECOND) in str(f) for f in examined(fleet)[1][SECOND]] == [True]
    # Nothing is lost, so no policy is missing there.
    assert not retry(fleet, Told()).unprotected
    other = {**KEEPING, "inside.yaml": KEEPING["inside.yaml"].replace("!Ref Days", "14")}
    # Whether or not the set changes, too.
    for templates in (KEEPING, other):
        with pytest.raises(DeployError, match="was deleted, and not by the set") as refused:
            deploy(fleet, templates, Told(), adopting_as=ROLE)
        assert str(refused.value).count(taking_out(fleet, SECOND)) == 1
    fleet.cloudformation.delete_stack_instances(
        StackSetName=fleet.name, Accounts=[OTHER], Regions=[US], RetainStacks=True
    )
    deploy(fleet, KEEPING, Told(), adopting_as=ROLE)
    assert secret(sets, fleet, SECOND) == had


def test_a_set_that_changes_too_is_to_be_deployed_first(sets, between):
    fleet = sets.fleet(str(FIRST), str(SECOND))
    one = sets.changed(fleet, without=[SECOND])
    deploy(one, KEEPING, Told())
    sets.client("s3", SECOND).create_bucket(Bucket=names(fleet, SECOND)[0])
    other = {**KEEPING, "inside.yaml": KEEPING["inside.yaml"].replace("!Ref Days", "14")}
    with pytest.raises(DeployError, match=f"First deploy without {SECOND}"):
        deploy(fleet, other, Told(), adopting_as=ROLE)
    attach(fleet, Told())
    assert operations(fleet) == ["CREATE"]


def test_what_another_deploy_of_the_same_took_in_is_not_deleted_to_be_taken_in(
    sets, between, monkeypatch
):
    fleet, had = destroyed(sets, FIRST, SECOND)
    real = set_deploying.differences

    def outdated(*arguments):
        return dataclasses.replace(real(*arguments), outdated=(SECOND,))

    def goes_on(_):
        deploy(fleet, KEEPING, Told(), adopting_as=ROLE)
        monkeypatch.setattr(set_deploying, "differences", outdated)
        return True

    told = Told()
    told.goes_on = goes_on
    deploy(fleet, KEEPING, told, adopting_as=ROLE)
    assert operations(fleet) == ["UPDATE", "CREATE", "CREATE"]
    assert secret(sets, fleet, SECOND) == had[SECOND]
