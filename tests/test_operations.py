"""The commands for a stack's life after deploying, as their users type them."""

import contextlib
import dataclasses
import io
import json
import threading
import time
from datetime import timedelta
from functools import partial
from html import escape
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from command_line import documented
from deployed import Listener
from rich.console import Console
from wire import (
    EXPIRED,
    RESET,
    START,
    UNAVAILABLE,
    Wire,
    answer,
    answering,
    decoded,
    done,
    events,
    form,
    stack,
    told,
)
from wire import STACK as STACK_ID

from liberty_cfn.deploy import drift, tasks
from liberty_cfn.deploy.destroying import Kept, what_is_kept
from liberty_cfn.deploy.errors import DeployError, FollowError
from liberty_cfn.deploy.events import last_operation
from liberty_cfn.deploy.following import follow
from liberty_cfn.deploy.operations import cancel, roll_back
from liberty_cfn.deploy.patience import Patience
from liberty_cfn.deploy.protection import nested, protect, unprotected
from liberty_cfn.deploy.showing import kept_text
from liberty_cfn.deploy.stack import NESTED_STACK, Standing, find, standing
from liberty_cfn.deploy.statuses import what_next
from liberty_cfn.deploy.targets import Target
from liberty_cfn.deploy.work import Work
from liberty_cfn.environments import load, names
from liberty_cfn.stateful import stack_policy

STACK = "liberty-social-dev"
PARENT = """
Parameters: {Days: {Type: Number}}
Resources:
  Start:
    Type: AWS::Logs::LogGroup
    Properties: {LogGroupName: /start, RetentionInDays: !Ref Days}
  Inner:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: https://s3.us-east-1.amazonaws.com/templates/inner.yaml
      Parameters: {Days: !Ref Days}
  Last:
    Type: AWS::Logs::LogGroup
    DependsOn: [Start, Inner]
    Properties: {LogGroupName: /last, RetentionInDays: !Ref Days}
Outputs:
  Days: {Value: !Ref Days}
"""
CHILD = """
Parameters: {Days: {Type: Number}}
Resources:
  Uploads: {Type: AWS::S3::Bucket, Properties: {BucketName: uploads-of-dev}}
  First:
    Type: AWS::Logs::LogGroup
    Properties: {LogGroupName: /first, RetentionInDays: !Ref Days}
  Second:
    Type: AWS::Logs::LogGroup
    DependsOn: First
    Properties: {LogGroupName: /second, RetentionInDays: !Ref Days}
  Third:
    Type: AWS::Logs::LogGroup
    DependsOn: Second
    Properties: {LogGroupName: /third, RetentionInDays: !Ref Days}
"""


@pytest.fixture
def dev():
    return load("dev")


@pytest.fixture
def cloudformation(aws):
    return aws.client("cloudformation")


