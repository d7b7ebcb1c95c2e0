"""What a deploy says that waits: for a certificate, or for tasks that don't come up."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from botocore import exceptions
from click.testing import CliRunner
from deployed import Listener
from test_deploy import local, with_settings
from test_failures_explained import SERVICE, Ecs, failure

from liberty_cfn.cli import cli
from liberty_cfn.deploy import certificates, patience, targets, tasks
from liberty_cfn.deploy.certificates import Awaited
from liberty_cfn.deploy.deploying import deploy
from liberty_cfn.deploy.events import Event
from liberty_cfn.deploy.tasks import SERVICE_TYPE
from liberty_cfn.deploy.waiting import DUE, Watch
from liberty_cfn.deploy.work import Work
from liberty_cfn.environments import load

__all__ = ["local"]
FIRST, EVERY = DUE[certificates.CERTIFICATE]


@pytest.fixture
def production():
    return with_settings(load("prod"), HostedZoneId="Z1")


# Waiting for a certificate


def event(status):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    kind = certificates.CERTIFICATE
    stack = ("Entrance",)
    return Event(
        "id", now, stack, "Certificate", kind, status, "", "x", is_stack=False, took=None
    )


class Waiting:
    """A watch whose time passes only when it is told to."""

    def __init__(self, monkeypatch, environment, target=None):
        self.now, self.said = 0.0, []
        record = Awaited("example.com", "_a.example.com.", "_b.acm.aws.", datetime.now(UTC))
        monkeypatch.setattr(certificates, "awaited", lambda *_: [record])
        monkeypatch.setattr(patience, "pause", lambda *_: None)
        self.watch = Watch(environment, target, self.said.append, clock=lambda: self.now)

    def after(self, seconds):
        self.now += seconds
        self.watch.pause(None, 0)
        return len(self.said)


def test_while_a_certificate_is_awaited_its_cname_is_told_now_and_then(monkeypatch, production):
    waiting = Waiting(monkeypatch, production)
    assert waiting.after(FIRST * 2) == 0  # nothing has begun
    waiting.watch.noticed([event("CREATE_IN_PROGRESS")])
    assert waiting.after(FIRST - 1) == 0
    assert waiting.after(1) == 1
    assert "waits for the CNAME _a.example.com. -> _b.acm.aws. in DNS" in waiting.said[0]
    waiting.watch.noticed([event("CREATE_IN_PROGRESS")])
    assert waiting.after(EVERY - 1) == 1
    assert waiting.after(1) == 2
    waiting.watch.noticed([event("CREATE_COMPLETE")])
    assert waiting.after(EVERY * 2) == 2


def test_a_certificate_that_is_deleted_waits_for_no_record(monkeypatch, production):
    waiting = Waiting(monkeypatch, production)
    waiting.watch.noticed([event("DELETE_IN_PROGRESS")])
    assert waiting.after(FIRST) == 0


def test_of_a_new_zone_the_registrars_part_is_told_too(monkeypatch, production, target):
    new = with_settings(production, HostedZoneId="", CreateHostedZone="true")
    made = target.client("route53").create_hosted_zone(Name="example.com", CallerReference="x")
    waiting = Waiting(monkeypatch, new, target)
    waiting.watch.noticed([event("CREATE_IN_PROGRESS")])
    assert waiting.after(FIRST) == 2
    assert made["DelegationSet"]["NameServers"][0] in waiting.said[1]


CERTIFICATE = """
Resources:
  Certificate: {Type: AWS::CertificateManager::Certificate, Properties: {DomainName: a.com}}
