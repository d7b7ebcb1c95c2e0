"""Asking AWS what it is doing, until it answers.

A failed poll is not a verdict: AWS carries on whether or not we can watch.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.errors import FollowError
from liberty_cfn.deploy.stack import name_of

T = TypeVar("T")
Say = Callable[[str], object]  # prints a line
DEADLINE = timedelta(hours=3)
# Seconds without output, at most: CI systems end jobs that are silent for ten minutes.
SILENCE = 120.0
# Every so many failed polls in a row, people are told that AWS isn't answering; and after each
# that took so many seconds.
WORRYING, LONG = 5, 60.0
# How many times AWS is asked before no answer counts.
ATTEMPTS = 5
# Passed to `pause` before the first poll: what has just begun has nothing to tell yet, so that
# poll comes soon, but not at once.
AT_FIRST = -2


def pause(client: Any, quiet: int) -> None:
    """Wait before polling AWS again, so as not to be throttled.

    `quiet` is how many polls in a row brought nothing new: the more, the longer the pause, up
    to between 5 and 15 s. The local AWS doesn't throttle.
    """
    if client.meta.endpoint_url.startswith("http://127.0.0.1"):
        time.sleep(0.05 if quiet >= 0 else 0.02)
    else:
        time.sleep(random.uniform(0.5, 1.5) * min(10, 3 + quiet))  # noqa: S311 - no secret


def answered(
    client: Any,
    question: Callable[[], T],
    attempts: int = ATTEMPTS,
    *,
    coming: Collection[str] = (),
) -> T:
    """Return AWS's answer, asking again after transient errors.

    `coming` are AWS's codes for there being none of what was just made: it may not be found
    yet.

    Raises:
        ClientError: AWS refuses.
        BotoCoreError, ResponseParserError: there is still no answer.
    """
    for _ in range(attempts - 1):
        try:
            return question()
        except faults.OF_AWS as error:
            if not faults.passes(error) and faults.code(error) not in coming:
                raise
            pause(client, 0)
    return question()


def silent(_: str) -> None:
    """Say nothing."""


class Speaker:
    """Says lines, and knows when none was said for too long; `clock` is in seconds."""

    def __init__(self, say: Say, clock: Callable[[], float] = time.monotonic) -> None:
        self._say, self._clock = say, clock
        self._spoken = clock()

    def say(self, line: str) -> None:
        self._say(line)
        self._spoken = self._clock()

    @property
    def is_due(self) -> bool:
        """Whether it is time to say that something is still under way."""
        return self._clock() - self._spoken >= SILENCE


@dataclass
class Patience:
    """Asks AWS about a stack or a set, and puts up with missing answers.

    `stack_id` is its id or its name, `deadline` how long to keep asking. `again` is the command
    that resumes watching; empty for the one that follows a stack.
    """

    stack_id: str
    say: Say = silent
    clock: Callable[[], float] = time.monotonic
    deadline: timedelta = DEADLINE
    again: str = ""

    def __post_init__(self) -> None:
        self._end = self.clock() + self.deadline.total_seconds()
        self._failed = 0
        self._name = name_of(self.stack_id)
        environment = self._name.removeprefix("liberty-social-")
        self._again = self.again or f"make events ENV={environment} ARGS=--follow"

    def ask(self, question: Callable[[], T]) -> T | None:
        """Return the answer, None where there was none this time.

        Raises:
            FollowError: the deadline has passed, the credentials have expired, or AWS refuses.
            BotoCoreError: AWS can't be asked like this.
        """
        asked = self.clock()
        try:
            answer = question()
        except faults.OF_AWS as error:
            if faults.expired(error):
                raise FollowError(
                    f"The credentials have expired. AWS goes on with {self._name}; sign in "
                    f"again (aws sso login), then look again: {self._again}"
                ) from error
            if isinstance(error, ClientError) and not faults.passes(error):
                raise FollowError(
                    f"{faults.in_words(error)}. AWS goes on with {self._name} regardless; to "
                    f"look again: {self._again}"
                ) from error
            if not faults.passes(error) and not faults.cut_off(error):
                raise
            self._failed += 1
            # botocore asks again by itself: where packets are dropped, for minutes.
            if self._failed % WORRYING == 0 or self.clock() - asked >= LONG:
                times = "time" if self._failed == 1 else "times"
                self.say(
                    f"AWS has not answered {self._failed} {times} ({faults.short(error)}). It "
                    f"goes on with {self._name} regardless; asking again."
                )
            self.check()
            return None
        self._failed = 0
        return answer

    def insist(self, client: Any, question: Callable[[], T]) -> T:
        """Return the answer, asking until there is one; raises as `ask` does."""
        looks = 0
        while (answer := self.ask(question)) is None:
            pause(client, looks)
            looks += 1
        return answer

    def check(self) -> None:
        """Raise FollowError if the deadline has passed."""
        if self.over:
            hours = self.deadline / timedelta(hours=1)
            raise FollowError(
                f"{self._name} is not done after {hours:g} h, and is no longer waited for. "
                f"AWS goes on; to look again: {self._again}"
            )

    @property
    def over(self) -> bool:
        """Whether the deadline has passed."""
        return self.clock() >= self._end
