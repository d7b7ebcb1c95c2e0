"""Stack sets: one template's stacks in many accounts and regions, as requests and answers.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStackSet.html
"""

import re
from collections.abc import Callable
from typing import Any

from ministack.core import responses
from ministack.services import cloudformation, organizations, s3
from ministack.services.cloudformation import helpers

from .asking import Answer, checked, xml
from .operating import (
    GOING,
    OWN,
    Query,
    RefusedError,
    Set,
    begin,
    compare,
    join,
    make,
    many_of,
    one_of,
    unmake,
)

ADMINISTRATION = "AWSCloudFormationStackSetAdministrationRole"
EXECUTION = "AWSCloudFormationStackSetExecutionRole"
IMPORTED_AT_ONCE = 10
NAME = re.compile("[a-zA-Z][-a-zA-Z0-9]*")

sets = responses.AccountRegionScopedDict()


def _pairs(query: Query, name: str, before: Set) -> Set | None:
    """What a list of parameters or tags says; None where there is no such list."""
    given = helpers._extract_members(query, name)
    if not given and name not in query:
        return None
    return {
        g["Key"]: before.get(g["Key"]) if g["UsePreviousValue"] else g["Value"] for g in given
    }


def _set(query: Query) -> Set:
    name = one_of(query, "StackSetName")
    found: Set | None = sets.get(name.split(":")[0])
    if found is None or found["Status"] == "DELETED":
        raise RefusedError("StackSetNotFoundException", f"StackSet {name} not found", 404)
    return found


def _create(query: Query) -> Set:
    name, account = one_of(query, "StackSetName"), responses.get_account_id()
    home = responses.get_region()
    if not NAME.fullmatch(name):
        why = (
            f"1 validation error detected: Value '{name}' at 'stackSetName' failed to satisfy "
            f"constraint: Member must satisfy regular expression pattern: {NAME.pattern}"
        )
        raise RefusedError("ValidationError", why, 400)
    there = sets.get(name)
    if there and there["Status"] == "ACTIVE":
        if there["Token"] and there["Token"] == one_of(query, "ClientRequestToken"):
            return {"StackSetId": there["StackSetId"]}
        why = f"The specified stack set name already exists: {name}"
        raise RefusedError("NameAlreadyExistsException", why, 409)
    number = f"{name}:{responses.new_uuid()}"
    made: Set = {
        "StackSetName": name,
        "StackSetId": number,
        "Status": "ACTIVE",
        "TemplateBody": "",
        "Description": None,
        "Parameters": {},
        "Tags": {},
        "Capabilities": [],
        "PermissionModel": one_of(query, "PermissionModel", "SELF_MANAGED"),
        "StackSetARN": f"arn:aws:cloudformation:{home}:{account}:stackset/{number}",
        "AdministrationRoleARN": f"arn:aws:iam::{account}:role/{ADMINISTRATION}",
        "ExecutionRoleName": EXECUTION,
        "AutoDeployment": {"Enabled": False},
        "ManagedExecution": {"Active": False},
        "Token": one_of(query, "ClientRequestToken"),
        "Home": [account, home],
        "Instances": {},
        "Operations": {},
    }
    _take(made, query)
    sets[name] = made
    return {"StackSetId": number}


