"""The pull request's comment: one, updated in place."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from liberty_cfn.review.markdown import MARKER

WORKFLOW = Path(__file__).parent.parent.parent / ".github" / "workflows" / "review.yaml"
# Tells what it is asked; the pull request's comments are the file `there`.
GH = """#!/bin/sh
case "$*" in *--paginate*) cat there;; *) echo "$*" >> asked;; esac
"""


@pytest.fixture
def steps():
    job = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]["review"]
    return {step.get("name", step.get("run", step.get("uses"))): step for step in job["steps"]}


@pytest.mark.parametrize(
    ("there", "asked"),
    [
        ("", "--method POST repos/o/r/issues/7/comments"),
        ("42\n43\n", "--method PATCH repos/o/r/issues/comments/42"),
    ],
)
def test_a_pull_request_gets_one_comment_and_the_next_run_updates_it(
    steps, tmp_path, there, asked
):
    (tmp_path / "gh").write_text(GH)
    (tmp_path / "gh").chmod(0o755)
    (tmp_path / "there").write_text(there)
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "REPOSITORY": "o/r",
        "NUMBER": "7",
    }
    script = ["bash", "-eo", "pipefail", "-c", steps["One comment, updated in place"]["run"]]
    subprocess.run(script, cwd=tmp_path, env=environment, check=True)
    (line,) = (tmp_path / "asked").read_text().splitlines()
    assert asked in line
    assert "body=@review.md" in line


def test_the_comment_is_found_by_what_it_begins_with(steps):
    assert f'startswith("{MARKER}")' in steps["One comment, updated in place"]["run"]


def test_stale_templates_fail_before_they_are_reviewed(steps):
    order = list(steps)
    check = steps["The templates are those of the Python"]
    assert check["run"] == ".venv/bin/python generate.py --check"
    assert order.index(check["name"]) < order.index("What it does to AWS")
