"""`liberty-cfn destroy`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from liberty_cfn.cli import common
from liberty_cfn.cli.asking import confirmed, named_otherwise

if TYPE_CHECKING:
    from liberty_cfn.deploy.destroying import Kept
    from liberty_cfn.environments import Environment


@click.command("destroy")
@common.environment_argument
@click.option(
    "--confirm",
    # Not by envvar: CONFIRM that was exported for deploys is no consent to deleting it all.
    metavar="ENV",
    help="The environment's name once more, instead of typing it when asked.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def destroy_command(environment: Environment, *, confirm: str | None, as_json: bool) -> None:
    """Delete ENV's stacks, except what policies keep.

    Uploads, secrets, images, logs and the hosted zone stay; the database and the cache
    leave snapshots. What stays is listed first, and goes on costing money. What AWS would
    not delete, such as a protected database, is told before anything is deleted.
    """
    from liberty_cfn.cli.stack_sets.destroying import destroy as destroy_set
    from liberty_cfn.deploy.destroying import destroy, looked_through, stack_to_go
    from liberty_cfn.deploy.discarding import discard_planned
    from liberty_cfn.deploy.faults import unless_missing
    from liberty_cfn.deploy.protection import protect_from_termination
    from liberty_cfn.deploy.showing import kept_text
    from liberty_cfn.deploy.telling import ShownProgress
    from liberty_cfn.deploy.work import Work

    screen = common.console(stderr=as_json)
    named_otherwise(environment, confirm, "deleted")
    if environment.targets:
        destroy_set(environment, confirm=confirm, as_json=as_json)
        return
    target = common.connect(environment, screen)
    if not (stack_id := stack_to_go(environment, target)):
        # Nothing is in what was only planned, so nobody is asked.
        cloudformation = target.client("cloudformation")
        planned = discard_planned(cloudformation, environment.stack, screen.print)
        _say(environment, [], deleted=planned, as_json=as_json)
        return
    # On the local AWS nobody is asked, and termination protection is lifted.
    unasked = environment.is_local
    kept, held = looked_through(environment, target, stack_id, unprotected=unasked)
    if held:
        common.fail("\n".join(["Nothing was deleted:", *held]), hindrances=held)
    if kept:
        screen.print(kept_text(kept))
    if unasked:
        # If it is being deleted already, it may be gone by now.
        with unless_missing():
            protect_from_termination(target.client("cloudformation"), stack_id, on=False)
    else:
        confirmed(environment, confirm)
    progress = ShownProgress(screen)
    with common.interruptible(environment, "destroy", progress.stop):
        destroy(Work(environment, target, progress), stack_id, kept)
    common.keep(environment)
    _say(environment, kept, deleted=True, as_json=as_json)


def _say(environment: Environment, kept: list[Kept], *, deleted: bool, as_json: bool) -> None:
    from liberty_cfn.deploy.destroying import as_json as kept_as_json
    from liberty_cfn.deploy.destroying import what_is_kept

    stack = environment.stack
    if as_json:
        common.print_json(stack=stack, deleted=deleted, **kept_as_json(kept))
    elif not deleted:
        click.echo(f"{stack}: there is none")
    else:
        adopting = f"make deploy ENV={environment.name} ADOPT=1"
        click.echo(f"{stack} is deleted; {what_is_kept(kept, adopting)}")
