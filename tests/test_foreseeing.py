"""What is deployed, reviewed against what is to be; and what of that a plan says will fail."""

import dataclasses
import json
from unittest.mock import Mock

import pytest
from deployed import Listener
from local_aws import SOON
from small_sets import small
from test_deploy import templates, with_settings
from versions import ROOT, nested, resource, version

from liberty_cfn import environments
from liberty_cfn.deploy import deploying, foreseeing
from liberty_cfn.deploy.changes import Change, Replacement
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.foreseeing import every_failure, failures, fetch
from liberty_cfn.deploy.stack import NESTED_STACK, find
from liberty_cfn.deploy.targets import Target
from liberty_cfn.deploy.work import Work
from liberty_cfn.digests import digest
from liberty_cfn.nesting import DIGEST_TAG

__all__ = ["templates"]

CHILD = {
    "Parameters": {"Name": {"Type": "String"}},
    "Resources": {"Topic": resource("SNS::Topic", {"DisplayName": {"Ref": "Name"}})},
}
TOP = nested(Alerts={"Name": {"Ref": "Called"}}) | {
    "Parameters": {"Called": {"Type": "String"}, "Other": {"Type": "String", "Default": "x"}}
}


@pytest.fixture
def environment():
    return dataclasses.replace(environments.load("local"), name="tiny")


@pytest.fixture
def target(aws):
    return Target(aws.session, account=aws.local.account, endpoint=aws.endpoint)


def now(called, child=CHILD):
    tags = dict(environments.load("local").tags)
    values = {"tiny": {"Called": called, "Tags": tags}, "prod": {"Called": "elsewhere"}}
    beforehand = {"bootstrap/role": CHILD}  # no part of what is deployed
    return version(root=TOP, alerts=child, values=values, **beforehand)


def deploy(target, environment):
    """Put the nested templates into the local AWS, as packaging does."""
    s3 = target.client("s3")
    s3.create_bucket(Bucket="templates")
    s3.put_object(Bucket="templates", Key="child.yaml", Body=json.dumps(CHILD).encode())
    url = f"{target.endpoint}/templates/child.yaml"
    top = json.loads(json.dumps(TOP).replace("alerts.yaml", url))
    cloudformation = target.client("cloudformation")
    cloudformation.create_stack(
        StackName=environment.stack,
        TemplateBody=json.dumps(top),
        Parameters=[{"ParameterKey": "Called", "ParameterValue": "one"}],
        Tags=[{"Key": DIGEST_TAG, "Value": "1234"}],
    )
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=environment.stack, WaiterConfig=SOON
    )


def test_what_is_deployed_is_compared_with_what_is_here(target, environment):
    deploy(target, environment)
    assert fetch(environment, target, now("one")).parts == ()
    found = fetch(environment, target, now("two"))
    assert found.digests[0] == "1234"
    (part,) = found.parts
    (change,) = part.changes
    assert (part.environment, change.name) == ("tiny", "Alerts/Topic")
    assert (change.properties[0].before, change.properties[0].after) == ("one", "two")
    assert part.set == ROOT


def test_a_plan_says_what_the_review_knows_to_fail(environment, monkeypatch):
    database = resource("RDS::DBInstance", {"AllocatedStorage": {"Ref": "DatabaseStorage"}})
    declared = {"DatabaseStorage": {"Type": "Number"}}
    top = {"Parameters": declared, "Resources": {"Database": database}}
    templates = {"root.yaml": json.dumps(top)}
    stack = {
        "Tags": [{"Key": DIGEST_TAG, "Value": digest(templates)}],
        "Parameters": [{"ParameterKey": "DatabaseStorage", "ParameterValue": "100"}],
    }

    def told(size):
        given = with_settings(environment, DatabaseStorage=size)
        # The templates are those that are deployed, so AWS isn't asked for them.
        return [*failures(Work(given, None, None, templates), stack)]

    [said] = told("50")
    assert said.startswith("This will fail, and be undone: Database: AllocatedStorage 100 → 50")
    assert told("200") == []
    # Of a set's stacks, each by its own values.
    sizes = [with_settings(environment, DatabaseStorage=size) for size in ("200", "50")]
    updates = [(Work(given, None, None, templates), stack) for given in sizes]
    assert every_failure(updates) == [[], [said]]
    monkeypatch.setattr(foreseeing, "review", Mock(side_effect=RecursionError))
    assert told("50") == []


