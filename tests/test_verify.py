import io
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError
from rich.console import Console

from liberty_cfn.environments import load
from liberty_cfn.verify import VerifyError, verify
from liberty_cfn.verify.document import as_json
from liberty_cfn.verify.markdown import as_markdown
from liberty_cfn.verify.table import as_table

pytest_plugins = ["deployed"]

ENVIRONMENTS = ["local", "dev", "staging", "prod"]
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
    "aws ec2 describe-security-groups --filters "
    "Name=group-name,Values=ecs-sg,rds-sg,elasticache-sg,alb-sg",
    "aws elbv2 describe-load-balancers --load-balancer-arns ARN",
    "aws logs describe-log-groups --log-group-name-prefix /ecs/",
    "aws secretsmanager list-secrets --filters Key=name,Values=liberty-social",
    "aws iam get-role --role-name ecsTaskExecutionRole",
    "aws iam get-role --role-name ecsTaskRole",
]


@pytest.fixture(scope="module")
def report(deployed):
    """Return the report on an environment as it was deployed, made once."""
    made = {}

    def of(name, **settings):
        key = json.dumps([name, settings])
        if key not in made:
            made[key] = verify(deployed.deploy(name, **settings), deployed.client)
        return made[key]

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


# Settings


def test_the_larger_settings_are_followed(report):
    found = report(
        "prod",
        CacheReplication="true",
        NatGatewayPerZone="true",
        ApplicationAccessKey="true",
        ExecuteCommand="true",
        EnvironmentFile="arn:aws:s3:::configuration/backend.env",
        RecordLabel="",
        UploadsExpireDays="30",
        FlowLog="false",
        BalancerAccessLogs="false",
        Image="sha256:" + "0" * 64,
    )
    assert wrong(found) == {}
    assert failed_checks(found) == set()
    facts = {row.number: [(f.what, f.found) for f in row.facts] for row in found.rows}
    assert ("secret", "AWS_ACCESS_KEY_ID from liberty-social/AWS_ACCESS_KEY_ID") in facts[3]
    assert ("nodes", 2) in facts[5] and ("TLS", True) in facts[5]
    assert ("NAT gateways", 2) in facts[7]
    assert "describe-replication-groups" in found.checks[2].commands[0]


def test_the_smaller_settings_are_followed(report):
    found = report(
        "staging",
        CacheReplication="true",
        CacheEngine="valkey",
        DesiredCount="0",
        SiteOrigins="https://a.example.com,https://b.example.com",
        ImageTagMutability="IMMUTABLE",
    )
    assert wrong(found) == {}
    facts = {row.number: [(f.what, f.found) for f in row.facts] for row in found.rows}
    assert ("desired count", 0) in facts[2]
    assert ("engine", "valkey") in facts[5]
    assert ("CORS origins", ["https://a.example.com", "https://b.example.com"]) in facts[6]


def test_what_the_account_has_already_is_used(deployed):
    deployed.reset()
    managed = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
    iam, acm = deployed.client("iam"), deployed.client("acm")
    iam.create_role(RoleName="ourTasks", AssumeRolePolicyDocument=TRUST_WITHOUT_CONDITIONS)
    iam.attach_role_policy(RoleName="ourTasks", PolicyArn=managed)
    certificate = acm.request_certificate(
        DomainName="liberty.example", SubjectAlternativeNames=["*.liberty.example"]
    )["CertificateArn"]
    mine = {"ExistingExecutionRole": "ourTasks", "CertificateArn": certificate}
    environment = deployed.deploy("local", empty=False, **mine)
    found = verify(environment, deployed.client)
    assert wrong(found) == {}
    things = {row.number: row.thing for row in found.rows}
    assert (things[18], things[22]) == ("ourTasks", certificate)

    # What else somebody's role may do is theirs to say, but not that it can't do this.
    iam.put_role_policy(RoleName="ourTasks", PolicyName="Other", PolicyDocument=ANYTHING)
    iam.delete_role_policy(RoleName="ourTasks", PolicyName="SecretsManagerAccess-local")
    assert wrong(verify(environment, deployed.client)) == {
        18: ["policy: expected SecretsManagerAccess-local, found nothing"]
    }


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


CLUSTER, SERVICE = "liberty-social-backend-local", "liberty-social-backend-service-local"
DATABASE, REDIS = "liberty-social-db-local", "liberty-social-redis-local"
UPLOADS, REPOSITORY = "liberty-social-uploads-local", "liberty-social-backend-local"
EXECUTION, TASK = "ecsTaskExecutionRole-local", "ecsTaskRole-local"
LOGS, FAILURES = (
    "/ecs/liberty-social-backend-local",
    "/aws/events/liberty-social-task-failures-local",
)
OBJECTS = f"arn:aws:s3:::{UPLOADS}/*"
TOPIC = "arn:aws:sns:us-east-1:000000000000:liberty-social-alarms-local"


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
    tcp = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432}
    tasks = [{"GroupId": group(aws, "ecs-sg-local")["GroupId"]}]
    aws("ec2").revoke_security_group_ingress(
        GroupId=group(aws, "rds-sg-local")["GroupId"],
        IpPermissions=[{**tcp, "UserIdGroupPairs": tasks}],
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
                "secret: expected DB_PASSWORD from liberty-social/DB_PASSWORD-local, found "
                "nothing",
            ]
        },
    ),
    Change(
        "secret by part of its ARN",
        redefine(partial_secret),
        {
            3: [
                "secret: expected SECRET_KEY from liberty-social/SECRET_KEY-local, found nothing"
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
                f"environment REDIS_URL: expected redis://the address of {REDIS}:6379/0, found "
                f"redis://{REDIS}..."
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
        {12: changed("untagged images expire after (days)", 14, "nothing")},
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
    ),
    Change(
        "rule without its target",
        rule_without_target,
        {25: changed("rules that fill the log group", 1, 0)},
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


def rounds():
    """Put changes that concern different rows together: each row still tells of one change.

    Deploying and verifying anew for each would take a minute.
    """
    packed = []
    for change in sorted(CHANGES, key=lambda c: -len(c.wrong)):
        for together in packed:
            if not any(change.wrong.keys() & other.wrong.keys() for other in together):
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
            environment = deployed.deploy("local")
            for change in ROUNDS[number]:
                change.do(deployed.client)
            made[number] = verify(environment, deployed.client)
        return made[number]

    return of


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
        assert len(found.get(row, [])) == len(facts), found
        for expected, fact in zip(sorted(facts), sorted(found[row]), strict=True):
            assert fact == expected or (
                expected.endswith("...") and fact.startswith(expected[:-3])
            )
    assert change.checks <= failed_checks(round_of(number))


@pytest.mark.parametrize("number", range(len(ROUNDS)))
def test_nothing_else_is_said_to_be_wrong(round_of, number):
    found = round_of(number)
    assert set(wrong(found)) == {row for change in ROUNDS[number] for row in change.wrong}
    assert failed_checks(found) == {n for change in ROUNDS[number] for n in change.checks}
    assert not found.ok


def test_a_change_of_every_row_is_tried():
    assert {row for change in CHANGES for row in change.wrong} >= {
        *range(1, 15),
        *range(17, 26),
    }
