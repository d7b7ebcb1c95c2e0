"""Secrets: the five in Secrets Manager. Whether they have a value is checked, never which."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from liberty_cfn.verify.facts import Fact, equal
from liberty_cfn.verify.reading import Aws, MissingError

NAMES = (
    "SECRET_KEY",
    "DB_PASSWORD",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "DEFAULT_FROM_EMAIL",
)
# A key in the container's environment would take precedence over the task's role.
OF_A_USER = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


def secret(aws: Aws, name: str) -> Iterator[Fact]:
    """State what the spec says of a secret."""
    found = find(aws, name)
    yield equal("name", full_name(aws, name), found["Name"])
    yield equal("region", aws.region, found["ARN"].split(":")[3])
    # A deleted secret can still be restored, and found, for some days.
    deleted = found.get("DeletedDate")
    yield equal("deleted", None, deleted.date().isoformat() if deleted else None)
    if name not in OF_A_USER or aws.flag("ApplicationAccessKey"):
        yield equal("has a value", expected=True, found=has_value(found))


def full_name(aws: Aws, name: str) -> str:
    return aws.named(f"liberty-social/{name}")


def find(aws: Aws, name: str) -> Any:
    """Return a secret's description.

    Raises:
        MissingError: there is none of that name.
    """
    return aws.read("secretsmanager", "describe_secret", SecretId=full_name(aws, name))


def find_if_any(aws: Aws, name: str) -> Any:
    """Return a secret's description, or None."""
    try:
        return find(aws, name)
    except MissingError:
        return None


def has_value(found: Mapping[str, Any]) -> bool:
    stages = found.get("VersionIdsToStages", {}).values()
    return not found.get("DeletedDate") and any("AWSCURRENT" in each for each in stages)


def in_container(aws: Aws) -> dict[str, str]:
    """Return which secrets the container gets, by the name of the variable."""
    given = [n for n in NAMES if n not in OF_A_USER or aws.flag("ApplicationAccessKey")]
    return {name: full_name(aws, name) for name in given}


def called(aws: Aws, arn: str) -> str:
    """Return the name of the secret with this ARN; the ARN, if it is none of the five.

    The ARN has to be complete, and of the secret that exists now. If none exists, its row says
    so, and any ARN that it may have had is accepted.
    """
    for name in NAMES:
        found = find_if_any(aws, name)
        if found and arn == found["ARN"]:
            return full_name(aws, name)
        whole = re.escape(aws.arn("secretsmanager", f"secret:{full_name(aws, name)}-"))
        if not found and re.fullmatch(f"{whole}[A-Za-z0-9]{{6}}", arn):
            return full_name(aws, name)
    return arn
