"""What refers to something that isn't made, or isn't there, with an environment's values.

CloudFormation finds that before it does anything, and refuses the whole update.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from liberty_cfn.model.flattening import Flat
from liberty_cfn.model.loading import TemplateSet
from liberty_cfn.model.resolving import Resolved
from liberty_cfn.model.untold import untold
from liberty_cfn.review.affected import names
from liberty_cfn.review.changes import Action, Change, references
from liberty_cfn.review.findings import Finding, Kind

CONDITIONS_PAGE = (
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/"
    "conditions-section-structure.html"
)
Users = Mapping[str, Collection[str]]


def dangling(
    changes: Sequence[Change], flat: Flat, after: Resolved, users: Users
) -> Iterator[Finding]:
    """Yield who of those that change, or use what goes, refers to what isn't made."""
    gone = [change.id for change in changes if change.action is Action.REMOVE]
    left = {user for title in gone for user in users.get(title, ())}
    left |= {change.id for change in changes if change.action is not Action.REMOVE}
    declared = flat.template.get("Resources", {})
    for title in [title for title in after.resources if title in left]:
        resource = after.resources[title]
        targets = {target: path for path, target, _ in references(resource.properties)}
        for target in targets:
            if target in declared and target not in after.resources:
                yield _unmade(str(resource.origin), title, flat, target)
        for call in _unmapped(resource.properties):
            text = f"{resource.origin} looks up {call}, which is in no Mappings"
            yield Finding(Kind.FAILS, title, text)
    for name, body in flat.template.get("Outputs", {}).items() if gone else ():
        used = set(gone) & set(names(body))
        value = after.outputs.get(name) if used else None
        for _, target, _ in references([value]):
            if target in used and target not in after.resources:
                yield _unmade(f"the stack's output {name}", "", flat, target)


def untold_outputs(
    old: TemplateSet | None, new: TemplateSet, before: Resolved, after: Resolved
) -> Iterator[Finding]:
    """Yield the uses of nested stacks' outputs that a condition now keeps from being told."""
    known = {*untold(old, before.conditions)} if old and before.resources else set()
    for found in untold(new, after.conditions):
        if found not in known:
            text = f"{found.file}: {'.'.join(map(str, found.place))} uses what isn't there: "
            yield Finding(Kind.FAILS, "", f"{text}{found}", CONDITIONS_PAGE)


def _unmade(user: str, title: str, flat: Flat, target: str) -> Finding:
    text = f"{user} refers to {flat.origins[target]}, which isn't made, by its Condition"
    return Finding(Kind.FAILS, title, text, CONDITIONS_PAGE)


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
