"""`liberty-cfn secret`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from liberty_cfn.cli import common

if TYPE_CHECKING:
    from liberty_cfn.environments import Environment


@click.group("secret")
def secret_group() -> None:
    """Set the secrets that need a person; see which have a value.

    Values are read from the terminal or from standard input, never from an argument, and
    are never shown.
    """


@secret_group.command("set")
@common.environment_argument
@click.argument("name")
@click.option(
    "--restart",
    is_flag=True,
    help="Replace running tasks, which otherwise keep the old value.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def secret_set(environment: Environment, name: str, *, restart: bool, as_json: bool) -> None:
    """Set the secret NAME of ENV, such as DEFAULT_FROM_EMAIL.

    Asks for the value without showing it. Where standard input is no terminal, the value
    is what comes in there, without the line's end: `secret set prod NAME < file`.
    """
    from liberty_cfn.cli.stack_sets.common import refuse
    from liberty_cfn.deploy import secrets

    refuse(environment, "secret")
    if why := secrets.refusal(environment, name):
        common.fail(why, 2)
    value = _value(name)
    screen = common.console(stderr=as_json)
    target = common.connect(environment, common.console(stderr=True))
    full, tasks = secrets.full_name(environment, name), 0
    given = secrets.is_given(environment, name)
    try:
        version = secrets.store(environment, target, name, value)
        # Said at once, as what follows may fail.
        screen.print(f"{full} is set (version {version})")
        if restart and given:
            tasks = secrets.restart(environment, target)
            screen.print(
                f"The service replaces its tasks ({tasks}), which takes some minutes; make "
                f"status ENV={environment.name} tells how they come up"
                if tasks
                else "The service has no tasks; those that start have the new value"
            )
    finally:
        common.keep(environment)
    if as_json:
        common.print_json(secret=full, version=version, restarted_tasks=tasks)
    if not given:
        screen.print(
            f"Tasks aren't given {name}: they reach S3 by their role, and go on as before"
        )
    elif not restart:
        screen.print(
            "Tasks that run keep the old value until they are replaced: make deploy "
            f"ENV={environment.name} RESTART=1"
        )


@secret_group.command("list")
@common.environment_argument
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def secret_list(environment: Environment, *, as_json: bool) -> None:
    """List ENV's secrets: whether they have a value, and since when.

    Values are not read.
    """
    from liberty_cfn.cli.stack_sets.common import refuse
    from liberty_cfn.deploy import secrets
    from liberty_cfn.deploy.showing import titled

    refuse(environment, "secret")
    found = secrets.listed(
        environment, common.connect(environment, common.console(stderr=True))
    )
    if as_json:
        common.print_json([secrets.as_json(each) for each in found])
        return
    table = titled("Secret", "Exists", "Has a value", "Changed")
    for each in found:
        exists = "yes" if each.exists else "no"
        if each.scheduled_for_deletion:
            exists = "scheduled for deletion"
        changed = f"{each.changed:%Y-%m-%d %H:%M}" if each.changed else ""
        table.add_row(each.secret, exists, "yes" if each.has_value else "no", changed)
    common.console().print(table)


def _value(name: str) -> str:
    """Return the value that a person types, without echo, or that comes from standard input."""
    try:
        if sys.stdin.isatty():
            typed: str = click.prompt(name, hide_input=True, confirmation_prompt=True, err=True)
            return typed
        text = sys.stdin.buffer.read().decode("utf-8")
    except click.Abort:
        return ""
    except UnicodeDecodeError:
        # The error itself would quote the value.
        common.fail(f"{name} was not changed: what was given is not text in UTF-8.", 2)
    # The newline at the end is the shell's, not the value's.
    return text.removesuffix("\n").removesuffix("\r")
