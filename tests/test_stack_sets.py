"""Stack sets on the local AWS: what makes them safe to use, and the faults they survive."""

import contextlib
import dataclasses
import io
from datetime import UTC, datetime
from functools import partial
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from rich.console import Console
from stack_sets import EU, FLAT, HOME, KEEPING, OTHER, SMALL, US, Told
from wire import answering

from liberty_cfn.cli.stack_sets import operations as cli
from liberty_cfn.deploy import beforehand, drift, images, linked_roles, protection
from liberty_cfn.deploy.errors import (
    DeployError,
    FollowError,
    UnknownStatusError,
    UnreachableError,
)
from liberty_cfn.deploy.protection import nested, protect, protect_from_termination
from liberty_cfn.deploy.stack import as_parameters, name_of
from liberty_cfn.deploy.stack_sets import (
    bootstrap,
    comparing,
    destroying,
    failures,
    operations,
    reaching,
    running,
)
from liberty_cfn.deploy.stack_sets.comparing import drifted, examined, verified
from liberty_cfn.deploy.stack_sets.deploying import deploy, prepare, retry
from liberty_cfn.deploy.stack_sets.destroying import destroy, remaining
from liberty_cfn.deploy.stack_sets.operations import Result, attach
from liberty_cfn.deploy.stack_sets.previews import merge, preview
from liberty_cfn.deploy.stack_sets.reaching import Fleet, taking_out
from liberty_cfn.deploy.stack_sets.showing import how, plan_table, summary
from liberty_cfn.deploy.stack_sets.standing import Instance, StackSet, overrides, standing
from liberty_cfn.deploy.stack_sets.wanted import Differences, differences, wanted
from liberty_cfn.deploy.targets import Target
from liberty_cfn.deployment_targets import Place
from liberty_cfn.stateful import stack_policy
from liberty_cfn.verify import VerifyError

FIRST, SECOND = Place(HOME, US), Place(OTHER, US)
THIRD, FOURTH = Place(HOME, EU), Place(OTHER, EU)
TYPES = "AWS::Logs::LogGroup/Notes"


def begun(fleet):
    """Return the operations on a set, oldest first, as what each did and where."""
    client = fleet.cloudformation
    return [
        (
            one["Action"],
            {
                (r["Account"], r["Region"]): r["Status"]
                for r in client.list_stack_set_operation_results(
                    StackSetName=fleet.name, OperationId=one["OperationId"]
                )["Summaries"]
            },
        )
        for one in reversed(list(operations_of(fleet)))
    ]


def operations_of(fleet):
    return fleet.cloudformation.list_stack_set_operations(StackSetName=fleet.name)["Summaries"]


def statuses(fleet):
    there = standing(fleet)
    return {place: instance.status for place, instance in there.instances.items()}


def stack_of(fleet, place):
    return standing(fleet).instances[place].stack_id


def retention(sets, fleet, place):
    suffix = fleet.targets.overrides[place]["NameSuffix"]
    logs = sets.client("logs", place).describe_log_groups(logGroupNamePrefix=f"notes{suffix}")
    return logs["logGroups"][0]["retentionInDays"]


@pytest.fixture(scope="module")
def there(sets):
    """A set in four places that tests only look at."""
    fleet = sets.fleet()
    deploy(fleet, SMALL, Told())
    return fleet


def test_every_target_gets_its_stack_the_canary_first_then_region_by_region(there, sets):
    assert statuses(there) == dict.fromkeys([FIRST, SECOND, THIRD, FOURTH], "CURRENT")
    places = [next(iter(results)) for _, results in begun(there)[:4]]
    assert places == [(HOME, US), (OTHER, US), (HOME, EU), (OTHER, EU)]
    assert retention(sets, there, FOURTH) == 7


def test_a_set_is_not_said_to_be_whole_where_targets_are_not_there_yet(there):
    found = standing(there)
    whole, lacking = (cli._advice(there, found, "", each) for each in ([], [str(FOURTH)]))  # noqa: SLF001
    assert whole == "Every target is as the set says."
    assert lacking.startswith(f"Not there yet: {FOURTH}. To go on: make deploy ENV=")


def test_of_a_suspended_account_it_is_told_how_to_take_it_out_not_to_try_again(there):
    why = "This account is suspended. To remove this instance from the stack set, run"
    skips = "SKIPPED_SUSPENDED_ACCOUNT"
    one = Instance(SECOND, "", "OUTDATED", skips, "NOT_CHECKED", why)
    found = standing(there)
    skipped = dataclasses.replace(found, instances={**found.instances, SECOND: one})
    said = cli._advice(there, skipped, "", [])  # noqa: SLF001
    assert said.splitlines()[1:] == [f"  {SECOND}: {taking_out(there, SECOND)}"]


def test_what_is_unchanged_is_no_operation(there, between):
    outcome = deploy(there, SMALL, Told())
    assert outcome.changed is False
    changes = [o for o in between.asked if o.startswith(("Create", "Update", "Delete"))]
    assert changes == []


def test_an_override_changed_in_one_place_touches_only_that_and_the_plan_says_so(sets):
    fleet = sets.fleet(str(FIRST), str(THIRD))
    deploy(fleet, FLAT, Told())
    before = len(operations_of(fleet))
    other = sets.changed(fleet, [THIRD], LogRetentionDays="30")
    _, _, plan = prepare(other, FLAT, Told())
    [(place, changing)] = plan.changing.items()
    assert place == THIRD
    assert changing.parameters == {"LogRetentionDays": ("7", "30")}
    assert [c.resource for c in changing.resources] == ["Notes"]
    deploy(other, FLAT, Told())
    assert begun(other)[before:] == [("UPDATE", {(HOME, EU): "SUCCEEDED"})]
    assert retention(sets, other, THIRD) == 30
    # The whole list was sent: what was overridden before still is.
    assert overrides(fleet, THIRD) == other.targets.overrides[THIRD]


