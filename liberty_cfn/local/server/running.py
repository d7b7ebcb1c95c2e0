"""Tasks that no service keeps up end as they are told to: there are no containers here.

LIBERTY_LOCAL_TASK is the exit code, and what is logged: "3 no such table".
"""

import json
import os
import threading
import time
from typing import Any

from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import cloudwatch_logs, ecs

from .asking import Answer, went_well

UNTOLD = "0 The local AWS runs no containers: this command was not run"


def _run(asked: dict[str, Any]) -> Answer:
    answer: Answer = _run_task(asked)
    if went_well(answer):
        delay = float(os.environ.get("LIBERTY_LOCAL_DELAY") or 0)
        for task in json.loads(answer[2])["tasks"]:
            where = (get_account_id(), get_region(), task["taskArn"])
            threading.Timer(delay, _end, where).start()
    return answer


def _end(account: str, region: str, arn: str) -> None:
    code, _, said = (os.environ.get("LIBERTY_LOCAL_TASK") or UNTOLD).partition(" ")
    with request_scope(account, region):
        if not (task := ecs._tasks.get(arn)):
            return
        for container in task["containers"]:
            _log(task, container["name"], said)
            container |= {"lastStatus": "STOPPED", "exitCode": int(code)}
        task["stoppedReason"] = "Essential container in task exited"
        task |= {"stopCode": "EssentialContainerExited", "stoppedAt": ecs._iso()}
        task |= {"desiredStatus": "STOPPED", "lastStatus": "STOPPED"}


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
