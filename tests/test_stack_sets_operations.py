"""Operations on stack sets: begun once, followed to their end, whatever becomes of answers."""

import contextlib
import dataclasses
import json
import threading
from datetime import UTC, datetime
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError
from stack_sets import (
    EU,
    FIRST,
    FLAT,
    FOURTH,
    HOME,
    KEEPING,
    OTHER,
    SECOND,
    SMALL,
    THIRD,
    TYPES,
    US,
    Told,
    begun,
    operations_of,
    retention,
    stack_of,
    statuses,
)

from liberty_cfn.cli.stack_sets import operations as cli
from liberty_cfn.deploy import protection
from liberty_cfn.deploy.errors import (
    DeployError,
    FollowError,
    UnknownStatusError,
    UnreachableError,
)
from liberty_cfn.deploy.stack import as_parameters, parameters
from liberty_cfn.deploy.stack_sets import (
    beforehand,
    destroying,
    operations,
    protecting,
    reaching,
    running,
)
from liberty_cfn.deploy.stack_sets import deploying as set_deploying
from liberty_cfn.deploy.stack_sets.comparing import drifted, examined, verified
from liberty_cfn.deploy.stack_sets.deploying import deploy, retry
from liberty_cfn.deploy.stack_sets.destroying import destroy
from liberty_cfn.deploy.stack_sets.operations import attach
from liberty_cfn.deploy.stack_sets.standing import overrides, standing
from liberty_cfn.side_by_side import side_by_side


def test_a_target_that_fails_stops_the_others_and_says_why_first_hand(sets, between):
    fleet = sets.fleet(str(FIRST), str(SECOND), str(THIRD))
    sets.aws.fail(f"{TYPES}@{OTHER}/{US}")
    with pytest.raises(DeployError) as error:
        deploy(fleet, SMALL, Told())
    said = str(error.value)
    assert f"{SECOND} failed:" in said
    assert "Notes in Inside (AWS::Logs::LogGroup): LIBERTY_LOCAL_FAIL" in said
    assert "ResourceLogicalId" not in said
    assert "the others were left as they are" in said
    assert THIRD not in statuses(fleet)
    sets.aws.fail()
    assert deploy(fleet, SMALL, Told()).changed
    assert set(statuses(fleet).values()) == {"CURRENT"}


@pytest.mark.parametrize("as_json", [False, True])
def test_why_an_operation_failed_is_told_of_it_later_first_hand(
    sets, between, monkeypatch, capsys, as_json
):
    fleet = sets.fleet(str(FIRST))
    sets.aws.fail(TYPES)
    with pytest.raises(DeployError):
        deploy(fleet, SMALL, Told())
    monkeypatch.setattr(cli, "fleet_of", lambda *_: fleet)
    cli.events(fleet.environment, attach=False, as_json=as_json)
    said = capsys.readouterr().out
    if as_json:
        [failure] = json.loads(said)["failures"]
        assert (failure["account"], failure["stack"]) == (HOME, "Inside")
    assert (
        f"{'' if as_json else 'Notes in Inside (AWS::Logs::LogGroup): '}LIBERTY_LOCAL" in said
    )


def test_whose_credentials_end_is_told_that_the_same_command_goes_on(sets, between):
    fleet = sets.fleet(str(FIRST))
    between.refuse("DescribeStackSetOperation", "ExpiredToken")
    with pytest.raises(FollowError, match="then look again: the same command attaches"):
        deploy(fleet, FLAT, Told())


def test_in_the_region_where_one_failed_nobody_follows(sets, between):
    fleet = sets.fleet(str(FIRST), str(SECOND), str(FOURTH), canary=FOURTH)
    sets.aws.fail(f"{TYPES}@{HOME}/{US}")
    with pytest.raises(DeployError, match="more than may"):
        deploy(fleet, FLAT, Told())
    assert statuses(fleet) == {FOURTH: "CURRENT", FIRST: "OUTDATED"}


