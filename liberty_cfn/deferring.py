"""What others do when they are imported, done when something comes of it, if ever."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec, module_from_spec


def defer(name: str) -> None:
    """Have whoever imports the module `name` from now on get one that isn't loaded yet.

    It is loaded when something of it is used. What importlib.util.LazyLoader makes is loaded
    by the next `import` of it.
    """
    spec = find_spec(name)
    if name in sys.modules or spec is None or spec.loader is None:
        return
    loader, module = spec.loader, module_from_spec(spec)

    def load(attribute: str) -> object:
        del module.__getattr__
        loader.exec_module(module)
        return getattr(module, attribute)

    module.__getattr__ = load  # type: ignore[method-assign]
    sys.modules[name] = module


@contextmanager
def expressions_deferred() -> Iterator[None]:
    """Have modules imported meanwhile compile a regular expression when it first matches.

    It is for modules that ask theirs to match, and do nothing else with them.
    """
    at_once = re.compile
    re.compile = _Expression  # type: ignore[assignment]
    try:
        yield
    finally:
        re.compile = at_once


class _Expression:
    def __init__(self, *given: object) -> None:
        self.given = given

    def __getattr__(self, name: str) -> object:
        found = getattr(re.compile(*self.given), name)  # type: ignore[call-overload]
        setattr(self, name, found)
        return found
