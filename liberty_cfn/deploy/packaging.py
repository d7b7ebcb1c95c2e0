"""Templates uploaded under the digest of their content.

A key says what is in the file, so that an upload never changes a file that a deployed
stack points to, and an unchanged child stack is no update.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from liberty_cfn.deploy.faults import code, in_words
from liberty_cfn.deploy.targets import Target

TEMPLATE_URL = re.compile(r"^( +TemplateURL: )(\S+)$", re.MULTILINE)
SENDERS = 4
SHARED = "StackSetTargets"
# As in templates/bootstrap/stack-set-execution-role.yaml.
EXECUTION_ROLE = "AWSCloudFormationStackSetExecutionRole"


class PackagingError(Exception):
    """The templates can't be uploaded. The message says why."""


@dataclass(frozen=True)
class Packaged:
    """The root template as it was uploaded: where it is, and its text."""

    url: str
    text: str


def package(target: Target, templates: Mapping[str, str]) -> str:
    """Upload `templates`, by file name, and return the URL of root.yaml.

    Raises:
        PackagingError: the bucket for them is another account's, or closed to us.
    """
    return packaged(target.shelf or target, templates, [target.account]).url


def packaged(
    target: Target, templates: Mapping[str, str], readers: Collection[str] = ()
) -> Packaged:
    """Upload `templates`, by file name, for `readers` (accounts) to read, too.

    In the uploaded root, each TemplateURL that names a file is the URL of that file.

    Raises:
        PackagingError: a template is missing, or the bucket for them is another account's, or
            closed to us.
    """
    nested = {found[2] for found in TEMPLATE_URL.finditer(templates.get("root.yaml", ""))}
    if missing := sorted({"root.yaml", *nested} - templates.keys()):
        raise PackagingError(
            f"Missing in templates/: {', '.join(missing)}; run make templates."
        )
    s3 = target.client("s3")
    name = f"liberty-cfn-templates-{target.account}-{target.region}"
    try:
        return _packaged(target, s3, name, templates, readers)
    except ClientError as error:
        if code(error) not in ("AccessDenied", "403"):
            raise
        raise PackagingError(
            f"The templates can't be uploaded: the bucket {name} is another account's, or "
            f"these credentials may not use it. {in_words(error)}. Nothing was changed."
        ) from error


def _packaged(
    target: Target,
    s3: Any,
    name: str,
    templates: Mapping[str, str],
    readers: Collection[str],
) -> Packaged:
    where, policy = _bucket(target, s3, name)
    fresh = not policy
    children = {name: text for name, text in templates.items() if name != "root.yaml"}

    def url(text: str) -> str:
        suffix = ".cn" if target.region.startswith("cn-") else ""
        return (
            f"https://{where['Bucket']}.s3.{target.region}.amazonaws.com{suffix}/{_key(text)}"
        )

    root = TEMPLATE_URL.sub(
        lambda found: found[1] + url(children[found[2]]), templates["root.yaml"]
    )
    # The root is the last to be sent: where it is, what it points to is, too.
    if fresh or not _is_there(s3, where, root):
        send = _put if fresh else _send
        with ThreadPoolExecutor(SENDERS) as senders:
            list(senders.map(lambda text: send(s3, where, text), children.values()))
        _put(s3, where, root)
    others = set(readers) - {target.account}
    if not others <= _shared_with(json.loads(policy or "{}")):
        _share(target, s3, where, others)
    return Packaged(url(root), root)


def read(folder: Path) -> dict[str, str]:
    """Return the templates of a folder by file name."""
    return {
        file.name: file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.yaml"))
    }


def _key(text: str) -> str:
    return f"templates/{hashlib.sha256(text.encode()).hexdigest()}.yaml"


def _is_there(s3: Any, where: Mapping[str, str], text: str) -> bool:
    return _answered(lambda: s3.head_object(**where, Key=_key(text)))


def _send(s3: Any, where: Mapping[str, str], text: str) -> None:
    if not _is_there(s3, where, text):
        _put(s3, where, text)


