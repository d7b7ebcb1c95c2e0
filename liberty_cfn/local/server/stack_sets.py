"""Stack sets: one template's stacks in many accounts and regions, as requests and answers.

Sets, their instances and operations are kept as CloudFormation describes them; what it has no
word for stays out of answers. All values are text, as they come and go.
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStackSet.html
"""

import functools
from collections.abc import Callable
from typing import Any

from ministack.core import iam_actions, responses
from ministack.services import autoscaling, cloudformation, organizations, s3
from ministack.services.cloudformation import helpers

from .asking import Function, Query, answer_to, around, checked
from .operating import GOING, OWN, Record, begin, found, outdate

ROLE = "AWSCloudFormationStackSet"
TOLD = (
    *("Description", "Parameters", "Tags", "Capabilities", "AutoDeployment"),
    *("ManagedExecution", "AdministrationRoleARN", "ExecutionRoleName"),
)
STACKS = ("TemplateBody", "Parameters", "Tags")  # what a set's stacks have of it

sets = responses.AccountRegionScopedDict()


def _set(asked: Record) -> Record:
    return found("StackSet", asked["StackSetName"].split(":")[0], sets)


def _operation(asked: Record) -> Record:
    return found("Operation", asked["OperationId"], _set(asked)["_Operations"])


def _instance(asked: Record) -> Record:
    target = f"{asked['StackInstanceAccount']}/{asked['StackInstanceRegion']}"
    return found("StackInstance", target, _set(asked)["_Instances"])


def _create(asked: Record) -> Record:
    name, account = asked["StackSetName"], responses.get_account_id()
    token = asked.get("ClientRequestToken") or responses.new_uuid()
    if there := sets.get(name):
        if there["_Token"] == token:
            return {"StackSetId": there["StackSetId"]}
        raise ValueError(f"NameAlreadyExistsException: The name {name} already exists")
    number = f"{name}:{responses.new_uuid()}"
    model = asked.get("PermissionModel", "SELF_MANAGED")
    made: Record = {"Parameters": [], "Tags": [], "Capabilities": []}
    made |= {"StackSetName": name, "StackSetId": number, "Status": "ACTIVE", "_Token": token}
    made |= {"PermissionModel": model, "ManagedExecution": {"Active": "false"}}
    made |= {"_Instances": {}, "_Operations": {}}
    if model == "SELF_MANAGED":
        made["AdministrationRoleARN"] = f"arn:aws:iam::{account}:role/{ROLE}AdministrationRole"
        made["ExecutionRoleName"] = f"{ROLE}ExecutionRole"
    sets[name] = made | _said(made, asked)
    return {"StackSetId": number}


def _said(one: Record, asked: Record) -> Record:
    """What a request says of a set; what it leaves out stays."""
    said = {key: asked[key] or [] for key in TOLD if key in asked}
    if "Parameters" in said:
        said["Parameters"] = _parameters(said["Parameters"], one["Parameters"])
    if asked.get("UsePreviousTemplate") == "true":
        return said
    body, refused = helpers._resolve_template(asked)
    if refused:
        checked(refused)
    if "AWS::CloudFormation::Stack" in body and one["PermissionModel"] == "SERVICE_MANAGED":
        why = "StackSets with service-managed permissions do not support nested stacks"
        raise ValueError(f"ValidationError: {why}")
    return said | {"TemplateBody": body}


def _parameters(given: list[Record], before: list[Record]) -> list[Record]:
    """Parameters in the order of their names; one said without a value keeps its own."""
    had = {p["ParameterKey"]: p["ParameterValue"] for p in before}
    said = sorted((p["ParameterKey"], p.get("ParameterValue")) for p in given)
    told = ((key, had.get(key) if value is None else value) for key, value in said)
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in told]


def _targets(one: Record, asked: Record) -> list[str]:
    """The instances that a request is about, as ACCOUNT/REGION; all, if it names none."""
    if "Regions" not in asked:
        return list(one["_Instances"])
    where = asked.get("DeploymentTargets", asked)
    accounts = where.get("Accounts") or []
    if units := where.get("OrganizationalUnitIds"):
        accounts = [a for a in _members(units) if a in accounts or not accounts]
    return [f"{account}/{region}" for region in asked["Regions"] for account in accounts]


def _members(units: list[str]) -> list[str]:
    """The accounts of organizational units, and of those below them."""
    below = [unit["Id"] for unit in organizations._ous.values() if unit["_ParentId"] in units]
    here = [a["Id"] for a in organizations._accounts.values() if a["_ParentId"] in units]
    return [*here, *_members(below)] if below else here


