"""Taking a stack set down: its instances, then the set, except what templates keep."""

from __future__ import annotations

from collections.abc import Mapping

from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.patience import answered
from liberty_cfn.deploy.stack_sets import failures
from liberty_cfn.deploy.stack_sets.operations import Operation, Progress, attach, operate
from liberty_cfn.deploy.stack_sets.reaching import Fleet, products, where
from liberty_cfn.deploy.stack_sets.standing import StackSet, standing
from liberty_cfn.deployment_targets import Place


def destroy(
    fleet: Fleet, there: StackSet, progress: Progress, last: str | None = None
) -> Mapping[Place, str]:
    """Delete the set's stacks in every target, then the set; return each target's status.

    `last` is the id of the operation that had begun last when somebody was asked; None if
    nobody was.

    Raises:
        DeployError: some could not be deleted. The message says which, and why. Or somebody
            else changed the set since.
    """
    attach(fleet, progress)
    ours = None if last is None else {last}
    results: dict[Place, str] = {}
    done: list[Operation] = []
    for accounts, regions in products(there.instances):
        one = operate(
            fleet,
            "delete_stack_instances",
            progress.happened,
            progress.say,
            ours=ours,
            RetainStacks=False,
            OperationPreferences={
                "RegionConcurrencyType": "PARALLEL",
                "MaxConcurrentPercentage": 100,
                # What can be deleted is; what can't is told.
                "FailureTolerancePercentage": 100,
            },
            **where(fleet.targets, accounts, regions),
        )
        done.append(one)
        results |= {place: result.status for place, result in one.results.items()}
    if failed := [result for one in done for result in one.failed]:
        began = min(one.began for one in done)
        first = f"{fleet.name} is not deleted: {len(failed)} of its stacks are still there."
        lines, told = failures.explained(fleet, failed, began)
        raise DeployError("\n".join([first, *lines]), failures=told)
    if any(one.status == "STOPPED" for one in done):
        raise DeployError(
            f"{fleet.name} is not deleted: the operation was stopped. To go on: make destroy "
            f"ENV={fleet.environment.name}"
        )
    if standing(fleet):
        delete = fleet.cloudformation.delete_stack_set
        answered(fleet.cloudformation, lambda: delete(StackSetName=fleet.name))
    return results
