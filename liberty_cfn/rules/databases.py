"""LC140x: databases, the subnets they are in, and their parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from liberty_cfn.fitting import LEAST_IOPS, LEAST_STORAGE_FOR_IOPS
from liberty_cfn.model.resolving import Resource
from liberty_cfn.rules import windows
from liberty_cfn.rules.examples import changed
from liberty_cfn.rules.expected import Expectation, in_any_case, like, misfits, one_of, whole
from liberty_cfn.rules.placing import known_subnets, public, zones
from liberty_cfn.rules.rule import Design, Problem, Rule, flag, look, number, text
from liberty_cfn.rules.statements import shown
from liberty_cfn.rules.vault import meant

INSTANCE = "AWS::RDS::DBInstance"
SUBNETS = "AWS::RDS::DBSubnetGroup"
PARAMETERS = "AWS::RDS::DBParameterGroup"
GUIDE = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/"
API = "https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html"

ENGINES = (
    *("postgres", "mysql", "mariadb", "aurora-mysql", "aurora-postgresql"),
    *("oracle-ee", "oracle-ee-cdb", "oracle-se2", "oracle-se2-cdb"),
    *("sqlserver-ee", "sqlserver-se", "sqlserver-ex", "sqlserver-web", "sqlserver-dev-ee"),
    *("db2-ae", "db2-se", "db2-ce"),
    *("custom-oracle-ee", "custom-oracle-ee-cdb", "custom-oracle-se2"),
    *("custom-oracle-se2-cdb", "custom-sqlserver-dev", "custom-sqlserver-ee"),
    *("custom-sqlserver-se", "custom-sqlserver-web"),
)
VERSIONS = {
    "postgres": like(
        r"1[1-8](\.\d{1,2}(-rds\.\d{8}|-R\d)?)?", "11 to 18, or one with its minor version"
    ),
    "mysql": like(r"(5\.7|8\.0|8\.4)(\.\d+.*)?", "5.7, 8.0 or 8.4"),
    "mariadb": like(r"(10\.\d+|11\.\d+)(\.\d+.*)?", "10.x or 11.x"),
}
EXPORTS = {
    "postgres": one_of("postgresql", "upgrade", "iam-db-auth-error"),
    "mysql": one_of("audit", "error", "general", "slowquery", "iam-db-auth-error"),
    "mariadb": one_of("audit", "error", "general", "slowquery", "iam-db-auth-error"),
}
# https://www.postgresql.org/docs/current/sql-keywords-appendix.html, those reserved there,
# and what RDS keeps for itself.
RESERVED = frozenset(
    """
    admin rdsadmin rdsrepladmin rdstopmgr rds_superuser rds_replication rds_password
    all analyse analyze and any array as asc asymmetric both case cast check collate column
    constraint create current_catalog current_date current_role current_time
    current_timestamp current_user default deferrable desc distinct do else end except false
    fetch for foreign from grant group having in initially intersect into lateral leading
    limit localtime localtimestamp not null offset on only or order placing primary
    references returning select session_user some symmetric system_user table then to
    trailing true union unique user using variadic when where window with
    """.split()  # noqa: SIM905 - a word a line would fill a page
)
IOPS_FOR_EACH_GIB = {"io1": (0.5, 50), "io2": (0.5, 1000)}
LEAST_STORAGE = {"gp2": 20, "gp3": 20, "io1": 100, "io2": 100, "standard": 5}  # GiB
MOST_IOPS, MOST_THROUGHPUT = 64_000, 4_000  # a second, MiB a second
LONGEST_PASSWORD = {"postgres": 128, "mysql": 41, "mariadb": 41}
SIZES = r"(micro|small|medium|large|xlarge|\d{1,2}xlarge|metal)(\.tpc\d\.mem\dx)?"
# Classes that PostgreSQL no longer runs on, from which version.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Support.html
OLD_CLASSES, NEW = ("db.t2.", "db.m4.", "db.r4.", "db.m3.", "db.r3.", "db.t1.", "db.m1."), 13
VALUES: Mapping[str, Expectation] = {
    "DBInstanceClass": like(
        rf"db\.([a-z][a-z0-9]*\.{SIZES}|serverless)", "a class such as db.t3.micro"
    ),
    "DBInstanceIdentifier": like(
        r"[A-Za-z](?!.*--)[A-Za-z0-9-]{0,61}[A-Za-z0-9]|[A-Za-z]",
        "letters, digits and single hyphens, a letter first, 63 at most",
    ),
    "BackupRetentionPeriod": whole(0, 35),
    "MonitoringInterval": one_of("0", "1", "5", "10", "15", "30", "60"),
    "Port": whole(1150, 65535),
    "StorageType": one_of(*LEAST_STORAGE),
    # Those of 2015 and 2019 have ended.
    "CACertificateIdentifier": like(
        r"rds-ca-(?!20\d\d)[a-z0-9-]+", "one such as rds-ca-rsa2048-g1"
    ),
    "NetworkType": one_of("IPV4", "DUAL"),
    "EngineLifecycleSupport": one_of(
        "open-source-rds-extended-support", "open-source-rds-extended-support-disabled"
    ),
}


def _made(design: Design) -> Iterator[tuple[Resource, str]]:
    """Yield the databases that are made anew, on their own, with their engine."""
    for database in design.of_type(INSTANCE):
        properties = database.properties
        elsewhere = (
            "DBClusterIdentifier",
            "SourceDBInstanceIdentifier",
            "DBSnapshotIdentifier",
        )
        if not any(name in properties for name in elsewhere):
            yield database, (text(properties.get("Engine")) or "").lower()


def _engine(design: Design) -> Iterator[Problem]:
    for database, engine in _made(design):
        yield from misfits(database, {"Engine": in_any_case(one_of(*ENGINES))})
        if "Engine" not in database.properties:
            yield Problem(database.id, ("Properties",), "Engine is missing; expected postgres")
        if expected := VERSIONS.get(engine):
            yield from misfits(database, {"EngineVersion": expected})
        if engine == "postgres":
            yield from misfits(database, {"LicenseModel": one_of("postgresql-license")})


def _values(design: Design) -> Iterator[Problem]:
    for database in design.of_type(INSTANCE):
        yield from misfits(database, VALUES)
        properties = database.properties
        size = text(properties.get("DBInstanceClass")) or ""
        version = number((text(properties.get("EngineVersion")) or "").partition(".")[0])
        engine = (text(properties.get("Engine")) or "").lower()
        if size.startswith(OLD_CLASSES) and engine == "postgres" and (version or 0) >= NEW:
            why = (
                f"PostgreSQL {version:g} runs on no {size}; expected a later class: db.t3.micro"
            )
            yield Problem(database.id, ("Properties", "DBInstanceClass"), why)
        if flag(properties.get("MultiAZ")) and "AvailabilityZone" in properties:
            why = "MultiAZ is in two zones by itself; drop AvailabilityZone"
            yield Problem(database.id, ("Properties", "AvailabilityZone"), why)


def _storage(design: Design) -> Iterator[Problem]:
    for database, engine in _made(design):
        properties = database.properties
        size = number(properties.get("AllocatedStorage"))
        kind = text(properties.get("StorageType", "io1" if "Iops" in properties else "gp2"))
        if "AllocatedStorage" not in properties and not engine.startswith("aurora"):
            yield Problem(database.id, ("Properties",), "AllocatedStorage is missing")
        if size is None or kind not in LEAST_STORAGE:
            continue
        most = 3072 if kind == "standard" else 65536
        if not LEAST_STORAGE[kind] <= size <= most:
            why = f"{size:g} GiB of {kind}; expected {LEAST_STORAGE[kind]} to {most}"
            yield Problem(database.id, ("Properties", "AllocatedStorage"), why)
        limit = number(properties.get("MaxAllocatedStorage"))
        if limit is not None and limit > most:
            why = f"MaxAllocatedStorage is {limit:g}; expected {most} at most"
            yield Problem(database.id, ("Properties", "MaxAllocatedStorage"), why)
        if limit is not None and limit < size * 1.1:
            why = (
                f"MaxAllocatedStorage is {limit:g}; expected {-(-size * 11 // 10):g} at least: "
                f"a tenth over AllocatedStorage, {size:g}"
            )
            yield Problem(database.id, ("Properties", "MaxAllocatedStorage"), why)
        for name, why in _speed(properties, kind, size, engine):
            yield Problem(database.id, ("Properties", name), why)


def _speed(
    properties: Mapping[str, Any], kind: str, size: float, engine: str
) -> Iterator[tuple[str, str]]:
    iops = number(properties.get("Iops", 0))
    throughput = number(properties.get("StorageThroughput", 0))
    if iops is None or throughput is None:
        return
    if kind in ("io1", "io2") and not iops:
        yield "Iops", f"{kind} needs Iops; expected 1000 or more"
    if kind in ("gp2", "standard"):
        for name, value in (("Iops", iops), ("StorageThroughput", throughput)):
            if value:
                yield name, f"{kind} has no {name} to choose; drop it, or make it gp3"
    if kind.startswith("io") and throughput:
        yield "StorageThroughput", f"{kind} has no throughput to choose; drop it"
    least, most = IOPS_FOR_EACH_GIB.get(kind, (0, float("inf")))
    if iops and not least <= iops / size <= most:
        yield "Iops", f"{iops:g} for {size:g} GiB; expected {least} to {most} for each GiB"
    if kind == "gp3" and engine in VERSIONS:
        yield from _speed_of_gp3(size, iops, throughput)


def _speed_of_gp3(size: float, iops: float, throughput: float) -> Iterator[tuple[str, str]]:
    if size < LEAST_STORAGE_FOR_IOPS:
        for name, value in (("Iops", iops), ("StorageThroughput", throughput)):
            if value:
                why = f"gp3 under {LEAST_STORAGE_FOR_IOPS} GiB ({size:g}) has its own {name}"
                yield name, f"{why}; drop it, or raise AllocatedStorage"
        return
    if iops and not LEAST_IOPS <= iops <= MOST_IOPS:
        yield "Iops", f"Iops is {iops:g}; expected {LEAST_IOPS} to {MOST_IOPS}"
    if iops and iops > 500 * size:
        yield "Iops", f"{iops:g} IOPS for {size:g} GiB; expected 500 for each at most"
    if throughput and not 500 <= throughput <= MOST_THROUGHPUT:  # noqa: PLR2004 - gp3's
        yield "StorageThroughput", f"{throughput:g} MiB/s; expected 500 to {MOST_THROUGHPUT}"
    elif throughput and not iops:
        yield "StorageThroughput", "StorageThroughput needs Iops beside it"
    elif throughput and throughput > iops / 4:
        yield "StorageThroughput", f"{throughput:g} MiB/s; expected a quarter of Iops at most"


def _names(design: Design) -> Iterator[Problem]:
    for database, engine in _made(design):
        properties = database.properties
        expected = {
            "MasterUsername": like(
                r"[A-Za-z]\w{0,15}", "letters, digits and _, a letter first, 16 at most"
            ),
            "DBName": like(r"[A-Za-z]\w{0,62}", "letters, digits and _, a letter first"),
        }
        yield from misfits(database, expected)
        for name in expected:
            value = (text(properties.get(name)) or "").lower()
            reserved = value in RESERVED or value.startswith(("pg_", "rds_"))
            if engine == "postgres" and (reserved or (value == "db" and name == "DBName")):
                why = f"{name} is {value}, a word PostgreSQL on RDS keeps; expected another"
                yield Problem(database.id, ("Properties", name), why)


def _password(design: Design) -> Iterator[Problem]:
    for database, engine in _made(design):
        properties = database.properties
        path = ("Properties", "MasterUserPassword")
        given, managed = (
            "MasterUserPassword" in properties,
            flag(properties.get("ManageMasterUserPassword")),
        )
        if given and managed:
            why = "ManageMasterUserPassword makes the password itself; drop one of the two"
            yield Problem(database.id, path, why)
        if not given and not managed and not engine.startswith("aurora"):
            why = "it has no password; expected a dynamic reference to a secret's value"
            yield Problem(database.id, path, why)
        if not managed and "MasterUserSecret" in properties:
            why = "MasterUserSecret is for ManageMasterUserPassword: true; drop it"
            yield Problem(database.id, ("Properties", "MasterUserSecret"), why)
        if given and "MasterUsername" not in properties:
            yield Problem(database.id, ("Properties",), "MasterUsername is missing")
        value = properties.get("MasterUserPassword")
        made = design.follow(value)
        if meant(design, value) is not None or "secretsmanager" in str(text(value)).split(":"):
            ours = not str(text(value)).startswith("{{resolve:")
            if ours:
                why = (
                    "the secret's ARN would be the password; expected its value: "
                    "{{resolve:secretsmanager:<ARN>}}"
                )
                yield Problem(database.id, path, why)
        elif given and "{{resolve:" not in shown(value) and made is None:
            why = (
                "a password that stands in a template or a parameter is read by many; expected "
                "{{resolve:secretsmanager:<ARN>}}"
            )
            yield Problem(database.id, path, why)


def _windows(design: Design) -> Iterator[Problem]:
    for database, _ in _made(design):
        yield from windows.misfits(
            database, "PreferredBackupWindow", "PreferredMaintenanceWindow", 30
        )


def _exports(design: Design) -> Iterator[Problem]:
    for database, engine in _made(design):
        if expected := EXPORTS.get(engine):
            yield from misfits(database, {"EnableCloudwatchLogsExports.*": expected})


def _monitored(design: Design) -> Iterator[Problem]:
    days = whole(31, 713)
    for database in design.of_type(INSTANCE):
        properties = database.properties
        interval = number(properties.get("MonitoringInterval", 0))
        if interval and "MonitoringRoleArn" not in properties:
            why = f"MonitoringInterval {interval:g} needs MonitoringRoleArn; expected both"
            yield Problem(database.id, ("Properties", "MonitoringInterval"), why)
        if interval == 0 and "MonitoringRoleArn" in properties:
            why = "MonitoringRoleArn needs a MonitoringInterval; expected both"
            yield Problem(database.id, ("Properties", "MonitoringRoleArn"), why)
        role = design.follow(properties.get("MonitoringRoleArn"))
        if role is not None and role.type != "AWS::IAM::Role":
            why = f"{role.origin} is no role; expected the ARN of one"
            yield Problem(database.id, ("Properties", "MonitoringRoleArn"), why)
        kept = number(properties.get("PerformanceInsightsRetentionPeriod"))
        path = ("Properties", "PerformanceInsightsRetentionPeriod")
        if kept is not None and kept not in (7, 731) and (days(f"{kept:g}") or kept % 31):
            why = f"{kept:g} days; expected 7, 731, or a multiple of 31"
            yield Problem(database.id, path, why)
        insights = flag(properties.get("EnablePerformanceInsights", False))
        if insights is False:
            for name in ("PerformanceInsightsRetentionPeriod", "PerformanceInsightsKMSKeyId"):
                if name in properties:
                    why = f"{name} needs EnablePerformanceInsights: true"
                    yield Problem(database.id, ("Properties", name), why)


def _safe(design: Design) -> Iterator[Problem]:
    for database, engine in _made(design):
        if engine.startswith("aurora"):
            continue
        properties = database.properties
        for name, wanted, why in (
            ("StorageEncrypted", True, "the disk and its backups can be read"),
            ("PubliclyAccessible", False, "it has an address on the internet"),
            ("AutoMinorVersionUpgrade", True, "known holes stay open"),
            ("DeleteAutomatedBackups", False, "its backups go with it"),
        ):
            usual = name == "PubliclyAccessible" and "DBSubnetGroupName" not in properties
            usual = usual or name in ("AutoMinorVersionUpgrade", "DeleteAutomatedBackups")
            value = flag(properties.get(name, usual))
            if (name not in properties or text(properties[name])) and value is not wanted:
                told = f"{name}: {why}; expected {str(wanted).lower()}"
                yield Problem(database.id, ("Properties", name), told)
        if number(properties.get("BackupRetentionPeriod", 1)) == 0:
            why = "BackupRetentionPeriod is 0: nothing can be brought back; expected 1 or more"
            yield Problem(database.id, ("Properties", "BackupRetentionPeriod"), why)
        if not properties.get("EnableCloudwatchLogsExports"):
            why = "its logs are on its own disk only; expected EnableCloudwatchLogsExports"
            yield Problem(database.id, ("Properties",), why)
        for name in ("VPCSecurityGroups", "DBSubnetGroupName"):
            if not properties.get(name):
                why = f"{name} is missing: it would be in the VPC's default one; expected ours"
                yield Problem(database.id, ("Properties",), why)
        group = design.follow(properties.get("DBSubnetGroupName"))
        if group is not None and group.type != SUBNETS:
            why = f"{group.origin} is no DBSubnetGroup; expected !Ref of one"
            yield Problem(database.id, ("Properties", "DBSubnetGroupName"), why)


def _protected(design: Design) -> Iterator[Problem]:
    """A database that anybody may delete, whoever's the settings are."""
    for database, _ in _made(design):
        written = design.flat.template["Resources"][database.id]
        if flag(look(written, "Properties", "DeletionProtection")) is False:
            why = "anybody who may change the stack may delete people's data; expected true"
            yield Problem(database.id, ("Properties", "DeletionProtection"), why)


