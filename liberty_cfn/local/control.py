"""Starts and stops the local AWS, a program in a virtual environment of its own.

It keeps the note of where it answers, which it writes first of all, locked for as long as it
lives.
"""

import contextlib
import fcntl
import http.client
import importlib.metadata
import json
import os
import shutil
import signal
import socket
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
REQUIREMENTS = REPOSITORY / "requirements-local.txt"

SECRET = "local"  # noqa: S105
PATIENCE = 30.0  # seconds


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
        while _is_locked(note):
            if told := note.read():
                return _told(told, note.name)
            time.sleep(0.02)  # it is about to say where it is
    return None


def down(folder: Path = FOLDER) -> bool:
    """Stop it and wait until its state is written; tells whether there was one."""
    if not folder.is_dir():
        return False
    with (folder / LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if found := status(folder):
            os.kill(found.pid, signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE
        while left := status(folder):
            if time.monotonic() > deadline:
                raise LocalAwsError(
                    f"the local AWS (process {left.pid}) does not end; look at it, then kill it"
                )
            time.sleep(0.02)
    return bool(found)


def save(local: LocalAws) -> None:
    """Have what it holds written down now, in case it is killed before it is stopped."""
    _does(local, "POST", "config", '{"LIBERTY_LOCAL_SAVE": "1"}')


def reset(folder: Path = FOLDER) -> None:
    """Stop it, and forget everything it held."""
    down(folder)
    for kept in ("state", "s3"):
        shutil.rmtree(folder / kept, ignore_errors=True)


def _told(told: str, note: str) -> LocalAws:
    try:
        return LocalAws(**json.loads(told))
    except (TypeError, ValueError) as error:
        raise LocalAwsError(
            f"{note} does not say where the local AWS is, though it runs: kill the process "
            f"that holds it (`fuser {note}` tells which), then start another: make local-up"
        ) from error


def _is_locked(note: IO[str]) -> bool:
    try:
        fcntl.flock(note, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _does(local: LocalAws, verb: str, path: str, body: str = "") -> bool:
    """Whether the server there does as it is asked."""
    address = local.endpoint.removeprefix("http://")
    server = http.client.HTTPConnection(address, timeout=PATIENCE)
    with contextlib.closing(server), contextlib.suppress(OSError, http.client.HTTPException):
        server.request(verb, f"/_ministack/{path}", body)
        return bool(server.getresponse().read())
    return False


def _start(python: Path, folder: Path) -> LocalAws:
    """Start a server and wait for it."""
    log = folder / "log"
    # Held from here on, so that nobody takes its port, and asked before it can answer.
    held = socket.create_server(("127.0.0.1", 0))
    with held, log.open("w") as output, (folder / NOTE).open("w") as note:
        fcntl.flock(note, fcntl.LOCK_EX)
        port = held.getsockname()[1]
        child = subprocess.Popen(  # noqa: S603
            [python, "-m", "server", str(held.fileno()), str(note.fileno())],
            cwd=HERE,
            env=_environment(folder, port),
            pass_fds=[held.fileno(), note.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # What it holds is its owner's alone: secrets are written down, too.
            umask=0o077,
        )
    local = LocalAws(f"http://127.0.0.1:{port}", child.pid)
    try:
        if not _does(local, "GET", "health"):
            child.kill()
            child.wait()
            last = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            raise LocalAwsError(f"the local AWS did not start; {log} ends with:\n{last}")
    finally:
        child.returncode = 0  # it outlives us, of which Python is not to complain
    return local


def _environment(folder: Path, port: int) -> dict[str, str]:
    # Nothing of the caller's AWS or Python: it would change who the local AWS thinks it is.
    foreign = ("AWS_", "MINISTACK_", "PYTHON")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
    # cfn-lint is found without being imported, which takes a second.
    schemas = importlib.metadata.distribution("cfn-lint").locate_file("cfnlint/data/schemas")
    return kept | {
        "AUTH": "true",
        "GATEWAY_PORT": str(port),
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
        pip += ["--require-hashes", "--requirement", str(REQUIREMENTS)]
        try:
            venv.create(VENV, clear=True, with_pip=True)
            subprocess.run(pip, check=True, capture_output=True, text=True)  # noqa: S603
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            told = getattr(error, "stderr", None) or str(error)
            why = told.strip().splitlines()[-1]
            raise LocalAwsError(f"{VENV} could not be made: {why}") from error
        made_from.write_text(wanted)
    return python
