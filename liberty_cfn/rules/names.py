"""LC11xx: what things are called."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from liberty_cfn.model.resolving import Resource
from liberty_cfn.rules.rule import UNKNOWN, Design, Problem, Rule, spelt
from liberty_cfn.stateful import SECRETS

BUCKETS = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"
NAMES = (
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"
    "aws-properties-name.html"
)


class Name(NamedTuple):
    """What a property may name things: the pattern, the longest, and both in words."""

    property: str
    pattern: str
    longest: int
    expected: str


# The names that the spec's checklist looks for, and the property that they are in.
ASKED_FOR: dict[str, tuple[tuple[str, ...], str]] = {
    "AWS::ECR::Repository": (("liberty-social-backend",), "RepositoryName"),
    "AWS::RDS::DBInstance": (("liberty-social-db",), "DBInstanceIdentifier"),
    "AWS::S3::Bucket": (("liberty-social-uploads",), "BucketName"),
    "AWS::ECS::Cluster": (("liberty-social-backend",), "ClusterName"),
    "AWS::ECS::Service": (("liberty-social-backend-service",), "ServiceName"),
    "AWS::ECS::TaskDefinition": (("liberty-social-backend",), "Family"),
    "AWS::EC2::SecurityGroup": (("alb-sg", "ecs-sg", "rds-sg", "elasticache-sg"), "GroupName"),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": (("liberty-social-alb",), "Name"),
    "AWS::ElasticLoadBalancingV2::TargetGroup": (("liberty-social-backend-tg",), "Name"),
    "AWS::Logs::LogGroup": (("/ecs/liberty-social-backend",), "LogGroupName"),
    "AWS::IAM::Role": (("ecsTaskExecutionRole", "ecsTaskRole"), "RoleName"),
    "AWS::SecretsManager::Secret": (
        tuple(f"liberty-social/{name}" for name in SECRETS.values()),
        "Name",
    ),
}
# What each service takes; shorter ones are refused by the pattern.
TAKEN: dict[str, tuple[Name, ...]] = {
    "AWS::ElasticLoadBalancingV2::LoadBalancer": (
        Name(
            "Name",
            r"(?!internal-)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?",
            32,
            "letters, digits and hyphens, none first or last, not internal- first",
        ),
    ),
    "AWS::ElasticLoadBalancingV2::TargetGroup": (
        Name(
            "Name",
            r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?",
            32,
            "letters, digits and hyphens, none first or last",
        ),
    ),
    "AWS::S3::Bucket": (
        Name(
            "BucketName",
            r"(?=.{3})(?!.*\.\.)[a-z0-9][a-z0-9.-]*[a-z0-9]",
            63,
            "3 or more lower-case letters, digits, hyphens and dots, none of those at the ends",
        ),
    ),
    "AWS::RDS::DBInstance": (
        Name(
            "DBInstanceIdentifier",
            r"(?!.*--)[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?",
            63,
            "a letter, then letters, digits and single hyphens, none last",
        ),
    ),
    "AWS::RDS::DBSubnetGroup": (
        Name("DBSubnetGroupName", r"(?!default$)[A-Za-z0-9 ._-]+", 255, "not default"),
    ),
    "AWS::ElastiCache::CacheCluster": (
        Name(
            "ClusterName",
            r"(?!.*--)[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?",
            50,
            "a letter, then letters, digits and single hyphens, none last",
        ),
    ),
    "AWS::ElastiCache::ReplicationGroup": (
        Name(
            "ReplicationGroupId",
            r"(?!.*--)[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?",
            40,
            "a letter, then letters, digits and single hyphens, none last",
        ),
    ),
    "AWS::ECR::Repository": (
        Name(
            "RepositoryName",
            r"(?=.{2})[a-z0-9]+([._-]{1,2}[a-z0-9]+|-+[a-z0-9]+|/[a-z0-9]+)*",
            256,
            "2 or more lower-case letters and digits, with single / . _ or - between",
        ),
    ),
    "AWS::IAM::Role": (Name("RoleName", r"[\w+=,.@-]+", 64, "letters, digits and _+=,.@-"),),
    "AWS::IAM::User": (Name("UserName", r"[\w+=,.@-]+", 64, "letters, digits and _+=,.@-"),),
    "AWS::IAM::Group": (Name("GroupName", r"[\w+=,.@-]+", 128, "letters, digits and _+=,.@-"),),
    "AWS::IAM::Policy": (
        Name("PolicyName", r"[\w+=,.@-]+", 128, "letters, digits and _+=,.@-"),
    ),
    "AWS::IAM::ManagedPolicy": (
        Name("ManagedPolicyName", r"[\w+=,.@-]+", 128, "letters, digits and _+=,.@-"),
    ),
    "AWS::Logs::LogGroup": (
        Name(
            "LogGroupName",
            r"(?!aws/)[\w/.#-]+",
            512,
            "letters, digits and _/.-#, no aws/ first",
        ),
    ),
    "AWS::SecretsManager::Secret": (
        Name(
            "Name",
            r"(?!aws/)(?!.*-\w{6}$)[\w/+=.@-]+",
            512,
            "letters, digits and /_+=.@-, not ending in a hyphen and six",
        ),
    ),
    "AWS::ECS::Cluster": (
        Name("ClusterName", r"[A-Za-z0-9_-]+", 255, "letters, digits, _ and -"),
    ),
    "AWS::ECS::Service": (
        Name("ServiceName", r"[A-Za-z0-9_-]+", 255, "letters, digits, _ and -"),
    ),
    "AWS::ECS::TaskDefinition": (
        Name("Family", r"[A-Za-z0-9_-]+", 255, "letters, digits, _ and -"),
    ),
    "AWS::SNS::Topic": (
        Name(
            "TopicName",
            r"[A-Za-z0-9_-]+(\.fifo)?",
            256,
            "letters, digits, _ and -, .fifo last for a FIFO topic",
        ),
    ),
    "AWS::SQS::Queue": (
        Name("QueueName", r"[A-Za-z0-9_-]+(\.fifo)?", 80, "letters, digits, _ and -"),
    ),
    "AWS::CloudWatch::Dashboard": (
        Name("DashboardName", r"[A-Za-z0-9_-]+", 255, "letters, digits, _ and -"),
    ),
    "AWS::CloudWatch::Alarm": (
        Name("AlarmName", r"[ -~]+", 255, "what can be printed in ASCII"),
    ),
    "AWS::Events::Rule": (Name("Name", r"[\w.-]+", 64, "letters, digits and ._-"),),
    "AWS::ApplicationAutoScaling::ScalingPolicy": (
        Name("PolicyName", r"[ -~]+", 256, "what can be printed in ASCII"),
    ),
    "AWS::Logs::ResourcePolicy": (Name("PolicyName", r"[^:*]+", 255, "no colon, no asterisk"),),
    "AWS::KMS::Alias": (
        Name("AliasName", r"alias/(?!aws/)[\w/-]+", 256, "alias/ first, but not alias/aws/"),
    ),
}
# Beginnings and ends that S3 keeps for itself, and addresses.
KEPT = re.compile(
    r"(xn--|sthree-|amzn-s3-demo-).*|.*(-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)"
    r"|\d+\.\d+\.\d+\.\d+"
)
# What tells things of one name apart: nothing more within an account and region, or another
# property. IAM's names differ by more than case.
APART = {
    "AWS::ECS::Service": ("Cluster",),
    "AWS::ApplicationAutoScaling::ScalingPolicy": ("ScalingTargetId", "ResourceId"),
    "AWS::IAM::Policy": ("Roles", "Users", "Groups"),
    "AWS::EC2::SecurityGroup": ("VpcId",),
}
REGARDLESS_OF_CASE = (
    "AWS::IAM::Role",
    "AWS::IAM::User",
    "AWS::IAM::Group",
    "AWS::IAM::ManagedPolicy",
    "AWS::RDS::DBInstance",
    "AWS::ElastiCache::CacheCluster",
    "AWS::ElastiCache::ReplicationGroup",
)
# A parameter that so many names have is what tells environments apart.
MANY = 3
# Names that are told apart by what they belong to.
WITHIN = ("AWS::IAM::Policy", "AWS::ApplicationAutoScaling::ScalingPolicy", "AWS::ECS::Service")


def _named(design: Design) -> Iterator[tuple[Resource, Name, Any]]:
    """Yield what has a name: the resource, what the name may be, and the name."""
    for resource in design.of_type(*TAKEN):
        for name in TAKEN[resource.type]:
            if name.property in resource.properties:
                yield resource, name, resource.properties[name.property]


def _names_are_taken(design: Design) -> Iterator[Problem]:
    for resource, name, value in _named(design):
        said = spelt(value)
        path = ("Properties", name.property)
        if said == UNKNOWN:
            continue
        # What only AWS knows has at least a letter or digit.
        likely = said.replace(UNKNOWN, "0")
        if len(likely) > name.longest:
            why = (
                f"{_shown(said)} has {len(likely)} characters; expected at most {name.longest}"
            )
            yield Problem(resource.id, path, why)
        elif not re.fullmatch(name.pattern, likely, re.ASCII):
            yield Problem(resource.id, path, f"{_shown(said)}; expected {name.expected}")


def _shown(said: str) -> str:
    plain = said.replace(UNKNOWN, "...")
    return repr(plain if len(plain) <= 60 else f"{plain[:57]}...")  # noqa: PLR2004


def _buckets_are_not_kept(design: Design) -> Iterator[Problem]:
    for bucket in design.of_type("AWS::S3::Bucket"):
        said = spelt(bucket.properties.get("BucketName", UNKNOWN))
        path = ("Properties", "BucketName")
        if KEPT.fullmatch(said):
            why = f"{said!r} is of a form that S3 keeps for itself; expected another name"
            yield Problem(bucket.id, path, why)
        elif "." in said:
            why = f"{said!r} has dots, which S3's certificate doesn't cover; expected hyphens"
            yield Problem(bucket.id, path, why)


def _names_differ(design: Design) -> Iterator[Problem]:
    seen: dict[tuple[str, ...], Resource] = {}
    groups = [
        (group, "GroupName", group.properties["GroupName"])
        for group in design.of_type("AWS::EC2::SecurityGroup")
        if "GroupName" in group.properties
    ]
    named = [(resource, name.property, value) for resource, name, value in _named(design)]
    for resource, name, value in [*named, *groups]:
        said = json.dumps(value)
        if resource.type in REGARDLESS_OF_CASE and isinstance(value, str):
            said = said.lower()
        apart = [
            json.dumps(resource.properties.get(key)) for key in APART.get(resource.type, ())
        ]
        key = (resource.type, name, said, *apart)
        if resource.type == "AWS::ECS::TaskDefinition":
            continue  # a family has many
        if key in seen:
            why = f"{seen[key].origin} is called {_shown(spelt(value))}, too"
            where = "in the world" if resource.type == "AWS::S3::Bucket" else "in an account"
            why += f"; expected a name that is the only one {where}"
            yield Problem(resource.id, ("Properties", name), why)
        seen.setdefault(key, resource)


def _suffix_reaches_all(design: Design) -> Iterator[Problem]:
    parameters = design.flat.template.get("Parameters", {})
    written = {
        (resource.id, name.property): json.dumps(
            design.flat.template["Resources"][resource.id]["Properties"][name.property]
        )
        for resource, name, _ in _named(design)
        if resource.type not in WITHIN
    }
    groups = {
        (group.id, "GroupName"): json.dumps(
            design.flat.template["Resources"][group.id]["Properties"]["GroupName"]
        )
        for group in design.of_type("AWS::EC2::SecurityGroup")
        if "GroupName" in group.properties
    }
    mostly = [
        parameter
        for parameter in parameters
        if sum(_mentions(name, parameter) for name in written.values()) >= MANY
    ]
    if not mostly:
        return
    others = {"AWS::StackName", "AWS::StackId", "AWS::AccountId", *parameters}
    for (resource, name), value in [*written.items(), *groups.items()]:
        if not any(_mentions(value, other) for other in others) and "{" not in value:
            why = f"{value} is the same in every environment; expected {mostly[0]} in it"
            yield Problem(resource, ("Properties", name), why)


def _called_as_asked(design: Design) -> Iterator[Problem]:
    """What the spec looks up by name, and that has none, or another."""
    said: dict[str, list[tuple[str, str]]] = {}
    for title, body in design.flat.template.get("Resources", {}).items():
        if body.get("Type") in ASKED_FOR:
            name = ASKED_FOR[body["Type"]][1]
            value = json.dumps((body.get("Properties") or {}).get(name, ""))
            said.setdefault(body["Type"], []).append((title, value))
    wanted = [(kind, name) for kind, (names, _) in ASKED_FOR.items() for name in names]
    missing = [
        (kind, name)
        for kind, name in wanted
        if not any(f'"{name}' in value for _, value in said.get(kind, ()))
    ]
    for kind, name in missing if len(missing) * 2 < len(wanted) else ():
        names, of = ASKED_FOR[kind]
        others = [
            title
            for title, value in said.get(kind, ())
            if not any(f'"{one}' in value for one in names)
        ]
        for title in others[:1]:
            origin = design.flat.origins[title]
            why = f"nothing is called {name}, by which people look for it; expected it as {of}"
            where = ("Resources", origin.logical_id, "Properties")
            yield Problem("", where, why, origin.file)


def _mentions(value: str, parameter: str) -> bool:
    return f'"Ref": "{parameter}"' in value or f"${{{parameter}}}" in value


BUCKET = "Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: liberty-uploads}}"
BALANCER = """
Balancer:
  Type: AWS::ElasticLoadBalancingV2::LoadBalancer
  Properties: {Name: liberty-social-alb}
