"""The linters find nothing in what is committed, and something in what is broken."""

import dataclasses
import json
import shutil
from importlib.metadata import version

import pytest
from click.testing import CliRunner

from liberty_cfn import checked, linting, sparing
from liberty_cfn.aside import aside
from liberty_cfn.cli import cli, main
from liberty_cfn.findings import Finding, as_json, as_sarif
from liberty_cfn.linters import ACCEPTED, cfn_lint, cloudformation_validate, engine
from liberty_cfn.linting import lint, lint_ours, stale_rules
from liberty_cfn.model.loading import from_texts
from liberty_cfn.model.one_template import one_template
from liberty_cfn.model.parsing import parse
from liberty_cfn.repository import PARAMS, REPOSITORY, TEMPLATES
from liberty_cfn.rules.checking import cases

# The root and what is nested in it.
OURS = sorted(TEMPLATES.glob("*.yaml"))
ERROR = Finding("templates/a.yaml", 3, "LC1101", "error", "too long", "A")
WARNING = Finding("templates/a.yaml", 3, "W1001", "warning", "hm", "A")
UNPARSED = Finding("templates/a.yaml", 3, linting.UNPARSABLE, "error", "no YAML")

# One text in one file put for another, and the rule that finds it.
BREAKS = [
    ("templates/database.yaml", "Engine: postgres", "Engine: postgress", "E3691"),
    ("templates/network.yaml", "EnableDnsSupport", "EnableDnsSuport", "E3002"),
    ("templates/cache.yaml", "AWS::ElastiCache::SubnetGroup", "AWS::No::Such", "F3006"),
    ("templates/root.yaml", "Security.Outputs.TasksGroupId", "Security.Outputs.No", "E1010"),
    ("templates/root.yaml", "        SubnetIds: ", "        Subnets: ", "E3043"),
    ("params/dev.yaml", "DatabaseMultiAz", "DatabaseMultiAZ", "params"),
    ("params/staging.yaml", "NameSuffix: -stage", "NameSuffix: -local", "params"),
    ("templates/security.yaml", "GroupName: !Sub ecs-sg", "GroupName: !Sub sg-ecs", "LC1704"),
    (
        "templates/entrance.yaml",
        "liberty-social-backend-tg",
        "liberty-social-backend-targets-of-it",
        "LC1101",
    ),
]

# A template that is wrong in many ways, and what cfn-lint 1.58.0 finds in it by itself:
# lines and rules.
WRONG = """\
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Kind: {Type: String, AllowedValues: [small, large], Default: small}
  Stage: {Type: String, Default: "{{resolve:ssm:stage}}"}
Conditions:
  Large: !Equals [!Ref Kind, large]
Resources:
  Database:
    Type: AWS::RDS::DBInstance
    DeletionPolicy: Snapshot
    Properties:
      Engine: !If [Large, postgres, postgress]
      DBInstanceClass: db.t4g.nano
      AllocatedStorage: !If [Large, 20, !Ref AWS::NoValue]
      MasterUserPassword: plain
      Port: a
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement:
          - Effect: Allowed
            Action: "sts:AssumeRole"
            Principal: {Service: !Sub "ecs.${AWS::Region}.${No}"}
      Policies:
        - PolicyName: one
          PolicyDocument:
            Version: "2012-10-18"
            Statement: [{Effect: Allow, Action: "s3:*", Resource: "arn"}]
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      RequiresCompatibilities: [FARGATE]
      Cpu: "300"
      Memory: "512"
      ContainerDefinitions: [{Name: a, Image: b, Essential: maybe, Port: 1}]
  Bucket:
    Type: AWS::S3::Bucket
    Condition: Large
    Properties:
      BucketName: !Join ["", [UPPER, !Ref Stage]]
      VersioningConfiguration: {Status: On}
Outputs:
  Bucket: {Value: !GetAtt Bucket.No}
  Name: {Value: !Ref Bucket}
"""
FOUND = """
15:W2501 44:W1001 45:W1001 44:E6101 8:W3011 16:E3031 12:E3691 22:E3530 24:E1019 29:E3510
28:E3510 36:E3002 36:E3012 36:E3042 32:E3047 32:E3048 34:E3048 42:E3030
"""


