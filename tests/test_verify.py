import copy
import dataclasses
import io
import json
import re
import socket
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from urllib.parse import quote

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import NoCredentialsError, UnknownServiceError
from botocore.parsers import ResponseParserError
from rich.console import Console

from liberty_cfn.environments import load
from liberty_cfn.verify import (
    Fact,
    VerifyError,
    cache,
    compute,
    database,
    domain,
    entrance,
    identity,
    monitoring,
    networking,
    registry,
    secrets,
    security,
    uploads,
    verify,
)
from liberty_cfn.verify.document import as_json
from liberty_cfn.verify.markdown import as_markdown
from liberty_cfn.verify.policies import grants
from liberty_cfn.verify.reading import Aws
from liberty_cfn.verify.rows import resources
from liberty_cfn.verify.table import as_table

# The local one last, for the tests that need it as it was deployed.
ENVIRONMENTS = ["dev", "staging", "prod", "local"]
COUNTS = {
    "Compute": 3,
    "Storage": 3,
    "Networking": 5,
    "Registry": 1,
    "Secrets": 5,
    "IAM": 2,
    "Logging": 1,
    "DNS/SSL": 2,
    "Monitoring": 3,
}
COMMANDS = [
    "aws ecr describe-repositories --repository-names liberty-social-backend",
    "aws rds describe-db-instances --db-instance-identifier liberty-social-db",
    "aws elasticache describe-cache-clusters --cache-cluster-id liberty-social-redis",
    "aws s3api head-bucket --bucket liberty-social-uploads",
    "aws ecs describe-clusters --clusters liberty-social-backend",
    (
        "aws ec2 describe-security-groups --filters "
        "Name=group-name,Values=ecs-sg,rds-sg,elasticache-sg,alb-sg"
    ),
    "aws elbv2 describe-load-balancers --load-balancer-arns ARN",
    "aws logs describe-log-groups --log-group-name-prefix /ecs/",
    "aws secretsmanager list-secrets --filters Key=name,Values=liberty-social",
    "aws iam get-role --role-name ecsTaskExecutionRole",
    "aws iam get-role --role-name ecsTaskRole",
]


@pytest.fixture(scope="module")
def asked():
    """What AWS was asked for all reports, by service and operation."""
    return []


@pytest.fixture(scope="module")
def report(deployed, asked):
    """Return the report on an environment as it was deployed, made once."""
    made = {}

    def note(model, **_):
        asked.append((model.service_model.service_name, model.name))

    def of(name):
        if name not in made:
            environment, heard = deployed.still(name), {}

            def client(service):
                heard[service] = deployed.client(service).meta.events
                heard[service].register("before-call", note)
                return deployed.client(service)

            made[name] = verify(environment, client)
            for events in heard.values():
                events.unregister("before-call", note)
        return made[name]

    return of


def wrong(report):
    """Return what is wrong, in words, by row."""
    return {row.number: [str(f) for f in row.wrong] for row in report.rows if not row.ok}


def failed_checks(report):
    return {check.number for check in report.checks if not check.ok}


def printed(report, **options):
    console = Console(file=io.StringIO(), width=200, **options.pop("console", {}))
    console.print(as_table(report, **options))
    return console.file.getvalue()


# Settings


def test_the_larger_settings_are_followed(deployed):
    environment = deployed.deploy(
        "prod",
        CacheReplication="true",
        NatGatewayPerZone="true",
        ApplicationAccessKey="true",
        ExecuteCommand="true",
        EnvironmentFile="arn:aws:s3:::configuration/backend.env",
        RecordLabel="",
        UploadsExpireDays="30",
        DatabaseStorage="500",
        DatabaseMaxStorage="1000",
        DatabaseIops="12000",
        FlowLog="false",
        BalancerAccessLogs="false",
        Image="sha256:" + "0" * 64,
    )
    found = verify(environment, deployed.client)
    assert wrong(found) == {}
    assert failed_checks(found) == set()
    facts = {row.number: [(f.what, f.found) for f in row.facts] for row in found.rows}
    assert ("secret", "AWS_ACCESS_KEY_ID from liberty-social/AWS_ACCESS_KEY_ID") in facts[3]
    assert ("IOPS", 12000) in facts[4]
    assert ("nodes", 2) in facts[5] and ("TLS", True) in facts[5]
    assert ("NAT gateways", 2) in facts[7]
    assert "describe-replication-groups" in found.checks[2].commands[0]

    aws = Aws(environment, deployed.client)
    for edit, fact in (
        (
            first("ReplicationGroups", AutomaticFailover="disabled"),
            "automatic failover: expected enabled, found disabled",
        ),
        (
            first("ReplicationGroups", MultiAZ="disabled"),
            "Multi-AZ: expected enabled, found disabled",
        ),
        (
            first("ReplicationGroups", TransitEncryptionEnabled=False),
            "TLS: expected true, found false",
        ),
        (
            first("ReplicationGroups", AtRestEncryptionEnabled=False),
            "encrypted: expected true, found false",
        ),
        (
            first("ReplicationGroups", CacheNodeType="cache.m5.large"),
            "node type: expected cache.t3.micro, found cache.m5.large",
        ),
        (
            first("ReplicationGroups", Status="modifying"),
            "status: expected available, found modifying",
        ),
        (
            first("ReplicationGroups", "NodeGroups", "PrimaryEndpoint", Port=1),
            "port: expected 6379, found 1",
        ),
        (first("ReplicationGroups", MemberClusters=[]), "nodes: expected 2, found 0"),
    ):
        told = Told(aws, "describe_replication_groups", edit)
        assert not_ok(cache.cache(told)) == [fact]
    told = Told(aws, "describe_nat_gateways", first("NatGateways", SubnetId="subnet-1"))
    facts = not_ok(networking.subnets(told))
    assert len(facts) == 1 and "zone of the NAT gateway: expected us-east-1" in facts[0]


def test_other_settings_are_followed_and_what_the_account_has_is_used(deployed):
    deployed.reset()
    managed = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
    iam, acm = deployed.client("iam"), deployed.client("acm")
    iam.create_role(RoleName="ourTasks", AssumeRolePolicyDocument=TRUST_WITHOUT_CONDITIONS)
    iam.attach_role_policy(RoleName="ourTasks", PolicyArn=managed)
    certificate = acm.request_certificate(
        DomainName="example.com", SubjectAlternativeNames=["*.example.com"]
    )["CertificateArn"]
    environment = deployed.deploy(
        "staging",
        empty=False,
        CacheReplication="true",
        CacheEngine="valkey",
        DesiredCount="0",
        SiteOrigins="https://a.example.com,https://b.example.com",
        ImageTagMutability="IMMUTABLE",
        ExistingExecutionRole="ourTasks",
        CertificateArn=certificate,
    )
    found = verify(environment, deployed.client)
    assert wrong(found) == {}
    facts = {row.number: [(f.what, f.found) for f in row.facts] for row in found.rows}
    assert ("desired count", 0) in facts[2]
    assert ("engine", "valkey") in facts[5]
    assert ("CORS origins", ["https://a.example.com", "https://b.example.com"]) in facts[6]
    things = {row.number: row.thing for row in found.rows}
    assert (things[18], things[22]) == ("ourTasks", certificate)

    # What else somebody's role may do is theirs to say, but not that it can't do this.
    iam.put_role_policy(RoleName="ourTasks", PolicyName="Other", PolicyDocument=ANYTHING)
    iam.delete_role_policy(RoleName="ourTasks", PolicyName="SecretsManagerAccess-stage")
    iam.update_assume_role_policy(RoleName="ourTasks", PolicyDocument=_document())
    assert not_ok(identity.execution_role(Aws(environment, deployed.client))) == [
        "trusts Service ecs-tasks.amazonaws.com: expected true, found false",
        "policy: expected SecretsManagerAccess-stage, found nothing",
    ]


# What was deployed


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_row_of_the_summary_is_ticked(report, name):
    found = report(name)
    assert wrong(found) == {}
    assert [row.number for row in found.rows] == list(range(1, 26))
    assert all(row.facts for row in found.rows)
    assert found.ok


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_nine_categories_have_the_counts_of_the_spec(report, name):
    found = report(name)
    assert Counter(row.category for row in found.rows) == COUNTS
    assert {c.name: c.found for c in found.categories} == COUNTS
    assert found.found == 25


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_ten_checks_are_made(report, name):
    found = report(name)
    assert [check.number for check in found.checks] == list(range(1, 11))
    assert all(check.ok for check in found.checks)
    suffix = load(name).settings["NameSuffix"]
    words = [c.replace("arn:aws:elasticloadbalancing", "ARN") for c in _commands(found)]
    assert [re.sub(r"ARN\S*", "ARN", c) for c in words] == [_here(c, suffix) for c in COMMANDS]


def _commands(report):
    return [command for check in report.checks for command in check.commands]


def _here(command, suffix):
    """Return a command of the spec with an environment's names."""
    if command.endswith(("ARN", "/ecs/", "Values=liberty-social")):
        return command
    start, _, names = command.rpartition("=" if "Values=" in command else " ")
    joined = ",".join(name + suffix for name in names.split(","))
    return start + command[len(start)] + joined


def test_a_row_or_a_check_of_which_nothing_is_known_is_not_ticked(report):
    found = report("local")
    row, check = found.rows[0], found.checks[0]
    assert not type(row)(1, "Compute", "ECS Cluster", "name", ()).ok
    assert not type(check)(1, "ECR Repository", (), (), ()).ok


def test_a_row_too_few_is_noticed(report):
    found = report("local")
    fewer = type(found)("local", "us-east-1", found.account, found.rows[1:], found.checks)
    assert not fewer.ok
    assert [c.name for c in fewer.categories if not c.ok] == ["Compute"]


