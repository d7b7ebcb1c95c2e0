"""Policies as they stand in a design, whose they are, and what is in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from liberty_cfn.model.resolving import Resource
from liberty_cfn.review.spelling import spelled
from liberty_cfn.rules.rule import (
    UNKNOWN,
    Design,
    Path,
    Problem,
    each,
    text,
)

Kind = Literal["trust", "identity", "resource"]
# Where policies stand: by type, the way to each, and whose it is.
PLACES: dict[str, tuple[tuple[Path, Kind], ...]] = {
    "AWS::IAM::Role": (
        (("AssumeRolePolicyDocument",), "trust"),
        (("Policies", "*", "PolicyDocument"), "identity"),
    ),
    "AWS::IAM::User": ((("Policies", "*", "PolicyDocument"), "identity"),),
    "AWS::IAM::Group": ((("Policies", "*", "PolicyDocument"), "identity"),),
    "AWS::IAM::Policy": ((("PolicyDocument",), "identity"),),
    "AWS::IAM::ManagedPolicy": ((("PolicyDocument",), "identity"),),
    "AWS::IAM::RolePolicy": ((("PolicyDocument",), "identity"),),
    "AWS::IAM::UserPolicy": ((("PolicyDocument",), "identity"),),
    "AWS::S3::BucketPolicy": ((("PolicyDocument",), "resource"),),
    "AWS::SNS::TopicPolicy": ((("PolicyDocument",), "resource"),),
    "AWS::SQS::QueuePolicy": ((("PolicyDocument",), "resource"),),
    "AWS::KMS::Key": ((("KeyPolicy",), "resource"),),
    "AWS::SecretsManager::ResourcePolicy": ((("ResourcePolicy",), "resource"),),
    "AWS::ECR::Repository": ((("RepositoryPolicyText",), "resource"),),
    "AWS::Logs::ResourcePolicy": ((("PolicyDocument",), "resource"),),
}
# What an ARN is of that a Ref or an attribute of a resource stands for.
SAMPLES = {
    "AWS::S3::Bucket": {"Arn": "arn:aws:s3:::bucket"},
    "AWS::SecretsManager::Secret": dict.fromkeys(
        ("", "Id"), "arn:aws:secretsmanager:us-east-1:123456789012:secret:name-abcdef"
    ),
    "AWS::SNS::Topic": dict.fromkeys(
        ("", "TopicArn"), "arn:aws:sns:us-east-1:123456789012:topic"
    ),
    "AWS::SQS::Queue": {"Arn": "arn:aws:sqs:us-east-1:123456789012:queue"},
    "AWS::Logs::LogGroup": {"Arn": "arn:aws:logs:us-east-1:123456789012:log-group:name:*"},
    "AWS::ECR::Repository": {"Arn": "arn:aws:ecr:us-east-1:123456789012:repository/name"},
    "AWS::IAM::Role": {"Arn": "arn:aws:iam::123456789012:role/name"},
    "AWS::IAM::User": {"Arn": "arn:aws:iam::123456789012:user/name"},
    "AWS::KMS::Key": {"Arn": "arn:aws:kms:us-east-1:123456789012:key/id"},
    "AWS::ECS::Cluster": {"Arn": "arn:aws:ecs:us-east-1:123456789012:cluster/name"},
    "AWS::DynamoDB::Table": {"Arn": "arn:aws:dynamodb:us-east-1:123456789012:table/name"},
}
PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::AccountId": "123456789012",
    "AWS::URLSuffix": "amazonaws.com",
}


@dataclass(frozen=True)
class Policy:
    """A policy document, where it stands and whose it is."""

    resource: Resource
    path: Path
    kind: Kind
    document: Mapping[str, Any]

    def statements(self) -> Iterator[tuple[Path, Mapping[str, Any]]]:
        """Yield its statements, with where they stand in the resource."""
        for path, statement in each(self.document, "Statement", "*"):
            if isinstance(statement, dict):
                yield (*self.path, *path), statement

    def problem(self, path: Path, why: str) -> Problem:
        """Return a problem of the resource that has the policy."""
        return Problem(self.resource.id, path, why)


def policies_of(design: Design) -> Iterator[Policy]:
    """Yield every policy document that stands in a design."""
    for resource in design.of_type(*PLACES):
        for way, kind in PLACES[resource.type]:
            for path, document in each(resource.properties, *way):
                if isinstance(read := _read(document), dict):
                    yield Policy(resource, ("Properties", *path), kind, read)


def _read(document: Any) -> Any:
    """Return a policy as data; some services take it as text."""
    if isinstance(document, dict) and "Fn::Join" not in document:
        return document
    named = re.sub(r"\$\{([^}]*)\}", lambda m: PSEUDO.get(m[1], UNKNOWN), spelled(document))
    try:
        return json.loads(named, strict=False)
    except ValueError:
        return None


def arn_of(design: Design, value: Any) -> str:
    """Return an ARN as it may be; with UNKNOWN where that can't be said."""
    if isinstance(value, dict) and isinstance(joined := value.get("Fn::Join"), list):
        parts = joined[1] if isinstance(joined[1], list) else [joined[1]]
        return str(joined[0]).join(arn_of(design, part) for part in parts)
    if (plain := text(value)) is not None:
        return plain
    attribute = ""
    if isinstance(value, dict):
        if value.get("Ref") in PSEUDO:
            return PSEUDO[value["Ref"]]
        named = value.get("Fn::GetAtt", ["", ""])
        attribute = str(named[1]) if isinstance(named, list) and len(named) > 1 else ""
    resource = design.follow(value)
    samples = SAMPLES.get(resource.type if resource else "", {})
    # What has an ARN as an attribute alone is a name, or an id, by Ref.
    by_ref = "name" if samples and not attribute else UNKNOWN
    return samples.get(attribute, by_ref)


def actions_of(statement: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Yield the actions of a statement, also those it leaves out, with where they stand."""
    for name in ("Action", "NotAction"):
        for path, value in each(statement, name, "*"):
            if (action := text(value)) is not None:
                yield path, action


def principals_of(statement: Mapping[str, Any]) -> Iterator[tuple[Path, str, Any]]:
    """Yield whom a statement is about: the path, the kind, and the name."""
    for name in ("Principal", "NotPrincipal"):
        said = statement.get(name)
        if isinstance(said, dict):
            for kind in said:
                for path, value in each(statement, name, kind, "*"):
                    yield path, kind, value
        elif said is not None:
            yield (name,), "", said
