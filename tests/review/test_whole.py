"""Parameters, outputs, and values that only AWS knows when it deploys."""

import pytest
from versions import changed, nested, paths, resource, told, version

from liberty_cfn.review.documented import Replacement
from liberty_cfn.review.findings import Kind
from liberty_cfn.review.reviewing import review

FROM_SSM = "AWS::SSM::Parameter::Value<String>"


def machine(image, **sections):
    made = {"It": resource("EC2::Instance", {"ImageId": image})}
    return version(root={"Resources": made, **sections})


def with_parameter(given="/x", /, **declared):
    body = {"Type": "String", "Default": "/a", **declared}
    made = {"It": resource("EC2::Instance", {"ImageId": {"Ref": "Image"}})}
    return version(
        root={"Parameters": {"Image": body}, "Resources": made},
        values={"dev": {"Image": given}} if given else None,
    )


def by_stack(name):
    made = {"It": resource("EC2::Instance", {"ImageId": {"Ref": "Image"}})}
    child = {"Parameters": {"Image": {"Type": FROM_SSM}}, "Resources": made}
    return version(root=nested(Child={"Image": name}), child=child)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            with_parameter(None, Type=FROM_SSM),
            with_parameter(None, Type=FROM_SSM, Default="/b"),
        ),
        (with_parameter("/x", Type=FROM_SSM), with_parameter("/y", Type=FROM_SSM)),
        (machine("{{resolve:ssm:/a:1}}"), machine("{{resolve:ssm:/a:2}}")),
        (by_stack("/a"), by_stack("/b")),
        (machine("ami-1"), machine("{{resolve:ssm:/a}}")),
    ],
)
def test_another_name_of_an_ssm_parameter_is_a_value_known_only_when_deployed(before, after):
    (text,) = told(before, after, Kind.UNKNOWN)
    assert text.endswith("It: ImageId takes a value known only when deployed")
    (change,) = changed(before, after).values()
    assert paths(change)["ImageId"].verdict.replacement is Replacement.CONDITIONAL


def test_the_same_name_of_an_ssm_parameter_is_no_change():
    one, same = (with_parameter(Type=FROM_SSM, Description=text) for text in ("one", "other"))
    assert not review(one, same).parts


def test_another_condition_for_what_ssm_says_is_not_guessed_at():
    def topics(name):
        parameters = {"Mode": {"Type": FROM_SSM, "Default": name}}
        conditions = {"On": {"Fn::Equals": [{"Ref": "Mode"}, "/a"]}}
        made = {"It": resource("SNS::Topic", Condition="On")}
        return version(
            root={"Parameters": parameters, "Conditions": conditions, "Resources": made}
        )

    # It may be there before and after, or not.
    (text,) = told(topics("/a"), topics("/b"))
    assert text.startswith("the condition On asks something else, and can't be decided here")
    assert text.endswith("on it hangs It")
    assert not review(topics("/a"), topics("/a")).parts


def test_a_condition_that_asks_an_unknown_parameter_something_else_is_told():
    def topics(wanted, using):
        conditions = {"On": {"Fn::Equals": [{"Ref": "Mode"}, wanted]}}
        sections = {"Parameters": {"Mode": {"Type": "String"}}, "Conditions": conditions}
        return version(root={**sections, "Resources": {"It": using}})

    name = {"DisplayName": {"Fn::If": ["On", "a", "b"]}}
    for using in (resource("SNS::Topic", Condition="On"), resource("SNS::Topic", name)):
        (text,) = told(topics("a", using), topics("b", using), Kind.UNKNOWN)
        assert text.endswith("on it hangs It")
    assert not review(
        topics("a", resource("SNS::Topic")), topics("b", resource("SNS::Topic"))
    ).parts


def test_a_new_parameter_without_a_default_is_told_where_nobody_says_its_value():
    before = machine("ami-1")
    declared = {"Image": {"Type": "String"}}
    asked = machine({"Ref": "Image"}, Parameters=declared)
    texts = told(before, asked, Kind.UNKNOWN)
    assert "the parameter Image is new, without a default: an update has to give it" in texts
    for olds, news in ((before, asked), (asked, before)):
        (change,) = changed(olds, news).values()
        assert paths(change)["ImageId"].verdict.replacement is Replacement.CONDITIONAL
    default = {"Image": {"Type": "String", "Default": "ami-1"}}
    assert not review(before, machine({"Ref": "Image"}, Parameters=default)).parts


def test_what_a_resource_that_goes_was_is_no_value_that_is_given():
    def group(vpc, **more):
        return {"Group": resource("EC2::SecurityGroup", {"VpcId": vpc}), **more}

    here = group({"Ref": "Vpc"}, Vpc=resource("EC2::VPC"))
    for olds, news in ((here, group("vpc-1")), (group("vpc-1"), here)):
        assert changed(olds, news)["Group"].replacement is Replacement.CERTAIN


