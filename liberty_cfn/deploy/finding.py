"""Findings: what is known about a setting or a resource before a deploy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.targets import Target
from liberty_cfn.environments import Environment
from liberty_cfn.side_by_side import side_by_side

# How many services are asked at once: far away, each takes its time to be reached.
AT_ONCE = 8


class Level(Enum):
    OK = "ok"
    WARNING = "warning"
    OBSTACLE = "obstacle"  # with this, a deploy surely fails


@dataclass(frozen=True)
class Finding:
    """What was found about a setting or a resource, and what to do about it.

    `adopt` says how a deploy can take it in, if it can; `otherwise` what else solves it.
    """

    level: Level
    about: str
    says: str
    adopt: str = ""
    otherwise: str = ""

    @property
    def adoptable(self) -> bool:
        """Whether it stops being in the way if a deploy adopts it."""
        return bool(self.adopt)

    @property
    def solved(self) -> str:
        """All that can be done about it, what loses nothing first."""
        return " ".join(filter(None, (self.adopt, self.otherwise)))

    @property
    def advice(self) -> str:
        """What was found, and all that can be done about it."""
        return " ".join(filter(None, (self.says, self.solved)))

    def __str__(self) -> str:
        return f"{self.about}: {self.advice}"


def hinders(found: Iterable[Finding]) -> bool:
    """Whether anything found would surely make a deploy fail."""
    return any(each.level is Level.OBSTACLE for each in found)


def as_json(found: Iterable[Finding]) -> list[dict[str, Any]]:
    return [
        {
            "level": each.level.value,
            "about": each.about,
            "says": each.says,
            "advice": each.solved or None,
        }
        for each in found
    ]


Check = Callable[[Environment, Target], Iterator[Finding]]


def asked(
    about: str, check: Check, environment: Environment, target: Target
) -> Iterator[Finding]:
    """Yield what a check finds; or a warning that AWS doesn't let it look.

    An answer that can't be read is an obstacle: others may be, but nobody knows what a deploy
    would meet.
    """
    try:
        yield from check(environment, target)
    except ResponseParserError as error:
        yield Finding(
            Level.OBSTACLE, about, f"not checked: {faults.in_words(error)}. Try again."
        )
    except ClientError as error:
        code = faults.code(error)
        # What the settings name and isn't there is reported by the check for it.
        if code not in (*faults.REFUSED, "NoSuchHostedZone", "ResourceNotFoundException"):
            raise
        why = f"not checked: AWS refused {error.operation_name} ({code})."
        yield Finding(Level.WARNING, about, why)


def all_asked(
    checks: Iterable[tuple[str, Check]], environment: Environment, target: Target
) -> Iterator[Finding]:
    """Yield what checks find, in their order; several services are asked at once."""

    def found(check: tuple[str, Check]) -> list[Finding]:
        return list(asked(*check, environment, target))

    # On Ctrl-C, nothing is left behind without the answers.
    for findings in side_by_side(found, checks, AT_ONCE):
        yield from findings
