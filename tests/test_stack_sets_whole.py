"""The whole design in two accounts and two regions, by the commands that people type.

In three of the four places that params/global.yaml has: two accounts in a region, and two
regions in an account, are what there is to get into each other's way.
"""

import dataclasses
import json
from types import SimpleNamespace
from unittest.mock import Mock

import click
import pytest
from click.testing import CliRunner
from command_line import documented
from local_aws import Aws
from stack_sets import EU, HOME, OTHER, US

from liberty_cfn.cli import cli, deploying
from liberty_cfn.deploy import images, targets
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.packaging import read
from liberty_cfn.deploy.stack_sets import beforehand, comparing, operations, reaching, running
from liberty_cfn.deploy.stack_sets import deploying as set_deploying
from liberty_cfn.deploy.stack_sets.reaching import Fleet
from liberty_cfn.deployment_targets import Place
from liberty_cfn.environments import load
from liberty_cfn.local import control
from liberty_cfn.repository import PARAMS, TEMPLATES

PLACES = [f"{HOME}/{US}", f"{HOME}/{EU}", f"{OTHER}/{EU}"]


def some(environment):
    """Return an environment in those places alone, if it is a stack set."""
    if not environment.targets:
        return environment
    kept = {p: own for p, own in environment.targets.overrides.items() if str(p) in PLACES}
    targets = dataclasses.replace(environment.targets, overrides=kept)
    return dataclasses.replace(environment, targets=targets)


@pytest.fixture(scope="module")
def known():
    """Credentials and clients of the accounts: making them takes longer than most commands."""
    return {}, {}


@pytest.fixture(scope="module")
def command(local_aws, standing_target, known):
    """Run a command as if the local AWS were the repository's."""
    Aws(local_aws).reset()

    def fleet(environment, home):
        return Fleet(environment, home, *known)

    def run(*arguments):
        answer = CliRunner().invoke(cli, arguments)
        if answer.exception and not isinstance(answer.exception, SystemExit):
            raise answer.exception
        return answer.exit_code, answer.stdout, answer.stderr

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(targets, "connect", lambda *_: standing_target)
        patch.setattr(reaching, "Fleet", fleet)
        patch.setattr(control, "status", lambda: None)
        patch.setattr("liberty_cfn.environments.load", lambda name: some(load(name)))
        # What the linters say of the templates is tested elsewhere, and takes them long.
        patch.setattr(deploying, "checked_templates", lambda *_: read(TEMPLATES))
        yield run


@pytest.fixture(scope="module")
def standing():
    """What the last command to deploy, or to destroy, said; by its name."""
    return {}


@pytest.fixture
def deployed(command, standing, local_aws, known):
    """What deploying said; the set stands."""
    if "deploy" not in standing:
        Aws(local_aws).reset()
        for one in (standing, *known):
            one.clear()
        standing["deploy"] = command("deploy", "global")
    return standing["deploy"]


@pytest.fixture
def destroyed(request, command, standing):
    """What destroying said; what is kept of the set is there."""
    if "destroy" not in standing:
        request.getfixturevalue("deployed")
        said = command("destroy", "global")
        standing.clear()
        standing["destroy"] = said
    return standing["destroy"]


@pytest.fixture
def compared_once(deployed, monkeypatch):
    """Look at all targets once in a test, however often it has shown what was found there.

    To verify them takes longer than to have a stack in one of them.
    """

    def once(look):
        found = []

        def looked(*about):
            found.extend(() if found else [look(*about)])
            return found[0]

        return looked

    for name in ("verified", "drifted"):
        monkeypatch.setattr(comparing, name, once(getattr(comparing, name)))


def test_it_is_made_in_both_accounts_and_regions_with_its_roles_and_verified(deployed):
    code, said, _ = deployed
    assert code == 0
    assert "Making the roles for stack sets in 2 local accounts" in said
    assert f"{PLACES[0]}: 25 resources and 10 checks are as the spec says" in said
    for place in PLACES:
        assert f"{place}  25/25      10/10" in said