def test_a_plan_that_changes_no_resource_but_the_set_is_not_said_to_change_nothing(there):
    _, _, plan = prepare(there, SMALL, Told())
    assert "4 targets: no changes" in summary(plan, there.targets)
    reworded = dataclasses.replace(plan.differences, definition=True)
    told = summary(dataclasses.replace(plan, differences=reworded), there.targets)
    assert "4 targets: no resource changes, but the templates, tags or options" in told


def test_targets_that_change_alike_change_in_one_operation(sets):
    fleet = sets.fleet(str(FIRST), str(THIRD), str(FOURTH))
    deploy(fleet, FLAT, Told())
    before = len(operations_of(fleet))
    other = sets.changed(fleet, LogRetentionDays="30")
    deploy(other, FLAT, Told())
    assert begun(other)[before:] == [
        ("UPDATE", {(HOME, US): "SUCCEEDED"}),
        ("UPDATE", {(HOME, EU): "SUCCEEDED", (OTHER, EU): "SUCCEEDED"}),
    ]
    # What they have of their own, they keep.
    for place in fleet.targets.places:
        told = overrides(fleet, place)
        assert told == other.targets.overrides[place]
        assert retention(sets, other, place) == 30


def test_planning_leaves_no_trace(there, sets):
    _, _, plan = prepare(sets.changed(there, LogRetentionDays="30"), SMALL, Told())
    assert plan.code == 2
    for place in there.targets.places:
        client = sets.client("cloudformation", place)
        # By its name, as the local AWS lists nothing under an id.
        stack = stack_of(there, place).split("/")[1]
        assert client.list_change_sets(StackName=stack)["Summaries"] == []
    assert deploy(there, SMALL, Told()).changed is False


def test_a_changed_template_goes_to_the_canary_alone_before_the_others(sets):
    fleet = sets.fleet(str(FIRST), str(FOURTH))
    deploy(fleet, SMALL, Told())
    before = len(operations_of(fleet))
    changed = {**SMALL, "inside.yaml": SMALL["inside.yaml"].replace("!Ref Days", "14")}
    told = Told(agrees=False)
    with pytest.raises(DeployError, match=f"Only {FIRST} was changed"):
        deploy(fleet, changed, told)
    assert told.canaries == [FIRST]
    assert begun(fleet)[before:] == [("UPDATE", {(HOME, US): "SUCCEEDED"})]
    assert (retention(sets, fleet, FIRST), retention(sets, fleet, FOURTH)) == (14, 7)
    assert statuses(fleet)[FOURTH] == "OUTDATED"
    # Out of date, the set is brought up to date by the next deploy.
    deploy(fleet, changed, Told())
    assert set(statuses(fleet).values()) == {"CURRENT"}
    assert retention(sets, fleet, FOURTH) == 14


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


def test_services_have_their_own_roles_in_each_account_before_a_target_is_made(
    sets, monkeypatch
):
    accounts = []
    monkeypatch.setattr(Target, "is_aws", True)
    monkeypatch.setattr(beforehand, "quotas", lambda *_: ())
    monkeypatch.setattr(linked_roles, "see_to_them", lambda at: accounts.append(at.account))
    fleet = sets.fleet(str(FIRST), str(THIRD), str(SECOND))
    deploy(fleet, SMALL, Told())
    # The canary's account first, then the others'.
    assert (accounts[0], sorted(accounts)) == (HOME, [HOME, HOME, OTHER])
    deploy(sets.changed(fleet, LogRetentionDays="30"), SMALL, Told())
    assert len(accounts) == 3


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


def test_a_target_that_the_file_left_is_tried_again_as_well(sets, between):
    fleet = sets.tolerating(sets.fleet(str(FIRST), str(SECOND)), 1)
    sets.aws.fail(f"{TYPES}@{OTHER}/{US}")
    with pytest.raises(DeployError, match=f"{SECOND} failed"):
        deploy(fleet, FLAT, Told())
    sets.aws.fail()
    retry(sets.changed(fleet, without=[SECOND]), Told())
    assert statuses(fleet) == {FIRST: "CURRENT", SECOND: "CURRENT"}


def test_where_nobody_gets_in_it_is_told_how_ecs_gets_its_own_role(sets, monkeypatch):
    fleet, told = sets.fleet(str(FIRST), str(THIRD), str(SECOND)), Told()
    managed = dataclasses.replace(fleet.targets, units=("ou-1-2",))
    closed = Fleet(dataclasses.replace(fleet.environment, targets=managed), fleet.home)
    monkeypatch.setattr(Target, "is_aws", True)
    monkeypatch.setattr(Fleet, "credentials", Mock(side_effect=UnreachableError("no role")))
    new = Differences(definition=False, new=(FIRST, THIRD, SECOND))
    running.Run(closed, None, new, told, set())._see_to_linked_roles(new.new)  # noqa: SLF001
    assert told.lines == [f"{one}: {linked_roles.UNREACHED}" for one in (HOME, OTHER)]
    # Nor does bootstrap make a role there, which it would be told to without.
    with pytest.raises(UnreachableError, match=r"^no role$"):
        closed.at(FIRST)
    with pytest.raises(UnreachableError, match="make bootstrap ENV="):
        Fleet(fleet.environment, fleet.home).at(FIRST)


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


