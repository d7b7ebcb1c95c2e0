"""Tasks that no service keeps up end as they are told to: there are no containers here.

LIBERTY_LOCAL_TASK is the exit code, and what is logged: "3 no such table".
"""

import json
import os
from typing import Any

from ministack.services import ecs

from .asking import Answer

UNTOLD = "0 The local AWS runs no containers: this command was not run"
EXITED = ("Essential container in task exited", "EssentialContainerExited")


def _run(asked: dict[str, Any]) -> Answer:
    answer: Answer = _run_task(asked)
    code, _, said = (os.environ.get("LIBERTY_LOCAL_TASK") or UNTOLD).partition(" ")
    for begun in json.loads(answer[2]).get("tasks", ()):
        arn, made = begun["taskArn"], begun["taskDefinitionArn"].rpartition("/")[2]
        for container in ecs._task_defs[made]["containerDefinitions"]:
            where = ecs._awslogs_config(container, arn.rpartition("/")[2], "")
            if where and ecs._ensure_awslogs_stream(where):
                for line in said.splitlines():
                    ecs._emit_awslogs_event(where, line)
        ecs._mark_task_stopped(arn, ecs._tasks[arn], *EXITED, exit_code=int(code))
    return answer


_run_task = ecs._ACTION_MAP["RunTask"]


def add() -> None:
    ecs._ACTION_MAP["RunTask"] = _run
