"""Change sets over nested stacks: made, described, executed and deleted with their root's."""

import re

from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, helpers, stacks

from . import planning
from .asking import Action, Answer, Query, Stack, answer_to, around, text, xml
from .nested import child_of

NOTHING = (
    "The submitted information didn't contain changes. "
    "Submit different information to create a change set."
)
# What a stack isn't changed in, but deleted, or first rolled back on.
STUCK = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED")
FAMILY = ("ParentChangeSetId", "RootChangeSetId", "IncludeNestedStacks")


def _create(create: Action, query: Query) -> Answer:
    asked = helpers._p(query, "ChangeSetName"), helpers._p(query, "StackName")
    made, token = changesets._find_change_set(*asked)[1], helpers._p(query, "ClientToken")
    if not (made and token and made["_token"] == token):  # else the same request again
        stack = child_of(asked[1])
        status = stack["StackStatus"]
        planned = status == "REVIEW_IN_PROGRESS"
        creates = planned and helpers._p(query, "ChangeSetType") == "CREATE"
        if status in STUCK or (status.endswith("_IN_PROGRESS") and not creates):
            why = f"Stack:{stack['StackId']} is in {status} state and can not be updated."
            return helpers._error("ValidationError", why)
        answer = create(query)
        if not (made := cloudformation._change_sets.get(text(answer, "Id"))):
            return answer
        if creates:
            # Ministack has put another in place of the stack that is planned.
            cloudformation._stacks[stack["StackName"]] = stack
            made["StackId"] = stack["StackId"]
        made["IncludeNestedStacks"] = helpers._p(query, "IncludeNestedStacks") == "true"
        made["_token"] = token
        _plan(made)
    ids = {"Id": made["ChangeSetId"], "StackId": made["StackId"]}
    return answer_to("CreateChangeSet", ids)


def _plan(change_set: Stack) -> None:
    """Put into a change set what it would change, in place of what ministack says."""
    stack = cloudformation._stacks[change_set["StackName"]]
    old, new = (set(stacks._tag_map(side["Tags"]).items()) for side in (stack, change_set))
    retagged = sorted({key for key, _ in old ^ new}) if change_set["_tags_given"] else []
    change_set["_retagged"] = retagged
    try:
        changes = planning.changes(stack, change_set)
        before, after = planning.outputs(stack), planning.outputs(change_set)
        why = "" if changes or retagged or before != after else NOTHING
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
    asked = helpers._p(query, "ChangeSetName"), helpers._p(query, "StackName")
    change_set = changesets._find_change_set(*asked)[1] or {}
    told = "".join(xml(key, change_set.get(key)) for key in (*FAMILY, "Changes"))
    found = re.sub("<Changes>.*</Changes>", lambda _: told, body.decode(), flags=re.DOTALL)
    return status, headers, found.encode()


def _with_nested(act: Action, query: Query) -> Answer:
    """Nested change sets go with their root."""
    answer, kept = act(query), cloudformation._change_sets
    for name in [n for n, c in kept.items() if c.get("RootChangeSetId", n) not in kept]:
        kept.pop(name)
    return answer


def add() -> None:
    around(changesets._create_change_set, _create)
    around(changesets._describe_change_set, _describe)
    around(changesets._create_change_set, _with_nested)
    around(changesets._delete_change_set, _with_nested)
    around(changesets._execute_change_set, _with_nested)
