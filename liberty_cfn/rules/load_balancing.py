"""LC12xx: load balancers, the groups of targets behind them, and their logs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from liberty_cfn.model.resolving import Resource
from liberty_cfn.rules.examples import changed
from liberty_cfn.rules.expected import (
    TRUTH,
    Expectation,
    like,
    misfits,
    one_of,
    unfit,
    whole,
)
from liberty_cfn.rules.front import (
    BALANCER,
    GROUP,
    HTTP,
    LISTENER,
    LISTENER_RULE,
    application_balancers,
    forwarding,
    groups,
    services,
)
from liberty_cfn.rules.ordering import waits
from liberty_cfn.rules.placing import known_subnets, public, zones
from liberty_cfn.rules.rule import (
    Design,
    Problem,
    Rule,
    each,
    flag,
    look,
    number,
    referred,
    text,
)
from liberty_cfn.rules.statements import shown, statements

GUIDE = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/"
API = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/"

# Where servers of applications listen that leave TLS to who is in front of them.
UNENCRYPTED = (80, 3000, 5000, 8000, 8080)
# What a port's AppProtocol is for each version of HTTP that isn't the usual one.
SPOKEN = {"HTTP2": "http2", "GRPC": "grpc"}
CODE = r"[2-4]\d\d"
HEALTH: Mapping[str, Expectation] = {
    "HealthCheckIntervalSeconds": whole(5, 300),
    "HealthCheckTimeoutSeconds": whole(2, 120),
    "HealthyThresholdCount": whole(2, 10),
    "UnhealthyThresholdCount": whole(2, 10),
    "HealthCheckProtocol": one_of(*HTTP),
    "HealthCheckPath": like(r"/[!-~]{0,1023}", "a path that starts with /, without spaces"),
    "HealthCheckPort": like(r"traffic-port|[1-9]\d{0,4}", "traffic-port, or a port's number"),
    "Matcher.HttpCode": like(
        rf"{CODE}([-,]{CODE})*", "codes from 200 to 499, such as 200, 200,202 or 200-299"
    ),
}
WEEK = 7 * 24 * 3600  # seconds
SMALLEST = 27  # the prefix of a subnet that still has eight addresses for it to grow
COUNT = like(r"off|[1-9]\d*", "off, or a whole number from 1")
PERCENT = like(r"off|[1-9]\d?|100", "off, or a whole number from 1 to 100")
# Those of an ALB's group of addresses or instances.
GROUP_ATTRIBUTES: Mapping[str, Expectation] = {
    "deregistration_delay.timeout_seconds": whole(0, 3600),
    "load_balancing.algorithm.anomaly_mitigation": one_of("on", "off"),
    "load_balancing.algorithm.type": one_of(
        "round_robin", "least_outstanding_requests", "weighted_random"
    ),
    "load_balancing.cross_zone.enabled": one_of(
        "true", "false", "use_load_balancer_configuration"
    ),
    "slow_start.duration_seconds": whole(30, 900, also=(0,)),
    "stickiness.app_cookie.cookie_name": like(
        r"(?!AWSALB)[^\s;,]+", "a cookie's name that does not start with AWSALB"
    ),
    "stickiness.app_cookie.duration_seconds": whole(1, WEEK),
    "stickiness.enabled": TRUTH,
    "stickiness.lb_cookie.duration_seconds": whole(1, WEEK),
    "stickiness.type": one_of("lb_cookie", "app_cookie"),
    "target_group_health.dns_failover.minimum_healthy_targets.count": COUNT,
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": PERCENT,
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": COUNT,
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": PERCENT,
}
PREFIX = like(
    r"(?!.*AWSLogs)[^/](.*[^/])?|", "a prefix without AWSLogs that neither starts nor ends in /"
)
BUCKET = like(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "the name of a bucket, not its ARN")
LOGS = ("access_logs", "connection_logs", "health_check_logs")
BALANCER_ATTRIBUTES: Mapping[str, Expectation] = {
    **{f"{logs}.s3.enabled": TRUTH for logs in LOGS},
    **{f"{logs}.s3.bucket": BUCKET for logs in LOGS},
    **{f"{logs}.s3.prefix": PREFIX for logs in LOGS},
    "client_keep_alive.seconds": whole(60, WEEK),
    "deletion_protection.enabled": TRUTH,
    "idle_timeout.timeout_seconds": whole(1, 4000),
    "ipv6.deny_all_igw_traffic": TRUTH,
    "load_balancing.cross_zone.enabled": one_of("true"),
    "routing.http.desync_mitigation_mode": one_of("monitor", "defensive", "strictest"),
    "routing.http.drop_invalid_header_fields.enabled": TRUTH,
    "routing.http.preserve_host_header.enabled": TRUTH,
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": TRUTH,
    "routing.http.xff_client_port.enabled": TRUTH,
    "routing.http.xff_header_processing.mode": one_of("append", "preserve", "remove"),
    "routing.http2.enabled": TRUTH,
    "waf.fail_open.enabled": TRUTH,
    "zonal_shift.config.enabled": TRUTH,
}
# What a load balancer's attribute should be, where it is for another than AWS's default.
WISE = {
    "routing.http.drop_invalid_header_fields.enabled": (
        ("true",),
        (
            "invalid headers reach the application, and servers disagree about them; "
            "expected true"
        ),
    ),
    "routing.http.desync_mitigation_mode": (
        ("defensive", "strictest", "?"),
        "requests pass that two servers read in two ways; expected defensive",
    ),
    "routing.http.xff_header_processing.mode": (
        ("append", "?"),
        "X-Forwarded-For says what the client likes, or nothing; expected append",
    ),
}
USUAL_IDLE = 60  # seconds; AWS's default


def _attributes(resource: Resource, name: str) -> Iterator[tuple[int, str, Any]]:
    for at, item in each(resource.properties, name, "*"):
        yield int(at[-1]), str(item.get("Key")), item.get("Value")


def _valued(resource: Resource, name: str) -> dict[str, Any]:
    return {key: value for _, key, value in _attributes(resource, name)}


def _attributes_known(
    resource: Resource, name: str, known: Mapping[str, Expectation]
) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, key, value in _attributes(resource, name):
        path = ("Properties", name, index)
        if key in seen:
            yield Problem(resource.id, path, f"{key} is there twice; expected it once")
        seen.add(key)
        if key not in known:
            why = f"{key!r} is no attribute of this; expected one of {', '.join(known)}"
            yield Problem(resource.id, (*path, "Key"), why)
        elif isinstance(value, bool | int):
            why = f"{key} is no text; expected '{text(value)}'"
            yield Problem(resource.id, (*path, "Value"), why)
        elif wanted := unfit(value, known[key]):
            why = f"{key} is {text(value)!r}; expected {wanted}"
            yield Problem(resource.id, (*path, "Value"), why)


def _group_attributes(design: Design) -> Iterator[Problem]:
    for group in _http_groups(design):
        yield from _attributes_known(group, "TargetGroupAttributes", GROUP_ATTRIBUTES)


def _http_groups(design: Design) -> Iterator[Resource]:
    return (g for g in design.of_type(GROUP) if text(g.properties.get("Protocol")) in HTTP)


def _attributes_agree(design: Design) -> Iterator[Problem]:
    for group in _http_groups(design):
        said = _valued(group, "TargetGroupAttributes")
        for index, key, _ in _attributes(group, "TargetGroupAttributes"):
            if why := _disagrees(key, said):
                yield Problem(group.id, ("Properties", "TargetGroupAttributes", index), why)


def _disagrees(key: str, said: Mapping[str, Any]) -> str:
    """Return why an attribute can't be beside the others; nothing if it can."""
    kind = text(said.get("stickiness.type", ""))
    algorithm = text(said.get("load_balancing.algorithm.type", "round_robin"))
    cookie = key.removeprefix("stickiness.").partition(".")[0]
    if key == "stickiness.enabled" and flag(said[key]) and kind == "":
        return "expected stickiness.type beside it: lb_cookie, or app_cookie"
    if key == "stickiness.type" and kind == "app_cookie":
        name = "stickiness.app_cookie.cookie_name"
        return "" if name in said else f"app_cookie needs {name}: the application's cookie"
    if cookie in ("app_cookie", "lb_cookie") and kind not in ("", None, cookie):
        return f"{key} says nothing with stickiness.type {kind}; drop one of them"
    if key.startswith("slow_start.") and number(said[key]) and algorithm != "round_robin":
        return f"slow start goes with round_robin, not with {algorithm}; drop one of them"
    if key.endswith(".anomaly_mitigation") and text(said[key]) == "on":
        wanted = "load_balancing.algorithm.type weighted_random"
        return "" if algorithm in ("weighted_random", None) else f"{key} needs {wanted}"
    return ""


