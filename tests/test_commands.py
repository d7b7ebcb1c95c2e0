"""Every command, as a person and as a program read it."""

import importlib
import json
import pkgutil
import re
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner
from command_line import documented, typed
from deployed import Listener
from local_aws import Aws
from rich.console import Console
from small_sets import small
from test_deploy import templates

import liberty_cfn.deploy as deploy_package
from liberty_cfn import checked
from liberty_cfn.cli import cli, common, reviewed
from liberty_cfn.deploy import targets
from liberty_cfn.deploy.deploying import deploy
from liberty_cfn.deploy.destroying import Kept
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.stack import find
from liberty_cfn.deploy.work import Work
from liberty_cfn.digests import digest
from liberty_cfn.environments import load
from liberty_cfn.mishaps import in_words
from liberty_cfn.nesting import DIGEST_TAG
from liberty_cfn.repository import REPOSITORY

__all__ = ["templates"]

MAKEFILE = (Path(__file__).parent.parent / "Makefile").read_text("utf-8")
READING = [
    ("plan", "dev"),
    ("status", "dev"),
    ("events", "dev"),
    ("outputs", "dev"),
    ("drift", "dev"),
    ("doctor", "dev"),
    ("secret", "list", "dev"),
    ("verify", "dev"),
]
# Of the design's stacks, two are there: the others would be made, and the spec wants them.
EXITS = {"plan": 2, "verify": 1}


@pytest.fixture(scope="module")
def made():
    """The ids of the stacks that were made here."""
    return set()


@pytest.fixture
def environment(local_aws, standing_target, templates, made, monkeypatch):
    """Some stacks of an environment, on an AWS that is local and passes for a real one."""
    # To make clients anew for each command takes longer than the command does.
    monkeypatch.setattr(targets, "connect", lambda *_: standing_target)
    monkeypatch.setattr(checked, "is_known", lambda _: True)
    dev = load("dev")
    cloudformation = standing_target.client("cloudformation")
    there = find(cloudformation, dev.stack)
    # Other tests, too, leave one of its name.
    if not there or there["StackId"] not in made:
        Aws(local_aws).reset()
        deploy(Work(dev, standing_target, Listener(), small(templates, "Logs", "Secrets")))
        made.add(find(cloudformation, dev.stack)["StackId"])
    return dev


def run(*arguments, given="", **variables):
    return CliRunner(env=variables).invoke(cli, arguments, input=given)


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_a_program_gets_one_json_document_and_nothing_else(environment, command):
    answer = run(*command, "--json")
    told = json.loads(answer.stdout)
    assert answer.exit_code == EXITS.get(command[0], 0)
    name = " ".join(word for word in command if word != "dev")
    # The names of outputs are the keys of theirs, and there are none.
    assert {*(told if isinstance(told, dict) else told[0])} == documented(name)
    lists = told.items() if isinstance(told, dict) else ()
    for key, listed in lists:
        if isinstance(listed, list) and listed and isinstance(listed[0], dict):
            assert {*listed[0]} == documented(f"{key}[]")


def test_what_a_refusal_knows_is_told_a_program_by_name(environment, monkeypatch):
    def refused(*_):
        raise DeployError("No.", status="UPDATE_FAILED", failures=[])

    monkeypatch.setattr("liberty_cfn.deploy.operations.root", refused)
    answer = typed("status", "dev", "--json")
    assert (answer.returncode, answer.stderr) == (1, "No.\n")
    assert json.loads(answer.stdout) == {
        "error": "No.",
        "exit_code": 1,
        "status": "UPDATE_FAILED",
        "failures": [],
    }


def test_of_what_aws_refuses_a_program_gets_its_code_and_the_call(environment, monkeypatch):
    denied = ClientError({"Error": {"Code": "AccessDenied", "Message": "No"}}, "DescribeStacks")
    monkeypatch.setattr("liberty_cfn.deploy.operations.root", Mock(side_effect=denied))
    told = json.loads(typed("plan", "dev", "--bad", "--json").stdout)
    assert {*told} == {"error", "exit_code"}
    told = json.loads(typed("status", "dev", "--json").stdout)
    assert (told["code"], told["call"]) == ("AccessDenied", "DescribeStacks")


def test_consent_that_is_lacking_is_named_as_the_option_that_gives_it(environment):
    told = json.loads(typed("deploy", "dev", "--json").stdout)
    assert told["needs"] == ["--yes"]
    told = json.loads(typed("destroy", "dev", "--json", "--confirm", "other").stdout)
    assert "needs" not in told


