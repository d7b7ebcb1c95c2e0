"""The failures that a deploy must survive, by their numbers in the list of cases.

Here: a change that is executed and followed. Answers that the local AWS can't
give come as raw HTTP (wire.py). Time is a list: waiting costs none.
"""

import dataclasses
import itertools
from datetime import timedelta
from types import SimpleNamespace

import boto3
import pytest
from botocore import exceptions, xform_name
from botocore.exceptions import ReadTimeoutError
from deployed import Listener, Waking
from small_sets import small
from test_failures_explained import operation_events
from wire import (
    BROKEN,
    EXPIRED,
    GONE,
    INVALID,
    NESTED,
    RESET,
    STACK,
    START,
    THROTTLED,
    TIMEOUT,
    TYPE,
    UNAVAILABLE,
    Wire,
    decoded,
    described,
    done,
    events,
    stack,
    told,
)

from liberty_cfn.deploy import diagnosis, faults, following, leftovers, packaging, patience
from liberty_cfn.deploy.carrying_out import execute
from liberty_cfn.deploy.causes import next_step
from liberty_cfn.deploy.changes import ChangeSet
from liberty_cfn.deploy.deploying import deploy
from liberty_cfn.deploy.errors import DeployError, FollowError, UnknownStatusError
from liberty_cfn.deploy.events import Follower, last_operation
from liberty_cfn.deploy.following import follow
from liberty_cfn.deploy.operations import roll_back, root
from liberty_cfn.deploy.patience import Patience
from liberty_cfn.deploy.protection import protect
from liberty_cfn.deploy.stack import find
from liberty_cfn.deploy.statuses import MEANINGS, Meaning, what_next
from liberty_cfn.deploy.targets import PATIENT, Target
from liberty_cfn.deploy.work import Work
from liberty_cfn.environments import load
from liberty_cfn.mishaps import in_words
from liberty_cfn.repository import TEMPLATES


def watch(wire, **more):
    """Follow the stack on the wire, without waiting; return status, events, and words."""
    said, told_events = [], []
    follower = Follower(wire.client, STACK, START)
    pauses = itertools.count()

    def pause(*_):
        assert next(pauses) < 100, "followed for ever"

    patience = Patience(STACK, said.append, **more)
    status, _ = follow(follower, told_events.extend, patience, pause)
    return status, told_events, said


def ended(status):
    return events(told(2, status), told(1, "UPDATE_IN_PROGRESS"))


@pytest.fixture
def dev():
    return load("dev")


# What a status means


@pytest.mark.parametrize("status", MEANINGS)
def test_each_state_says_what_can_be_done_with_it(status):
    assert what_next(status, load("dev"))
    assert "{" not in what_next(status, load("dev"))


@pytest.mark.parametrize("status", MEANINGS)
def test_what_is_said_of_a_sets_own_stack_can_be_done_with_a_set(status):
    said = what_next(status, dataclasses.replace(load("global"), stack_name="StackSet-x"))
    assert "{" not in said
    for refused in ("rollback global", "--delete-failed", "make destroy"):
        assert refused not in said


def test_case_05_a_rollback_that_failed_is_told_with_the_command_that_continues_it():
    assert "make rollback ENV=dev" in what_next("UPDATE_ROLLBACK_FAILED", load("dev"))
    wire = Wire(
        DescribeStacks=[stack("UPDATE_ROLLBACK_FAILED")],
        DescribeStackEvents=[ended("UPDATE_ROLLBACK_FAILED")],
    )
    assert watch(wire)[0] == "UPDATE_ROLLBACK_FAILED"


def test_case_06_an_update_that_was_undone_can_be_tried_again():
    assert MEANINGS["UPDATE_ROLLBACK_COMPLETE"] is Meaning.UNDONE
    assert "deploy again" in what_next("UPDATE_ROLLBACK_COMPLETE", load("dev"))


@pytest.mark.parametrize("status", ["ROLLBACK_FAILED", "DELETE_FAILED"])
def test_case_07_a_stack_that_can_only_be_deleted_says_so(status):
    assert "make destroy ENV=dev" in what_next(status, load("dev"))
    wire = Wire(DescribeStacks=[stack(status)], DescribeStackEvents=[ended(status)])
    assert watch(wire)[0] == status


@pytest.mark.parametrize(
    ("cleaning", "done"),
    [
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"),
        ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"),
    ],
)
def test_case_08_cleaning_up_is_shown_and_is_not_the_end(cleaning, done):
    during = (told(2, cleaning), told(1, "UPDATE_IN_PROGRESS"))
    wire = Wire(
        DescribeStacks=[stack(cleaning), stack(cleaning), stack(done)],
        DescribeStackEvents=[events(*during), events(told(3, done), *during)],
    )
    status, happened, _ = watch(wire)
    assert status == done
    assert [event.status for event in happened] == ["UPDATE_IN_PROGRESS", cleaning, done]


def test_case_09_a_status_nobody_knows_ends_the_following_and_is_named():
    wire = Wire(
        DescribeStacks=[stack("UPDATE_SIDEWAYS_COMPLETE")],
        DescribeStackEvents=[ended("UPDATE_SIDEWAYS_COMPLETE")],
    )
    with pytest.raises(UnknownStatusError, match="UPDATE_SIDEWAYS_COMPLETE") as error:
        watch(wire)
    assert "UPDATE_SIDEWAYS_COMPLETE" in in_words(error.value)


