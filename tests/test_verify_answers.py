"""What verify says of answers that the local AWS can't be made to give."""

import json
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from deployed import Deployed
from verifying import PASSWORD, TOPIC, Told, allow, first, handling, not_ok, policy_document

from liberty_cfn.verify import (
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
)
from liberty_cfn.verify.policies import grants
from liberty_cfn.verify.reading import Aws
from liberty_cfn.verify.rows import resources


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
    other = allow("sts:AssumeRole", Principal={"AWS": STRANGER})
    parsed["Role"]["AssumeRolePolicyDocument"]["Statement"].append(other)


def nothing_granted(parsed):
    parsed["PolicyDocument"] = policy_document()


def dualstack(parsed):
    alias = parsed["ResourceRecordSets"][0]["AliasTarget"]
    alias["DNSName"] = f"dualstack.{alias['DNSName']}"


IAM = "arn:aws:iam::000000000000"
STRANGER = "arn:aws:iam::111111111111:root"
READ = "secretsmanager:GetSecretValue"
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


# Of the alarms on CPU and on memory alike.
OF_A_LOAD_ALARM = (
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
)
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
        *OF_A_LOAD_ALARM,
        (
            first("MetricAlarms", MetricName="CPUReservation"),
            "metric: expected CPUUtilization, found CPUReservation",
        ),
    ),
    *edited(
        monitoring.memory_high,
        "describe_alarms",
        *OF_A_LOAD_ALARM,
        (
            first("MetricAlarms", MetricName="CPUUtilization"),
            "metric: expected MemoryUtilization, found CPUUtilization",
        ),
        (first("MetricAlarms", Threshold=99.5), "threshold: expected 80, found 99.5"),
        (
            first("MetricAlarms", AlarmActions=["a"]),
            f"action: expected {TOPIC}, found a",
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
    (
        compute.service,
        "describe_services",
        first("services", runningCount=0),
        "running tasks: expected 1 or more, found 0",
    ),
]


@pytest.mark.parametrize(("row", "operation", "edit", "fact"), ANSWERS)
def test_a_value_that_is_not_the_specs_is_named(local, row, operation, edit, fact):
    assert fact in not_ok(row(Told(local, operation, edit)))


def test_whose_image_is_known_by_its_digest_has_to_run_that(local):
    """Somebody may have set the service back to another version by hand."""
    digest = "sha256:" + "0" * 64
    registry = "000000000000.dkr.ecr.us-east-1.amazonaws.com"
    pinned = Deployed.with_settings(local.environment, Image=digest)

    def wrong(runs):
        image = f"{registry}/liberty-social-backend-local{runs}"
        edit = first(*CONTAINER, image=image)
        told = Told(local, "describe_task_definition", edit, pinned)
        return not_ok(compute.task_definition(told))

    assert wrong(f"@{digest}") == []
    assert wrong("@sha256:1") == [f"image: expected {digest}, found sha256:1"]
    assert wrong(":latest") == [f"image: expected {digest}, found nothing"]


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

    with handling(deployed, "before-call", "iam", "ListRolePolicies", page):
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
            allowed = allow(actions, Resource=[bucket, f"{bucket}/*"])
            answer["PolicyDocument"] = policy_document(allowed)

    assert not_ok(identity.task_role(Told(local, "get_role_policy", as_specified))) == []
