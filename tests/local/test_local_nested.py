"""Child stacks: what AWS does with them, and ministack alone does not."""

import json

import pytest
from local_stacks import (
    child,
    delete,
    deploy,
    describe,
    events,
    get,
    nested,
    outputs,
    physical,
    ref,
    resource,
    rest,
    template,
    upload,
)

NETWORK = template(
    {"Vpc": resource("EC2::VPC", {"CidrBlock": ref("Cidr")})},
    {"VpcId": ref("Vpc"), "Cidr": get("Vpc", "CidrBlock")},
    {"Cidr": {"Type": "String", "Default": "10.0.0.0/16"}},
)
LOGS = template(
    {
        "Group": resource(
            "Logs::LogGroup", {"LogGroupName": ref("Name"), "RetentionInDays": ref("Days")}
        ),
        "Topic": resource("SNS::Topic"),
    },
    {"Group": ref("Group"), "Topic": get("Topic", "TopicName")},
    {"Name": {"Type": "String"}, "Days": {"Type": "Number", "Default": 7}},
)


def family(aws, days=7, cidr="10.0.0.0/16", **more):
    urls = upload(aws, network=NETWORK, logs=LOGS)
    name = get("Network", "Outputs.VpcId")
    return template(
        {
            "Network": nested(urls["network"], {"Cidr": cidr}),
            "Logs": nested(urls["logs"], {"Name": name, "Days": days}),
        },
        {"Topic": get("Logs", "Outputs.Topic"), "Cidr": get("Network", "Outputs.Cidr")},
        **more,
    )


def alone(aws, resources, **more):
    return template({"Child": nested(upload(aws, child=template(resources, **more))["child"])})


def groups(aws):
    return [g["logGroupName"] for g in aws.client("logs").describe_log_groups()["logGroups"]]


def test_a_child_gets_what_another_gives(aws):
    root = deploy(aws, family(aws))
    assert root["StackStatus"] == "CREATE_COMPLETE"
    assert groups(aws) == [outputs(describe(aws, physical(aws, "Network")))["VpcId"]]


def test_a_child_knows_its_parent_and_its_root(aws):
    root = deploy(aws, family(aws))
    made = child(aws, "Network")
    assert made["ParentId"] == made["RootId"] == root["StackId"]
    assert "ParentId" not in root
    listed = aws.client("cloudformation").list_stacks()["StackSummaries"]
    parents = {stack["StackName"]: stack.get("ParentId") for stack in listed}
    assert parents[made["StackName"]] == root["StackId"]


def test_an_update_keeps_the_attributes_of_what_it_leaves_alone(aws):
    before = outputs(deploy(aws, family(aws)))
    after = deploy(aws, family(aws, days=30))
    assert after["StackStatus"] == "UPDATE_COMPLETE"
    assert outputs(after) == before


def test_an_update_tells_only_what_it_touches(aws):
    deploy(aws, family(aws))
    deploy(aws, family(aws, days=30))
    touched = [
        title for title, status in events(aws, physical(aws, "Logs")) if "UPDATE" in status
    ]
    assert "Group" in touched
    assert "Topic" not in touched


@pytest.mark.parametrize("host", ["templates.s3", "templates.s3.us-east-1", "s3.us-east-1"])
def test_a_template_is_found_under_every_address_aws_gives_it(aws, host):
    key = upload(aws, network=NETWORK)["network"].rpartition("/")[2]
    path = key if host.startswith("templates") else f"templates/{key}"
    body = template({"Network": nested(f"https://{host}.amazonaws.com/{path}")})
    assert deploy(aws, body)["StackStatus"] == "CREATE_COMPLETE"