def test_case_09_a_status_nobody_knows_can_be_looked_at_and_what_to_do_is_said():
    said = what_next("UPDATE_SIDEWAYS_COMPLETE", load("dev"))
    assert "UPDATE_SIDEWAYS_COMPLETE" in said
    assert "in the console" in said


# Executing


def change_set(*, adopts=False):
    return ChangeSet("change", STACK, "our-token", (), adopts=adopts)


@pytest.mark.parametrize(("adopts", "asked"), [(False, "true"), (True, "false")])
def test_what_an_operation_made_goes_with_it_unless_it_took_in_what_was_there(adopts, asked):
    wire = Wire(ExecuteChangeSet=[done("ExecuteChangeSet")])
    execute(wire.client, change_set(adopts=adopts))
    [(_, body)] = map(decoded, wire.asked)
    assert (body["RetainExceptOnCreate"], body["DisableRollback"]) == (asked, "false")
    assert body["ClientRequestToken"] == "our-token"  # by which it is found again


@pytest.mark.parametrize("execution", ["OBSOLETE", "UNAVAILABLE"])
def test_case_11_a_change_set_that_became_obsolete_is_a_sentence(execution):
    wire = Wire(
        ExecuteChangeSet=[INVALID],
        DescribeStackEvents=[events(told(1, "UPDATE_IN_PROGRESS", token="other-token"))],
        DescribeChangeSet=[described(execution)],
    )
    with pytest.raises(DeployError, match=r"changed by someone else .* Deploy again"):
        execute(wire.client, change_set())


@pytest.mark.parametrize(
    "why",
    [
        f"Stack:{STACK} is in UPDATE_IN_PROGRESS state and can not be updated.",
        f"Stack:{STACK} is in UPDATE_ROLLBACK_FAILED state and can not be updated.",
        "This stack is currently in a non-terminal [UPDATE_FAILED] state.",
    ],
)
def test_case_10_what_somebody_began_just_before_the_execution_is_a_sentence(why):
    wire = Wire(
        ExecuteChangeSet=[(400, f"<Code>ValidationError</Code><Message>{why}</Message>")],
        DescribeStackEvents=[events(told(1, "UPDATE_IN_PROGRESS", token="other-token"))],
        DescribeChangeSet=[described()],
    )
    with pytest.raises(DeployError, match=r"changed by someone else .* Deploy again"):
        execute(wire.client, change_set())


def test_case_11_a_change_set_that_went_with_its_stack_is_a_sentence():
    gone = (404, "<Code>ChangeSetNotFound</Code><Message>It is not there</Message>")
    wire = Wire(ExecuteChangeSet=[gone], DescribeStackEvents=[GONE], DescribeChangeSet=[gone])
    with pytest.raises(DeployError, match=r"changed by someone else .* Deploy again"):
        execute(wire.client, change_set())


@pytest.mark.parametrize("lost", [TIMEOUT, INVALID, UNAVAILABLE])
def test_case_20_an_execution_whose_answer_was_lost_is_found_by_its_token(lost):
    wire = Wire(
        ExecuteChangeSet=[lost],
        DescribeStackEvents=[events(told(1, "UPDATE_IN_PROGRESS", token="our-token"))],
    )
    execute(wire.client, change_set())


@pytest.mark.parametrize("unanswered", [THROTTLED, UNAVAILABLE])
def test_case_20_whether_an_execution_has_happened_is_asked_until_aws_answers(unanswered):
    wire = Wire(
        ExecuteChangeSet=[TIMEOUT],
        DescribeStackEvents=[unanswered, events()],
        DescribeChangeSet=[unanswered, described("EXECUTE_IN_PROGRESS")],
    )
    execute(wire.client, change_set())


@pytest.mark.parametrize("how", ["IN_PROGRESS", "COMPLETE", "FAILED"])
def test_case_20_an_execution_that_is_known_only_to_its_change_set_has_happened_too(how):
    wire = Wire(
        ExecuteChangeSet=[TIMEOUT],
        DescribeStackEvents=[events()],
        DescribeChangeSet=[described(f"EXECUTE_{how}")],
    )
    execute(wire.client, change_set())


def test_case_20_whether_an_execution_has_happened_is_not_guessed():
    wire = Wire(
        ExecuteChangeSet=[INVALID],
        DescribeStackEvents=[events()],
        DescribeChangeSet=[THROTTLED],
    )
    with pytest.raises(exceptions.ClientError, match="Rate exceeded"):
        execute(wire.client, change_set())


def test_case_20_an_execution_that_never_arrived_is_not_taken_for_done():
    wire = Wire(
        ExecuteChangeSet=[TIMEOUT],
        DescribeStackEvents=[events()],
        DescribeChangeSet=[described("AVAILABLE")],
    )
    with pytest.raises(ReadTimeoutError):
        execute(wire.client, change_set())


# Following


def test_case_13_only_the_stack_that_was_meant_is_followed_not_one_of_the_same_name():
    wire = Wire(
        DescribeStacks=[stack("UPDATE_IN_PROGRESS"), stack("DELETE_COMPLETE")],
        DescribeStackEvents=[ended("UPDATE_IN_PROGRESS"), ended("DELETE_COMPLETE")],
    )
    assert watch(wire)[0] == "DELETE_COMPLETE"
    assert {body["StackName"] for _, body in map(decoded, wire.asked)} == {STACK}


def test_case_13_a_stack_that_is_no_longer_known_is_gone():
    assert watch(Wire(DescribeStacks=[GONE], DescribeStackEvents=[GONE]))[0] == (
        "DELETE_COMPLETE"
    )


