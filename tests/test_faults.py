"""What goes wrong between the helper and AWS: a design of two stacks, deployed through it.

The faults are as AWS gives them, boto3's own retries run, and the local AWS does meanwhile
what AWS would: what was answered in vain has happened all the same.
"""

import dataclasses
from dataclasses import dataclass
from functools import partial

import pytest
from command_line import typed
from deployed import Listener
from local_aws import variables

from liberty_cfn.deploy.deploying import deploy
from liberty_cfn.deploy.errors import FollowError
from liberty_cfn.deploy.stack import find
from liberty_cfn.deploy.targets import Target
from liberty_cfn.deploy.work import Work
from liberty_cfn.environments import Environment, load
from liberty_cfn.mishaps import in_words

DESIGN = {
    "root.yaml": """Resources:
  Inner:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: inner.yaml
  Topic: {Type: AWS::SNS::Topic}
""",
    "inner.yaml": "Resources:\n  Alarms: {Type: AWS::SNS::Topic}\n",
}
# By service, what a first deploy asks of it.
ASKED = {
    "s3": (
        *("CreateBucket", "GetBucketPolicy", "PutBucketEncryption", "PutBucketPolicy"),
        *("PutBucketVersioning", "PutObject", "PutPublicAccessBlock"),
    ),
    "cloudformation": (
        *("CreateChangeSet", "DescribeChangeSet", "DescribeStackEvents", "DescribeStacks"),
        *("ExecuteChangeSet", "ListChangeSets", "ListStackResources", "SetStackPolicy"),
        "UpdateTerminationProtection",
    ),
}
LOOKS = (("status",), ("events",), ("outputs",), ("drift",), ("secret", "list"))
EVERYTHING = {operation for operations in ASKED.values() for operation in operations}


def refused(code, status=400, message="no"):
    return {"error": {"code": code, "status": status, "message": message}}


THROTTLED = refused("Throttling", message="Rate exceeded")


def rule(fault, service, **when):
    """Return the rule that a service answers with a fault, in its own words."""
    slow = (service, fault) == ("s3", THROTTLED)
    return {"service": service, **when, **(refused("SlowDown", 503) if slow else fault)}


@dataclass(frozen=True)
class Design:
    """The design in an environment, and how to get there: through the faults, and directly."""

    environment: Environment
    through: Target
    directly: Target

    def deploy(self, progress=None):
        """Deploy it, through the faults; tells whether anything changed."""
        return deploy(
            Work(self.environment, self.through, progress or Listener(), DESIGN)
        ).changed

    @property
    def name(self):
        return self.environment.stack

    @property
    def cloudformation(self):
        return self.directly.client("cloudformation")

    @property
    def stack(self):
        return find(self.cloudformation, self.name)

    @property
    def is_done(self):
        """Whether it is as an undisturbed deploy leaves it, and each resource was made once."""
        named, stack = {"StackName": self.name}, self.stack
        events = self.cloudformation.describe_stack_events(**named)["StackEvents"]
        made = [
            e["LogicalResourceId"] for e in events if e["ResourceStatus"] == "CREATE_COMPLETE"
        ]
        planned = self.cloudformation.list_change_sets(**named)["Summaries"]
        return (
            stack["StackStatus"] == "CREATE_COMPLETE"
            and sorted(made) == ["Inner", "Topic", self.name]
            and stack["EnableTerminationProtection"]
            and "StackPolicyBody" in self.cloudformation.get_stack_policy(**named)
            and not planned
        )


@pytest.fixture
def design(behind, target):
    return Design(dataclasses.replace(load("dev"), given={}), behind, target)


@pytest.fixture
def through(faults, linted, aws):
    """Run a command through the faults, as it is typed."""
    there = dataclasses.replace(aws.local, endpoint=faults.endpoint)
    return partial(typed, env=variables(there))


