"""Fixtures: the local AWS with the roles for stack sets, and small sets in it."""

import contextlib
import dataclasses
import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError
from botocore.httpsession import URLLib3Session
from local_aws import Aws

from liberty_cfn.deploy import targets
from liberty_cfn.deploy.buckets import EXECUTION_ROLE
from liberty_cfn.deploy.stack_sets import (
    bootstrap,
)
from liberty_cfn.deploy.stack_sets.deploying import deploy
from liberty_cfn.deploy.stack_sets.reaching import Fleet
from liberty_cfn.deploy.stack_sets.standing import standing
from liberty_cfn.deploy.targets import Target
from liberty_cfn.deployment_targets import Place
from liberty_cfn.environments import Environment, load

HOME, OTHER = "000000000000", "111111111111"
US, EU = "us-east-1", "eu-west-1"
GIVEN = (
    *("NameSuffix", "DomainName", "CreateHostedZone", "SiteOrigins", "LogRetentionDays"),
    *("BalancerDeletionProtection", "DatabaseDeletionProtection", "DatabaseMultiAz"),
    *("Image", "DesiredCount", "HostedZoneId", "CertificateArn", "ExistingExecutionRole"),
)
SETTINGS = load("global").settings
ROOT = f"""
Parameters:
{"".join(f"  {n}: {{Type: String, Default: '{SETTINGS[n]}'}}" + chr(10) for n in GIVEN)}
Resources:
  Inside:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: inside.yaml
      Parameters: {{Suffix: !Ref NameSuffix, Days: !Ref LogRetentionDays}}
"""
INSIDE = """
Parameters: {Suffix: {Type: String}, Days: {Type: String}}
Resources:
  Notes:
    Type: AWS::Logs::LogGroup
    Properties: {LogGroupName: !Sub 'notes${Suffix}', RetentionInDays: !Ref Days}
  Files:
    Type: AWS::S3::Bucket
    Properties: {BucketName: !Sub 'liberty-social-files${Suffix}'}
  Kept:
    Type: AWS::Logs::LogGroup
    DependsOn: Notes
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties: {LogGroupName: !Sub 'kept${Suffix}'}
"""
SMALL = {"root.yaml": ROOT, "inside.yaml": INSIDE}
# Where it doesn't matter what is nested in what, or deleted: made in half the time.
FLAT = {
    "root.yaml": ROOT.partition("Resources:")[0]
    + """
Resources:
  Notes:
    Type: AWS::Logs::LogGroup
    Properties:
      LogGroupName: !Sub 'notes${NameSuffix}'
      RetentionInDays: !Ref LogRetentionDays
"""
}
# As the whole design has them: what is found by its name, and kept.
KEEPING = {
    **SMALL,
    "inside.yaml": SMALL["inside.yaml"]
    + """
  Uploads:
    Type: AWS::S3::Bucket
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties:
      BucketName: !Sub 'liberty-social-uploads${Suffix}'
  Key:
    Type: AWS::SecretsManager::Secret
    DependsOn: Uploads
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties:
      Name: !Sub 'liberty-social/SECRET_KEY${Suffix}'
      GenerateSecretString: {PasswordLength: 50}
""",
}
_numbers = itertools.count(1)


@dataclass
class Told:
    """Progress that is remembered; consents unless told otherwise."""

    agrees: bool = True
    stopped: bool = False
    lines: list[str] = field(default_factory=list)
    plans: list[Any] = field(default_factory=list)
    results: list[Any] = field(default_factory=list)
    canaries: list[Place] = field(default_factory=list)
    then: Callable[[list[Any]], object] = list
    heard: Callable[[str], object] = str

    def say(self, line):
        self.lines.append(line)
        self.heard(line)

    def looked(self, done, of):
        pass

    def planned(self, plan):
        self.plans.append(plan)

    def consents(self, different):
        return True

    def happened(self, results):
        self.results += results
        self.then(results)

    def stop(self):
        self.stopped = True

    def goes_on(self, canary):
        self.canaries.append(canary)
        return self.agrees


