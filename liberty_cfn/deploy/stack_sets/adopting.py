"""Taking in what an earlier destroy kept, in the targets of a self-managed set.

A set's own operations can't import resources. So a target's stack is created by a change set
that does, as a single environment's is (deploy/adopting.py), and then imported into the set.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-import.html
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.deploying import begin, deploy
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.patience import Say
from liberty_cfn.deploy.protection import protect_from_termination
from liberty_cfn.deploy.stack import described
from liberty_cfn.deploy.stack_sets.beforehand import adopted_stack, with_stack
from liberty_cfn.deploy.stack_sets.bootstrap import administrator
from liberty_cfn.deploy.stack_sets.previews import Prefixed
from liberty_cfn.deploy.stack_sets.reaching import Fleet
from liberty_cfn.deploy.stack_sets.wanted import Wanted
from liberty_cfn.deploy.targets import Target
from liberty_cfn.deploy.work import Work
from liberty_cfn.deployment_targets import Place


def make(
    fleet: Fleet,
    want: Wanted,
    place: Place,
    *,
    templates: Mapping[str, str],
    role: str,
    say: Say,
) -> str:
    """Return the id of a target's stack, which takes in what is there under its names.

    Its stacks are created as the set's are, by the execution role; secrets are read and deleted
    by `role`, an administrator's. After an interruption, it carries on where it was.

    Raises:
        DeployError: it failed. The message says where and why; what was kept is still there.
    """
    environment = with_stack(fleet, place, None).with_parameters(want.overrides[place])
    execution = fleet.at(place).client("cloudformation")
    try:
        target = as_administrator(fleet, place, role)
        work = Work(environment, target, Prefixed(place, say), templates)
        deploy(work, begin(work, environment.stack), adopt=True)
    except DeployError as error:
        raise DeployError(f"{place}: {error}") from error
    except faults.OF_AWS:
        say(f"{place}: what is there could not be taken in:")
        raise
    stack = str(described(execution, adopted_stack(fleet))["StackId"])
    # From now on the set deletes it, which can't lift the protection.
    protect_from_termination(execution, stack, on=False)
    return stack


def as_administrator(fleet: Fleet, place: Place, role: str) -> Target:
    """Return a target as its administrator, but with its stacks by the execution role.

    Only that role may read the set's templates, and it changes the stacks from then on.

    Raises:
        UnreachableError: either role doesn't exist, or can't be assumed.
    """
    found = administrator(fleet, place.account, role, place.region)
    return dataclasses.replace(
        found,
        uploads_to=fleet.home,
        _clients={"cloudformation": fleet.at(place).client("cloudformation")},
    )