def test_with_a_tolerance_of_one_the_others_go_on_and_the_failure_is_told(
    sets, between, monkeypatch
):
    fleet = sets.tolerating(sets.fleet(str(FIRST), str(SECOND), str(THIRD)), 1)
    sets.aws.fail(f"{TYPES}@{OTHER}/{US}")
    with pytest.raises(
        DeployError, match=f"1 target failed.\n{SECOND} failed:(.|\n)*, with ADOPT=1 if"
    ):
        deploy(fleet, FLAT, Told())
    assert statuses(fleet) == {
        FIRST: "CURRENT",
        SECOND: "OUTDATED",
        THIRD: "CURRENT",
    }
    sets.aws.fail()
    found, unknown = drifted(fleet, standing(fleet), list)
    assert set(found) == {FIRST, THIRD}
    assert "is in ROLLBACK_COMPLETE: only what stands can be compared" in unknown[SECOND]
    before, refusing = len(operations_of(fleet)), Told()
    refusing.consents = lambda _: False
    assert retry(fleet, refusing) is None
    assert refusing.lines == [f"{fleet.name}, to be tried again: {SECOND}"]
    with monkeypatch.context() as patch:
        patch.setattr(protection, "protect", Mock(side_effect=UnreachableError("not you")))
        # Nobody has looked at what changes: policies alone keep what holds data.
        with pytest.raises(DeployError, match=f"data could be lost in\n  {SECOND}: not you"):
            retry(fleet, Told())
    retry(fleet, Told())
    assert begun(fleet)[before:] == [("UPDATE", {(OTHER, US): "SUCCEEDED"})]
    assert statuses(fleet)[SECOND] == "CURRENT"


def test_what_is_new_is_protected_from_deletion_once_it_is_there_also_by_a_retry(sets, between):
    fleet = sets.fleet(str(FIRST), str(SECOND))
    asked = dict.fromkeys(protection.FROM_DELETION, "true")
    environment = dataclasses.replace(
        fleet.environment, given=asked, settings={**fleet.environment.settings, **asked}
    )
    own = fleet.targets.overrides
    own = {**own, SECOND: {**own[SECOND], "DatabaseDeletionProtection": "true"}}
    fleet = sets.with_targets(environment, own)
    sets.aws.fail(f"AWS::Logs::LogGroup/Notes@{OTHER}/{US}")
    with pytest.raises(DeployError, match=f"{SECOND} failed:"):
        deploy(fleet, FLAT, Told())
    # So that CloudFormation can undo it.
    assert asked.keys() <= overrides(fleet, SECOND).keys()

    def unprotect_the_first():
        """As if it had been made beside the one that failed."""
        fleet.cloudformation.update_stack_instances(
            StackSetName=fleet.name,
            Accounts=[HOME],
            Regions=[US],
            ParameterOverrides=as_parameters({**own[FIRST], **dict.fromkeys(asked, "false")}),
        )

    unprotect_the_first()
    with pytest.raises(DeployError, match="1 target failed"):
        retry(sets.tolerating(fleet, 1), Told())
    # What fails again is not protected.
    tried = [list(results) for _, results in begun(fleet)[-3:]]
    assert tried == [[(HOME, US)], [(OTHER, US)], [(HOME, US)]]
    unprotect_the_first()
    sets.aws.fail()
    retry(fleet, Told())
    changed = [list(results) for _, results in begun(fleet)[-3:]]
    assert changed == [[(OTHER, US)], [(OTHER, US)], [(HOME, US)]]
    for place in own:
        assert overrides(fleet, place) == own[place]
        found = sets.client("cloudformation", place).describe_stacks(
            StackName=stack_of(fleet, place)
        )
        assert asked.items() <= parameters(found["Stacks"][0]).items()
    # As if a deploy had been killed in between.
    unprotect_the_first()
    deploy(fleet, FLAT, Told())
    assert overrides(fleet, FIRST) == own[FIRST]
    assert deploy(fleet, FLAT, Told()).changed is False


