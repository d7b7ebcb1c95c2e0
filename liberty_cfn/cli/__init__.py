"""The command line: `liberty-cfn`, or `python -m liberty_cfn`.

Commands of a kind are in a module. What a command needs is imported when it runs: boto3, rich
and the linters take longer to load than `--help` should.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import io
import os
import signal
import sys
from typing import NoReturn

import click

from liberty_cfn.cli.checking import audit_command, lint_command, prove_command, rules_command
from liberty_cfn.cli.common import fail, tell_programs
from liberty_cfn.cli.comparing import doctor_command, drift_command, verify_command
from liberty_cfn.cli.deploying import deploy_command, plan_command
from liberty_cfn.cli.destroying import destroy_command
from liberty_cfn.cli.diffing import diff_command, explain_command
from liberty_cfn.cli.local import local_group
from liberty_cfn.cli.operations import commands as operations
from liberty_cfn.cli.secret import secret_group
from liberty_cfn.cli.stack_sets import commands as stack_set_commands
from liberty_cfn.repository import PARAMS


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96})
@click.version_option(package_name="liberty-cfn")
def cli() -> None:
    """The AWS infrastructure of the Liberty Social backend.

    Templates are written by `make templates`. ENV is the name of a file in params/:
    params/prod.yaml is prod.

    Exits with 0 when done, 1 when it failed or was refused, 2 when a file or an argument is
    wrong, 130 when interrupted. `plan` exits with 1 where others exit with 2: its own 2 and 3
    are answers.
    """


@cli.command("environments")
def environments_command() -> None:
    """List the environments there are."""
    from liberty_cfn.environments import names

    click.echo("\n".join(names()))


for command in (
    lint_command,
    rules_command,
    diff_command,
    explain_command,
    prove_command,
    audit_command,
    plan_command,
    deploy_command,
    verify_command,
    destroy_command,
    *operations,
    *stack_set_commands,
    secret_group,
    doctor_command,
    drift_command,
    local_group,
):
    cli.add_command(command)


def main() -> NoReturn:
    """Run the command line; say what went wrong in words."""
    # Most objects live until the run is over; collecting garbage would take a tenth of it.
    gc.set_threshold(300_000)
    if sys.stdin is None:
        # It is closed (<&-): there is nobody to ask, and nothing to read.
        sys.stdin = io.TextIOWrapper(io.BytesIO())
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Exit as leave:
        sys.exit(leave.exit_code)
    except click.ClickException as error:
        error.show()
        code = _failing(error.exit_code)
        tell_programs(error.format_message(), code)
        sys.exit(code)
    except click.Abort:
        from liberty_cfn.mishaps import GOES_ON

        name = _environment()
        # Commands without an environment, such as lint, don't ask AWS for anything.
        fail(f"Interrupted. {GOES_ON.format(name=name) if name else ''}".rstrip(), 130)
    except BrokenPipeError:
        # The reader has closed the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        from liberty_cfn.mishaps import exit_code, facts, in_words

        if (said := in_words(error, _environment() or "ENV")) is None:
            raise
        fail(said, _failing(exit_code(error)), **facts(error))
    sys.exit(0)


def run() -> NoReturn:
    """Run the command line as a process, and exit without tearing the interpreter down.

    Freeing every object would take a fifth of the time of a deploy that changes nothing.
    """
    # From here on, Ctrl-C is answered in words (liberty_cfn/__main__.py), and plans are
    # discarded; so they are when the terminal is closed, or the job is ended.
    ending = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    answered = [one for one in ending if signal.getsignal(one) is signal.SIG_DFL]
    for one in answered:
        signal.signal(one, signal.default_int_handler)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What people wrote, or AWS says, may have letters that it lacks; standard error is so.
        sys.stdout.reconfigure(errors="backslashreplace")
    # Kept, with all that its frames hold: another Ctrl-C would be told by what is torn down.
    ended: BaseException = KeyboardInterrupt()
    # Another Ctrl-C, while the first was being answered, or when all is done.
    with contextlib.suppress(KeyboardInterrupt):
        try:
            main()
        except (SystemExit, KeyboardInterrupt) as left:
            ended = left
        for one in answered:
            signal.signal(one, signal.SIG_DFL)
    # As when Python exits by itself: wait for child processes.
    atexit._run_exitfuncs()  # noqa: SLF001
    try:
        for shown in filter(None, (sys.stdout, sys.stderr)):
            shown.flush()
    except OSError:
        # The reader has closed the pipe, or the file can't be written to.
        os._exit(1)
    code = ended.code if isinstance(ended, SystemExit) else 130
    os._exit(code if isinstance(code, int) else 1)


def _failing(code: int) -> int:
    """Return a failing command's exit code: for plan, 2 would mean that there are changes."""
    return 1 if sys.argv[1:2] == ["plan"] else code


def _environment() -> str:
    """Return the environment that was typed, if any; the command itself may not have begun."""
    there = {file.stem for file in PARAMS.glob("*.yaml")}
    return next((one for one in sys.argv[1:] if one in there), "")
