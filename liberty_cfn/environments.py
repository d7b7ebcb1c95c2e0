"""params/<environment>.yaml, read and checked before AWS hears of it.

A file is flat: `Region`, `Tags`, `Account` to pin it, `Endpoint` for the local AWS, and the
settings that differ from their defaults. All that doesn't fit is said at once, with its
line, what was given and what was expected.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from itertools import combinations
from pathlib import Path
from typing import Any

import yaml

from liberty_cfn.documents import limits_in_words
from liberty_cfn.fitting import contradictions
from liberty_cfn.settings import Declaration, declarations
from liberty_cfn.values import Flag, Number, Value, Values

PARAMS = Path(__file__).parent.parent / "params"
REGION, ACCOUNT, ENDPOINT, TAGS = "Region", "Account", "Endpoint", "Tags"
LOCAL = "local"
LONGEST_VALUE = 4096  # bytes, CloudFormation's limit for a parameter's value
# https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
TAG_NAME = re.compile(r"(?!aws:)[\w .:/=+@-]{1,128}", re.IGNORECASE)
TAG_VALUE = re.compile(r"[\w .:/=+@-]{1,256}")
COMMON_TAGS = ("Project", "Environment", "ManagedBy")


class MisfitsError(Exception):
    """A file of params/ doesn't fit the settings. The message lists every misfit."""


@dataclass(frozen=True)
class Environment:
    """One environment: where it is, and what its settings are.

    `account` is the one it may be in, empty for any. `endpoint` is LOCAL for the local
    AWS, else empty. `given` is what the file says,
    `settings` that and the defaults; both as text, by the root template's parameters.
    """

    name: str
    region: str
    account: str
    endpoint: str
    tags: Mapping[str, str]
    given: Mapping[str, str]
    settings: Mapping[str, str] = field(repr=False)

    @property
    def stack(self) -> str:
        """The name of the root stack."""
        return f"liberty-social-{self.name}"

    def named(self, name: str) -> str:
        """Return `name`, one of the spec's, as this environment spells it."""
        return name + self.settings["NameSuffix"]

    @property
    def host(self) -> str:
        """Where the backend answers: backend.example.com."""
        label, domain = self.settings["RecordLabel"], self.settings["DomainName"]
        return f"{label}.{domain}" if label else domain


@dataclass(frozen=True)
class _Misfit:
    line: int
    key: str
    why: str

    def __str__(self) -> str:
        return (
            f"  line {self.line}: {self.key}: {self.why}"
            if self.line
            else f"  {self.key}: {self.why}"
        )


def names(folder: Path = PARAMS) -> list[str]:
    """Return the environments there are."""
    return sorted(file.stem for file in folder.glob("*.yaml"))


def load(name: str, folder: Path = PARAMS) -> Environment:
    """Return the environment that `folder`/`name`.yaml describes.

    Raises:
        MisfitsError: there is no such file, it is no YAML, or something in it doesn't fit.
    """
    file = folder / f"{name}.yaml"
    shown = f"{folder.name}/{file.name}"
    if name not in names(folder):
        there = ", ".join(names(folder)) or "none"
        missing = f"There is no environment {name!r}: {shown} is missing."
        asked = missing if name else "Which environment? Say it with ENV=..."
        raise MisfitsError(f"{asked} There are: {there}.")
    given, misfits = _read(file, shown)
    declared = declarations()
    likely, unknown = _known(given, declared)
    values, wrong = _values(given, declared)
    region, no_region = _region(given)
    account, no_account = _account(given)
    endpoint, no_endpoint = _endpoint(given)
    tags, bad_tags = _tags(given)
    misfits += unknown + wrong + no_region + no_account + no_endpoint + bad_tags
    # What was misspelt or wrong is not taken for its default: that would find more
    # wrong with it than there is.
    settings = {
        key: values.get(key, str(declaration.limits.get("Default", "")))
        for key, declaration in declared.items()
        if key in values
        or ("Default" in declaration.limits and key not in given and key not in likely)
    }
    misfits += [
        _Misfit(given[key][0] if key in given else 0, key, why)
        for key, why in contradictions(settings, region)
    ]
    if misfits:
        raise MisfitsError(_in_words(shown, misfits))
    return Environment(name, region, account, endpoint, tags, values, settings)


