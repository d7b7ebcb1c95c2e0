"""LC144x: buckets, repositories, and what is kept of anything that holds data."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from liberty_cfn.model.resolving import Resource
from liberty_cfn.rules.examples import changed
from liberty_cfn.rules.expected import Expectation, like, misfits, one_of, unfit, whole
from liberty_cfn.rules.rule import (
    Design,
    Path,
    Problem,
    Rule,
    each,
    flag,
    look,
    number,
    referred,
    text,
)
from liberty_cfn.rules.statements import Statement, parsed, role_statements, shown, statements
from liberty_cfn.stateful import LOSSES

BUCKET = "AWS::S3::Bucket"
POLICY = "AWS::S3::BucketPolicy"
REPOSITORY = "AWS::ECR::Repository"
S3 = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/"

EXPIRING = ("ExpirationInDays", "ExpirationDate", "ExpiredObjectDeleteMarker")
MOVING = ("Transition", "Transitions")
OLD_VERSIONS = (
    "NoncurrentVersionExpiration",
    "NoncurrentVersionExpirationInDays",
    "NoncurrentVersionTransition",
    "NoncurrentVersionTransitions",
)
DOING = (*EXPIRING, *MOVING, *OLD_VERSIONS, "AbortIncompleteMultipartUpload")
DAYS = whole(1, 2_147_483_647)
CLASS = one_of(
    "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER", "GLACIER_IR", "DEEP_ARCHIVE"
)
# Where nothing goes earlier, nor from there.
LEAST_DAYS = {"STANDARD_IA": 30, "ONEZONE_IA": 30}
# What is in one of these only goes on to a later one.
COLDER = (
    *("STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA"),
    *("GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"),
)
RULES_OF_LIFE = "LifecycleConfiguration.Rules.*."
LIFE: Mapping[str, Expectation] = {
    f"{RULES_OF_LIFE}Status": one_of("Enabled", "Disabled"),
    f"{RULES_OF_LIFE}Id": like(r"(?s).{1,255}", "255 characters at most"),
    f"{RULES_OF_LIFE}ExpirationInDays": DAYS,
    f"{RULES_OF_LIFE}ExpirationDate": like(r"\d{4}-\d\d-\d\d(T00:00:00(\.0+)?Z)?", "a date"),
    f"{RULES_OF_LIFE}NoncurrentVersionExpirationInDays": DAYS,
    f"{RULES_OF_LIFE}NoncurrentVersionExpiration.NoncurrentDays": DAYS,
    f"{RULES_OF_LIFE}AbortIncompleteMultipartUpload.DaysAfterInitiation": DAYS,
    f"{RULES_OF_LIFE}Transitions.*.StorageClass": CLASS,
    f"{RULES_OF_LIFE}NoncurrentVersionTransitions.*.StorageClass": CLASS,
}
CORS_RULES = "CorsConfiguration.CorsRules.*."
CORS: Mapping[str, Expectation] = {
    f"{CORS_RULES}AllowedMethods.*": one_of("GET", "PUT", "HEAD", "POST", "DELETE"),
    f"{CORS_RULES}AllowedOrigins.*": like(
        r"https?://[^/*\s]*\*?[^/*\s]*(:\d+)?|\*",
        "scheme and host, such as https://example.com",
    ),
    f"{CORS_RULES}AllowedHeaders.*": like(r"[^*\s]*\*?[^*\s]*", "a header, with one * at most"),
    f"{CORS_RULES}ExposedHeaders.*": like(r"[^*\s]+", "a header's name, without *"),
    f"{CORS_RULES}MaxAge": whole(0, 2_147_483_647),
}
BLOCKS = (
    "BlockPublicAcls",
    "BlockPublicPolicy",
    "IgnorePublicAcls",
    "RestrictPublicBuckets",
)
# Actions on objects, as far as policies of buckets name them.
ON_OBJECTS = re.compile(r"s3:(Get|Put|Delete|Restore)Object\w*|s3:AbortMultipartUpload")
KEEPING = ("Retain", "Snapshot", "RetainExceptOnCreate")
# What CloudFormation can make a snapshot of.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
WITH_SNAPSHOTS = {
    "AWS::DocDB::DBCluster",
    "AWS::EC2::Volume",
    "AWS::ElastiCache::CacheCluster",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::Neptune::DBCluster",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::Redshift::Cluster",
}
# What may go: a key, as what it encrypts here is on its way, or encrypted anew; messages, which
# are on their way; a cluster that only computes, and costs as long as it is kept.
MAY_GO = {
    "AWS::AmazonMQ::Broker",
    "AWS::EMR::Cluster",
    "AWS::KMS::Key",
    "AWS::Kinesis::Stream",
    "AWS::SQS::Queue",
}
COUNTS = one_of("imageCountMoreThan", "sinceImagePushed", "sinceImagePulled")


def _life(design: Design) -> Iterator[Problem]:
    for bucket in design.of_type(BUCKET):
        yield from misfits(bucket, LIFE)
        seen: set[str] = set()
        versioned = text(look(bucket.properties, "VersioningConfiguration", "Status"))
        for at, rule in each(bucket.properties, "LifecycleConfiguration", "Rules", "*"):
            path: Path = ("Properties", *at)
            for below, why in _lives(rule):
                yield Problem(bucket.id, (*path, *below), why)
            name = text(rule.get("Id"))
            if name is not None and name in seen:
                yield Problem(bucket.id, (*path, "Id"), f"two rules are called {name}")
            seen.add(name or "")
            about = [key for key in OLD_VERSIONS if key in rule]
            if (
                about
                and versioned is None
                and "VersioningConfiguration" not in bucket.properties
            ):
                why = (
                    f"{about[0]} in a bucket without versions; expected VersioningConfiguration"
                )
                yield Problem(bucket.id, (*path, about[0]), why)


def _lives(rule: Any) -> Iterator[tuple[Path, str]]:
    if not any(key in rule for key in DOING):
        yield (
            (),
            f"a rule that does nothing, which S3 refuses; expected one of {', '.join(DOING)}",
        )
    if len([key for key in EXPIRING if key in rule]) > 1:
        yield (), f"expected one of {', '.join(EXPIRING)}"
    expires = number(rule.get("ExpirationInDays"))
    for key in ("Transitions", "Transition"):
        for at, move in each(rule, key, "*"):
            days = number(move.get("TransitionInDays", 0))
            least = LEAST_DAYS.get(text(move.get("StorageClass")) or "", 0)
            if days is not None and "TransitionDate" not in move and days < least:
                kind = text(move.get("StorageClass"))
                yield (
                    at,
                    f"nothing goes to {kind} after {days:g} days; expected {least} or more",
                )
            if expires is not None and days is not None and expires <= days:
                why = f"deleted after {expires:g} days, before it moves after {days:g}"
                yield ("ExpirationInDays",), f"{why}; expected more"
    yield from _cooling(rule)
    for key in ("NoncurrentVersionTransitions", "NoncurrentVersionTransition"):
        for at, move in each(rule, key, "*"):
            days = number(move.get("TransitionInDays"))
            least = LEAST_DAYS.get(text(move.get("StorageClass")) or "", 0)
            if days is not None and days < least:
                yield at, f"nothing goes there after {days:g} days; expected {least} or more"


def _cooling(rule: Any) -> Iterator[tuple[Path, str]]:
    """Yield what goes to a colder class too early after it went to a warmer one."""
    moves = [
        (COLDER.index(kind), days, kind, at)
        for at, move in each(rule, "Transitions", "*")
        if (kind := text(move.get("StorageClass"))) in COLDER
        and (days := number(move.get("TransitionInDays"))) is not None
    ]
    moves.sort(key=lambda move: move[:2])
    for (_, before, warmer, _), (_, days, kind, at) in itertools.pairwise(moves):
        least = before + max(LEAST_DAYS.get(warmer, 1), 1)
        if days < least:
            why = f"it goes to {kind} after {days:g} days, and to {warmer} after {before:g}"
            yield at, f"{why}; expected {least:g} days at least"


def _cors(design: Design) -> Iterator[Problem]:
    for bucket in design.of_type(BUCKET):
        yield from misfits(bucket, CORS)
        for at, rule in each(bucket.properties, "CorsConfiguration", "CorsRules", "*"):
            for name in ("AllowedMethods", "AllowedOrigins"):
                if not rule.get(name):
                    yield Problem(bucket.id, ("Properties", *at), f"{name} is empty")
            writes = {"PUT", "POST", "DELETE"} & {
                text(m) for m in rule.get("AllowedMethods", ())
            }
            for below, origin in each(rule, "AllowedOrigins", "*"):
                plain = text(origin) or ""
                if writes and re.fullmatch(r"(https?://)?\*", plain):
                    said = ", ".join(sorted(writes))
                    why = f"any site's pages may {said}; expected our origins"
                    yield Problem(bucket.id, ("Properties", *at, *below), why)


def _private(design: Design) -> Iterator[Problem]:
    for bucket in design.of_type(BUCKET):
        properties = bucket.properties
        block = properties.get("PublicAccessBlockConfiguration") or {}
        lacking = [name for name in BLOCKS if flag(block.get(name, False)) is False]
        if lacking:
            why = f"{', '.join(lacking)}: somebody may make it public; expected true"
            yield Problem(bucket.id, ("Properties", "PublicAccessBlockConfiguration"), why)
        owners = [
            text(value)
            for _, value in each(
                properties, "OwnershipControls", "Rules", "*", "ObjectOwnership"
            )
        ]
        expected = one_of("BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter")
        for owner in owners:
            if owner == "ObjectWriter" or (owner and expected(owner)):
                path = ("Properties", "OwnershipControls")
                yield Problem(
                    bucket.id, path, f"{owner}; expected BucketOwnerEnforced, no ACLs"
                )
        control = text(properties.get("AccessControl", "Private"))
        enforced = "BucketOwnerEnforced" in owners or "OwnershipControls" not in properties
        if control not in ("Private", None) and enforced:
            why = f"AccessControl is {control}, which S3 refuses without ACLs; drop it"
            yield Problem(bucket.id, ("Properties", "AccessControl"), why)


def _encrypted(design: Design) -> Iterator[Problem]:
    for bucket in design.of_type(BUCKET):
        configuration = (
            "BucketEncryption",
            "ServerSideEncryptionConfiguration",
            "*",
            "ServerSideEncryptionByDefault",
        )
        found = list(each(bucket.properties, *configuration))
        if not found:
            why = "nothing says how it is encrypted; expected BucketEncryption with AES256"
            yield Problem(bucket.id, ("Properties",), why)
        for at, by in found:
            path: Path = ("Properties", *at)
            algorithm = text(by.get("SSEAlgorithm", ""))
            if algorithm is not None:
                wanted = one_of("AES256", "aws:kms", "aws:kms:dsse")(algorithm)
                if wanted:
                    why = f"SSEAlgorithm is {algorithm!r}; expected {wanted}"
                    yield Problem(bucket.id, (*path, "SSEAlgorithm"), why)
                elif algorithm == "AES256" and "KMSMasterKeyID" in by:
                    why = "KMSMasterKeyID is for aws:kms; drop it, or SSEAlgorithm: aws:kms"
                    yield Problem(bucket.id, (*path, "KMSMasterKeyID"), why)


def _versioned(design: Design) -> Iterator[Problem]:
    written = [
        resource
        for role in design.of_type("AWS::IAM::Role", "AWS::IAM::User")
        for statement in role_statements(design, role)
        if statement.grants("s3:DeleteObject") or statement.grants("s3:PutObject")
        for resource in map(shown, statement.resources)
    ]
    for bucket in design.of_type(BUCKET):
        status = look(bucket.properties, "VersioningConfiguration", "Status")
        path = ("Properties", "VersioningConfiguration")
        if wanted := unfit(status, one_of("Enabled", "Suspended")):
            yield Problem(bucket.id, path, f"Status is {text(status)!r}; expected {wanted}")
        ours = any(_inside(one, bucket) for one in written)
        if ours and (status is None or text(status) not in ("Enabled", None)):
            why = (
                "the application can overwrite and delete files for good; expected Status: "
                "Enabled, so that they can be brought back"
            )
            yield Problem(bucket.id, path, why)


def _inside(resource: str, bucket: Resource) -> bool:
    """Whether a policy's resource is a bucket or in it."""
    name = text(bucket.properties.get("BucketName"))
    arns = [f"${{{bucket.id}.Arn}}", *(f":s3:::{n}" for n in (name, f"${{{bucket.id}}}") if n)]
    return any(
        resource == arn
        or resource.startswith((f"{arn}/", f"{arn}*"))
        or resource.endswith(arn)
        or f"{arn}/" in resource
        for arn in arns
    )


