"""What would make a deploy fail, asked before anything is made.

First what the settings name, then what is in the way in the account: a leftover of an
earlier destroy, a name that is taken, a quota that is used up.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from liberty_cfn.deploy import delegation, faults, leftovers
from liberty_cfn.deploy.finding import Finding, Level, asked
from liberty_cfn.deploy.quotas import quotas
from liberty_cfn.deploy.stack import parameters
from liberty_cfn.deploy.statuses import Meaning, state_of
from liberty_cfn.deploy.targets import Target
from liberty_cfn.environments import Environment

ZONES = 2
TASKS = "ecs-tasks.amazonaws.com"
ASSUME = ("sts:AssumeRole", "sts:*", "*")


def obstacles(
    environment: Environment,
    target: Target,
    stack: Mapping[str, Any] | None,
    templates: Mapping[str, str] | None = None,
) -> list[Finding]:
    """Return what surely makes a deploy fail: of these templates, where they are known.

    `stack` is the environment's, as CloudFormation describes it.

    With a setting that leads nowhere, the account is not looked through: with another
    region or zone, other things may be in the way.
    """
    for findings in (
        named_by_settings(environment, target, stack),
        in_the_way(environment, target, stack, templates),
    ):
        if found := [each for each in findings if each.level is Level.OBSTACLE]:
            return found
    return []


def named_by_settings(
    environment: Environment, target: Target, stack: Mapping[str, Any] | None
) -> Iterator[Finding]:
    """Yield whether what the settings name is there, and can be used."""
    if deployed(stack) is None:
        # A stack that is there has its subnets in zones already.
        yield from asked("Region", _zones, environment, target)
    for setting, check in (
        ("HostedZoneId", _hosted_zone),
        ("CertificateArn", certificate),
        ("ExistingExecutionRole", _existing_role),
    ):
        if environment.settings[setting]:
            yield from asked(setting, check, environment, target)


def in_the_way(
    environment: Environment,
    target: Target,
    stack: Mapping[str, Any] | None,
    templates: Mapping[str, str] | None = None,
) -> Iterator[Finding]:
    """Yield what is in the way of what a deploy, of these templates, would make anew."""
    before = deployed(stack)
    if before is None:
        yield from asked(delegation.ABOUT, delegation.check, environment, target)
        yield from leftovers.names(environment, target, templates)
        if target.is_aws:
            yield from quotas(environment, target)
    elif before.get("NameSuffix", "") != environment.named(""):
        # Only a new environment can adopt.
        for each in leftovers.names(environment, target, templates):
            yield replace(each, adopt="")
    elif before.get("ExistingExecutionRole"):
        # The role has been somebody else's so far; now it may be made.
        yield from asked("Role", leftovers.execution_role, environment, target)


def own_zone(environment: Environment, target: Target) -> Iterator[Finding]:
    """Yield a warning if the domain has a zone already, and the environment makes another."""
    if environment.settings["CreateHostedZone"] != "true":
        return
    domain = environment.settings["DomainName"]
    if ids := delegation.public_zones(domain, target):
        says = (
            f"{domain} has a public zone already ({', '.join(ids)}), and a new one will have "
            f"other name servers than the registrar knows; to use it, say HostedZoneId: "
            f"{ids[0]}, and CreateHostedZone: false."
        )
        yield Finding(Level.WARNING, "CreateHostedZone", says)


def deployed(stack: Mapping[str, Any] | None) -> Mapping[str, str] | None:
    """Return the parameters of an environment's stack; None if there is nothing in it."""
    return parameters(stack) if stack and state_of(stack) is not Meaning.ABSENT else None


def _zones(_: Environment, target: Target) -> Iterator[Finding]:
    there = target.client("ec2").describe_availability_zones(
        Filters=[
            {"Name": "state", "Values": ["available"]},
            {"Name": "zone-type", "Values": ["availability-zone"]},
        ]
    )["AvailabilityZones"]
    said = f"{target.region} has {len(there)} availability zones for this account"
    if len(there) < ZONES:
        advice = f"{said}, and the subnets need {ZONES}; choose another region."
        yield Finding(Level.OBSTACLE, "Region", advice)
    else:
        yield Finding(Level.OK, "Region", f"{said}.")


