"""Where ministack drops a property, answers otherwise than AWS, or deletes what AWS keeps."""

import re
import secrets
from collections.abc import Callable
from typing import Any

from ministack.services import alb, ec2, ecs, elasticache, rds, route53, s3
from ministack.services.cloudformation import changesets, engine, provisioners, stacks
from ministack.services.cloudformation import handlers as actions

from .asking import Made, Properties, xml

Mend = Callable[[str, Properties], dict[str, Any] | None]
handlers = provisioners._RESOURCE_HANDLERS
_resolve = engine._resolve_parameters

BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
DATABASE = "AWS::RDS::DBInstance"
# What templates call it, and S3.
WORDS = {
    "<(/?)Id>": r"<\1ID>",
    "<(/?)Rules>": r"<\1Rule>",
    "<(/?)ServerSideEncryptionByDefault>": r"<\1ApplyServerSideEncryptionByDefault>",
    "<(/?)ServerSideEncryptionConfiguration>": r"<\1Rule>",
    "<ExpirationInDays>(.*?)</ExpirationInDays>": r"<Expiration><Days>\1</Days></Expiration>",
}


def _then(kind: str, mend: Mend) -> None:
    """Mend a resource whenever it was made or changed; the mend may add attributes."""

    def after(way: str, place: int) -> Callable[..., Made]:
        original = handlers[kind][way]

        def made(*arguments: Any) -> Made:
            physical, attributes = original(*arguments)
            return physical, attributes | (mend(physical, arguments[place]) or {})

        return made

    handlers[kind] |= {"create": after("create", 1), "update": after("update", 2)}


def _service(service: str, properties: Properties) -> None:
    record = ecs._services[service.partition(":service/")[2]]
    record["enableExecuteCommand"] = properties.get("EnableExecuteCommand", False)


def _balancer(balancer: str, properties: Properties) -> None:
    for subnet in properties.get("Subnets", ())[:1]:
        alb._lbs[balancer]["VpcId"] = ec2._subnets.get(subnet, {}).get("VpcId")


def _database(database: str, properties: Properties) -> None:
    rds._instances[database]["Iops"] = properties.get("Iops")


def _cache(cache: str, properties: Properties) -> None:
    groups = properties.get("VpcSecurityGroupIds", [])
    elasticache._clusters[cache]["SecurityGroups"] = [
        {"SecurityGroupId": group, "Status": "active"} for group in groups
    ]


def _address(name: str, **_more: Any) -> tuple[str, int, None]:
    """A cache's address is its own, as on AWS, though nothing answers there."""
    cache = re.sub(r"^.*?-[a-z]+-\d-", "", name)  # what comes after the region
    return f"{cache}.local.cache.amazonaws.com", 6379, None


def _zone(zone: str, _properties: Properties) -> dict[str, Any]:
    """The name servers that a zone really has."""
    [servers] = [r["ResourceRecords"] for r in route53._records[zone] if r["Type"] == "NS"]
    return {"Id": zone, "NameServers": [server.rstrip(".") for server in servers]}


def _as(tag: str) -> Callable[[Properties], bytes]:
    """What makes of a bucket's property what S3 takes."""

    def body(value: Properties) -> bytes:
        inside = "".join(xml(name, entry, each="") for name, entry in value.items())
        for word, name in WORDS.items():
            inside = re.sub(word, name, inside)
        return f"<{tag}>{inside}</{tag}>".encode()

    return body


def _conditions(template: dict[str, Any], values: dict[str, Any]) -> dict[str, bool]:
    """Conditions of more than Ref: ministack evaluates the others, but not there."""
    conditions, mappings = template.get("Conditions", {}), template.get("Mappings", {})
    found: dict[str, bool] = {}
    # Each round settles those that are made of settled ones.
    for _ in conditions:
        known = (values, found, mappings)
        fresh = {
            name: bool(engine._resolve_refs(condition, {}, *known, "", ""))
            for name, condition in conditions.items()
        }
        if fresh == found:
            break
        found = fresh
    return found


def _parameters(template: dict[str, Any], given: list[Properties], *before: Any) -> Any:
    """The values of a template's parameters, none of which may be missing or unknown."""
    declared, names = template.get("Parameters", {}), [one["Key"] for one in given]
    unknown = sorted(set(names) - declared.keys())
    missing = [n for n, d in declared.items() if n not in names and "Default" not in d]
    for wrong, why in (
        (unknown, "do not exist in the template"),
        (missing, "must have values"),
    ):
        if wrong:
            raise ValueError(f"Parameters: [{', '.join(wrong)}] {why}")
    return _resolve(template, given, *before)


def _keep(kind: str, why: str, records: Any, kept: Callable[[Any], object]) -> None:
    """Refuse to delete a resource of whose record something is true, whoever asks."""
    original = handlers[kind]["delete"]

    def drop(physical: str, properties: Properties) -> None:
        if kept(records.get(physical, {})):
            raise ValueError(f"{physical} cannot be deleted: {why}")
        original(physical, properties)

    handlers[kind]["delete"] = drop


def add() -> None:
    _then("AWS::EC2::VPC", lambda _vpc, properties: {"CidrBlock": properties["CidrBlock"]})
    _then("AWS::ECS::Service", _service)
    _then(BALANCER, _balancer)
    _then(DATABASE, _database)
    _then("AWS::Route53::HostedZone", _zone)
    _then("AWS::ElastiCache::CacheCluster", _cache)
    protected = {"Key": "deletion_protection.enabled", "Value": "true"}
    why = "deletion protection is enabled"
    _keep(BALANCER, why, alb._lb_attrs, lambda attributes: protected in attributes)
    _keep(DATABASE, why, rds._instances, lambda one: one.get("DeletionProtection"))
    why = "the bucket is not empty"
    _keep("AWS::S3::Bucket", why, s3._buckets, lambda one: one.get("objects"))
    elasticache._spawn_redis_container = _address
    provisioners._normalize_container_defs = provisioners._pascal_to_camel
    for module in (engine, stacks, changesets, actions):
        module._evaluate_conditions = _conditions
    for module in (engine, changesets, actions):
        module._resolve_parameters = _parameters
    rules, encryption = "LifecycleConfiguration", "ServerSideEncryptionConfiguration"
    ways = (s3._put_bucket_encryption, s3._delete_bucket_encryption)
    provisioners._S3_BUCKET_CONFIGURATIONS += (
        (rules, _as(rules), s3._put_bucket_lifecycle, s3._delete_bucket_lifecycle),
        ("BucketEncryption", _as(encryption), *ways),
    )
    # A snapshot that is kept must not be in the way of the next.
    provisioners._snapshot_id = lambda resource: f"{resource}-{secrets.token_hex(6)}"