def _policies(design: Design) -> Iterator[Problem]:
    for policy in design.of_type(POLICY):
        bucket = design.follow(policy.properties.get("Bucket"))
        if bucket is None:
            continue
        if bucket.type != BUCKET:
            why = f"{bucket.origin} is no bucket; expected !Ref of one"
            yield Problem(policy.id, ("Properties", "Bucket"), why)
            continue
        for statement in statements(policy.properties.get("PolicyDocument")):
            path: Path = ("Properties", "PolicyDocument", "Statement", statement.index)
            for below, why in _stated(statement, bucket):
                yield Problem(policy.id, (*path, *below), why)


def _stated(statement: Statement, bucket: Resource) -> Iterator[tuple[Path, str]]:
    resources = [shown(resource) for resource in statement.resources]
    for resource in resources:
        if not _inside(resource, bucket):
            why = f"{resource} is not in {bucket.origin}, which S3 refuses; expected its ARN"
            yield ("Resource",), why
    if statement.effect == "Allow" and statement.public and not _narrowed(statement):
        yield ("Principal",), "it allows everybody; expected who may, or a Condition"
    if statement.principal is None:
        yield (), "Principal is missing; expected whom the statement is about"
    objects = [ON_OBJECTS.fullmatch(action) is not None for action in statement.actions]
    inside = [resource.endswith("*") or "/" in resource[-200:] for resource in resources]
    if objects and all(objects) and inside and not any(inside):
        why = f"{statement.actions[0]} is done to objects; expected {resources[0]}/*"
        yield ("Resource",), why


