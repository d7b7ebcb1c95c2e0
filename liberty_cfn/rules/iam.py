"""LC16xx: who may do what."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distribution
from typing import Any, Literal

from liberty_cfn.model import subs
from liberty_cfn.model.resolving import Resource
from liberty_cfn.review.actions import canonical, fits, known
from liberty_cfn.review.spelling import listed, spelled
from liberty_cfn.review.spelling import referred as mentioned
from liberty_cfn.rules.managed_policies import not_managed
from liberty_cfn.rules.rule import (
    UNKNOWN,
    Design,
    Path,
    Problem,
    Rule,
    each,
    number,
    spelt,
    text,
)

GRAMMAR = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html"
ACTIONS = (
    "https://docs.aws.amazon.com/service-authorization/latest/reference/"
    "reference_policies_actions-resources-contextkeys.html"
)
PRINCIPALS = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html"
DEPUTY = "https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html"
QUOTAS = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"
MANAGED_LIST = (
    "https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html"
)
LEAST = "https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html"
ARNS = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html"
KEY_POLICY = "https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html"

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
MOST_MANAGED = 10
VERSIONS = ("2012-10-17", "2008-10-17")
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
# A few of the many hundred there are, to find those that were meant.
SERVICES = (
    *("apigateway", "application-autoscaling", "autoscaling", "backup", "batch"),
    *("cloudformation", "cloudfront", "cloudtrail", "cloudwatch", "codebuild", "codedeploy"),
    *("codepipeline", "config", "delivery.logs", "dms", "ec2", "ecs", "ecs-tasks", "eks"),
    *("elasticache", "elasticloadbalancing", "events", "export.rds", "firehose", "glue"),
    *("guardduty", "iot", "kms", "lambda", "logdelivery.elasticloadbalancing", "logs"),
    *("monitoring.rds", "rds", "s3", "scheduler", "secretsmanager", "ses", "sns", "spotfleet"),
    *("sqs", "ssm", "states", "transfer", "vpc-flow-logs", "wafv2", "xray", "sagemaker"),
    *(
        "ecs.application-autoscaling",
        "pipes",
        "edgelambda",
        "budgets",
        "cloudwatch.crossaccount",
    ),
)
# Who has to be able to assume a role that is given there.
ASSUMED_BY = {
    ("AWS::ECS::TaskDefinition", "TaskRoleArn"): "ecs-tasks.amazonaws.com",
    ("AWS::ECS::TaskDefinition", "ExecutionRoleArn"): "ecs-tasks.amazonaws.com",
    ("AWS::EC2::FlowLog", "DeliverLogsPermissionArn"): "vpc-flow-logs.amazonaws.com",
    ("AWS::RDS::DBInstance", "MonitoringRoleArn"): "monitoring.rds.amazonaws.com",
    ("AWS::Lambda::Function", "Role"): "lambda.amazonaws.com",
}
# Services that say on whose behalf they come, so that others' can be refused.
DEPUTIES = frozenset(
    f"{name}.amazonaws.com"
    for name in (
        *("ecs-tasks", "vpc-flow-logs", "events", "scheduler", "cloudwatch", "sns", "s3"),
        *("cloudtrail", "config", "logs", "states", "codebuild", "backup", "rds"),
    )
)
# What comes for whom: the service that ARNs of aws:SourceArn are of.
SOURCE_OF = {
    "ecs-tasks.amazonaws.com": "ecs",
    "vpc-flow-logs.amazonaws.com": "ec2",
    "monitoring.rds.amazonaws.com": "rds",
}
# Other rules look at who may use these.
OPEN_ELSEWHERE = ("AWS::S3::BucketPolicy", "AWS::SecretsManager::ResourcePolicy")
SOURCES = ("aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid", "aws:sourceorgpaths")
# What only reads, and may be about all there is: the budget for wildcards. The rest is
# listed here though it starts likewise.
READING = re.compile(r"[a-z0-9-]+:(describe|list|get|batchget|lookup|search|view|check|detect)")
TELLING = re.compile(
    r"secretsmanager:(batch)?getsecretvalue|s3:getobject.*|ssm:getparameter.*|iam:passrole"
    r"|sts:assumerole|dynamodb:(batch)?getitem|sqs:receivemessage|kms:decrypt"
)
ABOUT_NOTHING = re.compile(
    r"ecr:getauthorizationtoken|ssmmessages:|s3:listallmybuckets|ec2:describe"
    r"|cloudwatch:putmetricdata|secretsmanager:(listsecrets|getrandompassword)"
)
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
# Parts of an ARN: arn:partition:service:region:account:resource.
PARTS = 6


@dataclass(frozen=True)
class _Policy:
    """A policy document, where it stands and whose it is."""

    resource: Resource
    path: Path
    kind: Kind
    document: Mapping[str, Any]

    def statements(self) -> Iterator[tuple[Path, Mapping[str, Any]]]:
        for path, statement in each(self.document, "Statement", "*"):
            if isinstance(statement, dict):
                yield (*self.path, *path), statement

    def problem(self, path: Path, why: str) -> Problem:
        return Problem(self.resource.id, path, why)


def _policies(design: Design) -> Iterator[_Policy]:
    for resource in design.of_type(*PLACES):
        for way, kind in PLACES[resource.type]:
            for path, document in each(resource.properties, *way):
                if isinstance(read := _read(document), dict):
                    yield _Policy(resource, ("Properties", *path), kind, read)


def _read(document: Any) -> Any:
    """Return a policy as data; some services take it as text."""
    if isinstance(document, dict) and "Fn::Join" not in document:
        return document
    named = re.sub(r"\$\{([^}]*)\}", lambda m: PSEUDO.get(m[1], UNKNOWN), spelled(document))
    try:
        return json.loads(named, strict=False)
    except ValueError:
        return None


def _arn(design: Design, value: Any) -> str:
    """Return an ARN as it may be; with UNKNOWN where that can't be said."""
    if isinstance(value, dict) and isinstance(joined := value.get("Fn::Join"), list):
        parts = joined[1] if isinstance(joined[1], list) else [joined[1]]
        return str(joined[0]).join(_arn(design, part) for part in parts)
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


