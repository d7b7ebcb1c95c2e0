"""LC150x: secrets, how they are generated, and who else could read them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from liberty_cfn.model.resolving import Resource
from liberty_cfn.rules.examples import changed
from liberty_cfn.rules.expected import TRUTH, Expectation, like, misfits, whole
from liberty_cfn.rules.rule import (
    Design,
    Problem,
    Rule,
    each,
    flag,
    look,
    number,
    spelt,
    text,
)
from liberty_cfn.rules.statements import parsed, statements
from liberty_cfn.rules.vault import TYPE, keys, meant

API = "https://docs.aws.amazon.com/secretsmanager/latest/apireference/"
GUIDE = "https://docs.aws.amazon.com/secretsmanager/latest/userguide/"
INSTANCE = "AWS::RDS::DBInstance"
ROTATION = "AWS::SecretsManager::RotationSchedule"
ATTACHMENT = "AWS::SecretsManager::SecretTargetAttachment"
RESOURCE_POLICY = "AWS::SecretsManager::ResourcePolicy"

# What RDS refuses in a password, and what breaks the URLs passwords are put into.
REFUSED = '/"@ '
USUAL_LENGTH = 32
LEAST_LENGTH = 16
LONGEST_PASSWORD = {"postgres": 128, "mysql": 41, "mariadb": 41}
LONGEST_VALUE = 65_536  # bytes
GENERATED: Mapping[str, Expectation] = {
    "GenerateSecretString.PasswordLength": whole(1, 4096),
    "GenerateSecretString.ExcludeCharacters": like(r"(?s).{0,4096}", "4096 at most"),
    **{
        f"GenerateSecretString.{name}": TRUTH
        for name in (
            "ExcludeLowercase",
            "ExcludeNumbers",
            "ExcludePunctuation",
            "ExcludeUppercase",
            "IncludeSpace",
            "RequireEachIncludedType",
        )
    },
}
KINDS = {
    "ExcludeLowercase": "abcdefghijklmnopqrstuvwxyz",
    "ExcludeUppercase": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "ExcludeNumbers": "0123456789",
    "ExcludePunctuation": "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
}
NAMED: Mapping[str, Expectation] = {
    "Name": like(r"[A-Za-z0-9/_+=.@-]{1,512}", "letters, digits or one of / _ + = . @ -"),
    "KmsKeyId": like(r"arn:.+:(key|alias)/.+|alias/.+|[0-9a-f-]{36}", "a key's ARN or alias"),
    "ReplicaRegions.*.Region": like(r"[a-z]{2}(-[a-z]+)+-\d", "a region"),
}
# A partial ARN takes such an end for the six characters that AWS appends.
LIKE_AN_ARN = re.compile(r".*-[A-Za-z0-9]{6}")
SCHEDULE = like(r"rate\([1-9]\d* (hours?|days?)\)|cron\(.+\)", "rate(n days) or cron(...)")
ROTATED: Mapping[str, Expectation] = {
    "RotationRules.AutomaticallyAfterDays": whole(1, 1000),
    "RotationRules.ScheduleExpression": SCHEDULE,
    "RotationRules.Duration": like(r"\d{1,2}h", "hours, such as 3h"),
}
# Variables, settings and parameters that are called so hold what nobody may read.
SECRETIVE = re.compile(
    r"(?i)(.*_)?(password|passwd|secret(_?key)?|token|api_?key|private_?key|credentials?)(\d*|_.*)"
)
# Values that are no secret, whatever the name says.
HARMLESS = re.compile(r"(?i)|true|false|none|null|\d{1,5}|arn:.*|/.*|[a-z0-9.-]+\.[a-z]{2,}")


def _one_source(design: Design) -> Iterator[Problem]:
    for secret in design.of_type(TYPE):
        properties = secret.properties
        if "SecretString" in properties and "GenerateSecretString" in properties:
            why = "SecretString and GenerateSecretString; expected one of them"
            yield Problem(secret.id, ("Properties", "SecretString"), why)
        value = text(properties.get("SecretString"))
        if value == "" or len((value or "").encode()) > LONGEST_VALUE:
            why = "SecretString is empty or over 64 KiB; expected a value, or none"
            yield Problem(secret.id, ("Properties", "SecretString"), why)


def _written_down(design: Design) -> Iterator[Problem]:
    for secret in design.of_type(TYPE):
        # As it is written: what comes of settings, such as an address, is no secret there.
        raw = look(design.flat.template, "Resources", secret.id, "Properties", "SecretString")
        if isinstance(raw, str | int) and "{{resolve:" not in str(raw):
            why = "a value that stands in the template; expected GenerateSecretString, or none"
            yield Problem(secret.id, ("Properties", "SecretString"), why)
    for task in design.of_type("AWS::ECS::TaskDefinition"):
        for at, item in each(task.properties, "ContainerDefinitions", "*", "Environment", "*"):
            name, value = text(item.get("Name")) or "", text(item.get("Value"))
            if value is None or not SECRETIVE.fullmatch(name) or HARMLESS.fullmatch(value):
                continue
            why = f"{name} stands in the task definition, for all to read; expected Secrets"
            yield Problem(task.id, ("Properties", *at, "Value"), why)


def _generated(design: Design) -> Iterator[Problem]:
    for secret in design.of_type(TYPE):
        yield from misfits(secret, GENERATED)
        generator = secret.properties.get("GenerateSecretString")
        if not isinstance(generator, dict):
            continue
        path = ("Properties", "GenerateSecretString")
        left, kinds = _alphabet(generator)
        length = number(generator.get("PasswordLength", USUAL_LENGTH))
        if not left:
            yield Problem(secret.id, path, "nothing is left to make it of; exclude less")
        elif length is not None and length < LEAST_LENGTH:
            why = f"{length:.0f} characters can be guessed; expected {LEAST_LENGTH} at least"
            yield Problem(secret.id, (*path, "PasswordLength"), why)
        elif len(left) < 10 or (length is not None and length < kinds):  # noqa: PLR2004
            why = f"made of {left!r} it can be guessed; exclude less"
            yield Problem(secret.id, path, why)


def _alphabet(generator: Mapping[str, Any]) -> tuple[str, int]:
    """Return the characters a generator may use, and of how many kinds they are."""
    excluded = text(generator.get("ExcludeCharacters", "")) or ""
    left = [
        "".join(character for character in kind if character not in excluded)
        for name, kind in KINDS.items()
        if not flag(generator.get(name, False))
    ]
    return "".join(left), len([kind for kind in left if kind])


def _templates(design: Design) -> Iterator[Problem]:
    for secret in design.of_type(TYPE):
        generator = secret.properties.get("GenerateSecretString")
        if not isinstance(generator, dict):
            continue
        path = ("Properties", "GenerateSecretString")
        template, key = (n in generator for n in ("SecretStringTemplate", "GenerateStringKey"))
        if template != key:
            here, lacking = ("SecretStringTemplate", "GenerateStringKey")
            if key:
                here, lacking = lacking, here
            yield Problem(secret.id, path, f"{here} needs {lacking} beside it")
        if template:
            document = parsed(generator["SecretStringTemplate"])
            where = (*path, "SecretStringTemplate")
            if not isinstance(document, dict):
                why = 'it is no JSON object; expected one such as {"username": "postgres"}'
                yield Problem(secret.id, where, why)
            elif text(generator.get("GenerateStringKey")) in document:
                why = "it has the generated key itself; expected the others only"
                yield Problem(secret.id, where, why)


def _names(design: Design) -> Iterator[Problem]:
    for secret in design.of_type(TYPE):
        yield from misfits(secret, NAMED)
        name = text(secret.properties.get("Name")) or ""
        if LIKE_AN_ARN.fullmatch(name):
            why = (
                f"{name} ends in a hyphen and six, which searching takes for the end of an "
                "ARN; expected another end"
            )
            yield Problem(secret.id, ("Properties", "Name"), why)
        made = design.follow(secret.properties.get("KmsKeyId"))
        if made is not None and made.type not in ("AWS::KMS::Key", "AWS::KMS::Alias"):
            why = f"{made.origin} is no key; expected !Ref of one"
            yield Problem(secret.id, ("Properties", "KmsKeyId"), why)
        regions = [
            text(region)
            for _, region in each(secret.properties, "ReplicaRegions", "*", "Region")
        ]
        own = design.environment.region if design.environment else ""
        if own in regions or len(set(regions)) < len(regions):
            why = "a replica where the secret is, or two in one region; expected others"
            yield Problem(secret.id, ("Properties", "ReplicaRegions"), why)


def _for_databases(design: Design) -> Iterator[Problem]:
    """The secrets that databases take for their password."""
    for database in design.of_type(INSTANCE):
        value = database.properties.get("MasterUserPassword")
        for piece in look(value, "Fn::Join", 1) or ():
            secret = meant(design, piece)
            if secret is None:
                continue
            generator = look(secret.properties, "GenerateSecretString")
            if not isinstance(generator, dict):
                yield from _given_password(database, secret, value)
                continue
            path = ("Properties", "GenerateSecretString")
            left, _ = _alphabet(generator)
            space = " " if flag(generator.get("IncludeSpace", False)) else ""
            bad = [character for character in REFUSED if character in left + space]
            known = text(generator.get("ExcludeCharacters", "")) is not None
            if bad and known:
                why = (
                    f"RDS refuses {' '.join(map(repr, bad))} in a password, which this may "
                    "have; expected them in ExcludeCharacters"
                )
                yield Problem(secret.id, (*path, "ExcludeCharacters"), why)
            most = LONGEST_PASSWORD.get(text(database.properties.get("Engine")) or "", 128)
            length = number(generator.get("PasswordLength", USUAL_LENGTH))
            if length is not None and not 8 <= length <= most:  # noqa: PLR2004 - RDS's least
                why = f"{length:.0f} characters, for {database.origin}; expected 8 to {most}"
                yield Problem(secret.id, (*path, "PasswordLength"), why)


def _given_password(database: Resource, secret: Resource, value: Any) -> Iterator[Problem]:
    """Yield that what a secret is given is no password RDS takes; of a JSON, its parts are."""
    said = spelt(secret.properties.get("SecretString", ""))
    whole = not re.search(r":SecretString:\w", spelt(value))
    bad = [character for character in REFUSED if character in said]
    if whole and bad:
        why = (
            f"{database.origin} takes it for its password, in which RDS refuses "
            f"{' '.join(map(repr, bad))}; expected another secret there, or another value here"
        )
        yield Problem(secret.id, ("Properties", "SecretString"), why)


def _rotation(design: Design) -> Iterator[Problem]:
    for schedule in design.of_type(ROTATION):
        yield from misfits(schedule, ROTATED)
        properties = schedule.properties
        rules = properties.get("RotationRules") or {}
        if "AutomaticallyAfterDays" in rules and "ScheduleExpression" in rules:
            why = "AutomaticallyAfterDays and ScheduleExpression; expected one of them"
            yield Problem(schedule.id, ("Properties", "RotationRules"), why)
        if not rules:
            why = (
                "nothing says when; expected RotationRules, such as AutomaticallyAfterDays: 30"
            )
            yield Problem(schedule.id, ("Properties",), why)
        who = [n for n in ("RotationLambdaARN", "HostedRotationLambda") if n in properties]
        if len(who) != 1:
            why = f"{' and '.join(who) or 'nobody'} rotates it; expected one of the two"
            yield Problem(schedule.id, ("Properties",), why)
        secret = _secret_of(design, schedule)
        if secret and keys(secret) is None and "HostedRotationLambda" in properties:
            why = f"{secret.origin} is plain text, and rotating takes JSON with a password"
            yield Problem(schedule.id, ("Properties", "SecretId"), why)
    for attachment in design.of_type(ATTACHMENT):
        target = design.follow(attachment.properties.get("TargetId"))
        said = text(attachment.properties.get("TargetType"))
        if target is not None and said is not None and said != target.type:
            why = f"TargetType is {said}; expected {target.type}"
            yield Problem(attachment.id, ("Properties", "TargetType"), why)
        secret = _secret_of(design, attachment)
        if secret is not None and keys(secret) is None:
            why = (
                f"{secret.origin} is plain text, and attaching takes a JSON object; expected "
                "SecretStringTemplate and GenerateStringKey there"
            )
            yield Problem(attachment.id, ("Properties", "SecretId"), why)


def _secret_of(design: Design, resource: Resource) -> Resource | None:
    return meant(design, resource.properties.get("SecretId"))


def _opened(design: Design) -> Iterator[Problem]:
    for policy in design.of_type(RESOURCE_POLICY):
        if flag(policy.properties.get("BlockPublicPolicy", True)) is False:
            why = "BlockPublicPolicy is false; expected true"
            yield Problem(policy.id, ("Properties", "BlockPublicPolicy"), why)
        for statement in statements(policy.properties.get("ResourcePolicy")):
            if statement.effect == "Allow" and statement.public:
                path = ("Properties", "ResourcePolicy", "Statement", statement.index)
                why = "everybody may read the secret; expected who may, by ARN"
                yield Problem(policy.id, (*path, "Principal"), why)


SECRETS = """
Key: {Type: AWS::KMS::Key}
Password:
  Type: AWS::SecretsManager::Secret
  Properties:
    Name: liberty/DB_PASSWORD
    KmsKeyId: !Ref Key
    GenerateSecretString:
      PasswordLength: 40
      ExcludeCharacters: '"@/ '
