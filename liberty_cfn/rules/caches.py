"""LC142x: caches, of one node or several."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from liberty_cfn.model.resolving import Resource
from liberty_cfn.rules import windows
from liberty_cfn.rules.examples import changed
from liberty_cfn.rules.expected import Expectation, like, misfits, one_of, whole
from liberty_cfn.rules.placing import known_subnets, public, zones
from liberty_cfn.rules.rule import Design, Problem, Rule, flag, number, text
from liberty_cfn.rules.statements import shown

CLUSTER = "AWS::ElastiCache::CacheCluster"
GROUP = "AWS::ElastiCache::ReplicationGroup"
SUBNETS = "AWS::ElastiCache::SubnetGroup"
GUIDE = "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/"
API = "https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/"

VERSIONS = {
    "redis": like(r"4\.0\.10|5\.0\.6|6\.x|6\.0|6\.2|7\.0|7\.1|7\.x", "6.2, 7.0 or 7.1"),
    "valkey": like(r"7\.2|8\.[0-2]|9\.[01]", "7.2, 8.0 or later"),
    "memcached": like(r"1\.[456]\.\d+", "1.6 and its minor version"),
}
SIZES = r"(micro|small|medium|large|xlarge|\d{1,2}xlarge)"
VALUES: Mapping[str, Expectation] = {
    "CacheNodeType": like(
        rf"cache\.[a-z][a-z0-9]*\.{SIZES}", "a node type such as cache.t3.micro"
    ),
    "Port": whole(1, 65535),
    "SnapshotRetentionLimit": whole(0, 35),
    "NetworkType": one_of("ipv4", "ipv6", "dual_stack"),
    "IpDiscovery": one_of("ipv4", "ipv6"),
    "TransitEncryptionMode": one_of("preferred", "required"),
    "ClusterMode": one_of("enabled", "disabled", "compatible"),
    "AZMode": one_of("single-az", "cross-az"),
    "NumCacheClusters": whole(1, 6),
    "ReplicasPerNodeGroup": whole(0, 5),
    "NumNodeGroups": whole(1, 500),
    "LogDeliveryConfigurations.*.LogType": one_of("slow-log", "engine-log"),
    "LogDeliveryConfigurations.*.LogFormat": one_of("text", "json"),
    "LogDeliveryConfigurations.*.DestinationType": one_of(
        "cloudwatch-logs", "kinesis-firehose"
    ),
}
NAME = r"[A-Za-z](?!.*--)([A-Za-z0-9-]{0,%d}[A-Za-z0-9])?"
NAMES: Mapping[str, Expectation] = {
    "ClusterName": like(NAME % 48, "letters, digits and single hyphens, a letter first, 50"),
    "ReplicationGroupId": like(NAME % 38, "letters, digits and single hyphens, 40 at most"),
}
TOKEN = like(
    r"[A-Za-z0-9!&#$^<>-]{16,128}", "16 to 128 letters, digits, or one of ! & # $ ^ < > -"
)


def _engine(cache: Resource) -> str:
    usual = "redis" if cache.type == GROUP else ""
    return text(cache.properties.get("Engine", usual)) or ""


def _values(design: Design) -> Iterator[Problem]:
    for cache in design.of_type(CLUSTER, GROUP):
        yield from misfits(cache, {**VALUES, **NAMES})
        if expected := VERSIONS.get(_engine(cache)):
            yield from misfits(cache, {"EngineVersion": expected})


def _kinds(design: Design) -> Iterator[Problem]:
    for cache in design.of_type(CLUSTER):
        engine = _engine(cache)
        path = ("Properties", "Engine")
        yield from misfits(cache, {"Engine": one_of("redis", "memcached", "valkey")})
        if engine == "valkey":
            why = "a CacheCluster can't be Valkey; expected a ReplicationGroup, or redis"
            yield Problem(cache.id, path, why)
        if "Engine" not in cache.properties:
            yield Problem(cache.id, ("Properties",), "Engine is missing; expected redis")
        if engine == "redis":
            for name, why in _single(cache.properties):
                yield Problem(cache.id, ("Properties", name), why)
    for cache in design.of_type(GROUP):
        yield from misfits(cache, {"Engine": one_of("redis", "valkey")})
        if not cache.properties.get("ReplicationGroupDescription"):
            why = "ReplicationGroupDescription is missing; ElastiCache needs one"
            yield Problem(cache.id, ("Properties",), why)


def _single(properties: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    nodes = number(properties.get("NumCacheNodes", 1))
    if nodes != 1 and nodes is not None:
        why = f"NumCacheNodes is {nodes:g}; expected 1: Redis of more is a ReplicationGroup"
        yield "NumCacheNodes", why
    if text(properties.get("AZMode")) == "cross-az":
        yield "AZMode", "one node is in one zone; drop AZMode, or take a ReplicationGroup"
    if properties.get("PreferredAvailabilityZones"):
        yield "PreferredAvailabilityZones", "for memcached only; expected the singular"
    if flag(properties.get("TransitEncryptionEnabled")):
        why = "a CacheCluster of Redis has no TLS; expected a ReplicationGroup, or false"
        yield "TransitEncryptionEnabled", why
    if "AuthToken" in properties:
        yield "AuthToken", "a CacheCluster has no AuthToken; expected a ReplicationGroup"


def _failover(design: Design) -> Iterator[Problem]:
    for cache in design.of_type(GROUP):
        properties = cache.properties
        fails_over = flag(properties.get("AutomaticFailoverEnabled", False))
        zoned = flag(properties.get("MultiAZEnabled", False))
        shards = number(properties.get("NumNodeGroups", 1)) or 1
        nodes = _nodes(properties)
        path = ("Properties", "AutomaticFailoverEnabled")
        if fails_over and nodes is not None and nodes < 2:  # noqa: PLR2004
            why = f"failover with {nodes:g} node; expected NumCacheClusters of 2 at least"
            yield Problem(cache.id, path, why)
        if zoned and fails_over is False:
            why = "MultiAZEnabled needs AutomaticFailoverEnabled: true"
            yield Problem(cache.id, ("Properties", "MultiAZEnabled"), why)
        if shards > 1 and fails_over is False:
            why = "several shards need AutomaticFailoverEnabled: true"
            yield Problem(cache.id, path, why)
        both = "NumCacheClusters" in properties and any(
            name in properties for name in ("ReplicasPerNodeGroup", "NodeGroupConfiguration")
        )
        if both or ("NumCacheClusters" in properties and shards > 1):
            why = "NumCacheClusters beside shards; expected ReplicasPerNodeGroup in its place"
            yield Problem(cache.id, ("Properties", "NumCacheClusters"), why)
        if nodes and nodes > 1 and (fails_over is False or zoned is False):
            name = "AutomaticFailoverEnabled" if fails_over is False else "MultiAZEnabled"
            why = f"{nodes:g} nodes, and {name} is false: one zone stops all; expected true"
            yield Problem(cache.id, ("Properties", name), why)
        chosen = properties.get("PreferredCacheClusterAZs")
        if isinstance(chosen, list) and nodes is not None and len(chosen) != nodes:
            why = f"{len(chosen)} zones for {nodes:g} nodes; expected one for each"
            yield Problem(cache.id, ("Properties", "PreferredCacheClusterAZs"), why)


def _nodes(properties: Mapping[str, Any]) -> float | None:
    """Return how many nodes a shard has; None if that isn't known here."""
    if "NumCacheClusters" in properties:
        return number(properties["NumCacheClusters"])
    if "ReplicasPerNodeGroup" in properties:
        replicas = number(properties["ReplicasPerNodeGroup"])
        return None if replicas is None else replicas + 1
    return None if "NodeGroupConfiguration" in properties else 1


