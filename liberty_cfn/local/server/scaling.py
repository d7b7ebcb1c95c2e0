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
CAPACITY = ("MinCapacity", "MaxCapacity")
TARGET = ("ServiceNamespace", "ResourceId", "ScalableDimension")

targets = responses.AccountRegionScopedDict()
policies = responses.AccountRegionScopedDict()


async def handle_request(
    _method: str, _path: str, headers: dict[str, str], body: bytes, _query: dict[str, Any]
) -> Answer:
    action = headers.get("x-amz-target", "").rpartition(".")[2]
    known = {"DescribeScalableTargets": targets, "DescribeScalingPolicies": policies}
    if action not in known:
        refusal = {"__type": "ValidationException", "message": f"{action} is not local AWS's"}
        return 400, {}, json.dumps(refusal).encode()
    asked = json.loads(body)
    wanted = {key: [asked[key]] for key in TARGET if key in asked}
    wanted |= {key[:-1]: asked[key] for key in ("ResourceIds", "PolicyNames") if asked.get(key)}
    found = [
        entry
        for entry in known[action].values()
        if all(entry[key] in values for key, values in wanted.items())
    ]
    told = json.dumps({action.removeprefix("Describe"): found}).encode()
    return 200, {"Content-Type": "application/x-amz-json-1.1"}, told


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
    targets[target] = {key: properties[key] for key in (*TARGET, *CAPACITY)}
    targets[target] |= {"RoleARN": properties.get("RoleARN", ""), "CreationTime": time.time()}
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
    about = {key: targets[target][key] for key in TARGET}
    name, kind = properties["PolicyName"], properties["PolicyType"]
    arn = f"arn:aws:autoscaling:{responses.get_region()}:{responses.get_account_id()}:"
    arn += f"scalingPolicy:{uuid.uuid4()}:policyName/{name}"
    told = {"PolicyARN": arn, "PolicyName": name, "PolicyType": kind}
    policies[arn] = about | told | {"CreationTime": time.time()}
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
