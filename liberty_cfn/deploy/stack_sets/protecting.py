"""Policies against loss in the stacks of a set's targets, nested ones included."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from liberty_cfn.deploy import faults, protection
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.stack_sets.operations import Progress, under_way
from liberty_cfn.deploy.stack_sets.reaching import Fleet
from liberty_cfn.deploy.stack_sets.standing import Instance, stack_ids
from liberty_cfn.deployment_targets import Place


def protect(
    fleet: Fleet, places: Collection[Place], progress: Progress, known: Mapping[Place, Instance]
) -> set[Place]:
    """Deny replacing and deleting what holds data in some targets' stacks.

    Returns the places where nothing keeps it now, though something should.
    """
    listed = stack_ids(known)
    failed = {place: "AWS doesn't list them yet" for place in places if place not in listed}
    left = _said(progress, failed | _in_stacks(fleet, protection.protect, places, known))
    # As a rule, only AWS gets into the accounts of a service-managed set.
    return set() if fleet.targets.service_managed else left


def protect_first(
    fleet: Fleet,
    places: Collection[Place],
    known: Mapping[Place, Instance],
    allowed: Collection[str] = (),
    coming: Collection[str] = (),
) -> None:
    """As `protect`, before an operation that only policies keep from what is not `allowed`.

    Or that makes nested stacks, with the logical ids `coming`, which have no policy at first.

    Raises:
        DeployError: somewhere they can't be set.
    """
    # Nothing is lost with a stack that somebody deleted.
    deny = faults.unless_missing()(partial(protection.protect, allowed=allowed, coming=coming))
    if failed := _in_stacks(fleet, deny, places, known):
        told = [f"  {place}: {why}" for place, why in failed.items()]
        raise DeployError(
            "\n".join(["Nothing was changed: without a policy, data could be lost in", *told])
        )


def close(fleet: Fleet, progress: Progress, known: Mapping[Place, Instance]) -> set[Place]:
    """Close in every target the policies that a deploy left open when it ended early.

    But not during an operation, which may be what they are open for: whoever began it closes
    them. Returns the places where it failed.
    """
    # Only AWS gets into the accounts of a service-managed set.
    if fleet.targets.service_managed or under_way(fleet):
        return set()
    close_again = faults.unless_missing()(protection.close_again)
    return _said(progress, _in_stacks(fleet, close_again, fleet.targets.places, known))


def _in_stacks(
    fleet: Fleet,
    do: Callable[[Any, str], None],
    places: Collection[Place],
    known: Mapping[Place, Instance],
) -> dict[Place, str]:
    """Do something to the stacks of some places, if AWS lists them; return where it failed."""
    ids = stack_ids(known)
    _, failed = fleet.everywhere(
        [place for place in places if place in ids],
        lambda place: do(fleet.at(place).client("cloudformation"), ids[place]),
        finish=True,
    )
    return failed


def _said(progress: Progress, failed: Mapping[Place, str]) -> set[Place]:
    for place, why in failed.items():
        progress.say(
            f"{place}: its stacks have no policy against loss until the next deploy: {why}"
        )
    return {*failed}