Login:
  Type: AWS::SecretsManager::Secret
  Properties:
    Name: liberty/LOGIN
    GenerateSecretString:
      SecretStringTemplate: '{"username": "postgres"}'
      GenerateStringKey: password
      ExcludePunctuation: true
Database:
  Type: AWS::RDS::DBInstance
  Properties:
    Engine: postgres
    MasterUserPassword: !Sub '{{resolve:secretsmanager:${Password}}}'
Task:
  Type: AWS::ECS::TaskDefinition
  Properties:
    ContainerDefinitions:
    - Name: web
      Environment:
      - {Name: DB_PASSWORD_FILE, Value: /run/secrets/password}
      - {Name: TOKEN_MINUTES, Value: '30'}
      - {Name: SITE, Value: example.com}
Rotation:
  Type: AWS::SecretsManager::RotationSchedule
  Properties:
    SecretId: !Ref Login
    HostedRotationLambda: {RotationType: PostgreSQLSingleUser}
    RotationRules: {AutomaticallyAfterDays: 30}
Attachment:
  Type: AWS::SecretsManager::SecretTargetAttachment
  Properties: {SecretId: !Ref Login, TargetId: !Ref Database, TargetType: AWS::RDS::DBInstance}
Policy:
  Type: AWS::SecretsManager::ResourcePolicy
  Properties:
    SecretId: !Ref Login
    BlockPublicPolicy: true
    ResourcePolicy:
      Statement:
      - Effect: Allow
        Principal: {AWS: 'arn:aws:iam::123456789012:root'}
        Action: secretsmanager:GetSecretValue
        Resource: '*'
