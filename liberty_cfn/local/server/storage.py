# ruff: noqa: SLF001 - ministack has no public names for these
"""What ministack drops of a bucket: lifecycle, encryption, versioning, owners, tags."""

import html
from collections.abc import Callable
from typing import Any

from ministack.services import s3
from ministack.services.cloudformation import provisioners

from .asking import Answer, checked

KIND = "AWS::S3::Bucket"


def _xml(tag: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_xml(tag, entry) for entry in value)
    if isinstance(value, dict):
        inner = "".join(_xml(name, entry) for name, entry in value.items())
        return f"<{tag}>{inner}</{tag}>"
    if isinstance(value, bool):
        value = str(value).lower()
    return "" if value is None else f"<{tag}>{html.escape(str(value))}</{tag}>"


def _body(tag: str, value: dict[str, Any]) -> bytes:
    return _xml(tag, value).encode()


def _lifecycle(properties: dict[str, Any]) -> bytes:
    return _body("LifecycleConfiguration", {"Rule": [_age(r) for r in properties["Rules"]]})


def _age(rule: dict[str, Any]) -> dict[str, Any]:
    """One rule of a lifecycle: templates and S3 have different words for it."""
    expiration = {
        "Days": rule.get("ExpirationInDays"),
        "Date": rule.get("ExpirationDate"),
        "ExpiredObjectDeleteMarker": rule.get("ExpiredObjectDeleteMarker"),
    }
    moves = [
        {"Days": move.get("TransitionInDays"), "StorageClass": move["StorageClass"]}
        for move in rule.get("Transitions", [])
    ]
    return {
        "ID": rule.get("Id"),
        "Status": rule["Status"],
        "Filter": {"Prefix": rule.get("Prefix", "")},
        "Transition": moves,
        "Expiration": expiration if any(expiration.values()) else None,
        "NoncurrentVersionExpiration": rule.get("NoncurrentVersionExpiration"),
        "AbortIncompleteMultipartUpload": rule.get("AbortIncompleteMultipartUpload"),
    }


def _encryption(properties: dict[str, Any]) -> bytes:
    rules = [
        {
            "ApplyServerSideEncryptionByDefault": rule.get("ServerSideEncryptionByDefault"),
            "BucketKeyEnabled": rule.get("BucketKeyEnabled", False),
        }
        for rule in properties["ServerSideEncryptionConfiguration"]
    ]
    return _body("ServerSideEncryptionConfiguration", {"Rule": rules})


def _versioning(properties: dict[str, Any]) -> bytes:
    return _body("VersioningConfiguration", {"Status": properties["Status"]})


def _owners(properties: dict[str, Any]) -> bytes:
    return _body("OwnershipControls", {"Rule": properties["Rules"]})


def _tags(properties: list[dict[str, Any]]) -> bytes:
    return _body("Tagging", {"TagSet": {"Tag": properties}})


def _suspend(bucket: str) -> Answer:
    answer: Answer = s3._put_bucket_versioning(bucket, _versioning({"Status": "Suspended"}))
    return answer


def _sure(put: Callable[[str, bytes], Answer]) -> Callable[[str, bytes], Answer]:
    return lambda bucket, body: checked(put(bucket, body))


def _drop(bucket: str, properties: dict[str, Any]) -> None:
    if s3._buckets.get(bucket, {}).get("objects"):
        raise ValueError("The bucket you tried to delete is not empty")
    _forget(bucket, properties)


_forget = provisioners._RESOURCE_HANDLERS[KIND]["delete"]


def add() -> None:
    provisioners._S3_BUCKET_CONFIGURATIONS += tuple(
        (name, body, _sure(put), forget)
        for name, body, put, forget in (
            (
                "LifecycleConfiguration",
                _lifecycle,
                s3._put_bucket_lifecycle,
                s3._delete_bucket_lifecycle,
            ),
            (
                "BucketEncryption",
                _encryption,
                s3._put_bucket_encryption,
                s3._delete_bucket_encryption,
            ),
            ("VersioningConfiguration", _versioning, s3._put_bucket_versioning, _suspend),
            (
                "OwnershipControls",
                _owners,
                s3._put_bucket_ownership_controls,
                s3._delete_bucket_ownership_controls,
            ),
            ("Tags", _tags, s3._put_bucket_tagging, s3._delete_bucket_tagging),
        )
    )
    provisioners._STACK_TAG_PROPERTY[KIND] = ("Tags", "list")
    provisioners._RESOURCE_HANDLERS[KIND]["delete"] = _drop
