"""What is lost, refused, interrupted and operated otherwise."""

import json

import pytest
from versions import nested, nothing, part, resource, told, version

from liberty_cfn.review.findings import Kind
from liberty_cfn.review.reviewing import review

ANYBODY = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
SAFE = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}


def one(kind, properties=None, **attributes):
    return {"It": resource(kind, properties, **attributes)}


def kinds(before, after):
    return {finding.kind for finding in part(before, after).findings}


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("RDS::DBInstance", {"DBName": "a"}, {"DBName": "b"}),
        ("S3::Bucket", {"BucketName": "a"}, {"BucketName": "b"}),
        ("Logs::LogGroup", {"LogGroupName": "a"}, {"LogGroupName": "b"}),
        ("SecretsManager::Secret", {"Name": "a"}, {"Name": "b"}),
        ("ECR::Repository", {"RepositoryName": "a"}, {"RepositoryName": "b"}),
        ("ElastiCache::CacheCluster", {"Port": 1}, {"Port": 2}),
        ("Route53::HostedZone", {"Name": "a."}, {"Name": "b."}),
    ],
)
def test_replacing_what_holds_data_loses_it(kind, before, after):
    (text,) = told(one(kind, before), one(kind, after), Kind.LOSS)
    assert "replaced by " in text
    assert "nothing of it remains" in text
    (kept,) = told(one(kind, before), one(kind, after, **SAFE), Kind.LOSS)
    assert "the old one remains, no longer managed" in kept


def test_removing_what_holds_data_says_what_its_policy_leaves():
    bucket = one("S3::Bucket")
    (text,) = told(
        {**bucket, "Topic": resource("SNS::Topic")},
        {"Topic": resource("SNS::Topic")},
        Kind.LOSS,
    )
    assert "removed" in text
    assert "nothing of it remains" in text


def test_a_database_without_a_policy_leaves_a_snapshot_when_it_is_removed():
    topic = {"Topic": resource("SNS::Topic")}
    (text,) = told({**one("RDS::DBInstance"), **topic}, topic, Kind.LOSS)
    assert "a snapshot of it remains" in text


def test_replacing_what_holds_no_data_loses_nothing():
    before, after = ({"CidrBlock": f"10.{n}.0.0/16"} for n in (0, 1))
    assert Kind.LOSS not in kinds(one("EC2::VPC", before), one("EC2::VPC", after))


def _encrypted(algorithm):
    by_default = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}}
    return {"BucketEncryption": {"ServerSideEncryptionConfiguration": [by_default]}}


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("RDS::DBInstance", {"DeletionProtection": True}, {"DeletionProtection": "false"}),
        ("RDS::DBInstance", {"DeletionProtection": True}, {}),
        ("RDS::DBInstance", {"BackupRetentionPeriod": 30}, {"BackupRetentionPeriod": 7}),
        ("RDS::DBInstance", {"MultiAZ": True}, {"MultiAZ": False}),
        ("Logs::LogGroup", {"RetentionInDays": 90}, {"RetentionInDays": 30}),
        ("Logs::LogGroup", {}, {"RetentionInDays": 30}),
        ("KMS::Key", {"EnableKeyRotation": True}, {"EnableKeyRotation": False}),
        ("ECR::Repository", {"ImageTagMutability": "IMMUTABLE"}, {}),
        ("SNS::Topic", {"KmsMasterKeyId": "alias/a"}, {}),
        ("Events::Rule", {}, {"State": "DISABLED"}),
        ("CloudTrail::Trail", {"IsLogging": True}, {"IsLogging": False}),
        ("RDS::DBInstance", {}, {"AutoMinorVersionUpgrade": False}),
        (
            "ECS::Service",
            {"DeploymentConfiguration": {"DeploymentCircuitBreaker": {"Enable": True}}},
            {"DeploymentConfiguration": {"DeploymentCircuitBreaker": {"Enable": False}}},
        ),
        (
            "ECS::Cluster",
            {"ClusterSettings": [{"Name": "containerInsights", "Value": "enabled"}]},
            {"ClusterSettings": [{"Name": "containerInsights", "Value": "disabled"}]},
        ),
        (
            "S3::Bucket",
            {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}},
            {"OwnershipControls": {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}},
        ),
        (
            "ElasticLoadBalancingV2::Listener",
            {
                "Protocol": "HTTP",
                "DefaultActions": [
                    {"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS"}}
                ],
            },
            {
                "Protocol": "HTTP",
                "DefaultActions": [{"Type": "forward", "TargetGroupArn": "arn"}],
            },
        ),
        ("EFS::FileSystem", {"BackupPolicy": {"Status": "ENABLED"}}, {}),
        ("EFS::FileSystem", {"Encrypted": True}, {}),
        ("RDS::DBInstance", {"StorageEncrypted": True}, {"StorageEncrypted": "false"}),
        (
            "RDS::DBInstance",
            {"DBName": "a", "DeletionProtection": True},
            {"DBName": "b", "DeletionProtection": False},
        ),
        (
            "RDS::DBInstance",
            {"EnableCloudwatchLogsExports": ["upgrade", "postgresql"]},
            {"EnableCloudwatchLogsExports": ["upgrade"]},
        ),
        ("ElastiCache::ReplicationGroup", {"AtRestEncryptionEnabled": True}, {}),
        ("ECR::Repository", {"EncryptionConfiguration": {"EncryptionType": "KMS"}}, {}),
        ("Kinesis::Stream", {"RetentionPeriodHours": 48}, {"RetentionPeriodHours": 24}),
        ("KMS::Key", {}, {"Enabled": False}),
        ("SQS::Queue", {}, {"SqsManagedSseEnabled": False}),
        ("EC2::Instance", {"MetadataOptions": {"HttpTokens": "required"}}, {}),
        ("CloudWatch::Alarm", {"AlarmActions": ["a", "b"]}, {"AlarmActions": []}),
        ("CloudWatch::Alarm", {"AlarmActions": ["a"]}, {}),
        ("CloudWatch::Alarm", {}, {"ActionsEnabled": False}),
        *(
            (
                "ECS::TaskDefinition",
                {"ContainerDefinitions": [{"Name": "web", **before}]},
                {"ContainerDefinitions": [{"Name": "web", **after}]},
            )
            for before, after in (
                ({"User": "1000:1000"}, {"User": "0:0"}),
                ({"User": "1000"}, {}),
                ({}, {"Privileged": True}),
                ({"ReadonlyRootFilesystem": True}, {"ReadonlyRootFilesystem": False}),
            )
        ),
        *(
            ("S3::Bucket", *(_encrypted(algorithm) for algorithm in pair))
            for pair in (("aws:kms", "AES256"), ("aws:kms:dsse", "aws:kms"))
        ),
        (
            "ElasticLoadBalancingV2::Listener",
            {"SslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06"},
            {"SslPolicy": "ELBSecurityPolicy-2016-08"},
        ),
        (
            "S3::Bucket",
            {"VersioningConfiguration": {"Status": "Enabled"}},
            {"VersioningConfiguration": {"Status": "Suspended"}},
        ),
        (
            "S3::Bucket",
            {"LifecycleConfiguration": {"Rules": [{"Id": "a"}]}},
            {"LifecycleConfiguration": {"Rules": [{"Id": "a", "ExpirationInDays": 9}]}},
        ),
        ("S3::Bucket", {}, {"LifecycleConfiguration": {"Rules": [{"ExpirationInDays": 9}]}}),
        (
            "ElasticLoadBalancingV2::LoadBalancer",
            {
                "LoadBalancerAttributes": [
                    {"Key": "deletion_protection.enabled", "Value": "true"},
                    {"Key": "idle_timeout.timeout_seconds", "Value": "60"},
                ]
            },
            {
                "LoadBalancerAttributes": [
                    {"Key": "deletion_protection.enabled", "Value": "false"},
                    {"Key": "idle_timeout.timeout_seconds", "Value": "60"},
                ]
            },
        ),
    ],
)
def test_a_protection_that_weakens_is_told_and_one_that_strengthens_is_not(kind, before, after):
    assert told(one(kind, before), one(kind, after), Kind.WEAKENED)
    assert not told(one(kind, after), one(kind, before), Kind.WEAKENED)


