import importlib
import json
import os
import socket
import sys
from typing import Any

listening, note = map(int, sys.argv[1:])
# Before all that takes time: whoever started this may be killed meanwhile.
where = {"endpoint": f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}", "pid": os.getpid()}
os.write(note, json.dumps(where).encode())

ministack: Any = importlib.import_module("ministack.app")
uvicorn: Any = importlib.import_module("uvicorn")

ADDITIONS = (
    *("schemas", "nested", "existing", "change_sets", "guarding", "mending", "provisioning"),
    *("kinds", "remembering", "leave", "stack_sets"),
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
uvicorn.Server(settings).run([socket.socket(fileno=listening)])
