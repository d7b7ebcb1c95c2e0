"""Nothing stateful goes with its stack, or when it is replaced."""

from __future__ import annotations

from collections.abc import Iterator

from liberty_cfn.model.resolving import Resolved
from liberty_cfn.stateful import LOSSES

POLICIES = ("DeletionPolicy", "UpdateReplacePolicy")
KEEPING = ("Retain", "Snapshot")
# What may go, and why.
MAY_GO = {"AlertsAlarmKey": "it encrypts alarms on their way, and nothing that stays"}


def misfits(resolved: Resolved) -> Iterator[str]:
    """Yield what would be lost: with its stack, or with a replacement."""
    for resource in resolved.of_type(*LOSSES):
        lost = [p for p in POLICIES if resource.body.get(p) not in KEEPING]
        if lost and resource.id not in MAY_GO:
            what = LOSSES[resource.type]
            yield f"{resource.id}: {' and '.join(lost)} don't keep it; this would lose {what}"
