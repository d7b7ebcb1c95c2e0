"""What may differ between environments.

A setting is declared here once, in CloudFormation's own words, and serves three
times: it is a parameter of the root template, `params/<environment>.yaml` is
checked against its limits before AWS is, and `docs/settings.md` is written from it.

The defaults are production's. Other environments say what they do differently.
"""

from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, get_type_hints

from liberty_cfn.nesting import pascal
from liberty_cfn.values import (
    Cidr,
    DomainName,
    Flag,
    HostedZoneId,
    Number,
    Origins,
    Suffix,
    Text,
    Value,
)

LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
CIDR = r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}/(1[6-9]|2[0-8])"


def setting(group: str, label: str, description: str, **limits: Any) -> Any:
    """Declare a setting: where the console shows it, what it means, and its limits.

    The limits are a Parameter's: Default, AllowedValues, AllowedPattern, MinValue,
    MaxValue. Without a Default, every environment has to say.
    """
    return field(
        metadata={
            "group": group,
            "label": label,
            "limits": {"Description": description, **limits},
        }
    )


# Neither compared nor printed, which forty fields would make slow to declare.
@dataclass(frozen=True, eq=False, repr=False)
class Settings:
    """Every setting; the order is the console's, and that of docs/settings.md."""

    name_suffix: Suffix = setting(
        "General",
        "Name suffix",
        "Appended to every name, so that environments can share an account: empty in "
        "production, else a hyphen and up to five letters or digits. The longest name, "
        "liberty-social-backend-tg, may have 32 characters; and AWS advises against secrets "
        "that end in a hyphen and six.",
        Default="",
        AllowedPattern="(-[a-z0-9]{1,5})?",
        ConstraintDescription="empty, or a hyphen and one to five lower-case letters or digits",
    )
    domain_name: DomainName = setting(
        "Site",
        "Domain",
        "The domain that the certificate and the DNS record are in, such as example.com.",
        AllowedPattern=rf"({LABEL}\.)+[a-z]{{2,63}}",
        ConstraintDescription="a domain in lower case, such as example.com",
    )
    record_label: Text = setting(
        "Site",
        "Name in the domain",
        "What the backend is called in the domain: backend makes backend.example.com. Empty "
        "for the domain itself.",
        Default="backend",
        AllowedPattern=f"({LABEL})?",
        ConstraintDescription="one label of a domain name (the certificate has one), or empty",
    )
    site_origins: Origins = setting(
        "Site",
        "Origins of the site",
        "Where browsers may call the backend and upload from, such as https://example.com; "
        "several are separated by commas.",
        AllowedPattern=rf"https?://({LABEL}\.)*{LABEL}(:[0-9]{{1,5}})?",
        ConstraintDescription="https:// and a host, without a path",
    )
    hosted_zone_id: HostedZoneId = setting(
        "Site",
        "Hosted zone",
        "The public Route 53 zone of the domain, such as Z0123456789ABCDEFGHIJ. Empty if this "
        "stack makes the zone.",
        Default="",
        AllowedPattern="(Z[A-Z0-9]{1,31})?",
        ConstraintDescription="the id of a hosted zone, which starts with Z, or empty",
    )
    create_hosted_zone: Flag = setting(
        "Site",
        "Make the hosted zone",
        "Whether this stack makes the domain's hosted zone. Its name servers are an output; "
        "the certificate waits until the registrar knows them.",
        Default="false",
        AllowedValues=["true", "false"],
    )
    certificate_arn: Text = setting(
        "Site",
        "Existing certificate",
        "An ACM certificate of this region to present instead of a new one. Empty to have one "
        "made for the domain and its wildcard.",
        Default="",
        AllowedPattern=r"(arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[a-f0-9-]+)?",
        ConstraintDescription="the ARN of an ACM certificate, or empty",
    )
    vpc_cidr: Cidr = setting(
        "Network",
        "VPC addresses",
        "Address range of the VPC. Changing it replaces the VPC and all that is in it.",
        Default="10.0.0.0/16",
        AllowedPattern=CIDR,
        ConstraintDescription="an IPv4 range from /16 to /28, such as 10.0.0.0/16",
    )
    public_subnet_a_cidr: Cidr = setting(
        "Network",
        "Public subnet, first zone",
        "Addresses of the load balancer and the NAT gateway in the first zone.",
        Default="10.0.1.0/24",
        AllowedPattern=CIDR,
        ConstraintDescription="an IPv4 range from /16 to /28, such as 10.0.1.0/24",
    )
    public_subnet_b_cidr: Cidr = setting(
        "Network",
        "Public subnet, second zone",
        "Addresses of the load balancer in the second zone.",
        Default="10.0.2.0/24",
        AllowedPattern=CIDR,
        ConstraintDescription="an IPv4 range from /16 to /28, such as 10.0.2.0/24",
    )
    private_subnet_a_cidr: Cidr = setting(
        "Network",
        "Private subnet, first zone",
        "Addresses of tasks, database and cache in the first zone.",
        Default="10.0.10.0/24",
        AllowedPattern=CIDR,
        ConstraintDescription="an IPv4 range from /16 to /28, such as 10.0.10.0/24",
    )
    private_subnet_b_cidr: Cidr = setting(
        "Network",
        "Private subnet, second zone",
        "Addresses of tasks, database and cache in the second zone.",
        Default="10.0.11.0/24",
        AllowedPattern=CIDR,
        ConstraintDescription="an IPv4 range from /16 to /28, such as 10.0.11.0/24",
    )
    nat_gateway_per_zone: Flag = setting(
        "Network",
        "A NAT gateway in each zone",
        "Whether each zone has a NAT gateway of its own. With one, losing its zone cuts the "
        "other zone's tasks off from AWS and the internet; a second costs as much again.",
        Default="false",
        AllowedValues=["true", "false"],
    )
    flow_log: Flag = setting(
        "Network",
        "Flow log",
        "Whether the VPC's connections are logged.",
        Default="true",
        AllowedValues=["true", "false"],
    )
    balancer_access_logs: Flag = setting(
        "Load balancer",
        "Access logs",
        "Whether the load balancer logs requests, to a bucket that keeps them for 90 days.",
        Default="true",
        AllowedValues=["true", "false"],
    )
    balancer_deletion_protection: Flag = setting(
        "Load balancer",
        "Deletion protection",
        "Whether the load balancer refuses to be deleted.",
        Default="true",
        AllowedValues=["true", "false"],
    )
    image_tag_mutability: Text = setting(
        "Registry",
        "Tags may move",
        "Whether a tag may be pushed again. The spec deploys the tag latest, which has to "
        "move: MUTABLE. With IMMUTABLE, a tag names one image for good, and Image must name "
        "a new tag or a digest for each deployment.",
        Default="MUTABLE",
        AllowedValues=["MUTABLE", "IMMUTABLE"],
    )
    database_class: Text = setting(
        "Database",
        "Instance class",
        "Size of the database server. Changing it interrupts the database for minutes.",
        Default="db.t3.micro",
        AllowedPattern=r"db\.[a-z0-9]+\.[a-z0-9]+",
        ConstraintDescription="an RDS instance class, such as db.t3.micro",
    )
    database_storage: Number = setting(
        "Database",
        "Storage (GiB)",
        "Size of the database disk, in GiB. It can grow, never shrink.",
        Default=20,
        MinValue=20,
        MaxValue=65536,
    )
    database_max_storage: Number = setting(
        "Database",
        "Storage limit (GiB)",
        "How far RDS may grow the disk by itself, in GiB; at least a tenth over the storage.",
        Default=100,
        MinValue=22,
        MaxValue=65536,
    )
    database_iops: Number = setting(
        "Database",
        "IOPS",
        "Disk operations a second to pay for: 12000 to 64000, from 400 GiB of storage on. 0 "
        "for what gp3 includes.",
        Default=0,
        MinValue=0,
        MaxValue=64000,
    )
    database_multi_az: Flag = setting(
        "Database",
        "Standby in the second zone",
        "Whether a standby database waits in the second zone.",
        Default="true",
        AllowedValues=["true", "false"],
    )
    database_backup_days: Number = setting(
        "Database",
        "Backups (days)",
        "How long automatic backups are kept, in days.",
        Default=30,
        MinValue=1,
        MaxValue=35,
    )
    database_deletion_protection: Flag = setting(
        "Database",
        "Deletion protection",
        "Whether the database refuses to be deleted.",
        Default="true",
        AllowedValues=["true", "false"],
    )
    cache_class: Text = setting(
        "Cache",
        "Node type",
        "Size of a cache node.",
        Default="cache.t3.micro",
        AllowedPattern=r"cache\.[a-z0-9]+\.[a-z0-9]+",
        ConstraintDescription="an ElastiCache node type, such as cache.t3.micro",
    )
    cache_replication: Flag = setting(
        "Cache",
        "Replication group",
        "Whether the cache is a replication group of two nodes with TLS and automatic "
        "failover, rather than the spec's single node. Changing it makes a new, empty cache.",
        Default="false",
        AllowedValues=["true", "false"],
    )
    cache_engine: Text = setting(
        "Cache",
        "Engine",
        "redis, or valkey, which needs the replication group.",
        Default="redis",
        AllowedValues=["redis", "valkey"],
    )
    uploads_expire_days: Number = setting(
        "Uploads",
        "Delete files after (days)",
        "After how many days uploaded files are deleted. 0 for never.",
        Default=0,
        MinValue=0,
        MaxValue=36500,
    )
    uploads_old_version_days: Number = setting(
        "Uploads",
        "Delete old versions after (days)",
        "How many days a replaced or deleted file can still be brought back. 0 for ever.",
        Default=90,
        MinValue=0,
        MaxValue=36500,
    )
    default_from_email: Text = setting(
        "Application",
        "Sender of mail",
        "The address that mail comes from, kept in DEFAULT_FROM_EMAIL. Empty for noreply@ "
        "and the domain.",
        Default="",
        AllowedPattern=r"([^@\s]+@[^@\s]+\.[^@\s]+)?",
        ConstraintDescription="an e-mail address, or empty",
    )
    application_access_key: Flag = setting(
        "Application",
        "Access key for S3",
        "Whether the application reaches S3 as an IAM user, whose key is made here and kept "
        "in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Better left to the task's role.",
        Default="false",
        AllowedValues=["true", "false"],
    )
    environment_file: Text = setting(
        "Application",
        "More environment",
        "ARN of an .env file in S3 with more KEY=value lines for the container; not for "
        "secrets. Empty for none.",
        Default="",
        AllowedPattern=r"(arn:aws[a-z-]*:s3:::[^\s*]+\.env)?",
        ConstraintDescription="the ARN of an object in S3 that ends in .env, or empty",
    )
    existing_execution_role: Text = setting(
        "Application",
        "Existing execution role",
        "Name of a role to start tasks with, where the account already has an "
        "ecsTaskExecutionRole: the ECS console makes one. Empty to have it made.",
        Default="",
        AllowedPattern=r"[A-Za-z0-9+=,.@_-]{0,64}",
        ConstraintDescription="the name of an IAM role, not its ARN, or empty",
    )
    image: Text = setting(
        "Application",
        "Image",
        "Which image of the repository runs: a tag, or a digest (sha256:...).",
        Default="latest",
        AllowedPattern="[A-Za-z0-9_][A-Za-z0-9._-]{0,127}|sha256:[0-9a-f]{64}",
        ConstraintDescription="a tag, or sha256: and 64 hexadecimal digits",
    )
    container_user: Text = setting(
        "Application",
        "User in the container",
        "User and group the container runs as, by number; never root.",
        Default="1000:1000",
        AllowedPattern="[1-9][0-9]{0,8}(:[1-9][0-9]{0,8})?",
        ConstraintDescription="numbers such as 1000:1000; 0 is root",
    )
    held_task_definition: Text = setting(
        "Application",
        "Held task definition",
        "ARN of the task definition that the service stays with while a newer one migrates the "
        "database. Deploying sets it, and empties it again; leave it empty.",
        Default="",
        AllowedPattern=r"(arn:aws[a-z-]*:ecs:[a-z0-9-]+:\d{12}:task-definition/[\w-]+:\d+)?",
        ConstraintDescription="the ARN of a task definition with its revision, or empty",
    )
    task_cpu: Number = setting(
        "Tasks",
        "CPU (units)",
        "CPU of a task, in units of 1/1024 vCPU. Fargate pairs it with certain memory sizes.",
        Default=256,
        AllowedValues=[256, 512, 1024, 2048, 4096, 8192, 16384],
    )
    task_memory: Number = setting(
        "Tasks",
        "Memory (MiB)",
        "Memory of a task, in MiB. Fargate pairs it with certain CPU sizes.",
        Default=512,
        MinValue=512,
        MaxValue=122880,
    )
    desired_count: Number = setting(
        "Tasks",
        "Tasks",
        "How many tasks a deployment starts with. 0 stops the service, and its scaling.",
        Default=2,
        MinValue=0,
        MaxValue=1000,
    )
    min_tasks: Number = setting(
        "Tasks",
        "Fewest tasks",
        "How few tasks scaling may leave; one in each zone takes two.",
        Default=2,
        MinValue=1,
        MaxValue=1000,
    )
    max_tasks: Number = setting(
        "Tasks",
        "Most tasks",
        "How many tasks scaling may start.",
        Default=10,
        MinValue=1,
        MaxValue=1000,
    )
    scale_at_cpu: Number = setting(
        "Tasks",
        "Scale at CPU (percent)",
        "Average CPU that scaling aims at, in percent.",
        Default=60,
        MinValue=10,
        MaxValue=90,
    )
    scale_at_requests: Number = setting(
        "Tasks",
        "Scale at requests (a minute)",
        "Requests a task should serve in a minute; scaling aims at it.",
        Default=1000,
        MinValue=1,
        MaxValue=1000000,
    )
    execute_command: Flag = setting(
        "Tasks",
        "ECS Exec",
        "Whether `aws ecs execute-command` may open a shell in a running task.",
        Default="false",
        AllowedValues=["true", "false"],
    )
    log_retention_days: Number = setting(
        "Monitoring",
        "Logs (days)",
        "How long logs are kept, in days.",
        Default=30,
        AllowedValues=[
            1,
            3,
            5,
            7,
            14,
            30,
            60,
            90,
            120,
            150,
            180,
            365,
            400,
            545,
            731,
            1096,
            1827,
        ],
    )
    alarm_email: Text = setting(
        "Monitoring",
        "Alarms by mail",
        "Where alarms are sent; the address has to confirm. Empty for nowhere.",
        Default="",
        AllowedPattern=r"([^@\s]+@[^@\s]+\.[^@\s]+)?",
        ConstraintDescription="an e-mail address, or empty",
    )


@dataclass(frozen=True)
class Declaration:
    """A setting as it was declared: the name it has in params/, its kind and limits."""

    name: str
    kind: type[Value]
    group: str
    label: str
    limits: dict[str, Any]


@cache
def declarations() -> dict[str, Declaration]:
    """Return every setting by name, in order."""
    kinds = get_type_hints(Settings)
    return {
        pascal(f.name): Declaration(pascal(f.name), kinds[f.name], **f.metadata)
        for f in fields(Settings)
    }
