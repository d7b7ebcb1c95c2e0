"""Fixtures: one local AWS for all tests of a process, and clients of it.

`aws` empties it before a test, and can have what it makes fail; `target` does too, and is
what the helper deploys to. What a module makes once and looks at in several tests begins
with `Aws(local_aws).reset()`, and is good until another empties it.
"""

import contextlib
import functools
import http.client
import json
import time
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.httpsession
import botocore.session
import direct
import pytest
from botocore.auth import SigV4Auth
from botocore.client import ClientCreator
from botocore.config import Config
from botocore.hooks import BaseEventHooks, EventAliaser
from botocore.httpsession import URLLib3Session
from botocore.useragent import UserAgentString

from liberty_cfn.deploy import models, sessions, targets
from liberty_cfn.local import control

# How often a waiter of boto3's looks; by itself, it would sleep half a minute in between.
SOON = {"Delay": 0.02, "MaxAttempts": 3000}


# How the local AWS is to behave where no test says otherwise.
UNTOLD = dict.fromkeys(("LIBERTY_LOCAL_FAIL", "LIBERTY_LOCAL_DELAY", "LIBERTY_LOCAL_TASK"), "")
# Where a test has said otherwise.
_told: set[str] = set()


# Making either takes longer than most tests do.
@functools.cache
def session(local: control.LocalAws) -> boto3.Session:
    return sessions.session(**local.credentials)


@functools.cache
def client(local: control.LocalAws, name: str) -> Any:
    # A refusal is an answer here, never something to try again.
    once = Config(retries={"total_max_attempts": 1})
    return session(local).client(name, endpoint_url=local.endpoint, config=once)


def variables(local: control.LocalAws) -> dict[str, str]:
    """The variables by which any AWS tool finds it."""
    return {
        "AWS_ENDPOINT_URL": local.endpoint,
        "AWS_ACCESS_KEY_ID": local.account,
        "AWS_SECRET_ACCESS_KEY": control.SECRET,
        "AWS_DEFAULT_REGION": local.region,
    }


@dataclass(frozen=True)
class Aws:
    local: control.LocalAws

    @property
    def endpoint(self) -> str:
        return self.local.endpoint

    @property
    def session(self) -> boto3.Session:
        return session(self.local)

    def client(self, name: str) -> Any:
        return client(self.local, name)

    def fail(self, *rules: str) -> None:
        """Make resources fail from now on: "AWS::RDS::DBInstance/Database", "*/Service".

        In one account, or its region, only: "*/Service@111111111111/eu-west-1".
        """
        self._tell({"LIBERTY_LOCAL_FAIL": ",".join(rules)})

    def delay(self, seconds: float) -> None:
        """Make every resource take this long from now on."""
        self._tell({"LIBERTY_LOCAL_DELAY": str(seconds)})

    def end_tasks(self, code: int, *said: str) -> None:
        """Have one-off tasks end with this code from now on, and log these lines."""
        self._tell({"LIBERTY_LOCAL_TASK": f"{code} {chr(10).join(said)}"})

    def reset(self) -> None:
        self._post("reset", {})
        if self.endpoint in _told:
            self._post("config", UNTOLD)
            _told.remove(self.endpoint)

    def _tell(self, how: dict[str, str]) -> None:
        _told.add(self.endpoint)
        self._post("config", how)

    def _post(self, what: str, body: dict[str, str]) -> None:
        server = http.client.HTTPConnection(self.endpoint.removeprefix("http://"))
        with contextlib.closing(server):
            server.request("POST", f"/_ministack/{what}", json.dumps(body))
            server.getresponse().read()


def once(method):
    """Have a method of botocore's return for a name what it did before, for all objects."""
    known = {}

    def found(one, name, *more):
        if name not in known:
            known[name] = method(one, name, *more)
        return known[name]

    return found


@pytest.fixture(scope="session", autouse=True)
def calls_are_quick():
    """Have all sessions share what boto knows of AWS's services, which it reads slowly.

    And have it work out but once what it does for every call.
    """
    shared = models.loader()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", lambda _path: shared)
        patch.setattr(URLLib3Session, "send", direct.send)
        patch.setattr(SigV4Auth, "add_auth", direct.sign)
        patch.setattr(UserAgentString, "to_string", lambda _: "liberty-cfn/tests")
        # Each client has one, for a TLS that nobody speaks here.
        tls = functools.cache(botocore.httpsession.create_urllib3_context)
        patch.setattr(botocore.httpsession, "create_urllib3_context", tls)
        for kind, method in (
            (EventAliaser, "_alias_event_name"),
            (ClientCreator, "_create_client_class"),
        ):
            patch.setattr(kind, method, once(getattr(kind, method)))
        # Each session looks whether handlers take keywords: a hundred of botocore's own.
        patch.setattr(BaseEventHooks, "_verify_accept_kwargs", lambda _hooks, _handler: None)
        yield
    direct.hang_up()


@pytest.fixture(scope="session")
def local_folder(tmp_path_factory):
    """Where the local AWS keeps its files."""
    return tmp_path_factory.mktemp("local-aws")


@pytest.fixture(scope="session")
def local_aws(local_folder):
    yield control.up(local_folder, say=lambda _line: None)
    control.down(local_folder)


@pytest.fixture(scope="session")
def standing_target(local_aws):
    """The same AWS as it is, with clients that are made once."""
    return targets.target(session(local_aws), local_aws.endpoint)


@pytest.fixture
def aws(local_aws):
    empty = Aws(local_aws)
    empty.reset()
    return empty


@pytest.fixture
def until_awaited(aws, monkeypatch):
    """Have resources take long from a call of this on, until they are waited for."""

    def waited(seconds):
        aws.delay(0)
        time.sleep(seconds)

    watch = SimpleNamespace(sleep=waited, monotonic=time.monotonic)
    monkeypatch.setattr("liberty_cfn.deploy.patience.time", watch)
    return functools.partial(aws.delay, 60)


@pytest.fixture
def target(aws, standing_target):
    return standing_target
