"""From committed templates to a running environment and back, on the local AWS."""

import dataclasses
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import boto3
import pytest
from botocore.stub import Stubber
from deployed import Listener
from local_aws import Aws
from small_sets import small

from liberty_cfn.bootstrap.grants import LINKED
from liberty_cfn.deploy import beforehand, diagnosis, linked_roles, packaging
from liberty_cfn.deploy.deploying import Outcome, deploy
from liberty_cfn.deploy.destroying import destroy, looked_through, stack_to_go
from liberty_cfn.deploy.errors import DeployError, UnknownStatusError
from liberty_cfn.deploy.events import Event, Follower
from liberty_cfn.deploy.finding import Level
from liberty_cfn.deploy.live import seconds
from liberty_cfn.deploy.named import hosted_zone
from liberty_cfn.deploy.protection import nested, protect_from_termination
from liberty_cfn.deploy.stack import NESTED_STACK, find, outputs
from liberty_cfn.deploy.statuses import MEANINGS, Meaning, meaning
from liberty_cfn.deploy.targets import Target
from liberty_cfn.deploy.telling import line
from liberty_cfn.deploy.work import Work
from liberty_cfn.environments import load
from liberty_cfn.generation import generate
from liberty_cfn.repository import TEMPLATES

OUR_VPC = [{"Name": "tag:Name", "Values": ["liberty-social-vpc-local"]}]


@pytest.fixture
def local():
    return load("local")


@pytest.fixture(scope="session")
def templates():
    return packaging.read(TEMPLATES)


@pytest.fixture(scope="session")
def few(templates):
    """Three of the stacks, which are made sooner than all."""
    return small(templates, "Logs", "Service", "Storage")


@pytest.fixture
def deployed(local, target, few):
    assert deploy(Work(local, target, Listener(), few)).changed


@dataclass(frozen=True)
class TwoDeploys:
    """What two deploys of the same did; the AWS is long emptied when it is asked about."""

    first: Listener
    outputs: dict
    vpc_tags: dict
    policies: list
    again: Listener
    second: Outcome
    change_sets: list


@pytest.fixture(scope="module")
def twice(local_aws, standing_target, templates):
    Aws(local_aws).reset()
    environment, target = load("local"), standing_target
    first, again = Listener(), Listener()
    deploy(Work(environment, target, first, templates))
    cloudformation = target.client("cloudformation")
    stack = find(cloudformation, environment.stack)
    policies = [
        cloudformation.get_stack_policy(StackName=one)["StackPolicyBody"]
        for one in (stack["StackId"], *nested(cloudformation, stack["StackId"]))
    ]
    vpcs = target.client("ec2").describe_vpcs(Filters=OUR_VPC)["Vpcs"]
    tags = {tag["Key"]: tag["Value"] for tag in vpcs[0]["Tags"]}
    second = deploy(Work(environment, target, again, templates))
    left = change_set_names(target, environment.stack)
    return TwoDeploys(first, outputs(stack), tags, policies, again, second, left)


def with_settings(environment, **settings):
    return dataclasses.replace(
        environment,
        given={**environment.given, **settings},
        settings={**environment.settings, **settings},
    )


def change_set_names(target, stack):
    found = target.client("cloudformation").list_change_sets(StackName=stack)["Summaries"]
    return [summary["ChangeSetName"] for summary in found]


# Deploying


def test_the_plan_names_every_stack_before_anything_is_made(twice, templates):
    nested = [c.resource for c in twice.first.changes if c.type == NESTED_STACK]
    children = [name.removesuffix(".yaml") for name in templates if name != "root.yaml"]
    assert sorted(nested) == sorted(child.capitalize() for child in children)
    assert {change.action for change in twice.first.changes} == {"Add"}


def test_what_happens_in_nested_stacks_is_told_with_its_place_once(twice):
    ended = [(e.stack, e.resource) for e in twice.first.events if e.over and not e.is_stack]
    assert (("Network",), "Vpc") in ended
    assert (("Database",), "Database") in ended
    assert ((), "Database") in ended
    assert len(ended) == len(set(ended))


def test_the_outputs_are_what_people_look_for(twice):
    assert twice.outputs["Url"] == "https://backend.liberty.example"
    assert twice.outputs.keys() >= {
        "BalancerHost",
        "RepositoryUri",
        "DatabaseHost",
        "CacheHost",
        "UploadsBucket",
        "Cluster",
        "Service",
        "Dashboard",
        "NatAddresses",
        "NameServers",
    }