@pytest.fixture
def made(aws, cloudformation, dev):
    """A small stack with one nested in it; the id of the outer."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="templates")
    s3.put_object(Bucket="templates", Key="inner.yaml", Body=CHILD.encode())
    stack_id = cloudformation.create_stack(
        StackName=STACK, TemplateBody=PARENT, Parameters=days(7)
    )["StackId"]
    assert settle(cloudformation, stack_id) == "CREATE_COMPLETE"
    return stack_id


def days(number):
    return [{"ParameterKey": "Days", "ParameterValue": str(number)}]


def update(cloudformation, number):
    cloudformation.update_stack(StackName=STACK, TemplateBody=PARENT, Parameters=days(number))


def settle(cloudformation, stack_id):
    follower = last_operation(cloudformation, stack_id)
    return follow(follower, list)[0]


def wait_for(cloudformation, status):
    for _ in range(500):
        if cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"].endswith(
            status
        ):
            return
        time.sleep(0.01)
    raise AssertionError(status)


@pytest.mark.parametrize(
    "command", ["status", "events", "outputs", "cancel", "rollback", "drift"]
)
def test_where_there_is_no_stack_each_command_says_so(liberty, command):
    code, _, said = liberty(command, "dev")
    assert code == 1
    assert "liberty-social-dev: there is none" in said
    assert "make deploy ENV=dev" in said


@pytest.mark.parametrize(
    "command", ["status", "events", "outputs", "cancel", "rollback", "drift"]
)
def test_names_of_environments_are_checked(liberty, command):
    code, _, said = liberty(command, "prd")
    assert code == 2
    assert f"There are: {', '.join(names())}." in said


# Status


def test_a_stack_that_waits_for_its_first_change_set_has_no_operation_that_failed(
    liberty, cloudformation, dev
):
    named = {"StackName": dev.stack, "ChangeSetName": "other", "ChangeSetType": "CREATE"}
    topic = "Resources: {Topic: {Type: AWS::SNS::Topic}}"
    cloudformation.create_change_set(**named, TemplateBody=topic)
    code, shown, _ = liberty("events", "dev", "--follow")
    assert (code, shown) == (0, f"{dev.stack} is in REVIEW_IN_PROGRESS\n")


def test_status_shows_the_root_and_the_nested_stacks(liberty, made, cloudformation):
    protect(cloudformation, made)
    code, shown, _ = liberty("status", "dev")
    assert code == 0
    first, second, *service, last = shown.splitlines()
    # Somebody may have deleted it.
    none, told = service
    assert none == "Service: none"
    assert "ECS has none of the name liberty-social-backend-service-dev" in told
    assert first.split()[2:] == ["CREATE_COMPLETE", "liberty-social-dev"]
    assert second.split()[2:] == ["CREATE_COMPLETE", "Inner"]
    assert last == "The stacks need nothing; what keeps tasks from running is said above."


def test_where_all_tasks_run_status_says_that_nothing_needs_to_be_done(
    liberty, made, cloudformation, monkeypatch
):
    protect(cloudformation, made)
    rollout = {"status": "PRIMARY", "desiredCount": 2, "runningCount": 2, "pendingCount": 0}
    service = rollout | {"deployments": [rollout]}
    monkeypatch.setattr(tasks, "service", lambda *_: service)
    assert liberty("status", "dev")[1].endswith("2 of 2 tasks run\nNothing needs to be done.\n")


def test_status_tells_what_a_killed_deploy_left_unprotected(liberty, made, cloudformation):
    protect(cloudformation, made, ["Topic"])
    advice = json.loads(liberty("status", "dev", "--json")[1])["advice"]
    assert advice.startswith("Data isn't protected as it is to be (stack policies)")
    assert advice.endswith("make deploy ENV=dev")
    # A new environment's database is protected in a second update, which may not have come.
    kept = {"ParameterKey": "DatabaseDeletionProtection", "ParameterValue": "false"}
    stack = {
        **cloudformation.describe_stacks(StackName=made)["Stacks"][0],
        "Parameters": [kept],
    }
    prod = dataclasses.replace(load("prod"), stack_name=STACK)
    said = unprotected(prod, cloudformation, stack)
    assert "(DatabaseDeletionProtection, stack policies)" in said
    with answering(cloudformation, "GetStackPolicy", EXPIRED):
        said = unprotected(prod, cloudformation, stack)
    assert "(DatabaseDeletionProtection)" in said
    protect(cloudformation, made)
    assert unprotected(load("dev"), cloudformation, stack) == ""


def test_status_tells_of_a_stack_as_soon_as_it_is_read(liberty, made, monkeypatch):
    def read(*_):
        yield Standing((), made, "UPDATE_IN_PROGRESS", START, "", {"Vpc": "DELETE_IN_PROGRESS"})
        raise DeployError("The others can't be read.")

    monkeypatch.setattr("liberty_cfn.deploy.stack.standing", read)
    code, shown, _ = liberty("status", "dev")
    told = ["UPDATE_IN_PROGRESS", "liberty-social-dev", "Vpc", "DELETE_IN_PROGRESS"]
    assert (code, shown.split()[2:]) == (1, told)


def test_case_09_status_shows_a_state_that_nobody_knows(liberty, made, monkeypatch):
    status = "UPDATE_SIDEWAYS_COMPLETE"
    told = {"StackStatus": status, "StackId": made, "CreationTime": START}
    monkeypatch.setattr("liberty_cfn.deploy.operations.find", lambda *_: told)
    monkeypatch.setattr("liberty_cfn.deploy.stack.described", lambda *_: told)
    code, shown, _ = liberty("status", "dev")
    first, *_, last = shown.splitlines()
    assert (code, first.split()[2]) == (0, status)
    assert last.startswith(f"CloudFormation says {status}")


def test_a_nested_stack_that_went_with_its_resource_is_not_told_one_that_went_alone_is():
    def inside(title, status):
        return (
            f"<member><LogicalResourceId>{title}</LogicalResourceId><ResourceType>{NESTED_STACK}"
            f"</ResourceType><PhysicalResourceId>arn:{title}</PhysicalResourceId><ResourceStatus>"
            f"{status}</ResourceStatus><LastUpdatedTimestamp>{START.isoformat()}"
            "</LastUpdatedTimestamp></member>"
        )

    listed = inside("One", "DELETE_COMPLETE") + inside("Two", "CREATE_COMPLETE")
    since = START + timedelta(hours=1)
    going = stack("DELETE_IN_PROGRESS", f"<DeletionTime>{since.isoformat()}</DeletionTime>")
    wire = Wire(
        DescribeStacks=[going, stack("DELETE_COMPLETE")],
        ListStackResources=[done("ListStackResources", StackResourceSummaries=listed)],
    )
    found = [(one.path, one.status, one.since) for one in standing(wire.client, STACK_ID)]
    assert found == [
        ((), "DELETE_IN_PROGRESS", since),
        (("Two",), "DELETE_COMPLETE", START),
    ]


def test_status_says_what_is_running(liberty, aws, cloudformation, made):
    aws.delay(60)
    update(cloudformation, 14)
    wait_for(cloudformation, "UPDATE_IN_PROGRESS")
    _, shown, _ = liberty("status", "dev", "--json")
    said = json.loads(shown)
    assert said["status"] == said["stacks"][0]["status"] == "UPDATE_IN_PROGRESS"
    assert said["advice"].endswith("`make events ENV=dev ARGS=--follow`.")
    aws.delay(0)
    settle(cloudformation, made)


def test_status_names_the_resources_that_are_worked_on(cloudformation, aws):
    with Stubber(cloudformation) as stub:
        now = "2026-01-01T00:00:00Z"
        stack = {"StackName": STACK, "CreationTime": now, "StackStatus": "CREATE_IN_PROGRESS"}
        stub.add_response("describe_stacks", {"Stacks": [stack]})
        resource = {
            "LogicalResourceId": "Database",
            "ResourceType": "AWS::RDS::DBInstance",
            "LastUpdatedTimestamp": now,
            "ResourceStatus": "CREATE_IN_PROGRESS",
        }
        done = resource | {"LogicalResourceId": "Vpc", "ResourceStatus": "CREATE_COMPLETE"}
        stub.add_response("list_stack_resources", {"StackResourceSummaries": [resource, done]})
        [found] = standing(cloudformation, STACK)
    assert found.running == {"Database": "CREATE_IN_PROGRESS"}
    working = {"resource": "Database", "status": "CREATE_IN_PROGRESS"}
    assert dataclasses.replace(found, since=START).as_json()["running"] == [working]


@pytest.fixture
def inner_gone(target, cloudformation, made):
    """The stack nested in `made` is gone, though its parent knows nothing of it."""
    [inner] = [
        each["PhysicalResourceId"]
        for each in cloudformation.list_stack_resources(StackName=made)[
            "StackResourceSummaries"
        ]
        if each["LogicalResourceId"] == "Inner"
    ]
    client = target.client("cloudformation")
    gone = (400, f"<Code>ValidationError</Code><Message>Stack {inner} does not exist</Message>")
    asked = {"StackName": inner}

    def missing(request, **_):
        return answer(request, gone) if asked.items() <= form(request).items() else None

    client.meta.events.register("before-send.cloudformation", missing)
    yield made
    client.meta.events.unregister("before-send.cloudformation", missing)


@pytest.mark.parametrize("command", ["status", "events", "drift"])
def test_a_nested_stack_that_somebody_deleted_hides_nothing_else(liberty, inner_gone, command):
    code, shown, said = liberty(command, "dev")
    assert code == (command == "drift"), said
    assert {
        "status": "DELETE_COMPLETE           Inner  deleted, but not by its parent",
        "events": "Last  AWS::Logs::LogGroup",
        "drift": "DELETED   Inner  AWS::CloudFormation::Stack",
    }[command] in shown


def test_a_nested_stack_that_somebody_deleted_keeps_nothing_from_being_protected(
    target, cloudformation, inner_gone
):
    protect(target.client("cloudformation"), inner_gone)
    found = cloudformation.get_stack_policy(StackName=inner_gone)
    assert found["StackPolicyBody"] == stack_policy()


def test_case_03_a_destroy_deletes_a_stack_that_was_only_planned_unasked(
    liberty, cloudformation, dev
):
    def planned(name):
        cloudformation.create_change_set(
            StackName=dev.stack,
            ChangeSetName=name,
            ChangeSetType="CREATE",
            TemplateBody=CHILD,
            Parameters=days(7),
        )

    for name in ("liberty-of-a-plan", "liberty-of-another"):
        planned(name)
    # As where a deploy was killed before it executed its own.
    protection = {"StackName": dev.stack, "EnableTerminationProtection": True}
    cloudformation.update_termination_protection(**protection)
    _, shown, _ = liberty("destroy", "dev")
    assert shown == f"{dev.stack} is deleted; nothing was to be kept.\n"
    assert find(cloudformation, dev.stack) is None
    _, shown, _ = liberty("destroy", "dev")
    assert shown == f"{dev.stack}: there is none\n"
    # Somebody else's keep it.
    planned("theirs")
    _, shown, _ = liberty("destroy", "dev")
    assert shown.startswith(f"{dev.stack} is empty, and left for change sets")
    assert find(cloudformation, dev.stack)


@pytest.mark.parametrize(
    ("policies", "adopting", "told"),
    [
        (["Delete"], "make it so", "nothing was to be kept."),
        (["Retain", "Delete"], "", "1 resource is kept, as listed above."),
        (
            ["Retain", "Snapshot"],
            "make it so",
            "2 resources are kept, as listed above. A new deploy can take them in: make it so",
        ),
    ],
)
def test_after_a_destroy_it_is_told_what_to_do_about_what_is_kept_if_anything(
    policies, adopting, told
):
    left = [Kept("AWS::Logs::LogGroup", "one", policy) for policy in policies]
    assert what_is_kept(left, adopting) == told


def test_what_is_kept_and_lost_is_named_whole_on_a_narrow_terminal():
    paper = Console(file=io.StringIO(), width=40)
    lasting, going = "/aws/events/liberty-social-task-failures", "cb7355bb-6c39-43b4-bf3c-cba0"
    left = [
        Kept("AWS::Logs::LogGroup", lasting, "Retain"),
        Kept("AWS::KMS::Key", going, "Delete"),
    ]
    paper.print(kept_text(left), soft_wrap=True)
    assert paper.file.getvalue().splitlines() == [
        "What is lost                               Name or id",
        f"AWS::KMS::Key  is lost: what it encrypted  {going}",
        "What is kept                Name or id",
        f"AWS::Logs::LogGroup  stays  {lasting}",
    ]


def test_a_nested_stack_that_somebody_deleted_keeps_no_environment_from_being_destroyed(
    liberty, inner_gone
):
    code, shown, said = liberty("destroy", "dev", "--confirm", "dev")
    assert code == 0, said
    assert shown.endswith("liberty-social-dev is deleted; nothing was to be kept.\n")
    assert "What is kept" not in shown
    assert "What is lost" in shown
    assert "  is lost: the logs" in shown


# Events


def test_events_are_those_of_the_last_operation(liberty, cloudformation, made):
    update(cloudformation, 14)
    settle(cloudformation, made)
    code, shown, _ = liberty("events", "dev")
    assert code == 0
    assert "CREATE_IN_PROGRESS" not in shown
    assert "Inner/Second" in shown
    assert shown.splitlines()[-1] == "liberty-social-dev is in UPDATE_COMPLETE"
    said = json.loads(liberty("events", "dev", "--json")[1])
    assert {event["status"] for event in said["events"]} <= {
        "UPDATE_IN_PROGRESS",
        "UPDATE_COMPLETE",
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
    }


@pytest.mark.parametrize("asked", [(), ("--json",)])
def test_events_attach_to_what_is_running_and_stay_to_its_end(
    liberty, until_awaited, cloudformation, made, asked
):
    until_awaited()
    update(cloudformation, 14)
    wait_for(cloudformation, "UPDATE_IN_PROGRESS")
    code, shown, _ = liberty("events", "dev", "--follow", *asked)
    assert code == 0
    if asked:
        *happened, last = map(json.loads, shown.splitlines())
        assert (happened[-1]["resource"], last["status"]) == (STACK, "UPDATE_COMPLETE")
    else:
        assert "Inner/Third" in shown
        assert shown.splitlines()[-1].split()[1:3] == ["UPDATE_COMPLETE", STACK]


def test_events_exit_with_1_and_the_reason_if_what_they_followed_failed(
    liberty, aws, until_awaited, cloudformation, made
):
    until_awaited()
    aws.fail("AWS::Logs::LogGroup/Third")
    update(cloudformation, 14)
    wait_for(cloudformation, "UPDATE_IN_PROGRESS")
    code, shown, said = liberty("events", "dev", "--follow", "--json")
    assert code == 1
    assert "Third in Inner (AWS::Logs::LogGroup)" in said
    assert "deploy again" in said
    *happened, last = map(json.loads, shown.splitlines())
    assert last["error"] in said
    assert (last["exit_code"], last["status"]) == (1, "UPDATE_ROLLBACK_COMPLETE")
    [failure] = last["failures"]
    assert (failure["stack"], failure["resource"]) == ("Inner", "Third")
    assert last["advice"] in said
    event = next(one for one in happened if one["reason"] == failure["reason"])
    assert event.items() <= failure.items()


def test_why_the_last_operation_failed_is_told_afterwards_too(
    liberty, aws, cloudformation, made
):
    aws.fail("AWS::Logs::LogGroup/Third")
    update(cloudformation, 14)
    settle(cloudformation, made)
    code, shown, _ = liberty("status", "dev")
    assert (code, shown.splitlines()[-1]) == (0, "Why it failed: make events ENV=dev")
    code, shown, _ = liberty("events", "dev")
    assert code == 0
    assert "Third in Inner (AWS::Logs::LogGroup)" in shown
    assert shown.endswith("Fix the cause, then deploy again.\n")
    code, happened, why = liberty("events", "dev", "--follow")
    assert (code, happened + why) == (1, shown)
    code, told, _ = liberty("events", "dev", "--json")
    assert code == 0
    assert json.loads(told)["error"] in shown
    assert {*json.loads(told)} == documented("events") | {"error", "exit_code"}


def test_a_deletion_that_is_followed_ends_well(liberty, until_awaited, cloudformation, made):
    until_awaited()
    cloudformation.delete_stack(StackName=made)
    wait_for(cloudformation, "DELETE_IN_PROGRESS")
    code, _, said = liberty("events", "dev", "--follow")
    assert code == 0, said


# Outputs


def test_outputs_are_lines_that_a_program_can_split(liberty, made):
    assert liberty("outputs", "dev")[:2] == (0, "Days\t7\n")
    assert json.loads(liberty("outputs", "dev", "--json")[1]) == {"Days": "7"}


# Cancel


def test_an_update_under_way_is_cancelled_and_undone(liberty, aws, cloudformation, made):
    aws.delay(60)
    update(cloudformation, 14)
    wait_for(cloudformation, "UPDATE_IN_PROGRESS")
    code, shown, _ = liberty("cancel", "dev")
    assert code == 0
    assert "make events ENV=dev ARGS=--follow" in shown
    aws.delay(0)
    assert settle(cloudformation, made) == "UPDATE_ROLLBACK_COMPLETE"


def test_what_is_no_update_under_way_cannot_be_cancelled(liberty, made):
    code, _, said = liberty("cancel", "dev")
    assert code == 1
    assert "is in CREATE_COMPLETE: only an update that is under way" in said


@pytest.mark.parametrize("command", ["cancel", "rollback"])
def test_the_state_that_hinders_a_command_is_told_to_programs(liberty, made, command):
    code, shown, _ = liberty(command, "dev", "--json")
    told = json.loads(shown)
    assert (code, told["stack"], told["status"]) == (1, "liberty-social-dev", "CREATE_COMPLETE")
    assert told["advice"] == "Nothing needs to be done."


# Rollback


@pytest.fixture
def stuck(aws, cloudformation, made):
    """A stack whose update failed, and couldn't be undone either."""
    aws.fail("AWS::Logs::LogGroup/Last")
    aws.delay(0.1)
    update(cloudformation, 14)
    seen = threading.Event()

    def undoing(events):
        # Now that it fails, what it had changed is to fail as well when changed back.
        if any(e.resource == "Last" and e.failed for e in events) and not seen.is_set():
            aws.fail("AWS::Logs::LogGroup/Start")
            seen.set()

    follower = last_operation(cloudformation, made)
    status, _ = follow(follower, undoing, pause=lambda *_: time.sleep(0.01))
    assert status == "UPDATE_ROLLBACK_FAILED"
    aws.delay(0)
    return made


