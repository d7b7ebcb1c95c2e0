"""What was found good before, and needn't be looked at again until anything about it changes.

Generating and linting what was reviewed takes longer than a deploy that changes nothing.
"""

from __future__ import annotations

import contextlib
import os
import site
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.util import source_hash
from io import FileIO
from pathlib import Path

from liberty_cfn.repository import REPOSITORY

GENERATED = REPOSITORY / ".local" / "generated"
CHECKED = REPOSITORY / ".local" / "checked"
LINTED = REPOSITORY / ".local" / "linted"
# So many answers are remembered: some dozen versions of our own templates.
MOST = 1000


def is_known(sources: str, good: Path = CHECKED) -> bool:
    """Whether the very same files were found good before: `CHECKED`, or just `GENERATED`."""
    return good.exists() and good.read_text(encoding="utf-8") == _whole(sources)


def remember(sources: str, good: Path = CHECKED) -> None:
    """Take note that what is generated now is good, as made from `sources`."""
    keep(good, _whole(sources).encode())


def sources() -> str:
    """Return a digest of what generating and linting depend on, beside what is generated.

    Taken before any of it is read: what is changed in the meantime is not known then.
    """
    files = [*_files("params", ".yaml"), *_files("liberty_cfn", ".py", ".txt")]
    files += (f"{REPOSITORY}/{name}" for name in ("generate.py", ".cfnlintrc.yaml"))
    return _hash(f"{_installed()}\n{_each(files)}".encode())


def _whole(sources: str) -> str:
    """Return a digest of `sources` and of what is generated."""
    generated = [*_files("templates"), f"{REPOSITORY}/docs/settings.md"]
    return _hash(f"{sources}\n{_each(generated)}".encode())


def _files(folder: str, *endings: str) -> Iterator[str]:
    """Yield the files in a folder, however deep, whose names have one of these endings."""
    for place, _, names in os.walk(REPOSITORY / folder):
        yield from (f"{place}/{name}" for name in names if name.endswith(endings or ""))


def _each(files: Iterable[str]) -> str:
    """Return a line with the name and the digest of each of `files` that exists."""
    lines = []
    for file in sorted(files):
        with contextlib.suppress(FileNotFoundError), FileIO(file) as opened:
            lines.append(f"{file} {_hash(opened.readall())}\n")
    return "".join(lines)


def linting_digests(
    texts: Mapping[str, str], regions: Sequence[str], settings: str
) -> dict[str, str]:
    """Return, by file, a digest of all that what cfn-lint says of a template depends on.

    It follows a TemplateURL, so that what is nested somewhere in the set counts too.
    """
    everything = "\0".join(text for _, text in sorted(texts.items()))
    return {
        file: asking_digest(
            "cfn-lint", settings, *regions, text, everything if "TemplateURL" in text else ""
        )
        for file, text in texts.items()
    }


def asking_digest(*asked: str) -> str:
    """Return a digest of a question to a linter, and of what answers it."""
    return _hash("\0".join([_installed(), *asked]).encode())


def _hash(content: bytes) -> str:
    """Return what Python itself tells by whether compiled modules are of their sources.

    hashlib has stronger ones, and takes longer to import than to look at all our files.
    """
    return source_hash(content).hex()


def _installed() -> str:
    """Return which packages there are, and of which versions."""
    return " ".join(name for folder in site.getsitepackages() for name in _packages(folder))


@cache
def _packages(folder: str) -> list[str]:
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.name.endswith(".dist-info"))
    return []


def found_clean() -> list[str]:
    """Return the digests of what a linter had nothing to say of, the last ones last."""
    return LINTED.read_text(encoding="utf-8").split() if LINTED.exists() else []


def remember_clean(digests: Iterable[str]) -> None:
    """Take note that a linter had nothing to say of these."""
    known = list(dict.fromkeys([*found_clean(), *digests]))[-MOST:]
    keep(LINTED, "".join(f"{one}\n" for one in known).encode())


def keep(file: Path, content: bytes) -> None:
    """Keep a note, whole or not at all: on a disk that is full, all is looked at again."""
    fresh = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_bytes(content)
        fresh.replace(file)
    except OSError:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