def test_another_rule_of_which_images_are_kept_is_told_however_it_is_written():
    def keeping(days):
        policy = {"rules": [{"rulePriority": 1, "selection": {"countNumber": days}}]}
        text = json.dumps(policy)
        return one("ECR::Repository", {"LifecyclePolicy": {"LifecyclePolicyText": text}})

    (text,) = told(keeping(14), keeping(1), Kind.WEAKENED)
    assert "14 → 1: images may be deleted by another rule" in text


def test_a_deletion_policy_that_weakens_is_told():
    bucket, safe = one("S3::Bucket"), one("S3::Bucket", **SAFE)
    assert len(told(safe, bucket, Kind.WEAKENED)) == 2
    assert not told(bucket, safe, Kind.WEAKENED)


def test_what_is_deleted_only_if_its_creation_failed_is_as_safe_as_what_never_is():
    always, later = (
        one("S3::Bucket", **SAFE | {"DeletionPolicy": f"Retain{more}"})
        for more in ("", "ExceptOnCreate")
    )
    assert not told(always, later, Kind.WEAKENED)
    assert told(later, one("S3::Bucket", UpdateReplacePolicy="Retain"), Kind.WEAKENED)


def test_a_database_without_a_deletion_policy_is_kept_as_a_snapshot_all_the_same():
    database, kept = one("RDS::DBInstance"), one("RDS::DBInstance", DeletionPolicy="Snapshot")
    assert not told(kept, database)
    retained = one("RDS::DBInstance", DeletionPolicy="Retain")
    assert "DeletionPolicy Retain → Snapshot" in told(retained, database, Kind.WEAKENED)[0]


def test_editing_how_a_secret_is_generated_regenerates_it():
    def secret(**generated):
        properties = {"GenerateSecretString": generated} if generated else {"SecretString": "x"}
        return one("SecretsManager::Secret", properties)

    (text,) = told(secret(PasswordLength=32), secret(PasswordLength=40), Kind.SECRET)
    assert "regenerates the secret" in text
    assert not told(secret(PasswordLength=32), secret(), Kind.SECRET)


@pytest.mark.parametrize(
    ("kind", "name", "before", "after"),
    [
        ("EC2::SecurityGroup", {"GroupName": "a"}, "GroupDescription", ("x", "y")),
        ("ElasticLoadBalancingV2::LoadBalancer", {"Name": "a"}, "Type", ("x", "y")),
        ("RDS::DBInstance", {"DBInstanceIdentifier": "a"}, "DBName", ("x", "y")),
        ("IAM::Role", {"RoleName": "a"}, "Path", ("/x/", "/y/")),
    ],
)
def test_replacing_under_a_fixed_name_will_fail(kind, name, before, after):
    olds, news = ({**name, before: value} for value in after)
    (text,) = told(one(kind, olds), one(kind, news), Kind.FAILS)
    assert "the name is in use" in text
    renamed = news | {next(iter(name)): "b"}
    assert not told(one(kind, olds), one(kind, renamed), Kind.FAILS)
    unnamed = [{k: v for k, v in p.items() if k not in name} for p in (olds, news)]
    assert not told(one(kind, unnamed[0]), one(kind, unnamed[1]), Kind.FAILS)


