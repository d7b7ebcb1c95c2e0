"""The application: tasks on Fargate."""

import re

import pytest

SECRETS = {
    "SECRET_KEY": "SecretKeyArn",
    "DB_PASSWORD": "DatabasePasswordArn",
    "DEFAULT_FROM_EMAIL": "DefaultFromEmailArn",
}
KEYS = {"AWS_ACCESS_KEY_ID": "AccessKeyIdArn", "AWS_SECRET_ACCESS_KEY": "SecretAccessKeyArn"}


@pytest.fixture
def container(service):
    (only,) = service["TaskDefinition"]["ContainerDefinitions"]
    return only


@pytest.fixture
def environment(container):
    return {entry["Name"]: entry["Value"] for entry in container["Environment"]}


@pytest.mark.parametrize(
    ("title", "key", "name"),
    [
        ("Cluster", "ClusterName", "liberty-social-backend"),
        ("TaskDefinition", "Family", "liberty-social-backend"),
        ("Service", "ServiceName", "liberty-social-backend-service"),
    ],
)
def test_what_runs_has_the_names_of_the_spec(service, named, title, key, name):
    assert service[title][key] == named(name)


def test_the_cluster_runs_on_fargate_and_reports_what_the_dashboard_shows(service):
    assert service["Cluster"]["CapacityProviders"] == ["FARGATE"]
    assert service["Cluster"]["ClusterSettings"] == [
        {"Name": "containerInsights", "Value": "enabled"}
    ]


def test_tasks_run_on_fargate_with_an_address_of_their_own(service):
    assert service["Service"]["LaunchType"] == "FARGATE"
    assert service["TaskDefinition"]["RequiresCompatibilities"] == ["FARGATE"]
    assert service["TaskDefinition"]["NetworkMode"] == "awsvpc"


@pytest.mark.parametrize(
    ("title", "key", "setting", "value"),
    [
        ("TaskDefinition", "Cpu", "TaskCpu", 256),
        ("TaskDefinition", "Memory", "TaskMemory", 512),
        ("Service", "DesiredCount", "DesiredCount", 2),
        ("Service", "EnableExecuteCommand", "ExecuteCommand", "false"),
    ],
)
def test_two_tasks_of_the_spec_s_size_run_unless_a_setting_differs(
    service, default, *, title, key, setting, value
):
    assert service[title][key] == {"Ref": setting}
    assert default(setting) == value


@pytest.mark.parametrize("role", ["ExecutionRoleArn", "TaskRoleArn"])
def test_tasks_have_the_two_roles(service, root, role):
    assert service["TaskDefinition"][role] == {"Ref": role}
    assert root["Service"]["Parameters"][role] == {
        "Fn::GetAtt": ["Identity", f"Outputs.{role}"]
    }


def test_the_container_has_the_name_of_the_spec(container):
    assert container["Name"] == "liberty-social-backend"


def test_the_image_is_the_tag_latest_of_our_repository(container, default):
    """`:latest` unchanged is no new deployment; deploying turns a tag into a digest."""
    separator = {"Fn::If": ["ImageByDigest", "@", ":"]}
    assert container["Image"] == {
        "Fn::Join": ["", [{"Ref": "RepositoryUri"}, separator, {"Ref": "Image"}]]
    }
    assert default("Image") == "latest"


def test_a_digest_is_told_from_a_tag(service):
    assert service.body["Conditions"]["ImageByDigest"] == {
        "Fn::Equals": [{"Fn::Select": [0, {"Fn::Split": [":", {"Ref": "Image"}]}]}, "sha256"]
    }


def test_the_container_listens_on_8000(container):
    assert container["PortMappings"] == [
        {"ContainerPort": 8000, "HostPort": 8000, "Protocol": "tcp"}
    ]


def test_the_container_does_not_run_as_root(container, default):
    assert container["User"] == {"Ref": "ContainerUser"}
    assert default("ContainerUser") == "1000:1000"


@pytest.mark.parametrize("user", ["0", "0:0", "1000:0", "0:1000", "root", "", "00"])
def test_no_setting_makes_it_run_as_root(root, user):
    allowed = root.body["Parameters"]["ContainerUser"]["AllowedPattern"]
    assert re.fullmatch(allowed, "1000")
    assert not re.fullmatch(allowed, user)


def test_what_it_says_goes_to_the_log_group_of_the_spec(container):
    assert container["LogConfiguration"] == {
        "LogDriver": "awslogs",
        "Options": {
            "awslogs-group": {"Ref": "ApplicationLogGroup"},
            "awslogs-region": {"Ref": "AWS::Region"},
            "awslogs-stream-prefix": "ecs",
        },
    }


