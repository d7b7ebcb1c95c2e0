"""What was changed by hand, and what a plan says becomes of it."""

import dataclasses
import json

import pytest
from command_line import documented
from deployed import Listener
from rich.console import Console
from small_sets import small
from test_deploy import change_set_names, local, templates, with_settings
from wire import answering

from liberty_cfn.deploy import plans
from liberty_cfn.deploy.by_hand import Fate, meet
from liberty_cfn.deploy.changes import UNKNOWN, Change, Property, Replacement
from liberty_cfn.deploy.deploying import deploy
from liberty_cfn.deploy.drift import Compared, Difference, Drift, as_lines
from liberty_cfn.deploy.plans import Plan
from liberty_cfn.deploy.preparing import plan
from liberty_cfn.deploy.protection import nested
from liberty_cfn.deploy.showing import plan_markdown, plan_tree
from liberty_cfn.deploy.stack import described
from liberty_cfn.deploy.work import Work
from liberty_cfn.stateful import stack_policy

__all__ = ["local", "templates"]

LOG_GROUP, STACK = "AWS::Logs::LogGroup", "AWS::CloudFormation::Stack"
NO, POSSIBLE, CERTAIN = Replacement.NO, Replacement.POSSIBLE, Replacement.CERTAIN
DENIED = (403, "<Code>AccessDenied</Code><Message>Not yours</Message>")
ANY = '{"Statement": [{"Effect": "Allow", "Action": "Update:*", "Principal": "*"}]}'
GROUP = "/ecs/liberty-social-backend-local"
ASKED = ("DetectStackDrift", "DescribeStackResourceDrifts")


def drifted(*differences, status="MODIFIED", resource="Group", stack=("Logs",), kind=LOG_GROUP):
    found = tuple(Difference(place, "NOT_EQUAL", *values) for place, *values in differences)
    return Drift(stack, resource, kind, "/group", status, found)


def change(*properties, action="Modify", replacement=NO, resource="Group", **more):
    changed = tuple(Property(name, *values, NO) for name, *values in properties)
    return Change(("Logs",), resource, LOG_GROUP, action, replacement, changed, **more)


def planned(drift, *changes):
    compared = Compared(2, (drift,), (), frozenset({drift.place}))
    return Plan("liberty-social-test", "d" * 64, changes, {}, compared=compared)


def met(drift, *changes):
    return planned(drift, *changes).drift


def shown(plan):
    console = Console(width=250)
    with console.capture() as lines:
        console.print(plan_tree(plan))
    return lines.get()


RETENTION = ("/RetentionInDays", "30", "7")
IN_STACK = Change((), "Logs", STACK, "Modify", NO)


@pytest.mark.parametrize(
    ("difference", "changes", "new", "fate"),
    [
        # The update sets it.
        (RETENTION, [change(("RetentionInDays", "30", "60"))], "60", Fate.OVERWRITTEN),
        (RETENTION, [change(("RetentionInDays", "30", None))], None, Fate.OVERWRITTEN),
        (RETENTION, [change(("RetentionInDays", "30", UNKNOWN))], UNKNOWN, Fate.OVERWRITTEN),
        (RETENTION, [change(("RetentionInDays", None, None))], UNKNOWN, Fate.OVERWRITTEN),
        (
            ("/Policy/Statement", "a", "b"),
            [change(("Policy", '{"Statement": "a"}', '{"Statement": "c"}'))],
            "c",
            Fate.OVERWRITTEN,
        ),
        (
            ("/Policy", '{"Days": 1}', '{"Days": 2}'),
            [change(("Policy", '{"Days": 1}', '{"Days": 3}'))],
            '{"Days": 3}',
            Fate.OVERWRITTEN,
        ),
        # It sets it to what it is already.
        (RETENTION, [change(("RetentionInDays", "30", "7"))], "7", Fate.AGREED),
        (
            ("/Tags/1", "", '{"Key": "a"}'),
            [change(("Tags", "[]", '[{"Key":"a"}]'))],
            '{"Key": "a"}',
            Fate.AGREED,
        ),
        (("/KmsKeyId", "key", ""), [change(("KmsKeyId", "key", None))], None, Fate.AGREED),
        # Which item of a list is meant isn't known.
        (
            ("/Tags/0/Value", "a", "b"),
            [change(("Tags", '[{"Key": "K", "Value": "a"}]', "[]"))],
            UNKNOWN,
            Fate.OVERWRITTEN,
        ),
        # A secret, of which nobody can say whether it is the same.
        (
            ("/SecretString", "(hidden)", "(hidden)"),
            [change(("SecretString", "(hidden)", "(hidden)"))],
            "(hidden)",
            Fate.OVERWRITTEN,
        ),
        # The update leaves it, or says nothing of it.
        (RETENTION, [], "7", Fate.STAYS),
        (RETENTION, [IN_STACK, change(resource="Other")], "7", Fate.STAYS),
        (RETENTION, [change(("Tags", "[]", "[1]"))], None, Fate.PERHAPS),
        (RETENTION, [dataclasses.replace(IN_STACK, opaque=True)], None, Fate.UNTOLD),
        (RETENTION, [change(action="Dynamic")], None, Fate.UNTOLD),
        # The resource itself goes.
        (RETENTION, [change(action="Remove")], None, Fate.LOST),
        (RETENTION, [change(("Name", "a", "b"), replacement=CERTAIN)], None, Fate.LOST),
        (RETENTION, [change(("Name", "a", "b"), replacement=POSSIBLE)], None, Fate.PERHAPS),
    ],
)
def test_of_a_property_the_three_states_are_compared(difference, changes, new, fate):
    [one] = met(drifted(difference), *changes).by_hand
    [told] = one.properties
    assert (told.deployed or "", told.found or "") == difference[1:]
    assert (told.new, told.fate, one.fate) == (new, fate, fate)


