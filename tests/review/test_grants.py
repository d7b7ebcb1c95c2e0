import pytest
from hypothesis import given
from hypothesis import strategies as st
from review_sets import resolved

from liberty_cfn.review.actions import canonical, expanded, fits, known
from liberty_cfn.review.deciding import Decision, Request, decide
from liberty_cfn.review.grants import difference, grants
from liberty_cfn.review.statements import statements

BUCKET = {"Fn::GetAtt": ["Uploads", "Arn"]}
OBJECTS = {"Fn::Join": ["", [BUCKET, "/*"]]}
EC2 = "ec2.amazonaws.com"
TLS = {"Bool": {"aws:SecureTransport": "false"}}


def _policy(*bodies):
    return {"Version": "2012-10-17", "Statement": list(bodies)}


def _allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def _deny(action, resource="*", **more):
    return {**_allow(action, resource, **more), "Effect": "Deny"}


def _role(*bodies, trust=(), **more):
    properties = {
        "AssumeRolePolicyDocument": _policy(*trust),
        "Policies": [{"PolicyName": "P", "PolicyDocument": _policy(*bodies)}],
    }
    return "IAM::Role", {**properties, **more}


def _read(**resources):
    return statements(resolved(**resources), region="eu-west-1", account="123456789012")


def _granted(**resources):
    return [str(grant) for grant in grants(_read(**resources))]


# --- what is known of actions


@pytest.mark.parametrize(
    ("pattern", "actions"),
    [
        ("s3:GetObject", ["s3:GetObject"]),
        ("S3:getobject", ["s3:GetObject"]),
        ("s3:GetObjectTor*", ["s3:GetObjectTorrent"]),
        ("ssmmessages:?penDataChannel", ["ssmmessages:OpenDataChannel"]),
        ("lambda:InvokeF*", ["lambda:InvokeFunction", "lambda:InvokeFunctionUrl"]),
        ("*", ["*"]),
        ("s3:Nothing*", ["s3:Nothing*"]),
        ("nosuch:Thing", ["nosuch:Thing"]),
    ],
)
def test_a_pattern_stands_for_the_actions_that_aws_knows(pattern, actions):
    assert sorted(expanded(pattern)) == actions


@pytest.mark.parametrize(
    ("action", "there"),
    [
        ("s3:GetObject", True),
        ("s3:get*", True),
        ("*", True),
        ("s3:GetObjects", False),
        ("s3:Nothing*", False),
        ("nosuch:Thing", None),
        ("s*:GetObject", None),
        ("aws:Allow", None),
    ],
)
def test_an_action_is_known_or_not_or_its_service_is_not(action, there):
    assert known(action) is there


def test_every_action_is_spelled_as_aws_does():
    assert canonical("SecretsManager:getsecretvalue") == "secretsmanager:GetSecretValue"


@given(st.text("ab*?", max_size=5), st.text("ab", max_size=5))
def test_a_pattern_fits_as_iam_s_do(pattern, text):
    def walk(left, rest):
        if not left:
            return not rest
        if left[0] == "*":
            return any(walk(left[1:], rest[n:]) for n in range(len(rest) + 1))
        return bool(rest) and left[0] in ("?", rest[0]) and walk(left[1:], rest[1:])

    assert fits(pattern, text) == walk(pattern, text)


# --- what is granted

