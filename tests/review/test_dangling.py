"""What refers to something that isn't made, on any level of a nested set."""

import pytest
from versions import nested, part, resource, told, version

from liberty_cfn.review.findings import Kind
from liberty_cfn.review.reviewing import review
from liberty_cfn.review.waiting import circle, waits

IS_ON = {"IsOn": {"Fn::Equals": [{"Ref": "On"}, "yes"]}}
NEVER = {"IsOn": {"Fn::Equals": ["a", "b"]}}
TAKES = {"On": {"Type": "String"}}


def told_below(child, **output):
    return {"Id": {"Value": {"Fn::GetAtt": [child, "Outputs.Id"]}, **output}}


def deep(levels, on="yes", *, below=IS_ON, guarded=False, **leaf):
    """Return stacks in each other; the deepest tells Id on a condition, the root uses it."""
    guard = {"Condition": "IsOn"} if guarded else {}
    root = nested(S1={"On": on})
    using = {"Type": "String", "Value": {"Fn::GetAtt": ["S1", "Outputs.Id"]}}
    root["Resources"]["Use"] = resource("SSM::Parameter", using, **guard)
    root["Conditions"] = {"IsOn": {"Fn::Equals": [on, "yes"]}}
    stacks = {"root": root}
    for level in range(1, levels):
        title = f"S{level + 1}"
        stacks[f"s{level}"] = {
            "Parameters": TAKES,
            "Conditions": IS_ON,
            **nested(**{title: {"On": {"Ref": "On"}}}),
            "Outputs": told_below(title, **guard),
        }
    stacks[f"s{levels}"] = {
        "Parameters": TAKES,
        "Conditions": below,
        "Resources": {"Topic": resource("SNS::Topic")},
        "Outputs": {"Id": {"Value": "x", "Condition": "IsOn"}},
        **leaf,
    }
    return version(**stacks)


@pytest.mark.parametrize("levels", [1, 2, 3, 5])
def test_an_output_that_a_condition_takes_away_fails_where_it_is_used(levels):
    (text,) = told(deep(levels), deep(levels, "no"), Kind.FAILS)
    assert f"S{levels} tells no Id with these values" in text


@pytest.mark.parametrize("levels", [2, 3, 5])
def test_it_fails_also_where_all_those_above_still_tell_it(levels):
    after = deep(levels, below=NEVER, guarded=True)
    (text,) = told(deep(levels, guarded=True), after, Kind.FAILS)
    assert f"templates/s{levels - 1}.yaml: Outputs.Id.Value" in text


@pytest.mark.parametrize("levels", [1, 2, 3, 5])
def test_it_fails_nowhere_if_all_those_above_stop_with_it(levels):
    found = part(deep(levels, guarded=True), deep(levels, "no", guarded=True))
    assert [(c.id, c.action) for c in found.changes] == [("Use", "remove")]
    assert Kind.FAILS not in {finding.kind for finding in found.findings}


def test_an_output_of_a_stack_that_is_itself_no_longer_made_fails_where_it_is_used():
    def root(on):
        found = nested(Below={})
        found["Conditions"] = {"IsOn": {"Fn::Equals": [on, "yes"]}}
        found["Resources"]["Below"]["Condition"] = "IsOn"
        using = {"Value": {"Fn::Sub": "a-${Below.Outputs.Id}"}}
        found["Resources"]["Use"] = resource("SSM::Parameter", using)
        outputs = {"Id": {"Value": "x"}}
        below = {"Resources": {"Topic": resource("SNS::Topic")}, "Outputs": outputs}
        return version(root=found, below=below)

    (text,) = told(root("yes"), root("no"), Kind.FAILS)
    assert "Resources.Use.Properties.Value uses what isn't there: Below tells no Id" in text


def test_what_was_refused_before_is_no_news():
    assert not review(deep(2, "no"), deep(2, "no", Metadata={"a": 1})).parts


def guarded(condition, using):
    made = {"Topic": resource("SNS::Topic", Condition="IsOn"), **using}
    return version(root={"Conditions": {"IsOn": condition}, "Resources": made})


@pytest.mark.parametrize(
    "value",
    [
        {"Ref": "Topic"},
        {"Fn::GetAtt": ["Topic", "TopicName"]},
        {"Fn::Sub": "a ${Topic}"},
        {"Fn::Join": ["", ["a", {"Ref": "Topic"}]]},
    ],
)
def test_who_refers_to_what_its_condition_takes_away_fails(value):
    using = {"Use": resource("SSM::Parameter", {"Value": value})}
    yes, no = ({"Fn::Equals": ["a", end]} for end in "ab")
    (text,) = told(guarded(yes, using), guarded(no, using), Kind.FAILS)
    assert text == "Use refers to Topic, which isn't made, by its Condition"
    asked = {"Use": resource("SSM::Parameter", {"Value": {"Fn::If": ["IsOn", value, ""]}})}
    assert not told(guarded(yes, asked), guarded(no, asked), Kind.FAILS)


