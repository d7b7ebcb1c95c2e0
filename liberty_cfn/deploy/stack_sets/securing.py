"""What keeps what holds data in a set's stacks: their policies, set in every target."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from liberty_cfn.deploy import protection
from liberty_cfn.deploy.stack_sets.operations import Progress, under_way
from liberty_cfn.deploy.stack_sets.reaching import Fleet
from liberty_cfn.deploy.stack_sets.standing import Instance, stack_ids
from liberty_cfn.deployment_targets import Place


def protect(
    fleet: Fleet,
    places: Collection[Place],
    progress: Progress,
    known: Mapping[Place, Instance],
    allowed: Collection[str] = (),
) -> None:
    """Deny replacing and deleting what holds data in some targets' stacks."""

    def deny(cloudformation: Any, stack_id: str) -> None:
        protection.protect(cloudformation, stack_id, allowed)

    _in_stacks(fleet, progress, deny, places, known)


def close(fleet: Fleet, progress: Progress, known: Mapping[Place, Instance]) -> None:
    """Close in every target what a deploy that ended early left open, or never closed.

    But not during an operation, as it may be what they are open for: who began that closes
    them.
    """
    # Nobody gets into the accounts of a service-managed set but AWS.
    if not fleet.targets.service_managed and not under_way(fleet):
        _in_stacks(fleet, progress, protection.close_again, fleet.targets.places, known)


def _in_stacks(
    fleet: Fleet,
    progress: Progress,
    do: Callable[[Any, str], None],
    places: Collection[Place],
    known: Mapping[Place, Instance],
) -> None:
    """Do something to the stacks of some places, as far as AWS lists them."""
    ids = stack_ids(known)
    _, failed = fleet.everywhere(
        [place for place in places if place in ids],
        lambda place: do(fleet.at(place).client("cloudformation"), ids[place]),
    )
    for place, why in failed.items():
        progress.say(f"{place}: its stacks have no policy against loss: {why}")
