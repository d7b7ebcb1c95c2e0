"""The cache, in its two forms."""

import pytest

GROUP_HOST = {"Fn::GetAtt": ["CacheGroup", "PrimaryEndPoint.Address"]}
NODE_HOST = {"Fn::GetAtt": ["Cache", "RedisEndpoint.Address"]}
HOST = {"Fn::If": ["Replicated", GROUP_HOST, NODE_HOST]}


def test_the_cache_has_the_identifier_that_its_check_asks_for(cache, named):
    assert cache["Cache"]["ClusterName"] == named("liberty-social-redis")


def test_it_is_one_node_of_redis_7(cache):
    assert cache["Cache"]["Engine"] == "redis"
    assert cache["Cache"]["EngineVersion"] == "7.0"
    assert cache["Cache"]["NumCacheNodes"] == 1


def test_it_gets_the_latest_of_its_version(cache):
    assert cache["Cache"]["AutoMinorVersionUpgrade"] is True
    assert cache["CacheGroup"]["AutoMinorVersionUpgrade"] is True


def test_there_is_exactly_one_of_the_two_forms(cache):
    replicated = cache.body["Conditions"]["Replicated"]
    assert replicated == {"Fn::Equals": [{"Ref": "CacheReplication"}, "true"]}
    assert cache.body["Conditions"]["SingleNode"] == {"Fn::Not": [replicated]}
    assert cache.resource("Cache")["Condition"] == "SingleNode"
    assert cache.resource("CacheGroup")["Condition"] == "Replicated"


def test_it_is_the_single_node_of_the_spec_unless_a_setting_asks_for_the_group(default):
    assert default("CacheReplication") == "false"
    assert default("CacheEngine") == "redis"


@pytest.mark.parametrize("form", ["Cache", "CacheGroup"])
def test_either_is_small_and_listens_on_6379(cache, default, form):
    assert cache[form]["Port"] == 6379
    assert cache[form]["CacheNodeType"] == {"Ref": "CacheClass"}
    assert default("CacheClass") == "cache.t3.micro"


@pytest.mark.parametrize("form", ["Cache", "CacheGroup"])
def test_either_is_in_the_private_subnets(cache, root, form):
    assert cache[form]["CacheSubnetGroupName"] == {"Ref": "CacheSubnets"}
    assert cache["CacheSubnets"]["SubnetIds"] == {"Ref": "SubnetIds"}
    assert root["Cache"]["Parameters"]["SubnetIds"] == {
        "Fn::GetAtt": ["Network", "Outputs.PrivateSubnetIds"]
    }


@pytest.mark.parametrize(
    ("form", "key"), [("Cache", "VpcSecurityGroupIds"), ("CacheGroup", "SecurityGroupIds")]
)
def test_either_has_its_own_security_group_only(cache, root, form, key):
    assert cache[form][key] == [{"Ref": "CacheGroupId"}]
    assert root["Cache"]["Parameters"]["CacheGroupId"] == {
        "Fn::GetAtt": ["Security", "Outputs.CacheGroupId"]
    }


@pytest.mark.parametrize("form", ["Cache", "CacheGroup"])
def test_either_is_backed_up_every_day_for_a_week(cache, form):
    """People's sessions are in it, too."""
    assert cache[form]["SnapshotRetentionLimit"] == 7
    backup, upgrade = cache[form]["SnapshotWindow"], cache[form]["PreferredMaintenanceWindow"]
    assert backup.partition("-")[2] < upgrade.partition(":")[2]


def test_the_group_has_a_node_in_each_zone_and_fails_over(cache, named):
    group = cache["CacheGroup"]
    assert group["ReplicationGroupId"] == named("liberty-social-redis")
    assert group["NumCacheClusters"] == 2
    assert group["AutomaticFailoverEnabled"] is True
    assert group["MultiAZEnabled"] is True


def test_the_group_is_encrypted_at_rest_and_on_the_way(cache):
    assert cache["CacheGroup"]["AtRestEncryptionEnabled"] is True
    assert cache["CacheGroup"]["TransitEncryptionEnabled"] is True


def test_the_group_may_be_valkey(cache, root):
    assert cache["CacheGroup"]["Engine"] == {"Ref": "CacheEngine"}
    assert cache["CacheGroup"]["EngineVersion"] == {"Fn::If": ["Redis", "7.0", "8.0"]}
    assert root.body["Parameters"]["CacheEngine"]["AllowedValues"] == ["redis", "valkey"]


def test_the_address_is_that_of_the_form_there_is(cache):
    """A single node and a group have endpoints of different names; nobody writes them down."""
    assert cache.body["Outputs"]["CacheHost"]["Value"] == HOST


def test_the_group_is_reached_by_tls_and_the_node_is_not(cache, root):
    assert cache.body["Outputs"]["CacheUrl"]["Value"] == {
        "Fn::Join": [
            "",
            [{"Fn::If": ["Replicated", "rediss", "redis"]}, "://", HOST, ":6379/0"],
        ]
    }
    assert root["Service"]["Parameters"]["CacheUrl"] == {
        "Fn::GetAtt": ["Cache", "Outputs.CacheUrl"]
    }


def test_alarms_watch_the_member_that_has_the_metrics(cache, root):
    """A group's metrics are those of its members, and the first is called `-001`."""
    assert cache.body["Outputs"]["CacheId"]["Value"] == {
        "Fn::If": [
            "Replicated",
            {"Fn::Join": ["", [{"Ref": "CacheGroup"}, "-001"]]},
            {"Ref": "Cache"},
        ]
    }
    assert root["Monitoring"]["Parameters"]["CacheId"] == {
        "Fn::GetAtt": ["Cache", "Outputs.CacheId"]
    }
