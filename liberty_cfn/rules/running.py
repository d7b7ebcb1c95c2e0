"""LC132x: what a task needs to start: its secrets, its roles, its logs, and the truth."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

from liberty_cfn.model.resolving import Resource
from liberty_cfn.rules.examples import changed
from liberty_cfn.rules.expected import TRUTH, like, one_of, unfit
from liberty_cfn.rules.rule import (
    UNKNOWN,
    Design,
    Path,
    Problem,
    Rule,
    each,
    flag,
    look,
    number,
    referred,
    spelt,
    text,
)
from liberty_cfn.rules.statements import (
    Statement,
    covers,
    managed,
    role_statements,
    shown,
)
from liberty_cfn.rules.tasks import TASK, containers, on_fargate
from liberty_cfn.rules.vault import TYPE as SECRET
from liberty_cfn.rules.vault import has_value, keys, meant, named

GUIDE = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/"
ROLE = "AWS::IAM::Role"
LOG_GROUP = "AWS::Logs::LogGroup"
BUCKET = "AWS::S3::Bucket"
EXECUTION_POLICY = "AmazonECSTaskExecutionRolePolicy"
# A key, a version's stage and its id may follow a secret's ARN.
FURTHER = re.compile(r":(?P<key>[^:]*):[^:]*:[^:]*")
SECRET_ARN = re.compile(
    r"arn:aws[a-z-]*:secretsmanager:(?P<region>[a-z0-9-]+):\d{12}:secret:"
    r"[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}(:[^:]*:[^:]*:[^:]*)?"
)
PARAMETER = re.compile(r"arn:aws[a-z-]*:ssm:[a-z0-9-]+:\d{12}:parameter/.+|[A-Za-z0-9_./-]+")
OPTIONS = {
    "awslogs-group": like(r"[A-Za-z0-9_./#-]{1,512}", "the name of a log group, not its ARN"),
    "awslogs-region": like(
        r"(us|eu|ap|sa|ca|me|af|il|mx|cn|us-gov|us-iso[bef]?|eu-isoe|eusc-de)"
        r"-(north|south|east|west|central|(north|south)(east|west))-[1-7]",
        "a region there is",
    ),
    "awslogs-stream-prefix": like(r"[^:*]{1,400}", "a prefix without : and *"),
    "awslogs-create-group": TRUTH,
    "awslogs-datetime-format": like(r".+", "a format"),
    "awslogs-multiline-pattern": like(r".+", "a pattern"),
    "awslogs-endpoint": like(r"https?://.+", "a URL"),
    "mode": one_of("blocking", "non-blocking"),
    "max-buffer-size": like(r"\d+[kmg]?", "a size, such as 25m"),
}
NEEDED = ("awslogs-group", "awslogs-region", "awslogs-stream-prefix")
SHELL = tuple(
    f"ssmmessages:{way}{channel}Channel"
    for way in ("Create", "Open")
    for channel in ("Control", "Data")
)


def _items(task: Resource) -> Iterator[tuple[Path, Any]]:
    """Yield each secret that a task's containers have: the variable, and what it is of."""
    for path, container in containers(task):
        for at, item in each(container, "Secrets", "*"):
            yield (*path, *at), item


def _given(task: Resource) -> Iterator[tuple[Path, Any]]:
    """Yield each reference to a secret that a task's containers have."""
    for path, item in _items(task):
        for at, value in each(item, "ValueFrom"):
            yield (*path, *at), value


def _parts(design: Design, value: Any) -> tuple[Resource | None, str]:
    """Return the secret that a reference is to, if made here, and what follows its ARN."""
    pieces = look(value, "Fn::Join", 1) if look(value, "Fn::Join", 0) == "" else None
    first, *rest = pieces if isinstance(pieces, list) and pieces else [value]
    return meant(design, first), "".join(spelt(piece) for piece in rest)


def _secrets(design: Design) -> Iterator[Problem]:
    for task in design.of_type(TASK):
        for path, value in _given(task):
            secret, further = _parts(design, value)
            why = _no_secret(design, value) if secret is None else _no_value(secret, further)
            if why:
                yield Problem(task.id, path, why)
        for path, item in _items(task):
            if why := _of_another(design, item):
                yield Problem(task.id, (*path, "ValueFrom"), why)


