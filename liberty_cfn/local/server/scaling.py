# ruff: noqa: SLF001 - ministack has no public names for these
"""Application Auto Scaling: its targets and policies, kept and described; nothing scales."""

import json
import sys
import time
import uuid
from typing import Any

import ministack.app as gateway
from ministack.core import responses, router
from ministack.services.cloudformation import provisioners

from .asking import Answer, Made, Properties

NAME = "application-autoscaling"
TARGET = ("ServiceNamespace", "ResourceId", "ScalableDimension")

targets = responses.AccountRegionScopedDict()
policies = responses.AccountRegionScopedDict()


async def handle_request(
    _method: str, _path: str, headers: dict[str, str], body: bytes, _query: dict[str, Any]
) -> Answer:
    action = headers.get("x-amz-target", "").rpartition(".")[2]
    if action not in ("DescribeScalableTargets", "DescribeScalingPolicies"):
        refusal = {"__type": "ValidationException", "message": f"{action} is not local AWS's"}
        return 400, {}, json.dumps(refusal).encode()
    name, kept = (
        ("ScalableTargets", targets)
        if action == "DescribeScalableTargets"
        else ("ScalingPolicies", policies)
    )
    asked = json.loads(body)
    wanted = {key: [asked[key]] for key in TARGET if key in asked}
    if asked.get("ResourceIds"):
        wanted["ResourceId"] = asked["ResourceIds"]
    if asked.get("PolicyNames"):
        wanted["PolicyName"] = asked["PolicyNames"]
    found = [
        entry
        for entry in kept.values()
        if all(entry[key] in values for key, values in wanted.items())
    ]
    return (
        200,
        {"Content-Type": "application/x-amz-json-1.1"},
        json.dumps({name: found}).encode(),
    )


def reset() -> None:
    targets.clear()
    policies.clear()


def get_state() -> dict[str, Any]:
    return {"targets": targets, "policies": policies}


def load_persisted_state(data: dict[str, Any]) -> None:
    targets._data.update(data["targets"]._data)
    policies._data.update(data["policies"]._data)


def _register(_title: str, properties: Properties, _stack: str) -> Made:
    target = _id(properties)
    account, region = responses.get_account_id(), responses.get_region()
    role = "aws-service-role/ecs.application-autoscaling.amazonaws.com/"
    role += "AWSServiceRoleForApplicationAutoScaling_ECSService"
    unpaused = dict.fromkeys(
        (
            "DynamicScalingInSuspended",
            "DynamicScalingOutSuspended",
            "ScheduledScalingSuspended",
        ),
        False,
    )
    before = targets.get(target, {})
    targets[target] = {key: properties[key] for key in TARGET} | {
        "MinCapacity": properties["MinCapacity"],
        "MaxCapacity": properties["MaxCapacity"],
        "RoleARN": properties.get("RoleARN", f"arn:aws:iam::{account}:role/{role}"),
        "CreationTime": before.get("CreationTime", time.time()),
        "SuspendedState": properties.get("SuspendedState", unpaused),
        "ScalableTargetARN": before.get("ScalableTargetARN")
        or f"arn:aws:{NAME}:{region}:{account}:scalable-target/{uuid.uuid4().hex}",
    }
    return target, {"Id": target}


def _id(properties: Properties) -> str:
    return "|".join(
        properties[key] for key in ("ResourceId", "ScalableDimension", "ServiceNamespace")
    )


def _put(_title: str, properties: Properties, _stack: str) -> Made:
    target = properties.get("ScalingTargetId") or _id(properties)
    if target not in targets:
        raise ValueError(
            f"ObjectNotFoundException: no scalable target is registered for {target}"
        )
    account, region = responses.get_account_id(), responses.get_region()
    name, kind = properties["PolicyName"], properties["PolicyType"]
    about = {key: targets[target][key] for key in TARGET}
    arn = (
        f"arn:aws:autoscaling:{region}:{account}:scalingPolicy:{uuid.uuid4()}:"
        f"resource/{about['ServiceNamespace']}/{about['ResourceId']}:policyName/{name}"
    )
    policies[arn] = about | {
        "PolicyARN": arn,
        "PolicyName": name,
        "PolicyType": kind,
        "CreationTime": time.time(),
        "Alarms": [],
    }
    for key in ("TargetTrackingScalingPolicyConfiguration", "StepScalingPolicyConfiguration"):
        if key in properties:
            policies[arn][key] = properties[key]
    return arn, {"Arn": arn}


def _change(arn: str, _old: Properties, new: Properties, stack: str) -> Made:
    fresh, _ = _put("", new, stack)
    policies[arn] = policies.pop(fresh) | {"PolicyARN": arn}
    return arn, {"Arn": arn}


def add() -> None:
    handlers = provisioners._RESOURCE_HANDLERS
    handlers["AWS::ApplicationAutoScaling::ScalableTarget"] = {
        "create": _register,
        "update": lambda _target, _old, new, stack: _register("", new, stack),
        "delete": lambda target, _properties: targets.pop(target, None),
    }
    handlers["AWS::ApplicationAutoScaling::ScalingPolicy"] = {
        "create": _put,
        "update": _change,
        "delete": lambda arn, _properties: policies.pop(arn, None),
    }
    gateway.SERVICE_REGISTRY[NAME] = {"module": NAME}
    gateway.SERVICE_HANDLERS[NAME] = handle_request
    gateway._state_map[NAME] = NAME
    gateway._loaded_modules[NAME] = sys.modules[__name__]
    router.SERVICE_PATTERNS[NAME] = {"target_prefixes": ["AnyScaleFrontendService"]}
