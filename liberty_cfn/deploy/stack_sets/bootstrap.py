"""The roles of a self-managed set: installed in accounts by administrators, and looked for.

The templates are reviewed in templates/bootstrap/.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from liberty_cfn.bootstrap.stack_set_administration_role import (
    ADMINISTRATION_ROLE,
    SERVICE,
    SERVICES,
    stack_set_administration_role,
)
from liberty_cfn.bootstrap.stack_set_execution_role import (
    EXECUTION_ROLE,
    stack_set_execution_role,
)
from liberty_cfn.deploy import faults, leftovers
from liberty_cfn.deploy.change_sets import CAPABILITIES, NOTHING
from liberty_cfn.deploy.diagnosis import in_words, reasons
from liberty_cfn.deploy.errors import DeployError, FollowError, UnreachableError
from liberty_cfn.deploy.events import Follower
from liberty_cfn.deploy.following import follow
from liberty_cfn.deploy.patience import Patience, Say
from liberty_cfn.deploy.stack import as_parameters, described, find
from liberty_cfn.deploy.stack_sets.reaching import Fleet, opting
from liberty_cfn.deploy.statuses import Meaning, meaning, state_of
from liberty_cfn.deploy.targets import Target
from liberty_cfn.generation import bootstrap
from liberty_cfn.local.control import SECRET
from liberty_cfn.rendering import render
from liberty_cfn.rules.rule import each

ADMINISTRATION, EXECUTION = stack_set_administration_role, stack_set_execution_role
ROLES: Mapping[Callable[[Any], object], str] = {
    ADMINISTRATION: ADMINISTRATION_ROLE,
    EXECUTION: EXECUTION_ROLE,
}


def missing(fleet: Fleet) -> dict[str, str]:
    """Return the accounts in which a role is missing, each with what is missing."""
    if fleet.targets.service_managed:
        return {}
    lacking = {}
    trusted = _trusted(fleet)
    if not trusted:
        lacking[fleet.home.account] = f"the role {ADMINISTRATION_ROLE} isn't there"
    elif untrusted := sorted(_services(fleet) - trusted):
        why = f"the role {ADMINISTRATION_ROLE} doesn't let {', '.join(untrusted)} take it"
        lacking[fleet.home.account] = why
    first = {place.account: place for place in reversed(fleet.targets.places)}
    _, failed = fleet.everywhere(first.values(), fleet.at)
    return {place.account: why for place, why in failed.items()} | lacking


def install(fleet: Fleet, role: str, say: Say) -> tuple[dict[str, str], dict[str, str]]:
    """Install the roles in the home account and every target's; return what was done, and not.

    Other accounts are reached through their `role`; on the local AWS, an account's number is
    its access key. If one fails, the others still get theirs.
    """
    done: dict[str, str] = {}
    failed: dict[str, str] = {}
    # Keep what other sets need.
    services = {SERVICES: ",".join(sorted(_services(fleet) | _trusted(fleet)))}
    done[f"{fleet.home.account} (administrator)"] = _put(
        fleet, fleet.home, ADMINISTRATION, services
    )
    given = {"AdministratorAccountId": fleet.home.account}
    for account in dict.fromkeys(place.account for place in fleet.targets.places):
        try:
            there = administrator(fleet, account, role, fleet.home.region)
            done[account] = _put(fleet, there, EXECUTION, given)
        except UnreachableError as error:
            failed[account] = f"{error}; by hand: {by_hand(fleet, account)}"
        except (DeployError, FollowError) as error:
            failed[account] = str(error)
        except ClientError as error:
            if faults.expired(error):
                raise
            failed[account] = faults.in_words(error)
        else:
            say(f"{account}: {EXECUTION.__name__.replace('_', ' ')} {done[account]}")
    return done, failed


def _services(fleet: Fleet) -> set[str]:
    """Return the services that have to assume the administration role in the set's regions."""
    regions = opting(fleet.home.client("ec2"), [place.region for place in fleet.targets.places])
    own = (f"cloudformation.{region}.amazonaws.com" for region, on in regions.items() if on)
    return {SERVICE, *own}


def _trusted(fleet: Fleet) -> set[str]:
    """Return the services that may assume the administration role; none if it doesn't exist."""
    if (found := leftovers.role(fleet.home, ADMINISTRATION_ROLE)) is None:
        return set()
    named = each(
        found["AssumeRolePolicyDocument"], "Statement", "*", "Principal", "Service", "*"
    )
    return {service for _, service in named}


def by_hand(fleet: Fleet, account: str) -> str:
    """Return the command that installs the execution role in an account by hand."""
    name, _ = bootstrap(EXECUTION)
    return (
        f"aws cloudformation deploy --stack-name liberty-cfn-{name} --template-file "
        f"templates/bootstrap/{name}.yaml --capabilities CAPABILITY_NAMED_IAM "
        f"--region {fleet.home.region} --parameter-overrides "
        f"AdministratorAccountId={fleet.home.account}  # as an administrator of {account}"
    )


def administrator(fleet: Fleet, account: str, role: str, region: str) -> Target:
    """Return an account's region as its administrator.

    In the home account with the credentials at hand, in others with those of `role`.

    Raises:
        UnreachableError: the role doesn't exist, or can't be assumed.
    """
    home = fleet.home
    if account == home.account:
        credentials = home.session.get_credentials()
    elif fleet.environment.is_local:
        credentials = Credentials(account, SECRET)
    else:
        credentials = fleet.credentials(account, role)
    return home.elsewhere(account, region, credentials)


def _put(
    fleet: Fleet, target: Target, build: Callable[[Any], object], given: Mapping[str, str]
) -> str:
    """Create or update the stack of one role; return which, or that neither was needed.

    Raises:
        DeployError: it failed, or is in a state that has to be resolved first.
    """
    cloudformation = target.client("cloudformation")
    name, template = bootstrap(build)
    stack = f"liberty-cfn-{name}"
    there = find(cloudformation, stack)
    again = f"make bootstrap ENV={fleet.environment.name}"
    state = state_of(there)
    stands = state in (Meaning.GOOD, Meaning.UNDONE)
    # Someone deleted the role by hand: an update of its stack would find nothing to change.
    lost = stands and leftovers.role(target, ROLES[build]) is None
    if there and (state is Meaning.BROKEN or lost):
        gone = Follower(cloudformation, there["StackId"])
        cloudformation.delete_stack(StackName=there["StackId"])
        follow(gone, list, Patience(there["StackId"], again=again))
    asked = {
        "StackName": stack,
        "TemplateBody": render(template, f"liberty_cfn/bootstrap/{build.__name__}.py"),
        "Parameters": as_parameters(given),
        "Capabilities": CAPABILITIES,
    }
    try:
        if stands and not lost:
            stack_id = str(cloudformation.update_stack(**asked)["StackId"])
        else:
            stack_id = str(cloudformation.create_stack(**asked)["StackId"])
    except ClientError as error:
        if any(words in str(error) for words in NOTHING):
            return "is as it should be"
        raise
    found = described(cloudformation, stack_id)
    since = found.get("LastUpdatedTime") or found["CreationTime"]
    follower = Follower(cloudformation, stack_id, since)
    status, events = follow(follower, list, Patience(stack_id, again=again))
    if meaning(status) is not Meaning.GOOD:
        why = "; ".join(in_words(event) for event in reasons(events)) or "no reason given"
        raise DeployError(f"{stack} in account {target.account} ended as {status}: {why}")
    return "made" if status == "CREATE_COMPLETE" else "changed"
