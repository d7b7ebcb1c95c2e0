"""Logging."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from liberty_cfn.verify.facts import Fact, equal
from liberty_cfn.verify.reading import Aws, MissingError

GROUP = "/ecs/liberty-social-backend"


def log_group(aws: Aws) -> Iterator[Fact]:
    """State what the spec says of the log group."""
    found = find(aws, aws.named(GROUP))
    yield equal("name", aws.named(GROUP), found["logGroupName"])
    yield equal("region", aws.region, found["arn"].split(":")[3])
    days = aws.number("LogRetentionDays")
    yield equal("retention (days)", days, found.get("retentionInDays"))


def find(aws: Aws, name: str) -> Any:
    """Return a log group.

    Raises:
        MissingError: there is none of that name.
    """
    answer = aws.read("logs", "describe_log_groups", logGroupNamePrefix=name)
    for group in answer.get("logGroups", []):
        if group["logGroupName"] == name:
            return group
    raise MissingError
