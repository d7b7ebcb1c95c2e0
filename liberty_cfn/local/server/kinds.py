"""Types that ministack doesn't make: addresses, NAT gateways, flow logs, rules, access keys."""

import re
import secrets
from typing import Any

from ministack.services import ec2, iam
from ministack.services.cloudformation import helpers, provisioners

from .asking import Action, Answer, Made, Properties, Query, ask


def _release(query: Query) -> Answer:
    """Release an address, which its stack knows by itself, and EC2 by its allocation."""
    held, address = ec2._addresses.items(), helpers._p(query, "PublicIp")
    found = [name for name, record in held if record["PublicIp"] == address]
    answer: Answer = ec2._release_address({"AllocationId": found or [""]})
    return answer


# By type: what makes one, what its id is called in the answer, what deletes it.
KINDS: dict[str, tuple[Action, str, Action]] = {
    "EC2::EIP": (ec2._allocate_address, "publicIp", _release),
    "EC2::NatGateway": (ec2._create_nat_gateway, "natGatewayId", ec2._delete_nat_gateway),
    "EC2::FlowLog": (ec2._create_flow_logs, "item", ec2._delete_flow_logs),
    "IAM::AccessKey": (iam._create_access_key, "AccessKeyId", iam._delete_access_key),
}


def _capital(name: str) -> str:
    return name[0].upper() + name[1:]


def _kind(create: Action, tag: str, delete: Action) -> dict[str, Any]:
    def make(_title: str, properties: Properties, _stack: str) -> Made:
        # What is asked for one is asked for the first of a list, too.
        listed = {f"{name}.1": value for name, value in properties.items()}
        body = ask(create, **properties | listed)[2].decode()
        told = dict(re.findall(r"<(\w+)>([^<]+)</", body))
        ec2._tags[told.get("allocationId", told[tag])] = properties.get("Tags", [])
        attributes = {_capital(name): value for name, value in told.items()}
        return told[tag], attributes | {"Id": told[tag]}

    def drop(name: str, _properties: Properties) -> None:
        # Flow logs are named in a list.
        ask(delete, **{_capital(tag): name, "FlowLogId.1": name})

    return {"create": make, "delete": drop}


def _rules(listed: str) -> dict[str, Any]:
    def make(_title: str, properties: Properties, _stack: str) -> Made:
        [rule] = provisioners._ec2_sg_permissions([properties])
        rule["SecurityGroupRuleId"] = name = f"sgr-{secrets.token_hex(8)}"
        ec2._security_groups[properties["GroupId"]][listed].append(rule)
        return name, {"Id": name}

    def drop(name: str, properties: Properties) -> None:
        # A group that is gone has taken its rules along.
        group = ec2._security_groups.get(properties["GroupId"], {listed: []})
        group[listed] = [r for r in group[listed] if r.get("SecurityGroupRuleId") != name]

    return {"create": make, "delete": drop}


def add() -> None:
    found = {f"AWS::{kind}": _kind(*ways) for kind, ways in KINDS.items()}
    found["AWS::EC2::SecurityGroupIngress"] = _rules("IpPermissions")
    found["AWS::EC2::SecurityGroupEgress"] = _rules("IpPermissionsEgress")
    provisioners._RESOURCE_HANDLERS |= found
