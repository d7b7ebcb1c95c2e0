"""What would make a deploy fail, asked before anything is made.

First what the settings name, then what is in the way in the account: a leftover of an
earlier destroy, a name that is taken, a quota that is used up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from liberty_cfn.deploy import delegation, leftovers, named
from liberty_cfn.deploy.finding import Finding, Level, asked
from liberty_cfn.deploy.quotas import quotas
from liberty_cfn.deploy.stack import parameters
from liberty_cfn.deploy.statuses import Meaning, state_of
from liberty_cfn.deploy.targets import Target
from liberty_cfn.environments import Environment


def obstacles(
    environment: Environment,
    target: Target,
    stack: Mapping[str, Any] | None,
    templates: Mapping[str, str] | None = None,
) -> list[Finding]:
    """Return what surely makes a deploy fail: of these templates, where they are known.

    `stack` is the environment's, as CloudFormation describes it.

    With a setting that leads nowhere, the account is not looked through: with another
    region or zone, other things may be in the way.
    """
    for findings in (
        named_by_settings(environment, target, stack),
        in_the_way(environment, target, stack, templates),
    ):
        if found := [each for each in findings if each.level is Level.OBSTACLE]:
            return found
    return []


def named_by_settings(
    environment: Environment, target: Target, stack: Mapping[str, Any] | None
) -> Iterator[Finding]:
    """Yield whether what the settings name is there, and can be used."""
    if deployed(stack) is None:
        # A stack that is there has its subnets in zones already.
        yield from asked("Region", named.zones, environment, target)
    for setting, check in (
        ("HostedZoneId", named.hosted_zone),
        ("CertificateArn", named.certificate),
        ("ExistingExecutionRole", named.existing_role),
    ):
        if environment.settings[setting]:
            yield from asked(setting, check, environment, target)


def in_the_way(
    environment: Environment,
    target: Target,
    stack: Mapping[str, Any] | None,
    templates: Mapping[str, str] | None = None,
) -> Iterator[Finding]:
    """Yield what is in the way of what a deploy, of these templates, would make anew."""
    before = deployed(stack)
    if before is None:
        yield from asked(delegation.ABOUT, delegation.check, environment, target)
        yield from leftovers.names(environment, target, templates)
        if target.is_aws:
            yield from quotas(environment, target)
    elif before.get("NameSuffix", "") != environment.named(""):
        # Only a new environment can adopt.
        for each in leftovers.names(environment, target, templates):
            yield replace(each, adopt="")
    elif before.get("ExistingExecutionRole"):
        # The role has been somebody else's so far; now it may be made.
        yield from asked("Role", leftovers.execution_role, environment, target)


def deployed(stack: Mapping[str, Any] | None) -> Mapping[str, str] | None:
    """Return the parameters of an environment's stack; None if there is nothing in it."""
    return parameters(stack) if stack and state_of(stack) is not Meaning.ABSENT else None
