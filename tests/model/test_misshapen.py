"""Whatever stands where something else belongs: it is told, never run into."""

import copy
import json

import pytest

from liberty_cfn.model.flattening import flatten
from liberty_cfn.model.loading import TemplateSet
from liberty_cfn.model.parsing import ParseError, parse
from liberty_cfn.model.resolving import resolve
from liberty_cfn.review.changes import changes
from liberty_cfn.review.spelling import referred, spelled

ROOT = """
Parameters:
  Suffix: {Type: String, Default: ''}
  Zones: {Type: CommaDelimitedList, Default: 'a,b'}
Mappings: {Sizes: {small: {cpu: 256}}}
Conditions: {IsNamed: !Not [!Equals [!Ref Suffix, '']]}
Resources:
  Inner:
    Type: AWS::CloudFormation::Stack
    DependsOn: Topic
    Properties:
      TemplateURL: inner.yaml
      Parameters:
        Name: !Sub ['a-${Ending}', {Ending: !Ref Suffix}]
        Zones: !Join [',', !Ref Zones]
        Cpu: !FindInMap [Sizes, small, cpu]
  Topic:
    Type: AWS::SNS::Topic
    Condition: IsNamed
    Properties: {TopicName: !If [IsNamed, !Join ['', [a, !Ref Suffix]], !Ref AWS::NoValue]}
Outputs: {Name: {Value: !GetAtt Inner.Outputs.Name}}
"""
INNER = """
Parameters: {Name: {Type: String}, Zones: {Type: CommaDelimitedList}, Cpu: {Type: Number}}
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties: {QueueName: !Ref Name, Tags: [{Key: Zone, Value: !Select [1, !Ref Zones]}]}
Outputs: {Name: {Value: !Sub '${Queue.QueueName}-${Cpu}'}}
"""
ODD = [
    *(None, "x", 5, True, [], {}, ["x"], [{"a": [1]}]),
    *({"Ref": 5}, {"Ref": "Nope"}, {"Condition": 5}),
    *({"Fn::GetAtt": odd} for odd in (None, "a", [], ["a"], 5)),
    *({"Fn::Sub": odd} for odd in (None, 5, ["${a}"], ["${a}", 5])),
    *({"Fn::Join": odd} for odd in (5, {}, [""], ["", 5], ["", {"a": 1}])),
    *({"Fn::If": odd} for odd in ("x", ["a"], [{}, 1, 2])),
    *({"Fn::Select": odd} for odd in ([0, []], ["x", ["a"]], 5)),
    *({"Fn::FindInMap": ["a"]}, {"Fn::Cidr": ["10.0.0.0/16", 2]}, {"Fn::Split": [1, 2]}),
    *({"Fn::Equals": [1]}, {"Fn::Not": 5}, {"Fn::And": "x"}, {"Fn::ImportValue": 5}),
]
RIGHT = {
    file: parse(text, file) for file, text in {"root.yaml": ROOT, "inner.yaml": INNER}.items()
}


def places(value, path=()):
    """Yield where in a body something stands."""
    for step in (
        value if isinstance(value, dict) else range(len(value) * isinstance(value, list))
    ):
        yield (*path, step)
        if isinstance(value[step], dict | list):
            yield from places(value[step], (*path, step))


def put(file, path, odd):
    """Return the templates with something odd in one place."""
    body = copy.deepcopy(RIGHT[file].body)
    inside = body
    for step in path[:-1]:
        inside = inside[step]
    inside[path[-1]] = odd
    return {**RIGHT, file: parse(json.dumps(body), file)}


def outcome(templates):
    flat = flatten(TemplateSet("root.yaml", templates))
    return flat, resolve(flat, {}, region="us-east-1")


@pytest.mark.parametrize("file", RIGHT)
@pytest.mark.parametrize("odd", ODD, ids=json.dumps)
def test_what_is_odd_anywhere_in_a_template_is_followed_as_far_as_it_goes(file, odd):
    _, was = outcome(RIGHT)
    # A third of the places for each: all of them take seconds.
    for path in list(places(RIGHT[file].body))[ODD.index(odd) % 3 :: 3]:
        try:
            templates = put(file, path, odd)
        except ParseError as refused:
            assert refused.why
            continue
        flat, resolved = outcome(templates)
        assert set(resolved.resources) <= set(flat.template.get("Resources", {}))
        for resource in resolved.resources.values():
            assert isinstance(spelled(resource.properties), str)
            list(referred(resource.properties))
        changes(was, resolved)