def _of_another(design: Design, item: Any) -> str:
    """Return why a variable has another's secret; nothing where names don't tell.

    A secret whose name ends in a variable's is that variable's: liberty-social/SECRET_KEY-dev
    is SECRET_KEY's.
    """
    variable = text(look(item, "Name"))
    secret, _ = _parts(design, look(item, "ValueFrom"))
    if not variable or secret is None or _is_named(secret, variable):
        return ""
    whose = [other for other in design.of_type(SECRET) if _is_named(other, variable)]
    if not whose:
        return ""
    return f"{variable} is given {secret.origin}; expected {whose[0].origin}, which is named so"


def _is_named(secret: Resource, variable: str) -> bool:
    own = spelt(secret.properties.get("Name", "")).rpartition("/")[2]
    return own.rstrip(UNKNOWN) == variable or own.startswith(f"{variable}-")


def _no_value(secret: Resource, further: str) -> str:
    """Return why a secret of ours has nothing for a task; nothing if it has."""
    if not has_value(secret):
        why = f"{secret.origin} is made without a value, so that no task starts"
        return f"{why}; give it one: GenerateSecretString, if a person sets the real one later"
    if not further:
        return ""
    found = FURTHER.fullmatch(further)
    if not found:
        return (
            f"{further!r} behind the ARN; expected :key:: (key, stage and version, all three)"
        )
    known = keys(secret)
    if found["key"] and known is None:
        return f"{secret.origin} is plain text, without a key {found['key']!r}; drop {further}"
    if found["key"] and found["key"] not in (known or ()):
        return f"{secret.origin} has no key {found['key']!r}; expected one of {known}"
    return ""


def _no_secret(design: Design, value: Any) -> str:
    made, plain = design.follow(value), text(value)
    if made is not None and made.type != "AWS::SSM::Parameter":
        return f"{shown(value)} is no secret's ARN; expected !Ref of a secret"
    if plain is None and (spelled := spelt(value)).startswith("arn:"):
        name = spelled.partition(":secret:")[2].partition(":")[0]
        secret = named(design, name)
        if secret and UNKNOWN not in name:
            return (
                f"{name} is the secret's name, and its ARN ends in six characters more; "
                f"expected !Ref {secret.origin.logical_id}"
            )
    return "" if plain is None else _no_arn(design, plain)


def _no_arn(design: Design, plain: str) -> str:
    """Return why a text is no reference to a secret or parameter; nothing if it is."""
    if plain.startswith("{{resolve"):
        return "the value itself would stand in the task definition; expected the secret's ARN"
    if secret := named(design, plain):
        return f"{plain} is a secret's name; expected its ARN: !Ref {secret.origin.logical_id}"
    if found := SECRET_ARN.fullmatch(plain):
        there = found["region"]
        region = design.environment.region if design.environment else there
        return "" if there == region else f"the secret is in {there}; expected one in {region}"
    if PARAMETER.fullmatch(plain):
        return ""
    return f"{plain!r} is no ARN of a secret, with its last six characters, or of a parameter"


def _execution_role(design: Design) -> Iterator[Problem]:
    for task in design.of_type(TASK):
        needs = sorted({why for _, why in _starts_with(task)})
        if needs and "ExecutionRoleArn" not in task.properties:
            why = f"ExecutionRoleArn is missing; {needs[0]} needs one"
            yield Problem(task.id, ("Properties", "ExecutionRoleArn"), why)
        for name in ("ExecutionRoleArn", "TaskRoleArn"):
            value = task.properties.get(name)
            made, plain = design.follow(value), text(value)
            named_only = plain is not None and not plain.startswith("arn:")
            if named_only or (made is not None and made.type != ROLE):
                why = f"{name} is {plain or shown(value)}; expected the ARN of a role"
                yield Problem(task.id, ("Properties", name), why)


def _starts_with(task: Resource) -> Iterator[tuple[Path, str]]:
    for path, container in containers(task):
        if container.get("Secrets"):
            yield path, "reading secrets"
        if text(look(container, "LogConfiguration", "LogDriver")) == "awslogs":
            yield path, "writing logs (awslogs)"
        if _in_ecr(container.get("Image")):
            yield path, "pulling from ECR"
        if container.get("EnvironmentFiles"):
            yield path, "reading environment files"


def _in_ecr(image: Any) -> bool:
    return ".RepositoryUri}" in shown(image) or ".dkr.ecr." in shown(image)