def test_case_14_a_stale_review_read_after_execution_is_not_the_end():
    wire = Wire(
        DescribeStacks=[stack("REVIEW_IN_PROGRESS")] * 20
        + [stack("CREATE_IN_PROGRESS"), stack("CREATE_COMPLETE")],
        DescribeStackEvents=[ended("CREATE_COMPLETE")],
    )
    assert watch(wire)[0] == "CREATE_COMPLETE"


def test_case_14_a_stale_success_read_after_execution_is_not_this_ones():
    thing = told(2, "UPDATE_COMPLETE", "Thing", "T", "p")
    during = events(thing, told(1, "UPDATE_IN_PROGRESS"))
    wire = Wire(
        DescribeStacks=[
            stack("UPDATE_COMPLETE"),
            stack("UPDATE_COMPLETE"),
            stack("UPDATE_IN_PROGRESS"),
            stack("UPDATE_ROLLBACK_COMPLETE"),
        ],
        DescribeStackEvents=[events(), during, during, ended("UPDATE_ROLLBACK_COMPLETE")],
    )
    assert watch(wire)[0] == "UPDATE_ROLLBACK_COMPLETE"


def test_case_15_when_the_deadline_has_passed_a_sentence_says_how_to_attach():
    wire = Wire(
        DescribeStacks=[stack("UPDATE_IN_PROGRESS")],
        DescribeStackEvents=[ended("UPDATE_IN_PROGRESS")],
    )
    hours = itertools.count(0, 3600)
    with pytest.raises(FollowError) as error:
        watch(wire, clock=lambda: next(hours))
    assert in_words(error.value) == (
        "liberty-social-dev is not done after 3 h, and is no longer waited for. AWS goes on; "
        "to look again: make events ENV=dev ARGS=--follow"
    )


def test_case_15_the_deadline_also_ends_polls_that_only_fail():
    wire = Wire(DescribeStacks=[THROTTLED], DescribeStackEvents=[THROTTLED])
    minutes = itertools.count(0, 60)
    with pytest.raises(FollowError, match="not done after 1 h"):
        watch(wire, clock=lambda: next(minutes), deadline=timedelta(hours=1))


def survives(*faults):
    """Follow a stack whose status, and whose events, are answered with faults at first."""
    done = [stack("UPDATE_IN_PROGRESS"), stack("UPDATE_COMPLETE")]
    for statuses, happening in (
        ([*faults, *done], [ended("UPDATE_COMPLETE")]),
        (done, [*faults, ended("UPDATE_COMPLETE")]),
    ):
        wire = Wire(DescribeStacks=statuses, DescribeStackEvents=happening)
        status, told_events, _ = watch(wire)
        assert status == "UPDATE_COMPLETE"
        assert [e.status for e in told_events] == ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"]


def test_case_16_throttled_then_fine():
    survives(THROTTLED, THROTTLED, THROTTLED)


def test_case_16_the_client_itself_tries_again_first_and_slows_down():
    fine = stack("UPDATE_COMPLETE")
    wire = Wire(config=PATIENT, DescribeStacks=[*[UNAVAILABLE] * 9, fine])
    assert find(wire.client, STACK)["StackStatus"] == "UPDATE_COMPLETE"
    used = Target(boto3.Session(region_name="us-east-1"), "1").client("cloudformation")
    assert used.meta.config.retries == wire.client.meta.config.retries
    assert used.meta.config.retries["mode"] == "adaptive"


def test_case_18_where_packets_are_dropped_that_is_told_at_once():
    said, seconds = [], itertools.count(0, 100)
    patience = Patience(STACK, said.append, clock=lambda: next(seconds))
    wire = Wire(DescribeStacks=[TIMEOUT, stack("UPDATE_COMPLETE")])
    assert patience.ask(lambda: find(wire.client, STACK)) is None
    assert patience.ask(lambda: find(wire.client, STACK))
    assert ["AWS has not answered 1 time (ReadTimeoutError)." in line for line in said] == [
        True
    ]


def test_case_18_where_packets_are_dropped_an_attempt_is_soon_over():
    used = Target(boto3.Session(region_name="us-east-1"), "1").client("cloudformation")
    # Ten attempts of a minute each would be silent for as long as CI systems let a job be.
    assert used.meta.config.connect_timeout == 10


def test_case_16_who_waits_is_told_when_aws_does_not_answer_for_long(dev):
    wire = Wire(
        DescribeStacks=[*[UNAVAILABLE] * 5, stack("UPDATE_COMPLETE")],
        DescribeStackEvents=[*[UNAVAILABLE] * 5, ended("UPDATE_COMPLETE")],
    )
    target, told = Target(None, "1", _clients={"cloudformation": wire.client}), Listener()
    operation = following.Operation(Work(dev, target, told), STACK)
    operation.see_to_its_end(Follower(wire.client, STACK, START))
    assert "AWS has not answered 5 times (ServiceUnavailable)" in told.said[0]
    assert len(told.said) == 2


@pytest.mark.parametrize(
    "code",
    [
        *("PriorRequestNotComplete", "RequestLimitExceeded", "RequestTimeout", "SlowDown"),
        *("RequestTimeoutException", "Throttling", "ThrottledException"),
        *("ThrottlingException", "TooManyRequestsException", "RequestThrottled"),
        *("EC2ThrottledException", "OperationAborted"),
    ],
)
def test_case_16_however_aws_says_that_it_is_asked_too_often_that_passes(code):
    survives(exceptions.ClientError({"Error": {"Code": code}}, "DescribeStacks"))


