"""LC16xx: policies as documents: their form, their names, their size."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from liberty_cfn.model.resolving import Resource
from liberty_cfn.review.spelling import listed, spelled
from liberty_cfn.rules.policy_documents import (
    PLACES,
    Kind,
    Policy,
    policies_of,
)
from liberty_cfn.rules.policy_examples import KEY, ROLE, swap
from liberty_cfn.rules.rule import (
    Design,
    Path,
    Problem,
    Rule,
    each,
    text,
)

GRAMMAR = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html"
QUOTAS = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"
# The bytes a policy may have, without spaces. A role's inline ones count together.
LARGEST = {
    ("AWS::IAM::Role", "trust"): 2048,
    ("AWS::IAM::Role", "identity"): 10240,
    ("AWS::IAM::User", "identity"): 2048,
    ("AWS::IAM::Group", "identity"): 5120,
    ("AWS::IAM::ManagedPolicy", "identity"): 6144,
    ("AWS::S3::BucketPolicy", "resource"): 20480,
    ("AWS::KMS::Key", "resource"): 32768,
    ("AWS::SNS::TopicPolicy", "resource"): 30720,
    ("AWS::SecretsManager::ResourcePolicy", "resource"): 20480,
    ("AWS::Logs::ResourcePolicy", "resource"): 5120,
}
VERSIONS = ("2012-10-17", "2008-10-17")
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
KEYS = {
    f"aws:{name}".lower(): f"aws:{name}"
    for name in (
        *("CalledVia", "CalledViaFirst", "CalledViaLast", "CurrentTime", "EpochTime"),
        *("FederatedProvider", "MultiFactorAuthAge", "MultiFactorAuthPresent"),
        *("PrincipalAccount", "PrincipalArn", "PrincipalIsAWSService", "PrincipalOrgID"),
        *("PrincipalOrgPaths", "PrincipalServiceName", "PrincipalServiceNamesList"),
        *("PrincipalType", "Referer", "RequestedRegion", "ResourceAccount", "ResourceOrgID"),
        *("ResourceOrgPaths", "SecureTransport", "SourceAccount", "SourceArn"),
        *("SourceIdentity", "SourceIp", "SourceOrgID", "SourceOrgPaths", "SourceVpc"),
        *("SourceVpcArn", "SourceVpce", "TagKeys", "TokenIssueTime", "UserAgent", "UserId"),
        *("Username", "ViaAWSService", "VpcSourceIp", "VpceAccount", "VpceOrgID"),
        *("VpceOrgPaths", "AssumedRoot", "Ec2InstanceSourceVpc"),
        "Ec2InstanceSourcePrivateIPv4",
    )
}
WHOLE = 5  # colons of an ARN, at least
ACCOUNT = re.compile(r"\d{12}|[*?\d]*[*?][*?\d]*|\$\{.*")
NAME = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII)
SID = re.compile(r"[A-Za-z0-9]*")
# What each statement has to have, by whose policy it is in; one of each.
NEEDED: dict[str, tuple[tuple[str, ...], ...]] = {
    "trust": (("Effect",), ("Principal", "NotPrincipal"), ("Action", "NotAction")),
    "identity": (("Effect",), ("Action", "NotAction"), ("Resource", "NotResource")),
    "resource": (
        ("Effect",),
        ("Principal", "NotPrincipal"),
        ("Action", "NotAction"),
        ("Resource", "NotResource"),
    ),
}
EXCLUDED = {
    "trust": ("Resource", "NotResource"),
    "identity": ("Principal", "NotPrincipal"),
    "resource": (),
}
ELEMENTS = frozenset(
    (
        *("Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction"),
        *("Resource", "NotResource", "Condition"),
    )
)
OPERATORS = frozenset(
    (
        *("StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringLike"),
        *("StringNotEqualsIgnoreCase", "StringNotLike", "Bool", "BinaryEquals", "Null"),
        *("NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals"),
        *("NumericGreaterThan", "NumericGreaterThanEquals", "DateEquals", "DateNotEquals"),
        *("DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals"),
        *("IpAddress", "NotIpAddress", "ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"),
    )
)


def _documents_are_whole(design: Design) -> Iterator[Problem]:
    for policy in policies_of(design):
        version = text(policy.document.get("Version"))
        if version != VERSIONS[0]:
            given = f"{version!r} given" if version else "none given, which means 2008-10-17"
            why = f"{given}; expected Version {VERSIONS[0]!r}, the one with variables"
            yield policy.problem((*policy.path, "Version"), why)
        sids: set[str] = set()
        for at, statement in policy.statements():
            for why in _incomplete(statement, _kind(policy)):
                yield policy.problem(at, why)
            sid = text(statement.get("Sid")) or ""
            # Only what keeps policies as they were written takes other characters.
            if policy.kind != "resource" and not SID.fullmatch(sid):
                why = f"Sid {sid!r} has other characters than letters and digits"
                yield policy.problem((*at, "Sid"), f"{why}; IAM refuses the policy")
            if sid and sid in sids:
                why = f"Sid {sid!r} is there twice; expected each only once in a policy"
                yield policy.problem((*at, "Sid"), why)
            sids.add(sid)


def _kind(policy: Policy) -> Kind:
    """Return as whose a policy is written; a repository's is about itself, as trust is."""
    return "trust" if policy.resource.type == "AWS::ECR::Repository" else policy.kind


