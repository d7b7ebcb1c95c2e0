from local_stacks import delete, deploy, describe, events, get, nested, physical, ref, resource, template, upload

NETWORK = template({"Vpc": resource("EC2::VPC", {"CidrBlock": "10.0.0.0/16"})}, {"VpcId": ref("Vpc")})
LOGS = template(
    {"Group": resource("Logs::LogGroup", {"LogGroupName": ref("Name")})},
    {"Group": ref("Group")},
    {"Name": {"Type": "String"}},
)


def family(aws, **children):
    urls = upload(aws, network=NETWORK, logs=LOGS)
    return template(
        {
            "Network": nested(urls["network"]),
            "Logs": nested(urls["logs"], {"Name": get("Network", "Outputs.VpcId")}),
        }
    )


def test_a_child_gets_what_another_gives(aws):
    root = deploy(aws, family(aws))
    assert root["StackStatus"] == "CREATE_COMPLETE", events(aws)
    [vpc] = [v for v in aws.client("ec2").describe_vpcs()["Vpcs"] if not v["IsDefault"]]
    [group] = aws.client("logs").describe_log_groups()["logGroups"]
    assert group["logGroupName"] == vpc["VpcId"]


def test_a_child_knows_its_parent_and_its_root(aws):
    root = deploy(aws, family(aws))
    child = describe(aws, physical(aws, "Network"))
    assert child["ParentId"] == child["RootId"] == root["StackId"]
    assert "ParentId" not in root
