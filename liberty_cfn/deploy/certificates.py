"""What a certificate that is not issued yet still waits for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from liberty_cfn.deploy.delegation import public_zones
from liberty_cfn.deploy.targets import Target
from liberty_cfn.environments import Environment

PENDING = "PENDING_VALIDATION"
MINUTE = 60
CERTIFICATE = "AWS::CertificateManager::Certificate"


@dataclass(frozen=True)
class Awaited:
    """A CNAME that ACM has to find in DNS before it issues a certificate."""

    domain: str
    name: str
    value: str
    since: datetime

    def in_words(self, now: datetime | None = None) -> str:
        """Return what is awaited, and how long it has been."""
        waited = ((now or datetime.now(UTC)) - self.since).total_seconds()
        hours, minutes = divmod(max(0, int(waited)) // MINUTE, MINUTE)
        duration = f"{hours} h {minutes} min" if hours else f"{minutes} min"
        return (
            f"the certificate of {self.domain} waits for the CNAME {self.name} -> {self.value} "
            f"in DNS, for {duration} now"
        )


def awaited(environment: Environment, target: Target) -> list[Awaited]:
    """Return the records that certificates of the environment's domain wait for.

    Each record once: a wildcard's is the same as its domain's, and if several certificates wait
    for the same one, the newest is the current deploy's. A certificate that was just requested
    has no records yet.
    """
    newest: dict[str, Awaited] = {}
    for arn in _pending(environment, target):
        for one in _records(target, arn):
            other = newest.get(one.name)
            if other is None or one.since > other.since:
                newest[one.name] = one
    return list(newest.values())


def _pending(environment: Environment, target: Target) -> Iterator[str]:
    """Yield the certificates of the domain that ACM has not issued yet."""
    if given := environment.settings["CertificateArn"]:
        yield given
        return
    pages = target.client("acm").get_paginator("list_certificates")
    for each in pages.paginate(CertificateStatuses=[PENDING]).search("CertificateSummaryList"):
        if each["DomainName"] == environment.settings["DomainName"]:
            yield each["CertificateArn"]


def _records(target: Target, arn: str) -> Iterator[Awaited]:
    found = target.client("acm").describe_certificate(CertificateArn=arn)["Certificate"]
    if found["Status"] != PENDING:
        return
    for option in found.get("DomainValidationOptions", []):
        record = option.get("ResourceRecord")
        if record and option.get("ValidationStatus") == PENDING:
            yield Awaited(
                option["DomainName"], record["Name"], record["Value"], found["CreatedAt"]
            )


def still_lacking(environment: Environment, target: Target) -> Iterator[str]:
    """Yield, in words, what a certificate that is being made waits for."""
    for one in awaited(environment, target):
        yield f"{one.in_words()}."
    yield from _registrar(environment, target)


def _registrar(environment: Environment, target: Target) -> Iterator[str]:
    """Yield what the registrar has to be told about a zone that the stack creates."""
    if environment.settings["CreateHostedZone"] != "true":
        return
    domain, route53 = environment.settings["DomainName"], target.client("route53")
    for zone in public_zones(domain, target):
        answer = route53.get_hosted_zone(Id=zone)
        servers = ", ".join(answer.get("DelegationSet", {}).get("NameServers", []))
        yield (
            f"It is found once the registrar of {domain} has the name servers of {zone}: "
            f"{servers}"
        )
