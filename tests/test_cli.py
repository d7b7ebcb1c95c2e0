"""The command line as its users type it: some in processes of their own, which takes longer."""

import io
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import click
import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner
from command_line import typed
from packaging.specifiers import SpecifierSet
from small_sets import small

import generate
import liberty_cfn
from liberty_cfn import checked, generation, mishaps
from liberty_cfn.cli import asking, cli, main, secret
from liberty_cfn.cli import run as run_as_process
from liberty_cfn.cli.common import console, fail, interruptible
from liberty_cfn.cli.stack_sets.watching import Asked
from liberty_cfn.deploy import deploying, destroying, images, secrets, targets
from liberty_cfn.deploy.errors import UnreachableError
from liberty_cfn.deploy.stack_sets.reaching import Fleet
from liberty_cfn.digests import digest
from liberty_cfn.environments import load, names
from liberty_cfn.findings import Finding
from liberty_cfn.repository import PARAMS
from liberty_cfn.verify import VerifyError

REPOSITORY = Path(__file__).parent.parent
# fmt: off
TARGETS = {
    "templates", "lint", "test", "check", "format", "deploy", "verify", "destroy",
    "local-up", "local-down", "bench", "clean",
}
# fmt: on


PROGRAM = (sys.executable, "-m", "liberty_cfn")


def run(*command, env=None, cwd=REPOSITORY):
    return subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def as_make(*arguments):
    """Do what make would: run the command that one of its targets stands for."""
    said = run("make", "--dry-run", "--no-print-directory", *arguments)
    program, dash_m, module, *given = shlex.split(said.stdout.splitlines()[-1])
    assert (program, dash_m, module) == (".venv/bin/python", "-m", "liberty_cfn")
    return typed(*given)


def test_make_lists_its_targets_each_with_a_line():
    listed = [line.split(maxsplit=2) for line in run("make").stdout.splitlines()]
    told = {target: meaning for _, target, meaning in listed}
    assert told.keys() >= TARGETS
    assert all(told.values())


@pytest.mark.parametrize(
    "arguments", [("deploy",), ("deploy", "ENV=prd"), ("verify",), ("destroy", "ENV=x")]
)
def test_a_missing_or_wrong_env_is_answered_with_the_environments_there_are(arguments):
    answer = as_make(*arguments)
    assert answer.returncode == 2
    assert f"There are: {', '.join(names())}." in answer.stderr


@pytest.mark.parametrize(
    "arguments", [("plan",), ("plan", "prd"), ("plan", "x" * 300), ("plan", "dev", "--jason")]
)
def test_a_plan_that_failed_is_not_taken_for_one_with_changes(arguments):
    assert typed(*arguments).returncode == 1


