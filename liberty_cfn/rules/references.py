"""LC152x: references to values that CloudFormation looks up, and where secrets end up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from liberty_cfn.model.loading import NESTED
from liberty_cfn.model.parsing import Template
from liberty_cfn.model.resolving import Resource
from liberty_cfn.rules.examples import changed
from liberty_cfn.rules.rule import Design, Path, Problem, Rule, each, look, referred, text
from liberty_cfn.rules.statements import shown
from liberty_cfn.rules.vault import TYPE, has_value, keys, named

GUIDE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/"

REFERENCE = re.compile(r"\{\{resolve:([^{}]*(?:\$\{[^}]*\}[^{}]*)*)\}\}")
ALMOST = re.compile(r"\{\{?\s*resolve\s*:|resolve:(ssm|secretsmanager)")
EXPRESSION = re.compile(r"\$\{[^}]*\}")
# What only AWS knows of a text, while its colons are counted.
STAND_IN = "\1"
ARN_PARTS = 7
NAME = rf"[A-Za-z0-9_./{STAND_IN}-]+"
VERSIONED = re.compile(rf"{NAME}(:[1-9]\d*)?")
SERVICES = ("ssm", "ssm-secure", "secretsmanager")
# Properties that are passwords and the like: AWS keeps those to itself.
KEPT = re.compile(
    r"(?i).*(password|secretstring|secretkey|authtoken|token|credentials?|privatekey|apikey)"
    r"|.*username"
)
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-ssm-secure-strings.html
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-ssm-secure-strings.html
SECURE = {
    ("AWS::DirectoryService::MicrosoftAD", "Password"),
    ("AWS::DirectoryService::SimpleAD", "Password"),
    ("AWS::ElastiCache::ReplicationGroup", "AuthToken"),
    ("AWS::IAM::User", "LoginProfile"),
    ("AWS::KinesisFirehose::DeliveryStream", "RedshiftDestinationConfiguration"),
    ("AWS::OpsWorks::App", "AppSource"),
    ("AWS::OpsWorks::Stack", "CustomCookbooksSource"),
    ("AWS::OpsWorks::Stack", "RdsDbInstances"),
    ("AWS::RDS::DBCluster", "MasterUserPassword"),
    ("AWS::RDS::DBInstance", "MasterUserPassword"),
    ("AWS::Redshift::Cluster", "MasterUserPassword"),
}
SECRETIVE = re.compile(
    r"(?i).*(password|passwd|secret|secret_?key|token|api_?key|private_?key)"
)


def _texts(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield every text in a value, joined ones whole, with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        if "Fn::Join" in value or "Ref" in value or "Fn::GetAtt" in value:
            yield path, value
            return
        for key, item in value.items():
            yield from _texts(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index))


# Three rules ask in a row.
@lru_cache(maxsize=2)
def _resolved(design: Design) -> tuple[tuple[Resource, Path, str], ...]:
    """Return each text of a resource that CloudFormation is to look something up in."""
    return tuple(
        (resource, ("Properties", *path), shown(value))
        for resource in design.resolved.resources.values()
        if "resolve" in str(resource.properties)
        for path, value in _texts(resource.properties)
        if (isinstance(value, str) or "Fn::Join" in value) and "resolve" in shown(value)
    )


def _references(plain: str) -> Iterator[list[str]]:
    """Yield the parts of each reference in a text, an ARN as one of them."""
    for found in REFERENCE.finditer(plain):
        inside = found[1]
        parts = EXPRESSION.sub(STAND_IN, inside).split(":")
        if parts[1:2] == ["arn"]:
            parts[1 : 1 + ARN_PARTS] = [":".join(parts[1 : 1 + ARN_PARTS])]
        expressions = iter(EXPRESSION.findall(inside))
        yield [
            "".join(next(expressions) if one == STAND_IN else one for one in part)
            for part in parts
        ]


def _formed(design: Design) -> Iterator[Problem]:
    for resource, path, plain in _resolved(design):
        left = REFERENCE.sub("", plain)
        if ALMOST.search(left):
            why = (
                f"{plain!r} stands there as it is; expected "
                f"{{{{resolve:secretsmanager:<ARN>}}}}, with two braces and without spaces"
            )
            yield Problem(resource.id, path, why)
        for parts in _references(plain):
            if why := _malformed(parts):
                yield Problem(resource.id, path, why)


def _malformed(parts: list[str]) -> str:
    """Return why the parts of a reference make none; nothing if they do."""
    service, *rest = parts
    if service not in SERVICES:
        return f"{service} is nothing to look up in; expected one of {', '.join(SERVICES)}"
    if not rest or not rest[0]:
        return f"{service} says not what; expected a name behind a colon"
    if rest[-1].endswith("\\"):
        return "it ends in a backslash, which CloudFormation can't look up; drop it"
    if service != "secretsmanager":
        plain = EXPRESSION.sub(STAND_IN, ":".join(rest))
        if VERSIONED.fullmatch(plain):
            return ""
        return f"{':'.join(rest)!r} is no parameter; expected its name, or name:version"
    return _malformed_secret(rest)


def _malformed_secret(rest: list[str]) -> str:
    _, kind, _, stage, version, *more = [*rest, "", "", "", ""][: max(len(rest), 5)]
    if kind not in ("SecretString", ""):
        return f"{kind!r} behind the secret; expected SecretString, and then a key"
    if stage and version:
        return "a version's stage and its id; expected one of them"
    return "parts too many; expected id:SecretString:key:stage:version" if any(more) else ""


def _found(design: Design) -> Iterator[Problem]:
    for resource, path, plain in _resolved(design):
        for parts in _references(plain):
            secret_meant = parts[0] == "secretsmanager" and len(parts) > 1
            why = _not_in(design, parts, path) if secret_meant else ""
            if why:
                yield Problem(resource.id, path, why)


def _not_in(design: Design, parts: list[str], path: Path) -> str:
    """Return why a secret of ours isn't found by a reference; nothing if it is."""
    identifier, key = parts[1], parts[3] if len(parts) > 3 else ""  # noqa: PLR2004
    if "$" not in identifier:
        secret = named(design, identifier)
        title = secret.origin.logical_id if secret else ""
        why = f"by its name it may be read before it is made; expected !Ref {title} in a !Sub"
        return why if secret else ""
    secret = design.resolved.resources.get(identifier.strip("${}").partition(".")[0])
    if secret is None:
        return ""
    if secret.type != TYPE:
        return f"{secret.origin} is no secret; expected the ARN of one"
    if not has_value(secret):
        return f"{secret.origin} is made without a value; expected one that has"
    return _no_key(secret, key, whole=not str(path[-1]).endswith("Password"))


