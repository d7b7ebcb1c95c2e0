"""LC122x: what listens, with which certificate, and where it sends whom."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from liberty_cfn.model.resolving import Resource
from liberty_cfn.rules.examples import changed
from liberty_cfn.rules.expected import Expectation, like, misfits, one_of, unfit, whole
from liberty_cfn.rules.front import (
    GROUP,
    HTTP,
    LISTENER,
    LISTENER_RULE,
    application_balancers,
    groups,
    listeners,
    senders,
)
from liberty_cfn.rules.rule import (
    Design,
    Path,
    Problem,
    Rule,
    each,
    look,
    number,
    referred,
    spelt,
    text,
)

GUIDE = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/"
API = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/"
CERTIFICATE = "AWS::CertificateManager::Certificate"

# Compared with AWS's page, describe-ssl-policies.html of the guide, in November 2026, and with
# the names in s2n-tls (s2n_security_policies.c) and the CDK (SslPolicy).
SSL_POLICY = like(
    r"ELBSecurityPolicy-("
    r"2016-08|2015-05|TLS-1-0-2015-04|TLS-1-[12]-2017-01|TLS-1-2-Ext-2018-06"
    r"|FS-2018-06|FS-1-[12]-2019-08|FS-1-2-Res-(2019-08|2020-10)"
    r"|TLS13-1-([013]|2(-(Ext[12]|Res))?)-2021-06"
    r"|TLS13-1-([013]|2(-(Ext[0-2]|Res))?)-FIPS-2023-04"
    r"|TLS13-1-([03]|2(-(Ext[12]|Res))?)-PQ-2025-09"
    r"|TLS13-1-([013]|2(-(Ext[0-2]|Res))?)-FIPS-PQ-2025-09"
    r"|TLS13-1-(2|2-Ext0|3)-RFC9151-FIPS-2023-07|TLS13-1-2-RFC9151-INTEROP[1-4]-FIPS-2023-07"
    r"|TLS13-1-[23]-CNSA2(-INTEROP[1-3])?-FIPS-PQ-2026-07"
    r")",
    "a policy that AWS has, such as ELBSecurityPolicy-TLS13-1-2-2021-06",
)
USUAL_POLICY = "ELBSecurityPolicy-2016-08"
# Those that still take TLS 1.0 or 1.1.
OLD_TLS = re.compile(r"ELBSecurityPolicy-(201|FS-2018|(TLS13-1|TLS-1|FS-1)-[01]-)")
USUAL_PORTS = {"HTTP": 80, "HTTPS": 443}
# What a network load balancer takes.
OF_NETWORK = ("TCP", "TLS", "UDP", "TCP_UDP", "QUIC", "TCP_QUIC")
CONDITIONS = {
    "host-header": "HostHeaderConfig",
    "path-pattern": "PathPatternConfig",
    "http-header": "HttpHeaderConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "query-string": "QueryStringConfig",
    "source-ip": "SourceIpConfig",
}
ACTIONS = {
    "forward": ("TargetGroupArn", "ForwardConfig"),
    "redirect": ("RedirectConfig",),
    "fixed-response": ("FixedResponseConfig",),
    "authenticate-cognito": ("AuthenticateCognitoConfig",),
    "authenticate-oidc": ("AuthenticateOidcConfig",),
    "jwt-validation": ("JwtValidationConfig",),
}
LAST = ("forward", "redirect", "fixed-response")
CONFIGS: Mapping[str, Mapping[str, Expectation]] = {
    "RedirectConfig": {
        "StatusCode": one_of("HTTP_301", "HTTP_302"),
        "Protocol": one_of("HTTP", "HTTPS", "#{protocol}"),
        "Port": like(r"#\{port\}|[1-9]\d{0,4}", "a port from 1 to 65535, or #{port}"),
        "Path": like(r"/.{0,127}", "a path that starts with /"),
        "Host": like(r"[^/:\s]{1,128}", "a host, without scheme or port"),
        "Query": like(r"([^?].{0,127})?", "a query without the ? in front"),
    },
    "FixedResponseConfig": {
        "StatusCode": like(r"[245]\d\d", "a code of 2xx, 4xx or 5xx"),
        "ContentType": one_of(
            "text/plain", "text/css", "text/html", "application/javascript", "application/json"
        ),
        "MessageBody": like(r"(?s).{0,1024}", "1024 characters at most"),
    },
}


def _spoken(design: Design) -> Iterator[Problem]:
    expected = {
        "Port": whole(1, 65535),
        "Protocol": one_of(*HTTP),
        "SslPolicy": SSL_POLICY,
    }
    for listener in design.of_type(LISTENER):
        balancer = design.follow(listener.properties.get("LoadBalancerArn"))
        if balancer is not None and text(balancer.properties.get("Type")) == "network":
            yield from misfits(listener, {"Protocol": one_of(*OF_NETWORK)})
    for listener, _ in listeners(design):
        properties = listener.properties
        for name in ("Port", "Protocol"):
            if name not in properties:
                why = f"{name} is missing; a listener of an ALB needs it"
                yield Problem(listener.id, ("Properties",), why)
        yield from misfits(listener, expected)
        protocol, port = text(properties.get("Protocol")), number(properties.get("Port"))
        usual = USUAL_PORTS.get(protocol or "")
        if usual and port != usual and port in USUAL_PORTS.values():
            why = f"browsers speak another protocol on port {port:.0f} than {protocol}; "
            yield Problem(listener.id, ("Properties", "Port"), f"{why}expected {usual}")


def _certified(design: Design) -> Iterator[Problem]:
    for listener, _ in listeners(design):
        properties = listener.properties
        protocol = text(properties.get("Protocol"))
        certificates = properties.get("Certificates")
        if protocol == "HTTPS" and not certificates:
            why = "an HTTPS listener has no certificate; expected one in Certificates"
            yield Problem(listener.id, ("Properties", "Certificates"), why)
        if isinstance(certificates, list) and len(certificates) > 1:
            why = (
                f"{len(certificates)} certificates; expected one, and the others as "
                "AWS::ElasticLoadBalancingV2::ListenerCertificate"
            )
            yield Problem(listener.id, ("Properties", "Certificates"), why)
        for name in ("Certificates", "SslPolicy", "MutualAuthentication"):
            if protocol == "HTTP" and name in properties:
                why = f"{name} is for HTTPS; drop it, or make Protocol HTTPS"
                yield Problem(listener.id, ("Properties", name), why)
        for at, arn in each(properties, "Certificates", "*", "CertificateArn"):
            if why := _no_certificate(design, arn):
                yield Problem(listener.id, ("Properties", *at), why)


def _no_certificate(design: Design, arn: Any) -> str:
    """Return why an ARN is of no certificate a listener can show; nothing if it is."""
    made = design.follow(arn)
    if made is not None and made.type not in (CERTIFICATE, "AWS::IAM::ServerCertificate"):
        return f"{made.origin} is no certificate; expected the ARN of one"
    plain = text(arn)
    if plain is None:
        return ""
    found = re.fullmatch(r"arn:[a-z-]+:(acm|iam):([a-z0-9-]*):\d{12}:.*certificate/.+", plain)
    if not found:
        return f"{plain!r} is no certificate's ARN; expected arn:aws:acm:...:certificate/..."
    region = design.environment.region if design.environment else found[2]
    if found[2] not in ("", region):
        return f"the certificate is in {found[2]}, the listener in {region}; expected the same"
    return ""


def _modern(design: Design) -> Iterator[Problem]:
    for listener, _ in listeners(design):
        if text(listener.properties.get("Protocol")) != "HTTPS":
            continue
        policy = text(listener.properties.get("SslPolicy", USUAL_POLICY))
        if policy and OLD_TLS.match(policy):
            why = (
                f"{policy} still takes TLS 1.0 and 1.1, which are broken; expected "
                "ELBSecurityPolicy-TLS13-1-2-2021-06"
            )
            yield Problem(listener.id, ("Properties", "SslPolicy"), why)


def _own_port(design: Design) -> Iterator[Problem]:
    seen: dict[tuple[str, float], Resource] = {}
    for listener, balancer in listeners(design):
        port = number(listener.properties.get("Port"))
        if balancer is None or port is None:
            continue
        first = seen.setdefault((balancer.id, port), listener)
        if first is not listener:
            why = f"port {port:.0f} is taken by {first.origin}; expected a port of its own"
            yield Problem(listener.id, ("Properties", "Port"), why)


def _actions(design: Design) -> Iterator[Problem]:
    for sender, _ in senders(design):
        name = "DefaultActions" if sender.type == LISTENER else "Actions"
        actions = sender.properties.get(name)
        path: Path = ("Properties", name)
        if not isinstance(actions, list) or not actions:
            yield Problem(sender.id, path, f"{name} is empty; expected an action")
            continue
        kinds = [text(action.get("Type")) for action in actions]
        if None not in kinds and len([kind for kind in kinds if kind in LAST]) != 1:
            why = f"expected one action that answers: {', '.join(LAST)}"
            yield Problem(sender.id, path, why)
        orders = {text(action.get("Order")) for action in actions}
        if len(orders) < len(actions):
            yield Problem(sender.id, path, "several actions need an Order each, all different")
        for index, action in enumerate(actions):
            for below, why in _misfit(design, action):
                yield Problem(sender.id, (*path, index, *below), why)


def _misfit(design: Design, action: Any) -> Iterator[tuple[Path, str]]:
    """Yield what is wrong with an action, and where in it."""
    kind = text(action.get("Type"))
    if kind not in ACTIONS:
        yield ("Type",), f"Type is {kind!r}; expected one of {', '.join(ACTIONS)}"
        return
    if not any(name in action for name in ACTIONS[kind]):
        yield (), f"{kind} says not what to do; expected {' or '.join(ACTIONS[kind])}"
    for other, names in ACTIONS.items():
        for name in names:
            if other != kind and name in action:
                yield (name,), f"{name} is for {other}, and this is {kind}; drop one of them"
    yield from _configured(action)
    yield from _sent(design, action)


def _configured(action: Any) -> Iterator[tuple[Path, str]]:
    for name, expected in CONFIGS.items():
        config = action.get(name, {"StatusCode": "200"})
        if "StatusCode" not in config:
            yield (name,), f"StatusCode is missing; expected {expected['StatusCode']('')}"
        for key, value in action.get(name, {}).items():
            if key in expected and (wanted := unfit(value, expected[key])):
                yield (name, key), f"{key} is {text(value)!r}; expected {wanted}"


def _sent(design: Design, action: Any) -> Iterator[tuple[Path, str]]:
    arns = (
        *each(action, "TargetGroupArn"),
        *each(action, "ForwardConfig", "TargetGroups", "*", "TargetGroupArn"),
    )
    for at, arn in arns:
        made = design.follow(arn)
        if made is not None and made.type != GROUP:
            yield at, f"{made.origin} is no target group; expected the ARN of one"
    for at, weight in each(action, "ForwardConfig", "TargetGroups", "*", "Weight"):
        if wanted := unfit(weight, whole(0, 999)):
            yield at, f"Weight is {text(weight)}; expected {wanted}"


def _redirects(design: Design) -> Iterator[Problem]:
    for listener, balancer in listeners(design):
        own = text(listener.properties.get("Protocol")), text(listener.properties.get("Port"))
        others = [
            (text(one.properties.get("Protocol")), text(one.properties.get("Port")))
            for one, same in listeners(design)
            if balancer and same and same.id == balancer.id
        ]
        for at, config in each(listener.properties, "DefaultActions", "*", "RedirectConfig"):
            if why := _leads_astray(config, own, others):
                yield Problem(listener.id, ("Properties", *at), why)


Spoken = tuple[str | None, str | None]


def _leads_astray(config: Any, own: Spoken, others: list[Spoken]) -> str:
    protocol, port = text(config.get("Protocol", own[0])), text(config.get("Port", own[1]))
    to = (
        own[0] if protocol == "#{protocol}" else protocol,
        own[1] if port == "#{port}" else port,
    )
    same_place = all(
        spelt(config.get(key, usual)) == usual
        for key, usual in (("Host", "#{host}"), ("Path", "/#{path}"))
    )
    if own[0] == "HTTPS" and to[0] == "HTTP":
        return "HTTPS can't redirect to HTTP; expected Protocol: HTTPS"
    if to == own and same_place:
        return "it redirects to itself, in a circle; expected Protocol: HTTPS and Port: '443'"
    if None not in to and same_place and others and to not in others:
        spoken = " or ".join(
            f"{one} on {other}" for one, other in others if (one, other) != own
        )
        return (
            f"it redirects to {to[0]} on port {to[1]}, where nothing listens; expected "
            f"{spoken or 'HTTPS on 443, and a listener there'}"
        )
    return ""


def _in_the_clear(design: Design) -> Iterator[Problem]:
    for listener, balancer in listeners(design):
        if balancer is None or text(balancer.properties.get("Scheme")) == "internal":
            continue
        if text(listener.properties.get("Protocol")) == "HTTP" and list(groups(listener)):
            why = (
                "requests from the internet, with passwords and sessions, go on unencrypted; "
                "expected a redirect to HTTPS"
            )
            yield Problem(listener.id, ("Properties", "DefaultActions"), why)


def _both(design: Design) -> Iterator[Problem]:
    for balancer in application_balancers(design):
        spoken = {
            text(listener.properties.get("Protocol"))
            for listener, same in listeners(design)
            if same and same.id == balancer.id
        }
        named = any(
            referred(look(record.properties, "AliasTarget", "DNSName")) == balancer.id
            for record in design.of_type("AWS::Route53::RecordSet")
        )
        if not named or None in spoken:
            continue
        for protocol, why in (
            ("HTTPS", "browsers that come by https:// get no answer"),
            ("HTTP", "who types the name without https:// gets no answer"),
        ):
            if protocol not in spoken:
                wanted = f"expected a listener for {protocol} on {USUAL_PORTS[protocol]}"
                yield Problem(balancer.id, ("Properties",), f"{why}; {wanted}")


def _rules(design: Design) -> Iterator[Problem]:
    priorities: set[tuple[str, str]] = set()
    for rule in design.of_type(LISTENER_RULE):
        yield from misfits(rule, {"Priority": whole(1, 50000)})
        key = str(rule.properties.get("ListenerArn")), str(rule.properties.get("Priority"))
        if key in priorities:
            why = f"Priority {key[1]} is another rule's of this listener; expected its own"
            yield Problem(rule.id, ("Properties", "Priority"), why)
        priorities.add(key)
        if not rule.properties.get("Conditions"):
            why = "Conditions is empty; expected which requests the rule is for"
            yield Problem(rule.id, ("Properties", "Conditions"), why)
        for at, condition in each(rule.properties, "Conditions", "*"):
            for below, why in _condition(condition):
                yield Problem(rule.id, ("Properties", *at, *below), why)


def _condition(condition: Any) -> Iterator[tuple[Path, str]]:
    field = text(condition.get("Field"))
    if field not in CONDITIONS:
        yield ("Field",), f"Field is {field!r}; expected one of {', '.join(CONDITIONS)}"
        return
    short = field in ("host-header", "path-pattern") and condition.get("Values")
    if not short and not condition.get(CONDITIONS[field]):
        yield (), f"{field} says no value; expected {CONDITIONS[field]}"
    values = (
        *each(condition, "Values", "*"),
        *each(condition, CONDITIONS[field], "Values", "*"),
    )
    for at, value in values:
        plain = text(value) or "/"
        if field == "path-pattern" and not re.match(r"[/*?]", plain):
            yield at, f"{plain!r} matches no path; expected one that starts with /"
        if field == "host-header" and "/" in plain.strip("/"):
            yield at, f"{plain!r} is no host; expected one such as *.example.com"


LISTENING = """
Balancer:
  Type: AWS::ElasticLoadBalancingV2::LoadBalancer
  Properties: {Scheme: internet-facing}
