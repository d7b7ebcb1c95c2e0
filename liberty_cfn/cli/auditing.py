"""`liberty-cfn audit`."""

from __future__ import annotations

import click

from liberty_cfn.cli.common import fail, settle


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
