"""Fn::ForEach written out."""

from textwrap import dedent

import pytest
from model_sets import made

from liberty_cfn.model.parsing import parse

QUEUES = """
Transform: AWS::LanguageExtensions
Parameters: {Names: {Type: CommaDelimitedList, Default: 'a,b'}}
Resources:
  Fn::ForEach::Queues:
    - Name
    - LIST
    - Queue&{Name}:
        Type: AWS::SQS::Queue
        Properties: {QueueName: !Sub 'q-${Name}', Tags: [{Key: Name, Value: !Ref Name}]}
Outputs:
  Fn::ForEach::Names:
    - Name
    - LIST
    - Arn&{Name}: {Value: !GetAtt ['Queue&{Name}', Arn]}
"""
NESTED = """
Transform: [Ours, AWS::LanguageExtensions]
Resources:
  Fn::ForEach::Outer:
    - Env
    - [Dev, Prod]
    - Fn::ForEach::Inner${Env}:
        - Size
        - ['1', 2]
        - Topic${Env}${Size}: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Ref Env}}
"""


def body(text):
    return parse(dedent(text), "root.yaml").body


def test_a_loop_over_known_names_makes_a_resource_for_each():
    resolved = made(root=QUEUES.replace("LIST", "[a-1, b]"))
    assert {r.id: r.properties["QueueName"] for r in resolved.resources.values()} == {
        "Queuea1": "q-a-1",
        "Queueb": "q-b",
    }
    assert resolved.resources["Queueb"].properties["Tags"] == [{"Key": "Name", "Value": "b"}]
    assert resolved.outputs["Arna1"] == {"Fn::GetAtt": ["Queuea1", "Arn"]}


def test_loops_within_each_other_make_all_pairs():
    topics = body(NESTED)["Resources"]
    assert list(topics) == ["TopicDev1", "TopicDev2", "TopicProd1", "TopicProd2"]
    assert topics["TopicProd2"]["Properties"] == {"DisplayName": "Prod"}


@pytest.mark.parametrize("names", ["!Ref Names", "[!Ref Names]"])
def test_a_loop_over_what_a_parameter_says_stays_as_it_is(names):
    assert list(body(QUEUES.replace("LIST", names))["Resources"]) == ["Fn::ForEach::Queues"]


def test_without_the_language_extensions_nothing_is_written_out():
    text = QUEUES.replace("LIST", "[a]").replace("AWS::LanguageExtensions", "Ours")
    assert list(body(text)["Resources"]) == ["Fn::ForEach::Queues"]
