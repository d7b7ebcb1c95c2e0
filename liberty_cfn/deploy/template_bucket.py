"""The bucket that templates are uploaded to: one in each account and region.

It is private, encrypted, versioned and open to TLS only. A stack set's execution roles in other
accounts may read it, too: CloudFormation fetches nested templates as them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.patience import AT_FIRST, pause
from liberty_cfn.deploy.targets import Target

SHARED = "StackSetTargets"
# As in templates/bootstrap/stack-set-execution-role.yaml.
EXECUTION_ROLE = "AWSCloudFormationStackSetExecutionRole"
# So often the policy is written again if others wrote it at the same moment.
ATTEMPTS = 5


@dataclass(frozen=True)
class Bucket:
    """An account's bucket. `policy` is the one that it had, empty if it was not there yet."""

    target: Target
    name: str
    policy: str = ""

    @property
    def s3(self) -> Any:
        return self.target.client("s3")

    @property
    def where(self) -> dict[str, str]:
        """Return how S3 is told which bucket, and whose; in another's nothing is done."""
        return {"Bucket": self.name, "ExpectedBucketOwner": self.target.account}

    @property
    def partition(self) -> str:
        return str(self.target.session.get_partition_for_region(self.target.region))


def name(target: Target) -> str:
    """Return what the bucket of a target is called."""
    return f"liberty-cfn-templates-{target.account}-{target.region}"


def bucket(target: Target) -> Bucket:
    """Return the bucket of a target, which is made if it is missing.

    Its policy is what it gets last: with a policy, the rest is there, too; without, there are
    no templates in it yet.

    Raises:
        ClientError: it is another account's, or closed to us, among others.
    """
    bare = Bucket(target, name(target))
    try:
        return Bucket(target, bare.name, bare.s3.get_bucket_policy(**bare.where)["Policy"])
    except ClientError as error:
        if faults.code(error) not in ("NoSuchBucket", "NoSuchBucketPolicy"):
            raise
        if faults.code(error) == "NoSuchBucket":
            _create(bare)
    _close(bare)
    return bare


def share(bucket: Bucket, accounts: Collection[str]) -> None:
    """Let the execution roles of other accounts read what is in the bucket.

    Who may read already goes on doing so; another stack set may be theirs. What others write
    at the same moment would take the place of ours: so it is read again, a little later.
    """
    readers = set(accounts) - {bucket.target.account}
    if readers <= _shared_with(json.loads(bucket.policy or "{}")):
        return
    for _ in range(ATTEMPTS):
        policy = json.loads(bucket.s3.get_bucket_policy(**bucket.where)["Policy"])
        if readers <= (known := _shared_with(policy)):
            return
        _allow(bucket, policy, readers | known)
        pause(bucket.s3, AT_FIRST)


def _create(bucket: Bucket) -> None:
    region = bucket.target.region
    # us-east-1 is the one region that may not be named.
    elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": region}}
    # Another deploy may have made it meanwhile, or this one did, and AWS's answer was lost.
    with faults.unless("BucketAlreadyOwnedByYou"):
        bucket.s3.create_bucket(
            Bucket=bucket.name, **({} if region == "us-east-1" else elsewhere)
        )


def _close(bucket: Bucket) -> None:
    """Make a bucket private, encrypted and versioned, and open to TLS only."""
    s3, where = bucket.s3, bucket.where
    s3.put_public_access_block(
        **where,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
    )
    s3.put_bucket_encryption(
        **where,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
    )
    s3.put_bucket_versioning(**where, VersioningConfiguration={"Status": "Enabled"})
    arn = f"arn:{bucket.partition}:s3:::{bucket.name}"
    tls_only = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    policy = {"Version": "2012-10-17", "Statement": [tls_only]}
    s3.put_bucket_policy(**where, Policy=json.dumps(policy))


def _allow(bucket: Bucket, policy: Mapping[str, Any], accounts: Collection[str]) -> None:
    """Have the bucket's policy let the execution roles of accounts read, and no others."""
    arn = f"arn:{bucket.partition}:iam::"
    statement = {
        "Sid": SHARED,
        "Effect": "Allow",
        # Accounts, as a role that isn't there yet would be refused.
        "Principal": {"AWS": [f"{arn}{account}:root" for account in sorted(accounts)]},
        "Action": "s3:GetObject",
        "Resource": f"arn:{bucket.partition}:s3:::{bucket.name}/*",
        "Condition": {"ArnLike": {"aws:PrincipalArn": f"{arn}*:role/{EXECUTION_ROLE}"}},
    }
    others = [s for s in policy["Statement"] if s.get("Sid") != SHARED]
    said = {**policy, "Statement": [*others, statement]}
    bucket.s3.put_bucket_policy(**bucket.where, Policy=json.dumps(said))


def _shared_with(policy: Mapping[str, Any]) -> set[str]:
    """Return the accounts that may read, by a bucket's policy.

    S3 tells a list of one as that one, and an account that was closed by another sort of id.
    """
    shared = [
        s["Principal"]["AWS"] for s in policy.get("Statement", []) if s.get("Sid") == SHARED
    ]
    named = [[told] if isinstance(told, str) else told for told in shared]
    return {arn.split(":")[4] for each in named for arn in each if arn.startswith("arn:")}
