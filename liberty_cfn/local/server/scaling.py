"""Application Auto Scaling: its targets and policies are what stacks have of them."""

import json
from collections.abc import Iterator
from typing import Any

import ministack.app as gateway
from ministack.core import router
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
    action, asked = headers["x-amz-target"].rpartition(".Describe")[2], json.loads(body)
    one = [asked["ResourceId"]] if "ResourceId" in asked else []
    wanted = asked.get("ResourceIds", one)
    held = _held(*KINDS[action])
    found = [told for told in held if not wanted or told["ResourceId"] in wanted]
    answer = json.dumps({action: found}).encode()
    return 200, {"Content-Type": "application/x-amz-json-1.1"}, answer


def _held(kind: str, called: str) -> Iterator[Properties]:
    for stack in cloudformation._stacks.values():
        for title, record in stack["_resources"].items():
            if record["ResourceType"] == kind:
                told = schemas.fitted(kind, title, record["Properties"])
                target = zip(TARGET, told.get("ScalingTargetId", "").split("|"), strict=False)
                yield dict(target) | told | {called: record["PhysicalResourceId"]}


def _make(title: str, properties: Properties, stack: str) -> Made:
    target = "|".join(properties.get(key, "") for key in TARGET)
    name = f"{stack}/{title}" if "PolicyName" in properties else target
    return name, {"Id": name, "Arn": name}


def add() -> None:
    for kind, _ in KINDS.values():
        # All there is of it is kept with its stack, and changes and goes with that.
        provisioners._RESOURCE_HANDLERS[kind] = {
            "create": _make,
            "update": lambda name, *_: (name, {}),
            "delete": lambda *_: None,
        }
    gateway.SERVICE_HANDLERS[NAME] = handle_request
    router.SERVICE_PATTERNS[NAME] = {"target_prefixes": ["AnyScaleFrontendService"]}
