"""Migrating the database, before the service moves to the version that needs it.

The stacks are deployed with the service held at its present task definition; a one-off task of
the new one runs the migration; and the service moves on only if that succeeded.
"""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.causes import next_step
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.images import DIGEST
from liberty_cfn.deploy.patience import Patience, Say, Speaker, pause
from liberty_cfn.deploy.plans import Plan
from liberty_cfn.deploy.stack import name_of, parameters, resources
from liberty_cfn.deploy.statuses import Meaning, state_of
from liberty_cfn.deploy.targets import Target
from liberty_cfn.deploy.tasks import (
    CLUSTER,
    SERVICE,
    SERVICE_TYPE,
    logged,
    logs_of,
    service,
)
from liberty_cfn.environments import Environment
from liberty_cfn.names import CONTAINER

HELD, COUNT = "HeldTaskDefinition", "DesiredCount"
DEFINITION = "AWS::ECS::TaskDefinition"
MOVING = (DEFINITION, SERVICE_TYPE)
# Letters, numbers, - / and _ at most.
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
STARTED_BY = "liberty-cfn-migrate"
MOVES = {"TaskDefinition", "DesiredCount"}


def is_due(environment: Environment, plan: Plan) -> bool:
    """Whether carrying out a plan would start tasks of another task definition."""
    if not environment.migrate or environment.settings[COUNT] == "0":
        return False
    untold = any(change.opaque and change.resource == "Service" for change in plan.changes)
    if untold or not any(change.stack for change in plan.changes):
        # CloudFormation didn't say what changes inside the nested stacks.
        return bool(plan.changes)
    return any(
        change.type == DEFINITION
        or (
            change.type == SERVICE_TYPE
            and (change.action == "Add" or MOVES & {p.name for p in change.properties})
        )
        for change in plan.changes
        if change.action != "Remove"
    )


def foretold(environment: Environment, plan: Plan) -> Iterator[str]:
    """Yield, in words, what migrates the database when a plan is carried out, if it is due."""
    if is_due(environment, plan):
        yield f"Before the service moves, a task of the new version runs {environment.migrate}"


def held(environment: Environment, target: Target, plan: Plan) -> dict[str, str]:
    """Return the parameters that keep the service as it is: its tasks, or none.

    Raises:
        DeployError: it is there, by the plan, and not by ECS. To hold it at no tasks would stop
            those that may run.
    """
    running = service(environment, target)
    if running is None and any(
        (change.type, change.action) == (SERVICE_TYPE, "Modify") for change in plan.changes
    ):
        raise DeployError(
            f"ECS doesn't tell of {environment.named(SERVICE)}, which is to change: it can't "
            "be held back until the database is migrated. Nothing was changed; try again, or "
            f"if somebody deleted it: make drift ENV={environment.name}"
        )
    if running and running["desiredCount"]:
        return {HELD: running["taskDefinition"]}
    return {COUNT: "0"}


def is_held(environment: Environment, stack: Mapping[str, Any]) -> str:
    """Return, in words, that the service waits for a migration; empty if it doesn't.

    If it had no tasks before, it has none yet, though there is an image.
    """
    found = parameters(stack)
    stopped = found.get(COUNT) == "0" != environment.settings[COUNT]
    first = environment.migrate and stopped and found["Image"].startswith(DIGEST)
    if not (first or found.get(HELD)) or state_of(stack) is not Meaning.GOOD:
        return ""
    stays = "has no tasks" if first else "stays with the version before"
    return (
        f"The service {stays} until the migration for the new version is done: it is under "
        "way, or it failed or was interrupted. If so, see its log, fix it, then deploy again: "
        f"make deploy ENV={environment.name}"
    )


def migrate(environment: Environment, target: Target, stack_id: str, say: Say) -> None:
    """Run the migration in a task of the stack's task definition; say what it logs.

    If one that an interrupted deploy began is still running, it is followed to its end first:
    two at once could harm the database.

    Raises:
        DeployError: it didn't start, or ended with an exit code other than 0.
        FollowError: it takes too long, or the credentials have expired.
    """
    if not (running := service(environment, target)):
        raise DeployError("The migration didn't run: the stack has no service to run it in.")
    cloudformation = target.client("cloudformation")
    nested = _inside(cloudformation, stack_id, "Service")
    # What the stack made last.
    definition = _inside(cloudformation, nested, "TaskDefinition")
    for task in _under_way(environment, target):
        say(f"A migration is under way already; first its end is awaited: {task['taskArn']}")
        _ended(environment, target, task, say)
    say(f"Migrating: {environment.migrate}")
    task = _start(environment, target, definition, running["networkConfiguration"])
    ended = _ended(environment, target, task, say)
    container = next(each for each in ended["containers"] if each["name"] == CONTAINER)
    if container.get("exitCode") != 0:
        raise DeployError(_failure(environment, ended, container))
    say("Migrated, which isn't undone if the service's move is")


