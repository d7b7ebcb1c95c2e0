"""The spec's checklist, from what exists in environments as they are deployed."""

import dataclasses
import io
import json
import re
from collections import Counter

import pytest
from rich.console import Console
from verifying import (
    ANYTHING,
    TRUST_WITHOUT_CONDITIONS,
    Told,
    failed_checks,
    first,
    not_ok,
    policy_document,
    wrong,
)

from liberty_cfn.environments import load
from liberty_cfn.verify import (
    Fact,
    cache,
    identity,
    networking,
    verify,
)
from liberty_cfn.verify.document import as_json
from liberty_cfn.verify.markdown import as_markdown
from liberty_cfn.verify.reading import Aws
from liberty_cfn.verify.table import as_table

# The local one last, for the tests that need it as it was deployed.
ENVIRONMENTS = ["dev", "staging", "prod", "local"]
COUNTS = {
    "Compute": 3,
    "Storage": 3,
    "Networking": 5,
    "Registry": 1,
    "Secrets": 5,
    "IAM": 2,
    "Logging": 1,
    "DNS/SSL": 2,
    "Monitoring": 3,
}
COMMANDS = [
    "aws ecr describe-repositories --repository-names liberty-social-backend",
    "aws rds describe-db-instances --db-instance-identifier liberty-social-db",
    "aws elasticache describe-cache-clusters --cache-cluster-id liberty-social-redis",
    "aws s3api head-bucket --bucket liberty-social-uploads",
    "aws ecs describe-clusters --clusters liberty-social-backend",
    (
        "aws ec2 describe-security-groups --filters "
        "Name=group-name,Values=ecs-sg,rds-sg,elasticache-sg,alb-sg"
    ),
    "aws elbv2 describe-load-balancers --load-balancer-arns ARN",
    "aws logs describe-log-groups --log-group-name-prefix /ecs/",
    "aws secretsmanager list-secrets --filters Key=name,Values=liberty-social",
    "aws iam get-role --role-name ecsTaskExecutionRole",
    "aws iam get-role --role-name ecsTaskRole",
]


@pytest.fixture(scope="module")
def asked():
    """What AWS was asked for all reports, by service and operation."""
    return []


@pytest.fixture(scope="module")
def report(deployed, asked):
    """Return the report on an environment as it was deployed, made once."""
    made = {}

    def note(model, **_):
        asked.append((model.service_model.service_name, model.name))

    def of(name):
        if name not in made:
            environment, heard = deployed.still(name), {}

            def client(service):
                heard[service] = deployed.client(service).meta.events
                heard[service].register("before-call", note)
                return deployed.client(service)

            made[name] = verify(environment, client)
            for events in heard.values():
                events.unregister("before-call", note)
        return made[name]

    return of


def printed(report, **options):
    console = Console(file=io.StringIO(), width=200, **options.pop("console", {}))
    console.print(as_table(report, **options))
    return console.file.getvalue()


# Settings


def test_the_larger_settings_are_followed(deployed):
    environment = deployed.deploy(
        "prod",
        CacheReplication="true",
        NatGatewayPerZone="true",
        ApplicationAccessKey="true",
        ExecuteCommand="true",
        ScaleAtRequests="1000000",
        EnvironmentFile="arn:aws:s3:::configuration/backend.env",
        RecordLabel="",
        UploadsExpireDays="30",
        DatabaseStorage="500",
        DatabaseMaxStorage="1000",
        DatabaseIops="12000",
        FlowLog="false",
        BalancerAccessLogs="false",
        Image="sha256:" + "0" * 64,
    )
    found = verify(environment, deployed.client)
    assert wrong(found) == {}
    assert failed_checks(found) == set()
    facts = {row.number: [(f.what, f.found) for f in row.facts] for row in found.rows}
    assert ("secret", "AWS_ACCESS_KEY_ID from liberty-social/AWS_ACCESS_KEY_ID") in facts[3]
    assert ("IOPS", 12000) in facts[4]
    assert ("nodes", 2) in facts[5] and ("TLS", True) in facts[5]
    assert ("NAT gateways", 2) in facts[7]
    assert "describe-replication-groups" in found.checks[2].commands[0]

    aws = Aws(environment, deployed.client)
    for edit, fact in (
        (
            first("ReplicationGroups", AutomaticFailover="disabled"),
            "automatic failover: expected enabled, found disabled",
        ),
        (
            first("ReplicationGroups", MultiAZ="disabled"),
            "Multi-AZ: expected enabled, found disabled",
        ),
        (
            first("ReplicationGroups", TransitEncryptionEnabled=False),
            "TLS: expected true, found false",
        ),
        (
            first("ReplicationGroups", AtRestEncryptionEnabled=False),
            "encrypted: expected true, found false",
        ),
        (
            first("ReplicationGroups", CacheNodeType="cache.m5.large"),
            "node type: expected cache.t3.micro, found cache.m5.large",
        ),
        (
            first("ReplicationGroups", Status="modifying"),
            "status: expected available, found modifying",
        ),
        (
            first("ReplicationGroups", "NodeGroups", "PrimaryEndpoint", Port=1),
            "port: expected 6379, found 1",
        ),
        (first("ReplicationGroups", MemberClusters=[]), "nodes: expected 2, found 0"),
    ):
        told = Told(aws, "describe_replication_groups", edit)
        assert not_ok(cache.cache(told)) == [fact]
    told = Told(aws, "describe_nat_gateways", first("NatGateways", SubnetId="subnet-1"))
    facts = not_ok(networking.subnets(told))
    assert len(facts) == 1 and "zone of the NAT gateway: expected us-east-1" in facts[0]


