"""Resources that ministack alone lacks, or describes otherwise than AWS."""

import pytest
from local_stacks import delete, deploy, events, get, outputs, physical, ref, resource, template

NETWORK = {
    "Vpc": resource("EC2::VPC", {"CidrBlock": "10.0.0.0/16"}),
    "Subnet": resource(
        "EC2::Subnet",
        {"VpcId": ref("Vpc"), "CidrBlock": "10.0.1.0/24", "AvailabilityZone": "us-east-1b"},
    ),
    "Group": resource("EC2::SecurityGroup", {"GroupDescription": "One.", "VpcId": ref("Vpc")}),
}
ROLE = {
    "AssumeRolePolicyDocument": {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "ecs-tasks.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
}
CACHE = {"CacheNodeType": "cache.t3.micro", "Engine": "redis"}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}],
}
SERVICE = {
    "Cluster": resource("ECS::Cluster", {"ClusterName": "cluster"}),
    "Task": resource(
        "ECS::TaskDefinition",
        {
            "Family": "task",
            "ContainerDefinitions": [
                {
                    "Name": "web",
                    "Image": "web",
                    "Secrets": [{"Name": "KEY", "ValueFrom": "arn"}],
                    "LinuxParameters": {"InitProcessEnabled": True},
                    "LogConfiguration": {"LogDriver": "awslogs", "Options": {"some-Key": "x"}},
                }
            ],
        },
    ),
    "Service": resource(
        "ECS::Service",
        {
            "ServiceName": "service",
            "Cluster": ref("Cluster"),
            "TaskDefinition": ref("Task"),
            "DesiredCount": ref("Count"),
            "EnableExecuteCommand": {"Fn::Sub": "true"},
        },
    ),
    "Target": resource(
        "ApplicationAutoScaling::ScalableTarget",
        {
            "ServiceNamespace": "ecs",
            "ScalableDimension": "ecs:service:DesiredCount",
            "ResourceId": {"Fn::Sub": "service/${Cluster}/${Service.Name}"},
            "MinCapacity": ref("Count"),
            "MaxCapacity": 10,
        },
    ),
    "Policy": resource(
        "ApplicationAutoScaling::ScalingPolicy",
        {
            "PolicyName": "cpu",
            "PolicyType": "TargetTrackingScaling",
            "ScalingTargetId": ref("Target"),
            "TargetTrackingScalingPolicyConfiguration": {
                "TargetValue": {"Fn::Sub": "6${Count}"},
                "PredefinedMetricSpecification": {
                    "PredefinedMetricType": "ECSServiceAverageCPUUtilization"
                },
            },
        },
    ),
}
COUNT = {"Count": {"Type": "Number", "Default": 2}}


def made(aws, resources, outputs=(), parameters=()):
    root = deploy(aws, template(resources, outputs, parameters))
    assert root["StackStatus"].endswith(("CREATE_COMPLETE", "UPDATE_COMPLETE")), events(aws)
    return root


def gateway():
    attach = {"VpcId": ref("Vpc"), "InternetGatewayId": ref("Internet")}
    return NETWORK | {
        "Internet": resource("EC2::InternetGateway"),
        "Attach": resource("EC2::VPCGatewayAttachment", attach),
        "Address": resource("EC2::EIP", {"Domain": "vpc"}),
        "Nat": resource(
            "EC2::NatGateway",
            {"AllocationId": get("Address", "AllocationId"), "SubnetId": ref("Subnet")},
        ),
    }


def test_a_nat_gateway_and_its_address_come_and_go_with_their_stack(aws):
    root = made(aws, gateway(), {"Ip": get("Address", "PublicIp"), "Ref": ref("Address")})
    [nat] = aws.client("ec2").describe_nat_gateways()["NatGateways"]
    [address] = aws.client("ec2").describe_addresses()["Addresses"]
    assert (nat["State"], nat["SubnetId"]) == ("available", physical(aws, "Subnet"))
    assert set(outputs(root).values()) == {address["PublicIp"]}
    delete(aws)
    assert not aws.client("ec2").describe_addresses()["Addresses"]
    [nat] = aws.client("ec2").describe_nat_gateways()["NatGateways"]
    assert nat["State"] == "deleted"


def test_a_flow_log_says_where_it_writes(aws):
    log = {
        "ResourceId": ref("Vpc"),
        "ResourceType": "VPC",
        "TrafficType": "REJECT",
        "LogGroupName": "flows",
        "DeliverLogsPermissionArn": get("Role", "Arn"),
        "Tags": [{"Key": "Name", "Value": "flows"}],
    }
    resources = {"Role": resource("IAM::Role", ROLE), "Log": resource("EC2::FlowLog", log)}
    made(aws, NETWORK | resources)
    [found] = aws.client("ec2").describe_flow_logs()["FlowLogs"]
    assert found["LogDestination"] == "flows"
    assert found["TrafficType"] == "REJECT"
    assert {"Key": "Name", "Value": "flows"} in found["Tags"]
    delete(aws)
    assert not aws.client("ec2").describe_flow_logs()["FlowLogs"]


