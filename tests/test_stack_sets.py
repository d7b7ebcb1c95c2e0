"""Stack sets on the local AWS: what makes them safe to use, and the faults they survive."""

import dataclasses
import io
from functools import partial
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from rich.console import Console
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
    made_nothing,
    operations_of,
    retention,
    stack_of,
    statuses,
)
from wire import answering

from liberty_cfn.cli.stack_sets import comparing as of_sets
from liberty_cfn.cli.stack_sets import operations as cli
from liberty_cfn.deploy import change_sets, foreseeing, protection
from liberty_cfn.deploy.drift import Compared
from liberty_cfn.deploy.errors import DeployError, UnreachableError
from liberty_cfn.deploy.protection import nested, protect, protect_from_termination
from liberty_cfn.deploy.stack import name_of
from liberty_cfn.deploy.stack_sets import (
    comparing,
    operations,
    previews,
    protecting,
    reaching,
    running,
)
from liberty_cfn.deploy.stack_sets import deploying as set_deploying
from liberty_cfn.deploy.stack_sets.beforehand import remaining
from liberty_cfn.deploy.stack_sets.comparing import drifted
from liberty_cfn.deploy.stack_sets.deploying import deploy, prepare, retry
from liberty_cfn.deploy.stack_sets.destroying import destroy
from liberty_cfn.deploy.stack_sets.operations import attach
from liberty_cfn.deploy.stack_sets.previews import merge, preview
from liberty_cfn.deploy.stack_sets.reaching import taking_out
from liberty_cfn.deploy.stack_sets.showing import how, plan_table, set_as_json, summary
from liberty_cfn.deploy.stack_sets.standing import Instance, StackSet, overrides, standing
from liberty_cfn.deploy.stack_sets.wanted import differences, wanted
from liberty_cfn.deployment_targets import Place
from liberty_cfn.stateful import stack_policy


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


def test_a_set_that_was_not_found_and_has_stacks_is_not_changed_unseen(sets, between):
    fleet = sets.fleet(str(FIRST))
    deploy(fleet, FLAT, Told())
    between.refuse("DescribeStackSet", "StackSetNotFoundException")
    with pytest.raises(DeployError, match="made by somebody else"):
        deploy(sets.changed(fleet, LogRetentionDays="30"), FLAT, Told())
    assert retention(sets, fleet, FIRST) == 7


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


def test_a_secret_that_gets_another_value_is_told_where_aws_tells_nothing_of_its_stack(
    sets, monkeypatch
):
    fleet = sets.fleet(str(FIRST))
    deploy(fleet, KEEPING, Told())
    made = change_sets._completed  # noqa: SLF001 - where they are asked for
    alone = {"IncludeNestedStacks": False}
    monkeypatch.setattr(
        change_sets, "_completed", lambda client, asked, say: made(client, asked | alone, say)
    )
    longer = KEEPING["inside.yaml"].replace("PasswordLength: 50", "PasswordLength: 51")
    with pytest.raises(DeployError, match=rf"{FIRST}: Inside/Key \(.* another value, because"):
        deploy(fleet, {**KEEPING, "inside.yaml": longer}, Told())


def test_what_was_allowed_in_a_deploy_no_retry_does_whatever_policies_were_taken_off(
    sets, monkeypatch
):
    fleet = sets.fleet(str(FIRST), str(FOURTH))
    deploy(fleet, SMALL, Told())
    renamed = {**SMALL, "inside.yaml": SMALL["inside.yaml"].replace("'kept", "'held")}
    with pytest.raises(DeployError, match=f"Only {FIRST} was changed"):
        deploy(fleet, renamed, Told(agrees=False), ["Kept"])
    client = sets.client("cloudformation", FOURTH)
    [inside] = nested(client, stack_of(fleet, FOURTH))
    open_ = stack_policy().replace('"Deny"', '"Allow"')
    client.set_stack_policy(StackName=inside, StackPolicyBody=open_)
    with pytest.raises(DeployError, match=rf"{FOURTH}: Inside/Kept .* would be replaced, beca"):
        retry(fleet, Told())
    # And where it can't be told.
    monkeypatch.setattr(set_deploying, "as_it_is", lambda *_: {})
    with pytest.raises(DeployError, match=r"denied by stack policy: .*\[Kept\]"):
        retry(fleet, Told())


