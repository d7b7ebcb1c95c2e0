"""The bucket people upload to."""

from troposphere import Equals, If, Not, NoValue, Ref, Template, s3

from liberty_cfn.names import named
from liberty_cfn.nesting import outputs
from liberty_cfn.policies import policy, tls_only
from liberty_cfn.values import BucketArn, BucketName, Number, Origins, Suffix

UNFINISHED_UPLOAD_DAYS = 7


@outputs
class Storage:
    uploads_name: BucketName
    uploads_arn: BucketArn


def storage(
    t: Template,
    *,
    suffix: Suffix,
    site_origins: Origins,
    uploads_expire_days: Number,
    uploads_old_version_days: Number,
) -> Storage:
    """A private, versioned bucket for uploads."""
    expires = t.add_condition("FilesExpire", Not(Equals(uploads_expire_days, 0)))
    old_versions_expire = t.add_condition(
        "OldVersionsExpire", Not(Equals(uploads_old_version_days, 0))
    )
    uploads = t.add_resource(
        s3.Bucket(
            "Uploads",
            BucketName=named("liberty-social-uploads", suffix),
            VersioningConfiguration=s3.VersioningConfiguration(Status="Enabled"),
            PublicAccessBlockConfiguration=s3.PublicAccessBlockConfiguration(
                BlockPublicAcls=True,
                BlockPublicPolicy=True,
                IgnorePublicAcls=True,
                RestrictPublicBuckets=True,
            ),
            OwnershipControls=s3.OwnershipControls(
                Rules=[s3.OwnershipControlsRule(ObjectOwnership="BucketOwnerEnforced")]
            ),
            BucketEncryption=s3.BucketEncryption(
                ServerSideEncryptionConfiguration=[
                    s3.ServerSideEncryptionRule(
                        ServerSideEncryptionByDefault=s3.ServerSideEncryptionByDefault(
                            SSEAlgorithm="AES256"
                        )
                    )
                ]
            ),
            CorsConfiguration=s3.CorsConfiguration(
                CorsRules=[
                    s3.CorsRules(
                        AllowedMethods=["GET", "PUT", "POST", "DELETE"],
                        AllowedOrigins=site_origins,
                        AllowedHeaders=["*"],
                    )
                ]
            ),
            LifecycleConfiguration=s3.LifecycleConfiguration(
                Rules=[
                    s3.LifecycleRule(
                        Id="UnfinishedUploads",
                        Status="Enabled",
                        AbortIncompleteMultipartUpload=s3.AbortIncompleteMultipartUpload(
                            DaysAfterInitiation=UNFINISHED_UPLOAD_DAYS
                        ),
                    ),
                    If(
                        expires,
                        s3.LifecycleRule(
                            Id="Files", Status="Enabled", ExpirationInDays=uploads_expire_days
                        ),
                        NoValue,
                    ),
                    If(
                        old_versions_expire,
                        s3.LifecycleRule(
                            Id="OldVersions",
                            Status="Enabled",
                            NoncurrentVersionExpiration=s3.NoncurrentVersionExpiration(
                                NoncurrentDays=uploads_old_version_days
                            ),
                        ),
                        NoValue,
                    ),
                ]
            ),
            # People's files must survive a mistake with the stack.
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
        )
    )
    t.add_resource(
        s3.BucketPolicy(
            "UploadsPolicy", Bucket=Ref(uploads), PolicyDocument=policy(tls_only(uploads))
        )
    )
    return Storage(
        uploads_name=BucketName(Ref(uploads)),
        uploads_arn=BucketArn(uploads.get_att("Arn")),
    )
