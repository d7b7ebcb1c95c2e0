"""Every nested stack compared with what it was deployed as, by CloudFormation."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.errors import FollowError
from liberty_cfn.deploy.patience import Patience, Say, pause, silent
from liberty_cfn.deploy.stack import GONE, NESTED_STACK, Standing, standing
from liberty_cfn.deploy.statuses import Meaning, hindrance, state_of
from liberty_cfn.environments import Environment
from liberty_cfn.side_by_side import side_by_side
from liberty_cfn.stateful import stack_policy
from liberty_cfn.veiling import veiled_text

DELETED = "DELETED"
DIFFERENT = ("MODIFIED", DELETED)
# With what CloudFormation compares of no stack. All other words are no answer.
ALIKE = ("IN_SYNC", "NOT_CHECKED", "UNSUPPORTED")
# CloudFormation throttles those who ask for more at once.
AT_ONCE = 5
# https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DetectStackDrift.html
STANDS = (Meaning.GOOD, Meaning.UNDONE, Meaning.STUCK)
# What AWS changes by itself; drift detection can't tell that from a change made by hand.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/drift-aware-change-sets.html
BY_AWS = {
    ("AWS::ECS::Service", "DesiredCount"): "by scaling, or by hand",
    ("AWS::ElastiCache::CacheCluster", "EngineVersion"): "by an upgrade, or by hand",
    ("AWS::ElastiCache::ReplicationGroup", "EngineVersion"): "by an upgrade, or by hand",
    ("AWS::RDS::DBInstance", "EngineVersion"): "by an upgrade, or by hand",
}


@dataclass(frozen=True)
class Difference:
    """A property that is not as deployed. Values are None if there is none."""

    property: str
    how: str
    expected: str | None
    found: str | None


@dataclass(frozen=True)
class Drift:
    """A resource that is not as deployed: MODIFIED or DELETED."""

    stack: tuple[str, ...]
    resource: str
    type: str
    physical_id: str
    status: str
    differences: tuple[Difference, ...]

    @property
    def place(self) -> tuple[str, ...]:
        return (*self.stack, self.resource)


@dataclass(frozen=True)
class Compared:
    """The outcome: how many stacks, what differs in them, and what could not be compared.

    `checked` are the resources that CloudFormation compared, or tried to; it doesn't know all
    types.
    `unprotected` are the stacks whose policy is not the one that deploying sets.
    """

    stacks: int
    drifts: tuple[Drift, ...] = ()
    unknown: tuple[str, ...] = ()
    checked: frozenset[tuple[str, ...]] = frozenset()
    unprotected: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether everything could be compared, and is as deployed."""
        return not (self.drifts or self.unknown or self.unprotected)

    @property
    def summary(self) -> str:
        number = len(self.drifts)
        return f"{number} {'differs' if number == 1 else 'differ'}, in {self.stacks} stacks"


def refuse_unless_standing(environment: Environment, stack: Mapping[str, Any]) -> None:
    """Refuse to compare a stack that is changing, or whose creation failed.

    Raises:
        DeployError: CloudFormation compares no stack in this state.
    """
    if state_of(stack) not in STANDS:
        but = "only what stands can be compared."
        raise hindrance(stack["StackStatus"], environment, but)


def detect(cloudformation: Any, stack_id: str, name: str, *, say: Say = silent) -> Compared:
    """Compare a stack, and all that are nested in it, with what they were deployed as.

    `name` is the environment's.

    Raises:
        FollowError: the deadline has passed, or the credentials have expired.
    """
    stacks = list(standing(cloudformation, stack_id))
    say(f"Comparing {len(stacks)} stacks with what they were deployed as")
    patience = Patience(stack_id, say, again=f"make drift ENV={name}")
    inside: list[Compared] = []
    compare = partial(_compared, cloudformation, patience)
    for one in side_by_side(compare, stacks, min(AT_ONCE, len(stacks))):
        inside.append(one)
        if len(inside) % AT_ONCE == 0 and len(inside) < len(stacks):
            say(f"{len(inside)} of {len(stacks)} stacks are compared")
    return Compared(
        len(stacks),
        tuple(drift for one in inside for drift in one.drifts),
        tuple(why for one in inside for why in one.unknown),
        frozenset(place for one in inside for place in one.checked),
        tuple(stack for one in inside for stack in one.unprotected),
    )