def test_a_set_that_was_not_found_and_has_stacks_is_not_changed_unseen(sets, between):
    fleet = sets.fleet(str(FIRST))
    deploy(fleet, FLAT, Told())
    between.refuse("DescribeStackSet", "StackSetNotFoundException")
    with pytest.raises(DeployError, match="made by somebody else"):
        deploy(sets.changed(fleet, LogRetentionDays="30"), FLAT, Told())
    assert retention(sets, fleet, FIRST) == 7


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
    assert set(statuses(fleet).values()) == {"CURRENT"}
    assert [action for action, _ in begun(fleet)] == ["CREATE"] * 2


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


def made_nothing(calls):
    changes = ("Create", "Update", "Delete")
    return not [call for call in calls.asked if call.startswith(changes)]


def test_names_in_the_way_are_told_of_every_new_target_before_anything_begins(sets, between):
    fleet = sets.fleet(str(FIRST), str(FOURTH))
    suffixes = {p: own["NameSuffix"] for p, own in fleet.targets.overrides.items()}
    bucket = f"liberty-social-uploads{suffixes[FIRST]}"
    sets.client("s3", FIRST).create_bucket(Bucket=bucket)
    secret = f"liberty-social/SECRET_KEY{suffixes[FOURTH]}"
    sets.client("secretsmanager", FOURTH).create_secret(Name=secret)
    for act in (prepare, deploy):
        with pytest.raises(DeployError) as error:
            act(fleet, KEEPING, Told())
        said = str(error.value).splitlines()
        assert said[0] == "Nothing was changed, as this would fail:"
        assert said[1:3] == [f"{FIRST}:", f"  Bucket that is there: {bucket}"]
        assert said[3:5] == [f"{FOURTH}:", f"  Secret that is there: {secret}"]
        assert "give the target another NameSuffix in params/" in said[5]
    assert made_nothing(between)
    # Of what the templates don't have, nothing is in anybody's way.
    with pytest.raises(DeployError, match=bucket) as error:
        prepare(fleet, SMALL, Told())
    assert secret not in str(error.value)


def test_what_a_target_has_of_its_own_is_in_nobodys_way(sets):
    fleet = sets.fleet(str(FIRST))
    deploy(fleet, SMALL, Told())
    suffix = fleet.targets.overrides[FIRST]["NameSuffix"]
    sets.client("s3", FIRST).create_bucket(Bucket=f"liberty-social-uploads{suffix}")
    assert deploy(sets.changed(fleet, LogRetentionDays="30"), SMALL, Told()).changed


def test_what_a_failed_creation_kept_is_in_the_way_of_the_next(sets, between):
    fleet = sets.fleet(str(FIRST))
    sets.aws.fail(f"{TYPES}@{HOME}/{US}")
    with pytest.raises(DeployError, match="failed:"):
        deploy(fleet, SMALL, Told())
    sets.aws.fail()
    bucket = f"liberty-social-uploads{fleet.targets.overrides[FIRST]['NameSuffix']}"
    sets.client("s3", FIRST).create_bucket(Bucket=bucket)
    for again in (lambda: deploy(fleet, SMALL, Told()), lambda: retry(fleet, Told())):
        with pytest.raises(DeployError, match=f"Bucket that is there: {bucket}"):
            again()
    sets.client("s3", FIRST).delete_bucket(Bucket=bucket)
    retry(fleet, Told())
    assert statuses(fleet) == {FIRST: "CURRENT"}


@contextlib.contextmanager
def switched_off(fleet, account, region):
    """Have EC2 say of a region that an account has not switched it on."""
    home = fleet.home.account == account
    events = (fleet.home if home else fleet.at(Place(account, US))).client("ec2").meta.events

    def answer(parsed, **_):
        for each in parsed["Regions"]:
            if each["RegionName"] == region:
                each["OptInStatus"] = "not-opted-in"

    events.register("after-call.ec2.DescribeRegions", answer, unique_id="off")
    yield
    events.unregister("after-call.ec2.DescribeRegions", unique_id="off")


def test_what_nobody_knows_of_a_region_is_not_that_it_is_switched_off():
    ec2 = Mock()
    for state, on in (("opted-in", True), ("not-opted-in", False), ("opting-in", True)):
        regions = [{"RegionName": EU, "OptInStatus": state}]
        ec2.describe_regions.return_value = {"Regions": regions}
        assert reaching.opting(ec2, [EU]) == {EU: on}


@pytest.mark.parametrize(("account", "where"), [(OTHER, [FOURTH]), (HOME, [THIRD, FOURTH])])
def test_a_region_that_an_account_has_not_switched_on_is_told_before_anything_begins(
    sets, between, monkeypatch, account, where
):
    """The set's own account has to have switched it on, too."""
    fleet = sets.fleet()
    enable = f"Region: account {account} has not switched on {EU}: aws account enable-region"
    # Nothing can be asked there: it answers nobody.
    for place in where:
        monkeypatch.setitem(sets.reached, place, None)
    with switched_off(fleet, account, EU):
        for act in (prepare, deploy):
            with pytest.raises(DeployError) as error:
                act(fleet, SMALL, Told())
            said = str(error.value).splitlines()[1:]
            assert said[::2] == [f"{place}:" for place in where]
            assert all(line.startswith(f"  {enable}") for line in said[1::2])
        found = examined(fleet)
        assert all(str(found[str(place)][0]).startswith(enable) for place in where)
    assert made_nothing(between)