def test_ctrl_c_at_a_question_says_that_nothing_was_done(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise click.Abort

    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(click, "confirm", interrupted)
    monkeypatch.setattr(click, "prompt", interrupted)
    assert asking.agrees("Deploy dev?") is False
    assert secret._value("DEFAULT_FROM_EMAIL") == ""  # noqa: SLF001 - which is refused
    for ask, said in (
        (partial(asking.may_deploy, yes=True), "Nothing was deployed: "),
        (asking.confirmed, "Nothing was deleted: "),
    ):
        with pytest.raises(SystemExit):
            ask(load("prod"), None)
        assert capsys.readouterr().err.strip().startswith(said)


def test_questions_leave_standard_output_to_what_a_program_reads(monkeypatch):
    with CliRunner().isolation("y\nprod\nunseen\nunseen\n") as (out, err, _):
        monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
        assert asking.agrees("Deploy dev?")
        asking.confirmed(load("prod"), None)
        assert secret._value("DEFAULT_FROM_EMAIL") == "unseen"  # noqa: SLF001
    assert out.getvalue() == b""
    asked = err.getvalue().decode()
    assert all(each in asked for each in ("Deploy dev?", "type prod", "DEFAULT_FROM_EMAIL"))


@pytest.mark.parametrize("ask", [partial(asking.may_deploy, yes=True), asking.confirmed])
def test_at_a_terminal_the_name_is_typed_and_another_is_no_consent(monkeypatch, ask):
    questions = Mock(side_effect=["  prod ", "prd"])
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(click, "prompt", questions)
    ask(load("prod"), None)
    with pytest.raises(SystemExit):
        ask(load("prod"), None)
    assert all("type prod" in asked.args[0] for asked in questions.call_args_list)
    ask(load("prod"), "prod")
    assert questions.call_count == 2


def test_a_stack_set_with_a_target_of_production_wants_its_name_too():
    lab = replace(load("global"), endpoint="")
    canary = lab.targets.canary
    real = {**lab.targets.overrides[canary], "NameSuffix": ""}
    targets = replace(lab.targets, overrides={**lab.targets.overrides, canary: real})
    assert asking.may_deploy(lab, None, yes=True)
    assert asking.may_deploy(replace(lab, targets=targets), "global", yes=False)
    with pytest.raises(SystemExit):
        asking.may_deploy(replace(lab, targets=targets), None, yes=True)


def test_make_destroy_takes_a_name_typed_behind_it_and_none_that_was_exported():
    asked = ("make", "--dry-run", "destroy", "ENV=dev")
    assert "--confirm 'dev'" in run(*asked, "CONFIRM=dev").stdout
    assert "--confirm" not in run(*asked, env={"CONFIRM": "dev"}).stdout


@pytest.mark.parametrize("environment", ["local", "global"])
@pytest.mark.parametrize(
    ("command", "name", "told"),
    [("deploy", "prod", "prod"), ("destroy", "prod", "prod"), ("deploy", "", "an empty name")],
)
def test_a_name_that_is_confirmed_is_the_environments_also_locally(
    command, name, told, environment
):
    answer = typed(command, environment, "--confirm", name)
    assert answer.returncode == 1
    assert f"{told} is confirmed, and this is {environment}" in answer.stderr


def test_make_fails_with_its_command_whose_words_it_leaves_as_they_are():
    answer = run("make", "verify", "ENV=x")
    assert answer.returncode != 0
    assert answer.stderr.startswith("There is no environment 'x'")
    assert "Traceback" not in answer.stderr


def test_nothing_in_a_name_is_carried_out():
    name = """a'b"; touch x; `touch x` $(shell touch x) $$(touch x) \\"""
    answer = run("make", "verify", f"ENV={name}")
    assert answer.stderr.startswith(f"There is no environment {name!r}")


# Stands for Python: makes what `-m venv` makes, and writes down what else it is asked for.
PYTHON = """#!/bin/sh
case "$*" in
*venv*) mkdir -p .venv/bin .venv/lib/python3/site-packages; ln -sf ../../python .venv/bin/python
        touch .venv/lib/python3/site-packages/liberty_cfn.pth;;
-E*) {version};;
*) echo "$*" >> asked; {pip};;
esac
"""


@pytest.mark.usefixtures("local_aws")
def test_what_is_pinned_takes_the_python_that_debian_has():
    local = map(str, REPOSITORY.glob(".venv-local/lib/python*/site-packages"))
    installed = [*metadata.distributions(), *metadata.distributions(path=[*local])]
    asked = {one.name: one.metadata.get("Requires-Python") for one in installed}
    assert "ministack" in asked
    assert not [
        name for name, some in asked.items() if "3.11.2" not in SpecifierSet(some or "")
    ]


def test_what_is_set_up_is_mended_where_the_folder_was_moved_or_python_is_another(tmp_path):
    here = tmp_path / "a b"
    here.mkdir()
    for name in "Makefile", "requirements.txt", "pyproject.toml":
        shutil.copy(REPOSITORY / name, here)

    def ready(pip="true", version="true"):
        (here / "python").write_text(PYTHON.format(pip=pip, version=version))
        (here / "python").chmod(0o755)
        (here / "asked").write_text("")
        run("make", "ready", "PYTHON=./python", cwd=here)
        asked = (here / "asked").read_text()
        return "--requirement" in asked, "--editable" in asked

    assert ready() == (True, True)
    # Found by no letters that not every encoding has, whatever the folder is called.
    assert next(here.glob(".venv/lib/*/*/liberty_cfn.pth")).read_text() == "../../../..\n"
    assert ready() == (False, False)
    here = here.rename(tmp_path / "moved")
    assert ready() == (False, True)
    (here / ".venv" / "bin" / "python").unlink()
    assert ready() == (True, False)
    (here / ".venv" / "installed-from").write_text("")
    assert ready(pip='! [ "$*" = "-c import pip" ]') == (True, True)
    (here / "requirements.txt").write_text("other")
    assert ready(pip="exit 1") == (True, False)
    assert "is there a network" in run("make", "ready", "PYTHON=./python", cwd=here).stderr
    assert ready(version="exit 1") == (False, False)
    said = "This needs Python 3.11, 3.12 or 3.13, not ./python: "
    assert run("make", "ready", "PYTHON=./python", cwd=here).stderr.startswith(said)
    # Where there is none, nothing else is tried.
    assert "Setting up" not in run("make", "ready", "PYTHON=", cwd=here).stderr


def test_what_make_says_while_it_sets_up_is_not_in_the_way_of_json():
    recipe = run("make", "--dry-run", "--no-print-directory", ".venv", "PYTHON=python3")
    spoken = [line for line in recipe.stdout.splitlines() if "echo" in line]
    assert spoken
    assert all(">&2" in line for line in spoken)


def test_where_make_is_started_from_is_not_in_the_way_of_json():
    """It says so by itself with -C, unless it is told to be silent, as docs/json.md tells."""
    answer = run("make", "-s", "-C", REPOSITORY, "verify", "ENV=none", "ARGS=--json", cwd="/")
    assert answer.returncode == 2
    assert json.loads(answer.stdout)["exit_code"] == 2


def test_misfits_exit_with_2_before_aws_is_asked():
    answer = typed("deploy", "none")
    assert (answer.returncode, answer.stdout) == (2, "")


@pytest.mark.parametrize(
    "command", [(), ("deploy",), ("verify",), ("destroy",), ("lint",), ("local",)]
)
def test_every_command_has_help_worth_reading(command):
    answer = typed(*command, "--help", env={"COLUMNS": "80"})
    assert answer.returncode == 0
    assert len(answer.stdout.split()) > 25
    assert "..." not in answer.stdout.partition("Commands:")[2]  # each fits its line


def test_without_credentials_a_sentence_says_what_to_do():
    answer = typed("verify", "dev")
    assert answer.returncode == 1
    assert answer.stderr.startswith("AWS was not asked: there are no credentials.")
    assert "Traceback" not in answer.stderr


def test_an_aws_that_cannot_be_reached_is_a_sentence(nearby):
    away = {**nearby, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    answer = typed("verify", "dev", env=away)
    assert answer.returncode == 1
    assert "127.0.0.1:9" in answer.stderr


@pytest.fixture
def asked(monkeypatch):
    """Take note of what a deploy is asked for, and whether it has consent; nothing is done."""
    noted = {}

    def take_note(work, failed, **more):
        noted.update(more, allowed=work.allowed, consents=work.progress.consents())
        noted["failed"] = failed

    monkeypatch.setattr(deploying, "begin", lambda _, failed: failed)
    monkeypatch.setattr(deploying, "deploy", take_note)
    return noted


def test_with_nobody_to_ask_nothing_is_deployed(liberty, asked):
    answer = liberty("deploy", "dev")
    assert answer.returncode == 1
    assert "consent with --yes, or YES=1 for make" in answer.stderr
    assert asked == {}


@pytest.mark.parametrize(
    ("typed", "means"),
    [
        ("dev --yes", {}),
        ("YES=1 dev", {}),
        ("CONFIRM=dev dev", {}),
        ("prod --confirm prod", {}),
        ("CONFIRM=prod prod", {}),
        ("dev --yes --allow-replace A --allow-replace B", {"allowed": ("A", "B")}),
        ("dev --yes --delete-failed liberty-social-dev", {"failed": "liberty-social-dev"}),
        ("dev --yes --adopt", {"adopt": True}),
        ("ADOPT=1 dev --yes", {"adopt": True}),
        ("dev --yes --drift", {"drift": True}),
    ],
)
def test_a_deploy_does_what_was_typed_and_nothing_else(liberty, nearby, asked, typed, means):
    variables = dict(word.split("=") for word in typed.split() if "=" in word)
    words = [word for word in typed.split() if "=" not in word]
    answer = liberty("deploy", *words, env={**nearby, **variables})
    assert (answer.returncode, answer.stderr) == (1, "Nothing was deployed.\n")
    plain = {"allowed": (), "adopt": False, "drift": False, "failed": "", "consents": True}
    assert asked == {**plain, **means}


@pytest.mark.parametrize("name", ["*", "Data?ase", "Database/Database", ""])
def test_what_may_be_replaced_is_named_whole(liberty, asked, name):
    answer = liberty("deploy", "dev", "--yes", "--allow-replace", "A", "--allow-replace", name)
    assert answer.returncode == 2
    assert f"--allow-replace {name!r} is no LOGICAL_ID" in answer.stderr
    assert asked == {}


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("plan dev --json --markdown", "Give one of --json and --markdown"),
        ("verify dev --markdown --json", "Give one of --json and --markdown"),
        ("verify dev --all --markdown", "Give one of --all and --markdown"),
        ("diff --json --markdown", "Give one of --json and --markdown"),
        ("lint --sarif --json", "Give one of --json and --sarif"),
        ("rules LC1101 --write", "give no RULE with it"),
        ("deploy dev --yes --delete-failed other", "dev has one stack, liberty-social-dev"),
        ("deploy dev --yes --allow-removal eu-west-1", "for targets of a stack set, and dev"),
        ("deploy dev --yes --role Other", "--role is the role by which a stack set"),
        ("deploy dev --yes --adopt --role Other", "--role is the role by which a stack set"),
        ("deploy global --yes --role Other", "--role is the role by which a stack set"),
    ],
)
def test_no_option_is_left_out_in_silence(liberty, asked, typed, why):
    answer = liberty(*typed.split())
    assert answer.returncode == (1 if typed.startswith("plan") else 2)
    assert why in answer.stderr
    assert asked == {}