def _operate(asked: Record) -> Record:
    one = _set(asked)
    targets = _targets(one, asked)
    begun = begin(one, asked, targets)
    # Without a list, what is overridden stays so; what isn't in the list does not.
    for target in targets if "ParameterOverrides" in asked else ():
        instance, given = one["_Instances"][target], asked["ParameterOverrides"] or []
        instance["ParameterOverrides"] = _parameters(given, instance["ParameterOverrides"])
    return begun


def _import(asked: Record) -> Record:
    """Take in stacks that are there."""
    one, numbers = _set(asked), asked["StackIds"]
    where = ["{4}/{3}".format(*number.split(":")) for number in numbers]
    begun = begin(one, asked, where)
    for target, number in zip(where, numbers, strict=True):
        one["_Instances"][target]["StackId"] = number
    return begun


def _update(asked: Record) -> Record:
    one = _set(asked)
    said = _said(one, asked)
    begun = begin(one, asked, _targets(one, asked))
    if any(one[key] != said.get(key, one[key]) for key in STACKS):
        outdate(one["_Instances"].values())
    one |= said
    return begun


def _delete(asked: Record) -> Record:
    name = asked["StackSetName"].split(":")[0]
    if sets.get(name, {}).get("_Instances"):
        raise ValueError("StackSetNotEmptyException: StackSet is not empty")
    sets.pop(name, None)
    return {}


def _stop(asked: Record) -> Record:
    operation = _operation(asked)
    if operation["Status"] not in GOING:
        raise ValueError("InvalidOperationException: The operation is not running")
    operation["Status"] = "STOPPING"
    return {}


def _describe(asked: Record) -> Record:
    one = _set(asked)
    drifts = [instance["DriftStatus"] for instance in one["_Instances"].values()]
    drift = next((d for d in ("DRIFTED", "IN_SYNC") if d in drifts), "NOT_CHECKED")
    return {"StackSet": one | {"StackSetDriftDetectionDetails": {"DriftStatus": drift}}}


ACTIONS: dict[str, Callable[[Record], Any]] = {
    "CreateStackSet": _create,
    "UpdateStackSet": _update,
    "DeleteStackSet": _delete,
    "DescribeStackSet": _describe,
    "CreateStackInstances": _operate,
    "UpdateStackInstances": _operate,
    "DeleteStackInstances": _operate,
    "DetectStackSetDrift": _operate,
    "ImportStacksToStackSet": _import,
    "StopStackSetOperation": _stop,
    "DescribeStackInstance": lambda asked: {"StackInstance": _instance(asked)},
    "DescribeStackSetOperation": lambda asked: {"StackSetOperation": _operation(asked)},
    "ListStackInstances": lambda asked: [*_set(asked)["_Instances"].values()],
    "ListStackSetOperations": lambda asked: [*_set(asked)["_Operations"].values()][::-1],
    "ListStackSetOperationResults": lambda asked: [*_operation(asked)["_Results"].values()],
}


def _answer(name: str, query: Query) -> Any:
    asked = autoscaling._parse_nested({f".{key}": query[key] for key in query}, "")
    try:
        told = ACTIONS[name](asked)
    except ValueError as error:
        code, _, why = str(error).partition(": ")
        shapes = iam_actions._load_botocore_model("cloudformation")["shapes"]
        refused = shapes.get(code, {"error": {"httpStatusCode": 400}})["error"]
        return helpers._error(code, why, refused["httpStatusCode"])
    return answer_to(name, {"Summaries": told} if isinstance(told, list) else told)


def _document(resolve: Function, query: Query, body: str, *more: str) -> Any:
    """A set's template for its stacks, as big as it may be; else what anybody would get."""
    own = query.get(OWN) if body == "TemplateBody" else None
    return (own, None) if own else resolve(query, body, *more)


def _object(get: Function, bucket: str, key: str) -> Any:
    """An object, also of another account's bucket whose policy lets this one read."""
    reader = owner = responses.get_account_id()
    for (account, name), policy in list(s3._bucket_policies._data.items()):
        if name == bucket and f":{reader}:" in str(policy):
            owner = account
    with responses.request_scope(owner, responses.get_region()):
        return get(bucket, key)


def _reset(reset: Function) -> None:
    reset()
    sets.clear()


def _restore(load: Function, data: Any) -> None:
    """What was going on when the server ended is over."""
    load(data)
    for operation in (o for one in sets._data.values() for o in one["_Operations"].values()):
        if operation["Status"] in GOING:
            operation["Status"] = "STOPPED"


def add() -> None:
    answers = {name: functools.partial(_answer, name) for name in ACTIONS}
    cloudformation._ACTION_HANDLERS |= answers
    cloudformation._PERSISTED_STORES += ((lambda: sets, "stack_sets"),)
    around(cloudformation.reset, _reset)
    around(cloudformation.load_persisted_state, _restore)
    around(helpers._resolve_document, _document)
    around(s3._get_object_data, _object)
