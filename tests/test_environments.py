"""params/<environment>.yaml, checked against the settings before AWS hears of it."""

import pytest

from liberty_cfn.environments import MisfitsError, collisions, load, names

GOOD = {
    "Region": "us-east-1",
    "Tags": "{Project: p, Environment: e, ManagedBy: m}",
    "DomainName": "example.com",
    "HostedZoneId": "Z1",
    "SiteOrigins": "https://example.com",
}


@pytest.fixture
def written(tmp_path):
    """Write an environment's file, by what differs from a good one, and load it."""

    def write(text=None, **differences):
        said = {**GOOD, **differences}
        lines = [f"{key}: {value}" for key, value in said.items() if value is not None]
        (tmp_path / "test.yaml").write_text(text if text is not None else "\n".join(lines))
        return load("test", tmp_path)

    return write


def misfits(written, *arguments, **differences):
    with pytest.raises(MisfitsError) as error:
        written(*arguments, **differences)
    return str(error.value)


@pytest.mark.parametrize("name", names())
def test_every_environment_fits_the_settings(name):
    environment = load(name)
    assert environment.tags.keys() == {"Project", "Environment", "ManagedBy"}
    assert environment.tags["Environment"] == name


def test_production_has_the_specs_exact_names_and_values():
    prod = load("prod")
    assert prod.region == "us-east-1"
    assert prod.named("liberty-social-uploads") == "liberty-social-uploads"
    assert prod.host == "backend.example.com"
    assert not prod.given.keys() - {"DomainName", "HostedZoneId", "SiteOrigins"}


def test_the_other_environments_share_no_name_with_it_or_each_other():
    everyone = [load(name) for name in names()]
    parts = [part for environment in everyone for part in environment.parts]
    assert len({part.named("") for part in parts}) == len(parts)
    assert collisions(everyone) == []


def test_environments_that_would_share_names_are_told_apart(written):
    one, other = written(NameSuffix="-x"), written(NameSuffix="-x", RecordLabel="api")
    assert collisions([one, other]) == [("test", "NameSuffix: -x is that of test, too")]
    assert collisions([one, written(NameSuffix="-y")]) == [
        ("test", "RecordLabel: test answers at backend.example.com, too")
    ]


def test_what_a_file_does_not_say_has_its_default(written):
    environment = written(DatabaseMultiAz="false")
    assert environment.settings["DatabaseMultiAz"] == "false"
    assert environment.settings["DatabaseBackupDays"] == "30"
    assert "DatabaseBackupDays" not in environment.given


def test_values_are_given_to_cloudformation_as_it_spells_them(written):
    environment = written(
        DatabaseMultiAz="True",
        DatabaseStorage="030",
        SiteOrigins="[https://a.b, http://c.d:80]",
    )
    assert environment.given["DatabaseMultiAz"] == "true"
    assert environment.given["DatabaseStorage"] == "30"
    assert environment.given["SiteOrigins"] == "https://a.b,http://c.d:80"