def test_case_05_a_failed_rollback_is_continued_when_its_cause_is_mended(liberty, aws, stuck):
    assert "make rollback ENV=dev" in liberty("status", "dev")[1]
    code, _, said = liberty("rollback", "dev")
    assert (code, "Start (AWS::Logs::LogGroup)" in said) == (1, True)
    aws.fail()
    code, shown, said = liberty("rollback", "dev")
    assert code == 0, said
    assert "is as it was before the update" in shown


def test_case_05_a_resource_that_cannot_be_mended_is_skipped_only_when_named(liberty, stuck):
    code, shown, _ = liberty("rollback", "dev", "--json")
    assert code == 1
    told = json.loads(shown)
    assert told["status"] == "UPDATE_ROLLBACK_FAILED"
    assert "Start (AWS::Logs::LogGroup)" in told["error"]
    code, shown, said = liberty("rollback", "dev", "--skip", "Start")
    assert code == 0, said
    assert "as it was before the update, but for Start, which may not be; it can" in shown


def test_only_what_failed_to_roll_back_can_be_skipped(liberty, stuck):
    code, _, said = liberty("rollback", "dev", "--skip", "Inner.Vpc")
    assert code == 1
    assert "Inner.Vpc: no such resource failed to roll back" in said
    assert "nothing was done. Those that did: Start." in said


