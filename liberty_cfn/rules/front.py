"""What a design has in front: load balancers, listeners, and what they send where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from liberty_cfn.model.resolving import Resource
from liberty_cfn.rules.rule import Design, Path, each, referred, text

BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
GROUP = "AWS::ElasticLoadBalancingV2::TargetGroup"
LISTENER = "AWS::ElasticLoadBalancingV2::Listener"
LISTENER_RULE = "AWS::ElasticLoadBalancingV2::ListenerRule"
HTTP = ("HTTP", "HTTPS")


def application_balancers(design: Design) -> Iterator[Resource]:
    for balancer in design.of_type(BALANCER):
        if text(balancer.properties.get("Type", "application")) == "application":
            yield balancer


def services(design: Design) -> Iterator[tuple[Resource, int, Resource]]:
    """Yield the services with each target group they register tasks in."""
    for service in design.of_type("AWS::ECS::Service"):
        for index, item in enumerate(service.properties.get("LoadBalancers") or ()):
            group = design.follow(item.get("TargetGroupArn"))
            if group is not None and group.type == GROUP:
                yield service, index, group


def listeners(design: Design) -> Iterator[tuple[Resource, Resource | None]]:
    """Yield listeners with their load balancers, those that are an ALB or aren't here."""
    for listener in design.of_type(LISTENER):
        balancer = design.follow(listener.properties.get("LoadBalancerArn"))
        if balancer is None or text(balancer.properties.get("Type")) in ("application", None):
            yield listener, balancer


def senders(design: Design) -> Iterator[tuple[Resource, Resource | None]]:
    yield from listeners(design)
    balancers = {listener.id: balancer for listener, balancer in listeners(design)}
    for rule in design.of_type(LISTENER_RULE):
        yield rule, balancers.get(referred(rule.properties.get("ListenerArn")))


def groups(sender: Resource) -> Iterator[tuple[Path, Any]]:
    for name in ("DefaultActions", "Actions"):
        yield from each(sender.properties, name, "*", "TargetGroupArn")
        yield from each(
            sender.properties, name, "*", "ForwardConfig", "TargetGroups", "*", "TargetGroupArn"
        )


def forwarding(design: Design, group: Resource) -> list[Resource]:
    """Return the load balancers that send requests to a target group."""
    found = {}
    for sender, balancer in senders(design):
        if balancer and group.id in {referred(arn) for _, arn in groups(sender)}:
            found[balancer.id] = balancer
    return list(found.values())
