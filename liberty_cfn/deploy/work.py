"""What a command works on, and whom it tells and asks."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from liberty_cfn.deploy.events import Event
from liberty_cfn.deploy.plans import Plan
from liberty_cfn.deploy.targets import Target
from liberty_cfn.environments import Environment


class Progress(Protocol):
    """Hears how a deploy is going, and is asked whether it may go ahead.

    `happened` is called after each poll, even if nothing did.
    """

    def say(self, line: str) -> None: ...
    def planned(self, plan: Plan) -> None: ...
    def consents(self) -> bool: ...
    def happened(self, events: list[Event]) -> None: ...


@dataclass(frozen=True)
class Work:
    """What a command works on: an environment, where, with what, and whom to tell and ask.

    `templates` are by file name. `allowed` are the logical ids of stateful resources that may
    be replaced or deleted.
    """

    environment: Environment
    target: Target
    progress: Progress
    templates: Mapping[str, str] = field(default_factory=dict)
    allowed: Collection[str] = ()

    @property
    def cloudformation(self) -> Any:
        return self.target.client("cloudformation")
