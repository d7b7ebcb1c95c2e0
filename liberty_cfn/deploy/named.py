"""Whether what the settings name is there, and can be used: a zone, a certificate, a role."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from liberty_cfn.deploy import certificates, faults, leftovers
from liberty_cfn.deploy.finding import Finding, Level
from liberty_cfn.deploy.targets import Target
from liberty_cfn.environments import Environment

ZONES = 2
TASKS = "ecs-tasks.amazonaws.com"


def zones(_: Environment, target: Target) -> Iterator[Finding]:
    """Yield whether the region has enough zones for the subnets."""
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


def hosted_zone(environment: Environment, target: Target) -> Iterator[Finding]:
    """Yield whether the zone exists, is public, and contains the domain."""
    wanted = environment.settings["HostedZoneId"]
    domain = environment.settings["DomainName"]
    zone = None
    with faults.unless("NoSuchHostedZone", "InvalidInput"):
        zone = target.client("route53").get_hosted_zone(Id=wanted)["HostedZone"]
    if zone is None:
        says = (
            f"this account has no hosted zone {wanted}; give the id of {domain}'s public zone, "
            "or CreateHostedZone: true to have it made."
        )
        yield Finding(Level.OBSTACLE, "HostedZoneId", says)
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


def certificate(
    environment: Environment, target: Target, before: Mapping[str, str]
) -> Iterator[Finding]:
    """Yield whether the certificate that the settings name can be used.

    `before` is what the stack's settings were: one that has expired since is in nothing's way,
    as its listener has it already.
    """
    about, host, found = "CertificateArn", environment.host, None
    arn = environment.settings[about]
    with faults.unless("ResourceNotFoundException"):
        found = target.client("acm").describe_certificate(CertificateArn=arn)["Certificate"]
    if found is None:
        says = f"this account has no certificate {arn}; leave it empty to have one made."
        yield Finding(Level.OBSTACLE, about, says)
        return
    names = {found["DomainName"], *found.get("SubjectAlternativeNames", [])}
    if (status := found["Status"]) != "ISSUED":
        # Only this one can still become so.
        step = (
            f"make doctor ENV={environment.name} tells what it waits for"
            if status == certificates.PENDING
            else "give another"
        )
        why = f" ({found['FailureReason']})" if "FailureReason" in found else ""
        says = (
            f"the certificate is {status}{why}, and a load balancer takes only one that is "
            f"ISSUED; {step}, or leave this empty to have one made."
        )
        level = Level.WARNING if before.get(about) == arn else Level.OBSTACLE
        yield Finding(level, about, says)
    elif not names & {host, f"*.{host.partition('.')[2]}"}:
        said = ", ".join(sorted(names))
        says = f"the certificate is good for {said}, not for {host}: browsers will refuse it."
        yield Finding(Level.WARNING, about, says)
    else:
        yield Finding(Level.OK, about, f"the certificate is issued, and good for {host}.")


def existing_role(
    environment: Environment, target: Target, before: Mapping[str, str]
) -> Iterator[Finding]:
    """Yield whether the role that the settings name exists, and ECS may assume it.

    `before` is what the stack's settings were: its own role goes once another is named.
    """
    name = environment.settings["ExistingExecutionRole"]
    about, role = "ExistingExecutionRole", leftovers.role(target, name)
    if role is None:
        says = f"this account has no role {name}; leave it empty to have one made."
        yield Finding(Level.OBSTACLE, about, says)
    elif before.get(about) == "" and name == leftovers.EXECUTION_ROLE + before["NameSuffix"]:
        says = (
            f"{name} is this stack's own, which deletes it once another's is named: no task "
            "could start any more; leave it empty."
        )
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
    from liberty_cfn.rules.statements import statements  # noqa: PLC0415 - slow to load

    return any(
        one.grants("sts:AssumeRole") and one.to_service(TASKS) for one in statements(trust)
    )
