"""Every house rule, by its own examples; and none complains of what ours could be, too.

That none complains of our own environments is in test_linting.py.
"""

from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import permutations
from textwrap import dedent, indent

import pytest

from liberty_cfn.environments import load
from liberty_cfn.fitting import FARGATE, contradictions
from liberty_cfn.model.flattening import flatten
from liberty_cfn.model.loading import from_texts, read, sets
from liberty_cfn.repository import TEMPLATES
from liberty_cfn.review.spelling import referred
from liberty_cfn.rules.checking import (
    RULES,
    UNREAD,
    all_reports,
    cases,
    check,
    mixed,
    reports_between,
    told,
    unreasoned,
)
from liberty_cfn.rules.metrics import Metric, wrong
from liberty_cfn.settings import declarations

# A value other than its default for each setting that is not one of a few.
OTHERS = {
    "NameSuffix": ("-abc12",),
    "DomainName": ("a.b.example.com",),
    "RecordLabel": ("", "api"),
    "SiteOrigins": ("https://example.com,http://localhost:3000",),
    "HostedZoneId": ("Z0123456789ABCDEFGHIJ",),
    "CertificateArn": ("arn:aws:acm:us-east-1:123456789012:certificate/abc-123",),
    "DatabaseClass": ("db.r6g.large",),
    "DatabaseStorage": ("90",),
    "DatabaseMaxStorage": ("22", "65536"),
    "DatabaseBackupDays": ("1", "35"),
    "CacheClass": ("cache.r7g.large",),
    "UploadsExpireDays": ("1", "36500"),
    "UploadsOldVersionDays": ("0", "1"),
    "DefaultFromEmail": ("hello@example.com",),
    "EnvironmentFile": ("arn:aws:s3:::settings/prod.env",),
    "ExistingExecutionRole": ("ecsTaskExecutionRole",),
    "Image": ("sha256:" + "0" * 64, "v1.2.3"),
    "ContainerUser": ("1000",),
    "TaskMemory": ("1024", "2048"),
    "DesiredCount": ("0", "3"),
    "MinTasks": ("1",),
    "MaxTasks": ("2",),
    "ScaleAtCpu": ("90",),
    "ScaleAtRequests": ("1",),
    "AlarmEmail": ("team@example.com",),
}
# What makes a value fit that would contradict the others' defaults.
WITH = {
    "CacheEngine=valkey": {"CacheReplication": "true"},
    "CreateHostedZone=true": {"HostedZoneId": ""},
    **{f"TaskCpu={cpu}": {"TaskMemory": str(2 * cpu)} for cpu in FARGATE},
}


def files_of(example):
    """Return an example's files: it is resources alone, or files with more."""
    if isinstance(example, str):
        return (("root.yaml", "Resources:\n" + indent(example, "  ")),)
    return tuple(example.items())


def templates_of(example):
    return read_once(files_of(example))


@cache
def read_once(files):
    """Return files as a set of templates. Every rule looks at it; reading takes the time."""
    return from_texts(dict(files), root=files[0][0])


@cache
def cases_of(files):
    """Return what `check` looks at, which rules share as well."""
    return cases(read_once(files))


def finds(rule, example):
    files = files_of(example)
    looked_at = cases_of(files)
    found = [*told(all_reports(looked_at, [rule]), looked_at), *unreasoned(read_once(files))]
    return [one for one in found if one.rule]


def proved(rule):
    """Whether a rule's examples show that it finds what it is for, and nothing else."""
    return (
        all(finds(rule, example) for example in rule.bad)
        and not any(finds(rule, example) for example in rule.good)
        and bool(rule.good and rule.bad)
    )


@pytest.fixture(scope="module")
def ours():
    return sets(read([TEMPLATES]))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_passes_what_is_good_and_finds_what_is_bad(rule):
    assert [finds(rule, example) for example in rule.good] == [[] for _ in rule.good]
    found = [finds(rule, example) for example in rule.bad]
    assert [bool(each) for each in found] == [True for _ in rule.bad]
    assert {one.rule for each in found for one in each} == {rule.id}


def test_an_emptied_rule_is_noticed():
    emptied = [replace(rule, check=lambda design: iter(())) for rule in RULES]
    assert [rule.id for rule in emptied if proved(rule)] == []


