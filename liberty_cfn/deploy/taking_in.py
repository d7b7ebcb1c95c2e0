"""What a deploy does beside deploying to take in what an earlier destroy kept.

Before it, names of secrets are freed; after it, the reviewed templates replace those that
imported, and the secrets get their values back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from liberty_cfn.deploy import adopting, delegation, discarding, faults, secrets
from liberty_cfn.deploy.carrying_out import carry_out
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.following import Work
from liberty_cfn.deploy.preparing import look_ahead, prepare_now
from liberty_cfn.deploy.stack import NESTED_STACK


def free_names(work: Work, stack: Mapping[str, Any] | None) -> bool:
    """Free the names of secrets, which can't be imported; False without consent.

    Raises:
        DeployError: a secret can't be taken in, or something else is in the way.
    """
    environment, target, progress = work.environment, work.target, work.progress
    look_ahead(environment, target, work.templates, stack, adopt=True)
    for finding in delegation.own_zone(environment, target):
        progress.say(str(finding))
    kept = adopting.kept_secrets(environment, target)
    if not kept:
        return True
    progress.say(
        "CloudFormation can't import secrets. These are deleted, made again by the stack, and "
        "given their values back, which wait in other secrets meanwhile:"
    )
    for name in kept:
        full, aside = secrets.full_name(environment, name), adopting.aside(environment, name)
        progress.say(f"  {full}, by way of {aside}")
    if secrets.DATABASE_PASSWORD in kept:
        progress.say(adopting.EMPTY)
    if not progress.consents():
        return False
    for name in kept:
        adopting.put_aside(environment, target, name)
    return True


def say_what_waits(work: Work) -> None:
    """Say where the values of secrets wait whose names were freed for nothing so far.

    Where AWS refuses, nothing is said: why they still wait matters.
    """
    environment, waiting = work.environment, []
    with contextlib.suppress(*faults.OF_AWS):
        waiting = adopting.waiting(environment, work.target)
    for name in waiting:
        full, aside = secrets.full_name(environment, name), adopting.aside(environment, name)
        work.progress.say(
            f"The value of {full} waits in {aside}; the next deploy gives it back"
        )


def put_names_back(work: Work) -> None:
    """Deploy the reviewed templates, in place of those with names spelled out.

    Raises:
        DeployError: that failed.
    """
    planned, change_set = prepare_now(work.environment, work.target, work.templates)
    if change_set is None:
        return
    if any(change.type != NESTED_STACK for change in planned.changes):
        discarding.drop(work.cloudformation, change_set, work.progress.say)
        work.progress.say("What was adopted differs from the templates: see make plan")
        return
    work.progress.say("All is adopted; the stacks get the reviewed templates")
    carry_out(replace(work, allowed=()), change_set)


def give_back(work: Work) -> None:
    """Give secrets that were adopted their values, and have running tasks read them."""
    environment, target, progress = work.environment, work.target, work.progress
    given = adopting.give_back(environment, target)
    for full, as_before in given.items():
        progress.say(
            f"{full} has the value again that it had before"
            if as_before
            else f"{full} was set meanwhile, and keeps that value; the one from before is its "
            f"version with the label {adopting.BEFORE}"
        )
    if any(given.values()):
        # Without a service, no task has another value.
        with contextlib.suppress(DeployError):
            secrets.restart(environment, target)
            progress.say("The service replaces its tasks, which had other values")