def test_other_settings_are_followed_and_what_the_account_has_is_used(deployed):
    deployed.reset()
    managed = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
    iam, acm = deployed.client("iam"), deployed.client("acm")
    iam.create_role(RoleName="ourTasks", AssumeRolePolicyDocument=TRUST_WITHOUT_CONDITIONS)
    iam.attach_role_policy(RoleName="ourTasks", PolicyArn=managed)
    certificate = acm.request_certificate(
        DomainName="example.com", SubjectAlternativeNames=["*.example.com"]
    )["CertificateArn"]
    environment = deployed.deploy(
        "staging",
        empty=False,
        CacheReplication="true",
        CacheEngine="valkey",
        DesiredCount="0",
        SiteOrigins="https://a.example.com,https://b.example.com",
        ImageTagMutability="IMMUTABLE",
        ExistingExecutionRole="ourTasks",
        CertificateArn=certificate,
    )
    found = verify(environment, deployed.client)
    assert wrong(found) == {}
    facts = {row.number: [(f.what, f.found) for f in row.facts] for row in found.rows}
    assert ("desired count", 0) in facts[2]
    assert ("engine", "valkey") in facts[5]
    assert ("CORS origins", ["https://a.example.com", "https://b.example.com"]) in facts[6]
    things = {row.number: row.thing for row in found.rows}
    assert (things[18], things[22]) == ("ourTasks", certificate)

    # What else somebody's role may do is theirs to say, but not that it can't do this.
    iam.put_role_policy(RoleName="ourTasks", PolicyName="Other", PolicyDocument=ANYTHING)
    iam.delete_role_policy(RoleName="ourTasks", PolicyName="SecretsManagerAccess-stage")
    iam.update_assume_role_policy(RoleName="ourTasks", PolicyDocument=policy_document())
    assert not_ok(identity.execution_role(Aws(environment, deployed.client))) == [
        "trusts Service ecs-tasks.amazonaws.com: expected true, found false",
        "policy: expected SecretsManagerAccess-stage, found nothing",
    ]


# What was deployed


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_row_of_the_summary_is_ticked(report, name):
    found = report(name)
    assert wrong(found) == {}
    assert [row.number for row in found.rows] == list(range(1, 26))
    assert all(row.facts for row in found.rows)
    assert found.ok


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_nine_categories_have_the_counts_of_the_spec(report, name):
    found = report(name)
    assert Counter(row.category for row in found.rows) == COUNTS
    assert {c.name: c.found for c in found.categories} == COUNTS
    assert found.found == 25


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_ten_checks_are_made(report, name):
    found = report(name)
    assert [check.number for check in found.checks] == list(range(1, 11))
    assert all(check.ok for check in found.checks)
    suffix = load(name).settings["NameSuffix"]
    words = [c.replace("arn:aws:elasticloadbalancing", "ARN") for c in _commands(found)]
    assert [re.sub(r"ARN\S*", "ARN", c) for c in words] == [_here(c, suffix) for c in COMMANDS]


def _commands(report):
    return [command for check in report.checks for command in check.commands]


def _here(command, suffix):
    """Return a command of the spec with an environment's names."""
    if command.endswith(("ARN", "/ecs/", "Values=liberty-social")):
        return command
    start, _, names = command.rpartition("=" if "Values=" in command else " ")
    joined = ",".join(name + suffix for name in names.split(","))
    return start + command[len(start)] + joined


def test_a_row_or_a_check_of_which_nothing_is_known_is_not_ticked(report):
    found = report("local")
    row, check = found.rows[0], found.checks[0]
    assert not type(row)(1, "Compute", "ECS Cluster", "name", ()).ok
    assert not type(check)(1, "ECR Repository", (), (), ()).ok


def test_a_row_too_few_is_noticed(report):
    found = report("local")
    fewer = type(found)("local", "us-east-1", found.account, found.rows[1:], found.checks)
    assert not fewer.ok
    assert [c.name for c in fewer.categories if not c.ok] == ["Compute"]


# What is asked


def test_only_reads_are_made_and_no_secret_is_read_nor_the_stack(report, asked):
    assert report("local").ok
    assert len(asked) > 50
    assert all(name.startswith(("Describe", "Get", "Head", "List")) for _, name in asked)
    assert "GetSecretValue" not in {name for _, name in asked}
    assert "cloudformation" not in {service for service, _ in asked}


