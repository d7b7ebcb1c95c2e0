"""Two versions compared: in each set of templates, for each environment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from liberty_cfn.digests import digest
from liberty_cfn.model.flattening import Flat, flatten
from liberty_cfn.model.loading import TemplateSet, sets
from liberty_cfn.model.parsing import ParseError, misshapen
from liberty_cfn.model.resolving import Like, Resolved, lazily
from liberty_cfn.model.untold import may_be_untold
from liberty_cfn.review.affected import Affected, affected, in_names_only
from liberty_cfn.review.changes import Action, Change, changes
from liberty_cfn.review.comparing import equal, mapping
from liberty_cfn.review.costs import Cost, cost
from liberty_cfn.review.dangling import (
    circles,
    dangling,
    exports_renewed,
    undecided,
    untold_outputs,
)
from liberty_cfn.review.documented import Replacement
from liberty_cfn.review.failing import failures
from liberty_cfn.review.findings import BROADENING, DESTRUCTIVE, ORDER, Finding, Kind
from liberty_cfn.review.granting import granted
from liberty_cfn.review.losing import losses
from liberty_cfn.review.opening import Connected, connections, public_access
from liberty_cfn.review.operating import operations
from liberty_cfn.review.replacement import Verdict
from liberty_cfn.review.routing import routed
from liberty_cfn.review.silencing import silenced
from liberty_cfn.review.sources import Version
from liberty_cfn.review.values import Environment, environments
from liberty_cfn.review.whole import (
    elsewhere,
    exports_gone,
    ill_nested,
    newly_asked,
    not_followed,
    outputs_changed,
    outputs_gone,
    over_limits,
    readable,
    tagged,
    unfit,
)
from liberty_cfn.veiling import ANOTHER, VEILED

EMPTY = Resolved({}, {}, {})
BOOTSTRAP = "bootstrap"
# With as many environments, a second process takes less time than it costs.
MANY = 20


@dataclass(frozen=True)
class Part:
    """What a set of templates does in one environment. `set` is its root's file."""

    set: str
    environment: str
    changes: tuple[Change, ...]
    findings: tuple[Finding, ...]
    cost: Cost
    new: bool = False

    @property
    def touched(self) -> bool:
        return bool(self.changes or self.findings)


@dataclass(frozen=True)
class Review:
    """All parts that something changes in; `untouched` has the rest, as their names."""

    before: str
    after: str
    digests: tuple[str, str]
    parts: tuple[Part, ...]
    untouched: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def fails_on(self, level: str) -> bool:
        """Whether there is what `--fail-on` names."""
        kinds = {finding.kind for part in self.parts for finding in part.findings}
        every = [change for part in self.parts for change in part.changes]
        destroys = bool(kinds & set(DESTRUCTIVE))
        replaces = any(change.replaced or change.perhaps_replaced for change in every)
        return {
            "destructive": destroys,
            "replacement": destroys or replaces,
            "broadening": bool(kinds & set(BROADENING)),
            "any": bool(self.parts or self.notes),
        }[level]


@dataclass(frozen=True)
class _Side:
    """One version of one set, flat."""

    design: TemplateSet | None
    flat: Flat | None
    sizes: Mapping[str, int] = field(default_factory=dict)

    @property
    def declared(self) -> Mapping[str, Any]:
        found = self.flat.template.get("Parameters", {}) if self.flat else {}
        return found if isinstance(found, dict) else {}

    def resolved(
        self,
        environment: Environment | None,
        likes: Sequence[Like] = (),
    ) -> Resolved:
        if self.flat is None or environment is None:
            return EMPTY
        region = environment.region
        return lazily(self.flat, environment.given, region=region, likes=likes)


@dataclass(frozen=True)
class _Due:
    """An environment that something may become of: its values before and after."""

    environment: str
    was: Environment | None
    now: Environment | None
    suspects: frozenset[str]
    unfitting: Sequence[Finding]


