"""Migrating the database in a task of the new version, before the service moves to it."""

import dataclasses
import json
import re
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError
from deployed import Listener
from local_aws import Aws
from small_sets import small
from test_deploy import local, templates, with_settings
from wire import STACK, Wire, done

from liberty_cfn.deploy import deploying, migrating
from liberty_cfn.deploy.changes import Change, ChangeSet, Property, Replacement
from liberty_cfn.deploy.deploying import deploy
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.migrating import is_due, is_held
from liberty_cfn.deploy.plans import Plan
from liberty_cfn.deploy.stack import NESTED_STACK, find
from liberty_cfn.deploy.work import Work
from liberty_cfn.environments import DJANGO, MisfitsError, load
from liberty_cfn.names import CONTAINER
from liberty_cfn.repository import PARAMS

__all__ = ["local", "templates"]


class Tasks:
    """Takes note of the tasks that are asked for, and of what the service is at meanwhile."""

    def __init__(self, target):
        self.target, self.asked, self.during, self.listed = target, [], [], []
        self.running, self.made = [], []
        self.events = target.client("ecs").meta.events
        self.hears = {
            "provide-client-params.ecs.RunTask": self.started,
            "after-call.ecs.RunTask": lambda parsed, **_: self.made.append(
                parsed["tasks"][0]["taskArn"]
            ),
            "before-call.ecs.ListTasks": self.list,
        }

    def started(self, params, **_):
        self.asked.append(params)
        self.during.append(service(self.target)["taskDefinition"])

    def list(self, params, **_):
        self.listed.append(json.loads(params["body"]))
        return SimpleNamespace(status_code=200), {"taskArns": self.running}

    def __enter__(self):
        for event, hear in self.hears.items():
            self.events.register(event, hear)
        return self

    def __exit__(self, *_):
        for event, hear in self.hears.items():
            self.events.unregister(event, hear)


def service(target):
    return target.client("ecs").describe_services(
        cluster="liberty-social-backend-local",
        services=["liberty-social-backend-service-local"],
    )["services"][0]


def parameter(target, environment, name):
    stack = find(target.client("cloudformation"), environment.stack)
    return {p["ParameterKey"]: p["ParameterValue"] for p in stack["Parameters"]}[name]


@pytest.fixture(scope="module")
def life(local_aws, standing_target, templates):
    """Return what three deploys of an environment that migrates did."""
    aws, target = Aws(local_aws), standing_target
    aws.reset()
    environment = dataclasses.replace(load("local"), migrate=DJANGO)
    with Tasks(target) as tasks:
        first, failed, fixed, idle = Listener(), Listener(), Listener(), Listener()
        templates = small(templates, "Logs", "Service")
        aws.end_tasks(0, "Applying 0001_users... OK", "Applying 0002_cats... OK")
        deploy(Work(environment, target, first, templates))
        made = service(target)
        newer = with_settings(environment, Image="two")
        aws.end_tasks(3, "no such table")
        with pytest.raises(DeployError) as error:
            deploy(Work(newer, target, failed, templates))
        after_failure = service(target)["taskDefinition"]
        held = parameter(target, newer, "HeldTaskDefinition")
        told = is_held(newer, find(target.client("cloudformation"), newer.stack))
        aws.end_tasks(0)
        # As if the last one ran until it is asked about.
        tasks.running = tasks.made[-1:]
        deploy(Work(newer, target, fixed, templates))
        tasks.running = []
        moved = service(target)["taskDefinition"]
        deploy(Work(with_settings(newer, LogRetentionDays="60"), target, idle, templates))
    return SimpleNamespace(**locals())


def test_a_new_services_tasks_start_when_the_migration_is_done(life):
    ours = [e for e in life.first.events if e.resource == "Service" and e.stack == ("Service",)]
    assert life.tasks.asked[0]["taskDefinition"] == life.made["taskDefinition"]
    assert life.made["desiredCount"] == 2
    # Made with no tasks, and raised later.
    assert [e.status for e in ours if e.over] == ["CREATE_COMPLETE", "UPDATE_COMPLETE"]


def test_the_migration_is_a_task_of_the_new_version_where_the_service_runs(life):
    asked = life.tasks.asked[1]
    assert asked["taskDefinition"] == life.moved != life.made["taskDefinition"]
    assert asked["networkConfiguration"] == life.made["networkConfiguration"]
    [override] = asked["overrides"]["containerOverrides"]
    assert override["command"] == ["python", "manage.py", "migrate", "--noinput"]


def test_plans_tell_of_it_where_it_is_due(life):
    said = f"Before the service moves, a task of the new version runs {DJANGO}"
    told = [said in one.plan.notes for one in (life.first, life.failed, life.fixed, life.idle)]
    assert told == [True, True, True, False]


