# ruff: noqa: SLF001 - ministack has no public names for these
"""What AWS refuses: to make what is there already, and to delete what is protected."""

from collections.abc import Callable, Container

from ministack.services import alb, cloudwatch_logs, ecr, elasticache, iam, rds, secretsmanager

from .asking import Made, Properties
from .mending import handlers

TAKEN: tuple[tuple[str, str, Container[str]], ...] = (
    ("AWS::ECR::Repository", "RepositoryName", ecr._repositories),
    ("AWS::ElastiCache::CacheCluster", "ClusterName", elasticache._clusters),
    (
        "AWS::ElastiCache::ReplicationGroup",
        "ReplicationGroupId",
        elasticache._replication_groups,
    ),
    ("AWS::IAM::Role", "RoleName", iam._roles),
    ("AWS::IAM::User", "UserName", iam._users),
    ("AWS::Logs::LogGroup", "LogGroupName", cloudwatch_logs._log_groups),
    ("AWS::RDS::DBInstance", "DBInstanceIdentifier", rds._instances),
    ("AWS::SecretsManager::Secret", "Name", secretsmanager._secrets),
)


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


def _once(kind: str, name: str, taken: Container[str]) -> None:
    original = handlers[kind]["create"]

    def make(title: str, properties: Properties, stack: str) -> Made:
        if properties.get(name) in taken:
            raise ValueError(f"{kind} {properties[name]} already exists")
        made: Made = original(title, properties, stack)
        return made

    handlers[kind]["create"] = make


def add() -> None:
    _unless("AWS::ElasticLoadBalancingV2::LoadBalancer", _balancer)
    _unless("AWS::RDS::DBInstance", _database)
    for kind, name, taken in TAKEN:
        _once(kind, name, taken)