@pytest.mark.parametrize(
    ("way", "end", "listed"),
    [
        ("Ingress", "SourceSecurityGroupId", "IpPermissions"),
        ("Egress", "DestinationSecurityGroupId", "IpPermissionsEgress"),
    ],
)
def test_a_rule_of_its_own_is_one_of_its_groups(aws, way, end, listed):
    group = get("Group", "GroupId")
    rule = {"GroupId": group, end: group, "IpProtocol": "tcp", "FromPort": 80, "ToPort": 81}
    kind = f"EC2::SecurityGroup{way}"
    made(aws, NETWORK | {"Rule": resource(kind, rule | {"Description": "Itself."})})
    ec2, group_id = aws.client("ec2"), physical(aws, "Group")

    def rules():
        by_group = [{"Name": "group-id", "Values": [group_id]}]
        found = ec2.describe_security_group_rules(Filters=by_group)["SecurityGroupRules"]
        return [r for r in found if r.get("Description") == "Itself."]

    [found] = rules()
    assert (found["FromPort"], found["ToPort"], found["IsEgress"]) == (80, 81, way == "Egress")
    assert found["ReferencedGroupInfo"]["GroupId"] == group_id
    assert found["SecurityGroupRuleId"] == physical(aws, "Rule")
    [whole] = ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"]
    assert [p for p in whole[listed] if p.get("FromPort") == 80]
    made(aws, NETWORK)
    assert not rules()


def test_scaling_targets_and_policies_are_described(aws):
    made(aws, SERVICE, parameters=COUNT)
    scaling = aws.client("application-autoscaling")
    [target] = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 10)
    assert target["ResourceId"] == "service/cluster/service"
    [policy] = scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 62
    elsewhere = scaling.describe_scaling_policies(
        ServiceNamespace="ecs", ResourceId="service/a/b"
    )
    assert not elsewhere["ScalingPolicies"]
    delete(aws)
    assert not scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    assert not scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]


def test_scaling_changes_in_place(aws):
    made(aws, SERVICE, parameters=COUNT)
    before = physical(aws, "Target"), physical(aws, "Policy")
    more = {"Count": {"Type": "Number", "Default": 3}}
    root = made(aws, SERVICE, {"Target": get("Target", "Id")}, more)
    assert outputs(root)["Target"] == before[0]
    scaling = aws.client("application-autoscaling")
    [target] = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    [policy] = scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
    assert target["MinCapacity"] == 3
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 63
    assert policy["PolicyARN"] == before[1]
    assert (physical(aws, "Target"), physical(aws, "Policy")) == before


def test_emptying_the_local_aws_forgets_scaling_too(aws):
    made(aws, SERVICE, parameters=COUNT)
    aws.reset()
    scaling = aws.client("application-autoscaling")
    assert not scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]


def test_a_service_is_described_as_it_was_asked_for(aws):
    made(aws, SERVICE, parameters=COUNT)
    found = aws.client("ecs").describe_services(cluster="cluster", services=["service"])
    [service] = found["services"]
    assert service["desiredCount"] == 2
    assert service["enableExecuteCommand"] is True


def test_a_task_definition_has_the_words_of_the_api(aws):
    made(aws, SERVICE, parameters=COUNT)
    task = aws.client("ecs").describe_task_definition(taskDefinition="task")["taskDefinition"]
    [container] = task["containerDefinitions"]
    assert container["secrets"] == [{"name": "KEY", "valueFrom": "arn"}]
    assert container["linuxParameters"] == {"initProcessEnabled": True}
    assert container["logConfiguration"]["options"] == {"some-Key": "x"}


