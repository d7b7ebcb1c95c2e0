"""What holds for every stack, also for the next one."""

import json
import re
from collections import Counter

import pytest
import yaml

from liberty_cfn.deploy.stack import NESTED_STACK
from liberty_cfn.generation import generate
from liberty_cfn.nesting import DIGEST_TAG, pascal
from liberty_cfn.repository import REPOSITORY
from liberty_cfn.stateful import LOSSES

TEMPLATES = REPOSITORY / "templates"

# How long AWS lets a name be.
LONGEST = {
    ("AWS::ApplicationAutoScaling::ScalingPolicy", "PolicyName"): 256,
    ("AWS::CloudWatch::Alarm", "AlarmName"): 255,
    ("AWS::CloudWatch::Alarm", "Namespace"): 255,
    ("AWS::CloudWatch::Dashboard", "DashboardName"): 255,
    ("AWS::EC2::SecurityGroup", "GroupName"): 255,
    ("AWS::ECR::Repository", "RepositoryName"): 256,
    ("AWS::ECS::Cluster", "ClusterName"): 255,
    ("AWS::ECS::Service", "ServiceName"): 255,
    ("AWS::ECS::TaskDefinition", "Family"): 255,
    ("AWS::ElastiCache::CacheCluster", "ClusterName"): 40,
    ("AWS::ElastiCache::ReplicationGroup", "ReplicationGroupId"): 40,
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "Name"): 32,
    ("AWS::ElasticLoadBalancingV2::TargetGroup", "Name"): 32,
    ("AWS::IAM::Policy", "PolicyName"): 128,
    ("AWS::IAM::Role", "RoleName"): 64,
    ("AWS::IAM::User", "UserName"): 64,
    ("AWS::Logs::LogGroup", "LogGroupName"): 512,
    ("AWS::Logs::ResourcePolicy", "PolicyName"): 255,
    ("AWS::RDS::DBInstance", "DBInstanceIdentifier"): 63,
    ("AWS::S3::Bucket", "BucketName"): 63,
    ("AWS::SNS::Topic", "TopicName"): 256,
    ("AWS::SecretsManager::Secret", "Name"): 512,
}

# Statements with a `*` for an action or a resource, each with its reason.
WIDE = {
    ("storage", "UploadsPolicy", "s3:*"): "a Deny: refused is how it is asked for, not what",
    ("entrance", "AccessLogsPolicy", "s3:*"): "likewise",
    ("alerts", "AlarmKey", "kms:*"): "to the account: else nobody could change the key",
    ("alerts", "AlarmKey", "kms:Decrypt"): "in a key's policy, `*` is the key",
    ("alerts", "AlarmKey", "kms:GenerateDataKey"): "likewise",
    ("identity", "TaskRole", "ssmmessages:CreateControlChannel"): "knows no resources",
    ("identity", "TaskRole", "ssmmessages:CreateDataChannel"): "likewise",
    ("identity", "TaskRole", "ssmmessages:OpenControlChannel"): "likewise",
    ("identity", "TaskRole", "ssmmessages:OpenDataChannel"): "likewise",
}

# Grants to a service of AWS that don't say on whose behalf it asks, each with its reason.
UNASKED = {
    ("monitoring", "TaskFailureEventsPolicy", "logs:CreateLogStream"): (
        "EventBridge makes the stream without saying for which rule; it can't write to it"
    ),
    ("entrance", "AccessLogsPolicy", "s3:PutObject"): (
        "the path it may write to has the number of the account whose load balancer it is"
    ),
    **{
        ("alerts", "AlarmKey", f"kms:{action}"): (
            "EventBridge doesn't tell KMS whose it is; the topic's policy says who may write"
        )
        for action in ("Decrypt", "GenerateDataKey")
    },
}

# Lines of the templates that can't be broken, by what is in them.
UNBREAKABLE = ("AllowedPattern: ", "- !Sub arn:")


def _everything(value):
    """Yield a value and all that is in it."""
    yield value
    inside = (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    )
    for item in inside:
        yield from _everything(item)


def _pairs(value):
    """Yield every key and what it has, however deep."""
    for item in _everything(value):
        if isinstance(item, dict):
            yield from item.items()


def _resources(templates):
    for name, template in templates.items():
        for title, resource in template.body["Resources"].items():
            yield name, title, resource


def _listed(value):
    return value if isinstance(value, list) else [value]