def _balancer_attributes(design: Design) -> Iterator[Problem]:
    for balancer in application_balancers(design):
        yield from _attributes_known(balancer, "LoadBalancerAttributes", BALANCER_ATTRIBUTES)


def _wise(design: Design) -> Iterator[Problem]:
    path = ("Properties", "LoadBalancerAttributes")
    with_websockets = {
        one.id for _, _, group in services(design) for one in forwarding(design, group)
    }
    for balancer in application_balancers(design):
        said = _valued(balancer, "LoadBalancerAttributes")
        for key, (right, why) in WISE.items():
            value = text(said.get(key, "?"))
            if value is not None and value not in right:
                yield Problem(balancer.id, path, f"{key}: {why}")
        idle = number(said.get("idle_timeout.timeout_seconds", USUAL_IDLE))
        if idle is not None and idle <= USUAL_IDLE and balancer.id in with_websockets:
            why = (
                f"idle_timeout.timeout_seconds: websockets that say nothing for {idle:.0f} s "
                f"are cut off; expected more than {USUAL_IDLE}, such as 300"
            )
            yield Problem(balancer.id, path, why)


def _target_type(design: Design) -> Iterator[Problem]:
    for group in design.of_type(GROUP):
        yield from misfits(group, {"TargetType": one_of("ip", "instance", "lambda", "alb")})
    for service, _, group in services(design):
        task = design.follow(service.properties.get("TaskDefinition"))
        mode = text(task.properties.get("NetworkMode")) if task else None
        kind = text(group.properties.get("TargetType", "instance"))
        if mode == "awsvpc" and kind not in ("ip", None):
            why = f"TargetType is {kind}; expected ip, as a task in awsvpc mode has its own"
            yield Problem(group.id, ("Properties", "TargetType"), why)


