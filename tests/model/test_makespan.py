"""Nested, the design takes hardly longer to make than in one template."""

from datetime import timedelta

import pytest

from liberty_cfn.deploy import packaging
from liberty_cfn.environments import load, names
from liberty_cfn.model import loading, makespan
from liberty_cfn.model.times import TYPICAL, to_change, to_make
from liberty_cfn.repository import TEMPLATES

SLOW = "AWS::RDS::DBInstance"
QUICK = "AWS::SNS::Topic"


def design(root, **children):
    texts = {"root.yaml": root} | {f"{name}.yaml": text for name, text in children.items()}
    return loading.from_texts(texts)


# In one template, `Last` waits for a topic; nested, for the database beside it as well.
NESTED = design(
    """
Resources:
  First: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: first.yaml}}
  Second:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: second.yaml, Parameters: {Given: !GetAtt First.Outputs.Topic}}
""",
    first=f"""
Resources:
  Slow: {{Type: {SLOW}}}
  Topic: {{Type: {QUICK}}}
Outputs: {{Topic: {{Value: !Ref Topic}}}}
""",
    second=f"""
Parameters: {{Given: {{Type: String}}}}
Resources:
  Last: {{Type: {SLOW}, Properties: {{DBInstanceIdentifier: !Ref Given}}}}
""",
)


@pytest.fixture(scope="module")
def ours():
    return loading.from_texts(packaging.read(TEMPLATES))


@pytest.mark.parametrize("name", names())
def test_nested_it_takes_at_most_a_twentieth_longer_than_flat(ours, name):
    environment = load(name)
    both = [
        how(ours, environment.settings, environment.region)
        for how in (makespan.nested, makespan.flat)
    ]
    assert both[0].took / both[1].took <= 1.05, both


def test_a_stack_waits_for_the_whole_of_those_it_takes_values_from():
    slow, quick = to_make(SLOW), to_make(QUICK)
    nested, flat = makespan.nested(NESTED, {}, ""), makespan.flat(NESTED, {}, "")
    assert nested == makespan.Makespan(
        2 * slow, (("First/Slow", slow), ("Second/Last", 2 * slow))
    )
    assert flat == makespan.Makespan(
        quick + slow, (("First/Topic", quick), ("Second/Last", quick + slow))
    )


def test_what_a_setting_leaves_out_takes_no_time():
    conditional = design(f"""
Parameters: {{Wanted: {{Type: String}}}}
Conditions: {{Made: !Equals [!Ref Wanted, 'yes']}}
Resources:
  Slow: {{Type: {SLOW}, Condition: Made}}
  Topic: {{Type: {QUICK}, DependsOn: Slow}}
""")
    took = {w: makespan.nested(conditional, {"Wanted": w}, "").took for w in ("yes", "no")}
    assert took == {"yes": to_make(SLOW) + to_make(QUICK), "no": to_make(QUICK)}


def test_what_is_not_in_the_table_takes_a_moment():
    assert to_make("AWS::No::Such") == to_change("AWS::No::Such") == timedelta(seconds=2)
    assert all(made > 0 <= changed for made, changed in TYPICAL.values())
