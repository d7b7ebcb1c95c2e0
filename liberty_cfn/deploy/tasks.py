"""The environment's ECS service, and why its tasks did not come up, by their own last words.

Any of this may be gone by the time it is asked for, or be forbidden: then the rest is reported.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.causes import next_step
from liberty_cfn.deploy.targets import Target
from liberty_cfn.environments import Environment

CLUSTER, SERVICE = "liberty-social-backend", "liberty-social-backend-service"
SERVICE_TYPE = "AWS::ECS::Service"
SAID = " said: "
WRONG_PROCESSOR = "exec format error"
# What a terminal obeys, and does not show: colours, titles, a bell.
CONTROLS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[^\t\n -~\xa0-\ud7ff\ue000-\U0010ffff]")
# How ECS says that a service's tasks don't come up, even if there was none to be stopped.
UNWELL = re.compile("unhealthy|health check|unable to|failed to")
LINES = 5
TASKS = 3
# How ECS, and the local AWS, say that a task was stopped on purpose.
MEANT = ("Scaling activity initiated", "Deployment completed", "Service scaling down")
# What GuardDuty adds to a task where it watches over an account. A task runs on without it.
GUARD = "aws-guardduty-agent"
ABSENT = ("ClusterNotFoundException", "ServiceNotFoundException")


def service(environment: Environment, target: Target) -> dict[str, Any] | None:
    """Return the service's description; None where there is no service, or no longer.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Service.html
    """
    with faults.unless(*ABSENT):
        found = target.client("ecs").describe_services(
            cluster=environment.named(CLUSTER), services=[environment.named(SERVICE)]
        )["services"]
        return next((each for each in found if each["status"] == "ACTIVE"), None)
    return None


def of_the_service(environment: Environment, target: Target) -> Iterator[str]:
    """Yield how many tasks of the environment's service run, and why not all of them do."""
    # It may not be there yet, and we may not be let look: the stacks are told all the same.
    with contextlib.suppress(*faults.OF_AWS):
        found = service(environment, target)
        if not found:
            yield "Service: none"
            yield (
                f"  ECS has none of the name {environment.named(SERVICE)}: if somebody deleted "
                f"it, make drift ENV={environment.name} tells so"
            )
        if not found or not (standing := how_many_run(found)):
            return
        yield f"Service: {standing}"
        if not found["desiredCount"]:
            told = f"make doctor ENV={environment.name} tells"
            yield (
                f"  None is wanted: DesiredCount is 0, there is no image yet ({told}), or "
                "somebody stopped them by hand"
            )
        # While others take their place, those of before run on.
        changing = len(found["deployments"]) > 1
        if changing or found["runningCount"] < found["desiredCount"]:
            # Of tasks, ECS remembers no more than that; the service's events go back for weeks.
            hour_ago = datetime.now(UTC) - timedelta(hours=1)
            words = list(why_stopped(target.client, found["serviceArn"], hour_ago, found))
            yield from (f"  {said}" for said in (*words, *steps(words)))


def why_stopped(
    client: Callable[[str], Any],
    arn: str,
    since: datetime | None,
    known: Mapping[str, Any] | None = None,
) -> Iterator[str]:
    """Yield, in words, what became of a service's tasks since then, as far as ECS knows.

    `known` is the service's description, where that was just asked for.
    """
    where, name = _place(arn)
    if not name:
        return
    # Why it failed is known already, and must not be hidden by errors here.
    with contextlib.suppress(*faults.OF_AWS):
        yield from _stopped(client, where, name, since)
    with contextlib.suppress(*faults.OF_AWS):
        yield from _unwell(known or described(client, arn), since)


def steps(words: Iterable[str]) -> Iterator[str]:
    """Yield what to do about why tasks stopped, each step once."""
    # What a program logs may be about anything, but for this, which the system says for it.
    telling = [said for said in words if SAID not in said or WRONG_PROCESSOR in said]
    yield from dict.fromkeys(filter(None, map(next_step, telling)))


def described(client: Callable[[str], Any], arn: str) -> dict[str, Any]:
    """Return a service's description by its ARN; empty where ECS has none."""
    where, name = _place(arn)
    if not name:
        return {}
    return next(iter(client("ecs").describe_services(**where, services=[name])["services"]), {})


