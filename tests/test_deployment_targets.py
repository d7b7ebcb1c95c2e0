"""`Targets:` of params/, checked before any account hears of it."""

import pytest

from liberty_cfn.deployment_targets import Place
from liberty_cfn.environments import MisfitsError, collisions, load

BASE = """\
Region: us-east-1
Tags: {Project: p, Environment: e, ManagedBy: m}
DomainName: example.com
HostedZoneId: Z1
SiteOrigins: https://example.com
"""
GOOD = {
    "Accounts": "['111111111111', '222222222222']",
    "Regions": "[us-east-1, eu-west-1]",
    "ParameterOverrides": """
    111111111111/us-east-1: {NameSuffix: -a, RecordLabel: a}
    111111111111/eu-west-1: {NameSuffix: -b, RecordLabel: b}
    222222222222/us-east-1: {NameSuffix: -c, RecordLabel: c}
    222222222222/eu-west-1: {NameSuffix: -d, RecordLabel: d}
""",
}
UNITS = {
    "Accounts": None,
    "OrganizationalUnitIds": "[ou-abcd-12345678]",
    "Regions": "[us-east-1]",
    "ParameterOverrides": "{ou-abcd-12345678: {NameSuffix: -u}}",
}


@pytest.fixture
def written(tmp_path):
    """Write a stack set's file, by what differs from a good one, and load it."""

    def write(more="", **differences):
        said = {**GOOD, **differences}
        lines = [f"  {key}: {value}" for key, value in said.items() if value is not None]
        (tmp_path / "test.yaml").write_text("\n".join([f"{BASE}Targets:", *lines, more]))
        return load("test", tmp_path)

    return write


def misfits(written, **differences):
    with pytest.raises(MisfitsError) as error:
        written(**differences)
    return str(error.value)


def overriding(*lines):
    """Return the good overrides with more of them."""
    return GOOD["ParameterOverrides"].rstrip() + "".join(f"\n    {line}" for line in lines)


def test_the_example_is_in_two_accounts_and_two_regions():
    targets = load("global").targets
    assert len(set(targets.accounts)) == len(set(targets.regions)) == 2
    assert len(targets.places) == 4


def test_a_plain_environment_has_one_part_itself():
    plain = load("dev")
    assert plain.targets is None
    assert plain.parts == [plain]


def test_each_place_has_its_own_settings_the_particular_winning(written):
    environment = written(
        ParameterOverrides=overriding(
            "eu-west-1: {TaskCpu: 512, TaskMemory: 1024, MaxTasks: 5}",
            "'222222222222': {MaxTasks: 6, MinTasks: 3, DesiredCount: 3}",
        ).replace("-d,", "-d, MinTasks: 4, DesiredCount: 4,")
    )
    there = environment.at(Place("222222222222", "eu-west-1"))
    assert (there.region, there.account) == ("eu-west-1", "222222222222")
    chosen = {key: there.settings[key] for key in ("TaskCpu", "MaxTasks", "MinTasks")}
    assert chosen == {"TaskCpu": "512", "MaxTasks": "6", "MinTasks": "4"}
    elsewhere = environment.at(Place("111111111111", "us-east-1"))
    assert elsewhere.settings["MaxTasks"] == "10"
    assert "MaxTasks" not in elsewhere.given


def test_operations_are_careful_unless_told_otherwise(written):
    assert written().targets.preferences == {
        "RegionOrder": ["us-east-1", "eu-west-1"],
        "RegionConcurrencyType": "SEQUENTIAL",
        "FailureToleranceCount": 0,
        "MaxConcurrentCount": 1,
    }


def test_places_are_gone_through_region_by_region_in_the_order_given(written):
    order = "{RegionOrder: [eu-west-1, us-east-1]}"
    targets = written(OperationPreferences=order).targets
    assert [place.region for place in targets.places] == ["eu-west-1"] * 2 + ["us-east-1"] * 2
    assert targets.canary == Place("111111111111", "eu-west-1")


