"""Writing the templates, and checking that they are current."""

import os
import shutil
import subprocess
import sys

import pytest

import generate as command
from liberty_cfn import generation
from liberty_cfn.generation import REPOSITORY, differences, generate


@pytest.fixture(scope="module")
def generated():
    return generate()


@pytest.fixture
def repository(tmp_path, generated):
    """Return a copy of what generating needs and of what it makes, to be spoiled."""
    # Compiled modules, too: compiling takes longer than generating does.
    unneeded = shutil.ignore_patterns("cli", "deploy", "local", "review", "rules", "verify")
    shutil.copytree(REPOSITORY / "liberty_cfn", tmp_path / "liberty_cfn", ignore=unneeded)
    shutil.copy(REPOSITORY / "generate.py", tmp_path)
    for file, text in generated.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text, encoding="utf-8")
    return tmp_path


def _run(*command, cwd=REPOSITORY, **environment):
    return subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


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


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONHASHSEED": "1", "LC_ALL": "C", "TZ": "Asia/Tokyo"},
        {"PYTHONHASHSEED": "2", "LC_ALL": "C.UTF-8", "AWS_DEFAULT_REGION": "eu-west-1"},
    ],
)
def test_the_same_code_writes_the_same_bytes_anywhere(
    repository, generated, tmp_path_factory, environment
):
    for file in _generated(repository):
        (repository / file).unlink()
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    run = _run(repository / "generate.py", cwd=elsewhere, **environment)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert _generated(repository) == {file: text.encode() for file, text in generated.items()}
    assert list(elsewhere.iterdir()) == []


def test_what_is_left_over_is_removed(repository):
    old = [repository / "templates/old.yaml", repository / "templates/bootstrap/old.yaml"]
    for file in old:
        file.write_text("Resources: {}\n")
    assert _run("generate.py", cwd=repository).returncode == 0
    assert not any(file.exists() for file in old)


def test_check_names_what_is_stale_missing_or_left_over_and_writes_nothing(repository):
    (repository / "templates/network.yaml").write_text("Resources: {}\n")
    (repository / "templates/logs.yaml").unlink()
    (repository / "templates/old.yaml").write_text("Resources: {}\n")
    before = _generated(repository)
    run = _run("generate.py", "--check", cwd=repository)
    assert run.returncode == 1
    assert sorted(run.stderr.splitlines()) == [
        "templates/logs.yaml is missing; run `make templates`",
        "templates/network.yaml is stale; run `make templates`",
        "templates/old.yaml is left over; run `make templates`",
    ]
    assert _generated(repository) == before


def test_check_is_content_with_what_was_just_generated(repository):
    _run("generate.py", cwd=repository)
    run = _run("generate.py", "--check", cwd=repository)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_a_run_that_changes_nothing_looks_no_further_and_any_change_is_seen(repository):
    run = ("-X", "importtime", "generate.py")
    assert "troposphere" in _run(*run, cwd=repository).stderr
    assert "troposphere" not in _run(*run, cwd=repository).stderr
    assert "troposphere" not in _run(*run, "--check", cwd=repository).stderr

    source = repository / "liberty_cfn/stacks/logs.py"
    source.write_text(source.read_text().replace("/ecs/", "/fargate/"))
    assert _run("generate.py", "--check", cwd=repository).returncode == 1
    assert _run("generate.py", cwd=repository).returncode == 0
    file = repository / "templates/logs.yaml"
    assert "/fargate/" in file.read_text()

    file.unlink()
    assert _run("generate.py", cwd=repository).returncode == 0
    assert file.exists()


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


def test_generating_needs_no_terminal_and_no_aws():
    heavy = {"boto3", "botocore", "click", "rich", "cfnlint"}
    run = _run(
        "-c",
        "import sys; from liberty_cfn.generation import generate; generate(); "
        f"print({heavy} & set(sys.modules))",
    )
    assert (run.stdout, run.stderr) == ("set()\n", "")