"""


@pytest.fixture
def slow(monkeypatch, aws):
    """Have a certificate awaited for a while, of which there is a word at once."""
    record = Awaited("example.com", "_a.example.com.", "_b.acm.aws.", datetime.now(UTC))

    def awaited(*_):
        aws.delay(0)  # it is looked at, also by a slow machine
        return [record]

    monkeypatch.setattr(certificates, "awaited", awaited)
    monkeypatch.setitem(DUE, certificates.CERTIFICATE, (0, 300))
    aws.delay(60)


def test_a_deploy_says_what_it_waits_for(monkeypatch, target, local, slow):
    listener, said = Listener(), []
    monkeypatch.setattr(listener, "say", said.append)
    small = dataclasses.replace(local, given={})
    deploy(Work(small, target, listener, {"root.yaml": CERTIFICATE}))
    assert "Certificate" in [event.resource for event in listener.events]
    assert "waits for the CNAME _a.example.com." in said[0]


def test_who_only_looks_on_hears_it_too(monkeypatch, aws, target, slow):
    dev = load("dev")
    monkeypatch.setattr(targets, "connect", lambda *_: target)
    cloudformation = aws.client("cloudformation")
    cloudformation.create_stack(StackName=dev.stack, TemplateBody=CERTIFICATE)
    shown = CliRunner().invoke(cli, ["events", "dev", "--follow"])
    assert shown.exit_code == 0
    assert "waits for the CNAME _a.example.com." in shown.stdout


# Waiting for a service


class Crashing(Ecs):
    """What ECS says of a service whose tasks stop again: as many as failed by now."""

    failed = 0

    def describe_services(self, **asked):
        [service] = super().describe_services(**asked)["services"]
        rollout = {"status": "PRIMARY", "desiredCount": 2, "runningCount": 0, "pendingCount": 2}
        old = {"status": "ACTIVE", "desiredCount": 2, "runningCount": 2, "pendingCount": 0}
        reason = "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1."
        back = {"rolloutStateReason": reason} if self.failed > 2 else {}
        deployments = [old, rollout | {"failedTasks": self.failed} | back]
        own = {"status": "ACTIVE", "serviceArn": SERVICE, "runningCount": 2, "desiredCount": 2}
        return {"services": [service | own | {"deployments": deployments}]}


@pytest.fixture
def coming_up(monkeypatch, production):
    """Return a service's watch that looks when it is told to, and all that it says."""
    ecs, said, now = Crashing(), [], [0.0]
    monkeypatch.setattr(patience, "pause", lambda *_: None)
    target = SimpleNamespace(client=lambda _: ecs)
    watch = Watch(production, target, said.append, clock=lambda: now[0])

    def after(seconds, *events, failed=0):
        ecs.failed, now[0] = failed, now[0] + seconds
        watch.noticed(list(events))
        said.clear()
        watch.pause(None, 0)
        return "\n".join(said)

    after.ecs, after.watch = ecs, watch
    return after


def service(status, physical=SERVICE, number=0):
    event = failure(number, "Service", "", SERVICE_TYPE, physical=physical, status=status)
    return dataclasses.replace(event, stack=("Service",))


def test_why_tasks_stop_is_told_while_the_service_is_still_tried(coming_up):
    assert not coming_up(0, service("UPDATE_IN_PROGRESS"))
    assert not coming_up(29)
    said = coming_up(1, failed=1)
    assert "Service: 0 of 2 tasks run, 2 starting, 1 failed" in said
    assert "task abc stopped: Essential container in task exited" in said
    assert "container web: exit code 137, OutOfMemoryError" in said
    assert "web said: django.db.utils.OperationalError: no such host" in said
    assert said.count("choose a larger TaskMemory") == 1
    assert "make cancel ENV=prod" in said


def test_tasks_that_stop_for_the_same_reason_are_counted_and_not_told_again(coming_up):
    coming_up(30, service("UPDATE_IN_PROGRESS"))
    assert "task abc stopped" in coming_up(30)
    assert not coming_up(30)
    assert coming_up(30, failed=2) == "Service: 0 of 2 tasks run, 2 starting, 2 failed"
    assert "breaker: rolling back to deploymentId ecs-svc/1)" in coming_up(30, failed=3)


def test_each_look_asks_ecs_for_the_service_once(coming_up, monkeypatch):
    asked, describe = [], coming_up.ecs.describe_services

    def noted(**which):
        asked.append(which)
        return describe(**which)

    monkeypatch.setattr(coming_up.ecs, "describe_services", noted)
    coming_up(0, service("UPDATE_IN_PROGRESS"))
    assert "task abc stopped" in coming_up(30)
    assert len(asked) == 1