@pytest.mark.parametrize(
    ("preferences", "accounts", "at_once"),
    [
        ("{MaxConcurrentCount: 5}", 10, 1),
        ("{MaxConcurrentCount: 5, FailureToleranceCount: 2}", 10, 3),
        ("{MaxConcurrentCount: 5, FailureToleranceCount: 9}", 10, 5),
        ("{MaxConcurrentCount: 5, ConcurrencyMode: SOFT_FAILURE_TOLERANCE}", 10, 5),
        ("{MaxConcurrentPercentage: 50, FailureTolerancePercentage: 20}", 10, 3),
        ("{MaxConcurrentPercentage: 1, FailureTolerancePercentage: 20}", 10, 1),
        ("{MaxConcurrentCount: 5, FailureToleranceCount: 9}", 2, 2),
    ],
)
def test_strictly_no_more_than_may_fail_and_one_are_worked_on(
    written, preferences, accounts, at_once
):
    targets = written(OperationPreferences=preferences).targets
    assert targets.concurrency(accounts) == at_once


def test_a_service_managed_set_has_units_filters_and_auto_deployment(written):
    targets = written(
        **UNITS, AutoDeployment="true", RetainStacksOnAccountRemoval="true"
    ).targets
    assert targets.service_managed
    assert targets.auto_deployment
    assert targets.retain_on_removal
    assert targets.account_filter == "NONE"
    assert targets.places == (Place("ou-abcd-12345678", "us-east-1"),)


@pytest.mark.parametrize(
    ("chosen", "holders"),
    [
        (None, ["111111111111", "222222222222"]),
        ("DIFFERENCE", ["ou-abcd-12345678"]),
        ("UNION", ["ou-abcd-12345678", "111111111111", "222222222222"]),
    ],
)
def test_accounts_narrow_or_widen_the_units(written, chosen, holders):
    targets = written(
        OrganizationalUnitIds="[ou-abcd-12345678]",
        AccountFilterType=chosen,
        Regions="[us-east-1]",
        ParameterOverrides="""
    ou-abcd-12345678: {NameSuffix: -u, RecordLabel: u}
    111111111111/us-east-1: {NameSuffix: -a, RecordLabel: a}
    222222222222/us-east-1: {NameSuffix: -c, RecordLabel: c}
"""
        if chosen != "DIFFERENCE"
        else "{ou-abcd-12345678: {NameSuffix: -u}}",
    ).targets
    assert [place.account for place in targets.places] == holders


@pytest.mark.parametrize(
    ("differences", "complaint"),
    [
        ({"Accounts": "['111111111111', '111111111111']"}, "111111111111 is said twice"),
        ({"Accounts": "['1111']"}, "'1111' given, expected the 12 digits"),
        ({"Accounts": "[]"}, "Targets.Accounts: expected a list with at least one"),
        ({"Accounts": None}, "expected Accounts, or OrganizationalUnitIds"),
        ({"Acounts": "[]"}, "Targets.Acounts: no such word; did you mean Accounts?"),
        ({"Foo": "1"}, "Targets.Foo: no such word; expected one of Accounts"),
        ({"Regions": None}, "Regions is missing; expected a list of AWS regions"),
        (
            {"Regions": "[us-east-1, eu-wset-1]"},
            "expected an AWS region; did you mean eu-west-1",
        ),
        ({"Regions": "[us-east-1, us-east-1]"}, "us-east-1 is said twice"),
        ({"Regions": "[us-east-1, cn-north-1]"}, "expected a region that shares accounts with"),
        ({"Canary": "111111111111/eu-west-2"}, "expected the target that goes first"),
        ({"ManagedExecution": "perhaps"}, "Targets.ManagedExecution: expected true or false"),
        ({"AutoDeployment": "true"}, "is for service-managed sets only"),
        ({"AccountFilterType": "UNION"}, "is for service-managed sets only"),
        ({**UNITS, "AccountFilterType": "UNION"}, "expected Accounts with INTERSECTION"),
        ({**UNITS, "AccountFilterType": "SOME"}, "expected one of NONE, INTERSECTION"),
        (
            {**UNITS, "AccountFilterType": "UNION", "AutoDeployment": "true"},
            "Targets.AutoDeployment: expected false with UNION",
        ),
        (
            {**UNITS, "OrganizationalUnitIds": "[x]"},
            "'x' given, expected an organizational unit",
        ),
        (
            {"OperationPreferences": "{MaxConcurrentCount: 0}"},
            "'0' given, expected a whole number from 1",
        ),
        (
            {"OperationPreferences": "{MaxConcurrentCount: 2, MaxConcurrentPercentage: 5}"},
            "MaxConcurrentPercentage: expected this or MaxConcurrentCount, not both",
        ),
        (
            {"OperationPreferences": "{FailureTolerancePercentage: 101}"},
            "'101' given, expected 0 to 100",
        ),
        ({"OperationPreferences": "{ConcurrencyMode: SOFT}"}, "expected STRICT_FAILURE_TOL"),
        (
            {"OperationPreferences": "{RegionOrder: [us-east-1]}"},
            "expected each of Regions once",
        ),
        ({"OperationPreferences": "[a]"}, "OperationPreferences: expected a mapping"),
        (
            {"ParameterOverrides": overriding("'333333333333': {MaxTasks: 3}")},
            "ParameterOverrides.333333333333: no such target",
        ),
        (
            {"ParameterOverrides": overriding("eu-west-1: {MaxTask: 3}")},
            "ParameterOverrides.eu-west-1.MaxTask: no such word; did you mean MaxTasks?",
        ),
        (
            {"ParameterOverrides": overriding("eu-west-1: {MaxTasks: many}")},
            "eu-west-1.MaxTasks: 'many' given, expected a whole number",
        ),
        (
            {"ParameterOverrides": overriding("eu-west-1: {MaxTasks: 3}", "eu-west-1: {}")},
            "ParameterOverrides.eu-west-1: said twice",
        ),
        (
            {"ParameterOverrides": overriding("eu-west-1: {TaskMemory: 4096}")},
            "Targets.111111111111/eu-west-1.TaskMemory: Fargate pairs 256 CPU units",
        ),
        (
            {"ParameterOverrides": GOOD["ParameterOverrides"].replace("-a", "''")},
            "Targets.111111111111/us-east-1.NameSuffix: missing; each target needs its own",
        ),
        (
            {"ParameterOverrides": GOOD["ParameterOverrides"].replace("-b", "-a")},
            "-a is that of 111111111111/us-east-1, too; role names are unique in an account",
        ),
        (
            {"ParameterOverrides": GOOD["ParameterOverrides"].replace("-c", "-a")},
            "-a is that of 111111111111/us-east-1, too; bucket names are unique worldwide",
        ),
        (
            {"ParameterOverrides": GOOD["ParameterOverrides"].replace("Label: d", "Label: a")},
            "111111111111/us-east-1 answers at a.example.com, too",
        ),
        (
            {
                "ParameterOverrides": overriding(
                    "us-east-1: {CreateHostedZone: true, HostedZoneId: ''}"
                )
            },
            "111111111111/us-east-1 makes a zone of example.com, too",
        ),
    ],
    ids=lambda value: "" if isinstance(value, str) else "-".join(value),
)
def test_a_misfit_of_the_targets_is_explained(written, differences, complaint):
    assert complaint in misfits(written, **differences)