def test_a_second_deploy_changes_nothing_and_leaves_no_change_set(twice):
    assert not twice.second.changed
    assert twice.second.outputs == twice.outputs
    assert not twice.again.asked
    assert len(twice.change_sets) <= 1  # the executed one, as AWS keeps it


def test_the_tags_reach_resources_of_nested_stacks(twice):
    assert twice.vpc_tags["Project"] == "liberty-social"
    assert twice.vpc_tags["Environment"] == "local"
    assert twice.vpc_tags["ManagedBy"] == "liberty-cfn"


def test_every_stack_has_the_policy_that_was_reviewed(twice):
    assert twice.policies == [generate()["templates/stack-policy.json"]] * 15


def test_a_changed_setting_changes_that_alone(deployed, local, target, few):
    cluster = {"cluster": "liberty-social-backend-local"}
    more = with_settings(local, LogRetentionDays="60")
    assert deploy(Work(more, target, Listener(), few)).changed
    groups = target.client("logs").describe_log_groups(logGroupNamePrefix="/ecs/")["logGroups"]
    assert [group["retentionInDays"] for group in groups] == [60]
    service = target.client("ecs").describe_services(
        **cluster, services=["liberty-social-backend-service-local"]
    )["services"][0]
    assert service["status"] == "ACTIVE"


def test_without_consent_nothing_is_made(local, target, few):
    assert deploy(Work(local, target, Listener(consent=False), few)) is None
    assert find(target.client("cloudformation"), local.stack) is None
    assert target.client("logs").describe_log_groups()["logGroups"] == []


def test_without_consent_an_update_leaves_no_change_set(deployed, local, target, few):
    before = change_set_names(target, local.stack)
    more = with_settings(local, LogRetentionDays="60")
    assert deploy(Work(more, target, Listener(consent=False), few)) is None
    assert change_set_names(target, local.stack) == before


def test_services_have_their_own_roles_before_a_new_stack_is_made(
    local, target, templates, monkeypatch
):
    """While ECS makes an account's first cluster, it can't take the role that it just made."""
    cloudformation, asked = target.client("cloudformation"), []

    def seen(where):
        asked.append((where, find(cloudformation, local.stack)["StackStatus"]))

    monkeypatch.setattr(linked_roles, "see_to_them", seen)
    logs = small(templates, "Logs")
    deploy(Work(local, target, Listener(), logs))
    deploy(Work(with_settings(local, LogRetentionDays="60"), target, Listener(), logs))
    assert asked == [(target, "REVIEW_IN_PROGRESS")]


@pytest.mark.parametrize("refusal", ["", "InvalidInput", "AccessDenied"])
def test_services_own_roles_are_made_unless_they_are_there_or_may_not_be(refusal):
    target = Target(boto3.Session("k", "s", region_name="us-east-1"), "1")
    with Stubber(target.client("iam")) as iam:
        for service in LINKED:
            asked = "create_service_linked_role", {"AWSServiceName": service}
            if refusal:
                iam.add_client_error(asked[0], refusal, expected_params=asked[1])
            else:
                iam.add_response(asked[0], {}, asked[1])
        linked_roles.see_to_them(target)
        iam.assert_no_pending_responses()
    assert {"ecs.amazonaws.com", "rds.amazonaws.com"} < {*LINKED}


def test_a_stack_whose_creation_failed_is_not_deployed_over(aws, local, target, few):
    aws.fail("AWS::ECS::Cluster/*")
    with pytest.raises(DeployError):
        deploy(Work(local, target, Listener(), few))
    aws.fail()
    with pytest.raises(DeployError, match=r"ROLLBACK_COMPLETE\. Its creation failed"):
        deploy(Work(local, target, Listener(), few))


def test_a_failed_update_is_undone_and_can_be_tried_again(aws, deployed, local, target, few):
    aws.fail("AWS::Logs::LogGroup/ApplicationLogs")
    more = with_settings(local, LogRetentionDays="60")
    with pytest.raises(DeployError, match="UPDATE_ROLLBACK_COMPLETE"):
        deploy(Work(more, target, Listener(), few))
    aws.fail()
    assert deploy(Work(more, target, Listener(), few)).changed


