"""Times of the day and of the week, as databases and caches keep them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from liberty_cfn.model.resolving import Resource
from liberty_cfn.rules.rule import Problem, text

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY, WEEK = 24 * 60, 7 * 24 * 60  # minutes
TIME = r"([01]\d|2[0-3]):([0-5]\d)"
DAILY = re.compile(rf"{TIME}-{TIME}")
WEEKLY = re.compile(rf"({'|'.join(DAYS)}):{TIME}-({'|'.join(DAYS)}):{TIME}", re.IGNORECASE)


def daily(value: Any) -> tuple[int, int] | None:
    """Return when a daily window begins, and how long it is, in minutes."""
    found = DAILY.fullmatch(text(value) or "")
    if not found:
        return None
    begin, end = (int(found[i]) * 60 + int(found[i + 1]) for i in (1, 3))
    return begin, (end - begin) % DAY


def weekly(value: Any) -> tuple[int, int] | None:
    """Return when a weekly window begins, and how long it is, in minutes."""
    found = WEEKLY.fullmatch(text(value) or "")
    if not found:
        return None
    begin, end = (
        DAYS.index(found[i].lower()) * DAY + int(found[i + 1]) * 60 + int(found[i + 2])
        for i in (1, 4)
    )
    return begin, (end - begin) % WEEK


def misfits(resource: Resource, of_day: str, of_week: str, least: int) -> Iterator[Problem]:
    """Yield what is wrong with a resource's two windows, which last `least` minutes or more."""
    read = {of_day: (daily, "hh:mm-hh:mm, in UTC"), of_week: (weekly, "ddd:hh:mm-ddd:hh:mm")}
    windows = {}
    for name, (parse, form) in read.items():
        value = resource.properties.get(name)
        if text(value) is None:
            continue
        path = ("Properties", name)
        if (window := parse(value)) is None:
            yield Problem(resource.id, path, f"{name} is {text(value)!r}; expected {form}")
        elif window[1] < least:
            why = f"{name} lasts {window[1]} minutes; expected {least} at least"
            yield Problem(resource.id, path, why)
        else:
            windows[name] = window
    if len(windows) < len(read):
        return
    (begin, length), (start, lasting) = windows[of_day], windows[of_week]
    for day in range(len(DAYS)):
        gap = (start - begin - day * DAY) % WEEK
        if gap < length or WEEK - gap < lasting:
            why = (
                f"{of_week} overlaps {of_day}, {text(resource.properties[of_day])}; expected "
                "another time"
            )
            yield Problem(resource.id, ("Properties", of_week), why)
            return