def test_destroying_leaves_exactly_what_is_to_be_kept(aws):
    kept = resource("Logs::LogGroup", {"LogGroupName": "kept"}, DeletionPolicy="Retain")
    gone = resource("Logs::LogGroup", {"LogGroupName": "gone"})
    deploy(aws, alone(aws, {"Kept": kept, "Gone": gone}))
    made = physical(aws, "Child")
    assert delete(aws)["StackStatus"] == "DELETE_COMPLETE"
    assert groups(aws) == ["kept"]
    assert ("Kept", "DELETE_SKIPPED") in events(aws, made)
    assert ("Gone", "DELETE_COMPLETE") in events(aws, made)


def test_every_destruction_takes_the_snapshot_asked_for(aws):
    database = {"DBInstanceIdentifier": "data", "DBInstanceClass": "db.t3.micro"}
    database |= {"Engine": "postgres", "AllocatedStorage": "20"}
    kept = resource("RDS::DBInstance", database, DeletionPolicy="Snapshot")
    for taken in (1, 2):
        deploy(aws, alone(aws, {"Database": kept}))
        assert delete(aws)["StackStatus"] == "DELETE_COMPLETE"
        assert len(aws.client("rds").describe_db_snapshots()["DBSnapshots"]) == taken
    assert not aws.client("rds").describe_db_instances()["DBInstances"]


def test_a_child_reads_secrets_where_it_refers_to_them(aws):
    secret = aws.client("secretsmanager").create_secret(Name="name", SecretString="secret-name")
    text = {"Fn::Sub": "{{resolve:secretsmanager:" + secret["ARN"] + "}}"}
    deploy(aws, alone(aws, {"Group": resource("Logs::LogGroup", {"LogGroupName": text})}))
    assert groups(aws) == ["secret-name"]


def test_a_child_exports_and_takes_its_exports_along(aws):
    body = template({"Topic": resource("SNS::Topic")}, {"Topic": ref("Topic")})
    body["Outputs"]["Topic"]["Export"] = {"Name": "the-topic"}
    deploy(aws, template({"Child": nested(upload(aws, child=body)["child"])}))
    cloudformation = aws.client("cloudformation")
    assert [e["Name"] for e in cloudformation.list_exports()["Exports"]] == ["the-topic"]
    delete(aws)
    assert not cloudformation.list_exports()["Exports"]


def test_a_child_that_fails_takes_back_what_it_made(aws):
    aws.fail("AWS::SNS::Topic/Topic")
    root = deploy(aws, family(aws))
    assert root["StackStatus"] == "ROLLBACK_COMPLETE"
    assert not groups(aws)
    assert all(vpc["IsDefault"] for vpc in aws.client("ec2").describe_vpcs()["Vpcs"])
    assert describe(aws, physical(aws, "Logs"))["StackStatus"] == "DELETE_COMPLETE"
    listed = aws.client("cloudformation").list_stack_resources(StackName="root")
    states = {one["ResourceStatus"] for one in listed["StackResourceSummaries"]}
    assert states == {"DELETE_COMPLETE"}


def test_a_failure_is_told_first_hand_in_the_child_and_named_in_the_root(aws):
    aws.fail("AWS::SNS::Topic/Topic")
    deploy(aws, family(aws))
    cloudformation = aws.client("cloudformation")
    told = {
        event["LogicalResourceId"]: event["ResourceStatusReason"]
        for stack in ("root", physical(aws, "Logs"))
        for event in cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
        if event["ResourceStatus"] == "CREATE_FAILED"
    }
    assert "LIBERTY_LOCAL_FAIL" in told["Topic"]
    assert "failed to create: [Topic]" in told["Logs"]


