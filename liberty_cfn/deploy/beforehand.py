"""What would make a deploy fail, asked before anything is made.

First what the settings name, then what is in the way in the account: a leftover of an earlier
destroy, a name that is taken, a quota that is used up. The doctor tells all of it, and more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from liberty_cfn.deploy import (
    certificates,
    delegation,
    images,
    leftovers,
    named,
    secrets,
)
from liberty_cfn.deploy.disks import disk
from liberty_cfn.deploy.finding import Check, Finding, Level, all_asked, asked
from liberty_cfn.deploy.quotas import quotas
from liberty_cfn.deploy.stack import find, parameters
from liberty_cfn.deploy.statuses import UPDATABLE, Meaning, in_words, state_of
from liberty_cfn.deploy.targets import Target
from liberty_cfn.environments import Environment

# With one of these, another certificate is requested.
CERTIFIED = ("DomainName", "HostedZoneId", "CertificateArn")


def obstacles(
    environment: Environment,
    target: Target,
    stack: Mapping[str, Any] | None,
    templates: Mapping[str, str] | None = None,
) -> list[Finding]:
    """Return what would surely make a deploy fail; with `templates`, a deploy of those.

    `stack` is the environment's, as CloudFormation describes it. If a setting is wrong, the
    account isn't searched: with another region or zone, other things may be in the way.
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
    before = deployed(stack) or {}
    checks: list[tuple[str, Check]] = [
        ("HostedZoneId", named.hosted_zone),
        ("CertificateArn", partial(named.certificate, before=before)),
        ("ExistingExecutionRole", partial(named.existing_role, before=before)),
    ]
    due = [each for each in checks if environment.settings[each[0]]]
    if deployed(stack) is None:
        # A stack that is there has its subnets in zones already.
        due.insert(0, ("Region", named.zones))
    yield from all_asked(due, environment, target)


def in_the_way(
    environment: Environment,
    target: Target,
    stack: Mapping[str, Any] | None,
    templates: Mapping[str, str] | None = None,
) -> Iterator[Finding]:
    """Yield what is in the way of what a deploy, of these templates, would make or change."""
    before = deployed(stack)
    yield from asked("Database", partial(disk, before=before or {}), environment, target)
    if any((before or {}).get(name) != environment.settings[name] for name in CERTIFIED):
        yield from asked(delegation.DELEGATION, delegation.delegation, environment, target)
    if before is None:
        yield from leftovers.names(environment, target, templates)
        if target.is_aws:
            yield from quotas(environment, target)
    elif before.get("NameSuffix", "") != environment.named(""):
        # Only a new environment can adopt.
        for each in leftovers.names(environment, target, templates):
            yield replace(each, adopt="")
    elif before.get("ExistingExecutionRole"):
        # So far, the role was somebody else's; now it may be created.
        yield from asked("Role", leftovers.execution_role, environment, target)


def deployed(stack: Mapping[str, Any] | None) -> Mapping[str, str] | None:
    """Return the parameters of an environment's stack; None if there is nothing in it."""
    return parameters(stack) if stack and state_of(stack) is not Meaning.ABSENT else None


def examine(environment: Environment, target: Target) -> list[Finding]:
    """Return all that was found: what is fine, what needs attention, what is in the way."""
    stack = find(target.client("cloudformation"), environment.stack)
    found = [
        *_stack(environment, target, stack),
        *named_by_settings(environment, target, stack),
        *in_the_way(environment, target, stack),
    ]
    checks: list[tuple[str, Check]] = []
    if not any(each.about == delegation.DELEGATION for each in found):
        checks.append((delegation.DELEGATION, delegation.delegation))
    if deployed(stack) is None:
        checks.append(("CreateHostedZone", delegation.own_zone))
    checks += [("Certificate", _certificate), ("Image", _image)]
    # Until a deploy has succeeded, there are no secrets.
    if state_of(stack) not in (Meaning.ABSENT, Meaning.BROKEN):
        checks.append(("Secrets", _secrets))
    return [*found, *all_asked(checks, environment, target)]


def _stack(
    environment: Environment, target: Target, stack: Mapping[str, Any] | None
) -> Iterator[Finding]:
    if stack is None or (state := state_of(stack)) is Meaning.ABSENT:
        return
    status = stack["StackStatus"]
    adopts = leftovers.of_a_failed_creation(environment, target, status)
    says = in_words(status, environment, adopts=adopts)
    # A deploy waits for it, unless all is being deleted.
    awaited = state is Meaning.WORKING and status != "DELETE_IN_PROGRESS"
    worked = Level.WARNING if awaited else Level.OBSTACLE
    yield Finding(Level.OK if state in UPDATABLE else worked, "Stack", says)


def _certificate(environment: Environment, target: Target) -> Iterator[Finding]:
    for one in certificates.awaited(environment, target):
        yield Finding(Level.WARNING, "Certificate", f"{one.in_words()}.")


def _image(environment: Environment, target: Target) -> Iterator[Finding]:
    image = images.resolve(environment, target)
    setting = environment.settings["Image"]
    if image.digest:
        yield Finding(Level.OK, "Image", f"{setting} is {image.digest}.")
    elif image.refusal:
        yield Finding(Level.OBSTACLE, "Image", image.refusal.removeprefix("Image: "))
    elif image.advice:
        yield Finding(Level.WARNING, "Image", image.advice)
    else:
        yield Finding(Level.OK, "Image", "none, and the local AWS needs none.")


def _secrets(environment: Environment, target: Target) -> Iterator[Finding]:
    """Name the secrets that a person has to set, or to have back."""
    for each in secrets.listed(environment, target):
        if each.scheduled_for_deletion:
            back = secrets.restoring(target, each.secret)
            says = f"it is scheduled for deletion, and a task that needs it can't start: {back}"
            yield Finding(Level.WARNING, each.name, says)
        if each.name in secrets.SET_BY_A_PERSON and not each.has_value:
            says = f"it has no value: {secrets.setting(environment, each.name)}"
            yield Finding(Level.WARNING, each.name, says)
