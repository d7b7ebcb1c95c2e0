"""Which resources hold what can't be made again, and what would be lost with each.

The one list of them: plans mark them, consent asks for them by name, and the stack policy
in templates/ denies replacing or deleting them.
"""

from __future__ import annotations

import json
from collections.abc import Collection

LOSSES = {
    "AWS::RDS::DBInstance": "everything people entered since the last snapshot",
    "AWS::ElastiCache::CacheCluster": "people's sessions and what is cached",
    "AWS::ElastiCache::ReplicationGroup": "people's sessions and what is cached",
    "AWS::S3::Bucket": "the files in it",
    "AWS::SecretsManager::Secret": "its value, which nobody has elsewhere",
    "AWS::ECR::Repository": "the images that tasks start from",
    "AWS::Logs::LogGroup": "the logs",
    "AWS::KMS::Key": "what it encrypted",
    "AWS::Route53::HostedZone": "its name servers, which the registrar knows",
}

# What CloudFormation's PolicyAction leaves behind.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
LEFT = {
    "Delete": "nothing remains",
    "Retain": "the old one remains, no longer managed",
    "Snapshot": "a snapshot remains",
    "ReplaceAndDelete": "nothing of the old one remains",
    "ReplaceAndRetain": "the old one remains, no longer managed",
    "ReplaceAndSnapshot": "a snapshot of the old one remains",
}


def stack_policy(allowed: Collection[str] = ()) -> str:
    """Return the stack policy, as JSON, that keeps stateful resources from going.

    `allowed` are logical ids that may be replaced or deleted all the same.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html
    """
    all_but = {"NotResource": [f"LogicalResourceId/{title}" for title in sorted(allowed)]}
    return (
        json.dumps(
            {
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": "*",
                        "Action": "Update:*",
                        "Resource": "*",
                    },
                    {
                        "Effect": "Deny",
                        "Principal": "*",
                        "Action": ["Update:Replace", "Update:Delete"],
                        **(all_but if allowed else {"Resource": "*"}),
                        "Condition": {"StringEquals": {"ResourceType": list(LOSSES)}},
                    },
                ]
            },
            indent=2,
        )
        + "\n"
    )