def test_planned_again_nothing_would_change(deployed, command):
    code, said, _ = command("plan", "global", "--json")
    assert (code, json.loads(said)["definition_changes"]) == (0, False)


def test_an_override_for_one_region_is_planned_for_that_one_only_and_what_it_lacks_said(
    deployed, command, tmp_path, monkeypatch
):
    text = (PARAMS / "global.yaml").read_text()
    (tmp_path / "global.yaml").write_text(
        text.replace("LogRetentionDays: 90", "LogRetentionDays: 60")
    )
    monkeypatch.setattr(
        "liberty_cfn.environments.load", lambda name: some(load(name, tmp_path))
    )
    unpushed = images.Image(advice="docker push it")
    monkeypatch.setattr(images, "resolve", lambda *_: unpushed)
    code, said, beside = command("plan", "global", "--json")
    assert f"{PLACES[0]}: docker push it" in beside
    planned = json.loads(said)
    assert code == 2
    changing = [t for t in planned["targets"] if t["action"] == "change"]
    assert {target["region"] for target in changing} == {EU}
    [part] = planned["shared"]
    assert [f"{t['account']}/{t['region']}" for t in part["targets"]] == PLACES[1:]
    assert planned["next_steps"][0] == f"{PLACES[0]}: docker push it"


@pytest.mark.usefixtures("compared_once")
def test_where_there_is_no_image_yet_no_tasks_are_expected_and_it_is_said_why(
    deployed, command, monkeypatch
):
    unpushed = images.Image(parameters={"DesiredCount": "0"}, advice="docker push it")
    monkeypatch.setattr(images, "resolve", lambda *_: unpushed)
    _, said, beside = command("verify", "global", "--json")
    assert [f"{place}: docker push it" in beside for place in PLACES] == [True] * 3
    changed = running.Outcome(changed=True)
    monkeypatch.setattr(
        "liberty_cfn.deploy.stack_sets.deploying.deploy", lambda *_, **__: changed
    )
    assert f"{PLACES[0]}: docker push it" in command("deploy", "global")[1]
    facts = json.dumps(json.loads(said)["targets"][0])
    assert '"what": "desired count", "expected": 0' in facts


def test_status_says_of_every_target_how_it_stands(deployed, command):
    code, said, _ = command("status", "global")
    assert code == 0
    assert said.count("CURRENT") == 3
    assert "Every target is as the set says." in said
    listed = json.loads(command("status", "global", "--json")[1])
    assert [f"{t['account']}/{t['region']}" for t in listed["targets"]] == PLACES


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("events", "global"), "SUCCEEDED"),
        (("retry", "global"), "0 targets brought up to date"),
        (("bootstrap", "global"), "is as it should be"),
        (("doctor", "global"), "its roles for stack sets can be taken"),
        (("plan", "global"), "no changes"),
        (("status", "global"), "Every target is as the set says"),
        (("verify", "global"), "25/25"),
        (("drift", "global"), "0 differ"),
        (("deploy", "global"), "no changes"),
    ],
)
@pytest.mark.usefixtures("compared_once")
def test_what_else_a_set_is_asked_is_answered(deployed, command, arguments, words):
    code, said, _ = command(*arguments)
    assert (code, words in said) == (0, True)
    told = json.loads(command(*arguments, "--json")[1])
    assert {*told} == documented(arguments[0], of_a_set=True)


@pytest.mark.usefixtures("compared_once")
def test_what_is_verified_of_all_targets_fits_into_one_comment(command, monkeypatch):
    one = len(command("verify", "global", "--markdown")[1]) // len(PLACES)
    monkeypatch.setattr("liberty_cfn.markdown.LONGEST", 2 * one)
    _, said, _ = command("verify", "global", "--markdown")
    assert len(said) <= 2 * one
    assert said.endswith("\n_More than fits here: see `make verify ENV=global`._\n")


