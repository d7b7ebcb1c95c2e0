"""`Targets:` of params/<environment>.yaml: the accounts and regions of a stack set.

Self-managed: `Accounts` x `Regions`. Service-managed: `OrganizationalUnitIds` x `Regions`,
narrowed by `Accounts`. `ParameterOverrides` say what differs for a region, a unit, an
account, or an account in a region; the later in this list wins. The words are those of
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStackInstances.html
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from liberty_cfn.misfits import Misfit, as_text, partition, regions
from liberty_cfn.settings import Declaration

TARGETS, OVERRIDES, PREFERENCES = "Targets", "ParameterOverrides", "OperationPreferences"
UNIT = re.compile(r"ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}|r-[a-z0-9]{4,32}")
ACCOUNT = re.compile(r"\d{12}")
FILTERS = ("NONE", "INTERSECTION", "DIFFERENCE", "UNION")
KEYS = (
    *("Accounts", "OrganizationalUnitIds", "AccountFilterType", "Regions", OVERRIDES),
    *(PREFERENCES, "Canary", "ManagedExecution", "AutoDeployment"),
    "RetainStacksOnAccountRemoval",
)
# What an operation may be asked, each as what it must match, and that in words.
CHOICES = {
    "RegionConcurrencyType": ("SEQUENTIAL|PARALLEL", "SEQUENTIAL or PARALLEL"),
    "ConcurrencyMode": (
        "(STRICT|SOFT)_FAILURE_TOLERANCE",
        "STRICT_FAILURE_TOLERANCE or SOFT_FAILURE_TOLERANCE",
    ),
    "FailureToleranceCount": (r"\d{1,5}", "a whole number"),
    "FailureTolerancePercentage": (r"\d{1,2}|100", "0 to 100"),
    "MaxConcurrentCount": (r"[1-9]\d{0,4}", "a whole number from 1"),
    "MaxConcurrentPercentage": (r"[1-9]\d?|100", "1 to 100"),
}
EITHER = (
    ("FailureToleranceCount", "FailureTolerancePercentage"),
    ("MaxConcurrentCount", "MaxConcurrentPercentage"),
)


@dataclass(frozen=True, order=True)
class Place:
    """Where one stack of the set is: an account's region.

    `account` is an organizational unit's id where the unit is taken whole.
    """

    account: str
    region: str

    def __str__(self) -> str:
        return f"{self.account}/{self.region}"

    @property
    def names(self) -> tuple[str, ...]:
        """What it is called: by itself, or with the others of its account or region."""
        return self.region, self.account, str(self)

    def as_json(self) -> dict[str, str]:
        return {"account": self.account, "region": self.region}


def by_place(reasons: Mapping[Place, str]) -> list[dict[str, str]]:
    """Return a reason for each place, for programs."""
    return [{**place.as_json(), "reason": why} for place, why in reasons.items()]


@dataclass(frozen=True)
class Targets:
    """Where the stacks of a set are to be, and how to get them there.

    `overrides` has, for each place, every setting that differs there. `preferences` are
    CloudFormation's OperationPreferences. `canary` is the place that goes first.
    """

    accounts: tuple[str, ...]
    units: tuple[str, ...]
    account_filter: str
    regions: tuple[str, ...]
    overrides: Mapping[Place, Mapping[str, str]]
    preferences: Mapping[str, Any]
    canary: Place
    managed_execution: bool = False
    auto_deployment: bool = False
    retain_on_removal: bool = False
    # The line of the file that says a setting for a place; of the place's own otherwise.
    lines: Mapping[tuple[Place, str], int] = field(default_factory=dict, repr=False)

    @property
    def service_managed(self) -> bool:
        """Whether AWS Organizations gives the roles; such a set can't hold nested stacks."""
        return bool(self.units)

    @property
    def places(self) -> tuple[Place, ...]:
        """Every place, region by region in the order in which they are gone through."""
        return tuple(self.overrides)

    def concurrency(self, accounts: int) -> int:
        """Return in how many of so many accounts of a region AWS works at once, at most.

        Strictly, no more than may fail, and one.
        """
        given = self.preferences
        most = given.get("MaxConcurrentCount") or max(
            1, accounts * given.get("MaxConcurrentPercentage", 100) // 100
        )
        tolerance = given.get(
            "FailureToleranceCount",
            accounts * given.get("FailureTolerancePercentage", 0) // 100,
        )
        soft = given.get("ConcurrencyMode") == "SOFT_FAILURE_TOLERANCE"
        return int(min(accounts, most if soft else min(most, tolerance + 1)))


