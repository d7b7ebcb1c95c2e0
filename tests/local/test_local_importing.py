"""What exists already, taken into a stack through a change set."""

import json

import pytest
from local_stacks import (
    CAPABILITIES,
    delete,
    deploy,
    events,
    nested,
    physical,
    resource,
    rest,
    template,
    upload,
)

RETAINED = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
NAMED = {
    "S3::Bucket": {"BucketName": "one"},
    "ECR::Repository": {"RepositoryName": "one"},
    "Logs::LogGroup": {"LogGroupName": "one"},
}


def change_set(aws, body, name="root", **options):
    cloudformation = aws.client("cloudformation")
    asked = {"StackName": name, "ChangeSetName": "one", "Capabilities": CAPABILITIES}
    made = cloudformation.create_change_set(**asked, TemplateBody=json.dumps(body), **options)
    return cloudformation.describe_change_set(ChangeSetName=made["Id"])


def execute(aws, described, **options):
    aws.client("cloudformation").execute_change_set(
        ChangeSetName=described["ChangeSetId"], **options
    )
    return rest(aws, described["StackId"])


@pytest.mark.parametrize("kind", NAMED)
def test_what_has_the_name_already_is_taken_in_with_the_rest_of_the_stack(aws, kind):
    resources = {
        "Kept": resource(kind, NAMED[kind], **RETAINED),
        "New": resource("SNS::Topic"),
    }
    body = template({"Child": nested(upload(aws, child=template(resources))["child"])})
    deploy(aws, body)
    kept = physical(aws, "Kept", physical(aws, "Child"))
    delete(aws)
    planned = change_set(
        aws,
        body,
        ChangeSetType="CREATE",
        ImportExistingResources=True,
        IncludeNestedStacks=True,
    )
    assert execute(aws, planned)["StackStatus"] == "CREATE_COMPLETE", events(aws)
    made = physical(aws, "Child")
    assert physical(aws, "Kept", made) == kept
    assert ("Kept", "IMPORT_COMPLETE") in events(aws, made)
    assert ("Kept", "CREATE_COMPLETE") not in events(aws, made)
    assert ("New", "CREATE_COMPLETE") in events(aws, made)


def test_an_update_takes_in_what_it_adds_to_a_nested_stack(aws):
    aws.client("s3").create_bucket(Bucket="one")
    before = {"New": resource("SNS::Topic")}
    after = before | {"Kept": resource("S3::Bucket", {"BucketName": "one"}, **RETAINED)}
    urls = upload(aws, before=template(before), after=template(after))
    deploy(aws, template({"Child": nested(urls["before"])}))
    body = template({"Child": nested(urls["after"])})
    planned = change_set(aws, body, ImportExistingResources=True, IncludeNestedStacks=True)
    assert execute(aws, planned)["StackStatus"] == "UPDATE_COMPLETE"
    assert physical(aws, "Kept", physical(aws, "Child")) == "one"


@pytest.mark.parametrize("new", [True, False])
def test_what_a_failed_operation_took_in_stays_though_what_it_made_goes(aws, new):
    aws.client("s3").create_bucket(Bucket="one")
    made = resource("S3::Bucket", {"BucketName": "two"}, **RETAINED)
    inside = {"Topic": resource("SNS::Topic")}

    def body(**more):
        name = "after" if more else "before"
        url = upload(aws, **{name: template(inside | more)})[name]
        last = {"Last": resource("SNS::Topic", DependsOn="Child")} if more else {}
        return template({"Child": nested(url), **last})

    if not new:
        deploy(aws, body())
    planned = change_set(
        aws,
        body(Kept=resource("S3::Bucket", {"BucketName": "one"}, **RETAINED), Made=made),
        ChangeSetType="CREATE" if new else "UPDATE",
        ImportExistingResources=True,
        IncludeNestedStacks=True,
    )
    aws.fail("AWS::SNS::Topic/Last")
    ended = execute(aws, planned, RetainExceptOnCreate=True)["StackStatus"]
    assert ended == ("ROLLBACK_COMPLETE" if new else "UPDATE_ROLLBACK_COMPLETE")
    assert [b["Name"] for b in aws.client("s3").list_buckets()["Buckets"]] == [
        "one",
        "templates",
    ]


def test_what_another_stack_holds_is_not_taken_in(aws):
    held = template({"Kept": resource("S3::Bucket", NAMED["S3::Bucket"], **RETAINED)})
    deploy(aws, held, "holder")
    body = template({"Child": nested(upload(aws, child=held)["child"])})
    asked = {"ImportExistingResources": True, "IncludeNestedStacks": True}
    refused = change_set(aws, body, ChangeSetType="CREATE", **asked)
    assert refused["Status"] == "FAILED"
    assert "one already exists in stack" in refused["StatusReason"]


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("S3::Bucket", {"BucketName": {"Fn::Sub": "${AWS::StackName}"}}),
        ("SecretsManager::Secret", {"Name": "one"}),
    ],
)
def test_what_no_name_written_out_identifies_is_not_taken_in(aws, kind, properties):
    body = template({"Kept": resource(kind, properties, **RETAINED)})
    deploy(aws, body)
    delete(aws)
    planned = change_set(aws, body, ChangeSetType="CREATE", ImportExistingResources=True)
    assert [c["ResourceChange"]["Action"] for c in planned["Changes"]] == ["Add"]
    assert execute(aws, planned)["StackStatus"] == "ROLLBACK_COMPLETE"
