"""A secret's value is looked for everywhere it must not be, after everything was done.

What was looked through: what the helper prints and logs, CloudFormation's stacks, events,
change sets and templates, what was uploaded, task definitions, logs, and every file.
"""

import io
import json
import logging
from pathlib import Path

import pytest
from rich.console import Console

from liberty_cfn.deploy import faults, operations, secrets
from liberty_cfn.deploy.deploying import deploy
from liberty_cfn.deploy.events import newest_first
from liberty_cfn.deploy.packaging import read
from liberty_cfn.deploy.showing import outputs_text
from liberty_cfn.deploy.stack import standing
from liberty_cfn.deploy.telling import ShownProgress
from liberty_cfn.deploy.work import Work
from liberty_cfn.environments import load
from liberty_cfn.repository import REPOSITORY, TEMPLATES
from liberty_cfn.verify import verify
from liberty_cfn.verify.document import as_json
from liberty_cfn.verify.markdown import as_markdown
from liberty_cfn.verify.table import as_table

CANARY = "canary-4f9a1c27-never-to-be-seen"
ACCESS_KEY, GENERATED = "AWS_SECRET_ACCESS_KEY", ("SECRET_KEY", "DB_PASSWORD")


@pytest.fixture(scope="module")
def lived(local_folder, deployed):
    """Return the secret values, and all that was said and is to be seen, by where."""
    deployed.reset()
    target, environment = deployed.target, load("local")
    screen, logged = Console(file=io.StringIO(), width=500), io.StringIO()
    handler = logging.StreamHandler(logged)
    logging.getLogger().addHandler(handler)

    progress = ShownProgress(screen, lambda: True)
    # The key that AWS makes takes the place of the canary, and is a secret as well.
    named = ("AccessKeyId", "SecretAccessKey")
    later = deployed.with_settings(environment, ApplicationAccessKey="true")
    try:
        deploy(Work(environment, target, progress, read(TEMPLATES)))
        values = {CANARY, *(_value(environment, target, name) for name in GENERATED)}
        screen.print(secrets.store(environment, target, ACCESS_KEY, CANARY))
        outcome = deploy(Work(later, target, progress, read(TEMPLATES), named))
        values.add(_value(later, target, ACCESS_KEY))
        report = verify(later, target.client)
        screen.print(as_table(report, everything=True), outputs_text(outcome.outputs))
        # As they are: to lay them out for a screen takes longer than all that was done.
        screen.file.write(as_markdown(report) + json.dumps(as_json(report), default=str))
        screen.print([secrets.as_json(s) for s in secrets.listed(later, target)])
        cloudformation = target.client("cloudformation")
        seen = {
            "console": screen.file.getvalue(),
            "log": logged.getvalue(),
            **dict(_of_stacks(environment, cloudformation)),
            **dict(_of_buckets(target.client("s3"))),
            **dict(_of_tasks(target.client("ecs"))),
            **dict(_of_logs(target.client("logs"))),
            **dict(_of_files(local_folder)),
        }
    finally:
        logging.getLogger().removeHandler(handler)
    return values, seen


def _value(environment, target, name):
    manager = target.client("secretsmanager")
    full = secrets.full_name(environment, name)
    return manager.get_secret_value(SecretId=full)["SecretString"]


def _of_stacks(environment, cloudformation):
    root = operations.root(environment, cloudformation)["StackId"]
    for one in standing(cloudformation, root):
        stack = {"StackName": one.stack_id}
        name = "/".join(one.path) or "root"
        for what in ("describe_stacks", "describe_stack_events", "describe_stack_resources"):
            yield f"{name} {what}", str(getattr(cloudformation, what)(**stack))
        yield f"{name} template", str(cloudformation.get_template(**stack))
    # What was executed is named after its operation's token, and no longer listed.
    tokens = {e.get("ClientRequestToken") for e in newest_first(cloudformation, root)}
    for token in tokens - {None}:
        # One whose execution failed has been deleted.
        with faults.unless("ChangeSetNotFound"):
            described = cloudformation.describe_change_set(
                ChangeSetName=token, StackName=root, IncludePropertyValues=True
            )
            yield f"change set {token}", str(described)


def _of_buckets(s3):
    for bucket in s3.list_buckets()["Buckets"]:
        for found in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", ()):
            body = s3.get_object(Bucket=bucket["Name"], Key=found["Key"])["Body"].read()
            yield f"s3://{bucket['Name']}/{found['Key']}", body.decode(errors="replace")


def _of_tasks(ecs):
    for arn in ecs.list_task_definitions()["taskDefinitionArns"]:
        yield arn, str(ecs.describe_task_definition(taskDefinition=arn))


def _of_logs(logs):
    for group in logs.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        yield f"log group {name}", str(logs.filter_log_events(logGroupName=name))


def _of_files(folder):
    files = [f for f in Path(folder).rglob("*") if f.is_file()]
    for name in ("templates", "params", "docs"):
        files += [f for f in (REPOSITORY / name).rglob("*") if f.is_file()]
    for file in files:
        yield str(file), file.read_bytes().decode(errors="replace")


def test_everything_was_looked_through(lived):
    values, seen = lived
    assert len(values) == 4
    assert min(map(len, values)) >= 32
    for part in (
        "console",
        "log",
        "root template",
        "Service describe_stack_events",
        "change set liberty-social-local-",
        "s3://",
        "task-definition",
        "log group /ecs/",
        "params/local.yaml",
    ):
        assert any(part in where for where in seen), part
    assert "liberty-social-backend" in seen["console"]


def test_no_secret_s_value_is_anywhere_but_in_secrets_manager(lived):
    values, seen = lived
    found = [
        (where, value[:6]) for where, text in seen.items() for value in values if value in text
    ]
    assert found == []
