"""What would make a deploy fail: found beforehand, with what solves it."""

import dataclasses
import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
from botocore.stub import Stubber
from wire import answering

from liberty_cfn.deploy import (
    beforehand,
    certificates,
    delegation,
    images,
    leftovers,
    named,
    targets,
)
from liberty_cfn.deploy import quotas as beforehand_quotas
from liberty_cfn.deploy.finding import Finding, Level, all_asked
from liberty_cfn.deploy.images import Image
from liberty_cfn.deploy.packaging import read
from liberty_cfn.deploy.stack import Standing, find
from liberty_cfn.environments import load

REPOSITORY = Path(__file__).parent.parent
ARN = "arn:aws:acm:us-east-1:000000000000:certificate/00000000-0000-0000-0000-000000000000"
ASKED = datetime(2026, 1, 1, tzinfo=UTC)
CNAME = {"Name": "_a.dev.example.com.", "Type": "CNAME", "Value": "_b.acm.aws."}
BUSY = "storage-optimization"
EMPTY_STACK = json.dumps(
    {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}, "Parameters": {}}
)


@pytest.fixture
def dev():
    return load("dev")


@pytest.fixture
def nowhere():
    """A target whose answers each test says, for what the local AWS can't be made to say."""
    return targets.Target(boto3.Session("k", "s", region_name="us-east-1"), "1")


def with_settings(environment, **settings):
    return dataclasses.replace(
        environment,
        given={**environment.given, **settings},
        settings={**environment.settings, **settings},
    )


def trust(**statement):
    told = {"Effect": "Allow", "Action": "sts:AssumeRole", **statement}
    return json.dumps({"Version": "2012-10-17", "Statement": [told]})


ECS = {"Service": "ecs-tasks.amazonaws.com"}


def role(target, name, policy=None, **more):
    policy = policy or trust(Principal=ECS)
    target.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=policy, **more)


def stack(target, **parameters):
    """Make a stack of the environment's name, with these parameters."""
    declared = {name: {"Type": "String"} for name in parameters}
    body = {**json.loads(EMPTY_STACK), "Parameters": declared}
    target.client("cloudformation").create_stack(
        StackName="liberty-social-dev",
        TemplateBody=json.dumps(body),
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
    )


def hindering(environment, target, templates=None):
    there = find(target.client("cloudformation"), environment.stack)
    return beforehand.obstacles(environment, target, there, templates)


def obstacles(environment, target):
    return [str(each) for each in hindering(environment, target)]


def of(level, found):
    return [str(each) for each in found if each.level is level]


def test_an_empty_account_is_in_nobodys_way(target, dev):
    assert obstacles(dev, target) == []


def test_several_services_are_asked_at_once_and_told_in_order(nowhere, dev):
    both = threading.Barrier(2, timeout=10)

    def check(*_):
        both.wait()
        yield Finding(Level.OK, "this", "is well")

    def other(*_):
        both.wait()
        yield Finding(Level.OK, "that", "is well, too")

    found = all_asked([("This", check), ("That", other)], dev, nowhere)
    assert [each.about for each in found] == ["this", "that"]


def test_on_ctrl_c_answers_are_not_waited_for(nowhere, dev):
    begun, answered, waited = threading.Event(), threading.Event(), []

    def interrupted(*_):
        begun.wait(10)
        raise KeyboardInterrupt

    def slow(*_):
        begun.set()
        waited.append(answered.wait(10))
        yield Finding(Level.OK, "that", "is well")

    with pytest.raises(KeyboardInterrupt):
        list(all_asked([("This", interrupted), ("That", slow)], dev, nowhere))
    assert waited == []
    answered.set()


def test_quotas_are_asked_for_at_once(nowhere, dev, monkeypatch):
    both = threading.Barrier(2, timeout=10)
    pair = beforehand_quotas.QUOTAS[:2]
    monkeypatch.setattr(beforehand_quotas, "QUOTAS", pair)
    monkeypatch.setattr(beforehand_quotas, "_room", lambda one, *_: (both.wait(), [one])[1])
    assert list(beforehand.quotas(dev, nowhere)) == list(pair)


# What an earlier destroy left