class _Alike:
    """A set in environments of which some differ in names only.

    Of those, what no name plays into is the same, and is worked out for the first alone.
    """

    def __init__(self, old: _Side, new: _Side, hangs: Affected) -> None:
        self.old, self.new, self.hangs = old, new, hangs
        flats = [side.flat for side in (old, new) if side.flat]
        self.naming = frozenset.intersection(*map(in_names_only, flats))
        self.first: dict[Any, tuple[Environment, Environment, Resolved, Resolved]] = {}

    def resolved(
        self, was: Environment | None, now: Environment | None, suspects: frozenset[str]
    ) -> tuple[Resolved, Resolved]:
        """Return what comes of both versions, which differ in `suspects` alone."""
        if was is None or now is None:
            earlier = self.old.resolved(was)
            return earlier, self.new.resolved(now, [(earlier, suspects)])
        key = self._but_names(was), self._but_names(now)
        if key not in self.first:
            earlier = self.old.resolved(was)
            later = self.new.resolved(now, [(earlier, suspects)])
            self.first[key] = was, now, earlier, later
            return earlier, later
        one, other, before, after = self.first[key]
        earlier = self.old.resolved(was, [(before, self.hangs.reached(_differing(one, was)))])
        named = self.hangs.reached(_differing(other, now))
        return earlier, self.new.resolved(now, [(earlier, suspects), (after, named)])

    def _but_names(self, one: Environment) -> tuple[Any, ...]:
        given = ((n, repr(value)) for n, value in one.given.items() if n not in self.naming)
        return one.region, *sorted(given)


def review(before: Version, after: Version) -> Review:
    """Return what a change does, everywhere.

    Raises:
        ParseError: a template is no template.
        ValuesError: a file of params/ can't be read.
    """
    given = environments(before.params), environments(after.params)
    digests = digest(before.templates), digest(after.templates)
    parts: list[Part] = []
    untouched: list[str] = []
    for name, old, new in _pairs(before, after):
        hangs = affected(old.flat, new.flat)
        whole = _of_set(old, new)
        hides = new.design is not None and may_be_untold(new.design)
        due: list[_Due] = []
        for shown in _values(old, new, *given):
            was, now = _hidden(*shown, old, new)
            environment = now.name if now else was.name if was else ""
            unfitting = _of_values(old, new, was, now) if now else []
            if hides:
                unfitting += _untold(old, new, was, now)
            if was and now and any(elsewhere(_where(was), _where(now))):
                was = None  # what it has there stays; here there is nothing yet
            suspects = _suspects(hangs, was, now)
            if suspects or whole or unfitting:
                due.append(_Due(environment, was, now, suspects, unfitting))
            else:
                untouched.append(environment or name)
        work = partial(_compared, name=name, old=old, new=new, hangs=hangs, whole=whole)
        for part in _in_two(work, due):
            if part.touched:
                parts.append(part)
            else:
                untouched.append(part.environment or name)
    gone = sorted(given[0].keys() - given[1].keys())
    notes = tuple(
        f"{name}: its values are gone from {'params/'}; its stacks stay until destroyed"
        for name in gone
    )
    touched = {part.environment for part in parts}
    left = tuple(name for name in dict.fromkeys(untouched) if name not in touched)
    return Review(before.name, after.name, digests, tuple(parts), left, notes)


def _in_two(work: Callable[[Sequence[_Due]], list[Part]], due: list[_Due]) -> list[Part]:
    """Return what comes of all that is due; of many, half is worked out beside the rest."""
    if len(due) < MANY:
        return work(due)
    from liberty_cfn.aside import aside  # noqa: PLC0415 - most reviews have less to do

    half = len(due) // 2
    first = aside(work, due[:half])
    second = work(due[half:])
    return first() + second


def _compared(
    due: Sequence[_Due],
    *,
    name: str,
    old: _Side,
    new: _Side,
    hangs: Affected,
    whole: Sequence[Finding],
) -> list[Part]:
    """Return what becomes of a set in each environment."""
    known: dict[str, Connected] = {}
    alike = _Alike(old, new, hangs)
    return [
        compare(
            name,
            one.environment,
            *alike.resolved(one.was, one.now, one.suspects),
            [*whole, *one.unfitting] if one.now else [],
            hangs=hangs,
            suspects=one.suspects,
            known=known,
            new=bool(one.environment) and one.was is None,
        )
        for one in due
    ]


def between(version: Version, one: str, other: str) -> Review:
    """Return what `other` environment has that `one` hasn't, in the same templates.

    They stand side by side: nothing is replaced or lost. What only makes names differ,
    such as a suffix, is left out.

    Raises:
        KeyError: there is no such environment.
    """
    given = environments(version.params)
    for name in (one, other):
        if name not in given:
            raise KeyError(name)
    parts = []
    for name, side, _ in _pairs(version, version):
        if side.flat is None or not _takes_values(side, given):
            continue
        spelled = in_names_only(side.flat)
        here, there = _hidden(given[one], given[other], side, side)
        if here is None or there is None:
            continue
        alike = {k: v for k, v in here.given.items() if k not in spelled}
        alike |= {k: v for k, v in there.given.items() if k in spelled}
        before = side.resolved(replace(here, given=alike))
        after = side.resolved(there)
        found = tuple(_as_it_stands(change) for change in changes(before, after, users={}))
        bill = cost(found, before, after)
        findings = [
            *public_access(found),
            *connections(found, before, after),
            *granted(found, before, after),
            *([Finding(Kind.COST, "", bill.text)] if bill.text else []),
        ]
        ordered = tuple(sorted(findings, key=lambda finding: ORDER.index(finding.kind)))
        part = Part(name, f"{one} → {other}", found, ordered, bill)
        if part.touched:
            parts.append(part)
    whole = digest(version.templates)
    return Review(one, other, (whole, whole), tuple(parts))


