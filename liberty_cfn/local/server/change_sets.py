# ruff: noqa: SLF001 - ministack has no public names for these
"""Change sets over nested stacks: made, described, executed and deleted with their root's."""

import copy
import html
import re
import secrets
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, handlers, stacks

from . import planning
from .asking import Action, Answer, Query, around, given, refuse, text, went_well
from .nested import Stack, plain

NOTHING = (
    "The submitted information didn't contain changes. "
    "Submit different information to create a change set."
)
EARLY = (
    "The following hook(s) failed: [AWS::EarlyValidation::PropertyValidation]. To troubleshoot "
    "Early Validation errors, use the DescribeEvents API for detailed failure information."
)
# What a stack isn't changed in, but deleted, or first rolled back on.
STUCK = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED")
VALUES = ("Path", "BeforeValue", "AfterValue", "AttributeChangeType")


def _asked(query: Query, key: str) -> bool:
    return given(query, key) == "true"


def _create(create: Action, query: Query) -> Answer:
    stack = handlers._resolve_stack(given(query, "StackName"))
    status = stack["StackStatus"] if stack else "REVIEW_IN_PROGRESS"
    if status in STUCK or (status.endswith("_IN_PROGRESS") and not status.startswith("REVIEW")):
        why = f"Stack:{stack['StackId']} is in {status} state and can not be updated."
        return refuse("ValidationError", why)
    answer = create(query)
    if went_well(answer):
        change_set = cloudformation._change_sets[text(answer, "Id")]
        change_set["IncludeNestedStacks"] = _asked(query, "IncludeNestedStacks")
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
    retagged: frozenset[str] = frozenset()
    if change_set["ChangeSetType"] == "UPDATE" and change_set["_tags_given"]:
        old, new = (set(stacks._tag_map(s["Tags"]).items()) for s in (stack, change_set))
        retagged = frozenset(key for key, _ in old ^ new)
    asked = (change_set["IncludeNestedStacks"], change_set["ImportExistingResources"], retagged)
    unknown: list[tuple[str, str, str]] = []
    try:
        changes = planning.Plan(change_set, before, after, *asked, unknown).changes()
        same = before.outputs() == after.outputs()
        why = EARLY if unknown else "" if changes or retagged or not same else NOTHING
    except ValueError as wrong:
        changes, why = [], str(wrong)
    change_set["Changes"] = [] if why else changes
    _note(stack, unknown)
    change_set |= {
        "Status": "FAILED" if why else "CREATE_COMPLETE",
        "ExecutionStatus": "UNAVAILABLE" if why else "AVAILABLE",
        "StatusReason": why,
    }


def _note(stack: Stack, unknown: list[tuple[str, str, str]]) -> None:
    """What is refused before anything is made is told by DescribeEvents alone."""
    operation = secrets.token_hex(16)
    stack["_operation_events"] = [
        stacks._operation_event(
            *(stack["StackId"], operation, "VALIDATION_ERROR", "CREATE_CHANGESET"),
            LogicalResourceId=title,
            ResourceType=kind,
            ValidationFailureMode="FAIL",
            ValidationName="PROPERTY_VALIDATION",
            ValidationStatus="FAILED",
            ValidationStatusReason=why,
            ValidationPath=f"/Resources/{title}/Properties",
        )
        for title, kind, why in unknown
    ]


def _events(describe: Action, query: Query) -> Answer:
    """Those of a change set are those of its stack."""
    named = changesets._find_change_set(given(query, "ChangeSetName"))[1]
    return describe(query | {"StackName": [named["StackId"]]} if named else query)


def _describe(describe: Action, query: Query) -> Answer:
    name, stack = given(query, "ChangeSetName"), given(query, "StackName")
    change_set = changesets._find_change_set(name, stack)[1]
    if root := change_set and cloudformation._change_sets.get(
        change_set.get("RootChangeSetId")
    ):
        change_set["ExecutionStatus"] = root["ExecutionStatus"]
    status, headers, body = describe(query)
    if change_set:
        family = ("ParentChangeSetId", "RootChangeSetId", "IncludeNestedStacks")
        told = _xml({key: change_set[key] for key in family if key in change_set})
        changes = copy.deepcopy(change_set["Changes"])
        if not _asked(query, "IncludePropertyValues"):
            _leave_out_values(changes)
        told += f"<Changes>{_xml(changes)}</Changes>"
        shown = re.sub("<Changes>.*</Changes>", lambda _: told, body.decode(), flags=re.DOTALL)
        body = shown.encode()
    return status, headers, body


def _leave_out_values(changes: list[planning.Change]) -> None:
    for change in changes:
        for key in ("BeforeContext", "AfterContext"):
            change["ResourceChange"].pop(key, None)
        for detail in change["ResourceChange"].get("Details", ()):
            for key in VALUES:
                detail["Target"].pop(key, None)


def _xml(value: Any) -> str:
    if isinstance(value, list):
        return "".join(f"<member>{_xml(entry)}</member>" for entry in value)
    if isinstance(value, dict):
        return "".join(f"<{key}>{_xml(entry)}</{key}>" for key, entry in value.items())
    return html.escape(plain(value))


def _from_the_root(act: Action, query: Query) -> Answer:
    """A nested change set is executed and deleted with its root's, and only so."""
    name, stack = given(query, "ChangeSetName"), given(query, "StackName")
    change_set = changesets._find_change_set(name, stack)[1]
    if change_set and "RootChangeSetId" in change_set:
        why = f"ChangeSet [{name}] is nested: this has to be asked of its root change set"
        return refuse("InvalidChangeSetStatus", why)
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
    around("DescribeEvents", _events)
    around("DeleteChangeSet", _from_the_root)
    around("ExecuteChangeSet", _from_the_root)
