"""What would fail in targets of a stack set, told before anything begins."""

import contextlib
import dataclasses
from datetime import UTC, datetime
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError
from stack_sets import (
    EU,
    FIRST,
    FLAT,
    FOURTH,
    HOME,
    KEEPING,
    OTHER,
    SECOND,
    SMALL,
    THIRD,
    TYPES,
    US,
    Told,
    made_nothing,
    stack_of,
    statuses,
)

from liberty_cfn.deploy import beforehand, drift, images, linked_roles
from liberty_cfn.deploy.errors import (
    DeployError,
    FollowError,
    UnreachableError,
)
from liberty_cfn.deploy.stack_sets import beforehand as set_beforehand
from liberty_cfn.deploy.stack_sets import (
    bootstrap,
    comparing,
    failures,
    protecting,
    running,
)
from liberty_cfn.deploy.stack_sets.comparing import drifted, examined, verified
from liberty_cfn.deploy.stack_sets.deploying import deploy, prepare, retry
from liberty_cfn.deploy.stack_sets.operations import Result, attach
from liberty_cfn.deploy.stack_sets.reaching import Fleet, taking_out
from liberty_cfn.deploy.stack_sets.standing import StackSet, standing
from liberty_cfn.deploy.stack_sets.wanted import Differences
from liberty_cfn.deploy.targets import Target
from liberty_cfn.deployment_targets import Place
from liberty_cfn.verify import VerifyError


def test_services_have_their_own_roles_in_each_account_before_a_target_is_made(
    sets, monkeypatch
):
    accounts = []
    monkeypatch.setattr(Target, "is_aws", True)
    monkeypatch.setattr(beforehand, "quotas", lambda *_: ())
    monkeypatch.setattr(linked_roles, "see_to_them", lambda at: accounts.append(at.account))
    fleet = sets.fleet(str(FIRST), str(THIRD), str(SECOND))
    deploy(fleet, SMALL, Told())
    # The canary's account first, then the others'.
    assert (accounts[0], sorted(accounts)) == (HOME, [HOME, HOME, OTHER])
    deploy(sets.changed(fleet, LogRetentionDays="30"), SMALL, Told())
    assert len(accounts) == 3


def test_where_nobody_gets_in_it_is_told_how_ecs_gets_its_own_role(sets, monkeypatch):
    fleet, told = sets.fleet(str(FIRST), str(THIRD), str(SECOND)), Told()
    managed = dataclasses.replace(fleet.targets, units=("ou-1-2",))
    closed = Fleet(dataclasses.replace(fleet.environment, targets=managed), fleet.home)
    monkeypatch.setattr(Target, "is_aws", True)
    monkeypatch.setattr(Fleet, "credentials", Mock(side_effect=UnreachableError("no role")))
    new = Differences(definition=False, new=(FIRST, THIRD, SECOND))
    running.Run(closed, {}, {}, new, told, set())._see_to_linked_roles(new.new)  # noqa: SLF001
    assert told.lines == [f"{HOME}, {OTHER}: {linked_roles.UNREACHED}"]
    # Nor does bootstrap make a role there, which it would be told to without.
    with pytest.raises(UnreachableError, match=r"^no role$"):
        closed.at(FIRST)
    with pytest.raises(UnreachableError, match="make bootstrap ENV="):
        Fleet(fleet.environment, fleet.home).at(FIRST)


def test_names_in_the_way_are_told_of_every_new_target_before_anything_begins(sets, between):
    fleet = sets.fleet(str(FIRST), str(FOURTH))
    suffixes = {p: own["NameSuffix"] for p, own in fleet.targets.overrides.items()}
    bucket = f"liberty-social-uploads{suffixes[FIRST]}"
    sets.client("s3", FIRST).create_bucket(Bucket=bucket)
    secret = f"liberty-social/SECRET_KEY{suffixes[FOURTH]}"
    sets.client("secretsmanager", FOURTH).create_secret(Name=secret)
    for act in (prepare, deploy):
        with pytest.raises(DeployError) as error:
            act(fleet, KEEPING, Told())
        said = str(error.value).splitlines()
        assert said[0] == "Nothing was changed, as this would fail:"
        assert said[1:3] == [f"{FIRST}:", f"  Bucket that is there: {bucket}"]
        assert said[3:5] == [f"{FOURTH}:", f"  Secret that is there: {secret}"]
        assert "give the target another NameSuffix in params/" in said[5]
    assert made_nothing(between)
    # Of what the templates don't have, nothing is in anybody's way.
    with pytest.raises(DeployError, match=bucket) as error:
        prepare(fleet, SMALL, Told())
    assert secret not in str(error.value)


