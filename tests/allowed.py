"""Every call that the helper makes in a test is one that the deploy role allows.

Heard by botocore's own events, wherever a client of a Target is used; the calls with which
tests themselves arrange things are told apart by who made them.
"""

import contextlib
import inspect
import re
from functools import cache
from pathlib import Path
from weakref import WeakSet

import pytest
from troposphere import Template

from liberty_cfn.bootstrap.deploy_role import deploy_role
from liberty_cfn.bootstrap.stack_set_execution_role import stack_set_execution_role
from liberty_cfn.deploy.targets import Target
from liberty_cfn.review.actions import fits

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
# Adopting secrets reads, sets and deletes them, which a person does, and no workflow (0014).
ADOPTION = ("deploy/kept_secrets.py", "secretsmanager:PutSecretValue")
BY_A_PERSON = {
    "cloudformation:ImportStacksToStackSet",
    *(
        f"secretsmanager:{name}"
        for name in ("CreateSecret", "DeleteSecret", "GetSecretValue", "RestoreSecret")
    ),
}
# What a call is about, by what it is told; not known of others, which are about anything.
PLACE = "{region}:{account}"
ABOUT = {
    "ecs:RunTask": "{taskDefinition}",
    "ecs:UpdateService": f"arn:aws:ecs:{PLACE}:service/{{cluster}}/{{service}}",
    "iam:CreateServiceLinkedRole": "arn:aws:iam::{account}:role/aws-service-role/A",
    "logs:GetLogEvents": f"arn:aws:logs:{PLACE}:log-group:{{logGroupName}}:log-stream:A",
    "s3": "arn:aws:s3:::{Bucket}",
    "s3:GetObject": "arn:aws:s3:::{Bucket}/{Key}",
    "s3:PutObject": "arn:aws:s3:::{Bucket}/{Key}",
    "secretsmanager": f"arn:aws:secretsmanager:{PLACE}:secret:{{SecretId}}-AbCdEf",
    "sts:AssumeRole": "{RoleArn}",
}
# The same for CloudFormation, which also takes ARNs for names; the first that is told counts.
STACKS = {"StackName": "stack/{}/*", "StackSetName": "stackset/{}:*", "ChangeSetName": "{}"}
# Those that change what is in a set's targets are about these, too.
IN_TARGETS = re.compile("(Create|Delete|Update)StackInstances|UpdateStackSet")


def by_itself(build):
    """Return the statements of a role that don't take CloudFormation to ask."""
    template = Template()
    build(template)
    return [
        statement
        for resource in template.to_dict()["Resources"].values()
        if resource["Type"] == "AWS::IAM::ManagedPolicy"
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]
        if "ForAnyValue:StringEquals" not in statement.get("Condition", {})
    ]


def allowed():
    """Return what the role may do without CloudFormation asking for it."""
    may = {action for statement in by_itself(deploy_role) for action in statement["Action"]}
    return FREE | BY_A_PERSON | may


def about(called, params, region, account):
    """Return the ARNs of what a call is about: AWS's own where it refuses one."""
    service, _, operation = called.partition(":")
    if service != "cloudformation":
        form = ABOUT.get(called) or ABOUT.get(service, "*")
        with contextlib.suppress(KeyError):
            return [form.format(region=region, account=account, **params)]
        return ["*"]
    here = f"arn:aws:cloudformation:{region}:{account}:"
    for told, form in STACKS.items():
        if name := params.get(told):
            found = [name if name.startswith("arn:") else here + form.format(name)]
            if IN_TARGETS.fullmatch(operation):
                # AWS's examples have types with the account, and without.
                kinds = [
                    f"arn:aws:cloudformation:{region}:{a}:type/resource/A"
                    for a in (account, "")
                ]
                found += [f"{here}stackset-target/{name}:1/2", *kinds]
            return found
    return ["*"]


def permits(statement, arn, account, service):
    """Whether a statement is about an ARN, in the account and environment that it is of."""
    of = re.match("arn:aws:[^:]+:[^:]*:([0-9]+):", arn)
    account = of[1] if of else account
    environment = re.search("liberty-social-([a-z][a-z0-9]*)", arn)
    values = {
        "${AWS::Partition}": "aws",
        "${AWS::AccountId}": account,
        "${AdministratorAccountId}": account,
        "${Environment}": environment[1] if environment else "",
    }

    def filled(resource):
        text = resource if isinstance(resource, str) else resource["Fn::Sub"]
        for name, value in values.items():
            text = text.replace(name, value)
        return text

    said = statement.get("Condition", {}).get("StringEquals", {})
    return service in said.get("iam:AWSServiceName", [service]) and any(
        fits(filled(resource), arn) for resource in statement["Resource"]
    )


def action(service, operation):
    """Return what IAM calls an operation of boto3's."""
    name = f"{SERVICES.get(service, service)}:{operation}"
    return ACTIONS.get(name, name)


def is_the_helpers(called):
    """Whether the helper, rather than a test or a person who adopts, is calling."""
    frame, helper = inspect.currentframe(), False
    while frame := frame and frame.f_back:
        file = frame.f_code.co_filename
        adopts = (file.endswith(ADOPTION[0]), called) == (True, ADOPTION[1])
        if file.endswith(ADMINISTRATORS) or adopts:
            return False
        if file.startswith(TESTS) and file != __file__:
            return helper
        helper = helper or (file.startswith(HELPER) and not file.endswith(CLIENTS))
    return True


@pytest.fixture(scope="session")
def helper_calls():
    """Return what the helper has called so far, in IAM's words."""
    return set()


@pytest.fixture(scope="session", autouse=True)
def only_what_is_allowed(helper_calls):
    """Refuse, in any test, a call of the helper's that the deploy role doesn't allow."""
    may, client, listening = allowed(), Target.client, WeakSet()
    # In a target of a stack set, the role there is taken.
    statements = by_itself(deploy_role) + by_itself(stack_set_execution_role)

    @cache
    def permitted(called, arn, account, service):
        given = [s for s in statements if called in s["Action"]]
        return any(permits(one, arn, account, service) for one in given)

    def listener(account, region):
        def heard(model, params, **_):
            called = action(model.service_model.service_name, model.name)
            if not is_the_helpers(called):
                return
            helper_calls.add(called)
            assert called in may, (
                f"the deploy role doesn't allow {called}: add it to "
                "liberty_cfn/bootstrap/rights.py"
            )
            if called in FREE | BY_A_PERSON:
                return
            service = params.get("AWSServiceName")
            for arn in about(called, params, region, account):
                assert permitted(called, arn, account, service), (
                    f"the deploy role doesn't allow {called} on {arn}: see "
                    "liberty_cfn/bootstrap/deploy_role.py, and grants.py beside it"
                )

        return heard

    def listened_to(target, service):
        found = client(target, service)
        events = getattr(getattr(found, "meta", None), "events", None)
        if events and found not in listening:
            heard = listener(target.account, found.meta.region_name)
            events.register("before-parameter-build", heard)
            listening.add(found)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Target, "client", listened_to)
        yield
