"""LC124x: certificates, and the names under which people come."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from liberty_cfn.model.resolving import Resource
from liberty_cfn.rules.examples import changed
from liberty_cfn.rules.expected import like, misfits, one_of, unfit, whole
from liberty_cfn.rules.front import BALANCER, listeners
from liberty_cfn.rules.rule import Design, Problem, Rule, each, flag, look, referred, text

CERTIFICATE = "AWS::CertificateManager::Certificate"
EIP = "AWS::EC2::EIP"
# What attributes that are addresses end in: PublicIp, PrivateIpAddress.
ADDRESSES = ("Ip", "IpAddress", "IP")
RECORD = "AWS::Route53::RecordSet"
LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
DOMAIN = like(
    rf"(?=.{{1,253}}$)(\*\.)?({LABEL}\.)+[A-Za-z]{{2,63}}",
    "a domain, such as example.com or *.example.com",
)
LONGEST_COMMON_NAME = 64
CERTIFIED = {
    "DomainName": DOMAIN,
    "SubjectAlternativeNames.*": DOMAIN,
    "ValidationMethod": one_of("DNS", "EMAIL", "HTTP"),
    "KeyAlgorithm": one_of("RSA_2048", "EC_prime256v1", "EC_secp384r1"),
}
NAME = {
    "Name": like(r"(?=.{1,255}$)(\*\.)?(" + LABEL + r"\.)+[A-Za-z]{2,63}\.?", "a domain"),
    "HostedZoneName": like(r".*\.", "a zone with a dot at its end, such as example.com."),
    "HostedZoneId": like(r"Z[A-Z0-9]{1,31}", "the id of a zone, which starts with Z"),
    "Failover": one_of("PRIMARY", "SECONDARY"),
    "Weight": whole(0, 255),
}
ADDRESS = r"\d{1,3}(\.\d{1,3}){3}"
# By what one of several records of a name is chosen.
CHOSEN_BY = (
    *("Weight", "Region", "Failover", "GeoLocation", "GeoProximityLocation"),
    *("MultiValueAnswer", "CidrRoutingConfig"),
)


def _names(certificate: Resource) -> list[str | None]:
    others = certificate.properties.get("SubjectAlternativeNames") or ()
    return [text(certificate.properties.get("DomainName")), *map(text, others)]


def _certificates(design: Design) -> Iterator[Problem]:
    for certificate in design.of_type(CERTIFICATE):
        yield from misfits(certificate, CERTIFIED)
        names = _names(certificate)
        if len(names[0] or "") > LONGEST_COMMON_NAME:
            why = (
                f"DomainName has {len(names[0] or '')} characters; expected "
                f"{LONGEST_COMMON_NAME} at most (others may be longer)"
            )
            yield Problem(certificate.id, ("Properties", "DomainName"), why)
        if None not in names and len(set(names)) < len(names):
            why = "a name is there twice; expected each once"
            path = ("Properties", "SubjectAlternativeNames")
            yield Problem(certificate.id, path, why)


def _proved(design: Design) -> Iterator[Problem]:
    for certificate in design.of_type(CERTIFICATE):
        properties = certificate.properties
        if "CertificateAuthorityArn" in properties:
            continue
        if (method := text(properties.get("ValidationMethod", "EMAIL"))) == "EMAIL":
            why = (
                "the stack waits until somebody answers ACM's mail, and so does each renewal; "
                "expected ValidationMethod: DNS"
            )
            yield Problem(certificate.id, ("Properties", "ValidationMethod"), why)
        if method == "DNS":
            yield from _proved_by_dns(certificate)


def _proved_by_dns(certificate: Resource) -> Iterator[Problem]:
    options = certificate.properties.get("DomainValidationOptions") or []
    path = ("Properties", "DomainValidationOptions")
    for index, option in enumerate(options):
        if not option.get("HostedZoneId"):
            why = (
                "the stack waits (for days) for a record in the DNS that nobody makes; "
                "expected HostedZoneId, the zone that ACM's record is made in"
            )
            yield Problem(certificate.id, (*path, index), why)
    proved = {text(option.get("DomainName")) for option in options}
    for name in _names(certificate):
        if name and None not in proved and {name, name.removeprefix("*.")}.isdisjoint(proved):
            why = (
                f"nothing says in which zone {name} is proved, so that the stack waits (for "
                "days); expected it in DomainValidationOptions, with HostedZoneId"
            )
            yield Problem(certificate.id, path, why)


def _covered(design: Design) -> Iterator[Problem]:
    for record in design.of_type(RECORD):
        host = (text(record.properties.get("Name")) or "").rstrip(".")
        target = referred(look(record.properties, "AliasTarget", "DNSName"))
        for listener, balancer in listeners(design):
            if not host or balancer is None or balancer.id != target:
                continue
            for _, arn in each(listener.properties, "Certificates", "*", "CertificateArn"):
                made = design.follow(arn)
                names = _names(made) if made and made.type == CERTIFICATE else [None]
                if made and None not in names and not any(_covers(str(n), host) for n in names):
                    why = (
                        f"it is for {', '.join(map(str, names))}, and people come to {host}: "
                        f"their browsers refuse it; expected {host} among its names"
                    )
                    yield Problem(made.id, ("Properties",), why)


def _covers(name: str, host: str) -> bool:
    return host == name or (name.startswith("*.") and host.partition(".")[2] == name[2:])


def _records(design: Design) -> Iterator[Problem]:
    for record in design.of_type(RECORD):
        properties = record.properties
        yield from misfits(record, NAME)
        if ("HostedZoneId" in properties) == ("HostedZoneName" in properties):
            why = "expected one of HostedZoneId and HostedZoneName: the zone it is in"
            yield Problem(record.id, ("Properties",), why)
        zone = design.follow(properties.get("HostedZoneId"))
        host = (text(properties.get("Name")) or "").rstrip(".")
        apex = (text(zone.properties.get("Name")) or "").rstrip(".") if zone else ""
        if host and apex and not f".{host}".endswith(f".{apex}"):
            why = f"{host} is not in the zone {apex}; expected a name that ends in that"
            yield Problem(record.id, ("Properties", "Name"), why)
        whole = (
            host == apex
            if host
            else zone and properties.get("Name") == zone.properties.get("Name")
        )
        # What has one dot is registered, and so is a zone, whoever has it.
        whole = whole or host.count(".") == 1
        if whole and text(properties.get("Type")) == "CNAME":
            why = f"{host or 'this'} is the zone itself, no CNAME may be; expected an A alias"
            yield Problem(record.id, ("Properties", "Type"), why)
        for name in ("TTL", "ResourceRecords"):
            if (name in properties) == ("AliasTarget" in properties):
                why = f"{name} or AliasTarget, an alias has none; expected one of the two"
                yield Problem(record.id, ("Properties", name), why)
        for name, why in _chosen(properties):
            yield Problem(record.id, ("Properties", name), why)


def _chosen(properties: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with how one of several records of a name is chosen."""
    by = [name for name in CHOSEN_BY if name in properties]
    if len(by) > 1:
        yield by[1], f"{' and '.join(by)}; expected one way to choose among records"
    if by and "SetIdentifier" not in properties:
        yield by[0], f"{by[0]} needs SetIdentifier, which tells the name's records apart"
    if not by and "SetIdentifier" in properties:
        yield "SetIdentifier", f"SetIdentifier needs one of {', '.join(CHOSEN_BY)}"
    if text(properties.get("Failover")) == "PRIMARY" and not (
        "HealthCheckId" in properties
        or flag(look(properties, "AliasTarget", "EvaluateTargetHealth"))
    ):
        yield "Failover", "nothing tells when to fail over; expected HealthCheckId"


