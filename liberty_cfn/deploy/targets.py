"""Which account and region to deploy to, and with which credentials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from json import JSONDecodeError
from threading import Lock
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError, InvalidEndpointConfigurationError

from liberty_cfn.deploy import faults, sessions
from liberty_cfn.deploy.errors import DeployError
from liberty_cfn.environments import Environment
from liberty_cfn.local import control

# AWS throttles long deploys; the client slows down by itself rather than failing.
# Where packets are dropped, on a network that went away, it would fall silent for ten minutes.
PATIENT = Config(
    retries={"mode": "adaptive", "max_attempts": 10},
    connect_timeout=10,
    user_agent_extra="liberty-cfn",
)
# For the first call, which finds out whether AWS can be reached at all.
BRIEF = Config(retries={"total_max_attempts": 2}, connect_timeout=10)


@dataclass(frozen=True)
class Target:
    """An account's region, and the means to talk to it.

    `uploads_to` is the target whose bucket its templates are uploaded to; None for its own.
    """

    session: Any
    account: str
    endpoint: str | None = None
    uploads_to: Target | None = None
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def client(self, service: str) -> Any:
        """Return the boto3 client of a service, always the same one."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = _client(self.session, service, self.endpoint, PATIENT)
            return self._clients[service]

    @property
    def is_aws(self) -> bool:
        """Whether this is AWS itself, with quotas, and zones that DNS knows."""
        url = self.client("cloudformation").meta.endpoint_url
        # The second if endpoints with IPv6 are asked for (AWS_USE_DUALSTACK_ENDPOINT).
        return any(domain in url for domain in (".amazonaws.com", ".api.aws"))

    @property
    def region(self) -> str:
        return str(self.session.region_name)

    @property
    def partition(self) -> str:
        return str(self.session.get_partition_for_region(self.region))

    @property
    def domain(self) -> str:
        """The domain of AWS's endpoints."""
        return "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"

    def elsewhere(self, account: str, region: str, credentials: Any) -> Target:
        """Return another account or region of the same AWS."""
        session = sessions.session(
            local=self.endpoint is not None, credentials=credentials, region_name=region
        )
        return Target(session, account, self.endpoint)


def _client(session: Any, service: str, endpoint: str | None, config: Config) -> Any:
    """Return a new client.

    Raises:
        InvalidEndpointConfigurationError: a variable such as AWS_ENDPOINT_URL is wrong.
    """
    try:
        return session.client(service, endpoint_url=endpoint, config=config)
    except JSONDecodeError:
        # A credential_process printed something other than credentials.
        raise
    except ValueError as error:
        raise InvalidEndpointConfigurationError(msg=error) from error


def connect(environment: Environment, say: Callable[[str], object]) -> Target:
    """Return the environment's target; the local AWS is started if it is not up.

    On AWS, credentials come from wherever boto3 finds them.

    Raises:
        LocalAwsError: the local AWS doesn't start.
        DeployError: the environment is pinned to another account than the credentials'.
        BotoCoreError: there are no credentials, or AWS can't be reached.
        ClientError: AWS refuses the credentials.
    """
    if environment.is_local:
        local = control.up(say=say)
        credentials = local.credentials | {"region_name": environment.region}
        found = target(sessions.session(local=True, **credentials), local.endpoint)
    else:
        found = target(sessions.session(region_name=environment.region))
    if environment.account and found.account != environment.account:
        raise DeployError(
            f"These credentials are account {found.account}'s, and {environment.name} is in "
            f"{environment.account} (Account in params/{environment.name}.yaml). Nothing was "
            "changed; sign in to the other account, or choose its profile (AWS_PROFILE).",
            expected=environment.account,
            found=found.account,
        )
    return found


def target(session: Any, endpoint: str | None = None) -> Target:
    """Return the target that a session's credentials belong to, if they are valid."""
    try:
        caller = _client(session, "sts", endpoint, BRIEF).get_caller_identity()
    except ClientError as error:
        if not faults.passes(error):
            raise
        # AWS was reached, and is only busy.
        caller = _client(session, "sts", endpoint, PATIENT).get_caller_identity()
    return Target(session, str(caller["Account"]), endpoint)
