"""Consent: a yes, or an environment's name, from the person at the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from liberty_cfn.cli.common import fail

if TYPE_CHECKING:
    from liberty_cfn.deployment_targets import Place
    from liberty_cfn.environments import Environment

yes_option = click.option(
    "--yes", is_flag=True, envvar="YES", help="Don't ask before changing anything."
)
confirm_option = click.option(
    "--confirm",
    envvar="CONFIRM",
    metavar="ENV",
    help="The environment's name once more; asked for where names have no suffix: production.",
)


def agrees(question: str) -> bool:
    """Whether the person at the terminal says yes; fail if there is nobody to ask."""
    if not sys.stdin.isatty():
        why = f"{question} There is nobody to ask; consent with --yes, or YES=1 for make."
        fail(why, needs=["--yes"])
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        # Ctrl-C, or the end of input, is a no: nothing has begun.
        click.echo(err=True)
        return False


def may_deploy(environment: Environment, given: str | None, *, yes: bool) -> bool:
    """Whether a deploy has consent: a yes, or its name; for production that, typed or `given`.

    Production has names without a suffix; one such target makes a stack set production.
    """
    if environment.is_local:
        return True
    if all(part.settings["NameSuffix"] for part in environment.parts):
        return yes or given == environment.name or agrees(f"Deploy {environment.name}?")
    _named(
        environment,
        given,
        f"This is production. To deploy it, type {environment.name}",
        f"Nothing was deployed: this is production; {_saying(environment)}.",
    )
    return True


def named_otherwise(environment: Environment, given: str | None, undone: str) -> None:
    """Refuse a confirmation that names another environment."""
    if given not in (None, environment.name):
        said = given or "an empty name"
        fail(f"Nothing was {undone}: {said} is confirmed, and this is {environment.name}.")


def confirmed(environment: Environment, given: str | None) -> None:
    """Have the environment's name typed, unless it was given; refuse otherwise."""
    _named(
        environment,
        given,
        f"To delete {environment.stack}, type {environment.name}",
        f"Nothing was deleted: {_saying(environment)}; YES=1 isn't enough, nor is a CONFIRM "
        "that was exported.",
    )


def confirmed_unseen(environment: Environment, given: str | None, where: str) -> None:
    """Have the environment's name typed, unless it was given, as `where` can't be checked."""
    untold = f"what would be lost in {where} can't be told"
    _named(
        environment,
        given,
        f"{untold[0].upper()}{untold[1:]}. To change it anyway, type {environment.name}",
        f"Nothing was changed: {untold}; {_saying(environment)}; YES=1 isn't enough.",
    )


def confirmed_removal(environment: Environment, places: Iterable[Place]) -> None:
    """Have the name typed, as targets go that nobody named; no CONFIRM is about them."""
    needs = [f"--allow-removal {place}" for place in places]
    _named(
        environment,
        None,
        "Targets go that params/ no longer has, with all but what is kept as above. To delete "
        f"their stacks, type {environment.name}",
        "Nothing was changed: targets would go that params/ no longer has, with all but what "
        f'is kept as above. To have them go: ARGS="{" ".join(needs)}"',
        needs,
    )


def _named(
    environment: Environment,
    given: str | None,
    question: str,
    refusal: str,
    needs: Sequence[str] = (),
) -> None:
    if given is None and sys.stdin.isatty():
        try:
            given = click.prompt(question, err=True).strip()
        except click.Abort:
            click.echo(err=True)
    if given != environment.name:
        fail(refusal, needs=needs or [f"--confirm {environment.name}"])


def _saying(environment: Environment) -> str:
    return f"give --confirm {environment.name}, or CONFIRM={environment.name} for make"
