"""What ends a command, for people and for programs."""

from __future__ import annotations

from typing import Any


class ToldError(Exception):
    """What went wrong. The message is for people, `facts` are the same for programs.

    docs/json.md says what the facts are called.
    """

    def __init__(self, message: str = "", /, **facts: Any) -> None:
        super().__init__(message)
        self.facts = facts
