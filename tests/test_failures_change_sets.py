"""The failures that a deploy must survive, by their numbers: change sets.

Here: making one, reading it, and leaving none behind. Most is tried on the local AWS with a
design of one topic; what that can't answer comes over the wire (wire.py).
"""

import itertools
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from botocore import exceptions
from botocore.exceptions import ReadTimeoutError
from botocore.parsers import ResponseParserError
from deployed import Listener
from one_topic import (
    DENIED,
    MORE,
    NO_CHANGE_SET,
    PROTECTED,
    TOPIC,
    UPLOADS,
    dev,
    have,
    left_behind,
)
from test_deploy import with_settings
from wire import (
    BROKEN,
    CHANGE_SET,
    EXPIRED,
    GONE,
    NESTED,
    STACK,
    THROTTLED,
    TIMEOUT,
    UNAVAILABLE,
    Wire,
    answering,
    decoded,
    described,
    done,
    stack,
)

from liberty_cfn.deploy import (
    carrying_out,
    change_sets,
    deploying,
    discarding,
    preparing,
)
from liberty_cfn.deploy.changes import ChangeSet
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.patience import Patience
from liberty_cfn.deploy.preparing import plan
from liberty_cfn.deploy.stack import find
from liberty_cfn.deploy.work import Work
from liberty_cfn.mishaps import in_words

__all__ = ["dev"]

EXISTS = (
    400,
    "<Code>AlreadyExistsException</Code><Message>ChangeSet liberty-1 already exists</Message>",
)
CREATED = done("CreateChangeSet", Id=CHANGE_SET, StackId=STACK)
NO_CHANGES = "The submitted information didn't contain changes. Submit different information"


def create(wire, **more):
    return change_sets.create(
        wire.client,
        stack="liberty-social-dev",
        new=False,
        template={"TemplateURL": "https://x"},
        parameters={},
        tags={},
        **more,
    )


@pytest.mark.parametrize(
    "words",
    [
        NO_CHANGES,
        "No updates are to be performed.",
    ],
)
def test_case_02_no_change_is_no_failure_and_its_change_set_is_deleted(words):
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[described(status="FAILED", reason=words)],
        DeleteChangeSet=[done("DeleteChangeSet")],
    )
    assert create(wire) is None
    deleted = [body for name, body in map(decoded, wire.asked) if name == "DeleteChangeSet"]
    assert [body["ChangeSetName"] for body in deleted] == [CHANGE_SET]


@pytest.mark.parametrize("execution", ["OBSOLETE", "UNAVAILABLE"])
def test_case_11_a_change_set_that_nobody_can_execute_is_no_plan_and_is_deleted(execution):
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[described(execution)],
        DeleteChangeSet=[done("DeleteChangeSet")],
    )
    with pytest.raises(DeployError, match=rf"{execution} of the plan.* changed nothing"):
        create(wire)
    assert [decoded(one)[0] for one in wire.asked][-1] == "DeleteChangeSet"


def test_case_02_no_change_is_no_failure_though_aws_says_so_only_where_it_tells_no_values():
    """https://github.com/boto/boto3/issues/4178."""
    why = described(status="FAILED", reason=NO_CHANGES)
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[described(status="FAILED"), why],
        DeleteChangeSet=[done("DeleteChangeSet")],
    )
    assert create(wire) is None
    asked = [body for name, body in map(decoded, wire.asked) if name == "DescribeChangeSet"]
    assert ["IncludePropertyValues" in body for body in asked] == [True, False]


def test_case_02_no_change_is_no_failure_though_its_change_set_cannot_be_deleted(target, dev):
    have(dev, target, TOPIC)
    listener = Listener()
    with answering(target.client("cloudformation"), "DeleteChangeSet", DENIED):
        assert not have(dev, target, TOPIC, listener).changed
    [waiting] = left_behind(target, dev)
    assert f"{waiting['ChangeSetName']} could not be deleted" in listener.said[0]


def test_case_02_a_second_deploy_changes_nothing_and_leaves_nothing_behind(target, dev):
    have(dev, target, TOPIC)
    events, asked = target.client("cloudformation").meta.events, []
    events.register("before-call", note := lambda model, **_: asked.append(model.name))
    assert not have(dev, target, TOPIC).changed
    events.unregister("before-call", note)
    assert left_behind(target, dev) == []
    assert sorted(asked) == sorted(set(asked))  # nor does it ask anything twice


def test_case_03_a_stack_that_waits_for_its_first_change_set_is_a_new_one(target, dev):
    cloudformation = target.client("cloudformation")
    cloudformation.create_change_set(
        StackName=dev.stack,
        ChangeSetName="liberty-of-a-deploy-that-was-killed",
        ChangeSetType="CREATE",
        TemplateBody=TOPIC,
    )
    assert find(cloudformation, dev.stack)["StackStatus"] == "REVIEW_IN_PROGRESS"
    assert have(dev, target, TOPIC).changed
    assert left_behind(target, dev) == []


def test_case_03_the_change_set_that_another_deploy_waits_with_is_left_alone(target, dev):
    cloudformation = target.client("cloudformation")
    others = cloudformation.create_change_set(
        StackName=dev.stack, ChangeSetName="other", ChangeSetType="CREATE", TemplateBody=TOPIC
    )
    plan(Work(dev, target, Listener(), {"root.yaml": TOPIC}))
    assert find(cloudformation, dev.stack)["StackStatus"] == "REVIEW_IN_PROGRESS"
    assert [s["ChangeSetId"] for s in left_behind(target, dev)] == [others["Id"]]


