"""The database."""

import pytest


def test_the_database_has_the_identifier_that_its_check_asks_for(database, named):
    assert database["Database"]["DBInstanceIdentifier"] == named("liberty-social-db")


def test_it_is_postgres_15_in_its_latest_minor_version(database):
    """A pinned one meets AWS's upgrade: "cannot upgrade from 15.8 to 15.6"."""
    assert database["Database"]["Engine"] == "postgres"
    assert database["Database"]["EngineVersion"] == "15"
    assert database["Database"]["AutoMinorVersionUpgrade"] is True


def test_it_holds_liberty_social_of_the_user_postgres(database):
    assert database["Database"]["DBName"] == "liberty_social"
    assert database["Database"]["MasterUsername"] == "postgres"


def test_tasks_are_told_the_name_and_user_it_was_made_with(database, root):
    told, made = database.body["Outputs"], database["Database"]
    assert told["DatabaseName"]["Value"] == made["DBName"]
    assert told["DatabaseUser"]["Value"] == made["MasterUsername"]
    for setting in ("DatabaseHost", "DatabasePort", "DatabaseName", "DatabaseUser"):
        assert root["Service"]["Parameters"][setting] == {
            "Fn::GetAtt": ["Database", f"Outputs.{setting}"]
        }


def test_tasks_are_told_the_endpoint_that_rds_gave_it(database):
    told = database.body["Outputs"]
    assert told["DatabaseHost"]["Value"] == {"Fn::GetAtt": ["Database", "Endpoint.Address"]}
    assert told["DatabasePort"]["Value"] == {"Fn::GetAtt": ["Database", "Endpoint.Port"]}


def test_its_password_comes_from_secrets_manager(database, root):
    assert database["Database"]["MasterUserPassword"] == {
        "Fn::Join": ["", ["{{resolve:secretsmanager:", {"Ref": "DatabasePasswordArn"}, "}}"]]
    }
    assert root["Database"]["Parameters"]["DatabasePasswordArn"] == {
        "Fn::GetAtt": ["Secrets", "Outputs.DatabasePasswordArn"]
    }


@pytest.mark.parametrize(
    ("key", "setting", "value"),
    [
        ("DBInstanceClass", "DatabaseClass", "db.t3.micro"),
        ("AllocatedStorage", "DatabaseStorage", 20),
        ("MaxAllocatedStorage", "DatabaseMaxStorage", 100),
        ("MultiAZ", "DatabaseMultiAz", "true"),
        ("BackupRetentionPeriod", "DatabaseBackupDays", 30),
        ("DeletionProtection", "DatabaseDeletionProtection", "true"),
    ],
)
def test_it_is_sized_and_kept_as_the_spec_says_unless_a_setting_differs(
    database, default, key, setting, value
):
    assert database["Database"][key] == {"Ref": setting}
    assert default(setting) == value


def test_its_disk_is_gp3_and_never_under_20_gb(database, root):
    """RDS refuses less for gp3, and says so only when it makes the database."""
    assert database["Database"]["StorageType"] == "gp3"
    assert root.body["Parameters"]["DatabaseStorage"]["MinValue"] == 20


def test_it_pays_for_disk_operations_only_when_a_setting_says_how_many(database, default):
    """RDS refuses Iops under 400 GiB."""
    assert database["Database"]["Iops"] == {
        "Fn::If": ["HasIops", {"Ref": "DatabaseIops"}, {"Ref": "AWS::NoValue"}]
    }
    assert database.body["Conditions"]["HasIops"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "DatabaseIops"}, 0]}]
    }
    assert default("DatabaseIops") == 0


def test_backups_are_never_switched_off(root):
    assert root.body["Parameters"]["DatabaseBackupDays"]["MinValue"] == 1


def test_it_is_encrypted(database):
    assert database["Database"]["StorageEncrypted"] is True


def test_it_listens_on_5432(database):
    assert database["Database"]["Port"] == "5432"


def test_it_is_private(database, root):
    assert database["Database"]["PubliclyAccessible"] is False
    assert database["Database"]["DBSubnetGroupName"] == {"Ref": "DatabaseSubnets"}
    assert database["DatabaseSubnets"]["SubnetIds"] == {"Ref": "SubnetIds"}
    assert root["Database"]["Parameters"]["SubnetIds"] == {
        "Fn::GetAtt": ["Network", "Outputs.PrivateSubnetIds"]
    }


def test_it_has_its_own_security_group_only(database, root):
    assert database["Database"]["VPCSecurityGroups"] == [{"Ref": "DatabaseGroupId"}]
    assert root["Database"]["Parameters"]["DatabaseGroupId"] == {
        "Fn::GetAtt": ["Security", "Outputs.DatabaseGroupId"]
    }


def test_it_leaves_a_snapshot_and_its_backups_when_deleted(database):
    assert database.resource("Database")["DeletionPolicy"] == "Snapshot"
    assert database.resource("Database")["UpdateReplacePolicy"] == "Snapshot"
    assert database["Database"]["DeleteAutomatedBackups"] is False


def test_it_is_backed_up_before_it_is_upgraded(database):
    backup = database["Database"]["PreferredBackupWindow"]
    upgrade = database["Database"]["PreferredMaintenanceWindow"]
    assert backup.partition("-")[2] < upgrade.partition(":")[2]
