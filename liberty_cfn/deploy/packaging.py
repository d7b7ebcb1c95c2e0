"""Templates uploaded under the digest of their content, to a bucket in each account and region.

A key says what is in the file, so that an upload never changes a file that a deployed
stack points to, and an unchanged child stack is no update.

The bucket is private, encrypted, versioned and accepts TLS only. A stack set's execution roles
in other accounts may read it, too: CloudFormation fetches nested templates in their name.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.patience import AT_FIRST, answered, pause
from liberty_cfn.deploy.targets import Target

TEMPLATE_URL = re.compile(r"^( +TemplateURL: )(\S+)$", re.MULTILINE)
SENDERS = 4
FOLDER = "templates/"
# Also of a bucket that was just made: not all of S3 knows it at once.
NOT_YET = "NoSuchBucket"
# Until its policy is known everywhere, too, it is told as having none.
UNWRITTEN = "NoSuchBucketPolicy"


@dataclass(frozen=True)
class Packaged:
    """The root template as it was uploaded: where it is, and its text."""

    url: str
    text: str


def package(target: Target, templates: Mapping[str, str]) -> str:
    """Upload `templates`, by file name, and return the URL of root.yaml.

    Raises:
        DeployError: as `packaged`.
    """
    return packaged(target.uploads_to or target, templates, [target.account]).url


def packaged(
    target: Target, templates: Mapping[str, str], readers: Collection[str] = ()
) -> Packaged:
    """Upload `templates`, by file name; the accounts in `readers` may read them, too.

    In the uploaded root, each TemplateURL that named a file is that file's URL.

    Raises:
        DeployError: a template is missing, or the bucket for them is another account's, or
            these credentials may not use it.
    """
    nested = {found[2] for found in TEMPLATE_URL.finditer(templates.get("root.yaml", ""))}
    if missing := sorted({"root.yaml", *nested} - templates.keys()):
        raise DeployError(f"Missing in templates/: {', '.join(missing)}; run make templates.")
    try:
        into = bucket(target)
        root = _sent(into, templates)
        share(into, readers)
    except ClientError as error:
        if faults.code(error) not in ("AccessDenied", "BucketAlreadyExists"):
            raise
        raise DeployError(
            f"The templates can't be uploaded: the bucket {bucket_name(target)} is "
            "another account's, or these credentials may not use it. "
            f"{faults.in_words(error)}. Nothing was deployed."
        ) from error
    return Packaged(_url(into, root), root)


def read(folder: Path) -> dict[str, str]:
    return {
        file.name: file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.yaml"))
    }


def _sent(bucket: Bucket, templates: Mapping[str, str]) -> str:
    """Upload the templates that are missing; return the text of the root."""
    children = {name: text for name, text in templates.items() if name != "root.yaml"}
    root = TEMPLATE_URL.sub(
        lambda found: found[1] + _url(bucket, children[found[2]]), templates["root.yaml"]
    )
    there = set(_keys(bucket)) if bucket.policy else set()
    lacking = [text for text in children.values() if _key(text) not in there]
    if lacking:
        with ThreadPoolExecutor(SENDERS) as senders:
            list(senders.map(partial(_put, bucket), lacking))
    # The root is sent last, when all that it points to is there.
    if _key(root) not in there:
        _put(bucket, root)
    return root


def _url(bucket: Bucket, text: str) -> str:
    target = bucket.target
    return f"https://{bucket.name}.s3.{target.region}.{target.domain}/{_key(text)}"


def _key(text: str) -> str:
    return f"{FOLDER}{hashlib.sha256(text.encode()).hexdigest()}.yaml"


def _keys(bucket: Bucket) -> Iterator[str]:
    """Yield the keys of all uploaded templates, a thousand for each request."""
    pages = bucket.s3.get_paginator("list_objects_v2")
    for page in pages.paginate(**bucket.where, Prefix=FOLDER):
        yield from (found["Key"] for found in page.get("Contents", []))


def _put(bucket: Bucket, text: str) -> None:
    # Someone else may have sent it meanwhile: the same content, as the key is its digest.
    put = partial(bucket.s3.put_object, **bucket.where, Key=_key(text), IfNoneMatch="*")
    with faults.unless("PreconditionFailed", "ConditionalRequestConflict"):
        answered(bucket.s3, partial(put, Body=text.encode()), coming=[NOT_YET])


SHARED = "StackSetTargets"
CLOSED = (
    *("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"),
)
# As in templates/bootstrap/stack-set-execution-role.yaml.
EXECUTION_ROLE = "AWSCloudFormationStackSetExecutionRole"
# How many times the policy is written if others write it at the same moment.
ATTEMPTS = 5


@dataclass(frozen=True)
class Bucket:
    """An account's bucket. `policy` is the one that was found; empty if there was none."""

    target: Target
    name: str
    policy: str = ""

    @property
    def s3(self) -> Any:
        return self.target.client("s3")

    @property
    def where(self) -> dict[str, str]:
        """The arguments that name the bucket and its owner: S3 refuses another owner's."""
        return {"Bucket": self.name, "ExpectedBucketOwner": self.target.account}


def bucket_name(target: Target) -> str:
    return f"liberty-cfn-templates-{target.account}-{target.region}"


def bucket(target: Target) -> Bucket:
    """Return a target's bucket; make it if it is missing.

    Its policy is set last: with one, the rest is set, too; without, it holds no templates yet.

    Raises:
        ClientError: it is another account's, or these credentials may not use it, among others.
    """
    bare = Bucket(target, bucket_name(target))
    try:
        return Bucket(target, bare.name, bare.s3.get_bucket_policy(**bare.where)["Policy"])
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
        **where,
        PublicAccessBlockConfiguration=dict.fromkeys(CLOSED, True),
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
