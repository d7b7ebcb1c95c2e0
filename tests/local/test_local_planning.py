"""Change sets over nested stacks: what they say of every level, and how they come and go."""

import json

import pytest
from botocore.exceptions import ClientError
from local_stacks import (
    CAPABILITIES,
    deploy,
    get,
    nested,
    physical,
    ref,
    resource,
    rest,
    template,
    upload,
)

UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"
TEXT = {"Type": "String"}
STORE = template(
    {
        "Bucket": resource(
            "S3::Bucket", {"BucketName": ref("Name")}, UpdateReplacePolicy="Retain"
        ),
        "Policy": resource(
            "S3::BucketPolicy", {"Bucket": ref("Bucket"), "PolicyDocument": {"Statement": []}}
        ),
    },
    {"Bucket": ref("Bucket"), "Fixed": "fixed"},
    {"Name": TEXT},
)
READER = template(
    {
        "Group": resource(
            "Logs::LogGroup", {"LogGroupName": ref("Name"), "RetentionInDays": ref("Days")}
        ),
        "Topic": resource("SNS::Topic", {"DisplayName": ref("Fixed")}),
        "Other": resource("SNS::Topic", {"TopicName": "other"}),
    },
    {},
    {"Name": TEXT, "Days": {"Type": "Number"}, "Fixed": TEXT},
)


def family(aws, bucket="one", days=7, reader=READER, **more):
    urls = upload(aws, store=STORE, reader=reader)
    from_store = {
        "Name": get("Store", "Outputs.Bucket"),
        "Fixed": get("Store", "Outputs.Fixed"),
    }
    stacks = {
        "Store": nested(urls["store"], {"Name": bucket}),
        "Reader": nested(urls["reader"], {"Days": days, **from_store}),
    }
    return template(stacks | more)


def plan(aws, body, name="root", **options):
    cloudformation = aws.client("cloudformation")
    asked = {"StackName": name, "ChangeSetName": "planned", "Capabilities": CAPABILITIES}
    asked |= {"TemplateBody": json.dumps(body), "IncludeNestedStacks": True}
    made = cloudformation.create_change_set(**asked | options)
    return cloudformation.describe_change_set(ChangeSetName=made["Id"])


def inside(aws, change, **options):
    cloudformation = aws.client("cloudformation")
    return cloudformation.describe_change_set(ChangeSetName=change["ChangeSetId"], **options)


def changes(described):
    found = [change["ResourceChange"] for change in described["Changes"]]
    return {change["LogicalResourceId"]: change for change in found}


def details(change):
    return {
        d["Target"]["Name"]: (d["Evaluation"], d["Target"]["RequiresRecreation"])
        for d in change["Details"]
    }


def test_a_nested_stacks_change_set_hangs_on_its_parents(aws):
    deploy(aws, family(aws))
    root = plan(aws, family(aws, days=30))
    [(title, change)] = changes(root).items()
    child = inside(aws, change)
    assert title == "Reader"
    assert child["ParentChangeSetId"] == child["RootChangeSetId"] == root["ChangeSetId"]
    assert child["StackId"] == change["PhysicalResourceId"] == physical(aws, "Reader")
    assert "ParentChangeSetId" not in root
    assert child["ExecutionStatus"] == "UNAVAILABLE"
    with pytest.raises(ClientError, match="is in UNAVAILABLE status"):
        aws.client("cloudformation").execute_change_set(ChangeSetName=child["ChangeSetId"])


def test_a_setting_that_changes_marks_what_is_made_of_it_and_nothing_else(aws):
    deploy(aws, family(aws))
    child = inside(aws, changes(plan(aws, family(aws, days=30)))["Reader"])
    [(title, change)] = changes(child).items()
    assert (title, change["Action"], change["Replacement"]) == ("Group", "Modify", "False")
    assert change["Scope"] == ["Properties"]
    assert details(change) == {"RetentionInDays": ("Static", "Never")}


