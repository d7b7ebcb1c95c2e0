# ruff: noqa: SLF001 - ministack has no public names for these
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
    """How one stack would change, as a part of a change set.

    `deep` is whether nested stacks get change sets too; `adopts`, whether what exists under
    its name is taken in; `retagged`, which tags change that all resources have.
    """

    change_set: Stack
    before: Side
    after: Side
    deep: bool
    adopts: bool
    retagged: frozenset[str]

    def changes(self) -> list[Change]:
        """All changes, by title; `after.resources` becomes what would be there."""
        if self._is_the_same():
            return []
        held, titles = self.before.resources, self.after.titles
        found = {title: self._removed(title) for title in held if title not in titles}
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
        values = [{k: v["Value"] for k, v in side.values.items()} for side in (before, after)]
        kinds = {resource["Type"] for resource in after.template["Resources"].values()}
        same = before.template == after.template and values[0] == values[1]
        return same and NESTED not in kinds and not self.retagged

    def _adopted(self, new: list[str]) -> dict[str, Change]:
        entries = existing.adoptable(self.after.template, new) if self.adopts else []
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
        causes = stacks._reference_details(definitions[1], replaced, self._changed())
        for name in sorted(before.keys() | after.keys()):
            if (old := before.get(name)) == (new := after.get(name)):
                continue
            target = {"Attribute": "Properties", "Name": name}
            target |= _values(f"/Properties/{name}", old, new)
            target["RequiresRecreation"] = schemas.recreation(kind, name, old, new)
            evaluation = "Dynamic" if causes.get(name) else "Static"
            direct = {"Target": target, "ChangeSource": "DirectModification"}
            yield direct | {"Evaluation": evaluation}
            for cause in causes.get(name, ()):
                value = self.after.values.get(cause["CausingEntity"], {}).get("Value", "")
                late = {"Evaluation": "Dynamic"} if UNKNOWN in value else {}
                yield cause | {"Target": target} | late
        for attribute in stacks._DIFFED_ATTRIBUTES:
            old, new = (definition.get(attribute) for definition in definitions)
            if old != new:
                target = {"Attribute": attribute, "RequiresRecreation": "Never"}
                target |= _values(f"/{attribute}", old, new)
                direct = {"Target": target, "ChangeSource": "DirectModification"}
                yield direct | {"Evaluation": "Static"}

    def _changed(self) -> set[str]:
        """The parameters whose values change."""
        before, after = self.before.values, self.after.values
        return {n for n, v in after.items() if before.get(n, {}).get("Value") != v["Value"]}

    def _inherited(self, title: str) -> frozenset[str]:
        """Which tags that change a resource gets from its stack, having none such itself."""
        own = self.after.properties(title).get("Tags") or []
        return self.retagged - {tag["Key"] for tag in own if isinstance(tag, dict)}

    def _nested(self, title: str, old: Stack | None, change: Change) -> Change:
        """The same change, with the change set of the stack nested there."""
        name = f"{self.after.name}-{title}-{secrets.token_hex(6).upper()}"
        before = Side(name, "", {}, {}, {})
        if old:
            before = standing(child_of(old["PhysicalResourceId"]))
        properties = self.after.properties(title)
        template = _template(properties["TemplateURL"])
        values = _values_for(template, properties.get("Parameters") or {})
        after = Side(before.name, before.stack_id, template, values, dict(before.resources))
        change_set = _change_set_for(self.change_set, title, after, new=not old)
        asked = (self.deep, self.adopts, self._inherited(title))
        change_set["Changes"] = Plan(change_set, before, after, *asked).changes()
        was = before.outputs()
        self.after.resources[title] = {
            "PhysicalResourceId": before.stack_id or UNKNOWN,
            "Attributes": {
                k: v if was.get(k) == v else UNKNOWN for k, v in after.outputs().items()
            },
        }
        # Without a look inside, any nested stack may change.
        if not change and (change_set["Changes"] or not self.deep):
            change = _automatic(title, before.stack_id)
        if change_set["Changes"] and self.deep:
            cloudformation._change_sets[change_set["ChangeSetId"]] = change_set
            change |= {"ChangeSetId": change_set["ChangeSetId"]}
        return change


def _automatic(title: str, stack_id: str) -> Change:
    """The change of a nested stack that changes only inside."""
    target = {"Attribute": "Properties", "RequiresRecreation": "Never"}
    detail = {"Target": target, "Evaluation": "Dynamic", "ChangeSource": "Automatic"}
    named = {"LogicalResourceId": title, "PhysicalResourceId": stack_id}
    change = {"Action": "Modify", "ResourceType": NESTED, "Replacement": "False"}
    return change | named | {"Scope": ["Properties"], "Details": [detail]}


def standing(stack: Stack) -> Side:
    """A stack as it is."""
    return Side(
        *(stack["StackName"], stack["StackId"], stack.get("_template") or {}),
        *(stack.get("_resolved_params", {}), stack.get("_resources", {})),
    )


def _template(url: str) -> dict[str, Any]:
    body, wrong = helpers._resolve_template({"TemplateURL": [url]})
    if wrong:
        raise ValueError(text(wrong, "Message"))
    found: dict[str, Any] = engine._parse_template(body)
    return found


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


def _values(path: str, old: Any, new: Any) -> dict[str, str]:
    kind = "Add" if old is None else "Remove" if new is None else "Modify"
    told = {"BeforeValue": old, "AfterValue": new}
    return {"Path": path, "AttributeChangeType": kind} | {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in told.items()
        if value is not None
    }


def _change_set_for(parent: Stack, title: str, side: Side, *, new: bool) -> Stack:
    name = f"{parent['ChangeSetName']}-{title}-{secrets.token_hex(6)}"
    own = f"changeSet/{name}/{secrets.token_hex(16)}"
    values = side.values.items()
    return parent | {
        "ChangeSetId": re.sub(r"changeSet/.*", own, parent["ChangeSetId"]),
        "ChangeSetName": name,
        "ChangeSetType": "CREATE" if new else "UPDATE",
        "StackName": side.name,
        "StackId": side.stack_id,
        "CreationTime": now_iso(),
        "ParentChangeSetId": parent["ChangeSetId"],
        "RootChangeSetId": parent.get("RootChangeSetId", parent["ChangeSetId"]),
        "Parameters": [{"ParameterKey": k, "ParameterValue": v["Value"]} for k, v in values],
    }
