"""What CloudFormation is let do for each type, beside what the types' own schemas name.

cfn-lint carries them: `handlers` says which permissions each of a type's operations takes.
"""

import json
from fnmatch import fnmatchcase
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from liberty_cfn.bootstrap.rights import BY_TYPE, STACKS

# Found, not imported, which takes longer than what is tested here.
SCHEMAS = Path(find_spec("cfnlint").origin).parent / "data" / "schemas"
FILES = json.loads((SCHEMAS / "providers" / "us-east-1.json").read_text("utf-8"))
ALLOWED = {action.JSONrepr() for part in (STACKS, *BY_TYPE.values()) for action in part}
# Given apart, with conditions of their own (grants.py).
APART = {"iam:CreateServiceLinkedRole", "iam:PassRole"}

# What handlers do only for properties that our templates don't have, and why they don't.
UNUSED = {
    "acm-pca:*": "certificates are ACM's own",
    "application-autoscaling:*ScheduledAction": "nothing scales by the clock",
    "autoscaling:*": "nothing runs on EC2",
    "cloudwatch:GetMetricData": "nothing scales by prediction",
    "cognito-idp:*": "the load balancer signs nobody in",
    "ec2:*VpnGateway": "there is no VPN",
    "ec2:*NatGatewayAddress": "a NAT gateway has the one address it is made with",
    "ec2:*SubnetCidrBlock": "there is no IPv6",
    "ec2:*AddressTransfer": "addresses stay in their account",
    "ec2:AssociateAddress": "the NAT gateway takes its address by itself",
    "ec2:CreateVpcEncryptionControl": "not switched on",
    "ec2:DescribeIpamPools": "there is no IPAM",
    "ec2:ModifyVpcTenancy": "tenancy is never said",
    "ecr:*RepositoryPolicy": "images are read with roles' own rights",
    "ecs:PutAccountSetting*": "settings of the account are the account's",
    "elasticache:ModifyReplicationGroupShardConfiguration": "the cache has one shard",
    "elasticache:RebootCacheCluster": "the cache has no parameters of its own",
    "elasticloadbalancing:*egisterTargets": "ECS registers tasks",
    "elasticloadbalancing:ModifyCapacityReservation": "capacity isn't reserved",
    "elasticloadbalancing:ModifyIpPools": "there is no IPAM",
    "firehose:*": "logs go to CloudWatch",
    "iam:*GroupPolicy": "there are no groups",
    "iam:*LoginProfile": "the application's user has no password",
    "iam:*PermissionsBoundary": "no role of the design has one",
    "iam:*UserPolicy": "the application's user has inline policies alone",
    "iam:*UserToGroup": "there are no groups",
    "iam:*UserFromGroup": "there are no groups",
    "iam:ListRoles": "roles are named by their ARN",
    "iam:UpdateUser": "a user that is renamed is made anew",
    "kms:*Grant": "keys are AWS's own but for that of the alarms",
    "kms:*able*": "the key of the alarms is always enabled, and always rotated",
    "kms:*crypt": "keys are AWS's own but for that of the alarms",
    "kms:GenerateDataKey": "keys are AWS's own but for that of the alarms",
    "lambda:*": "only ECS scales",
    "logs:[GLU]*LogDeliver*": "the cache delivers no logs",
    "logs:*DataProtectionPolicy": "nothing is masked in logs",
    "logs:*IndexPolicy": "logs have no indexes",
    "logs:*KmsKey": "logs are encrypted with CloudWatch's key",
    "logs:CreateLogStream": "the cache delivers no logs",
    "logs:PutBearerTokenAuthentication": "nobody writes with a bearer token",
    "logs:PutLogEvents": "the cache delivers no logs",
    "logs:PutLogGroupDeletionProtection": "a stack policy and Retain keep the logs",
    "rds:*AutomatedBackups*": "backups stay in their region",
    "rds:*DBCluster*": "the database is an instance",
    "rds:*RoleToDBInstance": "the database takes no role",
    "rds:*RoleFromDBInstance": "the database takes no role",
    "rds:*ReadReplica": "there are no replicas",
    "rds:RestoreDBInstance*": "snapshots aren't restored by a deploy",
    "route53:*QueryLoggingConfig": "queries aren't logged",
    "route53:*VPC*HostedZone": "the zone is public",
    "route53:UpdateHostedZoneFeatures": "the zone has none",
    "s3:*Acl": "owners are enforced, and access lists off",
    "s3:CreateBucketMetadata*": "buckets have no metadata tables",
    "s3:GetObject": "the cache isn't restored from a bucket",
    "s3:Delete*": "rights to put are rights to take away; the stack deletes no objects",
    "s3:Put*Abac": "not switched on",
    "s3:Put*Accelerate*": "not switched on",
    "s3:Put*Analytics*": "nothing is analysed",
    "s3:Put*BucketLogging": "not switched on",
    "s3:Put*IntelligentTiering*": "the lifecycle moves nothing by use",
    "s3:Put*Inventory*": "nothing is listed",
    "s3:Put*Metrics*": "S3's own metrics do",
    "s3:Put*Notification*": "nobody is notified",
    "s3:Put*ObjectLock*": "nothing is locked",
    "s3:Put*Replication*": "nothing is replicated",
    "s3:Put*Website*": "nothing is a website",
    "s3:REST.PUT.OBJECT": "logs go to CloudWatch",
    "s3:UpdateBucketMetadata*": "buckets have no metadata tables",
    "s3tables:*": "buckets have no metadata tables",
    "secretsmanager:*Replica*": "secrets stay in their region",
    "sns:PutDataProtectionPolicy": "alarms hold no data of people",
    "vpc-lattice:*": "the endpoint is S3's",
    "vpce:*": "the endpoint is S3's",
}
# What no handler of the type names, and why it is there all the same.
BESIDE = {
    ("AWS::CertificateManager::Certificate", "route53:*"): "proves itself in the zone",
    ("AWS::EC2::SecurityGroup*", "ec2:*SecurityGroup*"): "one list for a group and its rules",
    ("AWS::EC2::Subnet", "ec2:DescribeAvailabilityZones"): "Fn::GetAZs",
    ("AWS::ElastiCache::*", "elasticache:DescribeSnapshots"): "DeletionPolicy: Snapshot",
    ("AWS::ElasticLoadBalancingV2::Listener", "*Describe*"): "the certificates it presents",
    ("AWS::RDS::DBInstance", "rds:ListTagsForResource"): "tags that are compared by drift",
    ("AWS::RDS::DBInstance", "secretsmanager:GetSecretValue"): "{{resolve:secretsmanager}}",
    ("AWS::SNS::*", "sns:*Topic*"): "a topic's policy and its subscriptions are read there",
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
    ("AWS::IAM::AccessKey", "iam:*AccessKey*"): "it has no schema with handlers",
}


