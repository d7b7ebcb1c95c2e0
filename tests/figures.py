"""Figures that are counted rather than timed: calls of AWS, and the longest way to the end."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from deployed import Listener
from kills import slow_down

from liberty_cfn.deploy.deploying import deploy
from liberty_cfn.deploy.packaging import read
from liberty_cfn.deploy.targets import Target
from liberty_cfn.deploy.work import Work
from liberty_cfn.environments import load
from liberty_cfn.local import control
from liberty_cfn.model import loading, makespan
from liberty_cfn.repository import TEMPLATES
from liberty_cfn.verify import verify

LOOKING = ("DescribeStackEvents", "DescribeStacks")
LOOK = "a look"
BUSY, CALM = 3, 10  # seconds between two looks, on average (patience.pause)


def counted() -> Iterator[str]:
    """Yield how many calls deploys of the whole design make, in words."""
    environment, templates = load("dev"), read(TEMPLATES)
    with tempfile.TemporaryDirectory() as folder:
        local = control.up(Path(folder), say=lambda _: None)
        try:
            slow_down(local)
            target, calls = _heard(local, f":stack/{environment.stack}/")
            deploy(Work(environment, target, Listener(), templates))
            whole = calls.copy()
            deploy(Work(environment, target, Listener(), templates))
            nothing = calls - whole
            verify(environment, target.client)
            checked = calls - whole - nothing
        finally:
            control.down(Path(folder))
    looking = sum(whole[name] for name in LOOKING)
    each = looking / whole[LOOK]
    yield f"API calls of a deploy that changes nothing: {nothing.total() - nothing[LOOK]}"
    yield f"of one that makes everything: {whole.total() - whole[LOOK] - looking}, and looking:"
    yield (
        f"  {each:.1f} a look; {each * 60 / BUSY:.0f} a minute when much happens, "
        f"{(each + 1) * 60 / CALM:.0f} when little does"
    )
    yield f"  Afterwards, {checked.total()} that verify what exists"


def _heard(local: control.LocalAws, root: str) -> tuple[Target, Counter[str]]:
    """Return a target, and the calls made of it as they are made, and the looks at the root."""
    calls: Counter[str] = Counter()

    def heard(params: dict[str, str], model: Any, **_: object) -> None:
        calls[model.name] += 1
        if model.name == LOOKING[0] and root in params["StackName"]:
            calls[LOOK] += "NextToken" not in params

    session = boto3.Session(**local.credentials)
    session.events.register("provide-client-params", heard)
    return Target(session, local.account, local.endpoint), calls


def longest() -> Iterator[str]:
    """Yield how long production takes to make at least, nested and flat, in words."""
    design, prod = loading.from_texts(read(TEMPLATES)), load("prod")
    nested = makespan.nested(design, prod.settings, prod.region)
    flat = makespan.flat(design, prod.settings, prod.region)
    yield (
        f"Typically made in {nested.took} nested, {flat.took} flat: "
        f"{nested.took / flat.took:.3f} times as long"
    )
    yield "  " + ", ".join(f"{name} {int(at.total_seconds())} s" for name, at in nested.way)
