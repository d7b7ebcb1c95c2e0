"""A stack is a function, and nesting it is a call."""

from dataclasses import dataclass

import pytest
from troposphere import Ref, Template, ec2

from liberty_cfn.nesting import Root, pascal
from liberty_cfn.values import Number, SubnetIds, Text, VpcId


@dataclass(frozen=True)
class Given:
    vpc_id: VpcId
    subnet_ids: SubnetIds


def giver(t: Template, *, cidr: Text) -> Given:
    """Gives a VPC.

    And says more about it than a template's Description has to.
    """
    vpc = t.add_resource(ec2.VPC("Vpc", CidrBlock=cidr))
    return Given(VpcId(Ref(vpc)), SubnetIds([Ref("A"), Ref("B")]))


@dataclass(frozen=True)
class Nothing:
    pass


def taker(t: Template, *, vpc_id: VpcId) -> Nothing:
    """Takes a VPC."""
    return Nothing()


def spreader(t: Template, *, subnet_ids: SubnetIds) -> Nothing:
    """Takes subnets."""
    return Nothing()


@dataclass(frozen=True)
class Settings:
    size: Number
    subnet_ids: SubnetIds


@pytest.fixture
def root():
    return Root("A root.")


def test_arguments_become_parameters_of_the_child_and_of_the_stack(root):
    given = root.nest(giver, cidr=Text("10.0.0.0/16"))
    root.nest(taker, vpc_id=given.vpc_id)
    assert root.children["taker"].to_dict()["Parameters"] == {
        "VpcId": {"Type": "AWS::EC2::VPC::Id"}
    }
    assert root.template.to_dict()["Resources"]["Taker"]["Properties"] == {
        "TemplateURL": "taker.yaml",
        "Parameters": {"VpcId": {"Fn::GetAtt": ["Giver", "Outputs.VpcId"]}},
        "Tags": [{"Key": "TemplateDigest", "Value": "see the root stack"}],
    }


def test_inside_the_child_an_argument_is_its_parameter(root):
    root.nest(giver, cidr=Text("10.0.0.0/16"))
    vpc = root.children["giver"].to_dict()["Resources"]["Vpc"]
    assert vpc["Properties"] == {"CidrBlock": {"Ref": "Cidr"}}


def test_what_is_returned_becomes_outputs_and_lists_are_joined(root):
    root.nest(giver, cidr=Text("10.0.0.0/16"))
    assert root.children["giver"].to_dict()["Outputs"] == {
        "VpcId": {"Value": {"Ref": "Vpc"}},
        "SubnetIds": {"Value": {"Fn::Join": [",", [{"Ref": "A"}, {"Ref": "B"}]]}},
    }


def test_a_list_arrives_as_a_list(root):
    given = root.nest(giver, cidr=Text("10.0.0.0/16"))
    root.nest(spreader, subnet_ids=given.subnet_ids)
    assert root.children["spreader"].to_dict()["Parameters"] == {
        "SubnetIds": {"Type": "List<AWS::EC2::Subnet::Id>"}
    }
    assert root.template.to_dict()["Resources"]["Spreader"]["Properties"]["Parameters"] == {
        "SubnetIds": {"Fn::GetAtt": ["Giver", "Outputs.SubnetIds"]}
    }


def test_the_docstring_s_first_line_describes_the_child(root):
    root.nest(giver, cidr=Text("10.0.0.0/16"))
    assert root.children["giver"].description == "Gives a VPC."


def test_settings_become_parameters_with_their_limits(root):
    root.settings(Settings, {"Size": {"Default": 2, "MinValue": 1}, "SubnetIds": {}})
    assert root.template.to_dict()["Parameters"] == {
        "Size": {"Type": "Number", "Default": 2, "MinValue": 1},
        "SubnetIds": {"Type": "List<AWS::EC2::Subnet::Id>"},
    }


def test_a_setting_that_is_a_list_is_handed_on_as_text(root):
    settings = root.settings(Settings, {"Size": {}, "SubnetIds": {}})
    root.nest(spreader, subnet_ids=settings.subnet_ids)
    assert root.template.to_dict()["Resources"]["Spreader"]["Properties"]["Parameters"] == {
        "SubnetIds": {"Fn::Join": [",", {"Ref": "SubnetIds"}]}
    }


def test_a_value_of_the_wrong_kind_is_refused(root):
    given = root.nest(giver, cidr=Text("10.0.0.0/16"))
    with pytest.raises(TypeError, match="wants a VpcId as vpc_id, and was given a SubnetIds"):
        root.nest(taker, vpc_id=given.subnet_ids)


def test_a_refused_stack_leaves_no_trace(root):
    with pytest.raises(TypeError):
        root.nest(taker, vpc_id=Text("vpc-1"))
    assert root.children == {}
    assert "Taker" not in root.template.to_dict()["Resources"]


def test_a_forgotten_or_unknown_argument_is_refused_as_in_any_call(root):
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'vpc_id'"):
        root.nest(taker)
    with pytest.raises(TypeError, match="unexpected keyword argument 'vpc'"):
        root.nest(taker, vpc=VpcId("vpc-1"))


def test_a_stack_is_nested_once(root):
    root.nest(taker, vpc_id=VpcId("vpc-1"))
    with pytest.raises(ValueError, match='duplicate key "Taker" detected'):
        root.nest(taker, vpc_id=VpcId("vpc-1"))


def test_names_are_spelled_as_cloudformation_does():
    assert pascal("vpc_id") == "VpcId"
    assert pascal("public_subnet_a_cidr") == "PublicSubnetACidr"