def _upgraded(design: Design) -> Iterator[Problem]:
    for database, engine in _made(design):
        version = text(database.properties.get("EngineVersion")) or ""
        pinned = re.fullmatch(r"\d+\.\d+.*", version) is not None and engine == "postgres"
        if pinned and flag(database.properties.get("AutoMinorVersionUpgrade", True)):
            why = (
                f"RDS will upgrade {version} by itself, and the next deployment fails to "
                f"downgrade it; expected '{version.partition('.')[0]}'"
            )
            yield Problem(database.id, ("Properties", "EngineVersion"), why)


def _subnets(design: Design) -> Iterator[Problem]:
    for group in design.of_type(SUBNETS):
        path = ("Properties", "SubnetIds")
        given = group.properties.get("SubnetIds")
        if not group.properties.get("DBSubnetGroupDescription"):
            why = "DBSubnetGroupDescription is missing; RDS needs one"
            yield Problem(group.id, ("Properties",), why)
        if isinstance(given, list) and len({str(one) for one in given}) < 2:  # noqa: PLR2004
            yield Problem(group.id, path, "expected two subnets at least, in different zones")
            continue
        subnets = known_subnets(design, given) or []
        if subnets and zones(subnets) == 1:
            yield Problem(group.id, path, "its subnets are in one zone; expected two zones")
        for index, subnet in enumerate(subnets):
            if public(design, subnet):
                why = f"{subnet.origin} has a route to the internet; expected a private subnet"
                yield Problem(group.id, (*path, index), why)


