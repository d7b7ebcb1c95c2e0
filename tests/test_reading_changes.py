"""What AWS's own change sets say, read: by answers as AWS gives them."""

import pytest
from rich.console import Console

from liberty_cfn.deploy.changes import TOO_LONG, UNKNOWN, Replacement, read
from liberty_cfn.deploy.plans import Plan, as_json, refusals
from liberty_cfn.deploy.showing import plan_markdown, plan_tree
from liberty_cfn.deploy.weighing import is_lost, stops_service

GROUP = "AWS::ElastiCache::ReplicationGroup"
DIGEST = "e49757d4d2f73acb00a66d77287b7f3aced876a0bc6ee457ccefdf128c209fad"


def detail(path, recreation="Never", evaluation="Static", source="DirectModification", **said):
    """Return a reason for a change; `path` is such as /Properties/Tags/0/Value."""
    attribute, *names = path.strip("/").split("/")
    target = {"RequiresRecreation": recreation, "Path": path, **said}
    if names[:1] == ["Tags"]:
        target["Attribute"] = "Tags"
    elif names:
        target |= {"Attribute": attribute, "Name": names[0]}
    else:
        target["Attribute"] = attribute
    return {"Target": target, "Evaluation": evaluation, "ChangeSource": source}


def change(*details, kind="AWS::Lambda::Function", action="Modify", **said):
    told = {"LogicalResourceId": "One", "ResourceType": kind, "Action": action}
    return read({**told, "Replacement": "False", "Details": [*details], **said}, ())


def shown(one):
    plan = Plan("liberty-social-test", "d" * 64, (one,), {})
    console = Console(width=200)
    with console.capture() as lines:
        console.print(plan_tree(plan))
    return lines.get(), plan_markdown(plan), plan


@pytest.mark.parametrize("action", ["Add", "Import"])
def test_what_is_new_to_the_stack_is_not_replaced_though_aws_says_true(action):
    one = change(kind="AWS::RDS::DBInstance", action=action, Replacement="True")
    assert not is_lost(one)
    plan = shown(one)[-1]
    assert (plan.summary, plan.code) == (f"{plan.stack}: 1 to {action.lower()}", 2)


@pytest.mark.parametrize("action", ["Add", "Import"])
def test_what_is_new_to_the_stack_keeps_no_less_than_before(action):
    later = detail("/Properties/LifecycleConfiguration", AfterValue=UNKNOWN)
    assert not is_lost(change(later, kind="AWS::S3::Bucket", action=action))
    short = detail("/Properties/RetentionInDays", AfterValue="30")
    _, _, plan = shown(change(short, kind="AWS::Logs::LogGroup", action=action))
    [told] = as_json(plan)["changes"][0]["properties"]
    assert told["weakens"] == []


def test_what_is_known_only_after_apply_is_not_said_to_protect_less():
    later = detail("/Properties/DeletionProtection", BeforeValue="true", AfterValue=UNKNOWN)
    _, _, plan = shown(change(later, kind="AWS::RDS::DBInstance"))
    [told] = as_json(plan)["changes"][0]["properties"]
    assert told["weakens"] == []


def test_of_one_property_all_that_changes_in_it_is_told():
    variables = "/Properties/Environment/Variables"
    said = {"BeforeValue": "a", "AfterValue": "b", "AttributeChangeType": "Modify"}
    one = change(detail(f"{variables}/HOST", **said), detail(f"{variables}/PORT", **said))
    tree, markdown, plan = shown(one)
    for text in (tree, markdown):
        assert "Environment/Variables/HOST: a -> b" in text
        assert "Environment/Variables/PORT: a -> b" in text
    [host, port] = as_json(plan)["changes"][0]["properties"]
    assert (host["name"], host["within"]) == ("Environment", "Variables/HOST")
    assert (port["name"], port["within"]) == ("Environment", "Variables/PORT")


def test_two_reasons_for_one_change_are_told_as_one():
    name, said = "/Properties/Role", {"BeforeValue": "a", "AfterValue": UNKNOWN}
    one = change(
        detail(name, evaluation="Dynamic", **said),
        detail(name, source="ParameterReference", **said),
    )
    assert [(p.place, p.before, p.after) for p in one.properties] == [("Role", "a", UNKNOWN)]


def test_what_is_given_and_known_only_after_apply_replaces_perhaps_though_called_static():
    said = {"BeforeValue": "vpc-1", "AfterValue": UNKNOWN}
    name, kind = "/Properties/VpcId", "AWS::EC2::Subnet"
    given = detail(name, "Always", source="ParameterReference", **said)
    direct = detail(name, "Always", evaluation="Dynamic", **said)
    part = detail(f"{name}/0", "Always", **said | {"AfterValue": f'["{UNKNOWN}"]'})
    for reasons in ((given,), (direct, given), (part,)):
        assert (
            change(*reasons, kind=kind, Replacement="True").replacement is Replacement.POSSIBLE
        )
    known = detail(name, "Always", source="ParameterReference", **said | {"AfterValue": "b"})
    assert change(known, kind=kind, Replacement="True").replacement is Replacement.CERTAIN


def test_what_is_added_had_no_value_and_what_is_taken_away_has_none():
    one = change(
        detail("/Properties/Description", AfterValue="new", AttributeChangeType="Add"),
        detail("/Properties/Layers", BeforeValue="[]", AttributeChangeType="Remove"),
        detail("/Properties/Role", BeforeValue="a", AfterValue=UNKNOWN),
    )
    tree, _, _ = shown(one)
    assert "Description: none -> new\n" in tree
    assert "Layers: [] -> none\n" in tree
    assert "Role: a -> (known after apply)\n" in tree