def listed(*statuses):
    """Return ListChangeSets' answer: one of ours for each of these statuses."""
    ours = (
        f"<StackId>{STACK}</StackId><ChangeSetId>{CHANGE_SET}</ChangeSetId>"
        "<ChangeSetName>liberty-1</ChangeSetName>"
    )
    each = (f"<member>{ours}<Status>{status}</Status></member>" for status in statuses)
    return done("ListChangeSets", Summaries="".join(each))


def test_case_03_an_empty_stack_goes_when_what_it_was_made_for_is_gone():
    wire = Wire(
        DeleteChangeSet=[done("DeleteChangeSet")],
        DescribeStacks=[stack("REVIEW_IN_PROGRESS")],
        ListChangeSets=[listed("DELETE_IN_PROGRESS"), listed()],
        DeleteStack=[done("DeleteStack")],
    )
    discarding.discard(wire.client, ChangeSet(CHANGE_SET, STACK, "liberty-1", new=True))
    assert [operation for operation, _ in wire.asked][-3:] == [
        *("ListChangeSets", "ListChangeSets", "DeleteStack"),
    ]


def test_case_33_a_stack_that_another_deploy_began_to_fill_is_not_taken_for_empty():
    other = (
        "<member><ChangeSetId>theirs</ChangeSetId><ChangeSetName>liberty-2</ChangeSetName>"
        "<ExecutionStatus>EXECUTE_IN_PROGRESS</ExecutionStatus></member>"
    )
    wire = Wire(
        DeleteChangeSet=[NO_CHANGE_SET],
        DescribeStacks=[stack("REVIEW_IN_PROGRESS")],
        ListChangeSets=[done("ListChangeSets", Summaries=other)],
    )
    discarding.discard(wire.client, ChangeSet(CHANGE_SET, STACK, "liberty-1", new=True))
    assert "DeleteStack" not in [operation for operation, _ in wire.asked]


@pytest.mark.parametrize("new", [False, True])
@pytest.mark.parametrize("gone", [GONE, NO_CHANGE_SET])
def test_a_change_set_that_somebody_else_deleted_needs_not_be_discarded(new, gone):
    wire = Wire(DeleteChangeSet=[gone], DescribeStacks=[GONE])
    discarding.discard(wire.client, ChangeSet(CHANGE_SET, STACK, "liberty-1", new=new))


@pytest.mark.parametrize("unread", ["DeleteChangeSet", "DescribeStacks", "DeleteStack"])
def test_case_19_nothing_stays_behind_though_an_answer_could_not_be_read(unread):
    answers = {
        "DeleteChangeSet": [NO_CHANGE_SET],
        "DescribeStacks": [stack("REVIEW_IN_PROGRESS")],
        "ListChangeSets": [listed()],
        "DeleteStack": [done("DeleteStack")],
    }
    wire = Wire(**{name: [BROKEN] * (name == unread) + answers[name] for name in answers})
    discarding.discard(wire.client, ChangeSet(CHANGE_SET, STACK, "liberty-1", new=True))
    asked = [operation for operation, _ in wire.asked]
    assert asked[-1] == "DeleteStack"
    assert asked.count(unread) > 1


@pytest.mark.parametrize("status", ["EXECUTE_IN_PROGRESS", "EXECUTE_COMPLETE"])
def test_a_change_set_that_is_executed_is_not_left_behind(status):
    _, text = listed("CREATE_COMPLETE")
    executed = text.replace(
        "</Status>", f"</Status><ExecutionStatus>{status}</ExecutionStatus>"
    )
    wire = Wire(ListChangeSets=[(200, executed)])
    assert discarding.left_behind(wire.client, "liberty-social-dev", pytest.fail) == []


@pytest.mark.parametrize(
    ("status", "awaited"),
    [
        ("AVAILABLE", True),
        ("UNAVAILABLE", True),
        ("EXECUTE_FAILED", False),
        ("OBSOLETE", False),
    ],
)
def test_what_nobody_can_execute_any_more_nobody_is_taken_to_wait_for(status, awaited):
    _, text = listed("CREATE_COMPLETE")
    more = f"<ExecutionStatus>{status}</ExecutionStatus>"
    more += f"<CreationTime>{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}</CreationTime>"
    found = text.replace("</Status>", f"</Status>{more}")
    wire = Wire(ListChangeSets=[(200, found)])
    [left] = discarding.left_behind(wire.client, "liberty-social-dev", pytest.fail)
    assert left.awaited is awaited


def test_a_change_set_that_is_being_deleted_is_not_swept_away_again():
    wire = Wire(ListChangeSets=[listed("DELETE_PENDING", "DELETE_IN_PROGRESS")])
    assert discarding.left_behind(wire.client, "liberty-social-dev", pytest.fail) == []


