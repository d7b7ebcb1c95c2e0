"""A stack's life after deploying: status, events, outputs, cancel, rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from liberty_cfn.cli import common
from liberty_cfn.cli.stack_sets import operations as of_sets
from liberty_cfn.cli.stack_sets.common import refuse

if TYPE_CHECKING:
    from rich.console import Console

    from liberty_cfn.deploy.diagnosis import Explanation
    from liberty_cfn.deploy.following import Operation
    from liberty_cfn.deploy.stack import Standing
    from liberty_cfn.deploy.targets import Target
    from liberty_cfn.environments import Environment


OF_TASKS = "The stacks need nothing; what keeps tasks from running is said above."


@click.command("status")
@common.environment_argument
@common.json_option
def status_command(environment: Environment, *, as_json: bool) -> None:
    """Show how ENV's stacks stand.

    The root and each nested stack: when its last operation began (UTC), its status, and what
    is being done to which resources. How many tasks of the service run; and if not all do, why
    tasks stopped in the last hour. Then the digest of the templates that were deployed, and
    what can be done. Exits with 1 where there is no such stack.
    """
    from liberty_cfn.deploy import migrating
    from liberty_cfn.deploy.leftovers import of_a_failed_creation
    from liberty_cfn.deploy.operations import root
    from liberty_cfn.deploy.protection import unprotected
    from liberty_cfn.deploy.stack import standing, tags
    from liberty_cfn.deploy.statuses import FAILED, MEANINGS, Meaning, what_next
    from liberty_cfn.deploy.tasks import of_the_service
    from liberty_cfn.nesting import DIGEST_TAG

    if environment.targets:
        of_sets.status(environment, as_json=as_json)
        return
    target, _ = _at(environment)
    cloudformation = target.client("cloudformation")
    stack = root(environment, cloudformation)
    digest = tags(stack).get(DIGEST_TAG)
    found = []
    for one in standing(cloudformation, stack["StackId"]):
        found.append(one)
        if not as_json:
            # At once: far away, all of them take seconds to be read.
            _say_how_it_stands(environment, one)
    status = found[0].status
    tasks = list(of_the_service(environment, target))
    adopts = of_a_failed_creation(environment, target, status)
    # Below how many tasks run is said why not all do.
    well = MEANINGS.get(status) is not Meaning.GOOD or not tasks[1:]
    advice = (
        migrating.is_held(environment, stack)
        or unprotected(environment, cloudformation, stack)
        or (what_next(status, environment, adopts=adopts) if well else OF_TASKS)
    )
    if as_json:
        stacks = [one.as_json() for one in found]
        told = {"digest": digest, "stacks": stacks, "tasks": tasks, "advice": advice}
        common.print_json(stack=environment.stack, status=status, **told)
        return
    for line in tasks:
        click.echo(line)
    if digest:
        click.echo(f"Templates {digest}")
    click.echo(advice)
    if MEANINGS.get(status) in FAILED:
        click.echo(f"Why it failed: make events ENV={environment.name}")


def _say_how_it_stands(environment: Environment, one: Standing) -> None:
    named = "/".join(one.path) or environment.stack
    since = f"{one.since:%Y-%m-%d %H:%M:%S}"
    click.echo("  ".join(filter(None, [since, f"{one.status:<24}", named, one.reason])))
    for resource, status in one.running.items():
        click.echo(f"  {resource} {status}")


@click.command("events")
@common.environment_argument
@click.option("--follow", "attach", is_flag=True, help="Attach to what is running.")
@common.json_option
def events_command(environment: Environment, *, attach: bool, as_json: bool) -> None:
    """Show what happened in ENV's last operation.

    In all its stacks, at which time (UTC); and why it failed, if it did. With --follow,
    attaches to what is running and stays until it is over; then exits with 0 if it succeeded,
    and with 1 if it didn't.
    """
    from liberty_cfn.deploy.events import last_operation
    from liberty_cfn.deploy.following import Operation
    from liberty_cfn.deploy.operations import root, succeeded
    from liberty_cfn.deploy.statuses import Meaning
    from liberty_cfn.deploy.telling import ShownProgress, line
    from liberty_cfn.deploy.work import Work

    if environment.targets:
        of_sets.events(environment, attach=attach, as_json=as_json)
        return
    target, screen = _at(environment)
    cloudformation = target.client("cloudformation")
    stack = root(environment, cloudformation)
    shown = screen if as_json else common.console()
    progress = ShownProgress(shown, hears=common.print_each)
    work = Work(environment, target, progress)
    operation = Operation(work, stack["StackId"], stack["StackStatus"])
    # In a stack that waits for its first change set, nothing has happened yet.
    begun = operation.meaning is not Meaning.ABSENT
    follower = last_operation(cloudformation, stack["StackId"])
    followed = attach and operation.meaning is Meaning.WORKING
    if followed:
        with common.interruptible(environment, "events", progress.stop):
            operation.see_to_its_end(follower)
    else:
        operation.events = follower.new_events()
        common.print_each(operation.events)
        if not as_json:
            for event in operation.events:
                click.echo(line(event))
    over = begun and operation.meaning is not Meaning.WORKING
    failed = over and not succeeded(operation.status, operation.events)
    why = operation.explained() if failed else None
    if as_json:
        _print_operation(operation, why, int(bool(why and attach)))
    elif why and attach:
        common.fail(str(why))
    elif not followed:
        click.echo(why or f"{environment.stack} is in {operation.status}")


@click.command("outputs")
@common.environment_argument
@common.json_option
def outputs_command(environment: Environment, *, as_json: bool) -> None:
    """Show ENV's outputs: addresses, names and ids.

    Where standard output is no terminal: a line for each, its name, a tab, and its value. Exits
    with 1 where there is no such stack.
    """
    from liberty_cfn.deploy.operations import root
    from liberty_cfn.deploy.showing import outputs_text
    from liberty_cfn.deploy.stack import outputs

    target, _ = _at(environment)
    stack = root(environment, target.client("cloudformation"))
    found, screen = outputs(stack), common.console()
    if not found:
        click.echo(
            f"{environment.stack} is in {stack['StackStatus']}, without outputs", err=True
        )
    if as_json:
        common.print_json(found)
    elif screen.is_terminal:
        screen.print(outputs_text(found))
    else:
        for name, value in found.items():
            click.echo(f"{name}\t{value}")


@click.command("cancel")
@common.environment_argument
@common.json_option
def cancel_command(environment: Environment, *, as_json: bool) -> None:
    """Cancel an update of ENV that is under way.

    CloudFormation then undoes it. Only an update can be cancelled, and only while it is
    UPDATE_IN_PROGRESS; anything else is refused, with what can be done instead. Of a stack set,
    any operation can: stacks that have begun go on to their end, no other begins.
    """
    from liberty_cfn.deploy.operations import cancel

    if environment.targets:
        of_sets.cancel(environment, as_json=as_json)
        return
    target, _ = _at(environment)
    cancel(environment, target.client("cloudformation"))
    if as_json:
        common.print_json(stack=environment.stack, cancelled=True)
    else:
        click.echo(
            f"{environment.stack}: the update is cancelled: it is being undone; to see it: "
            f"make events ENV={environment.name} ARGS=--follow"
        )


@click.command("rollback")
@common.environment_argument
@click.option(
    "--skip",
    multiple=True,
    metavar="LOGICAL_ID",
    help="Leave this resource as it is; one of a nested stack is NestedStack.LogicalId. "
    "Repeatable.",
)
@common.json_option
def rollback_command(environment: Environment, *, skip: tuple[str, ...], as_json: bool) -> None:
    """Continue a rollback of ENV that failed, and follow it.

    From UPDATE_ROLLBACK_FAILED; or begin one, where a failed update was left as it was
    (UPDATE_FAILED). Nothing is skipped unless it is named: CloudFormation takes a skipped
    resource to be as it was, which it may not be.
    """
    from liberty_cfn.deploy.operations import roll_back
    from liberty_cfn.deploy.statuses import Meaning
    from liberty_cfn.deploy.telling import ShownProgress
    from liberty_cfn.deploy.work import Work

    target, screen = _at(environment)
    progress = ShownProgress(screen if as_json else common.console())
    with common.interruptible(environment, "rollback", progress.stop):
        done = roll_back(Work(environment, target, progress), skip)
    common.keep(environment)
    why = None if done.meaning is Meaning.UNDONE else done.explained()
    if as_json:
        _print_operation(done, why, int(bool(why)))
    elif why:
        common.fail(str(why))
    else:
        but = f", but for {' and '.join(skip)}, which may not be" if skip else ""
        click.echo(
            f"{environment.stack} is as it was before the update{but}; it can be updated again."
        )


def _at(environment: Environment) -> tuple[Target, Console]:
    """Return an environment's target, and the console for all but the answer."""
    screen = common.console(stderr=True)
    refuse(environment, "this")
    return common.connect(environment, screen), screen


def _print_operation(operation: Operation, why: Explanation | None, code: int) -> None:
    """Print an operation for a program, and exit; `why` says why it failed, if it did."""
    told: dict[str, Any] = {"failures": [], "advice": None}
    if why:
        told = why.as_json() | {"error": str(why), "exit_code": code}
        click.echo(why, err=True)
    stack, status = operation.work.environment.stack, operation.status
    # Followed, they were told as they happened.
    if not common.in_lines():
        told["events"] = [event.as_json() for event in operation.events]
    common.print_json({"stack": stack, "status": status, **told})
    raise SystemExit(code)


commands = (
    status_command,
    events_command,
    outputs_command,
    cancel_command,
    rollback_command,
)