@pytest.mark.parametrize(
    ("confirming", "code"), [((), 1), (("--confirm", "other"), 1), (("--confirm", "global"), 0)]
)
def test_what_is_tried_again_in_production_wants_its_name_as_a_deploy_does(
    deployed, command, monkeypatch, confirming, code
):
    whole = load("global")
    unsuffixed = {p: {**own, "NameSuffix": ""} for p, own in whole.targets.overrides.items()}
    targets = dataclasses.replace(whole.targets, overrides=unsuffixed)
    production = dataclasses.replace(whole, endpoint="", targets=targets)
    monkeypatch.setattr("liberty_cfn.environments.load", lambda _: production)

    def tried(_, asked):
        return running.Outcome(changed=True) if asked.consents(differing) else None

    differing = SimpleNamespace(gone=())
    monkeypatch.setattr("liberty_cfn.deploy.stack_sets.deploying.retry", tried)
    assert command("retry", "global", "--yes", *confirming)[0] == code


@pytest.mark.parametrize("tried", ["deploy", "retry"])
@pytest.mark.usefixtures("deployed")
def test_without_a_policy_in_a_target_nothing_is_said_to_be_well(command, monkeypatch, tried):
    left = running.Outcome(changed=False, unprotected={Place(HOME, US)})
    monkeypatch.setattr(set_deploying, tried, lambda *_, **__: left)
    assert command(tried, "global")[0] == 1


@pytest.fixture
def asking(command, monkeypatch):
    """Deploy a set on AWS of which targets go, or can't be looked into, until consent."""
    real = dataclasses.replace(load("global"), endpoint="")
    monkeypatch.setattr("liberty_cfn.environments.load", lambda _: real)
    monkeypatch.setattr("liberty_cfn.deploy.stack_sets.showing.plan_table", lambda *_: "")
    monkeypatch.setattr("liberty_cfn.cli.stack_sets.deploying._have_roles", lambda *_: None)
    places = real.targets.places

    def ask(*arguments, gone=(), unseen=()):
        agreed = []
        plan = SimpleNamespace(gone=gone, new=(), touched=lambda _: places)
        known = [place for place in places if place not in unseen]

        def deploy(_, __, asked, *___, **____):
            asked.planned(SimpleNamespace(differences=plan, plans=known))
            agreed.append(asked.consents(plan))

        monkeypatch.setattr(set_deploying, "deploy", deploy)
        _, said, beside = command("deploy", "global", *arguments)
        return agreed == [True], said + beside

    return ask


@pytest.mark.usefixtures("deployed")
def test_that_a_target_may_lose_data_unseen_wants_the_name_as_destroying_does(asking):
    where = {"unseen": [Place(OTHER, EU)]}
    assert not asking("--yes", **where)[0]
    assert not asking("--yes", "--confirm", "other", **where)[0]
    assert asking("--confirm", "global", **where)[0]


@pytest.mark.parametrize("name", [f"{OTHER}/{EU}", OTHER, EU])
@pytest.mark.usefixtures("deployed")
def test_a_target_goes_only_if_it_is_named_which_no_yes_nor_confirm_does(asking, name):
    where = {"gone": [Place(OTHER, EU)]}
    needed = f'To have them go: ARGS="--allow-removal {OTHER}/{EU}"'
    for given in (("--yes", "--confirm", "global"), ("--yes", "--allow-removal", US)):
        agreed, said = asking(*given, **where)
        assert (agreed, needed in said) == (False, True)
    named = ("--allow-removal", name)
    assert asking("--yes", *named, **where)[0]
    # Nor does that name agree to the rest.
    assert not asking(*named, **where)[0]
    assert not asking(*named, "--yes", **where, unseen=[Place(HOME, US)])[0]


