"""The ten commands of the spec, each as the boto3 call it stands for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from liberty_cfn.verify import (
    cache,
    compute,
    database,
    entrance,
    identity,
    logs,
    registry,
    secrets,
    security,
    uploads,
)
from liberty_cfn.verify.facts import Fact, equal, exactly, one_of
from liberty_cfn.verify.reading import Aws, MissingError, RefusedError


@dataclass(frozen=True)
class Command:
    """A command of the spec: how it is written for an environment, and what it has to show."""

    name: str
    written: tuple[str, ...]
    calls: tuple[str, ...]
    facts: Callable[[Aws], Iterator[Fact]]


def commands(aws: Aws) -> list[Command]:
    """Return the ten, in the spec's order."""
    groups = map(aws.named, ("ecs-sg", "rds-sg", "elasticache-sg", "alb-sg"))
    return [
        _one(
            "ECR Repository",
            f"ecr describe-repositories --repository-names {aws.named(registry.REPOSITORY)}",
            "ecr.describe_repositories",
            _repository,
        ),
        _one(
            "RDS Database",
            "rds describe-db-instances --db-instance-identifier "
            f"{aws.named(database.INSTANCE)}",
            "rds.describe_db_instances",
            _database,
        ),
        _cache(aws),
        _one(
            "S3 Bucket",
            f"s3api head-bucket --bucket {aws.named(uploads.BUCKET)}",
            "s3.head_bucket",
            _bucket,
        ),
        _one(
            "ECS Cluster",
            f"ecs describe-clusters --clusters {aws.named(compute.CLUSTER)}",
            "ecs.describe_clusters",
            _cluster,
        ),
        _one(
            "Security Groups",
            f"ec2 describe-security-groups --filters Name=group-name,Values={','.join(groups)}",
            "ec2.describe_security_groups",
            _security_groups,
        ),
        _one(
            "Load Balancer",
            f"elbv2 describe-load-balancers --load-balancer-arns {_balancer_arn(aws)}",
            "elbv2.describe_load_balancers",
            _load_balancer,
        ),
        _one(
            "CloudWatch Log Group",
            "logs describe-log-groups --log-group-name-prefix /ecs/",
            "logs.describe_log_groups",
            _log_group,
        ),
        _one(
            "Secrets",
            "secretsmanager list-secrets --filters Key=name,Values=liberty-social",
            "secretsmanager.list_secrets",
            _secrets,
        ),
        Command(
            "IAM Roles",
            tuple(f"aws iam get-role --role-name {role}" for role in _role_names(aws)),
            ("iam.get_role", "iam.get_role"),
            _roles,
        ),
    ]


def _one(name: str, written: str, call: str, facts: Callable[[Aws], Iterator[Fact]]) -> Command:
    return Command(name, (f"aws {written}",), (call,), facts)


def _repository(aws: Aws) -> Iterator[Fact]:
    name = aws.named(registry.REPOSITORY)
    answer = aws.read("ecr", "describe_repositories", repositoryNames=[name])
    found = [each["repositoryName"] for each in answer.get("repositories", [])]
    yield from exactly("repository", [name], found)


def _database(aws: Aws) -> Iterator[Fact]:
    found = database.find(aws)
    yield equal("database", aws.named(database.INSTANCE), found["DBInstanceIdentifier"])
    yield one_of("status", database.WELL, found.get("DBInstanceStatus"))


def _cache(aws: Aws) -> Command:
    """Return the third, which asks for the group where the cache is one."""
    name = aws.named(cache.NAME)
    if aws.flag("CacheReplication"):
        return _one(
            "ElastiCache",
            f"elasticache describe-replication-groups --replication-group-id {name}",
            "elasticache.describe_replication_groups",
            _cache_group,
        )
    return _one(
        "ElastiCache",
        f"elasticache describe-cache-clusters --cache-cluster-id {name}",
        "elasticache.describe_cache_clusters",
        _cache_node,
    )


def _cache_node(aws: Aws) -> Iterator[Fact]:
    found = cache.find_node(aws, aws.named(cache.NAME))
    yield equal("cache", aws.named(cache.NAME), found["CacheClusterId"])
    yield one_of("status", cache.WELL, found.get("CacheClusterStatus"))


def _cache_group(aws: Aws) -> Iterator[Fact]:
    found = cache.find_group(aws)
    yield equal("cache", aws.named(cache.NAME), found["ReplicationGroupId"])
    yield one_of("status", cache.WELL, found.get("Status"))


def _bucket(aws: Aws) -> Iterator[Fact]:
    name = aws.named(uploads.BUCKET)
    aws.read("s3", "head_bucket", Bucket=name)
    yield equal("bucket", name, name)


def _cluster(aws: Aws) -> Iterator[Fact]:
    found = compute.find_cluster(aws)
    yield equal("cluster", aws.named(compute.CLUSTER), found["clusterName"])
    yield equal("status", "ACTIVE", found.get("status"))


def _security_groups(aws: Aws) -> Iterator[Fact]:
    names = [aws.named(name) for name in security.GROUPS]
    asked = {"Filters": [{"Name": "group-name", "Values": names}]}
    answer = aws.read("ec2", "describe_security_groups", **asked)
    found = {each["GroupName"] for each in answer.get("SecurityGroups", [])}
    yield from exactly("security group", names, found)


def _load_balancer(aws: Aws) -> Iterator[Fact]:
    arn = entrance.find_load_balancer(aws)["LoadBalancerArn"]
    answer = aws.read("elbv2", "describe_load_balancers", LoadBalancerArns=[arn])
    for found in answer.get("LoadBalancers", []):
        yield equal("load balancer", aws.named(entrance.BALANCER), found["LoadBalancerName"])
        yield equal("state", "active", found.get("State", {}).get("Code"))


def _balancer_arn(aws: Aws) -> str:
    try:
        return str(entrance.find_load_balancer(aws)["LoadBalancerArn"])
    except (MissingError, RefusedError):
        return "<arn>"


def _log_group(aws: Aws) -> Iterator[Fact]:
    answer = aws.read("logs", "describe_log_groups", logGroupNamePrefix="/ecs/")
    found = [each["logGroupName"] for each in answer.get("logGroups", [])]
    # Others may log there, too.
    yield from exactly("log group", [aws.named(logs.GROUP)], found, harmless=found)


def _secrets(aws: Aws) -> Iterator[Fact]:
    asked = {"Filters": [{"Key": "name", "Values": ["liberty-social"]}]}
    answer = aws.read("secretsmanager", "list_secrets", **asked)
    found = [each["Name"] for each in answer.get("SecretList", [])]
    # Other environments' are listed, too.
    names = [secrets.full_name(aws, name) for name in secrets.NAMES]
    yield from exactly("secret", names, found, harmless=found)


def _role_names(aws: Aws) -> list[str]:
    return [identity.execution_role_name(aws), aws.named("ecsTaskRole")]


def _roles(aws: Aws) -> Iterator[Fact]:
    for name in _role_names(aws):
        found = aws.read_if_any("iam", "get_role", RoleName=name).get("Role", {})
        yield equal("role", name, found.get("RoleName"))