def _locked(design: Design) -> Iterator[Problem]:
    for cache in design.of_type(GROUP):
        properties = cache.properties
        engine = _engine(cache)
        encrypted = flag(properties.get("TransitEncryptionEnabled", engine == "valkey"))
        for name in ("AuthToken", "UserGroupIds", "TransitEncryptionMode"):
            if name in properties and encrypted is False:
                why = f"{name} needs TransitEncryptionEnabled: true"
                yield Problem(cache.id, ("Properties", name), why)
        if encrypted is False:
            why = "what is cached, sessions among it, can be read on its way; expected true"
            yield Problem(cache.id, ("Properties", "TransitEncryptionEnabled"), why)
        if flag(properties.get("AtRestEncryptionEnabled", engine == "valkey")) is False:
            why = "snapshots and disks can be read; expected AtRestEncryptionEnabled: true"
            yield Problem(cache.id, ("Properties", "AtRestEncryptionEnabled"), why)
        if "AuthToken" in properties and "UserGroupIds" in properties:
            why = "AuthToken and UserGroupIds; expected one of them"
            yield Problem(cache.id, ("Properties", "AuthToken"), why)
        token = text(properties.get("AuthToken"))
        if token is not None and not token.startswith("{{resolve:"):
            fit = TOKEN(token)
            why = f"a token that stands in a template; expected {fit or 'a dynamic reference'}"
            yield Problem(cache.id, ("Properties", "AuthToken"), why)