Record:
  Type: AWS::Route53::RecordSet
  Properties: {AliasTarget: {DNSName: !GetAtt Balancer.DNSName}}
Group: {Type: AWS::ElasticLoadBalancingV2::TargetGroup}
Certificate: {Type: AWS::CertificateManager::Certificate}
Http:
  Type: AWS::ElasticLoadBalancingV2::Listener
  Properties:
    LoadBalancerArn: !Ref Balancer
    Port: 80
    Protocol: HTTP
    DefaultActions:
    - Type: redirect
      RedirectConfig: {Protocol: HTTPS, Port: '443', StatusCode: HTTP_301}
Https:
  Type: AWS::ElasticLoadBalancingV2::Listener
  Properties:
    LoadBalancerArn: !Ref Balancer
    Port: 443
    Protocol: HTTPS
    SslPolicy: ELBSecurityPolicy-TLS13-1-2-2021-06
    Certificates: [{CertificateArn: !Ref Certificate}]
    DefaultActions: [{Type: forward, TargetGroupArn: !Ref Group}]
"""
FORWARD = "DefaultActions: [{Type: forward, TargetGroupArn: !Ref Group}]"
RULED = """
One:
  Type: AWS::ElasticLoadBalancingV2::ListenerRule
  Properties:
    ListenerArn: !Ref Https
    Priority: 10
    Conditions: [{Field: path-pattern, Values: [/admin/*]}]
    Actions: [{Type: forward, TargetGroupArn: !Ref Group}]
Other:
  Type: AWS::ElasticLoadBalancingV2::ListenerRule
  Properties:
    ListenerArn: !Ref Https
    Priority: 20
    Conditions: [{Field: host-header, HostHeaderConfig: {Values: [old.example.com]}}]
    Actions:
    - Type: fixed-response
      FixedResponseConfig: {StatusCode: '410', ContentType: text/plain, MessageBody: Gone}
"""
OF_ANOTHER = """
Balancer: {Type: AWS::ElasticLoadBalancingV2::LoadBalancer, Properties: {Type: network}}
Listener:
  Type: AWS::ElasticLoadBalancingV2::Listener
  Properties: {LoadBalancerArn: !Ref Balancer, Port: 1883, Protocol: TCP}
"""

RULES: tuple[Rule, ...] = (
    Rule(
        "LC1221",
        "error",
        "A listener of an ALB speaks HTTP or HTTPS, on the port where browsers expect it",
        "An ALB refuses other protocols, ports and TLS policies that there aren't, and one for "
        "a network refuses HTTP; a browser doesn't find HTTPS on port 80.",
        f"{API}API_CreateListener.html",
        _spoken,
        good=(LISTENING, OF_ANOTHER),
        bad=(
            OF_ANOTHER.replace("TCP", "HTTP"),
            *changed(
                LISTENING,
                ("    Port: 443\n", ""),
                ("    Protocol: HTTPS\n", ""),
                ("Protocol: HTTPS\n", "Protocol: TLS\n"),
                ("Port: 443\n", "Port: 80\n"),
                ("Port: 443\n", "Port: 70000\n"),
                ("TLS13-1-2-2021-06", "TLS13-1-4-2021-06"),
                ("ELBSecurityPolicy-TLS13-1-2-2021-06", "TLSv1.2_2021"),
            ),
        ),
    ),
    Rule(
        "LC1222",
        "error",
        "HTTPS has one certificate, of its own region; HTTP has none",
        "A listener without one, with one of another region, or HTTP with one is refused when "
        "it is made.",
        f"{GUIDE}create-https-listener.html",
        _certified,
        good=(
            LISTENING,
            LISTENING.replace(
                "!Ref Certificate", "arn:aws:acm:us-east-1:123456789012:certificate/abc"
            ),
        ),
        bad=changed(
            LISTENING,
            ("    Certificates: [{CertificateArn: !Ref Certificate}]\n", ""),
            ("[{CertificateArn: !Ref Certificate}]", "[]"),
            (
                "[{CertificateArn: !Ref Certificate}]",
                "[{CertificateArn: a}, {CertificateArn: b}]",
            ),
            ("Protocol: HTTPS\n", "Protocol: HTTP\n"),
            ("CertificateArn: !Ref Certificate", "CertificateArn: !Ref Group"),
            ("CertificateArn: !Ref Certificate", "CertificateArn: example.com"),
        ),
    ),
    Rule(
        "LC1223",
        "error",
        "HTTPS takes TLS 1.2 or later",
        "A policy with TLS 1.0 or 1.1, as AWS's default is for templates, lets connections be "
        "read that people take to be safe.",
        f"{GUIDE}describe-ssl-policies.html",
        _modern,
        good=(LISTENING,),
        bad=changed(
            LISTENING,
            ("    SslPolicy: ELBSecurityPolicy-TLS13-1-2-2021-06\n", ""),
            ("TLS13-1-2-2021-06", "2016-08"),
            ("TLS13-1-2-2021-06", "TLS-1-1-2017-01"),
            ("TLS13-1-2-2021-06", "TLS13-1-0-2021-06"),
        ),
    ),
    Rule(
        "LC1224",
        "error",
        "Each listener of a load balancer has a port of its own",
        "The second listener on a port fails with DuplicateListener.",
        f"{API}API_CreateListener.html",
        _own_port,
        good=(LISTENING,),
        bad=changed(LISTENING, ("Port: 80\n", "Port: '443'\n")),
    ),
    Rule(
        "LC1225",
        "error",
        "A listener's actions are ones there are, and one of them answers",
        "Elastic Load Balancing refuses an action without its configuration, with that of "
        "another, or a redirect without status.",
        f"{API}API_Action.html",
        _actions,
        good=(LISTENING, LISTENING + RULED),
        bad=(
            *changed(
                LISTENING,
                (", StatusCode: HTTP_301", ""),
                ("HTTP_301", "301"),
                ("Port: '443'", "Port: https"),
                ("Type: redirect", "Type: forward"),
                ("Type: forward", "Type: forwards"),
                (FORWARD, "DefaultActions: []"),
                (FORWARD, "DefaultActions: [{Type: forward}]"),
                ("TargetGroupArn: !Ref Group", "TargetGroupArn: !Ref Balancer"),
                (
                    "TargetGroupArn: !Ref Group}",
                    (
                        "TargetGroupArn: a}, {Type: fixed-response, "
                        "FixedResponseConfig: {StatusCode: '200'}}"
                    ),
                ),
                (
                    "TargetGroupArn: !Ref Group",
                    (
                        "ForwardConfig: {TargetGroups: [{TargetGroupArn: "
                        "!Ref Group, Weight: 1000}]}"
                    ),
                ),
            ),
            *changed(
                LISTENING + RULED,
                ("'410'", "'301'"),
                ("text/plain", "text"),
                ("Type: fixed-response", "Type: redirect"),
            ),
        ),
    ),
    Rule(
        "LC1226",
        "error",
        "A redirect leads to where something listens, and not in a circle",
        "A browser follows a redirect to itself until it gives up, and one to a port where "
        "nothing listens gets no answer.",
        f"{API}API_RedirectActionConfig.html",
        _redirects,
        good=(LISTENING,),
        bad=changed(
            LISTENING,
            ("Protocol: HTTPS, Port: '443'", "Protocol: HTTP, Port: '80'"),
            ("Protocol: HTTPS, Port: '443', ", ""),
            ("Port: '443'", "Port: '8443'"),
            ("Protocol: HTTPS, Port", "Protocol: HTTP, Port"),
            (FORWARD, "DefaultActions: [{Type: redirect, RedirectConfig: {Protocol: HTTP}}]"),
        ),
    ),
    Rule(
        "LC1227",
        "error",
        "Nothing from the internet is served without encryption",
        "Passwords and session cookies over HTTP can be read and changed on their way.",
        f"{GUIDE}create-https-listener.html",
        _in_the_clear,
        good=(LISTENING,),
        bad=changed(
            LISTENING,
            (
                (
                    "- Type: redirect\n      RedirectConfig: {Protocol: HTTPS, Port: '443', "
                    "StatusCode: HTTP_301}"
                ),
                "- {Type: forward, TargetGroupArn: !Ref Group}",
            ),
        ),
    ),
    Rule(
        "LC1228",
        "error",
        "A public load balancer listens to HTTPS, and to HTTP to redirect it",
        "People come by both: a name that answers one of them only looks broken to the others.",
        f"{GUIDE}load-balancer-listeners.html",
        _both,
        good=(LISTENING,),
        bad=changed(
            LISTENING,
            ("Http:\n  Type: AWS::ElasticLoadBalancingV2::Listener", "Http:\n  Type: A::B::C"),
            (
                "Https:\n  Type: AWS::ElasticLoadBalancingV2::Listener",
                "Https:\n  Type: A::B::C",
            ),
        ),
    ),
    Rule(
        "LC1229",
        "error",
        "A listener's rule says for which requests it is, and in which order",
        "Two rules of one priority, or a condition without a value, are refused; a path that "
        "doesn't start with a slash never matches.",
        f"{API}API_RuleCondition.html",
        _rules,
        good=(RULED,),
        bad=changed(
            RULED,
            ("Priority: 20", "Priority: 10"),
            ("Priority: 20", "Priority: 50001"),
            ("[{Field: path-pattern, Values: [/admin/*]}]", "[]"),
            ("Field: path-pattern", "Field: path"),
            ("/admin/*", "admin/*"),
            (", Values: [/admin/*]", ""),
            ("[old.example.com]", "['https://old.example.com']"),
        ),
    ),
)