def left_secret(target):
    target.client("secretsmanager").create_secret(Name="liberty-social/SECRET_KEY-dev")


def left_deleted_secret(target):
    left_secret(target)
    target.client("secretsmanager").delete_secret(
        SecretId="liberty-social/SECRET_KEY-dev", RecoveryWindowInDays=7
    )


def left_bucket(target):
    target.client("s3").create_bucket(Bucket="liberty-social-uploads-dev")


def left_log_group(target):
    target.client("logs").create_log_group(logGroupName="/ecs/liberty-social-backend-dev")


def left_events(target):
    name = "/aws/events/liberty-social-task-failures-dev"
    target.client("logs").create_log_group(logGroupName=name)


def left_repository(target):
    target.client("ecr").create_repository(repositoryName="liberty-social-backend-dev")


def left_database(target):
    target.client("rds").create_db_instance(
        DBInstanceIdentifier="liberty-social-db-dev",
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
    )


def left_cache(target):
    target.client("elasticache").create_cache_cluster(
        CacheClusterId="liberty-social-redis-dev", Engine="redis", NumCacheNodes=1
    )


def left_balancer(target):
    target.client("elbv2").create_load_balancer(Name="liberty-social-alb-dev")


def left_role(target):
    role(target, "ecsTaskRole-dev")


@pytest.mark.parametrize(
    ("leave", "said", "solved"),
    [
        (left_secret, "Secret liberty-social/SECRET_KEY-dev: is there", "delete-secret"),
        (left_deleted_secret, "SECRET_KEY-dev: is scheduled for deletion", "without-recovery"),
        (
            left_bucket,
            "Bucket liberty-social-uploads-dev: is there",
            "empty it in the console of S3",
        ),
        (left_log_group, "Log group /ecs/liberty-social-backend-dev: ", "delete-log-group"),
        (left_events, "Log group /aws/events/liberty-social-task", "delete-log-group"),
        (left_repository, "Repository liberty-social-backend-dev: ", "delete-repository"),
        (left_database, "Database liberty-social-db-dev: is there", "delete-db-instance"),
        (left_cache, "Cache liberty-social-redis-dev: is there", "delete-cache-cluster"),
        (
            *(left_balancer, "Load balancer liberty-social-alb-dev: "),
            "describe-load-balancers --region us-east-1 --names liberty-social-alb-dev",
        ),
        (left_role, "Role ecsTaskRole-dev: is there", "aws iam delete-role"),
    ],
)
def test_leftovers_are_named_with_what_removes_them(target, dev, leave, said, solved):
    leave(target)
    # Of what isn't in the templates there is nothing to look for; all of this is.
    [found] = map(str, hindering(dev, target, read(REPOSITORY / "templates")))
    assert said in found
    assert solved in found
    assert "or choose another NameSuffix" in found
    # A destroy keeps only what the next deploy can take in.
    assert ("kept by an earlier destroy?" in found) == ("ADOPT=1" in found)


def test_other_environments_things_are_not_in_the_way(target, dev):
    left_secret(target)
    left_log_group(target)
    assert obstacles(with_settings(dev, NameSuffix="-de"), target) == []


def test_names_that_a_stack_is_using_are_not_told_to_be_deleted(target, dev):
    """An environment's file that was copied, or its suffix mistyped."""
    left_bucket(target)
    stack(target, NameSuffix="-dev")
    made = find(target.client("cloudformation"), "liberty-social-dev")["StackId"]
    target.client("secretsmanager").create_secret(
        Name="liberty-social/SECRET_KEY-dev",
        Tags=[{"Key": "aws:cloudformation:stack-id", "Value": made}],
    )
    copied = dataclasses.replace(dev, name="copy")
    [found] = hindering(copied, target)
    assert str(found).startswith(
        "NameSuffix: its names are in use: liberty-social/SECRET_KEY-dev"
    )
    assert "belongs to the stack liberty-social-dev, which is there" in str(found)
    assert (found.adoptable, "elete" in str(found)) == (False, False)
    # Nor of one that the role of a stack set's target may not look at.
    denied = (403, "<Code>AccessDenied</Code><Message>Not yours</Message>")
    with answering(target.client("cloudformation"), "DescribeStacks", denied):
        assert list(leftovers.names(copied, target)) == [found]