def test_a_rule_says_what_happens_and_where_that_is_written():
    places = ("https://", "docs/", "liberty_cfn/")
    assert [rule.id for rule in RULES if not rule.title] == []
    assert [rule.id for rule in RULES if len(rule.reason.split()) <= 5] == []
    assert [rule.id for rule in RULES if not rule.source.startswith(places)] == []


def test_rules_have_ids_of_their_own():
    assert [i for i, count in Counter(rule.id for rule in RULES).items() if count > 1] == []


def test_every_rule_can_read_what_another_calls_good():
    # Rules share examples.
    good = {str(example): example for rule in RULES for example in rule.good}
    said = [report for e in good.values() for report in all_reports(cases_of(files_of(e)))]
    assert [report for report in said if report.rule == UNREAD] == []


FROM_SSM = """
Parameters:
  Name: {Type: AWS::SSM::Parameter::Value<String>, Default: /a/name}
Resources:
  Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: VALUE, KmsMasterKeyId: VALUE}}
  Logs:
    Type: AWS::Logs::LogGroup
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties: {LogGroupName: VALUE, RetentionInDays: VALUE}
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: VALUE
      ManagedPolicyArns: [VALUE]
      AssumeRolePolicyDocument:
        Version: '2012-10-17'
        Statement: [{Effect: Allow, Principal: {AWS: VALUE}, Action: sts:AssumeRole}]
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmName: VALUE
      Namespace: AWS/ECS
      MetricName: VALUE
      ComparisonOperator: VALUE
      Threshold: VALUE
      Period: VALUE
      EvaluationPeriods: VALUE
      Statistic: Sum
      TreatMissingData: VALUE
      AlarmActions: [!Ref Topic]
"""


@pytest.mark.parametrize("value", ["!Ref Name", "'{{resolve:ssm:/a/name}}'"])
def test_no_rule_guesses_at_a_value_that_is_fetched_from_ssm(value):
    templates = templates_of({"root.yaml": FROM_SSM.replace("VALUE", value)})
    # That nobody refers to Name where the reference is written out is right.
    assert {found.message for found in check(templates) if found.rule != "LC1007"} == set()


def others(production):
    """Yield each setting at each other value it may have, and what makes that value fit."""
    for name, declared in declarations().items():
        values = declared.limits.get("AllowedValues", OTHERS.get(name, ()))
        for value in map(str, (*values[:2], *values[2:][-1:])):
            if value != production[name]:
                said = f"{name}={value}"
                yield said, {name: value, **WITH.get(said, {})}


def elsewhere(asked):
    """Return production with other settings: those that conditions ask for, one at a time.

    The rest change values and nothing else, and are tried together as far as they fit.
    """
    production, found = load("prod"), []
    for said, given in others(production.settings):
        one = next((one for one in found if fits(one, given, asked)), None)
        if one:
            found.remove(one)
        one = one or replace(production, name="", given={})
        settings = {"given": {**one.given, **given}, "settings": {**one.settings, **given}}
        found.append(replace(one, name=f"{one.name} {said}".strip(), **settings))
    return found


def fits(one, given, asked):
    """Whether some settings can be tried beside those of an environment."""
    names = one.given.keys() | given.keys()
    apart = len(names) == len(one.given) + len(given) and not asked & names
    return apart and not any(contradictions({**one.settings, **given}, one.region))


def test_no_rule_complains_of_settings_nobody_has_chosen_yet(ours):
    conditions = [flatten(one).template.get("Conditions") for one in ours]
    environments = elsewhere(set(referred(conditions)))
    for one in environments:
        assert (one.name, list(contradictions(one.settings, one.region))) == (one.name, [])
    said = [value for one in environments for value in one.name.split()]
    assert len(said) > len(declarations())
    assert [f for one in ours for f in check(one, environments)] == []


SWITCHED = """
Parameters: {Private: {Type: String, Default: "true"}}
Conditions: {IsPrivate: !Equals [!Ref Private, "true"]}
Resources:
  Group:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: Tasks
      SecurityGroupIngress:
      - !If [IsPrivate, !Ref AWS::NoValue, {IpProtocol: "-1", CidrIp: 10.0.0.0/8}]
      - !If
        - IsPrivate
        - {IpProtocol: "-1", CidrIp: 10.0.0.0/8}
        - IpProtocol: "-1"
          CidrIp: 10.0.0.1/8
"""