def test_no_retry_gives_a_secret_another_value_which_no_policy_prevents(sets):
    fleet = sets.fleet(str(FIRST), str(FOURTH))
    deploy(fleet, KEEPING, Told())
    longer = KEEPING["inside.yaml"].replace("PasswordLength: 50", "PasswordLength: 51")
    with pytest.raises(DeployError, match=f"Only {FIRST} was changed"):
        deploy(fleet, {**KEEPING, "inside.yaml": longer}, Told(agrees=False), ["Key"])
    with pytest.raises(DeployError, match=rf"{FOURTH}: Inside/Key .* another value, because"):
        retry(fleet, Told())
    assert deploy(fleet, {**KEEPING, "inside.yaml": longer}, Told(), ["Key"]).changed


def test_what_is_allowed_is_closed_again_where_another_targets_policy_cannot_be_set(
    sets, monkeypatch
):
    fleet = sets.fleet(str(FIRST), str(SECOND))
    deploy(fleet, SMALL, Told())
    refused = stack_of(fleet, SECOND)

    def refusing(client, stack_id, allowed=(), coming=()):
        if allowed and stack_id == refused:
            raise UnreachableError("not you")
        protect(client, stack_id, allowed, coming)

    monkeypatch.setattr(protection, "protect", refusing)
    renamed = {**SMALL, "inside.yaml": SMALL["inside.yaml"].replace("'kept", "'held")}
    with pytest.raises(DeployError, match=f"data could be lost in\n  {SECOND}: not you"):
        deploy(fleet, renamed, Told(), ["Kept"])
    assert policies(sets, fleet) == dict.fromkeys([FIRST, SECOND], stack_policy())


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


def test_without_consent_nothing_of_a_set_is_made(sets, between):
    told = Told()
    told.consents = lambda _: False
    assert deploy(sets.fleet(str(FIRST)), SMALL, told) is None
    assert made_nothing(between)


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
    monkeypatch.setattr(protecting, "under_way", lambda *_: "theirs")
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


def test_what_succeeded_is_protected_though_aws_refuses_the_next_operation(sets, between):
    fleet, told = sets.fleet(str(FIRST), str(SECOND)), Told()
    told.goes_on = lambda _: not between.refuse("CreateStackInstances", "AccessDenied")
    with pytest.raises(ClientError, match="AccessDenied"):
        deploy(fleet, FLAT, told)
    assert policies(sets, fleet) == {FIRST: stack_policy()}


def test_what_succeeded_and_nobody_may_protect_any_more_is_said_to_be_unprotected(
    sets, monkeypatch
):
    def over(*_):
        raise ClientError({"Error": {"Code": "ExpiredToken"}}, "SetStackPolicy")

    fleet, told = sets.fleet(str(FIRST)), Told()
    monkeypatch.setattr(protection, "protect", over)
    with pytest.raises(ClientError, match="ExpiredToken"):
        deploy(fleet, FLAT, told)
    assert "no policy against loss until the next deploy" in told.lines[-1]


def test_what_succeeded_and_is_not_listed_yet_is_said_to_be_unprotected(
    sets, between, monkeypatch
):
    fleet, told = sets.fleet(str(FIRST)), Told()
    with monkeypatch.context() as patch:
        patch.setattr(running, "instances", lambda *_: {})
        assert deploy(fleet, FLAT, told).unprotected == {FIRST}
    assert told.lines[-1].startswith(f"{FIRST}: its stacks have no policy against loss")
    assert deploy(fleet, FLAT, told).unprotected == set()


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


def test_stacks_that_a_killed_update_or_retry_made_are_protected_by_the_next(sets):
    fleet = sets.fleet(str(FIRST), str(SECOND))
    deploy(fleet, FLAT, Told())
    inside = SMALL["inside.yaml"].partition("Resources:")[0]
    more = {
        "root.yaml": FLAT["root.yaml"] + SMALL["root.yaml"].partition("Resources:\n")[2],
        "inside.yaml": inside + "Resources:\n  Topic: {Type: AWS::SNS::Topic}\n",
    }

    def kill(place, results):
        if any(r.place == place and r.status == "SUCCEEDED" for r in results):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deploy(fleet, more, Told(then=partial(kill, FIRST)))
    with pytest.raises(KeyboardInterrupt):
        retry(fleet, Told(then=partial(kill, SECOND)))
    assert not deploy(fleet, more, Told()).changed
    for place in (FIRST, SECOND):
        client = sets.client("cloudformation", place)
        [made] = nested(client, stack_of(fleet, place))
        found = client.get_stack_policy(StackName=made)
        assert found.get("StackPolicyBody") == stack_policy()


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
    assert "1 target: 2 to go" in shown.file.getvalue()
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


