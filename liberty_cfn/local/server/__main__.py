import importlib
import socket
import sys

import ministack.app
import uvicorn

ADDITIONS = (
    *("schemas", "nested", "existing", "change_sets", "guarding", "repeating"),
    *("provisioning", "kinds", "scaling", "running", "mending", "remembering"),
    *("leave", "stack_sets"),
)
for name in ADDITIONS:
    importlib.import_module(f"server.{name}").add()

# Hypercorn, by which ministack is served otherwise, takes twice as long. A connection that is
# closed in the very moment in which it is used again would be an error: it stays open.
settings = uvicorn.Config(
    ministack.app.app,
    http="httptools",
    log_level="error",
    timeout_keep_alive=3600,
    date_header=False,  # ministack says it itself
)
uvicorn.Server(settings).run([socket.socket(fileno=int(sys.argv[1]))])