@pytest.mark.parametrize("command", [("plan", "dev"), ("deploy", "dev", "--yes")])
def test_what_would_stop_all_tasks_for_want_of_an_image_is_refused(
    liberty, asked, monkeypatch, command
):
    refused = images.Image(refusal="There is no image with the tag lates")
    monkeypatch.setattr(images, "resolve", lambda *_: refused)
    answer = liberty(*command)
    assert (answer.returncode, answer.stderr) == (1, f"{refused.refusal}\n")
    assert asked == {}


def test_a_tag_that_moves_while_another_deploy_is_awaited_is_deployed_as_it_is_then(
    liberty, monkeypatch
):
    tag = ["sha256:before"]
    seen = Mock(return_value=None)
    monkeypatch.setattr(deploying, "begin", lambda *_: tag.append("sha256:after"))
    monkeypatch.setattr(images, "resolve", lambda *_: images.Image(tag[-1], {"Image": tag[-1]}))
    monkeypatch.setattr(deploying, "deploy", seen)
    liberty("deploy", "dev", "--yes")
    assert seen.call_args.args[0].environment.settings["Image"] == "sha256:after"


@pytest.mark.parametrize(
    ("command", "again"),
    [
        ("deploy dev --yes", "make deploy ENV=dev attaches"),
        ("deploy dev --yes --adopt", "make deploy ENV=dev ADOPT=1 attaches"),
        ("destroy dev --confirm dev", "make destroy ENV=dev attaches"),
    ],
)
def test_ctrl_c_while_it_goes_on_says_how_to_come_back_to_it(
    liberty, monkeypatch, command, again
):
    monkeypatch.setattr(deploying, "deploy", Mock(side_effect=KeyboardInterrupt))
    monkeypatch.setattr(destroying, "stack_to_go", lambda *_: "arn:one")
    monkeypatch.setattr(destroying, "looked_through", lambda *_, **__: ([], []))
    monkeypatch.setattr(destroying, "destroy", Mock(side_effect=KeyboardInterrupt))
    answer = liberty(*command.split())
    assert answer.returncode == 130
    assert "No longer watching. AWS goes on with liberty-social-dev" in answer.stderr
    assert again in answer.stderr


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), ", which have the old value: make deploy ENV=dev RESTART=1 replaces them"),
        (("--restart",), ": the service replaces them (web:1)"),
    ],
)
def test_tasks_that_have_an_old_secret_are_replaced_if_that_is_typed(
    liberty, monkeypatch, options, says
):
    restart = Mock(return_value="web:1")
    outcome = deploying.Outcome(changed=False, outputs={})
    monkeypatch.setattr(deploying, "deploy", Mock(return_value=outcome))
    monkeypatch.setattr(secrets, "outdated", lambda *_: ["SECRET_KEY"])
    monkeypatch.setattr(secrets, "restart", restart)
    monkeypatch.setattr(secrets, "missing", lambda *_: ["DEFAULT_FROM_EMAIL"])
    code, said, _ = liberty("deploy", "dev", "--yes", *options)
    assert code == 1  # as what exists is not what the spec says
    assert f"SECRET_KEY changed since the tasks started{says}" in said
    assert "make secret ENV=dev NAME=DEFAULT_FROM_EMAIL ARGS=--restart" in said
    assert restart.called is bool(options)
    monkeypatch.setattr(secrets, "outdated", lambda *_: [])
    none = "No secret changed since the tasks started, so none is replaced\n"
    assert (none in liberty("deploy", "dev", "--yes", *options).stdout) is bool(options)