def test_a_target_that_would_go_by_half_stays_until_it_is_told_what_that_takes(sets):
    fleet, told = sets.fleet(str(FIRST), str(SECOND)), Told()
    deploy(fleet, SMALL, told)
    bucket = f"liberty-social-files{fleet.targets.overrides[SECOND]['NameSuffix']}"
    s3, less = sets.client("s3", SECOND), sets.changed(fleet, without=[SECOND])
    s3.put_object(Bucket=bucket, Key="a", Body=b"a")
    with pytest.raises(DeployError, match=f"deleted by half(.|\n)*{SECOND}: .*{bucket} holds"):
        deploy(less, SMALL, told)
    assert statuses(fleet) == {FIRST: "CURRENT", SECOND: "CURRENT"}
    s3.delete_object(Bucket=bucket, Key="a")
    told.consents = lambda _: s3.put_object(Bucket=bucket, Key="b", Body=b"b")
    # What comes in between can't be foreseen; no retry deletes it.
    with pytest.raises(DeployError, match="Fix the cause, then: make deploy ENV="):
        deploy(less, SMALL, told)


def test_a_set_that_changes_does_so_with_a_target_that_stays_or_not_at_all(sets):
    fleet = sets.fleet(str(FIRST), str(SECOND))
    one, other = (sets.changed(fleet, without=[place]) for place in (SECOND, FIRST))
    deploy(one, FLAT, Told())
    changed = {"root.yaml": FLAT["root.yaml"].replace("!Ref LogRetentionDays", "14")}
    with pytest.raises(DeployError, match=rf"some that are to go \({FIRST}\) beside the new"):
        prepare(other, changed, Told())
    # The way out that was told, walked.
    deploy(fleet, changed, Told())
    deploy(other, changed, Told())
    assert (statuses(other), retention(sets, other, SECOND)) == ({SECOND: "CURRENT"}, 14)


def test_a_change_set_that_a_plan_cannot_delete_is_said_and_the_plan_is_made(sets):
    fleet, told = sets.fleet(str(FIRST)), Told()
    deploy(fleet, FLAT, told)
    other = sets.changed(fleet, LogRetentionDays="30")
    denied = (403, "<Code>AccessDenied</Code><Message>Not yours</Message>")
    with answering(other.at(FIRST).client("cloudformation"), "DeleteChangeSet", denied):
        _, _, plan = prepare(other, FLAT, told)
    assert (list(plan.changing), plan.unknown) == ([FIRST], {})
    assert "could not be deleted" in told.lines[-1]


@pytest.mark.parametrize(
    ("was", "differs"),
    [
        ({}, False),
        ({"template": "other"}, True),
        ({"parameters": {"LogRetentionDays": "1"}}, True),
        ({"tags": {}}, True),
        ({"managed_execution": True}, True),
        ({"auto_deployment": {"Enabled": True}}, True),
        ({"auto_deployment": {"Enabled": False, "RetainStacksOnAccountRemoval": False}}, False),
    ],
)
def test_a_set_differs_if_anything_does_that_all_of_its_targets_have(sets, was, differs):
    fleet = sets.fleet()
    want, targets = wanted(fleet, SMALL), fleet.targets
    of_all = (want.root.text, want.parameters, want.tags, "", targets.managed_execution, {}, {})
    there = dataclasses.replace(StackSet(*of_all), **was)
    assert differences(fleet, want, there).definition is differs


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
    assert remaining(fleet, found, found.instances)[1][FIRST][0].endswith(
        f"--stack-name {stack}"
    )
    protect_from_termination(client, stack, on=False)
    kept, held, unknown = remaining(fleet, found, found.instances)
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
    _, held, _ = remaining(fleet, standing(fleet), [FOURTH])
    assert "holds files" in held[FOURTH][0]


def test_drift_is_found_in_the_stacks_nested_in_each_target(sets):
    fleet = sets.fleet(str(FIRST), str(FOURTH))
    deploy(fleet, SMALL, Told())
    suffix = fleet.targets.overrides[FOURTH]["NameSuffix"]
    sets.client("logs", FOURTH).put_retention_policy(
        logGroupName=f"notes{suffix}", retentionInDays=1
    )
    # Also in targets that the file no longer names.
    said = []
    without = sets.changed(fleet, without=[FOURTH])
    found, unknown = drifted(without, standing(fleet), said.append)
    assert {line.partition(": Comparing 2 stacks")[0] for line in said} == {*map(str, found)}
    assert unknown == {}
    assert {p: [d.resource for d in c.drifts] for p, c in found.items()} == {
        FIRST: [],
        FOURTH: ["Notes"],
    }
    assert standing(fleet).drift != "NOT_CHECKED"