# Nothing there


@pytest.fixture(scope="module", autouse=True)
def nothing(deployed):
    """Return the report on an empty AWS, made before anything is deployed to it."""
    deployed.reset()
    return verify(load("local"), deployed.client)


def test_where_nothing_was_deployed_every_row_says_so(nothing):
    assert list(wrong(nothing)) == list(range(1, 26))
    for facts in wrong(nothing).values():
        [fact] = facts
        assert re.fullmatch(r"exists: expected .+, found nothing", fact)
    assert failed_checks(nothing) == set(range(1, 11))
    assert {c.name: c.found for c in nothing.categories} == dict.fromkeys(COUNTS, 0)
    assert not nothing.ok


# How it is shown


def test_the_json_is_valid_and_complete(report, nothing):
    for found in (report("local"), nothing):
        told = as_json(found)
        assert json.loads(json.dumps(told)) == told
        assert told["ok"] is found.ok
        assert told["total"] == {"expected": 25, "found": found.found}
        assert {c["name"]: c["expected"] for c in told["categories"]} == COUNTS
        assert [r["number"] for r in told["rows"]] == list(range(1, 26))
        assert [c["number"] for c in told["checks"]] == list(range(1, 11))
        for item, shown in zip(
            (*found.rows, *found.checks), told["rows"] + told["checks"], strict=True
        ):
            assert shown["ok"] is item.ok
            assert [fact["ok"] for fact in shown["facts"]] == [fact.ok for fact in item.facts]
            assert all({"what", "expected", "found"} <= fact.keys() for fact in shown["facts"])


def test_the_markdown_has_every_box_ticked(report):
    text = as_markdown(report("local"))
    # 25 resources, of which two are four things each; nine categories and their total;
    # ten checks.
    assert text.count("[x]") == 25 + 8 + 10 + 10
    assert "[ ]" not in text
    for name in ("alb-sg", "ecs-sg", "rds-sg", "elasticache-sg"):
        assert f"  - [x] `{name}-local`" in text
    for row in report("local").rows:
        assert f"- [x] **{row.name}**" in text
    assert "| **Networking** | 5/5 | [x] VPC, Subnets, SGs, ALB, TG |" in text
    assert "| **TOTAL** | **25/25** | **[x]** |" in text
    assert "  - `aws iam get-role --role-name ecsTaskRole-local`" in text


def test_the_markdown_has_a_box_left_empty_for_what_is_missing(nothing):
    text = as_markdown(nothing)
    assert "[x]" not in text
    assert text.count("[ ]") == 25 + 10 + 10
    assert "- [ ] **ECS Cluster** `liberty-social-backend-local`\n  - exists: expected" in text
    assert "| **TOTAL** | **0/25** | **[ ]** |" in text


def test_what_was_found_has_no_meaning_in_markdown(report):
    found = report("local")
    fact = Fact("name", "a", "`b`\n| c", ok=False)
    row = dataclasses.replace(found.rows[0], facts=(fact,))
    text = as_markdown(dataclasses.replace(found, rows=(row, *found.rows[1:])))
    assert "  - name: expected `a`, found `` `b` | c ``" in text


def test_the_table_counts_each_category(report, nothing):
    good, bad = printed(report("local")), printed(nothing)
    for category, count in COUNTS.items():
        assert f"{category}  {count}/{count}" in good
        assert f"{category}  0/{count}" in bad
    assert "Resources  25/25" in good and "Checks  10/10" in good
    assert "✗" not in good and "✓" not in bad
    assert (
        "✗  1 ECS Cluster                   liberty-social-backend-local\n"
        "        ✗ exists: expected liberty-social-backend-local, found nothing" in bad
    )


def test_the_table_shows_every_fact_when_asked(report):
    found = report("local")
    facts = sum(len(item.facts) for item in (*found.rows, *found.checks))
    assert printed(found).count("✓") == 35
    everything = printed(found, everything=True)
    assert everything.count("✓") == 35 + facts
    assert "✓ desired count: expected 2 to 10, found 2" in everything
    assert "✓ engine: postgres\n" in everything


def test_the_table_has_colours_in_a_terminal_only_and_not_where_they_are_unwanted(
    report, monkeypatch
):
    terminal = {"force_terminal": True, "color_system": "standard"}
    found = report("local")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b" not in printed(found)
    assert "\x1b[32m" in printed(found, console=terminal)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[32m" not in printed(found, console=terminal)


def test_the_table_keeps_to_its_width_and_to_what_can_be_printed(nothing):
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, encoding="ascii"), width=60)
    console.print(as_table(nothing))
    console.file.flush()
    lines = raw.getvalue().decode("ascii").splitlines()
    assert max(map(len, lines)) <= 60
    assert any(line.startswith("  NO  1 ECS Cluster") for line in lines)
