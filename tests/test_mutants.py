"""The checkers check themselves: what breaks our own templates is found, or does no harm.

A few mutants, and of the checkers those that are quick; `make bench ARGS=--mutants` tries
many more, with all of them.
"""

from functools import cache

import pytest
from broken import edits
from hypothesis import Phase, given, note, settings
from hypothesis import strategies as st
from mutants import OPERATORS, QUIET, Checkers, Mutant, drawn, mutants

from liberty_cfn.environments import load
from liberty_cfn.proofs.proving import ours
from liberty_cfn.repository import TEMPLATES

FEW = 16
design = cache(ours)


@pytest.fixture(scope="module")
def checkers(tmp_path_factory):
    return Checkers(design(), tmp_path_factory.mktemp("mutants"), [load("prod")])


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_breaks_something_and_leaves_the_design_as_it_was(operator):
    before = {file: str(template.body) for file, template in design().templates.items()}
    for broken in drawn(design(), 5, [operator]):
        assert broken.operator == operator.__name__
        assert broken.body != design().templates[broken.file].body
    assert {file: str(template.body) for file, template in design().templates.items()} == before


@settings(max_examples=FEW, phases=[Phase.generate], **QUIET)
@given(mutant=st.deferred(lambda: mutants(design())))
def test_what_is_broken_is_found_or_listed_as_harmless(checkers, mutant):
    note(str(mutant))
    assert mutant.harmless or checkers.find(mutant, slow=False)


def test_the_same_is_broken_each_time_and_places_enough():
    first, second = drawn(design(), 40), drawn(design(), 40)
    assert list(map(str, first)) == list(map(str, second))
    assert len({(one.file, one.place) for one in first}) > 30
    assert {one.operator for one in first} == {operator.__name__ for operator in OPERATORS}


def test_a_design_as_it_is_is_no_finding(checkers):
    whole = Mutant("none", "root.yaml", (), design().templates["root.yaml"].body)
    assert checkers.find(whole, slow=False) == ""


def test_every_way_to_break_a_template_that_is_written_down_still_fits_it():
    for edit in edits():
        text = (TEMPLATES / edit.file).read_text()
        assert edit.broken(text) != text
