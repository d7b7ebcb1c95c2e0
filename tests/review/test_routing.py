"""What another route means for what stands in a subnet, also in one of several."""

import pytest
from versions import nothing, resource, told

from liberty_cfn.review.findings import Kind


def route(table, **target):
    given = {"RouteTableId": {"Ref": table}, "DestinationCidrBlock": "0.0.0.0/0", **target}
    return resource("EC2::Route", given)


def subnet(**more):
    return resource("EC2::Subnet", {"VpcId": {"Ref": "Vpc"}, **more})


def table_of(name, table):
    given = {"SubnetId": {"Ref": name}, "RouteTableId": {"Ref": table}}
    return resource("EC2::SubnetRouteTableAssociation", given)


def nat(where):
    return resource("EC2::NatGateway", {"SubnetId": {"Ref": where}})


def endpoint(*tables):
    given = {"ServiceName": "com.amazonaws.us-east-1.s3", "RouteTableIds": list(tables)}
    return resource("EC2::VPCEndpoint", given)


def service(*subnets, public="DISABLED"):
    where = {"Subnets": [{"Ref": name} for name in subnets], "AssignPublicIp": public}
    given = {"NetworkConfiguration": {"AwsvpcConfiguration": where}}
    return resource("ECS::Service", given)


GATEWAY, NAT = {"GatewayId": {"Ref": "Igw"}}, {"NatGatewayId": {"Ref": "Nat"}}
BASE = {
    "Vpc": resource("EC2::VPC", {"CidrBlock": "10.0.0.0/16"}),
    "Igw": resource("EC2::InternetGateway"),
    "Outer": subnet(CidrBlock="10.0.0.0/24"),
    "Inner": subnet(CidrBlock="10.0.1.0/24"),
    "Other": subnet(CidrBlock="10.0.2.0/24"),
    **{name: resource("EC2::RouteTable") for name in ("Public", "Private", "Alone")},
    "OuterTable": table_of("Outer", "Public"),
    "InnerTable": table_of("Inner", "Private"),
    "OtherTable": table_of("Other", "Private"),
    "Nat": nat("Outer"),
    "Nat2": nat("Outer"),
    "PublicRoute": route("Public", **GATEWAY),
    "PrivateRoute": route("Private", **NAT),
    "Web": service("Outer", public="ENABLED"),
    "Work": service("Inner", "Other"),
}
BY_GATEWAY, BY_NAT = "through the internet gateway Igw", "through the NAT gateway Nat"
NO_MORE, BREAK = "no way to the internet any more; it was", "open connections break"
ANEW = f"{BREAK}; new ones come from another address"


def among(change, kind):
    return told(BASE, {**BASE, **change}, kind)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"InnerTable": table_of("Inner", "Public")},
            (
                f"Inner: to the internet {BY_GATEWAY}, no longer {BY_NAT}: what has no public "
                "address (Work) finds no way there any more"
            ),
        ),
        ({"InnerTable": table_of("Inner", "Alone")}, f"Inner: {NO_MORE} {BY_NAT} (Work)"),
        ({"OuterTable": table_of("Outer", "Alone")}, f"Outer: {NO_MORE} {BY_GATEWAY} (Web)"),
        # A NAT gateway that finds no way out itself leads nowhere.
        ({"Nat": nat("Inner")}, f"Inner, Other: {NO_MORE} {BY_NAT} (Work)"),
        (
            {"PrivateRoute": route("Private", NatGatewayId={"Ref": "Nat2"})},
            (
                f"Inner, Other: to the internet {BY_NAT}2, no longer {BY_NAT}: {ANEW}, "
                "which others may have to let in"
            ),
        ),
        (
            {"OuterTable": table_of("Outer", "Second"), "Second": resource("EC2::RouteTable")}
            | {"SecondRoute": route("Second", NatGatewayId="nat-elsewhere")},
            (
                "Outer: to the internet through the NAT gateway nat-elsewhere, no longer "
                f"{BY_GATEWAY}: nobody gets in from there any more to what has a public "
                "address (Web)"
            ),
        ),
        (
            {"S3": endpoint({"Ref": "Private"})},
            (
                f"Inner, Other: to S3 through S3, no longer {BY_NAT}: {ANEW}, which policies "
                "may ask for"
            ),
        ),
    ],
)
def test_what_is_sent_another_way_or_none_is_an_interruption(change, text):
    assert text in among(change, Kind.INTERRUPTION)


@pytest.mark.parametrize(("fallback", "said"), [(True, f"to S3 {BY_NAT}"), (False, "no way")])
def test_a_service_without_its_endpoint_is_reached_by_the_route_to_the_internet(fallback, said):
    routes = {} if fallback else {"PrivateRoute": route("Alone", **NAT)}
    before = {**BASE, **routes, "S3": endpoint({"Ref": "Private"})}
    after = {**before, "S3": endpoint({"Ref": "Alone"})}
    (text,) = told(before, after, Kind.INTERRUPTION)
    assert text.startswith(f"Inner, Other: {said}")


@pytest.mark.parametrize(
    ("public", "who"),
    [("ENABLED", "a public address (Work)"), ("DISABLED", "nothing here so far")],
)
def test_a_subnet_that_gets_the_public_table_is_opened(public, who):
    before = {**BASE, "Work": service("Inner", "Other", public=public)}
    (text,) = told(before, {**before, "InnerTable": table_of("Inner", "Public")}, Kind.OPENS)[
        :1
    ]
    assert text.startswith(f"Inner: public now, {BY_GATEWAY}: ")
    assert who in text


def test_a_subnet_whose_hosts_get_public_addresses_is_told_to_when_it_is_opened():
    before = {**BASE, "Inner": subnet(CidrBlock="10.0.1.0/24", MapPublicIpOnLaunch=True)}
    after = {**before, "InnerTable": table_of("Inner", "Public")}
    assert any("what starts there gets one" in text for text in told(before, after, Kind.OPENS))


def test_a_way_where_there_was_none_is_opened():
    before = {**BASE, "InnerTable": table_of("Inner", "Alone")}
    assert f"Inner: a way to the internet, {BY_NAT}" in told(before, BASE, Kind.OPENS)


def test_a_public_subnet_without_anything_public_that_becomes_private_is_closed():
    before = {**BASE, "InnerTable": table_of("Inner", "Public")}
    (text,) = told(before, BASE, Kind.CLOSES)
    assert text.startswith(f"Inner: to the internet {BY_NAT}, no longer {BY_GATEWAY}")


def test_a_route_from_a_table_that_nobody_here_has_is_missed_when_it_goes():
    more = {**BASE, "Gone": route("rtb-elsewhere", **NAT)}
    (text,) = told(more, BASE, Kind.INTERRUPTION)
    assert text == "Gone is removed: what it sent on finds no way"


def test_what_a_table_from_elsewhere_does_is_not_guessed():
    given = {"SubnetId": {"Ref": "Inner"}, "RouteTableId": "rtb-elsewhere"}
    before = {**BASE, "InnerTable": resource("EC2::SubnetRouteTableAssociation", given)}
    assert not [t for t in told(before, BASE, Kind.INTERRUPTION) if t.startswith("Inner")]


def test_another_name_of_a_table_sends_nothing_another_way():
    table = resource("EC2::RouteTable", {"Tags": [{"Key": "Name", "Value": "another"}]})
    assert not among({"Private": table}, Kind.INTERRUPTION)
    assert nothing(BASE, BASE)
