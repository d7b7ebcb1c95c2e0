"""The local AWS's stack sets answer as CloudFormation does: every field, every refusal."""

import json
import re
import time
from xml.etree import ElementTree as ET

import pytest
from botocore.exceptions import ClientError
from local_aws import SOON

TEMPLATE = json.dumps(
    {
        "Parameters": {"Name": {"Type": "String", "Default": "a"}},
        "Resources": {
            "Log": {
                "Type": "AWS::Logs::LogGroup",
                "Properties": {"LogGroupName": {"Ref": "Name"}},
            }
        },
    }
)
HERE, REGION = "000000000000", "us-east-1"
TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole"}
ROLES = {
    "AWSCloudFormationStackSetAdministrationRole": {"Service": "cloudformation.amazonaws.com"},
    "AWSCloudFormationStackSetExecutionRole": {"AWS": f"arn:aws:iam::{HERE}:root"},
}


@pytest.fixture
def client(aws):
    for name, principal in ROLES.items():
        trust = {"Version": "2012-10-17", "Statement": [TRUST | {"Principal": principal}]}
        aws.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    return aws.client("cloudformation")


@pytest.fixture
def one(client):
    """A set with a stack in one place."""
    client.create_stack_set(StackSetName="one", TemplateBody=TEMPLATE, Tags=[TAG])
    done(client, client.create_stack_instances(**PLACE, ParameterOverrides=[named("b")]))
    return client


PLACE = {"StackSetName": "one", "Accounts": [HERE], "Regions": [REGION]}
TAG = {"Key": "Project", "Value": "p"}


def named(value):
    return {"ParameterKey": "Name", "ParameterValue": value}


def done(client, begun):
    asked = {"StackSetName": "one", "OperationId": begun["OperationId"]}
    while True:
        found = client.describe_stack_set_operation(**asked)["StackSetOperation"]
        if found["Status"] not in ("RUNNING", "STOPPING", "QUEUED"):
            return found
        time.sleep(0.005)


def instance(client):
    return client.describe_stack_instance(
        StackSetName="one", StackInstanceAccount=HERE, StackInstanceRegion=REGION
    )["StackInstance"]


def unknown(element, shape, path=""):
    """Yield what of an answer botocore's service model knows, and isn't as it says."""
    kind, text = shape.type_name, element.text or ""
    if kind == "structure":
        for child in element:
            name = child.tag.rpartition("}")[2]
            if name in shape.members:
                yield from unknown(child, shape.members[name], f"{path}.{name}")
    elif kind == "list":
        for child in element:
            yield from unknown(child, shape.member, f"{path}[]")
    elif not re.fullmatch(FORMS.get(kind, ".*"), text, re.DOTALL):
        yield f"{path}: {text!r} is no {kind}"
    elif kind == "string":
        good = not shape.enum or text in shape.enum
        least = shape.metadata.get("min", 0)
        pattern = shape.metadata.get("pattern", "(?s).*")
        if not good or len(text) < least or not re.fullmatch(pattern, text):
            yield f"{path}: {text!r} is none of {shape.enum}, or doesn't fit {pattern}"


FORMS = {
    "boolean": "true|false",
    "integer": r"\d+",
    "timestamp": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z",
}


@pytest.mark.parametrize(
    ("operation", "asked"),
    [
        ("DescribeStackSet", {}),
        ("ListStackInstances", {}),
        ("ListStackSetOperations", {}),
        (
            "DescribeStackInstance",
            {"StackInstanceAccount": HERE, "StackInstanceRegion": REGION},
        ),
        ("DescribeStackSetOperation", {"OperationId": "first"}),
        ("ListStackSetOperationResults", {"OperationId": "first"}),
    ],
)
def test_every_field_of_an_answer_is_as_cloudformations(one, operation, asked):
    done(one, one.update_stack_instances(**PLACE, OperationId="first"))
    model = one.meta.service_model.operation_model(operation)
    answers = []
    one.meta.events.register_last(
        f"before-parse.cloudformation.{operation}",
        lambda response_dict, **_: answers.append(response_dict["body"]),
        unique_id="answers",
    )
    method = "".join(f"_{c.lower()}" if c.isupper() else c for c in operation)[1:]
    getattr(one, method)(**{"StackSetName": "one", **asked})
    one.meta.events.unregister(f"before-parse.cloudformation.{operation}", unique_id="answers")
    [result] = [e for e in ET.fromstring(answers[0]) if e.tag.endswith("Result")]
    assert len(result) > 0
    assert list(unknown(result, model.output_shape)) == []