def _kept(design: Design) -> Iterator[Problem]:
    for cache in design.of_type(CLUSTER, GROUP):
        properties = cache.properties
        yield from windows.misfits(cache, "SnapshotWindow", "PreferredMaintenanceWindow", 60)
        limit = number(properties.get("SnapshotRetentionLimit", 0))
        if _engine(cache) == "memcached":
            for name in ("SnapshotRetentionLimit", "SnapshotWindow", "SnapshotName"):
                if name in properties:
                    why = f"memcached makes no snapshots; drop {name}"
                    yield Problem(cache.id, ("Properties", name), why)
        elif limit == 0:
            why = (
                "no snapshot is made: sessions are gone with the node; expected "
                "SnapshotRetentionLimit of 1 or more"
            )
            yield Problem(cache.id, ("Properties", "SnapshotRetentionLimit"), why)


def _placed(design: Design) -> Iterator[Problem]:
    for cache in design.of_type(CLUSTER, GROUP):
        properties = cache.properties
        groups = "VpcSecurityGroupIds" if cache.type == CLUSTER else "SecurityGroupIds"
        for name in ("CacheSubnetGroupName", groups):
            if not properties.get(name):
                why = f"{name} is missing: it would be in the VPC's default one; expected ours"
                yield Problem(cache.id, ("Properties",), why)
        made = design.follow(properties.get("CacheSubnetGroupName"))
        if made is not None and made.type != SUBNETS:
            why = f"{made.origin} is no cache SubnetGroup; expected !Ref of one"
            yield Problem(cache.id, ("Properties", "CacheSubnetGroupName"), why)


def _subnets(design: Design) -> Iterator[Problem]:
    for group in design.of_type(SUBNETS):
        subnets = known_subnets(design, group.properties.get("SubnetIds")) or []
        if not group.properties.get("SubnetIds"):
            yield Problem(group.id, ("Properties",), "SubnetIds is empty; expected subnets")
        if not group.properties.get("Description"):
            yield Problem(group.id, ("Properties",), "Description is missing")
        several = any(
            (_nodes(cache.properties) or 1) > 1
            for cache in design.of_type(GROUP)
            if design.follow(cache.properties.get("CacheSubnetGroupName")) == group
        )
        if several and subnets and (len(subnets) == 1 or zones(subnets) == 1):
            why = "its subnets are in one zone, and nodes are to be in two; expected two zones"
            yield Problem(group.id, ("Properties", "SubnetIds"), why)
        for index, subnet in enumerate(subnets):
            if public(design, subnet):
                why = f"{subnet.origin} has a route to the internet; expected a private subnet"
                yield Problem(group.id, ("Properties", "SubnetIds", index), why)


def _surrounded(design: Design) -> Iterator[Problem]:
    yield from _placed(design)
    yield from _subnets(design)


def _family(version: str) -> str:
    """Return what the name of a version's parameter group family ends in.

    https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/ParameterGroups.html
    """
    major, _, rest = version.partition(".")
    if major in ("2", "3", "4", "5"):
        return f"{major}.{rest.partition('.')[0] or 0}"
    return "6.x" if major == "6" else major


def _parameters(design: Design) -> Iterator[Problem]:
    for cache in design.of_type(CLUSTER, GROUP):
        value = cache.properties.get("CacheParameterGroupName")
        group = design.follow(value)
        version = text(cache.properties.get("EngineVersion")) or ""
        engine = _engine(cache)
        wanted = f"{engine}{_family(version)}"
        family = text(group.properties.get("CacheParameterGroupFamily")) if group else None
        if not version or engine not in ("redis", "valkey"):
            continue
        if group and family and family != wanted:
            why = f"{cache.origin} is {engine} {version}; expected {wanted}, not {family}"
            yield Problem(group.id, ("Properties", "CacheParameterGroupFamily"), why)
        said = re.fullmatch(r"default\.([a-z0-9.]+?)(\.cluster\.on)?", shown(value or ""))
        if said and said[1] != wanted:
            why = f"{said[0]} isn't for {engine} {version}; expected default.{wanted}"
            yield Problem(cache.id, ("Properties", "CacheParameterGroupName"), why)


