"""An operation on a stack set: it goes on by itself, region by region, and can be stopped.

Stacks are made, changed and deleted with the same actions as anybody's, in their own account.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-concepts.html
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from ministack.core import iam_evaluator, responses
from ministack.services import iam
from ministack.services.cloudformation import handlers

from .asking import Stack, ask, checked, request, text
from .nested import child_of, settled

Record = dict[str, Any]
Work = Callable[[Record, Record, str], Awaitable[None]]
GOING = ("RUNNING", "STOPPING", "QUEUED")
OWN = "StackSetTemplate"  # where a request to make a stack has the template of its set


def found(what: str, name: str, held: dict[str, Record]) -> Record:
    if name not in held:
        raise ValueError(f"{what}NotFoundException: {what} {name} not found")
    return held[name]


def begin(one: Record, asked: Record, targets: list[str]) -> Record:
    """Start an operation; the same one again, where its id was sent before."""
    number = asked.get("OperationId") or responses.new_uuid()
    action, work = ACTIONS[asked["Action"]]
    instances = one["_Instances"]
    if there := one["_Operations"].get(number):
        if there["_Request"] == asked:
            return {"OperationId": number}
        raise ValueError(f"OperationIdAlreadyExistsException: {number} already exists")
    before = [each for each in one["_Operations"].values() if each["Status"] in GOING]
    if before and one["ManagedExecution"]["Active"] != "true":
        raise ValueError(f"OperationInProgressException: {before[0]['OperationId']} goes on")
    new = {"StackSetId": one["StackSetId"], "Status": "OUTDATED", "DriftStatus": "NOT_CHECKED"}
    results = {t: dict(zip(("Account", "Region"), t.split("/"), strict=True)) for t in targets}
    for target, where in results.items():
        if action == "CREATE":
            instances.setdefault(target, where | new | {"ParameterOverrides": []})
        found("StackInstance", target, instances)
    operation = one["_Operations"][number] = {
        "OperationId": number,
        "Action": action,
        "Status": "QUEUED" if before else "RUNNING",
        "OperationPreferences": asked.get("OperationPreferences", {}),
        "RetainStacks": asked.get("RetainStacks"),
        "CreationTimestamp": responses.now_iso(),
        "_Request": asked,
        "_Results": results,
    }
    asyncio.get_running_loop().create_task(_run(one, operation, work, before))
    return {"OperationId": number}


def outdate(instances: Iterable[Record]) -> None:
    """Say of instances that they aren't as their set says, until they are made so."""
    for instance in instances:
        if instance["Status"] == "CURRENT":
            instance["Status"] = "OUTDATED"


def _mark(one: Record, operation: Record, target: str, status: str, why: str = "") -> None:
    """Say of a target, and of its instance, how far an operation has come there."""
    told = {"StatusReason": why or None}
    detail = {"StackInstanceStatus": {"DetailedStatus": status}}
    operation["_Results"][target] |= told | {"Status": status}
    one["_Instances"].get(target, {}).update(told | detail)


async def _run(one: Record, operation: Record, work: Work, before: list[Record]) -> None:
    targets, asked = list(operation["_Results"]), operation["OperationPreferences"]
    for target in targets:
        _mark(one, operation, target, "PENDING")
    if operation["Action"] in ("CREATE", "UPDATE"):
        outdate(one["_Instances"][target] for target in targets)
    while any(each["Status"] in GOING for each in before):  # noqa: ASYNC110 - as simple as it gets
        await asyncio.sleep(0.002)
    operation["Status"] = operation["Status"].replace("QUEUED", "RUNNING")
    order = [*(asked.get("RegionOrder") or ()), *(target.split("/")[1] for target in targets)]
    groups = [[t for t in targets if t.endswith(f"/{r}")] for r in dict.fromkeys(order)]
    at_once = asked.get("RegionConcurrencyType") == "PARALLEL"
    good = True
    for turn in [groups] if at_once else [[group] for group in groups]:
        worked = (_region(one, operation, group, work) for group in turn)
        good = good and all(await asyncio.gather(*worked))
    stopped = operation["Status"] == "STOPPING"
    why = "as the operation was stopped" if stopped else "since failure tolerance has exceeded"
    for target, result in operation["_Results"].items():
        if result["Status"] == "PENDING":
            _mark(one, operation, target, "CANCELLED", f"Cancelled {why}")
    operation["EndTimestamp"] = responses.now_iso()
    operation["Status"] = "STOPPED" if stopped else "SUCCEEDED" if good else "FAILED"


async def _region(one: Record, operation: Record, waiting: list[str], work: Work) -> bool:
    """Work through a region's accounts; tells whether no more failed than may."""
    asked, accounts, failed = operation["OperationPreferences"], len(waiting), 0

    def count(name: str, least: int) -> int:
        share = int(asked.get(f"{name}Percentage", 0)) * accounts // 100
        return int(asked.get(f"{name}Count", share or least))

    tolerance, most = count("FailureTolerance", 0), count("MaxConcurrent", 1)
    strict = asked.get("ConcurrencyMode") != "SOFT_FAILURE_TOLERANCE"
    while waiting and failed <= tolerance and operation["Status"] != "STOPPING":
        room = min(most, tolerance + 1 - failed) if strict else most
        some, waiting = waiting[:room], waiting[room:]
        good = await asyncio.gather(*(_target(one, operation, t, work) for t in some))
        failed += good.count(False)
    return failed <= tolerance


