"""DNS and TLS: the record and the certificate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from liberty_cfn.verify import entrance
from liberty_cfn.verify.facts import Fact, equal
from liberty_cfn.verify.reading import Aws, MissingError


def record(aws: Aws) -> Iterator[Fact]:
    """State what the spec says of the DNS record."""
    zone, found = _find_record(aws)
    domain, name = aws.settings["DomainName"], _bare(zone["Name"])
    # The zone can be a parent domain's.
    yield equal("hosted zone", name if f".{domain}".endswith(f".{name}") else domain, name)
    private = zone.get("Config", {}).get("PrivateZone", False)
    yield equal("hosted zone is private", expected=False, found=private)
    yield equal("name", aws.environment.host, _bare(found["Name"]))
    yield equal("type", "A", found["Type"])
    alias = found.get("AliasTarget")
    yield equal("alias", expected=True, found=bool(alias))
    if alias:
        balancer = _balancer(aws)
        target = _bare(alias["DNSName"]).removeprefix("dualstack.")
        yield equal("alias of", balancer.get("DNSName", "").lower(), target)
        zone_id = balancer.get("CanonicalHostedZoneId", alias["HostedZoneId"])
        yield equal("hosted zone of the alias", zone_id, alias["HostedZoneId"])
        evaluated = alias.get("EvaluateTargetHealth")
        yield equal("evaluates target health", expected=True, found=evaluated)


def certificate(aws: Aws) -> Iterator[Fact]:
    """State what the spec says of the certificate."""
    found = _find_certificate(aws)
    domain = aws.settings["DomainName"]
    names = {found["DomainName"], *found.get("SubjectAlternativeNames", [])}
    yield equal("status", "ISSUED", found.get("Status"))
    if aws.settings["CertificateArn"]:
        host = aws.environment.host
        wildcard = f"*.{host.partition('.')[2]}"
        yield equal("good for", host, host if names & {host, wildcard} else None)
    else:
        yield equal("domain", domain, found["DomainName"])
        wildcard = f"*.{domain}"
        yield equal("wildcard", wildcard, wildcard if wildcard in names else None)
        ways = {w.get("ValidationMethod") for w in found.get("DomainValidationOptions", [])}
        yield equal("validation", ["DNS"], sorted(map(str, ways)))
        # AWS renews what it has issued.
        yield equal("renewed by AWS", "AMAZON_ISSUED", found.get("Type"))
    attached = found["CertificateArn"] in entrance.certificates(aws)
    yield equal("attached to the HTTPS listener", expected=True, found=attached)


def _bare(name: str) -> str:
    return name.rstrip(".").lower()


def _balancer(aws: Aws) -> Any:
    try:
        return entrance.find_load_balancer(aws)
    except MissingError:
        return {"DNSName": f"the address of {aws.named(entrance.BALANCER)}"}


def _find_record(aws: Aws) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the record and its zone.

    Raises:
        MissingError: there is no zone, or no such record in any.
    """
    host = aws.environment.host
    for zone in _zones(aws):
        # They are listed from this name on, so the first is it; there may be thousands.
        answer = aws.read_page(
            "route53",
            "list_resource_record_sets",
            HostedZoneId=zone["Id"],
            StartRecordName=host,
            StartRecordType="A",
            MaxItems="1",
        )
        for found in answer.get("ResourceRecordSets", []):
            if _bare(found["Name"]) == host and found["Type"] == "A":
                return zone, found
    raise MissingError


def _zones(aws: Aws) -> list[Any]:
    """Return the zone that the settings name, or all of the domain's public ones."""
    domain = aws.settings["DomainName"]
    if zone_id := aws.settings["HostedZoneId"]:
        try:
            return [aws.read("route53", "get_hosted_zone", Id=zone_id)["HostedZone"]]
        except MissingError as error:
            raise MissingError(f"hosted zone {zone_id}") from error
    answer = aws.read_page("route53", "list_hosted_zones_by_name", DNSName=domain)
    found = [
        zone
        for zone in answer.get("HostedZones", [])
        if _bare(zone["Name"]) == domain and not zone.get("Config", {}).get("PrivateZone")
    ]
    if not found:
        raise MissingError(f"hosted zone {domain}")
    return found


def _find_certificate(aws: Aws) -> Any:
    """Return the certificate that the settings name, or the domain's, best the one in use."""
    if arn := aws.settings["CertificateArn"]:
        return aws.read("acm", "describe_certificate", CertificateArn=arn)["Certificate"]
    answer = aws.read("acm", "list_certificates")
    presented = entrance.certificates(aws)
    found = [
        each
        for each in answer.get("CertificateSummaryList", [])
        if each["DomainName"] == aws.settings["DomainName"]
    ]
    if not found:
        raise MissingError
    best = min(
        found,
        key=lambda c: (c["CertificateArn"] not in presented, c.get("Status") != "ISSUED"),
    )
    arn = best["CertificateArn"]
    return aws.read("acm", "describe_certificate", CertificateArn=arn)["Certificate"]
