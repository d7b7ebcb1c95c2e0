"""Storage: RDS PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from liberty_cfn.verify import places, secrets
from liberty_cfn.verify.facts import Fact, between, equal, one_of, same, version
from liberty_cfn.verify.reading import Aws, MissingError

INSTANCE = "liberty-social-db"
NAME, USER, PORT = "liberty_social", "postgres", 5432
# A backup, or a disk that has grown, is no fault.
WELL = ("available", "backing-up", "storage-optimization")


def database(aws: Aws) -> Iterator[Fact]:
    """State what the spec says of the database."""
    found = find(aws)
    yield equal("name", aws.named(INSTANCE), found["DBInstanceIdentifier"])
    yield one_of("status", WELL, found.get("DBInstanceStatus"))
    yield equal("engine", "postgres", found.get("Engine"))
    yield version("engine version", "15", found.get("EngineVersion"))
    yield equal("class", aws.settings["DatabaseClass"], found.get("DBInstanceClass"))
    yield equal("database name", NAME, found.get("DBName"))
    yield equal("user", USER, found.get("MasterUsername"))
    yield _password(aws)

    least, most = aws.number("DatabaseStorage"), aws.number("DatabaseMaxStorage")
    yield between("storage (GiB)", least, most, found.get("AllocatedStorage"))
    yield equal("storage limit (GiB)", most, found.get("MaxAllocatedStorage"))
    yield equal("storage type", "gp3", found.get("StorageType"))
    if iops := aws.number("DatabaseIops"):
        yield equal("IOPS", iops, found.get("Iops"))
    yield equal("encrypted", expected=True, found=found.get("StorageEncrypted"))

    yield equal("Multi-AZ", aws.flag("DatabaseMultiAz"), found.get("MultiAZ"))
    days = aws.number("DatabaseBackupDays")
    yield equal("backup retention (days)", days, found.get("BackupRetentionPeriod"))
    protected = aws.flag("DatabaseDeletionProtection")
    yield equal("deletion protection", protected, found.get("DeletionProtection"))

    yield equal("port", PORT, found.get("Endpoint", {}).get("Port"))
    yield equal("publicly accessible", expected=False, found=found.get("PubliclyAccessible"))
    subnets = found.get("DBSubnetGroup", {}).get("Subnets", [])
    ids = [subnet["SubnetIdentifier"] for subnet in subnets]
    yield same("subnets", places.private(aws), places.cidrs(aws, ids))
    ids = [group["VpcSecurityGroupId"] for group in found.get("VpcSecurityGroups", [])]
    yield same("security groups", [aws.named("rds-sg")], places.group_names(aws, ids))


def find(aws: Aws) -> Any:
    """Return the database.

    Raises:
        MissingError: there is none of that name.
    """
    asked = {"DBInstanceIdentifier": aws.named(INSTANCE)}
    found = aws.read("rds", "describe_db_instances", **asked).get("DBInstances", [])
    if not found:
        raise MissingError
    return found[0]


def host(aws: Aws) -> str:
    """Return where the database answers; its name, if it doesn't."""
    try:
        address = find(aws).get("Endpoint", {}).get("Address")
    except MissingError:
        address = None
    return address or f"the address of {aws.named(INSTANCE)}"


def _password(aws: Aws) -> Fact:
    """State that the password is in its secret, which nobody reads here."""
    name = aws.named("liberty-social/DB_PASSWORD")
    found = secrets.find_if_any(aws, "DB_PASSWORD")
    kept = found and secrets.has_value(found)
    return equal("password in", name, found["Name"] if found and kept else None)
