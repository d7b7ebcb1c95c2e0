"""Change sets over nested stacks: made, described, executed and deleted with their root's."""

import copy
import re
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, handlers, stacks

from . import planning
from .asking import Action, Answer, Query, Stack, around, given, refuse, text, went_well, xml

NOTHING = (
    "The submitted information didn't contain changes. "
    "Submit different information to create a change set."
)
# What a stack isn't changed in, but deleted, or first rolled back on.
STUCK = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED")
FAMILY = ("ParentChangeSetId", "RootChangeSetId", "IncludeNestedStacks")
VALUES = {
    *("AfterContext", "AfterValue", "AttributeChangeType"),
    *("BeforeContext", "BeforeValue", "Path"),
}


def _create(create: Action, query: Query) -> Answer:
    stack = handlers._resolve_stack(given(query, "StackName"))
    status = stack["StackStatus"] if stack else "REVIEW_IN_PROGRESS"
    if status in STUCK or (status.endswith("_IN_PROGRESS") and not status.startswith("REVIEW")):
        why = f"Stack:{stack['StackId']} is in {status} state and can not be updated."
        return refuse("ValidationError", why)
    answer = create(query)
    if went_well(answer):
        change_set = cloudformation._change_sets[text(answer, "Id")]
        change_set["IncludeNestedStacks"] = given(query, "IncludeNestedStacks") == "true"
        _plan(change_set)
    _sweep()
    return answer


def _plan(change_set: Stack) -> None:
    """Put into a change set what it would change, in place of what ministack says."""
    stack = cloudformation._stacks[change_set["StackName"]]
    before = planning.standing(stack)
    after = planning.Side(
        *(before.name, before.stack_id, change_set["_template"]),
        *(change_set["_resolved_params"], dict(before.resources)),
    )
    retagged: set[tuple[str, str]] = set()
    if change_set["ChangeSetType"] == "UPDATE" and change_set["_tags_given"]:
        old, new = (set(stacks._tag_map(s["Tags"]).items()) for s in (stack, change_set))
        retagged = old ^ new
    change_set["_retagged"] = sorted({key for key, _ in retagged})
    try:
        changes = planning.Plan(change_set, before, after).changes()
        same = not (changes or retagged) and before.outputs() == after.outputs()
        why = NOTHING if same else ""
    except ValueError as wrong:
        changes, why = [], str(wrong)
    change_set |= {
        "Changes": changes,
        "Status": "FAILED" if why else "CREATE_COMPLETE",
        "ExecutionStatus": "UNAVAILABLE" if why else "AVAILABLE",
        "StatusReason": why,
    }


def _named(query: Query) -> Stack:
    asked = given(query, "ChangeSetName"), given(query, "StackName")
    found: Stack = changesets._find_change_set(*asked)[1] or {}
    return found


def _describe(describe: Action, query: Query) -> Answer:
    change_set = _named(query)
    if root := cloudformation._change_sets.get(change_set.get("RootChangeSetId")):
        change_set["ExecutionStatus"] = root["ExecutionStatus"]
    status, headers, body = describe(query)
    changes = copy.deepcopy(change_set.get("Changes", []))
    if given(query, "IncludePropertyValues") != "true":
        _leave_out_values(changes)
    told = "".join(xml(key, change_set[key]) for key in FAMILY if key in change_set)
    told += xml("Changes", changes)
    body = re.sub(
        "<Changes>.*</Changes>", lambda _: told, body.decode(), flags=re.DOTALL
    ).encode()
    return status, headers, body


def _leave_out_values(changes: list[dict[str, Any]]) -> None:
    for change in (one["ResourceChange"] for one in changes):
        for part in (change, *(detail["Target"] for detail in change.get("Details", ()))):
            for name in VALUES & part.keys():
                del part[name]


def _from_the_root(act: Action, query: Query) -> Answer:
    """A nested change set is executed and deleted with its root's, and only so."""
    change_set = _named(query)
    if "RootChangeSetId" in change_set:
        name = given(query, "ChangeSetName")
        why = f"ChangeSet [{name}] is nested: this has to be asked of its root change set"
        return refuse("InvalidChangeSetStatus", why)
    if stack := cloudformation._stacks.get(change_set.get("StackName")):
        stack["_adopts"] = change_set["ImportExistingResources"]
    answer = act(query)
    _sweep()
    return answer


def _sweep() -> None:
    """Nested change sets go with their root."""
    kept = cloudformation._change_sets
    for name in [n for n, c in kept.items() if c.get("RootChangeSetId", n) not in kept]:
        kept.pop(name)


def add() -> None:
    around("CreateChangeSet", _create)
    around("DescribeChangeSet", _describe)
    around("DeleteChangeSet", _from_the_root)
    around("ExecuteChangeSet", _from_the_root)
