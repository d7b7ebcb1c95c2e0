"""Who may open a connection to whom."""

import pytest

ANYWHERE = "0.0.0.0/0"
EVERYTHING = [("-1", ANYWHERE, None, None)]


def _rules(rules):
    return [(r["IpProtocol"], r["CidrIp"], r.get("FromPort"), r.get("ToPort")) for r in rules]


def _id(group):
    return {"Fn::GetAtt": [group, "GroupId"]}


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("BalancerGroup", "alb-sg"),
        ("TasksGroup", "ecs-sg"),
        ("DatabaseGroup", "rds-sg"),
        ("CacheGroup", "elasticache-sg"),
    ],
)
def test_the_groups_have_the_names_of_the_spec(security, named, title, name):
    assert security[title]["GroupName"] == named(name)


def test_there_are_four_groups(security):
    assert len(security.of_type("AWS::EC2::SecurityGroup")) == 4


def test_the_groups_are_in_our_vpc(security, root):
    for title, group in security.of_type("AWS::EC2::SecurityGroup").items():
        assert group["VpcId"] == {"Ref": "VpcId"}, title
    assert root["Security"]["Parameters"]["VpcId"] == {
        "Fn::GetAtt": ["Network", "Outputs.VpcId"]
    }


def test_the_world_reaches_the_balancer_on_80_and_443_only(security):
    assert _rules(security["BalancerGroup"]["SecurityGroupIngress"]) == [
        ("tcp", ANYWHERE, 80, 80),
        ("tcp", ANYWHERE, 443, 443),
    ]


def test_the_world_reaches_nothing_else(security):
    for title, group in security.of_type("AWS::EC2::SecurityGroup").items():
        if title != "BalancerGroup":
            assert "SecurityGroupIngress" not in group, title
    for title, rule in security.of_type("AWS::EC2::SecurityGroupIngress").items():
        assert "SourceSecurityGroupId" in rule, title
        assert "CidrIp" not in rule, title


@pytest.mark.parametrize(
    ("title", "source", "target", "port"),
    [
        ("BalancerToTasksIngress", "BalancerGroup", "TasksGroup", 8000),
        ("TasksToDatabaseIngress", "TasksGroup", "DatabaseGroup", 5432),
        ("TasksToCacheIngress", "TasksGroup", "CacheGroup", 6379),
    ],
)
def test_each_tier_lets_in_the_one_before(security, title, source, target, port):
    rule = security[title]
    assert (rule["SourceSecurityGroupId"], rule["GroupId"]) == (_id(source), _id(target))
    assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("tcp", port, port)


def test_there_are_no_other_ways_in(security):
    assert len(security.of_type("AWS::EC2::SecurityGroupIngress")) == 3


@pytest.mark.parametrize(
    ("title", "target", "port"),
    [
        ("TasksToDatabaseEgress", "DatabaseGroup", 5432),
        ("TasksToCacheEgress", "CacheGroup", 6379),
    ],
)
def test_tasks_reach_the_database_and_the_cache(security, title, target, port):
    rule = security[title]
    assert (rule["GroupId"], rule["DestinationSecurityGroupId"]) == (
        _id("TasksGroup"),
        _id(target),
    )
    assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("tcp", port, port)


def test_tasks_reach_the_internet_by_https_only(security):
    """AWS gives a group without an egress rule of its own one that allows everything."""
    assert _rules(security["TasksGroup"]["SecurityGroupEgress"]) == [
        ("tcp", ANYWHERE, 443, 443)
    ]


def test_tasks_have_no_other_ways_out(security):
    assert len(security.of_type("AWS::EC2::SecurityGroupEgress")) == 2


@pytest.mark.parametrize("title", ["BalancerGroup", "DatabaseGroup", "CacheGroup"])
def test_the_other_groups_allow_everything_out(security, title):
    assert _rules(security[title]["SecurityGroupEgress"]) == EVERYTHING


def test_groups_that_name_each_other_do_so_in_rules_of_their_own(security):
    """Two groups with rules about each other inside can't be made: each waits for the other."""
    for title, group in security.of_type("AWS::EC2::SecurityGroup").items():
        assert "Fn::GetAtt" not in str(group), title