@pytest.mark.parametrize(("name", "parameter"), SECRETS.items())
def test_secrets_are_read_at_start_by_their_whole_arn(container, root, name, parameter):
    assert {"Name": name, "ValueFrom": {"Ref": parameter}} in container["Secrets"]
    assert root["Service"]["Parameters"][parameter] == {
        "Fn::GetAtt": ["Secrets", f"Outputs.{parameter}"]
    }


@pytest.mark.parametrize(("name", "parameter"), KEYS.items())
def test_the_container_has_no_access_key_unless_a_setting_asks(
    service, container, default, name, parameter
):
    """A key in the environment takes precedence over the task's role in boto3."""
    key = {"Name": name, "ValueFrom": {"Ref": parameter}}
    assert {"Fn::If": ["ReachesS3AsUser", key, {"Ref": "AWS::NoValue"}]} in container["Secrets"]
    assert key not in container["Secrets"]
    assert service.body["Conditions"]["ReachesS3AsUser"] == {
        "Fn::Equals": [{"Ref": "ApplicationAccessKey"}, "true"]
    }
    assert default("ApplicationAccessKey") == "false"


def test_the_application_is_told_where_everything_is(environment):
    origins = {"Fn::Join": [",", {"Ref": "SiteOrigins"}]}
    assert environment == {
        "DEBUG": "False",
        "ALLOWED_HOSTS": {"Ref": "Host"},
        "CSRF_TRUSTED_ORIGINS": origins,
        "CORS_ALLOWED_ORIGINS": origins,
        "DB_HOST": {"Ref": "DatabaseHost"},
        "DB_PORT": {"Ref": "DatabasePort"},
        "DB_NAME": {"Ref": "DatabaseName"},
        "DB_USER": {"Ref": "DatabaseUser"},
        "REDIS_URL": {"Ref": "CacheUrl"},
        "AWS_STORAGE_BUCKET_NAME": {"Ref": "UploadsName"},
        "AWS_S3_REGION_NAME": {"Ref": "AWS::Region"},
    }


def test_no_secret_is_in_the_environment(environment):
    """Whoever may describe a task definition reads its environment."""
    assert not environment.keys() & (SECRETS.keys() | KEYS.keys())
    assert "Arn" not in str(environment)
    assert "resolve:" not in str(environment)


def test_the_application_trusts_its_own_host_only(environment, root):
    """Never `*`: the health check is answered before hosts are checked."""
    assert environment["ALLOWED_HOSTS"] == {"Ref": "Host"}
    assert root["Service"]["Parameters"]["Host"] == {"Fn::GetAtt": ["Entrance", "Outputs.Host"]}


def test_more_environment_comes_from_a_file_if_a_setting_names_one(container, default):
    condition, files, otherwise = container["EnvironmentFiles"]["Fn::If"]
    assert condition == "HasEnvironmentFile"
    assert files == [{"Type": "s3", "Value": {"Ref": "EnvironmentFile"}}]
    assert otherwise == {"Ref": "AWS::NoValue"}
    assert default("EnvironmentFile") == ""


