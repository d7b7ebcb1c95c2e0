import pytest
from review_sets import association, resolved, route, task

from liberty_cfn.review.reach import Flow, opened, reach, reachable, ways

ANYWHERE = "0.0.0.0/0"
ALL = {"IpProtocol": "-1"}


def _tcp(port, **peer):
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **peer}


def _group(inward=(), outward=()):
    properties = {"VpcId": {"Ref": "Vpc"}}
    if inward:
        properties["SecurityGroupIngress"] = list(inward)
    if outward:
        properties["SecurityGroupEgress"] = list(outward)
    return "EC2::SecurityGroup", properties


NETWORK = {
    "Vpc": ("EC2::VPC", {"CidrBlock": "10.0.0.0/16"}),
    "Outer": ("EC2::Subnet", {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.0.1.0/24"}),
    "Inner": ("EC2::Subnet", {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.0.2.0/24"}),
    "OuterTable": ("EC2::RouteTable", {}),
    "InnerTable": ("EC2::RouteTable", {}),
    "OuterRoute": route("OuterTable", GatewayId={"Ref": "Gateway"}),
    "InnerRoute": route("InnerTable", NatGatewayId={"Ref": "Nat"}),
    "OuterPair": association("Outer", "OuterTable"),
    "InnerPair": association("Inner", "InnerTable"),
}
CLOSED = [_tcp(1, CidrIp="127.0.0.1/32")]


def _words(resources, *, of=None):
    found = map(str, reach(resolved(**NETWORK, **resources)))
    return sorted(flow for flow in found if of is None or of in flow)


def test_what_both_sides_let_pass_is_reach():
    assert _words(
        {
            "A": task("AGroup"),
            "B": task("BGroup"),
            "AGroup": _group(outward=[_tcp(8000, DestinationSecurityGroupId="BGroup")]),
            "BGroup": _group([_tcp(8000, SourceSecurityGroupId="AGroup")], CLOSED),
        }
        | {
            "AGroup": _group(
                outward=[
                    _tcp(8000, DestinationSecurityGroupId={"Ref": "BGroup"}),
                    _tcp(9000, DestinationSecurityGroupId={"Ref": "BGroup"}),
                ]
            ),
            "BGroup": _group(
                [
                    _tcp(8000, SourceSecurityGroupId={"Fn::GetAtt": ["AGroup", "GroupId"]}),
                    _tcp(7000, SourceSecurityGroupId={"Fn::GetAtt": ["AGroup", "GroupId"]}),
                ],
                CLOSED,
            ),
        }
    ) == ["A to B: tcp 8000"]


def test_a_group_without_egress_keeps_the_rule_that_aws_gives_it():
    group = {"A": task("AGroup"), "AGroup": _group()}
    assert _words(group) == ["A to internet: all"]


def test_an_egress_resource_does_not_replace_the_rule_that_aws_gives():
    rule = {"GroupId": {"Ref": "AGroup"}, **_tcp(443, CidrIp=ANYWHERE)}
    assert "A to internet: all" in _words(
        {"A": task("AGroup"), "AGroup": _group(), "Rule": ("EC2::SecurityGroupEgress", rule)}
    )


def test_an_inline_egress_rule_replaces_the_one_that_aws_gives():
    rules = [_tcp(443, CidrIp=ANYWHERE)]
    assert _words({"A": task("AGroup"), "AGroup": _group(outward=rules)}) == [
        "A to internet: tcp 443"
    ]


@pytest.mark.parametrize(
    ("subnet", "public", "found"),
    [
        ("Outer", True, ["internet to A: tcp 80"]),
        ("Outer", False, []),
        ("Inner", True, []),
        ("Inner", False, []),
    ],
)
def test_who_is_reached_from_the_internet_has_a_public_address_and_a_route(
    subnet, public, found
):
    place = task("AGroup", subnet, public=public)
    group = _group([_tcp(80, CidrIp=ANYWHERE)], CLOSED)
    assert _words({"A": place, "AGroup": group}) == found


@pytest.mark.parametrize(
    ("kind", "properties", "public"),
    [
        ("ElasticLoadBalancingV2::LoadBalancer", {}, True),
        ("ElasticLoadBalancingV2::LoadBalancer", {"Scheme": "internal"}, False),
        ("RDS::DBInstance", {"PubliclyAccessible": True}, True),
        ("RDS::DBInstance", {"PubliclyAccessible": "false"}, False),
        ("RDS::DBInstance", {}, True),
        ("ElastiCache::CacheCluster", {}, False),
        ("ElastiCache::ReplicationGroup", {}, False),
        ("EC2::Instance", {}, False),
        ("EC2::Instance", {"NetworkInterfaces": [{"AssociatePublicIpAddress": True}]}, True),
    ],
)
def test_each_type_says_in_its_own_way_whether_it_has_a_public_address(
    kind, properties, public
):
    groups = {
        "SecurityGroups": [{"Ref": "AGroup"}],
        "VPCSecurityGroups": [{"Ref": "AGroup"}],
        "VpcSecurityGroupIds": [{"Ref": "AGroup"}],
        "SecurityGroupIds": [{"Ref": "AGroup"}],
    }
    where = {
        "Subnets": [{"Ref": "Outer"}],
        "SubnetId": {"Ref": "Outer"},
        "DBSubnetGroupName": {"Ref": "Group"},
        "CacheSubnetGroupName": {"Ref": "Group"},
    }
    found = _words(
        {
            "A": (kind, {**groups, **where, **properties}),
            "Group": ("RDS::DBSubnetGroup", {"SubnetIds": [{"Ref": "Outer"}]}),
            "AGroup": _group([_tcp(5432, CidrIp=ANYWHERE)], CLOSED),
        }
    )
    assert found == (["internet to A: tcp 5432"] if public else [])


def test_who_has_no_group_has_the_default_one_which_lets_its_members_in():
    nameless = {
        "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": [{"Ref": "Inner"}]}}
    }
    found = _words(
        {"A": ("ECS::Service", nameless), "B": ("ECS::Service", nameless)}, of="to B"
    )
    assert found == ["A to B: all", "B to B: all"]


def test_a_group_that_nobody_has_is_a_place_of_its_own():
    assert _words({"AGroup": _group([_tcp(22, CidrIp=ANYWHERE)], CLOSED)}) == [
        "internet to AGroup: tcp 22"
    ]


def test_a_group_from_elsewhere_may_be_anybodys():
    group = _group([_tcp(22, SourceSecurityGroupId="sg-0123")], CLOSED)
    assert _words({"A": task("AGroup"), "AGroup": group}, of="to A") == ["sg-0123 to A: tcp 22"]


@pytest.mark.parametrize(
    ("cidr", "flow"),
    [
        ("203.0.113.0/24", ["203.0.113.0/24 to A: tcp 22"]),
        ("203.0.113.7/32", ["203.0.113.7/32 to A: tcp 22"]),
        # In the VPC; nobody is known there, but somebody may be.
        ("10.0.1.0/24", ["10.0.1.0/24 to A: tcp 22"]),
        # Private, with no way here from outside.
        ("192.168.0.0/16", []),
        ({"Fn::GetAtt": ["Vpc", "CidrBlock"]}, ["10.0.0.0/16 to A: tcp 22"]),
    ],
)
def test_addresses_are_named_as_the_rule_names_them(cidr, flow):
    place = task("AGroup", "Outer", public=True)
    assert _words({"A": place, "AGroup": _group([_tcp(22, CidrIp=cidr)], CLOSED)}) == flow


def test_private_addresses_outside_come_by_peering():
    properties = {"RouteTableId": {"Ref": "InnerTable"}, "VpcPeeringConnectionId": "pcx-1"}
    peering = ("EC2::Route", {**properties, "DestinationCidrBlock": "192.168.0.0/16"})
    group = _group([_tcp(22, CidrIp="192.168.1.0/24")], CLOSED)
    assert _words({"A": task("AGroup"), "AGroup": group, "Peering": peering}) == [
        "192.168.1.0/24 to A: tcp 22"
    ]


def test_the_most_specific_route_counts():
    properties = {"RouteTableId": {"Ref": "OuterTable"}, "NatGatewayId": {"Ref": "Nat"}}
    narrow = ("EC2::Route", {**properties, "DestinationCidrBlock": "203.0.113.0/24"})
    rules = [_tcp(22, CidrIp="203.0.113.0/24"), _tcp(22, CidrIp="198.51.100.0/24")]
    place = task("AGroup", "Outer", public=True)
    found = _words({"A": place, "AGroup": _group(rules, CLOSED), "Narrow": narrow})
    assert found == ["198.51.100.0/24 to A: tcp 22"]


def test_ipv6_comes_in_without_a_public_address():
    resources = NETWORK | {
        "Outer": (
            "EC2::Subnet",
            {
                "VpcId": {"Ref": "Vpc"},
                "CidrBlock": "10.0.1.0/24",
                "Ipv6CidrBlock": {"Fn::Select": [0, {"Fn::GetAtt": ["Vpc", "Ipv6CidrBlocks"]}]},
            },
        ),
        "Route6": (
            "EC2::Route",
            {
                "RouteTableId": {"Ref": "OuterTable"},
                "DestinationIpv6CidrBlock": "::/0",
                "GatewayId": {"Ref": "Gateway"},
            },
        ),
        "A": task("AGroup", "Outer"),
        "AGroup": _group([_tcp(80, CidrIpv6="::/0")], CLOSED),
    }
    assert sorted(map(str, reach(resolved(**resources)))) == ["internet (IPv6) to A: tcp 80"]


def test_a_prefix_list_is_its_entries_or_a_name():
    entries = {"Entries": [{"Cidr": "198.51.100.0/24"}]}
    rules = [
        _tcp(22, SourcePrefixListId={"Ref": "Offices"}),
        _tcp(80, SourcePrefixListId="pl-3b927c52"),
    ]
    found = _words(
        {
            "A": task("AGroup", "Outer", public=True),
            "AGroup": _group(rules, CLOSED),
            "Offices": ("EC2::PrefixList", entries),
        }
    )
    assert found == ["198.51.100.0/24 to A: tcp 22", "pl-3b927c52 to A: tcp 80"]


def _acl(*entries):
    found = {
        "Acl": ("EC2::NetworkAcl", {"VpcId": {"Ref": "Vpc"}}),
        "AclPair": (
            "EC2::SubnetNetworkAclAssociation",
            {"SubnetId": {"Ref": "Outer"}, "NetworkAclId": {"Ref": "Acl"}},
        ),
    }
    # Their numbers count, not the order they are written in.
    for number, (action, egress, cidr, low, high) in reversed(list(enumerate(entries))):
        found[f"Entry{number}"] = (
            "EC2::NetworkAclEntry",
            {
                "NetworkAclId": {"Ref": "Acl"},
                "RuleNumber": number * 10,
                "RuleAction": action,
                "Egress": egress,
                "Protocol": 6,
                "CidrBlock": cidr,
                "PortRange": {"From": low, "To": high},
            },
        )
    return found


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        (
            [("allow", False, ANYWHERE, 80, 80), ("allow", True, ANYWHERE, 1024, 65535)],
            ["internet to A: tcp 80"],
        ),
        ([("allow", False, ANYWHERE, 80, 80), ("allow", True, ANYWHERE, 80, 80)], []),
        ([("allow", False, ANYWHERE, 80, 80)], []),
        (
            [
                ("deny", False, ANYWHERE, 0, 100),
                ("allow", False, ANYWHERE, 80, 80),
                ("allow", True, ANYWHERE, 0, 65535),
            ],
            [],
        ),
        (
            [
                ("deny", False, "198.51.100.0/24", 0, 65535),
                ("allow", False, ANYWHERE, 80, 80),
                ("allow", True, ANYWHERE, 0, 65535),
            ],
            ["internet to A: tcp 80"],
        ),
    ],
)
def test_a_network_acl_decides_by_its_first_entry_that_fits_and_must_let_answers_out(
    entries, found
):
    place = task("AGroup", "Outer", public=True)
    group = _group([{**ALL, "CidrIp": ANYWHERE}], CLOSED)
    assert _words({"A": place, "AGroup": group, **_acl(*entries)}, of="internet to") == found


