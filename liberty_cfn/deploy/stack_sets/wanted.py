"""What a stack set should be, and how what exists differs from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from liberty_cfn.deploy import images
from liberty_cfn.deploy.change_sets import CAPABILITIES
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.packaging import Packaged, packaged
from liberty_cfn.deploy.stack import as_parameters, as_tags
from liberty_cfn.deploy.stack_sets.reaching import Fleet
from liberty_cfn.deploy.stack_sets.standing import StackSet, every_override
from liberty_cfn.deployment_targets import Place, Targets
from liberty_cfn.digests import digest
from liberty_cfn.model.one_template import one_template
from liberty_cfn.nesting import DIGEST_TAG


@dataclass(frozen=True)
class Wanted:
    """A set as its environment's file and the templates say.

    `overrides` has every parameter that differs in a place; `settings` all of a place's.
    `untold` are places of which it isn't known which image they are to have, each with why.
    """

    digest: str
    root: Packaged
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    overrides: Mapping[Place, Mapping[str, str]]
    settings: Mapping[Place, Mapping[str, str]]
    advice: tuple[str, ...] = ()
    untold: Mapping[Place, str] = field(default_factory=dict)

    def definition(self, targets: Targets) -> dict[str, Any]:
        """Return the arguments of CreateStackSet and UpdateStackSet, always complete."""
        said: dict[str, Any] = {
            "TemplateURL": self.root.url,
            "Parameters": as_parameters(self.parameters),
            "Tags": as_tags(self.tags),
            "Capabilities": CAPABILITIES,
            "ManagedExecution": {"Active": targets.managed_execution},
        }
        if targets.service_managed:
            said |= {
                "PermissionModel": "SERVICE_MANAGED",
                "AutoDeployment": _automatic(targets),
            }
        return said


def _automatic(targets: Targets) -> dict[str, bool]:
    """Return what AWS does by itself when accounts join the units, and leave them."""
    enabled, retain = targets.auto_deployment, targets.retain_on_removal
    retaining = {"RetainStacksOnAccountRemoval": retain} if enabled else {}
    return {"Enabled": enabled, **retaining}


@dataclass(frozen=True)
class Differences:
    """What has to be done to a set: to all of it (`definition`), and where.

    `outdated` are places where the last operation failed, or that it never reached. `before`
    has the present overrides of existing places.
    """

    definition: bool
    new: tuple[Place, ...] = ()
    changed: tuple[Place, ...] = ()
    outdated: tuple[Place, ...] = ()
    inoperable: tuple[Place, ...] = ()
    gone: tuple[Place, ...] = ()
    before: Mapping[Place, Mapping[str, str]] = field(default_factory=dict, repr=False)

    def __bool__(self) -> bool:
        return self.definition or bool(self.new or self.changed or self.outdated or self.gone)

    def concerns(self, place: Place) -> bool:
        """Whether something is to be done in a place that stays."""
        some = (*self.new, *self.changed, *self.outdated)
        return place not in self.inoperable and (self.definition or place in some)

    def touched(self, targets: Targets) -> list[Place]:
        """Return the places where something is done, the canary first if it is among them.

        But not a new one, if the definition changes and another is there: the definition
        changes with the first place that is updated, and new ones are made by it.
        """
        found = [place for place in targets.places if self.concerns(place)]
        return sorted(
            found,
            key=lambda p: (self.definition and p in self.new, p != targets.canary),
        )


def wanted(fleet: Fleet, templates: Mapping[str, str]) -> Wanted:
    """Return what the set should be; upload its templates for every target to read.

    Raises:
        DeployError: tasks that run would be stopped, as their image is gone; or the templates
            can't be uploaded.
    """
    targets, environment = fleet.targets, fleet.environment
    found, untold = fleet.everywhere(
        targets.places, lambda place: images.resolve(environment.at(place), fleet.at(place))
    )
    if refused := [f"{place}: {i.refusal}" for place, i in found.items() if i.refusal]:
        raise DeployError("\n".join(refused))
    overrides = {
        place: {**different, **(found[place].parameters if place in found else {})}
        for place, different in targets.overrides.items()
    }
    whole = digest(templates)
    # A service-managed set has one template, without nested stacks: with the digest as a tag,
    # every resource would change each time.
    nested = {} if targets.service_managed else {DIGEST_TAG: whole}
    files = {"root.yaml": one_template(templates)} if targets.service_managed else templates
    return Wanted(
        whole,
        packaged(fleet.home, files, [place.account for place in targets.places]),
        environment.given,
        {**environment.tags, **nested},
        overrides,
        {place: {**environment.settings, **own} for place, own in overrides.items()},
        tuple(f"{place}: {i.advice}" for place, i in found.items() if i.advice),
        untold,
    )


def differences(fleet: Fleet, want: Wanted, there: StackSet | None) -> Differences:
    """Return what differs between what a set should be and what there is of it."""
    targets = fleet.targets
    if there is None:
        return Differences(definition=True, new=targets.places)
    automatic = {name for name, on in _automatic(targets).items() if on}
    options = (targets.managed_execution, automatic)
    definition = (want.root.text, want.parameters, want.tags, *options)
    known = [place for place in targets.places if place in there.instances]
    stuck = [place for place in there.being("INOPERABLE") if place in targets.overrides]
    usable = [place for place in known if place not in stuck]
    read = every_override(fleet, usable)
    return Differences(
        definition=there.definition != definition,
        new=tuple(place for place in targets.places if place not in there.instances),
        changed=tuple(p for p in usable if read[p] != want.overrides[p]),
        outdated=tuple(place for place in usable if not there.instances[place].current),
        inoperable=tuple(stuck),
        gone=tuple(place for place in there.instances if place not in targets.overrides),
        before=read,
    )
