"""What becomes of each resource, and of those that refer to it."""

from versions import changed, nested, nothing, part, paths, resource, version

from liberty_cfn.review.changes import Action
from liberty_cfn.review.documented import Replacement
from liberty_cfn.review.reviewing import review

VPC = resource("EC2::VPC", {"CidrBlock": "10.0.0.0/16"})
OTHER_VPC = resource("EC2::VPC", {"CidrBlock": "10.1.0.0/16"})
NETWORK = {
    "Resources": {"Vpc": VPC},
    "Outputs": {
        "Id": {"Value": {"Ref": "Vpc"}},
        "Range": {"Value": {"Fn::GetAtt": ["Vpc", "CidrBlock"]}},
    },
}
SECURITY = {
    "Parameters": {"VpcId": {"Type": "String"}},
    "Resources": {
        "Group": resource("EC2::SecurityGroup", {"VpcId": {"Ref": "VpcId"}}),
        "Rule": resource(
            "EC2::SecurityGroupIngress",
            {"GroupId": {"Fn::GetAtt": ["Group", "GroupId"]}, "IpProtocol": "tcp"},
        ),
    },
}


def stacks(network, security):
    given = {"VpcId": {"Fn::GetAtt": ["Network", "Outputs.Id"]}}
    return version(root=nested(Network={}, Security=given), network=network, security=security)


def task(**container):
    containers = [{"Name": "web", "Image": "one", **container}]
    return {"Task": resource("ECS::TaskDefinition", {"ContainerDefinitions": containers})}


def test_the_same_twice_is_no_change():
    assert nothing({"Vpc": VPC}, {"Vpc": VPC})


def test_what_comes_goes_and_changes_is_told_apart():
    before = {"Kept": VPC, "Gone": VPC}
    found = changed(before, {"Kept": OTHER_VPC, "New": resource("SNS::Topic")})
    actions = {title: change.action for title, change in found.items()}
    assert actions == {"Kept": Action.CHANGE, "Gone": Action.REMOVE, "New": Action.ADD}


def test_a_resource_that_is_replaced_gives_a_new_value_to_other_stacks_resources_in_turn():
    other = NETWORK | {"Resources": {"Vpc": OTHER_VPC}}
    found = changed(stacks(NETWORK, SECURITY), stacks(other, SECURITY))
    assert found["NetworkVpc"].replaced
    assert found["SecurityGroup"].replaced
    assert paths(found["SecurityGroup"])["VpcId"].because == "NetworkVpc"
    assert paths(found["SecurityRule"])["GroupId"].because == "SecurityGroup"
    assert found["SecurityRule"].replaced


def test_an_attribute_that_says_what_a_property_says_changes_with_that_property_only():
    def with_rule(vpc):
        rule = {"CidrIp": {"Fn::GetAtt": ["Vpc", "CidrBlock"]}, "IpProtocol": "tcp"}
        return {"Vpc": vpc, "Rule": resource("EC2::SecurityGroupIngress", rule)}

    found = changed(with_rule(VPC), with_rule(OTHER_VPC))
    assert paths(found["Rule"])["CidrIp"].because == "Vpc"
    pooled = resource("EC2::VPC", {"CidrBlock": "10.0.0.0/16", "Ipv4IpamPoolId": "pool"})
    assert "Rule" not in changed(with_rule(VPC), with_rule(pooled))


def test_what_is_the_same_in_a_whole_region_doesn_t_change_with_a_replacement():
    def balancer(scheme):
        alias = {
            "DNSName": {"Fn::GetAtt": ["Balancer", "DNSName"]},
            "HostedZoneId": {"Fn::GetAtt": ["Balancer", "CanonicalHostedZoneID"]},
        }
        kind = "ElasticLoadBalancingV2::LoadBalancer"
        return {
            "Balancer": resource(kind, {"Scheme": scheme}),
            "Record": resource("Route53::RecordSet", {"AliasTarget": alias}),
        }

    found = changed(balancer("internal"), balancer("internet-facing"))
    assert set(paths(found["Record"])) == {"AliasTarget.DNSName"}


