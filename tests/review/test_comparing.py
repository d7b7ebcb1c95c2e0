"""Differences between values, for whatever values there may be."""

from hypothesis import given, settings
from hypothesis import strategies as st

from liberty_cfn.model.flattening import Origin
from liberty_cfn.model.resolving import Resolved, Resource
from liberty_cfn.review.changes import Action
from liberty_cfn.review.comparing import differences, shown
from liberty_cfn.review.reviewing import compare

SCALARS = st.one_of(st.booleans(), st.integers(0, 3), st.sampled_from(["a", "b", "3", "true"]))
REFERENCES = st.sampled_from([{"Ref": "A"}, {"Ref": "B"}, {"Fn::GetAtt": ["A", "Arn"]}])
NAMED = st.fixed_dictionaries({"Name": st.sampled_from("xyz"), "Value": SCALARS})
VALUES = st.recursive(
    SCALARS | REFERENCES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(NAMED, max_size=3),
        st.dictionaries(st.sampled_from(["Tags", "Port", "Rules"]), inner, max_size=3),
    ),
    max_leaves=8,
)
TYPES = (
    *("AWS::EC2::VPC", "AWS::EC2::SecurityGroup", "AWS::RDS::DBInstance", "AWS::SNS::Topic"),
    *("AWS::ECS::TaskDefinition", "AWS::S3::Bucket", "Custom::Thing"),
)
RESOURCES = st.fixed_dictionaries(
    {
        "Type": st.sampled_from(TYPES),
        "Properties": st.dictionaries(
            st.sampled_from(["CidrBlock", "GroupName", "DBName", "Tags", "TopicName", "Vpc"]),
            VALUES,
            max_size=3,
        ),
    },
    optional={"DeletionPolicy": st.sampled_from(["Retain", "Delete"])},
)
SETS = st.dictionaries(st.sampled_from("ABCD"), RESOURCES, min_size=1, max_size=4)
TURNED = {Action.ADD: Action.REMOVE, Action.REMOVE: Action.ADD, Action.CHANGE: Action.CHANGE}


@given(VALUES)
def test_a_value_doesn_t_differ_from_itself(value):
    assert list(differences(value, value)) == []


def test_a_lone_statement_is_a_list_of_one():
    one = {"Effect": "Allow", "Action": ["s3:GetObject"]}
    other = {"Effect": "Allow", "Action": "s3:GetObject"}
    assert not list(differences({"Statement": [one]}, {"Statement": other}))
    (found,) = differences({"Statement": [one]}, {"Statement": {**other, "Effect": "Deny"}})
    assert shown(found.path) == "Statement[0].Effect"
    two, back = ({"Statement": list(pair)} for pair in ((one, {}), ({}, one)))
    assert not list(differences(two, back))
    more = {"Statement": {**other, "Action": ["s3:PutObject", "s3:GetObject"]}}
    (found,) = differences({"Statement": other}, more)
    assert (found.before, found.after) == (["s3:GetObject"], ["s3:PutObject", "s3:GetObject"])


@given(VALUES, VALUES)
def test_differences_are_the_same_the_other_way_round(one, other):
    there = {(shown(d.path), repr(d.before), repr(d.after)) for d in differences(one, other)}
    back = {(shown(d.path), repr(d.after), repr(d.before)) for d in differences(other, one)}
    assert there == back


@settings(max_examples=50)
@given(SETS)
def test_a_set_compared_with_itself_has_no_changes(resources):
    same = resolved(resources)
    assert not compare("root", "", same, resolved(resources)).touched


@settings(max_examples=50)
@given(SETS, SETS)
def test_reviewing_b_to_a_mirrors_reviewing_a_to_b(one, other):
    back = {
        (
            title,
            TURNED[action],
            frozenset((name, after, before) for name, before, after in properties),
        )
        for title, action, properties in told(other, one)
    }
    assert told(one, other) == back


def told(before, after):
    """Return what changes by itself: not because of what it refers to."""
    found = set()
    for change in compare("root", "", resolved(before), resolved(after)).changes:
        own = [p for p in (*change.properties, *change.policies) if not p.because]
        if own or change.action is not Action.CHANGE:
            properties = frozenset((p.name, repr(p.before), repr(p.after)) for p in own)
            found.add((change.id, change.action, properties))
    return found


def resolved(resources):
    made = {
        title: Resource(title, body["Type"], body, Origin((), title, "root.yaml"))
        for title, body in resources.items()
    }
    return Resolved(made, {}, {})