def _take(one: Set, query: Query) -> None:
    """Take over what a request says of a set; what it leaves out stays."""
    if one_of(query, "UsePreviousTemplate") != "true":
        body, refused = helpers._resolve_template(query)
        checked(refused) if refused else None
        if not body:
            why = "Either Template URL or Template Body must be specified."
            raise RefusedError("ValidationError", why, 400)
        one["TemplateBody"] = body
    nested = "AWS::CloudFormation::Stack" in one["TemplateBody"]
    if nested and one["PermissionModel"] == "SERVICE_MANAGED":
        why = "StackSets with service-managed permissions do not support nested stacks"
        raise RefusedError("ValidationError", why, 400)
    for name in ("Parameters", "Tags"):
        given = _pairs(query, name, one[name])
        one[name] = one[name] if given is None else given
    one["Capabilities"] = many_of(query, "Capabilities") or one["Capabilities"]
    for name in ("AdministrationRoleARN", "ExecutionRoleName", "Description"):
        one[name] = one_of(query, name) or one[name]
    for name, keys in (
        ("AutoDeployment", ("Enabled", "RetainStacksOnAccountRemoval")),
        ("ManagedExecution", ("Active",)),
    ):
        said = {key: one_of(query, f"{name}.{key}") == "true" for key in keys}
        one[name] = said if any(f"{name}.{key}" in query for key in keys) else one[name]


def _targets(one: Set, query: Query) -> list[str]:
    """The instances that a request is about, as ACCOUNT/REGION."""
    where = "DeploymentTargets."
    accounts = many_of(query, "Accounts") or many_of(query, f"{where}Accounts")
    units = many_of(query, f"{where}OrganizationalUnitIds")
    if units:
        found = {
            a["Id"]: _unit(a["_ParentId"], units) for a in organizations._accounts.values()
        }
        inside = {account: unit for account, unit in found.items() if unit}
        chosen = one_of(query, f"{where}AccountFilterType", "NONE")
        kept = {
            "NONE": list(inside),
            "INTERSECTION": [a for a in accounts if a in inside],
            "DIFFERENCE": [a for a in inside if a not in accounts],
            "UNION": [*inside, *(a for a in accounts if a not in inside)],
        }
        accounts = kept[chosen]
        one["Units"] = one.get("Units", {}) | inside
    return [
        f"{account}/{region}" for region in many_of(query, "Regions") for account in accounts
    ]


def _named_targets(one: Set, query: Query) -> list[str]:
    """The instances that a request has to name."""
    if not many_of(query, "Regions"):
        raise RefusedError("ValidationError", "Regions is required", 400)
    return _targets(one, query)


def _create_instances(query: Query) -> Set:
    one = _set(query)
    targets = _named_targets(one, query)
    given = _pairs(query, "ParameterOverrides", {}) or {}
    begun = begin(one, query, "CREATE", targets, make)
    for target in targets:
        there = one["Instances"].setdefault(target, _instance(one, begun["OperationId"]))
        there["Overrides"] |= given
    return begun


def _instance(one: Set, operation: str) -> Set:
    return {
        "Name": f"StackSet-{one['StackSetName']}-{responses.new_uuid()}",
        "StackId": None,
        "Status": "OUTDATED",
        "Detailed": "PENDING",
        "Reason": None,
        "Drift": "NOT_CHECKED",
        "DriftChecked": None,
        "LastOperationId": operation,
        "Overrides": {},
    }


def _import_stacks(query: Query) -> Set:
    """Take in stacks that are there: at most ten, and of no set yet."""
    one, ids = _set(query), many_of(query, "StackIds")
    if not 0 < len(ids) <= IMPORTED_AT_ONCE:
        raise RefusedError("ValidationError", "StackIds has to have 1 to 10 members", 400)
    taken = {i["StackId"] for other in sets._data.values() for i in other["Instances"].values()}
    stacks = {}
    for number in ids:
        _, _, _, region, account, name = number.split(":", 5)
        stack = cloudformation._stacks.get_scoped(account, region, name.split("/")[1]) or {}
        if stack.get("StackId") != number or stack["StackStatus"] == "DELETE_COMPLETE":
            why = f"Stack {number} does not exist"
            raise RefusedError("StackNotFoundException", why, 404)
        stacks[f"{account}/{region}"] = stack
    begun = begin(one, query, "CREATE", list(stacks), join)
    for target, stack in stacks.items():
        if stack["StackId"] in taken and target not in one["Instances"]:
            one["Operations"].pop(begun["OperationId"])
            why = f"Stack {stack['StackId']} belongs to a stack set already"
            raise RefusedError("InvalidOperationException", why, 400)
        there = one["Instances"].setdefault(target, _instance(one, begun["OperationId"]))
        there |= {"Name": stack["StackName"], "StackId": stack["StackId"]}
    return begun


