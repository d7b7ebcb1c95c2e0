import socket
import sys

import ministack.app
import uvicorn

from . import (
    change_sets,
    conditions,
    existing,
    guarding,
    kinds,
    leave,
    mending,
    nested,
    provisioning,
    remembering,
    repeating,
    running,
    scaling,
    stack_sets,
    storage,
)

for addition in (
    *(conditions, nested, existing, change_sets, guarding, repeating, provisioning),
    *(kinds, scaling, storage, running, leave, stack_sets, mending, remembering),
):
    addition.add()

# Hypercorn, by which ministack is served otherwise, takes twice as long.
settings = uvicorn.Config(
    ministack.app.app, http="httptools", ws="none", access_log=False, log_level="error"
)
# The second argument is only there to know the process by.
uvicorn.Server(settings).run([socket.socket(fileno=int(sys.argv[1]))])
