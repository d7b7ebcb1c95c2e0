"""Which stacks there are, who feeds whom, and what may be set."""

import re

import pytest


@pytest.fixture
def waits_for(root):
    """Every stack that a stack waits for, directly or not, by stack."""
    stacks = root.of_type("AWS::CloudFormation::Stack")

    def givers(value):
        if isinstance(value, dict):
            if "Fn::GetAtt" in value:
                yield value["Fn::GetAtt"][0]
            for item in value.values():
                yield from givers(item)
        elif isinstance(value, list):
            for item in value:
                yield from givers(item)

    direct = {title: set(givers(p)) for title, p in stacks.items()}
    for title in direct:
        waits = root.resource(title).get("DependsOn", [])
        direct[title] |= {waits} if isinstance(waits, str) else set(waits)

    def all_of(title):
        return direct[title].union(*(all_of(giver) for giver in direct[title]))

    return {title: all_of(title) for title in direct}


def test_every_template_is_nested_in_the_root_and_nothing_else_is_there(root, stacks):
    nested = root.of_type("AWS::CloudFormation::Stack")
    assert len(nested) >= 14  # the spec's; one may add others
    assert nested.keys() == root.body["Resources"].keys()
    assert [p["TemplateURL"] for p in nested.values()] == [f"{name}.yaml" for name in stacks]


@pytest.mark.parametrize("stack", ["Registry", "Logs", "Storage", "Network"])
def test_some_wait_for_nothing(waits_for, stack):
    assert waits_for[stack] == set()


@pytest.mark.parametrize("stack", ["Registry", "Secrets", "Storage", "Logs", "Identity"])
def test_what_needs_no_network_does_not_wait_for_it(waits_for, stack):
    assert "Network" not in waits_for[stack]


def test_the_database_and_the_cache_are_made_side_by_side(waits_for):
    assert "Cache" not in waits_for["Database"]
    assert "Database" not in waits_for["Cache"]


def test_neither_waits_for_the_load_balancer(waits_for):
    assert "Entrance" not in waits_for["Database"] | waits_for["Cache"]


def test_the_application_starts_when_all_it_needs_is_there(waits_for):
    assert waits_for["Service"] == {
        "Registry",
        "Storage",
        "Logs",
        "Secrets",
        "Identity",
        "Network",
        "Outbound",
        "Security",
        "Entrance",
        "Database",
        "Cache",
    }


def test_alarms_come_last(waits_for):
    # All of the spec's; what somebody adds needn't be waited for.
    spec = {
        *("Alerts", "Cache", "Database", "Entrance", "Identity", "Logs", "Network"),
        *("Outbound", "Registry", "Secrets", "Security", "Service", "Storage"),
    }
    assert spec <= waits_for["Monitoring"]
    assert not any("Monitoring" in awaited for awaited in waits_for.values())


def test_a_setting_keeps_its_name_in_every_stack(root):
    for title, stack in root.of_type("AWS::CloudFormation::Stack").items():
        for parameter, value in stack["Parameters"].items():
            if "Ref" in value:
                expected = "NameSuffix" if parameter == "Suffix" else parameter
                assert value == {"Ref": expected}, title


def test_an_output_keeps_its_name_but_for_the_subnets_which_say_of_what_kind(root):
    renamed = {
        (title, parameter): value["Fn::GetAtt"][1].removeprefix("Outputs.")
        for title, stack in root.of_type("AWS::CloudFormation::Stack").items()
        for parameter, value in stack["Parameters"].items()
        if "Fn::GetAtt" in value and value["Fn::GetAtt"][1] != f"Outputs.{parameter}"
    }
    assert renamed == {
        ("Identity", "SecretArns"): "AllArns",
        ("Entrance", "SubnetIds"): "PublicSubnetIds",
        ("Database", "SubnetIds"): "PrivateSubnetIds",
        ("Cache", "SubnetIds"): "PrivateSubnetIds",
        ("Service", "SubnetIds"): "RoutedSubnetIds",
    }


def test_the_suffix_reaches_every_stack(root):
    for title, stack in root.of_type("AWS::CloudFormation::Stack").items():
        assert stack["Parameters"]["Suffix"] == {"Ref": "NameSuffix"}, title