def test_what_a_target_has_of_its_own_is_in_nobodys_way(sets):
    fleet = sets.fleet(str(FIRST))
    deploy(fleet, SMALL, Told())
    suffix = fleet.targets.overrides[FIRST]["NameSuffix"]
    sets.client("s3", FIRST).create_bucket(Bucket=f"liberty-social-uploads{suffix}")
    assert deploy(sets.changed(fleet, LogRetentionDays="30"), SMALL, Told()).changed


def test_what_a_failed_creation_kept_is_in_the_way_of_the_next(sets, between):
    fleet = sets.fleet(str(FIRST))
    sets.aws.fail(f"{TYPES}@{HOME}/{US}")
    # No retry is advised, which would be refused.
    with pytest.raises(DeployError, match=r"failed:(.|\n)*then: make deploy ENV=.* ADOPT=1 if"):
        deploy(fleet, SMALL, Told())
    sets.aws.fail()
    bucket = f"liberty-social-uploads{fleet.targets.overrides[FIRST]['NameSuffix']}"
    sets.client("s3", FIRST).create_bucket(Bucket=bucket)
    for again in (lambda: deploy(fleet, SMALL, Told()), lambda: retry(fleet, Told())):
        with pytest.raises(DeployError, match=f"Bucket that is there: {bucket}"):
            again()
    sets.client("s3", FIRST).delete_bucket(Bucket=bucket)
    retry(fleet, Told())
    assert statuses(fleet) == {FIRST: "CURRENT"}


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --region us-east-1 --stack-name"),
        ("UPDATE_IN_PROGRESS", "or at what somebody began there: wait for that."),
    ],
)
def test_a_target_whose_stack_cannot_be_updated_is_told_with_the_way_out(
    sets, monkeypatch, status, said
):
    fleet = sets.fleet(str(FIRST), str(SECOND))
    deploy(fleet, FLAT, Told())
    halted, find = stack_of(fleet, FIRST), set_beforehand.find

    def found(client, stack):
        there = find(client, stack)
        return there | {"StackStatus": status} if there["StackId"] == halted else there

    monkeypatch.setattr(set_beforehand, "find", found)
    monkeypatch.setattr(StackSet, "being", lambda _, state: [FIRST] * (state == "OUTDATED"))
    wanted = sets.changed(fleet, LogRetentionDays="30")
    for act in (lambda: prepare(wanted, FLAT, Told()), lambda: retry(fleet, Told())):
        with pytest.raises(DeployError) as error:
            act()
        _, place, why = str(error.value).splitlines()
        assert (place, f" is in {status}. " in why, said in why) == (f"{FIRST}:", True, True)


@contextlib.contextmanager
def switched_off(fleet, account, region):
    """Have EC2 say of a region that an account has not switched it on."""
    home = fleet.home.account == account
    events = (fleet.home if home else fleet.at(Place(account, US))).client("ec2").meta.events

    def answer(parsed, **_):
        for each in parsed["Regions"]:
            if each["RegionName"] == region:
                each["OptInStatus"] = "not-opted-in"

    events.register("after-call.ec2.DescribeRegions", answer, unique_id="off")
    yield
    events.unregister("after-call.ec2.DescribeRegions", unique_id="off")


@pytest.mark.parametrize(("account", "where"), [(OTHER, [FOURTH]), (HOME, [THIRD, FOURTH])])
def test_a_region_that_an_account_has_not_switched_on_is_told_before_anything_begins(
    sets, between, monkeypatch, account, where
):
    """The set's own account has to have switched it on, too."""
    fleet = sets.fleet()
    enable = f"Region: account {account} has not switched on {EU}: aws account enable-region"
    # Nothing can be asked there: it answers nobody.
    for place in where:
        monkeypatch.setitem(sets.reached, place, None)
    with switched_off(fleet, account, EU):
        for act in (prepare, deploy):
            with pytest.raises(DeployError) as error:
                act(fleet, SMALL, Told())
            said = str(error.value).splitlines()[1:]
            assert said[::2] == [f"{place}:" for place in where]
            assert all(line.startswith(f"  {enable}") for line in said[1::2])
        _, found = examined(fleet)
        assert all(str(found[place][0]).startswith(enable) for place in where)
    assert made_nothing(between)


def test_a_region_to_be_switched_on_has_a_service_of_its_own_that_takes_the_role(sets):
    small = sets.fleet(str(FIRST)).environment
    fleets = [
        sets.with_targets(small, {Place(HOME, region): small.targets.overrides[FIRST]})
        for region in ("ap-east-1", "eu-south-1")
    ]
    for fleet, region in zip(fleets, ("ap-east-1", "eu-south-1"), strict=True):
        untrusted = f"doesn't let cloudformation.{region}.amazonaws.com take it"
        assert untrusted in bootstrap.missing(fleet)[HOME]
        bootstrap.install(fleet, "", list)
    # What one set needs stays when another is bootstrapped.
    assert [bootstrap.missing(fleet) for fleet in fleets] == [{}, {}]


