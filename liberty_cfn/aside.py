"""Work done in another process, beside this one's."""

from __future__ import annotations

import contextlib
import multiprocessing
import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def aside(
    work: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs
) -> Callable[[], Result]:
    """Start `work` in a forked process; return a function that waits for what it returns.

    Where the other process fails, the work is done here, and raises what it raises.
    """
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe(duplex=False)

    def send() -> None:
        # Ctrl-C is answered by the process that started this one.
        with contextlib.suppress(Exception, KeyboardInterrupt):
            theirs.send(work(*arguments, **named))

    process = fork.Process(target=send)
    with warnings.catch_warnings():
        # Python 3.12 warns of forks where there are other threads. Those here only wait.
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    theirs.close()

    def result() -> Result:
        try:
            found: Result = ours.recv()
        except EOFError:
            return work(*arguments, **named)
        finally:
            process.join()
        return found

    return result
