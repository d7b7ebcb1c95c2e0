"""boto3 sessions that read AWS's services and answers in ways of our own.

What is no answer of AWS's is rejected, and asked for again where that may be done twice.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from datetime import datetime
from http.client import responses
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES
from botocore.parsers import ResponseParserError
from botocore.utils import parse_timestamp

from liberty_cfn.deploy import models

# As botocore's own, but taken neither from the caller's variables nor from files.
UNTOLD = {
    name: (None, None, os.devnull if name.endswith("_file") else default, convert)
    for name, (_, _, default, convert) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
}
SUCCESS, SERVER_ERROR = 300, 500  # HTTP statuses below and from here
REFUSALS = (b"</Error>", b"</ErrorResponse>")  # how XML that tells why ends
# How the names of operations begin that may be sent twice: they change nothing, or are
# idempotent, by themselves or by the token in each request.
REPEATABLE = (
    *("Describe", "Get", "List", "Head"),
    *("DeleteChangeSet", "DeleteStack", "SetStackPolicy", "UpdateTerminationProtection"),
    *("CancelUpdateStack", "ContinueUpdateRollback", "PutSecretValue", "RollbackStack"),
)
# How many times an operation is sent before an unreadable answer counts.
ATTEMPTS = 3
WEB_PAGE = "a web page came instead of AWS's answer"


def session(*, local: bool = False, credentials: Any = None, **arguments: str) -> boto3.Session:
    """Return a session; `arguments` are those of boto3.Session.

    For the `local` AWS, the caller's profiles and proxies are ignored. `credentials` are
    botocore's, such as refreshable ones.
    """
    own = botocore.session.get_session(UNTOLD if local else None)
    if local:
        own.set_default_client_config(Config(proxies={}))
    own.register_component("data_loader", models.loader())
    parsers = own.get_component("response_parser_factory")
    parsers.set_parser_defaults(timestamp_parser=moment)
    own.register("before-parse", of_aws)
    own.register("creating-client-class", ask_again)
    if credentials:
        # There is no public way to share credentials.
        own._credentials = credentials  # noqa: SLF001
    return boto3.Session(botocore_session=own, **arguments)


def of_aws(operation_model: Any, response_dict: Mapping[str, Any], **_: object) -> None:
    """Reject an answer that isn't AWS's: botocore would crash on it, or take it for empty."""
    status, said = response_dict["status_code"], response_dict["body"]
    kind = response_dict["headers"].get("content-type", "")
    # An overloaded AWS server may answer so, too; that is retried.
    if kind.startswith("text/html") and status < SERVER_ERROR:
        raise ResponseParserError(f"{WEB_PAGE} ({status} {responses.get(status, '')})")
    if status >= SERVER_ERROR:
        return
    protocol = operation_model.service_model.resolved_protocol
    shape = operation_model.output_shape
    described = shape.serialization if shape and status < SUCCESS else {}
    # Other protocols have it in their description, but not in their answers.
    wrapper = described.get("resultWrapper") if protocol == "query" else None
    if wrapper and f"<{wrapper}".encode() not in said:
        raise ResponseParserError(f"there is no {wrapper} in it")
    # botocore takes a truncated body for an empty object, or for a refusal without a code.
    if status >= SUCCESS and protocol == "rest-xml" and said:
        if not said.rstrip().endswith(REFUSALS):
            raise ResponseParserError("the reason isn't whole")
    elif (protocol == "json" and (shape or said)) or described.get("payload") == "Policy":
        try:
            json.loads(said)
        except ValueError as error:
            raise ResponseParserError("it is no JSON") from error


class _AskingAgain:
    """A client that repeats an operation that may be sent twice if its answer is unreadable.

    botocore takes that for an answer; every other failure it retries by itself.
    """

    def _make_api_call(self, operation_name: str, api_params: Any) -> Any:
        call: Any = super()._make_api_call  # type: ignore[misc]
        for _ in range(ATTEMPTS - 1 if operation_name.startswith(REPEATABLE) else 0):
            with contextlib.suppress(ResponseParserError):
                return call(operation_name, api_params)
        return call(operation_name, api_params)


def ask_again(base_classes: list[type], **_: object) -> None:
    """Have a client ask again what may be asked twice."""
    base_classes.insert(0, _AskingAgain)


def moment(said: Any) -> datetime:
    """Return the time in an answer, as botocore parses it.

    Most are ISO 8601 with a time zone, which Python parses forty times as fast as botocore;
    that parsing took a tenth of a deploy.
    """
    try:
        found = datetime.fromisoformat(said)
    except (TypeError, ValueError):
        found = None
    return found if found and found.tzinfo else parse_timestamp(said)
