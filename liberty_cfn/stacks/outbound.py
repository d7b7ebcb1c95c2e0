"""How private subnets reach the world: a stack of its own, as a NAT gateway takes minutes."""

from troposphere import Equals, If, Ref, Sub, Template, ec2

from liberty_cfn.names import name_tag
from liberty_cfn.nesting import outputs
from liberty_cfn.values import (
    Flag,
    IpAddresses,
    RouteTableId,
    SubnetId,
    SubnetIds,
    Suffix,
    VpcId,
)

ANYWHERE = "0.0.0.0/0"


@outputs
class Outbound:
    # The private subnets, for who needs that traffic from them has a way out.
    routed_subnet_ids: SubnetIds
    nat_addresses: IpAddresses


def outbound(
    t: Template,
    *,
    suffix: Suffix,
    vpc_id: VpcId,
    public_subnet_a_id: SubnetId,
    public_subnet_b_id: SubnetId,
    private_subnet_ids: SubnetIds,
    private_route_table_a_id: RouteTableId,
    private_route_table_b_id: RouteTableId,
    nat_gateway_per_zone: Flag,
) -> Outbound:
    """The private subnets' ways out: NAT gateways, and S3's endpoint."""
    per_zone = t.add_condition("NatGatewayInEachZone", Equals(nat_gateway_per_zone, "true"))

    address_a = t.add_resource(
        ec2.EIP("NatAddressA", Domain="vpc", Tags=name_tag("liberty-social-nat-a", suffix))
    )
    nat_a = t.add_resource(
        ec2.NatGateway(
            "NatGatewayA",
            AllocationId=address_a.get_att("AllocationId"),
            SubnetId=public_subnet_a_id,
            Tags=name_tag("liberty-social-nat-a", suffix),
        )
    )
    address_b = t.add_resource(
        ec2.EIP(
            "NatAddressB",
            Condition=per_zone,
            Domain="vpc",
            Tags=name_tag("liberty-social-nat-b", suffix),
        )
    )
    nat_b = t.add_resource(
        ec2.NatGateway(
            "NatGatewayB",
            Condition=per_zone,
            AllocationId=address_b.get_att("AllocationId"),
            SubnetId=public_subnet_b_id,
            Tags=name_tag("liberty-social-nat-b", suffix),
        )
    )
    t.add_resource(
        ec2.Route(
            "PrivateDefaultRouteA",
            RouteTableId=private_route_table_a_id,
            DestinationCidrBlock=ANYWHERE,
            NatGatewayId=Ref(nat_a),
        )
    )
    t.add_resource(
        ec2.Route(
            "PrivateDefaultRouteB",
            RouteTableId=private_route_table_b_id,
            DestinationCidrBlock=ANYWHERE,
            NatGatewayId=If(per_zone, Ref(nat_b), Ref(nat_a)),
        )
    )

    # Uploads and image layers reach S3 without passing, and paying, the NAT gateway.
    t.add_resource(
        ec2.VPCEndpoint(
            "S3Endpoint",
            VpcId=vpc_id,
            VpcEndpointType="Gateway",
            ServiceName=Sub("com.amazonaws.${AWS::Region}.s3"),
            RouteTableIds=[private_route_table_a_id, private_route_table_b_id],
        )
    )

    return Outbound(
        routed_subnet_ids=private_subnet_ids,
        nat_addresses=IpAddresses(
            If(
                per_zone,
                [address_a.get_att("PublicIp"), address_b.get_att("PublicIp")],
                [address_a.get_att("PublicIp")],
            )
        ),
    )
