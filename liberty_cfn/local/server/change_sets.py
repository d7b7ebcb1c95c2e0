"""Change sets over nested stacks: what would change in all of them, before and after.

A stack and its change set are the two sides: both hold a template (_template), the values of
its parameters (_resolved_params), and what they refer to (_resources). A change set also says
whether nested stacks get some, too (IncludeNestedStacks), which are kept with the root's
(_nested), whether what exists is taken in (ImportExistingResources), and which tags of all
resources change (_retagged).

Values are followed through parameters and outputs; what only the update will tell, such as the
id of what is made anew, is UNKNOWN, and so is all that is made of it.
"""

import copy
import json
import re
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, engine, helpers, provisioners, stacks

from . import schemas
from .asking import Action, Answer, Function, Query, Stack, answer_to, around, plain, text, xml
from .nested import NESTED, change_set_of, child_of

Change = dict[str, Any]
Definition = dict[str, Any]
UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"
NOTHING = (
    "The submitted information didn't contain changes. "
    "Submit different information to create a change set."
)
# What a stack isn't changed in, but deleted, or first rolled back on.
STUCK = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED")
FAMILY = ("ParentChangeSetId", "RootChangeSetId", "IncludeNestedStacks", "Changes")


def _create(create: Action, query: Query) -> Answer:
    made, token = change_set_of(query), helpers._p(query, "ClientToken")
    if not (made and token and made["_token"] == token):  # else the same request again
        stack = child_of(helpers._p(query, "StackName"))
        status, kind = stack["StackStatus"], helpers._p(query, "ChangeSetType")
        creates = status == "REVIEW_IN_PROGRESS" and kind == "CREATE"
        if status in STUCK or (status.endswith("_IN_PROGRESS") and not creates):
            why = f"Stack:{stack['StackId']} is in {status} state and can not be updated."
            return helpers._error("ValidationError", why)
        answer = create(query)
        made = cloudformation._change_sets.get(text(answer, "Id"))
        if creates:
            # Ministack has put another in place of the stack that is planned, or none.
            cloudformation._stacks[stack["StackName"]] = stack
        if not made:
            return answer
        made["StackId"] = cloudformation._stacks[made["StackName"]]["StackId"]
        deep = helpers._p(query, "IncludeNestedStacks") == "true"
        made |= {"IncludeNestedStacks": deep, "_nested": {}, "_token": token}
        _plan(made)
    told = {"Id": made["ChangeSetId"], "StackId": made["StackId"]}
    return answer_to("CreateChangeSet", told)


def _plan(change_set: Stack) -> None:
    """Put into a change set what it would change, in place of what ministack says."""
    stack = cloudformation._stacks[change_set["StackName"]]
    old, new = (set(stacks._tag_map(side["Tags"]).items()) for side in (stack, change_set))
    change_set["_retagged"] = [key for key, _ in old ^ new if change_set["_tags_given"]]
    try:
        changes = _changes(stack, change_set)
        before, after = _outputs(stack), _outputs(change_set)
        why = "" if changes or change_set["_retagged"] or before != after else NOTHING
    except ValueError as wrong:
        changes, why = [], str(wrong)
    del change_set["_resources"]
    change_set |= {
        # Else nothing is asked to be taken in, which isn't the same as finding nothing.
        "_import_existing": {} if change_set["ImportExistingResources"] else None,
        "Changes": changes,
        "Status": "FAILED" if why else "CREATE_COMPLETE",
        "ExecutionStatus": "UNAVAILABLE" if why else "AVAILABLE",
        "StatusReason": why,
    }


def _describe(describe: Action, query: Query) -> Answer:
    status, headers, body = describe(query)
    change_set = change_set_of(query)
    told = "".join(xml(key, change_set.get(key)) for key in FAMILY)
    found = re.sub("<Changes>.*</Changes>", lambda _: told, body.decode(), flags=re.DOTALL)
    return status, headers, found.encode()


def _find(find: Function, asked: str, stack: str) -> Any:
    """A change set, whose stack is known by its id, too. Those that are nested go with it."""
    for root in cloudformation._change_sets.values():
        if asked in root["_nested"]:
            return asked, root["_nested"][asked]
    return find(asked, child_of(stack).get("StackName", stack))


def _list(listed: Action, query: Query) -> Answer:
    """The change sets of a stack, known by its id, too; not what was executed."""
    named = helpers._p(query, "StackName")
    named = child_of(named).get("StackName", named)
    status, headers, body = listed(query | {"StackName": [named]})
    over = rb"<member>(?:(?!</member>).)*>EXECUTE_COMPLETE<.*?</member>"
    return status, headers, re.sub(over, b"", body)