def test_a_name_that_changes_certainly_replaces_and_what_reads_it_perhaps(aws):
    deploy(aws, family(aws))
    planned = changes(plan(aws, family(aws, bucket="two", days=30)))
    store, reader = (changes(inside(aws, planned[title])) for title in ("Store", "Reader"))
    assert store["Bucket"]["Replacement"] == "True"
    assert store["Bucket"]["PolicyAction"] == "ReplaceAndRetain"
    assert details(store["Policy"]) == {"Bucket": ("Static", "Always")}
    assert list(reader) == ["Group"]
    assert reader["Group"]["Replacement"] == "Conditional"
    assert details(reader["Group"]) == {
        "LogGroupName": ("Dynamic", "Always"),
        "RetentionInDays": ("Static", "Never"),
    }


def test_values_are_told_as_far_as_they_are_known(aws):
    deploy(aws, family(aws))
    planned = changes(plan(aws, family(aws, bucket="two")))
    told = changes(inside(aws, planned["Store"], IncludePropertyValues=True))
    assert told["Policy"]["Details"][0]["Target"]["AfterValue"] == UNKNOWN
    store = told["Bucket"]
    target = store["Details"][0]["Target"]
    assert target["Path"] == "/Properties/BucketName"
    assert (target["BeforeValue"], target["AfterValue"]) == ("one", "two")
    reader = changes(inside(aws, planned["Reader"], IncludePropertyValues=True))["Group"]
    assert reader["Details"][0]["Target"]["AfterValue"] == UNKNOWN


def test_what_a_nested_stack_gives_is_known_only_when_it_has_changed(aws):
    deploy(aws, family(aws))
    body = family(aws)
    store = {**STORE, "Outputs": STORE["Outputs"] | {"Fixed": {"Value": "other"}}}
    body["Resources"]["Store"]["Properties"]["TemplateURL"] = upload(aws, store=store)["store"]
    reader = changes(plan(aws, body))["Reader"]
    topic = changes(inside(aws, reader, IncludePropertyValues=True))["Topic"]
    target = topic["Details"][0]["Target"]
    assert (target["BeforeValue"], target["AfterValue"]) == ("fixed", UNKNOWN)


def test_what_comes_and_goes_is_told_at_every_level(aws):
    def grown(*titles):
        topics = {title: resource("SNS::Topic", DeletionPolicy="Retain") for title in titles}
        urls = upload(aws, grandchild=template(topics))
        urls |= upload(aws, child=template({"Inner": nested(urls["grandchild"])}))
        return template({"Outer": nested(urls["child"])})

    deploy(aws, grown("Kept", "Gone"))
    root = plan(aws, grown("Kept", "New"))
    outer = changes(root)["Outer"]
    inner = changes(inside(aws, outer))["Inner"]
    found = changes(inside(aws, inner))
    assert {title: change["Action"] for title, change in found.items()} == {
        "Gone": "Remove",
        "New": "Add",
    }
    assert found["Gone"]["PolicyAction"] == "Retain"
    assert inside(aws, inner)["ParentChangeSetId"] == outer["ChangeSetId"]
    aws.client("cloudformation").execute_change_set(ChangeSetName=root["ChangeSetId"])
    rest(aws, root["StackId"])
    assert physical(aws, "New", physical(aws, "Inner", physical(aws, "Outer")))


def test_a_stack_that_is_not_there_yet_is_planned_too(aws):
    root = plan(aws, family(aws), ChangeSetType="CREATE")
    reader = changes(inside(aws, changes(root)["Reader"]))
    # AWS says of what is added that it is replaced.
    told = {title: (c["Action"], c["Replacement"]) for title, c in reader.items()}
    assert told == dict.fromkeys(("Group", "Other", "Topic"), ("Add", "True"))


