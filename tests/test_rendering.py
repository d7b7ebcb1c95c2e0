"""A template as the YAML we commit."""

import pytest
import yaml
from awacs.aws import Statement
from troposphere import (
    Equals,
    GetAtt,
    GetAZs,
    If,
    Join,
    Output,
    Ref,
    Sub,
    Template,
    ec2,
    rds,
    s3,
    sns,
)

from liberty_cfn.rendering import render

SOURCE = "liberty_cfn/stacks/test.py"


class Tagged(yaml.SafeLoader):
    """Reads `!Sub text` as ("!Sub", "text")."""


def _tagged(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        return f"!{suffix}", node.value
    if isinstance(node, yaml.MappingNode):
        return f"!{suffix}", loader.construct_mapping(node, deep=True)
    return f"!{suffix}", loader.construct_sequence(node, deep=True)


Tagged.add_multi_constructor("!", _tagged)


def _rendered(value):
    """Render a topic whose name is `value`, and return the YAML's lines about it."""
    template = Template()
    template.add_resource(sns.Topic("Topic", TopicName=value))
    return render(template, SOURCE).partition("TopicName: ")[2].rstrip("\n")


def _read_again(value):
    template = Template()
    template.add_resource(sns.Topic("Topic", TopicName=value))
    body = yaml.load(render(template, SOURCE), Tagged)
    return body["Resources"]["Topic"]["Properties"]["TopicName"]


def test_the_first_line_says_where_to_edit():
    first = render(Template(), SOURCE).partition("\n")[0]
    assert first == f"# Generated from {SOURCE} by `make templates`; edit that instead."


def test_sections_come_in_the_usual_order_and_empty_ones_not_at_all():
    template = Template(Description="A test.")
    template.add_output(Output("Name", Value="x"))
    template.add_resource(sns.Topic("Topic"))
    template.add_condition("Always", Equals("a", "a"))
    assert list(yaml.load(render(template, SOURCE), Tagged)) == [
        "AWSTemplateFormatVersion",
        "Description",
        "Conditions",
        "Resources",
        "Outputs",
    ]


def test_a_resource_s_type_comes_first_and_its_fate_before_its_properties():
    template = Template()
    template.add_resource(
        s3.Bucket(
            "Bucket",
            BucketName="test",
            DependsOn="Other",
            Condition="Always",
            UpdateReplacePolicy="Retain",
            DeletionPolicy="Retain",
        )
    )
    bucket = yaml.load(render(template, SOURCE), Tagged)["Resources"]["Bucket"]
    assert list(bucket) == [
        "Type",
        "Condition",
        "DependsOn",
        "DeletionPolicy",
        "UpdateReplacePolicy",
        "Properties",
    ]


def test_properties_and_resources_keep_the_order_they_were_written_in():
    template = Template()
    template.add_resource(sns.Topic("Zulu"))
    template.add_resource(ec2.VPC("Alpha", EnableDnsSupport=True, CidrBlock="10.0.0.0/16"))
    resources = yaml.load(render(template, SOURCE), Tagged)["Resources"]
    assert list(resources) == ["Zulu", "Alpha"]
    assert list(resources["Alpha"]["Properties"]) == ["EnableDnsSupport", "CidrBlock"]


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (Ref("Suffix"), "!Ref Suffix"),
        (GetAtt("Database", "Endpoint.Address"), "!GetAtt Database.Endpoint.Address"),
        (Sub("a-${AWS::Region}"), "!Sub a-${AWS::Region}"),
        (If("Always", "a", Ref("B")), "!If [Always, a, !Ref B]"),
        (Join(",", [Ref("A"), "b"]), "!Join\n      - ','\n      - - !Ref A\n        - b"),
    ],
)
def test_functions_are_written_in_their_short_form(expression, text):
    assert _rendered(expression) == text


def test_of_a_function_called_with_another_neither_is_lost():
    assert _rendered(GetAZs(Ref("AWS::Region"))) == "!GetAZs\n        Ref: AWS::Region"


@pytest.mark.parametrize(
    ("join", "text"),
    [
        (Join("", ["liberty-social-alb", Ref("Suffix")]), "liberty-social-alb${Suffix}"),
        (Join("", [Ref("A"), "/", GetAtt("B", "Arn")]), "${A}/${B.Arn}"),
        (Join("", [Ref("A"), "-${B}"]), "${A}-${!B}"),
        (Join("", ["{{resolve:x:", Ref("A"), "}}"]), "{{resolve:x:${A}}}"),
    ],
)
def test_a_join_of_names_and_text_is_written_as_a_sub(join, text):
    assert _read_again(join) == ("!Sub", text)


@pytest.mark.parametrize(
    "join",
    [
        Join("-", ["a", Ref("B")]),
        Join("", ["a", If("Always", "b", "c")]),
        Join("", Ref("List")),
    ],
)
def test_a_join_that_a_sub_cannot_say_stays_one(join):
    assert _read_again(join)[0] == "!Join"


@pytest.mark.parametrize(
    ("resource", "why"),
    [
        (sns.Topic("T", Subscription=[sns.Subscription(Endpoint="a")]), "Protocol required"),
        (rds.DBInstance("Database", Engine="postgres"), "MasterUsername"),
        (
            sns.TopicPolicy("P", Topics=["t"], PolicyDocument={"Statement": [Statement()]}),
            "Effect required",
        ),
    ],
)
def test_what_lacks_something_or_contradicts_itself_is_refused(resource, why):
    template = Template()
    template.add_resource(resource)
    with pytest.raises(ValueError, match=why):
        render(template, SOURCE)


def test_text_of_several_lines_is_a_block():
    assert _rendered('{\n "a": 1\n}') == '|-\n        {\n         "a": 1\n        }'
    assert _read_again("a\n b\n") == "a\n b\n"


@pytest.mark.parametrize(
    "text",
    [
        "256",
        "012",
        "000000000000",
        "1.5",
        "1_000",
        "true",
        "True",
        "yes",
        "off",
        "null",
        "~",
        "",
        "2012-10-17",
        "12:30",
        "*",
        "!Ref",
        "a: b",
        "# a",
        " a ",
    ],
)
def test_text_that_looks_like_something_else_is_quoted(text):
    assert _rendered(text)[0] in "'\""
    assert _read_again(text) == text


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (256, "256")])
def test_numbers_and_truth_are_not_quoted(value, text):
    template = Template()
    template.set_metadata({"Value": value})
    assert f"Value: {text}\n" in render(template, SOURCE)


def test_truth_is_told_from_one():
    template = Template()
    template.set_metadata({"One": 1, "Truth": True})
    assert "One: 1\n  Truth: true\n" in render(template, SOURCE)


def test_what_yaml_cannot_say_alike_everywhere_is_refused():
    template = Template()
    template.set_metadata({"Value": 1.5})
    with pytest.raises(TypeError):
        render(template, SOURCE)


def test_text_is_read_again_as_it_was_written():
    long = "a sentence that goes on and on, " * 12 + "and then ends"
    assert _read_again(long) == long
