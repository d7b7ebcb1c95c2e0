"""ECS's own role in an account, made before the first cluster needs it.

ECS makes it while it makes an account's first cluster, and takes it at once, which fails as a
rule: IAM isn't that quick. The whole creation would be undone, after a quarter of an hour.
https://github.com/aws/containers-roadmap/issues/2614
"""

from __future__ import annotations

import contextlib

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.targets import Target


def see_to_it(target: Target) -> None:
    """Make the role in the target's account, if it isn't there.

    Where that may not be, ECS is left to it: an account that has the role needs no other.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using-service-linked-roles.html
    """
    if target.is_aws:
        # That it is there already, IAM calls an InvalidInput.
        with contextlib.suppress(*faults.OF_AWS):
            target.client("iam").create_service_linked_role(AWSServiceName="ecs.amazonaws.com")
