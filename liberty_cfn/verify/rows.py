"""The 25 rows of the spec's summary, in its order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from liberty_cfn.verify import (
    cache,
    compute,
    database,
    domain,
    entrance,
    identity,
    logs,
    monitoring,
    networking,
    places,
    registry,
    secrets,
    security,
    uploads,
)
from liberty_cfn.verify.facts import Fact
from liberty_cfn.verify.reading import Aws


@dataclass(frozen=True)
class Resource:
    """A resource of the spec: what it is called there and here, and what is stated of it."""

    category: str
    name: str
    thing: str
    facts: Callable[[Aws], Iterator[Fact]]


def resources(aws: Aws) -> list[Resource]:
    """Return the 25, by the names they have in this environment."""
    named = aws.named
    subnets = ", ".join(places.public(aws) + places.private(aws))
    groups = ", ".join(map(named, security.GROUPS))
    certificate = aws.settings["CertificateArn"] or f"*.{aws.settings['DomainName']}"
    return [
        Resource("Compute", "ECS Cluster", named(compute.CLUSTER), compute.cluster),
        Resource("Compute", "ECS Service", named(compute.SERVICE), compute.service),
        Resource(
            "Compute", "ECS Task Definition", named(compute.FAMILY), compute.task_definition
        ),
        Resource(
            "Storage", "RDS PostgreSQL Database", named(database.INSTANCE), database.database
        ),
        Resource("Storage", "ElastiCache Redis / Valkey", named(cache.NAME), cache.cache),
        Resource("Storage", "S3 Bucket", named(uploads.BUCKET), uploads.uploads),
        Resource(
            "Networking",
            "Virtual Private Cloud (VPC)",
            named("liberty-social-vpc"),
            networking.vpc,
        ),
        Resource("Networking", "Subnets", subnets, networking.subnets),
        Resource("Networking", "Security Groups", groups, security.security_groups),
        Resource(
            "Networking",
            "Application Load Balancer",
            named(entrance.BALANCER),
            entrance.load_balancer,
        ),
        Resource("Networking", "Target Group", named(entrance.TARGETS), entrance.target_group),
        Resource("Registry", "ECR Repository", named(registry.REPOSITORY), registry.repository),
        *(
            Resource(
                "Secrets",
                f"Secret {name}",
                secrets.full_name(aws, name),
                partial(secrets.secret, name=name),
            )
            for name in secrets.NAMES
        ),
        Resource(
            "IAM",
            "ECS Task Execution Role",
            identity.execution_role_name(aws),
            identity.execution_role,
        ),
        Resource("IAM", "ECS Task Role", named("ecsTaskRole"), identity.task_role),
        Resource("Logging", "CloudWatch Log Group", named(logs.GROUP), logs.log_group),
        Resource("DNS/SSL", "Route 53 Record", aws.environment.host, domain.record),
        Resource("DNS/SSL", "ACM Certificate", certificate, domain.certificate),
        Resource(
            "Monitoring",
            "Alarm on CPUUtilization",
            named("liberty-backend-cpu-high"),
            monitoring.cpu_high,
        ),
        Resource(
            "Monitoring",
            "Alarm on MemoryUtilization",
            named("liberty-backend-memory-high"),
            monitoring.memory_high,
        ),
        Resource(
            "Monitoring",
            "Alarm on TaskFailures",
            named("liberty-backend-task-failures"),
            monitoring.task_failures,
        ),
    ]
