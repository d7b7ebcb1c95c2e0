"""What deploying asks leave for, and what it puts back: policies, the digest, the upload."""

import dataclasses
import hashlib
import io
import json
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from deployed import Listener
from local_aws import Aws
from small_sets import small
from test_deploy import few, local, templates, with_settings

from liberty_cfn.deploy import buckets, carrying_out, packaging
from liberty_cfn.deploy.changes import UNKNOWN, Change, ChangeSet, Property, Replacement, read
from liberty_cfn.deploy.deploying import deploy
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.plans import Plan, doubts, needless, refusals
from liberty_cfn.deploy.protection import nested, protect
from liberty_cfn.deploy.showing import plan_markdown
from liberty_cfn.deploy.stack import NESTED_STACK, as_parameters, find
from liberty_cfn.deploy.stack_sets.previews import merge
from liberty_cfn.deploy.targets import Target
from liberty_cfn.deploy.weighing import is_lost
from liberty_cfn.deploy.work import Work
from liberty_cfn.deployment_targets import Place
from liberty_cfn.digests import digest
from liberty_cfn.environments import load
from liberty_cfn.nesting import DIGEST_TAG
from liberty_cfn.stateful import stack_policy

__all__ = ["few", "local", "templates"]

# A bucket with a template in which nothing is.
EMPTY = f"templates/{hashlib.sha256().hexdigest()}.yaml"
EMPTY_TEMPLATE = {"Contents": [{"Key": EMPTY, "ETag": f'"{hashlib.md5().hexdigest()}"'}]}


def tags(target, environment):
    stack = find(target.client("cloudformation"), environment.stack)
    return {tag["Key"]: tag["Value"] for tag in stack["Tags"]}


def policies(target, environment):
    cloudformation = target.client("cloudformation")
    root = find(cloudformation, environment.stack)["StackId"]
    return {
        stack: cloudformation.get_stack_policy(StackName=stack).get("StackPolicyBody")
        for stack in (root, *nested(cloudformation, root))
    }


class Interrupting(Listener):
    """Presses Ctrl-C as soon as anything happens."""

    def happened(self, events):
        raise KeyboardInterrupt


@dataclasses.dataclass
class Life:
    """An environment after a deploy, one of changed templates, and one interrupted."""

    templates: dict
    first: dict
    reworded: dict
    planned: list
    touched: list
    vpc: dict
    lifted: list
    open: dict
    closed: dict
    refused: str
    buckets: list
    after: dict


@pytest.fixture(scope="module")
def life(local_aws, standing_target, templates):
    Aws(local_aws).reset()
    target, cloudformation = standing_target, standing_target.client("cloudformation")
    environment = load("local")
    templates = small(templates, "Network", "Logs", "Storage")
    deploy(Work(environment, target, Listener(), templates))
    first = tags(target, environment)
    # Another text of the same meaning.
    after = {**templates, "logs.yaml": templates["logs.yaml"] + "# reworded\n"}
    again = Listener()
    deploy(Work(environment, target, again, after))
    reworded = tags(target, environment)
    vpc = target.client("ec2").describe_vpcs(
        Filters=[{"Name": "tag:Name", "Values": ["liberty-social-vpc-local"]}]
    )["Vpcs"][0]
    lifted = []
    cloudformation.meta.events.register(
        "provide-client-params.cloudformation.SetStackPolicy",
        take_note := lambda params, **_: lifted.append(params),
    )
    with pytest.raises(KeyboardInterrupt):
        deploy(
            Work(
                with_settings(environment, LogRetentionDays="60"),
                target,
                Interrupting(),
                templates,
                ["Uploads"],
            )
        )
    cloudformation.meta.events.unregister(
        "provide-client-params.cloudformation.SetStackPolicy", take_note
    )
    settle(cloudformation, environment.stack)
    left_open = policies(target, environment)
    changed = with_settings(environment, LogRetentionDays="60")
    deploy(Work(changed, target, Listener(), templates))
    closed = policies(target, environment)
    # A bucket of another name is another bucket.
    renamed = dict(templates)
    renamed["storage.yaml"] = renamed["storage.yaml"].replace("-uploads${", "-files${")
    with pytest.raises(DeployError) as refused:
        deploy(Work(changed, target, Listener(), renamed))
    replacing = Listener()
    deploy(Work(changed, target, replacing, renamed, ["Uploads"]))
    return Life(
        templates,
        first,
        reworded,
        [change.resource for change in again.changes],
        [e.resource for e in again.events if e.type != "AWS::CloudFormation::Stack"],
        {tag["Key"]: tag["Value"] for tag in vpc["Tags"]},
        lifted,
        left_open,
        closed,
        str(refused.value),
        [bucket["Name"] for bucket in target.client("s3").list_buckets()["Buckets"]],
        policies(target, environment),
    )


