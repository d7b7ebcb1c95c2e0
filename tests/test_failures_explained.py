"""The failures that a deploy must survive, by their numbers: why it failed, told first-hand."""

import dataclasses
from datetime import timedelta
from types import SimpleNamespace

import pytest
from botocore import exceptions
from deployed import Listener
from wire import (
    EXPIRED,
    NESTED,
    STACK,
    START,
    TYPE,
    Wire,
    decoded,
    done,
    events,
    stack,
    told,
)

from liberty_cfn.deploy import diagnosis, following, leftovers
from liberty_cfn.deploy.causes import next_step
from liberty_cfn.deploy.events import Event, Follower, last_operation
from liberty_cfn.deploy.following import follow
from liberty_cfn.deploy.operations import succeeded
from liberty_cfn.deploy.statuses import what_next
from liberty_cfn.deploy.targets import Target
from liberty_cfn.deploy.work import Work
from liberty_cfn.environments import load


@pytest.fixture
def dev():
    return load("dev")


SERVICE = "arn:aws:ecs:us-east-1:000000000000:service/backend/web"


def failure(
    number,
    resource,
    reason,
    type_="AWS::X::Y",
    *,
    stack=(),
    physical="",
    status="CREATE_FAILED",
):
    at = START + timedelta(seconds=number)
    own = type_ == TYPE and resource.startswith("liberty")
    return Event(str(number), at, stack, resource, type_, status, reason, physical, own, None)


def began():
    """Return the root's word that an operation began, for which AWS has this reason always."""
    status = "UPDATE_IN_PROGRESS"
    return failure(0, "liberty-social-dev", "User Initiated", TYPE, status=status)


def explain(*told, **known):
    return str(diagnosis.explain(*told, **known))


def nobody(service):
    return Wire(service, DescribeEvents=[EXPIRED]).client


def test_case_24_the_first_failure_in_time_of_all_stacks_comes_first(dev):
    happened = [
        failure(9, "Late", "also wrong", stack=("Service",)),
        failure(4, "Cache", "Resource creation cancelled", stack=("Cache",)),
        failure(3, "Database", "too big", stack=("Database",)),
        failure(5, "Database", "Embedded stack was not successfully created", TYPE),
    ]
    said = explain(nobody, dev, STACK, "ROLLBACK_COMPLETE", happened).splitlines()
    assert said == [
        "liberty-social-dev ended as ROLLBACK_COMPLETE.",
        "First, Database in Database (AWS::X::Y): too big",
        "  Late in Service (AWS::X::Y): also wrong",
        what_next("ROLLBACK_COMPLETE", load("dev")),
    ]


def test_case_24_what_fails_again_when_it_is_tried_again_is_told_once(dev):
    """CloudFormation tries a deletion several times, each a request of its own."""
    tries = [
        failure(
            number,
            "Repository",
            f"It still holds images (Service: Ecr, Request ID: {number}a-{number}b) "
            f"(RequestToken: {number}c, HandlerErrorCode: GeneralServiceException)",
            stack=("Registry",),
            status="DELETE_FAILED",
        )
        for number in (1, 2, 3)
    ]
    said = explain(nobody, dev, STACK, "DELETE_FAILED", tries)
    assert said.count("It still holds images") == 1
    assert "  Repository in Registry (AWS::X::Y)" in said
    assert "Request ID: 1a-1b" in said


def test_case_24_a_program_gets_each_failure_as_an_event_with_what_to_do(dev):
    happened = [
        failure(9, "Late", "Rate exceeded", stack=("Service",)),
        failure(3, "Database", "too big", stack=("Database",)),
    ]
    told = diagnosis.explain(nobody, dev, STACK, "ROLLBACK_COMPLETE", happened).as_json()
    first, second = told["failures"]
    assert first == happened[1].as_json() | {"advice": None, "tasks": []}
    assert second["advice"].startswith("That passes by itself")
    assert (told["status"], told["stack"]) == ("ROLLBACK_COMPLETE", "liberty-social-dev")
    assert told["advice"] == what_next("ROLLBACK_COMPLETE", load("dev"))


def test_case_24_a_failure_that_no_event_says_has_the_keys_of_one(dev):
    status = "UPDATE_ROLLBACK_IN_PROGRESS"
    own = failure(1, "liberty-social-dev", "User Initiated", TYPE, status=status)
    happened = [began(), dataclasses.replace(own, is_stack=True)]
    told = diagnosis.explain(nobody, dev, STACK, "UPDATE_ROLLBACK_COMPLETE", happened).as_json()
    [failed] = told["failures"]
    assert failed["reason"] == diagnosis.CANCELLED_BY_HAND
    event = failure(1, "Any", "").as_json()
    assert failed.keys() == {*event, "advice", "tasks"}


