"""Container registry."""

from __future__ import annotations

import json
from collections.abc import Iterator

from liberty_cfn.verify.facts import Fact, equal
from liberty_cfn.verify.reading import Aws, MissingError

REPOSITORY = "liberty-social-backend"
UNTAGGED_KEPT = 30


def repository(aws: Aws) -> Iterator[Fact]:
    """State what the spec says of the repository."""
    name = aws.named(REPOSITORY)
    answer = aws.read("ecr", "describe_repositories", repositoryNames=[name])
    if not answer.get("repositories"):
        raise MissingError
    found = answer["repositories"][0]
    yield equal("name", name, found["repositoryName"])
    yield equal("region", aws.region, found["repositoryArn"].split(":")[3])
    scans = found.get("imageScanningConfiguration", {}).get("scanOnPush", False)
    yield equal("scan on push", expected=True, found=scans)
    kind = found.get("encryptionConfiguration", {}).get("encryptionType")
    yield equal("encryption", "AES256", kind)
    expected = aws.settings["ImageTagMutability"]
    yield equal("tag mutability", expected, found.get("imageTagMutability"))
    answer = aws.read_if_any("ecr", "get_lifecycle_policy", repositoryName=name)
    rules = json.loads(answer.get("lifecyclePolicyText", "{}")).get("rules", [])
    kept = [
        rule["selection"].get("countNumber")
        for rule in rules
        if rule.get("action", {}).get("type") == "expire"
        and rule["selection"].get("tagStatus") == "untagged"
        and rule["selection"].get("countType") == "imageCountMoreThan"
    ]
    yield equal("untagged images that stay", [UNTAGGED_KEPT], kept)