def test_case_16_an_answer_now_and_then_is_no_reason_to_say_so():
    wire = Wire(
        DescribeStacks=[stack("UPDATE_IN_PROGRESS"), stack("UPDATE_COMPLETE")],
        DescribeStackEvents=[*[*[UNAVAILABLE] * 4, events()] * 2, ended("UPDATE_COMPLETE")],
    )
    assert watch(wire)[2] == []


def test_who_follows_waits_the_longer_the_less_is_new_and_not_at_all_when_it_is_over():
    during, pauses = events(told(1, "UPDATE_IN_PROGRESS")), []
    wire = Wire(
        DescribeStacks=[stack("UPDATE_IN_PROGRESS"), stack("UPDATE_COMPLETE")],
        DescribeStackEvents=[during, during, during, ended("UPDATE_COMPLETE")],
    )
    follower = Follower(wire.client, STACK, START)
    follow(follower, list, pause=lambda _, quiet: pauses.append(quiet))
    assert pauses == [patience.AT_FIRST, 0, 1, 2]


def test_aws_is_asked_more_seldom_while_nothing_is_new_and_never_in_step(monkeypatch):
    slept = []
    monkeypatch.setattr(patience, "time", SimpleNamespace(sleep=slept.append))
    client = Wire().client
    for quiet in (0, 0, 0, *range(100)):
        patience.pause(client, quiet)
    assert all(1.5 <= each <= 4.5 for each in slept[:3])
    assert len(set(slept)) == len(slept)
    assert all(5 <= each <= 15 for each in slept[10:])


def test_case_17_a_last_poll_that_is_throttled_does_not_fail_what_succeeded():
    wire = Wire(
        DescribeStacks=[stack("UPDATE_IN_PROGRESS"), THROTTLED, stack("UPDATE_COMPLETE")],
        DescribeStackEvents=[ended("UPDATE_IN_PROGRESS"), THROTTLED, ended("UPDATE_COMPLETE")],
    )
    assert watch(wire)[0] == "UPDATE_COMPLETE"


def test_case_17_what_happened_last_is_told_however_often_it_could_not_be_read():
    wire = Wire(
        DescribeStacks=[stack("UPDATE_COMPLETE")],
        DescribeStackEvents=[*[THROTTLED] * 15, ended("UPDATE_COMPLETE")],
    )
    assert [event.time.second for event in watch(wire)[1]] == [1, 2]


@pytest.mark.parametrize("fault", [RESET, UNAVAILABLE, TIMEOUT])
def test_case_18_connection_reset_and_unavailable(fault):
    survives(fault, fault)


@pytest.mark.parametrize(
    "error",
    [
        exceptions.EndpointConnectionError(endpoint_url="https://cloudformation"),
        exceptions.ConnectTimeoutError(endpoint_url="https://cloudformation"),
        exceptions.ProxyConnectionError(proxy_url="http://proxy", error="refused"),
    ],
)
def test_case_18_a_network_that_is_down_for_a_while(error):
    survives(error, error)


def test_a_local_aws_that_is_gone_is_not_waited_for():
    gone = exceptions.EndpointConnectionError(endpoint_url="http://127.0.0.1:9/")
    with pytest.raises(exceptions.EndpointConnectionError):
        survives(gone)


def test_case_19_broken_xml():
    survives(BROKEN, (200, "<html>maintenance"))


@pytest.mark.parametrize(
    "answer",
    [
        (200, "<DescribeStacksResponse/>"),
        done("DescribeStacks", Stacks=""),
    ],
)
def test_case_19_an_answer_that_tells_of_no_stack_is_no_verdict(answer):
    survives(answer)


@pytest.mark.parametrize("fault", [THROTTLED, UNAVAILABLE, TIMEOUT, RESET])
def test_case_18_what_nobody_waits_for_says_what_to_do_next(fault):
    with pytest.raises(faults.OF_AWS) as error:
        find(Wire(DescribeStacks=[fault]).client, "x")
    said = in_words(error.value)
    assert "Try again. What AWS had begun goes on" in said
    assert ".." not in said


def test_case_19_what_stays_done_is_done_again_where_the_answer_was_cut_off():
    wire = Wire(
        ListStackResources=[BROKEN, done("ListStackResources", StackResourceSummaries="")],
        SetStackPolicy=[(200, "<SetStackPol"), (200, "<SetStackPolicyResponse/>")],
    )
    protect(wire.client, STACK)
    assert [operation for operation, _ in wire.asked].count("SetStackPolicy") == 2


@pytest.mark.parametrize(
    "operation", ["CancelUpdateStack", "ContinueUpdateRollback", "RollbackStack"]
)
def test_case_19_what_has_a_token_is_asked_for_again_with_it(operation):
    wire = Wire(**{operation: [(200, f"<{operation}Resp"), done(operation)]})
    ask = getattr(wire.client, xform_name(operation))
    ask(StackName=STACK, ClientRequestToken="once")
    assert [body["ClientRequestToken"] for _, body in map(decoded, wire.asked)] == ["once"] * 2


def test_case_19_broken_xml_is_a_sentence_where_nobody_waits():
    wire = Wire(DescribeStacks=[BROKEN])
    with pytest.raises(Exception) as error:
        find(wire.client, "x")
    assert in_words(error.value) == (
        "AWS's answer could not be read: it was cut off, or is not what AWS says. Try again. "
        "What AWS had begun goes on; to see how it stands: make status ENV=ENV."
    )