def _may_start(design: Design) -> Iterator[Problem]:
    for task in design.of_type(TASK):
        role = design.follow(task.properties.get("ExecutionRoleArn"))
        if role is None or role.type != ROLE:
            continue
        granted = list(role_statements(design, role))
        usual = EXECUTION_POLICY in managed(role)
        for path, value in _given(task):
            secret, _ = _parts(design, value)
            reads = [one for one in granted if one.grants("secretsmanager:GetSecretValue")]
            if secret and not any(_names(one, secret) for s in reads for one in s.resources):
                why = (
                    f"{role.origin} may not read {secret.origin}, so that no task starts; "
                    f"expected secretsmanager:GetSecretValue on it"
                )
                yield Problem(task.id, path, why)
        for path, why in _may_beside(task, role, granted):
            yield Problem(task.id, path, f"{role.origin} may not {why}")
        for path, what in _starts_with(task):
            action = {
                "writing logs (awslogs)": "logs:PutLogEvents",
                "pulling from ECR": "ecr:BatchGetImage",
            }.get(what)
            if action and not usual and not any(one.grants(action) for one in granted):
                why = f"{role.origin} may not {action}, as {what} needs; expected the policy "
                yield Problem(task.id, path, f"{why}{EXECUTION_POLICY}")


def _may_beside(
    task: Resource, role: Resource, granted: Sequence[Statement]
) -> Iterator[tuple[Path, str]]:
    """Yield what AWS's own policy for tasks doesn't allow, either."""
    may = any(one.grants("ssm:GetParameters") for one in granted)
    may = may or any("SSM" in name for name in managed(role))
    for path, what in _reads_parameters(task) if not may else ():
        yield path, f"read {what}; expected ssm:GetParameters on it"
    may = any(one.grants("logs:CreateLogGroup") for one in granted)
    for path, container in containers(task):
        where = ("LogConfiguration", "Options", "awslogs-create-group")
        if flag(look(container, *where)) and not may:
            yield (*path, *where), "logs:CreateLogGroup, as awslogs-create-group needs"


def _reads_parameters(task: Resource) -> Iterator[tuple[Path, str]]:
    """Yield what a task reads from SSM: ARNs of parameters, and names alone."""
    for path, value in _given(task):
        said = spelt(value)
        alone = text(value) is not None and ":" not in said and not said.startswith("{{")
        if alone or re.match(r"arn:[^:]*:ssm:", said):
            yield path, said.rpartition(":")[2].replace(UNKNOWN, "")


def _reaches(design: Design) -> Iterator[Problem]:
    """A container that is told of a bucket, and whose role can't do anything there."""
    for task in design.of_type(TASK):
        value = task.properties.get("TaskRoleArn")
        role = design.follow(value)
        if (value is not None and (role is None or role.type != ROLE)) or (
            role is not None and any("S3" in name or "Admin" in name for name in managed(role))
        ):
            continue
        granted = list(role_statements(design, role)) if role else []
        for path, container in containers(task):
            by_key = {text(look(one, "Name")) for one in container.get("Secrets") or ()}
            told = each(container, "Environment", "*", "Value")
            for at, bucket in told if "AWS_ACCESS_KEY_ID" not in by_key else ():
                made = design.follow(bucket)
                if made is None or made.type != BUCKET or "Ref" not in bucket:
                    continue
                for why in _may_not(made, granted, role):
                    yield Problem(task.id, (*path, *at), why)


def _may_not(
    bucket: Resource, granted: Sequence[Statement], role: Resource | None
) -> Iterator[str]:
    """Yield what browsers may do in a bucket, and the application that signs for it not."""
    methods = ("CorsConfiguration", "CorsRules", "*", "AllowedMethods", "*")
    taken = {text(one) for _, one in each(bucket.properties, *methods)}
    needed = ["s3:GetObject", *(["s3:PutObject"] if taken & {"PUT", "POST"} else [])]
    name = text(bucket.properties.get("BucketName")) or ""
    inside = [f"${{{bucket.id}.Arn}}/x"] + [
        f"arn:{partition}:s3:::{one}/x"
        for partition in ("aws", "${AWS::Partition}")
        for one in (name, f"${{{bucket.id}}}")
    ]
    for action in needed:
        reads = [one for one in granted if one.grants(action)]
        if not any(covers(one, at) for s in reads for one in s.resources for at in inside):
            who = f"{role.origin} may not" if role else "no TaskRoleArn, so that it may not"
            yield f"{who} {action} in {bucket.origin}; expected a role that may"
            return


def _names(resource: Any, secret: Resource) -> bool:
    """Whether a statement's resource is a secret, or matches its name."""
    said = shown(resource)
    if said in ("*", f"${{{secret.id}}}", f"${{{secret.id}.Id}}", f"${{{secret.id}.Arn}}"):
        return True
    name = text(secret.properties.get("Name"))
    return name is None or fnmatchcase(f"{name}-abcdef", said.partition(":secret:")[2])