def test_case_33_a_deploy_without_changes_leaves_alone_what_another_waits_for_consent_to(
    target, dev, monkeypatch
):
    have(dev, target, TOPIC)
    cloudformation = target.client("cloudformation")

    def another(name, template):
        asked = {"StackName": dev.stack, "ChangeSetName": name, "TemplateBody": template}
        return cloudformation.create_change_set(**asked)["Id"]

    another("liberty-killed", TOPIC)  # in which nothing changes, so nobody can execute it
    waits = another("liberty-waits", MORE)
    have(dev, target, TOPIC)
    assert [each["ChangeSetId"] for each in left_behind(target, dev)] == [waits]
    monkeypatch.setattr(discarding, "FORGOTTEN", timedelta())
    have(dev, target, TOPIC)
    assert left_behind(target, dev) == []


@pytest.mark.parametrize("there", [False, True])
def test_what_a_killed_plan_left_goes_with_the_next_plan_when_nobody_waits_for_it(
    target, dev, monkeypatch, there
):
    cloudformation = target.client("cloudformation")
    if there:
        have(dev, target, TOPIC)
    with monkeypatch.context() as patch:
        patch.setattr(discarding, "discard", lambda *_, **__: None)
        plan(Work(dev, target, Listener(), {"root.yaml": MORE}))
    plan(Work(dev, target, Listener(), {"root.yaml": TOPIC}))
    assert len(left_behind(target, dev)) == 1
    monkeypatch.setattr(discarding, "FORGOTTEN", timedelta())
    plan(Work(dev, target, Listener(), {"root.yaml": TOPIC}))
    assert left_behind(target, dev) == []
    assert bool(find(cloudformation, dev.stack)) is there


def test_the_change_set_of_another_program_is_left_alone_however_old(target, dev, monkeypatch):
    monkeypatch.setattr(discarding, "FORGOTTEN", timedelta())
    have(dev, target, TOPIC)
    others = target.client("cloudformation").create_change_set(
        StackName=dev.stack, ChangeSetName="other", TemplateBody=MORE
    )
    assert not have(dev, target, TOPIC).changed
    assert [s["ChangeSetId"] for s in left_behind(target, dev)] == [others["Id"]]


def test_a_stack_that_is_not_there_yet_has_nothing_left_behind_nor_is_a_word_said():
    wire = Wire(ListChangeSets=[GONE])
    assert discarding.left_behind(wire.client, "liberty-social-dev", pytest.fail) == []


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (exceptions.EndpointConnectionError(endpoint_url="https://cloudformation"), 0),
        # Credentials that renew themselves may be good again, and one refusal costs nothing.
        (exceptions.ClientError({"Error": {"Code": "ExpiredToken"}}, "Ask"), 1),
    ],
)
def test_case_21_a_change_set_is_discarded_unless_aws_cannot_be_reached(error, asked):
    wire = Wire(DeleteChangeSet=[EXPIRED])
    ours = ChangeSet(CHANGE_SET, STACK, "liberty-1")
    with pytest.raises(type(error)), discarding.kept_only_if_well(wire.client, ours):
        raise error
    assert len(wire.asked) == asked


def test_case_03_a_plan_made_twice_deletes_no_stack_that_the_next_is_for(target, dev):
    deleted, events = [], target.client("cloudformation").meta.events
    told = "provide-client-params.cloudformation.DeleteStack"
    events.register(told, take_note := lambda params, **_: deleted.append(params))
    have(with_settings(dev, DatabaseDeletionProtection="true"), target, PROTECTED)
    events.unregister(told, take_note)
    assert deleted == []


def test_case_03_an_empty_stack_goes_too_when_the_next_plan_for_it_cannot_be_made(
    target, dev, monkeypatch
):
    def in_the_way(*_, **__):
        raise DeployError("in the way")

    monkeypatch.setattr(deploying, "prepare_now", in_the_way)
    with pytest.raises(DeployError, match="in the way"):
        have(with_settings(dev, DatabaseDeletionProtection="true"), target, PROTECTED)
    assert find(target.client("cloudformation"), dev.stack) is None


def test_case_02_a_first_plan_that_cannot_be_deleted_is_no_reason_to_stop(target, dev):
    production, listener = with_settings(dev, DatabaseDeletionProtection="true"), Listener()
    with answering(target.client("cloudformation"), "DeleteChangeSet", DENIED):
        assert have(production, target, PROTECTED, listener).changed
    assert "could not be deleted; a later deploy does it" in listener.said[0]
    have(production, target, PROTECTED)
    assert left_behind(target, dev) == []


def test_a_change_set_that_cannot_be_read_is_not_left_behind(target, dev):
    have(dev, target, TOPIC)
    client = target.client("cloudformation")
    unread = (400, "<Code>ValidationError</Code><Message>No values for you</Message>")
    seen = []

    def refuse(params, **_):
        if "IncludePropertyValues" in params["body"]:
            seen.append(params)
            return SimpleNamespace(status_code=unread[0]), {"Error": {"Code": "Denied"}}
        return None

    event = "before-call.cloudformation.DescribeChangeSet"
    client.meta.events.register(event, refuse)
    try:
        with pytest.raises(exceptions.ClientError):
            plan(Work(dev, target, Listener(), {"root.yaml": MORE}))
    finally:
        client.meta.events.unregister(event, refuse)
    assert seen
    assert left_behind(target, dev) == []


def test_a_change_set_that_is_not_executed_for_want_of_rights_is_not_left_behind(target, dev):
    have(dev, target, TOPIC)
    with (
        answering(target.client("cloudformation"), "GetStackPolicy", DENIED),
        pytest.raises(exceptions.ClientError, match="AccessDenied"),
    ):
        have(dev, target, MORE)
    assert left_behind(target, dev) == []