@pytest.mark.parametrize(
    "expired",
    [
        EXPIRED,
        exceptions.UnauthorizedSSOTokenError(),
        exceptions.TokenRetrievalError(provider="sso", error_msg="expired"),
        exceptions.CredentialRetrievalError(provider="sso", error_msg="expired"),
        exceptions.LoginRefreshRequired(),
        exceptions.NoCredentialsError(),
        (400, "<Code>RequestExpired</Code><Message>Request has expired.</Message>"),
    ],
)
def test_case_21_credentials_that_expire_meanwhile_are_a_sentence(expired):
    wire = Wire(
        DescribeStacks=[stack("UPDATE_IN_PROGRESS"), expired],
        DescribeStackEvents=[ended("UPDATE_IN_PROGRESS")],
    )
    with pytest.raises(FollowError) as error:
        watch(wire)
    assert in_words(error.value) == (
        "The credentials have expired. AWS goes on with liberty-social-dev; sign in again (aws "
        "sso login), then look again: make events ENV=dev ARGS=--follow"
    )


@pytest.mark.parametrize(
    ("stack_name", "again"),
    [("", "make events ENV=dev ARGS=--follow"), ("StackSet-x", "make deploy ENV=dev ADOPT=1")],
)
def test_case_21_what_is_looked_at_again_is_what_was_looked_at(dev, stack_name, again):
    wire = Wire(DescribeStacks=[EXPIRED], DescribeStackEvents=[events()])
    target = Target(None, "1", _clients={"cloudformation": wire.client})
    environment = dataclasses.replace(dev, stack_name=stack_name)
    operation = following.Operation(Work(environment, target, Listener()), STACK)
    with pytest.raises(FollowError, match=f"then look again: {again}$"):
        operation.see_to_its_end(Follower(wire.client, STACK, START))


def test_case_21_who_deploys_is_told_to_deploy_again_as_policies_are_still_to_be_set(dev):
    wire = Wire(DescribeStacks=[EXPIRED], DescribeStackEvents=[events()])
    target = Target(None, "1", _clients={"cloudformation": wire.client})
    with pytest.raises(FollowError, match=r"look again: make deploy ENV=dev$"):
        following.attend(
            Work(dev, target, Listener()), STACK, Follower(wire.client, STACK, START)
        )


@pytest.mark.parametrize("operation", ["CREATE", "UPDATE", "DELETE", "IMPORT"])
def test_case_21_with_new_credentials_it_is_attached_to_from_its_beginning(operation):
    begun, over = f"{operation}_IN_PROGRESS", f"{operation}_COMPLETE"
    before = (told(-5, "CREATE_COMPLETE"), told(-9, "CREATE_IN_PROGRESS"))
    wire = Wire(
        DescribeStackEvents=[events(told(2, over), told(1, begun), *before)],
    )
    attached = last_operation(wire.client, STACK)
    assert [e.status for e in attached.new_events()] == [begun, over]


@pytest.mark.parametrize(
    ("after", "times"),
    [
        ([told(4, "CREATE_COMPLETE")], [1, 2, 3, 4]),
        ([told(5, "DELETE_COMPLETE"), told(4, "DELETE_IN_PROGRESS")], [4, 5]),
    ],
)
def test_case_21_that_all_is_configured_is_not_the_beginning_of_an_operation(after, times):
    again = told(3, "CREATE_IN_PROGRESS", reason="Eventual consistency check initiated")
    configured = again.replace(
        "</member>", "<DetailedStatus>CONFIGURATION_COMPLETE</DetailedStatus></member>"
    )
    vpc = told(2, "CREATE_COMPLETE", "Vpc", "AWS::EC2::VPC", "vpc-1")
    begun = told(1, "CREATE_IN_PROGRESS", reason="User Initiated")
    before = told(0, "REVIEW_IN_PROGRESS", reason="User Initiated")
    wire = Wire(DescribeStackEvents=[events(*after, configured, vpc, begun, before)])
    happened = last_operation(wire.client, STACK).new_events()
    assert [event.time.second for event in happened] == times


def test_case_21_what_is_refused_for_good_is_not_asked_again():
    denied = (403, "<Code>AccessDenied</Code><Message>not authorized</Message>")
    wire = Wire(DescribeStacks=[denied], DescribeStackEvents=[events()])
    with pytest.raises(Exception) as error:
        watch(wire)
    assert in_words(error.value) == (
        "AWS refused DescribeStacks: not authorized (AccessDenied). AWS goes on with "
        "liberty-social-dev regardless; to look again: make events ENV=dev ARGS=--follow"
    )


def test_case_23_a_page_that_moved_on_shows_no_event_twice():
    moved = told(2, "UPDATE_IN_PROGRESS", "Thing", "T", "p")
    wire = Wire(
        DescribeStackEvents=[
            events(told(3, "UPDATE_COMPLETE", "Thing", "T", "p"), moved, token="more"),
            events(moved, told(1, "UPDATE_IN_PROGRESS")),
        ]
    )
    happened = Follower(wire.client, STACK, START).new_events()
    assert [event.time.second for event in happened] == [1, 2, 3]


def test_case_23_empty_pages_before_the_first_hide_nothing_that_happened_before():
    older = events(told(2, "UPDATE_COMPLETE"), told(1, "UPDATE_IN_PROGRESS"))
    wire = Wire(DescribeStackEvents=[events(token="more"), older, older])
    assert Follower(wire.client, STACK).new_events() == []


def test_case_23_a_second_page_that_fails_loses_no_event():
    first = events(told(2, "UPDATE_COMPLETE"), token="more")
    second = events(told(1, "UPDATE_IN_PROGRESS"))
    wire = Wire(
        DescribeStacks=[stack("UPDATE_COMPLETE")],
        DescribeStackEvents=[first, THROTTLED, first, second],
    )
    assert [e.time.second for e in watch(wire)[1]] == [1, 2]