def test_a_database_password_that_somebody_changed_is_no_mere_reason_to_restart(
    liberty, monkeypatch
):
    outcome = deploying.Outcome(changed=False, outputs={})
    monkeypatch.setattr(deploying, "deploy", Mock(return_value=outcome))
    monkeypatch.setattr(secrets, "outdated", lambda *_: ["DB_PASSWORD"])
    said = liberty("deploy", "dev", "--yes").stdout
    before, _, after = said.partition(
        "Somebody changed DB_PASSWORD by hand: unless the database"
    )
    assert "RESTART=1" in after
    assert "RESTART=1" not in before


def test_what_is_not_as_specified_after_a_deploy_is_told_to_be_fixed_by_hand(
    liberty, monkeypatch
):
    outcome = deploying.Outcome(changed=False, outputs={})
    monkeypatch.setattr(deploying, "deploy", Mock(return_value=outcome))
    advice = (
        "make drift ENV=dev says what differs; fix that by hand. make status ENV=dev tells why "
        "tasks don't run\n"
    )
    meant = "Where the templates were changed on purpose, change what is expected"
    # What an earlier destroy left was taken in, or somebody changed it since.
    for options in (["--adopt"], []):
        said = liberty("deploy", "dev", "--yes", *options).stdout
        assert meant in said
        assert advice in said


