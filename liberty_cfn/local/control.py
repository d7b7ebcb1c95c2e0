"""Starts and stops the local AWS, a program in a virtual environment of its own."""

import contextlib
import fcntl
import hashlib
import http.client
import importlib.util
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent
FOLDER = REPOSITORY / ".local"
VENV = REPOSITORY / ".venv-local"
REQUIREMENTS = REPOSITORY / "requirements-local.txt"

# The account and the key that the local AWS gives to whoever has none.
ACCOUNT = "000000000000"
SECRET = "local"  # noqa: S105
REGION = "us-east-1"

PATIENCE = 30.0  # seconds


class LocalAwsError(Exception):
    """What went wrong, where, and what to do next."""


@dataclass(frozen=True)
class LocalAws:
    endpoint: str
    pid: int
    account: str
    region: str
    token: str

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
    with _alone(folder / "lock"):
        if found := status(folder):
            return found
        _end_known(folder)  # it no longer answers, and would write over the next one's state
        python = _python(say)
        say("Starting the local AWS")
        started = _start(python, folder)
        fresh = folder / "status.json.new"
        fresh.write_text(json.dumps(asdict(started), indent=2) + "\n")
        fresh.replace(folder / "status.json")
    return started


def status(folder: Path = FOLDER) -> LocalAws | None:
    """The local AWS of a folder, if it is up and really ours."""
    known = _read(folder)
    return known if known and _answers(known) else None


def down(folder: Path = FOLDER) -> bool:
    """Stop it and wait until its state is written; tells whether there was one."""
    if not folder.is_dir():
        return False
    with _alone(folder / "lock"):
        running = _end_known(folder)
        (folder / "status.json").unlink(missing_ok=True)
    return running


def save(local: LocalAws) -> None:
    """Have what it holds written down now, in case it is killed before it is stopped."""
    _asked(local, "POST", "config", '{"LIBERTY_LOCAL_SAVE": "1"}', PATIENCE)


def reset(folder: Path = FOLDER) -> None:
    """Stop it, and forget everything it held."""
    down(folder)
    for kept in ("state", "s3"):
        shutil.rmtree(folder / kept, ignore_errors=True)


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _read(folder: Path) -> LocalAws | None:
    try:
        return LocalAws(**json.loads((folder / "status.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _asked(local: LocalAws, verb: str, path: str, body: str = "", patience: float = 5) -> Any:
    """What the server there says; nothing, where there is none."""
    address = local.endpoint.removeprefix("http://")
    server = http.client.HTTPConnection(address, timeout=patience)
    wrong = (OSError, http.client.HTTPException, ValueError)
    with contextlib.closing(server), contextlib.suppress(*wrong):
        server.request(verb, f"/_ministack/{path}", body)
        return json.load(server.getresponse())
    return {}


def _answers(local: LocalAws, patience: float = 5) -> bool:
    """Whether the server there is the one that was started with this token."""
    return bool(_asked(local, "GET", "health", patience=patience).get("edition") == local.token)


def _is_ours(local: LocalAws) -> bool:
    """Whether the process is still the server, not a later one under the same number."""
    try:
        command = Path(f"/proc/{local.pid}/cmdline").read_text()
    except OSError:
        asked = ["ps", "-ww", "-o", "command=", "-p", str(local.pid)]
        command = subprocess.run(asked, capture_output=True, text=True, check=False).stdout  # noqa: S603
    return local.token in command


def _end_known(folder: Path) -> bool:
    """End the server of a folder, if there is one and it is ours."""
    known = _read(folder)
    running = known is not None and _is_ours(known)
    if known and running:
        _end(known)
    return running


# Held so that Python neither complains about a running child nor leaves a dead one behind.
_children: dict[int, subprocess.Popen[bytes]] = {}


def _end(local: LocalAws) -> None:
    os.kill(local.pid, signal.SIGTERM)
    child = _children.pop(local.pid, None)
    deadline = time.monotonic() + PATIENCE
    while child.poll() is None if child else _is_ours(local):
        if time.monotonic() > deadline:
            raise LocalAwsError(
                f"the local AWS (process {local.pid}) does not end; look at it, then kill it"
            )
        time.sleep(0.02)


def _start(python: Path, folder: Path) -> LocalAws:
    """Start a server and wait for it."""
    token, log = secrets.token_hex(8), folder / "log"
    # Held from here on, so that nobody takes its port first, and asked before it can answer.
    with socket.create_server(("127.0.0.1", 0)) as held, log.open("wb") as output:
        port = held.getsockname()[1]
        child = subprocess.Popen(  # noqa: S603
            [python, "-m", "server", str(held.fileno()), token],
            cwd=HERE,
            env=_environment(folder, port, token),
            pass_fds=[held.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _children[child.pid] = child
    local = LocalAws(f"http://127.0.0.1:{port}", child.pid, ACCOUNT, REGION, token)
    if not _answers(local, PATIENCE):
        _end(local)
        last = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise LocalAwsError(f"the local AWS did not start; {log} ends with:\n{last}")
    return local


def _environment(folder: Path, port: int, token: str) -> dict[str, str]:
    # Nothing of the caller's AWS or Python: it would change who the local AWS thinks it is.
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PYTHON"))}
    return kept | {
        "AUTH": "true",
        "DOCKER_HOST": "tcp://127.0.0.1:9",  # nobody there: no containers are started
        "GATEWAY_PORT": str(port),
        "LIBERTY_LOCAL_SCHEMAS": str(_schemas()),
        "IOT_MTLS_ENABLED": "0",
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_EDITION": token,  # comes back in the health answer
        "MINISTACK_REGION": REGION,
        "PERSIST_STATE": "1",
        "S3_DATA_DIR": str(folder / "s3"),
        "S3_PERSIST": "1",
        "SFTP_ENABLED": "0",
        "STATE_DIR": str(folder / "state"),
    }


def _schemas() -> Path:
    """cfn-lint's schemas. It is found without being imported, which takes a second."""
    found = importlib.util.find_spec("cfnlint")
    if found is None or found.origin is None:
        raise LocalAwsError("cfn-lint is not installed, whose schemas the local AWS reads")
    return Path(found.origin).parent / "data" / "schemas"


def _python(say: Callable[[str], object]) -> Path:
    """The local virtual environment's Python; the environment is made unless it is current."""
    python, stamp = VENV / "bin" / "python", VENV / "digest"
    with REQUIREMENTS.open("rb") as wanted:
        fcntl.flock(wanted, fcntl.LOCK_EX)
        digest = hashlib.sha256(wanted.read()).hexdigest()
        if stamp.is_file() and stamp.read_text() == digest and python.exists():
            return python
        say(f"Making {VENV.name}, the local AWS's virtual environment")
        _make_venv(python)
        stamp.write_text(digest)
    return python


def _make_venv(python: Path) -> None:
    try:
        venv.create(VENV, clear=True, with_pip=True)
        asked = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        asked += ["--require-hashes", "--requirement", str(REQUIREMENTS)]
        subprocess.run(asked, check=True, capture_output=True, text=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError) as error:
        told = getattr(error, "stderr", None) or str(error)
        raise LocalAwsError(
            f"{VENV} could not be made ({sys.executable}, {REQUIREMENTS.name}): "
            f"{told.strip().splitlines()[-1]}"
        ) from error
