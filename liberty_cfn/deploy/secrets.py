"""The environment's secrets: which have a value, and setting those that need a person.

Values are never read here, and are sent to AWS alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.targets import Target
from liberty_cfn.deploy.tasks import ABSENT, CLUSTER, SERVICE, service
from liberty_cfn.environments import Environment
from liberty_cfn.stateful import SECRETS

PREFIX = "liberty-social/"
DJANGO_KEY, DATABASE_PASSWORD = "SECRET_KEY", "DB_PASSWORD"
ACCESS_KEY = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
GENERATED = {
    DJANGO_KEY: "AWS generated it and nobody has seen it; another one signs everybody out",
    DATABASE_PASSWORD: "AWS generated it together with the database, which would keep the old "
    "one",
}
NAMES = tuple(SECRETS.values())
SET_BY_A_PERSON = tuple(name for name in NAMES if name not in {*GENERATED, *ACCESS_KEY})
LONGEST = 65536  # bytes, what Secrets Manager takes
CURRENT = "AWSCURRENT"
MISSING = "ResourceNotFoundException"


@dataclass(frozen=True)
class Secret:
    """What is known of a secret, except its value."""

    name: str
    secret: str  # its name in AWS
    exists: bool
    has_value: bool
    changed: datetime | None
    scheduled_for_deletion: bool


def full_name(environment: Environment, name: str) -> str:
    return environment.named(f"{PREFIX}{name}")


def refusal(environment: Environment, name: str) -> str:
    """Return why a person may not set the secret `name`; empty if they may."""
    made = is_given(environment, ACCESS_KEY[0])
    settable = SET_BY_A_PERSON if made else (*SET_BY_A_PERSON, *ACCESS_KEY)
    if name in settable:
        return ""
    theirs = f"There are, for a person to set: {', '.join(settable)}."
    if name in GENERATED:
        return f"{name} is not set by hand: {GENERATED[name]}. {theirs}"
    if name in ACCESS_KEY:
        return (
            f"{name} is not set by hand in {environment.name}: with ApplicationAccessKey, the "
            f"key is made and kept by the stack. {theirs}"
        )
    unknown = f"There is no secret {name}." if name else "Which secret? Name it with NAME=..."
    return f"{unknown} {theirs}"


def listed(environment: Environment, target: Target) -> list[Secret]:
    """Return the secrets, and what is known of each; no value is read."""
    return [_known(environment, target, name) for name in NAMES]


def missing(environment: Environment, target: Target) -> list[str]:
    """Return the secrets that the application needs, a person sets, and have no value.

    The access key is not needed if the stack makes none: its secrets are then empty on purpose,
    and the container doesn't get them.
    """
    return [n for n in SET_BY_A_PERSON if not _known(environment, target, n).has_value]


def store(environment: Environment, target: Target, name: str, value: str) -> str:
    """Set a secret to `value`, and return the id of the new version.

    Raises:
        DeployError: it isn't a person's to set, isn't there, or AWS can't take the value.
    """
    if why := refusal(environment, name):
        raise DeployError(why)
    if not value.strip():
        raise DeployError(f"{name} was not changed: nothing was given.")
    if "\0" in value:
        raise DeployError(f"{name} was not changed: no environment variable has a NUL in it.")
    if len(value.encode()) > LONGEST:
        raise DeployError(f"{name} was not changed: AWS takes {LONGEST} bytes at most.")
    full, manager = full_name(environment, name), target.client("secretsmanager")
    with faults.unless(MISSING):
        with faults.unless("InvalidRequestException"):
            stored = manager.put_secret_value(
                SecretId=full, SecretString=value, ClientRequestToken=str(uuid4())
            )
            return str(stored["VersionId"])
        raise DeployError(
            f"{name} was not changed: {full} can't be written to, as when it is scheduled for "
            f"deletion. To have it back: {restoring(target, full)}"
        )
    raise DeployError(
        f"There is no secret {full} yet; deploying makes it: make deploy "
        f"ENV={environment.name}."
    )


def restart(environment: Environment, target: Target) -> int:
    """Have the service replace its tasks, which read secrets only when they start.

    Returns how many tasks it runs.

    Raises:
        DeployError: there is no service.
    """
    name = environment.named(SERVICE)
    with faults.unless(*ABSENT, "ServiceNotActiveException"):
        service = target.client("ecs").update_service(
            cluster=environment.named(CLUSTER), service=name, forceNewDeployment=True
        )["service"]
        return int(service["desiredCount"])
    raise DeployError(
        f"Nothing was restarted: there is no service {name}; tasks that a deploy starts have "
        "the new value."
    )


def outdated(environment: Environment, target: Target) -> list[str]:
    """Return the secrets that running tasks have an old value of.

    Those are the ones with a version newer than the deployment that the tasks belong to. A
    change of tags or description makes no new version.
    """
    began = _deployed_at(environment, target)
    if began is None:
        return []
    return [
        name
        for name in NAMES
        if is_given(environment, name) and (since(environment, target, name) or began) > began
    ]


def is_given(environment: Environment, name: str) -> bool:
    """Whether tasks are given a secret; the access key's only where the stack makes one."""
    return name not in ACCESS_KEY or environment.settings["ApplicationAccessKey"] == "true"


def _deployed_at(environment: Environment, target: Target) -> datetime | None:
    """Return when the running tasks' deployment began; None without tasks."""
    found = service(environment, target)
    if not found or not found["desiredCount"]:
        return None
    begun = (d["createdAt"] for d in found.get("deployments", []) if d["status"] == "PRIMARY")
    return next(begun, None)


def since(environment: Environment, target: Target, name: str) -> datetime | None:
    """Return when a secret's current version was made; None without one."""
    with faults.unless(MISSING):
        versions = target.client("secretsmanager").list_secret_version_ids(
            SecretId=full_name(environment, name)
        )["Versions"]
        made = (v["CreatedDate"] for v in versions if CURRENT in v.get("VersionStages", []))
        return next(made, None)
    return None


def as_json(secret: Secret) -> dict[str, Any]:
    return asdict(secret) | {"changed": secret.changed and secret.changed.isoformat()}


def _known(environment: Environment, target: Target, name: str) -> Secret:
    full = full_name(environment, name)
    found = described(target, full) or {}
    deleted = "DeletedDate" in found
    changed = found.get("LastChangedDate")
    return Secret(
        name,
        full,
        exists=bool(found) and not deleted,
        has_value=has_value(found),
        # boto tells it in this machine's time zone.
        changed=changed and changed.astimezone(UTC),
        scheduled_for_deletion=deleted,
    )


def has_value(found: Mapping[str, Any]) -> bool:
    """Whether a secret has a value, by its description."""
    return any(CURRENT in stages for stages in found.get("VersionIdsToStages", {}).values())


def described(target: Target, full: str) -> Mapping[str, Any] | None:
    """Return what AWS says of a secret, also one scheduled for deletion; None without it."""
    with faults.unless(MISSING):
        return dict(target.client("secretsmanager").describe_secret(SecretId=full))
    return None


def setting(environment: Environment, name: str) -> str:
    """Return the command that sets a secret; in a set's target, one for its own account."""
    if not environment.stack_name:
        return f"make secret ENV={environment.name} NAME={name} ARGS=--restart"
    return (
        f"aws secretsmanager put-secret-value --region {environment.region} --secret-id "
        f"{full_name(environment, name)} --secret-string file://FILE"
    )


def restoring(target: Target, full: str) -> str:
    """Return the command that brings back a secret that is scheduled for deletion."""
    return f"aws secretsmanager restore-secret --region {target.region} --secret-id {full}"
