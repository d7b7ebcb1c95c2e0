"""A set's life after deploying: `status`, `events`, `cancel`, `retry`; and its `bootstrap`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from liberty_cfn.cli import common
from liberty_cfn.cli.asking import confirm_option, named_otherwise, yes_option
from liberty_cfn.cli.stack_sets.common import (
    ADMINISTRATOR,
    fleet_of,
    refuse_single,
    say_unknown,
    there_is,
)
from liberty_cfn.cli.stack_sets.watching import watched

if TYPE_CHECKING:
    from liberty_cfn.deploy.stack_sets.operations import Result
    from liberty_cfn.deploy.stack_sets.reaching import Fleet
    from liberty_cfn.deploy.stack_sets.standing import StackSet
    from liberty_cfn.deployment_targets import Place
    from liberty_cfn.environments import Environment


def status(environment: Environment, *, as_json: bool) -> None:
    """Show the state of a set, and of each of its targets."""
    from liberty_cfn.deploy.stack_sets.beforehand import without_stacks
    from liberty_cfn.deploy.stack_sets.failures import first_hand
    from liberty_cfn.deploy.stack_sets.operations import under_way
    from liberty_cfn.deploy.stack_sets.showing import standing_table
    from liberty_cfn.deploy.stack_sets.standing import operations
    from liberty_cfn.deployment_targets import by_place

    fleet = fleet_of(environment, common.console(stderr=True))
    there = there_is(fleet)
    running = under_way(fleet)
    missing = [place for place in fleet.targets.places if place not in there.instances]
    failed = [p for p, i in there.instances.items() if i.detailed in ("FAILED", "INOPERABLE")]
    last = next(operations(fleet), None) if failed else None
    found, _ = first_hand(fleet, failed, last["CreationTimestamp"]) if last else ({}, {})
    lost, unknown = ({}, {}) if running else without_stacks(fleet, there)
    reasons = {p: [s for f in each for s in (f.said, *f.tasks)] for p, each in found.items()}
    reasons |= {place: [f"{gone.about} was deleted"] for place, gone in lost.items()}
    advice = "\n".join(f"{place}: {gone}" for place, gone in lost.items())
    if not lost and not unknown:
        advice = _advice(fleet, there, running, missing)
    if as_json:
        instances = [
            {
                **one.place.as_json(),
                "stack_id": one.stack_id or None,
                "status": one.status,
                "detailed_status": one.detailed,
                "drift": one.drift,
                "reason": "; ".join(reasons.get(one.place, ())) or one.reason or None,
            }
            for one in there.instances.values()
        ]
        common.print_json(
            stack_set=fleet.name,
            drift=there.drift,
            operation=running or None,
            targets=instances,
            missing=[place.as_json() for place in missing],
            unknown=by_place(unknown),
            advice=advice or None,
        )
        return
    common.console().print(standing_table(there.instances.values(), reasons))
    say_unknown(unknown)
    if advice:
        click.echo(advice)


def _advice(fleet: Fleet, there: StackSet, running: str, missing: list[Place]) -> str:
    from liberty_cfn.deploy.stack_sets.reaching import taking_out
    from liberty_cfn.deploy.stack_sets.standing import SUSPENDED

    name = fleet.environment.name
    if running:
        return f"{running} is under way; to follow it: make events ENV={name} ARGS=--follow"
    if stuck := there.being("INOPERABLE"):
        where = ", ".join(map(str, stuck))
        return f"INOPERABLE: {where}. What to do is told by: make deploy ENV={name}"
    if skipped := [p for p, i in there.instances.items() if i.detailed == SUSPENDED]:
        told = [f"  {place}: {taking_out(fleet, place)}" for place in skipped]
        return "\n".join(["Of suspended accounts; to take them out of the set:", *told])
    if missing:
        return (
            f"Not there yet: {', '.join(map(str, missing))}. To go on: make deploy ENV={name}"
        )
    if any(not one.current for one in there.instances.values()):
        return f"To bring up to date what is OUTDATED: make retry ENV={name}"
    return "Every target is as the set says."


def events(environment: Environment, *, attach: bool, as_json: bool) -> None:
    """Show a set's last operation; with `attach`, follow the one that is under way."""
    from liberty_cfn.deploy.stack_sets.failures import explained
    from liberty_cfn.deploy.stack_sets.operations import follow, newest

    screen = common.console(stderr=as_json)
    fleet = fleet_of(environment, screen)
    there_is(fleet)
    name = fleet.name
    last, running = newest(fleet)
    if not last:
        if as_json:
            nothing = dict.fromkeys(("operation", "action", "status"))
            common.print_json(stack_set=name, ok=True, **nothing, targets=[], failures=[])
        else:
            click.echo(f"{name}: nothing has been done to it yet")
        return
    if running and not attach:
        common.fail(
            f"{name}: {running} is under way; to follow it: make events "
            f"ENV={environment.name} ARGS=--follow"
        )
    with watched(fleet, screen, "events") as asked:

        def tell(results: list[Result]) -> None:
            common.print_each(results)
            asked.happened(results)

        done = follow(fleet, running or last, tell)
    why, failures = explained(fleet, done.failed, done.began) if done.failed else ([], [])
    if as_json:
        told = {"operation": done.id, "action": done.action, "status": done.status}
        results = [result.as_json() for result in done.results.values()]
        listed = {"targets": results, "failures": failures}
        common.print_json(stack_set=name, ok=done.succeeded, **told, **listed)
    else:
        click.echo("\n".join([f"{done.action} {done.id}: {done.status}", *why]))
    if attach:
        common.exit_unless(done.succeeded)