def test_a_value_that_aws_cuts_short_is_called_so():
    cut = f"(Truncated-Signature):{DIGEST}"
    one = change(detail("/Properties/PolicyDocument", BeforeValue=cut, AfterValue="{}"))
    assert f"PolicyDocument: {TOO_LONG} -> {{}}\n" in shown(one)[0]


def test_a_part_that_is_known_only_after_apply_is_told_with_the_whole_as_if_it_stayed():
    policy = "/Properties/PolicyDocument"
    whole = detail(policy, BeforeValue='{"Statement":["a"],"Version":"1"}', AfterValue="{}")
    version = detail(f"{policy}/Version", AfterValue="1", AttributeChangeType="Add")
    said = {"AfterValue": f'["{UNKNOWN}"]', "AttributeChangeType": "Add"}
    part = detail(f"{policy}/Statement", "Always", **said)
    one = change(whole, version, part, Replacement="True")
    [told] = one.properties
    assert told.after == f'{{"Version":"1","Statement":["{UNKNOWN}"]}}'
    assert one.replacement is Replacement.POSSIBLE
    alone = detail(f"{policy}/Version", BeforeValue="1", AfterValue="2")
    assert len(change(whole, alone).properties) == 2


@pytest.mark.parametrize(
    ("path", "said", "told"),
    [
        ("/Properties/Tags/0/Value", ("a", "b"), "Tags/0/Value: a -> b"),
        ("/Properties/Tags/1", (None, '{"Key":"a"}'), 'Tags/1: none -> {"Key":"a"}'),
        ("/Metadata", ("{}", '{"a":1}'), 'Metadata: {} -> {"a":1}'),
        ("/CreationPolicy", (None, "{}"), "CreationPolicy: none -> {}"),
        ("/UpdatePolicy", ("{}", None), "UpdatePolicy: {} -> none"),
        ("/UpdateReplacePolicy", (None, None), "UpdateReplacePolicy\n"),
        (
            "/DeletionPolicy",
            ("Retain", "Delete"),
            "DeletionPolicy: Retain -> Delete  (less of it remains when it goes)",
        ),
    ],
)
def test_what_is_no_property_is_told_too(path, said, told):
    values = dict(zip(("BeforeValue", "AfterValue"), said, strict=True))
    tree, _, _ = shown(change(detail(path, **{k: v for k, v in values.items() if v})))
    assert f"── {told}" in tree


def test_a_lifecycle_that_ends_sooner_is_marked_also_where_a_part_of_it_is_told():
    path = "/Properties/LifecycleConfiguration/Rules/0/ExpirationInDays"
    shorter = detail(path, BeforeValue="90", AfterValue="30")
    _, _, plan = shown(change(shorter, kind="AWS::S3::Bucket"))
    [told] = as_json(plan)["changes"][0]["properties"]
    assert told["weakens"] == ["files are deleted sooner, those already there too"]


def test_what_cloudformation_cant_say_it_will_do_to_data_is_refused():
    one = change(kind="AWS::RDS::DBInstance", action="Dynamic")
    tree, markdown, plan = shown(one)
    assert is_lost(one)
    assert "? One  AWS::RDS::DBInstance  holds data, AT RISK" in tree
    assert "| ? |" in markdown
    assert "may be replaced or deleted (CloudFormation can't say" in refusals(plan, ())[0]
    assert plan.code == 3
    assert stops_service(change(kind="AWS::ECS::Service", action="Dynamic"))


@pytest.mark.parametrize(
    ("details", "said"),
    [
        ([detail("/Properties/Port")], {}),
        ([detail("/Properties/NodeGroupConfiguration/0/Slots")], {"kind": GROUP}),
        ([detail("/Properties/NumNodeGroups", AfterValue="2")], {"kind": GROUP}),
        ([detail("/Properties/Engine", "Always")], {}),
        ([detail("/Properties/Engine", "Sometimes", AfterValue="b")], {}),
        ([], {"Replacement": "Perhaps"}),
        ([detail("/Properties/Engine")], {"action": "Exchange"}),
    ],
    ids=[
        *("documented", "inside", "under conditions"),
        *("graver than the whole", "new recreation", "new word", "new action"),
    ],
)
def test_what_may_mean_that_data_goes_is_refused_though_it_is_called_no_replacement(
    details, said
):
    one = change(*details, **{"kind": "AWS::RDS::DBInstance", **said})
    assert is_lost(one)
    assert shown(one)[2].code == 3
    for harmless in ("/Properties/Engine", "/Properties/MultiAZ"):
        one = change(detail(harmless, AfterValue="b"), kind="AWS::RDS::DBInstance")
        assert one.replacement is Replacement.NO


@pytest.mark.parametrize(
    ("action", "left", "remains"),
    [
        ("Remove", "Delete", "nothing remains"),
        ("Remove", "Retain", "the old one remains, no longer managed"),
        ("Remove", "Snapshot", "a snapshot remains"),
        ("Modify", "ReplaceAndDelete", "nothing of the old one remains"),
        ("Modify", "ReplaceAndRetain", "the old one remains, no longer managed"),
        ("Modify", "ReplaceAndSnapshot", "a snapshot of the old one remains"),
    ],
)
def test_a_refusal_says_what_aws_leaves(action, left, remains):
    one = change(
        kind="AWS::RDS::DBInstance", action=action, Replacement="True", PolicyAction=left
    )
    [said] = refusals(shown(one)[2], ())
    assert f"; {remains}. To allow it anyway" in said