def _is_host(design: Design, value: Any) -> bool:
    """Whether a Ref or GetAtt is of something else than an address."""
    made = design.follow(value)
    attribute = text(look(value, "Fn::GetAtt", 1)) or ""
    return made is not None and made.type != EIP and not attribute.endswith(ADDRESSES)


def _leads(design: Design) -> Iterator[Problem]:
    for record in design.of_type(RECORD):
        kind = text(record.properties.get("Type"))
        for at, value in each(record.properties, "ResourceRecords", "*"):
            plain = text(value)
            host = plain is not None and not re.fullmatch(ADDRESS, plain)
            if kind == "A" and (host or _is_host(design, value)):
                why = f"{plain or 'a host'} in an A record, which has addresses; expected "
                yield Problem(record.id, ("Properties", *at), f"{why}AliasTarget")
        alias = record.properties.get("AliasTarget")
        target = design.follow(alias.get("DNSName")) if isinstance(alias, dict) else None
        if target is not None:
            yield from _alias(record, target, alias)


def _alias(record: Resource, target: Resource, alias: Any) -> Iterator[Problem]:
    path = ("Properties", "AliasTarget")
    if target.type != BALANCER:
        if target.type.startswith(("AWS::RDS::", "AWS::ElastiCache::", "AWS::ECS::")):
            why = f"{target.origin} is not where the public gets to; expected the load balancer"
            yield Problem(record.id, (*path, "DNSName"), why)
        return
    title = target.origin.logical_id
    for name, attribute, what in (
        ("DNSName", "DNSName", "its name"),
        ("HostedZoneId", "CanonicalHostedZoneID", "the load balancer's own zone, not ours"),
    ):
        if alias.get(name) != {"Fn::GetAtt": [target.id, attribute]}:
            why = f"{name}: expected !GetAtt {title}.{attribute}, {what}"
            yield Problem(record.id, (*path, name), why)
    if flag(alias.get("EvaluateTargetHealth", False)) is False:
        why = "it leads there also when nothing answers; expected EvaluateTargetHealth: true"
        yield Problem(record.id, (*path, "EvaluateTargetHealth"), why)
    kind = record.properties.get("Type")
    ipv4 = text(target.properties.get("IpAddressType", "ipv4")) == "ipv4"
    expected = one_of("A") if ipv4 else one_of("A", "AAAA")
    if wanted := unfit(kind, expected):
        why = f"Type is {text(kind)}; expected {wanted}, as {target.origin} has such addresses"
        yield Problem(record.id, ("Properties", "Type"), why)