@pytest.mark.usefixtures("deployed")
def test_at_a_terminal_the_sets_name_is_typed_for_targets_that_go(asking, monkeypatch):
    typed = Mock(side_effect=["global", "globe"])
    terminal = SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("liberty_cfn.cli.asking.sys", terminal)
    monkeypatch.setattr(click, "prompt", typed)
    where = {"gone": [Place(OTHER, EU)]}
    assert asking(**where)[0]
    assert "type global" in typed.call_args.args[0]
    assert not asking("--yes", "--confirm", "global", **where)[0]


@pytest.mark.usefixtures("deployed")
def test_a_name_by_which_no_target_goes_is_told(asking):
    agreed, said = asking("--yes", "--allow-removal", "eu-west-2")
    assert agreed
    assert "--allow-removal eu-west-2: no target of that name goes" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ("outputs",),
        ("rollback",),
        ("secret", "list"),
        ("deploy", "--restart"),
        ("diff", "--deployed"),
    ],
)
def test_what_is_for_one_stack_says_so_of_a_set(command, arguments):
    code, _, said = command(*arguments, "global")
    assert code == 1
    assert "global is a stack set" in said


@pytest.mark.parametrize("name", ["retry", "bootstrap"])
def test_what_is_for_sets_says_so_of_one_stack(command, name):
    code, _, said = command(name, "dev")
    assert code == 1
    assert "is for stack sets, and params/dev.yaml names no Targets" in said


def test_in_accounts_that_only_aws_gets_into_nothing_is_adopted(command, monkeypatch):
    whole = load("global")
    targets = dataclasses.replace(whole.targets, units=("ou-abcd-12345678",))
    managed = dataclasses.replace(whole, targets=targets)
    monkeypatch.setattr("liberty_cfn.environments.load", lambda _name: managed)
    code, _, said = command("deploy", "global", "--adopt")
    assert (code, "nothing there can be adopted" in said) == (1, True)


def test_nothing_is_deleted_where_it_is_not_known_what_would_be_lost(
    deployed, command, monkeypatch
):
    untold = {Place(OTHER, EU): "not for you"}
    monkeypatch.setattr(beforehand, "remaining", lambda *_: ({}, {}, untold))
    with pytest.raises(DeployError, match="Nothing was deleted: these targets can't be looked"):
        command("destroy", "global")
    assert command("status", "global")[0] == 0


def test_without_an_operation_there_is_nothing_to_cancel(deployed, command):
    code, _, said = command("cancel", "global")
    assert (code, "only an operation that is under way can be cancelled" in said) == (1, True)


def test_what_is_cancelled_is_told_as_of_one_stack(deployed, command, monkeypatch):
    monkeypatch.setattr(operations, "stop", lambda *_: "theirs")
    assert "the operation theirs is cancelled: " in command("cancel", "global")[1]
    said = json.loads(command("cancel", "global", "--json")[1])
    expected = {"stack_set": "liberty-social-global", "operation": "theirs", "cancelled": True}
    assert said == expected


def test_it_is_taken_down_and_what_is_kept_is_listed(destroyed, command):
    code, said, _ = destroyed
    assert code == 0
    assert "liberty-social-uploads-g1eu" in said
    assert "liberty-social-global is deleted, in 3 targets" in said
    assert "there is none" in command("destroy", "global")[1]
    assert command("status", "global")[0] == 1


@pytest.mark.parametrize("name", ["plan", "deploy"])
def test_what_was_kept_is_in_the_way_of_a_new_one_and_told_of_every_target(
    destroyed, command, name
):
    with pytest.raises(DeployError) as error:
        command(name, "global")
    said = str(error.value)
    findings = error.value.facts["findings"]
    assert {f"{one['account']}/{one['region']}" for one in findings} == {*PLACES}
    assert {one["level"] for one in findings} == {"obstacle"}
    for place, suffix in zip(PLACES, ("-g0us", "-g0eu", "-g1eu"), strict=True):
        told = said[said.index(f"{place}:") :]
        assert f"liberty-social/SECRET_KEY{suffix}" in told
        assert f"Bucket that is there: liberty-social-uploads{suffix}" in told
    assert "the commands: make doctor ENV=global" in said