def _incomplete(statement: Mapping[str, Any], kind: Kind) -> Iterator[str]:
    for names in NEEDED[kind]:
        said = [name for name in names if name in statement]
        if len(said) != 1:
            given = f"{' and '.join(said)} given" if said else "neither given"
            yield f"{given}; a statement here has {' or '.join(names)}"
    for name in EXCLUDED[kind]:
        if name in statement:
            yield f"{name} has no place in this policy; IAM refuses it"
    for name in statement.keys() - ELEMENTS:
        yield f"{name!r} is no element of a statement"
    effect = text(statement.get("Effect"))
    if effect is not None and effect not in ("Allow", "Deny"):
        yield f"Effect {effect!r}; expected Allow or Deny"
    yield from _miscompared(statement.get("Condition"))


def _miscompared(conditions: Any) -> Iterator[str]:
    """Yield what is wrong with how a statement's conditions compare."""
    for operator, block in conditions.items() if isinstance(conditions, dict) else ():
        yield from _unknown_of(block)
        plain = operator.removesuffix("IfExists").rpartition(":")[2]
        if plain not in OPERATORS:
            meant = difflib.get_close_matches(plain, OPERATORS, n=1)
            guess = f"; did you mean {meant[0]}?" if meant else ""
            yield f"{operator!r} compares nothing{guess}"
        elif plain in ("StringEquals", "StringEqualsIgnoreCase") and isinstance(block, dict):
            for values in block.values():
                told = " ".join(map(spelled, listed(values)))
                if "*" in told and "arn:" in told:
                    yield f"{operator} takes the * in {told} literally; expected ArnLike"


def _unknown_of(block: Any) -> Iterator[str]:
    """Yield the keys of a condition that no request has, and the accounts that are none."""
    for key, values in block.items() if isinstance(block, dict) else ():
        lower = str(key).lower()
        if lower.startswith("aws:") and lower not in KEYS and "/" not in lower:
            meant = difflib.get_close_matches(lower, KEYS, n=1, cutoff=0.85)
            if meant:
                yield f"no request has {key}; did you mean {KEYS[meant[0]]}?"
        for value in listed(values) if lower.endswith("sourcearn") else ():
            said = re.sub(r"\$\{[^}]*\}", "x", spelled(value))
            if said.startswith("arn:") and said.count(":") < WHOLE and not said.endswith("*"):
                yield f"{key} is never {spelled(value)}, no whole ARN; expected more, or :*"
        for value in listed(values) if lower.endswith("account") else ():
            plain = text(value)
            if plain is not None and not ACCOUNT.fullmatch(plain):
                yield f"{key} is {plain!r}; expected the twelve digits of an account"


def _policies_have_names_of_their_own(design: Design) -> Iterator[Problem]:
    seen: dict[tuple[str, str], str] = {}
    for resource in design.of_type(*PLACES):
        for path, value in each(resource.properties, "Policies", "*", "PolicyName"):
            whose = str(resource.origin)
            yield from _named_twice(resource, ("Properties", *path), whose, value, seen)
        if resource.type == "AWS::IAM::Policy":
            for kind in ("Roles", "Users", "Groups"):
                for holder in listed(resource.properties.get(kind)):
                    made = design.follow(holder)
                    whose = str(made.origin) if made else spelled(holder)
                    name = resource.properties.get("PolicyName")
                    path = ("Properties", "PolicyName")
                    yield from _named_twice(resource, path, whose, name, seen)