def _logs(design: Design) -> Iterator[Problem]:
    for task in design.of_type(TASK):
        for path, container in containers(task):
            config = container.get("LogConfiguration")
            at: Path = (*path, "LogConfiguration")
            if not isinstance(config, dict):
                who = text(container.get("Name"))
                why = f"nothing {who} says is kept; expected LogConfiguration, to a log group"
                yield Problem(task.id, at, why)
                continue
            driver = text(config.get("LogDriver"))
            if on_fargate(design, task) and driver not in (
                "awslogs",
                "splunk",
                "awsfirelens",
                None,
            ):
                why = (
                    f"LogDriver is {driver}; expected awslogs, splunk or awsfirelens on Fargate"
                )
                yield Problem(task.id, (*at, "LogDriver"), why)
            if driver == "awslogs":
                for below, why in _options(design, config.get("Options") or {}):
                    yield Problem(task.id, (*at, "Options", *below), why)


def _options(design: Design, options: Any) -> Iterator[tuple[Path, str]]:
    for name in NEEDED:
        if name not in options:
            yield (), f"{name} is missing; awslogs on Fargate needs {', '.join(NEEDED)}"
    for name, value in options.items():
        if name not in OPTIONS:
            yield (name,), f"awslogs has no option {name}; expected one of {', '.join(OPTIONS)}"
        elif isinstance(value, bool | int):
            yield (name,), f"{name} is no text; expected '{text(value)}' in quotes"
        elif wanted := unfit(value, OPTIONS[name]):
            yield (name,), f"{name} is {text(value)!r}; expected {wanted}"
    region = text(options.get("awslogs-region"))
    if design.environment and region not in (design.environment.region, None):
        yield (
            ("awslogs-region",),
            f"{region} is elsewhere; expected {design.environment.region}",
        )
    yield from _log_group(design, options)


def _log_group(design: Design, options: Any) -> Iterator[tuple[Path, str]]:
    group = options.get("awslogs-group")
    made = design.follow(group)
    if made is not None and (made.type != LOG_GROUP or "Ref" not in group):
        yield ("awslogs-group",), f"{shown(group)} is no log group's name; expected its !Ref"
    names = [text(one.properties.get("LogGroupName")) for one in design.of_type(LOG_GROUP)]
    there = text(group) in names or None in names or text(group) is None
    if not there and names and not flag(options.get("awslogs-create-group")):
        said = " or ".join(map(str, names))
        yield ("awslogs-group",), f"there is no log group {text(group)}; expected {said}"


def _told(design: Design) -> Iterator[Problem]:
    for task in design.of_type(TASK):
        for path, container in containers(task):
            values = {
                text(item.get("Name")): (index, item.get("Value"))
                for index, item in enumerate(container.get("Environment") or ())
            }
            told = (
                *_told_of_data(design, values),
                *_told_of_cache(design, values),
                *_told_of_endpoints(design, values),
                *_told_of_hosts(design, values),
            )
            for index, why in told:
                yield Problem(task.id, (*path, "Environment", index), why)


def _told_of_hosts(design: Design, values: dict[Any, Any]) -> Iterator[tuple[int, str]]:
    """What Django answers to, where we make the names that people come by."""
    index, told = values.get("ALLOWED_HOSTS", (0, None))
    names = [
        text(record.properties.get("Name"))
        for record in design.of_type("AWS::Route53::RecordSet")
        if "AliasTarget" in record.properties
    ]
    known = [name.rstrip(".") for name in names if name is not None]
    of_another = bool(names) and design.follow(told) is not None
    hosts = [host for host in (text(told) or "").split(",") if host]
    answered = any(_answers(host, name) for host in hosts for name in known)
    if of_another or (hosts and known and len(known) == len(names) and not answered):
        name = known[0] if known else "the name that people come by"
        yield index, f"ALLOWED_HOSTS is {shown(told)}: it answers 400 to all; expected {name}"


def _answers(host: str, name: str) -> bool:
    """Whether Django answers to a name: to each, to one, or below one with a dot in front."""
    return host in ("*", name) or (host.startswith(".") and f".{name}".endswith(host))


