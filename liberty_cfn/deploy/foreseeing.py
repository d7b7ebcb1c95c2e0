"""What is deployed, reviewed against what would be: what that does, and what of it will fail.

A change set says nothing of what AWS refuses half-way, when the update has to be undone.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import yaml

from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.stack import NESTED_STACK, find, parameters, resources, tags
from liberty_cfn.deploy.targets import Target
from liberty_cfn.deploy.work import Work
from liberty_cfn.digests import digest
from liberty_cfn.environments import Environment
from liberty_cfn.model.parsing import Template, parse
from liberty_cfn.nesting import DIGEST_TAG
from liberty_cfn.review.findings import Kind
from liberty_cfn.review.reviewing import BOOTSTRAP, Review, review
from liberty_cfn.review.sources import Version

ROOT = "templates/root.yaml"


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
    found = review(_version(environment, stack, _deployed(client, stack)), here)
    # AWS has the templates under other names, which have another digest.
    return replace(found, digests=(tags(stack).get(DIGEST_TAG, "unknown"), found.digests[1]))


def failures(work: Work, stack: Mapping[str, Any]) -> Iterator[str]:
    """Yield, in words, what AWS would refuse of the update of a stack, as found.

    Nothing where that can't be told, whatever AWS has there: it is worth a word, and no reason
    to keep a deploy from going on.
    """
    environment = work.environment
    here = {f"templates/{name}": text for name, text in work.templates.items()}
    now = {_file(environment): _values(environment, environment.settings)}
    with contextlib.suppress(Exception):
        same = tags(stack).get(DIGEST_TAG) == digest(work.templates)
        was = here if same else _deployed(work.cloudformation, stack)
        found = review(_version(environment, stack, was), Version("what is here", here, now))
        for part in found.parts:
            for finding in part.findings:
                if finding.kind is Kind.FAILS:
                    yield f"This will fail, and be undone: {finding.text}"


def _version(
    environment: Environment, stack: Mapping[str, Any], templates: Mapping[str, str]
) -> Version:
    values = _values(environment, parameters(stack))
    name = f"{environment.stack} as deployed"
    return Version(name, templates, {_file(environment): values})


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
