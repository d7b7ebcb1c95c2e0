"""What a deploy would do, weighed before it is done; and what keeps data from going."""

import dataclasses
import json
import re

import pytest
from command_line import documented
from deployed import Listener
from markdown_it import MarkdownIt
from rich.console import Console
from small_sets import small
from test_deploy import local, templates, with_settings

from liberty_cfn.cli.common import console
from liberty_cfn.deploy import plans, preparing, weighing
from liberty_cfn.deploy.changes import TOO_LONG, UNKNOWN, Change, Property, Replacement, read
from liberty_cfn.deploy.deploying import deploy
from liberty_cfn.deploy.discarding import discard
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.plans import Plan, refusals
from liberty_cfn.deploy.preparing import plan
from liberty_cfn.deploy.showing import plan_markdown, plan_tree
from liberty_cfn.deploy.stack import NESTED_STACK, find
from liberty_cfn.deploy.weighing import is_lost, stops_service
from liberty_cfn.deploy.work import Work
from liberty_cfn.markdown import fitting
from liberty_cfn.nesting import DIGEST_TAG
from liberty_cfn.review import schemas
from liberty_cfn.stateful import LOSSES, stack_policy
from liberty_cfn.veiling import ANOTHER, VEILED

__all__ = ["local", "templates"]

DATABASE = Change(
    ("Database",),
    "Database",
    "AWS::RDS::DBInstance",
    "Modify",
    Replacement.CERTAIN,
    (
        Property("DBInstanceIdentifier", "a", "b", Replacement.CERTAIN),
        Property("BackupRetentionPeriod", "7", "30", Replacement.NO),
    ),
    "liberty-social-db",
    "ReplaceAndSnapshot",
)
SHORTER = dataclasses.replace(
    DATABASE,
    replacement=Replacement.NO,
    properties=(Property("BackupRetentionPeriod", "30", "7", Replacement.NO),),
)
SERVICE = Change(("Service",), "Service", "AWS::ECS::Service", "Modify", Replacement.CERTAIN)
MAYBE = "some of it may be deleted"
LESS = "less of it remains when it goes"
OTHER = "files may be deleted by another rule than before"
BY_HAND = "takes the place of what was set by hand, which stays as its version AWSPREVIOUS"
OLD = '"NoncurrentVersionExpirationInDays"'
NONCURRENT = '"NoncurrentVersionExpiration": {"NewerNoncurrentVersions": %d}'
TOPIC = Change(("Alerts",), "AlarmTopic", "AWS::SNS::Topic", "Remove", Replacement.NO)


def planned(*changes):
    return Plan("liberty-social-test", "d" * 64, changes, {})


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ((), 0),
        ((TOPIC, SERVICE), 2),
        ((DATABASE, TOPIC), 3),
        ((dataclasses.replace(DATABASE, replacement=Replacement.POSSIBLE),), 2),
        ((dataclasses.replace(DATABASE, replacement=Replacement.NO),), 2),
        ((SHORTER,), 3),
        ((dataclasses.replace(DATABASE, action="Remove"),), 3),
        ((dataclasses.replace(DATABASE, action="Add", replacement=Replacement.NO),), 2),
        # CloudFormation can't say what it will do.
        ((dataclasses.replace(DATABASE, action="Dynamic", replacement=Replacement.NO),), 3),
    ],
)
def test_the_exit_code_says_nothing_changes_or_danger(changes, code):
    assert planned(*changes).code == code


@pytest.mark.parametrize("kind", LOSSES)
def test_whatever_holds_data_is_refused_when_it_would_go(kind):
    for change in (
        dataclasses.replace(DATABASE, type=kind),
        dataclasses.replace(DATABASE, type=kind, action="Remove", replacement=Replacement.NO),
    ):
        assert is_lost(change)
        assert len(refusals(planned(change, TOPIC), ())) == 1


def shown(plan):
    wide = Console(width=200)
    with wide.capture() as captured:
        wide.print(plan_tree(plan))
    return captured.get()


