"""What would change in a stack and in those nested in it, with the values before and after.

Values are followed through parameters and outputs. What comes out the same is no change;
what only the update will tell, such as the id of what is made anew, is UNKNOWN, and so is
all that is made of it. AWS claims more: that whatever reads an attribute of something that
changes may change.
"""

import copy
import functools
import json
from dataclasses import dataclass, replace
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, engine, helpers, stacks

from . import schemas
from .asking import Stack, plain, text
from .nested import TYPE as NESTED
from .nested import child_of

UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"
Change = dict[str, Any]


class _Unmade(dict[str, Any]):
    """The attributes of what is not there yet."""

    def __contains__(self, _name: object) -> bool:
        return True

    def __missing__(self, _name: str) -> str:
        return UNKNOWN


@dataclass(frozen=True)
class Side:
    """A stack as it is, or as it would be: a template, its values, and what they refer to."""

    name: str
    stack_id: str
    template: dict[str, Any]
    values: dict[str, Any]
    resources: dict[str, Any]

    @functools.cached_property
    def conditions(self) -> dict[str, bool]:
        found: dict[str, bool] = engine._evaluate_conditions(self.template, self.values)
        return found

    def resolved(self, value: Any) -> Any:
        mappings = self.template.get("Mappings", {})
        context = (self.resources, self.values, self.conditions, mappings)
        try:
            return engine._resolve_refs(
                copy.deepcopy(value), *context, self.name, self.stack_id
            )
        except (IndexError, KeyError, TypeError, ValueError):
            # A function of a value that isn't known yet: the second of one, say.
            return UNKNOWN

    def definition(self, title: str) -> dict[str, Any]:
        """A resource with the properties that it comes to."""
        whole = self.template.get("Resources", {}).get(title)
        # What an earlier update couldn't delete is in no template.
        whole = whole or {"Type": self.resources[title]["ResourceType"]}
        found = {k: self.resolved(v) for k, v in whole.get("Properties", {}).items()}
        given = {k: v for k, v in found.items() if v is not engine._NO_VALUE}
        return whole | {"Properties": schemas.fitted(whole["Type"], title, given)}

    def outputs(self) -> dict[str, Any]:
        return {
            f"Outputs.{key}": self.resolved(output["Value"])
            for key, output in self.template.get("Outputs", {}).items()
            if self.conditions.get(output.get("Condition"), True)
        }


