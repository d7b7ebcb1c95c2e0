"""All that is proved, with every environment's values, and with those nobody has chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from liberty_cfn.environments import Environment, load, names
from liberty_cfn.model.flattening import flatten
from liberty_cfn.model.loading import TemplateSet, from_texts
from liberty_cfn.model.resolving import Resolved, resolve
from liberty_cfn.proofs import connections, permissions, retention
from liberty_cfn.repository import PARAMS, TEMPLATES
from liberty_cfn.rules.checking import switched

# The other answer to each condition, so that nothing goes unproved for being switched off.
OTHERWISE = "every condition the other way"
# What would else be symbolic there, as it can't be guessed.
SAID = {
    "EnvironmentFile": "arn:aws:s3:::liberty-social-settings/backend.env",
    "ExistingExecutionRole": permissions.EXISTING,
}


def ours(folder: Path = TEMPLATES) -> TemplateSet:
    """Return the design that is in templates/."""
    texts = {file.name: file.read_text(encoding="utf-8") for file in folder.glob("*.yaml")}
    return from_texts(texts)


def designs(templates: TemplateSet, params: Path = PARAMS) -> dict[str, Resolved]:
    """Return what comes of the design, by environment; of a stack set's, in each place.

    Where it would be is left open, so that environments can be compared.
    """
    flat = flatten(templates)
    found = {
        _named(part, alone=environment.targets is None): resolve(flat, part.settings)
        for environment in (load(name, params) for name in names(params))
        for part in environment.parts
    }
    return found | {OTHERWISE: resolve(flat, switched(flat.template) | SAID)}


def _named(part: Environment, *, alone: bool) -> str:
    """Return what an environment is called: prod, or global/111111111111/eu-west-1."""
    return part.name if alone else f"{part.name}/{part.account}/{part.region}"


def misfits(resolved: Mapping[str, Resolved]) -> list[str]:
    """Return what contradicts the statements, and with whose values."""
    found: dict[str, list[str]] = {}
    for name, design in resolved.items():
        for proof in (connections, permissions, retention):
            for misfit in proof.misfits(design):
                found.setdefault(misfit, []).append(name)
    told = [f"{misfit} ({_whose(who, resolved)})" for misfit, who in found.items()]
    return [*told, *permissions.no_longer(resolved.values())]


def _whose(who: Sequence[str], everybody: Mapping[str, Resolved]) -> str:
    return "everywhere" if len(who) == len(everybody) else ", ".join(who)