def test_what_the_stack_gave_up_with_a_former_suffix_is_not_called_in_use(target, dev):
    stack(target, NameSuffix="-two")
    its = find(target.client("cloudformation"), dev.stack)["StackId"]
    target.client("secretsmanager").create_secret(
        Name="liberty-social/SECRET_KEY-dev",
        Tags=[{"Key": "aws:cloudformation:stack-id", "Value": its}],
    )
    [found] = hindering(dev, target)
    assert str(found).startswith("Secret liberty-social/SECRET_KEY-dev: is there")
    assert "Delete it, if nobody needs it (aws secretsmanager delete-secret" in str(found)


def test_all_that_is_in_the_way_is_told_at_once(target, dev):
    for leave in (left_secret, left_bucket, left_events, left_repository, left_role):
        leave(target)
    assert len(obstacles(dev, target)) == 5


def test_what_the_stack_has_is_not_in_its_own_way(target, dev):
    for leave in (left_secret, left_bucket, left_role):
        leave(target)
    role(target, "ecsTaskExecutionRole-dev")
    stack(target, NameSuffix="-dev", ExistingExecutionRole="")
    assert obstacles(dev, target) == []


def test_of_what_stands_it_is_not_asked_whether_it_can_be_made(dev, nowhere):
    suffix = {"ParameterKey": "NameSuffix", "ParameterValue": "-dev"}
    there = {"StackStatus": "UPDATE_COMPLETE", "Parameters": [suffix]}
    with Stubber(nowhere.client("ec2")), Stubber(nowhere.client("s3")):
        assert beforehand.obstacles(dev, nowhere, there) == []


def test_with_another_suffix_a_stack_needs_new_names(target, dev):
    left_bucket(target)
    stack(target, NameSuffix="-old", ExistingExecutionRole="")
    [found] = obstacles(dev, target)
    assert found.startswith("Bucket liberty-social-uploads-dev")


def test_what_is_there_is_adopted_by_a_new_environment_alone(target, dev):
    left_bucket(target)
    [new] = hindering(dev, target)
    assert (new.adoptable, "To take it in: " in str(new)) == (True, True)
    stack(target, NameSuffix="-old")
    [changed] = hindering(dev, target)
    assert changed.about == new.about
    assert (changed.adoptable, "ADOPT=1" in str(changed)) == (False, False)


def test_a_bucket_that_another_region_may_be_using_is_not_to_be_deleted(dev, nowhere):
    with Stubber(nowhere.client("s3")) as s3:
        s3.add_response("head_bucket", {"BucketRegion": "eu-west-1"})
        [found] = leftovers.bucket(dev, nowhere)
    assert found.says.startswith("is in eu-west-1, where it may be in use")
    assert ("aws s3" in found.says, found.adoptable) == (False, False)


def test_a_bucket_of_another_account_is_told_as_such(dev, nowhere):
    with Stubber(nowhere.client("s3")) as s3:
        s3.add_client_error("head_bucket", "403", http_status_code=403)
        [found] = leftovers.bucket(dev, nowhere)
    assert found.level is Level.OBSTACLE
    assert "another account" in found.says
    assert "choose another NameSuffix" in found.says


# Roles


def test_an_execution_role_of_others_can_be_used_by_a_setting(target, dev):
    role(target, "ecsTaskExecutionRole-dev")
    [found] = obstacles(dev, target)
    assert "ExistingExecutionRole: ecsTaskExecutionRole-dev" in found
    named = with_settings(dev, ExistingExecutionRole="ecsTaskExecutionRole-dev")
    assert obstacles(named, target) == []


def test_a_stack_that_used_anothers_role_can_not_make_its_own_beside_it(target, dev):
    role(target, "ecsTaskExecutionRole-dev")
    stack(target, NameSuffix="-dev", ExistingExecutionRole="ecsTaskExecutionRole-dev")
    [found] = obstacles(dev, target)
    assert found.startswith("Role ecsTaskExecutionRole-dev: is there already")