async def _target(one: Record, operation: Record, target: str, work: Work) -> bool:
    account, region = target.split("/")
    _mark(one, operation, target, "RUNNING")
    try:
        if operation["RetainStacks"] != "true":
            _may(one, account)
        with responses.request_scope(account, region):
            await work(one, operation, target)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this target's failure
        _mark(one, operation, target, "FAILED", str(error))
        if operation["Action"] == "DELETE":
            detail = {"DetailedStatus": "INOPERABLE"}
            left = {"Status": "INOPERABLE", "StackInstanceStatus": detail}
            one["_Instances"].get(target, {}).update(left)
        return False
    _mark(one, operation, target, "SUCCEEDED")
    return True


def _may(one: Record, account: str) -> None:
    """Whether a set's administrator may act in an account, by the roles in both."""
    if one["PermissionModel"] == "SERVICE_MANAGED":
        return
    arn, name = one["AdministrationRoleARN"], one["ExecutionRoleName"]
    administrator = arn.rpartition("/")[2]
    there = iam._roles.get_scoped(arn.split(":")[4], None, administrator)
    role = iam._roles.get_scoped(account, None, name) or {}
    trust = role.get("AssumeRolePolicyDocument", {})
    if not there or not iam_evaluator.evaluate_trust_policy(trust, arn):
        raise ValueError(
            f"Account {account} should have '{name}' role with trust relationship to Role "
            f"'{administrator}'."
        )


async def make(one: Record, _operation: Record, target: str) -> None:
    """Make or change one stack. One whose creation failed is made anew."""
    instance = one["_Instances"][target]
    stack = child_of(instance.get("StackId", ""))
    if stack["StackStatus"] in ("CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"):
        await _drop(stack)
    there = stack["StackStatus"] != "DELETE_COMPLETE"
    name = stack.get("StackName") or f"StackSet-{one['StackSetName']}-{responses.new_uuid()}"
    given = [*one["Parameters"], *instance["ParameterOverrides"]]
    values = {p["ParameterKey"]: p["ParameterValue"] for p in given}
    asked = request(name, "", values, one["Tags"], one["Capabilities"])
    act = handlers._update_stack if there else handlers._create_stack
    begun = act(asked | {OWN: one["TemplateBody"]})
    if "No updates are to be performed" not in text(begun, "Message"):
        instance["StackId"] = text(checked(begun), "StackId")
        stack = await settled(child_of(instance["StackId"]))
        if (status := stack["StackStatus"]) not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            why = stack["StackStatusReason"] or status
            raise ValueError(f"ResourceLogicalId:{name}, ResourceStatusReason:{why}")
    instance["Status"] = "CURRENT"


async def join(one: Record, _operation: Record, target: str) -> None:
    """Take in a stack that is as the set is; what differs in its values is its own."""
    instance = one["_Instances"][target]
    stack = child_of(instance["StackId"])
    if stack.get("_template_body") != one["TemplateBody"]:
        one["_Instances"].pop(target)
        raise ValueError(f"The template of {instance['StackId']} is not that of the stack set")
    usual = {k: v.get("Default") for k, v in stack["_template"].get("Parameters", {}).items()}
    usual |= {p["ParameterKey"]: p["ParameterValue"] for p in one["Parameters"]}
    values = ((str(usual[p["ParameterKey"]]), p) for p in stack["Parameters"])
    own = [p for value, p in values if p["ParameterValue"] != value]
    instance |= {"ParameterOverrides": own, "Status": "CURRENT"}


async def unmake(one: Record, operation: Record, target: str) -> None:
    if operation["RetainStacks"] != "true":
        await _drop(child_of(one["_Instances"][target].get("StackId", "")))
    one["_Instances"].pop(target)


async def compare(one: Record, _operation: Record, target: str) -> None:
    """Compare one stack with what it was made as; stacks nested in it are not looked into."""
    stack = child_of(one["_Instances"][target]["StackId"])
    ask(handlers._detect_stack_drift, StackName=stack["StackId"])
    one["_Instances"][target]["DriftStatus"] = stack["DriftInformation"]["StackDriftStatus"]


async def _drop(stack: Stack) -> None:
    if stack["StackStatus"] != "DELETE_COMPLETE":
        ask(handlers._delete_stack, StackName=stack["StackId"])
        if (await settled(stack))["StackStatus"] != "DELETE_COMPLETE":
            raise ValueError(f"Stack {stack['StackName']} is in {stack['StackStatus']}")


# By what is asked: what an operation is said to do, and what does it.
ACTIONS: dict[str, tuple[str, Work]] = {
    "CreateStackInstances": ("CREATE", make),
    "ImportStacksToStackSet": ("CREATE", join),
    "UpdateStackInstances": ("UPDATE", make),
    "UpdateStackSet": ("UPDATE", make),
    "DeleteStackInstances": ("DELETE", unmake),
    "DetectStackSetDrift": ("DETECT_DRIFT", compare),
}