def settle(cloudformation, stack):
    """Wait until an operation that nobody follows is over."""
    while find(cloudformation, stack)["StackStatus"].endswith("_IN_PROGRESS"):
        pass


class Overtaken(Listener):
    """Somebody else deploys while this one is asked for consent."""

    def __init__(self, overtake):
        super().__init__()
        self.overtake = overtake

    def consents(self):
        self.overtake()
        return True


def test_what_somebody_deployed_meanwhile_is_not_taken_away(target, templates, local):
    """A new environment is planned twice: first without protection, then with it."""
    protected = with_settings(local, BalancerDeletionProtection="true")
    theirs, mine = small(templates, "Logs", "Storage"), small(templates, "Logs")
    overtaken = Overtaken(lambda: deploy(Work(local, target, Listener(), theirs)))
    with pytest.raises(DeployError, match="by what was deployed meanwhile") as refused:
        deploy(Work(protected, target, overtaken, mine))
    assert "Storage/Uploads" in str(refused.value)
    target.client("s3").head_bucket(Bucket="liberty-social-uploads-local")
    waiting = target.client("cloudformation").list_change_sets(StackName=local.stack)
    assert waiting["Summaries"] == []


def test_the_root_is_tagged_with_the_digest_of_the_whole_set(life):
    assert life.first[DIGEST_TAG] == digest(life.templates)
    assert life.reworded[DIGEST_TAG] not in ("", digest(life.templates))


def test_another_digest_touches_no_resource(life):
    assert life.planned == ["Logs"]  # the nested stack whose template it is
    assert life.touched == []
    assert life.vpc[DIGEST_TAG] == "see the root stack"


def test_the_policy_is_lifted_for_the_named_alone_in_every_stack(life):
    assert {params["StackName"] for params in life.lifted} == set(life.open)
    for params in life.lifted:
        deny = json.loads(params["StackPolicyBody"])["Statement"][1]
        assert deny["NotResource"] == ["LogicalResourceId/Uploads"]
        assert "Resource" not in deny


def test_what_an_interrupted_deploy_left_open_the_next_one_closes_though_nothing_changes(life):
    assert set(life.open.values()) == {stack_policy(["Uploads"])}
    assert set(life.closed.values()) == {stack_policy()}


def test_a_stack_that_a_killed_deploy_added_is_protected_by_the_next(target, templates):
    environment, cloudformation = load("local"), target.client("cloudformation")
    deploy(Work(environment, target, Listener(), small(templates, "Logs")))
    more = small(templates, "Logs", "Storage")
    with pytest.raises(KeyboardInterrupt):
        deploy(Work(environment, target, Interrupting(), more))
    settle(cloudformation, environment.stack)
    assert not deploy(Work(environment, target, Listener(), more)).changed
    found = policies(target, environment)
    assert len(found) == 3
    assert set(found.values()) == {stack_policy()}