def test_a_named_group_in_a_vpc_that_is_replaced_too_can_have_its_name():
    def groups(block):
        group = {"GroupName": "a", "VpcId": {"Ref": "Vpc"}}
        return {
            "Vpc": resource("EC2::VPC", {"CidrBlock": block}),
            "Group": resource("EC2::SecurityGroup", group),
        }

    assert not told(groups("10.0.0.0/16"), groups("10.1.0.0/16"), Kind.FAILS)


def test_a_named_resource_whose_logical_id_changes_will_fail():
    topic = resource("SNS::Topic", {"TopicName": "alarms"})
    (text,) = told({"Old": topic}, {"New": topic}, Kind.FAILS)
    assert "alarms" in text
    assert "logical id changed" in text
    unnamed = resource("SNS::Topic")
    assert not told({"Old": unnamed}, {"New": unnamed}, Kind.FAILS)


def test_a_route_by_another_logical_id_finds_its_place_taken_unless_the_table_is_new_too():
    def routes(title, block="10.0.0.0/16"):
        table = {"RouteTableId": {"Ref": "Table"}, "DestinationCidrBlock": "0.0.0.0/0"}
        return {
            "Vpc": resource("EC2::VPC", {"CidrBlock": block}),
            "Table": resource("EC2::RouteTable", {"VpcId": {"Ref": "Vpc"}}),
            title: resource("EC2::Route", table),
        }

    (text,) = told(routes("Old"), routes("New"), Kind.FAILS)
    assert "in use by Old, which goes only afterwards" in text
    assert not told(routes("Old"), routes("New", "10.1.0.0/16"), Kind.FAILS)


def test_what_stays_can_t_get_another_vpc_s_subnets():
    def network(block):
        subnet = {"VpcId": {"Ref": "Vpc"}, "CidrBlock": block}
        return {
            "Vpc": resource("EC2::VPC", {"CidrBlock": block}),
            "Subnet": resource("EC2::Subnet", subnet),
            "Group": resource("RDS::DBSubnetGroup", {"SubnetIds": [{"Ref": "Subnet"}]}),
        }

    (text,) = told(network("10.0.0.0/16"), network("10.1.0.0/16"), Kind.FAILS)
    assert "Group isn't replaced, but gets subnets of another VPC (Subnet)" in text


def test_a_subnet_made_anew_in_the_same_vpc_overlaps_the_old_one():
    def subnet(zone, block="10.0.1.0/24"):
        return one("EC2::Subnet", {"AvailabilityZone": zone, "CidrBlock": block})

    (text,) = told(subnet("a"), subnet("b"), Kind.FAILS)
    assert "10.0.1.0/24" in text
    assert not told(subnet("a"), subnet("b", "10.0.2.0/24"), Kind.FAILS)


def test_a_database_s_disk_can_t_shrink():
    small, large = (one("RDS::DBInstance", {"AllocatedStorage": n}) for n in ("20", 100))
    assert told(large, small, Kind.FAILS)
    assert not told(small, large, Kind.FAILS)


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("15.8", "15.6", "can't go back"),
        ("16", "15.9", "can't go back"),
        ("15", "16", "without AllowMajorVersionUpgrade"),
        ("15.8", "15", ""),
        ("15.8", "15.10", ""),
    ],
)
def test_an_engine_can_t_go_back_nor_to_another_major_version_unless_it_may(before, after, why):
    def database(version_, **more):
        return one("RDS::DBInstance", {"Engine": "postgres", "EngineVersion": version_, **more})

    texts = told(database(before), database(after), Kind.FAILS)
    assert [why in text for text in texts] == ([True] if why else [])
    allowed = database("16", AllowMajorVersionUpgrade=True)
    assert not told(database("15"), allowed, Kind.FAILS)


def listener(*actions):
    group = {"TargetGroupArn": {"Ref": "Group"}}
    return {
        "Group": resource("ElasticLoadBalancingV2::TargetGroup"),
        "Listener": resource(
            "ElasticLoadBalancingV2::Listener",
            {
                "DefaultActions": [
                    {"Type": a, **(group if a == "forward" else {})} for a in actions
                ]
            },
        ),
        "Service": resource("ECS::Service", {"LoadBalancers": [group]}),
    }


def test_a_listener_turned_from_forward_to_redirect_in_one_update_will_fail():
    (text,) = told(listener("forward"), listener("redirect"), Kind.FAILS)
    assert "Service behind it" in text
    assert not told(listener("redirect"), listener("forward"), Kind.FAILS)


def test_a_key_s_spec_that_changes_will_fail():
    rsa, symmetric = (
        one("KMS::Key", {"KeySpec": s}) for s in ("RSA_2048", "SYMMETRIC_DEFAULT")
    )
    assert told(symmetric, rsa, Kind.FAILS)
    assert not told(symmetric, rsa, Kind.LOSS)