CACHES = """
Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
Gateway: {Type: AWS::EC2::InternetGateway}
SubnetA: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, AvailabilityZone: a}}
SubnetB: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, AvailabilityZone: b}}
Routes: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !Ref Vpc}}
Way: {Type: AWS::EC2::Route, Properties: {RouteTableId: !Ref Routes, NatGatewayId: nat-1}}
RoutesA:
  Type: AWS::EC2::SubnetRouteTableAssociation
  Properties: {SubnetId: !Ref SubnetA, RouteTableId: !Ref Routes}
Subnets:
  Type: AWS::ElastiCache::SubnetGroup
  Properties: {Description: private, SubnetIds: [!Ref SubnetA, !Ref SubnetB]}
Parameters:
  Type: AWS::ElastiCache::ParameterGroup
  Properties: {Description: ours, CacheParameterGroupFamily: valkey8}
Single:
  Type: AWS::ElastiCache::CacheCluster
  Properties:
    ClusterName: liberty-redis
    Engine: redis
    EngineVersion: '7.0'
    CacheNodeType: cache.t3.micro
    CacheParameterGroupName: default.redis7
    NumCacheNodes: 1
    Port: 6379
    CacheSubnetGroupName: !Ref Subnets
    VpcSecurityGroupIds: [sg-1]
    SnapshotRetentionLimit: 7
    SnapshotWindow: 06:00-07:00
    PreferredMaintenanceWindow: sun:07:30-sun:08:30
Several:
  Type: AWS::ElastiCache::ReplicationGroup
  Properties:
    ReplicationGroupId: liberty-valkey
    ReplicationGroupDescription: ours
    Engine: valkey
    EngineVersion: '8.0'
    CacheNodeType: cache.r7g.large
    CacheParameterGroupName: !Ref Parameters
    NumCacheClusters: 2
    AutomaticFailoverEnabled: true
    MultiAZEnabled: true
    TransitEncryptionEnabled: true
    AtRestEncryptionEnabled: true
    AuthToken: '{{resolve:secretsmanager:token}}'
    CacheSubnetGroupName: !Ref Subnets
    SecurityGroupIds: [sg-1]
    SnapshotRetentionLimit: 7
"""