def test_an_instance_is_a_stack_with_the_sets_values_and_its_own(one, aws):
    there = instance(one)
    assert (there["Status"], there["StackInstanceStatus"]) == (
        "CURRENT",
        {"DetailedStatus": "SUCCEEDED"},
    )
    stack = one.describe_stacks(StackName=there["StackId"])["Stacks"][0]
    assert stack["StackName"].startswith("StackSet-one-")
    assert (stack["Parameters"], stack["Tags"]) == ([named("b")], [TAG])


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({}, [named("b")]),
        ({"ParameterOverrides": [named("c")]}, [named("c")]),
        ({"ParameterOverrides": []}, []),
        (
            {"ParameterOverrides": [{"ParameterKey": "Name", "UsePreviousValue": True}]},
            [named("b")],
        ),
    ],
)
def test_overrides_left_out_stay_and_a_list_is_the_whole_list(one, given, kept):
    done(one, one.update_stack_instances(**PLACE, **given))
    assert instance(one)["ParameterOverrides"] == kept


def test_a_set_that_changed_is_out_of_date_where_it_was_not_asked_for(one, aws):
    done(one, one.create_stack_instances(**{**PLACE, "Regions": ["eu-west-1"]}))
    asked = {"UsePreviousTemplate": True, "Parameters": [named("z")], **PLACE}
    done(one, one.update_stack_set(**asked))
    pages = one.get_paginator("list_stack_instances")
    asked = {"StackSetName": "one", "PaginationConfig": {"PageSize": 1}}
    found = pages.paginate(**asked).build_full_result()["Summaries"]
    assert {i["Region"]: i["Status"] for i in found} == {
        REGION: "CURRENT",
        "eu-west-1": "OUTDATED",
    }


def test_what_is_not_changed_leaves_the_others_as_they_are(one):
    done(one, one.create_stack_instances(**{**PLACE, "Regions": ["eu-west-1"]}))
    done(one, one.update_stack_set(UsePreviousTemplate=True, **PLACE))
    found = one.list_stack_instances(StackSetName="one")["Summaries"]
    assert {i["Status"] for i in found} == {"CURRENT"}


@pytest.mark.parametrize(
    ("call", "asked", "code"),
    [
        ("describe_stack_set", {"StackSetName": "two"}, "StackSetNotFoundException"),
        (
            "create_stack_set",
            {"StackSetName": "one", "TemplateBody": TEMPLATE},
            "NameAlreadyExistsException",
        ),
        ("delete_stack_set", {"StackSetName": "one"}, "StackSetNotEmptyException"),
        (
            "describe_stack_set_operation",
            {"StackSetName": "one", "OperationId": "x"},
            "OperationNotFoundException",
        ),
        (
            "update_stack_instances",
            {**PLACE, "Regions": ["eu-west-1"]},
            "StackInstanceNotFoundException",
        ),
        (
            "delete_stack_instances",
            {**PLACE, "Regions": ["eu-west-1"], "RetainStacks": False},
            "StackInstanceNotFoundException",
        ),
        (
            "describe_stack_instance",
            {
                "StackSetName": "one",
                "StackInstanceAccount": HERE,
                "StackInstanceRegion": "eu-west-1",
            },
            "StackInstanceNotFoundException",
        ),
        (
            "stop_stack_set_operation",
            {"StackSetName": "one", "OperationId": "x"},
            "OperationNotFoundException",
        ),
        (
            "create_stack_instances",
            {**PLACE, "StackSetName": "two"},
            "StackSetNotFoundException",
        ),
    ],
)
def test_what_cannot_be_is_refused_under_cloudformations_code(one, call, asked, code):
    with pytest.raises(ClientError) as error:
        getattr(one, call)(**asked)
    told = error.value.response
    assert told["Error"]["Code"] == code
    assert told["Error"]["Message"]
    operation = one.meta.service_model.operation_model(one.meta.method_to_api_mapping[call])
    known = {
        shape.metadata["error"]["code"]: shape.metadata["error"]["httpStatusCode"]
        for shape in operation.error_shapes
    }
    status = told["ResponseMetadata"]["HTTPStatusCode"]
    # The model leaves out that of deleting an instance.
    others = {"StackInstanceNotFoundException": 404}
    assert {**others, **known}[code] == status