def _parameters(design: Design) -> Iterator[Problem]:
    for database, engine in _made(design):
        version = text(database.properties.get("EngineVersion"))
        usual = text(database.properties.get("DBParameterGroupName")) or ""
        ours = f"default.{engine}{(version or '').partition('.')[0]}"
        if engine == "postgres" and version and usual.startswith("default.") and usual != ours:
            why = f"{usual} is not for {engine} {version}; expected {ours}"
            yield Problem(database.id, ("Properties", "DBParameterGroupName"), why)
        group = design.follow(database.properties.get("DBParameterGroupName"))
        if group is None:
            continue
        family = text(group.properties.get("Family"))
        wanted = f"postgres{(version or '').partition('.')[0]}"
        if group.type != PARAMETERS:
            why = f"{group.origin} is no DBParameterGroup; expected !Ref of one"
            yield Problem(database.id, ("Properties", "DBParameterGroupName"), why)
        elif family and version and engine == "postgres" and family != wanted:
            why = f"Family is {family}, and {database.origin} has {version}; expected {wanted}"
            yield Problem(group.id, ("Properties", "Family"), why)
    for group in design.of_type(PARAMETERS):
        for name, value in (group.properties.get("Parameters") or {}).items():
            if name == "rds.force_ssl" and text(value) not in ("1", None):
                why = f"rds.force_ssl is {text(value)}: connections need no TLS; expected '1'"
                yield Problem(group.id, ("Properties", "Parameters", name), why)


