"""Who has to reach whom, so that requests are answered: as far as templates say it.

A load balancer the tasks it forwards to; tasks the databases and caches they are told of, and
on Fargate where their image is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from liberty_cfn.model.resolving import Resolved, Resource
from liberty_cfn.review.places import INTERNET
from liberty_cfn.review.reach import Reach
from liberty_cfn.review.spelling import listed, named, referred, spelled
from liberty_cfn.review.traffic import NUMBERS, PORTS

HTTPS = 443
# Where each listens, if it doesn't say.
STORES = {
    "AWS::RDS::DBInstance": "5432",
    "AWS::RDS::DBCluster": "5432",
    "AWS::ElastiCache::CacheCluster": "6379",
    "AWS::ElastiCache::ReplicationGroup": "6379",
}
ENGINES = {"mysql": "3306", "mariadb": "3306", "aurora-mysql": "3306", "memcached": "11211"}


@dataclass(frozen=True)
class Need:
    """Who has to reach whom, by flat ids or the internet, and on which port by TCP.

    `otherwise` is what happens if it is not so.
    """

    source: str
    destination: str
    port: int
    otherwise: str = "requests fail"

    def met(self, reach: Reach) -> bool:
        """Whether it is so."""
        point = NUMBERS["tcp"] * PORTS + self.port
        spans = reach.get((self.source, self.destination), ())
        return any(low <= point <= high for low, high in spans)


def needs(resolved: Resolved) -> Iterator[Need]:
    """Yield who has to reach whom; nothing where a port is known only to AWS."""
    found = [
        (source, destination, port)
        for service in resolved.of_type("AWS::ECS::Service")
        for source, destination, port in (
            *_forwarded(resolved, service),
            *_stored(resolved, service),
        )
    ]
    for source, destination, port in dict.fromkeys(found):
        if port.isdecimal():
            yield Need(source, destination, int(port))
    if not any(map(_of_images, resolved.of_type("AWS::EC2::VPCEndpoint"))):
        for service in resolved.of_type("AWS::ECS::Service"):
            if service.properties.get("LaunchType") == "FARGATE":
                yield Need(service.id, INTERNET, HTTPS, "tasks find no image, and don't start")


def _of_images(endpoint: Resource) -> bool:
    """Whether images come through an endpoint.

    https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
    """
    return ".ecr." in spelled(endpoint.properties.get("ServiceName"))


def _forwarded(resolved: Resolved, service: Resource) -> Iterator[tuple[str, str, str]]:
    for one in listed(service.properties.get("LoadBalancers")):
        group = named(one.get("TargetGroupArn"))
        for kind in ("Listener", "ListenerRule"):
            for listener in resolved.of_type(f"AWS::ElasticLoadBalancingV2::{kind}"):
                if group in referred([*listener.properties.values()]):
                    balancer = _balancer(resolved, listener)
                    yield balancer, service.id, spelled(one.get("ContainerPort"))


def _balancer(resolved: Resolved, listener: Resource) -> str:
    """Return the load balancer of a listener, or of a listener's rule."""
    above = resolved.resources.get(named(listener.properties.get("ListenerArn", "")))
    properties = (above or listener).properties
    return named(properties.get("LoadBalancerArn", ""))


def _stored(resolved: Resolved, service: Resource) -> Iterator[tuple[str, str, str]]:
    for title in referred(service.properties.get("TaskDefinition")):
        task = resolved.resources.get(title)
        for store in dict.fromkeys(referred([*task.properties.values()] if task else None)):
            made = resolved.resources.get(store)
            if made is not None and made.type in STORES:
                engine = spelled(made.properties.get("Engine", ""))
                usual = ENGINES.get(engine, STORES[made.type])
                yield service.id, store, spelled(made.properties.get("Port", usual))
