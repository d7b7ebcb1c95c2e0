"""LC17xx: whether those who are to talk to each other can."""

from __future__ import annotations

from collections.abc import Iterator

from liberty_cfn.model.resolving import Resource
from liberty_cfn.review.reach import Flow, reach
from liberty_cfn.review.spelling import listed
from liberty_cfn.rules.network_examples import PRIVATE
from liberty_cfn.rules.rule import (
    Design,
    Problem,
    Rule,
    each,
    look,
    number,
    text,
)

BALANCER_GROUPS = (
    "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/"
    "load-balancer-update-security-groups.html"
)
# Where engines listen that aren't PostgreSQL or Redis, unless they are told a port.
USUAL_PORTS = {"mysql": 3306, "mariadb": 3306, "memcached": 11211}


def _has_endpoints(design: Design) -> bool:
    """Whether tasks may reach AWS by endpoints inside the VPC."""
    return any(
        text(endpoint.properties.get("VpcEndpointType")) == "Interface"
        for endpoint in design.of_type("AWS::EC2::VPCEndpoint")
    )


def _requests_arrive(design: Design) -> Iterator[Problem]:
    """Whoever is meant to talk to another can: balancer to tasks, tasks to data and AWS."""
    open_ways = reach(design.resolved)
    for service in design.of_type("AWS::ECS::Service"):
        if _known_groups(design, service):
            for why in _unreached(design, service, open_ways):
                yield Problem(service.id, ("Properties", "NetworkConfiguration"), why)
    for listener in design.of_type("AWS::ElasticLoadBalancingV2::Listener"):
        balancer = design.follow(listener.properties.get("LoadBalancerArn"))
        port = number(listener.properties.get("Port"))
        if not balancer or not port or not _known_groups(design, balancer):
            continue
        facing = text(balancer.properties.get("Scheme", "internet-facing"))
        reached = _passes(open_ways, "internet", balancer.id, port)
        if facing == "internet-facing" and not reached:
            why = f"nobody gets to {port:g}: expected a rule in the load balancer's group"
            yield Problem(listener.id, ("Properties", "Port"), why)


def _unreached(design: Design, service: Resource, open_ways: frozenset[Flow]) -> Iterator[str]:
    expected = "expected a rule in both of their security groups"
    for balancer, port in _balancers_of(design, service):
        known = _known_groups(design, balancer)
        if known and not _passes(open_ways, balancer.id, service.id, port):
            yield f"{balancer.origin} can't reach the tasks on {port:g}: {expected}"
    for store, port in _stores_of(design, service):
        known = _known_groups(design, store)
        if known and not _passes(open_ways, service.id, store.id, port):
            yield f"tasks can't reach {store.origin} on {port:g}: {expected}"
    if not _passes(open_ways, service.id, "internet", 443) and not _has_endpoints(design):
        yield "tasks can't reach AWS on 443: expected a rule and a route that let them out"


def _passes(open_ways: frozenset[Flow], source: str, target: str, port: float) -> bool:
    for flow in open_ways:
        if (flow.source, flow.destination) != (source, target):
            continue
        if flow.protocol not in ("tcp", "all"):
            continue
        first, _, last = flow.ports.partition("-")
        if flow.ports == "all" or int(first) <= port <= int(last or first):
            return True
    return False


def _known_groups(design: Design, resource: Resource) -> bool:
    """Whether all the groups of a resource are made here, and its subnets."""
    names = {
        "AWS::ECS::Service": "NetworkConfiguration/AwsvpcConfiguration/SecurityGroups",
        "AWS::ElasticLoadBalancingV2::LoadBalancer": "SecurityGroups",
        "AWS::RDS::DBInstance": "VPCSecurityGroups",
        "AWS::ElastiCache::CacheCluster": "VpcSecurityGroupIds",
        "AWS::ElastiCache::ReplicationGroup": "SecurityGroupIds",
    }
    if resource.type not in names:
        return False
    groups = listed(look(resource.properties, *names[resource.type].split("/")))
    made = [design.follow(group) for group in groups]
    return bool(made) and all(g and g.type == "AWS::EC2::SecurityGroup" for g in made)


def _balancers_of(design: Design, service: Resource) -> Iterator[tuple[Resource, float]]:
    for _, named in each(service.properties, "LoadBalancers", "*"):
        port = number(look(named, "ContainerPort"))
        group = design.follow(look(named, "TargetGroupArn"))
        if port is None or group is None:
            continue
        for listener in design.of_type(
            "AWS::ElasticLoadBalancingV2::Listener",
            "AWS::ElasticLoadBalancingV2::ListenerRule",
        ):
            if group.id in repr(listener.properties):
                parent = listener
                if listener.type.endswith("ListenerRule"):
                    found = design.follow(listener.properties.get("ListenerArn"))
                    parent = found or listener
                balancer = design.follow(parent.properties.get("LoadBalancerArn"))
                if balancer:
                    yield balancer, port