def test_what_refers_to_what_may_be_replaced_may_be_replaced():
    def database(engine):
        alarm = {"AlarmName": {"Ref": "Db"}}
        return {
            "Db": resource("RDS::DBInstance", {"Engine": engine}),
            "Alarm": resource("CloudWatch::Alarm", alarm),
        }

    found = changed(database("postgres"), database("mysql"))
    assert found["Alarm"].replacement is Replacement.CONDITIONAL


def test_a_task_definition_s_replacement_is_a_revision_and_its_service_changes():
    def tasks(image):
        service = resource("ECS::Service", {"TaskDefinition": {"Ref": "Task"}})
        return task(Image=image) | {"Service": service}

    found = changed(tasks("one"), tasks("two"))
    assert found["Task"].revision
    assert not found["Task"].replaced
    assert found["Service"].replacement is Replacement.NONE
    assert paths(found["Service"])["TaskDefinition"].because == "Task"


def test_lists_are_compared_by_what_tells_their_members_apart():
    before = task(Environment=[{"Name": "A", "Value": "1"}, {"Name": "B", "Value": "2"}])
    after = task(Environment=[{"Name": "B", "Value": "3"}, {"Name": "C", "Value": "4"}])
    found = paths(changed(before, after)["Task"])
    assert set(found) == {
        "ContainerDefinitions[web].Environment[A]",
        "ContainerDefinitions[web].Environment[B].Value",
        "ContainerDefinitions[web].Environment[C]",
    }


def test_a_rule_added_is_one_change_wherever_it_stands():
    def group(*ports):
        rules = [{"IpProtocol": "tcp", "FromPort": p, "ToPort": p} for p in ports]
        return {"Group": resource("EC2::SecurityGroup", {"SecurityGroupIngress": rules})}

    (found,) = paths(changed(group(80, 443), group(22, 443, 80))["Group"]).values()
    assert found.before is None
    assert found.after["FromPort"] == 22


def test_what_means_the_same_is_no_change():
    def user(number, actions):
        statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
        return {
            "Group": resource("RDS::DBInstance", {"Port": number}),
            "Policy": resource("IAM::Policy", {"PolicyDocument": {"Statement": [statement]}}),
        }

    assert nothing(user(5432, ["a:B", "a:C"]), user("5432", ["a:C", "a:B"]))
    assert nothing(user(5432, "a:B"), user(5432, ["a:B"]))


def test_the_order_of_a_list_counts_only_where_it_means_something():
    def subnets(*names):
        return {"Group": resource("RDS::DBSubnetGroup", {"SubnetIds": list(names)})}

    assert nothing(subnets("a", "b"), subnets("b", "a"))
    found = changed(task(Command=["run", "now"]), task(Command=["now", "run"]))
    assert "ContainerDefinitions[web].Command" in paths(found["Task"])


def test_a_text_that_is_json_is_compared_by_what_it_says():
    def dashboard(title, indent):
        body = f'{{"widgets": [{{"type": "text",{indent}"title": "{title}"}}]}}'
        return {"Board": resource("CloudWatch::Dashboard", {"DashboardBody": body})}

    assert "DashboardBody.widgets[0].title" in paths(
        changed(dashboard("a", ""), dashboard("b", "  "))["Board"]
    )


def test_what_moves_to_another_stack_is_removed_there_and_made_here():
    bucket = {"Resources": {"Files": resource("S3::Bucket")}}
    topic = {"Resources": {"Topic": resource("SNS::Topic")}}
    both = {"Resources": bucket["Resources"] | topic["Resources"]}
    before = version(root=nested(One={}, Two={}), one=both, two={"Resources": {"X": VPC}})
    after = version(
        root=nested(One={}, Two={}),
        one=topic,
        two={"Resources": {"X": VPC} | bucket["Resources"]},
    )
    found = changed(before, after)
    assert found["OneFiles"].action is Action.REMOVE
    assert found["OneFiles"].moved == "TwoFiles"
    assert found["TwoFiles"].moved == "OneFiles"


