"""Fixtures: commands as people type them, run in this process.

To start a process for each takes longer than most commands do; test_cli.py starts some.
"""

import re
import sys
from functools import partial
from typing import NamedTuple

import pytest
from click.testing import CliRunner
from local_aws import variables

from liberty_cfn import checked
from liberty_cfn.cli import main
from liberty_cfn.deploy import targets
from liberty_cfn.repository import REPOSITORY


def documented(command, *, of_a_set=False):
    """The keys that docs/json.md says a command's JSON has, or each object of a list."""
    text = (REPOSITORY / "docs" / "json.md").read_text("utf-8")
    [row] = re.findall(rf"^\| `{re.escape(command)}` \| (.*) \| (.*) \|$", text, re.MULTILINE)
    return set(re.findall("`([a-z_]+)`", row[of_a_set]))


class Answer(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def typed(*arguments, given="", env=None):
    """Do what `python -m liberty_cfn` does; `given` is its standard input."""
    with (
        CliRunner().isolation(given, env) as (out, err, _),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(sys, "argv", ["liberty-cfn", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        return Answer(left.value.code, out.getvalue().decode(), err.getvalue().decode())


@pytest.fixture
def nearby(aws):
    """The variables that make AWS the emptied local one, where ENV isn't local."""
    return variables(aws.local)


@pytest.fixture
def linted(monkeypatch):
    """Have deploys take it that the templates are good, which test_linting.py looks at."""
    monkeypatch.setattr(checked, "is_known", lambda *_: True)


@pytest.fixture
def liberty(target, nearby, linted, monkeypatch):
    """Run a command on the emptied local AWS, as if it were a real one."""
    # With clients at hand: made anew, what is under way would be over before it is seen.
    monkeypatch.setattr(targets, "connect", lambda *_: target)
    return partial(typed, env=nearby)
