# ruff: noqa: PLC0415 - things are imported when what they import is deferred, and if needed
"""Write the templates and docs/settings.md: `python generate.py`, or `make templates`.

With --check, write nothing, name each file that is stale, missing or left over, and
exit 1 if there is one. With --digest, write nothing and print the digest of the whole set
of templates: a deploy can be held to it. With --flat, write nothing and print one template
that makes the same resources as the nested ones: what service-managed stack sets get.
"""

from __future__ import annotations

import gc
import signal
import sys

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # Ctrl-C ends it quietly, from the first moment on.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

# A run is over before there is anything to collect; looking takes a tenth of its time.
gc.disable()

from liberty_cfn.deferring import defer, expressions_deferred  # noqa: E402

# Others import these for what isn't done here; loading them would take a fifteenth of a run.
UNUSED = ("base64", "cfn_flip", "copy", "ipaddress", "linecache", "ntpath", "tokenize")


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"], ["--digest"], ["--flat"]):
        usage = "usage: python generate.py [--check | --digest | --flat]"
        print(f"{usage}\n\n{__doc__}", end="", file=sys.stderr)
        return 0 if arguments in (["--help"], ["-h"]) else 2
    for module in UNUSED:
        defer(module)
    if arguments == ["--digest"]:
        from liberty_cfn.digests import digest

        print(digest(_generated()))
    elif arguments == ["--flat"]:
        wanted = _generated()
        from liberty_cfn.generation import nested
        from liberty_cfn.model.one_template import one_template

        print(one_template(nested(wanted)), end="")
    else:
        return _current(write=not arguments)
    return 0


def _current(*, write: bool) -> int:
    """Have what is generated be current, or else say what isn't; return the exit code."""
    from liberty_cfn import checked

    sources = checked.sources()
    if checked.is_known(sources, checked.GENERATED):
        return 0
    wanted = _generated()
    from liberty_cfn import generation

    if write:
        generation.write(wanted)
        checked.remember(sources, checked.GENERATED)
        return 0
    found = generation.differences(wanted)
    for name, how in found.items():
        print(f"{name} is {how}; run `make templates`", file=sys.stderr)
    return 1 if found else 0


def _generated() -> dict[str, str]:
    # PyYAML's reader, which reads nothing here, has one that takes a tenth of a run to compile.
    with expressions_deferred():
        import yaml  # noqa: F401
    from liberty_cfn.generation import generate

    return generate()


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
    except ModuleNotFoundError as error:
        if str(error.name).startswith("liberty_cfn"):
            raise
        sys.exit(
            f"This Python has no {error.name}: make ready, then .venv/bin/python generate.py"
        )
    # Nor is there when it leaves, where Python would look even so.
    gc.freeze()
    sys.exit(code)