def test_a_removed_output_that_is_still_used_will_fail():
    def stacks(outputs):
        given = {"Id": {"Fn::GetAtt": ["One", "Outputs.Id"]}}
        return version(
            root=nested(One={}, Two=given),
            one={"Resources": {"Vpc": resource("EC2::VPC")}, "Outputs": outputs},
            two={
                "Parameters": {"Id": {"Type": "String"}},
                "Resources": {
                    "Group": resource("EC2::SecurityGroup", {"VpcId": {"Ref": "Id"}})
                },
            },
        )

    texts = told(stacks({"Id": {"Value": {"Ref": "Vpc"}}}), stacks({}), Kind.FAILS)
    assert any("has no output Id" in text for text in texts)


def test_a_nested_stack_that_isn_t_there_or_doesn_t_take_what_it_is_given_will_fail():
    child = {"Resources": {"Vpc": resource("EC2::VPC")}}
    taking = {**child, "Parameters": {"Size": {"Type": "String", "Default": "a"}}}
    before = version(root=nested(A={"Size": "b"}), a=taking)
    (text,) = told(before, version(root=nested(A={"Size": "b"}), a=child), Kind.FAILS)
    assert "Resources.A gives Size, which templates/a.yaml doesn't take" in text
    (text,) = told(before, version(root=nested(A={"Size": "b"}, B={}), a=taking), Kind.FAILS)
    assert "Resources.B takes templates/b.yaml, which isn't there" in text


def test_an_export_that_is_gone_fails_should_anybody_import_it():
    def exporting(*names):
        outputs = {name: {"Value": "x", "Export": {"Name": name}} for name in names}
        return version(root={"Resources": {"Vpc": resource("EC2::VPC")}, "Outputs": outputs})

    (text,) = told(exporting("A", "B"), exporting("A"), Kind.FAILS)
    assert "no longer exported as B" in text
    assert not review(exporting("A"), exporting("A", "B")).parts


def test_an_output_that_the_whole_stack_no_longer_tells_is_told():
    def telling(*names):
        outputs = {name: {"Value": {"Ref": "It"}} for name in names}
        return version(root={"Resources": one("SNS::Topic"), "Outputs": outputs})

    (text,) = told(telling("Url", "Host"), telling("Url"), Kind.OPERATIONS)
    assert text == "the stack's output Host is gone: whoever reads it finds nothing"
    assert not review(telling("Url"), telling("Url", "Host")).parts


def test_more_than_cloudformation_takes_will_fail():
    few, many = ({f"Topic{n}": resource("SNS::Topic") for n in range(c)} for c in (1, 501))
    (text,) = told(few, many, Kind.FAILS)
    assert "501 Resources" in text


def with_parameter(**limits):
    return {
        "Parameters": {"Size": {"Type": "String", **limits}, "Given": {"Type": "String"}},
        "Resources": {"Topic": resource("SNS::Topic")},
    }


def test_a_parameter_that_an_environment_gives_no_value_will_fail_there():
    before = version(root=with_parameter(Default="a"), values={"dev": {"Given": "x"}})
    after = version(root=with_parameter(), values={"dev": {"Given": "x"}})
    (text,) = told(before, after, Kind.FAILS)
    assert "Size has no value" in text


def test_a_value_that_is_no_longer_allowed_will_fail():
    values = {"dev": {"Given": "x", "Size": "b"}}
    before = version(root=with_parameter(AllowedValues=["a", "b"]), values=values)
    after = version(root=with_parameter(AllowedValues=["a"]), values=values)
    (text,) = told(before, after, Kind.FAILS)
    assert "AllowedValues" in text


def test_a_default_that_is_no_longer_allowed_fails_where_it_counts():
    given = {"dev": {"Given": "x"}, "prod": {"Given": "x", "Size": "b"}}
    before, after = (
        version(root=with_parameter(Default="a", AllowedValues=allowed), values=given)
        for allowed in (["a", "b"], ["b"])
    )
    assert [one.environment for one in review(before, after).parts] == ["dev"]
    (text,) = told(before, after, Kind.FAILS)
    assert text.startswith("the parameter Size is a, which is not among its AllowedValues")


@pytest.mark.parametrize(
    ("kind", "name", "before", "after"),
    [
        ("RDS::DBInstance", "DBInstanceClass", "db.t3.micro", "db.t3.small"),
        ("RDS::DBInstance", "EngineVersion", "15", "16"),
        ("ElastiCache::CacheCluster", "CacheNodeType", "cache.t3.micro", "cache.t3.small"),
        ("RDS::DBCluster", "EngineVersion", "15.4", "16.1"),
        ("EC2::Instance", "InstanceType", "t3.micro", "t3.large"),
    ],
)
def test_an_interruption_is_told_where_aws_documents_it(kind, name, before, after):
    found = part(one(kind, {name: before}), one(kind, {name: after})).findings
    (stops,) = [finding for finding in found if finding.kind is Kind.INTERRUPTION]
    assert stops.source.startswith("https://docs.aws.amazon.com/")
    assert not part(one(kind, {name: before}), one(kind, {name: after})).changes[0].replaced


def test_a_listener_on_another_port_answers_nobody_on_the_one_before():
    before, after = (
        one("ElasticLoadBalancingV2::Listener", {"Port": port}) for port in (443, 8443)
    )
    (text,) = told(before, after, Kind.INTERRUPTION)
    assert text == "It: answers on port 8443: nobody is answered on 443 any more"


def test_an_address_that_is_given_back_is_told():
    vpc = {"Vpc": resource("EC2::VPC")}
    (text,) = told({**vpc, **one("EC2::EIP")}, vpc, Kind.INTERRUPTION)
    assert "the address is given back" in text


