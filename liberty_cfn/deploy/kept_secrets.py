"""Secrets that a destroy kept: their values put aside, and given back to a new stack's.

CloudFormation can't import secrets: it identifies them by an ARN that no template can know. So
their names are freed before a deploy, and their values put into the secrets that the stack
creates in their place. Meanwhile a second secret holds each value, so that an interrupted
deploy loses nothing.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from liberty_cfn.deploy import faults, secrets
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.patience import answered
from liberty_cfn.deploy.stack import owner
from liberty_cfn.deploy.targets import Target
from liberty_cfn.environments import Environment

KEPT = "liberty-social/kept/"
# AWS deletes a secret at once if told to, but its name becomes free a little later.
LOOKS, PAUSE = 60, 2.0
# A stack creates a secret with its value: one that is this much younger was set later.
AT_ONCE = timedelta(minutes=1)
BEFORE = "BEFORE-DESTROY"  # the stage of the old value, where a newer one is current


def existing(environment: Environment, target: Target) -> list[str]:
    """Return which secrets of a new environment exist already.

    Raises:
        DeployError: one belongs to a stack that is there: somebody may be using it.
    """
    kept = []
    for name in secrets.NAMES:
        full = secrets.full_name(environment, name)
        if known := secrets.described(target, full):
            _check_is_nobodys(target, full, known)
            kept.append(name)
    return kept


def _check_is_nobodys(target: Target, full: str, secret: Mapping[str, Any]) -> None:
    if whose := owner(target.client("cloudformation"), secret):
        raise DeployError(
            f"{full} was not kept by a destroy: it belongs to the stack {whose}, which is "
            "there, and was left as it is; choose another NameSuffix, or delete that stack."
        )


def put_aside(environment: Environment, target: Target, name: str) -> None:
    """Copy a secret's value to a second secret, and free the first one's name.

    Raises:
        DeployError: the copy isn't what was copied, or the name isn't freed; or a stack has it:
            somebody deployed while consent was waited for.
    """
    client, full = target.client("secretsmanager"), secrets.full_name(environment, name)
    if (known := secrets.described(target, full)) is None:
        # Somebody deleted it while consent was waited for.
        return
    _check_is_nobodys(target, full, known)
    if "DeletedDate" in known:
        client.restore_secret(SecretId=full)
    # By its ARN: another adoption may have freed the name, and its stack have it by now.
    arn = known["ARN"]
    # One that has a value is deleted only when that was read.
    value = _value(client, arn, there=secrets.has_value(known))
    copy, there = _place(environment, target, name, known)
    if value is not None and copy:
        _store(client, copy, value, over=there)
        if _value(client, copy) != value:
            raise DeployError(f"{full} could not be copied to {copy}; it was left as it is.")
    client.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    for _ in range(LOOKS):
        if secrets.described(target, full) is None:
            return
        time.sleep(PAUSE)
    raise DeployError(
        f"AWS is still deleting {full}, whose value is in {aside(environment, name)}; deploy "
        "again in some minutes."
    )


def _place(
    environment: Environment, target: Target, name: str, known: Mapping[str, Any]
) -> tuple[str, bool]:
    """Return the name of the secret that holds a value meanwhile, and whether it is there.

    The name is empty if no secret needs to hold it.

    If one is held already, and this secret was created after it, the stack that created it
    failed, and nobody ever used its value; unless somebody set it, which takes precedence over
    the value held. But a database may have used a password since: that is held beside the
    other, under a numbered name.
    """
    copy = aside(environment, name)
    before = secrets.described(target, copy)
    if before is None or known["CreatedDate"] < before["CreatedDate"]:
        return copy, before is not None
    if not secrets.refusal(environment, name) and _set_since(environment, target, name):
        return copy, True
    if name != secrets.DATABASE_PASSWORD:
        return "", False
    numbered = (f"{copy}.{number}" for number in itertools.count(2))
    return next(one for one in numbered if secrets.described(target, one) is None), False


def waiting(environment: Environment, target: Target, *, lately: bool = False) -> list[str]:
    """Return the secrets whose values are still to be put back.

    The database's password stays aside: the new database has a new one, and only a database
    restored from a snapshot has the old one. `lately` is whether some may have been put aside
    just now: AWS's list of secrets may be five minutes old.
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html
    """
    names = [name for name in secrets.NAMES if name != secrets.DATABASE_PASSWORD]
    if lately:
        return [n for n in names if secrets.described(target, aside(environment, n))]
    pages = target.client("secretsmanager").get_paginator("list_secrets")
    kept = pages.paginate(Filters=[{"Key": "name", "Values": [KEPT]}])
    there = set(kept.search("SecretList[].Name"))
    return [name for name in names if aside(environment, name) in there]


def given_back(
    environment: Environment, target: Target, *, lately: bool = False
) -> dict[str, bool]:
    """Put values that were put aside into the stack's secrets; return which, by full name.

    True is that the old value is the current one again. False is that somebody set another
    meanwhile, or that the stack makes the access key by now: that stays current, and the old
    value is the version labelled `BEFORE`.
    """
    client, given = target.client("secretsmanager"), {}
    for name in waiting(environment, target, lately=lately):
        copy, full = aside(environment, name), secrets.full_name(environment, name)
        if (value := _value(client, copy)) is None:
            # AWS may list it for a while after it was deleted.
            continue
        settable = name == secrets.DJANGO_KEY or not secrets.refusal(environment, name)
        if value != _value(client, full):
            as_made = settable and not _set_since(environment, target, name)
            stages = {} if as_made else {"VersionStages": [BEFORE]}
            client.put_secret_value(SecretId=full, SecretString=value, **stages)
            given[full] = as_made
        client.delete_secret(SecretId=copy, ForceDeleteWithoutRecovery=True)
    return given


def _set_since(environment: Environment, target: Target, name: str) -> bool:
    """Whether a secret no longer has the value that its stack created it with."""
    manager, full = target.client("secretsmanager"), secrets.full_name(environment, name)
    # Just after the stack created it, AWS may not find it yet.
    describe = partial(manager.describe_secret, SecretId=full)
    known = answered(manager, describe, coming=[secrets.MISSING])
    stages = [stage for each in known.get("VersionIdsToStages", {}).values() for stage in each]
    current = secrets.since(environment, target, name)
    later = current and current - known["CreatedDate"] > AT_ONCE
    return bool(later) or "AWSPREVIOUS" in stages


def aside(environment: Environment, name: str) -> str:
    return environment.named(f"{KEPT}{name}")


def _store(client: Any, name: str, value: str, *, over: bool) -> None:
    """Store a value in a secret of this name, `over` the one that is there, or in a new one.

    Raises:
        DeployError: one is there that AWS didn't find before; its value may be the only copy.
    """
    with faults.unless("ResourceExistsException"):
        client.create_secret(
            Name=name,
            SecretString=value,
            Description="Kept by an earlier destroy; a deploy puts it back.",
        )
        return
    if not over and _value(client, name) != value:
        raise DeployError(
            f"{name} holds another value already, which AWS didn't tell before; nothing was "
            "put in its place, or deleted. Deploy again."
        )
    client.put_secret_value(SecretId=name, SecretString=value)


def _value(client: Any, name: str, *, there: bool = False) -> str | None:
    """Return a secret's value as text; None where it has none, or isn't there.

    Raises:
        DeployError: it is no text.
        ClientError: AWS doesn't find a value that is known to be `there`, among others.
    """
    with faults.unless(*[] if there else [secrets.MISSING]):
        found = client.get_secret_value(SecretId=name)
        if "SecretString" not in found:
            raise DeployError(f"{name} is binary, which is none of ours; it was left as it is.")
        return str(found["SecretString"]) or None
    return None
