"""LC130x: tasks, and the containers in them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from liberty_cfn.fitting import FARGATE
from liberty_cfn.model.resolving import Resource
from liberty_cfn.rules.examples import changed
from liberty_cfn.rules.expected import TRUTH, Expectation, like, misfits, one_of, whole
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
    spelt,
    text,
)

TASK = "AWS::ECS::TaskDefinition"
GUIDE = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/"
API = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/"

LEAST_FOR_WINDOWS = 1024  # CPU units
SIZE = re.compile(r"([\d.]+)\s*(vcpu|gb)?", re.IGNORECASE)
NAME = like(r"[A-Za-z0-9_-]{1,255}", "letters, digits, _ and -, 255 at most")
PORT = whole(1, 65535)
# What a container and a task take for these, on Fargate.
VALUES: Mapping[str, Expectation] = {
    "Family": NAME,
    "RequiresCompatibilities.*": one_of("FARGATE", "EC2", "EXTERNAL", "MANAGED_INSTANCES"),
    "NetworkMode": one_of("awsvpc", "bridge", "host", "none"),
    "EphemeralStorage.SizeInGiB": whole(21, 200),
    "RuntimePlatform.CpuArchitecture": one_of("X86_64", "ARM64"),
    "RuntimePlatform.OperatingSystemFamily": like(
        r"LINUX|WINDOWS_SERVER_\w+", "LINUX, or WINDOWS_SERVER_ and its version"
    ),
    "ContainerDefinitions.*.Name": NAME,
    "ContainerDefinitions.*.Essential": TRUTH,
    "ContainerDefinitions.*.StartTimeout": whole(2, 120),
    "ContainerDefinitions.*.StopTimeout": whole(2, 120),
    "ContainerDefinitions.*.HealthCheck.Interval": whole(5, 300),
    "ContainerDefinitions.*.HealthCheck.Timeout": whole(2, 120),
    "ContainerDefinitions.*.HealthCheck.Retries": whole(1, 10),
    "ContainerDefinitions.*.HealthCheck.StartPeriod": whole(0, 300),
    "ContainerDefinitions.*.HealthCheck.Command.0": one_of("CMD", "CMD-SHELL", "NONE"),
    "ContainerDefinitions.*.DependsOn.*.Condition": one_of(
        "START", "COMPLETE", "SUCCESS", "HEALTHY"
    ),
    "ContainerDefinitions.*.PortMappings.*.ContainerPort": PORT,
    "ContainerDefinitions.*.PortMappings.*.HostPort": PORT,
    "ContainerDefinitions.*.PortMappings.*.Protocol": one_of("tcp", "udp"),
    "ContainerDefinitions.*.EnvironmentFiles.*.Type": one_of("s3"),
    "ContainerDefinitions.*.EnvironmentFiles.*.Value": like(
        r"arn:aws[a-z-]*:s3:::[^/]+/.+\.env", "the ARN of an object in S3 that ends in .env"
    ),
    "ContainerDefinitions.*.User": like(
        r"[A-Za-z0-9_.-]+(:[A-Za-z0-9_.-]+)?", "a user, such as 1000 or 1000:1000"
    ),
}
# What Fargate has no machine for that would be ours: below a task, and below a container.
NOT_ON_FARGATE = ("IpcMode", "PlacementConstraints", "InferenceAccelerators")
NOT_IN_FARGATE = (
    "Links",
    "Hostname",
    "ExtraHosts",
    "DnsServers",
    "DnsSearchDomains",
    "DockerSecurityOptions",
    "DisableNetworking",
    "LinuxParameters.Devices",
    "LinuxParameters.SharedMemorySize",
    "LinuxParameters.MaxSwap",
    "LinuxParameters.Swappiness",
    "LinuxParameters.Tmpfs",
    "ResourceRequirements",
)
# https://docs.docker.com/reference/dockerfile/ and ECS's own.
VARIABLE = re.compile(r"[^=\s\0]+")


def containers(task: Resource) -> Iterator[tuple[Path, Any]]:
    """Yield a task definition's containers, with their paths from its top."""
    for at, container in each(task.properties, "ContainerDefinitions", "*"):
        if isinstance(container, dict):
            yield ("Properties", *at), container


