"""LC19xx: what CloudFormation and AWS count, and tags."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from liberty_cfn.model.resolving import Resource
from liberty_cfn.review.spelling import listed
from liberty_cfn.rules.rule import UNKNOWN, Design, Path, Problem, Rule, each, referred, spelt

COUNTS = (
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"
)
TAGS = "https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html"
VPC_QUOTAS = "https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html"
TITLES = (
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/"
    "resources-section-structure.html"
)

MOST = {"Resources": 500, "Parameters": 200, "Outputs": 200, "Mappings": 200}
LARGEST_TEMPLATE = 1_000_000  # bytes, of a template in S3
LONGEST = {"Description": 1024}  # bytes
LONGEST_PARAMETER = 4096  # bytes
LARGEST_TASK = 65_536  # bytes, of a task definition
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/transform-reference.html
MACROS = (
    *("AWS::Serverless-2016-10-31", "AWS::LanguageExtensions", "AWS::Include"),
    *("AWS::CodeDeployBlueGreen", "AWS::ServiceCatalog", "AWS::CodeStar"),
    *("AWS::SecretsManager-2020-07-23", "AWS::SecretsManager-2024-09-16"),
)
TITLE = re.compile(r"[A-Za-z0-9]{1,255}")
# Rules that a group may have, in each direction; what a network interface may have of groups.
MOST_RULES, MOST_GROUPS = 60, 5
MOST_TAGS = 50
TAG_KEY, TAG_VALUE = 128, 256
TAG = re.compile(r"[\w .:/=+\-@]*")
# What else has letters of its own in tags: they take any.
ANY_LETTERS = ("AWS::EC2::",)


def _counts(design: Design) -> Iterator[Problem]:
    for template in design.templates.templates.values():
        for section, most in MOST.items():
            count = len(template.section(section))
            if count > most:
                why = f"{count} of them; CloudFormation takes {most}. Expected some in a stack"
                yield Problem("", (section,), f"{why} of their own", template.file)
        size = len(json.dumps(template.body, separators=(",", ":")).encode())
        if size > LARGEST_TEMPLATE:
            why = f"{size} bytes; CloudFormation takes {LARGEST_TEMPLATE}"
            yield Problem("", (), why, template.file)
        for section, most in LONGEST.items():
            said = template.body.get(section, "")
            if isinstance(said, str) and len(said.encode()) > most:
                why = f"{len(said.encode())} bytes; CloudFormation takes {most}"
                yield Problem("", (section,), why, template.file)
        for name, declared in template.section("Parameters").items():
            default = declared.get("Default", "") if isinstance(declared, dict) else ""
            if len(str(default).encode()) > LONGEST_PARAMETER:
                why = f"over {LONGEST_PARAMETER} bytes, which CloudFormation takes of a value"
                yield Problem("", ("Parameters", name, "Default"), why, template.file)


def _tasks_are_small(design: Design) -> Iterator[Problem]:
    for task in design.of_type("AWS::ECS::TaskDefinition"):
        size = len(json.dumps(task.properties, separators=(",", ":")).encode())
        if size > LARGEST_TASK:
            why = f"{size} bytes; ECS takes {LARGEST_TASK}. Expected more in EnvironmentFiles"
            yield Problem(task.id, ("Properties",), why)


def _macros(design: Design) -> Iterator[Problem]:
    for template in design.templates.templates.values():
        for name in listed(template.body.get("Transform")):
            if isinstance(name, str) and name.startswith("AWS::") and name not in MACROS:
                meant = get_close_matches(name, MACROS, n=1)
                why = f"AWS has no macro {name}; expected {meant[0] if meant else 'one it has'}"
                yield Problem("", ("Transform",), why, template.file)


def _titles(design: Design) -> Iterator[Problem]:
    for template in design.templates.templates.values():
        # CloudFormation takes any name for a condition or a mapping.
        for section in ("Parameters", "Resources", "Outputs"):
            for title in template.section(section):
                if not TITLE.fullmatch(title) and not title.startswith("Fn::"):
                    why = f"{title[:60]!r} is no logical id; expected letters and digits"
                    yield Problem("", (section, title), why, template.file)


def _tags(resource: Resource) -> Iterator[tuple[Path, Any, Any]]:
    """Yield the tags of a resource: path, key and value."""
    for name in ("Tags", "HostedZoneTags", "UserPoolTags", "FileSystemTags"):
        tags = resource.properties.get(name)
        if isinstance(tags, dict) and "Fn::If" not in tags:
            for key, value in tags.items():
                yield ("Properties", name, key), key, value
        else:
            for path, tag in each(resource.properties, name, "*"):
                if isinstance(tag, dict):
                    yield ("Properties", *path), tag.get("Key", ""), tag.get("Value", "")


def _tags_are_taken(design: Design) -> Iterator[Problem]:
    common = design.environment.tags if design.environment else {}
    for resource in design.resolved.resources.values():
        seen: set[str] = set()
        for path, key, value in _tags(resource):
            name, said = spelt(key), spelt(value)
            if why := _no_tag(name, said, any_letters=resource.type.startswith(ANY_LETTERS)):
                yield Problem(resource.id, path, why)
            elif name in seen:
                why = f"{name!r} is there twice; expected each key once"
                yield Problem(resource.id, path, why)
            seen.add(name)
        count = len(seen | set(common))
        if count > MOST_TAGS:
            why = f"{count} tags, those of the stack included; AWS takes {MOST_TAGS}"
            yield Problem(resource.id, ("Properties", "Tags"), why)


def _no_tag(key: str, value: str, *, any_letters: bool) -> str:
    """Return why AWS doesn't take a tag; empty if it does."""
    if not key:
        return "a tag without a key; expected one of 1 to 128 characters"
    if key.lower().startswith("aws:"):
        return f"{key!r}: AWS keeps aws: for itself; expected another beginning"
    if len(key) > TAG_KEY:
        return f"a key of {len(key)} characters; AWS takes {TAG_KEY}"
    if len(value) > TAG_VALUE:
        return f"{key!r} has a value of {len(value)} characters; AWS takes {TAG_VALUE}"
    for said in (key, value):
        odd = "" if any_letters else TAG.sub("", said.replace(UNKNOWN, ""))
        if odd or "<" in said:
            what = " ".join(sorted(set(odd or "<")))
            return f"{said[:60]!r} has {what}; expected letters, digits, spaces or _.:/=+-@"
    return ""


