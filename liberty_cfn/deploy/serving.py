"""The environment's ECS service, as ECS describes it."""

from __future__ import annotations

from typing import Any

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.targets import Target
from liberty_cfn.environments import Environment

CLUSTER, SERVICE = "liberty-social-backend", "liberty-social-backend-service"
ABSENT = ("ClusterNotFoundException", "ServiceNotFoundException")


def service(environment: Environment, target: Target) -> dict[str, Any] | None:
    """Return the service's description; None where there is no service, or no longer.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Service.html
    """
    with faults.unless(*ABSENT):
        found = target.client("ecs").describe_services(
            cluster=environment.named(CLUSTER), services=[environment.named(SERVICE)]
        )["services"]
        return next((each for each in found if each["status"] == "ACTIVE"), None)
    return None
