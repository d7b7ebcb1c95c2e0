"""The environment's ECS service, as ECS describes it."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from liberty_cfn.deploy.faults import code
from liberty_cfn.deploy.targets import Target
from liberty_cfn.environments import Environment

ABSENT = ("ClusterNotFoundException", "ServiceNotFoundException")


def service(environment: Environment, target: Target) -> list[dict[str, Any]]:
    """Return the service's description; none where there is no service or no cluster."""
    try:
        found: list[dict[str, Any]] = target.client("ecs").describe_services(
            cluster=environment.named("liberty-social-backend"),
            services=[environment.named("liberty-social-backend-service")],
        )["services"]
    except ClientError as error:
        if code(error) in ABSENT:
            return []
        raise
    return found