def _groups_are_small(design: Design) -> Iterator[Problem]:
    counts: dict[tuple[str, str], int] = {}
    for group in design.of_type("AWS::EC2::SecurityGroup"):
        for way in ("Ingress", "Egress"):
            rules = group.properties.get(f"SecurityGroup{way}")
            counts[group.id, way] = len(listed(rules))
    for way in ("Ingress", "Egress"):
        for rule in design.of_type(f"AWS::EC2::SecurityGroup{way}"):
            key = (referred(rule.properties.get("GroupId")), way)
            counts[key] = counts.get(key, 0) + 1
    for (group_id, way), count in counts.items():
        if count > MOST_RULES and group_id in design.resolved.resources:
            why = f"{count} rules of {way.lower()}; EC2 takes {MOST_RULES} of a group"
            yield Problem(group_id, ("Properties",), why)
    for resource in design.resolved.resources.values():
        for path, groups in _groups(resource.properties):
            if len(groups) > MOST_GROUPS:
                why = f"{len(groups)} groups; EC2 takes {MOST_GROUPS} of an interface"
                yield Problem(resource.id, ("Properties", *path), why)


def _groups(properties: Mapping[str, Any]) -> Iterator[tuple[Path, list[Any]]]:
    ways: tuple[Path, ...] = (
        ("SecurityGroups",),
        ("VPCSecurityGroups",),
        ("VpcSecurityGroupIds",),
        ("SecurityGroupIds",),
        ("NetworkConfiguration", "AwsvpcConfiguration", "SecurityGroups"),
    )
    for way in ways:
        for path, groups in each(properties, *way):
            if isinstance(groups, list):
                yield path, groups


def _many(count: int, body: str) -> str:
    return "\n".join(f"  X{number}: {body}" for number in range(count))


TOPIC = "Topic: {Type: AWS::SNS::Topic, Properties: {Tags: [{Key: Name, Value: alarms}]}}"
VPC = "Vpc: {Type: AWS::EC2::VPC, Properties: {Tags: [{Key: Name, Value: liberty}]}}"
SMALL = {"root.yaml": f"Resources:\n  {TOPIC}\n"}
GROUP = """
Group: {Type: AWS::EC2::SecurityGroup, Properties: {SecurityGroupIngress: [RULES]}}
"""
RULE = "{IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIp: 10.0.0.0/8}"
TASK = """
Task:
  Type: AWS::ECS::TaskDefinition
  Properties: {ContainerDefinitions: [{Name: web, Environment: [{Name: KEY, Value: x}]}]}
"""