def _no_key(secret: Resource, key: str, *, whole: bool) -> str:
    known = keys(secret)
    if key and known is None:
        return f"{secret.origin} is plain text, without a key {key!r}; drop :SecretString:{key}"
    if key and key not in (known or ()):
        return (
            f"{secret.origin} has no key {key!r}; expected {' or '.join(sorted(known or ()))}"
        )
    if not key and known and not whole:
        return f"all of {secret.origin} would be the password; expected a key of it"
    return ""


def _readable(design: Design) -> Iterator[Problem]:
    for resource, path, plain in _resolved(design):
        name = next(str(step) for step in reversed(path) if isinstance(step, str))
        for parts in _references(plain):
            if parts[0] == "ssm-secure" and (resource.type, path[1]) not in SECURE:
                why = (
                    f"CloudFormation looks no ssm-secure up in {name}; expected secretsmanager"
                )
                yield Problem(resource.id, path, why)
            elif parts[0] == "secretsmanager" and not KEPT.fullmatch(name):
                why = (
                    f"the secret's value can be read in {name} by who may look at "
                    f"{resource.type}; expected its ARN, for who reads it when it is needed"
                )
                yield Problem(resource.id, path, why)
    for title, template in design.templates.templates.items():
        for section in ("Outputs", "Parameters", "Metadata", "Conditions", "Mappings"):
            for path, value in _texts(template.section(section)):
                if "{{resolve:" in shown(value):
                    why = f"CloudFormation looks nothing up in {section}; drop it"
                    yield Problem("", (section, *path), why, title)


def _shown_to_all(design: Design) -> Iterator[Problem]:
    """Values of access keys, and those that parameters hide, where they are shown."""
    parameters = design.flat.template.get("Parameters", {})
    hiding = [name for name, body in parameters.items() if _hides(body)]
    if hiding or any(design.of_type("AWS::IAM::AccessKey")):
        for resource in design.resolved.resources.values():
            yield from _shown(design, resource)
    for file, template in design.templates.templates.items():
        echoed = {name for name, body in template.section("Parameters").items() if _hides(body)}
        for path, value in _texts(template.section("Outputs")):
            sub = text(look(value, "Fn::Sub")) or (value if isinstance(value, str) else "")
            named_in = {*re.findall(r"\$\{(\w+)\}", sub), referred(value)}
            key = look(value, "Fn::GetAtt", 1) == "SecretAccessKey"
            if key or ".SecretAccessKey}" in sub or named_in & echoed:
                why = "an output shows a secret to who may look at the stack; drop it"
                yield Problem("", ("Outputs", *path), why, file)


