"""Networking: the VPC, its subnets, and its ways out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from liberty_cfn.verify import places
from liberty_cfn.verify.facts import Fact, equal, same
from liberty_cfn.verify.places import filters
from liberty_cfn.verify.reading import Aws

ANYWHERE = "0.0.0.0/0"


def vpc(aws: Aws) -> Iterator[Fact]:
    """State what the spec says of the VPC."""
    found = places.vpc(aws)
    yield equal("name", aws.named("liberty-social-vpc"), _name(found))
    yield equal("state", "available", found.get("State"))
    yield equal("addresses", aws.settings["VpcCidr"], found["CidrBlock"])
    for attribute in ("enableDnsSupport", "enableDnsHostnames"):
        asked = {"VpcId": found["VpcId"], "Attribute": attribute}
        answer = aws.read("ec2", "describe_vpc_attribute", **asked)
        value = answer.get(attribute[0].upper() + attribute[1:], {}).get("Value")
        yield equal(attribute, expected=True, found=value)
    yield from _internet_gateway(aws, found["VpcId"])
    yield from _nat_gateways(aws, found["VpcId"])
    yield from _s3_endpoint(aws, found["VpcId"])
    asked = {"Filter": filters(resource_id=found["VpcId"])}
    logs = aws.read("ec2", "describe_flow_logs", **asked).get("FlowLogs", [])
    active = any(log.get("FlowLogStatus") == "ACTIVE" for log in logs)
    yield equal("flow log", aws.flag("FlowLog"), active)


def subnets(aws: Aws) -> Iterator[Fact]:
    """State what the spec says of the four subnets."""
    found = places.subnets(aws)
    for label, ranges in (("public", places.public(aws)), ("private", places.private(aws))):
        zones = {found[each]["AvailabilityZone"] for each in ranges if each in found}
        for cidr in ranges:
            part = f"{label} subnet {cidr}"
            yield equal("addresses", cidr, cidr if cidr in found else None, part=part)
            if cidr in found:
                yield from _subnet(aws, found[cidr], part, public=label == "public")
        if all(cidr in found for cidr in ranges):
            yield equal(f"zones of the {label} subnets", 2, len(zones))


def _subnet(aws: Aws, found: Any, part: str, *, public: bool) -> Iterator[Fact]:
    maps = found.get("MapPublicIpOnLaunch")
    yield equal("gives public addresses", expected=False, found=maps, part=part)
    route = _default_route(aws, found["SubnetId"])
    if public:
        way = "internet gateway" if route.get("GatewayId", "").startswith("igw-") else None
        yield equal("way out", "internet gateway", way or _way(route), part=part)
    else:
        way = "NAT gateway" if route.get("NatGatewayId") else None
        yield equal("way out", "NAT gateway", way or _way(route), part=part)
    if route:
        # A route to a deleted target stays, as a black hole.
        yield equal("state of the way out", "active", route.get("State"), part=part)
    if not public and aws.flag("NatGatewayPerZone") and route.get("NatGatewayId"):
        zone = _zone_of_gateway(aws, found["VpcId"], route["NatGatewayId"])
        yield equal("zone of the NAT gateway", found["AvailabilityZone"], zone, part=part)


def _internet_gateway(aws: Aws, vpc_id: str) -> Iterator[Fact]:
    asked = {"Filters": [{"Name": "attachment.vpc-id", "Values": [vpc_id]}]}
    found = aws.read("ec2", "describe_internet_gateways", **asked)
    yield equal("internet gateways", 1, len(found.get("InternetGateways", [])))


def _nat_gateways(aws: Aws, vpc_id: str) -> Iterator[Fact]:
    found = _gateways(aws, vpc_id)
    yield equal("NAT gateways", 2 if aws.flag("NatGatewayPerZone") else 1, len(found))
    public = places.public(aws)
    for gateway in found:
        yield equal("state of a NAT gateway", "available", gateway.get("State"))
        [cidr] = places.cidrs(aws, [gateway["SubnetId"]])
        expected = cidr if cidr in public else " or ".join(public)
        yield equal("subnet of a NAT gateway", expected, cidr)


def _gateways(aws: Aws, vpc_id: str) -> list[Any]:
    """Return the NAT gateways; a deleted one is listed for another hour."""
    asked = {"Filter": filters(vpc_id=vpc_id)}
    found = aws.read("ec2", "describe_nat_gateways", **asked).get("NatGateways", [])
    return [each for each in found if each.get("State") not in ("deleting", "deleted")]


def _zone_of_gateway(aws: Aws, vpc_id: str, gateway_id: str) -> str | None:
    subnet = {each["NatGatewayId"]: each["SubnetId"] for each in _gateways(aws, vpc_id)}
    zones = {
        each["SubnetId"]: each["AvailabilityZone"] for each in places.subnets(aws).values()
    }
    return zones.get(subnet.get(gateway_id, ""))


def _s3_endpoint(aws: Aws, vpc_id: str) -> Iterator[Fact]:
    # Service names are reversed domains, which start with cn. in China.
    services = [f"{prefix}com.amazonaws.{aws.region}.s3" for prefix in ("", "cn.")]
    answer = aws.read("ec2", "describe_vpc_endpoints", Filters=filters(vpc_id=vpc_id))
    found = [
        endpoint
        for endpoint in answer.get("VpcEndpoints", [])
        # The local AWS lists those of every VPC, whichever is asked for.
        if endpoint["VpcId"] == vpc_id
        and endpoint["ServiceName"] in services
        and endpoint.get("VpcEndpointType") == "Gateway"
        and endpoint.get("State", "").lower() == "available"
    ]
    yield equal("endpoints for S3", 1, len(found))
    if found:
        through = {table for endpoint in found for table in endpoint.get("RouteTableIds", [])}
        reached = [
            cidr
            for cidr, subnet in places.subnets(aws).items()
            if cidr in places.private(aws)
            and _route_table(aws, subnet["SubnetId"]).get("RouteTableId") in through
        ]
        yield same("subnets that reach S3 directly", places.private(aws), reached)


def _default_route(aws: Aws, subnet_id: str) -> Any:
    routes = _route_table(aws, subnet_id).get("Routes", [])
    return next((each for each in routes if each.get("DestinationCidrBlock") == ANYWHERE), {})


def _route_table(aws: Aws, subnet_id: str) -> Any:
    """Return the table a subnet uses: its own, or else the VPC's main one."""
    asked = {"Filters": filters(vpc_id=places.vpc(aws)["VpcId"])}
    main: Any = {}
    for table in aws.read("ec2", "describe_route_tables", **asked).get("RouteTables", []):
        for association in table.get("Associations", []):
            if association.get("SubnetId") == subnet_id:
                return table
            if association.get("Main"):
                main = table
    return main


def _way(route: Any) -> str | None:
    """Return what a route leads to, if that isn't what it should be."""
    known = ("GatewayId", "NatGatewayId", "TransitGatewayId", "NetworkInterfaceId")
    return next((str(route[key]) for key in known if route.get(key)), None)


def _name(found: Any) -> str | None:
    return next((tag["Value"] for tag in found.get("Tags", []) if tag["Key"] == "Name"), None)
