# ruff: noqa: SLF001 - ministack has no public names for these
"""Addresses, NAT gateways, flow logs, and the rules that stand outside their group."""

import html
import re
from collections.abc import Callable
from typing import Any

from ministack.services import ec2
from ministack.services.cloudformation import provisioners

from .asking import Answer, Made, Properties, ask, tags, text

GATEWAY = ("SubnetId", "AllocationId", "ConnectivityType")
FLOW_LOG = (
    "ResourceId",
    "ResourceType",
    "TrafficType",
    "LogDestinationType",
    "LogDestination",
    "LogGroupName",
    "DeliverLogsPermissionArn",
    "MaxAggregationInterval",
)
ENDS = (
    ("SourceSecurityGroupId", "Groups", "GroupId"),
    ("DestinationSecurityGroupId", "Groups", "GroupId"),
    ("SourcePrefixListId", "PrefixListIds", "PrefixListId"),
    ("DestinationPrefixListId", "PrefixListIds", "PrefixListId"),
    ("CidrIp", "IpRanges", "CidrIp"),
    ("CidrIpv6", "Ipv6Ranges", "CidrIpv6"),
)


def _given(properties: Properties, names: tuple[str, ...]) -> Properties:
    return {name: properties[name] for name in names if properties.get(name) is not None}


def _make_address(_title: str, properties: Properties, _stack: str) -> Made:
    answer = ask(ec2, "AllocateAddress", Domain="vpc", **tags(properties, "elastic-ip"))
    address, allocation = text(answer, "publicIp"), text(answer, "allocationId")
    return address, {"AllocationId": allocation, "PublicIp": address}


def _drop_address(address: str, _properties: Properties) -> None:
    for allocation, record in list(ec2._addresses.items()):
        if record["PublicIp"] == address:
            ask(ec2, "ReleaseAddress", AllocationId=allocation)


def _make_gateway(_title: str, properties: Properties, _stack: str) -> Made:
    allocation, subnet = properties.get("AllocationId"), properties["SubnetId"]
    if allocation and allocation not in ec2._addresses:
        raise ValueError(f"InvalidAllocationID.NotFound: there is no address {allocation}")
    if subnet not in ec2._subnets:
        raise ValueError(f"InvalidSubnetID.NotFound: there is no subnet {subnet}")
    query = _given(properties, GATEWAY) | tags(properties, "natgateway")
    gateway = text(ask(ec2, "CreateNatGateway", **query), "natGatewayId")
    if allocation:
        ec2._addresses[allocation]["AssociationId"] = f"eipassoc-{gateway.removeprefix('nat-')}"
    return gateway, {"NatGatewayId": gateway}


def _drop_gateway(gateway: str, _properties: Properties) -> None:
    ask(ec2, "DeleteNatGateway", NatGatewayId=gateway)


def _make_flow_log(_title: str, properties: Properties, _stack: str) -> Made:
    query = _given(properties, FLOW_LOG)
    query["ResourceId.1"] = query.pop("ResourceId")
    answer = ask(ec2, "CreateFlowLogs", **query, **tags(properties, "vpc-flow-log"))
    flow_log = text(answer, "item")
    ec2._flow_logs[flow_log] |= _given(properties, FLOW_LOG)
    ec2._tags[flow_log] = list(properties.get("Tags") or [])
    return flow_log, {"Id": flow_log}


def _drop_flow_log(flow_log: str, _properties: Properties) -> None:
    ask(ec2, "DeleteFlowLogs", **{"FlowLogId.1": flow_log})


def _rule(properties: Properties) -> dict[str, str]:
    """One rule, as authorizing takes it."""
    first = "IpPermissions.1"
    query = {"GroupId": properties["GroupId"]}
    for name in ("IpProtocol", "FromPort", "ToPort"):
        if name in properties:
            query[f"{first}.{name}"] = str(properties[name])
    for name, kind, key in ENDS:
        if name in properties:
            query[f"{first}.{kind}.1.{key}"] = properties[name]
            query[f"{first}.{kind}.1.Description"] = properties.get("Description", "")
    return query


