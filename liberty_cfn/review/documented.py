"""What AWS documents of updates where CloudFormation's schemas are silent or say otherwise.

Reviewed by hand; each entry has its source. Where none is given it is the property's own
entry in the Template Reference ("Update requires"), see `page`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

REFERENCE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"
RDS_SETTINGS = (
    "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ModifyInstance.Settings.html"
)
# What RDS's own code replaces an instance for; the rest it modifies, whatever the schema says.
RDS_HANDLER = (
    "https://github.com/aws-cloudformation/aws-cloudformation-resource-providers-rds/blob/"
    "master/aws-rds-dbinstance/src/main/java/software/amazon/rds/dbinstance/util/"
    "ImmutabilityHelper.java"
)
CACHE_SCALING = (
    "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Scaling.RedisStandalone.html"
)
CACHE_VERSIONS = (
    "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/VersionManagement.html"
)


class Replacement(StrEnum):
    """Whether a change makes a resource anew, from the least to the most."""

    NONE = "none"
    UNKNOWN = "unknown"
    CONDITIONAL = "conditional"
    CERTAIN = "certain"


SEVERITY = list(Replacement)


@dataclass(frozen=True)
class Documented:
    """What is documented of a property's update, and where."""

    replacement: Replacement
    why: str
    source: str
    refused: bool = False


def page(resource_type: str, name: str = "") -> str:
    """Return the page of the Template Reference about a type; the place of a property."""
    _, service, resource = resource_type.lower().split("::")
    anchor = f"#cfn-{service}-{resource}-{name.lower()}" if name else ""
    return f"{REFERENCE}aws-resource-{service}-{resource}.html{anchor}"


def _documented(
    replacement: Replacement,
    why: str,
    *properties: str,
    source: str = "",
    refused: bool = False,
) -> dict[tuple[str, ...], Documented]:
    """Return entries for properties, each a type and a path: AWS::EC2::EIP Domain."""
    entries = {}
    for described in properties:
        resource_type, path = described.split()
        steps = tuple(path.split("."))
        where = source or page(resource_type, steps[0])
        entries[(resource_type, *steps)] = Documented(replacement, why, where, refused)
    return entries