@pytest.mark.parametrize(
    ("skip", "said"), [("Inner.Bucket", "Stop"), ("Inner", "Those that did: Inner.Bucket.")]
)
def test_a_nested_resource_to_skip_is_named_by_its_stacks_own_name(
    cloudformation, dev, aws, skip, said
):
    arn = "arn:aws:cloudformation:us-east-1:1:stack/{}/1"
    root, inner = arn.format(STACK), arn.format(f"{STACK}-Inner-ABC")
    now = "2026-01-01T00:00:00Z"
    stack = {"StackId": root, "StackName": STACK, "CreationTime": now}

    def event(within, title, kind, physical, status="UPDATE_FAILED"):
        return {
            "StackId": within,
            "StackName": "x",
            "EventId": title + status,
            "LogicalResourceId": title,
            "PhysicalResourceId": physical,
            "ResourceType": kind,
            "ResourceStatus": status,
            "Timestamp": now,
        }

    kind = "AWS::CloudFormation::Stack"
    outer = [
        event(root, "Inner", kind, inner),
        event(root, STACK, kind, root, "UPDATE_IN_PROGRESS"),
    ]
    within = [event(inner, "Bucket", "AWS::S3::Bucket", "b")]
    with Stubber(cloudformation) as stub:
        stub.add_response(
            "describe_stacks", {"Stacks": [stack | {"StackStatus": "UPDATE_ROLLBACK_FAILED"}]}
        )
        for events in (outer, outer, within, outer):
            stub.add_response("describe_stack_events", {"StackEvents": events})
        stub.add_client_error(
            "continue_update_rollback",
            "Stop",
            expected_params={
                "StackName": root,
                "ClientRequestToken": Anything(),
                "ResourcesToSkip": [f"{STACK}-Inner-ABC.Bucket"],
            },
        )
        # Whether it had begun nevertheless.
        stub.add_response("describe_stack_events", {"StackEvents": outer})
        with pytest.raises(Exception, match=said):
            roll_back(work(dev, cloudformation), (skip,))