RULES: tuple[Rule, ...] = (
    Rule(
        "LC1901",
        "error",
        "A template is of a size that CloudFormation takes",
        "500 resources, 200 parameters, 200 outputs, 1 MB, a description of 1,024 bytes: more "
        "is refused, whichever of them it was that grew.",
        COUNTS,
        _counts,
        good=(SMALL,),
        bad=(
            {"root.yaml": "Resources:\n" + _many(501, "{Type: AWS::SNS::Topic}")},
            {"root.yaml": f"Resources: {{{TOPIC}}}\nOutputs:\n" + _many(201, "{Value: x}")},
            {
                "root.yaml": f"Resources: {{{TOPIC}}}\nParameters:\n"
                + _many(201, "{Type: String}")
            },
            {"root.yaml": f"Description: {'d' * 1025}\nResources: {{{TOPIC}}}"},
        ),
        once=True,
    ),
    Rule(
        "LC1902",
        "error",
        "A logical id is of letters and digits",
        "CloudFormation refuses a template with any other character in one.",
        TITLES,
        _titles,
        good=(
            SMALL,
            {"root.yaml": f"Conditions: {{A&B: !Equals [a, b]}}\n{SMALL['root.yaml']}"},
            {"root.yaml": f"Resources: {{'Fn::ForEach::All': [A, [b], {{{TOPIC}}}]}}"},
        ),
        bad=(
            {"root.yaml": f"Resources: {{My-{TOPIC}}}"},
            {"root.yaml": f"Resources: {{{TOPIC}}}\nOutputs: {{the_topic: {{Value: x}}}}"},
        ),
        once=True,
    ),
    Rule(
        "LC1903",
        "error",
        "A tag has a key and a value that AWS takes, and each key is there once",
        "50 tags, keys of 128 and values of 256 characters, no key that starts with aws: the "
        "service refuses others when it makes the resource.",
        TAGS,
        _tags_are_taken,
        good=(TOPIC, VPC),
        bad=(
            TOPIC.replace("Key: Name", "Key: 'aws:name'"),
            TOPIC.replace("Key: Name", "Key: ''"),
            TOPIC.replace("Key: Name", f"Key: {'k' * 129}"),
            TOPIC.replace("alarms", "a" * 257),
            TOPIC.replace("alarms", "'alarms; mail'"),
            TOPIC.replace("[{", "[{Key: Name, Value: topic}, {"),
            VPC.replace(
                "[{", "[" + ", ".join(f"{{Key: k{n}, Value: x}}" for n in range(50)) + ", {"
            ),
        ),
    ),
    Rule(
        "LC1904",
        "error",
        "A group has at most 60 rules each way, an interface five groups",
        "EC2 refuses the next one (RulesPerSecurityGroupLimitExceeded), unless the account has "
        "asked for more.",
        VPC_QUOTAS,
        _groups_are_small,
        good=(GROUP.replace("RULES", RULE),),
        bad=(
            GROUP.replace("RULES", ", ".join(RULE for _ in range(61))),
            """
Database:
  Type: AWS::RDS::DBInstance
  Properties: {VPCSecurityGroups: [a, b, c, d, e, f]}
""",
        ),
    ),
    Rule(
        "LC1905",
        "error",
        "A task definition is of a size that ECS takes",
        "ECS refuses one of more than 64 KiB, with all its variables and commands.",
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html",
        _tasks_are_small,
        good=(TASK,),
        bad=(TASK.replace("Value: x", f"Value: {'x' * 65536}"),),
    ),
    Rule(
        "LC1906",
        "error",
        "A macro of AWS's is one that there is",
        "CloudFormation makes no change set of a template whose macro it doesn't find.",
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"
        "transform-reference.html",
        _macros,
        good=(
            {"root.yaml": f"Transform: AWS::LanguageExtensions\nResources: {{{TOPIC}}}"},
            {"root.yaml": f"Transform: [OurOwn]\nResources: {{{TOPIC}}}"},
        ),
        bad=(
            {"root.yaml": f"Transform: AWS::LanguageExtension\nResources: {{{TOPIC}}}"},
            {"root.yaml": f"Transform: [AWS::Serverless-2016-10-32]\nResources: {{{TOPIC}}}"},
        ),
        once=True,
    ),
)
