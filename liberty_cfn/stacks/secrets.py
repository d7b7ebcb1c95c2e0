"""What the application must know and nobody else may."""

from troposphere import Equals, If, Join, NoValue, Ref, Template, iam
from troposphere.secretsmanager import GenerateSecretString, Secret

from liberty_cfn.names import named
from liberty_cfn.nesting import outputs
from liberty_cfn.policies import may_store_in, policy
from liberty_cfn.values import (
    BucketArn,
    DomainName,
    Flag,
    SecretArn,
    SecretArns,
    Suffix,
    Text,
)

# RDS takes printable ASCII but these in a master password. The rest would have to be
# quoted wherever a shell or a URL meets the password.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html
REFUSED_BY_RDS = "\"@/\\' "
AWKWARD = "`$!#%&?=:;,+*^(){}[]<>|~"


@outputs
class Secrets:
    secret_key_arn: SecretArn
    database_password_arn: SecretArn
    access_key_id_arn: SecretArn
    secret_access_key_arn: SecretArn
    default_from_email_arn: SecretArn
    all_arns: SecretArns


def secrets(
    t: Template,
    *,
    suffix: Suffix,
    domain_name: DomainName,
    default_from_email: Text,
    application_access_key: Flag,
    uploads_arn: BucketArn,
) -> Secrets:
    """The application's secrets; nobody has seen those that can be generated."""
    by_user = t.add_condition("ReachesS3AsUser", Equals(application_access_key, "true"))
    own_domain = t.add_condition("SendsFromOwnDomain", Equals(default_from_email, ""))

    secret_key = t.add_resource(
        Secret(
            "SecretKey",
            Name=named("liberty-social/SECRET_KEY", suffix),
            Description="Django's SECRET_KEY. A new one signs everybody out.",
            GenerateSecretString=GenerateSecretString(
                PasswordLength=64, ExcludeCharacters=REFUSED_BY_RDS + AWKWARD
            ),
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
        )
    )
    database_password = t.add_resource(
        Secret(
            "DatabasePassword",
            Name=named("liberty-social/DB_PASSWORD", suffix),
            Description="Password of the database's master user.",
            # Editing this makes another password, which the database then does not have.
            GenerateSecretString=GenerateSecretString(
                PasswordLength=40, ExcludeCharacters=REFUSED_BY_RDS + AWKWARD
            ),
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
        )
    )
    user = t.add_resource(
        iam.User(
            "ApplicationUser",
            Condition=by_user,
            UserName=named("liberty-social-backend", suffix),
            Policies=[
                iam.Policy(
                    PolicyName="S3Access", PolicyDocument=policy(*may_store_in(uploads_arn))
                )
            ],
        )
    )
    key = t.add_resource(
        iam.AccessKey("ApplicationUserKey", Condition=by_user, UserName=Ref(user))
    )
    # Empty unless the application is to be an IAM user: a key in its environment
    # would take precedence over the task's role.
    access_key_id = t.add_resource(
        Secret(
            "AccessKeyId",
            Name=named("liberty-social/AWS_ACCESS_KEY_ID", suffix),
            Description="Access key of the IAM user that the application is in S3, if any.",
            SecretString=If(by_user, Ref(key), NoValue),
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
        )
    )
    secret_access_key = t.add_resource(
        Secret(
            "SecretAccessKey",
            Name=named("liberty-social/AWS_SECRET_ACCESS_KEY", suffix),
            Description="Secret of that access key, if any.",
            SecretString=If(by_user, key.get_att("SecretAccessKey"), NoValue),
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
        )
    )
    sender = t.add_resource(
        Secret(
            "SenderAddress",
            Name=named("liberty-social/DEFAULT_FROM_EMAIL", suffix),
            Description="The address that mail comes from.",
            SecretString=If(
                own_domain, Join("", ["noreply@", domain_name]), default_from_email
            ),
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
        )
    )

    # `Id` is the whole ARN, which ECS and IAM need.
    arns = [
        secret.get_att("Id")
        for secret in (secret_key, database_password, access_key_id, secret_access_key, sender)
    ]
    return Secrets(
        secret_key_arn=SecretArn(arns[0]),
        database_password_arn=SecretArn(arns[1]),
        access_key_id_arn=SecretArn(arns[2]),
        secret_access_key_arn=SecretArn(arns[3]),
        default_from_email_arn=SecretArn(arns[4]),
        all_arns=SecretArns(arns),
    )
