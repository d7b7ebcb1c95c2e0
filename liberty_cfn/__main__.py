"""`liberty-cfn`, or `python -m liberty_cfn`: Ctrl-C is a quiet end from the first moment on."""

import signal

# As long as Python imports, nothing has begun that there would be something to say about. Where
# Ctrl-C is ignored, as in the background, it stays so.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from liberty_cfn.cli import run

if __name__ == "__main__":
    run()
