"""What exists, against what it should be: `verify`, `doctor` and `drift`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from liberty_cfn.cli import common
from liberty_cfn.cli.stack_sets import comparing as of_sets
from liberty_cfn.cli.stack_sets.common import by_target, fleet_of

if TYPE_CHECKING:
    from liberty_cfn.environments import Environment


@click.command("verify")
@common.environment_argument
@click.option("--all", "every", is_flag=True, help="Show every fact, not only the wrong ones.")
@click.option("--json", "as_json", is_flag=True, help="Print rows and facts as JSON.")
@click.option("--markdown", is_flag=True, help="Print the spec's checklist, ticked.")
def verify_command(
    environment: Environment, *, every: bool, as_json: bool, markdown: bool
) -> None:
    """Compare what exists in AWS with the spec's checklist.

    Reads each resource by its name and compares every value the spec states; neither
    templates nor stacks are asked. Exit 1 if any of the 25 rows fails.
    """
    common.one_of(json=as_json, markdown=markdown)
    common.one_of(all=every, markdown=markdown)
    from liberty_cfn import verify
    from liberty_cfn.deploy.images import as_deployed
    from liberty_cfn.markdown import fitting
    from liberty_cfn.verify import document, table
    from liberty_cfn.verify.markdown import as_markdown

    screen = common.console()
    if environment.targets:
        of_sets.verify(environment, every=every, as_json=as_json, markdown=markdown)
        return
    aside = common.console(stderr=True)
    target = common.connect(environment, aside)
    environment, advice = as_deployed(environment, target)
    report = verify.verify(environment, target.client)
    if as_json:
        steps = [advice] if advice else []
        common.print_json(document.as_json(report) | {"next_steps": steps})
    elif markdown:
        command = f"make verify ENV={environment.name}"
        click.echo(fitting(as_markdown(report), command), nl=False)
    else:
        screen.print(table.as_table(report, everything=every))
    if advice:
        aside.print(advice)
    common.exit_unless(report.ok)


@click.command("doctor")
@common.environment_argument
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def doctor_command(environment: Environment, *, as_json: bool) -> None:
    """Say what would make a deploy of ENV fail.

    In its account, region and zone: each finding is ok, a warning or an obstacle, with the
    setting or the command that solves it. Changes nothing. Exit 1 if there is an obstacle.
    """
    from liberty_cfn.deploy import finding
    from liberty_cfn.deploy.beforehand import examine
    from liberty_cfn.deploy.showing import findings_text

    screen, aside = common.console(), common.console(stderr=True)
    if environment.targets:
        from liberty_cfn.deploy.stack_sets.comparing import examined

        own, there = examined(fleet_of(environment, aside))
    else:
        own, there = examine(environment, common.connect(environment, aside)), {}
    ok = not any(map(finding.hinders, (own, *there.values())))
    if as_json:
        kind = "stack_set" if environment.targets else "stack"
        told = {kind: environment.stack, "ok": ok, "findings": finding.as_json(own)}
        if environment.targets:
            places = {p: {"findings": finding.as_json(some)} for p, some in there.items()}
            told["targets"] = by_target(places)
        common.print_json(told)
    else:
        if environment.targets:
            screen.print(environment.stack, style="bold")
        screen.print(findings_text(own))
        for place, findings in there.items():
            screen.print(str(place), style="bold")
            screen.print(findings_text(findings))
    common.exit_unless(ok)


@click.command("drift")
@common.environment_argument
@common.json_option
def drift_command(environment: Environment, *, as_json: bool) -> None:
    """Show what in ENV was changed by hand since it was deployed.

    Every nested stack is compared with what it was deployed as: each resource that differs,
    with the properties expected and found; and each stack whose policy doesn't keep what holds
    data. Exits with 1 if anything differs, or could not be compared.
    """
    from liberty_cfn.deploy import drift
    from liberty_cfn.deploy.operations import root

    if environment.targets:
        of_sets.drift(environment, as_json=as_json)
        return
    screen = common.console(stderr=True)
    cloudformation = common.connect(environment, screen).client("cloudformation")
    stack = root(environment, cloudformation)
    drift.refuse_unless_standing(environment, stack)
    found = drift.detect(cloudformation, stack["StackId"], environment.name, say=screen.print)
    if as_json:
        common.print_json(stack=environment.stack, **drift.as_json(found))
    else:
        click.echo("\n".join([*drift.as_lines(found), f"{environment.stack}: {found.summary}"]))
        if found.unprotected:
            click.echo(f"To set the policies again: make deploy ENV={environment.name} DRIFT=1")
    common.exit_unless(found.same)
