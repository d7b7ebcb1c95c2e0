"""What is deployed, reviewed against what would be: what that does, and what of it will fail.

A change set says nothing of what AWS refuses half-way, when the update has to be undone; nor,
where CloudFormation can't make one for a nested stack, of what becomes of data in it.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import yaml

from liberty_cfn.deploy.changes import Change, Property, Replacement
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.stack import NESTED_STACK, find, parameters, resources, tags
from liberty_cfn.deploy.targets import Target
from liberty_cfn.deploy.work import Work
from liberty_cfn.digests import digest
from liberty_cfn.environments import Environment
from liberty_cfn.model.parsing import Template, parse
from liberty_cfn.nesting import DIGEST_TAG
from liberty_cfn.review import changes as reviewed
from liberty_cfn.review.findings import Kind
from liberty_cfn.review.losing import remains
from liberty_cfn.review.reviewing import BOOTSTRAP, Part, Review, review
from liberty_cfn.review.sources import Version
from liberty_cfn.stateful import LOSSES

ROOT = "templates/root.yaml"
# What a command works on, and its stack as it was found.
Update = tuple[Work, Mapping[str, Any]]
# What CloudFormation calls what the review does.
ACTIONS = {"add": "Add", "remove": "Remove", "change": "Modify"}
REPLACES = {"certain": Replacement.CERTAIN, "conditional": Replacement.POSSIBLE}


def fetch(environment: Environment, target: Target, now: Version) -> Review:
    """Return what deploying what is here would do to an environment.

    Raises:
        DeployError: nothing is deployed.
        ClientError: AWS refuses.
    """
    client = target.client("cloudformation")
    if (stack := find(client, environment.stack)) is None:
        raise DeployError(
            f"{environment.stack} isn't deployed, so there is nothing to compare with."
        )
    # What an account needs beforehand is no part of the environment's stacks.
    theirs = {
        path: text for path, text in now.templates.items() if BOOTSTRAP not in path.split("/")
    }
    file = _file(environment)
    here = Version(now.name, theirs, {file: now.params[file]})
    values = _values(environment, parameters(stack))
    deployed = Version(
        f"{environment.stack} as deployed", _deployed(client, stack), {file: values}
    )
    found = review(deployed, here)
    # AWS has the templates under other names, which have another digest.
    return replace(found, digests=(tags(stack).get(DIGEST_TAG, "unknown"), found.digests[1]))


def failures(work: Work, stack: Mapping[str, Any]) -> Iterator[str]:
    """Yield, in words, what AWS would refuse of the update of a stack, as found."""
    yield from every_failure([(work, stack)])[0]


def every_failure(updates: Sequence[Update]) -> list[list[str]]:
    """Return what `failures` yields of each update.

    Nothing where that can't be told, whatever AWS has there: it is worth a word, and no reason
    to keep a deploy from going on.
    """
    told: list[list[str]] = [[] for _ in updates]
    with contextlib.suppress(Exception):
        for number, part in _reviewed(updates):
            for finding in part.findings:
                if finding.kind is Kind.FAILS:
                    told[number].append(f"This will fail, and be undone: {finding.text}")
    return told


def inside(work: Work, stack: Mapping[str, Any], changes: Iterable[Change]) -> Iterator[Change]:
    """Yield what becomes of data, by the templates, where CloudFormation doesn't tell.

    That is in nested stacks that are `opaque`. Policies keep what would go there, but not a
    secret's value, nor what a shorter retention deletes.
    """
    hidden = [change.place for change in changes if change.opaque]
    for _, part in _reviewed([(work, stack)]):
        for one in part.changes:
            below = any(one.origin.path[: len(place)] == place for place in hidden)
            if below and one.type in LOSSES:
                yield _as_planned(one)


def _as_planned(one: reviewed.Change) -> Change:
    """Return a change that the review tells of as a change set would tell of it."""
    replaced = Replacement.CERTAIN if one.replaced else Replacement.NO
    replaced = Replacement.POSSIBLE if one.perhaps_replaced else replaced
    return Change(
        one.origin.path,
        one.origin.logical_id,
        one.type,
        ACTIONS[one.action],
        replaced,
        tuple(
            Property(
                told.path[0],
                _text(told.before),
                _text(told.after),
                REPLACES.get(told.verdict.replacement, Replacement.NO),
                within="/".join(told.path[1:]),
            )
            for told in (*one.properties, *one.policies)
        ),
        left=("ReplaceAnd" if one.before and one.after else "") + remains(one),
    )


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _reviewed(updates: Sequence[Update]) -> Iterator[tuple[int, Part]]:
    """Yield what deploying would do to stacks, as found, each with its update's number.

    Stacks that have the same templates are reviewed together, and these asked for once.
    """
    alike: dict[str, list[int]] = {}
    for number, (_, stack) in enumerate(updates):
        deployed = tags(stack).get(DIGEST_TAG) or stack["StackId"]
        alike.setdefault(deployed, []).append(number)
    for deployed, numbers in alike.items():
        work, stack = updates[numbers[0]]
        here = {f"templates/{name}": text for name, text in work.templates.items()}
        same = deployed == digest(work.templates)
        was = here if same else _deployed(work.cloudformation, stack)
        before, now = {}, {}
        for number in numbers:
            (work, stack), file = updates[number], f"params/{number}.yaml"
            before[file] = _values(work.environment, parameters(stack))
            now[file] = _values(work.environment, work.environment.settings)
        found = review(
            Version("what is deployed", was, before), Version("what is here", here, now)
        )
        for part in found.parts:
            # Templates that take no values are the same everywhere.
            for number in [int(part.environment)] if part.environment else numbers:
                yield number, part


def _file(environment: Environment) -> str:
    return f"params/{environment.name}.yaml"


def _values(environment: Environment, given: Mapping[str, str]) -> str:
    """Return a file of params/ with these settings."""
    # What is deployed has tags of deploying's own; templates are what is compared.
    place = {"Region": environment.region, "Tags": dict(environment.tags)}
    return yaml.safe_dump({**place, **given})


def _deployed(client: Any, stack: Mapping[str, Any]) -> dict[str, str]:
    """Return the templates of a stack, and of those in it."""
    templates: dict[str, str] = {}
    _gather(client, stack["StackId"], ROOT, templates)
    return templates


def _gather(client: Any, stack: str, file: str, templates: dict[str, str]) -> None:
    """Add a stack's template, and those of the stacks in it, each under its place."""
    body = client.get_template(StackName=stack, TemplateStage="Original")["TemplateBody"]
    text = body if isinstance(body, str) else json.dumps(body)
    template: Template = parse(text, file)
    nested = {
        title: resource
        for title, resource in template.section("Resources").items()
        if isinstance(resource, dict) and resource.get("Type") == NESTED_STACK
    }
    listed = resources(client, stack) if nested else ()
    there = {one["LogicalResourceId"]: one.get("PhysicalResourceId") for one in listed}
    for title, resource in nested.items():
        if child := there.get(title):
            name = f"{file.removesuffix('.yaml')}-{title}.yaml"
            resource["Properties"]["TemplateURL"] = name.rpartition("/")[2]
            _gather(client, child, name, templates)
    templates[file] = json.dumps(template.body)