def test_a_condition_that_holds_nowhere_makes_no_change():
    def with_topic(name):
        return version(
            root={
                "Parameters": {"Wanted": {"Type": "String", "Default": "no"}},
                "Conditions": {"IsWanted": {"Fn::Equals": [{"Ref": "Wanted"}, "yes"]}},
                "Resources": {
                    "Vpc": VPC,
                    "Topic": resource("SNS::Topic", {"TopicName": name}, Condition="IsWanted"),
                },
            },
            values={"dev": {"Wanted": "no"}, "prod": {"Wanted": "yes"}},
        )

    found = review(with_topic("a"), with_topic("b"))
    assert [one.environment for one in found.parts] == ["prod"]
    assert found.untouched == ("dev",)


def test_a_policy_that_changes_is_a_change():
    bucket = {"Files": resource("S3::Bucket", DeletionPolicy="Retain")}
    (change,) = part(bucket, {"Files": resource("S3::Bucket")}).changes
    assert [found.name for found in change.policies] == ["DeletionPolicy"]


def test_what_only_orders_resources_does_nothing():
    before = {"Vpc": VPC, "Topic": resource("SNS::Topic")}
    after = {"Vpc": VPC, "Topic": resource("SNS::Topic", DependsOn="Vpc")}
    assert nothing(before, after)


def test_a_logical_id_that_gets_another_type_is_refused():
    (change,) = part({"It": VPC}, {"It": resource("SNS::Topic")}).changes
    assert change.properties[0].verdict.refused


def test_a_secret_in_plain_text_is_told_to_change_but_never_shown():
    def database(password):
        return {"It": resource("RDS::DBInstance", {"MasterUserPassword": password})}

    (change,) = part(database("hunter2"), database("hunter3")).changes
    (found,) = change.properties
    assert (found.before, found.after) == ("(hidden)", "(hidden, another)")
    reference = "{{resolve:secretsmanager:a}}"
    (change,) = part(database(reference), database("hunter3")).changes
    (found,) = change.properties
    assert (found.before, found.after) == (reference, "(hidden)")


def test_another_version_of_a_launch_template_is_a_new_value_for_who_asks_for_the_latest():
    def machines(image):
        latest = {"Fn::GetAtt": ["Template", "LatestVersionNumber"]}
        given = {"LaunchTemplate": {"LaunchTemplateId": {"Ref": "Template"}, "Version": latest}}
        data = {"LaunchTemplateData": {"ImageId": image}}
        return {
            "Template": resource("EC2::LaunchTemplate", data),
            "Group": resource("AutoScaling::AutoScalingGroup", given),
        }

    found = changed(machines("ami-1"), machines("ami-2"))
    assert list(paths(found["Group"])) == ["LaunchTemplate.Version"]


def test_a_value_that_is_another_as_well_as_made_anew_is_told_once():
    def service(port, title):
        group = {"Fn::GetAtt": [title, "TargetGroupArn"]}
        balancers = [{"ContainerPort": 8000, "ContainerName": "a", "TargetGroupArn": group}]
        target = {"Port": port, "VpcId": "v"}
        return {
            "One": resource("ElasticLoadBalancingV2::TargetGroup", target),
            "Other": resource("ElasticLoadBalancingV2::TargetGroup", target),
            "Service": resource("ECS::Service", {"LoadBalancers": balancers}),
        }

    found = changed(service(8000, "One"), service(8001, "Other"))
    assert list(paths(found["Service"])) == ["LoadBalancers[8000].TargetGroupArn"]
    assert len(found["Service"].properties) == 1
