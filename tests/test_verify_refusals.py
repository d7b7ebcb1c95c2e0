"""What verify says where AWS refuses, or gives no answer."""

import socket
import threading
from types import SimpleNamespace

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import NoCredentialsError, UnknownServiceError
from botocore.parsers import ResponseParserError
from verifying import failed_checks, refusing, wrong

from liberty_cfn.environments import load
from liberty_cfn.verify import VerifyError, running, verify
from liberty_cfn.verify.reading import Aws
from liberty_cfn.verify.rows import Resource


def test_a_refusal_fails_its_row_in_words_and_no_other(deployed):
    environment = deployed.still("local")
    with refusing(deployed, "ecr", "DescribeRepositories", "AccessDenied", "You may not."):
        found = verify(environment, deployed.client)
    sentence = "ecr describe_repositories: AccessDenied: You may not."
    assert wrong(found) == {12: [f"answer of AWS: expected an answer, found {sentence}"]}
    assert failed_checks(found) == {1}


@pytest.mark.parametrize(
    "error",
    [
        UnknownServiceError(service_name="ecr", known_service_names="others"),
        ResponseParserError("cut off"),
    ],
)
def test_a_service_that_gives_no_answer_fails_its_row_alone(deployed, error):
    def client(service):
        if service == "ecr":
            raise error
        return deployed.client(service)

    found = verify(deployed.still("local"), client)
    assert list(wrong(found)) == [12]
    assert str(error) in wrong(found)[12][0]


@pytest.mark.parametrize(
    ("service", "operation"), [("sts", "GetCallerIdentity"), ("ecs", "DescribeClusters")]
)
def test_credentials_that_have_expired_are_said_once(deployed, service, operation):
    environment = deployed.still("local")
    with (
        refusing(deployed, service, operation, "ExpiredTokenException", "It has expired."),
        pytest.raises(VerifyError, match=r"does not know who asks .*It has expired"),
    ):
        verify(environment, deployed.client)


def test_an_endpoint_that_does_not_answer_is_said_once():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and never listens
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
        session = boto3.Session("000000000000", "local", region_name="us-east-1")
        once = Config(retries={"total_max_attempts": 1})
        with pytest.raises(VerifyError, match=rf"can't be asked .*{endpoint}"):
            verify(
                load("local"),
                lambda name: session.client(name, endpoint_url=endpoint, config=once),
            )


def test_ctrl_c_leaves_no_other_row_waiting_for_an_answer_that_never_comes():
    def interrupted():
        raise KeyboardInterrupt

    caller = {"Account": "000000000000", "Arn": "arn:aws:iam::000000000000:root"}
    client = SimpleNamespace(
        can_paginate=lambda _: False,
        get_caller_identity=lambda: caller,
        list_users=interrupted,
    )
    aws = Aws(load("local"), lambda _: client)
    with pytest.raises(KeyboardInterrupt):
        aws.read("iam", "list_users")
    assert all(answer.done() for answer in aws._answers.values())  # noqa: SLF001


def test_on_ctrl_c_answers_are_not_waited_for(monkeypatch):
    caller = {"Account": "000000000000", "Arn": "arn:aws:iam::000000000000:root"}
    client = SimpleNamespace(can_paginate=lambda _: False, get_caller_identity=lambda: caller)
    begun, answered, waited = threading.Event(), threading.Event(), []

    def interrupted(_):
        begun.wait(10)
        raise KeyboardInterrupt

    def slow(_):
        begun.set()
        waited.append(answered.wait(10))
        yield

    asking = [Resource("", "", "", interrupted), Resource("", "", "", slow)]
    monkeypatch.setattr(running, "resources", lambda _: asking)
    monkeypatch.setattr(running, "commands", lambda _: [])
    with pytest.raises(KeyboardInterrupt):
        verify(load("local"), lambda _: client)
    assert waited == []
    answered.set()


def test_no_credentials_are_said_once():
    class Nobody:
        def can_paginate(self, _operation):
            return False

        def get_caller_identity(self):
            raise NoCredentialsError

    with pytest.raises(VerifyError, match="Unable to locate credentials"):
        verify(load("local"), lambda _name: Nobody())
