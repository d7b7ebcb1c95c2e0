"""Which resources hold what can't be made again, and what would be lost with each.

The one list of them: plans mark them, consent asks for them by name, and the stack policy
in templates/ denies replacing or deleting them. Not in it is what the template says whole (the
value of an SSM parameter), what can be made again from another (a replica of a key), and what
AWS deletes only when those in it are gone, which are listed themselves (a global cluster).
"""

from __future__ import annotations

import json
from collections.abc import Collection

_SINCE = "everything people entered since the last snapshot"
_SESSIONS = "people's sessions and what is cached"
_UNREAD = "the messages nobody has read yet"
_FILES, _ITEMS, _RECORDS = "the files in it", "the items in it", "the records in it"
_IMAGES, _BACKUPS = "the images that tasks start from", "the backups in it"
_USERS, _INDEXED = "the accounts of everybody who signed up", "what is indexed"
# The application's secrets: what its container calls each, by logical id.
SECRETS = {
    "SecretKey": "SECRET_KEY",
    "DatabasePassword": "DB_PASSWORD",
    "AccessKeyId": "AWS_ACCESS_KEY_ID",
    "SecretAccessKey": "AWS_SECRET_ACCESS_KEY",
    "SenderAddress": "DEFAULT_FROM_EMAIL",
}
LOSSES = {
    # Of this design:
    "AWS::RDS::DBInstance": _SINCE,
    "AWS::ElastiCache::CacheCluster": _SESSIONS,
    "AWS::ElastiCache::ReplicationGroup": _SESSIONS,
    "AWS::S3::Bucket": _FILES,
    "AWS::SecretsManager::Secret": "its value, which nobody has elsewhere",
    "AWS::ECR::Repository": _IMAGES,
    "AWS::Logs::LogGroup": "the logs",
    "AWS::KMS::Key": "what it encrypted",
    "AWS::Route53::HostedZone": "its name servers, which the registrar knows",
    # And what one may add to it:
    "AWS::ACMPCA::CertificateAuthority": "its key, which signed what is trusted",
    "AWS::APS::Workspace": "the metrics in it",
    "AWS::AmazonMQ::Broker": _UNREAD,
    "AWS::Backup::BackupVault": _BACKUPS,
    "AWS::Backup::LogicallyAirGappedBackupVault": _BACKUPS,
    "AWS::Cassandra::Keyspace": _ITEMS,
    "AWS::Cassandra::Table": _ITEMS,
    "AWS::CloudFront::KeyValueStore": _ITEMS,
    "AWS::CloudHSM::Cluster": "the keys in it",
    "AWS::CloudTrail::EventDataStore": "the record of who did what",
    "AWS::CodeArtifact::Repository": "the packages in it",
    "AWS::CodeCommit::Repository": "the commits in it",
    "AWS::Cognito::IdentityPool": "which identity is whose",
    "AWS::Cognito::UserPool": _USERS,
    "AWS::DSQL::Cluster": "everything people entered",
    "AWS::DirectoryService::MicrosoftAD": _USERS,
    "AWS::DirectoryService::SimpleAD": _USERS,
    "AWS::DocDB::DBCluster": _SINCE,
    "AWS::DocDBElastic::Cluster": _SINCE,
    "AWS::DynamoDB::GlobalTable": _ITEMS,
    "AWS::DynamoDB::Table": _ITEMS,
    "AWS::EC2::Volume": "what is written on it",
    "AWS::ECR::PublicRepository": _IMAGES,
    "AWS::EFS::FileSystem": _FILES,
    "AWS::EMR::Cluster": "what it keeps in HDFS",
    "AWS::ElastiCache::ServerlessCache": _SESSIONS,
    "AWS::Elasticsearch::Domain": _INDEXED,
    "AWS::Events::Archive": "the events in it",
    "AWS::FSx::FileSystem": _FILES,
    "AWS::FSx::Volume": _FILES,
    "AWS::Grafana::Workspace": "the dashboards people made in it",
    "AWS::Kendra::Index": _INDEXED,
    "AWS::Kinesis::Stream": "the records nobody has read yet",
    "AWS::KinesisVideo::Stream": "the video in it",
    "AWS::Lightsail::Bucket": _FILES,
    "AWS::Lightsail::Database": _SINCE,
    "AWS::Lightsail::Disk": "what is written on it",
    "AWS::MSK::Cluster": _RECORDS,
    "AWS::MSK::ServerlessCluster": _RECORDS,
    "AWS::MSK::Topic": _RECORDS,
    "AWS::MemoryDB::Cluster": _SINCE,
    "AWS::Neptune::DBCluster": _SINCE,
    "AWS::NeptuneGraph::Graph": _SINCE,
    "AWS::OpenSearchServerless::Collection": _INDEXED,
    "AWS::OpenSearchService::Domain": _INDEXED,
    "AWS::Organizations::Account": "the account, and all that is in it",
    "AWS::Pinpoint::App": "whom it reaches, and who opted out",
    "AWS::QLDB::Ledger": "the ledger",
    "AWS::RDS::DBCluster": _SINCE,
    "AWS::RDS::ClusterSnapshot": "the snapshot",
    "AWS::RDS::DBSnapshot": "the snapshot",
    "AWS::Redshift::Cluster": "what was loaded since the last snapshot",
    "AWS::RedshiftServerless::Namespace": "what was loaded since the last snapshot",
    "AWS::Rekognition::Collection": "the faces in it",
    "AWS::S3Express::DirectoryBucket": _FILES,
    "AWS::S3Tables::Table": _RECORDS,
    "AWS::S3Tables::TableBucket": "the tables in it",
    "AWS::S3Vectors::Index": "the vectors in it",
    "AWS::S3Vectors::VectorBucket": "the vectors in it",
    "AWS::SDB::Domain": _ITEMS,
    "AWS::SES::ContactList": "whom it reaches, and who opted out",
    "AWS::SQS::Queue": _UNREAD,
    "AWS::Timestream::InfluxDBInstance": _RECORDS,
    "AWS::Timestream::Table": _RECORDS,
    "AWS::VerifiedPermissions::PolicyStore": "the policies in it",
}

# What the policy keeps: a nested stack that is removed is deleted, and its own policy, which is
# about updates, doesn't keep what is in it.
KEPT = (*LOSSES, "AWS::CloudFormation::Stack")

# How a secret is generated: any edit of it makes AWS generate another value.
GENERATED = "GenerateSecretString"

# What CloudFormation's PolicyAction leaves behind.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
LEFT = {
    "Delete": "nothing remains",
    "Retain": "the old one remains, no longer managed",
    "RetainExceptOnCreate": "the old one remains, no longer managed",
    "Snapshot": "a snapshot remains",
    "ReplaceAndDelete": "nothing of the old one remains",
    "ReplaceAndRetain": "the old one remains, no longer managed",
    "ReplaceAndSnapshot": "a snapshot of the old one remains",
}


def unsaid_policy(kind: str, properties: Collection[str]) -> str:
    """Return the DeletionPolicy that counts for a resource whose template says none.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
    """
    alone = kind == "AWS::RDS::DBInstance" and "DBClusterIdentifier" not in properties
    return "Snapshot" if alone or kind == "AWS::RDS::DBCluster" else "Delete"


def stack_policy(allowed: Collection[str] = ()) -> str:
    """Return the stack policy, as JSON, that keeps stateful resources and nested stacks.

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
                        "Condition": {"StringEquals": {"ResourceType": list(KEPT)}},
                    },
                ]
            },
            indent=2,
        )
        + "\n"
    )
