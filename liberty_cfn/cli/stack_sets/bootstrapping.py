"""`bootstrap`: the roles that a self-managed set needs."""

from __future__ import annotations

import click

from liberty_cfn.cli import common
from liberty_cfn.cli.stack_sets.common import ADMINISTRATOR, fleet_of, set_named


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
def bootstrap_command(environment: str, *, role: str, as_json: bool) -> None:
    """Make the roles that a self-managed stack set needs, in its home and every target.

    For administrators; templates/bootstrap/ says what the roles may do. Where an account
    can't be reached, the command to run there is told.
    """
    from liberty_cfn.deploy.stack_sets.bootstrap import install

    screen = common.console(stderr=as_json)
    chosen = set_named(environment, "bootstrap")
    fleet = fleet_of(chosen, screen)
    if fleet.targets.service_managed:
        common.fail(
            f"{fleet.name} is service-managed: AWS Organizations makes its roles itself."
        )
    done, failed = install(fleet, role, lambda _: None)
    common.keep(chosen)
    if as_json:
        common.print_json(done=done, failed=failed)
    else:
        for account, how in done.items():
            click.echo(f"{account}: {how}")
    for account, why in failed.items():
        click.echo(f"{account}: {why}", err=True)
    common.exit_unless(not failed)
