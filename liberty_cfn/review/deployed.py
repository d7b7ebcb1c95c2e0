"""What AWS has of an environment, as a version to compare with. This asks AWS."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import yaml

from liberty_cfn import environments
from liberty_cfn.deploy.stack import find, parameters, resources, tags
from liberty_cfn.deploy.targets import Target
from liberty_cfn.model.loading import NESTED
from liberty_cfn.model.parsing import Template, parse
from liberty_cfn.nesting import DIGEST_TAG
from liberty_cfn.review.reviewing import BOOTSTRAP, Review, review
from liberty_cfn.review.sources import SourceError, Version

ROOT = "templates/root.yaml"


def fetch(environment: environments.Environment, target: Target, now: Version) -> Review:
    """Return what deploying what is here would do to an environment.

    Raises:
        SourceError: nothing is deployed.
        ClientError: AWS refuses.
    """
    client = target.client("cloudformation")
    if (stack := find(client, environment.stack)) is None:
        raise SourceError(
            f"{environment.stack} isn't deployed, so there is nothing to compare with."
        )
    file = f"params/{environment.name}.yaml"
    # What an account needs beforehand is no part of the environment's stacks.
    theirs = {
        path: text for path, text in now.templates.items() if BOOTSTRAP not in path.split("/")
    }
    here = Version(now.name, theirs, {file: now.params[file]})
    found = review(_version(environment, client, stack, file), here)
    # AWS has the templates under other names, which have another digest.
    return replace(found, digests=(tags(stack).get(DIGEST_TAG, "unknown"), found.digests[1]))


def _version(
    environment: environments.Environment, client: Any, stack: Any, file: str
) -> Version:
    given = parameters(stack)
    # What is deployed has tags of deploying's own; templates are what is compared.
    place = {"Region": environment.region, "Tags": dict(environment.tags)}
    values = yaml.safe_dump({**place, **given})
    templates: dict[str, str] = {}
    _gather(client, stack["StackId"], ROOT, templates)
    return Version(f"{environment.stack} as deployed", templates, {file: values})


def _gather(client: Any, stack: str, file: str, templates: dict[str, str]) -> None:
    """Add a stack's template, and those of the stacks in it, each under its place."""
    body = client.get_template(StackName=stack, TemplateStage="Original")["TemplateBody"]
    text = body if isinstance(body, str) else json.dumps(body)
    template: Template = parse(text, file)
    there = {
        one["LogicalResourceId"]: one.get("PhysicalResourceId")
        for one in resources(client, stack)
    }
    for title, resource in template.section("Resources").items():
        if not isinstance(resource, dict) or resource.get("Type") != NESTED:
            continue
        if child := there.get(title):
            name = f"{file.removesuffix('.yaml')}-{title}.yaml"
            resource["Properties"]["TemplateURL"] = name.rpartition("/")[2]
            _gather(client, child, name, templates)
    templates[file] = json.dumps(template.body)
