"""What a deploy that waits for a certificate is waiting for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from liberty_cfn.deploy.targets import Target
from liberty_cfn.environments import Environment

PENDING = "PENDING_VALIDATION"
MINUTE = 60


@dataclass(frozen=True)
class Awaited:
    """A CNAME that has to be found in DNS before ACM issues the certificate."""

    domain: str
    name: str
    value: str
    since: datetime

    def in_words(self, now: datetime | None = None) -> str:
        """Return what is awaited, and for how long now."""
        waited = ((now or datetime.now(UTC)) - self.since).total_seconds()
        hours, minutes = divmod(max(0, int(waited)) // MINUTE, MINUTE)
        duration = f"{hours} h {minutes} min" if hours else f"{minutes} min"
        return (
            f"the certificate of {self.domain} waits for the CNAME {self.name} -> {self.value} "
            f"in DNS, for {duration} now"
        )


def awaited(environment: Environment, target: Target) -> list[Awaited]:
    """Return the records that certificates of the environment's domain wait for.

    Each once, though a wildcard's is that of its domain, and of several certificates that
    wait for the same the newest: that is the one of the deploy under way. A certificate
    that was just asked for has no records yet.
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
    for page in pages.paginate(CertificateStatuses=[PENDING]):
        for each in page["CertificateSummaryList"]:
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