def test_a_region_to_be_switched_on_has_a_service_of_its_own_that_takes_the_role(sets):
    small = sets.fleet(str(FIRST)).environment
    fleets = [
        sets.with_targets(small, {Place(HOME, region): small.targets.overrides[FIRST]})
        for region in ("ap-east-1", "eu-south-1")
    ]
    for fleet, region in zip(fleets, ("ap-east-1", "eu-south-1"), strict=True):
        untrusted = f"doesn't let cloudformation.{region}.amazonaws.com take it"
        assert untrusted in bootstrap.missing(fleet)[HOME]
        bootstrap.install(fleet, "", list)
    # What one set needs stays when another is bootstrapped.
    assert [bootstrap.missing(fleet) for fleet in fleets] == [{}, {}]


def test_a_role_that_was_deleted_by_hand_is_made_again(sets, there):
    iam = sets.client("iam", Place(OTHER, US))
    name = {"RoleName": bootstrap.ROLES[bootstrap.EXECUTION]}
    for policy in iam.list_attached_role_policies(**name)["AttachedPolicies"]:
        iam.detach_role_policy(**name, PolicyArn=policy["PolicyArn"])
    iam.delete_role(**name)
    done, failed = bootstrap.install(there, "", list)
    assert (done[HOME], done[OTHER], failed) == ("is as it should be", "made", {})
    assert len(iam.list_attached_role_policies(**name)["AttachedPolicies"]) > 1
    assert bootstrap.missing(there) == {}


def test_where_a_role_cannot_be_made_the_other_accounts_get_theirs(there, monkeypatch):
    def made(_, target, *more):
        if target.account == HOME and more[0] is bootstrap.EXECUTION:
            raise DeployError("a hook refused it")
        return "made"

    monkeypatch.setattr(bootstrap, "_put", made)
    done, failed = bootstrap.install(there, "", list)
    assert done == {f"{HOME} (administrator)": "made", OTHER: "made"}
    assert failed == {HOME: "a hook refused it"}


def test_a_target_whose_role_is_missing_is_told_before_anything_is_changed(sets, there):
    wanted = sets.changed(there, LogRetentionDays="30")
    with sets.without_role(OTHER):
        assert list(bootstrap.missing(wanted)) == [OTHER]
        with pytest.raises(DeployError) as error:
            deploy(wanted, FLAT, Told())
    said = str(error.value)
    assert said.startswith("Nothing was changed: these targets can't be looked into:")
    assert f"{SECOND}: the role AWSCloudFormationStackSetExecutionRole isn't there" in said
    assert f"{FIRST}:" not in said
    # Its account may be closed: then no role can be had.
    closed = f"params/{there.environment.name}.yaml, and out of the set:"
    assert said.partition(closed)[2].split("\n")[1] == (
        f"  {SECOND}: {taking_out(there, SECOND)}"
    )


def test_a_new_target_that_cannot_be_looked_into_is_told_before_anything_begins(sets, between):
    fleet = sets.fleet(str(FIRST), str(SECOND))
    with sets.without_role(OTHER):
        _, _, plan = prepare(fleet, FLAT, Told())
        assert (list(plan.unknown), plan.code) == ([SECOND], 1)
        with pytest.raises(DeployError, match="these targets can't be looked into"):
            deploy(fleet, FLAT, Told())
    assert made_nothing(between)


def test_where_it_is_not_known_which_image_is_there_nothing_is_changed(
    sets, between, monkeypatch
):
    # Else a target would get the tag in its digest's place, or tasks without an image.
    def resolve(_, target):
        if target.account == OTHER:
            raise UnreachableError("not for you")
        return images.Image()

    monkeypatch.setattr(images, "resolve", resolve)
    with pytest.raises(DeployError, match=f"looked into:\n  {SECOND}: not for you"):
        deploy(sets.fleet(str(FIRST), str(SECOND)), FLAT, Told())
    assert made_nothing(between)


def test_a_role_that_went_meanwhile_is_a_failure_with_the_step_that_mends_it(sets, monkeypatch):
    monkeypatch.setattr(running, "protect_first", Mock())
    fleet = sets.fleet(str(SECOND))
    deploy(fleet, FLAT, Told())
    with sets.without_role(OTHER):
        asked = {"Accounts": [OTHER], "Regions": [US]}
        fleet.cloudformation.update_stack_instances(StackSetName=fleet.name, **asked)
        attach(fleet, Told())
        assert statuses(fleet) == {SECOND: "OUTDATED"}
        with pytest.raises(DeployError) as error:
            retry(fleet, Told())
    assert "should have 'AWSCloudFormationStackSetExecutionRole' role" in str(error.value)
    fixed = f"Its roles are missing: make bootstrap ENV={fleet.environment.name}"
    assert fixed in str(error.value)
    retry(fleet, Told())
    assert statuses(fleet) == {SECOND: "CURRENT"}


@pytest.mark.parametrize(
    "why",
    [
        "Account 1 should have 'stacksets-exec-b9' role with trust relationship to Role 'x'.",
        "User: arn:x is not authorized to perform: sts:AssumeRole on resource: arn:aws:y",
    ],
)
def test_where_a_set_cannot_take_its_role_the_step_is_about_the_role(sets, why):
    fleet = sets.fleet(str(FIRST))
    failed, now = [Result(FIRST, "FAILED", why)], datetime.now(UTC)
    fixed = f"Its roles are missing: make bootstrap ENV={fleet.environment.name}"
    assert failures.explain(fleet, failed, now)[2].strip() == fixed
    managed = dataclasses.replace(fleet.targets, units=("ou-1-2",))
    environment = dataclasses.replace(fleet.environment, targets=managed)
    told = failures.explain(Fleet(environment, fleet.home), failed, now)
    assert "AWS makes its roles itself" in told[2]