@pytest.fixture(scope="module", autouse=True)
def a_linter_is_loaded_once():
    """Have one process lint, and others, if asked for, inherit what each of them would load."""
    engine()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(linting, "aside", here)
        yield


def here(work, *arguments):
    done = work(*arguments)
    return lambda: done


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What the linters say when everything is broken at once; a run takes seconds."""
    folder = tmp_path_factory.mktemp("broken")
    shutil.copytree(TEMPLATES, folder / "templates")
    shutil.copytree(PARAMS, folder / "params")
    for file, old, new, _ in BREAKS:
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new, 1))
    return lint([folder / "templates"], folder / "params")


@pytest.fixture
def run(monkeypatch, capsys):
    """The command line, as `liberty-cfn` starts it: its exit code, and what it says."""

    def started(arguments):
        monkeypatch.setattr("sys.argv", ["liberty-cfn", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        return left.value.code, said.out + said.err

    return started


def test_nothing_is_wrong_with_what_is_committed(monkeypatch):
    monkeypatch.setattr(linting, "aside", aside)  # as whoever lints has it
    assert lint_ours() == []


def test_nothing_is_wrong_with_the_design_as_one_template(tmp_path):
    file = tmp_path / "flat.yaml"
    file.write_text(one_template({path.name: path.read_text() for path in OURS}))
    assert lint([file]) == []


@pytest.mark.parametrize(("file", "old", "new", "rule"), BREAKS, ids=lambda value: value[:30])
def test_what_is_broken_is_found_with_its_place(found, file, old, new, rule):
    told = [
        finding for finding in found if finding.rule == rule and finding.file.endswith(file)
    ]
    assert told
    assert all(finding.message and finding.line for finding in told)


def test_all_that_an_environment_shares_with_another_is_told_at_once(tmp_path, monkeypatch):
    params = shutil.copytree(PARAMS, tmp_path / "params")
    shutil.copy(params / "staging.yaml", params / "qa.yaml")
    monkeypatch.setattr(linting, "_asked", lambda *_: [])
    [found] = lint([TEMPLATES], params)
    assert found.message == (
        "NameSuffix: -stage is that of qa, too; "
        "RecordLabel: qa answers at backend-staging.example.com, too"
    )


def test_what_is_broken_is_told_with_the_python_that_made_it(found):
    told = {(finding.resource, finding.python) for finding in found if finding.rule == "LC1704"}
    ((resource, place),) = told
    file, _, line = place.partition(":")
    code = (REPOSITORY / file).read_text().splitlines()
    assert (resource, file) == ("TasksGroup", "liberty_cfn/stacks/security.py")
    assert '"TasksGroup"' in code[int(line) - 1]


def test_files_of_ours_are_told_of_as_people_call_them(monkeypatch):
    file, other = (str(TEMPLATES / name) for name in ("root.yaml", "cache.yaml"))
    given = [Finding(file, 1, "LC1001", "error", f"Suffix of {other} isn't given")]
    monkeypatch.setattr(linting, "_asked", lambda *_: given)
    (told,) = lint_ours()
    assert told.file == "templates/root.yaml"
    assert told.message == "Suffix of templates/cache.yaml isn't given"


def test_a_finding_is_told_once(found):
    assert len({(f.file, f.line, f.rule) for f in found}) == len(found)
    assert len({(f.file, f.line, f.message) for f in found}) == len(found)


SMALL = """\
Resources:
  Logs:
    Type: AWS::Logs::LogGroup
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties: {RetentionInDays: 30}
"""


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A template, with nothing remembered of what was linted before."""
    monkeypatch.setattr(checked, "LINTED", tmp_path / "linted")
    file = tmp_path / "small.yaml"
    file.write_text(SMALL)
    return file


