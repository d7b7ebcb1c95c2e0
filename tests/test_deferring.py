# ruff: noqa: PLC0415 - importing is what is looked at
"""What others do when they are imported is done when something comes of it."""

import re
import sys

import pytest

from liberty_cfn.deferring import defer, expressions_deferred


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


@pytest.fixture
def expressive(tmp_path, monkeypatch):
    """A module with two regular expressions, one of which can't be compiled."""
    (tmp_path / "expressive.py").write_text(
        'import re\ngood, bad = re.compile("A+", re.IGNORECASE), re.compile("(")\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("expressive", None)


def test_an_expression_is_compiled_when_it_is_asked_to_match(expressive):
    with expressions_deferred():
        import expressive as module

    assert module.good.match("aab").group() == "aa"
    assert [module.good.match(text) is None for text in ("a", "b")] == [False, True]
    with pytest.raises(re.error):
        module.bad.match("a")


def test_whoever_is_imported_later_compiles_at_once_even_after_a_failure(expressive):
    with pytest.raises(LookupError), expressions_deferred():
        raise LookupError
    with pytest.raises(re.error):
        import expressive  # noqa: F401