def test_of_a_policy_that_somebody_opened_drift_says_when_it_is_set_again(monkeypatch, capsys):
    opened = {FIRST: Compared(2), SECOND: Compared(2, unprotected=("Data",))}
    for name in ("fleet_of", "there_is"):
        monkeypatch.setattr(of_sets, name, lambda *_: None)
    monkeypatch.setattr(comparing, "drifted", lambda *_: (opened, {}))
    with pytest.raises(SystemExit):
        of_sets.drift(None, as_json=False)
    said = capsys.readouterr().out.splitlines()
    assert said[-2:] == [
        "Data: its stack policy is not the one that keeps what holds data",
        "The next deploy that changes a target sets its policies again.",
    ]


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


def test_what_differs_is_told_with_the_stack_that_it_is_in(sets, there):
    topic = {
        **SMALL,
        "inside.yaml": SMALL["inside.yaml"] + "  Topic: {Type: AWS::SNS::Topic}\n",
    }
    _, _, plan = prepare(sets.changed(there, [FIRST], LogRetentionDays="60"), topic, Told())
    everywhere, *_, alone = merge(plan.changing)
    first, *inside = [change.place for change in everywhere.changes]
    assert (first, ("Inside", "Topic") in inside) == (("Inside",), True)
    assert [change.place for change in alone.changes] == [("Inside",), ("Inside", "Notes")]
    assert alone.places == (FIRST,)


def test_what_would_fail_half_way_is_told_of_every_target_with_templates_read_once(
    sets, there, monkeypatch
):
    task = """
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties: {RequiresCompatibilities: [FARGATE], Cpu: '512', Memory: '512'}
"""
    deployed = Mock(wraps=foreseeing._deployed)  # noqa: SLF001 - asks for a template a stack
    monkeypatch.setattr(foreseeing, "_deployed", deployed)
    scaled = "The service was scaled"
    monkeypatch.setattr(
        previews, "scaled_in", lambda environment, *_: [scaled] * (environment.region == EU)
    )
    wanted = {**SMALL, "inside.yaml": SMALL["inside.yaml"] + task}
    _, _, plan = prepare(there, wanted, Told())
    fails = "This will fail, and be undone: Inside/Task: Fargate has no tasks with 512 CPU"
    everywhere, eu = merge(plan.changing)
    assert [note[: len(fails)] for note in everywhere.notes] == [fails]
    assert (eu.places, eu.notes) == ((THIRD, FOURTH), (scaled,))
    assert deployed.call_count == 1
    shown = Console(file=io.StringIO(), width=200)
    shown.print(plan_table(plan, there.targets))
    said = shown.file.getvalue()
    # What is only told of some isn't said to be no change.
    assert (said.count(fails), said.count("to add"), said.count("no changes")) == (1, 1, 0)
    assert said.count(plan.digest) == 1
    told = set_as_json(plan, there.targets)
    assert told["shared"][0]["notes"] == [*everywhere.notes]
    assert told["targets"][3]["notes"] == [scaled, *everywhere.notes]


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
    found = fleet.cloudformation.describe_stack_set(StackSetName=fleet.name)["StackSet"]
    # AWS takes what is to become of accounts that leave only if it looks for them.
    assert found["AutoDeployment"] == {"Enabled": False}
    assert set(destroy(fleet, standing(fleet), Told())) == {FIRST}


def test_a_canary_among_the_accounts_of_units_is_the_one_that_was_chosen(sets, monkeypatch):
    monkeypatch.setattr(reaching, "_members", lambda *_: iter([HOME, OTHER]))
    monkeypatch.setattr(reaching, "crowding", lambda _: ())
    fleet = sets.fleet(str(FIRST), str(SECOND))
    chosen = dataclasses.replace(
        fleet.targets, units=("ou-1",), account_filter="UNION", canary=SECOND
    )
    found = reaching.fleet(dataclasses.replace(fleet.environment, targets=chosen), sets.home)
    assert (found.targets.canary, found.targets.units) == (SECOND, ("ou-1",))


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