# What each linter answers that finds nothing; the real ones take long to load.
CONTENT = {
    "cfn_lint": lambda files, regions: lambda templates: [],
    "cloudformation_validate": lambda *_: ([], []),
}


@pytest.mark.parametrize("linter", CONTENT)
def test_what_a_linter_found_clean_it_is_not_asked_again_until_it_changes(
    small, monkeypatch, linter
):
    for name, answer in CONTENT.items():
        monkeypatch.setattr(linting, name, answer)
    assert lint([small]) == []

    def asked(*_):
        raise AssertionError

    monkeypatch.setattr(linting, linter, asked)
    assert lint([small]) == []
    small.write_text(SMALL.replace("30", "60"))
    with pytest.raises((AssertionError, RuntimeError)):
        lint([small])


def test_what_a_linter_complains_of_is_told_every_time(small):
    small.write_text(SMALL.replace("30", "31"))
    found = lint([small])
    assert {finding.rule for finding in found} >= {"E3030"}
    assert lint([small]) == found


@pytest.mark.parametrize(
    ("found", "code"),
    [([], 0), ([WARNING], 0), ([ERROR], 1), ([ERROR, UNPARSED], 2)],
    ids=["nothing", "a warning", "an error", "no template"],
)
@pytest.mark.parametrize("form", [[], ["--json"], ["--sarif"]])
def test_lint_exits_by_the_worst_it_finds(monkeypatch, form, found, code):
    monkeypatch.setattr(linting, "lint", lambda paths: found)
    result = CliRunner().invoke(cli, ["lint", "somewhere", *form])
    assert result.exit_code == code
    if form == ["--json"]:
        assert json.loads(result.output) == [vars(finding) for finding in found]
    elif form == ["--sarif"]:
        assert len(json.loads(result.output)["runs"][0]["results"]) == len(found)
    else:
        assert len(result.output.splitlines()) == max(len(found), 1)


def test_json_says_rule_level_file_line_resource_and_message():
    (said,) = as_json([ERROR])
    assert {"rule", "level", "file", "line", "resource", "message"} <= said.keys()


