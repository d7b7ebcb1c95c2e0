"""`destroy`, of a set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from liberty_cfn.cli.asking import confirmed
from liberty_cfn.cli.common import console, fail, keep, print_json
from liberty_cfn.cli.stack_sets.common import by_target, fleet_of
from liberty_cfn.cli.stack_sets.watching import watched

if TYPE_CHECKING:
    from liberty_cfn.environments import Environment


def destroy(environment: Environment, *, confirm: str | None, as_json: bool) -> None:
    """Delete a set's stacks in every target, except what policies keep; then the set."""
    from liberty_cfn.deploy.destroying import as_json as kept_as_json
    from liberty_cfn.deploy.destroying import what_is_kept
    from liberty_cfn.deploy.showing import kept_text
    from liberty_cfn.deploy.stack_sets import beforehand, destroying
    from liberty_cfn.deploy.stack_sets.operations import attach
    from liberty_cfn.deploy.stack_sets.standing import standing
    from liberty_cfn.deployment_targets import by_place

    screen = console(stderr=as_json)
    fleet = fleet_of(environment, screen)
    with watched(fleet, screen, "destroy") as asked:
        # What is listed is what goes: nothing comes in between.
        last, _ = attach(fleet, asked)
        there = standing(fleet)
        if there is None:
            if as_json:
                print_json(stack_set=fleet.name, deleted=False, targets=[], unknown=[])
            else:
                click.echo(f"{fleet.name}: there is none")
            return
        kept, held, unknown = beforehand.remaining(fleet, there, there.instances)
        beforehand.refuse_unseen(fleet, unknown, "deleted")
        if held:
            told = [f"{place}: {why}" for place, found in held.items() for why in found]
            fail("\n".join(["Nothing was deleted:", *told]), hindrances=told)
        for place, left in kept.items():
            if left:
                screen.print(f"{place}: what is lost, and what is kept")
                screen.print(kept_text(left))
        for place, why in unknown.items():
            screen.print(f"{place}: what is kept isn't known: {why}")
        if not environment.is_local:
            confirmed(environment, confirm)
        results = destroying.destroy(fleet, there, asked, last)
    keep(environment)
    if as_json:
        listed = by_target({place: kept_as_json(left) for place, left in kept.items()})
        print_json(
            stack_set=fleet.name, deleted=True, targets=listed, unknown=by_place(unknown)
        )
    else:
        count = "1 target" if len(results) == 1 else f"{len(results)} targets"
        everywhere = [one for left in kept.values() for one in left]
        # Only AWS gets into the accounts of a service-managed set, so nobody can adopt.
        ours = not fleet.targets.service_managed
        adopting = f"make deploy ENV={environment.name} ADOPT=1" if ours else ""
        remains = what_is_kept(everywhere, adopting)
        if unknown:
            remains = "what is kept isn't known, as above."
        click.echo(f"{fleet.name} is deleted, in {count}; {remains}")
