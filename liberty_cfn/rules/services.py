"""LC134x: clusters, the services in them, and how they scale."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from math import ceil, floor
from typing import Any

from liberty_cfn.model.resolving import Resource
from liberty_cfn.rules.examples import changed
from liberty_cfn.rules.expected import TRUTH, Expectation, like, misfits, one_of, whole
from liberty_cfn.rules.ordering import waits
from liberty_cfn.rules.placing import default_routes, known_subnets, public, zones
from liberty_cfn.rules.rule import (
    Design,
    Path,
    Problem,
    Rule,
    each,
    flag,
    look,
    number,
    referred,
    text,
)
from liberty_cfn.rules.statements import shown
from liberty_cfn.rules.tasks import TASK, containers, on_fargate

CLUSTER = "AWS::ECS::Cluster"
SERVICE = "AWS::ECS::Service"
TARGET = "AWS::ApplicationAutoScaling::ScalableTarget"
POLICY = "AWS::ApplicationAutoScaling::ScalingPolicy"
GUIDE = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/"
API = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/"
SCALING = "https://docs.aws.amazon.com/autoscaling/application/userguide/"

NAME = like(r"[A-Za-z0-9_-]{1,255}", "letters, digits, _ and -, 255 at most")
LONGEST_GRACE = 2_147_483_647  # seconds
VALUES: Mapping[str, Expectation] = {
    "ServiceName": NAME,
    "LaunchType": one_of("FARGATE", "EC2", "EXTERNAL"),
    # 1.3.0 was retired in June 2026; Windows has 1.0.0 alone.
    "PlatformVersion": like(r"LATEST|1\.4\.0|1\.0\.0", "LATEST, 1.4.0, or Windows's 1.0.0"),
    "SchedulingStrategy": one_of("REPLICA", "DAEMON"),
    "DesiredCount": whole(0, 5000),
    "PropagateTags": one_of("SERVICE", "TASK_DEFINITION", "NONE"),
    "EnableECSManagedTags": TRUTH,
    "EnableExecuteCommand": TRUTH,
    "HealthCheckGracePeriodSeconds": whole(0, LONGEST_GRACE),
    "AvailabilityZoneRebalancing": one_of("ENABLED", "DISABLED"),
    "DeploymentController.Type": one_of("ECS", "CODE_DEPLOY", "EXTERNAL"),
    "DeploymentConfiguration.MinimumHealthyPercent": whole(0, 100),
    "DeploymentConfiguration.MaximumPercent": whole(100, 200),
    "NetworkConfiguration.AwsvpcConfiguration.AssignPublicIp": one_of("ENABLED", "DISABLED"),
    "LoadBalancers.*.ContainerPort": whole(0, 65535),
}
CLUSTERED: Mapping[str, Expectation] = {
    "ClusterName": NAME,
    "CapacityProviders.*": like(
        r"FARGATE(_SPOT)?|(?!(?i:aws|ecs|fargate))[A-Za-z0-9_-]+",
        "FARGATE, FARGATE_SPOT or our own",
    ),
    "ClusterSettings.*.Name": one_of("containerInsights"),
    "ClusterSettings.*.Value": one_of("enabled", "disabled", "enhanced"),
}
# https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html
NAMESPACES = (
    *("ecs", "elasticmapreduce", "ec2", "appstream", "dynamodb", "rds", "sagemaker"),
    *("custom-resource", "comprehend", "lambda", "cassandra", "kafka", "elasticache"),
    *("neptune", "workspaces"),
)
SCALED: Mapping[str, Expectation] = {
    "ScalableDimension": one_of("ecs:service:DesiredCount"),
    "MinCapacity": whole(0, 5000),
    "MaxCapacity": whole(0, 5000),
}
TRACKING = "TargetTrackingScalingPolicyConfiguration"
PERCENT = (
    "ECSServiceAverageCPUUtilization",
    "ECSServiceAverageMemoryUtilization",
)
REQUESTS = "ALBRequestCountPerTarget"
POLICIES: Mapping[str, Expectation] = {
    "PolicyType": one_of("TargetTrackingScaling", "StepScaling", "PredictiveScaling"),
    f"{TRACKING}.PredefinedMetricSpecification.PredefinedMetricType": one_of(
        *PERCENT, *(f"{metric}HighResolution" for metric in PERCENT), REQUESTS
    ),
    f"{TRACKING}.ScaleInCooldown": whole(0, 86400),
    f"{TRACKING}.ScaleOutCooldown": whole(0, 86400),
}


def _task(design: Design, service: Resource) -> Resource | None:
    task = design.follow(service.properties.get("TaskDefinition"))
    return task if task is not None and task.type == TASK else None


def _values(design: Design) -> Iterator[Problem]:
    for cluster in design.of_type(CLUSTER):
        yield from misfits(cluster, CLUSTERED)
        yield from _default_strategy(cluster)
    for service in design.of_type(SERVICE):
        yield from misfits(service, VALUES)
        for name, kind in (("Cluster", CLUSTER), ("TaskDefinition", TASK)):
            made = design.follow(service.properties.get(name))
            if made is not None and made.type != kind:
                why = f"{name} is {made.origin}; expected a {kind}"
                yield Problem(service.id, ("Properties", name), why)
        said = text(service.properties.get("Cluster"))
        for cluster in design.of_type(CLUSTER):
            ours = said is not None and text(cluster.properties.get("ClusterName")) == said
            if ours and not waits(design, service.id, cluster.id):
                title = cluster.origin.logical_id
                why = f"it may be made before {cluster.origin}, and fail; expected !Ref {title}"
                yield Problem(service.id, ("Properties", "Cluster"), why)
        if said and (why := _elsewhere(design, said)):
            yield Problem(service.id, ("Properties", "Cluster"), why)
        if why := _held_back(design, service):
            yield Problem(service.id, ("Properties", "TaskDefinition"), why)
        external = text(look(service.properties, "DeploymentController", "Type")) == "EXTERNAL"
        if "TaskDefinition" not in service.properties and not external:
            why = "TaskDefinition is missing; a service runs one"
            yield Problem(service.id, ("Properties",), why)


def _held_back(design: Design, service: Resource) -> str:
    """Return why a service never runs the task definition made here; nothing if it may."""
    said = text(service.properties.get("TaskDefinition"))
    for task in design.of_type(TASK) if said else ():
        family = text(task.properties.get("Family"))
        if family and re.fullmatch(rf"{re.escape(family)}(:\d+)?", said or ""):
            title = task.origin.logical_id
            return f"{said} stays what it was before; expected !Ref {title}"
    return ""


def _before_routes(design: Design) -> Iterator[Problem]:
    """Services whose tasks may be started before they can pull their image."""
    for service in design.of_type(SERVICE):
        steps = ("NetworkConfiguration", "AwsvpcConfiguration", "Subnets")
        given = known_subnets(design, look(service.properties, *steps)) or []
        for route in default_routes(design, given):
            late = route.origin.path == service.origin.path
            if late and not waits(design, service.id, route.id):
                title = route.origin.logical_id
                why = f"tasks may be started before {title} leads to their image; expected "
                yield Problem(service.id, (), f"{why}DependsOn: {title}")


def _default_strategy(cluster: Resource) -> Iterator[Problem]:
    known = [text(item) for _, item in each(cluster.properties, "CapacityProviders", "*")]
    strategy = "DefaultCapacityProviderStrategy"
    for at, provider in each(cluster.properties, strategy, "*", "CapacityProvider"):
        said = text(provider)
        if said is not None and said not in known and None not in known:
            why = f"it has no provider {said}; expected it in CapacityProviders"
            yield Problem(cluster.id, ("Properties", *at), why)


def _elsewhere(design: Design, said: str) -> str:
    """Return why a cluster's name or ARN is none of those made here; nothing if it is."""
    clusters = list(design.of_type(CLUSTER))
    names = [text(cluster.properties.get("ClusterName")) for cluster in clusters]
    if not clusters or said.rpartition("/")[2] in names:
        return ""
    title = clusters[0].origin.logical_id
    return f"{said} is none of the clusters made here; expected !Ref {title}"


