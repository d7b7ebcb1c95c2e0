"""What was found to be changed by hand since it was deployed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

DELETED = "DELETED"


@dataclass(frozen=True)
class Difference:
    """A property that is not as deployed. Values are empty where there is none."""

    property: str
    how: str
    expected: str
    actual: str


@dataclass(frozen=True)
class Drift:
    """A resource that is not as deployed: MODIFIED or DELETED."""

    stack: tuple[str, ...]
    resource: str
    type: str
    physical_id: str
    status: str
    differences: tuple[Difference, ...]

    @property
    def place(self) -> tuple[str, ...]:
        return (*self.stack, self.resource)


@dataclass(frozen=True)
class Compared:
    """The outcome: how many stacks, what differs in them, and what could not be compared.

    `checked` are the resources that CloudFormation compared; it doesn't know all types.
    """

    stacks: int
    drifts: tuple[Drift, ...] = ()
    unknown: tuple[str, ...] = ()
    checked: frozenset[tuple[str, ...]] = frozenset()


def as_lines(drifts: Iterable[Drift]) -> Iterator[str]:
    """Return what differs: a line for each resource, and one for each property of it."""
    for drift in drifts:
        where = "/".join(drift.place)
        yield f"{drift.status:<8}  {where}  {drift.type}  {drift.physical_id}"
        for one in drift.differences:
            expected, actual = one.expected or "nothing", one.actual or "nothing"
            yield f"  {one.property}: expected {expected}, found {actual}"


def summary(compared: Compared) -> str:
    """Return how much differs, in words."""
    number = len(compared.drifts)
    return f"{number} {'differs' if number == 1 else 'differ'}, in {compared.stacks} stacks"


def as_json(compared: Compared) -> dict[str, Any]:
    """Return what became of comparing, for programs; stacks as plans and events name them."""
    drifts = [asdict(one) | {"stack": "/".join(one.stack)} for one in compared.drifts]
    return {"stacks": compared.stacks, "drifts": drifts, "unknown": compared.unknown}
