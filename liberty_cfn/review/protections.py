"""What protects data, and when that is weaker than before."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from liberty_cfn.review.comparing import Steps, number

FOR_EVER = 10**6
LONGEST_WINDOW = 30  # days, which count where none are said
BUCKET_ENCRYPTION = "BucketEncryption/ServerSideEncryptionConfiguration"
RULES = "LifecycleConfiguration/Rules"
BY_ANOTHER_RULE = "files may be deleted by another rule than before"
IMDS_V1 = "who can have it fetch a page reads its credentials"
OLDEST_TLS = re.compile(r"ELBSecurityPolicy-(?:TLS|TLS13|FS)-(\d)-(\d)-")
Weaker = Callable[[Any, Any], bool]
# What only protects or watches, and is missed when it goes.
GUARDS = {
    "AWS::Backup::BackupPlan": "nothing is backed up by it any more",
    "AWS::CloudTrail::Trail": "who does what is no longer logged",
    "AWS::Config::ConfigRule": "what it watched over is no longer",
    "AWS::CloudWatch::CompositeAlarm": "nobody hears of what it put together",
    "AWS::EC2::FlowLog": "connections are no longer logged",
    "AWS::Events::Rule": "nothing is done any more when its events happen",
    "AWS::GuardDuty::Detector": "threats are no longer looked for",
    "AWS::Logs::MetricFilter": "what it counted is no longer",
    "AWS::SecretsManager::RotationSchedule": "the secret is no longer rotated",
    "AWS::SNS::Subscription": "its endpoint is no longer told",
    "AWS::WAFv2::WebACLAssociation": "requests are no longer filtered",
}


def _off(before: Any, after: Any) -> bool:
    """Whether a switch that protects is turned off."""
    return said(before) == "true" and said(after) != "true"


def _on(before: Any, after: Any) -> bool:
    """Whether a switch that endangers is turned on."""
    return _off(after, before)


def _lower_than(unsaid: int) -> Weaker:
    """Return whether a number is lower than before; `unsaid` is what counts where it isn't."""
    return lambda before, after: _number(after, unsaid) < _number(before, unsaid)


def _shorter(before: Any, after: Any) -> bool:
    """Whether something is kept for less time; where that is left out or 0, for ever."""
    one, other = (_number(value, FOR_EVER) or FOR_EVER for value in (before, after))
    return other < one


def _gone(before: Any, after: Any) -> bool:
    return before is not None and after is None


def _less_than(*values: str) -> Weaker:
    """Return whether a value comes later than before in a list from the safest on."""

    def weaker(before: Any, after: Any) -> bool:
        one, other = (values.index(v) if v in values else len(values) for v in (before, after))
        return one < other

    return weaker


def different(_: Any, after: Any) -> bool:
    """Whether there is something else, which may be weaker, also below what is named."""
    return after is not None


def fewer(before: Any, after: Any) -> bool:
    """Whether something of a list is gone."""
    kept = after if isinstance(after, list) else []
    return any(item not in kept for item in (before if isinstance(before, list) else ()))


def _as_root(before: Any, after: Any) -> bool:
    """Whether a container's processes become root; where nobody is named, its image decides."""
    return _is_root(after) and not _is_root(before)


def _is_root(user: Any) -> bool:
    return user is None or said(user).partition(":")[0] in ("root", "0")


def _turned_off(before: Any, after: Any) -> bool:
    """Whether what counts as on where nothing is said is turned off."""
    off = ("disabled", "false")
    return said(before) not in off and said(after) in off


def _older_tls(before: Any, after: Any) -> bool:
    """Whether a security policy lets in an older TLS than the one before."""
    return _oldest_tls(after) < _oldest_tls(before)


def _oldest_tls(policy: Any) -> str:
    # The first version in its name; those without one begin at 1.0, as the default does.
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
    found = OLDEST_TLS.match(policy) if isinstance(policy, str) else None
    return f"{found[1]}.{found[2]}" if found else "1.0"


def said(value: Any) -> str:
    return str(value).lower()


def _number(value: Any, default: int) -> float:
    found = number(value)
    return default if found is None else found


Protection = tuple[Steps, Weaker, str]


def _all(*described: tuple[str, Weaker, str]) -> tuple[Protection, ...]:
    return tuple((tuple(path.split("/")), weaker, why) for path, weaker, why in described)