@pytest.mark.parametrize(
    ("differences", "complaint"),
    [
        (
            {"DatabaseMultiAZ": "true"},
            "DatabaseMultiAZ: no such setting; did you mean DatabaseMultiAz?",
        ),
        ({"Regoin": "x"}, "Regoin: no such setting; did you mean Region?"),
        ({"Zebra": "1"}, "Zebra: no such setting"),
        ({"DatabaseMultiAz": "maybe"}, "'maybe' given, expected true or false"),
        ({"DatabaseStorage": "5"}, "'5' given, expected a whole number from 20 to 65536"),
        (
            {"DatabaseStorage": "70000"},
            "'70000' given, expected a whole number from 20 to 65536",
        ),
        ({"DatabaseStorage": "twenty"}, "'twenty' given, expected a whole number"),
        ({"DatabaseStorage": "20.5"}, "'20.5' given, expected a whole number"),
        ({"DatabaseStorage": "{a: b}"}, "a mapping given, expected a whole number"),
        ({"RecordLabel": "[a, b]"}, "a list given, expected one label"),
        ({"LogRetentionDays": "31"}, "'31' given, expected 1, 3, 5"),
        (
            {"NameSuffix": "-staging"},
            "'-staging' given, expected empty, or a hyphen and one to five",
        ),
        ({"NameSuffix": "dev"}, "'dev' given, expected empty, or a hyphen"),
        ({"SiteOrigins": "example.com"}, "'example.com' given, expected https:// and a host"),
        ({"SiteOrigins": "https://a.b/path"}, "'https://a.b/path' given, expected https://"),
        ({"SiteOrigins": "'https://a.b,*'"}, "'*' given, expected https://"),
        ({"SiteOrigins": "[]"}, "nothing given, expected https://"),
        ({"SiteOrigins": None}, "SiteOrigins: missing. Where browsers may call"),
        ({"DomainName": "~"}, "DomainName: nothing given, expected a domain"),
        ({"Region": "us-esat-1"}, "'us-esat-1' given, expected an AWS region; did you mean"),
        ({"Region": None}, "Region: missing; expected an AWS region"),
        ({"Region": "[us-east-1]"}, "Region: expected one AWS region"),
        ({"Tags": None}, "Tags: Project is missing"),
        ({"Tags": "{Project: p, Environment: e}"}, "Tags: ManagedBy is missing"),
        ({"Tags": "{Project: p, Environment: e, ManagedBy: m, 'aws:x': y}"}, "not aws: first"),
        (
            {"Tags": "{Project: p, Environment: e, ManagedBy: m, NameSuffix: -x}"},
            "Tags.NameSuffix: a setting, and no tag; expected without indentation",
        ),
        (
            {"Tags": "{Project: p, Environment: e, ManagedBy: [m]}"},
            "expected a text of 1 to 256",
        ),
        ({"Endpoint": "remote"}, "'remote' given, expected local"),
        ({"Account": "12345"}, "Account: expected the 12 digits of an AWS account"),
        ({"TaskMemory": "4096"}, "Fargate pairs 256 CPU units with 512, 1024 or 2048 MiB"),
        (
            {"TaskCpu": "1024"},
            "Fargate pairs 1024 CPU units with 2048 to 8192 MiB in steps of 1024",
        ),
        ({"TaskCpu": "300"}, "'300' given, expected 256, 512, 1024"),
        (
            {"PublicSubnetBCidr": "10.0.1.128/25"},
            "10.0.1.128/25 overlaps 10.0.1.0/24 of PublicSubnetACidr",
        ),
        (
            {"PrivateSubnetACidr": "10.9.0.0/24"},
            "10.9.0.0/24 is not inside the VPC's 10.0.0.0/16",
        ),
        ({"PrivateSubnetACidr": "10.0.12.1/24"}, "expected its first address, 10.0.12.0/24"),
        ({"PrivateSubnetACidr": "10.0.300.0/24"}, "expected four numbers to 255"),
        (
            {"VpcCidr": "10.0.0.0/8"},
            "'10.0.0.0/8' given, expected an IPv4 range from /16 to /28",
        ),
        ({"MinTasks": "5", "MaxTasks": "3"}, "MinTasks: 5 given, expected at most MaxTasks, 3"),
        (
            {"DesiredCount": "11"},
            "DesiredCount: 11 given, expected 2 (MinTasks) to 10 (MaxTasks)",
        ),
        ({"DatabaseStorage": "100"}, "DatabaseMaxStorage: 100 given, expected at least 110"),
        ({"DatabaseIops": "12000"}, "DatabaseIops: 12000 given, expected 0: under 400 GiB"),
        (
            {"DatabaseIops": "3000", "DatabaseStorage": "400", "DatabaseMaxStorage": "500"},
            "DatabaseIops: 3000 given, expected 0, or 12000 to 64000",
        ),
        (
            {"CacheEngine": "valkey"},
            "valkey can't be a single node; expected CacheReplication: true",
        ),
        (
            {"HostedZoneId": None},
            "HostedZoneId: missing; expected the id of the public zone of example.com",
        ),
        ({"CreateHostedZone": "true"}, "HostedZoneId: Z1 given, expected nothing"),
        (
            {"CertificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/ab-12"},
            "a load balancer takes certificates of its own region, us-east-1",
        ),
        ({"ContainerUser": "0"}, "'0' given, expected numbers such as 1000:1000; 0 is root"),
        ({"Image": "latest@x"}, "'latest@x' given, expected a tag"),
        ({"Image": "!Ref Tag"}, "!Ref given, expected a tag"),
        ({"Endpoint": "[local]"}, "Endpoint: expected local"),
        (
            {"SiteOrigins": "'" + ",".join(["https://example.com"] * 300) + "'"},
            "expected at most 4096",
        ),
    ],
    ids=lambda value: "" if isinstance(value, str) else "-".join(value),
)
def test_a_misfit_is_explained(written, differences, complaint):
    assert complaint in misfits(written, **differences)