def test_its_log_lines_are_shown(life):
    migrated = life.first.said[life.first.said.index(f"Migrating: {DJANGO}") :]
    assert migrated[1:4] == [
        "  Applying 0001_users... OK",
        "  Applying 0002_cats... OK",
        "Migrated, which isn't undone if the service's move is",
    ]
    assert life.failed.said == [
        "First all but the service, which stays as it is until it is migrated",
        f"Migrating: {DJANGO}",
        "  no such table",
    ]
    assert life.idle.said == []
    assert not any("protected" in line for line in life.first.said + life.fixed.said)


def test_the_service_is_held_at_its_version_meanwhile(life):
    assert life.tasks.during[1] == life.made["taskDefinition"]


def test_a_migration_that_fails_leaves_the_service_as_it_is(life):
    assert "ended with exit code 3" in str(life.error.value)
    assert life.after_failure == life.held == life.made["taskDefinition"]


def test_the_status_tells_that_the_service_is_held(life):
    assert life.told.startswith("The service stays with the version before")
    # Whoever looks meanwhile is told no failure.
    assert "it is under way, or it failed or was interrupted" in life.told
    now = find(life.target.client("cloudformation"), life.newer.stack)
    assert is_held(life.newer, now) == ""


@pytest.mark.parametrize(
    ("image", "count", "migrate", "told"),
    [
        ("sha256:0", "0", DJANGO, True),
        ("sha256:0", "2", DJANGO, False),
        ("sha256:0", "0", "", False),
        # There is no image yet, which is something else.
        ("latest", "0", DJANGO, False),
    ],
)
def test_the_status_tells_that_a_service_has_no_tasks_until_the_first_migration(
    local, image, count, migrate, told
):
    given = {"Image": image, "DesiredCount": count, "HeldTaskDefinition": ""}
    stack = {
        "StackStatus": "UPDATE_COMPLETE",
        "Parameters": [{"ParameterKey": n, "ParameterValue": v} for n, v in given.items()],
    }
    said = is_held(dataclasses.replace(local, migrate=migrate), stack)
    assert said.startswith("The service has no tasks until the migration") is told
    assert bool(said) is told


def test_the_next_deploy_migrates_again_and_moves_the_service(life):
    assert len(life.tasks.asked) == 3
    assert life.moved != life.made["taskDefinition"]
    assert parameter(life.target, life.newer, "HeldTaskDefinition") == ""


def test_a_migration_that_still_runs_is_seen_to_its_end_before_another_begins(life):
    said = life.fixed.said
    awaited = said.index(
        f"A migration is under way already; first its end is awaited: {life.tasks.made[1]}"
    )
    assert said[awaited + 1 : awaited + 3] == ["  no such table", f"Migrating: {DJANGO}"]
    # AWS takes no other filter beside this.
    assert {tuple(sorted(asked)) for asked in life.tasks.listed} == {("cluster", "startedBy")}
    [name] = {asked["startedBy"] for asked in (*life.tasks.asked, *life.tasks.listed)}
    # Nor any other characters in it.
    assert re.fullmatch(r"[A-Za-z0-9/_-]{1,128}", name)


def test_what_leaves_the_tasks_alone_migrates_nothing(life):
    assert not [line for line in life.idle.said if line.startswith("Migrating")]
    assert len(life.tasks.asked) == 3


@pytest.mark.parametrize(
    ("failures", "why"),
    [
        ([{"reason": "RESOURCE:ENI"}], "RESOURCE:ENI"),
        ([{}], "no reason given"),
        ([], "no reason"),
    ],
)
def test_a_migration_that_ecs_does_not_start_is_a_sentence(local, failures, why):
    refused = {"failures": failures, "tasks": []}
    ecs = SimpleNamespace(run_task=lambda **_: refused)
    target, plain = SimpleNamespace(client=lambda _: ecs), replace(local, migrate="./migrate")
    with pytest.raises(DeployError, match=rf"didn't start: {why}.*\. The service is as"):
        migrating._start(plain, target, "definition", {})  # noqa: SLF001 - ECS's word alone


@pytest.mark.parametrize(
    ("why", "step"),
    [
        ("CannotPullContainerError: not found", " The image could not be pulled: "),
        ("Essential container in task exited", " The service is as it was"),
    ],
)
def test_why_a_migration_failed_has_its_next_step_where_that_is_known(local, why, step):
    said = migrating._failure(local, {"stoppedReason": why}, {})  # noqa: SLF001 - AWS's words
    assert f"never ran ({why}).{step}" in said