def test_advice_is_not_broken_on_a_narrow_terminal_and_a_tree_keeps_its_shape():
    shorter = (*DATABASE.properties, *SHORTER.properties)
    doubtful = dataclasses.replace(
        DATABASE, replacement=Replacement.POSSIBLE, properties=shorter
    )
    screen = console()
    screen.width = 40
    with screen.capture() as captured:
        screen.print(plan_tree(planned(doubtful)))
    *tree, advice, _, digest = captured.get().splitlines()
    assert advice.endswith("To allow it anyway: --allow-replace Database")
    assert digest == f"Templates {'d' * 64}"
    assert max(map(len, tree)) <= 40
    assert tree[-1].endswith("(older backups are deleted)")


def test_what_is_known_after_apply_is_called_so_wherever_it_stands():
    groups = '["sg-1", "{{changeSet:KNOWN_AFTER_APPLY}}"]'
    known = Property("Groups", '["sg-1", "sg-2"]', groups, Replacement.NO)
    changed = dataclasses.replace(SERVICE, properties=(known,))
    assert '["sg-1", "(known after apply)"]' in shown(planned(changed))


def test_a_setting_that_is_no_more_has_no_value_afterwards():
    gone = dataclasses.replace(planned(TOPIC), parameters={"Note": ("3", None)})
    assert "Note: 3 -> none\n" in shown(gone)


def test_a_refusal_says_what_goes_why_what_is_lost_and_what_remains():
    [said] = refusals(planned(DATABASE), ())
    assert "Database/Database (AWS::RDS::DBInstance liberty-social-db)" in said
    assert "would be replaced, because DBInstanceIdentifier changes" in said
    assert "this would lose everything people entered since the last snapshot" in said
    assert "a snapshot of the old one remains" in said
    assert said.endswith("--allow-replace Database")


def test_a_plan_says_what_would_be_lost_and_what_remains_of_it():
    said = shown(planned(DATABASE, SERVICE))
    assert said.count("this would lose ") == 1
    assert "since the last snapshot; a snapshot of the old one remains\n" in said


@pytest.mark.parametrize("after", ['{"PasswordLength": 41}', None])
def test_a_secret_that_would_be_generated_anew_is_refused(after):
    edited = Property("GenerateSecretString", '{"PasswordLength": 40}', after, Replacement.NO)
    kind = "AWS::SecretsManager::Secret"
    change = Change(("Secrets",), "Key", kind, "Modify", Replacement.NO, (edited,), "key")
    assert planned(change).code == 3
    [said] = refusals(planned(change), ())
    assert "would get another value, because GenerateSecretString changes" in said
    assert "; it remains as the version AWSPREVIOUS, until the value changes again, and" in said
    described = dataclasses.replace(edited, name="Description")
    assert not is_lost(dataclasses.replace(change, properties=(described,)))


@pytest.mark.parametrize(
    ("before", "after"), [(VEILED, ANOTHER), (None, UNKNOWN), (VEILED, None)]
)
def test_a_secret_whose_value_the_template_would_put_in_place_of_anothers_is_refused(
    before, after
):
    said = Property("SecretString", before, after, Replacement.NO)
    kind = "AWS::SecretsManager::Secret"
    change = Change(("Secrets",), "Sender", kind, "Modify", Replacement.NO, (said,), "sender")
    assert planned(change).code == 3
    [why] = refusals(planned(change), ())
    assert "would get another value, because SecretString changes: this would lose" in why
    assert "; it remains as the version AWSPREVIOUS, until the value changes again. To" in why
    assert why.endswith("--allow-replace Sender")
    # Whatever else may become of it.
    doubtful = dataclasses.replace(change, replacement=Replacement.POSSIBLE)
    assert refusals(planned(doubtful), ()) == [why]


def test_a_value_that_is_none_is_told_from_one_that_is_known_later():
    for values, said in (
        ((None, "a"), "Zone: none -> a\n"),
        (("a", None), "Zone: a -> none\n"),
        (("a", UNKNOWN), "Zone: a -> (known after apply)\n"),
    ):
        changed = Property("Zone", *values, Replacement.NO)
        assert said in shown(planned(dataclasses.replace(SERVICE, properties=(changed,))))


