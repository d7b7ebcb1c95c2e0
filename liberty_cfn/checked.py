"""What was found good before, and needn't be looked at again until anything about it changes.

Generating and linting what was reviewed takes longer than a deploy that changes nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sysconfig
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
TEMPLATES = REPOSITORY / "templates"
GENERATED = REPOSITORY / ".local" / "generated"
CHECKED = REPOSITORY / ".local" / "checked"
LINTED = REPOSITORY / ".local" / "linted"
# So many answers are remembered: some dozen versions of our own templates.
MOST = 1000


def is_known(good: Path = CHECKED) -> bool:
    """Whether the very same files were found good before: `CHECKED`, or just `GENERATED`."""
    return good.exists() and good.read_text(encoding="utf-8") == digest()


def remember(good: Path = CHECKED) -> None:
    """Take note that these files are good."""
    keep(good, digest().encode())


def digest() -> str:
    """Return a digest of everything that generating and linting depend on."""
    files = [file for file in (REPOSITORY / "templates").rglob("*") if file.is_file()]
    files += (REPOSITORY / "params").glob("*.yaml")
    for kind in ("*.py", "*.txt"):
        files += (REPOSITORY / "liberty_cfn").rglob(kind)
    names = ("generate.py", ".cfnlintrc.yaml", "docs/settings.md")
    files += [REPOSITORY / name for name in names]
    whole = hashlib.sha256(_installed().encode())
    for file in sorted(file for file in files if file.exists()):
        content = file.read_bytes()
        whole.update(f"\n{file} {len(content)}\n".encode() + content)
    return whole.hexdigest()


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
    return hashlib.sha256("\0".join([_installed(), *asked]).encode()).hexdigest()


def _installed() -> str:
    """Return which packages there are, and of which versions."""
    return _packages(sysconfig.get_path("purelib"))


@cache
def _packages(folder: str) -> str:
    names = (entry.name for entry in Path(folder).iterdir())
    return " ".join(sorted(name for name in names if name.endswith(".dist-info")))


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