@pytest.mark.parametrize(
    ("service", "said"),
    [
        ({"networkConfiguration": {}}, "lists no Service in liberty-social-local"),
        (None, "has no service to run it in"),
    ],
)
def test_a_migration_whose_version_or_service_is_not_there_is_a_sentence(
    local, monkeypatch, service, said
):
    monkeypatch.setattr(migrating, "service", lambda *_: service)
    monkeypatch.setattr(migrating, "resources", lambda *_: iter(()))
    with pytest.raises(DeployError, match=said):
        migrating.migrate(local, Mock(), local.stack, list)


def test_a_log_that_is_not_there_yet_is_waited_for():
    none = ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetLogEvents")
    lines = (200, '{"events": [{"message": "Applying\\n"}], "nextForwardToken": "next"}')
    wire = Wire("logs", GetLogEvents=[none, lines])
    where = {"logGroupName": "g", "logStreamName": "s"}
    looks = [list(migrating._fresh(wire.client, where)) for _ in range(2)]  # noqa: SLF001
    assert looks == [[], ["Applying"]]


def test_all_of_a_long_log_is_told_though_the_task_has_ended():
    """AWS gives another token with each page, and at the log's end the one it was given."""
    pages = {None: ("1", "a"), "1": ("2", ""), "2": ("3", "b"), "3": ("3", "")}

    def get_log_events(nextToken=None, **_):
        token, said = pages[nextToken]
        return {"events": [{"message": line} for line in said], "nextForwardToken": token}

    assert ended(load("local"), get_log_events, ["STOPPED"]) == ["  a", "  b"]


def test_what_a_migration_logs_leaves_the_terminal_as_it_is(local):
    logged = "\x1b[1;31mNo\x1b[0m \x1b]0;t\x07\x9b5ncaf\u00e9\t\U0001f408\ud83d\r\n"
    assert ended(local, [[logged], []], ["STOPPED"]) == ["  No ]0;t5ncaf\u00e9\t\U0001f408"]