def _served(design: Design) -> Iterator[Problem]:
    for service in design.of_type(SERVICE):
        task = _task(design, service)
        if task is None:
            continue
        names = [text(container.get("Name")) for _, container in containers(task)]
        for at, balanced in each(service.properties, "LoadBalancers", "*"):
            path = ("Properties", *at)
            name = text(balanced.get("ContainerName"))
            for needed in ("ContainerName", "ContainerPort", "TargetGroupArn"):
                if needed not in balanced:
                    yield Problem(service.id, path, f"{needed} is missing; ECS needs it")
            if "LoadBalancerName" in balanced:
                why = "LoadBalancerName is for classic ones; expected the TargetGroupArn alone"
                yield Problem(service.id, (*path, "LoadBalancerName"), why)
            if name is None:
                continue
            if name not in names and None not in names:
                said = " or ".join(map(str, names))
                why = f"{task.origin} has no container {name}; expected {said}"
                yield Problem(service.id, (*path, "ContainerName"), why)
                continue
            port = number(balanced.get("ContainerPort"))
            ports = _ports(task, name)
            if port is not None and None not in ports and port not in ports:
                said = " or ".join(f"{one:.0f}" for one in ports if one) or "a mapped one"
                why = f"{name} has no tcp port {port:.0f}; expected {said}"
                yield Problem(service.id, (*path, "ContainerPort"), why)


def _led_to(design: Design) -> Iterator[Problem]:
    yield from _served(design)
    for service in design.of_type(SERVICE):
        task = _task(design, service)
        for at, why in _connected(task, service) if task else ():
            yield Problem(service.id, ("Properties", *at), why)


def _connected(task: Resource, service: Resource) -> Iterator[tuple[Path, str]]:
    """Yield the ports by which others reach a service, and that its task hasn't named."""
    named = [
        text(mapping.get("Name"))
        for _, container in containers(task)
        for _, mapping in each(container, "PortMappings", "*")
    ]
    steps = ("ServiceConnectConfiguration", "Services", "*", "PortName")
    for at, name in each(service.properties, *steps):
        if text(name) not in (*named, None):
            there = ", ".join(str(one) for one in named if one) or "a Name at its PortMappings"
            yield at, f"{task.origin} names no port {text(name)}; expected {there}"


def _ports(task: Resource, name: str) -> list[float | None]:
    return [
        number(mapping.get("ContainerPort"))
        for _, container in containers(task)
        if text(container.get("Name")) == name
        for _, mapping in each(container, "PortMappings", "*")
        if text(mapping.get("Protocol", "tcp")) == "tcp"
    ]