def test_an_export_gets_another_value_when_what_it_tells_is_made_anew():
    def topics(**properties):
        outputs = {"Id": {"Value": {"Ref": "It"}, "Export": {"Name": "topic"}}}
        made = {"It": resource("SNS::Topic", properties)}
        return version(root={"Resources": made, "Outputs": outputs})

    (text,) = told(topics(), topics(FifoTopic=True), Kind.FAILS)
    assert text.startswith("the output Id gets another value, as It is made anew; should")
    assert not told(topics(), topics(DisplayName="x"))


def test_a_parameter_whose_value_anybody_may_read_again_is_a_weakened_protection():
    before, after = with_parameter(NoEcho=True), with_parameter()
    (text,) = told(before, after, Kind.WEAKENED)
    assert text.startswith("templates/root.yaml: the parameter Image without NoEcho")
    assert not review(after, before).parts


@pytest.mark.parametrize(
    ("declared", "given", "why"),
    [
        ({"AllowedValues": ["a"]}, "b", "not among its AllowedValues"),
        ({"AllowedValues": ["a", "b"], "Type": "CommaDelimitedList"}, "a,c", "AllowedValues"),
        ({"AllowedPattern": "ami-[0-4]"}, "ami-7", "AllowedPattern doesn't match: ami-[0-4]"),
        ({"MinLength": 3}, "ab", "against its MinLength 3"),
        ({"MaxLength": "1"}, "ab", "against its MaxLength 1"),
        ({"MinValue": 5, "Type": "Number"}, "4", "against its MinValue 5"),
        ({"MaxValue": 5, "Type": "Number"}, "6", "against its MaxValue 5"),
        ({"Type": "Number"}, "six", "no number"),
    ],
)
def test_a_value_that_a_parameter_no_longer_takes_will_fail(declared, given, why):
    (text,) = told(with_parameter(given), with_parameter(given, **declared), Kind.FAILS)
    assert text.startswith(f"the parameter Image is {given}")
    assert why in text


@pytest.mark.parametrize(
    ("declared", "given"),
    [
        ({"AllowedValues": ["a", "b"], "Type": "CommaDelimitedList"}, "a, b"),
        ({"AllowedPattern": "ami-[0-4]", "MinLength": 5, "MaxLength": 5}, "ami-1"),
        ({"AllowedPattern": r"\p{Alpha}+"}, "ami"),
        ({"MinValue": 4, "MaxValue": 4, "Type": "Number"}, "4"),
        # Nobody sees what it is.
        ({"AllowedPattern": "[0-9]", "NoEcho": True}, "ami"),
    ],
)
def test_a_value_that_a_parameter_takes_is_no_failure(declared, given):
    found = review(with_parameter(given), with_parameter(given, **declared)).parts
    assert not [f for one in found for f in one.findings if f.kind is Kind.FAILS]


def telling(value, **more):
    made = {"It": resource("SNS::Topic")}
    return version(root={"Resources": made, "Outputs": {"Told": {"Value": value, **more}}})


def test_an_output_that_tells_another_value_is_told_and_fails_where_it_is_imported():
    (text,) = told(telling("a"), telling({"Ref": "It"}), Kind.OPERATIONS)
    assert text == "the stack's output Told tells another value: a → ${It}"
    exported = {"Export": {"Name": "theirs"}}
    (text,) = told(telling("a", **exported), telling("b", **exported), Kind.FAILS)
    assert text.endswith("should another stack import theirs, CloudFormation refuses")
    assert not review(telling("a"), telling("a", Description="words")).parts


def test_how_cloudformation_updates_or_makes_something_is_told():
    def group(**attributes):
        return {"It": resource("AutoScaling::AutoScalingGroup", **attributes)}

    def rolling(count):
        return {"UpdatePolicy": {"AutoScalingRollingUpdate": {"MinInstancesInService": count}}}

    (text,) = told(group(**rolling(1)), group(**rolling(0)), Kind.OPERATIONS)
    where = "It: UpdatePolicy.AutoScalingRollingUpdate.MinInstancesInService"
    assert text == f"{where} 1 → 0: another way in which later updates go"
    (text,) = told(group(CreationPolicy={"ResourceSignal": {}}), group(), Kind.OPERATIONS)
    assert text.endswith("another way in which it is made")


def test_a_loop_and_what_it_makes_written_by_hand_are_the_same():
    def looping(names):
        loop = ["Name", names, {"Topic${Name}": resource("SNS::Topic")}]
        made = {"Fn::ForEach::Topics": loop}
        return version(root={"Transform": "AWS::LanguageExtensions", "Resources": made})

    by_hand = version({f"Topic{name}": resource("SNS::Topic") for name in "AB"})
    assert not review(looping(["A", "B"]), by_hand).parts
    assert list(changed(looping(["A", "B"]), looping(["A", "B", "C"]))) == ["TopicC"]
