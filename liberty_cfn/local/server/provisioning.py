"""Around the making of every resource: delays and failures on demand, and numbers as numbers."""

import json
import os
import time
from typing import Any

import ministack.app as gateway
from ministack.services import cloudformation
from ministack.services.cloudformation import provisioners, stacks

SETTINGS = ("LIBERTY_LOCAL_FAIL", "LIBERTY_LOCAL_DELAY")
NESTED = "AWS::CloudFormation::Stack"
# A Ref to a parameter is text, and ministack hands it on as that.
NUMBERS = {
    "AllocatedStorage", "BackupRetentionPeriod", "ContainerPort", "DaysAfterInitiation",
    "DesiredCount", "EvaluationPeriods", "DatapointsToAlarm", "ExpirationInDays", "FromPort",
    "HealthCheckGracePeriodSeconds", "HealthCheckIntervalSeconds", "HealthCheckTimeoutSeconds",
    "HealthyThresholdCount", "Iops", "MaxAllocatedStorage", "MaxCapacity", "MaximumPercent",
    "MinCapacity", "MinimumHealthyPercent", "NoncurrentDays", "NumCacheClusters",
    "NumCacheNodes", "PasswordLength", "Period", "Port", "RetentionInDays", "ScaleInCooldown",
    "ScaleOutCooldown", "SnapshotRetentionLimit", "StopTimeout", "TargetValue", "Threshold",
    "ToPort", "TransitionInDays", "UnhealthyThresholdCount",
}  # fmt: skip


def numeric(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: numeric(entry, key) for key, entry in value.items()}
    if isinstance(value, list):
        return [numeric(entry, name) for entry in value]
    if name in NUMBERS and isinstance(value, str):
        return float(value) if "." in value else int(value)
    return value


def _tried(kind: str, title: str) -> None:
    for rule in filter(None, os.environ.get("LIBERTY_LOCAL_FAIL", "").split(",")):
        wanted, _, named = rule.strip().partition("/")
        if wanted in (kind, "*") and named in (title, "*", ""):
            raise ValueError(f"LIBERTY_LOCAL_FAIL asks that {kind}/{title} fail")
    _waited(kind)


def _waited(kind: str) -> None:
    if kind != NESTED:
        time.sleep(float(os.environ.get("LIBERTY_LOCAL_DELAY") or 0))


def add() -> None:
    create, update = provisioners._provision_resource, provisioners._update_resource
    delete, tell = provisioners._delete_resource, stacks._add_event

    def provision(kind: str, title: str, properties: Any, stack: str) -> Any:
        _tried(kind, title)
        return create(kind, title, numeric(properties), stack)

    def change(
        kind: str, physical: str, old: Any, new: Any, stack: str, title: str = "", attributes: Any = None
    ) -> Any:
        old, new = numeric(old), numeric(new)
        if old != new:
            _tried(kind, title)
        made, told = update(kind, physical, old, new, stack, title or None, attributes)
        # An update tells only what it touched.
        return made, (attributes or {}) | told if made == physical else told

    def drop(kind: str, *arguments: Any) -> None:
        _waited(kind)
        delete(kind, *arguments)

    def event(stack_id: str, stack: str, title: str, *more: Any, **named: Any) -> None:
        """AWS names the resource in every event, once it has one."""
        kept = cloudformation._stacks.get(stack, {}).get("_resources", {}).get(title)
        if kept and not named.get("physical_id") and len(more) < 4:  # noqa: PLR2004
            named["physical_id"] = kept["PhysicalResourceId"]
        tell(stack_id, stack, title, *more, **named)

    for module in (provisioners, stacks):
        module._provision_resource = provision
        module._update_resource = change
        module._delete_resource = drop
    stacks._add_event = event
    gateway._handle_admin_config_request = configure
    # Off the event loop, which goes on answering while a resource takes its time.
    stacks._runs_on_worker_thread = lambda _kind: True


_configure = gateway._handle_admin_config_request


async def configure(path: str, method: str, body: bytes) -> Any:
    """Ministack's own way to change a setting while it runs, for these two as well."""
    if path == "/_ministack/config" and method == "POST":
        asked = json.loads(body)
        os.environ |= {name: asked[name] for name in SETTINGS if name in asked}
    return await _configure(path, method, body)