def _named_twice(
    resource: Resource, path: Path, holder: str, name: Any, seen: dict[tuple[str, str], str]
) -> Iterator[Problem]:
    if text(name) is not None and not NAME.fullmatch(text(name) or ""):
        yield Problem(
            resource.id, path, "expected a name of up to 128 letters, digits or +=,.@_-"
        )
    key = (holder, spelled(name))
    if key in seen:
        why = f"{holder} has a policy {key[1]!r} already; the one overwrites the other"
        yield Problem(resource.id, path, f"{why}; expected another name")
    seen[key] = str(resource.origin)


def _policies_are_short(design: Design) -> Iterator[Problem]:
    sizes: dict[tuple[str, str, str], int] = {}
    for policy in policies_of(design):
        key = (policy.resource.id, policy.resource.type, policy.kind)
        written = re.sub(r"\s", "", json.dumps(policy.document, separators=(",", ":")))
        sizes[key] = sizes.get(key, 0) + len(written)
    for (resource, kind, whose), size in sizes.items():
        most = LARGEST.get((kind, whose))
        if most and size > most:
            why = f"its policies have {size} characters or more; AWS takes {most}"
            yield Problem(resource, ("Properties",), why)


REPOSITORY = """
Repository:
  Type: AWS::ECR::Repository
  Properties:
    RepositoryPolicyText:
      Version: "2012-10-17"
      Statement: [{Effect: Allow, Principal: {AWS: "123456789012"}, Action: ecr:BatchGetImage}]
"""

RULES: tuple[Rule, ...] = (
    Rule(
        "LC1606",
        "error",
        "A policy has its version and in each statement what IAM reads",
        "IAM refuses a policy with an element missing, in the wrong place or misspelt, when "
        "the stack is half made; without the version of 2012, variables are mere text.",
        GRAMMAR,
        _documents_are_whole,
        good=(ROLE, KEY, REPOSITORY),
        bad=(
            REPOSITORY.replace("Action", "Resource: '*', Action"),
            swap('Version: "2012-10-17"', 'Version: "2008-10-17"'),
            swap('Version: "2012-10-17"', 'Version: "2012-10-18"'),
            swap('      Version: "2012-10-17"\n      S', "      S"),
            swap("Sid: Read", "Sid: List"),
            swap("Sid: Read", "Sid: read it"),
            swap("Effect: Allow, Action: s3:G", "Effect: allow, Action: s3:G"),
            swap("Effect: Allow, Action: s3:G", "Action: s3:G"),
            swap("{Sid: Read,", "{Sid: Read, Principal: '*',"),
            swap("{StringEquals", "{StringEqual"),
            swap("aws:SourceAccount", "aws:SourceAcount"),
            swap("!Ref AWS::AccountId", "'12345678901'"),
            swap('SourceAccount": !Ref AWS::AccountId', 'SourceArn": "arn:aws:ecs:a:b"'),
            swap('SourceAccount": !Ref AWS::AccountId', 'SourceArn": "arn:aws:ecs:*"'),
            swap(", Resource: !GetAtt Bucket.Arn", ""),
            swap("        Principal: {Service: ecs-tasks.amazonaws.com}\n", ""),
            swap("Action: sts:AssumeRole\n", "Action: sts:AssumeRole\n        Resource: '*'\n"),
        ),
    ),
    Rule(
        "LC1611",
        "error",
        "A role's policies have names of their own, which IAM takes",
        "The second inline policy of a name takes the place of the first, also if it stands in "
        "another resource: what the first allowed is gone.",
        QUOTAS,
        _policies_have_names_of_their_own,
        good=(ROLE,),
        bad=(
            ROLE.replace(
                "Bucket: {",
                """
Again:
  Type: AWS::IAM::Policy
  Properties:
    PolicyName: Uploads
    Roles: [!Ref Role]
    PolicyDocument: {Version: "2012-10-17", Statement: []}
Bucket: {""",
            ),
            ROLE.replace(
                "    Policies:\n",
                "    Policies:\n    - PolicyName: Uploads\n      PolicyDocument: {}\n",
            ),
            ROLE.replace("PolicyName: Uploads", "PolicyName: the uploads"),
        ),
    ),
    Rule(
        "LC1612",
        "error",
        "Policies are as short as IAM takes them",
        "A role's inline policies have 10,240 characters together, its trust policy 2,048, a "
        "managed policy 6,144: IAM refuses more when the stack is half made.",
        QUOTAS,
        _policies_are_short,
        good=(ROLE,),
        bad=(
            swap("!GetAtt Bucket.Arn", f"arn:aws:s3:::{'u' * 10240}"),
            swap("!Ref AWS::AccountId", f"'{'1' * 2048}'"),
        ),
    ),
)