def test_case_24_what_could_not_be_cleaned_up_is_not_why_an_update_failed(dev):
    happened = [
        began(),
        failure(1, "Vpc", "in use", stack=("Network",), status="DELETE_FAILED"),
        failure(2, "Target", "has a name of its own", stack=("Entrance",)),
    ]
    assert [each.resource for each in diagnosis.reasons(happened)] == ["Target", "Vpc"]
    deletion = dataclasses.replace(began(), status="DELETE_IN_PROGRESS")
    told = [each.resource for each in diagnosis.reasons([deletion, *happened[1:]])]
    assert told == ["Vpc", "Target"]


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("User Initiated", "The update was cancelled by hand."),
        ("Parameter X has no value", "Parameter X has no value"),
        ("", "CloudFormation gave no reason; see the stack's events in the console."),
    ],
)
@pytest.mark.parametrize("undoing", ["UPDATE_ROLLBACK_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"])
def test_case_24_where_no_resource_says_why_the_roots_own_word_is_told(
    dev, undoing, reason, said
):
    inside = failure(1, "Inside", "an echo", TYPE, stack=("Database",), status=undoing)
    undone = failure(2, "liberty-social-dev", reason, TYPE, status=undoing)
    happened = [began(), inside, undone]
    if reason:
        happened.append(failure(3, "Database", "Resource update cancelled", TYPE))
    wire = Wire(DescribeEvents=[operation_events()])
    told = explain(lambda _: wire.client, dev, STACK, "UPDATE_ROLLBACK_COMPLETE", happened)
    assert told.splitlines()[1].strip() == said


def test_case_24_what_a_cancelled_update_left_of_a_nested_stack_is_not_why(dev):
    undone = "UPDATE_ROLLBACK_IN_PROGRESS"
    echo = f"Embedded stack {STACK} was not successfully updated: [Logs]"
    happened = [
        began(),
        failure(1, "Logs", "Resource update cancelled", TYPE, stack=("Database",)),
        failure(2, "Database", echo, TYPE),
        failure(3, "liberty-social-dev", "User Initiated", TYPE, status=undone),
    ]
    wire = Wire(DescribeEvents=[operation_events()])
    said = [
        failure.said for failure in diagnosis.first_hand(lambda _: wire.client, STACK, happened)
    ]
    assert said == ["The update was cancelled by hand."]


def test_case_24_why_a_deletion_ended_as_it_began_is_told(dev):
    used = "Export Vpc cannot be deleted as it is in use by other-stack"
    deleting, kept = ("DELETE_IN_PROGRESS", "User Initiated"), ("UPDATE_COMPLETE", used)
    happened = [
        failure(number, "liberty-social-dev", reason, TYPE, status=status)
        for number, (status, reason) in enumerate([deleting, kept])
    ]
    wire = Wire(DescribeEvents=[operation_events()])
    told = explain(lambda _: wire.client, dev, STACK, "UPDATE_COMPLETE", happened)
    step = next_step(used)
    assert told.splitlines()[1:] == [f"  {used}", f"    {step}"]
    assert not succeeded("UPDATE_COMPLETE", happened)


def test_case_24_why_a_stack_failed_is_not_hidden_by_the_roots_word_that_it_did(dev):
    why, undoing = "Parameter Size has no value", "UPDATE_ROLLBACK_IN_PROGRESS"
    echo = "The following resource(s) failed to update: [Database]."
    happened = [
        began(),
        failure(1, "Database", why, TYPE, physical=NESTED),
        failure(2, "liberty-social-dev", echo, TYPE, status=undoing),
    ]
    wire = Wire(DescribeEvents=[operation_events()])
    told = explain(lambda _: wire.client, dev, STACK, "UPDATE_ROLLBACK_COMPLETE", happened)
    assert told.splitlines()[1:-1] == [f"  Database ({TYPE}): {why}"]
    assert [body["StackName"] for _, body in map(decoded, wire.asked)] == [NESTED, STACK]


def test_case_24_what_was_cancelled_is_not_told_beside_a_reason(dev):
    happened = [
        failure(1, "Cache", "Resource update cancelled", TYPE),
        failure(1, "Database", "Parameter Size has no value", TYPE),
    ]
    assert [each.resource for each in diagnosis.reasons(happened)] == ["Database"]