def test_who_stops_watching_a_migration_is_told_that_it_goes_on(local, monkeypatch):
    said = []
    monkeypatch.setattr(migrating, "pause", Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        ended(local, [["Applying"]], ["RUNNING"], said)
    stop = "aws ecs stop-task --region us-east-1 --cluster backend --task 1"
    assert said[1:] == [f"The migration goes on. To end it half-way: {stop}"]


def ended(local, lines, states, said=None):
    """Return what is said of a migration that logs these lines at each look, while it ends."""
    said = [] if said is None else said

    def get_log_events(**_):
        logged = [{"message": line} for line in lines.pop(0)]
        return {"events": logged, "nextForwardToken": "next"}

    options = {"awslogs-group": "g", "awslogs-stream-prefix": "ecs"}
    container = {"name": CONTAINER, "logConfiguration": {"options": options}}
    aws = SimpleNamespace(
        get_log_events=lines if callable(lines) else get_log_events,
        describe_tasks=lambda **_: {"tasks": [{"lastStatus": states.pop(0)}]},
        meta=SimpleNamespace(endpoint_url="http://127.0.0.1:1"),
        describe_task_definition=lambda **_: {
            "taskDefinition": {"containerDefinitions": [container]}
        },
    )
    task = {"taskArn": "a/backend/1", "taskDefinitionArn": "d", "clusterArn": "c"}
    target = SimpleNamespace(client=lambda _: aws, region="us-east-1")
    migrating._ended(local, target, task, said.append)  # noqa: SLF001 - the local AWS is quick
    return said


def test_what_a_migration_says_last_is_told_though_it_comes_after_its_end(local):
    said = ended(local, [["Applying"], ["no such table"]], ["STOPPED"])
    assert said == ["  Applying", "  no such table"]


def test_a_migration_that_says_nothing_for_long_is_said_to_be_under_way(local, monkeypatch):
    now = [0.0]
    clocked = partial(migrating.Patience, clock=lambda: now[0])
    monkeypatch.setattr(migrating, "Patience", clocked)
    monkeypatch.setattr(migrating, "pause", lambda *_: now.append(now.pop() + 50))
    states = ["RUNNING"] * 7 + ["STOPPED"]
    said = ended(local, [["Applying"], *([[]] * 7), ["OK"]], states)
    still = "  the migration is still under way"  # after 150 and 300 s
    assert said == ["  Applying", still, still, "  OK"]


def test_a_service_that_ecs_does_not_tell_of_is_not_held_at_no_tasks(local, monkeypatch):
    monkeypatch.setattr(migrating, "service", lambda *_: None)
    assert migrating.held(local, None, plan(change(migrating.SERVICE_TYPE, "Add"))) == {
        "DesiredCount": "0"
    }
    with pytest.raises(DeployError, match="ECS doesn't tell of liberty-social-backend-service"):
        migrating.held(local, None, plan(change(migrating.SERVICE_TYPE)))


def test_a_plan_whose_migration_fails_again_is_not_left_behind(local, monkeypatch):
    wire = Wire(DeleteChangeSet=[done("DeleteChangeSet")])
    target = SimpleNamespace(client=lambda _: wire.client)
    # All but the service's move was deployed before.
    monkeypatch.setattr(deploying, "_prepared", lambda *_, **__: None)
    monkeypatch.setattr(migrating, "is_due", lambda *_: True)
    monkeypatch.setattr(migrating, "held", lambda *_: {})
    monkeypatch.setattr(migrating, "migrate", Mock(side_effect=DeployError))
    this = Work(local, target, Listener())
    with pytest.raises(DeployError):
        deploying._all_but_the_last(this, plan(), ChangeSet("ours", STACK, "liberty-1"))  # noqa: SLF001
    assert [operation for operation, _ in wire.asked] == ["DeleteChangeSet"]


@pytest.mark.parametrize("there", [migrating.DEFINITION, migrating.SERVICE_TYPE])
def test_what_holds_the_service_back_was_agreed_to_and_what_others_deployed_was_not(there):
    """Held at no tasks, it isn't scaled either."""
    logs = replace(untold("Logs"), opaque=False)
    scaled = change("AWS::ApplicationAutoScaling::ScalableTarget")
    agreed = plan(change(there), logs)
    scaled, others = (
        replace(scaled, resource="Else", stack=(at,)) for at in ("Service", "Logs")
    )
    deploying._refuse_unseen(plan(scaled), agreed)  # noqa: SLF001 - AWS's word alone
    with pytest.raises(DeployError, match="Logs/Else"):
        deploying._refuse_unseen(plan(scaled, others), agreed)  # noqa: SLF001
    # What was planned as a whole was.
    for whole in (replace(logs, opaque=True), replace(logs, action="Add")):
        deploying._refuse_unseen(plan(others), plan(whole))  # noqa: SLF001


# When it is due


def plan(*changes):
    return Plan("liberty-social-test", "d" * 64, changes, {})


def change(kind, action="Modify", *properties):
    changed = tuple(Property(p, "a", "b", Replacement.NO) for p in properties)
    return Change(("Service",), "It", kind, action, Replacement.NO, changed)


def untold(stack):
    return Change((), stack, NESTED_STACK, "Modify", Replacement.NO, opaque=True)


@pytest.mark.parametrize(
    ("changes", "due"),
    [
        ((change(migrating.DEFINITION),), True),
        ((change(migrating.SERVICE_TYPE, "Add"),), True),
        ((change(migrating.SERVICE_TYPE, "Modify", "TaskDefinition"),), True),
        ((change(migrating.SERVICE_TYPE, "Modify", "DesiredCount"),), True),
        ((change(migrating.SERVICE_TYPE, "Modify", "Tags"),), False),
        ((change(migrating.DEFINITION, "Remove"),), False),
        ((change("AWS::Logs::LogGroup"),), False),
        ((), False),
        ((dataclasses.replace(change("AWS::CloudFormation::Stack"), stack=()),), True),
        # What becomes of data is told of other nested stacks.
        ((change("AWS::Logs::LogGroup"), untold("Service")), True),
        ((change("AWS::Logs::LogGroup"), untold("Logs")), False),
    ],
)
def test_it_is_due_when_tasks_of_another_definition_would_start(local, changes, due):
    migrates = dataclasses.replace(local, migrate=DJANGO)
    assert is_due(migrates, plan(*changes)) is due
    assert not is_due(local, plan(*changes))
    assert not is_due(with_settings(migrates, DesiredCount="0"), plan(*changes))


# The setting


@pytest.mark.parametrize(
    ("given", "command"),
    [("true", DJANGO), ("false", ""), ("./migrate --all 'a b'", "./migrate --all 'a b'")],
)
def test_the_command_is_djangos_or_ones_own(tmp_path, given, command):
    said = (load_text() + f"Migrate: {given}\n").encode()
    (tmp_path / "local.yaml").write_bytes(said)
    assert load("local", tmp_path).migrate == command


@pytest.mark.parametrize("given", ["", "[a, b]", "'unclosed \"'", "''"])
def test_anything_else_is_a_misfit(tmp_path, given):
    (tmp_path / "local.yaml").write_text(load_text() + f"Migrate: {given}\n", "utf-8")
    with pytest.raises(MisfitsError, match=r"Migrate: expected true \(for `python manage\.py"):
        load("local", tmp_path)


def load_text():
    return (PARAMS / "local.yaml").read_text("utf-8")
