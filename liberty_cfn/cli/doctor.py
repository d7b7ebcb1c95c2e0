# ruff: noqa: PLC0415 - what a command needs is imported when it runs
"""`liberty-cfn doctor`."""

from __future__ import annotations

import json

import click

from liberty_cfn.cli.common import connect, console, environment_argument


@click.command("doctor")
@environment_argument
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def doctor_command(environment: str, *, as_json: bool) -> None:
    """Say what in ENV's account, region and zone would make a deploy fail.

    Each finding is ok, a warning or an obstacle, with the setting or the command that solves
    it. Changes nothing. Exit 1 if there is an obstacle.
    """
    from rich.table import Table
    from rich.text import Text

    from liberty_cfn.cli import stack_sets
    from liberty_cfn.deploy.doctor import as_json as findings_as_json
    from liberty_cfn.deploy.doctor import examine
    from liberty_cfn.deploy.finding import Level
    from liberty_cfn.environments import load

    chosen = load(environment)
    if chosen.targets:
        stack_sets.doctor(chosen, as_json=as_json)
        return
    found = examine(chosen, connect(chosen, console(stderr=True)))
    if as_json:
        click.echo(json.dumps(findings_as_json(found), indent=2))
    else:
        colours = {Level.OK: "green", Level.WARNING: "yellow", Level.OBSTACLE: "bold red"}
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for each in found:
            table.add_row(Text(each.level.value, style=colours[each.level]), str(each))
        console().print(table)
    if any(each.level is Level.OBSTACLE for each in found):
        raise SystemExit(1)
