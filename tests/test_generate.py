"""Writing the templates, and checking that they are current."""

import os
import shutil
import subprocess
import sys
from functools import partial

import pytest

import generate as command
from liberty_cfn import checked, generation
from liberty_cfn.generation import differences, generate
from liberty_cfn.repository import REPOSITORY

LOGS = "templates/logs.yaml"
# What no file may depend on.
AWAY = {"PYTHONHASHSEED": "1", "LC_ALL": "C", "TZ": "Asia/Tokyo"}


@pytest.fixture(scope="module")
def generated():
    return generate()


@pytest.fixture
def repository(tmp_path, generated, monkeypatch):
    """Return what the command takes for its repository, with all it makes, to be spoiled."""
    monkeypatch.setattr(checked, "REPOSITORY", tmp_path)
    monkeypatch.setattr(checked, "GENERATED", tmp_path / ".local" / "generated")
    monkeypatch.setattr(generation, "generate", lambda: generated)
    monkeypatch.setattr(generation, "write", partial(generation.write, folder=tmp_path))
    there = lambda wanted, folder=tmp_path: differences(wanted, folder)  # noqa: E731
    monkeypatch.setattr(generation, "differences", there)
    generation.write(generated)
    return tmp_path


class Runs:
    """The program in a copy of what it needs, in processes of its own."""

    def __init__(self, repository, elsewhere):
        self.repository, self.elsewhere = repository, elsewhere
        # Compiled modules, too: compiling takes longer than generating does.
        unneeded = shutil.ignore_patterns("cli", "deploy", "local", "review", "rules", "verify")
        shutil.copytree(REPOSITORY / "liberty_cfn", repository / "liberty_cfn", ignore=unneeded)
        shutil.copy(REPOSITORY / "generate.py", repository)
        self.said, self.imported = [], []

    def run(self, *arguments):
        program = (sys.executable, "-X", "importtime", self.repository / "generate.py")
        done = subprocess.run(
            [*program, *arguments],
            cwd=self.elsewhere,
            env={**os.environ, **AWAY, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
        lines = [line.rpartition("|") for line in done.stderr.splitlines()]
        self.imported.append({module.strip() for _, bar, module in lines if bar})
        self.said += [done.stdout, *(line for _, bar, line in lines if not bar)]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """One that writes everything, and two that find nothing to do."""
    made = Runs(tmp_path_factory.mktemp("repository"), tmp_path_factory.mktemp("elsewhere"))
    made.run()
    made.run()
    made.run("--check")
    return made


def _generated(repository):
    files = [f for f in repository.glob("templates/**/*") if f.is_file()]
    files.append(repository / "docs/settings.md")
    return {file.relative_to(repository).as_posix(): file.read_bytes() for file in files}


def test_there_is_a_template_for_each_stack_one_for_the_root_and_the_administrators(
    generated, stacks, bootstraps
):
    names = {"root", *stacks, *bootstraps}
    assert generated.keys() == {
        *(f"templates/{name}.yaml" for name in names),
        "templates/stack-policy.json",
        "docs/settings.md",
    }


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("templates/root.yaml", "liberty_cfn/root.py"),
        ("templates/network.yaml", "liberty_cfn/stacks/network.py"),
        ("templates/bootstrap/deploy-role.yaml", "liberty_cfn/bootstrap/deploy_role.py"),
        ("docs/settings.md", "liberty_cfn/settings.py"),
    ],
)
def test_the_first_line_names_the_source(generated, file, source):
    assert f"Generated from {source} " in generated[file].partition("\n")[0]
    assert (REPOSITORY / source).exists()


def test_the_same_code_writes_the_same_bytes_anywhere_and_says_nothing(runs, generated):
    files = {file: text.encode() for file, text in generated.items()}
    assert _generated(runs.repository) == files
    assert list(runs.elsewhere.iterdir()) == []
    assert set(runs.said) == {""}


def test_generating_needs_no_terminal_and_no_aws(runs):
    assert "troposphere" in runs.imported[0]
    assert not runs.imported[0] & {"boto3", "botocore", "click", "rich", "cfnlint"}


def test_a_run_that_changes_nothing_looks_no_further(runs):
    assert ["troposphere" in imported for imported in runs.imported] == [True, False, False]


def test_what_is_left_over_is_removed(repository):
    old = [repository / "templates/old.yaml", repository / "templates/bootstrap/old.yaml"]
    for file in old:
        file.write_text("Resources: {}\n")
    assert command.main([]) == 0
    assert not any(file.exists() for file in old)


def test_check_names_what_is_stale_missing_or_left_over_and_writes_nothing(repository, capsys):
    (repository / "templates/network.yaml").write_text("Resources: {}\n")
    (repository / LOGS).unlink()
    (repository / "templates/old.yaml").write_text("Resources: {}\n")
    before = _generated(repository)
    assert command.main(["--check"]) == 1
    assert sorted(capsys.readouterr().err.splitlines()) == [
        "templates/logs.yaml is missing; run `make templates`",
        "templates/network.yaml is stale; run `make templates`",
        "templates/old.yaml is left over; run `make templates`",
    ]
    assert _generated(repository) == before


def test_check_is_content_with_what_was_just_generated(repository, capsys):
    assert command.main(["--check"]) == 0
    assert capsys.readouterr() == ("", "")


def test_any_change_to_the_code_or_to_what_it_made_is_seen(repository, generated, monkeypatch):
    source = repository / "liberty_cfn" / "logs.py"
    source.parent.mkdir()
    assert command.main([]) == 0
    changed = generated[LOGS].replace("/ecs/", "/fargate/")
    monkeypatch.setattr(generation, "generate", lambda: {**generated, LOGS: changed})
    assert command.main(["--check"]) == 0  # nothing is looked at
    source.write_text("another")
    assert command.main(["--check"]) == 1
    assert command.main([]) == 0
    assert (repository / LOGS).read_text() == changed

    (repository / LOGS).unlink()
    assert command.main([]) == 0
    assert (repository / LOGS).exists()


def test_windows_line_ends_are_stale(repository, generated):
    assert differences(generated, repository) == {}
    file = repository / "templates/logs.yaml"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert differences(generated, repository) == {"templates/logs.yaml": "stale"}


@pytest.mark.parametrize("arguments", [["--chekc"], ["--check", "x"]])
def test_an_unknown_argument_is_refused_and_writes_nothing(arguments, capsys, monkeypatch):
    monkeypatch.delattr(generation, "write")
    assert command.main(arguments) == 2
    assert "usage: python generate.py [--check | --digest | --flat]" in capsys.readouterr().err