def test_the_same_set_asked_for_again_is_the_same(client):
    asked = {"StackSetName": "one", "TemplateBody": TEMPLATE, "ClientRequestToken": "t"}
    ids = {client.create_stack_set(**asked)["StackSetId"] for _ in range(2)}
    assert len(ids) == 1


def test_one_operation_at_a_time_and_one_that_runs_can_be_stopped(one, aws):
    aws.delay(60)
    regions = ["eu-west-1", "eu-west-2", "eu-west-3"]
    begun = one.create_stack_instances(
        **{**PLACE, "Regions": regions}, ParameterOverrides=[named("s")]
    )
    with pytest.raises(one.exceptions.OperationInProgressException):
        one.update_stack_instances(**PLACE)
    number = {"StackSetName": "one", "OperationId": begun["OperationId"]}
    one.stop_stack_set_operation(**number)
    aws.delay(0)
    assert done(one, begun)["Status"] == "STOPPED"
    results = one.list_stack_set_operation_results(**number)["Summaries"]
    assert [r["Status"] for r in results][-1] == "CANCELLED"
    with pytest.raises(one.exceptions.InvalidOperationException):
        one.stop_stack_set_operation(**number)


@pytest.mark.parametrize(
    ("preferences", "statuses"),
    [
        ({}, ["FAILED", "CANCELLED", "CANCELLED", "CANCELLED"]),
        (
            {"RegionOrder": ["eu-west-1", REGION]},
            ["CANCELLED", "CANCELLED", "FAILED", "CANCELLED"],
        ),
        ({"FailureToleranceCount": 1}, ["FAILED", "SUCCEEDED", "FAILED", "SUCCEEDED"]),
        ({"FailureTolerancePercentage": 50}, ["FAILED", "SUCCEEDED", "FAILED", "SUCCEEDED"]),
        (
            {"RegionConcurrencyType": "PARALLEL"},
            ["FAILED", "CANCELLED", "FAILED", "CANCELLED"],
        ),
        (
            {"MaxConcurrentCount": 2, "ConcurrencyMode": "SOFT_FAILURE_TOLERANCE"},
            ["FAILED", "SUCCEEDED", "CANCELLED", "CANCELLED"],
        ),
    ],
    ids=str,
)
def test_no_more_accounts_of_a_region_fail_than_may(client, aws, preferences, statuses):
    """The first account has no execution role."""
    client.create_stack_set(StackSetName="one", TemplateBody=TEMPLATE)
    begun = client.create_stack_instances(
        StackSetName="one",
        Accounts=["222222222222", HERE],
        Regions=[REGION, "eu-west-1"],
        OperationPreferences=preferences,
    )
    over = done(client, begun)
    assert over["Status"] == (
        "SUCCEEDED" if "Tolerance" in str(preferences.keys()) else "FAILED"
    )
    results = client.list_stack_set_operation_results(
        StackSetName="one", OperationId=begun["OperationId"]
    )["Summaries"]
    assert [r["Status"] for r in results] == statuses
    [why, *_] = [r["StatusReason"] for r in results if r["Status"] == "FAILED"]
    assert "should have 'AWSCloudFormationStackSetExecutionRole' role" in why


