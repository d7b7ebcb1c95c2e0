"""Who has to reach whom: a load balancer its tasks, tasks their database and cache."""

import pytest
from versions import resource, told

from liberty_cfn.review.findings import Kind


def group(**rules):
    return resource("EC2::SecurityGroup", {"VpcId": {"Ref": "Vpc"}, **rules})


def of(name):
    return {"Fn::GetAtt": [name, "GroupId"]}


def let_in(owner, source, port):
    rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port}
    return resource(
        "EC2::SecurityGroupIngress",
        {"GroupId": of(owner), "SourceSecurityGroupId": of(source), **rule},
    )


def database(**more):
    return resource("RDS::DBInstance", {"VPCSecurityGroups": [of("Data")], **more})


def listener(group_of="Targets"):
    forward = {"Type": "forward", "TargetGroupArn": {"Ref": group_of}}
    given = {"LoadBalancerArn": {"Ref": "Balancer"}, "DefaultActions": [forward]}
    return resource("ElasticLoadBalancingV2::Listener", given)


BASE = {
    "Vpc": resource("EC2::VPC", {"CidrBlock": "10.0.0.0/16"}),
    "Front": group(),
    "Tasks": group(),
    "Data": group(),
    "ToTasks": let_in("Tasks", "Front", 8000),
    "ToData": let_in("Data", "Tasks", 5432),
    "Balancer": resource(
        "ElasticLoadBalancingV2::LoadBalancer", {"SecurityGroups": [of("Front")]}
    ),
    "Targets": resource("ElasticLoadBalancingV2::TargetGroup"),
    "Listener": listener(),
    "Database": database(),
    "Task": resource(
        "ECS::TaskDefinition",
        {
            "ContainerDefinitions": [
                {
                    "Name": "web",
                    "Environment": [
                        {
                            "Name": "DB_HOST",
                            "Value": {"Fn::GetAtt": ["Database", "Endpoint.Address"]},
                        }
                    ],
                }
            ]
        },
    ),
    "Service": resource(
        "ECS::Service",
        {
            "TaskDefinition": {"Ref": "Task"},
            "LoadBalancers": [
                {
                    "ContainerName": "web",
                    "ContainerPort": 8000,
                    "TargetGroupArn": {"Ref": "Targets"},
                }
            ],
            "NetworkConfiguration": {"AwsvpcConfiguration": {"SecurityGroups": [of("Tasks")]}},
        },
    ),
}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"ToTasks": let_in("Tasks", "Front", 80)},
            "Balancer can no longer reach Service on 8000",
        ),
        (
            {"ToData": let_in("Data", "Front", 5432)},
            "Service can no longer reach Database on 5432",
        ),
        ({"Database": database(Port="5433")}, "Service can no longer reach Database on 5433"),
    ],
)
def test_who_has_to_reach_somebody_and_no_longer_can_is_interrupted(change, text):
    assert f"{text}: requests fail" in told(BASE, {**BASE, **change}, Kind.INTERRUPTION)


@pytest.mark.parametrize(
    "change",
    [
        # Another port beside, nothing that was needed, and what goes itself.
        {"Also": let_in("Tasks", "Front", 9000)},
        {"Listener": resource("SNS::Topic")},
    ],
)
def test_who_needs_nothing_isn_t(change):
    before = {**BASE, "Wide": let_in("Data", "Front", 5432)}
    after = {**BASE, **change}
    assert not [t for t in told(before, after, Kind.INTERRUPTION) if "requests fail" in t]


def test_who_couldn_t_before_is_no_news():
    before = {title: one for title, one in BASE.items() if title != "ToTasks"}
    after = {**before, "Also": let_in("Tasks", "Front", 9000)}
    assert not told(before, after, Kind.INTERRUPTION)


@pytest.mark.parametrize(
    ("launch", "endpoint", "told_"),
    [("FARGATE", "s3", 1), ("EC2", "s3", 0), ("FARGATE", "ecr.dkr", 0)],
)
def test_fargate_s_tasks_have_to_find_their_image(launch, endpoint, told_):
    def network(gateway):
        vpc = {"VpcId": {"Ref": "Vpc"}}
        target = {"RouteTableId": {"Ref": "Table"}, "DestinationCidrBlock": "0.0.0.0/0"}
        inside = {"Subnets": [{"Ref": "Subnet"}], "SecurityGroups": [of("Tasks")]}
        return {
            "Vpc": resource("EC2::VPC", {"CidrBlock": "10.0.0.0/16"}),
            "Tasks": group(),
            "Subnet": resource("EC2::Subnet", {**vpc, "CidrBlock": "10.0.0.0/24"}),
            "Table": resource("EC2::RouteTable", vpc),
            "Way": resource("EC2::Route", {**target, **gateway}),
            "Routed": resource(
                "EC2::SubnetRouteTableAssociation",
                {"SubnetId": {"Ref": "Subnet"}, "RouteTableId": {"Ref": "Table"}},
            ),
            "Endpoint": resource(
                "EC2::VPCEndpoint", {"ServiceName": f"com.amazonaws.x.{endpoint}"}
            ),
            "Service": resource(
                "ECS::Service",
                {"LaunchType": launch, "NetworkConfiguration": {"AwsvpcConfiguration": inside}},
            ),
        }

    before, after = network({"NatGatewayId": "nat-1"}), network({"GatewayId": "igw-1"})
    wanted = (
        "Service can no longer reach the internet on 443: tasks find no image, and don't start"
    )
    assert told(before, after, Kind.INTERRUPTION).count(wanted) == told_
