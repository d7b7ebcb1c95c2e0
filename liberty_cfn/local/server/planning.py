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

from . import schemas
from .asking import text
from .existing import adoptable
from .nested import TYPE as NESTED
from .nested import Stack, child_of, plain

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
        """What it has, in the order in which it is made."""
        defined = self.template.get("Resources", {})
        ordered = engine._topological_sort(defined, self.conditions)
        return [t for t in ordered if self.conditions.get(defined[t].get("Condition"), True)]

    @property
    def _context(self) -> tuple[Any, ...]:
        mappings = self.template.get("Mappings", {})
        return (
            self.resources,
            self.values,
            self.conditions,
            mappings,
            self.name,
            self.stack_id,
        )

    def resolved(self, value: Any) -> Any:
        try:
            return engine._resolve_refs(copy.deepcopy(value), *self._context)
        except (IndexError, KeyError, TypeError, ValueError):
            # A function of a value that isn't known yet: the second of one, say.
            return UNKNOWN

    def definition(self, title: str) -> dict[str, Any]:
        found: dict[str, Any] = self.template.get("Resources", {}).get(title, {})
        return found

    def properties(self, title: str) -> dict[str, Any]:
        return self.fitted(title)[0]

    def fitted(self, title: str) -> tuple[dict[str, Any], list[str]]:
        """The properties of a resource, and what its type does not know of them."""
        definition = self.definition(title)
        found = {k: self.resolved(v) for k, v in definition.get("Properties", {}).items()}
        given = {k: v for k, v in found.items() if v is not engine._NO_VALUE}
        return schemas.fitted(definition.get("Type", ""), given)

    def outputs(self) -> dict[str, Any]:
        return {
            f"Outputs.{key}": self.resolved(output["Value"])
            for key, output in self.template.get("Outputs", {}).items()
            if self.conditions.get(output.get("Condition"), True)
        }

    def policy(self, title: str, attribute: str, prefix: str = "") -> Change:
        policy = stacks._resource_policy(self.definition(title), attribute, *self._context)
        return {"PolicyAction": prefix + stacks._POLICY_ACTIONS[policy]}

    def told(self, title: str, when: str) -> Change:
        """The whole of a resource."""
        definition = self.definition(title)
        kept = {a: definition[a] for a in stacks._DIFFED_ATTRIBUTES if a in definition}
        return {f"{when}Context": _text({"Properties": self.properties(title)} | kept)}