def test_a_stack_s_own_role_is_not_named_as_another_s_as_it_would_go(target, dev):
    role(target, "ecsTaskExecutionRole-dev")
    stack(target, NameSuffix="-dev", ExistingExecutionRole="")
    named = with_settings(dev, ExistingExecutionRole="ecsTaskExecutionRole-dev")
    [found] = obstacles(named, target)
    assert "is this stack's own, which deletes it" in found


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda target: None, "no role starter; leave it empty"),
        (lambda target: role(target, "starter", Path="/x/"), "has the path /x/"),
        (
            lambda target: role(
                target, "starter", trust(Principal={"Service": "ec2.amazonaws.com"})
            ),
            "has to allow sts:AssumeRole to ecs-tasks.amazonaws.com",
        ),
        (
            lambda target: role(target, "starter", trust(Principal=ECS, Effect="Deny")),
            "has to allow sts:AssumeRole",
        ),
        (
            lambda target: role(
                target, "starter", trust(Principal=ECS, Action="sts:TagSession")
            ),
            "has to allow sts:AssumeRole",
        ),
    ],
)
def test_a_named_role_has_to_be_there_and_let_ecs_take_it(target, dev, make, said):
    make(target)
    [found] = obstacles(with_settings(dev, ExistingExecutionRole="starter"), target)
    assert found.startswith("ExistingExecutionRole: ")
    assert said in found