def _targets(design: Design) -> Iterator[Problem]:
    expected = {"Port": whole(1, 65535), "ProtocolVersion": one_of("HTTP1", "HTTP2", "GRPC")}
    for group in design.of_type(GROUP):
        properties = group.properties
        if text(properties.get("TargetType")) == "lambda":
            continue
        for name in ("VpcId", "Protocol", "Port"):
            if name not in properties:
                why = f"{name} is missing; only targets of type lambda do without"
                yield Problem(group.id, ("Properties",), why)
        yield from misfits(group, expected)
        for balancer in forwarding(design, group):
            yield from _fits_balancer(design, group, balancer)


def _fits_balancer(design: Design, group: Resource, balancer: Resource) -> Iterator[Problem]:
    vpc = referred(group.properties.get("VpcId"))
    subnets = known_subnets(design, balancer.properties.get("Subnets")) or []
    if vpc and {referred(subnet.properties.get("VpcId")) for subnet in subnets} - {vpc}:
        why = f"its targets are in another VPC than {balancer.origin}; expected the same"
        yield Problem(group.id, ("Properties", "VpcId"), why)
    if wanted := unfit(group.properties.get("Protocol"), one_of(*HTTP)):
        told = group.properties["Protocol"]
        why = f"Protocol is {told}; expected {wanted}, which {balancer.origin} speaks"
        yield Problem(group.id, ("Properties", "Protocol"), why)


def _health_check(design: Design) -> Iterator[Problem]:
    for group in _http_groups(design):
        properties = group.properties
        yield from misfits(group, HEALTH)
        interval = number(properties.get("HealthCheckIntervalSeconds", 30))
        timeout = number(properties.get("HealthCheckTimeoutSeconds", 6))
        if interval is not None and timeout is not None and timeout >= interval:
            why = (
                f"HealthCheckTimeoutSeconds is {timeout:.0f}; expected less than "
                f"HealthCheckIntervalSeconds, {interval:.0f}"
            )
            yield Problem(group.id, ("Properties", "HealthCheckTimeoutSeconds"), why)
        if flag(properties.get("HealthCheckEnabled")) is False:
            why = (
                "HealthCheckEnabled is false, as only lambda targets may have it; expected true"
            )
            yield Problem(group.id, ("Properties", "HealthCheckEnabled"), why)
        codes = text(look(properties, "Matcher", "HttpCode")) or ""
        for first, last in re.findall(r"(\d{3})-(\d{3})", codes):
            if first > last:
                why = f"{first}-{last} runs backwards; expected {last}-{first}"
                yield Problem(group.id, ("Properties", "Matcher", "HttpCode"), why)
        grpc = text(properties.get("ProtocolVersion", "HTTP1")) == "GRPC"
        wrong, right = ("HttpCode", "GrpcCode") if grpc else ("GrpcCode", "HttpCode")
        if wrong in (properties.get("Matcher") or {}):
            why = f"{wrong} is for other protocols than this; expected {right}"
            yield Problem(group.id, ("Properties", "Matcher"), why)


def _well(design: Design) -> Iterator[Problem]:
    for service, index, group in services(design):
        properties = group.properties
        own, asked_by = (text(properties.get(n)) for n in ("Protocol", "HealthCheckProtocol"))
        served = number(look(service.properties, "LoadBalancers", index, "ContainerPort"))
        port = number(properties.get("Port"))
        if None not in (served, port) and served != port:
            why = (
                f"{service.origin} registers its tasks with {served:.0f}, so that {port:.0f} "
                f"means nothing and misleads; expected {served:.0f}"
            )
            yield Problem(group.id, ("Properties", "Port"), why)
        if own in HTTP and text(properties.get("HealthCheckPath", "/")) == "/":
            why = (
                "the front page is asked whether a task is well, which may be a redirect or "
                "cached; expected a path of its own, such as /api/health/"
            )
            yield Problem(group.id, ("Properties", "HealthCheckPath"), why)
        codes = text(look(properties, "Matcher", "HttpCode")) or ""
        if wrong := [code for code in re.findall(r"\d{3}", codes) if code >= "300"]:
            why = f"a task that answers {wrong[0]}, no success, counts as well; expected 200"
            yield Problem(group.id, ("Properties", "Matcher", "HttpCode"), why)
        if asked_by is not None and asked_by != own and own in HTTP:
            why = f"it speaks {own}, and is asked by {asked_by}; expected {own}"
            yield Problem(group.id, ("Properties", "HealthCheckProtocol"), why)
        asked = number(properties.get("HealthCheckPort"))
        task = design.follow(service.properties.get("TaskDefinition"))
        if asked is not None and task is not None and asked not in _ports(task):
            why = (
                f"no container of {task.origin} listens on {asked:.0f}, so that no task is "
                "ever well; expected traffic-port"
            )
            yield Problem(group.id, ("Properties", "HealthCheckPort"), why)


def _understood(design: Design) -> Iterator[Problem]:
    for service, _, group in services(design):
        port = number(group.properties.get("Port"))
        if text(group.properties.get("Protocol")) == "HTTPS" and port in UNENCRYPTED:
            why = f"HTTPS to {port:.0f}, where servers speak HTTP; expected HTTP"
            yield Problem(group.id, ("Properties", "Protocol"), why)
        version = text(group.properties.get("ProtocolVersion")) or ""
        task = design.follow(service.properties.get("TaskDefinition"))
        spoken = {text(one.get("AppProtocol")) for one in _mappings(task)} if task else set()
        if task and version in SPOKEN and SPOKEN[version] not in spoken:
            why = (
                f"{version}, and nothing says that {task.origin} speaks it; expected HTTP1, or "
                f"AppProtocol: {SPOKEN[version]} at its port"
            )
            yield Problem(group.id, ("Properties", "ProtocolVersion"), why)


