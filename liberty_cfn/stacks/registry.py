"""Where the application's images are kept."""

import json

from troposphere import Template, ecr

from liberty_cfn.names import named
from liberty_cfn.nesting import outputs
from liberty_cfn.values import RepositoryUri, Suffix, Text

# By number, not by age: once another image has the tag that tasks were made from, theirs is
# untagged, however old it is, and they still start from it until the next deploy.
UNTAGGED_KEPT = 30


@outputs
class Registry:
    repository_uri: RepositoryUri


def registry(t: Template, *, suffix: Suffix, image_tag_mutability: Text) -> Registry:
    """The image repository, which scans what is pushed."""
    repository = t.add_resource(
        ecr.Repository(
            "Repository",
            RepositoryName=named("liberty-social-backend", suffix),
            ImageTagMutability=image_tag_mutability,
            ImageScanningConfiguration=ecr.ImageScanningConfiguration(ScanOnPush=True),
            EncryptionConfiguration=ecr.EncryptionConfiguration(EncryptionType="AES256"),
            LifecyclePolicy=ecr.LifecyclePolicy(
                LifecyclePolicyText=json.dumps(_drop_untagged(), indent=2)
            ),
            # Running tasks come back from these images.
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
        )
    )
    return Registry(
        repository_uri=RepositoryUri(repository.get_att("RepositoryUri")),
    )


def _drop_untagged() -> dict[str, object]:
    return {
        "rules": [
            {
                "rulePriority": 1,
                "description": f"Of untagged images, the newest {UNTAGGED_KEPT} stay",
                "selection": {
                    "tagStatus": "untagged",
                    "countType": "imageCountMoreThan",
                    "countNumber": UNTAGGED_KEPT,
                },
                "action": {"type": "expire"},
            }
        ]
    }