def test_only_what_is_named_is_let_through():
    other = dataclasses.replace(DATABASE, resource="Other")
    assert refusals(planned(DATABASE, other), ["Database"]) == refusals(planned(other), ())


def test_what_stops_service_is_marked():
    assert stops_service(SERVICE)
    assert not stops_service(TOPIC)
    stays = dataclasses.replace(SERVICE, replacement=Replacement.NO)
    assert not stops_service(stays)
    for count, stops in ("0", True), ("1", False):
        counted = Property("DesiredCount", "2", count, Replacement.NO)
        assert stops_service(dataclasses.replace(stays, properties=(counted,))) is stops
    route = dataclasses.replace(TOPIC, type="AWS::EC2::Route")
    assert stops_service(route)
    assert not stops_service(
        dataclasses.replace(route, action="Modify", replacement=Replacement.CERTAIN)
    )


def test_what_interrupts_a_database_is_marked_and_told():
    grown = Property("DBInstanceClass", "db.t3.micro", "db.t3.small", Replacement.NO)
    change = dataclasses.replace(DATABASE, properties=(grown,), replacement=Replacement.NO)
    assert stops_service(change)
    assert not stops_service(dataclasses.replace(change, properties=DATABASE.properties[1:]))
    said = shown(planned(change))
    assert "AWS::RDS::DBInstance  no replacement  holds data  stops service" in said
    assert "db.t3.micro -> db.t3.small  (the database is down" in said
    [property_] = plans.as_json(planned(change))["changes"][0]["properties"]
    assert property_["interruption"].startswith("the database is down")


def test_what_keeps_data_less_long_or_protects_less_is_told():
    lifecycle = '{"Rules": [{"Id": "Files", "ExpirationInDays": %d}]}'
    for kind, name, before, after, said in (
        ("AWS::Logs::LogGroup", "RetentionInDays", "30", "7", ["older entries are deleted"]),
        ("AWS::Logs::LogGroup", "RetentionInDays", "7", "30", []),
        ("AWS::Logs::LogGroup", "KmsKeyId", "key", UNKNOWN, []),
        ("AWS::S3::Bucket", "LifecycleConfiguration", TOO_LONG, lifecycle % 30, [MAYBE]),
        (
            "AWS::Logs::LogGroup",
            "KmsKeyId",
            "key",
            None,
            ["new entries are encrypted with AWS's own key only"],
        ),
        ("AWS::Logs::LogGroup", "DeletionPolicy", "Retain", "Delete", [LESS]),
        ("AWS::Logs::LogGroup", "UpdateReplacePolicy", "Snapshot", None, [LESS]),
        ("AWS::Logs::LogGroup", "DeletionPolicy", "Delete", "Retain", []),
        (
            "AWS::S3::Bucket",
            "VersioningConfiguration",
            '{"Status": "Enabled"}',
            None,
            ["what is overwritten or deleted can't be brought back"],
        ),
        ("AWS::Logs::LogGroup", "RetentionInDays", None, "30", ["older entries are deleted"]),
        (
            "AWS::S3::Bucket",
            "LifecycleConfiguration",
            lifecycle % 90,
            lifecycle % 30,
            ["files are deleted sooner, those already there too"],
        ),
        ("AWS::SecretsManager::Secret", "SecretString", VEILED, ANOTHER, [BY_HAND]),
    ):
        known = Property(name, before, after, Replacement.NO)
        change = Change((), "Kept", kind, "Modify", Replacement.NO, (known,))
        [told] = plans.as_json(planned(change))["changes"][0]["properties"]
        assert told["weakens"] == said
        text = plan_markdown(planned(change))
        assert all(f"` ({why})" in text for why in said)