def _mappings(task: Resource) -> Iterator[Any]:
    for _, mapping in each(task.properties, "ContainerDefinitions", "*", "PortMappings", "*"):
        yield mapping


def _ports(task: Resource) -> set[float | None]:
    return {number(mapping.get("ContainerPort")) for mapping in _mappings(task)}


def _two_zones(design: Design) -> Iterator[Problem]:
    for balancer in application_balancers(design):
        properties = balancer.properties
        path = ("Properties", "Subnets")
        named = [name for name in ("Subnets", "SubnetMappings") if name in properties]
        if len(named) != 1:
            why = f"{' and '.join(named) or 'no subnet'}; expected Subnets, in two zones"
            yield Problem(balancer.id, path, why)
            continue
        given = properties["Subnets"] if named == ["Subnets"] else None
        mapped = [one for _, one in each(properties, "SubnetMappings", "*", "SubnetId")]
        if isinstance(given := given or mapped, list) and (why := _spread(design, given)):
            yield Problem(balancer.id, path, why)
        yield from _has_ipv6(design, balancer, given)


def _has_ipv6(design: Design, balancer: Resource, given: Any) -> Iterator[Problem]:
    kind = text(balancer.properties.get("IpAddressType")) or ""
    for subnet in known_subnets(design, given) or () if kind.startswith("dualstack") else ():
        if not subnet.properties.keys() & {"Ipv6CidrBlock", "Ipv6IpamPoolId"}:
            why = f"{subnet.origin} has no Ipv6CidrBlock, as {kind} needs; expected ipv4"
            yield Problem(balancer.id, ("Properties", "IpAddressType"), why)


def _spread(design: Design, given: list[Any]) -> str:
    if len({str(one) for one in given}) < len(given):
        return "a subnet is there twice; expected one for each zone"
    if len(given) < 2:  # noqa: PLR2004 - an ALB's least
        return "it is in one subnet; expected two at least, in different zones"
    subnets = known_subnets(design, given) or []
    if subnets and (found := zones(subnets)) is not None and found < len(given):
        return f"{len(given)} subnets in {found} zones; expected each in a zone of its own"
    for subnet in subnets:
        said = re.fullmatch(r"[\d.]+/(\d+)", text(subnet.properties.get("CidrBlock")) or "")
        if said and int(said[1]) > SMALLEST:
            return f"{subnet.origin} is a /{said[1]}; expected a /{SMALLEST} or larger"
    return ""


def _facing(design: Design) -> Iterator[Problem]:
    expected = {
        "Scheme": one_of("internet-facing", "internal"),
        "IpAddressType": one_of("ipv4", "dualstack", "dualstack-without-public-ipv4"),
    }
    for balancer in design.of_type(BALANCER):
        yield from misfits(balancer, {"Type": one_of("application", "network", "gateway")})
    for balancer in application_balancers(design):
        properties = balancer.properties
        yield from misfits(balancer, expected)
        scheme = text(properties.get("Scheme", "internet-facing"))
        subnets = known_subnets(design, properties.get("Subnets")) or []
        for index, subnet in enumerate(subnets):
            if scheme == "internet-facing" and public(design, subnet) is False:
                why = (
                    f"{subnet.origin} has no route to the internet, so that half of those who "
                    "ask get no answer; expected a public subnet"
                )
                yield Problem(balancer.id, ("Properties", "Subnets", index), why)
        if scheme == "internal" and (record := _named_by(design, balancer)):
            why = f"{record.origin} sends the public to an internal load balancer; expected "
            yield Problem(balancer.id, ("Properties", "Scheme"), f"{why}internet-facing")
        if not properties.get("SecurityGroups"):
            why = "SecurityGroups is missing: it would get the VPC's default group, which lets "
            yield Problem(balancer.id, ("Properties",), f"{why}nobody in; expected its own")


def _named_by(design: Design, balancer: Resource) -> Resource | None:
    """Return a record of the DNS that leads to a load balancer, if there is one."""
    for record in design.of_type("AWS::Route53::RecordSet"):
        if referred(look(record.properties, "AliasTarget", "DNSName")) == balancer.id:
            return record
    return None


def _access_logs(design: Design) -> Iterator[Problem]:
    path = ("Properties", "LoadBalancerAttributes")
    for balancer in application_balancers(design):
        said = _valued(balancer, "LoadBalancerAttributes")
        for logs in LOGS:
            bucket = said.get(f"{logs}.s3.bucket")
            if not flag(said.get(f"{logs}.s3.enabled")):
                continue
            if bucket is None:
                why = f"{logs}.s3.enabled is true; expected {logs}.s3.bucket beside it"
                yield Problem(balancer.id, path, why)
            elif made := design.follow(bucket):
                prefix = text(said.get(f"{logs}.s3.prefix", "")) or ""
                yield from _may_log(design, balancer, made, prefix)