@pytest.mark.parametrize("operation", ["ExecuteChangeSet", "DescribeChangeSet"])
def test_a_change_set_that_may_not_be_used_is_not_left_behind(target, dev, operation):
    have(dev, target, TOPIC)
    with (
        answering(target.client("cloudformation"), operation, DENIED),
        pytest.raises(exceptions.ClientError, match="Not yours"),
    ):
        have(dev, target, MORE)
    assert left_behind(target, dev) == []


@pytest.mark.parametrize(
    "answer", [(500, "<Code>InternalFailure</Code><Message>Sorry</Message>"), BROKEN]
)
def test_case_20_a_change_set_whose_execution_never_arrived_is_not_left_behind(
    target, dev, answer
):
    have(dev, target, TOPIC)
    refused = pytest.raises((exceptions.ClientError, ResponseParserError))
    with answering(target.client("cloudformation"), "ExecuteChangeSet", answer), refused:
        have(dev, target, MORE)
    assert left_behind(target, dev) == []


def test_case_29_a_change_set_is_not_left_behind_by_who_stops_its_execution(
    target, dev, monkeypatch
):
    have(dev, target, TOPIC)

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(carrying_out, "execute", stopped)
    with pytest.raises(KeyboardInterrupt):
        have(dev, target, MORE)
    assert left_behind(target, dev) == []


def test_case_29_a_plan_is_not_left_behind_by_who_stops_it_when_it_is_weighed(
    target, dev, monkeypatch
):
    have(dev, target, TOPIC)
    monkeypatch.setattr(preparing, "_failing", Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        have(dev, target, MORE)
    assert left_behind(target, dev) == []


def test_case_29_a_change_set_is_discarded_though_somebody_stops_that():
    wire = Wire(DeleteChangeSet=[KeyboardInterrupt(), done("DeleteChangeSet")])
    with pytest.raises(KeyboardInterrupt):
        discarding.drop(wire.client, ChangeSet(CHANGE_SET, STACK, "liberty-1"))
    assert [name for name, _ in wire.asked] == ["DeleteChangeSet"] * 2


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("ValidationError", "Stack:x is in UPDATE_IN_PROGRESS state and can not be updated."),
        ("ValidationError", "Stack:x is in ROLLBACK_COMPLETE state and can not be updated."),
        (
            "ValidationError",
            "Stack [x] already exists and cannot be created again with the changeSet [y].",
        ),
        ("ValidationError", "Stack [x] does not exist"),
        ("AlreadyExistsException", "Stack [x] already exists"),
    ],
)
def test_case_10_what_somebody_did_just_before_the_plan_is_a_sentence(code, found):
    wire = Wire(
        CreateChangeSet=[(400, f"<Code>{code}</Code><Message>{found}</Message>")],
        DescribeChangeSet=[NO_CHANGE_SET],
    )
    with pytest.raises(DeployError, match=r"just before this plan.*Deploy again") as error:
        create(wire)
    assert found in str(error.value)


def test_what_is_deployed_is_not_called_failed_for_change_sets_that_cannot_be_listed(
    target, dev
):
    listener = Listener()
    with answering(target.client("cloudformation"), "ListChangeSets", DENIED):
        assert have(dev, target, TOPIC, listener).changed
    assert "AWS refused ListChangeSets: Not yours" in listener.said[0]
    made = find(target.client("cloudformation"), dev.stack)
    assert made["EnableTerminationProtection"]


def test_a_plan_whose_change_set_cannot_be_deleted_is_shown_and_the_next_deploy_does_it(
    target, dev
):
    have(dev, target, TOPIC)
    told = Listener()
    with answering(target.client("cloudformation"), "DeleteChangeSet", DENIED):
        planned = plan(Work(dev, target, told, {"root.yaml": MORE}))
    assert "Another" in {change.resource for change in planned.changes}
    [waiting] = left_behind(target, dev)
    assert waiting["ChangeSetName"] in told.said[0]
    assert "DeleteChangeSet: Not yours" in told.said[0]
    have(dev, target, UPLOADS)
    assert left_behind(target, dev) == []


def test_why_nothing_is_changed_is_told_though_the_change_set_cannot_be_deleted(target, dev):
    have(dev, target, UPLOADS)
    listener = Listener()
    denied = answering(target.client("cloudformation"), "DeleteChangeSet", DENIED)
    with denied, pytest.raises(DeployError, match="Data would be lost"):
        have(dev, target, TOPIC, listener)
    assert "DeleteChangeSet: Not yours" in listener.said[-1]


def test_case_33_what_another_deploy_is_about_to_do_is_left_to_it(target, dev, monkeypatch):
    have(dev, target, TOPIC)
    cloudformation, planned = target.client("cloudformation"), []

    def meanwhile(*_, **__):
        asked = {"StackName": dev.stack, "ChangeSetName": "liberty-other", "TemplateBody": MORE}
        planned.append(cloudformation.create_change_set(**asked)["Id"])

    monkeypatch.setattr(deploying, "close_again", meanwhile)
    assert not have(dev, target, TOPIC).changed
    assert [each["ChangeSetId"] for each in left_behind(target, dev)] == planned


