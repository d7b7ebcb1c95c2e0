"""What would change, stack by stack: change sets, made and read."""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.causes import next_step
from liberty_cfn.deploy.changes import STAYING, Change, ChangeSet, read, removed
from liberty_cfn.deploy.discarding import OURS, discard, drop, kept_only_if_well
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.hooks import REFUSED, refused_by_hooks, refused_early
from liberty_cfn.deploy.patience import Patience, Say, Speaker, answered, pause, silent
from liberty_cfn.deploy.stack import NESTED_STACK, as_parameters, as_tags, nested_in

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]
# CloudFormation reports it as a failure when there is nothing to do, without a code for it.
NOTHING = ("didn't contain changes", "No updates are to be performed")
# How it says that a nested stack's change set, not this one, could not be made. The limit
# counts those that it keeps for nested stacks without changes; the last stands in for what it
# can't know of them yet.
NESTED_FAILED = re.compile(
    r"Nested change set (arn:\S+)|ChangeSet limit exceeded for stack|{{IntrinsicFunction:"
)
# How it may refuse to make any for nested stacks, without a code for it.
NESTED_REFUSED = re.compile("(?i)nested ?(stack|change)")
# AWS keeps those until the nested stack is updated, and refuses to delete them before.
# https://github.com/aws/copilot-cli/issues/5614
CROWDED = (
    " AWS forgets the change sets of a stack when it is updated: change a value of Tags in "
    "params/, say, which updates all, and deploy."
)
# Added where AWS names the hook that refused a change set, but not why.
UNTOLD = (
    " Why can't be told: whoever deploys may lack the rights to ask, "
    "cloudformation:DescribeEvents and cloudformation:ListHookResults."
)
# How it says that the stack is no longer in the state it was found in.
MEANWHILE = re.compile("Stack.*(already exists|does not exist)")
JUST_BEFORE = (
    "Somebody else made, changed or deleted the stack just before this plan, which changed "
    "nothing. Deploy again: that sees what is under way to its end first."
)
PENDING = ("CREATE_PENDING", "CREATE_IN_PROGRESS")
LOST = ("OBSOLETE", "UNAVAILABLE")
# How many times AWS may fail to answer before that counts.
LOOKS = 20


def create(
    cloudformation: Any,
    *,
    stack: str,
    new: bool,
    template: Mapping[str, str],
    parameters: Mapping[str, str],
    tags: Mapping[str, str],
    adopt: bool = False,
    say: Say = silent,
) -> ChangeSet | None:
    """Return the change set that brings `stack` up to date; None if it already is.

    `template` is the argument that tells the root's, by its URL or its text.
    With `adopt`, resources that exist under a name spelled out in the templates are imported.
    Where CloudFormation can't tell what changes inside nested stacks, that is said, and the
    plan covers the root alone.

    Raises:
        DeployError: CloudFormation can't make one.
    """
    asked = {
        "StackName": stack,
        "ChangeSetType": "CREATE" if new else "UPDATE",
        **template,
        "Parameters": as_parameters(parameters),
        "Tags": as_tags(tags),
        "Capabilities": CAPABILITIES,
        "IncludeNestedStacks": True,
        **({"ImportExistingResources": True} if adopt else {}),
    }

    def of_the_root_alone(reason: str) -> tuple[ChangeSet, _Failure | None]:
        room = CROWDED if "limit exceeded" in reason else ""
        say(
            "What changes inside nested stacks can't be told: "
            f"{reason.removesuffix('.')}. This is the plan of the root alone; stack "
            f"policies still keep what holds data.{room}"
        )
        return _completed(cloudformation, {**asked, "IncludeNestedStacks": False}, say)

    # A change set of the root alone imports nothing into nested stacks.
    try:
        made, why = _completed(cloudformation, asked, say)
    except ClientError as error:
        if adopt or not NESTED_REFUSED.search(str(error)):
            raise
        made, why = of_the_root_alone(faults.in_words(error))
    else:
        if why and why.inside and not adopt and REFUSED not in why.reason:
            # Keep the empty stack that may have been made with it: the next one is for it, too.
            drop(cloudformation, replace(made, new=False), say)
            made, why = of_the_root_alone(why.reason)
    if not why:
        return made
    drop(cloudformation, made, say)
    if _is_nothing(why.reason):
        return None
    told = "\n".join(why.details or [why.reason])
    step = next_step("\n".join([why.reason, *why.details]))
    raise DeployError(f"CloudFormation can't plan this change: {told}\n{step}".rstrip())


