"""The cache."""

from troposphere import Equals, If, Join, Not, Ref, Template, elasticache

from liberty_cfn.names import named
from liberty_cfn.nesting import outputs
from liberty_cfn.ports import REDIS
from liberty_cfn.values import (
    CacheId,
    DomainName,
    Flag,
    SecurityGroupId,
    SubnetIds,
    Suffix,
    Text,
)

REDIS_VERSION, VALKEY_VERSION = "7.0", "8.0"
SNAPSHOT_DAYS = 7
# UTC, when it is night in the Americas and early in Europe; backup first.
BACKUP_WINDOW, MAINTENANCE_WINDOW = "06:00-07:00", "sun:07:30-sun:08:30"


@outputs
class Cache:
    cache_id: CacheId
    cache_host: DomainName
    cache_url: Text


def cache(
    t: Template,
    *,
    suffix: Suffix,
    subnet_ids: SubnetIds,
    cache_group_id: SecurityGroupId,
    cache_class: Text,
    cache_engine: Text,
    cache_replication: Flag,
) -> Cache:
    """Redis or Valkey, in the private subnets."""
    replicated = t.add_condition("Replicated", Equals(cache_replication, "true"))
    single = t.add_condition("SingleNode", Not(Equals(cache_replication, "true")))
    redis = t.add_condition("Redis", Equals(cache_engine, "redis"))

    subnets = t.add_resource(
        elasticache.SubnetGroup(
            "CacheSubnets",
            Description="Private subnets of the cache",
            SubnetIds=subnet_ids,
        )
    )
    node = t.add_resource(
        elasticache.CacheCluster(
            "Cache",
            Condition=single,
            ClusterName=named("liberty-social-redis", suffix),
            Engine="redis",
            EngineVersion=REDIS_VERSION,
            AutoMinorVersionUpgrade=True,
            CacheNodeType=cache_class,
            NumCacheNodes=1,
            Port=REDIS,
            CacheSubnetGroupName=Ref(subnets),
            VpcSecurityGroupIds=[cache_group_id],
            SnapshotRetentionLimit=SNAPSHOT_DAYS,
            SnapshotWindow=BACKUP_WINDOW,
            PreferredMaintenanceWindow=MAINTENANCE_WINDOW,
            # It holds people's sessions, too.
            DeletionPolicy="Snapshot",
            UpdateReplacePolicy="Snapshot",
        )
    )
    group = t.add_resource(
        elasticache.ReplicationGroup(
            "CacheGroup",
            Condition=replicated,
            ReplicationGroupId=named("liberty-social-redis", suffix),
            ReplicationGroupDescription="Cache of the Liberty Social backend",
            Engine=cache_engine,
            EngineVersion=If(redis, REDIS_VERSION, VALKEY_VERSION),
            AutoMinorVersionUpgrade=True,
            CacheNodeType=cache_class,
            NumCacheClusters=2,
            AutomaticFailoverEnabled=True,
            MultiAZEnabled=True,
            TransitEncryptionEnabled=True,
            AtRestEncryptionEnabled=True,
            Port=REDIS,
            CacheSubnetGroupName=Ref(subnets),
            SecurityGroupIds=[cache_group_id],
            SnapshotRetentionLimit=SNAPSHOT_DAYS,
            SnapshotWindow=BACKUP_WINDOW,
            PreferredMaintenanceWindow=MAINTENANCE_WINDOW,
            DeletionPolicy="Snapshot",
            UpdateReplacePolicy="Snapshot",
        )
    )
    host = If(
        replicated,
        group.get_att("PrimaryEndPoint.Address"),
        node.get_att("RedisEndpoint.Address"),
    )
    scheme = If(replicated, "rediss", "redis")
    return Cache(
        # ElastiCache numbers the members of a group; the first has the group's metrics.
        cache_id=CacheId(If(replicated, Join("", [Ref(group), "-001"]), Ref(node))),
        cache_host=DomainName(host),
        cache_url=Text(Join("", [scheme, "://", host, f":{REDIS}/0"])),
    )