def test_what_holds_data_is_not_replaced_unasked_in_any_target(there):
    before = len(operations_of(there))
    renamed = {**SMALL, "inside.yaml": SMALL["inside.yaml"].replace("'kept", "'held")}
    told = Told()
    with pytest.raises(DeployError) as error:
        deploy(there, renamed, told, ["Kpt"])
    assert [plan.code for plan in told.plans] == [3]
    assert any(line.startswith("--allow-replace Kpt: ") for line in told.lines)
    assert f"{FOURTH}: Inside/Kept (AWS::Logs::LogGroup" in str(error.value)
    assert "--allow-replace Kept" in str(error.value)
    assert len(operations_of(there)) == before


def test_what_was_allowed_in_a_deploy_no_retry_does_whatever_policies_were_taken_off(sets):
    fleet = sets.fleet(str(FIRST), str(FOURTH))
    deploy(fleet, SMALL, Told())
    renamed = {**SMALL, "inside.yaml": SMALL["inside.yaml"].replace("'kept", "'held")}
    with pytest.raises(DeployError, match=f"Only {FIRST} was changed"):
        deploy(fleet, renamed, Told(agrees=False), ["Kept"])
    client = sets.client("cloudformation", FOURTH)
    [inside] = nested(client, stack_of(fleet, FOURTH))
    open_ = stack_policy().replace('"Deny"', '"Allow"')
    client.set_stack_policy(StackName=inside, StackPolicyBody=open_)
    with pytest.raises(DeployError, match=r"denied by stack policy: .*\[Kept\]"):
        retry(fleet, Told())


def test_a_nested_stack_goes_from_a_set_when_all_in_it_that_holds_data_is_named(sets):
    fleet = sets.fleet(str(FIRST))
    deploy(fleet, SMALL, Told())
    topic = "Resources:\n  Topic: {Type: AWS::SNS::Topic}\n"
    without = {"root.yaml": SMALL["root.yaml"].partition("Resources:")[0] + topic}
    held = ["Notes", "Files", "Kept"]
    with pytest.raises(DeployError, match="--allow-replace Kept"):
        deploy(fleet, without, Told(), held[:2])
    deploy(fleet, without, Told(), held)
    client = sets.client("cloudformation", FIRST)
    assert list(nested(client, stack_of(fleet, FIRST))) == []
    assert policies(sets, fleet) == {FIRST: stack_policy()}


def test_what_somebody_deployed_to_a_set_while_consent_was_asked_stays(sets):
    fleet = sets.fleet(str(FIRST))
    deploy(fleet, SMALL, Told())
    theirs, told = sets.changed(fleet, LogRetentionDays="60"), Told()
    told.consents = lambda _: deploy(theirs, SMALL, Told()).changed
    told.planned = lambda _: before.extend(listed)
    listed, before = [], []
    fleet.cloudformation.meta.events.register(
        "before-call.cloudformation.ListStackSetOperations", lambda **_: listed.append(1)
    )
    with pytest.raises(DeployError, match="began after this plan was made"):
        deploy(sets.changed(fleet, LogRetentionDays="30"), SMALL, told)
    assert retention(sets, fleet, FIRST) == 60
    assert before == [1]


@pytest.mark.parametrize("drift", [False, True])
def test_what_somebody_deployed_to_a_set_after_its_canary_stays(sets, drift):
    """Else some targets would be as one says, some as the other; looking for drift is well."""
    fleet = sets.fleet(str(FIRST), str(FOURTH))
    deploy(fleet, FLAT, Told())
    theirs, told = sets.changed(fleet, LogRetentionDays="90"), Told()

    def goes_on(_):
        if drift:
            operations.operate(fleet, "detect_stack_set_drift", list, told.say)
            return True
        return deploy(theirs, FLAT, Told()).changed

    told.goes_on = goes_on
    mine = sets.changed(fleet, LogRetentionDays="60")
    if drift:
        assert deploy(mine, FLAT, told).changed
    else:
        with pytest.raises(DeployError, match=r"by somebody else, so nothing more was done"):
            deploy(mine, FLAT, told)
    found = {retention(sets, fleet, place) for place in (FIRST, FOURTH)}
    assert found == {60 if drift else 90}


def test_what_somebody_deployed_to_a_set_while_its_name_was_typed_is_not_destroyed(sets):
    fleet = sets.fleet(str(FIRST))
    deploy(fleet, FLAT, Told())
    agreed, last = standing(fleet), operations.newest(fleet)[0]
    deploy(sets.changed(fleet, LogRetentionDays="60"), FLAT, Told())
    with pytest.raises(DeployError, match="by somebody else, so nothing more was done"):
        destroy(fleet, agreed, Told(), last)
    assert retention(sets, fleet, FIRST) == 60
    destroy(fleet, agreed, Told(), operations.newest(fleet)[0])
    assert standing(fleet) is None


def test_every_targets_stacks_are_protected_from_loss(there, sets):
    client = sets.client("cloudformation", FOURTH)
    policy = client.get_stack_policy(StackName=stack_of(there, FOURTH))["StackPolicyBody"]
    assert "Update:Replace" in policy


def policies(sets, fleet):
    """Return the policy of each target that is as the set says, by its place."""
    return {
        place: sets.client("cloudformation", place)
        .get_stack_policy(StackName=stack_of(fleet, place))
        .get("StackPolicyBody")
        for place, status in statuses(fleet).items()
        if status == "CURRENT"
    }