def _stores_of(design: Design, service: Resource) -> Iterator[tuple[Resource, float]]:
    """Yield the databases and caches whose address the service's containers are given."""
    task = design.follow(service.properties.get("TaskDefinition"))
    told = repr(look(task.properties, "ContainerDefinitions")) if task else ""
    for store in design.of_type(
        "AWS::RDS::DBInstance",
        "AWS::ElastiCache::CacheCluster",
        "AWS::ElastiCache::ReplicationGroup",
    ):
        usual = 5432 if store.type == "AWS::RDS::DBInstance" else 6379
        usual = USUAL_PORTS.get(text(store.properties.get("Engine")) or "", usual)
        port = number(store.properties.get("Port", usual))
        if port and f"['{store.id}', " in told:
            yield store, port


# Balancer, tasks and database in groups that let each reach the next.
TALKING = (
    PRIVATE
    + """
BalancerGroup:
  Type: AWS::EC2::SecurityGroup
  Properties:
    GroupDescription: Balancer
    VpcId: !Ref Vpc
    SecurityGroupIngress: [{IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 0.0.0.0/0}]
TasksGroup:
  Type: AWS::EC2::SecurityGroup
  Properties:
    GroupDescription: Tasks
    VpcId: !Ref Vpc
    SecurityGroupIngress:
    - {IpProtocol: tcp, FromPort: 8000, ToPort: 8000, SourceSecurityGroupId: !Ref BalancerGroup}
DatabaseGroup:
  Type: AWS::EC2::SecurityGroup
  Properties:
    GroupDescription: Database
    VpcId: !Ref Vpc
    SecurityGroupIngress:
    - {IpProtocol: tcp, FromPort: 5432, ToPort: 5432, SourceSecurityGroupId: !Ref TasksGroup}
Balancer:
  Type: AWS::ElasticLoadBalancingV2::LoadBalancer
  Properties: {Subnets: [!Ref Public], SecurityGroups: [!Ref BalancerGroup]}
Targets:
  Type: AWS::ElasticLoadBalancingV2::TargetGroup
  Properties: {TargetType: ip, Port: 8000, Protocol: HTTP, VpcId: !Ref Vpc}
Listener:
  Type: AWS::ElasticLoadBalancingV2::Listener
  Properties:
    LoadBalancerArn: !Ref Balancer
    Port: 443
    DefaultActions: [{Type: forward, TargetGroupArn: !Ref Targets}]
Subnets:
  Type: AWS::RDS::DBSubnetGroup
  Properties: {DBSubnetGroupDescription: Private, SubnetIds: [!Ref Private, !Ref Other]}
Database:
  Type: AWS::RDS::DBInstance
  Properties: {DBSubnetGroupName: !Ref Subnets, VPCSecurityGroups: [!Ref DatabaseGroup]}
Task:
  Type: AWS::ECS::TaskDefinition
  Properties:
    ContainerDefinitions:
    - Name: app
      Environment: [{Name: DB_HOST, Value: !GetAtt Database.Endpoint.Address}]
Service:
  Type: AWS::ECS::Service
  Properties:
    TaskDefinition: !Ref Task
    LoadBalancers: [{ContainerName: app, ContainerPort: 8000, TargetGroupArn: !Ref Targets}]
    NetworkConfiguration:
      AwsvpcConfiguration: {Subnets: [!Ref Private], SecurityGroups: [!Ref TasksGroup]}
"""
)


RULES: tuple[Rule, ...] = (
    Rule(
        "LC1718",
        "error",
        "Who is to talk to whom can: world, load balancer, tasks, data",
        "A port that only one side opens, or a group that isn't the one meant, is no error to "
        "AWS: health checks fail, and the deployment is rolled back an hour later.",
        BALANCER_GROUPS,
        _requests_arrive,
        good=(
            TALKING,
            # What isn't a load balancer has no groups; other rules say that it is none.
            TALKING.replace("LoadBalancerArn: !Ref Balancer", "LoadBalancerArn: !Ref Targets"),
        ),
        bad=(
            TALKING.replace("FromPort: 8000, ToPort: 8000", "FromPort: 8080, ToPort: 8080"),
            TALKING.replace("FromPort: 5432, ToPort: 5432", "FromPort: 3306, ToPort: 3306"),
            TALKING.replace("FromPort: 443, ToPort: 443", "FromPort: 80, ToPort: 80"),
            TALKING.replace("[!Ref DatabaseGroup]", "[!Ref BalancerGroup]"),
            TALKING.replace("[!Ref TasksGroup]", "[!Ref DatabaseGroup]"),
            TALKING.replace(
                "    GroupDescription: Tasks\n",
                "    GroupDescription: Tasks\n    SecurityGroupEgress: [{IpProtocol: tcp, "
                "FromPort: 5432, ToPort: 5432, CidrIp: 10.0.0.0/16}]\n",
            ),
        ),
    ),
)