def _mentioned(body):
    """Return every name that a template's functions mention."""
    names = set()
    for key, value in _pairs(body):
        if key == "Ref":
            names.add(value)
        elif key == "Fn::GetAtt":
            names.add(value[0])
        elif key == "Fn::Sub":
            text, own = value if isinstance(value, list) else (value, {})
            found = {name.partition(".")[0] for name in re.findall(r"\$\{([^!}][^}]*)\}", text)}
            names |= found - own.keys()
    return names


def test_the_committed_templates_are_what_the_code_generates():
    files = (file for file in TEMPLATES.rglob("*") if file.is_file())
    committed = {f.relative_to(REPOSITORY).as_posix(): f.read_text() for f in files}
    generated = generate()
    del generated["docs/settings.md"]
    assert committed == generated, "run `make templates`"


def test_the_yaml_says_what_the_code_built(all_templates):
    """Short tags, Subs for Joins and quotes are spelling; the document must be the same."""
    for name, template in all_templates.items():
        read = yaml.load((TEMPLATES / f"{name}.yaml").read_text(), ShortTags)
        assert read.pop("AWSTemplateFormatVersion") == "2010-09-09"
        assert _spelled_out(read) == _spelled_out(template.body), name


class ShortTags(yaml.CSafeLoader):
    """Reads `!Ref A` as {"Ref": "A"}."""