def test_of_other_templates_it_asks_aws_for_those_that_are_deployed(target, environment):
    deploy(target, environment)
    size = {"RequiresCompatibilities": ["FARGATE"], "Cpu": "512", "Memory": "512"}
    task = resource("ECS::TaskDefinition", size)
    child = CHILD | {"Resources": CHILD["Resources"] | {"Task": task}}
    templates = {"root.yaml": json.dumps(TOP), "alerts.yaml": json.dumps(child)}
    stack = find(target.client("cloudformation"), environment.stack)
    work = Work(with_settings(environment, Called="one"), target, None, templates)
    [said] = failures(work, stack)
    assert "Alerts/Task: Fargate has no tasks with 512 CPU units and 512 MiB" in said
    # What can't be told is no reason to stop.
    assert [*failures(work, stack | {"StackId": f"{environment.stack}-gone"})] == []


def test_what_isn_t_deployed_can_t_be_compared_with(target, environment):
    with pytest.raises(DeployError, match="isn't deployed"):
        fetch(environment, target, now("one"))


@pytest.fixture
def plain(target):
    """Have CloudFormation tell nothing of what is inside nested stacks."""
    events = target.client("cloudformation").meta.events
    asked = "provide-client-params.cloudformation.CreateChangeSet"
    events.register(
        asked, alone := lambda params, **_: params.update(IncludeNestedStacks=False)
    )
    yield
    events.unregister(asked, alone)


@pytest.fixture
def small_set(target, templates):
    few = small(templates, "Logs", "Secrets", "Storage")
    local = environments.load("local")
    deploying.deploy(Work(local, target, Listener(), few))
    return local, few


@pytest.mark.usefixtures("plain")
def test_what_loses_data_in_a_nested_stack_that_aws_tells_nothing_of_is_refused(
    target, small_set
):
    """Policies keep what would go, but not a secret's value, nor files that expire."""
    local, few = small_set
    changed = with_settings(local, UploadsExpireDays="30")
    longer = {**few, "secrets.yaml": few["secrets.yaml"].replace("Length: 40", "Length: 41")}
    this, stack = (
        Work(changed, target, Listener(), longer),
        find(target.client("cloudformation"), local.stack),
    )
    # What AWS tells of the other isn't told twice.
    both = [
        Change((), name, NESTED_STACK, "Modify", Replacement.NO, opaque=name == "Secrets")
        for name in ("Secrets", "Storage")
    ]
    assert [c.resource for c in foreseeing.inside(this, stack, both)] == ["DatabasePassword"]
    with pytest.raises(DeployError) as refused:
        deploying.deploy(this)
    said = str(refused.value)
    assert "Secrets/DatabasePassword (AWS::SecretsManager::Secret) would get another" in said
    assert "Storage/Uploads (AWS::S3::Bucket) would keep less, because Lifecycle" in said
    assert len(said.splitlines()) == 3
    named = ("DatabasePassword", "Uploads")
    assert deploying.deploy(Work(changed, target, Listener(), longer, named)).changed


@pytest.mark.usefixtures("plain")
def test_what_would_go_in_such_a_stack_is_refused_with_what_remains(target, small_set):
    local, few = small_set
    renamed = {**few, "logs.yaml": few["logs.yaml"].replace("ApplicationLogs", "Output")}
    with pytest.raises(DeployError, match="the old one remains, no longer managed") as refused:
        deploying.deploy(Work(local, target, Listener(), renamed))
    assert "Logs/ApplicationLogs (AWS::Logs::LogGroup) would be deleted" in str(refused.value)


@pytest.mark.usefixtures("plain")
def test_where_the_templates_can_t_tell_it_either_that_is_said(target, small_set, monkeypatch):
    local, few = small_set
    monkeypatch.setattr(foreseeing, "review", Mock(side_effect=RecursionError))
    listener = Listener()
    changed = with_settings(local, LogRetentionDays="60")
    assert deploying.deploy(Work(changed, target, listener, few)).changed
    assert [line for line in listener.said if "can't be told either" in line]