def test_case_24_a_reason_that_speaks_of_something_cancelled_is_told():
    happened = [
        failure(1, "Address", "The account's order was cancelled", stack=("Outbound",)),
        failure(2, "Outbound", "Embedded stack was not successfully created", TYPE),
    ]
    assert [each.resource for each in diagnosis.reasons(happened)] == ["Address"]
    assert diagnosis.is_first_hand(happened[0])


def test_case_13_that_somebody_deleted_the_stack_meanwhile_is_told(dev):
    told = explain(nobody, dev, STACK, "DELETE_COMPLETE", [])
    assert "Somebody deleted the stack meanwhile." in told


def operation_event(operation, reason, number, *, mode="FAIL", where="/Resources", status=""):
    return (
        f"<member><EventId>{number}</EventId><OperationId>{operation}</OperationId>"
        "<EventType>VALIDATION_ERROR</EventType><LogicalResourceId>Uploads</LogicalResourceId>"
        f"<ResourceType>AWS::S3::Bucket</ResourceType><Timestamp>{START.isoformat()}"
        f"</Timestamp><ValidationFailureMode>{mode}</ValidationFailureMode>"
        f"<ValidationStatus>{status}</ValidationStatus>"
        f"{where and f'<ValidationPath>{where}</ValidationPath>'}"
        f"<ValidationStatusReason>{reason}</ValidationStatusReason></member>"
    )


def operation_events(*members):
    return (
        200,
        (
            "<DescribeEventsResponse><DescribeEventsResult><OperationEvents>"
            f"{''.join(members)}</OperationEvents></DescribeEventsResult></DescribeEventsResponse>"
        ),
    )


def test_case_25_what_early_validation_refused_is_told(dev):
    wire = Wire(
        DescribeEvents=[
            operation_events(
                operation_event("new", "The bucket name already exists", 3),
                operation_event("new", "There are too many", 3, where=""),
                operation_event("new", "only a warning", 2, mode="WARN"),
                operation_event("new", "not looked at", 2, status="SKIPPED"),
                operation_event("old", "fixed long ago", 1),
            )
        ]
    )
    vague = failure(1, "liberty-social-dev", "Validation failed with 1 error(s).", TYPE)
    said = explain(lambda _: wire.client, dev, STACK, "ROLLBACK_COMPLETE", [vague])
    assert "Uploads (AWS::S3::Bucket /Resources): The bucket name already" in said
    assert "Uploads (AWS::S3::Bucket): There are too many" in said
    assert "another NameSuffix" in said
    assert "warning" not in said
    assert "not looked at" not in said
    assert "long ago" not in said


def test_case_25_where_events_cannot_be_asked_for_the_stacks_own_word_has_to_do(dev):
    vague = failure(1, "liberty-social-dev", "Validation failed", TYPE)
    said = explain(nobody, dev, STACK, "ROLLBACK_COMPLETE", [vague])
    assert "Validation failed" in said


def test_case_25_early_validation_on_the_local_aws(aws, dev):
    cloudformation = aws.client("cloudformation")
    aws.client("s3").create_bucket(Bucket="taken-by-someone")
    body = """
Resources:
  Uploads:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: taken-by-someone
"""
    made = cloudformation.create_stack(StackName=dev.stack, TemplateBody=body)["StackId"]
    follower = last_operation(cloudformation, made)
    status, happened = follow(follower, list)
    said = explain(aws.client, dev, made, status, happened)
    assert "Uploads (AWS::S3::Bucket" in said
    assert "taken-by-someone" in said
    assert "another NameSuffix" in said


# As ECS says that there were to be fewer tasks, and as the local AWS does.
MEANT = ("Scaling activity initiated by (deployment ecs-svc/1)", "Service scaling down")