def _rolls(design: Design) -> Iterator[Problem]:
    for service in design.of_type(SERVICE):
        config = service.properties.get("DeploymentConfiguration") or {}
        least = number(config.get("MinimumHealthyPercent", 100))
        most = number(config.get("MaximumPercent", 200))
        desired = number(service.properties.get("DesiredCount", 1))
        path = ("Properties", "DeploymentConfiguration")
        if least is None or most is None:
            continue
        if desired and floor(desired * most / 100) <= ceil(desired * least / 100):
            why = (
                f"of {desired:.0f} tasks, {ceil(desired * least / 100)} have to run and "
                f"{floor(desired * most / 100)} may, so that no deployment ever moves; "
                "expected MaximumPercent: 200, or a lower MinimumHealthyPercent"
            )
            yield Problem(service.id, path, why)
        elif most <= least:
            why = f"MaximumPercent is {most:.0f}; expected more than {least:.0f}, the minimum"
            yield Problem(service.id, path, why)
        elif least == 0 and service.properties.get("LoadBalancers"):
            why = (
                "MinimumHealthyPercent is 0: each deployment takes the site down; expected 100"
            )
            yield Problem(service.id, (*path, "MinimumHealthyPercent"), why)


def _grace(design: Design) -> Iterator[Problem]:
    name = "HealthCheckGracePeriodSeconds"
    for service in design.of_type(SERVICE):
        balanced = bool(service.properties.get("LoadBalancers"))
        grace = number(service.properties.get(name, 0))
        if name in service.properties and not balanced:
            why = f"{name} is for services behind a load balancer; expected LoadBalancers"
            yield Problem(service.id, ("Properties", name), why)
        elif balanced and grace == 0:
            why = (
                f"{name} is 0: a task that takes its time to start is stopped as unhealthy, "
                "again and again; expected 60 or more"
            )
            yield Problem(service.id, ("Properties", name), why)


def _deployments(design: Design) -> Iterator[Problem]:
    alarms = {
        text(alarm.properties.get("AlarmName")): alarm.id
        for alarm in design.of_type("AWS::CloudWatch::Alarm")
    }
    for service in design.of_type(SERVICE):
        config = service.properties.get("DeploymentConfiguration") or {}
        path: Path = ("Properties", "DeploymentConfiguration")
        kind = text(look(service.properties, "DeploymentController", "Type")) or "ECS"
        for name in ("DeploymentCircuitBreaker", "Alarms"):
            if kind != "ECS" and name in config:
                why = f"{name} is for rolling deployments, not for {kind}; drop one of them"
                yield Problem(service.id, (*path, name), why)
        breaker = config.get("DeploymentCircuitBreaker") or {}
        if kind == "ECS" and flag(breaker.get("Enable", False)) is False:
            why = (
                "a deployment whose tasks don't start goes on for hours; expected Enable: "
                "true, and Rollback: true"
            )
            yield Problem(service.id, (*path, "DeploymentCircuitBreaker"), why)
        elif kind == "ECS" and flag(breaker.get("Rollback", False)) is False:
            why = "a deployment that failed stays; expected Rollback: true"
            yield Problem(service.id, (*path, "DeploymentCircuitBreaker"), why)
        watched = config.get("Alarms") or {}
        if flag(watched.get("Enable")) and not watched.get("AlarmNames"):
            yield Problem(
                service.id, (*path, "Alarms"), "no alarm is named; expected AlarmNames"
            )
        for at, alarm in each(watched, "AlarmNames", "*"):
            made = design.follow(alarm)
            arn = "Fn::GetAtt" in (alarm if isinstance(alarm, dict) else {})
            plain = text(alarm)
            if arn or (made is not None and made.type != "AWS::CloudWatch::Alarm"):
                why = f"{shown(alarm)} is no alarm's name; expected !Ref of one"
                yield Problem(service.id, (*path, "Alarms", *at), why)
            elif plain is not None and alarms and plain not in alarms:
                why = f"there is no alarm {plain}; expected !Ref of one of ours"
                yield Problem(service.id, (*path, "Alarms", *at), why)


def _scheduled(design: Design) -> Iterator[Problem]:
    for service in design.of_type(SERVICE):
        task = _task(design, service)
        fargate = text(service.properties.get("LaunchType")) == "FARGATE" or (
            task is not None and on_fargate(design, task)
        )
        for name, why in _unscheduled(service.properties, fargate=fargate):
            yield Problem(service.id, ("Properties", name), why)
        if "Cluster" not in service.properties:
            why = "Cluster is missing: it would run in the cluster default; expected ours"
            yield Problem(service.id, ("Properties",), why)
        yield from _provided(design, service)


def _unscheduled(properties: Mapping[str, Any], *, fargate: bool) -> Iterator[tuple[str, str]]:
    launch = text(properties.get("LaunchType"))
    if "LaunchType" in properties and properties.get("CapacityProviderStrategy"):
        yield "LaunchType", "LaunchType and CapacityProviderStrategy; expected one of them"
    if fargate and launch not in ("FARGATE", None):
        yield "LaunchType", f"LaunchType is {launch}; expected FARGATE, as the task is for it"
    if (
        fargate
        and "LaunchType" not in properties
        and not properties.get("CapacityProviderStrategy")
    ):
        yield "LaunchType", "nothing says where it runs, which is EC2 then; expected FARGATE"
    if fargate and text(properties.get("SchedulingStrategy")) == "DAEMON":
        yield "SchedulingStrategy", "Fargate has no machines for daemons; expected REPLICA"
    for name in ("PlacementConstraints", "PlacementStrategies", "PlacementStrategy"):
        if fargate and properties.get(name):
            yield name, f"Fargate places tasks itself; drop {name}"
    if fargate and "Role" in properties:
        yield "Role", "tasks in awsvpc mode take ECS's own role; drop Role"