@pytest.mark.parametrize(
    ("kind", "name", "before", "after", "refused"),
    [
        ("AWS::RDS::DBInstance", "BackupRetentionPeriod", None, "0", True),
        ("AWS::ElastiCache::CacheCluster", "SnapshotRetentionLimit", "7", "1", True),
        ("AWS::RDS::DBInstance", "BackupRetentionPeriod", "7", "30", False),
        ("AWS::RDS::DBInstance", "BackupRetentionPeriod", "7", UNKNOWN, True),
        ("AWS::RDS::DBInstance", "BackupRetentionPeriod", None, None, False),
        ("AWS::Logs::LogGroup", "RetentionInDays", "30", "7", False),
        ("AWS::Logs::LogGroup", "DeletionPolicy", "Retain", "Delete", False),
        ("AWS::S3::Bucket", "LifecycleConfiguration", TOO_LONG, TOO_LONG, True),
        ("AWS::S3::Bucket", "VersioningConfiguration", '{"Status": "Enabled"}', None, False),
        ("AWS::ECR::Repository", "LifecyclePolicy", "{}", '{"LifecyclePolicyText": "a"}', True),
        ("AWS::ECR::Repository", "LifecyclePolicy", None, '{"LifecyclePolicyText": "a"}', True),
        (
            "AWS::ECR::Repository",
            "LifecyclePolicy",
            '{"LifecyclePolicyText": "a"}',
            None,
            False,
        ),
        ("AWS::KMS::Key", "Enabled", "true", "false", True),
        ("AWS::SQS::Queue", "MessageRetentionPeriod", None, "60", True),
        ("AWS::Events::Archive", "RetentionDays", "30", "0", False),
        ("AWS::DynamoDB::Table", "TimeToLiveSpecification", None, '{"Enabled": true}', True),
    ],
)
def test_what_stays_and_keeps_less_is_refused_unless_it_is_named(
    kind, name, before, after, refused
):
    known = Property(name, before, after, Replacement.NO)
    plan = planned(Change(("In",), "Kept", kind, "Modify", Replacement.NO, (known,)))
    told = "".join(refusals(plan, ()))
    assert (f"would keep less, because {name} changes: " in told) is refused
    assert told.endswith(". To allow it anyway: --allow-replace Kept" * refused)
    assert (plan.code, plans.doubts(plan)) == (3 if refused else 2, [])
    assert refusals(plan, ["Kept"]) == []
    assert ("Kept" in "".join(plans.needless([plan], ["Kept"]))) is not refused


def test_what_only_keeps_less_is_not_let_go_by_the_stack_policies():
    assert weighing.let_through([SHORTER], ["Database", "Other"]) == {"Other"}
    for gone in (DATABASE, dataclasses.replace(SHORTER, replacement=Replacement.POSSIBLE)):
        assert weighing.let_through([SHORTER, gone], ["Database"]) == {"Database"}


def test_what_is_named_is_let_go_though_cloudformation_says_that_it_stays():
    harmless = dataclasses.replace(SHORTER, properties=())
    assert weighing.let_through([harmless], ["Database"]) == {"Database"}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('"Prefix": "a/", "ExpirationInDays": 5', '"ExpirationInDays": 5', [OTHER]),
        ('"Prefix": "a/"', '"Prefix": "b/"', [OTHER]),
        ('"Status": "Disabled"', '"Status": "Enabled"', [OTHER]),
        ('"Status": "Enabled"', '"Status": "Disabled"', []),
        ('"ExpirationInDays": 5', '"ExpirationDate": "2026-01-01"', [OTHER]),
        (NONCURRENT % 3, NONCURRENT % 1, [OTHER]),
        (f"{OLD}: 9", f"{OLD}: 1", ["old versions are deleted sooner"]),
        (f"{OLD}: 9", None, []),
    ],
)
def test_another_rule_by_which_files_are_deleted_is_told(before, after, said):
    rules = [one and f'{{"Rules": [{{"Id": "Files", {one}}}]}}' for one in (before, after)]
    changed = Property("LifecycleConfiguration", *rules, Replacement.NO)
    change = Change((), "Uploads", "AWS::S3::Bucket", "Modify", Replacement.NO, (changed,))
    [told] = plans.as_json(planned(change))["changes"][0]["properties"]
    assert told["weakens"] == said