def _narrowed(statement: Statement) -> bool:
    """Whether a condition leaves out some who come: how they come leaves out nobody."""
    conditions = statement.condition
    blocks = conditions.values() if isinstance(conditions, dict) else ()
    keys = {str(key).lower() for block in blocks if isinstance(block, dict) for key in block}
    return bool(keys - {"aws:securetransport", "aws:referer", "aws:useragent", "s3:tlsversion"})


def _by_tls(design: Design) -> Iterator[Problem]:
    """A bucket that answers who comes unencrypted, or doesn't answer who comes encrypted."""
    for bucket in design.of_type(BUCKET):
        denied: list[Any] = []
        for policy in design.of_type(POLICY):
            if referred(policy.properties.get("Bucket")) != bucket.id:
                continue
            for statement in statements(policy.properties.get("PolicyDocument")):
                secure = text(look(statement.condition, "Bool", "aws:SecureTransport"))
                if statement.effect == "Deny" and secure == "true":
                    path = ("Properties", "PolicyDocument", "Statement", statement.index)
                    why = "it refuses who comes by TLS, that is everybody; expected 'false'"
                    yield Problem(policy.id, (*path, "Condition"), why)
                if (
                    statement.effect == "Deny"
                    and secure
                    and statement.public
                    and "s3:*" in (statement.actions)
                ):
                    denied += [shown(resource) for resource in statement.resources]
        if not any(one.endswith("/*") or one == "*" for one in denied):
            why = (
                "who comes unencrypted is answered; expected a bucket policy that denies s3:* "
                "to all where aws:SecureTransport is false, on the bucket and its objects"
            )
            yield Problem(bucket.id, ("Properties",), why)