def test_a_trust_may_name_several_services(target, dev):
    both = {"Service": ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"]}
    role(target, "starter", trust(Principal=both, Action=["sts:AssumeRole"]))
    assert obstacles(with_settings(dev, ExistingExecutionRole="starter"), target) == []


# Certificates


def certificate(status="ISSUED", *names, **more):
    names = names or ("dev.example.com", "*.dev.example.com")
    return {
        "Certificate": {
            "CertificateArn": ARN,
            "DomainName": names[0],
            "SubjectAlternativeNames": list(names),
            "Status": status,
            "CreatedAt": ASKED,
            **more,
        }
    }


def examined(nowhere, environment, answer, **before):
    given = with_settings(environment, CertificateArn=ARN)
    with Stubber(nowhere.client("acm")) as acm:
        acm.add_response("describe_certificate", answer, {"CertificateArn": ARN})
        return list(named.certificate(given, nowhere, before))


def test_a_certificate_that_is_not_there_is_told(target, dev):
    [found] = obstacles(with_settings(dev, CertificateArn=ARN), target)
    assert f"CertificateArn: this account has no certificate {ARN}" in found


@pytest.mark.parametrize("status", ["PENDING_VALIDATION", "EXPIRED", "REVOKED"])
def test_a_certificate_has_to_be_issued(nowhere, dev, status):
    [found] = examined(nowhere, dev, certificate(status))
    assert found.level is Level.OBSTACLE
    assert f"the certificate is {status}" in found.says


def test_only_a_certificate_that_can_still_be_issued_is_waited_for(nowhere, dev):
    [pending] = examined(nowhere, dev, certificate("PENDING_VALIDATION"))
    assert "make doctor ENV=dev tells what it waits for" in pending.says
    [failed] = examined(nowhere, dev, certificate("FAILED", FailureReason="CAA_ERROR"))
    assert "the certificate is FAILED (CAA_ERROR)" in failed.says
    assert "ISSUED; give another, or leave this empty" in failed.says


def test_one_that_expired_in_use_is_told_and_keeps_nobody_from_deploying(nowhere, dev):
    expired = certificate("EXPIRED")
    [found] = examined(nowhere, dev, expired, CertificateArn=ARN)
    assert found.level is Level.WARNING
    assert "the certificate is EXPIRED" in found.says
    [found] = examined(nowhere, dev, expired, CertificateArn="")
    assert found.level is Level.OBSTACLE


@pytest.mark.parametrize(
    ("names", "level"),
    [
        (("dev.example.com", "*.dev.example.com"), Level.OK),
        (("backend.dev.example.com",), Level.OK),
        (("dev.example.com",), Level.WARNING),
        (("*.example.com",), Level.WARNING),
    ],
)
def test_a_certificate_of_another_name_is_a_warning(nowhere, dev, names, level):
    [found] = examined(nowhere, dev, certificate("ISSUED", *names))
    assert found.level is level


def validation(domain, status="PENDING_VALIDATION", **more):
    return {"DomainName": domain, "ValidationStatus": status, **more}


def awaiting(nowhere, environment, *answers):
    arns = [f"{ARN[:-1]}{number}" for number in range(len(answers))]
    with Stubber(nowhere.client("acm")) as acm:
        listed = [{"CertificateArn": arn, "DomainName": "dev.example.com"} for arn in arns]
        listed.append({"CertificateArn": ARN, "DomainName": "other.org"})
        acm.add_response(
            "list_certificates",
            {"CertificateSummaryList": listed},
            {"CertificateStatuses": ["PENDING_VALIDATION"]},
        )
        for arn, answer in zip(arns, answers, strict=True):
            acm.add_response("describe_certificate", answer, {"CertificateArn": arn})
        return certificates.awaited(environment, nowhere)


def test_the_cname_that_is_awaited_is_told_once_and_for_how_long(nowhere, dev):
    options = [
        validation("dev.example.com", ResourceRecord=CNAME),
        validation("*.dev.example.com", ResourceRecord=CNAME),
    ]
    [one] = awaiting(
        nowhere, dev, certificate("PENDING_VALIDATION", DomainValidationOptions=options)
    )
    assert one.in_words(ASKED + timedelta(minutes=75, seconds=9)) == (
        "the certificate of dev.example.com waits for the CNAME _a.dev.example.com. -> "
        "_b.acm.aws. in DNS, for 1 h 15 min now"
    )
    assert "for 5 min now" in one.in_words(ASKED + timedelta(minutes=5))


def test_of_two_certificates_the_newest_is_the_deploys(nowhere, dev):
    options = [validation("dev.example.com", ResourceRecord=CNAME)]
    old = certificate("PENDING_VALIDATION", DomainValidationOptions=options)
    new = certificate("PENDING_VALIDATION", DomainValidationOptions=options)
    new["Certificate"]["CreatedAt"] = ASKED + timedelta(days=1)
    [one] = awaiting(nowhere, dev, old, new)
    assert one.since == ASKED + timedelta(days=1)


def test_before_acm_has_thought_of_a_record_none_is_awaited(nowhere, dev):
    options = [validation("dev.example.com")]
    pending = certificate("PENDING_VALIDATION", DomainValidationOptions=options)
    assert awaiting(nowhere, dev, pending) == []


def test_what_is_proved_is_not_awaited(nowhere, dev):
    options = [validation("dev.example.com", "SUCCESS", ResourceRecord=CNAME)]
    pending = certificate("PENDING_VALIDATION", DomainValidationOptions=options)
    assert awaiting(nowhere, dev, pending) == []


@pytest.mark.parametrize(("status", "awaited"), [("PENDING_VALIDATION", 1), ("EXPIRED", 0)])
def test_of_a_certificate_that_the_settings_name_the_record_is_awaited_while_it_is_pending(
    nowhere, dev, status, awaited
):
    options = [validation("dev.example.com", ResourceRecord=CNAME)]
    with Stubber(nowhere.client("acm")) as acm:
        acm.add_response(
            "describe_certificate", certificate(status, DomainValidationOptions=options)
        )
        given = with_settings(dev, CertificateArn=ARN)
        assert len(certificates.awaited(given, nowhere)) == awaited


def test_an_issued_certificate_waits_for_nothing(target, dev):
    target.client("acm").request_certificate(
        DomainName="dev.example.com", ValidationMethod="DNS"
    )
    assert certificates.awaited(dev, target) == []


# Disks


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ((30, 100, "available"), []),
        ((33, 100, "available"), []),
        # What it has grown to by itself, and what it was made with, which settings say still.
        ((20, 100, "available"), []),
        ((25, 100, "available"), ["DatabaseStorage: 25 given, and the disk has 30 GiB"]),
        ((32, 100, "available"), ["DatabaseStorage: 32 given, and the disk has 30 GiB"]),
        ((20, 32, "available"), ["DatabaseMaxStorage: 32 given, and the disk has 30 GiB"]),
        ((20, 33, "available"), []),
        ((30, 100, BUSY), []),
        ((33, 100, BUSY), ["DatabaseStorage: 33 given, and RDS is still at the last change"]),
    ],
)
def test_a_disk_that_rds_would_not_make_so_is_told(nowhere, dev, asked, told):
    size, limit, status = asked
    stack = {
        "StackStatus": "UPDATE_COMPLETE",
        "Parameters": [
            {"ParameterKey": name, "ParameterValue": value}
            for name, value in (
                *(("DatabaseStorage", "20"), ("DatabaseMaxStorage", "100")),
                ("NameSuffix", "-dev"),
            )
        ],
    }
    wanted = with_settings(dev, DatabaseStorage=str(size), DatabaseMaxStorage=str(limit))
    with Stubber(nowhere.client("rds")) as rds:
        if (size, limit) != (20, 100):
            rds.add_response(
                "describe_db_instances",
                {"DBInstances": [{"AllocatedStorage": 30, "DBInstanceStatus": status}]},
                {"DBInstanceIdentifier": "liberty-social-db-dev"},
            )
        found = of(Level.OBSTACLE, beforehand.in_the_way(wanted, nowhere, stack))
        rds.assert_no_pending_responses()
    assert len(found) == len(told)
    assert all(map(str.startswith, found, told))


