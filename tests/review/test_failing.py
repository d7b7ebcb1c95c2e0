"""What AWS refuses half-way: places that are taken, sizes that aren't."""

import pytest
from versions import changed, resource, told

from liberty_cfn.review.documented import Replacement
from liberty_cfn.review.findings import Kind

RULE = {"GroupId": "sg", "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}
FARGATE = {"RequiresCompatibilities": ["FARGATE"]}


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("ElasticLoadBalancingV2::Listener", {"LoadBalancerArn": "a", "Port": 443}),
        ("ElasticLoadBalancingV2::ListenerRule", {"ListenerArn": "a", "Priority": 1}),
        ("EC2::SecurityGroupIngress", {**RULE, "CidrIp": "10.0.0.0/8"}),
        ("EC2::SecurityGroupEgress", {**RULE, "DestinationSecurityGroupId": "sg-2"}),
        ("EC2::NatGateway", {"AllocationId": "eip", "SubnetId": "s"}),
        ("EC2::Subnet", {"VpcId": "v", "CidrBlock": "10.0.1.0/24"}),
        ("EC2::VPCGatewayAttachment", {"VpcId": "v", "InternetGatewayId": "igw"}),
        (
            "EC2::VPCEndpoint",
            {"VpcId": "v", "ServiceName": "com.amazonaws.us-east-1.s3", "RouteTableIds": ["r"]},
        ),
        (
            "ApplicationAutoScaling::ScalingPolicy",
            {"PolicyName": "p", "ScalingTargetId": "t"},
        ),
        ("Lambda::EventSourceMapping", {"EventSourceArn": "q", "FunctionName": "f"}),
        ("Route53::RecordSet", {"Name": "a.", "Type": "A", "HostedZoneName": "b."}),
        ("EC2::LaunchTemplate", {"LaunchTemplateName": "a"}),
        ("CloudFormation::StackSet", {"StackSetName": "a"}),
    ],
)
def test_by_another_logical_id_it_finds_its_place_taken(kind, properties):
    it = resource(kind, properties)
    (text,) = told({"Old": it}, {"New": it}, Kind.FAILS)
    assert "in use by Old, which goes only afterwards: its stack or logical id changed" in text
    elsewhere = resource(kind, dict.fromkeys(properties, "other"))
    assert not told({"Old": it}, {"New": elsewhere}, Kind.FAILS)


def test_an_interface_endpoint_leaves_room_for_another_one():
    it = resource("EC2::VPCEndpoint", {"VpcId": "v", "ServiceName": "s", "SubnetIds": ["a"]})
    assert not told({"Old": it}, {"New": it}, Kind.FAILS)


def test_two_that_are_made_anew_under_each_others_names_fail():
    def queues(one, other):
        made = {"A": one, "B": other}
        return {t: resource("SQS::Queue", {"QueueName": name}) for t, name in made.items()}

    texts = told(queues("a", "b"), queues("b", "a"), Kind.FAILS)
    why = "which gives it up in the same update, perhaps too late"
    assert [text.rpartition("by ")[2] for text in texts] == [f"B, {why}", f"A, {why}"]


def test_a_gateway_made_anew_in_another_subnet_finds_its_address_taken_by_the_old_one():
    def gateway(subnet, address):
        given = {"AllocationId": address, "SubnetId": subnet}
        return {"It": resource("EC2::NatGateway", given)}

    (text,) = told(gateway("a", "eip-1"), gateway("b", "eip-1"), Kind.FAILS)
    assert text.startswith("It is to be replaced with the same AllocationId")
    assert not told(gateway("a", "eip-1"), gateway("b", "eip-2"), Kind.FAILS)


def test_a_volume_s_disk_can_t_shrink():
    small, large = ({"It": resource("EC2::Volume", {"Size": size})} for size in (10, 20))
    (text,) = told(large, small, Kind.FAILS)
    assert text == "It: Size 20 → 10: a disk can grow, never shrink"
    assert not told(small, large, Kind.FAILS)