def test_the_console_groups_and_labels_every_setting_once(root):
    console = root.body["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in console["ParameterGroups"] for name in group["Parameters"]]
    assert grouped == list(root.body["Parameters"])
    assert console["ParameterLabels"].keys() == root.body["Parameters"].keys()
    labels = [group["Label"]["default"] for group in console["ParameterGroups"]]
    assert len(labels) == len(set(labels))


def test_every_setting_says_what_it_means(root):
    for name, parameter in root.body["Parameters"].items():
        assert parameter["Description"].endswith("."), name


def test_every_setting_has_limits_and_its_default_is_within_them(root):
    """Without limits, AWS says what is wrong, one thing at a time, after minutes."""
    for name, parameter in root.body["Parameters"].items():
        default = parameter.get("Default")
        if "AllowedValues" in parameter:
            assert default in parameter["AllowedValues"], name
        elif "MinValue" in parameter:
            assert parameter["MinValue"] <= default <= parameter["MaxValue"], name
        else:
            assert parameter["ConstraintDescription"], name
            assert default is None or re.fullmatch(parameter["AllowedPattern"], default), name


def test_only_what_nobody_can_guess_has_no_default(root):
    required = [n for n, p in root.body["Parameters"].items() if "Default" not in p]
    assert required == ["DomainName", "SiteOrigins"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("NameSuffix", ""),
        ("VpcCidr", "10.0.0.0/16"),
        ("DatabaseClass", "db.t3.micro"),
        ("DatabaseStorage", 20),
        ("DatabaseMultiAz", "true"),
        ("DatabaseBackupDays", 30),
        ("CacheClass", "cache.t3.micro"),
        ("CacheEngine", "redis"),
        ("Image", "latest"),
        ("TaskCpu", 256),
        ("TaskMemory", 512),
        ("DesiredCount", 2),
        ("LogRetentionDays", 30),
        ("RecordLabel", "backend"),
    ],
)
def test_the_defaults_are_those_of_the_spec(default, setting, value):
    assert default(setting) == value


@pytest.mark.parametrize(
    "setting",
    [
        "BalancerDeletionProtection",
        "DatabaseDeletionProtection",
        "BalancerAccessLogs",
        "FlowLog",
        "DatabaseMultiAz",
    ],
)
def test_the_defaults_are_production_s(default, setting):
    assert default(setting) == "true"


@pytest.mark.parametrize(
    ("output", "stack", "what"),
    [
        ("BalancerHost", "Entrance", "BalancerHost"),
        ("RepositoryUri", "Registry", "RepositoryUri"),
        ("DatabaseHost", "Database", "DatabaseHost"),
        ("CacheHost", "Cache", "CacheHost"),
        ("UploadsBucket", "Storage", "UploadsName"),
        ("Cluster", "Service", "ClusterName"),
        ("Service", "Service", "ServiceName"),
        ("Dashboard", "Monitoring", "DashboardUrl"),
        ("NatAddresses", "Outbound", "NatAddresses"),
        ("NameServers", "Entrance", "NameServers"),
    ],
)
def test_outputs_tell_what_people_look_for(root, output, stack, what):
    assert root.body["Outputs"][output]["Value"] == {"Fn::GetAtt": [stack, f"Outputs.{what}"]}
    assert root.body["Outputs"][output]["Description"].endswith(".")


def test_the_url_is_https_and_the_record_s_name(root):
    assert root.body["Outputs"]["Url"]["Value"] == {
        "Fn::Join": ["", ["https://", {"Fn::GetAtt": ["Entrance", "Outputs.Host"]}]]
    }


def test_name_servers_are_told_only_of_a_zone_made_here(root, entrance):
    assert root.body["Outputs"]["NameServers"]["Condition"] == "MakesHostedZone"
    assert root.body["Conditions"] == {
        "MakesHostedZone": {"Fn::Equals": [{"Ref": "CreateHostedZone"}, "true"]}
    }
    (_, servers) = entrance.body["Outputs"]["NameServers"]["Value"]["Fn::Join"]
    assert servers["Fn::If"][:2] == [
        "MakesHostedZone",
        {"Fn::GetAtt": ["HostedZone", "NameServers"]},
    ]


def test_no_output_tells_a_secret(root):
    for name, output in root.body["Outputs"].items():
        assert "Secret" not in str(output["Value"]), name