"""
THREE = """
Parameters: {Suffix: {Type: String, Default: -dev}}
Resources:
  A: {Type: AWS::SNS::Topic, Properties: {TopicName: !Sub "alarms${Suffix}"}}
  B: {Type: AWS::S3::Bucket, Properties: {BucketName: !Sub "uploads${Suffix}"}}
  C: {Type: AWS::ECS::Cluster, Properties: {ClusterName: !Sub "backend${Suffix}"}}
  D: {Type: AWS::IAM::Role, Properties: {RoleName: !Sub "tasks${Suffix}"}}
"""

GROUP = """
  E: {Type: AWS::EC2::SecurityGroup, Properties: {GroupName: ecs-sg}}
"""


def _one(kind: str, name: str, value: str) -> str:
    return f"One: {{Type: 'AWS::{kind}', Properties: {{{name}: '{value}'}}}}"


ASKED = "\n".join(
    f"R{number}: {{Type: '{kind}', Properties: {{{name}: '{value}'}}}}"
    for number, (kind, value, name) in enumerate(
        (kind, value, name) for kind, (values, name) in ASKED_FOR.items() for value in values
    )
)

RULES: tuple[Rule, ...] = (
    Rule(
        "LC1101",
        "error",
        "A name is one that its service takes: its characters, its length",
        "Each service has rules of its own, and says so when the resource is made: a target "
        "group has 32 characters with the suffix of the longest environment, a bucket no "
        "capitals, a load balancer no underscore.",
        NAMES,
        _names_are_taken,
        good=(
            BALANCER,
            BUCKET,
            _one("ECR::Repository", "RepositoryName", "liberty/social.a-b"),
        ),
        bad=(
            BALANCER.replace("liberty-social-alb", "liberty_social"),
            BALANCER.replace("liberty-social-alb", "internal-liberty"),
            BALANCER.replace("liberty-social-alb", "liberty-"),
            BALANCER.replace("liberty-social-alb", "l" * 33),
            _one("ElasticLoadBalancingV2::TargetGroup", "Name", "liberty.social"),
            BUCKET.replace("liberty-uploads", "Liberty-Uploads"),
            BUCKET.replace("liberty-uploads", "ab"),
            BUCKET.replace("liberty-uploads", "liberty..uploads"),
            _one("RDS::DBInstance", "DBInstanceIdentifier", "liberty--db"),
            _one("RDS::DBInstance", "DBInstanceIdentifier", "1liberty"),
            _one("ElastiCache::CacheCluster", "ClusterName", "c" * 51),
            _one("ElastiCache::ReplicationGroup", "ReplicationGroupId", "c" * 41),
            _one("ECR::Repository", "RepositoryName", "Liberty"),
            _one("ECR::Repository", "RepositoryName", "liberty//social"),
            _one("IAM::Role", "RoleName", "ecs task role"),
            _one("IAM::User", "UserName", "u" * 65),
            _one("Logs::LogGroup", "LogGroupName", "aws/liberty"),
            _one("SecretsManager::Secret", "Name", "liberty/KEY:1"),
            _one("SecretsManager::Secret", "Name", "liberty/KEY-abcdef"),
            _one("ECS::Cluster", "ClusterName", "liberty.social"),
            _one("ECS::TaskDefinition", "Family", "liberty social"),
            _one("SNS::Topic", "TopicName", "liberty.alarms"),
            _one("CloudWatch::Dashboard", "DashboardName", "liberty social"),
        ),
    ),
    Rule(
        "LC1102",
        "error",
        "A bucket's name is none that S3 keeps for itself, and has no dots",
        "S3 refuses names of certain beginnings and ends, and addresses. The certificate of "
        "its host names covers one label: a name with dots can't be reached by HTTPS.",
        BUCKETS,
        _buckets_are_not_kept,
        good=(BUCKET,),
        bad=tuple(
            BUCKET.replace("liberty-uploads", name)
            for name in ("xn--liberty", "liberty-s3alias", "192.168.0.1", "liberty.uploads")
        ),
    ),
    Rule(
        "LC1103",
        "error",
        "No two things of a kind have one name, in whichever stacks they are",
        "The second can't be made (AlreadyExists), after the first was. IAM doesn't tell names "
        "apart by their case.",
        NAMES,
        _names_differ,
        good=(
            {"root.yaml": THREE},
            _one("IAM::Role", "RoleName", "a") + "\n" + "Two: {Type: AWS::IAM::Role}",
        ),
        bad=(
            _one("IAM::Role", "RoleName", "ecsTask")
            + "\nTwo: {Type: AWS::IAM::Role, Properties: {RoleName: ECSTask}}",
            BUCKET + "\n" + BUCKET.replace("Bucket:", "Other:", 1),
            {
                "root.yaml": """