def test_of_what_is_told_of_a_property_and_of_a_part_of_it_the_part_counts():
    whole = Property("Policy", "{}", '{"Version": "1"}', NO)
    part = Property("Policy", None, "[2]", NO, within="Statement")
    both = dataclasses.replace(change(), properties=(whole, part))
    [one] = met(drifted(("/Policy/Statement", "[1]", "[3]")), both).by_hand
    assert one.properties[0].new == "[2]"


@pytest.mark.parametrize(
    ("changes", "fate"),
    [
        ([change(("RetentionInDays", "30", "60"))], Fate.FAILS),
        ([change(("Name", "a", "b"), replacement=POSSIBLE)], Fate.FAILS),
        ([change(("Name", "a", "b"), replacement=CERTAIN)], Fate.AGREED),
        ([change(action="Remove")], Fate.AGREED),
        ([], Fate.STAYS),
        ([dataclasses.replace(IN_STACK, opaque=True)], Fate.UNTOLD),
    ],
)
def test_what_was_deleted_by_hand_is_in_the_way_of_its_update(changes, fate):
    [one] = met(drifted(status="DELETED"), *changes).by_hand
    assert one.fate is fate
    told = shown(planned(drifted(status="DELETED"), *changes))
    assert ("its update will fail, and the whole deploy" in told) is (fate is Fate.FAILS)
    assert "deleted by hand  (" in told


def test_what_kept_data_as_somebody_left_it_and_no_longer_would_is_told():
    longer = ("/RetentionInDays", "30", "365")
    one = planned(drifted(longer), change(("RetentionInDays", "30", "60")))
    said = json.loads(json.dumps(plans.as_json(one)))["drift"]
    [resource] = said["resources"]
    assert {*resource} == documented("drift.resources[]")
    [told] = resource["properties"]
    assert told == {
        "property": "RetentionInDays",
        "deployed": "30",
        "found": "365",
        "new": "60",
        "fate": "overwritten",
        "weakens": ["older entries are deleted"],
    }
    line = "RetentionInDays: 30 -> 365  (overwritten with 60)  (older entries are deleted)"
    assert line in shown(one)
    assert f"- `Logs/Group`: `by hand: {line}`" in plan_markdown(one)


def test_what_aws_changes_by_itself_is_not_said_to_be_somebodys():
    scaled = drifted(("/DesiredCount", "2", "5"), resource="Service", kind="AWS::ECS::Service")
    assert "── by scaling, or by hand: DesiredCount: 2 -> 5  (stays so)" in shown(
        planned(scaled)
    )
    lines = [*as_lines(planned(scaled).compared)]
    assert lines[1:] == ["  /DesiredCount: expected 2, found 5 (by scaling, or by hand)"]


def test_what_the_update_leaves_alone_has_its_place_in_the_tree():
    other = change(("RetentionInDays", "30", "60"), resource="Other")
    one = planned(drifted(RETENTION, stack=("Network",)), IN_STACK, other)
    assert shown(one).splitlines()[1:7] == [
        f"├── ~ Logs  {STACK}",
        f"│   └── ~ Other  {LOG_GROUP}  no replacement  holds data",
        "│       └── RetentionInDays: 30 -> 60",
        f"└── = Network  {STACK}",
        f"    └── = Group  {LOG_GROUP}",
        "        └── by hand: RetentionInDays: 30 -> 7  (stays so)",
    ]


def test_the_summary_says_how_many_were_changed_by_hand_and_what_becomes_of_them():
    drifts = (
        drifted(RETENTION),
        drifted(RETENTION, resource="Two"),
        drifted(resource="Three", status="DELETED"),
    )
    changes = (change(("RetentionInDays", "30", "60")),)
    found = Compared(2, drifts, ("Network: no rights",))
    one = Plan("liberty-social-test", "d" * 64, changes, {}, compared=found)
    assert one.summary == (
        "liberty-social-test: 1 to change; 3 changed by hand (1 overwritten, 2 left so), as "
        "far as could be compared"
    )
    note = "Not compared with what was deployed: Network: no rights, Logs/Group ("
    assert note in shown(one)
    assert note in plan_markdown(one)
    # What is overwritten is a change, and what stays is none.
    assert (one.code, dataclasses.replace(one, changes=()).code) == (2, 0)


