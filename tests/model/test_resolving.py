import pytest
from model_sets import made

from liberty_cfn.model.flattening import flatten
from liberty_cfn.model.loading import from_texts
from liberty_cfn.model.resolving import lazily

TEMPLATE = """
Parameters:
  Name: {Type: String, Default: liberty}
  Names: {Type: CommaDelimitedList, Default: 'a, b'}
  Unsaid: {Type: String}
  Count: {Type: Number, Default: 2}
Mappings:
  Sizes: {small: {cpu: 256}}
Conditions:
  Sure: !Equals [!Ref Name, liberty]
  Never: !Not [!Condition Sure]
  Unknown: !Equals [!Ref Unsaid, x]
  Both: !And [!Condition Sure, !Condition Unknown]
  Neither: !And [!Condition Never, !Condition Unknown]
  Either: !Or [!Condition Sure, !Condition Unknown]
Resources:
  One:
    Type: AWS::SNS::Topic
    Properties: {Value: %s}
  Vpc: {Type: 'AWS::EC2::VPC'}
"""
VPC = {"Ref": "Vpc"}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("!Ref Name", "liberty"),
        ("!Ref Names", ["a", "b"]),
        ("!Ref Unsaid", {"Ref": "Unsaid"}),
        ("!Ref Vpc", VPC),
        ("!Ref AWS::Region", "eu-west-1"),
        ("!Ref AWS::AccountId", "123456789012"),
        ("!Sub '${Name}-${AWS::Partition}'", "liberty-aws"),
        ("!Sub ['${A}-${B}', {A: !Ref Count, B: !Ref Vpc}]", {"Fn::Join": ["", ["2-", VPC]]}),
        ("!Sub '${Vpc}'", VPC),
        ("!Sub 'a${Vpc.Arn}'", {"Fn::Join": ["", ["a", {"Fn::GetAtt": ["Vpc", "Arn"]}]]}),
        ("!Join ['-', [a, !Ref Name, 3, true]]", "a-liberty-3-true"),
        ("!Join ['', [a, !Ref Vpc, b, c]]", {"Fn::Join": ["", ["a", VPC, "bc"]]}),
        ("!Split [',', !Join [',', [!Ref Vpc, b]]]", [VPC, "b"]),
        ("!Split ['-', 'a-b']", ["a", "b"]),
        ("!Split ['-', !Ref Vpc]", {"Fn::Split": ["-", VPC]}),
        ("!Select [1, !Ref Names]", "b"),
        ("!Select ['0', [x]]", "x"),
        ("!Select [5, [x]]", {"Fn::Select": [5, ["x"]]}),
        (
            "!Select [0, !GetAZs '']",
            {"Fn::Select": [0, {"Fn::GetAZs": "eu-west-1"}]},
        ),
        ("!FindInMap [Sizes, small, cpu]", 256),
        (
            "!FindInMap [Sizes, big, cpu, {DefaultValue: 512}]",
            512,
        ),
        ("!FindInMap [Sizes, big, cpu]", {"Fn::FindInMap": ["Sizes", "big", "cpu"]}),
        ("!If [Sure, 1, 2]", 1),
        ("!If [Never, 1, 2]", 2),
        ("!If [Unknown, 1, !Ref Name]", {"Fn::If": ["Unknown", 1, "liberty"]}),
        ("[!If [Never, 1, !Ref 'AWS::NoValue'], 2]", [2]),
        ("{A: !If [Never, 1, !Ref 'AWS::NoValue'], B: 2}", {"B": 2}),
        ("!Cidr [10.0.0.0/16, 2, 8]", ["10.0.0.0/24", "10.0.1.0/24"]),
        ("!Cidr [!Ref Vpc, 2, 8]", {"Fn::Cidr": [VPC, 2, 8]}),
        ("{'Fn::Length': !Ref Names}", 2),
        ("{'Fn::ToJsonString': {A: !Ref Name}}", '{"A": "liberty"}'),
        ("!ImportValue x", {"Fn::ImportValue": "x"}),
    ],
)
def test_what_can_be_worked_out_is_and_the_rest_stays_comparable(written, value):
    found = made(root=TEMPLATE % written, region="eu-west-1", account="123456789012")
    assert found.resources["One"].properties["Value"] == value


def test_a_join_and_a_sub_of_the_same_text_are_the_same():
    joined = made(root=TEMPLATE % "!Join ['/', [a, !Ref Vpc, !Ref Name]]").resources["One"]
    assert joined == made(root=TEMPLATE % "!Sub 'a/${Vpc}/${Name}'").resources["One"]


def test_a_condition_that_cannot_be_decided_is_said_to_be_neither():
    assert made(root=TEMPLATE % "1").conditions == {
        "Sure": True,
        "Never": False,
        "Unknown": None,
        "Both": None,
        "Neither": False,
        "Either": True,
    }


def test_values_given_count_before_defaults():
    found = made({"Name": "other", "Unsaid": "x"}, root=TEMPLATE % "!Ref Name")
    assert found.resources["One"].properties["Value"] == "other"
    assert found.conditions["Never"] is True
    assert found.conditions["Unknown"] is True


def test_what_no_condition_wants_is_not_made():
    root = TEMPLATE % "1" + "  Two: {Type: 'AWS::SNS::Topic', Condition: %s}\n"
    assert "Two" not in made(root=root % "Never").resources
    assert "Two" in made(root=root % "Sure").resources
    assert "Two" in made(root=root % "Unknown").resources


def test_regions_of_other_partitions_have_their_own_names():
    found = made(
        root=TEMPLATE % "!Sub '${AWS::Partition} ${AWS::URLSuffix}'", region="cn-north-1"
    )
    assert found.resources["One"].properties["Value"] == "aws-cn amazonaws.com.cn"


def test_what_is_known_to_be_the_same_is_worked_out_once():
    flat = flatten(from_texts({"root.yaml": TEMPLATE % "!Ref Name"}))
    one = lazily(flat, {"Name": "a"})
    other = lazily(flat, {"Name": "b"}, likes=[(one, ["One"])])
    assert other.resources["Vpc"] is one.resources["Vpc"]
    assert [r.resources["One"].properties["Value"] for r in (one, other)] == ["a", "b"]
