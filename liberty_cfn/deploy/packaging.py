"""Templates uploaded under the digest of their content, to a bucket in each account and region.

A key says what is in the file, so that an upload never changes a file that a deployed
stack points to, and an unchanged child stack is no update. What is there already is compared:
whoever may write to the bucket could have put something else there before a reviewed template.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from botocore.exceptions import ClientError

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.buckets import NOT_YET, Bucket, bucket, share
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.patience import answered
from liberty_cfn.deploy.targets import Target
from liberty_cfn.side_by_side import side_by_side

TEMPLATE_URL = re.compile(r"^( +TemplateURL: )(\S+)$", re.MULTILINE)
SENDERS = 4
FOLDER = "templates/"


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
            f"The templates can't be uploaded: the bucket {Bucket(target).name} is "
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
    there = dict(_listed(bucket)) if bucket.policy else {}
    lacking = [text for text in children.values() if there.get(_key(text)) != _tag(text)]
    list(side_by_side(partial(_put, bucket), lacking, SENDERS))
    # The root is sent last, when all that it points to is there.
    if there.get(_key(root)) != _tag(root):
        _put(bucket, root)
    return root


def _url(bucket: Bucket, text: str) -> str:
    target = bucket.target
    return f"https://{bucket.name}.s3.{target.region}.{target.domain}/{_key(text)}"


def _key(text: str) -> str:
    return f"{FOLDER}{hashlib.sha256(text.encode()).hexdigest()}.yaml"


def _tag(text: str) -> str:
    """Return S3's tag of an object with this content, unless a key of KMS encrypts it.

    https://docs.aws.amazon.com/AmazonS3/latest/API/RESTCommonResponseHeaders.html
    """
    return f'"{hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}"'


def _listed(bucket: Bucket) -> Iterator[tuple[str, str]]:
    """Yield the keys and tags of all uploaded templates, a thousand for each request."""
    pages = bucket.s3.get_paginator("list_objects_v2")
    for page in pages.paginate(**bucket.where, Prefix=FOLDER):
        yield from ((found["Key"], found["ETag"]) for found in page.get("Contents", []))


def _put(bucket: Bucket, text: str) -> None:
    """Upload a template, unless it is there.

    Raises:
        DeployError: something else has its key.
    """
    named = {**bucket.where, "Key": _key(text)}
    put = partial(bucket.s3.put_object, **named, IfNoneMatch="*", Body=text.encode())
    with faults.unless("PreconditionFailed", "ConditionalRequestConflict"):
        answered(bucket.s3, put, coming=[NOT_YET])
        return
    # Someone else has sent it meanwhile; or its tag says nothing of what is in it.
    found = answered(bucket.s3, partial(bucket.s3.get_object, **named), coming=["NoSuchKey"])
    if found["Body"].read() != text.encode():
        raise DeployError(
            f"{bucket.name}/{_key(text)} isn't the template that its name is the digest of: "
            "somebody has put something else there. Nothing was deployed; find out who may "
            "write to that bucket, delete that object, and deploy again."
        )