def test_a_bucket_keeps_its_lifecycle_and_its_encryption(aws):
    rule = {
        "Id": "old",
        "Status": "Enabled",
        "ExpirationInDays": "30",
        "NoncurrentVersionExpiration": {"NoncurrentDays": 5},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    }
    kms = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/mine"}
    bucket = {
        "BucketName": "all",
        "LifecycleConfiguration": {"Rules": [rule]},
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": kms}]
        },
    }
    made(aws, {"Bucket": resource("S3::Bucket", bucket)})
    s3 = aws.client("s3")
    [found] = s3.get_bucket_lifecycle_configuration(Bucket="all")["Rules"]
    assert found["Expiration"] == {"Days": 30}
    assert found["NoncurrentVersionExpiration"] == {"NoncurrentDays": 5}
    assert found["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    encryption = s3.get_bucket_encryption(Bucket="all")["ServerSideEncryptionConfiguration"]
    assert encryption["Rules"][0]["ApplyServerSideEncryptionByDefault"] == kms
    made(aws, {"Bucket": resource("S3::Bucket", {"BucketName": "all"})})
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchLifecycle"):
        s3.get_bucket_lifecycle_configuration(Bucket="all")


def test_a_bucket_with_files_in_it_is_not_deleted(aws):
    made(aws, {"Bucket": resource("S3::Bucket", {"BucketName": "full"})})
    aws.client("s3").put_object(Bucket="full", Key="file", Body=b"")
    assert delete(aws)["StackStatus"] == "DELETE_FAILED"


def test_a_database_tells_its_iops(aws):
    database = {
        "DBInstanceClass": "db.t3.micro",
        "Engine": "postgres",
        "AllocatedStorage": 400,
        "Iops": 12000,
    }
    made(aws, {"Database": resource("RDS::DBInstance", database)})
    [found] = aws.client("rds").describe_db_instances()["DBInstances"]
    assert found["Iops"] == 12000


def test_a_database_that_is_replaced_leaves_the_snapshot_it_is_to(aws):
    def database(name):
        properties = {"DBInstanceClass": "db.t3.micro", "Engine": "postgres"}
        properties |= {"DBInstanceIdentifier": name, "AllocatedStorage": 20}
        return resource("RDS::DBInstance", properties, UpdateReplacePolicy="Snapshot")

    made(aws, {"Database": database("one")})
    made(aws, {"Database": database("two")})
    [snapshot] = aws.client("rds").describe_db_snapshots()["DBSnapshots"]
    assert snapshot["DBInstanceIdentifier"] == "one"


def test_a_protected_database_is_not_deleted(aws):
    database = {
        "DBInstanceClass": "db.t3.micro",
        "Engine": "postgres",
        "AllocatedStorage": 20,
        "DeletionProtection": True,
    }
    made(aws, {"Database": resource("RDS::DBInstance", database, DeletionPolicy="Delete")})
    assert delete(aws)["StackStatus"] == "DELETE_FAILED"
    [found] = aws.client("rds").describe_db_instances()["DBInstances"]
    aws.client("rds").modify_db_instance(
        DBInstanceIdentifier=found["DBInstanceIdentifier"],
        DeletionProtection=False,
        ApplyImmediately=True,
    )
    assert delete(aws)["StackStatus"] == "DELETE_COMPLETE"


@pytest.mark.parametrize(
    ("kind", "properties", "groups"),
    [
        ("CacheCluster", {"NumCacheNodes": 1}, "VpcSecurityGroupIds"),
        (
            "ReplicationGroup",
            {"NumCacheClusters": 2, "ReplicationGroupDescription": "Sessions."},
            "SecurityGroupIds",
        ),
    ],
)
def test_every_node_of_a_cache_has_its_groups_and_an_address_of_its_own(
    aws, kind, properties, groups
):
    properties = CACHE | properties | {groups: [get("Group", "GroupId")]}
    made(aws, NETWORK | {"Cache": resource(f"ElastiCache::{kind}", properties)})
    name, group = physical(aws, "Cache"), physical(aws, "Group")
    nodes = aws.client("elasticache").describe_cache_clusters(ShowCacheNodeInfo=True)
    for node in nodes["CacheClusters"]:
        assert [g["SecurityGroupId"] for g in node["SecurityGroups"]] == [group]
        assert node["CacheNodes"][0]["Endpoint"]["Address"].startswith(name)
    assert nodes["CacheClusters"]


def test_a_load_balancer_is_where_its_subnets_are(aws):
    balancer = {
        "Subnets": [ref("Subnet")],
        "LoadBalancerAttributes": [{"Key": "deletion_protection.enabled", "Value": "true"}],
    }
    kind = "ElasticLoadBalancingV2::LoadBalancer"
    made(aws, NETWORK | {"Balancer": resource(kind, balancer)})
    [found] = aws.client("elbv2").describe_load_balancers()["LoadBalancers"]
    assert found["VpcId"] == physical(aws, "Vpc")
    assert delete(aws)["StackStatus"] == "DELETE_FAILED"


def test_a_zone_gives_the_name_servers_it_has(aws):
    servers = {"Fn::Join": [",", get("Zone", "NameServers")]}
    root = made(
        aws, {"Zone": resource("Route53::HostedZone", {"Name": "a.com"})}, {"Ns": servers}
    )
    zone = aws.client("route53").get_hosted_zone(Id=physical(aws, "Zone"))
    told = [server.rstrip(".") for server in zone["DelegationSet"]["NameServers"]]
    assert sorted(outputs(root)["Ns"].split(",")) == sorted(told)


def test_an_access_key_comes_with_its_secret_and_goes_with_its_stack(aws):
    resources = {
        "User": resource("IAM::User"),
        "Key": resource("IAM::AccessKey", {"UserName": ref("User")}),
    }
    root = made(aws, resources, {"Secret": get("Key", "SecretAccessKey")})
    assert outputs(root)["Secret"]
    iam, user = aws.client("iam"), physical(aws, "User")
    [key] = iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
    assert key["AccessKeyId"] == physical(aws, "Key")
    made(aws, {"User": resource("IAM::User")})
    assert not iam.list_access_keys(UserName=user)["AccessKeyMetadata"]


DATABASE = {"DBInstanceClass": "db.t3.micro", "Engine": "postgres", "AllocatedStorage": "20"}


ALARM = {"MetricName": "one", "Namespace": "one", "Period": 60, "Statistic": "Sum"}
ALARM |= {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 1}
GROUP = {"GroupDescription": "One.", "VpcId": "vpc-1"}


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("S3::Bucket", {"BucketName": "one"}),
        ("SecretsManager::Secret", {"Name": "one"}),
        ("IAM::Role", ROLE | {"RoleName": "one"}),
        ("Logs::LogGroup", {"LogGroupName": "one"}),
        ("ECR::Repository", {"RepositoryName": "one"}),
        ("ElasticLoadBalancingV2::LoadBalancer", {"Name": "one"}),
        ("ElasticLoadBalancingV2::TargetGroup", {"Name": "one"}),
        ("RDS::DBInstance", DATABASE | {"DBInstanceIdentifier": "one"}),
        ("ElastiCache::CacheCluster", CACHE | {"ClusterName": "one", "NumCacheNodes": 1}),
        (
            "ElastiCache::ReplicationGroup",
            CACHE | {"ReplicationGroupId": "one", "ReplicationGroupDescription": "One."},
        ),
        ("ECS::Service", {"ServiceName": "one", "TaskDefinition": "one"}),
        ("ECS::Cluster", {"ClusterName": "one"}),
        ("EC2::SecurityGroup", GROUP | {"GroupName": "one"}),
        ("CloudWatch::Alarm", ALARM | {"AlarmName": "one", "EvaluationPeriods": 1}),
        ("CloudWatch::Dashboard", {"DashboardName": "one", "DashboardBody": "{}"}),
        ("SNS::Topic", {"TopicName": "one"}),
    ],
)
def test_a_name_in_use_is_refused(aws, kind, properties):
    aws.client("ecs").register_task_definition(
        family="one", containerDefinitions=[{"name": "a", "image": "b"}]
    )
    made(aws, {"First": resource(kind, properties)})
    again = deploy(aws, template({"Again": resource(kind, properties)}), name="again")
    assert again["StackStatus"] == "ROLLBACK_COMPLETE"


