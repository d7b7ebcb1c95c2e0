"""LC17xx: routes, and what they lead to: gateways and endpoints."""

from __future__ import annotations

from collections.abc import Iterator

from liberty_cfn.review.reach import ways
from liberty_cfn.rules.network_examples import PRIVATE, PUBLIC
from liberty_cfn.rules.rule import (
    Design,
    Problem,
    Rule,
    referred,
    spelt,
    text,
    waits_for,
)

NAT = "https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html"
ROUTES = "https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Route_Tables.html"
ATTACHMENT = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-dependson.html"
ENDPOINTS = "https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html"
TARGETS = (
    "CarrierGatewayId",
    "CoreNetworkArn",
    "EgressOnlyInternetGatewayId",
    "GatewayId",
    "InstanceId",
    "LocalGatewayId",
    "NatGatewayId",
    "NetworkInterfaceId",
    "TransitGatewayId",
    "VpcEndpointId",
    "VpcPeeringConnectionId",
)
DESTINATIONS = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")


def _nat_gateways(design: Design) -> Iterator[Problem]:
    gateways = list(design.of_type("AWS::EC2::NatGateway"))
    inward = ways(design.resolved)
    taken: dict[str, str] = {}
    used = {
        referred(route.properties.get("NatGatewayId"))
        for route in design.of_type("AWS::EC2::Route")
    }
    for gateway in gateways:
        given = gateway.properties
        if text(given.get("ConnectivityType", "public")) != "public":
            continue
        if "AllocationId" not in given:
            why = "has no address; expected the AllocationId of an AWS::EC2::EIP"
            yield Problem(gateway.id, ("Properties",), why)
        elif (address := referred(given["AllocationId"])) and address in taken:
            why = f"{taken[address]} has this address already; expected one of its own"
            yield Problem(gateway.id, ("Properties", "AllocationId"), why)
        taken.setdefault(referred(given.get("AllocationId")), str(gateway.origin))
        made = design.follow(given.get("AllocationId"))
        if made is not None and text(made.properties.get("Domain", "vpc")) != "vpc":
            why = "an address for EC2-Classic, which is no more; expected Domain: vpc"
            yield Problem(made.id, ("Properties", "Domain"), why)
        subnet = referred(given.get("SubnetId"))
        if subnet in inward and not inward[subnet].inward:
            where = design.resolved.resources[subnet].origin
            why = f"{where} has no route to an internet gateway; expected a public subnet"
            yield Problem(gateway.id, ("Properties", "SubnetId"), why)
        if gateway.id not in used:
            why = "no route leads to it; expected an AWS::EC2::Route that names it"
            yield Problem(gateway.id, (), why)


def _routes_lead_somewhere(design: Design) -> Iterator[Problem]:
    seen: dict[tuple[str, str], str] = {}
    attached = {
        referred(a.properties.get("InternetGatewayId")): referred(a.properties.get("VpcId"))
        for a in design.of_type("AWS::EC2::VPCGatewayAttachment")
    }
    for route in design.of_type("AWS::EC2::Route"):
        given = route.properties
        targets = [name for name in TARGETS if name in given]
        if len(targets) != 1:
            said = " and ".join(targets) or "nowhere"
            yield Problem(route.id, ("Properties",), f"leads {said}; expected one target")
        for name in targets:
            kind = design.follow(given[name])
            fitting = {
                "GatewayId": ("InternetGateway", "VPNGateway", "VPCEndpoint"),
                "NatGatewayId": ("NatGateway",),
            }.get(name, ())
            if kind and fitting and not kind.type.endswith(fitting):
                why = f"{kind.origin} is an {kind.type}; expected one of {', '.join(fitting)}"
                yield Problem(route.id, ("Properties", name), why)
        gateway = design.follow(given.get("GatewayId"))
        table = design.follow(given.get("RouteTableId"))
        if gateway and table and gateway.type == "AWS::EC2::InternetGateway":
            vpc = referred(table.properties.get("VpcId"))
            if attached.get(gateway.id) != vpc:
                why = (
                    f"{gateway.origin} is not attached to the VPC of this route; expected an "
                    "AWS::EC2::VPCGatewayAttachment of the two"
                )
                yield Problem(route.id, ("Properties", "GatewayId"), why)
        to = next((spelt(given[name]) for name in DESTINATIONS if name in given), "")
        key = (referred(given.get("RouteTableId")), to)
        if key in seen and to:
            why = f"{seen[key]} leads to {to} in this table already; expected one route"
            yield Problem(route.id, ("Properties",), why)
        seen.setdefault(key, str(route.origin))


