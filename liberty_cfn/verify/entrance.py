"""Networking: the load balancer and its target group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from liberty_cfn.verify import places
from liberty_cfn.verify.facts import Fact, equal, exactly, same
from liberty_cfn.verify.reading import Aws, MissingError

BALANCER = "liberty-social-alb"
TARGETS = "liberty-social-backend-tg"
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
IDLE_SECONDS = "300"
DRAIN_SECONDS = "60"


def load_balancer(aws: Aws) -> Iterator[Fact]:
    """State what the spec says of the load balancer."""
    found = find_load_balancer(aws)
    yield equal("name", aws.named(BALANCER), found["LoadBalancerName"])
    yield equal("type", "application", found.get("Type"))
    yield equal("state", "active", found.get("State", {}).get("Code"))
    yield equal("scheme", "internet-facing", found.get("Scheme"))
    name = aws.named("liberty-social-vpc")
    yield equal("VPC", name, places.vpc_name(aws, found.get("VpcId")))
    ids = [zone["SubnetId"] for zone in found.get("AvailabilityZones", [])]
    yield same("subnets", places.public(aws), places.cidrs(aws, ids))
    groups = places.group_names(aws, found.get("SecurityGroups", []))
    yield same("security groups", [aws.named("alb-sg")], groups)

    listening = {listener["Port"]: listener for listener in listeners(aws)}
    yield from exactly("listener", ["80", "443"], map(str, listening))
    if 80 in listening:  # noqa: PLR2004
        yield from _http(listening[80])
    if 443 in listening:  # noqa: PLR2004
        yield from _https(aws, listening[443])

    arn = {"LoadBalancerArn": found["LoadBalancerArn"]}
    attributes = _attributes(aws.read("elbv2", "describe_load_balancer_attributes", **arn))
    for key, expected in {
        "idle_timeout.timeout_seconds": IDLE_SECONDS,
        "routing.http.drop_invalid_header_fields.enabled": "true",
        "deletion_protection.enabled": aws.settings["BalancerDeletionProtection"],
        "access_logs.s3.enabled": aws.settings["BalancerAccessLogs"],
    }.items():
        yield equal(key, expected, attributes.get(key))


def target_group(aws: Aws) -> Iterator[Fact]:
    """State what the spec says of the target group."""
    asked = {"Names": [aws.named(TARGETS)]}
    answer = aws.read("elbv2", "describe_target_groups", **asked)
    if not answer.get("TargetGroups"):
        raise MissingError
    found = answer["TargetGroups"][0]
    yield equal("name", aws.named(TARGETS), found["TargetGroupName"])
    yield equal("protocol", "HTTP", found.get("Protocol"))
    yield equal("port", 8000, found.get("Port"))
    yield equal("target type", "ip", found.get("TargetType"))
    name = aws.named("liberty-social-vpc")
    yield equal("VPC", name, places.vpc_name(aws, found.get("VpcId")))
    yield equal("health check protocol", "HTTP", found.get("HealthCheckProtocol"))
    yield equal("health check path", "/api/health/", found.get("HealthCheckPath"))
    yield equal("health check interval (s)", 30, found.get("HealthCheckIntervalSeconds"))
    yield equal("health check timeout (s)", 5, found.get("HealthCheckTimeoutSeconds"))
    yield equal("healthy threshold", 2, found.get("HealthyThresholdCount"))
    yield equal("unhealthy threshold", 3, found.get("UnhealthyThresholdCount"))
    arn = {"TargetGroupArn": found["TargetGroupArn"]}
    attributes = _attributes(aws.read("elbv2", "describe_target_group_attributes", **arn))
    key = "deregistration_delay.timeout_seconds"
    yield equal("deregistration delay (s)", DRAIN_SECONDS, attributes.get(key))


def find_load_balancer(aws: Aws) -> Any:
    """Return the load balancer.

    Raises:
        MissingError: there is none of that name.
    """
    found = aws.read("elbv2", "describe_load_balancers", Names=[aws.named(BALANCER)])
    if not found.get("LoadBalancers"):
        raise MissingError
    return found["LoadBalancers"][0]


def listeners(aws: Aws) -> list[Any]:
    """Return what the load balancer listens to.

    Raises:
        MissingError: there is no load balancer.
    """
    arn = find_load_balancer(aws)["LoadBalancerArn"]
    found = aws.read("elbv2", "describe_listeners", LoadBalancerArn=arn)
    return list(found.get("Listeners", []))


def certificates(aws: Aws) -> list[str]:
    """Return the ARNs of the certificates that the load balancer presents over HTTPS."""
    try:
        found = [each for each in listeners(aws) if each.get("Protocol") == "HTTPS"]
    except MissingError:
        return []
    return [
        certificate["CertificateArn"]
        for listener in found
        for certificate in listener.get("Certificates", [])
    ]


def _http(listener: Mapping[str, Any]) -> Iterator[Fact]:
    yield equal("protocol of 80", "HTTP", listener.get("Protocol"))
    action = _action(listener)
    yield equal("action of 80", "redirect", action.get("Type"))
    redirect = action.get("RedirectConfig", {})
    if redirect:
        yield equal(
            "redirect of 80",
            "HTTPS 443 HTTP_301",
            " ".join(str(redirect.get(key)) for key in ("Protocol", "Port", "StatusCode")),
        )


def _https(aws: Aws, listener: Mapping[str, Any]) -> Iterator[Fact]:
    yield equal("protocol of 443", "HTTPS", listener.get("Protocol"))
    yield equal("TLS policy of 443", TLS_POLICY, listener.get("SslPolicy"))
    yield equal("certificates of 443", 1, len(listener.get("Certificates", [])))
    action = _action(listener)
    yield equal("action of 443", "forward", action.get("Type"))
    if action.get("Type") == "forward":
        groups = action.get("ForwardConfig", {}).get("TargetGroups", [])
        arns = {each["TargetGroupArn"] for each in groups} | {action.get("TargetGroupArn")}
        names = [name for arn in arns if (name := places.name_in(arn))]
        yield same("target group of 443", [aws.named(TARGETS)], names)


def _action(listener: Mapping[str, Any]) -> Any:
    """Return the last action: before it, people may be asked to sign in."""
    actions = sorted(listener.get("DefaultActions", []), key=lambda each: each.get("Order", 1))
    return actions[-1] if actions else {}


def _attributes(answer: Mapping[str, Any]) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in answer.get("Attributes", [])}
