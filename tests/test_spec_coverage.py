"""docs/spec-coverage.md: each line of the spec, where it is built, which test says so."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
REPOSITORY = TESTS.parent
DOCUMENT = REPOSITORY / "docs/spec-coverage.md"
LINES = 564  # of the spec


@dataclass(frozen=True)
class Row:
    first: int
    last: int
    says: str
    modules: list[str]
    resources: list[str]
    tests: list[str]

    @property
    def decorative(self):
        return self.says.startswith("*")


def _row(line):
    lines, says, modules, resources, tests = line.strip("| ").split(" | ")
    first, _, last = lines.partition("-")
    quoted = [re.findall(r"`([^`]+)`", cell) for cell in (modules, resources, tests)]
    return Row(int(first), int(last or first), says, *quoted)


@pytest.fixture(scope="module")
def rows():
    return [
        _row(line) for line in DOCUMENT.read_text().splitlines() if re.match(r"\| \d", line)
    ]


def _tests_of(file):
    """Return the names of a test file's tests."""
    tree = ast.parse(file.read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_line_of_the_spec_has_a_row_and_only_one(rows):
    covered = [line for row in rows for line in range(row.first, row.last + 1)]
    assert covered == list(range(1, LINES + 1))


def test_a_line_that_says_something_is_built_and_tested(rows):
    for row in rows:
        assert bool(row.modules) is bool(row.tests) is not row.decorative, row


def test_a_line_that_a_stack_builds_names_the_resource(rows):
    for row in rows:
        assert bool(row.resources) is any("/stacks/" in module for module in row.modules), row


def test_the_modules_exist(rows):
    missing = {m for row in rows for m in row.modules if not (REPOSITORY / m).exists()}
    assert missing == set()


def test_the_resources_exist(rows, stacks):
    there = {
        f"{name}.yaml#{t}" for name, stack in stacks.items() for t in stack.body["Resources"]
    }
    assert {r for row in rows for r in row.resources} - there == set()


def test_the_tests_exist(rows):
    wanted = {test for row in rows for test in row.tests}
    files = {test.partition("::")[0] for test in wanted}
    there = {
        f"{file}::{name}"
        for file in files
        if (TESTS / file).exists()
        for name in _tests_of(TESTS / file)
    }
    assert wanted - there == set()


def test_each_stack_is_there_for_the_spec_s_sake_or_said_not_to_be(rows, stacks):
    built = {module for row in rows for module in row.modules}
    # What is beyond the spec is named below the table.
    text = [line for line in DOCUMENT.read_text().splitlines() if not line.startswith("|")]
    named = built | {*re.findall(r"`([^`]+)`", "\n".join(text))}
    assert {f"liberty_cfn/stacks/{name}.py" for name in stacks} <= named


def test_a_row_of_a_stack_names_a_resource_of_its_template(rows):
    for row in rows:
        for module in row.modules:
            stack = re.fullmatch(r"liberty_cfn/stacks/(\w+)\.py", module)
            if stack:
                assert any(r.startswith(f"{stack[1]}.yaml#") for r in row.resources), row
