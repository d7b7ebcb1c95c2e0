"""Service-linked roles, made before the first resource that needs them.

A service makes its role while it makes the account's first cluster or database, and assumes it
at once. With ECS that usually fails, with RDS sometimes: IAM is eventually consistent. The
whole creation would be rolled back, after a quarter of an hour.
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
    """Make the roles that the target's account lacks.

    Where that isn't allowed, it is left to the services: the account may have them already.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using-service-linked-roles.html
    """
    if not target.is_aws:
        return
    from liberty_cfn.bootstrap.grants import LINKED  # noqa: PLC0415 - slow to load

    for service in LINKED:
        # IAM answers InvalidInput where the role exists.
        with contextlib.suppress(*faults.OF_AWS):
            target.client("iam").create_service_linked_role(AWSServiceName=service)
