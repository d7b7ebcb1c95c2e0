"""Fixture: an AWS of this module's own, and what it takes to have the whole design in it."""

import dataclasses
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from liberty_cfn.deploy.deploying import deploy
from liberty_cfn.deploy.packaging import read
from liberty_cfn.deploy.targets import Target
from liberty_cfn.environments import Environment, load
from liberty_cfn.local import control

TEMPLATES = Path(__file__).parent.parent / "templates"


class Silent:
    """Progress that nobody follows."""

    def say(self, line):
        pass

    def planned(self, changes):
        pass

    def consents(self):
        return True

    def happened(self, events):
        pass


@dataclass
class Deployed:
    """The local AWS, and how to have an environment in it."""

    target: Target
    untouched: Environment | None = None

    def client(self, service: str) -> Any:
        return self.target.client(service)

    def reset(self) -> None:
        self.untouched = None
        address = f"{self.target.endpoint}/_ministack/reset"
        urllib.request.urlopen(address, data=b"{}").close()

    def deploy(self, name: str, *, empty: bool = True, **settings: str) -> Environment:
        """Empty the AWS, deploy an environment with some other settings, and return it."""
        if empty:
            self.reset()
        environment = self.with_settings(load(name), **settings)
        if environment.settings["HostedZoneId"]:
            zone = self.client("route53").create_hosted_zone(
                Name=environment.settings["DomainName"], CallerReference="test"
            )["HostedZone"]["Id"]
            environment = self.with_settings(environment, HostedZoneId=zone.rpartition("/")[2])
        outcome = deploy(environment, self.target, read(TEMPLATES), Silent())
        assert outcome and outcome.changed
        return environment

    @staticmethod
    def with_settings(environment: Environment, **settings: str) -> Environment:
        return dataclasses.replace(
            environment,
            given={**environment.given, **settings},
            settings={**environment.settings, **settings},
        )

    def still(self, name: str) -> Environment:
        """Return an environment that nothing was done to; deploy it if it isn't there."""
        if self.untouched is None or self.untouched.name != name:
            self.untouched = self.deploy(name)
        return self.untouched


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("deployed")
    local = control.up(folder, say=lambda _line: None)
    session = boto3.Session(**local.credentials)
    yield Deployed(Target(session, account=local.account, endpoint=local.endpoint))
    control.down(folder)
