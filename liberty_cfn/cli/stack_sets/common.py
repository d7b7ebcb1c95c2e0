"""What several commands on a set need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from liberty_cfn.cli.common import connect, fail

if TYPE_CHECKING:
    from rich.console import Console

    from liberty_cfn.deploy.stack_sets.reaching import Fleet
    from liberty_cfn.deploy.stack_sets.standing import StackSet
    from liberty_cfn.deployment_targets import Place
    from liberty_cfn.environments import Environment

# The role that AWS Organizations creates in the accounts that it creates.
ADMINISTRATOR = "OrganizationAccountAccessRole"


def refuse(environment: Environment, command: str) -> None:
    """Refuse a command for single stacks if the environment is a stack set."""
    if environment.targets:
        fail(
            f"{environment.name} is a stack set, and {command} is for one stack. What a set "
            "can: plan, deploy, status, events, retry, cancel, drift, verify, destroy, doctor, "
            "bootstrap."
        )


def refuse_alone(environment: Environment, alone: Mapping[str, bool]) -> None:
    """Refuse the first option given that is for single stacks, if this is a stack set."""
    for option, given in alone.items():
        if given and environment.targets:
            instead = f": see make drift ENV={environment.name}" if option == "--drift" else ""
            fail(f"{environment.name} is a stack set, and {option} is for one stack{instead}.")


def refuse_single(environment: Environment, command: str) -> None:
    """Refuse a command for stack sets if the environment is a single stack."""
    if not environment.targets:
        file = f"params/{environment.name}.yaml"
        fail(f"{command} is for stack sets, and {file} names no Targets.")


def fleet_of(environment: Environment, screen: Console) -> Fleet:
    """Return a set's fleet; progress in reaching it is shown on `screen`."""
    from liberty_cfn.deploy.stack_sets.reaching import fleet

    return fleet(environment, connect(environment, screen))


def there_is(fleet: Fleet) -> StackSet:
    """Return what exists of the set; refuse to go on if nothing does."""
    from liberty_cfn.deploy.stack_sets.standing import standing

    if (found := standing(fleet)) is None:
        fail(
            f"{fleet.name}: there is none in account {fleet.home.account}, "
            f"{fleet.home.region}. To make it: make deploy ENV={fleet.environment.name}"
        )
    return found


def by_target(found: Mapping[Place, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what there is to say of each target, for a program to read."""
    return [{**place.as_json(), **what} for place, what in found.items()]


def say_unknown(unknown: Mapping[Place, str]) -> None:
    """Say which targets are unknown, and why."""
    for place, why in unknown.items():
        click.echo(f"{place} can't be looked into: {why}")
