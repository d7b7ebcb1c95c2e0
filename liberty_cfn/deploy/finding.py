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

    `adoptable` is whether it is in the way only unless a deploy adopts it.
    """

    level: Level
    about: str
    says: str
    adoptable: bool = False

    def __str__(self) -> str:
        return f"{self.about}: {self.says}"
