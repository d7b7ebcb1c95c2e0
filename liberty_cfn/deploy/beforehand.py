"""What would make a deploy fail, asked before anything is made.

First what the settings name, then what is in the way in the account: a leftover of an
earlier destroy, a name that is taken, a quota that is used up.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from liberty_cfn.deploy import delegation
from liberty_cfn.deploy.finding import Finding, Level
from liberty_cfn.deploy.stack import find, parameters
from liberty_cfn.deploy.statuses import Meaning, meaning
from liberty_cfn.deploy.targets import Target
from liberty_cfn.environments import Environment

ZONES = 2
REFUSED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")
TASKS = "ecs-tasks.amazonaws.com"
ASSUME = ("sts:AssumeRole", "sts:*", "*")
SECRETS = "liberty-social/"
SECRET_NAMES = (
    "SECRET_KEY",
    "DB_PASSWORD",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "DEFAULT_FROM_EMAIL",
)
LOG_GROUPS = ("/ecs/liberty-social-backend", "/aws/events/liberty-social-task-failures")
BUCKET = "liberty-social-uploads"
EXECUTION_ROLE, TASK_ROLE = "ecsTaskExecutionRole", "ecsTaskRole"
ELSE = "or choose another NameSuffix"


Check = Callable[[Environment, Target], Iterator[Finding]]


def obstacles(
    environment: Environment, target: Target, *, adopt: bool = False
) -> Iterator[str]:
    """Yield, in words, what surely makes a deploy fail, and what to do about it.

    What a deploy can `adopt` is then none.
    """
    found = hindering(environment, target)
    yield from (str(each) for each in found if not (adopt and each.adoptable))


def hindering(environment: Environment, target: Target) -> list[Finding]:
    """Return what surely makes a deploy fail.

    With a setting that leads nowhere, the account is not looked through: with another
    region or zone, other things may be in the way.
    """
    for part in (named_by_settings, in_the_way):
        found = [f for f in part(environment, target) if f.level is Level.OBSTACLE]
        if found:
            return found
    return []


def named_by_settings(environment: Environment, target: Target) -> Iterator[Finding]:
    """Yield whether what the settings name is there, and can be used."""
    yield from _asked("Region", _zones, environment, target)
    for setting, check in (
        ("HostedZoneId", _hosted_zone),
        ("CertificateArn", certificate),
        ("ExistingExecutionRole", _existing_role),
    ):
        if environment.settings[setting]:
            yield from _asked(setting, check, environment, target)


def in_the_way(environment: Environment, target: Target) -> Iterator[Finding]:
    """Yield what is in the way of what a deploy would make anew."""
    before = deployed(environment, target)
    if before is None:
        yield from _asked(delegation.ABOUT, delegation.check, environment, target)
        yield from _names(environment, target)
        if target.is_aws:
            yield from quotas(environment, target)
    elif before.get("NameSuffix", "") != environment.named(""):
        # What is there takes nothing in.
        yield from (replace(each, adopt="") for each in _names(environment, target))
    elif before.get("ExistingExecutionRole"):
        # The role has been somebody else's so far; now it may be made.
        yield from _asked("Role", _execution_role, environment, target)


def own_zone(environment: Environment, target: Target) -> Iterator[Finding]:
    """Tell of a zone of the domain that is there although one is to be made."""
    if environment.settings["CreateHostedZone"] != "true":
        return
    if deployed(environment, target) is not None:
        return
    domain = environment.settings["DomainName"]
    if ids := delegation.public_zones(domain, target):
        says = (
            f"{domain} has a public zone already ({', '.join(ids)}), and a new one will have "
            f"other name servers than the registrar knows; to use it, say HostedZoneId: "
            f"{ids[0]}, and CreateHostedZone: false."
        )
        yield Finding(Level.WARNING, "CreateHostedZone", says)


def deployed(environment: Environment, target: Target) -> Mapping[str, str] | None:
    """Return the parameters of the environment's stack; None if there is nothing."""
    stack = find(target.client("cloudformation"), environment.stack)
    if stack is None or meaning(stack["StackStatus"]) is Meaning.ABSENT:
        return None
    return parameters(stack)


def _asked(
    about: str, check: Check, environment: Environment, target: Target
) -> Iterator[Finding]:
    """Yield what a check finds; that it could not look, where AWS doesn't let it."""
    try:
        yield from check(environment, target)
    except ClientError as error:
        if error.response["Error"]["Code"] not in REFUSED:
            raise
        why = f"not checked: these credentials may not call {error.operation_name}."
        yield Finding(Level.WARNING, about, why)


