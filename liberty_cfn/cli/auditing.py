# ruff: noqa: PLC0415 - what a command needs is imported when it runs
"""`liberty-cfn audit`."""

from __future__ import annotations

import click

from liberty_cfn.cli.common import fail


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
    from liberty_cfn.proofs.proving import OTHERWISE, REPOSITORY, designs, ours

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
    found = list(judging.misfits(results))
    file, text = (
        REPOSITORY / "docs" / "well-architected.md",
        document.document(results, names()),
    )
    current = file.exists() and file.read_text(encoding="utf-8") == text
    if write and not current:
        file.write_text(text, encoding="utf-8", newline="\n")
    elif not current:
        found.append("docs/well-architected.md is stale; run `make audit ARGS=--write`")
    for misfit in found:
        click.echo(misfit, err=True)
    if found:
        raise SystemExit(1)
    controls = {result.control for result in results}
    click.echo(f"{len(controls)} controls, in {len(names())} environments: met or accepted")