@cache
def handlers(kind):
    schema = json.loads((SCHEMAS / "resources" / f"{FILES[kind]}.json").read_text("utf-8"))
    return schema.get("handlers") or {}


def named(kind, *operations):
    """Return what a type's schema says that these operations of it take."""
    return {p for one in operations for p in handlers(kind).get(one, {}).get("permissions", ())}


def fits(action, patterns):
    return any(fnmatchcase(action, pattern) for pattern in patterns)


def test_what_a_types_handlers_take_is_allowed_or_known_to_be_unused():
    known = {action.lower() for action in ALLOWED}  # some schemas spell them otherwise
    assert [
        (kind, action)
        for kind in BY_TYPE
        for action in named(kind, "create", "read", "update", "delete") - ALLOWED - APART
        if action.lower() not in known and not fits(action, UNUSED)
    ] == []


def test_what_is_allowed_for_a_type_its_handlers_take_or_there_is_a_reason():
    for kind, given in BY_TYPE.items():
        taken = {a.lower() for a in named(kind, "create", "read", "update", "delete", "list")}
        reasons = [action for of, action in BESIDE if fnmatchcase(kind, of)]
        beside = {a.JSONrepr() for a in given if a.JSONrepr().lower() not in taken}
        assert (kind, [a for a in beside if not fits(a, reasons)]) == (kind, [])


def test_every_reason_is_for_something():
    taken = {a for kind in BY_TYPE for a in named(kind, "create", "read", "update", "delete")}
    unused = taken - ALLOWED
    assert [pattern for pattern in UNUSED if not any(fits(a, [pattern]) for a in unused)] == []
    given = [(kind, a.JSONrepr()) for kind, actions in BY_TYPE.items() for a in actions]
    for of, action in BESIDE:
        assert [1 for kind, a in given if fits(kind, [of]) and fits(a, [action])], of