@pytest.mark.parametrize("gone", [NO_CHANGE_SET, GONE])
def test_case_33_a_plan_that_another_deploy_deletes_meanwhile_is_a_sentence(gone):
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[gone],
        DeleteChangeSet=[done("DeleteChangeSet")],
    )
    with pytest.raises(DeployError, match="deleted meanwhile, by somebody"):
        create(wire)


def test_a_change_set_in_a_state_nobody_knows_is_not_taken_for_ready():
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[described(status="DELETE_PENDING")],
        DeleteChangeSet=[done("DeleteChangeSet")],
    )
    with pytest.raises(DeployError, match="DELETE_PENDING"):
        create(wire)


def test_a_change_set_that_failed_for_no_reason_says_so():
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[described(status="FAILED")],
        DescribeEvents=[done("DescribeEvents")],
        DeleteChangeSet=[done("DeleteChangeSet")],
    )
    with pytest.raises(DeployError, match="no reason given"):
        create(wire)


def nested_in(title, more=""):
    """Return the changes of a change set that says a nested stack changes, as XML."""
    return (
        f"<Changes><member><ResourceChange><Action>Modify</Action><LogicalResourceId>{title}"
        "</LogicalResourceId><ResourceType>AWS::CloudFormation::Stack</ResourceType>"
        f"<PhysicalResourceId>{NESTED}</PhysicalResourceId>{more}</ResourceChange></member>"
        "</Changes>"
    )


@pytest.mark.parametrize(
    ("status", "reason", "told"),
    [
        ("FAILED", "Something odd", "Something odd"),
        ("FAILED", "", "no reason given."),
        ("FAILED", NO_CHANGES, None),
        ("DELETE_COMPLETE", "", "no reason given."),
    ],
)
def test_case_31_a_nested_stack_of_which_nothing_can_be_told_is_named(status, reason, told):
    inside = described(status=status, reason=reason)
    nested = nested_in("Logs", "<ChangeSetId>inside</ChangeSetId>")
    root = (200, described()[1].replace("<Changes/>", nested))
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[root, inside],
    )
    said = []
    [change] = create(wire, say=said.append).changes
    assert (change.resource, change.opaque) == ("Logs", bool(told))
    assert [f"inside Logs can't be told: {told}" in line for line in said] == [True] * len(said)
    assert bool(said) is bool(told)


@pytest.mark.parametrize(("action", "any_way"), [("Modify", True), ("Add", False)])
def test_a_nested_stack_without_a_change_set_of_its_own_may_change_in_any_way_but_if_it_is_made(
    action, any_way
):
    inside = f"<IncludeNestedStacks>true</IncludeNestedStacks>{nested_in('Logs')}"
    root = (200, described()[1].replace("<Changes/>", inside.replace("Modify", action)))
    wire = Wire(CreateChangeSet=[CREATED], DescribeChangeSet=[root])
    assert [change.opaque for change in create(wire).changes] == [any_way]


def test_a_change_set_that_lists_no_changes_at_all_is_one_of_outputs_alone():
    """AWS's description of the answer requires no list."""
    listless = (200, described()[1].replace("<Changes/>", ""))
    wire = Wire(CreateChangeSet=[CREATED], DescribeChangeSet=[listless])
    assert create(wire).changes == ()


def test_what_changes_is_told_with_the_path_to_it_at_any_depth():
    names = ("One", "Two", "Three")
    nested = [nested_in(name, f"<ChangeSetId>{name}</ChangeSetId>") for name in names]
    pages = [(200, described()[1].replace("<Changes/>", inside)) for inside in nested]
    wire = Wire(CreateChangeSet=[CREATED], DescribeChangeSet=[*pages, described()])
    places = [(*change.stack, change.resource) for change in create(wire).changes]
    assert places == [names[:1], names[:2], names]


@pytest.mark.parametrize(
    ("action", "there"), [("Remove", True), ("Remove", False), ("Dynamic", True)]
)
def test_what_is_in_a_nested_stack_that_goes_is_told_though_its_change_set_says_nothing(
    action, there
):
    nested = nested_in("Logs", "<ChangeSetId>inside</ChangeSetId>").replace("Modify", action)
    root = (200, described()[1].replace("<Changes/>", nested))
    group = (
        "<member><LogicalResourceId>Group</LogicalResourceId><ResourceStatus>CREATE_COMPLETE"
        "</ResourceStatus><ResourceType>AWS::Logs::LogGroup</ResourceType></member>"
    )
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[root],
        ListStackResources=[done("ListStackResources", StackResourceSummaries=group)],
        GetTemplate=[
            done("GetTemplate", TemplateBody="Resources: {Group: {Type: AWS::Logs::LogGroup}}")
            if there
            else GONE
        ],
    )
    told = [(change.resource, change.action, change.left) for change in create(wire).changes]
    assert told == [("Logs", action, ""), ("Group", "Remove", "Delete")][: 1 + there]


@pytest.mark.parametrize("lost", [EXISTS, TIMEOUT, UNAVAILABLE])
def test_case_12_a_change_set_whose_name_exists_is_ours_and_is_found_by_it(lost):
    wire = Wire(CreateChangeSet=[lost], DescribeChangeSet=[described()])
    assert create(wire).id == CHANGE_SET
    asked = [body for _, body in map(decoded, wire.asked)]
    assert asked[0]["ChangeSetName"] == asked[0]["ClientToken"] == asked[1]["ChangeSetName"]


