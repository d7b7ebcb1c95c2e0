"""The checkers check themselves: what breaks our own templates is found, or does no harm.

A small share of the mutants, and of the checkers those that are quick; `make bench
ARGS=--mutants` tries many more, with all of them.
"""

import pytest
from broken import edits
from mutants import OPERATORS, Checkers, mutants

from liberty_cfn.environments import load
from liberty_cfn.linting import TEMPLATES
from liberty_cfn.proofs.proving import ours

EACH = 480


@pytest.fixture(scope="module")
def design():
    return ours()


@pytest.fixture(scope="module")
def checkers(design, tmp_path_factory):
    return Checkers(design, tmp_path_factory.mktemp("mutants"), [load("prod")])


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_breaks_something_and_leaves_the_design_as_it_was(design, operator):
    before = {file: str(template.body) for file, template in design.templates.items()}
    broken = next(m for m in mutants(design, 20) if m.operator == operator.__name__)
    assert broken.body != design.templates[broken.file].body
    assert {file: str(template.body) for file, template in design.templates.items()} == before


def test_what_is_broken_is_found_or_listed_as_harmless(design, checkers):
    missed = [
        str(mutant)
        for mutant in mutants(design, EACH)
        if not mutant.harmless and not checkers.find(mutant, slow=False)
    ]
    assert missed == []


def test_a_design_as_it_is_is_no_finding(design, checkers):
    whole = next(mutants(design, EACH))
    whole.body.clear()
    whole.body.update(design.templates[whole.file].body)
    assert checkers.find(whole, slow=False) == ""


def test_every_way_to_break_a_template_that_is_written_down_still_fits_it():
    for edit in edits():
        text = (TEMPLATES / edit.file).read_text()
        assert edit.broken(text) != text
