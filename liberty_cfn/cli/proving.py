# ruff: noqa: PLC0415 - what a command needs is imported when it runs
"""`liberty-cfn prove`."""

from __future__ import annotations

import click


@click.command("prove")
@click.option("--write", is_flag=True, help="Write docs/security.md as it should be.")
def prove_command(*, write: bool) -> None:
    """Prove who reaches whom, who may do what, and that what holds data stays.

    From the templates alone, with the values of every environment. Says what contradicts
    it, and whether docs/security.md, which tells what was found, is stale.
    """
    from liberty_cfn.proofs.document import security_document
    from liberty_cfn.proofs.proving import REPOSITORY, designs, misfits, ours

    resolved = designs(ours())
    found = misfits(resolved)
    file, text = REPOSITORY / "docs" / "security.md", security_document(resolved)
    current = file.exists() and file.read_text(encoding="utf-8") == text
    if write and not current:
        file.write_text(text, encoding="utf-8", newline="\n")
    elif not current:
        found.append("docs/security.md is stale; run `make templates`")
    for misfit in found:
        click.echo(misfit, err=True)
    if found:
        raise SystemExit(1)
    environments = len({name.partition("/")[0] for name in resolved}) - 1
    click.echo(f"Proved for {environments} environments: reach, grants and retention")