DATABASE = """
Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
Gateway: {Type: AWS::EC2::InternetGateway}
SubnetA: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, AvailabilityZone: a}}
SubnetB: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, AvailabilityZone: b}}
Routes: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !Ref Vpc}}
Way: {Type: AWS::EC2::Route, Properties: {RouteTableId: !Ref Routes, NatGatewayId: nat-1}}
RoutesA:
  Type: AWS::EC2::SubnetRouteTableAssociation
  Properties: {SubnetId: !Ref SubnetA, RouteTableId: !Ref Routes}
Subnets:
  Type: AWS::RDS::DBSubnetGroup
  Properties:
    DBSubnetGroupDescription: private
    SubnetIds: [!Ref SubnetA, !Ref SubnetB]
Parameters:
  Type: AWS::RDS::DBParameterGroup
  Properties:
    Description: ours
    Family: postgres15
    Parameters: {rds.force_ssl: '1'}
Password: {Type: AWS::SecretsManager::Secret}
Database:
  Type: AWS::RDS::DBInstance
  Properties:
    DBInstanceIdentifier: liberty-db
    Engine: postgres
    EngineVersion: '15'
    DBInstanceClass: db.t3.micro
    DBName: liberty
    MasterUsername: postgres
    MasterUserPassword: !Sub '{{resolve:secretsmanager:${Password}}}'
    Port: '5432'
    AllocatedStorage: 400
    MaxAllocatedStorage: 500
    StorageType: gp3
    Iops: 12000
    StorageThroughput: 500
    StorageEncrypted: true
    MultiAZ: true
    PubliclyAccessible: false
    DBParameterGroupName: !Ref Parameters
    DBSubnetGroupName: !Ref Subnets
    VPCSecurityGroups: [sg-1]
    BackupRetentionPeriod: 7
    DeleteAutomatedBackups: false
    PreferredBackupWindow: 06:00-07:00
    PreferredMaintenanceWindow: sun:07:30-sun:08:30
    MonitoringInterval: 60
    MonitoringRoleArn: arn:aws:iam::123456789012:role/monitoring
    EnablePerformanceInsights: true
    PerformanceInsightsRetentionPeriod: 7
    EnableCloudwatchLogsExports: [postgresql, upgrade]
"""

