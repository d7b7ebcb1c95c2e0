"""The roles of AWS's own services in an account, made before the first of theirs needs them.

Services make them while they make the first cluster or database of an account, and take them at
once, which fails as a rule with ECS, and at times with RDS: IAM isn't that quick. The whole
creation would be undone, after a quarter of an hour.
https://github.com/aws/containers-roadmap/issues/2614
https://github.com/cds-snc/terraform-modules/pull/88
"""

from __future__ import annotations

import contextlib

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.targets import Target

# What is to be done where nobody gets in.
UNREACHED = (
    "the roles of AWS's own services can't be made from here. An account's first cluster fails "
    "without ECS's: deploy again then, or make it there before: aws iam "
    "create-service-linked-role --aws-service-name ecs.amazonaws.com"
)


def see_to_them(target: Target) -> None:
    """Make the roles in the target's account that aren't there.

    Where that may not be, services are left to it: an account that has them needs no others.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using-service-linked-roles.html
    """
    if not target.is_aws:
        return
    from liberty_cfn.bootstrap.grants import LINKED  # noqa: PLC0415 - slow to load

    for service in LINKED:
        # That one is there already, IAM calls an InvalidInput.
        with contextlib.suppress(*faults.OF_AWS):
            target.client("iam").create_service_linked_role(AWSServiceName=service)