def _hosted_zone(environment: Environment, target: Target) -> Iterator[Finding]:
    wanted = environment.settings["HostedZoneId"]
    domain = environment.settings["DomainName"]
    try:
        zone = target.client("route53").get_hosted_zone(Id=wanted)["HostedZone"]
    except ClientError as error:
        if faults.code(error) not in ("NoSuchHostedZone", "InvalidInput"):
            raise
        yield Finding(
            Level.OBSTACLE,
            "HostedZoneId",
            f"this account has no hosted zone {wanted}; say the id of {domain}'s "
            "public zone, or CreateHostedZone: true to have it made.",
        )
        return
    name = zone["Name"].rstrip(".")
    belongs = domain == name or domain.endswith(f".{name}")
    private = zone.get("Config", {}).get("PrivateZone")
    if not belongs:
        says = f"{wanted} is the zone of {name}, which {domain} is not in."
        yield Finding(Level.OBSTACLE, "HostedZoneId", says)
    if private:
        says = f"{wanted} is private; a certificate is proved in a public zone."
        yield Finding(Level.OBSTACLE, "HostedZoneId", says)
    if belongs and not private:
        yield Finding(Level.OK, "HostedZoneId", f"{wanted} is the public zone of {name}.")


def certificate(environment: Environment, target: Target) -> Iterator[Finding]:
    """Yield whether the certificate that the settings name can be presented."""
    about, arn, host = (
        "CertificateArn",
        environment.settings["CertificateArn"],
        environment.host,
    )
    try:
        found = target.client("acm").describe_certificate(CertificateArn=arn)["Certificate"]
    except ClientError as error:
        if faults.code(error) != "ResourceNotFoundException":
            raise
        says = f"this account has no certificate {arn}; leave it empty to have one made."
        yield Finding(Level.OBSTACLE, about, says)
        return
    names = {found["DomainName"], *found.get("SubjectAlternativeNames", [])}
    if found["Status"] != "ISSUED":
        says = (
            f"the certificate is {found['Status']}, and a load balancer takes only one that is "
            "ISSUED; have it issued, or leave this empty to have one made."
        )
        yield Finding(Level.OBSTACLE, about, says)
    elif not names & {host, f"*.{host.partition('.')[2]}"}:
        said = ", ".join(sorted(names))
        says = f"the certificate is good for {said}, not for {host}: browsers will refuse it."
        yield Finding(Level.WARNING, about, says)
    else:
        yield Finding(Level.OK, about, f"the certificate is issued, and good for {host}.")


def _existing_role(environment: Environment, target: Target) -> Iterator[Finding]:
    name = environment.settings["ExistingExecutionRole"]
    about, role = "ExistingExecutionRole", leftovers.role(target, name)
    if role is None:
        says = f"this account has no role {name}; leave it empty to have one made."
        yield Finding(Level.OBSTACLE, about, says)
    elif role["Path"] != "/":
        says = f"{name} has the path {role['Path']}; tasks can be started only with one at /."
        yield Finding(Level.OBSTACLE, about, says)
    elif not _may_assume(role.get("AssumeRolePolicyDocument")):
        says = (
            f"the role {name} doesn't let ECS take it, so no task would start; its trust "
            f"policy has to allow sts:AssumeRole to {TASKS} "
            "(aws iam update-assume-role-policy)."
        )
        yield Finding(Level.OBSTACLE, about, says)
    else:
        yield Finding(Level.OK, about, f"ECS may take the role {name}.")


def _may_assume(trust: Any) -> bool:
    """Whether a trust policy lets ECS start tasks with its role; conditions aside."""
    document = json.loads(trust) if isinstance(trust, str) else trust or {}
    return any(
        statement.get("Effect") == "Allow"
        and any(action in ASSUME for action in _listed(statement.get("Action")))
        and _names_tasks(statement.get("Principal"))
        for statement in _listed(document.get("Statement"))
    )


def _names_tasks(principal: Any) -> bool:
    if isinstance(principal, dict):
        return TASKS in _listed(principal.get("Service"))
    return bool(principal == "*")


def _listed(value: Any) -> list[Any]:
    """Return a value of a policy as a list; one alone may stand for itself."""
    return value if isinstance(value, list) else [] if value is None else [value]