CUT_OFF, LOST = {"response": {"truncate_frac": 0.5}}, {"response": {"abort_frac": 0}}
FAULTS = {
    "case 16, throttled": THROTTLED,
    "case 18, connection reset": {"reset": True},
    "case 18, unavailable": refused("ServiceUnavailable", 503),
    "case 19, answers cut off": CUT_OFF,
    "cases 20 and 30, it happened, and the answers were lost": LOST,
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_deploy_survives_that_all_it_asks_fails_once(fault, faults, design):
    faults.put(
        *(
            rule(fault, service, operation=operation, times=1)
            for service, operations in ASKED.items()
            for operation in operations
        )
    )
    assert design.deploy()
    assert set(faults.fired()) == EVERYTHING
    assert design.is_done
    assert not design.deploy()


def test_what_was_just_made_and_is_not_found_yet_is_asked_for_again(faults, design):
    missing = {
        ("s3", "PutPublicAccessBlock"): "NoSuchBucket",
        ("s3", "PutObject"): "NoSuchBucket",
        ("cloudformation", "DescribeChangeSet"): "ChangeSetNotFound",
    }
    faults.put(
        *(
            rule(refused(code, 404, "It does not exist"), service, operation=asked, times=1)
            for (service, asked), code in missing.items()
        )
    )
    assert design.deploy()
    assert set(faults.fired()) == {operation for _, operation in missing}
    assert design.is_done


# The others are boto3's to ask again, whatever is asked.
@pytest.mark.parametrize("fault", [CUT_OFF, LOST], ids=["case 19", "case 20"])
def test_who_looks_sets_a_secret_and_destroys_survives_faults_at_every_other_answer(
    fault, faults, through, design
):
    def told():
        return [through(*command, "dev") for command in LOOKS]

    secret = {"Name": "liberty-social/DEFAULT_FROM_EMAIL-dev"}
    manager = design.directly.client("secretsmanager")
    manager.create_secret(**secret, SecretString="before")
    design.deploy()
    undisturbed = told()
    assert {answer.returncode for answer in undisturbed} == {0}
    faults.put(rule(fault, "*", sequence={"fail": 1, "pass": 1}))
    assert told() == undisturbed
    assert through("secret", "set", "dev", "DEFAULT_FROM_EMAIL", given="x").returncode == 0
    assert manager.get_secret_value(SecretId=secret["Name"])["SecretString"] == "x"
    design.cloudformation.update_termination_protection(
        StackName=design.name, EnableTerminationProtection=False
    )
    assert through("destroy", "dev", "--confirm", "dev").returncode == 0
    assert not design.stack


@pytest.fixture
def meanwhile(faults, aws):
    """Return progress that has faults met from the first that happens on, to the end."""

    class Meanwhile(Listener):
        def __init__(self, *rules):
            super().__init__()
            self._rules = rules
            aws.delay(60)

        def happened(self, events):
            super().happened(events)
            if self._rules:
                faults.put(*self._rules)
            self._rules = ()
            aws.delay(0)

    return Meanwhile


def test_case_17_polls_that_are_throttled_to_the_end_fail_nothing(faults, design, meanwhile):
    polls = ("DescribeStackEvents", "DescribeStacks")
    assert design.deploy(
        meanwhile(*(rule(THROTTLED, "*", operation=p, times=15) for p in polls))
    )
    assert len(faults.fired()) > 10  # more than boto3 asks again
    assert design.is_done


def test_case_21_with_new_credentials_it_is_attached_to(faults, design, meanwhile):
    with pytest.raises(FollowError, match="AWS goes on with liberty-social-dev; sign in again"):
        design.deploy(meanwhile(rule(refused("ExpiredToken", 403), "cloudformation")))
    faults.put()
    assert not design.deploy()
    assert design.is_done


@pytest.mark.parametrize(
    ("operation", "fault", "said"),
    [
        pytest.param(
            *("ExecuteChangeSet", refused("InvalidChangeSetStatus")),
            "can no longer be executed",
            id="case 11, the change set became obsolete",
        ),
        pytest.param(
            "CreateChangeSet",
            refused("InsufficientCapabilitiesException", message="Requires capabilities : [X]"),
            "CloudFormation wants to be told that roles are made",
            id="case 26, a capability is missing",
        ),
        pytest.param(
            *("PutObject", refused("AccessDenied", 403)),
            "AWS refused PutObject: no (AccessDenied)",
            id="case 27, an upload is refused",
        ),
        pytest.param(
            *("DescribeStacks", refused("RequestExpired")),
            "clock",
            id="case 34, the clock is wrong",
        ),
    ],
)
def test_what_is_refused_is_a_sentence_and_leaves_nothing(
    operation, fault, said, faults, design
):
    faults.put(rule(fault, "*", operation=operation))
    with pytest.raises(Exception) as error:
        design.deploy()
    assert said in in_words(error.value)
    assert not design.stack
    faults.put()
    assert design.deploy()
    assert design.is_done


@pytest.mark.parametrize("command", ["plan", "deploy", "status", "doctor", "destroy"])
def test_case_34_an_aws_that_never_answers_is_a_sentence(command, faults, through):
    faults.put(rule({"reset": True}, "*"))
    answer = through(command, "dev")
    assert answer.returncode == 1
    assert answer.stderr.startswith("AWS could not be asked: ")