@dataclass
class Sets:
    """The local AWS, and stack sets in it, each under a name of its own."""

    home: Target
    aws: Aws
    # Shared by all fleets, as making clients takes longer than what is tested.
    keys: dict[str, Any] = field(default_factory=dict)
    reached: dict[Place, Target] = field(default_factory=dict)
    clients: dict[tuple[str, Place], Any] = field(default_factory=dict)

    def _fleet(self, environment: Environment) -> Fleet:
        return Fleet(environment, self.home, self.keys, self.reached)

    def fleet(self, *places: str, **more: Any) -> Fleet:
        """Return a small set's fleet: in all four places, or in these ("111.../eu-west-1")."""
        number = next(_numbers)
        whole = load("global")
        # Those that the small root has.
        known = {name: whole.settings[name] for name in GIVEN}
        environment = dataclasses.replace(whole, name=f"t{number}", settings=known)
        kept = [
            place for place in environment.targets.places if not places or str(place) in places
        ]
        overrides = {
            place: {"NameSuffix": f"-{number}{index}", "LogRetentionDays": "7"}
            for index, place in enumerate(kept)
        }
        return self.with_targets(environment, overrides, **more)

    def with_targets(
        self, environment: Environment, overrides: Mapping[Place, Any], **more: Any
    ) -> Fleet:
        targets = dataclasses.replace(
            environment.targets,
            overrides=overrides,
            accounts=tuple(dict.fromkeys(place.account for place in overrides)),
            regions=tuple(dict.fromkeys(place.region for place in overrides)),
            **{"canary": next(iter(overrides)), **more},
        )
        preferences = {**targets.preferences, "RegionOrder": list(targets.regions)}
        targets = dataclasses.replace(targets, preferences=preferences)
        return self._fleet(dataclasses.replace(environment, targets=targets))

    def changed(self, fleet: Fleet, places=None, *, without=(), **settings: str) -> Fleet:
        """Return a fleet with other settings in some places, or without some places."""
        overrides = {
            place: {**own, **(settings if places is None or place in places else {})}
            for place, own in fleet.targets.overrides.items()
            if place not in without
        }
        return self.with_targets(fleet.environment, overrides)

    def tolerating(self, fleet: Fleet, failures: int) -> Fleet:
        preferences = {**fleet.targets.preferences, "FailureToleranceCount": failures}
        targets = dataclasses.replace(fleet.targets, preferences=preferences)
        return self._fleet(dataclasses.replace(fleet.environment, targets=targets))

    @contextlib.contextmanager
    def without_role(self, account: str):
        """Have an account's execution role trust nobody's but its own account, for a while."""
        iam = self.client("iam", Place(account, US))
        name = {"RoleName": EXECUTION_ROLE}
        trust = iam.get_role(**name)["Role"]["AssumeRolePolicyDocument"]
        nobody = json.dumps(trust).replace(self.home.account, "999999999999")
        iam.update_assume_role_policy(**name, PolicyDocument=nobody)
        self.keys.pop(account, None)
        for place in [place for place in self.reached if place.account == account]:
            del self.reached[place]
        yield
        iam.update_assume_role_policy(**name, PolicyDocument=json.dumps(trust))

    def client(self, service: str, place: Place) -> Any:
        """Return a client of a target's, as its own administrator."""
        if (service, place) not in self.clients:
            session = boto3.Session(place.account, "local", region_name=place.region)
            made = session.client(service, endpoint_url=self.home.endpoint)
            self.clients[service, place] = made
        return self.clients[service, place]


class Wire:
    """What becomes of calls to CloudFormation on their way, for some time.

    Not by a proxy: what a role signs is signed for one host.
    """

    def __init__(self, client):
        self._client = client
        self._left = []
        self.asked = []
        client.meta.events.register("before-send.cloudformation", self._send, unique_id=self)

    def refuse(self, operation, code, times=1):
        self._left += [(operation, code, False)] * times

    def lose(self, operation, code="", times=1):
        """Let a call through, and its answer be lost, or another one come."""
        self._left += [(operation, code, True)] * times

    def _send(self, request, event_name, **_):
        operation = event_name.rpartition(".")[2]
        self.asked.append(operation)
        for one in self._left:
            if one[0] == operation:
                self._left.remove(one)
                return self._instead(request, *one[1:])
        return None

    def _instead(self, request, code, arrives):
        if arrives:
            URLLib3Session().send(request)
            if not code:
                raise ConnectionClosedError(endpoint_url=request.url)
        text = f"<Error><Code>{code}</Code><Message>No</Message></Error>"
        body = _Body(f"<ErrorResponse>{text}</ErrorResponse>")
        return AWSResponse(request.url, 400, {}, body)

    def done(self):
        self._client.meta.events.unregister("before-send.cloudformation", unique_id=self)


class _Body:
    def __init__(self, text):
        self._text = text.encode()

    def stream(self, **_):
        yield self._text


@pytest.fixture(scope="module")
def sets(local_aws):
    aws = Aws(local_aws)
    aws.reset()
    with pytest.MonkeyPatch.context() as patch:
        # What is refused once is tried again by what is tested here, or not at all.
        patch.setattr(targets, "PATIENT", Config(retries={"total_max_attempts": 1}))
        home = Target(aws.session, local_aws.account, local_aws.endpoint)
        found = Sets(home, aws)
        bootstrap.install(found.fleet(), "", list)
        yield found


@pytest.fixture
def between(sets):
    calls = Wire(sets.home.client("cloudformation"))
    yield calls
    calls.done()
    sets.aws.fail()
    sets.aws.delay(0)


FIRST, SECOND = Place(HOME, US), Place(OTHER, US)
THIRD, FOURTH = Place(HOME, EU), Place(OTHER, EU)
TYPES = "AWS::Logs::LogGroup/Notes"


def begun(fleet):
    """Return the operations on a set, oldest first, as what each did and where."""
    client = fleet.cloudformation
    return [
        (
            one["Action"],
            {
                (r["Account"], r["Region"]): r["Status"]
                for r in client.list_stack_set_operation_results(
                    StackSetName=fleet.name, OperationId=one["OperationId"]
                )["Summaries"]
            },
        )
        for one in reversed(list(operations_of(fleet)))
    ]


def operations_of(fleet):
    return fleet.cloudformation.list_stack_set_operations(StackSetName=fleet.name)["Summaries"]


def statuses(fleet):
    there = standing(fleet)
    return {place: instance.status for place, instance in there.instances.items()}


def stack_of(fleet, place):
    return standing(fleet).instances[place].stack_id


def retention(sets, fleet, place):
    suffix = fleet.targets.overrides[place]["NameSuffix"]
    logs = sets.client("logs", place).describe_log_groups(logGroupNamePrefix=f"notes{suffix}")
    return logs["logGroups"][0]["retentionInDays"]


@pytest.fixture(scope="module")
def there(sets):
    """A set in four places that tests only look at."""
    fleet = sets.fleet()
    deploy(fleet, SMALL, Told())
    return fleet


def made_nothing(calls):
    changes = ("Create", "Update", "Delete")
    return not [call for call in calls.asked if call.startswith(changes)]