def how_many_run(service: Mapping[str, Any]) -> str:
    """Return, in words, how many tasks of a described service run; empty if it doesn't say."""
    rollouts = service.get("deployments", [])
    newest = next((one for one in rollouts if one["status"] == "PRIMARY"), None)
    if newest is None:
        return ""
    starting, failed = newest["pendingCount"], newest.get("failedTasks")
    reason = newest.get("rolloutStateReason", "").removesuffix(".")
    return "".join(
        (
            f"{newest['runningCount']} of {newest['desiredCount']} tasks run",
            f", {starting} starting" if starting else "",
            f", {failed} failed" if failed else "",
            # Then these are of the version before.
            f" ({reason})" if "rolling back" in reason else "",
        )
    )


def _place(arn: str) -> tuple[dict[str, str], str]:
    """Return where a service is, and its name; empty if there is none yet."""
    # arn:aws:ecs:REGION:ACCOUNT:service/CLUSTER/NAME
    _, cluster, name = [*arn.split("/"), "", ""][:3]
    return {"cluster": cluster}, name


def _stopped(
    client: Callable[[str], Any], where: dict[str, str], name: str, since: datetime | None
) -> Iterator[str]:
    ecs = client("ecs")
    arns = ecs.list_tasks(**where, serviceName=name, desiredStatus="STOPPED")["taskArns"]
    if not arns:
        return
    described = ecs.describe_tasks(**where, tasks=arns)["tasks"]
    latest = sorted(described, key=lambda task: str(task.get("stoppedAt", "")), reverse=True)
    tasks = [
        task
        for task in latest
        if not str(task.get("stoppedReason", "")).startswith(MEANT)
        and _is_of_now(task.get("stoppedAt"), since)
    ]
    for task in tasks[:TASKS]:
        yield f"task {_id(task)} stopped: {task.get('stoppedReason') or 'no reason given'}"
        for container in task.get("containers", []):
            if container["name"].startswith(GUARD):
                continue
            ended = [
                f"exit code {container['exitCode']}" if "exitCode" in container else "",
                container.get("reason", ""),
            ]
            if said := ", ".join(filter(None, ended)):
                yield f"  container {container['name']}: {said}"
    for task in tasks[:1]:
        yield from _last_words(client, task)


def _is_of_now(when: datetime | None, since: datetime | None) -> bool:
    """Whether something happened since then, as far as is known."""
    return when is None or since is None or when >= since


def _last_words(client: Callable[[str], Any], task: dict[str, Any]) -> Iterator[str]:
    for container, where in logs_of(client, task).items():
        # One that never started has no log; the next may have.
        with faults.unless("ResourceNotFoundException"):
            events = client("logs").get_log_events(**where, limit=LINES, startFromHead=False)
            yield from (f"  {container}{SAID}{logged(event)}" for event in events["events"])


def logged(event: Mapping[str, Any]) -> str:
    """Return what a task logged, as it can be shown."""
    return CONTROLS.sub("", event["message"]).rstrip()


def logs_of(client: Callable[[str], Any], task: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return where each container of a task logs, by its name: logGroupName, logStreamName.

    `client` returns the boto3 client of a service, `task` is as ECS describes it.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html
    """
    definition = client("ecs").describe_task_definition(
        taskDefinition=task["taskDefinitionArn"]
    )["taskDefinition"]
    found = {}
    for container in definition["containerDefinitions"]:
        name = container["name"]
        options = container.get("logConfiguration", {}).get("options", {})
        if "awslogs-group" in options and "awslogs-stream-prefix" in options:
            stream = f"{options['awslogs-stream-prefix']}/{name}/{_id(task)}"
            group = options["awslogs-group"]
            found[name] = {"logGroupName": group, "logStreamName": stream}
    return found


def _unwell(service: Mapping[str, Any], since: datetime | None) -> Iterator[str]:
    told = [
        event["message"]
        for event in service.get("events", [])
        if _is_of_now(event.get("createdAt"), since)
    ]
    yield from [message for message in told if UNWELL.search(message)][:TASKS]


def _id(task: Mapping[str, Any]) -> str:
    return str(task["taskArn"]).rpartition("/")[2]