def test_a_rollback_takes_back_even_what_a_later_deletion_would_keep(aws):
    kept = resource("Logs::LogGroup", {}, DeletionPolicy="RetainExceptOnCreate")
    body = alone(aws, {"Group": kept})
    body["Resources"]["Topic"] = resource("SNS::Topic", DependsOn="Child")
    aws.fail("AWS::SNS::Topic/Topic")
    assert deploy(aws, body)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert not groups(aws)


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("where", ["a new stack", "a child", "a new child", "a child's child"])
def test_what_a_failed_operation_made_goes_with_it_if_that_is_asked(aws, where, asked):
    kept = resource("Logs::LogGroup", {"LogGroupName": "kept"}, DeletionPolicy="Retain")
    topic = {"First": resource("SNS::Topic")}
    inside = topic | {"Group": kept}
    body = alone(aws, inside)
    if where == "a child's child":
        inner = nested(upload(aws, inner=template(inside))["inner"])
        body = alone(aws, {"Inner": inner})
    elif where == "a child":
        deploy(aws, template({"Child": nested(upload(aws, before=template(topic))["before"])}))
    elif where == "a new child":
        deploy(aws, template(topic))
        body["Resources"] |= topic
    body["Resources"]["Topic"] = resource("SNS::Topic", DependsOn="Child")
    aws.fail("AWS::SNS::Topic/Topic")
    status = deploy(aws, body, RetainExceptOnCreate=asked)["StackStatus"]
    assert status.endswith("ROLLBACK_COMPLETE")
    assert groups(aws) == ([] if asked else ["kept"])


def test_what_was_there_before_a_failed_operation_stays_though_what_it_made_goes(aws):
    kept = resource("Logs::LogGroup", {"LogGroupName": "kept"}, DeletionPolicy="Retain")
    before = upload(aws, before=template({"Group": kept}))["before"]
    deploy(aws, template({"Child": nested(before)}))
    added = resource("Logs::LogGroup", {"LogGroupName": "added"}, DeletionPolicy="Retain")
    fails = resource("SNS::Topic", DependsOn="Added")
    aws.fail("AWS::SNS::Topic/Topic")
    body = alone(aws, {"Group": kept, "Added": added, "Topic": fails})
    deploy(aws, body, RetainExceptOnCreate=True)
    assert groups(aws) == ["kept"]


def test_what_cannot_be_taken_back_fails_the_rollback_and_is_deleted_later(aws):
    database = {"DBInstanceIdentifier": "one", "DBInstanceClass": "db.t3.micro"}
    database |= {"Engine": "postgres", "AllocatedStorage": "20", "DeletionProtection": True}
    body = alone(aws, {"Database": resource("RDS::DBInstance", database)})
    body["Resources"]["Topic"] = resource("SNS::Topic", DependsOn="Child")
    aws.fail("AWS::SNS::Topic/Topic")
    assert deploy(aws, body)["StackStatus"] == "ROLLBACK_FAILED"
    left = aws.client("cloudformation").describe_stack_resources(StackName="root")
    statuses = {r["LogicalResourceId"]: r["ResourceStatus"] for r in left["StackResources"]}
    assert statuses == {"Child": "DELETE_FAILED"}
    assert delete(aws)["StackStatus"] == "DELETE_FAILED"
    rds = aws.client("rds")
    rds.modify_db_instance(DBInstanceIdentifier="one", DeletionProtection=False)
    delete(aws)
    assert not rds.describe_db_instances()["DBInstances"]


def test_an_update_tells_what_it_makes(aws):
    topic = {"Stays": resource("SNS::Topic")}
    deploy(aws, template(topic))
    added = {"Comes": resource("SNS::Topic"), "Child": alone(aws, topic)["Resources"]["Child"]}
    deploy(aws, template(topic | added))
    told = {title: status for title, status in events(aws) if title != "root"}
    assert told == dict.fromkeys(("Stays", "Comes", "Child"), "CREATE_COMPLETE")
    aws.fail("AWS::SNS::Topic/More")
    deploy(aws, template(topic | added | {"More": resource("SNS::Topic")}))
    assert ("More", "CREATE_FAILED") in events(aws)


