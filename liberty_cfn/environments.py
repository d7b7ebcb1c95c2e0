"""params/<environment>.yaml, read and checked before AWS hears of it.

A file is flat: `Region`, `Tags`, `Account` to pin it, `Endpoint` for the local AWS, and the
settings that differ from their defaults; `Targets` where it is a stack set. All that doesn't
fit is said at once, with its line, what was given and what was expected.
"""

from __future__ import annotations

import contextlib
import difflib
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path

import yaml

from liberty_cfn import deployment_targets
from liberty_cfn.deployment_targets import TARGETS, Place, Targets, crowding
from liberty_cfn.errors import ToldError
from liberty_cfn.fitting import contradictions
from liberty_cfn.misfits import Misfit, as_text, regions
from liberty_cfn.repository import PARAMS
from liberty_cfn.settings import Declaration, declarations

REGION, ACCOUNT, ENDPOINT, TAGS = "Region", "Account", "Endpoint", "Tags"
MIGRATE, DJANGO = "Migrate", "python manage.py migrate --noinput"
LOCAL = "local"
# Stacks are called after it.
NAME = re.compile(r"[A-Za-z0-9-]+")
# https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
TAG_NAME = re.compile(r"(?!aws:)[\w .:/=+@-]{1,128}", re.IGNORECASE)
TAG_VALUE = re.compile(r"[\w .:/=+@-]{1,256}")
COMMON_TAGS = ("Project", "Environment", "ManagedBy")


class MisfitsError(ToldError):
    """A file of params/ doesn't fit the settings. The message lists every misfit."""


@dataclass(frozen=True)
class Environment:
    """One environment: where it is, and what its settings are.

    `account` is the one it may be in, empty for any. `endpoint` is LOCAL for the local
    AWS, else empty. `given` is what the file says,
    `settings` that and the defaults; both as text, by the root template's parameters.
    `targets` are where the stacks of a stack set are to be; None for a single stack.
    `stack_name` is the stack's where it isn't ours to choose: one of a set's.
    `migrate` is the command that migrates the database before the service moves on, if any.
    """

    name: str
    region: str
    account: str
    endpoint: str
    tags: Mapping[str, str]
    given: Mapping[str, str]
    settings: Mapping[str, str] = field(repr=False)
    targets: Targets | None = None
    migrate: str = ""
    stack_name: str = ""

    @property
    def stack(self) -> str:
        """The name of the root stack, or of the stack set."""
        return self.stack_name or f"liberty-social-{self.name}"

    @property
    def is_local(self) -> bool:
        """Whether it is in the local AWS."""
        return self.endpoint == LOCAL

    def with_parameters(self, parameters: Mapping[str, str]) -> Environment:
        """Return the environment with these parameters over its own."""
        return replace(
            self,
            given={**self.given, **parameters},
            settings={**self.settings, **parameters},
        )

    def named(self, name: str) -> str:
        """Return `name`, one of the spec's, as this environment spells it."""
        return name + self.settings["NameSuffix"]

    @property
    def host(self) -> str:
        """Where the backend answers: backend.example.com."""
        label, domain = self.settings["RecordLabel"], self.settings["DomainName"]
        return f"{label}.{domain}" if label else domain

    def at(self, place: Place) -> Environment:
        """Return what a stack set's environment is in one of its places."""
        different = self.targets.overrides[place] if self.targets else {}
        return replace(
            self,
            region=place.region,
            account=place.account,
            given={**self.given, **different},
            settings={**self.settings, **different},
            targets=None,
        )

    @property
    def parts(self) -> list[Environment]:
        """Return the environment in each of its places; itself, where it is one stack."""
        return [self.at(p) for p in self.targets.places] if self.targets else [self]


def names(folder: Path = PARAMS) -> list[str]:
    """Return the environments there are."""
    return sorted(file.stem for file in folder.glob("*.yaml"))


