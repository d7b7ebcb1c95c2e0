"""AWS at the other end of the wire: raw HTTP, which botocore itself reads, and asks again."""

import contextlib
import time
from datetime import UTC, datetime, timedelta
from functools import cache
from types import SimpleNamespace
from urllib.parse import parse_qsl

import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from liberty_cfn.deploy import sessions

STACK = "arn:aws:cloudformation:us-east-1:000000000000:stack/liberty-social-dev/1"
NESTED = "arn:aws:cloudformation:us-east-1:000000000000:stack/liberty-social-dev-Database-X/2"
CHANGE_SET = "arn:aws:cloudformation:us-east-1:000000000000:changeSet/liberty-social-dev-3/3"
TYPE = "AWS::CloudFormation::Stack"
FOR_EVER = 500  # requests: no test needs that many
START = datetime(2026, 1, 1, tzinfo=UTC)
THROTTLED = (400, "<Code>Throttling</Code><Message>Rate exceeded</Message>")
UNAVAILABLE = (503, "<Code>ServiceUnavailable</Code><Message>Later</Message>")
EXPIRED = (403, "<Code>ExpiredToken</Code><Message>The token is expired</Message>")
GONE = (400, "<Code>ValidationError</Code><Message>Stack [x] does not exist</Message>")
BROKEN = (200, "<DescribeStacksResponse><DescribeStacksResult><Stacks><mem")
INVALID = (
    400,
    (
        "<Code>InvalidChangeSetStatus</Code><Message>cannot be executed in its current "
        "execution status</Message>"
    ),
)
TIMEOUT = ReadTimeoutError(endpoint_url="https://cloudformation")
RESET = ConnectionClosedError(endpoint_url="https://cloudformation")


@cache
def _session():
    """Return one for all: reading what AWS can be asked takes longer than most tests do."""
    credentials = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
    return sessions.session(region_name="us-east-1", **credentials)


@pytest.fixture(autouse=True, scope="session")
def nobody_waits():
    """Have botocore try again soon, and a change set be looked at again soon."""
    at_once = SimpleNamespace(sleep=lambda long: time.sleep(min(long, 0.02)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.endpoint.time", at_once)
        patch.setattr("liberty_cfn.deploy.patience.time", at_once)
        yield


@pytest.fixture(autouse=True, scope="session")
def dns_is_not_asked():
    """Keep tests from waiting for a network; those of DNS say what it answers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("liberty_cfn.deploy.delegation.name_servers", lambda domain: None)
        yield


class Body:
    def __init__(self, text):
        self._text = text.encode()

    def stream(self, **_):
        yield self._text


class Wire:
    """AWS at the other end of the wire: what it answers to each operation, in turn.

    The last answer is given ever after. An answer is a status and XML, or an exception.
    """

    def __init__(self, service="cloudformation", attempts=1, config=None, **answers):
        self.asked = []
        self._answers = {name: list(given) for name, given in answers.items()}
        few = Config(retries={"mode": "standard", "total_max_attempts": attempts})
        self.client = _session().client(service, config=config or few)
        self.client.meta.events.register("before-send", self._answer)

    def _answer(self, request, event_name, **_):
        operation = event_name.rpartition(".")[2]
        self.asked.append((operation, request.body))
        assert len(self.asked) < FOR_EVER, f"{operation} is asked for ever"
        left = self._answers[operation]
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, BaseException):
            raise answer
        status, text = answer
        if status >= 400 and text:
            text = f"<Error>{text}</Error>"
            if self.client.meta.service_model.metadata["protocol"] == "query":
                text = f"<ErrorResponse>{text}</ErrorResponse>"
        return AWSResponse(request.url, status, {}, Body(text))


def answer(request, said):
    """Return an answer of CloudFormation's: a status, and XML."""
    status, text = said
    refused = f"<ErrorResponse><Error>{text}</Error></ErrorResponse>"
    return AWSResponse(request.url, status, {}, Body(refused if status >= 400 else text))


def form(request):
    """Return the parameters of a request to CloudFormation."""
    return dict(_pairs(request.body))


@contextlib.contextmanager
def answering(client, operation, said):
    """Have one operation of a client of the local AWS answered so: status, and XML."""

    def give(request, **_):
        return answer(request, said)

    event = f"before-send.{client.meta.service_model.service_id.hyphenize()}.{operation}"
    client.meta.events.register(event, give)
    try:
        yield
    finally:
        client.meta.events.unregister(event, give)


def stack(status, more=""):
    """Return DescribeStacks' answer; `more` is XML."""
    return (
        200,
        (
            f"<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackId>{STACK}"
            f"</StackId><StackName>liberty-social-dev</StackName><CreationTime>{START.isoformat()}"
            f"</CreationTime><StackStatus>{status}</StackStatus>{more}</member></Stacks>"
            "</DescribeStacksResult></DescribeStacksResponse>"
        ),
    )


def told(number, status, resource="liberty-social-dev", type_=TYPE, physical=STACK, **more):
    """Return one event, as XML. `number` is its second."""
    within = more.get("within", STACK)
    return (
        f"<member><StackId>{within}</StackId><EventId>{within}{number}{resource}</EventId>"
        f"<StackName>x</StackName><LogicalResourceId>{resource}</LogicalResourceId>"
        f"<PhysicalResourceId>{physical}</PhysicalResourceId><ResourceType>{type_}"
        f"</ResourceType><Timestamp>{(START + timedelta(seconds=number)).isoformat()}"
        f"</Timestamp><ResourceStatus>{status}</ResourceStatus><ResourceStatusReason>"
        f"{more.get('reason', '')}</ResourceStatusReason><ClientRequestToken>"
        f"{more.get('token', '')}</ClientRequestToken></member>"
    )


def events(*newest_first, token=""):
    """Return DescribeStackEvents' answer."""
    more = f"<NextToken>{token}</NextToken>" if token else ""
    return (
        200,
        (
            "<DescribeStackEventsResponse><DescribeStackEventsResult><StackEvents>"
            f"{''.join(newest_first)}</StackEvents>{more}</DescribeStackEventsResult>"
            "</DescribeStackEventsResponse>"
        ),
    )


def described(execution="AVAILABLE", status="CREATE_COMPLETE", reason="", name="ours"):
    """Return DescribeChangeSet's answer."""
    return (
        200,
        (
            "<DescribeChangeSetResponse><DescribeChangeSetResult>"
            f"<ChangeSetName>{name}</ChangeSetName><ChangeSetId>{CHANGE_SET}</ChangeSetId>"
            f"<StackId>{STACK}</StackId><ExecutionStatus>{execution}</ExecutionStatus>"
            f"<Status>{status}</Status><StatusReason>{reason}</StatusReason><Changes/>"
            "</DescribeChangeSetResult></DescribeChangeSetResponse>"
        ),
    )


def done(operation, **said):
    """Return the answer of an operation that was done."""
    inside = "".join(f"<{name}>{value}</{name}>" for name, value in said.items())
    return 200, (
        f"<{operation}Response><{operation}Result>{inside}</{operation}Result>"
        f"</{operation}Response>"
    )


def decoded(asked):
    """Return an operation that was asked for, and its parameters."""
    operation, body = asked
    pairs = body if isinstance(body, dict) else dict(_pairs(body))
    return operation, {name: str(value) for name, value in pairs.items()}


def _pairs(body):
    return parse_qsl(body.decode() if isinstance(body, bytes) else body)