def test_tasks_run_in_the_private_subnets_without_a_public_address(service, root, stacks):
    where = service["Service"]["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert where["Subnets"] == {"Ref": "SubnetIds"}
    assert where["AssignPublicIp"] == "DISABLED"
    # Handed on by the stack that routes them, so that tasks start with a way out.
    assert root["Service"]["Parameters"]["SubnetIds"] == {
        "Fn::GetAtt": ["Outbound", "Outputs.RoutedSubnetIds"]
    }
    routed = stacks["outbound"].body["Outputs"]["RoutedSubnetIds"]["Value"]
    assert routed == {"Fn::Join": [",", {"Ref": "PrivateSubnetIds"}]}
    assert root["Outbound"]["Parameters"]["PrivateSubnetIds"] == {
        "Fn::GetAtt": ["Network", "Outputs.PrivateSubnetIds"]
    }


def test_tasks_have_their_own_security_group_only(service, root):
    where = service["Service"]["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert where["SecurityGroups"] == [{"Ref": "TasksGroupId"}]
    assert root["Service"]["Parameters"]["TasksGroupId"] == {
        "Fn::GetAtt": ["Security", "Outputs.TasksGroupId"]
    }


def test_the_service_is_behind_the_target_group_on_8000(service, container, root):
    (balancer,) = service["Service"]["LoadBalancers"]
    assert balancer == {
        "ContainerName": container["Name"],
        "ContainerPort": 8000,
        "TargetGroupArn": {"Ref": "TargetGroupArn"},
    }
    assert root["Service"]["Parameters"]["TargetGroupArn"] == {
        "Fn::GetAtt": ["Entrance", "Outputs.TargetGroupArn"]
    }


def test_the_service_waits_for_the_https_listener(service, root, entrance):
    """ECS refuses a target group that no listener forwards to yet."""
    assert {"Key": "Listener", "Value": {"Ref": "ListenerArn"}} in service["Service"]["Tags"]
    assert root["Service"]["Parameters"]["ListenerArn"] == {
        "Fn::GetAtt": ["Entrance", "Outputs.ListenerArn"]
    }
    assert entrance.body["Outputs"]["ListenerArn"]["Value"] == {"Ref": "HttpsListener"}


def test_the_service_runs_the_task_definition_on_the_cluster(service):
    assert service["Service"]["Cluster"] == {"Ref": "Cluster"}
    assert service["Service"]["TaskDefinition"] == {
        "Fn::If": ["Held", {"Ref": "HeldTaskDefinition"}, {"Ref": "TaskDefinition"}]
    }


def test_the_service_is_held_at_no_task_definition_unless_deploying_says_so(service, default):
    assert default("HeldTaskDefinition") == ""
    held = service.body["Conditions"]["Held"]
    assert held == {"Fn::Not": [{"Fn::Equals": [{"Ref": "HeldTaskDefinition"}, ""]}]}


def test_the_task_definition_before_stays_one_that_ecs_takes(service):
    assert service.resource("TaskDefinition")["UpdateReplacePolicy"] == "Retain"


def test_a_deployment_that_fails_is_rolled_back(service):
    """Without the circuit breaker, a task that can't start keeps CloudFormation for hours."""
    deployment = service["Service"]["DeploymentConfiguration"]
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}


def test_a_deployment_never_leaves_fewer_tasks_than_wanted(service):
    deployment = service["Service"]["DeploymentConfiguration"]
    assert (deployment["MinimumHealthyPercent"], deployment["MaximumPercent"]) == (100, 200)


def test_health_checks_wait_until_the_application_has_started(service):
    assert service["Service"]["HealthCheckGracePeriodSeconds"] == 120


def test_a_task_may_finish_what_the_load_balancer_still_lets_it(container, entrance):
    (delay,) = entrance["TargetGroup"]["TargetGroupAttributes"]
    assert int(delay["Value"]) <= container["StopTimeout"] <= 120


def test_scaling_keeps_between_2_and_10_tasks(service, default):
    target = service["ScalableTarget"]
    assert target["ScalableDimension"] == "ecs:service:DesiredCount"
    assert target["MinCapacity"] == {"Fn::If": ["Stopped", 0, {"Ref": "MinTasks"}]}
    assert target["MaxCapacity"] == {"Fn::If": ["Stopped", 0, {"Ref": "MaxTasks"}]}
    assert (default("MinTasks"), default("MaxTasks")) == (2, 10)


def test_without_an_image_the_service_stops_and_scaling_does_not_start_it(service, root):
    """Scaling would start the tasks that a count of 0 is meant to spare."""
    assert root.body["Parameters"]["DesiredCount"]["MinValue"] == 0
    assert service.body["Conditions"]["Stopped"] == {"Fn::Equals": [{"Ref": "DesiredCount"}, 0]}


def test_scaling_is_that_of_this_service(service):
    assert service["ScalableTarget"]["ResourceId"] == {
        "Fn::Join": ["/", ["service", {"Ref": "Cluster"}, {"Fn::GetAtt": ["Service", "Name"]}]]
    }


@pytest.mark.parametrize(
    ("title", "metric", "setting", "value"),
    [
        ("ScaleOnCpu", "ECSServiceAverageCPUUtilization", "ScaleAtCpu", 60),
        ("ScaleOnRequests", "ALBRequestCountPerTarget", "ScaleAtRequests", 1000),
    ],
)
def test_scaling_follows_cpu_and_requests(service, default, *, title, metric, setting, value):
    aim = service[title]["TargetTrackingScalingPolicyConfiguration"]
    assert aim["PredefinedMetricSpecification"]["PredefinedMetricType"] == metric
    assert aim["TargetValue"] == {"Ref": setting}
    assert default(setting) == value


def test_requests_are_those_of_our_target_group(service):
    aim = service["ScaleOnRequests"]["TargetTrackingScalingPolicyConfiguration"]
    assert aim["PredefinedMetricSpecification"]["ResourceLabel"] == {
        "Fn::Join": ["/", [{"Ref": "BalancerMetricName"}, {"Ref": "TargetGroupMetricName"}]]
    }