def _provided(design: Design, service: Resource) -> Iterator[Problem]:
    cluster = design.follow(service.properties.get("Cluster"))
    strategy = service.properties.get("CapacityProviderStrategy") or ()
    bases = [item for item in strategy if number(item.get("Base", 0))]
    if len(bases) > 1:
        why = "Base is at several providers; expected it at one"
        yield Problem(service.id, ("Properties", "CapacityProviderStrategy"), why)
    if cluster is None:
        return
    known = [text(item) for _, item in each(cluster.properties, "CapacityProviders", "*")]
    for index, item in enumerate(strategy):
        provider = text(item.get("CapacityProvider"))
        if provider is not None and provider not in known:
            path = ("Properties", "CapacityProviderStrategy", index)
            why = (
                f"{cluster.origin} has no provider {provider}; expected it in CapacityProviders"
            )
            yield Problem(service.id, path, why)


def _placed(design: Design) -> Iterator[Problem]:
    for service in design.of_type(SERVICE):
        task = _task(design, service)
        mode = text(task.properties.get("NetworkMode")) if task else None
        config = look(service.properties, "NetworkConfiguration", "AwsvpcConfiguration")
        path: Path = ("Properties", "NetworkConfiguration", "AwsvpcConfiguration")
        if not isinstance(config, dict):
            if mode == "awsvpc":
                why = "NetworkConfiguration is missing; tasks in awsvpc mode need subnets"
                yield Problem(service.id, ("Properties",), why)
            continue
        for name in ("Subnets", "SecurityGroups"):
            if not config.get(name):
                usual = " (it would be the VPC's default one)" if name != "Subnets" else ""
                yield Problem(service.id, path, f"{name} is missing{usual}; expected ours")
        for below, why in _badly_placed(design, service, config):
            yield Problem(service.id, (*path, *below), why)


def _badly_placed(design: Design, service: Resource, config: Any) -> Iterator[tuple[Path, str]]:
    subnets = known_subnets(design, config.get("Subnets")) or []
    open_to_all = [public(design, subnet) for subnet in subnets]
    address = text(config.get("AssignPublicIp", "DISABLED"))
    if address == "ENABLED" and False in open_to_all:
        why = "a public address in a subnet without a route to the internet; expected DISABLED"
        yield ("AssignPublicIp",), why
    elif address == "ENABLED" and service.properties.get("LoadBalancers"):
        why = "tasks behind the load balancer are on the internet themselves; expected DISABLED"
        yield ("AssignPublicIp",), why
    for index, subnet in enumerate(subnets):
        if address == "DISABLED" and open_to_all[index]:
            why = (
                f"{subnet.origin} is public: without an address tasks there reach neither ECR "
                "nor secrets; expected a private subnet, with a NAT gateway"
            )
            yield ("Subnets", index), why
    given = config.get("Subnets")
    if isinstance(given, list) and len({str(one) for one in given}) < 2:  # noqa: PLR2004
        yield ("Subnets",), "all tasks are in one subnet; expected two, in different zones"
    elif subnets and zones(subnets) == 1:
        yield ("Subnets",), "all tasks are in one zone; expected subnets of two zones"


def _scaled(design: Design) -> Iterator[Problem]:
    for target in design.of_type(TARGET):
        if not _of_ecs(target):
            yield from misfits(target, {"ServiceNamespace": one_of(*NAMESPACES)})
            continue
        yield from misfits(target, SCALED)
        least, most = (number(target.properties.get(f"{m}Capacity")) for m in ("Min", "Max"))
        if least is not None and most is not None and least > most:
            why = f"MinCapacity is {least:.0f}; expected at most MaxCapacity, {most:.0f}"
            yield Problem(target.id, ("Properties", "MinCapacity"), why)
        service = _scales(design, target)
        if why := _not_this(design, target, service):
            yield Problem(target.id, ("Properties", "ResourceId"), why)
        if service is None or least is None or most is None or not most:
            continue
        desired = number(service.properties.get("DesiredCount"))
        if desired is not None and not least <= desired <= most:
            why = (
                f"DesiredCount is {desired:.0f}, and scaling keeps it from {least:.0f} to "
                f"{most:.0f}: each deployment jumps; expected a count within"
            )
            yield Problem(service.id, ("Properties", "DesiredCount"), why)


def _of_ecs(target: Resource) -> bool:
    return text(target.properties.get("ServiceNamespace", "ecs")) == "ecs"


def _scales(design: Design, target: Resource) -> Resource | None:
    """Return the service that a scalable target names."""
    said = shown(target.properties.get("ResourceId"))
    for service in design.of_type(SERVICE):
        names = (f"${{{service.id}.Name}}", text(service.properties.get("ServiceName")))
        if said.rpartition("/")[2] in names:
            return service
    return None


