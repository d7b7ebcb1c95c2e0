"""The role that deploys: bound to a workflow, and to what deploying asks of AWS."""

import json
import re

import pytest
from allowed import ACTIONS, FREE, allowed, permits
from botocore import xform_name
from botocore.exceptions import ClientError
from deployed import Listener
from local_aws import SOON
from small_sets import small

from liberty_cfn.bootstrap.deploy_role import GITHUB, SET_BY_A_PERSON
from liberty_cfn.bootstrap.grants import NAMED
from liberty_cfn.bootstrap.rights import BY_TYPE
from liberty_cfn.deploy import packaging, secrets
from liberty_cfn.deploy.deploying import deploy
from liberty_cfn.deploy.preparing import plan
from liberty_cfn.deploy.sessions import session
from liberty_cfn.deploy.stack import as_parameters
from liberty_cfn.deploy.targets import Target
from liberty_cfn.deploy.work import Work
from liberty_cfn.environments import NAME, load
from liberty_cfn.repository import REPOSITORY
from liberty_cfn.rules.authorization import forms_of

# What AWS asks for beside an operation: to tag a stack, to hand on a role, to compare a stack
# with what it was deployed as.
UNASKED = {
    "cloudformation:BatchDescribeTypeConfigurations",
    "cloudformation:DetectStackResourceDrift",
    "cloudformation:TagResource",
    "cloudformation:UntagResource",
    "iam:CreateServiceLinkedRole",
    "iam:PassRole",
}
LONGEST_POLICY = 6144  # characters, white space aside, of a managed policy
# What says how things are set up, and nothing of what they hold.
SETUP = re.compile(r"(?!s3:|secretsmanager:|logs:Get)\S+:(Describe|Get|List)")
# Types that roles are told by name: the name's property, what it takes, and on what.
MADE = {
    "AWS::CloudFormation::Stack": (
        "",
        ["cloudformation:CreateStack"],
        "cloudformation:us-east-1:1:stack/{}/*",
    ),
    "AWS::ECR::Repository": (
        "RepositoryName",
        ["ecr:CreateRepository"],
        "ecr:us-east-1:1:repository/{}",
    ),
    "AWS::ElastiCache::CacheCluster": (
        "ClusterName",
        ["elasticache:DeleteCacheCluster"],
        "elasticache:us-east-1:1:cluster:{}",
    ),
    "AWS::ElastiCache::ReplicationGroup": (
        "ReplicationGroupId",
        ["elasticache:DeleteReplicationGroup"],
        "elasticache:us-east-1:1:replicationgroup:{}",
    ),
    "AWS::Logs::LogGroup": (
        "LogGroupName",
        ["logs:DeleteLogGroup", "logs:PutRetentionPolicy"],
        "logs:us-east-1:1:log-group:{}",
    ),
    "AWS::RDS::DBInstance": (
        "DBInstanceIdentifier",
        ["rds:DeleteDBInstance", "rds:ModifyDBInstance", "rds:RebootDBInstance"],
        "rds:us-east-1:1:db:{}",
    ),
    "AWS::IAM::Role": ("RoleName", ["iam:CreateRole", "iam:PassRole"], "iam::1:role/{}"),
    "AWS::IAM::User": ("UserName", ["iam:CreateUser"], "iam::1:user/{}"),
    "AWS::S3::Bucket": ("BucketName", ["s3:CreateBucket"], "s3:::{}"),
    "AWS::SecretsManager::Secret": (
        "Name",
        ["secretsmanager:CreateSecret"],
        "secretsmanager:us-east-1:1:secret:{}-AbCdEf",
    ),
}


@pytest.fixture(scope="module")
def role(bootstraps):
    return bootstraps["bootstrap/deploy-role"]


def given_to(role):
    """Return the statements of all policies of a role."""
    policies = role.of_type("AWS::IAM::ManagedPolicy").values()
    return [s for policy in policies for s in policy["PolicyDocument"]["Statement"]]


