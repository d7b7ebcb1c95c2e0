"""An operation on a stack, reported as it happens, and followed to its end."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from liberty_cfn.deploy import diagnosis, faults, leftovers
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.events import Event, Follower
from liberty_cfn.deploy.patience import AT_FIRST, Patience, pause
from liberty_cfn.deploy.protection import at_work, protect
from liberty_cfn.deploy.stack import GONE, find
from liberty_cfn.deploy.statuses import Meaning, meaning
from liberty_cfn.deploy.tasks import SERVICE_TYPE, why_stopped
from liberty_cfn.deploy.waiting import Watch
from liberty_cfn.deploy.work import Work

# A status read just after an operation began may still be the one from before it. Without an
# event to confirm it, it is believed after this many polls.
LOOKS = 10
# While a stack's own events say that it is being worked on, its status is read only after this
# many polls in a row that brought nothing new.
QUIET = 3


@dataclass
class Operation:
    """An operation on a stack: its last status and its events, once it has been followed.

    `stopped` is why the tasks of each ECS service that failed had stopped, by its ARN;
    `deploys`, whether a deploy follows it, which has more to do once it is over.
    """

    work: Work
    stack_id: str
    status: str = ""
    events: list[Event] = field(default_factory=list)
    stopped: dict[str, list[str]] = field(default_factory=dict)
    deploys: bool = False

    @property
    def meaning(self) -> Meaning:
        return meaning(self.status)

    def see_to_its_end(self, follower: Follower) -> None:
        """Tell what happens until it is over, and what it waits for meanwhile.

        Raises:
            FollowError: the deadline has passed, or the credentials have expired.
            UnknownStatusError: CloudFormation reports a state that this program doesn't know.
        """
        work, progress = self.work, self.work.progress
        watch = Watch(work.environment, work.target, progress.say)

        def noticed(events: list[Event]) -> None:
            watch.noticed(events)
            progress.happened(events)
            for event in events:
                if event.type == SERVICE_TYPE and event.failed:
                    # Undoing what failed takes the service away, and its log.
                    words = why_stopped(work.target.client, event.physical_id, event.began)
                    self.stopped[event.physical_id] = list(words)

        def pause(client: Any, quiet: int) -> None:
            watch.pause(client, quiet)
            progress.happened([])

        # A set's own stack is followed only during adoption.
        adopts = " ADOPT=1" if work.environment.stack_name else ""
        deploy = f"make deploy ENV={work.environment.name}{adopts}"
        again = deploy if self.deploys or adopts else ""
        patience = Patience(self.stack_id, progress.say, again=again)
        self.status, self.events = follow(follower, noticed, patience, pause)

    def explained(self) -> diagnosis.Explanation:
        """Return why it failed, the state the stack is in, and what can be done."""
        environment, target, status = self.work.environment, self.work.target, self.status
        explained = diagnosis.explain(
            *(target.client, environment, self.stack_id, status, self.events),
            stopped=self.stopped,
        )
        adopts = leftovers.of_a_failed_creation(environment, target, status)
        return replace(explained, adopts=adopts)


def attend(work: Work, stack_id: str, follower: Follower, *, ours: bool = True) -> None:
    """Follow what is under way to its end, then protect the stacks.

    Not if the next operation has begun: whoever began that does it.

    Raises:
        DeployError: it failed.
        FollowError: the deadline has passed, or the credentials have expired.
    """
    operation = Operation(work, stack_id, deploys=True)
    operation.see_to_its_end(follower)
    if follower.overtaken:
        work.progress.say(
            f"{work.environment.stack} ended as {operation.status}; somebody else has begun to "
            "change it again since: how it stands from here on may be their doing"
        )
    unprotected = _protect(operation, known=ours and not follower.overtaken)
    why, facts = [unprotected] if unprotected else [], {}
    if operation.meaning is Meaning.GOOD:
        for orphan in diagnosis.orphans(operation.events):
            work.progress.say(orphan)
    else:
        whose = [] if ours else ["This deploy began nothing: what was under way failed."]
        explained = operation.explained()
        why, facts = [*whose, str(explained), *why], explained.as_json()
    if why:
        raise DeployError("\n".join(why), **facts)


def _protect(operation: Operation, *, known: bool) -> str:
    """Protect the stacks, if they stand; return why they could not be, empty if they are.

    Not under the next operation: `known` is whether none has begun.
    """
    if operation.meaning not in (Meaning.GOOD, Meaning.UNDONE):
        return ""
    work, stack_id = operation.work, operation.stack_id
    cloudformation = work.cloudformation
    try:
        if known or not at_work(cloudformation, stack_id):
            if work.target.is_aws:
                work.progress.say("Setting the stack policies, which takes some seconds")
            protect(cloudformation, stack_id)
    except faults.OF_AWS as error:
        return (
            f"{work.environment.stack} is in {operation.status}, but its stack "
            "policies could not be set, which keep what holds data from being replaced or "
            f"deleted. {faults.in_words(error)}. Once that is over, deploy again: that sets "
            "them."
        )
    return ""


def delete(work: Work, stack_id: str) -> None:
    """Delete a stack, and follow that to its end.

    Raises:
        DeployError: not all of it could be deleted.
        FollowError: the deadline has passed, or the credentials have expired.
    """
    deletion, follower = Operation(work, stack_id), Follower(work.cloudformation, stack_id)
    # By its id: a new stack may have its name before this one is gone.
    work.cloudformation.delete_stack(
        StackName=stack_id, ClientRequestToken=f"d-{uuid.uuid4().hex}"
    )
    deletion.see_to_its_end(follower)
    if deletion.meaning is not Meaning.ABSENT:
        explained = deletion.explained()
        raise DeployError(str(explained), **explained.as_json())


def follow(
    follower: Follower,
    tell: Callable[[list[Event]], object],
    patience: Patience | None = None,
    pause: Callable[[Any, int], object] = pause,
) -> tuple[str, list[Event]]:
    """Report what happens until the stack's operation is over; return its status and events.

    The stack is meant by its id: another may get its name meanwhile. If the next operation has
    begun, the status is the one that this one ended with.

    Raises:
        FollowError: the deadline has passed, or the credentials have expired.
        UnknownStatusError: CloudFormation reports a state that this program doesn't know.
    """
    cloudformation, stack_id = follower.cloudformation, follower.stack_id
    patience = patience or Patience(stack_id)
    events: list[Event] = []
    unproven = quiet = 0
    own = ""
    pause(cloudformation, AT_FIRST)
    while True:
        # The status is read before the events, so that when it says that all is over, so do the
        # events. While those say that work goes on, the status needn't be read.
        going = own.endswith("_IN_PROGRESS") and quiet < QUIET
        status = None if going else patience.ask(lambda: _status(cloudformation, stack_id))
        fresh = patience.ask(follower.new_events)
        if fresh:
            events += fresh
            tell(fresh)
        quiet = 0 if fresh else quiet + 1
        before, own = own, next((e.status for e in reversed(events) if e.is_root), own)
        if follower.overtaken:
            return own, events
        if going and own != before and not own.endswith("_IN_PROGRESS"):
            # The stack says that it is done: read its status at once.
            continue
        # Not over yet if the events could not be read: the next poll may bring them.
        if status and fresh is not None and _is_over(status):
            if own == status or unproven >= LOOKS:
                return status, events
            unproven += 1
        patience.check()
        pause(cloudformation, quiet)


def _status(cloudformation: Any, stack_id: str) -> str:
    found = find(cloudformation, stack_id)
    return str(found["StackStatus"]) if found else GONE


def _is_over(status: str) -> bool:
    # Just after a stack's first change set is executed, this is still the status before it.
    return status != "REVIEW_IN_PROGRESS" and meaning(status) is not Meaning.WORKING