def _images(design: Design) -> Iterator[Problem]:
    expected = {
        "ImageTagMutability": one_of(
            "MUTABLE",
            "IMMUTABLE",
            "MUTABLE_WITH_EXCLUSION",
            "IMMUTABLE_WITH_EXCLUSION",
        ),
        "EncryptionConfiguration.EncryptionType": one_of("AES256", "KMS", "KMS_DSSE"),
    }
    for repository in design.of_type(REPOSITORY):
        yield from misfits(repository, expected)
        properties = repository.properties
        scans = flag(look(properties, "ImageScanningConfiguration", "ScanOnPush"))
        if not scans and look(properties, "ImageScanningConfiguration", "ScanOnPush") is None:
            scans = False
        if scans is False:
            why = "images are pushed unscanned; expected ScanOnPush: true"
            yield Problem(repository.id, ("Properties", "ImageScanningConfiguration"), why)
        kind = text(look(properties, "EncryptionConfiguration", "EncryptionType"))
        if kind == "AES256" and look(properties, "EncryptionConfiguration", "KmsKey"):
            why = "KmsKey is for EncryptionType: KMS; drop one of them"
            yield Problem(repository.id, ("Properties", "EncryptionConfiguration"), why)
        policy = look(properties, "LifecyclePolicy", "LifecyclePolicyText")
        if policy is not None:
            path = ("Properties", "LifecyclePolicy", "LifecyclePolicyText")
            for why in _expiring(parsed(policy)):
                yield Problem(repository.id, path, why)


