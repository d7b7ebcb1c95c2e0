"""What lets the public in, by type."""

from __future__ import annotations

from typing import Any

from liberty_cfn.model.resolving import Resource
from liberty_cfn.review.comparing import at, equal

_ASKED = ("AWS_IAM", "COGNITO_USER_POOLS", "CUSTOM", "JWT")
_UNREAD = (
    *("Private", "LogDeliveryWrite", "AwsExecRead"),
    *("BucketOwnerRead", "BucketOwnerFullControl"),
)
_ADDRESS = (("PubliclyAccessible", ("false",), "it gets a public address"),)
_CALLED = (("AuthorizationType", _ASKED, "anybody may call it"),)
# A property, its values that are private, and what is open with any other.
PUBLIC: dict[str, tuple[tuple[str, tuple[str, ...], str], ...]] = {
    "AWS::AmazonMQ::Broker": _ADDRESS,
    "AWS::ApiGateway::Method": _CALLED,
    "AWS::ApiGatewayV2::Route": _CALLED,
    "AWS::DMS::ReplicationInstance": _ADDRESS,
    "AWS::EC2::Subnet": (
        ("MapPublicIpOnLaunch", ("false",), "what starts in the subnet gets a public address"),
    ),
    "AWS::ECS::Service": (
        (
            "NetworkConfiguration.AwsvpcConfiguration.AssignPublicIp",
            ("DISABLED",),
            "its tasks get public addresses",
        ),
        ("EnableExecuteCommand", ("false",), "a shell can be opened in its tasks"),
    ),
    "AWS::EKS::Cluster": (
        (
            "ResourcesVpcConfig.EndpointPublicAccess",
            ("false",),
            "its API can be reached from the internet",
        ),
    ),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": (
        ("Scheme", ("internal",), "the load balancer can be reached from the internet"),
    ),
    "AWS::Lambda::Url": (("AuthType", ("AWS_IAM",), "anybody may call the function"),),
    "AWS::RDS::DBCluster": _ADDRESS,
    "AWS::RDS::DBInstance": (
        ("PubliclyAccessible", ("false",), "the database gets a public address"),
    ),
    "AWS::Redshift::Cluster": _ADDRESS,
    "AWS::S3::Bucket": (
        ("AccessControl", _UNREAD, "anybody may read what is in it"),
        *(
            (f"PublicAccessBlockConfiguration.{name}", ("true",), why)
            for name, why in (
                ("BlockPublicAcls", "access lists may let the public in"),
                ("IgnorePublicAcls", "access lists that let the public in count"),
                ("BlockPublicPolicy", "a policy may let the public in"),
                ("RestrictPublicBuckets", "a policy that lets the public in counts"),
            )
        ),
    ),
}
# What a type is where a template leaves the property out.
DEFAULTS = {
    "AccessControl": "Private",
    "AuthorizationType": "NONE",
    "EnableExecuteCommand": "false",
    "MapPublicIpOnLaunch": "false",
    "NetworkConfiguration.AwsvpcConfiguration.AssignPublicIp": "DISABLED",
    "PubliclyAccessible": "false",
    "ResourcesVpcConfig.EndpointPublicAccess": "true",
    "Scheme": "internet-facing",
}


def is_open(resource: Resource | None, path: str, private: tuple[str, ...]) -> bool:
    """Whether a property of a resource lets the public in; none does where it isn't there."""
    if resource is None:
        return False
    value: Any = at(resource.properties, tuple(path.split(".")))
    value = DEFAULTS.get(path) if value is None else value
    return not any(equal(value, one) for one in private)