def _not_this(design: Design, target: Resource, service: Resource | None) -> str:
    said = shown(target.properties.get("ResourceId", ""))
    if not re.fullmatch(r"service/[^/]+/[^/]+", said):
        return f"{said} is no service; expected service/<cluster>/<name>"
    if service is None:
        if any(design.of_type(SERVICE)):
            return f"{said} is none of our services; expected its name, !GetAtt Service.Name"
        return ""
    cluster = design.follow(service.properties.get("Cluster"))
    if cluster is None:
        return ""
    names = (f"${{{cluster.id}}}", text(cluster.properties.get("ClusterName")))
    if said.split("/")[1] not in names:
        return f"{said.split('/')[1]} is not its cluster; expected {cluster.origin}"
    return ""


def _policies(design: Design) -> Iterator[Problem]:
    seen: set[tuple[str, str | None]] = set()
    for policy in design.of_type(POLICY):
        properties = policy.properties
        made = design.follow(properties.get("ScalingTargetId"))
        if not _of_ecs(policy) or (made is not None and not _of_ecs(made)):
            continue
        yield from misfits(policy, POLICIES)
        key = shown(properties.get("ScalingTargetId")), text(properties.get("PolicyName"))
        if key[1] is not None and key in seen:
            why = f"PolicyName {key[1]} is another's of the same target; expected its own"
            yield Problem(policy.id, ("Properties", "PolicyName"), why)
        seen.add(key)
        for at, why in _tracked(design, properties):
            yield Problem(policy.id, ("Properties", *at), why)
        if made is not None and made.type != TARGET:
            why = f"{made.origin} is no scalable target; expected !Ref of one"
            yield Problem(policy.id, ("Properties", "ScalingTargetId"), why)