def _may_log(
    design: Design, balancer: Resource, bucket: Resource, prefix: str
) -> Iterator[Problem]:
    path = ("Properties", "LoadBalancerAttributes")
    if bucket.type != "AWS::S3::Bucket":
        yield Problem(balancer.id, path, f"{bucket.origin} is no bucket; expected its name")
        return
    for at, value in each(
        bucket.properties,
        "BucketEncryption",
        "ServerSideEncryptionConfiguration",
        "*",
        "ServerSideEncryptionByDefault",
        "SSEAlgorithm",
    ):
        if unfit(value, one_of("AES256")):
            why = f"load balancers can't log to a bucket under {value}; expected AES256"
            yield Problem(bucket.id, ("Properties", *at), why)
    policies = [
        policy
        for policy in design.of_type("AWS::S3::BucketPolicy")
        if referred(policy.properties.get("Bucket")) == bucket.id
    ]
    place = f"{f'{prefix}/' if prefix else ''}AWSLogs/"
    if not any(_lets_log(policy, bucket, place) for policy in policies):
        why = (
            f"nothing lets it write to {bucket.origin}; expected a bucket policy that allows "
            "logdelivery.elasticloadbalancing.amazonaws.com s3:PutObject in "
            f"{place}<account>/*"
        )
        yield Problem(balancer.id, path, why)
    elif not any(waits(design, balancer.id, policy.id) for policy in policies):
        policy = policies[0].origin
        why = (
            f"it may be made before {policy} lets it log, and fail (Access Denied); expected "
            f"DependsOn: {policy.logical_id}"
        )
        yield Problem(balancer.id, path, why)


def _lets_log(policy: Resource, bucket: Resource, place: str) -> bool:
    return any(
        statement.grants("s3:PutObject")
        and _delivers(statement.principal)
        and any(_reaches(resource, bucket, place) for resource in statement.resources)
        for statement in statements(policy.properties.get("PolicyDocument"))
    )


def _delivers(principal: Any) -> bool:
    """Whether a principal is who delivers access logs: the service, or ELB's own account."""
    services_named = [text(item) for _, item in each(principal, "Service", "*")]
    accounts = [shown(item) for _, item in each(principal, "AWS", "*")]
    return "logdelivery.elasticloadbalancing.amazonaws.com" in services_named or any(
        re.fullmatch(r"arn:[^:]+:iam::\d{12}:root|\d{12}", account) for account in accounts
    )


def _reaches(resource: Any, bucket: Resource, place: str) -> bool:
    """Whether a statement's resource is where logs go in a bucket."""
    names = "|".join(
        re.escape(name)
        for name in (
            f"${{{bucket.id}.Arn}}",
            f"arn:aws:s3:::{text(bucket.properties.get('BucketName'))}",
            f"arn:aws:s3:::${{{bucket.id}}}",
            f"arn:${{AWS::Partition}}:s3:::${{{bucket.id}}}",
        )
    )
    account = r"(\d{12}|\$\{AWS::AccountId\}|\*)"
    inside = rf"\*|{re.escape(place)}\*|{re.escape(place)}{account}/\*"
    return re.fullmatch(rf"\*|({names})/({inside})", shown(resource)) is not None


def _listened_to(design: Design) -> Iterator[Problem]:
    for service, index, group in services(design):
        path = ("Properties", "LoadBalancers", index)
        found = [
            sender
            for sender in design.of_type(LISTENER, LISTENER_RULE)
            if group.id in {referred(arn) for _, arn in groups(sender)}
        ]
        if not found:
            why = (
                f"no listener forwards to {group.origin}, and ECS refuses a target group "
                "without a load balancer; expected a listener that forwards to it"
            )
            yield Problem(service.id, path, why)
        # A nested stack is done before anything is begun that needs something of it.
        elif all(sender.origin.path == service.origin.path for sender in found) and not any(
            waits(design, service.id, sender.id) for sender in found
        ):
            listener = found[0].origin
            why = (
                f"it may be made before {listener}, and fail (the target group does not have "
                f"an associated load balancer); expected DependsOn: {listener.logical_id}"
            )
            yield Problem(service.id, path, why)