def test_case_12_a_name_that_somebody_else_has_is_left_for_another():
    wire = Wire(
        CreateChangeSet=[EXISTS, CREATED],
        DescribeChangeSet=[NO_CHANGE_SET, described()],
    )
    assert create(wire).id == CHANGE_SET
    first, second = (
        body["ChangeSetName"]
        for operation, body in map(decoded, wire.asked)
        if operation == "CreateChangeSet"
    )
    assert first != second


def test_case_12_another_name_is_tried_once_and_no_more():
    wire = Wire(CreateChangeSet=[EXISTS, EXISTS, CREATED], DescribeChangeSet=[NO_CHANGE_SET])
    with pytest.raises(exceptions.ClientError, match="liberty-1 already exists"):
        create(wire)


def test_case_12_a_change_set_that_never_arrived_is_not_taken_for_made():
    wire = Wire(CreateChangeSet=[TIMEOUT], DescribeChangeSet=[NO_CHANGE_SET])
    with pytest.raises(ReadTimeoutError):
        create(wire)


def test_a_plan_of_many_pages_is_read_whole_and_with_values():
    def page(name, more=""):
        change = (
            f"<Changes><member><ResourceChange><LogicalResourceId>{name}</LogicalResourceId>"
            "<ResourceType>AWS::S3::Bucket</ResourceType><Action>Remove</Action>"
            f"</ResourceChange></member></Changes>{more}"
        )
        return 200, described()[1].replace("<Changes/>", change)

    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[page("One", "<NextToken>more</NextToken>"), page("Two")],
    )
    assert [change.resource for change in create(wire).changes] == ["One", "Two"]
    asked = [body for name, body in map(decoded, wire.asked) if name == "DescribeChangeSet"]
    assert [body.get("NextToken") for body in asked] == [None, "more"]
    assert {body["IncludePropertyValues"] for body in asked} == {"true"}


def test_case_29_a_change_set_that_nobody_waits_for_any_more_is_deleted():
    wire = Wire(
        CreateChangeSet=[KeyboardInterrupt()],
        DescribeChangeSet=[described()],
        DeleteChangeSet=[done("DeleteChangeSet")],
    )
    with pytest.raises(KeyboardInterrupt):
        create(wire)
    operation, body = decoded(wire.asked[-1])
    assert (operation, body["ChangeSetName"]) == ("DeleteChangeSet", CHANGE_SET)


@pytest.mark.parametrize(
    "why",
    [
        "Cannot delete ChangeSet in status CREATE_IN_PROGRESS",
        "An operation on this ChangeSet is currently in progress.  Please attempt it later.",
    ],
)
def test_case_29_a_change_set_that_is_still_being_made_is_deleted_when_it_is(why):
    busy = (400, f"<Code>InvalidChangeSetStatus</Code><Message>{why}</Message>")
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[KeyboardInterrupt()],
        DeleteChangeSet=[busy, busy, done("DeleteChangeSet")],
    )
    with pytest.raises(KeyboardInterrupt):
        create(wire)
    assert [name for name, _ in wire.asked].count("DeleteChangeSet") == 3


def test_a_change_set_that_is_never_made_is_not_waited_with_for_ever():
    why = "Cannot delete ChangeSet in status CREATE_PENDING"
    wire = Wire(
        DeleteChangeSet=[(400, f"<Code>InvalidChangeSetStatus</Code><Message>{why}</Message>")]
    )
    said = []
    discarding.drop(wire.client, ChangeSet(CHANGE_SET, STACK, "liberty-1"), said.append)
    assert (
        f"could not be deleted; a later deploy does it. AWS refused DeleteChangeSet: {why}"
        in (said[0])
    )


def test_case_29_ctrl_c_stays_ctrl_c_though_no_change_set_is_found():
    wire = Wire(CreateChangeSet=[KeyboardInterrupt()], DescribeChangeSet=[NO_CHANGE_SET])
    with pytest.raises(KeyboardInterrupt):
        create(wire)


def test_case_16_a_change_set_that_is_looked_at_in_vain_is_looked_at_again():
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[
            THROTTLED,
            UNAVAILABLE,
            described(status="CREATE_PENDING"),
            described(status="CREATE_IN_PROGRESS"),
            described(),
        ],
    )
    assert create(wire).id == CHANGE_SET


@pytest.mark.parametrize("looks", [[DENIED], [THROTTLED] * 3])
def test_case_16_a_change_set_that_aws_does_not_tell_of_is_looked_at_no_longer(
    monkeypatch, looks
):
    monkeypatch.setattr(change_sets, "LOOKS", 2)
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[*looks, described()],
        DeleteChangeSet=[done("DeleteChangeSet")],
    )
    with pytest.raises(exceptions.ClientError):
        create(wire)


def test_case_15_a_change_set_that_is_never_made_is_not_waited_for_for_ever(monkeypatch):
    hours = itertools.count(0, 3600)
    impatient = partial(Patience, clock=lambda: next(hours))
    monkeypatch.setattr(change_sets, "Patience", impatient)
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[described(status="CREATE_IN_PROGRESS")],
        DeleteChangeSet=[done("DeleteChangeSet")],
    )
    with pytest.raises(DeployError, match="not made the plan after 3 h") as error:
        create(wire)
    assert in_words(error.value) == str(error.value)
    assert wire.asked[-1][0] == "DeleteChangeSet"


