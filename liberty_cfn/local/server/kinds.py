# ruff: noqa: SLF001 - ministack has no public names for these
"""Types that ministack doesn't make: addresses, NAT gateways, flow logs, rules, access keys."""

import re
from typing import Any

from ministack.services import ec2, iam
from ministack.services.cloudformation import provisioners

from .asking import Made, Properties, Query, ask, numbered, telling, text, xml

# Where a rule's other end stands in what authorizing it takes.
ENDS = {
    "SourceSecurityGroupId": ("Groups", "GroupId"),
    "DestinationSecurityGroupId": ("Groups", "GroupId"),
    "CidrIp": ("IpRanges", "CidrIp"),
    "CidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
}
UNTOLD = ("LogGroupName", "DeliverLogsPermissionArn")


def _make_address(_title: str, properties: Properties, _stack: str) -> Made:
    answer = ask(ec2._allocate_address, Domain="vpc")
    address, allocation = text(answer, "publicIp"), text(answer, "allocationId")
    ec2._tags[allocation] = list(properties.get("Tags", ()))
    return address, {"AllocationId": allocation, "PublicIp": address}


def _drop_address(address: str, _properties: Properties) -> None:
    for allocation, record in list(ec2._addresses.items()):
        if record["PublicIp"] == address:
            ask(ec2._release_address, AllocationId=allocation)


def _make_gateway(_title: str, properties: Properties, _stack: str) -> Made:
    query = {
        name: properties[name] for name in ("SubnetId", "AllocationId") if name in properties
    }
    for name, known in (("SubnetId", ec2._subnets), ("AllocationId", ec2._addresses)):
        if name in query and query[name] not in known:
            raise ValueError(f"Invalid{name[:-2]}ID.NotFound: there is no {query[name]}")
    gateway = text(ask(ec2._create_nat_gateway, **query), "natGatewayId")
    ec2._tags[gateway] = list(properties.get("Tags", ()))
    return gateway, {"NatGatewayId": gateway}


def _make_flow_log(_title: str, properties: Properties, _stack: str) -> Made:
    query = {name: value for name, value in properties.items() if name != "Tags"}
    query["ResourceId.1"] = query.pop("ResourceId")
    flow_log = text(ask(ec2._create_flow_logs, **query), "item")
    ec2._flow_logs[flow_log] |= {name: properties.get(name) for name in UNTOLD}
    ec2._tags[flow_log] = list(properties.get("Tags", ()))
    return flow_log, {"Id": flow_log}


def _rule(properties: Properties) -> dict[str, Any]:
    """One rule, as authorizing takes it."""
    first, names = "IpPermissions.1", ("IpProtocol", "FromPort", "ToPort")
    query = {f"{first}.{name}": properties[name] for name in names if name in properties}
    for name in ENDS.keys() & properties:
        kind, key = ENDS[name]
        end = {key: properties[name], "Description": properties.get("Description", "")}
        query |= numbered(f"{first}.{kind}", [end])
    return query | {"GroupId": properties["GroupId"]}


def _rules(way: str) -> dict[str, Any]:
    authorize, revoke = (
        ec2._ACTION_MAP[f"{verb}SecurityGroup{way}"] for verb in ("Authorize", "Revoke")
    )

    def make(_title: str, properties: Properties, _stack: str) -> Made:
        rule = text(ask(authorize, **_rule(properties)), "securityGroupRuleId")
        return rule, {"Id": rule}

    def drop(rule: str, properties: Properties) -> None:
        group = properties["GroupId"]
        # A group that is gone has taken its rules along.
        if group in ec2._security_groups:
            ask(revoke, **{"GroupId": group, "SecurityGroupRuleId.1": rule})

    def change(rule: str, old: Properties, new: Properties, _stack: str) -> Made:
        drop(rule, old)
        return make("", new, "")

    return {"create": make, "update": change, "delete": drop}


def _make_key(_title: str, properties: Properties, _stack: str) -> Made:
    answer = ask(iam._create_access_key, UserName=properties["UserName"])
    told = {"SecretAccessKey": text(answer, "SecretAccessKey")}
    return text(answer, "AccessKeyId"), told


def _with_role(found: re.Match[str]) -> str:
    """The group and role of a flow log, which ministack keeps but does not tell."""
    record = ec2._flow_logs[found[1]]
    return found[0] + "".join(xml(n[0].lower() + n[1:], record.get(n)) for n in UNTOLD)


def _of_a_vpc(query: Query) -> Query:
    """The query for endpoints with their ids in place of the VPC, which ministack ignores."""
    vpcs, endpoints = ec2._parse_filters(query).get("vpc-id", ()), ec2._vpc_endpoints
    found = [name for name, endpoint in endpoints.items() if endpoint["VpcId"] in vpcs]
    ids = {f"VpcEndpointId.{n}": [name] for n, name in enumerate(found or ["none"], 1)}
    return query | (ids if vpcs else {})


def add() -> None:
    provisioners._RESOURCE_HANDLERS |= {
        "AWS::EC2::EIP": {"create": _make_address, "delete": _drop_address},
        "AWS::EC2::NatGateway": {
            "create": _make_gateway,
            "delete": lambda gateway, _: ask(ec2._delete_nat_gateway, NatGatewayId=gateway),
        },
        "AWS::EC2::FlowLog": {
            "create": _make_flow_log,
            "delete": lambda log, _: ask(ec2._delete_flow_logs, **{"FlowLogId.1": log}),
        },
        "AWS::EC2::SecurityGroupIngress": _rules("Ingress"),
        "AWS::EC2::SecurityGroupEgress": _rules("Egress"),
        "AWS::IAM::AccessKey": {
            "create": _make_key,
            "delete": lambda key, _: ask(iam._delete_access_key, AccessKeyId=key),
        },
    }
    telling(ec2._ACTION_MAP, "DescribeFlowLogs", "<flowLogId>([^<]*)</flowLogId>", _with_role)
    describe = ec2._ACTION_MAP["DescribeVpcEndpoints"]
    ec2._ACTION_MAP["DescribeVpcEndpoints"] = lambda query: describe(_of_a_vpc(query))
