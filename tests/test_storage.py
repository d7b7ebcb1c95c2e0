"""The bucket people upload to."""

import pytest

BUCKET = {"Fn::GetAtt": ["Uploads", "Arn"]}
OBJECTS = {"Fn::Join": ["", [BUCKET, "/*"]]}


def test_the_bucket_has_the_name_of_the_spec(storage, named):
    assert storage["Uploads"]["BucketName"] == named("liberty-social-uploads")


def test_files_have_versions(storage):
    assert storage["Uploads"]["VersioningConfiguration"] == {"Status": "Enabled"}


@pytest.mark.parametrize(
    "door",
    ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"],
)
def test_no_file_can_be_made_public(storage, door):
    assert storage["Uploads"]["PublicAccessBlockConfiguration"][door] is True


def test_files_belong_to_the_bucket_s_owner_whoever_uploads_them(storage):
    (rule,) = storage["Uploads"]["OwnershipControls"]["Rules"]
    assert rule == {"ObjectOwnership": "BucketOwnerEnforced"}


def test_files_are_encrypted(storage):
    encryption = storage["Uploads"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption == [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]


def test_browsers_may_get_put_post_and_delete_with_any_header(storage):
    (rule,) = storage["Uploads"]["CorsConfiguration"]["CorsRules"]
    assert rule["AllowedMethods"] == ["GET", "PUT", "POST", "DELETE"]
    assert rule["AllowedHeaders"] == ["*"]


def test_only_pages_of_the_site_may(storage, root):
    (rule,) = storage["Uploads"]["CorsConfiguration"]["CorsRules"]
    assert rule["AllowedOrigins"] == {"Ref": "SiteOrigins"}
    assert "Default" not in root.body["Parameters"]["SiteOrigins"]


def test_the_bucket_is_reached_by_tls_only(storage):
    assert storage["UploadsPolicy"]["Bucket"] == {"Ref": "Uploads"}
    (statement,) = storage.statements("UploadsPolicy")
    assert statement["Effect"] == "Deny"
    assert statement["Principal"] == "*"
    assert statement["Action"] == ["s3:*"]
    assert statement["Resource"] == [BUCKET, OBJECTS]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_files_stay_unless_a_setting_lets_them_expire(storage, default):
    rules = storage["Uploads"]["LifecycleConfiguration"]["Rules"]
    assert rules[1]["Fn::If"][0] == "FilesExpire"
    assert rules[1]["Fn::If"][1]["ExpirationInDays"] == {"Ref": "UploadsExpireDays"}
    assert storage.body["Conditions"]["FilesExpire"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "UploadsExpireDays"}, 0]}]
    }
    assert default("UploadsExpireDays") == 0


def test_a_deleted_file_can_be_brought_back_for_90_days(storage, default):
    condition, rule, otherwise = storage["Uploads"]["LifecycleConfiguration"]["Rules"][2][
        "Fn::If"
    ]
    assert condition == "OldVersionsExpire"
    assert rule["NoncurrentVersionExpiration"] == {
        "NoncurrentDays": {"Ref": "UploadsOldVersionDays"}
    }
    assert otherwise == {"Ref": "AWS::NoValue"}
    assert default("UploadsOldVersionDays") == 90


def test_what_was_never_uploaded_whole_is_not_paid_for_long(storage):
    rule = storage["Uploads"]["LifecycleConfiguration"]["Rules"][0]
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
