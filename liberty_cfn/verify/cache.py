"""Storage: ElastiCache, a single node or a replication group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from liberty_cfn.verify import places
from liberty_cfn.verify.facts import Fact, equal, one_of, same, version
from liberty_cfn.verify.reading import Aws, MissingError

NAME, PORT = "liberty-social-redis", 6379
VERSIONS = {"redis": "7.0", "valkey": "8.0"}
# A snapshot is no fault.
WELL = ("available", "snapshotting")


def cache(aws: Aws) -> Iterator[Fact]:
    """State what the spec says of the cache."""
    if aws.flag("CacheReplication"):
        yield from _group(aws)
    else:
        yield from _node(aws)


def url(aws: Aws) -> str:
    """Return where the cache answers, as its clients write it; its name, if it doesn't."""
    try:
        if aws.flag("CacheReplication"):
            endpoint = _primary(find_group(aws))
        else:
            endpoint = _endpoint(find_node(aws, aws.named(NAME)))
    except MissingError:
        endpoint = {}
    scheme = "rediss" if aws.flag("CacheReplication") else "redis"
    address = endpoint.get("Address") or f"the address of {aws.named(NAME)}"
    return f"{scheme}://{address}:{PORT}/0"


def _node(aws: Aws) -> Iterator[Fact]:
    found = find_node(aws, aws.named(NAME))
    yield equal("name", aws.named(NAME), found["CacheClusterId"])
    yield one_of("status", WELL, found.get("CacheClusterStatus"))
    yield equal("node type", aws.settings["CacheClass"], found.get("CacheNodeType"))
    yield equal("nodes", 1, found.get("NumCacheNodes"))
    yield equal("port", PORT, _endpoint(found).get("Port"))
    # Only a member of a replication group could fail over.
    yield equal("replication group", None, found.get("ReplicationGroupId") or None)
    yield from _anywhere(aws, found)


def _group(aws: Aws) -> Iterator[Fact]:
    found = find_group(aws)
    yield equal("name", aws.named(NAME), found["ReplicationGroupId"])
    yield one_of("status", WELL, found.get("Status"))
    yield equal("node type", aws.settings["CacheClass"], found.get("CacheNodeType"))
    members = found.get("MemberClusters", [])
    yield equal("nodes", 2, len(members))
    yield equal("port", PORT, _primary(found).get("Port"))
    yield equal("automatic failover", "enabled", found.get("AutomaticFailover"))
    yield equal("Multi-AZ", "enabled", found.get("MultiAZ"))
    yield equal("TLS", expected=True, found=found.get("TransitEncryptionEnabled"))
    yield equal("encrypted", expected=True, found=found.get("AtRestEncryptionEnabled"))
    # What the group doesn't tell is the same for all its members.
    for member in members[:1]:
        yield from _anywhere(aws, find_node(aws, member))


def _anywhere(aws: Aws, found: Mapping[str, Any]) -> Iterator[Fact]:
    """State what is the same in both forms."""
    engine = aws.settings["CacheEngine"]
    yield equal("engine", engine, found.get("Engine"))
    yield version("engine version", VERSIONS[engine], found.get("EngineVersion"))
    asked = {"CacheSubnetGroupName": found.get("CacheSubnetGroupName") or "none"}
    group = aws.read_if_any("elasticache", "describe_cache_subnet_groups", **asked)
    ids = [
        subnet["SubnetIdentifier"]
        for each in group.get("CacheSubnetGroups", [])
        for subnet in each.get("Subnets", [])
    ]
    yield same("subnets", places.private(aws), places.cidrs(aws, ids))
    ids = [each["SecurityGroupId"] for each in found.get("SecurityGroups", [])]
    yield same("security groups", [aws.named("elasticache-sg")], places.group_names(aws, ids))


def find_node(aws: Aws, name: str) -> Any:
    """Return a single node, or a member of the group.

    Raises:
        MissingError: there is none of that name.
    """
    asked = {"CacheClusterId": name, "ShowCacheNodeInfo": True}
    found = aws.read("elasticache", "describe_cache_clusters", **asked).get("CacheClusters", [])
    if not found:
        raise MissingError
    return found[0]


def find_group(aws: Aws) -> Any:
    """Return the replication group.

    Raises:
        MissingError: there is none of that name.
    """
    asked = {"ReplicationGroupId": aws.named(NAME)}
    answer = aws.read("elasticache", "describe_replication_groups", **asked)
    if not answer.get("ReplicationGroups"):
        raise MissingError
    return answer["ReplicationGroups"][0]


def _endpoint(node: Mapping[str, Any]) -> Any:
    return next((each.get("Endpoint", {}) for each in node.get("CacheNodes", [])), {})


def _primary(group: Mapping[str, Any]) -> Any:
    return next((each.get("PrimaryEndpoint", {}) for each in group.get("NodeGroups", [])), {})
