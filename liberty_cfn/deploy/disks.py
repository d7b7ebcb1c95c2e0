"""What RDS refuses of a disk, told before CloudFormation tries it.

What is refused there is refused again when the update is undone: the stack is left in
UPDATE_ROLLBACK_FAILED, and somebody has to skip the database.
https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1312
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.finding import Finding, Level
from liberty_cfn.deploy.targets import Target
from liberty_cfn.environments import Environment

SIZE, LIMIT = "DatabaseStorage", "DatabaseMaxStorage"


def disk(
    environment: Environment, target: Target, before: Mapping[str, str]
) -> Iterator[Finding]:
    """Yield how the disk can't become what the settings say; `before` is what they were.

    It may have grown by itself since, which counts.
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.ModifyingExisting.html
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.Autoscaling.html
    """
    settings = environment.settings
    changed = [n for n in (SIZE, LIMIT) if n in before and before[n] != settings[n]]
    found = []
    if changed:
        with faults.unless("DBInstanceNotFound"):
            found = target.client("rds").describe_db_instances(
                DBInstanceIdentifier=environment.named("liberty-social-db")
            )["DBInstances"]
    for database in found:
        now = int(database["AllocatedStorage"])
        least = -(-now * 11 // 10)  # a tenth over, rounded up
        size, limit = int(settings[SIZE]), int(settings[LIMIT])
        busy = database.get("DBInstanceStatus") == "storage-optimization"
        if SIZE in changed and size != now and busy:
            says = (
                f"{size} given, and RDS is still at the last change of the disk, which takes "
                f"six hours and more; till then, expected {now}."
            )
            yield Finding(Level.OBSTACLE, SIZE, says)
        elif SIZE in changed and size != now and size < least:
            says = (
                f"{size} given, and the disk has {now} GiB, which RDS lets grow by a tenth at "
                f"least, and never shrink; expected {now}, or {least} or more."
            )
            yield Finding(Level.OBSTACLE, SIZE, says)
        if LIMIT in changed and limit < least:
            says = (
                f"{limit} given, and the disk has {now} GiB; expected {least} at least: a "
                "tenth over that."
            )
            yield Finding(Level.OBSTACLE, LIMIT, says)