def _expiring(policy: Any) -> Iterator[str]:
    """Yield what is wrong with the policy by which a repository's images go."""
    rules = policy.get("rules") if isinstance(policy, dict) else None
    if not isinstance(rules, list) or not rules:
        yield 'no JSON with rules; expected {"rules": [...]}'
        return
    priorities = [rule.get("rulePriority") for rule in rules]
    if len(set(map(str, priorities))) < len(rules):
        yield "two rules have one rulePriority; expected each its own"
    for rule in rules:
        priority = rule.get("rulePriority")
        if not isinstance(priority, int) or priority < 1:
            yield f"rulePriority is {priority!r}; expected a number from 1"
        if (rule.get("action") or {}).get("type") not in ("expire", "transition"):
            yield f"action is {rule.get('action')!r}; expected {{'type': 'expire'}}"
        yield from _selected(rule.get("selection") or {})
        last = priority == max(one for one in (*priorities, 0) if isinstance(one, int))
        if look(rule, "selection", "tagStatus") == "any" and not last:
            yield "a rule for any tag has to come last; expected the highest rulePriority"


def _selected(selection: Mapping[str, Any]) -> Iterator[str]:
    status, kind = selection.get("tagStatus"), str(selection.get("countType"))
    count = selection.get("countNumber")
    if status not in ("tagged", "untagged", "any"):
        yield f"tagStatus is {status!r}; expected tagged, untagged or any"
    if wanted := COUNTS(kind):
        yield f"countType is {kind!r}; expected {wanted}"
    if not isinstance(count, int) or count < 1:
        yield f"countNumber is {count!r}; expected a number from 1"
    if kind.startswith("since") != (selection.get("countUnit") == "days"):
        yield "countUnit: expected days with sinceImagePushed, and none with others"
    if status == "tagged" and not {"tagPrefixList", "tagPatternList"} & selection.keys():
        yield "tagged needs tagPrefixList or tagPatternList"


def _kept(design: Design) -> Iterator[Problem]:
    for resource in design.resolved.resources.values():
        for name in ("DeletionPolicy", "UpdateReplacePolicy"):
            policy = text(resource.body.get(name))
            words = (*KEEPING, "Delete")
            if policy is not None and policy not in words:
                why = f"{name} is {policy!r}; expected {', '.join(words)}"
                yield Problem(resource.id, (name,), why)
            if policy == "Snapshot" and resource.type not in WITH_SNAPSHOTS:
                why = f"no {resource.type} has snapshots; expected {name}: Retain"
                yield Problem(resource.id, (name,), why)
            loss = LOSSES.get(resource.type)
            if _holds_nothing(resource):
                if policy == "Snapshot":
                    why = f"it makes no snapshot of its own; drop {name}, or Delete"
                    yield Problem(resource.id, (name,), why)
            elif loss and resource.type not in MAY_GO and policy not in KEEPING:
                wanted = "Snapshot" if resource.type in WITH_SNAPSHOTS else "Retain"
                when = "deleted" if name == "DeletionPolicy" else "replaced"
                why = f"{loss}: gone when it is {when}; expected {name}: {wanted}"
                yield Problem(resource.id, (name,) if policy else (), why)