class Ecs:
    """What ECS and the logs know of a service that did not come up."""

    def list_tasks(self, *, cluster, serviceName, desiredStatus):
        assert (cluster, serviceName, desiredStatus) == ("backend", "web", "STOPPED")
        return {"taskArns": [f"arn:task/backend/{name}" for name in ("abc", "def", "deg")]}

    def describe_tasks(self, *, cluster, tasks):
        containers = [
            {"name": "web", "exitCode": 137, "reason": "OutOfMemoryError"},
            {"name": "proxy", "reason": "CannotPullContainerError"},
            {"name": "aws-guardduty-agent-x7", "exitCode": 1, "reason": "no right"},
        ]
        return {
            "tasks": [
                {
                    "taskArn": tasks[0],
                    "taskDefinitionArn": "definition",
                    "stoppedReason": "Essential container in task exited",
                    "stoppedAt": START,
                    "containers": containers,
                },
                *(
                    {
                        "taskArn": task,
                        "stoppedReason": why,
                        "stoppedAt": START + timedelta(minutes=1),
                    }
                    for task, why in zip(tasks[1:], MEANT, strict=True)
                ),
            ]
        }

    def describe_task_definition(self, *, taskDefinition):
        options = {"awslogs-group": "/ecs/backend", "awslogs-stream-prefix": "ecs"}
        one = {"name": "web", "logConfiguration": {"options": options}}
        return {"taskDefinition": {"containerDefinitions": [one]}}

    def describe_services(self, *, cluster, services):
        messages = [
            "(service web) has started 1 tasks: (task abc).",
            "(service web) (task abc) failed container health checks.",
            "(service web) was unable to place a task. Reason: ResourceInitializationError: no",
            "(service web) (deployment ecs-svc/1) deployment failed: tasks failed to start.",
        ]
        return {"services": [{"events": [{"message": message} for message in messages]}]}

    def get_log_events(self, *, logGroupName, logStreamName, startFromHead, **_):
        assert (logGroupName, logStreamName) == ("/ecs/backend", "ecs/web/abc")
        assert not startFromHead  # the last lines
        return {
            "events": [
                {"message": "django.db.utils.OperationalError: no such host\n"},
                {"message": "boto: Access Denied"},
            ]
        }


def test_why_an_ecs_service_did_not_come_up_is_told_from_its_tasks(dev):
    failed = failure(
        1,
        "Service",
        "did not stabilize",
        "AWS::ECS::Service",
        stack=("Service",),
        physical=SERVICE,
    )
    said = explain(lambda _: Ecs(), dev, STACK, "ROLLBACK_COMPLETE", [failed])
    assert "task abc stopped: Essential container in task exited" in said
    assert "container web: exit code 137, OutOfMemoryError" in said
    assert "container proxy: CannotPullContainerError" in said
    assert "web said: django.db.utils.OperationalError: no such host" in said
    assert "failed container health checks" in said
    assert "was unable to place a task" in said
    assert "tasks failed to start" in said
    assert "has started" not in said
    assert "guardduty" not in said
    assert "task de" not in said  # which was stopped for another to take its place
    # What to do about why it stopped, once; but not about what a program says.
    assert said.count("choose a larger TaskMemory") == 1
    assert said.count("The image could not be pulled") == 1
    assert said.count("check whether its secrets have values") == 1
    assert "lacks that right" not in said


def test_an_image_for_another_processor_is_known_by_what_its_log_says(dev, monkeypatch):
    said = [{"message": "exec /usr/local/bin/daphne: exec format error"}]
    monkeypatch.setattr(ecs := Ecs(), "get_log_events", lambda **_: {"events": said})
    failed = failure(1, "Service", "did not stabilize", "AWS::ECS::Service", physical=SERVICE)
    told = explain(lambda _: ecs, dev, STACK, "ROLLBACK_COMPLETE", [failed])
    assert told.count("build it with --platform linux/amd64") == 1


def test_what_its_tasks_said_leaves_the_terminal_as_it_is(dev, monkeypatch):
    said = [{"message": "\x1b[31mno\x1b[0m such\x07 table"}]
    monkeypatch.setattr(ecs := Ecs(), "get_log_events", lambda **_: {"events": said})
    failed = failure(1, "Service", "did not stabilize", "AWS::ECS::Service", physical=SERVICE)
    told = explain(lambda _: ecs, dev, STACK, "ROLLBACK_COMPLETE", [failed])
    assert "web said: no such table" in told


def test_of_many_tasks_that_stopped_the_last_three_are_told_of(dev):
    class Many(Ecs):
        def describe_tasks(self, *, cluster, tasks):
            [one, *_] = super().describe_tasks(cluster=cluster, tasks=tasks)["tasks"]
            return {
                "tasks": [
                    one | {"taskArn": name, "stoppedAt": START + timedelta(seconds=second)}
                    for second, name in enumerate(("zeroth", "abc", "abd", "abc"))
                ]
            }

    failed = failure(1, "Service", "no", "AWS::ECS::Service", physical=SERVICE)
    said = explain(lambda _: Many(), dev, STACK, "ROLLBACK_COMPLETE", [failed])
    told = [line.split()[1] for line in said.splitlines() if " stopped: " in line]
    assert told == ["abc", "abd", "abc"]


