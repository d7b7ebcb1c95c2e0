"""The operations that make a set's targets what they should be, as few as possible.

An operation is told accounts x regions, and one list of overrides.
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStackInstances.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from liberty_cfn.deploy.patience import answered
from liberty_cfn.deploy.stack_sets.reaching import Fleet, products, where
from liberty_cfn.deploy.stack_sets.wanted import Differences
from liberty_cfn.deployment_targets import Place

# Overrides as an operation gets them: names and values; None keeps the present one.
Overrides = tuple[tuple[str, str | None], ...]


@dataclass(frozen=True)
class Step:
    """One operation: which, where, and its arguments besides its targets."""

    operation: str
    accounts: list[str]
    regions: list[str]
    asked: Mapping[str, Any]

    def where(self, fleet: Fleet) -> dict[str, Any]:
        """Return the arguments for its targets; none if its stacks' ids say it."""
        if "StackIds" in self.asked:
            return {}
        return where(fleet.targets, self.accounts, self.regions)


def steps_to(
    fleet: Fleet,
    definition: Mapping[str, Any],
    wanted: Mapping[Place, Mapping[str, str]],
    different: Differences,
    places: Collection[Place],
) -> Iterator[Step]:
    """Yield the operations that bring places up to date, region by region.

    `definition` is what UpdateStackSet is told of the set, `wanted` the overrides of places.
    """
    there = [p for p in places if p not in different.new]
    if not different.definition:
        there = [place for place in there if place in different.outdated]
    for _, accounts, regions in _in_order(fleet, {(): there}):
        yield Step("update_stack_set", accounts, regions, definition)
    for operation, chosen in (
        ("update_stack_instances", different.changed),
        ("create_stack_instances", different.new),
    ):
        groups: dict[Overrides, list[Place]] = {}
        for place in (place for place in places if place in chosen):
            told = _to_send(different.before.get(place, {}), wanted[place])
            groups.setdefault(told, []).append(place)
        for overrides, accounts, regions in _in_order(fleet, groups):
            asked = {"ParameterOverrides": _as_parameters(overrides)}
            yield Step(operation, accounts, regions, asked)


def preferences(
    fleet: Fleet, regions: Collection[str], failed: Mapping[str, int]
) -> dict[str, Any]:
    """Return the operation preferences for some regions.

    `failed` is how many targets failed in each region in earlier operations: they count.
    """
    said = dict(fleet.targets.preferences)
    order = [region for region in said["RegionOrder"] if region in regions]
    # A region that is no longer among the targets has no place in their order.
    said["RegionOrder"] = list(dict.fromkeys([*order, *regions]))
    if "FailureToleranceCount" in said:
        said["FailureToleranceCount"] -= max(failed.get(region, 0) for region in regions)
    return said


def as_before(fleet: Fleet) -> dict[str, Any]:
    """Return the arguments with which UpdateStackSet changes nothing about the set."""
    ask = partial(fleet.cloudformation.describe_stack_set, StackSetName=fleet.name)
    found = answered(fleet.cloudformation, ask)["StackSet"]
    return {
        "UsePreviousTemplate": True,
        "Capabilities": found.get("Capabilities", []),
        "Parameters": [
            {"ParameterKey": p["ParameterKey"], "UsePreviousValue": True}
            for p in found.get("Parameters", [])
        ],
    }


def _to_send(before: Mapping[str, str], overrides: Mapping[str, str]) -> Overrides:
    """Return all of a place's overrides: AWS forgets any that is left out.

    A value that stays is None, so that places that differ only in such values share an
    operation.
    """
    return tuple(
        (name, None if before.get(name) == value else value)
        for name, value in sorted(overrides.items())
    )


def _as_parameters(told: Overrides) -> list[dict[str, Any]]:
    return [
        {"ParameterKey": name}
        | ({"UsePreviousValue": True} if value is None else {"ParameterValue": value})
        for name, value in told
    ]


def _in_order(
    fleet: Fleet, groups: Mapping[Overrides, list[Place]]
) -> Iterator[tuple[Overrides, list[str], list[str]]]:
    """Yield the overrides for groups of places, each with its accounts and regions.

    If regions take turns, all groups are done in one region before the next.
    """
    there = {place.region for places in groups.values() for place in places}
    order = preferences(fleet, there, {})["RegionOrder"] if there else []
    at_once = fleet.targets.preferences["RegionConcurrencyType"] == "PARALLEL"
    found: list[tuple[Overrides, list[str], list[str]]] = []
    for turn in [order] if at_once else [[region] for region in order]:
        for told, places in groups.items():
            for accounts, regions in products(p for p in places if p.region in turn):
                # If the previous region ended with the same, one operation does both.
                if found and found[-1][:2] == (told, accounts):
                    found[-1][2].extend(regions)
                else:
                    found.append((told, accounts, regions))
    yield from found
