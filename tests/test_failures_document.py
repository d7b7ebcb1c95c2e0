"""docs/failures.md says what the code says."""

import re
from pathlib import Path

from liberty_cfn.deploy.causes import CAUSES
from liberty_cfn.deploy.statuses import MEANINGS, NEXT, Meaning
from liberty_cfn.repository import REPOSITORY

DOCUMENT = REPOSITORY / "docs/failures.md"


def states():
    """Return the table of states, as the document has it."""
    rows = ["| State | What it means | What to do |", "|---|---|---|"]
    for meaning in Meaning:
        named = [f"`{status}`" for status, what in MEANINGS.items() if what is meaning]
        rows.append(f"| {', '.join(named)} | {meaning.value} | {NEXT[meaning]} |")
    return "\n".join(rows).replace("{name}", "dev").replace("{adopts}", "")


def test_every_state_is_told_with_what_to_do():
    assert states() in DOCUMENT.read_text()


def test_every_known_cause_is_told_with_its_next_step():
    text = DOCUMENT.read_text()
    for step in CAUSES.values():
        assert f"| {step} |" in text


def test_each_of_the_cases_has_tests_by_its_number():
    tests = "".join(file.read_text("utf-8") for file in Path(__file__).parent.glob("test_*.py"))
    found = {int(number) for number in re.findall(r"def test_case_(\d\d)_", tests)}
    assert found == set(range(1, 35))
