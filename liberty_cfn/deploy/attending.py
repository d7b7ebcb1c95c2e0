"""An operation on a stack seen to its end, asking meanwhile for what is gone afterwards."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from liberty_cfn.deploy import diagnosis, faults
from liberty_cfn.deploy.certificates import Watch
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.events import Event, Follower
from liberty_cfn.deploy.following import follow
from liberty_cfn.deploy.plans import Plan
from liberty_cfn.deploy.protection import at_work, protect
from liberty_cfn.deploy.statuses import Meaning, meaning
from liberty_cfn.deploy.targets import Target
from liberty_cfn.deploy.tasks import SERVICE, why_stopped
from liberty_cfn.environments import Environment


class Progress(Protocol):
    """Who is told how a deploy goes along, and asked whether it should."""

    def say(self, line: str) -> None: ...
    def planned(self, plan: Plan) -> None: ...
    def consents(self) -> bool: ...
    def happened(self, events: list[Event]) -> None: ...


@dataclass
class Operation:
    """An operation on a stack: its last status and its events, once it was seen to its end.

    `stopped` is why the tasks of each ECS service that failed had stopped, by its ARN.
    """

    environment: Environment
    target: Target
    stack_id: str
    status: str = ""
    events: list[Event] = field(default_factory=list)
    stopped: dict[str, list[str]] = field(default_factory=dict)

    @property
    def meaning(self) -> Meaning:
        return meaning(self.status)

    def see_to_its_end(
        self,
        follower: Follower,
        tell: Callable[[list[Event]], object],
        say: Callable[[str], object],
    ) -> None:
        """Tell what happens until it is over, and say which certificate it waits for.

        Raises:
            FollowError: the deadline has passed, or the credentials are over.
            UnknownStatusError: CloudFormation reports a state that this program doesn't know.
        """
        watch = Watch(self.environment, self.target, say)

        def noticed(events: list[Event]) -> None:
            watch.noticed(events)
            tell(events)
            for event in events:
                if event.type == SERVICE and event.failed:
                    # Undoing what failed takes the service away, and its log.
                    words = why_stopped(self.target.client, event)
                    self.stopped[event.physical_id] = list(words)

        self.status, self.events = follow(
            self.target.client("cloudformation"),
            self.stack_id,
            follower,
            noticed,
            say=say,
            pause=watch.pause,
            # A set's own stack is followed only while it adopts.
            again=f"make deploy ENV={self.environment.name} ADOPT=1"
            if self.environment.stack_name
            else "",
        )

    def explained(self) -> str:
        """Return why it failed, how the stack stands now, and what can be done."""
        return diagnosis.explain(
            self.target.client,
            self.environment,
            self.stack_id,
            self.status,
            self.events,
            stopped=self.stopped,
        )


def delete(
    environment: Environment,
    target: Target,
    stack_id: str,
    tell: Callable[[list[Event]], object],
    say: Callable[[str], object],
) -> None:
    """Delete a stack, and see that to its end.

    Raises:
        DeployError: it could not be deleted whole.
        FollowError: the deadline has passed, or the credentials are over.
    """
    cloudformation = target.client("cloudformation")
    deletion = Operation(environment, target, stack_id)
    follower = Follower(cloudformation, stack_id)
    # Only the id means this stack: a new one may have its name before it is gone.
    cloudformation.delete_stack(StackName=stack_id, ClientRequestToken=f"d-{uuid.uuid4().hex}")
    deletion.see_to_its_end(follower, tell, say)
    if deletion.meaning is not Meaning.ABSENT:
        raise DeployError(deletion.explained())


def attend(
    environment: Environment,
    target: Target,
    stack_id: str,
    follower: Follower,
    progress: Progress,
    *,
    ours: bool = True,
) -> None:
    """Follow what is under way to its end, and protect what is there then.

    Unless it is not `ours`, and the next operation is under way: whoever began that does.

    Raises:
        DeployError: it failed.
        FollowError: the deadline has passed, or the credentials are over.
    """
    operation = Operation(environment, target, stack_id)
    operation.see_to_its_end(follower, progress.happened, progress.say)
    cloudformation, unprotected = target.client("cloudformation"), ""
    if operation.meaning in (Meaning.GOOD, Meaning.UNDONE):
        try:
            if ours or not at_work(cloudformation, stack_id):
                protect(cloudformation, stack_id)
        except faults.OF_AWS as error:
            unprotected = (
                f"{environment.stack} is in {operation.status}, but its stack policies could "
                "not be set, which keep what holds data from being replaced or deleted. "
                f"{faults.in_words(error)}. Deploy again: that sets them."
            )
    if operation.meaning is not Meaning.GOOD:
        raise DeployError("\n".join(filter(None, [operation.explained(), unprotected])))
    if unprotected:
        raise DeployError(unprotected)
