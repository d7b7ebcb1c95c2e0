"""What tests of verify have in common: edited answers, refusals, and facts in words."""

import copy
import json
from contextlib import contextmanager
from types import SimpleNamespace

from liberty_cfn.verify.reading import Aws


def wrong(report):
    """Return what is wrong, in words, by row."""
    return {row.number: [str(f) for f in row.wrong] for row in report.rows if not row.ok}


def failed_checks(report):
    return {check.number for check in report.checks if not check.ok}


class Told(Aws):
    """An AWS that answers as another does, but for one operation, whose answer is edited."""

    def __init__(self, aws, operation, edit, environment=None):
        self.aws, self.operation, self.edit = aws, operation, edit
        self.environment = environment or aws.environment
        self.account, self.partition, self.region = aws.account, aws.partition, aws.region

    def read(self, service, operation, **arguments):
        return self._edited(operation, self.aws.read(service, operation, **arguments))

    def read_page(self, service, operation, **arguments):
        return self._edited(operation, self.aws.read_page(service, operation, **arguments))

    def _edited(self, operation, answer):
        if operation == self.operation:
            answer = copy.deepcopy(answer)
            self.edit(answer)
        return answer


def not_ok(facts):
    return [str(fact) for fact in facts if not fact.ok]


@contextmanager
def refusing(deployed, service, operation, code, message="no"):
    """Have an operation refused."""

    def refuse(**_):
        error = {"Code": code, "Message": message}
        return SimpleNamespace(status_code=400), {"Error": error, "ResponseMetadata": {}}

    with handling(deployed, "before-call", service, operation, refuse):
        yield


@contextmanager
def handling(deployed, when, service, operation, handler):
    meta = deployed.client(service).meta
    event = f"{when}.{meta.service_model.service_id.hyphenize()}.{operation}"
    meta.events.register_last(event, handler)
    try:
        yield
    finally:
        meta.events.unregister(event, handler)


def first(*path, **change):
    """Return an edit of the first thing that is found along a path."""

    def edit(parsed):
        for key in path:
            parsed = parsed[key]
            parsed = parsed[0] if isinstance(parsed, list) else parsed
        parsed.update(change)

    return edit


TOPIC = "arn:aws:sns:us-east-1:000000000000:liberty-social-alarms-local"
KEY, PASSWORD = "liberty-social/SECRET_KEY-local", "liberty-social/DB_PASSWORD-local"
UPLOADS, REPOSITORY = "liberty-social-uploads-local", "liberty-social-backend-local"


def policy_document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, **more):
    return {"Effect": "Allow", "Action": action, **more}


TRUST_WITHOUT_CONDITIONS = policy_document(
    allow("sts:AssumeRole", Principal={"Service": "ecs-tasks.amazonaws.com"})
)
ANYTHING = policy_document(allow("s3:*", Resource="*"))
