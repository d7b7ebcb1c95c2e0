"""An operation on a set seen to its end, and whoever is told of it, and asked."""

from __future__ import annotations

from typing import Any, Protocol

from liberty_cfn.deploy.stack_sets import operations
from liberty_cfn.deploy.stack_sets.operations import Operation, Result
from liberty_cfn.deploy.stack_sets.previews import SetPlan
from liberty_cfn.deploy.stack_sets.reaching import Fleet
from liberty_cfn.deploy.stack_sets.wanted import Differences
from liberty_cfn.deployment_targets import Place


class Progress(Protocol):
    """Who is told how a deploy of a set goes along, and asked whether it should."""

    def say(self, line: str) -> None: ...
    def looked(self, done: int, of: int) -> None: ...
    def planned(self, plan: SetPlan) -> None: ...
    def consents(self, different: Differences) -> bool: ...
    def happened(self, results: list[Result]) -> None: ...
    def goes_on(self, canary: Place) -> bool: ...


def attach(fleet: Fleet, progress: Progress) -> Operation | None:
    """Follow the operation that is under way, if there is one, to its end."""
    if not (number := operations.under_way(fleet.cloudformation, fleet.name)):
        return None
    progress.say(f"{fleet.name}: an operation is under way; following {number}")
    return _followed(fleet, progress, number)


def operate(fleet: Fleet, progress: Progress, operation: str, **asked: Any) -> Operation:
    """Do an operation, such as create_stack_instances, and follow it to its end.

    Raises:
        ClientError: AWS refuses it.
        FollowError: the deadline has passed, or the credentials are over.
    """
    cloudformation, tell, say = fleet.cloudformation, progress.happened, progress.say
    number = operations.begin(
        cloudformation, fleet.name, operation, tell=tell, say=say, **asked
    )
    return _followed(fleet, progress, number)


def _followed(fleet: Fleet, progress: Progress, number: str) -> Operation:
    tell, say = progress.happened, progress.say
    return operations.follow(fleet.cloudformation, fleet.name, number, tell, say=say)