RULES: tuple[Rule, ...] = (
    Rule(
        "LC1421",
        "error",
        "A cache's values are those that ElastiCache takes",
        "ElastiCache refuses names, node types and versions other than these; from 6 on, a "
        "version has two numbers.",
        f"{GUIDE}supported-engine-versions.html",
        _values,
        good=(CACHES,),
        bad=changed(
            CACHES,
            ("EngineVersion: '7.0'", "EngineVersion: 7.0.7"),
            ("EngineVersion: '7.0'", "EngineVersion: 7.0.latest"),
            ("EngineVersion: '8.0'", "EngineVersion: '7.0'"),
            ("cache.t3.micro", "t3.micro"),
            ("cache.t3.micro", "cache.t3.nano"),
            ("liberty-redis", "liberty_redis"),
            ("liberty-redis", "1-redis"),
            ("liberty-valkey", f"liberty-{'v' * 40}"),
            ("Port: 6379", "Port: 66379"),
            ("SnapshotRetentionLimit: 7", "SnapshotRetentionLimit: 36"),
            ("NumCacheClusters: 2", "NumCacheClusters: 7"),
        ),
    ),
    Rule(
        "LC1422",
        "error",
        "One node is a cluster of Redis; what is more is a replication group",
        "A cache cluster can be neither Valkey, nor of several Redis nodes, nor have TLS or a "
        "token: ElastiCache refuses it.",
        f"{API}API_CreateCacheCluster.html",
        _kinds,
        good=(CACHES,),
        bad=changed(
            CACHES,
            ("Engine: redis", "Engine: valkey"),
            ("Engine: redis", "Engine: Redis"),
            ("    Engine: redis\n", ""),
            ("NumCacheNodes: 1", "NumCacheNodes: 2"),
            ("NumCacheNodes: 1", "AZMode: cross-az"),
            ("NumCacheNodes: 1", "TransitEncryptionEnabled: true"),
            ("NumCacheNodes: 1", "AuthToken: a"),
            ("Engine: valkey", "Engine: memcached"),
            ("    ReplicationGroupDescription: ours\n", ""),
        ),
    ),
    Rule(
        "LC1423",
        "error",
        "Failover has somewhere to fail over to",
        "ElastiCache refuses failover with one node and zones without failover; two nodes "
        "without failover stop when the first does.",
        f"{GUIDE}AutoFailover.html",
        _failover,
        good=(CACHES,),
        bad=changed(
            CACHES,
            ("NumCacheClusters: 2", "NumCacheClusters: 1"),
            ("    NumCacheClusters: 2\n", ""),
            ("AutomaticFailoverEnabled: true", "AutomaticFailoverEnabled: false"),
            ("    AutomaticFailoverEnabled: true\n", ""),
            ("MultiAZEnabled: true", "MultiAZEnabled: false"),
            ("NumCacheClusters: 2", "NumCacheClusters: 2\n    ReplicasPerNodeGroup: 1"),
            ("NumCacheClusters: 2", "ReplicasPerNodeGroup: 0"),
            ("NumCacheClusters: 2", "NumCacheClusters: 2\n    NumNodeGroups: 2"),
            ("NumCacheClusters: 2", "NumCacheClusters: 2\n    PreferredCacheClusterAZs: [a]"),
        ),
    ),
    Rule(
        "LC1424",
        "error",
        "A replication group is encrypted, and asks for its token by TLS only",
        "ElastiCache refuses a token without TLS; without TLS, sessions can be read on their "
        "way. A token in a template is in everybody's history.",
        f"{GUIDE}in-transit-encryption.html",
        _locked,
        good=(CACHES,),
        bad=changed(
            CACHES,
            ("TransitEncryptionEnabled: true", "TransitEncryptionEnabled: false"),
            ("AtRestEncryptionEnabled: true", "AtRestEncryptionEnabled: false"),
            ("'{{resolve:secretsmanager:token}}'", "tokentokentokentoken"),
            ("'{{resolve:secretsmanager:token}}'", "short"),
            ("NumCacheClusters: 2", "NumCacheClusters: 2\n    UserGroupIds: [a]"),
        ),
    ),
    Rule(
        "LC1425",
        "error",
        "A cache makes snapshots, an hour apart from its maintenance",
        "ElastiCache refuses windows that overlap or are too short; without snapshots "
        "everybody is signed out when a node is replaced.",
        f"{GUIDE}backups-automatic.html",
        _kept,
        good=(CACHES,),
        bad=changed(
            CACHES,
            ("SnapshotRetentionLimit: 7", "SnapshotRetentionLimit: 0"),
            ("    SnapshotRetentionLimit: 7\n", ""),
            ("06:00-07:00", "06:00-06:30"),
            ("06:00-07:00", "07:00-08:00"),
            ("06:00-07:00", "06:00"),
            ("sun:07:30-sun:08:30", "sun:07:30-sun:08:00"),
            ("Engine: redis", "Engine: memcached"),
        ),
    ),
    Rule(
        "LC1426",
        "error",
        "A cache is in our group and private subnets, of two zones where it has two nodes",
        "Without them it is in the VPC's default ones, or refused.",
        f"{GUIDE}SubnetGroups.html",
        _surrounded,
        good=(CACHES,),
        bad=changed(
            CACHES,
            ("    CacheSubnetGroupName: !Ref Subnets\n", ""),
            ("    VpcSecurityGroupIds: [sg-1]\n", ""),
            ("    SecurityGroupIds: [sg-1]\n", ""),
            ("CacheSubnetGroupName: !Ref Subnets", "CacheSubnetGroupName: !Ref SubnetA"),
            ("[!Ref SubnetA, !Ref SubnetB]", "[!Ref SubnetA]"),
            ("[!Ref SubnetA, !Ref SubnetB]", "[]"),
            ("Description: private, ", ""),
            ("AvailabilityZone: b", "AvailabilityZone: a"),
            ("NatGatewayId: nat-1", "GatewayId: !Ref Gateway"),
        ),
    ),
    Rule(
        "LC1427",
        "error",
        "A cache's parameters are of its engine and version",
        "ElastiCache refuses a cache with the parameters of another family.",
        f"{GUIDE}ParameterGroups.html",
        _parameters,
        good=(
            CACHES,
            CACHES.replace("'7.0'", "5.0.6").replace("default.redis7", "default.redis5.0"),
        ),
        bad=changed(
            CACHES,
            ("CacheParameterGroupFamily: valkey8", "CacheParameterGroupFamily: redis7"),
            ("default.redis7", "default.redis6.x"),
        ),
    ),
)
