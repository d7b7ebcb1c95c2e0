# ruff: noqa: PLC0415 - what a command needs is imported when it runs
"""`liberty-cfn destroy`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from liberty_cfn.cli.common import (
    connect,
    console,
    environment_argument,
    fail,
    interruptible,
    keep,
)

if TYPE_CHECKING:
    from liberty_cfn.environments import Environment


@click.command("destroy")
@environment_argument
@click.option(
    "--confirm",
    envvar="CONFIRM",
    metavar="ENV",
    help="The environment's name once more, instead of typing it when asked.",
)
def destroy_command(environment: str, *, confirm: str | None) -> None:
    """Delete ENV's stacks, but what is kept by policy.

    Uploads, secrets, images, logs and the hosted zone stay; the database and the cache
    leave snapshots. What stays is listed before and after, and goes on costing money.
    """
    from liberty_cfn.deploy.destroying import destroy, standing
    from liberty_cfn.deploy.showing import Follow, kept_table
    from liberty_cfn.environments import LOCAL, load

    screen = console()
    chosen = load(environment)
    target = connect(chosen, screen)
    found = standing(chosen, target)
    if found is None:
        click.echo(f"{chosen.stack}: there is none")
        return
    stack_id, kept = found
    screen.print(kept_table(kept))
    if chosen.endpoint != LOCAL:
        _confirm(chosen, confirm)
    follow = Follow(screen, lambda: True).watch()
    with interruptible(chosen, follow.stop):
        destroy(chosen, target, stack_id, follow.happened)
    keep(chosen)
    click.echo(
        f"{chosen.stack} is deleted; {len(kept)} resources are kept, as listed above. Under "
        "the same names, they are in the next deploy's way until they are deleted."
    )


def _confirm(environment: Environment, given: str | None) -> None:
    if given is None and sys.stdin.isatty():
        given = click.prompt(f"To delete {environment.stack}, type {environment.name}")
    if given != environment.name:
        fail(
            f"Nothing was deleted: expected --confirm {environment.name}, or "
            f"CONFIRM={environment.name} for make."
        )