def test_what_another_deploy_of_the_set_allows_nobody_closes(sets, between, monkeypatch):
    fleet, told = sets.fleet(str(FIRST), str(SECOND)), Told()
    deploy(fleet, SMALL, Told())
    protect(sets.client("cloudformation", SECOND), stack_of(fleet, SECOND), ["Kept"])
    before = policies(sets, fleet)
    monkeypatch.setattr(running, "under_way", lambda *_: "theirs")
    assert not deploy(fleet, SMALL, told).changed
    theirs = partial(monkeypatch.setattr, operations, "newest", lambda *_, **__: ["theirs"])
    told.consents = lambda _: theirs() is None
    with pytest.raises(DeployError, match="theirs began after this plan was made"):
        deploy(sets.changed(fleet, LogRetentionDays="30"), SMALL, told, ["Notes"])
    assert policies(sets, fleet) == before


def test_what_succeeded_is_protected_though_others_failed_or_nobody_goes_on(sets, between):
    fleet = sets.tolerating(sets.fleet(str(FIRST), str(SECOND), str(THIRD)), 1)
    sets.aws.fail(f"{TYPES}@{OTHER}/{US}")
    with pytest.raises(DeployError, match="1 target failed"):
        deploy(fleet, SMALL, Told())
    closed = stack_policy()
    assert policies(sets, fleet) == dict.fromkeys([FIRST, THIRD], closed)
    alone = sets.fleet(str(FIRST), str(THIRD))
    with pytest.raises(DeployError, match="Only"):
        deploy(alone, SMALL, Told(agrees=False))
    assert policies(sets, alone) == {FIRST: closed}


def test_what_succeeded_and_is_not_listed_yet_is_said_to_be_unprotected(
    sets, between, monkeypatch
):
    fleet, told = sets.fleet(str(FIRST)), Told()
    monkeypatch.setattr(running, "instances", lambda *_: {})
    deploy(fleet, FLAT, told)
    assert told.lines[-1].startswith(f"{FIRST}: its stacks have no policy against loss")


def test_why_one_failed_is_told_though_nothing_can_be_protected_then(
    sets, between, monkeypatch
):
    def down(*_):
        raise EndpointConnectionError(endpoint_url="https://cloudformation")

    fleet, told = sets.fleet(str(FIRST)), Told()
    sets.aws.fail(TYPES)
    monkeypatch.setattr(running, "instances", down)
    with pytest.raises(DeployError, match="1 target failed"):
        deploy(fleet, FLAT, told)
    assert "AWS could not be asked" in told.lines[-1]


def test_what_a_killed_deploy_left_open_or_never_closed_the_next_one_closes(sets, between):
    fleet = sets.fleet(str(FIRST), str(SECOND))

    def kill(results):
        if any(r.place == SECOND and r.status == "SUCCEEDED" for r in results):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deploy(fleet, SMALL, Told(then=kill))
    closed = stack_policy()
    assert policies(sets, fleet) == {FIRST: None, SECOND: None}
    assert not deploy(fleet, SMALL, Told()).changed
    assert policies(sets, fleet) == {FIRST: closed, SECOND: closed}
    client = sets.client("cloudformation", SECOND)
    protect(client, stack_of(fleet, SECOND), ["Kept"])
    during = []

    def look(results):
        during.append(policies(sets, fleet)[SECOND])

    deploy(sets.changed(fleet, [FIRST], LogRetentionDays="30"), SMALL, Told(then=look))
    assert set(during) == {closed}
    protect(client, stack_of(fleet, SECOND), ["Kept"])
    retry(fleet, Told())
    assert policies(sets, fleet)[SECOND] == closed


def test_a_target_that_is_taken_out_goes_and_what_remains_is_said_before(sets):
    fleet = sets.fleet(str(FIRST), str(THIRD), str(FOURTH))
    deploy(fleet, SMALL, Told())
    before = len(operations_of(fleet))
    told = Told()
    less = sets.changed(fleet, without=[THIRD, FOURTH])
    deploy(less, SMALL, told)
    [plan] = told.plans
    assert set(plan.differences.gone) == {THIRD, FOURTH}
    assert plan.code == 3
    assert sorted(k.how for k in plan.kept[THIRD]) == ["is lost: the logs", "stays"]
    shown = Console(file=io.StringIO(), width=200)
    shown.print(plan_table(plan, less.targets))
    assert f"{THIRD} goes; of its stacks:" in shown.file.getvalue()
    # Nobody goes first, and nothing may fail, where nothing else is done.
    assert "first" not in shown.file.getvalue()
    assert begun(less)[before:] == [
        ("DELETE", {(HOME, EU): "SUCCEEDED", (OTHER, EU): "SUCCEEDED"})
    ]
    assert set(statuses(less)) == {FIRST}
    suffix = fleet.targets.overrides[THIRD]["NameSuffix"]
    found = sets.client("logs", THIRD).describe_log_groups()["logGroups"]
    names = {group["logGroupName"] for group in found}
    assert f"kept{suffix}" in names
    assert f"notes{suffix}" not in names


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


def test_a_change_set_that_a_plan_cannot_delete_is_said_and_the_plan_is_made(sets):
    fleet, told = sets.fleet(str(FIRST)), Told()
    deploy(fleet, FLAT, told)
    other = sets.changed(fleet, LogRetentionDays="30")
    denied = (403, "<Code>AccessDenied</Code><Message>Not yours</Message>")
    with answering(other.at(FIRST).client("cloudformation"), "DeleteChangeSet", denied):
        _, _, plan = prepare(other, FLAT, told)
    assert (list(plan.changing), plan.unknown) == ([FIRST], {})
    assert "could not be deleted" in told.lines[-1]


