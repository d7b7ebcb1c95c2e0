"""What is proved about the design; and that each proof fails when it is broken."""

import pytest
from click.testing import CliRunner

from liberty_cfn import repository
from liberty_cfn.cli import cli
from liberty_cfn.environments import load
from liberty_cfn.model.flattening import flatten
from liberty_cfn.model.loading import TemplateSet
from liberty_cfn.model.parsing import parse
from liberty_cfn.model.resolving import resolve
from liberty_cfn.proofs import permissions, proving
from liberty_cfn.proofs.connections import DESIGNED, OUTBOUND, connections
from liberty_cfn.proofs.document import security_document
from liberty_cfn.proofs.proving import OTHERWISE, designs, misfits, ours
from liberty_cfn.repository import REPOSITORY, TEMPLATES


@pytest.fixture(scope="module")
def whole():
    return ours()


@pytest.fixture(scope="module")
def resolved(whole):
    return designs(whole)


def test_nothing_contradicts_what_is_proved_in_any_environment(resolved):
    assert misfits(resolved) == []
    assert {"prod", "dev", OTHERWISE} <= resolved.keys()


def test_exactly_what_the_spec_draws_can_open_a_connection(resolved):
    for design in resolved.values():
        assert {str(f) for f in set(connections(design)) - OUTBOUND.keys()} == {
            "internet to load balancer: tcp 80",
            "internet to load balancer: tcp 443",
            "load balancer to tasks: tcp 8000",
            "tasks to PostgreSQL: tcp 5432",
            "tasks to Redis: tcp 6379",
            "tasks to internet: tcp 443",
        }
    assert len(DESIGNED) == 6


def test_what_docs_security_tells_is_what_was_found(resolved):
    text = (REPOSITORY / "docs" / "security.md").read_text(encoding="utf-8")
    assert text == security_document(resolved)


def test_every_role_is_asked_for_what_it_may_and_what_it_may_not(resolved):
    asked = {(a.holder, a.verdict) for a in permissions.REQUESTS}
    roles = (permissions.EXECUTION, permissions.TASK, permissions.FLOW_LOG)
    assert {(role, verdict) for role in roles for verdict in ("allowed", "refused")} <= asked


