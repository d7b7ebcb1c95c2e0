"""`liberty-cfn plan`."""

from __future__ import annotations

import click

from liberty_cfn.cli import common
from liberty_cfn.cli.reviewed import generated


@click.command("plan")
@common.environment_argument
@common.drift_option
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
@click.option("--markdown", is_flag=True, help="Print the plan for a pull request.")
def plan_command(environment: str, *, drift: bool, as_json: bool, markdown: bool) -> None:
    """Show what deploying ENV would change, and change nothing.

    A change set over all nested stacks, shown and discarded: each resource, the properties
    that change, and whether it is replaced for certain, or possibly (a value is known only
    after apply).

    Exits with 0 for nothing, 2 for changes, 3 for changes that put data at risk, 1 when it
    failed.
    """
    from liberty_cfn.cli.stack_sets.common import refuse_alone
    from liberty_cfn.cli.stack_sets.deploying import plan as plan_set
    from liberty_cfn.deploy import plans, preparing, showing
    from liberty_cfn.environments import load

    chosen = load(environment)
    if chosen.targets:
        refuse_alone(chosen, {"--drift": drift})
        plan_set(chosen, as_json=as_json, markdown=markdown)
    aside = common.console(stderr=True)
    target = common.connect(chosen, aside)
    chosen, advice = common.with_image(chosen, target)
    planned = preparing.plan(chosen, target, generated(aside), aside.print, drift=drift)
    if as_json:
        common.print_json(plans.as_json(planned))
    elif markdown:
        click.echo(showing.plan_markdown(planned), nl=False)
    else:
        common.console().print(showing.plan_tree(planned))
    if advice and planned.changes:
        aside.print(advice)
    raise SystemExit(planned.code)
