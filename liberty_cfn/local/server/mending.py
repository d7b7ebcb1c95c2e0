# ruff: noqa: SLF001 - ministack has no public names for these
"""Where ministack drops a property, or answers otherwise than AWS."""

import html
import re
from collections.abc import Callable
from typing import Any

from ministack.services import alb, ec2, ecs, rds, route53, secretsmanager, sns
from ministack.services.cloudformation import drift, provisioners

from .asking import Answer, Properties

Attributes = dict[str, Any]
Mend = Callable[[str, Attributes, Properties], Attributes | None]
handlers = provisioners._RESOURCE_HANDLERS

SERVICE = (
    "EnableECSManagedTags",
    "EnableExecuteCommand",
    "HealthCheckGracePeriodSeconds",
    "PlatformVersion",
    "PropagateTags",
    "SchedulingStrategy",
)


def then(kind: str, mend: Mend) -> None:
    """Mend a resource whenever it was made or changed; the mend may add attributes."""

    def after(way: str, place: int) -> Callable[..., tuple[str, Attributes]]:
        original = handlers[kind][way]

        def made(*arguments: Any) -> tuple[str, Attributes]:
            physical, attributes = original(*arguments)
            more = mend(physical, attributes, arguments[place])
            return physical, attributes | (more or {})

        return made

    handlers[kind] |= {"create": after("create", 1), "update": after("update", 2)}


def _network(_vpc: str, _attributes: Attributes, properties: Properties) -> Attributes:
    return {"CidrBlock": properties["CidrBlock"]}


def _service(service: str, _attributes: Attributes, properties: Properties) -> None:
    key = next(key for key, kept in ecs._services.items() if kept["serviceArn"] == service)
    for name in SERVICE:
        if name in properties:
            ecs._services[key][name[0].lower() + name[1:]] = properties[name]


def _task(task: str, _attributes: Attributes, properties: Properties) -> None:
    camel = provisioners._pascal_to_camel
    record = ecs._task_defs[task.rpartition("/")[2]]
    # Their keys are other people's names, which keep their capitals.
    loose = {"DockerLabels", "Options", "DriverOpts", "Labels"}

    def told(value: Any) -> Any:
        if isinstance(value, list):
            return [told(entry) for entry in value]
        if not isinstance(value, dict):
            return value
        return {
            name[0].lower() + name[1:]: entry if name in loose else told(entry)
            for name, entry in value.items()
        }

    record["containerDefinitions"] = told(properties.get("ContainerDefinitions", []))
    record["volumes"] = told(properties.get("Volumes", []))
    for name in ("RuntimePlatform", "EphemeralStorage"):
        if name in properties:
            record[name[0].lower() + name[1:]] = camel(properties[name])


def _balancer(balancer: str, _attributes: Attributes, properties: Properties) -> None:
    subnets = [ec2._subnets.get(subnet) for subnet in properties.get("Subnets", [])]
    if subnets and subnets[0]:
        alb._lbs[balancer]["VpcId"] = subnets[0]["VpcId"]


def _zoned(answer: Answer) -> Answer:
    """A load balancer's zones are those of its subnets."""

    def told(found: re.Match[str]) -> str:
        zone = ec2._subnets.get(found[1], {}).get("AvailabilityZone", "")
        return f"<ZoneName>{zone}</ZoneName><SubnetId>{found[1]}</SubnetId>"

    one = r"<ZoneName>[^<]*</ZoneName>\s*<SubnetId>([^<]*)</SubnetId>"
    return answer[0], answer[1], re.sub(one, told, answer[2].decode()).encode()


def _topic(topic: str, _attributes: Attributes, properties: Properties) -> None:
    kept = sns._topics[topic]["attributes"]
    kept.pop("KmsMasterKeyId", None)
    if properties.get("KmsMasterKeyId"):
        kept["KmsMasterKeyId"] = properties["KmsMasterKeyId"]


def _database(database: str, _attributes: Attributes, properties: Properties) -> None:
    exports = properties.get("EnableCloudwatchLogsExports", [])
    rds._instances[database]["EnabledCloudwatchLogsExports"] = exports
    rds._instances[database]["Iops"] = properties.get("Iops")


def _exporting(answer: Answer) -> Answer:
    """A database's log exports, which ministack's answers leave empty."""

    def told(found: re.Match[str]) -> str:
        exports = rds._instances.get(found[1], {}).get("EnabledCloudwatchLogsExports", [])
        members = "".join(f"<member>{html.escape(name)}</member>" for name in exports)
        tag = "EnabledCloudwatchLogsExports"
        return found[0].replace(f"<{tag}/>", f"<{tag}>{members}</{tag}>")

    one = r"<DBInstanceIdentifier>([^<]*)<.*?<EnabledCloudwatchLogsExports/>"
    body = re.sub(one, told, answer[2].decode(), flags=re.DOTALL)
    return answer[0], answer[1], body.encode()


def _zone(zone: str, _attributes: Attributes, _properties: Properties) -> Attributes:
    """The name servers that a zone really has."""
    [servers] = [r["ResourceRecords"] for r in route53._records[zone] if r["Type"] == "NS"]
    return {"Id": zone, "NameServers": [server.rstrip(".") for server in servers]}


def _answering(actions: dict[str, Any], action: str, mend: Callable[[Answer], Answer]) -> None:
    original = actions[action]
    actions[action] = lambda query: mend(original(query))


def _name(secret: str) -> str:
    named: str = next(
        (n for n, s in secretsmanager._secrets.items() if s["ARN"] == secret), secret
    )
    return named


def _known_by_arn(kind: str) -> None:
    """Ref of a secret is its ARN; ministack's is its name."""
    create, update, delete = (handlers[kind][way] for way in ("create", "update", "delete"))

    def made(*arguments: Any) -> tuple[str, Attributes]:
        _, attributes = create(*arguments)
        return attributes["Id"], attributes

    def changed(secret: str, *arguments: Any) -> tuple[str, Attributes]:
        _, attributes = update(_name(secret), *arguments)
        return attributes["Id"], attributes

    handlers[kind] |= {
        "create": made,
        "update": changed,
        "delete": lambda secret, properties: delete(_name(secret), properties),
    }
    read, compared = drift._DRIFT_READERS[kind]
    drift._DRIFT_READERS[kind] = (lambda arn, given: read(_name(arn), given), compared)


def add() -> None:
    then("AWS::EC2::VPC", _network)
    then("AWS::ECS::Service", _service)
    then("AWS::ECS::TaskDefinition", _task)
    then("AWS::ElasticLoadBalancingV2::LoadBalancer", _balancer)
    then("AWS::RDS::DBInstance", _database)
    then("AWS::Route53::HostedZone", _zone)
    then("AWS::SNS::Topic", _topic)
    _answering(alb._ACTION_MAP, "DescribeLoadBalancers", _zoned)
    _answering(rds._ACTION_MAP, "DescribeDBInstances", _exporting)
    _known_by_arn("AWS::SecretsManager::Secret")
    provisioners._STACK_TAG_PROPERTY["AWS::ECS::TaskDefinition"] = ("Tags", "list")
