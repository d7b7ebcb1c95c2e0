"""An operation on a stack set: it goes on by itself, region by region, and can be stopped.

Stacks are made, changed and deleted with the same actions as anybody's, in their own account.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-concepts.html
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from ministack.core import iam_evaluator, responses
from ministack.services import cloudformation, iam
from ministack.services.cloudformation import handlers, helpers

from .asking import Answer, ask, checked, request, text

Set = dict[str, Any]
Query = dict[str, Any]
Work = Callable[[Set, Set, str], Awaitable[None]]
GOING = ("RUNNING", "STOPPING", "QUEUED")
COUNTS = (
    *("FailureToleranceCount", "FailureTolerancePercentage"),
    *("MaxConcurrentCount", "MaxConcurrentPercentage"),
)
OWN = "stackset:"  # a set's template, by its id, where a stack's TemplateURL stands


class RefusedError(Exception):
    """What is asked can't be: AWS's code, message and HTTP status."""


def one_of(query: Query, name: str, default: str = "") -> str:
    return str(helpers._p(query, name, default))


def many_of(query: Query, name: str) -> list[str]:
    found: list[str] = helpers._extract_string_members(query, name)
    return found


def begin(one: Set, query: Query, action: str, targets: list[str], work: Work) -> Set:
    """Start an operation; the same one again, where its id was sent before."""
    number = one_of(query, "OperationId") or responses.new_uuid()
    if there := one["Operations"].get(number):
        if there["Action"] == action and there["Targets"] == targets:
            return {"OperationId": number}
        why = f"The specified operation ID already exists: {number}"
        raise RefusedError("OperationIdAlreadyExistsException", why, 409)
    before = [o["OperationId"] for o in one["Operations"].values() if o["Status"] in GOING]
    if before and not one["ManagedExecution"]["Active"]:
        why = f"Another Operation on StackSet {one['StackSetId']} is in progress: {before[0]}"
        raise RefusedError("OperationInProgressException", why, 409)
    where = "OperationPreferences"
    preferences: Set = {key: int(v) for key in COUNTS if (v := one_of(query, f"{where}.{key}"))}
    for count, percentage in zip(COUNTS[::2], COUNTS[1::2], strict=True):
        if count in preferences and percentage in preferences:
            why = f"Only one of {count} and {percentage} can be specified"
            raise RefusedError("ValidationError", why, 400)
    for key in ("RegionConcurrencyType", "ConcurrencyMode"):
        preferences |= {key: v} if (v := one_of(query, f"{where}.{key}")) else {}
    preferences["RegionOrder"] = many_of(query, f"{where}.RegionOrder")
    operation = {
        "OperationId": number,
        "Action": action,
        "Status": "QUEUED" if before else "RUNNING",
        "Targets": targets,
        "Preferences": preferences,
        "Retain": one_of(query, "RetainStacks") == "true",
        "Began": responses.now_iso(),
        "Ended": None,
        "Results": {target: ["PENDING", None] for target in targets},
    }
    one["Operations"][number] = operation
    for target in targets:
        if target in one["Instances"]:
            one["Instances"][target] |= {"Detailed": "PENDING", "LastOperationId": number}
    asyncio.get_running_loop().create_task(_run(one, operation, work, before))
    return {"OperationId": number}


async def _run(one: Set, operation: Set, work: Work, before: list[str]) -> None:
    for number in before:
        while one["Operations"][number]["Status"] in GOING:  # noqa: ASYNC110 - as simple as it gets
            await asyncio.sleep(0.002)
    operation["Status"] = operation["Status"].replace("QUEUED", "RUNNING")
    there = list(dict.fromkeys(target.split("/")[1] for target in operation["Targets"]))
    order = [r for r in operation["Preferences"]["RegionOrder"] if r in there]
    regions = [*order, *(region for region in there if region not in order)]
    if operation["Preferences"].get("RegionConcurrencyType") == "PARALLEL":
        good = all(await asyncio.gather(*(_region(one, operation, r, work) for r in regions)))
    else:
        good = True
        for region in regions:
            good = good and await _region(one, operation, region, work)
    why = {True: "Cancelled as the operation was stopped", False: "Cancelled since failure "
           "tolerance has exceeded"}[operation["Status"] == "STOPPING"]  # fmt: skip
    for target, result in operation["Results"].items():
        if result[0] == "PENDING":
            operation["Results"][target] = ["CANCELLED", why]
            if target in one["Instances"]:
                one["Instances"][target] |= {"Detailed": "CANCELLED", "Reason": why}
    stopped = operation["Status"] == "STOPPING"
    operation["Ended"] = responses.now_iso()
    operation["Status"] = "STOPPED" if stopped else "SUCCEEDED" if good else "FAILED"


async def _region(one: Set, operation: Set, region: str, work: Work) -> bool:
    """Work through a region's accounts; tells whether no more failed than may."""
    waiting = [t for t in operation["Targets"] if t.endswith(f"/{region}")]
    asked, accounts = operation["Preferences"], len(waiting)

    def count(name: str, default: int) -> int:
        percentage = asked.get(f"{name}Percentage")
        return int(
            asked.get(
                f"{name}Count", default if percentage is None else accounts * percentage // 100
            )
        )

    tolerance, most = count("FailureTolerance", 0), max(1, count("MaxConcurrent", 1))
    strict = asked.get("ConcurrencyMode") != "SOFT_FAILURE_TOLERANCE"
    running: set[asyncio.Task[bool]] = set()
    failed = 0
    while True:
        room = min(most, tolerance + 1 - failed) if strict else most
        while waiting and len(running) < room and failed <= tolerance:
            if operation["Status"] == "STOPPING":
                break
            running.add(asyncio.ensure_future(_target(one, operation, waiting.pop(0), work)))
        if not running:
            return failed <= tolerance
        done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        failed += sum(not task.result() for task in done)