def test_a_target_that_goes_before_it_had_a_stack_has_nothing_to_lose(sets):
    fleet = sets.fleet(str(FIRST))
    one = Instance(SECOND, "", "OUTDATED", "CANCELLED", "NOT_CHECKED", "")
    there = StackSet("", {}, {}, "NOT_CHECKED", False, {}, {SECOND: one})  # noqa: FBT003
    want = wanted(fleet, SMALL)
    different, told = differences(fleet, want, there), Told()
    plan = preview(fleet, want, there, different, SMALL, tell=told.looked, say=told.say)
    assert plan.plans[SECOND].changes == ()
    assert (plan.unknown, plan.kept) == ({}, {})


def test_a_stack_that_could_not_be_deleted_is_inoperable_and_left_out_with_a_way_out(sets):
    fleet = sets.fleet(str(FIRST), str(SECOND))
    deploy(fleet, SMALL, Told())
    suffix = fleet.targets.overrides[SECOND]["NameSuffix"]
    s3 = sets.client("s3", SECOND)
    s3.put_object(Bucket=f"liberty-social-files{suffix}", Key="a", Body=b"a")
    client, asked = fleet.cloudformation, {"Accounts": [OTHER], "Regions": [US]}
    client.delete_stack_instances(StackSetName=fleet.name, RetainStacks=False, **asked)
    attach(fleet, Told())
    assert statuses(fleet) == {FIRST: "CURRENT", SECOND: "INOPERABLE"}
    before = len(operations_of(fleet))
    wanted = sets.changed(fleet, LogRetentionDays="30")
    with pytest.raises(DeployError) as error:
        deploy(wanted, SMALL, Told())
    assert str(error.value).endswith(
        f"{SECOND}: aws cloudformation delete-stack-instances --retain-stacks --region {US} "
        f"--stack-set-name {fleet.name} --accounts {OTHER} --regions {US}"
    )
    assert begun(fleet)[before:] == [("UPDATE", {(HOME, US): "SUCCEEDED"})]
    # The way out that was told, walked.
    client.delete_stack_instances(StackSetName=fleet.name, RetainStacks=True, **asked)
    attach(fleet, Told())
    assert statuses(fleet) == {FIRST: "CURRENT"}


def test_destroying_takes_every_stack_and_the_set_and_tells_what_is_kept(sets):
    fleet = sets.fleet(str(FIRST), str(FOURTH))
    deploy(fleet, SMALL, Told())
    found = standing(fleet)
    client, stack = sets.client("cloudformation", FIRST), name_of(stack_of(fleet, FIRST))
    protect_from_termination(client, stack)
    assert remaining(fleet, found)[1][FIRST][0].endswith(f"--stack-name {stack}")
    protect_from_termination(client, stack, on=False)
    kept, held, unknown = remaining(fleet, found)
    assert {
        place: [one.how for one in left if not one.lost] for place, left in kept.items()
    } == {FIRST: ["stays"], FOURTH: ["stays"]}
    assert (held, unknown) == ({}, {})
    assert set(destroy(fleet, found, Told())) == {FIRST, FOURTH}
    assert standing(fleet) is None


def test_what_would_not_be_deleted_is_told_before_anything_is(sets):
    fleet = sets.fleet(str(FOURTH))
    deploy(fleet, SMALL, Told())
    suffix = fleet.targets.overrides[FOURTH]["NameSuffix"]
    bucket = f"liberty-social-files{suffix}"
    sets.client("s3", FOURTH).put_object(Bucket=bucket, Key="a", Body=b"a")
    _, held, _ = remaining(fleet, standing(fleet))
    assert "holds files" in held[FOURTH][0]


def test_drift_is_found_in_the_stacks_nested_in_each_target(sets):
    fleet = sets.fleet(str(FIRST), str(FOURTH))
    deploy(fleet, SMALL, Told())
    suffix = fleet.targets.overrides[FOURTH]["NameSuffix"]
    sets.client("logs", FOURTH).put_retention_policy(
        logGroupName=f"notes{suffix}", retentionInDays=1
    )
    # Also in targets that the file no longer names.
    found, unknown = drifted(sets.changed(fleet, without=[FOURTH]), standing(fleet), list)
    assert unknown == {}
    assert {p: [d.resource for d in c.drifts] for p, c in found.items()} == {
        FIRST: [],
        FOURTH: ["Notes"],
    }
    assert standing(fleet).drift != "NOT_CHECKED"


def test_what_one_target_does_not_answer_is_told_of_that_one(there, monkeypatch):
    compared, fourth = drift.detect, stack_of(there, FOURTH)

    def detect(cloudformation, stack_id, *more, **named):
        if stack_id == fourth:
            raise FollowError("not for you")
        return compared(cloudformation, stack_id, *more, **named)

    def verify(environment, _):
        if environment.region == EU:
            raise VerifyError("nobody there")
        return environment.region

    monkeypatch.setattr(drift, "detect", detect)
    monkeypatch.setattr(comparing, "verify", verify)
    known = standing(there)
    found, unknown = drifted(there, known, list)
    assert (unknown, set(found)) == ({FOURTH: "not for you"}, {FIRST, SECOND, THIRD})
    reports, unknown, _ = verified(there)
    assert unknown == dict.fromkeys([THIRD, FOURTH], "nobody there")
    assert reports == dict.fromkeys([FIRST, SECOND], US)