REPLACEMENTS = {
    **_documented(
        Replacement.CERTAIN,
        "Update requires: Replacement",
        "AWS::CertificateManager::Certificate ValidationMethod",
        "AWS::EC2::CapacityReservation InstanceMatchCriteria",
        "AWS::EC2::CapacityReservation TagSpecifications",
        "AWS::EC2::CapacityReservationFleet TagSpecifications",
        "AWS::EC2::EIP Domain",
        "AWS::EC2::SpotFleet SpotFleetRequestConfigData.LaunchTemplateConfigs",
        "AWS::EC2::SpotFleet SpotFleetRequestConfigData.OnDemandTargetCapacity",
        "AWS::EC2::TrafficMirrorSession NetworkInterfaceId",
        "AWS::EC2::TransitGatewayRouteTable Tags",
        "AWS::EC2::VPCPeeringConnection AssumeRoleRegion",
        "AWS::EC2::VPCPeeringConnection PeerRoleArn",
        "AWS::EC2::VPNConnection CustomerGatewayId",
        "AWS::EC2::VPNConnection TransitGatewayId",
        "AWS::EC2::VPNConnection VpnGatewayId",
        "AWS::EC2::VPNConnection VpnTunnelOptionsSpecifications",
        "AWS::ECS::Service DeploymentController",
        "AWS::ECS::Service LaunchType",
        "AWS::ElastiCache::ReplicationGroup ReplicasPerNodeGroup",
        "AWS::ElastiCache::User Engine",
        "AWS::ElastiCache::UserGroup Engine",
        "AWS::Events::EventBus EventSourceName",
        "AWS::Events::Rule EventBusName",
        "AWS::Lambda::EventSourceMapping AmazonManagedKafkaEventSourceConfig",
        "AWS::Lambda::EventSourceMapping SelfManagedKafkaEventSourceConfig",
        "AWS::DynamoDB::Table KeySchema",
        "AWS::RDS::DBCluster AvailabilityZones",
        "AWS::RDS::DBInstance Port",
        "AWS::RDS::DBProxyEndpoint TargetRole",
        "AWS::Route53::RecordSet Name",
        "AWS::S3::Bucket ObjectLockEnabled",
    ),
    **_documented(
        Replacement.CERTAIN,
        "Update requires: Replacement; but AWS refuses, so that no key is lost",
        "AWS::KMS::Key KeySpec",
        "AWS::KMS::Key KeyUsage",
        "AWS::KMS::Key MultiRegion",
        "AWS::KMS::Key Origin",
        refused=True,
    ),
    **_documented(
        Replacement.CONDITIONAL,
        "replaced or not, depending on the cluster's engine and nodes",
        "AWS::ElastiCache::CacheCluster AZMode",
        "AWS::ElastiCache::CacheCluster NumCacheNodes",
        "AWS::ElastiCache::CacheCluster PreferredAvailabilityZone",
        "AWS::ElastiCache::ReplicationGroup NumNodeGroups",
        "AWS::AutoScaling::AutoScalingGroup PlacementGroup",
    ),
    **_documented(
        Replacement.CERTAIN,
        "Update requires: Replacement, inside a node group",
        "AWS::ElastiCache::ReplicationGroup NodeGroupConfiguration.PrimaryAvailabilityZone",
        "AWS::ElastiCache::ReplicationGroup NodeGroupConfiguration.ReplicaAvailabilityZones",
        "AWS::ElastiCache::ReplicationGroup NodeGroupConfiguration.ReplicaCount",
        "AWS::ElastiCache::ReplicationGroup NodeGroupConfiguration.Slots",
    ),
    **_documented(
        Replacement.NONE,
        "Update requires: No interruption",
        "AWS::ElastiCache::CacheCluster IpDiscovery",
    ),
    **_documented(
        Replacement.CONDITIONAL,
        "CloudFormation says perhaps; RDS modifies the instance in place",
        "AWS::RDS::DBInstance AutoMinorVersionUpgrade",
        "AWS::RDS::DBInstance BackupRetentionPeriod",
        "AWS::RDS::DBInstance DBParameterGroupName",
        "AWS::RDS::DBInstance MultiAZ",
        "AWS::RDS::DBInstance PreferredMaintenanceWindow",
        "AWS::RDS::DBInstance StorageType",
        source=RDS_HANDLER,
    ),
}


@dataclass(frozen=True)
class ByValue:
    """An update that is made in place from one value to another, and no other way.

    `usual` is the value where none is given.
    """

    usual: str
    in_place: tuple[str, str]
    then: Documented
    otherwise: Documented


BY_VALUE = {
    ("AWS::ElastiCache::ReplicationGroup", "Engine"): ByValue(
        "redis",
        ("redis", "valkey"),
        Documented(
            Replacement.CONDITIONAL,
            "Update requires: Replacement, but from redis to valkey is an in-place migration",
            page("AWS::ElastiCache::ReplicationGroup", "Engine"),
        ),
        Documented(
            Replacement.CERTAIN,
            "Update requires: Replacement",
            page("AWS::ElastiCache::ReplicationGroup", "Engine"),
        ),
    ),
    ("AWS::EC2::VPC", "InstanceTenancy"): ByValue(
        "default",
        ("dedicated", "default"),
        Documented(
            Replacement.NONE,
            "Update requires: No interruption, from dedicated to default",
            page("AWS::EC2::VPC", "InstanceTenancy"),
        ),
        Documented(
            Replacement.CERTAIN,
            "Update requires: Replacement, but from dedicated to default",
            page("AWS::EC2::VPC", "InstanceTenancy"),
        ),
    ),
}

# "Conditional" to CloudFormation, though the service never replaces for them.
ONLY_INTERRUPTED = frozenset(
    key for key, entry in REPLACEMENTS.items() if entry.source == RDS_HANDLER
)


