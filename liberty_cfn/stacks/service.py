"""The application: tasks on Fargate, kept running and scaled."""

from typing import Any

from troposphere import (
    Equals,
    If,
    Join,
    Not,
    NoValue,
    Ref,
    Select,
    Split,
    Tags,
    Template,
    ecs,
)
from troposphere import applicationautoscaling as scaling

from liberty_cfn.names import CONTAINER, named
from liberty_cfn.nesting import outputs
from liberty_cfn.ports import APP
from liberty_cfn.values import (
    BucketName,
    ClusterName,
    DomainName,
    Flag,
    ListenerArn,
    LogGroupName,
    MetricName,
    Number,
    Origins,
    RepositoryUri,
    RoleArn,
    SecretArn,
    SecurityGroupId,
    ServiceName,
    SubnetIds,
    Suffix,
    TargetGroupArn,
    Text,
)

# As long as the load balancer drains a task (see DRAIN_SECONDS in entrance), and a little
# over; Fargate allows 120.
STOP_SECONDS = 70
# Until the application has started, its health checks don't count.
START_SECONDS = 120


@outputs
class Service:
    cluster_name: ClusterName
    service_name: ServiceName


def service(
    t: Template,
    *,
    suffix: Suffix,
    subnet_ids: SubnetIds,
    tasks_group_id: SecurityGroupId,
    target_group_arn: TargetGroupArn,
    target_group_metric_name: MetricName,
    balancer_metric_name: MetricName,
    listener_arn: ListenerArn,
    repository_uri: RepositoryUri,
    image: Text,
    execution_role_arn: RoleArn,
    task_role_arn: RoleArn,
    application_log_group: LogGroupName,
    host: DomainName,
    site_origins: Origins,
    database_host: DomainName,
    database_port: Text,
    database_name: Text,
    database_user: Text,
    cache_url: Text,
    uploads_name: BucketName,
    environment_file: Text,
    secret_key_arn: SecretArn,
    database_password_arn: SecretArn,
    access_key_id_arn: SecretArn,
    secret_access_key_arn: SecretArn,
    default_from_email_arn: SecretArn,
    application_access_key: Flag,
    container_user: Text,
    held_task_definition: Text,
    task_cpu: Number,
    task_memory: Number,
    desired_count: Number,
    min_tasks: Number,
    max_tasks: Number,
    scale_at_cpu: Number,
    scale_at_requests: Number,
    execute_command: Flag,
) -> Service:
    """ECS cluster, task definition, service and scaling."""
    by_digest = t.add_condition("ImageByDigest", Equals(Select(0, Split(":", image)), "sha256"))
    by_user = t.add_condition("ReachesS3AsUser", Equals(application_access_key, "true"))
    has_file = t.add_condition("HasEnvironmentFile", Not(Equals(environment_file, "")))
    stopped = t.add_condition("Stopped", Equals(desired_count, 0))
    held = t.add_condition("Held", Not(Equals(held_task_definition, "")))

    environment = [
        ("DEBUG", "False"),
        ("ALLOWED_HOSTS", host),
        ("CSRF_TRUSTED_ORIGINS", Join(",", site_origins)),
        ("CORS_ALLOWED_ORIGINS", Join(",", site_origins)),
        ("DB_HOST", database_host),
        ("DB_PORT", database_port),
        ("DB_NAME", database_name),
        ("DB_USER", database_user),
        ("REDIS_URL", cache_url),
        ("AWS_STORAGE_BUCKET_NAME", uploads_name),
        ("AWS_S3_REGION_NAME", Ref("AWS::Region")),
    ]
    secrets = [
        ecs.Secret(Name="SECRET_KEY", ValueFrom=secret_key_arn),
        ecs.Secret(Name="DB_PASSWORD", ValueFrom=database_password_arn),
        ecs.Secret(Name="DEFAULT_FROM_EMAIL", ValueFrom=default_from_email_arn),
        # A key in the environment takes precedence over the task's role in boto3.
        If(by_user, ecs.Secret(Name="AWS_ACCESS_KEY_ID", ValueFrom=access_key_id_arn), NoValue),
        If(
            by_user,
            ecs.Secret(Name="AWS_SECRET_ACCESS_KEY", ValueFrom=secret_access_key_arn),
            NoValue,
        ),
    ]

    cluster = t.add_resource(
        ecs.Cluster(
            "Cluster",
            ClusterName=named("liberty-social-backend", suffix),
            CapacityProviders=["FARGATE"],
            ClusterSettings=[ecs.ClusterSetting(Name="containerInsights", Value="enabled")],
        )
    )
    task = t.add_resource(
        ecs.TaskDefinition(
            "TaskDefinition",
            # The service goes back to the one before when an update is undone, and may be held
            # at it; ECS takes no other than an active one.
            UpdateReplacePolicy="Retain",
            DeletionPolicy="Delete",
            Family=named("liberty-social-backend", suffix),
            RequiresCompatibilities=["FARGATE"],
            NetworkMode="awsvpc",
            Cpu=task_cpu,
            Memory=task_memory,
            RuntimePlatform=ecs.RuntimePlatform(
                OperatingSystemFamily="LINUX", CpuArchitecture="X86_64"
            ),
            ExecutionRoleArn=execution_role_arn,
            TaskRoleArn=task_role_arn,
            ContainerDefinitions=[
                ecs.ContainerDefinition(
                    Name=CONTAINER,
                    Image=Join("", [repository_uri, If(by_digest, "@", ":"), image]),
                    Essential=True,
                    User=container_user,
                    PortMappings=[
                        ecs.PortMapping(ContainerPort=APP, HostPort=APP, Protocol="tcp")
                    ],
                    Environment=[
                        ecs.Environment(Name=name, Value=value) for name, value in environment
                    ],
                    EnvironmentFiles=If(
                        has_file,
                        [ecs.EnvironmentFile(Type="s3", Value=environment_file)],
                        NoValue,
                    ),
                    Secrets=secrets,
                    # Reaps what ECS Exec leaves behind.
                    LinuxParameters=ecs.LinuxParameters(InitProcessEnabled=True),
                    StopTimeout=STOP_SECONDS,
                    LogConfiguration=ecs.LogConfiguration(
                        LogDriver="awslogs",
                        Options={
                            "awslogs-group": application_log_group,
                            "awslogs-region": Ref("AWS::Region"),
                            "awslogs-stream-prefix": "ecs",
                        },
                    ),
                )
            ],
        )
    )
    running = t.add_resource(
        ecs.Service(
            "Service",
            ServiceName=named("liberty-social-backend-service", suffix),
            Cluster=Ref(cluster),
            TaskDefinition=If(held, held_task_definition, Ref(task)),
            LaunchType="FARGATE",
            PlatformVersion="LATEST",
            DesiredCount=desired_count,
            DeploymentConfiguration=ecs.DeploymentConfiguration(
                MinimumHealthyPercent=100,
                MaximumPercent=200,
                DeploymentCircuitBreaker=ecs.DeploymentCircuitBreaker(
                    Enable=True, Rollback=True
                ),
            ),
            HealthCheckGracePeriodSeconds=START_SECONDS,
            NetworkConfiguration=ecs.NetworkConfiguration(
                AwsvpcConfiguration=ecs.AwsvpcConfiguration(
                    Subnets=subnet_ids,
                    SecurityGroups=[tasks_group_id],
                    AssignPublicIp="DISABLED",
                )
            ),
            LoadBalancers=[
                ecs.LoadBalancer(
                    ContainerName=CONTAINER,
                    ContainerPort=APP,
                    TargetGroupArn=target_group_arn,
                )
            ],
            EnableExecuteCommand=execute_command,
            EnableECSManagedTags=True,
            PropagateTags="SERVICE",
            # ECS refuses a target group that no listener forwards to yet: wait for it.
            Tags=Tags(Listener=listener_arn),
        )
    )

    target = t.add_resource(
        scaling.ScalableTarget(
            "ScalableTarget",
            ServiceNamespace="ecs",
            ScalableDimension="ecs:service:DesiredCount",
            ResourceId=Join("/", ["service", Ref(cluster), running.get_att("Name")]),
            MinCapacity=If(stopped, 0, min_tasks),
            MaxCapacity=If(stopped, 0, max_tasks),
        )
    )
    t.add_resource(
        scaling.ScalingPolicy(
            "ScaleOnCpu",
            PolicyName=named("liberty-backend-cpu", suffix),
            PolicyType="TargetTrackingScaling",
            ScalingTargetId=Ref(target),
            TargetTrackingScalingPolicyConfiguration=_keep(
                scale_at_cpu, "ECSServiceAverageCPUUtilization"
            ),
        )
    )
    t.add_resource(
        scaling.ScalingPolicy(
            "ScaleOnRequests",
            PolicyName=named("liberty-backend-requests", suffix),
            PolicyType="TargetTrackingScaling",
            ScalingTargetId=Ref(target),
            TargetTrackingScalingPolicyConfiguration=_keep(
                scale_at_requests,
                "ALBRequestCountPerTarget",
                ResourceLabel=Join("/", [balancer_metric_name, target_group_metric_name]),
            ),
        )
    )
    return Service(
        cluster_name=ClusterName(Ref(cluster)),
        service_name=ServiceName(running.get_att("Name")),
    )


def _keep(
    value: Number, metric: str, **where: Any
) -> scaling.TargetTrackingScalingPolicyConfiguration:
    """Aim at a value of a metric: quickly upwards, slowly down."""
    return scaling.TargetTrackingScalingPolicyConfiguration(
        TargetValue=value,
        PredefinedMetricSpecification=scaling.PredefinedMetricSpecification(
            PredefinedMetricType=metric, **where
        ),
        ScaleOutCooldown=60,
        ScaleInCooldown=300,
    )
