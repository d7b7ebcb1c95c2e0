# ruff: noqa: SLF001 - ministack has no public names for these
"""Application Auto Scaling: its targets and policies, kept and described; nothing scales."""

import json
import sys
import uuid
from typing import Any

import ministack.app as gateway
from ministack.core import responses, router
from ministack.services.cloudformation import provisioners

from .asking import Answer, Made, Properties

NAME = "application-autoscaling"
TARGET = ("ResourceId", "ScalableDimension", "ServiceNamespace")

targets = responses.AccountRegionScopedDict()
policies = responses.AccountRegionScopedDict()
kept = {"ScalableTargets": targets, "ScalingPolicies": policies}


async def handle_request(
    _method: str, _path: str, headers: dict[str, str], body: bytes, _query: dict[str, Any]
) -> Answer:
    action = headers.get("x-amz-target", "").rpartition(".Describe")[2]
    if action not in kept:
        refusal = {"__type": "ValidationException", "message": f"{action} is not local AWS's"}
        return 400, {}, json.dumps(refusal).encode()
    asked = json.loads(body)
    wanted = {key: [asked[key]] for key in TARGET if key in asked}
    wanted |= {key[:-1]: asked[key] for key in ("ResourceIds", "PolicyNames") if asked.get(key)}
    found = [
        entry
        for entry in kept[action].values()
        if all(entry[key] in values for key, values in wanted.items())
    ]
    answer = json.dumps({action: found}).encode()
    return 200, {"Content-Type": "application/x-amz-json-1.1"}, answer


def reset() -> None:
    targets.clear()
    policies.clear()


def get_state() -> dict[str, Any]:
    return kept


def load_persisted_state(data: dict[str, Any]) -> None:
    for name, store in kept.items():
        store._data.update(data[name]._data)


def _id(properties: Properties) -> str:
    return "|".join(properties[key] for key in TARGET)


def _register(_title: str, properties: Properties, _stack: str) -> Made:
    target = _id(properties)
    names = (*TARGET, "MinCapacity", "MaxCapacity")
    targets[target] = {key: properties[key] for key in names}
    return target, {"Id": target}


def _put(_title: str, properties: Properties, _stack: str) -> Made:
    target, name = properties.get("ScalingTargetId", ""), properties["PolicyName"]
    target = target or _id(properties)
    if target not in targets:
        raise ValueError(f"ObjectNotFoundException: {target} is no scalable target")
    arn = f"arn:aws:autoscaling:{responses.get_region()}:{responses.get_account_id()}:"
    arn += f"scalingPolicy:{uuid.uuid5(uuid.NAMESPACE_URL, target)}:policyName/{name}"
    told = {key: value for key, value in properties.items() if key != "ScalingTargetId"}
    told |= {key: targets[target][key] for key in TARGET}
    policies[arn] = told | {"PolicyARN": arn}
    return arn, {"Arn": arn}


def add() -> None:
    for kind, make, store in (
        ("ScalableTarget", _register, targets),
        ("ScalingPolicy", _put, policies),
    ):
        provisioners._RESOURCE_HANDLERS[f"AWS::ApplicationAutoScaling::{kind}"] = {
            "create": make,
            # What is put again under its name is the same.
            "update": lambda _id, _old, new, stack, make=make: make("", new, stack),
            "delete": lambda name, _, store=store: store.pop(name, None),
        }
    gateway.SERVICE_REGISTRY[NAME] = {"module": NAME}
    gateway.SERVICE_HANDLERS[NAME] = handle_request
    gateway._state_map[NAME] = NAME
    gateway._loaded_modules[NAME] = sys.modules[__name__]
    router.SERVICE_PATTERNS[NAME] = {"target_prefixes": ["AnyScaleFrontendService"]}