# What AWS answers, and the local one can't be made to


class Told(Aws):
    """An AWS that answers as another does, but for one operation, whose answer is edited."""

    def __init__(self, aws, operation, edit, environment=None):
        self.aws, self.operation, self.edit = aws, operation, edit
        self.environment = environment or aws.environment
        self.account, self.partition, self.region = aws.account, aws.partition, aws.region

    def read(self, service, operation, **arguments):
        return self._edited(operation, self.aws.read(service, operation, **arguments))

    def read_page(self, service, operation, **arguments):
        return self._edited(operation, self.aws.read_page(service, operation, **arguments))

    def _edited(self, operation, answer):
        if operation == self.operation:
            answer = copy.deepcopy(answer)
            self.edit(answer)
        return answer


@pytest.fixture(scope="module")
def local(deployed):
    """Return the local environment's AWS, of which all has been read."""
    aws = Aws(deployed.still("local"), deployed.client)
    for resource in resources(aws):
        assert all(fact.ok for fact in resource.facts(aws))
    return aws


@pytest.fixture
def anew(deployed):
    """Return the local environment's AWS, of which nothing has been read yet."""
    return Aws(deployed.still("local"), deployed.client)


def not_ok(facts):
    return [str(fact) for fact in facts if not fact.ok]


@contextmanager
def refusing(deployed, service, operation, code, message="no"):
    """Have an operation refused."""

    def refuse(**_):
        error = {"Code": code, "Message": message}
        return SimpleNamespace(status_code=400), {"Error": error, "ResponseMetadata": {}}

    with _event(deployed, "before-call", service, operation, refuse):
        yield


@contextmanager
def _event(deployed, when, service, operation, handler):
    meta = deployed.client(service).meta
    event = f"{when}.{meta.service_model.service_id.hyphenize()}.{operation}"
    meta.events.register_last(event, handler)
    try:
        yield
    finally:
        meta.events.unregister(event, handler)


def first(*path, **change):
    """Return an edit of the first thing that is found along a path."""

    def edit(parsed):
        for key in path:
            parsed = parsed[key]
            parsed = parsed[0] if isinstance(parsed, list) else parsed
        parsed.update(change)

    return edit


def put(key, value):
    return lambda parsed: parsed.update({key: value})


def attribute(key, value):
    def edit(parsed):
        [found] = [each for each in parsed["Attributes"] if each["Key"] == key]
        found["Value"] = value

    return edit


def one_zone(parsed):
    for each in parsed["Subnets"]:
        each["AvailabilityZone"] = "us-east-1a"


def swallowed(parsed):
    for table in parsed["RouteTables"]:
        for route in table["Routes"]:
            if route.get("NatGatewayId"):
                route["State"] = "blackhole"


def signed_in_first(parsed):
    for found in parsed["Listeners"]:
        if found["Port"] == 80:
            found["DefaultActions"] = [{"Type": "fixed-response", "Order": 1}]


def redirected_for_now(parsed):
    for found in parsed["Listeners"]:
        if found["Port"] == 80:
            found["DefaultActions"][0]["RedirectConfig"]["StatusCode"] = "HTTP_302"


def forwarded_elsewhere(parsed):
    for found in parsed["Listeners"]:
        if found["Port"] == 443:
            found["DefaultActions"][0]["TargetGroupArn"] = OTHER_TARGETS


def one_policy_more(parsed):
    aim = {
        "TargetValue": 5.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPU"},
    }
    parsed["ScalingPolicies"].append(
        {"PolicyName": "more", "TargetTrackingScalingPolicyConfiguration": aim}
    )


def by_email(parsed):
    for each in parsed["Certificate"]["DomainValidationOptions"]:
        each["ValidationMethod"] = "EMAIL"


def variable(name, value):
    def edit(parsed):
        [container] = parsed["taskDefinition"]["containerDefinitions"]
        [found] = [each for each in container["environment"] if each["name"] == name]
        found["value"] = value

    return edit


