"""Types that ministack doesn't make: addresses, NAT gateways, flow logs, rules, access keys."""

import secrets
from typing import Any

from ministack.services import ec2, iam
from ministack.services.cloudformation import provisioners

from .asking import Action, Made, Properties, Query, ask, text


def _made(create: Action, tag: str, properties: Properties) -> str:
    """Have EC2 make something, with its tags; gives what the answer has as its id."""
    name = text(ask(create, **{k: v for k, v in properties.items() if k != "Tags"}), tag)
    ec2._tags[name] = list(properties.get("Tags", ()))
    return name


def _make_address(_title: str, properties: Properties, _stack: str) -> Made:
    allocation = _made(ec2._allocate_address, "allocationId", properties)
    address = ec2._addresses[allocation]["PublicIp"]
    return address, {"AllocationId": allocation, "PublicIp": address}


def _drop_address(address: str, _properties: Properties) -> None:
    for allocation, record in list(ec2._addresses.items()):
        if record["PublicIp"] == address:
            ask(ec2._release_address, AllocationId=allocation)


def _make_gateway(_title: str, properties: Properties, _stack: str) -> Made:
    gateway = _made(ec2._create_nat_gateway, "natGatewayId", properties)
    return gateway, {"NatGatewayId": gateway}


def _make_flow_log(_title: str, properties: Properties, _stack: str) -> Made:
    of = {"ResourceId.1": properties["ResourceId"]}
    flow_log = _made(ec2._create_flow_logs, "item", properties | of)
    return flow_log, {"Id": flow_log}


def _rules(listed: str) -> dict[str, Any]:
    def make(_title: str, properties: Properties, _stack: str) -> Made:
        [rule] = provisioners._ec2_sg_permissions([properties])
        rule["SecurityGroupRuleId"] = name = f"sgr-{secrets.token_hex(8)}"
        ec2._security_groups[properties["GroupId"]][listed].append(rule)
        return name, {"Id": name}

    def drop(name: str, properties: Properties) -> None:
        # A group that is gone has taken its rules along.
        if group := ec2._security_groups.get(properties["GroupId"]):
            others = [r for r in group[listed] if r.get("SecurityGroupRuleId") != name]
            group[listed] = others

    return {"create": make, "delete": drop}


def _make_key(_title: str, properties: Properties, _stack: str) -> Made:
    answer = ask(iam._create_access_key, UserName=properties["UserName"])
    told = {"SecretAccessKey": text(answer, "SecretAccessKey")}
    return text(answer, "AccessKeyId"), told


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
        "AWS::EC2::SecurityGroupIngress": _rules("IpPermissions"),
        "AWS::EC2::SecurityGroupEgress": _rules("IpPermissionsEgress"),
        "AWS::IAM::AccessKey": {
            "create": _make_key,
            "delete": lambda key, _: ask(iam._delete_access_key, AccessKeyId=key),
        },
    }
    describe = ec2._ACTION_MAP["DescribeVpcEndpoints"]
    ec2._ACTION_MAP["DescribeVpcEndpoints"] = lambda query: describe(_of_a_vpc(query))