# Quotas


def quotas(nowhere, environment, *, used, policies=0, default=False):
    balancers = [{"Type": "application"}] * used + [{"Type": "network"}] * 5
    databases = [{"Engine": "postgres"}] * used + [{"Engine": "docdb"}] * 5
    most = {"Quota": {"Value": 5.0}}
    answers = {
        "GetServiceQuota": {"Error": {"Code": "NoSuchResourceException"}} if default else most,
        "GetAWSDefaultServiceQuota": most,
        "DescribeVpcs": {"Vpcs": [{}] * used},
        "DescribeAddresses": {"Addresses": [{}] * used},
        "DescribeLoadBalancers": {"LoadBalancers": balancers},
        "DescribeDBInstances": {"DBInstances": databases},
        "DescribeResourcePolicies": {"resourcePolicies": [{}] * policies},
    }

    # They are asked at once, in whatever order.
    def answer(model, **_):
        said = answers[model.name]
        return SimpleNamespace(status_code=400 if "Error" in said else 200), said

    for name in ("service-quotas", "ec2", "elbv2", "rds", "logs"):
        nowhere.client(name).meta.events.register("before-call", answer)
    return list(beforehand.quotas(environment, nowhere))


@pytest.mark.parametrize("default", [False, True])
def test_quotas_that_are_used_up_are_told_with_how_to_raise_them(nowhere, dev, default):
    full = quotas(nowhere, dev, used=5, policies=10, default=default)
    assert [each.level for each in full] == [Level.OBSTACLE] * 5
    assert "5 of 5 are in use in us-east-1, and 1 more needed" in full[0].says
    assert "--service-code vpc --quota-code L-F678F1CE --desired-value 6" in full[0].says
    assert "10 of 10 are in use in us-east-1" in full[-1].says
    assert "can't be had: aws logs describe-resource-policies --region us-" in full[-1].says


def test_room_for_one_is_room_enough_but_not_for_two_gateways(nowhere, dev):
    room = quotas(nowhere, dev, used=4, policies=9)
    assert [each.level for each in room] == [Level.OK] * 5


def test_a_gateway_in_each_zone_takes_two_addresses(nowhere, dev):
    both = with_settings(dev, NatGatewayPerZone="true")
    [full] = of(Level.OBSTACLE, quotas(nowhere, both, used=4))
    assert full.startswith("Quota of elastic IP addresses: 4 of 5 are in use")


def test_quotas_are_looked_at_before_a_new_environment_is_made(
    monkeypatch, nowhere, target, dev
):
    monkeypatch.setattr(leftovers, "names", lambda *_: ())
    full = Finding(Level.OBSTACLE, "Quota of VPCs", "5 of 5 are in use")
    monkeypatch.setattr(beforehand, "quotas", lambda *_: [full])
    assert list(beforehand.in_the_way(dev, nowhere, None)) == [full]
    assert list(beforehand.in_the_way(dev, target, None)) == []  # the local AWS has none