def test_a_nested_stack_that_holds_data_goes_only_when_that_is_named(target, templates):
    environment, cloudformation = load("local"), target.client("cloudformation")
    deploy(Work(environment, target, Listener(), small(templates, "Logs", "Storage")))
    less, kept = small(templates, "Storage"), {"StackName": environment.stack}
    with pytest.raises(DeployError, match="the logs; the old one remains, no longer managed"):
        deploy(Work(environment, target, Listener(), less))
    # Nor by whoever doesn't ask, as by the console.
    cloudformation.update_stack(
        **kept,
        TemplateURL=packaging.package(target, less),
        Parameters=as_parameters(environment.given),
    )
    settle(cloudformation, environment.stack)
    events = cloudformation.describe_stack_events(**kept)["StackEvents"]
    said = " ".join(event.get("ResourceStatusReason", "") for event in events)
    assert "does not allow [Update:Delete] for resource [Logs]" in said
    deploy(Work(environment, target, Listener(), less, ["ApplicationLogs"]))
    assert policies(target, environment).keys() == {
        each["StackId"] for each in cloudformation.describe_stacks()["Stacks"]
    }
    assert set(policies(target, environment).values()) == {stack_policy()}


def test_what_rests_on_the_policies_puts_those_back_that_somebody_took_off_a_nested_stack(
    target, templates
):
    environment, cloudformation = load("local"), target.client("cloudformation")
    deploy(Work(environment, target, Listener(), small(templates, "Logs")))
    made = cloudformation.create_change_set(
        StackName=environment.stack,
        ChangeSetName="liberty-1",
        UsePreviousTemplate=True,
        Parameters=as_parameters(environment.given),
        Tags=[{"Key": "a", "Value": "b"}],
    )
    [inside] = nested(cloudformation, environment.stack)
    open_, closed = stack_policy().replace('"Deny"', '"Allow"'), stack_policy()
    known = Change((), "Logs", NESTED_STACK, "Modify", Replacement.NO)
    doubtful = perhaps(named("EngineVersion", create_only=False))
    untold = dataclasses.replace(known, opaque=True)
    for change, then in ((known, open_), (doubtful, closed), (untold, closed)):
        cloudformation.set_stack_policy(StackName=inside, StackPolicyBody=open_)
        found = ChangeSet(made["Id"], made["StackId"], "liberty-1", (change,))
        carrying_out._open(Work(environment, target, Listener()), found)  # noqa: SLF001
        assert policies(target, environment)[inside] == then


def test_a_bucket_is_replaced_only_when_it_is_named(life):
    assert "Storage/Uploads (AWS::S3::Bucket liberty-social-uploads-local) " in life.refused
    assert "BucketName" in life.refused
    assert "the files in it" in life.refused
    assert "--allow-replace Uploads" in life.refused
    assert "liberty-social-files-local" in life.buckets
    assert "liberty-social-uploads-local" in life.buckets  # retained


def test_a_policy_that_was_lifted_is_back_when_the_update_is_over(life):
    assert set(life.after.values()) == {stack_policy()}


# What may be replaced, and isn't known to be

DATABASE = "AWS::RDS::DBInstance"


def perhaps(*properties, kind=DATABASE):
    stack = ("Database",)
    return Change(stack, "Database", kind, "Modify", Replacement.POSSIBLE, properties, "db")


def named(name, *, create_only):
    return Property(name, "a", UNKNOWN, Replacement.POSSIBLE, create_only)


def planned(*changes):
    return Plan("liberty-social-test", "d" * 64, changes, {})


def test_what_may_be_replaced_by_a_property_that_is_create_only_is_refused_unless_named():
    plan = planned(perhaps(named("DBSubnetGroupName", create_only=True)))
    [said] = refusals(plan, ())
    assert "may be replaced, because DBSubnetGroupName changes (to what, is known only" in said
    assert refusals(plan, ["Database"]) == []
    assert plan.code == 3


def test_what_may_be_replaced_for_no_known_reason_is_refused():
    assert is_lost(perhaps())
    assert not is_lost(perhaps(kind="AWS::EC2::Subnet"))


def test_what_is_replaced_only_under_conditions_is_told_with_what_stands_against_it():
    plan = planned(perhaps(named("EngineVersion", create_only=False)))
    assert refusals(plan, ()) == []
    [said] = doubts(plan)
    assert said.startswith("Database/Database (AWS::RDS::DBInstance db) is replaced only if ")
    assert "EngineVersion" in said
    assert "stack policy then denies it" in said
    assert plan.code == 2