def _as_it_stands(change: Change) -> Change:
    """Return a difference that nothing is done about."""
    same = Verdict(Replacement.NONE)
    properties = tuple(replace(p, verdict=same) for p in change.properties)
    return replace(change, properties=properties)


def compare(
    name: str,
    environment: str,
    before: Resolved,
    after: Resolved,
    whole: Sequence[Finding] = (),
    *,
    hangs: Affected | None = None,
    suspects: frozenset[str] | None = None,
    known: dict[str, Connected] | None = None,
    new: bool = False,
) -> Part:
    """Return what becomes of one environment between two resolved sets.

    Where it is known what hangs on what, only the `suspects` are looked at, and those that
    refer to them.
    """
    found = changes(before, after, suspects, hangs.users if hangs else None)
    flat = hangs.after if hangs else None
    findings = [
        *whole,
        *(dangling(found, flat, after, hangs) if flat and hangs else ()),
        *(undecided(before, after, hangs) if hangs else ()),
        *(exports_renewed(found, flat) if flat else ()),
        *failures(found, before, after),
        *losses(found),
        *public_access(found),
        *connections(found, before, after, known),
        *routed(found, before, after),
        *granted(found, before, after),
        # Of a set that is wholly new, every alarm is; that is no news.
        *(operations(found) if before.resources else ()),
    ]
    bill = cost(found, before, after)
    if bill.text:
        findings.append(Finding(Kind.COST, "", bill.text))
    ordered = sorted(dict.fromkeys(findings), key=lambda finding: ORDER.index(finding.kind))
    return Part(name, environment, found, tuple(ordered), bill, new=new)


def _pairs(before: Version, after: Version) -> list[tuple[str, _Side, _Side]]:
    """Return the sets of both versions side by side, by their root's file."""
    olds, news = (
        {design.root: design for design in _sets(version)} for version in (before, after)
    )
    only_old, only_new = olds.keys() - news.keys(), news.keys() - olds.keys()
    if len(only_old) == len(only_new) == 1:
        # A root by another name; it is the one that is left.
        olds[next(iter(only_new))] = olds.pop(next(iter(only_old)))
    return [
        (root, _side(olds.get(root), before), _side(news.get(root), after))
        for root in {**news, **olds}
    ]


def _sets(version: Version) -> list[TemplateSet]:
    """Return a version's sets; what is wrong with one says of which version it is."""
    try:
        found = sets(version.templates)
        for template in (t for design in found for t in design.templates.values()):
            if wrong := misshapen(template):
                raise wrong
    except ParseError as error:
        raise ParseError(f"{version.name}: {error.file}", error.line, error.why) from error
    return found


def _side(design: TemplateSet | None, version: Version) -> _Side:
    if design is None:
        return _Side(None, None)
    sizes = {file: len(version.templates[file].encode()) for file in design.templates}
    return _Side(design, flatten(design), sizes)


def _hidden(
    was: Environment | None, now: Environment | None, old: _Side, new: _Side
) -> tuple[Environment | None, Environment | None]:
    """Return two environments without the values that nobody is to see (NoEcho).

    That one is another is seen all the same.
    """
    declared = {**old.declared, **new.declared}
    secret = [n for n, body in declared.items() if equal(mapping(body).get("NoEcho"), "true")]
    if not secret:
        return was, now
    before, after = _valued(was, old), _valued(now, new)
    for name in secret:
        another = name in before and name in after and not equal(before[name], after[name])
        if name in before:
            before[name] = VEILED
        if name in after:
            after[name] = ANOTHER if another else VEILED
    return (
        replace(was, given=before) if was else None,
        replace(now, given=after) if now else None,
    )


def _valued(environment: Environment | None, side: _Side) -> dict[str, str]:
    """Return what an environment gives, and the defaults of what it doesn't."""
    limits = {name: mapping(body) for name, body in side.declared.items()}
    found = {n: body["Default"] for n, body in limits.items() if "Default" in body}
    return found | dict(environment.given) if environment else {}