def _tracked(design: Design, properties: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    kind = text(properties.get("PolicyType"))
    configs = {
        "TargetTrackingScaling": TRACKING,
        "StepScaling": "StepScalingPolicyConfiguration",
    }
    for name, wanted in configs.items():
        if (kind == name) != (wanted in properties) and kind in configs:
            yield (
                ("PolicyType",),
                f"PolicyType is {kind}; expected {configs[kind]}, and no other",
            )
    config = properties.get(TRACKING)
    if not isinstance(config, dict):
        return
    metric = text(look(config, "PredefinedMetricSpecification", "PredefinedMetricType"))
    value = number(config.get("TargetValue"))
    if ("PredefinedMetricSpecification" in config) == (
        "CustomizedMetricSpecification" in config
    ):
        yield (TRACKING,), "expected one metric: predefined, or customized"
    if value is not None and value <= 0:
        yield (TRACKING, "TargetValue"), f"TargetValue is {value:g}; expected more than 0"
    if value is not None and metric in PERCENT and value > 100:  # noqa: PLR2004
        why = f"TargetValue is {value:g} %, which is never reached; expected 100 at most"
        yield (TRACKING, "TargetValue"), why
    yield from _of_nobody(config)
    label = look(config, "PredefinedMetricSpecification", "ResourceLabel")
    path: Path = (TRACKING, "PredefinedMetricSpecification")
    if metric == REQUESTS and label is None:
        yield (
            path,
            f"{REQUESTS} needs ResourceLabel: app/<balancer>/<id>/targetgroup/<group>/<id>",
        )
    elif metric in PERCENT and label is not None:
        yield (*path, "ResourceLabel"), f"{metric} takes no ResourceLabel; drop it"
    elif metric == REQUESTS and (why := _mislabelled(design, label)):
        yield (*path, "ResourceLabel"), why


def _of_nobody(config: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Yield a metric of AWS's that is of all services in the account together."""
    custom = config.get("CustomizedMetricSpecification")
    of_aws = (text(look(custom, "Namespace")) or "").startswith("AWS/")
    if of_aws and not look(custom, "Dimensions"):
        why = "it follows everybody's together; expected Dimensions that name the service"
        yield (TRACKING, "CustomizedMetricSpecification"), why


def _mislabelled(design: Design, label: Any) -> str:
    said = shown(label)
    wanted = "<LoadBalancerFullName>/<TargetGroupFullName>"
    if "$" not in said:
        right = re.fullmatch(r"app/[^/]+/[0-9a-f]+/targetgroup/[^/]+/[0-9a-f]+", said)
        return "" if right else f"{said} is no label; expected {wanted}"
    attributes = [look(p, "Fn::GetAtt", 1) for p in look(label, "Fn::Join", 1) or [label]]
    found = [attribute for attribute in attributes if attribute is not None]
    known = [referred(p) for p in look(label, "Fn::Join", 1) or [label] if referred(p)]
    if any(title not in design.resolved.resources for title in known):
        return ""
    if found != ["LoadBalancerFullName", "TargetGroupFullName"] or said.count("/") != 1:
        return f"{said} is no label; expected {wanted}"
    return ""


def _insights(design: Design) -> Iterator[Problem]:
    for cluster in design.of_type(CLUSTER):
        settings = {
            text(item.get("Name")): text(item.get("Value"))
            for item in cluster.properties.get("ClusterSettings") or ()
        }
        if settings.get("containerInsights", "disabled") == "disabled":
            why = (
                "tasks, deployments and network have no metrics then; expected ClusterSettings "
                "with containerInsights enabled"
            )
            yield Problem(cluster.id, ("Properties", "ClusterSettings"), why)


RUNNING = """
Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
SubnetA: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, AvailabilityZone: a}}
SubnetB: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, AvailabilityZone: b}}
Gateway: {Type: AWS::EC2::InternetGateway}
Routes: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !Ref Vpc}}
Way: {Type: AWS::EC2::Route, Properties: {RouteTableId: !Ref Routes, NatGatewayId: nat-1}}
RoutesA:
  Type: AWS::EC2::SubnetRouteTableAssociation
  Properties: {SubnetId: !Ref SubnetA, RouteTableId: !Ref Routes}
Balancer: {Type: AWS::ElasticLoadBalancingV2::LoadBalancer}
Group: {Type: AWS::ElasticLoadBalancingV2::TargetGroup}
High: {Type: AWS::CloudWatch::Alarm, Properties: {AlarmName: high}}
Cluster:
  Type: AWS::ECS::Cluster
  Properties:
    ClusterName: backend
    CapacityProviders: [FARGATE]
    ClusterSettings: [{Name: containerInsights, Value: enabled}]
Task:
  Type: AWS::ECS::TaskDefinition
  Properties:
    Family: backend
    RequiresCompatibilities: [FARGATE]
    NetworkMode: awsvpc
    ContainerDefinitions:
    - {Name: web, PortMappings: [{ContainerPort: 8000}, {ContainerPort: 53, Protocol: udp}]}
Service:
  Type: AWS::ECS::Service
  Properties:
    ServiceName: web
    Cluster: !Ref Cluster
    TaskDefinition: !Ref Task
    LaunchType: FARGATE
    PlatformVersion: LATEST
    DesiredCount: 2
    DeploymentConfiguration:
      MinimumHealthyPercent: 100
      MaximumPercent: 200
      DeploymentCircuitBreaker: {Enable: true, Rollback: true}
      Alarms: {AlarmNames: [!Ref High], Enable: true, Rollback: true}
    HealthCheckGracePeriodSeconds: 120
    PropagateTags: SERVICE
    NetworkConfiguration:
      AwsvpcConfiguration:
        Subnets: [!Ref SubnetA, !Ref SubnetB]
        SecurityGroups: [sg-1]
        AssignPublicIp: DISABLED
    LoadBalancers: [{ContainerName: web, ContainerPort: 8000, TargetGroupArn: !Ref Group}]
Scalable:
  Type: AWS::ApplicationAutoScaling::ScalableTarget
  Properties:
    ServiceNamespace: ecs
    ScalableDimension: ecs:service:DesiredCount
    ResourceId: !Sub service/${Cluster}/${Service.Name}
    MinCapacity: 2
    MaxCapacity: 10
OnCpu:
  Type: AWS::ApplicationAutoScaling::ScalingPolicy
  Properties:
    PolicyName: cpu
    PolicyType: TargetTrackingScaling
    ScalingTargetId: !Ref Scalable
    TargetTrackingScalingPolicyConfiguration:
      TargetValue: 60
      PredefinedMetricSpecification:
        PredefinedMetricType: ECSServiceAverageCPUUtilization
OnRequests:
  Type: AWS::ApplicationAutoScaling::ScalingPolicy
  Properties:
    PolicyName: requests
    PolicyType: TargetTrackingScaling
    ScalingTargetId: !Ref Scalable
    TargetTrackingScalingPolicyConfiguration:
      TargetValue: 1000
      ScaleInCooldown: 300
      PredefinedMetricSpecification:
        PredefinedMetricType: ALBRequestCountPerTarget
        ResourceLabel: !Sub ${Balancer.LoadBalancerFullName}/${Group.TargetGroupFullName}
"""
LABEL = "!Sub ${Balancer.LoadBalancerFullName}/${Group.TargetGroupFullName}"
OF_ALL = "{Namespace: AWS/ECS, MetricName: CPUUtilization, Statistic: Average}"
WAITING = """
Subnet: {Type: AWS::EC2::Subnet}
Routes: {Type: AWS::EC2::RouteTable}
Way:
  Type: AWS::EC2::Route
  Properties:
    {RouteTableId: !Ref Routes, DestinationCidrBlock: 0.0.0.0/0, NatGatewayId: nat-1}
Link:
  Type: AWS::EC2::SubnetRouteTableAssociation
  Properties: {SubnetId: !Ref Subnet, RouteTableId: !Ref Routes}
Service:
  Type: AWS::ECS::Service
  DependsOn: Way
  Properties: {NetworkConfiguration: {AwsvpcConfiguration: {Subnets: [!Ref Subnet]}}}
"""

RULES: tuple[Rule, ...] = (
    Rule(
        "LC1341",
        "error",
        "A cluster and its service say what ECS takes",
        "ECS refuses names, counts, percentages and words other than these.",
        f"{API}API_CreateService.html",
        _values,
        good=(RUNNING,),
        bad=changed(
            RUNNING,
            ("ServiceName: web", "ServiceName: the web"),
            ("LaunchType: FARGATE", "LaunchType: fargate"),
            ("PlatformVersion: LATEST", "PlatformVersion: '1.4'"),
            ("PlatformVersion: LATEST", "PlatformVersion: 1.3.0"),
            ("DesiredCount: 2", "DesiredCount: -1"),
            ("PropagateTags: SERVICE", "PropagateTags: TASK"),
            ("AssignPublicIp: DISABLED", "AssignPublicIp: 'NO'"),
            ("MaximumPercent: 200", "MaximumPercent: 50"),
            ("MinimumHealthyPercent: 100", "MinimumHealthyPercent: 150"),
            ("CapacityProviders: [FARGATE]", "CapacityProviders: [fargate]"),
            ("CapacityProviders: [FARGATE]", "CapacityProviders: [FARGATES]"),
            ("Cluster: !Ref Cluster", "Cluster: backend"),
            ("TaskDefinition: !Ref Task\n", "TaskDefinition: backend:3\n"),
            ("Cluster: !Ref Cluster", "Cluster: backed"),
            (
                "CapacityProviders: [FARGATE]",
                (
                    "CapacityProviders: [FARGATE]\n    DefaultCapacityProviderStrategy: "
                    "[{CapacityProvider: FARGATE_SPOT}]"
                ),
            ),
            ("Value: enabled", "Value: true"),
            ("Cluster: !Ref Cluster", "Cluster: !Ref Task"),
            ("    TaskDefinition: !Ref Task\n", ""),
            ("GracePeriodSeconds: 120", "GracePeriodSeconds: 3000000000"),
        ),
    ),
    Rule(
        "LC1342",
        "error",
        "What leads to a service leads to a container and a port that its task has",
        "ECS refuses a container's name or port that isn't in the task definition.",
        f"{API}API_LoadBalancer.html",
        _led_to,
        good=(RUNNING,),
        bad=changed(
            RUNNING,
            ("ContainerName: web", "ContainerName: app"),
            ("ContainerPort: 8000, TargetGroupArn", "ContainerPort: 80, TargetGroupArn"),
            ("ContainerPort: 8000, TargetGroupArn", "ContainerPort: 53, TargetGroupArn"),
            ("ContainerPort: 8000, TargetGroupArn", "TargetGroupArn"),
            (", TargetGroupArn: !Ref Group", ""),
            (
                "    TaskDefinition: !Ref Task\n",
                (
                    "    TaskDefinition: !Ref Task\n"
                    "    ServiceConnectConfiguration: {Services: [{PortName: web}]}\n"
                ),
            ),
            ("TargetGroupArn: !Ref Group", "TargetGroupArn: !Ref Group, LoadBalancerName: a"),
        ),
    ),
    Rule(
        "LC1343",
        "error",
        "A deployment has room to start a task before it stops one, or the other way round",
        "Where as many tasks have to run as may, a deployment waits until it times out; where "
        "none has to, it takes the site down.",
        f"{API}API_DeploymentConfiguration.html",
        _rolls,
        good=(
            RUNNING,
            RUNNING.replace("MinimumHealthyPercent: 100", "MinimumHealthyPercent: 50"),
        ),
        bad=(
            *changed(
                RUNNING,
                ("MaximumPercent: 200", "MaximumPercent: 100"),
                ("MaximumPercent: 200", "MaximumPercent: 149"),
                ("MinimumHealthyPercent: 100", "MinimumHealthyPercent: 0"),
            ),
            RUNNING.replace("DesiredCount: 2", "DesiredCount: 1").replace("200", "150"),
            RUNNING.replace("DesiredCount: 2", "DesiredCount: 0").replace("200", "100"),
        ),
    ),
    Rule(
        "LC1344",
        "error",
        "A service behind a load balancer gives its tasks time to start",
        "Without a grace period tasks that are slow to start are stopped as unhealthy, without "
        "end; and without a load balancer ECS refuses one.",
        f"{API}API_CreateService.html",
        _grace,
        good=(RUNNING,),
        bad=changed(
            RUNNING,
            ("    HealthCheckGracePeriodSeconds: 120\n", ""),
            ("GracePeriodSeconds: 120", "GracePeriodSeconds: 0"),
            ("    LoadBalancers:", "    Balancers:"),
        ),
    ),
    Rule(
        "LC1345",
        "error",
        "A deployment that fails is noticed, and taken back",
        "Without the circuit breaker CloudFormation waits three hours for tasks that never "
        "start; alarms that aren't there are refused.",
        f"{GUIDE}deployment-circuit-breaker.html",
        _deployments,
        good=(RUNNING,),
        bad=changed(
            RUNNING,
            ("      DeploymentCircuitBreaker: {Enable: true, Rollback: true}\n", ""),
            ("{Enable: true, Rollback: true}", "{Enable: false, Rollback: true}"),
            ("{Enable: true, Rollback: true}", "{Enable: true, Rollback: false}"),
            ("AlarmNames: [!Ref High]", "AlarmNames: []"),
            ("AlarmNames: [!Ref High]", "AlarmNames: [!GetAtt High.Arn]"),
            ("AlarmNames: [!Ref High]", "AlarmNames: [low]"),
            ("AlarmNames: [!Ref High]", "AlarmNames: [!Ref Group]"),
            ("    DesiredCount: 2", "    DeploymentController: {Type: CODE_DEPLOY}"),
        ),
    ),
    Rule(
        "LC1346",
        "error",
        "A service runs in our cluster, in a way that Fargate knows",
        "Fargate refuses daemons and placement; a launch type beside a strategy, or a provider "
        "that the cluster hasn't, is refused; and without either the service is EC2's.",
        f"{GUIDE}fargate-tasks-services.html",
        _scheduled,
        good=(
            RUNNING,
            RUNNING.replace(
                "LaunchType: FARGATE", "CapacityProviderStrategy: [{CapacityProvider: FARGATE}]"
            ),
        ),
        bad=changed(
            RUNNING,
            ("LaunchType: FARGATE", "LaunchType: EC2"),
            ("    LaunchType: FARGATE\n", ""),
            ("    DesiredCount: 2", "    SchedulingStrategy: DAEMON"),
            ("    DesiredCount: 2", "    PlacementStrategies: [{Type: spread}]"),
            ("    DesiredCount: 2", "    Role: ecsServiceRole"),
            (
                "    DesiredCount: 2",
                "    CapacityProviderStrategy: [{CapacityProvider: FARGATE}]",
            ),
            (
                "LaunchType: FARGATE",
                "CapacityProviderStrategy: [{CapacityProvider: FARGATE_SPOT}]",
            ),
            (
                "LaunchType: FARGATE",
                (
                    "CapacityProviderStrategy: [{CapacityProvider: FARGATE, Base: 1}, "
                    "{CapacityProvider: FARGATE, Base: 1}]"
                ),
            ),
            ("    Cluster: !Ref Cluster\n", ""),
        ),
    ),
    Rule(
        "LC1347",
        "error",
        "Tasks are in subnets of two zones, from where they reach AWS, and not reached",
        "A task without address in a public subnet, or with one in a private subnet, can't "
        "pull its image; in one zone, all tasks go with it.",
        f"{GUIDE}fargate-task-networking.html",
        _placed,
        good=(RUNNING,),
        bad=changed(
            RUNNING,
            ("NatGatewayId: nat-1", "GatewayId: !Ref Gateway"),
            ("AssignPublicIp: DISABLED", "AssignPublicIp: ENABLED"),
            ("        SecurityGroups: [sg-1]\n", ""),
            ("[!Ref SubnetA, !Ref SubnetB]", "[]"),
            ("[!Ref SubnetA, !Ref SubnetB]", "[!Ref SubnetA]"),
            ("AvailabilityZone: b", "AvailabilityZone: a"),
            ("    NetworkConfiguration:", "    Network:"),
        ),
    ),
    Rule(
        "LC1348",
        "error",
        "Scaling is of our service, between a least and a most that its count is in",
        "Application Auto Scaling refuses another dimension, a resource id of another form, "
        "and a least above the most; a count outside jumps at every deployment.",
        f"{SCALING}services-that-can-integrate-ecs.html",
        _scaled,
        good=(RUNNING, RUNNING.replace("${Service.Name}", "web")),
        bad=changed(
            RUNNING,
            ("MinCapacity: 2", "MinCapacity: 11"),
            ("MinCapacity: 2", "MinCapacity: 3"),
            ("MaxCapacity: 10", "MaxCapacity: 1"),
            ("service/${Cluster}/${Service.Name}", "${Cluster}/${Service.Name}"),
            ("service/${Cluster}/${Service.Name}", "service/${Service.Name}"),
            ("${Service.Name}", "other"),
            ("service/${Cluster}", "service/${Task}"),
            ("ServiceNamespace: ecs", "ServiceNamespace: ECS"),
            ("ecs:service:DesiredCount", "ecs:service:TaskCount"),
        ),
    ),
    Rule(
        "LC1349",
        "error",
        "A scaling policy aims at a value that its metric can have",
        "It is refused without the configuration of its type, or without the label of the "
        "group whose requests it counts; and an aim over 100 % never scales.",
        f"{SCALING}target-tracking-scaling-policy-overview.html",
        _policies,
        good=(
            RUNNING,
            RUNNING.replace("ServiceNamespace: ecs", "ServiceNamespace: dynamodb").replace(
                "ECSServiceAverageCPUUtilization", "DynamoDBReadCapacityUtilization"
            ),
        ),
        bad=changed(
            RUNNING,
            (
                "PredefinedMetricSpecification:\n",
                f"CustomizedMetricSpecification: {OF_ALL}\n      Other:\n",
            ),
            ("TargetValue: 60", "TargetValue: 160"),
            ("TargetValue: 60", "TargetValue: 0"),
            ("PolicyType: TargetTrackingScaling", "PolicyType: StepScaling"),
            ("PolicyType: TargetTrackingScaling", "PolicyType: TargetTracking"),
            ("ECSServiceAverageCPUUtilization", "ECSServiceCPUUtilization"),
            ("ECSServiceAverageCPUUtilization", "ALBRequestCountPerTarget"),
            (f"        ResourceLabel: {LABEL}\n", ""),
            (LABEL, "!Sub ${Group.TargetGroupFullName}/${Balancer.LoadBalancerFullName}"),
            (LABEL, "!Sub ${Balancer}/${Group}"),
            ("PolicyName: requests", "PolicyName: cpu"),
            ("ScalingTargetId: !Ref Scalable", "ScalingTargetId: !Ref Service"),
            ("ScaleInCooldown: 300", "ScaleInCooldown: -1"),
        ),
    ),
    Rule(
        "LC1350",
        "error",
        "A cluster counts its tasks",
        "RunningTaskCount, DeploymentCount and the network's bytes, which the spec tracks, are "
        "Container Insights' metrics: without it the dashboard stays empty.",
        f"{GUIDE}cloudwatch-container-insights.html",
        _insights,
        good=(RUNNING,),
        bad=changed(
            RUNNING,
            ("Value: enabled", "Value: disabled"),
            ("    ClusterSettings: [{Name: containerInsights, Value: enabled}]\n", ""),
        ),
    ),
    Rule(
        "LC1351",
        "warning",
        "A service waits for the routes that its tasks need",
        "CloudFormation makes it beside them: tasks that can't pull their image yet fail, and "
        "the circuit breaker counts them.",
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"
        "aws-attribute-dependson.html",
        _before_routes,
        good=(WAITING,),
        bad=(WAITING.replace("  DependsOn: Way\n", ""),),
    ),
)