def test_while_it_takes_its_time_it_is_followed_to_the_end(aws, local, target, few):
    aws.delay(0.01)
    listener = Listener()
    assert deploy(Work(local, target, listener, few)).changed
    assert listener.events[-1].status == "CREATE_COMPLETE"
    assert all(e.took is not None for e in listener.events if e.over and not e.is_stack)


# Packaging


def test_templates_are_uploaded_under_the_digest_of_their_content(target, templates):
    url = packaging.package(target, templates)
    s3 = target.client("s3")
    bucket, key = url.removeprefix("https://").split(".")[0], url.partition(".com/")[2]
    root = s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    assert "TemplateURL: network.yaml" not in root
    assert (
        root.count(f"TemplateURL: https://{bucket}.s3.us-east-1.amazonaws.com/templates/") == 14
    )


def test_what_is_there_is_not_sent_again(target, few):
    first = packaging.package(target, few)
    before = versions(target)
    assert packaging.package(target, few) == first
    assert versions(target) == before
    packaging.package(target, {**few, "logs.yaml": few["logs.yaml"] + "# new\n"})
    assert len(versions(target)) == len(before) + 2  # the child, and the root that points to it


def test_what_was_interrupted_is_sent_whole_the_next_time(target, few):
    """The root is the last: while it isn't there, every other is looked for."""
    packaging.package(target, few)
    sent = {key for key, _ in versions(target)}
    s3 = target.client("s3")
    bucket = s3.list_buckets()["Buckets"][0]["Name"]
    root = packaging.package(target, few).partition(".com/")[2]
    for key in (root, (sent - {root}).pop()):
        s3.delete_object(Bucket=bucket, Key=key)
    packaging.package(target, few)
    assert {o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]} == sent


def versions(target):
    s3 = target.client("s3")
    bucket = s3.list_buckets()["Buckets"][0]["Name"]
    return [
        (v["Key"], v["VersionId"]) for v in s3.list_object_versions(Bucket=bucket)["Versions"]
    ]