def _told_of_data(design: Design, values: dict[Any, Any]) -> Iterator[tuple[int, str]]:
    database = design.follow(values.get("DB_HOST", (0, None))[1])
    if "DB_HOST" in values and database is not None:
        wanted = {"Fn::GetAtt": [database.id, "Endpoint.Address"]}
        if database.type != "AWS::RDS::DBInstance" or values["DB_HOST"][1] != wanted:
            why = "DB_HOST is where no database answers; expected its Endpoint.Address"
            yield values["DB_HOST"][0], why
            return
        for name, key in (
            ("DB_NAME", "DBName"),
            ("DB_USER", "MasterUsername"),
            ("DB_PORT", "Port"),
        ):
            index, told = values.get(name, (0, None))
            real = text(database.properties.get(key, "5432" if key == "Port" else None))
            if text(told) is not None and real is not None and text(told) != real:
                yield index, f"{name} is {text(told)}, and {database.origin} has {key} {real}"


def _told_of_cache(design: Design, values: dict[Any, Any]) -> Iterator[tuple[int, str]]:
    index, url = values.get("REDIS_URL", (0, None))
    pieces = look(url, "Fn::Join", 1) or []
    for before, piece, after in zip(pieces, pieces[1:], [*pieces[2:], ""], strict=False):
        cache = design.follow(piece)
        if cache is None or not cache.type.startswith("AWS::ElastiCache::"):
            continue
        other = text(cache.properties.get("Engine")) == "memcached"
        scheme = "rediss" if flag(cache.properties.get("TransitEncryptionEnabled")) else "redis"
        scheme = "memcached" if other else scheme
        said = str(text(before)).partition("://")[0]
        if said in ("redis", "rediss") and said != scheme:
            yield index, f"REDIS_URL is {said}://, and {cache.origin} speaks {scheme}://"
        port = re.match(r":(\d+)", str(text(after)))
        real = number(cache.properties.get("Port", 11211 if other else 6379))
        if port and real is not None and float(port[1]) != real:
            yield index, f"REDIS_URL has port {port[1]}, and {cache.origin} has {real:.0f}"


def _told_of_endpoints(design: Design, values: dict[Any, Any]) -> Iterator[tuple[int, str]]:
    """Addresses that a cache of its kind doesn't have."""
    for index, value in values.values():
        for piece in (value, *(look(value, "Fn::Join", 1) or ())):
            cache = design.follow(piece)
            attribute = text(look(piece, "Fn::GetAtt", 1)) or ""
            if cache is None or "ndpoint." not in attribute.replace("P", "p"):
                continue
            if (wanted := _endpoints(cache)) and attribute.partition(".")[0] not in wanted:
                why = f"{cache.origin} has no {attribute}; expected {' or '.join(wanted)}"
                yield index, why


def _endpoints(cache: Resource) -> tuple[str, ...]:
    """Return the attributes with a cache's addresses; none for what is no cache."""
    if cache.type == "AWS::ElastiCache::CacheCluster":
        engine = text(cache.properties.get("Engine"))
        return ("ConfigurationEndpoint",) if engine == "memcached" else ("RedisEndpoint",)
    if cache.type == "AWS::ElastiCache::ReplicationGroup":
        shards = number(cache.properties.get("NumNodeGroups", 1)) or 1
        if shards > 1 or text(cache.properties.get("ClusterMode")) == "enabled":
            return ("ConfigurationEndPoint",)
        return ("PrimaryEndPoint", "ReaderEndPoint", "ReadEndPoint", "ConfigurationEndPoint")
    return ()


def _shell(design: Design) -> Iterator[Problem]:
    for service in design.of_type("AWS::ECS::Service"):
        task = design.follow(service.properties.get("TaskDefinition"))
        if task is None or not flag(service.properties.get("EnableExecuteCommand")):
            continue
        value = task.properties.get("TaskRoleArn")
        role = design.follow(value)
        if value is None:
            why = "EnableExecuteCommand needs a task role; expected TaskRoleArn"
            yield Problem(task.id, ("Properties",), why)
        elif role is not None and role.type == ROLE:
            granted = list(role_statements(design, role))
            lacking = [a for a in SHELL if not any(one.grants(a) for one in granted)]
            if lacking and not managed(role):
                why = f"{role.origin} may not {lacking[0]}, which EnableExecuteCommand needs"
                yield Problem(service.id, ("Properties", "EnableExecuteCommand"), why)