def test_what_scales_and_goes_is_told():
    kind = "ApplicationAutoScaling::ScalingPolicy"
    vpc = {"Vpc": resource("EC2::VPC")}
    (text,) = told({**vpc, **one(kind)}, vpc, Kind.OPERATIONS)
    assert text == "It is removed: nothing is scaled by what it aimed at any more"


def test_a_secret_that_now_stands_in_the_task_definition_is_told_and_not_what_it_is():
    def task(**given):
        return one("ECS::TaskDefinition", {"ContainerDefinitions": [{"Name": "web", **given}]})

    secret = task(Secrets=[{"Name": "DB_PASSWORD", "ValueFrom": "arn"}])
    plain, other = (
        task(Environment=[{"Name": "DB_PASSWORD", "Value": value}])
        for value in ("tiger", "lion")
    )
    (text,) = told(secret, plain, Kind.WEAKENED)
    assert text.startswith("It: DB_PASSWORD of web is no longer a secret")
    assert not told(plain, secret, Kind.WEAKENED)
    for olds, news in ((secret, plain), (plain, other)):
        said = repr([p for change in part(olds, news).changes for p in change.properties])
        assert "(hidden" in said
        assert "tiger" not in said
        assert "lion" not in said


def test_a_rule_with_several_changes_is_one_interruption():
    def group(**rule):
        rules = [{"IpProtocol": "tcp", "CidrIp": "10.0.0.0/8", **rule}]
        return one("EC2::SecurityGroup", {"SecurityGroupEgress": rules})

    before, after = group(FromPort=1, ToPort=1), group(FromPort=2, ToPort=2)
    (text,) = told(before, after, Kind.INTERRUPTION)
    assert text.startswith("It: SecurityGroupEgress changes")


def test_what_serves_people_and_goes_is_an_interruption_unless_it_moves():
    vpc = {"Vpc": resource("EC2::VPC")}
    record = resource("Route53::RecordSet", {"Name": "a.example", "Type": "A"})
    (text,) = told({**vpc, "It": record}, vpc, Kind.INTERRUPTION)
    assert text == "It is removed: its name no longer answers"
    here, there = {"Resources": {**vpc, "It": record}}, {"Resources": vpc}
    stacks = nested(A={}, B={})
    before, after = version(root=stacks, a=here, b=there), version(root=stacks, a=there, b=here)
    assert not told(before, after, Kind.INTERRUPTION)


def service(cpu=256, count=2, **properties):
    return {
        "Task": resource("ECS::TaskDefinition", {"Cpu": cpu, "Memory": 512}),
        "Service": resource(
            "ECS::Service",
            {"TaskDefinition": {"Ref": "Task"}, "DesiredCount": count, **properties},
        ),
    }


def test_a_new_revision_restarts_the_tasks_and_says_how_many():
    texts = told(service(), service(cpu=512), Kind.OPERATIONS)
    assert any("its tasks restart (2 tasks), as Task changes" in text for text in texts)
    assert any("Cpu 512 CPU units instead of 256" in text for text in texts)


def test_a_service_without_tasks_answers_nobody():
    (text,) = told(service(), service(count=0), Kind.INTERRUPTION)
    assert text == "Service: none of its tasks runs any more: nobody is answered"
    assert not told(service(), service(count=1), Kind.INTERRUPTION)


def attribute(name, value):
    return [{"Key": name, "Value": value}]


TARGETS, BALANCER = (
    "ElasticLoadBalancingV2::TargetGroup",
    "ElasticLoadBalancingV2::LoadBalancer",
)
DELAY, IDLE = "deregistration_delay.timeout_seconds", "idle_timeout.timeout_seconds"


@pytest.mark.parametrize(
    ("kind", "name", "before", "after", "text"),
    [
        (TARGETS, "HealthCheckPath", "/a", "/b", "HealthCheckPath /a → /b: targets that don't"),
        (TARGETS, "Matcher", {"HttpCode": "200"}, {"HttpCode": "204"}, "HttpCode 200 → 204: t"),
        (TARGETS, "TargetGroupAttributes", attribute(DELAY, 60), attribute(DELAY, 5), "60 → 5"),
        (BALANCER, "LoadBalancerAttributes", attribute(IDLE, 300), attribute(IDLE, 60), "→ 60"),
        ("RDS::DBInstance", "PreferredBackupWindow", "06:00-07:00", "03:00-04:00", "in UTC"),
        (
            "ECS::Service",
            "DeploymentConfiguration",
            {"MinimumHealthyPercent": 100},
            {"MinimumHealthyPercent": 50},
            "MinimumHealthyPercent 100 → 50: tasks that run during a deployment",
        ),
    ],
)
def test_what_those_on_duty_notice_is_told(kind, name, before, after, text):
    found = told(one(kind, {name: before}), one(kind, {name: after}), Kind.OPERATIONS)
    assert [each for each in found if text in each]


def test_another_number_of_tasks_restarts_none():
    texts = told(service(), service(count=5), Kind.OPERATIONS)
    assert texts == ["Service: tasks that a deployment starts with 2 → 5"]


def test_scaling_limits_are_told():
    few, many = (
        one("ApplicationAutoScaling::ScalableTarget", {"MaxCapacity": n}) for n in (4, 10)
    )
    assert told(few, many, Kind.OPERATIONS) == ["It: most tasks 4 → 10"]