def test_migrations_are_not_for_stack_sets(written):
    with pytest.raises(MisfitsError, match="Migrate: migrations are run for one stack"):
        written(more="Migrate: python manage.py migrate --noinput")


def test_every_misfit_of_the_targets_is_told_at_once_with_its_line(written):
    said = misfits(
        written,
        Accounts="['111111111111', x]",
        Regions="[us-east-1, mars]",
        ParameterOverrides="{us-east-1: {MaxTsks: 1, MinTasks: many}}",
        Canary="nowhere",
    )
    for line in ("line 7: Targets.Accounts", "line 8: Targets.Regions", "line 9: Parameter"):
        assert line in said
    assert "(6 misfits)" in said


def test_what_does_not_fit_anywhere_is_told_once(written, tmp_path):
    text = (tmp_path / "test.yaml").read_text() if written() else ""
    (tmp_path / "test.yaml").write_text(f"TaskMemory: 4096\n{text}")
    with pytest.raises(MisfitsError, match=r"\(1 misfit\)") as error:
        load("test", tmp_path)
    assert "line 1: TaskMemory" in str(error.value)


def test_what_one_place_must_have_another_need_not(written, tmp_path):
    written()
    file = tmp_path / "test.yaml"
    file.write_text(
        file.read_text()
        .replace("HostedZoneId: Z1\n", "")
        .replace("Label: a", "Label: a, HostedZoneId: Z1")
    )
    with pytest.raises(MisfitsError) as error:
        load("test", tmp_path)
    assert "Targets.222222222222/us-east-1.HostedZoneId: missing" in str(error.value)
    assert "Targets.111111111111/us-east-1" not in str(error.value)


def test_a_place_shares_no_name_with_another_environment(written):
    spread, other = written(), load("prod")
    assert collisions([other, spread]) == []
    found = dict(collisions([spread, spread.at(spread.targets.places[2])]))
    assert (
        "NameSuffix: -b is that of test, too" in found["test"] or "answers at" in found["test"]
    )
