"""What only one resource can have at a time: a name, or a place such as a route's."""

from __future__ import annotations

from typing import Any

from liberty_cfn.model.resolving import Resource
from liberty_cfn.review.comparing import canonical
from liberty_cfn.review.schemas import Schema, schema

# Where a name is not among what identifies the type, or doesn't have to be the only one.
NAMES = {
    "AWS::EC2::SecurityGroup": "GroupName",
    "AWS::ECS::Service": "ServiceName",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "Name",
    "AWS::ElasticLoadBalancingV2::TargetGroup": "Name",
    "AWS::SecretsManager::Secret": "Name",
    "AWS::SNS::Topic": "TopicName",
    "AWS::Events::Rule": "Name",
    "AWS::SQS::Queue": "QueueName",
    "AWS::ElasticLoadBalancing::LoadBalancer": "LoadBalancerName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
    "AWS::ECS::CapacityProvider": "Name",
    "AWS::KMS::Alias": "AliasName",
    "AWS::EC2::LaunchTemplate": "LaunchTemplateName",
    "AWS::CloudFormation::StackSet": "StackSetName",
    "AWS::WAFv2::WebACL": "Name",
    "AWS::Batch::JobQueue": "JobQueueName",
    "AWS::Batch::ComputeEnvironment": "ComputeEnvironmentName",
    "AWS::MSK::Cluster": "ClusterName",
}


def name_property(resource_type: str) -> str:
    """Return the property with the name that only one resource can have; empty for none."""
    if resource_type in NAMES:
        return NAMES[resource_type]
    known: Schema | None = schema(resource_type)
    if known is None or len(known.identifier) != 1:
        return ""
    (identifier,) = known.identifier
    return identifier[0] if identifier in known.create_only and len(identifier) == 1 else ""


def fixed_name(resource: Resource) -> Any:
    """Return the name a template gives a resource; None where AWS chooses it."""
    name = name_property(resource.type)
    return resource.properties.get(name) if name else None


_RULE = ("GroupId", "IpProtocol", "FromPort", "ToPort")
# What only one resource can have, where it is more than a name.
PLACES = {
    "AWS::ApplicationAutoScaling::ScalingPolicy": (
        *("PolicyName", "ScalingTargetId", "ResourceId", "ScalableDimension"),
    ),
    "AWS::EC2::NatGateway": ("AllocationId",),
    "AWS::EC2::SecurityGroupEgress": (
        *_RULE,
        *("CidrIp", "CidrIpv6", "DestinationSecurityGroupId", "DestinationPrefixListId"),
    ),
    "AWS::EC2::SecurityGroupIngress": (
        *_RULE,
        *("CidrIp", "CidrIpv6", "SourceSecurityGroupId", "SourcePrefixListId"),
    ),
    "AWS::EC2::Subnet": ("CidrBlock", "VpcId"),
    "AWS::EC2::VPCEndpoint": ("RouteTableIds", "VpcId", "ServiceName"),
    "AWS::EC2::VPCGatewayAttachment": ("VpcId", "VpnGatewayId"),
    "AWS::ElasticLoadBalancingV2::Listener": ("Port", "LoadBalancerArn"),
    "AWS::ElasticLoadBalancingV2::ListenerRule": ("Priority", "ListenerArn"),
    "AWS::Lambda::EventSourceMapping": ("EventSourceArn", "FunctionName"),
    "AWS::EC2::Route": (
        "RouteTableId",
        "DestinationCidrBlock",
        "DestinationIpv6CidrBlock",
        "DestinationPrefixListId",
    ),
    "AWS::EC2::SubnetRouteTableAssociation": ("SubnetId",),
    "AWS::Route53::RecordSet": (
        *("Name", "HostedZoneId", "HostedZoneName", "Type", "SetIdentifier"),
    ),
}


def place(resource: Resource) -> tuple[Any, ...]:
    """Return what no other resource of its type can have at the same time; empty for nothing.

    A name, or several properties together; what only AWS knows is compared as it stands.
    Without the first of them there is no such place.
    """
    known = schema(resource.type)
    names = PLACES.get(resource.type, ())
    if not names and known is not None and known.identifier <= known.create_only:
        names = tuple(sorted(steps[0] for steps in known.identifier))
    if not names or resource.type in NAMES:
        names = (name,) if (name := name_property(resource.type)) else ()
    values = tuple(canonical(resource.properties.get(name)) for name in names)
    there = values[:1] if resource.type in PLACES else values
    return values if any(value is not None for value in there) else ()