def _rules(way: str) -> dict[str, Any]:
    def make(_title: str, properties: Properties, _stack: str) -> Made:
        action = f"AuthorizeSecurityGroup{way}"
        answer = ask(ec2, action, **_rule(properties))
        rule = text(answer, "securityGroupRuleId")
        return rule, {"Id": rule}

    def drop(rule: str, properties: Properties) -> None:
        group = properties["GroupId"]
        # A group that is gone has taken its rules along.
        if group in ec2._security_groups:
            which = {"GroupId": group, "SecurityGroupRuleId.1": rule}
            ask(ec2, f"RevokeSecurityGroup{way}", **which)

    def describe(rule: str, old: Properties, new: Properties, _stack: str) -> Made:
        drop(rule, old)
        return make("", new, "")

    return {"create": make, "update": describe, "delete": drop}


def _with_address(answer: Answer) -> Answer:
    """The addresses of NAT gateways, which ministack keeps but does not tell."""

    def told(found: re.Match[str]) -> str:
        allocation = ec2._nat_gateways[found[1]].get("AllocationId")
        record = ec2._addresses.get(allocation)
        address = f"<publicIp>{record['PublicIp']}</publicIp>" if record else ""
        item = f"<item><allocationId>{allocation}</allocationId>{address}</item>"
        return found[0].replace(
            "<natGatewayAddressSet/>",
            f"<natGatewayAddressSet>{item if allocation else ''}</natGatewayAddressSet>",
        )

    one = r"<natGatewayId>([^<]*)</natGatewayId>.*?<natGatewayAddressSet/>"
    body = re.sub(one, told, answer[2].decode(), flags=re.DOTALL)
    return answer[0], answer[1], body.encode()


def _with_role(answer: Answer) -> Answer:
    """The group and role of flow logs, likewise."""

    def told(found: re.Match[str]) -> str:
        record = ec2._flow_logs[found[1]]
        extra = {
            "deliverLogsPermissionArn": record.get("DeliverLogsPermissionArn"),
            "logGroupName": record.get("LogGroupName"),
            "maxAggregationInterval": record.get("MaxAggregationInterval", 600),
            "deliverLogsStatus": "SUCCESS",
        }
        return found[0] + "".join(
            f"<{tag}>{html.escape(str(value))}</{tag}>" for tag, value in extra.items() if value
        )

    body = re.sub(r"<flowLogId>([^<]*)</flowLogId>", told, answer[2].decode())
    return answer[0], answer[1], body.encode()


def _of_a_vpc(query: dict[str, Any]) -> dict[str, Any]:
    """The query for endpoints with their ids in place of the VPC, which ministack ignores."""
    vpcs = ec2._parse_filters(query).get("vpc-id")
    if vpcs is None:
        return query
    endpoints = ec2._vpc_endpoints.items()
    found = [which for which, endpoint in endpoints if endpoint["VpcId"] in vpcs]
    return query | {f"VpcEndpointId.{n}": [i] for n, i in enumerate(found or ["none"], 1)}


def _mended(action: str, mend: Callable[[Answer], Answer]) -> None:
    handle = ec2._ACTION_MAP[action]
    ec2._ACTION_MAP[action] = lambda query: mend(handle(query))


def add() -> None:
    provisioners._RESOURCE_HANDLERS |= {
        "AWS::EC2::EIP": {"create": _make_address, "delete": _drop_address},
        "AWS::EC2::NatGateway": {"create": _make_gateway, "delete": _drop_gateway},
        "AWS::EC2::FlowLog": {"create": _make_flow_log, "delete": _drop_flow_log},
        "AWS::EC2::SecurityGroupIngress": _rules("Ingress"),
        "AWS::EC2::SecurityGroupEgress": _rules("Egress"),
    }
    for kind in ("EIP", "NatGateway", "FlowLog"):
        provisioners._STACK_TAG_PROPERTY[f"AWS::EC2::{kind}"] = ("Tags", "list")
    _mended("DescribeNatGateways", _with_address)
    _mended("DescribeFlowLogs", _with_role)
    describe = ec2._ACTION_MAP["DescribeVpcEndpoints"]
    ec2._ACTION_MAP["DescribeVpcEndpoints"] = lambda query: describe(_of_a_vpc(query))