def test_the_bucket_for_templates_is_private_encrypted_versioned_and_tls_only(target, few):
    bucket = packaging.package(target, few).removeprefix("https://").split(".")[0]
    s3 = target.client("s3")
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert all(block.values())
    assert len(block) == 4
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"][
        "Rules"
    ]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    assert policy["Statement"][0]["Effect"] == "Deny"
    assert policy["Statement"][0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


# Beforehand


def test_a_hosted_zone_that_is_not_there_is_told_before_anything_is_made(target, templates):
    with pytest.raises(
        DeployError, match=r"no hosted zone Z0EXAMPLE; give the id of example\.com's"
    ):
        deploy(Work(load("prod"), target, Listener(), templates))
    assert target.client("s3").list_buckets()["Buckets"] == []


@pytest.mark.parametrize(
    ("zone", "complaint"),
    [
        ("other.org", "is the zone of other.org, which example.com is not in"),
        ("ample.com", "is the zone of ample.com, which example.com is not in"),
        ("example.com", None),
    ],
)
def test_the_hosted_zone_has_to_be_that_of_the_domain(target, zone, complaint):
    made = target.client("route53").create_hosted_zone(Name=zone, CallerReference="x")
    zone_id = made["HostedZone"]["Id"].removeprefix("/hostedzone/")
    named = with_settings(load("prod"), HostedZoneId=zone_id)
    found = [str(each) for each in beforehand.obstacles(named, target, None)]
    assert [complaint in said for said in found] == ([True] if complaint else [])
    levels = {each.level for each in hosted_zone(named, target)}
    assert levels == {Level.OBSTACLE if complaint else Level.OK}


def test_a_private_zone_proves_no_certificate(local):
    target = Target(boto3.Session("k", "s", region_name="us-east-1"), "1")
    with Stubber(target.client("route53")) as route53, Stubber(target.client("ec2")) as ec2:
        ec2.add_response("describe_availability_zones", {"AvailabilityZones": [{}, {}]})
        zone = {"Id": "Z1", "Name": "liberty.example.", "CallerReference": "x"}
        route53.add_response(
            "get_hosted_zone", {"HostedZone": {**zone, "Config": {"PrivateZone": True}}}
        )
        named = with_settings(local, HostedZoneId="Z1")
        found = [str(each) for each in beforehand.obstacles(named, target, None)]
    assert found == ["HostedZoneId: Z1 is private; a certificate is proved in a public zone."]


def test_a_region_with_one_zone_is_refused(local):
    target = Target(boto3.Session("k", "s", region_name="us-east-1"), "1")
    with Stubber(target.client("ec2")) as ec2:
        ec2.add_response("describe_availability_zones", {"AvailabilityZones": [{}]})
        [said] = map(str, beforehand.obstacles(local, target, None))
    assert said.startswith("Region: us-east-1 has 1 availability zones for this account")
    assert said.endswith("choose another region.")


# Destroying


def test_destroying_leaves_what_is_kept_by_policy_and_says_what(local, target, templates):
    deploy(Work(local, target, Listener(), templates))
    stack_id = stack_to_go(local, target)
    kept, _ = looked_through(local, target, stack_id)
    assert {(one.type, one.how) for one in kept} == {
        ("AWS::S3::Bucket", "stays"),
        ("AWS::SecretsManager::Secret", "stays"),
        ("AWS::ECR::Repository", "stays"),
        ("AWS::Logs::LogGroup", "stays"),
        ("AWS::Route53::HostedZone", "stays"),
        ("AWS::RDS::DBInstance", "leaves a snapshot"),
        ("AWS::ElastiCache::CacheCluster", "leaves a snapshot"),
        ("AWS::KMS::Key", "is lost: what it encrypted"),
    }
    protect_from_termination(target.client("cloudformation"), stack_id, on=False)
    destroy(Work(local, target, Listener()), stack_id, kept)
    assert not stack_to_go(local, target)
    assert len(target.client("secretsmanager").list_secrets()["SecretList"]) == 5
    target.client("s3").head_bucket(Bucket="liberty-social-uploads-local")
    assert target.client("rds").describe_db_instances()["DBInstances"] == []
    assert len(target.client("rds").describe_db_snapshots()["DBSnapshots"]) == 1
    assert target.client("elbv2").describe_load_balancers()["LoadBalancers"] == []
    assert [
        r for r in target.client("iam").list_roles()["Roles"] if "ecsTask" in r["RoleName"]
    ] == []


def test_what_is_deployed_is_protected_from_being_destroyed(deployed, local, target):
    stack_id = stack_to_go(local, target)
    with pytest.raises(DeployError, match="protected from termination"):
        destroy(Work(local, target, Listener()), stack_id, ())
    assert stack_to_go(local, target)


def test_where_there_is_nothing_nothing_is_destroyed(local, target):
    assert not stack_to_go(local, target)


# Statuses, events and reasons


def test_a_status_nobody_knows_is_an_error_that_names_it():
    with pytest.raises(UnknownStatusError, match="UPDATE_SIDEWAYS_COMPLETE"):
        meaning("UPDATE_SIDEWAYS_COMPLETE")


def test_every_status_cloudformation_has_is_known():
    shapes = boto3.Session().client("cloudformation", "us-east-1").meta.service_model
    assert set(shapes.shape_for("StackStatus").enum) == set(MEANINGS)


@pytest.mark.parametrize("status", [s for s in MEANINGS if s.endswith("_IN_PROGRESS")])
def test_an_operation_under_way_is_not_the_end(status):
    expected = Meaning.ABSENT if status == "REVIEW_IN_PROGRESS" else Meaning.WORKING
    assert meaning(status) is expected


def event(resource, type_, status, reason="", stack=(), *, is_stack=False):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Event("id", now, stack, resource, type_, status, reason, "x", is_stack, None)


def test_reasons_are_first_hand():
    failed = event(
        "Database", "AWS::RDS::DBInstance", "CREATE_FAILED", "too big", ("Database",)
    )
    happened = [
        event("Vpc", "AWS::EC2::VPC", "CREATE_COMPLETE", "", ("Network",)),
        failed,
        event("Cache", "AWS::X", "CREATE_FAILED", "Resource creation cancelled", ("Cache",)),
        event("db", NESTED_STACK, "CREATE_FAILED", "x", ("Database",), is_stack=True),
        event("Database", NESTED_STACK, "CREATE_FAILED", "Embedded stack failed"),
        event("root", NESTED_STACK, "ROLLBACK_FAILED", "x", is_stack=True),
    ]
    assert diagnosis.reasons(happened) == [failed]
    assert diagnosis.in_words(failed) == "Database in Database (AWS::RDS::DBInstance): too big"


def test_where_no_resource_failed_the_nested_stacks_word_has_to_do():
    refused = event("Cache", NESTED_STACK, "CREATE_FAILED", "Template error")
    assert diagnosis.reasons([refused]) == [refused]


class Pages:
    """CloudFormation's events, a page at a time, newest first."""

    def __init__(self):
        self.events, self.read = {}, []

    def add(self, stack, number, resource, status, physical="p"):
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
        self.events.setdefault(stack, []).append(
            {
                "StackId": stack,
                "EventId": f"{stack}-{number}",
                "LogicalResourceId": resource,
                "PhysicalResourceId": physical,
                "ResourceType": NESTED_STACK if physical.startswith("arn") else "T",
                "ResourceStatus": status,
                "Timestamp": at,
            }
        )

    def describe_stack_events(self, StackName):
        return next(self.pages(StackName), {"StackEvents": []})

    def get_paginator(self, _):
        return self

    def paginate(self, StackName):
        found = (event for page in self.pages(StackName) for event in page["StackEvents"])
        return Mock(search=lambda _: found)

    def pages(self, StackName):
        events = self.events.get(StackName, [])[::-1]
        for start in range(0, len(events), 2):
            self.read.append(StackName)
            yield {"StackEvents": events[start : start + 2]}


def test_events_are_told_once_in_order_without_those_of_earlier_operations():
    pages = Pages()
    pages.add("root", 1, "Old", "CREATE_COMPLETE")
    pages.add("root", 2, "Nested", "CREATE_COMPLETE", "arn:nested")
    pages.add("arn:nested", 1, "OldInside", "CREATE_COMPLETE")
    follower = Follower(pages, "root")
    assert follower.new_events() == []
    pages.add("root", 3, "Nested", "UPDATE_IN_PROGRESS", "arn:nested")
    for number in range(4, 8):
        pages.add("root", number, f"New{number}", "UPDATE_IN_PROGRESS")
    pages.add("arn:nested", 4, "Inside", "UPDATE_IN_PROGRESS")
    pages.add("arn:nested", 6, "Inside", "UPDATE_COMPLETE")
    told = follower.new_events()
    assert [e.time.second for e in told] == [3, 4, 4, 5, 6, 6, 7]
    assert {e.stack for e in told if e.resource == "Inside"} == {("Nested",)}
    assert follower.new_events() == []


def test_of_what_happened_before_an_operation_no_more_is_read_than_the_last():
    pages = Pages()
    for number in range(9):
        pages.add("root", number, "Nested", "UPDATE_COMPLETE", "arn:nested")
    Follower(pages, "root")
    assert pages.read == ["root"]


def test_an_end_that_is_listed_late_is_not_taken_for_that_of_the_next_operation():
    pages, root = Pages(), ("root", "UPDATE_COMPLETE", "root")
    follower = Follower(pages, "root")
    pages.add("root", 0, "root", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "root")
    pages.add("root", 1, *root)
    assert follower.new_events() == []
    pages.add("root", 2, "root", "UPDATE_IN_PROGRESS", "root")
    assert [e.status for e in follower.new_events()] == ["UPDATE_IN_PROGRESS"]
    pages.add("root", 3, *root)
    assert [e.time.second for e in follower.new_events()] == [3]
    assert not follower.overtaken


def test_an_end_says_how_long_it_took():
    pages = Pages()
    follower = Follower(pages, "root")
    pages.add("root", 1, "Thing", "CREATE_IN_PROGRESS")
    pages.add("root", 5, "Thing", "CREATE_IN_PROGRESS")
    pages.add("root", 66, "Thing", "CREATE_COMPLETE")
    [*_, end] = follower.new_events()
    assert end.took == timedelta(seconds=65)
    assert " ".join(line(end).split()) == "00:01:06 CREATE_COMPLETE Thing T 1 min 5 s"


def test_durations_are_for_people():
    assert [seconds(timedelta(seconds=s)) for s in (0.42, 12, 200)] == [
        "0.4 s",
        "12 s",
        "3 min 20 s",
    ]


def test_a_reference_to_nothing_is_told_with_what_it_refers_to(target, local):
    broken = """
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: "{{resolve:ssm:/none}}"
"""
    with pytest.raises(DeployError, match="/none"):
        deploy(
            Work(
                dataclasses.replace(local, given={}), target, Listener(), {"root.yaml": broken}
            )
        )