NAMED = """
Zone: {Type: AWS::Route53::HostedZone, Properties: {Name: example.com}}
Certificate:
  Type: AWS::CertificateManager::Certificate
  Properties:
    DomainName: example.com
    SubjectAlternativeNames: ['*.example.com']
    ValidationMethod: DNS
    DomainValidationOptions: [{DomainName: example.com, HostedZoneId: !Ref Zone}]
Balancer: {Type: AWS::ElasticLoadBalancingV2::LoadBalancer}
Listener:
  Type: AWS::ElasticLoadBalancingV2::Listener
  Properties:
    LoadBalancerArn: !Ref Balancer
    Certificates: [{CertificateArn: !Ref Certificate}]
Record:
  Type: AWS::Route53::RecordSet
  Properties:
    HostedZoneId: !Ref Zone
    Name: backend.example.com
    Type: A
    AliasTarget:
      DNSName: !GetAtt Balancer.DNSName
      HostedZoneId: !GetAtt Balancer.CanonicalHostedZoneID
      EvaluateTargetHealth: true
"""
PLAIN = """
Record:
  Type: AWS::Route53::RecordSet
  Properties:
    HostedZoneName: example.com.
    Name: backend.example.com
    Type: A
    TTL: 300
    ResourceRecords: [192.0.2.1]
"""
OF_MACHINE = f"""{PLAIN.replace("192.0.2.1", "!GetAtt Machine.PublicIp")}
Machine: {{Type: AWS::EC2::Instance}}
"""