def _environment_files(design: Design) -> Iterator[Problem]:
    for task in design.of_type(TASK):
        role = design.follow(task.properties.get("ExecutionRoleArn"))
        if role is None or role.type != ROLE:
            continue
        reads = [s for s in role_statements(design, role) if s.grants("s3:GetObject")]
        for path, container in containers(task):
            for at, value in each(container, "EnvironmentFiles", "*", "Value"):
                if not any(covers(one, shown(value)) for s in reads for one in s.resources):
                    why = f"{role.origin} may not read it; expected s3:GetObject on it"
                    yield Problem(task.id, (*path, *at), why)


def _finishes(design: Design) -> Iterator[Problem]:
    for service in design.of_type("AWS::ECS::Service"):
        task = design.follow(service.properties.get("TaskDefinition"))
        for _, arn in each(service.properties, "LoadBalancers", "*", "TargetGroupArn"):
            group = design.follow(arn)
            if task is None or group is None:
                continue
            said = {
                text(item.get("Key")): number(item.get("Value"))
                for item in group.properties.get("TargetGroupAttributes") or ()
            }
            delay = said.get("deregistration_delay.timeout_seconds", 300.0)
            served = {
                text(one.get("ContainerName"))
                for one in service.properties["LoadBalancers"]
                if referred(one.get("TargetGroupArn")) == group.id
            }
            for path, container in containers(task):
                stop = number(container.get("StopTimeout", 30))
                if text(container.get("Name")) not in served or None in (stop, delay):
                    continue
                if min(delay or 0, 120) > (stop or 0):
                    why = (
                        f"the load balancer lets requests finish for {delay:.0f} s, and the "
                        f"container is killed after {stop:.0f} s; expected StopTimeout of at "
                        f"least {min(delay or 0, 120):.0f}"
                    )
                    yield Problem(task.id, (*path, "StopTimeout"), why)


PART_OF_ARN = "!Sub 'arn:aws:secretsmanager:a:${AWS::AccountId}:secret:liberty/KEY'"
STARTING = """
Record:
  Type: AWS::Route53::RecordSet
  Properties: {Name: api.example.com., AliasTarget: {DNSName: a.example, HostedZoneId: Z1}}
Secret:
  Type: AWS::SecretsManager::Secret
  Properties: {Name: liberty/KEY, GenerateSecretString: {PasswordLength: 50}}
Login:
  Type: AWS::SecretsManager::Secret
  Properties:
    GenerateSecretString: {SecretStringTemplate: '{"user": "a"}', GenerateStringKey: password}
Logs: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /ecs/web}}
Repository: {Type: AWS::ECR::Repository}
Database:
  Type: AWS::RDS::DBInstance
  Properties: {DBName: liberty, MasterUsername: postgres, Port: '5432'}
Cache: {Type: AWS::ElastiCache::CacheCluster, Properties: {Port: 6379}}
Execution:
  Type: AWS::IAM::Role
  Properties:
    ManagedPolicyArns:
    - !Sub arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy
    Policies:
    - PolicyDocument:
        Statement:
        - Effect: Allow
          Action: secretsmanager:GetSecretValue
          Resource: [!Ref Secret, !GetAtt Login.Id]
        - {Effect: Allow, Action: s3:GetObject, Resource: arn:aws:s3:::settings/prod.env}
Role:
  Type: AWS::IAM::Role
  Properties:
    Policies:
    - PolicyDocument:
        Statement: [{Effect: Allow, Action: 'ssmmessages:*', Resource: '*'}]
Group:
  Type: AWS::ElasticLoadBalancingV2::TargetGroup
  Properties:
    TargetGroupAttributes: [{Key: deregistration_delay.timeout_seconds, Value: '60'}]
Task:
  Type: AWS::ECS::TaskDefinition
  Properties:
    RequiresCompatibilities: [FARGATE]
    ExecutionRoleArn: !GetAtt Execution.Arn
    TaskRoleArn: !GetAtt Role.Arn
    ContainerDefinitions:
    - Name: web
      Image: !Sub ${Repository.RepositoryUri}:latest
      StopTimeout: 70
      Environment:
      - {Name: DB_HOST, Value: !GetAtt Database.Endpoint.Address}
      - {Name: DB_PORT, Value: !GetAtt Database.Endpoint.Port}
      - {Name: DB_NAME, Value: liberty}
      - {Name: DB_USER, Value: postgres}
      - {Name: REDIS_URL, Value: !Sub 'redis://${Cache.RedisEndpoint.Address}:6379/0'}
      - {Name: ALLOWED_HOSTS, Value: api.example.com}
      EnvironmentFiles: [{Type: s3, Value: arn:aws:s3:::settings/prod.env}]
      Secrets:
      - {Name: KEY, ValueFrom: !Ref Secret}
      - {Name: PASSWORD, ValueFrom: !Sub '${Login}:password::'}
      LogConfiguration:
        LogDriver: awslogs
        Options:
          awslogs-group: !Ref Logs
          awslogs-region: us-east-1
          awslogs-stream-prefix: ecs
Service:
  Type: AWS::ECS::Service
  Properties:
    TaskDefinition: !Ref Task
    EnableExecuteCommand: true
    LoadBalancers: [{ContainerName: web, TargetGroupArn: !Ref Group}]
"""
UPLOADING = """
Uploads:
  Type: AWS::S3::Bucket
  Properties: {CorsConfiguration: {CorsRules: [{AllowedMethods: [GET, PUT]}]}}
Role:
  Type: AWS::IAM::Role
  Properties:
    Policies:
    - PolicyDocument:
        Statement: [{Effect: Allow, Action: s3:*Object, Resource: !Sub '${Uploads.Arn}/*'}]
Task:
  Type: AWS::ECS::TaskDefinition
  Properties:
    TaskRoleArn: !GetAtt Role.Arn
    ContainerDefinitions: [{Name: web, Environment: [{Name: BUCKET, Value: !Ref Uploads}]}]
"""