def test_a_target_that_the_file_left_is_tried_again_as_well(sets, between):
    fleet = sets.tolerating(sets.fleet(str(FIRST), str(SECOND)), 1)
    sets.aws.fail(f"{TYPES}@{OTHER}/{US}")
    with pytest.raises(DeployError, match=f"{SECOND} failed"):
        deploy(fleet, FLAT, Told())
    sets.aws.fail()
    retry(sets.changed(fleet, without=[SECOND]), Told())
    assert statuses(fleet) == {FIRST: "CURRENT", SECOND: "CURRENT"}


def test_throttling_is_no_verdict_neither_when_beginning_nor_when_following(sets, between):
    fleet = sets.fleet(str(FIRST))
    between.refuse("CreateStackInstances", "Throttling", times=2)
    between.refuse("DescribeStackSetOperation", "Throttling", times=6)
    between.refuse("ListStackSetOperationResults", "Throttling", times=3)
    told = Told()
    deploy(fleet, FLAT, told)
    assert begun(fleet) == [("CREATE", {(HOME, US): "SUCCEEDED"})]
    assert any("AWS has not answered 5 times (Throttling)" in line for line in told.lines)


def test_what_is_read_on_the_way_is_asked_for_again(sets, between):
    fleet = sets.fleet(str(FIRST))
    deploy(fleet, FLAT, Told())
    first = ("DescribeStackSet", "ListStackSetOperations")
    for read in (*first, "ListStackInstances", "DescribeStackInstance"):
        between.lose(read)
        between.refuse(read, "Throttling", times=2)
    assert deploy(sets.changed(fleet, LogRetentionDays="30"), FLAT, Told()).changed


@pytest.mark.parametrize("answer", ["", "NameAlreadyExistsException"])
def test_a_set_whose_answer_was_lost_is_known_as_ours_and_gone_on_with(sets, between, answer):
    fleet = sets.fleet(str(FIRST))
    between.lose("CreateStackSet", answer)
    assert deploy(fleet, FLAT, Told()).changed
    assert statuses(fleet) == {FIRST: "CURRENT"}


def test_a_set_that_somebody_else_made_meanwhile_is_not_ours(sets, between):
    fleet = sets.fleet(str(FIRST))
    other = FLAT["root.yaml"].replace("!Ref LogRetentionDays", "14")

    class Meanwhile(Told):
        def consents(self, different):
            fleet.cloudformation.create_stack_set(StackSetName=fleet.name, TemplateBody=other)
            return True

    with pytest.raises(DeployError, match="made by somebody else"):
        deploy(fleet, FLAT, Meanwhile())
    assert statuses(fleet) == {}


ANSWERS = ("", "OperationIdAlreadyExistsException")


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_lost_answer_begins_nothing_twice(sets, between, answer):
    fleet = sets.fleet(str(FIRST))
    between.lose("CreateStackInstances", answer)
    assert deploy(fleet, FLAT, Told()).changed
    assert begun(fleet) == [("CREATE", {(HOME, US): "SUCCEEDED"})]
    assert between.asked.count("CreateStackInstances") == 1


def test_nor_does_one_about_a_change_or_the_end_of_it_all(sets, between):
    fleet = sets.fleet(str(FIRST))
    deploy(fleet, FLAT, Told())
    other = {"root.yaml": FLAT["root.yaml"].replace("!Ref LogRetentionDays", "14")}
    between.lose("UpdateStackSet", ANSWERS[1])
    assert deploy(fleet, other, Told()).changed
    between.lose("UpdateStackInstances")
    deploy(sets.changed(fleet, LogRetentionDays="30"), other, Told())
    assert [action for action, _ in begun(fleet)] == ["CREATE", "UPDATE", "UPDATE"]
    between.lose("DeleteStackInstances", ANSWERS[1])
    between.lose("DeleteStackSet")
    destroy(fleet, standing(fleet), Told())
    assert standing(fleet) is None
    for operation in ("UpdateStackSet", "UpdateStackInstances", "DeleteStackInstances"):
        assert between.asked.count(operation) == 1


