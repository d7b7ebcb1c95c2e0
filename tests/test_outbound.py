"""The private subnets' ways out."""

ANYWHERE = "0.0.0.0/0"


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
        assert outbound[route]["RouteTableId"] == {"Ref": f"PrivateRouteTable{route[-1]}Id"}
    assert len(outbound.of_type("AWS::EC2::Route")) == 2


def test_the_nat_gateways_are_in_the_public_subnets(outbound):
    assert outbound["NatGatewayA"]["SubnetId"] == {"Ref": "PublicSubnetAId"}
    assert outbound["NatGatewayB"]["SubnetId"] == {"Ref": "PublicSubnetBId"}


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
    tables = ("PrivateRouteTableAId", "PrivateRouteTableBId")
    assert endpoint["RouteTableIds"] == [{"Ref": table} for table in tables]
