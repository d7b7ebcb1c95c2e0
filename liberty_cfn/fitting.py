"""What settings must be to each other: what CloudFormation would find out late, or never.

Each check is given an environment's settings, as text by name, and its region. It yields
the name of a setting with what is wrong about it, and what was expected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Network
from itertools import combinations

Settings = Mapping[str, str]
Misfits = Iterator[tuple[str, str]]

SUBNETS = (
    "PublicSubnetACidr",
    "PublicSubnetBCidr",
    "PrivateSubnetACidr",
    "PrivateSubnetBCidr",
)
# MiB of memory for each size of CPU: least, most, step.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html
FARGATE: dict[int, Sequence[int]] = {
    256: (512, 1024, 2048),
    512: range(1024, 4096 + 1, 1024),
    1024: range(2048, 8192 + 1, 1024),
    2048: range(4096, 16384 + 1, 1024),
    4096: range(8192, 30720 + 1, 1024),
    8192: range(16384, 61440 + 1, 4096),
    16384: range(32768, 122880 + 1, 8192),
}
# From this size on, gp3 lets PostgreSQL's IOPS be chosen.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html
LEAST_STORAGE_FOR_IOPS = 400  # GiB
LEAST_IOPS = 12000


def contradictions(settings: Settings, region: str) -> Misfits:
    """Yield what can't be together, as far as `settings` has it."""
    for check in (_addresses, _task_size, _task_counts, _storage, _iops, _cache, _zone):
        try:
            yield from check(settings)
        except KeyError:
            # A setting this is about is wrong by itself, and was told already.
            continue
    yield from _certificate(settings, region)


def _addresses(settings: Settings) -> Misfits:
    networks: dict[str, IPv4Network] = {}
    for name in ("VpcCidr", *SUBNETS):
        if name not in settings:
            continue
        try:
            networks[name] = IPv4Network(settings[name])
        except ValueError:
            yield name, f"{settings[name]} is no range of addresses; {_nearest(settings[name])}"
    vpc = networks.pop("VpcCidr", None)
    for name, subnet in networks.items():
        if vpc and not subnet.subnet_of(vpc):
            yield name, f"{subnet} is not inside the VPC's {vpc}"
    for (one, first), (other, second) in combinations(networks.items(), 2):
        if first.overlaps(second):
            yield other, f"{second} overlaps {first} of {one}"


def _nearest(cidr: str) -> str:
    try:
        return f"expected its first address, {IPv4Network(cidr, strict=False)}"
    except ValueError:
        return "expected four numbers to 255, a slash and a length, such as 10.0.0.0/16"


def _task_size(settings: Settings) -> Misfits:
    cpu, memory = int(settings["TaskCpu"]), int(settings["TaskMemory"])
    sizes = FARGATE[cpu]
    if memory not in sizes:
        expected = _sizes_in_words(sizes)
        yield (
            "TaskMemory",
            f"Fargate pairs {cpu} CPU units with {expected}; {memory} MiB given",
        )


def _sizes_in_words(sizes: Sequence[int]) -> str:
    if isinstance(sizes, range):
        return f"{sizes[0]} to {sizes[-1]} MiB in steps of {sizes.step}"
    *most, last = sizes
    return f"{', '.join(map(str, most))} or {last} MiB"


def _task_counts(settings: Settings) -> Misfits:
    fewest, most = int(settings["MinTasks"]), int(settings["MaxTasks"])
    desired = int(settings["DesiredCount"])
    if fewest > most:
        yield "MinTasks", f"{fewest} given, expected at most MaxTasks, {most}"
    elif desired and not fewest <= desired <= most:
        expected = f"{fewest} (MinTasks) to {most} (MaxTasks), or 0 to stop the service"
        yield "DesiredCount", f"{desired} given, expected {expected}"


def _storage(settings: Settings) -> Misfits:
    storage, most = int(settings["DatabaseStorage"]), int(settings["DatabaseMaxStorage"])
    least = -(-storage * 11 // 10)  # a tenth over, rounded up
    if most < least:
        yield (
            "DatabaseMaxStorage",
            f"{most} given, expected at least {least}: a tenth over DatabaseStorage, {storage}",
        )


def _iops(settings: Settings) -> Misfits:
    storage, iops = int(settings["DatabaseStorage"]), int(settings["DatabaseIops"])
    if iops and storage < LEAST_STORAGE_FOR_IOPS:
        why = (
            f"under {LEAST_STORAGE_FOR_IOPS} GiB of DatabaseStorage ({storage}) gp3 has its own"
        )
        yield "DatabaseIops", f"{iops} given, expected 0: {why}"
    elif 0 < iops < LEAST_IOPS:
        yield "DatabaseIops", f"{iops} given, expected 0, or {LEAST_IOPS} to 64000"


def _cache(settings: Settings) -> Misfits:
    if settings["CacheEngine"] == "valkey" and settings["CacheReplication"] != "true":
        yield "CacheEngine", "valkey can't be a single node; expected CacheReplication: true"


def _zone(settings: Settings) -> Misfits:
    makes_zone = settings["CreateHostedZone"] == "true"
    if makes_zone and settings["HostedZoneId"]:
        expected = "nothing, as CreateHostedZone makes the zone"
        yield "HostedZoneId", f"{settings['HostedZoneId']} given, expected {expected}"
    if not makes_zone and not settings["HostedZoneId"]:
        expected = f"the id of the public zone of {settings['DomainName']}"
        yield "HostedZoneId", f"missing; expected {expected}, or CreateHostedZone: true"


def _certificate(settings: Settings, region: str) -> Misfits:
    given = settings.get("CertificateArn")
    if given and region and given.split(":")[3] != region:
        why = f"a load balancer takes certificates of its own region, {region}"
        yield "CertificateArn", f"one of {given.split(':')[3]} given; {why}"
