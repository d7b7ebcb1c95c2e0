"""`liberty-cfn rules`."""

from __future__ import annotations

import click


@click.command("rules")
@click.argument("ids", metavar="[RULE]...", nargs=-1)
@click.option("--write", is_flag=True, help="Write docs/rules.md as it should be.")
def rules_command(ids: tuple[str, ...], *, write: bool) -> None:
    """Say what house rules are for, such as LC1101.

    All of them are listed; of those whose ids are given, what happens to who doesn't keep one,
    an example of what it finds, one as it should be, and where that is written.
    """
    from liberty_cfn.linting import RULES_DOCUMENT
    from liberty_cfn.rules.checking import RULES
    from liberty_cfn.rules.document import rules_document, rules_in_words

    known = {rule.id: rule for rule in RULES}
    if unknown := [each for each in ids if each.upper() not in known]:
        raise click.UsageError(f"There is no rule {', '.join(unknown)}; see docs/rules.md.")
    if write:
        RULES_DOCUMENT.write_text(rules_document(), encoding="utf-8", newline="\n")
    elif ids:
        click.echo(rules_in_words([known[each.upper()] for each in ids]), nl=False)
    else:
        click.echo("\n".join(f"{rule.id}  {rule.title}" for rule in RULES))