def on_fargate(design: Design, task: Resource) -> bool:
    """Whether a task definition is for Fargate, or a service starts it there."""
    needed = [text(item) for _, item in each(task.properties, "RequiresCompatibilities", "*")]
    return "FARGATE" in needed or any(
        text(service.properties.get("LaunchType")) == "FARGATE"
        for service in design.of_type("AWS::ECS::Service")
        if design.follow(service.properties.get("TaskDefinition")) == task
    )


def amount(value: Any) -> float | None:
    """Return CPU units or MiB, also where they are said as vCPU or GB."""
    found = SIZE.fullmatch(text(value) or "")
    return float(found[1]) * (1024 if found[2] else 1) if found else None


def _sizes(design: Design) -> Iterator[Problem]:
    for task in design.of_type(TASK):
        if not on_fargate(design, task):
            continue
        for name in ("Cpu", "Memory"):
            if name not in task.properties:
                why = f"{name} is missing; Fargate needs the size of a task"
                yield Problem(task.id, ("Properties",), why)
        cpu, memory = (amount(task.properties.get(name)) for name in ("Cpu", "Memory"))
        if cpu is None or memory is None:
            continue
        sizes = FARGATE.get(int(cpu))
        system = text(look(task.properties, "RuntimePlatform", "OperatingSystemFamily")) or ""
        if system.startswith("WINDOWS") and cpu < LEAST_FOR_WINDOWS:
            why = f"{system} needs {LEAST_FOR_WINDOWS} CPU units; expected LINUX, or more"
            yield Problem(task.id, ("Properties", "RuntimePlatform"), why)
        if sizes is None:
            why = f"Cpu is {cpu:.0f}; expected one of {', '.join(map(str, FARGATE))}"
            yield Problem(task.id, ("Properties", "Cpu"), why)
        elif memory not in sizes:
            nearest = min(sizes, key=lambda size: abs(size - memory))
            why = (
                f"Fargate has no {memory:.0f} MiB with {cpu:.0f} CPU units; expected "
                f"{nearest}, or another from {min(sizes)} to {max(sizes)}"
            )
            yield Problem(task.id, ("Properties", "Memory"), why)


def _within(design: Design) -> Iterator[Problem]:
    for task in design.of_type(TASK):
        for name, parts in (("Cpu", ("Cpu",)), ("Memory", ("Memory", "MemoryReservation"))):
            whole_task = amount(task.properties.get(name))
            for part in parts:
                found = [number(one.get(part)) or 0 for _, one in containers(task)]
                if whole_task is not None and sum(found) > whole_task:
                    why = (
                        f"the containers' {part} is {sum(found):.0f} together; expected "
                        f"{whole_task:.0f} at most, the task's {name}"
                    )
                    yield Problem(task.id, ("Properties", "ContainerDefinitions"), why)
        for path, container in containers(task):
            hard, soft = (number(container.get(n)) for n in ("Memory", "MemoryReservation"))
            if hard is not None and soft is not None and soft > hard:
                why = f"MemoryReservation is {soft:.0f}; expected less than Memory, {hard:.0f}"
                yield Problem(task.id, (*path, "MemoryReservation"), why)
            if hard is not None and hard < 6:  # noqa: PLR2004 - what a container needs to start
                why = f"Memory is {hard:.0f} MiB; expected 6 at least"
                yield Problem(task.id, (*path, "Memory"), why)


def _values(design: Design) -> Iterator[Problem]:
    for task in design.of_type(TASK):
        yield from misfits(task, VALUES)
        for path, container in containers(task):
            for name in ("Name", "Image"):
                if not container.get(name):
                    yield Problem(task.id, path, f"{name} is missing; a container needs it")


def _fargate(design: Design) -> Iterator[Problem]:
    for task in design.of_type(TASK):
        if not on_fargate(design, task):
            continue
        for at, why in _not_on_fargate(task.properties):
            yield Problem(task.id, ("Properties", *at), why)
        for path, container in containers(task):
            for below, why in _not_in_fargate(container):
                yield Problem(task.id, (*path, *below), why)


