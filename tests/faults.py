"""Fixture: faults on the way to the local AWS, in the very form that AWS gives them.

microburst stands between: what no rule of a test is about goes through, there and back.
"""

import contextlib
import http.client
import json
import socket
import subprocess
import sys
import time
from dataclasses import dataclass

import direct
import pytest
from botocore.auth import SigV4Auth
from botocore.httpsession import URLLib3Session
from botocore.retries.bucket import TokenBucket
from local_aws import session

from liberty_cfn.deploy import targets

HOST = "127.0.0.1"
# It would read all of boto's models, for services that are known by their host; none is here.
MICROBURST = """
import sys
from botocore.session import Session
Session.get_available_services = lambda _session: []
from microburst.cli import main
sys.exit(main())
"""
RULES, FIRED = "/_microburst/rules", "/_microburst/fired?limit=2000"


@dataclass(frozen=True)
class Faults:
    port: int

    @property
    def endpoint(self):
        return f"http://{HOST}:{self.port}"

    def put(self, *rules):
        """Have what goes through from now on meet these rules, and no others."""
        self._ask("POST", RULES, rules)
        self._ask("DELETE", FIRED)

    def fired(self):
        """Return the operations that met a rule."""
        return [one["operation"] for one in self._ask("GET", FIRED)]

    def _ask(self, verb, path, body=None):
        server = http.client.HTTPConnection(HOST, self.port)
        with contextlib.closing(server):
            server.request(verb, path, json.dumps(body))
            return json.loads(server.getresponse().read())


@pytest.fixture(scope="session")
def microburst(local_aws):
    """Have microburst between, once for all."""
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    told = ["--upstream", local_aws.endpoint, "--port", str(port)]
    process = subprocess.Popen(
        [sys.executable, "-c", MICROBURST, *told],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    faults = Faults(port)
    while process.poll() is None:
        with contextlib.suppress(ConnectionRefusedError):
            faults.put()
            break
        time.sleep(0.02)
    yield faults
    process.kill()
    process.wait()


@pytest.fixture
def faults(aws, microburst, monkeypatch):
    """The emptied local AWS behind faults, asked as boto3 asks AWS, but for its long waits."""
    monkeypatch.setattr(TokenBucket, "_sleep_amount", lambda _bucket, _amount: 0)
    monkeypatch.setattr(URLLib3Session, "send", direct.usually)
    monkeypatch.setattr(SigV4Auth, "add_auth", direct.signed)
    yield microburst
    microburst.put()


@pytest.fixture
def behind(aws, faults):
    """What the helper deploys to, through the faults."""
    return targets.target(session(aws.local), faults.endpoint)
