"""What the application must know and nobody else may."""

import string

import pytest

from liberty_cfn import stateful
from liberty_cfn.verify.secrets import NAMES

SECRETS = {
    "SecretKey": "liberty-social/SECRET_KEY",
    "DatabasePassword": "liberty-social/DB_PASSWORD",
    "AccessKeyId": "liberty-social/AWS_ACCESS_KEY_ID",
    "SecretAccessKey": "liberty-social/AWS_SECRET_ACCESS_KEY",
    "SenderAddress": "liberty-social/DEFAULT_FROM_EMAIL",
}
BY_USER = "ReachesS3AsUser"


def test_there_are_five_secrets_with_the_names_of_the_spec(secrets, named):
    names = {t: s["Name"] for t, s in secrets.of_type("AWS::SecretsManager::Secret").items()}
    assert names == {title: named(name) for title, name in SECRETS.items()}


def test_all_are_in_the_lists_that_everything_else_goes_by(secrets, service):
    assert secrets.of_type("AWS::SecretsManager::Secret").keys() == stateful.SECRETS.keys()
    [container] = service["TaskDefinition"]["ContainerDefinitions"]
    given = (one.get("Fn::If", [None, one])[1] for one in container["Secrets"])
    assert {one["Name"] for one in given} == set(stateful.SECRETS.values()) == set(NAMES)


def test_each_is_one_string(secrets):
    """ECS and RDS read them whole, without a key of JSON."""
    for title, secret in secrets.of_type("AWS::SecretsManager::Secret").items():
        assert "GenerateStringKey" not in str(secret), title
        assert "SecretStringTemplate" not in str(secret), title


@pytest.mark.parametrize(("title", "length"), [("SecretKey", 64), ("DatabasePassword", 40)])
def test_nobody_types_the_secret_key_or_the_database_password(secrets, title, length):
    assert secrets[title]["GenerateSecretString"]["PasswordLength"] == length
    assert "SecretString" not in secrets[title]


@pytest.mark.parametrize("title", ["SecretKey", "DatabasePassword"])
def test_what_is_generated_needs_no_quoting_anywhere(secrets, title):
    excluded = set(secrets[title]["GenerateSecretString"]["ExcludeCharacters"])
    left = set(string.ascii_letters + string.digits + string.punctuation + " ") - excluded
    assert left - set(string.ascii_letters + string.digits) <= set("-_.")


def test_the_password_has_none_of_the_characters_that_rds_refuses(secrets):
    excluded = secrets["DatabasePassword"]["GenerateSecretString"]["ExcludeCharacters"]
    assert set("/'\"@ ") <= set(excluded)


def test_nothing_secret_is_written_in_the_template(secrets):
    literal = [
        title
        for title, secret in secrets.of_type("AWS::SecretsManager::Secret").items()
        if isinstance(secret.get("SecretString"), str)
    ]
    assert literal == []


def test_the_access_key_is_empty_unless_the_application_is_a_user(secrets, default):
    """A key in the environment takes precedence over the task's role in boto3."""
    assert default("ApplicationAccessKey") == "false"
    assert secrets.body["Conditions"][BY_USER] == {
        "Fn::Equals": [{"Ref": "ApplicationAccessKey"}, "true"]
    }
    nothing = {"Ref": "AWS::NoValue"}
    assert secrets["AccessKeyId"]["SecretString"] == {
        "Fn::If": [BY_USER, {"Ref": "ApplicationUserKey"}, nothing]
    }
    assert secrets["SecretAccessKey"]["SecretString"] == {
        "Fn::If": [BY_USER, {"Fn::GetAtt": ["ApplicationUserKey", "SecretAccessKey"]}, nothing]
    }


@pytest.mark.parametrize("title", ["ApplicationUser", "ApplicationUserKey"])
def test_the_user_and_the_key_exist_only_if_asked_for(secrets, title):
    assert secrets.resource(title)["Condition"] == BY_USER


def test_the_user_may_use_the_uploads_and_nothing_else(secrets):
    objects = {"Fn::Join": ["", [{"Ref": "UploadsArn"}, "/*"]]}
    granted = {
        action: statement["Resource"]
        for statement in secrets.statements("ApplicationUser")
        for action in statement["Action"]
    }
    assert granted == {
        "s3:ListBucket": [{"Ref": "UploadsArn"}],
        "s3:GetObject": [objects],
        "s3:PutObject": [objects],
        "s3:DeleteObject": [objects],
    }


def test_mail_comes_from_noreply_at_the_domain_unless_a_setting_differs(secrets, default):
    assert secrets["SenderAddress"]["SecretString"] == {
        "Fn::If": [
            "SendsFromOwnDomain",
            {"Fn::Join": ["", ["noreply@", {"Ref": "DomainName"}]]},
            {"Ref": "DefaultFromEmail"},
        ]
    }
    assert secrets.body["Conditions"]["SendsFromOwnDomain"] == {
        "Fn::Equals": [{"Ref": "DefaultFromEmail"}, ""]
    }
    assert default("DefaultFromEmail") == ""


@pytest.mark.parametrize(
    ("output", "title"),
    [
        ("SecretKeyArn", "SecretKey"),
        ("DatabasePasswordArn", "DatabasePassword"),
        ("AccessKeyIdArn", "AccessKeyId"),
        ("SecretAccessKeyArn", "SecretAccessKey"),
        ("DefaultFromEmailArn", "SenderAddress"),
    ],
)
def test_a_secret_is_handed_over_by_its_whole_arn(secrets, output, title):
    """ECS fails at the task's start on a name, or on an ARN without its last six characters."""
    assert secrets.body["Outputs"][output]["Value"] in (
        {"Ref": title},
        {"Fn::GetAtt": [title, "Id"]},
    )


def test_all_five_can_be_granted_at_once(secrets):
    (separator, arns) = secrets.body["Outputs"]["AllArns"]["Value"]["Fn::Join"]
    assert separator == ","
    assert [arn["Fn::GetAtt"][0] for arn in arns] == list(SECRETS)
