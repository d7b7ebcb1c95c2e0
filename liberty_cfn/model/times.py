"""How long AWS typically takes over a resource, by its type: to make it, and to change it.

In seconds: averages that rain, AWS's own deploy tool, predicts with (internal/cmd/forecast/
estimate.go in github.com/aws-cloudformation/rain). A certificate's is from its DNS record being
seen, which takes AWS minutes. It tells no times of deletion.
"""

from __future__ import annotations

from datetime import timedelta

# Types that are not here take a moment.
MOMENT = (2, 2)
TYPICAL = {
    "AWS::ApplicationAutoScaling::ScalableTarget": (2, 0),
    "AWS::ApplicationAutoScaling::ScalingPolicy": (1, 0),
    "AWS::CertificateManager::Certificate": (240, 2),
    "AWS::EC2::EIP": (17, 2),
    "AWS::EC2::InternetGateway": (17, 16),
    "AWS::EC2::NatGateway": (106, 5),
    "AWS::EC2::Route": (2, 0),
    "AWS::EC2::RouteTable": (12, 11),
    "AWS::EC2::SecurityGroup": (6, 2),
    "AWS::EC2::SecurityGroupEgress": (3, 1),
    "AWS::EC2::SecurityGroupIngress": (2, 1),
    "AWS::EC2::Subnet": (4, 10),
    "AWS::EC2::SubnetRouteTableAssociation": (2, 0),
    "AWS::EC2::VPC": (12, 2),
    "AWS::EC2::VPCEndpoint": (47, 11),
    "AWS::EC2::VPCGatewayAttachment": (12, 11),
    "AWS::ECS::Cluster": (5, 2),
    "AWS::ECS::Service": (119, 71),
    "AWS::ECS::TaskDefinition": (4, 2),
    "AWS::ElastiCache::CacheCluster": (344, 113),
    "AWS::ElastiCache::ReplicationGroup": (712, 208),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": (116, 2),
    "AWS::ElasticLoadBalancingV2::TargetGroup": (18, 6),
    "AWS::IAM::Policy": (17, 3),
    "AWS::IAM::Role": (12, 17),
    "AWS::IAM::User": (37, 2),
    "AWS::KMS::Key": (122, 71),
    "AWS::RDS::DBInstance": (595, 171),
    "AWS::Route53::HostedZone": (71, 16),
    "AWS::Route53::RecordSet": (20, 2),
    "AWS::S3::Bucket": (30, 31),
    "AWS::S3::BucketPolicy": (12, 12),
    "AWS::SNS::Topic": (4, 7),
}


def to_make(type_: str) -> timedelta:
    """Return how long a resource of this type typically takes to make."""
    return timedelta(seconds=TYPICAL.get(type_, MOMENT)[0])


def to_change(type_: str) -> timedelta:
    """Return how long a change of a resource of this type typically takes."""
    return timedelta(seconds=TYPICAL.get(type_, MOMENT)[1])
