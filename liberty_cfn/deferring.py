"""Modules that are loaded when something of them is used, rather than imported."""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec


def defer(name: str) -> None:
    """Have whoever imports the module `name` from now on get one that isn't loaded yet.

    What importlib.util.LazyLoader makes is loaded by the next `import` of it.
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
