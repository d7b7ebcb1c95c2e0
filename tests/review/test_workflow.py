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


def run(step, folder):
    """Run a step as GitHub does where `shell: bash` is said, with the commands in `folder`."""
    environment = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "REPOSITORY": "o/r",
        "NUMBER": "7",
        "GITHUB_STEP_SUMMARY": "summary",
    }
    script = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    return subprocess.run(script, cwd=folder, env=environment, check=False)


def test_steps_run_in_a_shell_that_fails_when_anything_in_them_does():
    document = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    assert document["defaults"] == {"run": {"shell": "bash"}}


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
    assert run(steps["One comment, updated in place"], tmp_path).returncode == 0
    (line,) = (tmp_path / "asked").read_text().splitlines()
    assert asked in line
    assert "body=@review.md" in line


def test_a_list_of_comments_that_can_t_be_read_is_no_reason_for_another_one(steps, tmp_path):
    (tmp_path / "gh").write_text("#!/bin/sh\necho $* >> asked; exit 1\n")
    (tmp_path / "gh").chmod(0o755)
    done = run(steps["One comment, updated in place"], tmp_path)
    assert done.returncode
    assert "POST" not in (tmp_path / "asked").read_text()


def test_a_pull_request_is_compared_with_the_tip_of_the_branch_it_was_merged_into(
    steps, tmp_path, git
):
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message=base")
    git(tmp_path, "checkout", "--quiet", "-b", "change")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message=change")
    git(tmp_path, "checkout", "--quiet", "main")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message=meanwhile")
    tip = git(tmp_path, "rev-parse", "HEAD").strip()
    git(tmp_path, "merge", "--quiet", "--no-ff", "change")
    (tmp_path / "make").write_text("#!/bin/sh\necho $*\n")
    (tmp_path / "make").chmod(0o755)
    assert run(steps["What it does to AWS"], tmp_path).returncode == 0
    assert f"BASE={tip}" in (tmp_path / "review.md").read_text()
    assert (tmp_path / "summary").read_text() == (tmp_path / "review.md").read_text()


def test_the_comment_is_found_by_what_it_begins_with(steps):
    assert f'startswith("{MARKER}")' in steps["One comment, updated in place"]["run"]


def test_stale_templates_fail_before_they_are_reviewed(steps):
    order = list(steps)
    check = steps["The templates are those of the Python"]
    assert check["run"] == ".venv/bin/python generate.py --check"
    assert order.index(check["name"]) < order.index("What it does to AWS")