class _Reading:
    """Reads one `Targets:`, and gathers what doesn't fit."""

    def __init__(self, node: yaml.Node, line: int, home: str) -> None:
        self.misfits: list[Misfit] = []
        self.line = line
        self.home = home
        self.said = self.mapping(node, TARGETS, KEYS)

    def misfit(self, node: yaml.Node | None, key: str, why: str) -> None:
        line = node.start_mark.line + 1 if node else self.line
        self.misfits.append(Misfit(line, key, why))

    def mapping(
        self, node: yaml.Node | None, key: str, known: Sequence[str] | None = None
    ) -> dict[str, yaml.Node]:
        """Return what a mapping says by name; its unknown and repeated names are misfits."""
        if node is None:
            return {}
        if not isinstance(node, yaml.MappingNode):
            self.misfit(node, key, f"expected a mapping{_of(known)}")
            return {}
        said: dict[str, yaml.Node] = {}
        for name, content in node.value:
            if not isinstance(name, yaml.ScalarNode):
                self.misfit(name, key, "expected plain words as names")
            elif name.value in said:
                self.misfit(name, f"{key}.{name.value}", "said twice")
            elif known is not None and name.value not in known:
                close = difflib.get_close_matches(name.value, known, n=1)
                meant = f"did you mean {close[0]}?" if close else f"expected one{_of(known)}"
                self.misfit(name, f"{key}.{name.value}", f"no such word; {meant}")
            else:
                said[name.value] = content
        return said

    def words(self, name: str, good: Callable[[str], str]) -> tuple[str, ...]:
        """Return a list's items; `good` says what is wrong with one, if something is."""
        key, node = f"{TARGETS}.{name}", self.said.get(name)
        if node is None:
            return ()
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            self.misfit(node, key, "expected a list with at least one item")
            return ()
        found: list[str] = []
        for item in node.value:
            text = str(item.value) if isinstance(item, yaml.ScalarNode) else "?"
            if why := good(text):
                self.misfit(item, key, f"{text!r} given, {why}")
            elif text in found:
                self.misfit(item, key, f"{text} is said twice")
            else:
                found.append(text)
        return tuple(found)

    def one(self, name: str, pattern: str, expected: str, default: str) -> str:
        node = self.said.get(name)
        if node is None:
            return default
        if isinstance(node, yaml.ScalarNode) and re.fullmatch(pattern, node.value):
            return str(node.value)
        self.misfit(node, f"{TARGETS}.{name}", f"expected {expected}")
        return default

    def flag(self, name: str) -> bool:
        return self.one(name, "(?i)true|false", "true or false", "false").lower() == "true"

    def region(self, text: str) -> str:
        """Return what is wrong with a region, if something is."""
        if text not in regions():
            close = difflib.get_close_matches(text, regions(), n=1)
            meant = f"; did you mean {close[0]}?" if close else ""
            return f"expected an AWS region{meant}"
        if self.home and partition(text) != partition(self.home):
            return f"expected a region that shares accounts with {self.home} (Region)"
        return ""


