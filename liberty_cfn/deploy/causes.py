"""Known causes of failures, each with the next step."""

from __future__ import annotations

import re

# The first that matches is told: the particular before the general.
CAUSES = {
    r"hook\(s\) failed": (
        "A hook of the account (Control Tower's, say) refused it: meet its rule, or have "
        "whoever keeps it make an exception."
    ),
    r"BucketAlreadyExists|requested bucket name is not available": (
        "Bucket names are one in the world, and this one is taken: choose another NameSuffix."
    ),
    r"already exists|AlreadyExists|AlreadyOwnedByYou|already scheduled|NAME_CONFLICT": (
        "The name is taken: by what an earlier destroy kept, or by another environment. "
        "Delete that if nobody needs it, or choose another NameSuffix."
    ),
    r"InsufficientCapabilities|requires capabilities": (
        "CloudFormation wants to be told that roles are made: deploy with this program, "
        "which says so (CAPABILITY_IAM, CAPABILITY_NAMED_IAM). Macros (CAPABILITY_AUTO_EXPAND) "
        "are not for these templates: take them out."
    ),
    r"not authorized|AccessDenied|access denied|UnauthorizedOperation|AuthFailure": (
        "Whoever deploys lacks that right: add it to the role, or sign in with another one."
    ),
    r"CannotPullContainer|image.*(not found|does not exist)|manifest unknown": (
        "The image is not there: push it, or say another tag, then deploy again."
    ),
    r"certificate.*(validation|validated|time)|PENDING_VALIDATION|DNS validation": (
        "The certificate could not be proved in time: the domain's registrar has to name "
        "the name servers of the hosted zone (output NameServers), and a CAA record must "
        "allow amazon.com."
    ),
    r"Unable to retrieve secret|ResourceInitializationError": (
        "The task could not start: look whether its secrets have values, whether the "
        "execution role may read them, and whether the subnets lead to the internet (NAT "
        "gateway)."
    ),
    r"LimitExceeded|limit.*exceeded|exceeded.*(limit|quota)|maximum number of|Quota": (
        "A quota of the account is used up: delete what is not needed, or ask for more "
        "(Service Quotas in the console)."
    ),
    r"DB ?instance class|OrderableDBInstance|InvalidParameterCombination": (
        "That database instance class is not offered with this engine version in this "
        "region: choose another DatabaseClass."
    ),
    r"Cannot upgrade|cannot be downgraded|downgrade": (
        "AWS upgraded the engine by itself: set the version to what runs now, or to the "
        "major version alone."
    ),
    r"InsufficientInstanceCapacity|insufficient.*capacity|Capacity is unavailable": (
        "AWS has no capacity of that size there at the moment: wait, or choose another size."
    ),
    r"circuit breaker|did not stabilize|failed to stabilize|Exceeded attempts to wait": (
        "The tasks did not stay up: see why they stopped, mend the image or its settings, "
        "then deploy again."
    ),
    r"deletion protection|DeletionProtection|deletion_protection": (
        "It is protected from deletion: take the protection off on purpose, then try again."
    ),
    r"not empty|BucketNotEmpty|RepositoryNotEmpty": (
        "It still holds something: empty it if nobody needs that, then try again."
    ),
}


def next_step(reason: str) -> str:
    """Return what to do about a failure; empty where its cause is not a known one."""
    found = (step for words, step in CAUSES.items() if re.search(words, reason, re.IGNORECASE))
    return next(found, "")