@pytest.mark.parametrize(
    ("kind", "called", "part"),
    [
        ("ElasticLoadBalancingV2::LoadBalancer", "Name", "app"),
        ("ElasticLoadBalancingV2::TargetGroup", "Name", "targetgroup"),
        ("SNS::Topic", "TopicName", "sns"),
    ],
)
def test_a_name_that_is_another_part_of_an_arn_is_free(aws, kind, called, part):
    one, two = (resource(kind, {called: name}) for name in ("one", part))
    made(aws, {"First": one, "Second": two})


@pytest.mark.parametrize(
    ("block", "status"),
    [
        ("10.0.1.0/24", "CREATE_COMPLETE"),
        ("10.0.0.128/25", "ROLLBACK_COMPLETE"),
        ("10.1.0.0/24", "ROLLBACK_COMPLETE"),
    ],
)
def test_a_subnet_is_within_its_network_and_beside_the_others(aws, block, status):
    def subnet(block):
        return resource("EC2::Subnet", {"VpcId": ref("Vpc"), "CidrBlock": block})

    resources = {"Vpc": resource("EC2::VPC", {"CidrBlock": "10.0.0.0/16"})}
    first = subnet("10.0.0.0/24")
    second = subnet(block) | {"DependsOn": "First"}
    root = deploy(aws, template(resources | {"First": first, "Second": second}))
    assert root["StackStatus"] == status


@pytest.mark.parametrize(
    ("properties", "unknown"),
    [
        ({"Colour": "red"}, "#: extraneous key [Colour]"),
        (
            {"VersioningConfiguration": {"Status": "Enabled", "Mode": "x"}},
            "#/VersioningConfiguration: extraneous key [Mode]",
        ),
    ],
)
def test_a_property_that_the_type_does_not_have_is_refused(aws, properties, unknown):
    body = template({"Bucket": resource("S3::Bucket", properties)})
    assert deploy(aws, body)["StackStatus"] == "ROLLBACK_COMPLETE"
    told = aws.client("cloudformation").describe_stack_events(StackName="root")["StackEvents"]
    assert any(unknown in e.get("ResourceStatusReason", "") for e in told)