def _in_words(shown: str, misfits: list[_Misfit]) -> str:
    count = "1 misfit" if len(misfits) == 1 else f"{len(misfits)} misfits"
    ordered = sorted(misfits, key=lambda m: (m.line or 10**6, m.key))
    return "\n".join(
        [
            f"{shown} does not fit the settings ({count}):",
            *map(str, ordered),
            "What each setting may be: docs/settings.md",
        ]
    )


_Given = dict[str, tuple[int, yaml.Node]]


def _read(file: Path, shown: str) -> tuple[_Given, list[_Misfit]]:
    """Return what the file says, with lines, by key; and the keys it says twice."""
    try:
        text = file.read_text(encoding="utf-8")
        document = yaml.compose(text, Loader=yaml.CSafeLoader)
    except UnicodeDecodeError as error:
        raise MisfitsError(f"{shown} is not text in UTF-8 (byte {error.start}).") from error
    except yaml.MarkedYAMLError as error:
        raise MisfitsError(_not_yaml(shown, text, error)) from error
    except yaml.YAMLError as error:
        raise MisfitsError(f"{shown} can't be read: {error}") from error
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
            misfits.append(_Misfit(line, "?", "no name of a setting; expected a plain word"))
        elif key.value in given:
            misfits.append(_Misfit(line, key.value, f"said in line {given[key.value][0]}, too"))
        else:
            given[key.value] = (line, value)
    return given, misfits