def _zones(_: Environment, target: Target) -> Iterator[Finding]:
    there = target.client("ec2").describe_availability_zones(
        Filters=[
            {"Name": "state", "Values": ["available"]},
            {"Name": "zone-type", "Values": ["availability-zone"]},
        ]
    )["AvailabilityZones"]
    said = f"{target.region} has {len(there)} availability zones for this account"
    if len(there) < ZONES:
        advice = f"{said}, and the subnets need {ZONES}; choose another region."
        yield Finding(Level.OBSTACLE, "Region", advice)
    else:
        yield Finding(Level.OK, "Region", f"{said}.")


def _hosted_zone(environment: Environment, target: Target) -> Iterator[Finding]:
    wanted = environment.settings["HostedZoneId"]
    domain = environment.settings["DomainName"]
    try:
        zone = target.client("route53").get_hosted_zone(Id=wanted)["HostedZone"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NoSuchHostedZone", "InvalidInput"):
            raise
        yield Finding(
            Level.OBSTACLE,
            "HostedZoneId",
            f"this account has no hosted zone {wanted}; say the id of {domain}'s "
            "public zone, or CreateHostedZone: true to have it made.",
        )
        return
    name = zone["Name"].rstrip(".")
    belongs = domain == name or domain.endswith(f".{name}")
    private = zone.get("Config", {}).get("PrivateZone")
    if not belongs:
        says = f"{wanted} is the zone of {name}, which {domain} is not in."
        yield Finding(Level.OBSTACLE, "HostedZoneId", says)
    if private:
        says = f"{wanted} is private; a certificate is proved in a public zone."
        yield Finding(Level.OBSTACLE, "HostedZoneId", says)
    if belongs and not private:
        yield Finding(Level.OK, "HostedZoneId", f"{wanted} is the public zone of {name}.")


def certificate(environment: Environment, target: Target) -> Iterator[Finding]:
    """Yield whether the certificate that the settings name can be presented."""
    about, arn, host = (
        "CertificateArn",
        environment.settings["CertificateArn"],
        environment.host,
    )
    try:
        found = target.client("acm").describe_certificate(CertificateArn=arn)["Certificate"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        says = f"this account has no certificate {arn}; leave it empty to have one made."
        yield Finding(Level.OBSTACLE, about, says)
        return
    names = {found["DomainName"], *found.get("SubjectAlternativeNames", [])}
    if found["Status"] != "ISSUED":
        says = (
            f"the certificate is {found['Status']}, and a load balancer takes only one that is "
            "ISSUED; have it issued, or leave this empty to have one made."
        )
        yield Finding(Level.OBSTACLE, about, says)
    elif not names & {host, f"*.{host.partition('.')[2]}"}:
        said = ", ".join(sorted(names))
        says = f"the certificate is good for {said}, not for {host}: browsers will refuse it."
        yield Finding(Level.WARNING, about, says)
    else:
        yield Finding(Level.OK, about, f"the certificate is issued, and good for {host}.")


def _existing_role(environment: Environment, target: Target) -> Iterator[Finding]:
    name = environment.settings["ExistingExecutionRole"]
    about, role = "ExistingExecutionRole", _role(target, name)
    if role is None:
        says = f"this account has no role {name}; leave it empty to have one made."
        yield Finding(Level.OBSTACLE, about, says)
    elif role["Path"] != "/":
        says = f"{name} has the path {role['Path']}; tasks can be started only with one at /."
        yield Finding(Level.OBSTACLE, about, says)
    elif not _may_assume(role.get("AssumeRolePolicyDocument")):
        says = (
            f"the role {name} doesn't let ECS take it, so no task would start; its trust "
            f"policy has to allow sts:AssumeRole to {TASKS} "
            "(aws iam update-assume-role-policy)."
        )
        yield Finding(Level.OBSTACLE, about, says)
    else:
        yield Finding(Level.OK, about, f"ECS may take the role {name}.")


def _may_assume(trust: Any) -> bool:
    """Whether a trust policy lets ECS start tasks with its role; conditions aside."""
    document = json.loads(trust) if isinstance(trust, str) else trust or {}
    return any(
        statement.get("Effect") == "Allow"
        and any(action in ASSUME for action in _listed(statement.get("Action")))
        and _names_tasks(statement.get("Principal"))
        for statement in _listed(document.get("Statement"))
    )


def _names_tasks(principal: Any) -> bool:
    if isinstance(principal, dict):
        return TASKS in _listed(principal.get("Service"))
    return bool(principal == "*")


def _listed(value: Any) -> list[Any]:
    """Return a value of a policy as a list; one alone may stand for itself."""
    return value if isinstance(value, list) else [] if value is None else [value]


def _names(environment: Environment, target: Target) -> Iterator[Finding]:
    """Yield the names that a new environment needs and that are taken."""
    found: list[Finding] = []
    for about, check in (
        ("Secrets", _secrets),
        ("Bucket", bucket),
        ("Log groups", _log_groups),
        *((one.kind, one.taken) for one in NAMED),
        ("Role", _task_role),
        ("Role", _execution_role),
    ):
        found += _asked(about, check, environment, target)
    yield from found
    if not found:
        yield Finding(Level.OK, "Names", "none that a new environment needs is taken.")


def _secrets(environment: Environment, target: Target) -> Iterator[Finding]:
    ours = {environment.named(f"{SECRETS}{name}") for name in SECRET_NAMES}
    pages = target.client("secretsmanager").get_paginator("list_secrets")
    for page in pages.paginate(
        IncludePlannedDeletion=True, Filters=[{"Key": "name", "Values": [SECRETS]}]
    ):
        for each in page["SecretList"]:
            if each["Name"] in ours:
                deleted = "DeletedDate" in each
                yield _kept(
                    environment,
                    "Secret",
                    each["Name"],
                    "aws secretsmanager delete-secret --force-delete-without-recovery "
                    f"--region {target.region} --secret-id {each['Name']}",
                    "scheduled for deletion, which keeps its name" if deleted else "there",
                )


def bucket(environment: Environment, target: Target) -> Iterator[Finding]:
    """Yield whether the name of the bucket is taken, by us or by anybody in the world."""
    name = environment.named(BUCKET)
    try:
        target.client("s3").head_bucket(Bucket=name, ExpectedBucketOwner=target.account)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ("403", "AccessDenied"):
            says = "belongs to another account, or is kept from you; choose another NameSuffix."
            yield Finding(Level.OBSTACLE, f"Bucket {name}", says)
        elif code not in ("404", "NoSuchBucket", "NotFound"):
            raise
        return
    yield _kept(
        environment, "Bucket", name, f"aws s3 rb s3://{name} --force, and its old versions"
    )


def _log_groups(environment: Environment, target: Target) -> Iterator[Finding]:
    for group in LOG_GROUPS:
        name = environment.named(group)
        found = target.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        if any(each["logGroupName"] == name for each in found):
            command = f"aws logs delete-log-group --region {target.region}"
            command += f" --log-group-name {name}"
            yield _kept(environment, "Log group", name, command)


@dataclass(frozen=True)
class _Named:
    """A thing whose name is one in its account and region: how it is found, and deleted."""

    kind: str
    name: str
    service: str
    operation: str
    asked: Callable[[str], dict[str, Any]]
    missing: str
    delete: str
    kept: bool = False

    def taken(self, environment: Environment, target: Target) -> Iterator[Finding]:
        name = environment.named(self.name)
        try:
            getattr(target.client(self.service), self.operation)(**self.asked(name))
        except ClientError as error:
            if error.response["Error"]["Code"] != self.missing:
                raise
            return
        command = f"aws {self.delete.format(name=name)} --region {target.region}"
        if self.kept:
            yield _kept(environment, self.kind, name, command)
        else:
            yield _taken(self.kind, name, command)


NAMED = (
    _Named(
        *("Repository", "liberty-social-backend", "ecr", "describe_repositories"),
        lambda name: {"repositoryNames": [name]},
        "RepositoryNotFoundException",
        "ecr delete-repository --force --repository-name {name}",
        kept=True,
    ),
    _Named(
        *("Database", "liberty-social-db", "rds", "describe_db_instances"),
        lambda name: {"DBInstanceIdentifier": name},
        "DBInstanceNotFound",
        "rds delete-db-instance --final-db-snapshot-identifier {name}-last "
        "--db-instance-identifier {name}",
    ),
    _Named(
        *("Cache", "liberty-social-redis", "elasticache", "describe_cache_clusters"),
        lambda name: {"CacheClusterId": name},
        "CacheClusterNotFound",
        "elasticache delete-cache-cluster --final-snapshot-identifier {name}-last "
        "--cache-cluster-id {name}",
    ),
    _Named(
        *("Load balancer", "liberty-social-alb", "elbv2", "describe_load_balancers"),
        lambda name: {"Names": [name]},
        "LoadBalancerNotFound",
        "elbv2 delete-load-balancer --load-balancer-arn $(aws elbv2 describe-load-balancers "
        "--names {name} --query LoadBalancers[0].LoadBalancerArn --output text)",
    ),
)


def _task_role(environment: Environment, target: Target) -> Iterator[Finding]:
    name = environment.named(TASK_ROLE)
    if _role(target, name):
        yield _taken("Role", name, f"with its policies: aws iam delete-role --role-name {name}")


def _execution_role(environment: Environment, target: Target) -> Iterator[Finding]:
    name = environment.named(EXECUTION_ROLE)
    if environment.settings["ExistingExecutionRole"] or not _role(target, name):
        return
    says = (
        "is there already, and not this stack's (the ECS console makes one); to start tasks "
        f"with it, say ExistingExecutionRole: {name}."
    )
    yield Finding(Level.OBSTACLE, f"Role {name}", says)


def _role(target: Target, name: str) -> Any:
    """Return a role, or None."""
    try:
        return target.client("iam").get_role(RoleName=name)["Role"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchEntity":
            return None
        raise


def _kept(
    environment: Environment, kind: str, name: str, command: str, how: str = "there"
) -> Finding:
    """Return that a name is taken by what an earlier destroy may have kept."""
    adopt = f"make deploy ENV={environment.name} ADOPT=1 takes it in."
    return _taken(kind, name, command, how, adopt)


def _taken(kind: str, name: str, command: str, how: str = "there", adopt: str = "") -> Finding:
    says = (
        f"is {how}, and one of that name is to be made: kept by an earlier destroy? "
        f"Delete it, if nobody needs it ({command}), {ELSE}."
    )
    return Finding(Level.OBSTACLE, f"{kind} {name}", says, adopt)


@dataclass(frozen=True)
class _Quota:
    """A limit of the region. The codes are listed in its Service Quotas console."""

    thing: str
    service: str
    code: str


VPCS = _Quota("VPCs", "vpc", "L-F678F1CE")
ADDRESSES = _Quota("elastic IP addresses", "ec2", "L-0263D0A3")


def quotas(environment: Environment, target: Target) -> Iterator[Finding]:
    """Yield whether the region has room for another VPC and its addresses."""
    ec2 = target.client("ec2")
    addresses = 2 if environment.settings["NatGatewayPerZone"] == "true" else 1

    def vpcs() -> int:
        pages = ec2.get_paginator("describe_vpcs").paginate()
        return sum(len(page["Vpcs"]) for page in pages)

    yield _quota(target, VPCS, 1, vpcs)
    yield _quota(
        target, ADDRESSES, addresses, lambda: len(ec2.describe_addresses()["Addresses"])
    )


def _quota(target: Target, quota: _Quota, needed: int, used: Callable[[], int]) -> Finding:
    """Return whether there is room for what is `needed`; that AWS didn't say, if so."""
    about = f"Quota of {quota.thing}"
    try:
        most = int(_most(target, quota))
        taken = used()
    except (ClientError, BotoCoreError) as error:
        # Whether there is room is worth knowing, but no reason to stop.
        why = f"not checked, as AWS doesn't tell ({type(error).__name__}); {needed} needed."
        return Finding(Level.WARNING, about, why)
    said = f"{taken} of {most} are in use in {target.region}, and {needed} more needed"
    if taken + needed <= most:
        return Finding(Level.OK, about, f"{said}.")
    command = (
        f"aws service-quotas request-service-quota-increase --region {target.region} "
        f"--service-code {quota.service} --quota-code {quota.code} "
        f"--desired-value {taken + needed}"
    )
    return Finding(Level.OBSTACLE, about, f"{said}; release some, or ask for more: {command}")


def _most(target: Target, quota: _Quota) -> float:
    asked = {"ServiceCode": quota.service, "QuotaCode": quota.code}
    client = target.client("service-quotas")
    try:
        return float(client.get_service_quota(**asked)["Quota"]["Value"])
    except ClientError as error:
        # Told only where it was ever changed.
        if error.response["Error"]["Code"] != "NoSuchResourceException":
            raise
    return float(client.get_aws_default_service_quota(**asked)["Quota"]["Value"])