def _function(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        argument = node.value
    elif isinstance(node, yaml.MappingNode):
        argument = loader.construct_mapping(node, deep=True)
    else:
        argument = loader.construct_sequence(node, deep=True)
    if suffix == "GetAtt":
        argument = argument.split(".", 1)
    return {suffix if suffix == "Ref" else f"Fn::{suffix}": argument}


ShortTags.add_multi_constructor("!", _function)


def _spelled_out(value):
    """Return `value` with every Sub of plain text as the Join it stands for."""
    if isinstance(value, list):
        return [_spelled_out(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"Fn::Sub"} and isinstance(value["Fn::Sub"], str):
        parts = re.split(r"\$\{([^!}][^}]*)\}", value["Fn::Sub"])
        texts, names = parts[::2], parts[1::2]
        joined = [texts[0].replace("${!", "${")]
        for name, text in zip(names, texts[1:], strict=True):
            title, dot, attribute = name.partition(".")
            joined.append({"Fn::GetAtt": [title, attribute]} if dot else {"Ref": name})
            joined.append(text.replace("${!", "${"))
        return {"Fn::Join": ["", [part for part in joined if part != ""]]}
    if value.keys() == {"Fn::Join"} and value["Fn::Join"][0] == "":
        parts = value["Fn::Join"][1]
        return {"Fn::Join": ["", _spelled_out(parts)]}
    return {key: _spelled_out(item) for key, item in value.items()}


@pytest.mark.parametrize(
    ("section", "limit"),
    [("Resources", 500), ("Parameters", 200), ("Outputs", 200), ("Mappings", 200)],
)
def test_no_template_is_near_a_limit_of_cloudformation(all_templates, section, limit):
    """Past a limit, nothing can be deployed until somebody has split the stack."""
    for name, template in all_templates.items():
        assert len(template.body.get(section, ())) <= 0.8 * limit, name


def test_every_template_fits_in_a_request(all_templates):
    """51,200 bytes go inline; what a URL points to may have 1 MB."""
    for name in all_templates:
        assert (TEMPLATES / f"{name}.yaml").stat().st_size <= 0.8 * 51_200, name


def test_descriptions_fit(all_templates):
    """A template's may have 1,024 bytes, a parameter's 4,000, and a parameter's value 4,096."""
    for name, template in all_templates.items():
        assert 0 < len(template.body["Description"].encode()) <= 0.8 * 1024, name
        for title, parameter in template.body.get("Parameters", {}).items():
            assert len(parameter.get("Description", "")) <= 0.8 * 4000, title
            assert len(str(parameter.get("Default", ""))) <= 0.8 * 4096, title


def test_rules_of_security_groups_are_described_in_characters_that_ec2_takes(templates):
    """EC2 refuses others, `->` and quotes among them, and only when it makes the rule."""
    taken = re.compile(r"[A-Za-z0-9. _:/()#,@\[\]+=&;{}!$*-]{1,255}")
    for name, title, resource in _resources(templates):
        if resource["Type"] == "AWS::EC2::SecurityGroup":
            group = resource["Properties"]
            assert taken.fullmatch(group["GroupDescription"]), (name, title)
            rules = group.get("SecurityGroupIngress", []) + group.get("SecurityGroupEgress", [])
        elif resource["Type"].startswith("AWS::EC2::SecurityGroup"):
            rules = [resource["Properties"]]
        else:
            continue
        for rule in rules:
            assert taken.fullmatch(rule["Description"]), (name, title)


def test_what_keeps_data_survives_its_stack_and_its_replacement(all_templates):
    """DeletionPolicy alone lets a replacement, by a change of name, take the data along."""
    for name, title, resource in _resources(all_templates):
        if resource["Type"] in LOSSES.keys() - {"AWS::KMS::Key"}:
            policies = (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy"))
            assert policies in {("Retain",) * 2, ("Snapshot",) * 2}, (name, title)


def test_what_keeps_data_has_a_title_of_its_own_in_all_stacks(all_templates):
    """--allow-replace names it without its stack."""
    kept = [title for _, title, r in _resources(all_templates) if r["Type"] in LOSSES]
    assert len(kept) == len(set(kept))


def test_every_key_s_fate_is_stated(all_templates):
    """What a key encrypted is lost with the key."""
    for name, title, resource in _resources(all_templates):
        if resource["Type"] == "AWS::KMS::Key":
            assert "DeletionPolicy" in resource, (name, title)
            assert "UpdateReplacePolicy" in resource, (name, title)


def test_every_output_is_used(root, stacks):
    wired = {tuple(value) for key, value in _pairs(root.body) if key == "Fn::GetAtt"}
    unused = [
        f"{name}.{output}"
        for name, stack in stacks.items()
        for output in stack.body.get("Outputs", {})
        if (pascal(name), f"Outputs.{output}") not in wired
    ]
    assert unused == []


def test_every_parameter_is_used(all_templates):
    for name, template in all_templates.items():
        unused = template.body.get("Parameters", {}).keys() - _mentioned(template.body)
        assert unused == set(), name


def test_every_stack_is_given_what_it_asks_for_and_nothing_else(root, stacks):
    for name, stack in stacks.items():
        given = root[pascal(name)]["Parameters"]
        assert given.keys() == stack.body.get("Parameters", {}).keys(), name


def test_every_output_that_is_asked_for_exists(root, stacks):
    for key, value in _pairs(root.body):
        if key == "Fn::GetAtt":
            stack, attribute = value
            assert attribute.removeprefix("Outputs.") in stacks[stack.lower()].body["Outputs"]


def test_no_stack_takes_apart_a_list_that_another_gives(root, stacks):
    """While AWS plans a nested stack, what others give is one word, which has no second."""
    for name, stack in stacks.items():
        given = root[pascal(name)]["Parameters"].items()
        others = [{"Ref": parameter} for parameter, value in given if "Fn::GetAtt" in value]
        taken = [value for key, value in _pairs(stack.body) if key == "Fn::Select"]
        assert [select for select in taken if select[1] in others] == [], name


def test_everything_mentioned_exists(all_templates):
    for name, template in all_templates.items():
        body = template.body
        there = body.get("Parameters", {}).keys() | body["Resources"].keys()
        missing = {m for m in _mentioned(body) - there if not m.startswith("AWS::")}
        assert missing == set(), name


def test_every_condition_that_is_asked_for_exists_and_is_asked_for(all_templates):
    for name, template in all_templates.items():
        asked = set(_conditions_asked(template.body))
        assert asked == template.body.get("Conditions", {}).keys(), name


def _conditions_asked(body):
    for part in [*body["Resources"].values(), *body.get("Outputs", {}).values()]:
        if "Condition" in part:
            yield part["Condition"]
    for key, value in _pairs(body):
        if key == "Fn::If":
            yield value[0]


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?<!\d)\d{12}(?!\d)",
        r"\b(us|eu|ap|sa|ca|me|af|il|mx)(-gov)?-(north|south|east|west|central)\w*-\d\b",
        r"\barn:aws:",
    ],
    ids=["account", "region", "partition"],
)
def test_no_template_knows_an_account_a_region_or_a_partition(all_templates, pattern):
    """The same templates serve every account; the spec's us-east-1 is params' Region."""
    for name in all_templates:
        text = (TEMPLATES / f"{name}.yaml").read_text()
        assert re.findall(pattern, text) == [], name


def test_no_template_knows_an_environment(all_templates):
    for name in all_templates:
        text = (TEMPLATES / f"{name}.yaml").read_text()
        assert not re.search(r"\b(dev|staging|prod)\b", text), name


def test_every_policy_states_the_current_version(all_templates):
    """Without it, IAM reads the language of 2008, which knows no variables."""
    for name, template in all_templates.items():
        for title in template.body["Resources"]:
            for policy in template.policies(title):
                assert policy["Version"] == "2012-10-17", (name, title)