def test_what_rds_replaces_a_database_for_is_refused_and_what_it_modifies_is_not():
    for name, refused in (("Engine", True), ("AvailabilityZone", True), ("MultiAZ", False)):
        change = perhaps(Property(name, None, "a", Replacement.POSSIBLE))
        assert is_lost(change) is refused
        assert len(doubts(planned(change))) == (not refused)
    engine = Property("Engine", "a", "b", Replacement.POSSIBLE)
    beside = Property("Description", "c", None, Replacement.NO)
    [said] = refusals(planned(perhaps(engine, beside)), ())
    assert "may be replaced, because Engine changes: this would lose" in said
    engine = Property("Engine", "redis", "valkey", Replacement.POSSIBLE)
    assert not is_lost(perhaps(engine, kind="AWS::ElastiCache::ReplicationGroup"))


@pytest.mark.parametrize(
    ("name", "values", "marked"),
    [
        ("AvailabilityZone", ("a", "b", "c"), "AT RISK"),
        ("BackupRetentionPeriod", ("7", "3", "1"), "(older backups are deleted)"),
    ],
)
def test_of_a_set_what_is_dangerous_is_marked_also_where_targets_differ(name, values, marked):
    before, *after = values
    plans = [
        planned(perhaps(Property(name, before, one, Replacement.POSSIBLE))) for one in after
    ]
    there = [Place("000000000000", region) for region in ("us-east-1", "eu-west-1")]
    parts = merge(dict(zip(there, plans, strict=True)))
    told = [plan_markdown(planned(*part.changes)) for part in parts]
    assert [marked in one for one in told] == [True, True]
    # What is one target's alone is told with its id there.
    assert [c.physical_id for part in parts for c in part.changes] == ["db", "db"]


def test_outputs_or_words_of_templates_that_change_no_resource_are_changes_all_the_same():
    reworded = dataclasses.replace(planned(), reworded=True)
    assert reworded.summary == (
        "liberty-social-test: no resource changes, but outputs or words of the templates do"
    )
    assert (planned().code, reworded.code) == (0, 2)


def test_names_of_nothing_at_risk_are_told():
    for create_only in (False, True):
        plan = planned(perhaps(named("EngineVersion", create_only=create_only)))
        [said] = needless([plan], ["Database", "Databse"])
        assert said.startswith("--allow-replace Databse: ")


def test_a_property_that_is_create_only_is_known_as_one_and_its_value_perhaps_later():
    target = {"Attribute": "Properties", "Name": "KmsKeyId", "RequiresRecreation": "Always"}
    resource = {
        "Action": "Modify",
        "LogicalResourceId": "Database",
        "ResourceType": DATABASE,
        "Replacement": "Conditional",
        "Details": [
            {"Evaluation": "Dynamic", "Target": {**target, "AfterValue": UNKNOWN}},
            {"Evaluation": "Dynamic", "Target": {**target, "RequiresRecreation": "Never"}},
        ],
    }
    [changed] = read(resource, ()).properties
    assert changed == Property(
        "KmsKeyId", None, UNKNOWN, Replacement.POSSIBLE, create_only=True
    )


@pytest.mark.parametrize(
    ("before", "after", "lost"), [("redis", "valkey", False), ("valkey", "redis", True)]
)
def test_a_cache_goes_back_to_redis_only_anew_though_its_change_set_says_never(
    before, after, lost
):
    target = {"Attribute": "Properties", "Name": "Engine", "Path": "/Properties/Engine"}
    values = {"RequiresRecreation": "Never", "BeforeValue": before, "AfterValue": after}
    resource = {
        "Action": "Modify",
        "LogicalResourceId": "CacheGroup",
        "ResourceType": "AWS::ElastiCache::ReplicationGroup",
        "Replacement": "False",
        "Details": [{"Evaluation": "Static", "Target": target | values}],
    }
    change = read(resource, ("Cache",))
    assert is_lost(change) is lost
    assert (change.replacement is Replacement.NO) is not lost


