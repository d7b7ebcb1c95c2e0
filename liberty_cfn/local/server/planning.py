"""What would change in a stack and in those nested in it, with the values before and after.

Values are followed through parameters and outputs. What comes out the same is no change;
what only the update will tell, such as the id of what is made anew, is UNKNOWN, and so is
all that is made of it. AWS claims more: that whatever reads an attribute of something that
changes may change.
"""

import copy
import functools
import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import now_iso
from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, engine, helpers, stacks

from . import existing, schemas
from .asking import Stack, plain, text
from .nested import TYPE as NESTED
from .nested import child_of

UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"
Change = dict[str, Any]
DIRECT = {"ChangeSource": "DirectModification"}
# What is said of a nested stack that changes only inside.
AUTOMATIC = {
    "Target": {"Attribute": "Properties", "RequiresRecreation": "Never"},
    "Evaluation": "Dynamic",
    "ChangeSource": "Automatic",
}


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

    @functools.cached_property
    def titles(self) -> list[str]:
        return existing.titles(self.template, self.values)

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
        found: dict[str, Any] = self.template.get("Resources", {}).get(title, {})
        return found

    def properties(self, title: str) -> dict[str, Any]:
        definition = self.definition(title)
        found = {k: self.resolved(v) for k, v in definition.get("Properties", {}).items()}
        given = {k: v for k, v in found.items() if v is not engine._NO_VALUE}
        return schemas.fitted(definition.get("Type", ""), title, given)

    def outputs(self) -> dict[str, Any]:
        return {
            f"Outputs.{key}": self.resolved(output["Value"])
            for key, output in self.template.get("Outputs", {}).items()
            if self.conditions.get(output.get("Condition"), True)
        }

    def told(self, title: str) -> str:
        """The whole of a resource."""
        return json.dumps({"Properties": self.properties(title)})


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
        held, titles = self.before.resources, self.after.titles
        found = {title: self._removed(title) for title in held if title not in titles}
        if self.change_set["ImportExistingResources"]:
            found |= self._adopted([title for title in titles if title not in held])
        replaced: dict[str, str] = {}
        for title in titles:
            kind, old = self.after.definition(title)["Type"], held.get(title)
            change = found.get(title) or self._change(title, kind, old, replaced)
            if kind == NESTED:
                change = self._nested(title, old, change)
            elif not old or change.get("Replacement", "False") != "False":
                new = {"PhysicalResourceId": UNKNOWN, "Attributes": _Unmade()}
                self.after.resources[title] = new
            if change:
                replaced[title] = change.get("Replacement", "False")
                found[title] = change
        return [{"Type": "Resource", "ResourceChange": found[title]} for title in sorted(found)]

    def _is_the_same(self) -> bool:
        """Whether there is nothing to look for, which is what most nested stacks have."""
        before, after = self.before, self.after
        kinds = {resource["Type"] for resource in after.template["Resources"].values()}
        same = before.template == after.template and not (self._changed or NESTED in kinds)
        return same and not self.change_set["_retagged"]

    @functools.cached_property
    def _changed(self) -> set[str]:
        """The parameters whose values change."""
        before, after = self.before.values, self.after.values
        return {n for n, v in after.items() if before.get(n, {}).get("Value") != v["Value"]}

    def _adopted(self, new: list[str]) -> dict[str, Change]:
        entries = existing.adoptable(self.after.template, new)
        wrong = changesets._unretained_import_reason(entries, self.after.template)
        if wrong := wrong or changesets._import_owner(entries):
            raise ValueError(wrong)
        changes = [changesets._import_change(entry)["ResourceChange"] for entry in entries]
        return {change["LogicalResourceId"]: change for change in changes}

    def _removed(self, title: str) -> Change:
        old = self.before.resources[title]
        gone = {"Action": "Remove", "LogicalResourceId": title}
        gone |= {key: old[key] for key in ("PhysicalResourceId", "ResourceType")}
        gone |= stacks._policy_action(self.before.definition(title), "DeletionPolicy")
        return gone | {"BeforeContext": self.before.told(title)}

    def _change(
        self, title: str, kind: str, old: Stack | None, replaced: dict[str, str]
    ) -> Change:
        """What becomes of one resource; nothing, if it stays as it is."""
        named = {"LogicalResourceId": title, "ResourceType": kind}
        if not old:
            return {"Action": "Add"} | named | {"AfterContext": self.after.told(title)}
        if not (details := list(self._details(title, kind, replaced))):
            return {}
        other = self.before.definition(title)["Type"] != kind
        if (replacement := stacks._replacement(details, other)) == "True":
            definition = self.after.definition(title)
            named |= stacks._policy_action(definition, "UpdateReplacePolicy", "ReplaceAnd")
        return named | {
            "Action": "Modify",
            "PhysicalResourceId": old["PhysicalResourceId"],
            "Replacement": replacement,
            "Scope": list(dict.fromkeys(d["Target"]["Attribute"] for d in details)),
            "Details": details,
            "BeforeContext": self.before.told(title),
            "AfterContext": self.after.told(title),
        }

    def _details(self, title: str, kind: str, replaced: dict[str, str]) -> Iterator[Change]:
        if self._inherited(title) and kind not in stacks._UNTAGGED_TYPES:
            target = {"Attribute": "Tags", "RequiresRecreation": "Never"}
            yield {"Target": target, "Evaluation": "Static"}
        before, after = self.before.properties(title), self.after.properties(title)
        definitions = self.before.definition(title), self.after.definition(title)
        causes = stacks._reference_details(definitions[1], replaced, self._changed)
        for name in sorted(before.keys() | after.keys()):
            if (old := before.get(name)) == (new := after.get(name)):
                continue
            recreation = schemas.recreation(kind, name, old, new)
            target = _target(f"Properties/{name}", old, new, recreation)
            yield DIRECT | {
                "Target": target,
                "Evaluation": "Dynamic" if name in causes else "Static",
            }
            for cause in causes.get(name, ()):
                value = self.after.values.get(cause["CausingEntity"], {}).get("Value", "")
                late = {"Evaluation": "Dynamic"} if UNKNOWN in value else {}
                yield cause | {"Target": target} | late
        for attribute in stacks._DIFFED_ATTRIBUTES:
            old, new = (definition.get(attribute) for definition in definitions)
            if old != new:
                yield DIRECT | {"Target": _target(attribute, old, new), "Evaluation": "Static"}

    def _inherited(self, title: str) -> list[str]:
        """Which tags that change a resource gets from its stack, having none such itself."""
        own = self.after.properties(title).get("Tags") or []
        keys = {tag["Key"] for tag in own if isinstance(tag, dict)}
        return [key for key in self.change_set["_retagged"] if key not in keys]

    def _nested(self, title: str, old: Stack | None, change: Change) -> Change:
        """The same change, with the change set of the stack nested there."""
        name = f"{self.after.name}-{title}-{secrets.token_hex(6).upper()}"
        before = Side(name, "", {}, {}, {})
        if old:
            before = standing(child_of(old["PhysicalResourceId"]))
        properties = self.after.properties(title)
        body, wrong = helpers._resolve_template({"TemplateURL": [properties["TemplateURL"]]})
        if wrong:
            raise ValueError(text(wrong, "Message"))
        template = engine._parse_template(body)
        values = _values_for(template, properties.get("Parameters") or {})
        after = Side(before.name, before.stack_id, template, values, dict(before.resources))
        change_set = _change_set_for(self.change_set, title, after)
        change_set["_retagged"] = self._inherited(title)
        change_set["Changes"] = Plan(change_set, before, after).changes()
        was, outputs = before.outputs(), after.outputs()
        self.after.resources[title] = {
            "PhysicalResourceId": before.stack_id or UNKNOWN,
            "Attributes": {k: v if was.get(k) == v else UNKNOWN for k, v in outputs.items()},
        }
        deep = self.change_set["IncludeNestedStacks"]
        # Without a look inside, any nested stack may change.
        if not change and (change_set["Changes"] or not deep):
            change = {"Action": "Modify", "LogicalResourceId": title, "ResourceType": NESTED}
            change |= {"PhysicalResourceId": before.stack_id, "Replacement": "False"}
            change |= {"Scope": ["Properties"], "Details": [AUTOMATIC]}
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


