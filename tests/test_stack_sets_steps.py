"""Which operations bring a stack set's targets to what they should be, and how many."""

import dataclasses
from datetime import UTC, datetime

import pytest

from liberty_cfn.deploy.stack_sets.operations import Operation, Result
from liberty_cfn.deploy.stack_sets.reaching import Fleet
from liberty_cfn.deploy.stack_sets.steps import preferences, steps_to
from liberty_cfn.deploy.stack_sets.wanted import Differences
from liberty_cfn.deployment_targets import Place
from liberty_cfn.environments import load

US, EU, AP = "us-east-1", "eu-west-1", "ap-south-1"
ACCOUNTS = tuple(f"{number:012d}" for number in range(50))
FIRST, LAST = ACCOUNTS[0], ACCOUNTS[-1]
NOTHING = dict.fromkeys(("new", "changed", "outdated", "inoperable", "gone"), ())


def own(place):
    return {"NameSuffix": f"-{ACCOUNTS.index(place.account)}{place.region}"}


def steps(overrides, concurrency="SEQUENTIAL", order=(US, EU, AP), **different):
    """Return what is asked: the operation, its accounts and regions, and its overrides.

    Before, each place has a suffix of its own, and keeps logs for 7 days.
    """
    environment = load("global")
    asked = {"RegionConcurrencyType": concurrency, "RegionOrder": list(order)}
    targets = dataclasses.replace(
        environment.targets, overrides=overrides, preferences=asked, accounts=ACCOUNTS
    )
    fleet = Fleet(dataclasses.replace(environment, targets=targets), home=None)
    before = {place: {**own(place), "LogRetentionDays": "7"} for place in overrides}
    if "new" in different:
        before = {}
    found = Differences(**{"definition": False, **NOTHING, "before": before, **different})
    return [
        (one.operation, one.accounts, one.regions, one.asked.get("ParameterOverrides"))
        for one in steps_to(fleet, {}, overrides, found, list(overrides))
    ]


def places(*regions, accounts=ACCOUNTS):
    return [Place(account, region) for region in regions for account in accounts]


def keeping(days, where):
    return {place: {**own(place), "LogRetentionDays": days(place)} for place in where}


def told(days):
    return [
        {"ParameterKey": "LogRetentionDays", "ParameterValue": days},
        {"ParameterKey": "NameSuffix", "UsePreviousValue": True},
    ]


UPDATE = "update_stack_instances"


def test_a_hundred_targets_that_change_alike_are_one_operation():
    wanted = keeping(lambda _: "30", places(US, EU))
    [step] = steps(wanted, changed=tuple(wanted))
    assert step == (UPDATE, list(ACCOUNTS), [US, EU], told("30"))


def test_where_regions_differ_each_has_an_operation_in_their_order():
    wanted = keeping(lambda p: "30" if p.region == EU else "60", places(US, EU))
    found = steps(wanted, order=(EU, US), changed=tuple(wanted))
    assert found == [
        (UPDATE, list(ACCOUNTS), [EU], told("30")),
        (UPDATE, list(ACCOUNTS), [US], told("60")),
    ]


@pytest.mark.parametrize(
    ("concurrency", "regions"),
    [("SEQUENTIAL", [[US], [US], [EU], [EU]]), ("PARALLEL", [[US, EU], [US, EU]])],
)
def test_where_accounts_differ_a_region_is_done_before_the_next(concurrency, regions):
    wanted = keeping(lambda p: "30" if p.account == LAST else "60", places(US, EU))
    found = steps(wanted, concurrency, changed=tuple(wanted))
    assert [step[2] for step in found] == regions


def test_a_target_less_in_one_region_does_not_change_the_order_of_regions():
    less = [*places(US), *places(EU, accounts=ACCOUNTS[1:]), *places(AP)]
    wanted = keeping(lambda _: "30", less)
    found = steps(wanted, changed=tuple(wanted))
    assert [step[2] for step in found] == [[US], [EU], [AP]]


def test_new_targets_are_told_all_and_have_names_of_their_own():
    wanted = keeping(lambda _: "30", places(US, accounts=ACCOUNTS[:3]))
    found = steps(wanted, new=tuple(wanted))
    assert [step[:3] for step in found] == [
        ("create_stack_instances", [account], [US]) for account in ACCOUNTS[:3]
    ]
    assert all("ParameterValue" in each for step in found for each in step[3])


def test_a_changed_template_is_one_operation_for_all():
    wanted = keeping(lambda _: "7", places(US, EU))
    [step] = steps(wanted, definition=True)
    assert step[:3] == ("update_stack_set", list(ACCOUNTS), [US, EU])


def test_what_failed_in_a_region_before_counts_in_the_next_operation():
    environment = load("global")
    asked = {"RegionOrder": [US, EU], "FailureToleranceCount": 3}
    targets = dataclasses.replace(environment.targets, preferences=asked)
    fleet = Fleet(dataclasses.replace(environment, targets=targets), home=None)
    left = preferences(fleet, [US], {US: 2, EU: 1})["FailureToleranceCount"]
    assert (left, asked["FailureToleranceCount"]) == (1, 3)


def test_a_region_that_is_no_longer_a_target_comes_last():
    wanted = keeping(lambda _: "7", places(AP, US, accounts=[FIRST]))
    found = steps(wanted, order=(US,), outdated=tuple(wanted))
    assert [step[2] for step in found] == [[US, AP]]


@pytest.mark.parametrize(
    ("status", "of_target", "well"),
    [
        ("SUCCEEDED", "SUCCEEDED", True),
        ("SUCCEEDED", "FAILED", False),  # as many as are tolerated
        ("FAILED", "CANCELLED", False),
        ("STOPPED", "SUCCEEDED", False),
    ],
)
def test_an_operation_has_succeeded_when_it_says_so_and_no_target_failed(
    status, of_target, well
):
    place = Place(FIRST, US)
    results = {place: Result(place, of_target, "")}
    assert Operation("1", "UPDATE", status, datetime.now(UTC), results).succeeded is well
