import pytest
from model_sets import nested

from liberty_cfn.model.flattening import Origin, flatten

ROOT = """
Parameters:
  Suffix: {Type: String, Default: ''}
  Origins: {Type: CommaDelimitedList, Default: 'a,b'}
Conditions:
  Named: !Not [!Equals [!Ref Suffix, '']]
Resources:
  Network:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: network.yaml
      Parameters:
        Suffix: !Ref Suffix
        Label: !Sub backend${Suffix}
        Fixed: 10.0.0.0/16
  Data:
    Type: AWS::CloudFormation::Stack
    DependsOn: Network
    Condition: Named
    Properties:
      TemplateURL: data.yaml
      Parameters:
        SubnetIds: !GetAtt Network.Outputs.SubnetIds
        Origins: !Join [',', !Ref Origins]
        Vpc: !GetAtt Network.Outputs.Vpc
Outputs:
  Host: {Value: !GetAtt Data.Outputs.Host}
"""
NETWORK = """
Parameters:
  Suffix: {Type: String}
  Label: {Type: String}
  Fixed: {Type: String}
  Zones: {Type: Number, Default: 2}
Mappings:
  Sizes: {small: {cpu: 256}}
Conditions:
  Logged: !Equals [!Ref Suffix, '-dev']
Resources:
  Vpc:
    Type: AWS::EC2::VPC
    Properties:
      CidrBlock: !Ref Fixed
      Name: !Sub '${Label}-${Vpc}.${Suffix}${!Literal}-${Zones}'
      Size: !FindInMap [Sizes, small, cpu]
  SubnetA:
    Type: AWS::EC2::Subnet
    DependsOn: Vpc
    Properties: {VpcId: !Ref Vpc}
  Log:
    Type: AWS::Logs::LogGroup
    Condition: Logged
    Properties: {Days: !If [Logged, 7, !Ref 'AWS::NoValue']}
Outputs:
  SubnetIds: {Value: !Join [',', [!Ref SubnetA, !Ref SubnetA]]}
  Vpc: {Value: !Ref Vpc}
"""
DATA = """
Parameters:
  SubnetIds: {Type: 'List<AWS::EC2::Subnet::Id>'}
  Origins: {Type: CommaDelimitedList}
  Vpc: {Type: 'AWS::EC2::VPC::Id'}
Conditions:
  Once: !Equals ['1', '1']
Resources:
  Db:
    Type: AWS::RDS::DBInstance
    Condition: Once
    DeletionPolicy: Snapshot
    Properties:
      Subnets: !Ref SubnetIds
      Origins: !Ref Origins
      Joined: !Join [',', !Ref SubnetIds]
      Vpc: !Sub 'vpc/${Vpc}/${Db.Arn}'
Outputs:
  Host: {Value: !GetAtt Db.Endpoint.Address}
"""


@pytest.fixture(scope="module")
def flat():
    return flatten(nested(root=ROOT, network=NETWORK, data=DATA))


@pytest.fixture(scope="module")
def resources(flat):
    return flat.template["Resources"]


def test_logical_ids_have_their_stacks_in_front_and_know_where_they_came_from(flat):
    assert list(flat.template["Resources"]) == [
        "NetworkVpc",
        "NetworkSubnetA",
        "NetworkLog",
        "DataDb",
    ]
    assert flat.origins["NetworkSubnetA"] == Origin(("Network",), "SubnetA", "network.yaml")
    assert flat.loose == ()


