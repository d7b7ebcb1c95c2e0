"""Why a target failed, first-hand: from the events of its own stacks, nested ones included.

A stack set's own reason is the root's: "ResourceLogicalId: ..., ResourceStatusReason: ...".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from liberty_cfn.deploy import diagnosis
from liberty_cfn.deploy.causes import next_step
from liberty_cfn.deploy.events import Follower
from liberty_cfn.deploy.stack_sets.operations import Result
from liberty_cfn.deploy.stack_sets.reaching import Fleet
from liberty_cfn.deploy.stack_sets.standing import stack_ids, standing
from liberty_cfn.deploy.tasks import SERVICE_TYPE, why_stopped
from liberty_cfn.deployment_targets import Place

# What a stack set says if it can't assume its role in an account, or make it there.
OF_ROLES = re.compile(
    "with trust relationship|perform: sts:AssumeRole on"
    "|DEFAULT_ROLE_CREATION_ERROR|ACCOUNT_SUSPENDED"
)


def first_hand(
    fleet: Fleet, places: Iterable[Place], since: datetime
) -> tuple[dict[Place, list[str]], dict[Place, str]]:
    """Return what has failed in places since then, in words; and where that can't be told."""
    there = standing(fleet)
    ids = stack_ids(there.instances) if there else {}
    return fleet.everywhere(
        [place for place in places if place in ids],
        lambda place: list(_explained_at(fleet, place, ids[place], since)),
    )


def explain(fleet: Fleet, failed: list[Result], since: datetime) -> list[str]:
    """Return, in words, why targets failed in an operation that began at `since`."""
    told, unknown = first_hand(fleet, [result.place for result in failed], since)
    lines = []
    for result in failed:
        place = result.place
        lines.append(f"{place} failed:")
        sentences = told.get(place) or [result.reason or "no reason given"]
        if place in unknown:
            sentences.append(f"(more can't be told: {unknown[place]})")
        for sentence in sentences:
            lines.append(f"  {sentence}")
            if step := _step(fleet, sentence):
                lines.append(f"    {step}")
    return lines


def _explained_at(fleet: Fleet, place: Place, stack_id: str, since: datetime) -> Iterator[str]:
    target = fleet.at(place)
    cloudformation = target.client("cloudformation")
    events = Follower(cloudformation, stack_id, since).new_events()
    sentences, failures = diagnosis.first_hand(cloudformation, stack_id, events)
    yield from sentences
    for event in failures:
        if event.type == SERVICE_TYPE:
            yield from why_stopped(target.client, event.physical_id, event.began)


def _step(fleet: Fleet, sentence: str) -> str:
    if not OF_ROLES.search(sentence):
        return next_step(sentence)
    if fleet.targets.service_managed:
        return (
            "AWS makes its roles itself: the account may be suspended, or StackSets no longer "
            "be trusted there (aws cloudformation activate-organizations-access)."
        )
    return f"Its roles are missing: make bootstrap ENV={fleet.environment.name}"