def _delete(delete: Action, query: Query) -> Answer:
    if change_set_of(query).get("ExecutionStatus") == "EXECUTE_IN_PROGRESS":
        return helpers._error("InvalidChangeSetStatus", "It is being executed")
    return delete(query)


def _execute(execute: Action, query: Query) -> Answer:
    """Nested change sets go once their root is executed."""
    answer = execute(query)
    change_set_of(query).get("_nested", {}).clear()
    return answer


class _Unmade(dict[str, Any]):
    """The attributes of what is not there yet."""

    def __contains__(self, _name: object) -> bool:
        return True

    def __missing__(self, _name: str) -> str:
        return UNKNOWN


def _resolved(side: Stack, value: Any) -> Any:
    context = (side["_resources"], side["_resolved_params"], side["_conditions"])
    named = (side["_template"].get("Mappings", {}), side["StackName"], side["StackId"])
    try:
        return engine._resolve_refs(copy.deepcopy(value), *context, *named)
    except (IndexError, KeyError, TypeError, ValueError):
        # A function of a value that isn't known yet: the second of one, say.
        return UNKNOWN


def _definition(side: Stack, title: str) -> Definition:
    """A resource with the properties that it comes to."""
    whole = side["_template"]["Resources"][title]
    found = {k: _resolved(side, v) for k, v in whole.get("Properties", {}).items()}
    given = {k: v for k, v in found.items() if v is not engine._NO_VALUE}
    return whole | {"Properties": schemas.fitted(whole["Type"], title, given)}


def _outputs(side: Stack) -> dict[str, Any]:
    return {
        f"Outputs.{key}": _resolved(side, output["Value"])
        for key, output in side["_template"].get("Outputs", {}).items()
        if side["_conditions"].get(output.get("Condition"), True)
    }


def _changes(before: Stack, after: Stack) -> list[Change]:
    """All changes, by title; `after["_resources"]` becomes what would be there."""
    held, conditions = before["_resources"], {}
    after["_resources"] = dict(held)
    for side in (before, after):
        known = (side["_template"], side["_resolved_params"])
        side["_conditions"] = conditions = engine._evaluate_conditions(*known)
    old = {title: _definition(before, title) for title in held}
    new: dict[str, Definition] = {}
    nested: dict[str, str | None] = {}
    for title in engine._topological_sort(after["_template"]["Resources"], conditions):
        new[title] = _definition(after, title)
        if new[title]["Type"] == NESTED:
            number = _nested(before, after, title, new[title]["Properties"])
            # Without a look inside, any nested stack may change.
            if number or not after["IncludeNestedStacks"]:
                nested[title] = number
        elif title not in old or _is_made(old[title], new[title]):
            unmade = {"PhysicalResourceId": UNKNOWN, "Attributes": _Unmade()}
            after["_resources"][title] = unmade
    if other := [t for t in new.keys() & old if new[t]["Type"] != old[t]["Type"]]:
        raise ValueError(
            "Update of resource type is not permitted. The new template modifies resource type "
            f"of the following resources: [{', '.join(sorted(other))}]"
        )
    sides = [{"Resources": side} for side in (old, new)]
    retag = [title for title in new if _inherited(after, new[title])]
    diff = stacks._diff_resources(*sides, held, retag=retag)
    found = {one["ResourceChange"]["LogicalResourceId"]: one["ResourceChange"] for one in diff}
    for title in nested.keys() - found.keys():
        # What changes inside a stack changes it, too, though it stays the same itself.
        found[title] = {"Action": "Modify", "LogicalResourceId": title, "ResourceType": NESTED}
        stack = held[title]["PhysicalResourceId"]
        found[title] |= {"PhysicalResourceId": stack, "Replacement": "False"}
    for title, change in found.items():
        _tell(after, change, old.get(title), new.get(title))
        change["ChangeSetId"] = nested.get(title)
    told = [{"Type": "Resource", "ResourceChange": found[title]} for title in sorted(found)]
    return _imported(after, told)


def _is_made(old: Definition, new: Definition) -> bool:
    """Whether a resource is made anew, or may be."""
    before, after = old["Properties"], new["Properties"]
    changed = [n for n in before.keys() | after.keys() if before.get(n) != after.get(n)]
    return any(provisioners._property_recreation(new["Type"], n) != "Never" for n in changed)


def _imported(change_set: Stack, found: list[Change]) -> list[Change]:
    """The changes, with what exists taken in where that is asked."""
    template, asked = change_set["_template"], change_set["ImportExistingResources"]
    entries = changesets._existing_resources(found, template) if asked else []
    wrong = changesets._unretained_import_reason(entries, template)
    if wrong := wrong or changesets._import_owner(entries):
        raise ValueError(wrong)
    taken = {entry["LogicalResourceId"]: changesets._import_change(entry) for entry in entries}
    return [taken.get(c["ResourceChange"]["LogicalResourceId"], c) for c in found]