def read(
    node: yaml.Node, line: int, declared: Mapping[str, Declaration], home: str
) -> tuple[Targets | None, list[Misfit]]:
    """Return what `Targets:` says, None if that can't be told; and what doesn't fit.

    `home` is the region of the stack set itself.
    """
    reading = _Reading(node, line, home)
    accounts = reading.words("Accounts", _account)
    units = reading.words("OrganizationalUnitIds", _unit)
    where = reading.words("Regions", reading.region)
    _demand(reading, accounts, units, where)
    chosen = reading.one(
        "AccountFilterType",
        "|".join(FILTERS),
        f"one of {', '.join(FILTERS)}",
        "INTERSECTION" if accounts and units else "NONE",
    )
    preferences = _preferences(reading, where)
    holders = _holders(accounts, units, chosen)
    places = [Place(holder, r) for r in preferences["RegionOrder"] for holder in holders]
    overrides, lines = _overrides(reading, places, units, declared)
    canary = _canary(reading, places)
    if canary is None:
        return None, reading.misfits
    targets = Targets(
        accounts,
        units,
        chosen,
        where,
        overrides,
        preferences,
        canary,
        managed_execution=reading.flag("ManagedExecution"),
        auto_deployment=reading.flag("AutoDeployment"),
        retain_on_removal=reading.flag("RetainStacksOnAccountRemoval"),
        lines=lines,
    )
    return targets, reading.misfits


def crowding(settings: Mapping[Place, Mapping[str, str]]) -> Iterator[tuple[Place, str, str]]:
    """Yield what places would want the same of: a place, the setting to change, and why."""
    suffixes: dict[str, Place] = {}
    hosts: dict[str, Place] = {}
    zones: dict[str, Place] = {}
    for place, chosen in settings.items():
        suffix, domain = chosen.get("NameSuffix", ""), chosen.get("DomainName", "")
        if not suffix:
            why = "missing; each target needs its own, as bucket names are unique worldwide"
            yield place, "NameSuffix", why
        elif (other := suffixes.setdefault(suffix, place)) != place:
            same = other.account == place.account
            kind = (
                "role names are unique in an account, bucket names"
                if same
                else "bucket names are"
            )
            why = f"{suffix} is that of {other}, too; {kind} unique worldwide"
            yield place, "NameSuffix", why
        label = chosen.get("RecordLabel", "")
        host = f"{label}.{domain}" if label else domain
        if domain and (other := hosts.setdefault(host, place)) != place:
            yield place, "DomainName", f"{other} answers at {host}, too; say another"
        elif (
            domain
            and chosen.get("CreateHostedZone") == "true"
            and (other := zones.setdefault(domain, place)) != place
        ):
            why = f"{other} makes a zone of {domain}, too; only one can be delegated"
            yield place, "DomainName", why


def _demand(
    reading: _Reading,
    accounts: Sequence[str],
    units: Sequence[str],
    where: Sequence[str],
) -> None:
    """Say what is missing, and what can't be together."""
    if not accounts and not {"Accounts", "OrganizationalUnitIds"} & reading.said.keys():
        why = "expected Accounts, or OrganizationalUnitIds for a service-managed set"
        reading.misfit(None, TARGETS, why)
    if not where and "Regions" not in reading.said:
        reading.misfit(None, TARGETS, "Regions is missing; expected a list of AWS regions")
    if not units and "OrganizationalUnitIds" not in reading.said:
        for name in ("AccountFilterType", "AutoDeployment", "RetainStacksOnAccountRemoval"):
            if name in reading.said:
                why = "is for service-managed sets only; expected OrganizationalUnitIds"
                reading.misfit(reading.said[name], f"{TARGETS}.{name}", why)
    narrowed = reading.said.get("AccountFilterType")
    if units and narrowed and (narrowed.value == "NONE") is bool(accounts):
        why = "expected Accounts with INTERSECTION, DIFFERENCE or UNION, and only with these"
        reading.misfit(narrowed, f"{TARGETS}.AccountFilterType", why)
    joining = reading.said.get("AutoDeployment")
    if joining and joining.value == "true" and narrowed and narrowed.value == "UNION":
        why = (
            "expected false with UNION: AWS would deploy to all that joins the accounts' units"
        )
        reading.misfit(joining, f"{TARGETS}.AutoDeployment", why)


def _holders(accounts: Sequence[str], units: Sequence[str], chosen: str) -> tuple[str, ...]:
    """Return whose regions the places are: accounts, or units that are taken whole."""
    if not units or chosen == "INTERSECTION":
        return tuple(accounts)
    return (*units, *accounts) if chosen == "UNION" else tuple(units)


