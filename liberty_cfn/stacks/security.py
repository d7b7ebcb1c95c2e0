"""Who may open a connection to whom."""

from typing import Any

from troposphere import Template, ec2

from liberty_cfn.names import named
from liberty_cfn.nesting import outputs
from liberty_cfn.ports import APP, HTTP, HTTPS, POSTGRES, REDIS
from liberty_cfn.values import SecurityGroupId, Suffix, VpcId

ANYWHERE = "0.0.0.0/0"


@outputs
class Security:
    balancer_group_id: SecurityGroupId
    tasks_group_id: SecurityGroupId
    database_group_id: SecurityGroupId
    cache_group_id: SecurityGroupId


def security(t: Template, *, suffix: Suffix, vpc_id: VpcId) -> Security:
    """Security groups: the world reaches the balancer, and each tier the next."""

    def group(title: str, name: str, purpose: str, **rules: Any) -> SecurityGroupId:
        resource = ec2.SecurityGroup(
            title,
            GroupName=named(name, suffix),
            GroupDescription=purpose,
            VpcId=vpc_id,
            **rules,
        )
        return SecurityGroupId(t.add_resource(resource).get_att("GroupId"))

    balancer = group(
        "BalancerGroup",
        "alb-sg",
        "Load balancer, open to the world",
        SecurityGroupIngress=[
            _tcp(HTTP, "HTTP from anywhere", CidrIp=ANYWHERE),
            _tcp(HTTPS, "HTTPS from anywhere", CidrIp=ANYWHERE),
        ],
        SecurityGroupEgress=[_everything("All traffic out")],
    )
    tasks = group(
        "TasksGroup",
        "ecs-sg",
        "Application tasks",
        # Any rule here replaces the one AWS adds by itself, which allows everything.
        SecurityGroupEgress=[_tcp(HTTPS, "HTTPS to AWS and the internet", CidrIp=ANYWHERE)],
    )
    database = group(
        "DatabaseGroup",
        "rds-sg",
        "PostgreSQL database",
        SecurityGroupEgress=[_everything("All traffic out, as by default")],
    )
    cache = group(
        "CacheGroup",
        "elasticache-sg",
        "Redis cache",
        SecurityGroupEgress=[_everything("All traffic out, as by default")],
    )

    # Rules between groups are resources of their own. Written inside two groups,
    # they would have each wait for the other to exist.
    t.add_resource(
        ec2.SecurityGroupIngress(
            "BalancerToTasksIngress",
            GroupId=tasks,
            SourceSecurityGroupId=balancer,
            **_port(APP, "Application from the load balancer"),
        )
    )
    _allow(
        t,
        "TasksToDatabase",
        tasks,
        database,
        POSTGRES,
        description="PostgreSQL: tasks to database",
    )
    _allow(t, "TasksToCache", tasks, cache, REDIS, description="Redis: tasks to cache")

    return Security(balancer, tasks, database, cache)


def _allow(
    t: Template,
    title: str,
    source: SecurityGroupId,
    target: SecurityGroupId,
    port: int,
    *,
    description: str,
) -> None:
    """Let `source` out to `target`, and let it in there."""
    t.add_resource(
        ec2.SecurityGroupEgress(
            f"{title}Egress",
            GroupId=source,
            DestinationSecurityGroupId=target,
            **_port(port, description),
        )
    )
    t.add_resource(
        ec2.SecurityGroupIngress(
            f"{title}Ingress",
            GroupId=target,
            SourceSecurityGroupId=source,
            **_port(port, description),
        )
    )


def _tcp(port: int, description: str, **peer: str) -> ec2.SecurityGroupRule:
    return ec2.SecurityGroupRule(**_port(port, description), **peer)


def _everything(description: str) -> ec2.SecurityGroupRule:
    return ec2.SecurityGroupRule(IpProtocol="-1", CidrIp=ANYWHERE, Description=description)


def _port(port: int, description: str) -> dict[str, Any]:
    return {
        "IpProtocol": "tcp",
        "FromPort": port,
        "ToPort": port,
        "Description": description,
    }