def test_case_23_a_nested_stack_that_cannot_be_read_loses_no_event_of_its_parent():
    nests = told(2, "UPDATE_IN_PROGRESS", "Database", TYPE, NESTED)
    inside = told(3, "UPDATE_COMPLETE", "Thing", "T", "p", within=NESTED)
    whole = events(told(4, "UPDATE_COMPLETE"), nests, told(1, "UPDATE_IN_PROGRESS"))
    wire = Wire(
        DescribeStacks=[stack("UPDATE_COMPLETE")],
        DescribeStackEvents=[whole, THROTTLED, events(inside), whole],
    )
    happened = watch(wire)[1]
    assert sorted(e.time.second for e in happened) == [1, 2, 3, 4]


def test_case_23_a_nested_stack_that_somebody_deleted_hides_no_event_of_its_parent():
    nests = told(2, "UPDATE_IN_PROGRESS", "Database", TYPE, NESTED)
    wire = Wire(DescribeStackEvents=[events(nests, told(1, "UPDATE_IN_PROGRESS")), GONE])
    happened = Follower(wire.client, STACK, START).new_events()
    assert [event.time.second for event in happened] == [1, 2]


def test_case_23_what_comes_after_a_stack_said_that_it_was_done_is_told_too():
    done = told(1, "UPDATE_COMPLETE")
    more = told(2, "UPDATE_ROLLBACK_IN_PROGRESS")
    wire = Wire(DescribeStackEvents=[events(done), events(more, done)])
    follower = Follower(wire.client, STACK, START)
    looks = [[event.time.second for event in follower.new_events()] for _ in range(2)]
    assert looks == [[1], [2]]


