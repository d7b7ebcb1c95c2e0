"""What verify says of an environment that was changed by hand, row by row."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from verifying import (
    ANYTHING,
    KEY,
    PASSWORD,
    REPOSITORY,
    TOPIC,
    TRUST_WITHOUT_CONDITIONS,
    UPLOADS,
    failed_checks,
    wrong,
)

from liberty_cfn.verify import (
    verify,
)


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
EXECUTION, TASK = "ecsTaskExecutionRole-local", "ecsTaskRole-local"
LOGS, FAILURES = (
    "/ecs/liberty-social-backend-local",
    "/aws/events/liberty-social-task-failures-local",
)
OBJECTS = f"arn:aws:s3:::{UPLOADS}/*"
TRUST = (
    "Allow sts:AssumeRole to Service ecs-tasks.amazonaws.com, if ArnLike aws:SourceArn "
    "arn:aws:ecs:us-east-1:000000000000:* and StringEquals aws:SourceAccount 000000000000"
)


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