def _shown(design: Design, resource: Resource) -> Iterator[Problem]:
    hidden = "SecretString" if resource.type == TYPE else ""
    for path, value in _texts(resource.properties):
        name = next((str(step) for step in reversed(path) if isinstance(step, str)), "")
        if resource.type == NESTED and path[:1] == ("Parameters",):
            # Of a stack that isn't here: whether its parameter hides what it is given.
            continue
        for _, piece in (*each(value, "Fn::Join", 1, "*"), ((), value)):
            what = _secret(design, piece)
            if what and name != hidden and not (KEPT.fullmatch(name) and "key" not in what):
                why = f"{what} can be read in {name}; expected it in a secret"
                yield Problem(resource.id, ("Properties", *path), why)


def _hides(parameter: Any) -> bool:
    return text(look(parameter, "NoEcho")) == "true"


def _secret(design: Design, value: Any) -> str:
    """Return what of a secret a value is; nothing if it is none."""
    if look(value, "Fn::GetAtt", 1) == "SecretAccessKey":
        return "an access key's secret"
    name = look(value, "Ref")
    parameter = look(design.flat.template, "Parameters", name) if name else None
    return "what NoEcho hides" if _hides(parameter) else ""


def _asked(design: Design) -> Iterator[Problem]:
    for file, template in design.templates.templates.items():
        for name, body in template.section("Parameters").items():
            if not SECRETIVE.fullmatch(name) or not isinstance(body, dict):
                continue
            if text(body.get("NoEcho")) != "true":
                why = "what people type here is shown in the console; expected NoEcho: true"
                yield Problem("", ("Parameters", name), f"{why}, or a secret made here", file)
            if text(body.get("Default", "")) != "":
                why = "a secret that stands in the template; expected no Default"
                yield Problem("", ("Parameters", name, "Default"), why, file)
        for name in _taken_for_secrets(template):
            body = template.section("Parameters").get(name)
            if isinstance(body, dict) and not (_hides(body) or SECRETIVE.fullmatch(name)):
                why = f"{name} is a secret's value, and the console shows it; expected NoEcho"
                yield Problem("", ("Parameters", name), f"{why}: true", file)


def _taken_for_secrets(template: Template) -> Iterator[str]:
    """Yield the parameters that are as they stand what a secret is made with."""
    for resource in template.section("Resources").values():
        given = look(resource, "Properties", "SecretString")
        if look(resource, "Type") == "AWS::SecretsManager::Secret" and referred(given):
            yield referred(given)


LOOKED_UP = """
Password:
  Type: AWS::SecretsManager::Secret
  Properties: {Name: liberty/PASSWORD, GenerateSecretString: {PasswordLength: 40}}
Login:
  Type: AWS::SecretsManager::Secret
  Properties:
    GenerateSecretString: {SecretStringTemplate: '{"user": "a"}', GenerateStringKey: password}
Empty: {Type: AWS::SecretsManager::Secret}
Key: {Type: AWS::IAM::AccessKey, Properties: {UserName: a}}
Copy:
  Type: AWS::SecretsManager::Secret
  Properties: {SecretString: !GetAtt Key.SecretAccessKey}
Database:
  Type: AWS::RDS::DBInstance
  Properties:
    DBName: '{{resolve:ssm:/liberty/name:1}}'
    MasterUserPassword: !Sub '{{resolve:secretsmanager:${Password}}}'
Other:
  Type: AWS::RDS::DBInstance
  Properties:
    MasterUserPassword: !Sub '{{resolve:secretsmanager:${Login}:SecretString:password}}'
Task:
  Type: AWS::ECS::TaskDefinition
  Properties:
    ContainerDefinitions: [{Environment: [{Name: A, Value: a}]}]
    Tags: [{Key: A, Value: b}]
"""
PLAIN = "!Sub '{{resolve:secretsmanager:${Password}}}'"
OF_NAME = {
    "root.yaml": """
Parameters:
  Size: {Type: String, Default: small}
  PasswordArn: {Type: String}
  AdminPassword: {Type: String, NoEcho: true}
Resources:
  Key: {Type: AWS::IAM::AccessKey, Properties: {UserName: a}}
  Database: {Type: AWS::RDS::DBInstance, Properties: {MasterUserPassword: !Ref AdminPassword}}
  Topic: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Ref Size}}
Outputs:
  Key: {Value: !Ref Key}
"""
}


GIVEN_ON = """  Agents:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: https://templates.s3.amazonaws.com/agents.yaml
      Parameters: {Password: !Ref AdminPassword}
  Topic:"""


GIVEN_AWAY = """  Kept:
    Type: AWS::SecretsManager::Secret
    Properties: {SecretString: !Ref Size}
  Topic:"""


def _but(old: str, new: str) -> dict[str, str]:
    return {"root.yaml": OF_NAME["root.yaml"].replace(old, new, 1)}