def work(environment, cloudformation):
    """Return what is done to an environment by this client."""
    target = Target(None, "000000000000", _clients={"cloudformation": cloudformation})
    return Work(environment, target, Listener())


class Anything:
    """Equal to whatever it is compared with."""

    def __eq__(self, other):
        return True

    __hash__ = None


def test_an_update_that_was_not_to_be_undone_is_undone_when_asked(dev):
    ours = (told(2, "UPDATE_ROLLBACK_COMPLETE"), told(1, "UPDATE_ROLLBACK_IN_PROGRESS"))
    wire = Wire(
        DescribeStacks=[*[stack("UPDATE_FAILED")] * 2, stack("UPDATE_ROLLBACK_COMPLETE")],
        DescribeStackEvents=[events(), events(*ours)],
        RollbackStack=[done("RollbackStack")],
        GetStackPolicy=[done("GetStackPolicy", StackPolicyBody=escape(stack_policy(["Data"])))],
        ListStackResources=[done("ListStackResources", StackResourceSummaries="")],
        SetStackPolicy=[done("SetStackPolicy")],
    )
    assert "make rollback ENV=dev" in what_next("UPDATE_FAILED", load("dev"))
    with pytest.raises(DeployError, match="no rollback has failed yet"):
        roll_back(work(dev, wire.client), ("Data",))
    assert roll_back(work(dev, wire.client), ()).status == "UPDATE_ROLLBACK_COMPLETE"
    asked = dict(map(decoded, wire.asked))
    assert asked["RollbackStack"]["StackName"] == STACK_ID
    # What that update was allowed to lose, nothing may any more.
    assert asked["SetStackPolicy"]["StackPolicyBody"] == stack_policy()


