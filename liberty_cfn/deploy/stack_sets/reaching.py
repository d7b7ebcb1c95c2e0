"""The targets of a stack set, each reached through its account's execution role.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-prereqs-self-managed.html
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from threading import Lock
from typing import Any, TypeVar

from botocore.credentials import RefreshableCredentials, create_assume_role_refresher
from botocore.exceptions import ClientError

from liberty_cfn.deploy import faults
from liberty_cfn.deploy.buckets import EXECUTION_ROLE
from liberty_cfn.deploy.errors import DeployError, FollowError, UnreachableError
from liberty_cfn.deploy.targets import Target
from liberty_cfn.deployment_targets import Place, Targets, crowding
from liberty_cfn.environments import Environment
from liberty_cfn.side_by_side import side_by_side

T = TypeVar("T")
# As many targets at once as AWS answers without throttling.
AT_ONCE = 8
KEPT = 2 * AT_ONCE
NEEDLESS = "opt-in-not-required"
SESSION_NAME = "liberty-cfn"


@dataclasses.dataclass(frozen=True)
class Fleet:
    """A stack set's environment, its home, and the way to each of its targets.

    `environment` lists its places account by account, even if the file names units.
    """

    environment: Environment
    home: Target
    _keys: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False)
    _targets: dict[Place, Target] = dataclasses.field(default_factory=dict, repr=False)
    _lock: Lock = dataclasses.field(default_factory=Lock, repr=False)

    @property
    def name(self) -> str:
        return self.environment.stack

    @property
    def cloudformation(self) -> Any:
        return self.home.client("cloudformation")

    @property
    def targets(self) -> Targets:
        """Return what the environment's file says of targets.

        Raises:
            TypeError: it names none: the environment is no stack set.
        """
        if self.environment.targets is None:
            raise TypeError(f"{self.environment.name} has no Targets")
        return self.environment.targets

    def at(self, place: Place) -> Target:
        """Return a place's target.

        Raises:
            UnreachableError: the execution role doesn't exist, or can't be assumed.
        """
        with self._lock:
            if place not in self._targets:
                self._targets[place] = self._target(place)
                # A hundred targets' clients would take too much memory.
                if len(self._targets) > KEPT:
                    self._targets.pop(next(iter(self._targets)))
            return self._targets[place]

    def _target(self, place: Place) -> Target:
        if place.account not in self._keys:
            try:
                self._keys[place.account] = self.credentials(place.account, EXECUTION_ROLE)
            except UnreachableError as error:
                if self.targets.service_managed:
                    # Whose roles AWS makes; to look into them, there has to be this one, too.
                    raise
                why = f"{error}: make bootstrap ENV={self.environment.name}"
                raise UnreachableError(why) from error
        return self.home.elsewhere(place.account, place.region, self._keys[place.account])

    def credentials(self, account: str, role: str) -> Any:
        """Return an account's credentials by one of its roles; they renew themselves.

        Raises:
            UnreachableError: the role doesn't exist, or can't be assumed.
        """
        sts = self.home.client("sts")
        arn = f"arn:{self.home.partition}:iam::{account}:role/{role}"

        asked = {"RoleArn": arn, "RoleSessionName": SESSION_NAME}
        taken = create_assume_role_refresher(sts, asked)
        try:
            return RefreshableCredentials.create_from_metadata(taken(), taken, "assume-role")
        except ClientError as error:
            if faults.code(error) not in ("AccessDenied", "AccessDeniedException"):
                raise
            raise UnreachableError(
                f"the role {role} isn't there, or can't be taken from account "
                f"{self.home.account}"
            ) from error

    def everywhere(
        self,
        places: Iterable[Place],
        work: Callable[[Place], T],
        tell: Callable[[int, int], object] = lambda _done, _all: None,
        *,
        finish: bool = False,
    ) -> tuple[dict[Place, T], dict[Place, str]]:
        """Do `work` in many places, several at a time; return the results, and why some failed.

        `tell` hears how many are done, and of how many. `finish` is for work that does more
        than look: on Ctrl-C, it is waited for.
        """
        wanted = list(places)
        done: dict[Place, T] = {}
        failed: dict[Place, str] = {}

        def one(place: Place) -> tuple[Place, T | None, str]:
            try:
                return place, work(place), ""
            except (DeployError, FollowError, *faults.OF_AWS) as error:
                # Without credentials, no other place would answer either.
                if faults.expired(error.__cause__ or error):
                    raise
                of_aws = isinstance(error, faults.OF_AWS)
                return place, None, faults.in_words(error) if of_aws else str(error)

        told = side_by_side(one, wanted, min(AT_ONCE, len(wanted)), finish=finish)
        for number, (place, found, why) in enumerate(told, 1):
            if why:
                failed[place] = why
            else:
                done[place] = found  # type: ignore[assignment]
            tell(number, len(wanted))
        return done, failed


def fleet(environment: Environment, home: Target) -> Fleet:
    """Return an environment's fleet; whole units stand for the accounts in them now.

    Raises:
        DeployError: the accounts of a unit would want the same names.
    """
    targets = environment.targets
    if targets is None or not targets.units or targets.account_filter == "INTERSECTION":
        return Fleet(environment, home)
    organizations = home.client("organizations")
    members = {unit: list(_members(organizations, unit)) for unit in targets.units}
    excluded = targets.accounts if targets.account_filter == "DIFFERENCE" else ()
    overrides: dict[Place, Mapping[str, str]] = {}
    for place, different in targets.overrides.items():
        for account in members.get(place.account, [place.account]):
            if account not in excluded:
                overrides.setdefault(Place(account, place.region), different)
    if not overrides:
        raise DeployError(f"There is no account in {', '.join(targets.units)}.")
    settings = {p: {**environment.settings, **own} for p, own in overrides.items()}
    if crowded := [f"{place}: {key}: {why}" for place, key, why in crowding(settings)]:
        why = (
            "The accounts of these units would want the same names; name them in Accounts, and "
            "say what differs in ParameterOverrides:"
        )
        raise DeployError("\n".join([why, *crowded]))
    canary = targets.canary if targets.canary in overrides else next(iter(overrides))
    units = [*targets.units]
    if targets.account_filter == "UNION":
        # AWS creates no stacks by UNION, only by units and the accounts in them.
        inside = set(itertools.chain(*members.values()))
        outside = [account for account in targets.accounts if account not in inside]
        parents = [organizations.list_parents(ChildId=one)["Parents"][0] for one in outside]
        units += dict.fromkeys(parent["Id"] for parent in parents)
    expanded = dataclasses.replace(
        targets, units=tuple(units), overrides=overrides, canary=canary
    )
    return Fleet(dataclasses.replace(environment, targets=expanded), home)


def _members(organizations: Any, unit: str) -> Iterator[str]:
    """Yield the active accounts of an organizational unit, and of those below it."""
    accounts = organizations.get_paginator("list_accounts_for_parent")
    for account in accounts.paginate(ParentId=unit).search("Accounts"):
        if account["Status"] == "ACTIVE":
            yield account["Id"]
    below = organizations.get_paginator("list_organizational_units_for_parent")
    for inner in below.paginate(ParentId=unit).search("OrganizationalUnits"):
        yield from _members(organizations, inner["Id"])


def opting(ec2: Any, regions: Iterable[str]) -> dict[str, bool]:
    """Return which of these regions are opt-in, and whether the account has enabled them."""
    found = ec2.describe_regions(RegionNames=sorted(set(regions)), AllRegions=True)["Regions"]
    states = {each["RegionName"]: each.get("OptInStatus", NEEDLESS) for each in found}
    return {
        region: state != "not-opted-in" for region, state in states.items() if state != NEEDLESS
    }


def products(places: Iterable[Place]) -> list[tuple[list[str], list[str]]]:
    """Return places as few pairs of accounts and regions, which is what an operation takes."""
    by_region: dict[str, list[str]] = {}
    for place in places:
        by_region.setdefault(place.region, []).append(place.account)
    found: dict[tuple[str, ...], list[str]] = {}
    for region, accounts in by_region.items():
        found.setdefault(tuple(accounts), []).append(region)
    return [(list(accounts), regions) for accounts, regions in found.items()]


def where(targets: Targets, accounts: list[str], regions: list[str]) -> dict[str, Any]:
    """Return the arguments that tell an operation its targets."""
    if not targets.service_managed:
        return {"Accounts": accounts, "Regions": regions}
    return {
        "DeploymentTargets": {
            "OrganizationalUnitIds": list(targets.units),
            "Accounts": accounts,
            "AccountFilterType": "INTERSECTION",
        },
        "Regions": regions,
    }


def taking_out(fleet: Fleet, place: Place) -> str:
    """Return the command that takes a place out of its set, and keeps its stacks.

    https://repost.aws/knowledge-center/cloudformation-removal-stacksets
    """
    account = f"--accounts {place.account}"
    if fleet.targets.service_managed:
        units = ",".join(fleet.targets.units)
        account = (
            f"--deployment-targets OrganizationalUnitIds={units},Accounts={place.account},"
            "AccountFilterType=INTERSECTION"
        )
    return (
        "aws cloudformation delete-stack-instances --retain-stacks "
        f"--region {fleet.home.region} --stack-set-name {fleet.name} {account} "
        f"--regions {place.region}"
    )
