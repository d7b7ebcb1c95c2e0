"""What exists of a stack set: its definition, its instances, and its operations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.errors import DeployError, UnknownStatusError
from liberty_cfn.deploy.patience import answered
from liberty_cfn.deploy.stack import parameters, tags
from liberty_cfn.deploy.stack_sets.reaching import Fleet
from liberty_cfn.deployment_targets import Place

T = TypeVar("T")
MISSING = "StackSetNotFoundException"
# What each status of an instance means.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackInstance.html
MEANINGS = {
    "CURRENT": "as the set says",
    "OUTDATED": "not as the set says: not yet, or the last operation failed there",
    "INOPERABLE": "its stack could not be deleted; it takes part in no update any more",
}
# The detailed status of an instance that AWS skips, and counts as a success.
SUSPENDED = "SKIPPED_SUSPENDED_ACCOUNT"


@dataclass(frozen=True)
class Instance:
    """An instance of a set: where, and in what state. `stack_id` is empty before it has one."""

    place: Place
    stack_id: str
    status: str
    detailed: str
    drift: str
    reason: str

    @property
    def current(self) -> bool:
        return self.status == "CURRENT"


def stack_ids(instances: Mapping[Place, Instance]) -> dict[Place, str]:
    return {place: one.stack_id for place, one in instances.items() if one.stack_id}


@dataclass(frozen=True)
class StackSet:
    """What exists of a set. `template` is the root's text, `drift` the last detection's."""

    template: str
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    drift: str
    managed_execution: bool
    auto_deployment: Mapping[str, Any]
    instances: Mapping[Place, Instance]

    @property
    def definition(self) -> tuple[Any, ...]:
        """What all of its instances have of it; AWS may leave out what is off."""
        automatic = {name for name, on in self.auto_deployment.items() if on}
        return self.template, self.parameters, self.tags, self.managed_execution, automatic

    def being(self, status: str) -> list[Place]:
        return [place for place, one in self.instances.items() if one.status == status]


def standing(fleet: Fleet) -> StackSet | None:
    """Return what exists of a fleet's stack set; None if nothing does.

    Raises:
        UnknownStatusError: an instance is in a state that this program doesn't know.
    """
    ask = partial(fleet.cloudformation.describe_stack_set, StackSetName=fleet.name)
    with faults.unless(MISSING):
        found = answered(fleet.cloudformation, ask)["StackSet"]
        drift = found.get("StackSetDriftDetectionDetails", {})
        if found["Status"] != "DELETED":
            return StackSet(
                found.get("TemplateBody", ""),
                parameters(found),
                tags(found),
                drift.get("DriftStatus", "NOT_CHECKED"),
                bool(found.get("ManagedExecution", {}).get("Active")),
                found.get("AutoDeployment", {}),
                instances(fleet),
            )
    return None


def instances(fleet: Fleet) -> dict[Place, Instance]:
    """Return the instances of a stack set that exists.

    Raises:
        UnknownStatusError: an instance is in a state that this program doesn't know.
    """
    return answered(fleet.cloudformation, lambda: {one.place: one for one in _instances(fleet)})


def overrides(fleet: Fleet, place: Place) -> dict[str, str]:
    """Return the parameters that are overridden for one instance."""
    asked = {
        "StackSetName": fleet.name,
        "StackInstanceAccount": place.account,
        "StackInstanceRegion": place.region,
    }
    found = answered(
        fleet.cloudformation, lambda: fleet.cloudformation.describe_stack_instance(**asked)
    )
    return parameters(found["StackInstance"], "ParameterOverrides")


def every_override(fleet: Fleet, places: Iterable[Place]) -> dict[Place, dict[str, str]]:
    """Return the parameters that are overridden for each of some instances.

    Raises:
        DeployError: AWS doesn't tell those of some.
    """
    found, failed = fleet.everywhere(places, partial(overrides, fleet))
    if failed:
        raise DeployError("\n".join(f"{place}: {why}" for place, why in failed.items()))
    return found


def operations(fleet: Fleet) -> Iterator[dict[str, Any]]:
    """Yield a set's operations, the newest first."""
    pages = fleet.cloudformation.get_paginator("list_stack_set_operations")
    yield from pages.paginate(StackSetName=fleet.name).search("Summaries")


def _instances(fleet: Fleet) -> Iterator[Instance]:
    pages = fleet.cloudformation.get_paginator("list_stack_instances")
    for raw in pages.paginate(StackSetName=fleet.name).search("Summaries"):
        if raw["Status"] not in MEANINGS:
            raise UnknownStatusError(
                f"CloudFormation says {raw['Status']} of a stack instance, which this program "
                "does not know; add it to liberty_cfn/deploy/stack_sets/standing.py."
            )
        yield Instance(
            Place(raw["Account"], raw["Region"]),
            raw.get("StackId", ""),
            raw["Status"],
            raw.get("StackInstanceStatus", {}).get("DetailedStatus", ""),
            raw.get("DriftStatus", "NOT_CHECKED"),
            raw.get("StatusReason", ""),
        )
