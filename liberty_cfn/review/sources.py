"""Where two versions come from: a revision in git, or a folder."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from liberty_cfn.digests import SUFFIXES
from liberty_cfn.model.loading import SECTION

TEMPLATES, PARAMS = "templates", "params"
MAIN = ("origin/main", "main", "origin/master", "master")


class SourceError(Exception):
    """A version isn't there, or can't be read. The message says which, and what to do."""


@dataclass(frozen=True)
class Version:
    """One version of templates and values: texts by path, and what it is called."""

    name: str
    templates: Mapping[str, str]
    params: Mapping[str, str]


def folder(path: Path) -> Version:
    """Return what a folder holds: templates/ and params/ in it, or templates themselves.

    Raises:
        SourceError: it isn't there, or no template is in it.
    """
    if not path.exists():
        raise SourceError(f"{path}: there is no such folder.")
    whole = path.is_dir() and (path / TEMPLATES).is_dir()
    above = path.parent if path.is_file() else path
    places = [path / TEMPLATES] if whole else [path]
    files = [
        file
        for place in places
        for file in ([place] if place.is_file() else sorted(place.rglob("*")))
        if file.suffix in SUFFIXES and file.is_file()
    ]
    texts = {file.relative_to(above).as_posix(): _read(file) for file in files}
    templates = {
        name: text
        for name, text in texts.items()
        if SECTION in text and PurePosixPath(name).parts[0] != PARAMS
    }
    if not templates:
        expected = "a template (a .yaml, .yml, .json or .template file with Resources)"
        raise SourceError(f"{path}: no template in it; expected {expected}.")
    given = sorted((above / PARAMS).glob("*.yaml")) if path.is_dir() else []
    params = {file.relative_to(above).as_posix(): _read(file) for file in given}
    return Version(str(path), templates, params)


def revision(name: str, repository: Path) -> Version:
    """Return what a revision of the repository in git holds.

    Raises:
        SourceError: there is no such revision, or no template in it.
    """
    # Asked whether it is a commit, git takes no option from a name that begins with a dash.
    commit = _git(
        repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"
    )
    if commit is None:
        raise SourceError(
            f"{name}: there is no such revision in git. If it is another branch's, fetch it "
            "first (git fetch origin); in a shallow checkout, git fetch --unshallow."
        )
    listed = _git(
        repository,
        *("ls-tree", "-r", "-z", "--name-only", commit.strip(), "--", TEMPLATES, PARAMS),
    )
    files = [file for file in (listed or "").split("\0") if file]
    texts = _blobs(repository, commit.strip(), [f for f in files if _wanted(f)])
    templates = {
        file: text
        for file, text in texts.items()
        if file.startswith(f"{TEMPLATES}/") and SECTION in text
    }
    if not templates:
        raise SourceError(f"{name}: there is no template in its {TEMPLATES}/.")
    params = {file: text for file, text in texts.items() if file.startswith(f"{PARAMS}/")}
    short = commit[:12]
    return Version(short if commit.startswith(name) else f"{name} ({short})", templates, params)


def merge_base(repository: Path) -> str:
    """Return where the checked-out work began to differ from the main branch.

    Raises:
        SourceError: there is no git, no main branch, or no common history.
    """
    if _git(repository, "rev-parse", "--git-dir") is None:
        raise SourceError(
            f"{repository} is no git repository, so there is nothing to compare with; give two "
            "folders: liberty-cfn diff OLD NEW."
        )
    for main in MAIN:
        if _git(repository, "rev-parse", "--verify", "--quiet", main) is None:
            continue
        found = _git(repository, "merge-base", main, "HEAD")
        if found is None:
            raise SourceError(
                f"This checkout and {main} have no common history here: it is shallow. Fetch "
                "more (git fetch --unshallow origin), or say what to compare with: "
                "BASE=REVISION."
            )
        return found.strip()
    raise SourceError(
        "There is no main branch here to compare with (origin/main or main). Fetch it (git "
        "fetch origin main), or say what to compare with: BASE=REVISION."
    )


def _wanted(file: str) -> bool:
    return file.endswith(SUFFIXES)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SourceError(f"{file} is not text in UTF-8.") from error
    except OSError as error:
        raise SourceError(f"{file} can't be read: {error.strerror}.") from error


def _git(repository: Path, *arguments: str) -> str | None:
    """Return what git says; None if it refuses."""
    try:
        done = subprocess.run(  # noqa: S603 - arguments are a list, no shell reads them
            ["git", "-C", str(repository), *arguments],  # noqa: S607 - git is where PATH says
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise SourceError("git isn't installed; give two folders instead.") from error
    if b"dubious ownership" in done.stderr:
        raise SourceError(
            f"git doesn't read {repository}, as it is another user's. If it is to be trusted: "
            f"git config --global --add safe.directory {repository}"
        )
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def _blobs(repository: Path, commit: str, files: Iterable[str]) -> dict[str, str]:
    """Return the texts of files of a commit, with one process for all."""
    wanted = list(files)
    asked = "".join(f"{commit}:{file}\n" for file in wanted)
    done = subprocess.run(  # noqa: S603
        ["git", "-C", str(repository), "cat-file", "--batch"],  # noqa: S607
        input=asked.encode(),
        capture_output=True,
        check=False,
    )
    texts, rest = {}, done.stdout
    for file in wanted:
        header, _, rest = rest.partition(b"\n")
        if header.endswith((b" missing", b" ambiguous")):
            raise SourceError(f"{file} of {commit[:12]} can't be read: {header.decode()}")
        size = int(header.rsplit(b" ", 1)[1])
        try:
            texts[file] = rest[:size].decode("utf-8")
        except UnicodeDecodeError as error:
            raise SourceError(f"{file} of {commit[:12]} is not text in UTF-8.") from error
        rest = rest[size + 1 :]
    return texts


def here(repository: Path) -> Version:
    """Return what is checked out, with what isn't committed yet.

    Raises:
        SourceError: there are no templates.
    """
    if not (repository / TEMPLATES).is_dir():
        raise SourceError(
            f"{repository} is no repository of this kind: there is no {TEMPLATES}/ in it. Go "
            "to its top folder, or give two folders: liberty-cfn diff OLD NEW."
        )
    found = folder(repository)
    return Version("what is here", found.templates, found.params)