def test_a_deploy_tells_how_a_secret_that_is_scheduled_for_deletion_is_had_back(
    liberty, target, monkeypatch
):
    outcome = deploying.Outcome(changed=False, outputs={})
    monkeypatch.setattr(deploying, "deploy", Mock(return_value=outcome))
    manager, named = target.client("secretsmanager"), "liberty-social/SECRET_KEY-dev"
    manager.create_secret(Name=named)
    manager.delete_secret(SecretId=named, RecoveryWindowInDays=7)
    steps = json.loads(liberty("deploy", "dev", "--yes", "--json").stdout)["next_steps"]
    [told] = [step for step in steps if step.startswith("SECRET_KEY is scheduled for deletion")]
    assert told.endswith(
        f"aws secretsmanager restore-secret --region us-east-1 --secret-id {named}"
    )


def test_on_aws_where_it_takes_a_while_it_is_said_that_what_exists_is_verified(
    liberty, monkeypatch
):
    outcome = deploying.Outcome(changed=False, outputs={})
    monkeypatch.setattr(deploying, "deploy", Mock(return_value=outcome))
    monkeypatch.setattr(targets.Target, "is_aws", True)
    said = liberty("deploy", "dev", "--yes").stdout
    before, _, after = said.partition("Verifying what exists, which takes some seconds\n")
    assert before.endswith("liberty-social-dev: no changes\n")
    assert "Resources  " in after


DENIED = ClientError(
    {"Error": {"Code": "AccessDeniedException", "Message": "Not yours"}}, "ListSecrets"
)


@pytest.mark.parametrize("error", [DENIED, VerifyError("AWS does not say whose account it is")])
def test_what_fails_after_a_deploy_is_not_taken_for_the_deploy(liberty, monkeypatch, error):
    outcome = deploying.Outcome(changed=True, outputs={})
    monkeypatch.setattr(deploying, "deploy", Mock(return_value=outcome))
    monkeypatch.setattr(secrets, "outdated", Mock(side_effect=error))
    answer = liberty("deploy", "dev", "--yes", "--json")
    assert answer.returncode == 1
    done, why = json.loads(answer.stdout)["error"].split(", but what comes after that failed. ")
    assert done == "liberty-social-dev is deployed"
    assert why == mishaps.in_words(error, "dev")


@pytest.fixture
def known_good():
    """Have deploys in processes of their own, too, take it that the templates are good."""
    before = checked.CHECKED.read_text() if checked.CHECKED.exists() else ""
    checked.remember(checked.sources())
    yield
    checked.CHECKED.write_text(before)


def test_an_environment_goes_up_is_verified_and_comes_down(liberty, nearby, known_good, aws):
    up = run("make", "deploy", "ENV=dev", "YES=1", env=nearby)
    assert up.returncode == 0, up.stdout + up.stderr
    assert "CREATE_COMPLETE" in up.stdout
    assert "https://backend.dev.example.com" in up.stdout
    assert "docker push" in up.stdout  # no image yet: no tasks, and how to get there
    as_deployed = liberty("verify", "dev")
    assert (as_deployed.returncode, "docker push" in as_deployed.stderr) == (0, True)
    aws.client("ecr").put_image(
        repositoryName="liberty-social-backend-dev",
        imageManifest=json.dumps({"schemaVersion": 2}),
        imageTag="latest",
    )
    first = liberty("deploy", "dev", "--yes", "--json")
    assert json.loads(first.stdout)["changed"] is True
    again = liberty("deploy", "dev", "--yes", "--json")
    assert json.loads(again.stdout)["changed"] is False
    assert json.loads(again.stdout)["digest"] == digest(generation.nested(committed()))
    assert "liberty-social-dev: no changes" in again.stderr
    verified = json.loads(liberty("verify", "dev", "--json").stdout)
    assert verified["ok"] is True
    ticked = liberty("verify", "dev", "--markdown")
    assert ticked.returncode == 0
    assert "- [x]" in ticked.stdout
    assert "- [ ]" not in ticked.stdout

    protected = liberty("destroy", "dev", "--confirm", "dev")
    assert protected.returncode == 1
    assert "protected from termination" in protected.stderr
    aws.client("cloudformation").update_termination_protection(
        StackName="liberty-social-dev", EnableTerminationProtection=False
    )
    refused = liberty("destroy", "dev")
    assert refused.returncode == 1
    assert "Nothing was deleted: give --confirm dev" in refused.stderr
    down = liberty("destroy", "dev", "--confirm", "dev")
    assert down.returncode == 0, down.stderr
    assert "liberty-social-uploads-dev" in down.stdout
    assert "liberty-social-dev is deleted" in down.stdout
    assert "there is none" in liberty("destroy", "dev", "--confirm", "dev").stdout


def test_a_failure_exits_with_1_and_its_reason(liberty, aws):
    aws.fail("AWS::ECS::Service/*")
    answer = liberty("deploy", "dev", "--yes")
    assert answer.returncode == 1
    assert "Service in Service (AWS::ECS::Service)" in answer.stderr