BUCKET = _all(
    (
        "VersioningConfiguration/Status",
        _less_than("Enabled"),
        "what is overwritten or deleted can't be brought back",
    ),
    (
        "OwnershipControls/Rules/ObjectOwnership",
        _less_than("BucketOwnerEnforced"),
        "access lists of its files count again",
    ),
    ("BucketEncryption", _gone, "new objects fall back to S3's own encryption"),
    (
        f"{BUCKET_ENCRYPTION}/ServerSideEncryptionByDefault/SSEAlgorithm",
        _less_than("aws:kms:dsse", "aws:kms"),
        "who may read them needs no key any more",
    ),
    ("ObjectLockEnabled", _off, "objects can be deleted before their time"),
)
REPOSITORY = _all(
    (
        "ImageTagMutability",
        _less_than("IMMUTABLE"),
        "a tag can be pushed again, with another image",
    ),
    ("EmptyOnDelete", _on, "deleting it deletes its images"),
    ("ImageScanningConfiguration/ScanOnPush", _off, "images are no longer scanned"),
    (
        "EncryptionConfiguration/EncryptionType",
        _less_than("KMS_DSSE", "KMS"),
        "who may pull them needs no key any more",
    ),
)
DATABASE = _all(
    ("DeletionProtection", _off, "it can be deleted"),
    ("DeleteAutomatedBackups", _on, "its backups go when it goes"),
    ("MultiAZ", _off, "no standby takes over when its zone fails"),
    ("AutoMinorVersionUpgrade", _turned_off, "security fixes no longer come by themselves"),
    ("StorageEncrypted", _off, "what is on its disk can be read"),
    (
        "PerformanceInsightsRetentionPeriod",
        _lower_than(7),
        "older figures of its performance are deleted",
    ),
    ("EnableCloudwatchLogsExports", fewer, "what it logs there is no longer kept"),
)
CACHE = _all(
    ("AutomaticFailoverEnabled", _off, "no node takes over when the first fails"),
    ("MultiAZEnabled", _off, "its nodes may share a zone"),
    ("TransitEncryptionEnabled", _off, "what goes over the wire can be read"),
    ("AtRestEncryptionEnabled", _off, "what is on its disk can be read"),
)
# What deletes, or makes unreadable, some of what is there already, though its resource stays.
BACKUPS = _all(("BackupRetentionPeriod", _lower_than(1), "older backups are deleted"))
SNAPSHOTS = _all(("SnapshotRetentionLimit", _lower_than(0), "older snapshots are deleted"))
DELETIONS: dict[str, tuple[Protection, ...]] = {
    "AWS::RDS::DBInstance": BACKUPS,
    "AWS::RDS::DBCluster": BACKUPS,
    "AWS::DocDB::DBCluster": BACKUPS,
    "AWS::Neptune::DBCluster": BACKUPS,
    "AWS::ElastiCache::CacheCluster": SNAPSHOTS,
    "AWS::ElastiCache::ReplicationGroup": SNAPSHOTS,
    "AWS::ElastiCache::ServerlessCache": SNAPSHOTS,
    "AWS::MemoryDB::Cluster": SNAPSHOTS,
    "AWS::Redshift::Cluster": _all(
        ("AutomatedSnapshotRetentionPeriod", _lower_than(1), "older snapshots are deleted"),
    ),
    "AWS::S3::Bucket": _all(
        (
            f"{RULES}/ExpirationInDays",
            _shorter,
            "files are deleted sooner, those already there too",
        ),
        (
            f"{RULES}/NoncurrentVersionExpiration/NoncurrentDays",
            _shorter,
            "old versions are deleted sooner",
        ),
        (
            f"{RULES}/NoncurrentVersionExpirationInDays",
            _shorter,
            "old versions are deleted sooner",
        ),
        (f"{RULES}/Status", _less_than("Disabled"), BY_ANOTHER_RULE),
        # What a rule is about; with less of that said, it is about more.
        *(
            (f"{RULES}/{about}", different, BY_ANOTHER_RULE)
            for about in (
                *("Prefix", "TagFilters", "ObjectSizeGreaterThan", "ObjectSizeLessThan"),
                *("ExpirationDate", "NoncurrentVersionExpiration/NewerNoncurrentVersions"),
            )
        ),
    ),
    "AWS::ECR::Repository": _all(
        (
            "LifecyclePolicy/LifecyclePolicyText",
            different,
            "images may be deleted by another rule than before",
        ),
    ),
    "AWS::KMS::Key": _all(("Enabled", _turned_off, "what it encrypted can't be read")),
    "AWS::Kinesis::Stream": _all(
        ("RetentionPeriodHours", _lower_than(24), "older records are deleted"),
    ),
    "AWS::SQS::Queue": _all(
        ("MessageRetentionPeriod", _lower_than(345600), "older messages are deleted"),
    ),
    "AWS::DynamoDB::Table": _all(
        ("TimeToLiveSpecification/Enabled", _on, "items whose time is over are deleted"),
    ),
    "AWS::Events::Archive": _all(("RetentionDays", _shorter, "older events are deleted")),
}
PROTECTIONS: dict[str, tuple[Protection, ...]] = {
    "AWS::RDS::DBInstance": DATABASE,
    "AWS::RDS::DBCluster": DATABASE,
    "AWS::DocDB::DBCluster": DATABASE,
    "AWS::Neptune::DBCluster": DATABASE,
    "AWS::ElastiCache::CacheCluster": CACHE,
    "AWS::ElastiCache::ReplicationGroup": CACHE,
    "AWS::S3::Bucket": BUCKET,
    "AWS::ECR::Repository": REPOSITORY,
    "AWS::Logs::LogGroup": _all(
        # How long logs are kept is everyday business: what goes would go in some days anyway.
        ("RetentionInDays", _shorter, "older entries are deleted"),
        ("DeletionProtectionEnabled", _off, "it can be deleted"),
        ("KmsKeyId", _gone, "new entries are encrypted with AWS's own key only"),
    ),
    "AWS::Events::Rule": _all(
        ("State", _turned_off, "nothing is done any more when its events happen"),
    ),
    "AWS::SNS::Topic": _all(
        ("KmsMasterKeyId", _gone, "messages are no longer encrypted where they are kept"),
    ),
    "AWS::SQS::Queue": _all(
        ("KmsMasterKeyId", _gone, "messages are no longer encrypted with that key"),
        ("SqsManagedSseEnabled", _turned_off, "messages are no longer encrypted"),
    ),
    "AWS::SecretsManager::Secret": _all(
        ("KmsKeyId", _gone, "who may read it needs no key any more"),
        (
            "SecretString",
            different,
            "takes the place of what was set by hand, which stays as its version AWSPREVIOUS",
        ),
    ),
    "AWS::KMS::Key": _all(
        ("EnableKeyRotation", _off, "its key material stays the same"),
        (
            "PendingWindowInDays",
            _lower_than(LONGEST_WINDOW),
            "less time to take a deletion back",
        ),
    ),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _all(
        ("LoadBalancerAttributes/deletion_protection.enabled/Value", _off, "it can be deleted"),
        (
            "LoadBalancerAttributes/access_logs.s3.enabled/Value",
            _off,
            "requests are no longer logged",
        ),
        (
            "LoadBalancerAttributes/routing.http.drop_invalid_header_fields.enabled/Value",
            _off,
            "headers that are none are passed on",
        ),
    ),
    "AWS::ElasticLoadBalancingV2::Listener": _all(
        ("Protocol", _less_than("HTTPS", "TLS"), "what goes over the wire can be read"),
        ("SslPolicy", _older_tls, "an older TLS is let in"),
    ),
    "AWS::CloudTrail::Trail": _all(
        ("IsLogging", _off, "who does what is no longer logged"),
        ("IsMultiRegionTrail", _off, "other regions are no longer logged"),
        ("EnableLogFileValidation", _off, "a log that was tampered with looks like any other"),
    ),
    "AWS::ECS::Cluster": _all(
        (
            "ClusterSettings/containerInsights/Value",
            _less_than("enhanced", "enabled"),
            "its tasks are watched in less detail",
        ),
    ),
    "AWS::ECS::Service": _all(
        (
            "DeploymentConfiguration/DeploymentCircuitBreaker/Enable",
            _off,
            "a deployment whose tasks don't start is tried for ever",
        ),
        (
            "DeploymentConfiguration/DeploymentCircuitBreaker/Rollback",
            _off,
            "a failed deployment isn't taken back",
        ),
    ),
    "AWS::ECS::TaskDefinition": _all(
        ("ContainerDefinitions/User", _as_root, "its processes may be root"),
        ("ContainerDefinitions/Privileged", _on, "it may do on its machine what root may"),
        ("ContainerDefinitions/ReadonlyRootFilesystem", _off, "its files can be changed"),
    ),
    "AWS::EC2::Instance": _all(
        ("DisableApiTermination", _off, "it can be deleted"),
        ("MetadataOptions/HttpTokens", _less_than("required"), IMDS_V1),
    ),
    "AWS::EC2::LaunchTemplate": _all(
        ("LaunchTemplateData/MetadataOptions/HttpTokens", _less_than("required"), IMDS_V1),
    ),
    "AWS::EC2::VPCEndpoint": _all(
        ("PolicyDocument", _gone, "whatever anybody may do passes through it"),
    ),
    "AWS::EC2::Volume": _all(("Encrypted", _off, "what is on it can be read")),
    "AWS::Cognito::UserPool": _all(
        ("DeletionProtection", _less_than("ACTIVE"), "it can be deleted"),
        ("MfaConfiguration", _less_than("ON", "OPTIONAL"), "a password is enough to sign in"),
    ),
    "AWS::Kinesis::Stream": _all(
        ("StreamEncryption", _gone, "records are no longer encrypted where they are kept"),
    ),
    "AWS::OpenSearchService::Domain": _all(
        ("EncryptionAtRestOptions/Enabled", _off, "what is on its disks can be read"),
        ("NodeToNodeEncryptionOptions/Enabled", _off, "what goes over the wire can be read"),
        ("DomainEndpointOptions/EnforceHTTPS", _off, "what goes over the wire can be read"),
    ),
    "AWS::EFS::FileSystem": _all(
        ("BackupPolicy/Status", _less_than("ENABLED"), "it is no longer backed up"),
        ("Encrypted", _off, "what is on it can be read"),
    ),
    "AWS::DynamoDB::Table": _all(
        ("DeletionProtectionEnabled", _off, "it can be deleted"),
        (
            "PointInTimeRecoverySpecification/PointInTimeRecoveryEnabled",
            _off,
            "it can't be brought back to an earlier moment",
        ),
    ),
}
