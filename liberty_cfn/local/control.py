"""Starts and stops the local AWS, a program in a virtual environment of its own.

From its start to its end, the note of where it answers is locked: a note that nobody locks is
of one that is gone, and one that says nothing yet is of one that starts.
"""

import contextlib
import fcntl
import http.client
import importlib.metadata
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent
FOLDER = REPOSITORY / ".local"
VENV = REPOSITORY / ".venv-local"
NOTE, LOCK = "status.json", "lock"
# How often one that starts or stops is looked at, every 0.01 s, before it is taken for stuck.
LOOKS = 6000
REQUIREMENTS = REPOSITORY / "requirements-local.txt"

SECRET = "local"  # noqa: S105


class LocalAwsError(Exception):
    """What went wrong, where, and what to do next."""


@dataclass(frozen=True)
class LocalAws:
    endpoint: str
    pid: int
    account: str = "000000000000"  # the one that it gives to whoever has none
    region: str = "us-east-1"

    @property
    def credentials(self) -> dict[str, str]:
        """The arguments of a boto3 Session."""
        return {
            "aws_access_key_id": self.account,
            "aws_secret_access_key": SECRET,
            "region_name": self.region,
        }


def up(folder: Path = FOLDER, *, say: Callable[[str], object] = print) -> LocalAws:
    """Start the local AWS whose state is in a folder, unless it is up already."""
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if found := status(folder):
            return found
        python = _python(say)
        say("Starting the local AWS")
        return _start(python, folder)


def status(folder: Path = FOLDER) -> LocalAws | None:
    """The local AWS of a folder, if it is up."""
    with contextlib.suppress(FileNotFoundError), (folder / NOTE).open() as note:
        for _ in range(LOOKS):
            if not _is_locked(note):
                return None
            if told := note.read():
                return LocalAws(**json.loads(told))
            time.sleep(0.01)  # it is about to say where it answers
        see = f"see {folder / 'log'}, and kill what has {folder / NOTE} open"
        raise LocalAwsError(f"the local AWS neither starts nor ends: {see}")
    return None


def down(folder: Path = FOLDER) -> bool:
    """Stop it and wait until its state is written; tells whether there was one."""
    if found := status(folder):
        with (folder / LOCK).open("a") as lock, (folder / NOTE).open() as note:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if _is_locked(note):  # else somebody has stopped it meanwhile
                os.kill(found.pid, signal.SIGTERM)
            for _ in range(LOOKS):
                if not _is_locked(note):  # which it is to its end
                    return True
                time.sleep(0.01)
            os.kill(found.pid, signal.SIGKILL)
            fcntl.flock(note, fcntl.LOCK_EX)
        raise LocalAwsError("the local AWS was stuck, and killed: it has what was last saved")
    return False


def save(local: LocalAws) -> None:
    """Have what it holds written down now, in case it is killed before it is stopped."""
    server = http.client.HTTPConnection(local.endpoint.removeprefix("http://"), timeout=30)
    with contextlib.closing(server), contextlib.suppress(OSError, http.client.HTTPException):
        server.request("POST", "/_ministack/config", '{"LIBERTY_LOCAL_SAVE": "1"}')
        server.getresponse().read()


def reset(folder: Path = FOLDER) -> None:
    """Stop it, and forget everything it held."""
    down(folder)
    for kept in ("state", "s3"):
        shutil.rmtree(folder / kept, ignore_errors=True)


def _is_locked(note: IO[str]) -> bool:
    try:
        fcntl.flock(note, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _start(python: Path, folder: Path) -> LocalAws:
    """Start a server, and wait until it says where it answers."""
    log = folder / "log"
    with log.open("w") as output, (folder / NOTE).open("w") as note:
        fcntl.flock(note, fcntl.LOCK_EX)  # which is the server's, too, from here on
        child = subprocess.Popen(  # noqa: S603
            [python, "-m", "server", str(note.fileno())],
            cwd=HERE,
            env=_environment(folder),
            pass_fds=[note.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # What it holds is its owner's alone: secrets are written down, too.
            umask=0o077,
        )
        child.returncode = 0  # it outlives us, of which Python is not to complain
    if found := status(folder):
        return found
    last = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    raise LocalAwsError(f"the local AWS did not start; {log} ends with:\n{last}")


def _environment(folder: Path) -> dict[str, str]:
    # Nothing else of the caller's: AWS_*, or SERVICES, would change what the local AWS is.
    ours = ("HOME", "LD_", "LIBERTY_LOCAL_", "PATH", "TMPDIR")
    kept = {k: v for k, v in os.environ.items() if k.startswith(ours)}
    # cfn-lint is found without being imported, which takes a second.
    schemas = importlib.metadata.distribution("cfn-lint").locate_file("cfnlint/data/schemas")
    return kept | {
        "AUTH": "true",
        "LIBERTY_LOCAL_SCHEMAS": str(schemas),
        "IOT_MTLS_ENABLED": "0",
        "PERSIST_STATE": "1",
        "S3_DATA_DIR": str(folder / "s3"),
        "S3_PERSIST": "1",
        "SFTP_ENABLED": "0",
        "STATE_DIR": str(folder / "state"),
    }


def _python(say: Callable[[str], object]) -> Path:
    """The local virtual environment's Python; the environment is made unless it is current."""
    python, made_from = VENV / "bin" / "python", VENV / REQUIREMENTS.name
    with REQUIREMENTS.open() as asked:
        fcntl.flock(asked, fcntl.LOCK_EX)
        wanted = f"# Python {sys.version_info.major}.{sys.version_info.minor}\n{asked.read()}"
        if made_from.is_file() and made_from.read_text() == wanted and python.exists():
            return python
        say(f"Making {VENV.name}, the local AWS's virtual environment")
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        pip += ["--no-user", "--require-hashes", "--requirement", str(REQUIREMENTS)]
        try:
            venv.create(VENV, clear=True, with_pip=True)
            subprocess.run(pip, check=True, capture_output=True, text=True)  # noqa: S603
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            told = getattr(error, "stderr", None) or str(error)
            why = told.strip().splitlines()[-1]
            raise LocalAwsError(f"{VENV} could not be made: {why}") from error
        made_from.write_text(wanted)
    return python