@dataclass(frozen=True)
class Interruption:
    """What stops for a while when a property changes, and where AWS says so."""

    what: str
    source: str


INTERRUPTIONS = {
    ("AWS::RDS::DBInstance", "DBInstanceClass"): Interruption(
        "the database is down while it moves to the other class; minutes", RDS_SETTINGS
    ),
    ("AWS::RDS::DBInstance", "EngineVersion"): Interruption(
        "the database is down while it is upgraded", RDS_SETTINGS
    ),
    ("AWS::RDS::DBInstance", "StorageType"): Interruption(
        "downtime where the disk moves to or from magnetic storage, slower for hours",
        RDS_SETTINGS,
    ),
    ("AWS::RDS::DBInstance", "CACertificateIdentifier"): Interruption(
        "the database restarts, unless its engine takes certificates without", RDS_SETTINGS
    ),
    ("AWS::RDS::DBInstance", "DBParameterGroupName"): Interruption(
        "static parameters wait for a restart of the database", RDS_SETTINGS
    ),
    ("AWS::RDS::DBInstance", "DedicatedLogVolume"): Interruption(
        "the database restarts", RDS_SETTINGS
    ),
    ("AWS::RDS::DBInstance", "ProcessorFeatures"): Interruption(
        "the database restarts", RDS_SETTINGS
    ),
    ("AWS::RDS::DBInstance", "OptionGroupName"): Interruption(
        "the database restarts for some options", RDS_SETTINGS
    ),
    ("AWS::RDS::DBInstance", "AvailabilityZone"): Interruption(
        "Update requires: Some interruptions",
        page("AWS::RDS::DBInstance", "AvailabilityZone"),
    ),
    ("AWS::RDS::DBInstance", "Engine"): Interruption(
        "Update requires: Some interruptions", page("AWS::RDS::DBInstance", "Engine")
    ),
    ("AWS::RDS::DBInstance", "EngineLifecycleSupport"): Interruption(
        "Update requires: Some interruptions",
        page("AWS::RDS::DBInstance", "EngineLifecycleSupport"),
    ),
    ("AWS::ElastiCache::CacheCluster", "CacheNodeType"): Interruption(
        "connections break while the node moves to the other type", CACHE_SCALING
    ),
    ("AWS::ElastiCache::CacheCluster", "EngineVersion"): Interruption(
        "connections break while the engine is upgraded", CACHE_VERSIONS
    ),
    ("AWS::ElastiCache::ReplicationGroup", "CacheNodeType"): Interruption(
        "connections break for seconds while nodes move to the other type", CACHE_SCALING
    ),
    ("AWS::ElastiCache::ReplicationGroup", "EngineVersion"): Interruption(
        "connections break for seconds while the engine is upgraded", CACHE_VERSIONS
    ),
    ("AWS::EC2::Instance", "InstanceType"): Interruption(
        "the instance stops, and starts as one of the other type",
        page("AWS::EC2::Instance", "InstanceType"),
    ),
    ("AWS::EC2::Instance", "EbsOptimized"): Interruption(
        "the instance stops and starts again", page("AWS::EC2::Instance", "EbsOptimized")
    ),
    ("AWS::EC2::Instance", "UserData"): Interruption(
        "the instance stops and starts again", page("AWS::EC2::Instance", "UserData")
    ),
    ("AWS::RDS::DBCluster", "EngineVersion"): Interruption(
        "the database is down while it is upgraded",
        "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Modifying.html",
    ),
    ("AWS::EC2::SecurityGroup", "SecurityGroupIngress"): Interruption(
        "for a moment, what these rules let pass may be refused",
        page("AWS::EC2::SecurityGroup", "SecurityGroupIngress"),
    ),
    ("AWS::EC2::SecurityGroup", "SecurityGroupEgress"): Interruption(
        "for a moment, what these rules let pass may be refused",
        page("AWS::EC2::SecurityGroup", "SecurityGroupEgress"),
    ),
}
# RDS: an outage only where backups begin or end.
BACKUPS = Interruption("an outage as backups begin or end", RDS_SETTINGS)
