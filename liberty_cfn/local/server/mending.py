"""Where ministack drops a property, answers otherwise than AWS, or deletes what AWS keeps."""

import functools
import json
import os
import re
import secrets
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.services import alb, ec2, ecs, elasticache, rds, route53, s3
from ministack.services.cloudformation import engine, provisioners

from .asking import Answer, Function, Made, Properties, around, xml

PROTECTED = {"Key": "deletion_protection.enabled", "Value": "true"}
PROTECTION = "deletion protection is enabled"
# By type: its records, what is true of one that stays, and why it does.
KEPT: dict[str, tuple[Any, Function, str]] = {
    "AWS::ElasticLoadBalancingV2::LoadBalancer": (
        *(alb._lb_attrs, lambda one: PROTECTED in one, PROTECTION),
    ),
    "AWS::RDS::DBInstance": (rds._instances, lambda one: one["DeletionProtection"], PROTECTION),
    "AWS::S3::Bucket": (s3._buckets, lambda one: one["objects"], "the bucket is not empty"),
}
# What templates call it, and S3.
WORDS = {
    "Id": "ID",
    "Rules": "Rule",
    "ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault",
    "ServerSideEncryptionConfiguration": "Rule",
}
UNTOLD = "0 The local AWS runs no containers: this command was not run"
EXITED = ("Essential container in task exited", "EssentialContainerExited")


def mended(kind: str, made: Made, given: Properties) -> Made:
    """What was made or changed, with what ministack drops of its properties and attributes."""
    name, attributes = made
    match kind:
        case "AWS::EC2::VPC":
            attributes["CidrBlock"] = given["CidrBlock"]
        case "AWS::ECS::Service":
            record = ecs._services[name.partition(":service/")[2]]
            record["enableExecuteCommand"] = given.get("EnableExecuteCommand", False)
        case "AWS::ElastiCache::CacheCluster":
            groups = given.get("VpcSecurityGroupIds", [])
            told = [{"SecurityGroupId": group, "Status": "active"} for group in groups]
            elasticache._clusters[name]["SecurityGroups"] = told
        case "AWS::ElasticLoadBalancingV2::LoadBalancer":
            for subnet in given.get("Subnets", ())[:1]:
                alb._lbs[name]["VpcId"] = ec2._subnets.get(subnet, {}).get("VpcId")
        case "AWS::RDS::DBInstance":
            rds._instances[name]["Iops"] = given.get("Iops")
        case "AWS::Route53::HostedZone":
            records = route53._records[name]
            [servers] = [r["ResourceRecords"] for r in records if r["Type"] == "NS"]
            attributes["NameServers"] = [server.rstrip(".") for server in servers]
    return name, attributes


def check_deletion(kind: str, name: str) -> None:
    """Refuse to delete what is protected, or holds something, whoever asks."""
    records, stays, why = KEPT.get(kind, ({}, bool, ""))
    if name in records and stays(records[name]):
        raise ValueError(f"{name} cannot be deleted: {why}")


def _address(_spawn: Any, name: str, **_more: Any) -> tuple[str, int, None]:
    """A cache's address is its own, as on AWS, though nothing answers there."""
    cache = re.sub(r"^.*?-[a-z]+-\d-", "", name)  # what comes after the region
    return f"{cache}.local.cache.amazonaws.com", 6379, None


def _body(tag: str, value: Properties) -> bytes:
    """What S3 takes for a bucket's property."""
    inside = "".join(xml(name, entry, each="") for name, entry in value.items())
    inside = re.sub(r"(?<=[</])\w+(?=>)", lambda word: WORDS.get(word[0], word[0]), inside)
    days = r"<Expiration><Days>\1</Days></Expiration>"
    inside = re.sub("<ExpirationInDays>(.*?)</ExpirationInDays>", days, inside)
    return f"<{tag}>{inside}</{tag}>".encode()


def _conditions(_evaluate: Any, template: Properties, values: Properties) -> dict[str, bool]:
    """Conditions of more than Ref: ministack evaluates the others, but not there."""
    conditions, mappings = template.get("Conditions", {}), template.get("Mappings", {})
    found: dict[str, bool] = {}
    for _ in conditions:  # each round settles those that are made of settled ones
        settled = (values, found, mappings, "", "")
        found = {n: bool(engine._resolve_refs(c, {}, *settled)) for n, c in conditions.items()}
    return found


def _run(run: Function, asked: Properties) -> Answer:
    """Tasks that no service keeps up end as they are told to: there are no containers here.

    LIBERTY_LOCAL_TASK is the exit code, and what is logged: "3 no such table".
    """
    answer = run(asked)
    code, _, said = (os.environ.get("LIBERTY_LOCAL_TASK") or UNTOLD).partition(" ")
    for begun in json.loads(answer[2]).get("tasks", ()):
        arn, made = begun["taskArn"], begun["taskDefinitionArn"].rpartition("/")[2]
        for container in ecs._task_defs[made]["containerDefinitions"]:
            where = ecs._awslogs_config(container, arn.rpartition("/")[2], "")
            if where and ecs._ensure_awslogs_stream(where):
                for line in said.splitlines():
                    ecs._emit_awslogs_event(where, line)
        ecs._mark_task_stopped(arn, ecs._tasks[arn], *EXITED, exit_code=int(code))
    return answer


def _about(find: Function, service: str, *request: Any) -> Any:
    """A change set that is named by its id alone is what is asked about, not its stack."""
    found = find(service, *request)
    query = request[-3]
    named = (query.get("ChangeSetName") or [""])[0]
    change_set = service == "cloudformation" and named.startswith("arn:")
    return named if found == "*" and change_set else found


def _condition(resolve: Function, key: str, context: Any) -> Any:
    """Nobody listens in between two programs of one machine; that is as good as TLS."""
    return "true" if key.lower() == "aws:securetransport" else resolve(key, context)


def add() -> None:
    around(elasticache._spawn_redis_container, _address)
    around(engine._evaluate_conditions, _conditions)
    around(iam_actions.extract_resource_arn, _about)
    around(iam_evaluator._resolve_condition_key, _condition)
    # A service's own tasks are run without being asked for, and go on.
    ecs._ACTION_MAP["RunTask"] = functools.partial(_run, ecs._run_task)
    provisioners._normalize_container_defs = provisioners._pascal_to_camel
    rules, encryption = "LifecycleConfiguration", "ServerSideEncryptionConfiguration"
    lifecycle = (s3._put_bucket_lifecycle, s3._delete_bucket_lifecycle)
    encrypting = (s3._put_bucket_encryption, s3._delete_bucket_encryption)
    provisioners._S3_BUCKET_CONFIGURATIONS += (
        (rules, functools.partial(_body, rules), *lifecycle),
        ("BucketEncryption", functools.partial(_body, encryption), *encrypting),
    )
    # A snapshot that is kept must not be in the way of the next.
    provisioners._snapshot_id = lambda resource: f"{resource}-{secrets.token_hex(6)}"
