"""A design of one topic, or of one bucket that is kept: deployed in no time, to be failed."""

import dataclasses

import pytest
from deployed import Listener

from liberty_cfn.deploy.deploying import begin, deploy
from liberty_cfn.deploy.work import Work
from liberty_cfn.environments import load

TOPIC = "Resources:\n  Topic: {Type: AWS::SNS::Topic}\n"
ANOTHER = "  Another: {Type: AWS::SNS::Topic, DependsOn: Topic}\n"
MORE = TOPIC + ANOTHER
UPLOADS = """Resources:
  Uploads:
    Type: AWS::S3::Bucket
    Properties: {BucketName: liberty-social-failures-1}
"""
DENIED = (403, "<Code>AccessDenied</Code><Message>Not yours</Message>")
NO_CHANGE_SET = (404, "<Code>ChangeSetNotFound</Code><Message>ChangeSet is not there</Message>")
NO_LONGER = (400, "<Code>InvalidChangeSetStatus</Code><Message>no longer</Message>")


@pytest.fixture
def dev():
    """The environment, for designs that take no parameters."""
    return dataclasses.replace(load("dev"), given={})


def have(environment, target, template, listener=None, *, allowed=(), failed="", **more):
    """Deploy a design of one template."""
    templates = {"root.yaml": template}
    work = Work(environment, target, listener or Listener(), templates, allowed)
    return deploy(work, begin(work, failed), **more)


def left_behind(target, environment):
    """Return the change sets of a stack."""
    found = target.client("cloudformation").list_change_sets(StackName=environment.stack)
    return found["Summaries"]


TEMPLATE_BUCKET = "liberty-cfn-templates-000000000000-us-east-1"


def names(target):
    """Return what has a name that is kept."""
    return {
        *(b["Name"] for b in target.client("s3").list_buckets()["Buckets"]),
        *(s["Name"] for s in target.client("secretsmanager").list_secrets()["SecretList"]),
        *(g["logGroupName"] for g in target.client("logs").describe_log_groups()["logGroups"]),
        *(
            r["repositoryName"]
            for r in target.client("ecr").describe_repositories()["repositories"]
        ),
    }


PROTECTED = """
Parameters: {DatabaseDeletionProtection: {Type: String, Default: 'true'}}
Resources:
  Database:
    Type: AWS::RDS::DBInstance
    DeletionPolicy: Snapshot
    Properties:
      DBInstanceIdentifier: failures
      DBInstanceClass: db.t3.micro
      Engine: postgres
      AllocatedStorage: '20'
      DeletionProtection: !Ref DatabaseDeletionProtection
  Topic: {Type: AWS::SNS::Topic, DependsOn: Database}
"""