def _unit(parent: str, units: list[str]) -> str:
    """The one of some units that a unit is, or is below of."""
    while parent and parent not in units:
        parent = organizations._ous.get(parent, {}).get("_ParentId", "")
    return parent


def _update_instances(query: Query) -> Set:
    one = _set(query)
    targets = _known(one, _named_targets(one, query))
    begun = begin(one, query, "UPDATE", targets, make)
    for target in targets:
        there = one["Instances"][target]
        given = _pairs(query, "ParameterOverrides", there["Overrides"])
        # Without a list, what was overridden stays so; one that isn't in the list does not.
        there["Overrides"] = there["Overrides"] if given is None else given
    return begun


def _delete_instances(query: Query) -> Set:
    one = _set(query)
    if "RetainStacks" not in query:
        raise RefusedError("ValidationError", "RetainStacks is required", 400)
    there = [t for t in _named_targets(one, query) if t in one["Instances"]]
    return begin(one, query, "DELETE", there, unmake)


def _known(one: Set, targets: list[str]) -> list[str]:
    for target in targets:
        if target not in one["Instances"]:
            why = f"Stack instance {target} not found in {one['StackSetId']}"
            raise RefusedError("StackInstanceNotFoundException", why, 404)
    return targets


def _update(query: Query) -> Set:
    one = _set(query)
    chosen = _targets(one, query)
    targets = _known(one, chosen or list(one["Instances"]))
    begun = begin(one, query, "UPDATE", targets, make)
    before = (one["TemplateBody"], one["Parameters"], one["Tags"])
    _take(one, query)
    # What isn't changed leaves the instances that aren't asked for as they are.
    if before != (one["TemplateBody"], one["Parameters"], one["Tags"]):
        for instance in one["Instances"].values():
            if instance["Status"] == "CURRENT":
                instance["Status"] = "OUTDATED"
    return begun


def _delete(query: Query) -> Set:
    if one := sets.get(one_of(query, "StackSetName").split(":")[0]):
        if one["Instances"] and one["Status"] == "ACTIVE":
            raise RefusedError("StackSetNotEmptyException", "StackSet is not empty", 409)
        one["Status"] = "DELETED"
    return {}


def _detect(query: Query) -> Set:
    one = _set(query)
    one["DriftChecked"] = responses.now_iso()
    return begin(one, query, "DETECT_DRIFT", list(one["Instances"]), compare)


def _stop(query: Query) -> Set:
    operation = _operation(query)
    if operation["Status"] not in GOING:
        why = f"Operation {operation['OperationId']} is not running"
        raise RefusedError("InvalidOperationException", why, 400)
    operation["Status"] = "STOPPING"
    return {}


def _operation(query: Query) -> Set:
    number = one_of(query, "OperationId")
    found: Set | None = _set(query)["Operations"].get(number)
    if found is None:
        raise RefusedError("OperationNotFoundException", f"Operation {number} not found", 404)
    return found


def _described(one: Set) -> Set:
    plain = (
        "StackSetName",
        "StackSetId",
        "Description",
        "Status",
        "TemplateBody",
        "StackSetARN",
    )
    more = ("Capabilities", "AutoDeployment", "PermissionModel", "ManagedExecution")
    drifts = [instance["Drift"] for instance in one["Instances"].values()]
    told = {key: one[key] for key in (*plain, *more)} | {
        "Parameters": _given(one["Parameters"]),
        "Tags": [{"Key": k, "Value": v} for k, v in one["Tags"].items()],
        "Regions": sorted({target.split("/")[1] for target in one["Instances"]}),
        "OrganizationalUnitIds": sorted(set(one.get("Units", {}).values())),
        "StackSetDriftDetectionDetails": {
            "DriftStatus": _drift(drifts),
            "DriftDetectionStatus": "COMPLETED",
            "LastDriftCheckTimestamp": one.get("DriftChecked"),
            "TotalStackInstancesCount": len(drifts),
            "DriftedStackInstancesCount": drifts.count("DRIFTED"),
            "InSyncStackInstancesCount": drifts.count("IN_SYNC"),
        },
    }
    roles = {key: one[key] for key in ("AdministrationRoleARN", "ExecutionRoleName")}
    return told if one["PermissionModel"] == "SERVICE_MANAGED" else told | roles


