"""`liberty-cfn local`: the local AWS."""

from __future__ import annotations

import click

from liberty_cfn.cli.common import print_json


@click.group("local")
def local_group() -> None:
    """Start and stop the local AWS, which ENV=local deploys to."""


@local_group.command("up")
def local_up() -> None:
    """Start the local AWS, with what it held when it was stopped."""
    from liberty_cfn.local import control

    click.echo(f"The local AWS answers at {control.up(say=click.echo).endpoint}")


@local_group.command("down")
@click.option("--forget", is_flag=True, help="Delete what it holds, too.")
def local_down(*, forget: bool) -> None:
    """Stop the local AWS. What it holds is kept, and there again after `local up`."""
    from liberty_cfn.local import control

    stopped = control.down()
    if forget:
        control.reset()
    click.echo("Stopped the local AWS" if stopped else "The local AWS was not running")
    if forget:
        click.echo("What it held is deleted")


@local_group.command("status")
@click.option(
    "--json", "as_json", is_flag=True, help="Print endpoint, pid, account and region."
)
def local_status(*, as_json: bool) -> None:
    """Say where the local AWS answers. Exit 1 if it is not running."""
    from liberty_cfn.local import control

    found = control.status()
    if as_json:
        keys = ("endpoint", "pid", "account", "region")
        print_json({key: getattr(found, key, None) for key in keys})
    elif found:
        click.echo(f"{found.endpoint} (process {found.pid}, account {found.account})")
    else:
        click.echo("not running; `make local-up` starts it")
    raise SystemExit(0 if found else 1)