def _holds_nothing(resource: Resource) -> bool:
    """Whether nothing is lost with it: a cache that forgets, a member of a cluster."""
    engine = text(resource.properties.get("Engine"))
    # A cluster's own name is in a property of the same name.
    member = (
        resource.type == "AWS::RDS::DBInstance" and "DBClusterIdentifier" in resource.properties
    )
    return member or engine == "memcached"


STORED = """
Uploads:
  Type: AWS::S3::Bucket
  Properties:
    BucketName: liberty-uploads
    VersioningConfiguration: {Status: Enabled}
    PublicAccessBlockConfiguration:
      BlockPublicAcls: true
      BlockPublicPolicy: true
      IgnorePublicAcls: true
      RestrictPublicBuckets: true
    OwnershipControls: {Rules: [{ObjectOwnership: BucketOwnerEnforced}]}
    BucketEncryption:
      ServerSideEncryptionConfiguration:
      - ServerSideEncryptionByDefault: {SSEAlgorithm: AES256}
    CorsConfiguration:
      CorsRules:
      - AllowedMethods: [GET, PUT]
        AllowedOrigins: ['https://example.com', 'http://localhost:3000']
        AllowedHeaders: ['*']
    LifecycleConfiguration:
      Rules:
      - Id: Unfinished
        Status: Enabled
        AbortIncompleteMultipartUpload: {DaysAfterInitiation: 7}
      - Id: Old
        Status: Enabled
        ExpirationInDays: 90
        Transitions: [{StorageClass: STANDARD_IA, TransitionInDays: 30}]
        NoncurrentVersionExpiration: {NoncurrentDays: 90}
UploadsPolicy:
  Type: AWS::S3::BucketPolicy
  Properties:
    Bucket: !Ref Uploads
    PolicyDocument:
      Statement:
      - Effect: Allow
        Principal: {AWS: 'arn:aws:iam::123456789012:root'}
        Action: s3:GetObject
        Resource: !Sub ${Uploads.Arn}/*
      - Effect: Deny
        Principal: '*'
        Action: s3:*
        Resource: [!GetAtt Uploads.Arn, !Sub '${Uploads.Arn}/*']
        Condition: {Bool: {aws:SecureTransport: 'false'}}
Role:
  Type: AWS::IAM::Role
  Properties:
    Policies:
    - PolicyDocument:
        Statement: [{Effect: Allow, Action: s3:DeleteObject, Resource: !Sub '${Uploads.Arn}/*'}]
"""
IMAGES = """
Repository:
  Type: AWS::ECR::Repository
  Properties:
    ImageTagMutability: IMMUTABLE
    ImageScanningConfiguration: {ScanOnPush: true}
    EncryptionConfiguration: {EncryptionType: AES256}
    LifecyclePolicy:
      LifecyclePolicyText: |
        {"rules": [{"rulePriority": 1, "selection": {"tagStatus": "untagged",
        "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14},
        "action": {"type": "expire"}},
        {"rulePriority": 2, "selection": {"tagStatus": "any",
        "countType": "imageCountMoreThan", "countNumber": 99}, "action": {"type": "expire"}}]}
"""
FORGETFUL = """
Cache:
  Type: AWS::ElastiCache::CacheCluster
  DeletionPolicy: Snapshot
  Properties: {Engine: memcached}
"""
KEPT = """
Database:
  Type: AWS::RDS::DBInstance
  DeletionPolicy: Snapshot
  UpdateReplacePolicy: Snapshot
Bucket:
  Type: AWS::S3::Bucket
  DeletionPolicy: Retain
  UpdateReplacePolicy: Retain
"""

