"""Fixture: an AWS of this module's own, and what it takes to deploy the whole design to it.

The design is deployed as CloudFormation gets it: the committed templates, nested.
"""

import dataclasses
import functools
import re
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from liberty_cfn.environments import Environment, load
from liberty_cfn.local import control

TEMPLATES = Path(__file__).parent.parent / "templates"
BUCKET = "templates"
CAPABILITIES = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]


@dataclass(frozen=True)
class Deployed:
    """The local AWS, and how to have an environment in it."""

    local: control.LocalAws
    session: boto3.Session

    def client(self, service: str, **options: Any) -> Any:
        # A refusal is an answer here, never something to try again.
        once = Config(retries={"total_max_attempts": 1}, max_pool_connections=50)
        return _client(self.session, service, self.local.endpoint, once)

    def reset(self) -> None:
        address = f"{self.local.endpoint}/_ministack/reset"
        urllib.request.urlopen(address, data=b"{}").close()

    def deploy(self, name: str, **settings: str) -> Environment:
        """Empty the AWS, deploy an environment with some other settings, and return it."""
        self.reset()
        environment = with_settings(load(name), **settings)
        if environment.settings["HostedZoneId"]:
            zone = self.client("route53").create_hosted_zone(
                Name=environment.settings["DomainName"], CallerReference="test"
            )["HostedZone"]["Id"]
            environment = with_settings(environment, HostedZoneId=zone.rpartition("/")[2])
        s3 = self.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        for file in TEMPLATES.glob("*.yaml"):
            s3.put_object(Bucket=BUCKET, Key=file.name, Body=_with_urls(file.read_text()))
        self._create(environment)
        return environment

    def _create(self, environment: Environment) -> None:
        cloudformation = self.client("cloudformation")
        stack = cloudformation.create_stack(
            StackName=environment.stack,
            TemplateURL=_url("root.yaml"),
            Capabilities=CAPABILITIES,
            Tags=[{"Key": key, "Value": value} for key, value in environment.tags.items()],
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value}
                for key, value in environment.settings.items()
            ],
        )["StackId"]
        while True:
            [found] = cloudformation.describe_stacks(StackName=stack)["Stacks"]
            if not found["StackStatus"].endswith("_IN_PROGRESS"):
                break
            time.sleep(0.01)
        assert found["StackStatus"] == "CREATE_COMPLETE", found.get("StackStatusReason")


@functools.cache
def _client(session: boto3.Session, service: str, endpoint: str, config: Config) -> Any:
    return session.client(service, endpoint_url=endpoint, config=config)


def with_settings(environment: Environment, **settings: str) -> Environment:
    return dataclasses.replace(
        environment,
        given={**environment.given, **settings},
        settings={**environment.settings, **settings},
    )


def _with_urls(template: str) -> str:
    return re.sub(r"(TemplateURL: )(\w+\.yaml)", lambda m: m[1] + _url(m[2]), template)


def _url(file: str) -> str:
    return f"https://s3.us-east-1.amazonaws.com/{BUCKET}/{file}"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("aws")
    local = control.up(folder, say=lambda _line: None)
    yield Deployed(local, boto3.Session(**local.credentials))
    control.down(folder)
