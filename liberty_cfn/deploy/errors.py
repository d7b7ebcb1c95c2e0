"""What ends a command: its message is for the person at the terminal."""

from __future__ import annotations


class DeployError(Exception):
    """What was asked for was refused, or failed. The message says why, and what to do."""


class UnreachableError(DeployError):
    """A target of a stack set can't be looked into. The message says why."""


class FollowError(Exception):
    """Looking had to end before the operation did. The message says how to look again."""


class UnknownStatusError(Exception):
    """CloudFormation reports a state that this program doesn't know."""
