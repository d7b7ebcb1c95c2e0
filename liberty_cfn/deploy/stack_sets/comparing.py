"""What is not as it should be, target by target: drift, and the spec's checklist."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from liberty_cfn.deploy import drift
from liberty_cfn.deploy.beforehand import examine
from liberty_cfn.deploy.drift import Compared
from liberty_cfn.deploy.errors import DeployError, UnreachableError
from liberty_cfn.deploy.finding import Finding, Level
from liberty_cfn.deploy.images import as_deployed
from liberty_cfn.deploy.patience import Say
from liberty_cfn.deploy.stack import described, name_of
from liberty_cfn.deploy.stack_sets import beforehand, bootstrap
from liberty_cfn.deploy.stack_sets.operations import operate
from liberty_cfn.deploy.stack_sets.reaching import Fleet
from liberty_cfn.deploy.stack_sets.standing import StackSet, stack_ids, standing
from liberty_cfn.deployment_targets import Place
from liberty_cfn.verify import Report, VerifyError, verify

Unknown = dict[Place, str]


def drifted(fleet: Fleet, there: StackSet, say: Say) -> tuple[dict[Place, Compared], Unknown]:
    """Compare every target's stacks with what they were deployed as.

    CloudFormation's own detection, whose result `status` then shows, looks at the root stacks
    alone; those nested in them are compared here, one by one.
    """
    operate(fleet, "detect_stack_set_drift", list, say)
    ids = stack_ids(there.instances)

    def compared(place: Place) -> Compared:
        client = fleet.at(place).client("cloudformation")
        stack = described(client, ids[place])
        if lost := beforehand.without_its_stack(fleet, place, there, stack):
            raise DeployError(str(lost))
        # The file may no longer name the target, and then has no settings of it.
        environment = replace(
            fleet.environment, region=place.region, stack_name=name_of(ids[place])
        )
        drift.refuse_unless_standing(environment, stack)
        name = environment.name
        return drift.detect(client, ids[place], name, say=lambda line: say(f"{place}: {line}"))

    return fleet.everywhere(ids, compared)


def verified(fleet: Fleet) -> tuple[dict[Place, Report], Unknown, list[str]]:
    """Compare what exists in every target with the spec's checklist.

    Also returns what to do where there is no image yet.
    """
    look = partial(verified_at, fleet)
    found, unknown = fleet.everywhere(fleet.targets.places, look)
    advice = [f"{place}: {said}" for place, (_, said) in found.items() if said]
    return {place: report for place, (report, _) in found.items()}, unknown, advice


def verified_at(fleet: Fleet, place: Place) -> tuple[Report, str]:
    """Compare what exists in one target with the checklist; say if it has no image yet.

    Raises:
        UnreachableError: AWS can't be asked there.
    """
    target = fleet.at(place)
    environment, advice = as_deployed(fleet.environment.at(place), target)
    try:
        return verify(environment, target.client), advice
    except VerifyError as error:
        raise UnreachableError(str(error)) from error


def examined(fleet: Fleet) -> tuple[list[Finding], dict[Place, list[Finding]]]:
    """Return what the doctor finds: about the set's roles, then about every target."""
    lacking = bootstrap.missing(fleet)
    accounts = dict.fromkeys(place.account for place in fleet.targets.places)
    roles = [
        Finding(Level.OBSTACLE, f"Account {account}", f"{why}.")
        if (why := lacking.get(account))
        else Finding(Level.OK, f"Account {account}", "its roles for stack sets can be taken.")
        for account in {**accounts, **dict.fromkeys(lacking)}
    ]
    there = standing(fleet)
    off = beforehand.switched_off(fleet)
    lost = beforehand.without_stacks(fleet, there)[0] if there else {}

    def looked(place: Place) -> list[Finding]:
        if place in off:
            return off[place]
        if place in lost:
            return [lost[place]]
        environment = beforehand.with_stack(fleet, place, there)
        return examine(environment, fleet.at(place))

    places = [place for place in fleet.targets.places if place.account not in lacking]
    found, unknown = fleet.everywhere(places, looked)
    untold = {p: [Finding(Level.OBSTACLE, "Target", f"{why}.")] for p, why in unknown.items()}
    return roles, found | untold
