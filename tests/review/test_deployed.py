"""What is deployed, as a version to compare with."""

import dataclasses
import json

import pytest
from local_aws import SOON
from versions import ROOT, nested, resource, version

from liberty_cfn import environments
from liberty_cfn.deploy.targets import Target
from liberty_cfn.nesting import DIGEST_TAG
from liberty_cfn.review.deployed import fetch
from liberty_cfn.review.sources import SourceError

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


def test_what_isn_t_deployed_can_t_be_compared_with(target, environment):
    with pytest.raises(SourceError, match="isn't deployed"):
        fetch(environment, target, now("one"))