def _preferences(reading: _Reading, where: Sequence[str]) -> dict[str, Any]:
    """Return OperationPreferences; careful ones where the file doesn't say."""
    said = reading.mapping(
        reading.said.get(PREFERENCES), PREFERENCES, ("RegionOrder", *CHOICES)
    )
    found: dict[str, Any] = {
        "RegionOrder": _order(reading, said.pop("RegionOrder", None), where)
    }
    for name, node in said.items():
        pattern, expected = CHOICES[name]
        text = node.value if isinstance(node, yaml.ScalarNode) else "?"
        if re.fullmatch(pattern, text):
            found[name] = int(text) if text.isdecimal() else text
        else:
            reading.misfit(
                node, f"{PREFERENCES}.{name}", f"{text!r} given, expected {expected}"
            )
    for one, other in EITHER:
        if one in said and other in said:
            why = f"expected this or {one}, not both"
            reading.misfit(said[other], f"{PREFERENCES}.{other}", why)
    found.setdefault("RegionConcurrencyType", "SEQUENTIAL")
    for count, percentage in EITHER:
        if percentage not in found:
            found.setdefault(count, 0 if count.startswith("Failure") else 1)
    return found


def _order(reading: _Reading, node: yaml.Node | None, where: Sequence[str]) -> list[str]:
    if node is None:
        return list(where)
    items = node.value if isinstance(node, yaml.SequenceNode) else []
    order = [str(item.value) for item in items if isinstance(item, yaml.ScalarNode)]
    if sorted(order) != sorted(where):
        why = f"expected each of Regions once: {', '.join(where)}"
        reading.misfit(node, f"{PREFERENCES}.RegionOrder", why)
        return list(where)
    return order


def _overrides(
    reading: _Reading,
    places: Sequence[Place],
    units: Sequence[str],
    declared: Mapping[str, Declaration],
) -> tuple[dict[Place, dict[str, str]], dict[tuple[Place, str], int]]:
    """Return what differs at each place, and in which line that is said."""
    said = reading.mapping(reading.said.get(OVERRIDES), OVERRIDES)
    overrides: dict[Place, dict[str, str]] = {place: {} for place in places}
    lines: dict[tuple[Place, str], int] = {}
    for whose in sorted(said, key=_generality):
        key = f"{OVERRIDES}.{whose}"
        meant = [place for place in places if whose in place.names]
        if whose in units and not meant:
            # The unit's accounts are named one by one; it is all of them.
            meant = list(places)
        if not meant and places:
            why = "no such target; expected a region, an account, or ACCOUNT/REGION of these"
            reading.misfit(said[whose], key, why)
        for name, node in reading.mapping(said[whose], key, list(declared)).items():
            try:
                text = as_text(node, declared[name])
            except ValueError as error:
                reading.misfit(node, f"{key}.{name}", str(error))
                continue
            for place in meant:
                overrides[place][name] = text
                lines[place, name] = node.start_mark.line + 1
    return overrides, lines


def _generality(whose: str) -> int:
    """Return how early an override comes: region, unit, account, account in a region."""
    if "/" in whose:
        return 3
    return 2 if ACCOUNT.fullmatch(whose) else 1 if UNIT.fullmatch(whose) else 0


def _canary(reading: _Reading, places: Sequence[Place]) -> Place | None:
    first = places[0] if places else None
    node = reading.said.get("Canary")
    named = node.value if isinstance(node, yaml.ScalarNode) else ""
    found = next((place for place in places if str(place) == named), None)
    if node and places and found is None:
        why = f"expected the target that goes first, as ACCOUNT/REGION, such as {first}"
        reading.misfit(node, f"{TARGETS}.Canary", why)
    return found or first


def _account(text: str) -> str:
    return "" if ACCOUNT.fullmatch(text) else "expected the 12 digits of an AWS account"


def _unit(text: str) -> str:
    return "" if UNIT.fullmatch(text) else "expected an organizational unit: ou-... or r-..."


def _of(known: Iterable[str] | None) -> str:
    return f" of {', '.join(known)}" if known else ""
