"""What a reviewer is told of a change, from the most dangerous to the least."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a finding is about; in the order of how much it matters."""

    FAILS = "will fail"
    LOSS = "loss"
    SECRET = "regenerates the secret"  # noqa: S105 - what is said, no secret
    WEAKENED = "protection weakened"
    SILENCED = "check silenced"
    OPENS = "opens up"
    GRANTS = "grants"
    INTERRUPTION = "interruption"
    OPERATIONS = "operations"
    UNKNOWN = "unknown"
    CLOSES = "closes"
    REVOKES = "revokes"
    COST = "cost"


ORDER = list(Kind)
DESTRUCTIVE = (Kind.LOSS, Kind.SECRET, Kind.WEAKENED)
BROADENING = (Kind.OPENS, Kind.GRANTS)


@dataclass(frozen=True)
class Finding:
    """One thing to know. `id` is the resource's, or empty; `source` where AWS says so."""

    kind: Kind
    id: str
    text: str
    source: str = ""