def test_a_process_leaves_with_its_code_and_all_it_had_to_say():
    said = run(
        "sh",
        "-c",
        '"$0" "$@" environments; echo $?; "$0" "$@" nonsense; echo $?; '
        '"$0" "$@" environments >&-; echo $?',
        *PROGRAM,
    )
    assert said.stdout.split() == [*names(), "0", "2", "0"]
    assert "No such command 'nonsense'" in said.stderr
    assert "Traceback" not in said.stderr


@pytest.mark.parametrize("wrong", [("none",), ("local", "--nonsense")])
def test_a_program_that_asks_for_json_gets_what_is_wrong_as_json(wrong):
    answer = typed("status", *wrong, "--json")
    assert json.loads(answer.stdout)["error"] in answer.stderr


def test_ctrl_c_is_a_sentence_also_where_it_cuts_an_import_short(monkeypatch):
    def interrupted(**_):
        raise click.Abort

    monkeypatch.setattr(cli, "main", interrupted)
    monkeypatch.setattr(liberty_cfn, "mishaps", mishaps)  # as it is to be afterwards
    for module in "liberty_cfn.mishaps", "liberty_cfn.environments":
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "yaml", None)
    answer = typed("plan", "dev")
    assert answer.returncode == 130
    assert answer.stderr.endswith("to see how it stands: make status ENV=dev.\n")
    # Nothing at AWS is of this command's making.
    assert typed("lint").stderr == "Interrupted.\n"


# Presses Ctrl-C when a module is imported; what comes after that import is not reached.
PRESSED = """
import runpy, signal, sys
class Pressing:
    def find_spec(name, *_):
        if name == "{awaited}":
            signal.raise_signal(signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Pressing)
runpy.{started}
"""


@pytest.mark.parametrize(
    ("awaited", "started"),
    [
        ("click", "run_module('liberty_cfn', run_name='__main__')"),
        ("liberty_cfn.cli", "run_module('liberty_cfn.__main__')"),
        ("liberty_cfn.deferring", "run_path('generate.py', run_name='__main__')"),
    ],
    ids=["python -m", "liberty-cfn", "generate.py"],
)
def test_ctrl_c_is_quiet_while_python_still_imports(awaited, started):
    pressed = PRESSED.format(awaited=awaited, started=started)
    answer = run(sys.executable, "-c", pressed, cwd=REPOSITORY)
    assert (answer.returncode, answer.stderr) == (-signal.SIGINT, "")


def test_generating_by_a_python_without_what_it_takes_says_which_has_it():
    answer = run(sys.executable, "-S", "generate.py", "--digest")
    assert (answer.returncode, answer.stdout) == (1, "")
    said = "This Python has no yaml: make ready, then .venv/bin/python generate.py\n"
    assert answer.stderr == said


@pytest.mark.parametrize("ended", [signal.SIGTERM, signal.SIGHUP])
def test_a_job_that_is_ended_and_a_terminal_that_is_closed_are_answered_as_ctrl_c_is(
    ended, monkeypatch
):
    answering = []

    def command():
        answering.append(signal.getsignal(ended))
        sys.exit()

    monkeypatch.setattr("liberty_cfn.cli.main", command)
    monkeypatch.setattr("atexit._run_exitfuncs", Mock())
    monkeypatch.setattr(os, "_exit", Mock())
    # Ignored, as nohup has it, it stays so.
    for before in signal.SIG_DFL, signal.SIG_IGN:
        signal.signal(ended, before)
        run_as_process()
    signal.signal(ended, signal.SIG_DFL)
    assert answering == [signal.default_int_handler, signal.SIG_IGN]


def test_ctrl_c_when_all_is_done_changes_nothing(monkeypatch):
    leave = Mock()
    monkeypatch.setattr("liberty_cfn.cli.main", Mock(side_effect=SystemExit(2)))
    monkeypatch.setattr("atexit._run_exitfuncs", Mock())
    monkeypatch.setattr(os, "_exit", leave)
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.SIG_DFL)
    monkeypatch.setattr(signal, "signal", Mock(side_effect=[None] * 3 + [KeyboardInterrupt]))
    run_as_process()
    leave.assert_called_once_with(2)


def test_what_a_terminal_has_no_letters_for_is_told_all_the_same(monkeypatch):
    shown = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", shown)
    monkeypatch.setattr("liberty_cfn.cli.main", lambda: console().print("by hand: Zoë"))
    monkeypatch.setattr("atexit._run_exitfuncs", Mock())
    monkeypatch.setattr(os, "_exit", Mock())
    monkeypatch.setattr(signal, "signal", Mock())
    run_as_process()
    assert shown.buffer.getvalue() == b"by hand: Zo\\xeb\n"


