"""Which stacks there are, and who feeds whom."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from troposphere import AWSHelperFn, Equals, Join, Output

from liberty_cfn.nesting import Root
from liberty_cfn.settings import Declaration, Settings, declarations
from liberty_cfn.stacks.alerts import alerts
from liberty_cfn.stacks.cache import cache
from liberty_cfn.stacks.database import database
from liberty_cfn.stacks.entrance import entrance
from liberty_cfn.stacks.identity import identity
from liberty_cfn.stacks.logs import logs
from liberty_cfn.stacks.monitoring import monitoring
from liberty_cfn.stacks.network import network
from liberty_cfn.stacks.outbound import outbound
from liberty_cfn.stacks.registry import registry
from liberty_cfn.stacks.secrets import secrets
from liberty_cfn.stacks.security import security
from liberty_cfn.stacks.service import service
from liberty_cfn.stacks.storage import storage


def build() -> Root:
    """Return the root template with every stack nested in it."""
    root = Root("Liberty Social backend.")
    declared = declarations()
    settings = root.settings(Settings, {name: d.limits for name, d in declared.items()})
    suffix = settings.name_suffix

    images = root.nest(
        registry, suffix=suffix, image_tag_mutability=settings.image_tag_mutability
    )
    files = root.nest(
        storage,
        suffix=suffix,
        site_origins=settings.site_origins,
        uploads_expire_days=settings.uploads_expire_days,
        uploads_old_version_days=settings.uploads_old_version_days,
    )
    output = root.nest(logs, suffix=suffix, log_retention_days=settings.log_retention_days)
    told = root.nest(alerts, suffix=suffix, alarm_email=settings.alarm_email)
    secret = root.nest(
        secrets,
        suffix=suffix,
        domain_name=settings.domain_name,
        default_from_email=settings.default_from_email,
        application_access_key=settings.application_access_key,
        uploads_arn=files.uploads_arn,
    )
    roles = root.nest(
        identity,
        suffix=suffix,
        uploads_arn=files.uploads_arn,
        secret_arns=secret.all_arns,
        environment_file=settings.environment_file,
        existing_execution_role=settings.existing_execution_role,
        execute_command=settings.execute_command,
    )

    net = root.nest(
        network,
        suffix=suffix,
        vpc_cidr=settings.vpc_cidr,
        public_subnet_a_cidr=settings.public_subnet_a_cidr,
        public_subnet_b_cidr=settings.public_subnet_b_cidr,
        private_subnet_a_cidr=settings.private_subnet_a_cidr,
        private_subnet_b_cidr=settings.private_subnet_b_cidr,
        flow_log=settings.flow_log,
        log_retention_days=settings.log_retention_days,
    )
    out = root.nest(
        outbound,
        suffix=suffix,
        vpc_id=net.vpc_id,
        public_subnet_a_id=net.public_subnet_a_id,
        public_subnet_b_id=net.public_subnet_b_id,
        private_subnet_ids=net.private_subnet_ids,
        private_route_table_a_id=net.private_route_table_a_id,
        private_route_table_b_id=net.private_route_table_b_id,
        nat_gateway_per_zone=settings.nat_gateway_per_zone,
    )
    groups = root.nest(security, suffix=suffix, vpc_id=net.vpc_id)
    door = root.nest(
        entrance,
        suffix=suffix,
        vpc_id=net.vpc_id,
        subnet_ids=net.public_subnet_ids,
        balancer_group_id=groups.balancer_group_id,
        domain_name=settings.domain_name,
        record_label=settings.record_label,
        hosted_zone_id=settings.hosted_zone_id,
        create_hosted_zone=settings.create_hosted_zone,
        certificate_arn=settings.certificate_arn,
        balancer_access_logs=settings.balancer_access_logs,
        balancer_deletion_protection=settings.balancer_deletion_protection,
    )
    db = root.nest(
        database,
        suffix=suffix,
        subnet_ids=net.private_subnet_ids,
        database_group_id=groups.database_group_id,
        database_password_arn=secret.database_password_arn,
        database_class=settings.database_class,
        database_storage=settings.database_storage,
        database_max_storage=settings.database_max_storage,
        database_iops=settings.database_iops,
        database_multi_az=settings.database_multi_az,
        database_backup_days=settings.database_backup_days,
        database_deletion_protection=settings.database_deletion_protection,
    )
    redis = root.nest(
        cache,
        suffix=suffix,
        subnet_ids=net.private_subnet_ids,
        cache_group_id=groups.cache_group_id,
        cache_class=settings.cache_class,
        cache_engine=settings.cache_engine,
        cache_replication=settings.cache_replication,
    )
    app = root.nest(
        service,
        suffix=suffix,
        subnet_ids=out.routed_subnet_ids,
        tasks_group_id=groups.tasks_group_id,
        target_group_arn=door.target_group_arn,
        target_group_metric_name=door.target_group_metric_name,
        balancer_metric_name=door.balancer_metric_name,
        listener_arn=door.listener_arn,
        repository_uri=images.repository_uri,
        image=settings.image,
        execution_role_arn=roles.execution_role_arn,
        task_role_arn=roles.task_role_arn,
        application_log_group=output.application_log_group,
        host=door.host,
        site_origins=settings.site_origins,
        database_host=db.database_host,
        database_port=db.database_port,
        database_name=db.database_name,
        database_user=db.database_user,
        cache_url=redis.cache_url,
        uploads_name=files.uploads_name,
        environment_file=settings.environment_file,
        secret_key_arn=secret.secret_key_arn,
        database_password_arn=secret.database_password_arn,
        access_key_id_arn=secret.access_key_id_arn,
        secret_access_key_arn=secret.secret_access_key_arn,
        default_from_email_arn=secret.default_from_email_arn,
        application_access_key=settings.application_access_key,
        container_user=settings.container_user,
        held_task_definition=settings.held_task_definition,
        task_cpu=settings.task_cpu,
        task_memory=settings.task_memory,
        desired_count=settings.desired_count,
        min_tasks=settings.min_tasks,
        max_tasks=settings.max_tasks,
        scale_at_cpu=settings.scale_at_cpu,
        scale_at_requests=settings.scale_at_requests,
        execute_command=settings.execute_command,
    )
    watch = root.nest(
        monitoring,
        suffix=suffix,
        cluster_name=app.cluster_name,
        service_name=app.service_name,
        balancer_metric_name=door.balancer_metric_name,
        target_group_metric_name=door.target_group_metric_name,
        database_id=db.database_id,
        cache_id=redis.cache_id,
        alarm_topic_arn=told.alarm_topic_arn,
        log_retention_days=settings.log_retention_days,
    )

    makes_zone = root.template.add_condition(
        "MakesHostedZone", Equals(settings.create_hosted_zone, "true")
    )
    _tell(root, "Url", "Where the backend answers.", Join("", ["https://", door.host]))
    _tell(root, "BalancerHost", "DNS name of the load balancer.", door.balancer_host)
    _tell(
        root, "RepositoryUri", "Where to push the application's image.", images.repository_uri
    )
    _tell(root, "DatabaseHost", "Where PostgreSQL answers, inside the VPC.", db.database_host)
    _tell(root, "CacheHost", "Where Redis answers, inside the VPC.", redis.cache_host)
    _tell(root, "UploadsBucket", "The bucket people upload to.", files.uploads_name)
    _tell(root, "Cluster", "The ECS cluster.", app.cluster_name)
    _tell(root, "Service", "The ECS service.", app.service_name)
    _tell(root, "Dashboard", "What to look at.", watch.dashboard_url)
    _tell(root, "NatAddresses", "Addresses the tasks reach others from.", out.nat_addresses)
    _tell(
        root,
        "NameServers",
        "What the domain's registrar has to be told.",
        door.name_servers,
        Condition=makes_zone,
    )
    root.template.set_metadata({"AWS::CloudFormation::Interface": _console(declared)})
    return root


def _tell(root: Root, title: str, meaning: str, value: AWSHelperFn, **when: str) -> None:
    root.template.add_output(Output(title, Description=meaning, Value=value, **when))


def _console(declared: Mapping[str, Declaration]) -> dict[str, Any]:
    """Group and label the parameters in CloudFormation's console."""
    return {
        "ParameterGroups": [
            {"Label": {"default": group}, "Parameters": [d.name for d in members]}
            for group, members in groupby(declared.values(), key=lambda d: d.group)
        ],
        "ParameterLabels": {d.name: {"default": d.label} for d in declared.values()},
    }
