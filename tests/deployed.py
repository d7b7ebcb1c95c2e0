"""Fixture: the local AWS, and what it takes to have the whole design in it."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from local_aws import SOON, Aws

from liberty_cfn.deploy.change_sets import CAPABILITIES
from liberty_cfn.deploy.packaging import package, read
from liberty_cfn.deploy.stack import as_parameters, find
from liberty_cfn.deploy.targets import Target
from liberty_cfn.digests import digest
from liberty_cfn.environments import Environment, load
from liberty_cfn.nesting import DIGEST_TAG

TEMPLATES = Path(__file__).parent.parent / "templates"


class Listener:
    """Takes note of what a deploy tells, and consents unless told otherwise."""

    def __init__(self, *, consent=True):
        self.consent, self.asked, self.changes = consent, False, ()
        self.said, self.events = [], []

    def say(self, line):
        self.said.append(line)

    def planned(self, plan):
        self.plan, self.changes = plan, plan.changes

    def consents(self):
        self.asked = True
        return self.consent

    def happened(self, events):
        self.events += events


class Waking(Listener):
    """Has resources take no time any more as soon as anything is said, or happens."""

    def __init__(self, aws):
        super().__init__()
        self._aws = aws

    def say(self, line):
        super().say(line)
        self._aws.delay(0)

    def happened(self, events):
        super().happened(events)
        self._aws.delay(0)


@dataclass
class Deployed:
    """The local AWS, and how to have an environment in it."""

    aws: Aws
    target: Target
    untouched: tuple[Environment, str] | None = None

    def client(self, service: str) -> Any:
        return self.target.client(service)

    def reset(self) -> None:
        self.untouched = None
        self.aws.reset()

    def deploy(self, name: str, *, empty: bool = True, **settings: str) -> Environment:
        """Empty the AWS, have an environment in it with some other settings, and return it.

        CloudFormation alone makes it: without change set, policies, and following what happens
        in each stack, in half the time of a deploy.
        """
        if empty:
            self.reset()
        environment = self.with_settings(load(name), **settings)
        if environment.settings["HostedZoneId"]:
            zone = self.client("route53").create_hosted_zone(
                Name=environment.settings["DomainName"], CallerReference="test"
            )["HostedZone"]["Id"]
            environment = self.with_settings(environment, HostedZoneId=zone.rpartition("/")[2])
        templates = read(TEMPLATES)
        tags = {**environment.tags, DIGEST_TAG: digest(templates)}
        made = {"StackName": environment.stack}
        cloudformation = self.client("cloudformation")
        cloudformation.create_stack(
            **made,
            TemplateURL=package(self.target, templates),
            Parameters=as_parameters(environment.given),
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            Capabilities=CAPABILITIES,
        )
        waiter = cloudformation.get_waiter("stack_create_complete")
        waiter.wait(**made, WaiterConfig={**SOON, "Delay": 0.05})
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
        environment, stack_id = self.untouched or (None, "")
        if not environment or environment.name != name or self._stack_id(name) != stack_id:
            environment = self.deploy(name)
            self.untouched = environment, self._stack_id(name)
        return environment

    def _stack_id(self, name: str) -> str:
        stack = find(self.client("cloudformation"), f"liberty-social-{name}")
        return stack["StackId"] if stack else ""


@pytest.fixture(scope="session")
def deployed(local_aws, standing_target):
    return Deployed(Aws(local_aws), standing_target)
