"""The command line: `liberty-cfn`, or `python -m liberty_cfn`.

What a command needs is imported when it runs: boto3, rich and the linters take longer to
load than `--help` should.
"""

# ruff: noqa: PLC0415

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from rich.console import Console

    from liberty_cfn.deploy.targets import Target
    from liberty_cfn.environments import Environment
    from liberty_cfn.verify import Report

environment_argument = click.argument("environment", metavar="ENV", default="")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96})
@click.version_option(package_name="liberty-cfn")
def cli() -> None:
    """The AWS infrastructure of the Liberty Social backend.

    Templates are written by `python generate.py`. ENV is the name of a file in params/:
    params/prod.yaml is prod.

    Exits with 0 when done, 1 when it failed or was refused, 2 when a file or an argument is
    wrong.
    """


@cli.command("lint")
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
        templates = len(list(TEMPLATES.glob("*.yaml")))
        click.echo(
            f"{templates} templates and {len(names())} environments: nothing to complain of"
        )


@cli.command("deploy")
@environment_argument
@click.option("--yes", is_flag=True, envvar="YES", help="Don't ask before changing anything.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def deploy_command(environment: str, *, yes: bool, as_json: bool) -> None:
    """Make ENV what its templates and settings say, and verify it.

    Shows the change set before it is executed, then what happens as it happens, then the
    checklist of the spec and the outputs. What is deployed is what is committed: templates
    that are not as generated are refused (for the local AWS, they are written).
    """
    from liberty_cfn.deploy.deploying import deploy
    from liberty_cfn.deploy.packaging import read
    from liberty_cfn.deploy.showing import Follow, outputs_table
    from liberty_cfn.environments import LOCAL, load
    from liberty_cfn.linting import TEMPLATES
    from liberty_cfn.verify import verify
    from liberty_cfn.verify.document import as_json as report_as_json
    from liberty_cfn.verify.table import as_table

    console = _console(stderr=as_json)
    chosen = load(environment)
    _check_templates(chosen, console)
    target = _connect(chosen, console)
    local = chosen.endpoint == LOCAL
    follow = Follow(console, lambda: yes or local or _agrees(f"Deploy {chosen.name}?"))
    with _interruptible(chosen, follow.stop):
        outcome = deploy(chosen, target, read(TEMPLATES), follow)
    if outcome is None:
        _fail("Nothing was changed.")
    if not outcome.changed:
        follow.say(f"{chosen.stack}: no changes")
    _keep(chosen)
    report = verify(chosen, target.client)
    console.print(as_table(report))
    console.print(outputs_table(outcome.outputs))
    if as_json:
        said = {
            "stack": chosen.stack,
            "changed": outcome.changed,
            "outputs": outcome.outputs,
            "verify": report_as_json(report),
        }
        click.echo(json.dumps(said, indent=2))
    _exit_by(report)


@cli.command("verify")
@environment_argument
@click.option("--all", "every", is_flag=True, help="Show every fact, not only the wrong ones.")
@click.option("--json", "as_json", is_flag=True, help="Print rows and facts as JSON.")
@click.option("--markdown", is_flag=True, help="Print the spec's checklist, ticked.")
def verify_command(environment: str, *, every: bool, as_json: bool, markdown: bool) -> None:
    """Compare what exists in AWS with the spec's checklist.

    Reads each resource by its name and compares every value the spec states; neither
    templates nor stacks are asked. Exit 1 if any of the 25 rows fails.
    """
    from liberty_cfn.environments import load
    from liberty_cfn.verify import verify
    from liberty_cfn.verify.document import as_json as report_as_json
    from liberty_cfn.verify.markdown import as_markdown
    from liberty_cfn.verify.table import as_table

    console = _console()
    chosen = load(environment)
    target = _connect(chosen, _console(stderr=True))
    report = verify(chosen, target.client)
    if as_json:
        click.echo(json.dumps(report_as_json(report), indent=2))
    elif markdown:
        click.echo(as_markdown(report), nl=False)
    else:
        console.print(as_table(report, everything=every))
    _exit_by(report)


@cli.command("destroy")
@environment_argument
@click.option(
    "--confirm",
    envvar="CONFIRM",
    metavar="ENV",
    help="The environment's name once more, instead of typing it when asked.",
)
def destroy_command(environment: str, *, confirm: str | None) -> None:
    """Delete ENV's stacks, but what is kept by policy.

    Uploads, secrets, images, logs and the hosted zone stay; the database and the cache
    leave snapshots. What stays is listed before and after, and goes on costing money.
    """
    from liberty_cfn.deploy.destroying import destroy, standing
    from liberty_cfn.deploy.showing import Follow, kept_table
    from liberty_cfn.environments import LOCAL, load

    console = _console()
    chosen = load(environment)
    target = _connect(chosen, console)
    found = standing(chosen, target)
    if found is None:
        click.echo(f"{chosen.stack}: there is none")
        return
    stack_id, kept = found
    console.print(kept_table(kept))
    if chosen.endpoint != LOCAL:
        _confirm(chosen, confirm)
    follow = Follow(console, lambda: True).watch()
    with _interruptible(chosen, follow.stop):
        destroy(chosen, target, stack_id, follow.happened)
    _keep(chosen)
    click.echo(
        f"{chosen.stack} is deleted; {len(kept)} resources are kept, as listed above. Under "
        "the same names, they are in the next deploy's way until they are deleted."
    )


@cli.command("environments")
def environments_command() -> None:
    """List the environments there are."""
    from liberty_cfn.environments import names

    click.echo("\n".join(names()))


@cli.group("local")
def local_group() -> None:
    """Start and stop the local AWS, which ENV=local and the tests run against."""


@local_group.command("up")
def local_up() -> None:
    """Start the local AWS, with what it held when it was stopped."""
    from liberty_cfn.local import control

    click.echo(f"The local AWS answers at {control.up(say=click.echo).endpoint}")


@local_group.command("down")
@click.option("--forget", is_flag=True, help="Delete what it holds, too.")
def local_down(*, forget: bool) -> None:
    """Stop the local AWS. What it holds is kept, and there again after `local up`."""
    from liberty_cfn.local import control

    stopped = control.down()
    if forget:
        control.reset()
    click.echo("Stopped the local AWS" if stopped else "The local AWS was not running")
    if forget:
        click.echo("What it held is deleted")


@local_group.command("status")
@click.option(
    "--json", "as_json", is_flag=True, help="Print endpoint, pid, account and region."
)
def local_status(*, as_json: bool) -> None:
    """Say where the local AWS answers. Exit 1 if it is not running."""
    from liberty_cfn.local import control

    found = control.status()
    if as_json:
        keys = ("endpoint", "pid", "account", "region")
        click.echo(json.dumps({key: getattr(found, key, None) for key in keys}, indent=2))
    elif found:
        click.echo(f"{found.endpoint} (process {found.pid}, account {found.account})")
    else:
        click.echo("not running; `make local-up` starts it")
    raise SystemExit(0 if found else 1)


def main() -> NoReturn:
    """Run the command line; say what went wrong in words."""
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Exit as leave:
        sys.exit(leave.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        _fail("Interrupted; nothing was changed.", 130)
    except BrokenPipeError:
        # Whoever read along has read enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        from liberty_cfn.mishaps import exit_code, in_words

        if (said := in_words(error)) is None:
            raise
        _fail(said, exit_code(error))
    sys.exit(0)


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    shown = sys.stderr if stderr else sys.stdout
    return Console(
        stderr=stderr,
        # Read by a program or kept in a file: lines are not to be broken.
        width=None if shown.isatty() else 200,
        # What is shown comes from AWS and from people: `:secret:` in an ARN is no emoji.
        highlight=False,
        emoji=False,
        markup=False,
    )


def _connect(environment: Environment, console: Console) -> Target:
    from liberty_cfn.deploy.targets import connect

    return connect(environment, console.print)


def _keep(environment: Environment) -> None:
    """Have the local AWS keep what it holds, even if it is killed."""
    from liberty_cfn.environments import LOCAL
    from liberty_cfn.local import control

    if environment.endpoint == LOCAL and (local := control.status()):
        control.save(local)


def _check_templates(environment: Environment, console: Console) -> None:
    """Refuse templates that are not as generated, or that the linters object to."""
    from liberty_cfn.environments import LOCAL
    from liberty_cfn.generation import differences, generate, write
    from liberty_cfn.linting import lint_if_changed

    wanted = generate()
    if found := differences(wanted):
        if environment.endpoint != LOCAL:
            named = "\n".join(f"  {name} is {how}" for name, how in found.items())
            _fail(f"Not as generated:\n{named}\nRun `make templates`, and have it reviewed.")
        write(wanted)
        console.print(f"Wrote {', '.join(found)}")
    if findings := lint_if_changed():
        for finding in findings:
            console.print(f"{finding.file}:{finding.line}: {finding.rule}: {finding.message}")
        _fail("The templates are not deployed: the linters object, as above.")
    console.print(f"{len(wanted) - 1} templates are as generated, and the linters are content")


def _agrees(question: str) -> bool:
    if not sys.stdin.isatty():
        _fail(f"{question} There is nobody to ask; say so with --yes, or YES=1 for make.")
    return click.confirm(question)


def _confirm(environment: Environment, given: str | None) -> None:
    if given is None and sys.stdin.isatty():
        given = click.prompt(f"To delete {environment.stack}, type {environment.name}")
    if given != environment.name:
        _fail(
            f"Nothing was deleted: expected --confirm {environment.name}, or "
            f"CONFIRM={environment.name} for make."
        )


@contextmanager
def _interruptible(environment: Environment, stop: Callable[[], None]) -> Iterator[None]:
    """On Ctrl-C, say that AWS goes on."""
    try:
        yield
    except KeyboardInterrupt:
        stop()
        _fail(
            f"No longer looking. AWS goes on with {environment.stack}, if it had begun: see it "
            f"in the console, or deploy {environment.name} again when it is over.",
            130,
        )
    finally:
        stop()


def _exit_by(report: Report) -> None:
    if not report.ok:
        raise SystemExit(1)


def _fail(why: str, code: int = 1) -> NoReturn:
    click.echo(why, err=True)
    sys.exit(code)