async def _target(one: Set, operation: Set, target: str, work: Work) -> bool:
    account, region = target.split("/")
    instance = one["Instances"].get(target, {})
    operation["Results"][target] = ["RUNNING", None]
    instance |= {"Detailed": "RUNNING"}
    try:
        if not (operation["Retain"] and operation["Action"] == "DELETE"):
            _may(one, account)
        with responses.request_scope(account, region):
            await work(one, operation, target)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this target's failure
        operation["Results"][target] = ["FAILED", str(error)]
        instance |= {"Detailed": "FAILED", "Reason": str(error)}
        if operation["Action"] == "DELETE":
            instance |= {"Status": "INOPERABLE", "Detailed": "INOPERABLE"}
        elif operation["Action"] != "DETECT_DRIFT" and instance.get("Status") == "CURRENT":
            instance["Status"] = "OUTDATED"
        return False
    operation["Results"][target] = ["SUCCEEDED", None]
    instance |= {"Detailed": "SUCCEEDED", "Reason": None}
    return True


def _may(one: Set, account: str) -> None:
    """Whether a set's administrator may act in an account, by the roles in both."""
    if one["PermissionModel"] == "SERVICE_MANAGED":
        return
    arn, name = one["AdministrationRoleARN"], one["ExecutionRoleName"]
    home = iam._roles.get_scoped(one["Home"][0], None, arn.rpartition("/")[2])
    role = iam._roles.get_scoped(account, None, name)
    trust = (role or {}).get("AssumeRolePolicyDocument", "{}")
    if home is None or not iam_evaluator.evaluate_trust_policy(trust, arn):
        raise ValueError(
            f"Account {account} should have '{name}' role with trust relationship to Role "
            f"'{arn.rpartition('/')[2]}'."
        )