@dataclass(frozen=True)
class Plan:
    """How one stack would change, as its change set has it told.

    It says whether nested stacks get some, too (IncludeNestedStacks), whether what exists is
    taken in (ImportExistingResources), and which tags of all resources change (_retagged).
    """

    change_set: Stack
    before: Side
    after: Side

    def changes(self) -> list[Change]:
        """All changes, by title; `after.resources` becomes what would be there."""
        if self._is_the_same():
            return []
        resources = self.after.template["Resources"]
        titles = engine._topological_sort(resources, self.after.conditions)
        gone = [title for title in self.before.resources if title not in titles]
        found = [self._diff(title, {}) for title in gone]
        for title in titles:
            definition = self.after.definition(title)
            change = self._diff(title, definition)
            if definition["Type"] == NESTED:
                change = self._nested(title, definition["Properties"], change)
            elif change.get("Action") == "Add" or change.get("Replacement", "False") != "False":
                unmade = {"PhysicalResourceId": UNKNOWN, "Attributes": _Unmade()}
                self.after.resources[title] = unmade
            found.append(change)
        told = sorted(filter(None, found), key=lambda change: change["LogicalResourceId"])
        return self._imported([{"Type": "Resource", "ResourceChange": one} for one in told])

    def _is_the_same(self) -> bool:
        """Whether there is nothing to look for, which is what most nested stacks have."""
        before, after = self.before, self.after
        kinds = {resource["Type"] for resource in after.template["Resources"].values()}
        same = before.template == after.template and before.values == after.values
        return same and NESTED not in kinds and not self.change_set["_retagged"]

    def _imported(self, changes: list[Change]) -> list[Change]:
        """The changes, with what exists taken in where that is asked."""
        if not self.change_set["ImportExistingResources"]:
            return changes
        entries = changesets._existing_resources(changes, self.after.template)
        wrong = changesets._unretained_import_reason(entries, self.after.template)
        if wrong := wrong or changesets._import_owner(entries):
            raise ValueError(wrong)
        taken = {e["LogicalResourceId"]: changesets._import_change(e) for e in entries}
        return [taken.get(c["ResourceChange"]["LogicalResourceId"], c) for c in changes]

    def _diff(self, title: str, after: dict[str, Any]) -> Change:
        """What becomes of one resource; nothing, if it stays as it is."""
        there = title in self.before.resources
        before = self.before.definition(title) if there else {}
        sides = ({"Resources": {title: side} if side else {}} for side in (before, after))
        retag = [title] if self._inherited(after) else []
        changes = stacks._diff_resources(*sides, self.before.resources, retag=retag)
        change: Change = changes[0]["ResourceChange"] if changes else {}
        for detail in change.get("Details", ()):
            self._value(title, before, after, detail)
        if change.get("Replacement") == "True" and before["Type"] == after["Type"]:
            change["Replacement"] = stacks._replacement(change["Details"], type_changed=False)
        return change

    def _value(
        self, title: str, before: dict[str, Any], after: dict[str, Any], detail: Change
    ) -> None:
        """Put the values before and after into a detail of a change."""
        target = detail["Target"]
        attribute, name = target["Attribute"], target.get("Name")
        for key, side in (("BeforeValue", before), ("AfterValue", after)):
            value = side.get(attribute) if name is None else side[attribute].get(name)
            if value is not None:
                target[key] = value if isinstance(value, str) else json.dumps(value)
        if name is not None:
            target["Path"] = f"/{attribute}/{name}"
            # What another stack will give may turn out to be the same.
            written = self.after.template["Resources"][title]["Properties"].get(name)
            values = (
                self.after.values.get(r, {}) for r, _ in engine._intrinsic_references(written)
            )
            if any(UNKNOWN in str(value.get("Value")) for value in values):
                detail["Evaluation"] = "Dynamic"

    def _inherited(self, definition: dict[str, Any]) -> list[str]:
        """Which tags that change a resource gets from its stack, having none such itself."""
        own = definition.get("Properties", {}).get("Tags") or []
        keys = {tag["Key"] for tag in own if isinstance(tag, dict)}
        return [key for key in self.change_set["_retagged"] if key not in keys]

    def _nested(self, title: str, properties: dict[str, Any], change: Change) -> Change:
        """The same change, with the change set of the stack nested there."""
        parent, old = self.change_set, self.before.resources.get(title)
        before = Side(f"{self.after.name}-{title}", "", {}, {}, {})
        if old:
            before = standing(child_of(old["PhysicalResourceId"]))
        body, wrong = helpers._resolve_template({"TemplateURL": [properties["TemplateURL"]]})
        if wrong:
            raise ValueError(text(wrong, "Message"))
        template = engine._parse_template(body)
        values = _values_for(template, properties.get("Parameters") or {})
        after = replace(
            before, template=template, values=values, resources=dict(before.resources)
        )
        change_set = parent | {
            "ChangeSetId": f"{parent['ChangeSetId']}-{title}",
            "ChangeSetName": f"{parent['ChangeSetName']}-{title}",
            "StackName": before.name,
            "StackId": before.stack_id,
            "ParentChangeSetId": parent["ChangeSetId"],
            "RootChangeSetId": parent.get("RootChangeSetId", parent["ChangeSetId"]),
            "Parameters": [
                {"ParameterKey": k, "ParameterValue": v["Value"]} for k, v in values.items()
            ],
            "_retagged": self._inherited({"Properties": properties}),
        }
        change_set["Changes"] = Plan(change_set, before, after).changes()
        was, outputs = before.outputs(), after.outputs()
        self.after.resources[title] = {
            "PhysicalResourceId": before.stack_id or UNKNOWN,
            "Attributes": {k: v if was.get(k) == v else UNKNOWN for k, v in outputs.items()},
        }
        deep = parent["IncludeNestedStacks"]
        # Without a look inside, any nested stack may change.
        if not change and (change_set["Changes"] or not deep):
            change = {"Action": "Modify", "LogicalResourceId": title, "ResourceType": NESTED}
            change |= {"PhysicalResourceId": before.stack_id, "Replacement": "False"}
        if change_set["Changes"] and deep:
            cloudformation._change_sets[change_set["ChangeSetId"]] = change_set
            change |= {"ChangeSetId": change_set["ChangeSetId"]}
        return change


def standing(stack: Stack) -> Side:
    """A stack as it is."""
    return Side(
        *(stack["StackName"], stack["StackId"], stack.get("_template") or {}),
        *(stack.get("_resolved_params", {}), stack.get("_resources", {})),
    )


def _values_for(template: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a nested stack; what isn't known yet meets every condition."""
    declared = template.get("Parameters", {})
    loose = {
        n: {"Type": "String"} if UNKNOWN in str(given.get(n)) else d
        for n, d in declared.items()
    }
    provided = [{"Key": name, "Value": plain(value)} for name, value in given.items()]
    found: dict[str, Any] = engine._resolve_parameters({"Parameters": loose}, provided)
    return {name: value | {"Type": declared[name]["Type"]} for name, value in found.items()}