def test_a_nested_stack_that_goes_has_no_change_set(aws):
    deploy(aws, family(aws, More=nested(upload(aws, more=STORE)["more"], {"Name": "more"})))
    gone = changes(plan(aws, family(aws)))["More"]
    assert gone["Action"] == "Remove"
    assert "ChangeSetId" not in gone


def test_nothing_to_change_is_a_failure_however_many_stacks_there_are(aws):
    deploy(aws, family(aws))
    nothing = plan(aws, family(aws))
    assert nothing["Status"] == "FAILED"
    assert "didn't contain changes" in nothing["StatusReason"]


def test_without_a_look_inside_every_nested_stack_may_change(aws):
    deploy(aws, family(aws))
    found = changes(plan(aws, family(aws), IncludeNestedStacks=False))
    assert {title: change["Action"] for title, change in found.items()} == {
        "Reader": "Modify",
        "Store": "Modify",
    }
    assert not any("ChangeSetId" in change for change in found.values())


def test_executing_the_root_does_what_all_of_them_say(aws):
    deploy(aws, family(aws))
    root = plan(aws, family(aws, days=30))
    cloudformation = aws.client("cloudformation")
    cloudformation.execute_change_set(ChangeSetName=root["ChangeSetId"])
    assert rest(aws, root["StackId"])["StackStatus"] == "UPDATE_COMPLETE"
    with pytest.raises(ClientError, match="ChangeSetNotFound"):
        inside(aws, changes(root)["Reader"])
    assert aws.client("logs").describe_log_groups()["logGroups"][0]["retentionInDays"] == 30


def test_nested_change_sets_go_with_their_root(aws):
    deploy(aws, family(aws))
    root = plan(aws, family(aws, days=30))
    child = changes(root)["Reader"]
    aws.client("cloudformation").delete_change_set(ChangeSetName=root["ChangeSetId"])
    with pytest.raises(ClientError, match="ChangeSetNotFound"):
        inside(aws, child)


def test_a_change_set_that_is_being_executed_is_not_deleted(aws):
    cloudformation = aws.client("cloudformation")
    root = plan(aws, family(aws), ChangeSetType="CREATE")["ChangeSetId"]
    aws.delay(60)
    cloudformation.execute_change_set(ChangeSetName=root)
    with pytest.raises(ClientError, match="InvalidChangeSetStatus"):
        cloudformation.delete_change_set(ChangeSetName=root)
    aws.delay(0)
    assert rest(aws, "root")["StackStatus"] == "CREATE_COMPLETE"


def test_what_is_replaced_in_a_plan_is_replaced_by_executing_it(aws):
    def group(described):
        vpc = resource("EC2::VPC", {"CidrBlock": "10.0.0.0/16"})
        properties = {"GroupDescription": described, "VpcId": ref("Vpc")}
        return template({"Vpc": vpc, "Group": resource("EC2::SecurityGroup", properties)})

    deploy(aws, group("Before."))
    before = physical(aws, "Group")
    root = plan(aws, group("After."))
    assert changes(root)["Group"]["Replacement"] == "True"
    aws.client("cloudformation").execute_change_set(ChangeSetName=root["ChangeSetId"])
    rest(aws, root["StackId"])
    assert physical(aws, "Group") != before
    told = aws.client("cloudformation").describe_stack_events(StackName="root")["StackEvents"]
    reasons = [event.get("ResourceStatusReason", "") for event in told]
    assert any("requires the creation of a new physical resource" in r for r in reasons)


def test_a_tag_that_changes_touches_everything(aws):
    deploy(aws, family(aws))
    root = plan(aws, family(aws), Tags=[{"Key": "a", "Value": "b"}])
    store = changes(inside(aws, changes(root)["Store"]))
    assert {title: change["Scope"] for title, change in store.items()} == {
        "Bucket": ["Tags"],
        "Policy": ["Tags"],
    }