def test_where_it_is_interrupted_while_it_prints_nothing_follows_the_document(
    environment, monkeypatch
):
    """What a full pipe hasn't taken yet comes at the end: another document would follow it."""
    said = []

    def full(text, **_):
        said.append(text)
        raise KeyboardInterrupt

    monkeypatch.setattr(common.click, "echo", full)
    assert typed("status", "dev", "--json").returncode == 130
    assert len(said) == 1


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_what_is_no_terminal_gets_plain_lines(environment, command):
    answer = run(*command, COLUMNS="40")
    assert answer.exit_code == EXITS.get(command[0], 0)
    assert command == ("outputs", "dev") or len(answer.stdout) > 40  # there are none
    assert "\x1b" not in answer.output
    assert not re.search(" $", answer.output, re.MULTILINE)


def test_a_terminal_without_colours_gets_none(environment, monkeypatch):
    monkeypatch.setattr(Console, "is_terminal", True)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[32m" in run("doctor", "dev", FORCE_COLOR="1").stdout
    assert "\x1b[3" not in run("doctor", "dev", FORCE_COLOR="1", NO_COLOR="1").stdout


def test_commands_to_be_copied_are_not_broken_on_a_narrow_terminal(environment, monkeypatch):
    monkeypatch.setattr(Console, "width", 40)
    told = run("doctor", "dev").stdout
    assert "| docker login --username AWS --password-stdin 000000000000.dkr.ecr." in told


@pytest.mark.parametrize(
    "command",
    [*(command[0] for command in READING), "deploy", "cancel", "rollback", "destroy"],
)
def test_every_command_has_a_target_that_make_lists(command):
    target = {"secret": "secrets"}.get(command, command)
    assert re.search(rf"^{target}:.*## \S", MAKEFILE, re.MULTILINE)
    assert re.search(r"^secret:.*## \S", MAKEFILE, re.MULTILINE)


def test_what_to_type_next_is_told_as_a_shell_finds_it():
    """That is make, and not the liberty-cfn of a virtual environment."""
    sources = [file.read_text("utf-8") for file in REPOSITORY.glob("liberty_cfn/**/*.py")]
    assert re.findall(r"liberty-cfn [^`\n]*\{", "".join(sources)) == []


@pytest.mark.parametrize("command", ["cancel", "rollback"])
def test_what_cannot_be_done_now_is_a_sentence(environment, command):
    answer = run(command, "dev", "--json")
    assert answer.stdout == ""
    assert "is in CREATE_COMPLETE: only" in str(answer.exception)


def test_whatever_deploying_raises_becomes_a_sentence():
    modules = pkgutil.walk_packages(deploy_package.__path__, "liberty_cfn.deploy.")
    raised = {
        found
        for module in modules
        for found in vars(importlib.import_module(module.name)).values()
        if isinstance(found, type)
        and issubclass(found, Exception)
        and found.__module__.startswith("liberty_cfn.deploy.")
    }
    assert {error.__name__ for error in raised} >= {"DeployError", "FollowError"}
    for error in raised:
        assert in_words(error("it went wrong")) == "it went wrong", error


def test_status_shows_the_digest_that_was_deployed(environment, standing_target):
    stack = find(standing_target.client("cloudformation"), environment.stack)
    [deployed] = [tag["Value"] for tag in stack["Tags"] if tag["Key"] == DIGEST_TAG]
    assert f"Templates {deployed}" in run("status", "dev").stdout
    assert json.loads(run("status", "dev", "--json").stdout)["digest"] == deployed


def test_every_plan_shows_the_digest_of_what_would_be_deployed_and_what_it_lacks(
    environment, templates
):
    answer = run("plan", "dev")
    assert f"Templates {digest(templates)}" in answer.stdout
    assert "docker push" in answer.stderr  # beside the plan: there is no image yet
    assert digest(templates)[:12] in run("plan", "dev", "--markdown").stdout


def test_what_was_just_deployed_has_not_drifted(environment):
    answer = run("drift", "dev")
    assert answer.exit_code == 0
    assert "liberty-social-dev: 0 differ, in 3 stacks" in answer.stdout


def test_a_pull_request_gets_the_plan_as_markdown(environment):
    answer = run("plan", "dev", "--markdown")
    assert (answer.stdout.split(":")[0], answer.exit_code) == ("### liberty-social-dev", 2)


def test_a_program_hears_that_an_update_is_cancelled(environment, monkeypatch):
    monkeypatch.setattr("liberty_cfn.deploy.operations.cancel", lambda *_: None)
    said = json.loads(run("cancel", "dev", "--json").stdout)
    assert said == {"stack": "liberty-social-dev", "cancelled": True}


def test_no_plan_leaves_a_change_set(environment, standing_target):
    left = standing_target.client("cloudformation").list_change_sets(
        StackName=environment.stack
    )["Summaries"]
    assert left == []


@pytest.mark.parametrize(
    ("approved", "said"),
    [("0" * 64, "Not the templates that were approved"), ("abc", "'abc' is no digest")],
)
def test_only_templates_that_were_approved_are_deployed(environment, approved, said):
    answer = run("deploy", "dev", "--yes", "--template-digest", approved)
    assert answer.exit_code
    assert said in answer.stderr


def test_a_digest_may_have_been_copied_with_spaces_around():
    templates = {"root.yaml": "Resources: {}"}
    reviewed.check_digest(templates, f" {digest(templates)}\n")
    with pytest.raises(SystemExit):
        reviewed.check_digest(templates, " " * 12)


def test_a_digest_that_was_to_be_read_from_somewhere_and_is_empty_approves_nothing(
    environment, monkeypatch
):
    monkeypatch.setenv("APPROVED", "")
    answer = run("deploy", "dev", "--yes")
    assert answer.exit_code == 2
    assert "'' is no digest" in answer.stderr


def test_setting_a_secret_tells_a_program_its_version(environment):
    answer = run("secret", "set", "dev", "DEFAULT_FROM_EMAIL", "--json", given="a@b.c")
    said = json.loads(answer.stdout)
    assert said["secret"] == "liberty-social/DEFAULT_FROM_EMAIL-dev"
    assert said["version"]
    assert "make deploy ENV=dev RESTART=1" in answer.stderr
    assert "a@b.c" not in answer.output


def test_a_destroy_that_something_hinders_leaves_the_stack_protected(
    environment, standing_target, monkeypatch
):
    monkeypatch.setattr("liberty_cfn.environments.LOCAL", environment.endpoint)
    full = SimpleNamespace(keeps=lambda *_: True, says="is held.")
    monkeypatch.setattr("liberty_cfn.deploy.destroying.HELD", {"AWS::S3::Bucket": full})
    bucket = Kept("AWS::S3::Bucket", "full", "Delete")
    monkeypatch.setattr("liberty_cfn.deploy.destroying._resources", lambda *_: [bucket])
    assert "is held." in run("destroy", "dev", "--confirm", "dev").stderr
    stack = find(standing_target.client("cloudformation"), environment.stack)
    assert stack["EnableTerminationProtection"]


def test_what_is_being_changed_is_not_destroyed(environment, standing_target, local_aws, made):
    made.clear()  # the next test is not to find what this one leaves
    aws, cloudformation = Aws(local_aws), standing_target.client("cloudformation")
    granted = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
    before = find(cloudformation, environment.stack)
    named = {"StackName": before["StackId"], "Parameters": before["Parameters"]}
    aws.delay(60)
    cloudformation.update_stack(
        **named,
        UsePreviousTemplate=True,
        Capabilities=granted,
        Tags=[{"Key": "a", "Value": "b"}],
    )
    assert (
        "UPDATE_IN_PROGRESS. AWS is still" in run("destroy", "dev", "--confirm", "dev").stderr
    )
    aws.delay(0)
    cloudformation.get_waiter("stack_update_complete").wait(
        StackName=before["StackId"], WaiterConfig={"Delay": 0.02}
    )


def test_destroying_wants_the_name_and_tells_a_program_what_is_kept(
    environment, standing_target
):
    cloudformation = standing_target.client("cloudformation")
    assert "protected from termination" in run("destroy", "dev", "--confirm", "dev").stderr
    cloudformation.update_termination_protection(
        StackName=environment.stack, EnableTerminationProtection=False
    )
    # What was said for deploys, and may have been exported, is no consent to this.
    refused = run("destroy", "dev", "--json", YES="1", CONFIRM="dev")
    assert refused.exit_code == 1
    assert "YES=1 isn't enough, nor is a CONFIRM that was exported." in refused.stderr
    assert find(cloudformation, environment.stack)
    said = json.loads(run("destroy", "dev", "--json", "--confirm", "dev").stdout)
    assert said["deleted"]
    assert {*said["kept"][0]} == documented("kept[]")
    kinds = [one["type"] for one in said["kept"]]
    assert sorted(kinds) == ["AWS::Logs::LogGroup"] + ["AWS::SecretsManager::Secret"] * 5
    again = json.loads(run("destroy", "dev", "--json").stdout)
    assert again == {"stack": environment.stack, "deleted": False, "kept": [], "lost": []}
