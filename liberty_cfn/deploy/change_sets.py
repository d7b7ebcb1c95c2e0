"""What would change, stack by stack: change sets, made, read and discarded."""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.changes import Change, read, removed
from liberty_cfn.deploy.early import refused_early
from liberty_cfn.deploy.patience import pause, silent
from liberty_cfn.deploy.stack import NESTED_STACK, find

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]
# CloudFormation calls it a failure when there is nothing to do. There is no code for it.
NOTHING = ("didn't contain changes", "No updates are to be performed")
# How it says that the change set of a nested stack, not this one, could not be made.
NESTED_FAILED = "Nested change set"
OURS = "liberty-"
# How it says that the stack is no longer as it was found.
MEANWHILE = re.compile("Stack.*(_IN_PROGRESS state|already exists|does not exist)")
PENDING = ("CREATE_PENDING", "CREATE_IN_PROGRESS")
MADE = ("CREATE_COMPLETE", "FAILED")
GOING = ("DELETE_PENDING", "DELETE_IN_PROGRESS")
# So often a change set is looked at that AWS tells nothing of, or that isn't gone yet.
LOOKS = 20
# A plan as old as this was forgotten: nobody still waits for consent to it.
FORGOTTEN = timedelta(days=1)


class ChangeSetError(Exception):
    """CloudFormation refused the change. The message says why."""


@dataclass(frozen=True)
class ChangeSet:
    """A change set, and what would change; that is empty until it was read.

    `token` is its name, and that of the operation that executes it. `new` is whether it makes
    its stack, `adopts` whether it takes in what exists.
    """

    id: str
    stack_id: str
    token: str
    changes: tuple[Change, ...] = ()
    new: bool = False
    adopts: bool = False


def create(
    cloudformation: Any,
    *,
    stack: str,
    new: bool,
    template_url: str,
    parameters: Mapping[str, str],
    tags: Mapping[str, str],
    adopt: bool = False,
    say: Callable[[str], object] = silent,
) -> ChangeSet | None:
    """Return the change set that makes `stack` what is wanted; None if it is so already.

    With `adopt`, what exists under a name that the templates spell out is imported. Where
    CloudFormation can't tell what changes inside nested stacks, that is said, and the plan is
    that of the root alone.

    Raises:
        ChangeSetError: CloudFormation can't make one.
    """
    asked = {
        "StackName": stack,
        "ChangeSetType": "CREATE" if new else "UPDATE",
        "TemplateURL": template_url,
        "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        "Capabilities": CAPABILITIES,
        "IncludeNestedStacks": True,
        **({"ImportExistingResources": True} if adopt else {}),
    }
    made, why = _made(cloudformation, asked, say)
    if len(why) == 1 and NESTED_FAILED in why[0]:
        say(
            f"What changes inside nested stacks can't be told: {why[0]} This is the plan of "
            "the root alone; stack policies still keep what holds data."
        )
        # But not the empty stack that it may have come with: the next one is for that, too.
        cloudformation.delete_change_set(ChangeSetName=made.id)
        made, why = _made(cloudformation, {**asked, "IncludeNestedStacks": False}, say)
    if not why:
        return made
    if _is_nothing(why[0]):
        drop(cloudformation, made, say)
        return None
    discard(cloudformation, made)
    told = "\n".join(why)
    raise ChangeSetError(f"CloudFormation can't plan this change: {told}")


def _made(
    cloudformation: Any, asked: Mapping[str, Any], say: Callable[[str], object]
) -> tuple[ChangeSet, list[str]]:
    """Return a change set, and why it can't be executed: empty if it can."""
    made = _make(cloudformation, asked)
    with kept_only_if_well(cloudformation, made):
        page = _wait(cloudformation, made.id)
        if page["Status"] != "FAILED":
            return replace(made, changes=tuple(_changes(cloudformation, page, (), say))), []
        reason = page.get("StatusReason") or "no reason given"
        if _is_nothing(reason):
            return made, [reason]
        return made, [reason, *refused_early(cloudformation, ChangeSetName=made.id)]