def test_sent_again_under_its_id_an_operation_is_the_same(there):
    client, asked = there.cloudformation, {"Accounts": [HOME], "Regions": [US]}
    again = {"StackSetName": there.name, "OperationId": "resent-1", **asked}
    before = len(operations_of(there))
    client.update_stack_instances(**again)
    client.update_stack_instances(**again)
    attach(there, Told())
    assert len(operations_of(there)) == before + 1
    with pytest.raises(client.exceptions.OperationIdAlreadyExistsException):
        client.update_stack_instances(**{**again, "Regions": [EU]})


@pytest.fixture
def late(sets):
    """Have the results of an operation that is over be listed late, after so many looks."""
    events, looks, over = sets.home.client("cloudformation").meta.events, [0], [False]

    def described(parsed, **_):
        over[0] = parsed["StackSetOperation"]["Status"] in operations.OVER
        parsed["StackSetOperation"]["StatusReason"] = "one was slow"

    def listed(parsed, **_):
        if looks[0]:
            looks[0] -= over[0]
            parsed["Summaries"] = [{**one, "Status": "RUNNING"} for one in parsed["Summaries"]]

    hooks = {"DescribeStackSetOperation": described, "ListStackSetOperationResults": listed}
    for name, hook in hooks.items():
        events.register(f"after-call.cloudformation.{name}", hook)
    yield looks
    for name, hook in hooks.items():
        events.unregister(f"after-call.cloudformation.{name}", hook)


def test_how_long_a_target_took_is_counted_from_when_it_was_first_worked_on(monkeypatch):
    states, moments = iter(("PENDING", "RUNNING", "SUCCEEDED")), iter((1.0, 10.0, 15.0))
    over = {"Status": "SUCCEEDED", "Action": "UPDATE", "CreationTimestamp": datetime.now(UTC)}
    monkeypatch.setattr(operations, "_results", lambda *_: [(FIRST, next(states), "")])
    described = iter(({"Status": "RUNNING"}, {"Status": "RUNNING"}, over))
    monkeypatch.setattr(operations, "_described", lambda *_: next(described))
    monkeypatch.setattr(operations, "time", Mock(monotonic=lambda: next(moments)))
    here, told = Mock(meta=Mock(endpoint_url="http://127.0.0.1")), []
    operations.follow(SimpleNamespace(name="set", cloudformation=here), "1", told.extend)
    assert [one.as_json()["seconds"] for one in told] == [None, None, 5.0]


@pytest.mark.parametrize(
    ("looks", "complaint"),
    [(2, "1 target failed"), (999, "FAILED .one was slow., and AWS doesn't")],
)
def test_no_deploy_goes_on_from_results_that_lag_behind(sets, between, late, looks, complaint):
    fleet = sets.fleet(str(FIRST), str(SECOND))
    sets.aws.fail(f"AWS::Logs::LogGroup/Notes@{FIRST}")
    late[0] = looks
    with pytest.raises(DeployError, match=complaint):
        deploy(fleet, FLAT, Told())
    assert list(standing(fleet).instances) == [FIRST]


def test_an_operation_under_way_is_followed_before_anything_else(sets, between):
    fleet = sets.fleet(str(FIRST))
    deploy(fleet, FLAT, Told())
    sets.aws.delay(60)
    client = fleet.cloudformation
    other = client.update_stack_instances(
        StackSetName=fleet.name,
        Accounts=[HOME],
        Regions=[US],
        ParameterOverrides=as_parameters(
            {**fleet.targets.overrides[FIRST], "LogRetentionDays": "14"}
        ),
    )["OperationId"]
    told = Told(heard=lambda _: sets.aws.delay(0))
    deploy(fleet, FLAT, told)
    assert any(f"following {other}" in line for line in told.lines)
    assert retention(sets, fleet, FIRST) == 7