Resources:
  One: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: one.yaml}}
  Two: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: two.yaml}}
""",
                "one.yaml": f"Resources:\n  {BUCKET}",
                "two.yaml": f"Resources:\n  {BUCKET}",
            },
            """
A: {Type: AWS::EC2::SecurityGroup, Properties: {GroupName: tasks, VpcId: vpc-1}}
B: {Type: AWS::EC2::SecurityGroup, Properties: {GroupName: tasks, VpcId: vpc-1}}
""",
        ),
    ),
    Rule(
        "LC1104",
        "error",
        "What tells environments apart is in every name",
        "Where most names end in a parameter, so that environments can share an account, one "
        "that doesn't is taken when the second environment is deployed.",
        "docs/settings.md",
        _suffix_reaches_all,
        good=({"root.yaml": THREE},),
        bad=(
            {"root.yaml": THREE.replace('!Sub "tasks${Suffix}"', "tasks")},
            {"root.yaml": THREE + GROUP},
        ),
    ),
    Rule(
        "LC1105",
        "warning",
        "What people look up by name has the name of the spec",
        "The checklist, runbooks and pipelines ask AWS for these names; without one AWS makes "
        "its own, and they find nothing.",
        "docs/spec-coverage.md",
        _called_as_asked,
        good=(ASKED, "Role: {Type: AWS::IAM::Role}"),
        bad=(
            ASKED.replace("RoleName: 'ecsTaskRole'", ""),
            ASKED.replace("'liberty-social-db'", "'liberty-db'"),
        ),
        once=True,
    ),
)
