"""Starting, finding again, stopping and emptying the local AWS."""

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest
from local_aws import Aws
from local_stacks import (
    CAPABILITIES,
    deploy,
    describe,
    events,
    get,
    nested,
    ref,
    resource,
    template,
    upload,
)
from test_local_resources import COUNT, SERVICE, gateway

from liberty_cfn.local import control


def quiet(_line):
    pass


@pytest.fixture
def folder(tmp_path):
    yield tmp_path
    control.down(tmp_path)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The folder of a local AWS that each test leaves as it likes, up or down."""
    folder = tmp_path_factory.mktemp("home")
    yield folder
    control.down(folder)


@pytest.fixture
def local(home):
    """The local AWS of that folder, up and emptied."""
    found = control.up(home, say=quiet)
    Aws(found).reset()
    return found


def answers(local, *questions):
    """What the services say, without what differs from one answer to the next."""
    said = []
    for service, action, arguments in questions:
        answer = getattr(Aws(local).client(service), action)(**arguments)
        said.append({key: value for key, value in answer.items() if key != "ResponseMetadata"})
    return said


def test_it_listens_to_this_machine_alone(local):
    port = int(local.endpoint.rpartition(":")[2])
    assert local.endpoint.startswith("http://127.0.0.1:")
    with socket.socket() as elsewhere:
        # Bound to every address, the server would have taken this one too.
        elsewhere.bind(("127.0.0.2", port))


def test_a_server_that_died_is_replaced_by_one_that_has_what_was_saved(home, local):
    aws = Aws(local)
    aws.client("sns").create_topic(Name="kept")
    aws.client("s3").create_bucket(Bucket="kept")
    aws.delay(60)
    one, sets = {"StackSetName": "one"}, aws.client("cloudformation")
    body = json.dumps(template({"Topic": resource("SNS::Topic", {})}))
    sets.create_stack_set(**one, TemplateBody=body, PermissionModel="SERVICE_MANAGED")
    where = {"DeploymentTargets": {"Accounts": [local.account]}, "Regions": [local.region]}
    begun = sets.create_stack_instances(**one, **where)["OperationId"]
    sets.create_stack(StackName="begun", TemplateBody=body)
    control.save(local)
    kept = {file.name: file.stat().st_mode & 0o077 for file in (home / "state").iterdir()}
    assert "secretsmanager.json" in kept
    assert set(kept.values()) == {0}  # nobody else on this machine reads them
    os.kill(local.pid, signal.SIGKILL)
    os.waitpid(local.pid, 0)
    found = control.up(home, say=quiet)
    assert found.pid != local.pid
    assert control.status(home) == found
    stacks = Aws(found).client("cloudformation").describe_stacks()["Stacks"]
    assert {stack["StackStatus"] for stack in stacks} == {"CREATE_FAILED"}
    again = Aws(found)
    assert len(again.client("sns").list_topics()["Topics"]) == 1
    again.client("s3").head_bucket(Bucket="kept")
    sets = again.client("cloudformation")
    was = sets.describe_stack_set_operation(**one, OperationId=begun)["StackSetOperation"]
    assert was["Status"] == "STOPPED"


def test_stopping_and_starting_again_changes_nothing(home, local):
    aws = Aws(local)
    group = get("Group", "GroupId")
    rule = {"GroupId": group, "SourceSecurityGroupId": group, "IpProtocol": "-1"}
    log = {"ResourceId": ref("Vpc"), "ResourceType": "VPC", "TrafficType": "ALL"}
    log |= {"LogGroupName": "flows", "DeliverLogsPermissionArn": "arn:aws:iam::aws:role/a"}
    lifecycle = {"Rules": [{"Id": "a", "Status": "Enabled", "ExpirationInDays": 3}]}
    resources = gateway() | {
        "Rule": resource("EC2::SecurityGroupIngress", rule),
        "Log": resource("EC2::FlowLog", log),
        "Bucket": resource(
            "S3::Bucket", {"BucketName": "kept", "LifecycleConfiguration": lifecycle}
        ),
    }
    children = {"network": template(resources), "service": template(SERVICE, (), COUNT)}
    urls = upload(aws, **children)
    body = template({title.title(): nested(url) for title, url in urls.items()})
    policy = json.dumps({"Statement": []})
    kept = {"EnableTerminationProtection": True, "StackPolicyBody": policy}
    made = deploy(aws, body, ClientRequestToken="made", **kept)
    planned = {"StackName": "root", "ChangeSetName": "planned", "Capabilities": CAPABILITIES}
    planned |= {
        "TemplateBody": json.dumps(
            {**body, "Resources": {"Service": body["Resources"]["Service"]}}
        )
    }
    aws.client("cloudformation").create_change_set(**planned)
    questions = [
        ("ec2", "describe_nat_gateways", {}),
        ("ec2", "describe_addresses", {}),
        ("ec2", "describe_flow_logs", {}),
        ("ec2", "describe_security_group_rules", {}),
        ("application-autoscaling", "describe_scalable_targets", {"ServiceNamespace": "ecs"}),
        ("application-autoscaling", "describe_scaling_policies", {"ServiceNamespace": "ecs"}),
        ("cloudformation", "describe_stacks", {}),
        ("cloudformation", "describe_stack_events", {"StackName": "root"}),
        ("cloudformation", "get_stack_policy", {"StackName": "root"}),
        (
            "cloudformation",
            "describe_change_set",
            {"StackName": "root", "ChangeSetName": "planned", "IncludePropertyValues": True},
        ),
        ("s3", "get_bucket_lifecycle_configuration", {"Bucket": "kept"}),
        ("ecs", "describe_task_definition", {"taskDefinition": "task"}),
    ]
    before = answers(local, *questions)
    assert describe(aws)["StackStatus"] == "CREATE_COMPLETE", events(aws)
    assert control.down(home)
    again = control.up(home, say=quiet)
    assert answers(again, *questions) == before
    # A request that was sent before is still the same operation.
    assert deploy(Aws(again), body, ClientRequestToken="made", **kept) == made


def test_after_a_reset_there_is_one_however_many_ask_for_it_and_it_is_empty(home, local):
    Aws(local).client("s3").create_bucket(Bucket="kept")
    control.reset(home)
    assert control.status(home) is None
    with ThreadPoolExecutor(2) as both:
        first, second = both.map(lambda _n: control.up(home, say=quiet), range(2))
    assert first == second == control.status(home)
    assert not Aws(first).client("s3").list_buckets()["Buckets"]


def test_what_runs_under_its_number_and_answers_at_its_address_is_not_taken_for_it(
    folder, local
):
    (folder / "status.json").write_text(json.dumps(asdict(local)))
    assert control.status(folder) is None
    assert not control.down(folder)
    assert control.up(folder, say=quiet).endpoint != local.endpoint
    Aws(local).client("s3").list_buckets()


def test_one_whose_start_was_interrupted_is_found_when_it_is_asked_for_again(
    folder, monkeypatch
):
    def interrupted(_seconds):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(control, "time", SimpleNamespace(sleep=interrupted))
        control.up(folder, say=quiet)
    said = []
    found = control.up(folder, say=said.append)
    assert not said  # none is started
    Aws(found).client("s3").list_buckets()


def test_one_that_is_stuck_is_not_waited_for_without_end(home, local, folder, monkeypatch):
    Aws(local).client("sns").create_topic(Name="kept")
    control.save(local)
    monkeypatch.setattr(control, "LOOKS", 9)
    os.kill(local.pid, signal.SIGSTOP)
    with pytest.raises(control.LocalAwsError, match="killed: it has what was last saved"):
        control.down(home)
    assert control.status(home) is None
    monkeypatch.undo()
    again = control.up(home, say=quiet)
    assert len(Aws(again).client("sns").list_topics()["Topics"]) == 1
    monkeypatch.setattr(control, "LOOKS", 9)
    with (folder / control.NOTE).open("w") as note:
        fcntl.flock(note, fcntl.LOCK_EX)
        with pytest.raises(control.LocalAwsError, match=r"neither starts nor ends: see .*/log"):
            control.up(folder, say=quiet)


def test_one_whose_folder_is_deleted_ends_by_itself(folder):
    pid = control.up(folder, say=quiet).pid
    shutil.rmtree(folder)
    assert any(os.waitpid(pid, os.WNOHANG)[0] or time.sleep(0.01) for _ in range(3000))
    assert not folder.exists()


def test_what_variables_tell_other_programs_is_not_meant_for_it(folder, monkeypatch):
    monkeypatch.setenv("SERVICES", "s3")  # LocalStack's
    Aws(control.up(folder, say=quiet)).client("sns").list_topics()


def test_a_server_that_does_not_start_says_why(folder, monkeypatch):
    monkeypatch.setattr(control, "HERE", folder)
    with pytest.raises(control.LocalAwsError, match=r"(?s)log ends with.*No module named s"):
        control.up(folder, say=quiet)


def test_an_environment_of_another_python_is_made_anew_and_says_why_it_can_not_be(
    folder, monkeypatch
):
    def make(path, **_options):
        python = path / "bin" / "python"
        python.parent.mkdir(parents=True, exist_ok=True)
        python.write_text("#!/bin/sh\necho no such package >&2\nexit 1\n")
        python.chmod(0o755)

    made, asked = folder / "venv", control.REQUIREMENTS.read_text()
    make(made)
    (made / control.REQUIREMENTS.name).write_text(f"# Python 3.2\n{asked}")
    monkeypatch.setattr(control, "VENV", made)
    monkeypatch.setattr(control.venv, "create", make)
    with pytest.raises(control.LocalAwsError, match=r"venv could not be made.*no such package"):
        control.up(folder, say=quiet)


def test_ministack_has_every_name_that_the_server_uses(local, tmp_path):
    shutil.copytree(control.HERE / "server", tmp_path / "server")
    # One that it doesn't have, and no other, is told.
    odd = tmp_path / "server" / "odd.py"
    odd.write_text("import ministack.app as app\nprint(app._moved)\n")
    names = [control.VENV / "bin" / "python", Path(__file__).with_name("ministack_names.py")]
    told = subprocess.run([*names, odd.parent], capture_output=True, text=True, check=True)
    assert told.stdout == "ministack.app._moved"