def _tell(after: Stack, change: Change, old: Definition | None, new: Definition | None) -> None:
    """Put the values before and after into a change, and what is known of a replacement."""
    for detail in change.get("Details", ()):
        _value(after, change["LogicalResourceId"], (old, new), detail)
    if not old:
        change["Replacement"] = "True"  # in AWS's words
    elif change.get("Replacement") == "True":
        change["Replacement"] = stacks._replacement(change["Details"], type_changed=False)


def _value(after: Stack, title: str, sides: tuple[Any, ...], detail: Change) -> None:
    """Put the values before and after into a detail of a change."""
    target = detail["Target"]
    attribute, name = target["Attribute"], target.get("Name")
    for key, whole in zip(("BeforeValue", "AfterValue"), sides, strict=True):
        value = whole[attribute].get(name) if name else whole.get(attribute)
        if value is not None:
            target[key] = value if isinstance(value, str) else json.dumps(value)
    if name:
        target["Path"] = f"/{attribute}/{name}"
        # What another stack will give may turn out to be the same.
        written = after["_template"]["Resources"][title].get("Properties", {}).get(name)
        read = [reference for reference, _ in engine._intrinsic_references(written)]
        values = [v["Value"] for k, v in after["_resolved_params"].items() if k in read]
        if any(UNKNOWN in str(value) for value in values):
            detail["Evaluation"] = "Dynamic"


def _inherited(change_set: Stack, definition: Definition) -> list[str]:
    """Which tags that change a resource gets from its stack, having none such itself."""
    own = definition.get("Properties", {}).get("Tags") or []
    keys = {tag["Key"] for tag in own if isinstance(tag, dict)}
    return [key for key in change_set["_retagged"] if key not in keys]


def _nested(before: Stack, after: Stack, title: str, properties: dict[str, Any]) -> str | None:
    """The id of the change set that a nested stack gets, if anything changes in it."""
    stack: Stack = {"StackName": f"{after['StackName']}-{title}", "StackId": ""}
    stack |= {key: {} for key in ("_template", "_resolved_params", "_resources")}
    if old := before["_resources"].get(title):
        stack = child_of(old["PhysicalResourceId"])
    body, wrong = helpers._resolve_template({"TemplateURL": [properties["TemplateURL"]]})
    if wrong:
        raise ValueError(text(wrong, "Message"))
    template = engine._parse_template(body)
    change_set = after | {
        "ChangeSetId": f"{after['ChangeSetId']}-{title}",
        "ChangeSetName": f"{after['ChangeSetName']}-{title}",
        "StackName": stack["StackName"],
        "StackId": stack["StackId"],
        "ParentChangeSetId": after["ChangeSetId"],
        "RootChangeSetId": after.get("RootChangeSetId", after["ChangeSetId"]),
        "Status": "CREATE_COMPLETE",
        "ExecutionStatus": "UNAVAILABLE",
        "StatusReason": "Executable from root change set",
        "Parameters": [],
        "_template": template,
        "_resolved_params": _values_for(template, properties.get("Parameters") or {}),
        "_retagged": _inherited(after, {"Properties": properties}),
    }
    change_set["Changes"] = changes = _changes(stack, change_set)
    was, will = _outputs(stack), _outputs(change_set)
    after["_resources"][title] = {
        "PhysicalResourceId": stack["StackId"] or UNKNOWN,
        "Attributes": {k: v if was.get(k) == v else UNKNOWN for k, v in will.items()},
    }
    # Else they would hold themselves.
    del change_set["_resources"], change_set["_nested"]
    if not changes or not after["IncludeNestedStacks"]:
        return None
    after["_nested"][change_set["ChangeSetId"]] = change_set
    return str(change_set["ChangeSetId"])


def _values_for(template: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a nested stack; what isn't known yet meets every condition."""
    declared = template.get("Parameters", {})
    unknown = {name: {"Type": "String"} for name in declared if UNKNOWN in str(given.get(name))}
    provided = [{"Key": name, "Value": plain(value)} for name, value in given.items()]
    found = engine._resolve_parameters({"Parameters": declared | unknown}, provided)
    return {name: value | {"Type": declared[name]["Type"]} for name, value in found.items()}


def add() -> None:
    around(changesets._find_change_set, _find)
    around(changesets._create_change_set, _create)
    around(changesets._describe_change_set, _describe)
    around(changesets._list_change_sets, _list)
    around(changesets._delete_change_set, _delete)
    around(changesets._execute_change_set, _execute)