def test_a_subnet_is_reached_from_the_internet_by_an_internet_gateway_only():
    found = ways(resolved(**NETWORK))
    assert {t: (sorted(w.inward), sorted(w.outward)) for t, w in found.items()} == {
        "Outer": (["internet gateway"], ["internet gateway"]),
        "Inner": ([], ["NAT gateway"]),
    }


@pytest.mark.parametrize(
    ("nat", "reached"),
    [
        ({"SubnetId": {"Ref": "Outer"}}, True),
        ({"SubnetId": {"Ref": "Inner"}}, False),
        ({}, False),
        ({"SubnetId": "subnet-elsewhere"}, True),
        ({"AvailabilityMode": "regional", "VpcId": {"Ref": "Vpc"}}, True),
        ({"SubnetId": {"Ref": "Outer"}, "ConnectivityType": "private"}, False),
    ],
)
def test_a_nat_gateway_leads_out_from_a_subnet_with_an_internet_gateway(nat, reached):
    rules = [_tcp(443, CidrIp=ANYWHERE)]
    place = {"A": task("AGroup"), "AGroup": _group(outward=rules)}
    found = _words({**place, "Nat": ("EC2::NatGateway", nat)})
    assert found == (["A to internet: tcp 443"] if reached else [])


def test_what_is_newly_open_is_told_and_not_what_a_larger_block_could_do():
    def at(*rules):
        group = _group(rules, CLOSED)
        place = task("AGroup", "Outer", public=True)
        return reachable(resolved(**NETWORK, A=place, AGroup=group))

    wide = at(_tcp(80, CidrIp=ANYWHERE))
    narrow = at(_tcp(80, CidrIp="203.0.113.0/24"), _tcp(22, CidrIp="203.0.113.0/24"))
    assert opened(wide, narrow) == [Flow("203.0.113.0/24", "A", "tcp", "22")]
    assert opened(narrow, wide) == [Flow("internet", "A", "tcp", "80")]
    assert opened(wide, wide) == []