def test_while_a_plan_takes_long_to_make_there_is_a_word_now_and_then(monkeypatch):
    seconds = itertools.count(0, 35)
    slow = partial(Patience, clock=lambda: next(seconds))
    monkeypatch.setattr(change_sets, "Patience", slow)
    looks = [described(status="CREATE_IN_PROGRESS")] * 3
    wire, said = Wire(CreateChangeSet=[CREATED], DescribeChangeSet=[*looks, described()]), []
    assert create(wire, say=said.append)
    assert said == ["CloudFormation is still making the plan"]


REFUSED_EARLY = (
    "The following hook(s)/validation failed: [AWS::EarlyValidation::ResourceExistenceCheck]. "
    "To troubleshoot Early Validation errors, use the DescribeEvents API for detailed failure "
    "information."
)
UNRESOLVED = "{{IntrinsicFunction:liberty-social-prod/Secrets.Outputs.Arn/Fn::GetAtt}}"
NESTED_REFUSED = (
    f"Nested change set {CHANGE_SET}/nested was not successfully created: Currently in FAILED."
)


@pytest.mark.parametrize(
    "descriptions",
    [
        [described(status="FAILED", reason=REFUSED_EARLY)],
        [
            described(status="FAILED", reason=NESTED_REFUSED),
            described(status="FAILED", reason=REFUSED_EARLY),
        ],
    ],
    ids=["root", "nested"],
)
def test_case_25_a_change_set_that_early_validation_refuses_says_why_and_is_deleted(
    descriptions,
):
    why = "Resource of type 'AWS::S3::Bucket' with identifier 'x' already exists."
    refused = (
        "<member><EventId>1</EventId><OperationId>1</OperationId><OperationType>"
        "CREATE_CHANGESET</OperationType><OperationStatus>FAILED</OperationStatus><EventType>"
        "STACK_EVENT</EventType></member>"
        "<member><EventId>2</EventId><OperationId>1</OperationId>"
        "<EventType>VALIDATION_ERROR</EventType><LogicalResourceId>Uploads</LogicalResourceId>"
        "<ResourceType>AWS::S3::Bucket</ResourceType><ValidationFailureMode>FAIL"
        "</ValidationFailureMode><ValidationName>NAME_CONFLICT_VALIDATION</ValidationName>"
        "<ValidationStatus>FAILED</ValidationStatus><ValidationPath>/Resources/Uploads"
        f"</ValidationPath><ValidationStatusReason>{why}</ValidationStatusReason></member>"
    )
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=descriptions,
        DescribeEvents=[done("DescribeEvents", OperationEvents=refused)],
        ListHookResults=[done("ListHookResults", HookResults="")],
        DeleteChangeSet=[done("DeleteChangeSet")],
    )
    with pytest.raises(DeployError) as error:
        create(wire)
    assert in_words(error.value) == (
        "CloudFormation can't plan this change: "
        f"Uploads (AWS::S3::Bucket /Resources/Uploads): {why}\n"
        "The name is taken. If this environment's own resource has it, which the change moves "
        "to another stack or logical id: take the change back, and delete nothing. If it was "
        "kept when it was taken away earlier, or another environment has it: delete that if "
        "nobody needs it, or choose another name (of a new environment, another NameSuffix)."
    )
    asked = [(name, body.get("ChangeSetName")) for name, body in map(decoded, wire.asked)]
    assert ("DescribeEvents", CHANGE_SET) in asked
    assert [name for name, _ in asked].count(
        "CreateChangeSet"
    ) == 1  # the root isn't tried alone
    assert asked[-1] == ("DeleteChangeSet", CHANGE_SET)


def test_case_25_of_all_nested_change_sets_that_fail_is_told_why_and_those_to_come_awaited():
    members = (nested_in(f"N{n}", f"<ChangeSetId>{n}</ChangeSetId>")[9:-10] for n in range(4))
    changes = f"<Changes>{''.join(members)}</Changes>"
    _, root = described(status="FAILED", reason=NESTED_REFUSED)
    refused = [
        "<member><EventType>VALIDATION_ERROR</EventType><LogicalResourceId>"
        f"{name}</LogicalResourceId><ValidationStatusReason>No good</ValidationStatusReason>"
        "</member>"
        for name in ("One", "Two")
    ]
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[
            (200, root.replace("<Changes/>", changes)),
            described(status="FAILED", reason=REFUSED_EARLY),
            described(reason="Only executable from the root change set."),
            described(status="FAILED", reason=NO_CHANGES),
            described(status="CREATE_IN_PROGRESS"),
            described(status="FAILED", reason=REFUSED_EARLY),
            described(status="FAILED", reason="Template format error"),
        ],
        DescribeEvents=[done("DescribeEvents", OperationEvents=e) for e in (*refused, "")],
        ListHookResults=[done("ListHookResults", HookResults="")],
        DeleteChangeSet=[done("DeleteChangeSet")],
    )
    with pytest.raises(DeployError) as error:
        create(wire)
    heading, *others = str(error.value).splitlines()
    assert heading == "CloudFormation can't plan this change: One: No good"
    assert others == ["Two: No good", "Template format error"]


