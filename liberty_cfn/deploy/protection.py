"""What keeps a deployed environment from loss by accident: stack policies, and protection.

A stack's policy doesn't apply to the stacks nested in it, so each has the same one. It is
reviewed in templates/stack-policy.json.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.stack import find, nested_in, parameters, resources
from liberty_cfn.deploy.statuses import MEANINGS, Meaning, state_of
from liberty_cfn.environments import Environment
from liberty_cfn.stateful import stack_policy

# The settings that keep the database and the load balancer from being deleted by anybody.
FROM_DELETION = ("BalancerDeletionProtection", "DatabaseDeletionProtection")


def lifted(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters with which a new stack can be deleted again if it fails."""
    return {name: "false" for name in FROM_DELETION if settings[name] == "true"}


def protect(
    cloudformation: Any,
    stack_id: str,
    allowed: Collection[str] = (),
    coming: Collection[str] = (),
) -> None:
    """Deny replacing and deleting stateful resources, except those with `allowed` logical ids.

    The root is opened first and closed last: so if it is closed, all are. It is opened for
    nested stacks that are `coming`, which will have no policy at first.
    """
    stacks = [stack_id, *nested(cloudformation, stack_id)]
    for one in stacks if allowed or coming else stacks[::-1]:
        open_ = allowed or (coming if one == stack_id else ())
        try:
            cloudformation.set_stack_policy(StackName=one, StackPolicyBody=stack_policy(open_))
        except ClientError as error:
            if one == stack_id or not faults.missing(error):
                raise


def close_again(cloudformation: Any, stack_id: str, *, known: bool = False) -> None:
    """Protect all stacks again if the root's policy says that a deploy left some open.

    Or if it is `known` that somebody opened some. But not under an operation, as it may be what
    they are open for: then whoever began that closes them when it is over, or else the next
    deploy.
    """
    if (known or _is_open(cloudformation, stack_id)) and not at_work(cloudformation, stack_id):
        protect(cloudformation, stack_id)


def _is_open(cloudformation: Any, stack_id: str) -> bool:
    body = cloudformation.get_stack_policy(StackName=stack_id).get("StackPolicyBody", "")
    return bool(body != stack_policy())


def unprotected(environment: Environment, cloudformation: Any, stack: Mapping[str, Any]) -> str:
    """Return, in words, what a deploy that was killed left unprotected; empty if nothing."""
    if MEANINGS.get(stack["StackStatus"]) is not Meaning.GOOD:
        return ""
    found = parameters(stack)
    open_ = [name for name in lifted(environment.settings) if found.get(name) == "false"]
    # Whoever only looks may lack the right to.
    with contextlib.suppress(*faults.OF_AWS):
        open_ += ["stack policies"] * _is_open(cloudformation, stack["StackId"])
    if not open_:
        return ""
    return (
        f"Data isn't protected as it is to be ({', '.join(open_)}): a deploy was killed, or is "
        f"of an earlier version. The next one mends that: make deploy ENV={environment.name}"
    )


def at_work(cloudformation: Any, stack_id: str) -> bool:
    return state_of(find(cloudformation, stack_id)) is Meaning.WORKING


def protect_from_termination(cloudformation: Any, stack_id: str, *, on: bool = True) -> None:
    """Switch the stack's termination protection on or off."""
    cloudformation.update_termination_protection(
        StackName=stack_id, EnableTerminationProtection=on
    )


def nested(cloudformation: Any, stack_id: str) -> Iterator[str]:
    """Yield the ids of the stacks nested in a stack, at any depth."""
    for resource in resources(cloudformation, stack_id):
        if inside := nested_in(resource):
            yield inside
            with faults.unless_missing():
                yield from nested(cloudformation, inside)