def _is_nothing(reason: str) -> bool:
    return any(words in reason for words in NOTHING)


def _make(cloudformation: Any, asked: Mapping[str, Any]) -> ChangeSet:
    """Make a change set, once, whatever becomes of AWS's answer."""
    token = f"{OURS}{uuid.uuid4().hex}"
    named = {"StackName": asked["StackName"], "ChangeSetName": token}
    new, adopts = asked["ChangeSetType"] == "CREATE", "ImportExistingResources" in asked

    def found() -> ChangeSet:
        page = cloudformation.describe_change_set(**named)
        return ChangeSet(page["ChangeSetId"], page["StackId"], token, new=new, adopts=adopts)

    try:
        said = cloudformation.create_change_set(**asked, ChangeSetName=token, ClientToken=token)
        return ChangeSet(said["Id"], said["StackId"], token, new=new, adopts=adopts)
    except KeyboardInterrupt:
        # Ctrl-C came before the answer: it may have been made, and nobody would use it.
        with contextlib.suppress(*faults.OF_AWS):
            discard(cloudformation, found())
        raise
    except faults.OF_AWS as error:
        # boto sends a request again that got no answer; the second finds what the first made.
        # It is ours, as nobody else has our token, which is its name.
        exists = faults.code(error) == "AlreadyExistsException"
        if exists or faults.passes(error):
            with contextlib.suppress(ClientError):
                return found()
        if MEANWHILE.search(str(error)):
            raise ChangeSetError(
                "Somebody else made, changed or deleted the stack just before this plan, which "
                "changed nothing. Deploy again: that sees what is under way to its end first. "
                f"{faults.in_words(error)}"
            ) from error
        raise


@contextlib.contextmanager
def kept_only_if_well(cloudformation: Any, change_set: ChangeSet) -> Iterator[None]:
    """Discard a change set if what is done meanwhile fails, or is interrupted.

    Raises:
        ChangeSetError: somebody else discarded it.
    """
    try:
        yield
    except BaseException as error:
        if not faults.unheard(error):
            give_up(cloudformation, change_set)
        if faults.code(error) == "ChangeSetNotFound" or faults.missing(error):
            raise ChangeSetError(
                "The plan, or its stack, was deleted while it was read, by somebody else; "
                "nothing was changed. Try again."
            ) from error
        raise


def give_up(cloudformation: Any, change_set: ChangeSet) -> None:
    """Discard a change set; where AWS refuses, say nothing: what went wrong before matters."""
    with contextlib.suppress(*faults.OF_AWS):
        discard(cloudformation, change_set)


def drop(cloudformation: Any, change_set: ChangeSet, say: Callable[[str], object]) -> None:
    """Discard a change set that nobody will execute; where AWS refuses, say so and go on."""
    try:
        discard(cloudformation, change_set)
    except faults.OF_AWS as error:
        say(
            f"The change set {change_set.token} could not be deleted; the next deploy does it. "
            f"{faults.in_words(error)}"
        )


def discard(cloudformation: Any, change_set: ChangeSet) -> None:
    """Delete a change set, and with that of a new stack the empty stack that it came with."""
    try:
        cloudformation.delete_change_set(ChangeSetName=change_set.id)
    except ClientError as error:
        # Somebody deleted it, or its stack with it.
        if faults.code(error) != "ChangeSetNotFound" and not faults.missing(error):
            raise
        return
    if change_set.new:
        _drop_if_empty(cloudformation, change_set)


def _drop_if_empty(cloudformation: Any, change_set: ChangeSet) -> None:
    """Delete the stack that a change set was to make, if nothing is in it, or to come."""
    stack = find(cloudformation, change_set.stack_id)
    if (
        stack is None
        or stack["StackStatus"] != "REVIEW_IN_PROGRESS"
        or _others(cloudformation, stack["StackName"], change_set.id)
    ):
        return
    if stack.get("EnableTerminationProtection"):
        cloudformation.update_termination_protection(
            StackName=change_set.stack_id, EnableTerminationProtection=False
        )
    cloudformation.delete_stack(StackName=change_set.stack_id)