def test_why_nothing_can_be_planned_is_told_though_the_change_set_cannot_be_deleted():
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[described(status="FAILED", reason="It is odd")],
        DescribeEvents=[DENIED],
        DeleteChangeSet=[DENIED],
    )
    said = []
    with pytest.raises(DeployError, match="can't plan this change: It is odd"):
        create(wire, say=said.append)
    assert "could not be deleted; a later deploy does it" in said[0]


def test_case_26_a_capability_that_is_missing_is_named_with_what_to_do():
    why = "Requires capabilities : [CAPABILITY_AUTO_EXPAND]"
    code = "InsufficientCapabilitiesException"
    wire = Wire(
        CreateChangeSet=[(400, f"<Code>{code}</Code><Message>{why}</Message>")],
        DescribeChangeSet=[NO_CHANGE_SET],
    )
    with pytest.raises(exceptions.ClientError) as error:
        create(wire)
    said = in_words(error.value)
    assert said.startswith(f"AWS refused CreateChangeSet: {why} ({code}). CloudFormation wants")
    assert "Macros (CAPABILITY_AUTO_EXPAND) are not for these templates" in said


def test_case_30_a_creation_whose_answer_was_lost_is_found_by_its_token():
    """The client sends it again, and hears that it exists; the name is the token."""
    wire = Wire(attempts=2, CreateChangeSet=[TIMEOUT, EXISTS], DescribeChangeSet=[described()])
    assert create(wire).id == CHANGE_SET
    sent = [body for name, body in map(decoded, wire.asked) if name == "CreateChangeSet"]
    assert len(sent) == 2
    assert len({body["ClientToken"] for body in sent}) == 1


@pytest.mark.parametrize(
    ("failed", "told"),
    [
        (
            [
                described(status="FAILED", reason=NESTED_REFUSED),
                described(status="FAILED", reason="Template format error: duplicate Export"),
            ],
            "Template format error: duplicate Export",
        ),
        ([described(status="FAILED", reason=NESTED_REFUSED), DENIED], NESTED_REFUSED),
        (
            [described(status="FAILED", reason=f"ChangeSet limit exceeded for stack {NESTED}")],
            f"ChangeSet limit exceeded for stack {NESTED}",
        ),
        (
            [described(status="FAILED", reason=f"Usage of {UNRESOLVED} is not allowed.")],
            f"Usage of {UNRESOLVED} is not allowed",
        ),
    ],
)
def test_case_31_where_nested_change_sets_cannot_be_made_that_is_said_and_the_root_planned(
    failed, told
):
    alone = (200, described()[1].replace("<Changes/>", nested_in("Logs")))
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[*failed, alone],
        DescribeEvents=[done("DescribeEvents", OperationEvents="")],
        DeleteChangeSet=[done("DeleteChangeSet")],
    )
    said = []
    made = create(wire, say=said.append)
    assert (made.id, [change.opaque for change in made.changes]) == (CHANGE_SET, [True])
    assert f"What changes inside nested stacks can't be told: {told}" in said[0]
    assert ("change a value of Tags in params/" in said[0]) == ("limit exceeded" in told)
    asked = [name for name, _ in wire.asked]
    assert asked.index("DeleteChangeSet") < len(asked) - 2  # the first is not left behind
    sent = [body for name, body in map(decoded, wire.asked) if name == "CreateChangeSet"]
    assert [body["IncludeNestedStacks"] for body in sent] == ["true", "false"]


@pytest.mark.parametrize(
    "why",
    [
        "Nested change sets are not available in this region",
        "Change sets for nested stacks are not supported",
        "The parameter IncludeNestedStacks is not supported",
    ],
)
def test_case_31_a_refusal_to_make_any_for_nested_stacks_is_said_and_the_root_planned(why):
    wire = Wire(
        CreateChangeSet=[
            (400, f"<Code>ValidationError</Code><Message>{why}</Message>"),
            CREATED,
        ],
        DescribeChangeSet=[
            NO_CHANGE_SET,
            (200, described()[1].replace("<Changes/>", nested_in("Logs"))),
        ],
    )
    said = []
    assert [change.opaque for change in create(wire, say=said.append).changes] == [True]
    [line] = said
    assert line.startswith(
        f"What changes inside nested stacks can't be told: AWS refused CreateChangeSet: {why}"
    )
    sent = [body for name, body in map(decoded, wire.asked) if name == "CreateChangeSet"]
    assert [body["IncludeNestedStacks"] for body in sent] == ["true", "false"]


def test_what_nested_stacks_cannot_import_is_not_planned_without_them():
    why = (
        "CloudFormation is attempting to import some resources because they already exist in "
        "your account. The resources must have the DeletionPolicy attribute set to 'Retain'"
    )
    wire = Wire(
        CreateChangeSet=[CREATED],
        DescribeChangeSet=[
            *(described(status="FAILED", reason=reason) for reason in (NESTED_REFUSED, why))
        ],
        DescribeEvents=[done("DescribeEvents", OperationEvents="")],
        DeleteChangeSet=[done("DeleteChangeSet")],
    )
    with pytest.raises(DeployError, match=why):
        create(wire, adopt=True)
    assert [name for name, _ in wire.asked].count("CreateChangeSet") == 1
