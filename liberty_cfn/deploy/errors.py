"""What ends a command. The messages are for the person at the terminal."""

from __future__ import annotations

from liberty_cfn.errors import ToldError


class DeployError(ToldError):
    """What was asked for was refused or failed. The message says why, and what to do."""


class UnreachableError(DeployError):
    """A target of a stack set can't be looked into. The message says why."""


class FollowError(Exception):
    """Watching ended before the operation did. The message says how to watch again."""


class UnknownStatusError(Exception):
    """CloudFormation reports a state that this program doesn't know."""