def test_one_that_began_meanwhile_is_followed_then_ours_begins(sets, between):
    fleet = sets.fleet(str(FIRST))
    deploy(fleet, FLAT, Told())
    sets.aws.delay(60)
    asked = {"Accounts": [HOME], "Regions": [US]}
    client, told = fleet.cloudformation, Told(heard=lambda _: sets.aws.delay(0))
    longer = as_parameters({**fleet.targets.overrides[FIRST], "LogRetentionDays": "14"})
    client.update_stack_instances(StackSetName=fleet.name, ParameterOverrides=longer, **asked)
    done = operations.operate(fleet, "update_stack_instances", told.happened, told.say, **asked)
    assert done.succeeded
    assert any("under way already" in line for line in told.lines)


def test_with_managed_execution_a_second_operation_waits_its_turn(sets, between):
    fleet = sets.fleet(str(FIRST), managed_execution=True)
    deploy(fleet, FLAT, Told())
    assert standing(fleet).managed_execution
    sets.aws.delay(60)
    client, asked = fleet.cloudformation, {"Accounts": [HOME], "Regions": [US]}
    longer = as_parameters({**fleet.targets.overrides[FIRST], "LogRetentionDays": "14"})
    client.update_stack_instances(StackSetName=fleet.name, ParameterOverrides=longer, **asked)
    client.update_stack_instances(StackSetName=fleet.name, **asked)
    assert operations_of(fleet)[0]["Status"] == "QUEUED"
    sets.aws.delay(0)
    while number := operations.under_way(fleet):
        operations.follow(fleet, number, list)
    assert {one["Status"] for one in operations_of(fleet)} == {"SUCCEEDED"}


def test_interrupted_a_deploy_is_taken_up_by_the_next(sets, between):
    fleet = sets.fleet(str(FIRST), str(SECOND))
    sets.aws.delay(60)

    def interrupt(results):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deploy(fleet, FLAT, Told(then=interrupt))
    told = Told(heard=lambda _: sets.aws.delay(0))
    deploy(fleet, FLAT, told)
    assert any("an operation is under way; following" in line for line in told.lines)
    assert told.stopped  # else its table would be in the way of asking for consent
    assert set(statuses(fleet).values()) == {"CURRENT"}
    assert [action for action, _ in begun(fleet)] == ["CREATE"] * 2


def second(fleet, templates, told):
    """Another deploy of the same, as the first one asks whether it may go on."""

    def goes_on(_):
        with contextlib.suppress(DeployError, KeyboardInterrupt):
            deploy(fleet, templates, told)
        return True

    return goes_on


def test_two_deploys_of_the_same_do_each_target_once_and_both_end_well(sets):
    fleet = sets.fleet(str(FIRST), str(SECOND), str(THIRD))
    deploy(fleet, FLAT, Told())
    wanted, before = sets.changed(fleet, LogRetentionDays="30"), len(operations_of(fleet))
    told = Told()
    told.goes_on = second(wanted, FLAT, Told(agrees=False))
    assert list(deploy(wanted, FLAT, told).results) == [FIRST, SECOND, THIRD]
    places = [list(results) for _, results in begun(fleet)[before:]]
    assert places == [[(HOME, US)], [(OTHER, US)], [(HOME, EU)]]
    # Nor is anything left to do where the other one did it all.
    wanted = sets.changed(fleet, LogRetentionDays="60")
    told.goes_on = second(wanted, FLAT, Told())
    assert deploy(wanted, FLAT, told).changed
    assert {retention(sets, fleet, place) for place in (FIRST, SECOND, THIRD)} == {60}
    # Of the set itself, too, and of what goes.
    less = sets.changed(wanted, without=[THIRD])
    told.goes_on = second(less, longer(FLAT), Told())
    assert deploy(less, longer(FLAT), told).changed
    assert statuses(fleet) == {FIRST: "CURRENT", SECOND: "CURRENT"}


