"""Tasks that no service keeps up end as they are told to: there are no containers here.

LIBERTY_LOCAL_TASK is the exit code, and what is logged: "3 no such table".
"""

import json
import os
import time
from typing import Any

from ministack.services import cloudwatch_logs, ecs

from .asking import Answer

UNTOLD = "0 The local AWS runs no containers: this command was not run"


def _run(asked: dict[str, Any]) -> Answer:
    answer: Answer = _run_task(asked)
    code, _, said = (os.environ.get("LIBERTY_LOCAL_TASK") or UNTOLD).partition(" ")
    for begun in json.loads(answer[2]).get("tasks", ()):
        task = ecs._tasks[begun["taskArn"]]
        for container in task["containers"]:
            _log(task, container["name"], said)
            container |= {"lastStatus": "STOPPED", "exitCode": int(code)}
        task["stoppedReason"] = "Essential container in task exited"
        task |= {"stopCode": "EssentialContainerExited", "stoppedAt": ecs._iso()}
        task |= {"desiredStatus": "STOPPED", "lastStatus": "STOPPED"}
    return answer


def _log(task: dict[str, Any], container: str, said: str) -> None:
    made = ecs._task_defs[task["taskDefinitionArn"].rpartition("/")[2]]
    [defined] = [d for d in made["containerDefinitions"] if d["name"] == container]
    options = defined.get("logConfiguration", {}).get("options", {})
    stream = f"{options.get('awslogs-stream-prefix')}/{container}/{task['taskArn'][-36:]}"
    where = {"logGroupName": options.get("awslogs-group"), "logStreamName": stream}
    now = int(time.time() * 1000)
    cloudwatch_logs._create_log_stream(where)
    lines = [{"timestamp": now, "message": line} for line in said.splitlines()]
    cloudwatch_logs._put_log_events(where | {"logEvents": lines})


_run_task = ecs._ACTION_MAP["RunTask"]


def add() -> None:
    ecs._ACTION_MAP["RunTask"] = _run
