"""`liberty-cfn lint`."""

from __future__ import annotations

from pathlib import Path

import click

from liberty_cfn.cli.common import print_json


@click.command("lint")
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print a list of findings as JSON.")
@click.option("--sarif", "as_sarif", is_flag=True, help="Print them as GitHub takes them.")
def lint_command(paths: tuple[Path, ...], *, as_json: bool, as_sarif: bool) -> None:
    """Check templates/ with params/, or other files and folders.

    With cfn-lint and AWS's cloudformation-validate, and with the house rules of
    docs/rules.md, which look at what comes of a whole set with each environment's values.
    Templates may be JSON or YAML, nested or not, and of any design.

    Exits with 0 if there is no error, 1 if there is one, 2 if a PATH can't be read as
    templates.
    """
    from liberty_cfn import findings
    from liberty_cfn.environments import names
    from liberty_cfn.linting import UNPARSABLE, lint, lint_ours, stale_rules
    from liberty_cfn.repository import TEMPLATES
    from liberty_cfn.rules.checking import RULES

    found = lint(paths) if paths else [*lint_ours(), *stale_rules()]
    if as_json:
        print_json(findings.as_json(found))
    elif as_sarif:
        about = {rule.id: (rule.title, rule.reason, rule.source) for rule in RULES}
        print_json(findings.as_sarif(found, about))
    else:
        for finding in found:
            click.echo(str(finding))
    if any(finding.rule == UNPARSABLE for finding in found):
        raise SystemExit(2)
    if any(finding.level == "error" for finding in found):
        raise SystemExit(1)
    if not found and not as_json and not as_sarif:
        templates = len(list(TEMPLATES.rglob("*.yaml")))
        ours = f"{templates} templates and {len(names())} environments"
        given = ", ".join(map(str, paths))
        click.echo(f"{given or ours}: nothing to complain of")
