"""The database."""

from troposphere import Equals, If, Join, Not, NoValue, Ref, Template, rds

from liberty_cfn.names import named
from liberty_cfn.nesting import outputs
from liberty_cfn.ports import POSTGRES
from liberty_cfn.values import (
    DatabaseId,
    DomainName,
    Flag,
    Number,
    SecretArn,
    SecurityGroupId,
    SubnetIds,
    Suffix,
    Text,
)


@outputs
class Database:
    database_id: DatabaseId
    database_host: DomainName
    database_port: Text
    database_name: Text
    database_user: Text


def database(
    t: Template,
    *,
    suffix: Suffix,
    subnet_ids: SubnetIds,
    database_group_id: SecurityGroupId,
    database_password_arn: SecretArn,
    database_class: Text,
    database_storage: Number,
    database_max_storage: Number,
    database_iops: Number,
    database_multi_az: Flag,
    database_backup_days: Number,
    database_deletion_protection: Flag,
) -> Database:
    """PostgreSQL, in the private subnets."""
    has_iops = t.add_condition("HasIops", Not(Equals(database_iops, 0)))
    subnets = t.add_resource(
        rds.DBSubnetGroup(
            "DatabaseSubnets",
            DBSubnetGroupDescription="Private subnets of the database",
            SubnetIds=subnet_ids,
        )
    )
    name, user = "liberty_social", "postgres"
    instance = t.add_resource(
        rds.DBInstance(
            "Database",
            DBInstanceIdentifier=named("liberty-social-db", suffix),
            Engine="postgres",
            # AWS picks the newest minor version, and upgrades it. Pinned, it would one
            # day be older than what runs, and CloudFormation would try to go back.
            EngineVersion="15",
            AutoMinorVersionUpgrade=True,
            DBInstanceClass=database_class,
            DBName=name,
            MasterUsername=user,
            MasterUserPassword=Join(
                "", ["{{resolve:secretsmanager:", database_password_arn, "}}"]
            ),
            Port=str(POSTGRES),
            AllocatedStorage=database_storage,
            MaxAllocatedStorage=database_max_storage,
            StorageType="gp3",
            Iops=If(has_iops, database_iops, NoValue),
            StorageEncrypted=True,
            MultiAZ=database_multi_az,
            PubliclyAccessible=False,
            DBSubnetGroupName=Ref(subnets),
            VPCSecurityGroups=[database_group_id],
            BackupRetentionPeriod=database_backup_days,
            # UTC, when it is night in the Americas and early in Europe; backup first.
            PreferredBackupWindow="06:00-07:00",
            PreferredMaintenanceWindow="sun:07:30-sun:08:30",
            CopyTagsToSnapshot=True,
            DeleteAutomatedBackups=False,
            EnableCloudwatchLogsExports=["postgresql", "upgrade"],
            DeletionProtection=database_deletion_protection,
            # People's data must survive a mistake with the stack.
            DeletionPolicy="Snapshot",
            UpdateReplacePolicy="Snapshot",
        )
    )
    return Database(
        database_id=DatabaseId(Ref(instance)),
        database_host=DomainName(instance.get_att("Endpoint.Address")),
        database_port=Text(instance.get_att("Endpoint.Port")),
        database_name=Text(name),
        database_user=Text(user),
    )