def test_the_summary_counts_what_would_happen():
    said = planned(DATABASE, SERVICE, TOPIC).summary
    assert said == (
        "liberty-social-test: 2 to change, 1 to remove, 2 replaced, 1 with data at risk"
    )
    assert planned().summary == "liberty-social-test: no changes"
    # Of a nested stack counts what is in it; the stack itself where nothing is known of that.
    stack = Change((), "Alerts", NESTED_STACK, "Modify", Replacement.NO)
    assert planned(stack, TOPIC).summary == "liberty-social-test: 1 to remove"
    assert planned(stack).summary == "liberty-social-test: 1 to change"


def test_only_what_may_be_replaced_holds_data_and_is_not_refused_is_doubtful():
    possible, no = Replacement.POSSIBLE, Replacement.NO
    maybe = dataclasses.replace(DATABASE, replacement=possible)
    always = Property("DBSubnetGroupName", "a", UNKNOWN, possible, create_only=True)
    others = (
        DATABASE,
        dataclasses.replace(DATABASE, replacement=no),
        dataclasses.replace(maybe, properties=(always,)),
        dataclasses.replace(maybe, type=SERVICE.type),
    )
    assert plans.doubts(planned(*others)) == []
    assert len(plans.doubts(planned(maybe))) == 1


def test_the_markdown_has_the_dangerous_first():
    text = plan_markdown(planned(TOPIC, DATABASE))
    assert (
        text.index("Data would be lost") < text.index("`Database`") < text.index("`AlarmTopic`")
    )


def test_the_markdown_has_settings_values_marks_and_the_whole_digest():
    known = Property("Note", "a|b", "c", Replacement.NO)
    changed = dataclasses.replace(DATABASE, properties=(known,))
    plan = dataclasses.replace(planned(changed, SERVICE), parameters={"Note": ("3", None)})
    text = plan_markdown(plan)
    assert "- `Note: 3 -> none`\n" in text
    assert "AWS::RDS::DBInstance, holds data, AT RISK |" in text
    assert "AWS::ECS::Service, stops service |" in text
    assert "| `Note: a\\|b -> c` |" in text
    assert f"`{plan.digest}`" in text


def test_nothing_in_the_markdown_formats_or_notifies_by_what_it_says():
    nasty = "`` @team <b> | *x*"
    changed = Property("Note", nasty, "c", Replacement.NO)
    plan = dataclasses.replace(
        planned(dataclasses.replace(DATABASE, physical_id="<i>", properties=(changed,))),
        parameters={"Note": (nasty, "`")},
        notes=("*gone* @team <b>",),
    )
    html = MarkdownIt("commonmark").enable("table").render(plan_markdown(plan))
    outside = re.sub("<code>.*?</code>", "", html)
    assert "@team" not in outside
    assert "<b>" not in html
    assert "<i>" not in html
    assert "<em>" not in html
    assert html.count("<td>") == 6
    assert "<code>Note: `` @team &lt;b&gt; | *x* -&gt; `</code>" in html


def test_a_markdown_plan_fits_into_a_comment(monkeypatch):
    monkeypatch.setattr("liberty_cfn.markdown.LONGEST", 1_000)
    changes = (dataclasses.replace(SERVICE, resource=f"Service{n}") for n in range(50))
    text = fitting(plan_markdown(planned(*changes)), "make plan ENV=dev")
    assert len(text) <= 1_000
    assert text.endswith("|\n\n_More than fits here: see `make plan ENV=dev`._\n")


def test_of_long_values_what_differs_is_shown_though_it_is_at_their_end():
    sites = ",".join(f"https://{name}.example.com" for name in "abcde")
    longer = f"{sites},https://f.example.com"
    known = Property("Origins", sites, longer, Replacement.NO)
    changed = dataclasses.replace(DATABASE, properties=(known,))
    text = plan_markdown(
        dataclasses.replace(planned(changed), parameters={"SiteOrigins": (sites, longer)})
    )
    said = "...ttps://e.example.com -> ...ttps://e.example.com,https://f.example.com"
    assert f"- `SiteOrigins: {said}`" in text
    assert f"| `Origins: {said}` |" in text