# Presses Ctrl-C again while what the first interrupted is torn down.
TORN_DOWN = """
import signal
from liberty_cfn import cli
class Held:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)
def interrupted():
    held = Held()
    raise SystemExit(130)
cli.main = interrupted
signal.signal(signal.SIGINT, signal.SIG_DFL)
cli.run()
"""


def test_another_ctrl_c_finds_nothing_that_is_torn_down():
    answer = run(sys.executable, "-c", TORN_DOWN)
    assert (answer.returncode, answer.stderr) == (130, "")


def test_what_is_closed_is_nobody_to_ask_and_nothing_to_read(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["liberty-cfn", "environments"])
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(SystemExit):
        main()
    with pytest.raises(SystemExit):
        asking.agrees("Deploy?")
    assert "There is nobody to ask" in capsys.readouterr().err
    assert sys.stdin.buffer.read() == b""


def test_what_is_closed_or_full_is_written_to_in_vain(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    console().print("Nobody reads this")
    monkeypatch.setattr(click, "echo", Mock(side_effect=OSError))
    with pytest.raises(SystemExit):
        fail("Nobody reads this, either")


def test_it_finds_its_repository_from_any_folder(tmp_path):
    answer = run(*PROGRAM, "environments", cwd=tmp_path)
    assert answer.stdout.split() == names()


def test_stale_templates_are_refused_anywhere_but_locally(tmp_path, nearby, aws, monkeypatch):
    shutil.copytree(REPOSITORY / "templates", tmp_path / "templates")
    (tmp_path / "templates" / "cache.yaml").write_text("# by hand\n")
    there = partial(generation.differences, folder=tmp_path)
    monkeypatch.setattr(generation, "differences", there)
    monkeypatch.setattr(checked, "is_known", lambda _: False)
    answer = typed("deploy", "dev", "--yes", env=nearby)
    assert answer.returncode == 1
    assert "templates/cache.yaml is stale" in answer.stderr
    assert "Run `make templates`, and have it reviewed." in answer.stderr
    assert aws.client("s3").list_buckets()["Buckets"] == []


def test_templates_that_are_changed_while_they_are_linted_are_not_deployed(
    tmp_path, nearby, aws, monkeypatch
):
    shutil.copytree(REPOSITORY / "templates", tmp_path / "templates")
    there = partial(generation.differences, folder=tmp_path)
    monkeypatch.setattr(generation, "differences", there)
    monkeypatch.setattr(generation, "generate", committed)
    monkeypatch.setattr(checked, "is_known", lambda _: False)
    by_hand = tmp_path / "templates" / "cache.yaml"
    monkeypatch.setattr("liberty_cfn.linting.lint_ours", lambda: by_hand.write_text("#") and [])
    answer = typed("deploy", "dev", "--yes", env=nearby)
    assert answer.returncode == 1
    assert "Changed while it was looked at: templates/cache.yaml" in answer.stderr
    assert aws.client("s3").list_buckets()["Buckets"] == []


def test_templates_that_the_linters_object_to_are_not_deployed(nearby, aws, monkeypatch):
    told = Finding("templates/cache.yaml", 7, "E1", "error", "is wrong", "Cache", "cache.py:3")
    monkeypatch.setattr(generation, "generate", committed)
    monkeypatch.setattr(checked, "is_known", lambda _: False)
    monkeypatch.setattr("liberty_cfn.linting.lint_ours", lambda: [told])
    answer = typed("deploy", "dev", "--yes", env=nearby)
    assert answer.returncode == 1
    assert f"{told}\n" in answer.stdout
    assert "The templates are not deployed: the linters object" in answer.stderr
    assert aws.client("s3").list_buckets()["Buckets"] == []


def test_what_lint_lets_pass_is_deployed_and_told_each_time(liberty, monkeypatch):
    told = Finding("templates/cache.yaml", 7, "W1", "warning", "is odd [really]")
    remembered = Mock()
    monkeypatch.setattr(generation, "generate", committed)
    monkeypatch.setattr(checked, "is_known", lambda _: False)
    monkeypatch.setattr(checked, "remember", remembered)
    monkeypatch.setattr("liberty_cfn.linting.lint_ours", lambda: [told])
    monkeypatch.setattr(deploying, "deploy", Mock(return_value=None))
    said = liberty("deploy", "dev", "--yes").stdout
    assert f"{told}\n" in said
    assert "the linters warn, as above" in said
    assert not remembered.called


def test_a_plan_is_of_what_is_generated_and_says_which_templates_are_others(
    nearby, aws, monkeypatch
):
    templates = small(generation.nested(committed()), "Logs")
    files = {f"templates/{name}": text for name, text in templates.items()}
    monkeypatch.setattr(generation, "generate", lambda: files)
    monkeypatch.setattr(checked, "is_known", lambda *_: False)
    answer = typed("plan", "dev", "--json", env=nearby)
    assert json.loads(answer.stdout)["digest"] == digest(templates)
    assert "templates/root.yaml is stale" in answer.stderr


def committed():
    """Return what is generated, which is what is committed."""
    files = [file for file in (REPOSITORY / "templates").rglob("*") if file.is_file()]
    return {file.relative_to(REPOSITORY).as_posix(): file.read_text() for file in files}


@pytest.fixture
def changed(tmp_path, monkeypatch):
    """Have another line in an environment's file."""

    def change(environment, line):
        key = line.partition(":")[0]
        text = (PARAMS / f"{environment}.yaml").read_text()
        kept = [one for one in text.splitlines() if not one.startswith(key)]
        (tmp_path / f"{environment}.yaml").write_text("\n".join([*kept, line, ""]))
        monkeypatch.setattr("liberty_cfn.environments.load", lambda name: load(name, tmp_path))

    return change


def test_another_accounts_credentials_are_refused_before_anything_is_made(changed, nearby, aws):
    changed("dev", "Account: '111122223333'")
    answer = typed("plan", "dev", env=nearby)
    assert answer.returncode == 1
    assert "credentials are account 000000000000's, and dev is in 111122223333" in answer.stderr
    assert aws.client("s3").list_buckets()["Buckets"] == []


@pytest.mark.parametrize(
    "error", [click.Abort(), ClientError({"Error": {"Code": "ExpiredToken"}}, "DescribeStacks")]
)
def test_what_goes_on_without_us_is_told_with_the_command_that_shows_it(monkeypatch, error):
    monkeypatch.setattr(cli, "main", Mock(side_effect=error))
    said = typed("deploy", "dev").stderr
    assert said.endswith("to see how it stands: make status ENV=dev.\n")


def test_who_no_longer_reads_is_told_that_aws_goes_on_too(capsys):
    unread = Mock(side_effect=BrokenPipeError)
    with pytest.raises(SystemExit) as left, interruptible(load("dev"), "deploy", list):
        screen = console()
        screen.file = SimpleNamespace(write=unread, flush=unread)
        screen.print("Nobody reads this")
    assert left.value.code == 1
    assert "AWS goes on with liberty-social-dev" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "command", "goes_on", "cancelled"),
    [
        ("dev", "deploy", True, "undoes an update"),
        ("dev", "destroy", True, None),
        ("dev", "rollback", False, None),
        ("dev", "events", False, "undoes an update"),
        ("global", "retry", True, "stops what has not begun"),
        ("global", "destroy", True, "stops what has not begun"),
    ],
)
def test_who_interrupts_is_told_what_can_be_done_then(
    capsys, name, command, goes_on, cancelled
):
    with pytest.raises(SystemExit), interruptible(load(name), command, list):
        raise KeyboardInterrupt
    said = capsys.readouterr().err
    assert f"make events ENV={name} ARGS=--follow only watches" in said
    assert (f"make {command} ENV={name} attaches" in said) is goes_on
    assert (f"make cancel ENV={name} {cancelled}.\n" in said) is bool(cancelled)
    assert ("make cancel" in said) is bool(cancelled)