IN_PROGRESS = f"Stack:{STACK_ID} is in UPDATE_ROLLBACK_IN_PROGRESS state"
REFUSED = (400, f"<Code>ValidationError</Code><Message>{IN_PROGRESS}</Message>")
USED = (400, "<Code>TokenAlreadyExistsException</Code><Message>It exists</Message>")


@pytest.mark.parametrize("refused", [REFUSED, USED])
@pytest.mark.parametrize("ours", [True, False])
def test_case_20_a_rollback_that_had_begun_though_its_answer_was_lost_is_followed(
    dev, refused, ours, monkeypatch
):
    monkeypatch.setattr("liberty_cfn.deploy.operations.uuid.uuid4", lambda: Mock(hex="once"))
    begun = told(1, "UPDATE_ROLLBACK_IN_PROGRESS", token="r-once" if ours else "theirs")
    ended = events(told(2, "UPDATE_ROLLBACK_COMPLETE"), begun)
    wire = Wire(
        attempts=2,
        DescribeStacks=[stack("UPDATE_ROLLBACK_FAILED"), stack("UPDATE_ROLLBACK_COMPLETE")],
        DescribeStackEvents=[events(), UNAVAILABLE, UNAVAILABLE, events(begun), ended],
        ContinueUpdateRollback=[RESET, refused],
        GetStackPolicy=[done("GetStackPolicy", StackPolicyBody=escape(stack_policy()))],
    )
    if ours:
        assert roll_back(work(dev, wire.client), ()).status == "UPDATE_ROLLBACK_COMPLETE"
    else:
        with pytest.raises(ClientError):
            roll_back(work(dev, wire.client), ())
    asked = [operation for operation, _ in wire.asked]
    assert asked.count("ContinueUpdateRollback") == 2


@pytest.mark.parametrize(
    ("now", "said"),
    [
        # It was cancelled, and the answer lost; or it failed by itself.
        ("UPDATE_ROLLBACK_IN_PROGRESS", None),
        ("UPDATE_COMPLETE", "is in UPDATE_COMPLETE: only an update that is under way"),
        ("UPDATE_IN_PROGRESS", "Not now"),
    ],
)
def test_case_20_a_refusal_to_cancel_is_told_by_what_became_of_the_update(dev, now, said):
    wire = Wire(
        attempts=2,
        DescribeStacks=[stack("UPDATE_IN_PROGRESS"), stack(now)],
        CancelUpdateStack=[
            RESET,
            (400, "<Code>ValidationError</Code><Message>Not now</Message>"),
        ],
    )
    with pytest.raises(Exception, match=said) if said else contextlib.nullcontext():
        cancel(dev, wire.client)
    assert [operation for operation, _ in wire.asked].count("CancelUpdateStack") == 2


def test_an_import_that_went_wrong_is_not_sent_to_a_command_that_refuses_it(dev):
    assert "liberty-cfn" not in what_next("IMPORT_ROLLBACK_FAILED", load("dev"))
    wire = Wire(DescribeStacks=[stack("IMPORT_ROLLBACK_FAILED")])
    with pytest.raises(DeployError, match="only a rollback that failed"):
        roll_back(work(dev, wire.client), ())


def test_what_is_not_stuck_cannot_be_rolled_back(cloudformation, dev, made):
    with pytest.raises(DeployError, match=r"CREATE_COMPLETE: only a rollback that failed"):
        roll_back(work(dev, cloudformation), ())


# Drift


