"""What an error from AWS means: ask again, renew the credentials, or accept a refusal.

A transient error says nothing about what was asked.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from http.client import responses
from typing import Any

from botocore import exceptions as aws
from botocore.parsers import ResponseParserError

# All errors that a call of AWS can raise.
OF_AWS = (aws.ClientError, aws.BotoCoreError, ResponseParserError)

# Codes of transient errors: too many requests, or another operation in the way.
PASSING = re.compile(
    "Throttl|TooManyRequests|RequestLimitExceeded|RequestTimeout|SlowDown|OperationAborted"
    "|PriorRequestNotComplete"
)
EXPIRED = {
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidToken",
    # What EC2 says of temporary credentials that have expired.
    "RequestExpired",
    "TokenRefreshRequired",
    "UnrecognizedClientException",
}
REFUSED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")
# The time in a request's signature is too far from AWS's own.
SKEWED = {"RequestTimeTooSkewed", "RequestInTheFuture"}
SKEWED_WORDS = ("Signature expired", "Signature not yet current")
SERVER_ERROR = 500
# As in "Stack:x is in UPDATE_IN_PROGRESS state and can not be updated", and "This stack is
# currently in a non-terminal [UPDATE_FAILED] state".
UNREADY = re.compile(r"is (currently )?in .*\bstate\b")


def code(error: BaseException) -> str:
    """Return AWS's code for an error, empty where it has none."""
    if isinstance(error, aws.ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return ""


def short(error: BaseException) -> str:
    """Return AWS's code for an error, or its class where it has none."""
    return code(error) or type(error).__name__


def passes(error: BaseException) -> bool:
    """Whether an error is transient: there was no answer, rather than a refusal."""
    if isinstance(error, aws.ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return bool(PASSING.search(code(error))) or status >= SERVER_ERROR
    return isinstance(
        error, aws.HTTPClientError | aws.IncompleteReadError | ResponseParserError
    )


def cut_off(error: BaseException) -> bool:
    """Whether AWS can't be reached, as when this machine's network is down for a while.

    False for the local AWS: one that can't be reached was stopped.
    """
    down = aws.EndpointConnectionError | aws.ConnectTimeoutError | aws.ProxyConnectionError
    return isinstance(error, down) and "//127.0.0.1" not in str(error)


def expired(error: BaseException) -> bool:
    """Whether the credentials are no longer valid, or can't be renewed."""
    return code(error) in EXPIRED or isinstance(
        error,
        aws.CredentialRetrievalError
        | aws.LoginError
        | aws.NoCredentialsError
        | aws.SSOError
        | aws.TokenRetrievalError,
    )


@contextlib.contextmanager
def unless(*codes: str) -> Iterator[None]:
    """Carry on if AWS refuses with one of these codes, such as that there is no such thing."""
    try:
        yield
    except aws.ClientError as error:
        if code(error) not in codes:
            raise


@contextlib.contextmanager
def unless_missing() -> Iterator[None]:
    """Carry on if the stack that is asked about is gone: somebody deleted it."""
    try:
        yield
    except aws.ClientError as error:
        if not missing(error):
            raise


def skewed(error: BaseException) -> bool:
    """Whether a request was refused because this machine's clock is wrong."""
    worded = any(words in str(error) for words in SKEWED_WORDS)
    return code(error) in SKEWED or (isinstance(error, aws.ClientError) and worded)


def in_words(error: BaseException) -> str:
    """Return what AWS refused, why, and the code it has for it."""
    if isinstance(error, ResponseParserError):
        return "AWS's answer could not be read: it was cut off, or is not what AWS says"
    if not isinstance(error, aws.ClientError):
        return f"AWS could not be asked: {error}".rstrip().removesuffix(".")
    response: Mapping[str, Any] = error.response
    told, status = response.get("Error", {}), response.get("ResponseMetadata", {})
    known = told.get("Code") or str(status.get("HTTPStatusCode", "no code"))
    named = responses.get(int(known), "") if known.isdigit() else ""
    why = told.get("Message") or named or "no reason given"
    return f"AWS refused {error.operation_name}: {why} ({known})"


def unready(error: BaseException) -> bool:
    """Whether a stack is in a state in which this can't be done. There is no code for this."""
    return isinstance(error, aws.ClientError) and bool(UNREADY.search(str(error)))


def missing(error: BaseException) -> bool:
    """Whether there is no such stack. There is no code for this, only words."""
    return isinstance(error, aws.ClientError) and "does not exist" in str(error)