def in_root(text):
    return check(from_texts({"root.yaml": text}), rules=ABOUT_RANGES)


ABOUT_RANGES = [rule for rule in RULES if rule.id == "LC1702"]


def test_what_is_wrong_whatever_the_values_is_said_without_them():
    both = [load("prod"), load("prod"), load("dev")]
    text = "Parameters: {NameSuffix: {Type: String}}" + ACCEPTING % ""
    (found,) = check(from_texts({"root.yaml": text}), both, rules=ABOUT_RANGES)
    assert "(with" not in found.message


@pytest.mark.parametrize("limits", ["", ', AllowedValues: ["true", "no"]'])
def test_what_is_switched_off_is_looked_at_too(limits):
    (found,) = in_root(SWITCHED.replace('Default: "true"', 'Default: "true"' + limits))
    assert "conditions the other way" in found.message


BOTH = """
Parameters:
  File: {Type: String, Default: ""}
  Known: {Type: String, Default: ""}
Conditions:
  Filed: !Not [!Equals [!Ref File, ""]]
  Unknown: !Equals [!Ref Known, ""]
Resources:
  Group:
    Type: AWS::EC2::SecurityGroup
    Condition: Unknown
    Properties:
      GroupDescription: a group
      SecurityGroupIngress:
      - !If [Filed, {IpProtocol: "-1", CidrIp: 10.0.0.1/8}, !Ref AWS::NoValue]
"""


def test_what_hangs_on_one_that_is_given_and_another_that_is_not_is_looked_at():
    (found,) = in_root(BOTH)
    assert found.message.endswith("(with some conditions the other way)")


def test_what_an_environment_leaves_to_a_default_is_the_templates():
    vpc = "Resources: {Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: !Ref VpcCidr}}}"
    text = "Parameters: {VpcCidr: {Type: String, Default: 10.0.0.1/16}}\n" + vpc
    given, left = load("staging"), load("prod")
    templates = from_texts({"root.yaml": text})
    assert [len(check(templates, [one], ABOUT_RANGES)) for one in (given, left)] == [0, 1]


def test_a_finding_is_at_the_line_it_is_about_whatever_was_left_out_before():
    text = SWITCHED.replace(
        '- {IpProtocol: "-1", CidrIp: 10.0.0.0/8}', "- {CidrIp: 10.0.0.2/8}"
    ).replace("10.0.0.1/8", "10.0.0.0/8")
    (found,) = in_root(text)
    assert found.resource == "Group"
    assert text.splitlines()[found.line - 1].strip() == "- {CidrIp: 10.0.0.2/8}"


ACCEPTING = """
Resources:
  Vpc:
    Type: AWS::EC2::VPC
    Metadata: {liberty-cfn: {accept: {%s}}}
    Properties: {CidrBlock: 10.0.0.0/8}
"""


@pytest.mark.parametrize(
    ("accepted", "found"),
    [
        ("LC1702: this is an example", []),
        ("LC1702: ''", ["LC0001", "LC1702"]),
        ("LC1702: true", ["LC0001"]),
        ("LC1701: another", ["LC1702"]),
        ("LC9999: no such rule", ["LC0001", "LC1702"]),
    ],
)
def test_a_rule_is_accepted_with_a_reason_only(accepted, found):
    assert [one.rule for one in in_root(ACCEPTING % accepted)] == found


def test_a_rule_that_cannot_read_a_template_says_so():
    def misled(design):
        yield from design.resolved.resources["Nowhere"]

    rule = replace(RULES[0], check=misled)
    (found,) = check(from_texts({"root.yaml": ACCEPTING % ""}), rules=[rule])
    assert (found.rule, found.level) == (UNREAD, "warning")


@pytest.mark.parametrize("number", range(22))
def test_of_any_two_that_may_be_given_each_is_looked_at_without_the_other(number):
    names_ = [f"Setting{place}" for place in range(number)]
    groups = mixed(names_)
    assert len(groups) <= 7
    for one, other in permutations(names_, 2):
        assert any(one in group and other not in group for group in groups)