TARGETS = """
Group:
  Type: AWS::ElasticLoadBalancingV2::TargetGroup
  Properties:
    VpcId: !Ref Vpc
    TargetType: ip
    Protocol: HTTP
    Port: 8000
    HealthCheckEnabled: true
    HealthCheckPath: /api/health/
    HealthCheckProtocol: HTTP
    HealthCheckPort: traffic-port
    HealthCheckIntervalSeconds: 30
    HealthCheckTimeoutSeconds: 5
    HealthyThresholdCount: 2
    UnhealthyThresholdCount: 3
    Matcher: {HttpCode: '200'}
    TargetGroupAttributes:
    - {Key: deregistration_delay.timeout_seconds, Value: '60'}
    - {Key: stickiness.enabled, Value: 'true'}
    - {Key: stickiness.type, Value: lb_cookie}
    - {Key: stickiness.lb_cookie.duration_seconds, Value: '3600'}
    - {Key: slow_start.duration_seconds, Value: '30'}
"""
VPC = """
Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
Gateway: {Type: AWS::EC2::InternetGateway}
SubnetA:
  Type: AWS::EC2::Subnet
  Properties: {VpcId: !Ref Vpc, AvailabilityZone: !Select [0, !GetAZs '']}
SubnetB:
  Type: AWS::EC2::Subnet
  Properties: {VpcId: !Ref Vpc, AvailabilityZone: !Select [1, !GetAZs '']}
Routes: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !Ref Vpc}}
Out:
  Type: AWS::EC2::Route
  Properties:
    {RouteTableId: !Ref Routes, DestinationCidrBlock: 0.0.0.0/0, GatewayId: !Ref Gateway}
RoutesA:
  Type: AWS::EC2::SubnetRouteTableAssociation
  Properties: {SubnetId: !Ref SubnetA, RouteTableId: !Ref Routes}
RoutesB:
  Type: AWS::EC2::SubnetRouteTableAssociation
  Properties: {SubnetId: !Ref SubnetB, RouteTableId: !Ref Routes}
"""
BALANCING = """
Balancer:
  Type: AWS::ElasticLoadBalancingV2::LoadBalancer
  Properties:
    Type: application
    Scheme: internet-facing
    IpAddressType: ipv4
    Subnets: [!Ref SubnetA, !Ref SubnetB]
    SecurityGroups: [sg-1]
    LoadBalancerAttributes:
    - {Key: idle_timeout.timeout_seconds, Value: '300'}
    - {Key: routing.http.drop_invalid_header_fields.enabled, Value: 'true'}
    - {Key: deletion_protection.enabled, Value: 'true'}
Name:
  Type: AWS::Route53::RecordSet
  Properties: {AliasTarget: {DNSName: !GetAtt Balancer.DNSName}}
"""
SERVICE = """
Listener:
  Type: AWS::ElasticLoadBalancingV2::Listener
  Properties:
    LoadBalancerArn: !Ref Balancer
    DefaultActions: [{Type: forward, TargetGroupArn: !Ref Group}]
Task:
  Type: AWS::ECS::TaskDefinition
  Properties:
    NetworkMode: awsvpc
    ContainerDefinitions: [{Name: web, PortMappings: [{ContainerPort: 8000}]}]
Service:
  Type: AWS::ECS::Service
  DependsOn: Listener
  Properties:
    TaskDefinition: !Ref Task
    LoadBalancers: [{ContainerName: web, ContainerPort: 8000, TargetGroupArn: !Ref Group}]
"""
LOGGED = """
Bucket:
  Type: AWS::S3::Bucket
  Properties:
    BucketEncryption:
      ServerSideEncryptionConfiguration:
      - ServerSideEncryptionByDefault: {SSEAlgorithm: AES256}
BucketPolicy:
  Type: AWS::S3::BucketPolicy
  Properties:
    Bucket: !Ref Bucket
    PolicyDocument:
      Statement:
      - Effect: Allow
        Principal: {Service: logdelivery.elasticloadbalancing.amazonaws.com}
        Action: s3:PutObject
        Resource: !Sub ${Bucket.Arn}/AWSLogs/${AWS::AccountId}/*
Balancer:
  Type: AWS::ElasticLoadBalancingV2::LoadBalancer
  DependsOn: BucketPolicy
  Properties:
    LoadBalancerAttributes:
    - {Key: access_logs.s3.enabled, Value: 'true'}
    - {Key: access_logs.s3.bucket, Value: !Ref Bucket}
"""
ALL = VPC + BALANCING + TARGETS + SERVICE

