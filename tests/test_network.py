"""The VPC, and its subnets."""

import pytest

ANYWHERE = "0.0.0.0/0"
SUBNETS = ["PublicSubnetA", "PublicSubnetB", "PrivateSubnetA", "PrivateSubnetB"]


def test_the_vpc_has_the_range_of_the_spec(network, default):
    assert network["Vpc"]["CidrBlock"] == {"Ref": "VpcCidr"}
    assert default("VpcCidr") == "10.0.0.0/16"


@pytest.mark.parametrize(
    ("subnet", "zone", "cidr"),
    [
        ("PublicSubnetA", 0, "10.0.1.0/24"),
        ("PublicSubnetB", 1, "10.0.2.0/24"),
        ("PrivateSubnetA", 0, "10.0.10.0/24"),
        ("PrivateSubnetB", 1, "10.0.11.0/24"),
    ],
)
def test_subnets_are_numbered_as_in_the_spec(network, default, subnet, zone, cidr):
    assert network[subnet]["AvailabilityZone"]["Fn::Select"] == [zone, {"Fn::GetAZs": ""}]
    assert network[subnet]["CidrBlock"] == {"Ref": f"{subnet}Cidr"}
    assert default(f"{subnet}Cidr") == cidr


def test_there_are_two_public_and_two_private_subnets(network):
    assert sorted(network.of_type("AWS::EC2::Subnet")) == sorted(SUBNETS)
    assert network.body["Outputs"]["PublicSubnetIds"]["Value"] == {
        "Fn::Join": [",", [{"Ref": "PublicSubnetA"}, {"Ref": "PublicSubnetB"}]]
    }
    assert network.body["Outputs"]["PrivateSubnetIds"]["Value"] == {
        "Fn::Join": [",", [{"Ref": "PrivateSubnetA"}, {"Ref": "PrivateSubnetB"}]]
    }


@pytest.mark.parametrize(
    ("subnet", "routes"),
    [
        ("PublicSubnetA", "PublicRoutes"),
        ("PublicSubnetB", "PublicRoutes"),
        ("PrivateSubnetA", "PrivateRoutesA"),
        ("PrivateSubnetB", "PrivateRoutesB"),
    ],
)
def test_each_subnet_has_its_own_kind_of_routes(network, subnet, routes):
    assert network[f"{subnet}Routes"] == {
        "SubnetId": {"Ref": subnet},
        "RouteTableId": {"Ref": routes},
    }


def test_public_subnets_reach_the_internet_directly(network):
    route = network["PublicDefaultRoute"]
    assert route["RouteTableId"] == {"Ref": "PublicRoutes"}
    assert route["DestinationCidrBlock"] == ANYWHERE
    assert route["GatewayId"] == {"Ref": "InternetGateway"}


def test_what_needs_the_internet_gateway_waits_until_it_is_attached(network, root):
    assert network.resource("PublicDefaultRoute")["DependsOn"] == "InternetGatewayAttachment"
    # Taking a value of the network's, it waits for the whole of that stack.
    assert root["Outbound"]["Parameters"]["VpcId"]["Fn::GetAtt"][0] == "Network"


@pytest.mark.parametrize("subnet", SUBNETS)
def test_nothing_gets_a_public_address_by_default(network, subnet):
    assert network[subnet]["MapPublicIpOnLaunch"] is False


def test_connections_are_logged_as_long_as_other_logs(network, default):
    assert default("FlowLog") == "true"
    assert network["VpcFlowLog"]["TrafficType"] == "ALL"
    assert network["VpcFlowLog"]["LogGroupName"] == {"Ref": "FlowLogs"}
    assert network["FlowLogs"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


@pytest.mark.parametrize("title", ["VpcFlowLog", "FlowLogs", "FlowLogRole"])
def test_connections_are_logged_only_if_the_setting_says_so(network, title):
    assert network.resource(title)["Condition"] == "FlowLogged"
    assert network.body["Conditions"]["FlowLogged"] == {
        "Fn::Equals": [{"Ref": "FlowLog"}, "true"]
    }


def test_the_flow_log_may_write_to_its_own_log_group_only(network):
    (grant,) = [s for s in network.statements("FlowLogRole") if "Resource" in s]
    assert grant["Resource"] == [{"Fn::GetAtt": ["FlowLogs", "Arn"]}]


def test_names_resolve_inside_the_vpc(network):
    # The tasks find the database, the cache and AWS by name.
    assert network["Vpc"]["EnableDnsSupport"] is True
    assert network["Vpc"]["EnableDnsHostnames"] is True
