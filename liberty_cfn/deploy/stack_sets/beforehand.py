"""What would make an operation fail in a target, asked of all of them before it begins.

First the regions: one that an account hasn't enabled doesn't answer, so nothing else can be
asked there. Then what the settings name, and what is in the way of what will be created.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from liberty_cfn.deploy import beforehand
from liberty_cfn.deploy.destroying import Kept, looked_through
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.finding import Finding, Level, as_json
from liberty_cfn.deploy.stack import find, name_of
from liberty_cfn.deploy.stack_sets.reaching import Fleet, opting, taking_out
from liberty_cfn.deploy.stack_sets.standing import StackSet
from liberty_cfn.deploy.statuses import UPDATABLE, Meaning, in_words, state_of
from liberty_cfn.deployment_targets import Place, by_place
from liberty_cfn.environments import Environment

# What policies keep of a stack whose creation failed still exists.
LEFT = "ROLLBACK_COMPLETE"


def switched_off(fleet: Fleet) -> dict[Place, list[Finding]]:
    """Return the targets whose region is not enabled.

    It has to be, both in their account and in the set's own. Each account is asked once, in the
    set's own region. Accounts that can't be reached are left out.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-opt-in-regions.html
    """
    home, places = fleet.home, fleet.targets.places

    def off(here: Place) -> list[str]:
        ec2 = (home if here.account == home.account else fleet.at(here)).client("ec2")
        wanted = [p.region for p in places if here.account in (p.account, home.account)]
        return [region for region, on in opting(ec2, wanted).items() if not on]

    accounts = dict.fromkeys((home.account, *(place.account for place in places)))
    told, _ = fleet.everywhere([Place(a, home.region) for a in accounts], off)
    by_account = {here.account: regions for here, regions in told.items()}
    found = {
        place: [
            _not_enabled(account, place.region)
            for account in dict.fromkeys((place.account, home.account))
            if place.region in by_account.get(account, ())
        ]
        for place in places
    }
    return {place: findings for place, findings in found.items() if findings}


def in_the_way(
    fleet: Fleet,
    places: Iterable[Place],
    there: StackSet | None,
    templates: Mapping[str, str] | None = None,
) -> tuple[dict[Place, list[Finding]], dict[Place, str]]:
    """Return what would surely make an operation fail, by place; and why some can't be checked.

    What can be adopted is `adoptable`. Without templates, everything that might be in the way
    of ours is looked for.
    """

    def looked(place: Place) -> list[Finding]:
        target = fleet.at(place)
        environment = with_stack(fleet, place, there)
        cloudformation = target.client("cloudformation")
        stack = find(cloudformation, environment.stack)
        if state_of(stack) is not Meaning.ABSENT and not (there and place in there.instances):
            says = "was being adopted, and is not in the set yet."
            goes_on = f"make deploy ENV={environment.name} ADOPT=1 goes on with it."
            return [Finding(Level.OBSTACLE, f"Stack {environment.stack}", says, goes_on)]
        if lost := without_its_stack(fleet, place, there, stack):
            return [lost]
        # What is left of a failed creation is deleted, and made again.
        if stack and state_of(stack) not in (*UPDATABLE, Meaning.BROKEN):
            says = in_words(stack["StackStatus"], environment)
            return [Finding(Level.OBSTACLE, "Stack", says)]
        if stack and stack["StackStatus"] == LEFT:
            environment = with_stack(fleet, place, None)
            stack = find(cloudformation, environment.stack)
        return beforehand.obstacles(environment, target, stack, templates)

    found, unknown = fleet.everywhere(places, looked)
    return {place: findings for place, findings in found.items() if findings}, unknown


def without_its_stack(
    fleet: Fleet, place: Place, there: StackSet | None, found: Mapping[str, Any] | None
) -> Finding | None:
    """Return what to do about a target whose stack somebody deleted; None if nobody did.

    `found` is its stack. The set takes it to be CURRENT, and nobody documents what an operation
    makes of it.
    """
    instance = there.instances.get(place) if there else None
    if not (instance and instance.current) or state_of(found) is not Meaning.ABSENT:
        return None
    name = fleet.environment.name
    says = (
        "was deleted, and not by the set, which takes it to be there. Take the target out of "
        f"the set ({taking_out(fleet, place)}), then have it made anew: make deploy ENV={name}."
    )
    return Finding(Level.OBSTACLE, f"Stack {name_of(instance.stack_id)}", says)


def without_stacks(
    fleet: Fleet, there: StackSet
) -> tuple[dict[Place, Finding], dict[Place, str]]:
    """Return the targets whose stacks somebody deleted, and where that can't be told."""
    # Only AWS gets into the accounts of a service-managed set.
    current = [p for p, i in there.instances.items() if i.current]
    found, unknown = fleet.everywhere(
        () if fleet.targets.service_managed else current,
        lambda place: without_its_stack(
            fleet,
            place,
            there,
            find(fleet.at(place).client("cloudformation"), there.instances[place].stack_id),
        ),
    )
    return {place: lost for place, lost in found.items() if lost}, unknown