def load(name: str, folder: Path = PARAMS) -> Environment:
    """Return the environment that `folder`/`name`.yaml describes.

    Raises:
        MisfitsError: there is no such file, it is no YAML, or something in it doesn't fit.
    """
    file = folder / f"{name}.yaml"
    shown = f"{folder.name}/{name}.yaml"
    if name not in names(folder):
        there = ", ".join(names(folder)) or "none"
        missing = f"There is no environment {name!r}: {shown} is missing."
        asked = missing if name else "Which environment? Name it with ENV=..."
        raise MisfitsError(f"{asked} There are: {there}.")
    if not NAME.fullmatch(name):
        raise MisfitsError(
            f"{shown}: a stack is called after this file, so expected only letters, digits and "
            "hyphens in its name."
        )
    given, misfits = _read(file, shown)
    declared = declarations()
    likely, unknown = _known(given, declared)
    values, wrong = _values(given, declared)
    region, no_region = _region(given)
    account, no_account = _account(given)
    endpoint, no_endpoint = _endpoint(given)
    tags, bad_tags = _tags(given)
    targets, bad_targets = _targets(given, declared, region)
    migrate, no_command = _migrate(given)
    misfits += unknown + wrong + no_region + no_account + no_endpoint + bad_tags + bad_targets
    misfits += no_command
    # What was misspelt or wrong is not taken for its default: that would find more
    # wrong with it than there is.
    settings = {
        key: values.get(key, str(declaration.limits.get("Default", "")))
        for key, declaration in declared.items()
        if key in values
        or ("Default" in declaration.limits and key not in given and key not in likely)
    }
    if migrate and targets:
        why = "migrations are run for one stack, and Targets makes this a stack set"
        misfits.append(Misfit(given[MIGRATE][0], MIGRATE, why))
    if targets:
        misfits += _contradictions_in(targets, settings, given)
    elif TARGETS not in given:
        misfits += [
            Misfit(given[key][0] if key in given else 0, key, why)
            for key, why in contradictions(settings, region)
        ]
    if misfits:
        misfits.sort(key=lambda m: (m.line or 10**6, m.key))
        raise MisfitsError(
            _in_words(shown, misfits), file=shown, misfits=[m.as_json() for m in misfits]
        )
    return Environment(
        name, region, account, endpoint, tags, values, settings, targets, migrate
    )


def _in_words(shown: str, misfits: list[Misfit]) -> str:
    count = "1 misfit" if len(misfits) == 1 else f"{len(misfits)} misfits"
    return "\n".join(
        [
            f"{shown} does not fit the settings ({count}):",
            *map(str, misfits),
            "What each setting may be: docs/settings.md",
        ]
    )


_Given = dict[str, tuple[int, yaml.Node]]


def _read(file: Path, shown: str) -> tuple[_Given, list[Misfit]]:
    """Return what the file says, with lines, by key; and the keys it says twice."""
    try:
        text = file.read_text(encoding="utf-8")
        document = yaml.compose(text, Loader=yaml.CSafeLoader)
    except FileNotFoundError as error:
        raise MisfitsError(f"{shown} is a link to a file that isn't there.") from error
    except UnicodeDecodeError as error:
        raise MisfitsError(f"{shown} is not text in UTF-8 (byte {error.start}).") from error
    except yaml.MarkedYAMLError as error:
        raise MisfitsError(_not_yaml(shown, text, error)) from error
    except yaml.YAMLError as error:
        # A character that YAML doesn't take; the second line names only the parser's buffer.
        raise MisfitsError(f"{shown} is no YAML: {str(error).splitlines()[0]}.") from error
    if document is None:
        expected = f"{REGION}, {TAGS} and the settings without a default (docs/settings.md)"
        raise MisfitsError(f"{shown} is empty; expected at least {expected}.")
    if not isinstance(document, yaml.MappingNode):
        raise MisfitsError(
            f"{shown} is no mapping; expected lines such as `Region: us-east-1`."
        )
    given: _Given = {}
    misfits = []
    for key, value in document.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            misfits.append(Misfit(line, "?", "no name of a setting; expected a plain word"))
        elif key.value in given:
            misfits.append(Misfit(line, key.value, f"said in line {given[key.value][0]}, too"))
        else:
            given[key.value] = (line, value)
    return given, misfits