def test_fewest_tasks_over_the_most_will_fail():
    def limits(fewest):
        ends = {"MinCapacity": fewest, "MaxCapacity": "10"}
        return one("ApplicationAutoScaling::ScalableTarget", ends)

    assert told(limits(2), limits(30), Kind.FAILS) == [
        "It: MinCapacity 30 is over MaxCapacity 10"
    ]
    assert not told(limits(2), limits(10), Kind.FAILS)


def test_alarms_that_go_come_or_move_are_told():
    def alarm(threshold):
        return one("CloudWatch::Alarm", {"MetricName": "CPU", "Threshold": threshold})

    vpc = {"Vpc": resource("EC2::VPC")}
    assert told(alarm(80), alarm(90), Kind.OPERATIONS) == ["It: Threshold 80 → 90"]
    assert "no longer watched" in told({**alarm(80), **vpc}, vpc, Kind.OPERATIONS)[0]
    assert "is new" in told(vpc, {**alarm(80), **vpc}, Kind.OPERATIONS)[0]


def test_an_alarm_that_tells_nobody_any_more_is_a_weakened_protection():
    loud, silent = (one("CloudWatch::Alarm", {"AlarmActions": a}) for a in (["x"], []))
    assert told(loud, silent, Kind.WEAKENED)


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("RDS::DBInstance", {}, {"PubliclyAccessible": True}),
        ("ElasticLoadBalancingV2::LoadBalancer", {"Scheme": "internal"}, {}),
        ("EC2::Subnet", {}, {"MapPublicIpOnLaunch": True}),
        ("ECS::Service", {}, {"EnableExecuteCommand": True}),
        (
            "S3::Bucket",
            {"PublicAccessBlockConfiguration": {"BlockPublicPolicy": True}},
            {"PublicAccessBlockConfiguration": {"BlockPublicPolicy": False}},
        ),
        (
            "S3::BucketPolicy",
            {"PolicyDocument": {"Statement": []}},
            {"PolicyDocument": {"Statement": [ANYBODY]}},
        ),
        (
            "IAM::Role",
            {"AssumeRolePolicyDocument": {"Statement": []}},
            {"AssumeRolePolicyDocument": {"Statement": [ANYBODY]}},
        ),
        (
            "ECR::Repository",
            {},
            {"RepositoryPolicyText": json.dumps({"Statement": [ANYBODY]})},
        ),
        ("Lambda::Permission", {"Principal": "s3.amazonaws.com"}, {"Principal": "*"}),
        ("Lambda::Url", {"AuthType": "AWS_IAM"}, {"AuthType": "NONE"}),
        ("ApiGateway::Method", {"AuthorizationType": "CUSTOM"}, {"AuthorizationType": "NONE"}),
        ("ApiGatewayV2::Route", {"AuthorizationType": "JWT"}, {}),
        (
            "EKS::Cluster",
            {"ResourcesVpcConfig": {"EndpointPublicAccess": False}},
            {"ResourcesVpcConfig": {}},
        ),
        (
            "OpenSearchService::Domain",
            {},
            {"AccessPolicies": {"Statement": [ANYBODY]}},
        ),
        ("S3::Bucket", {"AccessControl": "Private"}, {"AccessControl": "PublicRead"}),
        ("Redshift::Cluster", {}, {"PubliclyAccessible": True}),
    ],
)
def test_what_is_opened_to_the_public_is_told_and_closing_it_is_no_opening(kind, before, after):
    assert told(one(kind, before), one(kind, after), Kind.OPENS)
    assert not told(one(kind, after), one(kind, before), Kind.OPENS)
    assert told(one(kind, after), one(kind, before), Kind.CLOSES)


def test_a_condition_that_is_dropped_of_what_anybody_may_is_told():
    mine = {"StringEquals": {"aws:PrincipalOrgID": {"Ref": "AWS::StackId"}}}

    def policy(statement):
        return one("SQS::QueuePolicy", {"PolicyDocument": {"Statement": [statement]}})

    limited = policy({**ANYBODY, "Condition": mine})
    (text,) = told(limited, policy(ANYBODY), Kind.OPENS)
    assert text == "It: anybody may s3:GetObject, without a condition"
    (text,) = told(limited, policy(ANYBODY), Kind.CLOSES)
    assert text.endswith("if aws:PrincipalOrgID StringEquals ${AWS::StackId}")


def test_a_new_bucket_that_says_nothing_of_public_access_is_closed_by_s3():
    vpc = {"Vpc": resource("EC2::VPC")}
    blocks = {"PublicAccessBlockConfiguration": {"BlockPublicAcls": True}}
    assert not told(vpc, {**vpc, **one("S3::Bucket")}, Kind.OPENS)
    assert told(vpc, {**vpc, **one("S3::Bucket", blocks)}, Kind.OPENS)
    assert told(one("S3::Bucket", blocks), one("S3::Bucket"), Kind.OPENS)


@pytest.mark.parametrize(("blocks", "refused"), [("true", 1), ("false", 0)])
def test_a_public_policy_of_a_bucket_that_blocks_them_will_fail(blocks, refused):
    access = {"PublicAccessBlockConfiguration": {"BlockPublicPolicy": blocks}}
    policy = {"Bucket": {"Ref": "It"}, "PolicyDocument": {"Statement": [ANYBODY]}}
    bucket = one("S3::Bucket", access)
    with_policy = {**bucket, "Open": resource("S3::BucketPolicy", policy)}
    assert len(told(bucket, with_policy, Kind.FAILS)) == refused


