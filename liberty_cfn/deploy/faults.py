"""Which answers are no answer: AWS could not say, and is to be asked again.

What passes by itself is told apart from credentials that are over, which a person renews.
"""

from __future__ import annotations

from botocore import exceptions as aws
from botocore.parsers import ResponseParserError

THROTTLED = {
    "PriorRequestNotComplete",
    "RequestLimitExceeded",
    "RequestTimeout",
    "RequestTimeoutException",
    "SlowDown",
    "Throttling",
    "ThrottledException",
    "ThrottlingException",
    "TooManyRequestsException",
}
EXPIRED = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "RequestExpired",
    "UnrecognizedClientException",
}
SERVER_ERROR = 500


def code(error: BaseException) -> str:
    """Return AWS's code for an error, empty where it has none."""
    if isinstance(error, aws.ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return ""


def passes(error: BaseException) -> bool:
    """Whether an error says nothing about what was asked, only that it wasn't answered."""
    if isinstance(error, aws.ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return code(error) in THROTTLED or status >= SERVER_ERROR
    return isinstance(
        error, aws.HTTPClientError | aws.IncompleteReadError | ResponseParserError
    )


def expired(error: BaseException) -> bool:
    """Whether the credentials were good once, and are no longer."""
    return code(error) in EXPIRED or isinstance(
        error,
        aws.CredentialRetrievalError
        | aws.NoCredentialsError
        | aws.SSOError
        | aws.TokenRetrievalError,
    )


def missing(error: BaseException) -> bool:
    """Whether there is no such stack. There is no code for this, only words."""
    return isinstance(error, aws.ClientError) and "does not exist" in str(error)
