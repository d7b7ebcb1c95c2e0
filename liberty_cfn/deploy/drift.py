"""What was changed by hand: every nested stack compared with what it was deployed as."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from liberty_cfn.deploy.operations import GONE, OperationError, Standing, standing
from liberty_cfn.deploy.patience import Patience, pause, silent
from liberty_cfn.deploy.stack import NESTED_STACK
from liberty_cfn.deploy.statuses import Meaning, state_of, what_next
from liberty_cfn.environments import Environment
from liberty_cfn.veiling import veiled_text

# CloudFormation throttles those who ask for more at once.
AT_ONCE = 5
# https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DetectStackDrift.html
STANDS = (Meaning.GOOD, Meaning.UNDONE, Meaning.STUCK)


@dataclass(frozen=True)
class Difference:
    """A property of a resource that is not as deployed."""

    property: str
    how: str
    expected: str
    actual: str


@dataclass(frozen=True)
class Drift:
    """A resource that is not as deployed: MODIFIED or DELETED."""

    stack: tuple[str, ...]
    resource: str
    type: str
    physical_id: str
    status: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class Compared:
    """The outcome: how many stacks, what differs in them, and what could not be compared."""

    stacks: int
    drifts: tuple[Drift, ...]
    unknown: tuple[str, ...]


def refuse_unless_standing(environment: Environment, stack: Mapping[str, Any]) -> None:
    """Refuse to compare what CloudFormation doesn't compare: what is changing, or never was.

    Raises:
        OperationError: it is in such a state.
    """
    if state_of(stack) not in STANDS:
        status = stack["StackStatus"]
        raise OperationError(
            f"{environment.stack} is in {status}: only what stands can be compared. "
            f"{what_next(status, environment.name)}"
        )


def detect(
    cloudformation: Any,
    stack_id: str,
    name: str,
    *,
    say: Callable[[str], object] = silent,
    pause: Callable[[Any, int], object] = pause,
    clock: Callable[[], float] = time.monotonic,
) -> Compared:
    """Compare a stack, and all that are nested in it, with what they were deployed as.

    `name` is the environment's.

    Raises:
        FollowError: the deadline has passed, or the credentials are over.
    """

    def compared(one: Standing) -> tuple[list[Drift], str]:
        patience = Patience(one.stack_id, say, clock, again=f"liberty-cfn drift {name}")
        return _compare(cloudformation, one, patience, pause)

    stacks = list(standing(cloudformation, stack_id))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(compared, stacks))
    return Compared(
        len(stacks),
        tuple(drift for drifts, _ in found for drift in drifts),
        tuple(unknown for _, unknown in found if unknown),
    )


def _compare(
    cloudformation: Any,
    stack: Standing,
    patience: Patience,
    pause: Callable[[Any, int], object],
) -> tuple[list[Drift], str]:
    def until_answered(question: Callable[[], Any]) -> Any:
        looks = 0
        while (answer := patience.ask(question)) is None:
            pause(cloudformation, looks)
            looks += 1
        return answer

    if stack.status == GONE:
        [*above, title] = stack.path
        gone = Drift(tuple(above), title, NESTED_STACK, stack.stack_id, "DELETED", ())
        return [gone], ""
    asked = {"StackName": stack.stack_id}
    begun = until_answered(lambda: cloudformation.detect_stack_drift(**asked))
    detection = {"StackDriftDetectionId": begun["StackDriftDetectionId"]}
    looks = 0
    while True:
        state = until_answered(
            lambda: cloudformation.describe_stack_drift_detection_status(**detection)
        )
        if state["DetectionStatus"] != "DETECTION_IN_PROGRESS":
            break
        patience.check()
        pause(cloudformation, looks)
        looks += 1
    drifts = until_answered(lambda: list(_drifts(cloudformation, stack)))
    unknown = ""
    if state["DetectionStatus"] == "DETECTION_FAILED":
        why = state.get("DetectionStatusReason", "no reason given")
        unknown = f"{'/'.join(stack.path) or 'root'}: {why}"
    return drifts, unknown


def _drifts(cloudformation: Any, stack: Standing) -> Iterator[Drift]:
    more: dict[str, str] = {}
    while True:
        page = cloudformation.describe_stack_resource_drifts(
            StackName=stack.stack_id,
            StackResourceDriftStatusFilters=["MODIFIED", "DELETED"],
            **more,
        )
        for raw in page["StackResourceDrifts"]:
            # A nested stack is compared by itself, and not as its parent's resource.
            if raw["ResourceType"] != NESTED_STACK:
                yield _drift(stack.path, raw)
        if not (token := page.get("NextToken")):
            return
        more = {"NextToken": token}


def _drift(path: tuple[str, ...], raw: dict[str, Any]) -> Drift:
    return Drift(
        path,
        raw["LogicalResourceId"],
        raw["ResourceType"],
        raw.get("PhysicalResourceId", ""),
        raw["StackResourceDriftStatus"],
        tuple(
            Difference(
                one["PropertyPath"],
                one["DifferenceType"],
                veiled_text(one["PropertyPath"], one.get("ExpectedValue", "")),
                veiled_text(one["PropertyPath"], one.get("ActualValue", "")),
            )
            for one in raw.get("PropertyDifferences", [])
        ),
    )


def as_lines(drifts: Iterable[Drift]) -> Iterator[str]:
    """Return what differs: a line for each resource, and one for each property of it."""
    for drift in drifts:
        where = "/".join((*drift.stack, drift.resource))
        yield f"{drift.status:<8}  {where}  {drift.type}  {drift.physical_id}"
        for one in drift.differences:
            expected, actual = one.expected or "nothing", one.actual or "nothing"
            yield f"  {one.property}: expected {expected}, found {actual}"


def summary(compared: Compared) -> str:
    """Return how much differs, in words."""
    number = len(compared.drifts)
    return f"{number} {'differs' if number == 1 else 'differ'}, in {compared.stacks} stacks"


def as_json(compared: Compared) -> dict[str, Any]:
    """Return what became of comparing, for programs; stacks as plans and events name them."""
    drifts = [asdict(one) | {"stack": "/".join(one.stack)} for one in compared.drifts]
    return {"stacks": compared.stacks, "drifts": drifts, "unknown": compared.unknown}