def remaining(
    fleet: Fleet, there: StackSet, places: Collection[Place]
) -> tuple[dict[Place, list[Kept]], dict[Place, list[str]], dict[Place, str]]:
    """Return what places would keep that go, what is in the way, and where nobody knows.

    What is in the way is found by CloudFormation only with half of a stack gone.
    """

    def look(place: Place) -> tuple[list[Kept], list[str]]:
        stack_id = there.instances[place].stack_id
        if not stack_id:
            return [], []
        return looked_through(fleet.environment, fleet.at(place), stack_id)

    found, unknown = fleet.everywhere(places, look)
    return (
        {place: left for place, (left, _) in found.items()},
        {place: held for place, (_, held) in found.items() if held},
        unknown,
    )


def adopted_stack(fleet: Fleet) -> str:
    """Return the name of a target's stack that takes in what exists.

    Always the same, so that it is found again; with the prefix that the execution role is bound
    to.
    """
    return f"StackSet-{fleet.name}-adopted"


def with_stack(fleet: Fleet, place: Place, there: StackSet | None) -> Environment:
    """Return the environment in a place, with the name of the set's stack there.

    Before there is one, it has the name of one that adopts.
    """
    instance = there.instances.get(place) if there else None
    stack = (instance.stack_id if instance else "") or adopted_stack(fleet)
    return dataclasses.replace(fleet.environment.at(place), stack_name=name_of(stack))


def refuse(fleet: Fleet, found: Mapping[Place, Collection[Finding]]) -> None:
    """Refuse to begin if anything is in the way, for every target at once.

    Raises:
        DeployError: something is. The message says what, where, and what to do.
    """
    if not found:
        return
    lines = ["Nothing was changed, as this would fail:"]
    for place, findings in found.items():
        lines += [f"{place}:", *(f"  {line}" for line in as_lines(findings))]
    if any(each.adoptable for findings in found.values() for each in findings):
        lines.append(_how_to_free_names(fleet))
    told = [
        {**place.as_json(), **each}
        for place, findings in found.items()
        for each in as_json(findings)
    ]
    raise DeployError("\n".join(lines), findings=told)


def refuse_unseen(
    fleet: Fleet, unknown: Mapping[Place, str], undone: str, new: Collection[Place] = ()
) -> None:
    """Refuse to go on if targets can't be looked into, of which `new` have no stack yet.

    Raises:
        DeployError: some can't. The message says why, and what to do.
    """
    # Nobody may take roles in the accounts of a service-managed set but AWS.
    if not unknown or fleet.targets.service_managed:
        return
    lines = [f"Nothing was {undone}: these targets can't be looked into:"]
    lines += [f"  {place}: {why}" for place, why in unknown.items()]
    # A target whose stack somebody deleted says so itself.
    told = {place for place, why in unknown.items() if taking_out(fleet, place) in why}
    if there := [place for place in unknown if place not in (*new, *told)]:
        file = f"params/{fleet.environment.name}.yaml"
        lines += [
            f"An account that is closed or suspended: out of {file}, and out of the set:",
            *(f"  {place}: {taking_out(fleet, place)}" for place in there),
        ]
    raise DeployError("\n".join(lines), unknown=by_place(unknown))


def as_lines(findings: Collection[Finding]) -> Iterator[str]:
    """Yield what was found, with one line for the taken names of each kind."""
    taken: dict[str, list[str]] = {}
    for each in findings:
        if each.adoptable:
            kind, _, name = each.about.rpartition(" ")
            taken.setdefault(kind, []).append(name)
        else:
            yield str(each)
    for kind, names in taken.items():
        yield f"{kind} that is there: {', '.join(names)}"


def _how_to_free_names(fleet: Fleet) -> str:
    """Return what can be done about names that are taken."""
    name = fleet.environment.name
    adopt = f"To take it in: make deploy ENV={name} ADOPT=1. Or delete"
    delete = "Delete" if fleet.targets.service_managed else adopt
    said = (
        "What is there has the name of what is to be made; a destroy, or a creation that "
        f"failed, may have kept it. {delete} what nobody needs, as an administrator of its "
        f"account (the commands: make doctor ENV={name}); or leave it, and give the target "
        f"another NameSuffix in params/{name}.yaml."
    )
    if fleet.environment.is_local:
        said += " All of the local AWS is emptied by: make local-down ARGS=--forget"
    return said


def _not_enabled(account: str, region: str) -> Finding:
    says = (
        f"account {account} has not switched on {region}: aws account enable-region "
        f"--region-name {region}, as its administrator, which takes some minutes; or take it "
        "out of Targets."
    )
    return Finding(Level.OBSTACLE, "Region", says)
