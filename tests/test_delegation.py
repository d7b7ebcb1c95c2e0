"""Whom DNS leads to."""

from types import SimpleNamespace

import boto3
import dns.exception
import dns.resolver
import pytest
from botocore.stub import Stubber
from test_deploy import local, with_settings

from liberty_cfn.deploy import beforehand, delegation
from liberty_cfn.deploy.finding import Finding, Level
from liberty_cfn.deploy.targets import Target
from liberty_cfn.environments import load

__all__ = ["local"]

# Tests don't ask DNS (conftest.py), but for those of asking.
ASK = delegation.name_servers
OURS = {"ns-1.awsdns-1.com", "ns-2.awsdns-2.net"}


@pytest.fixture
def production():
    return with_settings(load("prod"), HostedZoneId="Z1")


@pytest.fixture(scope="module")
def nowhere():
    """Return a target that is AWS, and can't be reached."""
    return Target(boto3.Session("k", "s", region_name="us-east-1"), "1")


def test_only_public_zones_of_the_domains_own_are_those_a_registrar_can_lead_to():
    zones = [
        {"Id": "/hostedzone/A", "Name": "example.com.", "Config": {"PrivateZone": True}},
        {"Id": "/hostedzone/B", "Name": "example.com.", "Config": {"PrivateZone": False}},
        {"Id": "/hostedzone/C", "Name": "example.org."},
    ]
    route53 = SimpleNamespace(list_hosted_zones_by_name=lambda **_: {"HostedZones": zones})
    target = SimpleNamespace(client=lambda _: route53)
    assert delegation.public_zones("example.com", target) == ["B"]


def checked(monkeypatch, nowhere, environment, answer):
    monkeypatch.setattr(delegation, "name_servers", lambda domain: answer)
    with Stubber(nowhere.client("route53")) as route53:
        zone = {"Id": "/hostedzone/Z1", "Name": "example.com.", "CallerReference": "x"}
        servers = {"NameServers": sorted(name.upper() + "." for name in OURS)}
        route53.add_response(
            "get_hosted_zone", {"HostedZone": zone, "DelegationSet": servers}, {"Id": "Z1"}
        )
        return list(delegation.delegation(environment, nowhere))


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


@pytest.mark.parametrize(
    ("before", "checks"),
    [
        ({"DomainName": "example.org"}, True),
        ({"HostedZoneId": "Z2"}, True),
        ({"CertificateArn": "arn:aws:acm:us-east-1:1:certificate/a"}, True),
        ({"LogRetentionDays": "1"}, False),
    ],
)
def test_another_certificate_needs_what_the_first_one_does(
    monkeypatch, production, before, checks
):
    elsewhere = Finding(Level.OBSTACLE, delegation.DELEGATION, "DNS leads elsewhere")
    monkeypatch.setattr(delegation, "delegation", lambda *_: iter([elsewhere]))
    was = production.settings | before
    parameters = [{"ParameterKey": n, "ParameterValue": was[n]} for n in was]
    stack = {"StackStatus": "UPDATE_COMPLETE", "Parameters": parameters}
    found = list(beforehand.in_the_way(production, None, stack))
    assert found == [elsewhere] * checks


def test_the_local_aws_is_in_nobodys_dns(monkeypatch, production, target):
    monkeypatch.setattr(delegation, "name_servers", lambda domain: pytest.fail("asked"))
    assert list(delegation.delegation(production, target)) == []


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


@pytest.mark.parametrize("deployed", [False, True])
def test_the_doctor_tells_whom_dns_leads_to_once(monkeypatch, production, target, deployed):
    if deployed:
        topic = "Resources: {Topic: {Type: AWS::SNS::Topic}}"
        made = {"StackName": production.stack, "TemplateBody": topic}
        target.client("cloudformation").create_stack(**made)
    said = Finding(Level.OK, delegation.DELEGATION, "DNS leads there.")
    monkeypatch.setattr(delegation, "delegation", lambda *_: iter([said]))
    assert beforehand.examine(production, target).count(said) == 1
