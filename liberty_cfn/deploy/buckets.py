"""The bucket that an account's templates are uploaded to, one in each region.

It is private, encrypted, versioned and accepts TLS only. A stack set's execution roles in other
accounts may read it, too: CloudFormation fetches nested templates in their name.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.patience import AT_FIRST, answered, pause
from liberty_cfn.deploy.targets import Target

SHARED = "StackSetTargets"
CLOSED = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
# As in templates/bootstrap/stack-set-execution-role.yaml.
EXECUTION_ROLE = "AWSCloudFormationStackSetExecutionRole"
# Also of a bucket that was just made: not all of S3 knows it at once.
NOT_YET = "NoSuchBucket"
# Until its policy is known everywhere, too, it is told as having none.
UNWRITTEN = "NoSuchBucketPolicy"
# How many times the policy is written if others write it at the same moment.
ATTEMPTS = 5


@dataclass(frozen=True)
class Bucket:
    """An account's bucket. `policy` is the one that was found; empty if there was none."""

    target: Target
    policy: str = ""

    @property
    def name(self) -> str:
        return f"liberty-cfn-templates-{self.target.account}-{self.target.region}"

    @property
    def s3(self) -> Any:
        return self.target.client("s3")

    @property
    def where(self) -> dict[str, str]:
        """The arguments that name the bucket and its owner: S3 refuses another owner's."""
        return {"Bucket": self.name, "ExpectedBucketOwner": self.target.account}


def bucket(target: Target) -> Bucket:
    """Return a target's bucket; make it if it is missing.

    Its policy is set last: with one, the rest is set, too; without, it holds no templates yet.

    Raises:
        ClientError: it is another account's, or these credentials may not use it, among others.
    """
    bare = Bucket(target)
    try:
        return Bucket(target, bare.s3.get_bucket_policy(**bare.where)["Policy"])
    except ClientError as error:
        if faults.code(error) not in (NOT_YET, UNWRITTEN):
            raise
        if faults.code(error) == NOT_YET:
            # Another first deploy may be at it, too: S3 refuses both, for a moment.
            answered(bare.s3, partial(_create, bare))
    answered(bare.s3, partial(_close, bare), coming=[NOT_YET])
    return bare


def share(bucket: Bucket, accounts: Collection[str]) -> None:
    """Let the execution roles of other accounts read the bucket.

    Accounts that may read already keep that right: other stack sets may need it. Someone else's
    policy, written at the same moment, would replace ours: so it is read again shortly after.
    """
    readers = set(accounts) - {bucket.target.account}
    if readers <= _shared_with(json.loads(bucket.policy or "{}")):
        return
    for _ in range(ATTEMPTS):
        # A bucket that was just made has one, even if S3 doesn't find it yet.
        read = partial(bucket.s3.get_bucket_policy, **bucket.where)
        found = answered(bucket.s3, read, coming=[NOT_YET, UNWRITTEN])
        policy = json.loads(found["Policy"])
        if readers <= (known := _shared_with(policy)):
            return
        _allow(bucket, policy, readers | known)
        pause(bucket.s3, AT_FIRST)


def _create(bucket: Bucket) -> None:
    region = bucket.target.region
    # us-east-1 is the one region that S3 doesn't accept here.
    elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": region}}
    # Another deploy may have made it meanwhile; or this one has, and the answer was lost.
    with faults.unless("BucketAlreadyOwnedByYou"):
        bucket.s3.create_bucket(
            Bucket=bucket.name, **({} if region == "us-east-1" else elsewhere)
        )


def _close(bucket: Bucket) -> None:
    """Make a bucket private, encrypted, versioned and TLS-only."""
    s3, where = bucket.s3, bucket.where
    s3.put_public_access_block(
        **where, PublicAccessBlockConfiguration=dict.fromkeys(CLOSED, True)
    )
    s3.put_bucket_encryption(
        **where,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
    )
    s3.put_bucket_versioning(**where, VersioningConfiguration={"Status": "Enabled"})
    arn = f"arn:{bucket.target.partition}:s3:::{bucket.name}"
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
    """Let the execution roles of these accounts, and no others, read the bucket."""
    arn = f"arn:{bucket.target.partition}:iam::"
    statement = {
        "Sid": SHARED,
        "Effect": "Allow",
        # Accounts, as S3 refuses a role that doesn't exist yet.
        "Principal": {"AWS": [f"{arn}{account}:root" for account in sorted(accounts)]},
        "Action": "s3:GetObject",
        "Resource": f"arn:{bucket.target.partition}:s3:::{bucket.name}/*",
        "Condition": {"ArnLike": {"aws:PrincipalArn": f"{arn}*:role/{EXECUTION_ROLE}"}},
    }
    others = [s for s in policy["Statement"] if s.get("Sid") != SHARED]
    said = {**policy, "Statement": [*others, statement]}
    bucket.s3.put_bucket_policy(**bucket.where, Policy=json.dumps(said))


def _shared_with(policy: Mapping[str, Any]) -> set[str]:
    """Return the accounts that a bucket's policy lets read.

    S3 returns a list of one as that one, and a closed account as another kind of id.
    """
    shared = [
        s["Principal"]["AWS"] for s in policy.get("Statement", []) if s.get("Sid") == SHARED
    ]
    named = [[told] if isinstance(told, str) else told for told in shared]
    return {arn.split(":")[4] for each in named for arn in each if arn.startswith("arn:")}