def test_production_wants_its_name_not_a_mere_yes(changed, liberty, aws):
    zone = aws.client("route53").create_hosted_zone(Name="example.com", CallerReference="x")
    zone_id = zone["HostedZone"]["Id"].removeprefix("/hostedzone/")
    changed("prod", f"HostedZoneId: {zone_id}")
    answer = liberty("deploy", "prod", "--yes")
    assert answer.returncode == 1
    assert "this is production; give --confirm prod" in answer.stderr
    assert aws.client("ec2").describe_nat_gateways()["NatGateways"] == []


def test_a_deploy_is_held_to_the_digest_that_was_approved(liberty, capsys):
    assert generate.main(["--digest"]) == 0
    digest = capsys.readouterr().out.strip()
    assert len(digest) == 64
    planned = liberty("plan", "dev", "--json")
    assert planned.returncode == 2
    assert json.loads(planned.stdout)["digest"] == digest
    refused = liberty("deploy", "dev", "--yes", "--template-digest", "0" * 64)
    assert refused.returncode == 1
    assert f"they have the digest {digest}" in refused.stderr


def test_a_canary_that_cant_be_verified_is_as_far_as_a_deploy_goes(monkeypatch):
    error = UnreachableError("AWS can't be asked")
    monkeypatch.setattr(
        "liberty_cfn.deploy.stack_sets.comparing.verified_at", Mock(side_effect=error)
    )
    environment, screen = load("global"), Mock()
    asked = Asked(Fleet(environment, home=None), screen, Mock(), yes=True, confirm=None)
    assert not asked.goes_on(environment.targets.places[0])
    assert "can't be verified: AWS can't be asked" in str(screen.print.call_args)