@pytest.mark.parametrize(
    ("resource", "name", "value"),
    [
        ("NetworkVpc", "CidrBlock", "10.0.0.0/16"),
        (
            "NetworkVpc",
            "Name",
            {"Fn::Sub": "backend${Suffix}-${NetworkVpc}.${Suffix}${!Literal}-2"},
        ),
        ("NetworkVpc", "Size", {"Fn::FindInMap": ["NetworkSizes", "small", "cpu"]}),
        ("NetworkSubnetA", "VpcId", {"Ref": "NetworkVpc"}),
        ("NetworkLog", "Days", {"Fn::If": ["NetworkLogged", 7, {"Ref": "AWS::NoValue"}]}),
        ("DataDb", "Subnets", [{"Ref": "NetworkSubnetA"}, {"Ref": "NetworkSubnetA"}]),
        ("DataDb", "Origins", {"Ref": "Origins"}),
        (
            "DataDb",
            "Joined",
            {"Fn::Join": [",", [{"Ref": "NetworkSubnetA"}, {"Ref": "NetworkSubnetA"}]]},
        ),
        ("DataDb", "Vpc", {"Fn::Sub": "vpc/${NetworkVpc}/${DataDb.Arn}"}),
    ],
)
def test_parameters_become_values_and_outputs_what_is_behind_them(
    resources, resource, name, value
):
    assert resources[resource]["Properties"][name] == value


def test_conditions_and_mappings_are_each_stacks_own(flat):
    assert flat.template["Conditions"] == {
        "Named": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Suffix"}, ""]}]},
        "NetworkLogged": {"Fn::Equals": [{"Ref": "Suffix"}, "-dev"]},
        "DataOnce": {"Fn::Equals": ["1", "1"]},
        "NamedAndDataOnce": {"Fn::And": [{"Condition": "Named"}, {"Condition": "DataOnce"}]},
    }
    assert flat.template["Mappings"] == {"NetworkSizes": {"small": {"cpu": 256}}}


def test_a_resource_is_made_when_its_stack_is_and_waits_for_what_its_stack_waits_for(resources):
    assert resources["DataDb"]["Condition"] == "NamedAndDataOnce"
    assert resources["DataDb"]["DependsOn"] == ["NetworkVpc", "NetworkSubnetA", "NetworkLog"]
    assert resources["NetworkSubnetA"]["DependsOn"] == "NetworkVpc"


def test_what_keeps_data_stays_and_outputs_are_the_roots(flat, resources):
    assert resources["DataDb"]["DeletionPolicy"] == "Snapshot"
    assert flat.template["Outputs"] == {
        "Host": {"Value": {"Fn::GetAtt": ["DataDb", "Endpoint.Address"]}}
    }


@pytest.mark.parametrize(
    ("network", "why"),
    [
        (
            NETWORK.replace("Zones: {Type: Number, Default: 2}", "Zones: {Type: Number}"),
            "Zones of",
        ),
        (NETWORK.replace("  Vpc: {Value: !Ref Vpc}", ""), "network.yaml has no output Vpc"),
        (NETWORK.replace("VpcId: !Ref Vpc", "VpcId: !Ref Gone"), "there is no Gone"),
        (NETWORK.replace("!Equals [!Ref Suffix,", "!Equals [!Ref Vpc,"), "depends on NetworkV"),
    ],
)
def test_an_end_that_leads_nowhere_is_told(network, why):
    loose = flatten(nested(root=ROOT, network=network, data=DATA)).loose
    assert any(one.why.startswith(why) for one in loose), loose


def test_outputs_that_are_made_of_each_other_are_a_loose_end():
    child = """
    Parameters: {In: {Type: String}}
    Resources: {Topic: {Type: 'AWS::SNS::Topic'}}
    Outputs: {Out: {Value: !Ref In}}
    """
    stack = (
        "{Type: 'AWS::CloudFormation::Stack', Properties: "
        "{TemplateURL: child.yaml, Parameters: {In: !GetAtt %s.Outputs.Out}}}"
    )
    root = (
        f"Resources: {{A: {stack % 'B'}, B: {stack % 'A'}}}\n"
        "Outputs: {Out: {Value: !GetAtt A.Outputs.Out}}"
    )
    assert "made of itself" in flatten(nested(root=root, child=child)).loose[0].why


def test_flattening_changes_nothing_about_the_set():
    design = nested(root=ROOT, network=NETWORK, data=DATA)
    flatten(design)
    assert design == nested(root=ROOT, network=NETWORK, data=DATA)
