"""Templates and params/ looked at without AWS: `lint`, `rules`, `prove` and `audit`."""

from __future__ import annotations

from pathlib import Path

import click

from liberty_cfn.cli.common import fail, one_of, print_json, settle


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
    one_of(json=as_json, sarif=as_sarif)
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


@click.command("rules")
@click.argument("ids", metavar="[RULE]...", nargs=-1)
@click.option("--write", is_flag=True, help="Write docs/rules.md as it should be.")
def rules_command(ids: tuple[str, ...], *, write: bool) -> None:
    """Say what house rules are for, such as LC1101.

    Without ids, lists them all. For each id given: what happens where the rule isn't kept, an
    example of what it finds, one as it should be, and the source.
    """
    from liberty_cfn.linting import RULES_DOCUMENT
    from liberty_cfn.rules.checking import RULES
    from liberty_cfn.rules.document import rules_document, rules_in_words

    known = {rule.id: rule for rule in RULES}
    if unknown := [each for each in ids if each.upper() not in known]:
        raise click.UsageError(f"There is no rule {', '.join(unknown)}; see docs/rules.md.")
    if write and ids:
        raise click.UsageError("--write writes all rules: give no RULE with it.")
    if write:
        RULES_DOCUMENT.write_text(rules_document(), encoding="utf-8", newline="\n")
    elif ids:
        click.echo(rules_in_words([known[each.upper()] for each in ids]), nl=False)
    else:
        click.echo("\n".join(f"{rule.id}  {rule.title}" for rule in RULES))


@click.command("prove")
@click.option("--write", is_flag=True, help="Write docs/security.md as it should be.")
def prove_command(*, write: bool) -> None:
    """Prove who reaches whom and who may do what.

    Also that what holds data stays. From the templates alone, with the values of every
    environment. Says what contradicts it, and whether docs/security.md, which tells what was
    found, is stale.
    """
    from liberty_cfn.proofs.document import security_document
    from liberty_cfn.proofs.proving import designs, misfits, ours
    from liberty_cfn.repository import REPOSITORY

    resolved = designs(ours())
    document = REPOSITORY / "docs" / "security.md"
    text = security_document(resolved)
    found = misfits(resolved)
    if found:
        found.append(
            "What is meant is said in liberty_cfn/proofs/: see Proofs in CONTRIBUTING.md"
        )
    settle(found, document, text, write=write, command="make templates")
    environments = len({name.partition("/")[0] for name in resolved}) - 1
    click.echo(f"Proved for {environments} environments: reach, grants and retention")


@click.command("audit")
@click.option("--write", is_flag=True, help="Write docs/well-architected.md as it should be.")
def audit_command(*, write: bool) -> None:
    """Ask checkov and AWS's Guard rules about every environment.

    `make audit` installs them first, in an environment of their own. Says what they find that
    isn't accepted in liberty_cfn/audit/accepted.py, and what is accepted there in vain.
    """
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from liberty_cfn.audit import document, inputs, judging, tools
    from liberty_cfn.environments import names
    from liberty_cfn.proofs.proving import OTHERWISE, designs, ours
    from liberty_cfn.repository import REPOSITORY

    installed = REPOSITORY / ".venv-audit"
    resolved = {name: d for name, d in designs(ours()).items() if name != OTHERWISE}
    try:
        with TemporaryDirectory() as folder:
            inputs.write(resolved, Path(folder))
            results = [
                *tools.guard(tools.unpacked(installed), Path(folder)),
                *tools.checkov(installed / "bin" / "checkov", Path(folder)),
            ]
    except tools.AuditError as error:
        fail(str(error))
    settle(
        list(judging.misfits(results)),
        REPOSITORY / "docs" / "well-architected.md",
        document.document(results, names()),
        write=write,
        command="make audit ARGS=--write",
    )
    controls = {result.control for result in results}
    click.echo(f"{len(controls)} controls, in {len(names())} environments: met or accepted")