def test_a_table_gets_or_loses_one_index_in_an_update():
    def table(*names):
        indexes = [{"IndexName": name} for name in names]
        return {"It": resource("DynamoDB::Table", {"GlobalSecondaryIndexes": indexes})}

    (text,) = told(table("a"), table("b"), Kind.FAILS)
    assert "a, b come or go at once" in text
    assert not told(table("a"), table("a", "b"), Kind.FAILS)


@pytest.mark.parametrize(
    ("cpu", "memory", "more", "fails"),
    [
        (512, "512", FARGATE, True),
        ("512", 1024, FARGATE, False),
        (512, 512, {}, False),
        (300, 512, FARGATE, True),
        ({"Ref": "AWS::StackName"}, 512, FARGATE, False),
    ],
)
def test_fargate_takes_only_its_own_sizes_of_tasks(cpu, memory, more, fails):
    def task(**given):
        return {"It": resource("ECS::TaskDefinition", {**more, **given})}

    texts = told(task(Cpu=256, Memory=512), task(Cpu=cpu, Memory=memory), Kind.FAILS)
    assert bool(texts) == fails


@pytest.mark.parametrize(
    ("before", "after", "replacement"),
    [
        (None, "dedicated", Replacement.CERTAIN),
        ("default", "dedicated", Replacement.CERTAIN),
        ("dedicated", "default", Replacement.NONE),
        ("dedicated", None, Replacement.NONE),
        ("dedicated", "host", Replacement.CERTAIN),
    ],
)
def test_a_vpc_s_tenancy_replaces_it_but_for_the_one_way_that_aws_documents(
    before, after, replacement
):
    def vpc(tenancy):
        given = {} if tenancy is None else {"InstanceTenancy": tenancy}
        return {"It": resource("EC2::VPC", {"CidrBlock": "10.0.0.0/16", **given})}

    assert changed(vpc(before), vpc(after))["It"].replacement is replacement


@pytest.mark.parametrize(
    ("group", "user", "how"),
    [
        ("RDS::DBSubnetGroup", "RDS::DBInstance", "DBSubnetGroupName"),
        ("ElastiCache::SubnetGroup", "ElastiCache::CacheCluster", "CacheSubnetGroupName"),
    ],
)
def test_a_subnet_that_somebody_may_be_in_can_t_be_given_up(group, user, how):
    def network(*subnets, zone="a", used=True):
        vpc = {"VpcId": "v", "AvailabilityZone": zone}
        made = {
            t: resource("EC2::Subnet", {**vpc, "CidrBlock": f"10.0.{n}.0/24"})
            for n, t in enumerate("ABC")
        }
        made["Group"] = resource(group, {"SubnetIds": [{"Ref": title} for title in subnets]})
        return {**made, **({"Db": resource(user, {how: {"Ref": "Group"}})} if used else {})}

    (text,) = told(network("A", "B"), network("B", "C"), Kind.FAILS)
    assert text == "Group gives up A: AWS refuses to while Db is in there"
    assert not told(network("A"), network("B", "A"), Kind.FAILS)
    assert not told(network("A", used=False), network("B", used=False), Kind.FAILS)
    texts = told(network("A"), network("A", zone="b"), Kind.FAILS)
    assert "Group gives up A: AWS refuses to while Db is in there" in texts


def test_a_target_group_is_of_one_load_balancer_at_a_time():
    def site(balancer, group, port=443):
        forward = [{"Type": "forward", "TargetGroupArn": {"Ref": "Group"}}]
        at = {"LoadBalancerArn": {"Ref": "Balancer"}, "Port": port, "DefaultActions": forward}
        kind = "ElasticLoadBalancingV2"
        return {
            "Balancer": resource(f"{kind}::LoadBalancer", {"Name": balancer}),
            "Group": resource(f"{kind}::TargetGroup", {"Name": group}),
            "Listener": resource(f"{kind}::Listener", at),
        }

    (text,) = told(site("old", "group"), site("new", "group"), Kind.FAILS)
    assert text.startswith(
        "Listener is made anew at another load balancer, and forwards to Group"
    )
    for other in (site("new", "other"), site("old", "other"), site("old", "group", 8443)):
        assert not told(site("old", "group"), other, Kind.FAILS)