def from_anywhere(parsed):
    for found in parsed["SecurityGroups"]:
        found["IpPermissions"] += [
            {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
            {
                "IpProtocol": "udp",
                "FromPort": 1,
                "ToPort": 9,
                "PrefixListIds": [{"PrefixListId": "pl-1"}],
                "UserIdGroupPairs": [{"GroupId": "sg-1", "UserId": "111111111111"}],
            },
        ]


def secured_badly(parsed):
    for found in parsed["Listeners"]:
        found.update(
            Protocol="TLS",
            Certificates=[],
            DefaultActions=[
                {"Type": "authenticate-oidc", "Order": 1},
                {"Type": "fixed-response", "Order": 2},
            ],
        )


def trusted_twice(parsed):
    other = _allow("sts:AssumeRole", Principal={"AWS": STRANGER})
    parsed["Role"]["AssumeRolePolicyDocument"]["Statement"].append(other)


def nothing_granted(parsed):
    parsed["PolicyDocument"] = _document()


def dualstack(parsed):
    alias = parsed["ResourceRecordSets"][0]["AliasTarget"]
    alias["DNSName"] = f"dualstack.{alias['DNSName']}"


IAM = "arn:aws:iam::000000000000"
STRANGER = "arn:aws:iam::111111111111:root"
TOPIC = "arn:aws:sns:us-east-1:000000000000:liberty-social-alarms-local"
READ = "secretsmanager:GetSecretValue"
KEY, PASSWORD = "liberty-social/SECRET_KEY-local", "liberty-social/DB_PASSWORD-local"
PRIVATE = "10.0.10.0/24, 10.0.11.0/24"
NETWORK = ("services", "networkConfiguration", "awsvpcConfiguration")
CONTAINER = ("taskDefinition", "containerDefinitions")
OTHER_TARGETS = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/other/1"
OTHER_IMAGE = "111111111111.dkr.ecr.us-east-1.amazonaws.com/other@sha256:" + "0" * 64
CORS = ("CORSRules",)
ENCRYPTION = (
    "ServerSideEncryptionConfiguration",
    "Rules",
    "ApplyServerSideEncryptionByDefault",
)


def edited(row, operation, *cases):
    """Return a case of each edit of an operation's answer, with the one fact that it makes."""
    return [
        pytest.param(row, operation, edit, fact, id=fact.partition(": expected")[0])
        for edit, fact in cases
    ]


def secret_key(aws):
    return secrets.secret(aws, "SECRET_KEY")


ANSWERS = [
    *edited(
        compute.cluster,
        "describe_clusters",
        (
            first("clusters", status="PROVISIONING"),
            "status: expected ACTIVE, found PROVISIONING",
        ),
        (
            first("clusters", capacityProviders=[]),
            "capacity providers: expected FARGATE, found nothing",
        ),
    ),
    *edited(
        compute.service,
        "describe_services",
        (first("services", status="DRAINING"), "status: expected ACTIVE, found DRAINING"),
        (
            first("services", "loadBalancers", containerName="web"),
            "container: expected liberty-social-backend, found web",
        ),
        (
            first("services", "loadBalancers", targetGroupArn=OTHER_TARGETS),
            "target group: expected liberty-social-backend-tg-local, found other",
        ),
        (first("services", launchType="EC2"), "launch type: expected FARGATE, found EC2"),
        (first("services", loadBalancers=[]), "load balancers: expected 1, found 0"),
        (first("services", enableExecuteCommand=True), "ECS Exec: expected false, found true"),
        (
            first("services", "loadBalancers", containerPort=80),
            "container port: expected 8000, found 80",
        ),
        (
            first(
                "services",
                taskDefinition="arn:aws:ecs:us-east-1:000000000000:task-definition/other:7",
            ),
            "task definition: expected liberty-social-backend-local, found other",
        ),
        (
            first(*NETWORK, assignPublicIp="ENABLED"),
            "public IP address: expected DISABLED, found ENABLED",
        ),
        (
            first(*NETWORK, securityGroups=["sg-1"]),
            "security groups: expected ecs-sg-local, found sg-1",
        ),
        (
            first(*NETWORK, subnets=["subnet-1"]),
            "subnets: expected 10.0.10.0/24, 10.0.11.0/24, found subnet-1",
        ),
        (
            first(
                "services",
                "deploymentConfiguration",
                "deploymentCircuitBreaker",
                rollback=False,
            ),
            "circuit breaker rolls back: expected true, found false",
        ),
    ),
    *edited(
        compute.service,
        "describe_scalable_targets",
        (first("ScalableTargets", MinCapacity=1), "fewest tasks: expected 2, found 1"),
        (first("ScalableTargets", MaxCapacity=500), "most tasks: expected 10, found 500"),
        (put("ScalableTargets", []), "scalable target: expected true, found false"),
    ),
    *edited(
        compute.service,
        "describe_scaling_policies",
        (
            one_policy_more,
            "scaling policy: expected nothing, found more: ECSServiceAverageCPU at 5",
        ),
    ),
    *edited(
        compute.task_definition,
        "describe_task_definition",
        (
            variable("ALLOWED_HOSTS", "*"),
            "environment ALLOWED_HOSTS: expected backend.liberty.example, found *",
        ),
        (
            variable("AWS_S3_REGION_NAME", "*"),
            "environment AWS_S3_REGION_NAME: expected us-east-1, found *",
        ),
        (
            variable("CORS_ALLOWED_ORIGINS", "*"),
            "environment CORS_ALLOWED_ORIGINS: expected https://liberty.example, found *",
        ),
        (
            variable("CSRF_TRUSTED_ORIGINS", "*"),
            "environment CSRF_TRUSTED_ORIGINS: expected https://liberty.example, found *",
        ),
        (variable("DB_NAME", "*"), "environment DB_NAME: expected liberty_social, found *"),
        (variable("DB_PORT", "*"), "environment DB_PORT: expected 5432, found *"),
        (variable("DB_USER", "*"), "environment DB_USER: expected postgres, found *"),
        (variable("DEBUG", "*"), "environment DEBUG: expected False, found *"),
        (
            first(*CONTAINER, "logConfiguration", "options", **{"awslogs-region": "eu-west-1"}),
            "awslogs-region: expected us-east-1, found eu-west-1",
        ),
        (
            first(
                *CONTAINER, "logConfiguration", "options", **{"awslogs-stream-prefix": "web"}
            ),
            "awslogs-stream-prefix: expected ecs, found web",
        ),
        (first("taskDefinition", memory="1024"), "memory: expected 512, found 1024"),
        (
            first("taskDefinition", executionRoleArn=None),
            f"execution role: expected {IAM}:role/ecsTaskExecutionRole-local, found nothing",
        ),
        (
            first("taskDefinition", requiresCompatibilities=["EC2"]),
            "requires: expected FARGATE, found EC2",
        ),
        (first("taskDefinition", status="INACTIVE"), "status: expected ACTIVE, found INACTIVE"),
        (
            first("taskDefinition", networkMode="bridge"),
            "network mode: expected awsvpc, found bridge",
        ),
        (first("taskDefinition", cpu="512"), "CPU: expected 256, found 512"),
        (
            first("taskDefinition", taskRoleArn=None),
            f"task role: expected {IAM}:role/ecsTaskRole-local, found nothing",
        ),
        (
            first(*CONTAINER, image=OTHER_IMAGE),
            (
                "image repository: expected 000000000000.dkr.ecr.us-east-1.amazonaws.com/"
                "liberty-social-backend-local, found "
                "111111111111.dkr.ecr.us-east-1.amazonaws.com/other"
            ),
        ),
        (first(*CONTAINER, name="web"), "container: expected nothing, found web"),
        (
            first(*CONTAINER, portMappings=[{"containerPort": 80}]),
            "ports: expected 8000 as 8000, found 80 as 80",
        ),
        (
            first(
                *CONTAINER, environmentFiles=[{"value": "arn:aws:s3:::a/b.env", "type": "s3"}]
            ),
            "environment files: expected nothing, found arn:aws:s3:::a/b.env",
        ),
        (
            first(*CONTAINER, "logConfiguration", logDriver="json-file"),
            "log driver: expected awslogs, found json-file",
        ),
        (
            first(*CONTAINER, "logConfiguration", "options", **{"awslogs-group": "/ecs/other"}),
            "awslogs-group: expected /ecs/liberty-social-backend-local, found /ecs/other",
        ),
    ),
    *edited(
        database.database,
        "describe_db_instances",
        (first("DBInstances", Engine="mysql"), "engine: expected postgres, found mysql"),
        (
            first("DBInstances", DBInstanceClass="db.r5.large"),
            "class: expected db.t3.micro, found db.r5.large",
        ),
        (
            first("DBInstances", DBName="other"),
            "database name: expected liberty_social, found other",
        ),
        (
            first("DBInstances", DeletionProtection=True),
            "deletion protection: expected false, found true",
        ),
        (first("DBInstances", "Endpoint", Port=5433), "port: expected 5432, found 5433"),
        (
            first("DBInstances", MaxAllocatedStorage=50),
            "storage limit (GiB): expected 100, found 50",
        ),
        (
            first("DBInstances", "DBSubnetGroup", Subnets=[]),
            "subnets: expected 10.0.10.0/24, 10.0.11.0/24, found nothing",
        ),
        (first("DBInstances", EngineVersion="16.3"), "engine version: expected 15, found 16.3"),
        (
            first("DBInstances", DBInstanceStatus="storage-full"),
            "status: expected available, found storage-full",
        ),
        (first("DBInstances", StorageEncrypted=False), "encrypted: expected true, found false"),
        (first("DBInstances", StorageType="gp2"), "storage type: expected gp3, found gp2"),
        (
            first("DBInstances", AllocatedStorage=10),
            "storage (GiB): expected 20 to 100, found 10",
        ),
        (first("DBInstances", MasterUsername="admin"), "user: expected postgres, found admin"),
        (
            first("DBInstances", VpcSecurityGroups=[]),
            "security groups: expected rds-sg-local, found nothing",
        ),
    ),
    *edited(
        cache.cache,
        "describe_cache_clusters",
        (first("CacheClusters", Engine="memcached"), "engine: expected redis, found memcached"),
        (
            first("CacheClusters", "CacheNodes", "Endpoint", Port=6380),
            "port: expected 6379, found 6380",
        ),
        (
            first("CacheClusters", ReplicationGroupId="other"),
            "replication group: expected nothing, found other",
        ),
        (
            first("CacheClusters", CacheClusterStatus="deleting"),
            "status: expected available, found deleting",
        ),
        (
            first("CacheClusters", EngineVersion="7.1.0"),
            "engine version: expected 7.0, found 7.1.0",
        ),
        (first("CacheClusters", NumCacheNodes=2), "nodes: expected 1, found 2"),
        (
            first("CacheClusters", SecurityGroups=[]),
            "security groups: expected elasticache-sg-local, found nothing",
        ),
    ),
    *edited(
        cache.cache,
        "describe_cache_subnet_groups",
        (
            put("CacheSubnetGroups", []),
            "subnets: expected 10.0.10.0/24, 10.0.11.0/24, found nothing",
        ),
    ),
    *edited(
        uploads.uploads,
        "get_bucket_location",
        (put("LocationConstraint", "eu-west-1"), "region: expected us-east-1, found eu-west-1"),
    ),
    *edited(
        uploads.uploads,
        "get_bucket_cors",
        (put("CORSRules", []), "CORS rules: expected 1, found 0"),
        (
            first(*CORS, AllowedMethods=["GET"]),
            "CORS methods: expected DELETE, GET, POST, PUT, found GET",
        ),
        (first(*CORS, AllowedHeaders=[]), "CORS headers: expected *, found nothing"),
    ),
    *edited(
        uploads.uploads,
        "get_bucket_encryption",
        (
            first(*ENCRYPTION, SSEAlgorithm="aws:kms"),
            "encryption: expected AES256, found aws:kms",
        ),
    ),
    *edited(
        uploads.uploads,
        "get_bucket_lifecycle_configuration",
        (
            first("Rules", Expiration={"Days": 1}),
            "files deleted after (days): expected nothing, found 1",
        ),
    ),
    *edited(
        networking.vpc,
        "describe_internet_gateways",
        (put("InternetGateways", []), "internet gateways: expected 1, found 0"),
    ),
    *edited(
        networking.vpc,
        "describe_nat_gateways",
        (first("NatGateways", State="deleted"), "NAT gateways: expected 1, found 0"),
        (
            first("NatGateways", State="failed"),
            "state of a NAT gateway: expected available, found failed",
        ),
        (
            first("NatGateways", SubnetId="subnet-1"),
            "subnet of a NAT gateway: expected 10.0.1.0/24 or 10.0.2.0/24, found subnet-1",
        ),
    ),
    *edited(
        networking.vpc,
        "describe_vpc_endpoints",
        (
            first("VpcEndpoints", RouteTableIds=[]),
            f"subnets that reach S3 directly: expected {PRIVATE}, found nothing",
        ),
        (
            first("VpcEndpoints", VpcId="vpc-other"),
            "endpoints for S3: expected 1, found 0",
        ),
    ),
    *edited(
        networking.vpc,
        "describe_flow_logs",
        (put("FlowLogs", []), "flow log: expected true, found false"),
    ),
    *edited(
        networking.subnets,
        "describe_subnets",
        (one_zone, "zones of the private subnets: expected 2, found 1"),
        (one_zone, "zones of the public subnets: expected 2, found 1"),
        (
            put("Subnets", []),
            "private subnet 10.0.11.0/24: addresses: expected 10.0.11.0/24, found nothing",
        ),
    ),
    *edited(
        networking.subnets,
        "describe_route_tables",
        (
            swallowed,
            (
                "private subnet 10.0.10.0/24: state of the way out: expected active, found "
                "blackhole"
            ),
        ),
        (
            put("RouteTables", []),
            "public subnet 10.0.1.0/24: way out: expected internet gateway, found nothing",
        ),
    ),
    *edited(
        entrance.load_balancer,
        "describe_load_balancers",
        (first("LoadBalancers", Type="network"), "type: expected application, found network"),
        (
            first("LoadBalancers", AvailabilityZones=[]),
            "subnets: expected 10.0.1.0/24, 10.0.2.0/24, found nothing",
        ),
        (
            first("LoadBalancers", Scheme="internal"),
            "scheme: expected internet-facing, found internal",
        ),
        (
            first("LoadBalancers", VpcId="vpc-1"),
            "VPC: expected liberty-social-vpc-local, found vpc-1",
        ),
        (
            first("LoadBalancers", "State", Code="failed"),
            "state: expected active, found failed",
        ),
        (
            first("LoadBalancers", SecurityGroups=[]),
            "security groups: expected alb-sg-local, found nothing",
        ),
    ),
    *edited(
        entrance.load_balancer,
        "describe_listeners",
        (secured_badly, "action of 443: expected forward, found fixed-response"),
        (secured_badly, "certificates of 443: expected 1, found 0"),
        (secured_badly, "protocol of 443: expected HTTPS, found TLS"),
        (secured_badly, "protocol of 80: expected HTTP, found TLS"),
        (signed_in_first, "action of 80: expected redirect, found fixed-response"),
        (
            redirected_for_now,
            "redirect of 80: expected HTTPS 443 HTTP_301, found HTTPS 443 HTTP_302",
        ),
        (
            forwarded_elsewhere,
            "target group of 443: expected liberty-social-backend-tg-local, found other",
        ),
    ),
    *edited(
        entrance.load_balancer,
        "describe_load_balancer_attributes",
        (
            attribute("access_logs.s3.enabled", "false"),
            "access_logs.s3.enabled: expected true, found false",
        ),
        (
            attribute("deletion_protection.enabled", "true"),
            "deletion_protection.enabled: expected false, found true",
        ),
        (
            attribute("routing.http.drop_invalid_header_fields.enabled", "false"),
            "routing.http.drop_invalid_header_fields.enabled: expected true, found false",
        ),
    ),
    *edited(
        entrance.target_group,
        "describe_target_groups",
        (
            first("TargetGroups", VpcId="vpc-1"),
            "VPC: expected liberty-social-vpc-local, found vpc-1",
        ),
        (
            first("TargetGroups", HealthCheckProtocol="HTTPS"),
            "health check protocol: expected HTTP, found HTTPS",
        ),
        (first("TargetGroups", Protocol="HTTPS"), "protocol: expected HTTP, found HTTPS"),
        (first("TargetGroups", Port=80), "port: expected 8000, found 80"),
        (
            first("TargetGroups", TargetType="instance"),
            "target type: expected ip, found instance",
        ),
        (
            first("TargetGroups", HealthCheckIntervalSeconds=10),
            "health check interval (s): expected 30, found 10",
        ),
        (
            first("TargetGroups", HealthCheckTimeoutSeconds=9),
            "health check timeout (s): expected 5, found 9",
        ),
        (
            first("TargetGroups", HealthyThresholdCount=5),
            "healthy threshold: expected 2, found 5",
        ),
        (
            first("TargetGroups", UnhealthyThresholdCount=2),
            "unhealthy threshold: expected 3, found 2",
        ),
    ),
    *edited(
        registry.repository,
        "describe_repositories",
        (
            first("repositories", "encryptionConfiguration", encryptionType="KMS"),
            "encryption: expected AES256, found KMS",
        ),
        (
            first("repositories", imageTagMutability="IMMUTABLE"),
            "tag mutability: expected MUTABLE, found IMMUTABLE",
        ),
    ),
    *edited(
        secret_key,
        "describe_secret",
        (put("VersionIdsToStages", {}), "has a value: expected true, found false"),
    ),
    *edited(
        identity.task_role,
        "list_attached_role_policies",
        (
            put(
                "AttachedPolicies",
                [{"PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}],
            ),
            (
                "managed policy: expected nothing, found "
                "arn:aws:iam::aws:policy/AdministratorAccess"
            ),
        ),
    ),
    *edited(
        identity.task_role,
        "list_role_policies",
        (
            put("PolicyNames", ["S3Access"]),
            "policy: expected SecretsManagerAccess, found nothing",
        ),
    ),
    *edited(
        domain.record,
        "list_resource_record_sets",
        (
            first("ResourceRecordSets", "AliasTarget", HostedZoneId="Z1"),
            "hosted zone of the alias: expected Z35SXDOTRQ7X7K, found Z1",
        ),
        (first("ResourceRecordSets", AliasTarget=None), "alias: expected true, found false"),
    ),
    *edited(
        domain.certificate,
        "describe_certificate",
        (
            first("Certificate", DomainName="www.liberty.example"),
            "domain: expected liberty.example, found www.liberty.example",
        ),
        (
            first("Certificate", Status="PENDING_VALIDATION"),
            "status: expected ISSUED, found PENDING_VALIDATION",
        ),
        (
            first("Certificate", SubjectAlternativeNames=[]),
            "wildcard: expected *.liberty.example, found nothing",
        ),
        (by_email, "validation: expected DNS, found EMAIL"),
        (
            first("Certificate", Type="IMPORTED"),
            "renewed by AWS: expected AMAZON_ISSUED, found IMPORTED",
        ),
    ),
    *edited(
        monitoring.cpu_high,
        "describe_alarms",
        (
            first("MetricAlarms", ActionsEnabled=False),
            "actions enabled: expected true, found false",
        ),
        (
            first("MetricAlarms", ComparisonOperator="LessThanThreshold"),
            "comparison: expected GreaterThanThreshold, found LessThanThreshold",
        ),
        (
            first("MetricAlarms", Statistic="Minimum"),
            "statistic: expected Average, found Minimum",
        ),
        (
            first("MetricAlarms", TreatMissingData="ignore"),
            "missing data: expected notBreaching, found ignore",
        ),
        (
            first("MetricAlarms", Dimensions=[]),
            "dimension: expected ClusterName liberty-social-backend-local, found nothing",
        ),
        (
            first("MetricAlarms", Namespace="AWS/EC2"),
            "namespace: expected AWS/ECS, found AWS/EC2",
        ),
        (
            first("MetricAlarms", MetricName="CPUReservation"),
            "metric: expected CPUUtilization, found CPUReservation",
        ),
    ),
    *edited(
        monitoring.memory_high,
        "describe_alarms",
        (
            first("MetricAlarms", Namespace="AWS/EC2"),
            "namespace: expected AWS/ECS, found AWS/EC2",
        ),
        (
            first("MetricAlarms", MetricName="CPUUtilization"),
            "metric: expected MemoryUtilization, found CPUUtilization",
        ),
        (first("MetricAlarms", Threshold=99.5), "threshold: expected 80, found 99.5"),
        (
            first("MetricAlarms", AlarmActions=["a"]),
            f"action: expected {TOPIC}, found a",
        ),
        (
            first("MetricAlarms", Statistic="Minimum"),
            "statistic: expected Average, found Minimum",
        ),
        (
            first("MetricAlarms", TreatMissingData="ignore"),
            "missing data: expected notBreaching, found ignore",
        ),
        (
            first("MetricAlarms", Dimensions=[]),
            "dimension: expected ClusterName liberty-social-backend-local, found nothing",
        ),
        (
            first("MetricAlarms", ActionsEnabled=False),
            "actions enabled: expected true, found false",
        ),
        (
            first("MetricAlarms", ComparisonOperator="LessThanThreshold"),
            "comparison: expected GreaterThanThreshold, found LessThanThreshold",
        ),
    ),
    *edited(
        monitoring.task_failures,
        "describe_alarms",
        (
            first("MetricAlarms", Namespace="AWS/ECS"),
            "namespace: expected LibertySocial/Backend-local, found AWS/ECS",
        ),
        (
            first("MetricAlarms", MetricName="Other"),
            "metric: expected TaskFailures, found Other",
        ),
        (first("MetricAlarms", Statistic="Average"), "statistic: expected Sum, found Average"),
        (
            first("MetricAlarms", ActionsEnabled=False),
            "actions enabled: expected true, found false",
        ),
        (
            first("MetricAlarms", AlarmActions=[]),
            f"action: expected {TOPIC}, found nothing",
        ),
        (
            first("MetricAlarms", ComparisonOperator="LessThanThreshold"),
            "comparison: expected GreaterThanOrEqualToThreshold, found LessThanThreshold",
        ),
        (
            first("MetricAlarms", Dimensions=[{"Name": "a", "Value": "b"}]),
            "dimension: expected nothing, found a b",
        ),
        (first("MetricAlarms", Threshold=1.5), "threshold: expected 1, found 1.5"),
    ),
    *edited(
        monitoring.task_failures,
        "describe_resource_policies",
        (
            put("resourcePolicies", []),
            (
                "delivery: expected Allow logs:PutLogEvents on "
                "arn:aws:logs:us-east-1:000000000000:log-group:"
                "/aws/events/liberty-social-task-failures-local:* to Service "
                "events.amazonaws.com, found nothing"
            ),
        ),
    ),
    *edited(
        networking.vpc,
        "describe_vpcs",
        (
            first("Vpcs", CidrBlock="10.9.0.0/16"),
            "addresses: expected 10.0.0.0/16, found 10.9.0.0/16",
        ),
        (first("Vpcs", State="pending"), "state: expected available, found pending"),
    ),
    *edited(
        networking.vpc,
        "describe_vpc_attribute",
        (
            put("EnableDnsSupport", {"Value": False}),
            "enableDnsSupport: expected true, found false",
        ),
    ),
    *edited(
        security.security_groups,
        "describe_security_groups",
        (put("SecurityGroups", []), "ecs-sg-local: name: expected ecs-sg-local, found nothing"),
        (from_anywhere, "rds-sg-local: inbound: expected nothing, found all traffic: ::/0"),
        (from_anywhere, "rds-sg-local: inbound: expected nothing, found udp 1-9: pl-1"),
        (from_anywhere, "rds-sg-local: inbound: expected nothing, found udp 1-9: sg-1"),
    ),
    *edited(
        identity.execution_role,
        "list_role_policies",
        (put("PolicyNames", []), "policy: expected SecretsManagerAccess, found nothing"),
    ),
    *edited(
        identity.execution_role,
        "get_role",
        (
            first("Role", Arn=f"{IAM}:role/service/it"),
            f"ARN: expected {IAM}:role/ecsTaskExecutionRole-local, found {IAM}:role/service/it",
        ),
    ),
    *edited(
        identity.task_role,
        "get_role",
        (
            trusted_twice,
            f"trust: expected nothing, found Allow sts:AssumeRole to AWS {STRANGER}",
        ),
    ),
    *edited(
        identity.task_role,
        "get_role_policy",
        (
            nothing_granted,
            f"SecretsManagerAccess: expected Allow {READ} on {PASSWORD}, found nothing",
        ),
    ),
]


@pytest.mark.parametrize(("row", "operation", "edit", "fact"), ANSWERS)
def test_a_value_that_is_not_the_specs_is_named(local, row, operation, edit, fact):
    assert fact in not_ok(row(Told(local, operation, edit)))


@pytest.mark.parametrize(
    ("row", "operation", "edit"),
    [
        (compute.service, "describe_services", first("services", desiredCount=10)),
        (
            database.database,
            "describe_db_instances",
            first("DBInstances", EngineVersion="15.13"),
        ),
        (database.database, "describe_db_instances", first("DBInstances", AllocatedStorage=64)),
        (
            database.database,
            "describe_db_instances",
            first("DBInstances", DBInstanceStatus="backing-up"),
        ),
        (cache.cache, "describe_cache_clusters", first("CacheClusters", EngineVersion="7.0.7")),
        (domain.record, "list_resource_record_sets", dualstack),
    ],
    ids=["scaled out", "minor version", "grown disk", "backup", "patch", "dualstack"],
)
def test_what_aws_does_by_itself_is_accepted(local, row, operation, edit):
    assert not_ok(row(Told(local, operation, edit))) == []


def test_chosen_iops_are_there(deployed, local):
    chosen = deployed.with_settings(local.environment, DatabaseIops="12000")
    for found, facts in ((12000, []), (3000, ["IOPS: expected 12000, found 3000"])):
        told = Told(
            local, "describe_db_instances", first("DBInstances", Iops=found), environment=chosen
        )
        assert not_ok(database.database(told)) == facts


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("eu.liberty.example", []),
        (
            "otherliberty.example",
            ["hosted zone: expected otherliberty.example, found liberty.example"],
        ),
    ],
)
def test_the_zone_is_that_of_the_domain_or_of_one_above(deployed, anew, name, wrong):
    [zone] = deployed.client("route53").list_hosted_zones()["HostedZones"]
    elsewhere = deployed.with_settings(
        anew.environment, HostedZoneId=zone["Id"], DomainName=name
    )
    # Nothing is there by that name, but what is told instead.
    asked = {"StartRecordName": anew.environment.host, "HostedZoneId": zone["Id"]}
    more = {"StartRecordType": "A", "MaxItems": "1"}
    there = anew.read_page("route53", "list_resource_record_sets", **asked, **more)
    [found] = there["ResourceRecordSets"]
    there = put("ResourceRecordSets", [{**found, "Name": f"backend.{name}."}])
    told = Told(anew, "list_resource_record_sets", there, environment=elsewhere)
    assert not_ok(domain.record(told)) == wrong


def test_a_private_zone_is_not_the_domains(deployed, anew):
    [zone] = deployed.client("route53").list_hosted_zones()["HostedZones"]
    by_id = deployed.with_settings(anew.environment, HostedZoneId=zone["Id"])
    private = first("HostedZone", Config={"PrivateZone": True})
    told = Told(anew, "get_hosted_zone", private, environment=by_id)
    assert not_ok(domain.record(told)) == ["hosted zone is private: expected false, found true"]


def test_all_pages_are_read(deployed, anew):
    asked = []

    def page(params, **_):
        asked.append(params["body"].get("Marker"))
        answer = (
            {"PolicyNames": ["S3Access"]}
            if asked[-1]
            else {
                "PolicyNames": ["SecretsManagerAccess"],
                "IsTruncated": True,
                "Marker": "more",
            }
        )
        return SimpleNamespace(status_code=200), {"ResponseMetadata": {}, **answer}

    with _event(deployed, "before-call", "iam", "ListRolePolicies", page):
        assert all(each.ok for each in identity.task_role(anew))
    assert asked == [None, "more"]


def test_a_policy_is_understood_encoded_or_not():
    said = {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "s3:*", "NotResource": "arn:aws:s3:::a"},
    }
    text = json.dumps(said)
    granted = ["Allow s3:* on all but arn:aws:s3:::a"]
    assert grants(said) == grants(text) == grants(quote(text)) == granted


