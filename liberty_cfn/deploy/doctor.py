"""What there is to know of an account, region and zone before a deploy, good and bad."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from liberty_cfn.deploy import beforehand, certificates, delegation, faults, images, secrets
from liberty_cfn.deploy.finding import Check, Finding, Level
from liberty_cfn.deploy.preparing import UPDATABLE
from liberty_cfn.deploy.stack import find
from liberty_cfn.deploy.statuses import Meaning, state_of, what_next
from liberty_cfn.deploy.targets import Target
from liberty_cfn.environments import Environment


def examine(environment: Environment, target: Target) -> list[Finding]:
    """Return all that was found: what is well, what to think of, and what is in the way."""
    stack = find(target.client("cloudformation"), environment.stack)
    found = [
        *_stack(environment, stack),
        *beforehand.named_by_settings(environment, target, stack),
        *beforehand.in_the_way(environment, target, stack),
    ]
    told = any(each.about == delegation.ABOUT for each in found)
    new = beforehand.deployed(stack) is None
    # Before a deploy succeeds there are no secrets.
    made = state_of(stack) not in (Meaning.ABSENT, Meaning.BROKEN)
    checks: tuple[tuple[str, Check], ...] = (
        *(() if told else ((delegation.ABOUT, delegation.check),)),
        *((("CreateHostedZone", delegation.own_zone),) if new else ()),
        ("Certificate", _certificate),
        ("Image", _image),
        *((("Secrets", _secrets),) if made else ()),
    )
    for about, check in checks:
        try:
            found += check(environment, target)
        except ClientError as error:
            code = faults.code(error)
            # What the settings name and isn't there was told already.
            if code not in (*faults.REFUSED, "NoSuchHostedZone", "ResourceNotFoundException"):
                raise
            why = f"not checked: AWS refused {error.operation_name} ({code})."
            found.append(Finding(Level.WARNING, about, why))
    return found


def as_json(found: list[Finding]) -> dict[str, Any]:
    """Return what was found, for programs."""
    return {
        "ok": not any(each.level is Level.OBSTACLE for each in found),
        "findings": [
            {"level": each.level.value, "about": each.about, "says": each.advice}
            for each in found
        ],
    }


def _stack(environment: Environment, stack: Mapping[str, Any] | None) -> Iterator[Finding]:
    """Tell how the stack stands, if there is one."""
    if stack is None or (state := state_of(stack)) is Meaning.ABSENT:
        return
    status = stack["StackStatus"]
    says = f"{environment.stack} is in {status}. {what_next(status, environment)}"
    # A deploy waits for it, unless all is being deleted.
    awaited = state is Meaning.WORKING and status != "DELETE_IN_PROGRESS"
    worked = Level.WARNING if awaited else Level.OBSTACLE
    yield Finding(Level.OK if state in UPDATABLE else worked, "Stack", says)


def _certificate(environment: Environment, target: Target) -> Iterator[Finding]:
    for one in certificates.awaited(environment, target):
        yield Finding(Level.WARNING, "Certificate", f"{one.in_words()}.")


def _image(environment: Environment, target: Target) -> Iterator[Finding]:
    image = images.resolve(environment, target)
    named = environment.settings["Image"]
    if image.found:
        yield Finding(Level.OK, "Image", f"{named} is {image.digest}.")
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
            back = secrets.restoring(target, each.full_name)
            says = f"it is scheduled for deletion, and a task that needs it can't start: {back}"
            yield Finding(Level.WARNING, each.name, says)
    for name in secrets.missing(environment, target):
        says = f"it has no value: {secrets.setting(environment, name)}"
        yield Finding(Level.WARNING, name, says)