def _not_on_fargate(properties: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    mode = text(properties.get("NetworkMode", "bridge"))
    if mode not in ("awsvpc", None):
        yield ("NetworkMode",), f"NetworkMode is {mode}; expected awsvpc, Fargate's only one"
    needed = [text(item) for _, item in each(properties, "RequiresCompatibilities", "*")]
    if "FARGATE" not in needed and None not in needed:
        said = ", ".join(map(str, needed)) or "nothing"
        yield ("RequiresCompatibilities",), f"{said} is there; expected FARGATE"
    if text(properties.get("PidMode")) == "host":
        yield ("PidMode",), "PidMode is host; expected task: Fargate's hosts are not ours"
    for name in NOT_ON_FARGATE:
        if properties.get(name):
            yield (name,), f"Fargate knows no {name}; drop it"
    for at, volume in each(properties, "Volumes", "*"):
        if look(volume, "Host", "SourcePath") or "DockerVolumeConfiguration" in volume:
            yield at, "a volume of the host's; expected one without path, or of EFS"


def _not_in_fargate(container: Any) -> Iterator[tuple[Path, str]]:
    if flag(container.get("Privileged")):
        yield ("Privileged",), "Fargate runs nothing privileged; drop it"
    for steps in NOT_IN_FARGATE:
        if look(container, *steps.split(".")):
            yield tuple(steps.split(".")), f"Fargate knows no {steps}; drop it"
    for at, added in each(container, "LinuxParameters", "Capabilities", "Add", "*"):
        if text(added) not in ("SYS_PTRACE", None):
            yield at, f"Fargate adds SYS_PTRACE only, not {text(added)}; drop it"
    for at, name in each(container, "Ulimits", "*", "Name"):
        if text(name) not in ("nofile", None):
            yield at, f"Fargate changes nofile only, not {text(name)}; drop it"


def _together(design: Design) -> Iterator[Problem]:
    for task in design.of_type(TASK):
        found = list(containers(task))
        names = [text(container.get("Name")) for _, container in found]
        path: Path = ("Properties", "ContainerDefinitions")
        essential = [flag(container.get("Essential", True)) for _, container in found]
        if found and not any(one is not False for one in essential):
            why = "no container is essential; expected Essential: true at the one that matters"
            yield Problem(task.id, path, why)
        for name, count in Counter(names).items():
            if count > 1 and name is not None:
                why = f"{count} containers are called {name}; expected each its own name"
                yield Problem(task.id, path, why)
        for at, container in found:
            for below, why in _in_order(container, names):
                yield Problem(task.id, (*at, *below), why)
        volumes = [text(look(v, "Name")) for v in task.properties.get("Volumes") or ()]
        for at, container in found:
            for below, name in each(container, "MountPoints", "*", "SourceVolume"):
                if text(name) not in (*volumes, None):
                    why = f"there is no volume {text(name)}; expected one of Volumes"
                    yield Problem(task.id, (*at, *below), why)


def _in_order(container: Any, names: list[str | None]) -> Iterator[tuple[Path, str]]:
    for at, other in each(container, "DependsOn", "*", "ContainerName"):
        if text(other) == text(container.get("Name")):
            yield at, "a container can't wait for itself; expected another's name"
        elif text(other) not in (*names, None):
            yield at, f"there is no container {text(other)}; expected one of this task"


def _ports(design: Design) -> Iterator[Problem]:
    for task in design.of_type(TASK):
        mode = text(task.properties.get("NetworkMode", "bridge"))
        taken: set[tuple[float, str]] = set()
        for path, container in containers(task):
            for at, mapping in each(container, "PortMappings", "*"):
                port, host = (number(mapping.get(n)) for n in ("ContainerPort", "HostPort"))
                if port is None:
                    continue
                if mode in ("awsvpc", "host") and host not in (None, port):
                    why = (
                        f"HostPort is {host:.0f}; expected {port:.0f}, the ContainerPort, as "
                        f"in {mode} mode both are the same port"
                    )
                    yield Problem(task.id, (*path, *at, "HostPort"), why)
                key = port, text(mapping.get("Protocol", "tcp")) or ""
                if mode == "awsvpc" and key in taken:
                    why = f"port {port:.0f} is mapped twice; the containers share one address"
                    yield Problem(task.id, (*path, *at), why)
                taken.add(key)


def _environment(design: Design) -> Iterator[Problem]:
    for task in design.of_type(TASK):
        for path, container in containers(task):
            seen: dict[str, str] = {}
            for section in ("Environment", "Secrets"):
                for at, item in each(container, section, "*"):
                    for below, why in _variable(item, section, seen):
                        yield Problem(task.id, (*path, *at, *below), why)


def _variable(item: Any, section: str, seen: dict[str, str]) -> Iterator[tuple[Path, str]]:
    name = text(item.get("Name"))
    if name is not None:
        if not VARIABLE.fullmatch(name):
            yield ("Name",), f"{name!r} is no variable's name; expected no =, no space"
        if name in seen:
            yield ("Name",), f"{name} is in {seen[name]} already; expected each name once"
        seen[name] = section
    value = "Value" if section == "Environment" else "ValueFrom"
    if value not in item:
        yield (), f"{name} has no {value}; expected one"
    elif isinstance(item[value], bool | int | float):
        plain = text(item[value])
        yield (value,), f"{name} is no text; expected '{plain}' in quotes"


def _image(design: Design) -> Iterator[Problem]:
    for task in design.of_type(TASK):
        for path, container in containers(task):
            if why := _no_image(design, container.get("Image", "")):
                yield Problem(task.id, (*path, "Image"), why)
            for at, why in _credentials(container):
                yield Problem(task.id, (*path, *at), why)


def _credentials(container: Any) -> Iterator[tuple[Path, str]]:
    if "RepositoryCredentials" not in container:
        return
    if not look(container, "RepositoryCredentials", "CredentialsParameter"):
        why = "CredentialsParameter is missing; expected a secret's ARN, or neither"
        yield ("RepositoryCredentials",), why


def _no_image(design: Design, value: Any) -> str:
    """Return why a value is no image; nothing if it is one, or may be."""
    for piece in (value, *(look(value, "Fn::Join", 1) or ())):
        made = design.follow(piece)
        if made is not None and made.type == "AWS::ECR::Repository":
            address = look(piece, "Fn::GetAtt", 1) == "RepositoryUri"
            if not address:
                return f"not where {made.origin} is; expected its RepositoryUri before the tag"
        elif made is not None:
            return f"{made.origin} holds no images; expected a repository's RepositoryUri"
    image = spelt(value)
    if "://" in image:
        why = f"{image.replace(UNKNOWN, '<repository>')!r} has a scheme, which no image has"
        return f"{why}; expected repository:tag"
    name = image.rpartition("/")[2]
    tagged = re.fullmatch(r"[^:@\s]+(:[\w][\w.-]{0,127}|@sha256:[0-9a-fA-F]{64})?", name)
    if UNKNOWN in name.lstrip(UNKNOWN) or not name or tagged:
        return ""
    return (
        f"{image.replace(UNKNOWN, '<repository>')!r} is no image; expected repository:tag, or "
        "repository@sha256: and 64 digits"
    )


def _debugged(design: Design) -> Iterator[Problem]:
    for task in design.of_type(TASK):
        for path, container in containers(task):
            for at, item in each(container, "Environment", "*"):
                value = text(item.get("Value")) or ""
                if text(item.get("Name")) == "DEBUG" and value.lower() in ("true", "1", "yes"):
                    why = (
                        f"DEBUG is {value}: errors show settings to everybody; expected 'False'"
                    )
                    yield Problem(task.id, (*path, *at, "Value"), why)


def _as_root(design: Design) -> Iterator[Problem]:
    for task in design.of_type(TASK):
        for path, container in containers(task):
            user = text(container.get("User", ""))
            if user is not None and re.fullmatch(r"(root|0+|)(:.*)?", user):
                why = (
                    f"{text(container.get('Name'))} runs as root; expected User, such as "
                    "'1000:1000'"
                )
                yield Problem(task.id, (*path, "User"), why)


TASKS = """
Other: {Type: AWS::ElasticLoadBalancingV2::LoadBalancer}
Task:
  Type: AWS::ECS::TaskDefinition
  Properties:
    Family: backend
    RequiresCompatibilities: [FARGATE]
    NetworkMode: awsvpc
    Cpu: 256
    Memory: 512
    Volumes: [{Name: scratch}]
    ContainerDefinitions:
    - Name: web
      Image: !Sub ${Repository.RepositoryUri}:latest
      Essential: true
      User: '1000:1000'
      Memory: 256
      PortMappings: [{ContainerPort: 8000, HostPort: 8000, Protocol: tcp}]
      MountPoints: [{SourceVolume: scratch, ContainerPath: /tmp}]
      Environment: [{Name: DEBUG, Value: 'False'}]
      EnvironmentFiles: [{Type: s3, Value: arn:aws:s3:::settings/prod.env}]
      Secrets: [{Name: SECRET_KEY, ValueFrom: !Ref Secret}]
      HealthCheck: {Command: [CMD-SHELL, 'true'], Interval: 30, Timeout: 5, Retries: 3}
      StopTimeout: 70
    - Name: proxy
      Image: public.ecr.aws/proxy:1.2
      Essential: false
      User: '1000'
      Memory: 256
      DependsOn: [{ContainerName: web, Condition: START}]
Repository: {Type: AWS::ECR::Repository}
Secret: {Type: AWS::SecretsManager::Secret}
"""

RULES: tuple[Rule, ...] = (
    Rule(
        "LC1301",
        "error",
        "A task on Fargate has one of its pairs of CPU and memory",
        "ECS refuses others when the task definition is made. Linters see it for literals "
        "only; here, every environment's sizes are looked at.",
        f"{GUIDE}task-cpu-memory-error.html",
        _sizes,
        good=(TASKS, TASKS.replace("256\n    Memory: 512", ".25 vCPU\n    Memory: 0.5 GB")),
        bad=changed(
            TASKS,
            ("    Memory: 512", "    Memory: 768"),
            ("    Memory: 512", "    Memory: 4096"),
            ("    Cpu: 256", "    Cpu: 300"),
            ("    Cpu: 256\n", ""),
            ("    Memory: 512\n", ""),
            (
                "    Cpu: 256\n",
                (
                    "    Cpu: 256\n    RuntimePlatform: {OperatingSystemFamily: "
                    "WINDOWS_SERVER_2022_CORE}\n"
                ),
            ),
        ),
    ),
    Rule(
        "LC1302",
        "error",
        "A task's containers have room in it",
        "ECS refuses a task whose containers have more CPU or memory together than it has.",
        f"{API}API_ContainerDefinition.html",
        _within,
        good=(TASKS,),
        bad=changed(
            TASKS,
            ("      Memory: 256", "      Memory: 1024"),
            ("      Memory: 256", "      Cpu: 512"),
            ("      Memory: 256", "      Memory: 4"),
            ("      Memory: 256", "      Memory: 128\n      MemoryReservation: 256"),
        ),
    ),
    Rule(
        "LC1303",
        "error",
        "A task definition says what ECS takes",
        "ECS refuses names, ports, times and words other than these.",
        f"{API}API_RegisterTaskDefinition.html",
        _values,
        good=(TASKS,),
        bad=changed(
            TASKS,
            ("Family: backend", "Family: the backend"),
            ("Name: web", "Name: web.1"),
            ("StopTimeout: 70", "StopTimeout: 121"),
            ("ContainerPort: 8000, HostPort: 8000", "ContainerPort: 80000"),
            ("Protocol: tcp", "Protocol: http"),
            ("CMD-SHELL, ", ""),
            ("Interval: 30", "Interval: 301"),
            ("Retries: 3", "Retries: 0"),
            ("prod.env", "prod.txt"),
            ("Type: s3", "Type: file"),
            ("Condition: START", "Condition: STARTED"),
            ("      Image: public.ecr.aws/proxy:1.2\n", ""),
            ("    Cpu: 256", "    EphemeralStorage: {SizeInGiB: 20}\n    Cpu: 256"),
            ("    Cpu: 256", "    RuntimePlatform: {CpuArchitecture: amd64}\n    Cpu: 256"),
        ),
    ),
    Rule(
        "LC1304",
        "error",
        "A task for Fargate asks for nothing of the host's",
        "Fargate's machines are AWS's: it refuses other network modes, privileges, devices and "
        "the host's folders.",
        f"{GUIDE}fargate-tasks-services.html",
        _fargate,
        good=(TASKS,),
        bad=changed(
            TASKS,
            ("NetworkMode: awsvpc", "NetworkMode: bridge"),
            ("    NetworkMode: awsvpc\n", ""),
            ("{Name: scratch}", "{Name: scratch, Host: {SourcePath: /tmp}}"),
            ("      Essential: true", "      Privileged: true"),
            ("      Essential: true", "      ExtraHosts: [{Hostname: a, IpAddress: 10.0.0.1}]"),
            ("      Essential: true", "      LinuxParameters: {SharedMemorySize: 64}"),
            (
                "      Essential: true",
                "      LinuxParameters: {Capabilities: {Add: [NET_ADMIN]}}",
            ),
            ("      Essential: true", "      Ulimits: [{Name: nproc}]"),
            ("    Cpu: 256", "    PidMode: host"),
            ("    Cpu: 256", "    IpcMode: task"),
        )
        + changed(
            TASKS + "Service: {Type: AWS::ECS::Service, Properties: {LaunchType: FARGATE, "
            "TaskDefinition: !Ref Task}}\n",
            ("[FARGATE]", "[EC2]"),
        ),
    ),
    Rule(
        "LC1305",
        "error",
        "A task's containers go together: one is essential, and each has a name of its own",
        "ECS refuses a task without an essential container, with two of one name, or one that "
        "waits for, or mounts, what isn't there.",
        f"{API}API_ContainerDefinition.html",
        _together,
        good=(TASKS,),
        bad=changed(
            TASKS,
            ("Essential: true", "Essential: false"),
            ("Name: proxy", "Name: web"),
            ("ContainerName: web", "ContainerName: app"),
            ("ContainerName: web", "ContainerName: proxy"),
            ("SourceVolume: scratch", "SourceVolume: data"),
        ),
    ),
    Rule(
        "LC1306",
        "error",
        "Ports of containers are the task's own",
        "With an address of its own a task has each port once, and a container's port is the "
        "task's; ECS refuses others.",
        f"{API}API_PortMapping.html",
        _ports,
        good=(TASKS,),
        bad=changed(
            TASKS,
            ("HostPort: 8000", "HostPort: 80"),
            ("HostPort: 8000", "HostPort: 0"),
            ("      Essential: false", "      PortMappings: [{ContainerPort: 8000}]"),
        ),
    ),
    Rule(
        "LC1307",
        "error",
        "A container has each variable once, as text",
        "ECS refuses a name that is both a variable and a secret, and of two of one name only "
        "the last counts.",
        f"{GUIDE}specifying-sensitive-data.html",
        _environment,
        good=(TASKS,),
        bad=changed(
            TASKS,
            ("Name: SECRET_KEY", "Name: DEBUG"),
            ("{Name: DEBUG, Value: 'False'}", "{Name: A, Value: '1'}, {Name: A, Value: '2'}"),
            ("Value: 'False'", "Value: false"),
            ("Value: 'False'", "Value: 0"),
            (", Value: 'False'", ""),
            ("Name: DEBUG", "Name: DEBUG=1"),
        ),
    ),
    Rule(
        "LC1308",
        "error",
        "An image is a repository with a tag or a digest",
        "A tag stands behind a colon, a digest behind an @; tasks whose image can't be read "
        "never start, and the deployment hangs.",
        f"{API}API_ContainerDefinition.html",
        _image,
        good=(
            TASKS,
            TASKS.replace(":latest", f"@sha256:{'0' * 64}"),
            TASKS.replace("!Sub ${Repository.RepositoryUri}:latest", "!Ref Image"),
        ),
        bad=changed(
            TASKS,
            (":latest", f":sha256:{'0' * 64}"),
            (":latest", ":latest\n      RepositoryCredentials: {}"),
            (":latest", "@latest"),
            (":latest", "@sha256:abc"),
            (":latest", "':'"),
            (":latest", ":my tag"),
            ("${Repository.RepositoryUri}", "https://${Repository.RepositoryUri}"),
            ("${Repository.RepositoryUri}", "${Other.DNSName}"),
            ("${Repository.RepositoryUri}:latest", "liberty social:latest"),
            ("${Repository.RepositoryUri}", "${Repository}"),
            ("${Repository.RepositoryUri}", "${Repository.Arn}"),
        ),
    ),
    Rule(
        "LC1309",
        "error",
        "A container doesn't run as root",
        "Who breaks into the application is root in the container then; without User it runs "
        "as whom the image says, which mostly is root.",
        f"{GUIDE}security-tasks-containers.html",
        _as_root,
        good=(TASKS,),
        bad=changed(
            TASKS,
            ("      User: '1000:1000'\n", ""),
            ("'1000:1000'", "root"),
            ("'1000:1000'", "'0:0'"),
        ),
    ),
    Rule(
        "LC1310",
        "error",
        "A deployed application is not in debug mode",
        "Django then answers an error with its settings and variables, and remembers every "
        "query until memory is full.",
        "https://docs.djangoproject.com/en/stable/ref/settings/#debug",
        _debugged,
        good=(TASKS,),
        bad=changed(TASKS, ("Value: 'False'", "Value: 'True'"), ("'False'", "'1'")),
    ),
)