@pytest.fixture(scope="module")
def statements(role):
    return given_to(role)


def some():
    """Return templates that a deploy takes no time for."""
    return small(packaging.read(REPOSITORY / "templates"), "Logs", "Secrets")


def through_cloudformation(statement):
    asked = statement.get("Condition", {}).get("ForAnyValue:StringEquals", {})
    return asked.get("aws:CalledVia") == "cloudformation.amazonaws.com"


def test_only_a_workflow_of_this_repository_and_environment_may_take_the_role(role):
    [trust] = role["Role"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {
        "StringEquals": {
            f"{GITHUB}:aud": "sts.amazonaws.com",
            f"{GITHUB}:sub": {"Fn::Sub": "repo:${Repository}:environment:${Environment}"},
        }
    }
    assert trust["Action"] == ["sts:AssumeRoleWithWebIdentity"]


@pytest.mark.parametrize("named", ["owner/a.name", "some-owner@12/a.name@345"])
def test_a_repository_is_told_as_githubs_tokens_name_it_old_and_new(role, named):
    # https://github.blog/changelog/2026-04-23-immutable-subject-claims-for-github-actions-oidc-tokens
    taken = re.compile(role.body["Parameters"]["Repository"]["AllowedPattern"])
    assert taken.fullmatch(named)
    assert not any(taken.fullmatch(wide) for wide in ("*/*", "owner/*", f"{named}:ref", "@1/a"))


def test_every_environment_there_may_be_may_have_a_role(role):
    assert role.body["Parameters"]["Environment"]["AllowedPattern"] == NAME.pattern


def test_every_type_in_the_templates_has_its_rights_and_no_other_has(templates):
    used = {r["Type"] for t in templates.values() for r in t.body["Resources"].values()}
    assert BY_TYPE.keys() == used


def test_what_a_type_asks_for_is_allowed_and_only_through_cloudformation(statements):
    asked = {action.JSONrepr() for actions in BY_TYPE.values() for action in actions}
    allowed = {
        action
        for statement in statements
        if through_cloudformation(statement)
        for action in statement["Action"]
    }
    assert allowed == asked


def test_by_itself_the_role_changes_only_stacks_templates_secrets_and_services(statements):
    reads = re.compile(r":(Describe|Get|List)")
    changes = {
        action
        for statement in statements
        if not through_cloudformation(statement)
        for action in statement["Action"]
        if not reads.search(action) and "cloudformation:" not in action
    }
    assert {action for action in changes if not action.startswith("s3:Put")} == {
        "s3:CreateBucket",
        "ecs:RunTask",
        "ecs:UpdateService",
        "secretsmanager:PutSecretValue",
        "iam:PassRole",
        "iam:CreateServiceLinkedRole",
        "sts:AssumeRole",
    }


def test_the_role_cannot_change_itself_or_read_secrets_but_for_the_stacks(role, statements):
    name = role["Role"]["RoleName"]["Fn::Sub"]
    for statement in statements:
        iam = [action for action in statement["Action"] if action.startswith("iam:")]
        if iam and not all(re.match("iam:(Get|List)", action) for action in iam):
            for resource in statement["Resource"]:
                pattern = resource["Fn::Sub"].rpartition("/")[2].replace("*", ".*")
                assert not re.fullmatch(pattern, name) or "aws-service-role" in str(resource)
        if "secretsmanager:GetSecretValue" in statement["Action"]:
            assert through_cloudformation(statement)


def test_the_role_sets_only_the_secrets_that_a_person_sets(statements):
    assert set(SET_BY_A_PERSON) == set(secrets.NAMES) - secrets.GENERATED.keys()
    [said] = [s for s in statements if "secretsmanager:PutSecretValue" in s["Action"]]
    for name in secrets.NAMES:
        arn = f"arn:aws:secretsmanager:us-east-1:1:secret:liberty-social/{name}-prod-AbCdEf"
        assert permits(said, arn, "1", "") is (name in SET_BY_A_PERSON), name


def test_roles_are_handed_only_to_the_services_that_run_with_them(statements):
    to_sets, hand = [s for s in statements if "iam:PassRole" in s["Action"]]
    assert hand["Condition"]["StringEquals"]["iam:PassedToService"] == [
        "ecs-tasks.amazonaws.com",
        "vpc-flow-logs.amazonaws.com",
    ]
    [administration] = to_sets["Resource"]
    assert administration["Fn::Sub"].endswith(
        ":role/AWSCloudFormationStackSetAdministrationRole"
    )
    assert to_sets["Condition"]["StringLike"]["iam:PassedToService"] == [
        "cloudformation.amazonaws.com",
        "cloudformation.*.amazonaws.com",
    ]


def test_no_action_is_a_pattern(statements):
    assert not [a for s in statements for a in s["Action"] if "*" in a]


def test_every_policy_is_short_enough_for_iam(role):
    for title, policy in role.of_type("AWS::IAM::ManagedPolicy").items():
        text = json.dumps(policy["PolicyDocument"], separators=(",", ":"))
        # What stands for an account or an environment gets longer.
        assert len(text) + 20 * text.count("${") < LONGEST_POLICY, title


def test_bootstrap_templates_are_no_part_of_what_is_deployed():
    assert not [name for name in packaging.read(REPOSITORY / "templates") if "role" in name]


def test_the_role_allows_itself_nothing_that_the_helper_never_asks():
    """Actions whose operation stands nowhere in the helper's code."""
    code = " ".join(
        file.read_text()
        for part in ("deploy", "verify")
        for file in (REPOSITORY / "liberty_cfn" / part).rglob("*.py")
    )
    operations = {named: operation for operation, named in ACTIONS.items()}
    asked = allowed() - FREE - UNASKED
    assert not [
        action
        for action in asked
        if xform_name(operations.get(action, action).partition(":")[2]) not in code
    ]


def test_the_role_may_do_what_aws_asks_for_to_find_what_was_changed_by_hand():
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html
    asked = ("BatchDescribeTypeConfigurations", "DetectStackDrift", "DetectStackResourceDrift")
    assert {f"cloudformation:{name}" for name in asked} <= allowed()


def test_what_was_refused_early_may_be_asked_of_change_sets_which_are_no_stacks(statements):
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_cloudformation.html
    [said] = [s for s in statements if "cloudformation:DescribeEvents" in s["Action"]]
    assert "changeSet/liberty-social-${Environment}-*" in str(said["Resource"])


@pytest.mark.parametrize(
    ("role", "stack"),
    [
        ("deploy-role", "liberty-social-prod"),
        ("stack-set-execution-role", "StackSet-liberty-social-global-5c1d8a7e"),
    ],
)
def test_what_is_named_may_be_made_by_its_name_and_what_is_not_by_its_stacks(
    bootstraps, templates, role, stack
):
    given = given_to(bootstraps[f"bootstrap/{role}"])
    for of, template in templates.items():
        inside = stack if of == "root" else f"{stack}-{of}-1A2B3C"
        for title, resource in template.body["Resources"].items():
            if resource["Type"] not in MADE:
                continue
            key, actions, form = MADE[resource["Type"]]
            said = resource["Properties"].get(key)
            name = said["Fn::Join"][1][0] + "-dev" if said else f"{inside}-{title}-4D5E6F"
            arn = "arn:aws:" + form.format(name.lower() if form.startswith("s3:") else name)
            for action in actions:
                may = [s for s in given if action in s["Action"] and permits(s, arn, "1", "")]
                assert may, f"{action} on {arn}"


@pytest.mark.parametrize("role", ["deploy-role", "stack-set-execution-role"])
def test_a_database_cache_or_log_of_somebody_else_in_the_account_may_not_be_deleted(
    bootstraps, role
):
    """A change set could take it into a stack."""
    given = given_to(bootstraps[f"bootstrap/{role}"])
    for kind in (
        *("AWS::ElastiCache::CacheCluster", "AWS::ElastiCache::ReplicationGroup"),
        *("AWS::Logs::LogGroup", "AWS::RDS::DBInstance"),
    ):
        _, actions, form = MADE[kind]
        for action in actions:
            statements = [s for s in given if action in s["Action"]]
            assert statements
            arn = "arn:aws:" + form.format("shop-db")
            assert not [s for s in statements if permits(s, arn, "1", "")], action


@pytest.mark.parametrize("role", ["deploy-role", "stack-set-execution-role"])
def test_a_role_takes_nothing_into_its_stacks_that_somebody_lists(bootstraps, role):
    given = given_to(bootstraps[f"bootstrap/{role}"])
    [said] = [s for s in given if "cloudformation:CreateChangeSet" in s["Action"]]
    assert said["Condition"] == {"Null": {"cloudformation:ImportResourceTypes": "true"}}


def test_only_the_role_of_a_stack_set_may_take_roles_in_other_accounts(role):
    """Many an account has an execution role that may do anything."""
    of_sets = re.compile("sts:|organizations:|cloudformation:.*(StackSet|StackInstance)")
    found = {
        role.body["Resources"][title].get("Condition")
        for title, policy in role.of_type("AWS::IAM::ManagedPolicy").items()
        for statement in policy["PolicyDocument"]["Statement"]
        if any(map(of_sets.match, statement["Action"]))
    }
    assert found == {"DeploysStackSets"}
    assert role.body["Parameters"]["StackSet"]["Default"] == "false"


def test_what_aws_tells_apart_is_not_allowed_on_everything_but_how_it_is_set_up(bootstraps):
    for statement in (s for role in bootstraps.values() for s in given_to(role)):
        apart = {action for action in statement["Action"] if forms_of(action)}
        if statement["Resource"] != ["*"]:
            # AWS refuses what knows no resources on any but all of them.
            assert apart == set(statement["Action"])
        elif through_cloudformation(statement):
            # Of other services, ids are not known beforehand.
            assert not {action for action in apart if action.partition(":")[0] in NAMED}
        else:
            assert not {action for action in apart if not SETUP.match(action)}


@pytest.mark.parametrize("of", ["CreateChangeSet", "UpdateStackSet"])
def test_where_tags_are_told_the_role_may_set_and_take_away_tags(statements, of):
    [said] = [s for s in statements if f"cloudformation:{of}" in s["Action"]]
    tags = {"cloudformation:TagResource", "cloudformation:UntagResource"}
    assert tags <= set(said["Action"])


def test_what_the_helper_calls_is_compared_with_what_the_role_allows(aws, helper_calls):
    """All over the test run (tests/allowed.py); here, that such calls are heard at all."""
    target = Target(aws.session, "000000000000", aws.endpoint)
    helper_calls.clear()
    plan(Work(load("local"), target, Listener(), some()))
    assert {"cloudformation:CreateChangeSet", "s3:PutObject"} <= helper_calls <= allowed()
    # This is the test's own, and not for the role.
    target.client("ec2").delete_vpc_endpoints(VpcEndpointIds=["vpce-1"])
    assert "ec2:DeleteVpcEndpoints" not in helper_calls | allowed()


@pytest.fixture
def as_the_role(target, role):
    """Return the target, with the credentials of the role of the environment local."""
    body, named = json.loads(json.dumps(role.body)), "liberty-cfn-deploy-local"
    # Nobody signs in to the local AWS by GitHub.
    trust = body["Resources"]["Role"]["Properties"]["AssumeRolePolicyDocument"]
    trust["Statement"] = [
        {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": ["sts:AssumeRole"]}
    ]
    given = {"Repository": "owner/name", "Environment": "local"}
    cloudformation = target.client("cloudformation")
    cloudformation.create_stack(
        StackName=named,
        TemplateBody=json.dumps(body),
        Parameters=as_parameters(given),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    made = cloudformation.get_waiter("stack_create_complete")
    made.wait(StackName=named, WaiterConfig=SOON)
    arn = f"arn:aws:iam::{target.account}:role/{named}"
    taken = target.client("sts").assume_role(RoleArn=arn, RoleSessionName="deploying")
    [provider] = target.client("iam").list_open_id_connect_providers()[
        "OpenIDConnectProviderList"
    ]
    assert provider["Arn"].endswith("/token.actions.githubusercontent.com")
    keys = taken["Credentials"]
    ours = session(
        local=True,
        region_name=target.region,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    return Target(ours, target.account, target.endpoint)


def test_an_aws_that_looks_at_every_call_lets_the_role_deploy_and_no_more(as_the_role):
    """The local AWS has its own opinion of what a call is about."""
    assert deploy(Work(load("local"), as_the_role, Listener(), some()))
    asked = {
        "cloudformation": ("describe_stacks", {"StackName": "liberty-social-prod"}),
        "ec2": ("create_vpc", {"CidrBlock": "10.0.0.0/16"}),
        "logs": ("get_log_events", {"logGroupName": "/ecs/else", "logStreamName": "a"}),
        "secretsmanager": ("get_secret_value", {"SecretId": "liberty-social/SECRET_KEY-local"}),
    }
    for service, (operation, arguments) in asked.items():
        with pytest.raises(ClientError, match="not authorized"):
            getattr(as_the_role.client(service), operation)(**arguments)


@pytest.fixture(scope="module")
def execution(bootstraps):
    return bootstraps["bootstrap/stack-set-execution-role"]


def test_a_targets_role_trusts_the_administrators_account_alone(execution):
    [trust] = execution["Role"]["AssumeRolePolicyDocument"]["Statement"]
    root = "arn:${AWS::Partition}:iam::${AdministratorAccountId}:root"
    assert trust["Principal"] == {"AWS": [{"Fn::Sub": root}]}
    assert trust["Action"] == ["sts:AssumeRole"]


def test_a_targets_role_may_do_what_the_types_ask_for_and_only_through_cloudformation(
    execution,
):
    asked = {action.JSONrepr() for actions in BY_TYPE.values() for action in actions}
    given = given_to(execution)
    through = {a for s in given if through_cloudformation(s) for a in s["Action"]}
    assert through == asked
    alone = {a for s in given if not through_cloudformation(s) for a in s["Action"]}
    reads = re.compile(r":(Describe|Get|List)")
    changes = {a for a in alone if not reads.search(a) and "cloudformation:" not in a}
    assert changes == {"iam:PassRole", "iam:CreateServiceLinkedRole"}
    stacks = [r for s in given for r in s["Resource"] if ":stack/" in str(r)]
    assert all("stack/StackSet-liberty-social-*" in str(stack) for stack in stacks)


def test_a_targets_role_cannot_change_itself(execution):
    name = execution["Role"]["RoleName"]
    for statement in given_to(execution):
        for resource in statement["Resource"]:
            pattern = str(resource).partition(":role/")[2].strip("'}").replace("*", ".*")
            assert ":role/" not in str(resource) or not re.fullmatch(pattern, name)


def test_the_administrators_role_acts_for_its_own_accounts_stack_sets_alone(bootstraps):
    role = bootstraps["bootstrap/stack-set-administration-role"]["Role"]
    [trust] = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": {"Ref": "Services"}}
    assert trust["Condition"]["StringEquals"] == {
        "aws:SourceAccount": {"Ref": "AWS::AccountId"}
    }
    assert "stackset/*" in str(trust["Condition"]["ArnLike"]["aws:SourceArn"])
    [policy] = role["Policies"]
    [statement] = policy["PolicyDocument"]["Statement"]
    assert statement["Action"] == ["sts:AssumeRole"]
    assert statement["Resource"] == [
        {"Fn::Sub": "arn:${AWS::Partition}:iam::*:role/AWSCloudFormationStackSetExecutionRole"}
    ]
