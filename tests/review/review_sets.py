"""Resources as they are resolved, made by hand."""

from liberty_cfn.model.flattening import Origin
from liberty_cfn.model.resolving import Resolved, Resource


def resolved(**resources):
    """Return what comes of these resources: a type without AWS::, and properties."""
    return Resolved(
        {
            title: Resource(
                title,
                f"AWS::{kind}",
                {"Properties": properties},
                Origin((), title, "root.yaml"),
            )
            for title, (kind, properties) in resources.items()
        },
        {},
        {},
    )


def task(group, subnet="Inner", *, public=False):
    return "ECS::Service", {
        "NetworkConfiguration": {
            "AwsvpcConfiguration": {
                "SecurityGroups": [{"Fn::GetAtt": [group, "GroupId"]}],
                "Subnets": [{"Ref": subnet}],
                "AssignPublicIp": "ENABLED" if public else "DISABLED",
            }
        }
    }


def route(table, **target):
    return "EC2::Route", {
        "RouteTableId": {"Ref": table},
        "DestinationCidrBlock": "0.0.0.0/0",
        **target,
    }


def association(subnet, table):
    return "EC2::SubnetRouteTableAssociation", {
        "SubnetId": {"Ref": subnet},
        "RouteTableId": {"Ref": table},
    }
