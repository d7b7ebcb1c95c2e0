"""What would change, stack by stack: change sets, made, read and discarded."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.changes import Change, read, removed
from liberty_cfn.deploy.early import refused_early
from liberty_cfn.deploy.patience import pause, silent
from liberty_cfn.deploy.stack import NESTED_STACK, described

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]
# CloudFormation calls it a failure when there is nothing to do. There is no code for it.
NOTHING = ("didn't contain changes", "No updates are to be performed")
# How it says that the change set of a nested stack, not this one, could not be made.
NESTED_FAILED = "Nested change set"
OURS = "liberty-"
PENDING = ("CREATE_PENDING", "CREATE_IN_PROGRESS")
MADE = ("CREATE_COMPLETE", "FAILED")
GOING = ("DELETE_PENDING", "DELETE_IN_PROGRESS")
# A change set that can't be looked at is asked for so often.
LOOKS = 20
# Nobody waits for consent to a plan as old as this.
FORGOTTEN = timedelta(days=1)


class ChangeSetError(Exception):
    """CloudFormation refused the change. The message says why."""


@dataclass(frozen=True)
class ChangeSet:
    """A change set that can be executed.

    `new` is whether it makes the stack, `adopts` whether it takes in what exists.
    """

    id: str
    stack_id: str
    token: str
    changes: tuple[Change, ...]
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
    nested: bool = True,
    say: Callable[[str], object] = silent,
) -> ChangeSet | None:
    """Return the change set that makes `stack` what is wanted; None if it is so already.

    With `adopt`, what exists under a name that the templates spell out is imported. Where
    what changes inside nested stacks can't be told, that is said, and the plan goes without.

    Raises:
        ChangeSetError: CloudFormation can't make one.
    """
    token = f"{OURS}{uuid.uuid4().hex}"
    asked = {
        "StackName": stack,
        "ChangeSetName": token,
        "ClientToken": token,
        "ChangeSetType": "CREATE" if new else "UPDATE",
        "TemplateURL": template_url,
        "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        "Capabilities": CAPABILITIES,
        "IncludeNestedStacks": nested,
        **({"ImportExistingResources": True} if adopt else {}),
    }
    made = _make(cloudformation, asked)
    with kept_only_if_well(cloudformation, made, new=new):
        described = _wait(cloudformation, made)
        if described["Status"] != "FAILED":
            changes = tuple(_changes(cloudformation, described, (), say))
            return ChangeSet(made, described["StackId"], token, changes, new=new, adopts=adopt)
    reason = described.get("StatusReason") or "no reason given"
    if _is_nothing(reason):
        discard(cloudformation, made, new=new)
        return None
    why = [reason, *refused_early(cloudformation, ChangeSetName=made)]
    if nested and NESTED_FAILED in reason and len(why) == 1:
        say(
            f"What changes inside nested stacks can't be told: {reason} This is the plan of "
            "the root alone; stack policies still keep what holds data."
        )
        # Not the stack that it may have been made for: the next one is for it, too.
        cloudformation.delete_change_set(ChangeSetName=made)
        return create(
            cloudformation,
            stack=stack,
            new=new,
            template_url=template_url,
            parameters=parameters,
            tags=tags,
            adopt=adopt,
            nested=False,
        )
    discard(cloudformation, made, new=new)
    told = "\n".join(why)
    raise ChangeSetError(f"CloudFormation can't plan this change: {told}")


def _is_nothing(reason: str) -> bool:
    return any(words in reason for words in NOTHING)


def _make(cloudformation: Any, asked: dict[str, Any]) -> str:
    """Return the id of a change set, made once, whatever becomes of the answer."""
    try:
        return str(cloudformation.create_change_set(**asked)["Id"])
    except faults.OF_AWS as error:
        # Sent again by the client, it is there already if it had happened the first time.
        # Its name is nobody else's: it is its token.
        exists = faults.code(error) == "AlreadyExistsException"
        if not exists and not faults.passes(error):
            raise
        named = {key: asked[key] for key in ("StackName", "ChangeSetName")}
        try:
            return str(cloudformation.describe_change_set(**named)["ChangeSetId"])
        except ClientError as missing:
            raise error from missing


@contextlib.contextmanager
def kept_only_if_well(cloudformation: Any, change_set: str, *, new: bool) -> Iterator[None]:
    """Discard a change set if what is done meanwhile fails, or is interrupted.

    `new` is whether it makes its stack.

    Raises:
        ChangeSetError: somebody else discarded it.
    """
    try:
        yield
    except BaseException as error:
        if not faults.unheard(error):
            give_up(cloudformation, change_set, new=new)
        if faults.code(error) == "ChangeSetNotFound":
            raise ChangeSetError(
                "The plan was deleted while it was read, by somebody who deploys the same "
                "environment; nothing was changed. Try again."
            ) from error
        raise


def give_up(cloudformation: Any, change_set: str, *, new: bool) -> None:
    """Discard a change set as far as that can be: what went wrong before matters more."""
    try:
        discard(cloudformation, change_set, new=new)
    except faults.OF_AWS:
        with contextlib.suppress(*faults.OF_AWS):
            cloudformation.delete_change_set(ChangeSetName=change_set)


def drop(cloudformation: Any, change_set: ChangeSet, say: Callable[[str], object]) -> None:
    """Discard a change set that nobody will execute; that it can't be done is only said."""
    try:
        discard(cloudformation, change_set.id, new=change_set.new)
    except faults.OF_AWS as error:
        say(
            f"The change set {change_set.token} could not be deleted; the next deploy does it. "
            f"{faults.in_words(error)}"
        )


def discard(cloudformation: Any, change_set: str, *, new: bool) -> None:
    """Delete a change set; if it is to make its stack, the empty stack it was made for, too."""
    stack_id = ""
    try:
        if new:
            stack_id = cloudformation.describe_change_set(ChangeSetName=change_set)["StackId"]
        cloudformation.delete_change_set(ChangeSetName=change_set)
    except ClientError as error:
        # Somebody deleted it, or its stack with it.
        if faults.code(error) != "ChangeSetNotFound" and not faults.missing(error):
            raise
        return
    if stack_id:
        _drop_if_empty(cloudformation, stack_id, change_set)


def _drop_if_empty(cloudformation: Any, stack_id: str, change_set: str) -> None:
    """Delete the stack that a change set was to make, unless it waits for another one."""
    stack = described(cloudformation, stack_id)
    if stack["StackStatus"] == "REVIEW_IN_PROGRESS" and not _others(
        cloudformation, stack["StackName"], change_set
    ):
        if stack.get("EnableTerminationProtection"):
            cloudformation.update_termination_protection(
                StackName=stack_id, EnableTerminationProtection=False
            )
        cloudformation.delete_stack(StackName=stack_id)


def sweep(
    cloudformation: Any,
    stack: str,
    older: timedelta,
    say: Callable[[str], object] = silent,
) -> None:
    """Delete what deploys and plans that were killed left behind, if it is `older`.

    What is younger may be what somebody else is about to deploy.

    That it can't be done is only said: nothing depends on it.
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
    """Whether a stack has change sets, once one that is deleted is gone: no sooner can it go.

    Those of nested stacks are deleted with it, which takes AWS a moment.
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
    """Yield what changes, by the first page of a change set, and what changes inside."""
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
