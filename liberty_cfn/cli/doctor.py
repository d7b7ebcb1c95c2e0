"""`liberty-cfn doctor`."""

from __future__ import annotations

import click

from liberty_cfn.cli import common


@click.command("doctor")
@common.environment_argument
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def doctor_command(environment: str, *, as_json: bool) -> None:
    """Say what in ENV's account, region and zone would make a deploy fail.

    Each finding is ok, a warning or an obstacle, with the setting or the command that solves
    it. Changes nothing. Exit 1 if there is an obstacle.
    """
    from liberty_cfn.cli.stack_sets import comparing
    from liberty_cfn.deploy import finding
    from liberty_cfn.deploy.beforehand import examine
    from liberty_cfn.deploy.showing import findings_text
    from liberty_cfn.environments import load

    chosen = load(environment)
    if chosen.targets:
        comparing.doctor(chosen, as_json=as_json)
        return
    found = examine(chosen, common.connect(chosen, common.console(stderr=True)))
    if as_json:
        common.print_json(finding.as_json(found))
    else:
        common.console().print(findings_text(found))
    common.exit_unless(not finding.hinders(found))
