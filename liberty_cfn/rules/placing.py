"""Where things are: the zones and routes of the subnets they are put in."""

from __future__ import annotations

from typing import Any

from liberty_cfn.model.resolving import Resource
from liberty_cfn.rules.rule import Design, look, referred, text


def known_subnets(design: Design, given: Any) -> list[Resource] | None:
    """Return the subnets of a list; None if some of them aren't made here."""
    if not isinstance(given, list):
        return None
    found = [design.follow(item) for item in given]
    known = [one for one in found if one is not None and one.type == "AWS::EC2::Subnet"]
    return known if len(known) == len(given) else None


def zones(subnets: list[Resource]) -> int | None:
    """Return in how many zones subnets are; None where AWS chooses the zone."""
    found = [subnet.properties.get("AvailabilityZone") for subnet in subnets]
    if None in found:
        return None
    return len({str(zone) for zone in found})


def default_routes(design: Design, subnets: list[Resource]) -> list[Resource]:
    """Return the routes to everywhere that subnets have by their own tables."""
    own = {subnet.id for subnet in subnets}
    tables = {
        referred(link.properties.get("RouteTableId"))
        for link in design.of_type("AWS::EC2::SubnetRouteTableAssociation")
        if referred(link.properties.get("SubnetId")) in own
    }
    return [
        route
        for route in design.of_type("AWS::EC2::Route")
        if referred(route.properties.get("RouteTableId")) in tables
        and text(route.properties.get("DestinationCidrBlock")) == "0.0.0.0/0"
    ]


def public(design: Design, subnet: Resource) -> bool | None:
    """Whether a subnet has a route to an internet gateway; None if its routes aren't here."""
    tables = [
        referred(link.properties.get("RouteTableId"))
        for link in design.of_type("AWS::EC2::SubnetRouteTableAssociation")
        if referred(link.properties.get("SubnetId")) == subnet.id
    ]
    if not any(table in design.resolved.resources for table in tables):
        return None
    return any(
        look(route.properties, "GatewayId") is not None
        and (gateway := design.follow(route.properties["GatewayId"])) is not None
        and gateway.type == "AWS::EC2::InternetGateway"
        for route in design.of_type("AWS::EC2::Route")
        if referred(route.properties.get("RouteTableId")) in tables
    )