@pytest.mark.parametrize("followed", [False, True])
def test_credentials_that_are_over_are_not_tried_target_by_target(sets, followed):
    over = ClientError({"Error": {"Code": "ExpiredToken"}}, "DescribeStacks")

    def look(_):
        if followed:
            raise FollowError("look again") from over
        raise over

    with pytest.raises(FollowError if followed else ClientError):
        sets.fleet().everywhere([FIRST, SECOND], look)


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


def test_strictly_capped_concurrency_is_said_before_starting(sets):
    preferences = {**sets.fleet().targets.preferences, "MaxConcurrentCount": 5}
    targets = sets.fleet(preferences=preferences).targets
    said = how(targets, targets.places)
    assert "1 account at once (not 5: strictly, no more than may fail, and one)" in said


def test_what_all_targets_share_is_said_once_and_the_rest_of_whom(sets, there):
    wanted = sets.changed(
        sets.changed(there, LogRetentionDays="30"), [FIRST], LogRetentionDays="60"
    )
    _, _, plan = prepare(wanted, SMALL, Told())
    parts = [
        (part.parameters, tuple(c.resource for c in part.changes), part.places)
        for part in merge(plan.changing)
    ]
    # What most share comes first.
    assert parts == [
        ((), ("Inside", "Notes"), (FIRST, SECOND, THIRD, FOURTH)),
        ((("LogRetentionDays", "7", "30"),), (), (SECOND, THIRD, FOURTH)),
        ((("LogRetentionDays", "7", "60"),), (), (FIRST,)),
    ]


def test_a_target_that_cannot_be_previewed_is_told_beside_those_that_can(sets, there):
    wanted = sets.changed(there, LogRetentionDays="30")
    with sets.without_role(OTHER):
        _, _, plan = prepare(wanted, SMALL, Told())
    assert plan.changing.keys() == {FIRST, THIRD}
    assert plan.unknown.keys() == {SECOND, FOURTH}
    assert plan.code == 1


def test_a_service_managed_set_gets_one_template_in_the_accounts_of_its_units(sets):
    organizations = sets.client("organizations", FIRST)
    root = organizations.list_roots()["Roots"][0]["Id"]
    above, below = (
        organizations.create_organizational_unit(ParentId=root, Name="above"),
        organizations.create_organizational_unit,
    )
    unit = above["OrganizationalUnit"]["Id"]
    inner = below(ParentId=unit, Name="below")["OrganizationalUnit"]["Id"]
    organizations.move_account(AccountId=HOME, SourceParentId=root, DestinationParentId=inner)
    small = sets.fleet(str(FIRST)).environment
    whole = Place(unit, US)
    targets = dataclasses.replace(
        small.targets,
        accounts=(),
        units=(unit,),
        account_filter="NONE",
        overrides={whole: small.targets.overrides[FIRST]},
        canary=whole,
        auto_deployment=True,
    )
    fleet = reaching.fleet(dataclasses.replace(small, targets=targets), sets.home)
    assert fleet.targets.places == (FIRST,)
    deploy(fleet, SMALL, Told())
    found = fleet.cloudformation.describe_stack_set(StackSetName=fleet.name)["StackSet"]
    assert found["PermissionModel"] == "SERVICE_MANAGED"
    assert found["AutoDeployment"]["Enabled"] is True
    assert "AWS::CloudFormation::Stack" not in found["TemplateBody"]
    stack = sets.client("cloudformation", FIRST).list_stack_resources(
        StackName=stack_of(fleet, FIRST)
    )
    assert {r["LogicalResourceId"] for r in stack["StackResourceSummaries"]} == {
        "InsideNotes",
        "InsideFiles",
        "InsideKept",
    }
    assert deploy(fleet, SMALL, Told()).changed is False
    # An account that leaves the units would lose its stacks as long as the set isn't told.
    retaining = dataclasses.replace(fleet.targets, retain_on_removal=True)
    kept = dataclasses.replace(
        fleet, environment=dataclasses.replace(fleet.environment, targets=retaining)
    )
    assert [deploy(kept, SMALL, Told()).changed for _ in range(2)] == [True, False]
    assert set(destroy(fleet, standing(fleet), Told())) == {FIRST}
    organizations.move_account(AccountId=HOME, SourceParentId=inner, DestinationParentId=root)


def test_an_account_outside_the_units_gets_its_stack_too(sets):
    organizations = sets.client("organizations", FIRST)
    root = organizations.list_roots()["Roots"][0]["Id"]
    made = organizations.create_organizational_unit(ParentId=root, Name="empty")
    small = sets.fleet(str(FIRST)).environment
    targets = dataclasses.replace(
        small.targets, units=(made["OrganizationalUnit"]["Id"],), account_filter="UNION"
    )
    fleet = reaching.fleet(dataclasses.replace(small, targets=targets), sets.home)
    assert fleet.targets.places == (FIRST,)
    deploy(fleet, SMALL, Told())
    assert set(destroy(fleet, standing(fleet), Told())) == {FIRST}


def test_accounts_of_a_unit_that_would_want_the_same_names_are_refused(sets, monkeypatch):
    monkeypatch.setattr(reaching, "_members", lambda *_: iter([HOME, OTHER]))
    small = sets.fleet(str(FIRST)).environment
    whole = Place("ou-abcd-12345678", US)
    overrides = {whole: small.targets.overrides[FIRST]}
    targets = dataclasses.replace(
        small.targets, units=(whole.account,), account_filter="NONE", overrides=overrides
    )
    with pytest.raises(DeployError, match="would want the same names; name them in Accounts"):
        reaching.fleet(dataclasses.replace(small, targets=targets), sets.home)
