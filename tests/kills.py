"""Kills a deploy at random moments, runs it again, and compares what has become of it.

`make bench ARGS=--kills`. Each round has an empty local AWS that takes its time over every
resource, so that there are many moments at which to be killed.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import boto3
from local_aws import variables
from rich.console import Console

from liberty_cfn.local import control

TIMES = 20
DELAY = "0.3"  # seconds for each resource
ENVIRONMENT = "dev"
STACK = f"liberty-social-{ENVIRONMENT}"
DEPLOY = (sys.executable, "-m", "liberty_cfn", "deploy", ENVIRONMENT, "--yes")
REPOSITORY = Path(__file__).parent.parent


def state(cloudformation: Any, stack: str = STACK) -> dict[str, Any]:
    """Return what has become of a stack and those nested in it, without ids made at random."""
    found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    resources = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    summaries = [r for page in resources for r in page["StackResourceSummaries"]]
    changes = cloudformation.list_change_sets(StackName=stack)["Summaries"]
    return {
        "status": found["StackStatus"],
        "protected": found.get("EnableTerminationProtection", False),
        "policy": cloudformation.get_stack_policy(StackName=stack).get("StackPolicyBody"),
        "tags": sorted((tag["Key"], tag["Value"]) for tag in found.get("Tags", [])),
        "outputs": sorted(output["OutputKey"] for output in found.get("Outputs", [])),
        "left behind": changes,
        "resources": sorted(
            (r["LogicalResourceId"], r["ResourceType"], r["ResourceStatus"]) for r in summaries
        ),
        "nested": {
            r["LogicalResourceId"]: state(cloudformation, r["PhysicalResourceId"])
            for r in summaries
            if r["ResourceType"] == "AWS::CloudFormation::Stack"
        },
    }


def main() -> None:
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        local = control.up(Path(folder), say=console.print)
        try:
            _kill(local, console)
        finally:
            control.down(Path(folder))


def _kill(local: control.LocalAws, console: Console) -> None:
    session = boto3.Session(**local.credentials)
    cloudformation = session.client("cloudformation", endpoint_url=local.endpoint)
    _empty(local)
    started = time.perf_counter()
    _finish(_begin(local))
    whole = time.perf_counter() - started
    wanted = state(cloudformation)
    console.print(f"undisturbed, a deploy takes {whole:.1f} s")
    differ = 0
    for number in range(1, TIMES + 1):
        _empty(local)
        moment = random.uniform(0, whole)
        killed = _begin(local)
        with contextlib.suppress(subprocess.TimeoutExpired):
            killed.wait(moment)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        found = _status(cloudformation)
        _finish(_begin(local))
        same = state(cloudformation) == wanted
        differ += not same
        console.print(
            f"{number:2}. killed after {moment:5.1f} s, in {found}: "
            f"{'the same in the end' if same else 'ANOTHER STATE IN THE END'}"
        )
    if differ:
        raise SystemExit(f"{differ} of {TIMES} ended in another state")
    console.print(f"{TIMES} kills, and each ended as if there had been none")


def _begin(local: control.LocalAws) -> subprocess.Popen[bytes]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS", "AWS_"))}
    return subprocess.Popen(
        DEPLOY,
        cwd=REPOSITORY,
        env=kept | variables(local),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def _finish(deploy: subprocess.Popen[bytes]) -> None:
    _, said = deploy.communicate()
    if deploy.returncode:
        raise SystemExit(f"the deploy failed:\n{said.decode()}")


def _status(cloudformation: Any) -> str:
    try:
        found = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"]
    except cloudformation.exceptions.ClientError:
        return "no stack yet"
    return str(found)


def _empty(local: control.LocalAws) -> None:
    _post(local, "reset", {})
    slow_down(local)


def slow_down(local: control.LocalAws) -> None:
    """Have every resource take its time."""
    _post(local, "config", {"LIBERTY_LOCAL_DELAY": DELAY})


def _post(local: control.LocalAws, what: str, body: dict[str, str]) -> None:
    server = http.client.HTTPConnection(local.endpoint.removeprefix("http://"))
    with contextlib.closing(server):
        server.request("POST", f"/_ministack/{what}", json.dumps(body))
        server.getresponse().read()
