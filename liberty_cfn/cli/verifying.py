"""`liberty-cfn verify`."""

from __future__ import annotations

import click

from liberty_cfn.cli import common


@click.command("verify")
@common.environment_argument
@click.option("--all", "every", is_flag=True, help="Show every fact, not only the wrong ones.")
@click.option("--json", "as_json", is_flag=True, help="Print rows and facts as JSON.")
@click.option("--markdown", is_flag=True, help="Print the spec's checklist, ticked.")
def verify_command(environment: str, *, every: bool, as_json: bool, markdown: bool) -> None:
    """Compare what exists in AWS with the spec's checklist.

    Reads each resource by its name and compares every value the spec states; neither
    templates nor stacks are asked. Exit 1 if any of the 25 rows fails.
    """
    from liberty_cfn import verify
    from liberty_cfn.cli.stack_sets import comparing
    from liberty_cfn.deploy.images import as_deployed
    from liberty_cfn.environments import load
    from liberty_cfn.verify import document, table
    from liberty_cfn.verify.markdown import as_markdown

    screen = common.console()
    chosen = load(environment)
    if chosen.targets:
        comparing.verify(chosen, every=every, as_json=as_json, markdown=markdown)
        return
    aside = common.console(stderr=True)
    target = common.connect(chosen, aside)
    chosen, advice = as_deployed(chosen, target)
    report = verify.verify(chosen, target.client)
    if as_json:
        common.print_json(document.as_json(report))
    elif markdown:
        click.echo(as_markdown(report), nl=False)
    else:
        screen.print(table.as_table(report, everything=every))
    if advice:
        aside.print(advice)
    common.exit_unless(report.ok)
