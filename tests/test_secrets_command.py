"""Secrets that need a person: set unseen, listed without their values."""

import dataclasses
import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import boto3
import pytest
from botocore.stub import Stubber
from local_aws import variables

from liberty_cfn.cli import secret
from liberty_cfn.deploy import secrets, targets
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.environments import load

REPOSITORY = Path(__file__).parent.parent
SENDER = "liberty-social/DEFAULT_FROM_EMAIL-dev"
VALUE = "hush@dev.example.com"
AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def dev():
    return load("dev")


@pytest.fixture
def by_user(dev):
    settings = {**dev.settings, "ApplicationAccessKey": "true"}
    return dataclasses.replace(dev, settings=settings)


@pytest.fixture
def made(target):
    """Secrets as a deploy makes them, without a value."""
    for name in secrets.NAMES:
        target.client("secretsmanager").create_secret(Name=f"liberty-social/{name}-dev")


@pytest.fixture
def service(target):
    ecs = target.client("ecs")
    name = "liberty-social-backend-dev"
    ecs.create_cluster(clusterName=name)
    ecs.register_task_definition(
        family=name, containerDefinitions=[{"name": "app", "image": "x"}]
    )
    named = {"cluster": name, "serviceName": "liberty-social-backend-service-dev"}
    ecs.create_service(**named, taskDefinition=name, desiredCount=1)


@pytest.fixture
def nowhere():
    """A target whose answers each test says: the local AWS gives every secret a version."""
    return targets.Target(boto3.Session("k", "s", region_name="us-east-1"), "1")


def versions(target, name):
    found = target.client("secretsmanager").describe_secret(SecretId=name)
    return found["VersionIdsToStages"]


def value(target, name=SENDER):
    return target.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]


def deployments(target):
    found = target.client("ecs").describe_services(
        cluster="liberty-social-backend-dev", services=["liberty-social-backend-service-dev"]
    )["services"][0]["deployments"]
    return [each["id"] for each in found]


def test_the_value_comes_from_standard_input_and_is_never_shown(liberty, target, made):
    answer = liberty("secret", "set", "dev", "DEFAULT_FROM_EMAIL", given="hush@a.b\r\n")
    assert answer.returncode == 0, answer.stderr
    assert value(target) == "hush@a.b"
    assert "hush" not in answer.stdout + answer.stderr
    assert "RESTART=1" in answer.stdout


def test_the_value_is_no_argument(liberty, target, made):
    before = versions(target, SENDER)
    answer = liberty("secret", "set", "dev", "DEFAULT_FROM_EMAIL", VALUE, given="x")
    assert answer.returncode == 2
    assert versions(target, SENDER) == before


def test_what_is_no_text_is_refused_without_being_quoted(liberty, target, made):
    answer = liberty("secret", "set", "dev", "DEFAULT_FROM_EMAIL", given=b"hush\xff\xfeless")
    assert answer.returncode == 2
    assert "not text in UTF-8" in answer.stderr
    assert "hush" not in answer.stderr


