"""A role, a key and a topic that are right, for the rules about policies to break."""

from __future__ import annotations

ROLE = """
Role:
  Type: AWS::IAM::Role
  Properties:
    AssumeRolePolicyDocument:
      Version: "2012-10-17"
      Statement:
      - Effect: Allow
        Principal: {Service: ecs-tasks.amazonaws.com}
        Action: sts:AssumeRole
        Condition: {StringEquals: {"aws:SourceAccount": !Ref AWS::AccountId}}
    Policies:
    - PolicyName: Uploads
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
        - {Sid: List, Effect: Allow, Action: s3:ListBucket, Resource: !GetAtt Bucket.Arn}
        - {Sid: Read, Effect: Allow, Action: s3:GetObject, Resource: !Sub "${Bucket.Arn}/*"}
Bucket: {Type: AWS::S3::Bucket}
"""
KEY = """
Key:
  Type: AWS::KMS::Key
  Properties:
    KeyPolicy:
      Version: "2012-10-17"
      Statement:
      - Effect: Allow
        Principal: {AWS: !Sub "arn:aws:iam::${AWS::AccountId}:root"}
        Action: kms:*
        Resource: "*"
"""
TOPIC_POLICY = """
Policy:
  Type: AWS::SNS::TopicPolicy
  Properties:
    Topics: [arn:aws:sns:us-east-1:123456789012:alarms]
    PolicyDocument:
      Version: "2012-10-17"
      Statement:
      - Effect: Allow
        Principal: {Service: cloudwatch.amazonaws.com}
        Action: sns:Publish
        Resource: "*"
        Condition: {StringEquals: {"aws:SourceAccount": !Ref AWS::AccountId}}
"""


def swap(old: str, new: str, example: str = ROLE) -> str:
    return example.replace(old, new)