def _suspects(
    hangs: Affected, was: Environment | None, now: Environment | None
) -> frozenset[str]:
    """Return the resources that may differ between two environments' values."""
    if was is None or now is None or was.region != now.region:
        return hangs.everything
    return hangs.titles(_differing(was, now))


def _differing(one: Environment, other: Environment) -> list[str]:
    """Return the parameters that two environments have different values for."""
    names = one.given.keys() | other.given.keys()
    return [name for name in names if one.given.get(name) != other.given.get(name)]


def _values(
    old: _Side,
    new: _Side,
    before: Mapping[str, Environment],
    after: Mapping[str, Environment],
) -> list[tuple[Environment | None, Environment | None]]:
    """Return the environments a set is made in, before and after; None for not at all."""
    if not (_takes_values(new, after) or _takes_values(old, before)):
        alone = Environment("")
        return [(alone if old.flat else None, alone if new.flat else None)]
    # One that is no longer in params/ is not taken down by that.
    return [(before.get(one), environment) for one, environment in after.items()]


def _takes_values(side: _Side, given: Mapping[str, Environment]) -> bool:
    """Whether a set is made once for each environment, with its values."""
    if side.design is None or BOOTSTRAP in side.design.root.split("/"):
        return False
    return any(side.declared.keys() & one.given.keys() for one in given.values())


def _of_set(old: _Side, new: _Side) -> list[Finding]:
    """Return what is wrong with the set in any environment, and wasn't before."""
    if new.design is None or new.flat is None:
        return []
    known = set(_loose(old.flat)) if old.flat else set()
    findings = [
        Finding(Kind.FAILS, "", f"{end.file}: {'.'.join(end.place)}: {end.why}")
        for end in new.flat.loose
        if (end.place, end.why) not in known
    ]
    if old.flat:
        findings += [*exports_gone(old.flat, new.flat), *outputs_gone(old.flat, new.flat)]
        findings += outputs_changed(old.flat, new.flat)
    if old.design:
        findings += not_followed(old.design, new.design)
        findings += circles(old.design, new.design)
        findings += [*silenced(old.design, new.design), *readable(old.design, new.design)]
    before = (
        {*over_limits(old.design, old.sizes), *ill_nested(old.design)} if old.design else ()
    )
    refused = [*over_limits(new.design, new.sizes), *ill_nested(new.design)]
    return findings + [finding for finding in refused if finding not in before]


def _of_values(
    old: _Side, new: _Side, was: Environment | None, now: Environment
) -> list[Finding]:
    """Return what is wrong with an environment's values, and wasn't before."""
    # What is declared and given as before is as wrong as it was.
    same = {
        name
        for name, body in new.declared.items()
        if was and was.name and was.given.get(name) == now.given.get(name)
        if name in old.declared and old.declared[name] == body
    }
    olds, news = (
        {name: body for name, body in side.declared.items() if name not in same}
        for side in (old, new)
    )
    there = set(unfit(olds, was.given, checked=bool(was.name))) if was else set()
    misfits = unfit(news, now.given, checked=bool(now.name))
    found = [finding for finding in misfits if finding not in there]
    if was and not now.name:
        found += newly_asked(old.declared, new.declared)
    if was:
        found += elsewhere(_where(was), _where(now))
        found += tagged(was.tags, now.tags)
    return found


def _untold(
    old: _Side, new: _Side, was: Environment | None, now: Environment | None
) -> Iterator[Finding]:
    """Yield what is used of nested stacks, and isn't told with an environment's values."""
    if now and new.design:
        yield from untold_outputs(old.design, new.design, old.resolved(was), new.resolved(now))


def _where(environment: Environment) -> tuple[str, str]:
    return environment.account, environment.region


def _loose(flat: Flat) -> list[tuple[tuple[str, ...], str]]:
    return [(end.place, end.why) for end in flat.loose]


def counts(part: Part) -> dict[str, int]:
    """Return how many resources each thing happens to, in words."""
    plain = [c for c in part.changes if c.action is Action.CHANGE]
    replaced = [c for c in plain if c.replaced]
    perhaps = [c for c in plain if c.perhaps_replaced]
    return {
        "added": sum(c.action is Action.ADD for c in part.changes),
        "removed": sum(c.action is Action.REMOVE for c in part.changes),
        "replaced": len(replaced),
        "perhaps replaced": len(perhaps),
        "changed": len(plain) - len(replaced) - len(perhaps),
    }