def test_what_is_typed_and_no_text_is_refused_without_being_quoted(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    mistyped = Mock(side_effect=lambda *_, **__: b"hush\xff".decode("utf-8"))
    monkeypatch.setattr(secret.click, "prompt", mistyped)
    with pytest.raises(SystemExit):
        secret._value("DEFAULT_FROM_EMAIL")  # noqa: SLF001 - no terminal sends such bytes here
    assert "not text in UTF-8" in (said := capsys.readouterr().err)
    assert "hush" not in said


def test_generated_secrets_are_refused_before_a_value_is_asked_for(liberty):
    answer = liberty("secret", "set", "dev", "DB_PASSWORD", given="x")
    assert answer.returncode == 2
    assert "AWS generated it together with the database" in answer.stderr


def test_a_terminal_is_asked_and_shows_nothing(aws, target, made):
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-m", "liberty_cfn", "secret", "set", "dev", "DEFAULT_FROM_EMAIL"],
        cwd=REPOSITORY,
        env={**os.environ, **variables(aws.local)},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    for _ in range(2):
        while not shown.rstrip().endswith(b":"):
            shown += os.read(ours, 1024)
        shown += b"|"
        os.write(ours, VALUE.encode() + b"\n")
    while b"version" not in shown and running.poll() is None:
        shown += os.read(ours, 1024)
    running.wait(30)
    os.close(ours)
    assert value(target) == VALUE
    assert VALUE.encode() not in shown


@pytest.mark.parametrize("name", ["SECRET_KEY", "DB_PASSWORD"])
def test_generated_secrets_are_left_alone(target, dev, made, name):
    before = versions(target, f"liberty-social/{name}-dev")
    with pytest.raises(DeployError, match=r"not set by hand: AWS generated it"):
        secrets.store(dev, target, name, "x")
    assert versions(target, f"liberty-social/{name}-dev") == before


@pytest.mark.parametrize("name", secrets.ACCESS_KEY)
def test_an_access_key_is_a_persons_unless_the_stack_makes_it(dev, by_user, name):
    assert secrets.refusal(dev, name) == ""
    assert "the key is made and kept by the stack" in secrets.refusal(by_user, name)


def test_an_unknown_name_is_answered_with_those_there_are(dev):
    said = secrets.refusal(dev, "SENDER")
    assert said.startswith("There is no secret SENDER.")
    assert "DEFAULT_FROM_EMAIL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY" in said
    assert secrets.refusal(dev, "").startswith("Which secret? Name it with NAME=...")


def test_before_the_first_deploy_there_is_nothing_to_set(target, dev):
    with pytest.raises(DeployError, match="deploying makes it: make deploy ENV=dev"):
        secrets.store(dev, target, "DEFAULT_FROM_EMAIL", VALUE)


def test_a_secret_scheduled_for_deletion_can_be_had_back(target, dev, made):
    target.client("secretsmanager").delete_secret(SecretId=SENDER, RecoveryWindowInDays=7)
    with pytest.raises(DeployError, match=f"restore-secret .*{SENDER}") as error:
        secrets.store(dev, target, "DEFAULT_FROM_EMAIL", VALUE)
    assert VALUE not in str(error.value)
    [sender] = [e for e in secrets.listed(dev, target) if e.name == "DEFAULT_FROM_EMAIL"]
    assert (sender.exists, sender.scheduled_for_deletion) == (False, True)


@pytest.mark.parametrize("given", ["", "x" * 65537, " \n", "a\0b"])
def test_nothing_and_too_much_are_no_values(target, dev, made, given):
    with pytest.raises(DeployError, match="was not changed"):
        secrets.store(dev, target, "DEFAULT_FROM_EMAIL", given)


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        (None, ["DEFAULT_FROM_EMAIL"]),
        ({"v" * 32: ["AWSPREVIOUS"]}, ["DEFAULT_FROM_EMAIL"]),
        ({"v" * 32: ["AWSCURRENT"]}, []),
    ],
)
def test_what_needs_a_person_is_missing_until_it_is_set(nowhere, dev, stages, expected):
    answer = {"Name": SENDER, **({"VersionIdsToStages": stages} if stages else {})}
    with Stubber(nowhere.client("secretsmanager")) as manager:
        manager.add_response("describe_secret", answer, {"SecretId": SENDER})
        assert secrets.missing(dev, nowhere) == expected


def test_what_is_not_there_is_missing_too(target, dev):
    assert secrets.missing(dev, target) == ["DEFAULT_FROM_EMAIL"]


def test_the_list_says_what_exists_has_a_value_and_when_it_changed(liberty, target, dev, made):
    secrets.store(dev, target, "DEFAULT_FROM_EMAIL", VALUE)
    target.client("secretsmanager").delete_secret(
        SecretId="liberty-social/SECRET_KEY-dev", ForceDeleteWithoutRecovery=True
    )
    answer = liberty("secret", "list", "dev", "--json")
    found = {each["name"]: each for each in json.loads(answer.stdout)}
    assert list(found) == list(secrets.NAMES)
    assert found["DEFAULT_FROM_EMAIL"]["has_value"]
    assert not found["SECRET_KEY"]["has_value"]
    assert [name for name, each in found.items() if not each["exists"]] == ["SECRET_KEY"]
    assert datetime.fromisoformat(found["DEFAULT_FROM_EMAIL"]["changed"])
    assert VALUE not in answer.stdout
    target.client("secretsmanager").delete_secret(SecretId="liberty-social/DB_PASSWORD-dev")
    table = liberty("secret", "list", "dev").stdout
    assert VALUE not in table
    rows = {row[0]: row[1:] for row in map(str.split, table.splitlines()) if row}
    assert rows[SENDER][:2] == ["yes", "yes"]
    assert rows["liberty-social/SECRET_KEY-dev"] == ["no", "no"]
    assert rows["liberty-social/DB_PASSWORD-dev"][:3] == ["scheduled", "for", "deletion"]


def test_when_a_secret_changed_is_told_in_utc_as_all_times_are(nowhere, dev):
    here = datetime(2026, 1, 1, 9, tzinfo=timezone(timedelta(hours=9)))
    with Stubber(nowhere.client("secretsmanager")) as manager:
        for _ in secrets.NAMES:
            manager.add_response("describe_secret", {"LastChangedDate": here})
        told = {secrets.as_json(each)["changed"] for each in secrets.listed(dev, nowhere)}
    assert told == {"2026-01-01T00:00:00+00:00"}


