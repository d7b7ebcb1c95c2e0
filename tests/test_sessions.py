"""What the sessions for AWS read by themselves."""

import direct
import pytest
from botocore.awsrequest import AWSResponse
from botocore.httpsession import URLLib3Session
from botocore.parsers import ResponseParserError
from botocore.utils import parse_timestamp
from wire import BROKEN, Body, Wire, stack

from liberty_cfn.deploy import answers, sessions, targets
from liberty_cfn.deploy.stack import find
from liberty_cfn.environments import load
from liberty_cfn.mishaps import in_words

CREDENTIALS = {
    "aws_access_key_id": "key",
    "aws_secret_access_key": "secret",
    "region_name": "us-east-1",
}


@pytest.mark.parametrize(
    "said",
    [
        "2026-01-02T03:04:05Z",
        "2026-01-02T03:04:05.678Z",
        "2026-01-02T03:04:05.678912+02:00",
        "2026-01-02T03:04:05",
        "20260102T030405Z",
        "Fri, 02 Jan 2026 03:04:05 GMT",
        "1767323045",
        "20260102",
        1767323045,
        1767323045.678,
    ],
)
def test_a_time_is_what_botocore_reads_in_it(said):
    found, expected = answers.moment(said), parse_timestamp(said)
    assert (found, found.utcoffset()) == (expected, expected.utcoffset())


def test_an_answers_times_are_read_by_it(aws, monkeypatch):
    aws.client("s3").create_bucket(Bucket="one")
    monkeypatch.setattr(answers, "moment", lambda said: ("read", said))
    session = sessions.session(**aws.local.credentials)
    client = session.client("s3", endpoint_url=aws.endpoint)
    [bucket] = client.list_buckets()["Buckets"]
    assert bucket["CreationDate"][0] == "read"


@pytest.mark.parametrize(
    "told",
    [
        {"AWS_PROFILE": "nothing"},
        {"AWS_CONFIG_FILE": __file__},
        {"AWS_RETRY_MODE": "nonsense"},
        {"NO_PROXY": "", "no_proxy": "", "http_proxy": "http://127.0.0.1:9"},
    ],
)
def test_nothing_that_a_person_told_aws_s_tools_is_in_the_way_to_the_local_aws(
    aws, monkeypatch, told
):
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    # As it goes without the tests' short cut.
    monkeypatch.setattr(URLLib3Session, "send", direct.usually)
    monkeypatch.setattr("liberty_cfn.local.control.up", lambda say: aws.local)
    home = targets.connect(load("local"), print)
    there = home.elsewhere(home.account, "eu-west-1", home.session.get_credentials())
    assert there.client("sts").get_caller_identity()["Account"] == home.account


@pytest.mark.parametrize("dual_stack", ["false", "true"])
def test_aws_is_known_by_its_endpoints_also_where_they_take_ipv6(monkeypatch, dual_stack):
    monkeypatch.setenv("AWS_USE_DUALSTACK_ENDPOINT", dual_stack)
    assert targets.Target(sessions.session(**CREDENTIALS), "1").is_aws
    local = targets.Target(sessions.session(**CREDENTIALS), "1", "http://127.0.0.1:1")
    assert not local.is_aws


def test_case_19_what_is_only_read_is_asked_for_again_where_the_answer_cannot_be_read():
    wire = Wire(DescribeStacks=[BROKEN, BROKEN, stack("UPDATE_COMPLETE")], CreateStack=[BROKEN])
    assert find(wire.client, "x")["StackStatus"] == "UPDATE_COMPLETE"
    with pytest.raises(ResponseParserError):
        wire.client.create_stack(StackName="x")
    asked = [operation for operation, _ in wire.asked]
    assert asked == ["DescribeStacks"] * 3 + ["CreateStack"]


PAGE = "<html><body>Sign in</body></html>"


@pytest.mark.parametrize("status", [200, 407])
@pytest.mark.parametrize("service", ["cloudformation", "ecr"])
def test_a_web_page_in_aws_s_place_is_a_sentence_that_names_the_proxy(service, status):
    client = sessions.session(**CREDENTIALS).client(service)
    read = {"cloudformation": "describe_stacks", "ecr": "describe_repositories"}[service]
    page = AWSResponse("https://x", status, {"content-type": "text/html"}, Body(PAGE))
    client.meta.events.register("before-send", lambda **_: page)
    with pytest.raises(ResponseParserError) as error:
        getattr(client, read)()
    assert str(status) in in_words(error.value)
    assert "HTTPS_PROXY" in in_words(error.value)


@pytest.mark.parametrize(
    ("service", "asked", "status", "cut"),
    [
        ("ecr", "describe_repositories", 200, '{"repositories": [{"repositoryName": "backe'),
        ("ecs", "list_clusters", 200, ""),
        ("s3", "get_bucket_policy", 200, '{"Version": "2012-10-17", "Stat'),
        ("ecr", "describe_repositories", 400, '{"__type": "RepositoryNotFoundExcep'),
        ("s3", "get_bucket_policy", 404, "<Error><Code>NoSuchBucketPolicy</Code><Mess"),
        ("route53", "list_hosted_zones", 403, "<ErrorResponse><Error><Code>Acc"),
    ],
)
def test_case_19_what_was_cut_off_is_not_taken_for_an_answer(service, asked, status, cut):
    client = sessions.session(**CREDENTIALS).client(service)
    answer = AWSResponse("https://x", status, {}, Body(cut))
    client.meta.events.register("before-send", lambda **_: answer)
    with pytest.raises(ResponseParserError) as error:
        getattr(client, asked)(**({"Bucket": "templates"} if service == "s3" else {}))
    assert "could not be read: it was cut off" in in_words(error.value)


def test_what_is_no_time_is_refused():
    with pytest.raises(ValueError, match="soon"):
        answers.moment("soon")