def test_the_markdown_says_of_each_property_what_a_change_of_it_does():
    known = Property("DBInstanceClass", "a", "b", Replacement.NO)
    text = plan_markdown(planned(dataclasses.replace(DATABASE, properties=(known,))))
    assert "`DBInstanceClass: a -> b` (the database is down while it moves" in text
    assert "`DBInstanceIdentifier: a -> b` (replacement certain)<br>" in plan_markdown(
        planned(DATABASE)
    )


def test_where_all_get_other_tags_what_else_changes_is_seen():
    tags = Property("Tags", None, None, Replacement.NO)
    changed = dataclasses.replace(TOPIC, action="Modify", properties=(tags,))
    both = dataclasses.replace(SHORTER, properties=(tags, *SHORTER.properties))
    again = dataclasses.replace(changed, resource="Role", replacement=Replacement.POSSIBLE)
    stacks = [
        Change(
            (), name, NESTED_STACK, "Modify", Replacement.NO, (tags,), opaque=name == "Cache"
        )
        for name in ("Alerts", "Cache", "Database", "Logs")
    ]
    quiet = dataclasses.replace(changed, stack=("Logs",), resource="Quiet")
    part = dataclasses.replace(quiet, stack=("Cache",))
    plan = planned(*stacks, changed, both, again, quiet, part)
    retagged = dataclasses.replace(plan, tags={"Environment": ("old", "local")})
    for told in shown, plan_markdown:
        assert "Quiet" in told(plan)
        said = told(retagged)
        assert "AlarmTopic" not in said
        assert "Quiet" not in said
        assert "BackupRetentionPeriod" in said
        assert "Role" in said
        assert "Not listed: 3 that change in nothing but these tags" in said
        assert "5 to change" in said
    said = shown(retagged)
    assert "~ Logs" not in said
    assert "~ Cache" in said


def test_a_service_that_was_scaled_out_and_would_be_set_back_is_told_of(local, monkeypatch):
    changed = dataclasses.replace(SERVICE, replacement=Replacement.NO)
    wanted = with_settings(local, DesiredCount="2")

    def notes(count, *changes, settings=wanted):
        monkeypatch.setattr(preparing, "service", lambda *_: count and {"desiredCount": count})
        return tuple(preparing.scaled_in(settings, None, changes))

    [note] = found = notes(6, TOPIC, changed)
    assert note.startswith("The service was scaled to 6 tasks, and is set back to 2")
    told = dataclasses.replace(planned(changed), notes=found)
    assert note in shown(told)
    assert note in plan_markdown(told)
    assert plans.as_json(told)["notes"] == [note]
    made = dataclasses.replace(changed, action="Add")
    for count, change in ((6, TOPIC), (2, changed), (None, changed), (6, made)):
        assert not notes(count, change)
    assert not notes(6, changed, settings=with_settings(local, DesiredCount="0"))
    untold = Change((), "Service", NESTED_STACK, "Modify", Replacement.NO, opaque=True)
    [note] = notes(6, untold)
    assert "and is perhaps set back to 2" in note
    assert not notes(6, dataclasses.replace(untold, resource="Logs"))


def test_tags_that_change_are_told_with_their_values(local):
    before = {DIGEST_TAG: "0", **local.tags, "Environment": "old", "Owner": "us"}
    stack = {"Tags": [{"Key": key, "Value": value} for key, value in before.items()]}
    tags = preparing._retagged(local, stack)  # noqa: SLF001
    assert tags == {"Environment": ("old", "local"), "Owner": ("us", None)}
    assert preparing._retagged(local, None) == {}  # noqa: SLF001 - all is new then
    retagged = dataclasses.replace(planned(TOPIC), tags=tags)
    said = "**Tags that change:**\n\n- `Environment: old -> local`\n- `Owner: us -> none`\n"
    assert said in plan_markdown(retagged)
    assert plans.as_json(retagged)["tags"]["Owner"] == {"before": "us", "after": None}