def _drift(drifts: list[str]) -> str:
    if "DRIFTED" in drifts:
        return "DRIFTED"
    return "IN_SYNC" if "IN_SYNC" in drifts else "NOT_CHECKED"


def _given(values: Set) -> list[Set]:
    return [{"ParameterKey": k, "ParameterValue": v} for k, v in values.items()]


def _told(one: Set, target: str, *, whole: bool = False) -> Set:
    account, region = target.split("/")
    instance = one["Instances"][target]
    overrides = {"ParameterOverrides": _given(instance["Overrides"])} if whole else {}
    return overrides | {
        "StackSetId": one["StackSetId"],
        "Region": region,
        "Account": account,
        "StackId": instance["StackId"],
        "Status": instance["Status"],
        "StatusReason": instance["Reason"],
        "StackInstanceStatus": {"DetailedStatus": instance["Detailed"]},
        "OrganizationalUnitId": one.get("Units", {}).get(account),
        "DriftStatus": instance["Drift"],
        "LastDriftCheckTimestamp": instance["DriftChecked"],
        "LastOperationId": instance["LastOperationId"],
    }


def _summed_up(operation: Set) -> Set:
    states = [state for state, _ in operation["Results"].values()]
    return {
        "OperationId": operation["OperationId"],
        "Action": operation["Action"],
        "Status": operation["Status"],
        "OperationPreferences": operation["Preferences"],
        "CreationTimestamp": operation["Began"],
        "EndTimestamp": operation["Ended"],
        "StatusDetails": {"FailedStackInstancesCount": states.count("FAILED")},
    }


def _told_operation(one: Set, operation: Set) -> Set:
    return _summed_up(operation) | {
        "StackSetId": one["StackSetId"],
        "RetainStacks": operation["Retain"] if operation["Action"] == "DELETE" else None,
        "AdministrationRoleARN": one["AdministrationRoleARN"],
        "ExecutionRoleName": one["ExecutionRoleName"],
    }


def _describe_instance(query: Query) -> Set:
    one = _set(query)
    target = f"{one_of(query, 'StackInstanceAccount')}/{one_of(query, 'StackInstanceRegion')}"
    return {"StackInstance": _told(one, _known(one, [target])[0], whole=True)}


def _list_instances(query: Query) -> list[Set]:
    one, account = _set(query), one_of(query, "StackInstanceAccount")
    found = [_told(one, target) for target in one["Instances"]]
    region = one_of(query, "StackInstanceRegion")
    return [
        instance
        for instance in found
        if account in ("", instance["Account"]) and region in ("", instance["Region"])
    ]


def _list_sets(query: Query) -> list[Set]:
    keys = ("StackSetName", "StackSetId", "Status", "PermissionModel", "AutoDeployment")
    return [
        {key: one[key] for key in (*keys, "ManagedExecution", "Description")}
        for one in sets.values()
        if one_of(query, "Status") in ("", one["Status"])
    ]


def _list_results(query: Query) -> list[Set]:
    units = _set(query).get("Units", {})
    return [
        {
            "Account": target.split("/")[0],
            "Region": target.split("/")[1],
            "Status": status,
            "StatusReason": reason,
            "OrganizationalUnitId": units.get(target.split("/")[0]),
        }
        for target, (status, reason) in _operation(query)["Results"].items()
        if one_of(query, "Filters.member.1.Values") in ("", status)
    ]


