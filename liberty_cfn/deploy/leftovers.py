"""Names that a new environment needs and that are taken, such as by what a destroy kept."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from liberty_cfn.deploy import faults, secrets
from liberty_cfn.deploy.finding import Check, Finding, Level, all_asked
from liberty_cfn.deploy.stack import owner
from liberty_cfn.deploy.statuses import MEANINGS, Meaning
from liberty_cfn.deploy.targets import Target
from liberty_cfn.environments import Environment

LOG_GROUPS = ("/ecs/liberty-social-backend", "/aws/events/liberty-social-task-failures")
OURS = "liberty-social"  # what is in the name of each
BUCKET = "liberty-social-uploads"
EXECUTION_ROLE, TASK_ROLE = "ecsTaskExecutionRole", "ecsTaskRole"
ELSE = "or choose another NameSuffix"
IN_USE = "NameSuffix"


def names(
    environment: Environment, target: Target, templates: Mapping[str, str] | None = None
) -> Iterator[Finding]:
    """Yield the names that a new environment needs and that are taken.

    With the templates' text, only the types of resources in them are checked.
    """
    found: list[Finding] = []
    texts = None if templates is None else list(templates.values())
    checks: tuple[tuple[str, str, Check], ...] = (
        ("Secrets", "AWS::SecretsManager::Secret", _secrets),
        ("Bucket", "AWS::S3::Bucket", bucket),
        ("Log groups", "AWS::Logs::LogGroup", _log_groups),
        *((one.kind, one.type, one.taken) for one in NAMED),
        ("Role", "AWS::IAM::Role", _task_role),
        ("Role", "AWS::IAM::Role", execution_role),
    )
    due = [
        (about, check)
        for about, kind, check in checks
        if texts is None or any(kind in text for text in texts)
    ]
    for each in all_asked(due, environment, target):
        found.append(each)
        if each.about == IN_USE:
            # All other names are in use, too, and none of that may be deleted.
            break
    yield from found
    if not found:
        yield Finding(Level.OK, "Names", "none that a new environment needs is taken.")


def of_a_failed_creation(environment: Environment, target: Target, status: str) -> bool:
    """Whether a failed creation left what is in the way of another, which can take it in.

    What was being adopted, say, or what AWS could not delete.
    """
    if MEANINGS.get(status) is Meaning.BROKEN:
        # Why it failed matters more than that this can't be told.
        with contextlib.suppress(*faults.OF_AWS):
            return any(each.adoptable for each in names(environment, target))
    return False


def _secrets(environment: Environment, target: Target) -> Iterator[Finding]:
    ours = {secrets.full_name(environment, name) for name in secrets.NAMES}
    pages = target.client("secretsmanager").get_paginator("list_secrets")
    asked = {"IncludePlannedDeletion": True}
    named = [{"Key": "name", "Values": [secrets.PREFIX]}]
    for each in pages.paginate(**asked, Filters=named).search("SecretList"):
        if (name := each["Name"]) not in ours:
            continue
        # What the stack itself has given up, as its suffix changed, is nobody's any more.
        whose = owner(target.client("cloudformation"), each)
        if whose not in ("", environment.stack):
            says = (
                f"its names are in use: {name} belongs to the stack {whose}, which is there. "
                "Deploy that one's environment, or choose another NameSuffix."
            )
            yield Finding(Level.OBSTACLE, IN_USE, says)
            return
        deleted = "DeletedDate" in each
        how = "scheduled for deletion, which keeps its name" if deleted else "there"
        command = "aws secretsmanager delete-secret --force-delete-without-recovery "
        command += f"--region {target.region} --secret-id {name}"
        yield _taken(environment, "Secret", name, command, kept=True, how=how)


def bucket(environment: Environment, target: Target) -> Iterator[Finding]:
    """Yield whether the bucket's name is taken, by this account or by anybody else."""
    name = environment.named(BUCKET)
    try:
        found = target.client("s3").head_bucket(Bucket=name, ExpectedBucketOwner=target.account)
    except ClientError as error:
        code = faults.code(error)
        if code in ("403", "AccessDenied"):
            says = "belongs to another account, or is kept from you; choose another NameSuffix."
            yield Finding(Level.OBSTACLE, f"Bucket {name}", says)
        elif code not in ("404", "NoSuchBucket", "NotFound"):
            raise
        return
    if (region := found.get("BucketRegion", target.region)) != target.region:
        # A stack there may be using it; no environment here made or kept it.
        says = (
            f"is in {region}, where it may be in use, and bucket names are unique worldwide; "
            "choose another NameSuffix."
        )
        yield Finding(Level.OBSTACLE, f"Bucket {name}", says)
        return
    # The CLI can't empty a bucket of its old versions.
    command = f"empty it in the console of S3, old versions, too; then aws s3 rb s3://{name}"
    yield _taken(environment, "Bucket", name, command, kept=True)