GRANTED = [
    (
        {"R": _role(_allow("s3:GetObject", OBJECTS))},
        ["R: s3:GetObject on ${Uploads.Arn}/*"],
    ),
    (
        {"R": _role(_allow(["s3:GetObject", "s3:PutObject"], [OBJECTS]))},
        ["R: s3:GetObject on ${Uploads.Arn}/*", "R: s3:PutObject on ${Uploads.Arn}/*"],
    ),
    (
        {"R": _role({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"})},
        ["R: * but iam:* on *"],
    ),
    (
        {"R": _role({"Effect": "Allow", "Action": "s3:GetObject", "NotResource": BUCKET})},
        ["R: s3:GetObject on everything but ${Uploads.Arn}"],
    ),
    ({"R": _role(_deny("s3:*"))}, []),
    (
        {"R": _role(ManagedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"])},
        ["R: * on *"],
    ),
    (
        {"R": _role(ManagedPolicyArns=["arn:aws:iam::aws:policy/ReadOnlyAccess"])},
        ["R: whatever arn:aws:iam::aws:policy/ReadOnlyAccess allows on *"],
    ),
    (
        {
            "R": _role(ManagedPolicyArns=[{"Ref": "M"}]),
            "M": ("IAM::ManagedPolicy", {"PolicyDocument": _policy(_allow("sns:Publish"))}),
        },
        ["R: sns:Publish on *"],
    ),
    (
        {
            "P": (
                "IAM::Policy",
                {
                    "PolicyName": "P",
                    "Roles": [{"Ref": "R"}, "elsewhere"],
                    "PolicyDocument": _policy(_allow("sns:Publish")),
                },
            )
        },
        ["R: sns:Publish on *", "elsewhere: sns:Publish on *"],
    ),
    (
        {
            "R": _role(
                trust=[
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": [EC2], "AWS": "*"},
                        "Action": "sts:AssumeRole",
                        "Condition": {"StringEquals": {"aws:SourceAccount": "1"}},
                    }
                ]
            )
        },
        [
            f"service {EC2}: sts:AssumeRole on R if aws:SourceAccount StringEquals 1",
            "everyone: sts:AssumeRole on R if aws:SourceAccount StringEquals 1",
        ],
    ),
    (
        {
            "B": (
                "S3::BucketPolicy",
                {
                    "Bucket": {"Ref": "Uploads"},
                    "PolicyDocument": _policy(_allow("s3:GetObject", OBJECTS, Principal="*")),
                },
            )
        },
        ["everyone: s3:GetObject on ${Uploads.Arn}/*"],
    ),
    (
        {
            "K": (
                "KMS::Key",
                {
                    "KeyPolicy": _policy(
                        _allow(
                            "kms:Decrypt",
                            Principal={"AWS": "arn:aws:iam::123456789012:root"},
                        ),
                        _allow("kms:Encrypt", Principal={"AWS": "arn:aws:iam::9:root"}),
                    )
                },
            )
        },
        ["the account: kms:Decrypt on K", "account 9: kms:Encrypt on K"],
    ),
    (
        {
            "L": (
                "Logs::ResourcePolicy",
                {
                    "PolicyDocument": {
                        "Fn::Join": [
                            "",
                            [
                                '{"Statement": {"Effect": "Allow", "Action": "logs:Put',
                                {"Ref": "What"},
                                '", "Principal": "*", "Resource": "',
                                {"Fn::GetAtt": ["Group", "Arn"]},
                                '"}}',
                            ],
                        ]
                    }
                },
            )
        },
        ["everyone: logs:Put${What} on ${Group.Arn}"],
    ),
    (
        {
            "P": (
                "Lambda::Permission",
                {
                    "Action": "lambda:InvokeFunction",
                    "FunctionName": {"Ref": "F"},
                    "Principal": EC2,
                    "SourceArn": {"Ref": "T"},
                },
            )
        },
        [f"service {EC2}: lambda:InvokeFunction on ${{F}} if aws:SourceArn ArnLike ${{T}}"],
    ),
]


@pytest.mark.parametrize(("resources", "found"), GRANTED)
def test_who_may_do_what_on_what_is_read_from_every_policy(resources, found):
    assert _granted(**resources) == found


# --- what a change grants

READ = _allow("s3:GetObject", OBJECTS)
IF_MINE = {"StringEquals": {"aws:SourceAccount": "1"}}
IF_ANY = {"StringEquals": {"aws:SourceAccount": ["1", "2"]}}
SECRET = ("SecretsManager::Secret", {"Name": "liberty-social/SECRET_KEY"})
SECRET_ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:liberty-social/SECRET_KEY"
SECRETS = "arn:aws:secretsmanager:eu-west-1:*:secret:liberty-social/*"
CHANGES = [
    ([READ], [READ], {}),
    ([READ], [_allow("S3:getobject", [OBJECTS])], {}),
    ([], [READ], {"gained": ["s3:GetObject on ${Uploads.Arn}/*"]}),
    ([READ], [], {"lost": ["s3:GetObject on ${Uploads.Arn}/*"]}),
    ([_allow("s3:*", "*")], [READ], {"lost": None}),
    (
        [READ],
        [_allow("s3:GetObjectTor*", OBJECTS), READ],
        {"gained": ["s3:GetObjectTorrent on ${Uploads.Arn}/*"]},
    ),
    (
        [READ],
        [_allow("s3:GetObject", BUCKET), READ],
        {"gained": ["s3:GetObject on ${Uploads.Arn}"]},
    ),
    ([READ], [_allow("*", OBJECTS)], {"gained": ["* on ${Uploads.Arn}/*"]}),
    (
        [_allow("s3:GetObject", OBJECTS, Condition=IF_MINE)],
        [READ],
        {"loosened": ["s3:GetObject on ${Uploads.Arn}/*"]},
    ),
    (
        [_allow("s3:GetObject", OBJECTS, Condition=IF_MINE)],
        [_allow("s3:GetObject", OBJECTS, Condition=IF_ANY)],
        {
            "loosened": [
                "s3:GetObject on ${Uploads.Arn}/* if aws:SourceAccount StringEquals 1 or 2"
            ]
        },
    ),
    (
        [READ],
        [_allow("s3:GetObject", OBJECTS, Condition=IF_MINE)],
        {
            "tightened": ["s3:GetObject on ${Uploads.Arn}/*"],
        },
    ),
    (
        [_deny("s3:*", OBJECTS), READ],
        [READ],
        {"refusals_dropped": ["s3:* on ${Uploads.Arn}/*"]},
    ),
    (
        [_deny("s3:*", OBJECTS)],
        [_deny("s3:*", OBJECTS, Condition=TLS)],
        {
            "refusals_dropped": ["s3:* on ${Uploads.Arn}/*"],
        },
    ),
    (
        [_allow("iam:*")],
        [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}],
        {"gained": ["* but iam:* on *"], "lost": None},
    ),
    (
        [_allow("s3:GetObject", Condition=TLS)],
        [_allow("s3:GetObject", Condition={"Bool": {"aws:SecureTransport": False}})],
        {},
    ),
    # The same secret, by its ARN.
    (
        [_allow("secretsmanager:GetSecretValue", {"Ref": "Secret"})],
        [_allow("secretsmanager:GetSecretValue", f"{SECRET_ARN}-??????")],
        {},
    ),
    (
        [_allow("secretsmanager:GetSecretValue", SECRETS)],
        [_allow("secretsmanager:GetSecretValue", {"Ref": "Secret"})],
        {"lost": [f"secretsmanager:GetSecretValue on {SECRETS}"]},
    ),
    (
        [_allow("secretsmanager:GetSecretValue", {"Ref": "Secret"})],
        [_allow("secretsmanager:GetSecretValue", SECRETS)],
        {"gained": [f"secretsmanager:GetSecretValue on {SECRETS}"]},
    ),
    (
        [{"Effect": "Allow", "NotAction": ["iam:*", "sts:*"], "Resource": "*"}],
        [{"Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*"}],
        {"gained": ["* but iam:* on *"], "lost": ["* but iam:* and sts:* on *"]},
    ),
]


@pytest.mark.parametrize(("before", "after", "told"), CHANGES)
def test_a_change_says_what_is_gained_lost_and_no_longer_refused(before, after, told):
    found = difference(
        _read(R=_role(*before), Secret=SECRET), _read(R=_role(*after), Secret=SECRET)
    )
    said = {
        name: [str(grant).removeprefix("R: ") for grant in getattr(found, name)]
        for name in found.__dataclass_fields__
        if getattr(found, name)
    }
    assert said.keys() == told.keys()
    assert all(said[name] == grants_ for name, grants_ in told.items() if grants_)
    assert bool(found) == bool(told)


def test_trust_is_gained_and_its_conditions_dropped():
    def trusting(service, **more):
        trust = {
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sts:AssumeRole",
        }
        return _read(R=_role(trust=[{**trust, **more}]))

    ecs = "ecs-tasks.amazonaws.com"
    moved = difference(trusting(ecs), trusting(EC2))
    assert [str(g) for g in moved.gained] == [f"service {EC2}: sts:AssumeRole on R"]
    assert [str(g) for g in moved.lost] == [f"service {ecs}: sts:AssumeRole on R"]
    open_ = difference(trusting(ecs, Condition=IF_MINE), trusting(ecs))
    assert [g.kind for g in open_.loosened] == ["trust"]


def test_a_change_back_takes_back_what_the_change_gave():
    one, other = _read(R=_role(READ)), _read(R=_role(_allow("s3:*", OBJECTS), _deny("sns:*")))
    there, back = difference(one, other), difference(other, one)
    assert {g[:-1] for g in there.gained} == {g[:-1] for g in back.lost}
    assert [g[:-1] for g in there.refusals_added] == [g[:-1] for g in back.refusals_dropped]
    assert not difference(one, one)


# --- what IAM would say

PHOTO = "${Uploads.Arn}/photo.jpg"
STRICT = {
    "R": _role(READ, _deny("s3:GetObject", {"Fn::Join": ["", [BUCKET, "/private/*"]]})),
    "Policy": (
        "S3::BucketPolicy",
        {
            "Bucket": {"Ref": "Uploads"},
            "PolicyDocument": _policy(_deny("s3:*", OBJECTS, Principal="*", Condition=TLS)),
        },
    ),
}
OVER_TLS = {"aws:SecureTransport": "true"}


@pytest.mark.parametrize(
    ("action", "thing", "context", "verdict"),
    [
        ("s3:GetObject", PHOTO, OVER_TLS, "allowed"),
        ("s3:getobject", PHOTO, OVER_TLS, "allowed"),
        ("s3:GetObject", PHOTO, {"aws:SecureTransport": "false"}, "refused"),
        ("s3:GetObject", PHOTO, {}, "open"),
        ("s3:GetObject", "${Uploads.Arn}/private/a", OVER_TLS, "refused"),
        ("s3:GetObject", "${Uploads.Arn}", OVER_TLS, "refused"),
        ("s3:PutObject", PHOTO, OVER_TLS, "refused"),
    ],
)
def test_a_refusal_wins_and_what_nobody_allows_is_refused(action, thing, context, verdict):
    assert decide(_read(**STRICT), Request("R", action, thing, context)).verdict == verdict


def test_an_open_decision_says_what_it_hangs_on():
    decision = decide(_read(**STRICT), Request("R", "s3:GetObject", PHOTO))
    assert list(map(str, decision.hangs_on)) == ["aws:SecureTransport Bool false"]


def test_a_condition_that_fails_settles_it_whatever_the_others_are():
    conditions = {"StringEquals": {"aws:SourceAccount": "1", "aws:SourceArn": "arn"}}
    found = _read(R=_role(_allow("sns:Publish", Condition=conditions)))
    request = Request("R", "sns:Publish", "topic", {"aws:SourceAccount": "2"})
    assert decide(found, request) == Decision("refused")


KEY = "KMS::Key"
DECRYPT = "kms:Decrypt"


@pytest.mark.parametrize(
    ("principal", "verdict"),
    [
        ({"AWS": "arn:aws:iam::123456789012:root"}, "allowed"),
        ({"AWS": {"Fn::GetAtt": ["R", "Arn"]}}, "allowed"),
        ({"AWS": {"Fn::GetAtt": ["Other", "Arn"]}}, "refused"),
        ({"Service": "sns.amazonaws.com"}, "refused"),
    ],
)
def test_a_key_is_open_to_those_only_whom_its_own_policy_names(principal, verdict):
    key = (KEY, {"KeyPolicy": _policy(_allow(DECRYPT, Principal=principal))})
    found = decide(_read(K=key, R=_role(_allow(DECRYPT, "K"))), Request("R", DECRYPT, "K"))
    assert found.verdict == verdict


def test_the_account_in_a_key_s_policy_leaves_it_to_the_role_s_own():
    root = {"AWS": "arn:aws:iam::123456789012:root"}
    key = (KEY, {"KeyPolicy": _policy(_allow(DECRYPT, Principal=root))})
    assert decide(_read(K=key, R=_role()), Request("R", DECRYPT, "K")) == Decision("refused")


@pytest.mark.parametrize(
    ("operator", "value", "given", "verdict"),
    [
        ("StringEquals", "a", "a", "allowed"),
        ("StringEquals", ["b", "a"], "a", "allowed"),
        ("StringEquals", "a", "A", "refused"),
        ("StringEqualsIgnoreCase", "a", "A", "allowed"),
        ("StringNotEquals", "a", "a", "refused"),
        ("StringNotEquals", "a", "b", "allowed"),
        ("StringLike", "a*", "abc", "allowed"),
        ("ArnLike", "arn:aws:ecs:*:1:*", "arn:aws:ecs:x:1:task/y", "allowed"),
        ("ArnLike", "arn:aws:ecs:*:1:*", "arn:aws:ecs:x:2:task/y", "refused"),
        ("BoolIfExists", False, "false", "allowed"),
        ("NumericLessThan", "3", "2", "open"),
    ],
)
def test_a_condition_holds_as_its_operator_says(operator, value, given, verdict):
    body = _allow("sns:Publish", Condition={operator: {"aws:Key": value}})
    request = Request("R", "sns:Publish", "topic", {"AWS:key": given})
    assert decide(_read(R=_role(body)), request).verdict == verdict


def test_not_action_and_not_resource_are_all_the_others():
    body = {"Effect": "Allow", "NotAction": "iam:*", "NotResource": "arn:1"}
    found = _read(R=_role(body))
    assert decide(found, Request("R", "s3:GetObject", "arn:2")).verdict == "allowed"
    assert decide(found, Request("R", "iam:GetRole", "arn:2")).verdict == "refused"
    assert decide(found, Request("R", "s3:GetObject", "arn:1")).verdict == "refused"


def test_everyone_but_someone_is_everyone_else():
    policy = _policy(
        {
            "Effect": "Deny",
            "NotPrincipal": {"AWS": {"Fn::GetAtt": ["R", "Arn"]}},
            "Action": "s3:*",
            "Resource": "*",
        }
    )
    found = _read(
        R=_role(READ),
        Other=_role(READ),
        B=("S3::BucketPolicy", {"Bucket": {"Ref": "Uploads"}, "PolicyDocument": policy}),
    )
    assert decide(found, Request("R", "s3:GetObject", PHOTO)).verdict == "allowed"
    assert decide(found, Request("Other", "s3:GetObject", PHOTO)).verdict == "refused"
