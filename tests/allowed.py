"""Every call that the helper makes in a test is one that the deploy role allows.

Heard by botocore's own events, wherever a client of a Target is used; the calls with which
tests themselves arrange things are told apart by who made them.
"""

import inspect
from pathlib import Path
from weakref import WeakSet

import pytest
from troposphere import Template

from liberty_cfn.bootstrap.deploy_role import deploy_role
from liberty_cfn.deploy.targets import Target

TESTS = str(Path(__file__).parent)
HELPER = str(Path(__file__).parent.parent / "liberty_cfn")
# Where IAM's name for a service is not boto3's.
SERVICES = {"elbv2": "elasticloadbalancing", "service-quotas": "servicequotas"}
# Where IAM's name for an action is not the operation's.
ACTIONS = {
    "s3:GetBucketCors": "s3:GetBucketCORS",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "servicequotas:GetAwsDefaultServiceQuota": "servicequotas:GetAWSDefaultServiceQuota",
}
# Through which tests call, too.
CLIENTS = ("deploy/answers.py", "deploy/sessions.py")
# What administrators do with rights of their own, so that there is a role at all.
ADMINISTRATORS = "deploy/stack_sets/bootstrap.py"
FREE = {"sts:GetCallerIdentity"}  # nobody can be refused this
# Adopting secrets reads and deletes them, which a person does, and no workflow (0014).
BY_A_PERSON = {
    "cloudformation:ImportStacksToStackSet",
    *(
        f"secretsmanager:{name}"
        for name in ("CreateSecret", "DeleteSecret", "GetSecretValue", "RestoreSecret")
    ),
}


def allowed():
    """Return what the role may do without CloudFormation asking for it."""
    template = Template()
    deploy_role(template)
    resources = template.to_dict()["Resources"].values()
    return (
        FREE
        | BY_A_PERSON
        | {
            action
            for resource in resources
            if resource["Type"] == "AWS::IAM::ManagedPolicy"
            for statement in resource["Properties"]["PolicyDocument"]["Statement"]
            if "ForAnyValue:StringEquals" not in statement.get("Condition", {})
            for action in statement["Action"]
        }
    )


def action(service, operation):
    """Return what IAM calls an operation of boto3's."""
    name = f"{SERVICES.get(service, service)}:{operation}"
    return ACTIONS.get(name, name)


def is_the_helpers():
    """Whether the helper, rather than a test, is calling."""
    frame = inspect.currentframe()
    while frame := frame and frame.f_back:
        file = frame.f_code.co_filename
        if file.startswith(TESTS) and file != __file__:
            return False
        if file.endswith(ADMINISTRATORS):
            return False
        if file.startswith(HELPER) and not file.endswith(CLIENTS):
            return True
    return True


@pytest.fixture(scope="session")
def helper_calls():
    """Return what the helper has called so far, in IAM's words."""
    return set()


@pytest.fixture(scope="session", autouse=True)
def only_what_is_allowed(helper_calls):
    """Refuse, in any test, a call of the helper's that the deploy role doesn't allow."""
    may, client, listening = allowed(), Target.client, WeakSet()

    def heard(model, **_):
        if is_the_helpers():
            called = action(model.service_model.service_name, model.name)
            helper_calls.add(called)
            assert called in may, (
                f"the deploy role doesn't allow {called}: add it to "
                "liberty_cfn/bootstrap/rights.py"
            )

    def listened_to(target, service):
        found = client(target, service)
        events = getattr(getattr(found, "meta", None), "events", None)
        if events and found not in listening:
            events.register("before-call", heard)
            listening.add(found)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Target, "client", listened_to)
        yield