ACTIONS: dict[str, Callable[[Query], Set]] = {
    "CreateStackSet": _create,
    "UpdateStackSet": _update,
    "DeleteStackSet": _delete,
    "DescribeStackSet": lambda query: {"StackSet": _described(_set(query))},
    "CreateStackInstances": _create_instances,
    "ImportStacksToStackSet": _import_stacks,
    "UpdateStackInstances": _update_instances,
    "DeleteStackInstances": _delete_instances,
    "DescribeStackInstance": _describe_instance,
    "DetectStackSetDrift": _detect,
    "StopStackSetOperation": _stop,
    "DescribeStackSetOperation": lambda query: {
        "StackSetOperation": _told_operation(_set(query), _operation(query))
    },
}
LISTS: dict[str, Callable[[Query], list[Set]]] = {
    "ListStackSets": _list_sets,
    "ListStackInstances": _list_instances,
    "ListStackSetOperations": lambda query: [
        _summed_up(operation) for operation in reversed(_set(query)["Operations"].values())
    ],
    "ListStackSetOperationResults": _list_results,
}


def _answering(name: str, action: Callable[[Query], Any]) -> Callable[[Query], Answer]:
    def answer(query: Query) -> Answer:
        try:
            found = action(query)
        except RefusedError as refused:
            refusal: Answer = helpers._error(*refused.args)
            return refusal
        except ValueError as error:
            code, _, why = str(error).partition(": ")
            return helpers._error(code, why)  # type: ignore[no-any-return]
        more = ""
        if isinstance(found, list):
            size = int(one_of(query, "MaxResults") or helpers.PAGE_SIZE)
            page, more, wrong = helpers._page(found, query, name, size)
            if wrong:
                return wrong  # type: ignore[no-any-return]
            found = {"Summaries": page}
        inner = "".join(xml(key, value) for key, value in found.items())
        result = f"<{name}Result>{inner}{more}</{name}Result>"
        return helpers._xml(200, f"{name}Response", result)  # type: ignore[no-any-return]

    return answer


def _template(query: Query, body: str, url: str, label: str) -> Any:
    """A set's template for its stacks, as big as it may be; else what anybody would get."""
    given = one_of(query, url)
    for one in sets._data.values() if given.startswith(OWN) else ():
        if one["StackSetId"] == given.removeprefix(OWN):
            return one["TemplateBody"], None
    return _document(query, body, url, label)


def _object(bucket: str, key: str) -> Any:
    """An object, also of another account's bucket whose policy lets this one read."""
    found = _own_object(bucket, key)
    if found is None:
        for owner, name in s3._buckets._data:
            policy = (
                s3._bucket_policies.get_scoped(owner, None, name) if name == bucket else None
            )
            if policy and f":{responses.get_account_id()}:" in str(policy):
                with responses.request_scope(owner, responses.get_region()):
                    return _own_object(bucket, key)
    return found


def _reset() -> None:
    _forget()
    sets.clear()


def _restore(data: Any) -> None:
    """What was going on when the server ended is over."""
    _load(data)
    for one in sets._data.values():
        for operation in one["Operations"].values():
            if operation["Status"] in GOING:
                operation["Status"] = "STOPPED"


_document, _own_object = helpers._resolve_document, s3._get_object_data
_forget, _load = cloudformation.reset, cloudformation.load_persisted_state


def add() -> None:
    every = {**ACTIONS, **LISTS}
    cloudformation._ACTION_HANDLERS |= {n: _answering(n, action) for n, action in every.items()}
    cloudformation._PERSISTED_STORES += ((lambda: sets, "stack_sets"),)
    cloudformation.reset, cloudformation.load_persisted_state = _reset, _restore
    helpers._resolve_document = _template
    s3._get_object_data = _object
