"""The set itself, made and deleted once, whatever becomes of AWS's answer."""

from __future__ import annotations

import uuid

from botocore.exceptions import ClientError

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.stack_sets.reaching import Fleet
from liberty_cfn.deploy.stack_sets.standing import answered, standing
from liberty_cfn.deploy.stack_sets.wanted import Wanted, differences


def make(fleet: Fleet, want: Wanted) -> None:
    """Make the set. One that is there already, and as wanted, is ours: its answer was lost.

    Raises:
        DeployError: somebody else made another one meanwhile.
    """
    cloudformation = fleet.cloudformation
    asked = {
        "StackSetName": fleet.name,
        "Description": f"Liberty Social backend, {fleet.environment.name}",
        # Sent again, with the same token it is the same set.
        "ClientRequestToken": f"liberty-{uuid.uuid4().hex}",
        **want.definition(fleet.targets),
    }
    try:
        answered(cloudformation, lambda: cloudformation.create_stack_set(**asked))
    except ClientError as error:
        if faults.code(error) != "NameAlreadyExistsException":
            raise
        there = standing(cloudformation, fleet.name)
        if there and not differences(fleet, want, there).definition:
            return
        raise DeployError(
            f"{fleet.name} was made by somebody else meanwhile, and is not as planned; nothing "
            "was changed. Deploy again to see a new plan."
        ) from error


def unmake(fleet: Fleet) -> None:
    """Delete the set, which has no instances any more; one that is gone is as wanted."""
    cloudformation = fleet.cloudformation
    answered(cloudformation, lambda: cloudformation.delete_stack_set(StackSetName=fleet.name))