def _put(s3: Any, where: Mapping[str, str], text: str) -> None:
    try:
        s3.put_object(**where, Key=_key(text), Body=text.encode(), IfNoneMatch="*")
    except ClientError as error:
        # Someone else sent it meanwhile; under that key, it can only be the same.
        if code(error) not in ("PreconditionFailed", "ConditionalRequestConflict"):
            raise


def _answered(ask: Callable[[], object]) -> bool:
    """Whether what is asked for is there."""
    try:
        ask()
    except ClientError as error:
        if code(error) in ("404", "NotFound", "NoSuchKey"):
            return False
        raise
    return True


def _bucket(target: Target, s3: Any, name: str) -> tuple[dict[str, str], str]:
    """Return the account's bucket for templates, and its owner; made if it is missing.

    And the policy that it had. That is what it gets last: with it, the rest is there, too;
    without, there are no templates in it yet.
    """
    where = {"Bucket": name, "ExpectedBucketOwner": target.account}
    try:
        return where, s3.get_bucket_policy(**where)["Policy"]
    except ClientError as error:
        if code(error) not in ("NoSuchBucket", "NoSuchBucketPolicy"):
            raise
        if code(error) == "NoSuchBucket":
            # us-east-1 is the one region that may not be named.
            elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": target.region}}
            _create(s3, name, {} if target.region == "us-east-1" else elsewhere)
    _close(target, s3, where)
    return where, ""


def _create(s3: Any, name: str, where: Mapping[str, Any]) -> None:
    try:
        s3.create_bucket(Bucket=name, **where)
    except ClientError as error:
        # Another deploy made it meanwhile, or this one did, and AWS's answer was lost.
        if code(error) != "BucketAlreadyOwnedByYou":
            raise


def _close(target: Target, s3: Any, where: Mapping[str, str]) -> None:
    """Make a bucket private, encrypted and versioned, and open to TLS only."""
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
    s3.put_bucket_policy(**where, Policy=json.dumps(_tls_only(target, where["Bucket"])))


def _share(target: Target, s3: Any, where: Mapping[str, str], readers: Collection[str]) -> None:
    """Let the execution roles of other accounts read: theirs fetch nested templates.

    Who may read already goes on doing so; another stack set may be theirs.
    """
    policy = json.loads(s3.get_bucket_policy(**where)["Policy"])
    partition = target.session.get_partition_for_region(target.region)
    accounts = sorted(_shared_with(policy) | set(readers))
    statement = {
        "Sid": SHARED,
        "Effect": "Allow",
        # Accounts, as a role that isn't there yet would be refused.
        "Principal": {"AWS": [f"arn:{partition}:iam::{a}:root" for a in accounts]},
        "Action": "s3:GetObject",
        "Resource": f"arn:{partition}:s3:::{where['Bucket']}/*",
        "Condition": {
            "ArnLike": {"aws:PrincipalArn": f"arn:{partition}:iam::*:role/{EXECUTION_ROLE}"}
        },
    }
    others = [s for s in policy["Statement"] if s.get("Sid") != SHARED]
    policy["Statement"] = [*others, statement]
    s3.put_bucket_policy(**where, Policy=json.dumps(policy))


def _shared_with(policy: Mapping[str, Any]) -> set[str]:
    """Return the accounts that may read, by a bucket's policy.

    S3 tells a list of one as that one, and an account that was closed by another sort of id.
    """
    shared = [
        s["Principal"]["AWS"] for s in policy.get("Statement", []) if s.get("Sid") == SHARED
    ]
    named = [[told] if isinstance(told, str) else told for told in shared]
    return {arn.split(":")[4] for each in named for arn in each if arn.startswith("arn:")}


def _tls_only(target: Target, bucket: str) -> dict[str, object]:
    partition = target.session.get_partition_for_region(target.region)
    arn = f"arn:{partition}:s3:::{bucket}"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "TlsOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [arn, f"{arn}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }
