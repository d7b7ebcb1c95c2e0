"""What a change loses: data that goes, secrets made anew, protection that weakens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from liberty_cfn.model.resolving import Resource
from liberty_cfn.review.changes import Action, Change, PropertyChange
from liberty_cfn.review.comparing import Steps, at
from liberty_cfn.review.findings import Finding, Kind
from liberty_cfn.review.replacement import names
from liberty_cfn.stateful import LOSSES as OURS

# What is lost with types that this design has none of.
LOSSES = {
    **OURS,
    "AWS::Backup::BackupVault": "the backups in it",
    "AWS::Cognito::UserPool": "the accounts of everybody who signed up",
    "AWS::DocDB::DBCluster": "everything people entered since the last snapshot",
    "AWS::DynamoDB::GlobalTable": "the items in it",
    "AWS::DynamoDB::Table": "the items in it",
    "AWS::EC2::Volume": "what is written on it",
    "AWS::EFS::FileSystem": "the files in it",
    "AWS::FSx::FileSystem": "the files in it",
    "AWS::Kinesis::Stream": "the records nobody has read yet",
    "AWS::MSK::Cluster": "the records in it",
    "AWS::Neptune::DBCluster": "everything people entered since the last snapshot",
    "AWS::OpenSearchService::Domain": "what is indexed",
    "AWS::RDS::DBCluster": "everything people entered since the last snapshot",
    "AWS::Redshift::Cluster": "what was loaded since the last snapshot",
    "AWS::SQS::Queue": "the messages nobody has read yet",
    "AWS::SSM::Parameter": "a value that was set by hand",
}
GENERATED = "GenerateSecretString"
# What stays of a resource under each policy, from the safest.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
REMAINS = {
    "Retain": "the old one remains, no longer managed",
    "RetainExceptOnCreate": "the old one remains, no longer managed",
    "Snapshot": "a snapshot of it remains",
    "Delete": "nothing of it remains",
}
# What comes in the place of what is lost, where it isn't simply empty.
NEW = {
    "AWS::SecretsManager::Secret": "one with another value",
    "AWS::KMS::Key": "another key",
    "AWS::Route53::HostedZone": "one with other name servers",
}
# What only protects or watches, and is missed when it goes.
GUARDS = {
    "AWS::Backup::BackupPlan": "nothing is backed up by it any more",
    "AWS::CloudTrail::Trail": "who does what is no longer logged",
    "AWS::Config::ConfigRule": "what it watched over is no longer",
    "AWS::EC2::FlowLog": "connections are no longer logged",
    "AWS::GuardDuty::Detector": "threats are no longer looked for",
    "AWS::WAFv2::WebACLAssociation": "requests are no longer filtered",
}
SAFEST = list(REMAINS)
POLICY_PAGE = (
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"
    "aws-attribute-deletionpolicy.html"
)
# Without a policy, these alone are kept as a snapshot.
SNAPSHOT_BY_DEFAULT = ("AWS::RDS::DBInstance", "AWS::RDS::DBCluster")
FOR_EVER = 10**6
Weaker = Callable[[Any, Any], bool]


def losses(changes: Sequence[Change]) -> Iterator[Finding]:
    """Yield what is lost, resource by resource."""
    for change in changes:
        yield from _data(change)
        yield from _unwatched(change)
        yield from _policies(change)
        if change.action is Action.CHANGE and not change.replaced:
            yield from _secret(change)
            for changed in change.properties:
                yield from _weakened(change, changed)


def remains(change: Change) -> str:
    """Return what stays of a resource that goes: Retain, Snapshot or Delete."""
    # A removed resource goes as the template said that made it; a replaced one as the new.
    if change.action is Action.REMOVE:
        return _policy("DeletionPolicy", change.before)
    return _policy("UpdateReplacePolicy", change.after)


def _policy(name: str, resource: Resource | None) -> str:
    """Return a policy of a resource, or what counts where it has none."""
    if resource is None:
        return "Delete"
    by_default = (
        name == "DeletionPolicy"
        and resource.type in SNAPSHOT_BY_DEFAULT
        and "DBClusterIdentifier" not in resource.properties
    )
    found = resource.body.get(name, "Snapshot" if by_default else "Delete")
    return found if isinstance(found, str) else "Delete"


def _data(change: Change) -> Iterator[Finding]:
    if change.type not in LOSSES:
        return
    left = REMAINS.get(remains(change), "what remains, its policy doesn't say")
    lost, new = LOSSES[change.type], NEW.get(change.type, "an empty one")
    if change.action is Action.REMOVE:
        moved = f", and replaced by {new}, {change.moved_name}" if change.moved else ""
        text = f"{change.name} is removed{moved}: lost is {lost}; {left}"
        yield Finding(Kind.LOSS, change.id, text, POLICY_PAGE)
    elif change.replaced and not _refused(change):
        text = f"{change.name} is replaced by {new}: lost is {lost}; {left}"
        yield Finding(Kind.LOSS, change.id, text, POLICY_PAGE)
    elif change.perhaps_replaced:
        text = f"{change.name} may be replaced by {new}: lost would be {lost}; {left}"
        yield Finding(Kind.LOSS, change.id, text, POLICY_PAGE)


def _refused(change: Change) -> bool:
    return any(changed.verdict.refused for changed in change.properties)


def _unwatched(change: Change) -> Iterator[Finding]:
    if change.action is Action.REMOVE and change.type in GUARDS and not change.moved:
        text = f"{change.name} is removed: {GUARDS[change.type]}"
        yield Finding(Kind.WEAKENED, change.id, text)


def _policies(change: Change) -> Iterator[Finding]:
    for changed in change.policies:
        before, after = (_policy(changed.name, one) for one in (change.before, change.after))
        if _rank(after) > _rank(before):
            holds = f", which holds {LOSSES[change.type]}" if change.type in LOSSES else ""
            text = f"{change.name}: {changed.name} {before} → {after}{holds}"
            yield Finding(Kind.WEAKENED, change.id, text, POLICY_PAGE)


def _rank(policy: str) -> int:
    return SAFEST.index(policy) if policy in SAFEST else len(SAFEST)


def _secret(change: Change) -> Iterator[Finding]:
    """Any edit of GenerateSecretString makes a new value, at once."""
    edited = [p for p in change.properties if p.path[:1] == (GENERATED,)]
    if change.type != "AWS::SecretsManager::Secret" or not edited:
        return
    after = change.after.properties if change.after else {}
    if GENERATED not in after:
        return
    what = ", ".join(p.name for p in edited)
    text = (
        f"{change.name}: editing {what} regenerates the secret; what uses the old value "
        "(a database's password, running tasks) no longer fits"
    )
    yield Finding(
        Kind.SECRET,
        change.id,
        text,
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"
        "aws-resource-secretsmanager-secret.html",
    )


def _weakened(change: Change, changed: PropertyChange) -> Iterator[Finding]:
    steps = names(changed.path)
    why = _reason(change, steps, changed)
    if why:
        shown = f"{_shown(changed.before)} → {_shown(changed.after)}"
        text = f"{change.name}: {changed.name} {shown}: {why}"
        yield Finding(Kind.WEAKENED, change.id, text)


def _reason(change: Change, steps: Steps, changed: PropertyChange) -> str:
    """Return why a property's change weakens a protection; empty if it doesn't."""
    for wanted, weaker, why in PROTECTIONS.get(change.type, ()):
        below = _below(wanted, steps, changed.path)
        if below is None:
            continue
        before, after = at(changed.before, below), at(changed.after, below)
        if any(weaker(before, one) for one in (after if isinstance(after, list) else [after])):
            return why
    return ""


def _below(wanted: Steps, steps: Steps, path: Steps) -> Steps | None:
    """Return what of a wanted path is below a changed one; None if it is elsewhere."""
    named = tuple(step.strip("[]") for step in path)
    for there in (named, steps):
        if wanted[: len(there)] == there:
            return wanted[len(there) :]
    return None


def _off(before: Any, after: Any) -> bool:
    """Whether a switch that protects is turned off."""
    return _said(before) == "true" and _said(after) != "true"


def _on(before: Any, after: Any) -> bool:
    """Whether a switch that endangers is turned on."""
    return _off(after, before)


def _lower(before: Any, after: Any) -> bool:
    """Whether a number is lower; where it is left out there is none."""
    return _number(after, 0) < _number(before, 0)


def _shorter(before: Any, after: Any) -> bool:
    """Whether something is kept for less time; where that is left out, for ever."""
    return _number(after, FOR_EVER) < _number(before, FOR_EVER)


def _gone(before: Any, after: Any) -> bool:
    return before is not None and after is None


def _less_than(*values: str) -> Weaker:
    """Return whether a value comes later than before in a list from the safest on."""

    def weaker(before: Any, after: Any) -> bool:
        one, other = (values.index(v) if v in values else len(values) for v in (before, after))
        return one < other

    return weaker


def _changed(_: Any, after: Any) -> bool:
    return after is not None


def _said(value: Any) -> str:
    return str(value).lower()


def _number(value: Any, default: int) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return default


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else _said(value)


_Protection = tuple[Steps, Weaker, str]


def _all(*described: tuple[str, Weaker, str]) -> tuple[_Protection, ...]:
    return tuple((tuple(path.split("/")), weaker, why) for path, weaker, why in described)


BUCKET = _all(
    (
        "VersioningConfiguration/Status",
        _less_than("Enabled"),
        "what is overwritten or deleted can't be brought back",
    ),
    (
        "LifecycleConfiguration/Rules/ExpirationInDays",
        _shorter,
        "files are deleted sooner, those already there too",
    ),
    (
        "LifecycleConfiguration/Rules/NoncurrentVersionExpiration/NoncurrentDays",
        _shorter,
        "old versions are deleted sooner",
    ),
    ("BucketEncryption", _gone, "new objects fall back to S3's own encryption"),
    ("ObjectLockEnabled", _off, "objects can be deleted before their time"),
)
REPOSITORY = _all(
    (
        "ImageTagMutability",
        _less_than("IMMUTABLE"),
        "a tag can be pushed again, with another image",
    ),
    ("EmptyOnDelete", _on, "deleting it deletes its images"),
    ("LifecyclePolicy", _changed, "images may be deleted by another rule than before"),
    ("LifecyclePolicy/LifecyclePolicyText", _changed, "images may be deleted by another rule"),
    ("ImageScanningConfiguration/ScanOnPush", _off, "images are no longer scanned"),
)
DATABASE = _all(
    ("DeletionProtection", _off, "it can be deleted"),
    ("BackupRetentionPeriod", _lower, "older backups are deleted"),
    ("DeleteAutomatedBackups", _on, "its backups go when it goes"),
    ("MultiAZ", _off, "no standby takes over when its zone fails"),
)
CACHE = _all(
    ("SnapshotRetentionLimit", _lower, "older snapshots are deleted"),
    ("AutomaticFailoverEnabled", _off, "no node takes over when the first fails"),
    ("MultiAZEnabled", _off, "its nodes may share a zone"),
    ("TransitEncryptionEnabled", _off, "what goes over the wire can be read"),
)
PROTECTIONS: dict[str, tuple[_Protection, ...]] = {
    "AWS::RDS::DBInstance": DATABASE,
    "AWS::RDS::DBCluster": DATABASE,
    "AWS::ElastiCache::CacheCluster": CACHE,
    "AWS::ElastiCache::ReplicationGroup": CACHE,
    "AWS::S3::Bucket": BUCKET,
    "AWS::ECR::Repository": REPOSITORY,
    "AWS::Logs::LogGroup": _all(
        ("RetentionInDays", _shorter, "older entries are deleted"),
        ("DeletionProtectionEnabled", _off, "it can be deleted"),
    ),
    "AWS::KMS::Key": _all(
        ("Enabled", _off, "what it encrypted can't be read"),
        ("EnableKeyRotation", _off, "its key material stays the same"),
        ("PendingWindowInDays", _lower, "less time to take a deletion back"),
    ),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _all(
        ("LoadBalancerAttributes/deletion_protection.enabled/Value", _off, "it can be deleted"),
        (
            "LoadBalancerAttributes/access_logs.s3.enabled/Value",
            _off,
            "requests are no longer logged",
        ),
    ),
    "AWS::ElasticLoadBalancingV2::Listener": _all(
        ("Protocol", _less_than("HTTPS", "TLS"), "what goes over the wire can be read"),
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
