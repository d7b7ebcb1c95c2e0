"""What the local AWS works out but once is what ministack would have worked out each time."""

import pytest
from local_stacks import rest

YAML = """
Parameters: {Name: {Type: String, Default: a.b}}
Conditions: {Here: !Equals [!Ref AWS::Region, us-east-1]}
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: !If [Here, !Sub 'role-${Name}', !Ref AWS::NoValue]
      AssumeRolePolicyDocument:
        Version: 2012-10-17
        Statement:
          - {Effect: Allow, Principal: {Service: x.amazonaws.com}, Action: 'sts:AssumeRole'}
Outputs:
  Arn: {Value: !GetAtt Role.Arn}
"""


@pytest.mark.parametrize("name", ["first", "again"])
def test_yaml_is_read_with_its_short_forms_and_its_dates_as_text(aws, name):
    cloudformation = aws.client("cloudformation")
    stack = cloudformation.create_stack(
        StackName=name, TemplateBody=YAML, Capabilities=["CAPABILITY_NAMED_IAM"]
    )["StackId"]
    outputs = rest(aws, stack)["Outputs"]
    role = aws.client("iam").get_role(RoleName="role-a.b")["Role"]
    assert role["AssumeRolePolicyDocument"]["Version"] == "2012-10-17"
    assert [output["OutputValue"] for output in outputs] == [role["Arn"]]


@pytest.mark.parametrize(
    ("service", "operation", "type_"),
    [
        ("cloudformation", "list_stacks", "text/xml"),
        ("ec2", "describe_vpcs", "text/xml;charset=UTF-8"),
        ("s3", "list_buckets", "application/xml"),
        ("secretsmanager", "list_secrets", "application/x-amz-json-1.1"),
        ("stepfunctions", "list_state_machines", "application/x-amz-json-1.0"),
    ],
)
def test_an_answer_has_the_type_that_its_service_speaks(aws, service, operation, type_):
    answer = getattr(aws.client(service), operation)()
    assert answer["ResponseMetadata"]["HTTPHeaders"]["content-type"] == type_
