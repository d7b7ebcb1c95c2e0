"""What is found about a setting or a thing before a deploy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    OBSTACLE = "obstacle"  # with this, a deploy surely fails


@dataclass(frozen=True)
class Finding:
    """What was found about a setting or a thing, and what to do about it.

    `adopt` is how a deploy takes it in, where it can.
    """

    level: Level
    about: str
    says: str
    adopt: str = ""

    @property
    def adoptable(self) -> bool:
        """Whether it is in the way only unless a deploy adopts it."""
        return bool(self.adopt)

    @property
    def advice(self) -> str:
        """What was found, and all that can be done about it."""
        return f"{self.says} {self.adopt}".rstrip()

    def __str__(self) -> str:
        return f"{self.about}: {self.advice}"