def test_what_another_nested_stack_will_give_is_known_only_later():
    given = "{{IntrinsicFunction:liberty-social-prod/Network.Outputs.VpcId/Fn::GetAtt}}"
    target = {"Attribute": "Properties", "Name": "VpcId", "RequiresRecreation": "Always"}
    detail = {
        "Evaluation": "Static",
        "ChangeSource": "ParameterReference",
        "Target": {**target, "BeforeValue": "vpc-1", "AfterValue": given},
    }
    group = {"Action": "Modify", "LogicalResourceId": "Group", "ResourceType": "x"}
    changed = read({**group, "Replacement": "True", "Details": [detail]}, ())
    assert changed.replacement is Replacement.POSSIBLE
    assert changed.properties[0].after == UNKNOWN


# Uploads


def bucket_of(target):
    return f"liberty-cfn-templates-{target.account}-{target.region}"


def test_a_bucket_whose_making_was_interrupted_is_finished(target, few):
    target.client("s3").create_bucket(Bucket=bucket_of(target))
    packaging.package(target, few)
    versioning = target.client("s3").get_bucket_versioning(Bucket=bucket_of(target))
    assert versioning["Status"] == "Enabled"


def test_nothing_that_was_uploaded_is_overwritten(target, few):
    url = packaging.package(target, few)
    s3, key = target.client("s3"), url.partition(".com/")[2]
    asked = []
    s3.meta.events.register(
        "provide-client-params.s3.PutObject", note := lambda params, **_: asked.append(params)
    )
    packaging.package(target, {**few, "logs.yaml": "# other\n" + few["logs.yaml"]})
    s3.meta.events.unregister("provide-client-params.s3.PutObject", note)
    assert len(asked) == 2  # the child, and the root that points to it
    assert {put["IfNoneMatch"] for put in asked} == {"*"}
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket=bucket_of(target), Key=key, Body=b"x", IfNoneMatch="*")


def test_a_template_that_somebody_deleted_from_the_bucket_is_sent_again(target, few):
    packaging.package(target, few)
    s3, bucket = target.client("s3"), bucket_of(target)
    before = {each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    for key in before:
        s3.delete_object(Bucket=bucket, Key=key)
        packaging.package(target, few)
    assert {each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]} == before


def test_a_bucket_that_was_just_made_is_not_asked_what_is_in_it():
    target = Target(boto3.Session("k", "s", region_name="us-east-1"), "1")
    with Stubber(target.client("s3")) as s3:
        s3.add_client_error("get_bucket_policy", "NoSuchBucket", http_status_code=404)
        for call in ("create_bucket", "put_public_access_block", "put_bucket_encryption"):
            s3.add_response(call, {})
        for call in ("put_bucket_versioning", "put_bucket_policy", "put_object"):
            s3.add_response(call, {})
        assert packaging.package(target, {"root.yaml": ""}).endswith(".yaml")


def test_case_33_a_bucket_that_another_first_deploy_is_at_is_asked_for_again(monkeypatch):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html: OperationAborted."""
    monkeypatch.setattr("liberty_cfn.deploy.patience.time.sleep", lambda _: None)
    target = Target(boto3.Session("k", "s", region_name="us-east-1"), "1")
    aborted, closing = "OperationAborted", ("put_public_access_block", "put_bucket_encryption")
    with Stubber(target.client("s3")) as s3:
        s3.add_client_error("get_bucket_policy", "NoSuchBucket", http_status_code=404)
        s3.add_client_error("create_bucket", aborted, http_status_code=409)
        s3.add_client_error("create_bucket", "BucketAlreadyOwnedByYou", http_status_code=409)
        s3.add_client_error(closing[0], aborted, http_status_code=409)
        for call in (*closing, "put_bucket_versioning", "put_bucket_policy", "put_object"):
            s3.add_response(call, {})
        assert packaging.package(target, {"root.yaml": ""}).endswith(".yaml")


def shared_with(*accounts):
    """Return GetBucketPolicy's answer: S3 tells one reader alone without a list."""
    arns = [f"arn:aws:iam::{account}:root" for account in accounts]
    principal = {"AWS": arns if len(arns) > 1 else arns[0]}
    statement = {"Sid": buckets.SHARED, "Principal": principal}
    return {"Policy": json.dumps({"Statement": [statement]})}