def test_what_comes_new_and_the_stacks_themselves_need_no_comparison():
    new = (IN_STACK, change(action="Add"), change(action="Import"))
    assert meet(Compared(2, (), ()), new).unknown == ()
    assert meet(Compared(2, (), ()), (change(),)).unknown == (f"Logs/Group ({LOG_GROUP})",)
    checked = frozenset({("Logs", "Group")})
    assert meet(Compared(2, (), (), checked), (change(),)).unknown == ()


@pytest.fixture
def logs(local, target, templates):
    """A deployed stack with a log group that somebody changed; the templates of it."""
    few = small(templates, "Logs")
    deploy(Work(local, target, Listener(), few))
    client = target.client("logs")
    client.put_retention_policy(logGroupName=GROUP, retentionInDays=365)
    client.tag_log_group(logGroupName=GROUP, tags={"Owner": "me"})
    return few


def longer(environment):
    return with_settings(environment, LogRetentionDays="60")


def test_a_plan_tells_of_it_only_if_asked(local, target, logs):
    calls, event = [], "before-call.cloudformation"
    events = target.client("cloudformation").meta.events
    events.register(event, hear := lambda model, **_: calls.append(model.name))
    before = change_set_names(target, local.stack)
    try:
        plain = plan(Work(longer(local), target, Listener(), logs))
        assert not {*calls} & {*ASKED}
        told = Listener()
        aware = plan(Work(longer(local), target, told, logs), drift=True)
    finally:
        events.unregister(event, hear)
    assert {*calls} >= {*ASKED}
    assert plain.drift is None
    assert plans.as_json(plain)["drift"] is None
    [one] = aware.drift.by_hand
    assert (one.drift.place, one.fate) == (("Logs", "ApplicationLogs"), Fate.OVERWRITTEN)
    assert [(p.deployed, p.fate) for p in one.properties] == [
        ("30", Fate.OVERWRITTEN),
        (None, Fate.PERHAPS),
    ]
    assert (plain.changes, plain.code) == (aware.changes, aware.code)
    assert told.said == ["Comparing 2 stacks with what they were deployed as"]
    assert change_set_names(target, local.stack) == before


def test_a_deploy_tells_of_it_before_it_asks_and_also_where_nothing_is_to_do(
    local, target, logs
):
    declined = Listener(consent=False)
    assert deploy(Work(longer(local), target, declined, logs), drift=True) is None
    assert [one.fate for one in declined.plan.drift.by_hand] == [Fate.OVERWRITTEN]
    client = target.client("cloudformation")
    [inside] = nested(client, described(client, local.stack)["StackId"])
    client.set_stack_policy(StackName=inside, StackPolicyBody=ANY)
    idle = Listener()
    assert not deploy(Work(local, target, Listener(), logs)).changed
    assert client.get_stack_policy(StackName=inside)["StackPolicyBody"] == ANY
    assert not deploy(Work(local, target, idle, logs), drift=True).changed
    assert client.get_stack_policy(StackName=inside)["StackPolicyBody"] == stack_policy()
    assert "Deploying sets its own stack policies in place of those of: Logs\n" in shown(
        idle.plan
    )
    assert idle.plan.summary.endswith(": no changes; 1 changed by hand (1 left so)")


def test_where_nothing_can_be_compared_that_is_said_and_the_plan_goes_on(local, target, logs):
    with answering(target.client("cloudformation"), "DetectStackDrift", DENIED):
        found = plan(Work(longer(local), target, Listener(), logs), drift=True)
    root, nested, group = found.drift.unknown
    assert root.startswith("root: AWS refused DetectStackDrift: Not yours")
    assert nested.startswith("Logs: AWS refused DetectStackDrift: Not yours")
    assert group == f"Logs/ApplicationLogs ({LOG_GROUP})"
    assert found.code == 2


def test_where_nothing_is_deployed_there_is_nothing_to_compare(local, target, templates):
    told = Listener()
    found = plan(Work(local, target, told, small(templates, "Logs")), drift=True)
    assert (found.drift, found.code) == (None, 2)
    assert "Nothing is deployed yet, so nothing was changed by hand" in told.said


@pytest.mark.parametrize("command", [("plan",), ("deploy", "--yes")])
def test_a_stack_set_is_compared_by_a_command_of_its_own(liberty, command):
    code, printed, said = liberty(*command, "global", "--drift", "--json")
    assert code == 1
    why = "global is a stack set, and --drift is for one stack: see make drift ENV=global."
    assert said.strip().endswith(why)
    assert json.loads(printed) == {"error": why, "exit_code": 1}


def test_the_commands_ask_if_they_are_told_to(liberty, monkeypatch):
    asked = []
    for where in ("preparing.plan", "deploying.deploy"):
        monkeypatch.setattr(
            f"liberty_cfn.deploy.{where}",
            lambda *_args, drift, **_more: asked.append(drift) or Plan("s", "d" * 64, (), {}),
        )
    for options in ([], ["--drift"]):
        liberty("plan", "dev", *options)
    monkeypatch.setenv("DRIFT", "1")
    liberty("plan", "dev")
    assert asked == [False, True, True]