RULES: tuple[Rule, ...] = (
    Rule(
        "LC1241",
        "error",
        "A certificate is for domains, each once, the first of 64 characters at most",
        "ACM refuses other names, and a first name that is longer than a common name may be.",
        "https://docs.aws.amazon.com/acm/latest/APIReference/API_RequestCertificate.html",
        _certificates,
        good=(NAMED,),
        bad=changed(
            NAMED,
            ("DomainName: example.com\n", "DomainName: https://example.com\n"),
            ("DomainName: example.com\n", f"DomainName: {'a' * 60}.example.com\n"),
            ("'*.example.com'", "'www.*.example.com'"),
            ("'*.example.com'", "example.com"),
            ("ValidationMethod: DNS", "ValidationMethod: dns"),
        ),
    ),
    Rule(
        "LC1242",
        "error",
        "ACM can prove a certificate's domains by itself",
        "Until a record in the DNS proves them the stack waits, up to three days, and fails; "
        "where a person has to answer a mail, each renewal waits for that person.",
        "https://docs.aws.amazon.com/acm/latest/userguide/dns-validation.html",
        _proved,
        good=(NAMED,),
        bad=changed(
            NAMED,
            ("    ValidationMethod: DNS\n", ""),
            ("ValidationMethod: DNS", "ValidationMethod: EMAIL"),
            (", HostedZoneId: !Ref Zone}", "}"),
            ("DomainValidationOptions:", "DomainValidationOption:"),
            ("[{DomainName: example.com,", "[{DomainName: example.org,"),
            ("'*.example.com'", "'*.example.org'"),
        ),
    ),
    Rule(
        "LC1243",
        "error",
        "The certificate is for the name that leads to it",
        "A browser refuses a site that shows a certificate for other names; `*.example.com` is "
        "for one label only, and not for example.com itself.",
        "https://docs.aws.amazon.com/acm/latest/userguide/acm-concepts.html",
        _covered,
        good=(NAMED,),
        bad=changed(
            NAMED,
            ("    SubjectAlternativeNames: ['*.example.com']\n", ""),
            ("Name: backend.", "Name: api.backend."),
            ("'*.example.com'", "www.example.com"),
        ),
    ),
    Rule(
        "LC1244",
        "error",
        "A record is in one zone that its name ends in, and either leads on or says values",
        "Route 53 refuses a name outside of its zone, an alias with a TTL, a record without "
        "one, a CNAME for the zone itself, and one of several records without an identifier.",
        "https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resource-record-sets-values.html",
        _records,
        good=(
            NAMED,
            PLAIN,
            NAMED.replace("Type: A\n", "Type: A\n    SetIdentifier: one\n    Weight: 10\n"),
        ),
        bad=(
            *changed(
                NAMED,
                ("    HostedZoneId: !Ref Zone\n    Name", "    Name"),
                ("backend.example.com", "backend.example.org"),
                ("backend.example.com", "backend_example"),
                ("    Type: A\n", "    Type: A\n    TTL: 300\n"),
                ("    Type: A\n", "    Type: A\n    Failover: PRIMARY\n"),
                ("    Type: A\n", "    Type: A\n    SetIdentifier: one\n"),
                (
                    "    HostedZoneId: !Ref Zone\n    Name: backend.example.com\n    Type: A",
                    "    HostedZoneId: Z0123456789\n    Name: example.com\n    Type: CNAME",
                ),
                ("    Type: A\n", "    Type: A\n    SetIdentifier: one\n    Weight: 300\n"),
                (
                    "    Name: backend.example.com\n    Type: A",
                    "    Name: example.com\n    Type: CNAME",
                ),
                (
                    "    HostedZoneId: !Ref Zone\n    Name",
                    "    HostedZoneId: example.com\n    Name",
                ),
                (
                    "    Name: backend.example.com\n    Type: A",
                    "    Name: example.com.\n    Type: CNAME",
                ),
            ),
            *changed(
                PLAIN,
                ("    TTL: 300\n", ""),
                ("    ResourceRecords: [192.0.2.1]\n", ""),
                ("HostedZoneName: example.com.", "HostedZoneName: example.com"),
            ),
        ),
    ),
    Rule(
        "LC1245",
        "error",
        "The public name leads to the load balancer, by an alias in its own zone",
        "An A record takes addresses, no host; and an alias names the zone of what it leads "
        "to, which is AWS's, or Route 53 refuses it.",
        "https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/"
        "resource-record-sets-values-alias.html",
        _leads,
        good=(NAMED, PLAIN, OF_MACHINE),
        bad=(
            *changed(
                NAMED,
                ("!GetAtt Balancer.CanonicalHostedZoneID", "!Ref Zone"),
                ("EvaluateTargetHealth: true", "EvaluateTargetHealth: false"),
                ("!GetAtt Balancer.DNSName", "!Ref Balancer"),
                ("Type: A\n", "Type: CNAME\n"),
                ("Type: A\n", "Type: AAAA\n"),
            ),
            *changed(PLAIN, ("192.0.2.1", "alb.example.com")),
            *changed(OF_MACHINE, ("PublicIp", "PublicDnsName")),
        ),
    ),
)
