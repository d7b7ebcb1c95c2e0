# ruff: noqa: PLC0415 - what a command needs is imported when it runs
"""`liberty-cfn lint`."""

from __future__ import annotations

import json

import click


@click.command("lint")
@click.option("--json", "as_json", is_flag=True, help="Print a list of findings as JSON.")
def lint_command(*, as_json: bool) -> None:
    """Check templates/ and params/.

    With cfn-lint and AWS's cloudformation-validate, all templates at once, in the regions
    of all environments. What they are not asked about is listed with its reason in
    .cfnlintrc.yaml and liberty_cfn/linting.py.
    """
    from liberty_cfn.environments import names
    from liberty_cfn.linting import TEMPLATES, lint

    found = lint()
    if as_json:
        click.echo(json.dumps([finding.__dict__ for finding in found], indent=2))
    for finding in [] if as_json else found:
        click.echo(
            f"{finding.file}:{finding.line}: {finding.level} {finding.rule}: {finding.message}"
        )
    if found:
        raise SystemExit(1)
    if not as_json:
        templates = len(list(TEMPLATES.rglob("*.yaml")))
        click.echo(
            f"{templates} templates and {len(names())} environments: nothing to complain of"
        )