def test_two_ways_to_write_the_same_policy_are_the_same(local):
    """The spec has one statement of four actions on two resources; ours are two."""
    bucket = "arn:aws:s3:::liberty-social-uploads-local"
    actions = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"]

    def as_specified(answer):
        if answer["PolicyName"] == "S3Access":
            allowed = _allow(actions, Resource=[bucket, f"{bucket}/*"])
            answer["PolicyDocument"] = _document(allowed)

    assert not_ok(identity.task_role(Told(local, "get_role_policy", as_specified))) == []


# What AWS doesn't answer


def test_a_refusal_fails_its_row_in_words_and_no_other(deployed):
    environment = deployed.still("local")
    with refusing(deployed, "ecr", "DescribeRepositories", "AccessDenied", "You may not."):
        found = verify(environment, deployed.client)
    sentence = "ecr describe_repositories: AccessDenied: You may not."
    assert wrong(found) == {12: [f"answer of AWS: expected an answer, found {sentence}"]}
    assert failed_checks(found) == {1}


@pytest.mark.parametrize(
    "error",
    [
        UnknownServiceError(service_name="ecr", known_service_names="others"),
        ResponseParserError("cut off"),
    ],
)
def test_a_service_that_gives_no_answer_fails_its_row_alone(deployed, error):
    def client(service):
        if service == "ecr":
            raise error
        return deployed.client(service)

    found = verify(deployed.still("local"), client)
    assert list(wrong(found)) == [12]
    assert str(error) in wrong(found)[12][0]


