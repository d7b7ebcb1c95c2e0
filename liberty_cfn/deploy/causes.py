"""Known causes of failures, by AWS's words, each with the next step."""

from __future__ import annotations

import re

# The first that matches is used: specific ones before general ones. The text may name the
# resource and its type before AWS's own words.
CAUSES = {
    r"hook\(s\).*failed: (?!\[AWS::EarlyValidation)": (
        "A hook of the account (Control Tower's, say) refused it: meet its rule, or have "
        "whoever keeps it make an exception."
    ),
    r"Rate exceeded|Throttling|Request ?Limit ?Exceeded|conflicting conditional operation|"
    r"assume the service linked role|Internal ?Failure|being optimized|request later|"
    r"(not (currently )?|must be )in (the |a )?(available|valid) state|"
    r"in-progress management operation": (
        "That passes by itself, as a rule: wait a little, then try again."
    ),
    r"Template may not exceed|templateBody.*less than or equal to": (
        "A template is too large: move some of it to a nested stack of its own."
    ),
    r"(denied|not allowed) by stack policy": (
        "The stack policy keeps what holds data. To allow it anyway: --allow-replace "
        "LOGICAL_ID."
    ),
    r"custom-named resource requires replacing": (
        "Two can't have one name, and AWS makes the new one first: take the change back, or "
        "give the new one another name (in liberty_cfn/stacks/) in the same change."
    ),
    r"associated with more than one load balancer": (
        "A target group is of one load balancer, and the old one has it until it goes: take "
        "the change back, or give the group another name (in liberty_cfn/stacks/) in the same "
        "change."
    ),
    # https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
    r"security token included in the request is": (
        "CloudFormation acts with the session of whoever deploys: it had ended, IAM doesn't "
        "take it (GetSessionToken without MFA), or the account has not enabled the region. "
        "Sign in for longer, or with a role, then try again."
    ),
    r"STS is not activated in this region": (
        "That account has not enabled the region, or has switched STS off there: enable the "
        "region there (Account in the console; STS: Account settings of IAM), or leave it out."
    ),
    r"marked for deletion": (
        "Somebody scheduled it for deletion: have it restored (aws secretsmanager "
        "restore-secret --secret-id NAME), then try again."
    ),
    r"BucketAlreadyExists|requested bucket name is not available": (
        "Bucket names are unique worldwide, and this one is taken: choose another NameSuffix."
    ),
    r"(?<!token)already ?exist|AlreadyOwnedByYou|already scheduled|same name .*exists": (
        "The name is taken. If this environment's own resource has it, which the change moves "
        "to another stack or logical id: take the change back, and delete nothing. If it was "
        "kept when it was taken away earlier, or another environment has it: delete that if "
        "nobody needs it, or choose another name (of a new environment, another NameSuffix)."
    ),
    r"requires capabilities": (
        "CloudFormation wants to be told that roles are made: deploy with this program, "
        "which says so (CAPABILITY_IAM, CAPABILITY_NAMED_IAM). Macros (CAPABILITY_AUTO_EXPAND) "
        "are not for these templates: take them out."
    ),
    r"matching platform|exec format error": (
        "The image is for another processor: build it with --platform linux/amd64, push it, "
        "then try again."
    ),
    r"OutOfMemory": "It used up its memory: choose a larger TaskMemory.",
    r"failed (ELB|container) health checks|is unhealthy in|Health checks failed": (
        "The app has to answer its health check with 200, by whatever host it is asked: see "
        "What the application must do in README."
    ),
    r"CannotPull": (
        "The image could not be pulled: check whether it is there (push it, or name another "
        "tag), whether the execution role may pull it, and whether the subnets lead to the "
        "registry (NAT gateway). Then try again."
    ),
    r"CannotStartContainer|starting container process": (
        "The image's own command can't be run: its ENTRYPOINT and CMD have to be there, and "
        "executable. Mend the image, push it, then try again."
    ),
    r"logger args": (
        "The task can't write its log: its log group was deleted by hand (`make drift` tells), "
        "or the subnets don't lead to the internet (NAT gateway)."
    ),
    r"unable to assume the role": (
        "The role that the tasks take is gone, or was changed by hand (`make drift` tells). "
        "One that was just made: wait a little, then try again."
    ),
    r"download env files": (
        "The file that EnvironmentFile names could not be read: check whether it is there, "
        "and whether its bucket lets the execution role read it."
    ),
    r"ResourceInitializationError": (
        "The task could not start: check whether its secrets have values, whether the "
        "execution role may read them, and whether the subnets lead to the internet (NAT "
        "gateway)."
    ),
    r"ChangeSet limit exceeded": (
        "That stack has too many change sets: delete those that nobody needs, in the console; "
        "all go when it is updated."
    ),
    r"limit.*exceeded|exceeded.*limit|quota|maximum number of|more buckets than allowed|"
    r"reached the limit|above your limit": (
        "A quota of the account is used up: delete what is not needed, or ask for more "
        "(Service Quotas in the console)."
    ),
    r"contact AWS Support|aws-verification@|OptInRequired|free (tier|plan)": (
        "The account may not do that yet: finish its sign-up, upgrade a free plan, or ask "
        "AWS's support to allow it."
    ),
    r"(service|resource) control policy|permissions boundary": (
        "A policy of the organization (SCP), or the role's boundary, keeps it from that, "
        "whatever else the role may: meet it, or have whoever keeps it make an exception."
    ),
    r"not authorized|Unauthorized|Access ?Denied(?! for bucket)|Forbidden|permissions error|"
    r"Access to KMS is not allowed|permission to create service linked role": (
        "Whoever deploys lacks that right: add it to the role, or sign in with another one."
    ),
    r"certificate.*(validat|time|attempts to wait|stabilize|FAILED status|signature)": (
        "The certificate could not be proved in time: the domain's registrar has to name "
        "the name servers of the hosted zone (output NameServers), and a CAA record must "
        "allow amazon.com."
    ),
    r"DB ?instance ?class": (
        "That database instance class is not offered with this engine version in this "
        "region: choose another DatabaseClass."
    ),
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-getavailabilityzones.html
    r"NotAvailableInZone|not available in this availability zone|"
    r"Zones? .*cannot be associated|be created in the following availability zones": (
        "That zone doesn't offer it, and the network takes the region's first two with a "
        "default subnet: delete the default subnet there if nothing uses it, or choose another "
        "region."
    ),
    # https://github.com/buildkite/elastic-ci-stack-for-aws/issues/319
    r"CIDR Block must change": (
        "The region's first two zones with a default subnet are no longer those the network is "
        "in: undo what was done to default subnets, then try again."
    ),
    r"AllowMajorVersionUpgrade": (
        "RDS goes to another major version only if it may: with AllowMajorVersionUpgrade=True "
        "in liberty_cfn/stacks/database.py. Try it on a restored snapshot first: there is no "
        "way back."
    ),
    r"Cannot (upgrade|find version)": (
        "AWS upgraded the engine by itself, or no longer offers that version: set it to what "
        "runs now, or to the major version alone."
    ),
    r"insufficient.*capacity|Capacity is unavailable": (
        "AWS has no capacity of that size there at the moment: wait, or choose another size."
    ),
    r"circuit breaker|ECS::Service.*(stabilize|Exceeded attempts to wait)": (
        "The tasks did not stay up: see why they stopped, fix the image or its settings, "
        "then try again."
    ),
    r"HandlerErrorCode: NotFound|with identifier .* was not found": (
        "It is gone, deleted by hand, say (`make drift` tells): make it again under the same "
        "name, or deploy without it first, then with it."
    ),
    r"(deletion|termination)[ _]?protection": (
        "It is protected from deletion: take the protection off on purpose, then try again."
    ),
    r"not ?empty|still contains|contains non-required": (
        "It still holds something: empty it if nobody needs that, then try again."
    ),
    r"has dependencies|DependencyViolation|dependent object|mapped public address": (
        "Something that the stack didn't make is still in that network: a security group "
        "(GuardDuty makes one, and an endpoint), or what `aws ec2 describe-network-interfaces "
        "--filters Name=vpc-id,Values=VPC_ID` lists. Take that away first, then try again."
    ),
    r"\bin use\b|must (detach|delete|remove) .* first|while .* are active": (
        "Something else still uses it: take that away first, then try again."
    ),
}


def next_step(reason: str) -> str:
    """Return what to do about a failure; empty if its cause isn't a known one."""
    found = (step for words, step in CAUSES.items() if re.search(words, reason, re.IGNORECASE))
    return next(found, "")
