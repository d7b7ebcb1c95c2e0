# ruff: noqa: SLF001 - ministack has no public names for these
"""What AWS refuses to delete: what is protected."""

from collections.abc import Callable

from ministack.services import alb, rds

from .asking import Properties
from .mending import handlers


def _balancer(balancer: str) -> bool:
    kept = alb._lb_attrs.get(balancer, [])
    return {"Key": "deletion_protection.enabled", "Value": "true"} in kept


def _database(database: str) -> bool:
    return bool(rds._instances.get(database, {}).get("DeletionProtection"))


def _unless(kind: str, protected: Callable[[str], bool]) -> None:
    """AWS deletes nothing that is protected from deletion, whoever asks."""
    original = handlers[kind]["delete"]

    def drop(physical: str, properties: Properties) -> None:
        if protected(physical):
            raise ValueError(f"{physical} cannot be deleted: deletion protection is enabled")
        original(physical, properties)

    handlers[kind]["delete"] = drop


def add() -> None:
    _unless("AWS::ElasticLoadBalancingV2::LoadBalancer", _balancer)
    _unless("AWS::RDS::DBInstance", _database)
