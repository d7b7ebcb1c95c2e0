"""What keeps data less long, or protects it less, once a property changes."""

from __future__ import annotations

from liberty_cfn.deploy.changes import TOO_LONG, UNKNOWN, Change, Property


def weaknesses(change: Change, changed: Property) -> list[str]:
    """Return what protects or keeps data, and no longer does when a property changes."""
    before, after = changed.before, changed.after
    known = changed.told and TOO_LONG not in (before, after)
    if change.action != "Modify" or not known:
        return []
    from liberty_cfn.review.comparing import differences, opened  # noqa: PLC0415 - slow to load
    from liberty_cfn.review.losing import less_kept, why_weaker  # noqa: PLC0415

    if less_kept(changed.name, before, after):
        return ["less of it remains when it goes"]
    steps = tuple(f"[{s}]" if s.isdigit() else s for s in changed.place.split("/"))
    found = differences(opened(before), opened(after), path=steps)
    told = [why_weaker(change.type, one) for one in found if UNKNOWN not in str(one.after)]
    return list(dict.fromkeys(filter(None, told)))
