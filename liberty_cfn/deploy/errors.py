"""What ends a command. The messages are for the person at the terminal.

These go up to liberty_cfn/mishaps.py, as do AWS's own. A docstring names them where somebody on
the way acts on them, or where it isn't plain what could be refused.
"""

from __future__ import annotations


class DeployError(Exception):
    """What was asked for was refused or failed. The message says why, and what to do."""


class UnreachableError(DeployError):
    """A target of a stack set can't be looked into. The message says why."""


class FollowError(Exception):
    """Watching ended before the operation did: it takes too long, or AWS can't be asked.

    The message says how to watch again.
    """


class UnknownStatusError(Exception):
    """CloudFormation reports a state we don't know; a guess could lose data."""
