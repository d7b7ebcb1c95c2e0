"""What refers to something that isn't made, or isn't there, with an environment's values.

CloudFormation finds that before it does anything, and refuses the whole update.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from liberty_cfn.model.flattening import Flat
from liberty_cfn.model.loading import TemplateSet
from liberty_cfn.model.referring import references
from liberty_cfn.model.resolving import Resolved
from liberty_cfn.model.untold import untold
from liberty_cfn.review.affected import Affected, names
from liberty_cfn.review.changes import Action, Change, gets_another
from liberty_cfn.review.comparing import equal, mapping
from liberty_cfn.review.documented import Replacement, page
from liberty_cfn.review.findings import Finding, Kind
from liberty_cfn.review.schemas import schema
from liberty_cfn.review.spelling import spelled
from liberty_cfn.review.waiting import circle, waits

CONDITIONS_PAGE = (
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/"
    "conditions-section-structure.html"
)
EXPORTS_PAGE = (
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/"
    "using-cfn-stack-exports.html"
)


def dangling(
    changes: Sequence[Change], flat: Flat, after: Resolved, hangs: Affected
) -> Iterator[Finding]:
    """Yield who of those that change, or use what goes, refers to what isn't made."""
    users = hangs.users
    gone = [change.id for change in changes if change.action is Action.REMOVE]
    left = {user for title in gone for user in users.get(title, ())}
    left |= {change.id for change in changes if change.action is not Action.REMOVE}
    declared = flat.template.get("Resources", {})
    for title in [title for title in after.resources if title in left]:
        resource = after.resources[title]
        targets = {target: path for path, target, _ in resource.references}
        for target in targets:
            if target in declared and target not in after.resources:
                yield _unmade(str(resource.origin), title, flat, target)
        for _, target, attribute in resource.references:
            kind = after.resources[target].type if target in after.resources else ""
            if attribute and not _has(kind, attribute):
                text = f"{resource.origin} asks {flat.origins[target]} for {attribute}, which "
                yield Finding(Kind.FAILS, title, f"{text}{kind} doesn't tell", page(kind))
        for call in _unmapped(resource.properties) if title in flat.looking_up else ():
            text = f"{resource.origin} looks up {call}, which is in no Mappings"
            yield Finding(Kind.FAILS, title, text)
    for name, body in flat.template.get("Outputs", {}).items() if gone else ():
        used = set(gone) & set(names(body))
        value = after.outputs.get(name) if used else None
        for _, target, _ in references([value]):
            if target in used and target not in after.resources:
                yield _unmade(f"the stack's output {name}", "", flat, target)


def exports_renewed(changes: Sequence[Change], flat: Flat) -> Iterator[Finding]:
    """Yield the exports that get another value, as what they tell is made anew."""
    anew = {change.id: change for change in changes if change.replaced}
    for name, body in flat.template.get("Outputs", {}).items() if anew else ():
        if not isinstance(body, dict) or "Export" not in body:
            continue
        for _, title, attribute in references([body.get("Value")]):
            another = title in anew and gets_another(anew[title], attribute)
            if another is Replacement.CERTAIN:
                exported = spelled(mapping(body["Export"]).get("Name"))
                text = (
                    f"the output {name} gets another value, as {anew[title].name} is made "
                    f"anew; should another stack import {exported}, CloudFormation refuses"
                )
                yield Finding(Kind.FAILS, title, text, EXPORTS_PAGE)


def untold_outputs(
    old: TemplateSet | None, new: TemplateSet, before: Resolved, after: Resolved
) -> Iterator[Finding]:
    """Yield the uses of nested stacks' outputs that a condition now keeps from being told."""
    known = {*untold(old, before.conditions)} if old and before.resources else set()
    for found in untold(new, after.conditions):
        if found not in known:
            text = f"{found.file}: {'.'.join(map(str, found.place))} uses what isn't there: "
            yield Finding(Kind.FAILS, "", f"{text}{found}", CONDITIONS_PAGE)


def undecided(before: Resolved, after: Resolved, hangs: Affected) -> Iterator[Finding]:
    """Yield the conditions that ask something else than before, which only AWS can answer."""
    for name, asked in after.undecided.items():
        if name not in before.undecided or equal(before.undecided[name], asked):
            continue
        users = [t for t in after.resources if t in hangs.by_name.get(name, ())]
        if users:
            whom = ", ".join(str(after.resources[title].origin) for title in users)
            text = (
                f"the condition {name} asks something else, and can't be decided here; on it "
            )
            yield Finding(Kind.UNKNOWN, "", f"{text}hangs {whom}")


def circles(before: TemplateSet | None, after: TemplateSet) -> Iterator[Finding]:
    """Yield the resources of a template that newly wait for each other."""
    for file, template in after.templates.items():
        old = before.templates.get(file) if before else None
        if old is not None and old.body == template.body:
            continue
        known = waits(old.section("Resources")) if old else {}
        waiting = waits(template.section("Resources"))
        told: set[str] = set()
        for title in waiting:
            found = circle(title, waiting)
            if found and title not in told and found != circle(title, known):
                each = ", ".join(sorted(found))
                how = (
                    "wait for each other, in a circle"
                    if found - {title}
                    else "waits for itself"
                )
                yield Finding(Kind.FAILS, "", f"{file}: {each} {how}")
                told |= found


def _unmade(user: str, title: str, flat: Flat, target: str) -> Finding:
    text = f"{user} refers to {flat.origins[target]}, which isn't made, by its Condition"
    return Finding(Kind.FAILS, title, text, CONDITIONS_PAGE)


def _has(kind: str, attribute: str) -> bool:
    """Whether a type may tell an attribute: it has such a property, or nobody knows."""
    known = schema(kind) if kind else None
    first = attribute.partition(".")[0]
    return known is None or first == "Outputs" or known.knows((first,))


def _unmapped(value: Any) -> Iterator[str]:
    """Yield the look-ups whose names are all known, and which found nothing."""
    items: Collection[Any] = value if isinstance(value, list) else ()
    if isinstance(value, dict):
        items = value.values()
        named = value.get("Fn::FindInMap")
        if isinstance(named, list) and all(isinstance(name, str) for name in named):
            yield ".".join(named)
    for item in items:
        if isinstance(item, dict | list):
            yield from _unmapped(item)
