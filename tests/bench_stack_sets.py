"""What planning and deploying a stack set costs against the number of its targets.

`make bench ARGS=--stack-sets`: 10, 50 and 100 targets on a local AWS of its own, of a small
design, as it is ours to measure and not the local AWS's making of resources. Counted are the
calls that are made, and the memory of the whole process.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import boto3
import botocore.client
from local_aws import Aws
from rich.console import Console
from rich.table import Table
from stack_sets import SMALL, Sets, Told

from liberty_cfn.deploy.stack_sets import bootstrap
from liberty_cfn.deploy.stack_sets.deploying import deploy, prepare
from liberty_cfn.deploy.targets import Target
from liberty_cfn.deployment_targets import Place
from liberty_cfn.local import control

REGIONS = ("us-east-1", "eu-west-1")
SIZES = (10, 50, 100)


def counted(work):
    """Return the wall seconds and the calls of what is done."""
    calls = []
    original = botocore.client.BaseClient._make_api_call  # noqa: SLF001

    def count(self, name, asked):
        calls.append(name)
        return original(self, name, asked)

    botocore.client.BaseClient._make_api_call = count  # noqa: SLF001
    started = time.perf_counter()
    try:
        work()
    finally:
        botocore.client.BaseClient._make_api_call = original  # noqa: SLF001
    return time.perf_counter() - started, len(calls)


def main() -> None:
    acts = ("Deploy", "Plan", "Change")
    columns = [column for act in acts for column in (f"{act} (s)", "Calls")]
    table = Table("Targets", *columns, "Memory (MiB)", box=None)
    with tempfile.TemporaryDirectory() as folder:
        local = control.up(Path(folder), say=lambda _line: None)
        home = Target(boto3.Session(**local.credentials), local.account, local.endpoint)
        sets = Sets(home, Aws(local))
        for size in SIZES:
            accounts = [local.account, *(f"{n:012d}" for n in range(1, size // 2))]
            places = [Place(account, region) for region in REGIONS for account in accounts]
            overrides = {
                place: {"NameSuffix": f"-{size}{number:03d}"}
                for number, place in enumerate(places)
            }
            fleet = sets.with_targets(sets.fleet().environment, overrides)
            bootstrap.install(fleet, "", lambda _line: None)
            made = counted(lambda fleet=fleet: deploy(fleet, SMALL, Told()))
            changed = sets.changed(fleet, LogRetentionDays="30")
            planned = counted(lambda changed=changed: prepare(changed, SMALL, Told()))
            done = counted(lambda changed=changed: deploy(changed, SMALL, Told()))
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            figures = [
                figure
                for s, calls in (made, planned, done)
                for figure in (f"{s:.1f}", str(calls))
            ]
            table.add_row(str(size), *figures, f"{memory:.0f}")
        control.down(Path(folder))
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
