"""Why a target failed, first-hand: from the events of its own stacks, nested ones included.

A stack set's own reason is the root's: "ResourceLogicalId: ..., ResourceStatusReason: ...".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from liberty_cfn.deploy import diagnosis
from liberty_cfn.deploy.causes import next_step
from liberty_cfn.deploy.diagnosis import Failure
from liberty_cfn.deploy.events import Follower
from liberty_cfn.deploy.stack_sets.operations import Result
from liberty_cfn.deploy.stack_sets.reaching import Fleet
from liberty_cfn.deploy.stack_sets.standing import stack_ids, standing
from liberty_cfn.deployment_targets import Place

# What a stack set says if it can't assume its role in an account, or make it there.
OF_ROLES = re.compile(
    "with trust relationship|perform: sts:AssumeRole on"
    "|DEFAULT_ROLE_CREATION_ERROR|ACCOUNT_SUSPENDED"
)


def first_hand(
    fleet: Fleet, places: Iterable[Place], since: datetime
) -> tuple[dict[Place, list[Failure]], dict[Place, str]]:
    """Return what has failed in places since then; and where that can't be told."""
    there = standing(fleet)
    ids = stack_ids(there.instances) if there else {}

    def found(place: Place) -> list[Failure]:
        client = fleet.at(place).client
        events = Follower(client("cloudformation"), ids[place], since).new_events()
        return diagnosis.first_hand(client, ids[place], events)

    return fleet.everywhere([place for place in places if place in ids], found)


def explained(
    fleet: Fleet, failed: list[Result], since: datetime
) -> tuple[list[str], list[dict[str, Any]]]:
    """Return why targets failed in an operation that began at `since`.

    In words, and for programs.
    """
    found, unknown = first_hand(fleet, [result.place for result in failed], since)
    lines, told = [], []
    for result in failed:
        place = result.place
        lines.append(f"{place} failed:")
        failures = found.get(place) or [Failure(result.reason or "no reason given")]
        if place in unknown:
            failures.append(Failure(f"(more can't be told: {unknown[place]})"))
        for failure in failures:
            step = _step(fleet, failure.said)
            lines += [f"  {failure.said}", *([f"    {step}"] if step else [])]
            lines += [f"  {said}" for said in failure.tasks]
            told.append({**place.as_json(), **failure.as_json(), "advice": step or None})
    return lines, told


def _step(fleet: Fleet, sentence: str) -> str:
    if not OF_ROLES.search(sentence):
        return next_step(sentence)
    if fleet.targets.service_managed:
        return (
            "AWS makes its roles itself: the account may be suspended, or StackSets no longer "
            "be trusted there (aws cloudformation activate-organizations-access)."
        )
    return f"Its roles are missing: make bootstrap ENV={fleet.environment.name}"