def test_a_failed_update_puts_every_child_back(aws):
    before = outputs(deploy(aws, family(aws)))
    aws.fail("AWS::Logs::LogGroup/Group")
    root = deploy(aws, family(aws, cidr="10.1.0.0/16"))
    assert root["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert outputs(root)["Cidr"] == before["Cidr"]
    assert child(aws, "Network")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"


def test_what_an_update_replaced_or_removed_in_a_child_goes_when_all_of_it_is_good(aws):
    def body(**inside):
        made = {
            title: resource("Logs::LogGroup", {"LogGroupName": name})
            for title, name in inside.items()
        }
        topic = {
            "Topic": resource("SNS::Topic", {"DisplayName": str(inside)}, DependsOn="Child")
        }
        return template(alone(aws, made)["Resources"] | topic)

    logs = aws.client("logs")
    deploy(aws, body(Kept="one", Gone="two"))
    for group in ("one", "two"):
        logs.create_log_stream(logGroupName=group, logStreamName="data")
    aws.fail("AWS::SNS::Topic/Topic")
    root = deploy(aws, body(Kept="other", New="three"))
    assert root["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert groups(aws) == ["one", "two"]
    assert all(logs.describe_log_streams(logGroupName=g)["logStreams"] for g in groups(aws))
    aws.fail()
    deploy(aws, body(Kept="other", New="three"))
    assert groups(aws) == ["other", "three"]
    assert ("root", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS") in events(aws)
    assert ("Gone", "DELETE_COMPLETE") in events(aws, physical(aws, "Child"))


def test_what_an_update_leaves_to_itself_is_told_when_all_of_it_is_good(aws):
    def body(**inside):
        kept = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
        made = {
            title: resource("Logs::LogGroup", {"LogGroupName": name}, **kept)
            for title, name in inside.items()
        }
        topic = resource("SNS::Topic", {"DisplayName": str(inside)}, DependsOn="Child")
        return template(alone(aws, made)["Resources"] | {"Topic": topic})

    deploy(aws, body(Replaced="one", Removed="two"))
    aws.fail("AWS::SNS::Topic/Topic")
    root = deploy(aws, body(Replaced="other"), RetainExceptOnCreate=True)
    child = physical(aws, "Child")
    assert root["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "DELETE_SKIPPED" not in dict(events(aws, child)).values()
    aws.fail()
    deploy(aws, body(Replaced="other"))
    assert groups(aws) == ["one", "other", "two"]
    left = [title for title, status in events(aws, child) if status == "DELETE_SKIPPED"]
    assert left == ["Replaced", "Removed"]


def test_a_nested_stack_that_an_update_removes_is_told_to_go(aws):
    topic = {"Topic": resource("SNS::Topic")}
    deploy(aws, template(topic | alone(aws, topic)["Resources"]))
    deploy(aws, template(topic))
    ends = ["DELETE_IN_PROGRESS", "DELETE_COMPLETE"]
    assert [status for title, status in events(aws) if title == "Child"][-2:] == ends
    assert events(aws)[-1] == ("root", "UPDATE_COMPLETE")


def test_what_cannot_be_cleaned_up_is_told_and_the_update_is_good(aws):
    topic, bucket = resource("SNS::Topic"), resource("S3::Bucket", {"BucketName": "full"})
    deploy(aws, alone(aws, {"Topic": topic, "Bucket": bucket}))
    aws.client("s3").put_object(Bucket="full", Key="a", Body=b"")
    assert deploy(aws, alone(aws, {"Topic": topic}))["StackStatus"] == "UPDATE_COMPLETE"
    assert ("Bucket", "DELETE_FAILED") in events(aws, physical(aws, "Child"))


@pytest.mark.parametrize("skipped", [True, False])
def test_a_rollback_that_failed_in_a_child_can_be_continued_or_leave_that_out(aws, skipped):
    def body(days):
        group = {"LogGroupName": "one", "RetentionInDays": days}
        topics = {
            title: resource("SNS::Topic", {"DisplayName": f"{days}"}, DependsOn=before)
            for title, before in (("Slow", "Child"), ("Topic", "Slow"))
        }
        child = alone(aws, {"Group": resource("Logs::LogGroup", group)})["Resources"]
        return template(child | topics)

    cloudformation = aws.client("cloudformation")
    stack = deploy(aws, body(7))["StackId"]
    aws.fail("AWS::SNS::Topic/Topic")
    aws.delay(0.5)
    cloudformation.update_stack(StackName=stack, TemplateBody=json.dumps(body(30)))
    while ("Child", "UPDATE_COMPLETE") not in events(aws):
        pass
    aws.fail("AWS::SNS::Topic/Topic", "AWS::Logs::LogGroup/Group")
    aws.delay(0)
    assert rest(aws, stack)["StackStatus"] == "UPDATE_ROLLBACK_FAILED"
    made = child(aws, "Child")
    assert made["StackStatus"] == "UPDATE_ROLLBACK_FAILED"
    if not skipped:
        aws.fail()
    named = {"ResourcesToSkip": [f"{made['StackName']}.Group"]} if skipped else {}
    cloudformation.continue_update_rollback(StackName=stack, **named)
    for one in (stack, made["StackId"]):
        assert rest(aws, one)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    [group] = aws.client("logs").describe_log_groups()["logGroups"]
    assert group["retentionInDays"] == (30 if skipped else 7)


def test_a_circle_of_resources_is_a_failure_and_no_wait_without_end(aws):
    circle = {"One": resource("SNS::Topic", DependsOn="Two")}
    circle |= {"Two": resource("SNS::Topic", DependsOn="One")}
    assert deploy(aws, template(circle))["StackStatus"] == "CREATE_FAILED"


def test_a_creation_that_is_told_to_go_makes_nothing_more_and_leaves_nothing(aws):
    body = family(aws)
    aws.delay(60)
    cloudformation = aws.client("cloudformation")
    stack = cloudformation.create_stack(StackName="root", TemplateBody=json.dumps(body))
    while ("Network", "CREATE_IN_PROGRESS") not in events(aws):
        pass
    cloudformation.delete_stack(StackName="root")
    aws.delay(0)
    assert rest(aws, stack["StackId"])["StackStatus"] == "DELETE_COMPLETE"
    assert [s["StackStatus"] for s in cloudformation.list_stacks()["StackSummaries"]] == [
        "DELETE_COMPLETE"
    ] * 2
    assert not groups(aws)


def test_a_stack_left_as_it_failed_can_still_be_deleted_whole(aws):
    aws.fail("AWS::SNS::Topic/Topic")
    assert deploy(aws, family(aws), DisableRollback=True)["StackStatus"] == "CREATE_FAILED"
    assert groups(aws)
    delete(aws)
    assert not groups(aws)


def test_the_roots_tags_reach_what_its_children_make(aws):
    inside = alone(aws, {"Vpc": resource("EC2::VPC", {"CidrBlock": "10.0.0.0/16"})})
    tag = {"Key": "Project", "Value": "Liberty"}
    deploy(aws, alone(aws, inside["Resources"]), Tags=[tag])
    assert [vpc for vpc in aws.client("ec2").describe_vpcs()["Vpcs"] if tag in vpc["Tags"]]


def test_the_server_answers_while_a_resource_takes_its_time(aws):
    body = template({"Topic": resource("SNS::Topic")})
    aws.delay(60)
    aws.client("cloudformation").create_stack(StackName="root", TemplateBody=json.dumps(body))
    while ("Topic", "CREATE_IN_PROGRESS") not in (seen := events(aws)):
        pass
    aws.delay(0)
    assert ("Topic", "CREATE_COMPLETE") not in seen
    rest(aws, "root")


def test_conditions_may_join_and_split(aws):
    first = {"Fn::Select": [0, {"Fn::Split": [":", "sha256:abc"]}]}
    region = {"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]}
    conditions = {"Digest": {"Fn::And": [{"Fn::Equals": [first, "sha256"]}, region]}}
    topic = resource("SNS::Topic", Condition="Digest")
    deploy(aws, alone(aws, {"Topic": topic}, Conditions=conditions))
    assert aws.client("sns").list_topics()["Topics"]