@pytest.mark.parametrize(
    ("service", "operation"), [("sts", "GetCallerIdentity"), ("ecs", "DescribeClusters")]
)
def test_credentials_that_have_expired_are_said_once(deployed, service, operation):
    environment = deployed.still("local")
    with (
        refusing(deployed, service, operation, "ExpiredTokenException", "It has expired."),
        pytest.raises(VerifyError, match=r"does not know who asks .*It has expired"),
    ):
        verify(environment, deployed.client)


def test_an_endpoint_that_does_not_answer_is_said_once():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and never listens
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
        session = boto3.Session("000000000000", "local", region_name="us-east-1")
        once = Config(retries={"total_max_attempts": 1})
        with pytest.raises(VerifyError, match=rf"can't be asked .*{endpoint}"):
            verify(
                load("local"),
                lambda name: session.client(name, endpoint_url=endpoint, config=once),
            )


def test_ctrl_c_leaves_no_other_row_waiting_for_an_answer_that_never_comes():
    def interrupted():
        raise KeyboardInterrupt

    caller = {"Account": "000000000000", "Arn": "arn:aws:iam::000000000000:root"}
    client = SimpleNamespace(
        can_paginate=lambda _: False,
        get_caller_identity=lambda: caller,
        list_users=interrupted,
    )
    aws = Aws(load("local"), lambda _: client)
    with pytest.raises(KeyboardInterrupt):
        aws.read("iam", "list_users")
    assert all(answer.done() for answer in aws._answers.values())  # noqa: SLF001


def test_no_credentials_are_said_once():
    class Nobody:
        def can_paginate(self, _operation):
            return False

        def get_caller_identity(self):
            raise NoCredentialsError

    with pytest.raises(VerifyError, match="Unable to locate credentials"):
        verify(load("local"), lambda _name: Nobody())


# What is asked


def test_only_reads_are_made_and_no_secret_is_read_nor_the_stack(report, asked):
    assert report("local").ok
    assert len(asked) > 50
    assert all(name.startswith(("Describe", "Get", "Head", "List")) for _, name in asked)
    assert "GetSecretValue" not in {name for _, name in asked}
    assert "cloudformation" not in {service for service, _ in asked}


# Nothing there


@pytest.fixture(scope="module", autouse=True)
def nothing(deployed):
    """Return the report on an empty AWS, made before anything is deployed to it."""
    deployed.reset()
    return verify(load("local"), deployed.client)


def test_where_nothing_was_deployed_every_row_says_so(nothing):
    assert list(wrong(nothing)) == list(range(1, 26))
    for facts in wrong(nothing).values():
        [fact] = facts
        assert re.fullmatch(r"exists: expected .+, found nothing", fact)
    assert failed_checks(nothing) == set(range(1, 11))
    assert {c.name: c.found for c in nothing.categories} == dict.fromkeys(COUNTS, 0)
    assert not nothing.ok


# How it is shown


def test_the_json_is_valid_and_complete(report, nothing):
    for found in (report("local"), nothing):
        told = as_json(found)
        assert json.loads(json.dumps(told)) == told
        assert told["ok"] is found.ok
        assert told["total"] == {"expected": 25, "found": found.found}
        assert {c["name"]: c["expected"] for c in told["categories"]} == COUNTS
        assert [r["number"] for r in told["rows"]] == list(range(1, 26))
        assert [c["number"] for c in told["checks"]] == list(range(1, 11))
        for item, shown in zip(
            (*found.rows, *found.checks), told["rows"] + told["checks"], strict=True
        ):
            assert shown["ok"] is item.ok
            assert [fact["ok"] for fact in shown["facts"]] == [fact.ok for fact in item.facts]
            assert all({"what", "expected", "found"} <= fact.keys() for fact in shown["facts"])


def test_the_markdown_has_every_box_ticked(report):
    text = as_markdown(report("local"))
    # 25 resources, of which two are four things each; nine categories and their total;
    # ten checks.
    assert text.count("[x]") == 25 + 8 + 10 + 10
    assert "[ ]" not in text
    for name in ("alb-sg", "ecs-sg", "rds-sg", "elasticache-sg"):
        assert f"  - [x] `{name}-local`" in text
    for row in report("local").rows:
        assert f"- [x] **{row.name}**" in text
    assert "| **Networking** | 5/5 | [x] VPC, Subnets, SGs, ALB, TG |" in text
    assert "| **TOTAL** | **25/25** | **[x]** |" in text
    assert "  - `aws iam get-role --role-name ecsTaskRole-local`" in text


