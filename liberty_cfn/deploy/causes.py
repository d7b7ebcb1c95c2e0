"""Known causes of failures, each with the next step."""

from __future__ import annotations

import re

# The first that matches is told: the particular before the general. What is matched may say
# before AWS's words of which resource they are, with its type.
CAUSES = {
    r"hook\(s\).*failed: (?!\[AWS::EarlyValidation)": (
        "A hook of the account (Control Tower's, say) refused it: meet its rule, or have "
        "whoever keeps it make an exception."
    ),
    r"Rate exceeded|Throttling|Request ?Limit ?Exceeded|conflicting conditional operation|"
    r"assume the service linked role|Internal ?Failure": (
        "That passes by itself, as a rule: wait a little, then deploy again."
    ),
    r"Template may not exceed|templateBody.*less than or equal to": (
        "A template is too large: move some of it to a nested stack of its own."
    ),
    r"denied by stack policy": (
        "The stack policy keeps what holds data. To let it go all the same: --allow-replace "
        "LOGICAL_ID."
    ),
    r"custom-named resource requires replacing": (
        "Two can't have one name, and AWS makes the new one first: take the change back, or "
        "choose another NameSuffix."
    ),
    r"BucketAlreadyExists|requested bucket name is not available": (
        "Bucket names are one in the world, and this one is taken: choose another NameSuffix."
    ),
    r"already ?exist|AlreadyOwnedByYou|already scheduled|same name .*exists": (
        "The name is taken: by what an earlier destroy kept, or by another environment. "
        "Delete that if nobody needs it, or choose another NameSuffix."
    ),
    r"requires capabilities": (
        "CloudFormation wants to be told that roles are made: deploy with this program, "
        "which says so (CAPABILITY_IAM, CAPABILITY_NAMED_IAM). Macros (CAPABILITY_AUTO_EXPAND) "
        "are not for these templates: take them out."
    ),
    r"matching platform": (
        "The image is for another processor: build it with --platform linux/amd64, push it, "
        "then deploy again."
    ),
    r"OutOfMemory": "It used up its memory: choose a larger TaskMemory.",
    r"failed (ELB|container) health checks|Health checks failed": (
        "The app has to answer its health check with 200, by whatever host it is asked: see "
        "What the application must do in README."
    ),
    r"CannotPull": (
        "The image could not be pulled: look whether it is there (push it, or say another "
        "tag), whether the execution role may pull it, and whether the subnets lead to the "
        "registry (NAT gateway). Then deploy again."
    ),
    r"ResourceInitializationError": (
        "The task could not start: look whether its secrets have values, whether the "
        "execution role may read them, and whether the subnets lead to the internet (NAT "
        "gateway)."
    ),
    r"not authorized|Unauthorized|Access ?Denied|Forbidden|permissions error|"
    r"Access to KMS is not allowed": (
        "Whoever deploys lacks that right: add it to the role, or sign in with another one."
    ),
    r"certificate.*(validat|time|attempts to wait|stabilize|FAILED status|signature)": (
        "The certificate could not be proved in time: the domain's registrar has to name "
        "the name servers of the hosted zone (output NameServers), and a CAA record must "
        "allow amazon.com."
    ),
    r"limit.*exceeded|exceeded.*limit|quota|maximum number of|more buckets than allowed": (
        "A quota of the account is used up: delete what is not needed, or ask for more "
        "(Service Quotas in the console)."
    ),
    r"contact AWS Support|OptInRequired": (
        "The account may not do that yet: finish its sign-up, or ask AWS's support to allow it."
    ),
    r"DB ?instance ?class": (
        "That database instance class is not offered with this engine version in this "
        "region: choose another DatabaseClass."
    ),
    r"Cannot (upgrade|find version)": (
        "AWS upgraded the engine by itself, or no longer offers that version: set it to what "
        "runs now, or to the major version alone."
    ),
    r"insufficient.*capacity|Capacity is unavailable": (
        "AWS has no capacity of that size there at the moment: wait, or choose another size."
    ),
    r"circuit breaker|ECS::Service.*(stabilize|Exceeded attempts to wait)": (
        "The tasks did not stay up: see why they stopped, mend the image or its settings, "
        "then deploy again."
    ),
    r"(deletion|termination)[ _]?protection": (
        "It is protected from deletion: take the protection off on purpose, then try again."
    ),
    r"not ?empty|still contains|contains non-required": (
        "It still holds something: empty it if nobody needs that, then try again."
    ),
    r"has dependencies|DependencyViolation|dependent object|mapped public address|\bin use\b|"
    r"must detach|while .* are active": (
        "Something else still uses it: take that away first, then try again."
    ),
}


def next_step(reason: str) -> str:
    """Return what to do about a failure; empty where its cause is not a known one."""
    found = (step for words, step in CAUSES.items() if re.search(words, reason, re.IGNORECASE))
    return next(found, "")