def test_what_failed_under_another_deploy_of_the_same_ends_this_one_with_its_reason(
    sets, between
):
    fleet, told = sets.fleet(str(FIRST), str(SECOND), str(THIRD)), Told()
    sets.aws.fail(f"{TYPES}@{OTHER}/{US}")
    told.goes_on = second(fleet, FLAT, Told())
    with pytest.raises(DeployError, match=f"more than may(.|\n)*{SECOND} failed:\n  Notes "):
        deploy(fleet, FLAT, told)
    assert THIRD not in statuses(fleet)


def test_what_another_deploy_of_the_same_made_and_was_killed_is_protected_from_deletion(sets):
    fleet = sets.fleet(str(FIRST), str(SECOND))
    own = fleet.targets.overrides
    own = {place: {**one, "DatabaseDeletionProtection": "true"} for place, one in own.items()}
    fleet = sets.with_targets(fleet.environment, own)

    def kill(results):
        if any(r.place == SECOND and r.status == "SUCCEEDED" for r in results):
            raise KeyboardInterrupt

    told = Told()
    told.goes_on = second(fleet, FLAT, Told(then=kill))
    deploy(fleet, FLAT, told)
    assert overrides(fleet, SECOND) == own[SECOND]


@pytest.mark.parametrize("other", ["undone", "otherwise", "template", "more", "less"])
def test_where_another_deploy_wants_something_else_nobody_goes_on(sets, other):
    fleet = sets.fleet(str(FIRST), str(SECOND), str(THIRD))
    before = sets.changed(fleet, without=[THIRD])
    deploy(before, FLAT, Told())
    mine = sets.changed(before, LogRetentionDays="30")
    theirs = {
        "undone": before,
        "otherwise": sets.changed(mine, [SECOND], LogRetentionDays="90"),
        "template": mine,
        "more": fleet,
        "less": sets.changed(mine, without=[SECOND]),
    }[other]
    told, done = Told(), len(operations_of(fleet))
    told.goes_on = second(theirs, longer(FLAT) if other == "template" else FLAT, Told())
    with pytest.raises(DeployError, match="by somebody else, so nothing more was done"):
        deploy(mine, FLAT, told)
    assert begun(fleet)[done] == ("UPDATE", {(HOME, US): "SUCCEEDED"})
    days = {place: retention(sets, fleet, place) for place in statuses(fleet)}
    expected = {
        "undone": {FIRST: 7, SECOND: 7},
        "otherwise": {FIRST: 30, SECOND: 90},
        "template": {FIRST: 14, SECOND: 14},
        "more": {FIRST: 7, SECOND: 7, THIRD: 7},
        "less": {FIRST: 30},
    }
    assert days == expected[other]


def test_a_second_deploy_that_attached_waits_until_the_first_has_done_all(sets, monkeypatch):
    fleet, told = sets.fleet(str(FIRST), str(SECOND)), Told()
    deploy(fleet, FLAT, Told())
    sets.aws.delay(60)
    wanted = sets.changed(fleet, LogRetentionDays="30")
    real, left = set_deploying.preview, [FIRST, SECOND]

    def goes_on():
        """Begin the first one's next operation, if it has any left."""
        if left:
            place = left.pop(0)
            fleet.cloudformation.update_stack_instances(
                StackSetName=fleet.name,
                Accounts=[place.account],
                Regions=[place.region],
                ParameterOverrides=as_parameters(wanted.targets.overrides[place]),
            )

    def preview(*arguments, **named):
        goes_on()
        return real(*arguments, **named)

    goes_on()
    monkeypatch.setattr(set_deploying, "preview", preview)
    told.heard = lambda _: sets.aws.delay(0)
    assert deploy(wanted, FLAT, told).changed is False
    # Planned before that, it would be about the second target.
    assert (told.plans, left) == ([], [])


def test_what_another_first_deploy_makes_meanwhile_is_not_said_to_be_in_the_way(
    sets, monkeypatch
):
    fleet, real = sets.fleet(str(FIRST), str(SECOND)), set_deploying.differences

    def differences(*arguments):
        found = real(*arguments)
        if found.new:
            monkeypatch.setattr(set_deploying, "differences", real)
            deploy(fleet, KEEPING, Told())
        return found

    monkeypatch.setattr(set_deploying, "differences", differences)
    assert deploy(fleet, KEEPING, Told()).changed is False