def test_what_is_as_deployed_has_not_drifted_but_it_is_told_if_a_policy_is_another(
    liberty, cloudformation, made
):
    protect(cloudformation, made)
    code, shown, _ = liberty("drift", "dev")
    assert (code, shown) == (0, "liberty-social-dev: 0 differ, in 2 stacks\n")
    [inner] = nested(cloudformation, made)
    cloudformation.set_stack_policy(StackName=inner, StackPolicyBody=stack_policy(["Second"]))
    code, shown, _ = liberty("drift", "dev")
    assert code == 1
    assert "Inner: its stack policy is not the one that keeps what holds data" in shown
    assert "To set the policies again: make deploy ENV=dev DRIFT=1" in shown
    assert json.loads(liberty("drift", "dev", "--json")[1])["unprotected"] == ["Inner"]


@pytest.mark.parametrize("status", ["CREATE_IN_PROGRESS", "ROLLBACK_COMPLETE"])
def test_what_does_not_stand_is_not_compared(liberty, made, monkeypatch, status):
    stack = {"StackStatus": status, "StackId": made}
    monkeypatch.setattr("liberty_cfn.deploy.operations.find", lambda *_: stack)
    code, _, said = liberty("drift", "dev")
    assert code == 1
    assert said.startswith(f"liberty-social-dev is in {status}: only what stands can be")


def test_what_was_changed_by_hand_in_a_nested_stack_is_shown(liberty, aws, made):
    aws.client("logs").put_retention_policy(logGroupName="/first", retentionInDays=30)
    code, shown, _ = liberty("drift", "dev")
    assert code == 1
    assert "MODIFIED  Inner/First  AWS::Logs::LogGroup" in shown
    assert "RetentionInDays: expected 7, found 30" in shown
    code, shown, _ = liberty("drift", "dev", "--json")
    [found] = json.loads(shown)["resources"]
    assert {*found} == documented("resources[]")
    assert (code, found["resource"], found["stack"]) == (1, "First", "Inner")


def test_of_a_secret_that_drifted_no_value_is_shown(cloudformation):
    now = "2026-01-01T00:00:00Z"
    stack = {"StackName": STACK, "CreationTime": now, "StackStatus": "CREATE_COMPLETE"}
    over = {
        "StackId": STACK,
        "StackDriftDetectionId": "d",
        "DetectionStatus": "DETECTION_COMPLETE",
        "StackDriftStatus": "DRIFTED",
        "Timestamp": now,
    }
    differs = {
        "StackId": STACK,
        "LogicalResourceId": "Key",
        "ResourceType": "AWS::SecretsManager::Secret",
        "StackResourceDriftStatus": "MODIFIED",
        "Timestamp": now,
        "PropertyDifferences": [
            {
                "PropertyPath": "/SecretString",
                "ExpectedValue": "open sesame",
                "ActualValue": "open barley",
                "DifferenceType": "NOT_EQUAL",
            },
            {
                "PropertyPath": "/Description",
                "ExpectedValue": "null",
                "ActualValue": "Ask Ann",
                "DifferenceType": "ADD",
            },
        ],
    }
    with Stubber(cloudformation) as stub:
        stub.add_response("describe_stacks", {"Stacks": [stack]})
        stub.add_response("list_stack_resources", {"StackResourceSummaries": []})
        stub.add_response("detect_stack_drift", {"StackDriftDetectionId": "d"})
        stub.add_response("describe_stack_drift_detection_status", over)
        stub.add_response("describe_stack_resource_drifts", {"StackResourceDrifts": [differs]})
        stub.add_response("get_stack_policy", {"StackPolicyBody": stack_policy()})
        found = drift.detect(cloudformation, STACK, "dev")
    assert [*drift.as_lines(found)][1:] == [
        "  /SecretString: expected (hidden), found (hidden)",
        "  /Description: expected nothing, found Ask Ann",
    ]


NOW = "2026-01-01T00:00:00Z"
FAILED = done(
    "DescribeStackDriftDetectionStatus",
    StackId=STACK_ID,
    StackDriftDetectionId="d",
    DetectionStatus="DETECTION_FAILED",
    DetectionStatusReason="no rights",
    Timestamp=NOW,
)
UNREAD = (
    f"<member><StackId>{STACK_ID}</StackId><ResourceType>AWS::S3::Bucket</ResourceType>"
    f"<Timestamp>{NOW}</Timestamp><LogicalResourceId>Uploads</LogicalResourceId>"
    "<StackResourceDriftStatus>UNKNOWN</StackResourceDriftStatus>"
    "<DriftStatusReason>no right to read it</DriftStatusReason></member>"
)


def test_what_could_not_be_compared_is_not_taken_for_as_deployed(liberty, target, made):
    client = target.client("cloudformation")
    with answering(client, "DescribeStackDriftDetectionStatus", FAILED):
        code, shown, _ = liberty("drift", "dev")
    assert code == 1
    assert "could not be compared: root: no rights" in shown


def compared(detected, resource=UNREAD, over=FAILED, *pages):
    """Compare a stack of one resource: how that begins, and what AWS says of the resource.

    `pages` are of others, which it tells first.
    """
    wire = Wire(
        DescribeStacks=[stack("CREATE_COMPLETE")],
        ListStackResources=[done("ListStackResources", StackResourceSummaries="")],
        DetectStackDrift=[detected],
        DescribeStackDriftDetectionStatus=[over],
        DescribeStackResourceDrifts=[
            *pages,
            done("DescribeStackResourceDrifts", StackResourceDrifts=resource),
        ],
        GetStackPolicy=[done("GetStackPolicy")],
    )
    return drift.detect(wire.client, STACK_ID, "dev")