def test_who_may_read_goes_on_doing_so_and_alone_is_told_without_a_list():
    home = Target(boto3.Session("k", "s", region_name="us-east-1"), "1" * 12)
    here, there = "2" * 12, "3" * 12
    told, asked = shared_with(here), []
    with Stubber(home.client("s3")) as s3:
        for _ in range(2):
            s3.add_response("get_bucket_policy", told)
            s3.add_response("list_objects_v2", EMPTY_TEMPLATE)
        s3.add_response("get_bucket_policy", told)
        s3.add_response("put_bucket_policy", {})
        s3.add_response("get_bucket_policy", shared_with(here, there))
        s3.client.meta.events.register(
            "provide-client-params.s3.PutBucketPolicy", lambda params, **_: asked.append(params)
        )
        for reader in (here, there):
            packaging.packaged(home, {"root.yaml": ""}, [reader])
        s3.assert_no_pending_responses()
    [shared] = json.loads(asked[0]["Policy"])["Statement"]
    assert [arn.split(":")[4] for arn in shared["Principal"]["AWS"]] == [here, there]


def test_of_two_sets_that_are_deployed_at_once_the_accounts_of_both_may_read():
    home = Target(boto3.Session("k", "s", region_name="us-east-1"), "1" * 12)
    ours, theirs = "2" * 12, "3" * 12
    with Stubber(home.client("s3")) as s3:
        s3.add_response("get_bucket_policy", told := {"Policy": '{"Statement": []}'})
        s3.add_response("list_objects_v2", EMPTY_TEMPLATE)
        for found in (told, shared_with(theirs), shared_with(ours, theirs)):
            s3.add_response("get_bucket_policy", found)
            if found != shared_with(ours, theirs):
                s3.add_response("put_bucket_policy", {})
        packaging.packaged(home, {"root.yaml": ""}, [ours])
        s3.assert_no_pending_responses()


def test_a_policy_that_was_just_set_and_is_not_found_at_first_is_asked_for_again(monkeypatch):
    monkeypatch.setattr("liberty_cfn.deploy.patience.time.sleep", lambda _: None)
    home = Target(boto3.Session("k", "s", region_name="us-east-1"), "1" * 12)
    with Stubber(home.client("s3")) as s3:
        for code in ("NoSuchBucket", "NoSuchBucketPolicy"):
            s3.add_client_error("get_bucket_policy", code, http_status_code=404)
        s3.add_response("get_bucket_policy", shared_with("2" * 12))
        buckets.share(buckets.Bucket(home), ["2" * 12])
        s3.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("region", "host"), [("eu-west-1", "amazonaws.com"), ("cn-north-1", "amazonaws.com.cn")]
)
def test_a_bucket_that_was_made_meanwhile_or_by_an_answer_that_was_lost_is_as_good(
    region, host
):
    target = Target(boto3.Session("k", "s", region_name=region), "1")
    asked = {
        "Bucket": bucket_of(target),
        "CreateBucketConfiguration": {"LocationConstraint": region},
    }
    with Stubber(target.client("s3")) as s3:
        s3.add_client_error("get_bucket_policy", "NoSuchBucket", http_status_code=404)
        s3.add_client_error("create_bucket", "BucketAlreadyOwnedByYou", expected_params=asked)
        for call in ("put_public_access_block", "put_bucket_encryption"):
            s3.add_response(call, {})
        for call in ("put_bucket_versioning", "put_bucket_policy", "put_object"):
            s3.add_response(call, {})
        url = packaging.package(target, {"root.yaml": ""})
    assert url.startswith(f"https://{bucket_of(target)}.s3.{region}.{host}/templates/")