RULES: tuple[Rule, ...] = (
    Rule(
        "LC1321",
        "error",
        "A container's secret is one that has a value, by its whole ARN",
        "ECS reads the secret when a task starts: a name, a part of an ARN, a key that isn't "
        "in it, or a secret without a value, and no task starts while the deployment hangs. "
        "With another's secret it starts, and fails.",
        f"{GUIDE}secrets-envvar-secrets-manager.html",
        _secrets,
        good=(
            STARTING,
            STARTING.replace(
                "!Ref Secret}", "arn:aws:secretsmanager:us-east-1:123456789012:secret:a-AbCdEf}"
            ),
            STARTING.replace("ValueFrom: !Ref Secret", "ValueFrom: /liberty/key"),
        ),
        bad=changed(
            STARTING,
            ("ValueFrom: !Ref Secret", "ValueFrom: liberty/KEY"),
            ("ValueFrom: !Ref Secret", "ValueFrom: !Sub '${Secret}:key::'"),
            ("KEY, ValueFrom: !Ref Secret", "KEY, ValueFrom: !Sub '${Login}:password::'"),
            (
                "ValueFrom: !Ref Secret",
                f"ValueFrom: {PART_OF_ARN}",
            ),
            ("${Login}:password::", "${Login}:passwort::"),
            ("${Login}:password::", "${Login}:password"),
            ("ValueFrom: !Ref Secret", "ValueFrom: !Ref Logs"),
            ("ValueFrom: !Ref Secret", "ValueFrom: '{{resolve:secretsmanager:a}}'"),
            (", GenerateSecretString: {PasswordLength: 50}", ""),
            (
                "ValueFrom: !Ref Secret",
                "ValueFrom: arn:aws:secretsmanager:us-east-1:123456789012:secret:liberty",
            ),
        ),
    ),
    Rule(
        "LC1322",
        "error",
        "A task that reads secrets, writes logs or pulls from ECR has an execution role",
        "ECS refuses the task definition, or can't start a task of it.",
        f"{GUIDE}task_execution_IAM_role.html",
        _execution_role,
        good=(STARTING,),
        bad=changed(
            STARTING,
            ("    ExecutionRoleArn: !GetAtt Execution.Arn\n", ""),
            ("ExecutionRoleArn: !GetAtt Execution.Arn", "ExecutionRoleArn: !GetAtt Logs.Arn"),
            ("ExecutionRoleArn: !GetAtt Execution.Arn", "ExecutionRoleArn: ecsRole"),
        ),
    ),
    Rule(
        "LC1323",
        "error",
        "The execution role may do what starting the task takes",
        "Without it, each task ends with ResourceInitializationError, and the deployment "
        "hangs.",
        f"{GUIDE}task_execution_IAM_role.html",
        _may_start,
        good=(STARTING,),
        bad=changed(
            STARTING,
            ("ValueFrom: !Ref Secret", "ValueFrom: /liberty/key"),
            ("prefix: ecs", "prefix: ecs\n          awslogs-create-group: 'true'"),
            ("[!Ref Secret, !GetAtt Login.Id]", "[!GetAtt Login.Id]"),
            ("secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"),
            ("AmazonECSTaskExecutionRolePolicy", "AmazonECSTaskExecutionPolicy"),
        ),
    ),
    Rule(
        "LC1324",
        "error",
        "What a container says goes to a log group there is",
        "ECS refuses log drivers that Fargate hasn't, and options without group, region or "
        "prefix; a task whose log group isn't there doesn't start.",
        f"{GUIDE}using_awslogs.html",
        _logs,
        good=(STARTING, STARTING.replace("!Ref Logs", "/ecs/web")),
        bad=changed(
            STARTING,
            ("LogDriver: awslogs", "LogDriver: json-file"),
            ("          awslogs-group: !Ref Logs\n", ""),
            ("          awslogs-region: us-east-1\n", ""),
            ("          awslogs-stream-prefix: ecs\n", ""),
            ("awslogs-stream-prefix: ecs", "awslogs-prefix: ecs"),
            ("awslogs-group: !Ref Logs", "awslogs-group: !GetAtt Logs.Arn"),
            ("awslogs-group: !Ref Logs", "awslogs-group: /ecs/other"),
            ("awslogs-region: us-east-1", "awslogs-region: us-east"),
            ("awslogs-region: us-east-1", "awslogs-region: us-west-9"),
            ("prefix: ecs", "prefix: ecs\n          awslogs-create-group: true"),
            ("LogConfiguration:", "LogConfig:"),
        ),
    ),
    Rule(
        "LC1325",
        "error",
        "A container is told the truth about its database and cache",
        "A name, user, port or scheme that the database or cache hasn't makes every request "
        "fail, after a deployment that looked well.",
        "liberty_cfn/stacks/service.py",
        _told,
        good=(STARTING,),
        bad=changed(
            STARTING,
            ("Cache.RedisEndpoint", "Cache.ConfigurationEndpoint"),
            ("Value: liberty}", "Value: liberty_social}"),
            ("Value: postgres", "Value: liberty"),
            ("!GetAtt Database.Endpoint.Port", "'3306'"),
            ("!GetAtt Database.Endpoint.Address", "!Ref Database"),
            ("redis://", "rediss://"),
            ("ALLOWED_HOSTS, Value: api.", "ALLOWED_HOSTS, Value: www."),
            ("ALLOWED_HOSTS, Value: api.example.com", "ALLOWED_HOSTS, Value: !Ref Database"),
            (":6379/0", ":6380/0"),
            ("Properties: {Port: 6379}", "Properties: {TransitEncryptionEnabled: true}"),
        ),
    ),
    Rule(
        "LC1326",
        "error",
        "A shell in a task needs a task role that may open it",
        "execute-command is refused without the four ssmmessages actions, which is found out "
        "when it is needed most.",
        f"{GUIDE}ecs-exec.html",
        _shell,
        good=(STARTING,),
        bad=changed(
            STARTING,
            ("    TaskRoleArn: !GetAtt Role.Arn\n", ""),
            ("ssmmessages:*", "ssmmessages:Create*"),
        ),
    ),
    Rule(
        "LC1327",
        "error",
        "The execution role may read a task's environment files",
        "Where it may not, no task starts, and the deployment hangs.",
        f"{GUIDE}use-environment-file.html",
        _environment_files,
        good=(STARTING,),
        bad=changed(STARTING, ("s3:GetObject", "s3:ListBucket"), ("prod.env}", "dev.env}")),
    ),
    Rule(
        "LC1328",
        "error",
        "A container may finish what the load balancer still lets it",
        "Websockets and long requests are cut off at each deployment when the container is "
        "killed before the load balancer has let go of it.",
        f"{GUIDE}task-lifecycle-explanation.html",
        _finishes,
        good=(STARTING,),
        bad=changed(
            STARTING,
            ("      StopTimeout: 70\n", ""),
            ("StopTimeout: 70", "StopTimeout: 10"),
            ("Value: '60'", "Value: '90'"),
        ),
    ),
    Rule(
        "LC1329",
        "error",
        "A task may reach the bucket that its container is told of",
        "Without a task's role, or with one that may nothing there, each upload is answered "
        "with an error, after a deployment that looked well.",
        f"{GUIDE}task-iam-roles.html",
        _reaches,
        good=(UPLOADING, UPLOADING.replace("s3:*Object", "s3:*")),
        bad=changed(
            UPLOADING,
            ("    TaskRoleArn: !GetAtt Role.Arn\n", ""),
            ("Action: s3:*Object", "Action: s3:GetObject"),
            ("${Uploads.Arn}/*", "${Uploads.Arn}"),
            ("Effect: Allow", "Effect: Deny"),
        ),
    ),
)
