"""Types that ministack doesn't make: addresses, gateways, flow logs, rules, keys, scaling."""

import functools
import json
import re
import secrets
from typing import Any

import ministack.app as gateway
from ministack.core import responses, router
from ministack.services import cloudformation, ec2, iam
from ministack.services.cloudformation import helpers, provisioners

from . import schemas
from .asking import Action, Answer, Made, Properties, Query, ask

Ways = tuple[Action, str, Action]
SERVICE = "application-autoscaling"
TARGET = ("ResourceId", "ScalableDimension", "ServiceNamespace")
# By what is described: the type of resource, and what its id is called.
SCALING = {
    "ScalableTargets": ("AWS::ApplicationAutoScaling::ScalableTarget", "ScalableTargetARN"),
    "ScalingPolicies": ("AWS::ApplicationAutoScaling::ScalingPolicy", "PolicyARN"),
}


def _release(query: Query) -> Answer:
    """Release an address, which its stack knows by itself, and EC2 by its allocation."""
    held = {record["PublicIp"]: name for name, record in ec2._addresses.items()}
    return ec2._release_address({"AllocationId": [held.get(helpers._p(query, "PublicIp"), "")]})


# By type: what makes one, what its id is called in the answer, what deletes it.
KINDS: dict[str, Any] = {
    "AWS::EC2::EIP": (ec2._allocate_address, "publicIp", _release),
    "AWS::EC2::FlowLog": (ec2._create_flow_logs, "item", ec2._delete_flow_logs),
    "AWS::EC2::NatGateway": (
        *(ec2._create_nat_gateway, "natGatewayId", ec2._delete_nat_gateway),
    ),
    "AWS::IAM::AccessKey": (iam._create_access_key, "AccessKeyId", iam._delete_access_key),
    "AWS::IAM::OIDCProvider": (
        *(iam._create_oidc_provider, "OpenIDConnectProviderArn", iam._delete_oidc_provider),
    ),
}
# By type of rule: where its group lists them.
RULES: dict[str, Any] = {
    "AWS::EC2::SecurityGroupIngress": "IpPermissions",
    "AWS::EC2::SecurityGroupEgress": "IpPermissionsEgress",
}


def _capital(name: str) -> str:
    return name[0].upper() + name[1:]


def _make(ways: Ways, _title: str, properties: Properties, _stack: str) -> Made:
    create, tag, _delete = ways
    # What is asked for one is asked for the first of a list, too.
    listed = {f"{name}.1": value for name, value in properties.items()}
    body = ask(create, **properties | listed)[2].decode()
    told = dict(re.findall(r"<(\w+)>([^<]+)</", body))
    ec2._tags[told.get("allocationId", told[tag])] = properties.get("Tags", [])
    attributes = {_capital(name): value for name, value in told.items()}
    return told[tag], attributes | {"Id": told[tag]}


def _drop(ways: Ways, name: str, _properties: Properties) -> None:
    _create, tag, delete = ways
    # Flow logs are named in a list.
    ask(delete, **{_capital(tag): name, "FlowLogId.1": name})


def _make_rule(listed: str, _title: str, properties: Properties, _stack: str) -> Made:
    [rule] = provisioners._ec2_sg_permissions([properties])
    rule["SecurityGroupRuleId"] = name = f"sgr-{secrets.token_hex(8)}"
    ec2._security_groups[properties["GroupId"]][listed].append(rule)
    return name, {"Id": name}


def _drop_rule(listed: str, name: str, properties: Properties) -> None:
    # A group that is gone has taken its rules along.
    group = ec2._security_groups.get(properties["GroupId"], {listed: []})
    group[listed] = [r for r in group[listed] if r.get("SecurityGroupRuleId") != name]


def _scale(title: str, properties: Properties, stack: str) -> Made:
    """All there is of scaling is kept with its stack, and changes and goes with that."""
    target = "|".join(properties.get(key, "") for key in TARGET)
    name = f"{stack}/{title}" if "PolicyName" in properties else target
    return name, {"Id": name, "Arn": name}


async def _scaling(_method: str, _path: str, headers: Any, body: bytes, _query: Any) -> Answer:
    """Targets and policies are what stacks have of them."""
    action, asked = headers["x-amz-target"].rpartition(".Describe")[2], json.loads(body)
    wanted = asked.get("ResourceIds", [asked.get("ResourceId")])
    (kind, called), found = SCALING[action], []
    for stack in cloudformation._stacks.values():
        for title, record in stack["_resources"].items():
            if record["ResourceType"] == kind:
                told = schemas.fitted(kind, title, record["Properties"])
                target = zip(TARGET, told.get("ScalingTargetId", "").split("|"), strict=False)
                found.append(dict(target) | told | {called: record["PhysicalResourceId"]})
    found = [told for told in found if wanted == [None] or told["ResourceId"] in wanted]
    return responses.json_response({action: found})


def add() -> None:
    handlers, partial = provisioners._RESOURCE_HANDLERS, functools.partial
    for kinds, make, drop in ((KINDS, _make, _drop), (RULES, _make_rule, _drop_rule)):
        for kind, ways in kinds.items():
            handlers[kind] = {"create": partial(make, ways), "delete": partial(drop, ways)}
    for kind, _ in SCALING.values():
        alone = {"update": lambda name, *_: (name, {}), "delete": lambda *_: None}
        handlers[kind] = {"create": _scale} | alone
    gateway.SERVICE_HANDLERS[SERVICE] = _scaling
    router.SERVICE_PATTERNS[SERVICE] = {"target_prefixes": ["AnyScaleFrontendService"]}
