"""A small network that is right, for the rules about networks to break."""

from __future__ import annotations

VPC = """
Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
"""


def a_subnet(title: str, cidr: str, more: str = "") -> str:
    return f"""
{title}:
  Type: AWS::EC2::Subnet
  Properties: {{VpcId: !Ref Vpc, CidrBlock: {cidr}{more}}}
"""


def an_ingress(rule: str) -> str:
    return f"""
Group:
  Type: AWS::EC2::SecurityGroup
  Properties:
    GroupDescription: Tasks
    VpcId: vpc-1
    SecurityGroupIngress: [{rule}]
"""


# A public subnet with its way out.
PUBLIC = (
    VPC
    + a_subnet("Public", "10.0.1.0/24", ", AvailabilityZone: us-east-1a")
    + """
Gateway: {Type: AWS::EC2::InternetGateway}
Attachment:
  Type: AWS::EC2::VPCGatewayAttachment
  Properties: {VpcId: !Ref Vpc, InternetGatewayId: !Ref Gateway}
PublicRoutes: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !Ref Vpc}}
Out:
  Type: AWS::EC2::Route
  DependsOn: Attachment
  Properties:
    RouteTableId: !Ref PublicRoutes
    DestinationCidrBlock: 0.0.0.0/0
    GatewayId: !Ref Gateway
PublicRouted:
  Type: AWS::EC2::SubnetRouteTableAssociation
  Properties: {SubnetId: !Ref Public, RouteTableId: !Ref PublicRoutes}
"""
)
# And a private one, whose way out is by a NAT gateway.
PRIVATE = (
    PUBLIC
    + a_subnet("Private", "10.0.2.0/24", ", AvailabilityZone: us-east-1a")
    + a_subnet("Other", "10.0.3.0/24", ", AvailabilityZone: us-east-1b")
    + """
Address: {Type: AWS::EC2::EIP, DependsOn: Attachment, Properties: {Domain: vpc}}
Nat:
  Type: AWS::EC2::NatGateway
  Properties: {AllocationId: !GetAtt Address.AllocationId, SubnetId: !Ref Public}
PrivateRoutes: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !Ref Vpc}}
PrivateOut:
  Type: AWS::EC2::Route
  Properties:
    RouteTableId: !Ref PrivateRoutes
    DestinationCidrBlock: 0.0.0.0/0
    NatGatewayId: !Ref Nat
PrivateRouted:
  Type: AWS::EC2::SubnetRouteTableAssociation
  Properties: {SubnetId: !Ref Private, RouteTableId: !Ref PrivateRoutes}
OtherRouted:
  Type: AWS::EC2::SubnetRouteTableAssociation
  Properties: {SubnetId: !Ref Other, RouteTableId: !Ref PrivateRoutes}
"""
)