def test_a_template_from_a_bucket_may_be_bigger_than_a_request(client, aws):
    aws.client("s3").create_bucket(Bucket="templates")
    big = json.dumps({**json.loads(TEMPLATE), "Metadata": {"Big": "a" * 60_000}})
    aws.client("s3").put_object(Bucket="templates", Key="big", Body=big.encode())
    url = "https://templates.s3.amazonaws.com/big"
    client.create_stack_set(StackSetName="one", TemplateURL=url)
    assert done(client, client.create_stack_instances(**PLACE))["Status"] == "SUCCEEDED"


def test_retained_stacks_leave_the_set_and_live_on(one):
    stack = instance(one)["StackId"]
    done(one, one.delete_stack_instances(**PLACE, RetainStacks=True))
    assert one.list_stack_instances(StackSetName="one")["Summaries"] == []
    assert one.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
    one.delete_stack_set(StackSetName="one")


def test_a_stack_that_stands_alone_is_taken_in_with_values_of_its_own(client):
    client.create_stack_set(StackSetName="one", TemplateBody=TEMPLATE)
    made = client.create_stack(
        StackName="alone", TemplateBody=TEMPLATE, Parameters=[named("b")]
    )
    client.get_waiter("stack_create_complete").wait(StackName="alone", WaiterConfig=SOON)
    asked = {"StackSetName": "one", "StackIds": [made["StackId"]]}
    done(client, client.import_stacks_to_stack_set(**asked))
    there = instance(client)
    assert (there["StackId"], there["Status"]) == (made["StackId"], "CURRENT")
    assert there["ParameterOverrides"] == [named("b")]


def test_a_stack_of_another_template_is_not_taken_in(client):
    client.create_stack_set(StackSetName="one", TemplateBody=TEMPLATE)
    other = TEMPLATE.replace('"Log"', '"Other"')
    made = client.create_stack(StackName="alone", TemplateBody=other)
    client.get_waiter("stack_create_complete").wait(StackName="alone", WaiterConfig=SOON)
    begun = client.import_stacks_to_stack_set(StackSetName="one", StackIds=[made["StackId"]])
    assert done(client, begun)["Status"] == "FAILED"
    assert client.list_stack_instances(StackSetName="one")["Summaries"] == []


def test_drift_is_told_of_the_set_and_of_each_instance(one, aws):
    aws.client("logs").put_retention_policy(logGroupName="b", retentionInDays=1)
    aws.client("logs").delete_log_group(logGroupName="b")
    done(one, one.detect_stack_set_drift(StackSetName="one"))
    assert instance(one)["DriftStatus"] == "DRIFTED"
    details = one.describe_stack_set(StackSetName="one")["StackSet"]
    assert details["StackSetDriftDetectionDetails"]["DriftStatus"] == "DRIFTED"


def test_an_organizations_accounts_are_the_targets_of_its_units(client, aws):
    organizations = aws.client("organizations")
    root = organizations.list_roots()["Roots"][0]["Id"]
    unit = organizations.create_organizational_unit(ParentId=root, Name="live")
    number = unit["OrganizationalUnit"]["Id"]
    organizations.move_account(AccountId=HERE, SourceParentId=root, DestinationParentId=number)
    managed = {"PermissionModel": "SERVICE_MANAGED", "AutoDeployment": {"Enabled": False}}
    client.create_stack_set(StackSetName="one", TemplateBody=TEMPLATE, **managed)
    where = {"DeploymentTargets": {"OrganizationalUnitIds": [number]}, "Regions": [REGION]}
    done(client, client.create_stack_instances(StackSetName="one", **where))
    assert instance(client)["Status"] == "CURRENT"
    other = {**where["DeploymentTargets"], "Accounts": ["222222222222"]}
    other |= {"AccountFilterType": "INTERSECTION"}
    asked = {"DeploymentTargets": other, "Regions": ["eu-west-1"]}
    done(client, client.create_stack_instances(StackSetName="one", **asked))
    assert len(client.list_stack_instances(StackSetName="one")["Summaries"]) == 1
    nested = {"N": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "x"}}}
    with pytest.raises(ClientError, match="do not support nested stacks"):
        client.create_stack_set(
            StackSetName="two", TemplateBody=json.dumps({"Resources": nested}), **managed
        )
