"""The kinds of value that cross a stack boundary.

CloudFormation passes values between stacks as strings, so a subnet handed over
where a VPC is wanted goes unnoticed until the deploy fails. Here each kind has a
class: the type checker compares kinds as you write, `nest` compares them again
at generation, and the class knows which Parameter type to declare.
"""

from __future__ import annotations

from typing import Any, ClassVar

from troposphere import AWSHelperFn, Join


class Value(AWSHelperFn):
    """A CloudFormation expression that knows what kind of thing it yields."""

    parameter_type: ClassVar[str] = "String"

    def __init__(self, expression: Any) -> None:
        self.data = expression

    def as_text(self) -> Any:
        """Return the expression as stacks hand it to each other: one string."""
        return self.data


class Values(Value):
    """Several of a kind. Between stacks they travel as one string, joined by commas."""

    parameter_type = "CommaDelimitedList"

    def as_text(self) -> Any:
        return Join(",", self.data)


class Text(Value):
    """Text with no kind of its own."""


class Suffix(Value):
    """What an environment appends to the names in the spec: empty, or `-dev`."""


class Flag(Value):
    """`true` or `false`."""


class Number(Value):
    parameter_type = "Number"


class Cidr(Value):
    """A range of IPv4 addresses, such as 10.0.1.0/24."""


class VpcId(Value):
    parameter_type = "AWS::EC2::VPC::Id"


class SubnetId(Value):
    parameter_type = "AWS::EC2::Subnet::Id"


class SubnetIds(Values):
    parameter_type = "List<AWS::EC2::Subnet::Id>"


class RouteTableId(Value):
    """A table that says where traffic from a subnet goes."""


class SecurityGroupId(Value):
    parameter_type = "AWS::EC2::SecurityGroup::Id"


class IpAddresses(Values):
    """Public IPv4 addresses."""


class DomainName(Value):
    """A name in the DNS: example.com, or that of a server."""


class NameServers(Values):
    """The servers that answer for a hosted zone."""


class Origins(Values):
    """Where a browser's page came from: scheme and host, no path."""


class HostedZoneId(Value):
    """A Route 53 hosted zone."""


class ListenerArn(Value):
    """A load balancer's listener."""


class TargetGroupArn(Value):
    """The group of targets a listener forwards to."""


class MetricName(Value):
    """A load balancer or target group, as CloudWatch's dimensions spell it."""


class RepositoryUri(Value):
    """Where images are pushed to and pulled from, without a tag."""


class BucketName(Value):
    """An S3 bucket, by name."""


class BucketArn(Value):
    """The bucket itself; its objects are this and `/*`."""


class RoleArn(Value):
    """A role some service may assume."""


class SecretArn(Value):
    """A secret, named in full: with the six characters AWS appends."""


class SecretArns(Values):
    """Several secrets, each named in full."""


class LogGroupName(Value):
    """A CloudWatch log group."""


class ClusterName(Value):
    """An ECS cluster."""


class ServiceName(Value):
    """An ECS service."""


class DatabaseId(Value):
    """An RDS instance, by its identifier."""


class CacheId(Value):
    """An ElastiCache cluster, by its identifier."""


class TopicArn(Value):
    """An SNS topic."""