def test_quotas_that_aws_does_not_tell_stop_nothing(nowhere, dev):
    with (
        Stubber(nowhere.client("service-quotas")) as service,
        Stubber(nowhere.client("logs")) as logs,
    ):
        for _ in range(4):
            service.add_client_error("get_service_quota", "AccessDeniedException")
        logs.add_client_error("describe_resource_policies", "AccessDeniedException")
        found = list(beforehand.quotas(dev, nowhere))
    assert [each.level for each in found] == [Level.WARNING] * 5
    assert "not checked, as AWS doesn't tell" in found[0].says


def test_what_credentials_may_not_ask_is_said_and_stops_nothing(nowhere, dev):
    named = with_settings(dev, ExistingExecutionRole="starter")
    with Stubber(nowhere.client("ec2")) as ec2, Stubber(nowhere.client("iam")) as iam:
        ec2.add_response("describe_availability_zones", {"AvailabilityZones": [{}, {}]})
        iam.add_client_error("get_role", "AccessDenied")
        found = list(beforehand.named_by_settings(named, nowhere, None))
    assert of(Level.OBSTACLE, found) == []
    assert "not checked: AWS refused GetRole (AccessDenied)" in of(Level.WARNING, found)[0]


def test_a_zone_that_is_not_there_keeps_nothing_else_from_being_looked_at(nowhere, dev):
    named = with_settings(dev, HostedZoneId="Z1", CreateHostedZone="false")
    with Stubber(nowhere.client("route53")) as route53:
        route53.add_client_error("get_hosted_zone", "NoSuchHostedZone")
        [found] = beforehand.asked("Delegation", delegation.delegation, named, nowhere)
    assert str(found).endswith("not checked: AWS refused GetHostedZone (NoSuchHostedZone).")


# The command


def test_the_doctor_tells_what_is_well_and_what_to_think_of(target, dev):
    found = beforehand.examine(dev, target)
    assert of(Level.OBSTACLE, found) == []
    assert any(said.startswith("Region: us-east-1 has") for said in of(Level.OK, found))
    assert any("docker push" in said for said in of(Level.WARNING, found))


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (Image("sha256:1"), (Level.OK, "latest is sha256:1.")),
        (Image(refusal="Image: it is gone"), (Level.OBSTACLE, "it is gone")),
    ],
)
def test_the_doctor_tells_which_image_there_is_and_what_is_awaited(
    monkeypatch, target, dev, image, told
):
    monkeypatch.setattr(images, "resolve", lambda *_: image)
    record = certificates.Awaited("example.com", "_a.example.com.", "_b.", datetime.now(UTC))
    monkeypatch.setattr(certificates, "awaited", lambda *_: [record])
    found = {each.about: each for each in beforehand.examine(dev, target)}
    assert (found["Image"].level, found["Image"].says) == told
    assert found["Certificate"].level is Level.WARNING
    assert "waits for the CNAME _a.example.com." in found["Certificate"].says


def test_the_doctor_tells_of_a_zone_that_would_be_made_again(target, dev):
    made = target.client("route53").create_hosted_zone(
        Name="dev.example.com", CallerReference="x"
    )
    zone = made["HostedZone"]["Id"].rpartition("/")[2]
    found = of(Level.WARNING, beforehand.examine(dev, target))
    assert any(f"HostedZoneId: {zone}" in said for said in found)


def test_the_doctor_names_secrets_that_need_a_person(target, dev):
    stack(target, NameSuffix="-dev", ExistingExecutionRole="")
    found = of(Level.WARNING, beforehand.examine(dev, target))
    assert any("make secret ENV=dev NAME=DEFAULT_FROM_EMAIL" in said for said in found)
    # A set, which has no such command, is told the target's own.
    of_a_set = dataclasses.replace(dev, stack_name=dev.stack)
    found = of(Level.WARNING, beforehand.examine(of_a_set, target))
    assert any(
        "put-secret-value --region us-east-1 --secret-id liberty-social/DEFAULT_FROM_EMAIL-dev"
        in said
        for said in found
    )