@dataclass(frozen=True)
class _Failure:
    """Why a change set could not be made; `inside` if that was a nested stack's."""

    reason: str
    details: Sequence[str] = ()
    inside: bool = False


def _completed(
    cloudformation: Any, asked: Mapping[str, Any], say: Say
) -> tuple[ChangeSet, _Failure | None]:
    """Return a change set, and why it can't be executed; None if it can."""
    made = _created_once(cloudformation, asked)
    with kept_only_if_well(cloudformation, made):
        page = _wait(cloudformation, made.id, say)
        if page["Status"] == "FAILED":
            return made, _failure(cloudformation, page)
        return replace(made, changes=tuple(_changes(cloudformation, page, (), say))), None


def _failure(cloudformation: Any, page: dict[str, Any]) -> _Failure:
    """Return why a change set could not be made: the root cause, even in a nested stack."""
    reason = page.get("StatusReason") or "no reason given"
    if _is_nothing(reason):
        return _Failure(reason)
    if nested := NESTED_FAILED.search(reason):
        found: list[_Failure] = []
        if nested[1]:
            with contextlib.suppress(*faults.OF_AWS):
                found.extend(_failed_inside(cloudformation, page, nested[1]))
        reasons = "; ".join(dict.fromkeys(why.reason for why in found))
        details = [line for why in found for line in (why.details or [why.reason])]
        return _Failure(reasons or reason, details, inside=True)
    details = refused_early(cloudformation, ChangeSetName=page["ChangeSetId"])
    if REFUSED in reason:
        details += refused_by_hooks(cloudformation, page["ChangeSetId"])
        reason += "" if details else UNTOLD
    return _Failure(reason, details)


def _failed_inside(cloudformation: Any, page: dict[str, Any], first: str) -> Iterator[_Failure]:
    """Yield why nested stacks' change sets could not be made, of which AWS names the `first`.

    The others may still be on their way when that has failed.
    https://github.com/aws-amplify/amplify-cli/pull/14764
    """
    looks = iter(range(LOOKS))
    listed = [resource.get("ChangeSetId") for resource in _resources(cloudformation, page)]
    for each in dict.fromkeys(filter(None, [first, *listed])):
        inside = _page(cloudformation, each)
        while inside["Status"] in PENDING and next(looks, None) is not None:
            pause(cloudformation, 0)
            inside = _page(cloudformation, each)
        if inside["Status"] == "FAILED" and not _is_nothing(inside.get("StatusReason", "")):
            yield _failure(cloudformation, inside)


def _is_nothing(reason: str) -> bool:
    return any(words in reason for words in NOTHING)


def _created_once(
    cloudformation: Any, asked: Mapping[str, Any], *, renamed: bool = False
) -> ChangeSet:
    """Make a change set exactly once, even if AWS's answer is lost.

    `renamed` if the name tried before was taken.
    """
    # Named after the stack: told by its own ARN, a role may use the change sets of some names.
    stack = asked["StackName"] if asked["StackName"].startswith(OURS) else OURS.rstrip("-")
    token = f"{stack}-{uuid.uuid4().hex}"
    named = {"StackName": asked["StackName"], "ChangeSetName": token}
    new, adopts = asked["ChangeSetType"] == "CREATE", "ImportExistingResources" in asked

    def found() -> ChangeSet:
        page = cloudformation.describe_change_set(**named)
        return ChangeSet(page["ChangeSetId"], page["StackId"], token, new=new, adopts=adopts)

    try:
        said = cloudformation.create_change_set(**asked, ChangeSetName=token, ClientToken=token)
        return ChangeSet(said["Id"], said["StackId"], token, new=new, adopts=adopts)
    except KeyboardInterrupt:
        # Ctrl-C came before the answer: it may have been made, and would be left behind.
        with contextlib.suppress(*faults.OF_AWS):
            discard(cloudformation, found())
        raise
    except faults.OF_AWS as error:
        # botocore resends a request that got no answer, and the second finds what the first
        # made. It is ours: nobody else has our token, which is its name.
        with contextlib.suppress(ClientError):
            return found()
        if faults.unready(error) or MEANWHILE.search(str(error)):
            raise DeployError(f"{JUST_BEFORE} {faults.in_words(error)}") from error
        if faults.code(error) == "AlreadyExistsException" and not renamed:
            return _created_once(cloudformation, asked, renamed=True)
        raise


