"""Reading AWS: each answer once, with all its pages, and refusals as sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from threading import Lock
from typing import Any

from botocore import exceptions
from botocore.parsers import ResponseParserError

from liberty_cfn.environments import Environment

# How services say that something doesn't exist. For a bucket, it is the bare HTTP status.
NOT_FOUND = {
    "404",
    "CacheClusterNotFound",
    "CacheSubnetGroupNotFoundFault",
    "ClusterNotFoundException",
    "DBInstanceNotFound",
    "LifecyclePolicyNotFoundException",
    "ListenerNotFound",
    "LoadBalancerNotFound",
    "NoSuchBucket",
    "NoSuchBucketPolicy",
    "NoSuchCORSConfiguration",
    "NoSuchEntity",
    "NoSuchHostedZone",
    "NoSuchLifecycleConfiguration",
    "NoSuchPublicAccessBlockConfiguration",
    "NotFound",
    "ReplicationGroupNotFoundFault",
    "RepositoryNotFoundException",
    "ResourceNotFoundException",
    "ServerSideEncryptionConfigurationNotFoundError",
    "ServiceNotFoundException",
    "TargetGroupNotFound",
}
# The credentials aren't accepted: no other call would be answered either.
NOT_KNOWN = {
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidToken",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
UNREACHABLE = (
    exceptions.ConnectionError,
    exceptions.CredentialRetrievalError,
    exceptions.NoAuthTokenError,
    exceptions.NoCredentialsError,
    exceptions.NoRegionError,
    exceptions.PartialCredentialsError,
    exceptions.ProfileNotFound,
    exceptions.SSOError,
    exceptions.TokenRetrievalError,
)


class VerifyError(Exception):
    """AWS can't be asked at all: it can't be reached, or rejects the credentials."""


class MissingError(Exception):
    """Something doesn't exist. `thing` says what, if not what the row is about."""

    def __init__(self, thing: str = "") -> None:
        super().__init__(thing)
        self.thing = thing


class RefusedError(Exception):
    """AWS refused one question. The message says which, and AWS's words."""


class Aws:
    """What exists in an environment's account and region.

    Rows ask at the same time, and often for the same, so answers are kept, refusals included.
    """

    def __init__(self, environment: Environment, client: Callable[[str], Any]) -> None:
        self.environment = environment
        self._client = client
        self._lock = Lock()
        self._clients: dict[str, Any] = {}
        self._answers: dict[str, Future[Any]] = {}
        try:
            caller = self.read("sts", "get_caller_identity")
        except RefusedError as error:
            raise VerifyError(f"AWS does not say whose account this is: {error}") from error
        self.account: str = caller["Account"]
        self.partition: str = caller["Arn"].split(":")[1]
        self.region = environment.region

    def named(self, name: str) -> str:
        return self.environment.named(name)

    @property
    def settings(self) -> Mapping[str, str]:
        return self.environment.settings

    def number(self, setting: str) -> int:
        return int(self.settings[setting])

    def flag(self, setting: str) -> bool:
        return self.settings[setting] == "true"

    def arn(self, service: str, resource: str, *, regional: bool = True) -> str:
        """Return the ARN of something of this account's."""
        region = self.region if regional else ""
        return f"arn:{self.partition}:{service}:{region}:{self.account}:{resource}"

    def read(self, service: str, operation: str, **arguments: Any) -> Any:
        """Return what an operation answers, with all pages of it.

        Raises:
            MissingError: what was asked for isn't there.
            RefusedError: AWS didn't answer.
            VerifyError: AWS can't be asked at all.
        """
        return self._once(service, operation, arguments, paged=True)

    def read_page(self, service: str, operation: str, **arguments: Any) -> Any:
        """Return the first page only: what is wanted comes first, and the rest may be long.

        Raises:
            MissingError: what was asked for isn't there.
            RefusedError: AWS didn't answer.
            VerifyError: AWS can't be asked at all.
        """
        return self._once(service, operation, arguments, paged=False)

    def read_if_any(self, service: str, operation: str, **arguments: Any) -> Any:
        """Return what an operation answers; {} if there is no such thing.

        Raises:
            RefusedError: AWS didn't answer.
            VerifyError: AWS can't be asked at all.
        """
        try:
            return self.read(service, operation, **arguments)
        except MissingError:
            return {}

    def _once(
        self, service: str, operation: str, arguments: dict[str, Any], *, paged: bool
    ) -> Any:
        key = f"{service} {operation} {sorted(arguments.items())} {paged}"
        with self._lock:
            known = self._answers.get(key)
            answer = self._answers.setdefault(key, Future())
        if known is None:
            try:
                answer.set_result(self._ask(service, operation, arguments, paged=paged))
            # Ctrl-C, too: else whoever waits for the answer would wait for ever.
            except BaseException as error:  # noqa: BLE001
                answer.set_exception(error)
        return answer.result()

    def _ask(
        self, service: str, operation: str, arguments: dict[str, Any], *, paged: bool
    ) -> Any:
        asked = f"{service} {operation}"
        try:
            client = self._client_of(service)
            if paged and client.can_paginate(operation):
                return client.get_paginator(operation).paginate(**arguments).build_full_result()
            return getattr(client, operation)(**arguments)
        except exceptions.ClientError as error:
            raise _in_words(asked, error) from error
        except UNREACHABLE as error:
            raise VerifyError(f"AWS can't be asked ({asked}): {error}") from error
        except (exceptions.BotoCoreError, ResponseParserError) as error:
            raise RefusedError(f"{asked}: {error}") from error

    def _client_of(self, service: str) -> Any:
        # Creating clients is not thread-safe in boto3.
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._client(service)
            return self._clients[service]


def _in_words(asked: str, error: exceptions.ClientError) -> Exception:
    code = error.response.get("Error", {}).get("Code", "")
    message = error.response.get("Error", {}).get("Message", "")
    sentence = f"{asked}: {code}: {message}".rstrip(": ")
    if code in NOT_KNOWN:
        return VerifyError(f"AWS does not know who asks ({sentence})")
    # ECS has no code for a task definition that doesn't exist, only words.
    if code in NOT_FOUND or (code == "ClientException" and "Unable to describe" in message):
        return MissingError()
    return RefusedError(sentence)