def test_sarif_is_what_code_scanning_takes():
    said = as_sarif([ERROR, WARNING], {"LC1101": ("A name is taken", "Why.", "https://a")})
    (run,) = said["runs"]
    assert said["version"] == "2.1.0"
    rules = run["tool"]["driver"]["rules"]
    assert rules[0] == {
        "id": "LC1101",
        "shortDescription": {"text": "A name is taken"},
        "fullDescription": {"text": "Why."},
        "help": {"text": "Why. https://a"},
    }
    assert all(rule["help"]["text"] for rule in rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "templates/a.yaml"
        assert place["region"]["startLine"] == 3


def test_sarif_has_files_as_uris_and_the_python_that_made_what_is_wrong():
    finding = Finding("my templates/a.yaml", 3, "E1", "error", "no", "A", "a/b.py:12")
    (result,) = as_sarif([finding], {})["runs"][0]["results"]
    place, made = (
        result[kind][0]["physicalLocation"] for kind in ("locations", "relatedLocations")
    )
    assert place["artifactLocation"] == {"uri": "my%20templates/a.yaml"}
    assert made == {"artifactLocation": {"uri": "a/b.py"}, "region": {"startLine": 12}}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.yaml", "Resources: [", "a.yaml:"),
        ("a.json", '{"Resources": {}, "Resources": {}}', "stands here twice"),
        ("a.yaml", "- Resources", "a.yaml:1"),
        ("a.txt", "Resources: {}", "no template in it"),
        ("a.yaml", "Region: us-east-1", "no template in it"),
    ],
)
def test_what_is_no_template_is_said_and_exits_with_two(run, tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    code, told = run(["lint", str(tmp_path)])
    assert code == 2
    assert said in told


def test_a_path_that_is_not_there_is_said_and_exits_with_two(run, tmp_path):
    code, said = run(["lint", str(tmp_path / "nowhere")])
    assert (code, "there is no such file or folder" in said) == (2, True)


def test_the_rules_document_is_current_and_told_when_stale(monkeypatch, tmp_path):
    assert stale_rules() == []
    monkeypatch.setattr(linting, "rules_document", lambda: "new")
    assert [finding.rule for finding in stale_rules()] == [linting.STALE]
    monkeypatch.setattr(linting, "RULES_DOCUMENT", tmp_path / "rules.md")
    assert [finding.rule for finding in stale_rules()] == [linting.STALE]


def test_what_is_accepted_has_its_reason():
    assert all(len(reason.split()) > 4 for reason in ACCEPTED.values())


def test_the_name_of_an_ssm_parameter_is_not_taken_for_its_value():
    text = """
Parameters: {Class: {Type: TYPE, Default: /class}}
Resources:
  Data:
    Type: AWS::RDS::DBInstance
    Properties: {Engine: postgres, DBInstanceClass: !Ref Class}
"""

    def told(kind):
        template = parse(text.replace("TYPE", kind), "a.yaml")
        texts = {"a.yaml": text.replace("TYPE", kind)}
        found, _ = cloudformation_validate([template], texts, [])
        return [finding for finding in found if "/class" in finding.message]

    assert told("String")
    assert not told("AWS::SSM::Parameter::Value<String>")


def test_an_arn_that_the_settings_give_is_not_taken_for_the_template_s():
    text = """
Parameters:
  Role: {Type: String, Default: "arn:aws:iam::111111111111:role/tasks"}
Resources:
  Tasks: {Type: AWS::ECS::TaskDefinition, Properties: {ExecutionRoleArn: !Ref Role}}
"""
    read = from_texts({"a.yaml": text}, root="a.yaml")
    _, told = cloudformation_validate(read.templates.values(), {"a.yaml": text}, cases(read))
    assert "W9002" not in {report.rule for report in told}


def test_spared_cfn_lint_finds_what_it_finds_by_itself(tmp_path):
    file = tmp_path / "wrong.yaml"
    file.write_text(WRONG)
    ask = cfn_lint([str(file)], ["us-east-1", "eu-west-1"])
    found = ask([parse(WRONG, str(file))])
    assert sorted(f"{one.line}:{one.rule}" for one in found) == sorted(FOUND.split())


@pytest.mark.parametrize(
    "changes",
    [{}, {"strict_types": False}, {"regions": ["eu-west-1"]}, {"resources": {"A": 1}}],
)
def test_what_is_like_another_has_all_it_has_but_the_changes(changes):
    # Slow to load, which is for who runs this, not for all who collect it.
    from cfnlint.context.context import Context  # noqa: PLC0415
    from cfnlint.jsonschema._filter import FunctionFilter  # noqa: PLC0415

    context = Context(functions=["Ref"], ref_values={"A": 1}, is_resolved_value=True)
    assert context.module_names == ()
    assert context.evolve(**changes) == dataclasses.replace(context, **changes)
    assert "module_names" not in context.evolve(**changes).__dict__
    evolved = context.evolve(ref_values={"B": 2}, **changes)
    assert (evolved.ref_values, context.ref_values) == ({"A": 1, "B": 2}, {"A": 1})
    quiet = FunctionFilter().evolve(add_cfn_lint_keyword=False)
    assert quiet == FunctionFilter(add_cfn_lint_keyword=False)


def test_only_the_version_it_was_written_for_is_spared(monkeypatch):
    assert version("cfn-lint") == sparing.VERSION, "compare what it finds without sparing.py"
    monkeypatch.setattr(sparing, "VERSION", "0.0.0")
    sparing.spare(rules := {sparing.ASKING: object()})
    assert not hasattr(rules[sparing.ASKING], "cfnLint")