def test_a_setting_that_nobody_is_to_see_is_not_shown():
    assert plans.changed_values({"DomainName": "****"}, {"DomainName": "a.com"}) == {}


def test_the_json_has_every_change_with_its_properties():
    said = json.loads(json.dumps(plans.as_json(planned(DATABASE, TOPIC))))
    assert said["exit_code"] == 3
    database, topic = said["changes"]
    assert {*database["properties"][0]} == documented("properties[]")
    assert (database["replacement"], database["data_at_risk"]) == ("certain", True)
    assert database["properties"][0] == {
        "name": "DBInstanceIdentifier",
        "within": None,
        "before": "a",
        "after": "b",
        "replacement": "certain",
        "interruption": None,
        "weakens": [],
    }
    assert (topic["action"], topic["replacement"], topic["stateful"]) == ("Remove", "no", False)
    what_is_there = ("physical_id", "remains")
    assert [database[name] for name in what_is_there] == [
        *("liberty-social-db", "ReplaceAndSnapshot"),
    ]
    assert [topic[name] for name in what_is_there] == [None, None]
    assert database["properties"][1]["replacement"] == "no"


def described(replacement, *details):
    return {
        "LogicalResourceId": "X",
        "ResourceType": "T",
        "Action": "Modify",
        "Replacement": replacement,
        "Details": [
            {
                "Evaluation": evaluation,
                "Target": {"Attribute": "Properties", "Name": name, "RequiresRecreation": when},
            }
            for evaluation, name, when in details
        ],
    }


@pytest.mark.parametrize(
    ("resource", "replacement"),
    [
        (described("True", ("Static", "Name", "Always")), Replacement.CERTAIN),
        (described("True", ("Dynamic", "Name", "Always")), Replacement.POSSIBLE),
        (described("Conditional", ("Static", "Name", "Conditionally")), Replacement.POSSIBLE),
        (described("False", ("Static", "Name", "Never")), Replacement.NO),
        (described("True"), Replacement.CERTAIN),
    ],
)
def test_certain_and_possible_replacement_are_told_apart(resource, replacement):
    assert read(resource, ()).replacement is replacement


def test_a_property_is_told_once_with_the_gravest_reason():
    resource = described(
        "True",
        ("Dynamic", "Name", "Always"),
        ("Static", "Name", "Always"),
        ("Static", "B", "Never"),
    )
    told = read(resource, ()).properties
    assert [(p.name, p.replaces) for p in told] == [
        ("Name", Replacement.CERTAIN),
        ("B", Replacement.NO),
    ]


def test_a_plan_changes_nothing_and_leaves_no_change_set(local, target, templates):
    cloudformation, templates = target.client("cloudformation"), small(templates, "Logs")
    first = plan(Work(local, target, Listener(), templates))
    assert first.code == 2
    assert first.parameters.keys() == local.given.keys()
    assert cloudformation.describe_stacks()["Stacks"] == []
    deploy(Work(local, target, Listener(), templates))
    assert plan(Work(local, target, Listener(), templates)).code == 0
    more = plan(
        Work(with_settings(local, LogRetentionDays="60"), target, Listener(), templates)
    )
    assert more.code == 2
    assert more.parameters == {"LogRetentionDays": ("30", "60")}
    assert cloudformation.list_change_sets(StackName=local.stack)["Summaries"] == []


def test_on_aws_it_is_said_beforehand_that_a_plan_takes_a_while(local, target, monkeypatch):
    plain, listener = dataclasses.replace(local, given={}), Listener()
    work = Work(plain, target, listener, {"root.yaml": TOPIC_ONLY})
    plan(work)
    assert listener.said == []
    monkeypatch.setattr(type(target), "is_aws", True)
    monkeypatch.setattr("liberty_cfn.deploy.beforehand.quotas", lambda *_: ())
    plan(work)
    assert listener.said == ["CloudFormation makes the plan, which takes up to a minute"]


