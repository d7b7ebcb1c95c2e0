# ruff: noqa: PLC0415 - importing is what is looked at
"""Modules that are loaded when something of them is used."""

import sys

import pytest

from liberty_cfn.deferring import defer


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A module that notes when it is loaded, and isn't yet."""
    (tmp_path / "slow.py").write_text("import sys\nsys.loaded.append(__name__)\nfast = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "loaded", [], raising=False)
    yield
    sys.modules.pop("slow", None)


def test_what_is_deferred_is_loaded_when_it_is_used_once(library):
    defer("slow")
    import slow

    assert sys.loaded == []
    assert (slow.fast, slow.fast, sys.loaded) == (1, 1, ["slow"])
    assert not hasattr(slow, "absent")


def test_importing_a_name_from_it_uses_it(library):
    defer("slow")
    from slow import fast

    assert (fast, sys.loaded) == (1, ["slow"])


def test_what_is_loaded_already_stays_as_it_is(library):
    import slow

    defer("slow")
    assert sys.modules["slow"] is slow


def test_what_is_not_installed_is_missed_where_it_is_imported():
    defer("not_installed_anywhere")
    with pytest.raises(ModuleNotFoundError):
        import not_installed_anywhere  # noqa: F401