def test_no_retry_touches_what_another_deploy_did_while_consent_was_asked(
    sets, between, monkeypatch
):
    fleet, told = sets.fleet(str(FIRST)), Told()
    sets.aws.fail(TYPES)
    with pytest.raises(DeployError):
        deploy(fleet, FLAT, Told())
    sets.aws.fail()
    told.consents = lambda _: deploy(fleet, FLAT, Told()).changed
    monkeypatch.setattr(protecting, "protect_first", Mock(side_effect=AssertionError))
    with pytest.raises(DeployError, match="by somebody else, so nothing more was done"):
        retry(fleet, told)


def longer(templates):
    root = templates["root.yaml"].replace("!Ref LogRetentionDays", "14")
    return {**templates, "root.yaml": root}


def test_a_set_that_got_no_stacks_is_brought_up_to_date_before_it_gets_any(sets, between):
    fleet = sets.fleet(str(FIRST))
    between.refuse("CreateStackInstances", "AccessDenied")
    with pytest.raises(ClientError):
        deploy(fleet, FLAT, Told())
    deploy(fleet, longer(FLAT), Told())
    assert retention(sets, fleet, FIRST) == 14
    # No results of what has no targets are waited for.
    assert between.asked.count("ListStackSetOperationResults") < operations.LOOKS
    assert not deploy(fleet, longer(FLAT), Told()).changed


def test_where_the_set_changes_a_new_target_is_made_as_it_will_be_even_the_canary(sets):
    fleet = sets.fleet(str(FIRST), str(SECOND))
    assert fleet.targets.canary == FIRST
    deploy(sets.changed(fleet, without=[FIRST]), FLAT, Told())
    deploy(fleet, longer(FLAT), told := Told())
    assert told.canaries == [SECOND]
    assert {retention(sets, fleet, place) for place in (FIRST, SECOND)} == {14}
    assert set(statuses(fleet).values()) == {"CURRENT"}


def test_on_ctrl_c_operations_that_run_side_by_side_are_left_to_aws():
    going, over, ended = threading.Event(), threading.Event(), []

    def operate(number):
        if not number:
            going.wait(10)
            raise KeyboardInterrupt
        going.set()
        over.wait(10)
        ended.append(number)

    with pytest.raises(KeyboardInterrupt):
        list(side_by_side(operate, range(2), 2))
    assert ended == []
    over.set()


KNOWN = dict.fromkeys((FIRST, SECOND), Mock(stack_id="stack"))


def pressed(fleet, monkeypatch, ask, seconds):
    """Press Ctrl-C at the first target; return what is over by then of the second.

    Which takes so many seconds.
    """
    going, over, ended = threading.Event(), threading.Event(), []

    def at(_, place):
        if place == FIRST:
            going.wait(10)
            raise KeyboardInterrupt
        going.set()
        over.wait(seconds)
        ended.append(place)
        raise UnreachableError

    monkeypatch.setattr(reaching.Fleet, "at", at)
    with pytest.raises(KeyboardInterrupt):
        ask(fleet)
    found = [*ended]
    over.set()
    return found


@pytest.mark.parametrize(
    "ask",
    [
        verified,
        examined,
        lambda f: drifted(f, Mock(), list),
        lambda f: set_deploying.wanted(f, FLAT),
        lambda f: beforehand.in_the_way(f, KNOWN, None),
        lambda f: beforehand.remaining(f, Mock(instances=KNOWN), KNOWN),
    ],
)
def test_on_ctrl_c_targets_that_are_only_looked_at_are_not_waited_for(sets, monkeypatch, ask):
    fleet = sets.fleet(str(FIRST), str(SECOND))
    known = {
        "operate": None,
        "stack_ids": dict.fromkeys(fleet.targets.places),
        "bootstrap.missing": {},
        "standing": None,
        "beforehand.switched_off": {},
    }
    for name, found in known.items():
        path = f"liberty_cfn.deploy.stack_sets.comparing.{name}"
        monkeypatch.setattr(path, Mock(return_value=found))
    assert pressed(fleet, monkeypatch, ask, 10) == []