@pytest.mark.parametrize(
    "differences",
    [
        {"DesiredCount": "0"},
        {"DatabaseIops": "12000", "DatabaseStorage": "400", "DatabaseMaxStorage": "440"},
        {"CacheEngine": "valkey", "CacheReplication": "true"},
        {"TaskCpu": "16384", "TaskMemory": "122880"},
        {"RecordLabel": "''"},
        {"HostedZoneId": None, "CreateHostedZone": "true"},
        {"Image": "sha256:" + "a" * 64},
        {"Endpoint": "local"},
    ],
    ids="-".join,
)
def test_what_fits_is_not_complained_of(written, differences):
    assert written(**differences)


def test_every_misfit_is_told_at_once_with_its_line(written):
    said = misfits(written, DatabaseStorage="5", TaskMemory="4096", Zebra="1", Region="mars")
    assert "(4 misfits)" in said
    assert "line 1: Region" in said
    assert "line 6: DatabaseStorage" in said
    assert "line 7: TaskMemory" in said
    assert "line 8: Zebra" in said


def test_a_program_gets_each_misfit_with_its_line_and_setting(written):
    with pytest.raises(MisfitsError) as error:
        written(DatabaseStorage="5", Zebra="1", DomainName=None)
    facts = error.value.facts
    assert facts["file"].endswith("/test.yaml")
    told = {one["setting"]: (one["line"], one["reason"]) for one in facts["misfits"]}
    assert [*told] == ["DatabaseStorage", "Zebra", "DomainName"]
    assert told["Zebra"] == (6, "no such setting")
    assert told["DomainName"][0] is None


def test_a_misspelt_setting_is_not_taken_for_its_default(written):
    said = misfits(written, DatabaseStorage="500", DatabaseMaxStorge="600")
    assert "(1 misfit)" in said


def test_a_setting_said_twice_is_told_with_both_lines(written):
    said = misfits(
        written, "\n".join(f"{k}: {v}" for k, v in GOOD.items()) + "\nHostedZoneId: Z2\n"
    )
    assert "line 6: HostedZoneId: said in line 4, too" in said


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is empty; expected at least Region, Tags"),
        ("# nothing\n", "is empty"),
        ("- a\n", "is no mapping"),
        ("Region: us-east-1\nTags:\n\tProject: x\n", "line 3, column 1: a tab"),
        ("Region: [\n", "is no YAML: line"),
        ("a: b\n---\nc: d\n", "expected a single document in the stream, but found another"),
        ('a: "\x00"\n', "is no YAML: unacceptable character #x0000"),
        ("? [a]\n: b\n", "line 1: ?: no name of a setting"),
    ],
)
def test_a_file_that_is_none_is_refused_in_one_sentence(written, text, complaint):
    assert complaint in misfits(written, text)


@pytest.mark.parametrize("name", ["my_env", "my env", "dév"])
def test_a_name_that_no_stack_can_have_is_refused(tmp_path, name):
    (tmp_path / f"{name}.yaml").write_text("")
    with pytest.raises(MisfitsError, match="only letters, digits and hyphens"):
        load(name, tmp_path)


def test_a_file_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "test.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(MisfitsError, match="not text in UTF-8"):
        load("test", tmp_path)


def test_a_file_that_is_a_link_to_none_is_refused(tmp_path):
    (tmp_path / "test.yaml").symlink_to("elsewhere.yaml")
    with pytest.raises(MisfitsError, match="is a link to a file that isn't there"):
        load("test", tmp_path)


@pytest.mark.parametrize("name", ["prd", "", "../params/prod"])
def test_an_environment_that_is_not_there_is_answered_with_those_that_are(name):
    with pytest.raises(MisfitsError, match=", ".join(names())):
        load(name)
