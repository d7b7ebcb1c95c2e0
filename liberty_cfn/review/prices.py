"""On-demand list prices of what the design is made of, in US dollars.

An estimate: region us-east-1, as listed in June 2026, without use (requests, traffic, data
kept), discounts and taxes. What isn't here is unknown, which is not the same as free.
"""

from __future__ import annotations

from dataclasses import dataclass

REGION, DATE = "us-east-1", "2026-06"
HOURS = 730  # a month, as AWS counts them


@dataclass(frozen=True)
class Price:
    """US dollars for one of a unit for an hour, or a month, and where AWS lists it."""

    hour: float = 0.0
    month: float = 0.0
    source: str = ""

    @property
    def monthly(self) -> float:
        return self.hour * HOURS + self.month


FARGATE = "https://aws.amazon.com/fargate/pricing/"
RDS = "https://aws.amazon.com/rds/postgresql/pricing/"
ELASTICACHE = "https://aws.amazon.com/elasticache/pricing/"
CLOUDWATCH = "https://aws.amazon.com/cloudwatch/pricing/"
VPC = "https://aws.amazon.com/vpc/pricing/"

# Fargate, Linux: by architecture, a vCPU and a GB.
TASK_CPU = {
    "X86_64": Price(hour=0.04048, source=FARGATE),
    "ARM64": Price(hour=0.03238, source=FARGATE),
}
TASK_MEMORY = {
    "X86_64": Price(hour=0.004445, source=FARGATE),
    "ARM64": Price(hour=0.00356, source=FARGATE),
}
# PostgreSQL in one zone; a standby costs as much again.
DATABASE = {
    name: Price(hour=price, source=RDS)
    for name, price in {
        "db.t3.micro": 0.018,
        "db.t3.small": 0.036,
        "db.t3.medium": 0.072,
        "db.t3.large": 0.145,
        "db.t3.xlarge": 0.29,
        "db.t3.2xlarge": 0.579,
        "db.t4g.micro": 0.016,
        "db.t4g.small": 0.032,
        "db.t4g.medium": 0.065,
        "db.t4g.large": 0.129,
        "db.t4g.xlarge": 0.258,
        "db.t4g.2xlarge": 0.517,
        "db.m5.large": 0.178,
        "db.m5.xlarge": 0.356,
        "db.m5.2xlarge": 0.712,
        "db.m6g.large": 0.159,
        "db.m6g.xlarge": 0.318,
        "db.m6g.2xlarge": 0.636,
        "db.m7g.large": 0.168,
        "db.r6g.large": 0.225,
        "db.r6g.xlarge": 0.45,
    }.items()
}
# A GiB of a database's disk.
DISK = {
    "gp2": Price(month=0.115, source=RDS),
    "gp3": Price(month=0.115, source=RDS),
    "io1": Price(month=0.125, source=RDS),
}
IOPS = {"gp3": Price(month=0.02, source=RDS), "io1": Price(month=0.10, source=RDS)}
# What gp3 includes from 400 GiB on, where IOPS can be chosen at all.
INCLUDED_IOPS = 12000
# Redis OSS; Valkey's nodes cost a fifth less.
CACHE = {
    name: Price(hour=price, source=ELASTICACHE)
    for name, price in {
        "cache.t3.micro": 0.017,
        "cache.t3.small": 0.034,
        "cache.t3.medium": 0.068,
        "cache.t4g.micro": 0.016,
        "cache.t4g.small": 0.032,
        "cache.t4g.medium": 0.065,
        "cache.m5.large": 0.156,
        "cache.m5.xlarge": 0.311,
        "cache.m6g.large": 0.149,
        "cache.m6g.xlarge": 0.297,
        "cache.r5.large": 0.216,
        "cache.r6g.large": 0.206,
        "cache.r6g.xlarge": 0.411,
        "cache.r7g.large": 0.219,
    }.items()
}
VALKEY = 0.8
# The rest costs the same whatever its size.
EACH = {
    "AWS::ElasticLoadBalancingV2::LoadBalancer": Price(
        hour=0.0225, source="https://aws.amazon.com/elasticloadbalancing/pricing/"
    ),
    "AWS::EC2::NatGateway": Price(hour=0.045, source=VPC),
    "AWS::EC2::EIP": Price(hour=0.005, source=VPC),
    "AWS::SecretsManager::Secret": Price(
        month=0.40, source="https://aws.amazon.com/secrets-manager/pricing/"
    ),
    "AWS::KMS::Key": Price(month=1.0, source="https://aws.amazon.com/kms/pricing/"),
    "AWS::CloudWatch::Alarm": Price(month=0.10, source=CLOUDWATCH),
    "AWS::CloudWatch::Dashboard": Price(month=3.0, source=CLOUDWATCH),
    "AWS::Route53::HostedZone": Price(
        month=0.50, source="https://aws.amazon.com/route53/pricing/"
    ),
}
ENDPOINT = Price(hour=0.01, source="https://aws.amazon.com/privatelink/pricing/")
# Billed by use alone, which a template doesn't tell.
BY_USE = frozenset(
    {
        "AWS::CertificateManager::Certificate",
        "AWS::EC2::FlowLog",
        "AWS::ECR::Repository",
        "AWS::Events::Rule",
        "AWS::Logs::LogGroup",
        "AWS::Logs::MetricFilter",
        "AWS::S3::Bucket",
        "AWS::SNS::Subscription",
        "AWS::SNS::Topic",
    }
)
FREE = frozenset(
    {
        "AWS::ApplicationAutoScaling::ScalableTarget",
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        "AWS::EC2::InternetGateway",
        "AWS::EC2::Route",
        "AWS::EC2::RouteTable",
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::SecurityGroupEgress",
        "AWS::EC2::SecurityGroupIngress",
        "AWS::EC2::Subnet",
        "AWS::EC2::SubnetRouteTableAssociation",
        "AWS::EC2::VPC",
        "AWS::EC2::VPCGatewayAttachment",
        "AWS::ECS::Cluster",
        "AWS::ECS::TaskDefinition",
        "AWS::ElastiCache::SubnetGroup",
        "AWS::ElasticLoadBalancingV2::Listener",
        "AWS::ElasticLoadBalancingV2::ListenerRule",
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        "AWS::IAM::AccessKey",
        "AWS::IAM::InstanceProfile",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::OIDCProvider",
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::IAM::User",
        "AWS::KMS::Alias",
        "AWS::Logs::ResourcePolicy",
        "AWS::RDS::DBParameterGroup",
        "AWS::RDS::DBSubnetGroup",
        "AWS::Route53::RecordSet",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::TopicPolicy",
        "AWS::SecretsManager::SecretTargetAttachment",
    }
)
