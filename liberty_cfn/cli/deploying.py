# ruff: noqa: PLC0415 - what a command needs is imported when it runs
"""`liberty-cfn deploy`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from liberty_cfn.cli.common import (
    connect,
    console,
    environment_argument,
    exit_by,
    fail,
    interruptible,
    keep,
)

if TYPE_CHECKING:
    from rich.console import Console

    from liberty_cfn.environments import Environment


@click.command("deploy")
@environment_argument
@click.option("--yes", is_flag=True, envvar="YES", help="Don't ask before changing anything.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def deploy_command(environment: str, *, yes: bool, as_json: bool) -> None:
    """Make ENV what its templates and settings say, and verify it.

    Shows the change set before it is executed, then what happens as it happens, then the
    checklist of the spec and the outputs. What is deployed is what is committed: templates
    that are not as generated are refused (for the local AWS, they are written).
    """
    from liberty_cfn.deploy.deploying import deploy
    from liberty_cfn.deploy.packaging import read
    from liberty_cfn.deploy.showing import Follow, outputs_table
    from liberty_cfn.environments import LOCAL, load
    from liberty_cfn.linting import TEMPLATES
    from liberty_cfn.verify import verify
    from liberty_cfn.verify.document import as_json as report_as_json
    from liberty_cfn.verify.table import as_table

    screen = console(stderr=as_json)
    chosen = load(environment)
    _check_templates(chosen, screen)
    target = connect(chosen, screen)
    local = chosen.endpoint == LOCAL
    follow = Follow(screen, lambda: yes or local or _agrees(f"Deploy {chosen.name}?"))
    with interruptible(chosen, follow.stop):
        outcome = deploy(chosen, target, read(TEMPLATES), follow)
    if outcome is None:
        fail("Nothing was changed.")
    if not outcome.changed:
        follow.say(f"{chosen.stack}: no changes")
    keep(chosen)
    report = verify(chosen, target.client)
    screen.print(as_table(report))
    screen.print(outputs_table(outcome.outputs))
    if as_json:
        said = {
            "stack": chosen.stack,
            "changed": outcome.changed,
            "outputs": outcome.outputs,
            "verify": report_as_json(report),
        }
        click.echo(json.dumps(said, indent=2))
    exit_by(report)


def _check_templates(environment: Environment, screen: Console) -> None:
    """Refuse templates that are not as generated, or that the linters object to."""
    from liberty_cfn.environments import LOCAL
    from liberty_cfn.generation import differences, generate, write
    from liberty_cfn.linting import lint_if_changed

    wanted = generate()
    if found := differences(wanted):
        if environment.endpoint != LOCAL:
            named = "\n".join(f"  {name} is {how}" for name, how in found.items())
            fail(f"Not as generated:\n{named}\nRun `make templates`, and have it reviewed.")
        write(wanted)
        screen.print(f"Wrote {', '.join(found)}")
    if findings := lint_if_changed():
        for finding in findings:
            screen.print(f"{finding.file}:{finding.line}: {finding.rule}: {finding.message}")
        fail("The templates are not deployed: the linters object, as above.")
    screen.print(f"{len(wanted) - 1} templates are as generated, and the linters are content")


def _agrees(question: str) -> bool:
    if not sys.stdin.isatty():
        fail(f"{question} There is nobody to ask; say so with --yes, or YES=1 for make.")
    return click.confirm(question)
