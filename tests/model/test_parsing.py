from textwrap import dedent

import pytest

from liberty_cfn.model.parsing import ParseError, parse

YAML = dedent(
    """\
    Resources:
      Vpc:
        Type: AWS::EC2::VPC
        Properties:
          CidrBlock: !Ref Range
          Tags:
          - Key: Name
            Value: !Sub ${AWS::StackName}-vpc
      Subnet:
        Type: AWS::EC2::Subnet
        Properties:
          VpcId: !GetAtt Vpc.VpcId
    """
)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("!Ref Vpc", {"Ref": "Vpc"}),
        ("!GetAtt Vpc.CidrBlock", {"Fn::GetAtt": ["Vpc", "CidrBlock"]}),
        ("!GetAtt Stack.Outputs.Vpc", {"Fn::GetAtt": ["Stack", "Outputs.Vpc"]}),
        ("{'Fn::GetAtt': Db.Endpoint.Port}", {"Fn::GetAtt": ["Db", "Endpoint.Port"]}),
        ("!Sub a${B}", {"Fn::Sub": "a${B}"}),
        ("!Select [0, !GetAZs '']", {"Fn::Select": [0, {"Fn::GetAZs": ""}]}),
        ("!If [A, !Ref B, 7]", {"Fn::If": ["A", {"Ref": "B"}, 7]}),
        ("!Not [!Condition A]", {"Fn::Not": [{"Condition": "A"}]}),
        ("010", "010"),
        ("0", 0),
        ("-5", -5),
        ("2012-10-17", "2012-10-17"),
        ("yes", True),
        ("'yes'", "yes"),
        ("1.5", 1.5),
        ("", None),
    ],
)
def test_a_value_is_what_cloudformation_takes_it_for(written, meant):
    assert parse(f"Resources: {{}}\nValue: {written}", "a.yaml").body["Value"] == meant


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("Resources", "Vpc"), 2),
        (("Resources", "Vpc", "Properties", "CidrBlock"), 5),
        (("Resources", "Vpc", "Properties", "Tags", 0, "Value"), 8),
        (("Resources", "Vpc", "Properties", "NotThere"), 4),
        (("Resources", "Subnet", "Properties", "VpcId", "Fn::GetAtt"), 12),
        ((), 1),
    ],
)
def test_everything_has_a_line_that_of_what_is_above_it_where_it_has_none(path, line):
    assert parse(YAML, "a.yaml").line(*path) == line


def test_json_is_read_like_yaml_with_tabs_too():
    template = parse('{\n\t"Resources": {\n\t\t"A": {"Type": "AWS::SNS::Topic"}}}', "a.json")
    assert template.body == {"Resources": {"A": {"Type": "AWS::SNS::Topic"}}}
    assert template.line("Resources", "A") == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A: ]", "a.yaml:1: no YAML or JSON"),
        ("- a", "a.yaml:1: no template: expected a mapping"),
        ("", "a.yaml:1: no template"),
        ("Resources:\n  A: {}\n  A: {}\n", "a.yaml:3: A stands here twice"),
        ("A:\n\t- b", "a.yaml:2: no YAML or JSON"),
        ("A: " + "[" * 3000 + "]" * 3000, "a.yaml:1: nested too deeply"),
        ("A:\n " + "[" * 101 + "]" * 101, "a.yaml:2: nested too deeply"),
    ],
)
def test_what_is_no_template_is_refused_with_its_line(text, said):
    with pytest.raises(ParseError) as refused:
        parse(text, "a.yaml")
    assert str(refused.value).startswith(said)