def test_a_target_of_which_aws_does_not_tell_what_differs_there_is_named(there, between):
    between.refuse("DescribeStackInstance", "AccessDenied")
    with pytest.raises(DeployError, match=r": AWS refused DescribeStackInstance: No \("):
        deploy(there, FLAT, Told())


def test_what_runs_in_a_target_is_not_stopped_for_an_image_that_is_gone(
    sets, between, monkeypatch
):
    monkeypatch.setattr(images, "resolve", lambda *_: images.Image(refusal="it is gone"))
    with pytest.raises(DeployError, match=f"^{FIRST}: it is gone$"):
        deploy(sets.fleet(str(FIRST)), SMALL, Told())
    assert made_nothing(between)


def test_a_role_that_was_deleted_by_hand_is_made_again_or_why_not_is_told(sets, there, between):
    iam = sets.client("iam", Place(OTHER, US))
    name = {"RoleName": bootstrap.ROLES[bootstrap.EXECUTION]}
    for policy in iam.list_attached_role_policies(**name)["AttachedPolicies"]:
        iam.detach_role_policy(**name, PolicyArn=policy["PolicyArn"])
    iam.delete_role(**name)
    sets.aws.fail(f"AWS::IAM::Role/Role@{OTHER}/{US}")
    assert (
        "liberty-cfn-stack-set-execution-role in account 111111111111 ended as "
        "ROLLBACK_COMPLETE: Role (AWS::IAM::Role): "
    ) in bootstrap.install(there, "", list)[1][OTHER]
    sets.aws.fail()
    done, failed = bootstrap.install(there, "", list)
    assert (done[HOME], done[OTHER], failed) == ("is as it should be", "made", {})
    assert len(iam.list_attached_role_policies(**name)["AttachedPolicies"]) > 1
    assert bootstrap.missing(there) == {}


def refused(code):
    return ClientError({"Error": {"Code": code, "Message": "No"}}, "CreateStack")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (DeployError("a hook refused it"), "a hook refused it"),
        (refused("AccessDenied"), "AWS refused CreateStack: No (AccessDenied)"),
        (
            UnreachableError("the role isn't there"),
            (
                "the role isn't there; by hand: aws cloudformation deploy --stack-name "
                "liberty-cfn-stack-set-execution-role --template-file templates/bootstrap/"
                "stack-set-execution-role.yaml --capabilities CAPABILITY_NAMED_IAM --region "
                f"us-east-1 --parameter-overrides AdministratorAccountId={HOME}  # as an "
                f"administrator of {HOME}"
            ),
        ),
        (refused("ExpiredToken"), None),
    ],
)
def test_where_a_role_cannot_be_made_the_other_accounts_get_theirs(
    there, monkeypatch, error, told
):
    def made(_, target, *more):
        if target.account == HOME and more[0] is bootstrap.EXECUTION:
            raise error
        return "made"

    monkeypatch.setattr(bootstrap, "_put", made)
    if told is None:
        # No other account can be asked either.
        with pytest.raises(ClientError):
            bootstrap.install(there, "", list)
        return
    done, failed = bootstrap.install(there, "", list)
    assert done == {f"{HOME} (administrator)": "made", OTHER: "made"}
    assert failed == {HOME: told}


def test_a_target_whose_role_is_missing_is_told_before_anything_is_changed(sets, there):
    wanted = sets.changed(there, LogRetentionDays="30")
    with sets.without_role(OTHER):
        assert list(bootstrap.missing(wanted)) == [OTHER]
        with pytest.raises(DeployError) as error:
            deploy(wanted, FLAT, Told())
    said = str(error.value)
    assert said.startswith("Nothing was changed: these targets can't be looked into:")
    assert f"{SECOND}: the role AWSCloudFormationStackSetExecutionRole isn't there" in said
    assert f"{FIRST}:" not in said
    # Its account may be closed: then no role can be had.
    closed = f"params/{there.environment.name}.yaml, and out of the set:"
    assert said.partition(closed)[2].split("\n")[1] == (
        f"  {SECOND}: {taking_out(there, SECOND)}"
    )


def test_a_new_target_that_cannot_be_looked_into_is_told_before_anything_begins(sets, between):
    fleet = sets.fleet(str(FIRST), str(SECOND))
    with sets.without_role(OTHER):
        _, _, plan = prepare(fleet, FLAT, Told())
        assert (list(plan.unknown), plan.code) == ([SECOND], 1)
        with pytest.raises(DeployError, match="these targets can't be looked into"):
            deploy(fleet, FLAT, Told())
    assert made_nothing(between)