def test_the_markdown_has_a_box_left_empty_for_what_is_missing(nothing):
    text = as_markdown(nothing)
    assert "[x]" not in text
    assert text.count("[ ]") == 25 + 10 + 10
    assert "- [ ] **ECS Cluster** `liberty-social-backend-local`\n  - exists: expected" in text
    assert "| **TOTAL** | **0/25** | **[ ]** |" in text


def test_what_was_found_has_no_meaning_in_markdown(report):
    found = report("local")
    fact = Fact("name", "a", "`b`\n| c", ok=False)
    row = dataclasses.replace(found.rows[0], facts=(fact,))
    text = as_markdown(dataclasses.replace(found, rows=(row, *found.rows[1:])))
    assert "  - name: expected `a`, found `` `b` | c ``" in text


def test_the_table_counts_each_category(report, nothing):
    good, bad = printed(report("local")), printed(nothing)
    for category, count in COUNTS.items():
        assert f"{category}  {count}/{count}" in good
        assert f"{category}  0/{count}" in bad
    assert "Resources  25/25" in good and "Checks  10/10" in good
    assert "✗" not in good and "✓" not in bad
    assert (
        "✗  1 ECS Cluster                   liberty-social-backend-local\n"
        "        ✗ exists: expected liberty-social-backend-local, found nothing" in bad
    )


def test_the_table_shows_every_fact_when_asked(report):
    found = report("local")
    facts = sum(len(item.facts) for item in (*found.rows, *found.checks))
    assert printed(found).count("✓") == 35
    everything = printed(found, everything=True)
    assert everything.count("✓") == 35 + facts
    assert "✓ desired count: expected 2 to 10, found 2" in everything
    assert "✓ engine: postgres\n" in everything


def test_the_table_has_colours_in_a_terminal_only_and_not_where_they_are_unwanted(
    report, monkeypatch
):
    terminal = {"force_terminal": True, "color_system": "standard"}
    found = report("local")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b" not in printed(found)
    assert "\x1b[32m" in printed(found, console=terminal)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[32m" not in printed(found, console=terminal)


def test_the_table_keeps_to_its_width_and_to_what_can_be_printed(nothing):
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, encoding="ascii"), width=60)
    console.print(as_table(nothing))
    console.file.flush()
    lines = raw.getvalue().decode("ascii").splitlines()
    assert max(map(len, lines)) <= 60
    assert any(line.startswith("  NO  1 ECS Cluster") for line in lines)


# Changes by hand


@dataclass(frozen=True)
class Change:
    """One thing that somebody changed by hand, and all that verify should say to it.

    `wrong` has the facts of each row that is concerned, in words; one that ends in dots
    goes on with an id. `checks` has the numbers of the checks that fail.
    """

    name: str
    do: Callable
    wrong: dict[int, list[str]]
    checks: frozenset[int] = frozenset()
    leaves_the_rest: bool = True

    @property
    def hides(self):
        """Whether the row has nothing more to say: of what is gone, or part of it."""
        gone = any(f.startswith("exists") for facts in self.wrong.values() for f in facts)
        return gone or not self.leaves_the_rest


CLUSTER, SERVICE = "liberty-social-backend-local", "liberty-social-backend-service-local"
DATABASE, REDIS = "liberty-social-db-local", "liberty-social-redis-local"
UPLOADS, REPOSITORY = "liberty-social-uploads-local", "liberty-social-backend-local"
EXECUTION, TASK = "ecsTaskExecutionRole-local", "ecsTaskRole-local"
LOGS, FAILURES = (
    "/ecs/liberty-social-backend-local",
    "/aws/events/liberty-social-task-failures-local",
)
OBJECTS = f"arn:aws:s3:::{UPLOADS}/*"


def _document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def _allow(action, **more):
    return {"Effect": "Allow", "Action": action, **more}


TRUST_WITHOUT_CONDITIONS = _document(
    _allow("sts:AssumeRole", Principal={"Service": "ecs-tasks.amazonaws.com"})
)
TRUST = (
    "Allow sts:AssumeRole to Service ecs-tasks.amazonaws.com, if ArnLike aws:SourceArn "
    "arn:aws:ecs:us-east-1:000000000000:* and StringEquals aws:SourceAccount 000000000000"
)
ANYTHING = _document(_allow("s3:*", Resource="*"))


def gone(thing):
    return [f"exists: expected {thing}, found nothing"]


def changed(what, expected, found):
    return [f"{what}: expected {expected}, found {found}"]


def vpc(aws):
    tag = [{"Name": "tag:Name", "Values": ["liberty-social-vpc-local"]}]
    return aws("ec2").describe_vpcs(Filters=tag)["Vpcs"][0]["VpcId"]


def of_vpc(aws):
    return [{"Name": "vpc-id", "Values": [vpc(aws)]}]


def subnet(aws, cidr):
    found = aws("ec2").describe_subnets(Filters=of_vpc(aws))["Subnets"]
    return next(each["SubnetId"] for each in found if each["CidrBlock"] == cidr)


def group(aws, name):
    found = aws("ec2").describe_security_groups(Filters=of_vpc(aws))["SecurityGroups"]
    return next(each for each in found if each["GroupName"] == name)


def balancer(aws):
    found = aws("elbv2").describe_load_balancers(Names=["liberty-social-alb-local"])
    return found["LoadBalancers"][0]["LoadBalancerArn"]


def listener(aws, port):
    found = aws("elbv2").describe_listeners(LoadBalancerArn=balancer(aws))["Listeners"]
    return next(each["ListenerArn"] for each in found if each["Port"] == port)


def targets(aws):
    found = aws("elbv2").describe_target_groups(Names=["liberty-social-backend-tg-local"])
    return found["TargetGroups"][0]["TargetGroupArn"]


def update_service(**change):
    return lambda aws: aws("ecs").update_service(cluster=CLUSTER, service=SERVICE, **change)


def redefine(change):
    """Have the service run a changed task definition."""

    def do(aws):
        ecs = aws("ecs")
        found = ecs.describe_task_definition(taskDefinition=CLUSTER)["taskDefinition"]
        kept = (
            "family",
            "networkMode",
            "requiresCompatibilities",
            "cpu",
            "memory",
            "executionRoleArn",
            "taskRoleArn",
            "containerDefinitions",
        )
        wanted = {key: found[key] for key in kept}
        change(wanted, wanted["containerDefinitions"][0])
        ecs.register_task_definition(**wanted)
        update_service(taskDefinition=CLUSTER)(aws)

    return do


def as_root(_definition, container):
    container["user"] = "0"


def password_in_the_open(_definition, container):
    container["secrets"] = [s for s in container["secrets"] if s["name"] != "DB_PASSWORD"]
    container["environment"].append({"name": "DB_PASSWORD", "value": "hunter2"})


def partial_secret(_definition, container):
    for secret in container["secrets"]:
        if secret["name"] == "SECRET_KEY":
            secret["valueFrom"] = "liberty-social/SECRET_KEY-local"


def other_bucket(_definition, container):
    for variable in container["environment"]:
        if variable["name"] == "AWS_STORAGE_BUCKET_NAME":
            variable["value"] = "liberty-social-uploads"


def modify_database(**change):
    asked = {"DBInstanceIdentifier": DATABASE, "ApplyImmediately": True, **change}
    return lambda aws: aws("rds").modify_db_instance(**asked)


def cors(aws):
    rule = aws("s3").get_bucket_cors(Bucket=UPLOADS)["CORSRules"][0]
    rule["AllowedOrigins"] = ["*"]
    aws("s3").put_bucket_cors(Bucket=UPLOADS, CORSConfiguration={"CORSRules": [rule]})


def bucket(call, **arguments):
    return lambda aws: getattr(aws("s3"), call)(Bucket=UPLOADS, **arguments)


def default_route_of_private_to_internet(aws):
    ec2 = aws("ec2")
    [gateway] = ec2.describe_internet_gateways(
        Filters=[{"Name": "attachment.vpc-id", "Values": [vpc(aws)]}]
    )["InternetGateways"]
    private = [
        {"Name": "association.subnet-id", "Values": [subnet(aws, "10.0.10.0/24")]},
    ]
    [table] = ec2.describe_route_tables(Filters=private)["RouteTables"]
    ec2.replace_route(
        RouteTableId=table["RouteTableId"],
        DestinationCidrBlock="0.0.0.0/0",
        GatewayId=gateway["InternetGatewayId"],
    )


def no_dns_names(aws):
    aws("ec2").modify_vpc_attribute(VpcId=vpc(aws), EnableDnsHostnames={"Value": False})


def public_addresses(aws):
    aws("ec2").modify_subnet_attribute(
        SubnetId=subnet(aws, "10.0.2.0/24"), MapPublicIpOnLaunch={"Value": True}
    )


def no_s3_endpoint(aws):
    found = aws("ec2").describe_vpc_endpoints(Filters=of_vpc(aws))["VpcEndpoints"]
    aws("ec2").delete_vpc_endpoints(VpcEndpointIds=[each["VpcEndpointId"] for each in found])


def rule_removed(aws):
    database = group(aws, "rds-sg-local")["GroupId"]
    rules = aws("ec2").describe_security_group_rules(
        Filters=[{"Name": "group-id", "Values": [database]}]
    )["SecurityGroupRules"]
    aws("ec2").revoke_security_group_ingress(
        GroupId=database,
        SecurityGroupRuleIds=[r["SecurityGroupRuleId"] for r in rules if not r["IsEgress"]],
    )