# Of one dimension set of a metric, what AWS lists with it and what it doesn't.
METRICS = [
    ("AWS/NATGateway", "ErrorPortAllocation", ("NatGatewayId",), True),
    ("AWS/NATGateway", "PortAllocationErrors", ("NatGatewayId",), False),
    ("AWS/S3", "NumberOfObjects", ("BucketName", "StorageType"), True),
    ("AWS/S3", "NumberOfObjects", ("BucketName", "FilterId"), False),
    ("AWS/S3", "5xxErrors", ("BucketName", "FilterId"), True),
    ("AWS/ECS", "MemoryReservation", ("ClusterName",), True),
    ("AWS/ECS", "MemoryReservation", ("ClusterName", "ServiceName"), False),
    ("ECS/ContainerInsights", "RestartCount", ("ClusterName",), True),
    ("AWS/ElastiCache", "IsPrimary", ("CacheClusterId",), False),
    ("AWS/ElastiCache", "NetworkBaselineUsageInPercentage", ("CacheClusterId",), True),
    ("AWS/ElastiCache", "EngineCPUUtilization", ("ReplicationGroupId", "Role"), True),
    ("AWS/RDS", "TempDbAvailableLogSpace", ("DBInstanceIdentifier",), True),
    ("AWS/RDS", "ServerlessDatabaseCapacity", ("DBClusterIdentifier",), True),
    ("AWS/ApplicationELB", "HealthyStateDNS", ("LoadBalancer",), False),
    ("AWS/ApplicationELB", "ReservedLCUs", ("LoadBalancer",), True),
    ("AWS/ApplicationELB", "GrpcRequestCount", ("TargetGroup",), True),
]


@pytest.mark.parametrize(("namespace", "name", "dimensions", "known"), METRICS)
def test_a_metric_and_its_dimensions_are_those_that_aws_lists(
    namespace, name, dimensions, known
):
    value = {"Ref": "SomewhereElse"}
    metric = Metric(namespace, name, dict.fromkeys(dimensions, value))
    (case,) = cases(templates_of("Topic: {Type: AWS::SNS::Topic}"))
    assert (wrong(case.design, metric) == "") is known


@pytest.mark.parametrize(
    ("policy", "known"),
    [
        ("TLS13-1-2-Res-PQ-2025-09", True),
        ("TLS13-1-2-Ext0-FIPS-PQ-2025-09", True),
        ("TLS13-1-3-FIPS-2023-04", True),
        ("TLS-1-2-Ext-2018-06", True),
        ("TLS13-1-2-Ext0-2021-06", False),
        ("TLS13-1-3-Res-2021-06", False),
        ("TLS13-1-2-2023-04", False),
        ("TLS13-1-1-PQ-2025-09", False),
        ("TLS-1-1-2015-04", False),
    ],
)
def test_a_security_policy_is_one_that_aws_has(policy, known):
    listener = f"""
    Listener:
      Type: AWS::ElasticLoadBalancingV2::Listener
      Properties: {{SslPolicy: ELBSecurityPolicy-{policy}}}
    """
    said = [found.message for found in check(templates_of(dedent(listener)))]
    assert any("a policy that AWS has" in message for message in said) is not known


EXPORTER = (
    "Resources: {V: {Type: AWS::EC2::VPC}}\nOutputs: {V: {Value: a, Export: {Name: NAME}}}"
)
OWN = EXPORTER.replace("NAME", '!Sub "${AWS::StackName}-vpc"')
IMPORTER = (
    "Resources: {G: {Type: AWS::EC2::SecurityGroup, Properties: {VpcId: !ImportValue NAME}}}"
)


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (EXPORTER, EXPORTER, "is exported by a.yaml, too"),
        (EXPORTER, IMPORTER.replace("NAME", "NAMES"), 'did you mean "NAME"?'),
        (EXPORTER, IMPORTER, ""),
        (EXPORTER, IMPORTER.replace("NAME", "others-subnets"), ""),
        (IMPORTER, IMPORTER, ""),
        (OWN, OWN, ""),
    ],
    ids=["twice", "misspelt", "right", "elsewhere", "nobody", "each its own"],
)
def test_templates_that_nobody_nests_agree_on_what_they_export(first, second, said):
    given = {"a.yaml": first, "b.yaml": second}
    apart = [from_texts({file: text}, root=file) for file, text in given.items()]
    found = [one.problem for one in reports_between([cases(one) for one in apart])]
    assert [problem.file for problem in found] == (["b.yaml"] if said else [])
    assert all(said in problem.message for problem in found)
