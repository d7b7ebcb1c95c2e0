"""Whom DNS leads to, and what a deploy that waits for a certificate says meanwhile."""

import dataclasses
from datetime import UTC, datetime
from types import SimpleNamespace

import boto3
import dns.exception
import dns.resolver
import pytest
from botocore.stub import Stubber
from click.testing import CliRunner
from deployed import Listener
from test_deploy import local, with_settings

from liberty_cfn.cli import cli
from liberty_cfn.deploy import beforehand, certificates, patience, targets
from liberty_cfn.deploy.certificates import EVERY, FIRST, Awaited, Watch
from liberty_cfn.deploy.deploying import deploy
from liberty_cfn.deploy.events import Event
from liberty_cfn.deploy.finding import Level
from liberty_cfn.deploy.following import Work
from liberty_cfn.deploy.targets import Target
from liberty_cfn.environments import load

__all__ = ["local"]

# Tests don't ask DNS (conftest.py), but for those of asking.
ASK = certificates.name_servers
OURS = {"ns-1.awsdns-1.com", "ns-2.awsdns-2.net"}


@pytest.fixture
def production():
    return with_settings(load("prod"), HostedZoneId="Z1")


@pytest.fixture(scope="module")
def nowhere():
    """Return a target that is AWS, and can't be reached."""
    return Target(boto3.Session("k", "s", region_name="us-east-1"), "1")


def checked(monkeypatch, nowhere, environment, answer):
    monkeypatch.setattr(certificates, "name_servers", lambda domain: answer)
    with Stubber(nowhere.client("route53")) as route53:
        zone = {"Id": "/hostedzone/Z1", "Name": "example.com.", "CallerReference": "x"}
        servers = {"NameServers": sorted(name.upper() + "." for name in OURS)}
        route53.add_response(
            "get_hosted_zone", {"HostedZone": zone, "DelegationSet": servers}, {"Id": "Z1"}
        )
        return list(certificates.delegation(environment, nowhere))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (OURS, (Level.OK, "DNS leads from example.com to Z1.")),
        (
            {"ns.else.where"},
            (Level.OBSTACLE, "DNS leads from example.com to ns.else.where, and"),
        ),
        (
            set(),
            (Level.OBSTACLE, "DNS knows no name servers of example.com, and Z1 is at ns-1."),
        ),
        (OURS | {"ns.else.where"}, (Level.WARNING, "and Z1 is at ns-1.awsdns-1.com, ns-2.")),
        (None, (Level.WARNING, "`dig +short NS example.com` has to answer ns-1.awsdns-1.com")),
    ],
)
def test_a_zone_has_to_be_the_one_that_dns_leads_to(
    monkeypatch, nowhere, production, answer, expected
):
    [found] = checked(monkeypatch, nowhere, production, answer)
    level, says = expected
    assert found.level is level
    assert says in found.says


def test_with_a_certificate_at_hand_no_deploy_waits_for_dns(monkeypatch, nowhere, production):
    ready = with_settings(production, CertificateArn="arn:aws:acm:us-east-1:1:certificate/a")
    [found] = checked(monkeypatch, nowhere, ready, set())
    assert found.level is Level.WARNING


def test_the_local_aws_is_in_nobodys_dns(monkeypatch, production, target):
    monkeypatch.setattr(certificates, "name_servers", lambda domain: pytest.fail("asked"))
    assert list(certificates.delegation(production, target)) == []


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ([SimpleNamespace(target="NS-1.awsdns-1.com.")], {"ns-1.awsdns-1.com"}),
        (dns.resolver.NXDOMAIN(), set()),
        (dns.resolver.NoAnswer(response=SimpleNamespace(question="?")), set()),
        (dns.exception.Timeout(), None),
        (dns.resolver.NoResolverConfiguration(), None),
        (OSError("no network"), None),
    ],
)
def test_dns_that_cannot_be_asked_is_told_apart_from_a_domain_that_is_not_there(
    monkeypatch, answer, found
):
    def resolve(name, kind, lifetime):
        assert (name, kind) == ("example.com.", "NS")
        assert lifetime <= 5
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(dns.resolver, "resolve", resolve)
    assert ASK("example.com") == found


def test_the_doctor_tells_whom_dns_leads_to_once(monkeypatch, production, target):
    calls = []
    monkeypatch.setattr(certificates, "delegation", lambda *_: calls.append(1) or iter(()))
    beforehand.examine(production, target)
    assert calls


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
    monkeypatch.setattr(certificates, "FIRST", 0)
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