def _not_yaml(shown: str, text: str, error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    before = (text.splitlines() or [""])[line : line + 1]
    problem = error.problem or "not YAML"
    if problem.startswith("but ") and error.context:
        problem = f"{error.context}, {problem}"
    if before and "\t" in before[0][: column + 1]:
        problem = "a tab; YAML is indented with spaces"
    return f"{shown} is no YAML: line {line + 1}, column {column + 1}: {problem}."


def _known(given: _Given, declared: Mapping[str, Declaration]) -> tuple[set[str], list[Misfit]]:
    """Return what misspelt keys likely mean; and what is unknown or missing."""
    folded = {
        name.lower(): name
        for name in (REGION, ACCOUNT, ENDPOINT, MIGRATE, TAGS, TARGETS, *declared)
    }
    likely: set[str] = set()
    misfits = []
    for key, (line, _) in given.items():
        if key not in folded.values():
            close = [
                folded[name] for name in difflib.get_close_matches(key.lower(), folded, n=1)
            ]
            likely.update(close)
            meant = f"; did you mean {close[0]}?" if close else ""
            misfits.append(Misfit(line, key, f"no such setting{meant}"))
    misfits += [
        Misfit(0, name, f"missing. {declaration.limits['Description']}")
        for name, declaration in declared.items()
        if "Default" not in declaration.limits and name not in {*given, *likely}
    ]
    return likely, misfits


def _values(
    given: _Given, declared: Mapping[str, Declaration]
) -> tuple[dict[str, str], list[Misfit]]:
    """Return the settings given as CloudFormation takes them, all text."""
    values, misfits = {}, []
    for key, (line, node) in given.items():
        if key in declared:
            try:
                values[key] = as_text(node, declared[key])
            except ValueError as error:
                misfits.append(Misfit(line, key, str(error)))
    return values, misfits


def _region(given: _Given) -> tuple[str, list[Misfit]]:
    """Return the region, empty if it is none."""
    if REGION not in given:
        return "", [Misfit(0, REGION, "missing; expected an AWS region, such as us-east-1")]
    line, node = given[REGION]
    if not isinstance(node, yaml.ScalarNode):
        return "", [Misfit(line, REGION, "expected one AWS region, such as us-east-1")]
    if node.value in regions():
        return str(node.value), []
    close = difflib.get_close_matches(node.value, regions(), n=2)
    meant = f"; did you mean {' or '.join(close)}?" if close else ", such as us-east-1"
    return "", [Misfit(line, REGION, f"{node.value!r} given, expected an AWS region{meant}")]


def _account(given: _Given) -> tuple[str, list[Misfit]]:
    line, node = given.get(ACCOUNT, (0, None))
    if node is None:
        return "", []
    if isinstance(node, yaml.ScalarNode) and re.fullmatch(r"\d{12}", node.value):
        return str(node.value), []
    return "", [Misfit(line, ACCOUNT, "expected the 12 digits of an AWS account")]


def _endpoint(given: _Given) -> tuple[str, list[Misfit]]:
    line, node = given.get(ENDPOINT, (0, None))
    if node is None or node.value == LOCAL:
        return LOCAL if node else "", []
    given_here = f"{node.value!r} given, " if isinstance(node, yaml.ScalarNode) else ""
    why = f"{given_here}expected {LOCAL}; without it, AWS_ENDPOINT_URL or AWS itself"
    return "", [Misfit(line, ENDPOINT, why)]


def _targets(
    given: _Given, declared: Mapping[str, Declaration], region: str
) -> tuple[Targets | None, list[Misfit]]:
    line, node = given.get(TARGETS, (0, None))
    return deployment_targets.read(node, line, declared, region) if node else (None, [])


def _contradictions_in(
    targets: Targets, settings: Mapping[str, str], given: _Given
) -> Iterator[Misfit]:
    """Yield what can't be together at some place; what is so everywhere, once."""
    chosen = {place: {**settings, **targets.overrides[place]} for place in targets.places}
    found: dict[tuple[str, str], list[Place]] = {}
    for place, there in chosen.items():
        for misfit in contradictions(there, place.region):
            found.setdefault(misfit, []).append(place)
    for (key, why), places in found.items():
        own = [place for place in places if (place, key) in targets.lines]
        if len(places) == len(chosen) and not own:
            yield Misfit(given[key][0] if key in given else 0, key, why)
            continue
        for place in places:
            line = targets.lines.get((place, key), given[TARGETS][0])
            yield Misfit(line, f"{TARGETS}.{place}.{key}", why)
    for place, key, why in crowding(chosen):
        line = targets.lines.get((place, key), given[TARGETS][0])
        yield Misfit(line, f"{TARGETS}.{place}.{key}", why)


def _migrate(given: _Given) -> tuple[str, list[Misfit]]:
    """Return the command that migrates the database, empty for none."""
    line, node = given.get(MIGRATE, (0, None))
    if node is None:
        return "", []
    if isinstance(node, yaml.ScalarNode) and not node.tag.endswith(":null"):
        text = str(node.value)
        if node.tag.endswith(":bool"):
            return (DJANGO if text.lower() in ("true", "yes", "on") else ""), []
        with contextlib.suppress(ValueError):
            if shlex.split(text):
                return text, []
    expected = f"expected true (for `{DJANGO}`), false, or a command"
    return "", [Misfit(line, MIGRATE, expected)]


def _tags(given: _Given) -> tuple[dict[str, str], list[Misfit]]:
    line, node = given.get(TAGS, (0, None))
    tags: dict[str, str] = {}
    misfits = []
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        name, where = str(key.value), key.start_mark.line + 1
        if name in tags:
            misfits.append(Misfit(where, f"{TAGS}.{name}", "said twice"))
        if name in declarations():
            # Else it has its default: without NameSuffix, the names of production.
            outside = "a setting, and no tag; expected without indentation"
            misfits.append(Misfit(where, f"{TAGS}.{name}", outside))
        if not TAG_NAME.fullmatch(name):
            expected = "1 to 128 letters, digits, spaces or _ . : / = + - @, not aws: first"
            misfits.append(
                Misfit(where, f"{TAGS}.{name}", f"no tag's name; expected {expected}")
            )
        tags[name] = str(value.value) if isinstance(value, yaml.ScalarNode) else ""
        if not TAG_VALUE.fullmatch(tags[name]):
            expected = "expected a text of 1 to 256 letters, digits, spaces or _ . : / = + - @"
            misfits.append(Misfit(where, f"{TAGS}.{name}", expected))
    misfits += [
        Misfit(line, TAGS, f"{name} is missing; expected {', '.join(COMMON_TAGS)}, with values")
        for name in COMMON_TAGS
        if name not in tags
    ]
    return tags, misfits


def collisions(environments: Sequence[Environment]) -> list[tuple[str, str]]:
    """Return which environments would want the same names, and which: environment, why.

    Names are taken account by account, but environments may share one; a bucket's name
    is taken in the whole world.
    """
    found = []
    for one, other in combinations(environments, 2):
        suffixes = {part.named("") for part in one.parts}
        hosts = {part.host for part in one.parts}
        for part in other.parts:
            if part.named("") in suffixes:
                suffix = part.named("") or "none"
                why = f"NameSuffix: {suffix} is that of {one.name}, too"
                found.append((other.name, why))
            if part.host in hosts:
                why = f"RecordLabel: {one.name} answers at {part.host}, too"
                found.append((other.name, why))
    return found
