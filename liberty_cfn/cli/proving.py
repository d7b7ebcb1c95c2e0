"""`liberty-cfn prove`."""

from __future__ import annotations

import click

from liberty_cfn.cli.common import settle


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
    settle(misfits(resolved), document, text, write=write, command="make templates")
    environments = len({name.partition("/")[0] for name in resolved}) - 1
    click.echo(f"Proved for {environments} environments: reach, grants and retention")
