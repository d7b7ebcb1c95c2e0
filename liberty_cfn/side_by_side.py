"""The same done for several things at once, in threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Given = TypeVar("Given")
T = TypeVar("T")


def side_by_side(
    work: Callable[[Given], T], things: Iterable[Given], at_once: int, *, finish: bool = False
) -> Iterator[T]:
    """Yield the result for each, in order, with so many `at_once`.

    On Ctrl-C, those that have begun are waited for only with `finish`, so that they clean up.
    One at a time needs no threads, and is interrupted itself.
    """
    if at_once <= 1:
        yield from map(work, things)
        return
    pool, wait = ThreadPoolExecutor(at_once), True
    try:
        yield from pool.map(work, things)
    except KeyboardInterrupt:
        wait = finish
        raise
    finally:
        pool.shutdown(wait=wait)