RULES: tuple[Rule, ...] = (
    Rule(
        "LC1401",
        "error",
        "A database has an engine of RDS's, in a version there is",
        "RDS refuses others when it makes the database, which is minutes into a deployment.",
        f"{GUIDE}PostgreSQL.Concepts.General.DBVersions.html",
        _engine,
        good=(DATABASE, *changed(DATABASE, ("'15'", "15.8"), ("postgres", "Postgres"))),
        bad=changed(
            DATABASE,
            ("Engine: postgres", "Engine: postgresql"),
            ("    Engine: postgres\n", ""),
            ("EngineVersion: '15'", "EngineVersion: 15.latest"),
            ("EngineVersion: '15'", "EngineVersion: '8.0'"),
            ("Engine: postgres", "Engine: postgres\n    LicenseModel: license-included"),
        ),
    ),
    Rule(
        "LC1402",
        "error",
        "A database's values are those that RDS takes",
        "RDS refuses classes, identifiers, ports and periods other than these.",
        API,
        _values,
        good=(DATABASE,),
        bad=changed(
            DATABASE,
            ("db.t3.micro", "t3.micro"),
            ("db.t3.micro", "db.t3.tiny"),
            ("liberty-db", "liberty--db"),
            ("liberty-db", "1liberty"),
            ("liberty-db", "liberty_db"),
            ("liberty-db", "liberty-"),
            ("BackupRetentionPeriod: 7", "BackupRetentionPeriod: 36"),
            ("MonitoringInterval: 60", "MonitoringInterval: 20"),
            ("Port: '5432'", "Port: '1000'"),
            ("StorageType: gp3", "StorageType: gp4"),
            ("db.t3.micro", "db.t2.micro"),
            ("    Port: '5432'", "    AvailabilityZone: us-east-1a"),
            ("    Port: '5432'", "    CACertificateIdentifier: rds-ca-2019"),
        ),
    ),
    Rule(
        "LC1403",
        "error",
        "A database's disk has a size and a speed that its kind can have",
        "Under 400 GiB gp3 has its own speed, and RDS refuses any that is given; it refuses "
        "sizes and limits out of range, too. No linter says so.",
        f"{GUIDE}CHAP_Storage.html",
        _storage,
        good=(DATABASE,),
        bad=changed(
            DATABASE,
            ("AllocatedStorage: 400", "AllocatedStorage: 399"),
            ("AllocatedStorage: 400", "AllocatedStorage: 19"),
            ("AllocatedStorage: 400", "AllocatedStorage: 70000"),
            ("    AllocatedStorage: 400\n", ""),
            ("MaxAllocatedStorage: 500", "MaxAllocatedStorage: 400"),
            ("MaxAllocatedStorage: 500", "MaxAllocatedStorage: 70000"),
            ("Iops: 12000", "Iops: 3000"),
            ("Iops: 12000", "Iops: 64001"),
            ("StorageThroughput: 500", "StorageThroughput: 125"),
            ("StorageThroughput: 500", "StorageThroughput: 4000"),
            ("    Iops: 12000\n", ""),
            ("StorageType: gp3", "StorageType: gp2"),
            ("StorageType: gp3", "StorageType: io1"),
        ),
    ),
    Rule(
        "LC1404",
        "error",
        "A database and its master user have names that PostgreSQL doesn't keep for itself",
        "RDS refuses names with hyphens, those that start with pg_ or rds_, and words that the "
        "engine reserves, such as admin; no linter says so.",
        API,
        _names,
        good=(DATABASE,),
        bad=changed(
            DATABASE,
            ("MasterUsername: postgres", "MasterUsername: admin"),
            ("MasterUsername: postgres", "MasterUsername: rdsadmin"),
            ("MasterUsername: postgres", "MasterUsername: user"),
            ("MasterUsername: postgres", "MasterUsername: pg_liberty"),
            ("MasterUsername: postgres", "MasterUsername: 1liberty"),
            ("DBName: liberty", "DBName: liberty-social"),
            ("DBName: liberty", "DBName: table"),
        ),
    ),
    Rule(
        "LC1405",
        "error",
        "A database's password is a secret's value, or RDS's own",
        "RDS refuses a password beside its own, or none; and one that stands in a template or "
        "a parameter is in everybody's history.",
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html",
        _password,
        good=(
            DATABASE,
            DATABASE.replace(
                "MasterUserPassword: !Sub '{{resolve:secretsmanager:${Password}}}'",
                "ManageMasterUserPassword: true",
            ),
        ),
        bad=changed(
            DATABASE,
            ("!Sub '{{resolve:secretsmanager:${Password}}}'", "hunter2hunter2"),
            ("!Sub '{{resolve:secretsmanager:${Password}}}'", "!Ref Password"),
            ("    MasterUserPassword: !Sub '{{resolve:secretsmanager:${Password}}}'\n", ""),
            ("    Port: '5432'", "    ManageMasterUserPassword: true"),
            ("    Port: '5432'", "    MasterUserSecret: {KmsKeyId: alias/a}"),
            ("    MasterUsername: postgres\n", ""),
        ),
    ),
    Rule(
        "LC1406",
        "error",
        "A database's backup and maintenance have half an hour each, apart from each other",
        "RDS refuses windows that overlap, are too short, or written in another way.",
        f"{GUIDE}USER_WorkingWithAutomatedBackups.html",
        _windows,
        good=(DATABASE, DATABASE.replace("06:00-07:00", "23:30-00:30")),
        bad=changed(
            DATABASE,
            ("06:00-07:00", "07:00-08:00"),
            ("06:00-07:00", "08:00-09:00"),
            ("06:00-07:00", "06:00-06:15"),
            ("06:00-07:00", "6:00-7:00"),
            ("06:00-07:00", "24:00-25:00"),
            ("sun:07:30-sun:08:30", "sunday:07:30-sunday:08:30"),
            ("sun:07:30-sun:08:30", "07:30-08:30"),
            ("sun:07:30-sun:08:30", "sun:07:30-sun:07:45"),
            ("sun:07:30-sun:08:30", "sat:23:00-sun:06:30"),
        ),
    ),
    Rule(
        "LC1407",
        "error",
        "A database exports logs that its engine writes",
        "RDS refuses the name of another engine's log.",
        API,
        _exports,
        good=(DATABASE,),
        bad=changed(DATABASE, ("[postgresql, upgrade]", "[error, slowquery]")),
    ),
    Rule(
        "LC1408",
        "error",
        "Enhanced monitoring has an interval and a role; insights are kept as long as can be",
        "RDS refuses one of the two without the other, and days that it doesn't sell.",
        f"{GUIDE}USER_Monitoring.OS.Enabling.html",
        _monitored,
        good=(DATABASE,),
        bad=changed(
            DATABASE,
            ("    MonitoringRoleArn: arn:aws:iam::123456789012:role/monitoring\n", ""),
            ("    MonitoringInterval: 60\n", ""),
            ("MonitoringInterval: 60", "MonitoringInterval: 0"),
            ("arn:aws:iam::123456789012:role/monitoring", "!Ref Password"),
            ("PerformanceInsightsRetentionPeriod: 7", "PerformanceInsightsRetentionPeriod: 30"),
            ("EnablePerformanceInsights: true", "EnablePerformanceInsights: false"),
            ("    EnablePerformanceInsights: true\n", ""),
        ),
    ),
    Rule(
        "LC1409",
        "error",
        "A database is private, encrypted, backed up, and in our subnets and group",
        "Otherwise it is made in the VPC's default group and subnets, with an address on the "
        "internet, on a disk that can be read, or can't be brought back.",
        f"{GUIDE}CHAP_BestPractices.Security.html",
        _safe,
        good=(DATABASE,),
        bad=changed(
            DATABASE,
            ("StorageEncrypted: true", "StorageEncrypted: false"),
            ("    StorageEncrypted: true\n", ""),
            ("PubliclyAccessible: false", "PubliclyAccessible: true"),
            ("BackupRetentionPeriod: 7", "BackupRetentionPeriod: 0"),
            ("    DeleteAutomatedBackups: false\n", ""),
            ("    DeleteAutomatedBackups: false", "    AutoMinorVersionUpgrade: false"),
            ("    EnableCloudwatchLogsExports: [postgresql, upgrade]\n", ""),
            ("    VPCSecurityGroups: [sg-1]\n", ""),
            ("    DBSubnetGroupName: !Ref Subnets\n", ""),
            ("DBSubnetGroupName: !Ref Subnets", "DBSubnetGroupName: !Ref SubnetA"),
        ),
    ),
    Rule(
        "LC1410",
        "error",
        "A database that RDS upgrades says its major version only",
        "RDS upgrades 15.8 to 15.10 by itself; the next deployment then says 15.8 again and "
        "fails, as there is no way back.",
        f"{GUIDE}USER_UpgradeDBInstance.Upgrading.html",
        _upgraded,
        good=(
            DATABASE,
            DATABASE.replace("'15'", "'15.8'\n    AutoMinorVersionUpgrade: false"),
        ),
        bad=changed(DATABASE, ("EngineVersion: '15'", "EngineVersion: '15.8'")),
    ),
    Rule(
        "LC1411",
        "error",
        "A database's subnets are private, in two zones at least",
        "RDS refuses a group of one zone, with or without a standby; and a database in a "
        "public subnet is one setting away from the internet.",
        f"{GUIDE}USER_VPC.WorkingWithRDSInstanceinaVPC.html",
        _subnets,
        good=(DATABASE,),
        bad=changed(
            DATABASE,
            ("[!Ref SubnetA, !Ref SubnetB]", "[!Ref SubnetA]"),
            ("[!Ref SubnetA, !Ref SubnetB]", "[!Ref SubnetA, !Ref SubnetA]"),
            ("AvailabilityZone: b", "AvailabilityZone: a"),
            ("NatGatewayId: nat-1", "GatewayId: !Ref Gateway"),
            ("    DBSubnetGroupDescription: private\n", ""),
        ),
    ),
    Rule(
        "LC1412",
        "error",
        "A parameter group is of the database's engine and version",
        "RDS refuses a database with the parameters of another family.",
        f"{GUIDE}USER_WorkingWithParamGroups.html",
        _parameters,
        good=(DATABASE,),
        bad=changed(
            DATABASE,
            ("Family: postgres15", "Family: postgres14"),
            ("Family: postgres15", "Family: mysql8.0"),
            (
                "DBParameterGroupName: !Ref Parameters",
                "DBParameterGroupName: default.postgres14",
            ),
            ("DBParameterGroupName: !Ref Parameters", "DBParameterGroupName: !Ref Subnets"),
            ("rds.force_ssl: '1'", "rds.force_ssl: on"),
            ("rds.force_ssl: '1'", "rds.force_ssl: '0'"),
        ),
    ),
    Rule(
        "LC1413",
        "error",
        "A database refuses to be deleted, unless a setting says otherwise",
        "A stack that is deleted by mistake, or a property that replaces the database, takes "
        "people's data along; a snapshot takes hours to bring it back.",
        f"{GUIDE}USER_DeleteInstance.html",
        _protected,
        good=(
            DATABASE,
            DATABASE.replace("    Port", "    DeletionProtection: true\n    Port"),
            {
                "root.yaml": "Parameters: {Kept: {Type: String, Default: 'false'}}\nResources:"
                + DATABASE.replace("    Port", "    DeletionProtection: !Ref Kept\n    Port")
                .replace("\n", "\n  ")
                .rstrip()
            },
        ),
        bad=changed(DATABASE, ("    Port", "    DeletionProtection: false\n    Port")),
    ),
)