def _not_yaml(shown: str, text: str, error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    before = (text.splitlines() or [""])[line : line + 1]
    problem = error.problem or "not YAML"
    if before and "\t" in before[0][: column + 1]:
        problem = "a tab; YAML is indented with spaces"
    return f"{shown} is no YAML: line {line + 1}, column {column + 1}: {problem}."


def _known(
    given: _Given, declared: Mapping[str, Declaration]
) -> tuple[set[str], list[_Misfit]]:
    """Return what misspelt keys likely mean; and what is unknown or missing."""
    folded = {name.lower(): name for name in (REGION, ACCOUNT, ENDPOINT, TAGS, *declared)}
    likely: set[str] = set()
    misfits = []
    for key, (line, _) in given.items():
        if key not in folded.values():
            close = [
                folded[name] for name in difflib.get_close_matches(key.lower(), folded, n=1)
            ]
            likely.update(close)
            meant = f"; did you mean {close[0]}?" if close else ""
            misfits.append(_Misfit(line, key, f"no such setting{meant}"))
    misfits += [
        _Misfit(0, name, f"missing. {declaration.limits['Description']}")
        for name, declaration in declared.items()
        if "Default" not in declaration.limits and name not in {*given, *likely}
    ]
    return likely, misfits


def _values(
    given: _Given, declared: Mapping[str, Declaration]
) -> tuple[dict[str, str], list[_Misfit]]:
    """Return the settings given as CloudFormation takes them, all text."""
    values, misfits = {}, []
    for key, (line, node) in given.items():
        if key in declared:
            try:
                values[key] = _value(node, declared[key])
            except ValueError as error:
                misfits.append(_Misfit(line, key, str(error)))
    return values, misfits


def _value(node: yaml.Node, declaration: Declaration) -> str:
    """Return a setting's value as text.

    Raises:
        ValueError: it is of the wrong type or out of its limits; says which were expected.
    """
    expected = f"expected {limits_in_words(declaration)}"
    several = issubclass(declaration.kind, Values)
    if several and isinstance(node, yaml.SequenceNode):
        items = [_scalar(item, expected) for item in node.value]
    else:
        text = _scalar(node, expected)
        items = text.split(",") if several else [text]
    items = [_canonical(item, declaration.kind) for item in items]
    for item in items:
        if not _fits(item, declaration.limits):
            raise ValueError(f"{item!r} given, {expected}")
    text = ",".join(items)
    if len(text.encode()) > LONGEST_VALUE:
        raise ValueError(f"{len(text.encode())} bytes given, expected at most {LONGEST_VALUE}")
    if several and not items:
        raise ValueError(f"nothing given, {expected}")
    return text


def _canonical(text: str, kind: type[Value]) -> str:
    """Return a value as AWS spells it: 020 as 20, True as true."""
    if issubclass(kind, Number) and re.fullmatch(r"-?\d+", text):
        return str(int(text))
    return text.lower() if issubclass(kind, Flag) else text.strip()


def _scalar(node: yaml.Node, expected: str) -> str:
    if not isinstance(node, yaml.ScalarNode):
        kind = "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"
        raise ValueError(f"{kind} given, {expected}")  # noqa: TRY004 - the caller tells misfits
    if node.tag.endswith(":null"):
        raise ValueError(f"nothing given, {expected}; '' for an empty text")
    return str(node.value)


def _fits(value: str, limits: Mapping[str, Any]) -> bool:
    if "AllowedValues" in limits:
        return value in map(str, limits["AllowedValues"])
    if "MinValue" in limits:
        whole = re.fullmatch(r"-?\d+", value) is not None
        return whole and limits["MinValue"] <= int(value) <= limits["MaxValue"]
    return re.fullmatch(limits["AllowedPattern"], value) is not None


def _region(given: _Given) -> tuple[str, list[_Misfit]]:
    """Return the region, empty if it is none."""
    if REGION not in given:
        return "", [_Misfit(0, REGION, "missing; expected an AWS region, such as us-east-1")]
    line, node = given[REGION]
    if not isinstance(node, yaml.ScalarNode):
        return "", [_Misfit(line, REGION, "expected one AWS region, such as us-east-1")]
    if node.value in regions():
        return str(node.value), []
    close = difflib.get_close_matches(node.value, regions(), n=2)
    meant = f"; did you mean {' or '.join(close)}?" if close else ", such as us-east-1"
    return "", [_Misfit(line, REGION, f"{node.value!r} given, expected an AWS region{meant}")]


def _account(given: _Given) -> tuple[str, list[_Misfit]]:
    line, node = given.get(ACCOUNT, (0, None))
    if node is None:
        return "", []
    if isinstance(node, yaml.ScalarNode) and re.fullmatch(r"\d{12}", node.value):
        return str(node.value), []
    return "", [_Misfit(line, ACCOUNT, "expected the 12 digits of an AWS account")]


def _endpoint(given: _Given) -> tuple[str, list[_Misfit]]:
    line, node = given.get(ENDPOINT, (0, None))
    if node is None or node.value == LOCAL:
        return LOCAL if node else "", []
    why = f"{node.value!r} given, expected {LOCAL}; without it, AWS_ENDPOINT_URL or AWS itself"
    return "", [_Misfit(line, ENDPOINT, why)]


@cache
def regions() -> tuple[str, ...]:
    """Return AWS's regions, as botocore knows them. Global pseudo-regions are left out."""
    file = resources.files("botocore") / "data" / "partitions.json"
    partitions = json.loads(file.read_text(encoding="utf-8"))["partitions"]
    return tuple(r for p in partitions for r in p["regions"] if not r.endswith("-global"))


def _tags(given: _Given) -> tuple[dict[str, str], list[_Misfit]]:
    line, node = given.get(TAGS, (0, None))
    tags: dict[str, str] = {}
    misfits = []
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        name, where = str(key.value), key.start_mark.line + 1
        if name in tags:
            misfits.append(_Misfit(where, f"{TAGS}.{name}", "said twice"))
        if not TAG_NAME.fullmatch(name):
            expected = "1 to 128 letters, digits, spaces or _ . : / = + - @, not aws: first"
            misfits.append(
                _Misfit(where, f"{TAGS}.{name}", f"no tag's name; expected {expected}")
            )
        tags[name] = str(value.value) if isinstance(value, yaml.ScalarNode) else ""
        if not TAG_VALUE.fullmatch(tags[name]):
            expected = "expected a text of 1 to 256 letters, digits, spaces or _ . : / = + - @"
            misfits.append(_Misfit(where, f"{TAGS}.{name}", expected))
    misfits += [
        _Misfit(
            line, TAGS, f"{name} is missing; expected {', '.join(COMMON_TAGS)}, with values"
        )
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
        if one.named("") == other.named(""):
            suffix = one.named("") or "none"
            found.append((other.name, f"NameSuffix: {suffix} is that of {one.name}, too"))
        if one.host == other.host:
            found.append((other.name, f"RecordLabel: {one.name} answers at {one.host}, too"))
    return found