def _actions(statement: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    for name in ("Action", "NotAction"):
        for path, value in each(statement, name, "*"):
            if (action := text(value)) is not None:
                yield path, action


def _actions_exist(design: Design) -> Iterator[Problem]:
    for policy in _policies(design):
        for at, statement in policy.statements():
            for path, action in _actions(statement):
                service, colon, name = action.partition(":")
                whole = policy.resource.type == "AWS::SNS::TopicPolicy" and name in ("", "*")
                if whole and path[0] == "Action":
                    why = f"SNS refuses {action} in a topic's policy; expected sns:Publish"
                    yield policy.problem((*at, *path), why)
                if action == "*":
                    continue
                why = ""
                if not colon or not name:
                    why = f"{action!r} is no action; expected one such as s3:GetObject, or *"
                elif service.lower() not in _authorized():
                    meant = difflib.get_close_matches(service, _authorized(), n=1)
                    why = f"there is no service {service!r}"
                    why += f"; did you mean {meant[0]}?" if meant else ""
                elif not _is_action(action):
                    near = [f"{service}:{n}" for n in _authorized()[service.lower()]["Actions"]]
                    meant = difflib.get_close_matches(action.lower(), near, n=1)
                    why = f"{service} has no action {name!r}"
                    why += f"; did you mean {canonical(meant[0])}?" if meant else ""
                if why:
                    yield policy.problem((*at, *path), why)


@cache
def _authorized() -> Mapping[str, Any]:
    """Return the services, their actions and what each is about, as cfn-lint has them.

    Its package is not imported for that, which takes most of a second.
    """
    file = distribution("cfn-lint").locate_file("cfnlint/data/AdditionalSpecs/Policies.json")
    with open(str(file), encoding="utf-8") as data:  # noqa: PTH123
        found: dict[str, Any] = json.load(data)
    return found


@cache
def _is_action(action: str) -> bool:
    service, _, name = action.lower().partition(":")
    actions = _authorized()[service]["Actions"]
    # The list is a year's; awacs's may be newer.
    return any(fits(name, one) for one in actions) or known(action) is True


def _actions_fit_resources(design: Design) -> Iterator[Problem]:
    for policy in _policies(design):
        for at, statement in policy.statements():
            if "Resource" not in statement or policy.kind == "trust":
                continue
            arns = [_arn(design, value) for value in listed(statement["Resource"])]
            for path, action in _actions(statement):
                if path[:1] != ("Action",) or any(sign in action for sign in "*?"):
                    continue
                if not any(_is_about(action, arn) for arn in arns):
                    said = ", ".join(spelled(v) for v in listed(statement["Resource"])[:2])
                    why = f"{action} is never about {said}; expected {_abouts(action)}"
                    yield policy.problem((*at, *path), why)


def _forms(action: str) -> list[tuple[str, str]] | None:
    """Return what an action is about: the kind, and the ARN with .* in it.

    None for an action that isn't known.
    """
    service, _, name = action.lower().partition(":")
    listing = _authorized().get(service, {})
    found = listing.get("Actions", {}).get(name)
    if found is None:
        return None
    resources = {key.lower(): body for key, body in listing.get("Resources", {}).items()}
    return [
        (kind.lower(), form)
        for kind in found.get("Resources", ())
        for form in resources.get(kind.lower(), {}).get("ARNFormats", ())
    ]


def _is_about(action: str, arn: str) -> bool:
    forms = _forms(action)
    given = arn.split(":", PARTS - 1)
    if arn == "*" or forms is None or len(given) < PARTS:
        return True
    if not forms:
        # The list leaves some out; these are known to know none.
        return not ABOUT_NOTHING.match(action.lower())
    if action.lower().startswith("s3:") and not any(given[3:5]):
        # A bucket and its objects differ by the slash alone.
        kinds = {kind for kind, _ in forms}
        inside = "/" in given[-1]
        return ("object" in kinds and (inside or "*" in given[-1])) or (
            "bucket" in kinds and not inside
        )
    return any(_overlap(given, form) for _, form in forms)


def _overlap(given: list[str], form: str) -> bool:
    expected = form.split(":", PARTS - 1)
    if len(expected) < PARTS or not fits(given[2], expected[2]):
        return False
    fixed, has = expected[-1].partition(".*")[0], given[-1]
    start = re.split(r"[*?\0]", has)[0]
    return start.startswith(fixed) or (start != has and fixed.startswith(start))


def _abouts(action: str) -> str:
    """Return what an action is about, in words."""
    found = []
    for kind, form in _forms(action) or ():
        pattern = re.sub(r"\$\{\w+\}", "*", form).replace(".*", "*")
        several = f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"
        found.append(f"{several} ({pattern})")
    return " or ".join(found[:2]) or "*, as it knows no resources"


def _resources_are_arns(design: Design) -> Iterator[Problem]:
    for policy in _policies(design):
        for at, statement in policy.statements():
            for path, value in each(statement, "Resource", "*"):
                arn = _arn(design, value)
                if (why := _no_arn(arn)) and UNKNOWN not in arn[:1]:
                    yield policy.problem((*at, *path), f"{spelled(value)} {why}")


def _no_arn(arn: str) -> str:  # noqa: PLR0911 - one for each way
    """Return why a text is no ARN that a policy can be about; empty if it is one."""
    if arn == "*" or arn.startswith(UNKNOWN):
        return ""
    parts = arn.split(":", PARTS - 1)
    expected = "expected arn:partition:service:region:account:resource, or *"
    if len(parts) < PARTS or parts[0] != "arn":
        return f"is no ARN; {expected}"
    _, partition, service, region, account, resource = parts
    if not re.fullmatch(r"aws(-[a-z-]+)?|[*\0]+", partition):
        return f"is of no partition there is ({partition}); {expected}"
    if (
        service == "s3"
        and (region or account)
        and not resource.startswith(("accesspoint", "job", "storage-lens", "access-grants"))
    ):
        return "is no bucket: their ARNs have no region and no account; expected arn:aws:s3:::"
    if service == "iam" and region:
        return "is of a region, and IAM's are of none; expected arn:aws:iam::"
    if not resource or (account and not re.fullmatch(r"[*?\d\0]+|aws", account)):
        return f"has no account of 12 digits, or no resource; {expected}"
    return ""


def _principals(statement: Mapping[str, Any]) -> Iterator[tuple[Path, str, Any]]:
    """Yield whom a statement is about: the path, the kind, and the name."""
    for name in ("Principal", "NotPrincipal"):
        said = statement.get(name)
        if isinstance(said, dict):
            for kind in said:
                for path, value in each(statement, name, kind, "*"):
                    yield path, kind, value
        elif said is not None:
            yield (name,), "", said


def _principals_are_there(design: Design) -> Iterator[Problem]:
    known_services = {f"{name}.amazonaws.com" for name in SERVICES}
    for policy in _policies(design):
        for at, statement in policy.statements():
            for path, kind, value in _principals(statement):
                name, where = _arn(design, value), (*at, *path)
                if kind not in ("", "AWS", "Service", "Federated", "CanonicalUser"):
                    expected = "expected AWS, Service, Federated or CanonicalUser"
                    yield policy.problem(where, f"{kind!r} is no kind of principal; {expected}")
                elif not kind and name != "*":
                    why = f"{name!r} says not what it is; expected {{Service: {name}}}, or *"
                    yield policy.problem(where, why)
                elif kind == "Service" and UNKNOWN not in name and name not in known_services:
                    meant = difflib.get_close_matches(name, known_services, n=1, cutoff=0.92)
                    regional = re.fullmatch(r"[a-z0-9.-]+\.amazonaws\.com(\.cn)?", name)
                    if not regional or meant:
                        guess = f"; did you mean {meant[0]}?" if meant else ""
                        why = f"{name!r} is no service{guess or '; expected *.amazonaws.com'}"
                        yield policy.problem(where, why)
                elif kind == "AWS" and not re.fullmatch(
                    r"\*|\d{12}|arn:aws[a-z-]*:(iam|sts)::(\d{12}|cloudfront|\0)?:.+|.*\0.*",
                    name,
                    re.DOTALL,
                ):
                    expected = "expected an account, or the ARN of a role or user"
                    yield policy.problem(where, f"{name!r} is nobody; {expected}")


def _roles_are_assumed(design: Design) -> Iterator[Problem]:
    for (kind, name), service in ASSUMED_BY.items():
        for user in design.of_type(kind):
            role = design.follow(user.properties.get(name))
            if role is None or role.type != "AWS::IAM::Role":
                continue
            trusted = {
                spelt(value)
                for policy in _policies(design)
                if policy.resource.id == role.id and policy.kind == "trust"
                for _, statement in policy.statements()
                if statement.get("Effect") == "Allow"
                for _, _, value in _principals(statement)
            }
            if service not in trusted and "*" not in trusted:
                why = f"{user.origin} needs {service} to assume this role; expected it here"
                yield Problem(role.id, ("Properties", "AssumeRolePolicyDocument"), why)
    for policy in _policies(design):
        for at, statement in policy.statements() if policy.kind == "trust" else ():
            for _, _, value in _principals(statement):
                for why in _comes_for_another(statement, spelt(value)):
                    yield policy.problem((*at, "Condition"), why)


def _comes_for_another(statement: Mapping[str, Any], service: str) -> Iterator[str]:
    """Yield the sources that a service is let in for, and that it never comes for."""
    blocks = statement.get("Condition")
    for block in blocks.values() if isinstance(blocks, dict) else ():
        for key, values in block.items() if isinstance(block, dict) else ():
            for value in listed(values) if key.lower() == "aws:sourcearn" else ():
                said = spelled(value).split(":")
                source = said[2] if len(said) > 2 else ""  # noqa: PLR2004
                expected = SOURCE_OF.get(service, source)
                if re.fullmatch("[a-z0-9-]+", source) and source != expected:
                    yield f"{service} never comes for {spelled(value)}; expected {expected}'s"


def _documents_are_whole(design: Design) -> Iterator[Problem]:
    for policy in _policies(design):
        version = text(policy.document.get("Version"))
        if version != VERSIONS[0]:
            given = f"{version!r} given" if version else "none given, which means 2008-10-17"
            why = f"{given}; expected Version {VERSIONS[0]!r}, the one with variables"
            yield policy.problem((*policy.path, "Version"), why)
        sids: set[str] = set()
        for at, statement in policy.statements():
            for why in _incomplete(statement, policy.kind):
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


def _trust_is_not_open(design: Design) -> Iterator[Problem]:
    for policy in _policies(design):
        for at, statement in policy.statements():
            if statement.get("Effect") != "Allow":
                continue
            keys = _condition_keys(statement)
            for path, kind, value in _principals(statement):
                name, where = spelled(value), (*at, *path)
                if name == "*" and kind in ("", "AWS") and (why := _open_to_all(policy, keys)):
                    yield policy.problem(where, why)
                elif kind == "Federated" and "saml" not in name:
                    yield from _open_federation(policy, at, statement, name)
                elif kind == "Service" and name in DEPUTIES and not keys & {*SOURCES}:
                    if _within_account(statement) or policy.resource.type == (
                        "AWS::Logs::ResourcePolicy"
                    ):
                        continue
                    why = (
                        f"{name} may come on behalf of another account; expected a Condition "
                        "on aws:SourceAccount or aws:SourceArn"
                    )
                    yield policy.problem(where, why)


def _open_to_all(policy: _Policy, keys: set[str]) -> str:
    """Return what everybody may do by a statement; empty where other rules tell."""
    if policy.kind == "trust":
        return "anybody in AWS may assume this role; expected whom it is for"
    if policy.resource.type in OPEN_ELSEWHERE or keys:
        return ""
    return "anybody in AWS may do this; expected whom it is for, or a Condition"


def _within_account(statement: Mapping[str, Any]) -> bool:
    """Whether what a statement is about names the account."""
    return any(
        "${AWS::AccountId}" in spelled(value) and "/" in spelled(value)
        for value in listed(statement.get("Resource"))
    )


def _condition_keys(statement: Mapping[str, Any]) -> set[str]:
    conditions = statement.get("Condition")
    blocks = conditions.values() if isinstance(conditions, dict) else ()
    return {str(key).lower() for block in blocks if isinstance(block, dict) for key in block}


def _open_federation(
    policy: _Policy, at: Path, statement: Mapping[str, Any], provider: str
) -> Iterator[Problem]:
    """Yield what leaves a role to others who use the same identity provider."""
    conditions = statement.get("Condition", {})
    found = [
        (operator, spelled(value))
        for operator, block in conditions.items()
        if isinstance(block, dict)
        for key, values in block.items()
        if str(key).lower().endswith(":sub")
        for value in listed(values)
    ]
    if not found:
        why = (
            f"anybody whom {provider} knows may assume this role; expected a Condition on :sub"
        )
        yield policy.problem((*at, "Condition"), why)
    for operator, value in found:
        if operator.startswith("StringLike") and re.match(r"(repo:)?\*", value):
            why = f"{value!r} fits everybody's repositories; expected ours, by name"
            yield policy.problem((*at, "Condition"), why)
        elif "*" in value and operator.startswith("StringEquals"):
            why = f"StringEquals takes the * in {value!r} literally; expected StringLike"
            yield policy.problem((*at, "Condition"), why)


def _wildcards_are_few(design: Design) -> Iterator[Problem]:
    for policy in _policies(design):
        if policy.kind != "identity":
            continue
        deploying = _is_of_people(design, policy.resource)
        for at, statement in policy.statements():
            if statement.get("Effect") != "Allow":
                continue
            for name in ("NotAction", "NotResource"):
                if name in statement:
                    why = f"{name} allows all that AWS will ever add; expected what is needed"
                    yield policy.problem((*at, name), why)
            everything = any(spelt(v) == "*" for v in listed(statement.get("Resource")))
            for path, action in _actions(statement):
                why = _too_wide(action, everything=everything, deploying=deploying)
                if why and path[0] == "Action":
                    yield policy.problem((*at, *path), why)


def _too_wide(action: str, *, everything: bool, deploying: bool) -> str:
    """Return what is too wide in allowing an action; empty if nothing is."""
    service, _, named = action.partition(":")
    if action == "*" or named == "*":
        what = "all of AWS" if action == "*" else f"all of {service}"
        return f"allows {what}; expected the actions that are needed"
    if not everything or not _forms(action):
        return ""
    telling = TELLING.match(action.lower())
    reading = READING.match(action.lower())
    if telling or not (reading or deploying):
        return f"{action} on everything; expected some {_abouts(action)}"
    return ""


def _is_of_people(design: Design, resource: Resource) -> bool:
    """Whether a policy is of roles that deploy: for people, pipelines and CloudFormation.

    So is one that nobody here has.
    """
    holders = [resource]
    if resource.type.endswith("Policy"):
        named = [*listed(resource.properties.get("Roles")), resource.properties.get("RoleName")]
        holders = [holder for value in named if (holder := design.follow(value))]
        holders += [
            role
            for role in design.of_type("AWS::IAM::Role")
            if resource.id in mentioned(role.properties.get("ManagedPolicyArns"))
        ]
    trusted = [
        statement.get("Principal")
        for holder in holders
        for _, statement in each(
            holder.properties, "AssumeRolePolicyDocument", "Statement", "*"
        )
        if isinstance(statement, dict)
    ]
    return not holders or any(
        who.keys() & {"AWS", "Federated"} or "cloudformation.amazonaws.com" in repr(who)
        for who in trusted
        if isinstance(who, dict)
    )


def _managed(role: Resource) -> Iterator[tuple[Path, str]]:
    """Yield the managed policies that a role names; not those that only AWS knows."""
    for path, value in each(role.properties, "ManagedPolicyArns", "*"):
        if not (arn := spelled(value)).startswith(("${", subs.DYNAMIC)):
            yield ("Properties", *path), arn


def _managed_policies_exist(design: Design) -> Iterator[Problem]:
    for holder in design.of_type("AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group"):
        seen: set[str] = set()
        for path, arn in _managed(holder):
            if arn in seen:
                yield Problem(holder.id, path, f"{arn} is there twice; expected each once")
            seen.add(arn)
            partition = arn.split(":")[1] if arn.count(":") > 1 else ""
            if partition not in (_partition(design.region), "${AWS", "${AWS::Partition}"):
                why = f"{arn} is of another partition; expected arn:${{AWS::Partition}}:..."
                yield Problem(holder.id, path, why)
            found = re.fullmatch(
                r"arn:(?:[^:]+|\$\{AWS::Partition\}):iam::aws:policy/(.+)", arn
            )
            if not found:
                if "iam::aws" in arn:
                    why = f"{arn} is no policy of AWS's; expected arn:aws:iam::aws:policy/..."
                    yield Problem(holder.id, path, why)
                continue
            if why := not_managed(found[1]):
                yield Problem(holder.id, path, why)
        if len(seen) > MOST_MANAGED:
            why = f"{len(seen)} managed policies; IAM takes {MOST_MANAGED}"
            yield Problem(holder.id, ("Properties", "ManagedPolicyArns"), why)


def _partition(region: str) -> str:
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def _no_administrators(design: Design) -> Iterator[Problem]:
    everything = ("/AdministratorAccess", "/PowerUserAccess", "/IAMFullAccess")
    for holder in design.of_type("AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group"):
        for path, arn in _managed(holder):
            if arn.endswith(everything):
                why = f"{arn.rpartition('/')[2]} allows everything; expected what is needed"
                yield Problem(holder.id, path, why)


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
    key = (holder, spelled(name))
    if key in seen:
        why = f"{holder} has a policy {key[1]!r} already; the one overwrites the other"
        yield Problem(resource.id, path, f"{why}; expected another name")
    seen[key] = str(resource.origin)


def _policies_are_short(design: Design) -> Iterator[Problem]:
    sizes: dict[tuple[str, str, str], int] = {}
    for policy in _policies(design):
        key = (policy.resource.id, policy.resource.type, policy.kind)
        written = re.sub(r"\s", "", json.dumps(policy.document, separators=(",", ":")))
        sizes[key] = sizes.get(key, 0) + len(written)
    for (resource, kind, whose), size in sizes.items():
        most = LARGEST.get((kind, whose))
        if most and size > most:
            why = f"its policies have {size} characters or more; AWS takes {most}"
            yield Problem(resource, ("Properties",), why)


def _keys_stay_ours(design: Design) -> Iterator[Problem]:
    for policy in _policies(design):
        if policy.resource.type != "AWS::KMS::Key":
            continue
        managed = any(
            statement.get("Effect") == "Allow"
            and any(fits(a.lower(), "kms:putkeypolicy") for _, a in _actions(statement))
            and any(kind == "AWS" for _, kind, _ in _principals(statement))
            for _, statement in policy.statements()
        )
        if not managed:
            why = (
                "nobody could ever change this key's policy; expected a statement that allows "
                "kms:* to the account (arn:aws:iam::ACCOUNT:root)"
            )
            yield policy.problem(policy.path, why)


def _sessions(design: Design) -> Iterator[Problem]:
    for role in design.of_type("AWS::IAM::Role"):
        seconds = number(role.properties.get("MaxSessionDuration"))
        if seconds is not None and not 3600 <= seconds <= 43200:  # noqa: PLR2004
            why = f"{seconds:g} seconds; expected an hour to twelve: 3600 to 43200"
            yield Problem(role.id, ("Properties", "MaxSessionDuration"), why)


ROLE = """
Role:
  Type: AWS::IAM::Role
  Properties:
    AssumeRolePolicyDocument:
      Version: "2012-10-17"
      Statement:
      - Effect: Allow
        Principal: {Service: ecs-tasks.amazonaws.com}
        Action: sts:AssumeRole
        Condition: {StringEquals: {"aws:SourceAccount": !Ref AWS::AccountId}}
    Policies:
    - PolicyName: Uploads
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
        - {Sid: List, Effect: Allow, Action: s3:ListBucket, Resource: !GetAtt Bucket.Arn}
        - {Sid: Read, Effect: Allow, Action: s3:GetObject, Resource: !Sub "${Bucket.Arn}/*"}
Bucket: {Type: AWS::S3::Bucket}
"""
TASK = """
Task:
  Type: AWS::ECS::TaskDefinition
  Properties: {TaskRoleArn: !GetAtt Role.Arn}
"""
KEY = """
Key:
  Type: AWS::KMS::Key
  Properties:
    KeyPolicy:
      Version: "2012-10-17"
      Statement:
      - Effect: Allow
        Principal: {AWS: !Sub "arn:aws:iam::${AWS::AccountId}:root"}
        Action: kms:*
        Resource: "*"
"""
TOPIC_POLICY = """
Policy:
  Type: AWS::SNS::TopicPolicy
  Properties:
    Topics: [arn:aws:sns:us-east-1:123456789012:alarms]
    PolicyDocument:
      Version: "2012-10-17"
      Statement:
      - Effect: Allow
        Principal: {Service: cloudwatch.amazonaws.com}
        Action: sns:Publish
        Resource: "*"
        Condition: {StringEquals: {"aws:SourceAccount": !Ref AWS::AccountId}}
"""
OPEN_TOPIC = TOPIC_POLICY.partition("        Condition")[0]
MANAGED_POLICY = "service-role/AmazonECSTaskExecutionRolePolicy"
MANAGED_ROLE = ROLE.replace(
    "    Policies:",
    """
    ManagedPolicyArns:
    - arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy
    Policies:""",
)
GITHUB = """
Role:
  Type: AWS::IAM::Role
  Properties:
    AssumeRolePolicyDocument:
      Version: "2012-10-17"
      Statement:
      - Effect: Allow
        Principal: {Federated: "arn:aws:iam::123456789012:oidc-provider/token.actions"}
        Action: sts:AssumeRoleWithWebIdentity
        Condition:
          StringEquals: {"token.actions:sub": "repo:liberty/backend:environment:prod"}
"""


SOURCED = """        Condition:
          ArnLike: {"aws:SourceArn": !Sub "arn:aws:ecs:us-east-1:${AWS::AccountId}:*"}
"""
CONDITION = """        Condition: {StringEquals: {"aws:SourceAccount": !Ref AWS::AccountId}}
"""


def _swap(old: str, new: str, example: str = ROLE) -> str:
    return example.replace(old, new)


RULES: tuple[Rule, ...] = (
    Rule(
        "LC1601",
        "error",
        "An action is one that AWS has",
        "IAM takes a misspelt action and never allows anything by it: the task is refused "
        "what it needs, once it needs it.",
        ACTIONS,
        _actions_exist,
        good=(ROLE, _swap("s3:GetObject", "s3:Get*")),
        bad=(
            _swap("s3:GetObject", "s3:GetObjects"),
            _swap("s3:GetObject", "s33:GetObject"),
            _swap("s3:GetObject", "GetObject"),
            _swap("s3:GetObject", "s3:Fetch*"),
            TOPIC_POLICY.replace("sns:Publish", "sns:*"),
        ),
    ),
    Rule(
        "LC1602",
        "error",
        "An action is about the kind of thing its statement names",
        "s3:ListBucket is about the bucket, s3:GetObject about what is in it: IAM takes the "
        "one with the other, and allows nothing.",
        ACTIONS,
        _actions_fit_resources,
        good=(ROLE,),
        bad=(
            _swap("Action: s3:ListBucket", "Action: s3:GetObject"),
            _swap("Action: s3:GetObject", "Action: s3:ListBucket"),
            _swap("Action: s3:GetObject", "Action: secretsmanager:GetSecretValue"),
            _swap("Action: s3:GetObject", "Action: ecr:GetAuthorizationToken"),
        ),
    ),
    Rule(
        "LC1603",
        "error",
        "What a statement is about is an ARN",
        "IAM refuses what has no six parts; what has a region that its service leaves out is "
        "taken, and fits nothing.",
        ARNS,
        _resources_are_arns,
        good=(ROLE, _swap("!GetAtt Bucket.Arn", "arn:aws:s3:::uploads")),
        bad=(
            _swap("!GetAtt Bucket.Arn", "uploads"),
            _swap("!GetAtt Bucket.Arn", "arn:aws:s3::uploads"),
            _swap("!GetAtt Bucket.Arn", "arn:aws:s3:us-east-1:123456789012:uploads"),
            _swap("!GetAtt Bucket.Arn", "arn:awz:s3:::uploads"),
            _swap("!GetAtt Bucket.Arn", "!Ref Bucket"),
            _swap("!GetAtt Bucket.Arn", "!Sub '${Bucket}/*'"),
        ),
    ),
    Rule(
        "LC1604",
        "error",
        "A principal is somebody",
        "IAM refuses a principal that isn't there when the role is made; and a service's name "
        "that is nearly right is another's, or nobody's.",
        PRINCIPALS,
        _principals_are_there,
        good=(ROLE, KEY),
        bad=(
            _swap("ecs-tasks.amazonaws", "ecs-task.amazonaws"),
            _swap("ecs-tasks.amazonaws.com", "ecs-tasks"),
            _swap("{Service: ecs-tasks.amazonaws.com}", "ecs-tasks.amazonaws.com"),
            _swap("Service: ecs", "Services: ecs"),
            _swap("iam::${AWS::AccountId}", "iam:us-east-1:${AWS::AccountId}", KEY),
        ),
    ),
    Rule(
        "LC1605",
        "error",
        "A role can be assumed by who it is for",
        "ECS can't assume a role that trusts another service: tasks don't start, and say so "
        "only in the service's events.",
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html",
        _roles_are_assumed,
        good=(
            ROLE + TASK,
            ROLE.replace(CONDITION, SOURCED),
        ),
        bad=(
            ROLE.replace(CONDITION, SOURCED.replace(":ecs:", ":ec2:")),
            ROLE.replace("ecs-tasks", "ecs") + TASK,
            ROLE.replace("ecs-tasks", "ec2") + TASK,
            ROLE.replace("Effect: Allow\n        Principal", "Effect: Deny\n        Principal")
            + TASK,
        ),
    ),
    Rule(
        "LC1606",
        "error",
        "A policy has its version and in each statement what IAM reads",
        "IAM refuses a policy with an element missing, in the wrong place or misspelt, when "
        "the stack is half made; without the version of 2012, variables are mere text.",
        GRAMMAR,
        _documents_are_whole,
        good=(ROLE, KEY),
        bad=(
            _swap('Version: "2012-10-17"', 'Version: "2008-10-17"'),
            _swap('Version: "2012-10-17"', 'Version: "2012-10-18"'),
            _swap('      Version: "2012-10-17"\n      S', "      S"),
            _swap("Sid: Read", "Sid: List"),
            _swap("Sid: Read", "Sid: read it"),
            _swap("Effect: Allow, Action: s3:G", "Effect: allow, Action: s3:G"),
            _swap("Effect: Allow, Action: s3:G", "Action: s3:G"),
            _swap("{Sid: Read,", "{Sid: Read, Principal: '*',"),
            _swap("{StringEquals", "{StringEqual"),
            _swap('SourceAccount": !Ref AWS::AccountId', 'SourceArn": "arn:aws:ecs:*"'),
            _swap(", Resource: !GetAtt Bucket.Arn", ""),
            _swap("        Principal: {Service: ecs-tasks.amazonaws.com}\n", ""),
            _swap(
                "Action: sts:AssumeRole\n", "Action: sts:AssumeRole\n        Resource: '*'\n"
            ),
        ),
    ),
    Rule(
        "LC1607",
        "error",
        "A role is open to those alone whom it is for",
        "A service acts for every account: without a condition on the source, another's may "
        "have it act here. An identity provider knows everybody: without one on sub, all of "
        "them may deploy.",
        DEPUTY,
        _trust_is_not_open,
        good=(ROLE, GITHUB, TOPIC_POLICY),
        bad=(
            _swap(CONDITION, ""),
            _swap("{Service: ecs-tasks.amazonaws.com}", "'*'"),
            _swap("{Service: ecs-tasks.amazonaws.com}", "{AWS: '*'}"),
            OPEN_TOPIC.replace("{Service: cloudwatch.amazonaws.com}", "'*'"),
            OPEN_TOPIC,
            GITHUB.replace("actions:sub", "actions:aud"),
            GITHUB.replace("StringEquals", "StringLike").replace(
                "repo:liberty/backend:", "repo:*"
            ),
            GITHUB.replace("environment:prod", "*"),
        ),
    ),
    Rule(
        "LC1608",
        "error",
        "Wildcards are few: * is for what only reads, or knows no resources",
        "The budget: Resource * for Describe, List and Get that tell no secret and no file, "
        "for actions that know no resources, and for roles of people and pipelines to deploy "
        "with. No Action *, none of a whole service, no NotAction. More is open to whoever "
        "takes over a task.",
        LEAST,
        _wildcards_are_few,
        good=(
            ROLE,
            _swap(
                's3:GetObject, Resource: !Sub "${Bucket.Arn}/*"',
                "ecs:DescribeTasks, Resource: '*'",
            ),
        ),
        bad=(
            _swap("Action: s3:GetObject", "Action: '*'"),
            _swap("Action: s3:GetObject", "Action: s3:*"),
            _swap("Action: s3:GetObject", "NotAction: iam:*"),
            _swap('!Sub "${Bucket.Arn}/*"', "'*'"),
            _swap(
                's3:GetObject, Resource: !Sub "${Bucket.Arn}/*"', "iam:PassRole, Resource: '*'"
            ),
            _swap(
                's3:GetObject, Resource: !Sub "${Bucket.Arn}/*"',
                "secretsmanager:GetSecretValue, Resource: '*'",
            ),
        ),
    ),
    Rule(
        "LC1609",
        "error",
        "A managed policy is one that AWS has, once",
        "IAM refuses to attach what isn't there. Where it is depends: some of them are under "
        "service-role/.",
        MANAGED_LIST,
        _managed_policies_exist,
        good=(
            MANAGED_ROLE,
            MANAGED_ROLE.replace(MANAGED_POLICY, "IAMReadOnlyAccess"),
        ),
        bad=(
            MANAGED_ROLE.replace("service-role/", ""),
            MANAGED_ROLE.replace(MANAGED_POLICY, "OursAlone"),
            MANAGED_ROLE.replace("arn:aws:iam::aws", "arn:aws-cn:iam::aws"),
            MANAGED_ROLE.replace("TaskExecutionRolePolicy", "TaskExecutionPolicy"),
            MANAGED_ROLE.replace("iam::aws:policy/service", "iam::aws:service"),
            MANAGED_ROLE.replace(
                "    Policies:",
                "    - arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy\n"
                "    Policies:",
            ),
        ),
    ),
    Rule(
        "LC1610",
        "error",
        "Nobody here is an administrator",
        "A task or a service with AdministratorAccess is the whole account to whoever takes it "
        "over.",
        LEAST,
        _no_administrators,
        good=(MANAGED_ROLE,),
        bad=(
            MANAGED_ROLE.replace(
                "service-role/AmazonECSTaskExecutionRolePolicy", "AdministratorAccess"
            ),
        ),
    ),
    Rule(
        "LC1611",
        "error",
        "A role's policies have names of their own",
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
            _swap("!GetAtt Bucket.Arn", f"arn:aws:s3:::{'u' * 10240}"),
            _swap("!Ref AWS::AccountId", f"'{'1' * 2048}'"),
        ),
    ),
    Rule(
        "LC1613",
        "error",
        "A key's policy leaves the key to the account",
        "KMS refuses a policy that nobody could change again; the key would be lost, and all "
        "that it encrypts.",
        KEY_POLICY,
        _keys_stay_ours,
        good=(KEY,),
        bad=(
            KEY.replace("kms:*", "kms:Decrypt"),
            KEY.replace("Effect: Allow", "Effect: Deny"),
            KEY.replace(
                '{AWS: !Sub "arn:aws:iam::${AWS::AccountId}:root"}',
                "{Service: sns.amazonaws.com}",
            ),
        ),
    ),
    Rule(
        "LC1614",
        "error",
        "A session lasts from one hour to twelve",
        "IAM refuses a role whose MaxSessionDuration is out of that range.",
        QUOTAS,
        _sessions,
        good=(ROLE.replace("    Policies:", "    MaxSessionDuration: 10800\n    Policies:"),),
        bad=(ROLE.replace("    Policies:", "    MaxSessionDuration: 50000\n    Policies:"),),
    ),
)