def _target(path: str, old: Any, new: Any, recreation: str = "Never") -> dict[str, str]:
    kind = "Add" if old is None else "Remove" if new is None else "Modify"
    target = dict(zip(("Attribute", "Name"), path.split("/"), strict=False))
    target |= {
        "Path": f"/{path}",
        "AttributeChangeType": kind,
        "RequiresRecreation": recreation,
    }
    for key, value in (("BeforeValue", old), ("AfterValue", new)):
        if value is not None:
            target[key] = value if isinstance(value, str) else json.dumps(value)
    return target


def _change_set_for(parent: Stack, title: str, side: Side) -> Stack:
    name = f"{parent['ChangeSetName']}-{title}-{secrets.token_hex(6)}"
    own = f"changeSet/{name}/{secrets.token_hex(16)}"
    values = side.values.items()
    return parent | {
        "ChangeSetId": re.sub(r"changeSet/.*", own, parent["ChangeSetId"]),
        "ChangeSetName": name,
        "ChangeSetType": "UPDATE" if side.stack_id else "CREATE",
        "StackName": side.name,
        "StackId": side.stack_id,
        "CreationTime": now_iso(),
        "ParentChangeSetId": parent["ChangeSetId"],
        "RootChangeSetId": parent.get("RootChangeSetId", parent["ChangeSetId"]),
        "Parameters": [{"ParameterKey": k, "ParameterValue": v["Value"]} for k, v in values],
    }