def test_no_policy_allows_everything_without_a_reason(templates):
    wide = {
        (name, title, action)
        for name, title, statement in _statements(templates)
        for action in _listed(statement["Action"])
        if "*" in action or "*" in _listed(statement.get("Resource", []))
    }
    assert wide == WIDE.keys()


def test_nothing_is_allowed_but_named_actions_on_named_things(all_templates):
    for name, title, statement in _statements(all_templates):
        assert not statement.keys() & {"NotAction", "NotResource", "NotPrincipal"}, (
            name,
            title,
        )
        if statement["Effect"] == "Allow":
            assert statement.get("Principal") != "*", (name, title)


def test_services_act_for_this_account_only(all_templates):
    """Without such a condition, somebody else's rule or task could ask on our behalf."""
    unasked = {
        (name, title, action)
        for name, title, statement in _statements(all_templates)
        if statement["Effect"] == "Allow" and "Service" in statement.get("Principal", {})
        for action in _listed(statement["Action"])
        if not re.search(r"aws:Source(Account|Arn)", json.dumps(statement.get("Condition")))
    }
    assert unasked == UNASKED.keys()


def _statements(templates):
    for name, template in templates.items():
        for title in template.body["Resources"]:
            for statement in template.statements(title):
                yield name, title, statement


def test_conditions_are_few_and_never_nested(all_templates):
    """Linters and CDK try every combination: they double with each condition."""
    for name, template in all_templates.items():
        conditions = template.body.get("Conditions", {})
        assert len(conditions) <= 5, name
        assert "Condition" not in dict(_pairs(conditions)), name


def test_names_fit_with_the_longest_suffix(root, templates):
    """A load balancer's may have 32 characters; AWS says so when everything else is made."""
    pattern = root.body.get("Parameters", {})["NameSuffix"]["AllowedPattern"]
    suffix = "-abcde"
    assert re.fullmatch(pattern, suffix)
    assert not re.fullmatch(pattern, suffix + "f")
    for name, title, resource in _resources(templates):
        for key, value in resource.get("Properties", {}).items():
            if _is_named(value):
                longest = value["Fn::Join"][1][0] + suffix
                assert (resource["Type"], key) in LONGEST, "say how long AWS lets it be"
                assert len(longest) <= LONGEST[resource["Type"], key], (name, title)


def test_every_fixed_name_ends_in_the_suffix(templates):
    """A literal name collides with the next environment's in the same account."""
    for name, title, resource in _resources(templates):
        for key, value in resource.get("Properties", {}).items():
            if (resource["Type"], key) in LONGEST:
                # Most alarms watch metrics of AWS's namespaces.
                of_aws = key == "Namespace" and str(value).startswith("AWS/")
                assert _is_named(value) or of_aws, (name, title)


def _is_named(value):
    """Tell whether a value is a name as `named` spells it."""
    if not isinstance(value, dict) or "Fn::Join" not in value:
        return False
    delimiter, parts = value["Fn::Join"]
    return (delimiter, parts[1:]) == ("", [{"Ref": "Suffix"}])


def test_an_id_is_a_parameter_or_a_resource_never_both(all_templates):
    """CloudFormation refuses a name that is both a parameter and a resource."""
    for name, template in all_templates.items():
        ids = Counter([*template.body.get("Parameters", {}), *template.body["Resources"]])
        assert [title for title, count in ids.items() if count > 1] == [], name


def test_no_secret_is_written_down(all_templates):
    """A template is readable by whoever may describe the stack."""
    secret = re.compile(r"(Password|SecretString|AuthToken|SecretKey|PrivateKey)$")
    for name, title, resource in _resources(all_templates):
        for key, value in _pairs(resource.get("Properties", {})):
            if secret.search(key):
                assert isinstance(value, dict), (name, title)
    for name, template in all_templates.items():
        for title, parameter in template.body.get("Parameters", {}).items():
            assert not (secret.search(title) and parameter.get("Default")), (name, title)


def test_tags_that_all_share_are_the_root_stack_s(templates):
    """CloudFormation copies them to everything below; set here, they would not match."""
    for name, title, resource in _resources(templates):
        tags = {tag["Key"] for tag in resource.get("Properties", {}).get("Tags", [])}
        own = {DIGEST_TAG} if resource["Type"] == NESTED_STACK else {"Name", "Listener"}
        assert tags <= own, (name, title)


def test_lines_are_short_enough_to_review(all_templates):
    for name in all_templates:
        for line in (TEMPLATES / f"{name}.yaml").read_text().splitlines():
            if not line.strip().startswith(UNBREAKABLE):
                assert len(line) < 120, (name, line)