FROM_ANYWHERE = "SecurityGroupIngress: [{IpProtocol: '-1', CidrIp: 0.0.0.0/0}]"
TO_WORLD = """\
      SecurityGroupEgress:
      - IpProtocol: tcp
        FromPort: 443
        ToPort: 443
        Description: HTTPS to AWS and the internet
        CidrIp: 0.0.0.0/0
"""
CONDITION = """\
          Condition:
            StringEquals:
              aws:SourceAccount: !Ref AWS::AccountId
            ArnLike:
              aws:SourceArn: !Sub arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:*
"""
BROKEN = [
    (
        "security",
        "      GroupDescription: PostgreSQL database\n",
        f"      GroupDescription: PostgreSQL database\n      {FROM_ANYWHERE}\n",
        "load balancer to PostgreSQL: all: can be opened, and is no part of the design",
    ),
    (
        "security",
        "SourceSecurityGroupId: !GetAtt BalancerGroup.GroupId",
        "CidrIp: 10.0.0.0/8",
        "10.0.0.0/8 to tasks: tcp 8000: can be opened, and is no part of the design",
    ),
    (
        "security",
        "      ToPort: 6379\n      Description: 'Redis: tasks to cache'\nOutputs",
        "      ToPort: 6378\n      Description: 'Redis: tasks to cache'\nOutputs",
        "tasks to Redis: tcp 6379: can't be opened, and should be",
    ),
    (
        "security",
        TO_WORLD,
        "",
        "tasks to internet: all: can be opened, and is no part of the design",
    ),
    (
        "outbound",
        "      NatGatewayId: !Ref NatGatewayA",
        "      GatewayId: igw-0123456789abcdef0",
        "NetworkPrivateSubnetA, which holds PostgreSQL and Redis and tasks: has a way in",
    ),
    (
        "entrance",
        "Scheme: internet-facing",
        "Scheme: internal",
        "internet to load balancer: tcp 443: can't be opened, and should be",
    ),
    (
        "identity",
        "            - s3:DeleteObject",
        "            - s3:DeleteObject\n            - s3:DeleteObjectVersion",
        "s3:DeleteObjectVersion on ${StorageUploads.Arn}/*: no resource of ours uses that",
    ),
    (
        "identity",
        "            - s3:ListBucket",
        "            - s3:List*",
        "IdentityTaskRole: 's3:List*' is a wildcard without a reason",
    ),
    (
        "identity",
        "            Resource:\n            - !Ref UploadsArn",
        "            Resource:\n            - arn:aws:s3:::another",
        "s3:ListBucket on ${StorageUploads.Arn}: refused, and should be allowed",
    ),
    (
        "identity",
        CONDITION,
        "",
        "sts:AssumeRole on IdentityExecutionRole: allowed, and should be refused",
    ),
    (
        "storage",
        "          Effect: Deny",
        "          Effect: Allow",
        "everyone: 'everyone' is a wildcard without a reason",
    ),
    (
        "storage",
        "    UpdateReplacePolicy: Retain",
        "    UpdateReplacePolicy: Delete",
        "StorageUploads: UpdateReplacePolicy don't keep it",
    ),
    (
        "service",
        "          ValueFrom: !Ref DatabasePasswordArn",
        "          ValueFrom: !Ref SecretKeyArn",
        "secretsmanager:GetSecretValue on ${SecretsDatabasePassword.Id}: no resource of ours",
    ),
    (
        "service",
        "      EnableExecuteCommand: !Ref ExecuteCommand",
        "      EnableExecuteCommand: false",
        "ssmmessages:OpenDataChannel on *: no resource of ours uses that",
    ),
    (
        "identity",
        "            - secretsmanager:DescribeSecret\n            Resource",
        "            Resource",
        "secretsmanager:DescribeSecret ${SecretsSecretKey.Id}: accepted as unused, and is no",
    ),
    (
        "monitoring",
        "log-group:${TaskFailureEvents}:*",
        "log-group:*",
        "log-group:*' is a wildcard without a reason",
    ),
    (
        "monitoring",
        "log-group:${TaskFailureEvents}:*",
        "log-group:*",
        "the wildcard 'log streams' is accepted, and is no longer there",
    ),
]


@pytest.mark.parametrize(("stack", "old", "new", "told"), BROKEN)
def test_a_design_that_contradicts_it_is_told_and_where(whole, stack, old, new, told):
    file = f"{stack}.yaml"
    text = (TEMPLATES / file).read_text(encoding="utf-8")
    assert old in text
    broken = {**whole.templates, file: parse(text.replace(old, new), file)}
    design = resolve(flatten(TemplateSet(whole.root, broken)), load("dev").settings)
    found = misfits({"dev": design})
    assert any(told in misfit for misfit in found), "\n".join(found)


def test_prove_says_what_is_stale_and_writes_it(resolved, tmp_path, monkeypatch):
    two = {name: resolved[name] for name in ("prod", OTHERWISE)}
    monkeypatch.setattr(proving, "designs", lambda _templates: two)
    monkeypatch.setattr(repository, "REPOSITORY", tmp_path)
    (tmp_path / "docs").mkdir()
    stale = CliRunner().invoke(cli, ["prove"])
    assert stale.exit_code == 1
    assert stale.stderr == "docs/security.md is stale; run `make templates`\n"
    assert CliRunner().invoke(cli, ["prove", "--write"]).exit_code == 0
    current = CliRunner().invoke(cli, ["prove"])
    assert (current.exit_code, current.stderr) == (0, "")
    assert current.stdout.startswith("Proved for ")


def test_prove_names_each_contradiction_and_fails(resolved, monkeypatch):
    monkeypatch.setattr(proving, "designs", lambda _templates: resolved)
    monkeypatch.setattr(proving, "misfits", lambda _designs: ["that can be opened"])
    found = CliRunner().invoke(cli, ["prove"])
    assert found.exit_code == 1
    assert found.stderr.splitlines() == [
        "that can be opened",
        "What is meant is said in liberty_cfn/proofs/: see Proofs in CONTRIBUTING.md",
    ]
