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

from .asking import Query, answer_to, checked
from .nested import child_of
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
    return found("Operation", asked["OperationId"], _set(asked)["Operations"])


def _instance(asked: Record) -> Record:
    target = f"{asked['StackInstanceAccount']}/{asked['StackInstanceRegion']}"
    return found("StackInstance", target, _set(asked)["Instances"])


def _create(asked: Record) -> Record:
    name, account = asked["StackSetName"], responses.get_account_id()
    if problems := helpers.stack_name_problems(name):
        raise ValueError(f"ValidationError: {helpers.validation_error_message(problems)}")
    token = asked.get("ClientRequestToken") or responses.new_uuid()
    if there := sets.get(name):
        if there["Token"] == token:
            return {"StackSetId": there["StackSetId"]}
        raise ValueError(f"NameAlreadyExistsException: The name {name} already exists")
    number = f"{name}:{responses.new_uuid()}"
    model = asked.get("PermissionModel", "SELF_MANAGED")
    made: Record = {"Parameters": [], "Tags": [], "Capabilities": []}
    made |= {"StackSetName": name, "StackSetId": number, "Status": "ACTIVE", "Token": token}
    made |= {"PermissionModel": model, "ManagedExecution": {"Active": "false"}}
    made |= {"Instances": {}, "Operations": {}}
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
    if not body:
        why = "Either Template URL or Template Body must be specified."
        checked(refused or helpers._error("ValidationError", why))
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
        return list(one["Instances"])
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
        instance, given = one["Instances"][target], asked["ParameterOverrides"] or []
        instance["ParameterOverrides"] = _parameters(given, instance["ParameterOverrides"])
    return begun


def _import(asked: Record) -> Record:
    """Take in stacks that are there, and of no other set."""
    one, stacks = _set(asked), {}
    others = [other for other in sets._data.values() if other is not one]
    taken = [i.get("StackId") for other in others for i in other["Instances"].values()]
    for number in asked["StackIds"]:
        region, account = number.split(":")[3:5]
        with responses.request_scope(account, region):
            if child_of(number)["StackStatus"] == "DELETE_COMPLETE":
                raise ValueError(f"StackNotFoundException: Stack {number} does not exist")
        if number in taken:
            raise ValueError(f"InvalidOperationException: {number} is a stack set's already")
        stacks[f"{account}/{region}"] = number
    begun = begin(one, asked, list(stacks))
    for target, number in stacks.items():
        one["Instances"][target]["StackId"] = number
    return begun


def _update(asked: Record) -> Record:
    one = _set(asked)
    said = _said(one, asked)
    begun = begin(one, asked, _targets(one, asked))
    if any(one[key] != said.get(key, one[key]) for key in STACKS):
        outdate(one["Instances"].values())
    one |= said
    return begun


def _delete(asked: Record) -> Record:
    name = asked["StackSetName"].split(":")[0]
    if sets.get(name, {}).get("Instances"):
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
    drifts = [instance["DriftStatus"] for instance in one["Instances"].values()]
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
    "ListStackSets": lambda asked: [] if asked.get("Status") == "DELETED" else [*sets.values()],
    "ListStackInstances": lambda asked: [*_set(asked)["Instances"].values()],
    "ListStackSetOperations": lambda asked: [*_set(asked)["Operations"].values()][::-1],
    "ListStackSetOperationResults": lambda asked: [*_operation(asked)["Results"].values()],
}


def _answer(name: str, query: Query) -> Any:
    asked = autoscaling._parse_nested({f".{key}": query[key] for key in query}, "")
    model = iam_actions._load_botocore_model("cloudformation")
    try:
        told = ACTIONS[name](asked)
    except ValueError as error:
        code, _, why = str(error).partition(": ")
        refused = model["shapes"].get(code, {"error": {"httpStatusCode": 400}})["error"]
        return helpers._error(code, why, refused["httpStatusCode"])
    if isinstance(told, list):
        start = int(asked.get("NextToken", 0))
        end = start + int(asked.get("MaxResults", helpers.PAGE_SIZE))
        told = {"Summaries": told[start:end], "NextToken": end if told[end:] else None}
    shape = model["operations"][name]["output"]["shape"]
    return answer_to(name, _told(model["shapes"], shape, told))


def _told(shapes: Record, shape: str, value: Any) -> Any:
    """What of a value CloudFormation's model has a word for."""
    kind = shapes[shape]
    if kind["type"] == "list":
        return [_told(shapes, kind["member"]["shape"], entry) for entry in value]
    if kind["type"] == "structure":
        known = {k: kind["members"][k]["shape"] for k in value if k in kind["members"]}
        return {key: _told(shapes, inner, value[key]) for key, inner in known.items()}
    return value


def _document(query: Query, body: str, *more: str) -> Any:
    """A set's template for its stacks, as big as it may be; else what anybody would get."""
    own = query.get(OWN) if body == "TemplateBody" else None
    return (own, None) if own else _anybodys(query, body, *more)


def _object(bucket: str, key: str) -> Any:
    """An object, also of another account's bucket whose policy lets this one read."""
    reader = owner = responses.get_account_id()
    for (account, name), policy in list(s3._bucket_policies._data.items()):
        if name == bucket and f":{reader}:" in str(policy):
            owner = account
    with responses.request_scope(owner, responses.get_region()):
        return _own_object(bucket, key)


def _reset() -> None:
    _forget()
    sets.clear()


def _restore(data: Any) -> None:
    """What was going on when the server ended is over."""
    _load(data)
    for operation in (o for one in sets._data.values() for o in one["Operations"].values()):
        if operation["Status"] in GOING:
            operation["Status"] = "STOPPED"


_anybodys, _own_object = helpers._resolve_document, s3._get_object_data
_forget, _load = cloudformation.reset, cloudformation.load_persisted_state


def add() -> None:
    answers = {name: functools.partial(_answer, name) for name in ACTIONS}
    cloudformation._ACTION_HANDLERS |= answers
    cloudformation._PERSISTED_STORES += ((lambda: sets, "stack_sets"),)
    cloudformation.reset, cloudformation.load_persisted_state = _reset, _restore
    helpers._resolve_document = _document
    s3._get_object_data = _object