def _log_groups(environment: Environment, target: Target) -> Iterator[Finding]:
    pages = target.client("logs").get_paginator("describe_log_groups")
    found = set(pages.paginate(logGroupNamePattern=OURS).search("logGroups[].logGroupName"))
    for group in LOG_GROUPS:
        if (name := environment.named(group)) in found:
            command = f"aws logs delete-log-group --region {target.region}"
            command += f" --log-group-name {name}"
            yield _taken(environment, "Log group", name, command, kept=True)


@dataclass(frozen=True)
class _Named:
    """A resource whose name is unique in its account and region: how to find and delete it."""

    kind: str
    type: str
    name: str
    service: str
    operation: str
    asked: Callable[[str], dict[str, Any]]
    missing: str
    delete: str
    kept: bool = False

    def taken(self, environment: Environment, target: Target) -> Iterator[Finding]:
        name = environment.named(self.name)
        command = f"aws {self.delete.format(name=name, region=target.region)}"
        command += f" --region {target.region}"
        with faults.unless(self.missing):
            getattr(target.client(self.service), self.operation)(**self.asked(name))
            yield _taken(environment, self.kind, name, command, kept=self.kept)


NAMED = (
    _Named(
        *("Repository", "AWS::ECR::Repository"),
        *("liberty-social-backend", "ecr", "describe_repositories"),
        lambda name: {"repositoryNames": [name]},
        "RepositoryNotFoundException",
        "ecr delete-repository --force --repository-name {name}",
        kept=True,
    ),
    _Named(
        *("Database", "AWS::RDS::DBInstance"),
        *("liberty-social-db", "rds", "describe_db_instances"),
        lambda name: {"DBInstanceIdentifier": name},
        "DBInstanceNotFound",
        "rds delete-db-instance --final-db-snapshot-identifier {name}-last "
        "--db-instance-identifier {name}",
    ),
    _Named(
        *("Cache", "AWS::ElastiCache::CacheCluster"),
        *("liberty-social-redis", "elasticache", "describe_cache_clusters"),
        lambda name: {"CacheClusterId": name},
        "CacheClusterNotFound",
        "elasticache delete-cache-cluster --final-snapshot-identifier {name}-last "
        "--cache-cluster-id {name}",
    ),
    _Named(
        *("Load balancer", "AWS::ElasticLoadBalancingV2::LoadBalancer"),
        *("liberty-social-alb", "elbv2", "describe_load_balancers"),
        lambda name: {"Names": [name]},
        "LoadBalancerNotFound",
        'elbv2 delete-load-balancer --load-balancer-arn "$(aws elbv2 describe-load-balancers '
        "--region {region} --names {name} --query 'LoadBalancers[0].LoadBalancerArn' "
        '--output text)"',
    ),
)


def _task_role(environment: Environment, target: Target) -> Iterator[Finding]:
    name = environment.named(TASK_ROLE)
    if role(target, name):
        command = f"with its policies: aws iam delete-role --role-name {name}"
        yield _taken(environment, "Role", name, command, kept=False)


def execution_role(environment: Environment, target: Target) -> Iterator[Finding]:
    name = environment.named(EXECUTION_ROLE)
    if environment.settings["ExistingExecutionRole"] or not role(target, name):
        return
    says = (
        "is there already, and not this stack's (the ECS console makes one); to start tasks "
        f"with it, set ExistingExecutionRole: {name}."
    )
    yield Finding(Level.OBSTACLE, f"Role {name}", says)


def role(target: Target, name: str) -> Any:
    with faults.unless("NoSuchEntity"):
        return target.client("iam").get_role(RoleName=name)["Role"]
    return None


def _taken(
    environment: Environment,
    kind: str,
    name: str,
    command: str,
    *,
    kept: bool,
    how: str = "there",
) -> Finding:
    """Report that a name is taken; `kept` is whether an earlier destroy may have kept it."""
    whose = "kept by an earlier destroy" if kept else "another stack's, or made by hand"
    return Finding(
        Level.OBSTACLE,
        f"{kind} {name}",
        f"is {how}, and one of that name is to be made: {whose}?",
        f"To take it in: make deploy ENV={environment.name} ADOPT=1." if kept else "",
        f"Delete it, if nobody needs it ({command}), {ELSE}.",
    )