@pytest.mark.parametrize(
    "do",
    [
        lambda f: protecting.protect_first(f, KNOWN, KNOWN),
        lambda f: set_deploying.as_it_is(f, Mock(instances=KNOWN), KNOWN, list),
    ],
)
def test_on_ctrl_c_what_was_begun_in_a_target_is_finished(sets, monkeypatch, do):
    fleet = sets.fleet(str(FIRST), str(SECOND))
    assert pressed(fleet, monkeypatch, do, 0.2) == [SECOND]


def test_an_operation_that_is_stopped_leaves_the_rest_for_the_next_deploy(sets, between):
    fleet = sets.fleet(str(FIRST), str(SECOND))
    sets.aws.delay(60)

    def stop(results):
        operations.stop(fleet)
        sets.aws.delay(0)

    with pytest.raises(DeployError, match="The operation was stopped"):
        deploy(fleet, FLAT, Told(then=stop))
    assert SECOND not in statuses(fleet)
    deploy(fleet, FLAT, Told())
    assert set(statuses(fleet).values()) == {"CURRENT"}


def test_what_nobody_knows_of_a_region_is_not_that_it_is_switched_off():
    ec2 = Mock()
    for state, on in (("opted-in", True), ("not-opted-in", False), ("opting-in", True)):
        regions = [{"RegionName": EU, "OptInStatus": state}]
        ec2.describe_regions.return_value = {"Regions": regions}
        assert reaching.opting(ec2, [EU]) == {EU: on}


def test_deleting_that_somebody_stops_is_not_said_to_be_done(sets, monkeypatch):
    fleet = sets.fleet(str(FIRST), str(SECOND))
    deploy(fleet, FLAT, Told())
    stopped = operations.Operation("1", "DELETE", "STOPPED", datetime.now(UTC), {})
    for module in (running, destroying):
        monkeypatch.setattr(module, "operate", lambda *_, **__: stopped)
    with pytest.raises(DeployError, match="The operation was stopped"):
        deploy(sets.changed(fleet, without=[SECOND]), FLAT, Told())
    with pytest.raises(DeployError, match="is not deleted: the operation was stopped"):
        destroy(fleet, standing(fleet), Told())
    failed = operations.Result(FIRST, "FAILED", "in use")
    done = dataclasses.replace(stopped, status="FAILED", results={FIRST: failed})
    monkeypatch.setattr(destroying, "operate", lambda *_, **__: done)
    with pytest.raises(DeployError, match="not deleted: 1 of its stacks are still there"):
        destroy(fleet, standing(fleet), Told())


def test_a_set_that_others_keep_at_work_is_waited_for_however_often(monkeypatch):
    busy, none = (
        ClientError({"Error": {"Code": f"Operation{code}Exception"}}, "UpdateStackInstances")
        for code in ("InProgress", "NotFound")
    )
    client = Mock()
    client.update_stack_instances.side_effect = [*[busy] * (operations.ATTEMPTS + 1), {}]
    client.describe_stack_set_operation.side_effect = none
    monkeypatch.setattr(operations, "under_way", lambda _: "")
    monkeypatch.setattr(operations, "pause", lambda *_: None)
    monkeypatch.setattr(operations, "follow", lambda *_, **__: "done")
    fleet = Mock(cloudformation=client)
    assert operations.operate(fleet, "update_stack_instances", list, list) == "done"


def test_a_state_that_nobody_knows_is_an_error_that_names_it(there, monkeypatch):
    monkeypatch.setattr(operations, "OVER", ())
    with pytest.raises(UnknownStatusError, match="says SUCCEEDED of an operation"):
        last = operations_of(there)[0]["OperationId"]
        operations.follow(there, last, list)
