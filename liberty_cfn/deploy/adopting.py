"""Taking in what an earlier destroy kept: by import if CloudFormation can, else by value.

CloudFormation imports by name while it creates a stack (ImportExistingResources), nested stacks
included, but only what is retained and has a name that the template spells out.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html

It can't import secrets that way: their values are put aside meanwhile (kept_secrets.py).
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from liberty_cfn.deploy import delegation, discarding, faults, kept_secrets, secrets
from liberty_cfn.deploy.carrying_out import carry_out
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.preparing import look_ahead, prepare_now
from liberty_cfn.deploy.stack import NESTED_STACK
from liberty_cfn.deploy.work import Work

EMPTY = (
    "The database will be a new one, and empty: what the one before held is in the snapshot "
    "that it left, which no deploy restores; its password is kept for one that is restored."
)


def free_names(work: Work, stack: Mapping[str, Any] | None) -> bool:
    """Free the names of secrets, which can't be imported; False without consent.

    Raises:
        DeployError: a secret can't be taken in, or something else is in the way.
    """
    environment, target, progress = work.environment, work.target, work.progress
    look_ahead(work, stack, adopt=True)
    for finding in delegation.own_zone(environment, target):
        progress.say(str(finding))
    kept = kept_secrets.existing(environment, target)
    if not kept:
        return True
    progress.say(
        "CloudFormation can't import secrets. These are deleted, made again by the stack, and "
        "given their values back, which wait in other secrets meanwhile:"
    )
    for name in kept:
        full = secrets.full_name(environment, name)
        progress.say(f"  {full}, by way of {kept_secrets.aside(environment, name)}")
    if secrets.DATABASE_PASSWORD in kept:
        progress.say(EMPTY)
    if not progress.consents():
        return False
    for name in kept:
        kept_secrets.put_aside(environment, target, name)
    return True


def say_what_waits(work: Work) -> None:
    """Say where the values wait of secrets whose names have been freed.

    Where AWS refuses, nothing is said: why they still wait matters.
    """
    environment = work.environment
    with contextlib.suppress(*faults.OF_AWS):
        for name in kept_secrets.waiting(environment, work.target, lately=True):
            full = secrets.full_name(environment, name)
            where = kept_secrets.aside(environment, name)
            work.progress.say(
                f"The value of {full} waits in {where}; the next deploy gives it back"
            )


def put_names_back(work: Work) -> None:
    """Deploy the reviewed templates, replacing those with names spelled out.

    Raises:
        DeployError: that failed.
    """
    planned, change_set = prepare_now(work)
    if change_set is None:
        return
    if any(change.type != NESTED_STACK for change in planned.changes):
        discarding.drop(work.cloudformation, change_set, work.progress.say)
        work.progress.say("What was adopted differs from the templates: see make plan")
        return
    work.progress.say("All is adopted; the stacks get the reviewed templates")
    carry_out(replace(work, allowed=()), change_set)


def give_back(work: Work, *, lately: bool = False) -> None:
    """Give secrets that were adopted their values, and have running tasks read them.

    `lately` is whether they were adopted just now.
    """
    environment, target, progress = work.environment, work.target, work.progress
    given = kept_secrets.given_back(environment, target, lately=lately)
    for full, as_before in given.items():
        progress.say(
            f"{full} has its previous value again"
            if as_before
            else f"{full} was set meanwhile, and keeps that value; the one from before is its "
            f"version with the label {kept_secrets.BEFORE}"
        )
    if any(given.values()):
        # Without a service, no task has another value.
        with contextlib.suppress(DeployError):
            secrets.restart(environment, target)
            progress.say("The service replaces its tasks, which had other values")