def test_the_doctor_names_secrets_that_are_about_to_go(target, dev):
    stack(target, NameSuffix="-dev", ExistingExecutionRole="")
    secret, name = target.client("secretsmanager"), "liberty-social/SECRET_KEY-dev"
    secret.create_secret(Name=name, SecretString="s")
    secret.delete_secret(SecretId=name)
    [said] = [f.says for f in beforehand.examine(dev, target) if f.about == "SECRET_KEY"]
    assert said.endswith(f"restore-secret --region us-east-1 --secret-id {name}")


@pytest.mark.parametrize(
    ("status", "level", "said"),
    [
        ("UPDATE_COMPLETE", Level.OK, "Nothing needs to be done."),
        ("UPDATE_IN_PROGRESS", Level.WARNING, "to attach: `make events ENV=dev ARGS=--follow`"),
        ("DELETE_IN_PROGRESS", Level.OBSTACLE, "to attach"),
        ("ROLLBACK_COMPLETE", Level.OBSTACLE, "--delete-failed liberty-social-dev"),
        ("UPDATE_ROLLBACK_FAILED", Level.OBSTACLE, "make rollback ENV=dev"),
    ],
)
def test_the_doctor_tells_how_the_stack_stands(
    monkeypatch, target, dev, *, status, level, said
):
    stack = {"StackStatus": status, "StackName": dev.stack}
    monkeypatch.setattr(beforehand, "find", lambda *_: stack)
    found, *others = beforehand.examine(dev, target)
    assert (found.about, found.level) == ("Stack", level)
    assert said in found.says
    sender = "DEFAULT_FROM_EMAIL" in {each.about for each in others}
    assert sender is (status != "ROLLBACK_COMPLETE")  # there is nothing to set it in


@pytest.mark.parametrize(("left", "how"), [(left_bucket, " ADOPT=1"), (left_role, "")])
def test_a_failed_creation_is_made_again_with_what_it_left_if_that_can_be_taken_in(
    monkeypatch, liberty, target, *, left, how
):
    failed = {"StackStatus": "ROLLBACK_FAILED", "StackId": "arn:x/dev/1", "StackName": "x"}
    standing = [Standing((), "arn:x/dev/1", "ROLLBACK_FAILED", ASKED, "", {})]
    monkeypatch.setattr(beforehand, "find", lambda *_: failed)
    monkeypatch.setattr("liberty_cfn.deploy.operations.find", lambda *_: failed)
    monkeypatch.setattr("liberty_cfn.deploy.stack.standing", lambda *_: standing)
    left(target)
    again = f'make deploy ENV=dev{how} ARGS="--delete-failed liberty-social-dev"'
    found, *_ = beforehand.examine(load("dev"), target)
    assert again in found.says
    assert again in liberty("status", "dev").stdout


def test_the_command_exits_with_1_only_if_something_is_in_the_way(liberty, target):
    well = liberty("doctor", "dev")
    assert well.returncode == 0, well.stderr
    assert "obstacle" not in well.stdout
    left_bucket(target)
    ill = liberty("doctor", "dev", "--json")
    assert ill.returncode == 1
    told = json.loads(ill.stdout)
    assert told["ok"] is False
    assert [f["about"] for f in told["findings"] if f["level"] == "obstacle"] == [
        "Bucket liberty-social-uploads-dev"
    ]


def test_an_answer_that_cant_be_read_keeps_the_doctor_from_nothing_else(target, dev):
    with answering(target.client("iam"), "GetRole", (200, "<GetRoleRes")):
        found = beforehand.examine(dev, target)
        in_the_way = obstacles(dev, target)
    assert any(each.about == "Image" for each in found)
    unread = "Role: not checked: AWS's answer could not be read"
    # A deploy doesn't begin without knowing.
    for said in (of(Level.OBSTACLE, found), in_the_way):
        assert [each.startswith(unread) for each in said] == [True, True]


def test_a_zone_that_is_not_there_keeps_the_doctor_from_nothing_else(target):
    found = beforehand.examine(load("prod"), target)
    assert any("no hosted zone Z0EXAMPLE" in said for said in of(Level.OBSTACLE, found))
    assert any(each.about == "Image" for each in found)