def _waits_for_attachment(design: Design) -> Iterator[Problem]:
    attachments = {
        a.id
        for a in design.of_type("AWS::EC2::VPCGatewayAttachment")
        if "InternetGatewayId" in a.properties
    }
    if not attachments:
        return
    for resource in design.of_type("AWS::EC2::Route", "AWS::EC2::EIP"):
        gateway = design.follow(resource.properties.get("GatewayId"))
        by_gateway = bool(gateway and gateway.type == "AWS::EC2::InternetGateway")
        by_nat = text(resource.properties.get("Domain")) == "vpc"
        if (by_gateway or by_nat) and not attachments & waits_for(design, resource.id):
            first = design.resolved.resources[min(attachments)].origin
            beside = first.path == resource.origin.path
            wait = f"DependsOn: {first.logical_id}" if beside else f"it to wait for {first}"
            why = f"may be made before the gateway is attached; expected {wait}"
            yield Problem(resource.id, (), why)


def _subnets_are_routed_once(design: Design) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for association in design.of_type("AWS::EC2::SubnetRouteTableAssociation"):
        named = referred(association.properties.get("SubnetId"))
        if named and named in seen:
            why = f"{seen[named]} gives {named} a route table already; expected one for each"
            yield Problem(association.id, ("Properties", "SubnetId"), why)
        seen.setdefault(named, str(association.origin))
    tables = {
        referred(table.properties.get("VpcId"))
        for table in design.of_type("AWS::EC2::RouteTable")
    } - {""}
    for subnet in design.of_type("AWS::EC2::Subnet"):
        if referred(subnet.properties.get("VpcId")) in tables and subnet.id not in seen:
            why = (
                "has the VPC's own route table, which leads nowhere; expected an "
                "AWS::EC2::SubnetRouteTableAssociation"
            )
            yield Problem(subnet.id, (), why)


def _endpoints(design: Design) -> Iterator[Problem]:
    for endpoint in design.of_type("AWS::EC2::VPCEndpoint"):
        given = endpoint.properties
        kind = text(given.get("VpcEndpointType", "Gateway"))
        service, path = text(given.get("ServiceName")), ("Properties", "ServiceName")
        if service and design.region and ".vpce." not in service:
            name = service.rpartition(".")[2]
            if f".{design.region}." not in service:
                why = f"{service} is not of {design.region}; expected a service of its own"
                yield Problem(endpoint.id, path, why)
            elif kind == "Gateway" and name not in ("s3", "dynamodb"):
                why = f"{name} has no gateway endpoint; expected s3, dynamodb, or Interface"
                yield Problem(endpoint.id, path, why)
        needed = "RouteTableIds" if kind == "Gateway" else "SubnetIds"
        if kind in ("Gateway", "Interface") and not given.get(needed):
            why = f"nobody's way leads by it; an endpoint of type {kind} needs {needed}"
            yield Problem(endpoint.id, ("Properties",), why)
        if kind == "Interface" and given.get("RouteTableIds"):
            why = "an endpoint of type Interface has no routes; expected SubnetIds, or Gateway"
            yield Problem(endpoint.id, ("Properties", "RouteTableIds"), why)


ENDPOINT = """
Endpoint:
  Type: AWS::EC2::VPCEndpoint
  Properties: {VpcId: vpc-1, ServiceName: com.amazonaws.us-east-1.s3, RouteTableIds: [rtb-1]}
"""