def rule_added(way, name, port):
    def do(aws):
        tcp = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port}
        getattr(aws("ec2"), f"authorize_security_group_{way}")(
            GroupId=group(aws, name)["GroupId"],
            IpPermissions=[{**tcp, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
        )

    return do


def listener_deleted(port):
    return lambda aws: aws("elbv2").delete_listener(ListenerArn=listener(aws, port))


def listener_modified(port, **change):
    return lambda aws: aws("elbv2").modify_listener(ListenerArn=listener(aws, port), **change)


def balancer_attribute(key, value):
    return lambda aws: aws("elbv2").modify_load_balancer_attributes(
        LoadBalancerArn=balancer(aws), Attributes=[{"Key": key, "Value": value}]
    )


def balancer_deleted(aws):
    aws("elbv2").delete_load_balancer(LoadBalancerArn=balancer(aws))


def health_check(aws):
    aws("elbv2").modify_target_group(TargetGroupArn=targets(aws), HealthCheckPath="/")


def drain(aws):
    slow = {"Key": "deregistration_delay.timeout_seconds", "Value": "300"}
    aws("elbv2").modify_target_group_attributes(TargetGroupArn=targets(aws), Attributes=[slow])


def scan(aws):
    aws("ecr").put_image_scanning_configuration(
        repositoryName=REPOSITORY, imageScanningConfiguration={"scanOnPush": False}
    )


def secret_deleted(name, **how):
    secret = f"liberty-social/{name}-local"
    return lambda aws: aws("secretsmanager").delete_secret(SecretId=secret, **how)


def role_policy(role, policy, edit):
    def do(aws):
        iam = aws("iam")
        document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        edit(document["Statement"])
        iam.put_role_policy(
            RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document)
        )

    return do


def more_actions(statements):
    statements[0]["Action"].append("secretsmanager:PutSecretValue")


def all_buckets(statements):
    statements[1]["Resource"] = ["arn:aws:s3:::*"]


def record(action, **change):
    def do(aws):
        route53 = aws("route53")
        zone = route53.list_hosted_zones()["HostedZones"][0]["Id"]
        [found] = [
            each
            for each in route53.list_resource_record_sets(HostedZoneId=zone)[
                "ResourceRecordSets"
            ]
            if each["Type"] == "A"
        ]
        found["AliasTarget"] |= change
        route53.change_resource_record_sets(
            HostedZoneId=zone,
            ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": found}]},
        )

    return do


def other_certificate(aws):
    other = aws("acm").request_certificate(DomainName="other.example")["CertificateArn"]
    listener_modified(443, Certificates=[{"CertificateArn": other}])(aws)


def alarm(name, **change):
    def do(aws):
        cloudwatch = aws("cloudwatch")
        [found] = cloudwatch.describe_alarms(AlarmNames=[f"{name}-local"])["MetricAlarms"]
        told = cloudwatch.meta.service_model.operation_model("PutMetricAlarm").input_shape
        known = {key: value for key, value in found.items() if key in told.members}
        cloudwatch.put_metric_alarm(**known | change)

    return do


def alarm_deleted(name):
    return lambda aws: aws("cloudwatch").delete_alarms(AlarmNames=[f"{name}-local"])


def rule_disabled(aws):
    for rule in aws("events").list_rules()["Rules"]:
        aws("events").disable_rule(Name=rule["Name"])


def rule_of_everything(aws):
    for rule in aws("events").list_rules()["Rules"]:
        aws("events").put_rule(Name=rule["Name"], EventPattern='{"source": ["aws.ecs"]}')


def rule_without_target(aws):
    for rule in aws("events").list_rules()["Rules"]:
        aws("events").remove_targets(Rule=rule["Name"], Ids=["TaskFailureEvents"])


def filter_deleted(aws):
    logs = aws("logs")
    for found in logs.describe_metric_filters(logGroupName=FAILURES)["metricFilters"]:
        logs.delete_metric_filter(logGroupName=FAILURES, filterName=found["filterName"])


CHANGES = [
    Change(
        "Container Insights off",
        lambda aws: aws("ecs").update_cluster_settings(
            cluster=CLUSTER, settings=[{"name": "containerInsights", "value": "disabled"}]
        ),
        {1: changed("Container Insights", "enabled", "disabled")},
    ),
    Change(
        "too many tasks",
        update_service(desiredCount=11),
        {2: changed("desired count", "2 to 10", 11)},
    ),
    Change(
        "no tasks", update_service(desiredCount=0), {2: changed("desired count", "2 to 10", 0)}
    ),
    Change(
        "no circuit breaker",
        update_service(
            deploymentConfiguration={
                "deploymentCircuitBreaker": {"enable": False, "rollback": True}
            }
        ),
        {2: changed("circuit breaker", "true", "false")},
    ),
    Change(
        "service deleted",
        lambda aws: aws("ecs").delete_service(cluster=CLUSTER, service=SERVICE, force=True),
        {2: gone(SERVICE)},
    ),
    Change("root in the container", redefine(as_root), {3: changed("user", "1000:1000", 0)}),
    Change(
        "password in the environment",
        redefine(password_in_the_open),
        {
            3: [
                "secrets in the environment: expected nothing, found DB_PASSWORD",
                f"secret: expected DB_PASSWORD from {PASSWORD}, found nothing",
            ]
        },
    ),
    Change(
        "secret by part of its ARN",
        redefine(partial_secret),
        {
            3: [
                f"secret: expected SECRET_KEY from {KEY}, found nothing",
                f"secret: expected nothing, found SECRET_KEY from {KEY}, which is no ARN",
            ]
        },
    ),
    Change(
        "somebody else's bucket",
        redefine(other_bucket),
        {3: changed("environment AWS_STORAGE_BUCKET_NAME", UPLOADS, "liberty-social-uploads")},
    ),
    Change(
        "no standby database",
        modify_database(MultiAZ=False),
        {4: changed("Multi-AZ", "true", "false")},
    ),
    Change(
        "backups for a week",
        modify_database(BackupRetentionPeriod=7),
        {4: changed("backup retention (days)", 30, 7)},
    ),
    Change(
        "database in public",
        modify_database(PubliclyAccessible=True),
        {4: changed("publicly accessible", "false", "true")},
    ),
    Change(
        "database deleted",
        lambda aws: aws("rds").delete_db_instance(
            DBInstanceIdentifier=DATABASE, SkipFinalSnapshot=True
        ),
        {
            3: [
                f"environment DB_HOST: expected the address of {DATABASE}, found {DATABASE}..."
            ],
            4: gone(DATABASE),
        },
        frozenset({2}),
    ),
    Change(
        "larger cache",
        lambda aws: aws("elasticache").modify_cache_cluster(
            CacheClusterId=REDIS, CacheNodeType="cache.m5.large", ApplyImmediately=True
        ),
        {5: changed("node type", "cache.t3.micro", "cache.m5.large")},
    ),
    Change(
        "cache deleted",
        lambda aws: aws("elasticache").delete_cache_cluster(CacheClusterId=REDIS),
        {
            3: [
                (
                    f"environment REDIS_URL: expected redis://the address of {REDIS}:6379/0, "
                    f"found redis://{REDIS}..."
                )
            ],
            5: gone(REDIS),
        },
        frozenset({3}),
    ),
    Change(
        "uploads from anywhere",
        cors,
        {6: changed("CORS origins", "https://liberty.example", "*")},
    ),
    Change(
        "public access no longer blocked",
        bucket("delete_public_access_block"),
        {
            6: [
                f"{block}: expected true, found false"
                for block in (
                    "BlockPublicAcls",
                    "BlockPublicPolicy",
                    "IgnorePublicAcls",
                    "RestrictPublicBuckets",
                )
            ]
        },
    ),
    Change(
        "versioning suspended",
        bucket("put_bucket_versioning", VersioningConfiguration={"Status": "Suspended"}),
        {6: changed("versioning", "Enabled", "Suspended")},
    ),
    Change(
        "unencrypted connections",
        bucket("delete_bucket_policy"),
        {
            6: [
                f"policy: expected Deny s3:* on {what} to *, if Bool aws:SecureTransport "
                "false, found nothing"
                for what in (OBJECTS.removesuffix("/*"), OBJECTS)
            ]
        },
    ),
    Change("DNS names off", no_dns_names, {7: changed("enableDnsHostnames", "true", "false")}),
    Change("no way to S3", no_s3_endpoint, {7: changed("endpoints for S3", 1, 0)}),
    Change(
        "public addresses given",
        public_addresses,
        {8: ["public subnet 10.0.2.0/24: gives public addresses: expected false, found true"]},
    ),
    Change(
        "private subnet made public",
        default_route_of_private_to_internet,
        {
            8: [
                "private subnet 10.0.10.0/24: way out: expected NAT gateway, found igw-...",
            ]
        },
    ),
    Change(
        "rule removed",
        rule_removed,
        {9: ["rds-sg-local: inbound: expected tcp 5432: ecs-sg-local, found nothing"]},
    ),
    Change(
        "SSH from anywhere",
        rule_added("ingress", "ecs-sg-local", 22),
        {9: ["ecs-sg-local: inbound: expected nothing, found tcp 22: 0.0.0.0/0"]},
    ),
    Change(
        "another way out",
        rule_added("egress", "ecs-sg-local", 80),
        {9: ["ecs-sg-local: outbound: expected nothing, found tcp 80: 0.0.0.0/0"]},
    ),
    Change(
        "HTTP listener deleted", listener_deleted(80), {10: changed("listener", 80, "nothing")}
    ),
    Change(
        "HTTPS listener deleted",
        listener_deleted(443),
        {
            10: changed("listener", 443, "nothing"),
            22: changed("attached to the HTTPS listener", "true", "false"),
        },
        leaves_the_rest=False,
    ),
    Change(
        "old TLS",
        listener_modified(443, SslPolicy="ELBSecurityPolicy-2016-08"),
        {
            10: changed(
                "TLS policy of 443",
                "ELBSecurityPolicy-TLS13-1-2-2021-06",
                "ELBSecurityPolicy-2016-08",
            )
        },
    ),
    Change(
        "short websockets",
        balancer_attribute("idle_timeout.timeout_seconds", "60"),
        {10: changed("idle_timeout.timeout_seconds", 300, 60)},
    ),
    Change(
        "load balancer deleted",
        balancer_deleted,
        {
            10: gone("liberty-social-alb-local"),
            21: [
                "alias of: expected the address of liberty-social-alb-local, found liberty..."
            ],
            22: changed("attached to the HTTPS listener", "true", "false"),
        },
        frozenset({7}),
    ),
    Change(
        "health check elsewhere",
        health_check,
        {11: changed("health check path", "/api/health/", "/")},
    ),
    Change("slow drain", drain, {11: changed("deregistration delay (s)", 60, 300)}),
    Change("scan on push off", scan, {12: changed("scan on push", "true", "false")}),
    Change(
        "images kept for ever",
        lambda aws: aws("ecr").delete_lifecycle_policy(repositoryName=REPOSITORY),
        {12: changed("untagged images that stay", 30, "nothing")},
    ),
    Change(
        "repository deleted",
        lambda aws: aws("ecr").delete_repository(repositoryName=REPOSITORY, force=True),
        {12: gone(REPOSITORY)},
        frozenset({1}),
    ),
    Change(
        "secret deleted",
        secret_deleted("SECRET_KEY", ForceDeleteWithoutRecovery=True),
        {13: gone("liberty-social/SECRET_KEY-local")},
        frozenset({9}),
    ),
    Change(
        "database password deleted",
        secret_deleted("DB_PASSWORD", ForceDeleteWithoutRecovery=True),
        {
            4: changed("password in", "liberty-social/DB_PASSWORD-local", "nothing"),
            14: gone("liberty-social/DB_PASSWORD-local"),
        },
        frozenset({9}),
    ),
    *(
        Change(
            f"{name} deleted",
            secret_deleted(name, ForceDeleteWithoutRecovery=True),
            {number: gone(f"liberty-social/{name}-local")},
            frozenset({9}),
        )
        for number, name in ((15, "AWS_ACCESS_KEY_ID"), (16, "AWS_SECRET_ACCESS_KEY"))
    ),
    Change(
        "secret about to be deleted",
        secret_deleted("DEFAULT_FROM_EMAIL", RecoveryWindowInDays=7),
        {
            17: [
                "deleted: expected nothing, found 20...",
                "has a value: expected true, found false",
            ]
        },
        frozenset({9}),
    ),
    Change(
        "one action more",
        role_policy(EXECUTION, "SecretsManagerAccess", more_actions),
        {
            18: [
                "SecretsManagerAccess: expected nothing, found Allow "
                f"secretsmanager:PutSecretValue on liberty-social/{name}-local"
                for name in (
                    "AWS_ACCESS_KEY_ID",
                    "AWS_SECRET_ACCESS_KEY",
                    "DB_PASSWORD",
                    "DEFAULT_FROM_EMAIL",
                    "SECRET_KEY",
                )
            ]
        },
    ),
    Change(
        "asked by anybody",
        lambda aws: aws("iam").update_assume_role_policy(
            RoleName=EXECUTION, PolicyDocument=TRUST_WITHOUT_CONDITIONS
        ),
        {
            18: [
                f"trust: expected {TRUST}, found nothing",
                f"trust: expected nothing, found {TRUST.partition(', ')[0]}",
            ]
        },
    ),
    Change(
        "managed policy detached",
        lambda aws: aws("iam").detach_role_policy(
            RoleName=EXECUTION,
            PolicyArn="arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy",
        ),
        {
            18: changed(
                "managed policy",
                "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy",
                "nothing",
            )
        },
    ),
    Change(
        "every bucket",
        role_policy(TASK, "S3Access", all_buckets),
        {
            19: [
                f"S3Access: expected {expected}, found {found}"
                for action in ("GetObject", "PutObject", "DeleteObject")
                for expected, found in (
                    (f"Allow s3:{action} on {OBJECTS}", "nothing"),
                    ("nothing", f"Allow s3:{action} on arn:aws:s3:::*"),
                )
            ]
        },
    ),
    Change(
        "another policy",
        lambda aws: aws("iam").put_role_policy(
            RoleName=TASK, PolicyName="Temporary", PolicyDocument=ANYTHING
        ),
        {19: changed("policy", "nothing", "Temporary")},
    ),
    Change(
        "logs for ever",
        lambda aws: aws("logs").delete_retention_policy(logGroupName=LOGS),
        {20: changed("retention (days)", 30, "nothing")},
    ),
    Change(
        "logs for two weeks",
        lambda aws: aws("logs").put_retention_policy(logGroupName=LOGS, retentionInDays=14),
        {20: changed("retention (days)", 30, 14)},
    ),
    Change(
        "log group deleted",
        lambda aws: aws("logs").delete_log_group(logGroupName=LOGS),
        {20: gone(LOGS)},
        frozenset({8}),
    ),
    Change("record removed", record("DELETE"), {21: gone("backend.liberty.example")}),
    Change(
        "health no longer asked for",
        record("UPSERT", EvaluateTargetHealth=False),
        {21: changed("evaluates target health", "true", "false")},
    ),
    Change(
        "another certificate",
        other_certificate,
        {22: changed("attached to the HTTPS listener", "true", "false")},
    ),
    Change(
        "alarm too late",
        alarm("liberty-backend-cpu-high", Threshold=95),
        {23: changed("threshold", 80, 95)},
    ),
    Change(
        "alarm that tells nobody",
        alarm("liberty-backend-cpu-high", AlarmActions=[]),
        {23: changed("action", TOPIC, "nothing")},
    ),
    Change(
        "alarm on another service",
        alarm(
            "liberty-backend-memory-high",
            Dimensions=[{"Name": "ClusterName", "Value": CLUSTER}],
        ),
        {24: changed("dimension", f"ServiceName {SERVICE}", "nothing")},
    ),
    Change(
        "alarm deleted",
        alarm_deleted("liberty-backend-memory-high"),
        {24: gone("liberty-backend-memory-high-local")},
    ),
    Change(
        "silence is an alarm",
        alarm("liberty-backend-task-failures", TreatMissingData="breaching"),
        {25: changed("missing data", "notBreaching", "breaching")},
    ),
    Change(
        "rule disabled",
        rule_disabled,
        {25: changed("state of the rule", "ENABLED", "DISABLED")},
    ),
    Change(
        "every event a failure",
        rule_of_everything,
        {25: ['pattern of the rule: expected {"source": ["aws.ecs"]...']},
        leaves_the_rest=False,
    ),
    Change(
        "rule without its target",
        rule_without_target,
        {25: changed("rules that fill the log group", 1, 0)},
        leaves_the_rest=False,
    ),
    Change(
        "failures no longer counted",
        filter_deleted,
        {
            25: changed(
                "metric filter",
                "every event adds 1 to LibertySocial/Backend-local TaskFailures",
                "nothing",
            )
        },
    ),
    Change(
        "failures no longer kept",
        lambda aws: aws("logs").delete_log_group(logGroupName=FAILURES),
        {25: changed("log group of the failures", FAILURES, "nothing")},
        leaves_the_rest=False,
    ),
    Change(
        "nowhere to send alarms",
        lambda aws: aws("sns").delete_topic(TopicArn=TOPIC),
        {
            number: changed("topic", "liberty-social-alarms-local", "nothing")
            for number in (23, 24, 25)
        },
    ),
]


def apart(one, other):
    """Whether two changes would be taken for each other, or one would hide the other."""
    rows = one.wrong.keys() & other.wrong.keys()
    facts = (
        {fact.partition(": expected")[0] for r in rows for fact in c.wrong[r]}
        for c in (one, other)
    )
    return bool(rows) and (one.hides or other.hides or bool(set.intersection(*facts)))


def rounds():
    """Put changes together that have nothing to do with each other.

    Deploying and verifying anew for each would take a minute.
    """
    packed = []
    for change in CHANGES:
        for together in packed:
            if not any(apart(change, other) for other in together):
                together.append(change)
                break
        else:
            packed.append([change])
    return packed


ROUNDS = rounds()


@pytest.fixture(scope="module")
def round_of(deployed):
    """Return the report after a round of changes, made once."""
    made = {}

    def of(number):
        if number not in made:
            environment = deployed.still("local")
            deployed.untouched = None  # from here on, it isn't
            for change in ROUNDS[number]:
                change.do(deployed.client)
            made[number] = verify(environment, deployed.client)
        return made[number]

    return of


def is_said(expected, facts):
    if expected.endswith("..."):
        return any(fact.startswith(expected.removesuffix("...")) for fact in facts)
    return expected in facts


@pytest.mark.parametrize(
    ("number", "change"),
    [
        pytest.param(number, change, id=change.name)
        for number, changes in enumerate(ROUNDS)
        for change in changes
    ],
)
def test_what_was_changed_by_hand_is_named(round_of, number, change):
    found = wrong(round_of(number))
    for row, facts in change.wrong.items():
        assert all(is_said(fact, found.get(row, [])) for fact in facts), found.get(row)
    assert change.checks <= failed_checks(round_of(number))


@pytest.mark.parametrize("number", range(len(ROUNDS)))
def test_nothing_else_is_said_to_be_wrong(round_of, number):
    found = round_of(number)
    said = {row: len(facts) for row, facts in wrong(found).items()}
    assert said == Counter(
        row for change in ROUNDS[number] for row, facts in change.wrong.items() for _ in facts
    )
    assert failed_checks(found) == {n for change in ROUNDS[number] for n in change.checks}
    assert not found.ok


def test_a_change_of_every_row_is_tried():
    assert {row for change in CHANGES for row in change.wrong} >= {
        *range(1, 15),
        *range(17, 26),
    }