def test_what_was_agreed_to_is_planned_again_without_looking_for_what_will_fail(
    local, target, monkeypatch
):
    cloudformation = target.client("cloudformation")
    plain = dataclasses.replace(local, given={})
    deploy(Work(plain, target, Listener(), {"root.yaml": TOPIC_ONLY}))
    monkeypatch.setattr(preparing, "_failing", lambda *_: ["it will fail"])
    work = Work(plain, target, Listener(), {"root.yaml": WITH_FILES})
    stack = find(cloudformation, local.stack)
    for (planned, made), notes in (
        (preparing.prepare(work, stack), ("it will fail",)),
        (preparing.prepare_now(work), ()),
    ):
        assert planned.notes == notes
        discard(cloudformation, made)


def test_the_policy_denies_replacing_and_deleting_whatever_holds_data_and_nested_stacks():
    deny = json.loads(stack_policy())["Statement"][1]
    assert (deny["Effect"], deny["Resource"]) == ("Deny", "*")
    assert deny["Action"] == ["Update:Replace", "Update:Delete"]
    assert deny["Condition"]["StringEquals"]["ResourceType"] == [
        *LOSSES,
        "AWS::CloudFormation::Stack",
    ]


def test_the_policy_is_lifted_for_what_is_named_alone():
    deny = json.loads(stack_policy(["Database"]))["Statement"][1]
    assert deny["NotResource"] == ["LogicalResourceId/Database"]
    assert "Resource" not in deny


def test_the_list_has_what_cfn_lint_takes_for_stateful_and_only_types_of_cloudformation():
    # Found without importing cfn-lint, which takes a second.
    known = schemas._folder().parent / "AdditionalSpecs/StatefulResources.json"  # noqa: SLF001
    stateful = json.loads(known.read_text("utf-8"))["ResourceTypes"].keys()
    # What is in a nested stack is looked at by itself; what a cluster holds, it alone does.
    assert stateful - LOSSES.keys() == {
        "AWS::CloudFormation::Stack",
        "AWS::DocDB::DBInstance",
        "AWS::Neptune::DBInstance",
    }
    assert LOSSES.keys() <= schemas._index().keys()  # noqa: SLF001


def test_everything_stateful_in_the_templates_is_in_the_list(templates):
    kept = set()
    for text in templates.values():
        for block in re.split(r"\n  (?=\w+:\n    Type: )", text):
            if "    DeletionPolicy: Retain" in block or "    DeletionPolicy: Snapshot" in block:
                kept |= set(re.findall(r"^\w+:\n    Type: (\S+)", block, re.MULTILINE))
    assert kept <= set(LOSSES)
    assert len(kept) == 8


TOPIC_ONLY = """
Resources:
  News:
    Type: AWS::SNS::Topic
"""
WITH_FILES = f"""{TOPIC_ONLY}
  Files:
    Type: AWS::S3::Bucket
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
"""


def test_a_change_that_would_lose_data_is_refused_and_not_executed(local, target):
    plain, listener = dataclasses.replace(local, given={}), Listener()
    before, after = {"root.yaml": WITH_FILES}, {"root.yaml": TOPIC_ONLY}
    deploy(Work(plain, target, Listener(), before))
    with pytest.raises(DeployError) as error:
        deploy(Work(plain, target, listener, after))
    assert "Data would be lost; nothing was changed" in str(error.value)
    assert "would be deleted: this would lose the files in it" in str(error.value)
    assert "--allow-replace Files" in str(error.value)
    [refused] = error.value.facts["refused"]
    assert (refused["resource"], refused["action"]) == ("Files", "Remove")
    assert refused["reason"] in str(error.value)
    assert error.value.facts["needs"] == ["--allow-replace Files"]
    assert not listener.asked
    assert plan(Work(plain, target, Listener(), before)).code == 0
    assert plan(Work(plain, target, Listener(), after)).code == 3
    assert deploy(Work(plain, target, listener, after, ["Files"])).changed