def test_a_resource_can_lose_all_its_properties(aws):
    deploy(aws, template({"Topic": resource("SNS::Topic", {"DisplayName": "a"})}))
    [change] = changes(plan(aws, template({"Topic": {"Type": "AWS::SNS::Topic"}}))).values()
    assert details(change) == {"DisplayName": ("Static", "Never")}


def test_outputs_alone_are_a_change_that_can_be_executed(aws):
    deploy(aws, template({"Topic": resource("SNS::Topic")}))
    root = plan(aws, template({"Topic": resource("SNS::Topic")}, {"New": "output"}))
    assert (root["Status"], root["Changes"]) == ("CREATE_COMPLETE", [])


def test_what_failed_to_be_made_is_deleted_before_it_is_made_again(aws):
    aws.fail("*/Topic")
    body = template({"Topic": resource("SNS::Topic")})
    assert deploy(aws, body)["StackStatus"] == "ROLLBACK_COMPLETE"
    for kind in ("CREATE", "UPDATE"):
        with pytest.raises(ClientError, match="ROLLBACK_COMPLETE state and can not be updated"):
            plan(aws, body, ChangeSetType=kind)


def test_a_stack_that_is_only_planned_stays_the_same_and_is_not_updated(aws):
    body = template({"Topic": resource("SNS::Topic")})
    asked = {"ChangeSetType": "CREATE"}
    first, second = (plan(aws, body, ChangeSetName=name, **asked) for name in ("one", "two"))
    assert first["StackId"] == second["StackId"]
    with pytest.raises(ClientError, match="REVIEW_IN_PROGRESS state and can not be updated"):
        plan(aws, body, ChangeSetName="three")
    cloudformation = aws.client("cloudformation")
    with pytest.raises(ClientError, match="was not provided"):
        wanting = body | {"Parameters": {"Name": {"Type": "String"}}}
        plan(aws, wanting, ChangeSetName="four", **asked)
    listed = cloudformation.list_change_sets(StackName=first["StackId"])["Summaries"]
    assert [one["ChangeSetName"] for one in listed] == ["one", "two"]
    cloudformation.execute_change_set(ChangeSetName=first["ChangeSetId"])
    assert rest(aws, first["StackId"])["StackStatus"] == "CREATE_COMPLETE"
    listed = cloudformation.list_change_sets(StackName=first["StackId"])["Summaries"]
    assert listed == []  # the executed one is no longer listed, and can be described
    cloudformation.describe_change_set(ChangeSetName="one", StackName=first["StackId"])


def test_a_change_is_not_planned_while_another_is_under_way(aws):
    aws.delay(60)
    made = {"StackName": "root", "TemplateBody": json.dumps(family(aws))}
    aws.client("cloudformation").create_stack(**made, Capabilities=CAPABILITIES)
    with pytest.raises(ClientError, match="CREATE_IN_PROGRESS state and can not be updated"):
        plan(aws, family(aws))
    aws.delay(0)
    rest(aws, "root")


def test_a_property_that_no_type_has_is_refused_before_anything_is_made(aws):
    child = template({"Topic": resource("SNS::Topic", {"Colour": "red"})})
    body = template({"Child": nested(upload(aws, child=child)["child"])})
    refused = plan(aws, body, ChangeSetType="CREATE")
    assert (refused["Status"], refused["Changes"]) == ("FAILED", [])
    assert "resource Topic with message: #: extraneous key [Colour]" in refused["StatusReason"]


def test_a_resource_keeps_its_type(aws):
    deploy(aws, template({"Kept": resource("SNS::Topic")}))
    refused = plan(aws, template({"Kept": resource("SQS::Queue")}))
    assert refused["StatusReason"].endswith("of the following resources: [Kept]")


def test_a_nested_stack_that_was_deleted_by_hand_is_planned_anew(aws):
    deploy(aws, family(aws))
    aws.client("cloudformation").delete_stack(StackName=physical(aws, "Reader"))
    change = changes(plan(aws, family(aws)))["Reader"]
    assert inside(aws, change)["Status"] == "CREATE_COMPLETE"
