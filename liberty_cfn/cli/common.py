"""What several commands need."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn, cast

import click

if TYPE_CHECKING:
    from rich.console import Console

    from liberty_cfn.deploy.targets import Target
    from liberty_cfn.environments import Environment


def _loaded(_context: click.Context, _argument: click.Parameter, name: str) -> Environment:
    from liberty_cfn.environments import load

    return load(name)


environment_argument = click.argument(
    "environment", metavar="ENV", default="", callback=_loaded
)
drift_option = click.option(
    "--drift",
    is_flag=True,
    envvar="DRIFT",
    help="Say what would become of changes made by hand; finding them takes minutes.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")


class _Trimmed:
    """Passes on what is written, without the spaces that pad the lines of a table."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        return self._file.write(re.sub(r" +\n", "\n", text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def console(*, stderr: bool = False) -> Console:
    """Return the console for what people read."""
    from rich.console import Console

    # None where it was closed: >&-
    shown = (sys.stderr if stderr else sys.stdout) or io.StringIO()
    made = Console(
        file=shown if shown.isatty() else cast("IO[str]", _Trimmed(shown)),
        # Not wrapped if a program reads it, or it goes to a file.
        width=None if shown.isatty() else 1000,
        # Nor on a narrow terminal, as people copy commands; trees still are.
        soft_wrap=True,
        # Text from AWS and from people is shown as it is: `:secret:` in an ARN is no emoji.
        highlight=False,
        emoji=False,
        markup=False,
    )
    made.on_broken_pipe = _unread  # type: ignore[method-assign]
    return made


def _unread() -> NoReturn:
    """Raise what rich leaves with, without a word: something may go on that nobody reads of."""
    raise BrokenPipeError


def connect(environment: Environment, screen: Console) -> Target:
    """Return the environment's target; progress in reaching it is shown on `screen`."""
    from liberty_cfn.deploy import targets

    return targets.connect(environment, screen.print)


def with_image(environment: Environment, target: Target) -> tuple[Environment, str]:
    """Return the environment with its image by digest, and what to do if there is none yet."""
    from liberty_cfn.deploy import images

    image = images.resolve(environment, target)
    if image.refusal:
        fail(image.refusal)
    return environment.with_parameters(image.parameters), image.advice


def keep(environment: Environment) -> None:
    """Have the local AWS save what it holds, in case it is killed."""
    from liberty_cfn.local import control

    if environment.is_local and (local := control.status()):
        control.save(local)


@contextmanager
def interruptible(
    environment: Environment, command: str, stop: Callable[[], None], more: str = ""
) -> Iterator[None]:
    """On Ctrl-C in a command, say that AWS carries on, and what can be done.

    So it does if nobody reads any more: a pager that was left, say. `more` is what it takes to
    go on with the command.
    """
    try:
        yield
    except (KeyboardInterrupt, BrokenPipeError) as left:
        stop()
        name = environment.name
        can = [f"make events ENV={name} ARGS=--follow only watches"]
        if command in ("deploy", "retry", "destroy"):
            again = f"make {command} ENV={name}{more}"
            can.insert(0, f"{again} attaches and does what is left to do")
        if environment.targets:
            can.append(f"make cancel ENV={name} stops what has not begun")
        elif command not in ("destroy", "rollback"):
            can.append(f"make cancel ENV={name} undoes an update")
        goes_on = f"AWS goes on with {environment.stack}, if it had begun"
        code = 130 if isinstance(left, KeyboardInterrupt) else 1
        fail(f"No longer watching. {goes_on}: {', '.join(can)}.", code)
    finally:
        stop()


def in_lines() -> bool:
    """Whether JSON is told as it happens, a line for each thing."""
    return {"--json", "--follow"} <= {*sys.argv}


def print_json(whole: Any = None, **parts: Any) -> None:
    """Print JSON for a program: a whole value, or an object of these parts."""
    try:
        click.echo(json.dumps(parts or whole, indent=None if in_lines() else 2))
    except KeyboardInterrupt:
        if in_lines():
            raise
        # What is left of it is written at the end, and nothing else is to follow.
        sys.exit(130)


def print_each(happened: Iterable[Any]) -> None:
    """Print what happened, at once, for a program that follows it."""
    for each in happened if in_lines() else ():
        print_json(each.as_json())


def fixed_by_hand(environment: Environment) -> str:
    """Return what to do where a deploy succeeded, and what exists isn't as specified."""
    return (
        "Where the templates were changed on purpose, change what is expected, in "
        "liberty_cfn/verify/, too. What was taken in, or changed by hand, stays as it is, and "
        f"deploying again won't change that: make drift ENV={environment.name} says what "
        "differs; fix that by hand"
    )


def exit_unless(ok: bool) -> None:  # noqa: FBT001 - what it takes is what it is about
    """Exit with 1 unless all is as it should be."""
    if not ok:
        raise SystemExit(1)


def one_of(**given: object) -> None:
    """Refuse options that were given together, of which only one would count."""
    found = [f"--{name}" for name, value in given.items() if value]
    if len(found) > 1:
        raise click.UsageError(f"Give one of {' and '.join(found)}: only one would count.")


def fail(why: str, code: int = 1, /, **facts: Any) -> NoReturn:
    """Say why on standard error, and to a program that asked for JSON, and exit.

    `facts` are for the program, by the names of docs/json.md.
    """
    # The terminal may be closed, or the disk full.
    with suppress(OSError):
        click.echo(why, err=True)
        tell_programs(why, code, **facts)
    sys.exit(code)


def tell_programs(why: str, code: int, /, **facts: Any) -> None:
    """Print what went wrong as JSON, if that was asked for, as nothing else is printed then."""
    if "--json" in sys.argv:
        print_json(error=why, exit_code=code, **facts)


def settle(found: list[str], document: Path, text: str, *, write: bool, command: str) -> None:
    """Say what was found, and check the document that tells of it; exit 1 if anything is wrong.

    With `write`, the document is written; otherwise a stale one is wrong, and `command` fixes
    it.
    """
    current = document.exists() and document.read_text(encoding="utf-8") == text
    if write and not current:
        document.write_text(text, encoding="utf-8", newline="\n")
    stale = [] if write or current else [f"docs/{document.name} is stale; run `{command}`"]
    for misfit in [*found, *stale]:
        click.echo(misfit, err=True)
    exit_unless(not found and not stale)