RULES: tuple[Rule, ...] = (
    Rule(
        "LC1709",
        "error",
        "A NAT gateway has an address of its own, in a public subnet, and a route to it",
        "Without an address EC2 refuses it; in a private subnet it reaches nobody; without a "
        "route nobody goes by it, and it is paid for all the same.",
        NAT,
        _nat_gateways,
        good=(PRIVATE,),
        bad=(
            PRIVATE.replace("AllocationId: !GetAtt Address.AllocationId, ", ""),
            PRIVATE.replace("SubnetId: !Ref Public}", "SubnetId: !Ref Private}", 1).replace(
                "AllocationId, SubnetId: !Ref Public}", "AllocationId, SubnetId: !Ref Private}"
            ),
            PRIVATE.replace("NatGatewayId: !Ref Nat", "NatGatewayId: nat-1"),
            PRIVATE.replace("{Domain: vpc}", "{Domain: standard}"),
            PRIVATE
            + """
Second:
  Type: AWS::EC2::NatGateway
  Properties: {AllocationId: !GetAtt Address.AllocationId, SubnetId: !Ref Public}
SecondOut:
  Type: AWS::EC2::Route
  Properties: {RouteTableId: r, DestinationCidrBlock: 0.0.0.0/0, NatGatewayId: !Ref Second}
""",
        ),
    ),
    Rule(
        "LC1710",
        "error",
        "A route has one target, of the right kind, attached, and no rival",
        "EC2 refuses a route without a target, with two, or to a gateway that isn't attached "
        "to the VPC; and the second route of a table to the same place.",
        ROUTES,
        _routes_lead_somewhere,
        good=(PRIVATE,),
        bad=(
            PUBLIC.replace("    GatewayId: !Ref Gateway\n", ""),
            PRIVATE.replace("NatGatewayId: !Ref Nat", "GatewayId: !Ref Nat"),
            PRIVATE.replace(
                "NatGatewayId: !Ref Nat", "NatGatewayId: !Ref Nat\n    GatewayId: !Ref Gateway"
            ),
            PUBLIC.replace("InternetGatewayId: !Ref Gateway", "InternetGatewayId: igw-1"),
            PRIVATE.replace(
                "RouteTableId: !Ref PrivateRoutes\n    D",
                "RouteTableId: !Ref PublicRoutes\n    D",
            ),
        ),
    ),
    Rule(
        "LC1711",
        "error",
        "Routes and addresses wait until the internet gateway is attached",
        "They mention the gateway, or nothing at all, and so may be made before it is attached "
        "to the VPC: EC2 then refuses them, some of the time.",
        ATTACHMENT,
        _waits_for_attachment,
        good=(PRIVATE,),
        bad=(
            PRIVATE.replace("  DependsOn: Attachment\n", "", 1),
            PRIVATE.replace("DependsOn: Attachment, ", ""),
        ),
    ),
    Rule(
        "LC1712",
        "error",
        "A subnet has one route table",
        "EC2 refuses a second association of a subnet (Resource.AlreadyAssociated). One "
        "without takes the VPC's own table, where none of our routes are: it leads nowhere.",
        ROUTES,
        _subnets_are_routed_once,
        good=(PRIVATE,),
        bad=(
            PUBLIC.replace("SubnetId: !Ref Public,", "SubnetId: subnet-1,"),
            PUBLIC
            + """
Again:
  Type: AWS::EC2::SubnetRouteTableAssociation
  Properties: {SubnetId: !Ref Public, RouteTableId: rtb-1}
""",
        ),
    ),
    Rule(
        "LC1716",
        "error",
        "An endpoint is of this region's, of a kind its service has, and on somebody's way",
        "EC2 refuses an endpoint of another region or kind; one without routes or subnets is "
        "made, and used by nobody.",
        ENDPOINTS,
        _endpoints,
        good=(
            ENDPOINT,
            ENDPOINT.replace(".s3", ".ecr.api").replace(
                "RouteTableIds: [rtb-1]", "VpcEndpointType: Interface, SubnetIds: [subnet-1]"
            ),
        ),
        bad=(
            ENDPOINT.replace("us-east-1", "eu-west-1"),
            ENDPOINT.replace(".s3", ".sqs"),
            ENDPOINT.replace(", RouteTableIds: [rtb-1]", ""),
            ENDPOINT.replace("RouteTableIds", "VpcEndpointType: Interface, RouteTableIds"),
        ),
    ),
)
