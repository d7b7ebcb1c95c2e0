"""Policies that more than one stack needs, as functions that read as what they grant.

The source conditions keep a service from acting here on behalf of another account:
https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
"""

from __future__ import annotations

from typing import Any

from awacs import s3, sts
from awacs.aws import (
    Allow,
    ArnLike,
    Bool,
    Condition,
    Deny,
    PolicyDocument,
    Principal,
    Statement,
    StringEquals,
)
from troposphere import Join, Ref
from troposphere.s3 import Bucket

VERSION = "2012-10-17"


def policy(*statements: Statement) -> PolicyDocument:
    """Return a policy document of these statements."""
    return PolicyDocument(Version=VERSION, Statement=list(statements))


def asked_by(source: Any) -> Condition:
    """Return the condition that a service asks for something of this account's.

    `source` is the ARN of what it asks for; `*` and `?` match in it.
    """
    return Condition(
        [
            StringEquals("aws:SourceAccount", Ref("AWS::AccountId")),
            ArnLike("aws:SourceArn", source),
        ]
    )


def trust(service: str, source: Any) -> PolicyDocument:
    """Return the policy of a role that `service` may assume on behalf of `source`."""
    return policy(
        Statement(
            Effect=Allow,
            Principal=Principal("Service", [service]),
            Action=[sts.AssumeRole],
            Condition=asked_by(source),
        )
    )


def tls_only(bucket: Bucket) -> Statement:
    """Refuse whoever talks to the bucket unencrypted."""
    return Statement(
        Sid="TlsOnly",
        Effect=Deny,
        Principal=Principal("*"),
        # All of S3's actions: what is refused here is how they are asked for.
        Action=[s3.Action("*")],
        Resource=[bucket.get_att("Arn"), all_objects(bucket.get_att("Arn"))],
        Condition=Condition(Bool("aws:SecureTransport", "false")),
    )


def may_store_in(bucket_arn: Any) -> list[Statement]:
    """Allow to list, read, write and delete the objects of a bucket."""
    return [
        Statement(Effect=Allow, Action=[s3.ListBucket], Resource=[bucket_arn]),
        Statement(
            Effect=Allow,
            Action=[s3.GetObject, s3.PutObject, s3.DeleteObject],
            Resource=[all_objects(bucket_arn)],
        ),
    ]


def all_objects(bucket_arn: Any) -> Join:
    """Return the ARN that stands for every object of a bucket."""
    return Join("", [bucket_arn, "/*"])
