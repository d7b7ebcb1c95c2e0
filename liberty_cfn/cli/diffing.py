"""`liberty-cfn diff` and `liberty-cfn explain`."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from liberty_cfn.cli.common import fail, one_of

if TYPE_CHECKING:
    from liberty_cfn.review.reviewing import Review
    from liberty_cfn.review.sources import Version

LEVELS = ("destructive", "replacement", "broadening", "any")
FAILED = 3  # what `--fail-on` names was found


@click.command("diff")
@click.argument("old", required=False)
@click.argument("new", required=False)
@click.option("--base", metavar="REVISION", help="Compare with this revision.")
@click.option(
    "--env",
    "environments",
    metavar="ENV",
    multiple=True,
    help="Compare two environments (twice).",
)
@click.option("--deployed", metavar="ENV", help="Compare with what is deployed as ENV.")
@click.option("--markdown", is_flag=True, help="Print it for a pull request.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.option(
    "--fail-on",
    "levels",
    type=click.Choice(LEVELS),
    multiple=True,
    help=f"Exit with {FAILED} if there is such a change.",
)
def diff_command(
    old: str | None,
    new: str | None,
    *,
    base: str | None,
    environments: tuple[str, ...],
    deployed: str | None,
    markdown: bool,
    as_json: bool,
    levels: tuple[str, ...],
) -> None:
    """Say what a change does to AWS, in every environment.

    Compares templates/ and params/ with the point where this branch left the main one; with
    OLD and NEW, two folders. Only --deployed needs an account and the network.

    Exits with 0 when done, 1 when it can't compare, 3 when --fail-on finds what it names:
    destructive (data, a secret or a protection is lost), replacement (that, or a resource is
    or may be made anew), broadening (somebody can reach or do more than before), any.
    """
    from liberty_cfn.model.loading import LoadError
    from liberty_cfn.model.parsing import ParseError
    from liberty_cfn.review.sources import SourceError
    from liberty_cfn.review.values import ValuesError

    one_of(json=as_json, markdown=markdown)
    # It is over before there is garbage worth collecting, which would take a tenth of its time.
    gc.disable()
    try:
        found = _review(old, new, base, environments, deployed)
        _show(found, markdown=markdown, as_json=as_json)
    except (SourceError, ValuesError, ParseError, LoadError) as error:
        fail(str(error))
    if any(found.fails_on(level) for level in levels):
        raise SystemExit(FAILED)


def _review(
    old: str | None,
    new: str | None,
    base: str | None,
    environments: tuple[str, ...],
    deployed: str | None,
) -> Review:
    from liberty_cfn.review import sources
    from liberty_cfn.review.reviewing import between, review

    asked = [bool(old), bool(base), bool(environments), bool(deployed)]
    if sum(asked) > 1:
        raise click.UsageError(
            "Give two folders, --base, two --env or --deployed: one of them."
        )
    here = Path.cwd()
    if old:
        if not new:
            raise click.UsageError("Give two folders: liberty-cfn diff OLD NEW.")
        return review(sources.folder(Path(old)), sources.folder(Path(new)))
    if environments:
        one, other = _two(environments)
        try:
            return between(sources.folder(here), one, other)
        except KeyError as error:
            raise sources.SourceError(
                f"There is no environment {error.args[0]!r}: params/{error.args[0]}.yaml is "
                "missing."
            ) from error
    now = sources.here(here)
    if deployed:
        return _deployed(deployed, now)
    return review(sources.revision(base or sources.merge_base(here), here), now)


def _deployed(name: str, now: Version) -> Review:
    from liberty_cfn.cli.common import connect, console
    from liberty_cfn.cli.stack_sets.common import refuse
    from liberty_cfn.deploy.foreseeing import fetch
    from liberty_cfn.environments import load

    environment = load(name)
    refuse(environment, "diff --deployed")
    return fetch(environment, connect(environment, console(stderr=True)), now)


def _two(environments: tuple[str, ...]) -> tuple[str, str]:
    if len(environments) != 2:  # noqa: PLR2004
        raise click.UsageError("Give --env twice: diff --env staging --env prod.")
    return environments[0], environments[1]


def _show(found: Review, *, markdown: bool, as_json: bool) -> None:
    from liberty_cfn.review.folding import fold

    if as_json:
        import json

        from liberty_cfn.review.data import data

        click.echo(json.dumps(data(found), indent=2, ensure_ascii=False))
    elif markdown:
        from liberty_cfn.review.markdown import markdown as render

        click.echo(render(found, fold(found)), nl=False)
    else:
        from liberty_cfn.review.text import lines

        for line in lines(found, fold(found)):
            click.echo(_coloured(line))


def _coloured(line: str) -> str:
    """Return a line as a terminal shows it: headings stand out, danger in red."""
    from liberty_cfn.review.findings import Kind

    if os.environ.get("NO_COLOR") or not line:
        return line
    grave = {Kind.FAILS: "red", Kind.LOSS: "red", Kind.SECRET: "red"}
    amber = dict.fromkeys((Kind.WEAKENED, Kind.OPENS, Kind.GRANTS), "yellow")
    colours = {f"  {kind.value}": colour for kind, colour in (grave | amber).items()}
    if line in colours:
        return click.style(line, fg=colours[line], bold=True)
    return line if line.startswith("   ") else click.style(line, bold=True)


@click.command("explain")
@click.argument("resource", metavar="LOGICAL_ID")
@click.option(
    "--env", "environment", metavar="ENV", default="", help="With this environment's values."
)
def explain_command(resource: str, *, environment: str) -> None:
    """Say who makes and uses a resource, what replacing it does.

    LOGICAL_ID is a resource's own (Vpc), or says its stack, too (Network/Vpc).
    """
    from liberty_cfn.model.parsing import ParseError
    from liberty_cfn.review.explaining import UnknownResourceError, explain, lines
    from liberty_cfn.review.sources import SourceError, here
    from liberty_cfn.review.values import ValuesError

    try:
        found = explain(here(Path.cwd()), resource, environment)
    except (SourceError, ValuesError, ParseError, UnknownResourceError) as error:
        fail(str(error))
    for told in found:
        for line in lines(told):
            click.echo(line)