@pytest.mark.parametrize(
    ("unanswered", "left"),
    [
        ("list_tasks", "failed container health checks"),
        ("get_log_events", "task abc stopped: Essential container in task exited"),
        ("describe_services", "web said: django.db.utils.OperationalError"),
    ],
)
def test_what_cannot_be_learnt_of_tasks_hides_nothing_else(dev, monkeypatch, unanswered, left):
    def refuse(**_):
        raise exceptions.ClientError({"Error": {"Code": "AccessDenied"}}, unanswered)

    monkeypatch.setattr(ecs := Ecs(), unanswered, refuse)
    failed = failure(1, "Service", "did not stabilize", "AWS::ECS::Service", physical=SERVICE)
    said = explain(lambda _: ecs, dev, STACK, "ROLLBACK_COMPLETE", [failed])
    assert "Service (AWS::ECS::Service): did not stabilize" in said
    assert left in said


def test_tasks_that_stopped_before_the_service_was_touched_are_not_told_of(dev):
    failed = failure(1, "Service", "no", "AWS::ECS::Service", physical=SERVICE)
    late, early = (dataclasses.replace(failed, took=timedelta(seconds=n)) for n in (0, 1))
    for event, is_told in (late, False), (early, True):
        said = explain(lambda _: Ecs(), dev, STACK, "ROLLBACK_COMPLETE", [event])
        assert ("task abc stopped" in said) is is_told


def test_what_its_tasks_said_is_heard_before_undoing_takes_their_log_away(monkeypatch, dev):
    failed = failure(1, "Service", "no", "AWS::ECS::Service", physical=SERVICE)
    ecs = Ecs()

    def undo(_follower, tell, *_):
        tell([failed])
        monkeypatch.setattr(ecs, "list_tasks", lambda **_: {"taskArns": []})
        return "ROLLBACK_COMPLETE", [failed]

    monkeypatch.setattr(following, "follow", undo)
    monkeypatch.setattr(leftovers, "names", lambda *_: ())
    target = SimpleNamespace(client=lambda _: ecs)
    operation = following.Operation(Work(dev, target, Listener()), STACK)
    operation.see_to_its_end(None)
    assert "web said: django.db.utils.OperationalError" in str(operation.explained())


def test_what_stays_of_a_replacement_that_was_undone_is_told(dev):
    # UpdateReplacePolicy Retain keeps the new one, too, whatever DeletionPolicy says; AWS
    # gives no reason. Seen on AWS: https://github.com/go-to-k/cdkd/issues/2598
    task = "AWS::ECS::TaskDefinition"
    happened = [
        began(),
        failure(1, "Target", "has a name of its own", stack=("Entrance",)),
        failure(2, "Uploads", "", stack=("Storage",), status="DELETE_SKIPPED", physical="new"),
        failure(3, "Other", "", status="DELETE_SKIPPED"),
        failure(4, "Task", "", task, status="DELETE_SKIPPED", physical="old"),
    ]

    def said(status):
        told = explain(nobody, dev, STACK, status, happened)
        return [line for line in told.splitlines() if "stays" in line]

    kept = "  new stays, and is no stack's any more: Uploads in Storage (AWS::X::Y)"
    assert said("UPDATE_ROLLBACK_COMPLETE") == [kept]
    assert not said("DELETE_FAILED")
    wanted = "new stays, and is no stack's any more: Uploads in Storage (AWS::X::Y)"
    assert wanted in diagnosis.orphans(happened)


def test_what_an_update_that_succeeded_could_not_delete_is_told(dev):
    group = ("Group", "AWS::EC2::SecurityGroup", "sg-1")
    why = "resource sg-1 has a dependent object"
    happened = events(
        told(9, "UPDATE_COMPLETE", reason="Update successful. One or more resources could not"),
        told(8, "DELETE_FAILED", *group, reason=why),
        told(7, "DELETE_COMPLETE", "Subnet", "AWS::EC2::Subnet", "subnet-1"),
        told(6, "DELETE_FAILED", "Subnet", "AWS::EC2::Subnet", "subnet-1", reason="in use"),
        told(5, "DELETE_FAILED", *group, reason=why),
        told(4, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
        told(1, "UPDATE_IN_PROGRESS"),
    )
    wire = Wire(
        DescribeStacks=[stack("UPDATE_COMPLETE")],
        DescribeStackEvents=[happened],
        ListStackResources=[done("ListStackResources", StackResourceSummaries="")],
        SetStackPolicy=[done("SetStackPolicy")],
    )
    listener = Listener()
    work = Work(dev, Target(None, "1", _clients={"cloudformation": wire.client}), listener)
    following.attend(work, STACK, Follower(wire.client, STACK, START))
    [policies, said] = listener.said
    assert policies == "Setting the stack policies, which takes some seconds"
    assert said.startswith("sg-1 could not be deleted, and is no stack's any more")
    assert said.endswith(f"Group (AWS::EC2::SecurityGroup): {why}")