def _wait(cloudformation: Any, change_set: str, say: Say) -> dict[str, Any]:
    patience, look = Patience(change_set), partial(_page, cloudformation, change_set)
    speaker = Speaker(say, patience.clock)
    while not patience.over:
        described = answered(cloudformation, look, LOOKS, coming=["ChangeSetNotFound"])
        status, execution = described["Status"], described.get("ExecutionStatus")
        if status == "FAILED" or (status == "CREATE_COMPLETE" and execution not in LOST):
            return described
        if status not in PENDING:
            raise DeployError(
                f"CloudFormation says {status}, {execution} of the plan, so it can't be "
                "executed; it changed nothing. Try again."
            )
        if speaker.is_due:
            speaker.say("CloudFormation is still making the plan")
        pause(cloudformation, 0)
    hours = patience.deadline / timedelta(hours=1)
    raise DeployError(
        f"CloudFormation has not made the plan after {hours:g} h, and it is no longer waited "
        "for; it changed nothing. Try again: a deploy deletes what is left."
    )


def _page(cloudformation: Any, change_set: str, **more: str) -> dict[str, Any]:
    asked = {"ChangeSetName": change_set, **more}
    page = cloudformation.describe_change_set(**asked, IncludePropertyValues=True)
    if page["Status"] == "FAILED" and not page.get("StatusReason"):
        # With values, AWS may leave out the reason: https://github.com/boto/boto3/issues/4178
        page = cloudformation.describe_change_set(**asked)
    return dict(page)


def _changes(
    cloudformation: Any, page: dict[str, Any], path: tuple[str, ...], say: Say
) -> Iterator[Change]:
    """Yield the changes, from a change set's first page on, including nested stacks'."""
    for resource in _resources(cloudformation, page):
        change = read(resource, path)
        if change.type == NESTED_STACK and change.action not in STAYING:
            # Everything in it goes, whatever its own change set says, if it has one.
            yield change
            yield from removed(cloudformation, nested_in(resource), change.place)
            continue
        if nested := resource.get("ChangeSetId"):
            child = _page(cloudformation, nested)
            if why := _untold(child):
                say(
                    f"What changes inside {'/'.join(change.place)} can't be told: "
                    f"{why.removesuffix('.')}. Its stack policy still keeps what holds data."
                )
            yield replace(change, opaque=bool(why))
            yield from _changes(cloudformation, child, change.place, say)
            continue
        # A nested stack without a change set of its own may change in any way.
        yield replace(change, opaque=change.type == NESTED_STACK and change.action != "Add")


def _untold(page: dict[str, Any]) -> str:
    """Return why a nested change set can't be read; empty if it can, or nothing changes."""
    reason = page.get("StatusReason") or "no reason given"
    # One without changes is FAILED, too.
    return reason if page.get("Status") != "CREATE_COMPLETE" and not _is_nothing(reason) else ""


def _resources(cloudformation: Any, page: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the resource changes of a change set, from its first page and all others."""
    while True:
        for change in page.get("Changes", []):
            yield change["ResourceChange"]
        if not (token := page.get("NextToken")):
            return
        page = _page(cloudformation, page["ChangeSetId"], NextToken=token)
