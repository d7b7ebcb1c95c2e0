"""Whether DNS delegates a domain to its hosted zone.

Unless it does, ACM can't find the record that validates a certificate, and a deploy waits for
hours.
"""

from __future__ import annotations

from collections.abc import Iterator

from liberty_cfn.deploy.finding import Finding, Level
from liberty_cfn.deploy.targets import Target
from liberty_cfn.environments import Environment

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
    """Yield whether DNS delegates to the zone that the settings name."""
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
    """Return the ids of a domain's own public zones in this account."""
    route53 = target.client("route53")
    return [
        zone["Id"].rpartition("/")[2]
        for zone in route53.list_hosted_zones_by_name(DNSName=domain)["HostedZones"]
        if _plain(zone["Name"]) == domain and not zone.get("Config", {}).get("PrivateZone")
    ]


def _plain(name: str) -> str:
    return name.rstrip(".").lower()