async def make(one: Set, _operation: Set, target: str) -> None:
    """Make or change one stack, and say of its instance how that went."""
    instance = one["Instances"][target]
    if instance["Status"] == "INOPERABLE":
        raise ValueError("Stack instance is INOPERABLE")
    instance["Status"] = "OUTDATED"
    name = instance["Name"]
    values = one["Parameters"] | instance["Overrides"]
    tags = [{"Key": k, "Value": v} for k, v in one["Tags"].items()]
    query = request(name, f"{OWN}{one['StackSetId']}", values, tags, one["Capabilities"])
    stack = cloudformation._stacks.get(name)
    if stack and stack["StackStatus"] in (
        "ROLLBACK_COMPLETE",
        "CREATE_FAILED",
        "ROLLBACK_FAILED",
    ):
        await _drop(name)
        stack = None
    there = bool(stack) and stack["StackStatus"] != "DELETE_COMPLETE"
    try:
        status = await _done(handlers._update_stack if there else handlers._create_stack, query)
    except ValueError as error:
        if "No updates are to be performed" not in str(error):
            raise
        instance["Status"] = "CURRENT"
        return
    stack = cloudformation._stacks[name]
    instance["StackId"] = stack["StackId"]
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        failed = stack.get("StackStatusReason") or status
        raise ValueError(f"ResourceLogicalId:{name}, ResourceStatusReason:{failed}")
    instance["Status"] = "CURRENT"


async def join(one: Set, _operation: Set, target: str) -> None:
    """Take in a stack that is as the set is; what differs in its values is its own."""
    instance = one["Instances"][target]
    stack = cloudformation._stacks[instance["Name"]]
    if stack["_template_body"] != one["TemplateBody"]:
        one["Instances"].pop(target)
        raise ValueError(f"The template of {stack['StackId']} is not that of the stack set")
    usual = {k: v.get("Default") for k, v in stack["_template"].get("Parameters", {}).items()}
    values = {p["ParameterKey"]: p["ParameterValue"] for p in stack["Parameters"]}
    usual |= one["Parameters"]
    instance["Overrides"] = {k: v for k, v in values.items() if str(usual.get(k)) != v}
    instance["Status"] = "CURRENT"


async def unmake(one: Set, operation: Set, target: str) -> None:
    if not operation["Retain"]:
        await _drop(one["Instances"][target]["Name"])
    one["Instances"].pop(target)


async def _drop(name: str) -> None:
    stack = cloudformation._stacks.get(name)
    if not stack or stack["StackStatus"] == "DELETE_COMPLETE":
        return
    if await _done(handlers._delete_stack, {"StackName": [name]}) != "DELETE_COMPLETE":
        raise ValueError(f"Stack {name} is in {stack['StackStatus']}")


async def compare(one: Set, _operation: Set, target: str) -> None:
    """Compare one stack with what it was made as; stacks nested in it are not looked into."""
    instance = one["Instances"][target]
    answer = ask(handlers._detect_stack_drift, StackName=instance["Name"])
    number = text(answer, "StackDriftDetectionId")
    asked = {"StackDriftDetectionId": number}
    found = ask(handlers._describe_stack_drift_detection_status, **asked)
    while text(found, "DetectionStatus") == "DETECTION_IN_PROGRESS":
        await asyncio.sleep(0.002)
        found = ask(handlers._describe_stack_drift_detection_status, **asked)
    instance["Drift"] = text(found, "StackDriftStatus") or "UNKNOWN"
    instance["DriftChecked"] = responses.now_iso()


async def _done(action: Callable[[Query], Answer], query: Query) -> str:
    """Do something to a stack, and wait for it to come to rest."""
    name = query["StackName"][0]

    def events() -> int:
        stack = cloudformation._stacks.get(name, {})
        return len(cloudformation._stack_events.get(stack.get("StackId"), ()))

    before = 0 if action is handlers._create_stack else events()
    checked(action(query))
    while True:
        status: str = cloudformation._stacks[name]["StackStatus"]
        if events() > before and status.endswith(("_COMPLETE", "_FAILED")):
            return status
        await asyncio.sleep(0.002)