RULES: tuple[Rule, ...] = (
    Rule(
        "LC1201",
        "error",
        "Tasks with addresses of their own are targets of type ip",
        "ECS refuses a service of awsvpc tasks (as all on Fargate are) whose target group is "
        "of another type, which is instance where none is said.",
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/alb.html",
        _target_type,
        good=(ALL,),
        bad=changed(
            ALL,
            ("TargetType: ip", "TargetType: instance"),
            ("    TargetType: ip\n", ""),
            ("TargetType: ip", "TargetType: IP"),
        ),
    ),
    Rule(
        "LC1202",
        "error",
        "A target group says where its targets are, and how to speak to them",
        "Elastic Load Balancing refuses a group without VPC, protocol or port, and an ALB only "
        "speaks HTTP and HTTPS, to targets in its own VPC.",
        f"{API}API_CreateTargetGroup.html",
        _targets,
        good=(ALL,),
        bad=changed(
            ALL,
            ("    VpcId: !Ref Vpc\n    TargetType", "    TargetType"),
            ("VpcId: !Ref Vpc\n    TargetType", "VpcId: !Ref Other\n    TargetType"),
            ("    Protocol: HTTP\n", ""),
            ("    Protocol: HTTP\n", "    Protocol: TCP\n"),
            ("    Port: 8000\n", ""),
            ("    Port: 8000\n", "    Port: 80000\n"),
            ("    Port: 8000\n", "    Port: 8000\n    ProtocolVersion: HTTP1.1\n"),
        ),
    ),
    Rule(
        "LC1203",
        "error",
        "A health check is one that Elastic Load Balancing can do",
        "It refuses values out of their range, a timeout that isn't shorter than the interval, "
        "and paths that don't start with a slash.",
        f"{GUIDE}target-group-health-checks.html",
        _health_check,
        good=(TARGETS, TARGETS.replace("'200'", "'200,202-299'")),
        bad=changed(
            TARGETS,
            ("IntervalSeconds: 30", "IntervalSeconds: 301"),
            ("TimeoutSeconds: 5", "TimeoutSeconds: 1"),
            ("TimeoutSeconds: 5", "TimeoutSeconds: '30'"),
            ("IntervalSeconds: 30", "IntervalSeconds: 5"),
            ("HealthyThresholdCount: 2", "HealthyThresholdCount: 1"),
            ("UnhealthyThresholdCount: 3", "UnhealthyThresholdCount: 11"),
            ("/api/health/", "api/health/"),
            ("/api/health/", "/api health/"),
            ("CheckProtocol: HTTP", "CheckProtocol: TCP"),
            ("traffic-port", "trafic-port"),
            ("HttpCode: '200'", "HttpCode: '500'"),
            ("HttpCode: '200'", "HttpCode: 200-OK"),
            ("HttpCode: '200'", "HttpCode: 299-200"),
            ("HttpCode: '200'", "GrpcCode: '0'"),
            ("CheckEnabled: true", "CheckEnabled: false"),
            ("    Port: 8000", "    ProtocolVersion: GRPC\n    Port: 8000"),
        ),
    ),
    Rule(
        "LC1204",
        "error",
        "A health check tells a task that is well from one that isn't",
        "A redirect or an error that counts as healthy keeps broken tasks in service, and one "
        "that asks a port where nothing listens stops every task again and again.",
        f"{GUIDE}target-group-health-checks.html",
        _well,
        good=(ALL, ALL.replace("traffic-port", "8000")),
        bad=changed(
            ALL,
            ("    HealthCheckPath: /api/health/\n", ""),
            ("HealthCheckPath: /api/health/", "HealthCheckPath: /"),
            ("HttpCode: '200'", "HttpCode: 200-499"),
            ("HttpCode: '200'", "HttpCode: '200,301'"),
            ("CheckProtocol: HTTP", "CheckProtocol: HTTPS"),
            ("    Port: 8000\n", "    Port: 8080\n"),
            ("traffic-port", "8080"),
        ),
    ),
    Rule(
        "LC1205",
        "error",
        "A target group's attributes are ones there are, with values they take",
        "Elastic Load Balancing refuses an attribute that it doesn't know, or a value out of "
        "range, when the group is made; linters of one template don't look into them.",
        f"{API}API_TargetGroupAttribute.html",
        _group_attributes,
        good=(TARGETS,),
        bad=changed(
            TARGETS,
            ("deregistration_delay.timeout_seconds", "deregistration_delay.timeout"),
            ("Value: '60'", "Value: '3601'"),
            ("Value: '60'", "Value: 60"),
            ("Value: '60'", "Value: 60s"),
            ("enabled, Value: 'true'", "enabled, Value: 'True'"),
            ("Value: lb_cookie", "Value: source_ip"),
            ("Value: '3600'", "Value: '604801'"),
            ("Value: '30'", "Value: '10'"),
            ("stickiness.type, Value: lb_cookie", "stickiness.enabled, Value: 'true'"),
        ),
    ),
    Rule(
        "LC1206",
        "error",
        "A target group's attributes agree with each other",
        "Stickiness by the application's cookie needs the cookie's name, and slow start goes "
        "with round robin alone; else the group is refused, or does other than it says.",
        f"{GUIDE}edit-target-group-attributes.html",
        _attributes_agree,
        good=(TARGETS,),
        bad=changed(
            TARGETS,
            ("    - {Key: stickiness.type, Value: lb_cookie}\n", ""),
            ("Value: lb_cookie", "Value: app_cookie"),
            (
                "stickiness.lb_cookie.duration_seconds, Value: '3600'",
                "load_balancing.algorithm.type, Value: least_outstanding_requests",
            ),
            (
                "slow_start.duration_seconds, Value: '30'",
                "load_balancing.algorithm.anomaly_mitigation, Value: 'on'",
            ),
        ),
    ),
    Rule(
        "LC1207",
        "error",
        "A load balancer's attributes are ones there are, with values they take",
        "Elastic Load Balancing refuses an attribute that it doesn't know, or a value out of "
        "range, when the load balancer is made.",
        f"{API}API_LoadBalancerAttribute.html",
        _balancer_attributes,
        good=(BALANCING,),
        bad=changed(
            BALANCING,
            ("idle_timeout.timeout_seconds", "idle_timeout.seconds"),
            ("Value: '300'", "Value: '4001'"),
            ("Value: '300'", "Value: 300"),
            ("Value: '300'", "Value: 5m"),
            ("protection.enabled, Value: 'true'", "protection.enabled, Value: 'yes'"),
            ("deletion_protection.enabled", "deletion_protection"),
            (
                "deletion_protection.enabled, Value: 'true'",
                "idle_timeout.timeout_seconds, Value: '60'",
            ),
            (
                "{Key: deletion_protection.enabled, Value: 'true'}",
                "{Key: access_logs.s3.bucket, Value: arn:aws:s3:::logs}",
            ),
            (
                "{Key: deletion_protection.enabled, Value: 'true'}",
                "{Key: access_logs.s3.prefix, Value: /logs/}",
            ),
        ),
    ),
    Rule(
        "LC1208",
        "error",
        "A load balancer is in two zones at least, a subnet in each",
        "An ALB is refused in one subnet, in two of the same zone, or in one of fewer than 32 "
        "addresses; and one zone's failure would take the site down.",
        f"{GUIDE}application-load-balancers.html#subnets-load-balancer",
        _two_zones,
        good=(VPC + BALANCING,),
        bad=changed(
            VPC + BALANCING,
            ("[!Ref SubnetA, !Ref SubnetB]", "[!Ref SubnetA]"),
            ("[!Ref SubnetA, !Ref SubnetB]", "[!Ref SubnetA, !Ref SubnetA]"),
            ("!Select [1, !GetAZs '']", "!Select [0, !GetAZs '']"),
            ("    Subnets: [!Ref SubnetA, !Ref SubnetB]\n", ""),
            ("VpcId: !Ref Vpc, Avail", "VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/28, Avail"),
            ("    SecurityGroups", "    SubnetMappings: [{SubnetId: a}]\n    SecurityGroups"),
            ("IpAddressType: ipv4", "IpAddressType: dualstack"),
        ),
    ),
    Rule(
        "LC1209",
        "error",
        "A load balancer for the public is where the public gets to",
        "In a subnet without a route to the internet, or internal, it is made without "
        "complaint and answers nobody; without a security group of its own it lets nobody in.",
        f"{GUIDE}application-load-balancers.html",
        _facing,
        good=(VPC + BALANCING,),
        bad=changed(
            VPC + BALANCING,
            ("GatewayId: !Ref Gateway", "NatGatewayId: !Ref Nat"),
            ("Scheme: internet-facing", "Scheme: internal"),
            ("Scheme: internet-facing", "Scheme: public"),
            ("    SecurityGroups: [sg-1]\n", ""),
            ("IpAddressType: ipv4", "IpAddressType: ipv6"),
            ("Type: application", "Type: http"),
        ),
    ),
    Rule(
        "LC1210",
        "error",
        "Access logs have a bucket, which lets the load balancer write before it is made",
        "Elastic Load Balancing tries the bucket at once: without a policy that lets it write, "
        "or under a KMS key, making the load balancer fails with Access Denied.",
        f"{GUIDE}enable-access-logging.html",
        _access_logs,
        good=(LOGGED,),
        bad=changed(
            LOGGED,
            ("    - {Key: access_logs.s3.bucket, Value: !Ref Bucket}\n", ""),
            ("  DependsOn: BucketPolicy\n", ""),
            ("SSEAlgorithm: AES256", "SSEAlgorithm: aws:kms"),
            ("logdelivery.elasticloadbalancing", "elasticloadbalancing"),
            ("s3:PutObject", "s3:GetObject"),
            ("/AWSLogs/${AWS::AccountId}/*", "/logs/*"),
            ("/AWSLogs/${AWS::AccountId}/*", ""),
            ("Effect: Allow", "Effect: Deny"),
            ("Value: !Ref Bucket", "Value: !Ref BucketPolicy"),
            (
                "- {Key: access_logs.s3.bucket",
                "- {Key: access_logs.s3.prefix, Value: alb}\n    - {Key: access_logs.s3.bucket",
            ),
        ),
    ),
    Rule(
        "LC1211",
        "error",
        "A service's target group is behind a listener, and the service waits for it",
        "ECS refuses a target group that no load balancer sends anything to; and "
        "CloudFormation makes the service first where nothing tells it to wait.",
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages.html",
        _listened_to,
        good=(
            ALL,
            ALL.replace(
                "DependsOn: Listener\n  Properties:",
                "Properties:\n    Tags: [{Key: Listener, Value: !Ref Listener}]",
            ),
        ),
        bad=changed(
            ALL,
            ("  DependsOn: Listener\n", ""),
            ("{Type: forward, TargetGroupArn: !Ref Group}", "{Type: fixed-response}"),
        ),
    ),
    Rule(
        "LC1212",
        "error",
        "A load balancer hands on valid headers, and is patient with websockets",
        "AWS's defaults hand on headers that servers disagree about, by which requests are "
        "smuggled, and cut off websockets that are silent for a minute.",
        f"{GUIDE}edit-load-balancer-attributes.html",
        _wise,
        good=(ALL, BALANCING.replace("'300'", "'60'")),
        bad=changed(
            ALL,
            ("Value: '300'", "Value: '60'"),
            ("    - {Key: idle_timeout.timeout_seconds, Value: '300'}\n", ""),
            ("fields.enabled, Value: 'true'", "fields.enabled, Value: 'false'"),
            (
                "    - {Key: routing.http.drop_invalid_header_fields.enabled, Value: 'true'}\n",
                "",
            ),
            (
                "deletion_protection.enabled, Value: 'true'",
                "routing.http.desync_mitigation_mode, Value: monitor",
            ),
            (
                "deletion_protection.enabled, Value: 'true'",
                "routing.http.xff_header_processing.mode, Value: preserve",
            ),
        ),
    ),
    Rule(
        "LC1213",
        "error",
        "Tasks are addressed in a language that they speak",
        "A task that is spoken to by TLS or gRPC and knows only HTTP fails its health check "
        "for ever: each deployment is rolled back.",
        f"{GUIDE}load-balancer-target-groups.html#target-group-protocol-version",
        _understood,
        good=(
            ALL,
            ALL.replace(
                "    Protocol: HTTP\n    Port: 8000", "    Protocol: HTTPS\n    Port: 8443"
            ),
            ALL.replace(
                "    Port: 8000\n", "    Port: 8000\n    ProtocolVersion: GRPC\n"
            ).replace("ContainerPort: 8000}]", "ContainerPort: 8000, AppProtocol: grpc}]"),
        ),
        bad=changed(
            ALL,
            ("    Protocol: HTTP\n", "    Protocol: HTTPS\n"),
            ("    Port: 8000\n", "    Port: 8000\n    ProtocolVersion: GRPC\n"),
            ("    Port: 8000\n", "    Port: 8000\n    ProtocolVersion: HTTP2\n"),
        ),
    ),
)
