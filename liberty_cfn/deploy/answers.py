"""Answers of AWS: how they are read, and asked for again where they can't be."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from datetime import datetime
from http.client import responses
from typing import Any

from botocore.parsers import ResponseParserError
from botocore.utils import parse_timestamp

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


def of_aws(operation_model: Any, response_dict: Mapping[str, Any], **_: object) -> None:
    """Reject an answer that isn't AWS's: botocore would crash on it, or take it for empty.

    Raises:
        ResponseParserError: it isn't AWS's, or was cut short.
    """
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
