"""The command line as its users type it, each time in a process of its own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
# fmt: off
TARGETS = {
    "templates", "lint", "test", "check", "format", "deploy", "verify", "destroy",
    "local-up", "local-down", "bench", "clean",
}
# fmt: on


# What the `make test` around us was told is not for the commands tried here.
MAKES = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "ARGS", "ENV", "YES", "CONFIRM"}


def run(*command, env=None, cwd=REPOSITORY):
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("AWS_") and key not in MAKES
    }
    return subprocess.run(
        command,
        cwd=cwd,
        env={
            **kept,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/none",
            **(env or {}),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def liberty(*arguments, env=None):
    return run(sys.executable, "-m", "liberty_cfn", *arguments, env=env)


@pytest.fixture
def nearby(aws):
    """The variables that make AWS the local one, for an environment that isn't local."""
    return aws.local.environment


def test_make_lists_its_targets_each_with_a_line():
    listed = [line.split(maxsplit=2) for line in run("make").stdout.splitlines()]
    told = {target: meaning for _, target, meaning in listed}
    assert told.keys() >= TARGETS
    assert all(told.values())


@pytest.mark.parametrize(
    "arguments", [("deploy",), ("deploy", "ENV=prd"), ("verify",), ("destroy", "ENV=x")]
)
def test_a_missing_or_wrong_env_is_answered_with_the_environments_there_are(arguments):
    answer = run("make", *arguments)
    assert answer.returncode != 0
    assert "There are: dev, local, prod, staging." in answer.stderr
    assert "Traceback" not in answer.stderr


def test_misfits_exit_with_2_before_aws_is_asked():
    answer = liberty("deploy", "none")
    assert (answer.returncode, answer.stdout) == (2, "")


@pytest.mark.parametrize(
    "command", [(), ("deploy",), ("verify",), ("destroy",), ("lint",), ("local",)]
)
def test_every_command_has_help_worth_reading(command):
    answer = liberty(*command, "--help")
    assert answer.returncode == 0
    assert len(answer.stdout.split()) > 25


def test_without_credentials_a_sentence_says_what_to_do():
    answer = liberty("verify", "dev")
    assert answer.returncode == 1
    assert answer.stderr.startswith("AWS was not asked: there are no credentials.")
    assert "Traceback" not in answer.stderr


def test_an_aws_that_cannot_be_reached_is_a_sentence(nearby):
    away = {**nearby, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    answer = liberty("verify", "dev", env=away)
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr
    assert "127.0.0.1:9" in answer.stderr


def test_with_nobody_to_ask_nothing_is_deployed(nearby):
    answer = liberty("deploy", "dev", env=nearby)
    assert answer.returncode == 1
    assert "say so with --yes, or YES=1 for make" in answer.stderr


def test_an_environment_goes_up_is_verified_and_comes_down(nearby, aws):
    up = run("make", "deploy", "ENV=dev", "YES=1", env=nearby)
    assert up.returncode == 0, up.stdout + up.stderr
    assert "CREATE_COMPLETE" in up.stdout
    assert "https://backend.dev.example.com" in up.stdout
    again = liberty("deploy", "dev", "--yes", "--json", env=nearby)
    assert json.loads(again.stdout)["changed"] is False
    assert "liberty-social-dev: no changes" in again.stderr
    verified = json.loads(liberty("verify", "dev", "--json", env=nearby).stdout)
    assert verified["ok"] is True
    ticked = liberty("verify", "dev", "--markdown", env=nearby)
    assert ticked.returncode == 0
    assert "- [x]" in ticked.stdout
    assert "- [ ]" not in ticked.stdout

    refused = liberty("destroy", "dev", env=nearby)
    assert refused.returncode == 1
    assert "Nothing was deleted: expected --confirm dev" in refused.stderr
    down = liberty("destroy", "dev", "--confirm", "dev", env=nearby)
    assert down.returncode == 0, down.stderr
    assert "liberty-social-uploads-dev" in down.stdout
    assert "liberty-social-dev is deleted" in down.stdout
    assert "there is none" in liberty("destroy", "dev", "--confirm", "dev", env=nearby).stdout


def test_a_failure_exits_with_1_and_its_reason(nearby, aws):
    aws.fail("AWS::ECS::Service/*")
    answer = liberty("deploy", "dev", "--yes", env=nearby)
    assert answer.returncode == 1
    assert "Service in Service (AWS::ECS::Service)" in answer.stderr


def test_it_finds_its_repository_from_any_folder(tmp_path):
    answer = run(sys.executable, "-m", "liberty_cfn", "environments", cwd=tmp_path)
    assert answer.stdout.split() == ["dev", "local", "prod", "staging"]


def test_stale_templates_are_refused_anywhere_but_locally(tmp_path, nearby):
    copy = tmp_path / "copy"
    shutil.copytree(
        REPOSITORY, copy, ignore=shutil.ignore_patterns(".*", "__pycache__", "tests")
    )
    (copy / "templates" / "cache.yaml").write_text("# by hand\n")
    answer = run(
        sys.executable, "-m", "liberty_cfn", "deploy", "dev", "--yes", cwd=copy,
        env={**nearby, "PYTHONPATH": str(copy)},
    )  # fmt: skip
    assert answer.returncode == 1
    assert "templates/cache.yaml is stale" in answer.stderr
    assert "Run `make templates`, and have it reviewed." in answer.stderr


def test_color_is_only_for_terminals(nearby):
    assert "\x1b[" not in liberty("verify", "dev", env=nearby).stdout
