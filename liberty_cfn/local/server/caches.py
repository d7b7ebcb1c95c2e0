# ruff: noqa: SLF001 - ministack has no public names for these
"""Caches: their groups, addresses, members and last snapshots, as on AWS."""

import re
import secrets
from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_region
from ministack.services import elasticache
from ministack.services.cloudformation import provisioners

from .asking import Properties, ask
from .mending import Attributes, handlers, then


def _cluster(cluster: str, _attributes: Attributes, properties: Properties) -> None:
    record = elasticache._clusters[cluster]
    groups = properties.get("VpcSecurityGroupIds", [])
    record["SecurityGroups"] = [{"SecurityGroupId": g, "Status": "active"} for g in groups]


def _nowhere(name: str, engine: str, **_more: Any) -> tuple[str, int, None]:
    """A cache's address: one of its own, as on AWS, though nothing answers there."""
    # The name says where, also when another region is the first to ask after a restart.
    named = re.fullmatch(r"ministack-elasticache-(?:rg-)?\d{12}-((?:[a-z]+-)+\d)-(.*)", name)
    region, cache = (named[1], named[2]) if named else (get_region(), name)
    port = 11211 if engine == "memcached" else 6379
    return f"{cache}.local.{region}.cache.amazonaws.com", port, None


def _group(group: str, _attributes: Attributes, _properties: Properties) -> None:
    """The members of a group that is not cut in shards have no shard in their names."""
    record = elasticache._replication_groups[group]
    if len(record["NodeGroups"]) > 1:
        return
    for member in record["NodeGroups"][0]["NodeGroupMembers"]:
        old, number = member["CacheClusterId"], member["CacheClusterId"].rpartition("-")[2]
        member["CacheClusterId"] = name = f"{group}-{number}"
        cluster = elasticache._clusters.pop(old, None) or elasticache._clusters[name]
        arn = elasticache._arn_cluster(name)
        elasticache._clusters[name] = cluster | {"CacheClusterId": name, "CacheClusterArn": arn}
    record["MemberClusters"] = [
        member["CacheClusterId"] for member in record["NodeGroups"][0]["NodeGroupMembers"]
    ]


def _last_snapshot(source: str) -> Callable[[str, Properties], None]:
    def take(cache: str, _properties: Properties) -> None:
        name = provisioners._snapshot_id(cache)
        ask(elasticache, "CreateSnapshot", **{source: cache, "SnapshotName": name})

    return take


def add() -> None:
    elasticache._spawn_redis_container = _nowhere
    then("AWS::ElastiCache::CacheCluster", _cluster)
    then("AWS::ElastiCache::ReplicationGroup", _group)
    for kind, source in (
        ("CacheCluster", "CacheClusterId"),
        ("ReplicationGroup", "ReplicationGroupId"),
    ):
        handlers[f"AWS::ElastiCache::{kind}"]["snapshot"] = _last_snapshot(source)
        provisioners._STACK_TAG_PROPERTY[f"AWS::ElastiCache::{kind}"] = ("Tags", "list")
    # One that is kept must not be in the way of the next.
    provisioners._snapshot_id = lambda resource: f"{resource}-{secrets.token_hex(6)}"