def test_no_value_is_ever_read(target, dev, made, monkeypatch):
    def refused(**kwargs):
        raise AssertionError

    monkeypatch.setattr(target.client("secretsmanager"), "get_secret_value", refused)
    secrets.listed(dev, target)
    secrets.missing(dev, target)
    secrets.store(dev, target, "DEFAULT_FROM_EMAIL", VALUE)


def test_running_tasks_get_it_when_they_are_restarted(liberty, target, made, service):
    before = deployments(target)
    set_it = ("secret", "set", "dev", "DEFAULT_FROM_EMAIL")
    assert liberty(*set_it, given="a@b.c").returncode == 0
    assert deployments(target) == before
    answer = liberty(*set_it, "--restart", given="a@b.d")
    assert answer.returncode == 0, answer.stderr
    assert deployments(target) != before
    assert "replaces its tasks" in answer.stdout


def test_a_service_without_tasks_is_not_said_to_replace_any(liberty, target, made, service):
    named = "liberty-social-backend-dev", "liberty-social-backend-service-dev"
    target.client("ecs").update_service(cluster=named[0], service=named[1], desiredCount=0)
    set_it = ("secret", "set", "dev", "DEFAULT_FROM_EMAIL", "--restart")
    said = liberty(*set_it, given="a@b.c").stdout
    assert said.splitlines()[-1] == (
        "The service has no tasks; those that start have the new value"
    )


def test_tasks_are_not_replaced_for_a_key_that_they_are_not_given(
    liberty, target, made, service
):
    before = deployments(target)
    set_it = ("secret", "set", "dev", "AWS_ACCESS_KEY_ID")
    for options in ([], ["--restart"]):
        answer = liberty(*set_it, *options, given="AKIA")
        assert answer.returncode == 0, answer.stderr
        assert "Tasks aren't given AWS_ACCESS_KEY_ID" in answer.stdout
        assert "RESTART=1" not in answer.stdout
    assert deployments(target) == before


def test_without_a_service_the_secret_is_set_and_that_is_said(liberty, target, made):
    answer = liberty("secret", "set", "dev", "DEFAULT_FROM_EMAIL", "--restart", given="a@b.c")
    assert answer.returncode == 1
    assert value(target) == "a@b.c"
    assert "there is no service liberty-social-backend-service-dev" in answer.stderr


# Tasks that are older than a value


def stubbed(nowhere, deployed, versions):
    """Answer when the service was deployed, and when each secret's current version was made."""
    service = {
        "status": "ACTIVE",
        "desiredCount": 1,
        "deployments": [
            {"status": "ACTIVE", "createdAt": AT - timedelta(days=1)},
            {"status": "PRIMARY", "createdAt": deployed},
        ],
    }
    ecs, manager = Stubber(nowhere.client("ecs")), Stubber(nowhere.client("secretsmanager"))
    ecs.add_response("describe_services", {"services": [service]})
    for name, made in versions.items():
        older = {"VersionId": "1" * 32, "CreatedDate": AT + timedelta(days=9)}
        current = {"VersionId": "2" * 32, "CreatedDate": made, "VersionStages": ["AWSCURRENT"]}
        manager.add_response(
            "list_secret_version_ids",
            {"Versions": [{**older, "VersionStages": ["AWSPREVIOUS"]}, current]},
            {"SecretId": f"liberty-social/{name}-dev"},
        )
    return ecs, manager


def test_the_version_of_a_secret_tells_that_tasks_are_older_than_its_value(nowhere, dev):
    before, after = AT - timedelta(hours=1), AT + timedelta(hours=1)
    made = {"SECRET_KEY": before, "DB_PASSWORD": before, "DEFAULT_FROM_EMAIL": after}
    ecs, manager = stubbed(nowhere, AT, made)
    with ecs, manager:
        assert secrets.outdated(dev, nowhere) == ["DEFAULT_FROM_EMAIL"]
        manager.assert_no_pending_responses()


def test_access_keys_count_where_tasks_are_given_them(nowhere, by_user):
    names = secrets.NAMES
    ecs, manager = stubbed(nowhere, AT, dict.fromkeys(names, AT + timedelta(hours=1)))
    with ecs, manager:
        assert secrets.outdated(by_user, nowhere) == list(names)


def test_where_no_tasks_run_none_are_older_than_a_secret(target, dev, made):
    assert secrets.outdated(dev, target) == []
