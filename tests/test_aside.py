"""Work done in another process."""

import os

import pytest

from liberty_cfn.aside import aside


def test_it_is_done_in_another_process_and_its_result_comes_back():
    assert aside(lambda *given: (os.getpid(), given), 1, 2)() != (os.getpid(), (1, 2))
    assert aside(lambda *given: given, 1, 2)() == (1, 2)


def test_where_it_fails_what_it_raises_is_raised_here(capfd):
    def fail():
        raise LookupError("no such thing")

    failing = aside(fail)
    with pytest.raises(LookupError, match="no such thing"):
        failing()
    assert capfd.readouterr().err == ""