def test_tasks_of_before_are_not_those_of_a_service_that_is_tried(coming_up):
    coming_up(0, service("UPDATE_IN_PROGRESS", number=1))
    assert "task abc stopped" not in coming_up(30)


@pytest.mark.parametrize("status", ["UPDATE_COMPLETE", "UPDATE_FAILED", "DELETE_IN_PROGRESS"])
def test_a_service_that_is_not_tried_any_more_is_not_looked_at(coming_up, status):
    coming_up(0, service("UPDATE_IN_PROGRESS"))
    assert not coming_up(30, service(status))


def test_a_service_that_is_made_is_looked_at_once_it_has_a_name(coming_up):
    coming_up(0, service("CREATE_IN_PROGRESS", physical=""))
    assert not coming_up(30)
    assert "0 of 2 tasks run" in coming_up(30, service("CREATE_IN_PROGRESS"))


def test_an_update_that_is_undone_can_no_longer_be_cancelled(coming_up):
    root = failure(0, "liberty-social", "", status="UPDATE_ROLLBACK_IN_PROGRESS")
    coming_up(0, dataclasses.replace(root, is_stack=True), service("UPDATE_IN_PROGRESS"))
    said = coming_up(30)
    assert "task abc stopped" in said
    assert "make cancel" not in said


def test_in_a_target_of_a_set_no_command_is_told_that_is_about_the_set(coming_up, production):
    coming_up.watch.environment = dataclasses.replace(production, stack_name="StackSet-prod")
    coming_up(0, service("CREATE_IN_PROGRESS"))
    said = coming_up(30)
    assert "task abc stopped" in said
    assert "ENV=prod" not in said


def test_that_ecs_may_not_be_asked_is_no_reason_to_stop_looking(coming_up, monkeypatch):
    def refuse(**_):
        raise exceptions.ClientError({"Error": {"Code": "AccessDenied"}}, "DescribeServices")

    monkeypatch.setattr(coming_up.ecs, "describe_services", refuse)
    coming_up(0, service("UPDATE_IN_PROGRESS"))
    assert not coming_up(30)


def test_status_tells_how_tasks_come_up_and_why_they_do_not(liberty, aws, monkeypatch):
    dev, ecs = load("dev"), Crashing()
    topic = "Resources: {Topic: {Type: AWS::SNS::Topic}}"
    aws.client("cloudformation").create_stack(StackName=dev.stack, TemplateBody=topic)

    def why_stopped(_, arn, since, known):
        assert known["serviceArn"] == arn
        hour = timedelta(hours=1)
        if arn == SERVICE and hour <= datetime.now(UTC) - since < 2 * hour:
            yield "task abc stopped: OutOfMemoryError"

    def shown():
        [service] = ecs.describe_services(cluster="backend", services=["web"])["services"]
        monkeypatch.setattr(tasks, "service", lambda *_: service)
        monkeypatch.setattr(tasks, "why_stopped", why_stopped)
        code, said, _ = liberty("status", "dev")
        assert code == 0
        return said.splitlines()[1:-1]

    told = ["Service: 0 of 2 tasks run, 2 starting", "  task abc stopped: OutOfMemoryError"]
    assert shown()[:2] == told
    assert "choose a larger TaskMemory" in shown()[2]
    monkeypatch.setattr(ecs, "describe_services", lambda **_: {"services": [steady]})
    rollout = {"status": "PRIMARY", "desiredCount": 2, "runningCount": 2, "pendingCount": 0}
    steady = rollout | {"serviceArn": SERVICE, "deployments": [rollout]}
    assert shown() == ["Service: 2 of 2 tasks run"]
    assert json.loads(liberty("status", "dev", "--json")[1])["tasks"] == shown()
    rollout |= dict.fromkeys(("desiredCount", "runningCount"), 0)
    steady |= rollout | {"deployments": [rollout]}
    why = (
        "  None is wanted: DesiredCount is 0, there is no image yet (make doctor ENV=dev tells)"
    )
    by_hand = ", or somebody stopped them by hand"
    assert shown() == ["Service: 0 of 0 tasks run", f"{why}{by_hand}"]
