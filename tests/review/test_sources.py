"""Versions from git and folders, and `liberty-cfn diff` over them."""

import json
import subprocess
import sys
from functools import partial

import pytest
from click.testing import CliRunner
from versions import resource

from liberty_cfn.cli import cli
from liberty_cfn.review import sources
from liberty_cfn.review.sources import SourceError


def write(folder, resources, **params):
    (folder / "templates").mkdir(parents=True, exist_ok=True)
    (folder / "params").mkdir(exist_ok=True)
    (folder / "templates" / "root.yaml").write_text(json.dumps({"Resources": resources}))
    for name, given in params.items():
        (folder / "params" / f"{name}.yaml").write_text(json.dumps(given))


def vpc(block):
    return {"Vpc": resource("EC2::VPC", {"CidrBlock": block})}


@pytest.fixture(scope="module")
def repository(tmp_path_factory, git):
    """Return a repository whose main has a VPC, and a branch and a folder that changed it."""
    folder = tmp_path_factory.mktemp("repository")
    git(folder, "init", "--quiet", "--initial-branch", "main")
    write(folder, vpc("10.0.0.0/16"), dev={"Region": "us-east-1"})
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "one")
    git(folder, "switch", "--quiet", "--create", "work")
    write(folder, vpc("10.1.0.0/16"))
    git(folder, "commit", "--quiet", "--all", "--message", "two")
    write(folder, vpc("10.2.0.0/16"))
    return folder


@pytest.fixture
def run(monkeypatch, tmp_path):
    def run_(*arguments, here=tmp_path):
        monkeypatch.chdir(here)
        return CliRunner().invoke(cli, ["diff", *map(str, arguments)])

    return run_


@pytest.fixture
def at_work(run, repository):
    return partial(run, here=repository)


def test_what_is_here_is_compared_with_where_it_left_main_uncommitted_work_included(at_work):
    assert "10.0.0.0/16 → 10.2.0.0/16" in at_work().stdout


def test_any_revision_can_be_the_base(at_work):
    assert "10.1.0.0/16 → 10.2.0.0/16" in at_work("--base", "HEAD").stdout


def test_a_detached_checkout_without_a_main_branch_says_what_to_do(
    run, repository, tmp_path, git
):
    there = tmp_path / "clone"
    source = f"file://{repository}"
    git(tmp_path, "clone", "--quiet", "--depth", "1", "--branch", "work", source, str(there))
    git(there, "checkout", "--quiet", "--detach")
    git(there, "branch", "--quiet", "--delete", "--force", "work")
    result = run(here=there)
    assert result.exit_code == 1
    assert "There is no main branch here" in result.stderr
    assert "BASE=" in result.stderr


def test_a_shallow_checkout_that_lacks_the_common_past_says_so(run, repository, tmp_path, git):
    there = tmp_path / "clone"
    source = f"file://{repository}"
    git(tmp_path, "clone", "--quiet", "--depth", "1", "--branch", "work", source, str(there))
    git(there, "fetch", "--quiet", "--depth", "1", "origin", "main:refs/remotes/origin/main")
    result = run(here=there)
    assert result.exit_code == 1
    assert "it is shallow" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("name", ["nowhere", "--help-me", "", "HEAD:templates"])
def test_a_revision_that_isn_t_there_is_one_clear_sentence(name, repository):
    with pytest.raises(SourceError, match="there is no such revision"):
        sources.revision(name, repository)


def test_a_folder_that_is_none_of_ours_is_one_clear_sentence(run, tmp_path):
    for arguments, here in (((), tmp_path), ((tmp_path, tmp_path), tmp_path)):
        result = run(*arguments, here=here)
        assert result.exit_code == 1
        assert len(result.stderr.strip().splitlines()) == 1


def test_a_folder_that_isn_t_there_is_one_clear_sentence(run, tmp_path):
    result = run(tmp_path / "a", tmp_path / "b")
    assert result.exit_code == 1
    assert "there is no such folder" in result.stderr


def test_templates_that_don_t_parse_are_one_clear_sentence(run, tmp_path):
    (tmp_path / "a.yaml").write_text("Resources: [1")
    result = run(tmp_path, tmp_path)
    assert result.exit_code == 1
    assert "a.yaml:" in result.stderr


def test_any_nested_set_of_files_can_be_compared(run, tmp_path):
    for name, block in (("old", "10.0.0.0/16"), ("new", "10.1.0.0/16")):
        (tmp_path / name / "stacks").mkdir(parents=True)
        child = {"Resources": vpc(block)}
        nested = resource("CloudFormation::Stack", {"TemplateURL": "./stacks/net.template"})
        top = {"Resources": {"Net": nested}}
        (tmp_path / name / "stacks" / "net.template").write_text(json.dumps(child))
        (tmp_path / name / "main.json").write_text(json.dumps(top))
    assert "Net/Vpc (AWS::EC2::VPC) replaced" in run(tmp_path / "old", tmp_path / "new").stdout


def test_single_files_can_be_compared(run, tmp_path):
    for name, block in (("old.json", "10.0.0.0/16"), ("new.json", "10.1.0.0/16")):
        (tmp_path / name).write_text(json.dumps({"Resources": vpc(block)}))
    assert "replaced" in run(tmp_path / "old.json", tmp_path / "new.json").stdout


@pytest.mark.parametrize(
    ("level", "code"), [("replacement", 3), ("any", 3), ("destructive", 0), ("broadening", 0)]
)
def test_a_level_that_is_reached_is_an_exit_code_of_its_own(at_work, level, code):
    assert at_work("--fail-on", level).exit_code == code


def test_it_is_told_as_text_markdown_and_json(at_work):
    assert "Vpc (AWS::EC2::VPC) replaced" in at_work().stdout
    assert at_work("--markdown").stdout.startswith("<!-- liberty-cfn diff -->")
    (dev,) = json.loads(at_work("--json").stdout)["environments"]
    assert dev["changes"][0]["replacement"] == "certain"


def test_two_ways_to_say_what_to_compare_are_refused(run, tmp_path):
    assert run("--base", "HEAD", "--deployed", "dev").exit_code == 2
    assert run("--env", "dev").exit_code == 2
    assert run(tmp_path).exit_code == 2


def test_a_review_starts_without_what_is_slow_to_load(tmp_path):
    """boto3, cfn-lint and troposphere take longer to load than a review takes."""
    (tmp_path / "a.json").write_text(json.dumps({"Resources": vpc("10.0.0.0/16")}))
    (tmp_path / "b.json").write_text(json.dumps({"Resources": vpc("10.1.0.0/16")}))
    slow = "{'boto3', 'botocore', 'cfnlint', 'troposphere', 'rich'}"
    script = (
        "import atexit, sys; from liberty_cfn.cli import main; "
        f"atexit.register(lambda: print('slow:', {slow} & set(sys.modules))); "
        "sys.argv = ['liberty-cfn', 'diff', 'a.json', 'b.json']; main()"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "replaced" in done.stdout
    assert "slow: set()" in done.stdout


@pytest.mark.parametrize("file", ["templates/root.yaml", "params/dev.yaml"])
def test_what_is_no_text_is_told_in_words(tmp_path, file):
    write(tmp_path, vpc("10.0.0.0/16"), dev={"Region": "us-east-1"})
    (tmp_path / file).write_bytes(b"\xff\xfeResources")
    with pytest.raises(SourceError, match=f"{file} is not text in UTF-8"):
        sources.folder(tmp_path)
