"""Storage: the bucket people upload to."""

from __future__ import annotations

from collections.abc import Iterator

from liberty_cfn.verify.facts import Fact, equal, exactly, same
from liberty_cfn.verify.policies import grant, grants
from liberty_cfn.verify.reading import Aws

BUCKET = "liberty-social-uploads"
BLOCKS = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")


def arn(aws: Aws) -> str:
    return f"arn:{aws.partition}:s3:::{aws.named(BUCKET)}"


def uploads(aws: Aws) -> Iterator[Fact]:
    """State what the spec says of the bucket."""
    name = {"Bucket": aws.named(BUCKET)}
    aws.read("s3", "head_bucket", **name)
    yield equal("name", name["Bucket"], name["Bucket"])
    location = aws.read("s3", "get_bucket_location", **name).get("LocationConstraint")
    # The first region there was is the one without a name.
    yield equal("region", aws.region, location or "us-east-1")
    versioning = aws.read("s3", "get_bucket_versioning", **name)
    yield equal("versioning", "Enabled", versioning.get("Status"))

    answer = aws.read_if_any("s3", "get_public_access_block", **name)
    blocked = answer.get("PublicAccessBlockConfiguration", {})
    for block in BLOCKS:
        yield equal(block, expected=True, found=blocked.get(block, False))

    rules = aws.read_if_any("s3", "get_bucket_cors", **name).get("CORSRules", [])
    yield equal("CORS rules", 1, len(rules))
    for rule in rules[:1]:
        methods = rule.get("AllowedMethods", [])
        yield same("CORS methods", ["GET", "PUT", "POST", "DELETE"], methods)
        origins = aws.settings["SiteOrigins"].split(",")
        yield same("CORS origins", origins, rule.get("AllowedOrigins", []))
        yield same("CORS headers", ["*"], rule.get("AllowedHeaders", []))

    answer = aws.read_if_any("s3", "get_bucket_encryption", **name)
    found = [
        rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm")
        for rule in answer.get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
    ]
    yield same("encryption", ["AES256"], found)
    policy = aws.read_if_any("s3", "get_bucket_policy", **name).get("Policy", "{}")
    yield from exactly(
        "policy",
        [
            grant("Deny", "s3:*", resource, to="*", when="Bool aws:SecureTransport false")
            for resource in (arn(aws), f"{arn(aws)}/*")
        ],
        grants(policy),
    )

    rules = aws.read_if_any("s3", "get_bucket_lifecycle_configuration", **name).get("Rules", [])
    days = [
        rule["Expiration"]["Days"]
        for rule in rules
        if rule.get("Status") == "Enabled" and rule.get("Expiration", {}).get("Days")
    ]
    expected = aws.number("UploadsExpireDays")
    yield equal("files deleted after (days)", [expected] if expected else [], days)