def cancel(environment: Environment, *, as_json: bool) -> None:
    """Cancel a set's operation: stacks that have begun go on to their end, no other begins."""
    from liberty_cfn.deploy.stack_sets.operations import stop

    fleet = fleet_of(environment, common.console(stderr=True))
    there_is(fleet)
    if not (running := stop(fleet)):
        common.fail(
            f"{fleet.name}: only an operation that is under way can be cancelled, and there is "
            "none."
        )
    if as_json:
        common.print_json(stack_set=fleet.name, operation=running, cancelled=True)
    else:
        click.echo(
            f"{fleet.name}: the operation {running} is cancelled: stacks that have begun go on "
            "to their end, no other begins; to see it: make events "
            f"ENV={environment.name} ARGS=--follow"
        )


@click.command("retry")
@common.environment_argument
@yes_option
@confirm_option
@common.json_option
def retry_command(
    environment: Environment, *, yes: bool, confirm: str | None, as_json: bool
) -> None:
    """Update the targets of a stack set that failed.

    Also those that were never reached. Nothing about the set is changed, and targets that are
    CURRENT are left alone. Asks first, as deploy does.
    """
    from liberty_cfn.deploy.stack_sets.deploying import retry

    screen = common.console(stderr=as_json)
    refuse_single(environment, "retry")
    named_otherwise(environment, confirm, "changed")
    fleet = fleet_of(environment, screen)
    there_is(fleet)
    with watched(fleet, screen, "retry", yes=yes, confirm=confirm) as asked:
        outcome = retry(fleet, asked)
    common.keep(environment)
    if outcome is None:
        common.fail("Nothing was changed.")
    results = list(outcome.results.values())
    if as_json:
        ok, told = not outcome.unprotected, [result.as_json() for result in results]
        common.print_json(stack_set=fleet.name, ok=ok, targets=told)
    else:
        count = f"{len(results)} targets" if len(results) != 1 else "1 target"
        click.echo(f"{fleet.name}: {count} brought up to date")
    common.exit_unless(not outcome.unprotected)


@click.command("bootstrap")
@common.environment_argument
@click.option(
    "--role",
    default=ADMINISTRATOR,
    show_default=True,
    metavar="NAME",
    help="The role to take in accounts other than this one; it makes roles there.",
)
@common.json_option
def bootstrap_command(environment: Environment, *, role: str, as_json: bool) -> None:
    """Make the roles that a self-managed stack set needs.

    In its home and in every target. For administrators; templates/bootstrap/ says what the
    roles may do. Where an account can't be reached, the command to run there is told.
    """
    from liberty_cfn.deploy.stack_sets.bootstrap import install

    screen = common.console(stderr=as_json)
    refuse_single(environment, "bootstrap")
    fleet = fleet_of(environment, screen)
    if fleet.targets.service_managed:
        common.fail(
            f"{fleet.name} is service-managed: AWS Organizations makes its roles itself."
        )
    done, failed = install(fleet, role, lambda _: None)
    common.keep(environment)
    if as_json:
        common.print_json(stack_set=fleet.name, ok=not failed, done=done, failed=failed)
    else:
        for account, how in done.items():
            click.echo(f"{account}: {how}")
    for account, why in failed.items():
        click.echo(f"{account}: {why}", err=True)
    common.exit_unless(not failed)
