"""LC16xx: actions, and what they are about."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from functools import cache

from liberty_cfn.review.actions import canonical, fits, known
from liberty_cfn.review.spelling import listed, spelled
from liberty_cfn.rules.authorization import forms_of, in_words, services
from liberty_cfn.rules.policy_documents import (
    actions_of,
    arn_of,
    policies_of,
)
from liberty_cfn.rules.policy_examples import ROLE, TOPIC_POLICY, swap
from liberty_cfn.rules.rule import (
    UNKNOWN,
    Design,
    Problem,
    Rule,
    each,
)

ACTIONS = (
    "https://docs.aws.amazon.com/service-authorization/latest/reference/"
    "reference_policies_actions-resources-contextkeys.html"
)
ARNS = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html"
ABOUT_NOTHING = re.compile(
    r"ecr:getauthorizationtoken|ssmmessages:|s3:listallmybuckets|ec2:describe"
    r"|cloudwatch:putmetricdata|secretsmanager:(listsecrets|getrandompassword)"
)
# Parts of an ARN: arn:partition:service:region:account:resource.
PARTS = 6


def _actions_exist(design: Design) -> Iterator[Problem]:
    for policy in policies_of(design):
        for at, statement in policy.statements():
            for path, action in actions_of(statement):
                service, colon, name = action.partition(":")
                whole = policy.resource.type == "AWS::SNS::TopicPolicy" and name in ("", "*")
                if whole and path[0] == "Action":
                    why = f"SNS refuses {action} in a topic's policy; expected sns:Publish"
                    yield policy.problem((*at, *path), why)
                if action == "*":
                    continue
                why = ""
                if not colon or not name:
                    why = f"{action!r} is no action; expected one such as s3:GetObject, or *"
                elif service.lower() not in services():
                    meant = difflib.get_close_matches(service, services(), n=1)
                    why = f"there is no service {service!r}"
                    why += f"; did you mean {meant[0]}?" if meant else ""
                elif not _is_action(action):
                    near = [f"{service}:{n}" for n in services()[service.lower()]["Actions"]]
                    meant = difflib.get_close_matches(action.lower(), near, n=1)
                    why = f"{service} has no action {name!r}"
                    why += f"; did you mean {canonical(meant[0])}?" if meant else ""
                if why:
                    yield policy.problem((*at, *path), why)


@cache
def _is_action(action: str) -> bool:
    service, _, name = action.lower().partition(":")
    actions = services()[service]["Actions"]
    # The list is a year's; awacs's may be newer.
    return any(fits(name, one) for one in actions) or known(action) is True


def _actions_fit_resources(design: Design) -> Iterator[Problem]:
    for policy in policies_of(design):
        for at, statement in policy.statements():
            if "Resource" not in statement or policy.kind == "trust":
                continue
            arns = [arn_of(design, value) for value in listed(statement["Resource"])]
            for path, action in actions_of(statement):
                if path[:1] != ("Action",) or any(sign in action for sign in "*?"):
                    continue
                if not any(_is_about(action, arn) for arn in arns):
                    said = ", ".join(spelled(v) for v in listed(statement["Resource"])[:2])
                    why = f"{action} is never about {said}; expected {in_words(action)}"
                    yield policy.problem((*at, *path), why)


def _is_about(action: str, arn: str) -> bool:
    forms = forms_of(action)
    given = arn.split(":", PARTS - 1)
    if arn == "*" or forms is None or len(given) < PARTS:
        return True
    if not forms:
        # The list leaves some out; these are known to know none.
        return not ABOUT_NOTHING.match(action.lower())
    if action.lower().startswith("s3:") and not any(given[3:5]):
        # A bucket and its objects differ by the slash alone.
        kinds = {kind for kind, _ in forms}
        inside = "/" in given[-1]
        return ("object" in kinds and (inside or "*" in given[-1])) or (
            "bucket" in kinds and not inside
        )
    return any(_overlap(given, form) for _, form in forms)


def _overlap(given: list[str], form: str) -> bool:
    expected = form.split(":", PARTS - 1)
    if len(expected) < PARTS or not fits(given[2], expected[2]):
        return False
    fixed, has = expected[-1].partition(".*")[0], given[-1]
    start = re.split(r"[*?\0]", has)[0]
    return start.startswith(fixed) or (start != has and fixed.startswith(start))


def _resources_are_arns(design: Design) -> Iterator[Problem]:
    for policy in policies_of(design):
        for at, statement in policy.statements():
            for path, value in each(statement, "Resource", "*"):
                arn = arn_of(design, value)
                if (why := _no_arn(arn)) and UNKNOWN not in arn[:1]:
                    yield policy.problem((*at, *path), f"{spelled(value)} {why}")


def _no_arn(arn: str) -> str:  # noqa: PLR0911 - one for each way
    """Return why a text is no ARN that a policy can be about; empty if it is one."""
    if arn == "*" or arn.startswith(UNKNOWN):
        return ""
    parts = arn.split(":", PARTS - 1)
    expected = "expected arn:partition:service:region:account:resource, or *"
    if len(parts) < PARTS or parts[0] != "arn":
        return f"is no ARN; {expected}"
    _, partition, service, region, account, resource = parts
    if not re.fullmatch(r"aws(-[a-z-]+)?|[*\0]+", partition):
        return f"is of no partition there is ({partition}); {expected}"
    if (
        service == "s3"
        and (region or account)
        and not resource.startswith(("accesspoint", "job", "storage-lens", "access-grants"))
    ):
        return "is no bucket: their ARNs have no region and no account; expected arn:aws:s3:::"
    if service == "iam" and region:
        return "is of a region, and IAM's are of none; expected arn:aws:iam::"
    if not resource or (account and not re.fullmatch(r"[*?\d\0]+|aws", account)):
        return f"has no account of 12 digits, or no resource; {expected}"
    return ""


RULES: tuple[Rule, ...] = (
    Rule(
        "LC1601",
        "error",
        "An action is one that AWS has",
        "IAM takes a misspelt action and never allows anything by it: the task is refused "
        "what it needs, once it needs it.",
        ACTIONS,
        _actions_exist,
        good=(ROLE, swap("s3:GetObject", "s3:Get*")),
        bad=(
            swap("s3:GetObject", "s3:GetObjects"),
            swap("s3:GetObject", "s33:GetObject"),
            swap("s3:GetObject", "GetObject"),
            swap("s3:GetObject", "s3:Fetch*"),
            TOPIC_POLICY.replace("sns:Publish", "sns:*"),
        ),
    ),
    Rule(
        "LC1602",
        "error",
        "An action is about the kind of thing its statement names",
        "s3:ListBucket is about the bucket, s3:GetObject about what is in it: IAM takes the "
        "one with the other, and allows nothing.",
        ACTIONS,
        _actions_fit_resources,
        good=(ROLE,),
        bad=(
            swap("Action: s3:ListBucket", "Action: s3:GetObject"),
            swap("Action: s3:GetObject", "Action: s3:ListBucket"),
            swap("Action: s3:GetObject", "Action: secretsmanager:GetSecretValue"),
            swap("Action: s3:GetObject", "Action: ecr:GetAuthorizationToken"),
        ),
    ),
    Rule(
        "LC1603",
        "error",
        "What a statement is about is an ARN",
        "IAM refuses what has no six parts; what has a region that its service leaves out is "
        "taken, and fits nothing.",
        ARNS,
        _resources_are_arns,
        good=(ROLE, swap("!GetAtt Bucket.Arn", "arn:aws:s3:::uploads")),
        bad=(
            swap("!GetAtt Bucket.Arn", "uploads"),
            swap("!GetAtt Bucket.Arn", "arn:aws:s3::uploads"),
            swap("!GetAtt Bucket.Arn", "arn:aws:s3:us-east-1:123456789012:uploads"),
            swap("!GetAtt Bucket.Arn", "arn:awz:s3:::uploads"),
            swap("!GetAtt Bucket.Arn", "!Ref Bucket"),
            swap("!GetAtt Bucket.Arn", "!Sub '${Bucket}/*'"),
        ),
    ),
)