DETECTED = done("DetectStackDrift", StackDriftDetectionId="d")


def test_a_resource_that_could_not_be_compared_is_named_with_the_reason():
    found = compared(DETECTED)
    assert (found.unknown, found.drifts) == (("Uploads: no right to read it",), ())


def test_what_a_stack_could_not_compare_is_named_where_it_says_so_in_json():
    # As AWS said it: https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/801
    why = {
        "Summary": "Failed to detect drift on resources [Uploads,Task]",
        "Failures": [
            {"Resource": "Uploads", "FailureReason": "Rate exceeded"},
            {"Resource": "Task", "FailureReason": "Unable to describe task definition."},
        ],
    }
    said = (200, FAILED[1].replace("no rights", json.dumps(why)))
    found = compared(DETECTED, UNREAD.replace("UNKNOWN", "IN_SYNC"), said)
    assert found.unknown == (
        "Uploads: Rate exceeded",
        "Task: Unable to describe task definition.",
    )
    assert found.checked == {("Uploads",), ("Task",)}


def test_a_word_that_nobody_knows_is_not_taken_for_as_deployed():
    of_resource, of_stack = (
        UNREAD.replace("UNKNOWN", "ASKEW"),
        FAILED[1].replace("FAILED", "HELD"),
    )
    assert compared(DETECTED, of_resource).unknown == ("Uploads: no right to read it",)
    alike = UNREAD.replace("UNKNOWN", "IN_SYNC")
    assert compared(DETECTED, alike, (200, of_stack)).unknown == ("root: no rights",)


def test_a_nested_stack_differs_only_by_what_is_in_it():
    differs = UNREAD.replace("UNKNOWN", "MODIFIED")
    assert [one.resource for one in compared(DETECTED, differs).drifts] == ["Uploads"]
    assert compared(DETECTED, differs.replace("AWS::S3::Bucket", NESTED_STACK)).drifts == ()


def test_of_many_resources_all_are_compared():
    differs = UNREAD.replace("UNKNOWN", "MODIFIED")
    more = {"StackResourceDrifts": differs.replace("Uploads", "Key"), "NextToken": "n"}
    first = done("DescribeStackResourceDrifts", **more)
    found = compared(DETECTED, differs, FAILED, first)
    assert [one.resource for one in found.drifts] == ["Key", "Uploads"]


def test_case_21_credentials_that_expire_while_comparing_are_not_one_stacks_alone():
    with pytest.raises(FollowError, match="credentials have expired"):
        compared(EXPIRED)


def test_what_one_stack_is_refused_keeps_no_other_from_being_compared(
    liberty, aws, target, made, monkeypatch
):
    aws.client("logs").put_retention_policy(logGroupName="/first", retentionInDays=30)
    aws.client("logs").delete_retention_policy(logGroupName="/second")
    monkeypatch.setattr(drift, "AT_ONCE", 1)
    client = target.client("cloudformation")
    denied = (403, "<Code>AccessDenied</Code><Message>Not yours</Message>")

    def refuse_the_root(request, **_):
        return answer(request, denied) if form(request)["StackName"] == made else None

    event = "before-send.cloudformation.DetectStackDrift"
    client.meta.events.register(event, refuse_the_root)
    try:
        code, shown, said = liberty("drift", "dev")
    finally:
        client.meta.events.unregister(event, refuse_the_root)
    assert code == 1
    assert "could not be compared: root: AWS refused DetectStackDrift: Not yours" in shown
    assert "RetentionInDays: expected 7, found 30" in shown
    assert "RetentionInDays: expected 7, found nothing" in shown
    assert said.splitlines() == [
        "Comparing 2 stacks with what they were deployed as",
        "1 of 2 stacks are compared",
    ]


def test_drift_is_waited_for_and_not_for_ever(cloudformation, aws, monkeypatch):
    arn = "arn:aws:cloudformation:us-east-1:1:stack/liberty-social-dev/1"
    now = "2026-01-01T00:00:00Z"
    stack = {"StackName": STACK, "CreationTime": now, "StackStatus": "CREATE_COMPLETE"}
    running = {
        "StackId": arn,
        "StackDriftDetectionId": "d",
        "DetectionStatus": "DETECTION_IN_PROGRESS",
        "Timestamp": now,
    }
    hours = iter([0, 0, 0, 1, 1, 3600 * 4])
    with Stubber(cloudformation) as stub:
        stub.add_response("describe_stacks", {"Stacks": [stack]})
        stub.add_response("list_stack_resources", {"StackResourceSummaries": []})
        stub.add_response("detect_stack_drift", {"StackDriftDetectionId": "d"})
        for _ in range(2):
            stub.add_response("describe_stack_drift_detection_status", running)
        monkeypatch.setattr(drift, "Patience", partial(Patience, clock=lambda: next(hours)))
        with pytest.raises(FollowError, match="not done after 3 h"):
            drift.detect(cloudformation, arn, "dev")
