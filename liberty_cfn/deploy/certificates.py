"""Whether a certificate can be issued, and what one that isn't issued yet still waits for.

Unless DNS delegates the domain to its hosted zone, ACM can't find the record that validates a
certificate, and a deploy waits for hours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from liberty_cfn.deploy.finding import Finding, Level
from liberty_cfn.deploy.targets import Target
from liberty_cfn.environments import Environment

PENDING = "PENDING_VALIDATION"
MINUTE = 60
CERTIFICATE = "AWS::CertificateManager::Certificate"
DNS_PATIENCE = 3.0  # seconds
DELEGATION = "Delegation"


def name_servers(domain: str) -> set[str] | None:
    """Return the name servers that DNS has for a domain; None if it can't be asked."""
    import dns.exception  # noqa: PLC0415 - slow to load, and seldom needed
    import dns.resolver  # noqa: PLC0415

    try:
        answer = dns.resolver.resolve(f"{domain}.", "NS", lifetime=DNS_PATIENCE)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return set()
    except (dns.exception.DNSException, OSError):
        return None
    return {_plain(str(record.target)) for record in answer}


def delegation(environment: Environment, target: Target) -> Iterator[Finding]:
    zone_id = environment.settings["HostedZoneId"]
    if not zone_id or not target.is_aws:
        return
    answer = target.client("route53").get_hosted_zone(Id=zone_id)
    servers = {_plain(name) for name in answer.get("DelegationSet", {}).get("NameServers", [])}
    if not servers:
        return
    name, wanted = _plain(answer["HostedZone"]["Name"]), ", ".join(sorted(servers))
    found = name_servers(name)
    if found is None:
        says = (
            f"not checked, as DNS doesn't answer here. `dig +short NS {name}` has to answer "
            f"{wanted}; with others, the certificate is never issued."
        )
        yield Finding(Level.WARNING, DELEGATION, says)
    elif found == servers:
        yield Finding(Level.OK, DELEGATION, f"DNS leads from {name} to {zone_id}.")
    else:
        made = not environment.settings["CertificateArn"]
        level = Level.OBSTACLE if made and not found & servers else Level.WARNING
        yield Finding(level, DELEGATION, _not_delegated(name, zone_id, found, wanted))


def _not_delegated(name: str, zone_id: str, found: set[str], wanted: str) -> str:
    leads = f"DNS leads from {name} to {', '.join(sorted(found))}" if found else ""
    return (
        f"{leads or f'DNS knows no name servers of {name}'}, and {zone_id} is at {wanted}: "
        "with others, the certificate is never issued. Enter those of the zone at the "
        f"domain's registrar (or in the zone above), or set HostedZoneId to the zone that "
        "answers."
    )


def own_zone(environment: Environment, target: Target) -> Iterator[Finding]:
    """Yield a warning if the domain has a zone already, and the environment creates another."""
    if environment.settings["CreateHostedZone"] != "true":
        return
    domain = environment.settings["DomainName"]
    if ids := public_zones(domain, target):
        says = (
            f"{domain} has a public zone already ({', '.join(ids)}), and a new one will have "
            f"other name servers than the registrar knows; to use it, set HostedZoneId: "
            f"{ids[0]}, and CreateHostedZone: false."
        )
        yield Finding(Level.WARNING, "CreateHostedZone", says)


def public_zones(domain: str, target: Target) -> list[str]:
    route53 = target.client("route53")
    return [
        zone["Id"].rpartition("/")[2]
        for zone in route53.list_hosted_zones_by_name(DNSName=domain)["HostedZones"]
        if _plain(zone["Name"]) == domain and not zone.get("Config", {}).get("PrivateZone")
    ]


def _plain(name: str) -> str:
    return name.rstrip(".").lower()


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
