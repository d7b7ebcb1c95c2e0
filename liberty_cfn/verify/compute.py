"""Compute: the cluster, the service and what it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from liberty_cfn.verify import cache, database, identity, places, secrets
from liberty_cfn.verify.facts import Fact, between, equal, exactly, same
from liberty_cfn.verify.reading import Aws, MissingError

CLUSTER = "liberty-social-backend"
SERVICE = "liberty-social-backend-service"
FAMILY = "liberty-social-backend"
CONTAINER = "liberty-social-backend"
PORT = 8000
# The address of a registry ends otherwise in China.
DOMAINS = {"aws-cn": "amazonaws.com.cn"}


def cluster(aws: Aws) -> Iterator[Fact]:
    """State what the spec says of the ECS cluster."""
    found = find_cluster(aws)
    yield equal("name", aws.named(CLUSTER), found["clusterName"])
    yield equal("status", "ACTIVE", found.get("status"))
    yield equal("region", aws.region, found["clusterArn"].split(":")[3])
    yield same("capacity providers", ["FARGATE"], found.get("capacityProviders", []))
    settings = {each["name"]: each["value"] for each in found.get("settings", [])}
    yield equal("Container Insights", "enabled", settings.get("containerInsights"))


def service(aws: Aws) -> Iterator[Fact]:
    """State what the spec says of the ECS service."""
    found = _find_service(aws)
    yield equal("name", aws.named(SERVICE), found["serviceName"])
    yield equal("status", "ACTIVE", found.get("status"))
    yield equal("launch type", "FARGATE", found.get("launchType"))
    yield between("desired count", *_tasks(aws), found.get("desiredCount"))
    if found.get("desiredCount"):
        # Any more may be about to start, or to stop.
        running = found.get("runningCount")
        yield Fact("running tasks", "1 or more", running, ok=bool(running))
    family = places.name_in(found.get("taskDefinition"))
    yield equal("task definition", aws.named(FAMILY), family)

    targets = found.get("loadBalancers", [])
    yield equal("load balancers", 1, len(targets))
    for target in targets[:1]:
        group = places.name_in(target.get("targetGroupArn"))
        yield equal("target group", aws.named("liberty-social-backend-tg"), group)
        yield equal("container", CONTAINER, target.get("containerName"))
        yield equal("container port", PORT, target.get("containerPort"))

    network = found.get("networkConfiguration", {}).get("awsvpcConfiguration", {})
    subnets = places.cidrs(aws, network.get("subnets", []))
    yield same("subnets", places.private(aws), subnets)
    groups = places.group_names(aws, network.get("securityGroups", []))
    yield same("security groups", [aws.named("ecs-sg")], groups)
    yield equal("public IP address", "DISABLED", network.get("assignPublicIp", "DISABLED"))

    breaker = found.get("deploymentConfiguration", {}).get("deploymentCircuitBreaker", {})
    yield equal("circuit breaker", expected=True, found=breaker.get("enable", False))
    rolls_back = breaker.get("rollback", False)
    yield equal("circuit breaker rolls back", expected=True, found=rolls_back)
    shell = found.get("enableExecuteCommand", False)
    yield equal("ECS Exec", aws.flag("ExecuteCommand"), shell)
    yield from _scaling(aws)


def task_definition(aws: Aws) -> Iterator[Fact]:
    """State what the spec says of the task definition that the service runs."""
    found = _find_task_definition(aws)
    yield equal("family", aws.named(FAMILY), found["family"])
    yield equal("status", "ACTIVE", found.get("status"))
    yield equal("network mode", "awsvpc", found.get("networkMode"))
    yield same("requires", ["FARGATE"], found.get("requiresCompatibilities", []))
    yield equal("CPU", aws.settings["TaskCpu"], found.get("cpu"))
    yield equal("memory", aws.settings["TaskMemory"], found.get("memory"))
    execution = f"role/{identity.execution_role_name(aws)}"
    yield equal(
        "execution role",
        aws.arn("iam", execution, regional=False),
        found.get("executionRoleArn"),
    )
    task = f"role/{aws.named('ecsTaskRole')}"
    yield equal("task role", aws.arn("iam", task, regional=False), found.get("taskRoleArn"))
    containers = {each["name"]: each for each in found.get("containerDefinitions", [])}
    yield from exactly("container", [CONTAINER], containers)
    if CONTAINER in containers:
        yield from _container(aws, containers[CONTAINER])


def find_cluster(aws: Aws) -> Any:
    """Return the cluster.

    Raises:
        MissingError: there is none of that name.
    """
    asked = {"clusters": [aws.named(CLUSTER)], "include": ["SETTINGS"]}
    found = aws.read("ecs", "describe_clusters", **asked)["clusters"]
    # One that was deleted can still be found for a while.
    if not found or found[0].get("status") == "INACTIVE":
        raise MissingError
    return found[0]


def _find_service(aws: Aws) -> Any:
    asked = {"cluster": aws.named(CLUSTER), "services": [aws.named(SERVICE)]}
    found = aws.read("ecs", "describe_services", **asked)["services"]
    if not found or found[0].get("status") == "INACTIVE":
        raise MissingError
    return found[0]


def _find_task_definition(aws: Aws) -> Any:
    """Return the task definition that the service runs; if there is none, the newest."""
    wanted = aws.named(FAMILY)
    try:
        running = _find_service(aws).get("taskDefinition")
    except MissingError:
        running = None
    if running and places.name_in(running) == wanted:
        wanted = running
    return aws.read("ecs", "describe_task_definition", taskDefinition=wanted)["taskDefinition"]


def _tasks(aws: Aws) -> tuple[int, int]:
    """Return how few and how many tasks scaling may leave; 0 desired stops it."""
    if aws.number("DesiredCount") == 0:
        return 0, 0
    return aws.number("MinTasks"), aws.number("MaxTasks")


def _scaling(aws: Aws) -> Iterator[Fact]:
    resource = f"service/{aws.named(CLUSTER)}/{aws.named(SERVICE)}"
    which = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}
    scaling = "application-autoscaling"
    targets = aws.read(scaling, "describe_scalable_targets", ResourceIds=[resource], **which)
    found = targets.get("ScalableTargets", [])
    yield equal("scalable target", expected=True, found=bool(found))
    for target in found[:1]:
        fewest, most = _tasks(aws)
        yield equal("fewest tasks", fewest, target.get("MinCapacity"))
        yield equal("most tasks", most, target.get("MaxCapacity"))
    policies = aws.read(scaling, "describe_scaling_policies", ResourceId=resource, **which)
    cpu, load = aws.named("liberty-backend-cpu"), aws.named("liberty-backend-requests")
    yield from exactly(
        "scaling policy",
        [
            f"{cpu}: ECSServiceAverageCPUUtilization at {aws.number('ScaleAtCpu')}",
            f"{load}: ALBRequestCountPerTarget at {aws.number('ScaleAtRequests')}",
        ],
        map(_scaling_words, policies.get("ScalingPolicies", [])),
    )


def _scaling_words(policy: Mapping[str, Any]) -> str:
    aim = policy.get("TargetTrackingScalingPolicyConfiguration", {})
    metric = aim.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType")
    return f"{policy['PolicyName']}: {metric} at {aim.get('TargetValue', 0):.9g}"


def _container(aws: Aws, found: Mapping[str, Any]) -> Iterator[Fact]:
    image, _, digest = found.get("image", "").partition("@")
    repository = image.rpartition(":")[0] if ":" in image else image
    domain = DOMAINS.get(aws.partition, "amazonaws.com")
    registry = f"{aws.account}.dkr.ecr.{aws.region}.{domain}"
    expected = f"{registry}/{aws.named('liberty-social-backend')}"
    yield equal("image repository", expected, repository)
    # What a tag stands for is known while deploying, which turns it into a digest.
    if (wanted := aws.settings["Image"]).startswith("sha256:"):
        yield equal("image", wanted, digest)
    ports = [
        f"{port.get('containerPort')} as {port.get('hostPort', port.get('containerPort'))}"
        for port in found.get("portMappings", [])
    ]
    yield same("ports", [f"{PORT} as {PORT}"], ports)
    yield equal("user", aws.settings["ContainerUser"], found.get("user"))
    yield from _environment(aws, found)
    yield from exactly(
        "secret",
        [f"{name} from {secret}" for name, secret in secrets.in_container(aws).items()],
        [
            f"{each['name']} from {_source(aws, each['valueFrom'])}"
            for each in found.get("secrets", [])
        ],
    )
    logging = found.get("logConfiguration", {})
    yield equal("log driver", "awslogs", logging.get("logDriver"))
    options = logging.get("options", {})
    yield equal(
        "awslogs-group", aws.named("/ecs/liberty-social-backend"), options.get("awslogs-group")
    )
    yield equal("awslogs-region", aws.region, options.get("awslogs-region"))
    yield equal("awslogs-stream-prefix", "ecs", options.get("awslogs-stream-prefix"))


def _source(aws: Aws, value_from: str) -> str:
    if not value_from.startswith("arn:"):
        # By less than its ARN, ECS may not find a secret, however right the name.
        return f"{value_from}, which is no ARN"
    return secrets.called(aws, value_from)


def _environment(aws: Aws, found: Mapping[str, Any]) -> Iterator[Fact]:
    environment = {each["name"]: each["value"] for each in found.get("environment", [])}
    origins = aws.settings["SiteOrigins"]
    expected = {
        "DEBUG": "False",
        "ALLOWED_HOSTS": aws.environment.host,
        "CSRF_TRUSTED_ORIGINS": origins,
        "CORS_ALLOWED_ORIGINS": origins,
        "DB_HOST": database.host(aws),
        "DB_PORT": str(database.PORT),
        "DB_NAME": database.NAME,
        "DB_USER": database.USER,
        "REDIS_URL": cache.url(aws),
        "AWS_STORAGE_BUCKET_NAME": aws.named("liberty-social-uploads"),
        "AWS_S3_REGION_NAME": aws.region,
    }
    for name, value in expected.items():
        yield equal(f"environment {name}", value, environment.get(name))
    yield same("secrets in the environment", [], environment.keys() & set(secrets.NAMES))
    files = [each["value"] for each in found.get("environmentFiles", [])]
    file = aws.settings["EnvironmentFile"]
    yield same("environment files", [file] if file else [], files)
