"""The private subnets' ways out."""

ANYWHERE = "0.0.0.0/0"


def _nth(zone, given):
    """Return one of the things that the stack is given, by its zone."""
    return {"Fn::Select": ["AB".index(zone), {"Ref": given}]}


def test_tasks_wait_for_their_way_out_and_the_database_does_not(root):
    way = {"Fn::GetAtt": ["Outbound", "Outputs.RoutedSubnetIds"]}
    assert root["Service"]["Parameters"]["SubnetIds"] == way
    for other in ("Database", "Cache", "Entrance", "Security"):
        assert "Outbound" not in str(root[other]["Parameters"]), other


def test_private_subnets_reach_the_internet_through_nat_only(outbound):
    for route in ("PrivateDefaultRouteA", "PrivateDefaultRouteB"):
        assert "NatGatewayId" in outbound[route]
        assert "GatewayId" not in outbound[route]
        assert outbound[route]["DestinationCidrBlock"] == ANYWHERE
        assert outbound[route]["RouteTableId"] == _nth(route[-1], "PrivateRouteTableIds")
    assert len(outbound.of_type("AWS::EC2::Route")) == 2


def test_the_nat_gateways_are_in_the_public_subnets(outbound):
    assert outbound["NatGatewayA"]["SubnetId"] == _nth("A", "PublicSubnetIds")
    assert outbound["NatGatewayB"]["SubnetId"] == _nth("B", "PublicSubnetIds")


def test_there_is_one_nat_gateway_unless_a_setting_asks_for_one_in_each_zone(outbound, default):
    assert default("NatGatewayPerZone") == "false"
    assert "Condition" not in outbound.resource("NatGatewayA")
    for second in ("NatAddressB", "NatGatewayB"):
        assert outbound.resource(second)["Condition"] == "NatGatewayInEachZone"
    assert outbound["PrivateDefaultRouteA"]["NatGatewayId"] == {"Ref": "NatGatewayA"}
    assert outbound["PrivateDefaultRouteB"]["NatGatewayId"] == {
        "Fn::If": ["NatGatewayInEachZone", {"Ref": "NatGatewayB"}, {"Ref": "NatGatewayA"}]
    }


def test_private_subnets_reach_s3_without_the_nat_gateway(outbound):
    endpoint = outbound["S3Endpoint"]
    assert endpoint["VpcEndpointType"] == "Gateway"
    assert endpoint["ServiceName"] == {"Fn::Sub": "com.amazonaws.${AWS::Region}.s3"}
    assert endpoint["RouteTableIds"] == {"Ref": "PrivateRouteTableIds"}
