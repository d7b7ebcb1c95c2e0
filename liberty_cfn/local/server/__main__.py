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
    ws="none",
    access_log=False,
    log_level="error",
    timeout_keep_alive=3600,
    # Ministack says itself what AWS says of the time, and of the server nothing.
    date_header=False,
    server_header=False,
    proxy_headers=False,
)
uvicorn.Server(settings).run([socket.socket(fileno=int(sys.argv[1]))])