def _under_way(environment: Environment, target: Target) -> list[dict[str, Any]]:
    """Return the tasks of migrations that are running."""
    ecs, where = target.client("ecs"), {"cluster": environment.named(CLUSTER)}
    # With startedBy, AWS takes no other filter; it lists those whose desired status is RUNNING.
    arns = ecs.list_tasks(**where, startedBy=STARTED_BY)["taskArns"]
    return list(ecs.describe_tasks(**where, tasks=arns)["tasks"]) if arns else []


def _inside(cloudformation: Any, stack: str, title: str) -> str:
    """Return the physical id of a resource of a stack.

    Raises:
        DeployError: CloudFormation doesn't list it.
    """
    for found in resources(cloudformation, stack):
        if found["LogicalResourceId"] == title and "PhysicalResourceId" in found:
            return str(found["PhysicalResourceId"])
    raise DeployError(
        f"The migration didn't run: CloudFormation lists no {title} in {name_of(stack)}. The "
        "service is as it was; deploy again."
    )


def _start(
    environment: Environment, target: Target, definition: str, network: Mapping[str, Any]
) -> dict[str, Any]:
    command = shlex.split(environment.migrate)
    started = target.client("ecs").run_task(
        cluster=environment.named(CLUSTER),
        taskDefinition=definition,
        launchType="FARGATE",
        networkConfiguration=network,
        overrides={"containerOverrides": [{"name": CONTAINER, "command": command}]},
        startedBy=STARTED_BY,
        clientToken=uuid.uuid4().hex,
    )
    if not started["tasks"]:
        reasons = (each.get("reason", "") for each in started.get("failures", []))
        why = "; ".join(filter(None, reasons)) or "no reason given"
        raise DeployError(f"The migration didn't start: {why}. The service is as it was.")
    return dict(started["tasks"][0])


def _fresh(logs: Any, where: dict[str, str]) -> Iterator[str]:
    """Yield the lines that a task has logged since the last call; `where` has the position."""
    # There is no log until the container starts.
    with faults.unless("ResourceNotFoundException"):
        page = logs.get_log_events(**where, startFromHead=True)
        where["nextToken"] = page["nextForwardToken"]
        yield from map(logged, page["events"])


def _ended(
    environment: Environment, target: Target, task: Mapping[str, Any], say: Say
) -> dict[str, Any]:
    """Wait until a task ends, and return it; say what it logs meanwhile."""
    ecs, logs, log = target.client("ecs"), target.client("logs"), logs_of(target.client, task)
    again = f"make deploy ENV={environment.name}"
    patience, unread = Patience("the migration", say, again=again), log[CONTAINER]
    where = {"cluster": task["clusterArn"], "tasks": [task["taskArn"]]}
    speaker = Speaker(say, patience.clock)

    def tell() -> bool:
        """Tell a page of the log; return whether there may be another."""
        before = unread.get("nextToken")
        for line in _fresh(logs, unread):
            speaker.say(f"  {line}")
        return unread.get("nextToken") != before

    looks = 0
    try:
        while True:
            found = patience.ask(lambda: ecs.describe_tasks(**where)["tasks"])
            patience.ask(tell)
            if speaker.is_due:
                speaker.say("  the migration is still under way")
            if found and found[0]["lastStatus"] == "STOPPED":
                # Its last lines may have come after the last look, and be many.
                while patience.ask(tell):
                    pass
                return dict(found[0])
            patience.check()
            looks += 1
            pause(ecs, looks)
    except KeyboardInterrupt:
        cluster, name = task["taskArn"].split("/")[-2:]
        say(
            "The migration goes on. To end it half-way: aws ecs stop-task --region "
            f"{target.region} --cluster {cluster} --task {name}"
        )
        raise


def _failure(
    environment: Environment, task: Mapping[str, Any], container: Mapping[str, Any]
) -> str:
    ended = (
        f"ended with exit code {container['exitCode']}"
        if container.get("exitCode") is not None
        else "never ran"
    )
    why = container.get("reason") or task.get("stoppedReason") or "no reason given"
    step = f" {known}" if (known := next_step(why)) else ""
    return (
        f"The migration `{environment.migrate}` {ended} ({why}).{step} The service is as it "
        f"was. Fix it, then deploy again: make deploy ENV={environment.name}"
    )