RULES: tuple[Rule, ...] = (
    Rule(
        "LC1521",
        "error",
        "A dynamic reference is one that CloudFormation can read",
        "What isn't stands there as it is, and is the password then; or the stack fails.",
        f"{GUIDE}dynamic-references.html",
        _formed,
        good=(LOOKED_UP,),
        bad=changed(
            LOOKED_UP,
            (PLAIN, "!Sub '{{resolve:secretmanager:${Password}}}'"),
            (PLAIN, "!Sub '{resolve:secretsmanager:${Password}}'"),
            (PLAIN, "!Sub '{{ resolve:secretsmanager:${Password} }}'"),
            (PLAIN, "!Sub '{{resolve:secretsmanager:${Password}'"),
            (PLAIN, "'{{resolve:secretsmanager:}}'"),
            (PLAIN, "!Sub '{{resolve:secretsmanager:${Password}:password}}'"),
            (PLAIN, "!Sub '{{resolve:secretsmanager:${Password}:SecretBinary}}'"),
            (
                PLAIN,
                "!Sub '{{resolve:secretsmanager:${Password}:SecretString:a:AWSCURRENT:1}}'",
            ),
            ("/liberty/name:1", "/liberty/name:latest"),
        ),
    ),
    Rule(
        "LC1522",
        "error",
        "A dynamic reference finds what it is for",
        "A key of plain text, one that isn't there, a secret without a value, or one read by "
        "name before it is made: the stack fails; or all of the JSON is the password.",
        f"{GUIDE}dynamic-references-secretsmanager.html",
        _found,
        good=(LOOKED_UP,),
        bad=changed(
            LOOKED_UP,
            (PLAIN, "'{{resolve:secretsmanager:liberty/PASSWORD}}'"),
            (PLAIN, "!Sub '{{resolve:secretsmanager:${Password}:SecretString:password}}'"),
            (PLAIN, "!Sub '{{resolve:secretsmanager:${Empty}}}'"),
            (PLAIN, "!Sub '{{resolve:secretsmanager:${Task}}}'"),
            ("SecretString:password}}", "SecretString:passwort}}"),
            (":SecretString:password}}", "}}"),
        ),
    ),
    Rule(
        "LC1523",
        "error",
        "A secret's value is looked up only where AWS keeps it to itself",
        "In an environment variable, a tag, a description or a name everybody reads it who may "
        "look at the resource; in outputs CloudFormation looks nothing up.",
        f"{GUIDE}dynamic-references-secretsmanager.html",
        _readable,
        good=(LOOKED_UP, OF_NAME),
        bad=(
            *changed(
                LOOKED_UP,
                ("Name: A, Value: a", "Name: A, Value: '{{resolve:secretsmanager:a}}'"),
                (
                    "Key: A, Value: b",
                    "Key: A, Value: !Sub '{{resolve:secretsmanager:${Login}}}'",
                ),
                ("{{resolve:ssm:/liberty", "{{resolve:ssm-secure:/liberty"),
                ("{{resolve:ssm:/liberty/name:1}}", "{{resolve:secretsmanager:a}}"),
            ),
            _but("Value: !Ref Key", "Value: '{{resolve:secretsmanager:a}}'"),
            _but("Value: !Ref Key", "Value: !Join ['', ['{{resolve:ssm:', !Ref Size, '}}']]"),
            _but("Default: small", "Default: '{{resolve:ssm:a}}'"),
        ),
    ),
    Rule(
        "LC1524",
        "error",
        "Nothing secret is shown: no access key's secret, nothing that NoEcho hides",
        "Outputs, environment variables, tags and names are shown in the console, in logs and "
        "in change sets.",
        "docs/decisions/0005-secrets.md",
        _shown_to_all,
        good=(LOOKED_UP, OF_NAME, _but("  Topic:", GIVEN_ON)),
        bad=(
            *changed(
                LOOKED_UP,
                ("Value: a}", "Value: !GetAtt Key.SecretAccessKey}"),
                ("Value: b}", "Value: !Sub 'key ${Key.SecretAccessKey}'}"),
            ),
            _but("Value: !Ref Key", "Value: !GetAtt Key.SecretAccessKey"),
            _but("Value: !Ref Key", "Value: !Ref AdminPassword"),
            _but("Value: !Ref Key", "Value: !Sub 'a ${AdminPassword}'"),
            _but("DisplayName: !Ref Size", "DisplayName: !Ref AdminPassword"),
        ),
    ),
    Rule(
        "LC1525",
        "error",
        "A parameter that takes a secret hides it, and has none for its default",
        "Parameters are shown to who may look at the stack, and defaults to who reads the "
        "template.",
        f"{GUIDE}security-best-practices.html",
        _asked,
        good=(OF_NAME,),
        bad=(
            _but(", NoEcho: true", ""),
            _but("  Topic:", GIVEN_AWAY),
            _but("NoEcho: true", "NoEcho: false"),
            _but("NoEcho: true", "NoEcho: true, Default: hunter2"),
        ),
    ),
)