def test_who_can_newly_reach_whom_is_told_from_the_whole_graph():
    def network(source):
        rule = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "CidrIp": source}
        return {
            "Vpc": resource("EC2::VPC", {"CidrBlock": "10.0.0.0/16"}),
            "Gateway": resource("EC2::InternetGateway"),
            "Attached": resource(
                "EC2::VPCGatewayAttachment",
                {"VpcId": {"Ref": "Vpc"}, "InternetGatewayId": {"Ref": "Gateway"}},
            ),
            "Subnet": resource(
                "EC2::Subnet", {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.0.0.0/24"}
            ),
            "Table": resource("EC2::RouteTable", {"VpcId": {"Ref": "Vpc"}}),
            "Default": resource(
                "EC2::Route",
                {
                    "RouteTableId": {"Ref": "Table"},
                    "DestinationCidrBlock": "0.0.0.0/0",
                    "GatewayId": {"Ref": "Gateway"},
                },
            ),
            "Routed": resource(
                "EC2::SubnetRouteTableAssociation",
                {"SubnetId": {"Ref": "Subnet"}, "RouteTableId": {"Ref": "Table"}},
            ),
            "Group": resource(
                "EC2::SecurityGroup",
                {"VpcId": {"Ref": "Vpc"}, "SecurityGroupIngress": [rule]},
            ),
            "Subnets": resource("RDS::DBSubnetGroup", {"SubnetIds": [{"Ref": "Subnet"}]}),
            "Db": resource(
                "RDS::DBInstance",
                {
                    "PubliclyAccessible": True,
                    "DBSubnetGroupName": {"Ref": "Subnets"},
                    "VPCSecurityGroups": [{"Fn::GetAtt": ["Group", "GroupId"]}],
                },
            ),
        }

    closed, open_ = network("10.0.0.0/16"), network("0.0.0.0/0")
    assert "the internet can newly reach Db, tcp 5432" in told(closed, open_, Kind.OPENS)
    assert any("can no longer reach Db" in text for text in told(open_, closed, Kind.CLOSES))


def test_what_a_group_lets_in_is_told_also_where_no_route_leads_from_there_as_yet():
    def network(*rules):
        tcp = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, **rule} for rule in rules]
        group = {"VpcId": {"Ref": "Vpc"}, "SecurityGroupIngress": tcp}
        subnet = {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.0.0.0/24"}
        return {
            "Vpc": resource("EC2::VPC", {"CidrBlock": "10.0.0.0/16"}),
            "Subnet": resource("EC2::Subnet", subnet),
            "Group": resource("EC2::SecurityGroup", group),
            "Machine": resource(
                "EC2::Instance",
                {"SubnetId": {"Ref": "Subnet"}, "SecurityGroupIds": [{"Ref": "Group"}]},
            ),
        }

    inside, outside = {"CidrIp": "10.0.0.0/16"}, {"CidrIp": "203.0.113.0/24"}
    (text,) = told(network(inside), network(inside, outside), Kind.OPENS)
    assert text.startswith("Group newly lets in 203.0.113.0/24, tcp 22; by the routes")
    assert not told(network(inside, outside), network(inside), Kind.OPENS)
    wider = network({"CidrIp": "0.0.0.0/0"}), network({"CidrIp": "0.0.0.0/0"}, outside)
    assert not told(*wider, Kind.OPENS)
    # Who reaches something is told as that, once.
    texts = told(network(outside), network(inside, outside), Kind.OPENS)
    assert "10.0.0.0/16 can newly reach Machine, tcp 22" in texts
    assert not any("lets in" in text for text in texts)


def test_another_origin_may_use_a_bucket_from_its_pages():
    def bucket(*origins):
        rules = [{"AllowedMethods": ["GET"], "AllowedOrigins": list(origins)}]
        return one("S3::Bucket", {"CorsConfiguration": {"CorsRules": rules}})

    (text,) = told(bucket("https://a"), bucket("https://b", "https://a"), Kind.OPENS)
    assert text == "It: pages of https://b may use it from a browser"
    assert not told(bucket("https://a", "https://b"), bucket("https://b"))


def test_an_endpoint_that_lets_only_some_pass_is_told_and_one_that_lets_all_is_weaker():
    all_pass, some = (
        one("EC2::VPCEndpoint", {"ServiceName": "s3", **policy})
        for policy in ({}, {"PolicyDocument": {"Statement": [ANYBODY]}})
    )
    (text,) = told(all_pass, some, Kind.OPERATIONS)
    assert text == "It: PolicyDocument changes: what it doesn't allow no longer passes"
    assert told(some, all_pass, Kind.WEAKENED)


def database(size):
    return one(
        "RDS::DBInstance",
        {"DBInstanceClass": size, "Engine": "postgres", "AllocatedStorage": 20},
    )


def test_the_bill_s_difference_is_an_estimate_with_its_date():
    (text,) = told(database("db.t3.micro"), database("db.t3.small"), Kind.COST)
    assert "+$13.14" in text  # 730 hours at 0.018 more
    assert "estimated at list prices of us-east-1, 2026-06" in text


def test_a_standby_costs_as_much_again():
    one_zone, two = (
        one(
            "RDS::DBInstance",
            {
                "DBInstanceClass": "db.t3.micro",
                "Engine": "postgres",
                "StorageType": "gp3",
                "AllocatedStorage": 20,
                "MultiAZ": standby,
            },
        )
        for standby in (False, True)
    )
    (text,) = told(one_zone, two, Kind.COST)
    assert "+$15.44" in text  # 730 hours at 0.018, and 20 GiB at 0.115


def test_a_price_that_isn_t_known_is_said_never_zero():
    (text,) = told(database("db.t3.micro"), database("db.x9.huge"), Kind.COST)
    assert "not known: It" in text


def test_more_tasks_cost_more():
    (text,) = told(service(count=2), service(count=4), Kind.COST)
    assert "+$18.02" in text  # two tasks of 0.25 vCPU and 0.5 GB


def test_a_service_whose_tasks_are_larger_costs_more_though_it_is_the_same_itself():
    (text,) = told(service(), service(cpu=512), Kind.COST)
    assert "Service +$" in text


def test_what_costs_the_same_says_nothing_of_cost():
    small, large = (one("EC2::VPC", {"Tags": [{"Key": "a", "Value": v}]}) for v in "ab")
    assert not told(small, large, Kind.COST)


def test_unknown_replacement_is_said():
    before, after = ({"It": {"Type": "Custom::Thing", "Properties": {"A": n}}} for n in (1, 2))
    (text,) = told(before, after, Kind.UNKNOWN)
    assert "its own handler decides" in text


def test_the_most_dangerous_is_told_first():
    before = {**database("db.t3.micro"), **service()}
    after = {**one("RDS::DBInstance", {"DBName": "x"}), **service(count=3)}
    found = [finding.kind for finding in part(before, after).findings]
    assert found == sorted(found, key=list(Kind).index)
    assert found[0] is Kind.LOSS


def test_a_level_to_fail_on_takes_what_it_names():
    def failing(before, after):
        found = review(version(before), version(after))
        levels = ("destructive", "replacement", "broadening", "any")
        return {level for level in levels if found.fails_on(level)}

    vpcs = [one("EC2::VPC", {"CidrBlock": f"10.{n}.0.0/16"}) for n in (0, 1)]
    public = one("RDS::DBInstance", {"PubliclyAccessible": True})
    assert failing(vpcs[0], vpcs[0]) == set()
    assert failing(*vpcs) == {"replacement", "any"}
    assert failing(one("RDS::DBInstance"), public) == {"broadening", "any"}
    vpc = {"Vpc": vpcs[0]["It"]}
    assert failing({**public, **vpc}, vpc) == {"destructive", "replacement", "any"}
    assert failing(service(), service(cpu=512)) == {"any"}
    assert nothing(service(), service())


def allowing(*actions, **more):
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*", **more}


def role(*statements, service="ecs-tasks.amazonaws.com", condition=None):
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    trust |= {"Condition": condition} if condition else {}
    policies = [{"PolicyName": "p", "PolicyDocument": {"Statement": list(statements)}}]
    properties = {"AssumeRolePolicyDocument": {"Statement": [trust]}, "Policies": policies}
    return one("IAM::Role", properties)


def test_what_a_role_may_do_newly_is_told_and_what_no_longer_is_taken_back():
    little, more = role(allowing("sns:Publish")), role(allowing("sns:Publish", "s3:GetObject"))
    assert told(little, more, Kind.GRANTS) == ["It may now s3:GetObject on everything"]
    assert told(more, little, Kind.REVOKES) == ["It may no longer s3:GetObject on everything"]
    assert not told(more, little, Kind.GRANTS)


def test_a_wildcard_is_told_with_how_many_actions_it_stands_for():
    (text,) = told(role(allowing("sns:Publish")), role(allowing("sns:*")), Kind.GRANTS)
    assert text.startswith("It may now sns:* (")
    assert "actions: " in text


def test_trust_in_another_service_and_a_dropped_condition_are_told():
    mine = {"StringEquals": {"aws:SourceAccount": "111111111111"}}
    ec2 = role(service="ec2.amazonaws.com")
    (text,) = told(role(), ec2, Kind.GRANTS)
    assert text == "service ec2.amazonaws.com may now assume It"
    (loosened,) = told(role(condition=mine), role(), Kind.GRANTS)
    assert "under fewer conditions" in loosened


def test_what_bounds_a_role_is_told_when_it_goes_comes_or_is_another():
    free, one_, two = (
        one("IAM::Role", {"PermissionsBoundary": arn} if arn else {"Path": "/"})
        for arn in ("", "arn:aws:iam::aws:policy/A", "arn:aws:iam::aws:policy/B")
    )
    assert told(one_, free, Kind.GRANTS) == [
        "It is no longer bounded by arn:aws:iam::aws:policy/A"
    ]
    assert told(free, one_, Kind.REVOKES)
    assert "instead of" in told(one_, two, Kind.UNKNOWN)[0]


def test_a_refusal_dropped_is_told_but_not_of_what_is_gone():
    vpc = {"Vpc": resource("EC2::VPC")}
    refusing = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}
    policy = {"Bucket": {"Ref": "Files"}, "PolicyDocument": {"Statement": [refusing]}}
    bucket = {"Files": resource("S3::Bucket"), **vpc}
    guarded = {**bucket, "Guard": resource("S3::BucketPolicy", policy)}
    assert "no longer refused s3:*" in told(guarded, bucket, Kind.GRANTS)[0]
    assert not told(guarded, vpc, Kind.GRANTS)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("EC2::FlowLog", "connections are no longer logged"),
        ("SNS::Subscription", "its endpoint is no longer told"),
        ("Events::Rule", "nothing is done any more"),
        ("SecretsManager::RotationSchedule", "no longer rotated"),
    ],
)
def test_what_only_watches_is_missed_when_it_goes(kind, why):
    vpc = {"Vpc": resource("EC2::VPC")}
    (text,) = told({**vpc, **one(kind)}, vpc, Kind.WEAKENED)
    assert why in text
