"""The failures that a deploy must survive, by their numbers: AWS can't be asked at all.

Here: credentials, accounts, regions, variables, and this machine, each a sentence.
"""

import dataclasses
import errno
from types import SimpleNamespace

import boto3
import pytest
from botocore import exceptions
from botocore.parsers import ResponseParserError
from one_topic import TOPIC
from wire import THROTTLED, Wire

from liberty_cfn.deploy import (
    answers,
    packaging,
    sessions,
    targets,
)
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.deploy.targets import Target
from liberty_cfn.environments import load
from liberty_cfn.local import control
from liberty_cfn.mishaps import in_words


def refusal(code, why):
    return exceptions.ClientError({"Error": {"Code": code, "Message": why}}, "Ask")


@pytest.mark.parametrize("name", ["prod", "local"])
def test_case_22_another_account_is_refused_before_anything_is_made(monkeypatch, name):
    pinned = dataclasses.replace(load(name), account="111111111111")
    monkeypatch.setattr(targets, "target", lambda *_: Target(None, "222222222222"))
    monkeypatch.setattr(targets.control, "up", lambda **_: control.LocalAws("http://a", 1))
    with pytest.raises(DeployError) as error:
        targets.connect(pinned, print)
    assert in_words(error.value) == (
        f"These credentials are account 222222222222's, and {name} is in 111111111111 (Account "
        f"in params/{name}.yaml). Nothing was changed; sign in to the other account, or choose "
        "its profile (AWS_PROFILE)."
    )