"""
GENERATOR = "      PasswordLength: 40\n      ExcludeCharacters: '\"@/ '\n"

RULES: tuple[Rule, ...] = (
    Rule(
        "LC1501",
        "error",
        "A secret is given or generated, not both",
        "Secrets Manager refuses both, and an empty value.",
        f"{API}API_CreateSecret.html",
        _one_source,
        good=(SECRETS,),
        bad=changed(
            SECRETS,
            ("    KmsKeyId: !Ref Key\n", "    SecretString: !Ref Value\n"),
            ("    GenerateSecretString:\n" + GENERATOR, "    SecretString: ''\n"),
        ),
    ),
    Rule(
        "LC1502",
        "error",
        "No secret stands in a template",
        "Templates are in the repository's history, in S3 and in the console, where people "
        "read them who should not know; so are task definitions.",
        "docs/decisions/0005-secrets.md",
        _written_down,
        good=(SECRETS,),
        bad=changed(
            SECRETS,
            ("    GenerateSecretString:\n" + GENERATOR, "    SecretString: hunter2\n"),
            ("{Name: SITE, Value: example.com}", "{Name: DB_PASSWORD, Value: hunter2hunter2}"),
            ("{Name: SITE, Value: example.com}", "{Name: SECRET_KEY, Value: abc-def-ghi}"),
            ("{Name: SITE, Value: example.com}", "{Name: PASSWORD2, Value: abc-def-ghi}"),
            ("{Name: SITE, Value: example.com}", "{Name: API_TOKEN, Value: a1b2c3d4e5}"),
        ),
    ),
    Rule(
        "LC1503",
        "error",
        "A generated secret is long, and of many characters",
        "Secrets Manager refuses lengths that it can't make, and makes short ones that can be "
        "guessed.",
        f"{API}API_GetRandomPassword.html",
        _generated,
        good=(SECRETS,),
        bad=changed(
            SECRETS,
            ("PasswordLength: 40", "PasswordLength: 5000"),
            ("PasswordLength: 40", "PasswordLength: 0"),
            ("PasswordLength: 40", "PasswordLength: 8"),
            ("ExcludePunctuation: true", "ExcludePunctuation: yes please"),
            (
                "ExcludePunctuation: true",
                (
                    "ExcludePunctuation: true\n      ExcludeNumbers: true\n"
                    "      ExcludeLowercase: true\n      ExcludeUppercase: true"
                ),
            ),
            (
                "ExcludePunctuation: true",
                (
                    "ExcludePunctuation: true\n      ExcludeNumbers: true\n"
                    "      ExcludeLowercase: true\n      ExcludeCharacters: "
                    "ABCDEFGHIJKLMNOPQRS"
                ),
            ),
        ),
    ),
    Rule(
        "LC1504",
        "error",
        "A secret's template is a JSON object without the key that is generated",
        "Secrets Manager refuses a template without the key to generate, the key without a "
        "template, and what is no object.",
        f"{GUIDE}cfn-example_secret.html",
        _templates,
        good=(SECRETS,),
        bad=changed(
            SECRETS,
            ("      GenerateStringKey: password\n", ""),
            ('      SecretStringTemplate: \'{"username": "postgres"}\'\n', ""),
            ('\'{"username": "postgres"}\'', "'{username: postgres}'"),
            ('\'{"username": "postgres"}\'', "'[]'"),
            ('"username": "postgres"', '"password": "postgres"'),
        ),
    ),
    Rule(
        "LC1505",
        "error",
        "A secret has a name, a key and replicas that Secrets Manager takes",
        "It refuses other characters; a name that ends in a hyphen and six is found in place "
        "of another by its partial ARN.",
        f"{API}API_CreateSecret.html",
        _names,
        good=(SECRETS,),
        bad=changed(
            SECRETS,
            ("liberty/DB_PASSWORD", "liberty DB_PASSWORD"),
            ("liberty/DB_PASSWORD", "liberty:DB_PASSWORD"),
            ("liberty/DB_PASSWORD", "liberty/DB_PASSWORD-staged"),
            ("KmsKeyId: !Ref Key", "KmsKeyId: our key"),
            ("KmsKeyId: !Ref Key", "KmsKeyId: !Ref Database"),
            (
                "KmsKeyId: !Ref Key",
                "ReplicaRegions: [{Region: eu-west-1}, {Region: eu-west-1}]",
            ),
        ),
    ),
    Rule(
        "LC1506",
        "error",
        "A database's generated password is one that RDS takes",
        "RDS refuses a slash, an at, a quote and a space; whether one is in it is chance, so "
        "that one deployment in three fails.",
        "https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html",
        _for_databases,
        good=(SECRETS,),
        bad=changed(
            SECRETS,
            ("      ExcludeCharacters: '\"@/ '\n", ""),
            ("ExcludeCharacters: '\"@/ '", "ExcludeCharacters: '@/'"),
            ("PasswordLength: 40", "PasswordLength: 129"),
            ("PasswordLength: 40", "PasswordLength: 7"),
            (
                (
                    "GenerateSecretString:\n      PasswordLength: 40\n"
                    "      ExcludeCharacters: '\"@/ '\n"
                ),
                "SecretString: noreply@example.com\n",
            ),
            (
                "ExcludeCharacters: '\"@/ '",
                "ExcludePunctuation: true\n      IncludeSpace: true",
            ),
        ),
    ),
    Rule(
        "LC1507",
        "error",
        "What is rotated or attached is a JSON object, by who can, at times there are",
        "Attaching and rotating read user and password out of JSON; from plain text they fail, "
        "and Secrets Manager refuses two schedules.",
        f"{GUIDE}rotating-secrets.html",
        _rotation,
        good=(SECRETS,),
        bad=(
            *changed(
                SECRETS,
                ("AutomaticallyAfterDays: 30", "AutomaticallyAfterDays: 1001"),
                ("AutomaticallyAfterDays: 30", "ScheduleExpression: 30 days"),
                ("{AutomaticallyAfterDays: 30}", "{}"),
                (
                    "AutomaticallyAfterDays: 30",
                    "AutomaticallyAfterDays: 30, ScheduleExpression: rate(30 days)",
                ),
                ("    HostedRotationLambda: {RotationType: PostgreSQLSingleUser}\n", ""),
                ("TargetType: AWS::RDS::DBInstance", "TargetType: AWS::RDS::DBCluster"),
                ("{SecretId: !Ref Login, TargetId", "{SecretId: !Ref Password, TargetId"),
                ("SecretId: !Ref Login\n    Hosted", "SecretId: !Ref Password\n    Hosted"),
            ),
        ),
    ),
    Rule(
        "LC1508",
        "error",
        "No secret is open to everybody",
        "A policy that allows all, or lets others make one that does, gives the secret away.",
        f"{GUIDE}auth-and-access_resource-policies.html",
        _opened,
        good=(SECRETS,),
        bad=changed(
            SECRETS,
            ("BlockPublicPolicy: true", "BlockPublicPolicy: false"),
            ("{AWS: 'arn:aws:iam::123456789012:root'}", "'*'"),
            ("'arn:aws:iam::123456789012:root'", "'*'"),
        ),
    ),
)
