"""Calls to a local AWS by a plain socket: urllib3 takes half of the time that a call takes.

Nor are they signed, unless by a role: of an account's own key, the local AWS reads whose it is,
and signing takes a quarter of the rest. What is streamed goes the usual way, and so does all
that runs in a process of its own.
"""

import contextlib
import io
import select
import socket
from collections import defaultdict
from dataclasses import dataclass
from types import SimpleNamespace
from typing import BinaryIO

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError
from botocore.httpsession import URLLib3Session

HOST = "127.0.0.1"
HERE = f"http://{HOST}:"
PATIENCE = 60  # seconds
GO_ON = 100
ANY_DAY = "20260101"

usually = URLLib3Session.send
signed = SigV4Auth.add_auth
# Connections that are open and not in use, by port.
_idle = defaultdict(list)


def send(session, request):
    """Return the answer to a request of botocore's, as its session does that this replaces."""
    body = request.body or b""
    if isinstance(body, io.BytesIO):  # as botocore hands on what isn't streamed
        body = body.getvalue()
    streamed = request.stream_output or hasattr(body, "read")
    if streamed or not request.url.startswith(HERE):
        return usually(session, request)
    port, _, target = request.url.removeprefix(HERE).partition("/")
    try:
        wire = _free(port) or _connected(port)
    except OSError:
        return usually(session, request)  # which tells it as botocore does
    lines = [f"{request.method} /{target} HTTP/1.1", f"Host: {HOST}:{port}"]
    lines += [f"{name}: {_text(value)}" for name, value in request.headers.items()]
    try:
        wire.socket.sendall("\r\n".join([*lines, "\r\n"]).encode() + _bytes(body))
        status, headers = _head(wire.answers)
        length = 0 if request.method == "HEAD" else int(headers["content-length"])
        content = wire.answers.read(length)
    except (OSError, ValueError, LookupError) as error:
        wire.close()
        raise ConnectionClosedError(endpoint_url=request.url) from error
    _idle[port].append(wire)
    return AWSResponse(request.url, status, headers, SimpleNamespace(stream=lambda: [content]))


def sign(auth, request):
    """Say in a request's headers whose it is, as botocore does that this replaces."""
    key = auth.credentials
    by_header = type(auth) in (SigV4Auth, S3SigV4Auth)
    # Whose key is an account's number is its root, and believed.
    believed = key and key.access_key.isdigit() and not key.token
    if not by_header or not believed or not request.url.startswith(HERE):
        signed(auth, request)
        return
    scope = f"{key.access_key}/{ANY_DAY}/{auth._region_name}/{auth._service_name}/aws4_request"  # noqa: SLF001
    request.headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none"
    )


@dataclass(frozen=True)
class Wire:
    """A connection that is good for one request after another."""

    socket: socket.socket
    answers: BinaryIO

    def close(self):
        self.answers.close()
        self.socket.close()


def hang_up():
    """Close what was kept open."""
    for wires in _idle.values():
        for wire in wires:
            wire.close()
    _idle.clear()


def _connected(port):
    wire = socket.create_connection((HOST, int(port)), PATIENCE)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Wire(wire, wire.makefile("rb"))


def _free(port):
    """Return a connection that can be used again, if there is one."""
    with contextlib.suppress(IndexError):
        while True:
            wire = _idle[port].pop()
            # Where there is something to read, the other end has hung up.
            heard = select.poll()
            heard.register(wire.socket, select.POLLIN)
            if not heard.poll(0):
                return wire
            wire.close()
    return None


def _text(value):
    return value.decode() if isinstance(value, bytes) else value


def _bytes(value):
    return value.encode() if isinstance(value, str) else value


def _head(answers):
    """Return an answer's status, and its headers by their names in small letters."""
    status = GO_ON
    while status == GO_ON:
        status, headers = int(answers.readline().split()[1]), {}
        while (line := answers.readline()) > b"\r\n":
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
    return status, headers
