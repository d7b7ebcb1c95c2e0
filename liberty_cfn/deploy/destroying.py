"""Taking an environment down, but what is kept of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from liberty_cfn.deploy import diagnosis
from liberty_cfn.deploy.change_sets import NESTED_STACK
from liberty_cfn.deploy.deploying import DeployError, find
from liberty_cfn.deploy.following import Event, Follower, follow
from liberty_cfn.deploy.statuses import Meaning, meaning
from liberty_cfn.deploy.targets import Target
from liberty_cfn.environments import Environment

KEPT = {"Retain": "stays", "Snapshot": "leaves a snapshot"}


@dataclass(frozen=True)
class Kept:
    """What a resource leaves behind when its stack is deleted."""

    type: str
    id: str
    policy: str

    @property
    def how(self) -> str:
        """Return what happens to it, in words."""
        return KEPT[self.policy]


def standing(environment: Environment, target: Target) -> tuple[str, list[Kept]] | None:
    """Return the environment's stack id and what deleting it would keep; None if it is gone."""
    cloudformation = target.client("cloudformation")
    stack = find(cloudformation, environment.stack)
    if stack is None or meaning(stack["StackStatus"]) is Meaning.ABSENT:
        return None
    return stack["StackId"], list(_kept(cloudformation, stack["StackId"]))


def destroy(
    environment: Environment,
    target: Target,
    stack_id: str,
    tell: Callable[[list[Event]], object],
) -> None:
    """Delete the environment's stack, and all that its templates don't keep.

    Raises:
        DeployError: something could not be deleted. The message says what and why.
    """
    cloudformation = target.client("cloudformation")
    stack = cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]
    if stack.get("EnableTerminationProtection"):
        raise DeployError(
            f"{environment.stack} is protected from termination. If it really is to go: aws "
            "cloudformation update-termination-protection --no-enable-termination-protection "
            f"--stack-name {environment.stack}"
        )
    follower = Follower(cloudformation, stack_id)
    # Only the id means this stack: a new one may have its name before it is gone.
    cloudformation.delete_stack(StackName=stack_id, ClientRequestToken=f"d-{uuid.uuid4().hex}")
    status, events = follow(cloudformation, stack_id, follower, tell)
    if meaning(status) is not Meaning.ABSENT:
        raise DeployError(
            diagnosis.explain(target.client, environment, stack_id, status, events)
        )


def _kept(cloudformation: Any, stack_id: str) -> Iterator[Kept]:
    template = cloudformation.get_template(StackName=stack_id, TemplateStage="Processed")
    policies = _policies(template["TemplateBody"])
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack_id)
    for resource in (r for page in pages for r in page["StackResourceSummaries"]):
        if "PhysicalResourceId" not in resource:
            continue
        if resource["ResourceType"] == NESTED_STACK:
            yield from _kept(cloudformation, resource["PhysicalResourceId"])
        elif (policy := policies.get(resource["LogicalResourceId"])) in KEPT:
            yield Kept(resource["ResourceType"], resource["PhysicalResourceId"], str(policy))


def _policies(template: Any) -> dict[str, str]:
    """Return the DeletionPolicy of each resource of a deployed template that has one."""
    if isinstance(template, str):
        template = yaml.load(template, Loader=_Plain)  # noqa: S506 - a safe loader
    return {
        title: resource["DeletionPolicy"]
        for title, resource in template["Resources"].items()
        if "DeletionPolicy" in resource
    }


class _Plain(yaml.CSafeLoader):
    """Reads CloudFormation's short functions as their arguments."""


def _argument(loader: yaml.CSafeLoader, _: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return node.value


_Plain.add_multi_constructor("!", _argument)