def test_an_output_of_the_whole_stack_fails_like_that_too():
    def root(end, **output):
        made = {"Topic": resource("SNS::Topic", Condition="IsOn"), "Q": resource("SQS::Queue")}
        told_of = {"Id": {"Value": {"Ref": "Topic"}, **output}}
        condition = {"IsOn": {"Fn::Equals": ["a", end]}}
        return version(root={"Conditions": condition, "Resources": made, "Outputs": told_of})

    (text,) = told(root("a"), root("b"), Kind.FAILS)
    assert text.startswith("the stack's output Id refers to Topic")
    told_only_then = root("a", Condition="IsOn"), root("b", Condition="IsOn")
    assert not told(*told_only_then, Kind.FAILS)


def test_a_condition_that_nobody_declares_is_refused():
    topic = {"Topic": resource("SNS::Topic")}
    (text,) = told(topic, {"Topic": resource("SNS::Topic", Condition="Nope")}, Kind.FAILS)
    assert "there is no Nope in Conditions" in text


@pytest.mark.parametrize("names", [["Nope", "a", "b"], ["Sizes", {"Ref": "Env"}, "b"]])
def test_a_value_that_no_mapping_has_is_refused(names):
    def root(call):
        made = {"Topic": resource("SNS::Topic", {"DisplayName": call})}
        declared = {"Env": {"Type": "String", "Default": "dev"}}
        mappings = {"Sizes": {"prod": {"b": "c"}}}
        return version(root={"Parameters": declared, "Mappings": mappings, "Resources": made})

    found = {"Fn::FindInMap": ["Sizes", "prod", "b"]}
    assert any("Mappings" in text for text in told(root("x"), root({"Fn::FindInMap": names})))
    assert not told(root("x"), root(found), Kind.FAILS)


@pytest.mark.parametrize(
    ("attribute", "tells"), [("TopicName", True), ("Nope", False), ("DisplayName", True)]
)
def test_an_attribute_that_a_type_doesn_t_have_is_refused(attribute, tells):
    def using(value):
        asks = resource("SSM::Parameter", {"Value": value})
        return {"Topic": resource("SNS::Topic"), "Use": asks}

    texts = told(using("x"), using({"Fn::GetAtt": ["Topic", attribute]}), Kind.FAILS)
    assert bool(texts) is not tells


def test_resources_that_wait_for_each_other_are_refused():
    def topics(a, b, **more):
        made = {"A": resource("SNS::Topic", a), "B": resource("SNS::Topic", b, **more)}
        return {**made, "C": resource("SNS::Topic", {"DisplayName": {"Ref": "A"}})}

    one, other = ({"DisplayName": {"Ref": title}} for title in "AB")
    (text,) = told(topics({}, {}), topics(other, one), Kind.FAILS)
    assert text == "templates/root.yaml: A, B wait for each other, in a circle"
    (text,) = told(topics({}, {}), topics(other, {}, DependsOn=["A"]), Kind.FAILS)
    said = {"DisplayName": {"Fn::Sub": "about ${B.TopicName}"}}
    (text,) = told(topics({}, {}), topics(said, one), Kind.FAILS)
    assert text == "templates/root.yaml: A, B wait for each other, in a circle"
    (text,) = told(topics({}, {}), topics(one, {}), Kind.FAILS)
    assert text == "templates/root.yaml: A waits for itself"
    assert not told(topics({}, {}), topics({}, one), Kind.FAILS)
    assert not told(topics(other, one), topics({**other, "TopicName": "x"}, one), Kind.FAILS)


def test_a_condition_that_is_called_as_a_resource_is_not_waited_for():
    decided = {"DisplayName": {"Fn::If": ["B", "x", "y"]}}
    made = {
        "A": resource("SNS::Topic", decided),
        "B": resource("SNS::Topic", {"A": {"Ref": "A"}}),
    }
    assert circle("A", waits(made)) == set()


def test_stacks_that_wait_for_each_other_are_refused():
    def stacks(given):
        child = {
            "Parameters": {"In": {"Type": "String", "Default": ""}},
            "Resources": {"Topic": resource("SNS::Topic")},
            "Outputs": {"Out": {"Value": "x"}},
        }
        one = {"In": {"Fn::GetAtt": ["B", "Outputs.Out"]}}
        return version(root=nested(A=one, B=given), a=child, b=child)

    (text,) = told(stacks({}), stacks({"In": {"Fn::GetAtt": ["A", "Outputs.Out"]}}), Kind.FAILS)
    assert text == "templates/root.yaml: A, B wait for each other, in a circle"


def test_who_waits_for_what_isn_t_there_is_refused():
    topic = {"Topic": resource("SNS::Topic")}
    (text,) = told(topic, {"Topic": resource("SNS::Topic", DependsOn="Nope")}, Kind.FAILS)
    assert "there is no Nope to wait for" in text


def test_other_rules_of_a_template_are_told_as_unknown():
    def ruled(one):
        rules = {"R": {"Assertions": [{"Assert": {"Fn::Equals": [one, "a"]}}]}}
        return version(root={"Rules": rules, "Resources": {"Topic": resource("SNS::Topic")}})

    (text,) = told(ruled("a"), ruled("b"), Kind.UNKNOWN)
    assert text.startswith("templates/root.yaml: Rules changes")