RULES: tuple[Rule, ...] = (
    Rule(
        "LC1441",
        "error",
        "A bucket's lifecycle rules do something, at a time S3 does it",
        "S3 refuses a rule without action, days of zero, classes earlier than they are, and "
        "what is deleted before it moves.",
        f"{S3}lifecycle-transition-general-considerations.html",
        _life,
        good=(STORED,),
        bad=changed(
            STORED,
            ("        AbortIncompleteMultipartUpload: {DaysAfterInitiation: 7}\n", ""),
            ("DaysAfterInitiation: 7", "DaysAfterInitiation: 0"),
            ("Status: Enabled\n        Abort", "Status: enabled\n        Abort"),
            ("ExpirationInDays: 90", "ExpirationInDays: 0"),
            ("ExpirationInDays: 90", "ExpirationInDays: 30"),
            (
                "ExpirationInDays: 90",
                "ExpirationInDays: 90\n        ExpirationDate: 2030-01-01",
            ),
            ("TransitionInDays: 30", "TransitionInDays: 7"),
            (
                "TransitionInDays: 30}",
                "TransitionInDays: 30}, {StorageClass: GLACIER, TransitionInDays: 45}",
            ),
            ("STANDARD_IA", "COLD"),
            ("Id: Old", "Id: Unfinished"),
            ("NoncurrentDays: 90", "NoncurrentDays: 0"),
            ("    VersioningConfiguration: {Status: Enabled}\n", ""),
        ),
    ),
    Rule(
        "LC1442",
        "error",
        "A bucket's CORS rules name methods and origins as browsers do, and only ours write",
        "S3 refuses other methods; an origin with a path or a slash never matches, and with * "
        "any site's pages may upload.",
        f"{S3}ManageCorsUsing.html",
        _cors,
        good=(STORED,),
        bad=changed(
            STORED,
            ("[GET, PUT]", "[GET, PATCH]"),
            ("[GET, PUT]", "[get]"),
            ("[GET, PUT]", "[]"),
            ("'https://example.com',", "'https://example.com/',"),
            ("'https://example.com',", "example.com,"),
            ("'https://example.com',", "'*',"),
            ("['*']", "['x-*-*']"),
        ),
    ),
    Rule(
        "LC1443",
        "error",
        "A bucket is private, and stays so",
        "One policy or one object's ACL makes files public, unless all four blocks are on; and "
        "S3 refuses an ACL where there are none.",
        f"{S3}access-control-block-public-access.html",
        _private,
        good=(STORED,),
        bad=changed(
            STORED,
            ("BlockPublicAcls: true", "BlockPublicAcls: false"),
            ("      RestrictPublicBuckets: true\n", ""),
            ("PublicAccessBlockConfiguration", "PublicAccess"),
            ("BucketName: liberty-uploads", "AccessControl: PublicRead"),
            ("BucketOwnerEnforced", "BucketOwner"),
            ("BucketOwnerEnforced", "ObjectWriter"),
        ),
    ),
    Rule(
        "LC1444",
        "error",
        "A bucket says how it is encrypted",
        "S3 refuses a key beside AES256, and algorithms that there aren't.",
        f"{S3}default-bucket-encryption.html",
        _encrypted,
        good=(STORED,),
        bad=changed(
            STORED,
            ("BucketEncryption:", "Encryption:"),
            ("SSEAlgorithm: AES256", "SSEAlgorithm: AES-256"),
            ("SSEAlgorithm: AES256", "SSEAlgorithm: AES256, KMSMasterKeyID: alias/a"),
        ),
    ),
    Rule(
        "LC1445",
        "error",
        "What the application writes has versions",
        "Without them what is overwritten or deleted, by mistake or by who broke in, is gone.",
        f"{S3}Versioning.html",
        _versioned,
        good=(STORED,),
        bad=changed(
            STORED,
            ("    VersioningConfiguration: {Status: Enabled}\n", ""),
            ("{Status: Enabled}", "{Status: Suspended}"),
            ("{Status: Enabled}", "{Status: 'On'}"),
        ),
    ),
    Rule(
        "LC1446",
        "error",
        "A bucket's policy is about that bucket, and not for everybody",
        "S3 refuses a policy with another bucket's ARN, with an action on objects and no "
        "object, or, where public policies are blocked, one for all.",
        f"{S3}bucket-policies.html",
        _policies,
        good=(STORED,),
        bad=changed(
            STORED,
            ("Resource: !Sub ${Uploads.Arn}/*", "Resource: arn:aws:s3:::other/*"),
            ("Resource: !Sub ${Uploads.Arn}/*", "Resource: !GetAtt Uploads.Arn"),
            ("Resource: !Sub ${Uploads.Arn}/*", "Resource: '*'"),
            ("{AWS: 'arn:aws:iam::123456789012:root'}", "'*'"),
            (
                "{AWS: 'arn:aws:iam::123456789012:root'}",
                "'*'\n        Condition: {Bool: {aws:SecureTransport: 'true'}}",
            ),
            ("        Principal: '*'\n", ""),
            ("Bucket: !Ref Uploads", "Bucket: !Ref Role"),
        ),
    ),
    Rule(
        "LC1447",
        "error",
        "A bucket answers by TLS, and by nothing else",
        "Files and credentials can be read on their way; and a condition the wrong way round "
        "locks everybody out.",
        f"{S3}security-best-practices.html",
        _by_tls,
        good=(STORED,),
        bad=changed(
            STORED,
            ("SecureTransport: 'false'", "SecureTransport: 'true'"),
            ("        Condition: {Bool: {aws:SecureTransport: 'false'}}\n", ""),
            ("Effect: Deny", "Effect: Allow"),
            ("Bucket: !Ref Uploads", "Bucket: other"),
            ("[!GetAtt Uploads.Arn, !Sub '${Uploads.Arn}/*']", "[!GetAtt Uploads.Arn]"),
        ),
    ),
    Rule(
        "LC1448",
        "error",
        "A repository scans what is pushed, and its old images go by a policy ECR can read",
        "ECR refuses a policy with other words, when the repository is made.",
        "https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html",
        _images,
        good=(IMAGES,),
        bad=changed(
            IMAGES,
            ("ImageTagMutability: IMMUTABLE", "ImageTagMutability: immutable"),
            ("ScanOnPush: true", "ScanOnPush: false"),
            ("    ImageScanningConfiguration: {ScanOnPush: true}\n", ""),
            ("EncryptionType: AES256", "EncryptionType: AES256, KmsKey: a"),
            ("EncryptionType: AES256", "EncryptionType: SSE"),
            ('"rulePriority": 1', '"rulePriority": 0'),
            ('"untagged"', '"none"'),
            ('"untagged"', '"tagged"'),
            ('"untagged",', '"any",'),
            ('"sinceImagePushed"', '"olderThan"'),
            ('"countUnit": "days", ', ""),
            ('"countNumber": 14', '"countNumber": 0'),
            ('"expire"', '"delete"'),
            ('"action"', "action"),
        ),
    ),
    Rule(
        "LC1449",
        "error",
        "What holds data is kept, as a whole or in a snapshot where there are any",
        "CloudFormation deletes it with the stack, or when a changed property replaces it; and "
        "it refuses Snapshot for what has none.",
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"
        "aws-attribute-deletionpolicy.html",
        _kept,
        good=(
            KEPT,
            FORGETFUL.replace("  DeletionPolicy: Snapshot\n", ""),
            "Reader: {Type: AWS::RDS::DBInstance, Properties: {DBClusterIdentifier: cluster}}",
        ),
        bad=changed(
            KEPT,
            ("Database:\n", f"{FORGETFUL}Database:\n"),
            ("  DeletionPolicy: Snapshot\n", ""),
            ("  UpdateReplacePolicy: Snapshot\n", ""),
            ("DeletionPolicy: Snapshot", "DeletionPolicy: Delete"),
            ("UpdateReplacePolicy: Retain", "UpdateReplacePolicy: Snapshot"),
            ("DeletionPolicy: Retain", "DeletionPolicy: retain"),
            (
                "DBInstance\n  DeletionPolicy: Snapshot\n  UpdateReplacePolicy: Snapshot",
                "DBCluster\n  Properties: {DBClusterIdentifier: cluster}",
            ),
        ),
    ),
)