def _compared(cloudformation: Any, patience: Patience, stack: Standing) -> Compared:
    """Compare one stack, as part of all."""
    if stack.status == GONE:
        [*above, title] = stack.path
        gone = Drift(tuple(above), title, NESTED_STACK, stack.stack_id, DELETED, ())
        return Compared(1, (gone,))
    named = "/".join(stack.path) or "root"
    asked = {"StackName": stack.stack_id}
    ask = partial(patience.insist, cloudformation)
    try:
        begun = ask(lambda: cloudformation.detect_stack_drift(**asked))
        look = partial(
            cloudformation.describe_stack_drift_detection_status,
            StackDriftDetectionId=begun["StackDriftDetectionId"],
        )
        looks = 0
        while (state := ask(look))["DetectionStatus"] == "DETECTION_IN_PROGRESS":
            patience.check()
            pause(cloudformation, looks)
            looks += 1
        results = ask(lambda: list(_results(cloudformation, stack)))
        policy = ask(lambda: cloudformation.get_stack_policy(**asked)).get("StackPolicyBody")
    except FollowError as error:
        # What is refused for one stack may be allowed for others.
        refused = error.__cause__
        if not isinstance(refused, ClientError) or faults.expired(refused):
            raise
        return Compared(1, unknown=(f"{named}: {faults.in_words(refused)}",))
    failed = {
        raw["LogicalResourceId"]: raw.get("DriftStatusReason", raw["StackResourceDriftStatus"])
        for raw in results
        if raw["StackResourceDriftStatus"] not in (*DIFFERENT, *ALIKE)
    }
    over = state["DetectionStatus"] == "DETECTION_COMPLETE"
    reason = state.get("DetectionStatusReason", state["DetectionStatus"])
    if not over:
        failed |= _failures(reason)
    unknown = [f"{'/'.join((*stack.path, title))}: {why}" for title, why in failed.items()]
    if not over and not unknown:
        unknown = [f"{named}: {reason}"]
    return Compared(
        1,
        tuple(_drift(stack.path, raw) for raw in results if _differs(raw)),
        tuple(unknown),
        frozenset(
            (*stack.path, title)
            for title in (*(raw["LogicalResourceId"] for raw in results), *failed)
        ),
        () if policy == stack_policy() else (named,),
    )


def _failures(reason: str) -> dict[str, str]:
    """Return what could not be compared, and why, where a stack's reason names it: as JSON.

    https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/801
    """
    with contextlib.suppress(ValueError, KeyError, TypeError):
        failures = json.loads(reason)["Failures"]
        return {str(one["Resource"]): str(one["FailureReason"]) for one in failures}
    return {}


def _results(cloudformation: Any, stack: Standing) -> Iterator[dict[str, Any]]:
    """Yield the result for each resource that CloudFormation compared, or tried to."""
    more: dict[str, str] = {}
    while True:
        page = cloudformation.describe_stack_resource_drifts(StackName=stack.stack_id, **more)
        yield from page["StackResourceDrifts"]
        if not (token := page.get("NextToken")):
            return
        more = {"NextToken": token}


def _differs(raw: Mapping[str, Any]) -> bool:
    # A nested stack is compared by itself, not as a resource of its parent.
    differs = raw["StackResourceDriftStatus"] in DIFFERENT
    return differs and raw["ResourceType"] != NESTED_STACK


def _drift(path: tuple[str, ...], raw: Mapping[str, Any]) -> Drift:
    return Drift(
        path,
        raw["LogicalResourceId"],
        raw["ResourceType"],
        raw.get("PhysicalResourceId", ""),
        raw["StackResourceDriftStatus"],
        tuple(_difference(one) for one in raw.get("PropertyDifferences", [])),
    )


def _difference(raw: Mapping[str, Any]) -> Difference:
    path, how = raw["PropertyPath"], raw["DifferenceType"]
    # Where there is none, a value is told as null.
    expected, found = (
        None if how == absent else veiled_text(path, raw.get(key, ""))
        for key, absent in (("ExpectedValue", "ADD"), ("ActualValue", "REMOVE"))
    )
    return Difference(path, how, expected, found)


def as_lines(compared: Compared) -> Iterator[str]:
    """Yield what differs, a line for each resource and property, and what isn't known."""
    for drift in compared.drifts:
        where = "/".join(drift.place)
        yield f"{drift.status:<8}  {where}  {drift.type}  {drift.physical_id}"
        for one in drift.differences:
            expected, found = one.expected or "nothing", one.found or "nothing"
            told = f"  {one.property}: expected {expected}, found {found}"
            by = BY_AWS.get((drift.type, one.property.strip("/")))
            yield f"{told} ({by})" if by else told
    for stack in compared.unprotected:
        yield f"{stack}: its stack policy is not the one that keeps what holds data"
    yield from (f"could not be compared: {unknown}" for unknown in compared.unknown)


def as_json(compared: Compared) -> dict[str, Any]:
    """Return the result for programs; stacks are named as in plans and events."""
    return {
        "ok": compared.same,
        "compared": compared.stacks,
        "resources": [
            asdict(one) | {"stack": "/".join(one.stack), "physical_id": one.physical_id or None}
            for one in compared.drifts
        ],
        "not_compared": compared.unknown,
        "unprotected": compared.unprotected,
    }
