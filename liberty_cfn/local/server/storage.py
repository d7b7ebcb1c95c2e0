# ruff: noqa: SLF001 - ministack has no public names for these
"""What ministack drops of a bucket: lifecycle, encryption, owners."""

from collections.abc import Callable
from typing import Any

from ministack.services import s3
from ministack.services.cloudformation import provisioners

from .asking import Answer, checked, xml

# What templates and S3 have different words for.
WORDS = {
    "Id": "ID",
    "Rules": "Rule",
    "ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault",
    "ServerSideEncryptionConfiguration": "Rule",
}


def _words(value: Any) -> Any:
    if isinstance(value, list):
        return [_words(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    found = {WORDS.get(name, name): _words(entry) for name, entry in value.items()}
    if "ExpirationInDays" in found:
        found["Expiration"] = {"Days": found.pop("ExpirationInDays")}
    return found


def _kept(
    name: str, tag: str, put: Callable[[str, bytes], Answer], forget: Callable[[str], Answer]
) -> tuple[Any, ...]:
    """A property of a bucket: how S3 is told of it, and forgets it."""
    return (
        *(name, lambda given: xml(tag, _words(given), each="").encode()),
        *(lambda bucket, body: checked(put(bucket, body)), forget),
    )


def add() -> None:
    provisioners._S3_BUCKET_CONFIGURATIONS += (
        _kept(
            *("LifecycleConfiguration", "LifecycleConfiguration"),
            *(s3._put_bucket_lifecycle, s3._delete_bucket_lifecycle),
        ),
        _kept(
            *("BucketEncryption", "ServerSideEncryptionConfiguration"),
            *(s3._put_bucket_encryption, s3._delete_bucket_encryption),
        ),
        _kept(
            *("OwnershipControls", "OwnershipControls"),
            *(s3._put_bucket_ownership_controls, s3._delete_bucket_ownership_controls),
        ),
    )