def test_case_22_the_region_is_the_environment_s_whatever_the_shell_says(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setattr(targets, "target", lambda session, *_: Target(session, "1"))
    prod = dataclasses.replace(load("prod"), account="1")
    assert targets.connect(prod, print).region == prod.region == "us-east-1"


def test_case_16_the_first_call_of_all_is_patient_too_once_aws_answers():
    told = "<GetCallerIdentityResult><Account>111111111111</Account></GetCallerIdentityResult>"
    who = (200, f"<GetCallerIdentityResponse>{told}</GetCallerIdentityResponse>")
    said = {targets.BRIEF: [THROTTLED], targets.PATIENT: [THROTTLED, THROTTLED, who]}

    def client(service, config, **_):
        return Wire(service, config=config, GetCallerIdentity=said[config]).client

    assert targets.target(SimpleNamespace(client=client)).account == "111111111111"
    # Who is refused is told at once.
    said = {targets.BRIEF: [(403, "<Code>InvalidClientTokenId</Code><Message>no</Message>")]}
    with pytest.raises(exceptions.ClientError, match="InvalidClientTokenId"):
        targets.target(SimpleNamespace(client=client))


@pytest.mark.parametrize(
    ("operation", "code"),
    [("PutObject", "AccessDenied"), ("CreateBucket", "BucketAlreadyExists")],
)
def test_case_27_an_upload_that_is_refused_is_a_sentence(operation, code):
    refused = {operation: [(403, f"<Code>{code}</Code><Message>not for you</Message>")]}
    no_bucket = (404, "<Code>NoSuchBucket</Code><Message>none</Message>")
    policy = (200, "{}") if operation == "PutObject" else no_bucket
    wire = Wire(
        "s3", GetBucketPolicy=[policy], ListObjectsV2=[(200, "<ListBucketResult/>")], **refused
    )
    ours = boto3.Session("key", "secret", region_name="us-east-1")
    with pytest.raises(Exception) as error:
        packaging.package(Target(ours, "1", _clients={"s3": wire.client}), {"root.yaml": TOPIC})
    assert "can't be uploaded" in in_words(error.value)
    assert f"AWS refused {operation}: not for you" in in_words(error.value)


EXPIRED_LONG_AGO = (
    '{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b", "SessionToken": "c", '
    '"Expiration": "2020-01-01T00:00:00Z"}'
)


@pytest.mark.parametrize(
    ("gives", "says"),
    [
        ("credential_process = /nowhere/vault", "No such file or directory: '/nowhere/vault'"),
        ("credential_process = echo hello", "Expecting value: line 1 column 1 (char 0)"),
        (f"credential_process = echo '{EXPIRED_LONG_AGO}'", "credentials are still expired"),
        (
            "role_arn = arn:aws:iam::111111111111:role/x\nweb_identity_token_file = /nowhere",
            "No such file or directory: '/nowhere'",
        ),
    ],
)
def test_case_34_what_is_to_give_credentials_and_does_not_is_a_sentence(
    monkeypatch, tmp_path, gives, says
):
    config = tmp_path / "config"
    config.write_text(f"[default]\n{gives}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Exception) as error:
        targets.target(sessions.session(region_name="us-east-1"))
    said = in_words(error.value)
    assert said.startswith("There are no credentials: ")
    assert f"{says}. Look at what gives them" in said


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"])
def test_case_34_a_variable_that_is_wrong_is_a_sentence(monkeypatch, name):
    monkeypatch.setenv(name, "nowhere")
    with pytest.raises(exceptions.BotoCoreError) as error:
        targets.target(sessions.session(region_name="us-east-1"))
    assert in_words(error.value).startswith("AWS could not be asked: ")
    assert "nowhere" in in_words(error.value)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (exceptions.NoCredentialsError(), "AWS was not asked: there are no credentials."),
        (
            exceptions.PartialCredentialsError(provider="env", cred_var="x"),
            "AWS was not asked: there are no credentials.",
        ),
        (exceptions.NoRegionError(), "AWS could not be asked: You must specify a region"),
        (
            exceptions.EndpointConnectionError(endpoint_url="https://cloudformation"),
            "AWS can't be reached: ",
        ),
        (
            exceptions.EndpointConnectionError(endpoint_url="http://127.0.0.1:9"),
            """AWS can't be reached: Could not connect to the endpoint URL: \
"http://127.0.0.1:9" Was the local AWS stopped? make local-up starts it.""",
        ),
        (
            exceptions.ReadTimeoutError(endpoint_url="http://127.0.0.1:9"),
            """The local AWS doesn't answer: Read timeout on endpoint URL: \
"http://127.0.0.1:9" make local-down ends it.""",
        ),
        (
            exceptions.ConnectTimeoutError(endpoint_url="https://cloudformation"),
            "AWS can't be reached: ",
        ),
        (
            refusal("SignatureDoesNotMatch", "Signature expired: 1 is now earlier than 2"),
            "This machine's clock is wrong: set it",
        ),
        *(
            (refusal(code, why), "This machine's clock is wrong: set it")
            for code, why in (
                ("RequestTimeTooSkewed", "too large"),
                ("RequestInTheFuture", "not yet"),
                ("SignatureDoesNotMatch", "Signature not yet current: 2 is after 1"),
                ("InvalidSignatureException", "Signature expired: 1 is now earlier than 2"),
            )
        ),
        *(
            (refusal(code, "no"), "AWS doesn't take these credentials: they have expired")
            for code in (
                *("AuthFailure", "ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId"),
                *("InvalidClientTokenId", "InvalidToken", "RequestExpired"),
                *("TokenRefreshRequired", "UnrecognizedClientException"),
            )
        ),
        (
            exceptions.CredentialRetrievalError(
                provider="process", error_msg="aws-vault: not found"
            ),
            "AWS could not be asked: Error when retrieving credentials from process: aws-vault",
        ),
        (
            exceptions.TokenRetrievalError(provider="sso", error_msg="refresh failed"),
            "AWS could not be asked: Error when retrieving token from sso: refresh failed.",
        ),
        (
            exceptions.LoginRefreshRequired(),
            "AWS could not be asked: Your session has expired or credentials have changed.",
        ),
        (
            refusal("SignatureDoesNotMatch", "another key"),
            "AWS refused Ask: another key (SignatureDoesNotMatch)",
        ),
        (
            OSError(errno.ENOSPC, "No space left", "log"),
            "This machine says: No space left: log",
        ),
        *(
            (OSError(number, "No", "file"), "This machine says: No: file. What AWS had begun")
            for number in (
                *(errno.EISDIR, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO),
                *(errno.ENOTDIR, errno.EEXIST, errno.ELOOP, errno.ENFILE),
            )
        ),
        *(
            (
                OSError(number, "No", "file"),
                "This machine says: No: file (if it is another user",
            )
            for number in (errno.EACCES, errno.EPERM)
        ),
        (OSError(errno.EMFILE, "Too many"), "This machine says: Too many. What AWS had begun"),
        (
            ResponseParserError(f"{answers.WEB_PAGE} (200 OK)"),
            f"AWS's answer could not be read: {answers.WEB_PAGE} (200 OK): is there a proxy?",
        ),
        (refusal("407", ""), "AWS refused Ask: Proxy Authentication Required (407)"),
    ],
)
def test_case_34_what_keeps_aws_from_being_asked_is_a_sentence(error, said):
    assert in_words(error).startswith(said)


def test_case_34_what_a_proxy_refuses_is_no_right_that_aws_denies():
    error = exceptions.SSLError(endpoint_url="https://sts", error="tunnel: 403 Forbidden")
    assert in_words(error).endswith("403 Forbidden")


def test_a_fault_of_this_program_is_not_said_to_be_anybody_elses():
    assert in_words(ValueError("x")) is None
    assert in_words(OSError(errno.ENOENT, "No such file", "ours")) is None
