"""What exists already, taken into a stack through a change set."""

import json

import pytest
from botocore.exceptions import ClientError
from local_stacks import (
    CAPABILITIES,
    delete,
    deploy,
    describe,
    events,
    get,
    nested,
    outputs,
    physical,
    resource,
    rest,
    template,
    upload,
)

RETAINED = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
DATABASE = {"DBInstanceIdentifier": "one", "DBInstanceClass": "db.t3.micro"}
DATABASE |= {"Engine": "postgres", "AllocatedStorage": "20"}
CACHE = {"ClusterName": "one", "CacheNodeType": "cache.t3.micro", "Engine": "redis"}
CACHE |= {"NumCacheNodes": 1}
GROUP = {"ReplicationGroupId": "two", "ReplicationGroupDescription": "Two."}
GROUP |= {"CacheNodeType": "cache.t3.micro", "Engine": "redis", "NumCacheClusters": 1}
POLICY = {"Version": "2012-10-17", "Statement": []}

# What is kept: its properties, the identifier an import takes, and something it is asked for.
KEPT = {
    "S3::Bucket": ({"BucketName": "one"}, "BucketName", "Arn"),
    "SecretsManager::Secret": ({"Name": "one", "SecretString": "x"}, "Id", "Id"),
    "ECR::Repository": ({"RepositoryName": "one"}, "RepositoryName", "RepositoryUri"),
    "Logs::LogGroup": ({"LogGroupName": "one"}, "LogGroupName", "Arn"),
    "Route53::HostedZone": ({"Name": "a.com"}, "Id", "Id"),
    "KMS::Key": ({"KeyPolicy": POLICY}, "KeyId", "Arn"),
    "RDS::DBInstance": (DATABASE, "DBInstanceIdentifier", "Endpoint.Address"),
    "ElastiCache::CacheCluster": (CACHE, "ClusterName", "RedisEndpoint.Address"),
    "ElastiCache::ReplicationGroup": (GROUP, "ReplicationGroupId", "PrimaryEndPoint.Address"),
}
NAMED = ["S3::Bucket", "ECR::Repository", "Logs::LogGroup", "RDS::DBInstance"]


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


def adopt(aws, body, to_import, name="root"):
    listed = [
        {"LogicalResourceId": title, "ResourceType": f"AWS::{kind}", "ResourceIdentifier": key}
        for title, kind, key in to_import
    ]
    return change_set(aws, body, name, ChangeSetType="IMPORT", ResourcesToImport=listed)


@pytest.mark.parametrize("kind", KEPT)
def test_what_a_stack_left_behind_is_taken_in_by_its_identifier(aws, kind):
    properties, key, attribute = KEPT[kind]
    body = template({"Kept": resource(kind, properties, **RETAINED)})
    told = {**body, "Outputs": {"Told": {"Value": get("Kept", attribute)}}}
    before = outputs(deploy(aws, told))
    kept = physical(aws, "Kept")
    delete(aws)
    planned = adopt(aws, body, [("Kept", kind, {key: kept})])
    assert [c["ResourceChange"]["Action"] for c in planned["Changes"]] == ["Import"]
    assert execute(aws, planned)["StackStatus"] == "IMPORT_COMPLETE", events(aws)
    assert physical(aws, "Kept") == kept
    assert outputs(deploy(aws, told)) == before


@pytest.mark.parametrize("kind", NAMED)
def test_what_has_the_name_already_is_taken_in_with_the_rest_of_the_stack(aws, kind):
    resources = {
        "Kept": resource(kind, KEPT[kind][0], **RETAINED),
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
    assert ("New", "CREATE_COMPLETE") in events(aws, made)


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


def test_what_does_not_exist_can_not_be_taken_in(aws):
    body = template({"Kept": resource("ECR::Repository", {"RepositoryName": "a"}, **RETAINED)})
    planned = adopt(aws, body, [("Kept", "ECR::Repository", {"RepositoryName": "a"})])
    assert planned["Status"] == "FAILED"
    assert "was not found" in planned["StatusReason"]


def test_what_is_another_stacks_can_not_be_taken_in(aws):
    body = template({"Kept": resource("ECR::Repository", {"RepositoryName": "a"}, **RETAINED)})
    deploy(aws, body, "other")
    planned = adopt(aws, body, [("Kept", "ECR::Repository", {"RepositoryName": "a"})])
    assert "already exists in stack" in planned["StatusReason"]


def test_a_stack_of_its_own_can_be_nested_once_it_was_updated(aws):
    topic = {"Topic": resource("SNS::Topic", {"TopicName": "alone"}, **RETAINED)}
    arn = aws.client("sns").create_topic(Name="alone")["TopicArn"]
    child = template(topic)
    alone = adopt(aws, child, [("Topic", "SNS::Topic", {"TopicArn": arn})], "alone")
    execute(aws, alone)
    deploy(aws, template({"Other": resource("SNS::Topic")}))
    parent = template(
        {
            "Other": resource("SNS::Topic"),
            "Child": nested(upload(aws, child=child)["child"], **RETAINED),
        }
    )
    stack = [("Child", "CloudFormation::Stack", {"StackId": alone["StackId"]})]
    refused = adopt(aws, parent, stack)
    assert "current stack status is IMPORT_COMPLETE" in refused["StatusReason"]
    aws.client("cloudformation").delete_change_set(ChangeSetName=refused["ChangeSetId"])
    deploy(aws, child, "alone", Tags=[{"Key": "a", "Value": "b"}])
    assert execute(aws, adopt(aws, parent, stack))["StackStatus"] == "IMPORT_COMPLETE"
    assert describe(aws, "alone")["ParentId"] == describe(aws)["StackId"]


def test_an_import_reaches_into_no_nested_stack(aws):
    body = template({"Kept": resource("ECR::Repository", {"RepositoryName": "a"}, **RETAINED)})
    with pytest.raises(ClientError, match="IncludeNestedStacks is not supported"):
        change_set(aws, body, ChangeSetType="IMPORT", IncludeNestedStacks=True)