def test_where_it_is_not_known_which_image_is_there_nothing_is_changed(
    sets, between, monkeypatch
):
    # Else a target would get the tag in its digest's place, or tasks without an image.
    def resolve(_, target):
        if target.account == OTHER:
            raise UnreachableError("not for you")
        return images.Image()

    monkeypatch.setattr(images, "resolve", resolve)
    with pytest.raises(DeployError, match=f"looked into:\n  {SECOND}: not for you"):
        deploy(sets.fleet(str(FIRST), str(SECOND)), FLAT, Told())
    assert made_nothing(between)


def test_a_role_that_went_meanwhile_is_a_failure_with_the_step_that_mends_it(sets, monkeypatch):
    monkeypatch.setattr(protecting, "protect_first", Mock())
    fleet = sets.fleet(str(SECOND))
    deploy(fleet, FLAT, Told())
    with sets.without_role(OTHER):
        asked = {"Accounts": [OTHER], "Regions": [US]}
        fleet.cloudformation.update_stack_instances(StackSetName=fleet.name, **asked)
        attach(fleet, Told())
        assert statuses(fleet) == {SECOND: "OUTDATED"}
        with pytest.raises(DeployError) as error:
            retry(fleet, Told())
    assert "should have 'AWSCloudFormationStackSetExecutionRole' role" in str(error.value)
    fixed = f"Its roles are missing: make bootstrap ENV={fleet.environment.name}"
    assert fixed in str(error.value)
    retry(fleet, Told())
    assert statuses(fleet) == {SECOND: "CURRENT"}


@pytest.mark.parametrize(
    "why",
    [
        "Account 1 should have 'stacksets-exec-b9' role with trust relationship to Role 'x'.",
        "User: arn:x is not authorized to perform: sts:AssumeRole on resource: arn:aws:y",
        "DEFAULT_ROLE_CREATION_ERROR",
    ],
)
def test_where_a_set_cannot_take_its_role_the_step_is_about_the_role(sets, why):
    fleet = sets.fleet(str(FIRST))
    failed, now = [Result(FIRST, "FAILED", why)], datetime.now(UTC)
    fixed = f"Its roles are missing: make bootstrap ENV={fleet.environment.name}"
    lines, [told] = failures.explained(fleet, failed, now)
    assert (lines[2].strip(), told["advice"]) == (fixed, fixed)
    managed = dataclasses.replace(fleet.targets, units=("ou-1-2",))
    environment = dataclasses.replace(fleet.environment, targets=managed)
    lines, _ = failures.explained(Fleet(environment, fleet.home), failed, now)
    assert "AWS makes its roles itself" in lines[2]


def test_what_one_target_does_not_answer_is_told_of_that_one(there, monkeypatch):
    compared, fourth = drift.detect, stack_of(there, FOURTH)

    def detect(cloudformation, stack_id, *more, **named):
        if stack_id == fourth:
            raise FollowError("not for you")
        return compared(cloudformation, stack_id, *more, **named)

    def verify(environment, _):
        if environment.region == EU:
            raise VerifyError("nobody there")
        return environment.region

    monkeypatch.setattr(drift, "detect", detect)
    monkeypatch.setattr(comparing, "verify", verify)
    known = standing(there)
    found, unknown = drifted(there, known, list)
    assert (unknown, set(found)) == ({FOURTH: "not for you"}, {FIRST, SECOND, THIRD})
    reports, unknown, _ = verified(there)
    assert unknown == dict.fromkeys([THIRD, FOURTH], "nobody there")
    assert reports == dict.fromkeys([FIRST, SECOND], US)


@pytest.mark.parametrize("followed", [False, True])
def test_credentials_that_are_over_are_not_tried_target_by_target(sets, followed):
    over = ClientError({"Error": {"Code": "ExpiredToken"}}, "DescribeStacks")

    def look(_):
        if followed:
            raise FollowError("look again") from over
        raise over

    with pytest.raises(FollowError if followed else ClientError):
        sets.fleet().everywhere([FIRST, SECOND], look)


def test_a_target_that_cannot_be_previewed_is_told_beside_those_that_can(sets, there):
    wanted = sets.changed(there, LogRetentionDays="30")
    with sets.without_role(OTHER):
        _, _, plan = prepare(wanted, SMALL, Told())
    assert plan.changing.keys() == {FIRST, THIRD}
    assert plan.unknown.keys() == {SECOND, FOURTH}
    assert plan.code == 1