@pytest.mark.parametrize("ours", ["UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
@pytest.mark.parametrize("theirs", [(), ("UPDATE_COMPLETE",), ("UPDATE_ROLLBACK_COMPLETE",)])
def test_case_33_what_somebody_began_before_the_end_was_seen_is_not_told_as_ours(ours, theirs):
    """As where a laptop was closed meanwhile."""
    next_one = [told(4, status) for status in theirs] + [told(3, "UPDATE_IN_PROGRESS")]
    begun = told(1, "UPDATE_IN_PROGRESS")
    wire = Wire(
        DescribeStacks=[stack("UPDATE_IN_PROGRESS"), stack((*theirs, "UPDATE_IN_PROGRESS")[0])],
        DescribeStackEvents=[events(begun), events(*next_one, told(2, ours), begun)],
    )
    status, happened, _ = watch(wire)
    assert status == ours
    assert [event.status for event in happened] == ["UPDATE_IN_PROGRESS", ours]


def test_case_24_why_tasks_stopped_is_learnt_when_the_service_fails_not_when_it_is_gone(
    monkeypatch,
):
    service = {"resource": "Service", "type_": "AWS::ECS::Service", "physical": "arn:s"}
    ended = told(4, "ROLLBACK_COMPLETE")
    undone, failed = (
        told(number, status, **service)
        for number, status in ((3, "DELETE_COMPLETE"), (2, "CREATE_FAILED"))
    )
    happened = events(ended, undone, failed, told(1, "CREATE_IN_PROGRESS"))
    wire = Wire(
        DescribeStacks=[stack("ROLLBACK_COMPLETE")],
        DescribeStackEvents=[events(), happened],
    )
    learnt = iter([["exit code 1"], []])
    monkeypatch.setattr(following, "why_stopped", lambda *_: next(learnt))
    target = Target(None, "000000000000", _clients={"cloudformation": wire.client})
    operation = following.Operation(Work(load("dev"), target, Listener()), STACK)
    operation.see_to_its_end(Follower(wire.client, STACK))
    assert operation.stopped == {"arn:s": ["exit code 1"]}


def test_case_24_a_reason_of_several_lines_is_told_as_one():
    why = "S3 error: Access Denied\nFor more information check http://x\n"
    failed = events(told(1, "CREATE_FAILED", "Logs", TYPE, "", reason=why))
    [event] = Follower(Wire(DescribeStackEvents=[failed]).client, STACK, START).new_events()
    assert event.reason == "S3 error: Access Denied For more information check http://x"


def test_case_23_events_of_older_operations_are_left_out():
    wire = Wire(
        DescribeStackEvents=[events(told(1, "UPDATE_IN_PROGRESS"), told(-1, "CREATE_FAILED"))]
    )
    assert [e.time.second for e in Follower(wire.client, STACK, START).new_events()] == [1]


def test_case_23_the_end_of_the_operation_before_listed_late_is_not_taken_for_this_ones():
    before = ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE", "UPDATE_IN_PROGRESS")
    late = [told(number, status) for number, status in enumerate(before)]
    wire = Wire(DescribeStackEvents=[events(), events(*reversed(late))])
    follower = Follower(wire.client, STACK)
    assert [event.status for event in follower.new_events()] == ["UPDATE_IN_PROGRESS"]
    assert not follower.overtaken


def test_case_23_a_failure_listed_late_behind_what_was_seen_is_told_and_else_nothing():
    thing = {"resource": "Thing", "type_": "T", "physical": "p"}
    before, begun = told(-1, "DELETE_FAILED", **thing), told(1, "UPDATE_IN_PROGRESS")
    late = [told(3, "DELETE_FAILED", **thing), told(2, "DELETE_IN_PROGRESS", **thing)]
    again = told(2, "UPDATE_IN_PROGRESS", reason="Eventual consistency check initiated")
    seen = [told(5, "UPDATE_COMPLETE"), told(4, "DELETE_COMPLETE", **thing)]
    wire = Wire(
        DescribeStackEvents=[
            events(*seen, begun, before),
            events(*seen, *late, again, begun, before),
        ]
    )
    follower = Follower(wire.client, STACK, START)
    looks = [follower.new_events() for _ in range(3)]
    assert [[event.time.second for event in look] for look in looks] == [[1, 4, 5], [3], []]
    assert not follower.overtaken
    # In the order in which it happened, it was deleted after all.
    assert diagnosis.orphans(event for look in looks for event in look) == []


def test_case_24_a_nested_stack_is_read_though_it_was_listed_late_that_it_was_called_on():
    begun = told(1, "UPDATE_IN_PROGRESS")
    works = [told(n, "UPDATE_IN_PROGRESS", "Database", TYPE, NESTED) for n in (2, 5)]
    rests = told(3, "UPDATE_COMPLETE", "nested", TYPE, NESTED, within=NESTED)
    why = told(6, "UPDATE_FAILED", "Thing", "T", "p", within=NESTED, reason="no space is left")
    wire = Wire(
        DescribeStackEvents=[
            events(works[1], begun),
            events(rests),
            events(works[1], works[0], begun),
            events(why, rests),
        ]
    )
    follower = Follower(wire.client, STACK, START)
    looks = [[event.time.second for event in follower.new_events()] for _ in range(2)]
    assert looks == [[1, 3, 5], [6]]


def test_case_23_what_was_before_an_operation_is_not_told_in_whatever_order_it_comes():
    before = [told(1, "UPDATE_COMPLETE"), told(1, "UPDATE_COMPLETE", "Database", TYPE, NESTED)]
    begun = told(3, "UPDATE_IN_PROGRESS")
    works = told(4, "UPDATE_IN_PROGRESS", "Database", TYPE, NESTED)
    by_itself = told(2, "UPDATE_COMPLETE", "Thing", "T", "p", within=NESTED)
    inside = told(5, "UPDATE_COMPLETE", "Thing", "T", "p", within=NESTED)
    wire = Wire(
        DescribeStackEvents=[
            events(*before),
            events(works, begun, *reversed(before)),
            events(inside, by_itself),
        ]
    )
    happened = Follower(wire.client, STACK).new_events()
    assert [event.time.second for event in happened] == [3, 4, 5]


def test_at_the_same_time_what_is_nested_ends_before_its_parent_and_begins_after_it():
    begun = told(1, "DELETE_IN_PROGRESS", "Database", TYPE, NESTED)
    ended = told(2, "DELETE_COMPLETE", "Database", TYPE, NESTED)
    thing = {"resource": "Thing", "type_": "T", "physical": "p", "within": NESTED}
    inside = [told(2, "DELETE_COMPLETE", **thing), told(1, "DELETE_IN_PROGRESS", **thing)]
    root = [told(2, "DELETE_COMPLETE"), ended, begun, told(1, "DELETE_IN_PROGRESS")]
    wire = Wire(DescribeStackEvents=[events(*root), events(*inside)])
    happened = Follower(wire.client, STACK, START).new_events()
    names = ["liberty-social-dev", "Database", "Thing"]
    assert [event.resource for event in happened] == [*names, *reversed(names)]


def test_a_nested_stack_at_rest_is_not_read_until_its_parent_says_that_it_is_at_work():
    begun = told(1, "UPDATE_IN_PROGRESS")
    works = told(2, "UPDATE_IN_PROGRESS", "Database", TYPE, NESTED)
    rests = told(3, "UPDATE_COMPLETE", "nested", TYPE, NESTED, within=NESTED)
    again = told(5, "UPDATE_IN_PROGRESS", "Database", TYPE, NESTED)
    undone = told(6, "UPDATE_COMPLETE", "nested", TYPE, NESTED, within=NESTED)
    over = told(7, "UPDATE_COMPLETE", "Database", TYPE, NESTED)
    wire = Wire(
        DescribeStackEvents=[
            events(works, begun),
            events(rests),
            events(works, begun),
            events(again, works, begun),
            events(undone, rests),
            events(over, again, works, begun),
        ]
    )
    follower = Follower(wire.client, STACK, START)
    looks = [[event.time.second for event in follower.new_events()] for _ in range(4)]
    assert looks == [[1, 2, 3], [], [5, 6], [7]]
    read = [body["StackName"] for _, body in map(decoded, wire.asked)]
    assert read == [STACK, NESTED, STACK, STACK, NESTED, STACK]


def test_case_24_what_is_undone_in_a_nested_stack_is_read_though_its_end_was_told_late():
    begun = told(1, "UPDATE_IN_PROGRESS")
    works = told(2, "UPDATE_IN_PROGRESS", "Database", TYPE, NESTED)
    done = told(3, "UPDATE_COMPLETE", "nested", TYPE, NESTED, within=NESTED)
    again = told(4, "UPDATE_IN_PROGRESS", "Database", TYPE, NESTED)
    why = told(5, "UPDATE_FAILED", "Thing", "T", "p", within=NESTED, reason="no space is left")
    wire = Wire(
        DescribeStackEvents=[
            events(works, begun),
            events(),
            events(again, works, begun),
            events(done),
            events(again, works, begun),
            events(why, done),
        ]
    )
    follower = Follower(wire.client, STACK, START)
    looks = [[event.time.second for event in follower.new_events()] for _ in range(3)]
    assert looks == [[1, 2], [3, 4], [5]]


def test_a_stack_whose_events_say_that_it_is_at_work_is_not_asked_for_its_status():
    happened = [told(n, "UPDATE_COMPLETE", f"Thing{n}", "T", "p") for n in range(2, 6)]
    begun = told(1, "UPDATE_IN_PROGRESS")
    wire = Wire(
        DescribeStacks=[stack("UPDATE_IN_PROGRESS"), stack("UPDATE_COMPLETE")],
        DescribeStackEvents=[
            *(events(*happened[:n][::-1], begun) for n in range(5)),
            events(told(9, "UPDATE_COMPLETE"), *happened[::-1], begun),
        ],
    )
    assert watch(wire)[0] == "UPDATE_COMPLETE"
    assert [operation for operation, _ in wire.asked].count("DescribeStacks") == 2


def test_case_07_a_deletion_that_failed_is_not_said_to_be_done(dev):
    begun = told(1, "DELETE_IN_PROGRESS")
    held = told(2, "DELETE_FAILED", "Vpc", "AWS::EC2::VPC", "vpc-1", reason="has dependencies")
    wire = Wire(
        DeleteStack=[done("DeleteStack")],
        DescribeStacks=[stack("DELETE_FAILED")],
        DescribeStackEvents=[events(), events(told(3, "DELETE_FAILED"), held, begun)],
    )
    target = Target(None, "1", _clients={"cloudformation": wire.client})
    with pytest.raises(DeployError) as error:
        following.delete(Work(dev, target, Listener()), STACK)
    assert str(error.value).splitlines() == [
        "liberty-social-dev ended as DELETE_FAILED.",
        "  Vpc (AWS::EC2::VPC): has dependencies",
        f"    {next_step('has dependencies')}",
        what_next("DELETE_FAILED", dev),
    ]
    deleted = dict(map(decoded, wire.asked))["DeleteStack"]
    assert deleted["StackName"] == STACK  # by its id: a new one may have its name


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"])
def test_case_07_what_cannot_be_updated_is_not_protected_in_vain(dev, monkeypatch, status):
    monkeypatch.setattr(leftovers, "names", lambda *_: ())
    wire = Wire(
        DescribeStacks=[stack(status)],
        DescribeStackEvents=[ended(status)],
        DescribeEvents=[operation_events()],
    )
    target = Target(None, "1", _clients={"cloudformation": wire.client})
    with pytest.raises(DeployError, match=status):
        work = Work(dev, target, Listener())
        following.attend(work, STACK, Follower(wire.client, STACK, START))
    assert {name for name, _ in wire.asked} <= {
        *("DescribeStacks", "DescribeStackEvents", "DescribeEvents"),
    }


# On the local AWS, whole


@pytest.fixture
def target(aws):
    return Target(aws.session, "000000000000", aws.endpoint)


@pytest.fixture(scope="module")
def templates():
    return packaging.read(TEMPLATES)


def test_case_29_a_deploy_that_was_interrupted_is_attached_to_and_seen_to_its_end(
    aws, target, templates
):
    local, templates = load("local"), small(templates, "Logs", "Network", "Storage")
    aws.delay(60)

    class Interrupting(Listener):
        def happened(self, events):
            if any(event.stack for event in events):
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deploy(Work(local, target, Interrupting(), templates))
    found = root(local, target.client("cloudformation"))
    assert found["StackStatus"] == "CREATE_IN_PROGRESS"
    again = Waking(aws)
    assert not deploy(Work(local, target, again, templates)).changed
    assert again.said[0].endswith(f"attached to {found['StackId']}")
    own = [event.status for event in again.events if event.is_root]
    assert own == ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]


def test_case_24_the_root_cause_of_a_nested_failure_on_the_local_aws(
    aws, target, templates, dev
):
    aws.fail("AWS::RDS::DBInstance/Database")
    some = small(templates, "Network", "Security", "Secrets", "Database", "Cache", "Storage")
    with pytest.raises(DeployError) as error:
        deploy(Work(dev, target, Listener(), some))
    cloudformation = target.client("cloudformation")
    found = root(dev, cloudformation)
    happened = last_operation(cloudformation, found["StackId"]).new_events()
    afterwards = diagnosis.explain(
        target.client, dev, found["StackId"], found["StackStatus"], happened
    )
    assert error.value.facts == afterwards.as_json()
    [failure] = error.value.facts["failures"]
    assert (failure["stack"], failure["resource"]) == ("Database", "Database")
    assert failure["reason"].startswith("LIBERTY_LOCAL_FAIL")
    for said in (str(error.value), str(afterwards)):
        assert "Database in Database (AWS::RDS::DBInstance): LIBERTY_LOCAL_FAIL" in said
        assert "AWS::CloudFormation::Stack" not in said
        assert "cancelled" not in said.lower()
        assert "make destroy ENV=dev" in said


def test_case_34_without_credentials_in_the_middle_there_is_a_sentence_too():
    wire = Wire(DescribeStacks=[EXPIRED])
    with pytest.raises(Exception) as error:
        find(wire.client, "x")
    assert "Sign in again (aws sso login)" in in_words(error.value)


def test_case_05_only_a_failed_rollback_is_continued(aws, target, dev):
    body = "Resources: {Logs: {Type: AWS::Logs::LogGroup}}"
    aws.client("cloudformation").create_stack(StackName=dev.stack, TemplateBody=body)
    with pytest.raises(DeployError, match="only a rollback that failed can be continued"):
        roll_back(Work(dev, target, Listener()), ())
