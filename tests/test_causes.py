"""Known causes of failures, in AWS's own words as people have met them."""

import pytest
from wire import STACK

from liberty_cfn.deploy.causes import next_step

COMBINATION = "InvalidParameterCombination"
UPGRADE = "Cannot upgrade postgres from 15.8 to 15.6"
PROTECTED = "Cannot delete protected DB Instance, please disable deletion protection"
NOT_OFFERED = (
    "RDS does not support creating a DB instance with the following combination: "
    "DBInstanceClass=db.t2.micro, Engine=postgres, EngineVersion=15.6"
)
NOT_EMPTY = "The bucket you tried to delete is not empty"


def handler(said, code="GeneralServiceException"):
    """Return a reason as the handlers of resource types word it."""
    return (
        f'Resource handler returned message: "{said} (Service: X, Status Code: 400, Request '
        f'ID: 1c2d)" (RequestToken: 4d1f9f3d, HandlerErrorCode: {code})'
    )


def older(said, code):
    """Return a reason as the older resource types word it."""
    return f"{said} (Service: AmazonX; Status Code: 400; Error Code: {code}; Proxy: null)"


WAITED = handler("Exceeded attempts to wait", "NotStabilized")
STEPS = {
    "name is taken": [
        "liberty-social-uploads already exists in stack arn:x",
        handler("Resource of type 'X' with identifier 'y' already exists.", "AlreadyExists"),
        handler("A load balancer with the same name 'x' exists, but with different settings"),
        handler("a secret with this name is already scheduled for deletion."),
        older("It is there.", "CacheClusterAlreadyExists"),
        older("You own it.", "BucketAlreadyOwnedByYou"),
        "It is attempting to import some resources because they already exist in your account.",
    ],
    "session of whoever deploys": [
        older("The security token included in the request is expired", "ExpiredToken"),
        handler("The security token included in the request is invalid", "AccessDenied"),
    ],
    "enable the region there": [
        "STS is not activated in this region for account:111122223333. ",
    ],
    "have it restored": [
        handler("You can't perform this on the secret because it was marked for deletion."),
    ],
    "unique worldwide": [
        handler("The requested bucket name is not available."),
        older("It is not available.", "BucketAlreadyExists"),
    ],
    "lacks that right": [
        "User: x is not authorized to perform: ecs:CreateCluster",
        "API: s3:PutBucketPolicy Access Denied",
        handler("Access to KMS is not allowed"),
        handler(
            "Unable to create the resource. Verify that you have permission to create service "
            "linked role. Otherwise wait and try again later"
        ),
        "Encountered a permissions error performing a tagging operation",
        handler("Unauthorized tagging operation", "UnauthorizedTaggingOperation"),
        "AWS refused GetRoleCredentials: No access (ForbiddenException)",
    ],
    "policy of the organization": [
        handler(
            "User: arn:aws:sts::1:assumed-role/x is not authorized to perform: rds:Create on "
            "resource: y with an explicit deny in a service control policy",
            "AccessDenied",
        ),
        "is not authorized to perform: x because no permissions boundary allows the x action",
    ],
    "deleted by hand": [
        handler("The specified log group does not exist.", "NotFound"),
        "Resource of type 'AWS::Logs::LogGroup' with identifier '/ecs/x' was not found.",
    ],
    "CAPABILITY_IAM": ["Requires capabilities : [CAPABILITY_NAMED_IAM]"],
    "did not stay up": [
        handler(
            "Error occurred during operation 'ECS Deployment Circuit Breaker was triggered'."
        ),
        f"Service (AWS::ECS::Service): {WAITED}",
        "Service (AWS::ECS::Service): Service arn:x did not stabilize.",
    ],
    "name servers of the hosted zone": [
        f"Certificate (AWS::CertificateManager::Certificate): {WAITED}",
        "It (AWS::CertificateManager::Certificate): Resource timed out waiting for completion",
        "DNS Record Set is not available. Certificate is in FAILED status.",
        handler("The certificate 'arn:x' must have a supported signature, and key size."),
    ],
    "Service Quotas": [
        handler("The maximum number of VPCs has been reached."),
        older("There are too many.", "NatGatewayLimitExceeded"),
        handler("You have exceeded the limit of them"),
        "unable to place a task. Reason: You've reached the limit on the number of vCPUs",
        handler("Cannot exceed quota for RolesPerAccount: 1000"),
        handler("You have attempted to create more buckets than allowed"),
        "AWS refused CreateChangeSet: Limit for stack has been exceeded",
    ],
    "too many change sets": [
        f"ChangeSet limit exceeded for stack {STACK} (LimitExceededException)"
    ],
    "another DatabaseClass.": [older(NOT_OFFERED, COMBINATION), handler(NOT_OFFERED)],
    "give the group another name": [
        handler(
            "The following target groups cannot be associated with more than one load "
            "balancer: arn:x"
        ),
    ],
    "no way back": [
        handler(
            "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major "
            "version.",
            COMBINATION,
        ),
    ],
    "major version alone": [
        *(older(UPGRADE, COMBINATION), handler(UPGRADE)),
        older("Cannot find version 15.99 for postgres", COMBINATION),
    ],
    "protected from deletion": [
        *(older(PROTECTED, COMBINATION), handler(PROTECTED)),
        "Stack [x] cannot be deleted while TerminationProtection is enabled",
    ],
    "nested stack of its own": [
        "Template may not exceed 1000000 bytes in size.",
        "Value at 'templateBody' failed: Member must have length less than or equal to 51200",
    ],
    "--allow-replace": [
        "Action denied by stack policy: Statement [#1] does not allow [Update:Replace]",
        "Action not allowed by stack policy",
    ],
    "take the change back": [
        "CloudFormation cannot update a stack when a custom-named resource requires replacing.",
    ],
    "holds something": [
        *(handler(NOT_EMPTY), older(NOT_EMPTY, "BucketNotEmpty")),
        handler("It cannot be deleted because it still contains images"),
        handler("The specified hosted zone contains non-required resource record sets"),
        older("The hosted zone can't be deleted", "HostedZoneNotEmpty"),
    ],
    "still in that network": [
        handler("resource sg-1 has a dependent object"),
        handler("The vpc 'vpc-1' has dependencies and cannot be deleted."),
        older("It can't be detached.", "DependencyViolation"),
        handler("Network vpc-1 has some mapped public address(es)."),
    ],
    "still uses it": [
        "Export X cannot be deleted as it is in use by other",
        handler("Cannot delete entity, must detach all policies first."),
        handler("Cannot delete entity, must delete access keys first."),
        handler("The Cluster cannot be deleted while Services are active."),
    ],
    "passes by itself": [
        handler("Rate exceeded"),
        older("Slow down.", "Throttling"),
        older("Request limit exceeded.", "RequestLimitExceeded"),
        handler("A conflicting conditional operation is currently in progress"),
        handler("Unable to assume the service linked role. Please verify that it exists."),
        "Internal Failure",
        older("Database instance is not in available state.", "InvalidDBInstanceState"),
        handler("because the database instance x is not currently in the available state."),
        handler("Replication group must be in available state to modify."),
        handler("Cache cluster x-001 is not in a valid state to be deleted."),
        handler("Instance cannot currently reboot due to an in-progress management operation."),
        handler("RDS is configuring Performance Insights for this. Try your request later."),
        handler("You can't modify the storage: the previous change is being optimized."),
    ],
    "no capacity": [
        handler("Capacity is unavailable at this time. Please try again later"),
        older("Not available.", "InsufficientCacheClusterCapacity"),
    ],
    "That zone doesn't offer it": [
        handler("Nat Gateway is not available in this availability zone", "NotAvailableInZone"),
        handler(
            "The following Availability Zones us-west-1a cannot be associated with a load "
            "balancer. Please try a different Availability Zone."
        ),
        handler(
            "Value (us-east-1b) for parameter availabilityZone is invalid. Subnets can "
            "currently only be created in the following availability zones: us-east-1c."
        ),
    ],
    "no longer those the network is in": [
        handler(
            "CIDR Block must change if Availability Zone is changed and VPC ID is not changed"
        )
    ],
    "may not do that yet": [
        handler("This account does not support it. Please contact AWS Support."),
        "The AWS Access Key Id needs a subscription for the service (OptInRequired)",
        older("To verify your account, please contact AWS Support.", "AccessDenied"),
        "Your account is currently being verified: write to aws-verification@amazon.com",
        handler(
            "The specified backup retention period exceeds the maximum available to free tier "
            "customers. To remove all limitations, upgrade your account plan."
        ),
        handler("This instance size isn't available with free plan accounts."),
    ],
    "A hook of the account": [
        "The following hook(s) failed: [AWS::ControlTower::Hook]",
        "The following hook(s)/validation failed: [Our::Hook]",
    ],
    # Of tasks.
    "could not be pulled": [
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): not found",
        "CannotPullContainerError: pull access denied for x, repository does not exist",
    ],
    "another processor": [
        "CannotPullContainerError: Manifest does not contain descriptor matching platform 'x'"
    ],
    "its secrets have values": [
        "ResourceInitializationError: unable to pull secrets or registry auth: not authorized"
    ],
    "EnvironmentFile": [
        "ResourceInitializationError: failed to download env files: file download command: no",
    ],
    "own command can't be run": [
        'CannotStartContainerError: ResourceInitializationError: exec: "x": permission denied'
    ],
    "log group": [
        "ResourceInitializationError: failed to validate logger args: signal: killed",
    ],
    "role that the tasks take": [
        "failed to launch a task with (error ECS was unable to assume the role 'arn:x' that was"
    ],
    "larger TaskMemory": ["OutOfMemoryError: Container killed due to memory usage"],
    "answer its health check": [
        "Task failed ELB health checks in (target-group arn:x)",
        "(port 8000) is unhealthy due to (reason Health checks failed with these codes: [400])",
        "(port 8000) is unhealthy in (target-group x) due to (reason Request timed out)",
    ],
    "": [
        f"Database (AWS::RDS::DBInstance): {WAITED}",
        older("You can't specify IOPS for a storage size less than 400.", COMBINATION),
        "The following hook(s)/validation failed: [AWS::EarlyValidation::PropertyValidation].",
        older("Access Denied for bucket: x. Please check S3bucket permission", "Invalid"),
        "Template format error: Unresolved resource dependencies [X] in the Resources block",
        "something new",
    ],
}


@pytest.mark.parametrize(
    ("step", "reason"),
    [(step, reason) for step, reasons in STEPS.items() for reason in reasons],
)
def test_a_known_cause_has_its_next_step(step, reason):
    found = next_step(reason)
    assert step in found
    assert bool(step) == bool(found)


def test_nobody_is_told_to_delete_what_is_this_environment_s_own():
    # As told of a log group that moved from one stack to another: the old one has its data.
    said = next_step("AWS::Logs::LogGroup /ecs/liberty-social-backend already exists")
    own, _, others = said.partition(" If it was kept")
    assert "take the change back, and delete nothing" in own
    assert "delete that if nobody needs it" in others
    assert "NameSuffix" not in next_step("a custom-named resource requires replacing")


def test_a_request_that_was_sent_before_is_not_told_as_a_name_that_is_taken():
    assert (
        next_step("AWS refused RollbackStack: Sent before (TokenAlreadyExistsException)") == ""
    )