def sweep(
    cloudformation: Any,
    stack: str,
    older: timedelta,
    say: Callable[[str], object] = silent,
) -> None:
    """Delete what deploys and plans that were killed left behind, if it is `older`.

    What is younger may be what somebody else is about to deploy. Where AWS refuses, that is
    said, and no error: nothing depends on it.
    """
    try:
        for summary in _waiting(cloudformation, stack):
            ours = summary["ChangeSetName"].startswith(OURS)
            stays = ours and summary.get("Status") not in GOING
            if stays and summary["CreationTime"] <= datetime.now(UTC) - older:
                cloudformation.delete_change_set(ChangeSetName=summary["ChangeSetId"])
    except faults.OF_AWS as error:
        if not faults.missing(error):
            say(
                "Change sets that earlier deploys may have left could not be looked for. "
                f"{faults.in_words(error)}"
            )


def _others(cloudformation: Any, stack: str, deleted: str) -> bool:
    """Whether a stack has change sets beside one that is being `deleted`.

    Waits until that is gone, as AWS deletes no stack before: with it go the change sets of
    nested stacks, which takes a moment.
    """
    for _ in range(LOOKS):
        waiting = {summary["ChangeSetId"] for summary in _waiting(cloudformation, stack)}
        if waiting != {deleted}:
            return bool(waiting - {deleted})
        pause(cloudformation, 0)
    return False


def _waiting(cloudformation: Any, stack: str) -> list[dict[str, Any]]:
    """Return the summaries of a stack's change sets that were not executed."""
    pages = cloudformation.get_paginator("list_change_sets").paginate(StackName=stack)
    return [
        summary
        for page in pages
        for summary in page["Summaries"]
        if summary.get("ExecutionStatus") not in ("EXECUTE_IN_PROGRESS", "EXECUTE_COMPLETE")
    ]


def _wait(cloudformation: Any, change_set: str) -> dict[str, Any]:
    unanswered = 0
    while True:
        try:
            described: dict[str, Any] = _page(cloudformation, change_set)
        except faults.OF_AWS as error:
            unanswered += 1
            if not faults.passes(error) or unanswered > LOOKS:
                raise
        else:
            if described["Status"] in MADE:
                return described
            if described["Status"] not in PENDING:
                raise ChangeSetError(
                    f"CloudFormation says {described['Status']} of the plan, so it can't be "
                    "read; nothing was changed. Try again."
                )
        pause(cloudformation, 0)


def _page(cloudformation: Any, change_set: str, **more: str) -> dict[str, Any]:
    page: dict[str, Any] = cloudformation.describe_change_set(
        ChangeSetName=change_set, IncludePropertyValues=True, **more
    )
    return page


def _changes(
    cloudformation: Any,
    page: dict[str, Any],
    path: tuple[str, ...],
    say: Callable[[str], object],
) -> Iterator[Change]:
    """Yield what changes, by the first page of a change set; in nested stacks, too."""
    for resource in _resources(cloudformation, page, path, say):
        change = read(resource, path)
        yield change
        inside = (*path, change.resource)
        if nested := resource.get("ChangeSetId"):
            yield from _changes(cloudformation, _page(cloudformation, nested), inside, say)
        elif change.type == NESTED_STACK and change.action == "Remove":
            yield from removed(cloudformation, change.physical_id, inside)


def _resources(
    cloudformation: Any,
    page: dict[str, Any],
    path: tuple[str, ...],
    say: Callable[[str], object],
) -> Iterator[dict[str, Any]]:
    """Yield the resource changes of a change set, from its first page and all others."""
    while True:
        reason = page.get("StatusReason") or "no reason given"
        # One in which nothing changes is called failed, too.
        if page.get("Status") == "FAILED" and not _is_nothing(reason):
            say(
                f"What changes inside {'/'.join(path)} can't be told: {reason} Its stack "
                "policy still keeps what holds data."
            )
        for change in page["Changes"]:
            yield change["ResourceChange"]
        if not (token := page.get("NextToken")):
            return
        page = _page(cloudformation, page["ChangeSetId"], NextToken=token)