def test_every_call_to_the_bucket_names_its_owner(target, few):
    s3, asked = target.client("s3"), []
    s3.meta.events.register(
        "provide-client-params.s3", note := lambda params, model, **_: asked.append(params)
    )
    for some in (few, {**few, "root.yaml": few["root.yaml"] + "# other\n"}):
        packaging.package(target, some)
    s3.meta.events.unregister("provide-client-params.s3", note)
    without = [params for params in asked if params.get("ExpectedBucketOwner") is None]
    assert [set(params) for params in without] == [{"Bucket"}]  # CreateBucket, which makes it


def test_a_bucket_of_somebody_else_is_a_sentence():
    target = Target(boto3.Session("k", "s", region_name="us-east-1"), "1")
    with Stubber(target.client("s3")) as s3:
        s3.add_client_error("get_bucket_policy", "AccessDenied", http_status_code=403)
        with pytest.raises(DeployError, match="is another account's"):
            packaging.package(target, {"root.yaml": ""})


def test_templates_that_are_missing_are_named_before_anything_is_sent():
    root = {"root.yaml": "      TemplateURL: logs.yaml\n"}
    for given, missing in ((root, "logs.yaml"), ({}, "root.yaml")):
        with pytest.raises(DeployError, match=f"templates/: {missing}; run make templates"):
            packaging.package(Target(boto3.Session(), "1"), given)


def test_a_template_that_somebody_else_sent_meanwhile_is_as_good():
    target = Target(boto3.Session("k", "s", region_name="us-east-1"), "1")
    with Stubber(target.client("s3")) as s3:
        s3.add_response("get_bucket_policy", {"Policy": "{}"})
        s3.add_response("list_objects_v2", {})
        s3.add_client_error("put_object", "PreconditionFailed", http_status_code=412)
        s3.add_response("get_object", {"Body": io.BytesIO()})
        assert packaging.package(target, {"root.yaml": ""}).endswith(".yaml")


def test_a_template_that_a_key_encrypts_has_another_tag_and_is_read():
    target = Target(boto3.Session("k", "s", region_name="us-east-1"), "1")
    with Stubber(target.client("s3")) as s3:
        s3.add_response("get_bucket_policy", {"Policy": "{}"})
        s3.add_response("list_objects_v2", {"Contents": [{"Key": EMPTY, "ETag": '"0"'}]})
        s3.add_client_error("put_object", "PreconditionFailed", http_status_code=412)
        s3.add_response("get_object", {"Body": io.BytesIO()})
        assert packaging.package(target, {"root.yaml": ""}).endswith(f"/{EMPTY}")
        s3.assert_no_pending_responses()


def test_what_somebody_put_in_the_place_of_a_reviewed_template_is_not_deployed(target, few):
    """Under its digest, before it is sent or after."""
    packaging.package(target, few)
    s3, bucket = target.client("s3"), bucket_of(target)
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert len(keys) == len(few)
    for key in keys:
        reviewed = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        s3.put_object(Bucket=bucket, Key=key, Body=reviewed.replace(b"Type", b"Tyqe"))
        with pytest.raises(DeployError, match=f"{key} isn't the template that its name"):
            packaging.package(target, few)
        s3.put_object(Bucket=bucket, Key=key, Body=reviewed)
    packaging.package(target, few)


def test_closing_ends_with_the_root():
    order = []

    class Stacks:
        def get_paginator(self, _):
            return self

        def paginate(self, StackName):
            inside = {
                "ResourceType": "AWS::CloudFormation::Stack",
                "PhysicalResourceId": "arn:c",
            }
            found = {"LogicalResourceId": "Child", **inside} if StackName == "arn:r" else None
            return Mock(search=lambda _: [found] if found else [])

        def set_stack_policy(self, StackName, StackPolicyBody):
            order.append(StackName)

    protect(Stacks(), "arn:r", ["Database"])
    protect(Stacks(), "arn:r")
    assert order == ["arn:r", "arn:c", "arn:c", "arn:r"]
