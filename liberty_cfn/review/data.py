"""A review as plain data, for a program to read."""

from __future__ import annotations

from typing import Any

from liberty_cfn.review import prices
from liberty_cfn.review.changes import Change, PropertyChange
from liberty_cfn.review.reviewing import Part, Review, counts

VERSION = 1


def data(review: Review) -> dict[str, Any]:
    """Return a review's whole content, each environment by itself."""
    return {
        "version": VERSION,
        "before": {"name": review.before, "digest": review.digests[0]},
        "after": {"name": review.after, "digest": review.digests[1]},
        "changed": bool(review.parts or review.notes),
        "environments": [_part(part) for part in review.parts],
        "untouched": list(review.untouched),
        "notes": list(review.notes),
    }


def _part(part: Part) -> dict[str, Any]:
    return {
        "environment": part.environment or None,
        "root": part.set,
        "new": part.new,
        "counts": counts(part),
        "findings": [
            {
                "kind": finding.kind.value,
                "resource": finding.id or None,
                "text": finding.text,
                "source": finding.source or None,
            }
            for finding in part.findings
        ],
        "changes": [_change(change) for change in part.changes],
        "cost": {
            "monthly_difference_usd": round(part.cost.total, 2),
            "estimated": True,
            "prices": {"region": prices.REGION, "date": prices.DATE},
            "items": [{"resource": name, "usd": usd} for name, usd in part.cost.items],
            "unknown": list(part.cost.unknown),
            "by_use": list(part.cost.by_use),
        },
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "id": change.id,
        "resource": change.name,
        "stack": "/".join(change.origin.path),
        "logical_id": change.origin.logical_id,
        "file": change.origin.file,
        "type": change.type,
        "action": change.action.value,
        "replacement": change.replacement.value,
        "moved": change.moved_name or None,
        "properties": [_property(changed) for changed in change.properties],
        "policies": [_property(changed) for changed in change.policies],
    }


def _property(changed: PropertyChange) -> dict[str, Any]:
    told = changed.verdict
    return {
        "path": changed.name,
        "before": changed.before,
        "after": changed.after,
        "replacement": told.replacement.value,
        "why": told.why or None,
        "source": told.source or None,
        "refused": told.refused,
        "interruption": told.interruption.what if told.interruption else None,
        "because": changed.because or None,
    }
