import importlib
import json
import os
import socket
import sys
from typing import Any

NOTE = int(sys.argv[1])

listening = socket.create_server(("127.0.0.1", 0))
# Else each answer waits, some 40 ms, until whoever asked acknowledges what it has of it.
listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
port = str(listening.getsockname()[1])
os.environ["GATEWAY_PORT"] = port

ministack: Any = importlib.import_module("ministack.app")
uvicorn: Any = importlib.import_module("uvicorn")

ADDITIONS = (
    *("schemas", "nested", "existing", "change_sets", "guarding", "mending", "provisioning"),
    *("kinds", "remembering", "stack_sets"),
)
for name in ADDITIONS:
    importlib.import_module(f"server.{name}").add()

# Hypercorn, by which ministack is served otherwise, takes twice as long. A connection that is
# closed in the very moment in which it is used again would be an error: it stays open.
settings = uvicorn.Config(
    ministack.app,
    log_level="error",
    access_log=False,
    proxy_headers=False,
    timeout_keep_alive=3600,
    date_header=False,  # ministack says it itself
)


class Server(uvicorn.Server):  # type: ignore[misc]
    async def startup(self, sockets: Any = None) -> None:
        """Say where it answers, to whoever waits for that."""
        await super().startup(sockets)
        where = {"endpoint": f"http://127.0.0.1:{port}", "pid": os.getpid()}
        if self.started:
            os.write(NOTE, json.dumps(where).encode())

    async def on_tick(self, counter: int) -> bool:
        """End where the note was deleted, as by `git clean`: nobody finds this one any more."""
        if not os.fstat(NOTE).st_nlink:
            os._exit(0)
        return await super().on_tick(counter)


Server(settings).run([listening])
