"""boto3 sessions whose clients are quick to make, and quick to read what AWS says."""

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

from liberty_cfn.deploy.models import models

SUCCESS, SERVER_ERROR = 300, 500  # HTTP statuses below and from here
REFUSALS = (b"</Error>", b"</ErrorResponse>")  # how XML that tells why ends

# What the names of operations begin with that change nothing, or leave the same as once:
# by themselves, or by the token that each request of theirs has.
REPEATABLE = (
    *("Describe", "Get", "List", "Head"),
    *("DeleteChangeSet", "DeleteStack", "SetStackPolicy", "UpdateTerminationProtection"),
    *("CancelUpdateStack", "ContinueUpdateRollback", "PutSecretValue", "RollbackStack"),
)
# As boto's own, but read nowhere: neither in the caller's variables nor in files.
UNTOLD = {
    name: (None, None, os.devnull if name.endswith("_file") else default, convert)
    for name, (_, _, default, convert) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
}
# So often an answer is asked for before it counts that it can't be read.
ATTEMPTS = 3
WEB_PAGE = "a web page came instead of AWS's answer"


def session(*, local: bool = False, credentials: Any = None, **arguments: str) -> boto3.Session:
    """Return a session; `arguments` are those of boto3.Session.

    To the `local` AWS, no profile or proxy of the caller's leads. `credentials` are
    botocore's, such as those that renew themselves.
    """
    own = botocore.session.get_session(UNTOLD if local else None)
    if local:
        own.set_default_client_config(Config(proxies={}))
    own.register_component("data_loader", models())
    parsers = own.get_component("response_parser_factory")
    parsers.set_parser_defaults(timestamp_parser=moment)
    own.register("before-parse", of_aws)
    own.register("creating-client-class", _asking_again)
    if credentials:
        # boto has no public way for credentials that are shared.
        own._credentials = credentials  # noqa: SLF001
    return boto3.Session(botocore_session=own, **arguments)


def of_aws(operation_model: Any, response_dict: Mapping[str, Any], **_: object) -> None:
    """Refuse an answer that isn't AWS's: botocore would fail on it, or take it for empty.

    Raises:
        ResponseParserError: it isn't.
    """
    status, said = response_dict["status_code"], response_dict["body"]
    kind = response_dict["headers"].get("content-type", "")
    # A server of AWS's that is overloaded may answer so, too; that is asked again.
    if kind.startswith("text/html") and status < SERVER_ERROR:
        raise ResponseParserError(f"{WEB_PAGE} ({status} {responses.get(status, '')})")
    if status >= SERVER_ERROR:
        return
    protocol = operation_model.service_model.resolved_protocol
    shape = operation_model.output_shape
    described = shape.serialization if shape and status < SUCCESS else {}
    # Described for other protocols, too, which have none.
    wrapper = described.get("resultWrapper") if protocol == "query" else None
    if wrapper and f"<{wrapper}".encode() not in said:
        raise ResponseParserError(f"there is no {wrapper} in it")
    # botocore takes what was cut off for an empty object, or for a refusal that has no code.
    if status >= SUCCESS and protocol == "rest-xml" and said:
        if not said.rstrip().endswith(REFUSALS):
            raise ResponseParserError("the reason isn't whole")
    elif (protocol == "json" and (shape or said)) or described.get("payload") == "Policy":
        try:
            json.loads(said)
        except ValueError as error:
            raise ResponseParserError("it is no JSON") from error


class _AskingAgain:
    """A client that asks again what may be asked twice, where the answer can't be read.

    To botocore, that is an answer; whatever else gets none, it asks again by itself.
    """

    def _make_api_call(self, operation_name: str, api_params: Any) -> Any:
        call: Any = super()._make_api_call  # type: ignore[misc]
        for _ in range(ATTEMPTS - 1 if operation_name.startswith(REPEATABLE) else 0):
            with contextlib.suppress(ResponseParserError):
                return call(operation_name, api_params)
        return call(operation_name, api_params)


def _asking_again(base_classes: list[type], **_: object) -> None:
    base_classes.insert(0, _AskingAgain)


def moment(said: Any) -> datetime:
    """Return the time that an answer says, as botocore reads it.

    Most are ISO 8601 with a time zone, which Python reads in a fortieth of botocore's time; a
    tenth of a deploy went into that.
    """
    try:
        found = datetime.fromisoformat(said)
    except (TypeError, ValueError):
        found = None
    return found if found and found.tzinfo else parse_timestamp(said)