@dataclass(frozen=True)
class Plan:
    """How one stack would change, as a part of a change set.

    `deep` is whether nested stacks get change sets too; `adopts`, whether what exists under
    its name is taken in; `retagged`, which tags change that all resources have.
    `unknown` gets the properties that no type has, with their resource and its type.
    """

    change_set: Stack
    before: Side
    after: Side
    deep: bool
    adopts: bool
    retagged: frozenset[str]
    unknown: list[tuple[str, str, str]]

    def changes(self) -> list[Change]:
        """All changes, by title; `after.resources` becomes what would be there."""
        if self._is_the_same():
            return []
        adopted = self._adopted()
        replaced: dict[str, str] = {}
        found = {title: self._removed(title) for title in self._gone()}
        for title in self.after.titles:
            kind = self.after.definition(title)["Type"]
            old = self.before.resources.get(title)
            change = adopted.get(title) or self._change(title, kind, old, replaced)
            if kind == NESTED:
                change = self._nested(title, old, change)
            elif not old or change.get("Replacement", "False") != "False":
                self.after.resources[title] = {
                    "PhysicalResourceId": UNKNOWN,
                    "Attributes": _Unmade(),
                }
            self.unknown.extend((title, kind, why) for why in self.after.fitted(title)[1])
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

    def _adopted(self) -> dict[str, Change]:
        if not self.adopts:
            return {}
        held = self.before.resources
        entries = list(adoptable(self.after.template, self.after.values, held))
        wrong = changesets._unretained_import_reason(entries, self.after.template)
        if wrong := wrong or changesets._import_owner(entries):
            raise ValueError(wrong)
        changes = [changesets._import_change(entry)["ResourceChange"] for entry in entries]
        return {change["LogicalResourceId"]: change for change in changes}

    def _gone(self) -> list[str]:
        return [title for title in self.before.resources if title not in self.after.titles]

    def _removed(self, title: str) -> Change:
        old = self.before.resources[title]
        return (
            {"Action": "Remove", "LogicalResourceId": title}
            | {key: old[key] for key in ("PhysicalResourceId", "ResourceType")}
            | self.before.policy(title, "DeletionPolicy")
            | self.before.told(title, "Before")
        )

    def _change(
        self, title: str, kind: str, old: Stack | None, replaced: dict[str, str]
    ) -> Change:
        """What becomes of one resource; nothing, if it stays as it is."""
        named = {"LogicalResourceId": title, "ResourceType": kind}
        if not old:
            return {"Action": "Add"} | named | self.after.told(title, "After")
        details = list(self._details(title, kind, replaced))
        if not details:
            return {}
        replacement = stacks._replacement(
            details, self.before.definition(title)["Type"] != kind
        )
        if replacement == "True":
            named |= self.after.policy(title, "UpdateReplacePolicy", "ReplaceAnd")
        return (
            {"Action": "Modify", "PhysicalResourceId": old["PhysicalResourceId"]}
            | named
            | {"Replacement": replacement, "Details": details}
            | {"Scope": list(dict.fromkeys(d["Target"]["Attribute"] for d in details))}
            | self.before.told(title, "Before")
            | self.after.told(title, "After")
        )

    def _details(self, title: str, kind: str, replaced: dict[str, str]) -> Iterator[Change]:
        if self._inherited(title) and kind not in stacks._UNTAGGED_TYPES:
            yield {
                "Target": {"Attribute": "Tags", "RequiresRecreation": "Never"},
                "Evaluation": "Static",
            }
        before, after = self.before.properties(title), self.after.properties(title)
        defined = self.after.definition(title).get("Properties", {})
        for name in sorted(before.keys() | after.keys()):
            old, new = before.get(name), after.get(name)
            if old == new:
                continue
            target = {"Attribute": "Properties", "Name": name} | _values(name, old, new)
            target["RequiresRecreation"] = schemas.recreation(kind, name, old, new)
            causes = list(dict.fromkeys(self._causes(defined.get(name), replaced)))
            yield {
                "Target": target,
                "Evaluation": "Dynamic" if causes else "Static",
                "ChangeSource": "DirectModification",
            }
            for source, entity, known in causes:
                yield {
                    "Target": target,
                    "Evaluation": "Static" if known else "Dynamic",
                    "ChangeSource": source,
                    "CausingEntity": entity,
                }
        before, after = self.before.definition(title), self.after.definition(title)
        for attribute in stacks._DIFFED_ATTRIBUTES:
            if before.get(attribute) != after.get(attribute):
                target = {"Attribute": attribute, "RequiresRecreation": "Never"}
                target |= _values("", before.get(attribute), after.get(attribute))
                yield {
                    "Target": target | {"Path": f"/{attribute}"},
                    "Evaluation": "Static",
                    "ChangeSource": "DirectModification",
                }

    def _inherited(self, title: str) -> frozenset[str]:
        """Which tags that change a resource gets from its stack, having none such itself."""
        own = self.after.properties(title).get("Tags") or []
        return self.retagged - {tag["Key"] for tag in own if isinstance(tag, dict)}

    def _causes(self, value: Any, replaced: dict[str, str]) -> Iterator[tuple[str, str, bool]]:
        """What a value changes with: its kind, its name, and whether it is known already."""
        for name, attribute in engine._intrinsic_references(value):
            if name in self.after.values:
                old = self.before.values.get(name, {}).get("Value")
                if old != (new := self.after.values[name]["Value"]):
                    yield "ParameterReference", name, UNKNOWN not in new
            elif name in replaced:
                kept = self.after.resources[name]
                told = kept["Attributes"].get(attribute) if attribute else None
                if replaced[name] != "False" or told == UNKNOWN:
                    source = "ResourceAttribute" if attribute else "ResourceReference"
                    entity = f"{name}.{attribute}" if attribute else name
                    yield source, entity, replaced[name] == "True"

    def _nested(self, title: str, old: Stack | None, change: Change) -> Change:
        """The same change, with the change set of the stack nested there."""
        before = standing(child_of(old["PhysicalResourceId"])) if old else None
        name = f"{self.after.name}-{title}-{secrets.token_hex(6).upper()}"
        before = before or Side(name, "", {}, {}, {})
        properties = self.after.properties(title)
        template = _template(properties["TemplateURL"])
        values = _values_for(template, properties.get("Parameters") or {})
        after = Side(before.name, before.stack_id, template, values, dict(before.resources))
        change_set = _change_set_for(self.change_set, title, after, new=not old)
        asked = (self.deep, self.adopts, self._inherited(title))
        plan = Plan(change_set, before, after, *asked, self.unknown)
        change_set["Changes"] = plan.changes()
        was = before.outputs()
        outputs = {k: v if was.get(k) == v else UNKNOWN for k, v in after.outputs().items()}
        self.after.resources[title] = {
            "PhysicalResourceId": before.stack_id or UNKNOWN,
            "Attributes": outputs,
        }
        if not self.deep:
            # Without a look inside, any nested stack may change.
            return change or _automatic(title, before.stack_id)
        if change_set["Changes"]:
            cloudformation._change_sets[change_set["ChangeSetId"]] = change_set
            change = change or _automatic(title, before.stack_id)
            change |= {"ChangeSetId": change_set["ChangeSetId"]}
        return change


def _automatic(title: str, stack_id: str) -> Change:
    """The change of a nested stack that changes only inside."""
    target = {"Attribute": "Properties", "RequiresRecreation": "Never"}
    detail = {"Target": target, "Evaluation": "Dynamic", "ChangeSource": "Automatic"}
    return {
        "Action": "Modify",
        "LogicalResourceId": title,
        "PhysicalResourceId": stack_id,
        "ResourceType": NESTED,
        "Replacement": "False",
        "Scope": ["Properties"],
        "Details": [detail],
    }


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


def _values(name: str, old: Any, new: Any) -> dict[str, str]:
    kind = "Add" if old is None else "Remove" if new is None else "Modify"
    told = {"BeforeValue": old, "AfterValue": new}
    return {"Path": f"/Properties/{name}", "AttributeChangeType": kind} | {
        key: _text(value) for key, value in told.items() if value is not None
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _change_set_for(parent: Stack, title: str, side: Side, *, new: bool) -> Stack:
    name = f"{parent['ChangeSetName']}-{title}-{secrets.token_hex(6)}"
    arn = re.sub(
        r"changeSet/.*", f"changeSet/{name}/{secrets.token_hex(16)}", parent["ChangeSetId"]
    )
    return parent | {
        "ChangeSetId": arn,
        "ChangeSetName": name,
        "ChangeSetType": "CREATE" if new else "UPDATE",
        "StackName": side.name,
        "StackId": side.stack_id,
        "CreationTime": now_iso(),
        "ParentChangeSetId": parent["ChangeSetId"],
        "RootChangeSetId": parent.get("RootChangeSetId", parent["ChangeSetId"]),
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": value["Value"]}
            for key, value in side.values.items()
        ],
    }
