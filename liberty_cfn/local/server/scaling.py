"""Application Auto Scaling: its targets and policies are what stacks have of them."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import ministack.app as gateway
from ministack.core import responses, router
from ministack.services import cloudformation
from ministack.services.cloudformation import provisioners

from . import schemas
from .asking import Answer, Made, Properties

NAME = "application-autoscaling"
TARGET = ("ResourceId", "ScalableDimension", "ServiceNamespace")
# By what is described: the type of resource, and what its id is called.
KINDS = {
    "ScalableTargets": ("AWS::ApplicationAutoScaling::ScalableTarget", "ScalableTargetARN"),
    "ScalingPolicies": ("AWS::ApplicationAutoScaling::ScalingPolicy", "PolicyARN"),
}


async def handle_request(
    _method: str, _path: str, headers: dict[str, str], body: bytes, _query: dict[str, Any]
) -> Answer:
    action = headers.get("x-amz-target", "").rpartition(".Describe")[2]
    if action not in KINDS:
        refusal = {"__type": "ValidationException", "message": f"{action} is not local AWS's"}
        return 400, {}, json.dumps(refusal).encode()
    asked = json.loads(body)
    wanted = {key: [asked[key]] for key in TARGET if key in asked}
    wanted |= {key[:-1]: asked[key] for key in ("ResourceIds", "PolicyNames") if asked.get(key)}
    found = [
        entry
        for entry in _held(*KINDS[action])
        if all(entry[key] in values for key, values in wanted.items())
    ]
    answer = json.dumps({action: found}).encode()
    return 200, {"Content-Type": "application/x-amz-json-1.1"}, answer


def _held(kind: str, called: str) -> Iterator[Properties]:
    for stack in cloudformation._stacks.values():
        for title, record in stack["_resources"].items():
            if record["ResourceType"] == kind:
                told = schemas.fitted(kind, title, record["Properties"])
                target = zip(TARGET, told.get("ScalingTargetId", "").split("|"), strict=False)
                yield dict(target) | told | {called: record["PhysicalResourceId"]}


def _register(_title: str, properties: Properties, _stack: str) -> Made:
    target = "|".join(properties[key] for key in TARGET)
    return target, {"Id": target}


def _put(_title: str, properties: Properties, stack: str) -> Made:
    name = properties["PolicyName"]
    arn = f"arn:aws:autoscaling:{responses.get_region()}:{responses.get_account_id()}:"
    arn += f"scalingPolicy:{uuid.uuid5(uuid.NAMESPACE_URL, stack)}:policyName/{name}"
    return arn, {"Arn": arn}


def add() -> None:
    handlers = provisioners._RESOURCE_HANDLERS
    for (kind, _), make in zip(KINDS.values(), (_register, _put), strict=True):
        # All there is of it is kept with its stack, and changes and goes with that.
        handlers[kind] = {"create": make, "delete": lambda *_: None}
        handlers[kind]["update"] = lambda name, *_: (name, {})
    gateway.SERVICE_HANDLERS[NAME] = handle_request
    router.SERVICE_PATTERNS[NAME] = {"target_prefixes": ["AnyScaleFrontendService"]}
